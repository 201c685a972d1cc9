// order: which objects of a pack are likely to be versions of each other.
//
// A pack keeps an object as its difference from another one. libgit2 looks for that other one among
// the few that come before it, by type, by a hash of the name that it is given, and by size. By
// size alone a folder stands among other folders: what they hold is hashes, so they have nothing in
// common, and each version of a folder that changes is kept whole. So an object is given a name for
// which that hash puts together what has the same name in a tree, and there what has the same path.
//
// Threads: any; blocks.
#pragma once

#include <git2.h>
#include <stddef.h>

#include "common/err.h"

// hub_order_fill puts objects into a builder. Names are found on the way from commits, the newest
// of each line of them, to the first that is not among the objects.
CM_MUSTUSE enum cm_rc hub_order_fill(git_odb *odb, const git_oid *ids, size_t count,
                                     const git_oid *tips, size_t tip_count,
                                     git_packbuilder *builder, struct cm_err *err);

// hub_order_name makes the name: libgit2 sorts by these 26 bits.
#define HUB_ORDER_NAME_MAX 14
void hub_order_name(unsigned bits, char out[HUB_ORDER_NAME_MAX]);
