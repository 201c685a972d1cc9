// One round of fetching, deciding and pushing, against a bare repository in a folder.
#include "hub/jobs/writer_state.h"

#include "tests/unit/hub/repo/scratch.h"

#include "hub/config/config.h"
#include "hub/repo/source.h"

#define EPOCH 3
#define TIMEOUT_MS 30000
#define MADE_MS INT64_C(1764364445123)
#define COMMITS "git -C fleet.git rev-list --count main"
#define ITEMS_MAX 20

struct fixture {
    struct scratch *scratch;
    struct hub_repository repository;
    char *url;
    char *folder;
    struct hub_flush flush;
};

static int set_up(void **state) {
    static char texts[][32] = {"fleet", "main", "", "Hub", "hub@example.com"};
    struct fixture *f = cm_new(1, sizeof(*f));
    void *scratch;

    assert_int_equal(scratch_open(&scratch), 0);
    f->scratch = scratch;
    f->url = cm_strf("file://%s/fleet.git", f->scratch->folder);
    f->folder = scratch_path(f->scratch, "writes");
    f->repository = (struct hub_repository){.name = texts[0],
                                            .url = f->url,
                                            .branch = texts[1],
                                            .path = texts[2],
                                            .timeout_ms = TIMEOUT_MS,
                                            .committer = texts[3],
                                            .committer_email = texts[4]};
    f->flush = (struct hub_flush){.repository = &f->repository,
                                  .folder = f->folder,
                                  .writer = "hub-1/epoch-3",
                                  .hub_id = "hub-1",
                                  .epoch = EPOCH,
                                  .cancel_fd = -1,
                                  .now_ms = MADE_MS,
                                  .items = cm_new(ITEMS_MAX, sizeof(*f->flush.items))};
    scratch_run(f->scratch,
                "git init --quiet --bare -b main fleet.git\n"
                "git init --quiet -b main work; cd work; git remote add o ../fleet.git\n"
                "echo x >bans; git add -A; git commit --quiet -m first; git push --quiet o main");
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    void *scratch = f->scratch;

    hub_flush_done(&f->flush);
    free(f->url);
    free(f->folder);
    free(f);
    return scratch_close(&scratch);
}

// add adds that a file of a kind's folder shall have this text.
static void add(struct fixture *f, const char *kind, const char *path, const char *text,
                const char *cause) {
    size_t number = f->flush.count++;
    CM_AUTOFREE char *id = cm_strf("id-%zu", number);
    CM_AUTOFREE char *args = cm_strf("{\"path\":\"%s\",\"text\":\"%s\"}", path, text);
    const struct hub_intent intent = {.id = id,
                                      .kind = kind,
                                      .app = "web",
                                      .cluster = "",
                                      .cause = cause,
                                      .args = args,
                                      .actor = "ada",
                                      .made_ms = MADE_MS};

    assert_true(number < ITEMS_MAX);
    f->flush.items[number].writing = hub_writing_new(&intent);
}

static void run(struct fixture *f) {
    f->flush.err.code = CM_OK;
    hub_flush_run(&f->flush);
    if (f->flush.err.code != CM_OK) {
        fail_msg("%s", f->flush.err.msg);
    }
}

static void expect(const struct fixture *f, const char *script, const char *wanted) {
    CM_AUTOFREE char *got = scratch_sh(f->scratch, script);

    assert_string_equal(got, wanted);
}

static void assert_done(const struct fixture *f, size_t number) {
    const struct hub_flush_item *item = &f->flush.items[number];

    if (item->what != HUB_WRITTEN_DONE) {
        fail_msg("%zu: %s", number, item->why != NULL ? item->why : "it waits");
    }
}

static void what_is_asked_for_is_pushed_and_found(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "freezes/a.yaml", "a", "");
    add(f, "freeze", "freezes/b.yaml", "b", "");
    run(f);
    assert_done(f, 0);
    assert_done(f, 1);
    expect(f, COMMITS, "3");
    expect(f, "git -C fleet.git show main:freezes/b.yaml", "b");
}

static void an_edit_that_follows_that_of_another_cause_comes_after_it(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "freezes/a.yaml", "one", "x");
    add(f, "freeze", "freezes/a.yaml", "two", "y");
    add(f, "freeze", "freezes/b.yaml", "b", "y");
    add(f, "freeze", "freezes/a.yaml", "three", "x");
    run(f);
    expect(f, "git -C fleet.git show main:freezes/a.yaml", "three");
    expect(f,
           "git -C fleet.git log --format='%(trailers:key=Holdfast-Cause,valueonly)' main | xargs",
           "x y x");
    expect(f, COMMITS, "4");
}

static void what_can_never_be_pushed_keeps_nothing_else_from_it(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "freezes/a.yaml", "a", "");
    add(f, "freeze", "freezes/b.yaml", "b", "");
    add(f, "ban", "bans/a.yaml", "c", ""); // a file is in the way
    add(f, "freeze", "freezes/d.yaml", "d", "");
    add(f, "ban", "bans/b.yaml", "e", "");
    run(f);
    assert_done(f, 0);
    assert_done(f, 1);
    assert_int_equal(f->flush.items[2].what, HUB_WRITTEN_NEVER);
    assert_non_null(strstr(f->flush.items[2].why, "bans"));
    assert_done(f, 3);
    assert_int_equal(f->flush.items[4].what, HUB_WRITTEN_NEVER);
    expect(f, COMMITS, "4");
}

static void what_the_configuration_forbids_waits(void **state) {
    struct fixture *f = *state;
    static char committer[] = "<";

    f->repository.committer = committer;
    add(f, "freeze", "freezes/a.yaml", "a", "");
    hub_flush_run(&f->flush);
    assert_int_equal(f->flush.err.code, CM_EINVAL);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_NOT_YET);
}

static void more_than_one_push_can_hold_takes_several(void **state) {
    struct fixture *f = *state;
    size_t size = ((size_t)1 << 20) - 1000;
    CM_AUTOFREE char *text = cm_new(1, size + 1);

    memset(text, 'x', size);
    for (size_t i = 0; i < 9; i++) {
        CM_AUTOFREE char *path = cm_strf("freezes/%zu.yaml", i);

        add(f, "freeze", path, text, "");
    }
    run(f);
    for (size_t i = 0; i < 9; i++) {
        assert_done(f, i);
    }
    expect(f, COMMITS, "10");
}

// The commits of scratch are of 2023, long before any intent here.
static void while_others_push_all_the_time_it_is_a_hold_that_needs_no_proof(void **state) {
    struct fixture *f = *state;
    const struct hub_repositories list = {.items = &f->repository, .count = 1};
    const struct hub_writer_world world = {&list, f->scratch->folder, -1};

    f->flush.world = &world;
    f->flush.moved = 2;
    add(f, "hold", "holds/web/2.yaml", "h\",\"revert\":true,\"subject\":\"1", "");
    run(f);
    assert_done(f, 0);
    expect(f, "git -C fleet.git log -1 --format='%(trailers:key=Holdfast-Not-Reverted,valueonly)'",
           "others push all the time");
}

static void a_later_epoch_is_seen_however_old_its_commit_is(void **state) {
    struct fixture *f = *state;

    scratch_run(f->scratch,
                "cd work; for i in 1 2 3; do git commit --quiet --allow-empty -m x; done\n"
                "git commit --quiet --allow-empty -m x -m 'Holdfast-Writer: hub-1/epoch-4'\n"
                "git commit --quiet --allow-empty -m x; git push --quiet o main");
    add(f, "freeze", "freezes/a.yaml", "a", "");
    hub_flush_run(&f->flush);
    assert_int_equal(f->flush.err.code, CM_EAUTH);
    expect(f, COMMITS, "6");
}

static void what_people_merged_into_theirs_is_found(void **state) {
    struct fixture *f = *state;

    scratch_run(f->scratch,
                "cd work; git checkout --quiet -b hub\n"
                "git commit --quiet --allow-empty -m x -m 'Holdfast-Event: id-0'\n"
                "git checkout --quiet main; git commit --quiet --allow-empty -m theirs\n"
                "git merge --quiet --no-ff -m merged hub; git push --quiet o main");
    add(f, "freeze", "freezes/a.yaml", "a", "");
    run(f);
    assert_done(f, 0);
    expect(f, "git -C fleet.git rev-parse main^2", f->flush.items[0].revision);
    expect(f, COMMITS, "4");
}

static void add_waiting(struct cm_list *waiting, const char *kind, const char *args) {
    const struct hub_intent intent = {.kind = kind, .app = "web", .args = args};

    cm_list_append(waiting, &hub_writing_new(&intent)->in_list);
}

static void commits_that_wait_leave_nothing_out_of_a_pull_request(void **state) {
    const struct fixture *f = *state;
    struct hub_flush commits = {.repository = &f->repository};
    struct hub_flush pulls = {.repository = &f->repository, .by_pulls = true};
    struct cm_list waiting;

    cm_list_init(&waiting);
    for (size_t i = 0; i <= HUB_FLUSH_COMMITS; i++) {
        add_waiting(&waiting, "freeze", "{}");
    }
    add_waiting(&waiting, "capture", "{\"pull\":true}");
    hub_flush_fill(&commits, &waiting);
    assert_int_equal(commits.count, HUB_FLUSH_COMMITS + 1);
    assert_true(commits.items[HUB_FLUSH_COMMITS].writing->asks_pull);
    assert_true(commits.cut);
    hub_flush_fill(&pulls, &waiting);
    assert_int_equal(pulls.count, HUB_FLUSH_COMMITS + 2);
    assert_false(pulls.cut);
    hub_flush_done(&commits);
    hub_flush_done(&pulls);
    while (!cm_list_empty(&waiting)) {
        struct hub_writing *w = CM_CONTAINER(waiting.next, struct hub_writing, in_list);

        cm_list_remove(&w->in_list);
        hub_writing_free(w);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_for_is_pushed_and_found),
        TEST(an_edit_that_follows_that_of_another_cause_comes_after_it),
        TEST(what_can_never_be_pushed_keeps_nothing_else_from_it),
        TEST(what_the_configuration_forbids_waits),
        TEST(more_than_one_push_can_hold_takes_several),
        TEST(while_others_push_all_the_time_it_is_a_hold_that_needs_no_proof),
        TEST(a_later_epoch_is_seen_however_old_its_commit_is),
        TEST(what_people_merged_into_theirs_is_found),
        TEST(commits_that_wait_leave_nothing_out_of_a_pull_request),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
