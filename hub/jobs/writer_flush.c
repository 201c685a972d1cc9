// writer_flush.c: fetches, holds each intent against the tip, makes commits, pushes, and looks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/config/config.h"
#include "hub/jobs/fetcher.h"
#include "hub/jobs/found.h"
#include "hub/jobs/writer_state.h"

#define MOVED_MAX 2     // rounds in which a proof was too slow, before there is none
#define ROUNDS_MAX 4    // while the tip moves under us, before a pause
#define HISTORY_MIN 200 // commits that are looked through in any case
#define HISTORY_MAX 10000
#define SKEW_MS 600000 // by which other clocks may be behind
#define OVERHEAD 4096  // bytes of a commit's message besides what its intents say

bool hub_flush_is_open(const struct hub_flush_item *item) {
    return item->what == HUB_WRITTEN_NOT_YET;
}

void hub_flush_settle(struct hub_flush_item *item, enum hub_written what, const char *why) {
    item->what = what;
    item->why = cm_strdup(why);
}

static void add_item(struct hub_flush *f, const struct hub_writing *waiting) {
    struct hub_writing *copy = hub_writing_new(&waiting->intent);

    copy->pull = waiting->pull;
    copy->automatic = waiting->automatic;
    f->items[f->count++].writing = copy;
}

void hub_flush_fill(struct hub_flush *f, const struct cm_list *waiting) {
    size_t count = 0;

    for (const struct cm_list *at = waiting->next; at != waiting; at = at->next) {
        count++;
    }
    f->items = cm_new(count + 1, sizeof(*f->items));
    for (int pulls = 0; pulls < 2; pulls++) {
        for (struct cm_list *at = waiting->next; at != waiting; at = at->next) {
            const struct hub_writing *w = CM_CONTAINER(at, struct hub_writing, in_list);

            if (w->asks_pull != (pulls == 1)) {
                continue;
            }
            if (f->by_pulls || w->asks_pull || f->count < HUB_FLUSH_COMMITS) {
                add_item(f, w);
            } else {
                f->cut = true;
            }
        }
    }
}

void hub_flush_done(struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        hub_writing_free(f->items[i].writing);
        hub_write_edit_done(&f->items[i].edit);
        free(f->items[i].why);
        free(f->items[i].branch);
    }
    free(f->items);
    hub_pulls_done(&f->pulls);
    free(f->holds);
}

// ---- What the history says

// check_epoch fails if the same hub wrote with a later epoch than ours.
static enum cm_rc check_epoch(const struct hub_flush *f, const char *trailers, struct cm_err *err) {
    CM_AUTOFREE char *writer = hub_write_find_trailer(&trailers, "Holdfast-Writer");
    CM_AUTOFREE char *ours = cm_strf("%s/epoch-", f->hub_id);

    if (writer == NULL || strncmp(writer, ours, strlen(ours)) != 0 ||
        strtoull(writer + strlen(ours), NULL, 10) <= f->epoch) {
        return CM_OK;
    }
    return cm_fail(err, CM_EAUTH,
                   "this hub has written there as '%.100s', and is at epoch %llu: it runs from an "
                   "older copy of its disk, or twice; stop the wrong one",
                   writer, (unsigned long long)f->epoch);
}

static void take_events(struct hub_flush *f, const struct hub_commit *commit) {
    const char *at = commit->trailers;
    char *id = NULL;

    while ((id = hub_write_find_trailer(&at, "Holdfast-Event")) != NULL) {
        for (size_t i = 0; i < f->count; i++) {
            if (hub_flush_is_open(&f->items[i]) &&
                strcmp(f->items[i].writing->intent.id, id) == 0) {
                hub_repo_id_hex(&commit->id, f->items[i].revision);
                hub_flush_settle(&f->items[i], HUB_WRITTEN_DONE, NULL);
            }
        }
        free(id);
    }
}

static int64_t oldest_ms(const struct hub_flush *f) {
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < f->count; i++) {
        int64_t made_ms = f->items[i].writing->intent.made_ms;

        oldest = hub_flush_is_open(&f->items[i]) && made_ms < oldest ? made_ms : oldest;
    }
    return oldest;
}

struct looking {
    struct hub_flush *flush;
    int64_t since_ms;
    size_t seen;
    struct cm_err *err;
    enum cm_rc rc;
};

// look_back goes on for as long as there may be events; who else writes as this hub is looked for
// however long ago that was.
static bool look_back(void *ctx, const struct hub_commit *commit) {
    struct looking *l = ctx;

    l->seen++;
    l->rc = check_epoch(l->flush, commit->trailers, l->err);
    take_events(l->flush, commit);
    return l->rc == CM_OK && (l->seen < HISTORY_MIN ||
                              (l->seen < HISTORY_MAX && commit->committed_ms >= l->since_ms));
}

// read_history looks for what was pushed already, along all parents: of a merge that people made
// the hub's commit may be any.
enum cm_rc hub_flush_history(struct hub_flush *f, const struct hub_tip *tip, struct cm_err *err) {
    struct looking l = {.flush = f, .since_ms = oldest_ms(f) - SKEW_MS, .err = err, .rc = CM_OK};
    enum cm_rc rc = hub_repo_history(tip->repo, &tip->commit.id, look_back, &l, err);

    return rc < 0 ? rc : l.rc;
}

// ---- What is to be done on this tip

static void forget_edits(struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        hub_write_edit_done(&f->items[i].edit);
        f->items[i].stands = false;
    }
}

// files_of gives what intents see of the tip, with what stands of those before this one.
static struct hub_write_files files_of(struct hub_flush *f, struct hub_tip *tip, size_t i) {
    struct hub_write_files files = hub_tip_files(tip, f->repository->path);

    if (f->moved >= MOVED_MAX) { // a proof renders the fleet, and the tip moves meanwhile
        files.revert = NULL;
        files.why = "others push all the time";
    }
    tip->world = f->world;
    tip->repository = f->repository;
    tip->proofs = f->proofs;
    tip->items = f->items;
    tip->count = i;
    return files;
}

// evaluate_one fails only if the tip cannot be read.
static enum cm_rc evaluate_one(struct hub_flush *f, struct hub_tip *tip, size_t i,
                               struct cm_err *err) {
    struct hub_flush_item *item = &f->items[i];
    struct hub_write_files files = files_of(f, tip, i);
    enum cm_rc rc = hub_write_evaluate(&item->writing->intent, &files, &item->edit, err);
    item->writing->intent.as = item->edit.reverts ? "revert" : NULL;
    item->writing->intent.why = item->edit.why;
    if (rc == CM_EINVAL || rc == CM_ENOTFOUND) {
        hub_flush_settle(item, HUB_WRITTEN_NEVER, err->msg);
        return CM_OK;
    }
    item->stands = rc == CM_OK && item->edit.path != NULL;
    return rc;
}

enum cm_rc hub_flush_as_hold(struct hub_flush *f, struct hub_tip *tip, size_t i,
                             struct cm_err *err) {
    struct hub_flush_item *item = &f->items[i];
    struct hub_write_files files = files_of(f, tip, i);
    struct hub_write_edit edit = {0};

    files.revert = NULL;
    enum cm_rc rc = hub_write_evaluate(&item->writing->intent, &files, &edit, err);
    if (rc == CM_OK) {
        hub_write_edit_done(&item->edit);
        item->edit = edit;
        item->stands = edit.path != NULL;
        item->writing->intent.as = NULL;
        item->writing->intent.why = edit.why;
    }
    return rc;
}

// A push in the making.
struct load {
    size_t bytes;
    size_t edits;
};

static size_t size_of(const struct hub_flush_item *item) {
    return strlen(item->writing->intent.args) + OVERHEAD +
           (item->edit.text != NULL ? strlen(item->edit.text) : 0);
}

// take_in counts an edit, and returns whether the push is full. What does not fit waits for another
// round, with all that comes after it.
static bool take_in(const struct hub_flush *f, struct load *load, struct hub_flush_item *item) {
    size_t size = size_of(item);

    if (!item->stands) {
        return false;
    }
    if (load->edits > 0 && load->bytes + size > HUB_PUSH_BYTES_MAX) {
        hub_write_edit_done(&item->edit);
        item->stands = false;
        return true;
    }
    load->bytes += size;
    load->edits++;
    return load->edits == f->most;
}

enum cm_rc hub_flush_evaluate(struct hub_flush *f, struct hub_tip *tip, struct cm_err *err) {
    struct load load = {0};
    bool full = false;

    forget_edits(f);
    for (size_t i = 0; i < f->count && !full; i++) {
        if (!hub_flush_is_open(&f->items[i]) || f->items[i].undone) {
            continue;
        }
        if (evaluate_one(f, tip, i, err) < 0) {
            return err->code;
        }
        full = take_in(f, &load, &f->items[i]);
    }
    return CM_OK;
}

// end_what_is_so ends intents that change nothing, if no edit before them is why.
void hub_flush_end_what_is_so(struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        bool standing = false;

        for (size_t k = 0; k < i; k++) {
            standing = standing || f->items[k].stands;
        }
        if (hub_flush_is_open(&f->items[i]) && !f->items[i].stands && !f->items[i].undone &&
            !standing) {
            hub_flush_settle(&f->items[i], HUB_WRITTEN_DONE, NULL);
        }
    }
}

// ---- Commits

struct draft {
    struct hub_repo_change *changes;
    size_t count;
    struct hub_repo_edit *edits; // of all changes, one after the other
    char **texts;                // messages, names and addresses
    size_t text_count;
    const char **jail;
    size_t jail_count;
};

static void draft_done(struct draft *d) {
    for (size_t i = 0; i < d->text_count; i++) {
        free(d->texts[i]);
    }
    free(d->texts);
    free(d->changes);
    free(d->edits);
    free(d->jail);
}

// must_follow tells whether a later commit than this one already has the file of an intent before:
// then its edit is of what that makes of it.
static bool must_follow(const struct hub_flush *f, size_t at, size_t change) {
    for (size_t i = 0; i < at; i++) {
        const struct hub_flush_item *item = &f->items[i];

        if (item->stands && item->change > change &&
            strcmp(item->edit.path, f->items[at].edit.path) == 0) {
            return true;
        }
    }
    return false;
}

// find_change finds the commit of an intent that one belongs with; SIZE_MAX: there is none.
static size_t find_change(const struct hub_flush *f, size_t at) {
    for (size_t i = at; i > 0; i--) {
        const struct hub_flush_item *item = &f->items[i - 1];

        if (item->stands &&
            hub_write_is_one(&item->writing->intent, &f->items[at].writing->intent)) {
            return must_follow(f, at, item->change) ? SIZE_MAX : item->change;
        }
    }
    return SIZE_MAX;
}

// number_changes tells which commit each intent is in.
static size_t number_changes(struct hub_flush *f) {
    size_t changes = 0;

    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].stands) {
            size_t found = find_change(f, i);

            f->items[i].change = found != SIZE_MAX ? found : changes++;
        }
    }
    return changes;
}

// is_replaced: of the edits of a file in one commit the last one counts.
static bool is_replaced(const struct hub_flush *f, size_t number) {
    const struct hub_flush_item *item = &f->items[number];

    for (size_t i = number + 1; i < f->count; i++) {
        if (f->items[i].stands && f->items[i].change == item->change &&
            strcmp(f->items[i].edit.path, item->edit.path) == 0) {
            return true;
        }
    }
    return false;
}

// seal puts the seal of a file before what may be cut of a message when it is read.
static char *seal(const struct hub_flush *f, const struct hub_repo_edit *edit, char *message) {
    static const char before[] = "\nHoldfast-Writer: ";
    const char *at = strstr(message, before);
    char hex[CM_SHA256_HEX_MAX];

    if (at == NULL || edit->text == NULL) {
        return message;
    }
    hub_found_seal(f->secret, f->repository->name, edit->path, edit->text, hex);
    char *sealed =
        cm_strf("%.*s\nHoldfast-" HUB_FOUND_SEAL ": %s%s", (int)(at - message), message, hex, at);
    free(message);
    return sealed;
}

static void draft_change(const struct hub_flush *f, struct draft *d, size_t number, size_t *edits) {
    CM_AUTOFREE const struct hub_intent **intents = cm_new(f->count, sizeof(const void *));
    struct hub_repo_change *change = &d->changes[number];
    char **texts = &d->texts[d->text_count];
    size_t count = 0;

    change->edits = &d->edits[*edits];
    for (size_t i = 0; i < f->count; i++) {
        const struct hub_flush_item *item = &f->items[i];

        if (!item->stands || item->change != number) {
            continue;
        }
        intents[count++] = &item->writing->intent;
        if (!is_replaced(f, i)) {
            d->edits[(*edits)++] =
                (struct hub_repo_edit){.path = item->edit.path, .text = item->edit.text};
            d->jail[d->jail_count++] = item->edit.path;
            change->edit_count++;
        }
    }
    texts[0] = hub_write_message(intents, count, f->writer);
    if (f->seals && change->edit_count == 1) {
        texts[0] = seal(f, &change->edits[0], texts[0]);
    }
    hub_write_author(intents[count - 1], &texts[1], &texts[2]);
    d->text_count += 3;
    change->message = texts[0];
    change->author = (struct hub_repo_person){texts[1], texts[2]};
    change->authored_ms = intents[0]->made_ms;
}

static void draft_all(struct hub_flush *f, struct draft *d) {
    size_t edits = 0;

    d->count = number_changes(f);
    d->changes = cm_new(d->count + 1, sizeof(*d->changes));
    d->texts = cm_new(3 * d->count + 1, sizeof(*d->texts));
    d->edits = cm_new(f->count + 1, sizeof(*d->edits));
    d->jail = cm_new(f->count + 1, sizeof(*d->jail));
    for (size_t i = 0; i < d->count; i++) {
        draft_change(f, d, i, &edits);
    }
}

// ---- Rounds

static struct hub_repo_limits limits_of(const struct hub_repository *r) {
    struct hub_repo_limits limits = hub_repo_limits_default;

    limits.deadline_ms = r->timeout_ms;
    return limits;
}

static enum cm_rc fetch_branch(struct hub_flush *f, const char *branch, struct hub_repo_id *out,
                               struct cm_err *err) {
    struct hub_repo_source source = hub_fetcher_source(f->repository);
    struct hub_repo_limits limits = limits_of(f->repository);
    struct hub_repo_job job = {.folder = f->folder, .limits = &limits, .cancel_fd = f->cancel_fd};
    struct hub_repo_fetched fetched = {0};
    struct cm_err ignored;

    source.branch = branch;
    enum cm_rc rc = hub_repo_fetch(&source, &job, &fetched, &f->trouble, err);

    if (rc == CM_OK && fetched.packs >= HUB_REPO_PACKS_MAX) {
        (void)!hub_repo_compact(&job, &ignored); // the next one does it
    }
    *out = fetched.commit;
    return rc;
}

// check_forth: a branch that went back is not written to: a commit on top of it says that people
// want it so.
static enum cm_rc check_forth(struct hub_tip *watched, const struct hub_repo_id *found,
                              struct cm_err *err) {
    const struct hub_repo_id *in_force = &watched->commit.id;
    bool is_before = false;

    if (hub_repo_id_equal(found, in_force)) {
        return CM_OK;
    }
    enum cm_rc rc = hub_repo_is_ancestor(watched->repo, found, in_force, &is_before, err);
    return rc < 0 || !is_before ? rc
                                : cm_fail(err, CM_EBUSY,
                                          "the branch went back to before what is in force; it is "
                                          "written to again once it went on");
}

static enum cm_rc fetch_watched(struct hub_flush *f, struct cm_err *err) {
    CM_CLEANUP(hub_tip_close) struct hub_tip watched = {0};
    struct hub_repo_id found;
    struct cm_err ignored;
    bool is_known = f->world != NULL &&
                    hub_tip_open_mirror(f->world, f->repository, &watched, &ignored) == CM_OK;
    enum cm_rc rc = fetch_branch(f, f->repository->branch, &found, err);

    return rc < 0 || !is_known ? rc : check_forth(&watched, &found, err);
}

enum cm_rc hub_flush_fetch(struct hub_flush *f, const char *branch, struct cm_err *err) {
    struct hub_repo_id found;

    return branch != NULL ? fetch_branch(f, branch, &found, err) : fetch_watched(f, err);
}

static char *full_ref(const char *branch) {
    return strncmp(branch, "refs/", 5) == 0 ? cm_strdup(branch) : cm_strf("refs/heads/%s", branch);
}

static enum cm_rc push_draft(struct hub_flush *f, const struct hub_tip *tip, const struct draft *d,
                             const struct hub_flush_target *to, struct cm_err *err) {
    CM_AUTOFREE char *ref = full_ref(to != NULL ? to->branch : f->repository->branch);
    struct hub_repo_source source = hub_fetcher_source(f->repository);
    struct hub_repo_limits limits = limits_of(f->repository);
    struct hub_repo_job job = {.folder = f->folder, .limits = &limits, .cancel_fd = f->cancel_fd};
    struct hub_repo_pushed pushed = {0};
    const struct hub_repo_push what = {
        .ref = ref,
        .base = to != NULL && to->remove ? to->expected : tip->commit.id,
        .expected = to != NULL ? to->expected : tip->commit.id,
        .rebuild = to != NULL,
        .remove = to != NULL && to->remove,
        .changes = d->changes,
        .change_count = d->count,
        .jail = d->jail,
        .jail_count = d->jail_count,
        .committer = {f->repository->committer, f->repository->committer_email},
        .committed_ms = f->now_ms,
        .signing_key = f->repository->signing_key,
    };
    enum cm_rc rc = hub_repo_push(&source, &job, &what, &pushed, &f->trouble, err);

    if (rc == CM_OK && pushed.made > 0) {
        f->pushed = true;
        f->commit = pushed.commit;
    }
    return rc;
}

// narrow looks for what it is that can never be pushed: half as many go next, and what cannot be
// pushed alone is ended, so that it keeps nothing else from being pushed. Where nothing at all can
// be pushed it is the configuration.
static enum cm_rc narrow(struct hub_flush *f, const struct hub_tip *tip, struct cm_err *err) {
    struct hub_flush_item *last = NULL;
    size_t standing = 0;
    struct cm_err other;

    if (push_draft(f, tip, &(struct draft){0}, NULL, &other) < 0) {
        return err->code;
    }
    for (size_t i = 0; i < f->count; i++) {
        standing += f->items[i].stands ? 1 : 0;
        last = f->items[i].stands ? &f->items[i] : last;
    }
    f->most = standing / 2;
    if (standing == 1) {
        hub_flush_settle(last, HUB_WRITTEN_NEVER, err->msg);
    }
    return CM_OK;
}

static enum cm_rc push(struct hub_flush *f, const struct hub_tip *tip, struct cm_err *err) {
    CM_CLEANUP(draft_done) struct draft d = {0};

    draft_all(f, &d);
    CM_FAULT_POINT("before-push");
    enum cm_rc rc = push_draft(f, tip, &d, NULL, err);
    CM_FAULT_POINT("after-push");
    return rc == CM_EINVAL ? narrow(f, tip, err) : rc;
}

enum cm_rc hub_flush_push_to(struct hub_flush *f, const struct hub_tip *tip,
                             const struct hub_flush_target *to, struct cm_err *err) {
    CM_CLEANUP(draft_done) struct draft d = {0};
    struct cm_err other;

    draft_all(f, &d);
    enum cm_rc rc = push_draft(f, tip, &d, to, err);
    if (rc != CM_EINVAL || push_draft(f, tip, &(struct draft){0}, NULL, &other) < 0) {
        return rc;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].stands) {
            hub_flush_settle(&f->items[i], HUB_WRITTEN_NEVER, err->msg);
        }
    }
    return CM_ENOTFOUND;
}

bool hub_flush_any_stands(const struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].stands) {
            return true;
        }
    }
    return false;
}

// note_outdone: what a later one says, too, is not written first.
static void note_outdone(struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        f->items[i].undone = false;
        for (size_t k = i + 1; k < f->count && !f->items[i].undone; k++) {
            f->items[i].undone =
                hub_flush_is_open(&f->items[k]) &&
                hub_write_is_outdone(&f->items[i].writing->intent, &f->items[k].writing->intent);
        }
    }
}

// look_and_push: CM_EEXISTS: the tip moved; another round.
static enum cm_rc look_and_push(struct hub_flush *f, bool *out_over, struct cm_err *err) {
    CM_CLEANUP(hub_tip_close) struct hub_tip tip = {0};

    if (hub_tip_open(f->folder, &tip, err) < 0 || hub_flush_history(f, &tip, err) < 0) {
        return err->code;
    }
    note_outdone(f);
    if (hub_flush_evaluate(f, &tip, err) < 0) {
        return err->code;
    }
    hub_flush_end_what_is_so(f);
    *out_over = !hub_flush_any_stands(f);
    if (*out_over) {
        return CM_OK;
    }
    return push(f, &tip, err);
}

static size_t count_open(const struct hub_flush *f) {
    size_t count = 0;

    for (size_t i = 0; i < f->count; i++) {
        count += hub_flush_is_open(&f->items[i]) ? 1 : 0;
    }
    return count;
}

// After a push the next round finds what was pushed, on the tip. A round that ends an intent, or
// comes nearer to one that cannot be pushed, is not one too many.
static void run_direct(struct hub_flush *f) {
    bool over = false;

    for (int idle = 0; idle < ROUNDS_MAX && !over;) {
        size_t open = count_open(f);
        size_t most = f->most == 0 ? SIZE_MAX : f->most;
        enum cm_rc rc = hub_flush_fetch(f, NULL, &f->err);

        rc = rc < 0 ? rc : look_and_push(f, &over, &f->err);
        if (rc < 0 && rc != CM_EEXISTS) {
            return;
        }
        f->moved += rc == CM_EEXISTS ? 1 : 0;
        idle += count_open(f) == open && (f->most == 0 || f->most >= most) ? 1 : 0;
    }
    if (over) {
        f->err.code = CM_OK;
    } else if (f->err.code == CM_OK) {
        (void)cm_fail(&f->err, CM_EBUSY, "others push all the time");
    }
}

// must_ask tells whether the branch takes pull requests only.
static bool must_ask(struct hub_flush *f) {
    const struct hub_forge_ask ask = {.verb = HUB_FORGE_BRANCH, .branch = f->repository->branch};
    struct hub_forge_answer answer = {0};
    struct cm_err ignored; // then it is what the push said

    return f->err.code == CM_EAUTH && f->trouble == HUB_REPO_REFUSED && f->forge != NULL &&
           hub_forge_call(f->forge, &ask, &answer, NULL, &ignored) == CM_OK && answer.is_protected;
}

static void end_without_provider(struct hub_flush *f) {
    CM_AUTOFREE char *why = cm_strf("it is for a pull request, and repository '%s' has no "
                                    "'provider' any more in the hub's configuration",
                                    f->repository->name);

    for (size_t i = 0; i < f->count; i++) {
        if (hub_flush_is_open(&f->items[i])) {
            hub_flush_settle(&f->items[i], HUB_WRITTEN_NEVER, why);
        }
    }
}

// run_asked carries what asks for pull requests where others are commits: all but the first ones.
static void run_asked(struct hub_flush *f, size_t commits) {
    struct cm_err err = f->err;

    f->items += commits;
    f->count -= commits;
    if (f->forge != NULL) {
        hub_flush_pulls(f);
    } else {
        end_without_provider(f);
    }
    f->items -= commits;
    f->count += commits;
    f->err = err.code != CM_OK ? err : f->err;
}

// count_commits: those that ask for pull requests come last.
static size_t count_commits(const struct hub_flush *f) {
    size_t count = 0;

    while (count < f->count && !f->items[count].writing->asks_pull) {
        count++;
    }
    return count;
}

void hub_flush_run(struct hub_flush *f) {
    size_t all = f->count;
    size_t commits = count_commits(f);
    bool asked = commits < all || f->pulls.count > 0;

    if (!f->by_pulls && (commits > 0 || !asked)) {
        f->count = commits;
        run_direct(f);
        f->count = all;
        f->by_pulls = must_ask(f);
        if (f->forge == NULL) {
            hub_flush_show(f);
        }
    }
    if (f->by_pulls && f->cut) { // branches are made of all that waits: the next one has it
        f->err.code = CM_OK;
        f->again = true;
    } else if (f->by_pulls) {
        hub_flush_pulls(f);
    } else if (asked) {
        run_asked(f, commits);
    }
}
