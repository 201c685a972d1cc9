#include "common/object/actual.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/field.h"
#include "common/object/secret.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define FIELDS_MAX 2000 // what is beyond is never looked at
#define CHANGED "_changed"

// ---- Making it

struct making {
    struct cm_arena *a;
    struct cm_json *out;
    struct cm_json *unset; // names of fields that cannot be set
};

// put sets a field to what is there. The list of differences shows no values of Secrets, so they
// are looked up.
static void put(struct making *m, const struct cm_json *from, const struct cm_difference *d) {
    const struct cm_json *value = d->actual;
    struct cm_path path;

    if (cm_field_parse(m->a, d->path, &path)) {
        if (value != NULL) {
            struct cm_cursor at =
                cm_field_walk(cm_field_root(m->a, from), path.segments, path.count);

            value = at.node != NULL ? at.node : value;
        }
        if (cm_field_set(m->a, m->out, &path, value)) {
            return;
        }
    }
    cm_json_append(m->unset, cm_json_new_string(m->a, d->path));
}

static void put_changed(struct making *m, const struct cm_actual *what) {
    struct cm_differences found = {0};

    cm_object_diff(m->a, what->desired, what->live, FIELDS_MAX, &found);
    for (size_t i = 0; i < found.count; i++) {
        if (what->counts == NULL || what->counts(what->ctx, &found.items[i])) {
            put(m, what->live, &found.items[i]);
        }
    }
}

static void put_added(struct making *m, const struct cm_actual *what) {
    struct cm_differences found = {0};

    if (what->others == NULL) {
        return;
    }
    cm_object_changes(m->a, what->desired, what->others, FIELDS_MAX, &found);
    for (size_t i = 0; i < found.count; i++) {
        if (found.items[i].desired->type == CM_NULL) {
            put(m, what->others, &found.items[i]);
        }
    }
}

// What tools note on objects that they apply.
static const char *const notes[] = {"kubectl.kubernetes.io/last-applied-configuration",
                                    "kustomize.toolkit.fluxcd.io/",
                                    "helm.toolkit.fluxcd.io/",
                                    "argocd.argoproj.io/",
                                    "objectset.rio.cattle.io/",
                                    "meta.helm.sh/"};

static bool is_note(const char *name) {
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        if (strncmp(name, notes[i], strlen(notes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void drop_notes(struct making *m, const struct cm_json *form, const char *where) {
    struct cm_json *metadata = cm_json_get(m->out, "metadata");
    struct cm_json *map = cm_json_get(metadata, where);
    const struct cm_json *own = cm_json_path(form, "metadata", where, NULL);
    const struct cm_json *next;

    for (const struct cm_json *n = map == NULL ? NULL : map->first; n != NULL; n = next) {
        next = n->next;
        if (is_note(n->key) && cm_json_get(own, n->key) == NULL) {
            (void)cm_json_remove(map, n->key);
        }
    }
    if (map != NULL && map->count == 0 && own == NULL) {
        (void)cm_json_remove(metadata, where);
    }
}

struct cm_json *cm_object_actual(struct cm_arena *a, const struct cm_actual *what) {
    struct making m = {
        .a = a, .out = cm_json_copy(a, what->form), .unset = cm_json_new(a, CM_ARRAY)};

    cm_secret_settle(a, m.out);
    struct cm_json *form = cm_json_copy(a, m.out);
    put_changed(&m, what);
    put_added(&m, what);
    drop_notes(&m, form, "labels");
    drop_notes(&m, form, "annotations");
    if (m.unset->count > 0) {
        cm_json_set(a, m.out, CHANGED, m.unset);
    }
    return cm_json_equal(form, m.out) ? NULL : m.out;
}

// ---- Hiding

bool cm_hiding_holds(const char *object_key, const char *name, bool at_root) {
    if (strcmp(name, "env") == 0 || strcmp(name, "args") == 0 || strcmp(name, "command") == 0) {
        return true;
    }
    return at_root && strncmp(object_key, "ConfigMap/", 10) == 0 &&
           (strcmp(name, "data") == 0 || strcmp(name, "binaryData") == 0);
}

struct cm_json *cm_hiding_hash(struct cm_arena *a, const uint8_t key[32], const char *text,
                               size_t len) {
    struct cm_sha256 hmac = cm_hmac_sha256(key, 32, text, len);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hmac, hex);
    return cm_json_new_string(a, cm_arena_strf(a, "hmac:%.32s", hex));
}

enum hide { SHOW, HIDE_CHANGED, HIDE_ALL };

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
                                   enum hide how) {
    bool shown =
        how == SHOW || value->text == NULL ||
        (how == HIDE_CHANGED && cm_map_get(d->known, value_at(d->a, at, value->text)) != NULL);

    return shown ? cm_json_copy(d->a, value)
                 : cm_hiding_hash(d->a, d->h->key, value->text, value->len);
}

// hide_below: what an element of a list is called is no secret, unless all is.
static enum hide hide_below(enum hide how, const char *name) {
    if (cm_secret_hides(name, false)) {
        return HIDE_ALL; // kubectl's copy of the whole object
    }
    if (how == HIDE_CHANGED && strcmp(name, "name") == 0) {
        return SHOW;
    }
    return how == SHOW && cm_hiding_holds("", name, false) ? HIDE_CHANGED : how;
}

static struct cm_json *copy_hidden(const struct hider *d, struct at at, const struct cm_json *value,
                                   enum hide how) {
    if (value->type != CM_ARRAY && value->type != CM_OBJECT) {
        return copy_scalar(d, at, value, how);
    }
    struct cm_json *copy = cm_json_new(d->a, value->type);
    for (const struct cm_json *n = value->first; n != NULL; n = n->next) {
        struct at below = step(at, value, n);

        if (value->type == CM_ARRAY) {
            cm_json_append(copy, copy_hidden(d, below, n, how));
        } else {
            cm_json_set(d->a, copy, n->key, copy_hidden(d, below, n, hide_below(how, n->key)));
        }
    }
    return copy;
}

// root_hides tells what is hidden below a member of the object itself.
static enum hide root_hides(const struct cm_hiding *h, const char *name, bool is_secret) {
    bool is_identity = strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
                       strcmp(name, "metadata") == 0 || strcmp(name, CHANGED) == 0;

    if (is_secret ? cm_secret_hides(name, true) : h->secret && !is_identity) {
        return HIDE_ALL;
    }
    return cm_hiding_holds(h->object_key, name, true) ? HIDE_CHANGED : SHOW;
}

struct cm_json *cm_object_hide(struct cm_arena *a, const struct cm_hiding *h,
                               const struct cm_json *form, const struct cm_json *actual) {
    CM_CLEANUP(cm_map_freep) struct cm_map *known = cm_map_new(NULL);
    const struct hider d = {.a = a, .h = h, .known = known};
    bool is_secret = cm_secret_is(actual) || strncmp(h->object_key, "Secret/", 7) == 0;
    struct cm_json *copy = cm_json_new(a, CM_OBJECT);

    const struct at root = {"", ""};

    if (form != NULL) {
        note_values(&d, root, form);
    }
    for (const struct cm_json *n = actual->first; n != NULL; n = n->next) {
        enum hide how = root_hides(h, n->key, is_secret);

        cm_json_set(a, copy, n->key, copy_hidden(&d, step(root, actual, n), n, how));
    }
    return copy;
}
