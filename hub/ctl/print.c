#include "hub/ctl/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/jsonpath.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

#define WORDS_MAX 16
#define JSONPATH "jsonpath"

bool ctl_is_terminal(void) {
    return isatty(STDOUT_FILENO) == 1;
}

// ---- Colour

static bool coloured; // one thread; set before anything is printed

enum cm_rc ctl_color_set(const char *when, struct cm_err *err) {
    const char *no_color = getenv("NO_COLOR"); // one thread, at start

    if (when == NULL || strcmp(when, "auto") == 0) {
        coloured = ctl_is_terminal() && (no_color == NULL || no_color[0] == '\0');
    } else if (strcmp(when, "always") == 0 || strcmp(when, "never") == 0) {
        coloured = when[0] == 'a';
    } else {
        return cm_fail(err, CM_EINVAL, "--color %.40s: use auto, always or never", when);
    }
    return CM_OK;
}

static const char *colour(const char *sequence) {
    return coloured ? sequence : "";
}

const char *ctl_red(void) {
    return colour("\x1b[31m");
}

const char *ctl_green(void) {
    return colour("\x1b[32m");
}

const char *ctl_yellow(void) {
    return colour("\x1b[33m");
}

const char *ctl_bold(void) {
    return colour("\x1b[1m");
}

const char *ctl_dim(void) {
    return colour("\x1b[2m");
}

const char *ctl_plain(void) {
    return colour("\x1b[0m");
}

// ---- Which form

bool ctl_output_is(const struct ctl *c, const char *word) {
    return strcmp(c->output, word) == 0;
}

bool ctl_output_is_tree(const struct ctl *c) {
    return ctl_output_is(c, "json") || ctl_output_is(c, "yaml") || ctl_output_is(c, JSONPATH);
}

static enum cm_rc fail_output(struct ctl *c, const char *word) {
    CM_AUTOFREE char *outputs = cm_strdup(c->verb->outputs);
    CM_CLEANUP(cm_str_done) struct cm_str list = {0};
    const char *words[WORDS_MAX];
    char *rest = outputs;
    size_t count = 0;

    while (rest != NULL && count < WORDS_MAX) {
        words[count++] = strsep(&rest, " ");
        cm_str_addf(&list, "%s%s",
                    count == 1     ? ""
                    : rest == NULL ? " or "
                                   : ", ",
                    words[count - 1]);
    }
    const char *nearest = cm_str_nearest(word, words, count);
    return cm_fail(&c->err, CM_EINVAL, "-o %.40s: use %s%s%s", word, cm_str_get(&list),
                   nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest);
}

static enum cm_rc set_jsonpath(struct ctl *c, const char *text) {
    c->output = JSONPATH;
    return ctl_jsonpath_parse(c->arena, text[0] == '=' ? text + 1 : text, &c->jsonpath, &c->err);
}

enum cm_rc ctl_output_set(struct ctl *c) {
    const char *outputs = c->verb->outputs == NULL ? "table" : c->verb->outputs;
    const char *wanted = c->options.output;
    size_t len = strlen(JSONPATH);

    c->output = cm_arena_strndup(c->arena, outputs, strcspn(outputs, " "));
    if (wanted == NULL || c->verb->outputs == NULL) {
        return CM_OK;
    }
    if (strncmp(wanted, JSONPATH, len) == 0 && (wanted[len] == '=' || wanted[len] == '\0') &&
        ctl_has_word(outputs, JSONPATH)) {
        return set_jsonpath(c, wanted + len);
    }
    if (ctl_has_word(outputs, wanted)) {
        c->output = cm_arena_strdup(c->arena, wanted);
        return CM_OK;
    }
    return ctl_has_word(c->given, "output") ? fail_output(c, wanted) : CM_OK;
}

// ---- Trees, names, tables

static enum cm_rc print_jsonpath(struct ctl *c, const struct cm_json *value) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    enum cm_rc rc = ctl_jsonpath_print(c->jsonpath, value, &text, &c->err);

    if (rc < 0) {
        return rc;
    }
    (void)fputs(ctl_is_terminal() ? ctl_lines(c->arena, cm_str_get(&text)) : cm_str_get(&text),
                stdout);
    if (ctl_is_terminal() && text.len > 0 && text.data[text.len - 1] != '\n') {
        (void)putchar('\n'); // kubectl leaves the prompt there
    }
    return CM_OK;
}

enum cm_rc ctl_print_value(struct ctl *c, const struct cm_json *value) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_CLEANUP(cm_str_done) struct cm_str json = {0};

    if (c->jsonpath != NULL) {
        return print_jsonpath(c, value);
    }
    if (ctl_output_is(c, "yaml")) {
        cm_yaml_write(value, &text);
    } else {
        cm_json_write_canonical(value, &json);
        ctl_add_json(&text, cm_str_get(&json));
    }
    (void)fwrite(cm_str_get(&text), 1, text.len, stdout);
    return CM_OK;
}

void ctl_print_names(struct ctl *c, const struct cm_json *items, const char *names) {
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        char *rest = cm_arena_strdup(c->arena, names);
        char *member;
        const char *separator = "";

        while ((member = strsep(&rest, " ")) != NULL) {
            const struct cm_json *value = cm_json_get(at, member);

            (void)printf(
                "%s%s", separator,
                value == NULL || value->text == NULL ? "" : ctl_one_line(c->arena, value->text));
            separator = "/";
        }
        (void)putchar('\n');
    }
}

enum cm_rc ctl_print_list(struct ctl *c, struct cm_json *items, const struct ctl_column *columns,
                          size_t count, const char *names) {
    if (ctl_output_is_tree(c)) {
        struct cm_json *list = cm_json_new(c->arena, CM_OBJECT);

        cm_json_set(c->arena, list, "items", items);
        return ctl_print_value(c, list);
    }
    if (ctl_output_is(c, "name")) {
        ctl_print_names(c, items, names);
        return CM_OK;
    }
    if (items->count == 0) {
        (void)fprintf(stderr, "nothing to show\n");
        return CM_OK;
    }
    ctl_table_print(ctl_table_new(c, columns, count), items);
    return CM_OK;
}
