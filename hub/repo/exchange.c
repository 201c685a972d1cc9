#include "hub/repo/exchange.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

// A push has a few nodes for each file.
static const struct cm_json_limits limits = {
    .max_bytes = HUB_EXCHANGE_MAX, .max_depth = 8, .max_nodes = 100 + 20 * HUB_PUSH_EDITS_MAX};

// The texts of a source, in one table for both directions.
static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    {"name", offsetof(struct hub_repo_source, name)},
    {"url", offsetof(struct hub_repo_source, url)},
    {"branch", offsetof(struct hub_repo_source, branch)},
    {"tag", offsetof(struct hub_repo_source, tag)},
    {"semver", offsetof(struct hub_repo_source, semver)},
    {"commit", offsetof(struct hub_repo_source, commit)},
    {"token", offsetof(struct hub_repo_source, token)},
    {"username", offsetof(struct hub_repo_source, username)},
    {"password", offsetof(struct hub_repo_source, password)},
    {"caFile", offsetof(struct hub_repo_source, ca_file)},
    {"sshKeyFile", offsetof(struct hub_repo_source, ssh_key_file)},
    {"sshPassphrase", offsetof(struct hub_repo_source, ssh_passphrase)},
    {"knownHosts", offsetof(struct hub_repo_source, known_hosts)},
    {"inForce", offsetof(struct hub_repo_source, in_force)},
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const struct {
    const char *key;
    size_t offset; // of an int64_t or uint64_t
} numbers[] = {
    {"deadlineMs", offsetof(struct hub_repo_limits, deadline_ms)},
    {"silenceMs", offsetof(struct hub_repo_limits, silence_ms)},
    {"maxReceivedBytes", offsetof(struct hub_repo_limits, max_received_bytes)},
    {"maxObjects", offsetof(struct hub_repo_limits, max_objects)},
    {"maxObjectBytes", offsetof(struct hub_repo_limits, max_object_bytes)},
    {"maxMemoryBytes", offsetof(struct hub_repo_limits, max_memory_bytes)},
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static char *finish(const struct cm_json *root) {
    struct cm_str text = {0};

    cm_json_write_compact(root, &text);
    return cm_str_take(&text);
}

void hub_exchange_put_text(struct cm_arena *a, struct cm_json *object, const char *key,
                           const char *text) {
    if (text != NULL) {
        struct cm_json *node = cm_json_new(a, CM_STRING);

        node->key = key;
        node->text = text;
        node->len = strlen(text);
        cm_json_append(object, node);
    }
}

void hub_exchange_put_id(struct cm_arena *a, struct cm_json *object, const char *key,
                         const struct hub_repo_id *id) {
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(id, hex);
    cm_json_set_string(a, object, key, hex);
}

bool hub_exchange_id(const struct cm_json *object, const char *key, struct hub_repo_id *out) {
    const char *hex = cm_json_string(cm_json_get(object, key));

    return hex != NULL && hub_repo_id_parse(hex, out);
}

// size_of is at least what a tree takes as text. Escapes make six characters of one.
static size_t size_of(const struct cm_json *node) {
    size_t size = 32 + (node->key != NULL ? strlen(node->key) : 0) +
                  (node->type == CM_STRING ? 6 * node->len : 0);

    if (node->type == CM_OBJECT || node->type == CM_ARRAY) {
        for (const struct cm_json *n = node->first; n != NULL; n = n->next) {
            size += size_of(n);
        }
    }
    return size;
}

// finish_secret writes a tree into memory that is large enough from the start, so that no part of
// it is left elsewhere.
static char *finish_secret(const struct cm_json *root) {
    struct cm_str text = {0};

    text.capacity = 4 + size_of(root);
    text.data = cm_new(text.capacity, 1);
    cm_json_write_compact(root, &text);
    return cm_str_take(&text);
}

static struct cm_json *write_copy(struct cm_arena *a, const struct hub_repo_copy *copy) {
    struct cm_json *out = cm_json_new(a, CM_OBJECT);
    struct cm_json *branches = cm_json_new(a, CM_ARRAY);

    cm_json_set_string(a, out, "from", copy->from);
    for (size_t i = 0; i < copy->branch_count; i++) {
        cm_json_append(branches, cm_json_new_string(a, copy->branches[i]));
    }
    cm_json_set(a, out, "branches", branches);
    return out;
}

static enum cm_rc take_copy(struct cm_arena *a, const struct cm_json *root, struct hub_request *out,
                            struct cm_err *err) {
    const struct cm_json *node = cm_json_get(root, "copy");
    const struct cm_json *branches = cm_json_get(node, "branches");
    size_t count = branches != NULL && branches->type == CM_ARRAY ? branches->count : 0;
    const char **names = cm_arena_get(a, (count + 1) * sizeof(*names));
    struct hub_repo_copy *copy = cm_arena_get(a, sizeof(*copy));
    const struct cm_json *at = count == 0 ? NULL : branches->first;

    *copy = (struct hub_repo_copy){.from = cm_json_string(cm_json_get(node, "from")),
                                   .branches = names};
    for (; at != NULL && cm_json_string(at) != NULL; at = at->next) {
        names[copy->branch_count++] = at->text;
    }
    if (copy->from == NULL || count == 0 || copy->branch_count < count) {
        return cm_fail(err, CM_EINVAL, "the request of a copy makes no sense");
    }
    out->copy = copy;
    return CM_OK;
}

char *hub_request_write(const struct hub_request *request) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *root = cm_json_new(a, CM_OBJECT);

    cm_json_set_int(a, root, "verb", request->verb);
    cm_json_set_int(a, root, "parent", request->parent);
    cm_json_set_string(a, root, "folder", request->folder);
    cm_json_set_bool(a, root, "allowPrivateHosts", request->source.allow_private_hosts);
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = NULL;

        memcpy(&text, (const char *)&request->source + texts[i].offset, sizeof(text));
        hub_exchange_put_text(a, root, texts[i].key, text);
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        int64_t number = 0;

        memcpy(&number, (const char *)&request->limits + numbers[i].offset, sizeof(number));
        cm_json_set_int(a, root, numbers[i].key, number);
    }
    if (request->push != NULL) {
        cm_json_set(a, root, "push", hub_push_write(a, request->push));
    }
    if (request->copy != NULL) {
        cm_json_set(a, root, "copy", write_copy(a, request->copy));
    }
    return finish_secret(root);
}

static enum cm_rc take_push(struct cm_arena *a, const struct cm_json *root, struct hub_request *out,
                            struct cm_err *err) {
    struct hub_repo_push *push = cm_arena_get(a, sizeof(*push));

    if (hub_push_read(a, cm_json_get(root, "push"), push, err) < 0) {
        return err->code;
    }
    out->push = push;
    return CM_OK;
}

enum cm_rc hub_request_read(struct cm_arena *a, const char *text, size_t size,
                            struct hub_request *out, struct cm_err *err) {
    struct hub_request request = {0};
    struct cm_json *root = NULL;

    if (cm_json_parse(a, text, size, &limits, &root, err) < 0) {
        return cm_wrap(err, "read the request");
    }
    int64_t verb = cm_json_int(cm_json_get(root, "verb"), -1);
    request.parent = (pid_t)cm_json_int(cm_json_get(root, "parent"), 0);
    request.folder = cm_json_string(cm_json_get(root, "folder"));
    request.source.allow_private_hosts = cm_json_true(cm_json_get(root, "allowPrivateHosts"));
    for (size_t i = 0; i < TEXTS; i++) {
        const char *value = cm_json_string(cm_json_get(root, texts[i].key));

        memcpy((char *)&request.source + texts[i].offset, &value, sizeof(value));
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        int64_t value = cm_json_int(cm_json_get(root, numbers[i].key), 0);

        memcpy((char *)&request.limits + numbers[i].offset, &value, sizeof(value));
    }
    if (request.folder == NULL || verb < HUB_REQUEST_FETCH || verb > HUB_REQUEST_PRUNE) {
        return cm_fail(err, CM_EINVAL, "the request names no folder, or nothing to do there");
    }
    request.verb = (enum hub_request_verb)verb;
    if (request.verb == HUB_REQUEST_PUSH && take_push(a, root, &request, err) < 0) {
        return err->code;
    }
    if (request.verb == HUB_REQUEST_COPY && take_copy(a, root, &request, err) < 0) {
        return err->code;
    }
    *out = request;
    return CM_OK;
}

char *hub_answer_write(const struct hub_answer *answer) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *root = cm_json_new(a, CM_OBJECT);

    cm_json_set_int(a, root, "code", answer->err.code);
    cm_json_set_int(a, root, "trouble", answer->trouble);
    if (answer->err.code != CM_OK) {
        cm_json_set_string(a, root, "message", answer->err.msg);
        return finish(root);
    }
    hub_exchange_put_id(a, root, "commit", &answer->fetched.commit);
    hub_exchange_put_id(a, root, "before", &answer->fetched.before);
    cm_json_set_string(a, root, "ref", answer->fetched.ref);
    cm_json_set_bool(a, root, "changed", answer->fetched.changed);
    cm_json_set_bool(a, root, "rewound", answer->fetched.rewound);
    cm_json_set_int(a, root, "receivedBytes", (int64_t)answer->fetched.received_bytes);
    cm_json_set_int(a, root, "packs", (int64_t)answer->fetched.packs);
    cm_json_set_int(a, root, "made", (int64_t)answer->made);
    return finish(root);
}

static bool read_fetched(const struct cm_json *root, struct hub_repo_fetched *out) {
    const char *ref = cm_json_string(cm_json_get(root, "ref"));

    if (ref == NULL || strlen(ref) >= sizeof(out->ref)) {
        return false;
    }
    memcpy(out->ref, ref, strlen(ref) + 1);
    out->changed = cm_json_true(cm_json_get(root, "changed"));
    out->rewound = cm_json_true(cm_json_get(root, "rewound"));
    out->received_bytes = (uint64_t)cm_json_int(cm_json_get(root, "receivedBytes"), 0);
    out->packs = (size_t)cm_json_int(cm_json_get(root, "packs"), 0);
    return hub_exchange_id(root, "commit", &out->commit) &&
           hub_exchange_id(root, "before", &out->before);
}

enum cm_rc hub_answer_read(const char *text, size_t size, struct hub_answer *out,
                           struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_answer answer = {0};
    struct cm_json *root = NULL;

    if (cm_json_parse(a, text, size, &limits, &root, err) < 0) {
        return cm_wrap(err, "read the answer of the fetch");
    }

    int64_t code = cm_json_int(cm_json_get(root, "code"), 1);
    int64_t trouble = cm_json_int(cm_json_get(root, "trouble"), -1);
    if (code > CM_OK || code < CM_ECANCELED || trouble < HUB_REPO_FINE ||
        trouble > HUB_REPO_WENT_BACK || (code == CM_OK && !read_fetched(root, &answer.fetched))) {
        return cm_fail(err, CM_EIO, "the answer of the fetch makes no sense");
    }
    answer.trouble = (enum hub_repo_trouble)trouble;
    answer.made = (size_t)cm_json_int(cm_json_get(root, "made"), 0);
    answer.err.code = (enum cm_rc)code;
    if (code != CM_OK) {
        const char *message = cm_json_string(cm_json_get(root, "message"));

        (void)cm_fail(&answer.err, answer.err.code, "%s", message != NULL ? message : "");
    }
    *out = answer;
    return CM_OK;
}
