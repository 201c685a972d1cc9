// object: the form in which an object is sent, and what is read from one that comes back.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/object/owner.h"

struct cm_arena;
struct cm_json;
struct cm_object_id;
struct cm_str;

#define KUBE_LABEL_PART_OF CM_OWNER_APPLYSET
#define KUBE_LABEL_APP CM_OWNER_APP

// Who an object belongs to; put on it as labels.
struct kube_mark {
    const char *applyset; // id
    const char *app;
};

// kube_object_prepare turns a desired object into what we apply: our labels on it (none if `mark`
// is NULL), its namespace set (`ns` "" for cluster-scoped objects), a Secret's stringData folded
// into its data, and without what only the server may say.
CM_MUSTUSE enum cm_rc kube_object_prepare(struct cm_arena *a, struct cm_json *object,
                                          const struct kube_mark *mark, const char *ns,
                                          struct cm_err *err);

// kube_object_mark puts our labels on it.
void kube_object_mark(struct cm_arena *a, struct cm_json *object, const struct kube_mark *mark);

// kube_object_write writes an object as the body of a server-side apply: JSON that a YAML reader
// understands the same way. The API server reads YAML there, to which some characters that JSON
// leaves alone are line breaks or forbidden.
void kube_object_write(const struct cm_json *object, struct cm_str *out);

// kube_object_version reads a resourceVersion as a number; 0 if it is none.
uint64_t kube_object_version(const struct cm_json *object);

const char *kube_object_uid(const struct cm_json *object); // "" if it has none

// kube_object_label returns the value of a label, or NULL.
const char *kube_object_label(const struct cm_json *object, const char *label);

// kube_object_is_part_of tells whether an object carries the label of an ApplySet.
bool kube_object_is_part_of(const struct cm_json *object, const char *applyset);

// kube_object_is_applied_by tells whether this manager itself put our label on an object, by a
// server-side apply. Controllers copy labels from what they work on to what they make of it: what
// only carries our label, or belongs to a controller, is not ours to delete.
bool kube_object_is_applied_by(const struct cm_json *object, const char *manager);

// kube_object_print is a fingerprint of everything but status and what the server keeps in
// metadata: as long as it stays the same, drift stays the same.
uint64_t kube_object_print(const struct cm_json *object);

// kube_object_key is the key of a live object: KIND[.GROUP]/[NAMESPACE]/NAME. NULL if it has no
// name.
const char *kube_object_key(struct cm_arena *a, const struct cm_json *object);

// kube_key_fill is a key with its namespace filled in; "" takes it out.
const char *kube_key_fill(struct cm_arena *a, const char *key, const char *ns);

// kube_key_name is the name in a key.
const char *kube_key_name(const char *key);

// kube_object_changed_by tells which manager changed it last, but for its status; "": not known.
const char *kube_object_changed_by(const struct cm_json *object);

// kube_hash is a fast hash for finding out changes; not against those who look for collisions.
uint64_t kube_hash(uint64_t seed, const void *bytes, size_t size);
