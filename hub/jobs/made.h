// made: files that are made of what somebody asks for, out of what is on record.
//
// Threads: any; what is given out is in the caller's arena. Blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct hub_db;

struct hub_made {
    const char *path; // below the root of the fleet
    const char *text;
    const char *rejected; // of a Hold: what is kept out, and what runs instead, for people
    const char *restored;
    size_t clusters;
};

// What somebody wants to run instead of what Git says.
struct hub_pin_ask {
    const char *app;
    const char *const *clusters; // sorted; none: all that the App is on
    size_t cluster_count;
    const char *image;
    const char *reason; // NULL
};

// hub_made_hold makes the Hold. CM_ENOTFOUND, CM_EINVAL: it cannot be, with why; CM_EEXISTS: Git
// says so already.
CM_MUSTUSE enum cm_rc hub_made_hold(struct cm_arena *a, struct hub_db *db,
                                    const struct hub_pin_ask *ask, struct hub_made *out,
                                    struct cm_err *err);

// What shall never run.
struct hub_ban_ask {
    const char *image;
    const char *versions; // NULL
    const char *name;     // NULL: it is called after the image
    const char *app;      // NULL: all
    const char *reason;   // NULL
};

// A change by hand that is allowed for a time.
struct hub_exempt_ask {
    const char *app;
    const char *const *clusters; // sorted; none: all that the App is on
    size_t cluster_count;
    const char *object;
    const char *field; // NULL: all of the object
    const char *name;  // NULL: one is made
    const char *by;
    const char *reason;
    const char *site; // the id of the site's own that it is made of; NULL: of none
    int64_t until_ms;
    const char *hours; // within which it is to end (hub/hold/hours.h); NULL: any
};

CM_MUSTUSE enum cm_rc hub_made_exemption(struct cm_arena *a, struct hub_db *db,
                                         const struct hub_exempt_ask *ask, struct hub_made *out,
                                         struct cm_err *err);

// hub_made_site_name is what an exemption of a site is called in Git. No site can choose one that
// is another's.
const char *hub_made_site_name(struct cm_arena *a, const char *cluster, const char *said,
                               const char *id);

CM_MUSTUSE enum cm_rc hub_made_ban(struct cm_arena *a, const struct hub_ban_ask *ask,
                                   struct hub_made *out, struct cm_err *err);
