// Whether a form of a workload is what its controller runs already as the good one.
//
// A dry run of the apply says what the API server would make of it; the controller's own object
// says what it runs: Flagger's primary, the stable ReplicaSet of a Rollout, the ReplicaSet or the
// ControllerRevision of what came up last of a Deployment or StatefulSet, the workload itself if
// somebody went back by hand. If the pod templates are
// the same one, the form starts nothing: Flagger and Argo Rollouts promote it as it is, and the
// other two go back to what they have. The dry run takes fields from others only if an apply does;
// where a rule may let fields of the template be, nobody can tell.
//
// The same tells what was good before this agent applied anything: a form of the workload with the
// images of what its controller runs. All else of it stays as it is desired, for values that others
// have put there are not to be told.
//
// Nothing is changed, and each question is at most two requests.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/account.h"
#include "agent/kube/causes.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/same.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define REVISION "deployment.kubernetes.io/revision"
#define STABLE_LABEL "rollouts-pod-template-hash"

struct proving {
    struct agent_kube *k;
    struct cm_arena *arena;
    const char *key;
    const char *good;
    bool flagger;
    bool undone;  // somebody went back by hand: what runs is the workload itself
    bool rollout; // which refers to the workload
    const char *ns;
    const char *path;
    const struct cm_json *ours; // the template, as the server would have it
    const char *uid;
    agent_proof_fn done;
    struct cm_json *form;    // that gets the images of what runs
    agent_good_fn good_done; // then
    void *ctx;
    struct cm_task task; // where there is nothing to ask for
    const char *why;     // then
    bool later;          // good: the server did not answer, which says nothing
};

static void finish(struct proving *p, enum agent_proof proof, const char *text) {
    if (p->good_done != NULL) {
        p->good_done(p->ctx, NULL, p->later, text);
    } else {
        p->done(p->ctx, proof, text);
    }
    cm_arena_free(p->arena);
    free(p);
}

// is_no_answer tells whether the server may say something else a moment later.
static bool is_no_answer(const struct kube_answer *answer) {
    return answer->status == 0 || answer->status == 429 || answer->status >= 500;
}

static bool is_kind(const char *key, const char *kind) {
    size_t size = strlen(kind);

    return strncmp(key, kind, size) == 0 && key[size] == '/';
}

// ---- What the controller runs

static bool is_owned(const struct cm_json *object, const char *uid) {
    const struct cm_json *owners = cm_json_path(object, "metadata", "ownerReferences", NULL);

    for (const struct cm_json *o = owners == NULL ? NULL : owners->first; o != NULL; o = o->next) {
        const char *of = cm_json_string(cm_json_get(o, "uid"));

        if (of != NULL && strcmp(of, uid) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_rollout(const struct cm_json *object) {
    const struct cm_json *owners = cm_json_path(object, "metadata", "ownerReferences", NULL);
    const char *kind = cm_json_string(owners == NULL ? NULL : cm_json_get(owners->first, "kind"));

    return kind != NULL && strcmp(kind, "Rollout") == 0;
}

// is_good tells whether a ReplicaSet is of what was found to be good; of a Rollout all are that
// were asked for.
static bool is_good(const struct proving *p, const struct cm_json *set) {
    const char *revision =
        cm_json_string(cm_json_path(set, "metadata", "annotations", REVISION, NULL));

    if (p->rollout) {
        return is_of_rollout(set);
    }
    return is_owned(set, p->uid) && (!is_kind(p->key, "Deployment.apps") ||
                                     (revision != NULL && strcmp(revision, p->good) == 0));
}

static const struct cm_json *template_of(const struct proving *p, const struct cm_json *answer) {
    const struct cm_json *items = cm_json_get(answer, "items");

    if (items == NULL) {
        const struct cm_json *data = cm_json_get(answer, "data");

        return cm_json_path(data != NULL ? data : answer, "spec", "template", NULL);
    }
    for (const struct cm_json *i = items->first; i != NULL; i = i->next) {
        if (is_good(p, i)) {
            return cm_json_path(i, "spec", "template", NULL);
        }
    }
    return NULL;
}

static void finish_good(struct proving *p, const struct cm_json *theirs) {
    struct cm_json *ours = cm_json_get(cm_json_get(p->form, "spec"), "template");
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (kube_same_images(p->arena, ours, theirs) == 0) {
        finish(p, AGENT_PROOF_NONE, "what its controller runs has the same images");
        return;
    }
    cm_json_write_canonical(p->form, &text);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = cm_buf_copy(cm_str_get(&text), text.len);
    p->good_done(p->ctx, form, false, "");
    cm_arena_free(p->arena);
    free(p);
}

static void compare(struct proving *p, const struct cm_json *theirs) {
    const char *path = kube_same_template(p->arena, p->ours, theirs, p->flagger);

    if (path == NULL) {
        finish(p, AGENT_PROOF_SAME, "");
    } else {
        finish(p, AGENT_PROOF_DIFFERENT,
               cm_arena_strf(p->arena, "%.400s is not as in what runs", path));
    }
}

static void on_reference(void *ctx, const struct kube_answer *answer) {
    struct proving *p = ctx;
    const struct cm_json *theirs =
        kube_answer_ok(answer) && answer->json != NULL ? template_of(p, answer->json) : NULL;

    if (theirs == NULL) {
        p->later = is_no_answer(answer) || p->k->stopping;
        finish(p, AGENT_PROOF_NONE,
               kube_answer_ok(answer) || answer->status == 404
                   ? "what its controller runs as the good one is not there"
                   : cm_arena_strf(p->arena,
                                   "what its controller runs could not be read (status %d)",
                                   answer->status));
        return;
    }
    if (p->good_done != NULL) {
        finish_good(p, theirs);
    } else {
        compare(p, theirs);
    }
}

static void ask(struct proving *p, const char *path) {
    struct kube_request request = {.method = "GET", .path = path, .done = on_reference, .ctx = p};

    (void)kube_call(p->k, &request);
}

static void ask_sets(struct proving *p, const char *selector) {
    CM_AUTOFREE char *space = cm_http_escape(p->ns);
    CM_AUTOFREE char *labels = cm_http_escape(selector);
    CM_AUTOFREE char *path =
        cm_strf("/apis/apps/v1/namespaces/%s/replicasets?labelSelector=%s", space, labels);

    ask(p, path);
}

static void ask_primary(struct proving *p) {
    const char *question = strchr(p->path, '?');
    size_t size = question == NULL ? strlen(p->path) : (size_t)(question - p->path);
    CM_AUTOFREE char *path = cm_strf("%.*s-primary", (int)size, p->path);

    ask(p, path);
}

static void ask_itself(struct proving *p) {
    CM_AUTOFREE char *path = cm_strf("%.*s", (int)strcspn(p->path, "?"), p->path);

    ask(p, path);
}

static void ask_revision(struct proving *p) {
    CM_AUTOFREE char *space = cm_http_escape(p->ns);
    CM_AUTOFREE char *name = cm_http_escape(p->good);
    CM_AUTOFREE char *path =
        cm_strf("/apis/apps/v1/namespaces/%s/controllerrevisions/%s", space, name);

    ask(p, path);
}

// ask_reference asks for what the controller runs of a live object.
static void ask_reference(struct proving *p, const struct cm_json *live) {
    const char *stable = cm_json_string(cm_json_path(live, "status", "stableRS", NULL));
    const char *selector = kube_causes_selector(p->arena, live);

    if (p->undone) {
        ask_itself(p);
    } else if (p->flagger) {
        ask_primary(p);
    } else if (p->rollout && p->good[0] != '\0') { // whose tokens are these hashes
        ask_sets(p, cm_arena_strf(p->arena, STABLE_LABEL "=%.100s", p->good));
    } else if (is_kind(p->key, "Rollout.argoproj.io") && stable != NULL && stable[0] != '\0') {
        ask_sets(p, cm_arena_strf(p->arena, STABLE_LABEL "=%.100s", stable));
    } else if (is_kind(p->key, "Deployment.apps") && p->good[0] != '\0' && selector != NULL) {
        ask_sets(p, selector);
    } else if (is_kind(p->key, "StatefulSet.apps") && p->good[0] != '\0') {
        ask_revision(p);
    } else {
        finish(p, AGENT_PROOF_NONE, "it is not known what its controller runs as the good one");
    }
}

// ---- What it would be

static void on_dry_run(void *ctx, const struct kube_answer *answer) {
    struct proving *p = ctx;
    const struct cm_json *template =
        answer->json == NULL ? NULL : cm_json_path(answer->json, "spec", "template", NULL);
    struct kube_asked asked = {.verbs = "patch", .ns = p->ns};
    struct cm_err err;

    if (!kube_answer_ok(answer)) {
        (void)kube_answer_error(answer, &asked, &err);
        finish(p, AGENT_PROOF_NONE, cm_arena_strf(p->arena, "the dry run failed: %.400s", err.msg));
        return;
    }
    if (template == NULL || p->k->stopping) {
        finish(p, AGENT_PROOF_NONE, "it has no pod template");
        return;
    }
    p->ours = cm_json_copy(p->arena, template);
    p->uid = cm_arena_strdup(p->arena, kube_object_uid(answer->json));
    ask_reference(p, answer->json);
}

static void dry_run(struct proving *p, const char *app, const struct cm_json *desired) {
    struct agent_health_options options = {0};
    CM_AUTOFREE char *manager = cm_http_escape(p->k->field_manager);
    CM_CLEANUP(cm_str_done) struct cm_str body = {0};

    p->k->host.health(p->k->host.ctx, app, &options);
    CM_AUTOFREE char *path = cm_strf("%s?dryRun=All&fieldManager=%s&force=%s", p->path, manager,
                                     options.yields ? "false" : "true");
    kube_object_write(desired, &body);
    struct kube_request request = {
        .method = "PATCH",
        .path = path,
        .content_type = "application/apply-patch+yaml",
        .body = cm_str_get(&body),
        .account = kube_account_given(options.account),
        .done = on_dry_run,
        .ctx = p,
    };
    (void)kube_call(p->k, &request);
}

static void is_unasked(void *ctx) {
    struct proving *p = ctx;

    finish(p, AGENT_PROOF_NONE, p->why);
}

static enum cm_rc check_spared(const struct proving *p, struct cm_err *err) {
    const struct agent_driver_host *host = &p->k->host;
    size_t count = 0;
    const struct cm_spare_rule *rules = host->rules(host->ctx, p->key, &count);

    if (kube_same_is_spared(rules, count)) {
        return cm_fail(err, CM_EBUSY,
                       "a rule or an Exemption lets fields of its pod template be as they are");
    }
    return CM_OK;
}

static enum cm_rc read_object(struct proving *p, const struct agent_proof_ask *what,
                              struct cm_json **out, struct cm_err *err) {
    struct kube_mark mark = {p->k->applyset.id, what->app};
    enum cm_rc rc = cm_json_parse(p->arena, what->bytes, what->size, NULL, out, err);

    if (rc < 0) {
        return rc;
    }
    const char *version = cm_json_string(cm_json_get(*out, "apiVersion"));
    const char *slash = version == NULL ? NULL : strrchr(version, '/');
    const struct kube_resource *r = kube_resolve(p->k, p->arena, p->key, what->default_namespace,
                                                 slash == NULL ? version : slash + 1, &p->ns);
    if (r == NULL || p->k->reach != KUBE_UP || p->k->stopping) {
        return cm_fail(err, CM_EIO, "the agent does not reach the API server");
    }
    CM_AUTOFREE char *path = kube_resource_path(r, p->ns, kube_key_name(p->key));
    p->path = cm_arena_strdup(p->arena, path);
    return kube_object_prepare(p->arena, *out, &mark, p->ns, err);
}

static struct proving *begin(struct agent_kube *k, const struct agent_proof_ask *what, void *ctx) {
    struct proving *p = cm_new(1, sizeof(*p));

    *p = (struct proving){.k = k,
                          .arena = cm_arena_new(0),
                          .flagger = strcmp(what->controller, "flagger") == 0,
                          .ns = "",
                          .ctx = ctx,
                          .task = {.run = is_unasked, .ctx = p}};
    p->key = cm_arena_strdup(p->arena, what->key);
    p->rollout =
        strcmp(what->controller, "argo-rollouts") == 0 && is_kind(p->key, "Deployment.apps");
    p->good = cm_arena_strndup(p->arena, what->good, strcspn(what->good, ":"));
    p->undone = strcmp(what->controller, AGENT_PROOF_UNDONE) == 0;
    return p;
}

static void end_unasked(struct proving *p, const char *why) {
    p->why = cm_arena_strdup(p->arena, why);
    cm_loop_post(p->k->loop, &p->task);
}

void kube_prove(struct agent_kube *k, const struct agent_proof_ask *what, agent_proof_fn done,
                void *ctx) {
    struct proving *p = begin(k, what, ctx);
    struct cm_json *desired = NULL;
    struct cm_err err;

    p->done = done;
    if (read_object(p, what, &desired, &err) < 0 || check_spared(p, &err) < 0) {
        end_unasked(p, err.msg);
        return;
    }
    dry_run(p, what->app, desired);
}

// ---- What was good before

static void on_leader(void *ctx, const struct kube_answer *answer) {
    struct proving *p = ctx;
    const char *stable =
        answer->json == NULL
            ? NULL
            : cm_json_string(cm_json_path(answer->json, "status", "stableRS", NULL));

    if (!kube_answer_ok(answer) || stable == NULL || stable[0] == '\0' || p->k->stopping) {
        p->later = is_no_answer(answer) || p->k->stopping;
        finish(p, AGENT_PROOF_NONE, "its Rollout does not say what is stable");
        return;
    }
    p->uid = cm_arena_strdup(p->arena, kube_object_uid(answer->json));
    ask_sets(p, cm_arena_strf(p->arena, STABLE_LABEL "=%.100s", stable));
}

// ask_leader asks for the Rollout, which may be the workload itself.
static void ask_leader(struct proving *p, const struct agent_proof_ask *what) {
    const char *key = what->controller_key[0] == '\0' ? what->key : what->controller_key;
    const char *ns = "";
    const struct kube_resource *r =
        is_kind(key, "Rollout.argoproj.io")
            ? kube_resolve(p->k, p->arena, key, what->default_namespace, NULL, &ns)
            : NULL;

    if (r == NULL) {
        p->later = kube_resources_stale(p->k->resources);
        end_unasked(p, "it is not known what its controller runs as the good one");
        return;
    }
    CM_AUTOFREE char *path = kube_resource_path(r, ns, kube_key_name(key));
    struct kube_request request = {.method = "GET", .path = path, .done = on_leader, .ctx = p};

    (void)kube_call(p->k, &request);
}

static enum cm_rc read_form(struct proving *p, const struct agent_proof_ask *what,
                            struct cm_err *err) {
    struct cm_json *prepared = NULL;
    enum cm_rc rc = cm_json_parse(p->arena, what->bytes, what->size, NULL, &p->form, err);

    rc = rc < 0 ? rc : read_object(p, what, &prepared, err);
    if (rc == CM_OK && cm_json_path(p->form, "spec", "template", NULL) == NULL) {
        rc = cm_fail(err, CM_EINVAL, "it has no pod template");
    }
    return rc;
}

void kube_good(struct agent_kube *k, const struct agent_proof_ask *what, agent_good_fn done,
               void *ctx) {
    struct proving *p = begin(k, what, ctx);
    struct cm_err err;

    p->good_done = done;
    if (read_form(p, what, &err) < 0) {
        p->later = err.code == CM_EIO;
        end_unasked(p, err.msg);
    } else if (p->flagger) {
        ask_primary(p);
    } else {
        ask_leader(p, what);
    }
}
