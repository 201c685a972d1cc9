#include "common/object/actual.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/diff.h"
#include "common/object/field.h"
#include "common/object/filled.h"
#include "common/object/secret.h"

#define FIELDS_MAX 2000 // what is beyond is never looked at

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
        if (found.items[i].desired->type == CM_NULL &&
            !cm_object_is_filled_in(m->a, what->live, &found.items[i])) {
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
                                    "meta.helm.sh/",
                                    "applyset.kubernetes.io/",
                                    "holdfast.dev/app"};

bool cm_actual_is_note(const char *name) {
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
        if (cm_actual_is_note(n->key) && cm_json_get(own, n->key) == NULL) {
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
        cm_json_set(a, m.out, CM_ACTUAL_CHANGED, m.unset);
    }
    return cm_json_equal(form, m.out) ? NULL : m.out;
}
