// asleep: waits until another thread waits.
//
// For tests of what wakes a thread: there is no other way to know, without a pause of guessed
// length, that a thread has reached its wait.
//
// Threads: any.
#pragma once

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

// thread_state returns the letter that /proc shows for a thread of this process, 'S' for asleep.
static inline char thread_state(pid_t tid) {
    char path[64];
    char state = '?';

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return state;
    }
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
        state = '?';
    }
    (void)fclose(file);
    return state;
}

static inline void await_asleep(pid_t tid) {
    while (thread_state(tid) != 'S') {
        (void)sched_yield();
    }
}
