// options_file: the options that a configuration file gives.
//
// Inside of common/options only.
//
// Threads: one, at start.
#pragma once

#include <stddef.h>

#include "common/options.h"

// cm_options_read_file assigns what the file at path says to *target.
CM_MUSTUSE enum cm_rc cm_options_read_file(const struct cm_option_set *set, void *target,
                                           const char *path, struct cm_err *err);

// cm_options_read_text is cm_options_read_file for a text; `path` is for error messages.
CM_MUSTUSE enum cm_rc cm_options_read_text(const struct cm_option_set *set, void *target,
                                           const char *path, const char *text, size_t size,
                                           struct cm_err *err);

// cm_options_find returns the option with this name, or NULL.
const struct cm_option *cm_options_find(const struct cm_option_set *set, const char *name);

// cm_options_nearest returns the name of the option that is most likely meant, or NULL.
const char *cm_options_nearest(const struct cm_option_set *set, const char *name);

// cm_options_fail_unknown fails with CM_EINVAL and proposes the option most likely meant. `dashes`
// stands before names: "--" for the command line, "" for the file.
enum cm_rc cm_options_fail_unknown(const struct cm_option_set *set, const char *dashes,
                                   const char *name, struct cm_err *err);
