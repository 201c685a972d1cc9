// past_objects.c: which objects differ between two clusters, or two moments of one.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/lines.h"
#include "hub/ctl/past.h"
#include "hub/ctl/print.h"

static const char *text_of(struct ctl *c, const struct cm_json *item, const char *member) {
    const char *text = cm_json_string(cm_json_get(item, member));

    return ctl_one_line(c->arena, text == NULL ? "" : text);
}

// value_text is what a field has, as JSON; "" if it is not there.
static char *value_text(const struct cm_json *field, const char *member) {
    const struct cm_json *value = cm_json_get(field, member);
    struct cm_str text = {0};

    if (value != NULL && value->type != CM_NULL) {
        cm_json_write_compact(value, &text);
    }
    return cm_str_take(&text);
}

static void print_field(struct ctl *c, const struct cm_json *field) {
    CM_AUTOFREE char *from = value_text(field, "from");
    CM_AUTOFREE char *to = value_text(field, "to");

    (void)printf("  %s\n", text_of(c, field, "path"));
    if (from[0] != '\0') {
        ctl_lines_diff(c, from, to);
    } else {
        (void)printf("    %s+ %s%s\n", ctl_green(), ctl_one_line(c->arena, to), ctl_plain());
    }
}

static void print_item(struct ctl *c, const struct cm_json *item) {
    const struct cm_json *fields = cm_json_get(item, "fields");

    (void)printf("%s%s%s  (App %s)  %s\n", ctl_bold(), text_of(c, item, "object"), ctl_plain(),
                 text_of(c, item, "app"), text_of(c, item, "change"));
    for (const struct cm_json *at = fields == NULL ? NULL : fields->first; at != NULL;
         at = at->next) {
        print_field(c, at);
    }
    if (cm_json_true(cm_json_get(item, "more"))) {
        (void)printf("  … and more fields\n");
    }
}

static void print_all(struct ctl *c, const struct cm_json *answer) {
    const struct cm_json *items = cm_json_get(answer, "items");

    for (const struct cm_json *at = items == NULL ? NULL : items->first; at != NULL;
         at = at->next) {
        print_item(c, at);
    }
    if (cm_json_true(cm_json_get(answer, "more"))) {
        (void)printf("… and more objects: name an App, or ask Git\n");
    }
}

// warn says where nobody watched: what is shown was so before.
static void warn(struct ctl *c, const struct cm_json *side) {
    char at[CM_CLOCK_TEXT_MAX];

    if (side == NULL || cm_json_get(side, "observed") == NULL ||
        cm_json_true(cm_json_get(side, "observed"))) {
        return;
    }
    cm_clock_format(cm_json_int(cm_json_get(side, "atMs"), 0), at);
    (void)fprintf(stderr, "%s was not observed at %s: what was heard of it last is compared\n",
                  text_of(c, side, "cluster"), at);
}

int ctl_past_objects(struct ctl *c) {
    const struct ctl_param params[] = {{"select", c->argv[0]}, {NULL, NULL}};
    struct cm_json *answer = NULL;

    if (ctl_call(c, "GET", "/past/objects", params, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    const struct cm_json *items = cm_json_get(answer, "items");
    bool same = items == NULL || items->count == 0;

    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, answer) < 0 ? CTL_ERROR : (same ? CTL_DONE : CTL_NO);
    }
    warn(c, cm_json_get(answer, "from"));
    warn(c, cm_json_get(answer, "to"));
    if (same) {
        (void)fprintf(stderr, "nothing differs\n");
    }
    print_all(c, answer);
    return same ? CTL_DONE : CTL_NO;
}
