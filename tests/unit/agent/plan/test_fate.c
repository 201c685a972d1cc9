#include "agent/plan/fate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum says { REPORT, CORRECT, OFF, EXEMPT, NOTHING };

// What wins, as deploy/reference/exemptions.md has it: by the first that speaks, the rule or else
// the App, what becomes of a field that somebody else set.
static const char *const fates[] = {
    [REPORT] = "drift",
    [CORRECT] = "drift corrected",
    [OFF] = "",
    [EXEMPT] = "drift",
};

static const enum agent_drift modes[] = {[REPORT] = AGENT_DRIFT_REPORT,
                                         [CORRECT] = AGENT_DRIFT_CORRECT,
                                         [OFF] = AGENT_DRIFT_OFF,
                                         [EXEMPT] = AGENT_DRIFT_REPORT,
                                         [NOTHING] = AGENT_DRIFT_REPORT};

static const char *fate_of(enum says app, enum says rule, enum agent_difference difference) {
    struct agent_fate fate = agent_fate_of(&(struct agent_situation){.app = modes[app],
                                                                     .ruled = rule != NOTHING,
                                                                     .rule = modes[rule],
                                                                     .exempt = rule == EXEMPT,
                                                                     .difference = difference});

    assert_true(fate.drift || !fate.corrected);
    if (fate.corrected) {
        return "drift corrected";
    }
    return fate.drift ? "drift" : "";
}

static void the_first_that_speaks_of_a_field_wins(void **state) {
    (void)state;
    for (int app = REPORT; app <= OFF; app++) {
        for (int rule = REPORT; rule <= NOTHING; rule++) {
            const char *fate = fates[rule == NOTHING ? app : rule];

            assert_string_equal(fate_of((enum says)app, (enum says)rule, AGENT_DIFFERENCE_FOREIGN),
                                fate);
            assert_string_equal(fate_of((enum says)app, (enum says)rule, AGENT_DIFFERENCE_ADDED),
                                fate);
        }
    }
}

static void what_is_nobodys_drift_is_never_fought(void **state) {
    static const enum agent_difference others[] = {AGENT_DIFFERENCE_RIGHT, AGENT_DIFFERENCE_NOISE};

    (void)state;
    for (int app = REPORT; app <= OFF; app++) {
        for (int rule = REPORT; rule <= NOTHING; rule++) {
            for (size_t i = 0; i < 2; i++) {
                assert_string_equal(fate_of((enum says)app, (enum says)rule, others[i]), "");
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_speaks_of_a_field_wins),
        cmocka_unit_test(what_is_nobodys_drift_is_never_fought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
