// POST /api/v1/writes: that something shall be so is written into Git.
//
// What a kind needs is worked out here (write_kinds.h); what changes says the writer
// (hub/jobs/writer.h), which answers once the change is on record.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/audit.h"
#include "hub/api/change.h"
#include "hub/api/check.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"
#include "hub/api/write_kinds.h"
#include "hub/jobs/writer.h"

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
    cm_json_set_string(a, json, "pullRequest", answer->pull);
    cm_json_set_bool(a, json, "byPullRequest", answer->by_pull);
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
    enum cm_rc rc = hub_write_kind_prepare(r, c, body, args, err);
    cm_json_write_compact(args, &text);
    c->args = cm_str_take(&text);
    return rc;
}
