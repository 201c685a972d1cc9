// directive: the instructions that a strategic merge patch holds besides values.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_json;

#define CM_DIRECTIVE_PATCH "$patch"
#define CM_DIRECTIVE_RETAIN "$retainKeys"

enum cm_directive { CM_PATCH_MERGE, CM_PATCH_REPLACE, CM_PATCH_DELETE };

// cm_directive_is tells whether a member of this name is a directive.
bool cm_directive_is(const char *name);

// cm_directive_check fails with CM_EINVAL if a member is a directive that is not understood, or
// looks like one.
CM_MUSTUSE enum cm_rc cm_directive_check(const struct cm_json *member, struct cm_err *err);

// cm_directive_of returns what the `$patch` of a map says; CM_PATCH_MERGE if it has none.
enum cm_directive cm_directive_of(const struct cm_json *map);

// cm_directive_alone tells whether an entry of a list is a `$patch` for the list.
bool cm_directive_alone(const struct cm_json *entry);
enum cm_directive cm_directive_of_list(const struct cm_json *list);
