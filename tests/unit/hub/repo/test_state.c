#include "hub/repo/state.h"

#include "scratch.h"

#include "common/arena.h"
#include "common/buf.h"
#include "hub/repo/source.h"

struct fixture {
    struct scratch *scratch;
    char *folder;
    struct hub_state *state;
    struct cm_err err;
};

static void open_state(struct fixture *f) {
    if (hub_state_open(f->folder, &f->state, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static struct fixture fixture_of(void *state) {
    struct fixture f = {.scratch = state, .folder = scratch_path(state, "state.git")};

    open_state(&f);
    return f;
}

static void fixture_done(struct fixture *f) {
    hub_state_close(f->state);
    free(f->folder);
}

static struct hub_state_edit file(struct fixture *f, const char *path, const char *text) {
    struct hub_state_edit edit = {.path = path, .what = HUB_STATE_FILE};

    assert_int_equal(hub_state_blob(f->state, text, strlen(text), &edit.id, &f->err), CM_OK);
    return edit;
}

static int64_t when_ms = INT64_C(1700000000000); // 2023-11-14T22:13:20Z

static bool month;       // the next commit begins one
static const char *only; // of what was there

static bool stage(struct fixture *f, struct hub_state_edit *edits, size_t count) {
    struct hub_state_change change = {.branch = "desired",
                                      .edits = edits,
                                      .edit_count = count,
                                      .message = "said\n\nHoldfast-Action: change\n",
                                      .committer = "hub <hub@example.com>",
                                      .when_ms = when_ms,
                                      .month = month,
                                      .only = only};
    bool changed = false;

    if (hub_state_stage(f->state, &change, &changed, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    return changed;
}

static void commit(struct fixture *f, struct hub_state_edit *edits, size_t count) {
    assert_true(stage(f, edits, count));
    if (hub_state_write(f->state, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static void check(const struct fixture *f) {
    scratch_run(f->scratch,
                "test -z \"$(git -C state.git fsck --full --strict --no-dangling 2>&1)\"");
}

static void expect(const struct fixture *f, const char *script, const char *wanted) {
    CM_AUTOFREE char *got = scratch_sh(f->scratch, script);

    assert_string_equal(got, wanted);
}

#define NAMES "git -C state.git ls-tree -r --name-only desired | tr '\\n' ' '"

static void files_come_change_and_go_by_their_paths(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_state_edit first[] = {file(&f, "b/x.json", "1"), file(&f, "a/y/z.json", "2"),
                                     file(&f, "a.json", "3"), file(&f, "a-b/c", "4")};
    commit(&f, first, 4);
    expect(&f, NAMES, "a-b/c a.json a/y/z.json b/x.json ");
    struct hub_state_edit second[] = {{.path = "b/x.json"}, file(&f, "a/y/z.json", "5")};
    commit(&f, second, 2);
    expect(&f, NAMES, "a-b/c a.json a/y/z.json ");
    expect(&f, "git -C state.git show desired:a/y/z.json", "5");
    expect(&f,
           "git -C state.git log -1 --format='%s %an %at %(trailers:key=Holdfast-Action)' desired",
           "said hub 1700000000 Holdfast-Action: change");
    expect(&f, "git -C state.git rev-list --count desired", "2");
    check(&f);
}

static void a_folder_that_was_made_is_shared_by_many(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_state_edit in[] = {file(&f, "shop/b", "1"), file(&f, "shop/a", "2")};
    struct hub_state_edit both[] = {{.path = "00/one/app", .what = HUB_STATE_FOLDER},
                                    {.path = "00/two/app", .what = HUB_STATE_FOLDER}};

    assert_int_equal(hub_state_tree(f.state, in, 2, &both[0].id, &f.err), CM_OK);
    both[1].id = both[0].id;
    commit(&f, both, 2);
    expect(&f, NAMES, "00/one/app/shop/a 00/one/app/shop/b 00/two/app/shop/a 00/two/app/shop/b ");
    struct hub_state_edit gone[] = {{.path = "00/one/app"}};
    commit(&f, gone, 1);
    expect(&f, NAMES, "00/two/app/shop/a 00/two/app/shop/b ");
    check(&f);
}

static void what_changes_nothing_makes_no_commit(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_state_edit first[] = {file(&f, "a/b", "1")};
    commit(&f, first, 1);
    struct hub_state_edit same[] = {file(&f, "a/b", "1"), {.path = "none/of/it"}};

    assert_false(stage(&f, same, 2));
    assert_int_equal(hub_state_write(f.state, &f.err), CM_OK);
    expect(&f, "git -C state.git rev-list --count desired", "1");
}

static void two_edits_of_one_place_do_no_harm(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_state_edit edits[] = {file(&f, "a/b", "1"), file(&f, "a/b", "1"),
                                     file(&f, "a/b/c", "2"), file(&f, "a/d", "3")};

    commit(&f, edits, 4);
    expect(&f, NAMES, "a/b a/d ");
    check(&f);
}

static void an_edit_makes_no_more_objects_than_lie_on_its_way(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    char paths[400][24];
    struct hub_state_edit edits[400];

    for (size_t i = 0; i < 400; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%02zx/c%zu/app", i % 64, i);
        edits[i] = file(&f, paths[i], paths[i]);
    }
    commit(&f, edits, 400);
    struct hub_state_edit one[] = {file(&f, "05/c5/app", "other")};
    commit(&f, one, 1);
    // The commit, three folders and a file.
    expect(&f, "git -C state.git rev-list --objects desired~1..desired | wc -l", "5");
    expect(&f, "ls state.git/objects/pack/*.pack | wc -l", "2");
    check(&f);
}

static void what_was_not_written_is_not_there_after_a_crash(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_state_edit first[] = {file(&f, "a", "1")};
    commit(&f, first, 1);
    struct hub_state_edit second[] = {file(&f, "a", "2")};

    assert_true(stage(&f, second, 1));
    hub_state_close(f.state);
    scratch_run(f.scratch, "touch state.git/objects/pack/pack_git2_dead "
                           "state.git/refs/heads/desired.lock");
    open_state(&f);
    expect(&f, "git -C state.git show desired:a", "1");
    commit(&f, second, 1); // its file is not known any more, and was only named
}

static void what_is_dropped_leaves_nothing_behind(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    struct hub_state_edit first[] = {file(&f, "a", "1")};

    assert_true(stage(&f, first, 1));
    hub_state_drop(f.state);
    assert_int_equal(hub_state_write(f.state, &f.err), CM_OK);
    expect(&f, "ls state.git/refs/heads | wc -l", "0");
    expect(&f, "ls state.git/objects/pack | wc -l", "0");
}

static void the_tip_and_the_last_file_of_a_folder_are_read_back(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    const char *text = NULL;
    struct hub_repo_id tip;

    assert_int_equal(hub_state_tip(f.state, a, "desired", &tip, &text, &f.err), CM_ENOTFOUND);
    struct hub_state_edit edits[] = {file(&f, "d/21-0000", "1"), file(&f, "d/21-0001", "2"),
                                     file(&f, "d/22-0000", "3")};
    commit(&f, edits, 3);
    assert_int_equal(hub_state_tip(f.state, a, "desired", &tip, &text, &f.err), CM_OK);
    assert_string_equal(text, "said\n\nHoldfast-Action: change\n");
    struct hub_state_place place = {"desired", "d", "21-"};
    assert_int_equal(hub_state_last(f.state, a, &place, &text, &bytes, &f.err), CM_OK);
    assert_string_equal(text, "21-0001");
    assert_memory_equal(bytes->data, "2", 1);
    cm_buf_unref(bytes);
    bytes = NULL;
    place.prefix = "23-";
    assert_int_equal(hub_state_last(f.state, a, &place, &text, &bytes, &f.err), CM_ENOTFOUND);
    place = (struct hub_state_place){"desired", "e", ""};
    assert_int_equal(hub_state_last(f.state, a, &place, &text, &bytes, &f.err), CM_ENOTFOUND);
}

static void small_packs_are_merged_and_nothing_is_lost(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    const struct hub_repo_job job = {.folder = f.folder, .cancel_fd = -1};
    uint64_t bytes = 0;

    for (int i = 0; i < 8; i++) {
        CM_AUTOFREE char *text = cm_strf("text %d", i);
        struct hub_state_edit edit[] = {file(&f, "a/b", text)};

        commit(&f, edit, 1);
    }
    assert_int_equal(hub_state_packs(f.state, &bytes), 8);
    if (hub_repo_merge(&job, &f.err) < 0) {
        fail_msg("%s", f.err.msg);
    }
    assert_int_equal(hub_state_packs(f.state, &bytes), 1);
    struct hub_state_edit edit[] = {file(&f, "a/b", "last")};
    commit(&f, edit, 1);
    scratch_run(f.scratch, "cd state.git/objects/pack; touch -d '11 minutes ago' *.retired");
    hub_state_close(f.state);
    assert_int_equal(hub_state_open(f.folder, &f.state, &f.err), CM_OK); // it sweeps
    expect(&f, "ls state.git/objects/pack/*.pack | wc -l", "2");
    expect(&f, "git -C state.git rev-list --count desired", "9");
    check(&f);
}

static void a_large_pack_stays_when_small_ones_are_merged(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    const struct hub_repo_job job = {.folder = f.folder, .cancel_fd = -1};
    uint64_t bytes = 0;
    char noise[20000];

    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof(noise) - 1; i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = (char)('!' + (seed >> 16) % 90);
    }
    noise[sizeof(noise) - 1] = '\0';
    struct hub_state_edit large[] = {file(&f, "large", noise)};
    commit(&f, large, 1);
    expect(&f, "ls state.git/objects/pack/*.pack >large; wc -l <large", "1");
    for (int i = 0; i < 3; i++) {
        CM_AUTOFREE char *text = cm_strf("text %d", i);
        struct hub_state_edit edit[] = {file(&f, "a/b", text)};

        commit(&f, edit, 1);
    }
    assert_int_equal(hub_repo_merge(&job, &f.err), CM_OK);
    assert_int_equal(hub_state_packs(f.state, &bytes), 2);
    scratch_run(f.scratch, "test ! -e $(basename -s .pack $(cat large)).retired; "
                           "test -e $(cat large)");
}

#define FOLDERS 40
#define FILES 24

// change_one changes a file of each folder, or makes all of them.
static void change_one(struct fixture *f, struct cm_arena *a, int round) {
    struct hub_state_edit edits[FOLDERS * FILES];
    size_t count = 0;

    for (int folder = 0; folder < FOLDERS; folder++) {
        for (int i = 0; i < FILES; i++) {
            if (round == 0 || i == round) {
                edits[count++] = file(f, cm_arena_strf(a, "f%02d/shop/o%02d", folder, i),
                                      cm_arena_strf(a, "%d %d %d", folder, i, round));
            }
        }
    }
    commit(f, edits, count);
}

// Of folders that hold hashes only another version of the same one has something in common.
static void versions_of_a_folder_are_kept_as_differences(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_repo_job job = {.folder = f.folder, .cancel_fd = -1};
    static const char small[] = // of those that are files' folders: not a third of their bytes
        "git -C state.git cat-file --batch-all-objects --batch-check='%(objecttype) %(objectsize) "
        "%(objectsize:disk)' | awk '$1 == \"tree\" && $2 > 500 { is += $3; was += $2 } "
        "END { print (was > 0 && 3 * is < was ? \"small\" : is \" of \" was) }'";

    for (int round = 0; round < 8; round++) {
        change_one(&f, a, round);
    }
    assert_int_equal(hub_repo_merge(&job, &f.err), CM_OK);
    scratch_run(f.scratch, "cd state.git/objects/pack; for mark in *.retired; do"
                           " rm ${mark%.retired}.*; done");
    expect(&f, small, "small");
    for (int i = 0; i < 600; i++) {
        (void)file(&f, "", cm_arena_strf(a, "nobody names %d", i));
    }
    assert_int_equal(hub_state_write(f.state, &f.err), CM_OK);
    assert_int_equal(hub_repo_prune(&job, &f.err), CM_OK);
    expect(&f, small, "small");
    check(&f);
}

// Else a moment long ago is found only by walking all that came since.
static void where_a_branch_was_every_six_hours_is_marked(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);
    static const int64_t hours[] = {0, 1, 2, 3, 20};

    for (size_t i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
        CM_AUTOFREE char *text = cm_strf("%zu", i);
        struct hub_state_edit edit = file(&f, "16/paris/a", text);

        when_ms += hours[i] * 3600000;
        commit(&f, &edit, 1);
    }
    when_ms = INT64_C(1700000000000);
    CM_AUTOFREE char *got = scratch_sh(
        f.scratch,
        "cd state.git && for r in $(git for-each-ref --format='%(refname)' refs/moments); "
        "do echo $r $(git show $r:16/paris/a); done | tr '\\n' ';'");
    assert_string_equal(got, "refs/moments/desired/2023-11-15T00 1;"
                             "refs/moments/desired/2023-11-16T00 3;");
}

// ---- Months

#define DAY_MS (INT64_C(24) * 3600 * 1000)

// put makes a commit so many days after 2023-11-14.
static void put(struct fixture *f, const char *path, const char *text, int64_t days, bool begins) {
    struct hub_state_edit edit[] = {file(f, path, text)};

    when_ms = INT64_C(1700000000000) + days * DAY_MS;
    month = begins;
    commit(f, edit, 1);
    when_ms = INT64_C(1700000000000);
    month = false;
}

static void
a_month_ends_with_its_last_commit_and_the_next_begins_with_all_that_is_there(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "a/x", "1", 0, true); // the first one ever
    put(&f, "b", "2", 1, false);
    put(&f, "a/y", "3", 20, true); // 2023-12-04
    put(&f, "a/y", "4", 21, false);
    expect(&f, "git -C state.git for-each-ref --format='%(refname)' refs/tags",
           "refs/tags/state/desired/2023-11");
    expect(&f, "git -C state.git rev-list --count state/desired/2023-11", "2");
    expect(&f, "git -C state.git rev-list --count desired", "2");
    expect(&f, NAMES, "a/x a/y b ");
    expect(&f,
           "cd state.git; test $(git log -1 --format='%(trailers:key=Holdfast-Before,valueonly)' "
           "desired~1) = $(git rev-parse state/desired/2023-11) && echo it is",
           "it is");
    check(&f);
}

static void a_month_may_begin_with_one_folder_of_what_was_there(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "a/x", "1", 0, false);
    put(&f, "b/y", "2", 0, false);
    only = "b";
    put(&f, "c", "3", 20, true);
    only = "none";
    put(&f, "d", "4", 50, true);
    only = NULL;
    expect(&f, "git -C state.git ls-tree -r --name-only state/desired/2023-12 | tr '\\n' ' '",
           "b/y c ");
    expect(&f, NAMES, "d ");
    check(&f);
}

static void a_month_whose_naming_was_cut_short_is_named(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "a", "1", 0, false);
    hub_state_close(f.state);
    scratch_run(f.scratch, "mkdir -p state.git/refs/tags/state/desired &&"
                           " touch state.git/refs/tags/state/desired/2023-11.lock");
    open_state(&f);
    put(&f, "a", "2", 20, true);
    expect(&f, "git -C state.git show state/desired/2023-11:a", "1");
}

static void prune(struct fixture *f) {
    const struct hub_repo_job job = {.folder = f->folder, .cancel_fd = -1};

    assert_true(hub_state_is_owed(f->state));
    if (hub_repo_prune(&job, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    hub_state_paid(f->state);
    hub_state_close(f->state);
    open_state(f);
}

static void what_is_older_than_is_kept_is_gone_from_the_disk(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "stays", "from the beginning", 0, false);
    for (int i = 0; i < 8; i++) {
        CM_AUTOFREE char *text = cm_strf("of November, number %d", i);
        put(&f, "a", text, 1, false);
    }
    const struct hub_repo_job job = {.folder = f.folder, .cancel_fd = -1};
    assert_int_equal(hub_repo_merge(&job, &f.err), CM_OK); // each lies in two packs for a while
    expect(&f, "ls state.git/objects/pack/*.retired | wc -l", "9");
    put(&f, "a", "of December", 20, true);
    put(&f, "a", "of January", 50, true); // 2024-01-03
    expect(&f,
           "echo of November, number 3 | tr -d '\\n' | git hash-object --stdin >id; "
           "git -C state.git cat-file -t $(cat id)",
           "blob");
    scratch_run(f.scratch, "cd state.git && git -c user.name=a -c user.email=a@example.com tag -a "
                           "-m audited seen desired && git tag notes $(echo notes | git "
                           "hash-object -w --stdin)");
    assert_int_equal(hub_state_forget(f.state, "2023-12", 1, &f.err), CM_OK);
    prune(&f);
    expect(&f,
           "git -C state.git for-each-ref --format='%(refname:short)' refs/heads refs/tags | tr "
           "'\\n' ' '",
           "desired notes seen state/desired/2023-12 ");
    scratch_run(f.scratch, "rm -f state.git/objects/[0-9a-f]*/*");
    expect(&f, "cd state.git; echo $(git cat-file -t seen) $(git show notes)", "tag notes");
    expect(&f, "git -C state.git cat-file -t $(cat id) 2>/dev/null || echo gone", "gone");
    expect(&f, "git -C state.git show state/desired/2023-12:stays", "from the beginning");
    put(&f, "a", "of November, number 3", 51, false); // what was there once comes again
    check(&f);
    assert_int_equal(hub_state_forget(f.state, "2023-12", 1, &f.err), CM_OK);
    assert_false(hub_state_is_owed(f.state));
}

#define REFS                                                                                       \
    "git -C state.git for-each-ref --format='%(refname:lstrip=1)' refs/tags refs/moments | tr "    \
    "'\\n' ' '"

static void a_clock_that_is_ahead_takes_no_month_that_would_be_kept(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "a", "of November", 0, false);
    put(&f, "a", "of December", 20, true);
    put(&f, "a", "of January", 50, true);
    put(&f, "a", "of February", 80, true);
    assert_int_equal(hub_state_forget(f.state, "2033-01", 2, &f.err), CM_OK);
    expect(&f, REFS,
           "moments/desired/2024-01-03T18 moments/desired/2024-02-02T18 "
           "tags/state/desired/2023-12 tags/state/desired/2024-01 ");
    assert_int_equal(hub_state_forget(f.state, "2033-01", 9, &f.err), CM_OK);
    expect(&f, "git -C state.git tag | wc -l", "2");
}

static void a_mark_that_could_not_be_removed_goes_later(void **state) {
    CM_CLEANUP(fixture_done) struct fixture f = fixture_of(*state);

    put(&f, "a", "of November", 0, false);
    put(&f, "a", "of December", 20, true);
    put(&f, "a", "of January", 50, true);
    scratch_run(f.scratch, "touch state.git/refs/moments/desired/2023-12-04T18.lock");
    assert_int_not_equal(hub_state_forget(f.state, "2023-12", 1, &f.err), CM_OK);
    scratch_run(f.scratch, "rm state.git/refs/moments/desired/2023-12-04T18.lock");
    assert_int_equal(hub_state_forget(f.state, "2023-12", 1, &f.err), CM_OK);
    expect(&f, REFS, "moments/desired/2024-01-03T18 tags/state/desired/2023-12 ");
}

static void months_are_counted_back_over_years(void **state) {
    static const struct {
        int64_t at_ms;
        int64_t back;
        const char *month;
    } cases[] = {
        {INT64_C(1704067199999), 0, "2023-12"}, // 2023-12-31T23:59:59.999Z
        {INT64_C(1704067200000), 0, "2024-01"}, // 2024-01-01T00:00Z
        {INT64_C(1704067200000), 1, "2023-12"},  {INT64_C(1709164800000), 0, "2024-02"}, // the 29th
        {INT64_C(1709251199000), 12, "2023-02"}, {INT64_C(1709251200000), 1, "2024-02"},
        {INT64_C(1709251200000), 27, "2021-12"}, {INT64_C(1709251200000), 1200, "1924-03"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char month_then[HUB_STATE_MONTH_MAX];

        hub_state_month_back(cases[i].at_ms, cases[i].back, month_then);
        assert_string_equal(month_then, cases[i].month);
    }
}

static void what_is_no_repository_is_said_and_left_as_it_is(void **state) {
    CM_AUTOFREE char *folder = scratch_path(*state, "state.git");
    struct hub_state *s = NULL;
    struct cm_err err;

    scratch_run(*state, "echo mine >state.git");
    assert_int_not_equal(hub_state_open(folder, &s, &err), CM_OK);
    scratch_run(*state, "test mine = $(cat state.git)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(files_come_change_and_go_by_their_paths),
        TEST(a_folder_that_was_made_is_shared_by_many),
        TEST(what_changes_nothing_makes_no_commit),
        TEST(two_edits_of_one_place_do_no_harm),
        TEST(an_edit_makes_no_more_objects_than_lie_on_its_way),
        TEST(what_was_not_written_is_not_there_after_a_crash),
        TEST(what_is_dropped_leaves_nothing_behind),
        TEST(the_tip_and_the_last_file_of_a_folder_are_read_back),
        TEST(small_packs_are_merged_and_nothing_is_lost),
        TEST(a_large_pack_stays_when_small_ones_are_merged),
        TEST(versions_of_a_folder_are_kept_as_differences),
        TEST(where_a_branch_was_every_six_hours_is_marked),
        TEST(what_is_no_repository_is_said_and_left_as_it_is),
        TEST(a_month_ends_with_its_last_commit_and_the_next_begins_with_all_that_is_there),
        TEST(a_month_may_begin_with_one_folder_of_what_was_there),
        TEST(a_month_whose_naming_was_cut_short_is_named),
        TEST(what_is_older_than_is_kept_is_gone_from_the_disk),
        TEST(a_clock_that_is_ahead_takes_no_month_that_would_be_kept),
        TEST(a_mark_that_could_not_be_removed_goes_later),
        TEST(months_are_counted_back_over_years),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
