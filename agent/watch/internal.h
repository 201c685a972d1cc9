// internal: the records of watch, for its own files only.
//
// Threads: the loop.
#pragma once

#include "agent/plan/fate.h"
#include "agent/plan/scale.h"
#include "agent/watch/share.h"
#include "agent/watch/watch.h"
#include "common/backoff.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/object/hiding.h"
#include "proto/holdfast.pb-c.h"

struct cm_arena;

#define HEALTHS 5 // values of enum agent_health

struct field {
    enum agent_difference difference;
    size_t rule; // as the driver told it
    char *path;
    char *desired;
    char *actual;
    char *manager;
    char *user;
    char *operation;
    int64_t at_ms;
};

// What an apply did besides. Of each kind the last is kept until the hub has acknowledged it.
enum happened { HAPPENED_ADOPTED, HAPPENED_RECREATED, HAPPENED_TAKEN };
#define HAPPENED_KINDS 3

struct happening {
    char *who;
    char *message; // NULL: nothing to tell
    int64_t at_ms; // Unix time
};

// How drift came to its end.
enum drift_end { DRIFT_END_UNKNOWN, DRIFT_END_CORRECTED, DRIFT_END_PUT_BACK };

// What is told of anything.
struct telling {
    struct cm_list dirty;  // in watch->dirty_apps or dirty_objects; alone when it was told
    uint64_t sent_in;      // number of the report that told it last; 0: never
    int64_t at_ms;         // Unix time of the last change
    bool removed;          // kept until the hub has acknowledged it
    struct cm_list lately; // what of it no acknowledged report has told (lately.c)
};

// How an App was when it was settled last (journal.c).
struct noted {
    bool told; // the hub has heard of it from this process
    bool has_applied;
    enum agent_applied_state applied;
    struct cm_sha256 bundle_sha256;
    enum agent_health health; // UNKNOWN: it was never settled
};

// Replicas that belong to somebody else (scaled.c).
struct scaling {
    struct cm_list open; // in watch->scalings while a window is; else alone
    struct app *app;
    const struct seen *of; // NULL: all objects of the App beyond those that have one of their own
    struct agent_scale window;
    int64_t replicas; // as they were seen last
    char *owner;      // as in struct agent_scaled, of the last change; NULL: none
    char *managers;   // of all of them
};

struct app {
    struct telling telling;
    struct noted noted;
    struct scaling *scaling; // NULL until there are too many
    char *name;
    char *revision;
    struct cm_sha256 bundle_sha256;
    char *next_revision; // NULL: none is held back
    struct cm_sha256 next_bundle;
    enum agent_applied_state applied;
    char *message;
    char *images;              // as in struct agent_app_state
    char *claimed_by;          // as in struct agent_app_removed
    struct cm_list seen;       // its objects
    size_t by_health[HEALTHS]; // of these, but for what is left
    size_t waiting;            // of what is progressing: its controller waits for somebody
    size_t objects;
    size_t drifted;
    size_t unseen;           // since the start
    bool has_state;          // apply has spoken of it
    bool applying;           // counted in watch->applying
    bool settling;           // counted in watch->settling
    int64_t unwell_since_ms; // monotonic; 0: it is healthy
    bool late;               // it has been unwell for longer than it may
};

// Corrections of one object that somebody keeps changing.
struct seen;

struct correction {
    struct seen *of;
    struct cm_list due; // in watch->corrections
    int64_t due_ms;
    int64_t last_ms;
    int64_t first_ms; // of those that are spent
    unsigned spent;   // corrections since it was quiet; those that failed do not count
    struct cm_backoff backoff;
};

struct seen {
    struct telling telling;
    struct cm_list of_app; // in app->seen
    struct app *app;
    char *key;
    struct cm_sha256 sha256; // applied; zeros: never
    struct cm_sha256 beside; // what it was compared with last; zeros: nothing
    enum agent_health health;
    bool unseen;   // since the start, but known from before
    bool waits;    // its controller does, for somebody
    char *message; // of its health
    char *failure; // why it could not be applied
    char *left;    // why it is still there
    char *fight;   // why it is not corrected any more
    struct field *drift;
    size_t drift_count;            // of them foreign, and not to be ignored; they come first
    size_t field_count;            // all that are told
    bool drift_more;               // fields differ that are not in `drift`
    struct cm_buf *actual;         // all that is there, secrets included; NULL: nothing to tell
    bool actual_large;             // there is more to tell than is kept
    bool applied_again;            // since this drift was seen, or just now
    enum drift_end ended;          // the last drift there was
    char *digests;                 // that run behind its tags, a line each (digests.c)
    bool digests_known;            // somebody has looked
    bool digests_more;             // there may be others
    bool due;                      // the driver wants it applied again
    int64_t undone_ms;             // when somebody went back with it by hand; 0: nobody did
    int64_t undone_seen_ms;        // since when that is known; monotonic
    struct correction *correction; // NULL until the first
    struct scaling *scaling;       // NULL until its replicas are known
    struct happening *happened;    // by enum happened; NULL: nothing to tell
    int64_t happened_ms;           // of the last, whether it was told or not
};

struct agent_watch {
    struct cm_loop *loop;
    struct agent_cache *cache;
    struct agent_apply *apply;
    struct agent_watch_host host;
    struct cm_map *apps;
    struct cm_map *objects;
    bool shut;
    bool unreachable;
    char *unreachable_why;

    struct cm_list dirty_apps;
    struct cm_list dirty_objects;
    size_t dirty_count;
    bool connected;
    bool full;        // a full report was asked for and has not been acknowledged
    bool full_begun;  // its first piece was sent on this connection
    bool full_ended;  // its last piece too
    uint64_t full_in; // number of the last piece
    uint64_t last_number;
    uint64_t acked;
    size_t in_flight; // reports sent and not acknowledged
    bool has_ends;    // some record waits for the acknowledgement of its end, or of what happened
    int64_t interval_ms;
    int64_t gap_ms;       // between the last report and the next, at most interval_ms
    int64_t last_sent_ms; // monotonic
    size_t applying;      // Apps that are being applied
    size_t settling;      // Apps of which we do not know yet whether they are well
    bool hurry;           // one of the two came to an end: hurry_ms counts, not gap_ms
    int64_t hurry_ms;
    int64_t hurried_ms; // when the last hurry began; monotonic
    struct cm_timer report;
    bool surveys;              // not all that runs there is known
    bool surveyed;             // it was found, and not all of it was seen yet
    bool quiet;                // no report is told meanwhile
    const struct seen *unseen; // one of what was found that was not seen yet; NULL: none is known
    struct cm_timer survey;    // how long that may take
    bool takes_journal;        // the hub does
    bool keeps_lately;         // and knows what JournalEntry.report says (lately.c)
    bool journal_sent;         // a piece of it, which was not acknowledged
    bool takes_decisions;
    bool takes_actual;       // the hub does
    size_t actual_bytes;     // of all objects
    bool decisions_sent;     // a piece of them
    size_t deciding;         // decisions on their way to the disk
    struct cm_timer author;  // while it may still become known who decided
    int64_t author_until_ms; // monotonic, since the first that is not told; 0: all are
    bool author_late;        // only that is waited for, and reports go on
    struct watch_shares shares;
    struct cm_map *goods; // by the id of a decision: what was good (good.c)
    struct cm_timer good; // when that is asked again

    struct cm_timer lateness; // when the next App may be late
    int64_t lateness_ms;      // monotonic

    struct cm_list lately; // of all tellings, by time
    size_t lately_count;
    size_t lately_bytes;

    struct cm_list corrections;
    struct cm_timer correct;

    struct cm_list scalings; // whose window is open
    struct cm_timer scaled;  // when the next one is over
};

void watch_dirty_app(struct agent_watch *w, struct app *a);
void watch_dirty_object(struct agent_watch *w, struct seen *s);

// watch_schedule sends what is dirty at its time.
void watch_schedule(struct agent_watch *w);
void watch_report(void *watch); // the timer's

// watch_redo makes dirty what the hub has not acknowledged; all there is if it wants that.
void watch_redo(struct agent_watch *w);

// watch_app_health is the worst of an App's objects; what is left there does not count.
enum agent_health watch_app_health(const struct agent_watch *w, const struct app *a);

// watch_app_why says why it is not healthy; NULL if it is, or nobody knows. The caller frees it.
char *watch_app_why(const struct agent_watch *w, const struct app *a);

// watch_set_waits notes whether the controller of an object waits for somebody: meanwhile no time
// counts for it.
void watch_set_waits(struct agent_watch *w, const char *key, bool waits);

// watch_time begins or ends the time in which an App must become healthy; watch_late is the
// timer's.
void watch_time(struct agent_watch *w, struct app *a);
void watch_late(void *watch);
// watch_time_again begins the time of an App anew that is not late yet: nobody could know
// meanwhile.
bool watch_time_again(void *ctx, const char *name, void *app);
// watch_timeout_s returns how long it may take; 0: as long as it likes.
uint32_t watch_timeout_s(const struct agent_watch *w, const struct app *a);

void watch_survey_look(struct agent_watch *w);
void watch_survey_late(void *watch);

// beside.c: watch_hold_back keeps what an App is now for later where its objects are still to be
// looked at beside that, and tells whether it did; watch_note_beside notes that one was looked at,
// watch_looked tells of the App once all were.
bool watch_hold_back(struct agent_watch *w, struct app *a, const struct agent_app_state *state);
void watch_note_beside(struct agent_watch *w, struct seen *s, enum agent_health health);
void watch_looked(struct agent_watch *w, struct app *a);

// watch_take_drift takes down what differs of an object, and tells what of it is new. The caller
// counts.
enum watch_news { WATCH_NO_NEWS, WATCH_OTHER_FIELDS, WATCH_OTHER_DRIFT };
enum watch_news watch_take_drift(struct agent_watch *w, struct seen *s,
                                 const struct agent_observation *what);
void watch_drop_drift(struct seen *s);

// watch_keep_actual keeps how an object is, in place of what was kept (NULL: as desired); it tells
// whether that is news.
bool watch_keep_actual(struct agent_watch *w, struct seen *s, const struct agent_observation *what);

// watch_mode says what is done about a difference.
enum agent_drift watch_mode(const struct agent_claim *claim, size_t rule);
// watch_fate says what becomes of a difference that a rule (0: none) is about.
struct agent_fate watch_fate(const struct agent_claim *claim, size_t rule,
                             enum agent_difference difference);

// watch_claim returns who lists an object, or NULL.
const struct agent_claim *watch_claim(const struct agent_watch *w, const struct seen *s);

// watch_consider starts or ends the correction of an object.
void watch_consider(struct agent_watch *w, struct seen *s);
void watch_correct(void *watch); // the timer's
void watch_author(void *watch);  // the timer's

// watch_clip copies a text (NULL: ""), cut at a character's end so that it fits.
char *watch_clip(struct cm_arena *a, const char *text, size_t max);

// report.c: how an App and an object are now.
Holdfast__V1__AppReport *watch_app_report(const struct agent_watch *w, struct cm_arena *arena,
                                          const struct app *a);
Holdfast__V1__ObjectReport *watch_object_report(const struct agent_watch *w, struct cm_arena *a,
                                                const struct seen *s);

// actual.c: all that is there, and what may be told of it.
// watch_hiding says what is to be hidden of an object; `claim` as watch_claim returns it.
struct cm_hiding watch_hiding(const struct agent_watch *w, const struct seen *s,
                              const struct agent_claim *claim);
// watch_add_actual adds all that is there to a report, without secrets, if the hub takes that.
void watch_add_actual(const struct agent_watch *w, struct cm_arena *a, const struct seen *s,
                      Holdfast__V1__ObjectReport *m);
Holdfast__V1__Health watch_health_of(enum agent_health health);
Holdfast__V1__Applied watch_applied_of(enum agent_applied_state applied);

// digests.c: what runs behind tags. watch_add_digests adds it to a report, watch_drop_digests
// forgets it.
void watch_add_digests(struct cm_arena *a, const struct seen *s, Holdfast__V1__ObjectReport *m);
void watch_drop_digests(struct seen *s);

// journal.c: watch_note_app and watch_note_object write down what is news, if the hub is away;
// watch_note_untold does when it has just gone. watch_begin_journal begins to tell what was written
// down; while it is owed there are no reports.
void watch_note_app(struct agent_watch *w, struct app *a);
void watch_note_object(struct agent_watch *w, struct seen *s);
void watch_note_untold(struct agent_watch *w);
void watch_begin_journal(struct agent_watch *w, bool takes, bool knows_reports);
void watch_tell_journal(struct agent_watch *w);
bool watch_waits_for_journal(const struct agent_watch *w);

// scaled.c: watch_scaling_free frees the record, watch_scaling_end closes its window and writes
// down what it counted; NULL is fine for both. watch_scaled is the timer's. watch_scaled_connected
// shortens windows that had become longer without a hub than they may be with one.
void watch_scaling_free(struct scaling *s);
void watch_scaling_end(struct agent_watch *w, struct scaling *s);
void watch_scaled(void *watch);
void watch_scaled_connected(struct agent_watch *w);
// journal.c: watch_note_scaled writes that down, and tells it if the hub is there.
void watch_note_scaled(struct agent_watch *w, Holdfast__V1__Scaled *what);

// lately.c: watch_lately keeps an entry until a report that told it is acknowledged: such a report
// is sent (watch_lately_sent), or acknowledged (watch_lately_acked). watch_lately_forget is for a
// telling that is freed, watch_lately_end for a connection that ended: what was superseded is
// written down, or not.
void watch_lately(struct agent_watch *w, struct telling *t, Holdfast__V1__JournalEntry *entry);
void watch_lately_sent(struct telling *t, uint64_t report);
void watch_lately_acked(struct agent_watch *w);
void watch_lately_forget(struct telling *t);
void watch_lately_end(struct agent_watch *w, bool write);

// decide.c: watch_begin_decisions begins to tell decisions; while they are owed there are no
// reports.
void watch_begin_decisions(struct agent_watch *w, bool takes);
void watch_tell_decisions(struct agent_watch *w);
void watch_tell_share(void *watch, const struct agent_decision *what); // that was kept
// watch_note_undone notes since when somebody has gone back with an object by hand; 0: nothing is
// known of that. watch_end_undone forgets it once the object is as it shall be, or gone.
// watch_leaves_undone tells whether it may be a decision, so that it is not put right before a
// manifest answers it.
void watch_note_undone(struct seen *s, int64_t at_ms);
void watch_end_undone(struct seen *s, const struct agent_observation *what);
bool watch_leaves_undone(const struct agent_watch *w, const struct seen *s);
bool watch_waits_for_decisions(const struct agent_watch *w);

// good.c: watch_add_good adds what runs to a rejection of which nothing is known that was good;
// false: it is still being found out, and watch_tell_decisions follows. watch_good_again asks again
// what the target could not answer; it is the timer's, too. watch_forget_goods forgets what was
// told up to a number.
struct cm_map *watch_goods_new(void);
bool watch_add_good(struct agent_watch *w, struct cm_arena *a, Holdfast__V1__Decision *m);
void watch_good_again(void *watch);
void watch_forget_goods(struct agent_watch *w, uint64_t number);

// watch_happened takes down what an apply did besides; watch_drop_happened forgets it all.
void watch_happened(struct agent_watch *w, struct seen *s, enum happened what, const char *who,
                    const char *message);
void watch_drop_happened(struct seen *s);
// watch_taken takes down whose fields an apply has set that was no correction.
void watch_taken(struct agent_watch *w, struct seen *s);

void watch_forget_object(struct agent_watch *w, struct seen *s);
void watch_forget_app(struct agent_watch *w, struct app *a);
