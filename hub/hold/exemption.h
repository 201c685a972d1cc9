// exemption: a change by hand that is allowed for a time.
//
// Somebody mends something in a cluster at night: until the morning the agent does not put right
// what he set, though the App corrects drift, and tells of it as ever. An Exemption names an object
// of an App on some clusters, maybe one field, and says who, why, and until when.
//
// Threads: one does not change once read; its arena belongs to one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

#define HUB_EXEMPTION_FIELD_MAX 1024 // bytes that agents take

struct cm_arena;
struct cm_json;

struct hub_exemption {
    const char *name;
    const char *app;
    const char *const *clusters;
    size_t cluster_count;
    const char *object; // key (common/object/id.h)
    const char *field;  // a path (common/object/path.h); "": all of the object
    const char *reason;
    const char *by;           // ""
    const char *site;         // hexadecimal id of the site's own exemption that it was made of; ""
    struct cm_sha256 site_id; // the same; zeros
    int64_t until_ms;         // when it ends: within its working hours, if it has any
};

// hub_exemption_read reads a parsed document into the arena. It fails with CM_EINVAL; *wrong is
// then the node that is.
CM_MUSTUSE enum cm_rc hub_exemption_read(struct cm_arena *a, const struct cm_json *document,
                                         struct hub_exemption *out, const struct cm_json **wrong,
                                         struct cm_err *err);

bool hub_exemption_lists(const struct hub_exemption *e, const char *cluster);

// hub_exemption_is_about tells whether a key means the object; what has no namespace may be in that
// of the App.
bool hub_exemption_is_about(const struct hub_exemption *e, const char *key, const char *namespace);
