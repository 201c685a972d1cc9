// log: one line per event, for people and for machines.
//
//     cm_log(CM_LOG_WARN, "agent.silent", "no heartbeat for 42 s; marked unreachable",
//            "cluster", name, "since_ms", cm_log_int(42000, buf), NULL);
//
// prints  time=… level=warn id=agent.silent cluster=paris-1 since_ms=42000 msg="no heartbeat …"
// or the same as a JSON object. An id is stable and listed with its meaning in
// deploy/reference/logs.md. Values are
// quoted, control characters escaped, and cut at 512 bytes. Lines of the same id above 20 within a
// second are counted and said once.
//
// Threads: any. cm_log_setup before the first thread starts.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

struct cm_str;

enum cm_log_level { CM_LOG_ERROR, CM_LOG_WARN, CM_LOG_INFO, CM_LOG_DEBUG };
enum cm_log_format { CM_LOG_LOGFMT, CM_LOG_JSON };

// cm_log_setup says what is printed and where; the default is info, logfmt, stderr.
void cm_log_setup(enum cm_log_level level, enum cm_log_format format, FILE *out);

// cm_log_level_parse reads "error", "warn", "info", "debug".
bool cm_log_level_parse(const char *text, enum cm_log_level *out);

// cm_log_configure sets up the log from the words of --log-level and --log-format, to stderr.
// CM_EINVAL: they are none.
CM_MUSTUSE enum cm_rc cm_log_configure(const char *level, const char *format, struct cm_err *err);

// cm_log prints one event. After msg come pairs of strings, name and value, ended by NULL; a NULL
// value leaves its field out.
void cm_log(enum cm_log_level level, const char *id, const char *msg, ...)
    __attribute__((sentinel));

// cm_log_keep also keeps the last so many bytes of lines, from now on; cm_log_kept adds them,
// oldest first, beginning with a whole line.
void cm_log_keep(size_t bytes);
void cm_log_kept(struct cm_str *out);

#define CM_LOG_INT_MAX 24

// cm_log_int writes a number into the caller's buffer and returns it.
const char *cm_log_int(int64_t value, char buf[CM_LOG_INT_MAX]);
