// cache: what the agent must not forget, on its disk.
//
// A folder of one agent: `lock`, `identity` (key, certificates, the hub's addresses) and `log`. The
// log is one append-only file of frames; a frame is written whole or not at all (its length and
// hash tell), and what the cache answers is what the frames up to the end say: the manifest in
// force, blobs by hash (manifests, bundles, objects), the inventory, which hooks ran, how far
// reports went, and the journal. Blobs stay on disk; the rest is in memory too. When most of the
// log is out of date a snapshot replaces it, and blobs that nothing needs any more are left behind.
//
// Writing is asynchronous: `put` and `set` functions change memory at once and join the open frame;
// agent_cache_commit closes the frame, and its callback comes when the frame is on disk (fsync).
// While one write is under way all further frames gather for the next, so a thousand commits cost a
// few fsyncs. What must be on disk before it is acted on waits for the callback.
//
// When the disk fails the frames stay in memory and are written again, with growing pauses;
// callbacks wait. agent_cache_trouble tells. Files are 0600: blobs of Secrets are in them.
//
// agent_cache_blob reads on the calling thread: microseconds from the page cache. Every blob is
// checked against a hash made when it was put, and against its name, unless that is a keyed one
// (Secrets'): so what was signed by name is what is given out, whoever wrote on the disk meanwhile.
// What is damaged is forgotten.
//
// Threads: the loop given at open; writes and snapshots run on the disk workers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exemption.h"
#include "agent/item.h"
#include "common/err.h"
#include "common/tls/digest.h"

struct agent_cache;
struct cm_buf;
struct cm_loop;
struct cm_workers;

// agent_cache_open takes the folder (made if missing, 0700) and reads it; it blocks. A log that
// ends in the middle of a frame is cut there; its inventory counts as not recovered, and its
// manifest as doubted, which is on disk before anything is cut. If more than the last frame is not
// as it was written, it is not known either in which form objects were applied last. It fails with
// CM_EBUSY if another agent uses the folder, with CM_EIO if it cannot be read or marked, and with
// CM_EINVAL if what is there was not written by a cache.
CM_MUSTUSE enum cm_rc agent_cache_open(struct cm_loop *loop, struct cm_workers *disk,
                                       const char *dir, struct agent_cache **out,
                                       struct cm_err *err);

// agent_cache_close ends it: with `flush` what is pending is written first (once: if that fails it
// is lost). Callbacks of commits that did not reach the disk come with CM_ECANCELED. `closed` comes
// on the loop; then agent_cache_free may be called.
void agent_cache_close(struct agent_cache *c, bool flush, void (*closed)(void *ctx), void *ctx);
void agent_cache_free(struct agent_cache *c);

// agent_cache_trouble returns why the disk cannot be written now, or NULL.
const struct cm_err *agent_cache_trouble(const struct agent_cache *c);

// agent_cache_on_trouble sets who is told when trouble begins (why) and ends (NULL).
void agent_cache_on_trouble(struct agent_cache *c,
                            void (*told)(void *ctx, const struct cm_err *why), void *ctx);

// agent_cache_commit closes the open frame. `done` (may be NULL) comes on the loop, never from
// inside the call, when it and all before it are on disk, or with CM_ECANCELED at close.
typedef void (*agent_cache_done_fn)(void *ctx, const struct cm_err *error);
void agent_cache_commit(struct agent_cache *c, agent_cache_done_fn done, void *ctx);

// ---- Blobs

// agent_cache_put_blob joins the bytes to the open frame (a reference is taken) under a name; a
// blob that is there already is not written again.
void agent_cache_put_blob(struct agent_cache *c, const struct cm_sha256 *name,
                          struct cm_buf *bytes);

// agent_cache_has tells whether a blob is there; asking keeps a snapshot that is being made from
// leaving it behind. Blobs that the manifest in force needs stay in any case.
bool agent_cache_has(struct agent_cache *c, const struct cm_sha256 *name);

// agent_cache_blob_size is the size of a blob; 0: it is not there.
size_t agent_cache_blob_size(struct agent_cache *c, const struct cm_sha256 *name);

// agent_cache_blob returns a reference to a blob's bytes; `keyed`: the name is no hash of theirs
// that we can check. It fails with CM_ENOTFOUND, or with CM_EIO when the disk does not give back
// what was written, or what has that name.
CM_MUSTUSE enum cm_rc agent_cache_blob(struct agent_cache *c, const struct cm_sha256 *name,
                                       bool keyed, struct cm_buf **out, struct cm_err *err);

// agent_cache_on_damage sets who is told when a blob was found damaged, from inside the call that
// found it.
void agent_cache_on_damage(struct agent_cache *c, void (*damaged)(void *ctx), void *ctx);

// ---- The manifest in force

struct agent_in_force {
    uint64_t epoch;
    uint64_t generation;
    struct cm_sha256 manifest; // zeros: none yet
    const uint8_t *signature;
    size_t signature_size;
    const uint8_t *signer_der;
    size_t signer_size;
};

// agent_cache_in_force is borrowed until the next set; agent_cache_set_in_force copies.
const struct agent_in_force *agent_cache_in_force(const struct agent_cache *c);
void agent_cache_set_in_force(struct agent_cache *c, const struct agent_in_force *f);

// agent_cache_is_doubted tells whether a newer manifest may have been in force before the log lost
// its end: until the next one is set, what it does not list may be wanted.
bool agent_cache_is_doubted(const struct agent_cache *c);

// agent_cache_doubt notes that the disk was an older copy at the start: its manifest is doubted, if
// `manifest` (no other one came since), its inventory not whole, nor is it known in which form what
// it names was applied last; its journal is a gap, for what that holds was told long ago, and
// another run of reports begins.
void agent_cache_doubt(struct agent_cache *c, bool manifest);

// ---- The inventory

const struct agent_item *agent_cache_item(const struct agent_cache *c, const char *key);
size_t agent_cache_item_count(const struct agent_cache *c);
void agent_cache_put_item(struct agent_cache *c, const struct agent_item *item); // copies
void agent_cache_set_wave(struct agent_cache *c, const char *key, int32_t wave);
void agent_cache_set_propagation(struct agent_cache *c, const char *key, uint8_t propagation);
void agent_cache_set_release(struct agent_cache *c, const char *key);
// agent_cache_set_sent notes that what was applied is about to be, or may have been, in this form,
// before what came of that is known. It waits for no disk: it is there before any later manifest.
void agent_cache_set_sent(struct agent_cache *c, const char *key, const struct cm_sha256 *form);
void agent_cache_drop_item(struct agent_cache *c, const char *key);

// agent_cache_each_item visits all items, in any order; the visitor changes none.
void agent_cache_each_item(const struct agent_cache *c,
                           void (*visit)(void *ctx, const struct agent_item *item), void *ctx);

// agent_cache_recovered tells whether the inventory is known to be whole: false until the agent has
// asked the target once what it owns there (a new disk, or one that lost something).
bool agent_cache_recovered(const struct agent_cache *c);
void agent_cache_set_recovered(struct agent_cache *c);

// ---- Hooks

// For which bundle a hook was last begun, and whether it has run to its end.
struct agent_hook {
    const char *key;
    const char *app;
    struct cm_sha256 bundle;
    bool done;
};

const struct agent_hook *agent_cache_hook(const struct agent_cache *c, const char *key);
void agent_cache_put_hook(struct agent_cache *c, const struct agent_hook *hook); // copies

// agent_cache_keep_hooks forgets the hooks of an App but those that `keeps` says to keep.
void agent_cache_keep_hooks(struct agent_cache *c, const char *app,
                            bool (*keeps)(void *ctx, const char *key), void *ctx);

// ---- Reports

// agent_cache_report_run is the UUID of this disk's run of reports.
const char *agent_cache_report_run(const struct agent_cache *c);

// agent_cache_next_report returns a number above all that were ever returned, also before a
// restart, and before an older copy of the disk was put back, as far as the clock is right.
uint64_t agent_cache_next_report(struct agent_cache *c);
uint64_t agent_cache_reports_acked(const struct agent_cache *c);
void agent_cache_set_reports_acked(struct agent_cache *c, uint64_t number);

// ---- The journal: what happened while there was no hub

#define AGENT_JOURNAL_MAX 2000                       // entries
#define AGENT_JOURNAL_BYTES_MAX ((size_t)256 * 1024) // edge disks are small

struct agent_journal_entry {
    uint64_t number; // one of those that agent_cache_next_report gives out
    int64_t at_ms;
    const uint8_t *bytes; // what it says; the cache does not look inside
    size_t size;
};

// What was dropped for space: the oldest entries.
struct agent_journal_gap {
    uint64_t number; // of the last of them
    int64_t from_ms;
    int64_t to_ms;
    uint64_t count; // 0: none
};

// agent_cache_journal_add copies an entry, numbers it and commits. If there is no room the oldest
// ones give way.
void agent_cache_journal_add(struct agent_cache *c, int64_t at_ms, const void *bytes, size_t size);
size_t agent_cache_journal_count(const struct agent_cache *c);
const struct agent_journal_gap *agent_cache_journal_gap(const struct agent_cache *c);

// agent_cache_journal_each visits the entries, oldest first, until a visit returns false.
void agent_cache_journal_each(const struct agent_cache *c,
                              bool (*visit)(void *ctx, const struct agent_journal_entry *entry),
                              void *ctx);

// agent_cache_journal_sent notes that a piece up to a number is on its way, with both gaps that are
// not above it. agent_cache_journal_told drops the entries up to a number, and of the gaps what was
// sent: the hub has them. agent_cache_journal_lose makes one gap of all of it: this hub takes no
// journal.
void agent_cache_journal_sent(struct agent_cache *c, uint64_t number);
void agent_cache_journal_told(struct agent_cache *c, uint64_t number);
void agent_cache_journal_lose(struct agent_cache *c);

// ---- Releases of workloads

#define AGENT_RELEASES_MAX 8 // of one workload; the oldest give way

// What was applied when a controller took up a release that it calls by this token.
struct agent_release {
    const char *token;
    const char *revision;
    struct cm_sha256 sha256;
    struct cm_sha256 bundle;
    bool promoted; // the newest that was
};

// What is no news any more, each by the time of its edge.
enum agent_edge { AGENT_EDGE_BEGUN, AGENT_EDGE_ENDED, AGENT_EDGE_LATE, AGENT_EDGE_UNDONE };
#define AGENT_EDGES 4

struct agent_releases {
    const char *key;                              // of the workload
    struct agent_release all[AGENT_RELEASES_MAX]; // oldest first
    size_t count;
    int64_t edges[AGENT_EDGES]; // Unix time; 0: there was none
};

// agent_cache_releases is borrowed until the next change; NULL: nothing is known. They are
// forgotten with the item.
const struct agent_releases *agent_cache_releases(const struct agent_cache *c, const char *key);
void agent_cache_add_release(struct agent_cache *c, const char *key,
                             const struct agent_release *release);
void agent_cache_set_promoted(struct agent_cache *c, const char *key, const char *token);
void agent_cache_set_edge(struct agent_cache *c, const char *key, enum agent_edge edge,
                          int64_t at_ms);

// ---- Decisions of controllers, until a hub has them

#define AGENT_DECISIONS_MAX 500
#define AGENT_DECISIONS_BYTES_MAX ((size_t)2 * 1024 * 1024)

struct agent_decided {
    uint64_t number;      // one of those that agent_cache_next_report gives out
    bool weighty;         // it is not given up while there is another one
    const uint8_t *bytes; // what it says; the cache does not look inside
    size_t size;
};

// agent_cache_decided_add copies and numbers a decision. If there is no room the oldest gives way,
// first of those that are not weighty; none for which an App is held back does, and none that is on
// its way. It is put down that the App is before it is added. agent_cache_decided_gap says how many
// gave way since a hub was told of it (agent_cache_journal_told), and when.
void agent_cache_decided_add(struct agent_cache *c, bool weighty, const void *bytes, size_t size);
const struct agent_journal_gap *agent_cache_decided_gap(const struct agent_cache *c);
size_t agent_cache_decided_count(const struct agent_cache *c);
void agent_cache_decided_each(const struct agent_cache *c,
                              bool (*visit)(void *ctx, const struct agent_decided *decided),
                              void *ctx);
// agent_cache_decided_sent notes up to which number they are on their way to the hub; 0: none is.
void agent_cache_decided_sent(struct agent_cache *c, uint64_t number);
void agent_cache_decided_told(struct agent_cache *c, uint64_t number); // drops all up to it
// agent_cache_decided_again adds those again, under new numbers, for which Apps are held back and
// which were told: a hub that was restored from a backup does not know what it once acknowledged.
void agent_cache_decided_again(struct agent_cache *c);

// ---- Apps that are held back: a release of theirs was rejected, and no manifest knows it yet

#define AGENT_HOLD_IDS_MAX 8

struct agent_hold {
    const char *app;
    const char *revision;                      // of the bundle
    const char *why;                           // in words
    struct cm_sha256 bundle;                   // at which the App stays
    struct cm_sha256 ids[AGENT_HOLD_IDS_MAX];  // of decisions, each of which is to be answered
    struct cm_sha256 says[AGENT_HOLD_IDS_MAX]; // blobs: their bytes
    size_t id_count;
};

const struct agent_hold *agent_cache_hold(const struct agent_cache *c, const char *app);
// agent_cache_put_hold copies; it replaces what there is of that App. The blobs that it names stay
// as long as it does.
void agent_cache_put_hold(struct agent_cache *c, const struct agent_hold *hold);
void agent_cache_drop_hold(struct agent_cache *c, const char *app);
// agent_cache_hold_apps returns the names of the Apps that are held back, agent_cache_hold_count of
// them; borrowed names in an array that the caller frees.
const char **agent_cache_hold_apps(const struct agent_cache *c);
size_t agent_cache_hold_count(const struct agent_cache *c);

// ---- What is frozen: of these Apps nothing is applied

#define AGENT_FREEZES_MAX 64

struct agent_freeze {
    const char *name;
    const char *app; // "": all
    const char *who;
    const char *why;
    int64_t until_ms; // by this clock, Unix time; 0: until it is told
};

// agent_cache_set_freezes copies, and replaces all there are; at most AGENT_FREEZES_MAX.
// agent_cache_freezes is borrowed until the next set.
void agent_cache_set_freezes(struct agent_cache *c, const struct agent_freeze *all, size_t count);
const struct agent_freeze *agent_cache_freezes(const struct agent_cache *c, size_t *count);

// ---- Changes by hand that the site allows

// agent_cache_set_exemptions copies, and replaces all there are; at most AGENT_EXEMPTIONS_MAX.
// agent_cache_exemptions is borrowed until the next set.
void agent_cache_set_exemptions(struct agent_cache *c, const struct agent_exemption *all,
                                size_t count);
const struct agent_exemption *agent_cache_exemptions(const struct agent_cache *c, size_t *count);

// ---- How the hub has values named that must not be told in the clear

#define AGENT_VALUE_KEY_SIZE 32

// agent_cache_set_value_key keeps the key (NULL: there is none any more), so that a process that
// begins without a hub calls a value what the one before called it. agent_cache_value_key is
// borrowed; NULL: none.
void agent_cache_set_value_key(struct agent_cache *c, const uint8_t *key);
const uint8_t *agent_cache_value_key(const struct agent_cache *c);

// ---- For tests and metrics

struct agent_cache_stats {
    uint64_t log_bytes;
    uint64_t writes; // each with one fsync
    uint64_t frames;
    uint64_t snapshots;
    size_t blobs;
};
void agent_cache_stats_get(const struct agent_cache *c, struct agent_cache_stats *out);

// agent_cache_snapshot begins a snapshot now, if none is under way.
void agent_cache_snapshot(struct agent_cache *c);
