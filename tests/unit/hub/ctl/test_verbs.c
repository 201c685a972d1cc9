#include "hub/ctl/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/complete.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/options.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/words.h"

static void every_verb_has_what_its_help_needs(void **state) {
    (void)state;
    for (size_t i = 0; i < ctl_verb_count; i++) {
        const struct ctl_verb *verb = &ctl_verbs[i];
        CM_AUTOFREE char *call = cm_strf("holdfast %s", verb->name);

        assert_non_null(verb->group);
        assert_non_null(verb->run);
        assert_int_equal(verb->summary[strlen(verb->summary) - 1], '.');
        assert_true(strlen(verb->summary) <= 66); // 80 columns, less the name of the verb
        assert_non_null(strstr(verb->example, call));
        assert_ptr_equal(ctl_verb_find(verb->name), verb);
    }
}

static void every_option_of_a_verb_is_in_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < ctl_verb_count; i++) {
        CM_AUTOFREE char *words = cm_strdup(ctl_verbs[i].options);
        char *rest = words;
        char *word;

        while (words[0] != '\0' && (word = strsep(&rest, " ")) != NULL) {
            CM_AUTOFREE char *option = cm_strf("--%s", word);

            assert_non_null(ctl_option_of(option));
        }
        assert_true((ctl_verbs[i].outputs != NULL) == ctl_has_word(ctl_verbs[i].options, "output"));
    }
}

static void only_settings_come_from_the_environment(void **state) {
    (void)state;
    static const char settings[] = "server token-file ca-file context config color output "
                                   "removal-share-percent removal-objects-min "
                                   "removal-clusters-min";

    for (size_t i = 0; i < ctl_option_count; i++) {
        assert_true(ctl_option_table[i].line_only !=
                    ctl_has_word(settings, ctl_option_table[i].name));
    }
}

static struct ctl_line read_line(const char *const *words, int count, const char *verb,
                                 struct cm_str *given) {
    static char copies[6][32];
    char *argv[7];
    struct ctl_line line = {.given = given};

    for (int i = 0; i < count; i++) {
        (void)snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
        argv[i] = copies[i];
    }
    ctl_line_read(count, argv, verb == NULL ? NULL : ctl_verb_find(verb), &line);
    return line;
}

static void the_verb_is_the_first_word_that_is_no_option_and_no_value(void **state) {
    (void)state;
    CM_CLEANUP(cm_str_done) struct cm_str given = {0};
    const char *apart[] = {"holdfast", "--server", "get", "-o=json", "diff", "get"};
    const char *attached[] = {"holdfast", "--server=x", "-ojson", "--all", "sync"};

    assert_int_equal(read_line(apart, 6, NULL, &given).verb, 4);
    assert_string_equal(cm_str_get(&given), " server output");
    assert_int_equal(read_line(attached, 5, NULL, &given).verb, 4);
}

static void an_option_of_another_verb_is_found_out(void **state) {
    (void)state;
    CM_CLEANUP(cm_str_done) struct cm_str given = {0};
    const char *words[] = {"holdfast", "version", "--app", "x"};
    const char *ended[] = {"holdfast", "version", "--", "--app"};

    assert_int_equal(read_line(words, 4, "version", &given).other, 2);
    assert_int_equal(read_line(ended, 4, "version", &given).other, 0);
}

static void words_of_other_programs_have_an_answer(void **state) {
    (void)state;
    assert_non_null(strstr(ctl_verb_hint("reconcile"), "holdfast sync"));
    assert_non_null(strstr(ctl_verb_hint("apply"), "Git"));
    assert_null(ctl_verb_hint("frobnicate"));
    assert_string_equal(ctl_verb_nearest("dif"), "diff");
    assert_null(ctl_verb_nearest("frobnicate"));
    for (size_t i = 0; i < ctl_verb_count; i++) {
        assert_null(ctl_verb_hint(ctl_verbs[i].name));
    }
}

static void arguments_are_completed_place_by_place(void **state) {
    (void)state;
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);

    assert_string_equal(ctl_complete_entry(arena, ctl_verb_find("get"), 0), "types");
    assert_string_equal(ctl_complete_entry(arena, ctl_verb_find("get"), 1), "named");
    assert_string_equal(ctl_complete_entry(arena, ctl_verb_find("get"), 7), "named");
    assert_string_equal(ctl_complete_entry(arena, ctl_verb_find("enroll"), 3), "clusters");
    assert_string_equal(ctl_complete_entry(arena, ctl_verb_find("revoke"), 1), "");
    assert_string_equal(ctl_complete_entry(arena, ctl_verb_find("version"), 0), "");
}

static void a_kind_is_found_by_each_of_its_names(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {"cluster", "clusters"}, {"Cluster", "clusters"},    {"cl", "clusters"},
        {"cg", "groups"},        {"ClusterGroup", "groups"}, {"Apps", "apps"},
        {"ev", "events"},        {"commits", "revisions"},   {"st", "status"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_string_equal(ctl_resource_find(names[i][0])->name, names[i][1]);
    }
    assert_null(ctl_resource_find("pods"));
}

static void a_kind_that_there_is_not_is_answered(void **state) {
    (void)state;
    struct ctl ctl = {.given = ""};

    assert_int_equal(ctl_resource_fail(&ctl, "kustomizations"), CTL_ERROR);
    assert_non_null(strstr(ctl.err.msg, "here these are Apps"));
    assert_int_equal(ctl_resource_fail(&ctl, "clustrs"), CTL_ERROR);
    assert_non_null(strstr(ctl.err.msg, "did you mean 'clusters'"));
    assert_int_equal(ctl_resource_fail(&ctl, "xyzzy"), CTL_ERROR);
    assert_non_null(strstr(ctl.err.msg, "use clusters, groups"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_has_what_its_help_needs),
        cmocka_unit_test(every_option_of_a_verb_is_in_the_table),
        cmocka_unit_test(only_settings_come_from_the_environment),
        cmocka_unit_test(the_verb_is_the_first_word_that_is_no_option_and_no_value),
        cmocka_unit_test(an_option_of_another_verb_is_found_out),
        cmocka_unit_test(words_of_other_programs_have_an_answer),
        cmocka_unit_test(arguments_are_completed_place_by_place),
        cmocka_unit_test(a_kind_is_found_by_each_of_its_names),
        cmocka_unit_test(a_kind_that_there_is_not_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
