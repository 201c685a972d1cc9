// link: the connection to the hub: enrolment, the conversation, and what is fetched over it.
//
//     idle ──▶ enrolling ──▶ waiting ──▶ dialing ──▶ greeting ──Welcome──▶ up
//               (no identity)    ▲            │           │                 │
//                                └────────────┴───────────┴── closed ◀──────┘
//
// One connection at a time. After it ends the next try comes in 0 to 2 s, then with decorrelated
// jitter up to a minute; pauses begin small again only after a connection lived a minute; a
// Goodbye's retry_after is honoured.
//
// A Desired is believed if its signer is certified by our root for this hub, its signature is right
// for this cluster's id, and neither epoch nor generation go back. What it names is then fetched:
// manifest, bundles, objects, whatever the cache lacks, at most 8 MiB asked for at a time. Every
// blob is checked against its name; those of Secrets have names that only the hub can check, so
// they are taken when a bundle says so. Only when manifest and blobs are on disk is the manifest in
// force.
//
// Threads: the loop; the identity is written on the disk workers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct agent_cache;
struct agent_desired;
struct agent_freeze;
struct agent_link;
struct cm_buf;
struct cm_loop;
struct cm_sha256;
struct cm_workers;

struct Holdfast__V1__Prove;

struct agent_link_host {
    // enrolled: the agent got its identity, by agent_link_start.
    void (*enrolled)(void *ctx);
    // in_force: a manifest is on disk with all it names. Gives it.
    void (*in_force)(void *ctx, struct agent_desired *desired);
    // connected: knows_reports: the hub passes over entries of the journal that a report told which
    // it has.
    void (*connected)(void *ctx, bool full_report, bool takes_journal, bool knows_reports,
                      bool takes_decisions);
    // value_key: before connected; NULL: the hub does not take whole objects as they are.
    void (*value_key)(void *ctx, const uint8_t *key);
    void (*disconnected)(void *ctx);
    void (*acked)(void *ctx, const char *run, uint64_t number);
    void (*journal_acked)(void *ctx, const char *run, uint64_t number);
    void (*decisions_acked)(void *ctx, const char *run, uint64_t number);
    void (*can_send)(void *ctx);
    void (*sync)(void *ctx, const char *app);
    // freeze: these are all freezes there are. `number` is for agent_link_send_frozen.
    void (*freeze)(void *ctx, const struct agent_freeze *all, size_t count, uint64_t number);
    // takes_exempted: before connected; whether the hub takes Exempted, and wants all there is.
    void (*takes_exempted)(void *ctx, bool takes, bool full);
    // exempted_acked: the hub has all of a message, and Git does not want these.
    void (*exempted_acked)(void *ctx, uint64_t number, const struct cm_sha256 *over, size_t count);
    void (*look)(void *ctx, uint32_t id, const char *ns, const char *const *keys, size_t count);
    void (*prove)(void *ctx, const struct Holdfast__V1__Prove *what);
    const char *(*target_version)(void *ctx);
    void *ctx;
};

struct agent_link_config {
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_cache *cache;
    const char *data_dir;
    const char *join_token; // may be NULL
    const char *hub;        // may be NULL: as enrolled
    const char *enroll_hub; // needed with a token
    const char *driver;     // its name
    bool observes;          // it changes nothing
    int64_t reconnect_min_ms;
    int64_t reconnect_max_ms;
    struct agent_link_host host;
};

// agent_link_new reads the identity, if there is one. It fails with CM_EINVAL if there is neither
// an identity nor a token to get one with.
CM_MUSTUSE enum cm_rc agent_link_new(const struct agent_link_config *config,
                                     struct agent_link **out, struct cm_err *err);

// agent_link_load gives host.in_force the manifest that the disk holds, if its signature is still
// right and everything is there.
void agent_link_load(struct agent_link *l);
void agent_link_start(struct agent_link *l);

// agent_link_stop closes, without a word if `at_once`; `stopped` comes on the loop. Free after the
// cache has closed.
void agent_link_stop(struct agent_link *l, bool at_once, void (*stopped)(void *ctx), void *ctx);
void agent_link_free(struct agent_link *l); // NULL is fine

// agent_link_send_report queues a packed Report, agent_link_send_journal a Journal,
// agent_link_send_decisions Decisions; false if it cannot now (can_send follows, or connected).
bool agent_link_send_report(struct agent_link *l, struct cm_buf *report);
bool agent_link_send_journal(struct agent_link *l, struct cm_buf *journal);
bool agent_link_send_decisions(struct agent_link *l, struct cm_buf *decisions);

// agent_link_send_found queues a packed Found, if it can.
void agent_link_send_found(struct agent_link *l, struct cm_buf *found);
// agent_link_send_proven does the same with a Proven.
void agent_link_send_proven(struct agent_link *l, struct cm_buf *proven);

// agent_link_send_frozen says that what came under this number is in force and on disk.
void agent_link_send_frozen(struct agent_link *l, uint64_t number);

// agent_link_send_exempted queues a packed Exempted, if it can now.
bool agent_link_send_exempted(struct agent_link *l, struct cm_buf *exempted);

// agent_link_exempted is called when the site allows other changes by hand: what is in force or on
// its way is read again with the rules that it has now.
void agent_link_exempted(struct agent_link *l);

// agent_link_held is called when other Apps are held back: what is in force or on its way is looked
// at again, and what was not fetched while an App was held back is fetched.
void agent_link_held(struct agent_link *l);

// agent_link_refetch asks for what of the manifest in force is no longer on disk.
void agent_link_refetch(struct agent_link *l);

// agent_link_outdated says that the disk, which held only generation `held` at the start, is an
// older copy, or a new one (0), for the target has a newer one: the hub is told in a new
// conversation, and gives what is not below that.
void agent_link_outdated(struct agent_link *l, uint64_t held, uint64_t epoch, uint64_t generation);

bool agent_link_is_up(const struct agent_link *l);
bool agent_link_is_enrolled(const struct agent_link *l);
const char *agent_link_cluster(const struct agent_link *l); // name; "" before enrolment
const char *agent_link_cluster_id(const struct agent_link *l);
const char *agent_link_hub_id(const struct agent_link *l); // "" before enrolment
