#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/jobs/planner.h"
#include "hub/jobs/prover.h"

#define ASKED_MAX 8

// Agents that answer when a test says so.
struct agents {
    const char *away; // cluster that cannot be asked
    struct {
        char cluster[32];
        hub_proved_fn done;
        void *ctx;
    } asked[ASKED_MAX];
    size_t count;
    char proof[256];
    size_t times;
};

static enum cm_rc ask(void *ctx, const struct hub_prove_ask *what, hub_proved_fn done,
                      void *done_ctx, struct cm_err *err) {
    struct agents *g = ctx;

    if (g->away != NULL && strcmp(g->away, what->cluster) == 0) {
        return cm_fail(err, CM_ENOTFOUND, "no agent is connected");
    }
    (void)snprintf(g->asked[g->count].cluster, sizeof(g->asked[0].cluster), "%s", what->cluster);
    g->asked[g->count].done = done;
    g->asked[g->count++].ctx = done_ctx;
    return CM_OK;
}

static void on_done(void *ctx, const char *proof) {
    struct agents *g = ctx;

    (void)snprintf(g->proof, sizeof(g->proof), "%s", proof);
    g->times++;
}

static void answer(struct agents *g, size_t i, enum hub_proof proof, const char *text) {
    g->asked[i].done(g->asked[i].ctx, proof, text);
}

// prove asks about forms of these clusters.
static struct hub_prover *prove(struct agents *g, const struct hub_hold_ask *what) {
    struct hub_prover *p = hub_prover_new(&(struct hub_prover_config){.ask = ask, .ctx = g});

    hub_prover_prove(p, what, on_done, g);
    return p;
}

#define FORM(...)                                                                                  \
    {                                                                                              \
        .key = "Deployment.apps/x/web", .controller = "flagger", .bytes = "{}", .size = 2,         \
        .clusters = {__VA_ARGS__},                                                                 \
        .cluster_count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)                    \
    }

static void of_each_form_one_cluster_is_asked_the_first_that_can_be(void **state) {
    static const struct hub_hold_effect forms[] = {FORM("a", "b"), FORM("c")};
    const struct hub_hold_ask what = {
        .app = "web", .path = "holds/web/2.yaml", .effects = forms, .effect_count = 2};
    struct agents g = {.away = "a"};
    struct hub_prover *p = prove(&g, &what);

    (void)state;
    assert_int_equal(g.count, 2);
    assert_string_equal(g.asked[0].cluster, "b");
    assert_string_equal(g.asked[1].cluster, "c");
    answer(&g, 1, HUB_PROOF_SAME, "");
    assert_int_equal(g.times, 0);
    answer(&g, 0, HUB_PROOF_SAME, "");
    assert_int_equal(g.times, 1);
    assert_string_equal(g.proof, "same (b c)");
    hub_prover_free(p);
}

static void what_differs_comes_first_then_what_nobody_can_tell(void **state) {
    static const struct hub_hold_effect forms[] = {FORM("a"), FORM("b"), FORM("c")};
    struct hub_hold_ask what = {
        .app = "web", .path = "holds/web/2.yaml", .effects = forms, .effect_count = 3};
    struct agents g = {.away = "c"};
    struct hub_prover *p = prove(&g, &what);

    (void)state;
    answer(&g, 0, HUB_PROOF_SAME, "");
    answer(&g, 1, HUB_PROOF_DIFFERENT, ".spec is not as in what runs");
    assert_string_equal(g.proof, "different (b: .spec is not as in what runs)");
    hub_prover_free(p);

    g = (struct agents){.away = "c"};
    what.effects_more = 2;
    p = prove(&g, &what);
    answer(&g, 0, HUB_PROOF_SAME, "");
    answer(&g, 1, HUB_PROOF_NONE, "the agent does not answer in time");
    assert_string_equal(g.proof, "none (c: no agent is connected; b: the agent does not answer in "
                                 "time); 2 more forms were not asked for");
    hub_prover_free(p);
}

static void where_nobody_can_be_asked_that_is_said_at_once(void **state) {
    static const struct hub_hold_effect forms[] = {FORM("a")};
    struct hub_hold_ask what = {
        .app = "web", .path = "holds/web/2.yaml", .effects = forms, .effect_count = 1};
    struct agents g = {.away = "a"};
    struct hub_prover *p = prove(&g, &what);

    (void)state;
    assert_string_equal(g.proof, "none (a: no agent is connected)");
    hub_prover_free(p);
    what.effect_count = 0;
    p = prove(&g, &what);
    assert_int_equal(strncmp(g.proof, "none (no pod template changes", 29), 0);
    hub_prover_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_each_form_one_cluster_is_asked_the_first_that_can_be),
        cmocka_unit_test(what_differs_comes_first_then_what_nobody_can_tell),
        cmocka_unit_test(where_nobody_can_be_asked_that_is_said_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
