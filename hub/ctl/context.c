// context.c: `holdfast context`: hubs that are known by a name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/action.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/ctl/settings.h"
#include "hub/ctl/words.h"

#define FILE_MAX ((size_t)1024 * 1024)

static const struct ctl_column columns[] = {
    {"CURRENT", "current", CTL_TEXT, CTL_ALWAYS}, {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"SERVER", "server", CTL_TEXT, CTL_ALWAYS},   {"CA", "ca", CTL_TEXT, CTL_IF_ROOM},
    {"TOKEN", "token", CTL_TEXT, CTL_IF_ROOM},
};

// ---- list

static const char *place_of(const struct cm_json *context, const char *file, const char *text) {
    const char *path = cm_json_string(cm_json_get(context, file));

    return path != NULL ? path : cm_json_get(context, text) != NULL ? "(embedded)" : NULL;
}

static struct cm_json *make_row(struct ctl *c, const struct cm_json *context, bool current) {
    struct cm_json *row = cm_json_new(c->arena, CM_OBJECT);
    struct cm_arena *a = c->arena;

    cm_json_set_string(a, row, "name", context->key);
    cm_json_set_string(a, row, "current", current ? "*" : "");
    cm_json_set_string(a, row, "server", cm_json_string(cm_json_get(context, "server")));
    cm_json_set_string(a, row, "ca", place_of(context, "ca-file", "ca"));
    cm_json_set_string(a, row, "token", place_of(context, "token-file", "token"));
    return row;
}

static int list(struct ctl *c) {
    struct ctl_config config;
    struct cm_json *rows = cm_json_new(c->arena, CM_ARRAY);

    if (ctl_config_read(c, &config) < 0) {
        return CTL_ERROR;
    }
    const struct cm_json *contexts = cm_json_get(config.root, "contexts");
    const char *current = ctl_config_current(&config);
    const struct cm_json *at = contexts == NULL ? NULL : contexts->first;
    for (; at != NULL; at = at->next) {
        cm_json_append(rows, make_row(c, at, current != NULL && strcmp(current, at->key) == 0));
    }
    return ctl_print_list(c, rows, columns, sizeof(columns) / sizeof(columns[0]), "name") < 0
               ? CTL_ERROR
               : CTL_DONE;
}

// ---- use, delete

static int use(struct ctl *c) {
    struct ctl_config config;

    if (ctl_config_read(c, &config) < 0) {
        return CTL_ERROR;
    }
    if (ctl_config_context(&config, c->argv[1]) == NULL) {
        return ctl_config_fail_unknown(c, &config, c->argv[1]) < 0 ? CTL_ERROR : CTL_DONE;
    }
    cm_json_set_string(c->arena, config.root, "current-context", c->argv[1]);
    if (ctl_config_write(c, &config) < 0) {
        return CTL_ERROR;
    }
    (void)printf("using %s\n", c->argv[1]);
    return CTL_DONE;
}

static int delete (struct ctl *c) {
    struct ctl_config config;

    if (ctl_config_read(c, &config) < 0) {
        return CTL_ERROR;
    }
    const char *current = ctl_config_current(&config);
    if (ctl_config_context(&config, c->argv[1]) == NULL) {
        return ctl_config_fail_unknown(c, &config, c->argv[1]) < 0 ? CTL_ERROR : CTL_DONE;
    }
    if (current != NULL && strcmp(current, c->argv[1]) == 0) {
        (void)cm_json_remove(config.root, "current-context");
    }
    (void)cm_json_remove(cm_json_get(config.root, "contexts"), c->argv[1]);
    if (ctl_config_write(c, &config) < 0) {
        return CTL_ERROR;
    }
    (void)printf("deleted %s\n", c->argv[1]);
    return CTL_DONE;
}

// ---- set

// A path holds from wherever the program is called.
static const char *absolute(struct ctl *c, const char *path) {
    CM_AUTOFREE char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

    return here == NULL ? path : cm_arena_strf(c->arena, "%s/%s", here, path);
}

static enum cm_rc set_content(struct ctl *c, struct cm_json *context, const char *member,
                              const char *path) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    enum cm_rc rc = cm_fsys_read(path, FILE_MAX, &buf, &c->err);

    if (rc < 0) {
        return cm_wrap(&c->err, "--%s-file", member);
    }
    CM_AUTOFREE char *text = cm_strndup((const char *)buf->data, buf->size);
    if (strcmp(member, "token") == 0) {
        text[strcspn(text, "\r\n")] = '\0';
    }
    cm_json_set_string(c->arena, context, member, text);
    return CM_OK;
}

// Sets "ca-file" or, with --embed, "ca" from an option; "" takes both away.
static enum cm_rc set_file(struct ctl *c, struct cm_json *context, const char *member,
                           const char *path) {
    const char *file = cm_arena_strf(c->arena, "%s-file", member);

    if (path == NULL) {
        return CM_OK;
    }
    (void)cm_json_remove(context, file);
    (void)cm_json_remove(context, member);
    if (path[0] == '\0') {
        return CM_OK;
    }
    if (c->options.embed) {
        return set_content(c, context, member, path);
    }
    if (access(path, R_OK) != 0) {
        return cm_fail(&c->err, CM_ENOTFOUND, "--%s: cannot read '%s'", file, path);
    }
    cm_json_set_string(c->arena, context, file, absolute(c, path));
    return CM_OK;
}

// Returns the context of this name, made if there is none.
static struct cm_json *need_context(struct ctl *c, struct ctl_config *config, const char *name) {
    struct cm_json *contexts = cm_json_get(config->root, "contexts");
    struct cm_json *context = ctl_config_context(config, name);

    if (contexts == NULL) {
        contexts = cm_json_new(c->arena, CM_OBJECT);
        cm_json_set(c->arena, config->root, "contexts", contexts);
    }
    if (context == NULL) {
        context = cm_json_new(c->arena, CM_OBJECT);
        cm_json_set(c->arena, contexts, name, context);
    }
    return context;
}

// check_set refuses what could not be used afterwards.
static enum cm_rc check_set(struct ctl *c, const char *name) {
    const char *server = c->options.server;

    if (name[0] == '\0' || name[0] == '-' || strpbrk(name, " \t\r\n") != NULL) {
        return cm_fail(&c->err, CM_EINVAL,
                       "context set: '%.100s' is no name: use one word, such as production", name);
    }
    if (server != NULL && strncmp(server, "https://", strlen("https://")) != 0) {
        return cm_fail(&c->err, CM_EINVAL,
                       "--server %.200s: the API speaks TLS only; write https://HOST:PORT", server);
    }
    return CM_OK;
}

static int set(struct ctl *c) {
    const struct ctl_options *o = &c->options;
    struct ctl_config config;

    if (check_set(c, c->argv[1]) < 0 || ctl_config_read(c, &config) < 0) {
        return CTL_ERROR;
    }
    bool is_first = ctl_config_current(&config) == NULL;
    struct cm_json *context = need_context(c, &config, c->argv[1]);
    if (o->server != NULL) {
        cm_json_set_string(c->arena, context, "server", o->server);
    }
    if (cm_json_get(context, "server") == NULL) {
        return ctl_fail(c, CM_EINVAL, "context set: where is that hub? say --server URL");
    }
    if (is_first) {
        cm_json_set_string(c->arena, config.root, "current-context", c->argv[1]);
    }
    if (set_file(c, context, "ca", o->ca_file) < 0 ||
        set_file(c, context, "token", o->token_file) < 0 || ctl_config_write(c, &config) < 0) {
        return CTL_ERROR;
    }
    (void)printf("%s is written to %s%s\n", c->argv[1], config.path,
                 is_first ? ", and in use" : "");
    return CTL_DONE;
}

int ctl_context(struct ctl *c) {
    static const struct ctl_action actions[] = {
        {"list", 0, "", "get ls show current get-contexts current-context", list},
        {"use", 1, "NAME", "switch use-context", use},
        {"set", 1, "NAME --server URL", "add create new set-context", set},
        {"delete", 1, "NAME", "remove rm unset delete-context", delete}};

    return ctl_action_run(c, actions, sizeof(actions) / sizeof(actions[0]));
}
