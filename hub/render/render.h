// render: templates and values -> objects -> a bundle.
//
// Each template remembers what was made of it by the values that it used, so that an object which
// comes out the same for many clusters is made, hashed and kept once. Objects of built-in kinds
// (and of kinds whose CRD is known) get the App's namespace if they name none; of unknown kinds the
// namespace stays open.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/object/id.h"
#include "hub/render/bundle.h"
#include "hub/render/diag.h"
#include "hub/render/values.h"

struct cm_arena;
struct cm_str;
struct hub_template;
struct hub_tolerance;

#define HUB_APP_MAX ((size_t)64 * 1024 * 1024) // bytes of all objects of an App on one cluster

struct hub_render_input {
    const char *app;
    const char *namespace; // ""
    enum hub_drift drift;
    bool prune;
    bool suspend;
    bool adopt;
    bool prune_precious;
    enum hub_conflicts conflicts;
    enum hub_propagation propagation;
    bool recreate;
    struct hub_health health;
    const char *service_account;            // in the namespace; NULL: none
    const struct hub_tolerance *tolerances; // ignoreDifferences
    size_t tolerance_count;
    const char *const *shown; // showValues
    size_t shown_count;
    bool plain_secrets;            // Secrets may stand in Git readably
    const char *const *depends_on; // sorted
    size_t depends_on_count;
    const char *path; // of app.yaml: the place of what has no better one
    struct hub_template *const *templates;
    size_t template_count;
    struct hub_values values;
    const uint8_t *secret_key; // 32 bytes
    // scope tells what Git knows of kinds that are not built in.
    enum cm_object_scope (*scope)(void *ctx, const char *group, const char *kind);
    void *scope_ctx;
    struct cm_arena *scratch; // empty, and empty again afterwards; NULL: it makes its own
};

// Where an object of a bundle was written.
struct hub_object_place {
    struct cm_buf *path; // a reference; ends in NUL
    uint32_t line;
    uint32_t column;
};

struct hub_rendered {
    struct hub_bundle *bundle;       // a reference
    struct hub_object_place *places; // one an object, in the bundle's order; NULL: not known
    size_t made;                     // objects that no template remembered
};

// hub_render makes a bundle, or adds what is wrong to diags and returns false.
bool hub_render(const struct hub_render_input *in, struct hub_rendered *out,
                struct hub_diags *diags);
void hub_rendered_done(struct hub_rendered *r);

// hub_render_key appends a text that tells two sets of values apart as far as `names` go.
void hub_render_key(const struct hub_values *values, const char *const *names, size_t count,
                    struct cm_str *out);

// hub_render_forget drops what a template remembers: the scope of a kind may have changed.
void hub_render_forget(struct hub_template *t);
