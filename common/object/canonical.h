// canonical: an object as it is kept, sent and named by its hash.
//
// Threads: one a tree.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_buf;
struct cm_json;
struct cm_sha256;

// cm_object_normalise changes a Kubernetes object in place to what its author says and nothing
// else: without the metadata that the server owns (managedFields, resourceVersion, uid, generation,
// creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, selfLink) and members of
// metadata that are null, a Secret's stringData merged into its data. A built-in kind of Kubernetes
// loses its status and all members that are null; in other kinds both may mean something. Doing it
// twice is doing it once.
void cm_object_normalise(struct cm_arena *a, struct cm_json *object);

// cm_object_is_server_owned tells whether the server owns a member of metadata.
bool cm_object_is_server_owned(const char *name);

// cm_object_hash returns the canonical bytes and puts their SHA-256 into *out. The caller holds the
// one reference to the buffer.
struct cm_buf *cm_object_hash(const struct cm_json *object, struct cm_sha256 *out);
