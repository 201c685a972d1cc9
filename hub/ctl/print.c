#include "hub/ctl/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/ctl.h"

#define GAP 3
#define COLUMNS_MAX 16
#define MINIMUM_WIDTH 40

bool ctl_is_terminal(void) {
    return isatty(STDOUT_FILENO) == 1;
}

static const char *colour(const char *sequence) {
    const char *no_color = getenv("NO_COLOR");
    bool wanted = ctl_is_terminal() && (no_color == NULL || no_color[0] == '\0');

    return wanted ? sequence : "";
}

const char *ctl_red(void) {
    return colour("\x1b[31m");
}

const char *ctl_green(void) {
    return colour("\x1b[32m");
}

const char *ctl_bold(void) {
    return colour("\x1b[1m");
}

const char *ctl_dim(void) {
    return colour("\x1b[2m");
}

const char *ctl_plain(void) {
    return colour("\x1b[0m");
}

bool ctl_output_is(const struct ctl *c, const char *word) {
    return strcmp(c->options.output, word) == 0;
}

enum cm_rc ctl_output_check(struct ctl *c) {
    static const char *const words[] = {"table", "json", "yaml", "name"};
    size_t count = sizeof(words) / sizeof(words[0]);

    for (size_t i = 0; i < count; i++) {
        if (ctl_output_is(c, words[i])) {
            return CM_OK;
        }
    }
    const char *nearest = cm_str_nearest(c->options.output, words, count);
    return cm_fail(&c->err, CM_EINVAL, "-o %.40s: use table, json, yaml or name%s%s",
                   c->options.output, nearest == NULL ? "" : "; did you mean ",
                   nearest == NULL ? "" : nearest);
}

const char *ctl_age(long long unix_ms, char out[CTL_AGE_MAX]) {
    long long seconds = (cm_clock_unix_ms() - unix_ms) / 1000;

    if (unix_ms == 0) {
        (void)snprintf(out, CTL_AGE_MAX, "-");
    } else if (seconds < 120) {
        (void)snprintf(out, CTL_AGE_MAX, "%llds", seconds < 0 ? 0 : seconds);
    } else if (seconds < 7200) {
        (void)snprintf(out, CTL_AGE_MAX, "%lldm", seconds / 60);
    } else if (seconds < 172800) {
        (void)snprintf(out, CTL_AGE_MAX, "%lldh", seconds / 3600);
    } else {
        (void)snprintf(out, CTL_AGE_MAX, "%lldd", seconds / 86400);
    }
    return out;
}

// ---- Cells

static const char *labels_text(struct cm_arena *a, const struct cm_json *labels) {
    struct cm_str text = {0};

    for (const struct cm_json *at = labels->first; at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%s=%s", text.len == 0 ? "" : ",", at->key,
                    at->text == NULL ? "" : at->text);
    }
    const char *copy = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static const char *time_text(struct cm_arena *a, long long unix_ms) {
    time_t at = (time_t)(unix_ms / 1000);
    time_t now = time(NULL);
    struct tm then;
    struct tm today;
    char text[32];

    if (unix_ms == 0) {
        return "-";
    }
    (void)localtime_r(&at, &then);
    (void)localtime_r(&now, &today);
    bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    (void)strftime(text, sizeof(text), same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then);
    return cm_arena_strdup(a, text);
}

static const char *number_text(struct cm_arena *a, const struct cm_json *value) {
    return value->type == CM_NUMBER ? value->text : cm_arena_strdup(a, "");
}

static const char *age_text(struct cm_arena *a, const struct cm_json *value) {
    char text[CTL_AGE_MAX];

    return cm_arena_strdup(a, ctl_age(cm_json_int(value, 0), text));
}

const char *ctl_one_line(struct cm_arena *a, const char *text) {
    char *copy = cm_arena_strdup(a, text);

    for (unsigned char *at = (unsigned char *)copy; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7F) {
            *at = ' ';
        } else if (at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) { // C1, in UTF-8
            at[1] = 0xA0;
        }
    }
    return copy;
}

static const char *cell(struct cm_arena *a, const struct cm_json *row,
                        const struct ctl_column *column) {
    const struct cm_json *value = cm_json_get(row, column->member);

    if (value == NULL) {
        return "";
    }
    switch (column->type) {
    case CTL_NUMBER:
        return number_text(a, value);
    case CTL_YES:
        return cm_json_true(value) ? "yes" : "no";
    case CTL_SHORT:
        return value->text == NULL ? "" : cm_arena_strndup(a, value->text, 8);
    case CTL_AGE:
        return age_text(a, value);
    case CTL_LABELS:
        return labels_text(a, value);
    case CTL_COUNT:
        return cm_arena_strf(a, "%zu", value->count);
    case CTL_TIME:
        return time_text(a, cm_json_int(value, 0));
    default:
        return value->text == NULL ? "" : ctl_one_line(a, value->text);
    }
}

// ---- Tables

static size_t width_of(const char *text) {
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80; // of UTF-8 only the first bytes
    }
    return width;
}

static size_t terminal_width(void) {
    struct winsize size;

    if (!ctl_is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 0;
    }
    return size.ws_col < MINIMUM_WIDTH ? MINIMUM_WIDTH : size.ws_col;
}

static void print_padded(const char *text, size_t width, bool right) {
    int pad = (int)(width - width_of(text));

    if (right) {
        (void)printf("%*s%s", pad, "", text);
    } else {
        (void)printf("%s%*s", text, pad, "");
    }
}

// The last column may be cut so that the row fits the terminal.
static void print_last(const char *text, size_t used, size_t terminal) {
    size_t room = terminal > used ? terminal - used : 0;

    if (terminal == 0 || width_of(text) <= room) {
        (void)printf("%s\n", text);
        return;
    }
    for (size_t shown = 0; *text != '\0' && shown + 1 < room; shown++) {
        do {
            (void)putchar(*text++);
        } while (((unsigned char)*text & 0xC0) == 0x80);
    }
    (void)printf("…\n");
}

struct table {
    const struct ctl_column *columns;
    size_t count;
    size_t widths[COLUMNS_MAX];
    size_t terminal;
};

static void print_row(const struct table *t, const char *const *cells) {
    size_t used = 0;

    for (size_t i = 0; i + 1 < t->count; i++) {
        print_padded(cells[i], t->widths[i], t->columns[i].type == CTL_NUMBER);
        (void)printf("%*s", GAP, "");
        used += t->widths[i] + GAP;
    }
    print_last(cells[t->count - 1], used, t->terminal);
}

static void measure(struct table *t, const char *const *cells) {
    for (size_t i = 0; i < t->count; i++) {
        size_t width = width_of(cells[i]);

        t->widths[i] = width > t->widths[i] ? width : t->widths[i];
    }
}

static void print_table(struct cm_arena *a, const struct cm_json *items,
                        const struct ctl_column *columns, size_t count) {
    struct table t = {.columns = columns, .count = count, .terminal = terminal_width()};
    const char **cells = cm_arena_get(a, (items->count + 1) * count * sizeof(*cells));
    size_t row = 0;

    for (size_t i = 0; i < count; i++) {
        cells[i] = columns[i].title;
    }
    measure(&t, cells);
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        row++;
        for (size_t i = 0; i < count; i++) {
            cells[row * count + i] = cell(a, at, &columns[i]);
        }
        measure(&t, &cells[row * count]);
    }
    (void)printf("%s", ctl_bold());
    print_row(&t, cells);
    (void)printf("%s", ctl_plain());
    for (size_t i = 1; i <= row; i++) {
        print_row(&t, &cells[i * count]);
    }
}

static void print_names(struct cm_arena *a, const struct cm_json *items, const char *members) {
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        char *rest = cm_arena_strdup(a, members);
        char *member;
        const char *separator = "";

        while ((member = strsep(&rest, " ")) != NULL) {
            const struct cm_json *value = cm_json_get(at, member);

            (void)printf("%s%s", separator,
                         value == NULL || value->text == NULL ? "" : value->text);
            separator = "/";
        }
        (void)putchar('\n');
    }
}

enum cm_rc ctl_print_value(struct ctl *c, const struct cm_json *value) {
    struct cm_str text = {0};

    if (ctl_output_is(c, "yaml")) {
        cm_yaml_write(value, &text);
    } else {
        cm_json_write_canonical(value, &text);
    }
    (void)fwrite(text.data, 1, text.len, stdout);
    cm_str_done(&text);
    return CM_OK;
}

enum cm_rc ctl_print_list(struct ctl *c, const struct cm_json *items,
                          const struct ctl_column *columns, size_t count, const char *name_member) {
    if (ctl_output_is(c, "json") || ctl_output_is(c, "yaml")) {
        return ctl_print_value(c, items);
    }
    if (ctl_output_is(c, "name")) {
        print_names(c->arena, items, name_member);
        return CM_OK;
    }
    if (items->count == 0) {
        (void)fprintf(stderr, "nothing to show\n");
        return CM_OK;
    }
    print_table(c->arena, items, columns, count);
    return CM_OK;
}
