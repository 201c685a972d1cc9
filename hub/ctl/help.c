// help.c: `holdfast help`: all verbs, or one.
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/help.h"
#include "hub/ctl/options.h"
#include "hub/ctl/print.h"
#include "hub/ctl/verbs.h"

#define WIDTH 80

static void help_all(void) {
    const char *group = "";

    (void)printf("Usage: holdfast VERB [ARGUMENTS] [OPTIONS]\n");
    for (size_t i = 0; i < ctl_verb_count; i++) {
        const struct ctl_verb *verb = &ctl_verbs[i];

        if (strcmp(group, verb->group) != 0) {
            group = verb->group;
            (void)printf("\n%s%s:%s\n", ctl_bold(), group, ctl_plain());
        }
        (void)printf("  %-11s %s\n", verb->name, verb->summary);
    }
    (void)putchar('\n');
    ctl_print_wrapped("'holdfast VERB --help' tells more about one, with examples. Which hub: "
                      "--context, or --server with --ca-file and --token-file, or "
                      "HOLDFAST_SERVER and so on; 'holdfast context set NAME --server URL ...' "
                      "remembers one. Exit codes: 0 done, 1 no (differences, not in time, not "
                      "valid), 2 an error.",
                      stdout);
}

void ctl_print_wrapped(const char *text, FILE *out) {
    size_t column = 0;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > 0 && column + 1 + word > WIDTH) {
            (void)fputc('\n', out);
            column = 0;
        }
        (void)fprintf(out, "%s%.*s", column > 0 ? " " : "", (int)word, text);
        column += word + (column > 0);
        text += word + strspn(text + word, " ");
    }
    (void)fputc('\n', out);
}

static void help_verb(const struct ctl_verb *verb) {
    CM_CLEANUP(ctl_option_set_done) struct ctl_option_set set;
    const char *line = verb->example;

    ctl_option_set_make(verb, &set);
    cm_options_help(&set.set, stdout);
    if (verb->about != NULL) {
        (void)putchar('\n');
        ctl_print_wrapped(verb->about, stdout);
    }
    (void)printf("\n%sExamples:%s\n", ctl_bold(), ctl_plain());
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");

        (void)printf("  %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

int ctl_help(struct ctl *c) {
    const struct ctl_verb *verb = c->argc == 0 ? NULL : ctl_verb_find(c->argv[0]);

    if (c->argc > 0 && verb == NULL) {
        return ctl_fail_verb(c, c->argv[0]);
    }
    ctl_help_show(verb);
    return CTL_DONE;
}

void ctl_help_show(const struct ctl_verb *verb) {
    if (verb == NULL || verb->run == ctl_help) {
        help_all();
    } else {
        help_verb(verb);
    }
}

int ctl_fail_verb(struct ctl *c, const char *name) {
    const char *hint = ctl_verb_hint(name);
    const char *nearest = ctl_verb_nearest(name);

    if (hint != NULL) {
        return ctl_fail(c, CM_EINVAL, "there is no verb '%.40s'; %s", name, hint);
    }
    if (nearest == NULL) {
        return ctl_fail(c, CM_EINVAL, "there is no verb '%.40s'; see 'holdfast help'", name);
    }
    return ctl_fail(c, CM_EINVAL, "there is no verb '%.40s'; did you mean '%s'?", name, nearest);
}
