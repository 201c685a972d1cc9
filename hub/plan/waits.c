// What waits for a confirmation, as the documents to commit.
#include <string.h>

#include "common/str.h"
#include "hub/fleet/schema.h"
#include "hub/plan/show.h"

static bool waits(const struct hub_plan_problem *p) {
    return p->news != HUB_PLAN_MENDED && p->problem.removal != NULL;
}

// was_told tells whether a problem before this one waits for the same confirmation.
static bool was_told(const struct hub_plan *plan, size_t at) {
    const struct hub_problem *p = &plan->problems[at].problem;

    for (size_t i = 0; i < at; i++) {
        if (waits(&plan->problems[i]) && strcmp(plan->problems[i].problem.app, p->app) == 0 &&
            strcmp(plan->problems[i].problem.removal, p->removal) == 0) {
            return true;
        }
    }
    return false;
}

size_t hub_plan_confirmations(const struct hub_plan *plan, struct cm_str *out) {
    size_t count = 0;

    for (size_t i = 0; i < plan->problem_count; i++) {
        const struct hub_problem *p = &plan->problems[i].problem;

        if (!waits(&plan->problems[i]) || was_told(plan, i)) {
            continue;
        }
        cm_str_addf(out,
                    "%sapiVersion: " HUB_API_VERSION "\nkind: Confirmation\nmetadata:\n"
                    "  name: " HUB_CONFIRMATION_NAME "\nspec:\n  app: %s\n  removal: '%s'\n",
                    count > 0 ? "---\n" : "", p->app, p->removal, p->app, p->removal);
        count++;
    }
    return count;
}
