// exchange_push.c: how a push travels to the child.
#include "common/arena.h"
#include "common/json.h"
#include "hub/repo/exchange.h"

static struct cm_json *write_change(struct cm_arena *a, const struct hub_repo_change *change) {
    struct cm_json *out = cm_json_new(a, CM_OBJECT);
    struct cm_json *edits = cm_json_new(a, CM_ARRAY);

    hub_exchange_put_text(a, out, "message", change->message);
    hub_exchange_put_text(a, out, "name", change->author.name);
    hub_exchange_put_text(a, out, "email", change->author.email);
    cm_json_set_int(a, out, "at", change->authored_ms);
    for (size_t i = 0; i < change->edit_count; i++) {
        struct cm_json *edit = cm_json_new(a, CM_OBJECT);

        hub_exchange_put_text(a, edit, "path", change->edits[i].path);
        hub_exchange_put_text(a, edit, "text", change->edits[i].text);
        cm_json_append(edits, edit);
    }
    cm_json_set(a, out, "edits", edits);
    return out;
}

struct cm_json *hub_push_write(struct cm_arena *a, const struct hub_repo_push *push) {
    struct cm_json *out = cm_json_new(a, CM_OBJECT);
    struct cm_json *changes = cm_json_new(a, CM_ARRAY);

    hub_exchange_put_text(a, out, "ref", push->ref);
    hub_exchange_put_id(a, out, "base", &push->base);
    hub_exchange_put_id(a, out, "expected", &push->expected);
    cm_json_set_bool(a, out, "rebuild", push->rebuild);
    cm_json_set_bool(a, out, "remove", push->remove);
    hub_exchange_put_text(a, out, "name", push->committer.name);
    hub_exchange_put_text(a, out, "email", push->committer.email);
    cm_json_set_int(a, out, "at", push->committed_ms);
    hub_exchange_put_text(a, out, "signingKey", push->signing_key);
    for (size_t i = 0; i < push->change_count; i++) {
        cm_json_append(changes, write_change(a, &push->changes[i]));
    }
    cm_json_set(a, out, "changes", changes);
    return out;
}

static bool read_person(const struct cm_json *object, struct hub_repo_person *out) {
    out->name = cm_json_string(cm_json_get(object, "name"));
    out->email = cm_json_string(cm_json_get(object, "email"));
    return out->name != NULL && out->email != NULL;
}

static bool read_change(struct cm_arena *a, const struct cm_json *node,
                        struct hub_repo_change *out) {
    const struct cm_json *edits = cm_json_get(node, "edits");
    size_t count = edits != NULL && edits->type == CM_ARRAY ? edits->count : 0;
    struct hub_repo_edit *items = cm_arena_get(a, (count + 1) * sizeof(*items));
    const struct cm_json *at = count > 0 ? edits->first : NULL;

    for (size_t i = 0; i < count; i++, at = at->next) {
        items[i].path = cm_json_string(cm_json_get(at, "path"));
        items[i].text = cm_json_string(cm_json_get(at, "text"));
        if (items[i].path == NULL) {
            return false;
        }
    }
    out->edits = items;
    out->edit_count = count;
    out->message = cm_json_string(cm_json_get(node, "message"));
    out->authored_ms = cm_json_int(cm_json_get(node, "at"), 0);
    return out->message != NULL && read_person(node, &out->author);
}

static bool read_changes(struct cm_arena *a, const struct cm_json *list,
                         struct hub_repo_push *out) {
    size_t count = list != NULL && list->type == CM_ARRAY ? list->count : 0;
    struct hub_repo_change *items = cm_arena_get(a, (count + 1) * sizeof(*items));
    const struct cm_json *at = count > 0 ? list->first : NULL;

    for (size_t i = 0; i < count; i++, at = at->next) {
        if (!read_change(a, at, &items[i])) {
            return false;
        }
    }
    out->changes = items;
    out->change_count = count;
    return true;
}

enum cm_rc hub_push_read(struct cm_arena *a, const struct cm_json *node, struct hub_repo_push *out,
                         struct cm_err *err) {
    struct hub_repo_push push = {0};

    push.ref = cm_json_string(cm_json_get(node, "ref"));
    push.committed_ms = cm_json_int(cm_json_get(node, "at"), 0);
    push.rebuild = cm_json_true(cm_json_get(node, "rebuild"));
    push.remove = cm_json_true(cm_json_get(node, "remove"));
    push.signing_key = cm_json_string(cm_json_get(node, "signingKey"));
    if (push.ref == NULL || !hub_exchange_id(node, "base", &push.base) ||
        !hub_exchange_id(node, "expected", &push.expected) || !read_person(node, &push.committer) ||
        !read_changes(a, cm_json_get(node, "changes"), &push)) {
        return cm_fail(err, CM_EINVAL, "the request of a push makes no sense");
    }
    *out = push;
    return CM_OK;
}
