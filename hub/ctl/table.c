#include "hub/ctl/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/ctl/text.h"
#include "hub/ctl/words.h"

#define COLUMNS_MAX 32
#define MINIMUM_WIDTH 20

struct ctl_table {
    struct ctl *ctl;
    struct cm_arena *arena;
    struct ctl_column columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count;
    size_t terminal; // 0: as wide as it takes
    size_t gap;      // between columns
    size_t narrow;   // no column is made narrower
    bool begun;
};

static struct winsize terminal_size(void) {
    struct winsize size = {0};

    if (!ctl_is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return (struct winsize){0};
    }
    return size;
}

size_t ctl_terminal_width(void) {
    size_t width = terminal_size().ws_col;

    return width == 0 ? 0 : width < MINIMUM_WIDTH ? MINIMUM_WIDTH : width;
}

size_t ctl_terminal_height(void) {
    return terminal_size().ws_row;
}

struct ctl_table *ctl_table_new(struct ctl *c, const struct ctl_column *columns, size_t count) {
    struct ctl_table *t = cm_arena_get(c->arena, sizeof(*t));
    bool wide = ctl_output_is(c, "wide");

    t->ctl = c;
    t->arena = c->arena;
    t->gap = 3;
    t->narrow = 8;
    t->terminal = wide ? 0 : ctl_terminal_width();
    for (size_t i = 0; i < count && t->count < COLUMNS_MAX; i++) {
        if (wide || columns[i].when != CTL_IF_WIDE) {
            t->columns[t->count++] = columns[i];
        }
    }
    return t;
}

void ctl_table_use(struct ctl_table *t, struct cm_arena *arena) {
    t->arena = arena;
}

// ---- Widths

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// The width of the table; `narrow`: when every column is as narrow as it may be.
static size_t width_of(const struct ctl_table *t, bool narrow) {
    size_t sum = t->count == 0 ? 0 : (t->count - 1) * t->gap;

    for (size_t i = 0; i < t->count; i++) {
        sum += narrow ? smaller(t->widths[i], t->narrow) : t->widths[i];
    }
    return sum;
}

// Finds the last column that may be missing; t->count if there is none.
static size_t find_dispensable(const struct ctl_table *t) {
    for (size_t i = t->count; i > 0; i--) {
        if (t->columns[i - 1].when == CTL_IF_ROOM) {
            return i - 1;
        }
    }
    return t->count;
}

static void drop_column(struct ctl_table *t, size_t at) {
    size_t behind = t->count - at - 1;

    memmove(&t->columns[at], &t->columns[at + 1], behind * sizeof(t->columns[0]));
    memmove(&t->widths[at], &t->widths[at + 1], behind * sizeof(t->widths[0]));
    t->count--;
}

static size_t find_widest(const struct ctl_table *t) {
    size_t widest = 0;

    for (size_t i = 1; i < t->count; i++) {
        widest = t->widths[i] >= t->widths[widest] ? i : widest; // the last of equals
    }
    return widest;
}

static void fit(struct ctl_table *t) {
    size_t at;

    if (t->terminal == 0) {
        return;
    }
    while (width_of(t, true) > t->terminal && (at = find_dispensable(t)) < t->count) {
        drop_column(t, at);
    }
    if (width_of(t, true) > t->terminal) {
        t->gap = 1;
        t->narrow = 4;
    }
    while (width_of(t, false) > t->terminal) {
        at = find_widest(t);
        if (t->widths[at] <= t->narrow) {
            return; // a terminal for ants
        }
        t->widths[at]--;
    }
}

static void measure(struct ctl_table *t, const struct cm_json *items) {
    for (size_t i = 0; i < t->count; i++) {
        t->widths[i] = ctl_text_width(t->columns[i].title);
        for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
            size_t width = ctl_text_width(ctl_cell_text(t->arena, at, &t->columns[i]));

            t->widths[i] = width > t->widths[i] ? width : t->widths[i];
        }
    }
    fit(t);
}

// ---- Rows

// What is wrong is red, what is not known or on its way is yellow.
static const char *colour_of(const struct ctl_column *column, const char *text) {
    static const char wrong[] = "failed degraded missing";
    static const char open[] = "pending applying progressing unknown suspended observed";

    if (column->type == CTL_YES && strcmp(column->member, "connected") == 0) {
        return text[0] == 'n' ? ctl_yellow() : "";
    }
    if (column->type == CTL_CURRENT) {
        return text[0] == 's' ? ctl_yellow() : "";
    }
    if (column->type != CTL_STATE || text[0] == '\0') {
        return "";
    }
    return ctl_has_word(wrong, text)                    ? ctl_red()
           : text[0] == '(' || ctl_has_word(open, text) ? ctl_yellow()
                                                        : "";
}

static void print_padded(const char *text, const char *colour, size_t pad, bool right) {
    const char *plain = colour[0] == '\0' ? "" : ctl_plain();

    (void)printf("%*s%s%s%s%*s", right ? (int)pad : 0, "", colour, text, plain,
                 right ? 0 : (int)pad, "");
}

static void print_cell(struct ctl_table *t, size_t i, const char *text, const char *colour) {
    bool last = i + 1 == t->count;
    bool right = t->columns[i].type == CTL_NUMBER;

    if (t->terminal > 0) {
        text = last ? ctl_text_cut(t->arena, text, t->widths[i])
                    : ctl_text_elide(t->arena, text, t->widths[i]);
    }
    size_t own = ctl_text_width(text);
    size_t pad = own < t->widths[i] && (right || !last) ? t->widths[i] - own : 0;
    print_padded(text, colour, pad, right);
    if (!last) {
        (void)printf("%*s", (int)t->gap, "");
    }
}

static void print_titles(struct ctl_table *t) {
    (void)fputs(ctl_bold(), stdout);
    for (size_t i = 0; i < t->count; i++) {
        print_cell(t, i, t->columns[i].title, "");
    }
    (void)printf("%s\n", ctl_plain());
}

void ctl_table_print(struct ctl_table *t, const struct cm_json *items) {
    if (!t->begun) {
        t->begun = true;
        measure(t, items);
        if (!t->ctl->options.no_headers) {
            print_titles(t);
        }
    }
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        for (size_t i = 0; i < t->count; i++) {
            const char *text = ctl_cell_text(t->arena, at, &t->columns[i]);

            print_cell(t, i, text, colour_of(&t->columns[i], text));
        }
        (void)putchar('\n');
    }
}
