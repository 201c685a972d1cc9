#include "hub/jobs/found.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/hold/hold.h"
#include "hub/jobs/writer_state.h"
#include "hub/repo/source.h"
#include "hub/repo/tree.h"
#include "hub/write/write.h"

void hub_found_seal(const uint8_t *secret, const char *repository, const char *path,
                    const char *text, char out[CM_SHA256_HEX_MAX]) {
    static const char purpose[] = "holdfast holds v1";
    CM_AUTOFREE char *all =
        cm_strf("%s\n%s\n%s", repository, path, text); // neither name has a line feed
    struct cm_sha256 key = cm_hmac_sha256(secret, CM_SHA256_SIZE, purpose, strlen(purpose));
    struct cm_sha256 seal = cm_hmac_sha256(key.bytes, sizeof(key.bytes), all, strlen(all));

    cm_sha256_hex(&seal, out);
    explicit_bzero(&key, sizeof(key));
}

void hub_found_free(struct hub_found *f) {
    for (size_t i = 0; f != NULL && i < f->count; i++) {
        hub_hold_free(f->holds[i]);
    }
    free(f != NULL ? f->holds : NULL);
    free(f);
}

static void free_found(struct hub_found **f) {
    hub_found_free(*f);
}

// ---- The commits

// A commit that says that it has a seal, or the one that they stand upon.
struct link {
    struct hub_repo_id id;
    char *seal; // NULL: that one
};

struct chain {
    struct link links[HUB_FOUND_MAX + 1];
    size_t count;
};

static void chain_free(struct chain **c) {
    for (size_t i = 0; *c != NULL && i < (*c)->count; i++) {
        free((*c)->links[i].seal);
    }
    free(*c);
}

static bool add_link(void *ctx, const struct hub_commit *commit) {
    struct chain *c = ctx;
    const char *at = commit->trailers;
    char *seal = hub_write_find_trailer(&at, "Holdfast-" HUB_FOUND_SEAL);

    c->links[c->count++] = (struct link){.id = commit->id, .seal = seal};
    return seal != NULL && commit->parents == 1 && c->count <= HUB_FOUND_MAX;
}

// ---- One of them

struct reading {
    const struct hub_found_place *place;
    struct hub_repo *repo;
    struct hub_found *found;
    struct cm_arena *arena;
};

// read_file gives path and text of the one file that a commit puts there. CM_EINVAL: it does
// something else.
static enum cm_rc read_file(const struct reading *r, const struct link *commit,
                            const struct link *parent, const char **path, struct cm_buf **out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    const struct hub_repo_range range = {.old = parent->id, .now = commit->id, .prefix = ""};

    if (hub_repo_diff(r->repo, &range, NULL, &entries, err) < 0) {
        return err->code;
    }
    if (entries.count != 1 || entries.items[0].type != HUB_ENTRY_FILE ||
        entries.items[0].change == HUB_ENTRY_REMOVED) {
        return cm_fail(err, CM_EINVAL, "it is not of one file");
    }
    *path = cm_arena_strdup(r->arena, entries.items[0].path);
    return hub_repo_read_blob(r->repo, &entries.items[0].id, HUB_HOLD_BYTES_MAX, out, err);
}

static bool is_sealed(const struct reading *r, const char *seal, const char *path,
                      const struct cm_buf *text) {
    CM_AUTOFREE char *copy = cm_strndup((const char *)text->data, text->size);
    char hex[CM_SHA256_HEX_MAX];

    hub_found_seal(r->place->secret, r->place->repository, path, copy, hex);
    return strlen(copy) == text->size && strlen(seal) == sizeof(hex) - 1 &&
           cm_equal_secret(hex, seal, sizeof(hex) - 1);
}

static bool has(const struct reading *r, const char *path) {
    for (size_t i = 0; i < r->found->count; i++) {
        if (strcmp(hub_hold_path(r->arena, r->found->holds[i]), path) == 0) {
            return true;
        }
    }
    return false;
}

// below returns a path as told from the root of the fleet; NULL: it is not below that.
static const char *below(const char *root, const char *path) {
    size_t len = strlen(root);

    return len == 0                                            ? path
           : strncmp(path, root, len) == 0 && path[len] == '/' ? path + len + 1
                                                               : NULL;
}

// keep takes a Hold that a controller decided and that belongs where it is.
static void keep(struct reading *r, const char *path, const struct cm_buf *text) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    const char *at = below(r->place->root, path);
    struct cm_err ignored; // it is no Hold that this hub would write

    if (at == NULL || has(r, at) ||
        hub_hold_parse((const char *)text->data, text->size, &hold, &ignored) < 0 ||
        strcmp(hub_hold_path(r->arena, hold), at) != 0 || hold->event[0] == '\0' || hold->retry ||
        hub_hold_is_own(hold)) {
        return;
    }
    r->found->holds = cm_resize(r->found->holds, (r->found->count + 1) * sizeof(struct hub_hold *));
    r->found->holds[r->found->count++] = CM_TAKE(hold);
}

// read_one: what cannot be believed ends the chain, *out false.
static enum cm_rc read_one(struct reading *r, const struct link *commit, const struct link *parent,
                           bool *out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    const char *path = NULL;
    enum cm_rc rc = read_file(r, commit, parent, &path, &text, err);

    *out = text != NULL && is_sealed(r, commit->seal, path, text);
    if (*out) {
        r->found->sealed++;
        keep(r, path, text);
    }
    return rc == CM_EINVAL ? CM_OK : rc;
}

static enum cm_rc read_chain(struct reading *r, const struct hub_repo_id *tip, struct cm_err *err) {
    CM_CLEANUP(chain_free) struct chain *c = cm_new(1, sizeof(*c));
    bool more = true;
    enum cm_rc rc = hub_repo_history(r->repo, tip, add_link, c, err);

    rc = rc == CM_EINVAL ? CM_OK : rc; // it ends there
    for (size_t i = 0; rc == CM_OK && more && i + 1 < c->count; i++) {
        rc = read_one(r, &c->links[i], &c->links[i + 1], &more, err);
    }
    return rc;
}

enum cm_rc hub_found_read(const struct hub_found_place *place, struct hub_found **out,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(free_found) struct hub_found *found = cm_new(1, sizeof(*found));
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    CM_CLEANUP(hub_commit_done) struct hub_commit tip = {0};
    struct reading r = {.place = place, .found = found, .arena = arena};
    enum cm_rc rc = hub_repo_open(place->folder, &repo, err);

    r.repo = repo;
    rc = rc < 0 ? rc : hub_repo_resolve(repo, "HEAD", &tip, err);
    rc = rc == CM_EINVAL ? CM_OK : rc < 0 ? rc : read_chain(&r, &tip.id, err);
    if (rc == CM_OK) {
        *out = CM_TAKE(found);
    }
    return rc;
}

enum cm_rc hub_found_fetch(const struct hub_repo_source *from, const struct hub_repo_job *job,
                           const struct hub_found_place *place, struct hub_found **out,
                           struct cm_err *err) {
    struct hub_repo_source source = *from;
    struct hub_repo_fetched fetched = {0};
    enum hub_repo_trouble trouble = HUB_REPO_FINE;
    struct cm_err ignored; // what is left there goes with the next start

    source.branch = HUB_HOLDS_BRANCH;
    enum cm_rc rc = hub_repo_fetch(&source, job, &fetched, &trouble, err);
    if (rc < 0 && trouble == HUB_REPO_BRANCH_GONE) {
        return CM_OK;
    }
    if (rc < 0 && trouble != HUB_REPO_TOO_LARGE) {
        return cm_wrap(err, "look for what '" HUB_HOLDS_BRANCH "' keeps out");
    }
    if (rc < 0) { // who pushes that keeps nothing else from being taken in
        *out = cm_new(1, sizeof(**out));
        rc = CM_OK;
    } else {
        rc = hub_found_read(place, out, err);
    }
    (void)!hub_repo_discard(place->folder, &ignored);
    if (rc == CM_OK && (*out)->sealed == 0) {
        cm_log(CM_LOG_WARN, "release.not_found",
               "the branch '" HUB_HOLDS_BRANCH "' has no seal of this hub, so nothing counts "
               "because it is there",
               "repository", from->name, NULL);
    }
    return rc;
}
