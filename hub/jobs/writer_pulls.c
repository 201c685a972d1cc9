// writer_pulls.c: carries intents into pull requests, one for all that are about the same.
//
//     fetch the tip ▶ look at those that are open ▶ hold each branch's intents against the tip
//        merged: what it has is done                   nothing is left to do: close it
//        closed though something is left to do:        the branch is as it shall be: wait
//        people do not want what it has                else: push it anew, then open it or say
//                                                      what it is now
//
// A branch stands upon a tip and is made anew from a newer one when its files have changed there;
// that is forced, but as a compare and swap from a commit that the hub made itself. Where others
// have put commits onto it, it is theirs: it is left as it is, also when it was closed, and what
// was added since waits until it is merged or closed.
//
// Holds that wait count already. What is in force beyond the tip stands in one more branch, for
// people and for a hub that lost its record (found.h). What such a one found it proposes again,
// unless people have closed or merged that meanwhile.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/utf8.h"
#include "hub/config/config.h"
#include "hub/hold/hold.h"
#include "hub/jobs/writer_state.h"

#define TITLE_MAX 200

// ---- The list of them

static void pull_done(struct hub_pull *p) {
    free(p->branch);
    free(p->app);
    free(p->title);
    free(p->content);
}

void hub_pulls_done(struct hub_pulls *pulls) {
    for (size_t i = 0; i < pulls->count; i++) {
        pull_done(&pulls->items[i]);
    }
    free(pulls->items);
    *pulls = (struct hub_pulls){0};
}

void hub_pulls_copy(const struct hub_pulls *from, struct hub_pulls *out) {
    *out = (struct hub_pulls){.items = cm_new(from->count + 1, sizeof(*out->items)),
                              .count = from->count};
    for (size_t i = 0; i < from->count; i++) {
        struct hub_pull *p = &out->items[i];

        *p = from->items[i];
        p->branch = cm_strdup(p->branch);
        p->app = cm_strdup(p->app);
        p->title = cm_strdup(p->title);
        p->content = cm_strdup(p->content);
    }
}

struct hub_pull *hub_pulls_find(const struct hub_pulls *pulls, const char *branch) {
    for (size_t i = 0; i < pulls->count; i++) {
        if (strcmp(pulls->items[i].branch, branch) == 0) {
            return &pulls->items[i];
        }
    }
    return NULL;
}

struct hub_pull *hub_pulls_add(struct hub_pulls *pulls, const char *branch, const char *app) {
    struct hub_pull *p = NULL;

    pulls->items = cm_resize(pulls->items, (pulls->count + 1) * sizeof(*pulls->items));
    p = &pulls->items[pulls->count++];
    *p = (struct hub_pull){.branch = cm_strdup(branch),
                           .app = cm_strdup(app),
                           .title = cm_strdup(""),
                           .content = cm_strdup("")};
    return p;
}

// ---- Which intents belong into which

static void name_branches(struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        const struct hub_intent *intent = &f->items[i].writing->intent;

        f->items[i].branch = hub_write_branch(intent);
        if (hub_pulls_find(&f->pulls, f->items[i].branch) == NULL) {
            (void)hub_pulls_add(&f->pulls, f->items[i].branch, intent->app);
        }
    }
}

// order puts what belongs together side by side, in its order.
static void order(struct hub_flush *f) {
    struct hub_flush_item *items = cm_new(f->count + 1, sizeof(*items));
    size_t count = 0;

    for (size_t k = 0; k < f->pulls.count; k++) {
        for (size_t i = 0; i < f->count; i++) {
            if (strcmp(f->items[i].branch, f->pulls.items[k].branch) == 0) {
                items[count++] = f->items[i];
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        f->items[i] = items[i];
    }
    free(items);
}

// group_of is the part of a flush that is about a branch; it borrows all of it.
static struct hub_flush group_of(const struct hub_flush *f, const struct hub_pull *p) {
    struct hub_flush group = *f;

    group.count = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->items[i].branch, p->branch) != 0) {
            continue;
        }
        group.items = group.count++ == 0 ? &f->items[i] : group.items;
    }
    return group;
}

static bool any_open(const struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        if (hub_flush_is_open(&f->items[i])) {
            return true;
        }
    }
    return false;
}

// ---- What became of those that are open

static enum cm_rc call(struct hub_flush *f, const struct hub_forge_ask *ask,
                       struct hub_forge_answer *out, struct cm_err *err) {
    return hub_forge_call(f->forge, ask, out, &f->wait_ms, err);
}

static void drop_branch(struct hub_flush *f, const struct hub_pull *p) {
    const struct hub_forge_ask drop = {.verb = HUB_FORGE_DROP, .branch = p->branch};
    struct hub_forge_answer answer;
    struct cm_err ignored; // the next one of that branch finds it, and makes it anew

    (void)!call(f, &drop, &answer, &ignored);
}

// end_pull also takes the branch away, but never what others put onto it and nobody merged.
static void end_pull(struct hub_flush *f, struct hub_pull *p, enum hub_forge_state state,
                     const struct hub_forge_pull *seen) {
    p->state = state;
    p->changed = true;
    if (state == HUB_FORGE_MERGED || (p->head[0] != '\0' && strcmp(seen->head, p->head) == 0)) {
        drop_branch(f, p);
    }
}

static void end_items(struct hub_flush *group, const struct hub_pull *p,
                      const struct hub_forge_pull *seen) {
    CM_AUTOFREE char *why = cm_strf("the pull request was closed without being merged: %s", p->url);
    bool merged = seen->state == HUB_FORGE_MERGED;

    for (size_t i = 0; i < group->count; i++) {
        struct hub_flush_item *item = &group->items[i];

        if (!hub_flush_is_open(item) || item->writing->pull != p->number) {
            continue;
        }
        if (merged && strlen(seen->commit) < sizeof(item->revision)) {
            memcpy(item->revision, seen->commit, strlen(seen->commit) + 1);
        }
        item->overruled = !merged;
        item->stands = false;
        hub_flush_settle(item, merged ? HUB_WRITTEN_DONE : HUB_WRITTEN_NEVER, merged ? NULL : why);
    }
}

static void take_link(struct hub_pull *p, const struct hub_forge_pull *seen) {
    p->number = seen->number;
    p->state = seen->state;
    memcpy(p->url, seen->url, sizeof(p->url));
    p->changed = true;
}

// finish is done with one that was merged or closed.
static void finish(struct hub_flush *f, struct hub_pull *p, struct hub_flush *group,
                   const struct hub_forge_pull *seen) {
    end_items(group, p, seen);
    end_pull(f, p, seen->state, seen);
    f->again = f->again || any_open(group);
}

// look gives what became of one; of one that is not open yet nothing.
static enum cm_rc look(struct hub_flush *f, const struct hub_pull *p, struct hub_forge_pull *seen,
                       struct cm_err *err) {
    const struct hub_forge_ask ask = {.verb = HUB_FORGE_LOOK, .number = p->number};
    struct hub_forge_answer answer = {0};

    if (p->number == 0) {
        return CM_OK;
    }
    if (call(f, &ask, &answer, err) < 0) {
        return err->code;
    }
    *seen = answer.pull;
    return CM_OK;
}

// ---- What it is to be

// note_undone finds what was taken back by another kind of intent: together they may change the
// text, but mean nothing.
static void note_undone(struct hub_flush *group) {
    for (size_t i = 0; i < group->count; i++) {
        const struct hub_intent *intent = &group->items[i].writing->intent;

        group->items[i].undone = false;
        for (size_t k = i + 1; k < group->count; k++) {
            const struct hub_intent *later = &group->items[k].writing->intent;

            group->items[i].undone =
                group->items[i].undone ||
                (hub_flush_is_open(&group->items[k]) && hub_write_is_undone(intent, later));
        }
    }
}

static void add_text(struct cm_str *out, const char *text) {
    cm_str_addf(out, "%zd\n", text != NULL ? (ssize_t)strlen(text) : -1);
    cm_str_add(out, text != NULL ? text : "");
}

// name_content names what the branch would change, and of what.
static char *name_content(const struct hub_flush *group) {
    CM_CLEANUP(cm_str_done) struct cm_str all = {0};
    char hex[CM_SHA256_HEX_MAX];

    for (size_t i = 0; i < group->count; i++) {
        if (group->items[i].stands) {
            add_text(&all, group->items[i].writing->intent.id);
            add_text(&all, group->items[i].edit.path);
            add_text(&all, group->items[i].edit.before);
            add_text(&all, group->items[i].edit.text);
        }
    }
    struct cm_sha256 digest = cm_sha256(cm_str_get(&all), all.len);
    cm_sha256_hex(&digest, hex);
    return cm_strdup(hex);
}

// ---- Its words

static char *cut_title(const char *line) {
    size_t len = strcspn(line, "\n");
    char *title = cm_strndup(line, len < TITLE_MAX ? len : TITLE_MAX);

    title[cm_utf8_valid(title, strlen(title))] = '\0'; // a character that was cut
    return title;
}

// add_as_code sets each line in, so that nobody is called by what agents said, and nothing closed.
static void add_as_code(struct cm_str *out, const char *text, const char *end) {
    while (text < end) {
        size_t len = strcspn(text, "\n");

        len = len < (size_t)(end - text) ? len : (size_t)(end - text);
        if (len > 0) {
            cm_str_addf(out, "    %.*s\n", (int)len, text);
        }
        text += len + 1;
    }
}

// is_in_force tells of what counts before it is merged: not what holdfast decided itself.
static bool is_in_force(const struct hub_writing *w) {
    return w->automatic && strcmp(w->intent.kind, "hold") == 0 &&
           strcmp(w->intent.actor, HUB_HOLD_OWN) != 0;
}

// words_of makes title and body of what was asked for last.
static void words_of(const struct hub_flush *group, char **title, char **body) {
    const struct hub_writing *last = NULL;
    struct cm_str text = {0};

    for (size_t i = 0; i < group->count; i++) {
        last = group->items[i].stands ? group->items[i].writing : last;
    }
    assert(last != NULL); // nothing is said where nothing stands
    const struct hub_intent *intent = &last->intent;
    CM_AUTOFREE char *message = hub_write_message(&intent, 1, group->writer);
    const char *rest = message + strcspn(message, "\n");
    const char *trailers = strstr(rest, "\n\nHoldfast-");
    bool kept_out = is_in_force(last);
    *title = cut_title(message);
    add_as_code(&text, rest, trailers != NULL ? trailers : rest + strlen(rest));
    cm_str_add(&text, kept_out
                          ? "\nThe release is kept out already, by what the hub has on record. "
                            "Merged, Git says so too; change the file here first if you want it "
                            "otherwise. Closed without being merged, the release is tried again.\n"
                          : "\nIt counts once it is merged. Closed without being merged, it is "
                            "dropped.\n");
    *body = cm_str_take(&text);
}

// ---- Its branch

// is_ours tells whether the branch that was just fetched ends with a commit of this hub. Who amends
// one keeps its trailers, but is its committer.
static bool is_ours(const struct hub_flush *f, const struct hub_pull *p, struct hub_repo_id *out) {
    char hex[HUB_REPO_ID_HEX_MAX];
    CM_CLEANUP(hub_tip_close) struct hub_tip tip = {0};
    struct cm_err ignored;

    if (hub_tip_open(f->folder, &tip, &ignored) < 0) {
        return false;
    }
    const char *at = tip.commit.trailers;
    CM_AUTOFREE char *writer = hub_write_find_trailer(&at, "Holdfast-Writer");
    size_t len = strlen(f->hub_id);
    *out = tip.commit.id;
    hub_repo_id_hex(out, hex);
    return strcmp(hex, p->head) == 0 ||
           (writer != NULL && strncmp(writer, f->hub_id, len) == 0 && writer[len] == '/' &&
            strcmp(tip.commit.committer_email, f->repository->committer_email) == 0);
}

// find_branch finds out where the branch is; *out_theirs: others have put commits onto it.
static enum cm_rc find_branch(struct hub_flush *f, const struct hub_pull *p,
                              const struct hub_forge_pull *seen, struct hub_repo_id *out,
                              bool *out_theirs, struct cm_err *err) {
    *out_theirs = false;
    if (p->head[0] != '\0' && strcmp(seen->head, p->head) == 0) {
        return hub_repo_id_parse(p->head, out)
                   ? CM_OK
                   : cm_fail(err, CM_EINVAL, "'%s' is no commit", p->head);
    }
    if (hub_flush_fetch(f, p->branch, err) < 0) {
        return f->trouble == HUB_REPO_BRANCH_GONE ? CM_OK : err->code;
    }
    *out_theirs = !is_ours(f, p, out);
    return CM_OK;
}

static enum cm_rc push_branch(struct hub_flush *f, struct hub_tip *tip, struct hub_pull *p,
                              struct hub_flush *group, const struct hub_repo_id *expected,
                              struct cm_err *err) {
    const struct hub_flush_target to = {.branch = p->branch, .expected = *expected};
    enum cm_rc rc = hub_flush_push_to(group, tip, &to, err);

    CM_FAULT_POINT("branch-pushed");
    f->trouble = group->trouble;
    if (rc == CM_OK) {
        hub_repo_id_hex(&group->commit, p->head);
        free(p->content);
        p->content = name_content(group);
    }
    return rc;
}

// ---- Carrying

static void note_items(struct hub_flush *group, int64_t number) {
    for (size_t i = 0; i < group->count; i++) {
        if (hub_flush_is_open(&group->items[i])) {
            group->items[i].writing->pull = number;
        }
    }
}

// say opens it, or says what it is now.
static enum cm_rc say(struct hub_flush *f, struct hub_pull *p, struct hub_flush *group,
                      struct cm_err *err) {
    CM_AUTOFREE char *title = NULL;
    CM_AUTOFREE char *body = NULL;
    struct hub_forge_answer answer = {0};

    words_of(group, &title, &body);
    free(p->title);
    p->title = CM_TAKE(title);
    const struct hub_forge_ask ask = {.verb = p->number == 0 ? HUB_FORGE_OPEN : HUB_FORGE_EDIT,
                                      .branch = p->branch,
                                      .base = f->repository->branch,
                                      .number = p->number,
                                      .title = p->title,
                                      .body = body};
    if (call(f, &ask, &answer, err) < 0) {
        return err->code;
    }
    CM_FAULT_POINT("pull-told");
    take_link(p, &answer.pull);
    if (p->state == HUB_FORGE_IS_OPEN) {
        note_items(group, p->number);
    } else { // in that very moment, so without what was just pushed
        finish(f, p, group, &answer.pull);
    }
    return CM_OK;
}

static enum cm_rc find_open(struct hub_flush *f, struct hub_pull *p, struct hub_forge_pull *seen,
                            struct cm_err *err) {
    if (p->number != 0) {
        return CM_OK;
    }
    if (hub_forge_find_open(f->forge, p->branch, f->repository->branch, seen, &f->wait_ms, err) <
        0) {
        return err->code;
    }
    if (seen->state == HUB_FORGE_IS_OPEN) {
        take_link(p, seen);
    }
    return CM_OK;
}

// put has the branch and its pull request be what the intents of a group need.
static enum cm_rc put(struct hub_flush *f, struct hub_tip *tip, struct hub_pull *p,
                      struct hub_flush *group, struct hub_forge_pull *seen, struct cm_err *err) {
    CM_AUTOFREE char *content = name_content(group);
    struct hub_repo_id expected = {0};
    bool theirs = false;
    bool same = strcmp(content, p->content) == 0;

    if (same && p->number != 0) {
        note_items(group, p->number); // of what says the same, or was not on record yet
        return CM_OK;
    }
    if (find_open(f, p, seen, err) < 0) {
        return err->code;
    }
    if (same && p->number == 0) { // it is pushed, but could not be opened
        return say(f, p, group, err);
    }
    if (find_branch(f, p, seen, &expected, &theirs, err) < 0) {
        return err->code;
    }
    if (theirs) {
        return p->number != 0 ? CM_OK
                              : cm_fail(err, CM_EINVAL,
                                        "the branch '%s' has commits of others: merge or delete it",
                                        p->branch);
    }
    enum cm_rc rc = push_branch(f, tip, p, group, &expected, err);
    f->again = f->again || rc == CM_EEXISTS;
    return rc == CM_OK                              ? say(f, p, group, err)
           : rc == CM_EEXISTS || rc == CM_ENOTFOUND ? CM_OK
                                                    : rc;
}

// forget is done with one that was never opened; its branch may be there.
static enum cm_rc forget(struct hub_flush *f, struct hub_pull *p, struct cm_err *err) {
    const struct hub_forge_pull nothing = {0};
    struct hub_repo_id at = {0};
    bool theirs = false;

    if (p->head[0] == '\0') {
        return CM_OK;
    }
    if (find_branch(f, p, &nothing, &at, &theirs, err) < 0) {
        return err->code;
    }
    p->state = HUB_FORGE_CLOSED;
    if (!theirs) {
        drop_branch(f, p);
    }
    return CM_OK;
}

// take_back closes what is not needed any more, and says so. One that is closed already was closed
// here, and that could not be put on record, or by people who do not mind: nothing is overruled.
static enum cm_rc take_back(struct hub_flush *f, struct hub_pull *p, struct hub_forge_pull *seen,
                            struct cm_err *err) {
    struct hub_forge_answer answer;
    enum cm_rc rc = p->head[0] != '\0' ? find_open(f, p, seen, err) : CM_OK;

    if (rc < 0 || p->number == 0) {
        return rc < 0 ? rc : forget(f, p, err);
    }
    struct hub_forge_ask ask = {.verb = HUB_FORGE_EDIT,
                                .number = p->number,
                                .title = p->title,
                                .body = "Nothing is left to change: Git says so already, or it was "
                                        "taken back.\n"};
    if (seen->state == HUB_FORGE_IS_OPEN) {
        rc = call(f, &ask, &answer, err);
        ask.verb = HUB_FORGE_CLOSE;
        rc = rc < 0 ? rc : call(f, &ask, &answer, err);
    }
    CM_FAULT_POINT("pull-closed");
    if (rc == CM_OK) {
        end_pull(f, p, HUB_FORGE_CLOSED, seen);
    }
    return rc;
}

static void end_all(struct hub_flush *group) {
    for (size_t i = 0; i < group->count; i++) {
        if (hub_flush_is_open(&group->items[i])) {
            hub_flush_settle(&group->items[i], HUB_WRITTEN_DONE, NULL);
        }
    }
}

// was_found tells whether all that is to be in it was found, so it was in one before.
static bool was_found(const struct hub_flush *group) {
    bool found = true;

    for (size_t i = 0; i < group->count; i++) {
        const struct hub_flush_item *item = &group->items[i];

        found = found && (!item->stands || hub_write_was_found(&item->writing->intent));
    }
    return found;
}

// is_on_tip tells whether the tip has a file that is to change.
static bool is_on_tip(const struct hub_flush *group) {
    for (size_t i = 0; i < group->count; i++) {
        if (group->items[i].stands && group->items[i].edit.before != NULL) {
            return true;
        }
    }
    return false;
}

// find_ended finds out what people made of what was found, while the hub was away; *out stays
// missing where it goes on. Merged, and gone from the tip: it only vanished.
static enum cm_rc find_ended(struct hub_flush *f, const struct hub_pull *p,
                             const struct hub_flush *group, struct hub_forge_pull *out,
                             struct cm_err *err) {
    struct hub_forge_pull seen = {0};

    if (p->number != 0 || !was_found(group)) {
        return CM_OK;
    }
    if (hub_forge_find_newest(f->forge, p->branch, f->repository->branch, &seen, &f->wait_ms, err) <
        0) {
        return err->code;
    }
    if (seen.state == HUB_FORGE_CLOSED || (seen.state == HUB_FORGE_MERGED && is_on_tip(group))) {
        *out = seen;
    }
    return CM_OK;
}

// take_ended takes it for the one that all of it was in.
static void take_ended(struct hub_pull *p, struct hub_flush *group,
                       const struct hub_forge_pull *seen) {
    CM_AUTOFREE char *body = NULL;

    free(p->title);
    words_of(group, &p->title, &body);
    take_link(p, seen);
    note_items(group, p->number);
}

static enum cm_rc carry(struct hub_flush *f, struct hub_tip *tip, struct hub_pull *p,
                        struct cm_err *err) {
    struct hub_flush group = group_of(f, p);
    struct hub_forge_pull seen = {0};

    if (look(f, p, &seen, err) < 0) {
        return err->code;
    }
    if (seen.state == HUB_FORGE_MERGED) {
        finish(f, p, &group, &seen);
        return CM_OK;
    }
    note_undone(&group);
    if (hub_flush_evaluate(&group, tip, err) < 0) {
        return err->code;
    }
    hub_flush_end_what_is_so(&group);
    bool stands = hub_flush_any_stands(&group);
    if (stands && seen.state == HUB_FORGE_MISSING && find_ended(f, p, &group, &seen, err) < 0) {
        return err->code;
    }
    if (stands && p->number == 0 && seen.state != HUB_FORGE_MISSING) {
        take_ended(p, &group, &seen);
        finish(f, p, &group, &seen);
        return CM_OK;
    }
    if (stands && seen.state == HUB_FORGE_CLOSED) {
        finish(f, p, &group, &seen);
        return CM_OK;
    }
    enum cm_rc rc = stands ? put(f, tip, p, &group, &seen, err) : take_back(f, p, &seen, err);
    if (rc == CM_OK && !stands) {
        end_all(&group);
    }
    return rc;
}

// ---- What is in force meanwhile

// leave_holds has nothing stand but what is in force, each as the Hold that it is, and names it;
// NULL: it failed.
static char *leave_holds(struct hub_flush *f, struct hub_tip *tip, struct cm_err *err) {
    for (size_t i = 0; i < f->count; i++) {
        struct hub_flush_item *item = &f->items[i];

        item->stands = item->stands && is_in_force(item->writing);
        if (item->stands && item->edit.reverts && hub_flush_as_hold(f, tip, i, err) < 0) {
            return NULL;
        }
    }
    return hub_flush_any_stands(f) ? name_content(f) : cm_strdup("");
}

// push_holds makes the branch of what stands, or takes it away.
static enum cm_rc push_holds(struct hub_flush *f, struct hub_tip *tip,
                             const struct hub_repo_id *expected, struct cm_err *err) {
    static const struct hub_repo_id none;
    const struct hub_flush_target to = {
        .branch = HUB_HOLDS_BRANCH, .expected = *expected, .remove = !hub_flush_any_stands(f)};
    struct hub_flush holds = *f; // its list of what was pushed is not the tip's

    if (to.remove && hub_repo_id_equal(expected, &none)) {
        return CM_OK;
    }
    holds.seals = f->secret != NULL;
    enum cm_rc rc = hub_flush_push_to(&holds, tip, &to, err);

    f->trouble = holds.trouble;
    return rc;
}

// show_holds has the branch of Holds be the tip and those that wait, or not be there.
static enum cm_rc show_holds(struct hub_flush *f, struct hub_tip *tip, struct cm_err *err) {
    static char name[] = HUB_HOLDS_BRANCH;
    const struct hub_pull branch = {.branch = name};
    const struct hub_forge_pull seen = {0};
    struct hub_repo_id expected = {0};
    CM_AUTOFREE char *content = leave_holds(f, tip, err);
    bool theirs = false;

    f->unshown = content == NULL || f->holds == NULL || strcmp(f->holds, content) != 0;
    if (content == NULL) {
        return err->code;
    }
    if (!f->unshown) {
        return CM_OK;
    }
    enum cm_rc rc = find_branch(f, &branch, &seen, &expected, &theirs, err);
    if (rc == CM_OK && theirs) {
        return cm_fail(err, CM_EINVAL,
                       "the branch '" HUB_HOLDS_BRANCH "' has commits of others: delete it");
    }
    rc = rc < 0 ? rc : push_holds(f, tip, &expected, err);
    CM_FAULT_POINT("holds-shown");
    f->again = f->again || rc == CM_EEXISTS;
    if (rc == CM_OK) {
        free(f->holds);
        f->holds = CM_TAKE(content);
        f->unshown = false;
    }
    return rc == CM_EEXISTS ? CM_OK : rc;
}

void hub_flush_show(struct hub_flush *f) {
    CM_CLEANUP(hub_tip_close) struct hub_tip tip = {0};
    bool is_none = f->holds != NULL && f->holds[0] == '\0';
    bool refused = f->err.code == CM_EAUTH && f->trouble == HUB_REPO_REFUSED;
    struct cm_err err = {.code = CM_OK};

    if (!refused && (f->err.code != CM_OK || is_none || f->cut)) { // what is cut may be there
        return;
    }
    f->most = 0;
    f->unshown = true;
    if (hub_tip_open(f->folder, &tip, &err) == CM_OK &&
        hub_flush_evaluate(f, &tip, &err) == CM_OK && show_holds(f, &tip, &err) == CM_OK) {
        return;
    }
    if (refused) {
        CM_AUTOFREE char *why = cm_strdup(f->err.msg);

        (void)cm_fail(&f->err, CM_EAUTH, "%.300s; nor is it on '" HUB_HOLDS_BRANCH "': %.300s", why,
                      err.msg);
    } else {
        f->err = err;
        (void)cm_wrap(&f->err, "show on '" HUB_HOLDS_BRANCH "' what is in force");
    }
}

// is_its_own tells a failure that others may not have.
static bool is_its_own(enum cm_rc rc) {
    return rc == CM_EINVAL || rc == CM_ENOTFOUND || rc == CM_EEXISTS;
}

void hub_flush_pulls(struct hub_flush *f) {
    CM_CLEANUP(hub_tip_close) struct hub_tip tip = {0};
    enum cm_rc rc = CM_OK;

    f->err.code = CM_OK;
    f->most = 0; // what commits went through says nothing of branches
    f->moved = 0;
    if (hub_flush_fetch(f, NULL, &f->err) < 0 || hub_tip_open(f->folder, &tip, &f->err) < 0 ||
        hub_flush_history(f, &tip, &f->err) < 0) {
        return;
    }
    name_branches(f);
    order(f);
    for (size_t i = 0; i < f->pulls.count && (rc == CM_OK || is_its_own(rc)); i++) {
        struct cm_err err = {.code = CM_OK};

        rc = carry(f, &tip, &f->pulls.items[i], &err);
        f->err = rc < 0 ? err : f->err;
    }
    if (f->err.code == CM_OK && f->by_pulls) { // else Holds are commits, or wait to be
        f->err.code = show_holds(f, &tip, &f->err);
    }
}
