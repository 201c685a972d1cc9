#include "agent/plan/scale.h"

// length_of returns how long a window is that begins now.
static int64_t length_of(const struct agent_scale *s, int64_t now_ms, int64_t longest_ms) {
    if (s->length_ms == 0 || now_ms - s->ended_ms >= s->length_ms) {
        return AGENT_SCALE_WINDOW_MS;
    }
    return s->length_ms < longest_ms / 2 ? 2 * s->length_ms : longest_ms;
}

static void open_window(struct agent_scale *s, int64_t before, const struct agent_scale_time *at,
                        int64_t longest_ms) {
    s->length_ms = length_of(s, at->now_ms, longest_ms);
    s->begun_ms = at->now_ms;
    s->first_ms = at->unix_ms;
    s->from = before;
    s->least = before;
    s->most = before;
}

void agent_scale_add(struct agent_scale *s, int64_t before, int64_t after,
                     const struct agent_scale_time *at, int64_t longest_ms) {
    int64_t less = before < after ? before : after;
    int64_t more = before < after ? after : before;

    if (s->changes == 0) {
        open_window(s, before, at, longest_ms);
    }
    s->least = less < s->least ? less : s->least;
    s->most = more > s->most ? more : s->most;
    s->last = after;
    s->last_ms = at->unix_ms;
    s->changes += s->changes < UINT32_MAX ? 1 : 0;
}

int64_t agent_scale_due_ms(const struct agent_scale *s) {
    return s->begun_ms + s->length_ms;
}

void agent_scale_end(struct agent_scale *s, int64_t now_ms) {
    *s = (struct agent_scale){.length_ms = s->length_ms, .ended_ms = now_ms};
}
