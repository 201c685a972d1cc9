// mirror: the folder in which a repository is kept (hub/repo/source.h describes it).
//
// Whoever holds the lock may write. It sweeps away what a killed predecessor left: temporary packs,
// and lock files, one of which would make every later fetch fail.
//
// Compaction takes all packs but one that is larger than the others together, writes their objects
// into a new one, and marks them with PACK.retired. Retired packs are no longer counted and go at
// the first sweep after ten minutes; a reader that opened them before finds everything meanwhile.
//
// Threads: any; blocks. Used by the child and, to sweep after it, by its parent.
#pragma once

#include <git2.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define HUB_MIRROR_TIP "refs/heads/tip"
#define HUB_MIRROR_RETIRED_MS INT64_C(600000)

struct hub_mirror {
    char *repo; // path of the bare repository
    char *home;
    int lock_fd;
};

// hub_mirror_lock makes the folder if needed, takes its lock and sweeps. It fails with CM_EBUSY if
// another one holds the lock.
CM_MUSTUSE enum cm_rc hub_mirror_lock(const char *folder, struct hub_mirror *out,
                                      struct cm_err *err);
void hub_mirror_unlock(struct hub_mirror *m); // a zeroed one is fine

// hub_mirror_open opens the repository, makes an empty one if there is none, and starts anew if
// what is there makes no sense. If its files cannot be opened (no descriptors are left, no rights)
// it fails with CM_EIO and leaves them: they hold the history that the last good state comes from.
CM_MUSTUSE enum cm_rc hub_mirror_open(const struct hub_mirror *m, git_repository **out,
                                      struct cm_err *err);

// hub_mirror_tip reads the commit that was fetched last. CM_ENOTFOUND if there is none.
CM_MUSTUSE enum cm_rc hub_mirror_tip(git_repository *repo, git_oid *out, struct cm_err *err);

// hub_mirror_packs counts the packs that are not retired.
size_t hub_mirror_packs(const struct hub_mirror *m);

// hub_mirror_sweep removes from a bare repository what a killed writer left, and packs that were
// retired long enough ago. Only for who alone writes there.
void hub_mirror_sweep(const char *repo);

CM_MUSTUSE enum cm_rc hub_mirror_compact(const struct hub_mirror *m, struct cm_err *err);

// hub_mirror_merge writes small packs of a bare repository into one, so that each that stays is at
// least twice as large as all smaller ones together: what was written once is written again only as
// often as the repository doubles. Others may write packs of their own meanwhile.
CM_MUSTUSE enum cm_rc hub_mirror_merge(const char *repo, struct cm_err *err);

// hub_mirror_prune writes what is named in a bare repository into one pack, and removes all others,
// if that frees an eighth of it or more. Nobody else may write there meanwhile, and whoever has it
// open to write must open it anew: what he sees may be gone.
CM_MUSTUSE enum cm_rc hub_mirror_prune(const char *repo, struct cm_err *err);
