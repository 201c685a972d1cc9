// merge_check: whether a patch makes sense, before it is merged.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

#include "common/err.h"
#include "common/object/schema.h"

struct cm_json;
struct cm_list_rule;

// cm_merge_rule returns how the list at a place is merged; without `strategic` all are replaced.
const struct cm_list_rule *cm_merge_rule(bool strategic, struct cm_place place);

// cm_merge_check fails with CM_EINVAL and sets *wrong to the node that is, if the patch holds
// directives that are not understood, or entries that cannot be found.
CM_MUSTUSE enum cm_rc cm_merge_check(const struct cm_json *patch, struct cm_place root,
                                     bool strategic, const struct cm_json **wrong,
                                     struct cm_err *err);
