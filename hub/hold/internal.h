// internal: what the files of hub/hold share.
//
//     hold.c    a document -> a Hold, and what is asked about one
//     write.c   a Hold -> its file
//     change.c  two releases of a field -> what differs
//     make.c    a decision -> a Hold
//     pin.c     what somebody wants instead -> a Hold
//     renew.c   a Hold and what was promoted since -> a Hold that restores that
//     apply.c   Holds and objects -> objects
//     merge.c   three-way merges
//     image.c   names of images
//     ban.c     what shall never run
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/object/field.h"
#include "hub/hold/hold.h"

// What is collected of how two releases differ.
struct hub_changes_of {
    struct cm_arena *a;
    const char *object; // key
    struct hub_hold_delta *items;
    size_t count;
    size_t capacity;
    bool entries; // of lists only what differs between entries, not their order
};

// hub_hold_root returns the place of an object; one of an unknown kind with a pod template is like
// a Deployment (an Argo Rollout).
struct cm_cursor hub_hold_root(struct cm_arena *a, const struct cm_json *object);

// hub_hold_compare collects the fields in which a value differs; `at` is where it is. NULL: none.
void hub_hold_compare(struct hub_changes_of *c, const char *at, const struct cm_json *good,
                      const struct cm_json *bad, struct cm_place place);
void hub_hold_add_change(struct hub_changes_of *c, const char *at, const struct cm_json *bad,
                         const struct cm_json *use);

// hub_hold_find_like returns the entry of a list with the keys of another one; NULL: there is none.
const struct cm_json *hub_hold_find_like(const struct cm_list_rule *rule,
                                         const struct cm_json *list, const struct cm_json *entry);

// hub_hold_key reads the name of an object in a file into its key; NULL: it is none.
const char *hub_hold_key(struct cm_arena *a, const char *text);
const char *hub_hold_object_text(struct cm_arena *a, const char *key);

// hub_hold_name calls a Hold after its App and release, and what is changed.
const char *hub_hold_name(struct cm_arena *a, const struct hub_hold *hold);

// hub_hold_refers tells whether a workload's pod template refers to a ConfigMap or Secret.
bool hub_hold_refers(struct cm_arena *a, const struct cm_json *workload, const char *key);

bool hub_hold_is_image(const char *at);

// hub_hold_delta_of finds what is restored in the place of a part of the identity; NULL: nothing.
const struct hub_hold_delta *hub_hold_delta_of(const struct hub_hold *hold,
                                               const struct hub_hold_identity *id);
bool hub_hold_is_secret(const char *key);

// hub_merge_value merges three states of a value: what somebody changed since the bad one stays,
// all else becomes what it was in the good one; where both sides changed the same lines of a text,
// the good ones. NULL is that there is none.
const struct cm_json *hub_merge_value(struct cm_arena *a, struct cm_place place,
                                      const struct cm_json *bad, const struct cm_json *now,
                                      const struct cm_json *good);
// hub_merge_same tells whether two values mean the same; images may be written in two ways.
bool hub_merge_same(const struct cm_json *a, const struct cm_json *b);

// hub_merge_is_text tells whether two values are files, whose lines can be merged.
bool hub_merge_is_text(const struct cm_json *bad, const struct cm_json *good);
