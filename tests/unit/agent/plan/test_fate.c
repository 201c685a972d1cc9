#include "agent/plan/fate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"

enum says { REPORT, CORRECT, OFF, EXEMPT, NOTHING };

// What wins, as deploy/reference/exemptions.md has it: by the first that speaks, the rule or else
// the App, what becomes of a field that somebody else set: drift, corrected, survives.
static const char *const fates[] = {
    [REPORT] = "drift -         -",
    [CORRECT] = "drift corrected -",
    [OFF] = "-     -         survives",
    [EXEMPT] = "drift -         survives",
};

static const enum agent_drift modes[] = {[REPORT] = AGENT_DRIFT_REPORT,
                                         [CORRECT] = AGENT_DRIFT_CORRECT,
                                         [OFF] = AGENT_DRIFT_OFF,
                                         [EXEMPT] = AGENT_DRIFT_REPORT,
                                         [NOTHING] = AGENT_DRIFT_REPORT};

static char *fate_of(enum says app, enum says rule, enum agent_difference difference,
                     bool stopped) {
    struct agent_fate fate = agent_fate_of(&(struct agent_situation){.stopped = stopped,
                                                                     .app = modes[app],
                                                                     .ruled = rule != NOTHING,
                                                                     .rule = modes[rule],
                                                                     .exempt = rule == EXEMPT,
                                                                     .difference = difference});

    return cm_strf("%-5s %-9s %s", fate.drift ? "drift" : "-", fate.corrected ? "corrected" : "-",
                   fate.survives ? "survives" : "-");
}

static void the_first_that_speaks_of_a_field_wins(void **state) {
    (void)state;
    for (int app = REPORT; app <= OFF; app++) {
        for (int rule = REPORT; rule <= NOTHING; rule++) {
            CM_AUTOFREE char *fate =
                fate_of((enum says)app, (enum says)rule, AGENT_DIFFERENCE_FOREIGN, false);

            assert_string_equal(fate, fates[rule == NOTHING ? app : rule]);
        }
    }
}

static void what_is_nobodys_drift_is_never_fought(void **state) {
    static const enum agent_difference others[] = {AGENT_DIFFERENCE_RIGHT, AGENT_DIFFERENCE_NOISE};

    (void)state;
    for (int app = REPORT; app <= OFF; app++) {
        for (int rule = REPORT; rule <= NOTHING; rule++) {
            for (size_t i = 0; i < 2; i++) {
                CM_AUTOFREE char *fate = fate_of((enum says)app, (enum says)rule, others[i], false);

                assert_string_equal(fate, "-     -         survives");
            }
        }
    }
}

static void who_is_stopped_tells_the_same_and_changes_nothing(void **state) {
    (void)state;
    for (int app = REPORT; app <= OFF; app++) {
        for (int rule = REPORT; rule <= NOTHING; rule++) {
            for (int what = AGENT_DIFFERENCE_FOREIGN; what <= AGENT_DIFFERENCE_NOISE; what++) {
                CM_AUTOFREE char *there =
                    fate_of((enum says)app, (enum says)rule, (enum agent_difference)what, true);
                CM_AUTOFREE char *else_where =
                    fate_of((enum says)app, (enum says)rule, (enum agent_difference)what, false);

                assert_int_equal(strncmp(there, else_where, 5), 0);
                assert_string_equal(there + 5, " -         survives");
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_speaks_of_a_field_wins),
        cmocka_unit_test(what_is_nobodys_drift_is_never_fought),
        cmocka_unit_test(who_is_stopped_tells_the_same_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
