#include "hub/jobs/state_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/line.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"
#include "hub/store/past.h"
#include "hub/store/past_lines.h"

#define LINES_MAX 20000 // of one pass; a listing is one pass, and goes to the disk meanwhile
#define BRANCH "events"
#define ROOT "changes"

struct changes {
    struct hub_state_pass *pass;
    struct hub_state_edits *edits;
    char folder[24]; // "changes/2026-11/28"
    unsigned index;
    struct cm_str text; // of the segment that is filled
    int64_t listed;     // number of the lines of a listing; 0: they have their own
    size_t count;
};

// ---- Segments

static enum cm_rc end_segment(struct changes *c, struct cm_err *err) {
    struct hub_state_pass *p = c->pass;
    struct hub_repo_id id;

    if (c->text.len == 0) {
        return CM_OK;
    }
    enum cm_rc rc = hub_state_blob(p->repo, cm_str_get(&c->text), c->text.len, &id, err);
    if (rc == CM_OK) {
        hub_state_edits_add(p, c->edits,
                            cm_arena_strf(p->arena, "%s/%05u.jsonl", c->folder, c->index), &id);
        cm_str_clear(&c->text);
        rc = hub_state_spill(p->repo, err);
    }
    return rc;
}

// find_last finds the day of the last segment; "": there is none.
static enum cm_rc find_last(struct changes *c, struct cm_err *err) {
    struct hub_state_pass *p = c->pass;
    struct hub_state_place place = {BRANCH, ROOT, ""};
    const char *month = NULL;
    const char *day = NULL;
    enum cm_rc rc = hub_state_last_folder(p->repo, p->arena, &place, &month, err);

    if (rc == CM_OK) {
        place.folder = cm_arena_strf(p->arena, ROOT "/%s", month);
        rc = hub_state_last_folder(p->repo, p->arena, &place, &day, err);
    }
    if (rc == CM_OK) {
        (void)snprintf(c->folder, sizeof(c->folder), "%s/%s", place.folder, day);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// go_on continues the last segment of the day, unless it is at an end.
static enum cm_rc go_on(struct changes *c, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *last = NULL;
    const struct hub_state_place place = {BRANCH, c->folder, ""};
    const char *name = NULL;
    enum cm_rc rc = hub_state_last(c->pass->repo, c->pass->arena, &place, &name, &last, err);

    if (rc < 0) {
        return rc == CM_ENOTFOUND ? CM_OK : rc;
    }
    c->index = (unsigned)strtoul(name, NULL, 10);
    if (last->size >= HUB_STATE_SEGMENT_MAX) {
        c->index++;
    } else {
        cm_str_add_n(&c->text, last->data, last->size);
    }
    return CM_OK;
}

static enum cm_rc open_segment(struct changes *c, struct cm_err *err) {
    char now[CM_CLOCK_TEXT_MAX];
    char today[sizeof(c->folder)];
    enum cm_rc rc = find_last(c, err);

    cm_clock_format(cm_clock_unix_ms(), now); // 2026-11-28T21:14:05.123Z
    (void)snprintf(today, sizeof(today), ROOT "/%.7s/%.2s", now, now + 8);
    if (strcmp(today, c->folder) > 0 || c->pass->turns) {
        memcpy(c->folder, today, sizeof(today));
        return rc;
    }
    return rc < 0 ? rc : go_on(c, err);
}

// ---- Lines

// What a program wrote may hold a secret, as in events.
static void hide(struct cm_arena *a, struct hub_line *line) {
    if (line->kind == HUB_LINE_DECISION) {
        line->of[HUB_LINE_M_TEXT].text = hub_state_told(a, line->of[HUB_LINE_M_TEXT].text);
    }
}

static enum cm_rc add_line(void *ctx, struct hub_line *line, struct cm_err *err) {
    struct changes *c = ctx;
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    enum cm_rc rc = CM_OK;

    if (c->count == 0) {
        rc = open_segment(c, err);
    } else if (c->text.len >= HUB_STATE_SEGMENT_MAX) {
        rc = end_segment(c, err);
        c->index++;
    }
    line->epoch = c->pass->epoch;
    line->n = c->listed > 0 || line->n == 0 ? c->listed : line->n;
    hide(a, line);
    hub_line_write(a, line, &c->text);
    c->count++;
    c->pass->change = line->n;
    return rc;
}

static enum cm_rc list_all(struct changes *c, const struct hub_past_lines_visitor *to, int64_t last,
                           struct cm_err *err) {
    struct hub_line begin = {.kind = HUB_LINE_BEGIN};
    int64_t *since_ms = &begin.of[HUB_LINE_M_AT].number;
    enum cm_rc rc = hub_meta_get_int(c->pass->db, HUB_PAST_KEPT_FROM, since_ms, err);

    c->listed = last;
    rc = rc < 0 && rc != CM_ENOTFOUND ? rc : add_line(c, &begin, err);
    return rc < 0 ? rc : hub_past_lines_list(c->pass->db, to, err);
}

// list_base tells how all is, with what is not written yet, which follows: what is told twice
// counts once.
static enum cm_rc list_base(struct changes *c, const struct hub_past_lines_visitor *to,
                            struct cm_err *err) {
    struct hub_line base = {.kind = HUB_LINE_BASE};

    base.of[HUB_LINE_M_AT].number = cm_clock_unix_ms();
    c->listed = c->pass->change;
    enum cm_rc rc = add_line(c, &base, err);
    rc = rc < 0 ? rc : hub_past_lines_base(c->pass->db, to, err);
    c->listed = 0;
    return rc;
}

// ---- What there is to do

static bool is_due(const struct hub_state_pass *p, const struct hub_past_lines_look *look) {
    return look->state == HUB_PAST_LINES_DUE || !p->change_known || p->change > look->last;
}

enum cm_rc hub_state_changes_turn(const struct hub_state_pass *p, bool *out, struct cm_err *err) {
    struct hub_past_lines_look look = {0};
    enum cm_rc rc = hub_past_lines_look(p->db, &look, err);

    *out =
        look.state != HUB_PAST_LINES_OFF && (is_due(p, &look) || look.last - p->change < LINES_MAX);
    return rc;
}

static enum cm_rc fill(struct changes *c, struct hub_state_done *out, struct cm_err *err) {
    const struct hub_past_lines_visitor to = {add_line, c};
    struct hub_past_lines_look look = {0};
    bool turns = c->pass->turns;
    enum cm_rc rc = hub_past_lines_look(c->pass->db, &look, err);

    out->wants_changes = look.state == HUB_PAST_LINES_OFF;
    if (rc < 0 || out->wants_changes) {
        return rc;
    }
    out->changes_listed = is_due(c->pass, &look);
    rc = out->changes_listed || !turns ? CM_OK : list_base(c, &to, err);
    rc = rc < 0                ? rc
         : out->changes_listed ? list_all(c, &to, look.last, err)
                               : hub_past_lines_each(c->pass->db, c->pass->change,
                                                     turns ? SIZE_MAX / 2 : LINES_MAX, &to, err);
    out->more = out->more || (!out->changes_listed && !turns && c->count == LINES_MAX);
    return rc < 0 ? rc : end_segment(c, err);
}

enum cm_rc hub_state_changes_fill(struct hub_state_pass *p, struct hub_state_edits *edits,
                                  struct hub_state_done *out, size_t *out_count,
                                  struct cm_err *err) {
    struct changes c = {.pass = p, .edits = edits};
    enum cm_rc rc = fill(&c, out, err);

    cm_str_done(&c.text);
    if (rc == CM_OK && c.count > 0) {
        p->change_known = true;
        out->changes_written = p->change;
    } else if (rc == CM_OK && p->change_known && !out->wants_changes) {
        out->changes_written = p->change; // of one that was killed before it noted so
    }
    *out_count = c.count;
    return rc;
}
