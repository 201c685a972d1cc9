#include "agent/kube/kubeconfig.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/yaml.h"

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL || text[0] == '\0' ? NULL : text;
}

// find_named returns the member `what` of the entry called `name` in the list `lists` of a
// kubeconfig, e.g. the `cluster` of the entry of `clusters`.
static enum cm_rc find_named(const struct cm_json *doc, const char *lists, const char *what,
                             const char *name, const struct cm_json **out, struct cm_err *err) {
    const struct cm_json *list = cm_json_get(doc, lists);

    if (name == NULL) {
        return cm_fail(err, CM_EINVAL, "the kubeconfig's context names no %s", what);
    }
    const struct cm_json *one = list != NULL && list->type == CM_ARRAY ? list->first : NULL;
    for (; one != NULL; one = one->next) {
        const char *its = text_of(one, "name");

        if (its != NULL && strcmp(its, name) == 0) {
            *out = cm_json_get(one, what);
            return CM_OK;
        }
    }
    return cm_fail(err, CM_EINVAL, "the kubeconfig has no %s named '%.100s'", what, name);
}

static enum cm_rc refuse(const struct cm_json *node, const char *key, const char *instead,
                         struct cm_err *err) {
    const struct cm_json *member = cm_json_get(node, key);

    if (member == NULL || member->type == CM_NULL) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "the kubeconfig uses '%s', which is not supported: %s", key,
                   instead);
}

// decode reads base64 as kubectl does, with line feeds in it; the result must be text.
static enum cm_rc decode(struct cm_arena *a, const struct cm_json *node, const char *key,
                         const char **out, struct cm_err *err) {
    const char *text = text_of(node, key);
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (text == NULL) {
        return CM_OK;
    }
    char *packed = cm_arena_get(a, strlen(text) + 1);
    size_t len = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr(" \t\r\n", *c) == NULL) {
            packed[len++] = *c;
        }
    }
    if (!cm_base64_decode(packed, len, &bytes, &size) || memchr(bytes, '\0', size) != NULL) {
        free(bytes);
        return cm_fail(err, CM_EINVAL, "the kubeconfig's '%s' is not base64 of a PEM text", key);
    }
    *out = cm_arena_strndup(a, (const char *)bytes, size);
    explicit_bzero(bytes, size);
    free(bytes);
    return CM_OK;
}

static enum cm_rc read_cluster(struct cm_arena *a, const struct cm_json *cluster,
                               struct kube_kubeconfig *out, struct cm_err *err) {
    out->server = text_of(cluster, "server");
    if (out->server == NULL) {
        return cm_fail(err, CM_EINVAL, "the kubeconfig's cluster names no server");
    }
    if (text_of(cluster, "proxy-url") != NULL) {
        return refuse(cluster, "proxy-url", "let the agent reach the API server directly", err);
    }
    out->ca_file = text_of(cluster, "certificate-authority");
    out->tls_server_name = text_of(cluster, "tls-server-name");
    out->insecure = cm_json_true(cm_json_get(cluster, "insecure-skip-tls-verify"));
    return decode(a, cluster, "certificate-authority-data", &out->ca_pem, err);
}

static enum cm_rc refuse_user(const struct cm_json *user, struct cm_err *err) {
    static const struct {
        const char *key;
        const char *instead;
    } no[] = {
        {"exec", "no program is run for credentials; use a service account token"},
        {"auth-provider", "use a service account token"},
        {"username", "Kubernetes knows no passwords any more; use a service account token"},
        {"password", "Kubernetes knows no passwords any more; use a service account token"},
        {"as", "use the credentials of that user"},
        {"as-uid", "use the credentials of that user"},
        {"as-groups", "use the credentials of that user"},
        {"as-user-extra", "use the credentials of that user"},
    };

    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        enum cm_rc rc = refuse(user, no[i].key, no[i].instead, err);

        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

static enum cm_rc read_user(struct cm_arena *a, const struct cm_json *user,
                            struct kube_kubeconfig *out, struct cm_err *err) {
    enum cm_rc rc = refuse_user(user, err);

    out->token = text_of(user, "token");
    out->token_file = text_of(user, "tokenFile");
    out->cert_file = text_of(user, "client-certificate");
    out->key_file = text_of(user, "client-key");
    rc = rc < 0 ? rc : decode(a, user, "client-certificate-data", &out->cert_pem, err);
    rc = rc < 0 ? rc : decode(a, user, "client-key-data", &out->key_pem, err);
    if (rc < 0) {
        return rc;
    }
    bool has_cert = out->cert_pem != NULL || out->cert_file != NULL;
    bool has_key = out->key_pem != NULL || out->key_file != NULL;
    if (has_cert != has_key) {
        return cm_fail(err, CM_EINVAL,
                       "the kubeconfig's user has only one of client-certificate and client-key");
    }
    return CM_OK;
}

static enum cm_rc read_context(struct cm_arena *a, const struct cm_json *doc, const char *context,
                               struct kube_kubeconfig *out, struct cm_err *err) {
    const struct cm_json *node = NULL;
    const struct cm_json *cluster = NULL;
    const struct cm_json *user = NULL;
    const char *name = context != NULL ? context : text_of(doc, "current-context");

    if (name == NULL) {
        return cm_fail(err, CM_EINVAL, "the kubeconfig has no current-context: name one");
    }
    enum cm_rc rc = find_named(doc, "contexts", "context", name, &node, err);
    rc = rc < 0 ? rc
                : find_named(doc, "clusters", "cluster", text_of(node, "cluster"), &cluster, err);
    if (rc == CM_OK && text_of(node, "user") != NULL) { // nobody: allowed, if seldom useful
        rc = find_named(doc, "users", "user", text_of(node, "user"), &user, err);
    }
    out->namespace = text_of(node, "namespace");
    rc = rc < 0 ? rc : read_cluster(a, cluster, out, err);
    return rc < 0 ? rc : read_user(a, user, out, err);
}

enum cm_rc kube_kubeconfig_parse(struct cm_arena *a, const char *text, size_t size,
                                 const char *context, struct kube_kubeconfig *out,
                                 struct cm_err *err) {
    static const struct cm_json_limits limits = {KUBE_FILE_MAX, 32, 20000};
    struct kube_kubeconfig found = {0};
    struct cm_yaml_docs docs = {0};
    enum cm_rc rc = cm_yaml_parse(a, text, size, &limits, &docs, err);

    if (rc < 0) {
        return cm_wrap(err, "read the kubeconfig");
    }
    if (docs.count != 1 || docs.docs[0]->type != CM_OBJECT) {
        return cm_fail(err, CM_EINVAL, "a kubeconfig is one YAML document with a map");
    }
    rc = read_context(a, docs.docs[0], context, &found, err);
    if (rc == CM_OK) {
        *out = found;
    }
    return rc;
}

static void free_secret(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void kube_access_done(struct kube_access *access) {
    free(access->server);
    free(access->tls_server_name);
    free(access->namespace);
    free(access->pod_namespace);
    free(access->ca_pem);
    free(access->cert_pem);
    free_secret(access->key_pem);
    free_secret(access->token);
    free(access->token_file);
    *access = (struct kube_access){0};
}

static enum cm_rc read_text(const char *path, char **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;
    enum cm_rc rc = cm_fsys_read(path, KUBE_FILE_MAX, &buf, err);

    if (rc < 0) {
        return rc;
    }
    *out = cm_new(1, buf->size + 1);
    memcpy(*out, buf->data, buf->size);
    return CM_OK;
}

static char *beside(const char *path, const char *file) {
    const char *slash = strrchr(path, '/');

    if (file[0] == '/' || slash == NULL) {
        return cm_strdup(file);
    }
    return cm_strf("%.*s/%s", (int)(slash - path), path, file);
}

// load_pem takes the text that is there, or reads the file that is named.
static enum cm_rc load_pem(const char *path, const char *pem, const char *file, char **out,
                           struct cm_err *err) {
    if (pem != NULL || file == NULL) {
        *out = cm_strdup(pem);
        return CM_OK;
    }
    CM_AUTOFREE char *whole = beside(path, file);
    return read_text(whole, out, err);
}

enum cm_rc kube_access_read_token(const char *path, char **out, struct cm_err *err) {
    char *text = NULL;
    enum cm_rc rc = read_text(path, &text, err);

    if (rc < 0) {
        return rc;
    }
    size_t len = strcspn(text, " \t\r\n");
    text[len] = '\0';
    if (len == 0) {
        free(text);
        return cm_fail(err, CM_EINVAL, "the token file '%s' is empty", path);
    }
    *out = text;
    return CM_OK;
}

static enum cm_rc load_token(const char *path, const struct kube_kubeconfig *config,
                             struct kube_access *out, struct cm_err *err) {
    if (config->token_file == NULL) {
        out->token = cm_strdup(config->token);
        return CM_OK;
    }
    out->token_file = beside(path, config->token_file);
    return kube_access_read_token(out->token_file, &out->token, err);
}

static enum cm_rc load_files(const char *path, const struct kube_kubeconfig *config,
                             struct kube_access *out, struct cm_err *err) {
    enum cm_rc rc = load_pem(path, config->ca_pem, config->ca_file, &out->ca_pem, err);

    rc = rc < 0 ? rc : load_pem(path, config->cert_pem, config->cert_file, &out->cert_pem, err);
    rc = rc < 0 ? rc : load_pem(path, config->key_pem, config->key_file, &out->key_pem, err);
    rc = rc < 0 ? rc : load_token(path, config, out, err);
    out->server = cm_strdup(config->server);
    out->tls_server_name = cm_strdup(config->tls_server_name);
    out->namespace = cm_strdup(config->namespace);
    out->insecure = config->insecure;
    return rc;
}

enum cm_rc kube_access_load(const char *path, const char *context, struct kube_access *out,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_kubeconfig config = {0};
    struct kube_access found = {0};
    char *text = NULL;
    enum cm_rc rc = read_text(path, &text, err);

    rc = rc < 0 ? rc : kube_kubeconfig_parse(a, text, strlen(text), context, &config, err);
    free_secret(text);
    rc = rc < 0 ? rc : load_files(path, &config, &found, err);
    if (rc < 0) {
        kube_access_done(&found);
        return cm_wrap(err, "kubeconfig '%s'", path);
    }
    *out = found;
    return CM_OK;
}

enum cm_rc kube_access_load_pod(const char *dir, struct kube_access *out, struct cm_err *err) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    struct kube_access found = {0};

    if (host == NULL || port == NULL || host[0] == '\0' || port[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "this is not a pod of Kubernetes: name a kubeconfig");
    }
    found.server =
        cm_strf(strchr(host, ':') != NULL ? "https://[%s]:%s" : "https://%s:%s", host, port);
    CM_AUTOFREE char *ca = cm_strf("%s/ca.crt", dir);
    CM_AUTOFREE char *ns = cm_strf("%s/namespace", dir);
    if (read_text(ns, &found.pod_namespace, err) == CM_OK) { // else it does not say
        found.pod_namespace[strcspn(found.pod_namespace, "\r\n")] = '\0';
    }
    found.token_file = cm_strf("%s/token", dir);
    enum cm_rc rc = read_text(ca, &found.ca_pem, err);
    rc = rc < 0 ? rc : kube_access_read_token(found.token_file, &found.token, err);
    if (rc < 0) {
        kube_access_done(&found);
        return cm_wrap(err, "service account in '%s'", dir);
    }
    *out = found;
    return CM_OK;
}
