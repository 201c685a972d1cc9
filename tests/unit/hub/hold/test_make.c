#include "release.h"

static const struct hub_hold_delta *delta_at(const struct hub_hold *hold, const char *at) {
    for (size_t i = 0; i < hold->delta_count; i++) {
        if (strcmp(hold->delta[i].at, at) == 0) {
            return &hold->delta[i];
        }
    }
    return NULL;
}

static void an_image_is_the_identity_and_all_else_that_differs_the_delta(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold =
        must_make(WORKLOAD("image: 'reg/checkout:1.4.2', env: [{name: X, value: 'off'}]", ""),
                  WORKLOAD("image: 'reg/checkout:1.5.0', env: [{name: X, value: 'on'}]", ""));
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_int_equal(hold->identity_count, 1);
    assert_string_equal(hold->identity[0].object, WORKLOAD_KEY);
    assert_string_equal(hold->identity[0].at, IMAGE_AT);
    assert_int_equal(hold->delta_count, 2);
    const struct hub_hold_delta *env =
        delta_at(hold, "/spec/template/spec/containers/[name=main]/env/[name=X]/value");
    assert_string_equal(env->bad->text, "on");
    assert_string_equal(env->use->text, "off");
    assert_int_equal(hold->cluster_count, 2);
    assert_string_equal(hold->clusters[0], "eu-001");
    assert_memory_equal(hold->name, "checkout-1.5.0-", 15);
    assert_string_equal(hub_hold_restored(a, hold), "1.4.2");
    assert_string_equal(hold->cause.text, "Failed checks threshold reached 5");
}

static void without_an_image_what_changed_is_the_identity_but_for_stamps(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_make(
        WORKLOAD("image: 'reg/checkout:1.4.2', env: [{name: X, value: 'off'}]", ""),
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: checkout, namespace: prod}\n"
        "spec: {template: {metadata: {annotations: {stamp: c2}}, spec: {containers: [{name: main, "
        "image: 'reg/checkout:1.4.2', env: [{name: X, value: 'off'}, {name: W, value: z}]}]}}}\n");

    (void)state;
    assert_int_equal(hold->identity_count, 1);
    assert_string_equal(hold->identity[0].at,
                        "/spec/template/spec/containers/[name=main]/env/[name=W]");
    assert_non_null(delta_at(hold, "/spec/template/metadata/annotations/stamp"));
    assert_non_null(delta_at(hold, "/spec/template/spec/containers/[name=main]/env"));
}

#define WITH_SETTINGS "image: 'reg/c:1', envFrom: [{configMapRef: {name: settings}}]"
#define SETTINGS(data)                                                                             \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: prod}\n"          \
    "data: " data "\n"

static void keys_of_configmaps_that_it_refers_to_are_identity_and_delta(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_make(WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: info, x: z}"),
                                      WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: debug, x: z}"));

    (void)state;
    assert_int_equal(hold->identity_count, 1);
    assert_string_equal(hold->identity[0].object, "ConfigMap/prod/settings");
    assert_string_equal(hold->identity[0].at, "/data/level");
    assert_string_equal(hold->identity[0].value->text, "debug");
    assert_int_equal(hold->delta_count, 1);
    assert_string_equal(hold->delta[0].use->text, "info");
}

static void a_shared_configmap_needs_a_human(void **state) {
    static const char other[] =
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other, namespace: prod}\n"
        "spec: {template: {spec: {containers: [{name: o, env: [{name: A, valueFrom: "
        "{configMapKeyRef: {name: settings, key: level}}}]}]}}}\n";
    CM_AUTOFREE char *good =
        cm_strf("%s%s", WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: info}"), other);
    CM_AUTOFREE char *bad =
        cm_strf("%s%s", WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: debug}"), other);
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(good, bad, &hold, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "Deployment.apps/prod/other uses it too"));
}

static void of_several_configmaps_the_shared_one_is_told(void **state) {
#define TWO                                                                                        \
    "      volumes: [{name: v, configMap: {name: mine}}, {name: w, configMap: {name: ours}}]\n"
#define PAIR(value)                                                                                \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: prod}\n"              \
    "data: {a: " value "}\n"                                                                       \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours, namespace: prod}\n"              \
    "data: {a: " value "}\n"
#define BESIDE(name)                                                                               \
    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " name ", namespace: prod}\n"    \
    "spec: {template: {spec: {volumes: [{configMap: {name: ours}}, {configMap: {name: x}}]}}}\n"
    static const char good[] = WORKLOAD("image: a", TWO) PAIR("one") BESIDE("o") BESIDE("p");
    static const char bad[] = WORKLOAD("image: a", TWO) PAIR("two") BESIDE("o") BESIDE("p");
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(good, bad, &hold, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "ConfigMap/prod/ours changed with the release, and "
                                    "Deployment.apps/prod/o uses it too"));
}

#define VOLUME(name)                                                                               \
    "      volumes: [{name: v, configMap: {name: " name                                            \
    "}}, {name: s, secret: {secretName: s-" name "}}]\n"
#define GENERATED(name)                                                                            \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name ", namespace: prod}\n"          \
    "data: {a: " name "}\n"                                                                        \
    "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s-" name ", namespace: prod}\n"           \
    "data: {a: YWI=}\n"

static void generated_names_are_kept_and_no_secret_is_in_the_file(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold =
        must_make(WORKLOAD("image: 'reg/c:1'", VOLUME("cfg-aa")) GENERATED("cfg-aa"),
                  WORKLOAD("image: 'reg/c:2'", VOLUME("cfg-bb")) GENERATED("cfg-bb"));
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    assert_int_equal(hold->keep_count, 2);
    assert_string_equal(hold->keep[0], "ConfigMap/prod/cfg-aa");
    assert_string_equal(hold->keep[1], "Secret/prod/s-cfg-aa");
    assert_string_equal(delta_at(hold, "")->object, "ConfigMap/prod/cfg-aa");
    hub_hold_write(hold, &text);
    assert_null(strstr(cm_str_get(&text), "YWI="));
}

static void a_secret_that_changed_is_left_out_and_alone_needs_a_human(void **state) {
#define SECRET(data)                                                                               \
    "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: prod}\ndata: {a: " data "}" \
    "\n"
#define REFERS "env: [{name: P, valueFrom: {secretKeyRef: {name: s, key: a}}}]"
    static const char good[] = WORKLOAD("image: 'reg/c:1', " REFERS, "") SECRET("YQ==");
    static const char bad[] = WORKLOAD("image: 'reg/c:2', " REFERS, "") SECRET("Yg==");
    static const char only[] = WORKLOAD("image: 'reg/c:1', " REFERS, "") SECRET("Yg==");
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(good, bad);
    struct hub_hold *none = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(hold->left_out_count, 1);
    assert_string_equal(hold->left_out[0], "Secret/prod/s");
    assert_int_equal(make_hold(good, only, &none, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "only Secret/prod/s changed"));
}

static void the_same_twice_is_nothing_to_hold(void **state) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(WORKLOAD("image: a", ""), WORKLOAD("image: a", ""), &hold, &err),
                     CM_ENOTFOUND);
}

static void what_is_known_by_its_digest_only_needs_a_human(void **state) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(WORKLOAD("image: a, env: [{name: P, value: 'hmac:00'}]", ""),
                               WORKLOAD("image: b, env: [{name: P, value: q}]", ""), &hold, &err),
                     CM_EBUSY);
    assert_non_null(strstr(err.msg, "known by its digest only"));
}

static void the_same_decision_gives_the_same_file(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *a = must_make(WORKLOAD("image: 'r/c:1'", ""), WORKLOAD("image: 'r/c:2'", ""));
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *b = must_make(WORKLOAD("image: 'r/c:1'", ""), WORKLOAD("image: 'r/c:2'", ""));
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *c = must_make(WORKLOAD("image: 'r/c:0'", ""), WORKLOAD("image: 'r/c:2'", ""));
    CM_CLEANUP(cm_str_done) struct cm_str first = {0};
    CM_CLEANUP(cm_str_done) struct cm_str second = {0};

    (void)state;
    hub_hold_write(a, &first);
    hub_hold_write(b, &second);
    assert_string_equal(cm_str_get(&first), cm_str_get(&second));
    assert_string_not_equal(a->name, c->name); // what is restored is another one
    assert_true(hub_hold_same(a, c));
}

static void a_rollout_is_gone_through_like_a_deployment(void **state) {
#define ROLLOUT(image)                                                                             \
    "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: c, namespace: p}\n"         \
    "spec: {template: {spec: {containers: [{name: main, image: " image "}]}}}\n"
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_make(ROLLOUT("a"), ROLLOUT("b"));

    (void)state;
    assert_string_equal(hold->identity[0].object, "Rollout.argoproj.io/p/c");
    assert_string_equal(hold->identity[0].at, IMAGE_AT);
}

// large_settings writes a release with a ConfigMap of that many bytes, all of them one letter.
static char *large_settings(char letter, size_t size) {
    CM_AUTOFREE char *value = cm_new(size + 1, 1);

    memset(value, letter, size);
    return cm_strf("%s---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "
                   "prod}\ndata: {a: '%s'}\n",
                   WORKLOAD(WITH_SETTINGS, ""), value);
}

static void what_no_file_could_hold_needs_a_human(void **state) {
    CM_AUTOFREE char *good = large_settings('g', (size_t)300 * 1024);
    CM_AUTOFREE char *bad = large_settings('b', (size_t)300 * 1024);
    CM_AUTOFREE char *larger = large_settings('b', (size_t)620 * 1024);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(good, bad);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *again = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_hold *none = NULL;
    struct cm_err err = {0};

    (void)state;
    hub_hold_write(hold, &text);
    assert_int_equal(hub_hold_parse(cm_str_get(&text), text.len, &again, &err), CM_OK);
    assert_int_equal(make_hold(good, larger, &none, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "revert the release in Git"));
}

// many_variables writes a release with that many variables, in one order or the other.
static char *many_variables(const char *value, size_t count, bool backwards) {
    struct cm_str text = {0};

    cm_str_add(&text,
               "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: checkout, namespace: "
               "prod}\nspec: {template: {spec: {containers: [{name: main, env: [");
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(&text, "{name: V%zu, value: %s}, ", backwards ? count - i : i + 1, value);
    }
    cm_str_add(&text, "]}]}}}\n");
    return cm_str_take(&text);
}

static void an_identity_of_more_fields_than_a_hold_names_needs_a_human(void **state) {
    CM_AUTOFREE char *good = many_variables("a", HUB_HOLD_FIELDS_MAX + 1, false);
    CM_AUTOFREE char *bad = many_variables("b", HUB_HOLD_FIELDS_MAX + 1, true);
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(good, bad, &hold, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "differ in 1001 fields"));
}

static void a_release_that_only_lacks_an_object_needs_a_human(void **state) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: info}"),
                               WORKLOAD(WITH_SETTINGS, ""), &hold, &err),
                     CM_EBUSY);
    assert_non_null(strstr(err.msg, "ConfigMap/prod/settings"));
}

static void it_tells_whether_pods_come_out_differently(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *config = NULL;
    CM_CLEANUP(hub_hold_freep) struct hub_hold *image = NULL;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(make_hold(WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: info}"),
                               WORKLOAD(WITH_SETTINGS, "") SETTINGS("{level: debug}"), &config,
                               &err),
                     CM_OK);
    assert_false(hub_hold_changes(config, WORKLOAD_KEY));
    assert_int_equal(
        make_hold(WORKLOAD("image: 'a:1'", ""), WORKLOAD("image: 'a:2'", ""), &image, &err), CM_OK);
    assert_true(hub_hold_changes(image, WORKLOAD_KEY));
    assert_false(hub_hold_changes(image, "Deployment.apps/prod/other"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_the_identity_and_all_else_that_differs_the_delta),
        cmocka_unit_test(without_an_image_what_changed_is_the_identity_but_for_stamps),
        cmocka_unit_test(keys_of_configmaps_that_it_refers_to_are_identity_and_delta),
        cmocka_unit_test(a_shared_configmap_needs_a_human),
        cmocka_unit_test(of_several_configmaps_the_shared_one_is_told),
        cmocka_unit_test(generated_names_are_kept_and_no_secret_is_in_the_file),
        cmocka_unit_test(a_secret_that_changed_is_left_out_and_alone_needs_a_human),
        cmocka_unit_test(the_same_twice_is_nothing_to_hold),
        cmocka_unit_test(what_is_known_by_its_digest_only_needs_a_human),
        cmocka_unit_test(the_same_decision_gives_the_same_file),
        cmocka_unit_test(a_rollout_is_gone_through_like_a_deployment),
        cmocka_unit_test(what_no_file_could_hold_needs_a_human),
        cmocka_unit_test(an_identity_of_more_fields_than_a_hold_names_needs_a_human),
        cmocka_unit_test(a_release_that_only_lacks_an_object_needs_a_human),
        cmocka_unit_test(it_tells_whether_pods_come_out_differently),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
