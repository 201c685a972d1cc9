#include "agent/kube/applyset.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

enum { MEMBERS_MAX = 10000, MARK_MS = 3000, MARK_AGAIN_MS = 60000 };

// Above it they are no hub's. A hub takes twice as much from an agent, so that one that goes on
// from here has far to go.
#define COUNT_MAX (UINT64_MAX / 8)

#define SHARED_NAME "holdfast-holdfast-agent"
#define LABEL_ID "applyset.kubernetes.io/id"
#define TOOLING "applyset.kubernetes.io/tooling"
#define KINDS "applyset.kubernetes.io/contains-group-kinds"
#define NAMESPACES KUBE_APPLYSET_NAMESPACES

static const struct kube_resource secrets = {
    .group = "", .version = "v1", .kind = "Secret", .plural = "secrets", .namespaced = true};
static const struct kube_resource namespaces = {
    .group = "", .version = "v1", .kind = "Namespace", .plural = "namespaces"};

// NOLINTNEXTLINE(readability-function-cognitive-complexity,readability-function-size)
void kube_applyset_name(const char *identity, char out[KUBE_APPLYSET_NAME_MAX]) {
    static const char prefix[] = "holdfast-";
    size_t len = sizeof(prefix) - 1;

    memcpy(out, prefix, len);
    for (; *identity != '\0' && len < KUBE_APPLYSET_NAME_MAX - 1; identity++) {
        unsigned char c = (unsigned char)*identity;
        out[len++] = isalnum(c) && c < 0x80 ? cm_lower((char)c) : '-';
    }
    while (len > 0 && out[len - 1] == '-') {
        len--; // a DNS name ends in a letter or a digit
    }
    out[len] = '\0';
}

void kube_applyset_id(const char *name, const char *ns, char out[KUBE_APPLYSET_ID_MAX]) {
    CM_AUTOFREE char *text = cm_strf("%s.%s.Secret.", name, ns);
    struct cm_sha256 hash = cm_sha256(text, strlen(text));
    CM_AUTOFREE char *packed = cm_base64url(hash.bytes, sizeof(hash.bytes));

    (void)snprintf(out, KUBE_APPLYSET_ID_MAX, "applyset-%s-v1", packed);
}

void kube_applyset_init(struct kube_applyset *s, const char *identity, const char *ns) {
    *s = (struct kube_applyset){0};
    kube_applyset_name(identity, s->name);
    kube_applyset_id(s->name, ns, s->id);
    kube_applyset_id(SHARED_NAME, ns, s->shared_id);
    s->ns = cm_strdup(ns);
    s->kinds = cm_map_new(NULL);
    s->namespaces = cm_map_new(NULL);
}

void kube_applyset_done(struct kube_applyset *s) {
    free(s->ns);
    cm_map_free(s->kinds);
    cm_map_free(s->namespaces);
    *s = (struct kube_applyset){0};
}

static bool add(struct cm_map *map, const char *name) {
    if (cm_map_get(map, name) != NULL || cm_map_len(map) >= MEMBERS_MAX) {
        return false;
    }
    cm_map_put(map, name, map); // any value will do
    return true;
}

static void add_list(struct cm_map *map, const char *list) {
    CM_AUTOFREE char *copy = cm_strdup(list == NULL ? "" : list);
    char *rest = copy;
    char *name;

    while ((name = strsep(&rest, ",")) != NULL) {
        if (name[0] != '\0') {
            (void)add(map, name);
        }
    }
}

void kube_applyset_read(struct kube_applyset *s, const struct cm_json *parent) {
    const struct cm_json *annotations = cm_json_path(parent, "metadata", "annotations", NULL);

    add_list(s->kinds, cm_json_string(cm_json_get(annotations, KINDS)));
    add_list(s->namespaces, cm_json_string(cm_json_get(annotations, NAMESPACES)));
}

static bool read_count(const char **text, char end, uint64_t *out) {
    uint64_t value = 0;
    const char *at = *text;

    for (; *at >= '0' && *at <= '9' && value <= COUNT_MAX / 10; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    bool whole = at != *text && *at == end && value <= COUNT_MAX;
    *text = whole && end != '\0' ? at + 1 : at;
    *out = value;
    return whole;
}

struct agent_mark kube_applyset_mark(const struct cm_json *parent) {
    const struct cm_json *annotations = cm_json_path(parent, "metadata", "annotations", NULL);
    const char *text = cm_json_string(cm_json_get(annotations, KUBE_MARK));
    struct agent_mark mark = {0};

    if (text == NULL || !read_count(&text, '.', &mark.epoch) ||
        !read_count(&text, '\0', &mark.generation) || mark.generation == 0) {
        return (struct agent_mark){0};
    }
    return mark;
}

static bool is_same_mark(const struct agent_mark *a, const struct agent_mark *b) {
    return a->epoch == b->epoch && a->generation == b->generation;
}

static bool is_complete(const struct kube_applyset *s) {
    return s->loaded && s->written_kinds == cm_map_len(s->kinds) &&
           s->written_namespaces == cm_map_len(s->namespaces);
}

// Members of the maps are never taken out and come in order, so that a member is in the cluster if
// the map did not grow since it was written.
bool kube_applyset_covers(struct kube_applyset *s, const char *kind, const char *ns) {
    bool grew = add(s->kinds, kind);

    if (ns[0] != '\0' && strcmp(ns, s->ns) != 0) {
        grew |= add(s->namespaces, ns);
    }
    return !grew && is_complete(s);
}

static char *join(const struct cm_map *map) {
    CM_AUTOFREE const char **names = cm_map_keys(map);
    struct cm_str list = {0};

    for (size_t i = 0; i < cm_map_len(map); i++) {
        cm_str_addf(&list, "%s%s", i == 0 ? "" : ",", names[i]);
    }
    return cm_str_take(&list);
}

struct cm_json *kube_applyset_parent(const struct kube_applyset *s, struct cm_arena *a) {
    CM_AUTOFREE char *kinds = join(s->kinds);
    CM_AUTOFREE char *spaces = join(s->namespaces);
    struct cm_json *parent = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_json *labels = cm_json_new(a, CM_OBJECT);
    struct cm_json *annotations = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, parent, "apiVersion", "v1");
    cm_json_set_string(a, parent, "kind", "Secret");
    cm_json_set_string(a, metadata, "name", s->name);
    cm_json_set_string(a, metadata, "namespace", s->ns);
    cm_json_set_string(a, labels, LABEL_ID, s->id);
    cm_json_set_string(a, annotations, TOOLING, "holdfast/v" HOLDFAST_VERSION);
    cm_json_set_string(a, annotations, KINDS, kinds);
    cm_json_set_string(a, annotations, NAMESPACES, spaces);
    if (s->mark.generation > 0) { // an apply without it would take it away
        cm_json_set_string(a, annotations, KUBE_MARK,
                           cm_arena_strf(a, "%llu.%llu", (unsigned long long)s->mark.epoch,
                                         (unsigned long long)s->mark.generation));
    }
    cm_json_set(a, metadata, "labels", labels);
    cm_json_set(a, metadata, "annotations", annotations);
    cm_json_set(a, parent, "metadata", metadata);
    return parent;
}

char *kube_applyset_path(const struct kube_applyset *s) {
    return kube_resource_path(&secrets, s->ns, s->name);
}

// ---- Which manifest is in force

static void remember_later(struct agent_kube *k, int64_t pause_ms) {
    if (k->remember.at == 0 && !k->stopping &&
        !is_same_mark(&k->applyset.mark, &k->applyset.written_mark)) {
        cm_timer_start(k->loop, &k->remember, pause_ms);
    }
}

// raise_mark: another process may have written a newer one.
static void raise_mark(struct agent_mark *mark, const struct agent_mark *to) {
    mark->epoch = to->epoch > mark->epoch ? to->epoch : mark->epoch;
    mark->generation = to->generation > mark->generation ? to->generation : mark->generation;
}

void kube_applyset_remember(struct agent_kube *k, const struct agent_mark *mark) {
    raise_mark(&k->applyset.mark, mark);
    remember_later(k, MARK_MS);
}

void kube_applyset_recall_end(struct agent_kube *k, const struct cm_err *err) {
    agent_recalled_fn done = k->recalled;

    k->recalled = NULL;
    if (done != NULL) {
        done(k->recalled_ctx, &k->applyset.written_mark, err);
    }
}

// It is read anew: another process may have written it.
void kube_applyset_recall_wake(struct agent_kube *k) {
    if (k->recalled != NULL && !k->applyset.busy) {
        k->applyset.loaded = false;
        kube_applyset_write(k);
    }
}

void kube_applyset_recall(struct agent_kube *k, agent_recalled_fn done, void *ctx) {
    k->recalled = done;
    k->recalled_ctx = ctx;
    kube_ops_wake(k); // asks, or fails it
}

void kube_applyset_remembers(void *kube) {
    struct agent_kube *k = kube;

    if (is_same_mark(&k->applyset.mark, &k->applyset.written_mark)) {
        return; // it went with something else
    }
    if (k->reach == KUBE_UP && !k->applyset.busy) {
        kube_applyset_write(k);
    } else {
        remember_later(k, MARK_MS);
    }
}

static void fail(struct agent_kube *k, const struct kube_answer *answer, const char *verbs) {
    struct kube_applyset *s = &k->applyset;
    struct kube_asked asked = {verbs, &secrets, s->ns, s->name, NULL};
    struct cm_err err;

    (void)kube_answer_error(answer, &asked, &err);
    (void)cm_wrap(&err, "keep the inventory in secret '%.100s/%.100s'", s->ns, s->name);
    if (!s->loaded) {
        kube_applyset_recall_end(k, &err);
    }
    remember_later(k, MARK_AGAIN_MS);
    kube_ops_parent_written(k, &err, answer->retry_after_ms);
    kube_applyset_recall_wake(k); // reading may go well all the same
}

static void on_namespace(void *ctx, const struct kube_answer *answer) {
    struct agent_kube *k = ctx;
    struct kube_applyset *s = &k->applyset;
    struct kube_asked asked = {"patch and create", &namespaces, "", s->ns, NULL};
    struct cm_err err;

    s->busy = false;
    if (kube_answer_ok(answer)) {
        kube_applyset_write(k);
        return;
    }
    (void)kube_answer_error(answer, &asked, &err);
    (void)cm_wrap(&err, "make namespace '%.100s' for the inventory", s->ns);
    kube_ops_parent_written(k, &err, answer->retry_after_ms);
    kube_applyset_recall_wake(k);
}

static struct kube_call *patch(struct agent_kube *k, const char *path, const struct cm_json *object,
                               kube_answer_fn done) {
    CM_AUTOFREE char *manager = cm_http_escape(k->field_manager);
    CM_AUTOFREE char *whole = cm_strf("%s?fieldManager=%s&force=true", path, manager);
    struct cm_str body = {0};

    kube_object_write(object, &body);
    struct kube_request request = {
        .method = "PATCH",
        .path = whole,
        .content_type = "application/apply-patch+yaml",
        .body = cm_str_get(&body),
        .done = done,
        .ctx = k,
    };
    struct kube_call *call = kube_call(k, &request);
    cm_str_done(&body);
    return call;
}

// make_namespace makes the namespace of the inventory, which nobody else would.
static void make_namespace(struct agent_kube *k) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *path = kube_resource_path(&namespaces, NULL, k->applyset.ns);
    struct cm_json *object = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, object, "apiVersion", "v1");
    cm_json_set_string(a, object, "kind", "Namespace");
    cm_json_set_string(a, metadata, "name", k->applyset.ns);
    cm_json_set(a, object, "metadata", metadata);
    k->applyset.busy = true;
    k->applyset.tried_namespace = true;
    (void)patch(k, path, object, on_namespace);
}

static bool lacks_namespace(const struct kube_answer *answer) {
    const char *kind = cm_json_string(cm_json_path(answer->json, "details", "kind", NULL));

    return answer->status == 404 && kind != NULL && strcmp(kind, "namespaces") == 0;
}

static void on_written(void *ctx, const struct kube_answer *answer) {
    struct agent_kube *k = ctx;
    struct kube_applyset *s = &k->applyset;
    struct cm_err ok = {0};

    s->busy = false;
    if (lacks_namespace(answer) && !s->tried_namespace) {
        make_namespace(k);
        return;
    }
    s->tried_namespace = false;
    if (!kube_answer_ok(answer)) {
        fail(k, answer, "patch and create");
        return;
    }
    s->written_kinds = s->sent_kinds;
    s->written_namespaces = s->sent_namespaces;
    s->written_mark = s->sent_mark;
    remember_later(k, MARK_MS); // it may be another one by now
    if (is_complete(s)) {
        kube_ops_parent_written(k, &ok, 0);
    } else {
        kube_applyset_write(k);
    }
    kube_applyset_recall_wake(k);
}

// take_parent joins what is in the cluster with what is wanted.
static void take_parent(struct kube_applyset *s, const struct cm_json *parent) {
    struct kube_applyset there = {.kinds = cm_map_new(NULL), .namespaces = cm_map_new(NULL)};

    kube_applyset_read(&there, parent);
    kube_applyset_read(s, parent);
    s->written_mark = kube_applyset_mark(parent);
    raise_mark(&s->mark, &s->written_mark);
    if (cm_map_len(there.kinds) == cm_map_len(s->kinds) &&
        cm_map_len(there.namespaces) == cm_map_len(s->namespaces)) {
        s->written_kinds = cm_map_len(s->kinds); // nothing wanted is missing there
        s->written_namespaces = cm_map_len(s->namespaces);
    }
    cm_map_free(there.kinds);
    cm_map_free(there.namespaces);
}

static bool fill_one(void *ctx, const char *key, void *value) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct kube_entry *e = value;
    struct agent_kube *k = ctx;
    const char *ns = "";

    if (e->tracked && kube_resolve(k, a, key, e->default_namespace, NULL, &ns) != NULL) {
        (void)kube_applyset_covers(&k->applyset, cm_arena_strndup(a, key, strcspn(key, "/")), ns);
    }
    return true;
}

static void on_loaded(void *ctx, const struct kube_answer *answer) {
    struct agent_kube *k = ctx;
    struct kube_applyset *s = &k->applyset;
    struct cm_err ok = {0};

    s->busy = false;
    if (!kube_answer_ok(answer)) {
        fail(k, answer, "list");
        return;
    }
    s->loaded = true;
    s->written_kinds = 0;
    s->written_namespaces = 0;
    s->written_mark = (struct agent_mark){0};
    cm_map_each(k->table.by_key, fill_one, k); // it may have been deleted
    const struct cm_json *items = cm_json_get(answer->json, "items");
    if (items != NULL && items->type == CM_ARRAY && items->first != NULL) {
        take_parent(s, items->first);
    }
    kube_applyset_recall_end(k, &ok);
    remember_later(k, MARK_MS);
    if (is_complete(s)) {
        kube_ops_parent_written(k, &ok, 0);
    } else {
        kube_applyset_write(k);
    }
}

// load reads the parent as a list of one: its version is that of the whole cluster, by which an
// apply that changed nothing is told from one that did.
static void load(struct agent_kube *k) {
    CM_AUTOFREE char *all = kube_resource_path(&secrets, k->applyset.ns, NULL);
    CM_AUTOFREE char *path = cm_strf("%s?fieldSelector=metadata.name%%3D%s", all, k->applyset.name);
    struct kube_request request = {.method = "GET", .path = path, .done = on_loaded, .ctx = k};

    k->applyset.busy = true;
    (void)kube_call(k, &request);
}

void kube_applyset_check(struct agent_kube *k) {
    if (cm_map_len(k->table.by_key) > 0) {
        k->applyset.loaded = false;
        kube_applyset_write(k);
    }
}

void kube_applyset_write(struct agent_kube *k) {
    struct kube_applyset *s = &k->applyset;

    if (s->busy || k->stopping) {
        return;
    }
    if (!s->loaded) {
        load(k);
        return;
    }
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *path = kube_applyset_path(s);
    s->sent_kinds = cm_map_len(s->kinds);
    s->sent_namespaces = cm_map_len(s->namespaces);
    s->sent_mark = s->mark;
    s->busy = true;
    (void)patch(k, path, kube_applyset_parent(s, a), on_written);
}
