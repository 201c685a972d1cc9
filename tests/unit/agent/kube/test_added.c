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
        {.spec = "\"paused\":true,", .fields = "{\"f:spec\":{\"f:paused\":{}}}"},
        {.metadata = ",\"labels\":{\"a\":\"b\"}", // a map that he made
         .fields = "{\"f:metadata\":{\"f:labels\":{}}}"},
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
    static const char *const others[] = {"", "kube-controller-manager", "vpa-recommender", "occam",
                                         "node-fetch"};

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

// found_in finds what was added to an object of the kind, of which Git and people set these fields.
static struct kube_drift found_in(struct cm_arena *a, const char *kind, const char *desired,
                                  const char *ours, const char *theirs, const char *seen) {
    CM_AUTOFREE char *form =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"%s\",\"metadata\":{\"name\":"
                "\"a\"}%s}",
                kind, desired);
    CM_AUTOFREE char *object = cm_strf(
        "{\"apiVersion\":\"v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"a\",\"managedFields\":["
        "{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"fieldsV1\":%s},{\"manager\":"
        "\"kubectl-patch\",\"operation\":\"Update\",\"fieldsV1\":%s}]}%s}",
        kind, ours, theirs, seen);
    const struct cm_json *as_json = parse(a, form);
    const struct kube_comparison c = {
        .desired = as_json, .given = as_json, .live = parse(a, object), .manager = "holdfast"};
    struct kube_drift d;

    kube_drift_find(a, &c, &d);
    return d;
}

#define ONE "{\"f:data\":{\"f:one\":{}}}"
#define TWO "{\"f:data\":{\"f:two\":{}}}"

static void nothing_of_a_secret_is_told_but_the_name(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct kube_drift d = found_in(a, "Secret", ",\"data\":{\"one\":\"MQ==\"}", ONE, TWO,
                                         ",\"data\":{\"one\":\"MQ==\",\"two\":\"Mg==\"}");

    (void)state;
    assert_int_equal(d.count, 1);
    assert_string_equal(d.fields[0].path, "data.two");
    assert_string_equal(d.fields[0].actual, "***");
}

static void what_git_leaves_empty_is_to_be_filled(void **state) {
    static const char *const kinds[] = {"Secret", "ConfigMap"};
    static const char *const empty[] = {"", ",\"data\":{}"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct kube_drift d = found_in(a, kinds[i / 2], empty[i % 2], "{\"f:x\":{}}", TWO,
                                             ",\"data\":{\"two\":\"Mg==\"}");

        assert_int_equal(d.count, 0);
    }
    assert_int_equal(
        found_in(a, "Other", "", "{\"f:x\":{}}", TWO, ",\"data\":{\"two\":\"Mg==\"}").count, 1);
}

static void a_node_that_was_cordoned_stays_so(void **state) {
    static const char set[] = "{\"f:spec\":{\"f:unschedulable\":{},\"f:taints\":{}}}";
    static const char seen[] = ",\"spec\":{\"unschedulable\":true,\"taints\":[{\"key\":\"a\","
                               "\"effect\":\"NoSchedule\"}]}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_int_equal(found_in(a, "Node", "", "{\"f:x\":{}}", set, seen).count, 0);
    assert_int_not_equal(found_in(a, "Other", "", "{\"f:x\":{}}", set, seen).count, 0);
}

// A definition may call anything labels.
static void only_a_map_may_be_somebodys_without_what_is_in_it(void **state) {
    static const char set[] = "{\"f:spec\":{\"f:labels\":{}}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_int_equal(
        found_in(a, "Other", "", "{\"f:x\":{}}", set, ",\"spec\":{\"labels\":[\"a\"]}").count, 1);
    assert_int_equal(
        found_in(a, "Other", "", "{\"f:x\":{}}", set, ",\"spec\":{\"labels\":{\"a\":\"b\"}}").count,
        0);
}

// What was to go by an apply that failed is told until it has gone.
static void what_was_taken_over_and_did_not_go_is_told_as_before(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct scene s = {.metadata = NOTE,
                            .manager = "holdfast",
                            .operation = "Apply",
                            .fields = NOTE_SET,
                            .not_ours = true};
    const struct cm_json *desired = parse(a, DESIRED);
    struct kube_comparison c = {
        .desired = desired, .given = desired, .live = live(a, &s), .manager = "holdfast"};
    struct kube_drift d;

    (void)state;
    kube_drift_find(a, &c, &d);
    assert_int_equal(d.count, 0);
    c.taken = true;
    kube_drift_find(a, &c, &d);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.fields[0].difference, AGENT_DIFFERENCE_ADDED);
    c.stays = "metadata.annotations.no\nmetadata.annotations.note\n";
    kube_drift_find(a, &c, &d);
    assert_int_equal(d.fields[0].difference, AGENT_DIFFERENCE_STAYS);
    c.stays = "metadata.annotations.no\nmetadata.annotations.notes\n";
    kube_drift_find(a, &c, &d);
    assert_int_equal(d.fields[0].difference, AGENT_DIFFERENCE_ADDED);
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
    cmocka_unit_test(what_git_leaves_empty_is_to_be_filled),
    cmocka_unit_test(a_node_that_was_cordoned_stays_so),
    cmocka_unit_test(only_a_map_may_be_somebodys_without_what_is_in_it),
    cmocka_unit_test(what_was_taken_over_and_did_not_go_is_told_as_before),
    cmocka_unit_test(more_than_are_named_are_known_to_be_there),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
