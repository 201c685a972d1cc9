// selector: the label selectors of the API, in the syntax of Kubernetes.
//
//     env=prod, region!=eu, tier in (web, db), zone notin (a), canary, !old
//
// All terms must hold; != and notin also hold where the label is missing. Source: the package
// k8s.io/apimachinery/pkg/labels. Names and values are held to the rules of labels there; what is
// left out are < and >, which labels of clusters do not have.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct cm_arena;

#define HUB_LABEL_TERMS_MAX 64
#define HUB_LABEL_VALUES_MAX 64 // of one term

enum hub_label_op { HUB_LABEL_IN, HUB_LABEL_NOT_IN, HUB_LABEL_EXISTS, HUB_LABEL_MISSING };

struct hub_label_term {
    const char *key;
    enum hub_label_op op;
    const char **values; // of _IN and _NOT_IN, at least one; "" is a value
    size_t value_count;
};

struct hub_label_selector {
    struct hub_label_term *terms; // in the arena
    size_t count;
};

// hub_label_selector_parse reads a selector. CM_EINVAL names the column. An empty one, which would
// silently mean everything, is refused.
CM_MUSTUSE enum cm_rc hub_label_selector_parse(struct cm_arena *a, const char *text,
                                               struct hub_label_selector *out, struct cm_err *err);
