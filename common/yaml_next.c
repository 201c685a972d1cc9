#include "common/yaml_next.h"

#include <string.h>

// break_at returns the length of a line's end; 0: there is none.
static size_t break_at(const char *at, const char *end) {
    if (*at == '\r') {
        return at + 1 < end && at[1] == '\n' ? 2 : 1;
    }
    if (*at == '\n') {
        return 1;
    }
    if (end - at >= 2 && memcmp(at, "\xc2\x85", 2) == 0) {
        return 2;
    }
    return end - at >= 3 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 || // LS and PS, to YAML 1.1
                             memcmp(at, "\xe2\x80\xa9", 3) == 0)
               ? 3
               : 0;
}

static const char *next_line(const char *at, const char *end) {
    while (at < end) {
        size_t len = break_at(at, end);

        if (len > 0) {
            return at + len;
        }
        at++;
    }
    return NULL;
}

static bool is_start(const char *at, const char *end) {
    return end - at >= 3 && memcmp(at, "---", 3) == 0 &&
           (end - at == 3 || at[3] == ' ' || at[3] == '\t' || break_at(at + 3, end) > 0);
}

bool cm_yaml_next_document(const char *text, size_t size, size_t begun, size_t wrong,
                           struct cm_yaml_place *at) {
    const char *end = text + size;
    size_t line = at->line;

    for (const char *c = text + at->offset; c != NULL; c = next_line(c, end), line++) {
        if (line > begun && line >= wrong && is_start(c, end)) {
            *at = (struct cm_yaml_place){(size_t)(c - text), line};
            return true;
        }
    }
    return false;
}
