#include "common/object/patch.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/pointer.h"
#include "common/str.h"

// What `copy` may make of a document altogether.
#define NODES_MAX ((size_t)1000 * 1000)

struct patching {
    const struct cm_patch *with;
    struct cm_json *document;
    const struct cm_json *operation;
    const struct cm_json *wrong;
    size_t nodes; // copied so far
};

// A place in the document: its holder, and the name or index in it. The holder of the whole
// document is NULL.
struct spot {
    struct cm_pointer pointer;
    struct cm_json *holder;
    const char *token;
    size_t index; // of a list; its length: behind the last element
};

// ---- Reading an operation

static enum cm_rc read_member(struct patching *p, const char *name, const struct cm_json **out,
                              struct cm_err *err) {
    const struct cm_json *node = cm_json_get(p->operation, name);

    if (node == NULL) {
        return cm_fail(err, CM_EINVAL, "the operation has no '%s': add it", name);
    }
    *out = node;
    return CM_OK;
}

static enum cm_rc read_pointer(struct patching *p, const char *name, struct spot *out,
                               struct cm_err *err) {
    const struct cm_json *node = NULL;
    enum cm_rc rc = read_member(p, name, &node, err);

    if (rc < 0) {
        return rc;
    }
    p->wrong = node;
    if (node->type != CM_STRING) {
        return cm_fail(err, CM_EINVAL, "'%s' must be a JSON pointer, not %s", name,
                       cm_json_type_name(node->type));
    }
    *out = (struct spot){0};
    return cm_pointer_parse(p->with->a, node->text, &out->pointer, err);
}

static enum cm_rc fail_missing(const struct spot *s, size_t depth, struct cm_err *err) {
    char path[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < depth && len + 2 < sizeof(path); i++) {
        size_t room = sizeof(path) - len - 1;
        size_t more = strlen(s->pointer.tokens[i]) + 1;

        more = more > room ? room : more;
        path[len] = '/';
        memcpy(path + len + 1, s->pointer.tokens[i], more - 1);
        len += more;
    }
    return cm_fail(err, CM_EINVAL,
                   "the object has no '%s' here: check the path, or add what is missing first",
                   path);
}

static enum cm_rc find_index(struct spot *s, bool may_append, struct cm_err *err) {
    bool at_end = strcmp(s->token, "-") == 0;
    size_t limit = s->holder->count + (may_append ? 1 : 0);

    s->index = s->holder->count;
    if ((at_end && may_append) || (cm_pointer_index(s->token, &s->index) && s->index < limit)) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "'%.100s' is no index of a list of %zu: use 0 to %zu%s",
                   s->token, s->holder->count, limit > 0 ? limit - 1 : 0,
                   may_append ? ", or '-' for its end" : "");
}

// find finds a place; `is_new`: it need not be there yet, but what it is in must.
static enum cm_rc find(struct patching *p, const char *name, bool is_new, struct spot *out,
                       struct cm_err *err) {
    struct spot s = {0};
    enum cm_rc rc = read_pointer(p, name, &s, err);

    if (rc < 0 || s.pointer.count == 0) {
        *out = rc < 0 ? (struct spot){0} : s;
        return rc;
    }
    size_t depth = s.pointer.count - 1;
    s.holder = cm_pointer_find(&s.pointer, depth, p->document);
    s.token = s.pointer.tokens[depth];
    if (s.holder == NULL || (s.holder->type != CM_ARRAY && s.holder->type != CM_OBJECT)) {
        return fail_missing(&s, depth, err);
    }
    if (s.holder->type == CM_ARRAY) {
        rc = find_index(&s, is_new, err);
    } else if (!is_new && cm_json_get(s.holder, s.token) == NULL) {
        rc = fail_missing(&s, s.pointer.count, err);
    }
    *out = s;
    return rc;
}

static struct cm_json *node_at(const struct patching *p, const struct spot *s) {
    return cm_pointer_find(&s->pointer, s->pointer.count, p->document);
}

// ---- Changing the document

static struct cm_json **link_at(struct cm_json *list, size_t index) {
    struct cm_json **link = &list->first;

    for (; index > 0; index--) {
        link = &(*link)->next;
    }
    return link;
}

static void find_last(struct cm_json *list) {
    list->last = list->first;
    while (list->last != NULL && list->last->next != NULL) {
        list->last = list->last->next;
    }
}

static void put(struct patching *p, const struct spot *s, struct cm_json *value) {
    value->key = NULL;
    value->next = NULL;
    if (s->holder == NULL) {
        p->document = value;
    } else if (s->holder->type == CM_OBJECT) {
        cm_json_set(p->with->a, s->holder, s->token, value);
    } else if (s->index == s->holder->count) {
        cm_json_append(s->holder, value);
    } else {
        struct cm_json **link = link_at(s->holder, s->index);

        value->next = *link;
        *link = value;
        s->holder->count++;
    }
}

static void take_out(const struct spot *s) {
    if (s->holder->type == CM_OBJECT) {
        (void)cm_json_remove(s->holder, s->token);
        return;
    }
    struct cm_json **link = link_at(s->holder, s->index);
    *link = (*link)->next;
    s->holder->count--;
    find_last(s->holder);
}

static enum cm_rc check_room(struct patching *p, const struct spot *s, const struct cm_json *value,
                             struct cm_err *err) {
    p->nodes += cm_json_nodes(value);
    if (p->nodes > NODES_MAX || s->pointer.count + cm_json_depth(value) > CM_JSON_DEPTH_MAX) {
        return cm_fail(err, CM_EINVAL, "the operations make too much of the object: copy less");
    }
    return CM_OK;
}

static enum cm_rc add(struct patching *p, const struct cm_json *value, struct cm_err *err) {
    struct spot to = {0};
    enum cm_rc rc = find(p, "path", true, &to, err);

    if (rc == CM_OK) {
        rc = check_room(p, &to, value, err);
    }
    if (rc == CM_OK) {
        put(p, &to, p->with->copy(p->with->ctx, value));
    }
    return rc;
}

// ---- The operations

static enum cm_rc do_add(struct patching *p, struct cm_err *err) {
    const struct cm_json *value = NULL;
    enum cm_rc rc = read_member(p, "value", &value, err);

    return rc < 0 ? rc : add(p, value, err);
}

static enum cm_rc do_remove(struct patching *p, struct cm_err *err) {
    struct spot at = {0};
    enum cm_rc rc = find(p, "path", false, &at, err);

    if (rc < 0) {
        return rc;
    }
    if (at.holder == NULL) {
        return cm_fail(err, CM_EINVAL, "the whole object cannot be removed: use 'remove: true'");
    }
    take_out(&at);
    return CM_OK;
}

static enum cm_rc do_replace(struct patching *p, struct cm_err *err) {
    const struct cm_json *value = NULL;
    struct spot at = {0};
    enum cm_rc rc = read_member(p, "value", &value, err);

    if (rc == CM_OK) {
        rc = find(p, "path", false, &at, err);
    }
    if (rc == CM_OK) {
        rc = check_room(p, &at, value, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (at.holder != NULL && at.holder->type == CM_ARRAY) {
        take_out(&at);
    }
    put(p, &at, p->with->copy(p->with->ctx, value));
    return CM_OK;
}

static enum cm_rc do_copy(struct patching *p, struct cm_err *err) {
    struct spot from = {0};
    enum cm_rc rc = find(p, "from", false, &from, err);

    return rc < 0 ? rc : add(p, node_at(p, &from), err);
}

// is_within tells whether `inner` is a place in the value at `outer`, and not that value itself.
static bool is_within(const struct cm_pointer *inner, const struct cm_pointer *outer) {
    size_t i = 0;

    while (i < outer->count && i < inner->count &&
           strcmp(inner->tokens[i], outer->tokens[i]) == 0) {
        i++;
    }
    return i == outer->count && inner->count > outer->count;
}

static enum cm_rc do_move(struct patching *p, struct cm_err *err) {
    struct spot from = {0};
    struct spot to = {0};
    enum cm_rc rc = find(p, "from", false, &from, err);

    if (rc == CM_OK) {
        rc = read_pointer(p, "path", &to, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (from.holder == NULL || is_within(&to.pointer, &from.pointer)) {
        return to.pointer.count == 0
                   ? CM_OK
                   : cm_fail(err, CM_EINVAL, "a value cannot be moved into itself: use 'copy'");
    }
    struct cm_json *value = node_at(p, &from);
    take_out(&from);
    rc = find(p, "path", true, &to, err);
    if (rc == CM_OK) {
        rc = check_room(p, &to, value, err);
    }
    if (rc == CM_OK) {
        put(p, &to, value);
    }
    return rc;
}

static enum cm_rc fail_test(const struct patching *p, const struct cm_json *found,
                            struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    bool holder = found->type == CM_ARRAY || found->type == CM_OBJECT;

    if (p->with->secret) {
        cm_str_add(&text, "another one");
    } else if (holder) {
        cm_str_add(&text, cm_json_type_name(found->type));
    } else {
        struct cm_json bare = *found;

        bare.next = NULL;
        bare.key = NULL;
        cm_json_write_compact(&bare, &text);
    }
    return cm_fail(err, CM_EINVAL,
                   "the value at '%.100s' is %.80s%s, not what the test expects: correct the test, "
                   "or remove it",
                   cm_json_string(cm_json_get(p->operation, "path")), cm_str_get(&text),
                   text.len > 80 ? "..." : "");
}

static enum cm_rc do_test(struct patching *p, struct cm_err *err) {
    const struct cm_json *value = NULL;
    struct spot at = {0};
    enum cm_rc rc = read_member(p, "value", &value, err);

    if (rc == CM_OK) {
        rc = find(p, "path", false, &at, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (!cm_json_equal(node_at(p, &at), value)) {
        p->wrong = value;
        return fail_test(p, node_at(p, &at), err);
    }
    return CM_OK;
}

static const struct {
    const char *name;
    enum cm_rc (*run)(struct patching *p, struct cm_err *err);
} operations_known[] = {
    {"add", do_add},   {"remove", do_remove}, {"replace", do_replace},
    {"move", do_move}, {"copy", do_copy},     {"test", do_test},
};

static enum cm_rc run(struct patching *p, struct cm_err *err) {
    const struct cm_json *op = cm_json_get(p->operation, "op");
    const char *name = cm_json_string(op);

    for (size_t i = 0; name != NULL && i < sizeof(operations_known) / sizeof(*operations_known);
         i++) {
        if (strcmp(operations_known[i].name, name) == 0) {
            return operations_known[i].run(p, err);
        }
    }
    p->wrong = op != NULL ? op : p->operation;
    return cm_fail(err, CM_EINVAL,
                   "an operation has an 'op' that is add, remove, replace, move, copy or test");
}

enum cm_rc cm_patch_apply(const struct cm_patch *with, const struct cm_json *document,
                          const struct cm_json *operations, struct cm_patched *out,
                          struct cm_err *err) {
    struct patching p = {.with = with, .wrong = operations};

    if (operations->type != CM_ARRAY) {
        out->wrong = operations;
        return cm_fail(err, CM_EINVAL, "a JSON patch is a list of operations, not %s",
                       cm_json_type_name(operations->type));
    }
    p.document = with->copy(with->ctx, document);
    p.nodes = cm_json_nodes(document);
    for (const struct cm_json *n = operations->first; n != NULL; n = n->next) {
        p.operation = p.wrong = n;
        enum cm_rc rc = run(&p, err);
        if (rc < 0) {
            out->wrong = p.wrong;
            return rc;
        }
    }
    out->document = p.document;
    return CM_OK;
}
