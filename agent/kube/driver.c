#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kube/internal.h"
#include "agent/kube/kube.h"
#include "agent/kube/object.h"
#include "agent/kube/webhooks.h"
#include "common/arena.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/inside.h"

enum { MINUTE_MS = 60000, DAY_MS = 24 * 3600 * 1000, IN_FLIGHT = 16, READS = 2 };

static struct agent_kube *kube_of(struct agent_driver *d) {
    return CM_CONTAINER(d, struct agent_kube, driver);
}

static void on_minute(void *ctx) {
    struct agent_kube *k = ctx;

    kube_client_minute(k);
    kube_table_minute(k);
    kube_slots_minute(k);
    kube_absent_minute(k);
    kube_reach_minute(k); // a server that hangs says nothing by itself
    cm_timer_start(k->loop, &k->minute, MINUTE_MS);
}

static void verify_later(struct agent_kube *k) {
    cm_timer_start(k->loop, &k->verify, k->verify_ms + cm_jitter_ms(k->verify_ms / 4));
}

// on_verify: not all agents do it at once, and none while the server is away.
static void on_verify(void *ctx) {
    struct agent_kube *k = ctx;

    if (k->reach == KUBE_UP) {
        kube_table_forget_prints(k);
        kube_watch_wake_all(k);
        (void)kube_discover_want(k);
    }
    verify_later(k);
}

static void start(struct agent_driver *d, const struct agent_driver_host *host) {
    struct agent_kube *k = kube_of(d);

    k->host = *host;
    k->minute = (struct cm_timer){.run = on_minute, .ctx = k};
    k->verify = (struct cm_timer){.run = on_verify, .ctx = k};
    cm_timer_start(k->loop, &k->minute, MINUTE_MS);
    verify_later(k);
    kube_reach_start(k);
}

static void identify(struct agent_driver *d, const char *who) {
    struct kube_applyset *s = &kube_of(d)->applyset;
    CM_AUTOFREE char *ns = CM_TAKE(s->ns);

    kube_applyset_done(s);
    kube_applyset_init(s, who, ns);
    kube_survey_begin(kube_of(d));
}

static void tell_stopped(void *ctx) {
    struct agent_kube *k = ctx;

    k->stopped(k->stopped_ctx);
}

void kube_stopped_maybe(struct agent_kube *k) {
    if (k->stop_begun && !k->told_stopped && cm_list_empty(&k->calls)) {
        k->told_stopped = true;
        k->stop_task = (struct cm_task){.run = tell_stopped, .ctx = k};
        cm_loop_post(k->loop, &k->stop_task);
    }
}

// stop_all runs from the loop, so that no callback of ours is on the stack.
static void stop_all(void *ctx) {
    struct agent_kube *k = ctx;
    struct cm_err why;

    (void)cm_fail(&why, CM_ECANCELED, "the agent stops");
    cm_timer_stop(k->loop, &k->minute);
    cm_timer_stop(k->loop, &k->remember);
    cm_timer_stop(k->loop, &k->verify);
    kube_audited_stop(k);
    kube_reach_stop(k);
    kube_discover_stop(k);
    kube_tags_stop(k);
    kube_watch_stop_all(k);
    kube_table_stop(k);
    kube_absent_stop(k);
    kube_client_stop(k);
    kube_ops_stop(k);
    kube_recover_fail(k, &why);
    kube_applyset_recall_end(k, &why);
    k->stop_begun = true;
    kube_stopped_maybe(k);
}

static void stop(struct agent_driver *d, void (*stopped)(void *ctx), void *ctx) {
    struct agent_kube *k = kube_of(d);

    assert(!k->stopping);
    k->stopping = true;
    k->stopped = stopped;
    k->stopped_ctx = ctx;
    k->stop_task = (struct cm_task){.run = stop_all, .ctx = k};
    cm_loop_post(k->loop, &k->stop_task);
}

static void free_driver(struct agent_driver *d) {
    struct agent_kube *k = kube_of(d);

    if (d == NULL) {
        return;
    }
    kube_table_free(k);
    kube_owners_free(k);
    kube_absent_free(k);
    kube_exempt_free(k);
    kube_survey_free(k);
    kube_audited_free(k);
    kube_ops_free(k);
    kube_watch_free_all(k);
    kube_resources_free(k->resources);
    kube_resources_free(k->found);
    kube_applyset_done(&k->applyset);
    cm_map_free(k->table.by_key);
    cm_map_free(k->table.by_place);
    cm_http_endpoint_free(k->endpoint);
    kube_access_done(&k->access);
    free(k->field_manager);
    free(k->pod);
    free(k->pod_namespace);
    free(k);
}

static const char *target_version(const struct agent_driver *d) {
    return ((const struct agent_kube *)(const void *)d)->target_version; // d is its first member
}

static bool is_kind(const char *key, const char *kind) {
    size_t len = strlen(kind);

    return strncmp(key, kind, len) == 0 && key[len] == '/';
}

void kube_place(const char *key, struct agent_place *out) {
    char kind[CM_OBJECT_KEY_MAX];
    size_t len = strcspn(key, "/");
    bool is_definition = is_kind(key, "CustomResourceDefinition.apiextensions.k8s.io");
    bool is_namespace = is_kind(key, "Namespace");

    len = len < sizeof(kind) ? len : sizeof(kind) - 1;
    memcpy(kind, key, len);
    kind[len] = '\0';
    char *dot = strchr(kind, '.');
    if (dot != NULL) {
        *dot = '\0';
    }
    *out = (struct agent_place){
        .rank = cm_object_rank(dot == NULL ? "" : dot + 1, kind),
        .gate = is_definition || is_namespace,
        .precious = is_definition || is_namespace || is_kind(key, "PersistentVolumeClaim") ||
                    is_kind(key, "PersistentVolume"),
        .awaits = is_kind(key, "ValidatingWebhookConfiguration.admissionregistration.k8s.io") ||
                  is_kind(key, "MutatingWebhookConfiguration.admissionregistration.k8s.io"),
    };
}

static void place(const struct agent_driver *d, const char *key, struct agent_place *out) {
    (void)d;
    kube_place(key, out);
}

static void apply(struct agent_driver *d, const struct agent_object *object, agent_applied_fn done,
                  void *ctx) {
    kube_ops_apply(kube_of(d), object, done, ctx);
}

static void run(struct agent_driver *d, const struct agent_object *object, agent_applied_fn done,
                void *ctx) {
    kube_ops_run(kube_of(d), object, done, ctx);
}

static void tail(struct agent_driver *d, const char *key, agent_tail_fn done, void *ctx) {
    kube_logs_tail(kube_of(d), key, done, ctx);
}

static void remove_object(struct agent_driver *d, const struct agent_owned *object,
                          agent_removed_fn done, void *ctx) {
    kube_ops_remove(kube_of(d), object, done, ctx);
}

static void release_object(struct agent_driver *d, const struct agent_owned *object,
                           agent_removed_fn done, void *ctx) {
    kube_ops_release(kube_of(d), object, done, ctx);
}

static void track(struct agent_driver *d, const struct agent_owned *object) {
    kube_table_track(kube_of(d), object);
}

static void untrack(struct agent_driver *d, const char *key) {
    kube_table_untrack(kube_of(d), key);
}

static void observe(struct agent_driver *d, const char *key) {
    struct kube_entry *e = kube_entry_find(kube_of(d), key);

    if (e != NULL && e->tracked) {
        kube_entry_look(e, true);
    }
}

static const char *locate(const struct agent_driver *d, struct cm_arena *a, const char *key,
                          const char *default_namespace) {
    struct agent_kube *k = kube_of((struct agent_driver *)(uintptr_t)d); // which it leaves as it is
    struct cm_object_id id;
    const char *ns = "";

    if (cm_object_key_parse(a, key, &id) && id.namespace[0] != '\0') {
        return key;
    }
    return kube_resolve(k, a, key, default_namespace, NULL, &ns) == NULL
               ? NULL
               : kube_key_fill(a, key, ns);
}

static bool takes(const struct agent_driver *d, const char *key, const struct cm_json *form,
                  const char *other, const char *default_namespace) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *place = locate(d, a, other, default_namespace);

    // Of a kind that is not known it may be in its App's namespace.
    return cm_object_inside(key, form,
                            place == NULL ? kube_key_fill(a, other, default_namespace) : place);
}

static void owner(struct agent_driver *d, const char *key, const char *default_namespace,
                  agent_owner_fn done, void *ctx) {
    kube_whose(kube_of(d), key, default_namespace, done, ctx);
}

static void prove(struct agent_driver *d, const struct agent_proof_ask *what, agent_proof_fn done,
                  void *ctx) {
    kube_prove(kube_of(d), what, done, ctx);
}

static void good(struct agent_driver *d, const struct agent_proof_ask *what, agent_good_fn done,
                 void *ctx) {
    kube_good(kube_of(d), what, done, ctx);
}

static void say(struct agent_driver *d, const struct agent_site_object *object, bool taken,
                const char *words) {
    kube_exempt_say(kube_of(d), object, taken, words);
}

static void recover(struct agent_driver *d, agent_found_fn found, agent_recovered_fn done,
                    void *ctx) {
    kube_recover(kube_of(d), found, done, ctx);
}

static void remember(struct agent_driver *d, const struct agent_mark *mark) {
    kube_applyset_remember(kube_of(d), mark);
}

static void recall(struct agent_driver *d, agent_recalled_fn done, void *ctx) {
    kube_applyset_recall(kube_of(d), done, ctx);
}

static const char *author(struct agent_driver *d, const char *key, const char *name, int64_t at_ms,
                          bool *never) {
    return kube_audited_author(kube_of(d), key, name, at_ms, never);
}

static const struct agent_driver_ops kube_ops = {
    .name = "kube",
    .start = start,
    .stop = stop,
    .free = free_driver,
    .identify = identify,
    .target_version = target_version,
    .locate = locate,
    .takes = takes,
    .awaits = kube_webhooks_await,
    .place = place,
    .apply = apply,
    .run = run,
    .tail = tail,
    .remove = remove_object,
    .release = release_object,
    .track = track,
    .untrack = untrack,
    .author = author,
    .observe = observe,
    .owner = owner,
    .prove = prove,
    .good = good,
    .say = say,
    .recover = recover,
    .remember = remember,
    .recall = recall,
};

static enum cm_rc load_access(const struct agent_kube_config *config, struct kube_access *out,
                              struct cm_err *err) {
    static const char pod_dir[] = "/var/run/secrets/kubernetes.io/serviceaccount";

    if (config->kubeconfig != NULL) {
        return kube_access_load(config->kubeconfig, config->context, out, err);
    }
    return kube_access_load_pod(
        config->service_account_dir == NULL ? pod_dir : config->service_account_dir, out, err);
}

static enum cm_rc make_endpoint(struct agent_kube *k, struct cm_http *http, struct cm_err *err) {
    struct cm_http_endpoint_config config = {
        .base_url = k->access.server,
        .ca_pem = k->access.ca_pem,
        .client_cert_pem = k->access.cert_pem,
        .client_key_pem = k->access.key_pem,
        .tls_server_name = k->access.tls_server_name,
        .insecure = k->access.insecure,
        // Lists and looks go beside the operations, not behind them.
        .max_in_flight = (1 + KUBE_SLOW_TIMES) * (long)k->max_in_flight + READS,
    };
    enum cm_rc rc = cm_http_endpoint_new(http, &config, &k->endpoint, err);

    if (rc == CM_OK && k->access.token != NULL) {
        cm_http_endpoint_set_bearer(k->endpoint, k->access.token);
    }
    return rc;
}

static void init_lists(struct agent_kube *k) {
    struct cm_list *const lists[] = {
        &k->calls,
        &k->watches,
        &k->recoveries,
        &k->ops.queues[KUBE_QUICK],
        &k->ops.queues[KUBE_SLOW],
        &k->ops.running,
        &k->ops.lingering,
        &k->ops.waiting_kind,
        &k->ops.waiting_parent,
        &k->ops.waiting_owners,
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        cm_list_init(lists[i]);
    }
    kube_table_init(k);
    kube_tags_init(k);
    kube_owners_init(k);
    kube_absent_init(k);
    kube_exempt_init(k);
    kube_ops_init(k);
}

static const char *or_default(const char *text, const char *otherwise) {
    return text == NULL || text[0] == '\0' ? otherwise : text;
}

// know_pod: a pod's host is called as the pod, unless it has a name of its own (spec.hostname) or
// is its node (hostNetwork). Who does not say where it is lives where its inventory is.
static void know_pod(struct agent_kube *k, const struct agent_kube_config *config) {
    char host[256] = "";
    bool in_pod = config->kubeconfig == NULL;
    bool guessed = in_pod && or_default(config->pod, NULL) == NULL;
    const char *ns = or_default(config->pod_namespace, or_default(k->access.pod_namespace, NULL));

    if (guessed) {
        (void)gethostname(host, sizeof(host) - 1);
    }
    k->pod = cm_strdup(or_default(config->pod, host));
    k->pod_namespace =
        cm_strdup(ns != NULL || k->pod[0] == '\0' ? or_default(ns, "") : k->applyset.ns);
    if (!k->driver.observes && (guessed || (k->pod[0] != '\0' && ns == NULL))) {
        cm_log(CM_LOG_INFO, "agent.pod_guessed",
               "nobody told the agent which pod it runs in: set HOLDFAST_AGENT_POD_NAME and "
               "HOLDFAST_AGENT_POD_NAMESPACE as agent.yaml does, else an App may take it away",
               "pod", k->pod, "namespace", k->pod_namespace, NULL);
    }
}

enum cm_rc agent_kube_new(struct cm_loop *loop, struct cm_http *http,
                          const struct agent_kube_config *config, struct agent_driver **out,
                          struct cm_err *err) {
    struct agent_kube *k = cm_new(1, sizeof(*k));
    k->driver.ops = &kube_ops;
    k->driver.observes = config->observes;
    kube_survey_init(k, config->survey);
    k->loop = loop;
    k->field_manager = cm_strdup(or_default(config->field_manager, "holdfast"));
    k->verify_ms = config->verify_ms > 0 ? config->verify_ms : DAY_MS;
    k->max_in_flight = config->max_in_flight > 0 ? (size_t)config->max_in_flight : IN_FLIGHT;
    k->remember = (struct cm_timer){.run = kube_applyset_remembers, .ctx = k};
    init_lists(k);
    kube_audited_init(k, or_default(config->audit_log, NULL), config->audit_wait_ms, config->disk);
    kube_applyset_init(&k->applyset, "",
                       or_default(config->inventory_namespace, "holdfast-system"));
    enum cm_rc rc = load_access(config, &k->access, err);
    rc = rc < 0 ? rc : make_endpoint(k, http, err);
    if (rc < 0) {
        free_driver(&k->driver);
        return rc;
    }
    know_pod(k, config);
    *out = &k->driver;
    return CM_OK;
}
