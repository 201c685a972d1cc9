#include "hub/store/query_build.h"

#include <string.h>

#include "common/arena.h"
#include "common/selector.h"
#include "hub/store/query_lists.h"

#define DIGITS_MAX 18
#define REVISION_MIN 7
#define REVISION_MAX 64

void hub_build_done(struct hub_build *b) {
    cm_str_done(&b->where);
}

enum cm_rc hub_build_value(struct hub_build *b, const char *value, size_t *out_number,
                           struct cm_err *err) {
    if (b->count == HUB_BUILD_VALUES_MAX) {
        return cm_fail(err, CM_EINVAL, "selector: too many values");
    }
    b->values[b->count++] = value;
    *out_number = b->count;
    return CM_OK;
}

// Adds a condition; each '?' in it stands for the value.
static enum cm_rc add_condition(struct hub_build *b, const char *condition, const char *value,
                                struct cm_err *err) {
    size_t number = 0;
    enum cm_rc rc = hub_build_value(b, value, &number, err);

    cm_str_add(&b->where, " AND ");
    for (const char *at = condition; rc == CM_OK && *at != '\0'; at++) {
        cm_str_add_char(&b->where, *at);
        if (*at == '?') {
            cm_str_addf(&b->where, "%zu", number);
        }
    }
    return rc;
}

// ---- Selectors

static const char *label_condition(const struct cm_label_term *term) {
    switch (term->op) {
    case CM_LABEL_IN:
        return "json_extract(c.labels, ?) IN (";
    case CM_LABEL_NOT_IN:
        return "ifnull(json_extract(c.labels, ?), char(0)) NOT IN (";
    case CM_LABEL_EXISTS:
        return "json_extract(c.labels, ?) IS NOT NULL";
    default:
        return "json_extract(c.labels, ?) IS NULL";
    }
}

static enum cm_rc add_term(struct hub_build *b, const struct cm_label_term *term,
                           struct cm_err *err) {
    const char *path = cm_arena_strf(b->arena, "$.\"%s\"", term->key);
    enum cm_rc rc = add_condition(b, label_condition(term), path, err);

    for (size_t i = 0; rc == CM_OK && i < term->value_count; i++) {
        size_t number = 0;

        rc = hub_build_value(b, term->values[i], &number, err);
        cm_str_addf(&b->where, "%s?%zu", i == 0 ? "" : ", ", number);
    }
    cm_str_add(&b->where, term->value_count > 0 ? ")" : "");
    return rc;
}

static enum cm_rc add_selector(struct hub_build *b, const char *text, struct cm_err *err) {
    struct cm_label_selector selector;
    enum cm_rc rc = cm_label_selector_parse(b->arena, text, &selector, err);

    for (size_t i = 0; rc == CM_OK && i < selector.count; i++) {
        rc = add_term(b, &selector.terms[i], err);
    }
    return rc;
}

// ---- The other kinds

bool hub_build_is_number(const char *text) {
    size_t len = strnlen(text, DIGITS_MAX + 1);

    return len > 0 && len <= DIGITS_MAX && strspn(text, "0123456789") == len;
}

static enum cm_rc add_number(struct hub_build *b, const struct hub_filter *f, const char *value,
                             struct cm_err *err) {
    if (!hub_build_is_number(value)) {
        return cm_fail(err, CM_EINVAL, "%s: '%.40s' is not a number", f->name, value);
    }
    return add_condition(b, f->condition, value, err);
}

static enum cm_rc add_bool(struct hub_build *b, const struct hub_filter *f, const char *value,
                           struct cm_err *err) {
    bool yes = strcmp(value, "true") == 0;

    if (!yes && strcmp(value, "false") != 0) {
        return cm_fail(err, CM_EINVAL, "%s: '%.40s' is neither true nor false", f->name, value);
    }
    cm_str_addf(&b->where, " AND %s(%s)", yes ? "" : "NOT ", f->condition);
    return CM_OK;
}

static enum cm_rc add_role(struct hub_build *b, const struct hub_filter *f, const char *value,
                           struct cm_err *err) {
    if (strcmp(value, "read") != 0 && strcmp(value, "admin") != 0) {
        return cm_fail(err, CM_EINVAL, "%s: '%.40s' is neither read nor admin", f->name, value);
    }
    return add_condition(b, f->condition, value, err);
}

static enum cm_rc add_state(struct hub_build *b, const char *value, struct cm_err *err) {
    const char *condition = hub_state_condition(value);

    if (condition == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "state: '%.40s' is none of not-applied, failed, not-healthy, drifted, stale",
                       value);
    }
    cm_str_addf(&b->where, " AND %s", condition);
    return CM_OK;
}

static enum cm_rc add_revision(struct hub_build *b, const struct hub_filter *f, const char *value,
                               struct cm_err *err) {
    size_t len = strnlen(value, REVISION_MAX + 1);

    if (len < REVISION_MIN || len > REVISION_MAX || strspn(value, "0123456789abcdef") != len) {
        return cm_fail(err, CM_EINVAL,
                       "%s: '%.80s' is no commit id; use at least 7 hexadecimal digits", f->name,
                       value);
    }
    return add_condition(b, f->condition, value, err);
}

enum cm_rc hub_build_filter(struct hub_build *b, const struct hub_filter *filter, const char *value,
                            struct cm_err *err) {
    switch (filter->kind) {
    case HUB_FILTER_SELECTOR:
        return add_selector(b, value, err);
    case HUB_FILTER_STATE:
        return add_state(b, value, err);
    case HUB_FILTER_NUMBER:
        return add_number(b, filter, value, err);
    case HUB_FILTER_BOOL:
        return add_bool(b, filter, value, err);
    case HUB_FILTER_ROLE:
        return add_role(b, filter, value, err);
    case HUB_FILTER_REVISION:
        return add_revision(b, filter, value, err);
    default:
        return add_condition(b, filter->condition, value, err);
    }
}

const struct hub_filter *hub_filters_find(const struct hub_filter *filters, const char *name) {
    for (; filters->name != NULL; filters++) {
        if (strcmp(filters->name, name) == 0) {
            return filters;
        }
    }
    return NULL;
}
