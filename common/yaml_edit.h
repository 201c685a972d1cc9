// yaml_edit: changes one scalar member in a YAML text that people wrote, or puts one more entry at
// the end of a list, and nothing else of it.
//
// Comments, order, quotes, anchors and line ends stay as they are: where libyaml says that the
// member stands, or its mapping ends, a few bytes are replaced or put in. The new text is then read
// again: unless it says exactly what the old one said with that member changed, the edit is refused
// and nothing is given out. So a form of YAML that this knows badly costs an error, never a wrong
// file.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct cm_json;

#define CM_YAML_EDIT_DEPTH 4

struct cm_yaml_edit {
    size_t document;           // of those that cm_yaml_parse returns
    const char *const *path;   // names of members, from the document's root: "spec", "suspend"
    size_t depth;              // of them: 1 to CM_YAML_EDIT_DEPTH
    const struct cm_json *to;  // a scalar; NULL: the member goes
    const struct cm_json *add; // instead: an object, at the end of the list that the member is
};

// cm_yaml_edit_text gives out the changed text, which the caller frees. What is so already gives
// the same text. CM_EINVAL: it cannot be changed in this way; the text is as in "line L, …".
CM_MUSTUSE enum cm_rc cm_yaml_edit_text(const char *text, size_t size,
                                        const struct cm_yaml_edit *edit, char **out,
                                        struct cm_err *err);
