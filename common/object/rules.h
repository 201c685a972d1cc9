// rules: how an object of a kind is doing, read from its own fields as Git says.
//
//     - group: db.example.com
//       kind: Database
//       observedGeneration: status.observedGeneration
//       degraded:
//         - {path: "status.conditions[type=Failed].status", equals: "True"}
//       healthy:
//         - {path: /status/phase, in: [Ready, Idle]}
//       message: status.message
//
// A path is a JSON pointer if it begins with '/', else one as common/object/path.h has it. A list
// of conditions holds if each of them does; scalars are compared as text. Of all rules for a kind
// those that say degraded count first, then those that say progressing, then those that say
// healthy. Where some rule says when an object is healthy and none says how it is, it is
// progressing. Rules of which none says when an object is healthy leave the rest to whoever asks.
//
// What is in a Secret is neither shown nor compared; that a key is there may be asked.
//
// What is not understood never holds, so that an older program does not call healthy what a newer
// one would not.
//
// Threads: any; pure. Rules do not change once they are read.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct cm_rules;

#define CM_RULES_MAX 100                   // rules
#define CM_RULES_CONDITIONS 16             // of a list
#define CM_RULES_BYTES ((size_t)64 * 1024) // as JSON

enum cm_verdict {
    CM_VERDICT_NONE,
    CM_VERDICT_HEALTHY,
    CM_VERDICT_PROGRESSING,
    CM_VERDICT_DEGRADED,
};

// cm_rules_parse reads rules from JSON, a list. It fails with CM_EINVAL on what is no list of
// objects, or too large.
CM_MUSTUSE enum cm_rc cm_rules_parse(const char *text, size_t size, struct cm_rules **out,
                                     struct cm_err *err);
void cm_rules_free(struct cm_rules *rules); // NULL is fine

// cm_rules_judge says how an object is doing (group and kind are its own), and why in the object's
// own words; these are the arena's, or "".
enum cm_verdict cm_rules_judge(const struct cm_rules *rules, struct cm_arena *a,
                               const struct cm_json *object, const char **why);

// cm_rules_secret returns the path (a node of the list of rules, which may be anything) that would
// show or compare what is in a Secret; NULL if none does.
const struct cm_json *cm_rules_secret(const struct cm_json *list);

// cm_rules_path_ok tells whether a text is a path.
bool cm_rules_path_ok(const char *text);
