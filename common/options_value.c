#include "common/options_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

const struct cm_option cm_option_config = {
    .name = "config",
    .type = CM_OPTION_STRING,
    .value_name = "FILE",
    .help = "Read options from this YAML file, one 'name: value' a line.",
};

static void *field_of(const struct cm_option *option, void *target) {
    return (char *)target + option->offset;
}

static size_t field_size(enum cm_option_type type) {
    switch (type) {
    case CM_OPTION_STRING:
        return sizeof(char *);
    case CM_OPTION_BOOL:
        return sizeof(bool);
    default:
        return sizeof(int64_t);
    }
}

void cm_option_clear(const struct cm_option *option, void *target) {
    memset(field_of(option, target), 0, field_size(option->type));
}

void cm_option_done(const struct cm_option *option, void *target) {
    if (option->type != CM_OPTION_STRING) {
        return;
    }
    char **field = field_of(option, target);
    if (option->secret && *field != NULL) {
        explicit_bzero(*field, strlen(*field));
    }
    free(*field);
    *field = NULL;
}

static enum cm_rc parse_bool(const char *text, bool *out, struct cm_err *err) {
    if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0) {
        *out = true;
    } else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0) {
        *out = false;
    } else {
        return cm_fail(err, CM_EINVAL, "'%.64s' is neither true nor false", text);
    }
    return CM_OK;
}

static enum cm_rc parse_int(const char *text, int64_t *out, struct cm_err *err) {
    const char *p = text + (*text == '-');
    int64_t value = 0;
    bool fits = *p != '\0';

    for (; fits && *p >= '0' && *p <= '9'; p++) {
        int digit = *text == '-' ? '0' - *p : *p - '0';

        fits = !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, digit, &value);
    }
    if (!fits || *p != '\0') {
        return cm_fail(err, CM_EINVAL, "'%.64s' is no whole number", text);
    }
    *out = value;
    return CM_OK;
}

static enum cm_rc parse_size(const char *text, int64_t *out, struct cm_err *err) {
    uint64_t size;
    enum cm_rc rc = cm_str_parse_size(text, &size, err);

    if (rc == CM_OK && size > INT64_MAX) {
        return cm_fail(err, CM_EINVAL, "'%.64s' is too large", text);
    }
    if (rc == CM_OK) {
        *out = (int64_t)size;
    }
    return rc;
}

static enum cm_rc parse_number(enum cm_option_type type, const char *text, int64_t *out,
                               struct cm_err *err) {
    if (type == CM_OPTION_DURATION) {
        return cm_str_parse_duration(text, out, err);
    }
    return type == CM_OPTION_SIZE ? parse_size(text, out, err) : parse_int(text, out, err);
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1},
};

// add_number writes a value with the largest unit that divides it.
static void add_number(enum cm_option_type type, int64_t value, struct cm_str *out) {
    const struct unit *unit = type == CM_OPTION_DURATION ? duration_units : size_units;

    if (type == CM_OPTION_INT || value == 0) {
        cm_str_addf(out, "%" PRId64 "%s", value, type == CM_OPTION_DURATION ? "s" : "");
        return;
    }
    while (value % unit->factor != 0) {
        unit++;
    }
    cm_str_addf(out, "%" PRId64 "%s", value / unit->factor, unit->name);
}

bool cm_option_add_range(const struct cm_option *option, struct cm_str *out) {
    bool is_number = option->type != CM_OPTION_STRING && option->type != CM_OPTION_BOOL;

    if (!is_number || (option->min == 0 && option->max == 0)) {
        return false;
    }
    add_number(option->type, option->min, out);
    cm_str_add(out, " to ");
    add_number(option->type, option->max, out);
    return true;
}

static enum cm_rc check_range(const struct cm_option *option, int64_t value, const char *text,
                              struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str range = {0};

    if (!cm_option_add_range(option, &range) || (value >= option->min && value <= option->max)) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "'%.64s' is outside of %s", text, cm_str_get(&range));
}

static enum cm_rc assign_number(const struct cm_option *option, int64_t *field, const char *text,
                                struct cm_err *err) {
    int64_t value = 0;
    enum cm_rc rc = parse_number(option->type, text, &value, err);

    if (rc == CM_OK) {
        rc = check_range(option, value, text, err);
    }
    if (rc == CM_OK) {
        *field = value;
    }
    return rc;
}

enum cm_rc cm_option_assign(const struct cm_option *option, void *target, const char *text,
                            struct cm_err *err) {
    void *field = field_of(option, target);
    enum cm_rc rc;

    switch (option->type) {
    case CM_OPTION_STRING:
        cm_option_done(option, target);
        *(char **)field = cm_strdup(text);
        return CM_OK;
    case CM_OPTION_BOOL:
        rc = parse_bool(text, field, err);
        break;
    default:
        rc = assign_number(option, field, text, err);
        break;
    }
    if (rc < 0 && option->secret) {
        return cm_fail(err, rc, "the value is malformed or out of range");
    }
    return rc;
}

bool cm_option_in_file(const struct cm_option *option) {
    static const char *const others[] = {"config", "help", "version"};

    if (option->line_only) {
        return false;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(option->name, others[i]) == 0) {
            return false;
        }
    }
    return true;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity,readability-function-size)
char *cm_option_env_name(const struct cm_option_set *set, const struct cm_option *option) {
    char *name = cm_strf("%s_%s", set->env_prefix, option->name);

    for (char *p = name; *p != '\0'; p++) {
        *p = (char)(*p == '-' ? '_' : cm_upper(*p));
    }
    return name;
}
