// internal: what the files of hub/capture share.
//
//     args.c     arguments of intents
//     capture.c  what is tried, in order
//     rules.c    ignoreDifferences that say what else is done about a field
//     tip.c      the files of a tip -> a fleet, and the same with one file edited
//     settings.c what documents say that is in no bundle
//     sight.c    what a proof cannot see, and which files may be edited then
//     proof.c    whether an edit does what is meant, and nothing else
//     source.c   documents that an object may be written in -> edited files
//     overlay.c  app.yaml -> with an overlay for a cluster
//     revert.c   what a Hold would make -> a document that says so
//
// Threads: one at a time.
#pragma once

#include "hub/capture/capture.h"
#include "hub/fleet/fleet.h"

struct cm_json;
struct cm_map;
struct hub_bundle;
struct hub_hold;
struct hub_object;

// ---- tip.c
struct capture_tip {
    struct cm_arena *arena;
    const struct hub_capture_repo *repos;
    size_t repo_count;
    const struct hub_capture_repo *own;
    int64_t now_ms;
    struct hub_fleet *fleet;
    struct cm_map *paths; // by made-up id
    const char *edited;   // path of the file that is read from `text`; NULL: none
    const char *text;
    size_t edits;
    const struct cm_err *trouble; // of a reader
    struct cm_err err;
    bool (*stopped)(void *ctx);
    void *stopped_ctx;
};

// capture_tip_stopped: then nothing that was found out since counts.
bool capture_tip_stopped(const struct capture_tip *t);

CM_MUSTUSE enum cm_rc capture_tip_load(struct capture_tip *t, struct cm_err *err);
void capture_tip_done(struct capture_tip *t);

// capture_tip_edit has the fleet take a file of the own repository in with another text; NULL: with
// its own again, or without it if there is none. The path is below the root.
void capture_tip_edit(struct capture_tip *t, const char *path, const char *text);

// capture_tip_path returns a path from the top of the own repository; in the arena.
const char *capture_tip_path(struct capture_tip *t, const char *below_root);
// capture_tip_below returns what of such a path is below the root.
const char *capture_tip_below(const struct capture_tip *t, const char *path);

// capture_tip_object finds an object as a cluster shall run it, and its bundle; NULL: it is not
// there.
const struct hub_object *capture_tip_object(const struct capture_tip *t,
                                            const struct hub_capture *what,
                                            const struct hub_bundle **bundle);

// ---- capture.c
struct capture_app {
    const char *path; // of its app.yaml, below the root; in the tip's arena
    bool captures;    // drift: capture
    bool reverts;     // writeBack: revert
};
// capture_app_find looks for an App of the own repository. CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc capture_app_find(struct capture_tip *t, const char *name,
                                       struct capture_app *out, struct cm_err *err);
// capture_end: what was stopped came to nothing, whatever it seems to have come to.
CM_MUSTUSE enum cm_rc capture_end(const struct capture_tip *t, struct hub_captured *out,
                                  struct cm_err *err);
// capture_is_literal tells whether ${…} is plain text in its manifests.
bool capture_is_literal(struct capture_tip *t, const char *app_path);

// ---- rules.c
// capture_is_wanted tells whether all of the fields are to be written without that anybody asks:
// the first rule of the App, or of the object, that may be about a field says so, or, where none
// is, `otherwise`.
bool capture_is_wanted(const struct capture_tip *t, const struct hub_capture *what, bool otherwise);

// ---- settings.c
// capture_settings notes them by what they are of; the caller frees the map, what is in it is the
// arena's.
struct cm_map *capture_settings(struct cm_arena *a, const struct hub_fleet *fleet);
// capture_settings_check fails with CM_EINVAL as one is another than before.
CM_MUSTUSE enum cm_rc capture_settings_check(const struct cm_map *before,
                                             const struct hub_fleet *fleet, struct cm_err *err);

// ---- sight.c
struct capture_sight {
    const char *unseen; // an App of which the tip's fleet does not render all; NULL: it has all
};
// capture_sight_find fails with CM_EINVAL where no edit for the App can be proven at all.
CM_MUSTUSE enum cm_rc capture_sight_find(const struct capture_tip *tip, const char *app,
                                         struct capture_sight *out, struct cm_err *err);
// capture_sight_check: what is not seen is not changed by files that are the App's alone. The path
// is from the top. CM_EINVAL.
CM_MUSTUSE enum cm_rc capture_sight_check(const struct capture_sight *sight,
                                          const struct capture_tip *tip, const char *app,
                                          const char *path, struct cm_err *err);

// ---- proof.c
struct capture_proof;
// capture_proof_new remembers what is in force. It fails as the object is not as it was seen, and
// tells in *so that it says the values already.
CM_MUSTUSE enum cm_rc capture_proof_new(const struct capture_tip *t, const struct hub_capture *what,
                                        struct capture_proof **out, bool *so, struct cm_err *err);
// capture_proof_keep remembers what is in force, with a Hold or without (NULL), as what shall be.
struct capture_proof *capture_proof_keep(const struct capture_tip *t,
                                         const struct hub_capture *what,
                                         const struct hub_hold *hold);
void capture_proof_free(struct capture_proof *p); // NULL is fine
void capture_proof_freep(struct capture_proof **p);
// capture_proof_check holds the fleet, with the edit taken in, against that. CM_EINVAL, with what
// is not right about it.
CM_MUSTUSE enum cm_rc capture_proof_check(const struct capture_proof *p,
                                          const struct capture_tip *t, struct cm_err *err);
// capture_proof_object returns the object as it is rendered before; borrowed.
const struct cm_json *capture_proof_object(const struct capture_proof *p);
// capture_proof_find returns an object of the App as it was remembered; NULL: it is not there.
const struct hub_object *capture_proof_find(const struct capture_proof *p, const char *cluster,
                                            const char *key);
// capture_proof_runs tells whether a cluster would run the App as it was remembered.
bool capture_proof_runs(const struct capture_proof *p, const char *cluster);
// capture_parse reads an object. NULL: it is a Secret, or not known.
struct cm_json *capture_parse(struct cm_arena *a, const struct hub_object *object);

// capture_value copies a value; `escaped`: as manifests with variables must write it.
struct cm_json *capture_value(struct cm_arena *a, const struct cm_json *value, bool escaped);

// capture_set gives an object the values. It tells whether all fields can be there.
bool capture_set(struct cm_arena *a, struct cm_json *object, const struct hub_capture *what,
                 bool escaped);

// ---- source.c, overlay.c
// Both call `consider` for each edit that may be right until that returns true; they tell in *why
// what stands in the way, in the arena.
struct capture_try {
    struct capture_tip *tip;
    const struct hub_capture *what;
    const struct cm_json *object; // as it is rendered
    bool literal;                 // ${…} is plain text in manifests
    const char *app_path;         // of app.yaml, below the root
    bool (*consider)(void *ctx, const char *path, const char *before, char *text); // takes text
    void *ctx;
    const char *why;
};
bool capture_by_source(struct capture_try *t);
bool capture_by_overlay(struct capture_try *t);

struct capture_trial {
    struct capture_tip *tip;
    struct capture_proof *proof;
    struct capture_try try;
    struct hub_captured *out;
};
// capture_consider takes an edit if it is proven; else the fleet is as before. ctx is a trial.
bool capture_consider(void *ctx, const char *path, const char *before, char *text);
