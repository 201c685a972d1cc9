// words: what the command line's words mean to a verb, and what it says about names.
//
// Threads: any; all functions are pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_option;

// ctl_has_word tells whether a list of words, separated by single spaces, holds this one.
bool ctl_has_word(const char *words, const char *word);

// ctl_option_name returns the long name of the option that a word of the command line gives
// ("--app=x", "-ojson"), for the caller to free; NULL if it is none, or unknown.
char *ctl_option_name(const struct cm_option *options, size_t count, const char *word);
