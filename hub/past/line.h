// line: a change of the past as one line of JSON, as it stands in the segments `changes/` of the
// branch `events` of the state repository.
//
//     {"epoch":1,"n":812,"kind":"change","app":"web","axis":"actual","cluster":"paris","value":7,…}
//
// All that the index of the past (hub/store/past.h) takes in is a line, in the order in which it
// took it in, so whoever reads them from the first on has the index again:
//
//     begin       what was told before is void: all that is known follows, with the same `n`;
//                 `atMs`: since when it is all, if that is not since ever
//     base        a month begins: all that is so follows, with the `n` of the line before it. Who
//                 read that line knows it all; who did not, for that month is not kept, begins here
//     cluster     a cluster and its number
//     value       a bundle at a commit, and its number; `image`: one of its images
//     change      what came to be so on a cluster: hub_past_note
//     row         changes from before there were lines: those of one row
//     checkpoint  how an axis of an App was at that moment is copied there
//     decision    what a controller did; told again when it is settled
//     verdict     what is known of a release on a cluster; proven: which one was promoted last
//     freeze      what was frozen, told again when it ends; `frozen`: a cluster that it was on
//     lost        a line that could not be told (never seen)
//
// (epoch, n) tells lines apart. They only go up, but for a `begin`, which may stand anywhere; a
// line that goes not up was told before, and means nothing. Members that are empty, 0 or false are
// left out. Times are Unix milliseconds; numbers of values and clusters are those of the database
// that they were read from. A line `{"purged":true}` stands for one that had to go.
//
// Hashes of what a release is, and objects, are not told: a decision that is known from lines alone
// tells how it was, and holds nothing back.
//
// Threads: any; pure. Texts are the arena's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_str;

#define HUB_LINE_BYTES_MAX ((size_t)128 * 1024)
#define HUB_LINE_PLACES_MAX 256
#define HUB_LINE_SPAN_MS ((int64_t)120 * 1000) // places of a line are less from its time
#define HUB_LINE_PURGED "[purged]"             // stands in a text for what had to go

enum hub_line_kind {
    HUB_LINE_BEGIN,
    HUB_LINE_CLUSTER,
    HUB_LINE_VALUE,
    HUB_LINE_IMAGE,
    HUB_LINE_CHANGE,
    HUB_LINE_ROW,
    HUB_LINE_CHECKPOINT,
    HUB_LINE_DECISION,
    HUB_LINE_VERDICT,
    HUB_LINE_PROVEN,
    HUB_LINE_FREEZE,
    HUB_LINE_FROZEN,
    HUB_LINE_LOST,
    HUB_LINE_BASE,
    HUB_LINE_PURGED_KIND, // {"purged":true}
    HUB_LINE_KINDS
};

// Members that lines may have; which ones by kind (line.c).
enum hub_line_member {
    HUB_LINE_M_NUMBER,
    HUB_LINE_M_ID, // SHA-256, as M_BUNDLE
    HUB_LINE_M_NAME,
    HUB_LINE_M_CLUSTER,
    HUB_LINE_M_CLUSTER_ID,
    HUB_LINE_M_APP,
    HUB_LINE_M_AXIS, // a number: enum hub_past_axis
    HUB_LINE_M_VALUE,
    HUB_LINE_M_KEY,
    HUB_LINE_M_BUNDLE,
    HUB_LINE_M_REVISION,
    HUB_LINE_M_REPO,
    HUB_LINE_M_HELD,
    HUB_LINE_M_SUSPENDED,
    HUB_LINE_M_IMAGE,
    HUB_LINE_M_CONTROLLER,
    HUB_LINE_M_CONTROLLER_KEY,
    HUB_LINE_M_VERDICT,
    HUB_LINE_M_IDENTITY,
    HUB_LINE_M_BAD_REVISION,
    HUB_LINE_M_GOOD_REVISION,
    HUB_LINE_M_TEXT,
    HUB_LINE_M_SETTLED,
    HUB_LINE_M_AGENT,
    HUB_LINE_M_NEEDS,
    HUB_LINE_M_REASON,
    HUB_LINE_M_ACTOR,
    HUB_LINE_M_SOURCE,
    HUB_LINE_M_AT,
    HUB_LINE_M_SEEN,
    HUB_LINE_M_LATE,
    HUB_LINE_M_FROM,
    HUB_LINE_M_UNTIL,
    HUB_LINE_M_TO,
    HUB_LINE_M_ENDED_BY,
    HUB_LINE_M_ENDED_WHY,
    HUB_LINE_M_PLACES,
    HUB_LINE_M_WEIGHT, // a text: per cent; "" if there is none
    HUB_LINE_M_PROOF,
    HUB_LINE_MEMBERS
};

struct hub_line_place {
    const char *cluster;
    int64_t after_ms; // the line's `atMs`; may be negative
};

struct hub_line {
    uint64_t epoch;
    int64_t n;
    enum hub_line_kind kind;
    struct {
        const char *text; // of a text or hash, never NULL after a parse
        int64_t number;   // of all else
    } of[HUB_LINE_MEMBERS];
    struct hub_line_place *places; // of a row
    size_t place_count;
};

// hub_line_parse reads a line, without its line feed. CM_EINVAL: it is none: a member is missing,
// unknown, of another type or too long. With `plain` it has no `epoch` and `n`, as the database
// keeps it before it is told.
CM_MUSTUSE enum cm_rc hub_line_parse(struct cm_arena *a, const char *text, size_t size, bool plain,
                                     struct hub_line *out, struct cm_err *err);

// hub_line_write adds a line with its line feed; a text that is NULL is empty.
void hub_line_write(struct cm_arena *a, const struct hub_line *line, struct cm_str *out);

// hub_line_members lists what lines of a kind have, in their order.
size_t hub_line_members(enum hub_line_kind kind, const enum hub_line_member **out);

bool hub_line_is_text(enum hub_line_member member);

// An event, as it stands in the segments `events/` (hub/jobs/state_words.h). Texts are "" where
// there is none.
struct hub_line_event {
    uint64_t epoch;
    int64_t n;
    int64_t at_ms;
    int64_t happened_ms;
    const char *kind;
    const char *cluster;
    const char *app;
    const char *key;
    const char *revision;
    const char *actor;
    const char *message;
};
CM_MUSTUSE enum cm_rc hub_line_parse_event(struct cm_arena *a, const char *text, size_t size,
                                           struct hub_line_event *out, struct cm_err *err);
