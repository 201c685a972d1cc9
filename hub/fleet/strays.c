// Documents of the fleet where none are looked for: an App in a file that is not named app.yaml, a
// Cluster that stands outside clusters/, or in there in a file that is not named *.yaml. They are
// errors of their file, and what they name stays in force while they stand there: a file that got
// another name deletes nothing.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/fleet/internal.h"

#define PREFIX "holdfast/" // of apiVersion

// is_app_yml tells a file that is an error whatever it says.
static bool is_app_yml(const struct hub_file *file) {
    return file->role == HUB_ROLE_REFUSED && strcmp(file->name, "app.yml") == 0;
}

// is_like_app tells whether a name is most likely meant as app.yaml.
static bool is_like_app(const char *name) {
    size_t len = strcspn(name, ".");

    return (len == strlen("app") && strncasecmp(name, "app", len) == 0) ||
           (len == strlen("application") && strncasecmp(name, "application", len) == 0);
}

static bool has_app(const struct hub_folder *folder) {
    while (folder != NULL && folder->app_file == NULL) {
        folder = folder->parent;
    }
    return folder != NULL;
}

bool hub_strays_may(const struct hub_file *file) {
    if (file->repo->source_only) {
        return false;
    }
    return is_app_yml(file) || file->role == HUB_ROLE_MISNAMED ||
           (file->role == HUB_ROLE_MANIFEST && (is_like_app(file->name) || !has_app(file->folder)));
}

// ---- Reading

static enum hub_kind kind_of(const char *word) {
    enum hub_kind kind = 0;

    while (kind < HUB_KINDS && strcmp(hub_kind_tables[kind].name, word) != 0) {
        kind++;
    }
    return kind;
}

static char *key_of(enum hub_kind kind, const char *name) {
    return cm_strf("%s/%s", hub_kind_tables[kind].name, name);
}

static void report(struct hub_file *file, const struct cm_json *document, enum hub_kind kind) {
    const char *path = (const char *)file->path->data;

    if (kind == HUB_APP) {
        hub_diags_add(&file->diags, path, document->line, document->column,
                      "an App's document must be named app.yaml: rename the file");
    } else if (kind < HUB_KINDS && file->role == HUB_ROLE_MISNAMED) {
        hub_diags_add(&file->diags, path, document->line, document->column,
                      "a %s is not looked for in a file of this name: rename it to *.yaml, or "
                      "delete it",
                      hub_kind_tables[kind].name);
    } else if (kind < HUB_KINDS) {
        hub_diags_add(&file->diags, path, document->line, document->column,
                      "a %s is not looked for here: move the file to %s",
                      hub_kind_tables[kind].name, hub_kind_tables[kind].place);
    } else {
        hub_diags_add(&file->diags, path, document->line, document->column,
                      "a document of holdfast is of kind Cluster, ClusterGroup or App: correct "
                      "the kind, or remove it");
    }
}

static void take_document(struct hub_file *file, const struct cm_json *document) {
    const char *version = cm_json_string(cm_json_get(document, "apiVersion"));
    const char *word = cm_json_string(cm_json_get(document, "kind"));
    const char *name = cm_json_string(cm_json_path(document, "metadata", "name", NULL));

    if (version == NULL || strncmp(version, PREFIX, strlen(PREFIX)) != 0) {
        return;
    }
    enum hub_kind kind = word != NULL ? kind_of(word) : HUB_KINDS;
    report(file, document, kind);
    if (name != NULL && kind < HUB_KINDS) {
        CM_AUTOFREE char *key = key_of(kind, name);
        cm_map_put(file->strays, key, file);
        if (kind == HUB_APP && file->about == NULL && hub_schema_name_ok(name)) {
            file->about = cm_strdup(name);
        }
    }
}

static void take_documents(struct hub_file *file, const struct cm_buf *bytes) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct cm_yaml_docs docs;
    struct cm_err err;

    if (memmem(bytes->data, bytes->size, PREFIX, strlen(PREFIX)) == NULL ||
        cm_yaml_parse(arena, (const char *)bytes->data, bytes->size, NULL, &docs, &err) < 0) {
        return; // no document, as far as can be told
    }
    for (size_t i = 0; i < docs.count; i++) {
        if (docs.docs[i]->type == CM_OBJECT) {
            take_document(file, docs.docs[i]);
        }
    }
}

static void forget(struct hub_update *u, struct hub_file *file) {
    if (file->strays != NULL) {
        (void)hub_set_remove(&u->fleet->strays, file);
        cm_map_free(file->strays);
        file->strays = NULL;
    }
}

void hub_strays_read(struct hub_update *u, struct hub_file *file) {
    struct hub_diags unread = {0};
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *bytes = hub_file_read(u, file, HUB_DOCUMENT_MAX, &unread);

    if (bytes == NULL && file->strays != NULL) { // it names what it named
        file->diags = unread;
        u->problems = true;
        return;
    }
    hub_diags_done(&unread);
    forget(u, file);
    file->strays = cm_map_new(NULL);
    if (bytes != NULL) {
        take_documents(file, bytes);
    }
    if (file->diags.count == 0 && is_app_yml(file)) {
        hub_diags_add(&file->diags, (const char *)file->path->data, 0, 0,
                      "an App's document must be named app.yaml: rename the file");
    }
    if (file->diags.count > 0) {
        hub_set_add(&u->fleet->strays, file);
        u->problems = true;
        return;
    }
    cm_map_free(file->strays);
    file->strays = NULL;
}

void hub_strays_forget(struct hub_update *u, struct hub_file *file) {
    forget(u, file);
}

// ---- What they name

static bool copy_key(void *ctx, const char *key, void *value) {
    cm_map_put(ctx, key, value);
    return true;
}

static struct cm_map *all_of(const struct hub_fleet *f) {
    struct cm_map *all = cm_map_new(NULL);

    for (size_t i = 0; i < f->strays.count; i++) {
        cm_map_each(((const struct hub_file *)f->strays.items[i])->strays, copy_key, all);
    }
    return all;
}

struct hub_file *hub_strays_find(struct hub_update *u, enum hub_kind kind, const char *name) {
    CM_AUTOFREE char *key = key_of(kind, name);

    if (u->fleet->strays.count == 0) {
        return NULL;
    }
    if (u->strays == NULL) {
        u->strays = all_of(u->fleet);
    }
    return cm_map_get(u->strays, key);
}
