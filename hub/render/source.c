#include "hub/render/source.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/yaml.h"

#define LIST_DEPTH_MAX 8

// What one reading of a file knows.
struct reading {
    struct hub_source *source;
    const char *text;
    size_t size;
    bool json;
    const char **lines; // where each begins; made when first asked for
    size_t line_count;
    struct hub_template *templates;
    size_t capacity;
};

const char *hub_source_path(const struct hub_source *s) {
    return (const char *)s->path->data;
}

static void report(struct reading *r, const struct cm_json *at, const char *message) {
    hub_diags_add(&r->source->diags, hub_source_path(r->source), at->line, at->column, "%s",
                  message);
}

// ---- Places

static void index_lines(struct reading *r) {
    const char *end = r->text + r->size;
    size_t capacity = 64;

    r->lines = cm_new(capacity, sizeof(*r->lines));
    for (const char *at = r->text; at != NULL && at <= end;) {
        if (r->line_count == capacity) {
            capacity *= 2;
            r->lines = cm_resize(r->lines, capacity * sizeof(*r->lines));
        }
        r->lines[r->line_count++] = at;
        at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        at = at != NULL ? at + 1 : NULL;
    }
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

// spot_of returns where in the text a node begins, or NULL. Columns count characters.
static const char *spot_of(struct reading *r, const struct cm_json *node) {
    const char *end = r->text + r->size;

    if (r->lines == NULL) {
        index_lines(r);
    }
    if (node->line == 0 || node->line > r->line_count || node->column == UINT16_MAX) {
        return NULL;
    }
    const char *at = r->lines[node->line - 1];
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) a line begins in the text
    if (r->size >= 3 && at == r->text && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        at += 3;
    }
    for (unsigned i = 1; i < node->column && at < end; i++) {
        at++;
        while (at < end && is_continuation(*at)) {
            at++;
        }
    }
    return at < end ? at : NULL;
}

// skip_properties goes past an anchor and a tag in front of a scalar.
static const char *skip_properties(const char *at, const char *end) {
    while (at < end && (*at == '&' || *at == '!')) {
        while (at < end && strchr(" \t\r\n", *at) == NULL) {
            at++;
        }
        while (at < end && *at != '\0' && strchr(" \t\r\n", *at) != NULL) {
            at++;
        }
    }
    return at;
}

static bool is_typed(const struct reading *r, const char *spot) {
    const char *end = r->text + r->size;

    if (spot == NULL) {
        return false;
    }
    spot = skip_properties(spot, end);
    if (spot == end) {
        return false;
    }
    return *spot == '"' ? r->json : strchr("'|>", *spot) == NULL;
}

// find_spots finds line and column of each "${" of a scalar that begins at `spot`: they are in the
// file in the same order, but for exotic escapes.
static void find_spots(const struct reading *r, struct hub_hole *hole, const char *spot,
                       size_t count) {
    const char *end = r->text + r->size;
    const char *line_start = spot;
    uint32_t line = hole->line;

    while (line_start != NULL && line_start > r->text && line_start[-1] != '\n') {
        line_start--;
    }
    for (size_t i = 0; i < count; i++) {
        hole->spots[i] = (struct hub_spot){hole->line, hole->column};
        const char *found = spot != NULL ? memmem(spot, (size_t)(end - spot), "${", 2) : NULL;
        if (found == NULL) {
            spot = NULL;
            continue;
        }
        uint32_t column = 1;
        for (const char *at = line_start; at < found; at++) {
            column += is_continuation(*at) ? 0 : 1;
            if (*at == '\n') {
                line++;
                column = 1;
                line_start = at + 1;
            }
        }
        hole->spots[i] = (struct hub_spot){line, column};
        spot = found + 2;
    }
}

// ---- Holes

struct holes {
    struct hub_hole *items;
    size_t count;
    size_t capacity;
};

static size_t count_dollars(const char *text) {
    size_t count = 0;

    for (const char *at = strstr(text, "${"); at != NULL; at = strstr(at + 2, "${")) {
        count++;
    }
    return count;
}

static void add_hole(struct reading *r, struct holes *holes, const struct cm_json *node,
                     bool in_key) {
    struct cm_arena *a = r->source->arena;
    const char *text = in_key ? node->key : node->text;
    struct hub_hole hole = {
        .node = node, .in_key = in_key, .line = node->line, .column = node->column};
    size_t dollars = count_dollars(text);
    const char *spot = in_key ? NULL : spot_of(r, node);
    struct cm_err err;
    size_t nth;

    hole.spots = cm_arena_get(a, dollars * sizeof(*hole.spots));
    find_spots(r, &hole, spot, dollars);
    if (hub_text_scan(a, text, &hole.text, &nth, &err) < 0) {
        hub_diags_add(&r->source->diags, hub_source_path(r->source), hole.spots[nth].line,
                      hole.spots[nth].column, "%s", err.msg);
        return;
    }
    hole.typed = !in_key && hole.text.whole && is_typed(r, spot);
    if (holes->count == holes->capacity) {
        holes->capacity = holes->capacity == 0 ? 8 : holes->capacity * 2;
        holes->items = cm_resize(holes->items, holes->capacity * sizeof(*holes->items));
    }
    holes->items[holes->count++] = hole;
}

static void find_holes(struct reading *r, struct holes *holes, const struct cm_json *node) {
    if (node->key != NULL && !hub_text_is_plain(node->key)) {
        add_hole(r, holes, node, true);
    }
    if (node->type == CM_STRING && !hub_text_is_plain(node->text)) {
        add_hole(r, holes, node, false);
    }
    if (node->type == CM_ARRAY || node->type == CM_OBJECT) {
        for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
            find_holes(r, holes, item);
        }
    }
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t hub_names_sort(const char **names, size_t count) {
    size_t kept = 0;

    if (count > 0) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0) {
            names[kept++] = names[i];
        }
    }
    return kept;
}

static void list_used(struct cm_arena *a, struct hub_template *t) {
    size_t count = 0;

    for (size_t i = 0; i < t->hole_count; i++) {
        count += t->holes[i].text.count;
    }
    t->used = cm_arena_get(a, (count + 1) * sizeof(*t->used));
    for (size_t i = 0; i < t->hole_count; i++) {
        const struct hub_text *text = &t->holes[i].text;

        for (size_t k = 0; k < text->count; k++) {
            if (text->pieces[k].variable) {
                t->used[t->used_count++] = text->pieces[k].text;
            }
        }
    }
    t->used_count = hub_names_sort(t->used, t->used_count);
}

static void compile(struct reading *r, struct hub_template *t) {
    const struct cm_json *mode = cm_json_get(
        cm_json_path(t->object, "metadata", "annotations", NULL), HUB_SUBSTITUTE_ANNOTATION);
    const char *word = cm_json_string(mode);
    struct holes holes = {0};

    if (mode != NULL &&
        (word == NULL || (strcmp(word, "disabled") != 0 && strcmp(word, "enabled") != 0))) {
        report(r, mode, "the annotation " HUB_SUBSTITUTE_ANNOTATION " is 'disabled' or 'enabled'");
    }
    if (word != NULL && strcmp(word, "disabled") == 0) {
        return;
    }
    find_holes(r, &holes, t->object);
    if (holes.count > 0) {
        t->holes = cm_arena_get(r->source->arena, holes.count * sizeof(*t->holes));
        memcpy(t->holes, holes.items, holes.count * sizeof(*t->holes));
        t->hole_count = holes.count;
        list_used(r->source->arena, t);
    }
    free(holes.items);
}

// ---- Objects

static bool in_identity(const struct cm_json *object, const struct cm_json *node) {
    const struct cm_json *metadata = cm_json_get(object, "metadata");

    return node == cm_json_get(object, "apiVersion") || node == cm_json_get(object, "kind") ||
           node == metadata || node == cm_json_get(metadata, "name") ||
           node == cm_json_get(metadata, "namespace");
}

// check_identity says at once what rendering would say for each cluster.
static void check_identity(struct reading *r, const struct hub_template *t) {
    struct cm_object_id id;
    struct cm_err err;

    for (size_t i = 0; i < t->hole_count; i++) {
        if (in_identity(t->object, t->holes[i].node)) {
            return;
        }
    }
    if (cm_object_id_of(r->source->arena, t->object, &id, &err) < 0) {
        report(r, t->object, err.msg);
    }
}

static bool begins_with(const char *text, const char *prefix) {
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
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
        report(r, object,
               "kustomizations are not supported: list plain manifests, with ${variables} where "
               "clusters differ");
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
    compile(r, t);
    check_identity(r, t);
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

static void add_object(struct reading *r, const struct cm_json *object, size_t depth) {
    if (object->type != CM_OBJECT) {
        hub_diags_add(&r->source->diags, hub_source_path(r->source), object->line, object->column,
                      "a manifest must be an object with apiVersion, kind and metadata, not %s",
                      cm_json_type_name(object->type));
    } else if (is_list(object)) {
        add_list(r, object, depth);
    } else if (!refused(r, object)) {
        add_template(r, object);
    }
}

static bool looks_like_json(const char *text, size_t size) {
    while (size > 0 && *text != '\0' && strchr(" \t\r\n", *text) != NULL) {
        text++;
        size--;
    }
    return size > 0 && *text == '{';
}

static void move_templates(struct reading *r) {
    struct hub_source *s = r->source;

    if (s->diags.count > 0) {
        s->count = 0;
    } else if (s->count > 0) {
        s->templates = cm_arena_get(s->arena, s->count * sizeof(*s->templates));
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) there are some
        memcpy(s->templates, r->templates, s->count * sizeof(*s->templates));
    }
    free(r->templates);
    free(r->lines);
}

struct hub_source *hub_source_new(struct cm_buf *path, const void *bytes, size_t size) {
    struct hub_source *s = cm_new(1, sizeof(*s));
    struct reading r = {.source = s, .text = bytes, .size = size};
    struct cm_yaml_docs docs;
    struct cm_err err;

    s->arena = cm_arena_new(0);
    s->path = cm_buf_ref(path);
    r.json = looks_like_json(bytes, size);
    if (cm_yaml_parse(s->arena, bytes, size, NULL, &docs, &err) < 0) {
        hub_diags_add_err(&s->diags, hub_source_path(s), &err);
        return s;
    }
    for (size_t i = 0; i < docs.count; i++) {
        add_object(&r, docs.docs[i], 0);
    }
    move_templates(&r);
    return s;
}

void hub_source_free(struct hub_source *s) {
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        cm_map_free(s->templates[i].memo);
    }
    hub_diags_done(&s->diags);
    cm_buf_unref(s->path);
    cm_arena_free(s->arena);
    free(s);
}
