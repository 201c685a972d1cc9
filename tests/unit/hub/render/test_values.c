#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/str.h"
#include "hub/render/values.h"

static struct cm_arena *arena;
static struct hub_values values;
static struct hub_values indexed; // the same among many others

static struct cm_json *parse(const char *text) {
    struct cm_json *out = NULL;
    struct cm_err err;

    assert_int_equal(cm_json_parse(arena, text, strlen(text), NULL, &out, &err), CM_OK);
    return out;
}

static int set_up(void **state) {
    (void)state;
    arena = cm_arena_new(0);
    values = (struct hub_values){
        .layers = {parse("{\"size\": 3, \"db\": {\"host\": \"strong\"}, \"list\": [1]}"),
                   parse("{\"size\": 2, \"db\": {\"port\": 1}, \"flat\": \"x\"}"),
                   parse("{\"size\": 1, \"db\": {\"host\": \"weak\", \"user\": \"u\"}, "
                         "\"list\": [2], \"flat\": {\"deep\": 1}}")},
        .cluster = "paris",
        .labels = parse("{\"env\": \"prod\", \"a.b/c\": \"dotted\"}"),
    };
    indexed = values;
    for (size_t i = 0; i < HUB_VALUE_LAYERS; i++) {
        struct cm_json *layer = cm_json_copy(arena, values.layers[i]);

        cm_json_set_int(arena, layer, "db.host", 7); // no name means it
        for (int k = 0; k < 100; k++) {
            cm_json_set_int(arena, layer, cm_arena_strf(arena, "other%d", k), k);
        }
        indexed.layers[i] = layer;
        indexed.indexes[i] = hub_values_index(layer);
        assert_non_null(indexed.indexes[i]);
        assert_null(hub_values_index(values.layers[i]));
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_VALUE_LAYERS; i++) {
        cm_map_free((struct cm_map *)(uintptr_t)indexed.indexes[i]);
    }
    cm_arena_free(arena);
    return 0;
}

static const char *find_in(const struct hub_values *in, const char *name) {
    const struct cm_json *found = hub_values_find(in, arena, name);
    struct cm_str text = {0};

    if (found == NULL) {
        return NULL;
    }
    cm_json_write_compact(cm_json_copy(arena, found), &text);
    const char *copy = cm_arena_strdup(arena, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static const char *find(const char *name) {
    const char *found = find_in(&values, name);
    const char *again = find_in(&indexed, name);

    assert_string_equal(found != NULL ? found : "none", again != NULL ? again : "none");
    return found;
}

static void the_strongest_layer_counts(void **state) {
    (void)state;
    assert_string_equal(find("size"), "3");
    assert_string_equal(find("list"), "[1]");
}

static void dots_go_into_maps_of_any_layer(void **state) {
    (void)state;
    assert_string_equal(find("db.host"), "\"strong\"");
    assert_string_equal(find("db.port"), "1");
    assert_string_equal(find("db.user"), "\"u\"");
    assert_null(find("db.none"));
    assert_null(find("size.none"));
}

static void maps_of_several_layers_are_merged(void **state) {
    (void)state;
    assert_string_equal(find("db"), "{\"host\":\"strong\",\"port\":1,\"user\":\"u\"}");
}

static void what_is_no_map_hides_the_map_below(void **state) {
    (void)state;
    assert_string_equal(find("flat"), "\"x\"");
    assert_null(find("flat.deep"));
}

static void a_cluster_has_its_name_and_labels(void **state) {
    (void)state;
    assert_string_equal(find("cluster.name"), "\"paris\"");
    assert_string_equal(find("cluster.labels.env"), "\"prod\"");
    assert_string_equal(find("cluster.labels.a.b/c"), "\"dotted\"");
    assert_null(find("cluster.labels.none"));
    assert_null(find("cluster"));
}

static void a_misspelt_name_has_a_nearest(void **state) {
    (void)state;
    assert_string_equal(hub_values_nearest(&values, arena, "db.hosst"), "db.host");
    assert_string_equal(hub_values_nearest(&values, arena, "cluster.nam"), "cluster.name");
    assert_string_equal(hub_values_nearest(&values, arena, "cluster.labels.en"),
                        "cluster.labels.env");
    assert_null(hub_values_nearest(&values, arena, "something.else"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_strongest_layer_counts),        TEST(dots_go_into_maps_of_any_layer),
        TEST(maps_of_several_layers_are_merged), TEST(what_is_no_map_hides_the_map_below),
        TEST(a_cluster_has_its_name_and_labels), TEST(a_misspelt_name_has_a_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
