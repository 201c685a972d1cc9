// capture: what somebody changed by hand in a cluster, as an edit of what stands in Git.
//
// The fields that differ and the values that they have in the cluster are held against a tip: a
// fleet is made of the tip's files, the object is found in it as it is rendered, and then
//
//     source    the document that the object is written in (or an overlay's file) says the values
//     overlay   App.spec.targets has an overlay for that cluster, which says them
//
// are tried, the first that is *proven*: the fleet takes the edited file in, and on the clusters
// that are meant the object must be what it was with just these fields changed, byte for byte, and
// nothing else may differ on any cluster, nor anything become wrong. So where a document is for
// more clusters than are meant, or a value comes from a variable, the overlay is what is left; and
// where neither is right, nothing is written and the words say what to edit.
//
// The document is edited in its text (common/yaml_become.h).
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_buf;
struct cm_json;

#define HUB_CAPTURE_FIELDS_MAX 16              // that agents tell of an object
#define HUB_CAPTURE_FILE_MAX ((size_t)1 << 20) // bytes of a file that is edited

// A repository with documents of the fleet.
struct hub_capture_repo {
    const char *name;
    const char *root; // folder of the fleet in it; "": its top
    // Paths are from the top of the repository. read: CM_ENOTFOUND if there is no such file.
    enum cm_rc (*read)(void *ctx, const char *path, size_t max_bytes, struct cm_buf **out,
                       struct cm_err *err);
    enum cm_rc (*each)(void *ctx, const char *folder,
                       bool (*visit)(void *visitor, const char *path), void *visitor,
                       struct cm_err *err);
    void *ctx;
};

struct hub_capture_field {
    const char *path;            // as common/object/path.h writes it
    const char *manager;         // who set it, as he calls himself; ""
    const struct cm_json *value; // NULL: it is taken out
    const struct cm_json *was; // what Git said when it was seen; CM_NULL: nothing; NULL: not known
};

struct hub_capture {
    const char *app;
    const char *cluster; // where it was seen
    const char *key;     // of the object
    const struct hub_capture_field *fields;
    size_t field_count;
    bool everywhere;            // it is meant for all clusters of the App
    bool automatic;             // nobody asked: only if the App says drift: capture
    int64_t now_ms;             // Unix time: what ends by then counts no more
    bool (*stopped)(void *ctx); // as of a revert
    void *ctx;
};

// A field of an object that somebody else has set, as an agent told it.
struct hub_capture_seen {
    const char *cluster;
    const char *app;
    const char *repo; // where the App is
    const char *way;  // how captures come into Git: "pull-request", "commit"; "": it does not say
    const char *key;
    const char *path;
    const char *desired; // JSON, maybe cut short; "": it is not there
    const char *actual;
    const char *manager;
    const char *user; // as the cluster's audit log names him; "": not known
    bool more;        // more fields of the object differ than were told
};

// What differs of an object, gathered from its fields.
struct hub_capture_object {
    const char *cluster;
    const char *app;
    const char *repo;
    const char *way; // as above
    const char *key;
    const char *content;  // another one for other values
    const char *managers; // of which no user is known
    const char *users;    // in words, that they are verified
    const char *user;     // one of them; NULL: there is none
    bool others;          // somebody else set something, too
    struct cm_json *fields;
    struct cm_err err;  // why it cannot be captured: a value is not known in the clear
    const char *left;   // fields that were added whose values are not: the others are captured
    bool refused;       // `err` is of a field that cannot be left out
    const char *secret; // a field of it that is where secrets are put; NULL: none is
};

struct hub_capture_list {
    struct cm_arena *arena; // of all of it
    struct hub_capture_object *items;
    size_t count;
};

// hub_capture_gather takes in a field; those of an object come one after the other.
void hub_capture_gather(struct hub_capture_list *list, const struct hub_capture_seen *seen);

// hub_capture_args makes the arguments of an intent of what was gathered, with the words of its
// commit. In the arena.
struct cm_json *hub_capture_args(struct cm_arena *a, const struct hub_capture_object *object,
                                 bool everywhere, bool automatic);

// hub_capture_read reads the arguments of an intent (hub/write): object, fields, everywhere,
// automatic. It fails with CM_EINVAL. What is read points into them and the arena.
CM_MUSTUSE enum cm_rc hub_capture_read(struct cm_arena *a, const struct cm_json *args,
                                       struct hub_capture *out, struct cm_err *err);

struct hub_captured {
    char *path;   // from the top of the repository; NULL: Git says so already
    char *before; // of the file
    char *text;
    bool overlay;
};
void hub_captured_done(struct hub_captured *c); // a zeroed one is fine

// hub_capture_make makes the edit; `own` is the place of the repository that it is for.
// CM_ENOTFOUND and CM_EINVAL: it cannot be, with why and what to edit; CM_ECANCELED: it was
// stopped; anything else is the reader's.
CM_MUSTUSE enum cm_rc hub_capture_make(const struct hub_capture *what,
                                       const struct hub_capture_repo *repos, size_t repo_count,
                                       size_t own, struct hub_captured *out, struct cm_err *err);

// Called for a file that a commit changed, with what that made of what was there before.
typedef bool (*hub_revert_visit_fn)(void *visitor, const char *path, const char *bad,
                                    const char *good);

// A Hold, of which the documents shall say what it would make.
struct hub_revert {
    const char *path; // of its file, from the top of the repository
    const char *text;
    int64_t now_ms; // Unix time: what ends by then counts no more
    // each visits the files that the commits from the rejected release back to the restored one
    // changed, the newest first, until a visit returns false; what cannot be read is left out.
    void (*each)(void *ctx, const char *bad_revision, const char *good_revision,
                 hub_revert_visit_fn visit, void *visitor);
    // stopped tells, from then on, that nobody wants to know any more; asked all the time while the
    // fleet is rendered.
    bool (*stopped)(void *ctx);
    void *ctx;
};

// hub_revert_make makes the edit of one file by which every cluster shall run, byte for byte, what
// it would with the Hold: then all that share what is edited are on its list, and nothing else
// changes. What a commit made of a file is taken back by lines, whatever came since, or else the
// values of one object are written. What is in no bundle stays, too; where the tip's fleet does not
// render all Apps, only files in the App's own folder are edited. out->path NULL: the Hold would
// change nothing, as Git says another release. CM_ENOTFOUND and CM_EINVAL: it cannot be, with why;
// CM_ECANCELED: it was stopped; anything else is the reader's.
CM_MUSTUSE enum cm_rc hub_revert_make(const struct hub_revert *what,
                                      const struct hub_capture_repo *repos, size_t repo_count,
                                      size_t own, struct hub_captured *out, struct cm_err *err);
