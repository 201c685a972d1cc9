// id: what an object is called, whatever its version.
//
// An object's identity is group, kind, namespace and name. As text, its key is
//     KIND[.GROUP]/[NAMESPACE]/NAME      Deployment.apps/shop/web   ConfigMap/shop/cfg
//     Namespace//shop
// with an empty namespace for what is cluster-scoped (or not known yet). A kind never holds a dot,
// so a key reads back without doubt. Code that knows no Kubernetes treats keys as opaque; a target
// that is not Kubernetes uses the same form (File.host//etc%2Fmotd).
//
// Threads: any; all of it is pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_json;
struct cm_arena;

#define CM_OBJECT_KEY_MAX 1024

struct cm_object_id {
    const char *group; // "" for the core group
    const char *version;
    const char *kind;
    const char *namespace; // "" if it has none
    const char *name;
};

// cm_object_id_of reads the identity of a Kubernetes object; the strings are the tree's or the
// arena's. It fails with CM_EINVAL, naming the field, if apiVersion, kind or metadata.name is
// missing, not a string, or malformed (generateName alone is refused).
CM_MUSTUSE enum cm_rc cm_object_id_of(struct cm_arena *a, const struct cm_json *object,
                                      struct cm_object_id *out, struct cm_err *err);

// cm_object_key writes the key into the arena.
const char *cm_object_key(struct cm_arena *a, const struct cm_object_id *id);

// cm_object_key_parse reads a key back; `version` is "" then. It tells whether the text was a key.
bool cm_object_key_parse(struct cm_arena *a, const char *key, struct cm_object_id *out);

// cm_object_key_means tells whether two keys are of one object; what names no namespace is in
// `namespace`.
bool cm_object_key_means(const char *a, const char *b, const char *namespace);

enum cm_object_scope { CM_SCOPE_UNKNOWN, CM_SCOPE_NAMESPACED, CM_SCOPE_CLUSTER };

// cm_object_scope tells the scope of a built-in kind of Kubernetes; unknown for all others.
enum cm_object_scope cm_object_scope(const char *group, const char *kind);

// cm_object_rank orders kinds for applying, as Flux does: CustomResourceDefinition and Namespace
// first, webhooks' configurations last. Smaller goes first; removal goes the other way round.
int cm_object_rank(const char *group, const char *kind);
