// source.c: the documents below the App's folder that may be where an object is written.
//
// Which file an object was rendered from need not be known: a document of its kind and name that
// says what the object says in these fields is tried, and the proof tells whether it was the one.
// A partial object in a file of an overlay is such a document, too.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/yaml.h"
#include "common/yaml_become.h"
#include "hub/capture/internal.h"

#define TRIES_MAX 8

struct search {
    struct capture_try *try;
    struct cm_arena *arena;
    size_t tries;
    bool done;
};

static bool is_same(const struct cm_json *a, const struct cm_json *b) {
    return a == NULL || b == NULL ? a == b : cm_json_equal(a, b);
}

static bool is_named(const struct cm_json *node, const struct cm_json *object) {
    return cm_json_get(node, "kind") != NULL &&
           cm_json_path(node, "metadata", "name", NULL) != NULL &&
           is_same(cm_json_get(node, "kind"), cm_json_get(object, "kind")) &&
           is_same(cm_json_path(node, "metadata", "name", NULL),
                   cm_json_path(object, "metadata", "name", NULL));
}

static const struct cm_json *field_of(struct cm_arena *a, const struct cm_json *object,
                                      const char *text) {
    struct cm_path path;

    return cm_field_parse(a, text, &path)
               ? cm_field_walk(cm_field_root(a, object), path.segments, path.count).node
               : NULL;
}

// agrees tells whether the values that are to change come from this document.
static bool agrees(struct search *s, const struct cm_json *node) {
    const struct hub_capture *what = s->try->what;

    for (size_t i = 0; i < what->field_count; i++) {
        if (!is_same(field_of(s->arena, node, what->fields[i].path),
                     field_of(s->arena, s->try->object, what->fields[i].path))) {
            return false;
        }
    }
    return true;
}

// consider edits one document, or one item of a list.
static void consider(struct search *s, const char *path, const struct cm_buf *file, size_t number,
                     struct cm_json *document, const struct cm_json *item) {
    struct capture_try *t = s->try;
    struct cm_json *wanted = cm_json_copy(s->arena, document);
    struct cm_json *node = wanted;
    struct cm_err err = {0};
    char *text = NULL;

    if (item != document) {
        const struct cm_json *at = cm_json_get(document, "items")->first;

        node = cm_json_get(wanted, "items")->first;
        for (; at != item; at = at->next) {
            node = node->next;
        }
    }
    s->tries++;
    if (!capture_set(s->arena, node, t->what, !t->literal)) {
        return;
    }
    if (cm_yaml_become((const char *)file->data, file->size, number, wanted, &text, &err) < 0) {
        t->why = cm_arena_strf(t->tip->arena, "'%.200s': %.300s", path, err.msg);
        return;
    }
    CM_AUTOFREE char *before = cm_strndup((const char *)file->data, file->size);
    s->done = t->consider(t->ctx, path, before, text);
}

static void look_into(struct search *s, const char *path, const struct cm_buf *file) {
    struct cm_yaml_docs docs = {0};
    struct cm_err ignored;

    if (cm_yaml_parse(s->arena, (const char *)file->data, file->size, NULL, &docs, &ignored) < 0) {
        return;
    }
    for (size_t i = 0; i < docs.count && !s->done; i++) {
        struct cm_json *items = cm_json_get(docs.docs[i], "items");
        struct cm_json *at = items != NULL && items->type == CM_ARRAY ? items->first : docs.docs[i];

        for (; at != NULL && !s->done && s->tries < TRIES_MAX; at = at->next) {
            if (!is_named(at, s->try->object)) {
                continue;
            }
            if (agrees(s, at)) {
                consider(s, path, file, i, docs.docs[i], at);
            } else if (s->try->why == NULL) {
                s->try->why = cm_arena_strf(s->try->tip->arena,
                                            "'%.200s' line %u: the value comes from a variable, an "
                                            "overlay or a field of the App",
                                            path, at->line);
            }
        }
    }
}

static bool ends_with(const char *path, const char *end) {
    size_t len = strlen(path);
    size_t tail = strlen(end);

    return len >= tail && strcmp(path + len - tail, end) == 0;
}

static bool may_hold(const struct capture_try *t, const char *path) {
    return (ends_with(path, ".yaml") || ends_with(path, ".yml") || ends_with(path, ".json")) &&
           strcmp(capture_tip_below(t->tip, path), t->app_path) != 0;
}

static bool look(void *visitor, const char *path) {
    struct search *s = visitor;
    const struct capture_tip *tip = s->try->tip;
    const char *name = cm_json_string(cm_json_path(s->try->object, "metadata", "name", NULL));
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct cm_err ignored;

    if (!may_hold(s->try, path) ||
        tip->own->read(tip->own->ctx, path, HUB_CAPTURE_FILE_MAX, &file, &ignored) < 0 ||
        memmem(file->data, file->size, name, strlen(name)) == NULL) {
        return true;
    }
    look_into(s, path, file);
    cm_arena_reset(s->arena);
    return !s->done && s->tries < TRIES_MAX;
}

bool capture_by_source(struct capture_try *t) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct search s = {.try = t, .arena = arena};
    const char *slash = strrchr(t->app_path, '/');
    size_t len = slash != NULL ? (size_t)(slash - t->app_path) : 0;
    const char *below = cm_arena_strndup(t->tip->arena, t->app_path, len);
    const char *folder = len > 0 ? capture_tip_path(t->tip, below) : t->tip->own->root;
    struct cm_err ignored;

    // What cannot be listed has no document: the fleet has read it before.
    enum cm_rc rc = t->tip->own->each(t->tip->own->ctx, folder, look, &s, &ignored);
    if (rc == CM_OK && !s.done && t->why == NULL) {
        t->why = "no document below the App's folder is where the object is written";
    }
    return s.done;
}
