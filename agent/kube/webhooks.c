#include "agent/kube/webhooks.h"

#include <stddef.h>
#include <string.h>

#include "agent/driver.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

// is_in tells whether one of the forms is in a namespace.
static bool is_in(const struct agent_forms *forms, const struct cm_object_id *id,
                  const char *namespace) {
    const char *own = id->namespace[0] == '\0' ? forms->default_namespace : id->namespace;

    return strcmp(own, namespace) == 0;
}

static bool is_workload(const struct cm_object_id *id) {
    return strcmp(id->group, "apps") == 0 &&
           (strcmp(id->kind, "Deployment") == 0 || strcmp(id->kind, "StatefulSet") == 0 ||
            strcmp(id->kind, "DaemonSet") == 0);
}

// selector_of finds the Service among the App's, and what it selects; NULL: it is not the App's.
static const struct cm_json *selector_of(const struct agent_forms *forms, const char *namespace,
                                         const char *name) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_object_id id;

    for (size_t i = 0; i < forms->count; i++) {
        if (cm_object_key_parse(a, forms->key(forms->ctx, i), &id) && id.group[0] == '\0' &&
            strcmp(id.kind, "Service") == 0 && strcmp(id.name, name) == 0 &&
            is_in(forms, &id, namespace)) {
            return cm_json_path(forms->form(forms->ctx, i), "spec", "selector", NULL);
        }
    }
    return NULL;
}

static bool is_selected(const struct cm_json *workload, const struct cm_json *selector) {
    const struct cm_json *labels =
        cm_json_path(workload, "spec", "template", "metadata", "labels", NULL);

    for (const struct cm_json *s = selector->first; s != NULL; s = s->next) {
        if (!cm_json_equal(s, cm_json_get(labels, s->key))) {
            return false;
        }
    }
    return true;
}

static void await_service(const struct cm_json *service, const struct agent_forms *forms,
                          bool *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *namespace = text_of(service, "namespace");
    const struct cm_json *selector = selector_of(forms, namespace, text_of(service, "name"));
    struct cm_object_id id;

    if (selector == NULL || selector->first == NULL) {
        return; // what answers is another App's, outside the cluster, or named by hand
    }
    for (size_t i = 0; i < forms->count; i++) {
        if (cm_object_key_parse(a, forms->key(forms->ctx, i), &id) && is_workload(&id) &&
            is_in(forms, &id, namespace)) {
            out[i] |= is_selected(forms->form(forms->ctx, i), selector);
        }
    }
}

void kube_webhooks_await(const struct cm_json *configuration, const struct agent_forms *forms,
                         bool *out) {
    const struct cm_json *list = cm_json_get(configuration, "webhooks");

    for (const struct cm_json *w = list == NULL || list->type != CM_ARRAY ? NULL : list->first;
         w != NULL; w = w->next) {
        const struct cm_json *service = cm_json_path(w, "clientConfig", "service", NULL);

        if (service != NULL && strcmp(text_of(w, "failurePolicy"), "Ignore") != 0) {
            await_service(service, forms, out);
        }
    }
}
