#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/selector.h"
#include "common/str.h"

static void write_term(const struct cm_label_term *term, struct cm_str *out) {
    static const char *const words[] = {" in", " notin", " exists", " missing"};

    cm_str_addf(out, "%s%s%s", out->len > 0 ? "; " : "", term->key, words[term->op]);
    for (size_t i = 0; i < term->value_count; i++) {
        cm_str_addf(out, " <%s>", term->values[i]);
    }
}

// Reads the text and compares what was understood.
static void means(const char *text, const char *meaning) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str read = {0};
    struct cm_label_selector selector;
    struct cm_err err;

    if (cm_label_selector_parse(a, text, &selector, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    for (size_t i = 0; i < selector.count; i++) {
        write_term(&selector.terms[i], &read);
    }
    assert_string_equal(cm_str_get(&read), meaning);
}

static void refuses(const char *text, const char *words) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_label_selector selector = {0};
    struct cm_err err = {.code = CM_OK};

    assert_int_equal(cm_label_selector_parse(a, text, &selector, &err), CM_EINVAL);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", text, err.msg, words);
    }
    assert_null(selector.terms);
}

static void equality_is_written_in_three_ways(void **state) {
    (void)state;
    means("env=prod", "env in <prod>");
    means("env==prod", "env in <prod>");
    means("env != prod", "env notin <prod>");
    means("env=", "env in <>");
    means("env=,canary", "env in <>; canary exists");
}

static void sets_hold_one_of_several_values(void **state) {
    (void)state;
    means("env in (a,b)", "env in <a> <b>");
    means("  env   notin( a ,b )", "env notin <a> <b>");
    means("env in ()", "env in <>");
    means("env in (a,)", "env in <a> <>");
}

static void presence_and_absence_need_only_the_name(void **state) {
    (void)state;
    means("canary", "canary exists");
    means("!canary", "canary missing");
    means(" ! canary , env=a", "canary missing; env in <a>");
}

static void the_words_of_operators_may_name_labels(void **state) {
    (void)state;
    means("in", "in exists");
    means("in in (in)", "in in <in>");
    means("notin=in", "notin in <in>");
}

static void names_may_have_a_domain(void **state) {
    (void)state;
    means("example.org/tier=a_b.c-d", "example.org/tier in <a_b.c-d>");
    refuses("/tier=a", "column 1: '/tier' is no name of a label");
    refuses("example.org/=a", "is no name of a label");
    refuses("a/b/c", "is no name of a label");
}

static void what_is_no_selector_is_refused_with_its_column(void **state) {
    (void)state;
    refuses("", "column 1: '' is no name");
    refuses("env,", "column 5: '' is no name");
    refuses("env=a b", "column 7: a ',' or an operator is expected");
    refuses("env in a", "column 8: '(' is missing");
    refuses("env in (a", "column 10: ')' or ',' is missing");
    refuses("env in (a b)", "column 11: ')' or ',' is missing");
    refuses("env='prod'", "column 5: ''prod'' is no value of a label");
    refuses("env>5", "column 4: a ',' or an operator is expected");
    refuses("-env", "is no name of a label");
    refuses("!env=a", "column 5: a ',' or an operator is expected");
    refuses("env=a=b", "column 6: a ',' or an operator");
    refuses("a\"b", "column 1: 'a\"b' is no name");
    refuses("env=\xc3\xa9", "is no value of a label");
}

static void sizes_are_bounded(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    for (int i = 0; i < CM_LABEL_TERMS_MAX; i++) {
        cm_str_addf(&text, "a%d,", i);
    }
    cm_str_add(&text, "b");
    refuses(cm_str_get(&text), "too many conditions");
    cm_str_clear(&text);
    cm_str_add(&text, "a in (");
    for (int i = 0; i < CM_LABEL_VALUES_MAX; i++) {
        cm_str_addf(&text, "%d,", i);
    }
    cm_str_add(&text, "b)");
    refuses(cm_str_get(&text), "too many values");
    cm_str_clear(&text);
    for (int i = 0; i < 64; i++) {
        cm_str_add(&text, "a");
    }
    refuses(cm_str_get(&text), "is no name of a label");
    for (int i = 0; i < 64; i++) {
        cm_str_addf(&text, ",%064d", i);
    }
    refuses(cm_str_get(&text), "longer than");
}

static bool matches(const char *text, const char *label, const char *value) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *labels = cm_json_new(a, CM_OBJECT);
    struct cm_label_selector selector;
    struct cm_err err;

    cm_json_set_string(a, labels, label, value);
    assert_int_equal(cm_label_selector_parse(a, text, &selector, &err), CM_OK);
    return cm_label_selector_match(&selector, labels);
}

static void all_terms_must_hold(void **state) {
    (void)state;
    assert_true(matches("env=prod,env,!old", "env", "prod"));
    assert_false(matches("env=prod,old", "env", "prod"));
    assert_true(matches("env in (test, prod)", "env", "prod"));
    assert_false(matches("env in (test)", "env", "prod"));
}

static void what_is_not_wanted_may_be_missing(void **state) {
    (void)state;
    assert_true(matches("env!=prod", "region", "eu"));
    assert_false(matches("env!=prod", "env", "prod"));
    assert_true(matches("env notin (a,b)", "env", "c"));
    assert_false(matches("!env", "env", "c"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_written_in_three_ways),
        cmocka_unit_test(sets_hold_one_of_several_values),
        cmocka_unit_test(presence_and_absence_need_only_the_name),
        cmocka_unit_test(the_words_of_operators_may_name_labels),
        cmocka_unit_test(names_may_have_a_domain),
        cmocka_unit_test(what_is_no_selector_is_refused_with_its_column),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(all_terms_must_hold),
        cmocka_unit_test(what_is_not_wanted_may_be_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
