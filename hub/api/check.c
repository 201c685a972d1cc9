#include "hub/api/check.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"
#include "hub/api/request.h"
#include "hub/api/routes.h"

enum { MEMBERS_MAX = 32 };

static const struct cm_json_limits body_limits = {
    .max_bytes = (size_t)64 * 1024, .max_depth = 8, .max_nodes = 1024};

static const struct hub_member none[] = {{.name = NULL}};

static const struct hub_member *find(const struct hub_member *members, const char *name) {
    for (; members->name != NULL; members++) {
        if (strcmp(members->name, name) == 0) {
            return members;
        }
    }
    return NULL;
}

static const char *nearest_of(const struct hub_member *members, const char *name) {
    const char *names[MEMBERS_MAX];
    size_t count = 0;

    for (; members[count].name != NULL && count < MEMBERS_MAX; count++) {
        names[count] = members[count].name;
    }
    return cm_str_nearest(name, names, count);
}

static enum cm_rc fail_unknown(const struct hub_member *members, const char *name,
                               const char *where, struct cm_err *err) {
    const char *nearest = nearest_of(members, name);

    if (nearest == NULL) {
        return cm_fail(err, CM_EINVAL, "'%.80s' is no %s", name, where);
    }
    return cm_fail(err, CM_EINVAL, "'%.80s' is no %s; did you mean '%s'?", name, where, nearest);
}

// ---- One value

static bool has_word(const char *words, const char *word) {
    size_t len = strlen(word);

    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t next = strcspn(at, " ");

        if (next == len && strncmp(at, word, len) == 0) {
            return true;
        }
        at += next;
    }
    return false;
}

// Of valid UTF-8.
static size_t count_characters(const char *text) {
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static enum cm_rc check_text(const struct hub_member *m, const char *text, struct cm_err *err) {
    size_t len = count_characters(text);

    if (m->choices != NULL && !has_word(m->choices, text)) {
        return cm_fail(err, CM_EINVAL, "%s: '%.40s' is none of: %s", m->name, text, m->choices);
    }
    if (m->max > 0 && (len < (size_t)m->min || len > (size_t)m->max)) {
        return cm_fail(err, CM_EINVAL, "%s: a text of %lld to %lld characters is expected", m->name,
                       (long long)m->min, (long long)m->max);
    }
    return CM_OK;
}

static enum cm_rc check_number(const struct hub_member *m, const struct cm_json *value,
                               struct cm_err *err) {
    int64_t low = cm_json_int(value, INT64_MIN);
    bool whole = low == cm_json_int(value, INT64_MAX);

    if (!whole || (m->max > 0 && (low < m->min || low > m->max))) {
        return cm_fail(err, CM_EINVAL, "%s: not a number from %lld to %lld", m->name,
                       (long long)m->min, (long long)m->max);
    }
    return CM_OK;
}

static enum cm_rc check_value(const struct hub_member *m, const struct cm_json *value,
                              struct cm_err *err) {
    static const enum cm_json_type types[] = {
        [HUB_MEMBER_TEXT] = CM_STRING,   [HUB_MEMBER_INT] = CM_NUMBER,
        [HUB_MEMBER_BOOL] = CM_BOOL,     [HUB_MEMBER_TEXTS] = CM_ARRAY,
        [HUB_MEMBER_OBJECT] = CM_OBJECT, [HUB_MEMBER_OBJECTS] = CM_ARRAY,
    };

    if (value->type != types[m->type]) {
        return cm_fail(err, CM_EINVAL, "%s: %s where %s is expected", m->name,
                       cm_json_type_name(value->type), cm_json_type_name(types[m->type]));
    }
    if (m->type == HUB_MEMBER_TEXT) {
        return check_text(m, value->text, err);
    }
    return m->type == HUB_MEMBER_INT ? check_number(m, value, err) : CM_OK;
}

// ---- Parameters

static enum cm_rc check_known(const struct hub_request *r, const struct hub_member *members,
                              struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < r->uri.param_count; i++) {
        const struct hub_query_param *p = &r->uri.params[i];
        const struct hub_member *m = find(members, p->name);

        rc = m == NULL ? fail_unknown(members, p->name,
                                      cm_arena_strf(r->arena, "parameter of %s", r->uri.path), err)
                       : check_text(m, p->value, err);
    }
    return rc;
}

enum cm_rc hub_check_params(const struct hub_request *r, struct cm_err *err) {
    const struct hub_member *members = r->route->params == NULL ? none : r->route->params;
    enum cm_rc rc = CM_OK;

    // Forges, load balancers and Prometheus may add what they like.
    if (r->route->list != NULL || r->route->access == HUB_ACCESS_HOOK ||
        (r->route->type != NULL && r->route->params == NULL)) {
        return CM_OK;
    }
    rc = check_known(r, members, err);
    for (; rc == CM_OK && members->name != NULL; members++) {
        if (members->required && hub_uri_param(&r->uri, members->name) == NULL) {
            return cm_fail(err, CM_EINVAL, "%s: %s needs this parameter", members->name,
                           r->uri.path);
        }
    }
    return rc;
}

// ---- Bodies

static enum cm_rc check_members(const struct cm_json *body, const struct hub_member *members,
                                struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (const struct cm_json *at = body->first; rc == CM_OK && at != NULL; at = at->next) {
        const struct hub_member *m = find(members, at->key);

        rc = m == NULL ? fail_unknown(members, at->key, "member of the body", err)
                       : check_value(m, at, err);
    }
    for (; rc == CM_OK && members->name != NULL; members++) {
        if (members->required && cm_json_get(body, members->name) == NULL) {
            return cm_fail(err, CM_EINVAL, "%s: it is missing in the body", members->name);
        }
    }
    return rc;
}

enum cm_rc hub_check_body(struct hub_request *r, struct cm_json **out, struct cm_err *err) {
    struct cm_json *body = NULL;

    if (r->body.len == 0) {
        body = cm_json_new(r->arena, CM_OBJECT);
    } else if (cm_json_parse(r->arena, r->body.data, r->body.len, &body_limits, &body, err) < 0) {
        return cm_wrap(err, "the body");
    }
    if (body->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "the body: %s where an object is expected",
                       cm_json_type_name(body->type));
    }
    if (check_members(body, r->route->body, err) < 0) {
        return err->code;
    }
    *out = body;
    return CM_OK;
}
