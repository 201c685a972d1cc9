#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/write/kinds.h"

#define BRANCH "holdfast/"

// What undoes something is in the pull request of that.
static const char *word_of(const char *kind) {
    static const char *const words[][2] = {
        {"hold", "rollback"}, {"unhold", "rollback"}, {"retry", "rollback"}, {"resume", "suspend"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], kind) == 0) {
            return words[i][1];
        }
    }
    return strncmp(kind, "un", 2) == 0 ? kind + 2 : kind;
}

// add_part adds a text as one part of a reference's name (git-check-ref-format).
static void add_part(struct cm_str *out, const char *text, size_t len) {
    size_t start = out->len;

    for (size_t i = 0; i < len; i++) {
        char before = (char)(out->len > start ? out->data[out->len - 1] : '.');
        bool dot = text[i] == '.' && before != '.' && i + 1 < len;
        bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
                            text[i]) != NULL;

        cm_str_add_char(out, (char)(dot || plain ? text[i] : '-'));
    }
    if (out->len - start >= 5 && strcmp(out->data + out->len - 5, ".lock") == 0) {
        out->data[out->len - 5] = '-';
    }
}

static const char *path_of(struct cm_arena *a, const struct hub_intent *intent) {
    struct cm_json *args = NULL;
    struct cm_err ignored;

    return hub_write_args(a, intent, &args, &ignored) < 0
               ? NULL
               : cm_json_string(cm_json_get(args, "path"));
}

static void add_file(struct cm_str *out, const char *path) {
    const char *base = strrchr(path, '/');
    size_t len = strlen(base != NULL ? base + 1 : path);

    base = base != NULL ? base + 1 : path;
    len -= len > 5 && strcmp(base + len - 5, ".yaml") == 0 ? 5 : 0;
    cm_str_add_char(out, '/');
    add_part(out, base, len);
}

char *hub_write_path(const struct hub_intent *intent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return cm_strdup(path_of(a, intent));
}

bool hub_write_asks_pull(const struct hub_intent *intent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *args = NULL;
    struct cm_err ignored;

    return strcmp(intent->kind, "capture") == 0 &&
           hub_write_args(a, intent, &args, &ignored) == CM_OK &&
           cm_json_true(cm_json_get(args, "pull"));
}

char *hub_write_branch(const struct hub_intent *intent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *word = word_of(intent->kind);
    const char *path = path_of(a, intent);
    struct cm_str out = {0};

    cm_str_addf(&out, BRANCH "%s", word);
    if (intent->app[0] != '\0') {
        cm_str_add_char(&out, '/');
        add_part(&out, intent->app, strlen(intent->app));
    } else if (intent->cluster[0] != '\0') {
        cm_str_add(&out, "/cluster-");
        add_part(&out, intent->cluster, strlen(intent->cluster));
    }
    if (path != NULL && (strcmp(word, "rollback") == 0 || intent->app[0] == '\0')) {
        add_file(&out, path);
    }
    return cm_str_take(&out);
}
