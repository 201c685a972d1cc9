#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/render/bundle.h"

static const uint8_t key[32] = "a key for names of Secrets";

static void free_blob(void *p) {
    cm_buf_unref(p);
}

void world_init(struct world *w) {
    *w = (struct world){.fleet = hub_fleet_new(key), .repo = "fleet"};
    w->blobs = cm_map_new(free_blob);
    w->tree = cm_map_new(free);
}

static void drop_changes(struct world *w) {
    for (size_t i = 0; i < w->change_count; i++) {
        free((void *)(uintptr_t)w->changes[i].path);
    }
    free(w->changes);
    w->changes = NULL;
    w->change_count = 0;
}

void world_done(struct world *w) {
    drop_changes(w);
    hub_fleet_result_free(w->last);
    hub_fleet_free(w->fleet);
    cm_map_free(w->blobs);
    cm_map_free(w->tree);
}

static struct hub_fleet_change *add_change(struct world *w, const char *path) {
    for (size_t i = 0; i < w->change_count; i++) {
        if (strcmp(w->changes[i].path, path) == 0) {
            char *same = (char *)(uintptr_t)w->changes[i].path;
            w->changes[i] = (struct hub_fleet_change){.path = same};
            return &w->changes[i];
        }
    }
    w->changes = cm_resize(w->changes, (w->change_count + 1) * sizeof(*w->changes));
    w->changes[w->change_count] = (struct hub_fleet_change){.path = cm_strdup(path)};
    return &w->changes[w->change_count++];
}

void world_put(struct world *w, const char *path, const char *content) {
    struct hub_fleet_change *change = add_change(w, path);
    struct cm_sha256 hash = cm_sha256(content, strlen(content));

    memcpy(change->oid, hash.bytes, HUB_OID_SIZE);
    CM_AUTOFREE char *name = cm_hex(change->oid, HUB_OID_SIZE);
    cm_map_put(w->blobs, name, cm_buf_copy(content, strlen(content)));
}

void world_link(struct world *w, const char *path) {
    world_put(w, path, "../elsewhere");
    w->changes[w->change_count - 1].special = true;
}

void world_remove(struct world *w, const char *path) {
    add_change(w, path)->removed = true;
}

static enum cm_rc read_blob(void *ctx, const char *repo, const uint8_t oid[HUB_OID_SIZE],
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    struct world *w = ctx;
    CM_AUTOFREE char *name = cm_hex(oid, HUB_OID_SIZE);
    struct cm_buf *blob = cm_map_get(w->blobs, name);

    (void)repo;
    w->reads++;
    if (blob == NULL || (w->unreadable != NULL && blob->size == strlen(w->unreadable) &&
                         memcmp(blob->data, w->unreadable, blob->size) == 0)) {
        return cm_fail(err, CM_EIO, "the disk failed");
    }
    if (blob->size > max_bytes) {
        return cm_fail(err, CM_EINVAL, "the file has more than %zu bytes", max_bytes);
    }
    *out = cm_buf_ref(blob);
    return CM_OK;
}

struct hub_fleet_reader world_reader(struct world *w) {
    return (struct hub_fleet_reader){.read = read_blob, .ctx = w, .stopped = w->stopped};
}

// remember keeps the tree as it is after a commit.
static void remember(struct world *w) {
    for (size_t i = 0; i < w->change_count; i++) {
        const struct hub_fleet_change *change = &w->changes[i];

        if (change->removed) {
            (void)cm_map_remove(w->tree, change->path);
        } else {
            struct hub_fleet_change *copy = cm_new(1, sizeof(*copy));

            *copy = *change;
            copy->path = NULL;
            cm_map_put(w->tree, change->path, copy);
        }
    }
}

static const struct hub_fleet_result *commit(struct world *w, bool complete) {
    struct hub_fleet_reader reader = world_reader(w);
    CM_AUTOFREE char *revision = cm_strf("r%u", ++w->commits);
    struct hub_fleet_commit commit = {
        .repo = w->repo,
        .revision = revision,
        .changes = w->changes,
        .change_count = w->change_count,
        .complete = complete,
        .source_only = w->source_only,
    };

    hub_fleet_result_free(w->last);
    w->last = hub_fleet_update(w->fleet, &commit, &reader);
    remember(w);
    drop_changes(w);
    return w->last;
}

static bool put_again(void *ctx, const char *path, void *value) {
    struct hub_fleet_change *change = add_change(ctx, path);
    const char *own = change->path;

    *change = *(const struct hub_fleet_change *)value;
    change->path = own;
    return true;
}

void world_load(struct world *w) {
    cm_map_each(w->tree, put_again, w);
    (void)commit(w, true);
}

size_t world_waiting(const struct world *w) {
    size_t count;
    size_t waiting = 0;
    const struct hub_problem *problems = hub_fleet_problems(w->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        waiting += problems[i].removal != NULL ? 1 : 0;
    }
    return waiting;
}

const struct hub_fleet_result *world_commit(struct world *w) {
    return commit(w, false);
}

const struct hub_fleet_result *world_commit_all(struct world *w) {
    return commit(w, true);
}

void world_put_cluster(struct world *w, const char *name, const char *labels, const char *values) {
    CM_AUTOFREE char *path = cm_strf("clusters/%s.yaml", name);
    CM_AUTOFREE char *content = cm_strf("apiVersion: holdfast/v1alpha1\n"
                                        "kind: Cluster\n"
                                        "metadata:\n"
                                        "  name: %s\n"
                                        "  labels: {%s}\n"
                                        "spec:\n"
                                        "  values: {%s}\n",
                                        name, labels, values);

    world_put(w, path, content);
}

void world_put_app(struct world *w, const char *name, const char *spec) {
    CM_AUTOFREE char *path = cm_strf("apps/%s/app.yaml", name);
    CM_AUTOFREE char *content = cm_strf("apiVersion: holdfast/v1alpha1\n"
                                        "kind: App\n"
                                        "metadata:\n"
                                        "  name: %s\n"
                                        "spec:\n"
                                        "%s\n",
                                        name, spec);

    world_put(w, path, content);
}

void world_put_config(struct world *w, const char *app, const char *object, const char *value) {
    CM_AUTOFREE char *path = cm_strf("apps/%s/%s.yaml", app, object);
    CM_AUTOFREE char *content = cm_strf("apiVersion: v1\n"
                                        "kind: ConfigMap\n"
                                        "metadata:\n"
                                        "  name: %s\n"
                                        "  namespace: default\n"
                                        "data:\n"
                                        "  value: %s\n",
                                        object, value);

    world_put(w, path, content);
}

const struct hub_pair *world_pair(struct world *w, const char *cluster, const char *app) {
    const struct hub_desired *d = hub_fleet_desired(w->fleet, cluster);

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        if (strcmp(d->pairs[i].app, app) == 0) {
            return &d->pairs[i];
        }
    }
    return NULL;
}

const char *world_object(struct world *w, const char *cluster, const char *app, const char *name) {
    static char text[1 << 16];
    const struct hub_pair *pair = world_pair(w, cluster, app);

    for (size_t i = 0; pair != NULL && i < pair->bundle->spec.object_count; i++) {
        const struct hub_object *object = &pair->bundle->spec.objects[i];

        if (strcmp(object->key, name) == 0) {
            (void)snprintf(text, sizeof(text), "%.*s", (int)object->bytes->size,
                           (const char *)object->bytes->data);
            return text;
        }
    }
    return NULL;
}

const char *world_problems(struct world *w) {
    static char text[1 << 16];
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(w->fleet, &count);
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof(text); i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%u:%u: %s",
                                 i > 0 ? "\n" : "", problems[i].path, problems[i].line,
                                 problems[i].column, problems[i].message);
    }
    return text;
}
