#include "agent/kube/own.h"

#include <string.h>

#include "common/json.h"

#define RANDOM "bcdfghjklmnpqrstvwxz2456789" // of which Kubernetes makes ends of names
#define DIGITS "0123456789"

enum { SUFFIX_SIZE = 5, BASE_MAX = 58 };

// How the name of a pod goes on behind the name of what it is of.
enum ending { NO_PODS, ORDINAL, SUFFIX, HASH_AND_SUFFIX, NOTHING };

static const struct {
    const char *kind;
    enum ending ending;
} workloads[] = {{"Deployment.apps/", HASH_AND_SUFFIX},
                 {"ReplicaSet.apps/", SUFFIX},
                 {"DaemonSet.apps/", SUFFIX},
                 {"StatefulSet.apps/", ORDINAL},
                 {"Pod/", NOTHING}};

static enum ending ending_of(const char *key) {
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strncmp(key, workloads[i].kind, strlen(workloads[i].kind)) == 0) {
            return workloads[i].ending;
        }
    }
    return NO_PODS;
}

// is_base tells whether the first bytes of a pod's name, `size` of them, are made of a name.
static bool is_base(const char *pod, size_t size, const char *name, bool hashed) {
    bool cut = size == BASE_MAX;
    size_t at = strlen(name);

    if (at >= size) {
        return cut && strncmp(pod, name, size) == 0;
    }
    if (strncmp(pod, name, at) != 0 || pod[at++] != '-') {
        return false;
    }
    if (hashed) {
        size_t hash = strspn(pod + at, RANDOM);

        if (at + hash >= size) {
            return cut;
        }
        at += hash;
        if (hash == 0 || pod[at++] != '-') {
            return false;
        }
    }
    return at == size;
}

static bool is_made_of(const char *pod, const char *name, bool hashed) {
    size_t size = strlen(pod);

    return size > SUFFIX_SIZE && strspn(pod + size - SUFFIX_SIZE, RANDOM) == SUFFIX_SIZE &&
           is_base(pod, size - SUFFIX_SIZE, name, hashed);
}

static bool is_numbered(const char *pod, const char *name) {
    size_t len = strlen(name);

    if (strncmp(pod, name, len) != 0 || pod[len] != '-') {
        return false;
    }
    const char *number = pod + len + 1;
    return number[0] != '\0' && number[strspn(number, DIGITS)] == '\0';
}

static bool is_pod_of(const char *pod, const char *name, enum ending ending) {
    switch (ending) {
    case NO_PODS:
        return false;
    case ORDINAL:
        return is_numbered(pod, name);
    case NOTHING:
        return strcmp(pod, name) == 0;
    default:
        return is_made_of(pod, name, ending == HASH_AND_SUFFIX);
    }
}

bool kube_own_has(const struct kube_own *own, const char *key, const char *ns) {
    const char *name = strrchr(key, '/');

    if (name == NULL) {
        return false;
    }
    name++;
    if (strncmp(key, "Namespace/", strlen("Namespace/")) == 0) {
        return strcmp(name, own->inventory) == 0 || strcmp(name, own->ns) == 0;
    }
    return own->pod[0] != '\0' && strcmp(ns, own->ns) == 0 &&
           is_pod_of(own->pod, name, ending_of(key));
}

bool kube_own_stops(const struct cm_json *form) {
    return cm_json_int(cm_json_path(form, "spec", "replicas", NULL), 1) == 0;
}
