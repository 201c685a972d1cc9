#include "hub/render/tolerate.h"

#include <fnmatch.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/spare.h"
#include "common/str.h"
#include "hub/render/source.h"

enum { SHARED = 100 }; // lists that are looked through for the same one

#define ANNOTATION "holdfast.dev/ignore-differences"

static const char spaces[] = " \t\r\n";

static const struct cm_json *annotation_of(const struct cm_json *object) {
    return cm_json_get(cm_json_path(object, "metadata", "annotations", NULL), ANNOTATION);
}

// next_word takes the next word of a text; NULL: there is none.
static const char *next_word(struct cm_arena *a, const char **text) {
    const char *from = *text + strspn(*text, spaces);
    size_t len = strcspn(from, spaces);

    *text = from + len;
    return len == 0 ? NULL : cm_arena_strndup(a, from, len);
}

// check tells what is wrong with the annotation's text, if anything is.
static bool check(const char *text, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    size_t count = 0;

    for (const char *word; (word = next_word(a, &text)) != NULL; count++) {
        if (strlen(word) > HUB_DRIFT_TEXT_MAX || count == HUB_DRIFT_TEXTS_MAX) {
            (void)cm_fail(err, CM_EINVAL, "has more than %d pointers, or one of more than %d bytes",
                          HUB_DRIFT_TEXTS_MAX, HUB_DRIFT_TEXT_MAX);
            return false;
        }
        if (cm_spare_field_check(word, err) < 0) {
            return false;
        }
    }
    if (count == 0) {
        (void)cm_fail(err, CM_EINVAL, "names no field: write JSON pointers such as /spec/replicas");
    }
    return count > 0;
}

bool hub_tolerate_read(const struct hub_template *t, const struct cm_json *object, char **out,
                       struct hub_diags *diags) {
    const struct cm_json *node = annotation_of(object);
    const char *text = cm_json_string(node);
    struct cm_err err;

    *out = NULL;
    if (node == NULL) {
        return true;
    }
    if (check(text == NULL ? "" : text, &err)) {
        *out = cm_strdup(text);
        return true;
    }
    const struct cm_json *at = annotation_of(t->object);
    at = at != NULL ? at : t->object;
    hub_diags_add(diags, hub_template_path(t, at), at->line, at->column,
                  "the annotation " ANNOTATION ": %s", err.msg);
    return false;
}

static bool fits(const char *pattern, const char *text) {
    return pattern == NULL || fnmatch(pattern, text, 0) == 0;
}

static bool is_about(const struct hub_tolerance *t, const struct cm_object_id *id,
                     const char *namespace) {
    bool open =
        id->namespace[0] == '\0' && cm_object_scope(id->group, id->kind) != CM_SCOPE_CLUSTER;

    return fits(t->group, id->group) && fits(t->kind, id->kind) && fits(t->name, id->name) &&
           fits(t->namespace, open ? namespace : id->namespace);
}

// ignoring is the rule that an annotation stands for.
static struct hub_drift_rule ignoring(struct cm_arena *a, const char *text) {
    const char **fields = cm_arena_get(a, HUB_DRIFT_TEXTS_MAX * sizeof(*fields));
    struct hub_drift_rule rule = {.fields = fields, .drift = HUB_DRIFT_OFF};

    for (const char *word; (word = next_word(a, &text)) != NULL;) {
        fields[rule.field_count++] = word;
    }
    return rule;
}

// owner_of is the key of the object that must exist for a rule about an object to hold.
static const char *owner_of(struct cm_arena *a, const struct hub_owner *o,
                            const struct cm_object_id *object) {
    struct cm_object_id id = {.group = o->group,
                              .version = "",
                              .kind = o->kind,
                              .namespace = o->namespace == NULL ? object->namespace : o->namespace,
                              .name = o->name == NULL ? object->name : o->name};

    if (o->kind == NULL) {
        return NULL;
    }
    if (cm_object_scope(id.group, id.kind) == CM_SCOPE_CLUSTER) {
        id.namespace = "";
    }
    return cm_object_key(a, &id);
}

static bool same_owner(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_texts(const char *const *a, size_t a_count, const char *const *b, size_t b_count) {
    bool same = a_count == b_count;

    for (size_t i = 0; same && i < a_count; i++) {
        same = strcmp(a[i], b[i]) == 0;
    }
    return same;
}

static bool same_rule(const struct hub_drift_rule *a, const struct hub_drift_rule *b) {
    return a->drift == b->drift && a->capture == b->capture && same_owner(a->owner, b->owner) &&
           same_texts(a->fields, a->field_count, b->fields, b->field_count) &&
           same_texts(a->managers, a->manager_count, b->managers, b->manager_count);
}

static bool same_list(const struct hub_drift_list *a, const struct hub_drift_list *b) {
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        same = same_rule(&a->rules[i], &b->rules[i]);
    }
    return same;
}

static void add_list(struct cm_arena *a, struct hub_tolerating *t,
                     const struct hub_drift_list *list) {
    if (t->out_count == t->capacity) {
        struct hub_drift_list *more;

        t->capacity = t->capacity == 0 ? 4 : t->capacity * 2;
        more = cm_arena_get(a, t->capacity * sizeof(*more));
        if (t->out_count > 0) {
            memcpy(more, t->out, t->out_count * sizeof(*more));
        }
        t->out = more;
    }
    t->out[t->out_count++] = *list;
}

// share finds the list among those that were made last, or adds it.
static unsigned share(struct cm_arena *a, struct hub_tolerating *t,
                      const struct hub_drift_list *list) {
    size_t oldest = t->out_count > SHARED ? t->out_count - SHARED : 0;

    for (size_t i = oldest; i < t->out_count; i++) {
        if (same_list(&t->out[i], list)) {
            return (unsigned)i + 1;
        }
    }
    add_list(a, t, list);
    return (unsigned)t->out_count;
}

unsigned hub_tolerate(struct cm_arena *a, struct hub_tolerating *t, const char *key,
                      const char *ignored) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    struct cm_object_id id;

    if ((t->count == 0 && ignored == NULL) || !cm_object_key_parse(scratch, key, &id)) {
        return 0;
    }
    struct hub_drift_rule *rules = cm_arena_get(a, (t->count + 1) * sizeof(*rules));
    struct hub_drift_list list = {.rules = rules};
    if (ignored != NULL) {
        rules[list.count++] = ignoring(a, ignored);
    }
    for (size_t i = 0; i < t->count; i++) {
        if (is_about(&t->rules[i], &id, t->namespace)) {
            rules[list.count] = t->rules[i].rule;
            rules[list.count++].owner = owner_of(a, &t->rules[i].owner, &id);
        }
    }
    return list.count == 0 ? 0 : share(a, t, &list);
}
