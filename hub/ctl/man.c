#include "hub/ctl/man.h"

#include <stdlib.h>
#include <string.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "hub/ctl/options.h"
#include "hub/ctl/verbs.h"

static void print_title(const char *verb, const char *summary, FILE *out) {
    CM_AUTOFREE char *name = cm_strf("holdfast%s%s", verb[0] == '\0' ? "" : "-", verb);
    size_t len = strcspn(summary, ".");

    (void)fprintf(out, ".\\\" Made from the tables of the program; edit hub/ctl/verbs.c instead.\n"
                       ".TH ");
    for (const char *at = name; *at != '\0'; at++) {
        (void)fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, out);
    }
    (void)fprintf(out, " 1 \"\" \"holdfast %s\" \"holdfast\"\n.SH NAME\n", HOLDFAST_VERSION);
    cm_options_roff(name, out);
    (void)fputs(" \\- ", out);
    CM_AUTOFREE char *text = cm_strndup(summary, len);
    cm_options_roff(text, out);
    (void)fputc('\n', out);
}

static void print_heading(const char *heading, FILE *out) {
    (void)fprintf(out, ".SH %s\n", heading);
}

static void print_paragraph(const char *text, FILE *out) {
    cm_options_roff(text, out);
    (void)fputc('\n', out);
}

static void print_item(const char *item, const char *text, FILE *out) {
    (void)fputs(".TP\n\\fB", out);
    cm_options_roff(item, out);
    (void)fputs("\\fR\n", out);
    print_paragraph(text, out);
}

static void print_example(const char *lines, FILE *out) {
    print_heading("EXAMPLES", out);
    (void)fputs(".EX\n", out);
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        CM_AUTOFREE char *line = cm_strndup(lines, len);

        print_paragraph(line, out);
        lines += len + (lines[len] == '\n');
    }
    (void)fputs(".EE\n", out);
}

static void print_exit_codes(FILE *out) {
    print_heading("EXIT STATUS", out);
    print_item("0", "Done.", out);
    print_item("1",
               "No: there are differences, it was not in time, the fleet repository is not valid.",
               out);
    print_item("2", "An error: wrong options, a name that does not exist, a hub that is away.",
               out);
}

static void print_settings(FILE *out) {
    print_heading("ENVIRONMENT", out);
    print_item("HOLDFAST_SERVER, HOLDFAST_CA_FILE, HOLDFAST_TOKEN_FILE",
               "As --server, --ca-file and --token-file.", out);
    print_item("HOLDFAST_CONTEXT, HOLDFAST_CONFIG, HOLDFAST_OUTPUT, HOLDFAST_COLOR",
               "As --context, --config, --output and --color. What filters comes from the command "
               "line only.",
               out);
    print_item("NO_COLOR", "If it is set, there is no colour but with --color always.", out);
    print_heading("FILES", out);
    print_item("~/.config/holdfast/config.yaml",
               "The contexts, and what -o and --color are by default; written by holdfast "
               "context. It must be readable by nobody else if it holds a token.",
               out);
}

static void print_others(const struct ctl_verb *but, FILE *out) {
    const char *separator = "";

    print_heading("SEE ALSO", out);
    if (but != NULL) {
        (void)fputs("\\fBholdfast\\fR(1)", out);
        separator = ", ";
    }
    for (size_t i = 0; i < ctl_verb_count; i++) {
        bool near = but == NULL || strcmp(ctl_verbs[i].group, but->group) == 0;

        if (near && &ctl_verbs[i] != but) {
            (void)fprintf(out, "%s\\fBholdfast\\-%s\\fR(1)", separator, ctl_verbs[i].name);
            separator = ", ";
        }
    }
    (void)fputc('\n', out);
}

static void print_synopsis(const struct ctl_verb *verb, FILE *out) {
    print_heading("SYNOPSIS", out);
    (void)fprintf(out, "\\fBholdfast %s\\fR ", verb->name);
    if (verb->arguments[0] != '\0') {
        (void)fputs("\\fI", out);
        cm_options_roff(verb->arguments, out);
        (void)fputs("\\fR ", out);
    }
    (void)fputs("[\\fIOPTIONS\\fR]\n", out);
}

static void print_verb(const struct ctl_verb *verb, FILE *out) {
    CM_CLEANUP(ctl_option_set_done) struct ctl_option_set set;

    print_title(verb->name, verb->summary, out);
    print_synopsis(verb, out);
    print_heading("DESCRIPTION", out);
    print_paragraph(verb->summary, out);
    if (verb->about != NULL) {
        (void)fputs(".PP\n", out);
        print_paragraph(verb->about, out);
    }
    ctl_option_set_make(verb, &set);
    cm_options_man(&set.set, out);
    print_example(verb->example, out);
    print_exit_codes(out);
    print_others(verb, out);
}

static void print_overview(FILE *out) {
    print_title("", "the command line of a holdfast hub", out);
    print_heading("SYNOPSIS", out);
    (void)fputs("\\fBholdfast\\fR \\fIVERB\\fR [\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n", out);
    print_heading("DESCRIPTION", out);
    print_paragraph("A hub reads from Git what many clusters should run, and agents in them make "
                    "it so. holdfast asks the hub, tells it to hurry, lets agents in, and checks a "
                    "fleet repository before it is pushed.",
                    out);
    print_heading("VERBS", out);
    for (size_t i = 0; i < ctl_verb_count; i++) {
        print_item(ctl_verbs[i].name, ctl_verbs[i].summary, out);
    }
    print_exit_codes(out);
    print_settings(out);
    print_others(NULL, out);
}

void ctl_man_print(const struct ctl_verb *verb, FILE *out) {
    if (verb == NULL) {
        print_overview(out);
    } else {
        print_verb(verb, out);
    }
}

static enum cm_rc write_page(const char *folder, const struct ctl_verb *verb, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/holdfast%s%s.1", folder, verb == NULL ? "" : "-",
                                     verb == NULL ? "" : verb->name);
    CM_AUTOFREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return cm_fail(err, CM_EIO, "no memory for %s", path);
    }
    ctl_man_print(verb, out);
    (void)fclose(out);
    return cm_fsys_replace(path, text, size, 0644, err);
}

enum cm_rc ctl_man_write(const char *folder, struct cm_err *err) {
    enum cm_rc rc = cm_fsys_make_dir(folder, 0755, err);

    if (rc == CM_OK) {
        rc = write_page(folder, NULL, err);
    }
    for (size_t i = 0; rc == CM_OK && i < ctl_verb_count; i++) {
        rc = write_page(folder, &ctl_verbs[i], err);
    }
    return rc;
}
