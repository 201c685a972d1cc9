#include "hub/jobs/prover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/jobs/planner.h"

struct hub_prover {
    struct hub_prover_config config;
    struct cm_metric *metrics[HUB_PROOF_DIFFERENT + 1];
};

// One Hold.
struct proving {
    struct hub_prover *prover;
    const struct hub_hold_ask *ask;
    char **same; // clusters, in the order in which they answered
    size_t same_count;
    struct cm_str different;
    struct cm_str none;
    size_t open; // questions; one more while they are asked
    hub_prover_fn done;
    void *ctx;
};

// One form.
struct question {
    struct proving *proving;
    char *cluster;
};

static void make_metrics(struct hub_prover *p) {
    static const char *const labels[] = {
        [HUB_PROOF_NONE] = "proof=\"none\"",
        [HUB_PROOF_SAME] = "proof=\"same\"",
        [HUB_PROOF_DIFFERENT] = "proof=\"different\"",
    };

    for (size_t i = 0; i <= HUB_PROOF_DIFFERENT; i++) {
        p->metrics[i] =
            cm_metrics_counter(p->config.metrics, "holdfast_hold_proofs_total", labels[i],
                               "What was found of Holds before they were written.");
    }
}

static void count(struct hub_prover *p, enum hub_proof proof) {
    if (p->metrics[proof] != NULL) {
        cm_metric_add(p->metrics[proof], 1);
    }
}

struct hub_prover *hub_prover_new(const struct hub_prover_config *config) {
    struct hub_prover *p = cm_new(1, sizeof(*p));

    p->config = *config;
    if (config->metrics != NULL) {
        make_metrics(p);
    }
    return p;
}

void hub_prover_free(struct hub_prover *p) {
    free(p);
}

static void add_words(struct cm_str *out, const char *cluster, const char *text) {
    cm_str_addf(out, "%s%s%s%s", out->len == 0 ? "" : "; ", cluster, cluster[0] == '\0' ? "" : ": ",
                text);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// name_same gives the clusters in the same order whoever was first to answer: it goes into a
// commit.
static char *name_same(const struct proving *p) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};

    if (p->same_count > 0) {
        qsort(p->same, p->same_count, sizeof(*p->same), compare_names);
    }
    for (size_t i = 0; i < p->same_count; i++) {
        if (i == 0 || strcmp(p->same[i - 1], p->same[i]) != 0) {
            cm_str_addf(&names, "%s%s", i == 0 ? "" : " ", p->same[i]);
        }
    }
    return cm_strf("same (%s)", cm_str_get(&names));
}

// in_words: what is worst comes first.
static char *in_words(const struct proving *p) {
    CM_AUTOFREE char *more =
        p->ask->effects_more == 0
            ? cm_strdup("")
            : cm_strf("; %zu more forms were not asked for", p->ask->effects_more);

    if (p->different.len > 0) {
        return cm_strf("different (%s)%s", cm_str_get(&p->different), more);
    }
    if (p->none.len > 0) {
        return cm_strf("none (%s)%s", cm_str_get(&p->none), more);
    }
    CM_AUTOFREE char *same = name_same(p);
    return cm_strf("%s%s", same, more);
}

static void free_proving(struct proving *p) {
    for (size_t i = 0; i < p->same_count; i++) {
        free(p->same[i]);
    }
    free(p->same);
    cm_str_done(&p->different);
    cm_str_done(&p->none);
    free(p);
}

static void end_one(struct proving *p) {
    if (--p->open > 0) {
        return;
    }
    CM_AUTOFREE char *words = in_words(p);
    count(p->prover, p->different.len > 0 ? HUB_PROOF_DIFFERENT
                     : p->none.len > 0    ? HUB_PROOF_NONE
                                          : HUB_PROOF_SAME);
    if (p->different.len > 0) {
        cm_log(CM_LOG_WARN, "release.differs", words, "app", p->ask->app, "hold", p->ask->path,
               NULL);
    }
    p->done(p->ctx, words);
    free_proving(p);
}

static void on_proved(void *ctx, enum hub_proof proof, const char *text) {
    struct question *q = ctx;
    struct proving *p = q->proving;

    if (proof == HUB_PROOF_SAME) {
        p->same = cm_resize(p->same, (p->same_count + 1) * sizeof(*p->same));
        p->same[p->same_count++] = CM_TAKE(q->cluster);
    } else {
        add_words(proof == HUB_PROOF_DIFFERENT ? &p->different : &p->none, q->cluster, text);
    }
    free(q->cluster);
    free(q);
    end_one(p);
}

// ask_for asks the first cluster of a form that can be asked.
static void ask_for(struct hub_prover *pr, struct proving *p, const struct hub_hold_effect *e) {
    struct cm_err err = {.msg = "nobody can be asked"};

    for (size_t i = 0; i < e->cluster_count; i++) {
        const struct hub_prove_ask what = {.cluster = e->clusters[i],
                                           .app = p->ask->app,
                                           .key = e->key,
                                           .controller = e->controller,
                                           .bytes = e->bytes,
                                           .size = e->size};
        struct question *q = cm_new(1, sizeof(*q));

        *q = (struct question){.proving = p, .cluster = cm_strdup(e->clusters[i])};
        p->open++;
        if (pr->config.ask(pr->config.ctx, &what, on_proved, q, &err) == CM_OK) {
            CM_FAULT_POINT("proof-asked");
            return;
        }
        p->open--;
        free(q->cluster);
        free(q);
    }
    add_words(&p->none, e->cluster_count > 0 ? e->clusters[0] : "", err.msg);
}

void hub_prover_prove(struct hub_prover *pr, const struct hub_hold_ask *ask, hub_prover_fn done,
                      void *ctx) {
    struct proving *p = cm_new(1, sizeof(*p));

    *p = (struct proving){.prover = pr, .ask = ask, .open = 1, .done = done, .ctx = ctx};
    if (ask->effect_count == 0) {
        add_words(&p->none, "",
                  "no pod template changes, and whether configuration is analysed anew is its "
                  "controller's");
    }
    for (size_t i = 0; i < ask->effect_count; i++) {
        ask_for(pr, p, &ask->effects[i]);
    }
    end_one(p);
}
