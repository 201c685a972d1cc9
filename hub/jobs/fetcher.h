// fetcher: keeps the mirror of one tree up to date: of a repository with documents, or of what Apps
// take from another one.
//
//     timer, webhook, 'holdfast sync' ──▶ fetch (git workers) ──▶ fetched, on the loop
//                      ▲                        │ fails
//                      └── later and later, up to the poll interval
//
// A failure is an event and a line in the log when it begins and when its words change, and so is
// its end. Who gets a commit says whether it could be taken in; if not, the same commit comes again
// with the next fetch.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/repo/source.h"

struct cm_loop;
struct cm_metrics;
struct cm_workers;
struct hub_fetcher;
struct hub_repositories;
struct hub_repository;
struct hub_store;

// What all fetchers of a hub share; it must outlive them.
struct hub_fetching {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_workers *git;
    int cancel_fd; // readable: fetches end at once
    struct cm_metrics *metrics;
    size_t jobs;             // that are out
    void (*idle)(void *ctx); // jobs fell to 0
    void *ctx;
};

// hub_fetching_make_metrics makes those of every repository, at the start: later ones are only
// found.
void hub_fetching_make_metrics(struct hub_fetching *f, struct cm_metrics *metrics,
                               const struct hub_repositories *repositories);

struct hub_fetcher_config {
    struct hub_fetching *shared;
    const struct hub_repository *repository; // where, and with which credentials; borrowed
    const char *name;                        // in messages: "repository 'fleet'"; copied
    const char *folder;                      // of the mirror; copied
    // Which state of it, as in struct hub_repo_source; copied. All NULL: the repository's branch.
    struct {
        const char *branch, *tag, *semver, *commit;
    } ref;
    // before: what is to be known before anything is fetched; on a worker, until it has succeeded
    // once. A failure is that of the fetch. NULL: nothing is.
    enum cm_rc (*before)(void *ctx, int cancel_fd, struct cm_err *err);
    // fetched: a commit is here that was not taken in yet. trouble: a fetch failed (why), or works
    // again (NULL).
    void (*fetched)(void *ctx, struct hub_fetcher *f, const struct hub_repo_id *commit);
    void (*trouble)(void *ctx, struct hub_fetcher *f, const char *why);
    void *ctx;
};

struct hub_fetcher *hub_fetcher_new(const struct hub_fetcher_config *config);

// hub_fetcher_now fetches as soon as possible: if a fetch is under way, once more after it.
void hub_fetcher_now(struct hub_fetcher *f);

// hub_fetcher_in_force says, before the first fetch, which commit is on record as taken in ("":
// none is): a branch that is found at one from which it came is not followed.
void hub_fetcher_in_force(struct hub_fetcher *f, const char *revision);

// hub_fetcher_taken says that a commit was taken in; hub_fetcher_refused that it could not be.
void hub_fetcher_taken(struct hub_fetcher *f, const struct hub_repo_id *commit);
void hub_fetcher_refused(struct hub_fetcher *f, const struct cm_err *err);

// hub_fetcher_forget takes it off the list of what is fetched.
void hub_fetcher_forget(struct hub_fetcher *f); // NULL is fine

// hub_fetcher_pause_ms draws how long to wait after a fetch that went well: the poll interval and
// up to a tenth of it, so that repositories do not stay in step. 0: for ever, because a commit that
// is named by its id never becomes another one.
int64_t hub_fetcher_pause_ms(const struct hub_fetcher_config *config);

// hub_fetcher_drop ends it: no callback comes any more; its memory goes with its last job. NULL is
// fine.
void hub_fetcher_drop(struct hub_fetcher *f);

// hub_fetcher_source is a repository as it is configured, at its branch; texts are borrowed.
struct hub_repo_source hub_fetcher_source(const struct hub_repository *repository);

// hub_fetcher_check tells with CM_EINVAL what is wrong with a repository's configuration.
CM_MUSTUSE enum cm_rc hub_fetcher_check(const struct hub_repository *repository,
                                        struct cm_err *err);
