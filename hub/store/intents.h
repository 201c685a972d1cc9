// intents: what the hub shall write into repositories, on record before anything is pushed.
//
// A row waits until a fetched tip has its effect; then it is done and stays for a while, so that
// whoever asked can see what became of it. The id makes it one: what was asked for twice is once.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;

// States: "waiting", "done", "failed".
struct hub_intent_row {
    const char *id;
    const char *repository;
    const char *kind;
    const char *app;
    const char *cluster;
    const char *cause;
    const char *args;  // JSON
    const char *actor; // who decided
    bool automatic;    // nobody asked: the hub decided
    int64_t made_ms;
    int64_t pull; // number of the pull request that it is in; 0: none
};

// hub_intents_add puts one on record; *out_new: it was not there yet. Of automatic ones of an App
// with at least `most` of them within the last hour CM_EBUSY: something goes round in circles. Of
// these what is about one Hold, as its cause says, counts once, but for each that says `again` in
// its args.
CM_MUSTUSE enum cm_rc hub_intents_add(struct hub_db *db, const struct hub_intent_row *row,
                                      int64_t most, bool *out_new, struct cm_err *err);

// hub_intents_each calls back for those that wait, in their order.
CM_MUSTUSE enum cm_rc hub_intents_each(struct hub_db *db,
                                       void (*visit)(void *ctx, const struct hub_intent_row *row),
                                       void *ctx, struct cm_err *err);

// hub_intents_end says what became of one; revision: the commit that has it, "" if it was so
// before.
CM_MUSTUSE enum cm_rc hub_intents_end(struct hub_db *db, const char *id, const char *state,
                                      const char *revision, const char *message, int64_t at_ms,
                                      struct cm_err *err);

// hub_intents_note says why one still waits, and which pull request (hub/store/pulls.h) it is in;
// 0: none.
CM_MUSTUSE enum cm_rc hub_intents_note(struct hub_db *db, const char *id, const char *message,
                                       int64_t pull, struct cm_err *err);

// Where something is in Git. All texts are owned.
struct hub_located {
    char *repository;
    char *path;
    char *removal;
    bool decided; // of a Hold: a controller decided it, and not a person
};

void hub_located_done(struct hub_located *l); // a zeroed one is fine

// hub_intents_locate finds the file of an App, or of a cluster (the other is NULL). CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_intents_locate(struct hub_db *db, const char *app, const char *cluster,
                                         struct hub_located *out, struct cm_err *err);

// hub_intents_find_removal finds the removal of an App that waits for a Confirmation: the one that
// is named, or the only one (NULL). CM_ENOTFOUND, or CM_EINVAL if there are several.
CM_MUSTUSE enum cm_rc hub_intents_find_removal(struct hub_db *db, const char *app,
                                               const char *removal, struct hub_located *out,
                                               struct cm_err *err);

// hub_intents_find_hold finds the Hold of an App that keeps something out now: the one that is
// named, or the only one (NULL). CM_ENOTFOUND, CM_EINVAL if there are several, CM_EBUSY if it is
// not in Git yet.
CM_MUSTUSE enum cm_rc hub_intents_find_hold(struct hub_db *db, const char *app, const char *name,
                                            struct hub_located *out, struct cm_err *err);

// hub_intents_find_ban finds a Ban by its name, hub_intents_find_exemption an Exemption.
// CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_intents_find_ban(struct hub_db *db, const char *name,
                                           struct hub_located *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_intents_find_exemption(struct hub_db *db, const char *name,
                                                 struct hub_located *out, struct cm_err *err);
