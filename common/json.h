// json: documents as a tree; JSON text in, canonical JSON out.
//
// The tree also carries what YAML was read into (common/yaml.h), with the place of each node, so
// that errors can name file, line and column. Numbers keep their text: 1.10, 1e400 and
// 18446744073709551616 leave as they came. Members are a linked list in the order they were read;
// the canonical writer sorts them.
//
// All nodes and strings of a tree live in one arena and are freed with it. A tree may be changed in
// place by its owner.
//
// Why not a library: Debian's jansson and json-c turn numbers into doubles or saturate them, and
// neither allocates within a budget.
//
// Threads: a tree belongs to one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_str;

enum __attribute__((packed)) cm_json_type {
    CM_NULL,
    CM_BOOL,
    CM_NUMBER,
    CM_STRING,
    CM_ARRAY,
    CM_OBJECT
};

// A node is small on purpose (56 bytes): an agent holds objects of a hundred thousand of them.
struct cm_json {
    enum cm_json_type type;
    bool truth;            // CM_BOOL
    uint16_t column;       // from 1; 65535 if it is beyond
    uint32_t line;         // from 1; 0 if unknown
    const char *key;       // name of this member, NULL if not a member of an object
    const char *text;      // CM_STRING (NUL-ended UTF-8, no NUL inside) and CM_NUMBER, else NULL
    struct cm_json *first; // CM_ARRAY and CM_OBJECT, else NULL
    struct cm_json *last;
    struct cm_json *next; // sibling
    union {
        size_t len;   // of text
        size_t count; // of elements or members
    };
};

// No parser makes a deeper tree, whatever its limits say, so that what walks a tree may recurse.
#define CM_JSON_DEPTH_MAX 512

struct cm_json_limits {
    size_t max_bytes; // of the text
    size_t max_depth;
    size_t max_nodes;
};

extern const struct cm_json_limits cm_json_limits_default; // 16 MiB, 64 levels, 1 M nodes

// cm_json_parse reads RFC 8259 JSON. Duplicate members, a NUL in a string, invalid UTF-8, lone
// surrogates and trailing text are errors; err->msg begins with "line L, column C: ". `limits`
// NULL: default. The text need not end in NUL and is not kept.
CM_MUSTUSE enum cm_rc cm_json_parse(struct cm_arena *a, const char *text, size_t size,
                                    const struct cm_json_limits *limits, struct cm_json **out,
                                    struct cm_err *err);

// cm_json_parse_all reads documents that stand one behind the other; *out becomes a list of them.
CM_MUSTUSE enum cm_rc cm_json_parse_all(struct cm_arena *a, const char *text, size_t size,
                                        const struct cm_json_limits *limits, struct cm_json *out,
                                        struct cm_err *err);

// cm_json_write_compact writes on one line, members in their order.
void cm_json_write_compact(const struct cm_json *node, struct cm_str *out);

// cm_json_write_canonical writes THE canonical form: members sorted by byte value, two spaces of
// indent, one member or element a line, `{}` and `[]` when empty, numbers as read, strings with the
// fewest escapes RFC 8259 allows (\" \\ \b \f \n \r \t, \u00XX for other control bytes), a final
// line feed. The same bytes go over the wire, to disk and into Git; SHA-256 over them names them.
void cm_json_write_canonical(const struct cm_json *node, struct cm_str *out);

// Making and changing trees. Keys and texts are copied into the arena.
struct cm_json *cm_json_new(struct cm_arena *a, enum cm_json_type type);
struct cm_json *cm_json_new_string(struct cm_arena *a, const char *text);
struct cm_json *cm_json_new_int(struct cm_arena *a, int64_t value);
struct cm_json *cm_json_new_bool(struct cm_arena *a, bool truth);
struct cm_json *cm_json_copy(struct cm_arena *a, const struct cm_json *node);
// cm_json_set adds or replaces a member (keeping its place); the value must not be in a tree yet.
void cm_json_set(struct cm_arena *a, struct cm_json *object, const char *key,
                 struct cm_json *value);
void cm_json_set_string(struct cm_arena *a, struct cm_json *object, const char *key,
                        const char *text); // NULL text: nothing is set
void cm_json_set_int(struct cm_arena *a, struct cm_json *object, const char *key, int64_t value);
void cm_json_set_bool(struct cm_arena *a, struct cm_json *object, const char *key, bool truth);
void cm_json_append(struct cm_json *array, struct cm_json *value);
bool cm_json_remove(struct cm_json *object, const char *key);

// cm_json_get returns the member `key` of an object, or NULL (also if node is NULL or no object).
struct cm_json *cm_json_get(const struct cm_json *node, const char *key);

// cm_json_path follows member names, ended by NULL: cm_json_path(o, "metadata", "name", NULL).
struct cm_json *cm_json_path(const struct cm_json *node, ...) __attribute__((sentinel));

// cm_json_string returns the text of a string node, else NULL; cm_json_int the value of an integral
// number node, else `otherwise`; cm_json_true whether it is the boolean true.
const char *cm_json_string(const struct cm_json *node);
int64_t cm_json_int(const struct cm_json *node, int64_t otherwise);
bool cm_json_true(const struct cm_json *node);

// cm_json_equal compares by value: member order does not matter, numbers are equal if their values
// are (1, 1.0 and 1e0). A NULL pointer, what is not there, is equal to no node.
bool cm_json_equal(const struct cm_json *a, const struct cm_json *b);

// cm_json_depth tells how many levels a tree has, cm_json_nodes how many nodes. A scalar is one
// level.
size_t cm_json_depth(const struct cm_json *node);
size_t cm_json_nodes(const struct cm_json *node);

const char *cm_json_type_name(enum cm_json_type type); // "a string", "an object", …
