// yaml_become: changes a YAML text that people wrote such that a document of it says something
// else, and nothing else of the text.
//
// What is wanted is given as a tree; where it differs from what the text says, a value is replaced,
// a member or an entry put in or taken out. All other bytes stay: comments, order, quotes, anchors,
// line ends. A value keeps its quotes where it can; what is new is put behind its siblings with
// their indentation.
//
// The new text is read again: unless it says exactly what is wanted, and in its other documents
// what it said before, nothing is given out. So what is reached through an alias, or stands in a
// form that this knows badly, costs an error, never a wrong file.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct cm_json;

// cm_yaml_become changes the document that is `document` among those that cm_yaml_parse returns.
// The caller frees *out. CM_EINVAL: it cannot be changed in this way; the words begin with the
// place, as "line L, column C: ".
CM_MUSTUSE enum cm_rc cm_yaml_become(const char *text, size_t size, size_t document,
                                     const struct cm_json *wanted, char **out, struct cm_err *err);
