#include "hub/fleet/tree.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/ignore.h"

static struct hub_folder *new_folder(struct hub_folder *parent, const char *name) {
    size_t size = strlen(name) + 1;
    struct hub_folder *folder = cm_new(1, sizeof(*folder) + size);

    folder->parent = parent;
    memcpy(folder->name, name, size);
    return folder;
}

struct hub_folder *hub_file_tree_new(void) {
    return new_folder(NULL, "");
}

static bool free_one_file(void *ctx, const char *name, void *value) {
    void (*const *free_file)(struct hub_file *) = ctx;

    (void)name;
    (*free_file)(value);
    return true;
}

static bool free_one_folder(void *ctx, const char *name, void *value) {
    void (*const *free_file)(struct hub_file *) = ctx;

    (void)name;
    hub_file_tree_free(value, *free_file);
    return true;
}

void hub_file_tree_free(struct hub_folder *root, void (*free_file)(struct hub_file *file)) {
    if (root == NULL) {
        return;
    }
    if (root->folders != NULL) {
        cm_map_each(root->folders, free_one_folder, (void *)&free_file);
    }
    if (root->files != NULL) {
        cm_map_each(root->files, free_one_file, (void *)&free_file);
    }
    cm_map_free(root->folders);
    cm_map_free(root->files);
    free(root);
}

static struct hub_folder *find_folder(struct hub_folder *folder, const char *name, bool make) {
    struct hub_folder *found = folder->folders != NULL ? cm_map_get(folder->folders, name) : NULL;

    if (found == NULL && make) {
        if (folder->folders == NULL) {
            folder->folders = cm_map_new(NULL);
        }
        found = new_folder(folder, name);
        cm_map_put(folder->folders, name, found);
    }
    return found;
}

// descend goes to the folder of a path's last part and sets *name to that part.
static struct hub_folder *descend(struct hub_folder *folder, const char *path, bool make,
                                  const char **name) {
    CM_AUTOFREE char *copy = cm_strdup(path);
    char *at = copy;

    for (char *slash = strchr(at, '/'); slash != NULL && folder != NULL; slash = strchr(at, '/')) {
        *slash = '\0';
        folder = find_folder(folder, at, make);
        at = slash + 1;
    }
    *name = path + (at - copy);
    return folder;
}

struct hub_file *hub_file_tree_find(struct hub_folder *root, const char *path) {
    const char *name;
    struct hub_folder *folder = descend(root, path, false, &name);

    return folder != NULL && folder->files != NULL ? cm_map_get(folder->files, name) : NULL;
}

struct hub_file *hub_file_tree_add(struct hub_folder *root, const char *path, enum hub_role role) {
    const char *name;
    struct hub_folder *folder = descend(root, path, true, &name);
    struct hub_file *file = cm_new(1, sizeof(*file));

    file->folder = folder;
    file->path = cm_buf_copy(path, strlen(path) + 1);
    file->name = (const char *)file->path->data + (name - path);
    file->role = role;
    if (folder->files == NULL) {
        folder->files = cm_map_new(NULL);
    }
    cm_map_put(folder->files, name, file);
    if (file->role == HUB_ROLE_APP) {
        folder->app_file = file;
    } else if (file->role == HUB_ROLE_IGNORE) {
        folder->ignore_file = file;
    }
    return file;
}

static bool is_empty(const struct hub_folder *folder) {
    return (folder->files == NULL || cm_map_len(folder->files) == 0) &&
           (folder->folders == NULL || cm_map_len(folder->folders) == 0);
}

void hub_file_tree_remove(struct hub_file *file) {
    struct hub_folder *folder = file->folder;

    (void)cm_map_remove(folder->files, file->name);
    if (folder->app_file == file) {
        folder->app_file = NULL;
    }
    if (folder->ignore_file == file) {
        folder->ignore_file = NULL;
    }
    file->folder = NULL;
    while (folder->parent != NULL && is_empty(folder)) {
        struct hub_folder *parent = folder->parent;

        (void)cm_map_remove(parent->folders, folder->name);
        hub_file_tree_free(folder, NULL);
        folder = parent;
    }
}

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static bool is_one_of(const char *const *names, const char *name) {
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

// has_hidden_part tells whether a folder or the file begins with a dot.
static bool has_hidden_part(const char *path) {
    return path[0] == '.' || strstr(path, "/.") != NULL;
}

static bool is_ignore_file(const char *path, const char *name) {
    return strcmp(name, HUB_IGNORE_FILE) == 0 &&
           (name == path || (path[0] != '.' && strstr(path, "/.") == name - 1));
}

// document_role tells what a path means where documents are looked for; HUB_ROLE_MANIFEST: it is
// none.
static enum hub_role document_role(const char *path, const char *name, bool is_yaml) {
    static const struct {
        const char *folder;
        enum hub_role role;
    } places[] = {
        {"clusters/", HUB_ROLE_CLUSTERS},
        {"groups/", HUB_ROLE_GROUPS},
        {"confirmations/", HUB_ROLE_CONFIRMATIONS},
        {"holds/", HUB_ROLE_HOLDS},
        {"bans/", HUB_ROLE_BANS},
        {"freezes/", HUB_ROLE_FREEZES},
        {"exemptions/", HUB_ROLE_EXEMPTIONS},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strncmp(path, places[i].folder, strlen(places[i].folder)) == 0) {
            return is_yaml ? places[i].role : HUB_ROLE_MISNAMED;
        }
    }
    if (strcmp(name, "app.yaml") == 0) {
        return HUB_ROLE_APP;
    }
    if (strcmp(name, "app.yml") == 0) {
        return HUB_ROLE_REFUSED;
    }
    return HUB_ROLE_MANIFEST;
}

enum hub_role hub_file_tree_role(const char *path, bool source_only) {
    static const char *const refused[] = {"kustomization.yaml", "kustomization.yml",
                                          "Kustomization",      "Chart.yaml",
                                          "fleet.yaml",         NULL};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    bool is_yaml = ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json");

    if (is_ignore_file(path, name)) {
        return HUB_ROLE_IGNORE;
    }
    if (has_hidden_part(path)) {
        return HUB_ROLE_OTHER;
    }
    enum hub_role role = source_only ? HUB_ROLE_MANIFEST : document_role(path, name, is_yaml);
    if (role != HUB_ROLE_MANIFEST) {
        return role;
    }
    if (is_one_of(refused, name)) {
        return HUB_ROLE_REFUSED;
    }
    return is_yaml ? HUB_ROLE_MANIFEST : HUB_ROLE_OTHER;
}

struct hub_folder *hub_file_tree_folder_find(struct hub_folder *folder, const char *path) {
    const char *name;

    if (path[0] == '\0') {
        return folder;
    }
    folder = descend(folder, path, false, &name);
    return folder != NULL ? find_folder(folder, name, false) : NULL;
}

#define PATHS_MAX 1000 // that a person may have meant

struct paths {
    char *items[PATHS_MAX];
    size_t count;
};

static void list_paths(const struct hub_folder *folder, const char *prefix, struct paths *out);

static void list_names(const struct hub_folder *folder, const struct cm_map *names,
                       const char *prefix, struct paths *out) {
    CM_AUTOFREE const char **keys = names != NULL ? cm_map_keys(names) : NULL;
    size_t count = names != NULL ? cm_map_len(names) : 0;

    for (size_t i = 0; i < count && out->count < PATHS_MAX; i++) {
        char *path = cm_strf("%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", keys[i]);

        out->items[out->count++] = path;
        if (names == folder->folders) {
            list_paths(cm_map_get(names, keys[i]), path, out);
        }
    }
}

static void list_paths(const struct hub_folder *folder, const char *prefix, struct paths *out) {
    list_names(folder, folder->files, prefix, out);
    list_names(folder, folder->folders, prefix, out);
}

char *hub_file_tree_nearest(const struct hub_folder *folder, const char *path) {
    CM_AUTOFREE struct paths *paths = cm_new(1, sizeof(*paths));

    list_paths(folder, "", paths);
    const char *near =
        cm_str_nearest(path, (const char *const *)(const void *)paths->items, paths->count);
    char *copy = near != NULL ? cm_strdup(near) : NULL;
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->items[i]);
    }
    return copy;
}

void hub_file_tree_each(struct hub_folder *folder, bool one_app,
                        void (*visit)(void *ctx, struct hub_file *file), void *ctx) {
    if (folder->files != NULL) {
        CM_AUTOFREE const char **names = cm_map_keys(folder->files);
        size_t count = cm_map_len(folder->files);

        for (size_t i = 0; i < count; i++) {
            visit(ctx, cm_map_get(folder->files, names[i]));
        }
    }
    if (folder->folders != NULL) {
        CM_AUTOFREE const char **names = cm_map_keys(folder->folders);
        size_t count = cm_map_len(folder->folders);

        for (size_t i = 0; i < count; i++) {
            struct hub_folder *below = cm_map_get(folder->folders, names[i]);

            if (!one_app || below->app_file == NULL) {
                hub_file_tree_each(below, one_app, visit, ctx);
            }
        }
    }
}
