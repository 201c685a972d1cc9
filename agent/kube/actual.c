#include "agent/kube/actual.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/actual.h"
#include "common/object/diff.h"
#include "common/object/owned.h"
#include "common/str.h"

// Who keeps notes of his own on everybody's objects.
static const char *const control_plane[] = {"kube-controller-manager", "kube-scheduler",
                                            "kube-apiserver", "cloud-controller-manager",
                                            "kubelet"};

static bool is_somebody(const void *ours, const struct cm_manager *m) {
    for (size_t i = 0; i < sizeof(control_plane) / sizeof(control_plane[0]); i++) {
        if (strcmp(m->name, control_plane[i]) == 0) {
            return false;
        }
    }
    return strcmp(m->name, ours) != 0;
}

bool kube_actual_has_others(struct cm_arena *a, const struct cm_json *live, const char *manager) {
    return cm_object_restrict_to(a, live, is_somebody, manager) != NULL;
}

static bool counts(const void *ctx, const struct cm_difference *d) {
    const struct kube_comparison *c = ctx;
    bool is_mark = strcmp(d->path, "metadata.labels") != 0 && kube_drift_is_mark(d->path);

    return !is_mark && !kube_drift_is_noise(c->baseline, d) &&
           !cm_object_has_beside(c->live, d->path, c->manager, d->desired, d->actual);
}

void kube_actual_find(struct cm_arena *a, const struct kube_comparison *c,
                      const struct cm_buf *form, struct kube_drift *found) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *tree = NULL;
    struct cm_err err;
    struct cm_actual what = {.desired = c->desired, .live = c->live, .counts = counts, .ctx = c};

    what.others = cm_object_restrict_to(a, c->live, is_somebody, c->manager);
    if ((found->count == 0 && what.others == NULL) ||
        cm_json_parse(a, (const char *)form->data, form->size, NULL, &tree, &err) < 0) {
        return;
    }
    what.form = tree;
    const struct cm_json *actual = cm_object_actual(a, &what);
    if (actual != NULL) {
        cm_json_write_canonical(actual, &text);
        found->actual = cm_arena_strndup(a, cm_str_get(&text), text.len);
        found->actual_size = text.len;
    }
}
