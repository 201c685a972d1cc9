// holdfast: the command line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/harden.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/complete.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/help.h"
#include "hub/ctl/man.h"
#include "hub/ctl/options.h"
#include "hub/ctl/print.h"
#include "hub/ctl/settings.h"
#include "hub/ctl/verbs.h"

// Finds the verb among the words; without one it is help, or version for --version.
static int find_verb(struct ctl *c, int argc, char **argv, struct cm_str *given) {
    struct ctl_line line = {.given = given};

    ctl_line_read(argc, argv, NULL, &line);
    const char *name = line.verb > 0                                   ? argv[line.verb]
                       : strstr(cm_str_get(given), " version") != NULL ? "version"
                                                                       : "help";
    c->verb = ctl_verb_find(name);
    if (c->verb == NULL) {
        return ctl_fail_verb(c, name);
    }
    cm_str_clear(given);
    ctl_line_read(argc, argv, c->verb, &line);
    const char *hint = line.unknown == 0 ? NULL : ctl_option_hint(argv[line.unknown]);
    if (hint != NULL) {
        return ctl_fail(c, CM_EINVAL, "'%.40s' is no option; %s", argv[line.unknown], hint);
    }
    if (line.other > 0 && line.verb == 0) {
        return ctl_fail(c, CM_EINVAL, "do what? say a verb; 'holdfast help' lists them");
    }
    if (line.other > 0) {
        return ctl_fail(c, CM_EINVAL,
                        "'holdfast %s' does not take %.40s; 'holdfast help %s' lists what it takes",
                        c->verb->name, argv[line.other], c->verb->name);
    }
    c->given = cm_str_get(given);
    return CTL_DONE;
}

static int check_arguments(struct ctl *c) {
    if (c->verb->arguments[0] == '\0' && c->argc > 0) {
        return ctl_fail(c, CM_EINVAL,
                        "'holdfast %s' takes no arguments, but there is '%.100s'; 'holdfast help "
                        "%s' tells what it takes",
                        c->verb->name, c->argv[0], c->verb->name);
    }
    return CTL_DONE;
}

static int run(struct ctl *c) {
    if (c->options.help) {
        ctl_help_show(c->verb);
        return CTL_DONE;
    }
    if (check_arguments(c) != CTL_DONE || ctl_settings_load(c) < 0 ||
        ctl_color_set(c->options.color, &c->err) < 0 || ctl_output_set(c) < 0) {
        return CTL_ERROR;
    }
    return c->verb->run(c);
}

static int load_and_run(struct ctl *c, int argc, char **argv) {
    CM_CLEANUP(cm_str_done) struct cm_str given = {0};
    CM_CLEANUP(ctl_option_set_done) struct ctl_option_set set = {0};
    int rest = 0;

    if (find_verb(c, argc, argv, &given) != CTL_DONE) {
        return CTL_ERROR;
    }
    ctl_option_set_make(c->verb, &set);
    if (cm_options_load(&set.set, &c->options, argc, argv, &rest, &c->err) < 0) {
        return CTL_ERROR;
    }
    c->err = (struct cm_err){.code = CM_OK};
    c->argc = rest > 0 ? rest - 1 : 0;
    c->argv = argv + 1;
    int code = run(c);
    cm_options_done(&set.set, &c->options);
    return code;
}

// What is called by scripts: `__complete WORD...` by a shell, `__man DIR` when programs are built.
static int run_hidden(struct ctl *c, int argc, char **argv) {
    if (strcmp(argv[1], "__complete") == 0) {
        return ctl_complete(c, argc - 2, argv + 2);
    }
    return ctl_man_write(argc == 3 ? argv[2] : ".", &c->err) < 0 ? CTL_ERROR : CTL_DONE;
}

static bool is_hidden(const char *word) {
    return strcmp(word, "__complete") == 0 || strcmp(word, "__man") == 0;
}

int main(int argc, char **argv) {
    struct ctl c = {.arena = cm_arena_new(0), .given = ""};
    bool hidden = argc > 1 && is_hidden(argv[1]);

    cm_harden(); // it holds a token
    int code = hidden ? run_hidden(&c, argc, argv) : load_and_run(&c, argc, argv);

    if (code != CTL_DONE && c.err.code != CM_OK) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "holdfast: %s\n", ctl_one_line(c.arena, c.err.msg));
    }
    ctl_client_free(c.client);
    cm_arena_free(c.arena);
    return code;
}
