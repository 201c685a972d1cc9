#include "hub/ctl/rows.h"

#include "common/json.h"

struct cm_json *ctl_rows_reversed(struct cm_arena *a, const struct cm_json *rows) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (struct cm_json *at = rows->first; at != NULL;) {
        struct cm_json *next = at->next;

        at->next = list->first;
        list->first = at;
        list->last = list->last == NULL ? at : list->last;
        list->count++;
        at = next;
    }
    return list;
}

struct cm_json *ctl_rows_first(struct cm_arena *a, const struct cm_json *rows, size_t count) {
    struct cm_json *out = cm_json_new(a, CM_ARRAY);

    for (struct cm_json *at = rows->first; at != NULL && out->count < count;) {
        struct cm_json *next = at->next;

        at->next = NULL;
        cm_json_append(out, at);
        at = next;
    }
    return out;
}

void ctl_rows_move(struct cm_json *to, const struct cm_json *from) {
    for (struct cm_json *at = from->first; at != NULL;) {
        struct cm_json *next = at->next;

        at->next = NULL;
        cm_json_append(to, at);
        at = next;
    }
}
