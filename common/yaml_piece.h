// yaml_piece: what one scalar of libyaml's stands for, by its tag, its quotes and its text.
//
// Threads: any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "common/err.h"
#include "common/json.h"

struct cm_str;

#define CM_YAML_TAG "tag:yaml.org,2002:"

// A scalar before it is a node. The text is the event's or the scratch's.
struct cm_yaml_piece {
    enum cm_json_type type;
    bool truth;
    const char *text;
    size_t len;
};

// cm_yaml_piece_of reads a scalar event. It uses *scratch, whose content must stay as long as the
// piece is needed. It fails with CM_EINVAL if the text is not what its tag says.
CM_MUSTUSE enum cm_rc cm_yaml_piece_of(const yaml_event_t *event, struct cm_str *scratch,
                                       struct cm_yaml_piece *out, struct cm_err *err);

// CM_YAML_FAIL sets an error that begins with the place, and is its code; a macro, so that
// analysers see that it is one.
#define CM_YAML_FAIL(err, mark, ...) (cm_yaml_set_error(err, mark, __VA_ARGS__), CM_EINVAL)
void cm_yaml_set_error(struct cm_err *err, const yaml_mark_t *mark, const char *fmt, ...)
    CM_PRINTF(3, 4);
