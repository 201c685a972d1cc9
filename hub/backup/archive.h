// archive: the file of a backup: some files, and a hash over all of it.
//
//     "holdfast backup 1\n"
//     of each file: u8 length of the name | u64 size | the name | its bytes
//     u8 0
//     SHA-256 of all before
//
// Numbers are big endian. Nothing of an archive is believed before its hash was right.
//
// Threads: any; blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

struct archive_writer;

// archive_create makes the file anew, for its owner only. archive_add copies a file into it under a
// name. archive_finish ends it and waits for the disk. All else goes with archive_writer_freep.
CM_MUSTUSE enum cm_rc archive_create(const char *path, struct archive_writer **out,
                                     struct cm_err *err);
CM_MUSTUSE enum cm_rc archive_add(struct archive_writer *w, const char *name, const char *path,
                                  struct cm_err *err);
CM_MUSTUSE enum cm_rc archive_finish(struct archive_writer *w, struct cm_err *err);
void archive_writer_freep(struct archive_writer **w);

// A file of an archive. What `from` gives next are its bytes; a visitor reads none or all of them.
struct archive_entry {
    const char *name;
    uint64_t size;
    FILE *from;
};

typedef enum cm_rc (*archive_visit_fn)(void *ctx, const struct archive_entry *entry,
                                       struct cm_err *err);

// archive_verify reads all of it. It fails with CM_EINVAL if it is no archive or not whole.
CM_MUSTUSE enum cm_rc archive_verify(const char *path, struct cm_err *err);

// archive_each visits the files of an archive that was verified.
CM_MUSTUSE enum cm_rc archive_each(const char *path, archive_visit_fn visit, void *ctx,
                                   struct cm_err *err);

// archive_extract writes the bytes of an entry to a new file with mode 0600, and waits for the
// disk.
CM_MUSTUSE enum cm_rc archive_extract(const struct archive_entry *entry, const char *path,
                                      struct cm_err *err);
