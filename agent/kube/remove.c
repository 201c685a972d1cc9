// One removal: look whether it is ours, delete it, wait until it has gone. Only deleting is done in
// the App's name: what is gone already needs no rights of it. An apply that has to
// make an object anew does the same from the second step on.
//
// A release looks at the object like that and takes our labels off, and nothing else. What we set
// of it stays ours as a field manager: an App that comes back finds what to take away.
//
// A run begins like that, too; of what is in its way it also waits for the pods, so that two runs
// of a hook are never at work together.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

enum { PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 2000, PATIENCE_MS = 30000, LOOKS_MAX = 5 };

static void finish(struct kube_op *op) {
    struct cm_err ok = {0};

    if (op->type != KUBE_REMOVE && op->type != KUBE_RELEASE) {
        kube_op_cleared(op);
    } else {
        kube_op_done(op, &ok, 0, NULL);
    }
}

static void fail(struct kube_op *op, const struct kube_answer *answer, const char *verbs) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    const struct kube_resource *resource =
        kube_resolve(op->k, a, op->key, op->default_namespace, NULL, &ns);
    bool changes = strcmp(verbs, "get") != 0; // we ourselves look
    struct kube_asked asked = {verbs, resource, ns, NULL, changes ? op->account : NULL};
    struct cm_err err;

    (void)kube_answer_error(answer, &asked, &err);
    if (err.code == CM_EAUTH && changes) {
        kube_op_refused(op, &err);
        return;
    }
    if (err.code == CM_ENOTFOUND || err.code == CM_EEXISTS) {
        err.code = CM_EBUSY;
    }
    kube_op_done(op, &err, answer->retry_after_ms, NULL);
}

static void add_finalizers(struct cm_str *out, const struct cm_json *list) {
    if (list == NULL || list->type != CM_ARRAY) {
        return;
    }
    for (const struct cm_json *one = list->first; one != NULL; one = one->next) {
        const char *name = cm_json_string(one);

        cm_str_addf(out, "%s%s", out->len == 0 ? "" : ", ", name == NULL ? "?" : name);
    }
}

static void hangs(struct kube_op *op, const struct cm_json *live) {
    struct cm_str finalizers = {0};
    struct cm_err err;

    add_finalizers(&finalizers, cm_json_path(live, "metadata", "finalizers", NULL));
    add_finalizers(&finalizers, cm_json_path(live, "spec", "finalizers", NULL));
    (void)cm_fail(&err, CM_EBUSY, "%.200s is deleted but not gone after %d s: %s%.200s", op->key,
                  PATIENCE_MS / 1000,
                  finalizers.len == 0 ? "what it owns is not gone" : "held by finalizers ",
                  cm_str_get(&finalizers));
    cm_str_done(&finalizers);
    kube_op_done(op, &err, 0, NULL);
}

static void get(struct kube_op *op, kube_answer_fn done) {
    struct kube_request request = {.method = "GET", .path = op->path, .done = done, .ctx = op};

    op->call = kube_call(op->k, &request);
}

static void look_later(struct kube_op *op);

static void on_still_there(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (answer->status == 404 ||
        (kube_answer_ok(answer) && strcmp(kube_object_uid(answer->json), op->uid) != 0)) {
        finish(op);
    } else if (!kube_answer_ok(answer)) {
        fail(op, answer, "get");
    } else if (cm_clock_now_ms() - op->waiting_since_ms >= PATIENCE_MS) {
        hangs(op, answer->json);
    } else {
        look_later(op);
    }
}

static void on_timer(void *ctx) {
    get(ctx, on_still_there);
}

static void look_later(struct kube_op *op) {
    op->timer.run = on_timer;
    op->timer.ctx = op;
    cm_timer_start(op->k->loop, &op->timer, op->pause_ms);
    op->pause_ms = op->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : op->pause_ms * 2;
}

// is_another: the name belongs to another object by now. Webhooks and storage say 409 for other
// reasons, too.
static bool is_another(const struct kube_answer *answer) {
    static const struct kube_asked asked = {.verbs = "delete", .ns = ""};
    struct cm_err err;

    return answer->status == 409 && kube_answer_error(answer, &asked, &err) == CM_EEXISTS;
}

static void on_deleted(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;
    const char *kind = cm_json_string(cm_json_get(answer->json, "kind"));

    op->call = NULL;
    // A Status in a success says that it has gone; a live object comes back if something holds it.
    if (answer->status == 404 || is_another(answer) ||
        (kube_answer_ok(answer) && kind != NULL && strcmp(kind, "Status") == 0)) {
        finish(op);
        return;
    }
    if (!kube_answer_ok(answer)) {
        fail(op, answer, "delete");
        return;
    }
    op->waiting_since_ms = cm_clock_now_ms();
    op->pause_ms = PAUSE_MIN_MS;
    kube_op_linger(op);
    look_later(op);
}

// propagation_of: of what is in the way of a run all goes before that begins.
static const char *propagation_of(const struct kube_op *op) {
    static const char *const policies[] = {
        [AGENT_PROPAGATION_BACKGROUND] = "Background",
        [AGENT_PROPAGATION_FOREGROUND] = "Foreground",
        [AGENT_PROPAGATION_ORPHAN] = "Orphan",
    };

    return op->type == KUBE_RUN ? "Foreground" : policies[op->propagation];
}

void kube_remove_delete(struct kube_op *op) {
    CM_AUTOFREE char *body =
        cm_strf("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
                "\"propagationPolicy\":\"%s\",\"preconditions\":{\"uid\":\"%s\"}}",
                propagation_of(op), op->uid);
    struct kube_request request = {
        .method = "DELETE",
        .path = op->path,
        .content_type = "application/json",
        .body = body,
        .account = op->account,
        .done = on_deleted,
        .ctx = op,
    };

    op->call = kube_call(op->k, &request);
}

// is_ours: what we do not remember to have applied (it was found again, or we were stopped before
// we heard) must say itself that it was us.
static bool is_ours(const struct kube_op *op, const struct cm_json *live) {
    const struct kube_applyset *set = &op->k->applyset;
    bool shared =
        op->remembered || op->type == KUBE_RUN; // the label that all agents had once counts
    bool marked = kube_object_is_part_of(live, set->id) ||
                  (shared && kube_object_is_part_of(live, set->shared_id));

    // A quotation mark would end the string that the uid becomes in a body.
    return strchr(kube_object_uid(live), '"') == NULL && marked &&
           (op->remembered || kube_object_is_applied_by(live, op->k->field_manager)) &&
           (op->uid[0] == '\0' || strcmp(kube_object_uid(live), op->uid) == 0);
}

// is_unmarked tells whether it is the very object that we applied, and somebody took our label off.
static bool is_unmarked(const struct kube_op *op, const struct cm_json *live) {
    return op->uid[0] != '\0' && strcmp(kube_object_uid(live), op->uid) == 0 &&
           kube_object_label(live, KUBE_LABEL_PART_OF) == NULL;
}

static void leave(struct kube_op *op) {
    struct cm_err err;

    (void)cm_fail(&err, CM_EEXISTS,
                  "no longer in Git; it stays, because somebody took the label '%s' off it: delete "
                  "it by hand",
                  KUBE_LABEL_PART_OF);
    kube_op_done(op, &err, 0, NULL);
}

// leave_own: who deletes what the agent lives in deletes the agent, which then finishes nothing.
static void leave_own(struct kube_op *op) {
    struct cm_err err;

    (void)cm_fail(&err, CM_EEXISTS,
                  "no longer in Git; it stays, because this agent lives in it: delete it by hand");
    kube_op_done(op, &err, 0, NULL);
}

// not_ours: what has the name of a hook is nothing that we made.
static void not_ours(struct kube_op *op) {
    struct cm_err err;

    (void)cm_fail(&err, CM_EINVAL,
                  "%.300s is there already and was not made by this agent: delete it, or give the "
                  "hook another name",
                  op->key);
    kube_op_done(op, &err, 0, NULL);
}

// Releasing

// add_step begins a step of a patch (RFC 6902) at a label.
static void add_step(struct cm_str *out, const char *what, const char *label) {
    cm_str_addf(out, "{\"op\":\"%s\",\"path\":\"/metadata/labels/", what);
    for (; *label != '\0'; label++) {
        cm_str_add_n(out, *label == '/' ? "~1" : label, *label == '/' ? 2 : 1);
    }
    cm_str_add(out, "\"");
}

static void on_found(void *ctx, const struct kube_answer *answer);

static void on_released(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) || answer->status == 404) {
        finish(op);
    } else if ((answer->status == 409 || answer->status == 422) && op->looks < LOOKS_MAX) {
        get(op, on_found); // it was changed since it was looked at
    } else {
        fail(op, answer, "patch");
    }
}

// take_mark_off does nothing if it is not the object any more that was looked at.
static void take_mark_off(struct kube_op *op, const struct cm_json *live) {
    CM_AUTOFREE char *manager = cm_http_escape(op->k->field_manager);
    CM_AUTOFREE char *path = cm_strf("%s?fieldManager=%s", op->path, manager);
    CM_CLEANUP(cm_str_done) struct cm_str body = {0};

    cm_str_addf(&body, "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"%s\"},",
                kube_object_uid(live));
    add_step(&body, "test", KUBE_LABEL_PART_OF);
    cm_str_addf(&body, ",\"value\":\"%s\"},", kube_object_label(live, KUBE_LABEL_PART_OF));
    add_step(&body, "remove", KUBE_LABEL_PART_OF);
    if (kube_object_label(live, KUBE_LABEL_APP) != NULL) {
        cm_str_add(&body, "},");
        add_step(&body, "remove", KUBE_LABEL_APP);
    }
    cm_str_add(&body, "}]");
    struct kube_request request = {
        .method = "PATCH",
        .path = path,
        .content_type = "application/json-patch+json",
        .body = cm_str_get(&body),
        .account = op->account,
        .done = on_released,
        .ctx = op,
    };
    op->looks++;
    op->call = kube_call(op->k, &request);
}

static void remove_found(struct kube_op *op, const struct cm_json *live) {
    const char *ns = cm_json_string(cm_json_path(live, "metadata", "namespace", NULL));

    if (kube_op_is_own(op, ns == NULL ? "" : ns)) {
        leave_own(op);
        return;
    }
    free(op->uid);
    op->uid = cm_strdup(kube_object_uid(live));
    kube_remove_delete(op);
}

static void on_found(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (answer->status != 404 && !kube_answer_ok(answer)) {
        fail(op, answer, "get");
    } else if (answer->status != 404 && op->type == KUBE_RUN && !is_ours(op, answer->json)) {
        not_ours(op);
    } else if (answer->status != 404 && op->type == KUBE_REMOVE && is_unmarked(op, answer->json)) {
        leave(op);
    } else if (answer->status == 404 || !is_ours(op, answer->json)) {
        finish(op);
    } else if (op->type == KUBE_RELEASE) {
        take_mark_off(op, answer->json);
    } else {
        remove_found(op, answer->json);
    }
}

static void no_such_kind(struct kube_op *op) {
    struct cm_err err;

    if (op->round == 0) {
        kube_op_wait_for_kind(op);
    } else if (kube_resources_stale(op->k->resources)) {
        (void)cm_fail(&err, CM_EBUSY,
                      "%.300s: an extension of the API server is away, and it may be of its kinds",
                      op->key);
        kube_op_done(op, &err, KUBE_RETRY_MS, NULL);
    } else {
        finish(op); // no kind, no objects
    }
}

// alias_of finds another key of the same object: one that names its namespace and one that leaves
// it to the App mean the same. Such an object is still wanted.
static struct kube_entry *alias_of(const struct kube_op *op, struct cm_arena *a, const char *ns) {
    const char *place = kube_key_fill(a, op->key, ns);
    struct kube_entry *both[] = {cm_map_get(op->k->table.by_place, place),
                                 cm_map_get(op->k->table.by_key, place)};

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        if (both[i] != NULL && both[i]->tracked && strcmp(both[i]->key, op->key) != 0) {
            return both[i];
        }
    }
    return NULL;
}

void kube_remove_begin(struct kube_op *op) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    const struct kube_resource *resource =
        kube_resolve(op->k, a, op->key, op->default_namespace, NULL, &ns);

    if (resource == NULL) {
        no_such_kind(op);
        return;
    }
    struct kube_entry *alias = op->type == KUBE_RUN ? NULL : alias_of(op, a, ns);
    if (alias != NULL) {
        kube_entry_look(alias, false); // events came to the key that goes
        finish(op);
        return;
    }
    op->path = kube_resource_path(resource, ns, kube_key_name(op->key));
    op->entry = kube_entry_find(op->k, op->key);
    if (op->entry != NULL) {
        op->entry->op = op;
        op->entry->ahead = false;
    }
    kube_op_take_slot(op);
    get(op, on_found);
}
