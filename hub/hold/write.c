// A Hold as its file: the same Hold gives the same bytes, so that a decision that is written twice
// changes nothing.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/hold/internal.h"

static struct cm_json *member(struct cm_arena *a, struct cm_json *object, const char *name,
                              enum cm_json_type type) {
    struct cm_json *made = cm_json_new(a, type);

    cm_json_set(a, object, name, made);
    return made;
}

static void set_text(struct cm_arena *a, struct cm_json *object, const char *name,
                     const char *text) {
    if (text[0] != '\0') {
        cm_json_set_string(a, object, name, text);
    }
}

static void set_value(struct cm_arena *a, struct cm_json *object, const char *name,
                      const struct cm_json *value) {
    if (value != NULL) {
        cm_json_set(a, object, name, cm_json_copy(a, value));
    }
}

static struct cm_json *entry_of(struct cm_arena *a, struct cm_json *list, const char *key,
                                const char *at) {
    struct cm_json *entry = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, entry, "object", hub_hold_object_text(a, key));
    cm_json_set_string(a, entry, "at", at);
    cm_json_append(list, entry);
    return entry;
}

static void add_rejects(struct cm_arena *a, const struct hub_hold *hold, struct cm_json *spec) {
    struct cm_json *rejects = member(a, spec, "rejects", CM_OBJECT);

    set_text(a, rejects, "revision", hold->bad_revision);
    struct cm_json *list = member(a, rejects, "identity", CM_ARRAY);
    for (size_t i = 0; i < hold->identity_count; i++) {
        const struct hub_hold_identity *id = &hold->identity[i];
        struct cm_json *entry = entry_of(a, list, id->object, id->at);

        set_value(a, entry, "value", id->value);
        cm_json_set_string(a, entry, "sha256", id->sha256);
    }
}

static void add_delta(struct cm_arena *a, const struct hub_hold *hold, struct cm_json *spec) {
    struct cm_json *list = member(a, spec, "delta", CM_ARRAY);

    for (size_t i = 0; i < hold->delta_count; i++) {
        const struct hub_hold_delta *d = &hold->delta[i];
        struct cm_json *entry = entry_of(a, list, d->object, d->at);

        set_value(a, entry, "bad", d->bad);
        set_value(a, entry, "use", d->use);
    }
}

static void add_texts(struct cm_arena *a, struct cm_json *spec, const char *name,
                      const char *const *texts, size_t count) {
    struct cm_json *list = member(a, spec, name, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(list, cm_json_new_string(a, texts[i]));
    }
}

static void add_keep(struct cm_arena *a, const struct hub_hold *hold, struct cm_json *spec) {
    const char **texts = cm_arena_get(a, (hold->keep_count + 1) * sizeof(*texts));

    for (size_t i = 0; i < hold->keep_count; i++) {
        texts[i] = hub_hold_object_text(a, hold->keep[i]);
    }
    if (hold->keep_count > 0) {
        add_texts(a, spec, "keep", texts, hold->keep_count);
    }
}

static void add_cause(struct cm_arena *a, const struct hub_hold *hold, struct cm_json *spec) {
    struct cm_json *cause = cm_json_new(a, CM_OBJECT);

    set_text(a, cause, "controller", hold->cause.controller);
    set_text(a, cause, "actor", hold->cause.actor);
    set_text(a, cause, "object", hold->cause.object);
    set_text(a, cause, "phase", hold->cause.phase);
    set_text(a, cause, "text", hold->cause.text);
    set_text(a, cause, "at", hold->cause.at);
    if (cause->count > 0) {
        cm_json_set(a, spec, "cause", cause);
    }
}

void hub_hold_write(const struct hub_hold *hold, struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *document = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, document, "apiVersion", "holdfast/v1alpha1");
    cm_json_set_string(a, document, "kind", "Hold");
    cm_json_set_string(a, member(a, document, "metadata", CM_OBJECT), "name", hold->name);
    struct cm_json *spec = member(a, document, "spec", CM_OBJECT);
    cm_json_set_string(a, spec, "app", hold->app);
    add_texts(a, spec, "clusters", hold->clusters, hold->cluster_count);
    add_rejects(a, hold, spec);
    if (hold->good_revision[0] != '\0') {
        cm_json_set_string(a, member(a, spec, "restores", CM_OBJECT), "revision",
                           hold->good_revision);
    }
    add_delta(a, hold, spec);
    add_keep(a, hold, spec);
    add_cause(a, hold, spec);
    set_text(a, spec, "event", hold->event);
    if (hold->retry) {
        cm_json_set_bool(a, spec, "retry", true);
    }
    cm_yaml_write(document, out);
}

// The name is the App's, a dash, and what the file is called.
const char *hub_hold_path(struct cm_arena *a, const struct hub_hold *hold) {
    size_t len = strlen(hold->app);
    bool ours = strncmp(hold->name, hold->app, len) == 0 && hold->name[len] == '-';

    return cm_arena_strf(a, "holds/%s/%s.yaml", hold->app,
                         ours ? hold->name + len + 1 : hold->name);
}
