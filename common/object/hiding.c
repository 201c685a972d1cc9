#include "common/object/hiding.h"

#include <fnmatch.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/actual.h"
#include "common/object/field.h"
#include "common/object/secret.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define HASH "hmac:"

enum { HASH_DIGITS = 32 };

static bool is_root_of_values(const char *object_key, const char *name) {
    return strncmp(object_key, "ConfigMap/", 10) == 0 &&
           (strcmp(name, "data") == 0 || strcmp(name, "binaryData") == 0);
}

static bool is_words(const char *name) {
    return strcmp(name, "args") == 0 || strcmp(name, "command") == 0;
}

static bool is_hash(const char *text) {
    size_t len = strlen(HASH);

    return strncmp(text, HASH, len) == 0 && strspn(text + len, "0123456789abcdef") == HASH_DIGITS &&
           text[len + HASH_DIGITS] == '\0';
}

bool cm_hiding_hides(const struct cm_json *value) {
    if (value->type == CM_STRING) {
        return strcmp(value->text, CM_SECRET_MASK) == 0 || is_hash(value->text);
    }
    for (const struct cm_json *n = value->first; n != NULL; n = n->next) {
        if (cm_hiding_hides(n)) {
            return true;
        }
    }
    return false;
}

struct cm_json *cm_hiding_hash(struct cm_arena *a, const uint8_t key[32], const char *text,
                               size_t len) {
    struct cm_sha256 hmac = cm_hmac_sha256(key, 32, text, len);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hmac, hex);
    return cm_json_new_string(a, cm_arena_strf(a, HASH "%.*s", HASH_DIGITS, hex));
}

// How what is below a place is told.
enum how {
    SHOW,
    SHOW_PLAIN,   // numbers, and what is known to be no secret
    BY_NAME,      // what is next has a name, which the App may show
    HIDE_CHANGED, // but for what stands in the desired form too
    HIDE_ALL,
};

// Where a value stands: in which element of a list, by its name, and under which member.
struct at {
    const char *element;
    const char *member;
};

struct hider {
    struct cm_arena *a;
    const struct cm_hiding *h;
    struct cm_map *known; // values that stand in the desired form, and where
};

static const char *value_at(struct cm_arena *a, struct at at, const char *text) {
    return cm_arena_strf(a, "%s\n%s\n%s", at.element, at.member, text);
}

// step goes to a part of a value.
static struct at step(struct at at, const struct cm_json *value, const struct cm_json *part) {
    const char *name = cm_json_string(cm_json_get(part, "name"));

    if (value->type == CM_OBJECT) {
        return (struct at){at.element, part->key};
    }
    return (struct at){name != NULL ? name : at.element, at.member};
}

static void note_values(const struct hider *d, struct at at, const struct cm_json *node) {
    if (node->type == CM_ARRAY || node->type == CM_OBJECT) {
        for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
            note_values(d, step(at, node, n), n);
        }
    } else if (node->text != NULL) {
        cm_map_put(d->known, value_at(d->a, at, node->text), d->known);
    }
}

static struct cm_json *copy_scalar(const struct hider *d, struct at at, const struct cm_json *value,
                                   enum how how) {
    bool shown = how == SHOW || value->text == NULL || cm_hiding_hides(value) ||
                 (how == SHOW_PLAIN && value->type == CM_NUMBER) ||
                 (how != HIDE_ALL && cm_map_get(d->known, value_at(d->a, at, value->text)) != NULL);

    if (shown) {
        return cm_json_copy(d->a, value);
    }
    return d->h->key == NULL ? cm_json_new_string(d->a, CM_SECRET_MASK)
                             : cm_hiding_hash(d->a, d->h->key, value->text, value->len);
}

static bool shows(const struct cm_hiding *h, const char *name) {
    for (size_t i = 0; i < h->shown_count; i++) {
        if (fnmatch(h->shown[i], name, 0) == 0) {
            return true;
        }
    }
    return false;
}

static enum how by_name(const struct cm_hiding *h, const char *name) {
    return shows(h, name) ? SHOW : HIDE_CHANGED;
}

// Of an object that no App names these members are known to be no secrets, ...
static const char *const plain[] = {"apiVersion",
                                    "concurrencyPolicy",
                                    "image",
                                    "imagePullPolicy",
                                    "kind",
                                    "maxSurge",
                                    "maxUnavailable",
                                    "name",
                                    "namespace",
                                    "podManagementPolicy",
                                    "port",
                                    "protocol",
                                    "restartPolicy",
                                    "schedule",
                                    "serviceAccountName",
                                    "serviceName",
                                    "targetPort",
                                    "timeZone",
                                    "type",
                                    "whenDeleted",
                                    "whenScaled"};
// ... nor is anything below these. Below the last ones whoever writes them names the members.
static const char *const plain_below[] = {"labels", "nodeSelector", "resources", "selector"};
static const char *const free_below[] = {"annotations", "headers",           "options",
                                         "plugins",     "templateVariables", "volumeAttributes",
                                         "webhooks"};

#define IS_ANY(name, names) is_any(name, names, sizeof(names) / sizeof((names)[0]))

static bool is_any(const char *name, const char *const *names, size_t count) {
    size_t i = 0;

    while (i < count && strcmp(name, names[i]) != 0) {
        i++;
    }
    return i < count;
}

static enum how of_nobodys(const char *member) {
    if (IS_ANY(member, free_below)) {
        return HIDE_ALL;
    }
    return IS_ANY(member, plain) || IS_ANY(member, plain_below) ? SHOW : SHOW_PLAIN;
}

// how_below: what an element of a list is called is no secret, unless all is.
static enum how how_below(const struct cm_hiding *h, enum how how, const char *member) {
    if (cm_secret_hides(member, false)) {
        return HIDE_ALL; // kubectl's copy of the whole object
    }
    if (h->nobodys && how == SHOW) { // a label may be called as anything
        return SHOW;
    }
    if (how == SHOW_PLAIN) {
        return of_nobodys(member);
    }
    if (how == BY_NAME) {
        return by_name(h, member);
    }
    if (how == SHOW && is_words(member)) {
        return by_name(h, member);
    }
    if (how == SHOW && strcmp(member, "env") == 0) {
        return BY_NAME;
    }
    return how == HIDE_CHANGED && strcmp(member, "name") == 0 ? SHOW : how;
}

static struct cm_json *copy_hidden(const struct hider *d, struct at at, const struct cm_json *value,
                                   enum how how) {
    if (value->type != CM_ARRAY && value->type != CM_OBJECT) {
        return copy_scalar(d, at, value, how);
    }
    struct cm_json *copy = cm_json_new(d->a, value->type);
    for (const struct cm_json *n = value->first; n != NULL; n = n->next) {
        struct at below = step(at, value, n);

        if (value->type == CM_ARRAY) {
            const char *name = cm_json_string(cm_json_get(n, "name"));
            enum how next = how != BY_NAME ? how : by_name(d->h, name == NULL ? "" : name);

            cm_json_append(copy, copy_hidden(d, below, n, next));
        } else {
            enum how next = how_below(d->h, how, n->key);

            cm_json_set(d->a, copy, n->key, copy_hidden(d, below, n, next));
        }
    }
    return copy;
}

// how_at_root tells how what is below a member of the object itself is told.
static enum how how_at_root(const struct cm_hiding *h, const char *name, bool is_secret) {
    bool is_identity = strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
                       strcmp(name, "metadata") == 0 || strcmp(name, CM_ACTUAL_CHANGED) == 0;

    if (is_secret ? cm_secret_hides(name, true) : h->secret && !is_identity) {
        return HIDE_ALL;
    }
    if (h->nobodys && strcmp(name, CM_ACTUAL_CHANGED) != 0) {
        return of_nobodys(name);
    }
    return is_root_of_values(h->object_key, name) ? BY_NAME : how_below(h, SHOW, name);
}

static bool is_secret(const struct cm_hiding *h) {
    return strncmp(h->object_key, "Secret/", 7) == 0;
}

struct cm_json *cm_object_hide(struct cm_arena *a, const struct cm_hiding *h,
                               const struct cm_json *form, const struct cm_json *actual) {
    CM_CLEANUP(cm_map_freep) struct cm_map *known = cm_map_new(NULL);
    const struct hider d = {.a = a, .h = h, .known = known};
    bool secret = cm_secret_is(actual) || is_secret(h);
    struct cm_json *copy = cm_json_new(a, CM_OBJECT);

    const struct at root = {"", ""};

    if (form != NULL) {
        note_values(&d, root, form);
    }
    for (const struct cm_json *n = actual->first; n != NULL; n = n->next) {
        enum how how = how_at_root(h, n->key, secret);

        cm_json_set(a, copy, n->key, copy_hidden(&d, step(root, actual, n), n, how));
    }
    return copy;
}

// ---- One field

// name_of is the name of a list's entry, "" if it has none.
static const char *name_of(const struct cm_segment *entry) {
    for (size_t i = 0; entry->type == CM_SEGMENT_ENTRY && entry->keys[i] != NULL; i++) {
        if (strcmp(entry->keys[i], "name") == 0) {
            return entry->values[i];
        }
    }
    return "";
}

// how_at tells how a field is told. A path that cannot be read may lead anywhere.
static enum how how_at(struct cm_arena *a, const struct cm_hiding *h, const char *text) {
    struct cm_path path;
    enum how how = SHOW;

    if (!cm_field_parse(a, text, &path) || path.count == 0) {
        return HIDE_ALL;
    }
    for (size_t i = 0; i < path.count; i++) {
        const struct cm_segment *s = &path.segments[i];

        if (s->type != CM_SEGMENT_MEMBER) {
            how = how == BY_NAME ? by_name(h, name_of(s)) : how;
        } else if (i == 0) {
            how = how_at_root(h, s->name, is_secret(h));
        } else {
            how = how_below(h, how, s->name);
        }
    }
    return how;
}

bool cm_hiding_reaches(struct cm_arena *a, const char *object_key, const char *path) {
    const struct cm_hiding nothing_shown = {.object_key = object_key};

    return how_at(a, &nothing_shown, path) != SHOW;
}

// cut_text: what was cut is no JSON any more. A string is told as far as it goes, of more than that
// nobody knows what is in it.
static const char *cut_text(struct cm_arena *a, const struct cm_hiding *h, const char *text,
                            enum how how) {
    if (how == SHOW && text[0] == '"') {
        return text;
    }
    return h->key == NULL
               ? "\"" CM_SECRET_MASK "\""
               : cm_arena_strf(a, "\"%s\"", cm_hiding_hash(a, h->key, text, strlen(text))->text);
}

const char *cm_hiding_text(struct cm_arena *a, const struct cm_hiding *h, const char *path,
                           const char *text) {
    CM_CLEANUP(cm_map_freep) struct cm_map *known = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    enum how how = text[0] == '\0' ? SHOW : how_at(a, h, path);
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (text[0] == '\0' || strcmp(text, CM_SECRET_MASK) == 0) {
        return text;
    }
    if (cm_json_parse(a, text, strlen(text), NULL, &tree, &err) < 0) {
        return cut_text(a, h, text, how);
    }
    known = cm_map_new(NULL);
    const struct hider d = {.a = a, .h = h, .known = known};
    cm_json_write_compact(copy_hidden(&d, (struct at){"", ""}, tree, how), &out);
    return cm_arena_strdup(a, cm_str_get(&out));
}
