// support: what the agent's tests share: temporary folders, waiting for events, and manifests and
// bundles made from a few words. It asserts nothing.
//
// Threads: the test's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/plan/desired.h"
#include "common/tls/digest.h"

struct cm_buf;
struct cm_loop;

#define TEST_CLUSTER "6f1c2a34-0000-4000-8000-000000000001"

// temp_dir makes a folder; the caller frees the path after temp_dir_remove.
char *temp_dir(void);
void temp_dir_remove(char *path); // frees it too

// turn_until turns the loop until the condition holds; false after a hundred seconds of real time.
bool turn_until(struct cm_loop *loop, bool (*holds)(void *ctx), void *ctx);

// time_goes_on moves the fake clock as turn_until waits for other threads, about as fast as a real
// one. What a machine is too busy for takes no time then: no deadline ends it.
extern bool time_goes_on;

// An object of an App: its canonical form and its name.
struct test_object {
    const char *key;
    const char *json; // NULL: made from the key
    bool secret;
    bool recreate;
    bool keep;
    bool once;
    bool rests;
    unsigned rules;
    int wave;
    enum agent_phase phase;
    enum agent_hook_delete hook_delete;
};

// One rule about differences; objects refer to it by 1 + its place.
struct test_rule {
    const char *field;
    enum agent_drift drift;
    bool capture;
};

struct test_app {
    const char *name;
    const char *namespace;
    const char *revision;
    enum agent_drift drift;
    bool no_prune;
    bool prune_precious;
    bool suspend;
    bool adopt;
    enum agent_propagation propagation;
    bool yields;
    bool recreate;
    bool holds_undo;
    uint32_t health_timeout_s;
    const char *health_rules; // JSON; NULL: none
    const char *account;
    const char *hooks_for;     // NULL: the bundle itself; else what hashes to it
    const char *depends_on[4]; // ended by NULL
    const struct test_rule *rules;
    size_t rule_count;
    const struct test_object *objects;
    size_t object_count;
    const struct cm_sha256 *answers; // to a decision; NULL: none
};

struct test_gone {
    const char *name;
    const char *account;
    bool prune;
    bool held;
};

struct test_manifest {
    uint64_t epoch;
    uint64_t generation;
    const struct test_app *apps; // sorted by name; objects sorted by key
    size_t app_count;
    const struct test_gone *gone;
    size_t gone_count;
};

// A manifest with all its blobs, as the hub would have them.
struct test_blob {
    struct cm_sha256 name;
    struct cm_buf *bytes;
    bool secret;
};

struct test_release {
    struct cm_buf *manifest;
    struct cm_sha256 manifest_sha256;
    struct test_blob *blobs; // bundles and objects
    size_t blob_count;
};

struct test_release *release_new(const struct test_manifest *m);
void release_free(struct test_release *r);
void release_freep(struct test_release **r);
const struct test_blob *release_find(const struct test_release *r, const struct cm_sha256 *name);

// object_bytes returns the canonical form of an object; object_name its hash (for secrets a keyed
// one).
struct cm_buf *object_bytes(const struct test_object *o);
struct cm_sha256 object_name(const struct test_object *o);

// desired_new decodes a release as the agent does; NULL if it refuses.
struct agent_desired *desired_new(const struct test_release *r);
