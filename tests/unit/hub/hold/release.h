// release: releases of an App as texts, and a Hold that is made of two of them.
//
// Threads: one.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/yaml.h"
#include "hub/hold/hold.h"

#define RELEASE_OBJECTS 8

struct release {
    struct cm_arena *arena;
    struct hub_hold_object objects[RELEASE_OBJECTS];
    struct cm_json *trees[RELEASE_OBJECTS];
    bool touched[RELEASE_OBJECTS];
    size_t count;
};

static inline void release_init(struct release *r, const char *text) {
    struct cm_yaml_docs docs;
    struct cm_err err = {0};

    *r = (struct release){.arena = cm_arena_new(0)};
    if (cm_yaml_parse(r->arena, text, strlen(text), NULL, &docs, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < docs.count; i++) {
        struct cm_str bytes = {0};
        struct cm_object_id id;

        assert_int_equal(cm_object_id_of(r->arena, docs.docs[i], &id, &err), CM_OK);
        cm_json_write_canonical(docs.docs[i], &bytes);
        r->trees[i] = docs.docs[i];
        r->objects[i] = (struct hub_hold_object){
            .key = cm_object_key(r->arena, &id),
            .bytes = cm_arena_strndup(r->arena, cm_str_get(&bytes), bytes.len),
            .size = bytes.len};
        cm_str_done(&bytes);
    }
    r->count = docs.count;
}

static inline void release_done(struct release *r) {
    cm_arena_free(r->arena);
}

static inline size_t release_position(const struct release *r, const char *key) {
    size_t i = 0;

    while (i < r->count && strcmp(r->objects[i].key, key) != 0) {
        i++;
    }
    return i;
}

static inline struct cm_json *release_find(void *ctx, const char *key) {
    struct release *r = ctx;
    size_t at = release_position(r, key);

    return at < r->count ? r->trees[at] : NULL;
}

static inline void release_add(void *ctx, const char *key, struct cm_json *object) {
    struct release *r = ctx;

    r->objects[r->count].key = cm_arena_strdup(r->arena, key);
    r->trees[r->count++] = object;
}

static inline void release_touch(void *ctx, const char *key) {
    struct release *r = ctx;

    r->touched[release_position(r, key)] = true;
}

static inline struct hub_hold_objects release_objects(struct release *r) {
    return (struct hub_hold_objects){.find = release_find,
                                     .add = release_add,
                                     .touch = release_touch,
                                     .ctx = r,
                                     .arena = r->arena};
}

// release_text writes an object of a release on one line; "" if there is none.
static inline const char *release_text(struct release *r, const char *key) {
    struct cm_json *tree = release_find(r, key);
    struct cm_str text = {0};

    if (tree != NULL) {
        cm_json_write_compact(tree, &text);
    }
    const char *copy = cm_arena_strdup(r->arena, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static inline enum cm_rc make_hold(const char *good_text, const char *bad_text,
                                   struct hub_hold **out, struct cm_err *err) {
    static const char *const clusters[] = {"eu-017", "eu-001", "eu-017"};
    struct release good;
    struct release bad;

    release_init(&good, good_text);
    release_init(&bad, bad_text);
    struct hub_hold_decision d = {.app = "checkout",
                                  .clusters = clusters,
                                  .cluster_count = 3,
                                  .workload = bad.objects[0].key,
                                  .good = good.objects,
                                  .good_count = good.count,
                                  .bad = bad.objects,
                                  .bad_count = bad.count,
                                  .good_revision = "aaaaaaaaaaaaaaaaaaaa",
                                  .bad_revision = "bbbbbbbbbbbbbbbbbbbb",
                                  .cause = {.controller = "flagger",
                                            .actor = "",
                                            .object = "prod/checkout",
                                            .phase = "Failed",
                                            .text = "Failed checks threshold reached 5",
                                            .at = "2026-10-01T12:00:00Z"},
                                  .event = "0123abcd"};
    enum cm_rc rc = hub_hold_make(&d, out, err);
    release_done(&good);
    release_done(&bad);
    return rc;
}

static inline struct hub_hold *must_make(const char *good, const char *bad) {
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    if (make_hold(good, bad, &hold, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return hold;
}

// What a Deployment `prod/checkout` is: its container's fields as a flow of YAML.
#define WORKLOAD(container, rest)                                                                  \
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: checkout, namespace: prod}\n"         \
    "spec:\n  replicas: 3\n  template:\n    metadata: {annotations: {stamp: c1}}\n    spec:\n"     \
    "      containers:\n      - {name: main, " container "}\n" rest
#define WORKLOAD_KEY "Deployment.apps/prod/checkout"
#define IMAGE_AT "/spec/template/spec/containers/[name=main]/image"
