#include "common/selector.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"

#define TEXT_MAX 4096
#define LABEL_MAX 63
#define PREFIX_MAX 253

struct reader {
    struct cm_arena *arena;
    const char *text;
    const char *at;
    struct cm_err *err;
};

// A piece of the text.
struct word {
    const char *start;
    size_t len;
};

static void skip_space(struct reader *r) {
    r->at += strspn(r->at, " \t");
}

static bool skip(struct reader *r, const char *token) {
    size_t len = strlen(token);

    skip_space(r);
    if (strncmp(r->at, token, len) != 0) {
        return false;
    }
    r->at += len;
    return true;
}

static struct word read_word(struct reader *r) {
    skip_space(r);
    struct word w = {.start = r->at, .len = strcspn(r->at, " \t,()=!<>")};
    r->at += w.len;
    return w;
}

static bool is_word(const struct word *w, const char *text) {
    return strlen(text) == w->len && strncmp(w->start, text, w->len) == 0;
}

static int column(const struct reader *r, const char *at) {
    return (int)(at - r->text) + 1;
}

static enum cm_rc fail_at(const struct reader *r, const char *what) {
    return cm_fail(r->err, CM_EINVAL, "selector: column %d: %s", column(r, r->at), what);
}

// ---- Names and values

static bool is_ascii_alnum(char c) {
    return isascii((unsigned char)c) && isalnum((unsigned char)c);
}

// Letters, digits and `also`, with a letter or digit at both ends.
static bool is_plain(const char *text, size_t len, const char *also) {
    if (len == 0 || !is_ascii_alnum(text[0]) || !is_ascii_alnum(text[len - 1])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_ascii_alnum(text[i]) && strchr(also, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_key(const struct word *w) {
    const char *slash = memchr(w->start, '/', w->len);
    size_t prefix = slash == NULL ? 0 : (size_t)(slash - w->start);
    size_t skipped = slash == NULL ? 0 : prefix + 1;

    if (slash != NULL && (prefix > PREFIX_MAX || !is_plain(w->start, prefix, "-."))) {
        return false;
    }
    return w->len - skipped <= LABEL_MAX && is_plain(w->start + skipped, w->len - skipped, "-_.");
}

static enum cm_rc read_key(struct reader *r, const char **out) {
    struct word w = read_word(r);

    if (!is_key(&w)) {
        return cm_fail(r->err, CM_EINVAL,
                       "selector: column %d: '%.*s' is no name of a label; use for example "
                       "env=prod, region!=eu, tier in (web,db), canary or !old",
                       column(r, w.start), (int)(w.len < 80 ? w.len : 80), w.start);
    }
    *out = cm_arena_strndup(r->arena, w.start, w.len);
    return CM_OK;
}

static enum cm_rc add_value(struct reader *r, struct cm_label_term *term) {
    struct word w = read_word(r);

    if (w.len > LABEL_MAX || (w.len > 0 && !is_plain(w.start, w.len, "-_."))) {
        return cm_fail(r->err, CM_EINVAL,
                       "selector: column %d: '%.*s' is no value of a label: at most %d letters, "
                       "digits, '-', '_' and '.'",
                       column(r, w.start), (int)(w.len < 80 ? w.len : 80), w.start, LABEL_MAX);
    }
    if (term->value_count == CM_LABEL_VALUES_MAX) {
        return fail_at(r, "too many values");
    }
    term->values[term->value_count++] = cm_arena_strndup(r->arena, w.start, w.len);
    return CM_OK;
}

// ---- Terms

static void make_values(struct reader *r, struct cm_label_term *term, size_t max) {
    term->values = cm_arena_get(r->arena, max * sizeof(*term->values));
}

static enum cm_rc read_set(struct reader *r, struct cm_label_term *term) {
    if (!skip(r, "(")) {
        return fail_at(r, "'(' is missing, as in 'tier in (web,db)'");
    }
    make_values(r, term, CM_LABEL_VALUES_MAX);
    do {
        if (add_value(r, term) < 0) {
            return r->err->code;
        }
    } while (skip(r, ","));
    return skip(r, ")") ? CM_OK : fail_at(r, "')' or ',' is missing");
}

static enum cm_rc read_one(struct reader *r, struct cm_label_term *term) {
    make_values(r, term, 1);
    return add_value(r, term);
}

// What follows the name of a label.
static enum cm_rc read_operator(struct reader *r, struct cm_label_term *term) {
    const char *before = r->at;

    if (skip(r, "!=")) {
        term->op = CM_LABEL_NOT_IN;
        return read_one(r, term);
    }
    if (skip(r, "==") || skip(r, "=")) {
        term->op = CM_LABEL_IN;
        return read_one(r, term);
    }
    struct word w = read_word(r);
    if (is_word(&w, "in") || is_word(&w, "notin")) {
        term->op = w.len == 2 ? CM_LABEL_IN : CM_LABEL_NOT_IN;
        return read_set(r, term);
    }
    r->at = before;
    term->op = CM_LABEL_EXISTS;
    return CM_OK;
}

static enum cm_rc read_term(struct reader *r, struct cm_label_term *term) {
    if (skip(r, "!")) {
        term->op = CM_LABEL_MISSING;
        return read_key(r, &term->key);
    }
    enum cm_rc rc = read_key(r, &term->key);
    return rc < 0 ? rc : read_operator(r, term);
}

static enum cm_rc read_terms(struct reader *r, struct cm_label_selector *out) {
    out->terms = cm_arena_get(r->arena, CM_LABEL_TERMS_MAX * sizeof(*out->terms));
    do {
        if (out->count == CM_LABEL_TERMS_MAX) {
            return fail_at(r, "too many conditions");
        }
        if (read_term(r, &out->terms[out->count++]) < 0) {
            return r->err->code;
        }
    } while (skip(r, ","));
    skip_space(r);
    return *r->at == '\0' ? CM_OK
                          : fail_at(r, "a ',' or an operator is expected: = == != in notin");
}

enum cm_rc cm_label_selector_parse(struct cm_arena *a, const char *text,
                                   struct cm_label_selector *out, struct cm_err *err) {
    struct reader r = {.arena = a, .text = text, .at = text, .err = err};
    struct cm_label_selector read = {0};

    if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX) {
        return cm_fail(err, CM_EINVAL, "selector: it is longer than %d bytes", TEXT_MAX);
    }
    if (read_terms(&r, &read) < 0) {
        return err->code;
    }
    *out = read;
    return CM_OK;
}

static bool has_value(const struct cm_label_term *term, const char *value) {
    for (size_t i = 0; i < term->value_count; i++) {
        if (strcmp(term->values[i], value) == 0) {
            return true;
        }
    }
    return false;
}

static bool term_matches(const struct cm_label_term *term, const char *value) {
    switch (term->op) {
    case CM_LABEL_IN:
        return value != NULL && has_value(term, value);
    case CM_LABEL_NOT_IN:
        return value == NULL || !has_value(term, value);
    case CM_LABEL_EXISTS:
        return value != NULL;
    default:
        return value == NULL;
    }
}

bool cm_label_selector_match(const struct cm_label_selector *s, const struct cm_json *labels) {
    for (size_t i = 0; i < s->count; i++) {
        if (!term_matches(&s->terms[i], cm_json_string(cm_json_get(labels, s->terms[i].key)))) {
            return false;
        }
    }
    return true;
}
