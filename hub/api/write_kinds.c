#include "hub/api/write_kinds.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/field.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/api/change.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/api/write_capture.h"
#include "hub/config/config.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/made.h"
#include "hub/store/intents.h"

// What is prepared.
struct asked {
    struct hub_request *r;
    struct hub_change *c;
    const struct cm_json *body;
    struct cm_json *args;
    struct hub_db *db;
    struct cm_err *err;
};

static const char *said(const struct asked *k, const char *member) {
    return cm_json_string(cm_json_get(k->body, member));
}

static const char *root_of(const struct hub_request *r, const char *repository) {
    const struct hub_repositories *list = r->api->config.repositories;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, repository) == 0) {
            return list->items[i].path;
        }
    }
    return "";
}

// from_top returns a path below the root of a repository's fleet from the top of the repository;
// the caller frees it.
static char *from_top(const struct hub_request *r, const char *repository, const char *path) {
    const char *root = root_of(r, repository);

    return cm_strf("%s%s%s", root, root[0] != '\0' ? "/" : "", path);
}

static void take_located(struct asked *k, const struct hub_located *located, const char *member) {
    CM_AUTOFREE char *file = from_top(k->r, located->repository, located->path);

    k->c->repository = cm_strdup(located->repository);
    cm_json_set_string(k->r->arena, k->args, member, file);
}

// take_made takes a file that is to be written.
static void take_made(struct asked *k, const struct hub_made *made) {
    CM_AUTOFREE char *path = from_top(k->r, k->c->repository, made->path);

    cm_json_set_string(k->r->arena, k->args, "path", path);
    cm_json_set_string(k->r->arena, k->args, "text", made->text);
}

static enum cm_rc need_app(const struct asked *k) {
    return k->c->app != NULL && k->c->cluster == NULL
               ? CM_OK
               : cm_fail(k->err, CM_EINVAL, "app: '%s' is about one App", k->c->kind);
}

static enum cm_rc need(const struct asked *k, const char *member) {
    const char *text = said(k, member);

    return text != NULL && text[0] != '\0'
               ? CM_OK
               : cm_fail(k->err, CM_EINVAL, "%s: '%s' needs it", member, k->c->kind);
}

// take_repository finds where the documents of the App are.
static enum cm_rc take_repository(struct asked *k) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    enum cm_rc rc = hub_intents_locate(k->db, k->c->app, NULL, &located, k->err);

    if (rc == CM_OK) {
        k->c->repository = cm_strdup(located.repository);
    }
    return rc;
}

// only_repository returns the name of the one that has documents; NULL: there are several.
static const char *only_repository(const struct hub_repositories *list) {
    const char *name = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (!list->items[i].source_only && name != NULL) {
            return NULL;
        }
        name = list->items[i].source_only ? name : list->items[i].name;
    }
    return name;
}

// ---- suspend, resume

static enum cm_rc locate(struct asked *k) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    const struct hub_change *c = k->c;

    if ((c->app == NULL) == (c->cluster == NULL)) {
        return cm_fail(k->err, CM_EINVAL, "app: name one App, or one cluster");
    }
    enum cm_rc rc = hub_intents_locate(k->db, c->app, c->cluster, &located, k->err);
    if (rc == CM_OK) {
        take_located(k, &located, "file");
    }
    return rc;
}

// ---- confirm

static char *confirmation_text(struct cm_arena *a, const char *name, const char *app,
                               const char *removal, const char *reason) {
    struct cm_json *document = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_json *spec = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    cm_json_set_string(a, document, "apiVersion", "holdfast/v1alpha1");
    cm_json_set_string(a, document, "kind", "Confirmation");
    cm_json_set_string(a, metadata, "name", name);
    cm_json_set(a, document, "metadata", metadata);
    cm_json_set_string(a, spec, "app", app);
    cm_json_set_string(a, spec, "removal", removal);
    cm_json_set_string(a, spec, "reason", reason);
    cm_json_set(a, document, "spec", spec);
    cm_yaml_write(document, &text);
    return cm_str_take(&text);
}

static enum cm_rc find_removal(struct asked *k) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};

    if (k->c->cluster != NULL) {
        return cm_fail(k->err, CM_EINVAL, "app: a removal is confirmed for one App");
    }
    if (hub_intents_find_removal(k->db, k->c->app, said(k, "removal"), &located, k->err) < 0) {
        return k->err->code;
    }
    CM_AUTOFREE char *name = cm_strf(HUB_CONFIRMATION_NAME, k->c->app, located.removal);
    CM_AUTOFREE char *path = cm_strf("confirmations/%s.yaml", name);
    CM_AUTOFREE char *text =
        confirmation_text(k->r->arena, name, k->c->app, located.removal, said(k, "reason"));
    k->c->repository = cm_strdup(located.repository);
    take_made(k, &(struct hub_made){.path = path, .text = text});
    return CM_OK;
}

// ---- hold, retry

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// read_clusters reads the names of clusters, sorted, into the arena.
static enum cm_rc read_clusters(struct asked *k, const char *const **out, size_t *count) {
    const struct cm_json *list = cm_json_get(k->body, "clusters");
    const char **names =
        cm_arena_get(k->r->arena, ((list != NULL ? list->count : 0) + 1) * sizeof(*names));

    *count = 0;
    for (const struct cm_json *at = list != NULL ? list->first : NULL; at != NULL; at = at->next) {
        if (cm_json_string(at) == NULL || at->text[0] == '\0') {
            return cm_fail(k->err, CM_EINVAL, "clusters: write names of clusters");
        }
        names[(*count)++] = at->text;
    }
    qsort(names, *count, sizeof(*names), compare_names);
    *out = names;
    return CM_OK;
}

static void set_trailer(struct asked *k, const char *name, const char *value) {
    struct cm_json *trailers = cm_json_get(k->args, "trailers");

    if (trailers == NULL) {
        trailers = cm_json_new(k->r->arena, CM_OBJECT);
        cm_json_set(k->r->arena, k->args, "trailers", trailers);
    }
    cm_json_set_string(k->r->arena, trailers, name, value);
}

#define CLUSTERS_SHOWN 50

// tell_clusters names clusters in a trailer, the first of many, and says how many there are.
static void tell_clusters(struct asked *k, const char *const *names, size_t count) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < count && i < CLUSTERS_SHOWN; i++) {
        cm_str_addf(&text, "%s%s", i > 0 ? " " : "", names[i]);
    }
    if (count > 0) {
        set_trailer(k, "Clusters", cm_str_get(&text));
        set_trailer(k, "Clusters-Count", cm_arena_strf(k->r->arena, "%zu", count));
    }
}

static enum cm_rc make_hold(struct asked *k) {
    struct hub_pin_ask ask = {
        .app = k->c->app, .image = said(k, "image"), .reason = said(k, "reason")};
    struct hub_made made;

    if (need_app(k) < 0 || need(k, "image") < 0 || take_repository(k) < 0 ||
        read_clusters(k, &ask.clusters, &ask.cluster_count) < 0 ||
        hub_made_hold(k->r->arena, k->db, &ask, &made, k->err) < 0) {
        return k->err->code;
    }
    take_made(k, &made);
    tell_clusters(k, ask.clusters, ask.cluster_count);
    set_trailer(k, "Rejected", made.rejected);
    set_trailer(k, "Restored", made.restored);
    cm_json_set_string(k->r->arena, k->args, "subject",
                       cm_arena_strf(k->r->arena, "%s on %zu cluster%s, instead of %s",
                                     made.restored, made.clusters, made.clusters == 1 ? "" : "s",
                                     made.rejected));
    return CM_OK;
}

static enum cm_rc find_hold(struct asked *k) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    const struct cm_json *list = cm_json_get(k->body, "clusters");
    const char *const *clusters;
    size_t count;

    if (need_app(k) < 0 || read_clusters(k, &clusters, &count) < 0 ||
        hub_intents_find_hold(k->db, k->c->app, said(k, "hold"), &located, k->err) < 0) {
        return k->err->code;
    }
    take_located(k, &located, "path");
    tell_clusters(k, clusters, count);
    if (count > 0) {
        cm_json_set(k->r->arena, k->args, "clusters", cm_json_copy(k->r->arena, list));
    } else if (!located.decided) {
        free(k->c->kind);
        k->c->kind = cm_strdup("unhold");
    }
    return CM_OK;
}

// ---- ban, unban

// is_document_name: as the table of names says (hub/fleet/schema_holds.c).
static bool is_document_name(const char *text) {
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-");

    return len > 0 && len <= 200 && text[len] == '\0' && strchr(".-", text[0]) == NULL &&
           strchr(".-", text[len - 1]) == NULL;
}

// choose_repository: that of the App, the one that is named, or the only one.
static enum cm_rc choose_repository(struct asked *k) {
    const char *name = said(k, "repository");

    if (k->c->app != NULL) {
        return take_repository(k);
    }
    name = name != NULL ? name : only_repository(k->r->api->config.repositories);
    if (name == NULL) {
        return cm_fail(k->err, CM_EINVAL,
                       "repository: there are several with documents: say which one it goes into");
    }
    k->c->repository = cm_strdup(name);
    return CM_OK;
}

static enum cm_rc make_ban(struct asked *k) {
    const struct hub_ban_ask ask = {.image = said(k, "image"),
                                    .versions = said(k, "versions"),
                                    .name = said(k, "name"),
                                    .app = k->c->app,
                                    .reason = said(k, "reason")};
    struct hub_made made;

    if (ask.name != NULL && !is_document_name(ask.name)) {
        return cm_fail(k->err, CM_EINVAL, "name: write 1 to 200 of a-z, 0-9, '-' and '.'");
    }
    if (need(k, "image") < 0 || choose_repository(k) < 0 ||
        hub_made_ban(k->r->arena, &ask, &made, k->err) < 0) {
        return k->err->code;
    }
    take_made(k, &made);
    cm_json_set_string(k->r->arena, k->args, "subject",
                       cm_arena_strf(k->r->arena, "%s%s%s shall never run", ask.image,
                                     ask.versions != NULL ? " " : "",
                                     ask.versions != NULL ? ask.versions : ""));
    return CM_OK;
}

static enum cm_rc find_ban(struct asked *k) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};

    if (need(k, "name") < 0 || hub_intents_find_ban(k->db, said(k, "name"), &located, k->err) < 0) {
        return k->err->code;
    }
    take_located(k, &located, "path");
    cm_json_set_string(k->r->arena, k->args, "subject",
                       cm_arena_strf(k->r->arena, "'%s' is banned no more", said(k, "name")));
    return CM_OK;
}

// ---- exempt, unexempt

static enum cm_rc make_exemption(struct asked *k) {
    struct hub_exempt_ask ask = {.app = k->c->app,
                                 .object = said(k, "object"),
                                 .field = said(k, "field"),
                                 .name = said(k, "name"),
                                 .by = k->c->actor,
                                 .reason = said(k, "reason"),
                                 .until_ms = cm_json_int(cm_json_get(k->body, "untilMs"), 0),
                                 .hours = said(k, "workingHours")};
    struct hub_made made;

    if (need_app(k) < 0 || need(k, "object") < 0 || need(k, "reason") < 0) {
        return k->err->code;
    }
    if (ask.name != NULL && !is_document_name(ask.name)) {
        return cm_fail(k->err, CM_EINVAL, "name: write 1 to 200 of a-z, 0-9, '-' and '.'");
    }
    if (ask.until_ms <= cm_clock_unix_ms()) {
        return cm_fail(k->err, CM_EINVAL, "untilMs: 'exempt' needs a moment that is to come");
    }
    if (take_repository(k) < 0 || read_clusters(k, &ask.clusters, &ask.cluster_count) < 0 ||
        hub_made_exemption(k->r->arena, k->db, &ask, &made, k->err) < 0) {
        return k->err->code;
    }
    take_made(k, &made);
    tell_clusters(k, ask.clusters, ask.cluster_count);
    cm_json_set_string(k->r->arena, k->args, "subject",
                       cm_arena_strf(k->r->arena, "%s%s%s may be changed by hand on %zu cluster%s",
                                     ask.object, ask.field != NULL ? ", " : "",
                                     ask.field != NULL ? ask.field : "", made.clusters,
                                     made.clusters == 1 ? "" : "s"));
    return CM_OK;
}

static enum cm_rc find_exemption(struct asked *k) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};

    if (need(k, "name") < 0 ||
        hub_intents_find_exemption(k->db, said(k, "name"), &located, k->err) < 0) {
        return k->err->code;
    }
    take_located(k, &located, "path");
    return CM_OK;
}

// ---- ignore

// read_object reads KIND[.GROUP][/[NAMESPACE/]NAME] into a rule. It tells whether it is one.
static bool read_object(struct asked *k, const char *text, struct cm_json *rule) {
    struct cm_arena *a = k->r->arena;
    size_t len = strcspn(text, "/");
    char *kind = cm_arena_strndup(a, text, len);
    char *group = strchr(kind, '.');
    const char *rest = text[len] == '/' ? text + len + 1 : NULL;
    const char *slash = rest != NULL ? strchr(rest, '/') : NULL;

    if (group != NULL) {
        *group++ = '\0';
        cm_json_set_string(a, rule, "group", group);
    }
    cm_json_set_string(a, rule, "kind", kind);
    if (slash != NULL && slash != rest) {
        cm_json_set_string(a, rule, "namespace", cm_arena_strndup(a, rest, (size_t)(slash - rest)));
    }
    const char *name = slash != NULL ? slash + 1 : rest;
    cm_json_set_string(a, rule, "name", name);
    return kind[0] != '\0' && (group == NULL || group[0] != '\0') &&
           (name == NULL || (name[0] != '\0' && strchr(name, '/') == NULL));
}

static enum cm_rc make_rule(struct asked *k) {
    struct cm_arena *a = k->r->arena;
    struct cm_json *rule = cm_json_new(a, CM_OBJECT);
    struct cm_json *fields = cm_json_new(a, CM_ARRAY);
    const char *object = said(k, "object");
    struct cm_path path;

    if (need_app(k) < 0 || need(k, "field") < 0) {
        return k->err->code;
    }
    if (!cm_field_parse(a, said(k, "field"), &path) || path.count == 0) {
        return cm_fail(k->err, CM_EINVAL,
                       "field: write a path as 'holdfast diff' prints it, or a JSON pointer");
    }
    if (object != NULL && !read_object(k, object, rule)) {
        return cm_fail(k->err, CM_EINVAL,
                       "object: write KIND.GROUP/NAMESPACE/NAME, such as Deployment.apps/shop/web; "
                       "the name, and the namespace and the group, may be left out");
    }
    cm_json_append(fields, cm_json_new_string(a, said(k, "field")));
    cm_json_set(a, rule, "jsonPointers", fields);
    cm_json_set(a, k->args, "rule", rule);
    cm_json_set_string(a, k->args, "subject",
                       cm_arena_strf(a, "leave %s%s%s as it is in the clusters", said(k, "field"),
                                     object != NULL ? " of " : "", object != NULL ? object : ""));
    return locate(k);
}

// ---- All of them

// ---- capture

static enum cm_rc take_changes(struct asked *k) {
    return hub_write_capture(k->r, k->c, k->db, k->body, k->args, k->err);
}

enum cm_rc hub_write_kind_prepare(struct hub_request *r, struct hub_change *c,
                                  const struct cm_json *body, struct cm_json *args,
                                  struct cm_err *err) {
    static const struct {
        const char *kind;
        enum cm_rc (*prepare)(struct asked *k);
    } kinds[] = {{"suspend", locate},          {"resume", locate},       {"confirm", find_removal},
                 {"hold", make_hold},          {"retry", find_hold},     {"ban", make_ban},
                 {"unban", find_ban},          {"ignore", make_rule},    {"exempt", make_exemption},
                 {"unexempt", find_exemption}, {"capture", take_changes}};
    struct asked k = {.r = r, .c = c, .body = body, .args = args, .err = err};
    enum cm_rc rc = hub_readers_take(r->api->readers, &k.db, err);

    for (size_t i = 0; rc == CM_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].kind, c->kind) == 0) {
            rc = kinds[i].prepare(&k);
            break;
        }
    }
    hub_readers_give(r->api->readers, k.db);
    return rc;
}
