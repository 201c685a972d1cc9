#include "common/options_file.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/options_value.h"
#include "common/str.h"
#include "common/yaml.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static const struct cm_json_limits limits = {
    .max_bytes = FILE_MAX_BYTES, .max_depth = 8, .max_nodes = 10000};

const struct cm_option *cm_options_find(const struct cm_option_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->options[i].name, name) == 0) {
            return &set->options[i];
        }
    }
    return NULL;
}

const char *cm_options_nearest(const struct cm_option_set *set, const char *name) {
    CM_AUTOFREE const char **names = cm_new(set->count + 1, sizeof(*names));

    for (size_t i = 0; i < set->count; i++) {
        names[i] = set->options[i].name;
    }
    return cm_str_nearest(name, names, set->count);
}

enum cm_rc cm_options_fail_unknown(const struct cm_option_set *set, const char *dashes,
                                   const char *name, struct cm_err *err) {
    const char *nearest = cm_options_nearest(set, name);

    if (nearest == NULL) {
        return cm_fail(err, CM_EINVAL, "'%s%.64s' is no option; --help lists them", dashes, name);
    }
    return cm_fail(err, CM_EINVAL, "'%s%.64s' is no option; did you mean '%s%s'?", dashes, name,
                   dashes, nearest);
}

// value_text turns a node into the text that the command line would have, or fails. A text must be
// a YAML string, because YAML turns an unquoted 010 into 8 and an unquoted on into true.
static enum cm_rc value_text(const struct cm_option *option, const struct cm_json *node,
                             const char **out, struct cm_err *err) {
    bool is_plain_number = node->type == CM_NUMBER && option->type != CM_OPTION_STRING;

    if (node->type == CM_STRING || is_plain_number) {
        *out = node->text;
    } else if (node->type == CM_BOOL && option->type == CM_OPTION_BOOL) {
        *out = node->truth ? "true" : "false";
    } else if (node->type == CM_BOOL || node->type == CM_NUMBER) {
        return cm_fail(err, CM_EINVAL, "%s is %s here; put the value in quotes", option->name,
                       cm_json_type_name(node->type));
    } else {
        return cm_fail(err, CM_EINVAL, "%s must be a single value, not %s", option->name,
                       cm_json_type_name(node->type));
    }
    return CM_OK;
}

static enum cm_rc read_member(const struct cm_option_set *set, void *target,
                              const struct cm_json *member, struct cm_err *err) {
    const struct cm_option *option = cm_options_find(set, member->key);
    const char *text = NULL;

    if (option == NULL) {
        return cm_options_fail_unknown(set, "", member->key, err);
    }
    if (!cm_option_in_file(option)) {
        return cm_fail(err, CM_EINVAL, "'%s' may be given on the command line only", option->name);
    }
    enum cm_rc rc = value_text(option, member, &text, err);
    if (rc < 0) {
        return rc;
    }
    rc = cm_option_assign(option, target, text, err);
    return rc < 0 ? cm_wrap(err, "%s", option->name) : CM_OK;
}

static enum cm_rc read_document(const struct cm_option_set *set, void *target, const char *path,
                                const struct cm_json *root, struct cm_err *err) {
    if (root->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "%s:%u: expected lines of 'name: value', not %s", path,
                       root->line, cm_json_type_name(root->type));
    }
    for (const struct cm_json *member = root->first; member != NULL; member = member->next) {
        enum cm_rc rc = read_member(set, target, member, err);

        if (rc < 0) {
            return cm_wrap(err, "%s:%u", path, member->line);
        }
    }
    return CM_OK;
}

enum cm_rc cm_options_read_text(const struct cm_option_set *set, void *target, const char *path,
                                const char *text, size_t size, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0); // the limits bound it
    struct cm_yaml_docs docs;
    enum cm_rc rc = cm_yaml_parse(a, text, size, &limits, &docs, err);

    if (rc < 0) {
        return cm_wrap(err, "%s", path);
    }
    if (docs.count > 1) {
        return cm_fail(err, CM_EINVAL, "%s: a configuration file is one document; remove '---'",
                       path);
    }
    return docs.count == 0 ? CM_OK : read_document(set, target, path, docs.docs[0], err);
}

enum cm_rc cm_options_read_file(const struct cm_option_set *set, void *target, const char *path,
                                struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    enum cm_rc rc = cm_fsys_read(path, FILE_MAX_BYTES, &buf, err);

    if (rc < 0) {
        return cm_wrap(err, "configuration file");
    }
    return cm_options_read_text(set, target, path, (const char *)buf->data, buf->size, err);
}
