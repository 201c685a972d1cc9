#include "hub/jobs/needs.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "hub/fleet/fleet.h"
#include "hub/render/bundle.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/needs.h"

// form_of names a pod template; "" if there is none.
static void form_of(const struct cm_buf *object, char hex[CM_SHA256_HEX_MAX]) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *tree = NULL;
    struct cm_sha256 hash;
    struct cm_err err;

    hex[0] = '\0';
    if (object == NULL ||
        cm_json_parse(a, (const char *)object->data, object->size, NULL, &tree, &err) < 0) {
        return;
    }
    const struct cm_json *pods = cm_json_path(tree, "spec", "template", NULL);
    if (pods != NULL) {
        cm_buf_unref(cm_object_hash(pods, &hash));
        cm_sha256_hex(&hash, hex);
    }
}

static enum cm_rc note(struct hub_db *db, const struct hub_decision_row *row,
                       struct hub_need_row need, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *object = NULL;
    char form[CM_SHA256_HEX_MAX];
    enum cm_rc rc = hub_desired_find_blob(db, &row->bad, &object, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    form_of(object, form);
    need.cluster = row->cluster;
    need.app = row->app;
    need.key = row->key;
    need.revision = row->bad_revision;
    need.form = form;
    need.bundle = row->bad_bundle;
    return hub_needs_put(db, &need, err);
}

enum cm_rc hub_needs_note(struct hub_db *db, const struct hub_decision_row *row, const char *why,
                          struct cm_err *err) {
    return note(db, row, (struct hub_need_row){.why = why, .at_ms = cm_clock_unix_ms()}, err);
}

enum cm_rc hub_needs_wait(struct hub_db *db, const struct hub_decision_row *row, const char *why,
                          struct cm_err *err) {
    return note(db, row, (struct hub_need_row){.why = why, .at_ms = row->at_ms, .waits = true},
                err);
}

// ---- When it is over

struct looking {
    const struct hub_pair *pair;
    struct cm_arena *arena;
    const char **over; // keys
    size_t count;
};

// is_over: where the template of the release is not known, any change of the App is another one.
static bool is_over(const struct hub_bundle *bundle, const struct hub_need_row *row) {
    const struct hub_object *object = hub_bundle_find_key(bundle, row->key);
    char form[CM_SHA256_HEX_MAX];

    if (row->form[0] == '\0') {
        return !cm_sha256_equal(&bundle->sha256, &row->bundle);
    }
    form_of(object != NULL ? object->bytes : NULL, form);
    return strcmp(form, row->form) != 0;
}

static void look(void *ctx, const struct hub_need_row *row) {
    struct looking *l = ctx;

    if (is_over(l->pair->bundle, row)) {
        const char **over = cm_arena_get(l->arena, (l->count + 1) * sizeof(*over));

        memcpy(over, l->count == 0 ? over : l->over, l->count * sizeof(*over));
        over[l->count++] = cm_arena_strdup(l->arena, row->key);
        l->over = over;
    }
}

enum cm_rc hub_needs_look(struct hub_db *db, const char *cluster, const struct hub_pair *pair,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct looking l = {.pair = pair, .arena = a};
    enum cm_rc rc = hub_needs_each(db, cluster, pair->app, look, &l, err);

    for (size_t i = 0; rc == CM_OK && i < l.count; i++) {
        rc = hub_needs_end(db, cluster, pair->app, l.over[i], err);
    }
    return rc;
}
