// Three-way merges: what changed from bad to good is brought into what is there now.
//
// Maps: member by member. Lists: entry by entry, found by their keys. Texts: line by line, as diff3
// does it (S. Khanna, K. Kunal, B. Pierce, "A Formal Investigation of Diff3", 2007) over longest
// common subsequences.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/listkeys.h"
#include "common/str.h"
#include "hub/hold/image.h"
#include "hub/hold/internal.h"

#define CELLS_MAX ((size_t)4 * 1000 * 1000) // of a table of subsequences
#define NOWHERE SIZE_MAX

// ---- Lists

struct entries {
    const struct cm_json **items;
    size_t count;
};

static void insert(struct entries *e, size_t at, const struct cm_json *entry) {
    memmove(&e->items[at + 1], &e->items[at], (e->count - at) * sizeof(*e->items));
    e->items[at] = entry;
    e->count++;
}

// place_behind returns where an entry belongs that stands behind another one in the good list.
static size_t place_behind(const struct cm_list_rule *rule, const struct entries *e,
                           const struct cm_json *before) {
    for (size_t i = 0; before != NULL && i < e->count; i++) {
        if (cm_list_same(rule, e->items[i], before)) {
            return i + 1;
        }
    }
    return before == NULL ? 0 : e->count;
}

// merge_entries merges lists of entries with keys.
static struct cm_json *merge_entries( // NOLINT(misc-no-recursion)
    struct cm_arena *a, struct cm_place place, const struct cm_json *bad, const struct cm_json *now,
    const struct cm_json *good) {
    const struct cm_list_rule *rule = cm_schema_rule(place);
    struct entries e = {.items =
                            cm_arena_get(a, (now->count + good->count + 1) * sizeof(*e.items))};
    struct cm_json *out = cm_json_new(a, CM_ARRAY);
    const struct cm_json *before = NULL;

    for (const struct cm_json *n = now->first; n != NULL; n = n->next) {
        const struct cm_json *merged =
            hub_merge_value(a, cm_schema_element(place), hub_hold_find_like(rule, bad, n), n,
                            hub_hold_find_like(rule, good, n));

        if (merged != NULL) {
            e.items[e.count++] = merged;
        }
    }
    for (const struct cm_json *n = good->first; n != NULL; before = n, n = n->next) {
        if (hub_hold_find_like(rule, now, n) == NULL && hub_hold_find_like(rule, bad, n) == NULL) {
            insert(&e, place_behind(rule, &e, before), n);
        }
    }
    for (size_t i = 0; i < e.count; i++) {
        cm_json_append(out, cm_json_copy(a, e.items[i]));
    }
    return out;
}

// ---- Maps

static struct cm_json *merge_members( // NOLINT(misc-no-recursion)
    struct cm_arena *a, struct cm_place place, const struct cm_json *bad, const struct cm_json *now,
    const struct cm_json *good) {
    struct cm_json *out = cm_json_new(a, CM_OBJECT);

    for (const struct cm_json *m = now->first; m != NULL; m = m->next) {
        const struct cm_json *merged =
            hub_merge_value(a, cm_schema_member(place, m->key), cm_json_get(bad, m->key), m,
                            cm_json_get(good, m->key));

        if (merged != NULL) {
            cm_json_set(a, out, m->key, cm_json_copy(a, merged));
        }
    }
    for (const struct cm_json *m = good->first; m != NULL; m = m->next) {
        if (cm_json_get(now, m->key) == NULL && cm_json_get(bad, m->key) == NULL) {
            cm_json_set(a, out, m->key, cm_json_copy(a, m));
        }
    }
    return out;
}

// ---- Values

static bool are(enum cm_json_type type, const struct cm_json *a, const struct cm_json *b,
                const struct cm_json *c) {
    return a != NULL && b != NULL && c != NULL && a->type == type && b->type == type &&
           c->type == type;
}

bool hub_merge_same(const struct cm_json *a, const struct cm_json *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    if (a->type == CM_STRING && b->type == CM_STRING && a->key != NULL &&
        strcmp(a->key, "image") == 0) {
        return hub_image_same(a->text, b->text);
    }
    return cm_json_equal(a, b);
}

// The recursion is as deep as objects are, which their parsers have limited.
const struct cm_json *hub_merge_value( // NOLINT(misc-no-recursion)
    struct cm_arena *a, struct cm_place place, const struct cm_json *bad, const struct cm_json *now,
    const struct cm_json *good) {
    const char *merged;

    if (hub_merge_same(now, bad)) {
        return good;
    }
    if (are(CM_OBJECT, bad, now, good)) {
        return merge_members(a, place, bad, now, good);
    }
    if (are(CM_ARRAY, bad, now, good) && cm_schema_rule(place)->type == CM_LIST_MAP) {
        return merge_entries(a, place, bad, now, good);
    }
    if (cm_json_string(now) == NULL || !hub_merge_is_text(bad, good)) {
        return now;
    }
    switch (hub_merge_text(a, bad->text, now->text, good->text, &merged)) {
    case HUB_MERGE_CLEAN:
        return cm_json_new_string(a, merged);
    case HUB_MERGE_TOO_LARGE:
        return now;
    case HUB_MERGE_CONFLICT:
        break;
    }
    return good;
}

// ---- Texts

struct line {
    const char *at;
    size_t len; // with its line feed
};

struct lines {
    struct line *items;
    size_t count;
};

static struct lines split(struct cm_arena *a, const char *text) {
    struct lines lines = {0};
    size_t most = 1;

    for (const char *c = text; *c != '\0'; c++) {
        most += *c == '\n' ? 1 : 0;
    }
    lines.items = cm_arena_get(a, most * sizeof(*lines.items));
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        len += text[len] == '\n' ? 1 : 0;
        lines.items[lines.count++] = (struct line){text, len};
        text += len;
    }
    return lines;
}

static bool same_line(const struct line *a, const struct line *b) {
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

// match finds for each line of `from` its like in `to`, in order; NULL: there are too many lines.
static size_t *match(struct cm_arena *a, const struct lines *from, const struct lines *to) {
    size_t width = to->count + 1;

    if ((from->count + 1) * width > CELLS_MAX) {
        return NULL;
    }
    CM_AUTOFREE uint32_t *longest = cm_new((from->count + 1) * width, sizeof(*longest));
    for (size_t i = from->count; i > 0; i--) {
        for (size_t k = to->count; k > 0; k--) {
            const uint32_t *below = &longest[i * width + k - 1];
            uint32_t right = longest[(i - 1) * width + k];

            longest[(i - 1) * width + k - 1] = same_line(&from->items[i - 1], &to->items[k - 1])
                                                   ? longest[i * width + k] + 1
                                               : *below > right ? *below
                                                                : right;
        }
    }
    size_t *found = cm_arena_get(a, (from->count + 1) * sizeof(*found));
    size_t k = 0;
    for (size_t i = 0; i < from->count; i++) {
        found[i] = NOWHERE;
        while (k < to->count && longest[i * width + k] > longest[(i + 1) * width + k]) {
            if (same_line(&from->items[i], &to->items[k])) {
                found[i] = k++;
                break;
            }
            k++;
        }
    }
    return found;
}

struct part {
    const struct lines *lines;
    size_t from;
    size_t to;
};

static bool same_part(const struct part *a, const struct part *b) {
    size_t count = a->to - a->from;

    if (count != b->to - b->from) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!same_line(&a->lines->items[a->from + i], &b->lines->items[b->from + i])) {
            return false;
        }
    }
    return true;
}

static void write_part(const struct part *p, struct cm_str *out) {
    for (size_t i = p->from; i < p->to; i++) {
        cm_str_add_n(out, p->lines->items[i].at, p->lines->items[i].len);
    }
}

// merge_part merges what lies between two lines that all three have.
static bool merge_part(const struct part *bad, const struct part *now, const struct part *good,
                       struct cm_str *out) {
    if (same_part(bad, now)) {
        write_part(good, out);
        return true;
    }
    write_part(now, out);
    return same_part(bad, good) || same_part(now, good);
}

struct merging {
    struct lines bad;
    struct lines now;
    struct lines good;
    const size_t *in_now;
    const size_t *in_good;
};

static bool merge_lines(const struct merging *m, struct cm_str *out) {
    struct part bad = {&m->bad, 0, 0};
    struct part now = {&m->now, 0, 0};
    struct part good = {&m->good, 0, 0};
    bool clean = true;

    for (size_t i = 0; clean && i <= m->bad.count; i++) {
        bool end = i == m->bad.count;

        if (!end && (m->in_now[i] == NOWHERE || m->in_good[i] == NOWHERE)) {
            continue;
        }
        bad.to = i;
        now.to = end ? m->now.count : m->in_now[i];
        good.to = end ? m->good.count : m->in_good[i];
        clean = merge_part(&bad, &now, &good, out);
        if (!end) {
            cm_str_add_n(out, m->bad.items[i].at, m->bad.items[i].len);
        }
        bad.from = bad.to + 1;
        now.from = now.to + 1;
        good.from = good.to + 1;
    }
    return clean;
}

enum hub_merged hub_merge_text(struct cm_arena *a, const char *bad, const char *now,
                               const char *good, const char **out) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct merging m = {.bad = split(a, bad), .now = split(a, now), .good = split(a, good)};

    m.in_now = match(a, &m.bad, &m.now);
    m.in_good = match(a, &m.bad, &m.good);
    if (m.in_now == NULL || m.in_good == NULL) {
        return HUB_MERGE_TOO_LARGE;
    }
    if (!merge_lines(&m, &text)) {
        return HUB_MERGE_CONFLICT;
    }
    *out = cm_arena_strndup(a, cm_str_get(&text), text.len);
    return HUB_MERGE_CLEAN;
}

static bool has_lines(const struct cm_json *value) {
    const char *feed = cm_json_string(value) != NULL ? strchr(value->text, '\n') : NULL;

    return feed != NULL && feed[1] != '\0';
}

bool hub_merge_is_text(const struct cm_json *bad, const struct cm_json *good) {
    return cm_json_string(bad) != NULL && cm_json_string(good) != NULL &&
           (has_lines(bad) || has_lines(good));
}
