// diff.c: an edit as `git diff` shows it. Edits change one place of a file, so what both texts
// begin and end with is the same, and what is between is one hunk.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/write/write.h"

#define CONTEXT 3

struct text {
    const char **starts; // of each line, and the end
    size_t lines;
};

static struct text split(const char *bytes) {
    struct text t = {.starts = cm_new(strlen(bytes) + 2, sizeof(*t.starts))};

    while (*bytes != '\0') {
        t.starts[t.lines++] = bytes;
        bytes += strcspn(bytes, "\n");
        bytes += *bytes == '\n' ? 1 : 0;
    }
    t.starts[t.lines] = bytes;
    return t;
}

static const char *line_at(const struct text *t, size_t number, size_t *size) {
    *size = (size_t)(t->starts[number + 1] - t->starts[number]);
    return t->starts[number];
}

static bool same_line(const struct text *a, size_t i, const struct text *b, size_t k) {
    size_t size = 0;
    size_t other = 0;
    const char *x = line_at(a, i, &size);
    const char *y = line_at(b, k, &other);

    return size == other && memcmp(x, y, size) == 0;
}

static void add_lines(struct cm_str *out, char mark, const struct text *t, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        size_t size = 0;
        const char *line = line_at(t, i, &size);

        cm_str_add_char(out, mark);
        cm_str_add_n(out, line, size);
        if (size == 0 || line[size - 1] != '\n') {
            cm_str_add(out, "\n\\ No newline at end of file\n");
        }
    }
}

static void add_side(struct cm_str *out, char mark, size_t first, size_t lines) {
    cm_str_addf(out, "%c%zu", mark, lines == 0 ? first : first + 1);
    if (lines != 1) {
        cm_str_addf(out, ",%zu", lines);
    }
}

static void add_hunk(struct cm_str *out, const struct text *a, const struct text *b) {
    size_t least = a->lines < b->lines ? a->lines : b->lines;
    size_t head = 0;
    size_t tail = 0;

    while (head < least && same_line(a, head, b, head)) {
        head++;
    }
    while (tail < least - head && same_line(a, a->lines - 1 - tail, b, b->lines - 1 - tail)) {
        tail++;
    }
    size_t from = head < CONTEXT ? 0 : head - CONTEXT;
    size_t after = tail < CONTEXT ? tail : CONTEXT;
    cm_str_add(out, "@@ ");
    add_side(out, '-', from, a->lines - tail + after - from);
    cm_str_add_char(out, ' ');
    add_side(out, '+', from, b->lines - tail + after - from);
    cm_str_add(out, " @@\n");
    add_lines(out, ' ', a, from, head);
    add_lines(out, '-', a, head, a->lines - tail);
    add_lines(out, '+', b, head, b->lines - tail);
    add_lines(out, ' ', a, a->lines - tail, a->lines - tail + after);
}

char *hub_write_diff(const struct hub_write_edit *edit) {
    struct text before = split(edit->before != NULL ? edit->before : "");
    struct text after = split(edit->text != NULL ? edit->text : "");
    struct cm_str out = {0};

    cm_str_addf(&out, "diff --git a/%s b/%s\n", edit->path, edit->path);
    if (edit->before == NULL) {
        cm_str_addf(&out, "new file mode 100644\n--- /dev/null\n+++ b/%s\n", edit->path);
    } else if (edit->text == NULL) {
        cm_str_addf(&out, "deleted file mode 100644\n--- a/%s\n+++ /dev/null\n", edit->path);
    } else {
        cm_str_addf(&out, "--- a/%s\n+++ b/%s\n", edit->path, edit->path);
    }
    add_hunk(&out, &before, &after);
    free(before.starts);
    free(after.starts);
    return cm_str_take(&out);
}
