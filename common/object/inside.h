// inside: which objects go with a Namespace or a CustomResourceDefinition that is removed.
//
// The API server takes along what is in a namespace, and all objects of a kind with its definition,
// whoever made them.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_json;

// cm_object_inside tells whether what is at `place` (a key with its namespace) goes with the object
// of `key`. `form` is the desired form of that object; where it is NULL all kinds of a definition's
// group count as its own.
bool cm_object_inside(const char *key, const struct cm_json *form, const char *place);
