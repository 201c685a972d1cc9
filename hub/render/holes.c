#include "hub/render/holes.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

#define KEY_DISTANCE_MAX 4096 // bytes between the name of a member and its value
#define MISSES_MAX 100        // names that were not found
#define WINDOW_MIN 4096
#define WINDOW_FACTOR 64

// ---- Places

static void index_lines(struct hub_holes *h) {
    const char *end = h->text + h->size;
    size_t capacity = 64;

    h->lines = cm_new(capacity, sizeof(*h->lines));
    for (const char *at = h->text; at != NULL && at <= end;) {
        if (h->line_count == capacity) {
            capacity *= 2;
            h->lines = cm_resize(h->lines, capacity * sizeof(*h->lines));
        }
        h->lines[h->line_count++] = at;
        at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        at = at != NULL ? at + 1 : NULL;
    }
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

// spot_of returns where in the text a node begins, or NULL. Columns count characters.
static const char *spot_of(struct hub_holes *h, const struct cm_json *node) {
    const char *end = h->text + h->size;

    if (h->text == NULL) {
        return NULL;
    }
    if (h->lines == NULL) {
        index_lines(h);
    }
    if (node->line == 0 || node->line > h->line_count || node->column == UINT16_MAX) {
        return NULL;
    }
    const char *at = h->lines[node->line - 1];
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) a line begins in the text
    if (h->size >= 3 && at == h->text && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
    }
    for (unsigned i = 1; i < node->column && at < end; i++) {
        at++;
        while (at < end && is_continuation(*at)) {
            at++;
        }
    }
    return at < end ? at : NULL;
}

// skip_properties goes past an anchor and a tag in front of a scalar.
static const char *skip_properties(const char *at, const char *end) {
    while (at < end && (*at == '&' || *at == '!')) {
        while (at < end && strchr(" \t\r\n", *at) == NULL) {
            at++;
        }
        while (at < end && *at != '\0' && strchr(" \t\r\n", *at) != NULL) {
            at++;
        }
    }
    return at;
}

static bool is_typed(const struct hub_holes *h, const char *spot) {
    const char *end = h->text + h->size;

    if (spot == NULL) {
        return h->text == NULL;
    }
    spot = skip_properties(spot, end);
    if (spot == end) {
        return false;
    }
    return *spot == '"' ? h->json : strchr("'|>", *spot) == NULL;
}

// window_of returns how far a scalar may reach in the text: escapes and indentation make it longer.
static size_t window_of(const struct hub_holes *h, const char *spot, const char *text) {
    size_t left = (size_t)(h->text + h->size - spot);
    size_t window = WINDOW_MIN + WINDOW_FACTOR * strlen(text);

    return window < left ? window : left;
}

// find_spots finds line and column of each "${" of a scalar that begins at `spot`: they are in the
// file in the same order, but for exotic escapes.
static void find_spots(const struct hub_holes *h, struct hub_hole *hole, const char *spot,
                       const char *text) {
    const char *end = spot != NULL ? spot + window_of(h, spot, text) : NULL;
    struct hub_spot place = {hole->line, hole->column};

    for (size_t i = 0; i < hole->spot_count; i++) {
        hole->spots[i] = (struct hub_spot){hole->line, hole->column};
        const char *found = spot != NULL ? memmem(spot, (size_t)(end - spot), "${", 2) : NULL;
        for (; found != NULL && spot < found; spot++) {
            place.column += is_continuation(*spot) ? 0 : 1;
            if (*spot == '\n') {
                place.line++;
                place.column = 1;
            }
        }
        if (found == NULL) {
            spot = NULL;
            continue;
        }
        hole->spots[i] = place;
        place.column += 2;
        spot = found + 2;
    }
}

static size_t count_dollars(const char *text) {
    size_t count = 0;

    for (const char *at = strstr(text, "${"); at != NULL; at = strstr(at + 2, "${")) {
        count++;
    }
    return count;
}

// find_key returns where in the text the name of a member begins whose value is at `spot`, or NULL:
// before it, and not far. It gives up where names are written otherwise than they read.
static const char *find_key(struct hub_holes *h, const char *key, const char *spot) {
    size_t len = strlen(key);

    if (spot == NULL || h->misses == MISSES_MAX) {
        return NULL;
    }
    const char *first = spot - h->text < KEY_DISTANCE_MAX ? h->text : spot - KEY_DISTANCE_MAX + 1;
    for (const char *at = spot; (at = memrchr(first, key[0], (size_t)(at - first))) != NULL;) {
        if ((size_t)(spot - at) >= len && memcmp(at, key, len) == 0) {
            return at;
        }
    }
    h->misses++;
    return NULL;
}

static void move_to(const struct hub_holes *h, struct hub_hole *hole, const char *spot) {
    for (const char *at = spot; at > h->text && at[-1] != '\n'; at--) {
        hole->column += is_continuation(at[-1]) ? 0 : 1;
    }
}

static void find_place(struct hub_holes *h, struct hub_hole *hole) {
    const char *spot = spot_of(h, hole->node);

    hole->typed = !hole->in_key && is_typed(h, spot);
    if (hole->in_key) {
        const char *value = spot;

        spot = find_key(h, hole->node->key, value);
        for (const char *at = spot; at != NULL && at < value; at++) {
            hole->line -= *at == '\n' ? 1 : 0;
        }
        if (spot != NULL) {
            hole->column = 1;
            move_to(h, hole, spot);
        }
    }
    find_spots(h, hole, spot, hole->in_key ? hole->node->key : hole->node->text);
}

static void append(struct hub_holes *h, const struct hub_hole *hole) {
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? 8 : h->capacity * 2;
        h->items = cm_resize(h->items, h->capacity * sizeof(*h->items));
    }
    h->items[h->count++] = *hole;
}

void hub_holes_add(struct hub_holes *h, const struct cm_json *node, bool in_key) {
    const char *text = in_key ? node->key : node->text;
    struct hub_hole hole = {.node = node,
                            .path = h->path,
                            .in_key = in_key,
                            .line = node->line,
                            .column = node->column};
    size_t dollars = count_dollars(text);
    struct cm_err err;
    size_t nth;

    hole.spots = cm_arena_get(h->arena, dollars * sizeof(*hole.spots));
    hole.spot_count = dollars;
    find_place(h, &hole);
    if (hub_text_scan(h->arena, text, &hole.text, &nth, &err) < 0) {
        hub_diags_add(h->diags, h->path, hole.spots[nth].line, hole.spots[nth].column, "%s",
                      h->secret ? "this begins no variable: write ${name} or ${name:=default}, or "
                                  "$${ for a literal ${"
                                : err.msg);
        return;
    }
    hole.typed = hole.typed && hole.text.whole;
    append(h, &hole);
}

void hub_holes_add_known(struct hub_holes *h, const struct cm_json *node,
                         const struct hub_hole *known) {
    struct hub_hole hole = *known;

    hole.node = node;
    append(h, &hole);
}

void hub_holes_find(struct hub_holes *h, const struct cm_json *node) {
    if (node->key != NULL && !hub_text_is_plain(node->key)) {
        hub_holes_add(h, node, true);
    }
    if (node->type == CM_STRING && !hub_text_is_plain(node->text)) {
        hub_holes_add(h, node, false);
    }
    if (node->type == CM_ARRAY || node->type == CM_OBJECT) {
        for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
            hub_holes_find(h, item);
        }
    }
}

void hub_holes_done(struct hub_holes *h) {
    free(h->items);
    free(h->lines);
    *h = (struct hub_holes){0};
}

struct hub_hole *hub_holes_take(struct hub_holes *h, size_t *count) {
    struct hub_hole *holes = NULL;

    if (h->count > 0) {
        holes = cm_arena_get(h->arena, h->count * sizeof(*holes));
        memcpy(holes, h->items, h->count * sizeof(*holes));
    }
    *count = h->count;
    h->count = 0;
    return holes;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t hub_names_sort(const char **names, size_t count) {
    size_t kept = 0;

    if (count > 0) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0) {
            names[kept++] = names[i];
        }
    }
    return kept;
}

const char **hub_holes_names(struct cm_arena *a, const struct hub_hole *holes, size_t hole_count,
                             size_t *count) {
    size_t room = 1;

    for (size_t i = 0; i < hole_count; i++) {
        room += holes[i].text.count;
    }
    const char **names = cm_arena_get(a, room * sizeof(*names));
    size_t used = 0;
    for (size_t i = 0; i < hole_count; i++) {
        const struct hub_text *text = &holes[i].text;

        for (size_t k = 0; k < text->count; k++) {
            if (text->pieces[k].variable) {
                names[used++] = text->pieces[k].text;
            }
        }
    }
    *count = hub_names_sort(names, used);
    return names;
}
