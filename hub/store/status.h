// status: what agents report, on separate axes: connected, applied, healthy, drifted.
//
// Rows say what was last known. A cluster that is offline keeps its rows; `presence` says since
// when nothing was heard.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

// The numbers of the Applied and Health enums of proto/holdfast.proto.
struct hub_status_row {
    const char *cluster;
    const char *app;
    struct cm_sha256 bundle;
    const char *revision;
    int applied;
    const char *message;
    int health;
    const char *health_message;
    uint32_t objects;
    uint32_t drifted;
    const char *const *images; // of what no App in Git names: what runs there
    size_t image_count;
    bool ill;  // it was degraded, and has not been healthy since
    bool owed; // it became healthy before it was applied: that event is to come
    int64_t at_ms;
};

// hub_status_before is what events are made from: how a row was before it is replaced.
struct hub_status_before {
    bool known;
    int applied;
    int health;
    bool ill;
    bool owed;
    uint32_t drifted;
    struct cm_sha256 bundle;
    char revision[65];
};

CM_MUSTUSE enum cm_rc hub_status_find(struct hub_db *db, const char *cluster, const char *app,
                                      struct hub_status_before *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_status_put(struct hub_db *db, const struct hub_status_row *row,
                                     struct cm_err *err);

// hub_status_each visits all of them; messages are left out.
CM_MUSTUSE enum cm_rc hub_status_each(struct hub_db *db,
                                      void (*visit)(void *ctx, const struct hub_status_row *row),
                                      void *ctx, struct cm_err *err);

// hub_status_remove forgets an App on a cluster with its objects and drift. It tells whether there
// was anything.
CM_MUSTUSE enum cm_rc hub_status_remove(struct hub_db *db, const char *cluster, const char *app,
                                        bool *had, struct cm_err *err);

struct hub_object_row {
    const char *cluster;
    const char *app;
    const char *key;
    const uint8_t *sha256; // may be empty
    size_t sha256_size;
    int health;
    const char *message;
    bool drift_more; // more fields differ than hub_drift_put is told of
    uint32_t fought; // corrections that were undone before it was left alone; 0: there is no fight
    int64_t happened_ms; // of the last that is told by now; an earlier one changes nothing
    const void *actual;  // canonical form of what is there; may be empty
    size_t actual_size;
    const uint8_t *firm; // hash of that without the values that wait; may be empty: none does
    size_t firm_size;
    const char *digests; // that run behind its tags, a line each, sorted, and "+" if there may be
                         // more; "": it cannot be known; NULL: nothing new is
    int64_t at_ms;
};
CM_MUSTUSE enum cm_rc hub_objects_put(struct hub_db *db, const struct hub_object_row *row,
                                      struct cm_err *err);
// hub_objects_fought tells how many corrections of an object are on record as undone.
CM_MUSTUSE enum cm_rc hub_objects_fought(struct hub_db *db, const char *cluster, const char *key,
                                         uint32_t *out, struct cm_err *err);
// hub_objects_happened tells when the last happened of an object that is on record; 0: nothing.
CM_MUSTUSE enum cm_rc hub_objects_happened(struct hub_db *db, const char *cluster, const char *key,
                                           int64_t *out, struct cm_err *err);
// hub_objects_actual_bytes tells how much is on record of a cluster's objects as they are, but for
// one of them.
CM_MUSTUSE enum cm_rc hub_objects_actual_bytes(struct hub_db *db, const char *cluster,
                                               const char *but, int64_t *out, struct cm_err *err);
// hub_objects_keep has a full report not take an object of an App away, and takes over its health
// and message, if either is known, and happened_ms; *out: it is on record.
CM_MUSTUSE enum cm_rc hub_objects_keep(struct hub_db *db, const struct hub_object_row *row,
                                       bool *out, struct cm_err *err);
// hub_objects_each_digests visits such lines of the objects of an App on a cluster that have any;
// what is missing runs nothing.
CM_MUSTUSE enum cm_rc hub_objects_each_digests(struct hub_db *db, const char *cluster,
                                               const char *app,
                                               void (*visit)(void *ctx, const char *lines),
                                               void *ctx, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_objects_remove(struct hub_db *db, const char *cluster, const char *key,
                                         struct cm_err *err);

struct hub_drift_row {
    const char *cluster;
    const char *app;
    const char *key;
    const char *path;
    const char *desired;
    const char *actual;
    const char *manager;
    const char *user; // as the cluster's audit log names him; "" or NULL: not known
    const char *operation;
    const char *class; // "foreign", "right", "noise" or "ignored"; only the first is drift
    int capture;       // a rule of the App says that it goes into Git; -1: that it does not
    int64_t waits_ms;  // for how long another value of it may wait to be written to the state
                       // repository
    int64_t at_ms;
};
// hub_drift_clear removes the drift of one object, hub_drift_keep all that is not of this App or
// not among `paths`, a list as JSON; put adds a field of it.
CM_MUSTUSE enum cm_rc hub_drift_clear(struct hub_db *db, const char *cluster, const char *key,
                                      struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_drift_keep(struct hub_db *db, const char *cluster, const char *app,
                                     const char *key, const char *paths, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_drift_put(struct hub_db *db, const struct hub_drift_row *row,
                                    struct cm_err *err);
// hub_drift_paths visits the fields of one object that are on record as drift, and says what there
// is besides.
struct hub_drift_had {
    size_t rows;      // also by right
    int64_t waits_ms; // the shortest of them that is any; 0: none is
};
CM_MUSTUSE enum cm_rc hub_drift_paths(struct hub_db *db, const char *cluster, const char *key,
                                      void (*visit)(void *ctx, const char *path), void *ctx,
                                      struct hub_drift_had *out, struct cm_err *err);
// What somebody else has set, and which App it is of. Texts are borrowed.
struct hub_drift_seen {
    struct hub_drift_row row;
    bool more;        // more fields of the object differ than are on record
    const char *repo; // where the App is
    const char *way;  // its `capture`; "": it says nothing
};

// hub_drift_foreign visits fields that somebody else has set, by cluster and object: of an App on a
// cluster, or (both NULL) of all Apps, those of which `drift: capture` is said, by the first rule
// that is about the field or else by the App, but where an agent only observes: another tool may be
// at it. At most `most`, and what else differs of the last object.
CM_MUSTUSE enum cm_rc hub_drift_foreign(struct hub_db *db, const char *app, const char *cluster,
                                        size_t most,
                                        void (*visit)(void *ctx, const struct hub_drift_seen *seen),
                                        void *ctx, struct cm_err *err);

// hub_drift_known tells whether this very difference is on record as drift.
CM_MUSTUSE enum cm_rc hub_drift_known(struct hub_db *db, const struct hub_drift_row *row, bool *out,
                                      struct cm_err *err);

// hub_drift_count tells how many fields of a cluster are on record, counting no further than
// `most`.
CM_MUSTUSE enum cm_rc hub_drift_count(struct hub_db *db, const char *cluster, size_t most,
                                      size_t *out, struct cm_err *err);

// A full report: begin marks every row of the cluster (and tells how many were not marked yet), put
// takes the mark away, end removes what is still marked; drift that goes with it is an event
// drift.cleared for each object.
CM_MUSTUSE enum cm_rc hub_status_full_begin(struct hub_db *db, const char *cluster, size_t *marked,
                                            struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_status_full_end(struct hub_db *db, const char *cluster, int64_t now_ms,
                                          struct cm_err *err);

struct hub_presence_row {
    const char *cluster;
    bool connected;
    int64_t seen_ms;
    const char *version;
    const char *driver;
    const char *target;
    const char *address;
    bool observes;        // it changes nothing
    bool cannot_freeze;   // it changes things, and is too old to stop when it is told
    int64_t skew_ms;      // by how much its clock is ahead
    int64_t cert_ends_ms; // Unix time
    uint64_t trust;       // set of roots that it believes; 0: it knows of no sets
};
CM_MUSTUSE enum cm_rc hub_presence_put(struct hub_db *db, const struct hub_presence_row *row,
                                       struct cm_err *err);
// hub_presence_set_certificate and hub_presence_set_skew change what was so at the last connect.
CM_MUSTUSE enum cm_rc hub_presence_set_certificate(struct hub_db *db, const char *cluster,
                                                   int64_t ends_ms, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_presence_set_skew(struct hub_db *db, const char *cluster, int64_t skew_ms,
                                            struct cm_err *err);

CM_MUSTUSE enum cm_rc hub_presence_set_trust(struct hub_db *db, const char *cluster, uint64_t trust,
                                             struct cm_err *err);

// hub_presence_count_behind counts the active agents that do not believe this set of roots yet.
CM_MUSTUSE enum cm_rc hub_presence_count_behind(struct hub_db *db, uint64_t trust,
                                                uint64_t *out_count, struct cm_err *err);

// hub_presence_version gives the version of the agent that was connected last, the caller's; "":
// none was.
CM_MUSTUSE enum cm_rc hub_presence_version(struct hub_db *db, const char *cluster, char **out,
                                           struct cm_err *err);

CM_MUSTUSE enum cm_rc hub_presence_offline(struct hub_db *db, const char *cluster, int64_t seen_ms,
                                           struct cm_err *err);
// hub_presence_seen says when a cluster that is connected was heard last; never back in time.
CM_MUSTUSE enum cm_rc hub_presence_seen(struct hub_db *db, const char *cluster, int64_t seen_ms,
                                        struct cm_err *err);
// hub_status_is_seen tells of an App of which nothing differs whether all of it was looked at: what
// is healthy was, of others each object; with `drift: off` nothing is compared.
CM_MUSTUSE enum cm_rc hub_status_is_seen(struct hub_db *db, const struct hub_status_row *row,
                                         bool *out, struct cm_err *err);

// hub_presence_reset is for a cluster that is enrolled anew: what the old agent held means nothing.
CM_MUSTUSE enum cm_rc hub_presence_reset(struct hub_db *db, const char *cluster,
                                         struct cm_err *err);
// hub_presence_all_offline is for the end and the start: nobody is connected. Each who was on
// record becomes an event agent.disconnected, at this Unix time; at the start the hub was killed
// before.
CM_MUSTUSE enum cm_rc hub_presence_all_offline(struct hub_db *db, int64_t now_ms, const char *why,
                                               struct cm_err *err);

// hub_reports_last reads the last committed report of a cluster ("" and 0 if none); hub_reports_set
// keeps it, with the generation that the agent works on.
struct hub_report_mark {
    char run[CM_UUID_MAX];
    uint64_t number;
};
// hub_marks_read reads a mark of a cluster by a query of run and number.
CM_MUSTUSE enum cm_rc hub_marks_read(struct hub_db *db, const char *sql, const char *cluster,
                                     struct hub_report_mark *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_reports_last(struct hub_db *db, const char *cluster,
                                       struct hub_report_mark *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_reports_set(struct hub_db *db, const char *cluster, const char *run,
                                      uint64_t number, uint64_t generation, int64_t now_ms,
                                      struct cm_err *err);

// hub_journal_last and hub_journal_set do the same for an agent's journal.
CM_MUSTUSE enum cm_rc hub_journal_last(struct hub_db *db, const char *cluster,
                                       struct hub_report_mark *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_journal_set(struct hub_db *db, const char *cluster,
                                      const struct hub_report_mark *mark, struct cm_err *err);
