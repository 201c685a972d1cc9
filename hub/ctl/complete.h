// complete: what may come next on a command line: verbs, options and their values, and names that
// the hub is asked for.
//
// The shells' scripts call `holdfast __complete WORD...`, the last word being the one that is
// typed, and get a candidate a line, with a tab and a few words where there are any; ":files" means
// that files are meant. Whatever goes wrong, the hub's silence above all, means no candidates.
//
// What a verb's arguments may be is said in its row of the table: one entry a word, the last
// repeated if it ends in "..." or is "named":
//     types       what there is to list      named      names of the type before it
//     targets     app, cluster, group        verbs, files, clusters, apps, freezes, revisions,
//     a|b|c       these words                tokens, contexts   names of these
//
// Threads: one; asks the hub.
#pragma once

struct cm_arena;
struct cm_str;
struct ctl;
struct ctl_verb;

// ctl_complete prints the candidates for the last of the words.
int ctl_complete(struct ctl *c, int count, char **words);

// ctl_complete_entry returns what the argument at this place (from 0) may be, in the arena; "" for
// nothing.
const char *ctl_complete_entry(struct cm_arena *a, const struct ctl_verb *verb, int place);
