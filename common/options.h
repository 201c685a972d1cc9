// options: one table from which a program's file, flags, environment, --help and manual come.
//
// A value comes from, strongest first: the command line (--listen=ADDR or --listen ADDR), the
// environment (HOLDFAST_LISTEN), the configuration file (`listen: ADDR`, YAML, one flat level,
// given by --config), the default. An unknown option is an error that proposes the nearest name.
//
// --config (and HOLDFAST_CONFIG) is there without being in the table; a table may have a string
// option `config` to learn the path; a program that reads its file itself says so. --help and
// --version are ordinary boolean options: a program that wants them has them in its table. Options
// named config, help and version are not taken from the file. An option that is no boolean needs a
// value; a boolean takes one only after '='. "--" ends the options.
//
// Threads: one, at start.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

enum cm_option_type {
    CM_OPTION_STRING,   // char *
    CM_OPTION_BOOL,     // bool
    CM_OPTION_INT,      // int64_t
    CM_OPTION_DURATION, // int64_t, milliseconds
    CM_OPTION_SIZE,     // uint64_t, bytes
};

struct cm_option {
    const char *name; // "poll-interval"
    enum cm_option_type type;
    size_t offset;             // of the field in the caller's struct
    const char *default_value; // as text, parsed like any other; NULL: empty, false or 0
    const char *value_name;    // "DURATION" in the help text
    const char *help;          // one sentence
    int64_t min;               // numbers: smallest and largest allowed; both 0: any
    int64_t max;
    bool secret;     // never printed
    bool line_only;  // from the command line and from nowhere else
    char short_name; // 'o' for -o VALUE; 0: none
};

struct cm_option_set {
    const char *program;    // "holdfast-hub"
    const char *summary;    // one sentence
    const char *usage;      // after the program's name, e.g. "[OPTIONS]"
    const char *env_prefix; // "HOLDFAST": options come from HOLDFAST_NAME; NULL: not from there
    bool
        env_own; // only options of this program begin so: what looks like a misspelt one is refused
    const struct cm_option *options;
    size_t count;
    bool no_file; // the program reads its file itself: there is no --config but in the table
};

// cm_options_load fills *target from the defaults, the file named by --config, the environment and
// argv, whose first entry, the program's name, is skipped. Arguments that are no options are moved
// to the front of argv: they are argv[0] to argv[*out_rest - 1] afterwards. Errors name where the
// value came from ("hub.yaml:3", "--listen", "HOLDFAST_LISTEN"). After a failure *target holds
// nothing that needs cm_options_done.
CM_MUSTUSE enum cm_rc cm_options_load(const struct cm_option_set *set, void *target, int argc,
                                      char **argv, int *out_rest, struct cm_err *err);

// cm_options_done frees the strings that load put into *target.
void cm_options_done(const struct cm_option_set *set, void *target);

// cm_options_help prints the --help text; cm_options_man the OPTIONS part of a manual page (roff);
// cm_options_sample a configuration file with every option, its default and its help.
void cm_options_help(const struct cm_option_set *set, FILE *out);
void cm_options_man(const struct cm_option_set *set, FILE *out);
void cm_options_sample(const struct cm_option_set *set, FILE *out);

// cm_options_roff prints a text for a manual page, so that it stands there as it is.
void cm_options_roff(const char *text, FILE *out);
