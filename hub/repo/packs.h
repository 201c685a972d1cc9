// packs: the pack files of a mirror.
//
// Threads: any; blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub_pack {
    char *stem; // path without ".pack"
    uint64_t size;
    bool retired;
    bool stays;         // it is left as it is while others are written into one
    int64_t retired_ms; // Unix time
};

struct hub_packs {
    struct hub_pack *items;
    size_t count;
};

void hub_packs_done(struct hub_packs *p); // a zeroed one is fine

// hub_packs_list finds the packs in the folder `objects/pack` of a repository; none if there is no
// such folder.
void hub_packs_list(const char *repo, struct hub_packs *out);

// hub_packs_remove removes the files of a pack.
void hub_packs_remove(const struct hub_pack *pack);
