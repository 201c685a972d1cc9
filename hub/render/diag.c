#include "hub/render/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "common/yaml.h"

static void free_one(struct hub_diag *diag) {
    free((void *)(uintptr_t)diag->path);
    free((void *)(uintptr_t)diag->message);
}

void hub_diags_done(struct hub_diags *d) {
    for (size_t i = 0; i < d->count; i++) {
        free_one(&d->items[i]);
    }
    free(d->items);
    *d = (struct hub_diags){0};
}

static void add(struct hub_diags *d, struct hub_diag diag) {
    if (d->count == d->capacity) {
        d->capacity = d->capacity == 0 ? 2 : d->capacity * 2;
        d->items = cm_resize(d->items, d->capacity * sizeof(*d->items));
    }
    diag.path = cm_strdup(diag.path);
    diag.message = cm_strdup(diag.message);
    d->items[d->count++] = diag;
}

// keep_characters takes out of a text what is left of characters that were cut.
static void keep_characters(char *text) {
    size_t len = strlen(text);
    size_t kept = 0;
    size_t n;

    for (size_t at = 0; at<len; at += n> 0 ? n : 1) {
        n = cm_utf8_sequence(text + at, len - at);
        memmove(text + kept, text + at, n);
        kept += n;
    }
    text[kept] = '\0';
}

void hub_diags_add(struct hub_diags *d, const char *path, uint32_t line, uint32_t column,
                   const char *fmt, ...) {
    char words[1024];
    va_list args;

    d->all++;
    if (d->count >= HUB_DIAGS_MAX) {
        return;
    }
    va_start(args, fmt);
    if (vsnprintf(words, sizeof(words), fmt, args) >= (int)sizeof(words)) {
        memcpy(words + sizeof(words) - sizeof("..."), "...", sizeof("..."));
    }
    va_end(args);
    keep_characters(words);
    add(d, (struct hub_diag){path, line, column, words});
}

void hub_diags_add_err(struct hub_diags *d, const char *path, const struct cm_err *err) {
    unsigned long line = 0;
    unsigned long column = 0;
    const char *words = err->msg;
    char *end;

    if (strncmp(words, "line ", 5) == 0) {
        line = strtoul(words + 5, &end, 10);
        if (strncmp(end, ", column ", 9) == 0) {
            column = strtoul(end + 9, &end, 10);
            words = strncmp(end, ": ", 2) == 0 ? end + 2 : words;
        }
    }
    hub_diags_add(d, path, (uint32_t)line, (uint32_t)column, "%s", words);
}

// line_of returns the line at which a parser gave up and the one before it, where the reason may
// be.
static const char *line_of(const char *text, size_t size, const struct cm_err *err, size_t *len) {
    unsigned long line = strncmp(err->msg, "line ", 5) == 0 ? strtoul(err->msg + 5, NULL, 10) : 0;
    const char *end = text + size;
    const char *from = text;

    for (unsigned long i = 2; i < line && from < end; i++) {
        const char *next = memchr(from, '\n', (size_t)(end - from));
        from = next != NULL ? next + 1 : end;
    }
    *len = 0;
    for (int lines = 0; lines < 2 && from + *len < end; lines++) {
        const char *next = memchr(from + *len, '\n', (size_t)(end - from) - *len);
        *len = next != NULL ? (size_t)(next + 1 - from) : (size_t)(end - from);
    }
    return from;
}

// is_lost tells whether a parser gave up over braces.
static bool is_lost(const struct cm_err *err) {
    static const char *const words[] = {"flow", "a member's name must be", "did not find",
                                        "could not find", "found character"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(err->msg, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

// advice_for returns what to do about words of a parser; "" if nothing is known.
static const char *advice_for(const char *said) {
    static const char *const table[][2] = {
        {"cannot start any token",
         ": indent with spaces, not with tabs, and put a text that begins "
         "with '@', '`' or '%' in quotes"},
        {"did not find expected key", ": indent this line like those that belong with it"},
        {"did not find expected '-' indicator", ": begin each entry of the list with '- ', all of "
                                                "them indented alike"},
        {"parsing a flow", ": close what '{' or '[' opened, and put ',' between its members"},
        {"mapping values are not allowed", ": put the text in quotes if ': ' is part of it, or "
                                           "indent this line like those that belong with it"},
        {"unexpected end of stream", ": close the quotes of this text"},
        {"could not find expected ':'", ": write 'name: value', with a space behind the colon"},
        {"is there twice", ": remove one of the two"},
        {"no anchor is named", ": define it further up with '&', or put the text in quotes if '*' "
                               "is part of it"},
        {"would contain itself", ": write out what is meant"},
        {"unknown tag", ": remove it, or put the text in quotes if '!' is part of it"},
        {"invalid UTF-8", ": save the file as UTF-8"},
        {"as its tag says", ": correct the text, or remove the tag"},
        {"hold a NUL", ": remove it"},
        {"name must be a scalar", ": put it in quotes"},
        {"control characters", ": remove them"},
        {"takes an object or a list", ": name an anchor of an object with '*'"},
        {"too many values", ": split the file"},
        {"than they may have", ": split the file"},
        {"the text has", " it may have: split the file"},
        {"make the document too large", ": write out what is meant"},
        {"nested too deeply", ": make it flatter"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strstr(said, table[i][0]) != NULL) {
            return table[i][1];
        }
    }
    return "";
}

// What a listener of the reader of documents knows.
struct parsing {
    struct hub_diags *diags;
    const struct hub_file_text *text;
};

// add_wrong adds what the reader said, and what to do.
static void add_wrong(void *ctx, const struct cm_err *err) {
    const struct parsing *p = ctx;
    const struct hub_file_text *t = p->text;
    struct cm_err more = *err;
    size_t said = strlen(more.msg);
    const char *hint = advice_for(err->msg);
    size_t len;

    if (t->size > 0 && is_lost(err)) {
        const char *line = line_of(t->bytes, t->size, err, &len);
        if (memmem(line, len, "{{", 2) != NULL) {
            hint = ": {{…}} is not filled in here, so commit what 'helm template' prints";
        } else if (memmem(line, len, "${", 2) != NULL) {
            hint = ": within {…} and […] a variable needs quotes, \"${name}\"; to keep its type, "
                   "write the value on a line of its own";
        }
    }
    (void)snprintf(more.msg + said, sizeof(more.msg) - said, "%s", hint);
    hub_diags_add_err(p->diags, t->path, &more);
}

bool hub_diags_parse(struct hub_diags *d, const struct hub_file_text *text, struct cm_arena *a,
                     const struct cm_json_limits *limits, struct cm_yaml_docs *out) {
    struct parsing p = {d, text};
    const struct cm_yaml_listener listener = {add_wrong, &p};

    return cm_yaml_parse_all(a, text->bytes, text->size, limits, &listener, out);
}

static bool is_same(const struct hub_diag *a, const struct hub_diag *b) {
    return a->line == b->line && a->column == b->column && strcmp(a->path, b->path) == 0 &&
           strcmp(a->message, b->message) == 0;
}

void hub_diags_unique(struct hub_diags *d, size_t from) {
    size_t kept = from;

    for (size_t i = from; i < d->count; i++) {
        size_t k = from;

        while (k < kept && !is_same(&d->items[k], &d->items[i])) {
            k++;
        }
        if (k < kept) {
            free_one(&d->items[i]);
        } else {
            d->items[kept++] = d->items[i];
        }
    }
    d->count = kept;
}
