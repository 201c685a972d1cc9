// selector: label selectors as people write them, in the syntax of Kubernetes.
//
//     env=prod, region!=eu, tier in (web, db), zone notin (a), canary, !old
//
// All terms must hold; != and notin also hold where the label is missing. Source: the package
// k8s.io/apimachinery/pkg/labels. Names and values are held to the rules of labels there; what is
// left out are < and >, which labels of clusters do not have.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;

#define CM_LABEL_TERMS_MAX 64
#define CM_LABEL_VALUES_MAX 64 // of one term

enum cm_label_op { CM_LABEL_IN, CM_LABEL_NOT_IN, CM_LABEL_EXISTS, CM_LABEL_MISSING };

struct cm_label_term {
    const char *key;
    enum cm_label_op op;
    const char **values; // of _IN and _NOT_IN, at least one; "" is a value
    size_t value_count;
};

struct cm_label_selector {
    struct cm_label_term *terms; // in the arena
    size_t count;
};

// cm_label_selector_parse reads a selector. CM_EINVAL names the column. An empty one, which would
// silently mean everything, is refused.
CM_MUSTUSE enum cm_rc cm_label_selector_parse(struct cm_arena *a, const char *text,
                                              struct cm_label_selector *out, struct cm_err *err);

// cm_label_selector_match tells whether labels (an object of strings, or NULL) satisfy all terms.
bool cm_label_selector_match(const struct cm_label_selector *s, const struct cm_json *labels);
