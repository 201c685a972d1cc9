// Hooks of a run: made anew, waited for, and what comes of them.
//
// How a hook is doing is told by observations of what it made, like the health of any object:
// healthy says that it succeeded, degraded that it failed. So a restart of the agent goes on
// waiting where it was, and a driver needs no more than to make the object anew.
#include <string.h>

#include "agent/apply/internal.h"
#include "common/mem.h"
#include "common/str.h"

static const struct agent_entry *entry_at(const struct run *r, size_t i) {
    return r->plan.steps[i].entry;
}

static enum agent_health health_at(const struct run *r, size_t i) {
    return r->owner->host.health(r->owner->host.ctx, entry_at(r, i)->key);
}

// is_made tells whether what the hook shall make for this bundle was made already, and need not be
// made again.
static bool is_made(const struct run *r, size_t i, const struct agent_hook *hook) {
    const struct agent_item *item = agent_cache_item(r->owner->cache, entry_at(r, i)->key);
    enum agent_health health = health_at(r, i);

    return hook != NULL && cm_sha256_equal(&hook->bundle, &r->bundle->hooks_for) && item != NULL &&
           item->applied && health != AGENT_HEALTH_MISSING &&
           !(r->all && health == AGENT_HEALTH_DEGRADED);
}

void hook_begin(struct run *r, size_t i) {
    const struct agent_entry *entry = entry_at(r, i);
    const struct agent_hook *hook = agent_cache_hook(r->owner->cache, entry->key);
    struct step *s = &r->steps[i];

    if (hook != NULL && hook->done && cm_sha256_equal(&hook->bundle, &r->bundle->hooks_for)) {
        s->hook = HOOK_ENDING; // its policy could not be followed before
        op_settle(r, i, entry);
    } else if (is_made(r, i, hook)) {
        s->hook = HOOK_AWAITED;
        agent_apply_woken(r->owner);
    } else {
        s->hook = HOOK_MAKING;
        op_run(r, i, entry);
    }
}

// is_otherwise: what failed was deleted, and runs again, or it has not failed after all.
static bool is_otherwise(enum agent_health health) {
    return health == AGENT_HEALTH_MISSING || health == AGENT_HEALTH_HEALTHY;
}

static void look_at(struct run *r, size_t i) {
    struct step *s = &r->steps[i];
    enum agent_health health = health_at(r, i);

    if (s->hook == HOOK_FAILED && s->state == STEP_FAILED && is_otherwise(health)) {
        s->due_ms = 0;
    }
    if (s->hook != HOOK_AWAITED) {
        return;
    }
    if (health == AGENT_HEALTH_HEALTHY) {
        s->hook = HOOK_ENDING;
        op_settle(r, i, entry_at(r, i));
    } else if (health == AGENT_HEALTH_DEGRADED) {
        s->hook = HOOK_FAILED;
        op_explain(r, i, entry_at(r, i)->key);
    } else if (health == AGENT_HEALTH_MISSING) {
        CM_AUTOFREE char *why = cm_strf("%s: it was deleted before its end was seen, and is made "
                                        "again",
                                        entry_at(r, i)->key);

        run_step_failed(r, i, why, CM_EBUSY, 0);
    }
}

void hook_look(struct run *r) {
    for (size_t i = r->stage; r->phase == RUN_STEPPING && i < r->next; i++) {
        if (r->plan.steps[i].hook) {
            look_at(r, i);
        }
    }
}

bool hook_waits(const struct run *r) {
    for (size_t i = r->stage; r->phase == RUN_STEPPING && i < r->next; i++) {
        if (r->steps[i].hook == HOOK_AWAITED || r->steps[i].hook == HOOK_FAILED) {
            return true;
        }
    }
    return false;
}

const char *hook_awaited(const struct run *r) {
    for (size_t i = r->stage; r->phase == RUN_STEPPING && i < r->next; i++) {
        if (r->steps[i].hook == HOOK_AWAITED) {
            return entry_at(r, i)->key;
        }
    }
    return NULL;
}

// words_of says why a hook failed; the end of what it wrote is what people need most.
static char *words_of(const struct run *r, size_t i, const char *text, const struct cm_err *error) {
    const char *key = entry_at(r, i)->key;
    const char *why = r->owner->host.why(r->owner->host.ctx, key);

    why = why[0] == '\0' ? "it gives no reason" : why;
    if (error->code != CM_OK) {
        return cm_strf("hook %.200s failed: %.200s; what it wrote cannot be read: %.200s", key, why,
                       error->msg);
    }
    return text[0] == '\0' ? cm_strf("hook %.200s failed: %.200s", key, why)
                           : cm_strf("hook %.200s failed: %.200s; its log ends: %.*s", key, why,
                                     AGENT_TAIL_MAX, text);
}

void hook_explained(struct run *r, size_t i, const char *text, const struct cm_err *error) {
    struct agent_apply *a = r->owner;

    r->in_flight--;
    if (r->superseded) {
        if (r->in_flight == 0) {
            apply_run_over(r);
        }
        return;
    }
    if (a->shut || error->code == CM_ECANCELED) {
        return;
    }
    CM_AUTOFREE char *why = words_of(r, i, text, error);
    a->host.failed(a->host.ctx, r->app, entry_at(r, i)->key, why);
    run_step_failed(r, i, why, CM_EINVAL, INT64_MAX);
    run_go(r);
}

// hook_has_run: agents that did not know what bundles name took down the bundle itself.
bool hook_has_run(const struct agent_apply *a, const char *key, const struct agent_bundle *bundle) {
    const struct agent_hook *hook = agent_cache_hook(a->cache, key);

    return hook != NULL && hook->done &&
           (cm_sha256_equal(&hook->bundle, &bundle->hooks_for) ||
            cm_sha256_equal(&hook->bundle, &bundle->sha256));
}

bool hook_is_over(const struct agent_apply *a, const struct agent_claim *claim) {
    return agent_entry_is_hook(claim->entry) &&
           (claim->entry->rests || hook_has_run(a, claim->entry->key, claim->app->bundle));
}

static bool is_listed(void *ctx, const char *key) {
    const struct run *r = ctx;
    const struct agent_entry *entry = r->gone ? NULL : agent_bundle_find(r->bundle, key);

    return entry != NULL && agent_entry_is_hook(entry);
}

void hook_forget(struct run *r) {
    agent_cache_keep_hooks(r->owner->cache, r->app, is_listed, r);
}
