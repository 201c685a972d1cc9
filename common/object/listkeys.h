// listkeys: which lists of Kubernetes' built-in kinds are maps in disguise, and by which keys.
//
// The x-kubernetes-list-map-keys of the published OpenAPI of Kubernetes 1.34 (schema.h). Containers
// merge by name, ports by containerPort and protocol, and so on; a list that has no keys is atomic,
// but for the scalar sets (finalizers). Of kinds that are not built in, only metadata is known.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_json;

#define CM_LIST_KEYS_MAX 4

enum cm_list_type { CM_LIST_ATOMIC, CM_LIST_SET, CM_LIST_MAP };

struct cm_list_rule {
    enum cm_list_type type;
    const char *keys[CM_LIST_KEYS_MAX + 1]; // ended by NULL
    const char *defaults[CM_LIST_KEYS_MAX]; // of keys that may be left out ("TCP"), else NULL
};

// cm_list_rule_find returns the rule for the list at `path` (member names joined by '.', list
// elements as '[]': "spec.template.spec.containers[].ports") of a kind; never NULL.
const struct cm_list_rule *cm_list_rule_find(const char *group, const char *kind, const char *path);

// cm_list_same tells whether two elements are the same entry under a map rule.
bool cm_list_same(const struct cm_list_rule *rule, const struct cm_json *a,
                  const struct cm_json *b);
