// scale: changes of replicas that belong to somebody else, over a window of time.
//
// An autoscaler may change them every few seconds, and who looks later wants one line of it. So a
// window begins with a change, and is over five minutes later. While changes go on, each window
// lasts twice as long as the one before, up to a longest one that the caller knows: a workload that
// never rests makes few lines, too, and one that rests begins with five minutes again.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define AGENT_SCALE_WINDOW_MS ((int64_t)5 * 60 * 1000)

// One moment, by both clocks.
struct agent_scale_time {
    int64_t now_ms;  // monotonic
    int64_t unix_ms; // Unix time
};

// A zeroed one has seen nothing.
struct agent_scale {
    int64_t from; // replicas before the first change
    int64_t least;
    int64_t most;
    int64_t last;
    uint32_t changes; // 0: no window is open
    int64_t first_ms; // of the changes; Unix time
    int64_t last_ms;
    int64_t begun_ms;  // monotonic
    int64_t ended_ms;  // when the window before was over; monotonic
    int64_t length_ms; // of this window, or the last one; 0: there was none
};

// agent_scale_add counts a change. If it opens a window that is at most `longest_ms` long.
void agent_scale_add(struct agent_scale *s, int64_t before, int64_t after,
                     const struct agent_scale_time *at, int64_t longest_ms);

// agent_scale_due_ms returns when the open window is over; monotonic.
int64_t agent_scale_due_ms(const struct agent_scale *s);

// agent_scale_end closes the window; what it counted is gone.
void agent_scale_end(struct agent_scale *s, int64_t now_ms);
