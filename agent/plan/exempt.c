#include "agent/plan/exempt.h"

#include <string.h>

#include "agent/driver.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/path.h"
#include "common/str.h"
#include "common/utf8.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define NAME_MAX_BYTES 253
#define MANAGER_MAX 128

// A text of what it says.
struct word {
    const char *name;
    size_t max; // bytes
    bool needed;
    const char *advice;
};

static const struct word words[] = {
    {"app", NAME_MAX_BYTES, true, "the App"},
    {"object", CM_OBJECT_KEY_MAX - 1, true,
     "KIND.GROUP/NAMESPACE/NAME, as 'holdfast diff' prints it"},
    {"field", AGENT_EXEMPTION_FIELD_MAX, false,
     "a path as 'holdfast diff' prints it, such as spec.replicas"},
    {"until", CM_CLOCK_TEXT_MAX * 2, true, "when it ends, such as '2026-10-01T08:00:00Z'"},
    {"reason", AGENT_EXEMPTION_REASON_MAX, true, "why, for those who meet it"},
    {"by", AGENT_EXEMPTION_BY_MAX, false, "who you are"},
};

enum { APP, OBJECT, FIELD, UNTIL, REASON, BY, WORDS };

struct cm_sha256 agent_exempt_id(const struct agent_site_object *object) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_addf(&text, "%s\n", object->uid);
    if (object->spec != NULL) {
        cm_json_write_canonical(object->spec, &text);
    }
    return cm_sha256(cm_str_get(&text), text.len);
}

static bool has_control(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum cm_rc read_word(const struct cm_json *spec, const struct word *w, const char **out,
                            struct cm_err *err) {
    const struct cm_json *node = cm_json_get(spec, w->name);
    const char *text = cm_json_string(node);

    *out = text != NULL ? text : "";
    if ((node != NULL && text == NULL) || (w->needed && **out == '\0') || has_control(*out) ||
        strlen(*out) > w->max) {
        return cm_fail(err, CM_EINVAL, "spec.%s: write %s, one line of at most %zu bytes", w->name,
                       w->advice, w->max);
    }
    return CM_OK;
}

static enum cm_rc check_names(const struct cm_json *spec, struct cm_err *err) {
    for (const struct cm_json *at = spec->first; at != NULL; at = at->next) {
        bool known = false;

        for (size_t i = 0; !known && i < WORDS; i++) {
            known = strcmp(words[i].name, at->key) == 0;
        }
        if (!known) {
            return cm_fail(err, CM_EINVAL,
                           "spec.%.80s is not known: there are app, object, field, until, reason "
                           "and by",
                           at->key);
        }
    }
    return CM_OK;
}

// A path begins with a member's name; a JSON pointer is none.
static bool is_field(struct cm_arena *a, const char *text) {
    struct cm_path path;

    return text[0] == '\0' || (text[0] != '/' && cm_path_parse(a, text, &path) && path.count > 0);
}

static enum cm_rc read_until(const char *text, int64_t now_ms, int64_t *out, struct cm_err *err) {
    if (!cm_clock_parse(text, out) || *out <= 0) {
        return cm_fail(err, CM_EINVAL, "spec.until: write %s", words[UNTIL].advice);
    }
    if (*out - now_ms > AGENT_EXEMPTION_DAYS * DAY_MS) {
        return cm_fail(err, CM_EINVAL,
                       "spec.until is more than %d days ahead: what shall last belongs into Git",
                       AGENT_EXEMPTION_DAYS);
    }
    return CM_OK;
}

static const char *clip(struct cm_arena *a, const char *text, size_t max) {
    char *copy = cm_arena_strndup(a, text, cm_utf8_fit(text, max));

    cm_utf8_mend(copy);
    return copy;
}

enum cm_rc agent_exempt_read(struct cm_arena *a, const struct agent_site_object *object,
                             int64_t now_ms, struct agent_exemption *out, struct cm_err *err) {
    const char *texts[WORDS];
    struct cm_object_id id;
    int64_t until_ms = 0;

    if (object->spec == NULL || object->spec->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "spec: write app, object, until and reason");
    }
    for (size_t i = 0; i < WORDS; i++) {
        if (read_word(object->spec, &words[i], &texts[i], err) < 0) {
            return err->code;
        }
    }
    if (check_names(object->spec, err) < 0 ||
        read_until(texts[UNTIL], now_ms, &until_ms, err) < 0) {
        return err->code;
    }
    if (!cm_object_key_parse(a, texts[OBJECT], &id)) {
        return cm_fail(err, CM_EINVAL, "spec.object: write %s", words[OBJECT].advice);
    }
    if (!is_field(a, texts[FIELD])) {
        return cm_fail(err, CM_EINVAL, "spec.field: write %s", words[FIELD].advice);
    }
    *out = (struct agent_exemption){.id = agent_exempt_id(object),
                                    .name = clip(a, object->name, NAME_MAX_BYTES),
                                    .app = cm_arena_strdup(a, texts[APP]),
                                    .key = cm_arena_strdup(a, texts[OBJECT]),
                                    .field = cm_arena_strdup(a, texts[FIELD]),
                                    .reason = cm_arena_strdup(a, texts[REASON]),
                                    .actor = cm_arena_strdup(a, texts[BY]),
                                    .manager = clip(a, object->manager, MANAGER_MAX),
                                    .message = "",
                                    .until_ms = until_ms};
    return CM_OK;
}
