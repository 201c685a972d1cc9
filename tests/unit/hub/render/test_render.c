#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/render/render.h"
#include "hub/render/source.h"
#include "hub/render/tolerate.h"

#define SOURCES_MAX 4
#define LONG "abcdefghijklmnopqrstuvwxyz0123"

// An App in the making.
struct making {
    struct cm_arena *arena;
    struct hub_source *sources[SOURCES_MAX];
    size_t source_count;
    struct hub_diags diags;
    struct hub_rendered out;
    struct hub_render_input in;
    char said[8192];
};

static enum cm_object_scope scope_of_widgets(void *ctx, const char *group, const char *kind) {
    (void)ctx;
    return strcmp(group, "example.com") == 0 && strcmp(kind, "Widget") == 0   ? CM_SCOPE_NAMESPACED
           : strcmp(group, "example.com") == 0 && strcmp(kind, "Planet") == 0 ? CM_SCOPE_CLUSTER
                                                                              : CM_SCOPE_UNKNOWN;
}

static int set_up(void **state) {
    static struct making m;
    static const uint8_t key[32] = "key";

    m = (struct making){.arena = cm_arena_new(0)};
    m.in = (struct hub_render_input){
        .app = "shop",
        .namespace = "web",
        .prune = true,
        .path = "apps/shop/app.yaml",
        .values = {.cluster = "paris"},
        .secret_key = key,
        .scope = scope_of_widgets,
    };
    *state = &m;
    return 0;
}

static int tear_down(void **state) {
    struct making *m = *state;

    hub_rendered_done(&m->out);
    for (size_t i = 0; i < m->source_count; i++) {
        hub_source_free(m->sources[i]);
    }
    hub_diags_done(&m->diags);
    cm_arena_free(m->arena);
    return 0;
}

static void add(struct making *m, const char *path, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *name = cm_buf_copy(path, strlen(path) + 1);

    m->sources[m->source_count++] = hub_source_new(name, text, strlen(text));
}

static void set_values(struct making *m, const char *json) {
    struct cm_json *values;
    struct cm_err err;

    assert_int_equal(cm_json_parse(m->arena, json, strlen(json), NULL, &values, &err), CM_OK);
    m->in.values.layers[0] = values;
}

static void say(struct making *m, const struct hub_diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        size_t used = strlen(m->said);
        (void)snprintf(m->said + used, sizeof(m->said) - used, "%s%s:%u:%u: %s",
                       used > 0 ? "\n" : "", diags->items[i].path, diags->items[i].line,
                       diags->items[i].column, diags->items[i].message);
    }
}

// render returns what is wrong; "" if nothing is.
static const char *render(struct making *m) {
    CM_AUTOFREE struct hub_template **templates = cm_new(1000, sizeof(struct hub_template *));
    bool ok = true;

    hub_rendered_done(&m->out);
    hub_diags_done(&m->diags);
    m->said[0] = '\0';
    m->in.templates = templates;
    m->in.template_count = 0;
    for (size_t i = 0; i < m->source_count; i++) {
        say(m, &m->sources[i]->diags);
        ok = ok && m->sources[i]->diags.count == 0;
        for (size_t k = 0; k < m->sources[i]->count; k++) {
            templates[m->in.template_count++] = &m->sources[i]->templates[k];
        }
    }
    if (ok) {
        (void)hub_render(&m->in, &m->out, &m->diags);
        say(m, &m->diags);
    }
    return m->said;
}

static const char *object(struct making *m, const char *key) {
    static char text[4096];

    for (size_t i = 0; m->out.bundle != NULL && i < m->out.bundle->spec.object_count; i++) {
        const struct hub_object *o = &m->out.bundle->spec.objects[i];

        if (strcmp(o->key, key) == 0) {
            (void)snprintf(text, sizeof(text), "%.*s", (int)o->bytes->size,
                           (const char *)o->bytes->data);
            return text;
        }
    }
    return "";
}

static const char *keys(struct making *m) {
    static char text[4096];

    text[0] = '\0';
    for (size_t i = 0; m->out.bundle != NULL && i < m->out.bundle->spec.object_count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
                       m->out.bundle->spec.objects[i].key);
    }
    return text;
}

#define CONFIG "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg}\n"

static void a_plain_scalar_keeps_the_type_of_its_value(void **state) {
    struct making *m = *state;

    set_values(m, "{\"n\": 3, \"yes\": true, \"s\": \"007\", \"list\": [1, {\"a\": null}]}");
    add(m, "a.yaml",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n"
        "  number: ${n}\n  truth: ${yes}\n  string: ${s}\n  list: ${list}\n"
        "  default: ${none:=8080}\n  off: ${none:=off}\n");
    assert_string_equal(render(m), "");
    assert_string_equal(object(m, "Widget.example.com/web/w"),
                        "{\n"
                        "  \"apiVersion\": \"example.com/v1\",\n"
                        "  \"kind\": \"Widget\",\n"
                        "  \"metadata\": {\n"
                        "    \"name\": \"w\",\n"
                        "    \"namespace\": \"web\"\n"
                        "  },\n"
                        "  \"spec\": {\n"
                        "    \"default\": 8080,\n"
                        "    \"false\": false,\n"
                        "    \"list\": [\n"
                        "      1,\n"
                        "      {\n"
                        "        \"a\": null\n"
                        "      }\n"
                        "    ],\n"
                        "    \"number\": 3,\n"
                        "    \"string\": \"007\",\n"
                        "    \"truth\": true\n"
                        "  }\n"
                        "}\n");
}

static void a_quoted_scalar_becomes_a_string(void **state) {
    struct making *m = *state;

    set_values(m, "{\"n\": 3, \"yes\": true}");
    add(m, "a.yaml",
        CONFIG "data:\n  a: \"${n}\"\n  b: '${yes}'\n  c: |-\n    ${n}\n  d: &x \"${n}\"\n"
               "  e: x${n}y\n  f: '${none:=8080}'\n  ü: \"${n}\"\n");
    assert_string_equal(render(m), "");
    const char *text = object(m, "ConfigMap/web/cfg");
    assert_non_null(strstr(text, "\"a\": \"3\""));
    assert_non_null(strstr(text, "\"b\": \"true\""));
    assert_non_null(strstr(text, "\"c\": \"3\""));
    assert_non_null(strstr(text, "\"d\": \"3\""));
    assert_non_null(strstr(text, "\"e\": \"x3y\""));
    assert_non_null(strstr(text, "\"f\": \"8080\""));
    assert_non_null(strstr(text, "\"ü\": \"3\""));
}

static void a_brace_makes_no_json(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: {a: \"${a:=1}\"}}\n"
        "---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\nspec:\n"
        "  port: \"${port:=80}\"\n");
    assert_string_equal(render(m), "");
    assert_non_null(strstr(object(m, "Widget.example.com/web/w"), "\"a\": \"1\""));
    assert_non_null(strstr(object(m, "Widget.example.com/web/x"), "\"port\": \"80\""));
}

static void what_is_said_is_utf8_though_it_was_cut(void **state) {
    struct making *m = *state;
    struct hub_diags diags = {0};
    char text[1100];

    add(m, "a.yaml", CONFIG "data: {a: '${日本語日本語日本語日本語日本語日本語}'}\n");
    (void)render(m);
    assert_non_null(strstr(m->said, "'${日本語日本語日本語日本語' is no variable"));
    memset(text, 'x', sizeof(text));
    (void)snprintf(text + 1018, sizeof(text) - 1018, "日日日日");
    hub_diags_add(&diags, "a.yaml", 0, 0, "%s", text);
    assert_string_equal(diags.items[0].message + 1016, "xx...");
    hub_diags_done(&diags);
}

// It takes a moment; it took many seconds when each name was looked for byte by byte.
static void names_may_be_written_in_escapes(void **state) {
    struct making *m = *state;
    struct cm_str text = {0};

    cm_str_add(&text, CONFIG "data:\n");
    for (int i = 0; i < 400000; i++) {
        cm_str_addf(&text, "  \"x%d\\x24{a}\": b\n", i);
    }
    set_values(m, "{\"a\": \"c\"}");
    add(m, "a.yaml", cm_str_get(&text));
    cm_str_done(&text);
    assert_int_equal(m->sources[0]->diags.count, 0);
    assert_int_equal(m->sources[0]->templates[0].hole_count, 400000);
}

static void in_json_a_value_keeps_its_type(void **state) {
    struct making *m = *state;

    set_values(m, "{\"n\": 3}");
    add(m, "a.json",
        "{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"metadata\": {\"name\": \"d\"}, "
        "\"spec\": {\"replicas\": \"${n}\"}}");
    assert_string_equal(render(m), "");
    assert_non_null(strstr(object(m, "Deployment.apps/web/d"), "\"replicas\": 3"));
}

static void names_of_members_and_objects_may_have_variables(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"cfg-${cluster.name}\"}\n"
        "data: {\"${cluster.name}.conf\": '$${x}'}\n");
    assert_string_equal(render(m), "");
    assert_non_null(strstr(object(m, "ConfigMap/web/cfg-paris"), "\"paris.conf\": \"${x}\""));
}

static void an_undefined_variable_is_told_with_its_place(void **state) {
    struct making *m = *state;

    set_values(m, "{\"db\": {\"host\": 1}}");
    add(m, "a.yaml",
        CONFIG "data:\n  a: ${db.hosst}\n  b: |\n    first\n    x ${db.host} ${other}\n");
    assert_string_equal(
        render(m), "a.yaml:5:6: variable 'db.hosst' is not defined: did you mean 'db.host'? Set it "
                   "in the values of the App, the target or the Cluster, or write "
                   "${db.hosst:=default}\n"
                   "a.yaml:8:18: variable 'other' is not defined: set it in the values of the App, "
                   "the target or the Cluster, or write ${other:=default}, or $${other} for the "
                   "text itself");
    assert_null(m->out.bundle);
}

static void a_malformed_variable_is_told_with_its_place(void **state) {
    struct making *m = *state;

    add(m, "a.yaml", CONFIG "data:\n  run: |\n    echo ${HOME:-/root}\n");
    assert_string_equal(render(m), "a.yaml:6:10: '${HOME:-/root}' is no variable: write ${name} or "
                                   "${name:=default}, or $${ for a literal ${");
}

static void labels_that_no_cluster_takes_are_told(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {\"a b\": ok, b: x y, "
        "c/d: ''}\n  annotations:\n    v: 1.10\n    z: any thing\n");
    assert_string_equal(
        render(m),
        "a.yaml:5:19: 'a b' cannot be a name in metadata.labels: use 1 to 63 of letters, "
        "digits, '-', '_' and '.', with a letter or digit at both ends, behind a domain "
        "and '/' if you like\n"
        "a.yaml:5:26: metadata.labels.b is 'x y': Kubernetes takes up to 63 of letters, "
        "digits, '-', '_' and '.', with a letter or digit at both ends\n"
        "a.yaml:7:8: metadata.annotations.v must be a string, not a number: put it in "
        "quotes");
}

static void labels_are_checked_once_variables_are_put_in(void **state) {
    struct making *m = *state;

    set_values(m, "{\"n\": 3}");
    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    x: ${n}\n"
        "    y: '${n}'\n");
    assert_string_equal(render(m), "a.yaml:6:8: metadata.labels.x must be a string, not a number: "
                                   "put it in quotes");
}

static void what_a_cluster_lacks_is_told_as_such(void **state) {
    struct making *m = *state;

    add(m, "a.yaml", CONFIG "data:\n  a: ${cluster.labels.zone}\n  b: ${cluster.nam}\n");
    assert_string_equal(
        render(m), "a.yaml:5:6: variable 'cluster.labels.zone' is not defined: give the Cluster "
                   "the label 'zone', or write ${cluster.labels.zone:=default}\n"
                   "a.yaml:6:6: variable 'cluster.nam' is not defined: write cluster.name or "
                   "cluster.labels.NAME, for 'cluster' is no value of your own");
}

static void of_a_secret_nothing_is_quoted(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: ${hunter2 x}\n");
    assert_string_equal(render(m), "a.yaml:5:6: this begins no variable: write ${name} or "
                                   "${name:=default}, or $${ for a literal ${");
}

static void a_map_within_a_text_is_an_error(void **state) {
    struct making *m = *state;

    set_values(m, "{\"db\": {\"host\": 1}, \"l\": []}");
    add(m, "a.yaml", CONFIG "data:\n  a: x-${db}\n  b: \"${l}\"\n");
    assert_string_equal(render(m),
                        "a.yaml:5:8: variable 'db' is an object, which cannot stand within a text: "
                        "use it alone and without quotes, or name one of its members\n"
                        "a.yaml:6:7: variable 'l' is a list, which cannot stand within a text: use "
                        "it alone and without quotes, or name one of its members");
}

static void two_names_that_become_one_are_an_error(void **state) {
    struct making *m = *state;

    add(m, "a.yaml", CONFIG "data:\n  paris: 1\n  ${cluster.name}: 2\n");
    assert_string_equal(render(m), "a.yaml:6:20: 'paris' is there twice once variables are put in: "
                                   "give the members different names");
}

static void substitution_is_switched_off_by_an_annotation(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cfg\n  annotations:\n"
        "    holdfast.dev/substitute: disabled\ndata: {a: '${x} ${HOME:-1} $${y}'}\n");
    assert_string_equal(render(m), "");
    assert_non_null(strstr(object(m, "ConfigMap/web/cfg"), "${x} ${HOME:-1} $${y}"));
    add(m, "b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n  annotations:\n"
        "    holdfast.dev/substitute: no\n");
    assert_string_equal(render(m), "b.yaml:6:30: the annotation holdfast.dev/substitute is "
                                   "'disabled' or 'enabled'");
}

static void how_an_object_may_be_changed_is_read_from_annotations(void **state) {
    struct making *m = *state;
    const struct hub_object *objects;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
        "    holdfast.dev/recreate: \"true\"\n");
    add(m, "b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  annotations:\n"
        "    holdfast.dev/apply: once\n    holdfast.dev/recreate: \"false\"\n");
    add(m, "c.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/ssa: IfNotPresent\n");
    add(m, "d.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/ssa: Merge\n");
    assert_string_equal(render(m), "");
    objects = m->out.bundle->spec.objects;
    assert_true(objects[0].care.recreate && !objects[0].care.once);
    assert_true(objects[1].care.once && !objects[1].care.recreate);
    assert_true(objects[2].care.once && !objects[3].care.once);
}

static void
what_flux_would_leave_alone_is_a_problem_unless_it_is_said_how_to_apply_it(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/reconcile: disabled\n    holdfast.dev/apply: once\n");
    add(m, "b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/force: enabled\n"
        "    kustomize.toolkit.fluxcd.io/reconcile: enabled\n");
    assert_string_equal(render(m), "");
    assert_true(m->out.bundle->spec.objects[0].care.once);
    assert_true(m->out.bundle->spec.objects[1].care.recreate);
    add(m, "c.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/ssa: Ignore\n");
    add(m, "d.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/reconcile: disabled\n");
    assert_string_equal(
        render(m), "c.yaml:6:38: the annotation kustomize.toolkit.fluxcd.io/ssa would leave the "
                   "object alone, and it would be applied all the same: leave it out of the App, "
                   "or set holdfast.dev/apply beside it\n"
                   "d.yaml:6:44: the annotation kustomize.toolkit.fluxcd.io/reconcile would leave "
                   "the object alone, and it would be applied all the same: leave it out of the "
                   "App, or set holdfast.dev/apply beside it");
}

static void rules_about_differences_go_to_the_objects_that_they_are_about(void **state) {
    static const char *const replicas[] = {"/spec/replicas"};
    const struct hub_tolerance tolerances[] = {
        {.kind = "ConfigMap", .name = "a*", .rule = {replicas, 1, NULL, 0, NULL, HUB_DRIFT_REPORT}},
        {.namespace = "web", .rule = {replicas, 1, NULL, 0, NULL, HUB_DRIFT_OFF}},
        {.group = "apps", .rule = {replicas, 1, NULL, 0, NULL, HUB_DRIFT_CORRECT}}};
    struct making *m = *state;

    m->in.tolerances = tolerances;
    m->in.tolerance_count = 3;
    add(m, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a1}\n");
    add(m, "b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n");
    add(m, "c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: x}\n");
    add(m, "d.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\n  annotations:\n"
        "    holdfast.dev/ignore-differences: /data/a /data/b\n");
    assert_string_equal(render(m), "");
    const struct hub_bundle_spec *spec = &m->out.bundle->spec;
    assert_int_equal(spec->drift_list_count, 3);
    assert_int_equal(spec->drift_lists[spec->objects[0].drift_list - 1].count, 2);
    assert_int_equal(spec->drift_lists[spec->objects[1].drift_list - 1].count, 1);
    const struct hub_drift_list *own = &spec->drift_lists[spec->objects[2].drift_list - 1];
    assert_int_equal(own->count, 2);
    assert_int_equal(own->rules[0].drift, HUB_DRIFT_OFF);
    assert_string_equal(own->rules[0].fields[1], "/data/b");
    assert_string_equal(spec->objects[3].key, "ConfigMap/x/c");
    assert_int_equal(spec->objects[3].drift_list, 0);
}

static void a_rule_may_depend_on_an_object_named_like_the_one_that_it_is_about(void **state) {
    const struct hub_tolerance tolerances[] = {
        {.owner = {.group = "autoscaling.k8s.io", .kind = "VerticalPodAutoscaler"}},
        {.name = "a", .owner = {.group = "", .kind = "Namespace", .name = "n", .namespace = "x"}},
        {.name = "a", .owner = {.group = "", .kind = "Pod", .name = "p", .namespace = "y"}}};
    struct making *m = *state;

    m->in.tolerances = tolerances;
    m->in.tolerance_count = 3;
    add(m, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: x}\n");
    add(m, "b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n");
    assert_string_equal(render(m), "");
    const struct hub_bundle_spec *spec = &m->out.bundle->spec;
    const struct hub_drift_list *open = &spec->drift_lists[spec->objects[0].drift_list - 1];
    const struct hub_drift_list *named = &spec->drift_lists[spec->objects[1].drift_list - 1];
    assert_string_equal(open->rules[0].owner, "VerticalPodAutoscaler.autoscaling.k8s.io/web/b");
    assert_string_equal(named->rules[0].owner, "VerticalPodAutoscaler.autoscaling.k8s.io/x/a");
    assert_string_equal(named->rules[1].owner, "Namespace//n");
    assert_string_equal(named->rules[2].owner, "Pod/y/p");
}

static void a_field_to_ignore_that_is_none_is_told_where_it_was_written(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
        "    holdfast.dev/ignore-differences: \"/data/[a=\"\n");
    assert_string_equal(render(m),
                        "a.yaml:6:38: the annotation holdfast.dev/ignore-differences: '/data/[a=' "
                        "names no field: write a JSON pointer such as /spec/replicas or "
                        "/spec/template/spec/containers/[name=web]/image");
}

static void an_annotation_that_ignores_nothing_or_too_much_is_told(void **state) {
    struct making *m = *state;
    CM_CLEANUP(cm_str_done) struct cm_str many = {0};

    for (int i = 0; i <= HUB_DRIFT_TEXTS_MAX; i++) {
        cm_str_add(&many, " /a");
    }
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  annotations:\n"
                "    holdfast.dev/ignore-differences: \"%s\"\n",
                cm_str_get(&many));
    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
        "    holdfast.dev/ignore-differences: \" \"\n");
    add(m, "b.yaml", text);
    assert_string_equal(render(m),
                        "a.yaml:6:38: the annotation holdfast.dev/ignore-differences: names no "
                        "field: write JSON pointers such as /spec/replicas\n"
                        "b.yaml:6:38: the annotation holdfast.dev/ignore-differences: has more "
                        "than 100 pointers, or one of more than 1024 bytes");
}

static void what_an_annotation_does_not_mean_is_told_where_it_was_written(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
        "    holdfast.dev/recreate: \"yes\"\n    holdfast.dev/apply: always\n");
    assert_string_equal(
        render(m),
        "a.yaml:6:28: the annotation holdfast.dev/recreate is 'true' or 'false', in quotes\n"
        "a.yaml:7:25: the annotation holdfast.dev/apply is 'once'");
}

static void lists_are_flattened_and_documents_are_many(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        CONFIG "---\napiVersion: v1\nkind: List\nitems:\n"
               "  - {apiVersion: v1, kind: Service, metadata: {name: s}}\n"
               "  - apiVersion: v1\n    kind: ConfigMapList\n    items:\n"
               "      - {apiVersion: v1, kind: ConfigMap, metadata: {name: inner}}\n---\n");
    assert_string_equal(render(m), "");
    assert_string_equal(keys(m), "ConfigMap/web/cfg ConfigMap/web/inner Service/web/s");
}

static void lists_are_not_nested_for_ever(void **state) {
    struct making *m = *state;
    struct cm_str text = {0};

    for (int i = 0; i < 10; i++) {
        cm_str_add(&text, "{apiVersion: v1, kind: List, items: [");
    }
    for (int i = 0; i < 10; i++) {
        cm_str_add(&text, "]}");
    }
    add(m, "a.yaml", cm_str_get(&text));
    cm_str_done(&text);
    assert_string_equal(render(m),
                        "a.yaml:1:297: Lists are nested too deeply: write the objects as "
                        "documents of their own");
}

#define CONFIG_NAMED(annotation)                                                                   \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {" annotation "}}\n"

static const char *const no_manifests[][2] = {
    {"- a\n", "a.yaml:1:1: a manifest must be an object with apiVersion, kind and metadata, "
              "not a list"},
    {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n",
     "a.yaml:1:1: this is what Git LFS commits instead of the file, which is kept elsewhere and "
     "not fetched: commit the manifest itself"},
    {"kind: ConfigMap\nmetadata: {name: x}\n",
     "a.yaml:1:1: apiVersion is missing or no string: add it"},
    {"apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
     "a.yaml:3:11: metadata.name is missing: add it"},
    {"apiVersion: v1\nkind: Con fig\nmetadata: {name: a}\n",
     "a.yaml:2:7: kind 'Con fig' is malformed: use 1 to 63 letters"},
    {"apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n",
     "a.yaml:3:26: metadata.generateName cannot be applied again: give it a metadata.name"},
    {"# holdfast: substitue=off\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
     "a.yaml:1:1: the comment 'holdfast: substitue=off' means nothing: write '# holdfast: "
     "substitute=off' if ${…} is plain text in this file, or remove it"},
    {"apiVersion: v1\nkind: List\nitems: 5\n",
     "a.yaml:3:8: the items of a List must be a list of objects"},
    {"apiVersion: v1\nkind: List\n", "a.yaml:1:1: the items of a List must be a list of objects"},
    {"apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: x}\n",
     "a.yaml:1:1: a document of holdfast stands among an App's manifests: Clusters go below "
     "clusters/, ClusterGroups below groups/, an App into a file named app.yaml"},
    {"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
     "a.yaml:1:1: kustomizations are not supported: list plain manifests, and say in "
     "spec.overlays of the App where clusters differ"},
    {"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nsops: {mac: x}\n",
     "a.yaml:4:7: files encrypted with SOPS are not supported: leave the Secret out of Git and "
     "make it in the cluster"},
    {"a: {{ .Values.b }}\n", "a.yaml:1:5: a member's name must be a scalar: {{…}} is not "
                             "filled in here, so commit what 'helm template' prints"},
    {"apiVersion: v1\nmetadata: {name: ${b},\n  x: y}\n",
     "a.yaml:2:19: did not find expected ',' or '}' while parsing a flow mapping: within {…} "
     "and […] a variable needs quotes, \"${name}\"; to keep its type, write the value on a "
     "line of its own"},
    {"a: ${b}\na: ${b}\n",
     "a.yaml:2:4: 'a' is there twice in one object, first in line 1: remove one of the two\n"
     "a.yaml:1:1: apiVersion is missing or no string: add it"},
    {"a: [\n", "a.yaml:2:1: did not find expected node content while parsing a flow node: "
               "close what '{' or '[' opened, and put ',' between its members"},
    {"a:\n\tb: c\n", "a.yaml:2:1: found character that cannot start any token while scanning "
                     "for the next token: indent with spaces, not with tabs, and put a text "
                     "that begins with '@', '`' or '%' in quotes"},
    {"a: b\n c: d\n", "a.yaml:2:3: mapping values are not allowed in this context: put the "
                      "text in quotes if ': ' is part of it, or indent this line like those "
                      "that belong with it"},
    {"a: *b\n", "a.yaml:1:4: no anchor is named 'b': define it further up with '&', or put the "
                "text in quotes if '*' is part of it"},
    {"a: !!int b\n", "a.yaml:1:4: 'b' is not an integer, as its tag says: correct the text, or "
                     "remove the tag"},
    {"[a]: b\n", "a.yaml:1:1: a member's name must be a scalar: put it in quotes"},
    {"a: \x01\n", "a.yaml:1:1: control characters are not allowed (0x01) at or after this line: "
                  "remove them"},
    {CONFIG_NAMED("holdfast.dev/substitue: disabled"),
     "a.yaml:3:59: unknown annotation 'holdfast.dev/substitue': did you mean "
     "'holdfast.dev/substitute'?"},
    {CONFIG_NAMED("holdfast.dev/color: blue"),
     "a.yaml:3:55: unknown annotation 'holdfast.dev/color': remove it, or use holdfast.dev/ with "
     "one of apply, hook, hook-delete-policy, ignore-differences, "
     "prune, recreate, substitute, wave"},
    {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: [a]}\n",
     "a.yaml:3:29: metadata.labels must be a map of strings, not a list: write 'name: \"value\"' "
     "lines"},
    {"a: !b c\n", "a.yaml:1:4: unknown tag '!b': remove it, or put the text in quotes if '!' is "
                  "part of it"},
};

static void what_is_no_manifest_is_refused(void **state) {
    for (size_t i = 0; i < sizeof(no_manifests) / sizeof(*no_manifests); i++) {
        struct making *m = *state;

        (void)tear_down(state);
        (void)set_up(state);
        add(m, "a.yaml", no_manifests[i][0]);
        assert_string_equal(render(m), no_manifests[i][1]);
    }
}

static void every_kind_gets_the_namespace_that_it_should(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: open}}\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: own, namespace: other}}\n---\n"
        "{apiVersion: v1, kind: Namespace, metadata: {name: ns, namespace: x}}\n---\n"
        "{apiVersion: example.com/v1, kind: Widget, metadata: {name: known}}\n---\n"
        "{apiVersion: example.com/v1, kind: Planet, metadata: {name: wide}}\n---\n"
        "{apiVersion: example.com/v1, kind: Other, metadata: {name: unknown}}\n");
    assert_string_equal(render(m), "");
    assert_string_equal(keys(m), "ConfigMap/other/own ConfigMap/web/open Namespace//ns "
                                 "Other.example.com//unknown Planet.example.com//wide "
                                 "Widget.example.com/web/known");
    assert_null(strstr(object(m, "Namespace//ns"), "namespace"));
    assert_string_equal(m->out.bundle->spec.namespace, "web");
}

static void a_namespaced_object_needs_a_namespace_from_somewhere(void **state) {
    struct making *m = *state;

    m->in.namespace = "";
    add(m, "a.yaml", "# comment\n" CONFIG);
    assert_string_equal(render(m), "a.yaml:2:1: ConfigMap 'cfg' has no namespace: set "
                                   "metadata.namespace here or spec.namespace of the App");
}

static void an_object_that_is_there_twice_is_told_with_both_places(void **state) {
    struct making *m = *state;

    add(m, "b.yaml", "# comment\n" CONFIG);
    add(m, "a.yaml", CONFIG);
    assert_string_equal(render(m), "b.yaml:2:1: ConfigMap/web/cfg is defined at a.yaml line 1 "
                                   "already: remove one of them, or give it another name or "
                                   "namespace");
}

static void all_that_is_wrong_is_told_at_once(void **state) {
    struct making *m = *state;

    add(m, "a.yaml", CONFIG "---\n" CONFIG "---\n" CONFIG "data:\n  a: ${x}\n  b: ${y:=3}\n");
    assert_string_equal(
        render(m),
        "a.yaml:13:6: variable 'x' is not defined: set it in the values of the App, the target or "
        "the Cluster, or write ${x:=default}, or $${x} for the text itself\n"
        "a.yaml:5:1: ConfigMap/web/cfg is defined at a.yaml line 1 already: remove one of them, "
        "or give it another name or namespace");
}

static void a_comment_at_its_top_switches_variables_off_for_a_file(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "\xEF\xBB\xBF\n# a script\n#holdfast: substitute=off\r\n---\n" CONFIG
        "data: {a: '${x} ${1}'}\n");
    add(m, "b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"
        "# holdfast: substitute=off\ndata: {a: '${x:=3}'}\n");
    assert_string_equal(render(m), "");
    assert_non_null(strstr(object(m, "ConfigMap/web/cfg"), "\"a\": \"${x} ${1}\""));
    assert_non_null(strstr(object(m, "ConfigMap/web/b"), "\"a\": \"3\""));
}

static void names_of_members_are_found_where_they_stand(void **state) {
    struct making *m = *state;

    add(m, "a.yaml", CONFIG "data:\n  é${x}:\n    a: 1\n  \"b${y}\": 2\n");
    assert_string_equal(
        render(m),
        "a.yaml:5:4: variable 'x' is not defined: set it in the values of the App, the target or "
        "the Cluster, or write ${x:=default}, or $${x} for the text itself\n"
        "a.yaml:7:5: variable 'y' is not defined: set it in the values of the App, the target or "
        "the Cluster, or write ${y:=default}, or $${y} for the text itself");
}

static void a_readable_secret_needs_leave(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: pw}\nstringData:\n  a: b\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: empty}\n");
    assert_string_equal(render(m), "a.yaml:5:3: Secret 'pw' stands in Git for all to read: take it "
                                   "out, or set spec.plainSecrets of the App to 'allow'");
    m->in.plain_secrets = true;
    assert_string_equal(render(m), "");
    const struct hub_object *secret = &m->out.bundle->spec.objects[1];
    assert_string_equal(secret->key, "Secret/web/pw");
    assert_true(secret->secret);
    struct cm_sha256 plain = cm_sha256(secret->bytes->data, secret->bytes->size);
    struct cm_sha256 keyed =
        cm_hmac_sha256(m->in.secret_key, 32, secret->bytes->data, secret->bytes->size);
    assert_false(cm_sha256_equal(&plain, &secret->sha256));
    assert_true(cm_sha256_equal(&keyed, &secret->sha256));
    m->in.plain_secrets = false; // what is remembered has leave no more
    assert_string_not_equal(render(m), "");
}

static void an_annotation_keeps_an_object_and_a_wrong_one_is_told(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  annotations: "
        "{holdfast.dev/prune: disabled}\n");
    assert_string_equal(render(m), "");
    assert_false(m->out.bundle->spec.objects[0].keep);
    assert_true(m->out.bundle->spec.objects[1].keep);
    add(m, "b.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  annotations: "
        "{holdfast.dev/prune: no way}\n");
    assert_string_equal(render(m),
                        "b.yaml:1:1: the annotation holdfast.dev/prune is 'no way': write "
                        "'disabled' to keep the object, or 'enabled'");
}

static void an_object_of_a_megabyte_is_fine_and_five_are_too_much(void **state) {
    struct making *m = *state;
    size_t size = 5 << 20;
    CM_AUTOFREE char *text = cm_new(1, size + 200);

    memcpy(text, CONFIG "data: {a: '", strlen(CONFIG) + 11);
    memset(text + strlen(text), 'x', 1 << 20);
    memcpy(text + strlen(text), "'}\n", 3);
    add(m, "a.yaml", text);
    assert_string_equal(render(m), "");
    memset(text, 0, size + 200);
    memcpy(text, CONFIG "data: {a: '", strlen(CONFIG) + 11);
    memset(text + strlen(text), 'x', size);
    memcpy(text + strlen(text), "'}\n", 3);
    hub_source_free(m->sources[--m->source_count]);
    add(m, "a.yaml", text);
    assert_string_equal(render(m), "a.yaml:1:1: ConfigMap 'cfg' has 5243020 bytes, more than the "
                                   "4194304 that an object may have: split it");
}

static void an_object_that_agents_could_not_read_is_refused(void **state) {
    struct making *m = *state;
    struct cm_str values = {0};
    struct cm_str text = {0};

    cm_str_add(&values, "{\"a\": ");
    cm_str_add(&text, CONFIG "data: ");
    for (int i = 0; i < 40; i++) {
        cm_str_add(&values, "[");
        cm_str_add(&text, "\n");
        for (int k = 0; k <= i; k++) {
            cm_str_add_char(&text, ' ');
        }
        cm_str_add(&text, "x:");
    }
    cm_str_add(&text, " ${a}\n");
    for (int i = 0; i < 40; i++) {
        cm_str_add(&values, "]");
    }
    cm_str_add(&values, "}");
    set_values(m, cm_str_get(&values));
    add(m, "a.yaml", cm_str_get(&text));
    assert_string_equal(render(m), "a.yaml:1:1: ConfigMap 'cfg' is nested more than 64 levels "
                                   "deep, more than agents read: make it flatter");
    cm_str_done(&values);
    cm_str_done(&text);
}

static void values_that_are_named_often_do_not_fill_the_memory(void **state) {
    struct making *m = *state;
    CM_AUTOFREE char *values = cm_new(1, 300000);
    CM_AUTOFREE char *text = cm_new(1, 100000);

    memcpy(values, "{\"v\": \"", 7);
    memset(values + 7, 'x', 200000);
    memcpy(values + 200007, "\", \"l\": [", 9);
    for (size_t i = 0; i < 20000; i++) {
        memcpy(values + 200016 + 2 * i, "1,", 2);
    }
    memcpy(values + 200016 + 39999, "]}", 3);
    set_values(m, values);
    memcpy(text, CONFIG "data:\n  a: \"", strlen(CONFIG) + 12);
    for (size_t i = 0; i < 2000; i++) {
        memcpy(text + strlen(text), "${v}", 5);
    }
    memcpy(text + strlen(text), "\"\n", 3);
    add(m, "a.yaml", text);
    assert_string_equal(render(m), "a.yaml:1:1: with its variables put in the object has more than "
                                   "the 4194304 bytes that one may have: split it, or use smaller "
                                   "values");
    memcpy(text, CONFIG "data:\n", strlen(CONFIG) + 7);
    text[strlen(CONFIG) + 6] = '\0';
    for (size_t i = 0; i < 2000; i++) {
        (void)snprintf(text + strlen(text), 40, "  k%zu: ${l}\n", i);
    }
    hub_source_free(m->sources[--m->source_count]);
    add(m, "a.yaml", text);
    assert_non_null(strstr(render(m), "with its variables put in"));
}

static void an_app_of_too_many_bytes_or_objects_is_refused(void **state) {
    struct making *m = *state;
    struct cm_str text = {0};
    CM_AUTOFREE char *value = cm_new(1, 3000001);
    CM_AUTOFREE char *json = cm_new(1, 3000100);

    memset(value, 'x', 3000000);
    (void)snprintf(json, 3000100, "{\"v\": \"%s\"}", value);
    set_values(m, json);
    for (int i = 0; i < 30; i++) {
        cm_str_addf(&text,
                    "{apiVersion: v1, kind: ConfigMap, metadata: {name: c%d}, data: {v: '${v}'}}\n"
                    "---\n",
                    i);
    }
    add(m, "a.yaml", cm_str_get(&text));
    assert_string_equal(render(m), "apps/shop/app.yaml:0:0: the objects of the App have more than "
                                   "67108864 bytes: split the App");
    cm_str_done(&text);
    m->in.template_count = HUB_BUNDLE_OBJECTS_MAX + 1;
    assert_false(hub_render(&m->in, &m->out, &m->diags));
    m->said[0] = '\0';
    say(m, &m->diags);
    assert_non_null(strstr(m->said, "apps/shop/app.yaml:0:0: the App has 100001 objects, more than "
                                    "100000: split the App"));
}

static void names_that_do_not_fit_into_a_bundle_are_told(void **state) {
    struct making *m = *state;
    struct cm_str text = {0};
    CM_AUTOFREE struct hub_template **templates = cm_new(36000, sizeof(struct hub_template *));

    for (int i = 0; i < 36000; i++) {
        cm_str_addf(&text,
                    "{apiVersion: \"${n}/v1\", kind: Other, metadata: {name: \"${n}%d\"}}\n---\n",
                    i);
    }
    set_values(m, "{\"n\": \"" LONG LONG LONG LONG LONG LONG LONG LONG "\"}");
    add(m, "a.yaml", cm_str_get(&text));
    for (size_t i = 0; i < m->sources[0]->count; i++) {
        templates[i] = &m->sources[0]->templates[i];
    }
    m->in.templates = templates;
    m->in.template_count = m->sources[0]->count;
    assert_false(hub_render(&m->in, &m->out, &m->diags));
    say(m, &m->diags);
    assert_string_equal(m->said, "apps/shop/app.yaml:0:0: the names of the App's 36000 objects do "
                                 "not fit into a bundle: split the App");
    cm_str_done(&text);
}

static void objects_that_come_out_the_same_are_shared(void **state) {
    struct making *m = *state;

    add(m, "a.yaml",
        CONFIG "---\n{apiVersion: v1, kind: Service, metadata: {name: s}, spec: "
               "{externalName: \"${cluster.name}\"}}\n");
    assert_string_equal(render(m), "");
    struct cm_buf *config = cm_buf_ref(m->out.bundle->spec.objects[0].bytes);
    struct cm_buf *service = cm_buf_ref(m->out.bundle->spec.objects[1].bytes);
    m->in.values.cluster = "rome";
    assert_string_equal(render(m), "");
    assert_ptr_equal(m->out.bundle->spec.objects[0].bytes, config);
    assert_ptr_not_equal(m->out.bundle->spec.objects[1].bytes, service);
    cm_buf_unref(config);
    cm_buf_unref(service);
}

static void rendering_twice_gives_the_same_bytes(void **state) {
    struct making *m = *state;

    add(m, "a.yaml", CONFIG "data: {b: '2', a: '1', c: '${cluster.name}'}\n");
    assert_string_equal(render(m), "");
    struct cm_sha256 first = m->out.bundle->sha256;
    hub_render_forget(&m->sources[0]->templates[0]);
    assert_string_equal(render(m), "");
    assert_true(cm_sha256_equal(&first, &m->out.bundle->sha256));
}

static void objects_know_where_they_were_written(void **state) {
    struct making *m = *state;

    add(m, "z.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n");
    add(m, "a.yaml", "\n\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n");
    assert_string_equal(render(m), "");
    assert_string_equal((const char *)m->out.places[0].path->data, "z.yaml");
    assert_int_equal(m->out.places[1].line, 3);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_plain_scalar_keeps_the_type_of_its_value),
        TEST(a_quoted_scalar_becomes_a_string),
        TEST(names_may_be_written_in_escapes),
        TEST(in_json_a_value_keeps_its_type),
        TEST(a_brace_makes_no_json),
        TEST(what_is_said_is_utf8_though_it_was_cut),
        TEST(names_of_members_and_objects_may_have_variables),
        TEST(an_undefined_variable_is_told_with_its_place),
        TEST(a_malformed_variable_is_told_with_its_place),
        TEST(labels_that_no_cluster_takes_are_told),
        TEST(labels_are_checked_once_variables_are_put_in),
        TEST(what_a_cluster_lacks_is_told_as_such),
        TEST(of_a_secret_nothing_is_quoted),
        TEST(a_map_within_a_text_is_an_error),
        TEST(two_names_that_become_one_are_an_error),
        TEST(substitution_is_switched_off_by_an_annotation),
        TEST(how_an_object_may_be_changed_is_read_from_annotations),
        TEST(what_flux_would_leave_alone_is_a_problem_unless_it_is_said_how_to_apply_it),
        TEST(what_an_annotation_does_not_mean_is_told_where_it_was_written),
        TEST(rules_about_differences_go_to_the_objects_that_they_are_about),
        TEST(a_rule_may_depend_on_an_object_named_like_the_one_that_it_is_about),
        TEST(a_field_to_ignore_that_is_none_is_told_where_it_was_written),
        TEST(an_annotation_that_ignores_nothing_or_too_much_is_told),
        TEST(lists_are_flattened_and_documents_are_many),
        TEST(lists_are_not_nested_for_ever),
        TEST(what_is_no_manifest_is_refused),
        TEST(every_kind_gets_the_namespace_that_it_should),
        TEST(a_namespaced_object_needs_a_namespace_from_somewhere),
        TEST(an_object_that_is_there_twice_is_told_with_both_places),
        TEST(all_that_is_wrong_is_told_at_once),
        TEST(a_comment_at_its_top_switches_variables_off_for_a_file),
        TEST(names_of_members_are_found_where_they_stand),
        TEST(a_readable_secret_needs_leave),
        TEST(an_annotation_keeps_an_object_and_a_wrong_one_is_told),
        TEST(an_object_of_a_megabyte_is_fine_and_five_are_too_much),
        TEST(an_object_that_agents_could_not_read_is_refused),
        TEST(values_that_are_named_often_do_not_fill_the_memory),
        TEST(an_app_of_too_many_bytes_or_objects_is_refused),
        TEST(names_that_do_not_fit_into_a_bundle_are_told),
        TEST(objects_that_come_out_the_same_are_shared),
        TEST(rendering_twice_gives_the_same_bytes),
        TEST(objects_know_where_they_were_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
