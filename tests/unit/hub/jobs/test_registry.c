#include "hub/jobs/registry.h"

#include "desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "tests/unit/hub/scratch_dir.h"

#define MINUTE_MS ((int64_t)60 * 1000)
#define HUB "0d7e2b1f-7a55-4a8e-9a34-0d7e2b1f0a11"
#define OTHER "1c8d4071-9d1f-4d4b-8e21-6e4c9f2d305e"
#define PARIS "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d"
#define KEY "0101010101010101010101010101010101010101010101010101010101010101"

// A disk that does not answer until the test says so: the linker brings us what the writer calls.
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static const char *hanging; // path; NULL: none
static bool reached;

enum cm_rc
__real_cm_fsys_replace( // NOLINT(cert-dcl51-cpp,bugprone-reserved-identifier) the linker's name
    const char *path, const void *bytes, size_t size, mode_t mode, struct cm_err *err);
enum cm_rc __wrap_cm_fsys_replace( // NOLINT(cert-dcl51-cpp,bugprone-reserved-identifier) likewise
    const char *path, const void *bytes, size_t size, mode_t mode, struct cm_err *err);

enum cm_rc __wrap_cm_fsys_replace( // NOLINT(cert-dcl51-cpp,bugprone-reserved-identifier) likewise
    const char *path, const void *bytes, size_t size, mode_t mode, struct cm_err *err) {
    (void)pthread_mutex_lock(&mu);
    while (hanging != NULL && strcmp(path, hanging) == 0) {
        reached = true;
        (void)pthread_cond_broadcast(&changed);
        (void)pthread_cond_wait(&changed, &mu);
    }
    (void)pthread_mutex_unlock(&mu);
    return __real_cm_fsys_replace(path, bytes, size, mode, err);
}

static void hang(const char *path) {
    (void)pthread_mutex_lock(&mu);
    hanging = path;
    reached = false;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mu);
}

static bool is_hanging(void) {
    (void)pthread_mutex_lock(&mu);
    bool yes = reached;
    (void)pthread_mutex_unlock(&mu);
    return yes;
}

struct files {
    struct desk *desk;
    struct cm_metrics *metrics;
    char dir[SCRATCH_DIR_MAX];
    char *own;
    char *copy;
};

static void files_open(struct files *f, struct desk *d) {
    f->desk = d;
    f->metrics = cm_metrics_new();
    scratch_dir_make(f->dir);
    f->own = cm_strf("%s/registry.jsonl", f->dir);
    f->copy = cm_strf("%s/copy", f->dir);
}

static void files_close(struct files *f) {
    scratch_dir_remove(f->dir);
    cm_metrics_free(f->metrics);
    free(f->own);
    free(f->copy);
}

static char *content(const char *path) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    struct cm_err err;

    return cm_fsys_read(path, 1 << 20, &text, &err) < 0
               ? cm_strdup("")
               : cm_strf("%.*s", (int)text->size, (const char *)text->data);
}

static bool has(const char *path, const char *words) {
    CM_AUTOFREE char *text = content(path);

    return strstr(text, words) != NULL;
}

static void put(const char *path, const char *text) {
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
}

static void enroll(struct desk *d, const char *state) {
    CM_AUTOFREE char *sql =
        cm_strf("INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms) VALUES ('" PARIS
                "', 'paris-1', '%s', x'" KEY "', 1)",
                state);

    desk_run(d, sql);
}

static struct hub_registry_writer *start(const struct files *f) {
    return hub_registry_start(&(struct hub_registry_config){.loop = f->desk->loop,
                                                            .store = f->desk->store,
                                                            .metrics = f->metrics,
                                                            .hub_id = HUB,
                                                            .epoch = 3,
                                                            .path = f->own,
                                                            .copy = f->copy});
}

static void stop(const struct files *f, struct hub_registry_writer *w) {
    hub_registry_stop(w);
    desk_settle(f->desk);
    hub_registry_end(w);
    desk_settle(f->desk);
    hub_registry_free(w);
}

// Writes both files once.
static void write_once(const struct files *f) {
    struct hub_registry_writer *w = start(f);

    desk_settle(f->desk);
    stop(f, w);
}

static void it_is_written_to_both_places(void **state) {
    struct files f;

    files_open(&f, *state);
    enroll(*state, "active");
    write_once(&f);
    assert_true(has(f.own, PARIS) && has(f.copy, PARIS));
    write_once(&f); // what a hub knows it does not keep
    CM_AUTOFREE char *before = cm_strf("%s.before", f.copy);
    assert_false(has(before, "hub"));
    files_close(&f);
}

#define LINE(id, state)                                                                            \
    "{\"id\":\"" id "\",\"cluster\":\"c\",\"key\":\"" KEY "\",\"state\":\"" state "\"}\n"

// What this hub must not overwrite, for it has less.
static void what_a_disaster_needs_is_kept(void **state) {
    static const char *const kept[] = {
        "{\"registry\":1,\"hub\":\"" OTHER "\",\"epoch\":3}\n",
        "{\"registry\":1,\"hub\":\"" HUB "\",\"epoch\":3}\n" LINE(PARIS, "revoked"),
        "{\"registry\":1,\"hub\":\"" HUB "\",\"epoch\":3}\n" LINE(OTHER, "active"),
        "not a registry",
    };

    enroll(*state, "active");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        struct files f;

        files_open(&f, *state);
        CM_AUTOFREE char *before = cm_strf("%s.before", f.copy);
        put(f.copy, kept[i]);
        write_once(&f);
        CM_AUTOFREE char *text = content(before);
        assert_string_equal(text, kept[i]);
        assert_true(has(f.copy, PARIS));
        put(f.copy, kept[i]); // and what was kept stays
        put(before, "precious");
        write_once(&f);
        assert_true(has(before, "precious") && !has(f.copy, "paris-1"));
        files_close(&f);
    }
}

#define HELD                                                                                       \
    "{\"registry\":1,\"hub\":\"" HUB "\",\"epoch\":2}\n"                                           \
    "{\"id\":\"" PARIS "\",\"cluster\":\"c\",\"key\":\"" KEY "\",\"state\":\"active\","            \
    "\"held\":\"a copy\",\"heldAt\":7}\n"

static void that_somebody_waits_for_a_person_is_kept(void **state) {
    struct files f;

    files_open(&f, *state);
    CM_AUTOFREE char *before = cm_strf("%s.before", f.copy);
    enroll(*state, "active");
    put(f.copy, HELD);
    write_once(&f);
    assert_true(has(before, "a copy"));
    put(before, "");
    desk_run(*state, "UPDATE agent SET approved_ms = 8"); // since then
    put(f.copy, HELD);
    write_once(&f);
    assert_true(has(f.copy, "\"approved\":8") && !has(before, "a copy"));
    desk_run(*state, "UPDATE agent SET held = 'again', held_ms = 9");
    write_once(&f);
    assert_true(has(f.copy, "\"held\":\"again\"") && has(f.copy, "\"heldAt\":9"));
    files_close(&f);
}

static void await_hang(struct desk *d) {
    for (int i = 0; i < 1000 && !is_hanging(); i++) {
        cm_clock_advance(MINUTE_MS);
        desk_settle(d);
    }
    assert_true(is_hanging());
}

static void await_written(struct desk *d, const char *path) {
    for (int i = 0; i < 1000 && !has(path, PARIS); i++) {
        cm_clock_advance(MINUTE_MS);
        desk_settle(d);
    }
    assert_true(has(path, PARIS));
}

static void a_copy_that_hangs_holds_up_neither_the_own_file_nor_the_end(void **state) {
    static struct hub_registry_writer *w; // what a worker that hangs has is never freed
    struct files f;

    cm_clock_fake(1000000);
    files_open(&f, *state);
    hang(f.copy);
    w = start(&f);
    await_hang(*state);
    enroll(*state, "active");
    hub_registry_touch(w);
    await_written(*state, f.own);
    assert_false(has(f.copy, PARIS));
    hang(NULL); // it answers again
    await_written(*state, f.copy);
    hang(f.copy);
    hub_registry_touch(w);
    await_hang(*state);
    stop(&f, w);
    hang(NULL);
    files_close(&f);
}

// Written a moment before the hub was killed.
static void what_the_hub_knows_is_not_kept(void **state) {
    struct files f;

    files_open(&f, *state);
    CM_AUTOFREE char *before = cm_strf("%s.before", f.copy);
    enroll(*state, "revoked");
    put(f.copy, "{\"registry\":1,\"hub\":\"" HUB "\",\"epoch\":2}\n" LINE(PARIS, "active"));
    write_once(&f);
    assert_true(has(f.copy, "revoked") && !has(before, "hub"));
    files_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_written_to_both_places, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(what_a_disaster_needs_is_kept, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(what_the_hub_knows_is_not_kept, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(a_copy_that_hangs_holds_up_neither_the_own_file_nor_the_end,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(that_somebody_waits_for_a_person_is_kept, desk_open,
                                        desk_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
