#include "agent/kube/rollout.h"

#include <string.h>

#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

const char *kube_rollout_text(const struct cm_json *object, const char *name) {
    const char *text = cm_json_string(cm_json_get(object, name));

    return text == NULL ? "" : text;
}

int64_t kube_rollout_time(const struct cm_json *object, const char *name) {
    int64_t ms = 0;

    return cm_clock_parse(kube_rollout_text(object, name), &ms) ? ms : 0;
}

const struct cm_json *kube_rollout_condition(const struct cm_json *object, const char *type) {
    const struct cm_json *all = cm_json_path(object, "status", "conditions", NULL);

    if (all == NULL || all->type != CM_ARRAY) {
        return NULL;
    }
    for (const struct cm_json *c = all->first; c != NULL; c = c->next) {
        if (strcmp(kube_rollout_text(c, "type"), type) == 0) {
            return c;
        }
    }
    return NULL;
}

// number_of reads what Argo Rollouts writes as a string and others as a number.
static int64_t number_of(const struct cm_json *node) {
    const char *text = cm_json_string(node);
    int64_t n = 0;

    if (text == NULL) {
        return cm_json_int(node, -1);
    }
    for (; *text >= '0' && *text <= '9' && n < INT64_MAX / 100; text++) {
        n = 10 * n + (*text - '0');
    }
    return *text == '\0' ? n : -1;
}

bool kube_rollout_is_current(const struct cm_json *object) {
    int64_t now = number_of(cm_json_path(object, "metadata", "generation", NULL));
    int64_t seen = number_of(cm_json_path(object, "status", "observedGeneration", NULL));

    return seen >= 0 && seen >= now;
}

static const struct cm_json *follow(const struct cm_json *fields, const char *const *path) {
    for (; fields != NULL && *path != NULL; path++) {
        fields = cm_json_get(fields, *path);
    }
    return fields;
}

const char *kube_rollout_manager(const struct cm_json *object, const char *const *path,
                                 const char *only, int64_t *at_ms) {
    const struct cm_json *all = cm_json_path(object, "metadata", "managedFields", NULL);
    const char *found = "";

    *at_ms = 0;
    if (all == NULL || all->type != CM_ARRAY) {
        return found;
    }
    for (const struct cm_json *m = all->first; m != NULL; m = m->next) {
        const char *name = kube_rollout_text(m, "manager");
        int64_t when = kube_rollout_time(m, "time");

        if ((only == NULL || strcmp(name, only) == 0) && when >= *at_ms &&
            follow(cm_json_get(m, "fieldsV1"), path) != NULL) {
            *at_ms = when;
            found = name;
        }
    }
    return found;
}

// is_controller: Argo Rollouts writes defaults into each template that it sees.
static bool is_controller(const struct cm_json *m) {
    return strcmp(kube_rollout_text(m, "manager"), "rollouts-controller") == 0;
}

// is_undo: of all commands of kubectl that change a template only this one does not say which it
// is. What has the selector made the object: kubectl did before it said that at all (v1.17).
static bool is_undo(const struct cm_json *m) {
    static const char *const selector[] = {"f:spec", "f:selector", NULL};
    const char *name = kube_rollout_text(m, "manager");

    return strcmp(kube_rollout_text(m, "operation"), "Update") == 0 &&
           (strcmp(name, KUBE_ROLLOUT_KUBECTL) == 0 || strcmp(name, KUBE_ROLLOUT_PLUGIN) == 0) &&
           follow(cm_json_get(m, "fieldsV1"), selector) == NULL;
}

const char *kube_rollout_undoer(const struct cm_json *object, int64_t *at_ms) {
    static const char *const template[] = {"f:spec", "f:template", "f:spec", NULL};
    const struct cm_json *all = cm_json_path(object, "metadata", "managedFields", NULL);
    const struct cm_json *last = NULL;

    for (const struct cm_json *m = all != NULL && all->type == CM_ARRAY ? all->first : NULL;
         m != NULL; m = m->next) {
        int64_t when = kube_rollout_time(m, "time");
        bool later = last == NULL || when > *at_ms || (when == *at_ms && is_undo(m));

        if (later && !is_controller(m) && follow(cm_json_get(m, "fieldsV1"), template) != NULL) {
            *at_ms = when;
            last = m;
        }
    }
    return last != NULL && is_undo(last) ? kube_rollout_text(last, "manager") : NULL;
}

void kube_rollout_undo(const struct cm_json *workload, const char *controller,
                       struct kube_rollout_seen *seen, struct kube_rollout *out) {
    int64_t at_ms = 0;
    const char *who = kube_rollout_undoer(workload, &at_ms);

    if (who == NULL) {
        return;
    }
    out->token = ""; // which is not what was applied
    out->promoted = false;
    if (at_ms != seen->undone_ms) {
        kube_rollout_decide(out, controller, AGENT_VERDICT_UNDONE,
                            "the template was replaced by an older one", at_ms, who);
        out->decision.actor_ms = at_ms;
    }
    seen->undone_ms = at_ms;
}

void kube_rollout_decide(struct kube_rollout *out, const char *controller,
                         enum agent_verdict verdict, const char *text, int64_t at_ms,
                         const char *actor) {
    out->decided = true;
    out->decision = (struct agent_decision){.controller = controller,
                                            .verdict = verdict,
                                            .bad = "",
                                            .good = "",
                                            .text = text,
                                            .weight = -1,
                                            .at_ms = at_ms,
                                            .actor = actor};
}

void kube_rollout_date(const struct cm_json *object, struct kube_rollout *out) {
    static const char *const status[] = {"f:status", NULL};
    struct agent_decision *d = &out->decision;

    if (out->decided && d->actor_ms == 0) {
        (void)kube_rollout_manager(object, status, d->actor, &d->actor_ms);
    }
}

uint64_t kube_rollout_print(const char *token) {
    return token[0] == '\0' ? 0 : kube_hash(0, token, strlen(token));
}

void kube_rollout_add_form(struct cm_arena *a, const struct cm_json *workload,
                           struct kube_rollout *out) {
    const struct cm_json *template = cm_json_path(workload, "spec", "template", NULL);
    bool undone = out->decided && out->decision.verdict == AGENT_VERDICT_UNDONE;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (template == NULL || (!out->promoted && !undone)) {
        return;
    }
    cm_json_write_canonical(template, &text);
    const char *form =
        cm_arena_strf(a, ":%016llx", (unsigned long long)kube_rollout_print(cm_str_get(&text)));
    if (out->promoted) {
        out->token = cm_arena_strf(a, "%s%s", out->token, form);
    }
    if (undone) {
        out->decision.good = form;
    }
}

// ---- What kubectl does with any workload

// Where it says since when, and in managedFields who said it: `kubectl rollout restart`, and that
// of Argo Rollouts' plugin.
#define RESTARTED_AT "kubectl.kubernetes.io/restartedAt"
#define RESTARTED_FIELD "f:kubectl.kubernetes.io/restartedAt"
static const char *const by_kubectl[] = {"f:spec",        "f:template",    "f:metadata",
                                         "f:annotations", RESTARTED_FIELD, NULL};
static const char *const by_plugin[] = {"f:spec", "f:restartAt", NULL};

// changer_of is who set a field by hand, and when; NULL: nobody did, or it is applied.
static const char *changer_of(const struct cm_json *object, const char *const *path,
                              int64_t *at_ms) {
    const struct cm_json *all = cm_json_path(object, "metadata", "managedFields", NULL);

    if (all == NULL || all->type != CM_ARRAY) {
        return NULL;
    }
    for (const struct cm_json *m = all->first; m != NULL; m = m->next) {
        if (strcmp(kube_rollout_text(m, "operation"), "Update") == 0 &&
            follow(cm_json_get(m, "fieldsV1"), path) != NULL) {
            *at_ms = kube_rollout_time(m, "time");
            return kube_rollout_text(m, "manager");
        }
    }
    return NULL;
}

// controller_of is what the workload's own controller is called.
static const char *controller_of(struct cm_arena *a, const struct cm_json *workload) {
    const char *kind = kube_rollout_text(workload, "kind");
    char *name = cm_arena_strdup(a, kind);

    if (strcmp(kind, "Rollout") == 0) {
        return "argo-rollouts";
    }
    for (char *c = name; *c != '\0'; c++) {
        *c = cm_lower(*c);
    }
    return name;
}

void kube_rollout_restart(struct cm_arena *a, const struct cm_json *workload,
                          struct kube_rollout_seen *seen, struct kube_rollout *out) {
    const struct cm_json *spec = cm_json_get(workload, "spec");
    const struct cm_json *notes = cm_json_path(spec, "template", "metadata", "annotations", NULL);
    bool plugin = cm_json_get(spec, "restartAt") != NULL;
    const char *at =
        plugin ? kube_rollout_text(spec, "restartAt") : kube_rollout_text(notes, RESTARTED_AT);
    int64_t actor_ms = 0;
    const char *const *path = plugin ? by_plugin : by_kubectl;
    const char *who = at[0] == '\0' ? NULL : changer_of(workload, path, &actor_ms);
    int64_t at_ms = 0;

    *out = (struct kube_rollout){.token = ""};
    // An older one comes back when the template does (`kubectl rollout undo`).
    if (who != NULL && cm_clock_parse(at, &at_ms) && at_ms > seen->undone_ms) {
        kube_rollout_decide(out, controller_of(a, workload), AGENT_VERDICT_RESTARTED,
                            cm_arena_strf(a, "at %.40s, by hand", at), at_ms, who);
        out->decision.actor_ms = actor_ms;
        out->decision.first = !seen->known;
        seen->undone_ms = at_ms;
    }
    seen->known = true;
}

static bool has_come_up(const struct cm_json *set) {
    const struct cm_json *status = cm_json_get(set, "status");
    int64_t wanted = cm_json_int(cm_json_get(status, "desiredNumberScheduled"), 0);

    return wanted > 0 && kube_rollout_is_current(set) &&
           cm_json_int(cm_json_get(status, "updatedNumberScheduled"), 0) == wanted &&
           cm_json_int(cm_json_get(status, "numberAvailable"), 0) == wanted;
}

void kube_rollout_daemon_set(const struct cm_json *set, struct kube_rollout_seen *seen,
                             struct kube_rollout *out) {
    *out = (struct kube_rollout){.token = "", .promoted = has_come_up(set)};
    kube_rollout_undo(set, "daemonset", seen, out);
    out->decision.first = !seen->known && out->decided;
    seen->known = true;
}
