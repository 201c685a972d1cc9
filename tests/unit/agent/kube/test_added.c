#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/added.h"
#include "agent/kube/drift.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/spare.h"
#include "common/str.h"
#include "tests/support/json.h"

#define WEB "{\\\"name\\\":\\\"web\\\"}"
#define NEW "{\\\"name\\\":\\\"NEW\\\"}"
#define DESIRED                                                                                    \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\","            \
    "\"namespace\":\"shop\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":"         \
    "\"web\",\"image\":\"i:1\"}]}}}}"

// A live object, and what is set in it by whom.
struct scene {
    const char *metadata; // beside name, namespace and managedFields, with a comma in front
    const char *spec;
    const char *container; // beside name and image, with a comma in front
    const char *pods;      // beside containers, with a comma in front
    const char *manager;
    const char *operation;
    const char *fields; // that he has
    const char *more;   // entries of managedFields, with a comma in front
    bool not_ours;
};

static const struct cm_json *live(struct cm_arena *a, const struct scene *s) {
    struct cm_str text = {0};

    cm_str_addf(&text,
                "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\","
                "\"namespace\":\"shop\"%s,\"managedFields\":[",
                s->metadata == NULL ? "" : s->metadata);
    if (!s->not_ours) {
        cm_str_add(&text, "{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:"
                          "spec\":{\"f:template\":{\"f:spec\":{\"f:containers\":{\"k:" WEB
                          "\":{\".\":{},\"f:name\":{},\"f:image\":{}}}}}}}},");
    }
    cm_str_addf(&text,
                "{\"manager\":\"%s\",\"operation\":\"%s\",\"time\":\"2026-01-02T03:04:05Z\","
                "\"fieldsV1\":%s}%s]},\"spec\":{%s\"template\":{\"spec\":{\"containers\":[{"
                "\"name\":\"web\",\"image\":\"i:1\"%s}]%s}}}}",
                s->manager == NULL ? "kubectl-edit" : s->manager,
                s->operation == NULL ? "Update" : s->operation, s->fields,
                s->more == NULL ? "" : s->more, s->spec == NULL ? "" : s->spec,
                s->container == NULL ? "" : s->container, s->pods == NULL ? "" : s->pods);
    const struct cm_json *tree = parse(a, cm_str_get(&text));
    cm_str_done(&text);
    return tree;
}

static struct kube_drift find_by(struct cm_arena *a, const struct scene *s,
                                 const struct cm_spare_rule *rules, size_t rule_count) {
    const struct cm_json *desired = parse(a, DESIRED);
    const struct kube_comparison c = {.desired = desired,
                                      .given = desired,
                                      .live = live(a, s),
                                      .manager = "holdfast",
                                      .rules = rules,
                                      .rule_count = rule_count};
    struct kube_drift found;

    kube_drift_find(a, &c, &found);
    return found;
}

static struct kube_drift find(struct cm_arena *a, const struct scene *s) {
    return find_by(a, s, NULL, 0);
}

#define NOTE_SET "{\"f:metadata\":{\"f:annotations\":{\".\":{},\"f:note\":{}}}}"
#define NOTE ",\"annotations\":{\"note\":\"mine\"}"
#define ENV_SET(env)                                                                               \
    "{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:containers\":{\"k:" WEB                          \
    "\":{\"f:env\":{\".\":{}," env "}}}}}}}"
#define ENV ",\"env\":[{\"name\":\"OLD\",\"value\":\"0\"},{\"name\":\"NEW\",\"value\":\"1\"}]"
#define ENV_NEW ENV_SET("\"k:" NEW "\":{\".\":{},\"f:name\":{},\"f:value\":{}}")
#define NEW_PATH "spec.template.spec.containers[name=web].env[name=NEW]"

static void an_annotation_by_hand_is_told_with_who_and_when(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct scene s = {.metadata = NOTE, .fields = NOTE_SET};

    (void)state;
    const struct kube_drift d = find(a, &s);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.fields[0].difference, AGENT_DIFFERENCE_ADDED);
    assert_string_equal(d.fields[0].path, "metadata.annotations.note");
    assert_string_equal(d.fields[0].desired, "");
    assert_string_equal(d.fields[0].actual, "\"mine\"");
    assert_string_equal(d.fields[0].manager, "kubectl-edit");
    assert_int_equal(d.fields[0].at_ms, INT64_C(1767323045000));
}

static void of_a_list_only_the_entry_is_told_that_people_have_put_there(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct scene s = {.container = ENV, .fields = ENV_NEW, .manager = "k9s"};

    (void)state;
    const struct kube_drift d = find(a, &s);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.fields[0].path, NEW_PATH);
    assert_string_equal(d.fields[0].actual, "{\"name\":\"NEW\",\"value\":\"1\"}");
    assert_string_equal(d.fields[0].manager, "k9s");
}

static void what_is_no_map_that_people_fill_is_told_as_a_whole(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct scene s = {
        .pods = ",\"nodeSelector\":{\"disk\":\"ssd\",\"zone\":\"a\"}",
        .fields = "{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:nodeSelector\":{}}}}}"};

    (void)state;
    const struct kube_drift d = find(a, &s);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.fields[0].path, "spec.template.spec.nodeSelector");
}

// Who did it, and what else is said of the field.
static void what_is_not_by_hand_is_no_drift(void **state) {
    static const struct scene scenes[] = {
        {.metadata = NOTE, .fields = NOTE_SET, .manager = "cert-manager-ingress-shim"},
        {.metadata = NOTE, .fields = NOTE_SET, .manager = "argocd-controller"},
        {.metadata = NOTE, .fields = NOTE_SET, .manager = "helm"},
        {.metadata = NOTE, .fields = NOTE_SET, .manager = "holdfast"}, // a webhook
        {.metadata = NOTE, .fields = NOTE_SET, .manager = "kubectl", .operation = "Apply"},
        {.metadata = NOTE, .fields = NOTE_SET, .not_ours = true},
        {.metadata = NOTE,
         .fields = NOTE_SET,
         .more = ",{\"manager\":\"robot\",\"operation\":"
                 "\"Update\",\"fieldsV1\":" NOTE_SET "}"},
        // Whose map it was, of which nothing is his; and what a webhook has put there.
        {.metadata = NOTE, .fields = "{\"f:metadata\":{\"f:annotations\":{}}}"},
        {.container = ",\"resources\":{\"limits\":{\"cpu\":\"1\"}}",
         .fields = "{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:containers\":{\"k:" WEB
                   "\":{\"f:resources\":{\"f:limits\":{}}}}}}}}"},
        {.pods = ",\"dnsPolicy\":\"ClusterFirst\"",
         .fields = "{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:dnsPolicy\":{}}}}}"},
        {.spec = "\"replicas\":5,", .fields = "{\"f:spec\":{\"f:replicas\":{}}}"},
        {.metadata = ",\"finalizers\":[\"e.org/x\"]",
         .fields = "{\"f:metadata\":{\"f:finalizers\":{\".\":{},\"v:\\\"e.org/x\\\"\":{}}}}"},
        {.metadata = ",\"annotations\":{\"kubectl.kubernetes.io/restartedAt\":\"now\"}",
         .manager = "kubectl-rollout",
         .fields = "{\"f:metadata\":{\"f:annotations\":{\"f:kubectl.kubernetes.io/restartedAt\":"
                   "{}}}}"},
        {.metadata = ",\"annotations\":{\"kubernetes.io/change-cause\":\"INC-1\"}",
         .manager = "kubectl-annotate",
         .fields = "{\"f:metadata\":{\"f:annotations\":{\"f:kubernetes.io/change-cause\":{}}}}"},
        {.metadata = ",\"annotations\":{\"argocd.argoproj.io/refresh\":\"hard\"}",
         .manager = "kubectl-annotate",
         .fields = "{\"f:metadata\":{\"f:annotations\":{\"f:argocd.argoproj.io/refresh\":{}}}}"},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        const struct kube_drift d = find(a, &scenes[i]);

        if (d.count != 0) {
            fail_msg("scene %zu: %s", i, d.fields[0].path);
        }
    }
}

static void tools_for_people_are_known_by_their_names(void **state) {
    static const char *const people[] = {"kubectl", "kubectl-set", "kubectl.exe", "oc", "Mozilla"};
    static const char *const others[] = {"", "kube-controller-manager", "vpa-recommender", "occam"};

    (void)state;
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        assert_true(kube_added_is_by(people[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(kube_added_is_by(others[i]));
    }
}

static void
a_rule_is_about_what_it_names_and_all_below_and_not_about_what_that_is_in(void **state) {
    static const char *const all[] = {"/spec/template/spec/containers/*/env"};
    static const char *const by_index[] = {"/spec/template/spec/containers/0/env/1"};
    static const char *const part[] = {NEW_PATH ".value"};
    static const char *const other[] = {"/spec/template/spec/containers/1/env"};
    static const char *const edit[] = {"kubectl-edit"};
    const struct cm_spare_rule about[] = {{.fields = all, .field_count = 1},
                                          {.fields = (const char *[]){NEW_PATH}, .field_count = 1},
                                          {.managers = edit, .manager_count = 1}};
    const struct cm_spare_rule beside[] = {{.fields = part, .field_count = 1},
                                           {.fields = by_index, .field_count = 1},
                                           {.fields = other, .field_count = 1}};
    const struct scene s = {.container = ENV, .fields = ENV_NEW};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(find_by(a, &s, &about[i], 1).fields[0].rule, 1);
        assert_int_equal(find_by(a, &s, &beside[i], 1).fields[0].rule, 0);
    }
}

static void nothing_of_a_secret_is_told_but_the_name(void **state) {
    static const char desired[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"},\"data\":{"
        "\"one\":\"MQ==\"}}";
    static const char seen[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\","
        "\"managedFields\":[{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":{"
        "\"f:data\":{\"f:one\":{}}}},{\"manager\":\"kubectl-patch\",\"operation\":\"Update\","
        "\"fieldsV1\":{\"f:data\":{\"f:two\":{}}}}]},\"data\":{\"one\":\"MQ==\",\"two\":\"Mg==\"}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *form = parse(a, desired);
    const struct kube_comparison c = {
        .desired = form, .given = form, .live = parse(a, seen), .manager = "holdfast"};
    struct kube_drift d;

    (void)state;
    kube_drift_find(a, &c, &d);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.fields[0].path, "data.two");
    assert_string_equal(d.fields[0].actual, "***");
}

// Places move up as what stands before them goes.
static void what_is_taken_away_is_named_where_it_is_by_then(void **state) {
    static const char *const paths[] = {"spec.template.spec.containers[name=debug]",
                                        "spec.template.spec.containers[name=web].env[name=A]",
                                        "spec.template.spec.containers[name=web].env[name=C]",
                                        "spec.template.spec.containers[name=gone].env",
                                        "metadata.annotations['e.org/a~b']"};
    static const char seen[] =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\","
        "\"resourceVersion\":\"7\",\"annotations\":{\"e.org/a~b\":\"1\"}},\"spec\":{\"template\":{"
        "\"spec\":{\"containers\":[{\"name\":\"debug\"},{\"name\":\"web\",\"env\":[{\"name\":\"A\"}"
        ","
        "{\"name\":\"B\"},{\"name\":\"C\"}]}]}}}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_difference items[sizeof(paths) / sizeof(paths[0])];
    const struct cm_differences all = {.items = items, .count = sizeof(paths) / sizeof(paths[0])};

    (void)state;
    for (size_t i = 0; i < all.count; i++) {
        items[i] = (struct cm_difference){.path = paths[i]};
    }
    assert_string_equal(kube_added_patch(a, parse(a, seen), &all),
                        "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"},"
                        "{\"op\":\"remove\",\"path\":\"/spec/template/spec/containers/0\"},"
                        "{\"op\":\"remove\",\"path\":\"/spec/template/spec/containers/0/env/0\"},"
                        "{\"op\":\"remove\",\"path\":\"/spec/template/spec/containers/0/env/1\"},"
                        "{\"op\":\"remove\",\"path\":\"/metadata/annotations/e.org~1a~0b\"}]");
}

static void more_than_are_named_are_known_to_be_there(void **state) {
    struct cm_str names = {0};
    struct cm_str values = {0};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (int i = 0; i <= AGENT_DRIFT_MAX; i++) {
        cm_str_addf(&values, "%s\"n%d\":\"x\"", i == 0 ? ",\"labels\":{" : ",", i);
        cm_str_addf(&names, "%s\"f:n%d\":{}", i == 0 ? "{\"f:metadata\":{\"f:labels\":{" : ",", i);
    }
    cm_str_add(&values, "}");
    cm_str_add(&names, "}}}");
    const struct scene s = {.metadata = cm_str_get(&values), .fields = cm_str_get(&names)};
    const struct kube_drift d = find(a, &s);
    assert_int_equal(d.count, AGENT_DRIFT_MAX);
    assert_true(d.more);
    cm_str_done(&names);
    cm_str_done(&values);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_annotation_by_hand_is_told_with_who_and_when),
    cmocka_unit_test(of_a_list_only_the_entry_is_told_that_people_have_put_there),
    cmocka_unit_test(what_is_no_map_that_people_fill_is_told_as_a_whole),
    cmocka_unit_test(what_is_not_by_hand_is_no_drift),
    cmocka_unit_test(tools_for_people_are_known_by_their_names),
    cmocka_unit_test(a_rule_is_about_what_it_names_and_all_below_and_not_about_what_that_is_in),
    cmocka_unit_test(nothing_of_a_secret_is_told_but_the_name),
    cmocka_unit_test(what_is_taken_away_is_named_where_it_is_by_then),
    cmocka_unit_test(more_than_are_named_are_known_to_be_there),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
