// past_frozen.c: what was frozen when, and on which clusters.
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/store/db.h"
#include "hub/store/past_read.h"

#define COLUMNS                                                                                    \
    "id, name, app, reason, actor, source, from_ms, until_ms, to_ms, ended_by, ended_why"

static struct past_freeze read_freeze(struct past_read *r, struct hub_stmt *stmt) {
    return (struct past_freeze){.id = hub_stmt_int(stmt, 0),
                                .name = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 1)),
                                .app = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 2)),
                                .reason = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 3)),
                                .actor = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 4)),
                                .source = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 5)),
                                .from_ms = hub_stmt_int(stmt, 6),
                                .until_ms = hub_stmt_int(stmt, 7),
                                .to_ms = hub_stmt_int(stmt, 8),
                                .ended_by = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 9)),
                                .ended_why = cm_arena_strdup(r->arena, hub_stmt_text(stmt, 10))};
}

// read_clusters reads on which a freeze was at a moment, or, with 0, at any.
static enum cm_rc read_clusters(struct past_read *r, struct past_freeze *f, int64_t at_ms,
                                struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT c.number FROM freeze_past_cluster k JOIN past_cluster c"
                                 " ON c.name = k.cluster WHERE k.freeze = ?1 AND (?2 = 0 OR"
                                 " (k.from_ms <= ?2 AND (k.to_ms = 0 OR k.to_ms > ?2)))",
                                 "ii", f->id, at_ms);

    f->on = cm_arena_get(r->arena, (r->count + 1) * sizeof(*f->on));
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        size_t number = (size_t)hub_stmt_int(stmt, 0);

        if (number < r->count) {
            f->on[number] = true;
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc past_frozen_find(struct past_read *r, int64_t at_ms, struct past_frozen *out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT " COLUMNS " FROM freeze_past WHERE from_ms <= ?1 AND"
                                 " (to_ms = 0 OR to_ms > ?1) ORDER BY name LIMIT ?2",
                                 "ii", at_ms, (int64_t)PAST_FROZEN_MAX);

    *out =
        (struct past_frozen){.list = cm_arena_get(r->arena, PAST_FROZEN_MAX * sizeof(*out->list))};
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct past_freeze *f = &out->list[out->count++];

        *f = read_freeze(r, stmt);
        rc = read_clusters(r, f, at_ms, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

uint64_t past_frozen_of(const struct past_frozen *frozen, const char *app, size_t cluster) {
    uint64_t which = 0;

    for (size_t i = 0; i < frozen->count; i++) {
        const struct past_freeze *f = &frozen->list[i];

        if (f->on[cluster] && (f->app[0] == '\0' || strcmp(f->app, app) == 0)) {
            which |= UINT64_C(1) << i;
        }
    }
    return which;
}

void past_frozen_set(struct past_read *r, const struct past_frozen *frozen, uint64_t which,
                     struct cm_json *item) {
    struct cm_json *list = cm_json_new(r->arena, CM_ARRAY);

    for (size_t i = 0; i < frozen->count; i++) {
        const struct past_freeze *f = &frozen->list[i];
        struct cm_json *one = cm_json_new(r->arena, CM_OBJECT);

        if ((which >> i & 1) == 0) {
            continue;
        }
        cm_json_set_string(r->arena, one, "name", f->name);
        cm_json_set_string(r->arena, one, "reason", f->reason);
        cm_json_set_string(r->arena, one, "actor", f->actor);
        cm_json_set_string(r->arena, one, "source", f->source);
        cm_json_set_int(r->arena, one, "fromMs", f->from_ms);
        cm_json_set_int(r->arena, one, "untilMs", f->until_ms);
        cm_json_set_int(r->arena, one, "toMs", f->to_ms);
        cm_json_set_string(r->arena, one, "endedBy", f->ended_by);
        cm_json_append(list, one);
    }
    if (list->count > 0) {
        cm_json_set(r->arena, item, "frozen", list);
    }
}

enum cm_rc past_frozen_each(struct past_read *r, const struct hub_past_span *span, const char *app,
                            void (*visit)(void *ctx, const struct past_freeze *freeze), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT " COLUMNS " FROM freeze_past WHERE from_ms <= ?1 AND"
                                 " (to_ms = 0 OR to_ms >= ?2) AND (?3 = '' OR app IN ('', ?3))"
                                 " ORDER BY id DESC",
                                 "iit", span->to_ms, span->from_ms, app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct past_freeze f = read_freeze(r, stmt);

        rc = read_clusters(r, &f, 0, err);
        if (rc == CM_OK) {
            visit(ctx, &f);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static const char *moment(struct cm_arena *a, int64_t ms) {
    char text[CM_CLOCK_TEXT_MAX];

    cm_clock_format(ms, text);
    return cm_arena_strdup(a, text);
}

const char *past_freeze_words(struct cm_arena *a, const struct past_freeze *f) {
    if (f->to_ms != 0) {
        return cm_arena_strf(a, "'%s': %s (until %s, ended by %s)", f->name, f->reason,
                             moment(a, f->to_ms), f->ended_by);
    }
    return f->until_ms != 0
               ? cm_arena_strf(a, "'%s': %s (until %s)", f->name, f->reason, moment(a, f->until_ms))
               : cm_arena_strf(a, "'%s': %s", f->name, f->reason);
}

const char *past_thaw_words(struct cm_arena *a, const struct past_freeze *f) {
    return cm_arena_strf(a, "'%s': %s (frozen since %s by %s: %s)", f->name, f->ended_why,
                         moment(a, f->from_ms), f->actor, f->reason);
}
