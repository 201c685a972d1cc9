#include "common/object/id.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

#define GROUP_MAX 253
#define KIND_MAX 63
#define LABEL_MAX 63
#define NAME_MAX_BYTES 253

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char dotted[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool made_of(const char *text, const char *allowed, size_t max) {
    size_t len = strnlen(text, max + 1);

    return len > 0 && len <= max && strspn(text, allowed) == len;
}

// A name becomes a segment of a URL's path.
static bool name_ok(const char *name) {
    size_t len = strnlen(name, NAME_MAX_BYTES + 1);

    if (len == 0 || len > NAME_MAX_BYTES || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '/' || *c == '%') {
            return false;
        }
    }
    return true;
}

static enum cm_rc read_api_version(struct cm_arena *a, const struct cm_json *object,
                                   struct cm_object_id *id, struct cm_err *err) {
    const char *text = cm_json_string(cm_json_get(object, "apiVersion"));

    if (text == NULL) {
        return cm_fail(err, CM_EINVAL, "apiVersion is missing or no string: add it");
    }
    const char *slash = strchr(text, '/');
    id->version = slash != NULL ? slash + 1 : text;
    id->group = slash != NULL ? cm_arena_strndup(a, text, (size_t)(slash - text)) : "";
    if ((slash != NULL && !made_of(id->group, dotted, GROUP_MAX)) ||
        !made_of(id->version, lower, LABEL_MAX)) {
        return cm_fail(err, CM_EINVAL,
                       "apiVersion '%.100s' is malformed: write it as VERSION or GROUP/VERSION",
                       text);
    }
    return CM_OK;
}

static enum cm_rc read_kind(const struct cm_json *object, struct cm_object_id *id,
                            struct cm_err *err) {
    id->kind = cm_json_string(cm_json_get(object, "kind"));
    if (id->kind == NULL) {
        return cm_fail(err, CM_EINVAL, "kind is missing or no string: add it");
    }
    if (!made_of(id->kind, letters, KIND_MAX)) {
        return cm_fail(err, CM_EINVAL, "kind '%.100s' is malformed: use 1 to %d letters", id->kind,
                       KIND_MAX);
    }
    return CM_OK;
}

static enum cm_rc read_namespace(const struct cm_json *metadata, struct cm_object_id *id,
                                 struct cm_err *err) {
    const struct cm_json *node = cm_json_get(metadata, "namespace");

    id->namespace = "";
    if (node == NULL || node->type == CM_NULL || (node->type == CM_STRING && node->len == 0)) {
        return CM_OK;
    }
    id->namespace = cm_json_string(node);
    if (id->namespace == NULL) {
        return cm_fail(err, CM_EINVAL, "metadata.namespace must be a string, not %s",
                       cm_json_type_name(node->type));
    }
    if (!made_of(id->namespace, lower, LABEL_MAX)) {
        return cm_fail(err, CM_EINVAL,
                       "metadata.namespace '%.100s' is malformed: use 1 to %d of a-z, 0-9 and '-'",
                       id->namespace, LABEL_MAX);
    }
    return CM_OK;
}

static enum cm_rc read_name(const struct cm_json *metadata, struct cm_object_id *id,
                            struct cm_err *err) {
    const struct cm_json *node = cm_json_get(metadata, "name");

    if (node == NULL && cm_json_get(metadata, "generateName") != NULL) {
        return cm_fail(err, CM_EINVAL,
                       "metadata.generateName cannot be applied again: give it a metadata.name");
    }
    id->name = cm_json_string(node);
    if (id->name == NULL) {
        return cm_fail(err, CM_EINVAL,
                       node == NULL ? "metadata.name is missing: add it"
                                    : "metadata.name must be a string");
    }
    if (!name_ok(id->name)) {
        return cm_fail(err, CM_EINVAL,
                       "metadata.name '%.100s' is malformed: use 1 to %d bytes without spaces, '/' "
                       "and '%%'",
                       id->name, NAME_MAX_BYTES);
    }
    return CM_OK;
}

enum cm_rc cm_object_id_of(struct cm_arena *a, const struct cm_json *object,
                           struct cm_object_id *out, struct cm_err *err) {
    const struct cm_json *metadata = cm_json_get(object, "metadata");
    struct cm_object_id id;
    enum cm_rc rc;

    if (object->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "a manifest must be an object, not %s",
                       cm_json_type_name(object->type));
    }
    rc = read_api_version(a, object, &id, err);
    if (rc == CM_OK) {
        rc = read_kind(object, &id, err);
    }
    if (rc == CM_OK) {
        rc = read_name(metadata, &id, err);
    }
    if (rc == CM_OK) {
        rc = read_namespace(metadata, &id, err);
    }
    if (rc == CM_OK) {
        *out = id;
    }
    return rc;
}

const char *cm_object_key(struct cm_arena *a, const struct cm_object_id *id) {
    const char *const parts[] = {
        id->kind, id->group[0] != '\0' ? "." : "", id->group, "/", id->namespace, "/", id->name};
    size_t size = 1;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size += strlen(parts[i]);
    }
    char *key = cm_arena_get(a, size);
    char *at = key;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        at = stpcpy(at, parts[i]);
    }
    return key;
}

static bool has_control(const char *text) {
    while (*text != '\0' && (unsigned char)*text >= ' ' && *text != 0x7f) {
        text++;
    }
    return *text != '\0';
}

bool cm_object_key_parse(struct cm_arena *a, const char *key, struct cm_object_id *out) {
    const char *first = strchr(key, '/');
    const char *second = first != NULL ? strchr(first + 1, '/') : NULL;

    if (second == NULL || second[1] == '\0' || strchr(second + 1, '/') != NULL ||
        strlen(key) >= CM_OBJECT_KEY_MAX || has_control(key)) {
        return false;
    }
    const char *dot = memchr(key, '.', (size_t)(first - key));
    size_t kind_len = (size_t)((dot != NULL ? dot : first) - key);
    if (kind_len == 0 || (dot != NULL && dot + 1 == first)) {
        return false;
    }
    *out = (struct cm_object_id){
        .group = dot != NULL ? cm_arena_strndup(a, dot + 1, (size_t)(first - dot) - 1) : "",
        .version = "",
        .kind = cm_arena_strndup(a, key, kind_len),
        .namespace = cm_arena_strndup(a, first + 1, (size_t)(second - first) - 1),
        .name = cm_arena_strdup(a, second + 1),
    };
    return true;
}

bool cm_object_key_means(const char *a, const char *b, const char *namespace) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct cm_object_id x;
    struct cm_object_id y;

    if (strcmp(a, b) == 0) {
        return true;
    }
    if (!cm_object_key_parse(arena, a, &x) || !cm_object_key_parse(arena, b, &y)) {
        return false;
    }
    return strcmp(x.group, y.group) == 0 && strcmp(x.kind, y.kind) == 0 &&
           strcmp(x.name, y.name) == 0 &&
           strcmp(x.namespace[0] != '\0' ? x.namespace : namespace,
                  y.namespace[0] != '\0' ? y.namespace : namespace) == 0;
}

struct builtin {
    const char *group;
    const char *kind;
};

static bool is_among(const struct builtin *list, size_t n, const char *group, const char *kind) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].kind, kind) == 0 && strcmp(list[i].group, group) == 0) {
            return true;
        }
    }
    return false;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define ADMISSION "admissionregistration.k8s.io"
#define RBAC "rbac.authorization.k8s.io"

// What Kubernetes 1.34 serves, whatever the version of the group.
static const struct builtin cluster_kinds[] = {
    {"", "ComponentStatus"},
    {"", "Namespace"},
    {"", "Node"},
    {"", "PersistentVolume"},
    {ADMISSION, "MutatingAdmissionPolicy"},
    {ADMISSION, "MutatingAdmissionPolicyBinding"},
    {ADMISSION, "MutatingWebhookConfiguration"},
    {ADMISSION, "ValidatingAdmissionPolicy"},
    {ADMISSION, "ValidatingAdmissionPolicyBinding"},
    {ADMISSION, "ValidatingWebhookConfiguration"},
    {"apiextensions.k8s.io", "CustomResourceDefinition"},
    {"apiregistration.k8s.io", "APIService"},
    {"authentication.k8s.io", "SelfSubjectReview"},
    {"authentication.k8s.io", "TokenReview"},
    {"authorization.k8s.io", "SelfSubjectAccessReview"},
    {"authorization.k8s.io", "SelfSubjectRulesReview"},
    {"authorization.k8s.io", "SubjectAccessReview"},
    {"certificates.k8s.io", "CertificateSigningRequest"},
    {"certificates.k8s.io", "ClusterTrustBundle"},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema"},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"},
    {"internal.apiserver.k8s.io", "StorageVersion"},
    {"networking.k8s.io", "IPAddress"},
    {"networking.k8s.io", "IngressClass"},
    {"networking.k8s.io", "ServiceCIDR"},
    {"node.k8s.io", "RuntimeClass"},
    {RBAC, "ClusterRole"},
    {RBAC, "ClusterRoleBinding"},
    {"resource.k8s.io", "DeviceClass"},
    {"resource.k8s.io", "DeviceTaintRule"},
    {"resource.k8s.io", "ResourceSlice"},
    {"scheduling.k8s.io", "PriorityClass"},
    {"storage.k8s.io", "CSIDriver"},
    {"storage.k8s.io", "CSINode"},
    {"storage.k8s.io", "StorageClass"},
    {"storage.k8s.io", "VolumeAttachment"},
    {"storage.k8s.io", "VolumeAttributesClass"},
    {"storagemigration.k8s.io", "StorageVersionMigration"},
};

static const struct builtin namespaced_kinds[] = {
    {"", "Binding"},
    {"", "ConfigMap"},
    {"", "Endpoints"},
    {"", "Event"},
    {"", "LimitRange"},
    {"", "PersistentVolumeClaim"},
    {"", "Pod"},
    {"", "PodTemplate"},
    {"", "ReplicationController"},
    {"", "ResourceQuota"},
    {"", "Secret"},
    {"", "Service"},
    {"", "ServiceAccount"},
    {"apps", "ControllerRevision"},
    {"apps", "DaemonSet"},
    {"apps", "Deployment"},
    {"apps", "ReplicaSet"},
    {"apps", "StatefulSet"},
    {"authorization.k8s.io", "LocalSubjectAccessReview"},
    {"autoscaling", "HorizontalPodAutoscaler"},
    {"batch", "CronJob"},
    {"batch", "Job"},
    {"certificates.k8s.io", "PodCertificateRequest"},
    {"coordination.k8s.io", "Lease"},
    {"coordination.k8s.io", "LeaseCandidate"},
    {"discovery.k8s.io", "EndpointSlice"},
    {"events.k8s.io", "Event"},
    {"networking.k8s.io", "Ingress"},
    {"networking.k8s.io", "NetworkPolicy"},
    {"policy", "PodDisruptionBudget"},
    {RBAC, "Role"},
    {RBAC, "RoleBinding"},
    {"resource.k8s.io", "ResourceClaim"},
    {"resource.k8s.io", "ResourceClaimTemplate"},
    {"storage.k8s.io", "CSIStorageCapacity"},
};

enum cm_object_scope cm_object_scope(const char *group, const char *kind) {
    if (is_among(cluster_kinds, COUNT(cluster_kinds), group, kind)) {
        return CM_SCOPE_CLUSTER;
    }
    if (is_among(namespaced_kinds, COUNT(namespaced_kinds), group, kind)) {
        return CM_SCOPE_NAMESPACED;
    }
    return CM_SCOPE_UNKNOWN;
}

// The order of Flux's server-side apply; kinds that are not listed come between the two lists.
static const struct builtin applied_first[] = {
    {"apiextensions.k8s.io", "CustomResourceDefinition"},
    {"", "Namespace"},
    {RBAC, "ClusterRole"},
    {"cluster.x-k8s.io", "ClusterClass"},
    {"node.k8s.io", "RuntimeClass"},
    {"scheduling.k8s.io", "PriorityClass"},
    {"storage.k8s.io", "StorageClass"},
    {"snapshot.storage.k8s.io", "VolumeSnapshotClass"},
    {"networking.k8s.io", "IngressClass"},
    {"gateway.networking.k8s.io", "GatewayClass"},
    {RBAC, "ClusterRoleBinding"},
    {"", "ResourceQuota"},
    {"", "ServiceAccount"},
    {RBAC, "Role"},
    {RBAC, "RoleBinding"},
    {"", "ConfigMap"},
    {"", "Secret"},
    {"", "Service"},
    {"", "LimitRange"},
    {"apps", "Deployment"},
    {"apps", "StatefulSet"},
    {"batch", "CronJob"},
    {"policy", "PodDisruptionBudget"},
};

static const struct builtin applied_last[] = {
    {ADMISSION, "MutatingWebhookConfiguration"},
    {ADMISSION, "ValidatingWebhookConfiguration"},
};

// place_in returns the place in a list from 1, or 0.
static int place_in(const struct builtin *list, size_t n, const char *group, const char *kind) {
    for (size_t i = 0; i < n; i++) {
        if (is_among(&list[i], 1, group, kind)) {
            return (int)i + 1;
        }
    }
    return 0;
}

int cm_object_rank(const char *group, const char *kind) {
    int place = place_in(applied_first, COUNT(applied_first), group, kind);

    if (place > 0) {
        return place - 1 - (int)COUNT(applied_first);
    }
    return place_in(applied_last, COUNT(applied_last), group, kind);
}
