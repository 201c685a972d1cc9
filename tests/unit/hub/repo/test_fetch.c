// Fetches over file:// through the real child process; networks are in tests/integration/git.
#include "hub/repo/source.h"

#include "tests/unit/hub/repo/scratch.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/repo/mirror.h"
#include "hub/repo/packs.h"
#include "hub/repo/tree.h"

struct fixture {
    char *url;
    char *folder;
    struct hub_repo_source source;
    struct hub_repo_job job;
    struct hub_repo_fetched fetched;
    enum hub_repo_trouble trouble;
    struct cm_err err;
};

static void fixture_done(struct fixture *f) {
    free(f->url);
    free(f->folder);
}

static struct fixture fixture_of(const struct scratch *s) {
    struct fixture f = {.url = cm_strf("file://%s/r", s->folder),
                        .folder = scratch_path(s, "mirror")};

    f.source = (struct hub_repo_source){.name = "fleet", .url = f.url, .branch = "main"};
    f.job = (struct hub_repo_job){.folder = f.folder, .cancel_fd = -1};
    return f;
}

static enum cm_rc fetch(struct fixture *f) {
    return hub_repo_fetch(&f->source, &f->job, &f->fetched, &f->trouble, &f->err);
}

static void fetch_fails(struct fixture *f, enum cm_rc code, enum hub_repo_trouble trouble) {
    enum cm_rc rc = fetch(f);

    if (rc != code || f->trouble != trouble) {
        fail_msg("%d, %s: %s", rc, hub_repo_trouble_name(f->trouble), rc < 0 ? f->err.msg : "");
    }
}

static void fetch_ok(struct fixture *f) {
    if (fetch(f) != CM_OK) {
        fail_msg("%s: %s", hub_repo_trouble_name(f->trouble), f->err.msg);
    }
    assert_int_equal(f->trouble, HUB_REPO_FINE);
}

static struct hub_repo_id commit(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *whole = cm_strf("test -d r || git init -q -b main r; cd r; %s\n git add -A; "
                                      "git commit -q --allow-empty -m x; git rev-parse HEAD",
                                      script);

    return scratch_id(s, whole);
}

static void expect_tip(const struct fixture *f, const struct hub_repo_id *id) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    CM_CLEANUP(hub_commit_done) struct hub_commit found = {0};
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct cm_err err = {0};

    if (hub_repo_open(f->folder, &repo, &err) != CM_OK ||
        hub_repo_resolve(repo, "HEAD", &found, &err) != CM_OK ||
        hub_repo_tree(repo, &found.id, &tree, &err) != CM_OK ||
        hub_tree_list(tree, "", NULL, &entries, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    assert_true(hub_repo_id_equal(&found.id, id));
}

static void the_first_fetch_brings_the_branch(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    const struct hub_repo_id zero = {{0}};
    struct stat st;

    fetch_ok(&f);
    assert_true(hub_repo_id_equal(&f.fetched.commit, &a));
    assert_true(hub_repo_id_equal(&f.fetched.before, &zero));
    assert_true(f.fetched.changed);
    assert_false(f.fetched.rewound);
    assert_int_equal(f.fetched.packs, 1);
    assert_true(f.fetched.received_bytes > 0);
    expect_tip(&f, &a);
    assert_int_equal(stat(f.folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void the_next_fetch_brings_what_is_new(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    fetch_ok(&f);
    fetch_ok(&f);
    assert_false(f.fetched.changed);
    assert_int_equal(f.fetched.received_bytes, 0);

    struct hub_repo_id b = commit(*state, "echo 2 >f");
    fetch_ok(&f);
    assert_true(f.fetched.changed);
    assert_false(f.fetched.rewound);
    assert_true(hub_repo_id_equal(&f.fetched.before, &a));
    assert_true(hub_repo_id_equal(&f.fetched.commit, &b));
    expect_tip(&f, &b);
}

static void a_forced_branch_is_said_to_be_rewound(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    struct hub_repo_id b = commit(*state, "echo 2 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;

    fetch_ok(&f);
    scratch_run(*state, "cd r; git reset -q --hard HEAD~1");
    fetch_ok(&f);
    assert_true(f.fetched.changed);
    assert_true(f.fetched.rewound);
    assert_true(hub_repo_id_equal(&f.fetched.commit, &a));
    // what was forced away can still be read: it may be in force somewhere
    assert_int_equal(hub_repo_open(f.folder, &repo, &f.err), CM_OK);
    assert_int_equal(hub_repo_tree(repo, &b, &tree, &f.err), CM_OK);
}

static void a_branch_that_went_back_is_followed_once_somebody_pushed_on_top(void **state) {
    (void)commit(*state, "echo 1 >f");
    struct hub_repo_id b = commit(*state, "echo 2 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    f.source.in_force = "";
    fetch_ok(&f);
    scratch_run(*state, "cd r; git reset -q --hard HEAD~1");
    for (int i = 0; i < 2; i++) { // the next time it is no other
        fetch_fails(&f, CM_EEXISTS, HUB_REPO_WENT_BACK);
        assert_non_null(strstr(f.err.msg, "git commit --allow-empty"));
        expect_tip(&f, &b);
    }
    struct hub_repo_id c = commit(*state, "true");
    fetch_ok(&f);
    assert_true(hub_repo_id_equal(&f.fetched.commit, &c));
}

static void another_branch_is_none_that_went_back(void **state) {
    (void)commit(*state, "echo 1 >f; git add f; git commit -qm x; git branch production");
    (void)commit(*state, "echo 2 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    f.source.in_force = "";
    fetch_ok(&f);
    f.source.branch = "production";
    fetch_ok(&f);
    f.source.branch = "main"; // and back
    fetch_ok(&f);
    scratch_run(*state, "cd r; git reset -q --hard HEAD~1");
    fetch_fails(&f, CM_EEXISTS, HUB_REPO_WENT_BACK);
}

// What is in force counts, and not what was found since and could not be taken in.
static void a_branch_goes_back_to_what_is_in_force(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    char in_force[HUB_REPO_ID_HEX_MAX];
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    (void)commit(*state, "echo broken >f");
    hub_repo_id_hex(&a, in_force);
    f.source.in_force = in_force;
    fetch_ok(&f);
    scratch_run(*state, "cd r; git reset -q --hard HEAD~1");
    fetch_ok(&f);
    assert_true(hub_repo_id_equal(&f.fetched.commit, &a));
    f.source.in_force = "0123456789012345678901234567890123456789"; // of a mirror that is gone
    (void)commit(*state, "echo 3 >f");
    fetch_ok(&f);
    scratch_run(*state, "cd r; git reset -q --hard HEAD~1");
    fetch_ok(&f);
}

static void a_tag_can_be_followed(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    scratch_run(*state, "cd r; git tag -a -m x v1");
    (void)commit(*state, "echo 2 >f");
    f.source.branch = "refs/tags/v1";
    fetch_ok(&f);
    assert_true(hub_repo_id_equal(&f.fetched.commit, &a));
}

static void a_missing_branch_is_said_to_be_gone(void **state) {
    (void)commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    f.source.branch = "production";
    fetch_fails(&f, CM_ENOTFOUND, HUB_REPO_BRANCH_GONE);
    assert_non_null(strstr(f.err.msg, "no branch 'production'"));
    assert_non_null(strstr(f.err.msg, "refs/heads/main"));
}

static void a_missing_repository_is_said_to_be_missing(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    fetch_fails(&f, CM_ENOTFOUND, HUB_REPO_MISSING);
}

static void an_object_that_unpacks_beyond_the_limit_is_refused_and_the_mirror_stays(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_repo_limits limits = hub_repo_limits_default;

    limits.max_object_bytes = 1 << 20;
    f.job.limits = &limits;
    fetch_ok(&f);
    (void)commit(*state, "seq 500000 >numbers");
    (void)commit(*state, "echo one more >>numbers"); // travels as a delta
    fetch_fails(&f, CM_EINVAL, HUB_REPO_TOO_LARGE);
    expect_tip(&f, &a);
}

static void a_huge_file_does_no_harm_until_somebody_reads_it(void **state) {
    (void)commit(*state, "head -c 50000000 /dev/zero >zeros");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_repo_limits limits = hub_repo_limits_default;
    struct hub_repo_id id = scratch_id(*state, "cd r; git rev-parse HEAD:zeros");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    struct cm_buf *buf = NULL;

    limits.max_object_bytes = 1 << 20;
    f.job.limits = &limits;
    fetch_ok(&f);
    assert_int_equal(hub_repo_open(f.folder, &repo, &f.err), CM_OK);
    assert_int_equal(hub_repo_read_blob(repo, &id, 1 << 20, &buf, &f.err), CM_EINVAL);
    assert_non_null(strstr(f.err.msg, "it has 50000000 bytes, the limit is 1048576"));
}

static void too_many_bytes_or_objects_are_refused(void **state) {
    (void)commit(*state, "head -c 3000000 /dev/urandom >noise");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_repo_limits limits = hub_repo_limits_default;

    f.job.limits = &limits;
    limits.max_received_bytes = 1 << 20;
    fetch_fails(&f, CM_EINVAL, HUB_REPO_TOO_LARGE);
    limits = hub_repo_limits_default;
    limits.max_objects = 2;
    fetch_fails(&f, CM_EINVAL, HUB_REPO_TOO_LARGE);
}

static void a_fetch_that_takes_too_long_is_ended(void **state) {
    (void)commit(*state, "head -c 3000000 /dev/urandom >noise");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_repo_limits limits = hub_repo_limits_default;

    limits.deadline_ms = 1;
    f.job.limits = &limits;
    fetch_fails(&f, CM_EIO, HUB_REPO_TIMEOUT);
    f.job.limits = NULL;
    fetch_ok(&f);
}

static void a_fetch_can_be_cancelled(void **state) {
    (void)commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    f.job.cancel_fd = ends[0];
    assert_int_equal(fetch(&f), CM_ECANCELED);
    (void)close(ends[0]);
    (void)close(ends[1]);
    f.job.cancel_fd = -1;
    fetch_ok(&f);
}

static void what_a_killed_fetch_left_is_swept_away(void **state) {
    (void)commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    fetch_ok(&f);
    scratch_run(*state, "cd mirror/repo; touch refs/heads/tip.lock packed-refs.lock HEAD.lock "
                        "config.lock objects/pack/pack_git2_abc; mkdir ../repo.new");
    struct hub_repo_id b = commit(*state, "echo 2 >f");
    fetch_ok(&f);
    expect_tip(&f, &b);
    scratch_run(*state, "cd mirror; test -z \"$(find . -name '*.lock' -o -name 'pack_git2_*' "
                        "-o -name repo.new)\"");
}

static void only_one_fetch_of_a_mirror_runs_at_a_time(void **state) {
    (void)commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_AUTOFREE char *lock = cm_strf("%s/lock", f.folder);
    int fd = -1;

    fetch_ok(&f);
    assert_int_equal(cm_fsys_lock(lock, &fd, &f.err), CM_OK);
    assert_int_equal(fetch(&f), CM_EBUSY);
    (void)close(fd);
    fetch_ok(&f);
}

static void a_mirror_that_cannot_be_read_is_made_anew(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    fetch_ok(&f);
    scratch_run(*state, "rm -f mirror/repo/objects/pack/*");
    fetch_ok(&f);
    expect_tip(&f, &a);
    scratch_run(*state, "echo rubbish >mirror/repo/HEAD; echo '[' >mirror/repo/config");
    fetch_ok(&f);
    expect_tip(&f, &a);
}

static void a_mirror_stays_if_a_pack_cannot_be_opened_now(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    fetch_ok(&f);
    scratch_run(*state, "cd mirror/repo/objects/pack; for f in *.pack; do mv $f ../kept; "
                        "ln -s $f $f; done"); // a circle of one
    assert_int_equal(fetch(&f), CM_EIO);
    assert_non_null(strstr(f.err.msg, "it is left as it is"));
    scratch_run(*state, "cd mirror/repo/objects/pack; for f in *.pack; do rm $f; mv ../kept $f; "
                        "done");
    expect_tip(&f, &a);
}

static void a_mirror_stays_if_it_cannot_be_opened_now(void **state) {
    struct hub_repo_id a = commit(*state, "echo 1 >f");
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(hub_mirror_unlock) struct hub_mirror mirror = {0};
    git_repository *repo = NULL;
    struct rlimit before;

    fetch_ok(&f);
    assert_int_equal(hub_mirror_lock(f.folder, &mirror, &f.err), CM_OK);
    int next = open("/dev/null", O_RDONLY);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    (void)close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum cm_rc rc = hub_mirror_open(&mirror, &repo, &f.err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rc, CM_EIO);
    assert_non_null(strstr(f.err.msg, "it is left as it is"));
    hub_mirror_unlock(&mirror);
    expect_tip(&f, &a);
}

static void compaction_leaves_one_pack_and_every_object(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    CM_AUTOFREE char *repo = cm_strf("%s/repo", f.folder);
    struct hub_repo_id last = {{0}};
    size_t retired = 0;

    for (int i = 0; i < 5; i++) {
        CM_AUTOFREE char *script = cm_strf("echo %d >f%d", i, i);

        last = commit(*state, script);
        fetch_ok(&f);
    }
    assert_int_equal(f.fetched.packs, 5);
    if (hub_repo_compact(&f.job, &f.err) != CM_OK) {
        fail_msg("%s", f.err.msg);
    }
    fetch_ok(&f);
    assert_true(f.fetched.packs <= 2);
    hub_packs_list(repo, &packs);
    for (size_t i = 0; i < packs.count; i++) {
        retired += packs.items[i].retired ? 1 : 0;
    }
    assert_true(retired >= 4);
    scratch_run(*state, "cd mirror/repo/objects/pack; touch -d '11 minutes ago' *.retired");
    fetch_ok(&f);
    scratch_run(*state, "cd mirror/repo/objects/pack; test $(ls *.pack | wc -l) -le 2; "
                        "test -z \"$(ls | grep retired)\"; git -C ../.. fsck --full --strict 2>&1");
    expect_tip(&f, &last);
}

static void compaction_leaves_a_pack_alone_that_is_larger_than_all_others(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    CM_AUTOFREE char *repo = cm_strf("%s/repo", f.folder);

    (void)commit(*state, "head -c 300000 /dev/urandom >noise");
    fetch_ok(&f);
    for (int i = 0; i < 3; i++) {
        CM_AUTOFREE char *script = cm_strf("echo %d >f%d", i, i);

        (void)commit(*state, script);
        fetch_ok(&f);
    }
    assert_int_equal(hub_repo_compact(&f.job, &f.err), CM_OK);
    hub_packs_list(repo, &packs);
    assert_int_equal(packs.count, 5);
    for (size_t i = 0; i < packs.count; i++) {
        assert_false(packs.items[i].retired && packs.items[i].size > 300000);
    }
    fetch_ok(&f);
    assert_int_equal(f.fetched.packs, 2);
}

static void readers_find_everything_while_packs_are_replaced(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct hub_repo_id first = commit(*state, "echo 1 >f");

    fetch_ok(&f);
    for (int i = 0; i < 3; i++) {
        CM_AUTOFREE char *script = cm_strf("echo %d >>f", i);

        (void)commit(*state, script);
        fetch_ok(&f);
    }
    assert_int_equal(hub_repo_open(f.folder, &repo, &f.err), CM_OK);
    assert_int_equal(hub_repo_compact(&f.job, &f.err), CM_OK);
    assert_int_equal(hub_repo_tree(repo, &first, &tree, &f.err), CM_OK);
    assert_int_equal(hub_tree_list(tree, "", NULL, &entries, &f.err), CM_OK);
    assert_int_equal(entries.count, 1);
}

static void a_source_that_is_wrong_starts_nothing(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    f.source.url = "http://h/x";
    fetch_fails(&f, CM_EINVAL, HUB_REPO_LOCAL);
    assert_int_equal(access(f.folder, F_OK), -1);
}

static void a_mirror_that_was_never_fetched_is_not_found(void **state) {
    CM_AUTOFREE char *folder = scratch_path(*state, "none");
    struct hub_repo *repo = NULL;
    struct cm_err err;

    assert_int_equal(hub_repo_open(folder, &repo, &err), CM_ENOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(the_first_fetch_brings_the_branch),
        TEST(the_next_fetch_brings_what_is_new),
        TEST(a_forced_branch_is_said_to_be_rewound),
        TEST(a_branch_that_went_back_is_followed_once_somebody_pushed_on_top),
        TEST(another_branch_is_none_that_went_back),
        TEST(a_branch_goes_back_to_what_is_in_force),
        TEST(a_tag_can_be_followed),
        TEST(a_missing_branch_is_said_to_be_gone),
        TEST(a_missing_repository_is_said_to_be_missing),
        TEST(an_object_that_unpacks_beyond_the_limit_is_refused_and_the_mirror_stays),
        TEST(a_huge_file_does_no_harm_until_somebody_reads_it),
        TEST(too_many_bytes_or_objects_are_refused),
        TEST(a_fetch_that_takes_too_long_is_ended),
        TEST(a_fetch_can_be_cancelled),
        TEST(what_a_killed_fetch_left_is_swept_away),
        TEST(only_one_fetch_of_a_mirror_runs_at_a_time),
        TEST(a_mirror_that_cannot_be_read_is_made_anew),
        TEST(a_mirror_stays_if_a_pack_cannot_be_opened_now),
        TEST(a_mirror_stays_if_it_cannot_be_opened_now),
        TEST(compaction_leaves_one_pack_and_every_object),
        TEST(compaction_leaves_a_pack_alone_that_is_larger_than_all_others),
        TEST(readers_find_everything_while_packs_are_replaced),
        TEST(a_source_that_is_wrong_starts_nothing),
        TEST(a_mirror_that_was_never_fetched_is_not_found),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
