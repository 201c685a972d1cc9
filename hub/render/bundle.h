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

struct cm_buf;

// What agents accept (proto/limits.c).
#define HUB_BUNDLE_OBJECTS_MAX 100000
#define HUB_BUNDLE_DEPENDS_MAX 100

struct hub_object {
    const char *key;         // common/object/id.h
    struct cm_sha256 sha256; // for secrets the HMAC
    struct cm_buf *bytes;    // canonical form
    bool secret;
};

enum hub_drift { HUB_DRIFT_REPORT, HUB_DRIFT_CORRECT, HUB_DRIFT_OFF };

struct hub_bundle_spec {
    const char *app;
    const char *namespace; // ""
    enum hub_drift drift;
    bool prune;
    bool suspend;
    bool adopt;                    // objects that another GitOps tool owns are taken over
    const char *const *depends_on; // sorted
    size_t depends_on_count;
    const struct hub_object *objects; // sorted by key
    size_t object_count;
};

struct hub_bundle {
    _Atomic uint32_t refs;
    struct cm_sha256 sha256; // of bytes
    struct cm_buf *bytes;    // encoded Bundle
    struct hub_bundle_spec spec;
};

// hub_bundle_new copies the spec and takes a reference to each object's bytes.
struct hub_bundle *hub_bundle_new(const struct hub_bundle_spec *spec);

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

// hub_bundle_find returns the object of this name, or NULL.
const struct hub_object *hub_bundle_find(const struct hub_bundle *b, const struct cm_sha256 *name);

// hub_bundle_is_whole tells whether no object's bytes are missing.
bool hub_bundle_is_whole(const struct hub_bundle *b);
