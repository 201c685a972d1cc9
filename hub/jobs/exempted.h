// exempted: what sites allow themselves goes into the database, as their agents tell it.
//
// A message says all there is at a site, so it may come twice. What an agent says is believed of
// its own cluster, within bounds; what of it Git does not want, or has had, is the answer.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"
#include "proto/holdfast.pb-c.h"

struct cm_arena;
struct hub_store;

struct hub_exempted_result {
    size_t begun; // that are in force
    const struct cm_sha256 *over;
    size_t over_count;
};

struct hub_exempted_done {
    void (*done)(void *ctx, const struct cm_err *err, const struct hub_exempted_result *result);
    void *ctx;
};

// hub_exempted_commit takes the arena, in which the message was unpacked. `loaded`: all documents
// of Git are known.
void hub_exempted_commit(struct hub_store *store, const char *cluster, struct cm_arena *arena,
                         const Holdfast__V1__Exempted *message, bool loaded,
                         const struct hub_exempted_done *done);
