#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/kube/audit.h"
#include "agent/kube/audit_log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "tests/unit/agent/support.h"

struct fixture {
    struct cm_loop *loop;
    struct cm_workers *disk;
    char *folder;
    char *path;
    char *other;
    struct kube_audit_log *log;
    struct cm_str users; // "alice bob "
    const char *wanted;
};

static void on_write(void *ctx, const struct kube_audit_write *w) {
    struct fixture *f = ctx;

    cm_str_addf(&f->users, "%s ", w->user);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    f->folder = temp_dir();
    assert_non_null(f->folder);
    f->path = cm_strf("%s/audit.log", f->folder);
    f->other = cm_strf("%s/audit-1.log", f->folder);
    f->loop = cm_loop_new();
    f->disk = cm_workers_new("disk", 1, NULL);
    *state = f;
    return 0;
}

static int take_down(void **state) {
    struct fixture *f = *state;

    kube_audit_log_stop(f->log);
    cm_workers_stop(f->disk, true);
    kube_audit_log_free(f->log);
    cm_workers_free(f->disk);
    cm_loop_free(f->loop);
    temp_dir_remove(f->folder);
    cm_str_done(&f->users);
    free(f->path);
    free(f->other);
    free(f);
    return 0;
}

static void add(const char *path, const char *text) {
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static char *line_of(const char *user) {
    return cm_strf("{\"stage\":\"ResponseComplete\",\"requestURI\":\"/x?fieldManager=m\",\"verb\":"
                   "\"patch\",\"user\":{\"username\":\"%s\"},\"objectRef\":{\"resource\":\"pods\","
                   "\"name\":\"a\"},\"responseStatus\":{\"code\":200},"
                   "\"requestReceivedTimestamp\":\"2026-10-01T12:00:01Z\",\"stageTimestamp\":"
                   "\"2026-10-01T12:00:01Z\"}\n",
                   user);
}

static void wrote(struct fixture *f, const char *user) {
    CM_AUTOFREE char *line = line_of(user);

    add(f->path, line);
}

static void begin(struct fixture *f) {
    f->log = kube_audit_log_start(f->loop, f->disk, f->path, on_write, f);
}

static bool is_told(void *ctx) {
    const struct fixture *f = ctx;

    return strcmp(cm_str_get(&f->users), f->wanted) == 0;
}

static void wait_for(struct fixture *f, const char *users) {
    f->wanted = users;
    (void)turn_until(f->loop, is_told, f);
    assert_string_equal(cm_str_get(&f->users), users);
}

static void what_is_written_from_now_on_is_told_in_its_order(void **state) {
    struct fixture *f = *state;

    begin(f);
    wrote(f, "alice");
    wrote(f, "bob");
    wait_for(f, "alice bob ");
}

static void what_was_there_before_is_old(void **state) {
    struct fixture *f = *state;

    wrote(f, "old");
    begin(f);
    wrote(f, "new");
    wait_for(f, "new ");
}

static void a_line_may_come_in_pieces(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *line = line_of("alice");
    CM_AUTOFREE char *filler = cm_new(1, 200000);

    begin(f);
    memset(filler, 'x', 199999); // more than is read at once
    add(f->path, "{\"requestObject\":\"");
    add(f->path, filler);
    add(f->path, "\",");
    add(f->path, line + 1);
    wrote(f, "bob");
    wait_for(f, "alice bob ");
}

static void a_file_that_was_renamed_is_read_to_its_end_and_then_the_new_one(void **state) {
    struct fixture *f = *state;

    wrote(f, "old");
    begin(f);
    wrote(f, "alice");
    assert_int_equal(rename(f->path, f->other), 0);
    CM_AUTOFREE char *late = line_of("late");
    add(f->other, late);
    wrote(f, "bob");
    wait_for(f, "alice late bob ");
}

static void a_file_that_was_made_shorter_is_read_from_its_start(void **state) {
    struct fixture *f = *state;

    begin(f);
    wrote(f, "alice");
    wrote(f, "bob");
    wait_for(f, "alice bob ");
    assert_int_equal(truncate(f->path, 0), 0);
    wrote(f, "carol");
    wait_for(f, "alice bob carol ");
}

static void one_that_was_made_shorter_and_has_grown_since_is_too(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *bob = line_of("bob");
    CM_AUTOFREE char *carol = line_of("carol");
    CM_AUTOFREE char *both = cm_strf("%s%s", bob, carol);

    begin(f);
    wrote(f, "alice");
    wait_for(f, "alice ");
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(both, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    wait_for(f, "alice bob carol ");
}

static void what_had_begun_before_is_no_line_of_its_own(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *inner = line_of("mallory");

    add(f->path, "{\"requestObject\":");
    begin(f);
    add(f->path, inner);
    wrote(f, "alice");
    wait_for(f, "alice ");
}

// It is read in pieces of 64 KiB: what would be a line by itself begins one of them.
static void a_line_that_is_too_long_is_passed_over_to_its_end(void **state) {
    enum { PIECES = KUBE_AUDIT_LINE_MAX + 64 * 1024 };
    struct fixture *f = *state;
    CM_AUTOFREE char *filler = cm_new(1, PIECES + 1);
    CM_AUTOFREE char *rest = line_of("behind");

    begin(f);
    memset(filler, 'x', PIECES);
    add(f->other, filler);
    add(f->other, rest);
    assert_int_equal(rename(f->other, f->path), 0);
    wrote(f, "alice");
    wait_for(f, "alice ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_from_now_on_is_told_in_its_order, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(what_was_there_before_is_old, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_line_may_come_in_pieces, set_up, take_down),
        cmocka_unit_test_setup_teardown(
            a_file_that_was_renamed_is_read_to_its_end_and_then_the_new_one, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_made_shorter_is_read_from_its_start, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(one_that_was_made_shorter_and_has_grown_since_is_too,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(what_had_begun_before_is_no_line_of_its_own, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_passed_over_to_its_end, set_up,
                                        take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
