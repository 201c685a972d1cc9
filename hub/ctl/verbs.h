// verbs: the table of what `holdfast` can do, from which come its help, its manual pages and its
// completion.
//
// Threads: constants.
#pragma once

#include <stddef.h>

struct ctl;

struct ctl_verb {
    const char *name;
    const char *group;     // heading in the list of verbs
    const char *arguments; // "TYPE [NAME...]"; "": it takes none
    const char *summary;   // one sentence
    const char *about;     // more, a paragraph; NULL: nothing
    const char *example;   // one command a line
    const char *options;   // names it takes beside those that all take, separated by spaces
    const char *outputs;   // words of -o, the first is the default; NULL: it takes no -o
    const char *completes; // what its arguments may be, word by word; see complete.h
    int (*run)(struct ctl *c);
};

extern const struct ctl_verb ctl_verbs[];
extern const size_t ctl_verb_count;

// ctl_verb_find returns the verb of this name, or NULL.
const struct ctl_verb *ctl_verb_find(const char *name);

// ctl_verb_hint tells what somebody who typed a word of kubectl, flux or argocd wants here, or
// NULL; ctl_verb_nearest the verb whose name is nearest, or NULL.
const char *ctl_verb_hint(const char *word);
const char *ctl_verb_nearest(const char *word);
