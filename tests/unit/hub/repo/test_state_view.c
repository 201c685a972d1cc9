#include "hub/repo/state_view.h"

#include "scratch.h"

#include "common/str.h"
#include "hub/repo/source.h"

// Two commits, a minute apart: of the folder "16/paris/shop" one file changes, one goes, one comes.
static const char history[] =
    "git init -q --bare state.git && cd state.git &&"
    " export GIT_AUTHOR_NAME=hub GIT_AUTHOR_EMAIL=h@example.com GIT_COMMITTER_NAME=hub"
    " GIT_COMMITTER_EMAIL=h@example.com &&"
    " b() { printf %s \"$1\" | git hash-object -w --stdin; };"
    " c() { git read-tree --empty && git update-index --index-info &&"
    "   GIT_COMMITTER_DATE=\"$1 +0000\" GIT_AUTHOR_DATE=\"$1 +0000\""
    "   git commit-tree $2 -m x $(git write-tree); };"
    " l() { printf '100644 %s\\t%s\\n' $(b \"$2\") $1; };"
    " first=$({ l 16/paris/shop/a 1; l 16/paris/shop/b 2; l 16/paris/other 9; l 20/rome/shop/a 1; }"
    "   | c 1700000000) &&"
    " second=$({ l 16/paris/shop/b 3; l 16/paris/shop/c 4; l 16/paris/other 9; l 20/rome/shop/a 1; "
    "}"
    "   | c 1700000060 \"-p $first\") &&"
    " git update-ref refs/heads/actual $second";

struct fixture {
    char *folder;
    struct hub_view *view;
    struct cm_str said;
    struct cm_err err;
};

static struct fixture fixture_of(void *state) {
    struct fixture f = {.folder = scratch_path(state, "state.git")};

    scratch_run(state, history);
    if (hub_view_open(f.folder, &f.view, &f.err) < 0) {
        fail_msg("%s", f.err.msg);
    }
    return f;
}

static void fixture_done(struct fixture *f) {
    hub_view_close(f->view);
    free(f->folder);
    cm_str_done(&f->said);
}

static struct hub_view_side at(struct fixture *f, int64_t when_s, const char *folder) {
    struct hub_view_side side = {.folder = folder};

    if (hub_view_at(f->view, "actual", when_s * 1000, &side.commit, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    return side;
}

static enum cm_rc note(void *ctx, const struct hub_view_file *file, struct cm_err *err) {
    struct fixture *f = ctx;

    (void)err;
    cm_str_addf(&f->said, "%s:%.*s>%.*s ", file->path, (int)file->from_size,
                file->from == NULL ? "" : file->from, (int)file->to_size,
                file->to == NULL ? "" : file->to);
    return CM_OK;
}

static bool compare(struct fixture *f, struct hub_view_side from, struct hub_view_side to,
                    size_t max) {
    const struct hub_view_visitor visitor = {note, f, max};
    bool more = false;

    if (hub_view_compare(f->view, &from, &to, &visitor, &more, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    return more;
}

static void files_that_differ_are_told_with_both_contents(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    assert_false(compare(&f, at(&f, 1700000001, "16/paris"), at(&f, 1700000060, "16/paris"), 9));
    assert_string_equal(cm_str_get(&f.said), "shop/a:1> shop/b:2>3 shop/c:>4 ");
}

static void a_moment_is_in_the_second_of_its_commit(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_view_side before = at(&f, 1700000059, "16/paris");
    struct hub_view_side then = at(&f, 1700000060, "16/paris");

    assert_false(hub_repo_id_equal(&before.commit, &then.commit));
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1699999999999), &then.commit, &f.err),
                     CM_ENOTFOUND);
    assert_non_null(strstr(f.err.msg, "begins later"));
}

// The tip is of another history, so only the mark leads there.
static void a_moment_long_ago_is_found_by_the_mark_after_it(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_view_side then = at(&f, 1700000000, "16/paris");
    struct hub_repo_id found;

    scratch_run(*state, "cd state.git && git update-ref refs/moments/actual/2023-11-16T06 actual &&"
                        " export GIT_COMMITTER_DATE='1700300000 +0000' &&"
                        " git update-ref refs/heads/actual $(git -c user.name=h -c user.email=h@e"
                        " commit-tree -m x 'actual^{tree}')");
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1700000000000), &found, &f.err), CM_OK);
    assert_true(hub_repo_id_equal(&found, &then.commit));
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1700200000000), &found, &f.err),
                     CM_ENOTFOUND);
}

#define NEXT_MONTH                                                                                 \
    "cd state.git && git update-ref refs/tags/state/actual/2023-11 actual &&"                      \
    " export GIT_COMMITTER_DATE='1702000000 +0000' &&"                                             \
    " git update-ref refs/heads/actual $(printf 'x\n\nHoldfast-Before: %s\n' $(git rev-parse "     \
    "actual) | git -c user.name=h -c user.email=h@e commit-tree 'actual^{tree}')"

static void a_moment_of_a_month_that_has_ended_is_found(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_view_side then = at(&f, 1700000000, "16/paris");
    struct hub_repo_id found;

    scratch_run(*state, NEXT_MONTH);
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1700000000000), &found, &f.err), CM_OK);
    assert_true(hub_repo_id_equal(&found, &then.commit));
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1600000000000), &found, &f.err),
                     CM_ENOTFOUND);
    assert_non_null(strstr(f.err.msg, "begins later"));
}

static void of_a_month_that_is_not_kept_it_is_said_that_it_is_not(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_repo_id found;

    scratch_run(*state, NEXT_MONTH " && git update-ref -d refs/tags/state/actual/2023-11 &&"
                                   " git -c gc.reflogExpire=now gc -q --prune=now");
    hub_view_close(f.view);
    assert_int_equal(hub_view_open(f.folder, &f.view, &f.err), CM_OK);
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1702000000000), &found, &f.err), CM_OK);
    assert_int_equal(hub_view_at(f.view, "actual", INT64_C(1701999999999), &found, &f.err),
                     CM_ENOTFOUND);
    assert_non_null(strstr(f.err.msg, "before 2023-12-08T01:46:40Z is not kept"));
}

static void folders_of_two_clusters_are_compared(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    (void)compare(&f, at(&f, 1700000000, "16/paris/shop"), at(&f, 1700000000, "20/rome/shop"), 9);
    assert_string_equal(cm_str_get(&f.said), "b:2> ");
}

static void a_folder_that_is_not_there_is_empty(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    (void)compare(&f, at(&f, 1700000060, "00/nowhere"), at(&f, 1700000060, "20/rome"), 9);
    assert_string_equal(cm_str_get(&f.said), "shop/a:>1 ");
}

static void a_folder_that_cannot_be_read_is_not_an_empty_one(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_view_side from = at(&f, 1700000000, "16/paris/shop");
    struct hub_view_side to = at(&f, 1700000060, "16/paris/shop");
    const struct hub_view_visitor visitor = {note, &f, 9};
    bool more;

    scratch_run(*state, "cd state.git && id=$(git rev-parse actual:16/paris) &&"
                        " rm -f objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-)");
    assert_int_equal(hub_view_compare(f.view, &from, &to, &visitor, &more, &f.err), CM_EIO);
}

static void what_is_too_much_is_said(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    assert_true(compare(&f, at(&f, 1700000000, "16/paris"), at(&f, 1700000060, "16/paris"), 2));
    assert_string_equal(cm_str_get(&f.said), "shop/a:1> shop/b:2>3 ");
}

static void no_repository_and_no_branch_are_not_found(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_view *none = NULL;
    struct hub_repo_id id;

    assert_int_equal(hub_view_open("/nowhere/state.git", &none, &f.err), CM_ENOTFOUND);
    assert_int_equal(hub_view_at(f.view, "desired", 1, &id, &f.err), CM_ENOTFOUND);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, scratch_open, scratch_close)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(files_that_differ_are_told_with_both_contents),
        TEST(a_moment_is_in_the_second_of_its_commit),
        TEST(a_moment_of_a_month_that_has_ended_is_found),
        TEST(of_a_month_that_is_not_kept_it_is_said_that_it_is_not),
        TEST(folders_of_two_clusters_are_compared),
        TEST(a_moment_long_ago_is_found_by_the_mark_after_it),
        TEST(a_folder_that_is_not_there_is_empty),
        TEST(a_folder_that_cannot_be_read_is_not_an_empty_one),
        TEST(what_is_too_much_is_said),
        TEST(no_repository_and_no_branch_are_not_found),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
