#include "hub/render/source.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/yaml.h"
#include "hub/render/labels.h"

#define LIST_DEPTH_MAX 8

// What one reading of a file knows.
struct reading {
    struct hub_source *source;
    struct hub_holes holes;
    bool literal;   // there are no variables
    bool ambiguous; // what an object says, for something is there twice
    struct hub_template *templates;
    size_t capacity;
};

const char *hub_source_path(const struct hub_source *s) {
    return (const char *)s->path->data;
}

const char *hub_template_path(const struct hub_template *t, const struct cm_json *node) {
    return t->placed ? ((const struct hub_node *)(const void *)node)->path
                     : hub_source_path(t->source);
}

static void report(struct reading *r, const struct cm_json *at, const char *message) {
    hub_diags_add(&r->source->diags, hub_source_path(r->source), at->line, at->column, "%s",
                  message);
}

// ---- Holes

bool hub_template_is_literal(const struct cm_json *object) {
    const char *word = cm_json_string(cm_json_get(
        cm_json_path(object, "metadata", "annotations", NULL), HUB_SUBSTITUTE_ANNOTATION));

    return word != NULL && strcmp(word, "disabled") == 0;
}

bool hub_template_is_secret(const struct cm_json *object) {
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));

    return kind != NULL && strcmp(kind, "Secret") == 0 &&
           (version == NULL || strchr(version, '/') == NULL);
}

static void check_mode(struct reading *r, const struct cm_json *object) {
    const struct cm_json *mode = cm_json_get(cm_json_path(object, "metadata", "annotations", NULL),
                                             HUB_SUBSTITUTE_ANNOTATION);
    const char *word = cm_json_string(mode);

    if (mode != NULL &&
        (word == NULL || (strcmp(word, "disabled") != 0 && strcmp(word, "enabled") != 0))) {
        report(r, mode, "the annotation " HUB_SUBSTITUTE_ANNOTATION " is 'disabled' or 'enabled'");
    }
}

static void compile(struct reading *r, struct hub_template *t) {
    check_mode(r, t->object);
    t->literal = r->literal || hub_template_is_literal(t->object);
    if (!t->literal) {
        r->holes.secret = hub_template_is_secret(t->object);
        hub_holes_find(&r->holes, t->object);
        t->holes = hub_holes_take(&r->holes, &t->hole_count);
    }
    t->used = hub_holes_names(r->source->arena, t->holes, t->hole_count, &t->used_count);
}

// ---- Objects

static bool in_identity(const struct cm_json *object, const struct cm_json *node) {
    const struct cm_json *metadata = cm_json_get(object, "metadata");

    return node == cm_json_get(object, "apiVersion") || node == cm_json_get(object, "kind") ||
           node == metadata || node == cm_json_get(metadata, "name") ||
           node == cm_json_get(metadata, "namespace");
}

static bool begins_with(const char *text, const char *prefix) {
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

// place_of returns the node that an error of an object's identity is about.
static const struct cm_json *place_of(const struct cm_json *object, const char *words) {
    const struct cm_json *metadata = cm_json_get(object, "metadata");
    const struct cm_json *at = NULL;

    if (begins_with(words, "metadata.namespace")) {
        at = cm_json_get(metadata, "namespace");
    } else if (begins_with(words, "metadata.name")) {
        at = cm_json_get(metadata, "name");
        at = at != NULL ? at : metadata;
    } else if (begins_with(words, "metadata.generateName")) {
        at = cm_json_get(metadata, "generateName");
    } else if (begins_with(words, "apiVersion")) {
        at = cm_json_get(object, "apiVersion");
    } else if (begins_with(words, "kind")) {
        at = cm_json_get(object, "kind");
    }
    return at != NULL ? at : object;
}

static void check_identity(struct cm_arena *a, const struct hub_template *t,
                           struct hub_diags *diags) {
    struct cm_object_id id;
    struct cm_err err;

    for (size_t i = 0; i < t->hole_count; i++) {
        if (in_identity(t->object, t->holes[i].node)) {
            return;
        }
    }
    if (cm_object_id_of(a, t->object, &id, &err) < 0) {
        const struct cm_json *at = place_of(t->object, err.msg);

        hub_diags_add(diags, hub_template_path(t, at), at->line, at->column, "%s", err.msg);
    }
}

void hub_template_check(struct cm_arena *a, const struct hub_template *t, struct hub_diags *diags) {
    check_identity(a, t, diags);
    hub_labels_check(t, diags);
}

// refused tells whether the object is something that is not for a cluster, and says so.
static bool refused(struct reading *r, const struct cm_json *object) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));

    if (begins_with(version, "holdfast/")) {
        report(r, object,
               "a document of holdfast stands among an App's manifests: Clusters go below "
               "clusters/, ClusterGroups below groups/, an App into a file named app.yaml");
        return true;
    }
    if (begins_with(version, "kustomize.config.k8s.io/")) {
        report(
            r, object,
            "kustomizations are not supported: list plain manifests, and say in spec.overlays of "
            "the App where clusters differ");
        return true;
    }
    if (cm_json_get(object, "sops") != NULL) {
        report(r, cm_json_get(object, "sops"),
               "files encrypted with SOPS are not supported: leave the Secret out of Git and make "
               "it in the cluster");
        return true;
    }
    return false;
}

static void add_template(struct reading *r, const struct cm_json *object) {
    if (r->source->count == r->capacity) {
        r->capacity = r->capacity == 0 ? 4 : r->capacity * 2;
        r->templates = cm_resize(r->templates, r->capacity * sizeof(*r->templates));
    }
    struct hub_template *t = &r->templates[r->source->count++];
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference) cm_resize never returns NULL
    *t = (struct hub_template){.source = r->source, .object = object};
    size_t before = r->source->diags.all;
    compile(r, t);
    hub_template_check(r->source->arena, t, &r->source->diags);
    t->wrong = r->ambiguous || r->source->diags.all > before;
}

static void add_object(struct reading *r, const struct cm_json *object, size_t depth);

static bool is_list(const struct cm_json *object) {
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    size_t len = kind != NULL ? strlen(kind) : 0;
    const struct cm_json *items = cm_json_get(object, "items");

    return len >= 4 && strcmp(kind + len - 4, "List") == 0 &&
           (items != NULL || strcmp(kind, "List") == 0);
}

static void add_list(struct reading *r, const struct cm_json *list, size_t depth) {
    const struct cm_json *items = cm_json_get(list, "items");

    if (items == NULL || items->type != CM_ARRAY) {
        report(r, items != NULL ? items : list, "the items of a List must be a list of objects");
        return;
    }
    if (depth == LIST_DEPTH_MAX) {
        report(r, list, "Lists are nested too deeply: write the objects as documents of their own");
        return;
    }
    for (const struct cm_json *item = items->first; item != NULL; item = item->next) {
        add_object(r, item, depth + 1);
    }
}

// is_pointer tells whether it is what Git LFS commits instead of a file.
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
static bool is_pointer(const struct cm_json *found) {
    static const char first[] = "version https://git-lfs.github.com/spec/";
    const char *text = cm_json_string(found);

    return text != NULL && strncmp(text, first, sizeof(first) - 1) == 0;
}

static void add_object(struct reading *r, const struct cm_json *object, size_t depth) {
    if (is_pointer(object)) {
        report(r, object,
               "this is what Git LFS commits instead of the file, which is kept elsewhere and not "
               "fetched: commit the manifest itself");
    } else if (object->type != CM_OBJECT) {
        hub_diags_add(&r->source->diags, hub_source_path(r->source), object->line, object->column,
                      "a manifest must be an object with apiVersion, kind and metadata, not %s",
                      cm_json_type_name(object->type));
    } else if (is_list(object)) {
        add_list(r, object, depth);
    } else if (!refused(r, object)) {
        add_template(r, object);
    }
}

// is_json tells JSON from YAML that begins with a brace.
static bool is_json(const char *text, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    struct cm_json all;
    struct cm_err err;
    size_t at = 0;

    while (at < size && text[at] != '\0' && strchr(" \t\r\n", text[at]) != NULL) {
        at++;
    }
    return at < size && text[at] == '{' &&
           cm_json_parse_all(scratch, text, size, NULL, &all, &err) == CM_OK;
}

static void move_templates(struct reading *r) {
    struct hub_source *s = r->source;

    if (s->count > 0) {
        s->templates = cm_arena_get(s->arena, s->count * sizeof(*s->templates));
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) there are some
        memcpy(s->templates, r->templates, s->count * sizeof(*s->templates));
    }
    s->readable = s->count;
    s->count = s->diags.count == 0 ? s->count : 0;
    free(r->templates);
}

// ---- The comment that switches variables off

// comment_of returns the first of what stands behind the # of a line that is a comment; NULL: it is
// none. It moves *at behind the line and clears *more at the first line with content.
static const char *comment_of(const char **at, const char *end, bool *more) {
    const char *from = *at;
    const char *line_end = memchr(from, '\n', (size_t)(end - from));

    line_end = line_end != NULL ? line_end : end;
    *at = line_end < end ? line_end + 1 : end;
    while (from < line_end && (*from == ' ' || *from == '\t' || *from == '\r')) {
        from++;
    }
    bool is_comment = from < line_end && *from == '#';
    bool is_start = line_end - from >= 3 && memcmp(from, "---", 3) == 0;
    *more = *at < end && (is_comment || is_start || from == line_end);
    return is_comment ? from + 1 : NULL;
}

static void take_mark(struct reading *r, const char *words, const char *end, uint32_t line) {
    static const char mark[] = "holdfast:";
    char text[40] = "";
    size_t len = 0;

    while (words < end && *words == ' ') {
        words++;
    }
    if ((size_t)(end - words) < strlen(mark) || memcmp(words, mark, strlen(mark)) != 0) {
        return;
    }
    for (words += strlen(mark); words < end && len + 1 < sizeof(text); words++) {
        if (*words != ' ' && *words != '\r' && *words != '\n') {
            text[len++] = *words;
        }
    }
    if (strcmp(text, "substitute=off") == 0) {
        r->literal = true;
    } else if (strcmp(text, "substitute=on") != 0) {
        hub_diags_add(&r->source->diags, hub_source_path(r->source), line, 1,
                      "the comment 'holdfast: %s' means nothing: write '# holdfast: "
                      "substitute=off' if ${…} is plain text in this file, or remove it",
                      text);
    }
}

// read_marks looks at the comments before the first document.
static void read_marks(struct reading *r, const char *text, size_t size) {
    const char *end = text + size;
    const char *at = text;
    bool more = size > 0;

    if (size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
        more = at < end;
    }
    for (uint32_t line = 1; more; line++) {
        const char *words = comment_of(&at, end, &more);

        if (words != NULL) {
            take_mark(r, words, at, line);
        }
    }
}

static struct hub_source *read_source(struct cm_buf *path, const void *bytes, size_t size,
                                      bool literal) {
    struct hub_source *s = cm_new(1, sizeof(*s));
    struct reading r = {.source = s, .literal = literal};
    const struct hub_file_text text = {(const char *)path->data, bytes, size};
    struct cm_yaml_docs docs;

    s->arena = cm_arena_new(0);
    s->path = cm_buf_ref(path);
    r.holes = (struct hub_holes){.arena = s->arena,
                                 .path = hub_source_path(s),
                                 .text = bytes,
                                 .size = size,
                                 .json = is_json(bytes, size),
                                 .diags = &s->diags};
    s->whole = hub_diags_parse(&s->diags, &text, s->arena, NULL, &docs);
    r.ambiguous = s->diags.count > 0;
    read_marks(&r, bytes, size);
    for (size_t i = 0; i < docs.count; i++) {
        add_object(&r, docs.docs[i], 0);
    }
    move_templates(&r);
    hub_holes_done(&r.holes);
    return s;
}

struct hub_source *hub_source_new(struct cm_buf *path, const void *bytes, size_t size) {
    return read_source(path, bytes, size, false);
}

struct hub_source *hub_source_new_literal(struct cm_buf *path, const void *bytes, size_t size) {
    return read_source(path, bytes, size, true);
}

void hub_source_free(struct hub_source *s) {
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->readable; i++) {
        cm_map_free(s->templates[i].memo);
    }
    hub_diags_done(&s->diags);
    cm_buf_unref(s->path);
    cm_arena_free(s->arena);
    free(s);
}
