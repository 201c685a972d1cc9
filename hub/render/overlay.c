#include <string.h>

#include "common/arena.h"
#include "common/object/merge.h"
#include "common/object/patch.h"
#include "hub/render/internal.h"

static void report(struct hub_making *m, const struct cm_json *at, const struct cm_err *err) {
    hub_diags_add(m->diags, hub_node_path(at), at->line, at->column, "%s", err->msg);
}

// nodes_of makes nodes of a part of app.yaml. If it is wrong, it is put into nothing.
static struct cm_json *nodes_of(struct hub_making *m, const struct cm_json *node) {
    size_t before = m->diags->all;
    struct cm_json *made = hub_nodes_of_app(m, node, false);

    m->look_only = m->diags->all > before;
    return made;
}

// ---- What an object is called stays

static void keep(struct hub_making *m, struct cm_json *patch, const struct cm_json *base,
                 const char *name) {
    const struct cm_json *node = cm_json_get(base, name);

    if (node != NULL) {
        cm_json_set(m->arena, patch, name, hub_nodes_copy(m->arena, node));
    } else {
        (void)cm_json_remove(patch, name);
    }
}

static void keep_identity(struct hub_making *m, struct cm_json *patch, const struct cm_json *base) {
    const struct cm_json *metadata = cm_json_get(base, "metadata");

    keep(m, patch, base, "apiVersion");
    keep(m, patch, base, "kind");
    if (metadata == NULL || metadata->type != CM_OBJECT) {
        return;
    }
    struct cm_json *own = cm_json_get(patch, "metadata");
    if (own == NULL || own->type != CM_OBJECT) {
        own = hub_nodes_new_object(m->arena, metadata);
        cm_json_set(m->arena, patch, "metadata", own);
    }
    keep(m, own, metadata, "name");
    keep(m, own, metadata, "namespace");
}

// ---- The kinds of overlays

static void merge_one(struct hub_making *m, struct hub_edit *edit, const struct cm_json *patch) {
    struct cm_json *object = hub_edit_own(m, edit);
    struct cm_json *copy = hub_nodes_copy(m->arena, patch);
    struct cm_merged merged;
    struct cm_err err;

    keep_identity(m, copy, object);
    if (cm_object_merge(m->arena, object, copy, &merged, &err) < 0) {
        report(m, merged.wrong, &err);
        edit->object = NULL; // it is used up
        edit->failed = true;
        return;
    }
    edit->removed = merged.object == NULL;
    edit->object = merged.object;
}

static void merge(struct hub_making *m, const struct hub_overlay *overlay,
                  const struct cm_json *patch) {
    struct hub_chosen chosen;
    bool found = overlay->target != NULL
                     ? hub_choose_by_target(m, overlay->target, &chosen)
                     : hub_choose_by_identity(m, patch, hub_node_path(patch), &chosen);

    for (size_t i = 0; found && i < chosen.count && !hub_edition_is_too_large(m, overlay->node);
         i++) {
        merge_one(m, chosen.items[i], patch);
    }
}

static void merge_sources(struct hub_making *m, const struct hub_overlay *overlay) {
    for (size_t i = 0; i < overlay->source_count; i++) {
        const struct hub_source *source = overlay->sources[i];

        for (size_t k = 0; k < source->readable; k++) {
            if (!source->templates[k].wrong) {
                merge(m, overlay, hub_nodes_of_template(m->arena, &source->templates[k]));
            }
        }
    }
}

// may_be_secret tells whether problems quote nothing of an object.
static bool may_be_secret(const struct cm_json *object) {
    const char *kind = cm_json_string(cm_json_get(object, "kind"));

    return kind == NULL || !hub_text_is_plain(kind) || hub_template_is_secret(object);
}

static void patch_one(struct hub_making *m, struct hub_edit *edit,
                      const struct cm_json *operations) {
    struct cm_patch with = {.a = m->arena,
                            .copy = hub_nodes_copy,
                            .ctx = m->arena,
                            .secret = may_be_secret(hub_edit_object(edit))};
    struct cm_patched patched;
    struct cm_err err;

    if (cm_patch_apply(&with, hub_edit_own(m, edit), operations, &patched, &err) < 0) {
        struct hub_identity id;

        hub_identity_read(edit->object, &id);
        (void)cm_wrap(&err, "%s '%s'", id.kind != NULL ? id.kind : "object",
                      id.name != NULL ? id.name : "");
        report(m, patched.wrong, &err);
        edit->failed = true;
        return;
    }
    if (patched.document->type != CM_OBJECT) {
        hub_diags_add(m->diags, m->in->path, operations->line, operations->column,
                      "the operations make %s of the object: leave the path \"\" alone",
                      cm_json_type_name(patched.document->type));
        edit->failed = true;
        return;
    }
    edit->object = patched.document;
}

static bool choose(struct hub_making *m, const struct hub_overlay *overlay,
                   struct hub_chosen *out) {
    if (overlay->target != NULL) {
        return hub_choose_by_target(m, overlay->target, out);
    }
    hub_diags_add(m->diags, m->in->path, overlay->node->line, overlay->node->column,
                  "the overlay does not say which objects it means: add a target");
    return false;
}

static void patch(struct hub_making *m, const struct hub_overlay *overlay) {
    const struct cm_json *operations = nodes_of(m, overlay->json_patch);
    struct hub_chosen chosen;

    if (!choose(m, overlay, &chosen)) {
        return;
    }
    for (size_t i = 0; i < chosen.count && !hub_edition_is_too_large(m, overlay->node); i++) {
        patch_one(m, chosen.items[i], operations);
    }
}

static void replace(struct hub_making *m, const struct hub_overlay *overlay) {
    struct cm_json *object = nodes_of(m, overlay->replace);
    struct hub_chosen chosen;

    if (!hub_choose_by_identity(m, object, m->in->path, &chosen)) {
        return;
    }
    for (size_t i = 0; i < chosen.count; i++) {
        struct hub_edit *edit = chosen.items[i];
        struct cm_json *copy = hub_nodes_copy(m->arena, object);
        const struct cm_json *namespace =
            cm_json_path(hub_edit_own(m, edit), "metadata", "namespace", NULL);

        if (namespace != NULL) {
            cm_json_set(m->arena, cm_json_get(copy, "metadata"), "namespace",
                        hub_nodes_copy(m->arena, namespace));
        }
        edit->object = copy;
        edit->replaced = true;
    }
}

static void remove_all(struct hub_making *m, const struct hub_overlay *overlay) {
    struct hub_chosen chosen;

    if (!choose(m, overlay, &chosen)) {
        return;
    }
    for (size_t i = 0; i < chosen.count; i++) {
        chosen.items[i]->removed = true;
    }
}

void hub_overlay_apply(struct hub_making *m, const struct hub_overlay *overlay) {
    m->look_only = false;
    if (overlay->merge != NULL) {
        merge(m, overlay, nodes_of(m, overlay->merge));
    } else if (overlay->json_patch != NULL) {
        patch(m, overlay);
    } else if (overlay->replace != NULL) {
        replace(m, overlay);
    } else if (overlay->remove) {
        remove_all(m, overlay);
    } else {
        merge_sources(m, overlay);
    }
}
