// cases: documents that are right or wrong, for all that reads documents: the parser and the JSON
// Schemas must agree about them.
//
// Threads: any; they never change.
#pragma once

#include <stdbool.h>

#include "hub/fleet/schema.h"

struct fleet_case {
    enum hub_kind kind;
    bool right;
    const char *text;
};

extern const struct fleet_case fleet_cases[];
extern const size_t fleet_case_count;
