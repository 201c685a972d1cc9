// secret: what sets Kubernetes' Secrets apart when objects are compared and shown.
//
// Threads: one a tree.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_json;

#define CM_SECRET_MASK "***"

bool cm_secret_is(const struct cm_json *object);

// cm_secret_settle does in place what the API server does on writing: stringData goes into data,
// base64 loses its line ends (in a ConfigMap's binaryData too). Malformed parts stay as they are,
// for the server to refuse.
void cm_secret_settle(struct cm_arena *a, struct cm_json *object);

// cm_secret_hides tells whether a member holds secrets: `data` and `stringData` of a Secret and,
// anywhere in it, the annotation in which kubectl repeats the whole object.
bool cm_secret_hides(const char *name, bool at_root);

// cm_secret_mask makes a copy of a value whose scalars are "***"; NULL stays NULL.
struct cm_json *cm_secret_mask(struct cm_arena *a, const struct cm_json *value);
