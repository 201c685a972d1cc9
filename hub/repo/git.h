// git: how the files of this room use libgit2.
//
// Threads: any.
#pragma once

#include <git2.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/repo/tree.h"

// hub_git_start initialises libgit2 once per process: no configuration but a repository's own is
// read, and objects above the cap of the packs' reader are refused. Call it before anything else.
void hub_git_start(void);

// hub_git_fail fails with the formatted words followed by what libgit2 said last in this thread.
enum cm_rc hub_git_fail(struct cm_err *err, enum cm_rc code, const char *fmt, ...) CM_PRINTF(3, 4);

// hub_git_code tells what a libgit2 error means for a caller who reads.
enum cm_rc hub_git_code(int failure);

// hub_git_printable makes text from outside fit for messages: bytes that are no UTF-8, and control
// bytes, become '?'.
void hub_git_printable(char *text);

// hub_git_entry_type tells what a file mode is to us.
enum hub_entry_type hub_git_entry_type(git_filemode_t mode);

// hub_git_write_pack makes a pack, with its index, of what a builder holds. *out_name: "pack-" and
// its id, the caller's to free; may be NULL.
CM_MUSTUSE enum cm_rc hub_git_write_pack(git_packbuilder *builder, git_repository *git,
                                         char **out_name, struct cm_err *err);

// For CM_CLEANUP.
void hub_git_repositoryp(git_repository **p);
void hub_git_odbp(git_odb **p);
void hub_git_odb_objectp(git_odb_object **p);
void hub_git_treep(git_tree **p);
void hub_git_tree_entryp(git_tree_entry **p);
void hub_git_commitp(git_commit **p);
void hub_git_objectp(git_object **p);
void hub_git_referencep(git_reference **p);
void hub_git_remotep(git_remote **p);
void hub_git_packbuilderp(git_packbuilder **p);
