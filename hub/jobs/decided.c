#include "hub/jobs/decided.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/jobs/decisions.h"
#include "hub/jobs/store.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"
#include "hub/store/groups.h"
#include "hub/store/proven.h"

struct looking {
    struct hub_store_job job;
    struct hub_db *db; // while it runs
    struct hub_decided_list *list;
    struct cm_map *blobs; // objects by hash in hex
    struct hub_decided_done done;
};

static void unref_bundle(void *value) {
    hub_bundle_unref(value);
}

static void unref_buf(void *value) {
    cm_buf_unref(value);
}

void hub_decided_free(struct hub_decided_list *list) {
    if (list != NULL) {
        cm_map_free(list->bundles);
        cm_arena_free(list->arena);
        free(list);
    }
}

static struct cm_buf *find_blob(void *ctx, const struct cm_sha256 *name) {
    struct looking *l = ctx;
    char hex[CM_SHA256_HEX_MAX];
    struct cm_err err;

    cm_sha256_hex(name, hex);
    struct cm_buf *blob = cm_map_get(l->blobs, hex);
    if (blob == NULL) {
        if (hub_desired_find_blob(l->db, name, &blob, &err) < 0) {
            return NULL;
        }
        cm_map_put(l->blobs, hex, blob);
    }
    return cm_buf_ref(blob);
}

// find_bundle returns a bundle, NULL if it is not kept any more.
static struct hub_bundle *find_bundle(struct looking *l, const struct cm_sha256 *name) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    char hex[CM_SHA256_HEX_MAX];
    struct cm_err err;

    cm_sha256_hex(name, hex);
    struct hub_bundle *bundle = cm_map_get(l->list->bundles, hex);
    if (bundle == NULL && hub_desired_find_blob(l->db, name, &bytes, &err) == CM_OK &&
        hub_bundle_decode(bytes, find_blob, l, &bundle, &err) == CM_OK) {
        cm_map_put(l->list->bundles, hex, bundle);
    }
    return bundle;
}

static void copy_texts(struct cm_arena *a, struct hub_decision_row *row) {
    const char **const texts[] = {
        &row->cluster,       &row->cluster_id,     &row->app,     &row->key,
        &row->controller,    &row->controller_key, &row->verdict, &row->bad_revision,
        &row->good_revision, &row->text,           &row->actor,   &row->why,
        &row->hold,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = cm_arena_strdup(a, *texts[i]);
    }
    if (row->good_object_size > 0) {
        void *copy = cm_arena_get(a, row->good_object_size);

        memcpy(copy, row->good_object, row->good_object_size);
        row->good_object = copy;
    }
}

static void take(void *ctx, const struct hub_decision_row *row) {
    struct looking *l = ctx;
    struct hub_decided_list *list = l->list;

    if ((list->count & (list->count - 1)) == 0) { // grows when it is a power of two
        size_t capacity = list->count == 0 ? 1 : list->count * 2;
        struct hub_decided *items = cm_arena_get(list->arena, capacity * sizeof(*items));

        memcpy(items, list->items == NULL ? items : list->items, list->count * sizeof(*items));
        list->items = items;
    }
    struct hub_decided *d = &list->items[list->count++];
    *d = (struct hub_decided){.row = *row};
    copy_texts(list->arena, &d->row);
}

struct joining {
    struct cm_arena *arena;
    struct hub_decided *d;
    struct cm_sha256 own_before;
};

static void join(void *ctx, const struct hub_group_member *m) {
    struct joining *j = ctx;
    struct hub_decided *d = j->d;
    size_t size = d->member_count * sizeof(*d->members);
    struct hub_decided_member *all = cm_arena_get(j->arena, size + sizeof(*d->members));

    memcpy(all, d->member_count == 0 ? all : d->members, size);
    all[d->member_count++] =
        (struct hub_decided_member){.app = cm_arena_strdup(j->arena, m->app),
                                    .revision = cm_arena_strdup(j->arena, m->revision),
                                    .name = m->before};
    d->members = all;
    d->before_revision = cm_arena_strdup(j->arena, m->own_revision);
    j->own_before = m->own_before;
}

struct naming {
    struct cm_arena *arena;
    struct hub_decided_member *m;
};

static void name_controller(void *ctx, const char *key, const char *controller) {
    struct naming *n = ctx;
    struct hub_decided_member *m = n->m;
    size_t size = m->controller_count * sizeof(*m->controllers);
    struct hub_decided_controller *all = cm_arena_get(n->arena, size + sizeof(*m->controllers));

    memcpy(all, m->controller_count == 0 ? all : m->controllers, size);
    all[m->controller_count++] = (struct hub_decided_controller){
        .key = cm_arena_strdup(n->arena, key), .name = cm_arena_strdup(n->arena, controller)};
    m->controllers = all;
}

static enum cm_rc read_members(struct looking *l, struct hub_decided *d, struct cm_err *err) {
    struct joining j = {.arena = l->list->arena, .d = d};
    enum cm_rc rc = hub_groups_each_member(l->db, d->row.cluster, d->row.app, d->row.bad_revision,
                                           join, &j, err);

    d->before = d->member_count == 0 ? NULL : find_bundle(l, &j.own_before);
    for (size_t i = 0; rc == CM_OK && i < d->member_count; i++) {
        struct naming n = {.arena = l->list->arena, .m = &d->members[i]};

        d->members[i].before = find_bundle(l, &d->members[i].name);
        rc = hub_decisions_each_controller(l->db, d->row.cluster, d->members[i].app,
                                           name_controller, &n, err);
    }
    return rc;
}

// ---- What was good before

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

// is_what_runs: what was promoted last under a hub's eyes may be long gone; if the agent knows what
// images run, these count.
static bool is_what_runs(struct cm_arena *a, const struct hub_decision_row *row,
                         const struct hub_bundle *bundle) {
    const struct hub_object *o = hub_bundle_find_key(bundle, row->key);

    if (o == NULL || o->bytes == NULL) {
        return false;
    }
    return row->good_object_size == 0 ||
           strcmp(hub_release_identity(a, row->good_object, row->good_object_size),
                  hub_release_identity(a, o->bytes->data, o->bytes->size)) == 0;
}

struct proving {
    struct looking *l;
    struct hub_decided *d;
};

static void take_proven(void *ctx, const struct hub_proven_row *row) {
    struct proving *p = ctx;
    struct hub_decided *d = p->d;
    struct cm_arena *a = p->l->list->arena;
    struct hub_bundle *bundle =
        strcmp(row->app, d->row.app) == 0 ? find_bundle(p->l, &row->bundle) : NULL;

    if (bundle != NULL && is_what_runs(a, &d->row, bundle)) {
        d->good = bundle;
        d->row.good_bundle = row->bundle;
        d->row.good_revision = cm_arena_strdup(a, row->revision);
    }
}

// read_good: an agent that is new, or has lost its disk, knows of no release before; what was
// promoted on the cluster last is on record.
static enum cm_rc read_good(struct looking *l, struct hub_decided *d, struct cm_err *err) {
    struct proving p = {.l = l, .d = d};

    d->good = find_bundle(l, &d->row.good_bundle);
    return is_none(&d->row.good_bundle) && strcmp(d->row.verdict, "rejected") == 0
               ? hub_proven_find(l->db, d->row.cluster, d->row.key, take_proven, &p, err)
               : CM_OK;
}

static enum cm_rc read_all(struct looking *l, struct cm_err *err) {
    enum cm_rc rc = hub_decisions_each_provisional(l->db, true, take, l, err);

    for (size_t i = 0; rc == CM_OK && i < l->list->count; i++) {
        struct hub_decided *d = &l->list->items[i];

        d->bad = find_bundle(l, &d->row.bad_bundle);
        rc = read_good(l, d, err);
        rc =
            rc < 0 ? rc : hub_proven_any(l->db, d->row.app, d->row.bad_revision, &d->promoted, err);
        rc = rc < 0 ? rc : read_members(l, d, err);
    }
    return rc;
}

static void begin(struct looking *l) {
    l->list = cm_new(1, sizeof(*l->list));
    l->list->arena = cm_arena_new(0);
    l->list->bundles = cm_map_new(unref_bundle);
    l->blobs = cm_map_new(unref_buf);
}

enum cm_rc hub_decided_read(struct hub_db *db, struct hub_decided_list **out, struct cm_err *err) {
    struct looking l = {.db = db};

    begin(&l);
    enum cm_rc rc = read_all(&l, err);
    cm_map_free(l.blobs);
    if (rc < 0) {
        hub_decided_free(l.list);
        return rc;
    }
    *out = l.list;
    return CM_OK;
}

static enum cm_rc run_look(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct looking *l = CM_CONTAINER(job, struct looking, job);

    l->db = db;
    return read_all(l, err);
}

static void look_done(struct hub_store_job *job, const struct cm_err *err) {
    struct looking *l = CM_CONTAINER(job, struct looking, job);

    cm_map_free(l->blobs);
    l->done.done(l->done.ctx, err, l->list);
    free(l);
}

void hub_decided_look(struct hub_store *store, const struct hub_decided_done *done) {
    struct looking *l = cm_new(1, sizeof(*l));

    begin(l);
    l->job.run = run_look;
    l->job.done = look_done;
    l->done = *done;
    hub_store_submit(store, &l->job);
}
