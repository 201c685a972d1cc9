// schema_check: what the files of the checker share.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "hub/fleet/schema.h"
#include "hub/render/diag.h"

// One check of a document.
struct hub_check {
    const char *path;
    const char *text;
    size_t size;
    struct hub_diags *diags;
};

// hub_check_type reports a node that is not of a type.
bool hub_check_type(const struct hub_check *c, const struct cm_json *node, enum cm_json_type type,
                    const char *where, const char *expected);

// hub_check_text reports what is not a string, and advises quotes where that is the reason.
bool hub_check_text(const struct hub_check *c, const struct cm_json *node, const char *where);

// ---- schema_names.c: where names stand, and which were meant

void hub_check_place(const struct hub_check *c, const struct cm_json *member, uint32_t *line,
                     uint32_t *column);
void hub_check_unknown(const struct hub_check *c, const struct hub_field *fields,
                       const struct cm_json *member, const char *where);

// ---- schema_maps.c: labels and values

void hub_check_labels(const struct hub_check *c, const struct hub_field *field,
                      const struct cm_json *node, const char *where);
void hub_check_values(const struct hub_check *c, const struct cm_json *node, const char *where);

// ---- schema_rules.c: which fields go together

void hub_check_rules(const struct hub_check *c, const struct hub_rule *rules,
                     const struct cm_json *object);

// ---- Tables that others use

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

extern const struct hub_field hub_selector_fields[]; // schema_changes.c
extern const struct hub_field hub_overlay_fields[];
extern const struct hub_rule hub_overlay_rules[];
extern const struct hub_field hub_image_fields[];
extern const struct hub_rule hub_image_rules[];
extern const struct hub_field hub_app_fields[];    // schema_app.c
extern const struct hub_field hub_health_fields[]; // schema_health.c
extern const struct hub_field hub_hold_fields[];   // schema_holds.c
extern const struct hub_field hub_ban_fields[];
extern const struct hub_field hub_freeze_fields[]; // schema_freezes.c
extern const struct hub_field hub_exemption_fields[];
