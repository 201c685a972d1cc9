// POST /api/v1/writes: that something shall be so is written into Git.
//
// Where the documents are says the database; what changes in them says the writer
// (hub/jobs/writer.h), which answers once the change is on record.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/api/audit.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/config/config.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/writer.h"
#include "hub/store/intents.h"

static const char *state_name(enum hub_writer_state state) {
    static const char *const names[] = {[HUB_WRITER_WAITING] = "waiting",
                                        [HUB_WRITER_SO] = "done",
                                        [HUB_WRITER_SHOWN] = "shown",
                                        [HUB_WRITER_OFF] = "off"};

    return names[state];
}

static char *answer_text(const struct hub_change *c, const struct hub_writer_answer *answer) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *json = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    cm_json_set_string(a, json, "id", answer->id);
    cm_json_set_string(a, json, "repository", c->repository);
    cm_json_set_string(a, json, "state", state_name(answer->state));
    cm_json_set_string(a, json, "path", answer->path);
    cm_json_set_string(a, json, "diff", answer->diff);
    cm_json_write_compact(json, &text);
    cm_str_add_char(&text, '\n');
    return cm_str_take(&text);
}

static void added(void *ctx, const struct cm_err *err, const struct hub_writer_answer *answer) {
    struct hub_change *c = ctx;

    if (err->code != CM_OK) {
        hub_change_done(c, err, 0, NULL);
    } else if (answer->state == HUB_WRITER_WAITING) {
        // What undoes something that waits has no path yet.
        hub_audit_done(c,
                       cm_strf("%s, to be written into '%s'", c->kind,
                               answer->path[0] != '\0' ? answer->path : c->repository),
                       202, answer_text(c, answer));
    } else { // nothing is changed
        hub_change_done(c, err, 202, answer_text(c, answer));
    }
}

static void begin(struct hub_change *c) {
    const struct hub_writer_ask ask = {
        .repository = c->repository,
        .kind = c->kind,
        .app = c->app,
        .cluster = c->cluster,
        .args = c->args,
        .actor = c->actor,
        .dry_run = c->dry_run,
    };

    hub_writer_add(c->api->config.writer, &ask, added, c);
}

// ---- What the kinds need to know

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

static enum cm_rc locate(struct hub_request *r, struct hub_change *c, struct cm_json *args,
                         struct cm_err *err) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    struct hub_db *db = NULL;

    if ((c->app == NULL) == (c->cluster == NULL)) {
        return cm_fail(err, CM_EINVAL, "app: name one App, or one cluster");
    }
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : hub_intents_locate(db, c->app, c->cluster, &located, err);
    hub_readers_give(r->api->readers, db);
    if (rc == CM_OK) {
        CM_AUTOFREE char *file = from_top(r, located.repository, located.path);

        c->repository = cm_strdup(located.repository);
        cm_json_set_string(r->arena, args, "file", file);
    }
    return rc;
}

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

static void put_confirmation(struct hub_request *r, struct hub_change *c, const char *removal,
                             struct cm_json *args) {
    CM_AUTOFREE char *name = cm_strf(HUB_CONFIRMATION_NAME, c->app, removal);
    CM_AUTOFREE char *below = cm_strf("confirmations/%s.yaml", name);
    CM_AUTOFREE char *path = from_top(r, c->repository, below);
    CM_AUTOFREE char *text = confirmation_text(r->arena, name, c->app, removal,
                                               cm_json_string(cm_json_get(args, "reason")));

    cm_json_set_string(r->arena, args, "path", path);
    cm_json_set_string(r->arena, args, "text", text);
}

static enum cm_rc find_removal(struct hub_request *r, struct hub_change *c, const char *removal,
                               struct cm_json *args, struct cm_err *err) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    struct hub_db *db = NULL;

    if (c->cluster != NULL) {
        return cm_fail(err, CM_EINVAL, "app: a removal is confirmed for one App");
    }
    enum cm_rc rc = hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : hub_intents_find_removal(db, c->app, removal, &located, err);
    hub_readers_give(r->api->readers, db);
    if (rc == CM_OK) {
        c->repository = cm_strdup(located.repository);
        put_confirmation(r, c, located.removal, args);
    }
    return rc;
}

enum cm_rc hub_post_write(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin);
    struct cm_json *args = cm_json_new(r->arena, CM_OBJECT);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *body = NULL;

    if (hub_check_body(r, &body, err) < 0) {
        return err->code;
    }
    c->kind = cm_strdup(cm_json_string(cm_json_get(body, "kind")));
    c->app = cm_strdup(cm_json_string(cm_json_get(body, "app")));
    c->cluster = cm_strdup(cm_json_string(cm_json_get(body, "cluster")));
    c->dry_run = cm_json_true(cm_json_get(body, "dryRun"));
    cm_json_set_string(r->arena, args, "reason", cm_json_string(cm_json_get(body, "reason")));
    enum cm_rc rc =
        strcmp(c->kind, "confirm") == 0
            ? find_removal(r, c, cm_json_string(cm_json_get(body, "removal")), args, err)
            : locate(r, c, args, err);
    cm_json_write_compact(args, &text);
    c->args = cm_str_take(&text);
    return rc;
}
