#include "hub/hold/exemption.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/path.h"
#include "hub/hold/hours.h"

static const char *text_of(struct cm_arena *a, const struct cm_json *object, const char *name) {
    const char *text = cm_json_string(cm_json_get(object, name));

    return text != NULL ? cm_arena_strdup(a, text) : "";
}

static const char *const *read_names(struct cm_arena *a, const struct cm_json *list,
                                     size_t *count) {
    size_t room = list != NULL ? list->count : 0;
    const char **names = cm_arena_get(a, (room + 1) * sizeof(*names));

    *count = 0;
    for (const struct cm_json *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        const char *name = cm_json_string(n);

        names[(*count)++] = cm_arena_strdup(a, name != NULL ? name : "");
    }
    return names;
}

// A path begins with a member's name; a JSON pointer is none.
static bool is_field(struct cm_arena *a, const char *text) {
    struct cm_path path;

    return text[0] == '\0' || (text[0] != '/' && strlen(text) <= HUB_EXEMPTION_FIELD_MAX &&
                               cm_path_parse(a, text, &path) && path.count > 0);
}

static enum cm_rc read_end(struct cm_arena *a, const struct cm_json *spec, int64_t *out_ms,
                           const struct cm_json **wrong, struct cm_err *err) {
    const struct cm_json *hours = cm_json_get(spec, "workingHours");
    struct hub_hours read;

    *wrong = cm_json_get(spec, "until");
    if (*wrong == NULL || !cm_clock_parse(text_of(a, spec, "until"), out_ms)) {
        return cm_fail(err, CM_EINVAL, "until: write when it ends, such as '2026-10-01T08:00:00Z'");
    }
    if (hours == NULL) {
        return CM_OK;
    }
    *wrong = hours;
    if (hub_hours_parse(text_of(a, spec, "workingHours"), &read, err) < 0) {
        return cm_wrap(err, "workingHours");
    }
    *out_ms = hub_hours_next(&read, *out_ms);
    return CM_OK;
}

enum cm_rc hub_exemption_read(struct cm_arena *a, const struct cm_json *document,
                              struct hub_exemption *out, const struct cm_json **wrong,
                              struct cm_err *err) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    struct cm_object_id id;

    *out = (struct hub_exemption){
        .name = text_of(a, cm_json_get(document, "metadata"), "name"),
        .app = text_of(a, spec, "app"),
        .object = text_of(a, spec, "object"),
        .field = text_of(a, spec, "field"),
        .reason = text_of(a, spec, "reason"),
        .by = text_of(a, spec, "by"),
        .site = text_of(a, spec, "site"),
    };
    out->clusters = read_names(a, cm_json_get(spec, "clusters"), &out->cluster_count);
    if (read_end(a, spec, &out->until_ms, wrong, err) < 0) {
        *wrong = *wrong != NULL ? *wrong : document;
        return err->code;
    }
    *wrong = cm_json_get(spec, "object");
    if (!cm_object_key_parse(a, out->object, &id)) {
        *wrong = *wrong != NULL ? *wrong : document;
        return cm_fail(err, CM_EINVAL,
                       "object: write KIND.GROUP/NAMESPACE/NAME, as 'holdfast diff' prints it");
    }
    *wrong = cm_json_get(spec, "site");
    if (out->site[0] != '\0' && !cm_sha256_parse(out->site, &out->site_id)) {
        return cm_fail(err, CM_EINVAL,
                       "site: leave it as the hub wrote it, or out: it is the id of an object on "
                       "the cluster");
    }
    *wrong = cm_json_get(spec, "field");
    if (!is_field(a, out->field)) {
        return cm_fail(
            err, CM_EINVAL,
            "field: write a path as 'holdfast diff' prints it, such as spec.replicas, of "
            "at most %d bytes",
            HUB_EXEMPTION_FIELD_MAX);
    }
    return CM_OK;
}

bool hub_exemption_lists(const struct hub_exemption *e, const char *cluster) {
    for (size_t i = 0; i < e->cluster_count; i++) {
        if (strcmp(e->clusters[i], cluster) == 0) {
            return true;
        }
    }
    return false;
}

bool hub_exemption_is_about(const struct hub_exemption *e, const char *key, const char *namespace) {
    return cm_object_key_means(e->object, key, namespace);
}
