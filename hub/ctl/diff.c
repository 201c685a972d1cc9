// diff.c: `holdfast diff`: where clusters are not as Git says. Clusters that differ alike are shown
// once, by how they look.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/who.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/fold.h"
#include "hub/ctl/lines.h"
#include "hub/ctl/names.h"
#include "hub/ctl/past.h"
#include "hub/ctl/print.h"

// What looks alike on some clusters.
struct alike {
    const struct cm_json *first; // the rows of the first cluster: this one and `rows` - 1 after it
    size_t rows;
    struct cm_json *clusters; // {"cluster": name}
};

struct folded {
    struct ctl *ctl;
    struct cm_map *by_look; // of struct alike, in the order they were met
    void (*print)(struct ctl *c, const struct alike *alike);
};

static const char *text_of(const struct cm_json *row, const char *member) {
    const char *text = cm_json_string(cm_json_get(row, member));

    return text == NULL ? "" : text;
}

static const char *shown(struct ctl *c, const struct cm_json *row, const char *member) {
    return ctl_one_line(c->arena, text_of(row, member));
}

// ---- Folding

static void add_alike(struct folded *f, const char *look, const struct cm_json *row, size_t rows) {
    struct alike *alike = cm_map_get(f->by_look, look);
    struct cm_json *cluster = cm_json_new(f->ctl->arena, CM_OBJECT);

    if (alike == NULL) {
        alike = cm_arena_get(f->ctl->arena, sizeof(*alike));
        *alike = (struct alike){
            .first = row, .rows = rows, .clusters = cm_json_new(f->ctl->arena, CM_ARRAY)};
        cm_map_put(f->by_look, look, alike);
    }
    cm_json_set_string(f->ctl->arena, cluster, "cluster", text_of(row, "cluster"));
    cm_json_append(alike->clusters, cluster);
}

static bool print_alike(void *ctx, const char *look, void *value) {
    struct folded *f = ctx;

    (void)look;
    f->print(f->ctl, value);
    return true;
}

static void print_folded(struct folded *f) {
    cm_map_each(f->by_look, print_alike, f);
    cm_map_free(f->by_look);
}

// "eu-west-01", or "37 clusters"; the names of these follow in a line of their own.
static void print_where(struct ctl *c, const struct alike *alike) {
    size_t count = alike->clusters->count;

    (void)fputs(ctl_bold(), stdout);
    if (count == 1) {
        (void)fputs(shown(c, alike->first, "cluster"), stdout);
    } else {
        (void)printf("%zu clusters", count);
    }
}

static void print_which(struct ctl *c, const struct alike *alike) {
    if (alike->clusters->count > 1) {
        (void)printf("  %sfirst: %s%s\n", ctl_dim(), ctl_fold_names(c, alike->clusters, "cluster"),
                     ctl_plain());
    }
}

// ---- Drift

static void print_class(const struct cm_json *row) {
    static const char *const words[][2] = {{"right", "another controller's by right"},
                                           {"noise", "how the API server writes it"},
                                           {"ignored", "ignored"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text_of(row, "class"), words[i][0]) == 0) {
            (void)printf("  %s[%s]%s", ctl_dim(), words[i][1], ctl_plain());
        }
    }
}

static void print_exemption(struct ctl *c, const struct cm_json *row) {
    char until[CM_CLOCK_TEXT_MAX];

    if (text_of(row, "exemption")[0] != '\0') {
        cm_clock_format(cm_json_int(cm_json_get(row, "exemptUntilMs"), 0), until);
        (void)printf("  %s[exempted until %s, %s]%s", ctl_dim(), until, shown(c, row, "exemption"),
                     ctl_plain());
    }
}

static void print_field(struct ctl *c, const struct cm_json *row) {
    const char *actual = text_of(row, "actual");
    const char *who = cm_who_actor(c->arena, shown(c, row, "manager"), shown(c, row, "user"));
    char age[CTL_AGE_MAX];

    (void)printf("  %s", shown(c, row, "path"));
    if (who[0] != '\0') {
        (void)printf("  %s(%sby %s, %s ago)%s", ctl_dim(),
                     text_of(row, "desired")[0] == '\0' ? "added " : "", who,
                     ctl_age(cm_json_int(cm_json_get(row, "atMs"), 0), age), ctl_plain());
    }
    print_class(row);
    print_exemption(c, row);
    (void)putchar('\n');
    ctl_lines_diff(c, text_of(row, "desired"), actual);
}

static void print_fight(const struct cm_json *row) {
    int64_t fought = cm_json_int(cm_json_get(row, "fought"), 0);

    if (fought > 0) {
        (void)printf("  %schanged again after each of %lld corrections: left alone until Git says "
                     "something else of the App, or 'holdfast sync'%s\n",
                     ctl_yellow(), (long long)fought, ctl_plain());
    }
}

static void print_object(struct ctl *c, const struct alike *alike) {
    const struct cm_json *row = alike->first;

    print_where(c, alike);
    (void)printf("  %s%s  (App %s)\n", shown(c, row, "key"), ctl_plain(), shown(c, row, "app"));
    print_which(c, alike);
    for (size_t i = 0; i < alike->rows; i++, row = row->next) {
        print_field(c, row);
    }
    if (cm_json_true(cm_json_get(alike->first, "more"))) {
        (void)printf("  … and more fields, which its agent does not name\n");
    }
    print_fight(alike->first);
}

static bool same_object(const struct cm_json *a, const struct cm_json *b) {
    return b != NULL && strcmp(text_of(a, "cluster"), text_of(b, "cluster")) == 0 &&
           strcmp(text_of(a, "key"), text_of(b, "key")) == 0;
}

// Rows of one object follow each other.
static void print_drift(struct ctl *c, const struct cm_json *items) {
    struct folded f = {.ctl = c, .by_look = cm_map_new(NULL), .print = print_object};

    for (const struct cm_json *at = items->first; at != NULL;) {
        CM_CLEANUP(cm_str_done) struct cm_str look = {0};
        const struct cm_json *first = at;
        size_t rows = 0;

        cm_str_addf(&look, "%s %s", text_of(at, "app"), text_of(at, "key"));
        for (; same_object(first, at); at = at->next, rows++) {
            cm_str_addf(&look, "\n%s\n%s\n%s\n%s", text_of(at, "path"), text_of(at, "desired"),
                        text_of(at, "actual"), text_of(at, "class"));
        }
        add_alike(&f, cm_str_get(&look), first, rows);
    }
    print_folded(&f);
}

// ---- What is not applied

static void print_not_applied(struct ctl *c, const struct alike *alike) {
    const struct cm_json *row = alike->first;
    const char *message = shown(c, row, "message");

    print_where(c, alike);
    (void)printf("  App %s%s  is not at %.8s: %s%s%s%s\n", shown(c, row, "app"), ctl_plain(),
                 shown(c, row, "revision"), text_of(row, "applied"), message[0] == '\0' ? "" : ": ",
                 message, cm_json_true(cm_json_get(row, "connected")) ? "" : " (not connected)");
    print_which(c, alike);
}

static void print_pending(struct ctl *c, const struct cm_json *items) {
    struct folded f = {.ctl = c, .by_look = cm_map_new(NULL), .print = print_not_applied};

    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        CM_AUTOFREE char *look = cm_strf(
            "%s %s %s %d %s", text_of(at, "app"), text_of(at, "revision"), text_of(at, "applied"),
            cm_json_true(cm_json_get(at, "connected")), text_of(at, "message"));

        add_alike(&f, look, at, 1);
    }
    print_folded(&f);
}

// ---- Both

static enum cm_rc print_tree(struct ctl *c, struct cm_json *drift, struct cm_json *pending) {
    struct cm_json *both = cm_json_new(c->arena, CM_OBJECT);

    cm_json_set(c->arena, both, "drift", drift);
    cm_json_set(c->arena, both, "notApplied", pending);
    return ctl_print_value(c, both);
}

static enum cm_rc print_both(struct ctl *c, struct cm_json *drift, struct cm_json *pending) {
    if (ctl_output_is_tree(c)) {
        return print_tree(c, drift, pending);
    }
    if (ctl_output_is(c, "name")) {
        ctl_print_names(c, drift, "cluster key path");
        ctl_print_names(c, pending, "cluster app");
        return CM_OK;
    }
    print_drift(c, drift);
    print_pending(c, pending);
    return CM_OK;
}

// count_drift leaves out what only --all shows.
static size_t count_drift(const struct cm_json *rows) {
    size_t count = 0;

    for (const struct cm_json *at = rows->first; at != NULL; at = at->next) {
        count += strcmp(text_of(at, "class"), "foreign") == 0 ? 1 : 0;
    }
    return count;
}

int ctl_diff(struct ctl *c) {
    const struct ctl_options *o = &c->options;
    struct cm_json *drift = NULL;
    struct cm_json *pending = NULL;

    bool range = c->argc == 1 && ctl_past_is_range(c->argv[0]);

    if (o->known && (o->objects || !range)) {
        return ctl_fail(
            c, CM_EINVAL,
            "--known is for WHAT..WHAT, such as 'prod@{yesterday}..', without --objects");
    }
    if (range) {
        return o->objects ? ctl_past_objects(c) : ctl_past_diff(c);
    }
    if (o->objects) {
        return ctl_fail(c, CM_EINVAL,
                        "--objects compares two sides, such as 'eu-017:checkout@{1.hour.ago}..'");
    }
    if (ctl_target_read(c) < 0 || ctl_check_names(c) < 0 || ctl_check_selector(c) < 0) {
        return CTL_ERROR;
    }
    struct ctl_param params[] = {{"app", o->app},     {"cluster", o->cluster},
                                 {"group", o->group}, {"selector", o->selector},
                                 {NULL, NULL}, // the state, for the second
                                 {NULL, NULL}};
    if (ctl_list(c, o->all ? "/differences" : "/drift", params, 0, &drift) < 0) {
        return CTL_ERROR;
    }
    params[4] = (struct ctl_param){"state", "not-applied"};
    if (ctl_list(c, "/status", params, 0, &pending) < 0) {
        return CTL_ERROR;
    }
    int code = count_drift(drift) + pending->count == 0 ? CTL_DONE : CTL_NO;
    return print_both(c, drift, pending) < 0 ? CTL_ERROR : code;
}
