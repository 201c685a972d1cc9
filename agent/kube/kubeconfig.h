// kubeconfig: which API server, and who we are there.
//
// Reads a kubeconfig file (token, token file, client certificate, inline or as files) or the
// service account that a pod finds in its file system. What would run another program (exec
// plugins, auth providers) or is not done here (proxies, impersonation, passwords) is refused by
// name.
//
// Threads: any. Parsing is pure; loading reads files.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;

#define KUBE_FILE_MAX (1 << 20) // of a kubeconfig and of each file that it names

// What a kubeconfig says. Each secret is either there in its text or to be read from a file.
struct kube_kubeconfig {
    const char *server;
    const char *tls_server_name; // NULL: the server's
    const char *namespace;       // NULL: none
    const char *ca_pem;
    const char *ca_file;
    const char *cert_pem;
    const char *cert_file;
    const char *key_pem;
    const char *key_file;
    const char *token;
    const char *token_file;
    bool insecure;
};

// kube_kubeconfig_parse reads the text of a kubeconfig; `context` NULL: the current one. Everything
// in *out is the arena's. It fails with CM_EINVAL, saying what to do.
CM_MUSTUSE enum cm_rc kube_kubeconfig_parse(struct cm_arena *a, const char *text, size_t size,
                                            const char *context, struct kube_kubeconfig *out,
                                            struct cm_err *err);

// What we connect with. All strings are owned.
struct kube_access {
    char *server;
    char *tls_server_name;
    char *namespace;
    char *pod_namespace; // that the service account is of; NULL: not in a pod, or it does not say
    char *ca_pem;
    char *cert_pem;
    char *key_pem;
    char *token;
    char *token_file; // to be read again from time to time; NULL: the token stays
    bool insecure;
};

void kube_access_done(struct kube_access *access); // zeroes secrets; a zeroed one is fine

// kube_access_load reads a kubeconfig file and the files that it names, relative to its folder.
CM_MUSTUSE enum cm_rc kube_access_load(const char *path, const char *context,
                                       struct kube_access *out, struct cm_err *err);

// kube_access_load_pod reads a pod's service account from `dir` and the server from the
// environment.
CM_MUSTUSE enum cm_rc kube_access_load_pod(const char *dir, struct kube_access *out,
                                           struct cm_err *err);

// kube_access_read_token reads a token file; the caller passes *out to explicit_bzero and free.
CM_MUSTUSE enum cm_rc kube_access_read_token(const char *path, char **out, struct cm_err *err);
