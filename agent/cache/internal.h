// internal: the cache's parts, for its own files only.
//
// What is waiting to be written is in three places: the open frame (records since the last commit),
// the closed frames (`next`), and the batch that a worker writes right now (`batch`).
//
// Threads: the loop, but for what a job has been given.
#pragma once

#include "agent/cache/cache.h"
#include "agent/cache/index.h"
#include "agent/cache/record.h"
#include "common/backoff.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/str.h"
#include "common/workers.h"

struct agent_waiter {
    agent_cache_done_fn done;
    void *ctx;
};

// A blob in bytes that are not on disk yet.
struct agent_fresh {
    struct cm_sha256 name;
    size_t at; // in the bytes
};

struct agent_batch {
    struct cm_str bytes;
    struct agent_fresh *fresh;
    size_t fresh_count;
    struct agent_waiter *waiters;
    size_t waiter_count;
    size_t frames;
};

struct agent_snapshot; // snapshot.c

// What is on its way to the hub: when it has come up to this number, so many are gone from a gap.
struct agent_gap_sent {
    uint64_t number; // 0: nothing
    uint64_t count;
};

// The journal; oldest first.
struct agent_journal {
    struct cm_list entries;
    size_t count;
    size_t bytes;
    struct agent_journal_gap gap;
    struct agent_gap_sent sent;
};

// decisions.c; oldest first.
struct agent_decisions {
    struct cm_list entries;
    size_t count;
    size_t bytes;
    uint64_t sent; // up to this number they are on their way
    struct agent_journal_gap gap;
    struct agent_gap_sent gap_sent;
};

struct agent_cache {
    struct cm_loop *loop;
    struct cm_workers *disk;
    char *dir;
    char *path; // of the log
    int lock_fd;
    int fd;
    uint64_t end;      // of what is on disk
    uint64_t baseline; // size of the log after the last snapshot
    uint32_t era;      // grows with each manifest; see agent_cache_has

    struct agent_index index;
    struct cm_map *items;         // by key: struct held
    struct cm_map *hooks;         // by key: hooks.c
    struct cm_map *releases;      // by key: releases.c
    struct cm_map *holds;         // by App: holds.c
    struct agent_freeze *freezes; // with their texts behind them: freezes.c
    size_t freeze_count;
    struct agent_exemption *exemptions; // with their texts behind them: exemptions.c
    size_t exemption_count;
    struct agent_decisions decisions;
    struct agent_journal journal;
    struct agent_in_force in_force;
    uint8_t *in_force_bytes; // holds signature and certificate
    char run[CM_UUID_MAX];
    uint64_t next_report;
    uint64_t reserved; // numbers up to here may have been used
    uint64_t acked;
    uint8_t value_key[AGENT_VALUE_KEY_SIZE];
    bool has_value_key;
    bool recovered;
    bool doubted; // what is in force

    struct cm_str open; // payload of the open frame
    struct agent_fresh *open_fresh;
    size_t open_fresh_count;
    struct agent_batch next;
    struct agent_batch batch;
    struct cm_job job; // writes `batch`
    struct cm_err job_result;
    bool writing; // the job runs
    struct cm_timer retry;
    struct cm_backoff backoff;
    struct cm_err trouble; // code CM_OK: none
    void (*told)(void *ctx, const struct cm_err *why);
    void *told_ctx;
    void (*damaged)(void *ctx);
    void *damaged_ctx;

    struct agent_snapshot *snapshot; // NULL when none is being made
    bool closing;
    bool aborting; // closing without a flush
    bool ended;    // nothing may be committed any more
    void (*closed)(void *ctx);
    void *closed_ctx;
    struct cm_task closed_task;
    struct agent_cache_stats stats;
};

// agent_cache_state writes everything but the blobs as records.
void agent_cache_state(const struct agent_cache *c, struct cm_str *out);

// hooks.c: agent_hooks_record writes all hooks as records; the others take over what a record says,
// without a cache they only look whether it makes sense.
void agent_hooks_record(const struct agent_cache *c, struct cm_str *out);
bool agent_hooks_read(struct agent_cache *c, struct agent_reader *r);
bool agent_hooks_read_gone(struct agent_cache *c, struct agent_reader *r);

// journal.c: the same for the journal.
void agent_journal_record(const struct agent_cache *c, struct cm_str *out);
bool agent_journal_read(struct agent_cache *c, struct agent_reader *r);
bool agent_journal_read_cut(struct agent_cache *c, struct agent_reader *r);
// agent_journal_put_gap and _get_gap are how a gap looks in a record.
void agent_journal_put_gap(struct cm_str *out, const struct agent_journal_gap *gap);
void agent_journal_get_gap(struct agent_reader *r, struct agent_journal_gap *out);
// agent_journal_gap_told takes from a gap what came with an acknowledgement up to a number: all of
// it, or what was sent, if more is gone since then. It tells whether that was anything.
bool agent_journal_gap_told(struct agent_journal_gap *gap, struct agent_gap_sent *sent,
                            uint64_t number);
void agent_journal_done(struct agent_journal *j);

// releases.c, decisions.c, holds.c, freezes.c and exemptions.c: the same. agent_releases_drop
// forgets what belongs to an item; agent_releases_need keeps forms of workloads from being left
// behind by a snapshot.
void agent_releases_free(void *releases);
void agent_releases_record(const struct agent_cache *c, struct cm_str *out);
bool agent_releases_read(struct agent_cache *c, struct agent_reader *r);
void agent_releases_drop(struct agent_cache *c, const char *key);
void agent_releases_need(struct agent_cache *c);
void agent_decisions_record(const struct agent_cache *c, struct cm_str *out);
bool agent_decisions_read(struct agent_cache *c, struct agent_reader *r);
bool agent_decisions_read_cut(struct agent_cache *c, struct agent_reader *r);
// agent_decisions_gap_sent and _told: a piece of the journal up to this number is on its way, or
// was acknowledged.
void agent_decisions_gap_sent(struct agent_cache *c, uint64_t number);
void agent_decisions_gap_told(struct agent_cache *c, uint64_t number);
void agent_decisions_done(struct agent_decisions *d);
void agent_holds_record(const struct agent_cache *c, struct cm_str *out);
bool agent_holds_read(struct agent_cache *c, struct agent_reader *r);
bool agent_holds_read_gone(struct agent_cache *c, struct agent_reader *r);
void agent_freezes_record(const struct agent_cache *c, struct cm_str *out);
bool agent_freezes_read(struct agent_cache *c, struct agent_reader *r);
void agent_exemptions_record(const struct agent_cache *c, struct cm_str *out);
bool agent_exemptions_read(struct agent_cache *c, struct agent_reader *r);
// agent_holds_say tells whether an App is held back for a decision, given by the hash of its bytes;
// agent_holds_need keeps the bytes of all those from being left behind by a snapshot.
bool agent_holds_say(const struct agent_cache *c, const struct cm_sha256 *decision);
void agent_holds_need(struct agent_cache *c);

// agent_cache_kick starts the next write, or ends a close, when nothing is under way.
void agent_cache_kick(struct agent_cache *c);

// agent_cache_maybe_snapshot begins a snapshot when most of the log is out of date.
void agent_cache_maybe_snapshot(struct agent_cache *c);
