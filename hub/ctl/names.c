#include "hub/ctl/names.h"

#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/fold.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

static const char *path_of(struct ctl *c, const struct ctl_resource *r) {
    return cm_arena_strf(c->arena, "/%s", r->name);
}

static const char *nearest_of(struct ctl *c, const struct cm_json *items, const char *member,
                              const char *name) {
    const char **names = cm_arena_get(c->arena, (items->count + 1) * sizeof(*names));
    size_t count = 0;

    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        const char *text = cm_json_string(cm_json_get(at, member));

        if (text != NULL) {
            names[count++] = text;
        }
    }
    return cm_str_nearest(name, names, count);
}

static struct cm_json *beginning_with(struct ctl *c, const struct cm_json *items,
                                      const char *member, const char *name) {
    struct cm_json *out = cm_json_new(c->arena, CM_ARRAY);

    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        const char *text = cm_json_string(cm_json_get(at, member));

        if (text != NULL && strncmp(text, name, strlen(name)) == 0) {
            cm_json_append(out, cm_json_copy(c->arena, at));
        }
    }
    return out;
}

enum cm_rc ctl_fail_selector(struct ctl *c) {
    return cm_fail(&c->err, CM_ENOTFOUND,
                   "no cluster has the labels '%.200s'; 'holdfast get clusters -o wide' lists them",
                   c->options.selector);
}

// object_meant returns the key that somebody means who writes an object as kubectl does:
// deployment/checkout.
static const char *object_meant(const struct cm_json *all, const char *word) {
    const char *slash = strrchr(word, '/');
    size_t kind = strcspn(word, "./");

    for (const struct cm_json *at = all->first; slash != NULL && at != NULL; at = at->next) {
        const char *key = cm_json_string(cm_json_get(at, "key"));
        const char *name = key == NULL ? NULL : strrchr(key, '/');
        size_t own = key == NULL ? 0 : strcspn(key, "./");
        size_t least = own < kind ? own : kind; // deploy, deployment and deployments

        if (name != NULL && strcmp(name, slash) == 0 && strncasecmp(key, word, least) == 0) {
            return key;
        }
    }
    return NULL;
}

enum cm_rc ctl_fail_unnamed(struct ctl *c, const struct ctl_resource *r, const char *name) {
    const char *member = strcmp(r->by, "app") == 0 ? "name" : r->by;
    struct ctl_param params[] = {{"fields", member}, {"cluster", NULL}, {NULL, NULL}};
    struct cm_json *all = NULL;
    const char *nearest = NULL;

    if (strcmp(r->name, "objects") == 0) {
        params[1].value = c->options.cluster;
    }
    bool of_object = strcmp(r->name, "objects") == 0;
    if (ctl_list(c, path_of(c, r), params, 0, &all) == CM_OK) {
        nearest = of_object ? object_meant(all, name) : NULL;
        nearest = nearest != NULL ? nearest : nearest_of(c, all, member, name);
    }
    if (nearest != NULL) {
        return cm_fail(&c->err, CM_ENOTFOUND, "no %s is named '%.200s'; did you mean '%s'?", r->one,
                       name, nearest);
    }
    const struct cm_json *alike = all == NULL ? NULL : beginning_with(c, all, member, name);
    bool some = alike != NULL && alike->count > 0;
    if (of_object && !some) {
        return cm_fail(&c->err, CM_ENOTFOUND,
                       "no object is named '%.200s'; write KIND.GROUP/NAMESPACE/NAME, as 'holdfast "
                       "get objects --cluster %.100s' lists them",
                       name, c->options.cluster);
    }
    return cm_fail(&c->err, CM_ENOTFOUND, "no %s is named '%.200s'%s%s", r->one, name,
                   some ? "; these begin so: " : "", some ? ctl_fold_names(c, alike, member) : "");
}

enum cm_rc ctl_check_named(struct ctl *c, const struct ctl_resource *r, const char *name) {
    struct ctl_param params[] = {{"name", name}, {NULL, NULL}};
    struct cm_json *found = NULL;

    if (name == NULL || name[0] == '\0') {
        return CM_OK;
    }
    enum cm_rc rc = ctl_list(c, path_of(c, r), params, 1, &found);
    if (rc < 0) {
        return rc;
    }
    return found->count > 0 ? CM_OK : ctl_fail_unnamed(c, r, name);
}

enum cm_rc ctl_check_selector(struct ctl *c) {
    struct ctl_param params[] = {
        {"selector", c->options.selector}, {"fields", "name"}, {NULL, NULL}};
    struct cm_json *found = NULL;

    if (c->options.selector == NULL || c->options.selector[0] == '\0') {
        return CM_OK;
    }
    enum cm_rc rc = ctl_list(c, path_of(c, ctl_resource_named("clusters")), params, 1, &found);
    return rc < 0 || found->count > 0 ? rc : ctl_fail_selector(c);
}

enum cm_rc ctl_check_names(struct ctl *c) {
    enum cm_rc rc = ctl_check_named(c, ctl_resource_named("clusters"), c->options.cluster);

    if (rc == CM_OK) {
        rc = ctl_check_named(c, ctl_resource_named("apps"), c->options.app);
    }
    return rc < 0 ? rc : ctl_check_named(c, ctl_resource_named("groups"), c->options.group);
}

// ---- "app checkout" for "--app checkout"

struct target {
    const char *list;
    const char *option;
    size_t offset; // of the option's text
};

static const struct target targets[] = {
    {"apps", "app", offsetof(struct ctl_options, app)},
    {"clusters", "cluster", offsetof(struct ctl_options, cluster)},
    {"groups", "group", offsetof(struct ctl_options, group)},
};

enum { TARGETS = sizeof(targets) / sizeof(targets[0]) };

static enum cm_rc take_target(struct ctl *c, const struct target *target, const char *name) {
    char **field = (char **)(void *)((char *)&c->options + target->offset);

    if (!ctl_has_word(c->verb->options, target->option)) {
        return cm_fail(&c->err, CM_EINVAL, "'holdfast %s' takes no %s", c->verb->name,
                       target->option);
    }
    if (*field != NULL) {
        return cm_fail(&c->err, CM_EINVAL, "the argument '%.100s' and --%s say the same", name,
                       target->option);
    }
    *field = cm_strdup(name);
    return CM_OK;
}

static bool is_named(struct ctl *c, const struct target *target, const char *name) {
    struct ctl_param params[] = {{"fields", "name"}, {"name", name}, {NULL, NULL}};
    struct cm_json *found = NULL;

    return ctl_list(c, path_of(c, ctl_resource_named(target->list)), params, 1, &found) == CM_OK &&
           found->count > 0;
}

// Finds the one list, of those whose option is among `options`, that has this name.
static enum cm_rc find_owner(struct ctl *c, const char *name, const char *options,
                             const struct target **out) {
    size_t count = 0;

    for (size_t i = 0; i < TARGETS; i++) {
        if (ctl_has_word(options, targets[i].option) && is_named(c, &targets[i], name)) {
            *out = &targets[i];
            count++;
        }
    }
    if (c->err.code != CM_OK) {
        return c->err.code;
    }
    if (count > 1) {
        return cm_fail(&c->err, CM_EINVAL,
                       "more than one thing is named '%.100s'; say 'app %.100s', 'cluster %.100s' "
                       "or 'group %.100s'",
                       name, name, name, name);
    }
    return count == 1
               ? CM_OK
               : cm_fail(&c->err, CM_ENOTFOUND, "no App, cluster or group is named '%.100s'", name);
}

enum cm_rc ctl_find_owner(struct ctl *c, const char *name, const struct ctl_resource **out) {
    const struct target *target = NULL;
    enum cm_rc rc = find_owner(c, name, "app cluster group", &target);

    if (rc == CM_OK && target != NULL) {
        *out = ctl_resource_named(target->list);
    }
    return rc;
}

// A name alone: what has it, if it is one thing.
static enum cm_rc find_target(struct ctl *c, const char *name) {
    const struct target *target = NULL;
    enum cm_rc rc = find_owner(c, name, c->verb->options, &target);

    return rc == CM_OK && target != NULL ? take_target(c, target, name) : rc;
}

enum cm_rc ctl_target_read(struct ctl *c) {
    struct ctl_asked asked = {0};

    if (c->argc == 0) {
        return CM_OK;
    }
    if (c->argc == 1 && strchr(c->argv[0], '/') == NULL) {
        return find_target(c, c->argv[0]);
    }
    enum cm_rc rc = ctl_asked_read(c, &asked);
    if (rc < 0) {
        return rc;
    }
    if (asked.count != 1) {
        return cm_fail(&c->err, CM_EINVAL, "%s: name one App, cluster or group", c->verb->name);
    }
    const char *name = asked.names[0];
    for (size_t i = 0; i < TARGETS; i++) {
        if (strcmp(targets[i].list, asked.resource->name) == 0) {
            return take_target(c, &targets[i], name);
        }
    }
    return cm_fail(&c->err, CM_EINVAL, "'holdfast %s' takes no %s", c->verb->name,
                   asked.resource->one);
}
