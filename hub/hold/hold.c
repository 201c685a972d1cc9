#include "hub/hold/hold.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/yaml.h"
#include "hub/hold/image.h"
#include "hub/hold/internal.h"

#define HOLD_KIND "Hold"
#define SHORT_REVISION 12

// ---- Names of objects and fields

// A key has two slashes; GROUP/KIND/NAMESPACE/NAME has three.
const char *hub_hold_key(struct cm_arena *a, const char *text) {
    const char *kind = strchr(text, '/');
    const char *rest = kind != NULL ? strchr(kind + 1, '/') : NULL;
    struct cm_object_id id;

    if (rest != NULL && strchr(rest + 1, '/') != NULL) {
        text = cm_arena_strf(a, "%.*s.%.*s%s", (int)(rest - kind - 1), kind + 1, (int)(kind - text),
                             text, rest);
    }
    return cm_object_key_parse(a, text, &id) ? cm_object_key(a, &id) : NULL;
}

const char *hub_hold_object_text(struct cm_arena *a, const char *key) {
    const char *slash = strchr(key, '/');
    const char *dot = strchr(key, '.');

    if (slash == NULL || dot == NULL || dot > slash) {
        return key;
    }
    return cm_arena_strf(a, "%.*s/%.*s%s", (int)(slash - dot - 1), dot + 1, (int)(dot - key), key,
                         slash);
}

bool hub_hold_is_image(const char *at) {
    static const char end[] = "]/image";
    size_t len = strlen(at);

    return len >= sizeof(end) && strcmp(at + len - sizeof(end) + 1, end) == 0;
}

bool hub_hold_is_secret(const char *key) {
    return strncmp(key, "Secret/", strlen("Secret/")) == 0;
}

// ---- Reading

struct reading {
    struct cm_arena *a;
    const struct cm_json **wrong;
    struct cm_err *err;
};

static enum cm_rc refuse(struct reading *r, const struct cm_json *at, const char *message) {
    if (r->wrong != NULL) {
        *r->wrong = at;
    }
    return cm_fail(r->err, CM_EINVAL, "%s", message);
}

static const char *text_of(const struct reading *r, const struct cm_json *object,
                           const char *name) {
    const char *text = cm_json_string(cm_json_get(object, name));

    return text != NULL ? cm_arena_strdup(r->a, text) : "";
}

// value_of copies a member's value; NULL: there is none.
static const struct cm_json *value_of(const struct reading *r, const struct cm_json *object,
                                      const char *name) {
    const struct cm_json *node = cm_json_get(object, name);
    struct cm_json *copy = node != NULL ? cm_json_copy(r->a, node) : NULL;

    if (copy != NULL) {
        copy->key = NULL;
        copy->next = NULL;
    }
    return copy;
}

static enum cm_rc read_key(struct reading *r, const struct cm_json *node, const char **out) {
    const char *text = cm_json_string(node);

    *out = text != NULL ? hub_hold_key(r->a, text) : NULL;
    if (*out == NULL) {
        return refuse(r, node,
                      "this names no object: write GROUP/KIND/NAMESPACE/NAME, such as "
                      "apps/Deployment/shop/web or ConfigMap/shop/settings");
    }
    if (hub_hold_is_secret(*out)) {
        return refuse(r, node, "a Hold never holds what is in a Secret: take this entry out");
    }
    return CM_OK;
}

static enum cm_rc read_at(struct reading *r, const struct cm_json *entry, const char **object,
                          const char **at) {
    const struct cm_json *node = cm_json_get(entry, "at");
    const char *text = cm_json_string(node);
    struct cm_path path;
    enum cm_rc rc = entry->type == CM_OBJECT ? read_key(r, cm_json_get(entry, "object"), object)
                                             : refuse(r, entry, "this must be an object");

    if (rc < 0) {
        return rc;
    }
    if (text == NULL || (text[0] != '\0' && text[0] != '/') ||
        (text[0] != '\0' && !cm_field_parse(r->a, text, &path))) {
        return refuse(r, node != NULL ? node : entry,
                      "'at' names no field: write a JSON pointer such as "
                      "/spec/template/spec/containers/[name=web]/image");
    }
    *at = cm_arena_strdup(r->a, text);
    return CM_OK;
}

static enum cm_rc read_identity(struct reading *r, const struct cm_json *list,
                                struct hub_hold *out) {
    size_t count = list != NULL && list->type == CM_ARRAY ? list->count : 0;
    struct hub_hold_identity *items = cm_arena_get(r->a, (count + 1) * sizeof(*items));
    size_t i = 0;

    if (count == 0 || count > HUB_HOLD_FIELDS_MAX) {
        return refuse(r, list,
                      "spec.rejects.identity says nothing, or too much: list the fields "
                      "that make the rejected release what it is");
    }
    for (const struct cm_json *n = list->first; n != NULL; n = n->next, i++) {
        enum cm_rc rc = read_at(r, n, &items[i].object, &items[i].at);

        if (rc < 0) {
            return rc;
        }
        if (items[i].at[0] == '\0') {
            return refuse(r, n, "'at' is empty: a whole object is no identity, name a field");
        }
        items[i].value = value_of(r, n, "value");
        items[i].sha256 = cm_json_get(n, "sha256") != NULL ? text_of(r, n, "sha256") : NULL;
    }
    out->identity = items;
    out->identity_count = count;
    return CM_OK;
}

static enum cm_rc read_delta(struct reading *r, const struct cm_json *list, struct hub_hold *out) {
    size_t count = list != NULL && list->type == CM_ARRAY ? list->count : 0;
    struct hub_hold_delta *items = cm_arena_get(r->a, (count + 1) * sizeof(*items));
    size_t i = 0;

    if (count == 0 || count > HUB_HOLD_FIELDS_MAX) {
        return refuse(r, list, "spec.delta says nothing, or too much: list what is used instead");
    }
    for (const struct cm_json *n = list->first; n != NULL; n = n->next, i++) {
        enum cm_rc rc = read_at(r, n, &items[i].object, &items[i].at);

        if (rc < 0) {
            return rc;
        }
        items[i].bad = value_of(r, n, "bad");
        items[i].use = value_of(r, n, "use");
        if (items[i].at[0] == '\0' &&
            (items[i].bad != NULL || items[i].use == NULL || items[i].use->type != CM_OBJECT)) {
            return refuse(r, n,
                          "'at' is empty: then 'use' is a whole object, and 'bad' is left "
                          "out");
        }
    }
    out->delta = items;
    out->delta_count = count;
    return CM_OK;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// sort_texts sorts and leaves out what is there twice; it returns how many are left.
static size_t sort_texts(const char **texts, size_t count) {
    size_t left = 0;

    qsort(texts, count, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (left == 0 || strcmp(texts[left - 1], texts[i]) != 0) {
            texts[left++] = texts[i];
        }
    }
    return left;
}

static enum cm_rc read_clusters(struct reading *r, const struct cm_json *list,
                                struct hub_hold *out) {
    size_t count = list != NULL && list->type == CM_ARRAY ? list->count : 0;
    const char **names = cm_arena_get(r->a, (count + 1) * sizeof(*names));
    size_t i = 0;

    if (list == NULL || list->type != CM_ARRAY || count > HUB_HOLD_CLUSTERS_MAX) {
        return refuse(r, list,
                      "spec.clusters must be a list: name the clusters that the release "
                      "is kept out of");
    }
    for (const struct cm_json *n = list->first; n != NULL; n = n->next) {
        if (cm_json_string(n) == NULL) {
            return refuse(r, n, "each of spec.clusters must be a name");
        }
        names[i++] = cm_arena_strdup(r->a, cm_json_string(n));
    }
    out->clusters = names;
    out->cluster_count = sort_texts(names, count);
    return CM_OK;
}

static enum cm_rc read_keep(struct reading *r, const struct cm_json *list, struct hub_hold *out) {
    size_t count = list != NULL && list->type == CM_ARRAY ? list->count : 0;
    const char **keys = cm_arena_get(r->a, (count + 1) * sizeof(*keys));
    size_t i = 0;

    for (const struct cm_json *n = count > 0 ? list->first : NULL; n != NULL; n = n->next) {
        const char *text = cm_json_string(n);

        keys[i] = text != NULL ? hub_hold_key(r->a, text) : NULL;
        if (keys[i++] == NULL) {
            return refuse(r, n,
                          "each of spec.keep must name an object, such as "
                          "ConfigMap/shop/settings-7d2f");
        }
    }
    out->keep = keys;
    out->keep_count = sort_texts(keys, count);
    return CM_OK;
}

static struct hub_hold_cause read_cause(const struct reading *r, const struct cm_json *cause) {
    return (struct hub_hold_cause){.controller = text_of(r, cause, "controller"),
                                   .actor = text_of(r, cause, "actor"),
                                   .object = text_of(r, cause, "object"),
                                   .phase = text_of(r, cause, "phase"),
                                   .text = text_of(r, cause, "text"),
                                   .at = text_of(r, cause, "at")};
}

enum cm_rc hub_hold_read(struct cm_arena *a, const struct cm_json *document, struct hub_hold *out,
                         const struct cm_json **wrong, struct cm_err *err) {
    struct reading r = {a, wrong, err};
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *rejects = cm_json_get(spec, "rejects");
    struct hub_hold hold = {
        .name = text_of(&r, cm_json_get(document, "metadata"), "name"),
        .app = text_of(&r, spec, "app"),
        .bad_revision = text_of(&r, rejects, "revision"),
        .good_revision = text_of(&r, cm_json_get(spec, "restores"), "revision"),
        .cause = read_cause(&r, cm_json_get(spec, "cause")),
        .event = text_of(&r, spec, "event"),
        .retry = cm_json_true(cm_json_get(spec, "retry")),
    };
    enum cm_rc rc = read_clusters(&r, cm_json_get(spec, "clusters"), &hold);

    rc = rc < 0 ? rc : read_identity(&r, cm_json_get(rejects, "identity"), &hold);
    rc = rc < 0 ? rc : read_delta(&r, cm_json_get(spec, "delta"), &hold);
    rc = rc < 0 ? rc : read_keep(&r, cm_json_get(spec, "keep"), &hold);
    if (rc < 0) {
        if (wrong != NULL && *wrong == NULL) {
            *wrong = document;
        }
        return rc;
    }
    *out = hold;
    return CM_OK;
}

enum cm_rc hub_hold_parse(const char *text, size_t size, struct hub_hold **out,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *parsed = cm_arena_new(0);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *own = cm_arena_new(0);
    const struct cm_json_limits limits = {HUB_HOLD_BYTES_MAX, 64, 1000000};
    struct cm_yaml_docs docs;
    struct hub_hold hold;
    enum cm_rc rc = cm_yaml_parse(parsed, text, size, &limits, &docs, err);

    if (rc < 0) {
        return rc;
    }
    const char *kind = docs.count == 1 ? cm_json_string(cm_json_get(docs.docs[0], "kind")) : NULL;
    if (kind == NULL || strcmp(kind, HOLD_KIND) != 0) {
        return cm_fail(err, CM_EINVAL, "this is not one document of kind Hold: write only one");
    }
    rc = hub_hold_read(own, docs.docs[0], &hold, NULL, err);
    if (rc < 0) {
        return rc;
    }
    hold.arena = CM_TAKE(own);
    *out = cm_new(1, sizeof(**out));
    **out = hold;
    return CM_OK;
}

// ---- Copies

static const char *const *copy_texts(struct cm_arena *a, const char *const *texts, size_t count) {
    const char **copy = cm_arena_get(a, (count + 1) * sizeof(*copy));

    for (size_t i = 0; i < count; i++) {
        copy[i] = cm_arena_strdup(a, texts[i]);
    }
    return copy;
}

static const struct cm_json *copy_value(struct cm_arena *a, const struct cm_json *value) {
    return value != NULL ? cm_json_copy(a, value) : NULL;
}

static void copy_fields(struct cm_arena *a, const struct hub_hold *from, struct hub_hold *to) {
    struct hub_hold_identity *identity =
        cm_arena_get(a, (from->identity_count + 1) * sizeof(*identity));
    struct hub_hold_delta *delta = cm_arena_get(a, (from->delta_count + 1) * sizeof(*delta));

    for (size_t i = 0; i < from->identity_count; i++) {
        const struct hub_hold_identity *id = &from->identity[i];

        identity[i] = (struct hub_hold_identity){
            .object = cm_arena_strdup(a, id->object),
            .at = cm_arena_strdup(a, id->at),
            .value = copy_value(a, id->value),
            .sha256 = id->sha256 != NULL ? cm_arena_strdup(a, id->sha256) : NULL};
    }
    for (size_t i = 0; i < from->delta_count; i++) {
        const struct hub_hold_delta *d = &from->delta[i];

        delta[i] = (struct hub_hold_delta){.object = cm_arena_strdup(a, d->object),
                                           .at = cm_arena_strdup(a, d->at),
                                           .bad = copy_value(a, d->bad),
                                           .use = copy_value(a, d->use)};
    }
    to->identity = identity;
    to->delta = delta;
}

struct hub_hold *hub_hold_copy(const struct hub_hold *hold) {
    struct hub_hold *copy = cm_new(1, sizeof(*copy));
    struct cm_arena *a = cm_arena_new(0);

    *copy = *hold;
    copy->arena = a;
    copy->name = cm_arena_strdup(a, hold->name);
    copy->app = cm_arena_strdup(a, hold->app);
    copy->clusters = copy_texts(a, hold->clusters, hold->cluster_count);
    copy->bad_revision = cm_arena_strdup(a, hold->bad_revision);
    copy->good_revision = cm_arena_strdup(a, hold->good_revision);
    copy->keep = copy_texts(a, hold->keep, hold->keep_count);
    copy->left_out = copy_texts(a, hold->left_out, hold->left_out_count);
    copy->cause = (struct hub_hold_cause){
        .controller = cm_arena_strdup(a, hold->cause.controller),
        .actor = cm_arena_strdup(a, hold->cause.actor),
        .object = cm_arena_strdup(a, hold->cause.object),
        .phase = cm_arena_strdup(a, hold->cause.phase),
        .text = cm_arena_strdup(a, hold->cause.text),
        .at = cm_arena_strdup(a, hold->cause.at),
    };
    copy->event = cm_arena_strdup(a, hold->event);
    copy_fields(a, hold, copy);
    return copy;
}

void hub_hold_free(struct hub_hold *hold) {
    if (hold != NULL) {
        cm_arena_free(hold->arena);
        free(hold);
    }
}

void hub_hold_freep(struct hub_hold **hold) {
    hub_hold_free(*hold);
}

// ---- Clusters

bool hub_hold_lists(const struct hub_hold *hold, const char *cluster) {
    return bsearch(&cluster, hold->clusters, hold->cluster_count, sizeof(*hold->clusters),
                   compare_texts) != NULL;
}

bool hub_hold_is_own(const struct hub_hold *hold) {
    return strcmp(hold->cause.controller, HUB_HOLD_OWN) == 0;
}

bool hub_hold_is_undone(const struct hub_hold *hold) {
    return strcmp(hold->cause.phase, HUB_HOLD_UNDONE) == 0 && !hub_hold_is_own(hold);
}

static bool restores(const struct hub_hold *hold, const struct hub_hold_identity *id) {
    const struct hub_hold_delta *d = hub_hold_delta_of(hold, id);
    char hex[CM_SHA256_HEX_MAX];

    if (d == NULL) {
        return false;
    }
    if (id->sha256 == NULL) {
        return d->use == NULL || id->value == NULL ? d->use == id->value
                                                   : hub_merge_same(d->use, id->value);
    }
    if (d->use == NULL || d->use->type != CM_STRING) {
        return false;
    }
    struct cm_sha256 digest = cm_sha256(d->use->text, strlen(d->use->text));
    cm_sha256_hex(&digest, hex);
    return strcmp(hex, id->sha256) == 0;
}

bool hub_hold_meets(const struct hub_hold *hold, const struct hub_hold *other) {
    bool all = other->identity_count > 0;

    for (size_t i = 0; all && i < other->identity_count; i++) {
        all = restores(hold, &other->identity[i]);
    }
    return all;
}

bool hub_hold_changes(const struct hub_hold *hold, const char *workload) {
    static const char template[] = "/spec/template";

    for (size_t i = 0; i < hold->delta_count; i++) {
        if (strcmp(hold->delta[i].object, workload) == 0 &&
            strncmp(hold->delta[i].at, template, sizeof(template) - 1) == 0) {
            return true;
        }
    }
    return false;
}

struct hub_hold *hub_hold_with(const struct hub_hold *hold, const char *const *clusters,
                               size_t count) {
    struct hub_hold *copy = hub_hold_copy(hold);
    size_t all = copy->cluster_count + count;
    const char **names = cm_arena_get(copy->arena, (all + 1) * sizeof(*names));

    for (size_t i = 0; i < copy->cluster_count; i++) {
        names[i] = copy->clusters[i];
    }
    for (size_t i = 0; i < count; i++) {
        names[copy->cluster_count + i] = cm_arena_strdup(copy->arena, clusters[i]);
    }
    copy->clusters = names;
    copy->cluster_count = sort_texts(names, all);
    return copy;
}

// ---- What it is about

static const char *digest_of(const struct cm_json *value, char hex[CM_SHA256_HEX_MAX]) {
    const char *text = cm_json_string(value);

    if (text == NULL) {
        return "";
    }
    struct cm_sha256 digest = cm_sha256(text, strlen(text));
    cm_sha256_hex(&digest, hex);
    return hex;
}

static bool same_value(const struct hub_hold_identity *a, const struct hub_hold_identity *b) {
    char hex[CM_SHA256_HEX_MAX];

    if (a->sha256 != NULL && b->sha256 != NULL) {
        return strcmp(a->sha256, b->sha256) == 0;
    }
    if (a->sha256 != NULL || b->sha256 != NULL) {
        const char *digest = digest_of(a->sha256 != NULL ? b->value : a->value, hex);
        return strcmp(a->sha256 != NULL ? a->sha256 : b->sha256, digest) == 0;
    }
    if (a->value == NULL || b->value == NULL) {
        return a->value == b->value;
    }
    if (hub_hold_is_image(a->at) && a->value->type == CM_STRING && b->value->type == CM_STRING) {
        return hub_image_same(a->value->text, b->value->text);
    }
    return cm_json_equal(a->value, b->value);
}

static bool has_identity(const struct hub_hold *hold, const struct hub_hold_identity *wanted) {
    for (size_t i = 0; i < hold->identity_count; i++) {
        const struct hub_hold_identity *id = &hold->identity[i];

        if (strcmp(id->object, wanted->object) == 0 && strcmp(id->at, wanted->at) == 0 &&
            same_value(id, wanted)) {
            return true;
        }
    }
    return false;
}

bool hub_hold_same(const struct hub_hold *a, const struct hub_hold *b) {
    bool same = strcmp(a->app, b->app) == 0 && a->identity_count == b->identity_count;

    for (size_t i = 0; same && i < a->identity_count; i++) {
        same = has_identity(b, &a->identity[i]);
    }
    return same;
}

// ---- What goes with another

void hub_hold_event_with(const char *event, const char *app, const char *workload,
                         struct cm_sha256 *out) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_addf(&text, "%s\n%s\n%s", event, app, workload);
    *out = cm_sha256(text.data, text.len);
}

bool hub_hold_goes_with(const struct hub_hold *hold, const struct hub_hold *with) {
    char event[CM_SHA256_HEX_MAX];
    struct cm_sha256 id;

    hub_hold_event_with(with->event, hold->app, hold->cause.object, &id);
    cm_sha256_hex(&id, event);
    return strcmp(hold->event, event) == 0;
}

bool hub_hold_joins(const struct hub_hold *hold) {
    return strncmp(hold->cause.text, HUB_HOLD_JOINS, strlen(HUB_HOLD_JOINS)) == 0;
}

char *hub_hold_joined(const struct hub_hold *hold) {
    const char *name = hold->cause.text + strlen(HUB_HOLD_JOINS);

    return hub_hold_joins(hold) ? cm_strndup(name, strcspn(name, "'")) : NULL;
}

// ---- For people

static const char *value_text(struct cm_arena *a, const struct cm_json *value, bool image) {
    const char *text = cm_json_string(value);

    return image && text != NULL ? hub_image_version(a, text) : NULL;
}

// first_image returns the first field of the identity that is an image; the first one if none is.
static const struct hub_hold_identity *first_image(const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->identity_count; i++) {
        if (hub_hold_is_image(hold->identity[i].at)) {
            return &hold->identity[i];
        }
    }
    return &hold->identity[0];
}

const char *hub_hold_rejected(struct cm_arena *a, const struct hub_hold *hold) {
    const struct hub_hold_identity *id = first_image(hold);
    const char *text = value_text(a, id->value, hub_hold_is_image(id->at));

    if (text != NULL) {
        return text;
    }
    text = hold->bad_revision[0] != '\0' ? hold->bad_revision : hold->name;
    return cm_arena_strndup(a, text != NULL ? text : "release", SHORT_REVISION);
}

const char *hub_hold_restored(struct cm_arena *a, const struct hub_hold *hold) {
    const struct hub_hold_identity *id = first_image(hold);

    for (size_t i = 0; i < hold->delta_count; i++) {
        const struct hub_hold_delta *d = &hold->delta[i];
        bool is_it = strcmp(d->object, id->object) == 0 && strcmp(d->at, id->at) == 0;
        const char *text = is_it ? value_text(a, d->use, hub_hold_is_image(d->at)) : NULL;

        if (text != NULL) {
            return text;
        }
    }
    return hold->good_revision[0] != '\0' ? cm_arena_strndup(a, hold->good_revision, SHORT_REVISION)
                                          : "what ran before";
}

static bool is_rejected(const void *ctx, const char *image) {
    const struct hub_hold *hold = ctx;

    for (size_t i = 0; i < hold->identity_count; i++) {
        const struct hub_hold_identity *id = &hold->identity[i];
        const char *own = hub_hold_is_image(id->at) ? cm_json_string(id->value) : NULL;

        if (own != NULL && hub_image_same(own, image)) {
            return true;
        }
    }
    return false;
}

bool hub_hold_runs(const struct hub_hold *hold, const struct cm_json *object) {
    return hub_image_find(object, is_rejected, hold) != NULL;
}
