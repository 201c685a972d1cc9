// documents: the Cluster, ClusterGroup and App documents as they were at some moment, with the
// confirmations that had been used, and how the database gets from one moment to the next: only
// rows that differ are written.
//
// Threads: made on the sync worker; nothing changes afterwards; the count is atomic.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;
struct hub_document_set;
struct hub_fleet;
struct hub_revision_row;

// hub_document_set_new copies what the fleet holds now.
struct hub_document_set *hub_document_set_new(const struct hub_fleet *fleet);
struct hub_document_set *hub_document_set_ref(struct hub_document_set *d);
void hub_document_set_unref(struct hub_document_set *d); // NULL is fine

// hub_document_set_write brings the tables from `before` to `now`; without `before` they are
// written anew. Of Holds and Bans that came, went, became void or are to be tried again since
// `before` there is an event, by whoever made the commit (revisions; NULL: it is not known). The
// store's thread.
struct hub_document_news {
    const struct hub_revision_row *revisions;
    size_t count;
    int64_t now_ms; // Unix
};
CM_MUSTUSE enum cm_rc hub_document_set_write(struct hub_db *db,
                                             const struct hub_document_set *before,
                                             const struct hub_document_set *now,
                                             const struct hub_document_news *news,
                                             struct cm_err *err);
