#include "agent/kube/drift.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/added.h"
#include "agent/kube/object.h"
#include "agent/kube/right.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/object/diff.h"
#include "common/object/owned.h"
#include "common/object/secret.h"
#include "common/str.h"

enum {
    LOOKED_AT = 120, // differences per object; what is beyond is never looked at
    NOISE_HEX = 12,
    VALUE_MAX = 256,
};

// noise_of is what stands in a note for one difference.
static void noise_of(const struct cm_difference *d, char out[NOISE_HEX + 1]) {
    struct cm_str value = {0};

    if (d->actual != NULL) {
        cm_json_write_compact(d->actual, &value);
    }
    uint64_t hash = kube_hash(0, d->path, strlen(d->path) + 1);
    hash = kube_hash(hash, cm_str_get(&value), value.len);
    (void)snprintf(out, NOISE_HEX + 1, "%012" PRIx64, hash & UINT64_C(0xffffffffffff));
    cm_str_done(&value);
}

bool kube_drift_is_noise(const struct kube_baseline *baseline, const struct cm_difference *d) {
    char hash[NOISE_HEX + 1];

    if (baseline == NULL || baseline->noise[0] == '\0') {
        return false;
    }
    noise_of(d, hash);
    return strstr(baseline->noise, hash) != NULL;
}

static const struct {
    unsigned right;
    char letter;
} letters[] = {{KUBE_RIGHT_REPLICAS, 'r'}, {KUBE_RIGHT_WEIGHTS, 'w'}};

#define LETTERS (sizeof(letters) / sizeof(letters[0]))

static void write_flags(struct cm_str *note, const struct kube_baseline *baseline) {
    size_t before = note->len;

    if (baseline->secret) {
        cm_str_add_char(note, 's');
    }
    if (baseline->once) {
        cm_str_add_char(note, 'o');
    }
    for (size_t i = 0; i < LETTERS; i++) {
        if ((baseline->given & letters[i].right) != 0) {
            cm_str_add_char(note, letters[i].letter);
        }
    }
    if (note->len == before) {
        cm_str_add_char(note, '-');
    }
}

static void read_flags(const char *flags, struct kube_baseline *out) {
    out->secret = strchr(flags, 's') != NULL;
    out->once = strchr(flags, 'o') != NULL;
    for (size_t i = 0; i < LETTERS; i++) {
        out->given |= strchr(flags, letters[i].letter) != NULL ? letters[i].right : 0;
    }
}

const char *kube_note_write(struct cm_arena *a, const struct kube_baseline *baseline,
                            const struct cm_json *desired, const struct cm_json *live) {
    struct cm_differences differences = {0};
    struct cm_str note = {0};

    cm_str_addf(&note, "1 %.200s %016" PRIx64 " ", baseline->version, baseline->print);
    write_flags(&note, baseline);
    cm_object_diff(a, desired, live, LOOKED_AT, &differences);
    for (size_t i = 0; i < differences.count; i++) {
        char hash[NOISE_HEX + 1];

        noise_of(&differences.items[i], hash);
        cm_str_addf(&note, " %s", hash);
    }
    const char *copy = cm_arena_strdup(a, cm_str_get(&note));
    cm_str_done(&note);
    return copy;
}

// word takes the next word of a line, or NULL.
static char *word(char **line) {
    char *found = *line;

    if (found == NULL || *found == '\0') {
        return NULL;
    }
    char *space = strchr(found, ' ');
    *line = space == NULL ? NULL : space + 1;
    if (space != NULL) {
        *space = '\0';
    }
    return found;
}

bool kube_note_read(struct cm_arena *a, const char *note, struct kube_baseline *out) {
    char *line = cm_arena_strdup(a, note);
    const char *form = word(&line);
    const char *version = word(&line);
    const char *print = word(&line);
    const char *flags = word(&line);
    char *end = NULL;

    if (flags == NULL || strcmp(form, "1") != 0) {
        return false;
    }
    uint64_t value = strtoull(print, &end, 16);
    if (*print == '\0' || *end != '\0') {
        return false;
    }
    *out = (struct kube_baseline){
        .version = version,
        .print = value,
        .noise = line == NULL ? "" : line,
    };
    read_flags(flags, out);
    return true;
}

static bool hides(const struct cm_json *desired, const struct kube_baseline *baseline,
                  const char *path) {
    size_t root = strcspn(path, ".[");
    char name[64];

    if (baseline != NULL && baseline->secret) {
        return true;
    }
    if (!cm_secret_is(desired)) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)root, path);
    return cm_secret_hides(name, true) || strstr(path, "last-applied-configuration") != NULL;
}

static const char *value_text(struct cm_arena *a, const struct cm_json *value, bool hidden) {
    if (value == NULL) {
        return "";
    }
    return hidden ? CM_SECRET_MASK : cm_difference_text(a, value, VALUE_MAX);
}

// Differences in the making.
struct finding {
    struct cm_arena *a;
    const struct kube_comparison *c;
    struct kube_drift *out;
};

static void add_field(const struct finding *f, const struct cm_difference *d,
                      enum agent_difference why, size_t rule) {
    struct cm_manager manager = {.name = "", .operation = "", .subresource = "", .time = ""};
    bool hidden = hides(f->c->desired, f->c->baseline, d->path);
    bool is_added = why == AGENT_DIFFERENCE_ADDED || why == AGENT_DIFFERENCE_STAYS;
    int64_t at_ms = 0;

    if (f->out->count == AGENT_DRIFT_MAX) {
        f->out->more |= why <= AGENT_DIFFERENCE_STAYS;
        return;
    }
    (void)cm_object_manager_of(f->c->live, d->path, &manager);
    (void)cm_clock_parse(manager.time, &at_ms);
    f->out->fields[f->out->count++] = (struct agent_field_drift){
        .difference = why,
        .rule = rule,
        .path = d->path,
        .desired = is_added ? "" : value_text(f->a, d->desired, hidden),
        .actual = value_text(f->a, d->actual, hidden),
        .manager = cm_arena_strdup(f->a, manager.name),
        .user = "",
        .operation = cm_arena_strdup(f->a, manager.operation),
        .at_ms = at_ms,
    };
}

static const char *manager_of(void *ctx, const char *path) {
    const struct kube_spare_ctx *s = ctx;
    struct cm_manager manager;

    return cm_object_manager_of(s->live, path, &manager) ? manager.name : "";
}

static bool is_kept(void *ctx, const char *path) {
    const struct kube_spare_ctx *s = ctx;

    return cm_object_is_kept(s->live, path, s->manager);
}

static bool holds(void *ctx, const char *owner) {
    const struct kube_holding *h = &((const struct kube_spare_ctx *)ctx)->holding;

    return h->holds == NULL || h->holds(h->ctx, owner);
}

struct cm_spare kube_drift_spare(struct kube_spare_ctx *ctx, const struct cm_spare_rule *rules,
                                 size_t count) {
    return (struct cm_spare){.rules = rules,
                             .count = count,
                             .manager_of = manager_of,
                             .is_kept = is_kept,
                             .holds = holds,
                             .ctx = ctx};
}

bool kube_drift_is_mark(const char *path) {
    return strcmp(path, "metadata.labels") == 0 || // all of them are missing
           strcmp(path, "metadata.labels['" KUBE_LABEL_PART_OF "']") == 0 ||
           strcmp(path, "metadata.labels['" KUBE_LABEL_APP "']") == 0;
}

// sort_rules finds which rule each difference is under; `live` as in cm_spare_sort.
static const size_t *sort_rules(const struct finding *f, const struct cm_json *desired,
                                const struct cm_json *live, const struct cm_differences *all) {
    struct kube_spare_ctx ctx = {f->c->live, f->c->manager, f->c->holding};
    struct cm_spare spare = kube_drift_spare(&ctx, f->c->rules, f->c->rule_count);
    size_t *rules = cm_arena_get(f->a, (all->count + 1) * sizeof(*rules));

    cm_spare_sort(f->a, &spare, desired, live, all, rules);
    for (size_t i = 0; i < all->count; i++) {
        bool none = rules[i] == CM_SPARE_NO_RULE || kube_drift_is_mark(all->items[i].path);

        rules[i] = none ? 0 : rules[i] + 1;
    }
    return rules;
}

// drop_beside drops what differs only because others have put more into a list of which everybody
// has his own elements.
static void drop_beside(const struct kube_comparison *c, struct cm_differences *all) {
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct cm_difference *d = &all->items[i];

        if (!cm_object_has_beside(c->live, d->path, c->manager, d->desired, d->actual)) {
            all->items[kept++] = *d;
        }
    }
    all->count = kept;
}

// add_those adds the differences that are noise, or that are not.
static void add_those(const struct finding *f, const struct cm_differences *all,
                      const size_t *rules, bool noise) {
    for (size_t i = 0; i < all->count; i++) {
        const struct cm_difference *d = &all->items[i];

        if (kube_drift_is_noise(f->c->baseline, d) == noise) {
            add_field(f, d, noise ? AGENT_DIFFERENCE_NOISE : AGENT_DIFFERENCE_FOREIGN,
                      noise ? 0 : rules[i]);
        }
    }
}

bool kube_drift_stays(const char *stays, const char *path) {
    const char *at = stays;
    size_t len = strlen(path);

    while (at != NULL && at[0] != '\0' && (strncmp(at, path, len) != 0 || at[len] != '\n')) {
        at += strcspn(at, "\n");
        at += at[0] == '\n' ? 1 : 0;
    }
    return at != NULL && at[0] != '\0';
}

static void add_added(const struct finding *f) {
    struct kube_added added;

    const struct kube_added_by by = {f->c->manager, f->c->taken};
    kube_added_find(f->a, f->c->desired, f->c->live, &by, LOOKED_AT, &added);
    if (added.merged == NULL) {
        return;
    }
    const size_t *rules = sort_rules(f, added.merged, NULL, &added.all);
    for (size_t i = 0; i < added.all.count; i++) {
        bool stays = kube_drift_stays(f->c->stays, added.all.items[i].path);

        add_field(f, &added.all.items[i], stays ? AGENT_DIFFERENCE_STAYS : AGENT_DIFFERENCE_ADDED,
                  rules[i]);
    }
}

static bool has_path(const struct cm_differences *all, const char *path) {
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

// add_rights adds what differs only because it was left to others.
static void add_rights(const struct finding *f, const struct cm_differences *without) {
    struct cm_differences all = {0};

    if (f->c->given == f->c->desired) {
        return;
    }
    cm_object_diff(f->a, f->c->desired, f->c->live, LOOKED_AT, &all);
    drop_beside(f->c, &all);
    for (size_t i = 0; i < all.count; i++) {
        if (!has_path(without, all.items[i].path)) {
            add_field(f, &all.items[i], AGENT_DIFFERENCE_RIGHT, 0);
        }
    }
}

void kube_drift_find(struct cm_arena *a, const struct kube_comparison *c, struct kube_drift *out) {
    const struct finding f = {a, c, out};
    struct cm_differences all = {0};

    *out = (struct kube_drift){0};
    cm_object_diff(a, c->given, c->live, LOOKED_AT, &all);
    drop_beside(c, &all);
    const size_t *rules = all.count == 0 ? NULL : sort_rules(&f, c->given, c->live, &all);
    add_those(&f, &all, rules, false);
    add_added(&f);
    add_rights(&f, &all);
    add_those(&f, &all, rules, true);
}
