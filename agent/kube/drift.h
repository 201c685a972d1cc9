// drift: how a live object differs from what was applied.
//
// Some differences are there from the first moment: the server writes a quantity in another way, a
// webhook adds to a list that we own. They are noise. So each apply takes down what differs in its
// own answer, as hashes of path and value, in a note that the core keeps on disk. Later only what
// is not in the note is drift.
//
// A note is one line: "1 VERSION PRINT FLAGS HASH…", where VERSION is the object's apiVersion,
// PRINT the hash of the bytes that were applied, FLAGS "-" or letters: "s" if the whole object is
// secret, "r" and "w" for rights (right.h) whose fields were left out, "o" if it is only made,
// never changed. If the bytes in force are not those of the note, the object waits to be applied
// again, and nothing is called drift meanwhile.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/driver.h"
#include "common/err.h"

struct cm_arena;
struct cm_difference;
struct cm_json;
struct kube_mark;

// What an apply has to remember.
struct kube_baseline {
    const char *version; // apiVersion
    uint64_t print;
    bool secret;
    bool once;         // nothing is drift
    unsigned given;    // rights whose fields were left out
    const char *noise; // the hashes as they stand in the note
};

// kube_note_write makes the note of an apply: `desired` as prepared and sent, `live` the answer.
// The note is the arena's.
const char *kube_note_write(struct cm_arena *a, const struct kube_baseline *baseline,
                            const struct cm_json *desired, const struct cm_json *live);

// kube_note_read reads a note; it tells whether it was one. The strings are the arena's.
bool kube_note_read(struct cm_arena *a, const char *note, struct kube_baseline *out);

struct kube_drift {
    struct agent_field_drift fields[AGENT_DRIFT_MAX]; // strings in the arena
    size_t count;
    bool more;          // more foreign or added ones
    const char *actual; // see struct agent_observation; in the arena
    size_t actual_size;
};

// Whether the owners exist on which rules depend; `holds` NULL: all do.
struct kube_holding {
    bool (*holds)(const void *ctx, const char *owner);
    const void *ctx;
};

// What is compared.
struct kube_comparison {
    const struct cm_json *desired; // prepared
    const struct cm_json *given;   // without what others have by right; may be `desired`
    const struct cm_json *live;
    const char *manager; // we; "": nobody is
    bool taken;          // what was added is ours by now, and did not go (added.h)
    const char *stays;   // paths of what was added and cannot be taken away, each ended by a line
                         // feed; NULL: none
    const struct kube_baseline *baseline; // NULL: there is no noise
    const struct cm_spare_rule *rules;
    size_t rule_count;
    struct kube_holding holding;
};

// kube_drift_find lists what differs and why: foreign differences, then what people have added
// (added.h), then what is no drift.
void kube_drift_find(struct cm_arena *a, const struct kube_comparison *c, struct kube_drift *out);

// kube_drift_stays tells whether a path is one of `stays`.
bool kube_drift_stays(const char *stays, const char *path);

// kube_drift_spare says who set and keeps the fields of a live object; `live` and the rules are
// borrowed.
struct kube_spare_ctx {
    const struct cm_json *live;
    const char *manager; // we
    struct kube_holding holding;
};
struct cm_spare kube_drift_spare(struct kube_spare_ctx *ctx, const struct cm_spare_rule *rules,
                                 size_t count);

// kube_drift_is_noise tells whether a difference was there when the object was applied.
bool kube_drift_is_noise(const struct kube_baseline *baseline, const struct cm_difference *d);

// kube_drift_is_mark tells whether a field is one of our labels, which no rule is about.
bool kube_drift_is_mark(const char *path);
