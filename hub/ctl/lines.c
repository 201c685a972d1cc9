#include "hub/ctl/lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"

#define BESIDE 1 // lines shown before and after what differs

struct text {
    const char **lines;
    size_t count;
};

// Reads a JSON text that is a string of several lines.
static bool read_lines(struct ctl *c, const char *json, struct text *out) {
    struct cm_err ignored;
    struct cm_json *value = NULL;

    if (cm_json_parse(c->arena, json, strlen(json), NULL, &value, &ignored) < 0 ||
        value->type != CM_STRING || strchr(value->text, '\n') == NULL) {
        return false;
    }
    char *rest = cm_arena_strdup(c->arena, value->text);
    out->lines = cm_arena_get(c->arena, (strlen(rest) + 2) * sizeof(*out->lines));
    out->count = 0;
    while (rest != NULL) {
        out->lines[out->count++] = ctl_one_line(c->arena, strsep(&rest, "\n"));
    }
    return true;
}

static void print_line(struct ctl *c, const char *colour, char sign, const char *text) {
    size_t width = ctl_terminal_width();

    text = ctl_one_line(c->arena, text);
    if (width > 8) {
        text = ctl_text_cut(c->arena, text, width - 6);
    }
    (void)printf("    %s%c %s%s\n", colour, sign, text, ctl_plain());
}

static void print_lines(struct ctl *c, const char *colour, char sign, const struct text *text,
                        size_t from, size_t to) {
    for (size_t i = from; i < to && i < text->count; i++) {
        print_line(c, colour, sign, text->lines[i]);
    }
}

static void diff_lines(struct ctl *c, const struct text *a, const struct text *b) {
    size_t head = 0;
    size_t tail = 0;

    while (head < a->count && head < b->count && strcmp(a->lines[head], b->lines[head]) == 0) {
        head++;
    }
    while (tail < a->count - head && tail < b->count - head &&
           strcmp(a->lines[a->count - 1 - tail], b->lines[b->count - 1 - tail]) == 0) {
        tail++;
    }
    print_lines(c, "", ' ', a, head > BESIDE ? head - BESIDE : 0, head);
    print_lines(c, ctl_red(), '-', a, head, a->count - tail);
    print_lines(c, ctl_green(), '+', b, head, b->count - tail);
    print_lines(c, "", ' ', a, a->count - tail, a->count - tail + BESIDE);
}

void ctl_lines_diff(struct ctl *c, const char *desired, const char *actual) {
    struct text a = {0};
    struct text b = {0};

    if (read_lines(c, desired, &a) && read_lines(c, actual, &b)) {
        diff_lines(c, &a, &b);
        return;
    }
    if (desired[0] != '\0') { // else it was added
        print_line(c, ctl_red(), '-', desired);
    }
    print_line(c, ctl_green(), '+', actual[0] == '\0' ? "(missing)" : actual);
}
