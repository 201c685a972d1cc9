// overlay.c: an overlay for one cluster, in App.spec.targets.
//
// A target that names the cluster gets it. Where the cluster shares a target that says nothing but
// which clusters it means, one of its own is put before that. What else a shared target says would
// have to be written twice, and would be changed at one of both places by the next person: so that
// is refused.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/directive.h"
#include "common/object/field.h"
#include "common/yaml.h"
#include "common/yaml_become.h"
#include "hub/capture/internal.h"

struct making {
    struct capture_try *try;
    struct cm_arena *arena;
    struct cm_json *app; // the document, which is changed
};

static bool is_text(const struct cm_json *node, const char *text) {
    const char *own = cm_json_string(node);

    return own != NULL && strcmp(own, text) == 0;
}

static bool refuse(const struct making *m, const char *why) {
    m->try->why = cm_arena_strdup(m->try->tip->arena, why);
    return false;
}

// ---- The partial object

static struct cm_json *null_of(struct cm_arena *a) {
    return cm_json_new(a, CM_NULL);
}

// value_of makes a value that replaces the one before as a whole: what a map has no more is null.
static struct cm_json *value_of(struct making *m, const struct cm_json *before,
                                const struct hub_capture_field *field) {
    struct cm_json *value = field->value != NULL
                                ? capture_value(m->arena, field->value, !m->try->literal)
                                : null_of(m->arena);
    bool maps = value->type == CM_OBJECT && before != NULL && before->type == CM_OBJECT;

    for (const struct cm_json *at = maps ? before->first : NULL; at != NULL; at = at->next) {
        if (cm_json_get(value, at->key) == NULL) {
            cm_json_set(m->arena, value, at->key, null_of(m->arena));
        }
    }
    return value;
}

// entry_of finds the entry with the keys of `like` in a partial list, or adds one.
static struct cm_json *entry_of(struct making *m, struct cm_json *list,
                                const struct cm_segment *segment, const struct cm_json *like) {
    for (struct cm_json *at = list->first; at != NULL; at = at->next) {
        bool same = true;

        for (size_t i = 0; segment->keys[i] != NULL; i++) {
            const struct cm_json *own = cm_json_get(at, segment->keys[i]);
            const struct cm_json *key = cm_json_get(like, segment->keys[i]);

            same = same && (own == NULL || key == NULL ? own == key : cm_json_equal(own, key));
        }
        if (same) {
            return at;
        }
    }
    struct cm_json *entry = cm_json_new(m->arena, CM_OBJECT);
    for (size_t i = 0; segment->keys[i] != NULL; i++) {
        const struct cm_json *key = cm_json_get(like, segment->keys[i]);

        if (key != NULL) {
            cm_json_set(m->arena, entry, segment->keys[i], cm_json_copy(m->arena, key));
        }
    }
    cm_json_append(list, entry);
    return entry;
}

// entry_at finds the entry with the keys of `like`, which is in `whole`. The entries before it
// there get their keys said, too: a merge puts what it names first.
static struct cm_json *entry_at(struct making *m, struct cm_json *list,
                                const struct cm_segment *segment, const struct cm_json *whole,
                                const struct cm_json *like) {
    for (const struct cm_json *at = whole->first; at != NULL && at != like; at = at->next) {
        (void)entry_of(m, list, segment, at);
    }
    return entry_of(m, list, segment, like);
}

// put_entry says a new entry, which comes last: so the keys of all that are there are said before.
// It tells whether it can be one.
static bool put_entry(struct making *m, struct cm_json *list, const struct cm_segment *segment,
                      const struct cm_json *whole, const struct cm_json *value) {
    if (value == NULL || value->type != CM_OBJECT) {
        return false;
    }
    struct cm_json *said = capture_value(m->arena, value, !m->try->literal);
    bool any = whole != NULL && whole->type == CM_ARRAY;
    for (const struct cm_json *at = any ? whole->first : NULL; at != NULL; at = at->next) {
        (void)entry_of(m, list, segment, at);
    }
    struct cm_json *entry = entry_of(m, list, segment, said);
    (void)cm_json_remove(entry, CM_DIRECTIVE_PATCH); // it may have been said to go
    for (const struct cm_json *at = said->first; at != NULL; at = at->next) {
        cm_json_set(m->arena, entry, at->key, cm_json_copy(m->arena, at));
    }
    return true;
}

// below returns the map or list that a member of a partial object holds.
static struct cm_json *below(struct making *m, struct cm_json *map, const char *name,
                             enum cm_json_type type) {
    struct cm_json *node = cm_json_get(map, name);

    if (node == NULL || node->type != type) {
        node = cm_json_new(m->arena, type);
        cm_json_set(m->arena, map, name, node);
    }
    return node;
}

// put_whole says of an entry itself that it is new, or that it goes.
static bool put_whole(struct making *m, struct cm_json *list, const struct cm_segment *segment,
                      const struct cm_json *whole, const struct cm_json *live,
                      const struct cm_json *value) {
    if (live == NULL) {
        return put_entry(m, list, segment, whole, value);
    }
    if (value != NULL) {
        return false;
    }
    struct cm_json *entry = entry_at(m, list, segment, whole, live);
    cm_json_set_string(m->arena, entry, CM_DIRECTIVE_PATCH, "delete");
    return true;
}

// put says one field in a partial object. It tells whether a merge can say it.
static bool put(struct making *m, struct cm_json *partial, const struct hub_capture_field *field) {
    struct cm_cursor live = cm_field_root(m->arena, m->try->object);
    struct cm_json *at = partial;
    struct cm_path path;

    if (!cm_field_parse(m->arena, field->path, &path)) {
        return false;
    }
    for (size_t i = 0; i < path.count; i++) {
        const struct cm_segment *segment = &path.segments[i];
        bool last = i + 1 == path.count;

        const struct cm_json *whole = live.node;

        live = cm_field_step(live, segment);
        if (segment->type == CM_SEGMENT_MEMBER && last) {
            cm_json_set(m->arena, at, segment->name, value_of(m, live.node, field));
        } else if (segment->type == CM_SEGMENT_MEMBER) {
            bool list = path.segments[i + 1].type != CM_SEGMENT_MEMBER;

            at = below(m, at, segment->name, list ? CM_ARRAY : CM_OBJECT);
        } else if (segment->type == CM_SEGMENT_ENTRY && last) {
            return put_whole(m, at, segment, whole, live.node, field->value);
        } else if (segment->type == CM_SEGMENT_VALUE || live.node == NULL) {
            return false;
        } else {
            at = entry_at(m, at, segment, whole, live.node);
        }
    }
    return true;
}

static bool put_all(struct making *m, struct cm_json *partial) {
    for (size_t i = 0; i < m->try->what->field_count; i++) {
        if (!put(m, partial, &m->try->what->fields[i])) {
            return false;
        }
    }
    return true;
}

// ---- Where it stands

static struct cm_json *new_partial(struct making *m) {
    struct cm_json *partial = cm_json_new(m->arena, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(m->arena, CM_OBJECT);
    const struct cm_json *object = m->try->object;

    cm_json_set_string(m->arena, partial, "apiVersion",
                       cm_json_string(cm_json_get(object, "apiVersion")));
    cm_json_set_string(m->arena, partial, "kind", cm_json_string(cm_json_get(object, "kind")));
    cm_json_set_string(m->arena, metadata, "name",
                       cm_json_string(cm_json_path(object, "metadata", "name", NULL)));
    cm_json_set(m->arena, partial, "metadata", metadata);
    return partial;
}

static bool is_about(const struct cm_json *partial, const struct cm_json *object) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    const char *name = cm_json_string(cm_json_path(object, "metadata", "name", NULL));

    return is_text(cm_json_get(partial, "apiVersion"), version) &&
           is_text(cm_json_get(partial, "kind"), kind) &&
           is_text(cm_json_path(partial, "metadata", "name", NULL), name);
}

// partial_in finds the last overlay of a target if it is a merge into the object, or adds one.
static struct cm_json *partial_in(struct making *m, struct cm_json *target) {
    struct cm_json *overlays = below(m, target, "overlays", CM_ARRAY);
    struct cm_json *last = overlays->last;

    if (last != NULL && cm_json_get(last, "target") == NULL &&
        is_about(cm_json_get(last, "merge"), m->try->object)) {
        return cm_json_get(last, "merge");
    }
    struct cm_json *overlay = cm_json_new(m->arena, CM_OBJECT);
    struct cm_json *partial = new_partial(m);
    cm_json_set(m->arena, overlay, "merge", partial);
    cm_json_append(overlays, overlay);
    return partial;
}

// says_more tells whether a target says anything but which clusters it means.
static const char *says_more(const struct cm_json *target) {
    static const char *const selects[] = {"name", "cluster", "clusterGroup", "clusterSelector"};

    for (const struct cm_json *at = target->first; at != NULL; at = at->next) {
        bool selecting = false;

        for (size_t i = 0; i < sizeof(selects) / sizeof(selects[0]); i++) {
            selecting = selecting || strcmp(at->key, selects[i]) == 0;
        }
        if (!selecting) {
            return at->key;
        }
    }
    return NULL;
}

// put_before puts a target for the cluster before the one that counts for it now.
static struct cm_json *put_before(struct making *m, struct cm_json *spec, size_t index) {
    const struct cm_json *targets = cm_json_get(spec, "targets");
    struct cm_json *longer = cm_json_new(m->arena, CM_ARRAY);
    struct cm_json *own = cm_json_new(m->arena, CM_OBJECT);

    cm_json_set_string(m->arena, own, "cluster", m->try->what->cluster);
    for (const struct cm_json *at = targets->first; at != NULL; at = at->next, index--) {
        if (index == 0) {
            cm_json_append(longer, own);
        }
        cm_json_append(longer, cm_json_copy(m->arena, at));
    }
    cm_json_set(m->arena, spec, "targets", longer);
    return own;
}

static struct cm_json *target_of(struct making *m) {
    struct capture_try *t = m->try;
    struct cm_json *spec = cm_json_get(m->app, "spec");
    struct cm_json *targets = cm_json_get(spec, "targets");
    struct cm_json *at = targets != NULL ? targets->first : NULL;
    size_t index = 0;

    if (!hub_fleet_find_target(t->tip->fleet, t->what->app, t->what->cluster, &index)) {
        (void)refuse(m, "no target of the App means the cluster");
        return NULL;
    }
    for (size_t i = 0; i < index && at != NULL; i++) {
        at = at->next;
    }
    if (at == NULL || is_text(cm_json_get(at, "cluster"), t->what->cluster)) {
        return at;
    }
    const char *more = says_more(at);
    if (more != NULL) {
        t->why =
            cm_arena_strf(t->tip->arena,
                          "'%.200s' line %u: cluster '%s' shares this target, which says "
                          "'%s', too: give the cluster a target of its own above it",
                          capture_tip_path(t->tip, t->app_path), at->line, t->what->cluster, more);
        return NULL;
    }
    return put_before(m, spec, index);
}

// ---- The file

static size_t find_app(const struct cm_yaml_docs *docs, const char *app) {
    for (size_t i = 0; i < docs->count; i++) {
        if (is_text(cm_json_get(docs->docs[i], "kind"), "App") &&
            is_text(cm_json_path(docs->docs[i], "metadata", "name", NULL), app)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool edit(struct making *m, const char *path, const struct cm_buf *file) {
    struct capture_try *t = m->try;
    struct cm_yaml_docs docs = {0};
    struct cm_err err = {0};
    char *text = NULL;
    const char *bytes = (const char *)file->data;

    if (cm_yaml_parse(m->arena, bytes, file->size, NULL, &docs, &err) < 0) {
        return refuse(m, err.msg);
    }
    size_t number = find_app(&docs, t->what->app);
    if (number == SIZE_MAX) {
        return refuse(m, "the App's document is not there");
    }
    m->app = cm_json_copy(m->arena, docs.docs[number]);
    struct cm_json *target = target_of(m);
    if (target == NULL) {
        return false;
    }
    if (!put_all(m, partial_in(m, target))) {
        return refuse(m, "a merge cannot say it: write a jsonPatch for the cluster");
    }
    if (cm_yaml_become(bytes, file->size, number, m->app, &text, &err) < 0) {
        t->why = cm_arena_strf(t->tip->arena, "'%.200s': %.300s", path, err.msg);
        return false;
    }
    CM_AUTOFREE char *before = cm_strndup(bytes, file->size);
    return t->consider(t->ctx, path, before, text);
}

bool capture_by_overlay(struct capture_try *t) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct making m = {.try = t, .arena = arena};
    const char *path = capture_tip_path(t->tip, t->app_path);
    struct cm_err err = {0};

    if (t->tip->own->read(t->tip->own->ctx, path, HUB_CAPTURE_FILE_MAX, &file, &err) < 0) {
        return refuse(&m, err.msg);
    }
    return edit(&m, path, file);
}
