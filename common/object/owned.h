// owned: who set which field of a live Kubernetes object.
//
// The API server keeps in metadata.managedFields for each manager and operation the set of fields
// that it set last: f: names members, k: the entries of a list by their keys, v: those of a set by
// their value, and {} a field whose whole value is meant. An Update that changes a value takes the
// field away from whoever had it, so the owner of a field that drifted is who changed it. A field
// that somebody removed has no owner.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_json;
struct cm_segment;

struct cm_manager {
    const char *name;        // "kubectl-edit"; the strings are the live object's
    const char *operation;   // "Apply" or "Update"
    const char *subresource; // "" mostly, else "status" or "scale"
    const char *time;        // RFC 3339, "" if unknown: when the manager last changed any field
};

// cm_object_manager_of tells who set the field at `path` (of a struct cm_difference), or something
// below it; the latest, if several did. It returns false if nobody did.
bool cm_object_manager_of(const struct cm_json *live, const char *path, struct cm_manager *out);

// cm_object_is_kept tells whether somebody else than this manager, by an Apply, has the very field
// at a path, so that it stays as it is when the manager no longer applies it. A field inside of
// what has one owner as a whole is not kept like that.
bool cm_object_is_kept(const struct cm_json *live, const char *path, const char *manager);

// cm_object_is_held tells whether a manager that counts has the very field at a path ("": any field
// at all), or something below it.
bool cm_object_is_held(const struct cm_json *live, const char *path,
                       bool (*counts)(const void *ctx, const struct cm_manager *m),
                       const void *ctx);

// cm_object_set_below returns what a set of fields (fieldsV1) has below one segment of a path,
// which is a part of it; NULL: nothing.
struct cm_json *cm_object_set_below(struct cm_arena *a, const struct cm_json *set,
                                    const struct cm_segment *segment);

// cm_object_has_beside tells whether the list at a path of a live object has all elements of
// `desired` as they shall be, though perhaps in another order and with others between them; only if
// the server tells their owners apart by keys or values, by what the manager applied. So it is also
// known of lists of kinds that are not built in.
bool cm_object_has_beside(const struct cm_json *live, const char *path, const char *manager,
                          const struct cm_json *desired, const struct cm_json *actual);

// cm_object_restrict copies what is left of a live object when only the fields stay that a manager
// owns, and apiVersion, kind, name, namespace and the keys of list entries, which say what they
// belong to. Status is left out.
struct cm_json *cm_object_restrict(struct cm_arena *a, const struct cm_json *live,
                                   const char *manager);

// cm_object_restrict_to does so with the fields of all managers that count; NULL: none has any.
struct cm_json *cm_object_restrict_to(struct cm_arena *a, const struct cm_json *live,
                                      bool (*counts)(const void *ctx, const struct cm_manager *m),
                                      const void *ctx);
