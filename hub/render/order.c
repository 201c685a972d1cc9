#include "hub/render/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/object/id.h"
#include "common/str.h"
#include "hub/render/source.h"

#define WAVE "holdfast.dev/wave"
#define ARGO_WAVE "argocd.argoproj.io/sync-wave"
#define HOOK "holdfast.dev/hook"
#define ARGO_HOOK "argocd.argoproj.io/hook"
#define HOOK_DELETE "holdfast.dev/hook-delete-policy"

enum { WAVE_MAX = 1000, DIGITS_MAX = 9 };

// An object whose annotations are read.
struct reading {
    const struct hub_template *template;
    const struct cm_json *annotations;
    const struct cm_object_id *id;
    struct hub_diags *diags;
};

static const struct cm_json *annotations_of(const struct cm_json *object) {
    return cm_json_path(object, "metadata", "annotations", NULL);
}

// report says what is wrong with an annotation where it was written: what is filled in has lost its
// file.
static void report(struct reading *r, const char *name, const char *message) {
    const struct hub_template *t = r->template;
    const struct cm_json *at = cm_json_get(annotations_of(t->object), name);

    at = at != NULL ? at : t->object;
    hub_diags_add(r->diags, hub_template_path(t, at), at->line, at->column, "the annotation %s %s",
                  name, message);
}

// ---- Waves

static bool is_integer(const char *text) {
    const char *digits = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    size_t count = strspn(digits, "0123456789");

    return count > 0 && count <= DIGITS_MAX && digits[count] == '\0';
}

static bool read_wave(struct reading *r, const char *name, struct hub_order *out) {
    const char *text = cm_json_string(cm_json_get(r->annotations, name));
    long wave = text != NULL && is_integer(text) ? strtol(text, NULL, 10) : WAVE_MAX + 1;

    if (wave < -WAVE_MAX || wave > WAVE_MAX) {
        report(r, name, "is an integer from -1000 to 1000, in quotes");
        return false;
    }
    out->wave = (int16_t)wave;
    return true;
}

static bool read_any_wave(struct reading *r, struct hub_order *out) {
    if (cm_json_get(r->annotations, WAVE) != NULL) {
        return read_wave(r, WAVE, out);
    }
    return cm_json_get(r->annotations, ARGO_WAVE) == NULL || read_wave(r, ARGO_WAVE, out);
}

// ---- Hooks

// A value of an annotation, and what it means.
struct word {
    const char *text;
    uint8_t meaning;
};

static bool find_word(const struct cm_json *node, const struct word *words, size_t count,
                      uint8_t *out) {
    const char *text = cm_json_string(node);

    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(words[i].text, text) == 0) {
            *out = words[i].meaning;
            return true;
        }
    }
    return false;
}

static bool is_job(const struct cm_object_id *id) {
    return strcmp(id->group, "batch") == 0 && strcmp(id->kind, "Job") == 0;
}

static bool read_own_hook(struct reading *r, const struct cm_json *node, struct hub_order *out) {
    static const struct word words[] = {{"pre-apply", HUB_PHASE_PRE_APPLY},
                                        {"post-apply", HUB_PHASE_POST_APPLY}};

    if (!is_job(r->id)) {
        report(r, HOOK, "is for a Job only: remove it here");
        return false;
    }
    if (!find_word(node, words, 2, &out->phase)) {
        report(r, HOOK, "is 'pre-apply' or 'post-apply'");
        return false;
    }
    return true;
}

// The kinds of Argo CD's hooks that have to do with applying.
static const struct word argo_phases[] = {
    {"PreSync", HUB_PHASE_PRE_APPLY}, {"Sync", HUB_PHASE_MAIN}, {"PostSync", HUB_PHASE_POST_APPLY}};

// check_no_hook: what is no Job would be applied with all else, unless its wave says when.
static bool check_no_hook(struct reading *r, const struct cm_json *node) {
    bool waved = cm_json_get(r->annotations, WAVE) != NULL;
    uint8_t phase = HUB_PHASE_MAIN;

    if (!find_word(node, argo_phases, 3, &phase)) {
        report(r, ARGO_HOOK,
               "is understood as PreSync, Sync and PostSync only, and the object would be applied: "
               "leave the object out, or remove the annotation");
        return false;
    }
    if (phase == HUB_PHASE_MAIN || waved) {
        return true;
    }
    report(r, ARGO_HOOK,
           "is understood of a Job only, and the object would be applied with all others: say when "
           "by " WAVE " beside it, or put it into an App that this one depends on, without it");
    return false;
}

static bool read_argo_hook(struct reading *r, const struct cm_json *node, struct hub_order *out) {
    if (node == NULL) {
        return true;
    }
    if (!is_job(r->id)) {
        return check_no_hook(r, node);
    }
    if (find_word(node, argo_phases, 3, &out->phase)) {
        return true;
    }
    report(r, ARGO_HOOK,
           "is understood as PreSync and PostSync only, and the Job would run at once: set " HOOK
           " beside it, or leave the Job out");
    return false;
}

static bool read_hook(struct reading *r, struct hub_order *out) {
    static const struct word policies[] = {{"before-creation", HUB_HOOK_BEFORE_CREATION},
                                           {"succeeded", HUB_HOOK_SUCCEEDED},
                                           {"never", HUB_HOOK_NEVER}};
    const struct cm_json *own = cm_json_get(r->annotations, HOOK);
    const struct cm_json *policy = cm_json_get(r->annotations, HOOK_DELETE);
    bool ok = own != NULL ? read_own_hook(r, own, out)
                          : read_argo_hook(r, cm_json_get(r->annotations, ARGO_HOOK), out);

    if (!ok || policy == NULL) {
        return ok;
    }
    if (out->phase == HUB_PHASE_MAIN) {
        report(r, HOOK_DELETE, "is for hooks only: set " HOOK " too, or remove it");
        return false;
    }
    if (!find_word(policy, policies, 3, &out->hook_delete)) {
        report(r, HOOK_DELETE, "is 'before-creation', 'succeeded' or 'never'");
        return false;
    }
    return true;
}

bool hub_order_read(const struct hub_template *t, const struct cm_json *object,
                    const struct cm_object_id *id, struct hub_order *out, struct hub_diags *diags) {
    struct reading r = {t, annotations_of(object), id, diags};

    *out = (struct hub_order){0};
    return read_any_wave(&r, out) && read_hook(&r, out);
}

// ---- What others need

// What is needed, and the first turn of an object that needs it.
struct needs {
    struct cm_arena *arena;
    struct cm_map *namespaces; // by name: struct hub_order
    struct cm_map *groups;
    const char *namespace; // the App's
};

// place_of returns where a phase is on an App's way.
static int place_of(const struct hub_order *order) {
    static const int places[] = {[HUB_PHASE_GROUND] = 0,
                                 [HUB_PHASE_PRE_APPLY] = 1,
                                 [HUB_PHASE_MAIN] = 2,
                                 [HUB_PHASE_POST_APPLY] = 3};

    return places[order->phase];
}

static bool is_before(const struct hub_order *a, const struct hub_order *b) {
    int left = place_of(a);
    int right = place_of(b);

    return left != right ? left < right : a->wave < b->wave;
}

static void need(struct needs *n, struct cm_map *map, const char *name,
                 const struct hub_order *order) {
    struct hub_order *first = cm_map_get(map, name);

    if (first == NULL) {
        first = cm_arena_get(n->arena, sizeof(*first));
        *first = *order;
        cm_map_put(map, name, first);
    } else if (is_before(order, first)) {
        *first = *order;
    }
}

static bool is_namespace(const struct cm_object_id *id) {
    return id->group[0] == '\0' && strcmp(id->kind, "Namespace") == 0;
}

static bool is_definition(const struct cm_object_id *id) {
    return strcmp(id->group, "apiextensions.k8s.io") == 0 &&
           strcmp(id->kind, "CustomResourceDefinition") == 0;
}

static void note_needs(struct needs *n, const struct hub_object *object) {
    struct cm_object_id id;

    if (!cm_object_key_parse(n->arena, object->key, &id) || is_namespace(&id) ||
        is_definition(&id)) {
        return;
    }
    // One that names no namespace may be cluster-scoped: then its turn changes nothing either.
    need(n, n->namespaces, id.namespace[0] != '\0' ? id.namespace : n->namespace, &object->order);
    need(n, n->groups, id.group, &object->order);
}

// settle moves a namespace or definition before what needs it.
static void settle(struct needs *n, struct hub_object *object) {
    struct cm_object_id id;
    const struct hub_order *first = NULL;

    if (!cm_object_key_parse(n->arena, object->key, &id)) {
        return;
    }
    if (is_namespace(&id)) {
        first = cm_map_get(n->namespaces, id.name);
    } else if (is_definition(&id)) {
        const char *dot = strchr(id.name, '.'); // widgets.example.com

        first = dot == NULL ? NULL : cm_map_get(n->groups, dot + 1);
    }
    if (first != NULL && is_before(first, &object->order)) {
        bool ground = first->phase == HUB_PHASE_PRE_APPLY;

        object->order = (struct hub_order){.wave = first->wave,
                                           .phase = ground ? HUB_PHASE_GROUND : HUB_PHASE_MAIN};
    }
}

static bool has_order(const struct hub_object *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (objects[i].order.wave != 0 || objects[i].order.phase != HUB_PHASE_MAIN) {
            return true;
        }
    }
    return false;
}

void hub_order_settle(struct hub_object *objects, size_t count, const char *namespace) {
    struct needs n = {.namespace = namespace};

    if (!has_order(objects, count)) {
        return;
    }
    n.arena = cm_arena_new(0);
    n.namespaces = cm_map_new(NULL);
    n.groups = cm_map_new(NULL);
    for (size_t i = 0; i < count; i++) {
        note_needs(&n, &objects[i]);
    }
    for (size_t i = 0; i < count; i++) {
        settle(&n, &objects[i]);
    }
    cm_map_free(n.namespaces);
    cm_map_free(n.groups);
    cm_arena_free(n.arena);
}
