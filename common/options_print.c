// What an option table prints: --help, a manual page, a sample file.
#include <string.h>

#include "common/mem.h"
#include "common/options.h"
#include "common/options_file.h"
#include "common/options_value.h"
#include "common/str.h"

enum { LINE_WIDTH = 80, LEFT_MAX = 30 };

static const char *value_name(const struct cm_option *option) {
    return option->value_name == NULL ? "VALUE" : option->value_name;
}

// add_facts adds " (default 30s; 1s to 1h)", or nothing.
static void add_facts(const struct cm_option *option, struct cm_str *out) {
    CM_CLEANUP(cm_str_done) struct cm_str range = {0};
    bool has_range = cm_option_add_range(option, &range);
    bool has_default = option->default_value != NULL && option->default_value[0] != '\0' &&
                       !option->secret && option->type != CM_OPTION_BOOL;

    if (has_default && has_range) {
        cm_str_addf(out, " (default %s; %s)", option->default_value, cm_str_get(&range));
    } else if (has_default) {
        cm_str_addf(out, " (default %s)", option->default_value);
    } else if (has_range) {
        cm_str_addf(out, " (%s)", cm_str_get(&range));
    }
}

// print_wrapped prints text in lines that begin at column `indent`, the first one where we are.
static void print_wrapped(const char *text, size_t indent, FILE *out) {
    size_t column = indent;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > indent && column + 1 + word > LINE_WIDTH) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            (void)fputc(' ', out);
            column++;
        }
        (void)fprintf(out, "%.*s", (int)word, text);
        column += word;
        text += word + strspn(text + word, " ");
    }
    (void)fputc('\n', out);
}

// add_left adds "  -o, --output FORMAT".
static void add_left(const struct cm_option *option, struct cm_str *out) {
    cm_str_add(out, "  ");
    if (option->short_name != 0) {
        cm_str_addf(out, "-%c, ", option->short_name);
    }
    cm_str_addf(out, "--%s", option->name);
    if (option->type != CM_OPTION_BOOL) {
        cm_str_addf(out, " %s", value_name(option));
    }
}

static void print_help_of(const struct cm_option *option, FILE *out) {
    CM_CLEANUP(cm_str_done) struct cm_str left = {0};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    add_left(option, &left);
    cm_str_add(&text, option->help == NULL ? "" : option->help);
    add_facts(option, &text);
    (void)fputs(cm_str_get(&left), out);
    if (left.len + 2 > LEFT_MAX) {
        (void)fprintf(out, "\n%*s", LEFT_MAX, "");
    } else {
        (void)fprintf(out, "%*s", (int)(LEFT_MAX - left.len), "");
    }
    print_wrapped(cm_str_get(&text), LEFT_MAX, out);
}

// has_own_config tells whether there is a --config that the table does not have.
static bool has_own_config(const struct cm_option_set *set) {
    return !set->no_file && cm_options_find(set, "config") == NULL;
}

// print_environment says how options are called in the environment, by the first of this table.
static void print_environment(const struct cm_option_set *set, FILE *out) {
    bool all = true;
    const struct cm_option *first = NULL;

    for (size_t i = 0; i < set->count; i++) {
        all = all && !set->options[i].line_only;
        first = first == NULL && !set->options[i].line_only ? &set->options[i] : first;
    }
    if (set->env_prefix == NULL || first == NULL) {
        return;
    }
    CM_AUTOFREE char *name = cm_option_env_name(set, first);
    (void)fprintf(out, "\n%s may also come from the environment (--%s as %s).\n",
                  all ? "Each option" : "Settings", first->name, name);
}

void cm_options_help(const struct cm_option_set *set, FILE *out) {
    (void)fprintf(out, "Usage: %s %s\n\n%s\n\nOptions:\n", set->program,
                  set->usage == NULL ? "[OPTIONS]" : set->usage, set->summary);
    if (has_own_config(set)) {
        print_help_of(&cm_option_config, out);
    }
    for (size_t i = 0; i < set->count; i++) {
        print_help_of(&set->options[i], out);
    }
    print_environment(set, out);
}

// roff_of returns how roff wants a character that it would take for something else, or NULL.
static const char *roff_of(char c) {
    switch (c) {
    case '\\':
        return "\\e";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    default:
        return NULL;
    }
}

void cm_options_roff(const char *text, FILE *out) {
    if (*text == '.') {
        (void)fputs("\\&", out);
    }
    for (; *text != '\0'; text++) {
        const char *roff = roff_of(*text);

        if (roff != NULL) {
            (void)fputs(roff, out);
        } else {
            (void)fputc(*text, out);
        }
    }
}

static void print_man_of(const struct cm_option *option, FILE *out) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)fputs(".TP\n", out);
    if (option->short_name != 0) {
        (void)fprintf(out, "\\fB\\-%c\\fR, ", option->short_name);
    }
    (void)fputs("\\fB\\-\\-", out);
    cm_options_roff(option->name, out);
    (void)fputs("\\fR", out);
    if (option->type != CM_OPTION_BOOL) {
        (void)fputs(" \\fI", out);
        cm_options_roff(value_name(option), out);
        (void)fputs("\\fR", out);
    }
    (void)fputc('\n', out);
    cm_str_add(&text, option->help == NULL ? "" : option->help);
    add_facts(option, &text);
    cm_options_roff(cm_str_get(&text), out);
    (void)fputc('\n', out);
}

void cm_options_man(const struct cm_option_set *set, FILE *out) {
    (void)fputs(".SH OPTIONS\n", out);
    if (has_own_config(set)) {
        print_man_of(&cm_option_config, out);
    }
    for (size_t i = 0; i < set->count; i++) {
        print_man_of(&set->options[i], out);
    }
}

// print_quoted prints a text as a double-quoted YAML scalar.
static void print_quoted(const char *text, FILE *out) {
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void print_sample_value(const struct cm_option *option, FILE *out) {
    const char *text = option->secret ? NULL : option->default_value;

    if (option->type == CM_OPTION_STRING) {
        print_quoted(text == NULL ? "" : text, out);
    } else if (text != NULL) {
        (void)fputs(text, out);
    } else {
        (void)fputs(option->type == CM_OPTION_BOOL       ? "false"
                    : option->type == CM_OPTION_DURATION ? "0s"
                                                         : "0",
                    out);
    }
}

static void print_sample_of(const struct cm_option *option, FILE *out) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_addf(&text, "# %s", option->help == NULL ? option->name : option->help);
    add_facts(option, &text);
    (void)fprintf(out, "\n%s\n#%s: ", cm_str_get(&text), option->name);
    print_sample_value(option, out);
    (void)fputc('\n', out);
}

void cm_options_sample(const struct cm_option_set *set, FILE *out) {
    (void)fprintf(out, "# Configuration of %s. %s\n", set->program, set->summary);
    (void)fputs("# Each line shows the default; remove the '#' before a name to change it.\n", out);
    for (size_t i = 0; i < set->count; i++) {
        if (cm_option_in_file(&set->options[i])) {
            print_sample_of(&set->options[i], out);
        }
    }
}
