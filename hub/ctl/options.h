// options: the table of all options of all verbs, and what the words of a command line are.
//
// Threads: any; constants and pure functions.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/options.h"

struct cm_str;
struct ctl_verb;

extern const struct cm_option ctl_option_table[];
extern const size_t ctl_option_count;

// ctl_option_of returns the option that a word of the command line gives ("--app=x", "-ojson"), or
// NULL if it is none, or unknown.
const struct cm_option *ctl_option_of(const char *word);

// ctl_option_hint tells what somebody who typed an option of kubectl or flux wants here, or NULL.
const char *ctl_option_hint(const char *word);

// ctl_option_values tells what completion may offer: words, or "@apps" for names the hub knows;
// NULL: anything.
const char *ctl_option_values(const char *name);

// ctl_option_is_common tells whether all verbs take it.
bool ctl_option_is_common(const char *name);

// A command line, before it is known what the verb takes.
struct ctl_line {
    int verb;             // index of the word that is the verb; 0: there is none
    int other;            // index of an option that is known but not of this verb; 0: none
    int unknown;          // index of an option that is none; 0: none
    struct cm_str *given; // names of the options, each after a space
};

// ctl_line_read looks through a command line; argv[0] is the program. `verb` NULL: it is not known
// yet, then `other` stays 0.
void ctl_line_read(int argc, char *const *argv, const struct ctl_verb *verb, struct ctl_line *out);

// Room for the options of one verb.
struct ctl_option_set {
    struct cm_option_set set;
    struct cm_option options[80];
    char *strings[3];
};

// ctl_option_set_make gathers what a verb takes, in its own words; all options for NULL.
void ctl_option_set_make(const struct ctl_verb *verb, struct ctl_option_set *out);
void ctl_option_set_done(struct ctl_option_set *set);
