#include "agent/kube/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/kube/resources.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    WORDS_MAX = 380, // of the server's own in a message; the rest of it is ours
    WORDS_HEAD = 140,
    WHO_MAX = 180,
    FIELDS_MAX = 200, // a list of fields that is as long is not made longer
};

#define TAKEN "FieldManagerConflict"

// What the API server says, fit for a message.
struct words {
    char text[WORDS_MAX + 1];
};

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static const struct cm_json *causes_of(const struct cm_json *answer) {
    const struct cm_json *causes = cm_json_path(answer, "details", "causes", NULL);

    return causes == NULL || causes->type != CM_ARRAY ? NULL : causes->first;
}

static bool has_cause(const struct cm_json *answer, const char *reason) {
    const struct cm_json *c = causes_of(answer);

    while (c != NULL && strcmp(text_of(c, "reason"), reason) != 0) {
        c = c->next;
    }
    return c != NULL;
}

static bool is_blank(const char *text) {
    while (*text != '\0' && (unsigned char)*text <= ' ') {
        text++;
    }
    return *text == '\0';
}

static const char *message_of(const struct cm_json *answer) {
    const char *message = text_of(answer, "message");

    return is_blank(message) ? "the API server gives no reason" : message;
}

// flatten puts a text on one line: a list of errors has one on each.
static void flatten(const char *text, struct cm_str *out) {
    for (; *text != '\0'; text++) {
        bool blank = (unsigned char)*text <= ' ';

        if (!blank) {
            cm_str_add_char(out, *text);
        } else if (out->len > 0 && out->data[out->len - 1] != ' ') {
            cm_str_add_char(out, ' ');
        }
    }
}

static bool is_inside_character(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

// fit makes words of a text. What is too long loses its middle: that is where the API server shows
// the whole value that it refuses; it begins with the field and ends with what is wrong.
static struct words fit(const char *text) {
    static const char gap[] = " ... ";
    struct cm_str flat = {0};
    struct words words;

    flatten(text, &flat);
    const char *all = cm_str_get(&flat);
    if (flat.len <= WORDS_MAX) {
        (void)snprintf(words.text, sizeof(words.text), "%s", all);
    } else {
        size_t head = WORDS_HEAD;
        size_t tail = flat.len - (WORDS_MAX - WORDS_HEAD - (sizeof(gap) - 1));
        while (is_inside_character(all[head])) {
            head--;
        }
        while (is_inside_character(all[tail])) {
            tail++;
        }
        (void)snprintf(words.text, sizeof(words.text), "%.*s%s%s", (int)head, all, gap, all + tail);
    }
    cm_str_done(&flat);
    return words;
}

static struct words words_of(const struct cm_json *answer) {
    return fit(message_of(answer));
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

// who says whose right is missing.
static const char *who(const struct kube_asked *asked, char *out, size_t size) {
    if (asked->account == NULL) {
        return "the agent";
    }
    (void)snprintf(out, size, "ServiceAccount '%.150s'", asked->account);
    return out;
}

static enum cm_rc may_not_impersonate(const struct kube_asked *asked, const struct cm_json *answer,
                                      struct cm_err *err) {
    const char *slash = strchr(asked->account, '/');

    return cm_fail(err, CM_EAUTH,
                   "the agent may not act as ServiceAccount '%.150s': add {apiGroups: [\"\"], "
                   "resources: [\"serviceaccounts\"], verbs: [\"impersonate\"]} to its Role in "
                   "namespace '%.*s' or its ClusterRole; the API server says: %s",
                   asked->account, slash == NULL ? 0 : (int)(slash - asked->account),
                   asked->account, words_of(answer).text);
}

static enum cm_rc forbidden(const struct kube_asked *asked, const struct cm_json *answer,
                            struct cm_err *err) {
    const char *message = message_of(answer);

    if (strstr(message, "attempting to grant RBAC permissions") != NULL) {
        char name[WHO_MAX];
        return cm_fail(err, CM_EAUTH, "%s; give %s these permissions too, or the verb escalate",
                       words_of(answer).text, who(asked, name, sizeof(name)));
    }
    // Quotas, policies and namespaces that go away say "forbidden" too; a webhook says what it
    // likes.
    if (strstr(message, "cannot ") == NULL || strstr(message, "denied the request") != NULL ||
        asked->resource == NULL) {
        return cm_fail(err, CM_EBUSY, "%s", words_of(answer).text);
    }
    if (strstr(message, "cannot impersonate") != NULL && asked->account != NULL) {
        return may_not_impersonate(asked, answer, err);
    }
    bool everywhere = asked->ns[0] == '\0';
    char where[160] = "";
    char name[WHO_MAX];
    char verbs[64];
    if (!everywhere) {
        (void)snprintf(where, sizeof(where), " in namespace '%s'", asked->ns);
    }
    return cm_fail(err, CM_EAUTH,
                   "%s may not %s %s%s: add {apiGroups: [\"%s\"], resources: [\"%s\"], "
                   "verbs: [%s]} to its %s; the API server says: %s",
                   who(asked, name, sizeof(name)), asked->verbs, asked->resource->plural, where,
                   asked->resource->group, asked->resource->plural,
                   list_verbs(asked->verbs, verbs, sizeof(verbs)),
                   everywhere ? "ClusterRole" : "Role there or its ClusterRole", message);
}

bool kube_status_is_homeless(int status, const struct cm_json *answer, const char *ns) {
    const struct cm_json *details = cm_json_get(answer, "details");

    return status == 404 && ns[0] != '\0' && strcmp(text_of(details, "kind"), "namespaces") == 0 &&
           strcmp(text_of(details, "name"), ns) == 0;
}

static enum cm_rc not_found(const struct kube_asked *asked, const struct cm_json *answer,
                            struct cm_err *err) {
    const struct cm_json *details = cm_json_get(answer, "details");
    const char *name = text_of(details, "name");

    if (kube_status_is_homeless(404, answer, asked->ns)) {
        return cm_fail(err, CM_EBUSY, "namespace '%s' does not exist: add it to an App", name);
    }
    if (name[0] != '\0' && asked->name != NULL && strcmp(name, asked->name) == 0) {
        return cm_fail(err, CM_ENOTFOUND, "%s", words_of(answer).text);
    }
    return cm_fail(err, CM_EBUSY, "the API server no longer knows this kind: %s",
                   words_of(answer).text);
}

// add_taken adds a field that somebody else has, and who:
//     {"reason":"FieldManagerConflict","field":".spec.replicas",
//      "message":"conflict with \"kubectl-edit\" using apps/v1"}
static void add_taken(struct cm_str *out, const struct cm_json *cause) {
    const char *field = text_of(cause, "field");
    const char *message = text_of(cause, "message");
    const char *name = strchr(message, '"');
    size_t length = name == NULL ? 0 : strcspn(name + 1, "\"");

    cm_str_addf(out, "%s%.100s is set by '%.*s'", out->len == 0 ? "" : ", ",
                field + (field[0] == '.' ? 1 : 0), (int)(length < 100 ? length : 100),
                name == NULL ? "" : name + 1);
}

bool kube_status_is_taken(const struct cm_json *answer, const char *field) {
    bool is_taken = false;

    for (const struct cm_json *c = causes_of(answer); c != NULL; c = c->next) {
        is_taken |= strcmp(text_of(c, "reason"), TAKEN) == 0;
        if (field != NULL && strcmp(text_of(c, "field"), field) != 0) {
            return false;
        }
    }
    return is_taken;
}

// taken tells of the fields that others have and that we were not to take.
static enum cm_rc taken(const struct cm_json *answer, struct cm_err *err) {
    struct cm_str fields = {0};
    size_t more = 0;
    char rest[40] = "";

    for (const struct cm_json *c = causes_of(answer); c != NULL; c = c->next) {
        if (strcmp(text_of(c, "reason"), TAKEN) != 0) {
            continue;
        }
        if (fields.len < FIELDS_MAX) {
            add_taken(&fields, c);
        } else {
            more++;
        }
    }
    if (more > 0) {
        (void)snprintf(rest, sizeof(rest), " (and %zu more)", more);
    }
    (void)cm_fail(err, CM_EINVAL,
                  "%.360s%s: take it out of the manifest, or write 'conflicts: force' in the App",
                  fit(cm_str_get(&fields)).text, rest);
    cm_str_done(&fields);
    return err->code;
}

static enum cm_rc conflict(const struct cm_json *answer, struct cm_err *err) {
    const char *message = message_of(answer);
    bool is_another = strstr(message, "Precondition failed") != NULL ||
                      strstr(message, "the UID in the precondition") != NULL;

    if (has_cause(answer, TAKEN)) {
        return taken(answer, err);
    }
    return cm_fail(err, is_another ? CM_EEXISTS : CM_EBUSY, "%s", words_of(answer).text);
}

// does_not_fit finds out that what we sent is not of its kind's form: an unknown field, a text
// where a number belongs, a key twice in a list. Server-side apply says so with 500, as if it were
// the server's fault:
//     failed to create typed patch object (shop/web; /v1, Kind=Service): .spec.prots: field not
//     declared in schema
static const char *does_not_fit(const struct cm_json *answer) {
    static const char words[] = "failed to create typed patch object (";
    const char *at = strstr(message_of(answer), words);
    const char *end = at == NULL ? NULL : strstr(at, "): ");

    return end == NULL ? NULL : end + 3;
}

// add_misfit takes the words over without what Go prints of the value: it is of no use to people,
// and may be a secret.
//     .data.word: expected string, got &value.valueUnstructured{Value:42}
static void add_misfit(struct cm_str *out, const char *misfit) {
    const char *value;

    while ((value = strstr(misfit, ", got &")) != NULL) {
        cm_str_add_n(out, misfit, (size_t)(value - misfit));
        misfit = value + strcspn(value, "\n");
    }
    cm_str_add(out, misfit);
}

static enum cm_rc failed(int status, const struct cm_json *answer, struct cm_err *err) {
    const char *misfit = does_not_fit(answer);

    if (misfit != NULL) {
        struct cm_str words = {0};

        add_misfit(&words, misfit);
        (void)cm_fail(err, CM_EINVAL, "the object does not fit the schema of its kind: %s",
                      fit(cm_str_get(&words)).text);
        cm_str_done(&words);
        return err->code;
    }
    return cm_fail(err, CM_EBUSY, "the API server answers %d: %s", status, words_of(answer).text);
}

// is_webhook_away: a webhook could not be asked, so nobody has said that the object is wrong.
//     Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post
//     "https://hook.shop.svc:443/?timeout=10s": no endpoints available for service "hook"
static bool is_webhook_away(const struct cm_json *answer) {
    const char *message = message_of(answer);

    return strstr(message, "failed calling webhook ") != NULL ||
           strstr(message, "conversion webhook for ") != NULL;
}

bool kube_status_is_early(int status, const struct cm_json *answer) {
    const char *message = message_of(answer);

    if (status == 404) {
        return true;
    }
    // One that hangs costs a place among the requests in flight each time.
    return is_webhook_away(answer) && strstr(message, "deadline exceeded") == NULL &&
           strstr(message, "imeout exceeded") == NULL;
}

enum cm_rc kube_status_error(const struct kube_asked *asked, int status,
                             const struct cm_json *answer, struct cm_err *err) {
    if (has_cause(answer, "NamespaceTerminating")) {
        return cm_fail(err, CM_EBUSY, "namespace '%s' is being deleted", asked->ns);
    }
    if (is_webhook_away(answer)) {
        return cm_fail(err, CM_EBUSY,
                       "a webhook does not answer, which is tried again until it does: %s",
                       words_of(answer).text);
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
        return cm_fail(err, CM_EBUSY, "the API server has too much to do: %s",
                       words_of(answer).text);
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
        return cm_fail(err, CM_EINVAL, "%s", words_of(answer).text);
    default:
        return failed(status, answer, err);
    }
}
