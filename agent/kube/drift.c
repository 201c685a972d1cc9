#include "agent/kube/drift.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (value.data != NULL) {
        explicit_bzero(value.data, value.len);
    }
    cm_str_done(&value);
}

static bool is_noise(const struct kube_baseline *baseline, const struct cm_difference *d) {
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

static void add_field(struct cm_arena *a, struct kube_drift *out, const struct cm_difference *d,
                      const struct cm_json *live, bool hidden) {
    struct cm_manager manager = {.name = "", .operation = "", .subresource = "", .time = ""};
    int64_t at_ms = 0;

    if (out->count == AGENT_DRIFT_MAX) {
        out->more = true;
        return;
    }
    (void)cm_object_manager_of(live, d->path, &manager);
    (void)cm_clock_parse(manager.time, &at_ms);
    out->fields[out->count++] = (struct agent_field_drift){
        .path = d->path,
        .desired = value_text(a, d->desired, hidden),
        .actual = value_text(a, d->actual, hidden),
        .manager = cm_arena_strdup(a, manager.name),
        .operation = cm_arena_strdup(a, manager.operation),
        .at_ms = at_ms,
    };
}

void kube_drift_find(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *live,
                     const struct kube_baseline *baseline, struct kube_drift *out) {
    struct cm_differences differences = {0};

    *out = (struct kube_drift){0};
    cm_object_diff(a, desired, live, LOOKED_AT, &differences);
    for (size_t i = 0; i < differences.count; i++) {
        const struct cm_difference *d = &differences.items[i];

        if (!is_noise(baseline, d)) {
            add_field(a, out, d, live, hides(desired, baseline, d->path));
        }
    }
}
