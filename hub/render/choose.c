#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/render/internal.h"
#include "hub/render/select.h"

const struct cm_json *hub_edit_object(const struct hub_edit *edit) {
    return edit->object != NULL ? edit->object : edit->base->object;
}

struct cm_json *hub_edit_own(struct hub_making *m, struct hub_edit *edit) {
    if (edit->object == NULL) {
        edit->object = hub_nodes_of_template(m->arena, edit->base);
    }
    return edit->object;
}

void hub_identity_read(const struct cm_json *object, struct hub_identity *out) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *slash = version != NULL ? strchr(version, '/') : NULL;
    const char *namespace = cm_json_string(cm_json_path(object, "metadata", "namespace", NULL));

    *out = (struct hub_identity){
        .group = slash != NULL ? version : "",
        .group_len = slash != NULL ? (size_t)(slash - version) : 0,
        .version = slash != NULL ? slash + 1 : version,
        .kind = cm_json_string(cm_json_get(object, "kind")),
        .name = cm_json_string(cm_json_path(object, "metadata", "name", NULL)),
        .namespace = namespace != NULL ? namespace : "",
    };
}

static bool has_text(const char *text, const char *wanted) {
    return wanted == NULL || (text != NULL && strcmp(text, wanted) == 0);
}

static bool has_group(const struct hub_identity *id, const char *group) {
    return group == NULL ||
           (strlen(group) == id->group_len && strncmp(group, id->group, id->group_len) == 0);
}

static void add(struct hub_making *m, struct hub_chosen *out, struct hub_edit *edit) {
    if (out->count == out->capacity) {
        size_t capacity = out->capacity == 0 ? 4 : out->capacity * 2;
        struct hub_edit **items = cm_arena_get(m->arena, capacity * sizeof(struct hub_edit *));

        if (out->count > 0) {
            memcpy(items, out->items, out->count * sizeof(struct hub_edit *));
        }
        out->items = items;
        out->capacity = capacity;
    }
    out->items[out->count++] = edit;
}

// take_right leaves of what is found what can be changed.
static bool take_right(const struct hub_making *m, struct hub_chosen *found) {
    size_t kept = 0;

    for (size_t i = 0; i < found->count && !m->look_only; i++) {
        if (!found->items[i]->base->wrong) {
            found->items[kept++] = found->items[i];
        }
    }
    found->count = kept;
    return true;
}

// ---- By a target

struct wanted {
    const char *group;
    const char *version;
    const char *kind;
    const char *name;
    const char *namespace;
    struct hub_selector labels;
};

static void read_target(struct hub_making *m, const struct cm_json *target, struct wanted *out) {
    *out = (struct wanted){
        .group = cm_json_string(cm_json_get(target, "group")),
        .version = cm_json_string(cm_json_get(target, "version")),
        .kind = cm_json_string(cm_json_get(target, "kind")),
        .name = cm_json_string(cm_json_get(target, "name")),
        .namespace = cm_json_string(cm_json_get(target, "namespace")),
    };
    hub_selector_read(m->arena, cm_json_get(target, "labelSelector"), &out->labels);
}

static bool is_wanted(const struct wanted *w, const struct cm_json *object) {
    struct hub_identity id;

    hub_identity_read(object, &id);
    return has_group(&id, w->group) && has_text(id.version, w->version) &&
           has_text(id.kind, w->kind) && has_text(id.name, w->name) &&
           has_text(id.namespace, w->namespace) &&
           hub_selector_match(&w->labels, cm_json_path(object, "metadata", "labels", NULL));
}

// nearest returns the name that was meant most likely among the objects of a kind (NULL: of any).
static const char *nearest(struct hub_making *m, const char *kind, const char *name) {
    CM_AUTOFREE const char **names = cm_new(m->count + 1, sizeof(*names));
    size_t count = 0;

    for (size_t i = 0; name != NULL && i < m->count; i++) {
        struct hub_identity id;

        hub_identity_read(hub_edit_object(&m->edits[i]), &id);
        if (!m->edits[i].removed && id.name != NULL && has_text(id.kind, kind)) {
            names[count++] = id.name;
        }
    }
    return name != NULL ? cm_str_nearest(name, names, count) : NULL;
}

static const char *nearest_kind(struct hub_making *m, const char *kind) {
    CM_AUTOFREE const char **kinds = cm_new(m->count + 1, sizeof(*kinds));
    size_t count = 0;

    for (size_t i = 0; i < m->count; i++) {
        struct hub_identity id;

        hub_identity_read(hub_edit_object(&m->edits[i]), &id);
        if (!m->edits[i].removed && id.kind != NULL) {
            kinds[count++] = id.kind;
        }
    }
    count = hub_names_sort(kinds, count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return NULL;
        }
    }
    return cm_str_nearest(kind, kinds, count);
}

bool hub_choose_by_target(struct hub_making *m, const struct cm_json *target,
                          struct hub_chosen *out) {
    struct wanted wanted;

    read_target(m, target, &wanted);
    *out = (struct hub_chosen){0};
    for (size_t i = 0; i < m->count; i++) {
        if (!m->edits[i].removed && is_wanted(&wanted, hub_edit_object(&m->edits[i]))) {
            add(m, out, &m->edits[i]);
        }
    }
    if (out->count > 0) {
        return take_right(m, out);
    }
    if (m->in->partial) {
        return false;
    }
    const char *near = wanted.kind != NULL ? nearest_kind(m, wanted.kind) : NULL;
    near = near != NULL ? near : nearest(m, wanted.kind, wanted.name);
    if (near != NULL && (wanted.name == NULL || strcmp(near, wanted.name) != 0)) {
        hub_diags_add(
            m->diags, m->in->path, target->line, target->column,
            "the target selects none of the App's objects: did you mean '%s'? Correct it, "
            "or remove the overlay",
            near);
    } else {
        hub_diags_add(m->diags, m->in->path, target->line, target->column,
                      "the target selects none of the App's objects: correct it, or remove the "
                      "overlay");
    }
    return false;
}

// ---- By an identity

static bool is_called(const struct hub_identity *id, const struct hub_identity *like) {
    return id->group_len == like->group_len &&
           strncmp(id->group, like->group, like->group_len) == 0 &&
           has_text(id->kind, like->kind) && has_text(id->name, like->name);
}

static const char *kind_text(struct hub_making *m, const struct hub_identity *id) {
    return cm_arena_strf(m->arena, "%s%s%.*s", id->kind, id->group_len > 0 ? "." : "",
                         (int)id->group_len, id->group);
}

static void report_elsewhere(struct hub_making *m, const struct hub_identity *like,
                             const struct hub_edit *other, const struct cm_json *at,
                             const char *path) {
    struct hub_identity id;

    hub_identity_read(hub_edit_object(other), &id);
    bool has_one = id.namespace[0] != '\0';
    hub_diags_add(m->diags, path, at->line, at->column,
                  "the App has %s '%s' %s%s%s and not in '%s': leave metadata.namespace out of the "
                  "overlay, or correct it",
                  kind_text(m, like), like->name,
                  has_one ? "in namespace '" : "without a namespace of its own", id.namespace,
                  has_one ? "'" : "", like->namespace);
}

static void report_none(struct hub_making *m, const struct hub_identity *like,
                        const struct cm_json *at, const char *path) {
    const char *near = nearest(m, like->kind, like->name);
    const char *question = "";

    if (near != NULL && strcmp(near, like->name) != 0) {
        question = cm_arena_strf(m->arena, "did you mean '%s'? Or ", near);
    }
    hub_diags_add(m->diags, path, at->line, at->column,
                  "the App has no %s '%s' that this could change: %scorrect apiVersion, kind or "
                  "metadata.name, or remove the overlay",
                  kind_text(m, like), like->name, question);
}

// settle decides between objects in other namespaces than the overlay says.
static bool settle(struct hub_making *m, const struct hub_identity *like, struct hub_chosen *others,
                   const struct cm_json *at, const char *path) {
    struct hub_identity first;
    bool is_one = others->count > 0 && like->namespace[0] == '\0';

    if (is_one) {
        hub_identity_read(hub_edit_object(others->items[0]), &first);
    }
    for (size_t i = 1; is_one && i < others->count; i++) {
        struct hub_identity id;

        hub_identity_read(hub_edit_object(others->items[i]), &id);
        if (strcmp(id.namespace, first.namespace) != 0) {
            hub_diags_add(m->diags, path, at->line, at->column,
                          "the App has %s '%s' in several namespaces, among them '%s' and '%s': "
                          "set metadata.namespace in the overlay",
                          kind_text(m, like), like->name, first.namespace, id.namespace);
            return false;
        }
    }
    if (!is_one && m->in->partial) {
        return false; // it may be what cannot be read
    }
    if (!is_one && others->count > 0) {
        report_elsewhere(m, like, others->items[0], at, path);
    } else if (!is_one) {
        report_none(m, like, at, path);
    }
    return is_one;
}

bool hub_choose_by_identity(struct hub_making *m, const struct cm_json *like, const char *path,
                            struct hub_chosen *out) {
    struct hub_chosen others = {0};
    struct hub_identity wanted;
    struct hub_identity id;

    *out = (struct hub_chosen){0};
    hub_identity_read(like, &wanted);
    if (wanted.version == NULL || wanted.kind == NULL || wanted.name == NULL) {
        hub_diags_add(m->diags, path, like->line, like->column,
                      "this does not say which object it changes: give it apiVersion, kind and "
                      "metadata.name, or a target");
        return false;
    }
    for (size_t i = 0; i < m->count; i++) {
        hub_identity_read(hub_edit_object(&m->edits[i]), &id);
        if (!m->edits[i].removed && is_called(&id, &wanted)) {
            add(m, strcmp(id.namespace, wanted.namespace) == 0 ? out : &others, &m->edits[i]);
        }
    }
    if (out->count > 0) {
        return take_right(m, out);
    }
    *out = others;
    return settle(m, &wanted, &others, like, path) && take_right(m, out);
}
