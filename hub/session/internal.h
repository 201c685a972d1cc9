// internal: what the files of hub/session share.
//
// Threads: the loop.
#pragma once

#include "common/list.h"
#include "common/loop.h"
#include "common/net/net.h"
#include "common/tls/keys.h"
#include "hub/access/keys.h"
#include "hub/jobs/decisions.h"
#include "hub/jobs/identity.h"
#include "hub/session/allowance.h"
#include "hub/session/framed.h"
#include "hub/session/sessions.h"

struct cm_arena;
struct cm_buf;
struct cm_map;
struct cm_metric;
struct cm_throttle;
struct wire_squeezer;

enum hub_session_state { HUB_SESSION_OPENED, HUB_SESSION_HELLO, HUB_SESSION_SERVING };

// Goodbye's reasons, and what became of a request to enrol; see counts.c.
enum { HUB_GOODBYES = 7 };
enum hub_listener { HUB_LISTENER_AGENTS, HUB_LISTENER_ENROL, HUB_LISTENERS };
enum hub_enrolment {
    HUB_ENROLLED,
    HUB_ENROL_REFUSED,
    HUB_ENROL_FAILED,
    HUB_ENROL_THROTTLED,
    HUB_ENROLMENTS
};

#define HUB_INSTANCE_SIZE 16
#define HUB_INSTANCES_MAX 4

// Which processes came as one agent lately.
struct hub_instances {
    uint8_t now[HUB_INSTANCE_SIZE];
    uint8_t earlier[HUB_INSTANCES_MAX][HUB_INSTANCE_SIZE];
    uint8_t next;     // place in `earlier`
    uint8_t returns;  // of one that another had replaced
    int64_t since_ms; // when the first of these was
};

// Who may connect, and what he shall run. One for each active agent, connected or not.
struct hub_member {
    struct hub_sessions *owner;
    char *cluster;
    char cluster_id[CM_UUID_MAX];
    struct hub_keys keys;
    bool held;           // until a person approves
    int64_t pending_ms;  // since when its key waits to be accepted; 0: it does not
    int64_t revoking_ms; // since when (monotonic) it is being put on record that it is revoked; 0
    struct cm_timer cut; // then
    int64_t skew_ms;     // its clock minus ours, if that is more than a minute
    struct hub_instances instances;
    struct cm_list greeting; // sessions of it that have not said Hello, oldest first
    size_t greeters;
    unsigned silent;                  // connections that ended so, of late
    int64_t silent_since_ms;          // when the first of these did
    int64_t silent_told_ms;           // monotonic; 0: never
    int64_t protocol_told_ms;         // likewise: that its link was ended for what it said
    struct hub_publication *in_force; // NULL: nothing resolved yet
    struct hub_session *session;      // NULL: not connected
    struct hub_allowance allowance;   // of the store, and of the loop
};

// Bytes that an agent has, against which others are squeezed.
struct hub_base {
    struct cm_sha256 name;
    struct cm_buf *bytes; // NULL: none
};

// What waits for room in a connection's queue: a blob and how far it was sent.
struct hub_outgoing {
    struct cm_sha256 name;
    struct hub_base *older; // what the agent has of it already; NULL: that is not known
    uint32_t offset;
    bool was_asked; // an answer is owed even if it is missing
    bool plain;     // it shall not be squeezed
};

// What the agent said that it holds on its disk. Generation 0: nothing.
struct hub_claim {
    bool whole;    // all of it is there
    bool known;    // sha256 is
    bool new_disk; // none of it is: it is what the target says was in force last
    uint64_t epoch;
    uint64_t generation;
    struct cm_sha256 sha256;
};

// What was reported and is not committed; see inbox.c.
struct hub_inbox {
    size_t bytes;           // of all agents
    size_t limit;           // of these
    size_t share;           // of them for one agent
    struct cm_list waiting; // sessions that found no room, by time
    struct cm_metric *metric_bytes;
    struct cm_metric *metric_delayed;
};

// Who reports everything anew; see resync.c.
enum hub_resync { HUB_RESYNC_NONE, HUB_RESYNC_WAITS, HUB_RESYNC_UNDER_WAY };

struct hub_resyncs {
    size_t max;
    size_t count; // that are under way
    size_t waiting_count;
    struct cm_list under_way; // sessions, by time
    struct cm_list waiting;
    struct cm_timer look;
    struct cm_metric *metric_under_way;
    struct cm_metric *metric_waiting;
};

#define HUB_PROOFS_MAX 4 // questions to one agent at a time

struct hub_question;

struct hub_session {
    struct hub_sessions *owner;
    struct hub_member *member; // NULL after eviction
    struct cm_net_conn *conn;  // NULL once closed
    struct cm_sha256 key;      // the agent's that this connection has proved last
    enum hub_session_state state;
    bool on_record;               // the database shows its cluster as connected, or is about to
    struct cm_arena *hello_arena; // while the store looks up the last report
    const void *hello;            // Holdfast__V1__Hello in it
    struct hub_claim claim;
    struct hub_publication *held;    // what the agent is known to hold; NULL: not known
    struct hub_publication *sending; // source of blobs; the one last sent
    struct hub_outgoing *outgoing;
    size_t outgoing_count;
    size_t outgoing_at;
    size_t outgoing_capacity;
    struct hub_base last; // sent of these, if what comes next may be squeezed against it
    size_t asked;         // of what is still to be sent
    size_t pumped;        // bytes of blobs that were squeezed in this turn
    size_t found_in;      // pair of `sending` in which a blob was found last
    int64_t seen_ms;      // when the agent was heard last, Unix time
    int64_t stored_ms;    // of that, what was last given to the database
    size_t jobs;          // store jobs that still point here
    size_t reports;       // of these
    size_t held_bytes;    // of these, unpacked
    size_t wanted_bytes;  // of one that waits for room in the inbox; 0: none
    size_t kept_bytes;    // of held_bytes: room for one that waited and comes again
    bool in_full;         // a full report has begun and not ended
    enum hub_resync resync;
    int64_t resync_ms;                           // since when it is that
    bool desired_due;                            // Desired follows once `outgoing` is through
    bool looks;                                  // it answers Look
    bool proves;                                 // it answers Prove
    struct hub_question *proofs[HUB_PROOFS_MAX]; // that it has not answered; NULL: room for one
    bool impersonates;            // it changes objects in the name of an App's account
    bool freezes;                 // it knows Freeze
    bool told_unfrozen;           // that it does not is on record
    uint64_t freeze_number;       // of the last that it was sent; 0: none
    struct cm_sha256 freeze_told; // what that said
    bool told_old;                // that it is too old for what is in force is on record
    bool renews;                  // it renews its certificate by itself
    bool renewing;                // the store makes one
    struct hub_look *look;        // that it has not answered; NULL: none
    int64_t revoked_ms;           // when that was asked for (monotonic); 0: it was not
    uint64_t trust;               // set of roots that it believes; 0: it knows of no sets
    bool trust_due; // it was told of a newer one and has not answered: nothing is offered meanwhile
    bool unsqueezes;         // it takes what was squeezed (proto/squeeze.h)
    bool keeps_signer;       // it need not be sent a signer's certificate that it has,
    struct cm_sha256 signer; // which is this one
    struct cm_list in_sessions;
    struct cm_list in_greeting;
    struct cm_list in_inbox;
    struct cm_list in_resyncs;
};

struct hub_sessions {
    struct hub_sessions_config config;
    char **advertise;
    char **advertise_enroll;
    char *link_addr;
    char *enroll_addr;
    struct cm_map *members; // by cluster id
    struct cm_map *by_name; // the same ones, by the cluster's name
    struct cm_list sessions;
    struct cm_net_listener *link;
    struct cm_net_listener *enroll;
    struct cm_tls_context *link_tls;
    struct cm_tls_context *enroll_tls;
    struct cm_list enrolling;
    struct cm_throttle *wrong_enrolments; // by address
    struct cm_throttle *told_refused;     // by the id of an agent that is not enrolled any more
    struct cm_throttle *told_turned_away; // likewise, in the log; "": of all without an id
    size_t connected;
    int64_t held;
    int64_t pending; // of these
    size_t looking;  // agents that are asked
    uint32_t looks;  // that were ever asked for
    uint32_t proofs; // likewise
    struct hub_framed framed;
    struct wire_squeezer *squeezer; // NULL: nothing was squeezed lately
    struct hub_freeze_set *freezes; // NULL: not known yet
    struct hub_inbox inbox;
    struct hub_resyncs resyncs;
    bool stopping;
    struct cm_timer unframe; // while anything is framed: it may be a Secret
    struct cm_timer beat;    // stores when agents were heard last
    struct cm_timer quiet;   // after the last session: until the listeners are quiet, too
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_metric *metric_connected;
    struct cm_metric *metric_refused;
    struct cm_metric *metric_reports;
    struct cm_metric *metric_journal;
    struct cm_metric *metric_journal_lost;
    struct cm_metric *metric_scaled;
    struct cm_metric *metric_releases[HUB_VERDICTS];
    struct cm_metric *metric_degraded;
    struct cm_metric *metric_recovered;
    struct cm_metric *metric_blobs;
    struct cm_metric *metric_spared;
    struct cm_metric *metric_connects;
    struct cm_metric *metric_sent_away[HUB_GOODBYES];
    struct cm_metric *metric_unused[HUB_LISTENERS][CM_NET_REFUSALS]; // connections
    struct cm_metric *metric_enrolments[HUB_ENROLMENTS];
    struct cm_metric *metric_renewed;
    struct cm_metric *metric_expired;
    struct cm_metric *metric_held;
    struct cm_metric *metric_pending;
    struct cm_metric *metric_revoked;
    struct cm_metric *metric_revocations;
    struct cm_metric *metric_approvals;
    struct cm_metric *metric_returned;
    struct cm_metric *metric_copied;
    struct cm_metric *metric_silent;
    struct cm_metric *metric_outdated;
    struct cm_metric *metric_manifests;
    struct cm_metric *metric_full;
    struct cm_metric *metric_sent;
};

// sessions.c
struct hub_member *hub_member_find(struct hub_sessions *s, const char *cluster_id);
void hub_sessions_check_stopped(struct hub_sessions *s);
void hub_sessions_supersede(struct hub_sessions *s, const char *cluster); // it is enrolled anew

// hub_sessions_enrolled takes in who was enrolled, in place of who had that name before.
void hub_sessions_enrolled(struct hub_sessions *s, const struct hub_enrolled *enrolled);

// counts.c
void hub_sessions_make_counts(struct hub_sessions *s);
void hub_sessions_count_goodbye(struct hub_sessions *s, int reason);
void hub_sessions_count_unused(void *sessions, enum cm_net_refusal why); // by agents' listener
void hub_sessions_count_unenrolled(void *sessions, enum cm_net_refusal why);
void hub_sessions_count_enrolment(struct hub_sessions *s, enum hub_enrolment what);

// link.c
extern const struct cm_net_handlers hub_link_handlers;
void hub_session_goodbye(struct hub_session *session, int reason, const char *why);
void hub_session_send(struct hub_session *session, uint16_t type, const void *message);
// hub_session_give queues a frame and counts it; it fails as cm_net_send.
CM_MUSTUSE enum cm_rc hub_session_give(struct hub_session *session, uint16_t type,
                                       struct cm_buf *payload, struct cm_err *err);
// hub_session_is_allowed tells whether the store may be given something more of this agent; if not,
// the link ends and the agent comes again when it may.
bool hub_session_is_allowed(struct hub_session *session, size_t cost);
void hub_session_send_sync(struct hub_session *session, const char *app);

// hub_session_part takes from a session the agent that it was: it was replaced, revoked or held,
// and its connection is about to end.
void hub_session_part(struct hub_session *session);
void hub_session_release(struct hub_session *session); // a store job of it is done

// hub_session_serve lets an agent in that said Hello.
void hub_session_serve(struct hub_session *session, bool full_report);

// greet.c
void hub_greet_make_metrics(struct hub_sessions *s);
void hub_greet_begin(struct hub_session *session); // the handshake is done
void hub_greet_heard(struct hub_session *session); // its Hello is fine
void hub_greet_lost(struct hub_session *session);  // the connection ended; counts if it was silent
// hub_greet_end says goodbye to all of an agent: it is revoked or held.
void hub_greet_end(struct hub_member *member, int reason, const char *why);

// inbox.c
void hub_inbox_init(struct hub_sessions *s);
// hub_inbox_take is for the handler of a frame. It tells whether a report of so many bytes has room
// now; if not, the frame is handed over again once it has.
bool hub_inbox_take(struct hub_session *session, size_t bytes);
void hub_inbox_give(struct hub_session *session, size_t bytes); // it is committed, or of no use
void hub_inbox_leave(struct hub_session *session);              // the connection ended

// resync.c
void hub_resync_init(struct hub_sessions *s);
// hub_resync_begin tells whether a full report may begin; if not, the session is served later.
bool hub_resync_begin(struct hub_session *session);
void hub_resync_end(struct hub_session *session); // it has ended, or the connection

// keys.c
struct hub_renewed;

extern const char hub_revoking_words[];

void hub_keys_make_metrics(struct hub_sessions *s);
void hub_keys_forget(struct hub_sessions *s, struct hub_member *member); // before it is freed
void hub_keys_cut_off(void *member);                                     // hub_member.cut

// hub_keys_authenticate returns whose connection it is; NULL: nobody's, or he is not let in, and
// why.
struct hub_refusal {
    const char *why;
    int reason;              // of Goodbye
    uint32_t retry_after_ms; // 0: as the reason says
};
struct hub_member *hub_keys_authenticate(struct hub_sessions *s, const struct cm_net_conn *conn,
                                         struct hub_refusal *out);
// hub_keys_pause_ms tells when one that is pending shall ask again.
uint32_t hub_keys_pause_ms(const struct hub_sessions *s, const struct hub_member *member);

// What a certificate costs of an agent's allowance: a signature, two commits, an event.
#define HUB_RENEW_COST ((size_t)256 * 1024)

// hub_keys_hello, hub_keys_still_good and hub_keys_clock (what time the agent says it is, 0: it
// does not say) tell whether the session goes on; else it was ended.
bool hub_keys_hello(struct hub_session *session, const void *hello);
bool hub_keys_still_good(struct hub_session *session);
bool hub_keys_clock(struct hub_session *session, int64_t agent_ms);
uint32_t hub_keys_renew_within_ms(const struct hub_session *session);
void hub_keys_note_certified(struct hub_member *member, const struct hub_renewed *renewed);
CM_MUSTUSE enum cm_rc hub_keys_renew(struct hub_session *session, const struct cm_net_frame *frame,
                                     struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_keys_confirm(struct hub_session *session,
                                       const struct cm_net_frame *frame, struct cm_err *err);

// trust.c
struct hub_authority;

// hub_trust_chain gives what goes with an agent's certificate, which takes the first place, as
// ProtobufCBinaryData; it returns how many there are.
#define HUB_CHAIN_MAX 3
size_t hub_trust_chain(const struct hub_authority *a, const uint8_t *der, size_t size, void *chain);
void hub_trust_greet(struct hub_session *session, const void *hello);          // after Welcome
uint64_t hub_trust_known(const struct hub_session *session, uint64_t version); // as on record
CM_MUSTUSE enum cm_rc hub_trust_heard(struct hub_session *session, const struct cm_net_frame *frame,
                                      struct cm_err *err);

// serve.c
void hub_session_offer(struct hub_session *session); // sends what is in force, if it is news
CM_MUSTUSE enum cm_rc hub_session_want(struct hub_session *session, const void *want,
                                       struct cm_err *err);
size_t hub_session_waiting(const struct hub_session *session); // blobs that are still to be sent
void hub_session_pump(struct hub_session *session); // goes on sending as the queue has room
void hub_session_forget_outgoing(struct hub_session *session);
void hub_session_learn(struct hub_session *session, const struct hub_claim *claim);
void hub_session_learn_report(struct hub_session *session, uint64_t epoch, uint64_t generation);

// freeze.c
void hub_freeze_greet(struct hub_session *session, const void *hello); // after Welcome
// hub_freeze_holds_up tells whether no manifest may be offered, as the agent would apply it.
bool hub_freeze_holds_up(struct hub_session *session);
CM_MUSTUSE enum cm_rc hub_freeze_heard(struct hub_session *session,
                                       const struct cm_net_frame *frame, struct cm_err *err);

// look.c
void hub_look_found(struct hub_session *session, const void *found);
void hub_look_end(struct hub_session *session, const char *why); // the connection ended

// prove.c
void hub_prove_heard(struct hub_session *session, const void *proven);
void hub_prove_end(struct hub_session *session); // the connection ended

// enroll.c
extern const struct cm_net_handlers hub_enroll_handlers;
void hub_enroll_close_all(struct hub_sessions *s);
