#include "common/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/options_file.h"
#include "common/options_value.h"
#include "common/str.h"

// One option on the command line.
struct given {
    const struct cm_option *option;
    const char *text;
};

struct line {
    struct given *given;
    size_t count;
};

static void line_done(struct line *line) {
    free(line->given);
}

static bool has_field(const struct cm_option *option) {
    return option != &cm_option_config;
}

void cm_options_done(const struct cm_option_set *set, void *target) {
    for (size_t i = 0; i < set->count; i++) {
        cm_option_done(&set->options[i], target);
    }
}

static enum cm_rc find_long(const struct cm_option_set *set, const char *arg,
                            const struct cm_option **out, struct cm_err *err) {
    CM_AUTOFREE char *name = cm_strndup(arg, strcspn(arg, "="));
    const struct cm_option *option = cm_options_find(set, name);

    if (option == NULL && !set->no_file && strcmp(name, cm_option_config.name) == 0) {
        option = &cm_option_config;
    }
    if (option == NULL) {
        return cm_options_fail_unknown(set, "--", name, err);
    }
    *out = option;
    return CM_OK;
}

static enum cm_rc find_short(const struct cm_option_set *set, const char *arg,
                             const struct cm_option **out, struct cm_err *err) {
    for (size_t i = 0; i < set->count; i++) {
        if (set->options[i].short_name == arg[1]) {
            *out = &set->options[i];
            return CM_OK;
        }
    }
    return cm_fail(err, CM_EINVAL, "'%.64s' is no option; --help lists them", arg);
}

// attached_value returns the value within the argument ("--name=VALUE", "-nVALUE", "-n=VALUE"), or
// NULL.
static const char *attached_value(const char *arg) {
    if (arg[1] == '-') {
        const char *equals = strchr(arg, '=');

        return equals == NULL ? NULL : equals + 1;
    }
    if (arg[2] == '=') {
        return arg + 3;
    }
    return arg[2] == '\0' ? NULL : arg + 2;
}

// read_option reads the option argv[0] and its value; *out_used tells how many arguments that took.
static enum cm_rc read_option(const struct cm_option_set *set, char **argv, int left,
                              struct given *out, int *out_used, struct cm_err *err) {
    const char *arg = argv[0];
    bool is_long = arg[1] == '-';
    enum cm_rc rc = is_long ? find_long(set, arg + 2, &out->option, err)
                            : find_short(set, arg, &out->option, err);

    if (rc < 0) {
        return rc;
    }
    out->text = attached_value(arg);
    *out_used = 1;
    if (out->text == NULL && out->option->type == CM_OPTION_BOOL) {
        out->text = "true";
    } else if (out->text == NULL && left > 1) {
        out->text = argv[1];
        *out_used = 2;
    } else if (out->text == NULL) {
        return cm_fail(err, CM_EINVAL, "'%.64s' needs a value", arg);
    }
    return CM_OK;
}

// check_once refuses a second value where the last one would win in silence: what filters.
static enum cm_rc check_once(const struct line *line, struct cm_err *err) {
    const struct cm_option *option = line->given[line->count - 1].option;

    for (size_t i = 0; option->line_only && i + 1 < line->count; i++) {
        if (line->given[i].option == option && option->type != CM_OPTION_BOOL) {
            return cm_fail(err, CM_EINVAL, "--%s is there twice; give it once", option->name);
        }
    }
    return CM_OK;
}

// is_option tells whether the argument begins like an option; "-" alone does not.
static bool is_option(const char *arg) {
    return arg[0] == '-' && arg[1] != '\0';
}

// read_line splits argv into options and the rest.
static enum cm_rc read_line(const struct cm_option_set *set, int argc, char **argv,
                            struct line *line, int *out_rest, struct cm_err *err) {
    bool ended = false; // by "--"
    int used;

    line->given = cm_new((size_t)(argc > 0 ? argc : 1), sizeof(*line->given));
    *out_rest = 0;
    for (int i = 1; i < argc; i += used) {
        used = 1;
        if (ended || !is_option(argv[i])) {
            argv[(*out_rest)++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        enum cm_rc rc =
            read_option(set, argv + i, argc - i, &line->given[line->count++], &used, err);
        rc = rc < 0 ? rc : check_once(line, err);
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

static const char *config_path(const struct cm_option_set *set, const struct line *line) {
    const char *path = NULL;

    for (size_t i = 0; i < line->count && !set->no_file; i++) {
        if (strcmp(line->given[i].option->name, cm_option_config.name) == 0) {
            path = line->given[i].text;
        }
    }
    if (path != NULL || set->no_file || set->env_prefix == NULL) {
        return path;
    }
    CM_AUTOFREE char *name = cm_option_env_name(set, &cm_option_config);
    return getenv(name); // one thread, at start
}

static enum cm_rc load_defaults(const struct cm_option_set *set, void *target, struct cm_err *err) {
    for (size_t i = 0; i < set->count; i++) {
        const struct cm_option *option = &set->options[i];

        if (option->default_value == NULL) {
            continue;
        }
        enum cm_rc rc = cm_option_assign(option, target, option->default_value, err);
        if (rc < 0) {
            return cm_wrap(err, "default of %s", option->name);
        }
    }
    return CM_OK;
}

// option_word turns the end of a variable's name into what the command line would say; NULL if
// Kubernetes put the variable there, because a Service is called like us.
static char *option_word(const char *variable) {
    size_t len = strcspn(variable, "=");
    char *word = cm_strndup(variable, len);

    if (strstr(word, "SERVICE_") != NULL || strstr(variable + len, "://") != NULL) {
        free(word);
        return NULL;
    }
    for (char *p = word; *p != '\0'; p++) {
        *p = (char)(*p == '_' ? '-' : cm_lower(*p));
    }
    return word;
}

static enum cm_rc check_variable(const struct cm_option_set *set, const char *variable,
                                 struct cm_err *err) {
    CM_AUTOFREE char *word = option_word(variable);
    const char *nearest = NULL;

    if (word != NULL && cm_options_find(set, word) == NULL &&
        strcmp(word, cm_option_config.name) != 0) {
        nearest = cm_options_nearest(set, word);
    }
    if (nearest == NULL) {
        return CM_OK;
    }
    CM_AUTOFREE char *meant = cm_option_env_name(set, cm_options_find(set, nearest));
    return cm_fail(err, CM_EINVAL, "'%s_%.*s' in the environment is no option; did you mean '%s'?",
                   set->env_prefix, (int)strcspn(variable, "="), variable, meant);
}

// check_env refuses variables that look like a misspelt option.
static enum cm_rc check_env(const struct cm_option_set *set, struct cm_err *err) {
    size_t len = set->env_own ? strlen(set->env_prefix) : 0;
    enum cm_rc rc = CM_OK;

    for (char **at = environ; set->env_own && *at != NULL && rc == CM_OK; at++) {
        if (strncmp(*at, set->env_prefix, len) == 0 && (*at)[len] == '_') {
            rc = check_variable(set, *at + len + 1, err);
        }
    }
    return rc;
}

static enum cm_rc load_env(const struct cm_option_set *set, void *target, struct cm_err *err) {
    for (size_t i = 0; i < set->count && set->env_prefix != NULL; i++) {
        CM_AUTOFREE char *name = cm_option_env_name(set, &set->options[i]);
        const char *text = set->options[i].line_only ? NULL : getenv(name); // one thread, at start

        if (text == NULL) {
            continue;
        }
        enum cm_rc rc = cm_option_assign(&set->options[i], target, text, err);
        if (rc < 0) {
            return cm_wrap(err, "%s", name);
        }
    }
    return CM_OK;
}

static enum cm_rc load_line(const struct line *line, void *target, struct cm_err *err) {
    for (size_t i = 0; i < line->count; i++) {
        const struct given *given = &line->given[i];

        if (!has_field(given->option)) {
            continue;
        }
        enum cm_rc rc = cm_option_assign(given->option, target, given->text, err);
        if (rc < 0) {
            return cm_wrap(err, "--%s", given->option->name);
        }
    }
    return CM_OK;
}

// load_all goes from the weakest source to the strongest. Each value is checked, also one that a
// stronger source replaces.
static enum cm_rc load_all(const struct cm_option_set *set, void *target, const struct line *line,
                           struct cm_err *err) {
    const char *path = config_path(set, line);
    enum cm_rc rc = load_defaults(set, target, err);

    if (rc == CM_OK && path != NULL) {
        rc = cm_options_read_file(set, target, path, err);
    }
    rc = rc < 0 ? rc : check_env(set, err);
    if (rc == CM_OK) {
        rc = load_env(set, target, err);
    }
    return rc == CM_OK ? load_line(line, target, err) : rc;
}

enum cm_rc cm_options_load(const struct cm_option_set *set, void *target, int argc, char **argv,
                           int *out_rest, struct cm_err *err) {
    CM_CLEANUP(line_done) struct line line = {0};
    int rest = 0;

    for (size_t i = 0; i < set->count; i++) {
        cm_option_clear(&set->options[i], target);
    }
    enum cm_rc rc = read_line(set, argc, argv, &line, &rest, err);
    if (rc == CM_OK) {
        rc = load_all(set, target, &line, err);
    }
    if (rc < 0) {
        cm_options_done(set, target);
        return rc;
    }
    *out_rest = rest;
    return CM_OK;
}
