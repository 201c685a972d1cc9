#include "common/object/merge_check.h"

#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/directive.h"
#include "common/object/listkeys.h"
#include "common/str.h"

struct checking {
    bool strategic;
    const struct cm_json *wrong;
};

const struct cm_list_rule *cm_merge_rule(bool strategic, struct cm_place place) {
    static const struct cm_list_rule atomic = {.type = CM_LIST_ATOMIC};

    return strategic && (place.flags & CM_FIELD_REPLACED) == 0 ? cm_schema_rule(place) : &atomic;
}

static enum cm_rc check(struct checking *c, const struct cm_json *patch, struct cm_place place,
                        struct cm_err *err);

static enum cm_rc check_entry(struct checking *c, const struct cm_list_rule *rule,
                              const struct cm_json *list, const struct cm_json *entry,
                              struct cm_err *err) {
    if (cm_directive_alone(entry)) {
        c->wrong = entry->first;
        return cm_directive_check(entry->first, err);
    }
    if (entry->type != CM_OBJECT) {
        return CM_OK;
    }
    c->wrong = entry;
    if (rule->type == CM_LIST_MAP) {
        const struct cm_json *key = cm_json_get(entry, rule->keys[0]);

        if (key != NULL && key->type != CM_NULL) {
            return CM_OK;
        }
        return cm_fail(err, CM_EINVAL,
                       "an entry of '%.100s' has no '%s', by which entries are found: add it",
                       list->key, rule->keys[0]);
    }
    if (cm_json_get(entry, CM_DIRECTIVE_PATCH) != NULL) {
        return cm_fail(
            err, CM_EINVAL,
            "'%.100s' is replaced as a whole, so its entries cannot have '$patch': write "
            "all of the list, or use a jsonPatch",
            list->key != NULL ? list->key : "the list");
    }
    return CM_OK;
}

// name_entry writes what an entry is found by.
static void name_entry(const struct cm_list_rule *rule, const struct cm_json *entry,
                       struct cm_str *out) {
    cm_str_clear(out);
    for (size_t i = 0; rule->keys[i] != NULL; i++) {
        const struct cm_json *key = cm_json_get(entry, rule->keys[i]);

        if (key == NULL || key->type == CM_NULL) {
            cm_str_addf(out, "\"%s\"", rule->defaults[i] != NULL ? rule->defaults[i] : "");
        } else {
            cm_json_write_compact(key, out);
        }
    }
}

// check_twice refuses two entries that are found by the same: each would become one of its own.
static enum cm_rc check_twice(struct checking *c, const struct cm_list_rule *rule,
                              const struct cm_json *list, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str name = {0};
    CM_CLEANUP(cm_map_freep) struct cm_map *seen = cm_map_new(NULL);

    for (const struct cm_json *entry = list->first; entry != NULL; entry = entry->next) {
        if (entry->type != CM_OBJECT || cm_directive_alone(entry)) {
            continue;
        }
        name_entry(rule, entry, &name);
        if (cm_map_get(seen, cm_str_get(&name)) != NULL) {
            c->wrong = entry;
            return cm_fail(err, CM_EINVAL,
                           "'%.100s' has two entries with this '%s': make one of them", list->key,
                           rule->keys[0]);
        }
        cm_map_put(seen, cm_str_get(&name), c);
    }
    return CM_OK;
}

static enum cm_rc check_list(struct checking *c, const struct cm_json *list, struct cm_place place,
                             struct cm_err *err) {
    const struct cm_list_rule *rule = cm_merge_rule(c->strategic, place);

    for (const struct cm_json *entry = list->first; entry != NULL; entry = entry->next) {
        enum cm_rc rc = check_entry(c, rule, list, entry, err);

        if (rc == CM_OK && rule->type == CM_LIST_MAP) {
            rc = check(c, entry, cm_schema_element(place), err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return rule->type == CM_LIST_MAP && list->count > 1 ? check_twice(c, rule, list, err) : CM_OK;
}

// The recursion is as deep as the patch, which its reader has limited.
static enum cm_rc check( // NOLINT(misc-no-recursion)
    struct checking *c, const struct cm_json *patch, struct cm_place place, struct cm_err *err) {
    if (patch->type == CM_ARRAY) {
        return check_list(c, patch, place, err);
    }
    if (patch->type != CM_OBJECT) {
        return CM_OK;
    }
    for (const struct cm_json *n = patch->first; n != NULL; n = n->next) {
        c->wrong = n;
        enum cm_rc rc = cm_directive_check(n, err);
        if (rc == CM_OK) {
            rc = check(c, n, cm_schema_member(place, n->key), err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

enum cm_rc cm_merge_check(const struct cm_json *patch, struct cm_place root, bool strategic,
                          const struct cm_json **wrong, struct cm_err *err) {
    struct checking c = {.strategic = strategic, .wrong = patch};
    enum cm_rc rc = check(&c, patch, root, err);

    *wrong = rc < 0 ? c.wrong : *wrong;
    return rc;
}
