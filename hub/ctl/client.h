// client: calls of the hub's API.
//
// Threads: one; a call runs a loop of its own until the answer is there.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct cm_json;
struct ctl;
struct ctl_client;

struct ctl_param {
    const char *name;
    const char *value; // NULL or "": left out
};

// ctl_call sends a request below /api/v1 ("/version"), `params` ended by a NULL name or NULL,
// `body` NULL or a tree. The answer lives in the ctl's arena; *out is NULL when there was no body.
// What the hub refuses comes back in its own words; if it has had too many requests and wants this
// one a few seconds later, that is done here.
CM_MUSTUSE enum cm_rc ctl_call(struct ctl *c, const char *method, const char *path,
                               const struct ctl_param *params, const struct cm_json *body,
                               struct cm_json **out);

// ctl_list gets all pages of a list, at most `limit` items (0: all), as one array.
CM_MUSTUSE enum cm_rc ctl_list(struct ctl *c, const char *path, const struct ctl_param *params,
                               int64_t limit, struct cm_json **out);

// ctl_word finds a member of an answer that people copy into a shell: letters, digits and what
// addresses and tokens hold besides. Anything else is an error.
CM_MUSTUSE enum cm_rc ctl_word(struct ctl *c, const struct cm_json *answer, const char *member,
                               const char **out);

// ctl_may_pass tells whether asking again may help after such a failure.
bool ctl_may_pass(enum cm_rc rc);

// ctl_pause waits between two looks at something that changes. ctl_pause_after does so for three
// times as long as the last look, begun at looked_ms (monotonic), has taken, least_ms to 5 s: a
// busy hub is spared.
void ctl_pause(struct ctl *c, int64_t ms);
void ctl_pause_after(struct ctl *c, int64_t least_ms, int64_t looked_ms);

void ctl_client_free(struct ctl_client *client); // NULL is fine
