// POST /api/v1/owners: whose objects are that Git is about to bring.
//
// The hub does not know: its agent looks. It changes nothing, so whoever may read may ask. That an
// agent is away, too old or silent is an answer like any other.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/session/sessions.h"

static char *answer_text(const struct hub_looked *looked, const char *why) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct cm_json *owners = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    for (size_t i = 0; i < looked->count; i++) {
        cm_json_set_string(a, owners, looked->keys[i], looked->owners[i]);
    }
    cm_json_set(a, answer, "owners", owners);
    cm_json_set_string(a, answer, "notLooked", why);
    cm_json_write_compact(answer, &text);
    cm_str_add_char(&text, '\n');
    return cm_str_take(&text);
}

static void looked_at(void *ctx, const struct cm_err *why, const struct hub_looked *looked) {
    static const struct cm_err ok = {.code = CM_OK};

    hub_change_done(ctx, &ok, 200, answer_text(looked, why->code == CM_OK ? "" : why->msg));
}

static void begin(struct hub_change *c) {
    static const struct hub_looked nothing;
    const struct hub_look_ask what = {
        .cluster = c->cluster,
        .ns = c->namespace,
        .keys = (const char *const *)c->keys,
        .count = c->key_count,
    };
    struct cm_err err = {.code = CM_OK};

    if (c->key_count == 0 ||
        hub_sessions_look(c->api->config.sessions, &what, looked_at, c, &err) < 0) {
        looked_at(c, &err, &nothing);
    }
}

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz" DIGITS

// skip goes over `min` to `max` of some characters; NULL if there are not so many.
static const char *skip(const char *at, const char *chars, size_t min, size_t max) {
    size_t len = at == NULL ? 0 : strspn(at, chars);

    return at == NULL || len < min || len > max ? NULL : at + len;
}

static const char *skip_slash(const char *at) {
    return at != NULL && *at == '/' ? at + 1 : NULL;
}

static bool is_name(const char *text) {
    size_t len = 0;

    while (text[len] > ' ' && text[len] < 0x7f && text[len] != '/') {
        len++;
    }
    return len >= 1 && len <= 253 && text[len] == '\0';
}

// is_key tells whether a text is as the route's pattern says.
static bool is_key(const char *text) {
    const char *at = skip(text, LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1, 63);

    if (at != NULL && *at == '.') {
        at = skip(at + 1, LOWER ".-", 1, 253);
    }
    at = skip_slash(skip(skip_slash(at), LOWER "-", 0, 63));
    return at != NULL && is_name(at);
}

static bool is_label(const char *text) {
    const char *end = skip(text, LOWER "-", 1, 63);

    return end != NULL && *end == '\0' && text[0] != '-' && end[-1] != '-';
}

static enum cm_rc check_label(const char *member, const char *text, struct cm_err *err) {
    return is_label(text) ? CM_OK
                          : cm_fail(err, CM_EINVAL,
                                    "%s: use lower-case letters, digits and '-', with a letter or "
                                    "digit at both ends",
                                    member);
}

// take_keys copies what is asked for.
static enum cm_rc take_keys(struct hub_change *c, const struct cm_json *list, struct cm_err *err) {
    if (list->count > HUB_LOOK_KEYS_MAX) {
        return cm_fail(err, CM_EINVAL, "objects: at most %d at once; ask again for the others",
                       HUB_LOOK_KEYS_MAX);
    }
    c->keys = cm_new(list->count + 1, sizeof(*c->keys));
    for (const struct cm_json *one = list->first; one != NULL; one = one->next) {
        const char *key = cm_json_string(one);

        if (key == NULL || !is_key(key)) {
            return cm_fail(err, CM_EINVAL,
                           "objects: write each as KIND.GROUP/NAMESPACE/NAME, such as "
                           "Deployment.apps/shop/web or Namespace//shop");
        }
        c->keys[c->key_count++] = cm_strdup(key);
    }
    return CM_OK;
}

enum cm_rc hub_post_owners(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin);
    struct cm_json *body = NULL;
    enum cm_rc rc = hub_check_body(r, &body, err);
    const char *ns = cm_json_string(cm_json_get(body, "namespace"));

    c->cluster = cm_strdup(cm_json_string(cm_json_get(body, "cluster")));
    c->namespace = cm_strdup(ns == NULL ? "" : ns);
    rc = rc < 0 ? rc : check_label("cluster", c->cluster, err);
    rc = rc < 0 || ns == NULL ? rc : check_label("namespace", ns, err);
    return rc < 0 ? rc : take_keys(c, cm_json_get(body, "objects"), err);
}
