// state_words: paths, texts and messages of the state repository, as
// deploy/reference/state-repository.md promises them.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tls/digest.h"

struct cm_arena;
struct cm_json;
struct cm_map;
struct cm_str;
struct hub_event;

#define HUB_STATE_META "_meta.json" // of a cluster
#define HUB_STATE_SEGMENT_MAX ((size_t)64 * 1024)

// hub_state_folder names the folder of a cluster: "16/paris", by the SHA-256 of its name.
const char *hub_state_folder(struct cm_arena *a, const char *cluster);

// hub_state_part makes a name that an agent may have made up fit to be a folder.
const char *hub_state_part(struct cm_arena *a, const char *name);

// hub_state_file names an object's file in the folder of its App: "shop/Deployment.apps.web.json".
// NULL: the key is none.
const char *hub_state_file(struct cm_arena *a, const char *key);

// hub_state_identity makes the beginning of a document that is not all of an object: its kind and
// name.
struct cm_json *hub_state_identity(struct cm_arena *a, const char *key);

// hub_state_named writes what stands for an object whose content is not told: identity and name.
void hub_state_named(struct cm_arena *a, const char *key, const struct cm_sha256 *name, bool secret,
                     struct cm_str *out);

// What a commit is about.
struct hub_state_news {
    const char *branch;
    struct cm_map *apps; // sets: keys count
    struct cm_map *clusters;
    struct cm_map *causes; // "commit fleet@4f1c…"
    struct cm_map *actors; // none: unknown
    bool only_removed;
    const char *desired; // commit of the branch `desired` that this is compared with; NULL
    uint64_t epoch;
    int64_t event; // the last that was on record; 0: none
    const char *hub_id;
};

void hub_state_news_init(struct hub_state_news *n, const char *branch);
void hub_state_news_done(struct hub_state_news *n); // a zeroed one is fine
void hub_state_news_add(struct cm_map *set, const char *word);

// hub_state_message writes subject, body and trailers.
void hub_state_message(const struct hub_state_news *n, struct cm_str *out);

// hub_state_event_line writes an event as one line of JSON. Values of fields that differ, and
// what a program wrote, are left out of its message: they may be secret.
void hub_state_event_line(struct cm_arena *a, uint64_t epoch, int64_t number,
                          const struct hub_event *e, struct cm_str *out);

// hub_state_told returns a text without what a program wrote.
const char *hub_state_told(struct cm_arena *a, const char *text);

// hub_state_hour says where events of a moment belong: folder "events/2026/11/28", and in it files
// whose names begin with "21-".
struct hub_state_hour {
    char folder[24];
    char prefix[4];
};
void hub_state_hour(int64_t at_ms, struct hub_state_hour *out);
