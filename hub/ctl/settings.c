#include "hub/ctl/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FILE_MAX ((size_t)1024 * 1024)

static bool given(const char *text) {
    return text != NULL && text[0] != '\0';
}

// ---- The file

static const char *const top_words[] = {"current-context", "contexts", "server", "ca-file", "ca",
                                        "token-file",      "token",    "output", "color"};
static const char *const context_words[] = {"server", "ca-file", "ca", "token-file", "token"};

static enum cm_rc check_word(const struct cm_json *member, const char *const *words, size_t count,
                             struct cm_err *err) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], member->key) == 0) {
            return CM_OK;
        }
    }
    const char *nearest = cm_str_nearest(member->key, words, count);
    return cm_fail(err, CM_EINVAL, "line %u: '%.64s' is no setting%s%s%s", member->line,
                   member->key, nearest == NULL ? "" : "; did you mean '",
                   nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

static enum cm_rc check_type(const struct cm_json *node, enum cm_json_type type,
                             struct cm_err *err) {
    return node->type == type ? CM_OK
                              : cm_fail(err, CM_EINVAL, "line %u: '%.64s' must be %s, not %s",
                                        node->line, node->key == NULL ? "the file" : node->key,
                                        cm_json_type_name(type), cm_json_type_name(node->type));
}

static enum cm_rc check_context(const struct cm_json *context, struct cm_err *err) {
    enum cm_rc rc = check_type(context, CM_OBJECT, err);

    for (const struct cm_json *at = context->first; rc == CM_OK && at != NULL; at = at->next) {
        rc = check_word(at, context_words, COUNT(context_words), err);
        if (rc == CM_OK) {
            rc = check_type(at, CM_STRING, err);
        }
    }
    return rc;
}

static enum cm_rc check_contexts(const struct cm_json *contexts, struct cm_err *err) {
    enum cm_rc rc = check_type(contexts, CM_OBJECT, err);

    for (const struct cm_json *at = contexts->first; rc == CM_OK && at != NULL; at = at->next) {
        rc = check_context(at, err);
    }
    return rc;
}

static enum cm_rc check_file(const struct cm_json *root, struct cm_err *err) {
    enum cm_rc rc = check_type(root, CM_OBJECT, err);

    for (const struct cm_json *at = root->first; rc == CM_OK && at != NULL; at = at->next) {
        rc = check_word(at, top_words, COUNT(top_words), err);
        if (rc == CM_OK) {
            rc = strcmp(at->key, "contexts") == 0 ? check_contexts(at, err)
                                                  : check_type(at, CM_STRING, err);
        }
    }
    return rc;
}

enum cm_rc ctl_config_parse(struct cm_arena *a, const char *text, size_t size, struct cm_json **out,
                            struct cm_err *err) {
    static const struct cm_json_limits limits = {
        .max_bytes = FILE_MAX, .max_depth = 8, .max_nodes = 10000};
    struct cm_yaml_docs docs;
    enum cm_rc rc = cm_yaml_parse(a, text, size, &limits, &docs, err);

    if (rc < 0) {
        return rc;
    }
    if (docs.count > 1) {
        return cm_fail(err, CM_EINVAL, "line %u: the settings are one document; remove '---'",
                       docs.docs[1]->line);
    }
    struct cm_json *root = docs.count == 0 ? cm_json_new(a, CM_OBJECT) : docs.docs[0];
    rc = check_file(root, err);
    if (rc == CM_OK) {
        *out = root;
    }
    return rc;
}

static const char *find_path(struct ctl *c) {
    const char *home = getenv("HOME"); // one thread, at start
    const char *folder = getenv("XDG_CONFIG_HOME");

    if (given(c->options.config)) {
        return c->options.config;
    }
    if (given(folder)) {
        return cm_arena_strf(c->arena, "%s/holdfast/config.yaml", folder);
    }
    return given(home) ? cm_arena_strf(c->arena, "%s/.config/holdfast/config.yaml", home) : NULL;
}

static bool holds_token(const struct cm_json *root) {
    const struct cm_json *contexts = cm_json_get(root, "contexts");
    bool found = cm_json_get(root, "token") != NULL;

    for (const struct cm_json *at = contexts == NULL ? NULL : contexts->first; at != NULL;
         at = at->next) {
        found = found || cm_json_get(at, "token") != NULL;
    }
    return found;
}

static enum cm_rc check_mode(struct ctl *c, const struct ctl_config *config) {
    struct stat file;

    if (!holds_token(config->root) || stat(config->path, &file) != 0 ||
        (file.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
        return CM_OK;
    }
    return cm_fail(&c->err, CM_EAUTH,
                   "%s holds a token and others may read it (mode %04o): chmod 600 %s",
                   config->path, (unsigned)(file.st_mode & 07777), config->path);
}

enum cm_rc ctl_config_read(struct ctl *c, struct ctl_config *out) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;

    out->path = find_path(c);
    out->root = cm_json_new(c->arena, CM_OBJECT);
    if (out->path == NULL) {
        return CM_OK;
    }
    enum cm_rc rc = cm_fsys_read(out->path, FILE_MAX, &buf, &c->err);
    if (rc == CM_ENOTFOUND) {
        c->err = (struct cm_err){.code = CM_OK};
        return CM_OK;
    }
    if (rc == CM_OK) {
        rc = ctl_config_parse(c->arena, (const char *)buf->data, buf->size, &out->root, &c->err);
        if (rc < 0) {
            return cm_wrap(&c->err, "%s", out->path);
        }
    }
    return rc < 0 ? rc : check_mode(c, out);
}

enum cm_rc ctl_config_write(struct ctl *c, const struct ctl_config *config) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (config->path == NULL) {
        return cm_fail(&c->err, CM_EINVAL, "where do contexts go? set HOME, or give --config FILE");
    }
    const char *slash = strrchr(config->path, '/');
    if (slash != NULL && slash != config->path) {
        const char *folder =
            cm_arena_strndup(c->arena, config->path, (size_t)(slash - config->path));
        enum cm_rc rc = cm_fsys_make_dir(folder, 0700, &c->err);

        if (rc < 0) {
            return rc;
        }
    }
    cm_yaml_write(config->root, &text);
    return cm_fsys_replace(config->path, cm_str_get(&text), text.len, 0600, &c->err);
}

struct cm_json *ctl_config_context(const struct ctl_config *config, const char *name) {
    return cm_json_get(cm_json_get(config->root, "contexts"), name);
}

const char *ctl_config_current(const struct ctl_config *config) {
    return cm_json_string(cm_json_get(config->root, "current-context"));
}

enum cm_rc ctl_config_fail_unknown(struct ctl *c, const struct ctl_config *config,
                                   const char *name) {
    const struct cm_json *contexts = cm_json_get(config->root, "contexts");
    size_t count = contexts == NULL ? 0 : contexts->count;
    const char **names = cm_arena_get(c->arena, (count + 1) * sizeof(*names));
    size_t i = 0;

    for (const struct cm_json *at = count == 0 ? NULL : contexts->first; at != NULL;
         at = at->next) {
        names[i++] = at->key;
    }
    const char *nearest = cm_str_nearest(name, names, count);
    return cm_fail(&c->err, CM_ENOTFOUND, "no context is named '%.100s'%s%s%s", name,
                   nearest == NULL ? "; see 'holdfast context list'" : "; did you mean '",
                   nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

// ---- Which hub

static bool on_line(const struct ctl *c, const char *option) {
    return ctl_has_word(c->given, option);
}

static void take_context(struct ctl *c, const struct cm_json *context) {
    c->hub.server = cm_json_string(cm_json_get(context, "server"));
    c->hub.ca_file = cm_json_string(cm_json_get(context, "ca-file"));
    c->hub.ca = cm_json_string(cm_json_get(context, "ca"));
    c->hub.token_file = cm_json_string(cm_json_get(context, "token-file"));
    c->hub.token = cm_json_string(cm_json_get(context, "token"));
}

static void take_ca_file(struct ctl *c) {
    c->hub.ca_file = c->options.ca_file;
    c->hub.ca = NULL;
}

static void take_token_file(struct ctl *c) {
    c->hub.token_file = c->options.token_file;
    c->hub.token = NULL;
}

// Takes what the file says; `only_line`: the environment does not count.
static enum cm_rc use_file(struct ctl *c, const struct ctl_config *config, bool only_line) {
    const char *name = given(c->options.context) ? c->options.context : ctl_config_current(config);
    const struct cm_json *context = name == NULL ? config->root : ctl_config_context(config, name);

    if (context == NULL) {
        enum cm_rc rc = ctl_config_fail_unknown(c, config, name);

        if (only_line) {
            return rc;
        }
        c->hub.problem = cm_arena_strdup(c->arena, c->err.msg); // verbs without a hub go on
        c->err = (struct cm_err){.code = CM_OK};
        return CM_OK;
    }
    take_context(c, context);
    c->hub.context = name;
    if (on_line(c, "ca-file") || (!only_line && c->options.ca_file != NULL)) {
        take_ca_file(c);
    }
    if (on_line(c, "token-file") || (!only_line && c->options.token_file != NULL)) {
        take_token_file(c);
    }
    return CM_OK;
}

static void use_default(char **option, const struct cm_json *root, const char *name) {
    const char *text = cm_json_string(cm_json_get(root, name));

    if (*option == NULL && text != NULL) {
        *option = cm_strdup(text);
    }
}

enum cm_rc ctl_settings_load(struct ctl *c) {
    struct ctl_config config;
    enum cm_rc rc;

    if (on_line(c, "server") && on_line(c, "context")) {
        return cm_fail(&c->err, CM_EINVAL, "--server and --context both say which hub; give one");
    }
    rc = ctl_config_read(c, &config);
    if (rc < 0) {
        return rc;
    }
    if (c->verb->outputs != NULL) {
        use_default(&c->options.output, config.root, "output");
    }
    use_default(&c->options.color, config.root, "color");
    if (on_line(c, "context") || c->options.server == NULL) {
        return use_file(c, &config, on_line(c, "context"));
    }
    c->hub.server = c->options.server;
    take_ca_file(c);
    take_token_file(c);
    return CM_OK;
}
