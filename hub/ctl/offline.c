#include "hub/ctl/offline.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/range.h"
#include "hub/fleet/fleet.h"
#include "hub/plan/show.h"
#include "hub/repo/folder.h"
#include "hub/repo/local.h"
#include "hub/repo/tree.h"

#define HOLDS_BRANCH "holdfast/holds" // as the hub writes it (hub/jobs/writer_state.h)

// ---- Opening

// below returns a text with a '/' at its end, or "" if it names the place where we are.
static const char *below(struct cm_arena *a, const char *dir) {
    size_t len = strlen(dir);

    if (len == 0 || strcmp(dir, ".") == 0) {
        return "";
    }
    return cm_arena_strf(a, "%s%s", dir, dir[len - 1] == '/' ? "" : "/");
}

enum cm_rc ctl_offline_inside(struct ctl *c, const char *dir, const char *top, const char **out) {
    CM_AUTOFREE char *real = realpath(dir, NULL);
    CM_AUTOFREE char *real_top = realpath(top, NULL);

    if (real == NULL || real_top == NULL) {
        return cm_fail(&c->err, CM_ENOTFOUND, "there is no folder '%s'", dir);
    }
    size_t len = strlen(real_top);
    if (strncmp(real, real_top, len) != 0 || (real[len] != '/' && real[len] != '\0')) {
        return cm_fail(&c->err, CM_EINVAL, "'%s' is not in the working copy '%s'", dir, top);
    }
    *out = cm_arena_strdup(c->arena, real[len] == '/' ? real + len + 1 : "");
    return CM_OK;
}

static enum cm_rc find_prefix(struct ctl *c, struct ctl_offline *o) {
    const char *top = hub_repo_work_folder(o->repo);
    const char *path = c->options.path;

    if (path != NULL && path[0] != '\0') {
        if (!cm_fsys_path_ok(path)) {
            return cm_fail(&c->err, CM_EINVAL,
                           "--path %s: name a folder from the top of the repository, such as fleet",
                           path);
        }
        o->prefix = cm_arena_strdup(c->arena, path);
        return CM_OK;
    }
    return top == NULL ? CM_OK : ctl_offline_inside(c, o->dir, top, &o->prefix);
}

enum cm_rc ctl_offline_open(struct ctl *c, const char *dir, bool history, struct ctl_offline *out) {
    static const uint8_t secret_key[32] = {0}; // names stay here: nothing leaves this process
    struct ctl_offline o = {.dir = dir, .prefix = "", .shown = below(c->arena, dir)};
    enum cm_rc rc = hub_repo_open_local(dir, &o.repo, &c->err);

    if (rc < 0 && history) {
        return cm_fail(
            &c->err, rc,
            "there is no Git repository at '%s': run this in a working copy, or name one "
            "or a bare repository",
            dir);
    }
    if ((o.repo != NULL && find_prefix(c, &o) < 0) || ctl_sources_open(c, &o.sources) < 0) {
        hub_repo_close(o.repo);
        return c->err.code;
    }
    c->err = (struct cm_err){.code = CM_OK};
    o.in_repo = o.repo != NULL ? below(c->arena, o.prefix) : o.shown;
    o.fleet = hub_fleet_new(secret_key);
    o.work = cm_map_new(free);
    *out = o;
    return CM_OK;
}

// The fleet is left to the end of the process, which follows: to take 10,000 clusters apart one by
// one would take a seventh of the time of the whole verb.
static struct hub_fleet *left;

void ctl_offline_done(struct ctl_offline *o) {
    left = o->fleet;
    hub_tree_free(o->tree);
    hub_repo_close(o->repo);
    ctl_sources_close(&o->sources);
    cm_map_free(o->work);
    *o = (struct ctl_offline){0};
}

// ---- Reading

static enum cm_rc read_file(void *ctx, const char *repo, const uint8_t oid[HUB_OID_SIZE],
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    const struct ctl_offline *o = ctx;
    char hex[HUB_REPO_ID_HEX_MAX];
    struct hub_repo_id id;

    if (strcmp(repo, HUB_PLAN_HERE) != 0) {
        return ctl_sources_read(&o->sources, repo, oid, max_bytes, out, err);
    }
    memcpy(id.bytes, oid, sizeof(id.bytes));
    enum cm_rc rc =
        o->tree == NULL ? CM_ENOTFOUND : hub_tree_read_id(o->tree, &id, max_bytes, out, err);
    if (o->tree != NULL && (rc != CM_ENOTFOUND || o->repo == NULL)) {
        return rc;
    }
    hub_repo_id_hex(&id, hex);
    const char *path = cm_map_get(o->work, hex);
    if (path != NULL) {
        return hub_repo_work_read(o->repo, path, max_bytes, out, err);
    }
    return hub_repo_read_blob(o->repo, &id, max_bytes, out, err);
}

static bool is_document(const char *path) {
    const char *slash = strrchr(path, '/');

    return strncmp(path, "clusters/", strlen("clusters/")) == 0 ||
           strncmp(path, "groups/", strlen("groups/")) == 0 ||
           strcmp(slash != NULL ? slash + 1 : path, "app.yaml") == 0;
}

void ctl_offline_take(struct ctl *c, struct ctl_offline *o, const struct hub_entries *entries,
                      const char *skip, struct hub_fleet_commit *commit) {
    struct hub_fleet_change *changes =
        cm_arena_get(c->arena, (entries->count + 1) * sizeof(*changes));
    const struct hub_fleet_reader reader = {.read = read_file, .ctx = o};
    size_t len = strlen(skip);

    size_t count = 0;

    for (size_t i = 0; i < entries->count; i++) {
        const struct hub_entry *entry = &entries->items[i];
        const char *path = entry->path + (strncmp(entry->path, skip, len) == 0 ? len : 0);

        if (o->names_only && !is_document(path)) {
            continue;
        }
        changes[count].path = path;
        changes[count].special = entry->type != HUB_ENTRY_FILE;
        changes[count].removed = entry->change == HUB_ENTRY_REMOVED;
        memcpy(changes[count++].oid, entry->id.bytes, sizeof(changes->oid));
    }
    commit->changes = changes;
    commit->change_count = count;
    hub_fleet_result_free(hub_fleet_update(o->fleet, commit, &reader));
}

// look_for_root remembers the first folder below this one that looks like the fleet's root.
static void look_for_root(struct ctl *c, struct ctl_offline *o, const struct hub_entries *entries) {
    for (size_t i = 0; i < entries->count && o->root == NULL; i++) {
        const char *path = entries->items[i].path;
        const char *found = strstr(path, "/clusters/");

        if (found != NULL) {
            o->root = cm_arena_strndup(c->arena, path, (size_t)(found - path));
        }
    }
}

// take feeds the fleet what is in the repository itself, then what its Apps want from others.
static enum cm_rc take(struct ctl *c, struct ctl_offline *o, const struct hub_entries *entries,
                       const char *skip, struct hub_fleet_commit commit) {
    commit.repo = HUB_PLAN_HERE;
    look_for_root(c, o, entries);
    ctl_offline_take(c, o, entries, skip, &commit);
    return ctl_sources_feed(c, o);
}

// ---- Loading

static void find_cluster(void *ctx, const struct hub_cluster_info *info) {
    (void)info;
    *(bool *)ctx = true;
}

static void find_group(void *ctx, const struct hub_group_info *info) {
    (void)info;
    *(bool *)ctx = true;
}

static void find_app(void *ctx, const struct hub_app_info *info) {
    (void)info;
    *(bool *)ctx = true;
}

bool ctl_offline_is_empty(const struct hub_fleet *fleet) {
    bool found = false;
    size_t problems;

    hub_fleet_each_app(fleet, find_app, &found);
    hub_fleet_each_group(fleet, find_group, &found);
    if (!found) {
        hub_fleet_each_cluster(fleet, find_cluster, &found);
    }
    (void)hub_fleet_problems(fleet, &problems);
    return !found && problems == 0;
}

enum cm_rc ctl_offline_fail_empty(struct ctl *c, const struct ctl_offline *o) {
    const char *top = o->repo != NULL ? hub_repo_work_folder(o->repo) : NULL;
    bool is_top = top == NULL || o->prefix[0] == '\0';

    return cm_fail(&c->err, CM_ENOTFOUND,
                   "there is no Cluster, ClusterGroup or App in '%.150s': name the root folder of "
                   "the fleet, which has clusters/ and folders with an app.yaml%s%.150s",
                   o->dir, is_top ? "" : "; the top of this working copy is ", is_top ? "" : top);
}

// root_above returns the nearest folder above this one, up to the top of the working copy, that
// looks like the fleet's root, as a path from here ("../.."); NULL: none.
static char *root_above(const struct ctl_offline *o) {
    CM_CLEANUP(cm_str_done) struct cm_str at = {0};
    size_t levels = 1;

    for (const char *p = o->prefix; *p != '\0'; p++) {
        levels += *p == '/' ? 1 : 0;
    }
    cm_str_add(&at, o->dir);
    for (size_t i = 0; o->repo != NULL && o->prefix[0] != '\0' && i < levels; i++) {
        cm_str_add(&at, "/..");
        CM_AUTOFREE char *clusters = cm_strf("%s/clusters", cm_str_get(&at));
        if (ctl_range_is_folder(clusters)) {
            return cm_strdup(cm_str_get(&at) + (strncmp(cm_str_get(&at), "./", 2) == 0 ? 2 : 0));
        }
    }
    return NULL;
}

void ctl_offline_hint(const struct ctl_offline *o) {
    bool found = false;

    hub_fleet_each_cluster(o->fleet, find_cluster, &found);
    if (found) {
        return;
    }
    CM_AUTOFREE char *above = o->root == NULL ? root_above(o) : NULL;
    const char *root = o->root != NULL ? o->root : above;
    (void)fprintf(stderr,
                  "holdfast: there is no Cluster in '%s': name the fleet's root folder%s%s%s, or "
                  "--with another repository that has them\n",
                  o->dir, root != NULL ? " (is it '" : "", root != NULL ? root : "",
                  root != NULL ? "'?)" : "");
}

// ---- Holds that wait to be merged

// find_holds finds the branch that shows what is in force beyond the tip; *say NULL: it is not
// here.
static enum cm_rc find_holds(struct ctl *c, const struct ctl_offline *o, struct hub_repo_id *out,
                             const char **say) {
    static const char *const names[] = {"origin/" HOLDS_BRANCH, HOLDS_BRANCH};

    *say = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && *say == NULL; i++) {
        CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
        enum cm_rc rc = hub_repo_resolve(o->repo, names[i], &commit, &c->err);

        if (rc < 0 && rc != CM_ENOTFOUND) {
            return rc;
        }
        if (rc == CM_OK) {
            *out = commit.id;
            *say = names[i];
        }
    }
    c->err = (struct cm_err){.code = CM_OK};
    return CM_OK;
}

static bool has_path(const struct hub_entries *entries, const char *path) {
    for (size_t i = 0; i < entries->count; i++) {
        if (strcmp(entries->items[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

// leave_waiting: what the branch lacks came after it, and what somebody has changed in the working
// copy is as it is there.
static void leave_waiting(struct hub_entries *entries, const struct hub_entries *changed) {
    size_t kept = 0;

    for (size_t i = 0; i < entries->count; i++) {
        if (entries->items[i].change != HUB_ENTRY_REMOVED &&
            !has_path(changed, entries->items[i].path)) {
            entries->items[kept++] = entries->items[i];
        }
    }
    entries->count = kept;
}

// add_holds takes in, after a commit or the working copy on top of it was read, the Holds that
// count and wait to be merged, as this clone has fetched the branch that shows them.
static enum cm_rc add_holds(struct ctl *c, struct ctl_offline *o,
                            const struct hub_repo_id *commit) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    CM_CLEANUP(hub_entries_done) struct hub_entries changed = {0};
    const char *folder = cm_arena_strf(c->arena, "%sholds", o->in_repo);
    struct hub_repo_range range = {.old = *commit, .prefix = folder};
    char revision[HUB_REPO_ID_HEX_MAX];
    struct cm_err ignored; // histories that were cut off have no such commit
    const char *say;

    if (find_holds(c, o, &range.now, &say) < 0 || say == NULL) {
        return c->err.code;
    }
    (void)!hub_repo_merge_base(o->repo, commit, &range.now, &range.old, &ignored);
    if (hub_repo_diff(o->repo, &range, NULL, &entries, &c->err) < 0 ||
        (o->tree != NULL && hub_repo_work_diff(o->repo, commit, folder, &changed, &c->err) < 0)) {
        return c->err.code;
    }
    leave_waiting(&entries, &changed);
    if (entries.count == 0) {
        return CM_OK;
    }
    hub_repo_id_hex(&range.now, revision);
    o->holds = cm_arena_strf(c->arena, "%zu Hold%s of %s (%.7s)", entries.count,
                             entries.count == 1 ? "" : "s", say, revision);
    return take(c, o, &entries, o->in_repo, (struct hub_fleet_commit){.revision = revision});
}

// add_holds_to_work: without a commit there is nothing that a branch could be ahead of.
static enum cm_rc add_holds_to_work(struct ctl *c, struct ctl_offline *o) {
    CM_CLEANUP(hub_commit_done) struct hub_commit head = {0};

    if (o->repo == NULL || o->names_only) {
        return CM_OK;
    }
    enum cm_rc rc = hub_repo_resolve(o->repo, "HEAD", &head, &c->err);
    if (rc == CM_ENOTFOUND) {
        c->err = (struct cm_err){.code = CM_OK};
        return CM_OK;
    }
    return rc < 0 ? rc : add_holds(c, o, &head.id);
}

// ---- A folder, a commit, and what comes after it

static enum cm_rc load_folder(struct ctl *c, struct ctl_offline *o) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};

    if (ctl_sources_feed_others(c, o) < 0 || hub_folder_open(o->dir, &o->tree, &c->err) < 0 ||
        hub_tree_list(o->tree, "", NULL, &entries, &c->err) < 0) {
        return c->err.code;
    }
    return take(c, o, &entries, "", (struct hub_fleet_commit){.revision = "", .complete = true}) < 0
               ? c->err.code
               : add_holds_to_work(c, o);
}

enum cm_rc ctl_offline_begin(struct ctl *c, struct ctl_offline *o,
                             const struct hub_repo_id *commit) {
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    char revision[HUB_REPO_ID_HEX_MAX];

    if (ctl_sources_feed_others(c, o) < 0 || hub_repo_tree(o->repo, commit, &tree, &c->err) < 0) {
        return c->err.code;
    }
    enum cm_rc rc = hub_tree_list(tree, o->prefix, NULL, &entries, &c->err);
    if (rc < 0 && rc != CM_ENOTFOUND) { // a folder that is not there yet is empty
        return rc;
    }
    c->err = (struct cm_err){.code = CM_OK};
    hub_repo_id_hex(commit, revision);
    return take(c, o, &entries, o->in_repo,
                (struct hub_fleet_commit){.revision = revision, .complete = true}) < 0 ||
                   o->names_only
               ? c->err.code
               : add_holds(c, o, commit);
}

bool ctl_offline_wants_commit(const struct ctl *c) {
    return c->options.at != NULL && c->options.at[0] != '\0';
}

static enum cm_rc load_commit(struct ctl *c, struct ctl_offline *o) {
    struct hub_repo_id commit;
    const char *say;

    if (ctl_range_commit(c, o, c->options.at, &commit, &say) < 0) {
        return c->err.code;
    }
    return ctl_offline_begin(c, o, &commit);
}

enum cm_rc ctl_offline_load(struct ctl *c, struct ctl_offline *o) {
    bool history = ctl_offline_wants_commit(c);

    if (!history && o->repo != NULL && hub_repo_work_folder(o->repo) == NULL) {
        return cm_fail(&c->err, CM_EINVAL,
                       "'%.200s' is a bare repository, without a working copy: say which commit to "
                       "read, as --at main",
                       o->dir);
    }
    enum cm_rc rc = history ? load_commit(c, o) : load_folder(c, o);
    if (rc == CM_OK && ctl_offline_is_empty(o->fleet)) {
        return ctl_offline_fail_empty(c, o);
    }
    return rc;
}

static void remember_paths(struct ctl_offline *o, const struct hub_entries *entries) {
    for (size_t i = 0; i < entries->count; i++) {
        char hex[HUB_REPO_ID_HEX_MAX];

        hub_repo_id_hex(&entries->items[i].id, hex);
        cm_map_put(o->work, hex, cm_strdup(entries->items[i].path));
    }
}

enum cm_rc ctl_offline_advance(struct ctl *c, struct ctl_offline *o, const struct hub_repo_id *from,
                               const struct hub_repo_id *to) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    char revision[HUB_REPO_ID_HEX_MAX] = "";

    if (to == NULL) {
        if (hub_repo_work_diff(o->repo, from, o->prefix, &entries, &c->err) < 0) {
            return c->err.code;
        }
        remember_paths(o, &entries);
    } else {
        const struct hub_repo_range range = {*from, *to, o->prefix};

        if (hub_repo_diff(o->repo, &range, NULL, &entries, &c->err) < 0) {
            return c->err.code;
        }
        hub_repo_id_hex(to, revision);
    }
    return take(c, o, &entries, o->in_repo, (struct hub_fleet_commit){.revision = revision});
}
