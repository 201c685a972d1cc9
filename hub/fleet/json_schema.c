#include "hub/fleet/json_schema.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define NAME_PATTERN "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
#define PART_PATTERN "(?!\\.{1,2}(/|$))[^/\001-\037\177]+"
#define BELOW_PATTERN "^" PART_PATTERN "(/" PART_PATTERN ")*$"
#define PATH_PATTERN "^(\\.|" PART_PATTERN "(/" PART_PATTERN ")*)$"
#define VALUE_PATTERN "^[A-Za-z_][A-Za-z0-9_-]*$"
#define VARIABLE_MAX 253 // HUB_VARIABLE_MAX

static struct cm_json *object(struct cm_arena *a) {
    return cm_json_new(a, CM_OBJECT);
}

// typed returns the schema of a type.
static struct cm_json *typed(struct cm_arena *a, const char *type) {
    struct cm_json *schema = object(a);

    cm_json_set_string(a, schema, "type", type);
    return schema;
}

static struct cm_json *text(struct cm_arena *a, const char *pattern, size_t max) {
    struct cm_json *schema = typed(a, "string");

    cm_json_set_string(a, schema, "pattern", pattern);
    if (max > 0) {
        cm_json_set_int(a, schema, "maxLength", (int64_t)max);
    }
    return schema;
}

static struct cm_json *list_of(struct cm_arena *a, const char *const *words) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (; *words != NULL; words++) {
        cm_json_append(list, cm_json_new_string(a, *words));
    }
    return list;
}

// ---- Rules

static struct cm_json *requires(struct cm_arena *a, const char *name) {
    struct cm_json *schema = object(a);
    const char *const names[] = {name, NULL};

    cm_json_set(a, schema, "required", list_of(a, names));
    return schema;
}

static struct cm_json *consequence(struct cm_arena *a, const struct hub_rule *rule) {
    struct cm_json *schema = object(a);
    struct cm_json *ways = cm_json_new(a, CM_ARRAY);

    for (const char *const *name = rule->names; *name != NULL; name++) {
        cm_json_append(ways, requires(a, *name));
    }
    if (rule->type == HUB_RULE_NONE) {
        struct cm_json *any = object(a);

        cm_json_set(a, any, "anyOf", ways);
        cm_json_set(a, schema, "not", any);
    } else {
        cm_json_set(a, schema, rule->type == HUB_RULE_ONE ? "oneOf" : "anyOf", ways);
    }
    return schema;
}

static struct cm_json *condition(struct cm_arena *a, const struct hub_rule *rule) {
    struct cm_json *schema = requires(a, rule->when);

    if (rule->words != NULL) {
        struct cm_json *properties = object(a);
        struct cm_json *words = object(a);

        cm_json_set(a, words, "enum", list_of(a, rule->words));
        cm_json_set(a, properties, rule->when, words);
        cm_json_set(a, schema, "properties", properties);
    }
    return schema;
}

static void add_rules(struct cm_arena *a, const struct hub_rule *rules, struct cm_json *schema) {
    struct cm_json *all = cm_json_new(a, CM_ARRAY);

    for (const struct hub_rule *rule = rules; rule->names != NULL; rule++) {
        struct cm_json *one = consequence(a, rule);

        if (rule->when != NULL) {
            struct cm_json *implied = object(a);

            cm_json_set(a, implied, "if", condition(a, rule));
            cm_json_set(a, implied, "then", one);
            one = implied;
        }
        cm_json_append(all, one);
    }
    cm_json_set(a, schema, "allOf", all);
}

// ---- Fields

static struct cm_json *schema_of(struct cm_arena *a, const struct hub_field *field);

static struct cm_json *fields_of(struct cm_arena *a, const struct hub_field *of) {
    struct cm_json *schema = typed(a, "object");
    struct cm_json *properties = object(a);
    struct cm_json *required = cm_json_new(a, CM_ARRAY);

    for (const struct hub_field *field = of->fields; field->name != NULL; field++) {
        if (field->type == HUB_FIELD_REFUSED) {
            continue;
        }
        cm_json_set(a, properties, field->name, schema_of(a, field));
        if (field->required) {
            cm_json_append(required, cm_json_new_string(a, field->name));
        }
    }
    cm_json_set(a, schema, "properties", properties);
    cm_json_set_bool(a, schema, "additionalProperties", false);
    if (required->count > 0) {
        cm_json_set(a, schema, "required", required);
    }
    if (of->rules != NULL) {
        add_rules(a, of->rules, schema);
    }
    return schema;
}

static struct cm_json *choice_of(struct cm_arena *a, const struct hub_field *field) {
    struct cm_json *schema = object(a);
    struct cm_json *words = list_of(a, field->choices);

    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, "off") == 0) { // what it is to YAML 1.1 without quotes
            cm_json_append(words, cm_json_new_bool(a, false));
        }
    }
    cm_json_set(a, schema, "enum", words);
    return schema;
}

static struct cm_json *map_of(struct cm_arena *a, const struct hub_field *field) {
    struct cm_json *schema = typed(a, "object");
    struct cm_json *names = object(a);
    struct cm_json *values = typed(a, "string");

    cm_json_set_int(a, names, "minLength", 1);
    if (field->type != HUB_FIELD_TEXTS) {
        cm_json_set_int(a, names, "maxLength", HUB_LABEL_NAME_MAX);
        cm_json_set_int(a, values, "maxLength", HUB_LABEL_VALUE_MAX);
    }
    cm_json_set_string(a, names, "pattern", field->names != NULL ? field->names->pattern : NULL);
    cm_json_set_string(a, values, "pattern", field->form != NULL ? field->form->pattern : NULL);
    cm_json_set(a, schema, "propertyNames", names);
    cm_json_set(a, schema, "additionalProperties", values);
    return schema;
}

static struct cm_json *value_reference(struct cm_arena *a) {
    struct cm_json *schema = object(a);

    cm_json_set_string(a, schema, "$ref", "#/$defs/value");
    return schema;
}

static struct cm_json *values_of(struct cm_arena *a) {
    struct cm_json *schema = typed(a, "object");
    struct cm_json *names = text(a, VALUE_PATTERN, VARIABLE_MAX);
    struct cm_json *taken = object(a);

    cm_json_set_string(a, taken, "const", "cluster");
    cm_json_set(a, names, "not", taken);
    cm_json_set(a, schema, "propertyNames", names);
    cm_json_set(a, schema, "additionalProperties", value_reference(a));
    return schema;
}

static struct cm_json *string_of(struct cm_arena *a, const struct hub_field *field) {
    return field->form != NULL ? text(a, field->form->pattern, 0) : typed(a, "string");
}

static struct cm_json *array_of(struct cm_arena *a, const struct hub_field *field,
                                struct cm_json *items) {
    struct cm_json *schema = typed(a, "array");

    cm_json_set(a, schema, "items", items);
    if (field->min > 0) {
        cm_json_set_int(a, schema, "minItems", (int64_t)field->min);
    }
    if (field->max > 0) {
        cm_json_set_int(a, schema, "maxItems", (int64_t)field->max);
    }
    return schema;
}

static struct cm_json *true_only(struct cm_arena *a) {
    struct cm_json *schema = object(a);

    cm_json_set_bool(a, schema, "const", true);
    return schema;
}

static struct cm_json *bare_schema_of(struct cm_arena *a, const struct hub_field *field) {
    switch (field->type) {
    case HUB_FIELD_STRING:
        return string_of(a, field);
    case HUB_FIELD_NAME:
        return text(a, NAME_PATTERN, HUB_NAME_MAX);
    case HUB_FIELD_PATH:
        return text(a, PATH_PATTERN, HUB_PATH_MAX);
    case HUB_FIELD_BELOW:
        return text(a, BELOW_PATTERN, HUB_PATH_MAX);
    case HUB_FIELD_BOOL:
        return typed(a, "boolean");
    case HUB_FIELD_TRUE:
        return true_only(a);
    case HUB_FIELD_CHOICE:
        return choice_of(a, field);
    case HUB_FIELD_LABELS:
    case HUB_FIELD_TEXTS:
        return map_of(a, field);
    case HUB_FIELD_VALUES:
        return values_of(a);
    case HUB_FIELD_OBJECT:
        return fields_of(a, field);
    case HUB_FIELD_OBJECTS:
        return array_of(a, field, fields_of(a, field));
    case HUB_FIELD_TREE:
        return typed(a, "object");
    case HUB_FIELD_NAMES:
        return array_of(a, field, text(a, NAME_PATTERN, HUB_NAME_MAX));
    case HUB_FIELD_STRINGS:
        return array_of(a, field, string_of(a, field));
    case HUB_FIELD_ANY:
    case HUB_FIELD_REFUSED:
        break;
    }
    return object(a);
}

static struct cm_json *schema_of(struct cm_arena *a, const struct hub_field *field) {
    struct cm_json *schema = bare_schema_of(a, field);

    cm_json_set_string(a, schema, "description", field->doc);
    if (field->otherwise != NULL && field->type == HUB_FIELD_BOOL) {
        cm_json_set_bool(a, schema, "default", strcmp(field->otherwise, "true") == 0);
    } else {
        cm_json_set_string(a, schema, "default", field->otherwise);
    }
    return schema;
}

// ---- A kind

// value_schema is that of anything but null, at any depth.
static struct cm_json *value_schema(struct cm_arena *a) {
    static const char *const types[] = {"string", "number", "boolean", "object", "array", NULL};
    struct cm_json *schema = object(a);

    cm_json_set(a, schema, "type", list_of(a, types));
    cm_json_set(a, schema, "items", value_reference(a));
    cm_json_set(a, schema, "additionalProperties", value_reference(a));
    return schema;
}

static void set_const(struct cm_arena *a, struct cm_json *schema, const char *name,
                      const char *value) {
    struct cm_json *field = cm_json_path(schema, "properties", name, NULL);

    (void)cm_json_remove(field, "type");
    cm_json_set_string(a, field, "const", value);
}

void hub_json_schema_write(enum hub_kind kind, struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_kind_table *table = &hub_kind_tables[kind];
    const struct hub_field whole = {.fields = table->fields};
    struct cm_json *schema = fields_of(a, &whole);
    struct cm_json *defs = object(a);

    cm_json_set_string(a, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cm_json_set_string(a, schema, "title", table->name);
    cm_json_set_string(a, schema, "description", table->doc);
    set_const(a, schema, "apiVersion", HUB_API_VERSION);
    set_const(a, schema, "kind", table->name);
    cm_json_set(a, defs, "value", value_schema(a));
    cm_json_set(a, schema, "$defs", defs);
    cm_json_write_canonical(schema, out);
}
