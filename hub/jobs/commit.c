#include "hub/jobs/commit.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/planner.h"
#include "hub/repo/tree.h"

void hub_reading_begin(struct hub_reading *r, const struct hub_planner_source *sources,
                       size_t count) {
    *r = (struct hub_reading){
        .sources = sources, .count = count, .repos = cm_new(count + 1, sizeof(struct hub_repo *))};
}

void hub_reading_end(struct hub_reading *r) {
    for (size_t i = 0; i < r->count; i++) {
        hub_repo_close(r->repos[i]);
    }
    free(r->repos);
    *r = (struct hub_reading){0};
}

static enum cm_rc open_source(struct hub_reading *r, size_t at, struct hub_repo **out,
                              struct cm_err *err) {
    if (r->repos[at] == NULL) {
        enum cm_rc rc = hub_repo_open(r->sources[at].folder, &r->repos[at], err);

        if (rc < 0) {
            return rc;
        }
    }
    *out = r->repos[at];
    return CM_OK;
}

enum cm_rc hub_reading_blob(void *ctx, const char *repo, const uint8_t *oid, size_t max_bytes,
                            struct cm_buf **out, struct cm_err *err) {
    struct hub_reading *r = ctx;
    struct hub_repo_id id;

    memcpy(id.bytes, oid, sizeof(id.bytes));
    for (size_t i = 0; i < r->count; i++) {
        struct hub_repo *handle = NULL;

        if (strcmp(r->sources[i].name, repo) != 0) {
            continue;
        }
        enum cm_rc rc = open_source(r, i, &handle, err);
        return rc < 0 ? rc : hub_repo_read_blob(handle, &id, max_bytes, out, err);
    }
    return cm_fail(err, CM_ENOTFOUND, "no repository is named '%s'", repo);
}

// What lies below the root folder, by its path from there; NULL for the rest.
static const char *below(const char *path, const char *prefix) {
    size_t len = strlen(prefix);

    if (len == 0) {
        return path;
    }
    return strncmp(path, prefix, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static void fill(struct cm_arena *a, const struct hub_entries *entries, const char *prefix,
                 struct hub_fleet_commit *out) {
    struct hub_fleet_change *changes = cm_arena_get(a, (entries->count + 1) * sizeof(*changes));

    out->changes = changes;
    out->change_count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const struct hub_entry *entry = &entries->items[i];
        const char *path = below(entry->path, prefix);

        if (path == NULL) {
            continue;
        }
        struct hub_fleet_change *change = &changes[out->change_count++];
        change->path = cm_arena_strdup(a, path);
        memcpy(change->oid, entry->id.bytes, sizeof(change->oid));
        change->removed = entry->change == HUB_ENTRY_REMOVED;
        change->special = entry->type != HUB_ENTRY_FILE;
    }
}

// A root folder that is not there is a typing error or a wrong branch far more often than a fleet
// of nothing, and believing it would take every App away.
static enum cm_rc list_all(struct hub_repo *repo, const struct hub_repo_id *commit,
                           const char *prefix, struct hub_entries *out, struct cm_err *err) {
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    enum cm_rc rc = hub_repo_tree(repo, commit, &tree, err);

    rc = rc < 0 ? rc : hub_tree_list(tree, prefix, NULL, out, err);
    if (rc == CM_ENOTFOUND && prefix[0] != '\0') {
        return cm_wrap(err, "its root folder ('path' in the file of repositories)");
    }
    return rc;
}

enum cm_rc hub_reading_changes(struct hub_reading *r, size_t at, const struct hub_repo_id *old,
                               const struct hub_repo_id *now, struct cm_arena *a,
                               struct hub_fleet_commit *out, struct cm_err *err) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    const char *prefix = r->sources[at].prefix;
    struct hub_repo *repo = NULL;
    char hex[HUB_REPO_ID_HEX_MAX];
    bool complete = old == NULL;
    enum cm_rc rc = open_source(r, at, &repo, err);

    if (rc == CM_OK && old != NULL) {
        struct hub_repo_range range = {.old = *old, .now = *now, .prefix = prefix};

        rc = hub_repo_diff(repo, &range, NULL, &entries, err);
        complete = rc == CM_ENOTFOUND; // the mirror was made anew and `old` was forced away
    }
    if (complete && (rc == CM_OK || rc == CM_ENOTFOUND) && repo != NULL) {
        rc = list_all(repo, now, prefix, &entries, err);
    }
    if (rc < 0) {
        return rc;
    }
    hub_repo_id_hex(now, hex);
    fill(a, &entries, prefix, out);
    out->revision = cm_arena_strdup(a, hex);
    out->complete = complete;
    return CM_OK;
}

enum cm_rc hub_reading_resolve(struct hub_reading *r, size_t at, const char *revision,
                               struct hub_commit *out, struct cm_err *err) {
    struct hub_repo *repo = NULL;
    enum cm_rc rc = open_source(r, at, &repo, err);

    return rc < 0 ? rc : hub_repo_resolve(repo, revision, out, err);
}

enum cm_rc hub_reading_commit(struct hub_reading *r, size_t at, const struct hub_repo_id *id,
                              struct hub_commit *out, struct cm_err *err) {
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(id, hex);
    return hub_reading_resolve(r, at, hex, out, err);
}

enum cm_rc hub_reading_passed(struct hub_reading *r, size_t at, const char *old,
                              const struct hub_repo_id *now, char **out, struct cm_err *err) {
    struct hub_repo *repo = NULL;
    enum cm_rc rc = open_source(r, at, &repo, err);

    return rc < 0 ? rc : hub_repo_passed(repo, old, now, HUB_READING_PASSED_MAX, out, err);
}
