#include "common/fsys.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"

static char root[64];

static int make_root(void **state) {
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/test_fsys.XXXXXX");
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state) {
    (void)state;
    struct cm_err err;

    return cm_fsys_remove_tree(root, &err);
}

// at returns the path of a name below the root; the same memory each time.
static const char *at(const char *name) {
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(at(name), text, strlen(text), 0644, &err), CM_OK);
}

static bool exists(const char *name) {
    struct stat st;

    return lstat(at(name), &st) == 0;
}

static void a_replaced_file_has_the_new_content_and_mode_only(void **state) {
    (void)state;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    struct cm_err err;
    struct stat st;

    write_file("f", "a long old text");
    assert_int_equal(cm_fsys_replace(at("f"), "new", 3, 0640, &err), CM_OK);
    assert_int_equal(cm_fsys_read(at("f"), 100, &buf, &err), CM_OK);
    assert_int_equal(buf->size, 3);
    assert_memory_equal(buf->data, "new", 3);
    assert_int_equal(stat(at("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_failed_replacement_leaves_nothing_behind(void **state) {
    (void)state;
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(at("folder/inside"), 0755, &err), CM_OK);
    assert_int_not_equal(cm_fsys_replace(at("folder"), "x", 1, 0644, &err), CM_OK);
    assert_int_equal(cm_fsys_replace(at("none/f"), "x", 1, 0644, &err), CM_ENOTFOUND);
    assert_true(exists("folder/inside"));
    DIR *dir = opendir(root);
    int count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    assert_int_equal(count, 3); // ".", ".." and the folder
}

static void a_file_may_be_as_large_as_the_limit_and_no_larger(void **state) {
    (void)state;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    CM_AUTOFREE char *big = cm_new(1, 40001);
    struct cm_err err;

    memset(big, 'x', 40000);
    write_file("f", big);
    assert_int_equal(cm_fsys_read(at("f"), 39999, &buf, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "larger than 39999 bytes"));
    assert_null(buf);
    assert_int_equal(cm_fsys_read(at("f"), 40000, &buf, &err), CM_OK);
    assert_memory_equal(buf->data, big, 40000);
}

static void a_file_whose_size_is_not_known_is_bounded_too(void **state) {
    (void)state;
    struct cm_buf *buf = NULL;
    struct cm_err err;

    assert_int_equal(cm_fsys_read("/proc/self/status", 10, &buf, &err), CM_EINVAL);
    assert_int_equal(cm_fsys_read("/proc/self/status", 1 << 20, &buf, &err), CM_OK);
    assert_true(buf->size > 10);
    cm_buf_unref(buf);
}

static void what_is_missing_or_no_file_is_told_apart(void **state) {
    (void)state;
    struct cm_buf *buf = NULL;
    struct cm_err err;

    assert_int_equal(cm_fsys_read(at("none"), 10, &buf, &err), CM_ENOTFOUND);
    assert_int_equal(cm_fsys_read(root, 10, &buf, &err), CM_EINVAL);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_int_equal(cm_fsys_read(at("fifo"), 10, &buf, &err), CM_EINVAL);
    assert_null(buf);
}

static void an_empty_file_is_read_as_no_bytes(void **state) {
    (void)state;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    struct cm_err err;

    write_file("f", "");
    assert_int_equal(cm_fsys_read(at("f"), 10, &buf, &err), CM_OK);
    assert_int_equal(buf->size, 0);
}

static void folders_are_made_with_their_parents(void **state) {
    (void)state;
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(at("a//b/c/"), 0700, &err), CM_OK);
    assert_true(exists("a/b/c"));
    assert_int_equal(cm_fsys_make_dir(at("a/b/c"), 0700, &err), CM_OK);
    write_file("file", "x");
    assert_int_not_equal(cm_fsys_make_dir(at("file/d"), 0700, &err), CM_OK);
}

static void a_tree_is_removed_without_following_links(void **state) {
    (void)state;
    CM_AUTOFREE char *outside = cm_strdup(at("outside"));
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(at("tree/a/b"), 0700, &err), CM_OK);
    assert_int_equal(cm_fsys_make_dir(at("outside"), 0700, &err), CM_OK);
    write_file("tree/a/b/f", "x");
    write_file("outside/f", "x");
    assert_int_equal(symlink(outside, at("tree/a/link")), 0);
    assert_int_equal(cm_fsys_remove_tree(at("tree"), &err), CM_OK);
    assert_false(exists("tree"));
    assert_true(exists("outside/f"));
    assert_int_equal(cm_fsys_remove_tree(at("tree"), &err), CM_OK);
}

static void a_link_to_a_tree_is_removed_itself(void **state) {
    (void)state;
    CM_AUTOFREE char *tree = cm_strdup(at("tree"));
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(tree, 0700, &err), CM_OK);
    assert_int_equal(symlink(tree, at("link")), 0);
    assert_int_equal(cm_fsys_remove_tree(at("link"), &err), CM_OK);
    assert_false(exists("link"));
    assert_true(exists("tree"));
}

static void a_tree_that_is_too_deep_is_an_error(void **state) {
    (void)state;
    struct cm_err err;
    int here = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < 140; i++) {
        assert_int_equal(mkdirat(here, "d", 0700), 0);
        int next = openat(here, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(here);
        here = next;
    }
    (void)close(here);
    assert_int_equal(cm_fsys_remove_tree(at("d"), &err), CM_EIO);
    // Cut it in two: each half is shallow enough.
    struct cm_str deep = {0};
    for (int i = 0; i < 100; i++) {
        cm_str_add(&deep, "/d");
    }
    CM_AUTOFREE char *half = cm_strf("%s%s", root, cm_str_get(&deep));
    assert_int_equal(cm_fsys_remove_tree(half, &err), CM_OK);
    cm_str_done(&deep);
}

#define SOMEBODY 65534

static uid_t owner_of(const char *name) {
    struct stat st;

    assert_int_equal(lstat(at(name), &st), 0);
    return st.st_uid;
}

static void what_root_wrote_is_given_to_whoever_owns_the_folder(void **state) {
    (void)state;
    CM_AUTOFREE char *outside = cm_strdup(at("outside"));
    struct cm_err err;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(cm_fsys_make_dir(at("tree/a"), 0700, &err), CM_OK);
    write_file("tree/a/f", "x");
    write_file("tree/other", "x");
    write_file("outside", "x");
    write_file("beside", "x");
    assert_int_equal(symlink("../beside", at("tree/link")), 0);
    assert_int_equal(link(outside, at("tree/a/name")), 0);
    assert_int_equal(chown(at("tree/other"), 1, 1), 0);
    assert_int_equal(cm_fsys_give(at("tree"), &err), CM_OK);
    assert_int_equal(owner_of("tree/a"), 0); // the folder is root's
    assert_int_equal(chown(at("tree"), SOMEBODY, SOMEBODY), 0);
    assert_int_equal(cm_fsys_give(at("tree"), &err), CM_OK);
    assert_int_equal(owner_of("tree/a"), SOMEBODY);
    assert_int_equal(owner_of("tree/a/f"), SOMEBODY);
    assert_int_equal(owner_of("tree/link"), SOMEBODY);
    assert_int_equal(owner_of("tree/other"), 1);
    assert_int_equal(owner_of("outside"), 0);
    assert_int_equal(owner_of("beside"), 0);
    assert_int_equal(cm_fsys_give(at("none"), &err), CM_OK);
}

static void a_lock_has_one_holder(void **state) {
    (void)state;
    struct cm_err err;
    int first = -1;
    int second = -1;

    assert_int_equal(cm_fsys_lock(at("lock"), &first, &err), CM_OK);
    assert_int_equal(cm_fsys_lock(at("lock"), &second, &err), CM_EBUSY);
    assert_int_equal(second, -1);
    (void)close(first);
    assert_int_equal(cm_fsys_lock(at("lock"), &second, &err), CM_OK);
    (void)close(second);
}

static void paths_below_the_root_are_accepted(void **state) {
    (void)state;

    assert_true(cm_fsys_path_ok("a"));
    assert_true(cm_fsys_path_ok("a/b.yaml"));
    assert_true(cm_fsys_path_ok("..."));
    assert_true(cm_fsys_path_ok(".hidden/..x"));
    assert_true(cm_fsys_path_ok("caf\xc3\xa9"));
}

static void paths_that_could_escape_are_refused(void **state) {
    (void)state;
    char longer[4098];

    assert_false(cm_fsys_path_ok(""));
    assert_false(cm_fsys_path_ok("/etc"));
    assert_false(cm_fsys_path_ok("."));
    assert_false(cm_fsys_path_ok(".."));
    assert_false(cm_fsys_path_ok("a/../b"));
    assert_false(cm_fsys_path_ok("a/.."));
    assert_false(cm_fsys_path_ok("a/./b"));
    assert_false(cm_fsys_path_ok("a//b"));
    assert_false(cm_fsys_path_ok("a/"));
    assert_false(cm_fsys_path_ok("a\nb"));
    assert_false(cm_fsys_path_ok("a\x7f"));
    memset(longer, 'a', sizeof(longer));
    longer[4097] = '\0';
    assert_false(cm_fsys_path_ok(longer));
    longer[4096] = '\0';
    assert_true(cm_fsys_path_ok(longer));
}

static void as_many_files_are_allowed_as_the_system_lets(void **state) {
    struct rlimit before;
    struct rlimit now;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max}),
        0);
    assert_int_equal(cm_fsys_allow_files(50), 50);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, 100);
    assert_int_equal(cm_fsys_allow_files(150), 150);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, 150);
    assert_true(cm_fsys_allow_files(SIZE_MAX) <= before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replaced_file_has_the_new_content_and_mode_only,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_failed_replacement_leaves_nothing_behind, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_file_may_be_as_large_as_the_limit_and_no_larger,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_file_whose_size_is_not_known_is_bounded_too, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(what_is_missing_or_no_file_is_told_apart, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(an_empty_file_is_read_as_no_bytes, make_root, remove_root),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_tree_is_removed_without_following_links, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_link_to_a_tree_is_removed_itself, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_tree_that_is_too_deep_is_an_error, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(what_root_wrote_is_given_to_whoever_owns_the_folder,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_lock_has_one_holder, make_root, remove_root),
        cmocka_unit_test_setup_teardown(paths_below_the_root_are_accepted, make_root, remove_root),
        cmocka_unit_test_setup_teardown(paths_that_could_escape_are_refused, make_root,
                                        remove_root),
        cmocka_unit_test(as_many_files_are_allowed_as_the_system_lets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
