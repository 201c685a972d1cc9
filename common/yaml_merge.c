#include "common/yaml_merge.h"

#include <stdbool.h>
#include <string.h>

#include "common/json.h"
#include "common/json_members.h"
#include "common/mem.h"

// move_members appends the members of one object to another.
static void move_members(struct cm_json *object, struct cm_json *from) {
    struct cm_json *next;

    for (struct cm_json *m = from->first; m != NULL; m = next) {
        next = m->next;
        cm_json_append(object, m);
    }
    from->first = from->last = NULL;
    from->count = 0;
}

static enum cm_rc fail_merge(const struct cm_json *merge, struct cm_err *err) {
    (void)cm_fail(err, CM_EINVAL, "line %u, column %u: '<<' takes an object or a list of objects",
                  merge->line, merge->column);
    return CM_EINVAL;
}

static enum cm_rc gather(struct cm_json *object, struct cm_json *merge, struct cm_err *err) {
    if (merge->type == CM_OBJECT) {
        move_members(object, merge);
        return CM_OK;
    }
    if (merge->type != CM_ARRAY) {
        return fail_merge(merge, err);
    }
    for (struct cm_json *one = merge->first; one != NULL; one = one->next) {
        if (one->type != CM_OBJECT) {
            return fail_merge(merge, err);
        }
        move_members(object, one);
    }
    return CM_OK;
}

// drop_later keeps the first of the members that have one name.
static void drop_later(struct cm_json *object) {
    CM_AUTOFREE struct cm_json **sorted = cm_json_members_sorted(object);
    const char *kept = NULL;
    struct cm_json *next;
    struct cm_json all = *object;

    for (size_t i = 0; i < all.count; i++) {
        if (kept != NULL && strcmp(kept, sorted[i]->key) == 0) {
            sorted[i]->key = NULL;
        } else {
            kept = sorted[i]->key;
        }
    }
    object->first = object->last = NULL;
    object->count = 0;
    for (struct cm_json *m = all.first; m != NULL; m = next) {
        next = m->next;
        if (m->key != NULL) {
            cm_json_append(object, m);
        }
    }
}

enum cm_rc cm_yaml_merge(struct cm_json *object, struct cm_json *merges, struct cm_err *err) {
    struct cm_json *latest_first = NULL;
    struct cm_json *next;

    for (struct cm_json *m = merges->first; m != NULL; m = next) {
        next = m->next;
        m->next = latest_first;
        latest_first = m;
    }
    for (struct cm_json *m = latest_first; m != NULL; m = next) {
        next = m->next;
        enum cm_rc rc = gather(object, m, err);
        if (rc < 0) {
            return rc;
        }
    }
    if (latest_first != NULL && object->count > 0) {
        drop_later(object);
    }
    return CM_OK;
}
