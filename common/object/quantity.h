// quantity: Kubernetes' amounts of things, such as 500m, 1.5Gi, 2e3 and 128974848.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_json;

// cm_quantity_equal tells whether two nodes, strings or numbers, are quantities of one value.
bool cm_quantity_equal(const struct cm_json *a, const struct cm_json *b);
