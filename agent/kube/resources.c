#include "agent/kube/resources.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

struct kube_resources {
    struct cm_arena *arena;
    struct cm_map *by_version; // "Kind.group/version"
    struct cm_map *preferred;  // "Kind.group"
    struct cm_map *named;      // "plural.group", preferred
    bool stale;
};

struct kube_resources *kube_resources_new(void) {
    struct kube_resources *r = cm_new(1, sizeof(*r));

    r->arena = cm_arena_new(0);
    r->by_version = cm_map_new(NULL);
    r->preferred = cm_map_new(NULL);
    r->named = cm_map_new(NULL);
    return r;
}

void kube_resources_free(struct kube_resources *r) {
    if (r == NULL) {
        return;
    }
    cm_map_free(r->by_version);
    cm_map_free(r->preferred);
    cm_map_free(r->named);
    cm_arena_free(r->arena);
    free(r);
}

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static const struct cm_json *first_of(const struct cm_json *node, const char *key) {
    const struct cm_json *list = cm_json_get(node, key);

    return list != NULL && list->type == CM_ARRAY ? list->first : NULL;
}

// is_word: these texts become parts of URLs and keys.
static bool is_word(const char *text, const char *more) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++) {
        if (strchr(allowed, text[i]) == NULL && strchr(more, text[i]) == NULL) {
            return false;
        }
    }
    return size <= 253;
}

// is_group: words between dots.
static bool is_group(const char *text) {
    size_t size = strlen(text);

    return is_word(text, ".") && text[0] != '.' && strstr(text, "..") == NULL &&
           (size == 0 || text[size - 1] != '.');
}

static bool is_usable(const struct kube_resource *r) {
    return r->kind[0] != '\0' && is_word(r->kind, "") && r->plural[0] != '\0' &&
           is_word(r->plural, "") && is_group(r->group) && r->version[0] != '\0' &&
           is_word(r->version, "");
}

static enum cm_rc add(struct kube_resources *r, const struct kube_resource *found,
                      struct cm_err *err) {
    if (!is_usable(found)) {
        return CM_OK; // subresources of the older form, and what nobody could name
    }
    if (cm_map_len(r->by_version) >= KUBE_RESOURCES_MAX) {
        return cm_fail(err, CM_EINVAL, "the API server offers more than %d kinds",
                       KUBE_RESOURCES_MAX);
    }
    CM_AUTOFREE char *kind = cm_strf("%s.%s", found->kind, found->group);
    CM_AUTOFREE char *exact = cm_strf("%s/%s", kind, found->version);
    if (cm_map_get(r->by_version, exact) != NULL) {
        return CM_OK;
    }
    struct kube_resource *copy = cm_arena_get(r->arena, sizeof(*copy));
    *copy = (struct kube_resource){
        .group = cm_arena_strdup(r->arena, found->group),
        .version = cm_arena_strdup(r->arena, found->version),
        .kind = cm_arena_strdup(r->arena, found->kind),
        .plural = cm_arena_strdup(r->arena, found->plural),
        .namespaced = found->namespaced,
    };
    cm_map_put(r->by_version, exact, copy);
    if (cm_map_get(r->preferred, kind) == NULL) {
        CM_AUTOFREE char *named = cm_strf("%s.%s", found->plural, found->group);

        cm_map_put(r->preferred, kind, copy);
        cm_map_put(r->named, named, copy);
    }
    return CM_OK;
}

static enum cm_rc add_version(struct kube_resources *r, const char *group,
                              const struct cm_json *version, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    if (strcmp(text_of(version, "freshness"), "Stale") == 0) {
        r->stale = true;
    }
    for (const struct cm_json *one = first_of(version, "resources"); one != NULL && rc == CM_OK;
         one = one->next) {
        struct kube_resource found = {
            .group = group,
            .version = text_of(version, "version"),
            .kind = text_of(cm_json_get(one, "responseKind"), "kind"),
            .plural = text_of(one, "resource"),
            .namespaced = strcmp(text_of(one, "scope"), "Namespaced") == 0,
        };
        rc = add(r, &found, err);
    }
    return rc;
}

static enum cm_rc add_aggregated(struct kube_resources *r, const struct cm_json *answer,
                                 struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (const struct cm_json *group = first_of(answer, "items"); group != NULL;
         group = group->next) {
        const char *name = text_of(cm_json_get(group, "metadata"), "name");

        for (const struct cm_json *v = first_of(group, "versions"); v != NULL && rc == CM_OK;
             v = v->next) {
            rc = add_version(r, name, v, err);
        }
    }
    return rc;
}

static enum cm_rc add_list(struct kube_resources *r, const struct cm_json *answer,
                           struct cm_err *err) {
    CM_AUTOFREE char *group = cm_strdup(text_of(answer, "groupVersion"));
    char *slash = strchr(group, '/');
    const char *version = slash == NULL ? group : slash + 1;
    enum cm_rc rc = CM_OK;

    if (slash != NULL) {
        *slash = '\0';
    }
    for (const struct cm_json *one = first_of(answer, "resources"); one != NULL && rc == CM_OK;
         one = one->next) {
        struct kube_resource found = {
            .group = slash == NULL ? "" : group,
            .version = version,
            .kind = text_of(one, "kind"),
            .plural = text_of(one, "name"),
            .namespaced = cm_json_true(cm_json_get(one, "namespaced")),
        };
        rc = add(r, &found, err);
    }
    return rc;
}

enum cm_rc kube_resources_add(struct kube_resources *r, const struct cm_json *answer,
                              struct cm_err *err) {
    const char *kind = text_of(answer, "kind");

    if (strcmp(kind, "APIGroupDiscoveryList") == 0) {
        return add_aggregated(r, answer, err);
    }
    if (strcmp(kind, "APIResourceList") == 0) {
        return add_list(r, answer, err);
    }
    return cm_fail(err, CM_EINVAL, "the API server answers discovery with '%.100s'", kind);
}

struct paths {
    struct cm_arena *a;
    const char **items;
    size_t count;
};

static void add_path(struct paths *p, const char *root, const char *version) {
    const char *slash = strchr(version, '/');
    const char *number = slash == NULL ? version : slash + 1;
    const char *group =
        slash == NULL ? "" : cm_arena_strndup(p->a, version, (size_t)(slash - version));

    if (number[0] != '\0' && is_word(number, "") && is_group(group) && slash != version &&
        p->count < KUBE_RESOURCES_MAX) {
        p->items[p->count++] = cm_arena_strf(p->a, "%s/%s", root, version);
    }
}

static size_t count_versions(const struct cm_json *answer) {
    const struct cm_json *versions = cm_json_get(answer, "versions");
    size_t count = versions != NULL && versions->type == CM_ARRAY ? versions->count : 0;

    for (const struct cm_json *g = first_of(answer, "groups"); g != NULL; g = g->next) {
        versions = cm_json_get(g, "versions");
        count += 1; // the preferred one, should the list lack it
        count += versions != NULL && versions->type == CM_ARRAY ? versions->count : 0;
    }
    return count;
}

// add_group adds a group's versions, the preferred one before the others.
static void add_group(struct paths *p, const struct cm_json *group) {
    const char *preferred = text_of(cm_json_get(group, "preferredVersion"), "groupVersion");

    add_path(p, "/apis", preferred);
    for (const struct cm_json *v = first_of(group, "versions"); v != NULL; v = v->next) {
        const char *version = text_of(v, "groupVersion");

        if (strcmp(version, preferred) != 0) {
            add_path(p, "/apis", version);
        }
    }
}

enum cm_rc kube_resources_groups(struct cm_arena *a, const struct cm_json *answer,
                                 const char ***out, size_t *out_count, struct cm_err *err) {
    const char *kind = text_of(answer, "kind");
    size_t most = count_versions(answer);
    struct paths p = {.a = a};

    if (strcmp(kind, "APIVersions") != 0 && strcmp(kind, "APIGroupList") != 0) {
        return cm_fail(err, CM_EINVAL, "the API server answers discovery with '%.100s'", kind);
    }
    p.items = cm_arena_get(a, (most + 1) * sizeof(*p.items));
    for (const struct cm_json *v = first_of(answer, "versions"); v != NULL; v = v->next) {
        const char *version = cm_json_string(v);

        add_path(&p, "/api", version == NULL ? "" : version);
    }
    for (const struct cm_json *g = first_of(answer, "groups"); g != NULL; g = g->next) {
        add_group(&p, g);
    }
    *out = p.items;
    *out_count = p.count;
    return CM_OK;
}

const struct kube_resource *kube_resources_find(const struct kube_resources *r, const char *group,
                                                const char *version, const char *kind) {
    CM_AUTOFREE char *name = NULL;

    if (version == NULL || version[0] == '\0') {
        name = cm_strf("%s.%s", kind, group);
        return cm_map_get(r->preferred, name);
    }
    name = cm_strf("%s.%s/%s", kind, group, version);
    return cm_map_get(r->by_version, name);
}

const struct kube_resource *kube_resources_named(const struct kube_resources *r, const char *group,
                                                 const char *plural) {
    CM_AUTOFREE char *name = cm_strf("%s.%s", plural, group);

    return cm_map_get(r->named, name);
}

bool kube_resources_stale(const struct kube_resources *r) {
    return r->stale;
}

void kube_resources_set_stale(struct kube_resources *r) {
    r->stale = true;
}

char *kube_resource_path(const struct kube_resource *r, const char *ns, const char *name) {
    struct cm_str path = {0};

    cm_str_addf(&path, r->group[0] == '\0' ? "/api%s/%s" : "/apis/%s/%s", r->group, r->version);
    if (r->namespaced && ns != NULL && ns[0] != '\0') {
        CM_AUTOFREE char *escaped = cm_http_escape(ns);
        cm_str_addf(&path, "/namespaces/%s", escaped);
    }
    cm_str_addf(&path, "/%s", r->plural);
    if (name != NULL) {
        CM_AUTOFREE char *escaped = cm_http_escape(name);
        cm_str_addf(&path, "/%s", escaped);
    }
    return cm_str_take(&path);
}
