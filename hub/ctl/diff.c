// diff.c: `holdfast diff`: where clusters are not as Git says, object by object.
#include <string.h>

#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"

static const char *text_of(const struct cm_json *row, const char *member) {
    const char *text = cm_json_string(cm_json_get(row, member));

    return text == NULL ? "" : text;
}

static void print_field(const struct cm_json *row) {
    const char *actual = text_of(row, "actual");
    const char *manager = text_of(row, "manager");
    char age[CTL_AGE_MAX];

    (void)printf("  %s", text_of(row, "path"));
    if (manager[0] != '\0') {
        (void)printf("  %s(by %s, %s ago)%s", ctl_dim(), manager,
                     ctl_age(cm_json_int(cm_json_get(row, "atMs"), 0), age), ctl_plain());
    }
    (void)printf("\n    %s- %s%s\n", ctl_red(), text_of(row, "desired"), ctl_plain());
    (void)printf("    %s+ %s%s\n", ctl_green(), actual[0] == '\0' ? "(missing)" : actual,
                 ctl_plain());
}

static bool same_object(const struct cm_json *a, const struct cm_json *b) {
    return a != NULL && strcmp(text_of(a, "cluster"), text_of(b, "cluster")) == 0 &&
           strcmp(text_of(a, "key"), text_of(b, "key")) == 0;
}

static void print_drift(const struct cm_json *items) {
    const struct cm_json *before = NULL;

    for (const struct cm_json *at = items->first; at != NULL; before = at, at = at->next) {
        if (!same_object(before, at)) {
            (void)printf("%s%s  %s%s  (app %s)\n", ctl_bold(), text_of(at, "cluster"),
                         text_of(at, "key"), ctl_plain(), text_of(at, "app"));
        }
        print_field(at);
    }
}

static void print_pending(struct cm_arena *a, const struct cm_json *items) {
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        const char *message = ctl_one_line(a, text_of(at, "message"));

        (void)printf("%s%s  app %s%s  is not at %.8s: %s%s%s%s\n", ctl_bold(),
                     text_of(at, "cluster"), text_of(at, "app"), ctl_plain(),
                     text_of(at, "revision"), text_of(at, "applied"),
                     message[0] == '\0' ? "" : ": ", message,
                     cm_json_true(cm_json_get(at, "connected")) ? "" : " (not connected)");
    }
}

int ctl_diff(struct ctl *c) {
    const struct ctl_options *o = &c->options;
    struct ctl_param drift_params[] = {{"app", o->app}, {"cluster", o->cluster}, {NULL, NULL}};
    struct ctl_param status_params[] = {
        {"app", o->app}, {"cluster", o->cluster}, {"state", "not-applied"}, {NULL, NULL}};
    struct cm_json *drift = NULL;
    struct cm_json *pending = NULL;

    if (ctl_check_names(c) < 0 || ctl_list(c, "/drift", drift_params, 0, &drift) < 0 ||
        ctl_list(c, "/status", status_params, 0, &pending) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is(c, "name")) {
        if (ctl_print_list(c, drift, NULL, 0, "cluster key path") < 0 ||
            ctl_print_list(c, pending, NULL, 0, "cluster app") < 0) {
            return CTL_ERROR;
        }
    } else if (!ctl_output_is(c, "table")) {
        struct cm_json *both = cm_json_new(c->arena, CM_OBJECT);

        cm_json_set(c->arena, both, "drift", drift);
        cm_json_set(c->arena, both, "notApplied", pending);
        if (ctl_print_value(c, both) < 0) {
            return CTL_ERROR;
        }
    } else {
        print_drift(drift);
        print_pending(c->arena, pending);
    }
    return drift->count + pending->count == 0 ? CTL_DONE : CTL_NO;
}
