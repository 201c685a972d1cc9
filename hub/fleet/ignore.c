#include "hub/fleet/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/fleet/glob.h"

struct pattern {
    struct pattern *before;
    const struct hub_glob *glob;
    bool folders_only;
    bool takes_back;
};

struct hub_ignore {
    struct cm_arena *arena;
    struct pattern *last;
};

// trimmed returns the length of a line without blanks at its end that no backslash protects.
static size_t trimmed(const char *line, size_t len) {
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\\' && i + 1 < len) {
            i++;
            kept = i + 1;
        } else if (line[i] != ' ') {
            kept = i + 1;
        }
    }
    return kept;
}

static void add_pattern(struct hub_ignore *ignore, const char *text, size_t len) {
    struct pattern *p = cm_arena_get(ignore->arena, sizeof(*p));

    if (len > 0 && text[0] == '!') {
        p->takes_back = true;
        text++;
        len--;
    }
    if (len > 0 && text[len - 1] == '/') {
        p->folders_only = true;
        len--;
    }
    bool anywhere = memchr(text, '/', len) == NULL;
    if (len > 0 && text[0] == '/') {
        text++;
        len--;
    }
    if (len == 0) {
        return;
    }
    p->glob = hub_glob_new(ignore->arena, text, len, anywhere);
    p->before = ignore->last;
    ignore->last = p;
}

static void add_line(struct hub_ignore *ignore, const char *line, size_t len) {
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    len = trimmed(line, len);
    if (len > 0 && line[0] != '#') {
        add_pattern(ignore, line, len);
    }
}

struct hub_ignore *hub_ignore_new(const void *text, size_t size) {
    struct hub_ignore *ignore = cm_new(1, sizeof(*ignore));
    const char *at = text;
    const char *end = at + size;

    ignore->arena = cm_arena_new(0);
    if (size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
    }
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        add_line(ignore, at, (size_t)(stop - at));
        at = stop + 1;
    }
    return ignore;
}

void hub_ignore_free(struct hub_ignore *ignore) {
    if (ignore != NULL) {
        cm_arena_free(ignore->arena);
        free(ignore);
    }
}

enum hub_verdict hub_ignore_judge(const struct hub_ignore *ignore, const char *path, size_t len,
                                  bool is_folder) {
    for (const struct pattern *p = ignore->last; p != NULL; p = p->before) {
        if ((is_folder || !p->folders_only) && hub_glob_match(p->glob, path, len)) {
            return p->takes_back ? HUB_VERDICT_WANTED : HUB_VERDICT_IGNORED;
        }
    }
    return HUB_VERDICT_NONE;
}
