// What changes between two texts of several lines, as `diff` tells it: the longest common
// subsequence of lines, with some of what stands between changes.
#include <string.h>

#include "common/mem.h"
#include "hub/plan/paint.h"

#define LINES_MAX 1000     // beyond, the middle is told as removed and added
#define SAME_SHOWN 3       // between two changes; of more, the first and the last
#define LINES_SHOWN 60     // of one field
#define LINE_MAX_BYTES 160 // of one line

struct line {
    const char *text;
    size_t size;
};

struct lines {
    struct line *items;
    size_t count;
};

struct merge {
    const struct paint *paint;
    size_t level;
    struct lines before;
    struct lines after;
    uint16_t *common; // longest common subsequence of what begins at (i, k)
    size_t shown;
    size_t hidden;
};

static struct lines split(const char *text) {
    struct lines lines = {0};
    size_t capacity = 0;

    while (*text != '\0') {
        size_t size = strcspn(text, "\n");

        if (lines.count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            lines.items = cm_resize(lines.items, capacity * sizeof(*lines.items));
        }
        lines.items[lines.count++] = (struct line){text, size};
        text += size + (text[size] == '\n' ? 1 : 0);
    }
    return lines;
}

static bool same(const struct line *a, const struct line *b) {
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static void show(struct merge *m, enum paint_kind kind, const struct line *line) {
    size_t size = line->size < LINE_MAX_BYTES ? line->size : LINE_MAX_BYTES;

    if (m->shown >= LINES_SHOWN) {
        m->hidden++;
        return;
    }
    m->shown++;
    while (size < line->size && size > 0 && ((unsigned char)line->text[size] & 0xC0) == 0x80) {
        size--; // do not cut a character
    }
    paint_line(m->paint, kind, m->level, "%.*s%s", (int)size, line->text,
               size < line->size ? "…" : "");
}

static uint16_t *cell(struct merge *m, size_t i, size_t k) {
    return &m->common[i * (m->after.count + 1) + k];
}

static void fill(struct merge *m) {
    for (size_t i = m->before.count; i-- > 0;) {
        for (size_t k = m->after.count; k-- > 0;) {
            uint16_t down = *cell(m, i + 1, k);
            uint16_t right = *cell(m, i, k + 1);

            *cell(m, i, k) = same(&m->before.items[i], &m->after.items[k])
                                 ? (uint16_t)(*cell(m, i + 1, k + 1) + 1)
                             : down > right ? down
                                            : right;
        }
    }
}

// tell_same shows what stands between two changes, shortened.
static void tell_same(struct merge *m, const struct line *lines, size_t count) {
    bool shortened = count > SAME_SHOWN;

    for (size_t i = 0; i < count && (!shortened || i == 0); i++) {
        show(m, PAINT_NOTE, &lines[i]);
    }
    if (shortened) {
        static const struct line more = {"…", sizeof("…") - 1};

        show(m, PAINT_NOTE, &more);
        show(m, PAINT_NOTE, &lines[count - 1]);
    }
}

static bool is_removed(struct merge *m, size_t i, size_t k) {
    if (i == m->before.count || k == m->after.count) {
        return i < m->before.count;
    }
    return m->common == NULL || *cell(m, i + 1, k) >= *cell(m, i, k + 1);
}

static void tell(struct merge *m) {
    size_t i = 0;
    size_t k = 0;
    size_t same_lines = 0;

    while (i < m->before.count || k < m->after.count) {
        if (i < m->before.count && k < m->after.count &&
            same(&m->before.items[i], &m->after.items[k])) {
            same_lines++;
            i++;
            k++;
            continue;
        }
        tell_same(m, &m->before.items[i] - same_lines, same_lines);
        same_lines = 0;
        if (is_removed(m, i, k)) {
            show(m, PAINT_REMOVE, &m->before.items[i++]);
        } else {
            show(m, PAINT_ADD, &m->after.items[k++]);
        }
    }
}

// cut takes off what both have at their beginnings and ends.
static struct line *cut(struct lines *before, struct lines *after) {
    struct line *context = NULL;

    while (before->count > 0 && after->count > 0 && same(before->items, after->items)) {
        context = before->items;
        before->items++;
        after->items++;
        before->count--;
        after->count--;
    }
    while (before->count > 0 && after->count > 0 &&
           same(&before->items[before->count - 1], &after->items[after->count - 1])) {
        before->count--;
        after->count--;
    }
    return context;
}

void paint_texts(const struct paint *p, size_t level, const char *before, const char *after) {
    struct merge m = {.paint = p, .level = level, .before = split(before), .after = split(after)};
    CM_AUTOFREE void *own_before = m.before.items;
    CM_AUTOFREE void *own_after = m.after.items;
    CM_AUTOFREE uint16_t *common = NULL;
    const struct line *context = cut(&m.before, &m.after);

    if (m.before.count <= LINES_MAX && m.after.count <= LINES_MAX) {
        common = cm_new((m.before.count + 1) * (m.after.count + 1), sizeof(*common));
        m.common = common;
        fill(&m);
    }
    if (context != NULL) {
        show(&m, PAINT_NOTE, context);
    }
    tell(&m);
    if (m.before.count + m.after.count == 0) {
        paint_line(p, PAINT_NOTE, level, "only how it ends");
    }
    if (m.hidden > 0) {
        paint_line(p, PAINT_NOTE, level, "… and %zu more lines", m.hidden);
    }
}
