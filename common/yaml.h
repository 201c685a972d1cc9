// yaml: YAML text into the same trees as JSON, as kubectl reads it.
//
// Debian's libyaml reads the syntax; this turns its events into nodes with YAML 1.1 scalars as
// sigs.k8s.io/yaml 1.6 resolves them (y/n/yes/no/on/off, octal, hexadecimal, ~, quoted stays a
// string; as names of members too, where `y:` becomes "true"). Numbers keep their exact value:
// 1.10 stays 1.10, 0x1F becomes 31.
// Non-finite numbers, duplicate keys, keys that are no scalars or null, unknown tags, invalid
// UTF-8 and aliases that would expand a text beyond ten times its size (and 64 KiB) or the limits
// are errors with line and column. Several documents, anchors, a BOM and CRLF are fine; empty
// documents and null are left out. Merge keys (<<) give way to an object's own members, wherever
// they stand. A text that is JSON objects, one behind the other, is read as JSON.
//
// Threads: any, one arena each.
#pragma once

#include <stdbool.h>

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

// What is told of all that is wrong with a text; err->msg is as that of cm_yaml_parse.
struct cm_yaml_listener {
    void (*wrong)(void *ctx, const struct cm_err *err);
    void *ctx;
};

// cm_yaml_parse_all goes on where cm_yaml_parse fails, as far as it can: members that are there
// twice are all told, and stay both; a document that cannot be read is left out, and the next one
// is read. It tells whether none is left out. Some documents in *out may be wrong all the same: if
// the listener was called they are good for looking at only.
bool cm_yaml_parse_all(struct cm_arena *a, const char *text, size_t size,
                       const struct cm_json_limits *limits, const struct cm_yaml_listener *listener,
                       struct cm_yaml_docs *out);

// cm_yaml_write writes a tree as block YAML that cm_yaml_parse reads back as the same tree.
void cm_yaml_write(const struct cm_json *node, struct cm_str *out);

// cm_yaml_scalar turns the text of an unquoted YAML scalar into a node of the type that YAML 1.1
// gives it; used for substituted variables.
struct cm_json *cm_yaml_scalar(struct cm_arena *a, const char *text);
