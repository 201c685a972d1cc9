// man: manual pages, from the same tables as the help: holdfast(1), and one page a verb.
//
// Threads: one.
#pragma once

#include <stdio.h>

#include "common/err.h"

struct ctl_verb;

// ctl_man_print prints the page of one verb, or holdfast(1) for NULL.
void ctl_man_print(const struct ctl_verb *verb, FILE *out);

// ctl_man_write writes all pages into a folder, which is made if there is none.
CM_MUSTUSE enum cm_rc ctl_man_write(const char *folder, struct cm_err *err);
