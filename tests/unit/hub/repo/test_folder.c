#include "hub/repo/folder.h"

#include "tests/unit/hub/repo/scratch.h"

#include "common/buf.h"
#include "hub/repo/tree.h"

static struct hub_tree *open_folder(const struct scratch *s, const char *name) {
    CM_AUTOFREE char *path = scratch_path(s, name);
    struct hub_tree *tree = NULL;
    struct cm_err err = {0};

    if (hub_folder_open(path, &tree, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    return tree;
}

static char *show(struct hub_tree *tree, const char *prefix) {
    static const char types[] = "f@m!";
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct cm_str out = {0};
    struct cm_err err = {0};

    if (hub_tree_list(tree, prefix, NULL, &entries, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < entries.count; i++) {
        cm_str_addf(&out, "%s%c%s", i > 0 ? " " : "", types[entries.items[i].type],
                    entries.items[i].path);
    }
    return cm_str_take(&out);
}

static void a_folder_lists_like_a_commit_of_it(void **state) {
    const struct scratch *s = *state;
    scratch_run(s, "mkdir -p r/a/b; cd r; echo 1 >a/b/c; echo 2 >a.x; echo 3 >z; chmod +x z; "
                   "ln -s a l; git init -q -b main .; git add -A; git commit -q -m x");
    CM_CLEANUP(hub_tree_freep) struct hub_tree *folder = open_folder(s, "r");
    CM_AUTOFREE char *path = scratch_path(s, "r");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries a = {0};
    CM_CLEANUP(hub_entries_done) struct hub_entries b = {0};
    struct cm_err err;

    assert_int_equal(hub_repo_open_local(path, &repo, &err), CM_OK);
    assert_int_equal(hub_repo_resolve(repo, "HEAD", &commit, &err), CM_OK);
    assert_int_equal(hub_repo_tree(repo, &commit.id, &tree, &err), CM_OK);
    assert_int_equal(hub_tree_list(tree, "", NULL, &a, &err), CM_OK);
    assert_int_equal(hub_tree_list(folder, "", NULL, &b, &err), CM_OK);
    assert_int_equal(a.count, 4);
    assert_int_equal(b.count, 4);
    for (size_t i = 0; i < a.count; i++) {
        assert_string_equal(a.items[i].path, b.items[i].path);
        assert_int_equal(a.items[i].type, b.items[i].type);
        assert_int_equal(a.items[i].executable, b.items[i].executable);
        assert_true(hub_repo_id_equal(&a.items[i].id, &b.items[i].id));
    }
}

static void a_list_may_begin_below_the_folder(void **state) {
    scratch_run(*state, "mkdir -p f/a/b; touch f/a/b/c f/a/d f/e");
    CM_CLEANUP(hub_tree_freep) struct hub_tree *folder = open_folder(*state, "f");
    CM_AUTOFREE char *a = show(folder, "a");
    CM_AUTOFREE char *file = show(folder, "a/b/c");
    struct hub_entries none = {0};
    struct cm_err err;

    assert_string_equal(a, "fa/b/c fa/d");
    assert_string_equal(file, "fa/b/c");
    assert_int_equal(hub_tree_list(folder, "x", NULL, &none, &err), CM_ENOTFOUND);
    assert_int_equal(hub_tree_list(folder, "../f", NULL, &none, &err), CM_EINVAL);
}

static void what_is_neither_file_nor_link_is_unsafe(void **state) {
    scratch_run(*state, "mkdir f; mkfifo f/fifo; touch 'f/a\nb' 'f/.GIT'; mkdir f/.git");
    CM_CLEANUP(hub_tree_freep) struct hub_tree *folder = open_folder(*state, "f");
    CM_AUTOFREE char *all = show(folder, "");

    assert_string_equal(all, "!.GIT !a\\x0Ab !fifo");
}

static void links_are_not_followed_on_any_part_of_a_path(void **state) {
    scratch_run(*state, "mkdir -p f/d; echo secret >secret; ln -s ../secret f/l; ln -s .. f/up; "
                        "ln -s d f/e; echo x >f/d/x; mkfifo f/fifo");
    CM_CLEANUP(hub_tree_freep) struct hub_tree *folder = open_folder(*state, "f");
    struct hub_entries none = {0};
    struct cm_buf *buf = NULL;
    struct cm_err err;

    assert_int_equal(hub_tree_read(folder, "l", 100, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(folder, "up/secret", 100, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(folder, "e/x", 100, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(folder, "fifo", 100, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(folder, "d", 100, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_list(folder, "up/f", NULL, &none, &err), CM_EINVAL);
}

static void files_are_read_by_path_and_by_id_up_to_a_size(void **state) {
    scratch_run(*state, "mkdir -p f/d; printf hello >f/d/x");
    CM_CLEANUP(hub_tree_freep) struct hub_tree *folder = open_folder(*state, "f");
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct hub_repo_id unknown = {{1}};
    struct cm_buf *buf = NULL;
    struct cm_err err;

    assert_int_equal(hub_tree_read(folder, "d/x", 5, &buf, &err), CM_OK);
    assert_memory_equal(buf->data, "hello", 5);
    cm_buf_unref(buf);
    assert_int_equal(hub_tree_list(folder, "", NULL, &entries, &err), CM_OK);
    assert_int_equal(hub_tree_read_id(folder, &entries.items[0].id, 5, &buf, &err), CM_OK);
    assert_memory_equal(buf->data, "hello", 5);
    cm_buf_unref(buf);
    assert_int_equal(hub_tree_read(folder, "d/x", 4, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(folder, "nope", 4, &buf, &err), CM_ENOTFOUND);
    assert_int_equal(hub_tree_read_id(folder, &unknown, 4, &buf, &err), CM_ENOTFOUND);
}

static void a_folder_has_limits_like_a_commit(void **state) {
    scratch_run(*state, "mkdir -p f/a/b/c; touch f/a/b/c/d; seq 1000 >f/big");
    CM_CLEANUP(hub_tree_freep) struct hub_tree *folder = open_folder(*state, "f");
    struct hub_tree_limits limits = hub_tree_limits_default;
    struct hub_entries none = {0};
    struct cm_err err;

    limits.max_entries = 3;
    assert_int_equal(hub_tree_list(folder, "", &limits, &none, &err), CM_EINVAL);
    limits = hub_tree_limits_default;
    limits.max_depth = 2;
    assert_int_equal(hub_tree_list(folder, "", &limits, &none, &err), CM_EINVAL);
    limits = hub_tree_limits_default;
    limits.max_file_bytes = 1000;
    assert_int_equal(hub_tree_list(folder, "", &limits, &none, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "'big' has more than 1000 bytes"));
}

static void only_a_folder_can_be_opened(void **state) {
    CM_AUTOFREE char *none = scratch_path(*state, "none");
    CM_AUTOFREE char *file = scratch_path(*state, "file");
    struct hub_tree *tree = NULL;
    struct cm_err err;

    scratch_run(*state, "touch file");
    assert_int_equal(hub_folder_open(none, &tree, &err), CM_ENOTFOUND);
    assert_int_equal(hub_folder_open(file, &tree, &err), CM_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_folder_lists_like_a_commit_of_it),
        TEST(a_list_may_begin_below_the_folder),
        TEST(what_is_neither_file_nor_link_is_unsafe),
        TEST(links_are_not_followed_on_any_part_of_a_path),
        TEST(files_are_read_by_path_and_by_id_up_to_a_size),
        TEST(a_folder_has_limits_like_a_commit),
        TEST(only_a_folder_can_be_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
