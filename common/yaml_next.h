// yaml_next: where the next document of a text begins, when one cannot be read.
//
// A line that begins with --- ends every document, whatever stands in it: not even a quoted text or
// a block may hold one.
//
// Source: YAML 1.1, 9.1.3 and the production c-forbidden.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_yaml_place {
    size_t offset;
    size_t line; // from 0, as libyaml counts them
};

// cm_yaml_next_document finds the first document that begins behind the line `begun` and not before
// the line `wrong`. It goes on from *at, and leaves it alone if there is none.
bool cm_yaml_next_document(const char *text, size_t size, size_t begun, size_t wrong,
                           struct cm_yaml_place *at);
