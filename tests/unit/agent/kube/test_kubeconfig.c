#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/kubeconfig.h"
#include "common/arena.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"

static enum cm_rc read_config(struct cm_arena *a, const char *text, const char *context,
                              struct kube_kubeconfig *out, struct cm_err *err) {
    return kube_kubeconfig_parse(a, text, strlen(text), context, out, err);
}

#define CLUSTERS                                                                                   \
    "apiVersion: v1\nkind: Config\ncurrent-context: one\n"                                         \
    "clusters:\n- name: c1\n  cluster: {server: 'https://one:6443'}\n"                             \
    "- name: c2\n  cluster:\n    server: https://two\n    certificate-authority-data: Q0E=\n"      \
    "    tls-server-name: inside\n"                                                                \
    "contexts:\n- name: one\n  context: {cluster: c1, user: u1}\n"                                 \
    "- name: two\n  context: {cluster: c2, user: u2, namespace: shop}\n"

static void the_current_context_is_used(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_kubeconfig config;
    struct cm_err err;

    (void)state;
    assert_int_equal(
        read_config(a, CLUSTERS "users:\n- name: u1\n  user: {token: abc}\n", NULL, &config, &err),
        CM_OK);
    assert_string_equal(config.server, "https://one:6443");
    assert_string_equal(config.token, "abc");
    assert_null(config.namespace);
}

static void another_context_can_be_named(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_kubeconfig config;
    struct cm_err err;

    (void)state;
    assert_int_equal(read_config(a,
                                 CLUSTERS
                                 "users:\n- name: u2\n  user:\n    client-certificate-data: |\n"
                                 "      Q0VS\n      VA==\n    client-key: key.pem\n",
                                 "two", &config, &err),
                     CM_OK);
    assert_string_equal(config.server, "https://two");
    assert_string_equal(config.ca_pem, "CA");
    assert_string_equal(config.tls_server_name, "inside");
    assert_string_equal(config.namespace, "shop");
    assert_string_equal(config.cert_pem, "CERT");
    assert_string_equal(config.key_file, "key.pem");
}

static const char *const cases[][2] = {
    {"users:\n- name: u1\n  user: {exec: {command: aws}}\n", "'exec'"},
    {"users:\n- name: u1\n  user: {auth-provider: {name: gcp}}\n", "'auth-provider'"},
    {"users:\n- name: u1\n  user: {username: a, password: b}\n", "'username'"},
    {"users:\n- name: u1\n  user: {as: root}\n", "'as'"},
    {"users:\n- name: u1\n  user: {client-key: a}\n", "only one of"},
    {"users:\n- name: u1\n  user: {client-certificate-data: '!'}\n", "base64"},
    {"users: []\n", "no user named 'u1'"},
    {"users:\n- name: u1\n  user: {token: [", "line "},
    {"---\na: b\n", "one YAML document"},
};

static void must_hold(const char *text, const char *words) {
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' lacks '%s'", text, words);
    }
}

static void what_cannot_be_used_is_refused_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        CM_AUTOFREE char *text = cm_strf("%s%s", CLUSTERS, cases[i][0]);
        struct kube_kubeconfig config;
        struct cm_err err;

        assert_int_equal(read_config(a, text, NULL, &config, &err), CM_EINVAL);
        must_hold(err.msg, cases[i][1]);
    }
}

static void a_context_must_exist(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_kubeconfig config;
    struct cm_err err;

    (void)state;
    assert_int_equal(read_config(a, CLUSTERS, "three", &config, &err), CM_EINVAL);
    assert_string_equal(err.msg, "the kubeconfig has no context named 'three'");
    assert_int_equal(read_config(a, "clusters: []\n", NULL, &config, &err), CM_EINVAL);
    assert_string_equal(err.msg, "the kubeconfig has no current-context: name one");
}

static char *write_file(const char *folder, const char *name, const char *text) {
    char *path = cm_strf("%s/%s", folder, name);
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
    return path;
}

static void files_are_read_beside_the_kubeconfig(void **state) {
    char folder[] = "/tmp/test_kubeconfig.XXXXXX";
    struct kube_access access = {0};
    struct cm_err err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    CM_AUTOFREE char *token = write_file(folder, "token", "abc\n");
    CM_AUTOFREE char *ca = write_file(folder, "ca.pem", "CA");
    CM_AUTOFREE char *path = write_file(folder, "config",
                                        "current-context: a\n"
                                        "clusters:\n- name: a\n  cluster: {server: 'https://h', "
                                        "certificate-authority: ca.pem}\n"
                                        "users:\n- name: a\n  user: {tokenFile: token}\n"
                                        "contexts:\n- name: a\n  context: {cluster: a, user: a}\n");
    assert_int_equal(kube_access_load(path, NULL, &access, &err), CM_OK);
    assert_string_equal(access.ca_pem, "CA");
    assert_string_equal(access.token, "abc");
    assert_string_equal(access.token_file, token);
    kube_access_done(&access);
    assert_int_equal(cm_fsys_remove_tree(folder, &err), CM_OK);
    assert_int_equal(kube_access_load(path, NULL, &access, &err), CM_ENOTFOUND);
    assert_non_null(strstr(err.msg, path));
}

static void a_pod_finds_its_service_account(void **state) {
    char folder[] = "/tmp/test_kubeconfig.XXXXXX";
    struct kube_access access = {0};
    struct cm_err err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    CM_AUTOFREE char *token = write_file(folder, "token", "abc");
    CM_AUTOFREE char *ca = write_file(folder, "ca.crt", "CA");
    assert_int_equal(unsetenv("KUBERNETES_SERVICE_HOST"), 0);
    assert_int_equal(kube_access_load_pod(folder, &access, &err), CM_EINVAL);
    assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1), 0);
    assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", "443", 1), 0);
    assert_int_equal(kube_access_load_pod(folder, &access, &err), CM_OK);
    assert_string_equal(access.server, "https://[fd00::1]:443");
    assert_string_equal(access.token, "abc");
    assert_null(access.pod_namespace);
    kube_access_done(&access);
    CM_AUTOFREE char *ns = write_file(folder, "namespace", "agents\n");
    assert_int_equal(kube_access_load_pod(folder, &access, &err), CM_OK);
    assert_string_equal(access.pod_namespace, "agents");
    assert_null(access.namespace); // where objects go that name none
    kube_access_done(&access);
    assert_int_equal(cm_fsys_remove_tree(folder, &err), CM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_current_context_is_used),
        cmocka_unit_test(another_context_can_be_named),
        cmocka_unit_test(what_cannot_be_used_is_refused_by_name),
        cmocka_unit_test(a_context_must_exist),
        cmocka_unit_test(files_are_read_beside_the_kubeconfig),
        cmocka_unit_test(a_pod_finds_its_service_account),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
