// log: the file itself: reading its frames, appending to it.
//
// Threads: any; all of it blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct agent_log_end {
    uint64_t at;   // behind the last good frame
    uint64_t rest; // how many bytes are behind that
    bool torn;     // all that is there is the begin of a frame that goes on behind the file's end
};

// agent_log_open opens or makes the log and gives each whole frame to `visit` with the payload and
// the payload's place in the file; visit returns false if it makes no sense of it. It fails with
// CM_EIO if the disk does not give out what is there.
typedef bool (*agent_log_visit_fn)(void *ctx, const uint8_t *payload, size_t size, uint64_t at);
CM_MUSTUSE enum cm_rc agent_log_open(const char *path, agent_log_visit_fn visit, void *ctx,
                                     int *out_fd, struct agent_log_end *out, struct cm_err *err);

// agent_log_cut takes away what is behind `end`, durably.
CM_MUSTUSE enum cm_rc agent_log_cut(int fd, uint64_t end, struct cm_err *err);

// agent_log_create makes a file that holds only the magic, emptying one that is there.
CM_MUSTUSE enum cm_rc agent_log_create(const char *path, int *out_fd, struct cm_err *err);

CM_MUSTUSE enum cm_rc agent_log_write(int fd, uint64_t at, const void *bytes, size_t size,
                                      struct cm_err *err);
CM_MUSTUSE enum cm_rc agent_log_sync(int fd, struct cm_err *err);
CM_MUSTUSE enum cm_rc agent_log_read(int fd, uint64_t at, void *out, size_t size,
                                     struct cm_err *err);

// agent_log_adopt puts the file `path` in the place of `over`, durably.
CM_MUSTUSE enum cm_rc agent_log_adopt(const char *dir, const char *path, const char *over,
                                      struct cm_err *err);
