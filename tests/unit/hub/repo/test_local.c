#include "hub/repo/local.h"

#include <unistd.h>

#include "tests/unit/hub/repo/scratch.h"

#include "common/buf.h"
#include "hub/repo/source.h"

// make runs a script in a repository that has a commit with a file `a` holding "one".
static struct hub_repo *make(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *whole =
        cm_strf("git init -q -b main r; cd r; printf one > a; git add -A; git commit -q -m one; %s",
                script);
    CM_AUTOFREE char *path = scratch_path(s, "r");
    struct hub_repo *repo = NULL;
    struct cm_err err = {0};

    scratch_run(s, whole);
    if (hub_repo_open_local(path, &repo, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return repo;
}

static struct hub_repo_id commit_of(struct hub_repo *repo, const char *name) {
    struct hub_commit commit = {0};
    struct cm_err err = {0};

    if (hub_repo_resolve(repo, name, &commit, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    struct hub_repo_id id = commit.id;
    hub_commit_done(&commit);
    return id;
}

// expect_work compares the working copy with HEAD; entries are written as "+path" and so on.
static void expect_work(struct hub_repo *repo, const char *prefix, const char *expected) {
    static const char changes[] = " +*-";
    static const char types[] = "f@m!";
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    const struct hub_repo_id head = commit_of(repo, "HEAD");
    struct cm_err err = {0};

    if (hub_repo_work_diff(repo, &head, prefix, &entries, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < entries.count; i++) {
        cm_str_addf(&out, "%s%c%c%s", i > 0 ? " " : "", changes[entries.items[i].change],
                    types[entries.items[i].type], entries.items[i].path);
    }
    assert_string_equal(cm_str_get(&out), expected);
}

static void a_clean_working_copy_is_its_commit(void **state) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = make(*state, "");

    expect_work(repo, "", "");
}

static void what_is_changed_added_or_gone_is_listed(void **state) {
    CM_CLEANUP(hub_repo_closep)
    struct hub_repo *repo = make(*state, "printf x > b; git add b; git commit -q -m b; "
                                         "printf two > a; rm b; mkdir d; printf new > d/c; "
                                         "printf staged > e; git add e; ln -s a l");

    expect_work(repo, "", "*fa -fb +fd/c +fe +@l");
    expect_work(repo, "d", "+fd/c");
}

static void ignored_files_are_not_there(void **state) {
    CM_CLEANUP(hub_repo_closep)
    struct hub_repo *repo = make(*state, "printf '*.tmp\\n' > .gitignore; printf x > x.tmp");

    expect_work(repo, "", "+f.gitignore");
}

static void a_file_of_the_working_copy_is_read_and_a_link_is_not(void **state) {
    CM_CLEANUP(hub_repo_closep)
    struct hub_repo *repo = make(*state, "printf two > a; ln -s a l");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_buf *none = NULL;
    struct cm_err err = {0};

    assert_int_equal(hub_repo_work_read(repo, "a", 10, &bytes, &err), CM_OK);
    assert_memory_equal(bytes->data, "two", 3);
    assert_int_equal(hub_repo_work_read(repo, "l", 10, &none, &err), CM_EINVAL);
    assert_int_equal(hub_repo_work_read(repo, "a", 2, &none, &err), CM_EINVAL);
    assert_int_equal(hub_repo_work_read(repo, "gone", 10, &none, &err), CM_ENOTFOUND);
}

static void a_bare_repository_has_no_working_copy(void **state) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = make(*state, "");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *bare = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    CM_AUTOFREE char *path = scratch_path(*state, "bare");
    const struct hub_repo_id head = commit_of(repo, "HEAD");
    struct cm_err err = {0};

    scratch_run(*state, "git clone -q --bare r bare");
    assert_int_equal(hub_repo_open_local(path, &bare, &err), CM_OK);
    assert_int_equal(hub_repo_work_diff(bare, &head, "", &entries, &err), CM_EINVAL);
}

static void histories_part_where_they_were_one(void **state) {
    CM_CLEANUP(hub_repo_closep)
    struct hub_repo *repo =
        make(*state, "git checkout -q -b side; git commit -q --allow-empty -m side; "
                     "git checkout -q main; git commit -q --allow-empty -m main; "
                     "git checkout -q --orphan alone; git commit -q --allow-empty -m alone");
    const struct hub_repo_id main_id = commit_of(repo, "main");
    const struct hub_repo_id side = commit_of(repo, "side");
    const struct hub_repo_id alone = commit_of(repo, "alone");
    const struct hub_repo_id first = commit_of(repo, "main~1");
    struct hub_repo_id base;
    struct cm_err err = {0};

    assert_int_equal(hub_repo_merge_base(repo, &main_id, &side, &base, &err), CM_OK);
    assert_true(hub_repo_id_equal(&base, &first));
    assert_int_equal(hub_repo_merge_base(repo, &main_id, &alone, &base, &err), CM_ENOTFOUND);
}

static void a_clone_that_was_cut_short_is_shallow(void **state) {
    CM_CLEANUP(hub_repo_closep)
    struct hub_repo *repo = make(*state, "git commit -q --allow-empty -m two");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *cut = NULL;
    CM_AUTOFREE char *path = scratch_path(*state, "cut");
    struct cm_err err = {0};

    scratch_run(*state, "git clone -q --depth 1 file://$PWD/r cut");
    assert_int_equal(hub_repo_open_local(path, &cut, &err), CM_OK);
    assert_false(hub_repo_is_shallow(repo));
    assert_true(hub_repo_is_shallow(cut));
}

static void expect_found(struct hub_repo *repo, const struct hub_repo_source *want,
                         const char *commit) {
    const struct hub_repo_id expected = commit_of(repo, commit);
    struct hub_repo_id found;
    struct cm_err err = {0};

    if (hub_repo_find_local(repo, want, &found, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_true(hub_repo_id_equal(&found, &expected));
}

static void what_an_app_names_is_found_in_a_clone(void **state) {
    CM_CLEANUP(hub_repo_closep)
    struct hub_repo *repo =
        make(*state, "git tag v1.0.0; git commit -q --allow-empty -m two; git tag -a -m x v1.2.0; "
                     "git commit -q --allow-empty -m three; git tag v2.0.0; "
                     "git update-ref refs/remotes/origin/far HEAD~1; "
                     "git update-ref refs/remotes/origin/main HEAD~1");
    struct hub_repo_id found;
    struct cm_err err = {0};

    expect_found(repo, &(struct hub_repo_source){.tag = "v1.2.0"}, "main~1");
    expect_found(repo, &(struct hub_repo_source){.semver = "^1"}, "main~1");
    expect_found(repo, &(struct hub_repo_source){.branch = "far"}, "main~1");
    expect_found(repo, &(struct hub_repo_source){.branch = "main"}, "main");
    assert_int_equal(
        hub_repo_find_local(repo, &(struct hub_repo_source){.tag = "v3"}, &found, &err),
        CM_ENOTFOUND);
    assert_non_null(strstr(err.msg, "highest version is 'v2.0.0'"));
}

static void a_commit_must_be_in_the_clone(void **state) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = make(*state, "");
    const struct hub_repo_id head = commit_of(repo, "HEAD");
    char hex[HUB_REPO_ID_HEX_MAX];
    struct hub_repo_id found;
    struct cm_err err = {0};

    hub_repo_id_hex(&head, hex);
    expect_found(repo, &(struct hub_repo_source){.commit = hex}, "main");
    hex[0] = hex[0] == '0' ? '1' : '0';
    assert_int_equal(
        hub_repo_find_local(repo, &(struct hub_repo_source){.commit = hex}, &found, &err),
        CM_ENOTFOUND);
}

static bool has_run(const struct scratch *s) {
    CM_AUTOFREE char *path = scratch_path(s, "it-ran");

    return access(path, F_OK) == 0;
}

// What Git would run in a repository that somebody else prepared: all that its configuration, its
// hooks and its attributes can name.
static const char traps[] =
    "printf '#!/bin/sh\\ntouch %s/it-ran\\ncat\\n' \"$PWD/..\" > .git/trap; chmod +x .git/trap; "
    "trap=$PWD/.git/trap; printf '* filter=evil diff=evil merge=evil\\n' > .git/info/attributes; "
    "for key in core.fsmonitor core.sshCommand core.pager core.editor core.askPass "
    "diff.external diff.evil.textconv diff.evil.command filter.evil.clean filter.evil.smudge "
    "filter.evil.process merge.evil.driver credential.helper gpg.program "
    "uploadpack.packObjectsHook; "
    "do git config $key $trap; done; git config core.hooksPath $PWD/.git/traps; mkdir .git/traps; "
    "for hook in post-checkout post-index-change pre-commit reference-transaction "
    "fsmonitor-watchman;"
    " do cp .git/trap .git/traps/$hook; done; printf two > a; printf new > b";

static void nothing_that_a_hostile_repository_names_is_run(void **state) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = make(*state, traps);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    const struct hub_repo_id head = commit_of(repo, "HEAD");
    struct hub_repo_id base;
    struct cm_err err = {0};

    expect_found(repo, &(struct hub_repo_source){.branch = "main"}, "main");
    assert_int_equal(hub_repo_merge_base(repo, &head, &head, &base, &err), CM_OK);
    expect_work(repo, "", "*fa +fb");
    assert_int_equal(hub_repo_work_read(repo, "a", 100, &bytes, &err), CM_OK);
    assert_memory_equal(bytes->data, "two", 3);
    assert_false(has_run(*state));
    scratch_run(*state, "cd r; git -c safe.directory='*' status -s > /dev/null 2>&1 || true");
    assert_true(has_run(*state)); // Git itself would have
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_clean_working_copy_is_its_commit),
        TEST(what_is_changed_added_or_gone_is_listed),
        TEST(ignored_files_are_not_there),
        TEST(a_file_of_the_working_copy_is_read_and_a_link_is_not),
        TEST(a_bare_repository_has_no_working_copy),
        TEST(histories_part_where_they_were_one),
        TEST(a_clone_that_was_cut_short_is_shallow),
        TEST(what_an_app_names_is_found_in_a_clone),
        TEST(a_commit_must_be_in_the_clone),
        TEST(nothing_that_a_hostile_repository_names_is_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
