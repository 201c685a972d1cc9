// reference: the page that says what may stand in a fleet repository, made from the parser's own
// tables (schema.h). It is kept in deploy/reference/fleet-repository.md; a test compares.
//
// Threads: any.
#pragma once

struct cm_str;

// hub_reference_write appends the page as Markdown.
void hub_reference_write(struct cm_str *out);
