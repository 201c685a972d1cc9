// query_words.c: the words for numbers and conditions.
#include <string.h>

#include "hub/store/query_conditions.h"
#include "hub/store/query_lists.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const states[][2] = {
    {"not-applied", "ifnull(" IS_APPLIED ", 0) = 0"},
    {"failed", IS_FAILED},
    {"not-healthy", "ifnull(" IS_HEALTHY ", 0) = 0"},
    {"drifted", IS_DRIFTED},
    {"stale", "p.stale"},
};

static const char *const applied_words[] = {"unknown", "pending",   "applying", "applied",
                                            "failed",  "suspended", "observed"};
static const char *const health_words[] = {"unknown", "progressing", "healthy", "degraded",
                                           "missing"};

const char *hub_state_name(size_t i) {
    return i < COUNT(states) ? states[i][0] : NULL;
}

const char *hub_applied_word(size_t i) {
    return i < COUNT(applied_words) ? applied_words[i] : NULL;
}

const char *hub_health_word(size_t i) {
    return i < COUNT(health_words) ? health_words[i] : NULL;
}

const char *hub_state_condition(const char *state) {
    for (size_t i = 0; i < COUNT(states); i++) {
        if (strcmp(states[i][0], state) == 0) {
            return states[i][1];
        }
    }
    return NULL;
}

const char *hub_applied_name(int applied) {
    const char *word = applied < 0 ? NULL : hub_applied_word((size_t)applied);

    return word == NULL ? "unknown" : word;
}

const char *hub_health_name(int health) {
    const char *word = health < 0 ? NULL : hub_health_word((size_t)health);

    return word == NULL ? "unknown" : word;
}
