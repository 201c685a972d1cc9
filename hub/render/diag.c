#include "hub/render/diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

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

void hub_diags_add(struct hub_diags *d, const char *path, uint32_t line, uint32_t column,
                   const char *fmt, ...) {
    char words[1024];
    va_list args;

    if (d->count >= HUB_DIAGS_MAX) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
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
