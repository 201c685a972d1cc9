// yaml: YAML text into the same trees as JSON, as kubectl reads it.
//
// Debian's libyaml reads the syntax; this turns its events into nodes with YAML 1.1 scalars as
// sigs.k8s.io/yaml resolves them (yes/no/on/off, octal, hexadecimal, ~, quoted stays a string).
// Non-finite numbers, duplicate keys, keys that are no scalars, unknown tags, invalid UTF-8 and
// aliases that would expand a document beyond the limits are errors with line and column. Several
// documents, anchors, merge keys (<<), a BOM and CRLF are fine; empty documents are left out.
//
// Threads: any, one arena each.
#pragma once

#include "common/json.h"

struct cm_yaml_docs {
    struct cm_json **docs; // in the arena
    size_t count;
};

// cm_yaml_parse reads all documents of a text. `limits` hold for the sum over all documents after
// aliases are expanded; NULL: default. On failure err->msg begins with "line L, column C: ".
CM_MUSTUSE enum cm_rc cm_yaml_parse(struct cm_arena *a, const char *text, size_t size,
                                    const struct cm_json_limits *limits, struct cm_yaml_docs *out,
                                    struct cm_err *err);

// cm_yaml_write writes a tree as block YAML that cm_yaml_parse reads back as the same tree.
void cm_yaml_write(const struct cm_json *node, struct cm_str *out);

// cm_yaml_scalar turns the text of an unquoted YAML scalar into a node of the type that YAML 1.1
// gives it; used for substituted variables.
struct cm_json *cm_yaml_scalar(struct cm_arena *a, const char *text);
