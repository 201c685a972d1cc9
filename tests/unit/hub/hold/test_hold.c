#include "release.h"

static const char file[] = "apiVersion: holdfast/v1alpha1\n"
                           "kind: Hold\n"
                           "metadata:\n"
                           "  name: checkout-1.5.0-9f3c0a1b\n"
                           "spec:\n"
                           "  app: checkout\n"
                           "  clusters:\n"
                           "  - eu-001\n"
                           "  - eu-017\n"
                           "  rejects:\n"
                           "    revision: bbbb\n"
                           "    identity:\n"
                           "    - object: apps/Deployment/prod/checkout\n"
                           "      at: /spec/template/spec/containers/[name=main]/image\n"
                           "      value: reg/checkout:1.5.0\n"
                           "  restores:\n"
                           "    revision: aaaa\n"
                           "  delta:\n"
                           "  - object: apps/Deployment/prod/checkout\n"
                           "    at: /spec/template/spec/containers/[name=main]/image\n"
                           "    bad: reg/checkout:1.5.0\n"
                           "    use: reg/checkout:1.4.2\n"
                           "  - object: ConfigMap/prod/settings\n"
                           "    at: /data/level\n"
                           "    use: info\n"
                           "  keep:\n"
                           "  - ConfigMap/prod/checkout-7d2f\n"
                           "  cause:\n"
                           "    controller: flagger\n"
                           "    actor: alice (verified)\n"
                           "    text: \"Failed: 5\"\n"
                           "  event: \"0123\"\n";

static struct hub_hold *parse(const char *text) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    if (hub_hold_parse(text, strlen(text), &hold, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return hold;
}

static void a_file_is_read_and_written_back_byte_for_byte(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = parse(file);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *copy = hub_hold_copy(hold);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(hold->identity[0].object, WORKLOAD_KEY);
    assert_string_equal(hold->delta[1].object, "ConfigMap/prod/settings");
    assert_null(hold->delta[1].bad);
    assert_string_equal(hold->keep[0], "ConfigMap/prod/checkout-7d2f");
    assert_false(hold->retry);
    assert_string_equal(hub_hold_path(a, hold), "holds/checkout/1.5.0-9f3c0a1b.yaml");
    assert_string_equal(hub_hold_rejected(a, hold), "1.5.0");
    assert_string_equal(hub_hold_restored(a, hold), "1.4.2");
    hub_hold_write(copy, &text);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *again = parse(cm_str_get(&text));
    CM_CLEANUP(cm_str_done) struct cm_str second = {0};
    hub_hold_write(again, &second);
    assert_string_equal(cm_str_get(&text), cm_str_get(&second));
    assert_string_equal(again->cause.actor, "alice (verified)");
    assert_true(hub_hold_same(hold, again));
}

static void clusters_are_added_sorted(void **state) {
    static const char *const more[] = {"eu-018", "eu-000", "eu-001"};
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = parse(file);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *with = hub_hold_with(hold, more, 3);

    (void)state;
    assert_int_equal(with->cluster_count, 4);
    assert_string_equal(with->clusters[0], "eu-000");
    assert_string_equal(with->clusters[3], "eu-018");
    assert_true(hub_hold_lists(with, "eu-018"));
    assert_false(hub_hold_lists(hold, "eu-018"));
}

static void what_is_no_hold_is_refused_with_what_to_do(void **state) {
    static const char *const cases[][2] = {
        {"kind: Ban\n", "not one document of kind Hold"},
        {"kind: Hold\nspec: {app: a, clusters: x}\n", "spec.clusters must be a list"},
        {"kind: Hold\nspec: {app: a, clusters: []}\n", "spec.rejects.identity says nothing"},
        {"kind: Hold\nspec: {clusters: [], rejects: {identity: [{object: x, at: /a}]}}\n",
         "names no object"},
        {"kind: Hold\nspec: {clusters: [], rejects: {identity: [{object: Secret/a/b, at: /a}]}}\n",
         "never holds what is in a Secret"},
        {"kind: Hold\nspec: {clusters: [], rejects: {identity: [{object: ConfigMap/a/b, at: "
         "a}]}}\n",
         "'at' names no field"},
        {"kind: Hold\nspec: {clusters: [], rejects: {identity: [{object: ConfigMap/a/b, at: "
         "/a}]}}\n",
         "spec.delta says nothing"},
        {"kind: Hold\nspec: {clusters: [1], rejects: {}}\n", "must be a name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_hold *hold = NULL;
        struct cm_err err = {0};

        assert_int_equal(hub_hold_parse(cases[i][0], strlen(cases[i][0]), &hold, &err), CM_EINVAL);
        if (strstr(err.msg, cases[i][1]) == NULL) {
            fail_msg("%zu: %s", i, err.msg);
        }
    }
}

static void a_group_may_stand_before_the_kind_or_behind_it(void **state) {
    CM_AUTOFREE char *text = cm_strdup(file);
    char *at = strstr(text, "apps/Deployment/prod/checkout");

    (void)state;
    memcpy(at, "Deployment.apps/prod/checkout", strlen("Deployment.apps/prod/checkout"));
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = parse(text);
    assert_string_equal(hold->identity[0].object, WORKLOAD_KEY);
}

static void a_release_of_which_nothing_is_known_is_called_release(void **state) {
    static const struct hub_hold_identity identity = {.object = "ConfigMap/prod/settings",
                                                      .at = "/data/level"};
    static const struct hub_hold hold = {
        .app = "checkout", .bad_revision = "", .identity = &identity, .identity_count = 1};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(hub_hold_rejected(a, &hold), "release"); // while it is given its name
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_and_written_back_byte_for_byte),
        cmocka_unit_test(clusters_are_added_sorted),
        cmocka_unit_test(what_is_no_hold_is_refused_with_what_to_do),
        cmocka_unit_test(a_group_may_stand_before_the_kind_or_behind_it),
        cmocka_unit_test(a_release_of_which_nothing_is_known_is_called_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
