// past: what `diff` needs of the past.
//
// Threads: one.
#pragma once

#include <stdbool.h>

struct ctl;

// ctl_past_is_range tells whether a word has a time in it, or two sides: "staging..prod",
// "prod@{yesterday}", "prod~1".
bool ctl_past_is_range(const char *word);

// ctl_past_diff is `holdfast diff A..B`.
int ctl_past_diff(struct ctl *c);

// ctl_past_objects is `holdfast diff A..B --objects`.
int ctl_past_objects(struct ctl *c);
