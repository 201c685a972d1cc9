#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/api/openapi.h"
#include "hub/api/openapi_parts.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"
#include "hub/store/query_details.h"
#include "hub/store/query_lists.h"

// ---- Rows

static struct cm_json *choice(struct cm_arena *a, const char *(*word)(size_t i)) {
    struct cm_json *schema = hub_openapi_type(a, "string");
    struct cm_json *words = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; word(i) != NULL; i++) {
        hub_openapi_word(a, words, word(i));
    }
    cm_json_set(a, schema, "enum", words);
    return schema;
}

static const char *role_word(size_t i) {
    return i == 0 ? "read" : i == 1 ? "admin" : NULL;
}

static struct cm_json *map_of_texts(struct cm_arena *a) {
    struct cm_json *schema = hub_openapi_type(a, "object");

    cm_json_set(a, schema, "additionalProperties", hub_openapi_type(a, "string"));
    return schema;
}

static struct cm_json *column_type(struct cm_arena *a, enum hub_column_type type) {
    switch (type) {
    case HUB_COLUMN_INT:
    case HUB_COLUMN_COUNT:
    case HUB_COLUMN_TIME:
        return hub_openapi_type(a, "integer");
    case HUB_COLUMN_BOOL:
        return hub_openapi_type(a, "boolean");
    case HUB_COLUMN_LABELS:
        return map_of_texts(a);
    case HUB_COLUMN_NAMES:
        return hub_openapi_array(a, hub_openapi_type(a, "string"));
    case HUB_COLUMN_ROLE:
        return choice(a, role_word);
    case HUB_COLUMN_APPLIED:
        return choice(a, hub_applied_word);
    case HUB_COLUMN_HEALTH:
        return choice(a, hub_health_word);
    default:
        return hub_openapi_type(a, "string");
    }
}

static struct cm_json *column_schema(struct cm_arena *a, const struct hub_column *column) {
    struct cm_json *schema = column_type(a, column->type);
    const char *unit = column->type == HUB_COLUMN_TIME ? " Unix milliseconds, 0: none." : "";

    cm_json_set_string(a, schema, "description", cm_arena_strf(a, "%s%s", column->about, unit));
    return schema;
}

static void add_columns(struct cm_arena *a, struct cm_json *properties,
                        const struct hub_list *list) {
    for (size_t i = 0; i < list->column_count; i++) {
        cm_json_set(a, properties, list->columns[i].name, column_schema(a, &list->columns[i]));
    }
}

static struct cm_json *object_of(struct cm_arena *a, const char *about,
                                 struct cm_json *properties) {
    struct cm_json *schema = hub_openapi_type(a, "object");

    cm_json_set_string(a, schema, "description", about);
    cm_json_set(a, schema, "properties", properties);
    cm_json_set_bool(a, schema, "additionalProperties", false);
    return schema;
}

// No member of a row is certain: `fields` may leave it out.
static struct cm_json *row_schema(struct cm_arena *a, const struct hub_list *list) {
    struct cm_json *properties = cm_json_new(a, CM_OBJECT);

    add_columns(a, properties, list);
    return object_of(a, list->about, properties);
}

// ---- Details

static struct cm_json *revisions_schema(struct cm_arena *a) {
    static const struct hub_member members[] = {
        {"repository", HUB_MEMBER_TEXT, true, "The repository.", 0, 0, NULL, NULL},
        {"revision", HUB_MEMBER_TEXT, true, "The commit.", 0, 0, NULL, NULL},
        {"clusters", HUB_MEMBER_INT, true, "How many clusters should run it.", 0, 0, NULL, NULL},
        {NULL, HUB_MEMBER_TEXT, false, NULL, 0, 0, NULL, NULL},
    };

    return hub_openapi_array(a, hub_openapi_object(a, members));
}

static struct cm_json *causes_schema(struct cm_arena *a) {
    static const struct hub_member members[] = {
        {"pairs", HUB_MEMBER_INT, true, "On how many clusters, or of how many Apps on one.", 0, 0,
         NULL, NULL},
        {"state", HUB_MEMBER_TEXT, true, "\"failed\", or the health.", 0, 0, NULL, NULL},
        {"why", HUB_MEMBER_TEXT, true, "The cause, as it reads where it was met first.", 0, 0, NULL,
         NULL},
        {NULL, HUB_MEMBER_TEXT, false, NULL, 0, 0, NULL, NULL},
    };
    struct cm_json *schema = hub_openapi_object(a, members);
    struct cm_json *examples = hub_openapi_array(a, hub_openapi_type(a, "string"));

    cm_json_set_string(a, examples, "description", "Where, at most three.");
    cm_json_set(a, cm_json_get(schema, "properties"), "examples", examples);
    hub_openapi_word(a, cm_json_get(schema, "required"), "examples");
    return hub_openapi_array(a, schema);
}

static struct cm_json *part_type(struct cm_arena *a, const struct hub_detail_part *part) {
    switch (part->kind) {
    case HUB_PART_NAMES:
        return hub_openapi_array(a, hub_openapi_type(a, "string"));
    case HUB_PART_ROLLOUT:
        return hub_openapi_ref(a, "schemas", hub_list_find("rollout")->item);
    case HUB_PART_REVISIONS:
        return revisions_schema(a);
    case HUB_PART_CAUSES:
        return causes_schema(a);
    default:
        return hub_openapi_array(a, hub_openapi_ref(a, "schemas", hub_list_find(part->list)->item));
    }
}

static struct cm_json *detail_schema(struct cm_arena *a, const struct hub_detail *detail) {
    struct cm_json *properties = cm_json_new(a, CM_OBJECT);
    struct cm_json *required = cm_json_new(a, CM_ARRAY);

    add_columns(a, properties, hub_list_find(detail->list));
    for (const struct hub_detail_part *p = detail->parts; p->member != NULL; p++) {
        struct cm_json *schema = part_type(a, p);

        cm_json_set_string(a, schema, "description", p->about);
        cm_json_set(a, properties, p->member, schema);
    }
    for (const struct cm_json *at = properties->first; at != NULL; at = at->next) {
        hub_openapi_word(a, required, at->key);
    }
    struct cm_json *schema = object_of(a, detail->about, properties);
    cm_json_set(a, schema, "required", required);
    return schema;
}

// ---- Problems

static struct cm_json *problem_schema(struct cm_arena *a) {
    static const struct hub_member members[] = {
        {"type", HUB_MEMBER_TEXT, true, "A URN for the kind of problem.", 0, 0, NULL,
         "^urn:holdfast:problem:[a-z-]+$"},
        {"title", HUB_MEMBER_TEXT, true, "The kind in words.", 0, 0, NULL, NULL},
        {"status", HUB_MEMBER_INT, true, "The status of the answer.", 0, 0, NULL, NULL},
        {"detail", HUB_MEMBER_TEXT, true, "What is wrong, and what to do.", 0, 0, NULL, NULL},
        {"instance", HUB_MEMBER_TEXT, true, "The request; its number is in the hub's log.", 0, 0,
         NULL, "^urn:holdfast:request:[0-9]+$"},
        {"field", HUB_MEMBER_TEXT, false, "The parameter or member that is wrong.", 0, 0, NULL,
         NULL},
        {NULL, HUB_MEMBER_TEXT, false, NULL, 0, 0, NULL, NULL},
    };

    return hub_openapi_object(a, members);
}

// ---- All

struct cm_json *hub_openapi_schemas(struct cm_arena *a) {
    struct cm_json *schemas = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; hub_route_at(i) != NULL; i++) {
        const struct hub_route *route = hub_route_at(i);
        const struct hub_list *list = route->list == NULL ? NULL : hub_list_find(route->list);
        const struct hub_detail *detail =
            route->detail == NULL ? NULL : hub_detail_find(route->detail);

        if (list != NULL) {
            cm_json_set(a, schemas, list->item,
                        route->answer == NULL ? row_schema(a, list)
                                              : hub_openapi_object(a, route->answer));
        }
        if (detail != NULL) {
            cm_json_set(a, schemas, detail->item, detail_schema(a, detail));
        }
    }
    cm_json_set(a, schemas, "Problem", problem_schema(a));
    return schemas;
}
