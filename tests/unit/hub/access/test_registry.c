#include "hub/access/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"

#define HUB "0d7e2b1f-7a55-4a8e-9a34-0d7e2b1f0a11"
#define PARIS "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d"
#define ROME "1c8d4071-9d1f-4d4b-8e21-6e4c9f2d305e"

static void write_two(struct cm_str *out) {
    const struct hub_registered paris = {.id = PARIS,
                                         .cluster = "paris-1",
                                         .key = {{1, 2, 3}},
                                         .state = "active",
                                         .at_ms = 5,
                                         .begins_ms = 7,
                                         .held = "a copy",
                                         .held_ms = 8,
                                         .held_key = {{4}},
                                         .approved_ms = 6};
    const struct hub_registered rome = {.id = ROME, .cluster = "rome-1", .state = "revoked"};

    hub_registry_write_hub(out, HUB, 4);
    hub_registry_write_agent(out, &paris);
    hub_registry_write_agent(out, &rome);
}

static void what_is_written_is_read(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct cm_sha256 key = {{1, 2, 3}};
    struct hub_registry r;
    struct cm_err err;

    (void)state;
    write_two(&text);
    assert_int_equal(hub_registry_read(a, text.data, text.len, &r, &err), CM_OK);
    assert_string_equal(r.hub_id, HUB);
    assert_int_equal(r.epoch, 4);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.agents[0].id, PARIS);
    assert_string_equal(r.agents[0].cluster, "paris-1");
    assert_true(cm_sha256_equal(&r.agents[0].key, &key));
    assert_int_equal(r.agents[0].at_ms, 5);
    assert_int_equal(r.agents[0].begins_ms, 7);
    assert_string_equal(r.agents[0].held, "a copy");
    assert_int_equal(r.agents[0].held_ms, 8);
    assert_int_equal(r.agents[0].held_key.bytes[0], 4);
    assert_int_equal(r.agents[0].approved_ms, 6);
    assert_string_equal(r.agents[1].state, "revoked");
    assert_string_equal(r.agents[1].held, "");
}

static void each_agent_is_one_line(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    size_t lines = 0;

    (void)state;
    write_two(&text);
    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 3);
}

// Half a registry would let in whom the other half has revoked.
static void one_that_is_cut_anywhere_is_refused(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_registry r;
    struct cm_err err;

    (void)state;
    write_two(&text);
    for (size_t size = 0; size < text.len; size++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

        if (size > 0 && text.data[size - 1] == '\n') {
            continue; // between two lines: shorter, and whole
        }
        assert_int_equal(hub_registry_read(a, text.data, size, &r, &err), CM_EINVAL);
    }
}

static void what_is_no_registry_is_refused(void **state) {
    static const char *const wrong[] = {
        "{}\n",
        "{\"registry\": 2, \"hub\": \"" HUB "\", \"epoch\": 4}\n",
        "{\"registry\": 1, \"hub\": \"mine\", \"epoch\": 4}\n",
        "{\"registry\": 1, \"hub\": \"" HUB "\", \"epoch\": 0}\n",
        "{\"registry\": 1, \"hub\": \"" HUB "\", \"epoch\": 4}\n{\"id\": \"x\"}\n",
    };
    struct hub_registry r;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

        assert_int_equal(hub_registry_read(a, wrong[i], strlen(wrong[i]), &r, &err), CM_EINVAL);
    }
}

// 18 MB: more than documents may have.
static void a_fleet_of_any_size_is_read_as_it_was_written(void **state) {
    enum { AGENTS = 80000 };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_registry r;
    char id[CM_UUID_MAX];
    char cluster[64];
    struct cm_err err;

    (void)state;
    hub_registry_write_hub(&text, HUB, 4);
    for (int i = 0; i < AGENTS; i++) {
        const struct hub_registered agent = {
            .id = id, .cluster = cluster, .key = {{1}}, .state = "active", .at_ms = i};

        (void)snprintf(id, sizeof(id), "0b7c3f60-8c0e-4c3a-9d10-5d3b8e%06x", (unsigned)i);
        (void)snprintf(cluster, sizeof(cluster), "a-cluster-with-a-name-of-some-length-%d", i);
        hub_registry_write_agent(&text, &agent);
    }
    assert_true(text.len > (size_t)16 * 1024 * 1024 && text.len <= HUB_REGISTRY_MAX);
    assert_int_equal(hub_registry_read(a, text.data, text.len, &r, &err), CM_OK);
    assert_int_equal(r.count, AGENTS);
    assert_string_equal(r.agents[AGENTS - 1].id, id);
    assert_string_equal(r.agents[AGENTS - 1].cluster, cluster);
    assert_int_equal(r.agents[AGENTS - 1].at_ms, AGENTS - 1);
    assert_true(hub_registry_covers(&r, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(each_agent_is_one_line),
        cmocka_unit_test(one_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_no_registry_is_refused),
        cmocka_unit_test(a_fleet_of_any_size_is_read_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
