#include "tests/unit/agent/fake_driver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

struct request {
    struct cm_list in_requests;
    char *key;
    agent_applied_fn applied; // NULL: a removal
    agent_removed_fn removed;
    agent_tail_fn tail;
    void *ctx;
    struct agent_object object; // only its options
    char *account;
    agent_read_fn read; // NULL: it has begun
    bool anew;
};

struct fake_driver {
    struct agent_driver base;
    struct cm_list requests;
    size_t pending;
    size_t removes;
    size_t releases;
    enum agent_propagation propagation; // of the last removal
    size_t looks;
    char *before; // that was read last; NULL: there was none
    struct cm_map *tracked;
};

static struct fake_driver *self(struct agent_driver *d) {
    return CM_CONTAINER(d, struct fake_driver, base);
}

static struct request *add(struct fake_driver *f, const char *key, void *ctx) {
    struct request *r = cm_new(1, sizeof(*r));

    r->key = cm_strdup(key);
    r->ctx = ctx;
    cm_list_init(&r->in_requests);
    cm_list_append(&f->requests, &r->in_requests);
    f->pending++;
    return r;
}

static void apply(struct agent_driver *d, const struct agent_object *object, agent_applied_fn done,
                  void *ctx) {
    struct request *r = add(self(d), object->key, ctx);

    r->applied = done;
    r->object = (struct agent_object){.adopt = object->adopt,
                                      .yields = object->yields,
                                      .recreate = object->recreate,
                                      .sparing = object->sparing,
                                      .once = object->once};
    r->read = object->read;
    r->account = cm_strdup(object->account);
}

static void run(struct agent_driver *d, const struct agent_object *object, agent_applied_fn done,
                void *ctx) {
    struct request *r = add(self(d), object->key, ctx);

    r->applied = done;
    r->read = object->read;
    r->anew = true;
    r->account = cm_strdup(object->account);
}

static void tail(struct agent_driver *d, const char *key, agent_tail_fn done, void *ctx) {
    add(self(d), key, ctx)->tail = done;
}

static void remove_object(struct agent_driver *d, const struct agent_owned *object,
                          agent_removed_fn done, void *ctx) {
    self(d)->removes++;
    self(d)->propagation = object->propagation;
    struct request *r = add(self(d), object->key, ctx);

    r->removed = done;
    r->account = cm_strdup(object->account);
}

static void release_object(struct agent_driver *d, const struct agent_owned *object,
                           agent_removed_fn done, void *ctx) {
    self(d)->releases++;
    struct request *r = add(self(d), object->key, ctx);

    r->removed = done;
    r->account = cm_strdup(object->account);
}

static void track(struct agent_driver *d, const struct agent_owned *object) {
    cm_map_put(self(d)->tracked, object->key, d);
}

static void untrack(struct agent_driver *d, const char *key) {
    (void)cm_map_remove(self(d)->tracked, key);
}

static void observe(struct agent_driver *d, const char *key) {
    (void)key;
    self(d)->looks++;
}

static void place(const struct agent_driver *d, const char *key, struct agent_place *out) {
    bool is_namespace = strncmp(key, "Namespace/", 10) == 0;

    (void)d;
    *out = (struct agent_place){
        .rank = is_namespace                          ? 0
                : strncmp(key, "ConfigMap/", 10) == 0 ? 1
                                                      : 2,
        .gate = is_namespace,
        .precious = is_namespace,
        .awaits = strncmp(key, "Webhook/", 8) == 0,
    };
}

static const char *locate(const struct agent_driver *d, struct cm_arena *a, const char *key,
                          const char *default_namespace) {
    const char *slashes = strstr(key, "//");

    (void)d;
    return slashes == NULL || strncmp(key, "Namespace/", 10) == 0
               ? key
               : cm_arena_strf(a, "%.*s/%s/%s", (int)(slashes - key), key, default_namespace,
                               slashes + 2);
}

static bool takes(const struct agent_driver *d, const char *key, const struct cm_json *form,
                  const char *other, const char *default_namespace) {
    const char *namespace = strncmp(key, "Namespace//", 11) == 0 ? key + 11 : NULL;
    const char *at = strchr(other, '/') + 1;
    size_t size = namespace == NULL ? 0 : strlen(namespace);

    (void)d;
    (void)form;
    (void)default_namespace;
    return namespace != NULL && strncmp(at, namespace, size) == 0 && at[size] == '/';
}

static void awaits(const struct cm_json *form, const struct agent_forms *forms, bool *out) {
    (void)form;
    for (size_t i = 0; i < forms->count; i++) {
        out[i] = strncmp(forms->key(forms->ctx, i), "Deployment.", 11) == 0;
    }
}

static void driver_free(struct agent_driver *d) {
    cm_map_free(self(d)->tracked);
    free(self(d)->before);
    free(self(d));
}

static const struct agent_driver_ops ops = {
    .name = "fake",
    .free = driver_free,
    .locate = locate,
    .takes = takes,
    .awaits = awaits,
    .place = place,
    .apply = apply,
    .run = run,
    .tail = tail,
    .remove = remove_object,
    .release = release_object,
    .track = track,
    .untrack = untrack,
    .observe = observe,
};

struct agent_driver *fake_driver_new(struct cm_loop *loop, struct fake_driver **out) {
    struct fake_driver *f = cm_new(1, sizeof(*f));

    (void)loop;
    f->base.ops = &ops;
    f->tracked = cm_map_new(NULL);
    cm_list_init(&f->requests);
    *out = f;
    return &f->base;
}

size_t fake_pending(const struct fake_driver *f) {
    return f->pending;
}

static struct request *find(const struct fake_driver *f, const char *key) {
    for (struct cm_list *l = f->requests.next; l != &f->requests; l = l->next) {
        struct request *r = CM_CONTAINER(l, struct request, in_requests);

        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc) what was freed left the list
        if (key == NULL || strcmp(r->key, key) == 0) {
            return r;
        }
    }
    return NULL;
}

bool fake_is_pending(const struct fake_driver *f, const char *key) {
    return find(f, key) != NULL;
}

bool fake_is_adopting(const struct fake_driver *f, const char *key) {
    const struct request *r = find(f, key);

    return r != NULL && r->object.adopt;
}

const struct agent_object *fake_object(const struct fake_driver *f, const char *key) {
    const struct request *r = find(f, key);

    return r == NULL ? NULL : &r->object;
}

bool fake_is_anew(const struct fake_driver *f, const char *key) {
    const struct request *r = find(f, key);

    return r != NULL && r->anew;
}

const char *fake_account(const struct fake_driver *f, const char *key) {
    const struct request *r = find(f, key);

    return r == NULL ? NULL : r->account;
}

bool fake_is_tail(const struct fake_driver *f, const char *key) {
    const struct request *r = find(f, key);

    return r != NULL && r->tail != NULL;
}

bool fake_is_tracked(const struct fake_driver *f, const char *key) {
    return cm_map_get(f->tracked, key) != NULL;
}

size_t fake_removes(const struct fake_driver *f) {
    return f->removes;
}

enum agent_propagation fake_propagation(const struct fake_driver *f) {
    return f->propagation;
}

size_t fake_releases(const struct fake_driver *f) {
    return f->releases;
}

size_t fake_looks(const struct fake_driver *f) {
    return f->looks;
}

// begin reads what a request is about; what cannot be read fails.
static void begin(struct fake_driver *f, struct request *r, struct cm_err *error) {
    struct agent_read forms = {0};
    struct cm_err err;

    if (r->read != NULL && r->read(r->ctx, &forms, &err) < 0) {
        *error = err;
    }
    if (r->read != NULL) {
        const struct cm_buf *before = forms.before;

        free(f->before);
        f->before =
            before == NULL ? NULL : cm_strf("%.*s", (int)before->size, (const char *)before->data);
    }
    r->read = NULL;
    cm_buf_unref(forms.bytes);
    cm_buf_unref(forms.before);
}

const char *fake_before(const struct fake_driver *f) {
    return f->before;
}

size_t fake_begin(struct fake_driver *f, size_t count) {
    size_t begun = 0;

    for (struct cm_list *l = f->requests.next; l != &f->requests && begun < count; l = l->next) {
        struct request *r = CM_CONTAINER(l, struct request, in_requests);
        struct cm_err error = {0};

        if (r->read != NULL) {
            begin(f, r, &error);
            assert(error.code == CM_OK);
            begun++;
        }
    }
    return begun;
}

static bool end(struct fake_driver *f, const char *key, const struct cm_err *error,
                int64_t retry_after_ms) {
    struct request *r = find(f, key);
    struct agent_applied result = {.error = *error,
                                   .retry_after_ms = retry_after_ms,
                                   .uid = "uid",
                                   .note = "",
                                   .written = true};

    if (r == NULL) {
        return false;
    }
    cm_list_remove(&r->in_requests);
    f->pending--;
    if (error->code == CM_OK) {
        begin(f, r, &result.error);
    }
    if (r->applied != NULL) {
        r->applied(r->ctx, &result);
    } else if (r->tail != NULL) {
        r->tail(r->ctx, "line 1 | line 2", error);
    } else {
        r->removed(r->ctx, error, retry_after_ms);
    }
    free(r->key);
    free(r->account);
    free(r);
    return true;
}

bool fake_succeed(struct fake_driver *f, const char *key) {
    const struct cm_err none = {0};

    return end(f, key, &none, 0);
}

bool fake_fail(struct fake_driver *f, const char *key, enum cm_rc code, const char *why) {
    struct cm_err error;

    (void)cm_fail(&error, code, "%s", why);
    return end(f, key, &error, 0);
}

bool fake_fail_busy(struct fake_driver *f, const char *key, int64_t retry_after_ms) {
    struct cm_err error;

    (void)cm_fail(&error, CM_EBUSY, "too much to do");
    return end(f, key, &error, retry_after_ms);
}

void fake_cancel_all(struct fake_driver *f) {
    while (fake_fail(f, NULL, CM_ECANCELED, "stopped")) {
    }
}
