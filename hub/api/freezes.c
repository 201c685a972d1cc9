// POST /api/v1/freezes and DELETE /api/v1/freezes/NAME: what hub/jobs/freezer.h does.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/selector.h"
#include "common/str.h"
#include "hub/api/audit.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/jobs/freezer.h"
#include "hub/store/freezes.h"

static const char *word(const struct cm_json *args, const char *name) {
    const char *text = cm_json_string(cm_json_get(args, name));

    return text == NULL ? "" : text;
}

static const char *written_of(const struct hub_change *c, const struct hub_frozen *frozen) {
    return !frozen->writes ? "off" : c->dry_run ? "shown" : "waiting";
}

static char *answer_text(const struct hub_change *c, const struct hub_frozen *frozen) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *where = hub_freezes_where(frozen->row);
    struct cm_json *json = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    cm_json_set_string(a, json, "name", frozen->row->name);
    cm_json_set_string(a, json, "what", where);
    cm_json_set_int(a, json, "clusters", (int64_t)frozen->clusters);
    cm_json_set_int(a, json, "untilMs", frozen->row->until_ms);
    cm_json_set_string(a, json, "repository", frozen->row->repo);
    cm_json_set_string(a, json, "path", frozen->row->path);
    cm_json_set_string(a, json, "text", frozen->text);
    cm_json_set_string(a, json, "written", written_of(c, frozen));
    cm_json_write_compact(json, &text);
    cm_str_add_char(&text, '\n');
    return cm_str_take(&text);
}

static void started(void *ctx, const struct cm_err *err, const struct hub_frozen *frozen) {
    struct hub_change *c = ctx;

    if (err->code != CM_OK) {
        hub_change_done(c, err, 0, NULL);
    } else { // the event freeze.started says who did it
        hub_change_done(c, err, 200, answer_text(c, frozen)); // also where it is a dry run
    }
}

static void begin_start(struct hub_change *c) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *args = NULL;
    struct cm_err err;

    if (cm_json_parse(a, c->args, strlen(c->args), NULL, &args, &err) < 0) {
        hub_change_done(c, &err, 0, NULL);
        return;
    }
    const struct hub_freeze_row row = {
        .name = word(args, "name"),
        .app = word(args, "app"),
        .cluster = word(args, "cluster"),
        .group = word(args, "group"),
        .selector = word(args, "selector"),
        .reason = word(args, "reason"),
        .actor = c->actor,
        .until_ms = cm_json_int(cm_json_get(args, "untilMs"), 0),
    };
    hub_freezer_start(c->api->config.freezer, &row, c->dry_run, started, c);
}

static bool is_name(const char *name) {
    size_t len = strlen(name);

    return len <= HUB_FREEZE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len &&
           strchr(".-", name[0]) == NULL && strchr(".-", name[len - 1]) == NULL;
}

static bool is_one_line(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum cm_rc check_where(struct hub_request *r, const struct cm_json *body,
                              struct cm_err *err) {
    const char *selector = word(body, "selector");
    int named = (word(body, "cluster")[0] != '\0') + (word(body, "group")[0] != '\0') +
                (selector[0] != '\0');
    struct cm_label_selector parsed;

    if (named > 1) {
        return cm_fail(err, CM_EINVAL, "cluster, group, selector: name one of them, or none");
    }
    if (selector[0] != '\0' && cm_label_selector_parse(r->arena, selector, &parsed, err) < 0) {
        return cm_wrap(err, "selector");
    }
    return CM_OK;
}

enum cm_rc hub_post_freeze(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin_start);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *body = NULL;

    if (hub_check_body(r, &body, err) < 0) {
        return err->code;
    }
    const char *name = word(body, "name");
    if (name[0] != '\0' && !is_name(name)) {
        return cm_fail(
            err, CM_EINVAL,
            "name: use 1 to %d of a-z, 0-9, '-' and '.', with neither of the last two at "
            "either end",
            HUB_FREEZE_NAME_MAX);
    }
    if (!is_one_line(word(body, "reason"))) {
        return cm_fail(err, CM_EINVAL, "reason: write it on one line, without control characters");
    }
    cm_json_write_compact(body, &text);
    c->args = cm_str_take(&text);
    c->dry_run = cm_json_true(cm_json_get(body, "dryRun"));
    return check_where(r, body, err);
}

static void ended(void *ctx, const struct cm_err *err, const struct hub_frozen *frozen) {
    struct hub_change *c = ctx;

    if (err->code != CM_OK) {
        hub_change_done(c, err, 0, NULL);
    } else {
        hub_change_done(c, err, 200, answer_text(c, frozen));
    }
}

static void begin_end(struct hub_change *c) {
    hub_freezer_end(c->api->config.freezer, c->args, c->actor, c->dry_run, ended, c);
}

enum cm_rc hub_delete_freeze(struct hub_request *r, struct cm_err *err) {
    struct hub_change *c = hub_change_new(r, begin_end);

    const char *dry_run = hub_uri_param(&r->uri, "dryRun");

    (void)err;
    c->args = cm_strdup(r->arg);
    c->dry_run = dry_run != NULL && strcmp(dry_run, "true") == 0;
    return CM_OK;
}
