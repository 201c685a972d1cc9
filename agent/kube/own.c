#include "agent/kube/own.h"

#include <string.h>

#include "common/json.h"

#define RANDOM "bcdfghjklmnpqrstvwxz2456789" // of which Kubernetes makes ends of names
#define DIGITS "0123456789"

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

// skip_part passes over "-" and at least one of these letters.
static bool skip_part(const char **at, const char *letters) {
    size_t len = **at == '-' ? strspn(*at + 1, letters) : 0;

    *at += len == 0 ? 0 : len + 1;
    return len > 0;
}

static bool ends_so(const char *rest, enum ending ending) {
    bool fits = (ending != HASH_AND_SUFFIX || skip_part(&rest, RANDOM)) &&
                (ending == NOTHING || skip_part(&rest, ending == ORDINAL ? DIGITS : RANDOM));

    return fits && *rest == '\0';
}

bool kube_own_has(const struct kube_own *own, const char *key, const char *ns) {
    const char *name = strrchr(key, '/');
    enum ending ending = ending_of(key);

    if (name == NULL) {
        return false;
    }
    name++;
    if (strncmp(key, "Namespace/", strlen("Namespace/")) == 0) {
        return strcmp(name, own->ns) == 0;
    }
    size_t len = strlen(name);
    return ending != NO_PODS && own->pod[0] != '\0' && strcmp(ns, own->ns) == 0 &&
           strncmp(own->pod, name, len) == 0 && ends_so(own->pod + len, ending);
}

bool kube_own_stops(const struct cm_json *form) {
    return cm_json_int(cm_json_path(form, "spec", "replicas", NULL), 1) == 0;
}
