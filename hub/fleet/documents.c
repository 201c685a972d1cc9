// Which document a name means, and what stays of a file that is wrong.
//
// A name means the document that was there first; another one of the same name is an error of its
// file. From a file that is wrong, documents that were in force and are not among those that can
// still be read stay in force (they are "kept"), unless another file has a good document of that
// name: so nothing is deleted by a slip of the pen. A file that vanishes in the commit in which an
// unreadable one of the same kind appears that may mean the same name was moved and spoilt: the new
// file keeps its documents.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

// ---- Names

struct hub_named *hub_named_get(struct hub_fleet *f, enum hub_kind kind, const char *name) {
    static const size_t sizes[HUB_KINDS] = {
        [HUB_CLUSTER] = sizeof(struct hub_cluster),
        [HUB_GROUP] = sizeof(struct hub_group),
        [HUB_APP] = sizeof(struct hub_app),
        [HUB_CONFIRMATION] = sizeof(struct hub_confirmation),
        [HUB_HOLD] = sizeof(struct hub_held_doc),
        [HUB_BAN] = sizeof(struct hub_named),
        [HUB_FREEZE] = sizeof(struct hub_named),
        [HUB_EXEMPTION] = sizeof(struct hub_exempt_doc),
    };
    struct hub_named *named = cm_map_get(f->names[kind], name);

    if (named == NULL) {
        named = cm_new(1, sizes[kind]);
        named->name = cm_strdup(name);
        named->kind = kind;
        cm_map_put(f->names[kind], name, named);
    }
    return named;
}

static void free_app(struct hub_app *app) {
    hub_content_free(app);
    hub_diags_done(&app->frozen);
    hub_guard_forget(app);
    cm_map_free(app->variants);
    free(app->links);
}

static void free_cluster(struct hub_cluster *c) {
    for (size_t i = 0; i < c->gone_count; i++) {
        free(c->gone[i].app);
        free(c->gone[i].account);
        cm_buf_unref(c->gone[i].revision);
    }
    hub_conflicts_clear(c);
    hub_desired_unref(c->desired);
    hub_set_done(&c->groups);
    free(c->gone);
    free(c->links);
}

void hub_named_free(struct hub_named *named) {
    switch (named->kind) {
    case HUB_CLUSTER:
        free_cluster(hub_cluster_of(named));
        break;
    case HUB_GROUP:
        hub_set_done(&hub_group_of(named)->members);
        hub_set_done(&hub_group_of(named)->delta);
        hub_set_done(&hub_group_of(named)->reach);
        hub_diags_done(&hub_group_of(named)->wrong);
        free(hub_group_of(named)->names);
        break;
    case HUB_APP:
        free_app(hub_app_of(named));
        break;
    case HUB_CONFIRMATION:
    case HUB_HOLD:
    case HUB_BAN:
    case HUB_FREEZE:
    case HUB_EXEMPTION:
        break;
    }
    free(named->name);
    free(named);
}

void hub_named_touch(struct hub_update *u, struct hub_named *named) {
    if (named->touched) {
        return;
    }
    named->touched = true;
    named->before = named->doc;
    named->before_file = named->doc != NULL ? named->doc->file : NULL;
    named->before_kept = named->doc != NULL && named->doc->kept;
    hub_set_add(&u->touched, named);
}

static bool is_used(const struct hub_named *named) {
    if (named->doc != NULL || named->claims != NULL || named->seeded) {
        return true;
    }
    return named->kind == HUB_APP && ((const struct hub_app *)(const void *)named)->link_count > 0;
}

void hub_named_tidy(struct hub_update *u) {
    for (size_t i = 0; i < u->touched.count; i++) {
        struct hub_named *named = u->touched.items[i];

        named->touched = false;
        if (!is_used(named)) {
            hub_named_free(cm_map_take(u->fleet->names[named->kind], named->name));
        }
    }
}

static void *find_documented(const struct hub_fleet *f, enum hub_kind kind, const char *name) {
    struct hub_named *named = cm_map_get(f->names[kind], name);

    return named != NULL && named->doc != NULL ? named : NULL;
}

struct hub_cluster *hub_find_cluster(const struct hub_fleet *f, const char *name) {
    return find_documented(f, HUB_CLUSTER, name);
}

struct hub_group *hub_find_group(const struct hub_fleet *f, const char *name) {
    return find_documented(f, HUB_GROUP, name);
}

struct hub_app *hub_find_app(const struct hub_fleet *f, const char *name) {
    return find_documented(f, HUB_APP, name);
}

// ---- Claims of documents on names

static void claim(struct hub_update *u, struct hub_doc *doc) {
    struct hub_named *named = hub_named_get(u->fleet, doc->kind, doc->name);
    struct hub_doc **at = &named->claims;

    hub_named_touch(u, named);
    while (*at != NULL) { // in the order in which they came
        at = &(*at)->next;
    }
    doc->next = NULL;
    *at = doc;
}

static void release(struct hub_update *u, struct hub_doc *doc) {
    struct hub_named *named = hub_named_get(u->fleet, doc->kind, doc->name);

    hub_named_touch(u, named);
    for (struct hub_doc **at = &named->claims; *at != NULL; at = &(*at)->next) {
        if (*at == doc) {
            *at = doc->next;
            break;
        }
    }
    if (named->doc == doc) {
        named->doc = NULL;
    }
}

// precedes orders documents that came in one commit by where they are.
static bool precedes(const struct hub_doc *a, const struct hub_doc *b) {
    int order = strcmp(a->file->repo->name, b->file->repo->name);

    if (order == 0) {
        order = strcmp((const char *)a->file->path->data, (const char *)b->file->path->data);
    }
    return order != 0 ? order < 0 : a->place.line < b->place.line;
}

// choose settles which document a name means.
static void choose(struct hub_named *named) {
    const struct hub_file *file = named->before_file;
    struct hub_doc *best = NULL;

    if (named->doc != NULL && !named->doc->kept) {
        return;
    }
    for (struct hub_doc *doc = named->claims; doc != NULL; doc = doc->next) {
        if (doc->kept) {
            continue;
        }
        if (doc->file == file) {
            best = doc;
            break;
        }
        if (best == NULL || precedes(doc, best)) {
            best = doc;
        }
    }
    if (best == NULL && named->doc == NULL) {
        best = named->claims;
    }
    if (best != NULL) {
        named->doc = best;
    }
}

// ---- Files

static enum hub_kind kind_of(const struct hub_file *file) {
    switch (file->role) {
    case HUB_ROLE_CLUSTERS:
        return HUB_CLUSTER;
    case HUB_ROLE_GROUPS:
        return HUB_GROUP;
    case HUB_ROLE_CONFIRMATIONS:
        return HUB_CONFIRMATION;
    case HUB_ROLE_HOLDS:
        return HUB_HOLD;
    case HUB_ROLE_BANS:
        return HUB_BAN;
    case HUB_ROLE_FREEZES:
        return HUB_FREEZE;
    case HUB_ROLE_EXEMPTIONS:
        return HUB_EXEMPTION;
    case HUB_ROLE_APP:
    case HUB_ROLE_MANIFEST:
    case HUB_ROLE_REFUSED:
    case HUB_ROLE_IGNORE:
    case HUB_ROLE_MISNAMED:
    case HUB_ROLE_OTHER:
        break;
    }
    return HUB_APP;
}

static bool holds_documents(const struct hub_file *file) {
    return file->role == HUB_ROLE_CLUSTERS || file->role == HUB_ROLE_GROUPS ||
           file->role == HUB_ROLE_APP || file->role == HUB_ROLE_CONFIRMATIONS ||
           file->role == HUB_ROLE_HOLDS || file->role == HUB_ROLE_BANS ||
           file->role == HUB_ROLE_FREEZES || file->role == HUB_ROLE_EXEMPTIONS ||
           file->strays != NULL;
}

static bool is_stray(const struct hub_file *file) {
    return file->strays != NULL;
}

static void list_add(struct hub_doc_list *list, struct hub_doc *doc) {
    list->items = cm_resize(list->items, (list->count + 1) * sizeof(struct hub_doc *));
    list->items[list->count++] = doc;
}

static void list_done(struct hub_doc_list *list) {
    free(list->items);
    *list = (struct hub_doc_list){0};
}

// release_list takes the documents of a list out of their names; those that were in force are
// remembered, for the file may turn out to be wrong.
static void release_list(struct hub_update *u, struct hub_file *file, struct hub_doc_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        struct hub_doc *doc = list->items[i];
        struct hub_named *named = hub_named_get(u->fleet, doc->kind, doc->name);

        if (named->doc == doc) {
            list_add(&file->previous, doc);
        }
        release(u, doc);
        hub_set_add(&u->old_docs, doc);
    }
    list_done(list);
}

static void forget_content(struct hub_update *u, struct hub_file *file) {
    release_list(u, file, &file->docs);
    release_list(u, file, &file->kept);
    if (file->diags.count > 0) {
        u->problems = true;
    }
    free(file->about);
    file->about = NULL;
    hub_draft_free(file->draft);
    file->draft = NULL;
    hub_diags_done(&file->diags);
}

// folder_name returns the name of the folder that a file is in, as most Apps are called; NULL: none
// can be called so. The caller frees it.
static char *folder_name(const struct hub_file *file) {
    const char *path = (const char *)file->path->data;
    size_t len = file->name > path ? (size_t)(file->name - path) - 1 : 0;
    size_t start = len;

    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    CM_AUTOFREE char *name = cm_strf("%.*s", (int)(len - start), path + start);
    return hub_schema_name_ok(name) ? CM_TAKE(name) : NULL;
}

static void make_draft(struct hub_file *file, const struct cm_buf *bytes) {
    file->draft = hub_draft_new(bytes->data, bytes->size);
    file->about_folder = file->draft->name == NULL;
    file->about = file->about_folder ? folder_name(file) : cm_strdup(file->draft->name);
}

static void read_file(struct hub_update *u, struct hub_file *file) {
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *bytes = hub_file_read(u, file, HUB_DOCUMENT_MAX, &file->diags);

    if (bytes != NULL) {
        hub_docs_read(kind_of(file), (const char *)file->path->data, bytes->data, bytes->size,
                      &file->docs, &file->diags);
        u->parsed += file->docs.count;
        if (file->role == HUB_ROLE_APP && file->docs.count == 0) {
            make_draft(file, bytes);
        }
    }
    if (file->diags.count > 0) {
        u->problems = true;
    }
    for (size_t i = 0; i < file->docs.count; i++) {
        file->docs.items[i]->file = file;
        claim(u, file->docs.items[i]);
    }
}

// ---- A file that was moved and spoilt at once

static bool is_name_char(char c) {
    return strchr("abcdefghijklmnopqrstuvwxyz0123456789-", c) != NULL && c != '\0';
}

// skip_quotes returns where a text goes on behind quotes and spaces.
static const char *skip_quotes(const char *at, const char *end) {
    while (at < end && strchr(" \t\"'", *at) != NULL) {
        at++;
    }
    return at;
}

// may_name tells whether a text that is no good document may be meant as the one of a name: it has
// a member `name` that says so, or none at all.
static bool may_name(const struct cm_buf *bytes, const char *name) {
    const char *at = (const char *)bytes->data;
    const char *end = at + bytes->size;
    size_t len = strlen(name);
    bool any = false;

    while ((at = memmem(at, (size_t)(end - at), "name", 4)) != NULL) {
        at = skip_quotes(at + 4, end);
        if (at == end || *at != ':') {
            continue;
        }
        any = true;
        at = skip_quotes(at + 1, end);
        if ((size_t)(end - at) >= len && memcmp(at, name, len) == 0 &&
            (at + len == end || !is_name_char(at[len]))) {
            return true;
        }
    }
    return !any;
}

static bool may_be_moved(struct hub_update *u, struct hub_file *file, const struct hub_doc *doc) {
    struct hub_diags ignored = {0};
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *bytes = hub_file_read(u, file, HUB_DOCUMENT_MAX, &ignored);

    hub_diags_done(&ignored);
    return bytes == NULL || may_name(bytes, doc->name);
}

// follow_moved gives a document of a file that vanished to the wrong one that it became, if there
// is one.
static void follow_moved(struct hub_update *u, const struct hub_file *gone, struct hub_doc *doc) {
    struct hub_file *stray = hub_strays_find(u, doc->kind, doc->name);

    if (stray != NULL) {
        list_add(&stray->previous, doc);
        return;
    }
    for (size_t i = 0; i < u->files.count; i++) {
        struct hub_file *file = u->files.items[i];

        if (file->role == gone->role && file->fresh && file->diags.count > 0 &&
            file->docs.count == 0 && may_be_moved(u, file, doc)) {
            list_add(&file->previous, doc);
            return;
        }
    }
}

static bool is_wrong(struct hub_update *u, const struct hub_file *file) {
    if (file->diags.count > 0) {
        return true;
    }
    for (size_t i = 0; i < file->docs.count; i++) {
        const struct hub_doc *doc = file->docs.items[i];

        if (hub_named_get(u->fleet, doc->kind, doc->name)->doc != doc) {
            return true;
        }
    }
    return false;
}

// keep puts a document of an earlier version of the file in force, if nothing better has its name.
static void keep(struct hub_update *u, struct hub_file *file, struct hub_doc *doc) {
    struct hub_named *named = hub_named_get(u->fleet, doc->kind, doc->name);

    if (named->doc != NULL) {
        return;
    }
    (void)hub_set_remove(&u->old_docs, doc);
    doc->file = file;
    doc->kept = true;
    list_add(&file->kept, doc);
    claim(u, doc);
    named->doc = doc;
}

// drop_kept lets go of what is kept and no longer has a reason.
static void drop_kept(struct hub_update *u, struct hub_file *file, bool wrong) {
    size_t left = 0;

    for (size_t i = 0; i < file->kept.count; i++) {
        struct hub_doc *doc = file->kept.items[i];
        struct hub_named *named = hub_named_get(u->fleet, doc->kind, doc->name);

        if (wrong && named->doc == doc) {
            file->kept.items[left++] = doc;
            continue;
        }
        release(u, doc);
        hub_set_add(&u->old_docs, doc);
        choose(named);
    }
    file->kept.count = left;
}

static void settle_file(struct hub_update *u, struct hub_file *file) {
    bool wrong = is_wrong(u, file);

    drop_kept(u, file, wrong);
    for (size_t i = 0; i < file->previous.count && wrong; i++) {
        keep(u, file, file->previous.items[i]);
    }
    list_done(&file->previous);
    if (wrong != file->wrong) {
        u->problems = true;
        file->wrong = wrong;
        if (wrong) {
            hub_set_add(&u->fleet->wrong, file);
        } else {
            (void)hub_set_remove(&u->fleet->wrong, file);
        }
    }
}

static void forget_removed(struct hub_update *u) {
    for (size_t i = 0; i < u->removed.count; i++) {
        struct hub_file *file = u->removed.items[i];

        if (holds_documents(file)) {
            forget_content(u, file);
            hub_strays_forget(u, file);
            if (file->wrong) {
                (void)hub_set_remove(&u->fleet->wrong, file);
                u->problems = true;
            }
        }
    }
}

static void read_changed(struct hub_update *u) {
    for (size_t i = 0; i < u->files.count; i++) {
        if (holds_documents(u->files.items[i])) {
            forget_content(u, u->files.items[i]);
        }
    }
    for (size_t i = 0; i < u->files.count; i++) {
        if (hub_strays_may(u->files.items[i]) || is_stray(u->files.items[i])) {
            hub_strays_read(u, u->files.items[i]);
        } else if (holds_documents(u->files.items[i])) {
            read_file(u, u->files.items[i]);
        }
    }
    for (size_t i = 0; i < u->removed.count; i++) {
        struct hub_file *file = u->removed.items[i];

        for (size_t k = 0; k < file->previous.count; k++) {
            follow_moved(u, file, file->previous.items[k]);
        }
        list_done(&file->previous);
    }
}

void hub_documents_take(struct hub_update *u) {
    struct hub_set check = {0};

    forget_removed(u);
    read_changed(u);
    for (size_t i = 0; i < u->touched.count; i++) {
        choose(u->touched.items[i]);
    }
    for (size_t i = 0; i < u->files.count; i++) {
        struct hub_file *file = u->files.items[i];

        if (holds_documents(file) && !file->wrong) {
            hub_set_add(&check, file);
        }
    }
    for (size_t i = 0; i < u->fleet->wrong.count; i++) {
        hub_set_add(&check, u->fleet->wrong.items[i]);
    }
    for (size_t i = 0; i < check.count; i++) {
        settle_file(u, check.items[i]);
    }
    hub_set_done(&check);
}

void hub_documents_release_file(struct hub_file *file) {
    for (size_t i = 0; i < file->docs.count; i++) {
        hub_doc_free(file->docs.items[i]);
    }
    for (size_t i = 0; i < file->kept.count; i++) {
        hub_doc_free(file->kept.items[i]);
    }
    list_done(&file->docs);
    list_done(&file->kept);
    list_done(&file->previous);
    hub_diags_done(&file->diags);
    cm_map_free(file->strays);
    free(file->about);
    hub_draft_free(file->draft);
}
