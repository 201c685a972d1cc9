#include "hub/ctl/names.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
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

enum cm_rc ctl_fail_unnamed(struct ctl *c, const struct ctl_resource *r, const char *name) {
    const char *member = strcmp(r->by, "app") == 0 ? "name" : r->by;
    struct ctl_param params[] = {{"fields", member}, {"cluster", NULL}, {NULL, NULL}};
    struct cm_json *all = NULL;
    const char *nearest = NULL;

    if (strcmp(r->name, "objects") == 0) {
        params[1].value = c->options.cluster;
    }
    if (ctl_list(c, path_of(c, r), params, 0, &all) == CM_OK) {
        nearest = nearest_of(c, all, member, name);
    }
    return cm_fail(&c->err, CM_ENOTFOUND, "no %s is named '%.200s'%s%s%s", r->one, name,
                   nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "'?");
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

enum cm_rc ctl_check_names(struct ctl *c) {
    enum cm_rc rc = ctl_check_named(c, ctl_resource_named("clusters"), c->options.cluster);

    if (rc == CM_OK) {
        rc = ctl_check_named(c, ctl_resource_named("apps"), c->options.app);
    }
    return rc < 0 ? rc : ctl_check_named(c, ctl_resource_named("groups"), c->options.group);
}

// ---- "app checkout" for "--app checkout"

static enum cm_rc take_target(struct ctl *c, const char *option, char **field, const char *name) {
    if (!ctl_has_word(c->verb->options, option)) {
        return cm_fail(&c->err, CM_EINVAL, "'holdfast %s' takes no %s", c->verb->name, option);
    }
    if (*field != NULL) {
        return cm_fail(&c->err, CM_EINVAL, "the argument '%.100s' and --%s say the same", name,
                       option);
    }
    *field = cm_strdup(name);
    return CM_OK;
}

enum cm_rc ctl_target_read(struct ctl *c) {
    struct ctl_asked asked = {0};

    if (c->argc == 0) {
        return CM_OK;
    }
    if (c->argc == 1 && strchr(c->argv[0], '/') == NULL) {
        return cm_fail(&c->err, CM_EINVAL, "%s what? say 'holdfast %s app %.100s' or --app %.100s",
                       c->verb->name, c->verb->name, c->argv[0], c->argv[0]);
    }
    enum cm_rc rc = ctl_asked_read(c, &asked);
    if (rc < 0) {
        return rc;
    }
    if (asked.count != 1) {
        return cm_fail(&c->err, CM_EINVAL, "%s: name one App, cluster or group", c->verb->name);
    }
    const char *type = asked.resource->name;
    return strcmp(type, "apps") == 0 ? take_target(c, "app", &c->options.app, asked.names[0])
           : strcmp(type, "clusters") == 0
               ? take_target(c, "cluster", &c->options.cluster, asked.names[0])
           : strcmp(type, "groups") == 0
               ? take_target(c, "group", &c->options.group, asked.names[0])
               : cm_fail(&c->err, CM_EINVAL, "'holdfast %s' takes no %s", c->verb->name,
                         asked.resource->one);
}
