// What comes of a step: for the whole, and for one cluster.
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/documents.h"
#include "hub/jobs/planner_state.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/seed.h"

// ---- Outcomes

struct hub_outcome *hub_outcome_new(void) {
    struct cm_arena *a = cm_arena_new(0);
    struct hub_outcome *o = cm_arena_get(a, sizeof(*o));

    o->arena = a;
    return o;
}

void hub_outcome_free(struct hub_outcome *o) {
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->change_count; i++) {
        hub_desired_unref(o->changes[i].before);
        hub_desired_unref(o->changes[i].now);
        hub_publication_unref(o->changes[i].publication);
    }
    for (size_t i = 0; i < o->refreshed_count; i++) {
        hub_publication_unref(o->refreshed[i]);
    }
    hub_decided_free(o->decided);
    hub_document_set_unref(o->documents_before);
    hub_document_set_unref(o->documents);
    cm_arena_free(o->arena);
}

// The arrays of an outcome are made for a known number of clusters.
void hub_outcome_room(struct hub_outcome *o, size_t clusters) {
    o->changes = cm_arena_get(o->arena, (clusters + 1) * sizeof(*o->changes));
    o->refreshed = cm_arena_get(o->arena, (clusters + 1) * sizeof(struct hub_publication *));
}

static void unref_publication(struct hub_publication **p) {
    hub_publication_unref(*p);
}

static void add_change(struct hub_outcome *o, const struct hub_cluster_change *change) {
    o->changes[o->change_count] = *change;
    o->changes[o->change_count].cluster = cm_arena_strdup(o->arena, change->cluster);
    o->change_count++;
}

// ---- Publishing one cluster

struct hub_publication *hub_offer_publication(const struct hub_planner *p,
                                              const struct hub_cluster_state *state,
                                              struct hub_desired *desired, uint64_t generation) {
    if (state->id[0] == '\0') {
        return NULL;
    }
    return hub_publication_new(p->config.authority, desired, &state->answers, state->id,
                               state->epoch, generation);
}

static bool is_zero(const struct cm_sha256 *hash) {
    static const struct cm_sha256 zero;

    return cm_sha256_equal(hash, &zero);
}

static bool has_manifest(const struct hub_cluster_state *state) {
    return state->desired != NULL && (state->id[0] == '\0' || !is_zero(&state->manifest));
}

// Takes the reference to the publication.
static void change(struct hub_outcome *o, struct hub_cluster_state *state,
                   struct hub_desired *desired, struct hub_publication *publication) {
    add_change(o, &(struct hub_cluster_change){.cluster = desired->cluster,
                                               .before = state->desired,
                                               .now = hub_desired_ref(desired),
                                               .generation = state->generation,
                                               .publication = publication});
    state->desired = hub_desired_ref(desired);
}

// Takes the reference to the publication; NULL: nobody is enrolled.
static void add_refreshed(struct hub_outcome *o, struct hub_publication *publication) {
    if (publication != NULL) {
        o->refreshed[o->refreshed_count++] = publication;
    }
}

// What is the same but for the bytes of Secrets, which a seed lacks, is only sent again: agents
// that hold it need nothing, others can have all of it now.
void hub_offer(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired) {
    struct hub_cluster_state *state = hub_planner_cluster(p, desired->cluster);

    if (state->held && !(p->ready && p->fetched)) {
        return;
    }
    state->held = false;
    if (has_manifest(state) && !state->answers_more &&
        hub_desired_same_manifest(state->desired, desired)) {
        if (!hub_seed_is_whole(state->desired) && hub_seed_is_whole(desired)) {
            add_refreshed(o, hub_offer_publication(p, state, desired, state->generation));
        }
        change(o, state, desired, NULL);
        return;
    }
    state->generation++;
    state->answers_more = false;
    struct hub_publication *publication =
        hub_offer_publication(p, state, desired, state->generation);
    state->manifest = publication == NULL ? (struct cm_sha256){0} : publication->sha256;
    change(o, state, desired, publication);
}

// After a restart: the same manifest again if it comes out the same, now with the bytes of Secrets,
// else the next one.
void hub_offer_again(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired) {
    struct hub_cluster_state *state = hub_planner_cluster(p, desired->cluster);
    CM_CLEANUP(unref_publication)
    struct hub_publication *publication =
        state->generation == 0 ? NULL : hub_offer_publication(p, state, desired, state->generation);

    if (publication == NULL || state->desired == NULL ||
        !cm_sha256_equal(&publication->sha256, &state->manifest)) {
        hub_offer(p, o, desired);
    } else if (!hub_desired_same_marks(state->desired, desired)) {
        change(o, state, desired, CM_TAKE(publication));
    } else {
        add_refreshed(o, CM_TAKE(publication));
        hub_desired_unref(state->desired);
        state->desired = hub_desired_ref(desired);
    }
}

void hub_offer_nothing(struct hub_planner *p, struct hub_outcome *o, const char *cluster) {
    struct hub_cluster_state *state = hub_planner_cluster(p, cluster);

    add_change(o, &(struct hub_cluster_change){.cluster = cluster,
                                               .before = state->desired,
                                               .generation = state->generation});
    state->desired = NULL;
    state->manifest = (struct cm_sha256){0};
}
