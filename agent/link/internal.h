// internal: the link's parts, for its own files only.
//
// Threads: the loop, but for the identity job.
#pragma once

#include "agent/cache/cache.h"
#include "agent/cache/identity.h"
#include "agent/link/link.h"
#include "agent/plan/desired.h"
#include "common/backoff.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/net/net.h"
#include "common/workers.h"
#include "proto/holdfast.pb-c.h"
#include "proto/token.h"

enum link_state {
    LINK_IDLE,
    LINK_SAVING,    // the identity goes to disk
    LINK_ENROLLING, // a connection to the enrolment listener
    LINK_WAITING,   // for the timer
    LINK_DIALING,
    LINK_GREETING, // Hello is sent
    LINK_UP,
    LINK_STOPPED,
};

// A blob that is asked for, or comes unasked.
struct assembly {
    struct cm_sha256 name;
    bool asked;
    bool secret;
    bool plain;    // it was asked for as it is
    bool squeezed; // a piece of it was
    uint32_t size; // expected
    uint32_t have;
    struct cm_buf *bytes; // NULL until the first piece
};

// A blob to be asked for.
struct lack {
    struct cm_sha256 name;
    uint32_t size;
    bool secret;
};

// A manifest that is on its way to be in force.
struct candidate {
    struct agent_in_force meta; // points into `proof`
    uint8_t *proof;
    uint32_t size;
    struct agent_desired *desired; // NULL until the manifest is here
};

struct agent_link {
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_cache *cache;
    struct agent_link_host host;
    char *identity_path;
    char *hub;
    char *enroll_hub;
    char *driver;
    bool observes;
    bool has_token;
    struct wire_token token;
    struct agent_identity identity;
    char *hub_uri;
    char *signer_uri;

    enum link_state state;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_task stopped_task;

    struct cm_net_conn *conn;
    size_t next_hub; // index into identity.hubs
    int64_t opened_ms;
    int64_t retry_after_ms;
    bool first_retry;
    struct cm_backoff backoff;
    struct cm_timer timer; // next try, or heartbeat
    int64_t heartbeat_ms;
    bool heard;   // anything since the last Ping
    bool unsaved; // the identity is not on disk yet
    bool complained;

    struct cm_job save;
    char *save_text;
    struct cm_err save_result;
    bool saving;
    void (*saved)(struct agent_link *l);
    void (*saved_fresh)(struct agent_link *l, const struct cm_err *error);

    // renewal
    uint8_t instance[16];    // of this process
    struct cm_key *renewing; // asked for and not in use yet; NULL: none
    bool hub_renews;         // the hub knows how
    bool unconfirmed;    // the new key came into use after this connection was begun with the old
    int64_t renew_at_ms; // by the hub's clock, since it asked for it; 0: it did not
    int64_t renew_again_ms; // not before, after it failed
    int64_t hub_ms;         // the hub's clock, 0: not heard yet,
    int64_t hub_heard_ms;   // when it was heard
    bool clock_wrong;
    bool answered;      // the hub has said anything on this connection
    size_t turned_away; // connections in a row that it closed without a word

    struct cm_trust told;  // roots that the hub told and that are not on disk yet; none: empty
    struct cm_trust later; // likewise, until what is in force is signed under them; none: empty

    // fetching
    struct candidate *candidate; // NULL when there is none
    size_t adopting;             // manifests that are in force once they are on disk
    struct cm_map *bundles;      // decoded bundles of the manifest in force, by hash
    struct cm_map *assemblies;   // by hash
    struct cm_map *unproven;     // by hash: bytes that may be a Secret
    size_t unproven_bytes;
    size_t unasked_bytes;
    size_t asked_bytes;
    size_t asked_count;
    struct lack *lacks;
    size_t lack_count;
    size_t lack_next;
    bool is_missing; // the hub said so of something
    bool plain;      // what is asked for shall not be squeezed, until a manifest is here whole
    struct cm_timer again;
    struct cm_timer ends;  // of what is allowed for a time
    int64_t began_ms;      // monotonic: when this process did
    int64_t said_over_ms;  // the end of an Exemption that was logged last
    struct cm_buf *signer; // certificate that came last on this connection; NULL: none
    bool whole;            // what is in force is on disk, all of it, and not doubted
    uint64_t lost_epoch;   // what the target had where the disk is an older copy; 0, 0: it is none
    uint64_t lost_generation;
    uint64_t lost_untold; // generation of the disk; 0: the hub knows it
    bool lost_all;        // the disk had none at all
    bool proven;          // what the disk says is in force was signed by our hub for us
};

// ---- link.c
void link_retry(struct agent_link *l); // after a connection ended
void link_dial(struct agent_link *l);
bool link_send(struct agent_link *l, uint16_t type, const ProtobufCMessage *message);
void link_save_identity(struct agent_link *l, void (*done)(struct agent_link *l));
void link_set_uris(struct agent_link *l);
void link_close(struct agent_link *l, const char *reason);
void link_key_hex(const struct agent_link *l, char out[CM_SHA256_HEX_MAX]); // its own key's hash
void link_complain(struct agent_link *l, const char *why); // why there is no connection
void link_check_stopped(struct agent_link *l);

// ---- enroll.c
enum { LINK_REFUSED_MS = 60000 };                     // the pause after a refusal
extern const struct cm_net_limits link_enroll_limits; // of connections to the enrolment listener
void link_enroll(struct agent_link *l);

// link_take_fresh checks a chain that the hub made for `key` and puts it beside what is in use;
// link_save_fresh writes it with the key in the background, and `done` comes on the loop unless the
// agent stops.
CM_MUSTUSE enum cm_rc link_take_fresh(struct agent_link *l, const struct cm_key *key,
                                      const ProtobufCBinaryData *ders, size_t count,
                                      struct cm_err *err);
void link_save_fresh(struct agent_link *l, struct cm_key *key,
                     void (*done)(struct agent_link *l, const struct cm_err *error));

// link_save_text writes another text of the identity likewise, and takes it.
void link_save_text(struct agent_link *l, char *text,
                    void (*done)(struct agent_link *l, const struct cm_err *error));

// ---- renew.c
void link_hear_clock(struct agent_link *l, int64_t hub_ms);
// link_rules_ms is the time by which rules end: before the hub had two minutes to say what time it
// is, none does (0), for our own clock may be wrong.
int64_t link_rules_ms(const struct agent_link *l);
int64_t link_hub_ms(const struct agent_link *l); // now, by the hub's clock as far as it is known
int64_t link_renew_due_ms(int64_t begins_ms, int64_t ends_ms, const struct cm_sha256 *key);
bool link_has_expired(const struct agent_link *l);
void link_renew_welcome(struct agent_link *l, const Holdfast__V1__Welcome *m);
void link_renew_if_due(struct agent_link *l);
void link_renew_reset(struct agent_link *l); // the connection ended
CM_MUSTUSE enum cm_rc link_renewed(struct agent_link *l, const Holdfast__V1__Renewed *m,
                                   struct cm_err *err);

// ---- trust.c
// link_trust_hear takes the roots that the hub tells, if a root that is believed signed them;
// link_trust_store writes them as soon as nothing else is being written, and answers.
void link_trust_hear(struct agent_link *l, const Holdfast__V1__Trust *m);
void link_trust_store(struct agent_link *l);

// ---- expired.c
bool link_renew_expired(struct agent_link *l); // tells whether it does

// ---- hold.c
// link_hold_back keeps Apps of a manifest at the bundles at which they are held back.
void link_hold_back(struct agent_link *l, struct agent_desired *d);
// link_hold_still has an App that is held back do nothing.
void link_hold_still(struct agent_desired *d, struct agent_desired_app *app);
// link_holds_otherwise tells whether other Apps are held back now than when that was done.
bool link_holds_otherwise(const struct agent_link *l, const struct agent_desired *d);
// link_hold_no_more forgets what a manifest, which is about to be in force, has answered.
void link_hold_no_more(struct agent_link *l, const struct agent_desired *d);

// ---- exempt.c
// link_allowed is what is allowed by hand now, borrowed. link_exempts_alike tells whether a bundle
// was decoded with that; link_exempts_otherwise whether one of a manifest was not.
struct agent_allowed link_allowed(const struct agent_link *l);
bool link_exempts_alike(const struct agent_link *l, const struct agent_bundle *b);
bool link_exempts_otherwise(const struct agent_link *l, const struct agent_desired *d);
// link_await_end waits for the end of what the bundles in force allow for a time;
// link_end_exemptions reads them anew when it is there.
void link_await_end(struct agent_link *l);
void link_end_exemptions(void *link);
void link_exempted_ack(struct agent_link *l, const Holdfast__V1__ExemptedAck *m);

// ---- freeze.c
void link_freeze(struct agent_link *l, const Holdfast__V1__Freeze *m);

// ---- fetch.c
void fetch_init(struct agent_link *l);
void fetch_done(struct agent_link *l);
void fetch_desired(struct agent_link *l, const Holdfast__V1__Desired *m);
void fetch_blob(struct agent_link *l, const Holdfast__V1__Blob *m);
void fetch_pump(struct agent_link *l);  // asks for more, if there is room
void fetch_reset(struct agent_link *l); // the connection ended

// fetch_check_proof checks a manifest's signature. It fails with CM_EAUTH.
CM_MUSTUSE enum cm_rc fetch_check_proof(const struct agent_link *l, const struct agent_in_force *f,
                                        int64_t at_ms, struct cm_err *err);

// link_trust_proven believes roots that waited for that, if what is in force is signed under them
// now.
void link_trust_proven(struct agent_link *l);

// fetch_is_proven_by tells whether the manifest in force, if there is one, stands with these roots,
// and the one that is on its way there.
bool fetch_is_proven_by(const struct agent_link *l, const struct cm_trust *trust);
struct cm_sha256 fetch_signer_held(const struct agent_link *l); // zeros: none
