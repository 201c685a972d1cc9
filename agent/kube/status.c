#include "agent/kube/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/kube/resources.h"
#include "common/json.h"

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static bool has_cause(const struct cm_json *answer, const char *reason) {
    const struct cm_json *causes = cm_json_path(answer, "details", "causes", NULL);

    if (causes == NULL || causes->type != CM_ARRAY) {
        return false;
    }
    for (const struct cm_json *c = causes->first; c != NULL; c = c->next) {
        if (strcmp(text_of(c, "reason"), reason) == 0) {
            return true;
        }
    }
    return false;
}

static const char *words_of(const struct cm_json *answer) {
    const char *message = text_of(answer, "message");

    return message[0] == '\0' ? "the API server gives no reason" : message;
}

// list_verbs turns "patch and create" into a list of YAML.
static const char *list_verbs(const char *verbs, char *out, size_t size) {
    static const char glue[] = " and ";
    const char *second = strstr(verbs, glue);

    if (second == NULL) {
        (void)snprintf(out, size, "\"%s\"", verbs);
    } else {
        (void)snprintf(out, size, "\"%.*s\", \"%s\"", (int)(second - verbs), verbs,
                       second + sizeof(glue) - 1);
    }
    return out;
}

static enum cm_rc forbidden(const struct kube_asked *asked, const struct cm_json *answer,
                            struct cm_err *err) {
    const char *words = words_of(answer);

    if (strstr(words, "attempting to grant RBAC permissions") != NULL) {
        return cm_fail(err, CM_EAUTH,
                       "%.380s; give the agent these permissions too, or the verb escalate", words);
    }
    // Quotas, policies and namespaces that go away say "forbidden" too.
    if (strstr(words, "cannot ") == NULL || asked->resource == NULL) {
        return cm_fail(err, CM_EBUSY, "%.480s", words);
    }
    char where[160] = "";
    char verbs[64];
    if (asked->ns[0] != '\0') {
        (void)snprintf(where, sizeof(where), " in namespace '%s'", asked->ns);
    }
    return cm_fail(err, CM_EAUTH,
                   "the agent may not %s %s%s: add {apiGroups: [\"%s\"], resources: [\"%s\"], "
                   "verbs: [%s]} to its role; the API server says: %s",
                   asked->verbs, asked->resource->plural, where, asked->resource->group,
                   asked->resource->plural, list_verbs(asked->verbs, verbs, sizeof(verbs)), words);
}

static enum cm_rc not_found(const struct kube_asked *asked, const struct cm_json *answer,
                            struct cm_err *err) {
    const struct cm_json *details = cm_json_get(answer, "details");
    const char *name = text_of(details, "name");

    if (strcmp(text_of(details, "kind"), "namespaces") == 0 && strcmp(name, asked->ns) == 0 &&
        asked->ns[0] != '\0') {
        return cm_fail(err, CM_EBUSY, "namespace '%s' does not exist: add it to an App", name);
    }
    if (name[0] != '\0' && asked->name != NULL && strcmp(name, asked->name) == 0) {
        return cm_fail(err, CM_ENOTFOUND, "%.480s", words_of(answer));
    }
    return cm_fail(err, CM_EBUSY, "the API server no longer knows this kind: %.400s",
                   words_of(answer));
}

static enum cm_rc conflict(const struct cm_json *answer, struct cm_err *err) {
    if (strstr(words_of(answer), "Precondition failed") != NULL ||
        strstr(words_of(answer), "the UID in the precondition") != NULL) {
        return cm_fail(err, CM_EEXISTS, "%.480s", words_of(answer));
    }
    return cm_fail(err, CM_EBUSY, "%.480s", words_of(answer));
}

enum cm_rc kube_status_error(const struct kube_asked *asked, int status,
                             const struct cm_json *answer, struct cm_err *err) {
    if (has_cause(answer, "NamespaceTerminating")) {
        return cm_fail(err, CM_EBUSY, "namespace '%s' is being deleted", asked->ns);
    }
    switch (status) {
    case 401:
        return cm_fail(err, CM_EAUTH, "the API server does not accept the agent's credentials");
    case 403:
        return forbidden(asked, answer, err);
    case 404:
        return not_found(asked, answer, err);
    case 409:
        return conflict(answer, err);
    case 429:
        return cm_fail(err, CM_EBUSY, "the API server has too much to do: %.400s",
                       words_of(answer));
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
        return cm_fail(err, CM_EINVAL, "%.480s", words_of(answer));
    default:
        return cm_fail(err, CM_EBUSY, "the API server answers %d: %.400s", status,
                       words_of(answer));
    }
}
