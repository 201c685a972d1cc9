// jsonpath_parse.c: from the text of a template to its tree, by recursive descent.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"
#include "hub/ctl/jsonpath_tree.h"

struct parser {
    struct cm_arena *arena;
    const char *text;
    const char *at;
    int depth;  // of filters and ranges
    bool ended; // by {end}
    struct cm_err *err;
};

static enum cm_rc parse_path(struct parser *p, struct ctl_step **out);
static enum cm_rc parse_pieces(struct parser *p, bool in_range, struct ctl_piece **out);

static enum cm_rc fail(const struct parser *p, const char *at, const char *what) {
    return cm_fail(p->err, CM_EINVAL, "jsonpath, column %zu: %s: '%.24s'",
                   (size_t)(at - p->text) + 1, what, at);
}

static void skip_spaces(struct parser *p) {
    p->at += strspn(p->at, " \t\n");
}

static enum cm_rc enter(struct parser *p) {
    return p->depth++ < CTL_JSONPATH_DEPTH_MAX ? CM_OK : fail(p, p->at, "nested too deeply");
}

static struct ctl_step *new_step(struct parser *p, enum ctl_step_type type) {
    struct ctl_step *step = cm_arena_get(p->arena, sizeof(*step));

    step->type = type;
    return step;
}

static void add_name(struct parser *p, struct ctl_step *step, const char *text) {
    struct ctl_name *name = cm_arena_get(p->arena, sizeof(*name));
    struct ctl_name **end = &step->names;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    name->text = text;
    *end = name;
}

// ---- Scalars

static char unescaped(char c) {
    static const char codes[] = "n\nt\tr\r";

    for (size_t i = 0; codes[i] != '\0'; i += 2) {
        if (codes[i] == c) {
            return codes[i + 1];
        }
    }
    return c;
}

// "…" or '…', with backslashes.
static enum cm_rc parse_quoted(struct parser *p, const char **out) {
    const char *start = p->at;
    char quote = *p->at++;
    char *text = cm_arena_get(p->arena, strlen(p->at) + 1);
    size_t len = 0;

    for (; *p->at != quote; p->at++) {
        if (*p->at == '\\' && p->at[1] != '\0') {
            text[len++] = unescaped(*++p->at);
        } else if (*p->at != '\0') {
            text[len++] = *p->at;
        } else {
            return fail(p, start, "this quote is not closed");
        }
    }
    p->at++;
    *out = text;
    return CM_OK;
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '/' || (c & 0x80) != 0;
}

// A name after a dot; "\." is a dot in it.
static enum cm_rc parse_name(struct parser *p, const char **out) {
    const char *start = p->at;
    char *text = cm_arena_get(p->arena, strlen(p->at) + 1);
    size_t len = 0;

    while (is_name_char(*p->at) || (*p->at == '\\' && p->at[1] != '\0')) {
        p->at += *p->at == '\\';
        text[len++] = *p->at++;
    }
    if (len == 0) {
        return fail(p, start, "a name is missing");
    }
    *out = text;
    return CM_OK;
}

static enum cm_rc parse_int(struct parser *p, int64_t *out) {
    const char *start = p->at;
    char *end;

    *out = strtoll(p->at, &end, 10);
    p->at = end;
    return end == start || end - start > 9 ? fail(p, start, "this is no index") : CM_OK;
}

static enum cm_rc parse_scalar(struct parser *p, const struct cm_json **out) {
    const char *start = p->at;
    struct cm_err ignored;
    struct cm_json *value = NULL;
    size_t len;

    if (*p->at == '"' || *p->at == '\'') {
        const char *text = NULL;
        enum cm_rc rc = parse_quoted(p, &text);

        *out = rc < 0 ? NULL : cm_json_new_string(p->arena, text);
        return rc;
    }
    len = strcspn(p->at, ") \t\n]}");
    if (cm_json_parse(p->arena, p->at, len, NULL, &value, &ignored) < 0 ||
        value->type == CM_ARRAY || value->type == CM_OBJECT) {
        return fail(p, start, "compare with a number, true, false, null, \"text\" or @.path");
    }
    p->at += len;
    *out = value;
    return CM_OK;
}

// ---- Steps

static const struct {
    const char *text;
    enum ctl_compare compare;
} comparisons[] = {{"==", CTL_EQUAL},         {"!=", CTL_NOT_EQUAL}, {"<=", CTL_LESS_EQUAL},
                   {">=", CTL_GREATER_EQUAL}, {"<", CTL_LESS},       {">", CTL_GREATER}};

static enum ctl_compare take_comparison(struct parser *p) {
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        size_t len = strlen(comparisons[i].text);

        if (strncmp(p->at, comparisons[i].text, len) == 0) {
            p->at += len;
            return comparisons[i].compare;
        }
    }
    return CTL_IS_THERE;
}

static enum cm_rc parse_operand(struct parser *p, struct ctl_step *step) {
    skip_spaces(p);
    if (*p->at == '@' || *p->at == '$') {
        return parse_path(p, &step->right);
    }
    return parse_scalar(p, &step->scalar);
}

static enum cm_rc expect(struct parser *p, const char *text, const char *what) {
    skip_spaces(p);
    if (strncmp(p->at, text, strlen(text)) != 0) {
        return fail(p, p->at, what);
    }
    p->at += strlen(text);
    return CM_OK;
}

// ?(@.x=="y")
static enum cm_rc parse_filter(struct parser *p, struct ctl_step **out) {
    struct ctl_step *step = new_step(p, CTL_STEP_FILTER);
    enum cm_rc rc = enter(p);

    p->at++;
    if (rc == CM_OK) {
        rc = expect(p, "(", "'(' is missing after '?'");
    }
    if (rc == CM_OK) {
        skip_spaces(p);
        rc = *p->at == '@' ? parse_path(p, &step->left)
                           : fail(p, p->at, "a filter begins with '@': ?(@.name==\"x\")");
    }
    if (rc == CM_OK) {
        skip_spaces(p);
        step->compare = take_comparison(p);
        rc = step->compare == CTL_IS_THERE ? CM_OK : parse_operand(p, step);
    }
    if (rc == CM_OK) {
        rc = expect(p, ")", "')' is missing; a filter is one comparison: ?(@.name==\"x\")");
    }
    p->depth--;
    *out = step;
    return rc;
}

static enum cm_rc parse_names(struct parser *p, struct ctl_step *step) {
    for (;;) {
        const char *text = NULL;

        skip_spaces(p);
        if (*p->at != '\'' && *p->at != '"') {
            return fail(p, p->at, "a quoted name is missing");
        }
        enum cm_rc rc = parse_quoted(p, &text);
        if (rc < 0) {
            return rc;
        }
        add_name(p, step, text);
        skip_spaces(p);
        if (*p->at != ',') {
            return CM_OK;
        }
        p->at++;
    }
}

static enum cm_rc parse_slice(struct parser *p, struct ctl_step *step) {
    enum cm_rc rc = CM_OK;

    step->single = *p->at != ':';
    if (step->single) {
        rc = parse_int(p, &step->from);
    }
    if (rc == CM_OK && *p->at == ':') {
        p->at++;
        step->single = false;
        step->has_to = *p->at != ']';
        rc = step->has_to ? parse_int(p, &step->to) : CM_OK;
    }
    return rc;
}

// What stands in [].
static enum cm_rc parse_bracket(struct parser *p, struct ctl_step **out) {
    enum cm_rc rc = CM_OK;

    p->at++;
    skip_spaces(p);
    if (*p->at == '?') {
        rc = parse_filter(p, out);
    } else if (*p->at == '*') {
        p->at++;
        *out = new_step(p, CTL_STEP_ALL);
    } else if (*p->at == '\'' || *p->at == '"') {
        *out = new_step(p, CTL_STEP_FIELD);
        rc = parse_names(p, *out);
    } else {
        *out = new_step(p, CTL_STEP_SLICE);
        rc = parse_slice(p, *out);
    }
    return rc < 0 ? rc : expect(p, "]", "']' is missing");
}

// What stands after a dot.
static enum cm_rc parse_dotted(struct parser *p, struct ctl_step **out) {
    const char *text = NULL;

    p->at++;
    if (*p->at == '.') {
        *out = new_step(p, CTL_STEP_DESCEND);
        return CM_OK; // at the second dot, before the name
    }
    if (*p->at == '*') {
        p->at++;
        *out = new_step(p, CTL_STEP_ALL);
        return CM_OK;
    }
    enum cm_rc rc = parse_name(p, &text);
    if (rc == CM_OK) {
        *out = new_step(p, CTL_STEP_FIELD);
        add_name(p, *out, text);
    }
    return rc;
}

// A path ends where a template does: at '}', ')', a comparison or a space.
static enum cm_rc parse_path(struct parser *p, struct ctl_step **out) {
    struct ctl_step **end = out;
    enum cm_rc rc = CM_OK;

    *out = NULL;
    if (*p->at == '$') {
        *end = new_step(p, CTL_STEP_ROOT);
        end = &(*end)->next;
    }
    p->at += *p->at == '$' || *p->at == '@';
    while (rc == CM_OK && (*p->at == '.' || *p->at == '[')) {
        bool alone = *out == NULL && *p->at == '.' && strchr("})] \t\n", p->at[1]) != NULL;

        if (alone) { // {.}
            p->at++;
            continue;
        }
        rc = *p->at == '.' ? parse_dotted(p, end) : parse_bracket(p, end);
        if (*end == NULL) {
            return rc;
        }
        end = &(*end)->next;
    }
    return rc;
}

// ---- Pieces

static bool take_word(struct parser *p, const char *word) {
    size_t len = strlen(word);

    if (strncmp(p->at, word, len) != 0 || is_name_char(p->at[len])) {
        return false;
    }
    p->at += len;
    skip_spaces(p);
    return true;
}

static enum cm_rc parse_range(struct parser *p, const char *start, struct ctl_piece *piece) {
    enum cm_rc rc = enter(p);

    piece->type = CTL_PIECE_RANGE;
    if (rc == CM_OK) {
        rc = parse_path(p, &piece->path);
    }
    if (rc == CM_OK) {
        rc = expect(p, "}", "'}' is missing after the path");
    }
    if (rc == CM_OK) {
        rc = parse_pieces(p, true, &piece->body);
    }
    if (rc == CM_OK && !p->ended) {
        return fail(p, start, "this range has no {end}");
    }
    p->ended = false;
    p->depth--;
    return rc;
}

// What stands in {}.
static enum cm_rc parse_braces(struct parser *p, bool in_range, struct ctl_piece *piece) {
    const char *start = p->at++;
    enum cm_rc rc;

    skip_spaces(p);
    if (take_word(p, "range")) {
        return parse_range(p, start, piece);
    }
    if (take_word(p, "end")) {
        p->ended = true;
        piece->text = "";
        return in_range ? expect(p, "}", "'}' is missing") : fail(p, start, "there is no range");
    }
    if (*p->at == '"' || *p->at == '\'') {
        rc = parse_quoted(p, &piece->text);
    } else {
        piece->type = CTL_PIECE_PATH;
        rc = strchr(".[$@", *p->at) == NULL || *p->at == '\0'
                 ? fail(p, p->at, "a path begins with '.', text stands in quotes")
                 : parse_path(p, &piece->path);
    }
    return rc < 0 ? rc : expect(p, "}", "'}' is missing");
}

static void parse_text(struct parser *p, struct ctl_piece *piece) {
    size_t len = strcspn(p->at, "{");

    piece->text = cm_arena_strndup(p->arena, p->at, len);
    p->at += len;
}

static enum cm_rc parse_pieces(struct parser *p, bool in_range, struct ctl_piece **out) {
    struct ctl_piece **end = out;

    while (*p->at != '\0' && !p->ended) {
        struct ctl_piece *piece = cm_arena_get(p->arena, sizeof(*piece));

        *end = piece;
        end = &piece->next;
        if (*p->at != '{') {
            parse_text(p, piece);
            continue;
        }
        enum cm_rc rc = parse_braces(p, in_range, piece);
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

enum cm_rc ctl_jsonpath_parse(struct cm_arena *a, const char *text, struct ctl_jsonpath **out,
                              struct cm_err *err) {
    struct ctl_jsonpath *path = cm_arena_get(a, sizeof(*path));

    if (strlen(text) > CTL_JSONPATH_BYTES_MAX) {
        return cm_fail(err, CM_EINVAL, "jsonpath: at most %d bytes", CTL_JSONPATH_BYTES_MAX);
    }
    if (text[0] == '\0') {
        return cm_fail(err, CM_EINVAL,
                       "jsonpath: say what to print, such as "
                       "-o jsonpath='{.items[*].name}'");
    }
    if (strchr(text, '{') == NULL) { // kubectl takes these too
        text = cm_arena_strf(a, "{%s%s}", strchr(".[$@", text[0]) == NULL ? "." : "", text);
    }
    struct parser p = {.arena = a, .text = text, .at = text, .err = err};
    enum cm_rc rc = parse_pieces(&p, false, &path->pieces);
    if (rc == CM_OK) {
        *out = path;
    }
    return rc;
}
