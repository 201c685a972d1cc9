// yaml_merge: YAML's merge keys.
//
// Threads: one a tree.
#pragma once

#include "common/err.h"

struct cm_json;

// cm_yaml_merge adds to an object the members of the values of its merge keys that it has not
// itself; in a list of objects the earlier, of several merge keys the later is stronger. It fails
// with CM_EINVAL, naming the place, if a value is neither an object nor a list of objects. The
// members leave `merges`, whose elements are the values.
CM_MUSTUSE enum cm_rc cm_yaml_merge(struct cm_json *object, struct cm_json *merges,
                                    struct cm_err *err);
