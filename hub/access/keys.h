// keys: which keys of an agent are good, and when.
//
// An agent has one identity (a cluster's id) for years, and a new key every few days:
//
//     current ──certified(K)──▶ current, next = K ──first use of K──▶ current = K, before = the old
//     one
//                                     │                                         │ 10 minutes
//                                     ▼ certified(L)                            ▼
//                               next = L; K was never used                before is stale
//
// The hub records `next` before it answers, and the agent has the key on its disk before it uses
// it. So whoever is killed wherever, the agent holds a key that is current, next, or before within
// its ten minutes:
//
//     agent killed before the new key is on its disk    it comes with current; next is made anew
//     agent killed after that                           it comes with next, which is its first use
//     hub killed before the commit                      no answer; the agent asks again
//     hub killed after the commit, or the answer lost   like the first
//     hub killed before the first use is on record      next is still next, and is used again
//     hub restored from a backup of before the renewal  a certificate of ours for this id that is
//                                                       not older than any on record, and older
//                                                       than the restore: `lost`, and taken. Is it
//                                                       newer than that, too (a clock was ahead),
//                                                       a person has to look
//
// A key was on the agent's disk before its first use. So only a process that still has the one
// before in its memory may need that for the ten minutes, and it needs no new one: who renewed with
// it would own the agent from then on, and could go on so without ever using a stale one. It gets
// none, and is stale in time.
//
// A key that is none of these is stale if its certificate is older than the newest on record,
// however often the agent has renewed since. It means that two have the identity: the agent went on
// and somebody kept an old disk. Both are held until a person has looked. What was certified before
// that is unknown from then on, or else a copy could hold the agent as often as it likes.
//
// Threads: pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/tls/digest.h"

#define HUB_KEYS_OVERLAP_MS ((int64_t)10 * 60 * 1000)

// So much of a key's hash is compared by who accepts it: nobody makes a key whose hash begins so.
#define HUB_ACCEPT_DIGITS 16

struct hub_keys {
    struct cm_sha256 current;
    struct cm_sha256 next;   // certified and not used yet; zeros: none
    struct cm_sha256 before; // zeros: none
    int64_t before_until_ms;
    int64_t begins_ms;       // of the newest certificate; 0: from before this was kept
    int64_t ends_ms;         // likewise, or it is not on record
    int64_t approved_ms;     // when a person last let it go on; 0: never
    int64_t forgot_until_ms; // what was certified until then may not be on record; 0: all is
};

enum hub_key_verdict {
    HUB_KEY_UNKNOWN, // not let in
    HUB_KEY_CURRENT,
    HUB_KEY_NEXT,
    HUB_KEY_BEFORE,
    HUB_KEY_LOST,  // ours, and forgotten: to be treated like next
    HUB_KEY_STALE, // not let in, and suspicious
    HUB_KEY_AHEAD, // not let in before a person has looked: of after the restore, and not on record
};

// hub_keys_judge tells what a key is whose certificate (ours, for this id) begins then; 0: no
// certificate is shown.
enum hub_key_verdict hub_keys_judge(const struct hub_keys *keys, const struct cm_sha256 *key,
                                    int64_t begins_ms, int64_t now_ms);

// hub_keys_certified notes a certificate that was made for a key.
void hub_keys_certified(struct hub_keys *keys, const struct cm_sha256 *key, int64_t begins_ms,
                        int64_t ends_ms);

// hub_keys_use notes the first use of a key, which is current from now on. Its certificate begins
// then; 0: on record.
void hub_keys_use(struct hub_keys *keys, const struct cm_sha256 *key, int64_t begins_ms,
                  int64_t now_ms);

// hub_keys_choose makes the one of two keys that a person says is the right one current. All else
// that was certified is older than this, and unknown from then on, but for `next` where the current
// one stays: the agent may have it on its disk, and nothing else.
void hub_keys_choose(struct hub_keys *keys, const struct cm_sha256 *key, int64_t now_ms);

// hub_keys_may_renew tells whether an expired certificate is renewed without a person: within the
// budget (0: never), or within a day after a person said so.
bool hub_keys_may_renew(int64_t ended_ms, int64_t budget_ms, int64_t approved_ms, int64_t now_ms);
