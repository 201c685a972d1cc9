// writer_capture.c: what is proven by rendering, held against a tip with what all other
// repositories say: a capture, and what is reverted instead of being held.
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/capture/capture.h"
#include "hub/config/config.h"
#include "hub/jobs/writer_state.h"

#define COMMITS_MAX 20 // that are looked at for what they made of files
#define CHANGES_MAX 50 // files of one of them
#define PROVEN_MAX 100 // that are remembered
#define PROVEN_MS ((int64_t)10 * 60 * 1000)

// The tips of all repositories with documents.
struct tips {
    struct hub_tip *others; // zeroed where it is the one that is written to
    struct hub_capture_repo *repos;
    size_t count;
    size_t own;
};

static void tips_done(struct tips *t) {
    for (size_t i = 0; i < t->count; i++) {
        hub_tip_close(&t->others[i]);
    }
    free(t->others);
    free(t->repos);
}

static enum cm_rc open_all(struct hub_tip *own, struct tips *t, struct cm_err *err) {
    const struct hub_repositories *list = own->world->repositories;

    t->others = cm_new(list->count + 1, sizeof(*t->others));
    t->repos = cm_new(list->count + 1, sizeof(*t->repos));
    for (size_t i = 0; i < list->count; i++) {
        const struct hub_repository *repository = &list->items[i];
        bool is_own = strcmp(repository->name, own->repository->name) == 0;

        if (repository->source_only) {
            continue;
        }
        if (is_own) {
            t->own = t->count;
        } else if (hub_tip_open_mirror(own->world, repository, &t->others[t->count], err) < 0) {
            return err->code;
        }
        t->repos[t->count] = (struct hub_capture_repo){.name = repository->name,
                                                       .root = repository->path,
                                                       .read = hub_tip_read,
                                                       .each = hub_tip_each,
                                                       .ctx = is_own ? own : &t->others[t->count]};
        t->count++;
    }
    return CM_OK;
}

static bool is_stopped(void *ctx) {
    const struct hub_tip *tip = ctx;
    struct pollfd fd = {.fd = tip->world->cancel_fd, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

enum cm_rc hub_tip_capture(void *ctx, const struct hub_intent *intent, const struct cm_json *args,
                           struct hub_write_edit *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(tips_done) struct tips tips = {0};
    struct hub_captured captured = {0};
    struct hub_capture what;

    if (hub_capture_read(a, args, &what, err) < 0 || open_all(ctx, &tips, err) < 0) {
        return err->code;
    }
    what.app = intent->app;
    what.cluster = intent->cluster;
    what.now_ms = cm_clock_unix_ms();
    what.stopped = is_stopped;
    what.ctx = ctx;
    if (hub_capture_make(&what, tips.repos, tips.count, tips.own, &captured, err) < 0) {
        return err->code;
    }
    *out = (struct hub_write_edit){
        .path = captured.path, .before = captured.before, .text = captured.text};
    return CM_OK;
}

// ---- Reverting

// A commit and the one before it, as they are visited.
struct step {
    struct hub_tip *tip;
    struct hub_commit now;
    struct hub_commit before;
    hub_revert_visit_fn visit;
    void *visitor;
};

static void step_done(struct step *s) {
    hub_commit_done(&s->now);
    hub_commit_done(&s->before);
}

static char *read_text(struct hub_tip *tip, const struct hub_repo_id *commit, const char *path) {
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct cm_err ignored;

    return hub_repo_tree(tip->repo, commit, &tree, &ignored) < 0 ||
                   hub_tree_read(tree, path, HUB_CAPTURE_FILE_MAX, &file, &ignored) < 0
               ? NULL
               : cm_strndup((const char *)file->data, file->size);
}

// visit_file tells whether to go on.
static bool visit_file(const struct step *s, const struct hub_entry *entry) {
    if (entry->type != HUB_ENTRY_FILE || entry->change != HUB_ENTRY_MODIFIED) {
        return true;
    }
    CM_AUTOFREE char *bad = read_text(s->tip, &s->now.id, entry->path);
    CM_AUTOFREE char *good = read_text(s->tip, &s->before.id, entry->path);
    return bad == NULL || good == NULL || s->visit(s->visitor, entry->path, bad, good);
}

// visit_commit tells whether to go on.
static bool visit_commit(const struct step *s) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    const struct hub_repo_range range = {
        .old = s->before.id, .now = s->now.id, .prefix = s->tip->repository->path};
    struct cm_err ignored;
    bool on = true;

    if (hub_repo_diff(s->tip->repo, &range, NULL, &entries, &ignored) < 0 ||
        entries.count > CHANGES_MAX) {
        return true;
    }
    for (size_t i = 0; i < entries.count && on; i++) {
        on = visit_file(s, &entries.items[i]);
    }
    return on;
}

// go_back visits the commit that is `number` before the rejected one; it tells whether to go on.
static bool go_back(struct step *s, const char *bad, const char *good, size_t number) {
    CM_AUTOFREE char *now = cm_strf("%s~%zu", bad, number);
    CM_AUTOFREE char *before = cm_strf("%s~%zu", bad, number + 1);
    char hex[HUB_REPO_ID_HEX_MAX];
    struct cm_err ignored;

    if (hub_repo_resolve(s->tip->repo, now, &s->now, &ignored) < 0) {
        return false;
    }
    hub_repo_id_hex(&s->now.id, hex);
    return strcmp(hex, good) != 0 &&
           hub_repo_resolve(s->tip->repo, before, &s->before, &ignored) == CM_OK && visit_commit(s);
}

static void each_change(void *ctx, const char *bad_revision, const char *good_revision,
                        hub_revert_visit_fn visit, void *visitor) {
    bool on = bad_revision[0] != '\0';

    for (size_t i = 0; i < COMMITS_MAX && on; i++) {
        CM_CLEANUP(step_done) struct step s = {.tip = ctx, .visit = visit, .visitor = visitor};

        on = go_back(&s, bad_revision, good_revision, i);
    }
}

// ---- What was proven before

// What came of it.
struct proven {
    struct hub_write_edit edit;
    struct cm_err err; // code CM_OK: the edit is it
    int64_t at_ms;
};

static void free_proven(void *value) {
    struct proven *p = value;

    hub_write_edit_done(&p->edit);
    free(p);
}

struct cm_map *hub_proofs_new(void) {
    return cm_map_new(free_proven);
}

static void add_text(struct cm_str *out, const char *text) {
    cm_str_addf(out, "%zd\n%s", text != NULL ? (ssize_t)strlen(text) : -1,
                text != NULL ? text : "");
}

static void add_tip(struct cm_str *out, const struct hub_tip *tip) {
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(&tip->commit.id, hex);
    cm_str_addf(out, "%s %s\n", tip->repository->name, hex);
}

// name_proof names all that a proof is of: the Hold, the tips of all repositories, and what was
// decided on top of the own one.
static void name_proof(const struct hub_tip *own, const struct tips *tips,
                       const struct hub_write_edit *hold, char *hex) {
    CM_CLEANUP(cm_str_done) struct cm_str all = {0};

    add_text(&all, hold->path);
    add_text(&all, hold->text);
    for (size_t i = 0; i < tips->count; i++) {
        add_tip(&all, tips->repos[i].ctx);
    }
    for (size_t i = 0; i < own->count; i++) {
        if (own->items[i].stands) {
            add_text(&all, own->items[i].edit.path);
            add_text(&all, own->items[i].edit.text);
        }
    }
    struct cm_sha256 digest = cm_sha256(cm_str_get(&all), all.len);
    cm_sha256_hex(&digest, hex);
}

static enum cm_rc prove(struct hub_tip *tip, const struct tips *tips,
                        const struct hub_write_edit *hold, int64_t now_ms,
                        struct hub_write_edit *out, struct cm_err *err) {
    struct hub_captured made = {0};
    const struct hub_revert what = {.path = hold->path,
                                    .text = hold->text,
                                    .now_ms = now_ms,
                                    .each = each_change,
                                    .stopped = is_stopped,
                                    .ctx = tip};

    if (hub_revert_make(&what, tips->repos, tips->count, tips->own, &made, err) < 0) {
        return err->code;
    }
    *out = (struct hub_write_edit){.path = made.path, .before = made.before, .text = made.text};
    return CM_OK;
}

static bool is_final(enum cm_rc rc) {
    return rc == CM_OK || rc == CM_EINVAL || rc == CM_ENOTFOUND;
}

static enum cm_rc give(const struct proven *p, struct hub_write_edit *out, struct cm_err *err) {
    if (p->err.code != CM_OK) {
        *err = p->err;
        return err->code;
    }
    *out = (struct hub_write_edit){.path = cm_strdup(p->edit.path),
                                   .before = cm_strdup(p->edit.before),
                                   .text = cm_strdup(p->edit.text)};
    return CM_OK;
}

// find: after a while what ends with time may have ended. NULL: it is to be proven.
static const struct proven *find(const struct cm_map *proofs, const char *name, int64_t now_ms) {
    const struct proven *p = proofs != NULL ? cm_map_get(proofs, name) : NULL;

    return p != NULL && now_ms >= p->at_ms && now_ms - p->at_ms < PROVEN_MS ? p : NULL;
}

// forget takes the oldest one out.
static bool forget(void *ctx, const char *name, void *value) {
    (void)value;
    (void)cm_map_remove(ctx, name);
    return false;
}

static void keep(struct cm_map *proofs, const char *name, struct proven *p) {
    if (cm_map_len(proofs) >= PROVEN_MAX) {
        cm_map_each(proofs, forget, proofs);
    }
    cm_map_put(proofs, name, p);
}

enum cm_rc hub_tip_revert(void *ctx, const struct hub_write_edit *hold, struct hub_write_edit *out,
                          struct cm_err *err) {
    CM_CLEANUP(tips_done) struct tips tips = {0};
    struct hub_tip *tip = ctx;
    int64_t now_ms = cm_clock_unix_ms();
    char name[CM_SHA256_HEX_MAX];

    if (open_all(tip, &tips, err) < 0) {
        return err->code;
    }
    name_proof(tip, &tips, hold, name);
    const struct proven *known = find(tip->proofs, name, now_ms);
    if (known != NULL) {
        return give(known, out, err);
    }
    struct proven *p = cm_new(1, sizeof(*p));
    enum cm_rc rc = prove(tip, &tips, hold, now_ms, &p->edit, &p->err);
    p->err.code = rc;
    p->at_ms = now_ms;
    rc = give(p, out, err);
    if (tip->proofs == NULL || !is_final(rc)) {
        free_proven(p);
        return rc;
    }
    keep(tip->proofs, name, p);
    return rc;
}
