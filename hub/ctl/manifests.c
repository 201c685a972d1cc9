#include "hub/ctl/manifests.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/scripts.h"

#define ACCOUNT "holdfast-agent"
#define OWN_NAMESPACE "holdfast-system"
#define RBAC "rbac.authorization.k8s.io"
#define PLACE "image: IMAGE"
#define ARGS "args: ["
#define NEXT "---\n"

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
static const char image_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._/:@";

// ---- Checking

// check_list fails unless each word between commas is made of the characters of names.
static enum cm_rc check_list(const char *list, const char *option, const char *example,
                             struct cm_err *err) {
    for (const char *at = list; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t len = strcspn(at, ",");

        if (len == 0 || strspn(at, name_chars) < len) {
            return cm_fail(err, CM_EINVAL, "--%s: '%.*s' is no name; write them as %s", option,
                           (int)len, at, example);
        }
    }
    return CM_OK;
}

// is_file tells whether a path from the root is one of a file in a folder, in plain characters and
// the shortest form: else the folder may be the root.
static bool is_file(const char *path) {
    const char *name = strrchr(path, '/');

    return path[0] == '/' && name != path && name[1] != '\0' &&
           path[strspn(path, image_chars)] == '\0' && strstr(path, "..") == NULL &&
           strstr(path, "//") == NULL && strstr(path, "/./") == NULL;
}

enum cm_rc ctl_manifests_check(const struct ctl_manifests *m, struct cm_err *err) {
    if (m->image == NULL || m->image[0] == '\0' ||
        m->image[strspn(m->image, image_chars)] != '\0') {
        return cm_fail(err, CM_EINVAL,
                       "--image: say which image of the agent the cluster shall run, as "
                       "registry.example.com/holdfast-agent:1.0");
    }
    if (m->observes && m->impersonate) {
        return cm_fail(err, CM_EINVAL,
                       "--impersonate: an agent that observes does nothing in anybody's name");
    }
    if (m->audit_log != NULL && !is_file(m->audit_log)) {
        return cm_fail(err, CM_EINVAL,
                       "--audit-log: '%.200s' is no file in a folder: say where the API server "
                       "writes it on its node, as /var/log/kubernetes/audit/audit.log",
                       m->audit_log);
    }
    enum cm_rc rc = check_list(m->namespaces, "namespaces", "shop,web", err);
    return rc < 0 ? rc : check_list(m->resources, "resources", "deployments.apps,configmaps", err);
}

// ---- Objects

static struct cm_json *strings(struct cm_arena *a, const char *const *texts, size_t count) {
    struct cm_json *array = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(array, cm_json_new_string(a, texts[i]));
    }
    return array;
}

static struct cm_json *object(struct cm_arena *a, const char *version, const char *kind,
                              const char *name, const char *ns) {
    struct cm_json *made = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, made, "apiVersion", version);
    cm_json_set_string(a, made, "kind", kind);
    cm_json_set_string(a, metadata, "name", name);
    if (ns[0] != '\0') {
        cm_json_set_string(a, metadata, "namespace", ns);
    }
    cm_json_set(a, made, "metadata", metadata);
    return made;
}

static void put(const struct cm_json *made, struct cm_str *out) {
    cm_str_add(out, "---\n");
    cm_yaml_write(made, out);
}

static void put_token(struct cm_arena *a, const struct ctl_manifests *m, struct cm_str *out) {
    struct cm_json *secret = object(a, "v1", "Secret", "holdfast-join", OWN_NAMESPACE);
    struct cm_json *data = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, data, "hub", m->hub);
    cm_json_set_string(a, data, "token", m->token);
    cm_json_set(a, secret, "stringData", data);
    put(secret, out);
}

// put_with puts a document, with something else in a place, if it has that.
static void put_with(const char *document, const char *place, const char *with,
                     struct cm_str *out) {
    const char *at = strstr(document, place);

    if (at == NULL) {
        cm_str_add(out, document);
    } else {
        cm_str_add_n(out, document, (size_t)(at - document));
        cm_str_addf(out, "%s%s", with, at + strlen(place));
    }
}

#define USER "        runAsNonRoot: true\n        runAsUser: 65532\n"
#define SERVED "      serviceAccountName: holdfast-agent\n"
#define MOUNTS "        volumeMounts:\n"
#define VOLUMES "      volumes:\n"
#define CONTROL_PLANE "node-role.kubernetes.io/control-plane"
#define ON_CONTROL_PLANE                                                                           \
    "      affinity:\n        nodeAffinity:\n"                                                     \
    "          requiredDuringSchedulingIgnoredDuringExecution:\n"                                  \
    "            nodeSelectorTerms:\n            - matchExpressions:\n"                            \
    "              - {key: " CONTROL_PLANE ", operator: Exists}\n"                                 \
    "      tolerations:\n"                                                                         \
    "      - {key: " CONTROL_PLANE ", operator: Exists, effect: NoSchedule}\n"

// with_log brings the agent's pod to the audit log, which is root's own. The folder is mounted, for
// the file is renamed.
static const char *with_log(struct cm_arena *a, const char *text, const char *file) {
    const char *dir = cm_arena_strndup(a, file, (size_t)(strrchr(file, '/') - file));
    const struct {
        const char *place;
        const char *with;
    } all[] = {
        {USER, "        runAsUser: 0 # whose the audit log is\n"},
        {SERVED, SERVED ON_CONTROL_PLANE},
        {MOUNTS, cm_arena_strf(a,
                               MOUNTS "        - name: audit\n          mountPath: %s\n"
                                      "          readOnly: true\n",
                               dir)},
        {VOLUMES, cm_arena_strf(a,
                                VOLUMES "      - name: audit\n        hostPath:\n"
                                        "          path: %s\n          type: Directory\n",
                                dir)},
        {ARGS, cm_arena_strf(a, ARGS "--audit-log, %s, ", file)},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CM_CLEANUP(cm_str_done) struct cm_str changed = {0};

        put_with(text, all[i].place, all[i].with, &changed);
        text = cm_arena_strdup(a, cm_str_get(&changed));
    }
    return text;
}

// args_of begins the agent's arguments: who may see some namespaces looks into no others.
static const char *args_of(struct cm_arena *a, const struct ctl_manifests *m) {
    if (!m->observes) {
        return ARGS;
    }
    return m->namespaces == NULL
               ? ARGS "--mode, observe, "
               : cm_arena_strf(a, ARGS "--mode, observe, --observe-namespaces, \"%s\", ",
                               m->namespaces);
}

// put_agent takes agent.yaml over, with the image in its place. Who observes has no inventory, and
// needs no rights to write one; nor is there anything that he would have to be allowed to leave.
static void put_agent(struct cm_arena *a, const struct ctl_manifests *m, struct cm_str *out) {
    char *text = cm_arena_strdup(a, ctl_agent_yaml);
    char *next;

    for (; text != NULL; text = next) {
        next = strstr(text, "\n" NEXT);
        if (next != NULL) {
            *++next = '\0'; // the first '-' of what comes between
            next += sizeof(NEXT) - 1;
        }
        if (m->observes && (strstr(text, "\nkind: Role") != NULL ||
                            strstr(text, "\nkind: CustomResourceDefinition") != NULL)) {
            continue;
        }
        CM_CLEANUP(cm_str_done) struct cm_str document = {0};
        put_with(text, PLACE, cm_arena_strf(a, "image: %s", m->image), &document);
        cm_str_add(out, out->len == 0 ? "" : NEXT);
        const char *made = m->audit_log == NULL ? cm_str_get(&document)
                                                : with_log(a, cm_str_get(&document), m->audit_log);
        put_with(made, ARGS, args_of(a, m), out);
    }
}

// ---- Rights

// rule: who observes reads, which are the first of the verbs.
static struct cm_json *rule(struct cm_arena *a, const struct ctl_manifests *m, const char *group,
                            const char *resource) {
    static const char *const verbs[] = {"get", "list", "watch", "create", "patch", "delete"};
    struct cm_json *made = cm_json_new(a, CM_OBJECT);

    cm_json_set(a, made, "apiGroups", strings(a, &group, 1));
    cm_json_set(a, made, "resources", strings(a, &resource, 1));
    cm_json_set(a, made, "verbs", strings(a, verbs, m->observes ? 3 : 6));
    return made;
}

// "deployments.apps" is the resource deployments of the group apps.
static void add_resources(struct cm_arena *a, const struct ctl_manifests *m,
                          struct cm_json *rules) {
    char *rest = cm_arena_strdup(a, m->resources);
    char *word;

    while ((word = strsep(&rest, ",")) != NULL) {
        char *dot = strchr(word, '.');

        if (dot != NULL) {
            *dot = '\0';
        }
        cm_json_append(rules, rule(a, m, dot == NULL ? "" : dot + 1, word));
    }
}

// Who may write to the fleet repository gives rights through the agent; that it may give more than
// it has itself goes with the rights of a whole cluster only.
static void add_escalation(struct cm_arena *a, struct cm_json *rules) {
    static const char *const roles[] = {"roles", "clusterroles"};
    static const char *const verbs[] = {"escalate", "bind"};
    static const char *const group = RBAC;
    struct cm_json *made = cm_json_new(a, CM_OBJECT);

    cm_json_set(a, made, "apiGroups", strings(a, &group, 1));
    cm_json_set(a, made, "resources", strings(a, roles, 2));
    cm_json_set(a, made, "verbs", strings(a, verbs, 2));
    cm_json_append(rules, made);
}

// add_impersonation: what an App that names a ServiceAccount needs of the agent. It looks for one
// that is refused something, to say whether it is there.
static void add_impersonation(struct cm_arena *a, struct cm_json *rules) {
    static const char *const verbs[] = {"impersonate", "get"};
    static const char *const accounts = "serviceaccounts";
    static const char *const group = "";
    struct cm_json *made = cm_json_new(a, CM_OBJECT);

    cm_json_set(a, made, "apiGroups", strings(a, &group, 1));
    cm_json_set(a, made, "resources", strings(a, &accounts, 1));
    cm_json_set(a, made, "verbs", strings(a, verbs, 2));
    cm_json_append(rules, made);
}

static struct cm_json *rules_of(struct cm_arena *a, const struct ctl_manifests *m) {
    struct cm_json *rules = cm_json_new(a, CM_ARRAY);

    if (m->impersonate) {
        add_impersonation(a, rules);
    }
    if (m->resources != NULL) {
        add_resources(a, m, rules);
        return rules;
    }
    cm_json_append(rules, rule(a, m, "*", "*"));
    if (m->namespaces == NULL && !m->observes) {
        add_escalation(a, rules);
    }
    return rules;
}

// put_rights gives them in one namespace; "": in the whole cluster.
static void put_rights(struct cm_arena *a, const struct ctl_manifests *m, const char *ns,
                       struct cm_str *out) {
    const char *kind = ns[0] == '\0' ? "ClusterRole" : "Role";
    const char *name = ns[0] == '\0' || strcmp(ns, OWN_NAMESPACE) != 0 ? ACCOUNT : ACCOUNT "-apps";
    struct cm_json *role = object(a, RBAC "/v1", kind, name, ns);
    struct cm_json *binding = object(a, RBAC "/v1", cm_arena_strf(a, "%sBinding", kind), name, ns);
    struct cm_json *ref = cm_json_new(a, CM_OBJECT);
    struct cm_json *subject = cm_json_new(a, CM_OBJECT);
    struct cm_json *subjects = cm_json_new(a, CM_ARRAY);

    cm_json_set(a, role, "rules", rules_of(a, m));
    cm_json_set_string(a, ref, "apiGroup", RBAC);
    cm_json_set_string(a, ref, "kind", kind);
    cm_json_set_string(a, ref, "name", name);
    cm_json_set(a, binding, "roleRef", ref);
    cm_json_set_string(a, subject, "kind", "ServiceAccount");
    cm_json_set_string(a, subject, "name", ACCOUNT);
    cm_json_set_string(a, subject, "namespace", OWN_NAMESPACE);
    cm_json_append(subjects, subject);
    cm_json_set(a, binding, "subjects", subjects);
    put(role, out);
    put(binding, out);
}

void ctl_manifests_write(struct cm_arena *a, const struct ctl_manifests *m, struct cm_str *out) {
    char *rest = cm_arena_strdup(a, m->namespaces == NULL ? "" : m->namespaces);
    char *ns;

    put_agent(a, m, out);
    put_token(a, m, out);
    while ((ns = strsep(&rest, ",")) != NULL) {
        put_rights(a, m, ns, out);
    }
}
