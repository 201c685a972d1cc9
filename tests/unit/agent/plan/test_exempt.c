#include "agent/plan/exempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/driver.h"
#include "agent/plan/desired.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define NOW_MS INT64_C(1790856000000) // 2026-10-01T12:00:00Z

#define GOOD                                                                                       \
    "{\"app\":\"shop\",\"object\":\"Deployment.apps/shop/"                                         \
    "web\",\"until\":\"2026-10-01T20:00:00Z\","                                                    \
    "\"reason\":\"INC-1\""

static enum cm_rc read_spec(struct cm_arena *a, const char *spec, struct agent_exemption *out,
                            struct cm_err *err) {
    struct cm_json *tree = NULL;
    enum cm_rc rc = cm_json_parse(a, spec, strlen(spec), NULL, &tree, err);

    assert_int_equal(rc, CM_OK);
    return agent_exempt_read(
        a,
        &(struct agent_site_object){
            .name = "inc-1", .uid = "u1", .manager = "kubectl", .made_ms = NOW_MS, .spec = tree},
        NOW_MS, out, err);
}

static void what_is_well_formed_is_read(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_exemption e;
    struct cm_err err;

    (void)state;
    assert_int_equal(read_spec(a, GOOD ",\"field\":\"spec.replicas\",\"by\":\"ada\"}", &e, &err),
                     CM_OK);
    assert_string_equal(e.name, "inc-1");
    assert_string_equal(e.app, "shop");
    assert_string_equal(e.key, "Deployment.apps/shop/web");
    assert_string_equal(e.field, "spec.replicas");
    assert_string_equal(e.reason, "INC-1");
    assert_string_equal(e.actor, "ada");
    assert_string_equal(e.manager, "kubectl");
    assert_int_equal(e.until_ms, NOW_MS + 8 * 3600000);
    assert_false(agent_exemption_counts(&e));
}

static void what_is_not_is_refused_with_what_to_do(void **state) {
    static const struct {
        const char *spec;
        const char *words;
    } cases[] = {
        {"[]", "spec: write app, object, until and reason"},
        {"{}", "spec.app: write the App"},
        {"{\"app\":7}", "spec.app: write the App"},
        {"{\"app\":\"shop\",\"object\":\"web\",\"until\":\"2026-10-01T20:00:00Z\",\"reason\":"
         "\"r\"}",
         "spec.object: write KIND.GROUP/NAMESPACE/NAME"},
        {"{\"app\":\"shop\",\"object\":\"A/b/c\",\"until\":\"soon\",\"reason\":\"r\"}",
         "spec.until: write when it ends"},
        {"{\"app\":\"shop\",\"object\":\"A/b/"
         "c\",\"until\":\"2026-11-01T20:00:00Z\",\"reason\":\"r\"}",
         "spec.until is more than 30 days ahead"},
        {"{\"app\":\"shop\",\"object\":\"A/b/"
         "c\",\"until\":\"2026-10-01T20:00:00Z\",\"reason\":\"a\\nb\"}",
         "spec.reason: write why"},
        {GOOD ",\"field\":\"/spec/replicas\"}", "spec.field: write a path"},
        {GOOD ",\"untill\":\"x\"}", "spec.untill is not known"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct agent_exemption e;
        struct cm_err err;

        assert_int_equal(read_spec(a, cases[i].spec, &e, &err), CM_EINVAL);
        if (strstr(err.msg, cases[i].words) == NULL) {
            fail_msg("%s: %s", cases[i].spec, err.msg);
        }
    }
}

static void one_that_says_something_else_is_another_one(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_exemption e;
    struct agent_exemption same;
    struct agent_exemption other;
    struct cm_err err;

    (void)state;
    assert_int_equal(read_spec(a, GOOD "}", &e, &err), CM_OK);
    assert_int_equal(read_spec(a, GOOD "}", &same, &err), CM_OK);
    assert_int_equal(read_spec(a, GOOD ",\"by\":\"bob\"}", &other, &err), CM_OK);
    assert_true(cm_sha256_equal(&e.id, &same.id));
    assert_false(cm_sha256_equal(&e.id, &other.id));
}

// ---- In a bundle

struct sample {
    Holdfast__V1__Bundle m;
    Holdfast__V1__BundleEntry entries[2];
    Holdfast__V1__BundleEntry *entry_list[2];
    Holdfast__V1__DriftRule rule;
    Holdfast__V1__DriftRule *rule_list[1];
    Holdfast__V1__DriftRules rules;
    Holdfast__V1__DriftRules *rules_list[1];
    uint8_t hash[CM_SHA256_SIZE];
};

// make_sample: the second of two objects has a rule of the App's.
static void make_sample(struct sample *s) {
    holdfast__v1__bundle__init(&s->m);
    holdfast__v1__drift_rules__init(&s->rules);
    holdfast__v1__drift_rule__init(&s->rule);
    memset(s->hash, 7, sizeof(s->hash));
    for (size_t i = 0; i < 2; i++) {
        holdfast__v1__bundle_entry__init(&s->entries[i]);
        s->entries[i].sha256 = (ProtobufCBinaryData){.len = sizeof(s->hash), .data = s->hash};
        s->entry_list[i] = &s->entries[i];
    }
    s->entries[0].key = (char *)(uintptr_t) "ConfigMap/shop/a";
    s->entries[1].key = (char *)(uintptr_t) "Deployment.apps//web";
    s->entries[1].drift_rules = 1;
    s->rule.drift = HOLDFAST__V1__DRIFT__DRIFT_OFF;
    s->rule_list[0] = &s->rule;
    s->rules.rules = s->rule_list;
    s->rules.n_rules = 1;
    s->rules_list[0] = &s->rules;
    s->m.version = 1;
    s->m.app = (char *)(uintptr_t) "shop";
    s->m.namespace_ = (char *)(uintptr_t) "shop";
    s->m.drift = HOLDFAST__V1__DRIFT__DRIFT_CORRECT;
    s->m.entries = s->entry_list;
    s->m.n_entries = 2;
    s->m.drift_rules = s->rules_list;
    s->m.n_drift_rules = 1;
}

static struct agent_bundle *decode_at(const struct sample *s, const struct agent_allowed *allowed) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wire_pack(&s->m.base);
    struct cm_sha256 hash = cm_sha256(bytes->data, bytes->size);
    struct agent_bundle *b = NULL;
    struct cm_err err;

    assert_int_equal(agent_bundle_decode_exempt(bytes->data, bytes->size, &hash, allowed, &b, &err),
                     CM_OK);
    return b;
}

static struct agent_bundle *decode(const struct sample *s, const struct agent_exemption *all,
                                   size_t count) {
    return decode_at(s, &(struct agent_allowed){all, count, NOW_MS});
}

static bool is_alike(const struct agent_bundle *b, const struct agent_exemption *all, size_t count,
                     int64_t now_ms) {
    return agent_bundle_exempts_alike(b, &(struct agent_allowed){all, count, now_ms});
}

static struct agent_exemption allowed(void) {
    return (struct agent_exemption){.id = cm_sha256("x", 1),
                                    .name = "inc-1",
                                    .app = "shop",
                                    .key = "Deployment.apps/shop/web",
                                    .field = "spec.replicas",
                                    .reason = "",
                                    .actor = "",
                                    .manager = "",
                                    .message = "",
                                    .until_ms = NOW_MS,
                                    .began_ms = 1};
}

static void what_counts_comes_before_the_rules_of_its_object(void **state) {
    struct agent_exemption e = allowed();
    struct sample s;

    (void)state;
    make_sample(&s);
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = decode(&s, &e, 1);
    const struct agent_drift_rules *rules = agent_bundle_rules(b, &b->entries[1]);
    assert_int_equal(rules->count, 2);
    assert_string_equal(rules->rules[0].fields[0], "spec.replicas");
    assert_int_equal(rules->modes[0], AGENT_DRIFT_REPORT);
    assert_int_equal(rules->correcting[0], CM_SPARE_ALWAYS);
    assert_int_equal(rules->applying[0], CM_SPARE_UNLESS_NEW);
    assert_int_equal(rules->modes[1], AGENT_DRIFT_OFF);
    assert_int_equal(agent_bundle_rules(b, &b->entries[0])->count, 0);
    assert_true(is_alike(b, &e, 1, NOW_MS));
    assert_false(is_alike(b, NULL, 0, NOW_MS));
}

static void what_does_not_count_changes_nothing(void **state) {
    struct agent_exemption others[4] = {allowed(), allowed(), allowed(), allowed()};
    struct sample s;

    (void)state;
    others[0].began_ms = 0;
    others[1].ended_ms = 2;
    others[2].given = true;
    others[3].app = "else";
    make_sample(&s);
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = decode(&s, others, 4);
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *plain = decode(&s, NULL, 0);
    assert_int_equal(agent_bundle_rules(b, &b->entries[1])->count, 1);
    assert_true(agent_bundle_same_rules(b, plain));
    assert_true(is_alike(b, NULL, 0, NOW_MS));
}

static void what_git_has_is_not_added_once_more(void **state) {
    struct agent_exemption e = allowed();
    struct sample s;

    (void)state;
    make_sample(&s);
    s.rule.site_id = (ProtobufCBinaryData){.len = CM_SHA256_SIZE, .data = e.id.bytes};
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = decode(&s, &e, 1);
    assert_int_equal(agent_bundle_rules(b, &b->entries[1])->count, 1);
    assert_true(agent_bundle_has_site(b, &e.id));
    assert_true(is_alike(b, NULL, 0, NOW_MS)); // so given or not, it is the same
}

static void a_rule_whose_time_is_over_gives_way_to_those_after_it(void **state) {
    Holdfast__V1__DriftRule later;
    Holdfast__V1__DriftRule *rules[2];
    struct sample s;

    (void)state;
    make_sample(&s);
    holdfast__v1__drift_rule__init(&later);
    later.drift = HOLDFAST__V1__DRIFT__DRIFT_CORRECT;
    s.rule.until_ms = NOW_MS;
    rules[0] = &s.rule;
    rules[1] = &later;
    s.rules.rules = rules;
    s.rules.n_rules = 2;
    CM_CLEANUP(agent_bundle_unrefp)
    struct agent_bundle *before = decode_at(&s, &(struct agent_allowed){.now_ms = NOW_MS - 1});
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *after = decode(&s, NULL, 0);
    const struct agent_drift_rules *left = agent_bundle_rules(after, &after->entries[1]);
    assert_int_equal(agent_bundle_rules(before, &before->entries[1])->count, 2);
    assert_int_equal(left->count, 1);
    assert_int_equal(left->modes[0], AGENT_DRIFT_CORRECT);
    assert_int_equal(left->correcting[0], CM_SPARE_NEVER);
    assert_int_equal(left->applying[0], CM_SPARE_NEVER);
    assert_true(cm_sha256_equal(&before->sha256, &after->sha256)); // it is what was signed
    assert_false(agent_bundle_same_rules(before, after));
}

static void a_bundle_is_read_anew_when_a_rule_ends_and_when_the_clock_was_wrong(void **state) {
    struct sample s;

    (void)state;
    make_sample(&s);
    s.rule.until_ms = NOW_MS;
    CM_CLEANUP(agent_bundle_unrefp)
    struct agent_bundle *before = decode_at(&s, &(struct agent_allowed){.now_ms = NOW_MS - 1});
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *after = decode(&s, NULL, 0);
    assert_true(is_alike(before, NULL, 0, 0));
    assert_false(is_alike(before, NULL, 0, NOW_MS));
    assert_true(is_alike(after, NULL, 0, INT64_MAX - 1));
    assert_false(is_alike(after, NULL, 0, NOW_MS - 1));
    s.rule.until_ms = 0;
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *endless = decode(&s, NULL, 0);
    assert_true(is_alike(endless, NULL, 0, 0));
    assert_true(is_alike(endless, NULL, 0, INT64_MAX - 1));
}

static void one_of_the_site_that_git_has_stays_gits_when_its_rule_ends(void **state) {
    struct agent_exemption e = allowed();
    struct sample s;

    (void)state;
    make_sample(&s);
    s.rule.site_id = (ProtobufCBinaryData){.len = CM_SHA256_SIZE, .data = e.id.bytes};
    s.rule.until_ms = NOW_MS;
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = decode(&s, &e, 1);
    assert_true(agent_bundle_has_site(b, &e.id));
    assert_int_equal(agent_bundle_rules(b, &b->entries[1])->count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_well_formed_is_read),
        cmocka_unit_test(what_is_not_is_refused_with_what_to_do),
        cmocka_unit_test(one_that_says_something_else_is_another_one),
        cmocka_unit_test(what_counts_comes_before_the_rules_of_its_object),
        cmocka_unit_test(what_does_not_count_changes_nothing),
        cmocka_unit_test(what_git_has_is_not_added_once_more),
        cmocka_unit_test(a_rule_whose_time_is_over_gives_way_to_those_after_it),
        cmocka_unit_test(a_bundle_is_read_anew_when_a_rule_ends_and_when_the_clock_was_wrong),
        cmocka_unit_test(one_of_the_site_that_git_has_stays_gits_when_its_rule_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
