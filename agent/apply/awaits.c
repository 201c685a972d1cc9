// What a step of a run waits for because the driver says so: the forms of the App are read once for
// a stage.
#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"

struct reading {
    const struct run *r;
    struct cm_arena *arena;
    struct cm_json **forms; // of the bundle's entries; NULL: not read yet
};

static struct cm_json *form_of(const struct run *r, struct cm_arena *arena,
                               const struct agent_entry *entry) {
    return apply_form(r->owner, arena, &entry->sha256, entry->secret);
}

static const char *key_at(void *ctx, size_t i) {
    const struct reading *in = ctx;

    return in->r->bundle->entries[i].key;
}

static const struct cm_json *form_at(void *ctx, size_t i) {
    struct reading *in = ctx;

    if (in->forms[i] == NULL) {
        in->forms[i] = form_of(in->r, in->arena, &in->r->bundle->entries[i]);
    }
    return in->forms[i];
}

static bool any_awaits(const struct run *r) {
    for (size_t i = r->stage; i < r->stage_end; i++) {
        if (r->plan.steps[i].awaits) {
            return true;
        }
    }
    return false;
}

// mark asks the driver for each step; what is applied later than a step cannot be waited for.
static void mark(struct run *r, const struct agent_forms *forms, struct cm_arena *scratch) {
    const struct agent_driver_ops *ops = r->owner->driver->ops;
    bool *found = cm_arena_get(scratch, forms->count + 1);

    for (size_t i = r->stage; i < r->stage_end; i++) {
        const struct agent_step *step = &r->plan.steps[i];

        if (!step->awaits) {
            continue;
        }
        memset(found, 0, forms->count + 1);
        ops->awaits(form_of(r, scratch, step->entry), forms, found);
        for (size_t n = 0; n < forms->count; n++) {
            r->awaited[n] |= found[n] && agent_plan_beside(step, &r->bundle->entries[n]);
        }
    }
}

static void read_all(struct run *r) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    size_t count = r->bundle->entry_count;
    struct reading in = {r, scratch, cm_arena_get(scratch, (count + 1) * sizeof(*in.forms))};
    const struct agent_forms forms = {.count = count,
                                      .key = key_at,
                                      .form = form_at,
                                      .default_namespace = r->bundle->namespace,
                                      .ctx = &in};

    memset(in.forms, 0, (count + 1) * sizeof(*in.forms));
    r->awaited = cm_arena_get(r->arena, count + 1);
    memset(r->awaited, 0, count + 1);
    mark(r, &forms, scratch);
}

const char *apply_awaited(struct run *r) {
    const struct agent_apply_host *host = &r->owner->host;

    if (r->awaited == NULL && any_awaits(r) && r->owner->driver->ops->awaits != NULL) {
        read_all(r);
    }
    for (size_t i = 0; r->awaited != NULL && i < r->bundle->entry_count; i++) {
        const char *key = r->bundle->entries[i].key;

        if (r->awaited[i] && host->health(host->ctx, key) != AGENT_HEALTH_HEALTHY) {
            return key;
        }
    }
    return NULL;
}
