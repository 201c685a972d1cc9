// words: what the command line's words mean to a verb, and what it says about names.
//
// Threads: any; all functions are pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// ctl_has_word tells whether a list of words, separated by single spaces, holds this one.
bool ctl_has_word(const char *words, const char *word);
