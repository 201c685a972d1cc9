// help: what `holdfast` tells about itself.
//
// Threads: one.
#pragma once

#include <stdio.h>

struct ctl;
struct ctl_verb;

// ctl_help_show prints the help of one verb, or of all for NULL.
void ctl_help_show(const struct ctl_verb *verb);

// ctl_fail_verb fails because there is no such verb, and proposes what may have been meant.
int ctl_fail_verb(struct ctl *c, const char *name);

// ctl_print_wrapped prints a paragraph in lines of at most 80 columns.
void ctl_print_wrapped(const char *text, FILE *out);
