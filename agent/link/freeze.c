// What the hub says is frozen.
#include "agent/link/internal.h"
#include "common/clock.h"
#include "proto/wire.h"

#define TIME_MAX (INT64_MAX / 4)

static bool is_time(int64_t ms) {
    return ms > 0 && ms < TIME_MAX;
}

// until_of gives an end by the hub's clock in ours. What is no time ends by word only.
static int64_t until_of(const Holdfast__V1__Freeze *m, const Holdfast__V1__FreezeEntry *e) {
    if (!is_time(e->until_ms) || !is_time(m->now_ms)) {
        return 0;
    }
    int64_t until_ms = e->until_ms - m->now_ms + cm_clock_unix_ms();
    return until_ms > 0 ? until_ms : 1; // long ago
}

void link_freeze(struct agent_link *l, const Holdfast__V1__Freeze *m) {
    struct agent_freeze all[AGENT_FREEZES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < m->n_entries && count < AGENT_FREEZES_MAX; i++) {
        const Holdfast__V1__FreezeEntry *e = m->entries[i];

        all[count++] = (struct agent_freeze){.name = e->name,
                                             .app = e->app,
                                             .who = e->actor,
                                             .why = e->reason,
                                             .until_ms = until_of(m, e)};
    }
    l->host.freeze(l->host.ctx, all, count, m->number);
}

void agent_link_send_frozen(struct agent_link *l, uint64_t number) {
    Holdfast__V1__Frozen m;

    holdfast__v1__frozen__init(&m);
    m.number = number;
    if (l->state == LINK_UP) {
        (void)link_send(l, WIRE_FROZEN, &m.base); // else it is told again at the next connect
    }
}
