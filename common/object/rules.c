#include "common/object/rules.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/path.h"
#include "common/object/pointer.h"
#include "common/object/secret.h"
#include "common/str.h"

enum { WHY_MAX = 240 };

// A place in an object; of neither kind if it was not understood.
struct place {
    bool is_pointer;
    bool is_path;
    struct cm_pointer pointer;
    struct cm_path path;
    const char *text;
};

struct condition {
    struct place place;
    const char *equals;       // NULL: not asked
    const struct cm_json *in; // NULL: not asked
    bool asks_presence;
    bool present; // what it asks for
};

struct conditions {
    struct condition *items; // NULL: the rule has no such list
    size_t count;
};

struct rule {
    const char *group;
    const char *kind;
    struct place observed; // .text NULL: none
    struct place message;
    struct conditions degraded;
    struct conditions progressing;
    struct conditions healthy;
};

struct cm_rules {
    struct cm_arena *arena;
    struct rule *items;
    size_t count;
};

static const struct cm_json_limits limits = {CM_RULES_BYTES, 16, CM_RULES_BYTES};

// ---- Reading

static struct place read_place(struct cm_arena *a, const char *text) {
    struct place p = {.text = text};
    struct cm_err err;

    if (text == NULL) {
        return p;
    }
    if (text[0] == '/') {
        p.is_pointer = cm_pointer_parse(a, text, &p.pointer, &err) == CM_OK;
    } else {
        p.is_path = cm_path_parse(a, text, &p.path);
    }
    return p;
}

bool cm_rules_path_ok(const char *text) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct place p = read_place(a, text);

    return p.is_pointer || p.is_path;
}

static const char *text_of(const struct cm_json *object, const char *name) {
    return cm_json_string(cm_json_get(object, name));
}

static struct condition read_condition(struct cm_arena *a, const struct cm_json *node) {
    const struct cm_json *in = cm_json_get(node, "in");
    const struct cm_json *exists = cm_json_get(node, "exists");

    return (struct condition){.place = read_place(a, text_of(node, "path")),
                              .equals = text_of(node, "equals"),
                              .in = in != NULL && in->type == CM_ARRAY ? in : NULL,
                              .asks_presence = exists != NULL && exists->type == CM_BOOL,
                              .present = cm_json_true(exists)};
}

static struct conditions read_conditions(struct cm_arena *a, const struct cm_json *list) {
    struct conditions all = {0};

    if (list == NULL || list->type != CM_ARRAY) {
        return all;
    }
    all.items = cm_arena_get(a, (list->count + 1) * sizeof(*all.items));
    for (const struct cm_json *node = list->first; node != NULL; node = node->next) {
        all.items[all.count++] = read_condition(a, node);
    }
    return all;
}

static struct rule read_rule(struct cm_arena *a, const struct cm_json *node) {
    const char *group = text_of(node, "group");
    const char *kind = text_of(node, "kind");

    return (struct rule){.group = group == NULL ? "" : group,
                         .kind = kind == NULL ? "" : kind,
                         .observed = read_place(a, text_of(node, "observedGeneration")),
                         .message = read_place(a, text_of(node, "message")),
                         .degraded = read_conditions(a, cm_json_get(node, "degraded")),
                         .progressing = read_conditions(a, cm_json_get(node, "progressing")),
                         .healthy = read_conditions(a, cm_json_get(node, "healthy"))};
}

enum cm_rc cm_rules_parse(const char *text, size_t size, struct cm_rules **out,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *list = NULL;
    enum cm_rc rc = cm_json_parse(a, text, size, &limits, &list, err);

    if (rc < 0) {
        return rc;
    }
    if (list->type != CM_ARRAY || list->count > CM_RULES_MAX) {
        return cm_fail(err, CM_EINVAL, "rules must be a list of at most %d", CM_RULES_MAX);
    }
    struct cm_rules *rules = cm_new(1, sizeof(*rules));
    rules->items = cm_arena_get(a, (list->count + 1) * sizeof(*rules->items));
    for (const struct cm_json *node = list->first; node != NULL; node = node->next) {
        rules->items[rules->count++] = read_rule(a, node);
    }
    rules->arena = CM_TAKE(a);
    *out = rules;
    return CM_OK;
}

void cm_rules_free(struct cm_rules *rules) {
    if (rules != NULL) {
        cm_arena_free(rules->arena);
        free(rules);
    }
}

// ---- Finding fields

// scalar returns the text of a scalar, or NULL.
static const char *scalar(const struct cm_json *node) {
    if (node == NULL || node->type == CM_OBJECT || node->type == CM_ARRAY ||
        node->type == CM_NULL) {
        return NULL;
    }
    return node->type == CM_BOOL ? (node->truth ? "true" : "false") : node->text;
}

static bool is_text(const struct cm_json *node, const char *text) {
    const char *own = scalar(node);

    return own != NULL && strcmp(own, text) == 0;
}

static bool has_keys(const struct cm_json *entry, const struct cm_segment *s) {
    for (size_t i = 0; s->keys[i] != NULL; i++) {
        if (!is_text(cm_json_get(entry, s->keys[i]), s->values[i])) {
            return false;
        }
    }
    return true;
}

static struct cm_json *follow_segment(const struct cm_segment *s, struct cm_json *node) {
    if (s->type == CM_SEGMENT_MEMBER) {
        return cm_json_get(node, s->name);
    }
    if (node->type != CM_ARRAY) {
        return NULL;
    }
    for (struct cm_json *entry = node->first; entry != NULL; entry = entry->next) {
        if (s->type == CM_SEGMENT_VALUE ? is_text(entry, s->name) : has_keys(entry, s)) {
            return entry;
        }
    }
    return NULL;
}

static const struct cm_json *find(const struct place *p, const struct cm_json *object) {
    struct cm_json *node = (struct cm_json *)(uintptr_t)object; // it is only read

    if (p->is_pointer) {
        return cm_pointer_find(&p->pointer, p->pointer.count, node);
    }
    for (size_t i = 0; node != NULL && i < p->path.count; i++) {
        node = follow_segment(&p->path.segments[i], node);
    }
    return p->is_path ? node : NULL;
}

// ---- What nobody may be told

static bool is_secret(const char *group, const char *kind) {
    return group[0] == '\0' && strcmp(kind, "Secret") == 0;
}

// is_hidden tells whether a place of a Secret holds a secret.
static bool is_hidden(const struct place *p) {
    for (size_t i = 0; p->is_pointer && i < p->pointer.count; i++) {
        if (cm_secret_hides(p->pointer.tokens[i], i == 0)) {
            return true;
        }
    }
    for (size_t i = 0; p->is_path && i < p->path.count; i++) {
        const struct cm_segment *s = &p->path.segments[i];

        if (s->type == CM_SEGMENT_MEMBER && cm_secret_hides(s->name, i == 0)) {
            return true;
        }
    }
    return false;
}

// find_open returns a field whose value may be shown or compared, or NULL.
static const struct cm_json *find_open(const struct rule *r, const struct place *p,
                                       const struct cm_json *object) {
    return is_secret(r->group, r->kind) && is_hidden(p) ? NULL : find(p, object);
}

// secret_at returns a node with a path if that leads to a secret, else NULL.
static const struct cm_json *secret_at(struct cm_arena *a, const struct cm_json *node) {
    struct place p = read_place(a, cm_json_string(node));

    return is_hidden(&p) ? node : NULL;
}

static const struct cm_json *secret_among(struct cm_arena *a, const struct cm_json *list) {
    const struct cm_json *found = NULL;

    for (const struct cm_json *c = list == NULL || list->type != CM_ARRAY ? NULL : list->first;
         c != NULL && found == NULL; c = c->next) {
        found = cm_json_get(c, "exists") == NULL ? secret_at(a, cm_json_get(c, "path")) : NULL;
    }
    return found;
}

static const struct cm_json *secret_in(struct cm_arena *a, const struct cm_json *rule) {
    static const char *const places[] = {"message", "observedGeneration"};
    static const char *const lists[] = {"degraded", "progressing", "healthy"};
    const char *group = text_of(rule, "group");
    const char *kind = text_of(rule, "kind");
    const struct cm_json *found = NULL;

    if (!is_secret(group == NULL ? "" : group, kind == NULL ? "" : kind)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && found == NULL; i++) {
        found = secret_at(a, cm_json_get(rule, places[i]));
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && found == NULL; i++) {
        found = secret_among(a, cm_json_get(rule, lists[i]));
    }
    return found;
}

const struct cm_json *cm_rules_secret(const struct cm_json *list) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *found = NULL;

    for (const struct cm_json *rule = list == NULL || list->type != CM_ARRAY ? NULL : list->first;
         rule != NULL && found == NULL; rule = rule->next) {
        found = secret_in(a, rule);
    }
    return found;
}

// ---- Judging

static bool is_in(const struct cm_json *node, const struct cm_json *list) {
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        const char *text = scalar(item);

        if (text != NULL && is_text(node, text)) {
            return true;
        }
    }
    return false;
}

static bool condition_holds(const struct rule *r, const struct condition *c,
                            const struct cm_json *object) {
    const struct cm_json *node =
        c->asks_presence ? find(&c->place, object) : find_open(r, &c->place, object);
    bool there = node != NULL && node->type != CM_NULL;

    if (!c->place.is_pointer && !c->place.is_path) {
        return false;
    }
    if (c->equals != NULL) {
        return is_text(node, c->equals);
    }
    if (c->in != NULL) {
        return is_in(node, c->in);
    }
    return c->asks_presence && there == c->present;
}

static bool hold(const struct rule *r, const struct conditions *all, const struct cm_json *object) {
    for (size_t i = 0; i < all->count; i++) {
        if (!condition_holds(r, &all->items[i], object)) {
            return false;
        }
    }
    return all->count > 0;
}

static bool is_for(const struct rule *r, const struct cm_json *object) {
    const char *version = text_of(object, "apiVersion");
    const char *kind = text_of(object, "kind");
    const char *slash = version == NULL ? NULL : strchr(version, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - version);

    return kind != NULL && strcmp(kind, r->kind) == 0 && strlen(r->group) == size &&
           (size == 0 || memcmp(r->group, version, size) == 0);
}

static bool is_unseen(const struct rule *r, const struct cm_json *object) {
    const struct cm_json *generation = cm_json_path(object, "metadata", "generation", NULL);

    return r->observed.text != NULL &&
           cm_json_int(find_open(r, &r->observed, object), -1) != cm_json_int(generation, 0);
}

static const char *say(struct cm_arena *a, const struct rule *r, const struct cm_json *object) {
    const char *text = scalar(find_open(r, &r->message, object));

    return text == NULL ? "" : cm_arena_strf(a, "%.*s", WHY_MAX, text);
}

enum part { DEGRADED, PROGRESSING, HEALTHY, PARTS };

static const struct conditions *part_of(const struct rule *r, enum part part) {
    const struct conditions *const parts[PARTS] = {
        [DEGRADED] = &r->degraded, [PROGRESSING] = &r->progressing, [HEALTHY] = &r->healthy};

    return parts[part];
}

// first_of returns the first rule for the object of which a part holds.
static const struct rule *first_of(const struct cm_rules *rules, enum part part,
                                   const struct cm_json *object) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->items[i];

        if (is_for(r, object) && hold(r, part_of(r, part), object)) {
            return r;
        }
    }
    return NULL;
}

// judge_rest: no rule says anything.
static enum cm_verdict judge_rest(const struct cm_rules *rules, struct cm_arena *a,
                                  const struct cm_json *object, const char **why) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->items[i];

        if (is_for(r, object) && r->healthy.items != NULL) {
            *why = say(a, r, object);
            return CM_VERDICT_PROGRESSING;
        }
    }
    return CM_VERDICT_NONE;
}

static bool any_unseen(const struct cm_rules *rules, const struct cm_json *object) {
    for (size_t i = 0; i < rules->count; i++) {
        if (is_for(&rules->items[i], object) && is_unseen(&rules->items[i], object)) {
            return true;
        }
    }
    return false;
}

enum cm_verdict cm_rules_judge(const struct cm_rules *rules, struct cm_arena *a,
                               const struct cm_json *object, const char **why) {
    static const enum cm_verdict verdicts[PARTS] = {[DEGRADED] = CM_VERDICT_DEGRADED,
                                                    [PROGRESSING] = CM_VERDICT_PROGRESSING,
                                                    [HEALTHY] = CM_VERDICT_HEALTHY};

    *why = "";
    if (any_unseen(rules, object)) {
        *why = "its controller has not seen the last change yet";
        return CM_VERDICT_PROGRESSING;
    }
    for (enum part part = DEGRADED; part < PARTS; part++) {
        const struct rule *r = first_of(rules, part, object);

        if (r != NULL) {
            *why = part == HEALTHY ? "" : say(a, r, object);
            return verdicts[part];
        }
    }
    return judge_rest(rules, a, object, why);
}
