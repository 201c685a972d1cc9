// desired: what shall run on this cluster, decoded from a manifest and its bundles.
//
// A manifest names Apps and their bundles by hash; a bundle lists an App's objects. Bundles are
// shared between generations: a new manifest that lists the same bundle keeps the decoded one.
// Nothing changes once agent_desired_finish was called.
//
// Decoding trusts nothing: versions, order, sizes and the cluster's id are checked, though the
// manifest was signed.
//
// Threads: the agent's loop; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/driver.h"
#include "agent/exemption.h"
#include "common/err.h"
#include "common/object/spare.h"
#include "common/tls/digest.h"

struct cm_arena;

// The part of an App's way in which an object is applied. What is of the phases before and after
// the main one is a hook: made anew for each new bundle (not for one that only Holds and Exemptions
// made), and run to its end before the way goes on.
enum agent_phase {
    AGENT_PHASE_MAIN,
    AGENT_PHASE_PRE_APPLY,
    AGENT_PHASE_POST_APPLY,
    AGENT_PHASE_GROUND, // comes before the hooks; no hook itself
};

// When what a hook made goes, once it has succeeded.
enum agent_hook_delete {
    AGENT_HOOK_BEFORE_CREATION, // before it runs again
    AGENT_HOOK_SUCCEEDED,       // at once
    AGENT_HOOK_NEVER,           // it is forgotten and stays
};

struct agent_entry {
    const char *key;
    struct cm_sha256 sha256; // for secrets a keyed HMAC, which we cannot check
    uint32_t size;
    int16_t wave;
    bool secret;
    bool keep;               // it is not pruned
    bool recreate;           // if it cannot be changed it is deleted and made anew, whatever it is
    bool once;               // it is made if it is not there, and never changed
    bool rests;              // a hook that is not run: it would run a release that is held back
    uint32_t drift_rules;    // 1 + place in the bundle's; 0: none
    uint8_t phase : 4;       // enum agent_phase
    uint8_t hook_delete : 4; // enum agent_hook_delete
};

#define AGENT_WAVE_MAX 1000 // waves go from minus that to that

enum agent_drift { AGENT_DRIFT_REPORT, AGENT_DRIFT_CORRECT, AGENT_DRIFT_OFF };

// The rules about differences of an object, with what each says, and what that means for an apply
// that only corrects and for any other.
struct agent_drift_rules {
    const struct cm_spare_rule *rules;
    const enum agent_drift *modes;
    const bool *captures; // the hub writes into Git what is reported
    const enum cm_spare_how *correcting;
    const enum cm_spare_how *applying;
    size_t count;
};

struct agent_bundle {
    uint32_t refs;
    struct cm_sha256 sha256;
    struct cm_sha256 hooks_for; // names what hooks run once for; `sha256`, or Git's
    const char *app;
    const char *namespace; // "" if the App names none
    enum agent_drift drift;
    uint8_t propagation; // enum agent_propagation
    bool prune;
    bool suspend;
    bool prune_precious;
    bool adopt;          // take objects over from other GitOps tools
    bool yields;         // a field that somebody else has set stays his, and the App fails
    bool recreate;       // what cannot be changed is deleted and made anew, if it is not precious
    const char *account; // in whose name objects are changed; "": the agent's own
    uint32_t health_timeout_s;          // not healthy for so long is degraded; 0: no bound
    struct agent_health_options health; // its rules are the bundle's
    struct cm_rules *rules;             // NULL: none
    struct cm_sha256 rules_sha256;      // of their text; zeros: none
    const char **depends_on;
    size_t depends_on_count;
    struct cm_arena *arena;   // of the rules and names; NULL: there are none
    const char *const *shown; // whose values may be told (common/object/hiding.h)
    size_t shown_count;
    const struct agent_drift_rules *drift_rules;
    size_t drift_rules_count;
    const struct cm_sha256 *site_ids; // of exemptions of this site that Git has, as its rules say
    size_t site_id_count;
    struct cm_sha256 exempted;   // names what of the site's own counts beside; zeros: nothing
    int64_t rules_from_ms;       // the rules are what counts from this time on,
    int64_t rules_until_ms;      // and until then, Unix time; INT64_MAX: always
    struct agent_entry *entries; // sorted by key, no key twice
    size_t entry_count;
    _Alignas(struct agent_entry) char bytes[]; // the arrays and texts above
};

struct agent_desired_app {
    const char *name;
    const char *revision;
    struct cm_sha256 bundle_sha256;
    uint32_t bundle_size;
    struct agent_bundle *bundle; // NULL until agent_desired_attach
    const char *error;           // why this App cannot be applied as it is, or NULL
    const char *held;            // why it stays at an older bundle than the manifest's, or NULL
    const struct cm_sha256 *answered; // ids of decisions that the manifest takes into account
    size_t answered_count;
};

// The tombstone of an App: the only thing that takes an App away.
struct agent_gone {
    const char *name;
    const char *revision;
    const char *account; // in whose name, of what recovery found; "": the agent's own
    bool prune;          // remove what it owns; else forget it and leave it there
};

struct agent_claim {
    const struct agent_entry *entry;
    const struct agent_desired_app *app;
    bool found; // no App lists it: it is there (agent/apply/found.c)
};

struct agent_desired {
    struct cm_arena *arena;
    struct cm_sha256 sha256; // of the manifest
    uint64_t epoch;
    uint64_t generation;
    bool doubted; // a newer one may have been in force: what this one does not list is let alone
    struct agent_desired_app *apps; // sorted by name, no name twice
    size_t app_count;
    struct agent_gone *gone; // sorted by name, none that is in apps or is held for now
    size_t gone_count;
    struct agent_claim *claims; // every entry of every App, sorted by key, then by App
    size_t claim_count;
};

// What is allowed by hand, beside what Git says of that.
struct agent_allowed {
    const struct agent_exemption *all; // by the site
    size_t count;
    int64_t now_ms; // Unix time: what Git allows until then or earlier is over
};

// agent_bundle_decode reads a Bundle message, with all of its rules. It fails with CM_EINVAL. The
// caller gets a reference.
CM_MUSTUSE enum cm_rc agent_bundle_decode(const void *bytes, size_t size,
                                          const struct cm_sha256 *sha256, struct agent_bundle **out,
                                          struct cm_err *err);

// agent_bundle_decode_exempt also puts into the rules what of these exemptions counts for the App,
// before all else, as the hub does with those in Git. What the bundle has from Git already is left
// to it. Rules whose time is over at `now_ms` (Unix time) are left out.
CM_MUSTUSE enum cm_rc agent_bundle_decode_exempt(const void *bytes, size_t size,
                                                 const struct cm_sha256 *sha256,
                                                 const struct agent_allowed *allowed,
                                                 struct agent_bundle **out, struct cm_err *err);

// agent_bundle_exempts_alike tells whether it would be decoded the same with these.
bool agent_bundle_exempts_alike(const struct agent_bundle *b, const struct agent_allowed *allowed);

// agent_bundle_has_site tells whether Git has the exemption of that id, as far as the bundle says.
bool agent_bundle_has_site(const struct agent_bundle *b, const struct cm_sha256 *id);

struct agent_bundle *agent_bundle_ref(struct agent_bundle *b);
void agent_bundle_unref(struct agent_bundle *b); // NULL is fine
void agent_bundle_unrefp(struct agent_bundle **b);

// agent_bundle_rules returns the rules about differences of an entry, perhaps none.
const struct agent_drift_rules *agent_bundle_rules(const struct agent_bundle *b,
                                                   const struct agent_entry *e);
// agent_bundle_same_objects tells whether two bundles have the same objects in the same form.
bool agent_bundle_same_objects(const struct agent_bundle *a, const struct agent_bundle *b);

// agent_bundle_same_rules tells whether two bundles treat and tell all differences alike.
bool agent_bundle_same_rules(const struct agent_bundle *a, const struct agent_bundle *b);

// agent_drift_correcting says what an apply that only corrects does about a difference;
// agent_drift_applying what any other does.
static inline enum cm_spare_how agent_drift_correcting(enum agent_drift mode) {
    return mode == AGENT_DRIFT_CORRECT ? CM_SPARE_NEVER : CM_SPARE_ALWAYS;
}
static inline enum cm_spare_how agent_drift_applying(enum agent_drift mode) {
    return mode == AGENT_DRIFT_OFF ? CM_SPARE_UNLESS_NEW : CM_SPARE_NEVER;
}

static inline bool agent_entry_is_hook(const struct agent_entry *e) {
    return e->phase == AGENT_PHASE_PRE_APPLY || e->phase == AGENT_PHASE_POST_APPLY;
}

// agent_bundle_same_health tells whether two bundles read the health of their objects alike.
bool agent_bundle_same_health(const struct agent_bundle *a, const struct agent_bundle *b);

// agent_bundle_find returns the entry of a key, or NULL.
const struct agent_entry *agent_bundle_find(const struct agent_bundle *b, const char *key);

// agent_desired_decode reads a Manifest message for this cluster; its bundles are still to be
// attached. It fails with CM_EINVAL.
CM_MUSTUSE enum cm_rc agent_desired_decode(const void *bytes, size_t size, const char *cluster_id,
                                           struct agent_desired **out, struct cm_err *err);
void agent_desired_free(struct agent_desired *d); // NULL is fine
void agent_desired_freep(struct agent_desired **d);

// agent_desired_attach gives an App its bundle (a reference is taken). It fails with CM_EINVAL if
// it is another App's.
CM_MUSTUSE enum cm_rc agent_desired_attach(struct agent_desired_app *app,
                                           struct agent_bundle *bundle, struct cm_err *err);

// agent_desired_finish is called when all bundles are attached: it lists the claims, and marks Apps
// that depend on each other in a circle and those that claim what an earlier App (by name) claims.
void agent_desired_finish(struct agent_desired *d);

const struct agent_desired_app *agent_desired_app(const struct agent_desired *d, const char *name);

// agent_desired_claim returns who shall own a key (the first App by name that lists it), or NULL if
// no App lists it.
const struct agent_claim *agent_desired_claim(const struct agent_desired *d, const char *key);
