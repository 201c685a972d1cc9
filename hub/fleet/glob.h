// glob: patterns for paths, with the rules of gitignore(5).
//
//     *      any text without '/'            ?      one character, not '/'
//     [a-z]  one of these, [!a-z] none of these, [[:alpha:]] too; never '/'
//     **/    any folders, or none            /**    everything below
//     \x     x itself
//
// A pattern becomes a list of steps, and all of them that are possible are followed at once, so
// that the time is at most the length of the pattern times that of the path: no pattern is slow.
// A pattern that makes no sense ("[a") matches nothing, as in Git.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct hub_glob;

#define HUB_GLOB_MAX 1024 // bytes of a pattern; a longer one matches nothing

// hub_glob_new makes a pattern in the arena. `anywhere`: it may begin below any folder.
struct hub_glob *hub_glob_new(struct cm_arena *a, const char *pattern, size_t len, bool anywhere);

// hub_glob_match tells whether the pattern means a path (or the first `len` bytes of one).
bool hub_glob_match(const struct hub_glob *g, const char *path, size_t len);
