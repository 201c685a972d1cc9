#include "hub/jobs/state_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/object/id.h"
#include "common/str.h"
#include "hub/store/events.h"
#include "hub/write/write.h"

#define NAME_BYTES_MAX 240 // a file's; file systems take 255
#define NAMED_MAX 20       // clusters, Apps, causes and actors that a message names
#define NO_NAMESPACE "_cluster"
#define LOG_BEGINS "its log ends: " // as agents say it

// ---- Paths

const char *hub_state_folder(struct cm_arena *a, const char *cluster) {
    struct cm_sha256 hash = cm_sha256(cluster, strlen(cluster));

    return cm_arena_strf(a, "%02x/%s", hash.bytes[0], cluster);
}

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

// Names of objects hold no '%', so what is escaped reads back without doubt. At its beginning no
// dot stays (an agent may call something ".." or ".git"), and no '_', which is for us.
static void add_escaped(struct cm_str *out, const char *text) {
    for (const char *first = text; *text != '\0'; text++) {
        if (is_plain(*text) && (text > first || (*text != '.' && *text != '_'))) {
            cm_str_add_char(out, *text);
        } else {
            cm_str_addf(out, "%%%02X", (unsigned char)*text);
        }
    }
}

static void shorten(struct cm_str *name) {
    char hex[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash = cm_sha256(cm_str_get(name), name->len);

    if (name->len <= NAME_BYTES_MAX) {
        return;
    }
    cm_sha256_hex(&hash, hex);
    name->len = NAME_BYTES_MAX - 17;
    name->data[name->len] = '\0';
    cm_str_addf(name, "~%.16s", hex);
}

const char *hub_state_part(struct cm_arena *a, const char *name) {
    struct cm_str part = {0};

    add_escaped(&part, name);
    shorten(&part);
    const char *copy = cm_arena_strdup(a, part.len == 0 ? "%" : cm_str_get(&part));
    cm_str_done(&part);
    return copy;
}

const char *hub_state_file(struct cm_arena *a, const char *key) {
    struct cm_str name = {0};
    struct cm_str space = {0};
    struct cm_object_id id;

    if (!cm_object_key_parse(a, key, &id) || id.name[0] == '\0') {
        return NULL;
    }
    if (id.namespace[0] == '\0') {
        cm_str_add(&space, NO_NAMESPACE);
    } else {
        add_escaped(&space, id.namespace);
        shorten(&space);
    }
    add_escaped(&name, id.kind);
    cm_str_add_char(&name, '.');
    add_escaped(&name, id.group[0] == '\0' ? "core" : id.group);
    cm_str_add_char(&name, '.');
    add_escaped(&name, id.name);
    shorten(&name);
    const char *path = cm_arena_strf(a, "%s/%s.json", cm_str_get(&space), cm_str_get(&name));
    cm_str_done(&space);
    cm_str_done(&name);
    return path;
}

struct cm_json *hub_state_identity(struct cm_arena *a, const char *key) {
    struct cm_json *root = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_object_id id = {.kind = "", .group = "", .namespace = "", .name = key};

    (void)cm_object_key_parse(a, key, &id);
    cm_json_set_string(a, root, "kind", id.kind);
    cm_json_set_string(a, metadata, "name", id.name);
    if (id.namespace[0] != '\0') {
        cm_json_set_string(a, metadata, "namespace", id.namespace);
    }
    cm_json_set(a, root, "metadata", metadata);
    return root;
}

void hub_state_named(struct cm_arena *a, const char *key, const struct cm_sha256 *name, bool secret,
                     struct cm_str *out) {
    struct cm_json *root = hub_state_identity(a, key);
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(name, hex);
    cm_json_set_string(a, root, secret ? "hmac" : "sha256", hex);
    cm_json_write_canonical(root, out);
}

// ---- Messages

void hub_state_news_init(struct hub_state_news *n, const char *branch) {
    *n = (struct hub_state_news){.branch = branch,
                                 .apps = cm_map_new(NULL),
                                 .clusters = cm_map_new(NULL),
                                 .causes = cm_map_new(NULL),
                                 .actors = cm_map_new(NULL),
                                 .only_removed = true};
}

void hub_state_news_done(struct hub_state_news *n) {
    cm_map_free(n->apps);
    cm_map_free(n->clusters);
    cm_map_free(n->causes);
    cm_map_free(n->actors);
    *n = (struct hub_state_news){0};
}

void hub_state_news_add(struct cm_map *set, const char *word) {
    static char there;

    cm_map_put(set, word, &there);
}

static void add_trailers(struct cm_str *out, const char *name, const struct cm_map *set) {
    const char **words = cm_map_keys(set);
    size_t count = cm_map_len(set);

    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        hub_write_add_trailer(out, name, words[i]);
    }
    free(words);
}

static void add_names(struct cm_str *out, const char *what, const struct cm_map *set) {
    const char **words = cm_map_keys(set);
    size_t count = cm_map_len(set);

    cm_str_addf(out, "%s:", what);
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        cm_str_add_char(out, ' ');
        hub_write_add_words(out, words[i]);
    }
    if (count > NAMED_MAX) {
        cm_str_addf(out, " (+%zu)", count - NAMED_MAX);
    }
    cm_str_add_char(out, '\n');
    free(words);
}

static void add_subject(struct cm_str *out, const struct hub_state_news *n) {
    const char **apps = cm_map_keys(n->apps);
    size_t app_count = cm_map_len(n->apps);
    size_t clusters = cm_map_len(n->clusters);

    cm_str_addf(out, "%s: ", n->branch);
    if (app_count == 1) {
        hub_write_add_words(out, apps[0]);
    } else {
        cm_str_addf(out, "%zu Apps", app_count);
    }
    cm_str_addf(out, "%s on %zu cluster%s\n", n->only_removed ? " removed" : "", clusters,
                clusters == 1 ? "" : "s");
    free(apps);
}

static const char *action_of(const struct hub_state_news *n) {
    if (strcmp(n->branch, "actual") == 0) {
        return "observe";
    }
    return n->only_removed ? "remove" : "change";
}

void hub_state_message(const struct hub_state_news *n, struct cm_str *out) {
    add_subject(out, n);
    cm_str_add_char(out, '\n');
    add_names(out, "Apps", n->apps);
    add_names(out, "Clusters", n->clusters);
    cm_str_addf(out, "\nHoldfast-Action: %s\n", action_of(n));
    add_trailers(out, "App", n->apps);
    cm_str_addf(out, "Holdfast-Clusters: %zu\n", cm_map_len(n->clusters));
    add_trailers(out, "Cause", n->causes);
    if (cm_map_len(n->causes) == 0) {
        cm_str_add(out, "Holdfast-Cause: unknown\n");
    }
    add_trailers(out, "Actor", n->actors);
    if (cm_map_len(n->actors) == 0) {
        cm_str_add(out, "Holdfast-Actor: unknown\n");
    }
    if (n->desired != NULL) {
        cm_str_addf(out, "Holdfast-Desired: %s\n", n->desired);
    }
    cm_str_addf(out, "Holdfast-Event: %llu/%lld\nHoldfast-Writer: %s/epoch-%llu\n",
                (unsigned long long)n->epoch, (long long)n->event, n->hub_id,
                (unsigned long long)n->epoch);
}

// ---- Events

// end_of_log finds where what a program wrote begins. NULL: there is nothing of it.
static const char *end_of_log(const char *text) {
    const char *log = strstr(text, LOG_BEGINS);

    return log == NULL ? NULL : log + strlen(LOG_BEGINS);
}

// end_of_told finds what may hold a secret: values of a field ("PATH: DESIRED -> ACTUAL"), and what
// a program wrote. NULL: nothing.
static const char *end_of_told(const struct hub_event *e) {
    return strcmp(e->kind, "drift.found") == 0 ? strstr(e->message, ": ") : end_of_log(e->message);
}

const char *hub_state_told(struct cm_arena *a, const char *text) {
    const char *end = end_of_log(text);

    return end == NULL ? text : cm_arena_strndup(a, text, (size_t)(end - text));
}

static const char *tell(struct cm_arena *a, const struct hub_event *e) {
    const char *end = e->message == NULL ? NULL : end_of_told(e);

    return end == NULL ? e->message : cm_arena_strndup(a, e->message, (size_t)(end - e->message));
}

static void set_text(struct cm_arena *a, struct cm_json *row, const char *name, const char *text) {
    if (text != NULL && text[0] != '\0') {
        cm_json_set_string(a, row, name, text);
    }
}

static void set_time(struct cm_arena *a, struct cm_json *row, const char *name, int64_t ms) {
    char text[CM_CLOCK_TEXT_MAX];

    if (ms > 0) {
        cm_clock_format(ms, text);
        cm_json_set_string(a, row, name, text);
    }
}

void hub_state_event_line(struct cm_arena *a, uint64_t epoch, int64_t number,
                          const struct hub_event *e, struct cm_str *out) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    cm_json_set_int(a, row, "n", number);
    cm_json_set_int(a, row, "epoch", (int64_t)epoch);
    set_time(a, row, "at", e->at_ms);
    set_time(a, row, "happened", e->happened_ms);
    set_text(a, row, "kind", e->kind);
    set_text(a, row, "cluster", e->cluster);
    set_text(a, row, "app", e->app);
    set_text(a, row, "key", e->key);
    set_text(a, row, "revision", e->revision);
    set_text(a, row, "actor", e->actor);
    set_text(a, row, "message", tell(a, e));
    cm_json_write_compact(row, out);
    cm_str_add_char(out, '\n');
}

void hub_state_hour(int64_t at_ms, struct hub_state_hour *out) {
    char text[CM_CLOCK_TEXT_MAX];

    cm_clock_format(at_ms, text); // 2026-11-28T21:14:05.123Z
    (void)snprintf(out->folder, sizeof(out->folder), "events/%.4s/%.2s/%.2s", text, text + 5,
                   text + 8);
    (void)snprintf(out->prefix, sizeof(out->prefix), "%.2s-", text + 11);
}
