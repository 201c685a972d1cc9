// get.c: `holdfast get`: lists, by the table of what there is to list; with -w what changes in
// them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/fold.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/query.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/rows.h"
#include "hub/ctl/words.h"

#define LOOK_MS 1000

// ---- What is asked for

static enum cm_rc check(struct ctl *c, const struct ctl_asked *asked) {
    const struct ctl_resource *r = asked->resource;

    if (asked->count > 0 && r->by == NULL) {
        return cm_fail(&c->err, CM_EINVAL, "get: %s cannot be listed by name; use %s", r->name,
                       ctl_query_options(c, r));
    }
    if (asked->count > 0 && strcmp(r->name, "status") == 0 && c->options.app != NULL) {
        return cm_fail(&c->err, CM_EINVAL, "get: the name and --app both say which App");
    }
    if (strcmp(r->name, "objects") == 0 && c->options.cluster == NULL) {
        return cm_fail(&c->err, CM_EINVAL, "get: whose objects? say --cluster NAME");
    }
    return ctl_query_check(c, r);
}

// ---- Asking

static bool is_revision(const struct ctl_resource *r) {
    return strcmp(r->name, "revisions") == 0;
}

// Revisions may be shortened, so they are picked here.
static struct cm_json *pick_revisions(struct ctl *c, struct cm_json *all, const char *name) {
    struct cm_json *out = cm_json_new(c->arena, CM_ARRAY);
    size_t len = strlen(name);

    for (struct cm_json *at = all->first; at != NULL;) {
        struct cm_json *next = at->next;
        const char *id = cm_json_string(cm_json_get(at, "id"));

        if (id != NULL && strncmp(id, name, len) == 0) {
            at->next = NULL;
            cm_json_append(out, at);
        }
        at = next;
    }
    return out;
}

static enum cm_rc ask(struct ctl *c, const struct ctl_resource *r, const char *name,
                      struct cm_json **out) {
    bool pick = name != NULL && is_revision(r);
    int64_t limit = c->options.limit > 0 ? c->options.limit : pick ? 0 : r->limit;
    const char *path = cm_arena_strf(c->arena, "/%s", r->name);
    struct cm_json *items = NULL;
    enum cm_rc rc = ctl_list(c, path, ctl_query_params(c, r, pick ? NULL : name), limit, &items);

    if (rc == CM_OK) {
        *out = pick ? pick_revisions(c, items, name) : items;
    }
    return rc;
}

// A status is named by its App; who names a cluster is told how.
static enum cm_rc check_app(struct ctl *c, const char *name) {
    enum cm_rc rc = ctl_check_named(c, ctl_resource_named("apps"), name);
    struct cm_err of_app = c->err;

    if (rc == CM_ENOTFOUND && ctl_check_named(c, ctl_resource_named("clusters"), name) == CM_OK) {
        return cm_fail(&c->err, rc,
                       "no App is named '%.100s', but a cluster is: say 'holdfast get status "
                       "--cluster %.100s'",
                       name, name);
    }
    c->err = of_app;
    return rc;
}

// Nothing was found: is that an answer, or is there nothing of that name?
static enum cm_rc check_found(struct ctl *c, const struct ctl_resource *r, const char *name) {
    bool of_app = strcmp(r->name, "status") == 0;

    if (strcmp(r->name, "events") == 0 || strcmp(r->name, "problems") == 0) {
        return CM_OK; // also tell of what is gone
    }
    enum cm_rc rc = ctl_check_names(c);
    if (rc == CM_OK && strcmp(r->name, "clusters") != 0) {
        rc = ctl_check_selector(c);
    }
    if (rc < 0 || name == NULL) {
        return rc;
    }
    return of_app ? check_app(c, name) : ctl_fail_unnamed(c, r, name);
}

static enum cm_rc ask_all(struct ctl *c, const struct ctl_asked *asked, struct cm_json **out) {
    struct cm_json *all = cm_json_new(c->arena, CM_ARRAY);
    size_t times = asked->count == 0 ? 1 : asked->count;

    for (size_t i = 0; i < times; i++) {
        const char *name = asked->count == 0 ? NULL : asked->names[i];
        struct cm_json *items = NULL;
        enum cm_rc rc = ask(c, asked->resource, name, &items);

        if (rc == CM_OK && items->count == 0) {
            rc = check_found(c, asked->resource, name);
        }
        if (rc < 0) {
            return rc;
        }
        ctl_rows_move(all, items);
    }
    *out = all;
    return CM_OK;
}

// ---- Printing

static enum cm_rc print_all(struct ctl *c, const struct ctl_asked *asked, struct cm_json *items) {
    const struct ctl_resource *r = asked->resource;
    bool one = asked->count == 1 && items->count == 1 && strcmp(r->name, "status") != 0;

    if (one && ctl_output_is_tree(c)) { // as kubectl does: who names one thing gets that thing
        return ctl_print_value(c, items->first);
    }
    if (r->newest_last && c->options.sort_by == NULL && !ctl_output_is_tree(c)) {
        items = ctl_rows_reversed(c->arena, items);
    }
    if (ctl_fold_wanted(c, r, items)) {
        ctl_fold_print(c, r, items);
        return CM_OK;
    }
    return ctl_print_list(c, items, r->columns, r->count, r->names);
}

// ---- -w

static const char *name_of(struct ctl *c, const struct ctl_resource *r, const struct cm_json *row) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};
    char *rest = cm_arena_strdup(c->arena, r->names);
    char *member;

    while ((member = strsep(&rest, " ")) != NULL) {
        const struct cm_json *value = cm_json_get(row, member);

        cm_str_addf(&key, "%s/", value == NULL || value->text == NULL ? "" : value->text);
    }
    return cm_arena_strdup(c->arena, cm_str_get(&key));
}

// What can be seen of a row, ages left out: they change while nothing does.
static char *look_of(struct ctl *c, const struct ctl_resource *r, const struct cm_json *row) {
    struct cm_str text = {0};

    for (size_t i = 0; i < r->count; i++) {
        if (r->columns[i].type != CTL_AGE) {
            cm_str_addf(&text, "%s\t", ctl_cell_text(c->arena, row, &r->columns[i]));
        }
    }
    return cm_str_take(&text);
}

// Takes those rows that are new or have changed, and remembers how they look.
static struct cm_json *take_changed(struct ctl *c, const struct ctl_resource *r,
                                    struct cm_json *items, struct cm_map *seen) {
    struct cm_json *out = cm_json_new(c->arena, CM_ARRAY);

    for (struct cm_json *at = items->first; at != NULL;) {
        struct cm_json *next = at->next;
        const char *name = name_of(c, r, at);
        const char *before = cm_map_get(seen, name);
        CM_AUTOFREE char *now = look_of(c, r, at);

        if (before == NULL || strcmp(before, now) != 0) {
            cm_map_put(seen, name, CM_TAKE(now));
            at->next = NULL;
            cm_json_append(out, at);
        }
        at = next;
    }
    return r->newest_last ? ctl_rows_reversed(c->arena, out) : out;
}

static enum cm_rc print_changed(struct ctl *c, const struct ctl_resource *r,
                                const struct cm_json *items, struct ctl_table *table) {
    enum cm_rc rc = CM_OK;

    if (ctl_output_is(c, "name")) {
        ctl_print_names(c, items, r->names);
    } else if (!ctl_output_is_tree(c)) {
        ctl_table_print(table, items);
    } else {
        for (const struct cm_json *at = items->first; rc == CM_OK && at != NULL; at = at->next) {
            (void)fputs(ctl_output_is(c, "yaml") ? "---\n" : "", stdout);
            rc = ctl_print_value(c, at);
        }
    }
    (void)fflush(stdout);
    return rc;
}

static enum cm_rc look_again(struct ctl *c, const struct ctl_asked *asked, struct cm_map *seen,
                             struct ctl_table *table) {
    struct cm_json *items = NULL;
    enum cm_rc rc = ask_all(c, asked, &items);

    if (rc < 0) {
        return rc;
    }
    items = take_changed(c, asked->resource, items, seen);
    return items->count == 0 ? CM_OK : print_changed(c, asked->resource, items, table);
}

// Until Ctrl-C. A hub that is started anew is waited for.
static int watch(struct ctl *c, const struct ctl_asked *asked) {
    CM_CLEANUP(cm_map_freep) struct cm_map *seen = cm_map_new(free);
    const struct ctl_resource *r = asked->resource;
    struct ctl_table *table = ctl_table_new(c, r->columns, r->count);
    struct cm_arena *lasting = c->arena;
    bool looked = false;

    for (;;) {
        int64_t looked_ms = cm_clock_now_ms();

        c->arena = cm_arena_new(0);
        ctl_table_use(table, c->arena);
        enum cm_rc rc = look_again(c, asked, seen, table);
        cm_arena_free(c->arena);
        c->arena = lasting;
        if (rc < 0 && (!looked || !ctl_may_pass(rc))) {
            return CTL_ERROR;
        }
        looked = looked || rc == CM_OK;
        ctl_pause_after(c, LOOK_MS, looked_ms);
    }
}

int ctl_get(struct ctl *c) {
    struct ctl_asked asked = {0};
    struct cm_json *items = NULL;

    if (c->argc == 0) {
        return ctl_fail(c, CM_EINVAL,
                        "get what? clusters, groups, apps, status, objects, drift, "
                        "holds, bans, freezes, events, revisions, repositories or problems");
    }
    if (ctl_asked_read(c, &asked) < 0 || check(c, &asked) < 0) {
        return CTL_ERROR;
    }
    if (c->options.watch) {
        return watch(c, &asked);
    }
    return ask_all(c, &asked, &items) < 0 || print_all(c, &asked, items) < 0 ? CTL_ERROR : CTL_DONE;
}
