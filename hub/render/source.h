// source: a file of manifests, taken apart once: objects, and where variables stand in them.
//
// Several documents, `kind: List` (flattened) and JSON are fine. What cannot be a manifest is
// reported with its place; a file with a problem gives no templates at all.
//
// A template is an object with holes. In a plain YAML scalar that is one variable, the value keeps
// its type (replicas: ${replicas}); in a quoted one the result is a string (port: "${port}"). JSON
// knows only quotes, so there the value keeps its type too. The annotation
// holdfast.dev/substitute: disabled makes a template without holes, whatever its texts are.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/render/diag.h"
#include "hub/render/substitute.h"

struct cm_arena;
struct cm_buf;
struct cm_json;
struct cm_map;

#define HUB_SOURCE_MAX ((size_t)16 * 1024 * 1024) // bytes of one file
#define HUB_SUBSTITUTE_ANNOTATION "holdfast.dev/substitute"

// A string or a member's name with variables in it.
struct hub_hole {
    const struct cm_json *node;
    bool in_key; // the member's name, else the value
    bool typed;
    struct hub_text text;
    uint32_t line; // of the node
    uint32_t column;
    struct hub_spot {
        uint32_t line;
        uint32_t column;
    } * spots; // of each "${"
};

struct hub_template {
    struct hub_source *source;
    const struct cm_json *object;
    struct hub_hole *holes; // in the order in which a walk meets them, a key before its value
    size_t hole_count;
    const char **used; // names of variables, sorted, each once
    size_t used_count;
    struct cm_map *memo; // what was made of it, by the values of `used`: render.c
    size_t memo_limit;
};

struct hub_source {
    struct cm_arena *arena;
    struct cm_buf *path; // ends in NUL
    struct hub_template *templates;
    size_t count;
    struct hub_diags diags;
};

// hub_source_new never fails: what is wrong is in diags. It takes a reference to `path` (text that
// ends in NUL).
struct hub_source *hub_source_new(struct cm_buf *path, const void *bytes, size_t size);
void hub_source_free(struct hub_source *s); // NULL is fine

const char *hub_source_path(const struct hub_source *s);

// hub_names_sort sorts names and drops the second of two that are equal; it returns how many are
// left.
size_t hub_names_sort(const char **names, size_t count);
