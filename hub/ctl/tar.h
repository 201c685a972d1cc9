// tar: a .tar.gz file that grows member by member; regular files only (POSIX.1-1988 ustar).
//
// Threads: one. Blocks.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct ctl_tar;

// ctl_tar_open makes the file, which must not be there yet, for its owner only. CM_EEXISTS.
CM_MUSTUSE enum cm_rc ctl_tar_open(const char *path, struct ctl_tar **out, struct cm_err *err);

// ctl_tar_add adds a file; its name has at most 99 bytes.
CM_MUSTUSE enum cm_rc ctl_tar_add(struct ctl_tar *tar, const char *name, const void *bytes,
                                  size_t size, struct cm_err *err);

// ctl_tar_close ends the file; ctl_tar_drop removes it. Both free.
CM_MUSTUSE enum cm_rc ctl_tar_close(struct ctl_tar *tar, struct cm_err *err);
void ctl_tar_drop(struct ctl_tar *tar);
