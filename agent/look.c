#include "agent/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/driver.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum { AT_ONCE = 2 };

struct agent_look {
    struct agent_driver *driver;
    void (*send)(void *ctx, struct cm_buf *found);
    void *ctx;

    // The question that is being answered.
    struct cm_arena *arena; // NULL: none is
    uint32_t id;
    const char *ns;
    const char **keys;
    size_t count;
    size_t next;
    size_t in_flight;
    Holdfast__V1__OwnedObject *rows;
    size_t row_count;
    char error[WIRE_MESSAGE_MAX + 1];
};

// What was asked for one object.
struct one {
    struct agent_look *look;
    const char *key;
};

struct agent_look *agent_look_new(struct agent_driver *driver,
                                  void (*send)(void *ctx, struct cm_buf *found), void *ctx) {
    struct agent_look *l = cm_new(1, sizeof(*l));

    *l = (struct agent_look){.driver = driver, .send = send, .ctx = ctx};
    return l;
}

void agent_look_free(struct agent_look *l) {
    if (l != NULL) {
        cm_arena_free(l->arena);
        free(l);
    }
}

static void send(struct agent_look *l, uint32_t id, const char *error) {
    CM_AUTOFREE Holdfast__V1__OwnedObject **list = cm_new(l->row_count + 1, sizeof(*list));
    Holdfast__V1__Found found;

    holdfast__v1__found__init(&found);
    found.id = id;
    found.error = (char *)(uintptr_t)error; // packing only reads
    for (size_t i = 0; id == l->id && i < l->row_count; i++) {
        list[found.n_objects++] = &l->rows[i];
    }
    found.objects = list;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *packed = wire_pack(&found.base);
    l->send(l->ctx, packed);
}

static void finish(struct agent_look *l) {
    send(l, l->id, l->error);
    cm_arena_free(l->arena);
    l->arena = NULL;
    l->row_count = 0;
}

static void go_on(struct agent_look *l);

static void on_owner(void *ctx, const char *owner, const struct cm_err *error) {
    struct one *one = ctx;
    struct agent_look *l = one->look;

    l->in_flight--;
    if (error->code != CM_OK) {
        l->next = l->count; // the others would fare no better
        (void)snprintf(l->error, sizeof(l->error), "%s", error->msg);
    } else if (owner[0] != '\0') {
        Holdfast__V1__OwnedObject *row = &l->rows[l->row_count++];

        holdfast__v1__owned_object__init(row);
        row->key = (char *)(uintptr_t)one->key;
        row->owner = cm_arena_strdup(l->arena, owner);
    }
    go_on(l);
}

static void go_on(struct agent_look *l) {
    while (l->next < l->count && l->in_flight < AT_ONCE) {
        struct one *one = cm_arena_get(l->arena, sizeof(*one));

        *one = (struct one){l, l->keys[l->next++]};
        l->in_flight++;
        l->driver->ops->owner(l->driver, one->key, l->ns, on_owner, one);
    }
    if (l->in_flight == 0) {
        finish(l);
    }
}

static void begin(struct agent_look *l, uint32_t id, const char *ns, const char *const *keys,
                  size_t count) {
    struct cm_object_id parsed;

    l->arena = cm_arena_new(0);
    l->id = id;
    l->ns = cm_arena_strdup(l->arena, ns);
    l->keys = cm_arena_get(l->arena, (count + 1) * sizeof(*l->keys));
    l->rows = cm_arena_get(l->arena, (count + 1) * sizeof(*l->rows));
    l->count = 0;
    l->next = 0;
    l->error[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (cm_object_key_parse(l->arena, keys[i], &parsed)) {
            l->keys[l->count++] = cm_arena_strdup(l->arena, keys[i]);
        }
    }
    go_on(l);
}

void agent_look_ask(struct agent_look *l, uint32_t id, const char *ns, const char *const *keys,
                    size_t count) {
    if (l->arena != NULL) {
        send(l, id, "the agent looks for somebody else; try again");
    } else if (l->driver->ops->owner == NULL) {
        send(l, id, "this target knows no owners");
    } else {
        begin(l, id, ns, keys, count);
    }
}
