#include "hub/render/care.h"

#include <string.h>

#include "common/json.h"
#include "hub/render/source.h"

// An annotation: the word that switches it on, the one that means what is so without it, and what
// is said of all others.
struct switching {
    const char *name;
    const char *on;
    const char *off;
    const char *advice;
    const char *alias; // another tool's annotation, looked at where ours is not there; NULL: none
    const char *alias_on;
};

#define FLUX "kustomize.toolkit.fluxcd.io/"
#define APPLY "holdfast.dev/apply"

static const struct switching recreate = {
    "holdfast.dev/recreate",           "true",       "false",
    "is 'true' or 'false', in quotes", FLUX "force", "enabled"};
static const struct switching once = {APPLY, "once", NULL, "is 'once'", FLUX "ssa", "IfNotPresent"};

// By which Flux leaves an object alone, as we do with none that is in Git.
static const struct {
    const char *name;
    const char *value;
} left_alone[] = {{FLUX "ssa", "Ignore"}, {FLUX "reconcile", "disabled"}};

static const struct cm_json *annotation_of(const struct cm_json *object, const char *name) {
    return cm_json_get(cm_json_path(object, "metadata", "annotations", NULL), name);
}

// report says what is wrong where it was written: what is filled in has lost its file.
static void report(const struct hub_template *t, const char *name, const char *advice,
                   struct hub_diags *diags) {
    const struct cm_json *at = annotation_of(t->object, name);

    at = at != NULL ? at : t->object;
    hub_diags_add(diags, hub_template_path(t, at), at->line, at->column, "the annotation %s %s",
                  name, advice);
}

// check_left_alone: what somebody wants to be left alone must not be applied in silence.
static bool check_left_alone(const struct hub_template *t, const struct cm_json *object,
                             struct hub_diags *diags) {
    for (size_t i = 0; i < sizeof(left_alone) / sizeof(left_alone[0]); i++) {
        const char *text = cm_json_string(annotation_of(object, left_alone[i].name));

        if (text != NULL && strcmp(text, left_alone[i].value) == 0 &&
            annotation_of(object, APPLY) == NULL) {
            report(t, left_alone[i].name,
                   "would leave the object alone, and it would be applied all the same: leave it "
                   "out of the App, or set " APPLY " beside it",
                   diags);
            return false;
        }
    }
    return true;
}

static bool read_switch(const struct hub_template *t, const struct cm_json *object,
                        const struct switching *s, bool *out, struct hub_diags *diags) {
    const struct cm_json *node = annotation_of(object, s->name);
    const char *text = cm_json_string(node);

    if (node == NULL && s->alias != NULL) {
        text = cm_json_string(annotation_of(object, s->alias));
        *out = text != NULL && strcmp(text, s->alias_on) == 0;
        return true;
    }
    *out = text != NULL && strcmp(text, s->on) == 0;
    if (node == NULL || *out || (text != NULL && s->off != NULL && strcmp(text, s->off) == 0)) {
        return true;
    }
    report(t, s->name, s->advice, diags);
    return false;
}

bool hub_care_read(const struct hub_template *t, const struct cm_json *object, struct hub_care *out,
                   struct hub_diags *diags) {
    bool recreate_ok = read_switch(t, object, &recreate, &out->recreate, diags);
    bool once_ok = read_switch(t, object, &once, &out->once, diags);

    return check_left_alone(t, object, diags) && recreate_ok && once_ok;
}
