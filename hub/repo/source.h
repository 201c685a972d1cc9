// source: a repository that the hub reads, and how its commits get here.
//
// libgit2 1.5 fetches well and stops badly: a server that accepts and then says nothing holds the
// thread for ever, there is no timeout to set, and the callbacks that could cancel are not called
// while the peer is silent. What it parses comes from a stranger. So a fetch runs in a child
// process that we can kill:
//
//     worker thread                              child: this program again, /proc/self/exe
//     hub_repo_fetch ── spawn, socket pair ────▶ hub_repo_child_main: first thing in main()
//       request as JSON, with the secrets ─────▶   limits on itself; takes the mirror's lock
//       waits: answer, deadline, cancel            connect, check who it is, download, move the ref
//     ◀──────────────────── answer as JSON ──────
//       SIGKILL in any case, waitpid, sweep
//
// Secrets travel through the socket only, never in arguments or the environment. The child gets
// limits of memory, CPU, file size and descriptors, no core files, no new privileges, an empty
// environment, and dies with the thread that started it. It kills itself (SIGALRM) when the peer
// was silent for too long; the deadline holds for all of it.
//
// The peer is checked before it gets a credential: https against the system's or the given CA, ssh
// against known_hosts, both also against the address policy, on the connected socket, so that a
// name that resolves differently a second time gains nothing. Credentials are offered twice at
// most, and only to the host and port of the URL. A redirect elsewhere is an error.
//
// A mirror is a folder (0700) that belongs to one source:
//     lock        held by the child       repo/    the bare repository, one ref: refs/heads/tip
//     home/       $HOME of the child: what libssh2 reads
// Nothing is checked out, ever. A killed fetch leaves temporary packs and lock files; whoever holds
// the lock next sweeps them away. libgit2 has no gc and every fetch leaves a pack, so from
// HUB_REPO_PACKS_MAX on hub_repo_compact writes the small packs into one. Cloning again would be
// simpler, but costs the network, and loses commits that were forced away and are still in force
// somewhere. Packs that were replaced stay for ten minutes, for readers that have them open.
//
// Threads: hub_repo_fetch and _compact block: a worker, one at a time per mirror (another one gets
// CM_EBUSY). The program must call hub_repo_child_main first thing in main().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/repo/id.h"

struct hub_repo_source {
    const char *name; // in messages
    const char *url;  // see hub/repo/url.h
    // What of it; exactly one:
    const char *branch; // "main", or a full name: "refs/tags/v1"
    const char *tag;    // "v1.2.0"
    const char *semver; // a range (common/semver.h): the highest version among the tags
    const char *commit; // its id, 40 digits

    // https: a token, or a user name and password. A token goes with `username` if the server wants
    // a certain one.
    const char *token;
    const char *username;
    const char *password;
    const char *ca_file; // PEM; NULL: the system's. With it, only what it holds is trusted

    // ssh: a private key, and the text of known_hosts or a file with it. Exactly one of these two.
    const char *ssh_key_file;
    const char *ssh_passphrase;
    const char *known_hosts;
    const char *known_hosts_file;

    // Loopback, link-local (cloud metadata), private and other addresses that the Internet does not
    // route are refused unless this is set. Files need no permission.
    bool allow_private_hosts;

    // A branch that is found at a commit from which this one came is not followed: it went back.
    // Its id, 40 digits; "": what the last fetch found; NULL: it is followed wherever it goes.
    const char *in_force;
};

struct hub_repo_limits {
    int64_t deadline_ms; // for the whole fetch
    int64_t silence_ms;  // longest time without progress
    uint64_t max_received_bytes;
    uint64_t max_objects;      // of one fetch
    uint64_t max_object_bytes; // that a delta may unpack to; a large file as such does no harm
    uint64_t max_memory_bytes; // address space of the child
};

extern const struct hub_repo_limits
    hub_repo_limits_default; // 5 min, 30 s, 1 GiB, 4 M, 32 MiB, 2 GiB

// What stands in the way, for conditions, metrics and tests; the words are in the error.
enum hub_repo_trouble {
    HUB_REPO_FINE,
    HUB_REPO_UNREACHABLE, // no such host, refused, or broken off
    HUB_REPO_TIMEOUT,     // silence_ms or deadline_ms passed
    HUB_REPO_AUTH,        // the server did not take our credentials, or wants some
    HUB_REPO_HOST_KEY,    // ssh: unknown, changed or revoked
    HUB_REPO_CA,          // https: the certificate is not trusted
    HUB_REPO_MISSING,     // there is no such repository, as far as we may see
    HUB_REPO_BRANCH_GONE, // the repository has no such branch, tag or commit
    HUB_REPO_REDIRECT,    // the server wants us to go elsewhere
    HUB_REPO_TOO_LARGE,   // a limit on bytes or objects
    HUB_REPO_FORBIDDEN,   // an address that the policy refuses
    HUB_REPO_LOCAL,       // our own disk, configuration or limits
    HUB_REPO_PROTOCOL,    // what the server says makes no sense
    HUB_REPO_MOVED,       // push: the reference is not where it was seen
    HUB_REPO_REFUSED,     // push: the server does not want it: a protected branch, a hook
    HUB_REPO_WENT_BACK,   // the branch is where it was before what is in force
};

// hub_repo_trouble_name returns a stable word: "host-key", "timeout", …
const char *hub_repo_trouble_name(enum hub_repo_trouble trouble);

struct hub_repo_job {
    const char *folder;                   // the mirror's; made if it is not there
    const struct hub_repo_limits *limits; // NULL: default
    int cancel_fd;                        // readable: stop at once with CM_ECANCELED; -1: none
};

#define HUB_REPO_REF_MAX 256 // bytes of a reference's full name, with the NUL

struct hub_repo_fetched {
    struct hub_repo_id commit;  // the tip of the branch, what the tag stands for, …
    char ref[HUB_REPO_REF_MAX]; // where it was found: "refs/tags/v1.2.0"; "" for a bare commit
    struct hub_repo_id before;  // the tip that the last fetch found; zero if there was none
    bool changed;               // they differ
    bool rewound;               // `before` is no ancestor of `commit`: somebody forced it
    uint64_t received_bytes;
    size_t packs; // from HUB_REPO_PACKS_MAX on call hub_repo_compact
};

#define HUB_REPO_PACKS_MAX 50

// hub_repo_child_main returns at once unless this process is the child of a fetch; then it does its
// work and exits. It must be called before threads, logs and options.
void hub_repo_child_main(int argc, char **argv);

// hub_repo_source_check tells with CM_EINVAL what is wrong with a source, without going anywhere.
CM_MUSTUSE enum cm_rc hub_repo_source_check(const struct hub_repo_source *source,
                                            struct cm_err *err);

// hub_repo_fetch brings the mirror up to date. *trouble is always set. On failure the mirror is as
// it was; the codes: CM_EINVAL for what somebody must change (limits, policy, redirect),
// CM_ENOTFOUND when the repository or the branch is gone, CM_EAUTH when either side does not
// believe the other, CM_EIO for what may pass, CM_EBUSY when a fetch of this mirror is under way,
// CM_ECANCELED.
CM_MUSTUSE enum cm_rc hub_repo_fetch(const struct hub_repo_source *source,
                                     const struct hub_repo_job *job, struct hub_repo_fetched *out,
                                     enum hub_repo_trouble *trouble, struct cm_err *err);

// hub_repo_compact writes all packs but one that is larger than all others together into a new one,
// in a child as well. Readers are not disturbed.
CM_MUSTUSE enum cm_rc hub_repo_compact(const struct hub_repo_job *job, struct cm_err *err);

// hub_repo_merge writes small packs of a bare repository, which `folder` is here, into one, such
// that each object is written again only as often as the repository doubles; in a child as well.
CM_MUSTUSE enum cm_rc hub_repo_merge(const struct hub_repo_job *job, struct cm_err *err);

// hub_repo_prune removes from such a repository what nothing names any more (hub_mirror_prune), in
// a child process.
CM_MUSTUSE enum cm_rc hub_repo_prune(const struct hub_repo_job *job, struct cm_err *err);

// hub_repo_discard removes a mirror; a missing one is fine. CM_EBUSY while a fetch is under way.
CM_MUSTUSE enum cm_rc hub_repo_discard(const char *folder, struct cm_err *err);
