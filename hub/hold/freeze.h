// freeze: the document of a freeze.
//
// A Freeze says where nothing is to be applied for a while. It changes nothing of what shall run;
// the hub keeps it on record and tells it to the agents (hub/jobs/freezes.h). It is written with
// its members in one order, so that the same freeze is the same file.
//
// Threads: any; pure.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct cm_str;

// Texts are "" where there is none. At most one of cluster, group and selector.
struct hub_freeze {
    const char *name;
    const char *app;     // "": all
    const char *cluster; // all three "": everywhere
    const char *group;
    const char *selector; // of labels, as in common/selector.h
    const char *reason;
    const char *actor;
    int64_t at_ms;    // 0: not said
    int64_t until_ms; // 0: until somebody ends it
};

// hub_freeze_read reads a parsed document into the arena. It fails with CM_EINVAL; *wrong is then
// the node that is.
CM_MUSTUSE enum cm_rc hub_freeze_read(struct cm_arena *a, const struct cm_json *document,
                                      struct hub_freeze *out, const struct cm_json **wrong,
                                      struct cm_err *err);

// hub_freeze_write appends the document as YAML.
void hub_freeze_write(const struct hub_freeze *freeze, struct cm_str *out);
