// settings: which hub is meant and how to get in: from the command line, the environment, or a
// context of ~/.config/holdfast/config.yaml.
//
//     current-context: production
//     contexts:
//       production:
//         server: https://hub.example.com:7422
//         ca-file: /home/ada/hub.crt          # or ca: the PEM text
//         token-file: /home/ada/hub.token     # or token: the text; then the file must be 0600
//     output: wide                            # and color: what -o and --color are by default
//
// Server, certificates and token come from one place as a whole, so that a token never goes to a
// server that it is not for: a --context that is named, else a server on the command line or in
// the environment, else the context that is in use, else `server` at the top of the file. Only
// --ca-file and --token-file replace what a context says.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct ctl;

struct ctl_config {
    const char *path;     // NULL: there is no place for it (no HOME)
    struct cm_json *root; // an object, empty if there is no file
};

// ctl_settings_load fills c->hub, and -o and --color where the command line and the environment
// say nothing. Verbs that need no hub work without one.
CM_MUSTUSE enum cm_rc ctl_settings_load(struct ctl *c);

// ctl_config_read reads the file, checked; ctl_config_write replaces it, mode 0600.
CM_MUSTUSE enum cm_rc ctl_config_read(struct ctl *c, struct ctl_config *out);
CM_MUSTUSE enum cm_rc ctl_config_write(struct ctl *c, const struct ctl_config *config);

// ctl_config_parse reads the text of such a file; errors name its line and the nearest right word.
CM_MUSTUSE enum cm_rc ctl_config_parse(struct cm_arena *a, const char *text, size_t size,
                                       struct cm_json **out, struct cm_err *err);

// ctl_config_context returns a context by its name, or NULL.
struct cm_json *ctl_config_context(const struct ctl_config *config, const char *name);

// ctl_config_current returns the name of the context in use, or NULL.
const char *ctl_config_current(const struct ctl_config *config);

// ctl_config_fail_unknown fails with CM_ENOTFOUND and proposes the nearest name.
enum cm_rc ctl_config_fail_unknown(struct ctl *c, const struct ctl_config *config,
                                   const char *name);
