// rules.c: which fields a rule of ignoreDifferences is about.
//
// The agent knows exactly, for it has the object as it is in the cluster. Here a place in a list
// may be any entry: where it is not sure, nothing is captured.
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "hub/capture/internal.h"
#include "hub/render/bundle.h"

static bool may_be_same(const struct cm_segment *rule, const struct cm_segment *field) {
    if (field->type != CM_SEGMENT_MEMBER || rule->type != CM_SEGMENT_MEMBER) {
        return true;
    }
    return strcmp(rule->name, field->name) == 0;
}

// may_cover tells whether a rule's field may be this one, or what it is in.
static bool may_cover(struct cm_arena *a, const char *rule, const char *field) {
    struct cm_path upper;
    struct cm_path path;

    if (!cm_field_parse(a, rule, &upper) || !cm_field_parse(a, field, &path)) {
        return true;
    }
    for (size_t i = 0; i < upper.count && i < path.count; i++) {
        if (!may_be_same(&upper.segments[i], &path.segments[i])) {
            return false;
        }
    }
    return true;
}

static bool names_field(struct cm_arena *a, const struct hub_drift_rule *rule, const char *field) {
    for (size_t i = 0; i < rule->field_count; i++) {
        if (may_cover(a, rule->fields[i], field)) {
            return true;
        }
    }
    return rule->field_count == 0;
}

static bool names_manager(const struct hub_drift_rule *rule, const char *manager) {
    for (size_t i = 0; i < rule->manager_count; i++) {
        if (strcmp(rule->managers[i], manager) == 0) {
            return true;
        }
    }
    return rule->manager_count == 0;
}

// says_so: the first rule that may be about a field counts, else the App's `drift`.
static bool says_so(struct cm_arena *a, const struct hub_drift_list *list,
                    const struct hub_capture_field *field, bool otherwise) {
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct hub_drift_rule *rule = &list->rules[i];

        if (names_field(a, rule, field->path) && names_manager(rule, field->manager)) {
            return rule->capture;
        }
    }
    return otherwise;
}

bool capture_is_wanted(const struct capture_tip *t, const struct hub_capture *what,
                       bool otherwise) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_bundle *bundle = NULL;
    const struct hub_object *object = capture_tip_object(t, what, &bundle);
    const struct hub_drift_list *list = object == NULL || object->drift_list == 0
                                            ? NULL
                                            : &bundle->spec.drift_lists[object->drift_list - 1];

    for (size_t k = 0; k < what->field_count; k++) {
        if (!says_so(a, list, &what->fields[k], otherwise)) {
            return false;
        }
    }
    return true;
}
