// Finding what this agent once applied: the parent names the kinds and the namespaces, the label
// finds the objects. Each kind is listed in all namespaces, or in each of those if we may not.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/keep.h"
#include "common/str.h"

struct recovery {
    struct cm_list at; // in agent_kube.recoveries until it begins
    struct agent_kube *k;
    agent_found_fn found;
    agent_recovered_fn done;
    void *ctx;
    struct kube_applyset there; // what the parent says
    const char **kinds;
    size_t next;
    const char **spaces; // namespaces
    size_t next_space;   // of this kind; 0: all are listed at once
    bool namespaced;     // this kind is
    const char *ns;      // that is listed; "": all
    char *path;          // of the collection
    char *api_version;
    char *version;
    char *kind;
    char *plural;
    char *group;
    char *more;
    int page;              // objects in a page of a list
    struct cm_err refused; // why this namespace cannot be listed
};

static void next_kind(struct recovery *r);

static void clear_kind(struct recovery *r) {
    char **const texts[] = {&r->path,   &r->api_version, &r->version, &r->kind,
                            &r->plural, &r->group,       &r->more};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
}

static void finish(struct recovery *r, const struct cm_err *err) {
    r->done(r->ctx, err);
    clear_kind(r);
    free(r->kinds);
    free(r->spaces);
    kube_applyset_done(&r->there);
    free(r);
}

static void read_error(const struct recovery *r, const struct kube_answer *answer, const char *what,
                       struct cm_err *err) {
    struct kube_resource resource = {
        .group = r->group == NULL ? "" : r->group,
        .plural = r->plural == NULL ? "secrets" : r->plural,
    };
    bool is_parent = r->kind == NULL;
    struct kube_asked asked = {is_parent ? "get" : "list", &resource,
                               is_parent ? r->k->applyset.ns : r->ns, NULL, NULL};

    (void)kube_answer_error(answer, &asked, err);
    (void)cm_wrap(err, "find again what was applied: %.100s", what);
}

static void fail(struct recovery *r, const struct kube_answer *answer, const char *what) {
    struct cm_err err;

    read_error(r, answer, what, &err);
    finish(r, &err);
}

// tell says what was found, unless it is a copy: of the label, made by somebody else.
static void tell(struct recovery *r, struct cm_arena *a, struct cm_json *item) {
    if (!kube_object_is_applied_by(item, r->k->field_manager)) {
        return;
    }
    cm_json_set_string(a, item, "apiVersion", r->api_version);
    cm_json_set_string(a, item, "kind", r->kind);
    const char *key = kube_object_key(a, item);
    const char *app = kube_object_label(item, KUBE_LABEL_APP);

    if (key != NULL) {
        struct agent_owned owned = {
            .app = app == NULL ? "" : app,
            .key = key,
            .default_namespace = "",
            .uid = kube_object_uid(item),
            .note = "",
            .keep = cm_object_says_keep(item),
        };
        r->found(r->ctx, &owned);
    }
}

static void ask_for_page(struct recovery *r);

// next_space lists the kind in the next namespace; false if there is none.
static bool next_space(struct recovery *r) {
    struct kube_resource resource = {.group = r->group,
                                     .version = r->version,
                                     .kind = r->kind,
                                     .plural = r->plural,
                                     .namespaced = true};

    if (r->next_space >= cm_map_len(r->there.namespaces)) {
        return false;
    }
    r->ns = r->spaces[r->next_space++];
    free(r->path);
    free(r->more);
    r->path = kube_resource_path(&resource, r->ns, NULL);
    r->more = NULL;
    ask_for_page(r);
    return true;
}

static void next_place(struct recovery *r) {
    if (r->ns[0] == '\0' || !next_space(r)) {
        next_kind(r);
    }
}

static void on_namespace(void *ctx, const struct kube_answer *answer) {
    struct recovery *r = ctx;

    if (answer->status == 404) {
        next_place(r); // and all that was in it
        return;
    }
    if (answer->status == 403) {
        (void)cm_fail(&r->refused, CM_EAUTH,
                      "find again what was applied: the agent may not list %s in namespace '%s', "
                      "nor see whether that is there: give it both rights, or, if the namespace is "
                      "gone, take it out of the annotation '" KUBE_APPLYSET_NAMESPACES
                      "' of secret '%.100s/%.100s'",
                      r->plural, r->ns, r->k->applyset.ns, r->k->applyset.name);
    }
    finish(r, &r->refused);
}

// look_for_namespace: rights that were given in a namespace have gone with it.
static void look_for_namespace(struct recovery *r) {
    static const struct kube_resource namespaces = {
        .group = "", .version = "v1", .kind = "Namespace", .plural = "namespaces"};
    CM_AUTOFREE char *path = kube_resource_path(&namespaces, NULL, r->ns);
    struct kube_request request = {.method = "GET", .path = path, .done = on_namespace, .ctx = r};

    (void)kube_call(r->k, &request);
}

static void on_page(void *ctx, const struct kube_answer *answer) {
    struct recovery *r = ctx;
    const struct cm_json *items = cm_json_get(answer->json, "items");

    if (answer->status == 403 && r->namespaced && r->ns[0] == '\0' && next_space(r)) {
        return;
    }
    if (kube_answer_too_large(answer) && r->page > 1) {
        r->page /= 2;
        ask_for_page(r);
        return;
    }
    if (answer->status == 403 && r->ns[0] != '\0') {
        read_error(r, answer, r->kind, &r->refused);
        look_for_namespace(r);
        return;
    }
    if (!kube_answer_ok(answer)) {
        fail(r, answer, r->kind);
        return;
    }
    struct cm_json *next;
    struct cm_json *item = items != NULL && items->type == CM_ARRAY ? items->first : NULL;
    for (; item != NULL; item = next) {
        next = item->next;
        if (item->type == CM_OBJECT) {
            tell(r, answer->arena, item);
        }
    }
    r->page = kube_page_next(r->page, answer);
    const char *more = cm_json_string(cm_json_path(answer->json, "metadata", "continue", NULL));
    free(r->more);
    r->more = cm_strdup(more == NULL ? "" : more);
    if (r->more[0] != '\0') {
        ask_for_page(r);
    } else {
        next_place(r);
    }
}

static void ask_for_page(struct recovery *r) {
    CM_AUTOFREE char *more = r->more == NULL ? NULL : cm_http_escape(r->more);
    CM_AUTOFREE char *path = cm_strf("%s?labelSelector=" KUBE_LABEL_PART_OF "%%3D%s&limit=%d%s%s",
                                     r->path, r->k->applyset.id, r->page,
                                     more == NULL ? "" : "&continue=", more == NULL ? "" : more);
    struct kube_request request = {.method = "GET", .path = path, .done = on_page, .ctx = r};

    (void)kube_call(r->k, &request);
}

static const struct kube_resource *resource_of(struct recovery *r, const char *kind) {
    CM_AUTOFREE char *copy = cm_strdup(kind);
    char *dot = strchr(copy, '.');

    if (dot != NULL) {
        *dot = '\0';
    }
    return kube_resources_find(r->k->resources, dot == NULL ? "" : dot + 1, NULL, copy);
}

// next_kind lists the next kind that the server still offers; a kind that it does not offer has no
// objects.
static void next_kind(struct recovery *r) {
    struct cm_err ok = {0};
    const struct kube_resource *found = NULL;

    clear_kind(r);
    while (found == NULL && r->kinds != NULL && r->next < cm_map_len(r->there.kinds)) {
        found = resource_of(r, r->kinds[r->next++]);
    }
    if (found == NULL) {
        if (kube_resources_stale(r->k->resources)) {
            (void)cm_fail(&ok, CM_EBUSY,
                          "an extension of the API server is away: not all that was "
                          "applied can be found");
        }
        finish(r, &ok);
        return;
    }
    r->path = kube_resource_path(found, NULL, NULL);
    r->api_version =
        cm_strf("%s%s%s", found->group, found->group[0] == '\0' ? "" : "/", found->version);
    r->version = cm_strdup(found->version);
    r->namespaced = found->namespaced;
    r->ns = "";
    r->next_space = 0;
    r->kind = cm_strdup(found->kind);
    r->plural = cm_strdup(found->plural);
    r->group = cm_strdup(found->group);
    ask_for_page(r);
}

static void on_parent(void *ctx, const struct kube_answer *answer) {
    struct recovery *r = ctx;
    struct cm_err ok = {0};

    if (answer->status == 404) {
        finish(r, &ok); // nothing was ever applied
        return;
    }
    if (!kube_answer_ok(answer)) {
        fail(r, answer, "the inventory");
        return;
    }
    kube_applyset_read(&r->there, answer->json);
    cm_map_put(r->there.namespaces, r->k->applyset.ns, r); // its own the parent does not list
    r->kinds = cm_map_keys(r->there.kinds);
    r->spaces = cm_map_keys(r->there.namespaces);
    next_kind(r);
}

static void begin(struct recovery *r) {
    CM_AUTOFREE char *path = kube_applyset_path(&r->k->applyset);
    struct kube_request request = {.method = "GET", .path = path, .done = on_parent, .ctx = r};

    (void)kube_call(r->k, &request);
}

void kube_recover_wake(struct agent_kube *k) {
    for (struct cm_list *at = k->recoveries.next, *next; at != &k->recoveries; at = next) {
        next = at->next;
        cm_list_remove(at);
        begin(CM_CONTAINER(at, struct recovery, at));
    }
}

void kube_recover_fail(struct agent_kube *k, const struct cm_err *why) {
    for (struct cm_list *at = k->recoveries.next, *next; at != &k->recoveries; at = next) {
        next = at->next;
        cm_list_remove(at);
        finish(CM_CONTAINER(at, struct recovery, at), why);
    }
}

void kube_recover(struct agent_kube *k, agent_found_fn found, agent_recovered_fn done, void *ctx) {
    struct recovery *r = cm_new(1, sizeof(*r));

    *r = (struct recovery){
        .k = k, .found = found, .done = done, .ctx = ctx, .page = KUBE_PAGE_FIRST};
    kube_applyset_init(&r->there, "", "");
    cm_list_append(&k->recoveries, &r->at);
    kube_ops_wake(k); // begins it, or fails it
}
