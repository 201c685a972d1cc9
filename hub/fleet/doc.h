// doc: the documents of a fleet repository as structs, with their places.
//
// A file is read as a whole: every document in it is checked, everything that is wrong is reported,
// and those that are right come back.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/fleet/fleet.h"
#include "hub/fleet/schema.h"
#include "hub/hold/ban.h"
#include "hub/hold/exemption.h"
#include "hub/hold/freeze.h"
#include "hub/hold/hold.h"
#include "hub/render/bundle.h"
#include "hub/render/edition.h"
#include "hub/render/select.h"

#define HUB_DOCUMENT_MAX ((size_t)1024 * 1024) // bytes of one file of documents

struct cm_arena;
struct cm_json;
struct cm_map;
struct hub_source;
struct hub_diags;

struct hub_place {
    uint32_t line;
    uint32_t column;
};

// A name that speaks of something else: a cluster, a group, an App.
struct hub_mention {
    const char *name;
    struct hub_place place;
};

// What changes manifests, of an App or of one of its targets.
struct hub_changes {
    struct hub_common common;
    struct hub_overlay *overlays; // without their sources
    struct hub_mention *paths;    // of each overlay: .name is its path, NULL if it has none
    size_t overlay_count;
};

struct hub_target {
    struct hub_mention cluster; // .name NULL: not by this
    struct hub_mention group;
    const struct hub_selector *selector; // NULL: not by this
    const struct cm_json *values;        // NULL: none
    struct cm_map *index;                // hub_values_index of them
    const char *namespace;               // NULL: the App's
    const char *service_account;         // NULL: the App's
    struct hub_changes changes;
    bool suspend;
    bool do_not_deploy;
};

struct hub_cluster_doc {
    const struct cm_json *labels; // an object, maybe empty
    const struct cm_json *values; // or NULL
    struct cm_map *index;         // hub_values_index of them
    bool suspend;
};

struct hub_group_doc {
    const struct hub_selector *selector; // NULL: none
    struct hub_mention *clusters;        // sorted
    size_t cluster_count;
    struct hub_mention *groups; // sorted, each once
    size_t group_count;
};

// Where an App's manifests are.
struct hub_source_doc {
    struct hub_mention path; // .name "": the folder of app.yaml, or the root of the repository
    struct hub_mention repository; // .name NULL: the one of app.yaml
    enum hub_ref ref;
    const char *ref_text;       // "" for HUB_REF_DEFAULT
    const char *const *include; // globs below the path
    size_t include_count;       // 0: all
    const char *const *exclude;
    size_t exclude_count;
};

struct hub_app_doc {
    struct hub_source_doc source;
    const char *namespace;
    const char *service_account;  // NULL: none
    const struct cm_json *values; // or NULL
    struct cm_map *index;         // hub_values_index of them
    struct hub_target *targets;
    size_t target_count;
    struct hub_mention *depends_on; // sorted, each once
    size_t depends_on_count;
    struct hub_mention release_group; // .name NULL: none
    struct hub_changes changes;
    const char *text; // of app.yaml, for places in what is inline
    size_t text_size;
    enum hub_drift drift; // what agents do
    bool capture;         // what they report is written into Git
    const char *way;      // how: a literal, "pull-request", "commit"; "": it does not say
    bool prune;
    bool suspend;
    bool prune_on_loss;
    bool goes_back;        // onFailure: rollback
    bool holds_undo;       // undo: hold
    const char *on_reject; // a literal: "alone", "group" or "report"
    bool reverts;          // writeBack: revert
    bool plain_secrets;
    bool adopt;
    bool prune_precious;
    enum hub_conflicts conflicts;
    enum hub_propagation propagation;
    bool recreate;
    struct hub_health health;
    const struct hub_tolerance *tolerances; // ignoreDifferences
    size_t tolerance_count;
    const char *const *shown; // showValues
    size_t shown_count;
    bool literal; // no variables in manifests
};

struct hub_confirmation_doc {
    const char *app;
    const char *removal;
};

struct hub_hold_doc {
    struct hub_hold hold;
    struct hub_mention app;
    struct hub_mention *clusters;
    size_t cluster_count;
};

struct hub_ban_doc {
    struct hub_ban ban;
    struct hub_mention app; // .name NULL: all
};

struct hub_freeze_doc {
    struct hub_freeze freeze;
    struct hub_mention app; // .name NULL: all
    struct hub_mention cluster;
    struct hub_mention group;
};

struct hub_exemption_doc {
    struct hub_exemption exemption;
    struct hub_mention app;
    struct hub_mention *clusters;
    size_t cluster_count;
};

struct hub_doc {
    enum hub_kind kind;
    const char *name;
    struct hub_place place; // of the name
    struct cm_arena *arena;
    union {
        struct hub_cluster_doc cluster;
        struct hub_group_doc group;
        struct hub_app_doc app;
        struct hub_confirmation_doc confirmation;
        struct hub_hold_doc hold;
        struct hub_ban_doc ban;
        struct hub_freeze_doc freeze;
        struct hub_exemption_doc exemption;
    };
    // What follows belongs to documents.c.
    struct hub_file *file;
    struct hub_doc *next; // that claims the same name
    bool kept;            // from an earlier version of the file, which is wrong now
};

struct hub_doc_list {
    struct hub_doc **items;
    size_t count;
};

// hub_docs_read reads all documents of a file. What is wrong goes to diags.
void hub_docs_read(enum hub_kind kind, const char *path, const void *bytes, size_t size,
                   struct hub_doc_list *out, struct hub_diags *diags);

// What can be read of an App whose document is wrong.
struct hub_draft {
    struct cm_arena *arena;
    const char *name;             // NULL: it cannot be read
    bool located;                 // where its manifests are is known:
    struct hub_source_doc source; // beside app.yaml
    bool literal;
    // What follows belongs to drafts.c.
    const struct hub_source **read; // of its files; borrowed
    size_t read_count;
    size_t wrong; // things that are, in all of them
};

// hub_draft_new reads what can be read of a text.
struct hub_draft *hub_draft_new(const void *bytes, size_t size);
void hub_draft_free(struct hub_draft *draft); // NULL is fine

void hub_doc_free(struct hub_doc *doc); // NULL is fine
