// print: what a verb has to say as -o asks for it, and colour.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/ctl/table.h"
#include "hub/ctl/text.h"

struct cm_arena;
struct cm_json;
struct ctl;

// ctl_output_set takes -o: one of the words in c->verb->outputs, the first if nothing is said. An
// unknown word on the command line is CM_EINVAL with the nearest; one from the environment or the
// settings that this verb does not have gives way to the first.
CM_MUSTUSE enum cm_rc ctl_output_set(struct ctl *c);

// ctl_output_is tells whether the output has this form; ctl_output_is_tree whether it is JSON,
// YAML or a jsonpath, for ctl_print_value.
bool ctl_output_is(const struct ctl *c, const char *word);
bool ctl_output_is_tree(const struct ctl *c);

// ctl_print_value prints one tree: by the jsonpath, as YAML, else as JSON.
CM_MUSTUSE enum cm_rc ctl_print_value(struct ctl *c, const struct cm_json *value);

// ctl_print_list prints an array of objects as -o says; a tree is {"items": […]}. `names` is what
// -o name prints: one member, or several joined by '/', separated by spaces in the string.
CM_MUSTUSE enum cm_rc ctl_print_list(struct ctl *c, struct cm_json *items,
                                     const struct ctl_column *columns, size_t count,
                                     const char *names);

// ctl_print_names prints a line per object as -o name does.
void ctl_print_names(struct ctl *c, const struct cm_json *items, const char *names);

// ctl_color_set says when there is colour: "auto" or NULL (the output is a terminal and NO_COLOR is
// not set), "always" or "never".
CM_MUSTUSE enum cm_rc ctl_color_set(const char *when, struct cm_err *err);

// Escape sequences, "" where there is no colour.
const char *ctl_red(void);
const char *ctl_green(void);
const char *ctl_yellow(void);
const char *ctl_bold(void);
const char *ctl_dim(void);
const char *ctl_plain(void);
bool ctl_is_terminal(void);
