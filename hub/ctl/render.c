// render.c: `holdfast render`: an App as a cluster gets it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/offline.h"
#include "hub/ctl/print.h"
#include "hub/ctl/scope.h"
#include "hub/fleet/fleet.h"
#include "hub/plan/show.h"
#include "hub/render/bundle.h"

struct ranked {
    const struct hub_object *object;
    int rank;
};

static int compare_ranks(const void *left, const void *right) {
    const struct ranked *a = left;
    const struct ranked *b = right;

    return a->rank != b->rank ? a->rank - b->rank : strcmp(a->object->key, b->object->key);
}

// in_order returns the objects as an agent applies them.
static struct ranked *in_order(struct cm_arena *a, const struct hub_bundle_spec *spec) {
    struct ranked *items = cm_arena_get(a, (spec->object_count + 1) * sizeof(*items));

    for (size_t i = 0; i < spec->object_count; i++) {
        struct cm_object_id id = {0};
        bool known = cm_object_key_parse(a, spec->objects[i].key, &id);

        items[i].object = &spec->objects[i];
        items[i].rank = known ? cm_object_rank(id.group, id.kind) : 0;
    }
    if (spec->object_count > 1) {
        qsort(items, spec->object_count, sizeof(*items), compare_ranks);
    }
    return items;
}

static enum cm_rc read_object(struct ctl *c, const struct hub_object *object,
                              struct cm_json **out) {
    static const struct cm_json_limits limits = {(size_t)1 << 30, CM_JSON_DEPTH_MAX,
                                                 (size_t)1 << 30};

    if (cm_json_parse(c->arena, (const char *)object->bytes->data, object->bytes->size, &limits,
                      out, &c->err) < 0) {
        return cm_wrap(&c->err, "%s", object->key);
    }
    if (!c->options.show_secrets) {
        cm_object_mask(c->arena, *out);
    }
    return CM_OK;
}

static void print_document(const struct cm_json *tree) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, "---\n");
    cm_yaml_write(tree, &text);
    (void)fwrite(text.data, 1, text.len, stdout);
}

static int print_bundle(struct ctl *c, const struct hub_bundle_spec *spec) {
    const struct ranked *objects = in_order(c->arena, spec);
    struct cm_json *list = cm_json_new(c->arena, CM_OBJECT);
    struct cm_json *items = cm_json_new(c->arena, CM_ARRAY);

    for (size_t i = 0; i < spec->object_count; i++) {
        struct cm_json *tree = NULL;

        if (read_object(c, objects[i].object, &tree) < 0) {
            return CTL_ERROR;
        }
        if (ctl_output_is(c, "yaml")) {
            print_document(tree);
        } else {
            cm_json_append(items, tree);
        }
    }
    if (ctl_output_is(c, "yaml")) {
        return CTL_DONE;
    }
    cm_json_set_string(c->arena, list, "apiVersion", "v1");
    cm_json_set_string(c->arena, list, "kind", "List");
    cm_json_set(c->arena, list, "items", items);
    return ctl_print_value(c, list) < 0 ? CTL_ERROR : CTL_DONE;
}

// ---- What is wrong

static bool touches(const struct hub_problem *p, const char *app, const char *cluster) {
    if (p->app != NULL && strcmp(p->app, app) != 0) {
        return false;
    }
    return p->cluster == NULL || p->clusters > 1 || strcmp(p->cluster, cluster) == 0;
}

static size_t print_problems(const struct ctl *c, const struct ctl_offline *o, const char *app) {
    size_t count;
    size_t printed = 0;
    const struct hub_problem *problems = hub_fleet_problems(o->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str line = {0};

        if (problems[i].waiting) {
            continue;
        }
        if (touches(&problems[i], app, c->options.cluster)) {
            hub_problem_line(&problems[i], o->shown, &line);
            (void)fprintf(stderr, "%s\n", cm_str_get(&line));
            printed++;
        }
    }
    return printed;
}

static const struct hub_pair *find_pair(const struct ctl_offline *o, const char *app,
                                        const char *cluster) {
    const struct hub_desired *d = hub_fleet_desired(o->fleet, cluster);

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        if (strcmp(d->pairs[i].app, app) == 0) {
            return &d->pairs[i];
        }
    }
    return NULL;
}

// is_elsewhere tells whether the App waits for manifests of a repository that is not given.
static bool is_elsewhere(const struct ctl_offline *o, const char *app) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(o->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (problems[i].waiting && problems[i].app != NULL && strcmp(problems[i].app, app) == 0) {
            return true;
        }
    }
    return false;
}

static int fail_without(struct ctl *c, const struct ctl_offline *o, const char *app) {
    if (is_elsewhere(o, app)) {
        return ctl_fail(c, CM_ENOTFOUND,
                        "the manifests of App '%s' are in another repository: say where that is "
                        "with --source NAME=DIR",
                        app);
    }
    (void)ctl_fail(c, CM_ENOTFOUND,
                   "App '%s' is not for cluster '%s': no target of it matches, or one with "
                   "doNotDeploy does first",
                   app, c->options.cluster);
    return CTL_NO;
}

static int print_app(struct ctl *c, const struct ctl_offline *o, const char *app) {
    const struct hub_pair *pair = find_pair(o, app, c->options.cluster);
    size_t problems = print_problems(c, o, app);

    if (pair == NULL) {
        return problems > 0 ? CTL_NO : fail_without(c, o, app);
    }
    if (o->holds != NULL) {
        (void)fprintf(stderr, "holdfast: with %s\n", o->holds);
    }
    int code = print_bundle(c, &pair->bundle->spec);
    return code == CTL_DONE && pair->stale ? CTL_NO : code;
}

static enum cm_rc check_names(struct ctl *c, const struct ctl_offline *o, const char *app) {
    CM_CLEANUP(ctl_scope_done) struct ctl_scope scope;

    ctl_scope_init(c, &scope);
    if (ctl_scope_add(c, &scope, o->fleet) < 0 || ctl_scope_check(c, &scope) < 0) {
        return c->err.code;
    }
    return ctl_scope_find_app(c, &scope, app);
}

int ctl_render(struct ctl *c) {
    CM_CLEANUP(ctl_offline_done) struct ctl_offline o = {0};
    bool history = ctl_offline_wants_commit(c);

    if (c->argc < 1 || c->argc > 2) {
        return ctl_fail(c, CM_EINVAL, "render: name one App, and maybe the fleet's root folder");
    }
    if (c->options.cluster == NULL || c->options.cluster[0] == '\0') {
        return ctl_fail(c, CM_EINVAL, "render: say for which cluster: --cluster NAME");
    }
    if (ctl_offline_open(c, c->argc == 2 ? c->argv[1] : ".", history, &o) < 0 ||
        ctl_offline_load(c, &o) < 0) {
        return CTL_ERROR;
    }
    if (check_names(c, &o, c->argv[0]) < 0) { // perhaps because its document cannot be read
        return print_problems(c, &o, c->argv[0]) > 0 ? CTL_NO : CTL_ERROR;
    }
    return print_app(c, &o, c->argv[0]);
}
