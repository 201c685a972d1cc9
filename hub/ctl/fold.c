#include "hub/ctl/fold.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/rows.h"

bool ctl_fold_wanted(const struct ctl *c, const struct ctl_resource *r,
                     const struct cm_json *rows) {
    return r->foldable && rows->count > CTL_FOLD_ROWS && ctl_output_is(c, "table") &&
           ctl_is_terminal() && !c->options.all && c->options.limit == 0;
}

static struct cm_json *take_not_ready(struct ctl *c, const struct ctl_resource *r,
                                      struct cm_json *rows) {
    struct cm_json *out = cm_json_new(c->arena, CM_ARRAY);

    for (struct cm_json *at = rows->first; at != NULL;) {
        struct cm_json *next = at->next;

        if (!r->ready(at)) {
            at->next = NULL;
            cm_json_append(out, at);
        }
        at = next;
    }
    return out;
}

const char *ctl_fold_names(struct ctl *c, const struct cm_json *rows, const char *member) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    int shown = 0;

    for (const struct cm_json *at = rows->first; at != NULL; at = at->next) {
        const char *name = cm_json_string(cm_json_get(at, member));

        if (shown++ == CTL_FOLD_FIRST) {
            cm_str_add(&text, ", …");
            break;
        }
        cm_str_addf(&text, "%s%s", shown == 1 ? "" : ", ", name == NULL ? "?" : name);
    }
    return ctl_one_line(c->arena, cm_str_get(&text));
}

void ctl_fold_print(struct ctl *c, const struct ctl_resource *r, struct cm_json *rows) {
    size_t all = rows->count;
    struct cm_json *open = take_not_ready(c, r, rows);
    size_t count = open->count;
    const char *member = strcmp(r->name, "clusters") == 0 ? "name" : "cluster";

    if (count == 0) {
        (void)printf("%sall %zu ready%s; --all shows every row\n", ctl_green(), all, ctl_plain());
        return;
    }
    (void)printf("%s%zu of %zu not ready%s, first: %s\n\n", ctl_bold(), count, all, ctl_plain(),
                 ctl_fold_names(c, open, member));
    ctl_table_print(ctl_table_new(c, r->columns, r->count),
                    ctl_rows_first(c->arena, open, CTL_FOLD_SHOWN));
    if (count > CTL_FOLD_SHOWN) {
        (void)printf("… and %zu more; --all shows every row\n", count - CTL_FOLD_SHOWN);
    }
}
