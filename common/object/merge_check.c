#include "common/object/merge_check.h"

#include "common/json.h"
#include "common/object/directive.h"
#include "common/object/listkeys.h"

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
    return CM_OK;
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
