// json_schema: what editors complete and check documents with, made from the parser's own tables
// (schema.h) as JSON Schema of draft 2020-12. The files are kept in deploy/reference/schemas; a
// test compares.
//
// What a pattern cannot say is left to the parser: whether a range of versions is one.
//
// Source: json-schema.org/draft/2020-12.
//
// Threads: any.
#pragma once

#include "hub/fleet/schema.h"

struct cm_str;

// hub_json_schema_write appends the schema of a kind.
void hub_json_schema_write(enum hub_kind kind, struct cm_str *out);
