// note: what is published and reported becomes the past (hub/store/past.h).
//
// Threads: the store's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;
struct hub_pair;
struct hub_status_row;

// hub_note_published notes what an App on a cluster shall be from now on, hub_note_withdrawn that
// it shall not be there.
CM_MUSTUSE enum cm_rc hub_note_published(struct hub_db *db, const char *cluster,
                                         const struct hub_pair *pair, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_note_withdrawn(struct hub_db *db, const char *cluster, const char *app,
                                         struct cm_err *err);

// hub_note_reported notes what an agent says of an App. What is on its way is not noted: that
// desired and actual differ tells it. `at_ms` is when it was so, `seen_ms` when the hub heard of
// it.
CM_MUSTUSE enum cm_rc hub_note_reported(struct hub_db *db, const struct hub_status_row *row,
                                        int64_t at_ms, int64_t seen_ms, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_note_removed(struct hub_db *db, const char *cluster, const char *app,
                                       int64_t at_ms, int64_t seen_ms, struct cm_err *err);

// hub_note_statuses notes what is on record of all Apps as so from now on, for a database from
// before there was a past.
CM_MUSTUSE enum cm_rc hub_note_statuses(struct hub_db *db, struct cm_err *err);

// hub_note_seen notes that an agent is connected, or was heard last.
CM_MUSTUSE enum cm_rc hub_note_seen(struct hub_db *db, const char *cluster, bool connected,
                                    int64_t at_ms, struct cm_err *err);
