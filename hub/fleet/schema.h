// schema: what may stand in the documents of a fleet repository, as one table a kind.
//
// The checker of documents, the reference page and later JSON Schemas are made from these tables
// and from nothing else. What a table cannot say (exactly one of three, this or that) is said once
// in doc.c.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_json;
struct hub_diags;

#define HUB_API_VERSION "holdfast/v1alpha1"
#define HUB_NAME_MAX 63 // a DNS label

enum hub_field_type {
    HUB_FIELD_STRING,
    HUB_FIELD_NAME, // a DNS label
    HUB_FIELD_PATH, // a folder below, or "."
    HUB_FIELD_BOOL,
    HUB_FIELD_CHOICE,
    HUB_FIELD_LABELS,  // a map of strings
    HUB_FIELD_VALUES,  // a map of anything but null
    HUB_FIELD_OBJECT,  // `fields`
    HUB_FIELD_OBJECTS, // a list of them
    HUB_FIELD_NAMES,   // a list of DNS labels
    HUB_FIELD_STRINGS, // a list of strings
    HUB_FIELD_REFUSED, // known to others, not here: `doc` says what to do
};

struct hub_field {
    const char *name; // NULL ends a table
    enum hub_field_type type;
    bool required;
    const char *otherwise;          // its default as text, NULL if it has none
    const char *const *choices;     // HUB_FIELD_CHOICE; ended by NULL
    const struct hub_field *fields; // of what is nested
    const char *doc;                // sentences for people
    const char *also_called;        // what others call it, words separated by spaces; NULL
};

enum hub_kind { HUB_CLUSTER, HUB_GROUP, HUB_APP };
#define HUB_KINDS 3

struct hub_kind_table {
    const char *name;  // "ClusterGroup"
    const char *place; // where its files are
    const char *doc;
    const char *example;
    const struct hub_field *fields;
};

extern const struct hub_kind_table hub_kind_tables[HUB_KINDS];

// hub_schema_check reports everything that the table of the kind does not allow: what is missing,
// unknown (with the nearest right name) or of a wrong type. `text` is the file, for the places of
// names; it tells whether all is right.
bool hub_schema_check(enum hub_kind kind, const struct cm_json *document, const char *path,
                      const char *text, size_t size, struct hub_diags *diags);

// hub_schema_name_ok tells whether a text is a DNS label.
bool hub_schema_name_ok(const char *name);

const char *hub_field_type_name(const struct hub_field *field); // for people: "a list of names"
