// The contract's tests against a real API server.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/kube.h"
#include "agent/kube/kubeconfig.h"
#include "common/arena.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "tests/integration/driver/contract.h"

struct outside_kube {
    struct outside base;
    char *kubeconfig;
    char *service_account;
    char *namespace;
    char *powerless;
    struct kube_access access;
    struct cm_loop *loop; // of our own requests
    struct cm_http *http;
    struct cm_http_endpoint *endpoint;
    int status; // of the last answer
    char *body;
    char text[256];
};

static struct outside_kube *kube_of(struct outside *o) {
    return CM_CONTAINER(o, struct outside_kube, base);
}

static void on_done(void *ctx, const struct cm_http_answer *answer) {
    struct outside_kube *o = ctx;

    if (answer->error.code != CM_OK) {
        print_error("%s\n", answer->error.msg);
    }
    o->status = answer->status;
    free(o->body);
    o->body = cm_strdup(answer->body);
    cm_loop_stop(o->loop);
}

static void ask(struct outside_kube *o, const char *method, const char *path, const char *type,
                const char *body) {
    struct cm_http_request_config config = {
        .loop = o->loop,
        .method = method,
        .path = path,
        .content_type = type,
        .accept = "application/json",
        .body = body,
        .body_size = body == NULL ? 0 : strlen(body),
        .timeout_ms = 30000,
        .max_answer_bytes = 1 << 24,
        .done = on_done,
        .ctx = o,
    };

    (void)cm_http_send(o->endpoint, &config);
    cm_loop_run(o->loop);
}

static void expect(struct outside_kube *o, int least, int most) {
    if (o->status < least || o->status > most) {
        fail_msg("the API server answers %d: %s", o->status, o->body);
    }
}

// path_of knows how the plurals of the kinds are made that the tests use. The caller frees it.
static char *path_of(const char *key, bool collection) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_object_id id;
    struct cm_str path = {0};

    assert_true(cm_object_key_parse(a, key, &id));
    cm_str_addf(&path, "%s%s/v1", id.group[0] == '\0' ? "/api" : "/apis/", id.group);
    if (id.namespace[0] != '\0') {
        cm_str_addf(&path, "/namespaces/%s", id.namespace);
    }
    cm_str_add_char(&path, '/');
    for (const char *c = id.kind; *c != '\0'; c++) {
        cm_str_add_char(&path, (char)tolower((unsigned char)*c));
    }
    cm_str_addf(&path, "s%s%s", collection ? "" : "/", collection ? "" : id.name);
    return cm_str_take(&path);
}

static struct agent_driver *driver_new(struct outside *o, struct cm_loop *loop) {
    struct outside_kube *k = kube_of(o);
    struct agent_kube_config config = {
        .kubeconfig = k->kubeconfig,
        .service_account_dir = k->service_account,
        .inventory_namespace = o->own_inventory ? k->namespace : NULL,
    };
    struct agent_driver *driver = NULL;
    struct cm_err err;

    if (agent_kube_new(loop, k->http, &config, &driver, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return driver;
}

// nest writes {"a":{"b":{NAME:VALUE}}} for the parent a.b. The caller frees it.
static char *nest(const char *parent, const char *name, const char *value) {
    CM_AUTOFREE char *names = cm_strdup(parent);
    struct cm_str json = {0};
    char *rest = names;
    int depth = 0;

    for (char *one; (one = strsep(&rest, ".")) != NULL; depth++) {
        cm_str_addf(&json, "{\"%s\":", one);
    }
    cm_str_addf(&json, "{\"%s\":%s}", name, value);
    for (; depth > 0; depth--) {
        cm_str_add_char(&json, '}');
    }
    return cm_str_take(&json);
}

static void change(struct outside *o, const char *key, const char *parent, const char *name,
                   const char *value, const char *manager) {
    CM_AUTOFREE char *path = path_of(key, false);
    CM_AUTOFREE char *whole = cm_strf("%s?fieldManager=%s", path, manager);
    CM_AUTOFREE char *patch = nest(parent, name, value);

    ask(kube_of(o), "PATCH", whole, "application/merge-patch+json", patch);
    expect(kube_of(o), 200, 200);
}

static void delete (struct outside *o, const char *key) {
    CM_AUTOFREE char *path = path_of(key, false);

    ask(kube_of(o), "DELETE", path, NULL, NULL);
    expect(kube_of(o), 200, 202);
}

static void create(struct outside *o, const char *key, const char *json, const char *manager) {
    CM_AUTOFREE char *path = path_of(key, true);
    CM_AUTOFREE char *whole = cm_strf("%s?fieldManager=%s", path, manager);

    ask(kube_of(o), "POST", whole, "application/json", json);
    expect(kube_of(o), 201, 201);
}

static bool exists(struct outside *o, const char *key) {
    CM_AUTOFREE char *path = path_of(key, false);

    ask(kube_of(o), "GET", path, NULL, NULL);
    if (kube_of(o)->status == 404) {
        return false;
    }
    expect(kube_of(o), 200, 200);
    return true;
}

// A string as it is, anything else as JSON, what is not there as nothing.
static void write_field(struct outside_kube *k, const struct cm_json *value) {
    CM_CLEANUP(cm_str_done) struct cm_str json = {0};
    const char *text = cm_json_string(value);

    if (text == NULL && value != NULL) {
        cm_json_write_compact(value, &json);
        text = cm_str_get(&json);
    }
    (void)snprintf(k->text, sizeof(k->text), "%s", text == NULL ? "" : text);
}

static const char *field(struct outside *o, const char *key, const char *parent, const char *name) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct outside_kube *k = kube_of(o);
    struct cm_json *object = NULL;
    struct cm_err err;

    k->text[0] = '\0';
    if (!exists(o, key)) {
        return k->text;
    }
    assert_int_equal(cm_json_parse(a, k->body, strlen(k->body), NULL, &object, &err), CM_OK);
    write_field(k, outside_field(object, parent, name));
    return k->text;
}

static const char *labels(struct outside *o, const char *key) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct outside_kube *k = kube_of(o);
    struct cm_json *object = NULL;
    struct cm_err err;

    assert_true(exists(o, key));
    assert_int_equal(cm_json_parse(a, k->body, strlen(k->body), NULL, &object, &err), CM_OK);
    const struct cm_json *found = cm_json_path(object, "metadata", "labels", NULL);
    if (found != NULL) { // else nobody has set any
        cm_json_write_compact(found, &text);
    }
    assert_true(text.len < sizeof(k->text));
    (void)snprintf(k->text, sizeof(k->text), "%s", cm_str_get(&text));
    return k->text;
}

static void close_kube(struct outside *o) {
    struct outside_kube *k = kube_of(o);
    CM_AUTOFREE char *key = cm_strf("Namespace//%s", k->namespace);

    delete (o, key);
    cm_http_endpoint_free(k->endpoint);
    cm_http_free(k->http);
    cm_loop_free(k->loop);
    kube_access_done(&k->access);
    free(k->kubeconfig);
    free(k->service_account);
    free(k->namespace);
    free(k->powerless);
    free(k->body);
    free(k);
}

static void connect(struct outside_kube *k) {
    struct cm_err err;

    enum cm_rc rc = k->kubeconfig != NULL
                        ? kube_access_load(k->kubeconfig, NULL, &k->access, &err)
                        : kube_access_load_pod(k->service_account, &k->access, &err);
    if (rc < 0) {
        fail_msg("%s", err.msg);
    }
    struct cm_http_endpoint_config config = {
        .base_url = k->access.server,
        .ca_pem = k->access.ca_pem,
        .client_cert_pem = k->access.cert_pem,
        .client_key_pem = k->access.key_pem,
    };
    assert_int_equal(cm_http_endpoint_new(k->http, &config, &k->endpoint, &err), CM_OK);
    if (k->access.token != NULL) {
        cm_http_endpoint_set_bearer(k->endpoint, k->access.token);
    }
}

struct outside *outside_kube_open(const char *kubeconfig, const char *service_account) {
    struct outside_kube *k = cm_new(1, sizeof(*k));
    char uuid[CM_UUID_MAX];

    cm_uuid(uuid);
    k->kubeconfig = cm_strdup(kubeconfig);
    k->service_account = cm_strdup(service_account);
    k->namespace = cm_strf("contract-%.8s", uuid);
    k->powerless = cm_strf("%s/nobody", k->namespace);
    k->loop = cm_loop_new();
    k->http = cm_http_new();
    connect(k);
    k->base = (struct outside){
        .name = "kube",
        .namespace = k->namespace,
        .powerless = k->powerless,
        .driver_new = driver_new,
        .change = change,
        .delete = delete,
        .create = create,
        .exists = exists,
        .field = field,
        .labels = labels,
        .close = close_kube,
    };
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}",
                k->namespace);
    create(&k->base, "Namespace//x", json, "somebody");
    return &k->base;
}
