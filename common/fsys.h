// fsys: files that survive a crash, and paths that cannot escape.
//
// Threads: any; all of it blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

struct cm_buf;

// cm_fsys_read reads a whole regular file of at most max bytes. It fails with CM_ENOTFOUND if there
// is none and CM_EINVAL if it is larger.
CM_MUSTUSE enum cm_rc cm_fsys_read(const char *path, size_t max, struct cm_buf **out,
                                   struct cm_err *err);

// cm_fsys_replace writes a file so that after a crash the old or the new content is there, whole:
// temporary file, fsync, rename, fsync of the folder.
CM_MUSTUSE enum cm_rc cm_fsys_replace(const char *path, const void *bytes, size_t size, mode_t mode,
                                      struct cm_err *err);

// cm_fsys_sync makes what is in a file durable, or the names in a folder.
CM_MUSTUSE enum cm_rc cm_fsys_sync(const char *path, struct cm_err *err);

// cm_fsys_make_dir makes a folder and its parents; an existing one is fine.
CM_MUSTUSE enum cm_rc cm_fsys_make_dir(const char *path, mode_t mode, struct cm_err *err);

// cm_fsys_remove_tree removes a folder and what is in it, without following links. A missing one is
// fine.
CM_MUSTUSE enum cm_rc cm_fsys_remove_tree(const char *path, struct cm_err *err);

// cm_fsys_give gives what is root's below a folder to whoever owns the folder, without following
// links; a file that has another name, too, is left as it is. It does nothing if we are not root,
// or the folder is root's or missing.
CM_MUSTUSE enum cm_rc cm_fsys_give(const char *path, struct cm_err *err);

// cm_fsys_lock takes an exclusive lock on a file (made if needed) for the life of the process and
// returns its descriptor in *out_fd. It fails with CM_EBUSY if another process holds it.
CM_MUSTUSE enum cm_rc cm_fsys_lock(const char *path, int *out_fd, struct cm_err *err);

// cm_fsys_path_ok tells whether a relative path from outside stays below its root: no empty, "."
// or ".." part, no leading '/', no NUL or control byte, at most 4096 bytes.
bool cm_fsys_path_ok(const char *path);

// cm_fsys_allow_files lets this process have `wanted` files and sockets open at once, or as many as
// the system allows, and returns how many that is. It never lowers the number.
size_t cm_fsys_allow_files(size_t wanted);
