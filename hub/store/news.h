// news: whether there is something new in the database, without reading it.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

struct hub_news {
    int64_t newest;  // event, 0: none. Numbers have no holes but where old events were trimmed
    int64_t oldest;  // event after which none was trimmed, 0: none
    int64_t version; // changes when another handle committed; of this handle only
};

CM_MUSTUSE enum cm_rc hub_news_read(struct hub_db *db, struct hub_news *out, struct cm_err *err);
