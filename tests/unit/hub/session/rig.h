// rig: the hub's sessions over real links, with peers that say what a test makes them say.
//
// The hub and each peer have a loop of their own, all on the test's thread: a peer whose loop is
// not turned does not read. Time stands still unless a test moves it: no deadline ends what a busy
// machine is slow to do.
//
// Threads: one.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "common/list.h"
#include "common/net/net.h"
#include "common/tls/keys.h"
#include "hub/jobs/publication.h"
#include "hub/session/sessions.h"
#include "proto/holdfast.pb-c.h"
#include "tests/unit/hub/scratch_dir.h"

struct cm_map;

struct rig {
    char dir[SCRATCH_DIR_MAX];
    struct cm_loop *loop;
    struct cm_metrics *metrics;
    struct hub_authority *authority;
    struct hub_store *store;
    struct hub_sessions *sessions;
    struct cm_list peers;
    size_t behind;
    size_t behind_new; // of these, with a new disk
    size_t removed;
    size_t proven;  // times that a cluster which was built anew had something promoted
    size_t decided; // times that Apps were said to be held back
    size_t evicted; // times that who may connect was said to have changed
    size_t frozen;  // times that an agent said it has stopped
    uint64_t behind_generation;
    size_t waits; // for the store, that have begun
    size_t waits_done;
    size_t hold; // which of them is rig_hold's
    bool held;
    const char *account; // that Apps of publications name; NULL: none
    bool stopped;
};

int rig_open(void **state);
int rig_close(void **state);

struct peer {
    struct rig *rig;
    const char *cluster;
    const char *id;
    struct cm_key *key;
    int64_t life_ms; // of its certificate; 0: a long one
    struct cm_loop *loop;
    struct cm_net_conn *conn; // NULL once closed
    bool paused;              // its loop is not turned
    bool old;                 // its Hello tells no abilities
    bool opened;
    bool closed;
    size_t frames[64];     // by type
    uint64_t generation;   // of the last Desired
    uint64_t acknowledged; // report
    uint64_t journaled;    // entry of the journal
    uint64_t decided;      // of its decisions
    uint64_t freeze;       // number of the last Freeze
    size_t freezes;        // entries of that
    bool freeze_first;     // no Desired had come before it
    bool freezes_all;      // the first of them is about all Apps
    uint32_t look;         // id of the last one
    uint32_t prove;        // likewise
    int goodbye;           // its reason
    uint32_t retry_after;  // that the last Goodbye, or refusal to renew what ended, asked for
    bool full_report;      // asked for by Welcome
    bool journal_reports;  // said by Welcome
    uint32_t protocol;     // said by Welcome
    uint32_t renew_within; // likewise
    struct cm_cert *fresh; // the last one that it was given; NULL: none
    char refused[256];     // why it was given none
    int64_t clock_ms;      // what it says in Hello and Ping; 0: nothing
    uint64_t trust;        // set of roots that it says it believes
    uint64_t told;         // that it was told last
    bool keeps_signer;     // it says so, with `signer`
    struct cm_sha256 signer;
    size_t signers;           // certificates of signers that it was sent
    uint64_t disk_generation; // that it says its disk holds; 0: it says nothing of it
    bool new_disk;            // it says that only its target knows of what it holds
    uint8_t instance;         // of its process; 0: it does not say
    bool enrolls;             // it dials the enrolment listener
    struct cm_map *blobs;     // by name in hex: of each, its bytes so far; NULL: missing
    size_t missing;
    bool may_be_gone;     // the hub may have turned it away before it has said all
    bool unsqueezes;      // it says so
    bool plain;           // it asked for something as it is: that may begin anew
    size_t squeezed;      // pieces that were
    bool told_of_secrets; // one of these was a Secret, or against one
    size_t based;         // of these, against something
    bool manifest;        // the last Desired had it, rightly,
    bool manifest_based;  // squeezed against another
    struct cm_list in_peers;
};

// rig_admit puts an agent into the tables; rig_dial connects as one and waits for the handshake.
// The peer is the rig's.
struct peer *rig_admit(struct rig *r, const char *cluster, const char *id);
void rig_dial(struct peer *p);

// rig_enroll is rig_admit with a row in the database and a certificate of some days; rig_copy is
// another peer with the identity of this one.
struct peer *rig_enroll(struct rig *r, const char *cluster, const char *id);
struct peer *rig_copy(const struct peer *p);
struct peer *rig_connect(struct rig *r, const char *cluster, const char *id); // up to Welcome

void rig_send(struct peer *p, uint16_t type, const ProtobufCMessage *m);
void rig_hello(struct peer *p, const struct hub_publication *held);  // NULL: holds nothing
void rig_hello_speaking(struct peer *p, uint32_t min, uint32_t max); // versions of the protocol
void rig_hello_broken(struct peer *p, const struct hub_publication *held); // a part is lost
void rig_want(struct peer *p, const struct cm_sha256 *names, size_t count);
void rig_want_plain(struct peer *p, const struct cm_sha256 *name); // as it is

// rig_keep has a peer hold all blobs of what it holds.
void rig_keep(struct peer *p, const struct hub_publication *held);
void rig_report(struct peer *p, uint64_t number);
void rig_journal(struct peer *p, uint64_t first, uint64_t second); // two entries that say nothing
void rig_decisions(struct peer *p, uint64_t number);               // one that names nothing
void rig_report_full(struct peer *p, uint64_t number, bool ends);  // of nothing
void rig_ping(struct peer *p);
void rig_frozen(struct peer *p, uint64_t number);

// rig_freeze has the sessions tell what the database says is frozen, after a statement (NULL:
// none).
void rig_freeze(struct rig *r, const char *sql);

// rig_approve has somebody accept paris-1 by a key (NULL: whichever it has); it returns the answer.
const struct cm_err *rig_approve(struct rig *r, const char *key);

// rig_renew asks for a certificate for the key, and waits for the answer; rig_confirm tells that it
// is on disk. rig_expired asks for a new one for the peer's own key, with its certificate.
void rig_renew(struct peer *p, const struct cm_key *key);
void rig_confirm(struct peer *p, const struct cm_key *key);
void rig_expired(struct peer *p, bool proves);

// rig_until turns all loops until the condition holds, or fails the test after a while.
#define RIG_UNTIL(r, condition)                                                                    \
    do {                                                                                           \
        time_t until_s = rig_deadline(); /* of this wait: a condition may wait itself */           \
        while (!(condition)) {                                                                     \
            rig_turn(r, until_s, #condition);                                                      \
        }                                                                                          \
    } while (0)
time_t rig_deadline(void);
void rig_turn(struct rig *r, time_t until_s, const char *what);

// rig_hold makes the store wait until rig_release: nothing is committed meanwhile.
void rig_hold(struct rig *r);
void rig_release(struct rig *r);
void rig_settle(struct rig *r); // until the store has done what was submitted

// rig_count runs a query for one number, with the store at rest.
int64_t rig_count(struct rig *r, const char *sql);
void rig_run(struct rig *r, const char *sql); // a statement, likewise

// rig_publication makes one with an App of these objects; the caller unrefs it. Those that say so
// are Secrets.
#define RIG_SECRET "\"kind\": \"Secret\""
struct hub_publication *rig_publication(const struct rig *r, const struct peer *p,
                                        uint64_t generation, const char *const *objects);

// rig_object is the name of an object in it; rig_bundle of its App.
struct cm_sha256 rig_object(const struct hub_publication *p, size_t at);
struct cm_sha256 rig_bundle(const struct hub_publication *p);
bool rig_has(const struct peer *p, const struct cm_sha256 *name);
