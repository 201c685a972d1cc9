// site_exemptions: changes by hand that sites allow themselves, as their agents tell.
//
// A row is one object at a site that says one thing. What an agent says is believed of its own
// cluster only. Whether Git has it say the documents (triggers of the database, schema.c).
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

#define HUB_SITE_EXEMPTIONS_KEPT 200 // of a cluster, beside those that go on
#define HUB_SITE_EXEMPTIONS_DAY 20   // of a cluster that are written into Git within a day
#define HUB_SITE_EXEMPTION_DAYS 31   // that one may be in force: more than agents allow

struct hub_site_exemption {
    const char *cluster;
    char id[CM_SHA256_HEX_MAX];
    const char *name; // what it is called here and in Git
    const char *said; // what the object is called
    const char *app;
    const char *object;
    const char *field;
    const char *reason;
    const char *actor;
    const char *manager;
    const char *message;
    int64_t until_ms; // Unix time
    int64_t began_ms; // 0: it was refused
    int64_t ended_ms; // 0: it goes on
    bool given;       // Git has had it, as the agent says
};

// hub_site_exemptions_put takes one down; events say what is new of it.
CM_MUSTUSE enum cm_rc hub_site_exemptions_put(struct hub_db *db, const struct hub_site_exemption *e,
                                              int64_t now_ms, struct cm_err *err);

// hub_site_exemptions_end ends what goes on of a cluster and was not put at `now_ms`: its agent
// knows nothing of it. It also forgets what nobody needs.
CM_MUSTUSE enum cm_rc hub_site_exemptions_end(struct hub_db *db, const char *cluster,
                                              int64_t now_ms, struct cm_err *err);

// hub_site_exemptions_over tells whether Git does not want one: it has had it, or refused it. Where
// only its agent says so, that counts once all documents are `loaded`: before, Git may have it.
CM_MUSTUSE enum cm_rc hub_site_exemptions_over(struct hub_db *db, const char *cluster,
                                               const char *id, bool loaded, bool *out,
                                               struct cm_err *err);

// hub_site_exemptions_expire ends those whose time has been over for a day without a word of their
// agent: it does not come back. Events say so.
CM_MUSTUSE enum cm_rc hub_site_exemptions_expire(struct hub_db *db, int64_t now_ms,
                                                 struct cm_err *err);

// hub_site_exemptions_each_new visits those that Git shall have, and was not asked for, of Apps in
// repositories of a JSON array, or in none, the first hundred: no more of a cluster than
// HUB_SITE_EXEMPTIONS_DAY, with those that were asked for within the last day.
// hub_site_exemptions_each_gone visits those that ended at the site before their time and that Git
// has, for that cluster alone, with where.
struct hub_site_exemption_file {
    struct hub_site_exemption row;
    const char *repo;
    const char *path;
};
CM_MUSTUSE enum cm_rc
hub_site_exemptions_each_new(struct hub_db *db, const char *writable, int64_t now_ms,
                             void (*visit)(void *ctx, const struct hub_site_exemption *e),
                             void *ctx, struct cm_err *err);
CM_MUSTUSE enum cm_rc
hub_site_exemptions_each_gone(struct hub_db *db, int64_t now_ms,
                              void (*visit)(void *ctx, const struct hub_site_exemption_file *e),
                              void *ctx, struct cm_err *err);

// hub_site_exemptions_intent is the id of the change that writes one, or that takes it out.
char *hub_site_exemptions_intent(const char *cluster, const char *id, bool removes);

// hub_site_exemptions_asked notes that it is on record that Git shall have it.
CM_MUSTUSE enum cm_rc hub_site_exemptions_asked(struct hub_db *db, const char *cluster,
                                                const char *id, int64_t now_ms, struct cm_err *err);

// hub_site_exemptions_failed notes that no document can be made of it, so that it is visited again
// only after ten minutes.
CM_MUSTUSE enum cm_rc hub_site_exemptions_failed(struct hub_db *db, const char *cluster,
                                                 const char *id, int64_t now_ms,
                                                 struct cm_err *err);
