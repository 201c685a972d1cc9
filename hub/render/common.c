#include <string.h>

#include "common/arena.h"
#include "hub/render/internal.h"

// ---- Labels and annotations

static void put_member(struct hub_making *m, struct hub_edit *edit, const char *map,
                       const struct cm_json *member) {
    struct cm_json *metadata = cm_json_get(hub_edit_own(m, edit), "metadata");

    if (metadata == NULL || metadata->type != CM_OBJECT) {
        return; // it has no name either, which is reported
    }
    struct cm_json *holder = cm_json_get(metadata, map);
    if (holder == NULL || holder->type != CM_OBJECT) {
        holder = hub_nodes_new_object(m->arena, member);
        cm_json_set(m->arena, metadata, map, holder);
    }
    cm_json_set(m->arena, holder, member->key, hub_nodes_copy(m->arena, member));
}

static void put_map(struct hub_making *m, const char *map, const struct cm_json *written) {
    if (written == NULL || written->type != CM_OBJECT || written->count == 0) {
        return;
    }
    size_t before = m->diags->all;
    const struct cm_json *members = hub_nodes_of_app(m, written, true);
    for (size_t i = 0; i < m->count && m->diags->all == before; i++) {
        bool skipped = m->edits[i].removed || m->edits[i].base->wrong;

        for (const struct cm_json *n = members->first; n != NULL && !skipped; n = n->next) {
            put_member(m, &m->edits[i], map, n);
        }
    }
}

// ---- Images

// An entry of `images`; what is left out is NULL.
struct image {
    const char *name;
    const struct cm_json *node; // of app.yaml, for its place
    const struct cm_json *new_name;
    const struct cm_json *new_tag;
    const struct cm_json *digest;
    bool used;
};

struct images {
    struct hub_making *m;
    struct image *items;
    size_t count;
    bool wrong; // so nothing is changed
};

static const struct cm_json *text_member(const struct cm_json *entry, const char *name) {
    const struct cm_json *node = cm_json_get(entry, name);

    return node != NULL && node->text != NULL && node->len > 0 ? node : NULL;
}

static struct image *image_of(struct images *images, const char *name) {
    size_t i = 0;

    while (i < images->count && strcmp(images->items[i].name, name) != 0) {
        i++;
    }
    images->count += i == images->count ? 1 : 0;
    return &images->items[i];
}

static void read_image(struct images *images, const struct cm_json *entry) {
    const struct cm_json *name = text_member(entry, "name");
    const struct cm_json *new_name = text_member(entry, "newName");
    const struct cm_json *new_tag = text_member(entry, "newTag");
    const struct cm_json *digest = text_member(entry, "digest");
    const char *problem = name == NULL ? "an image needs a 'name'"
                          : new_tag != NULL && digest != NULL
                              ? "an image has a newTag or a digest, "
                                "not both: remove one"
                              : NULL;

    if (problem != NULL) {
        hub_diags_add(images->m->diags, images->m->in->path, entry->line, entry->column, "%s",
                      problem);
        return;
    }
    struct image *image = image_of(images, name->text);
    image->name = name->text;
    image->node = entry;
    image->new_name = new_name != NULL ? new_name : image->new_name;
    if (new_tag != NULL || digest != NULL) {
        image->new_tag = new_tag;
        image->digest = digest;
    }
}

static void read_images(struct images *images) {
    const struct hub_common *common = images->m->in->common;
    size_t room = 1;

    for (size_t i = 0; i < HUB_EDITION_LEVELS; i++) {
        room += common[i].images != NULL ? common[i].images->count : 0;
    }
    images->items = cm_arena_get(images->m->arena, room * sizeof(*images->items));
    for (size_t i = 0; i < HUB_EDITION_LEVELS; i++) {
        const struct cm_json *list = common[i].images;

        list = list != NULL ? hub_nodes_of_app(images->m, list, true) : NULL;
        for (const struct cm_json *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
            read_image(images, n);
        }
    }
}

// rest_of returns what follows the name of an image, "", ":tag" or "@digest"; NULL: the image has
// another name.
static const char *rest_of(const char *image, const char *name) {
    size_t len = strlen(name);
    const char *rest = image + len;

    if (strncmp(image, name, len) != 0 || strchr(":@", *rest) == NULL) {
        return NULL;
    }
    // What has a slash behind its colon is a registry with a port.
    return *rest != ':' || memchr(rest, '/', strcspn(rest, "@$")) == NULL ? rest : NULL;
}

// stands_at returns the node at whose place the variables of a changed image stand.
static const struct cm_json *stands_at(const struct image *image, const struct cm_json *node) {
    const struct cm_json *tail = image->new_tag != NULL ? image->new_tag : image->digest;
    bool named = image->new_name != NULL && !hub_text_is_plain(image->new_name->text);

    if (named && (tail == NULL || hub_text_is_plain(tail->text))) {
        return image->new_name;
    }
    return tail != NULL ? tail : node;
}

static void change_image(struct images *images, const struct image *image, struct cm_json *node,
                         const char *rest) {
    const char *name = image->new_name != NULL ? image->new_name->text : image->name;
    const char *text;

    if (image->new_tag != NULL) {
        text = cm_arena_strf(images->m->arena, "%s:%s", name, image->new_tag->text);
    } else if (image->digest != NULL) {
        text = cm_arena_strf(images->m->arena, "%s@%s", name, image->digest->text);
    } else {
        text = cm_arena_strf(images->m->arena, "%s%s", name, rest);
    }
    hub_nodes_set_text(node, text, stands_at(image, node));
}

// visit_image changes an image, or only marks which entries mean it if there is nothing to change.
static bool visit_image(struct images *images, const struct cm_json *node, struct cm_json *own) {
    const char *text = cm_json_string(node);
    bool any = false;

    for (size_t i = 0; text != NULL && i < images->count; i++) {
        struct image *image = &images->items[i];
        const char *rest = rest_of(own != NULL ? own->text : text, image->name);

        if (rest == NULL) {
            continue;
        }
        any = image->used = true;
        if (own != NULL) {
            change_image(images, image, own, rest);
        }
    }
    return any;
}

static bool visit_entry(struct images *images, const char *list, const struct cm_json *entry,
                        bool owned) {
    const struct cm_json *image = cm_json_get(entry, "image");

    if (strcmp(list, "volumes") == 0) {
        image = cm_json_get(image, "reference");
    } else if (strcmp(list, "containers") != 0 && strcmp(list, "initContainers") != 0) {
        return false;
    }
    // What is owned may be changed.
    return visit_image(images, image, owned ? (struct cm_json *)(uintptr_t)image : NULL);
}

// visit goes through a tree and tells whether there is an image in it that an entry means.
static bool visit( // NOLINT(misc-no-recursion)
    struct images *images, const struct cm_json *node, bool owned) {
    bool any = false;

    if (node->type != CM_ARRAY && node->type != CM_OBJECT) {
        return false;
    }
    for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
        if (node->type == CM_ARRAY && node->key != NULL) {
            any = visit_entry(images, node->key, n, owned) || any;
        }
        any = visit(images, n, owned) || any;
    }
    return any;
}

static void change_images(struct images *images, struct hub_edit *edit) {
    const struct cm_json *object = hub_edit_object(edit);
    const char *kind = cm_json_string(cm_json_get(object, "kind"));

    if (kind != NULL && strcmp(kind, "CustomResourceDefinition") == 0) {
        return;
    }
    if (visit(images, object, false) && !edit->removed && !edit->base->wrong && !images->wrong) {
        (void)visit(images, hub_edit_own(images->m, edit), true);
    }
}

static void put_images(struct hub_making *m) {
    struct images images = {.m = m};

    size_t before = m->diags->all;
    read_images(&images);
    images.wrong = m->diags->all > before;
    for (size_t i = 0; images.count > 0 && i < m->count; i++) {
        if (hub_edit_object(&m->edits[i]) != NULL) {
            change_images(&images, &m->edits[i]);
        }
    }
    for (size_t i = 0; i < images.count; i++) {
        const struct image *image = &images.items[i];

        if (!image->used && !m->in->partial) {
            hub_diags_add(m->diags, m->in->path, image->node->line, image->node->column,
                          "no container of the App has the image '%s': write its name as in the "
                          "manifests, without tag and digest, or remove the entry",
                          image->name);
        }
    }
}

void hub_common_apply(struct hub_making *m) {
    for (size_t i = 0; i < HUB_EDITION_LEVELS; i++) {
        put_map(m, "labels", m->in->common[i].labels);
        put_map(m, "annotations", m->in->common[i].annotations);
    }
    put_images(m);
}
