#include "common/object/directive.h"

#include <string.h>

#include "common/json.h"
#include "common/str.h"

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool cm_directive_is(const char *name) {
    return name[0] == '$' &&
           (strcmp(name, CM_DIRECTIVE_PATCH) == 0 || strcmp(name, CM_DIRECTIVE_RETAIN) == 0);
}

static enum cm_rc check_retained(const struct cm_json *names, struct cm_err *err) {
    bool ok = names->type == CM_ARRAY;

    for (const struct cm_json *n = ok ? names->first : NULL; n != NULL; n = n->next) {
        ok = ok && n->type == CM_STRING;
    }
    return ok ? CM_OK
              : cm_fail(err, CM_EINVAL, "'$retainKeys' must be a list of the members that stay");
}

// is_field tells names that begin with a dollar and are no directives: variables, and those of JSON
// Schema, which definitions hold.
static bool is_field(const char *name) {
    static const char *const fields[] = {"$ref", "$schema", "$id", "$defs", "$anchor", "$comment"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(name, fields[i]) == 0) {
            return true;
        }
    }
    return name[1] == '{' || name[1] == '$';
}

static enum cm_rc fail_unknown(const char *name, struct cm_err *err) {
    static const char *const directives[] = {CM_DIRECTIVE_PATCH, CM_DIRECTIVE_RETAIN};
    const char *near = cm_str_nearest(name, directives, sizeof(directives) / sizeof(directives[0]));

    return near != NULL ? cm_fail(err, CM_EINVAL, "unknown directive '%.100s': did you mean '%s'?",
                                  name, near)
                        : cm_fail(err, CM_EINVAL,
                                  "unknown directive '%.100s': write '$patch' or '$retainKeys', or "
                                  "use a jsonPatch for a member of this name",
                                  name);
}

enum cm_rc cm_directive_check(const struct cm_json *member, struct cm_err *err) {
    const char *name = member->key;
    const char *word = cm_json_string(member);

    if (name[0] != '$') {
        return CM_OK;
    }
    if (strcmp(name, CM_DIRECTIVE_RETAIN) == 0) {
        return check_retained(member, err);
    }
    if (begins_with(name, "$setElementOrder/") || begins_with(name, "$deleteFromPrimitiveList/")) {
        return cm_fail(err, CM_EINVAL,
                       "'%.100s' is not supported: use a jsonPatch to order a list or to remove "
                       "from it",
                       name);
    }
    if (strcmp(name, CM_DIRECTIVE_PATCH) != 0) {
        return is_field(name) ? CM_OK : fail_unknown(name, err);
    }
    if (word != NULL && (strcmp(word, "delete") == 0 || strcmp(word, "replace") == 0 ||
                         strcmp(word, "merge") == 0)) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "'$patch' is 'delete', 'replace' or 'merge'%s%.100s%s",
                   word != NULL ? ", not '" : "", word != NULL ? word : "",
                   word != NULL ? "'" : "");
}

enum cm_directive cm_directive_of(const struct cm_json *map) {
    const char *word = cm_json_string(cm_json_get(map, CM_DIRECTIVE_PATCH));

    if (word == NULL) {
        return CM_PATCH_MERGE;
    }
    return strcmp(word, "delete") == 0    ? CM_PATCH_DELETE
           : strcmp(word, "replace") == 0 ? CM_PATCH_REPLACE
                                          : CM_PATCH_MERGE;
}

bool cm_directive_alone(const struct cm_json *entry) {
    return entry->type == CM_OBJECT && entry->count == 1 &&
           strcmp(entry->first->key, CM_DIRECTIVE_PATCH) == 0;
}

enum cm_directive cm_directive_of_list(const struct cm_json *list) {
    for (const struct cm_json *n = list->first; n != NULL; n = n->next) {
        if (cm_directive_alone(n)) {
            return cm_directive_of(n);
        }
    }
    return CM_PATCH_MERGE;
}
