// source: a file of manifests, taken apart once: objects, and where variables stand in them.
//
// Several documents, `kind: List` (flattened) and JSON are fine. What cannot be a manifest is
// reported with its place; a file with a problem gives no templates at all, but for looking at, so
// that what is wrong with the rest is told too.
//
// A template is an object with holes. In a plain YAML scalar that is one variable, the value keeps
// its type (replicas: ${replicas}); in a quoted one the result is a string (port: "${port}"). JSON
// knows only quotes, so there the value keeps its type too. The annotation
// holdfast.dev/substitute: disabled makes a template without holes, whatever its texts are; so does
// for all of a file the comment "# holdfast: substitute=off" before its first document.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "hub/render/diag.h"
#include "hub/render/holes.h"

struct cm_arena;
struct cm_buf;
struct cm_map;

#define HUB_SOURCE_MAX ((size_t)16 * 1024 * 1024) // bytes of one file
#define HUB_SUBSTITUTE_ANNOTATION "holdfast.dev/substitute"

// A node of a tree that comes from several files.
struct hub_node {
    struct cm_json json;
    const char *path;                // of the file in which it stands
    const struct hub_hole *holes[2]; // of its text, of its key; NULL: there is none
    bool literal;                    // there are no variables in it, whatever it looks like
};

struct hub_template {
    struct hub_source *source;
    const struct cm_json *object;
    bool wrong;             // something is, so it is only looked at
    bool literal;           // there are no variables in it
    bool placed;            // its nodes are struct hub_node
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
    size_t count;    // 0 if something is wrong
    size_t readable; // as many are there to be looked at
    bool whole;      // nothing could not be read
    struct hub_diags diags;
};

// hub_source_new never fails: what is wrong is in diags. It takes a reference to `path` (text that
// ends in NUL).
struct hub_source *hub_source_new(struct cm_buf *path, const void *bytes, size_t size);

// hub_source_new_literal reads a file in which ${…} is plain text.
struct hub_source *hub_source_new_literal(struct cm_buf *path, const void *bytes, size_t size);
void hub_source_free(struct hub_source *s); // NULL is fine

const char *hub_source_path(const struct hub_source *s);

// hub_template_path returns the file in which a node of the template's object stands.
const char *hub_template_path(const struct hub_template *t, const struct cm_json *node);

// hub_template_is_secret tells whether an object is a Secret, of which problems quote nothing.
bool hub_template_is_secret(const struct cm_json *object);

// hub_template_is_literal tells whether an object's annotation says that it has no variables.
bool hub_template_is_literal(const struct cm_json *object);

// hub_template_check says at once what rendering would say of the object's identity for each
// cluster.
void hub_template_check(struct cm_arena *a, const struct hub_template *t, struct hub_diags *diags);
