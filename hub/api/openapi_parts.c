#include "hub/api/openapi_parts.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/routes.h"
#include "hub/store/query_lists.h"
#include "hub/store/query_page.h"

#define REVISION "^[0-9a-f]{7,64}$"

// Exactly what common/selector.h reads. A name has an optional domain, a value may be empty.
#define LABEL "[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
#define KEY "([A-Za-z0-9]([-.A-Za-z0-9]{0,251}[A-Za-z0-9])?/)?" LABEL
#define VALUE "(" LABEL ")?"
#define TERM                                                                                       \
    " *(! *" KEY "|" KEY "( *(==?|!=) *" VALUE ")?|" KEY " +(in|notin) *\\( *" VALUE               \
    "( *, *" VALUE "){0,63} *\\)) *"
#define SELECTOR "^" TERM "(," TERM "){0,63}$"

struct cm_json *hub_openapi_type(struct cm_arena *a, const char *type) {
    struct cm_json *schema = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, schema, "type", type);
    return schema;
}

struct cm_json *hub_openapi_ref(struct cm_arena *a, const char *kind, const char *name) {
    struct cm_json *ref = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, ref, "$ref", cm_arena_strf(a, "#/components/%s/%s", kind, name));
    return ref;
}

struct cm_json *hub_openapi_array(struct cm_arena *a, struct cm_json *items) {
    struct cm_json *schema = hub_openapi_type(a, "array");

    cm_json_set(a, schema, "items", items);
    return schema;
}

void hub_openapi_word(struct cm_arena *a, struct cm_json *array, const char *word) {
    cm_json_append(array, cm_json_new_string(a, word));
}

static struct cm_json *text_like(struct cm_arena *a, const char *pattern, int64_t max) {
    struct cm_json *schema = hub_openapi_type(a, "string");

    cm_json_set_string(a, schema, "pattern", pattern);
    if (max > 0) {
        cm_json_set_int(a, schema, "maxLength", max);
    }
    return schema;
}

// ---- Members of bodies and answers

static void add_choices(struct cm_arena *a, struct cm_json *schema, const char *choices) {
    struct cm_json *words = cm_json_new(a, CM_ARRAY);
    char *rest = cm_arena_strdup(a, choices);
    char *word;

    while ((word = strsep(&rest, " ")) != NULL) {
        hub_openapi_word(a, words, word);
    }
    cm_json_set(a, schema, "enum", words);
}

static void add_limits(struct cm_arena *a, struct cm_json *schema, const struct hub_member *m) {
    bool text = m->type == HUB_MEMBER_TEXT;

    if (m->max > 0) {
        cm_json_set_int(a, schema, text ? "minLength" : "minimum", m->min);
        cm_json_set_int(a, schema, text ? "maxLength" : "maximum", m->max);
    }
    if (m->choices != NULL) {
        add_choices(a, schema, m->choices);
    }
    cm_json_set_string(a, schema, "pattern", m->pattern);
    cm_json_set_string(a, schema, "description", m->about);
}

static void add_items(struct cm_arena *a, struct cm_json *schema, const struct hub_member *m) {
    bool texts = m->type == HUB_MEMBER_TEXTS;
    struct cm_json *items = hub_openapi_type(a, texts ? "string" : "object");

    if (texts && m->pattern != NULL) {
        cm_json_set_string(a, items, "pattern", m->pattern);
    }
    cm_json_set(a, schema, "items", items);
    if (m->max > 0) {
        cm_json_set_int(a, schema, "maxItems", m->max);
    }
    cm_json_set_string(a, schema, "description", m->about);
}

struct cm_json *hub_openapi_member(struct cm_arena *a, const struct hub_member *m) {
    static const char *const types[] = {
        [HUB_MEMBER_TEXT] = "string",   [HUB_MEMBER_INT] = "integer",
        [HUB_MEMBER_BOOL] = "boolean",  [HUB_MEMBER_TEXTS] = "array",
        [HUB_MEMBER_OBJECT] = "object", [HUB_MEMBER_OBJECTS] = "array",
    };
    struct cm_json *schema = hub_openapi_type(a, types[m->type]);

    if (m->type == HUB_MEMBER_TEXTS || m->type == HUB_MEMBER_OBJECTS) {
        add_items(a, schema, m);
    } else {
        add_limits(a, schema, m);
    }
    return schema;
}

struct cm_json *hub_openapi_object(struct cm_arena *a, const struct hub_member *members) {
    struct cm_json *schema = hub_openapi_type(a, "object");
    struct cm_json *properties = cm_json_new(a, CM_OBJECT);
    struct cm_json *required = cm_json_new(a, CM_ARRAY);

    for (const struct hub_member *m = members; m->name != NULL; m++) {
        cm_json_set(a, properties, m->name, hub_openapi_member(a, m));
        if (m->required) {
            hub_openapi_word(a, required, m->name);
        }
    }
    cm_json_set(a, schema, "properties", properties);
    cm_json_set_bool(a, schema, "additionalProperties", false);
    if (required->count > 0) {
        cm_json_set(a, schema, "required", required);
    }
    return schema;
}

// ---- Parameters of lists

static struct cm_json *choice_of_states(struct cm_arena *a) {
    struct cm_json *schema = hub_openapi_type(a, "string");
    struct cm_json *words = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; hub_state_name(i) != NULL; i++) {
        hub_openapi_word(a, words, hub_state_name(i));
    }
    cm_json_set(a, schema, "enum", words);
    return schema;
}

struct cm_json *hub_openapi_filter(struct cm_arena *a, const struct hub_filter *f) {
    struct cm_json *schema = NULL;

    switch (f->kind) {
    case HUB_FILTER_NUMBER:
        schema = hub_openapi_type(a, "integer");
        cm_json_set_int(a, schema, "minimum", 0);
        cm_json_set_int(a, schema, "maximum", 999999999999999999);
        return schema;
    case HUB_FILTER_BOOL:
        return hub_openapi_type(a, "boolean");
    case HUB_FILTER_ROLE:
        schema = hub_openapi_type(a, "string");
        add_choices(a, schema, "read admin");
        return schema;
    case HUB_FILTER_SELECTOR:
        return text_like(a, SELECTOR, 4096);
    case HUB_FILTER_STATE:
        return choice_of_states(a);
    case HUB_FILTER_REVISION:
        return text_like(a, REVISION, 0);
    default:
        return text_like(a, HUB_OPENAPI_PLAIN, 0);
    }
}

// "(a|b|c)", of the members by which rows can be sorted, or of all.
static void add_names(struct cm_str *out, const struct hub_list *list, bool sorts) {
    const char *between = "(";

    for (size_t i = 0; i < list->column_count; i++) {
        if (!sorts || hub_column_sorts(list->columns[i].type)) {
            cm_str_addf(out, "%s%s", between, list->columns[i].name);
            between = "|";
        }
    }
    cm_str_add_char(out, ')');
}

struct cm_json *hub_openapi_sort(struct cm_arena *a, const struct hub_list *list) {
    CM_CLEANUP(cm_str_done) struct cm_str pattern = {0};

    cm_str_add(&pattern, "^-?");
    add_names(&pattern, list, true);
    cm_str_add(&pattern, "(,-?");
    add_names(&pattern, list, true);
    cm_str_addf(&pattern, "){0,%zu}$", HUB_PAGE_SORTS_MAX - list->key_count - 1);
    return text_like(a, cm_str_get(&pattern), 0);
}

struct cm_json *hub_openapi_fields(struct cm_arena *a, const struct hub_list *list) {
    CM_CLEANUP(cm_str_done) struct cm_str pattern = {0};

    cm_str_add(&pattern, "^");
    add_names(&pattern, list, false);
    cm_str_add(&pattern, "(,");
    add_names(&pattern, list, false);
    cm_str_add(&pattern, ")*$");
    return text_like(a, cm_str_get(&pattern), 0);
}
