// What goes into pull requests: branches of a bare repository in a folder, and a server that takes
// nothing but what GitHub documents.
#include "hub/jobs/writer_state.h"

#include "tests/unit/hub/repo/scratch.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/map.h"
#include "hub/config/config.h"
#include "hub/hold/hold.h"
#include "hub/jobs/found.h"
#include "hub/repo/source.h"

#define EPOCH 3
#define TIMEOUT_MS 30000
#define MADE_MS INT64_C(1764364445123)
#define BRANCH "holdfast/freeze/web"
#define ITEMS_MAX 20
#define SERVER_SHA "6dcb09b5b57875f334f61aebed695e2e4193db5e" // that it says of each branch

struct fixture {
    struct scratch *scratch;
    struct hub_repository repository;
    char *url;
    char *folder;
    pid_t server;
    int to_server;
    int port;
    struct hub_forge *forge;
    struct hub_flush flush;
    const char *found_as;                 // the repository's name there
    const struct hub_repo_limits *limits; // of what is found; NULL: those that it has
};

static int start_server(struct fixture *f) {
    int in[2];
    int out[2];
    char line[16] = "";

    assert_int_equal(pipe(in) | pipe(out), 0);
    f->server = fork();
    if (f->server == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        (void)execl(PYTHON, PYTHON, FORGE_SERVER, (char *)NULL);
        _exit(1);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    f->to_server = in[1];
    FILE *said = fdopen(out[0], "r");
    assert_non_null(fgets(line, sizeof(line), said));
    (void)fclose(said);
    return (int)strtol(line, NULL, 10);
}

static void open_forge(struct fixture *f, const char *name) {
    CM_AUTOFREE char *api = cm_strf("http://127.0.0.1:%d/github", f->port);
    const struct hub_forge_config config = {
        .project = {.provider = HUB_FORGE_GITHUB, .api = api, .name = (char *)(uintptr_t)name},
        .token = "s3cret",
        .cancel_fd = -1};
    struct cm_err err;

    assert_int_equal(hub_forge_new(&config, &f->forge, &err), CM_OK);
    f->flush.forge = f->forge;
}

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
    f->found_as = texts[0];
    f->port = start_server(f);
    f->flush = (struct hub_flush){.repository = &f->repository,
                                  .folder = f->folder,
                                  .writer = "hub-1/epoch-3",
                                  .hub_id = "hub-1",
                                  .epoch = EPOCH,
                                  .cancel_fd = -1,
                                  .now_ms = MADE_MS,
                                  .by_pulls = true,
                                  .items = cm_new(ITEMS_MAX, sizeof(*f->flush.items))};
    open_forge(f, "octo/fleet");
    scratch_run(f->scratch,
                "git init --quiet --bare -b main fleet.git\n"
                "git init --quiet -b main work; cd work; git remote add o ../fleet.git\n"
                "echo x >a; git add -A; git commit --quiet -m first\n"
                "git push --quiet o main");
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    void *scratch = f->scratch;

    hub_flush_done(&f->flush);
    hub_forge_free(f->forge);
    (void)close(f->to_server);
    (void)waitpid(f->server, NULL, 0);
    free(f->url);
    free(f->folder);
    free(f);
    return scratch_close(&scratch);
}

static void add(struct fixture *f, const char *kind, const char *app, const char *path,
                const char *text) {
    size_t number = f->flush.count++;
    CM_AUTOFREE char *id = cm_strf("id-%zu", number);
    CM_AUTOFREE char *args = cm_strf("{\"path\":\"%s\",\"text\":\"%s\"}", path, text);
    const struct hub_intent intent = {.id = id,
                                      .kind = kind,
                                      .app = app,
                                      .cluster = "",
                                      .cause = path,
                                      .args = args,
                                      .actor = "ada",
                                      .made_ms = MADE_MS};

    assert_true(number < ITEMS_MAX);
    f->flush.items[number].writing = hub_writing_new(&intent);
}

// run also does what the loop does between two rounds.
static void run(struct fixture *f) {
    struct hub_flush *flush = &f->flush;
    struct hub_flush_item *items = cm_new(ITEMS_MAX, sizeof(*items));
    size_t kept = 0;

    for (size_t i = 0; i < flush->count; i++) {
        items[i].writing = flush->items[i].writing;
        items[i].what = flush->items[i].what;
        items[i].why = flush->items[i].why;
        hub_write_edit_done(&flush->items[i].edit);
        free(flush->items[i].branch);
    }
    free(flush->items);
    flush->items = items;
    for (size_t i = 0; i < flush->pulls.count; i++) {
        struct hub_pulls one = {.items = &flush->pulls.items[i], .count = 1};

        if (one.items->state == HUB_FORGE_IS_OPEN || one.items->state == HUB_FORGE_MISSING) {
            flush->pulls.items[kept++] = *one.items;
            continue;
        }
        free(one.items->branch);
        free(one.items->app);
        free(one.items->title);
        free(one.items->content);
    }
    flush->pulls.count = kept;
    hub_flush_run(flush);
    if (flush->err.code != CM_OK) {
        fail_msg("%s", flush->err.msg);
    }
}

static void expect(const struct fixture *f, const char *script, const char *wanted) {
    CM_AUTOFREE char *got = scratch_sh(f->scratch, script);

    assert_string_equal(got, wanted);
}

// What somebody does with the last pull request, at the provider.
static void somebody(struct fixture *f, enum hub_forge_verb verb) {
    const struct hub_forge_ask ask = {.verb = verb, .branch = "merge-it", .number = 1};
    struct hub_forge_answer answer;
    struct cm_err err;

    assert_int_equal(hub_forge_call(f->forge, &ask, &answer, NULL, &err), CM_OK);
}

static const struct hub_pull *only(const struct fixture *f) {
    assert_int_equal(f->flush.pulls.count, 1);
    return &f->flush.pulls.items[0];
}

static void what_is_about_the_same_comes_into_one_that_is_updated(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    assert_int_equal(only(f)->number, 1);
    assert_string_equal(only(f)->branch, BRANCH);
    assert_string_equal(only(f)->title, "freeze(web): stop applying");
    assert_string_equal(only(f)->url, "https://github.com/octo/fleet/pull/1");
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_NOT_YET);
    assert_int_equal(f->flush.items[0].writing->pull, 1);
    add(f, "freeze", "web", "freezes/b.yaml", "b");
    run(f);
    assert_int_equal(only(f)->number, 1);
    expect(f, "git -C fleet.git ls-tree -r --name-only " BRANCH " freezes | tr '\\n' ' '",
           "freezes/a.yaml freezes/b.yaml ");
    expect(f, "git -C fleet.git rev-list --count main", "1");
    expect(f, "git -C fleet.git for-each-ref | wc -l", "2");
}

static void a_branch_that_is_as_it_shall_be_is_left_alone(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    CM_AUTOFREE char *before = scratch_sh(f->scratch, "git -C fleet.git rev-parse " BRANCH);
    scratch_run(f->scratch, "cd work; echo y >b; git add -A; git commit --quiet -m other\n"
                            "git push --quiet o main");
    f->flush.now_ms += 10000;
    run(f);
    expect(f, "git -C fleet.git rev-parse " BRANCH, before);
}

static void others_go_into_others(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    add(f, "ban", "web", "bans/b.yaml", "b");
    add(f, "freeze", "shop", "freezes/c.yaml", "c");
    run(f);
    assert_int_equal(f->flush.pulls.count, 3);
    expect(f, "git -C fleet.git ls-tree -r --name-only holdfast/ban/web | tr '\\n' ' '",
           "a bans/b.yaml ");
}

static void what_asks_for_one_goes_there_though_others_are_commits(void **state) {
    struct fixture *f = *state;

    f->flush.by_pulls = false;
    add(f, "freeze", "web", "freezes/a.yaml", "a");
    add(f, "ban", "web", "bans/b.yaml", "b");
    f->flush.items[1].writing->asks_pull = true;
    run(f);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_DONE);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NOT_YET);
    assert_int_equal(f->flush.items[1].writing->pull, 1);
    assert_false(f->flush.by_pulls);
    assert_string_equal(only(f)->branch, "holdfast/ban/web");
    assert_null(f->flush.holds); // the branch of Holds is left alone
    expect(f, "git -C fleet.git ls-tree -r --name-only main | tr '\\n' ' '", "a freezes/a.yaml ");
    expect(f, "git -C fleet.git ls-tree -r --name-only holdfast/ban/web bans", "bans/b.yaml");
}

// Commits may have gone one by one, to find the one that can never be pushed.
static void what_narrows_commits_takes_nothing_out_of_one(void **state) {
    struct fixture *f = *state;

    f->flush.by_pulls = false;
    f->flush.most = 1;
    add(f, "freeze", "web", "freezes/b.yaml", "b");
    add(f, "freeze", "web", "freezes/c.yaml", "c");
    f->flush.items[0].writing->asks_pull = true;
    f->flush.items[1].writing->asks_pull = true;
    run(f);
    expect(f, "git -C fleet.git ls-tree -r --name-only " BRANCH " freezes | tr '\\n' ' '",
           "freezes/b.yaml freezes/c.yaml ");
}

static void what_asks_for_one_is_no_commit_where_there_are_none_any_more(void **state) {
    struct fixture *f = *state;

    f->flush.by_pulls = false;
    f->flush.forge = NULL;
    add(f, "ban", "web", "bans/b.yaml", "b");
    f->flush.items[0].writing->asks_pull = true;
    run(f);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_NEVER);
    assert_non_null(strstr(f->flush.items[0].why, "no 'provider' any more"));
    expect(f, "git -C fleet.git rev-list --count main", "1");
}

static void what_can_never_be_is_told_so_once(void **state) {
    struct fixture *f = *state;

    f->flush.by_pulls = false;
    f->flush.forge = NULL;
    add(f, "freeze", "web", "freezes/a.yaml", "a");
    add(f, "ban", "web", "../b.yaml", "b");
    f->flush.items[1].writing->asks_pull = true;
    run(f);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NEVER);
    assert_null(strstr(f->flush.items[1].why, "'provider'"));
}

// What would have been commits is cut; then it turns out that all goes into pull requests.
static void none_is_closed_while_what_is_in_it_is_not_at_hand(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    hub_writing_free(f->flush.items[0].writing);
    hub_write_edit_done(&f->flush.items[0].edit);
    free(f->flush.items[0].branch);
    f->flush.count = 0;
    f->flush.cut = true;
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_IS_OPEN);
    assert_true(f->flush.again);
}

static void merged_it_is_done(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    somebody(f, HUB_FORGE_DROP);
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_MERGED);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_DONE);
    assert_int_equal(strlen(f->flush.items[0].revision), 40);
}

static void merged_while_it_is_pushed_it_has_what_it_had_before(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    hub_forge_free(f->forge);
    open_forge(f, "octo/racing");
    add(f, "freeze", "web", "freezes/b.yaml", "b");
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_MERGED);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_DONE);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NOT_YET);
    assert_true(f->flush.again);
}

static void closed_it_has_failed_and_what_came_since_has_not(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    somebody(f, HUB_FORGE_CLOSE);
    add(f, "freeze", "web", "freezes/b.yaml", "b");
    run(f);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_NEVER);
    assert_true(f->flush.items[0].overruled);
    assert_non_null(strstr(f->flush.items[0].why, "closed without being merged"));
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NOT_YET);
    assert_true(f->flush.again);
    run(f);
    assert_int_equal(only(f)->number, 2);
    expect(f, "git -C fleet.git ls-tree -r --name-only " BRANCH " freezes", "freezes/b.yaml");
}

static void what_was_taken_back_is_closed(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    add(f, "unfreeze", "web", "freezes/a.yaml", "");
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_CLOSED);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_DONE);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_DONE);
}

// What the provider says of the branch: the server of this test gives each the same last commit.
static bool is_there(const struct fixture *f) {
    const struct hub_forge_ask ask = {.verb = HUB_FORGE_BRANCH, .branch = BRANCH};
    struct hub_forge_answer answer;
    struct cm_err err;

    return hub_forge_call(f->forge, &ask, &answer, NULL, &err) == CM_OK;
}

static void its_branch_goes_when_it_was_closed(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    (void)snprintf(f->flush.pulls.items[0].head, HUB_FORGE_SHA_MAX, "%s", SERVER_SHA);
    somebody(f, HUB_FORGE_CLOSE);
    run(f);
    assert_false(is_there(f));
}

static void commits_of_others_stay_when_it_was_closed(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    somebody(f, HUB_FORGE_CLOSE);
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_CLOSED);
    assert_true(is_there(f));
}

static void commits_of_others_stay_when_nothing_is_left_to_do(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    add(f, "unfreeze", "web", "freezes/a.yaml", "");
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_CLOSED);
    assert_true(is_there(f));
}

// The hub closes what was taken back, and may be killed before that is on record.
static void what_the_hub_closed_itself_overrules_nothing(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    somebody(f, HUB_FORGE_CLOSE);
    add(f, "unfreeze", "web", "freezes/a.yaml", "");
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_CLOSED);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_DONE);
    assert_false(f->flush.items[0].overruled);
}

static void what_says_the_same_is_in_it(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    assert_int_equal(f->flush.items[1].writing->pull, 1);
    somebody(f, HUB_FORGE_CLOSE);
    run(f);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NEVER);
}

// The pull request was put on record, and what is in it was not.
static void what_is_in_it_already_is_known_after_a_kill(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    f->flush.items[0].writing->pull = 0;
    run(f);
    assert_int_equal(f->flush.items[0].writing->pull, 1);
}

static void what_could_not_be_opened_is_forgotten_when_it_is_taken_back(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    hub_pulls_done(&f->flush.pulls);
    struct hub_pull *pull = hub_pulls_add(&f->flush.pulls, BRANCH, "web");
    (void)snprintf(pull->head, sizeof(pull->head), "%s", SERVER_SHA);
    somebody(f, HUB_FORGE_CLOSE);
    add(f, "unfreeze", "web", "freezes/a.yaml", "");
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_CLOSED);
    assert_int_equal(only(f)->number, 0);
    assert_false(is_there(f));
}

static void what_is_wanted_again_is_in_it_again(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    add(f, "unfreeze", "web", "freezes/a.yaml", "");
    add(f, "freeze", "web", "freezes/a.yaml", "c");
    run(f);
    assert_int_equal(only(f)->state, HUB_FORGE_IS_OPEN);
    expect(f, "git -C fleet.git show " BRANCH ":freezes/a.yaml", "c");
    expect(f, "git -C fleet.git rev-list --count main.." BRANCH, "1");
    assert_int_equal(f->flush.items[0].writing->pull, 1);
    assert_int_equal(f->flush.items[1].writing->pull, 1);
}

static void a_branch_with_commits_of_others_is_theirs(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    scratch_run(f->scratch, "cd work; git fetch --quiet o; git checkout --quiet -b x o/" BRANCH
                            "\necho z >z; git add -A; git commit --quiet -m theirs\n"
                            "git push --quiet o x:" BRANCH);
    add(f, "freeze", "web", "freezes/b.yaml", "b");
    run(f);
    expect(f, "git -C fleet.git log -1 --format=%s " BRANCH, "theirs");
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NOT_YET);
    assert_int_equal(f->flush.items[1].writing->pull, 0);
}

#define IN_FORCE "git -C fleet.git ls-tree -r --name-only holdfast/holds | tr '\\n' ' '"

static void add_hold(struct fixture *f, const char *app, const char *path) {
    add(f, "hold", app, path, "h");
    f->flush.items[f->flush.count - 1].writing->automatic = true;
}

#define CHANGED "git -C fleet.git diff --name-only main holdfast/rollback/web/2-1 | tr '\\n' ' '"

// The fleet of two clusters, whose App was 1 and is 2.
static void push_releases(struct fixture *f) {
    scratch_run(
        f->scratch,
        "cd work; mkdir -p clusters apps/web\n"
        "for c in c1 c2; do printf 'apiVersion: holdfast/v1alpha1\\nkind: Cluster\\n"
        "metadata: {name: %s}\\n' $c >clusters/$c.yaml; done\n"
        "printf 'apiVersion: holdfast/v1alpha1\\nkind: App\\nmetadata: {name: web}\\n"
        "spec: {targets: [{clusterSelector: {}}], writeBack: revert}\\n' >apps/web/app.yaml\n"
        "for v in 1 2; do printf 'apiVersion: v1\\nkind: ConfigMap\\n"
        "metadata: {name: web, namespace: web}\\ndata: {v: \"%s\"} # the version\\n' $v "
        ">apps/web/web.yaml; git add -A; git commit --quiet -m $v; done; git push --quiet o main");
}

// add_rejected wants the release to be kept out of these clusters: by a document, if one can.
static void add_rejected(struct fixture *f, const char *clusters) {
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: holdfast/v1alpha1\\nkind: Hold\\nmetadata: {name: web-2-1}\\n"
                "spec: {app: web, clusters: [%s], rejects: {identity: [{object: ConfigMap/web/web, "
                "at: /data/v, value: '2'}]}, delta: [{object: ConfigMap/web/web, at: /data/v, "
                "bad: '2', use: '1'}]}\\n\",\"revert\":true,\"subject\":\"1 runs",
                clusters);

    add(f, "hold", "web", "holds/web/2-1.yaml", text);
}

static void what_all_rejected_is_reverted_in_the_pull_request_that_held_it(void **state) {
    struct fixture *f = *state;
    const struct hub_repositories list = {.items = &f->repository, .count = 1};
    const struct hub_writer_world world = {&list, f->scratch->folder, -1};

    push_releases(f);
    f->flush.world = &world;
    add_rejected(f, "c1");
    run(f);
    assert_string_equal(only(f)->title, "hold(web): 1 runs");
    expect(f, CHANGED, "holds/web/2-1.yaml ");
    add_rejected(f, "c1, c2");
    run(f);
    assert_int_equal(only(f)->number, 1);
    assert_string_equal(only(f)->title, "revert(web): 1 runs");
    expect(f, CHANGED, "apps/web/web.yaml ");
    expect(f, "git -C fleet.git show holdfast/rollback/web/2-1:apps/web/web.yaml | tail -1",
           "data: {v: \"1\"} # the version");
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_NOT_YET);
    somebody(f, HUB_FORGE_DROP);
    run(f);
    assert_int_equal(f->flush.items[0].what, HUB_WRITTEN_DONE);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_DONE);
}

#define HOLD_OF(clusters)                                                                          \
    "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: web-2-1}\n"                       \
    "spec: {app: web, clusters: [" clusters                                                        \
    "], rejects: {identity: [{object: ConfigMap/web/web, at: /data/v, value: '2'}]}, delta: "      \
    "[{object: ConfigMap/web/web, at: /data/v, bad: '2', use: '1'}]}\n"

// revert holds a Hold against what the tip says it is.
static char *revert(struct hub_tip *tip, const char *text) {
    static char path[] = "holds/web/2-1.yaml";
    CM_AUTOFREE char *copy = cm_strdup(text);
    const struct hub_write_edit hold = {.path = path, .text = copy};
    struct hub_write_edit made = {0};
    struct cm_err err;
    char *words = hub_tip_revert(tip, &hold, &made, &err) < 0 ? cm_strdup(err.msg)
                  : made.path != NULL                         ? cm_strdup(made.path)
                                      : cm_strdup("it would change nothing");

    hub_write_edit_done(&made);
    return words;
}

// What is read of the tip is another commit the second time: proven anew, it would come out so.
static void what_is_proven_of_the_same_hold_and_tips_is_not_proven_again(void **state) {
    struct fixture *f = *state;
    const struct hub_repositories list = {.items = &f->repository, .count = 1};
    const struct hub_writer_world world = {&list, f->scratch->folder, -1};
    CM_CLEANUP(cm_map_freep) struct cm_map *proofs = hub_proofs_new();
    CM_CLEANUP(hub_tip_close) struct hub_tip tip = {0};
    CM_CLEANUP(hub_commit_done) struct hub_commit before = {0};
    struct cm_err err;

    push_releases(f);
    run(f);
    assert_int_equal(hub_tip_open(f->folder, &tip, &err), CM_OK);
    tip.world = &world;
    tip.repository = &f->repository;
    tip.proofs = proofs;
    CM_AUTOFREE char *first = revert(&tip, HOLD_OF("c1, c2"));
    assert_string_equal(first, "apps/web/web.yaml");
    assert_int_equal(hub_repo_resolve(tip.repo, "HEAD~1", &before, &err), CM_OK);
    hub_tree_free(tip.tree);
    tip.tree = NULL;
    assert_int_equal(hub_repo_tree(tip.repo, &before.id, &tip.tree, &err), CM_OK);
    CM_AUTOFREE char *again = revert(&tip, HOLD_OF("c1, c2"));
    assert_string_equal(again, "apps/web/web.yaml");
    CM_AUTOFREE char *other = revert(&tip, HOLD_OF("c1"));
    assert_string_equal(other, "it would change nothing");
    tip.proofs = NULL;
    CM_AUTOFREE char *anew = revert(&tip, HOLD_OF("c1, c2"));
    assert_string_equal(anew, "it would change nothing");
}

static void what_is_in_force_already_is_shown_on_one_branch(void **state) {
    struct fixture *f = *state;

    add_hold(f, "web", "holds/web/a.yaml");
    add(f, "freeze", "web", "freezes/a.yaml", "a");
    add_hold(f, "shop", "holds/shop/b.yaml");
    add(f, "hold", "bar", "holds/bar/c.yaml", "h"); // a person's: it counts when it is merged
    add_hold(f, "baz", "holds/baz/d.yaml");         // and so does what holdfast decided itself
    f->flush.items[4].writing->intent.actor = HUB_HOLD_OWN;
    run(f);
    assert_int_equal(f->flush.pulls.count, 5);
    expect(f, IN_FORCE, "a holds/shop/b.yaml holds/web/a.yaml ");
}

static void the_branch_of_holds_is_left_alone_while_they_are_the_same(void **state) {
    struct fixture *f = *state;

    add_hold(f, "web", "holds/web/a.yaml");
    run(f);
    CM_AUTOFREE char *before = scratch_sh(f->scratch, "git -C fleet.git rev-parse holdfast/holds");
    f->flush.now_ms += 10000;
    run(f);
    expect(f, "git -C fleet.git rev-parse holdfast/holds", before);
    add_hold(f, "shop", "holds/shop/b.yaml");
    run(f);
    expect(f, IN_FORCE, "a holds/shop/b.yaml holds/web/a.yaml ");
    expect(f, "git -C fleet.git rev-list --count main..holdfast/holds", "2");
}

static void what_was_refused_is_shown_until_all_that_waits_was_taken(void **state) {
    struct fixture *f = *state;
    struct hub_flush *flush = &f->flush;
    struct cm_err err;

    flush->by_pulls = false;
    flush->forge = NULL;
    add_hold(f, "web", "holds/web/a.yaml");
    assert_int_equal(hub_flush_fetch(flush, NULL, &err), CM_OK);
    flush->trouble = HUB_REPO_REFUSED; // a server with a hook would
    (void)cm_fail(&flush->err, CM_EAUTH, "main is protected");
    hub_flush_show(flush);
    expect(f, IN_FORCE, "a holds/web/a.yaml ");
    assert_false(flush->unshown);
    flush->cut = true; // and what is cut may be there
    run(f);
    assert_int_equal(flush->items[0].what, HUB_WRITTEN_DONE);
    expect(f, IN_FORCE, "a holds/web/a.yaml ");
    flush->cut = false;
    scratch_run(f->scratch, "touch fleet.git/refs/heads/holdfast/holds.lock");
    hub_flush_run(flush);
    assert_non_null(strstr(flush->err.msg, "show on 'holdfast/holds' what is in force"));
    assert_true(flush->unshown);
    scratch_run(f->scratch, "rm fleet.git/refs/heads/holdfast/holds.lock");
    run(f);
    assert_false(flush->unshown);
    expect(f, "git -C fleet.git branch --list 'holdfast/*'", "");
}

static void what_people_do_not_want_is_not_shown_there(void **state) {
    struct fixture *f = *state;

    add_hold(f, "web", "holds/web/a.yaml");
    run(f);
    somebody(f, HUB_FORGE_CLOSE);
    run(f);
    assert_true(f->flush.items[0].overruled);
    assert_string_equal(f->flush.holds, "");
}

static void a_hub_that_does_not_know_the_branch_of_holds_goes_on_with_it(void **state) {
    struct fixture *f = *state;

    add_hold(f, "web", "holds/web/a.yaml");
    run(f);
    free(f->flush.holds);
    f->flush.holds = NULL;
    add_hold(f, "shop", "holds/shop/b.yaml");
    run(f);
    expect(f, IN_FORCE, "a holds/shop/b.yaml holds/web/a.yaml ");
}

static const uint8_t secret[CM_SHA256_SIZE] = "what is among the hub's keys";

// find reads what stands on the branch of Holds, as a hub with these keys.
static struct hub_found *find(struct fixture *f, const uint8_t *with) {
    CM_AUTOFREE char *folder = scratch_path(f->scratch, "found");
    const struct hub_repo_source source = {.name = "fleet", .url = f->url};
    const struct hub_repo_job job = {.folder = folder, .limits = f->limits, .cancel_fd = -1};
    const struct hub_found_place place = {
        .repository = f->found_as, .folder = folder, .root = "", .secret = with};
    struct hub_found *found = NULL;
    struct cm_err err;

    if (hub_found_fetch(&source, &job, &place, &found, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return found;
}

static void expect_found(struct fixture *f, const uint8_t *with, size_t holds) {
    struct hub_found *found = find(f, with);

    assert_int_equal(found == NULL ? 0 : found->count, holds);
    hub_found_free(found);
}

#define REJECTED(app, clusters)                                                                    \
    "apiVersion: holdfast/v1alpha1\\nkind: Hold\\nmetadata: {name: " app "-2-1}\\n"                \
    "spec: {app: " app ", clusters: [" clusters "], rejects: {identity: [{object: "                \
    "ConfigMap/web/web, at: /data/v, value: '2'}]}, delta: [{object: ConfigMap/web/web, at: "      \
    "/data/v, bad: '2', use: '1'}], cause: {controller: flagger}, event: e1}\\n"

// add_decided wants what a controller decided to be held, by a document if `more` says so.
static void add_decided(struct fixture *f, const char *app, const char *clusters,
                        const char *more) {
    CM_AUTOFREE char *path = cm_strf("holds/%s/2-1.yaml", app);
    CM_AUTOFREE char *text = strcmp(app, "web") == 0 ? cm_strf(REJECTED("web", "%s"), clusters)
                                                     : cm_strf(REJECTED("shop", "%s"), clusters);
    CM_AUTOFREE char *all = cm_strf("%s\"%s,\"body\":\"", text, more);

    add(f, "hold", app, path, all);
    f->flush.items[f->flush.count - 1].writing->automatic = true;
}

static void what_waits_on_the_branch_of_holds_is_found_by_the_hub_that_wrote_it(void **state) {
    struct fixture *f = *state;
    static const uint8_t other[CM_SHA256_SIZE] = "of another hub";

    f->flush.secret = secret;
    expect_found(f, secret, 0); // it is not there
    add_decided(f, "web", "c1, c2", "");
    add_decided(f, "shop", "c1", "");
    run(f);
    struct hub_found *found = find(f, secret);
    assert_int_equal(found->count, 2);
    assert_int_equal(found->sealed, 2);
    bool first = strcmp(found->holds[0]->app, "web") == 0;
    const struct hub_hold *web = found->holds[first ? 0 : 1];
    assert_int_equal(web->cluster_count, 2);
    assert_string_equal(web->event, "e1");
    hub_found_free(found);
    expect_found(f, other, 0);
    f->found_as = "another"; // that it was pushed to
    expect_found(f, secret, 0);
}

static void what_others_put_onto_the_branch_of_holds_does_not_count(void **state) {
    struct fixture *f = *state;

    f->flush.secret = secret;
    add_decided(f, "web", "c1", "");
    run(f);
    scratch_run(f->scratch, "cd work; git fetch --quiet o; git checkout --quiet -b y "
                            "o/holdfast/holds; sed -i \"s/use: '1'/use: 'evil'/\" holds/web/*\n"
                            "git commit --quiet -a --amend --no-edit\n"
                            "git push --quiet --force o y:holdfast/holds");
    expect_found(f, secret, 0);
    scratch_run(f->scratch,
                "cd work; git reset --quiet --hard o/holdfast/holds; echo >z; git add z;"
                " git commit --quiet --amend --no-edit\n"
                "git push --quiet --force o y:holdfast/holds");
    expect_found(f, secret, 0); // it is of two files
}

// Whoever may push there must not keep the hub from taking in anything new.
static void what_cannot_be_read_there_has_no_seal(void **state) {
    struct fixture *f = *state;
    static const struct hub_repo_limits few = {.deadline_ms = TIMEOUT_MS,
                                               .silence_ms = TIMEOUT_MS,
                                               .max_received_bytes = 1 << 20,
                                               .max_objects = 1000,
                                               .max_object_bytes = 1 << 20,
                                               .max_memory_bytes = (uint64_t)2 << 30};

    f->flush.secret = secret;
    add_decided(f, "web", "c1", "");
    run(f);
    scratch_run(f->scratch, "cd work; git fetch --quiet o; git checkout --quiet -b y "
                            "o/holdfast/holds; head -c 2000000 /dev/zero | tr '\\0' x >message\n"
                            "git commit --quiet --allow-empty -F message\n"
                            "git push --quiet --force o y:holdfast/holds");
    expect_found(f, secret, 0);
    scratch_run(f->scratch, "cd work; git reset --quiet --hard o/holdfast/holds~1\n"
                            "head -c 2000000 /dev/urandom >large; git add large\n"
                            "git commit --quiet -m large\n"
                            "git push --quiet --force o y:holdfast/holds");
    f->limits = &few;
    expect_found(f, secret, 0);
}

static void what_a_document_is_to_say_is_found_as_the_hold_that_it_is(void **state) {
    struct fixture *f = *state;
    const struct hub_repositories list = {.items = &f->repository, .count = 1};
    const struct hub_writer_world world = {&list, f->scratch->folder, -1};

    push_releases(f);
    f->flush.secret = secret;
    f->flush.world = &world;
    add_decided(f, "web", "c1, c2", ",\"revert\":true");
    run(f);
    expect(f, CHANGED, "apps/web/web.yaml ");
    expect(f, "git -C fleet.git diff --name-only main holdfast/holds", "holds/web/2-1.yaml");
    expect_found(f, secret, 1);
}

// forget has the hub know of no pull request, and find again what it wants.
static void forget(struct fixture *f, const char *clusters) {
    hub_pulls_done(&f->flush.pulls);
    f->flush.items[0].what = HUB_WRITTEN_DONE;
    add_decided(f, "web", clusters, ",\"found\":true");
}

static void what_was_found_and_people_closed_meanwhile_is_not_proposed_again(void **state) {
    struct fixture *f = *state;

    add_decided(f, "web", "c1", "");
    run(f);
    somebody(f, HUB_FORGE_CLOSE);
    forget(f, "c1");
    run(f);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NEVER);
    assert_true(f->flush.items[1].overruled);
    assert_int_equal(only(f)->state, HUB_FORGE_CLOSED);
    assert_int_equal(only(f)->number, 1);
    assert_string_equal(only(f)->title, "hold(web): hold a release back");
    add_decided(f, "web", "c1", ""); // rejected once more
    run(f);
    assert_int_equal(only(f)->number, 2);
}

static void what_was_found_and_waits_still_goes_on_in_its_pull_request(void **state) {
    struct fixture *f = *state;

    add_decided(f, "web", "c1", "");
    run(f);
    forget(f, "c1, c2");
    run(f);
    assert_int_equal(only(f)->number, 1);
    assert_int_equal(f->flush.items[1].what, HUB_WRITTEN_NOT_YET);
    assert_int_equal(f->flush.items[1].writing->pull, 1);
}

static void what_was_found_and_merged_is_done_unless_the_file_is_gone(void **state) {
    struct fixture *f = *state;

    add_decided(f, "web", "c1, c2", "");
    run(f);
    somebody(f, HUB_FORGE_DROP); // nothing came of it on the branch that is watched
    forget(f, "c1, c2");
    run(f);
    assert_int_equal(only(f)->number, 2);
    somebody(f, HUB_FORGE_DROP);
    scratch_run(f->scratch,
                "cd work; mkdir -p holds/web; cat >holds/web/2-1.yaml <<'END'\n" HOLD_OF(
                    "c1") "END\ngit add -A; git commit --quiet -m merged\n"
                          "git push --quiet o main");
    f->flush.items[1].what = HUB_WRITTEN_DONE;
    forget(f, "c1, c2");
    run(f);
    assert_int_equal(f->flush.items[2].what, HUB_WRITTEN_DONE);
}

static void an_amended_commit_is_theirs(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    scratch_run(f->scratch, "cd work; git fetch --quiet o; git checkout --quiet -b x o/" BRANCH
                            "\necho mine >freezes/a.yaml\n"
                            "git commit --quiet -a --amend --no-edit\n"
                            "git push --quiet --force o x:" BRANCH);
    add(f, "freeze", "web", "freezes/b.yaml", "b");
    run(f);
    expect(f, "git -C fleet.git show " BRANCH ":freezes/a.yaml", "mine");
}

static void a_hub_that_forgot_what_it_did_finds_it(void **state) {
    struct fixture *f = *state;

    add(f, "freeze", "web", "freezes/a.yaml", "a");
    run(f);
    hub_pulls_done(&f->flush.pulls);
    f->flush.items[0].writing->pull = 0;
    run(f);
    assert_int_equal(only(f)->number, 1);
    assert_int_equal(f->flush.items[0].writing->pull, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_about_the_same_comes_into_one_that_is_updated),
        TEST(a_branch_that_is_as_it_shall_be_is_left_alone),
        TEST(others_go_into_others),
        TEST(what_asks_for_one_goes_there_though_others_are_commits),
        TEST(what_narrows_commits_takes_nothing_out_of_one),
        TEST(what_asks_for_one_is_no_commit_where_there_are_none_any_more),
        TEST(what_can_never_be_is_told_so_once),
        TEST(none_is_closed_while_what_is_in_it_is_not_at_hand),
        TEST(merged_it_is_done),
        TEST(merged_while_it_is_pushed_it_has_what_it_had_before),
        TEST(closed_it_has_failed_and_what_came_since_has_not),
        TEST(what_was_taken_back_is_closed),
        TEST(its_branch_goes_when_it_was_closed),
        TEST(commits_of_others_stay_when_it_was_closed),
        TEST(commits_of_others_stay_when_nothing_is_left_to_do),
        TEST(what_the_hub_closed_itself_overrules_nothing),
        TEST(what_says_the_same_is_in_it),
        TEST(what_is_in_it_already_is_known_after_a_kill),
        TEST(what_could_not_be_opened_is_forgotten_when_it_is_taken_back),
        TEST(what_is_wanted_again_is_in_it_again),
        TEST(a_branch_with_commits_of_others_is_theirs),
        TEST(what_waits_on_the_branch_of_holds_is_found_by_the_hub_that_wrote_it),
        TEST(what_others_put_onto_the_branch_of_holds_does_not_count),
        TEST(what_cannot_be_read_there_has_no_seal),
        TEST(what_a_document_is_to_say_is_found_as_the_hold_that_it_is),
        TEST(what_was_found_and_people_closed_meanwhile_is_not_proposed_again),
        TEST(what_was_found_and_waits_still_goes_on_in_its_pull_request),
        TEST(what_was_found_and_merged_is_done_unless_the_file_is_gone),
        TEST(what_all_rejected_is_reverted_in_the_pull_request_that_held_it),
        TEST(what_is_proven_of_the_same_hold_and_tips_is_not_proven_again),
        TEST(what_is_in_force_already_is_shown_on_one_branch),
        TEST(the_branch_of_holds_is_left_alone_while_they_are_the_same),
        TEST(what_was_refused_is_shown_until_all_that_waits_was_taken),
        TEST(what_people_do_not_want_is_not_shown_there),
        TEST(a_hub_that_does_not_know_the_branch_of_holds_goes_on_with_it),
        TEST(an_amended_commit_is_theirs),
        TEST(a_hub_that_forgot_what_it_did_finds_it),
    };

    hub_repo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
