#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/str.h"
#include "edition_case.h"
#include "hub/render/render.h"

#define WEB                                                                                        \
    "---\n"                                                                                        \
    "apiVersion: apps/v1\n"                                                                        \
    "kind: Deployment\n"                                                                           \
    "metadata: {name: web, labels: {tier: front}}\n"                                               \
    "spec: {replicas: 1, template: {spec: {containers: [{name: a, image: \"shop:${tag}\"}]}}}\n"
#define CONFIG                                                                                     \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {name: cfg}\n"                                                                      \
    "data:\n"                                                                                      \
    "  a: ${a}\n"

// What a case has come to: all that is said, or the objects in their order, in compact form.
struct outcome {
    char text[8192];
};

static void say(struct outcome *o, const struct hub_diags *diags) {
    size_t used = strlen(o->text);

    for (size_t i = 0; i < diags->count && used < sizeof(o->text); i++) {
        const struct hub_diag *d = &diags->items[i];
        used += (size_t)snprintf(o->text + used, sizeof(o->text) - used, "%s%s:%u:%u: %s",
                                 used > 0 ? "\n" : "", d->path, d->line, d->column, d->message);
    }
}

static void show(struct outcome *o, struct cm_arena *a, const struct hub_bundle *bundle) {
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    for (size_t i = 0; i < bundle->spec.object_count; i++) {
        const struct cm_buf *bytes = bundle->spec.objects[i].bytes;
        struct cm_json *object;
        struct cm_err err;

        assert_int_equal(
            cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &object, &err), CM_OK);
        cm_str_add(&out, i > 0 ? "\n" : "");
        cm_json_write_compact(object, &out);
    }
    (void)snprintf(o->text, sizeof(o->text), "%s", cm_str_get(&out));
}

static void render(struct edition_case *c, const struct hub_edition *e, const char *values,
                   struct outcome *o, struct hub_diags *diags) {
    static const uint8_t key[32] = "key";
    struct hub_render_input in = {.app = "shop",
                                  .namespace = "web",
                                  .path = "app.yaml",
                                  .templates = e->templates,
                                  .template_count = e->count,
                                  .values = {.cluster = "paris"},
                                  .secret_key = key};
    struct hub_rendered out = {0};
    struct cm_json *layer;
    struct cm_err err;

    assert_int_equal(cm_json_parse(c->a, values, strlen(values), NULL, &layer, &err), CM_OK);
    in.values.layers[0] = layer;
    if (hub_render(&in, &out, diags)) {
        show(o, c->a, out.bundle);
    }
    hub_rendered_done(&out);
}

// outcome_of makes the edition and renders it.
static const char *outcome_of(const char *text, const char *values) {
    static struct outcome o;
    struct edition_case c;
    struct hub_diags diags = {0};

    open_case(&c, text);
    o.text[0] = '\0';
    struct hub_edition *e = make_edition(&c, &diags);
    assert_true((e == NULL) == (diags.count > 0));
    if (e != NULL) {
        render(&c, e, values, &o, &diags);
    }
    say(&o, &diags);
    hub_diags_done(&diags);
    hub_edition_free(e);
    close_case(&c);
    return o.text;
}

static void variables_stay_open_in_all_that_is_put_in(void **state) {
    (void)state;
    assert_string_equal(
        outcome_of("overlays:\n"
                   "- merge:\n"
                   "    apiVersion: apps/v1\n"
                   "    kind: Deployment\n"
                   "    metadata: {name: web}\n"
                   "    spec:\n"
                   "      replicas: ${n}\n"
                   "      paused: \"${n}\"\n"
                   "- target: {kind: Deployment}\n"
                   "  jsonPatch: [{op: add, path: /spec/x, value: {\"${k}\": '${n} of it'}}]\n"
                   "labels:\n"
                   "  number: ${n}\n" WEB,
                   "{\"n\": 3, \"k\": \"key\", \"tag\": 7}"),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{\"number\":"
        "\"3\",\"tier\":\"front\"},\"name\":\"web\",\"namespace\":\"web\"},\"spec\":{\"paused\":"
        "\"3\",\"replicas\":3,\"template\":{\"spec\":{\"containers\":[{\"image\":\"shop:7\","
        "\"name\""
        ":\"a\"}]}},\"x\":{\"key\":\"3 of it\"}}}");
}

static void an_undefined_variable_is_where_its_text_is(void **state) {
    (void)state;
    assert_string_equal(
        outcome_of("overlays:\n"
                   "- merge:\n"
                   "    apiVersion: apps/v1\n"
                   "    kind: Deployment\n"
                   "    metadata: {name: web}\n"
                   "    spec:\n"
                   "      replicas: ${n}\n"
                   "- path: eu.yaml\n"
                   "- target: {kind: ConfigMap}\n"
                   "  jsonPatch:\n"
                   "  - {op: copy, from: /data, path: /metadata/annotations}\n"
                   "files:\n"
                   "  eu.yaml: |\n"
                   "    # eu\n"
                   "    apiVersion: v1\n"
                   "    kind: ConfigMap\n"
                   "    metadata: {name: cfg}\n"
                   "    data:\n"
                   "      b: |\n"
                   "        first ${one}\n"
                   "        and ${two}\n"
                   "      ${key}: x\n"
                   "labels:\n"
                   "  team: ${team}\n" WEB CONFIG,
                   "{\"one\": 1, \"a\": 1, \"tage\": 1}"),
        "app.yaml:24:9: variable 'team' is not defined: set it in the values of the App, the "
        "target "
        "or the Cluster, or write ${team:=default}, or $${team} for the text itself\n"
        "app.yaml:7:17: variable 'n' is not defined: set it in the values of the App, the target "
        "or the Cluster, or write ${n:=default}, or $${n} for the text itself\n"
        "base.yaml:4:75: variable 'tag' is not defined: did you mean 'tage'? Set it in the values "
        "of the App, the target or the Cluster, or write ${tag:=default}\n"
        "eu.yaml:8:9: variable 'two' is not defined: set it in the values of the App, the target "
        "or the Cluster, or write ${two:=default}, or $${two} for the text itself\n"
        "eu.yaml:9:3: variable 'key' is not defined: set it in the values of the App, the target "
        "or the Cluster, or write ${key:=default}, or $${key} for the text itself");
}

static void assert_says(const char *text, const char *words) {
    assert_string_equal(outcome_of(text, "{\"a\": 1, \"tag\": 1}"), words);
}

static void an_overlay_that_matches_nothing_is_an_error(void **state) {
    (void)state;
    assert_says(
        "overlays:\n"
        "- merge: {apiVersion: apps/v1, kind: Deployment, metadata: {name: wbe}}\n"
        "- merge: {apiVersion: v1, kind: Deployment, metadata: {name: web}}\n"
        "- merge: {metadata: {name: web}}\n"
        "- target: {kind: Deploymnet}\n"
        "  remove: true\n"
        "- target: {kind: Deployment, name: wab}\n"
        "  jsonPatch: []\n"
        "- target: {labelSelector: {matchLabels: {tier: back}}}\n"
        "  merge: {spec: {replicas: 2}}\n"
        "- path: eu.yaml\n"
        "- jsonPatch: []\n"
        "files:\n"
        "  eu.yaml: |\n"
        "    apiVersion: v1\n"
        "    kind: ConfigMap\n"
        "    metadata: {name: cgf}\n"
        "images: [{name: shpo, newTag: '1'}]\n" WEB CONFIG,
        "app.yaml:2:10: the App has no Deployment.apps 'wbe' that this could change: did you mean "
        "'web'? Or correct apiVersion, kind or metadata.name, or remove the overlay\n"
        "app.yaml:3:10: the App has no Deployment 'web' that this could change: correct "
        "apiVersion, kind or metadata.name, or remove the overlay\n"
        "app.yaml:4:10: this does not say which object it changes: give it apiVersion, kind and "
        "metadata.name, or a target\n"
        "app.yaml:5:11: the target selects none of the App's objects: did you mean 'Deployment'? "
        "Correct it, or remove the overlay\n"
        "app.yaml:7:11: the target selects none of the App's objects: did you mean 'web'? Correct "
        "it, or remove the overlay\n"
        "app.yaml:9:11: the target selects none of the App's objects: correct it, or remove the "
        "overlay\n"
        "eu.yaml:1:1: the App has no ConfigMap 'cgf' that this could change: did you mean 'cfg'? "
        "Or correct apiVersion, kind or metadata.name, or remove the overlay\n"
        "app.yaml:12:3: the overlay does not say which objects it means: add a target\n"
        "app.yaml:18:10: no container of the App has the image 'shpo': write its name as in the "
        "manifests, without tag and digest, or remove the entry");
}

static void an_overlay_finds_its_object_without_a_namespace(void **state) {
    (void)state;
    assert_says("overlays:\n"
                "- merge: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {b: x}}\n"
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: one}\n",
                "{\"apiVersion\":\"v1\",\"data\":{\"b\":\"x\"},\"kind\":\"ConfigMap\",\"metadata\":"
                "{\"name\":\"c\",\"namespace\":\"one\"}}");
    assert_says("overlays:\n"
                "- merge: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {b: x}}\n"
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: one}\n"
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: two}\n",
                "app.yaml:2:10: the App has ConfigMap 'c' in several namespaces, among them 'one' "
                "and 'two': set metadata.namespace in the overlay");
    assert_says("overlays:\n"
                "- merge: {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: b}}\n"
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
                "app.yaml:2:10: the App has ConfigMap 'c' without a namespace of its own and not "
                "in 'b': leave metadata.namespace out of the overlay, or correct it");
}

static void a_merge_does_not_rename(void **state) {
    (void)state;
    assert_says(
        "overlays:\n"
        "- target: {kind: ConfigMap}\n"
        "  merge: {apiVersion: v2, kind: Other, metadata: {name: x, namespace: q}}\n" CONFIG,
        "{\"apiVersion\":\"v1\",\"data\":{\"a\":1},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
        "\"cfg\",\"namespace\":\"web\"}}");
    assert_says("overlays:\n"
                "- target: {kind: ConfigMap}\n"
                "  merge: {$patch: replace, data: {b: x}}\n" CONFIG,
                "{\"apiVersion\":\"v1\",\"data\":{\"b\":\"x\"},\"kind\":\"ConfigMap\",\"metadata\":"
                "{\"name\":\"cfg\",\"namespace\":\"web\"}}");
}

static void a_replaced_object_is_written_in_app_yaml(void **state) {
    (void)state;
    assert_says("overlays:\n"
                "- replace:\n"
                "    apiVersion: v1\n"
                "    kind: ConfigMap\n"
                "    metadata: {name: cfg}\n"
                "    data: {x: x}\n" CONFIG,
                "{\"apiVersion\":\"v1\",\"data\":{\"x\":\"x\"},\"kind\":\"ConfigMap\",\"metadata\":"
                "{\"name\":\"cfg\",\"namespace\":\"web\"}}");
    assert_says("overlays:\n"
                "- replace:\n"
                "    apiVersion: v1\n"
                "    kind: ConfigMap\n"
                "    metadata: {name: cfg}\n"
                "    data:\n"
                "      x: ${y}\n" CONFIG,
                "app.yaml:7:10: variable 'y' is not defined: set it in the values of the App, the "
                "target or the Cluster, or write ${y:=default}, or $${y} for the text itself");
}

static void what_is_wrong_in_an_overlay_has_its_place(void **state) {
    (void)state;
    assert_says(
        "overlays:\n"
        "- target: {}\n"
        "  jsonPatch:\n"
        "  - {op: add, path: /data/b, value: x}\n"
        "  - op: replace\n"
        "    path: /data/c/d\n"
        "    value: 1\n"
        "- path: eu.yaml\n"
        "- target: {kind: ConfigMap}\n"
        "  jsonPatch: [{op: replace, path: '', value: 3}]\n"
        "- target: {kind: ConfigMap}\n"
        "  merge:\n"
        "    data:\n"
        "      a: ${1}\n"
        "images:\n"
        "- {newTag: a}\n"
        "- {name: shop, newTag: a, digest: b}\n"
        "files:\n"
        "  eu.yaml: |\n"
        "    apiVersion: v1\n"
        "    kind: ConfigMap\n"
        "    metadata: {name: cfg}\n"
        "    data:\n"
        "      $patch: away\n" WEB CONFIG,
        "app.yaml:4:21: Deployment 'web': the object has no '/data' here: check the path, or add "
        "what is missing first\n"
        "app.yaml:6:11: ConfigMap 'cfg': the object has no '/data/c' here: check the path, or add "
        "what is missing first\n"
        "eu.yaml:5:11: '$patch' is 'delete', 'replace' or 'merge', not 'away'\n"
        "app.yaml:10:14: the operations make a number of the object: leave the path \"\" alone\n"
        "app.yaml:14:10: this begins no variable: write ${name} or ${name:=default}, or $${ for a "
        "literal ${\n"
        "app.yaml:16:3: an image needs a 'name'\n"
        "app.yaml:17:3: an image has a newTag or a digest, not both: remove one");
    assert_says("overlays:\n"
                "- target: {kind: ConfigMap}\n"
                "  jsonPatch: [{op: remove, path: /metadata/name}]\n" CONFIG,
                "base.yaml:3:11: metadata.name is missing: add it");
}

static void a_secret_that_an_overlay_made_readable_is_told_there(void **state) {
    (void)state;
    assert_says("overlays: [{path: eu.yaml}]\n"
                "files:\n"
                "  eu.yaml: |\n"
                "    apiVersion: v1\n"
                "    kind: Secret\n"
                "    metadata: {name: s}\n"
                "    stringData: {a: b}\n"
                "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
                "eu.yaml:4:13: Secret 's' stands in Git for all to read: take it out, or set "
                "spec.plainSecrets of the App to 'allow'");
}

static void images_keep_and_bring_variables(void **state) {
    (void)state;
    assert_says("images: [{name: shop, newName: 'reg:5000/shop'}]\n" WEB,
                "{\"apiVersion\":\"apps/"
                "v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{\"tier\":\"front\"},"
                "\"name\":\"web\",\"namespace\":\"web\"},\"spec\":{\"replicas\":1,\"template\":{"
                "\"spec\":{\"containers\":[{\"image\":\"reg:5000/shop:1\",\"name\":\"a\"}]}}}}");
    assert_says("images: [{name: shop, newTag: \"${tga}\"}]\n" WEB,
                "app.yaml:1:32: variable 'tga' is not defined: did you mean 'tag'? Set it in the "
                "values of the App, the target or the Cluster, or write ${tga:=default}");
    assert_says("images: [{name: shop, newName: \"${rge}/x\", newTag: '1'}]\n" WEB,
                "app.yaml:1:33: variable 'rge' is not defined: set it in the values of the App, "
                "the target or the Cluster, or write ${rge:=default}, or $${rge} for the text "
                "itself");
    assert_says("images: [{name: shop, newTag: \"v${tag}\"}]\n" WEB,
                "{\"apiVersion\":\"apps/"
                "v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{\"tier\":\"front\"},"
                "\"name\":\"web\",\"namespace\":\"web\"},\"spec\":{\"replicas\":1,\"template\":{"
                "\"spec\":{\"containers\":[{\"image\":\"shop:v1\",\"name\":\"a\"}]}}}}");
    assert_string_equal(
        outcome_of("images: [{name: shop, newName: other}]\n" WEB, "{}"),
        "base.yaml:4:75: variable 'tag' is not defined: set it in the values of the App, the "
        "target or the Cluster, or write ${tag:=default}, or $${tag} for the text itself");
}

static void a_target_is_stronger_than_its_app(void **state) {
    (void)state;
    assert_says("labels: {a: app, b: app}\n"
                "annotations: {a: app}\n"
                "images: [{name: shop, newName: reg/shop, newTag: '1'}]\n"
                "target:\n"
                "  labels: {b: target}\n"
                "  annotations: {b: target}\n"
                "  images: [{name: shop, digest: 'sha256:1'}]\n" WEB,
                "{\"apiVersion\":\"apps/"
                "v1\",\"kind\":\"Deployment\",\"metadata\":{\"annotations\":{\"a\":\"app\",\"b\":"
                "\"target\"},\"labels\":{\"a\":\"app\",\"b\":\"target\",\"tier\":\"front\"},"
                "\"name\":\"web\",\"namespace\":\"web\"},\"spec\":{\"replicas\":1,\"template\":{"
                "\"spec\":{\"containers\":[{\"image\":\"reg/shop@sha256:1\",\"name\":\"a\"}]}}}}");
}

static void literal_texts_have_no_variables(void **state) {
    (void)state;
    assert_says(
        "overlays:\n"
        "- path: eu.yaml\n"
        "files:\n"
        "  eu.yaml: |\n"
        "    # holdfast: substitute=off\n"
        "    apiVersion: v1\n"
        "    kind: ConfigMap\n"
        "    metadata: {name: cfg}\n"
        "    data: {b: '${x} ${1} $${y}'}\n" CONFIG,
        "{\"apiVersion\":\"v1\",\"data\":{\"a\":1,\"b\":\"${x} ${1} "
        "$${y}\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\",\"namespace\":\"web\"}}");
    assert_says(
        "literal: true\n"
        "overlays:\n"
        "- target: {kind: ConfigMap}\n"
        "  merge: {data: {b: '${x} ${1}'}}\n" CONFIG,
        "{\"apiVersion\":\"v1\",\"data\":{\"a\":1,\"b\":\"${x} "
        "${1}\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\",\"namespace\":\"web\"}}");
    assert_says("overlays:\n"
                "- target: {kind: ConfigMap}\n"
                "  merge: {metadata: {annotations: {holdfast.dev/substitute: disabled}}}\n" CONFIG,
                "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"${a}\"},\"kind\":\"ConfigMap\","
                "\"metadata\":{\"annotations\":{\"holdfast.dev/"
                "substitute\":\"disabled\"},\"name\":\"cfg\",\"namespace\":\"web\"}}");
}

static void all_editions_of_an_app_share_a_limit(void **state) {
    struct edition_case c;
    struct hub_diags diags = {0};

    (void)state;
    open_case(&c, "labels: {a: b}\n" WEB CONFIG);
    c.spent = ((size_t)512 << 20) - 2000;
    assert_null(make_edition(&c, &diags));
    assert_int_equal(diags.count, 1);
    CM_AUTOFREE char *said = cm_strf("%s:%u:%u: %s", diags.items[0].path, diags.items[0].line,
                                     diags.items[0].column, diags.items[0].message);
    assert_string_equal(said,
                        "app.yaml:0:0: with what App and targets change the objects take more "
                        "than 512 MiB of memory: change fewer objects, give targets the same "
                        "changes, or split the App");
    hub_diags_done(&diags);
    c.spent /= 2;
    struct hub_edition *e = make_edition(&c, &diags);
    assert_in_range(hub_edition_size(e), 1, 100000);
    hub_edition_free(e);
    close_case(&c);
}

static void what_nothing_changes_is_the_input_s_own(void **state) {
    struct edition_case c;
    struct hub_diags diags = {0};

    (void)state;
    open_case(&c, "overlays: [{target: {kind: ConfigMap}, merge: {data: {b: x}}}]\n" WEB CONFIG);
    struct hub_edition *e = make_edition(&c, &diags);
    assert_non_null(e);
    assert_int_equal(e->count, 2);
    assert_ptr_equal(e->templates[0], &c.base->templates[0]);
    assert_ptr_not_equal(e->templates[1], &c.base->templates[1]);
    assert_int_equal(e->used_count, 2);
    assert_string_equal(e->used[0], "a");
    assert_string_equal(e->used[1], "tag");
    hub_edition_free(e);
    close_case(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_stay_open_in_all_that_is_put_in),
        cmocka_unit_test(an_undefined_variable_is_where_its_text_is),
        cmocka_unit_test(an_overlay_that_matches_nothing_is_an_error),
        cmocka_unit_test(an_overlay_finds_its_object_without_a_namespace),
        cmocka_unit_test(a_merge_does_not_rename),
        cmocka_unit_test(a_replaced_object_is_written_in_app_yaml),
        cmocka_unit_test(what_is_wrong_in_an_overlay_has_its_place),
        cmocka_unit_test(a_secret_that_an_overlay_made_readable_is_told_there),
        cmocka_unit_test(images_keep_and_bring_variables),
        cmocka_unit_test(a_target_is_stronger_than_its_app),
        cmocka_unit_test(literal_texts_have_no_variables),
        cmocka_unit_test(all_editions_of_an_app_share_a_limit),
        cmocka_unit_test(what_nothing_changes_is_the_input_s_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
