// push: writes to a repository that people use, so that nothing of theirs can be lost.
//
// Commits are made from a fetched one with plumbing: blobs, trees, commits, no work tree. They are
// then offered to the server as a compare and swap: its reference must still be where the caller
// saw it, else nothing happens (CM_EEXISTS: fetch, decide anew, try again). Nothing is ever forced
// but a branch that is the hub's own, from one commit that the caller knows to another; and only
// paths in a jail that the caller gives can be touched.
//
//     worker thread                      child (hub/repo/source.h): lock, limits, filter
//     hub_repo_push ── request ────────▶   objects into the mirror (loose ones, fsynced)
//                                          connect; the server says where its reference is
//                                          ≠ expected: the tip moved, nothing was sent
//     ◀──────────────── answer ─────────   pack, with the old value for the server to compare, too
//
// A file URL has no server: the objects are made in that (bare) repository itself and its reference
// is moved if it is as expected; hooks do not run.
//
// What was pushed shows with the next fetch. A push that was killed leaves either nothing or the
// whole: who cannot tell fetches and looks.
//
// Threads: hub_repo_push blocks: a worker; one at a time per mirror, fetches included (CM_EBUSY).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/repo/source.h"

#define HUB_PUSH_BYTES_MAX ((size_t)8 << 20) // of all files and messages of a push
#define HUB_PUSH_EDITS_MAX 10000

struct hub_repo_edit {
    const char *path; // below the root of the repository
    const char *text; // UTF-8; NULL: the file goes, and if it is not there all is well
};

struct hub_repo_person {
    const char *name;
    const char *email;
};

// One commit. If its edits change nothing it is left out.
struct hub_repo_change {
    const struct hub_repo_edit *edits;
    size_t edit_count;
    const char *message;
    struct hub_repo_person author;
    int64_t authored_ms; // Unix time
};

struct hub_repo_push {
    const char *ref;             // "refs/heads/main"
    struct hub_repo_id base;     // what the first commit stands upon; a fetch brought it here
    struct hub_repo_id expected; // where the server's reference must be; zero: not there yet
    bool rebuild;                // the branch is ours: `base` need not stand upon `expected`
    bool remove;                 // the branch goes: without changes, and `base` is `expected`
    const struct hub_repo_change *changes; // one after the other
    size_t change_count;
    const char *const *jail; // "holds/" for all in a folder, or a whole path; what else is refused
    size_t jail_count;
    struct hub_repo_person committer;
    int64_t committed_ms;
    const char *signing_key; // text of an OpenSSH private key (common/tls/ssh_sign.h); NULL: none
};

struct hub_repo_pushed {
    struct hub_repo_id commit; // the last one; the base if there was nothing to do
    size_t made;               // commits
};

// hub_repo_push_check tells with CM_EINVAL what is wrong with a push, without going anywhere.
CM_MUSTUSE enum cm_rc hub_repo_push_check(const struct hub_repo_push *push, struct cm_err *err);

// hub_repo_push makes the commits and pushes them. *trouble is always set. CM_EEXISTS and
// HUB_REPO_MOVED: the reference is elsewhere; CM_EAUTH and HUB_REPO_REFUSED: the server does not
// want it (a protected branch), with its words; CM_EAUTH and HUB_REPO_AUTH: no right to write; else
// as hub_repo_fetch.
CM_MUSTUSE enum cm_rc hub_repo_push(const struct hub_repo_source *source,
                                    const struct hub_repo_job *job,
                                    const struct hub_repo_push *push, struct hub_repo_pushed *out,
                                    enum hub_repo_trouble *trouble, struct cm_err *err);
