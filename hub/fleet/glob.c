#include "hub/fleet/glob.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"

enum step_type {
    STEP_CHAR,
    STEP_CLASS,   // '?' and [...]
    STEP_TEXT,    // *
    STEP_FOLDERS, // **/
    STEP_REST,    // ** at the end
};

struct step {
    enum step_type type;
    unsigned char c;
    const uint8_t *set; // of bytes, 32 of them
};

struct hub_glob {
    struct step *steps;
    size_t count;
    bool never; // matches nothing
};

// ---- Making

struct making {
    struct cm_arena *arena;
    const char *at;
    const char *end;
    const char *start;
    struct hub_glob *glob;
};

static struct step *add_step(struct making *m, enum step_type type) {
    struct step *step = &m->glob->steps[m->glob->count++];

    step->type = type;
    return step;
}

static void put(uint8_t *set, unsigned c) {
    set[c / 8] = (uint8_t)(set[c / 8] | 1U << c % 8);
}

static bool has(const uint8_t *set, unsigned char c) {
    return (set[c / 8] >> c % 8 & 1) != 0;
}

// put_named adds a class such as [:alpha:]; it tells whether there is one of this name.
static bool put_named(uint8_t *set, const char *name, size_t len) {
    static const struct {
        const char *name;
        int (*is)(int c);
    } classes[] = {
        {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
        {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
        {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len) != 0) {
            continue;
        }
        for (unsigned c = 0; c < 128; c++) {
            if (classes[i].is((int)c) != 0) {
                put(set, c);
            }
        }
        return true;
    }
    return false;
}

// take_named takes a [:name:] that begins at m->at; false: it is none, or makes no sense.
static bool take_named(struct making *m, uint8_t *set) {
    const char *close = m->at + 2;

    while (close < m->end && *close != ']') {
        close++;
    }
    if (close == m->end || close - m->at < 3 || close[-1] != ':' ||
        !put_named(set, m->at + 2, (size_t)(close - m->at) - 3)) {
        m->glob->never = true;
        return false;
    }
    m->at = close + 1;
    return true;
}

// take_char takes one character of a class, which a backslash may stand before.
static unsigned char take_char(struct making *m) {
    if (*m->at == '\\' && m->at + 1 < m->end) {
        m->at++;
    }
    return (unsigned char)*m->at++;
}

static void take_range(struct making *m, uint8_t *set) {
    unsigned first = take_char(m);
    unsigned last = first;

    if (m->at + 1 < m->end && m->at[0] == '-' && m->at[1] != ']') {
        m->at++;
        last = take_char(m);
    }
    put(set, first); // of [z-a] too, as in Git
    for (unsigned c = first; c <= last; c++) {
        put(set, c);
    }
}

static void take_class(struct making *m) {
    uint8_t *set = cm_arena_get(m->arena, 32);
    bool negated = ++m->at < m->end && (*m->at == '!' || *m->at == '^');

    m->at += negated ? 1 : 0;
    for (bool first = true; m->at < m->end && (first || *m->at != ']'); first = false) {
        if (m->at[0] == '[' && m->at + 1 < m->end && m->at[1] == ':') {
            if (!take_named(m, set)) {
                return;
            }
        } else {
            take_range(m, set);
        }
    }
    if (m->at >= m->end) {
        m->glob->never = true;
        return;
    }
    m->at++;
    for (size_t i = 0; negated && i < 32; i++) {
        set[i] = (uint8_t)~set[i];
    }
    set['/' / 8] = (uint8_t)(set['/' / 8] & ~(1U << '/' % 8));
    add_step(m, STEP_CLASS)->set = set;
}

static void take_stars(struct making *m) {
    const char *first = m->at;
    bool begins = first == m->start || first[-1] == '/';

    while (m->at < m->end && *m->at == '*') {
        m->at++;
    }
    if (m->at - first < 2 || !begins || (m->at < m->end && *m->at != '/')) {
        (void)add_step(m, STEP_TEXT);
    } else if (m->at == m->end) {
        (void)add_step(m, STEP_REST);
    } else {
        m->at++;
        (void)add_step(m, STEP_FOLDERS);
    }
}

static void take_any(struct making *m) {
    uint8_t *set = cm_arena_get(m->arena, 32);

    memset(set, 0xFF, 32);
    set['/' / 8] = (uint8_t)(set['/' / 8] & ~(1U << '/' % 8));
    add_step(m, STEP_CLASS)->set = set;
    m->at++;
}

static void take_step(struct making *m) {
    switch (*m->at) {
    case '*':
        take_stars(m);
        return;
    case '?':
        take_any(m);
        return;
    case '[':
        take_class(m);
        return;
    case '\\':
        if (++m->at == m->end) {
            m->glob->never = true;
            return;
        }
        break;
    default:
        break;
    }
    add_step(m, STEP_CHAR)->c = (unsigned char)*m->at++;
}

struct hub_glob *hub_glob_new(struct cm_arena *a, const char *pattern, size_t len, bool anywhere) {
    struct hub_glob *glob = cm_arena_get(a, sizeof(*glob));
    struct making m = {a, pattern, pattern + len, pattern, glob};

    glob->never = len > HUB_GLOB_MAX;
    if (glob->never) {
        return glob;
    }
    glob->steps = cm_arena_get(a, (len + 2) * sizeof(*glob->steps));
    if (anywhere) {
        (void)add_step(&m, STEP_FOLDERS);
    }
    while (m.at < m.end && !glob->never) {
        take_step(&m);
    }
    return glob;
}

// ---- Matching

#define AT 1     // the step is the next one
#define WITHIN 2 // in the middle of a step that takes several characters

struct places {
    uint8_t of[HUB_GLOB_MAX + 3];
};

// reach notes that step i is the next one, and those behind it that can be left out.
static void reach(const struct hub_glob *g, struct places *p, size_t i) {
    for (;; i++) {
        p->of[i] |= AT;
        if (i == g->count || (g->steps[i].type != STEP_TEXT && g->steps[i].type != STEP_FOLDERS)) {
            return;
        }
    }
}

// take follows step i over a character.
static void take(const struct hub_glob *g, struct places *next, size_t i, unsigned char c) {
    const struct step *step = &g->steps[i];

    switch (step->type) {
    case STEP_CHAR:
        if (c == step->c) {
            reach(g, next, i + 1);
        }
        return;
    case STEP_CLASS:
        if (has(step->set, c)) {
            reach(g, next, i + 1);
        }
        return;
    case STEP_TEXT:
        if (c != '/') {
            reach(g, next, i);
        }
        return;
    case STEP_FOLDERS:
        next->of[i] |= WITHIN;
        if (c == '/') {
            reach(g, next, i + 1);
        }
        return;
    case STEP_REST:
        next->of[i] |= WITHIN;
        next->of[i + 1] |= AT;
        return;
    }
}

bool hub_glob_match(const struct hub_glob *g, const char *path, size_t len) {
    struct places now;
    struct places next;

    if (g->never) {
        return false;
    }
    memset(now.of, 0, g->count + 1);
    reach(g, &now, 0);
    for (size_t k = 0; k < len; k++) {
        memset(next.of, 0, g->count + 1);
        for (size_t i = 0; i < g->count; i++) {
            if (now.of[i] != 0) {
                take(g, &next, i, (unsigned char)path[k]);
            }
        }
        memcpy(now.of, next.of, g->count + 1);
    }
    return (now.of[g->count] & AT) != 0;
}
