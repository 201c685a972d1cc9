// desired: what Git says and what is in force, kept so that a restart, a force-push or a broken
// commit takes nothing away.
//
// Manifests and bundles are kept whole; objects too, but for Secrets, which are rendered again.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_buf;
struct hub_db;

struct hub_manifest_row {
    const char *cluster;
    uint64_t epoch;
    uint64_t generation;
    struct cm_sha256 sha256;
    struct cm_buf *bytes;
};

struct hub_pair_row {
    const char *cluster;
    const char *app;
    struct cm_sha256 bundle;
    const char *repo;
    const char *revision;
    uint64_t generation; // of the manifest that first had this bundle
    size_t objects;
    bool suspend;
    bool stale;
    const char *waits;  // removal that waits for a confirmation; NULL: none
    const char *held;   // what Holds keep out, in words; NULL: nothing
    const char *begins; // only read: as in hub_desired_put_begins; "": none
};

CM_MUSTUSE enum cm_rc
hub_desired_put_manifest(struct hub_db *db, const struct hub_manifest_row *row, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_desired_put_pair(struct hub_db *db, const struct hub_pair_row *row,
                                           struct cm_err *err);
// hub_desired_put_begins notes, by the keys of the objects whose controllers are to, what promoted
// nothing of an App on a cluster yet (a line each); NULL: nothing is waited for.
CM_MUSTUSE enum cm_rc hub_desired_put_begins(struct hub_db *db, const char *cluster,
                                             const char *app, const char *needs,
                                             struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_desired_remove_pair(struct hub_db *db, const char *cluster,
                                              const char *app, struct cm_err *err);

// hub_desired_forget_cluster removes what is wanted of a cluster that left Git. What its agent
// reported stays: it is unmanaged, not gone.
CM_MUSTUSE enum cm_rc hub_desired_forget_cluster(struct hub_db *db, const char *cluster,
                                                 struct cm_err *err);

// hub_desired_forget_unknown does the same for all clusters of which there is no document: they
// left while nobody looked.
CM_MUSTUSE enum cm_rc hub_desired_forget_unknown(struct hub_db *db, struct cm_err *err);

// hub_desired_put_blob keeps the bytes under their name; once is enough.
CM_MUSTUSE enum cm_rc hub_desired_put_blob(struct hub_db *db, const struct cm_sha256 *sha256,
                                           const void *bytes, size_t size, struct cm_err *err);

// hub_desired_find_blob returns a new buffer. CM_ENOTFOUND: it is not kept.
CM_MUSTUSE enum cm_rc hub_desired_find_blob(struct hub_db *db, const struct cm_sha256 *sha256,
                                            struct cm_buf **out, struct cm_err *err);

// hub_desired_each_manifest visits all manifests; the row and its bytes are good during the visit.
CM_MUSTUSE enum cm_rc hub_desired_each_manifest(struct hub_db *db,
                                                void (*visit)(void *ctx,
                                                              const struct hub_manifest_row *row),
                                                void *ctx, struct cm_err *err);

// hub_desired_each_pair visits what is on record of the Apps of a cluster, sorted by App; only app,
// repo, stale, waits and held ("": none) are filled in.
CM_MUSTUSE enum cm_rc hub_desired_each_pair(struct hub_db *db, const char *cluster,
                                            void (*visit)(void *ctx,
                                                          const struct hub_pair_row *row),
                                            void *ctx, struct cm_err *err);

// hub_desired_each_of_app visits what is on record of an App on all its clusters, sorted by these;
// only cluster, bundle and revision are filled in.
CM_MUSTUSE enum cm_rc hub_desired_each_of_app(struct hub_db *db, const char *app,
                                              void (*visit)(void *ctx,
                                                            const struct hub_pair_row *row),
                                              void *ctx, struct cm_err *err);

// The documents as they are in force. begin forgets them all, for writing them anew until end, in
// one transaction; put and remove change one.
CM_MUSTUSE enum cm_rc hub_documents_begin(struct hub_db *db, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_end(struct hub_db *db, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_put_cluster(struct hub_db *db, const char *name,
                                                const char *labels_json, bool suspend,
                                                const char *repo, const char *path,
                                                struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_put_group(struct hub_db *db, const char *name, const char *repo,
                                              const char *path, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_put_member(struct hub_db *db, const char *group,
                                               const char *cluster, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_cluster(struct hub_db *db, const char *name,
                                                   struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_group(struct hub_db *db, const char *name,
                                                 struct cm_err *err); // with its members
CM_MUSTUSE enum cm_rc hub_documents_remove_member(struct hub_db *db, const char *group,
                                                  const char *cluster, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_app(struct hub_db *db, const char *name,
                                               struct cm_err *err);

// Confirmations that have let a removal happen.
CM_MUSTUSE enum cm_rc hub_documents_put_used(struct hub_db *db, const char *confirmation,
                                             const char *removal, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_used(struct hub_db *db, const char *confirmation,
                                                struct cm_err *err);

struct hub_hold_row {
    const char *key; // of documents the name, of decisions "~" and the event
    const char *name;
    const char *app;
    const char *repo; // "": not in Git yet
    const char *path;
    const char *rejected;
    const char *restored;
    const char *controller;
    const char *object;
    const char *text;
    int64_t at_ms; // 0: not known
    const char *event;
    const char *clusters; // JSON array of names
    int64_t in_force;     // on so many of them
    bool retry;
};
CM_MUSTUSE enum cm_rc hub_documents_put_hold(struct hub_db *db, const struct hub_hold_row *row,
                                             struct cm_err *err);
// hub_documents_find_hold_event tells whether it is on record when a Hold came.
CM_MUSTUSE enum cm_rc hub_documents_find_hold_event(struct hub_db *db,
                                                    const struct hub_hold_row *row, bool *out,
                                                    struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_hold(struct hub_db *db, const char *key,
                                                struct cm_err *err);

struct hub_ban_row {
    const char *name;
    const char *app; // "": all
    const char *repo;
    const char *path;
    const char *images; // JSON array of texts
    const char *reason;
};
CM_MUSTUSE enum cm_rc hub_documents_put_ban(struct hub_db *db, const struct hub_ban_row *row,
                                            struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_ban(struct hub_db *db, const char *name,
                                               struct cm_err *err);

struct hub_exemption_row {
    const char *name;
    const char *app;
    const char *repo;
    const char *path;
    const char *clusters; // JSON array of texts
    const char *object;
    const char *field;
    const char *reason;
    const char *actor;
    const char *site; // ""
    int64_t until_ms;
};
CM_MUSTUSE enum cm_rc hub_documents_put_exemption(struct hub_db *db,
                                                  const struct hub_exemption_row *row,
                                                  struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_remove_exemption(struct hub_db *db, const char *name,
                                                     struct cm_err *err);

struct hub_app_row {
    const char *name;
    const char *repo;
    const char *path;
    const char *namespace;
    const char *drift;
    bool prune;
    bool suspend;
    const char *depends_on;    // JSON array of names
    const char *release_group; // NULL: none
    const char *on_reject;
    bool reverts;        // writeBack: revert
    bool goes_back;      // onFailure: rollback
    bool holds_undo;     // undo: hold
    const char *capture; // "pull-request", "commit"; "" and NULL: it says nothing
};
CM_MUSTUSE enum cm_rc hub_documents_put_app(struct hub_db *db, const struct hub_app_row *row,
                                            struct cm_err *err);

// hub_documents_each_app visits all Apps; hub_documents_each_cluster at most `most` names of
// clusters, beginning with `first` if there is one of that name.
CM_MUSTUSE enum cm_rc hub_documents_each_app(struct hub_db *db,
                                             void (*visit)(void *ctx, const char *name,
                                                           const char *repo),
                                             void *ctx, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_each_used(struct hub_db *db,
                                              void (*visit)(void *ctx, const char *confirmation,
                                                            const char *removal),
                                              void *ctx, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_documents_each_cluster(struct hub_db *db, const char *first, size_t most,
                                                 void (*visit)(void *ctx, const char *name),
                                                 void *ctx, struct cm_err *err);

struct hub_revision_row {
    const char *repo;
    const char *id;
    const char *author;
    const char *subject;
    int64_t committed_ms;
    int64_t resolved_ms;
    size_t clusters; // for which it changed something
    size_t problems; // after it
    // Commits that came with it and were not looked at, as ids with a space after each; NULL: none.
    // Who asks for one of them is told of this one, as long as hub_revisions_keep lets him.
    const char *passed;
};
CM_MUSTUSE enum cm_rc hub_revisions_add(struct hub_db *db, const struct hub_revision_row *row,
                                        struct cm_err *err);

// hub_revisions_keep forgets commits that were not looked at and came before then (Unix time),
// and all but the last 100,000.
CM_MUSTUSE enum cm_rc hub_revisions_keep(struct hub_db *db, int64_t since_ms, struct cm_err *err);

// hub_revisions_each_newest visits the newest commit of each repository; `in_use`: some document is
// from there.
CM_MUSTUSE enum cm_rc hub_revisions_each_newest(struct hub_db *db,
                                                void (*visit)(void *ctx, const char *repo,
                                                              const char *id, bool in_use),
                                                void *ctx, struct cm_err *err);

struct hub_problem_row {
    const char *repo;
    const char *path;
    uint32_t line;
    uint32_t column;
    const char *message;
    const char *app;
    const char *cluster;
    size_t clusters;
    const char *revision; // that brought it, or touched what has it; "": not known
};
CM_MUSTUSE enum cm_rc hub_problems_begin(struct hub_db *db, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_problems_put(struct hub_db *db, const struct hub_problem_row *row,
                                       struct cm_err *err);
// hub_problems_each visits all of them, without their places in the files.
CM_MUSTUSE enum cm_rc hub_problems_each(struct hub_db *db,
                                        void (*visit)(void *ctx, const struct hub_problem_row *row),
                                        void *ctx, struct cm_err *err);
