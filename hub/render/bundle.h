// bundle: an App as it shall be on a cluster, in the form in which it is stored, compared and sent.
//
// Objects are canonical JSON named by SHA-256; a bundle lists them, is itself encoded (the Bundle
// message of proto/holdfast.proto) and named by SHA-256. Clusters for which an App comes out the
// same share one bundle; bundles share objects. Both never change once made.
//
// A Secret is named by HMAC-SHA256 under the hub's key, so that its name tells nothing about what
// is in it, and is never stored by the hub.
//
// Threads: any, once made; the counts are atomic.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_arena;
struct cm_buf;

// What agents accept (proto/limits.c).
#define HUB_BUNDLE_OBJECTS_MAX 100000
#define HUB_BUNDLE_DEPENDS_MAX 100

// How an object may be changed (hub/render/care.h).
struct hub_care {
    bool recreate; // deleted and made anew if it cannot be changed
    bool once;     // made if it is not there, and never changed
};

// When an object's turn comes, beside what its kind says (hub/render/order.h).
enum hub_phase { HUB_PHASE_MAIN, HUB_PHASE_PRE_APPLY, HUB_PHASE_POST_APPLY, HUB_PHASE_GROUND };
enum hub_hook_delete { HUB_HOOK_BEFORE_CREATION, HUB_HOOK_SUCCEEDED, HUB_HOOK_NEVER };

struct hub_order {
    int16_t wave;
    uint8_t phase;       // enum hub_phase
    uint8_t hook_delete; // enum hub_hook_delete
};

struct hub_object {
    const char *key;         // common/object/id.h
    struct cm_sha256 sha256; // for secrets the HMAC
    struct cm_buf *bytes;    // canonical form; NULL: not known, a Secret after a restart
    uint32_t size;           // of these bytes, where they are not known
    bool secret;
    bool keep;           // it is not pruned
    bool rests;          // a hook that is not run: it would run a release that is held back
    uint32_t drift_list; // 1 + its place in the bundle; 0: none
    struct hub_care care;
    struct hub_order order;
};

enum hub_drift { HUB_DRIFT_REPORT, HUB_DRIFT_CORRECT, HUB_DRIFT_OFF };

// What is done about differences in some fields of an object (common/object/spare.h).
struct hub_drift_rule {
    const char *const *fields; // with managers both empty: in any
    size_t field_count;
    const char *const *managers;
    size_t manager_count;
    const char *owner; // key of the object while which exists it holds; NULL: always
    enum hub_drift drift;
    bool capture;                 // what agents report is written into Git
    bool keep;                    // what is set by hand stays when the object is applied, too
    int64_t until_ms;             // when agents end it by themselves, Unix time; 0: they do not
    const struct cm_sha256 *site; // the exemption of a site that it was made of; NULL: of none
};

// What agents accept (proto/limits.c).
#define HUB_DRIFT_RULES_MAX 100 // of an App
#define HUB_DRIFT_TEXTS_MAX 100 // fields, or managers, of a rule
#define HUB_DRIFT_TEXT_MAX 1024

// The rules that are about an object, in order: the first that is about a field counts.
struct hub_drift_list {
    const struct hub_drift_rule *rules;
    size_t count;
};
enum hub_conflicts { HUB_CONFLICTS_FORCE, HUB_CONFLICTS_FAIL };
enum hub_propagation {
    HUB_PROPAGATION_BACKGROUND,
    HUB_PROPAGATION_FOREGROUND,
    HUB_PROPAGATION_ORPHAN,
};

// How the health of an App's objects is read, beside what their kinds say.
struct hub_health {
    uint32_t timeout_s; // what is not healthy after so long is degraded; 0: no bound
    bool addresses;     // what is given an address is healthy only once it has one
    bool logs;          // why a container crashes may be told with its last lines
    bool goes_back;     // a release that does not come up is gone back from
    bool holds_undo;    // one that somebody goes back from is kept out
    const char *rules;  // of kinds, as JSON (common/object/rules.h); "" or NULL: none
};

struct hub_bundle_spec {
    const char *app;
    const char *namespace; // ""
    enum hub_drift drift;
    bool prune;
    bool suspend;
    bool adopt;          // objects that another GitOps tool owns are taken over
    bool prune_precious; // what holds data or other objects is pruned too
    enum hub_conflicts conflicts;
    enum hub_propagation propagation;
    bool recreate; // what cannot be changed is deleted and made anew
    struct hub_health health;
    const char *account;           // "NAMESPACE/NAME": who changes objects; "": the agent itself
    const char *const *depends_on; // sorted
    size_t depends_on_count;
    const char *const *shown; // showValues (common/object/hiding.h)
    size_t shown_count;
    const struct hub_drift_list *drift_lists; // that objects refer to
    size_t drift_list_count;
    const struct hub_object *objects; // sorted by key
    size_t object_count;
    struct cm_sha256 hooks_for; // names what hooks run once for; zeros: the bundle itself
};

struct hub_bundle {
    _Atomic uint32_t refs;
    struct cm_sha256 sha256; // of bytes
    struct cm_buf *bytes;    // encoded Bundle
    struct hub_bundle_spec spec;
    const uint32_t *by_name; // places of the objects, sorted by their SHA-256
    struct cm_arena *arena;  // of the drift lists and `shown`; NULL: there are none
};

// hub_bundle_new copies the spec and takes a reference to each object's bytes.
struct hub_bundle *hub_bundle_new(const struct hub_bundle_spec *spec);

// hub_bundle_hooks_for names what the hooks of a bundle run once for.
const struct cm_sha256 *hub_bundle_hooks_for(const struct hub_bundle *b);

// hub_bundle_turn makes a bundle that says the same with the other `suspend`.
struct hub_bundle *hub_bundle_turn(const struct hub_bundle *b);

// hub_bundle_differs tells whether two bundles say different things, besides `suspend`.
bool hub_bundle_differs(const struct hub_bundle *a, const struct hub_bundle *b);

// hub_bundle_decode makes a bundle from its encoded form; `find` returns a reference to the bytes
// of an object or NULL (then that object's bytes stay NULL: a Secret after a restart).
CM_MUSTUSE enum cm_rc hub_bundle_decode(struct cm_buf *bytes,
                                        struct cm_buf *(*find)(void *ctx,
                                                               const struct cm_sha256 *name),
                                        void *ctx, struct hub_bundle **out, struct cm_err *err);
struct hub_bundle *hub_bundle_ref(struct hub_bundle *b);
void hub_bundle_unref(struct hub_bundle *b); // NULL is fine
void hub_bundle_unrefp(struct hub_bundle **b);

// hub_bundle_find returns the object of this name, or NULL. It takes O(log n).
const struct hub_object *hub_bundle_find(const struct hub_bundle *b, const struct cm_sha256 *name);

// hub_bundle_find_key returns the object of this key, or NULL. It looks at one after the other.
const struct hub_object *hub_bundle_find_key(const struct hub_bundle *b, const char *key);

// hub_bundle_is_whole tells whether no object's bytes are missing.
bool hub_bundle_is_whole(const struct hub_bundle *b);
