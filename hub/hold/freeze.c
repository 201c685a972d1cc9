#include "hub/hold/freeze.h"

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/selector.h"
#include "common/yaml.h"

static const char *text_of(struct cm_arena *a, const struct cm_json *object, const char *name) {
    const char *text = cm_json_string(cm_json_get(object, name));

    return text != NULL ? cm_arena_strdup(a, text) : "";
}

static enum cm_rc read_time(const struct cm_json *spec, const char *name, int64_t *out,
                            const struct cm_json **wrong, struct cm_err *err) {
    const struct cm_json *node = cm_json_get(spec, name);

    *out = 0;
    if (node == NULL) {
        return CM_OK;
    }
    if (!cm_clock_parse(cm_json_string(node), out) || *out <= 0) {
        *wrong = node;
        return cm_fail(err, CM_EINVAL,
                       "spec.%s is no moment: write it as 2026-10-01T12:00:00Z, with quotes "
                       "around it",
                       name);
    }
    return CM_OK;
}

static enum cm_rc check_selector(struct cm_arena *a, const struct cm_json *spec,
                                 const struct cm_json **wrong, struct cm_err *err) {
    const struct cm_json *node = cm_json_get(spec, "selector");
    struct cm_label_selector selector;

    if (node == NULL) {
        return CM_OK;
    }
    *wrong = node;
    enum cm_rc rc = cm_label_selector_parse(a, cm_json_string(node), &selector, err);
    return rc < 0 ? cm_wrap(err, "spec.selector") : CM_OK;
}

enum cm_rc hub_freeze_read(struct cm_arena *a, const struct cm_json *document,
                           struct hub_freeze *out, const struct cm_json **wrong,
                           struct cm_err *err) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    struct hub_freeze f = {.name = text_of(a, cm_json_get(document, "metadata"), "name"),
                           .app = text_of(a, spec, "app"),
                           .cluster = text_of(a, spec, "cluster"),
                           .group = text_of(a, spec, "clusterGroup"),
                           .selector = text_of(a, spec, "selector"),
                           .reason = text_of(a, spec, "reason"),
                           .actor = text_of(a, spec, "by")};
    enum cm_rc rc = check_selector(a, spec, wrong, err);

    rc = rc < 0 ? rc : read_time(spec, "since", &f.at_ms, wrong, err);
    rc = rc < 0 ? rc : read_time(spec, "until", &f.until_ms, wrong, err);
    if (rc == CM_OK) {
        *out = f;
    }
    return rc;
}

static void set_text(struct cm_arena *a, struct cm_json *object, const char *name,
                     const char *text) {
    if (text[0] != '\0') {
        cm_json_set_string(a, object, name, text);
    }
}

static void set_time(struct cm_arena *a, struct cm_json *object, const char *name, int64_t ms) {
    char text[CM_CLOCK_TEXT_MAX];

    if (ms != 0) {
        cm_clock_format(ms, text);
        cm_json_set_string(a, object, name, text);
    }
}

void hub_freeze_write(const struct hub_freeze *freeze, struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *document = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_json *spec = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, document, "apiVersion", "holdfast/v1alpha1");
    cm_json_set_string(a, document, "kind", "Freeze");
    cm_json_set_string(a, metadata, "name", freeze->name);
    cm_json_set(a, document, "metadata", metadata);
    set_text(a, spec, "app", freeze->app);
    set_text(a, spec, "cluster", freeze->cluster);
    set_text(a, spec, "clusterGroup", freeze->group);
    set_text(a, spec, "selector", freeze->selector);
    cm_json_set_string(a, spec, "reason", freeze->reason);
    set_text(a, spec, "by", freeze->actor);
    set_time(a, spec, "since", freeze->at_ms);
    set_time(a, spec, "until", freeze->until_ms);
    cm_json_set(a, document, "spec", spec);
    cm_yaml_write(document, out);
}
