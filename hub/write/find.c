#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/write/kinds.h"

void hub_write_place_done(struct hub_write_place *place) {
    free(place->path);
    cm_buf_unref(place->text);
    *place = (struct hub_write_place){0};
}

static bool is_text(const struct cm_json *node, const char *text) {
    const char *value = cm_json_string(node);

    return value != NULL && strcmp(value, text) == 0;
}

// holds looks for the document in a file; what cannot be read holds none.
static bool holds(const struct cm_buf *text, const char *kind, const char *name, size_t *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs = {0};
    struct cm_err ignored;

    if (cm_yaml_parse(a, (const char *)text->data, text->size, NULL, &docs, &ignored) < 0) {
        return false;
    }
    for (size_t i = 0; i < docs.count; i++) {
        if (is_text(cm_json_get(docs.docs[i], "kind"), kind) &&
            is_text(cm_json_path(docs.docs[i], "metadata", "name", NULL), name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

struct search {
    const struct hub_write_files *files;
    const char *kind;
    const char *name;
    struct hub_write_place *out;
    struct cm_err err; // of the reader
};

// look returns whether the search goes on.
static bool look(void *visitor, const char *path) {
    struct search *s = visitor;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    size_t document = 0;
    enum cm_rc rc = s->files->read(s->files->ctx, path, &text, &s->err);

    if (rc == CM_ENOTFOUND || rc == CM_EINVAL) { // gone, a link, or too large
        s->err.code = CM_OK;
        return true;
    }
    if (rc < 0) {
        return false;
    }
    if (!holds(text, s->kind, s->name, &document)) {
        return true;
    }
    *s->out = (struct hub_write_place){
        .path = cm_strdup(path), .text = CM_TAKE(text), .document = document};
    return false;
}

static bool ends_with(const char *path, const char *end) {
    size_t len = strlen(path);
    size_t tail = strlen(end);

    return len >= tail && strcmp(path + len - tail, end) == 0;
}

// may_hold tells whether documents of the kind are in files of this name.
static bool may_hold(const char *kind, const char *path) {
    const char *base = strrchr(path, '/');

    base = base != NULL ? base + 1 : path;
    if (strcmp(kind, "App") == 0) {
        return strcmp(base, "app.yaml") == 0;
    }
    return ends_with(base, ".yaml") || ends_with(base, ".yml");
}

static bool look_if_likely(void *visitor, const char *path) {
    const struct search *s = visitor;

    return !may_hold(s->kind, path) || look(visitor, path);
}

// is_inside: outside its root a repository holds other fleets, whose Apps have the same names.
static bool is_inside(const char *path, const char *root) {
    size_t len = strlen(root);

    return len == 0 || (strncmp(path, root, len) == 0 && path[len] == '/');
}

enum cm_rc hub_write_find_document(const struct hub_write_files *files, const char *kind,
                                   const char *name, const char *hint, struct hub_write_place *out,
                                   struct cm_err *err) {
    struct search s = {.files = files, .kind = kind, .name = name, .out = out};
    bool slash = files->root[0] != '\0' && strcmp(kind, "Cluster") == 0;
    CM_AUTOFREE char *folder = cm_strf("%s%s%s", files->root, slash ? "/" : "",
                                       strcmp(kind, "Cluster") == 0 ? "clusters" : "");
    enum cm_rc rc = CM_OK;

    if (hint != NULL && is_inside(hint, files->root)) {
        (void)look(&s, hint);
    }
    if (out->path == NULL && s.err.code == CM_OK) {
        rc = files->each(files->ctx, folder, look_if_likely, &s, err);
    }
    if (s.err.code != CM_OK) {
        *err = s.err;
        return err->code;
    }
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    return out->path != NULL
               ? CM_OK
               : cm_fail(err, CM_ENOTFOUND,
                         "the repository has no %s '%.100s' any more, or it cannot be read", kind,
                         name);
}
