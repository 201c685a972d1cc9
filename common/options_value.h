// options_value: one value of an option, from text into the caller's struct and back.
//
// Inside of common/options only.
//
// Threads: one, at start.
#pragma once

#include <stdbool.h>

#include "common/options.h"

struct cm_str;

// cm_option_config is --config, for tables that do not have it. It has no field.
extern const struct cm_option cm_option_config;

// cm_option_assign parses text and stores it in the option's field of *target. It fails with
// CM_EINVAL if the text has no such type or is out of the option's range; err->msg then does not
// say where the text came from, and never shows a secret.
CM_MUSTUSE enum cm_rc cm_option_assign(const struct cm_option *option, void *target,
                                       const char *text, struct cm_err *err);

// cm_option_clear sets the field to NULL, false or 0 without looking at it.
void cm_option_clear(const struct cm_option *option, void *target);

// cm_option_done frees the field's string, if it is one.
void cm_option_done(const struct cm_option *option, void *target);

// cm_option_add_range adds "1s to 1h" in the option's unit; it tells whether there is a range.
bool cm_option_add_range(const struct cm_option *option, struct cm_str *out);

// cm_option_in_file tells whether the option may stand in the configuration file.
bool cm_option_in_file(const struct cm_option *option);

// cm_option_env_name returns "HOLDFAST_POLL_INTERVAL" for poll-interval; the caller frees it.
char *cm_option_env_name(const struct cm_option_set *set, const struct cm_option *option);
