// found: what runs in a cluster and no App in Git names, told by an agent that only observes.
//
// Who has only enrolled sees what he has: the driver looks for workloads (agent/kube/found.h), and
// each that no App names is tracked as if one did, of which nothing is desired but that it is
// there. So its health, its decisions and all that anybody set of it come the same way as of any
// object: what is there is told with values hidden (agent/watch/actual.c), nothing of it is a
// difference, and nothing is ever desired. Secrets are none of these kinds.
//
// What belongs together, as whoever applies it says, is told as one App, by a name with a dot,
// which none in Git has. Its bundle is a hash of which images its objects run: so another release
// of it is one in the hub's past, though there is no commit. What goes from the cluster goes from
// the App, and the last takes it away.
//
//     found ──▶ waits ──▶ tracked ──▶ gone, or an App in Git names it
//                 ▲           │
//                 └───────────┘ there is room, or that App is gone
//
// An App in Git always comes first: an object that it names leaves the group in the same turn, and
// a group that has none left says who has them now, which is no removal. So many are tracked, the
// first that were found; how many there are beside is told as the message of an App of its own.
//
// Nothing of it is on disk. Until the driver has told all, nothing is told in full
// (agent_watch_survey): a part would look like the rest had gone.
//
// Rejected: to tell them as Apps of a manifest that the agent makes for itself, which all of
// agent/plan and agent/cache would have to keep apart from what the hub signed.
//
// Threads: the loop.
#pragma once

#include <stddef.h>

#include "agent/driver.h"

struct agent_apply;
struct agent_claim;
struct cm_buf;

#define AGENT_FOUND_MAX 500
#define AGENT_FOUND_CUT "observe.limit" // the App that says how many are not told

void agent_apply_set_found_max(struct agent_apply *a, size_t most);

// From the driver, as in struct agent_driver_host.
void agent_apply_found(struct agent_apply *a, const struct agent_found *what);
void agent_apply_lost(struct agent_apply *a, const char *key);
void agent_apply_surveyed(struct agent_apply *a);

// agent_apply_claim returns who lists a key, in Git or here; NULL: nobody.
const struct agent_claim *agent_apply_claim(const struct agent_apply *a, const char *key);

// agent_apply_found_form returns a reference to what stands for the desired form of what no App
// names, or NULL.
struct cm_buf *agent_apply_found_form(const struct agent_apply *a, const char *key);
