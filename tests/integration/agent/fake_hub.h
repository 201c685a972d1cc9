// fake_hub: the hub's end of the link, as far as an agent can see it, on the test's own loop.
//
// It enrolls whoever has the token, offers what was published, answers Wants, remembers the last
// report of each App and object, and can be made to lie.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/agent/support.h"

struct cm_loop;
struct fake_hub;

enum fake_lie {
    FAKE_HONEST,
    FAKE_SPOIL_BLOBS,   // a byte of each object is changed
    FAKE_OTHER_SIGNER,  // manifests are signed by a key that our root did not certify
    FAKE_SIGN_WRONG,    // the signature is over another generation
    FAKE_SIGN_OTHER,    // the signature is over another cluster's id
    FAKE_HUB_SIGNS,     // the hub's server certificate signs, not the signer's
    FAKE_CUT_BLOBS,     // pieces come in the wrong order
    FAKE_START_TWICE,   // a blob is begun, and begun anew
    FAKE_MISSING_BLOBS, // objects are said to be missing
    FAKE_KEEPS_BLOBS,   // what is wanted comes once it is honest again
    FAKE_OTHER_HUB_ID,  // Welcome names another hub
    FAKE_OVERLOADED,    // Goodbye answers Hello, and asks for FAKE_RETRY_MS
    FAKE_NEWER_HUB,     // Welcome names a protocol that the agent does not know
};

// What it does with blobs and manifests for an agent that takes them squeezed.
enum fake_squeeze {
    FAKE_PLAIN,
    FAKE_SQUEEZES,         // against what it sent last, or the manifest before
    FAKE_SQUEEZES_WRONG,   // against what nobody has, but what is asked for plain
    FAKE_SQUEEZES_SECRETS, // alone
};

struct fake_app {
    bool known;
    bool removed;
    int applied; // Holdfast__V1__Applied
    int health;
    uint32_t drifted;
    uint32_t objects;
    char revision[64];
    char message[256];
};

struct fake_object {
    bool known;
    bool removed;
    int health;
    struct cm_sha256 sha256;
    char message[256];
    size_t drift_count;
    char path[128]; // of the first field that drifted
    char desired[64];
    char actual[64];
    char manager[64];
};

enum { FAKE_RETRY_MS = 20 };

enum fake_renewal {
    FAKE_NO_RENEWAL,   // like a hub of the version before
    FAKE_RENEWS,       // certifies
    FAKE_KEEPS_SILENT, // hears Renew and does not answer
    FAKE_OTHER_KEY,    // certifies another key
};

// fake_hub_new makes an authority and listens on ports that the kernel picks.
struct fake_hub *fake_hub_new(struct cm_loop *loop);
void fake_hub_free(struct fake_hub *h); // closes first; turns the loop until that is done

// fake_hub_down closes both listeners and the connection; fake_hub_up opens them again where they
// were.
void fake_hub_down(struct fake_hub *h);
void fake_hub_up(struct fake_hub *h);

const char *fake_hub_token(const struct fake_hub *h);
const char *fake_hub_addr(const struct fake_hub *h);
const char *fake_hub_enroll_addr(const struct fake_hub *h);

// fake_hub_publish puts a manifest in force and offers it; fake_hub_offer offers one of an older
// number again, as a replay would.
void fake_hub_publish(struct fake_hub *h, const struct test_manifest *m);
void fake_hub_offer(struct fake_hub *h, const struct test_manifest *m);
void fake_hub_lie(struct fake_hub *h, enum fake_lie lie);
size_t fake_hub_keeps(const struct fake_hub *h);         // so many blobs, with FAKE_KEEPS_BLOBS
void fake_hub_acknowledge(struct fake_hub *h, bool yes); // reports; yes at first
void fake_hub_sync(struct fake_hub *h, const char *app);
void fake_hub_push(struct fake_hub *h, bool ahead); // blobs go before Desired, unasked
void fake_hub_raw(struct fake_hub *h, uint16_t type, const void *bytes, size_t size);
void fake_hub_forget_reports(struct fake_hub *h);
void fake_hub_want_full(struct fake_hub *h); // the next Welcome asks for a full report

// fake_hub_renewal says what becomes of Renew; fake_hub_life when certificates begin and end from
// now on, in ms from now. With one that has ended enrolment tells a time at which it had not.
void fake_hub_renewal(struct fake_hub *h, enum fake_renewal how);
void fake_hub_life(struct fake_hub *h, int64_t begins_ms, int64_t ends_ms);

// fake_hub_new_root tells the agent of another root beside the one that it believes, signed by that
// one or (not vouched for) by itself; from then on a signer of the new root signs.
void fake_hub_new_root(struct fake_hub *h, bool vouched);
void fake_hub_drop_root(struct fake_hub *h); // the first one, afterwards

// fake_hub_freeze tells that an App is frozen ("": all; NULL: nothing is any more), for so long (0:
// until it is told), if it is connected.
void fake_hub_freeze(struct fake_hub *h, const char *app, int64_t for_ms);

// fake_hub_knows_observed has it know, from the next connection on, decisions that nobody acts
// upon.
void fake_hub_knows_observed(struct fake_hub *h);
void fake_hub_takes_journal(struct fake_hub *h); // from the next connection on
void fake_hub_squeeze(struct fake_hub *h, enum fake_squeeze how);
void fake_hub_greet(struct fake_hub *h, bool yes); // whoever says Hello, also who did; yes at first
void fake_hub_older(struct fake_hub *h); // it takes no decisions, from the next connection on

struct fake_app fake_hub_app(const struct fake_hub *h, const char *app);
struct fake_object fake_hub_object(const struct fake_hub *h, const char *key);

struct fake_counts {
    size_t enrolled;
    size_t hellos;
    size_t pings;
    size_t wants; // blobs
    size_t reports;
    size_t full_reports;        // that came to their end
    size_t goodbyes;            // from the agent
    uint64_t hello_generation;  // of the last one
    size_t new_disks;           // Hellos that said the disk is new
    uint64_t disk_generation;   // that an agent said it has only, last; 0: none did
    size_t told_entries;        // of the journal that a report told, too
    size_t decisions;           // that were told
    struct cm_sha256 decision;  // id of the last one
    uint64_t frozen;            // number that the agent acknowledged last
    size_t renews;              // Renew messages
    size_t confirms;            // with a right proof, of the key that was certified last
    size_t expired;             // certificates that were renewed for the same key
    struct cm_sha256 key;       // with which the agent connected last
    struct cm_sha256 certified; // last
    uint64_t trust;             // set of roots that the agent believes, as it said last
    size_t trusts;              // times that it said so
    size_t signers;             // signers' certificates that were sent
    size_t squeezed;            // blobs and manifests, against another one
    size_t plains;              // times that the agent said it wants nothing squeezed
    bool connected;
};
struct fake_counts fake_hub_counts(const struct fake_hub *h);
