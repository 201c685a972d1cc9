// actual: an object as it is, written like the form that is desired of it, so that a difference of
// the two texts is one of the objects.
//
// It is the desired form with each field set to what is there that differs, and with what others
// have put beside. What the target filled in or writes in another way ("1000m" and "1") is neither.
// Labels and annotations with which tools remember what they applied say nothing of the object, and
// are left out. Fields that cannot be set are named in a list `_changed`.
//
// Values may be secret, and so be told only as keyed hashes: "hmac:" and 32 digits of HMAC-SHA256.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;
struct cm_difference;
struct cm_json;

struct cm_actual {
    const struct cm_json *form;    // as desired
    const struct cm_json *desired; // as it is compared; may be `form`
    const struct cm_json *live;
    const struct cm_json *others; // of `live` what others have set; NULL: nothing
    // counts tells whether a difference is one; NULL: all are.
    bool (*counts)(const void *ctx, const struct cm_difference *d);
    const void *ctx;
};

// cm_object_actual makes it, with all secrets in it; NULL: it is as desired.
struct cm_json *cm_object_actual(struct cm_arena *a, const struct cm_actual *what);

// What may be told of values.
struct cm_hiding {
    const uint8_t *key;     // 32 bytes
    const char *object_key; // "ConfigMap/shop/settings"
    bool secret;            // all of it
};

// cm_hiding_holds tells whether a member is where secrets are put: arguments and environments of
// containers, values of ConfigMaps.
bool cm_hiding_holds(const char *object_key, const char *name, bool at_root);

// cm_hiding_hash returns what is told of a value.
struct cm_json *cm_hiding_hash(struct cm_arena *a, const uint8_t key[32], const char *text,
                               size_t len);

// cm_object_hide copies an object as it is with all values as hashes that are in a Secret, or are
// where secrets are put and do not stand there in the desired form too (NULL: none does).
struct cm_json *cm_object_hide(struct cm_arena *a, const struct cm_hiding *h,
                               const struct cm_json *form, const struct cm_json *actual);
