// schema: what may stand in the documents of a fleet repository, as one table a kind.
//
// The checker of documents, the reference page and the JSON Schemas are made from these tables and
// from nothing else: fields with their types, forms of texts, and rules about which fields go
// together.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_json;
struct hub_diags;

#define HUB_API_VERSION "holdfast/v1alpha1"
#define HUB_NAME_MAX 63         // a DNS label
#define HUB_PATH_MAX 4096       // bytes
#define HUB_LABEL_VALUE_MAX 253 // Kubernetes allows 63; host targets have longer ones
#define HUB_LABEL_NAME_MAX 506

enum hub_field_type {
    HUB_FIELD_STRING,
    HUB_FIELD_NAME,  // a DNS label
    HUB_FIELD_PATH,  // a folder below, or "."
    HUB_FIELD_BELOW, // a file or folder below
    HUB_FIELD_BOOL,
    HUB_FIELD_TRUE, // true and nothing else
    HUB_FIELD_CHOICE,
    HUB_FIELD_LABELS,  // a map of strings that are not too long
    HUB_FIELD_TEXTS,   // a map of strings
    HUB_FIELD_VALUES,  // a map of anything but null
    HUB_FIELD_OBJECT,  // `fields`
    HUB_FIELD_OBJECTS, // a list of them
    HUB_FIELD_TREE,    // an object with any members
    HUB_FIELD_ANY,     // anything
    HUB_FIELD_NAMES,   // a list of DNS labels
    HUB_FIELD_STRINGS, // a list of strings
    HUB_FIELD_REFUSED, // known to others, not here: `doc` says what to do
};

// What a text must look like. The pattern means the same to POSIX (extended) and to ECMAScript;
// `ok`, if it is not NULL, refuses some of what the pattern takes.
struct hub_form {
    const char *name; // for people: "a digest"
    const char *pattern;
    const char *advice;
    bool (*ok)(const char *text);
};

enum hub_rule_type { HUB_RULE_ONE, HUB_RULE_SOME, HUB_RULE_NONE };

// Which fields of an object go together: exactly one, at least one or none of `names`; always, or
// where the field `when` is there (and is one of `words`).
struct hub_rule {
    enum hub_rule_type type;
    const char *subject;      // "a target"; with `when` not needed
    const char *when;         // NULL: always
    const char *const *words; // NULL: whatever `when` is
    const char *const *names; // ended by NULL
    const char *advice;       // what to do
};

struct hub_field {
    const char *name; // NULL ends a table
    enum hub_field_type type;
    bool required;
    const char *otherwise;          // its default as text, NULL if it has none
    const char *const *choices;     // HUB_FIELD_CHOICE; ended by NULL
    const struct hub_form *form;    // of a string, or of each of several; NULL: any
    const struct hub_form *names;   // of the names in a map; NULL: any
    const struct hub_field *fields; // of what is nested
    const struct hub_rule *rules;   // of what is nested; ended by one without names; NULL: none
    size_t min;                     // entries of a list
    size_t max;                     // entries of a list; 0: no limit of its own
    const char *doc;                // sentences for people
    const char *also_called;        // what others call it, words separated by spaces; NULL
};

enum hub_kind {
    HUB_CLUSTER,
    HUB_GROUP,
    HUB_APP,
    HUB_CONFIRMATION,
    HUB_HOLD,
    HUB_BAN,
    HUB_FREEZE,
    HUB_EXEMPTION
};
#define HUB_KINDS 8

struct hub_kind_table {
    const char *name;  // "ClusterGroup"
    const char *place; // where its files are
    const char *doc;
    const char *example;
    const struct hub_field *fields;
};

extern const struct hub_kind_table hub_kind_tables[HUB_KINDS];

// hub_schema_check reports everything that the table of the kind does not allow: what is missing,
// unknown (with the nearest right name), of a wrong type, or does not go together. `text` is the
// file, for the places of names; it tells whether all is right.
bool hub_schema_check(enum hub_kind kind, const struct cm_json *document, const char *path,
                      const char *text, size_t size, struct hub_diags *diags);

// hub_schema_name_ok tells whether a text is a DNS label.
bool hub_schema_name_ok(const char *name);

// hub_schema_form_ok tells whether a text has a form.
bool hub_schema_form_ok(const struct hub_form *form, const char *text);

const char *hub_field_type_name(const struct hub_field *field); // for people: "a list of names"
