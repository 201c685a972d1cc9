// hiding: what may be told of values that somebody set by hand, for they may be secrets, wherever
// secrets are put: environments, arguments and commands of containers, ConfigMaps, Secrets.
//
// Such a value is told as a keyed hash, "hmac:" and 32 digits of HMAC-SHA256: whether two values
// are the same one can be seen with the key and without it, what they are cannot. An App may name
// variables of environments and keys of ConfigMaps whose values are no secrets.
//
// Of an object that no App names nobody has said anything: of it only what is known to be no secret
// is told, and every other text is a hash (deploy/observe.md says what that is).
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;
struct cm_json;

#define CM_HIDING_SHOWN_MAX 100
#define CM_HIDING_PATTERN_MAX 253 // bytes

struct cm_hiding {
    const uint8_t *key;     // 32 bytes; NULL: what is hidden is told as CM_SECRET_MASK
    const char *object_key; // "ConfigMap/shop/settings"
    bool secret;            // all of it
    bool nobodys;           // no App names it
    // Names that are shown, as shell patterns (fnmatch(3)); "args" and "command" are those of
    // containers.
    const char *const *shown;
    size_t shown_count;
};

// cm_hiding_reaches tells whether a field is where secrets are put, or in it: what no App shows is
// hidden there. A path that cannot be read may lead anywhere.
bool cm_hiding_reaches(struct cm_arena *a, const char *object_key, const char *path);

// cm_hiding_hides tells whether a value, or anything in it, is told as a hash or masked.
bool cm_hiding_hides(const struct cm_json *value);

// cm_hiding_hash returns what is told of a value.
struct cm_json *cm_hiding_hash(struct cm_arena *a, const uint8_t key[32], const char *text,
                               size_t len);

// cm_object_hide copies an object as it is (common/object/actual.h) with all values hidden that are
// in a Secret, or are where secrets are put and do not stand there in the desired form too (NULL:
// none does).
struct cm_json *cm_object_hide(struct cm_arena *a, const struct cm_hiding *h,
                               const struct cm_json *form, const struct cm_json *actual);

// cm_hiding_text returns what may be told of the value of one field: `path` is as diff.h writes it
// or a JSON pointer, `text` the value as JSON, perhaps cut, "" if the field is missing. What is
// hidden already stays as it is. The result is the arena's, or `text`.
const char *cm_hiding_text(struct cm_arena *a, const struct cm_hiding *h, const char *path,
                           const char *text);
