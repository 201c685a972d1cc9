// state_events.c: the branch `events`: segments of JSON lines, by the hour, and the commit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_changes.h"
#include "hub/jobs/state_registry.h"
#include "hub/jobs/state_work.h"
#include "hub/store/events.h"
#include "hub/write/write.h"

#define EVENTS_MAX 20000 // of one pass
#define BRANCH "events"

// ---- Where we are

// Up to where a branch was written, and of which epoch. 0/0: it was not.
struct mark {
    uint64_t epoch;
    int64_t number;
};

static struct mark parse_mark(const char *message, const char *key) {
    const char *at = message;
    CM_AUTOFREE char *text = hub_write_find_trailer(&at, key);
    struct mark mark = {0};
    char *end = NULL;

    if (text != NULL) {
        mark.epoch = strtoull(text, &end, 10);
        mark.number = *end == '/' ? strtoll(end + 1, NULL, 10) : 0;
    }
    return mark;
}

// read_marks reads the marks of a branch's events and of its changes.
static enum cm_rc read_marks(struct hub_state_pass *p, const char *branch, struct mark *events,
                             struct mark *changes, struct cm_err *err) {
    const char *message = NULL;
    struct hub_repo_id tip;
    enum cm_rc rc = hub_state_tip(p->repo, p->arena, branch, &tip, &message, err);

    if (rc < 0) {
        return rc == CM_ENOTFOUND ? CM_OK : rc;
    }
    *events = parse_mark(message, "Holdfast-Event");
    *changes = parse_mark(message, "Holdfast-Change");
    return CM_OK;
}

enum cm_rc hub_state_events_find(struct hub_state_pass *p, bool *fresh, struct cm_err *err) {
    struct mark events = {0};
    struct mark changes = {0};
    struct mark desired = {0};
    struct mark none = {0};
    struct hub_event_marks marks = {0};
    enum cm_rc rc = read_marks(p, "desired", &desired, &none, err);

    rc = rc < 0 ? rc : read_marks(p, BRANCH, &events, &changes, err);
    rc = rc < 0 ? rc : hub_events_marks(p->db, &marks, err);
    if (rc < 0) {
        return rc;
    }
    *fresh = events.epoch != p->epoch && desired.epoch != p->epoch;
    if (events.epoch == p->epoch) {
        // An older copy of the database than was written from: what it has new has new numbers.
        p->event = events.number < marks.newest ? events.number : marks.newest;
    } else {
        // A restored database counts on from an older number: what came with the restore is new.
        p->event = events.epoch == 0 || marks.restored == 0 ? 0 : marks.restored - 1;
    }
    p->change_known = changes.epoch == p->epoch;
    p->change = p->change_known ? changes.number : 0;
    return CM_OK;
}

// ---- Segments

struct segments {
    struct hub_state_pass *pass;
    struct hub_state_hour hour; // of the segment that is filled
    struct cm_str text;
    unsigned index;
    struct hub_state_edits edits;
    struct cm_err *err;
};

void hub_state_edits_add(struct hub_state_pass *p, struct hub_state_edits *edits, const char *path,
                         const struct hub_repo_id *id) {
    if (edits->count == edits->room) {
        size_t room = edits->room == 0 ? 16 : edits->room * 2;
        struct hub_state_edit *items = cm_arena_get(p->arena, room * sizeof(*items));

        if (edits->count > 0) {
            memcpy(items, edits->items, edits->count * sizeof(*items));
        }
        edits->items = items;
        edits->room = room;
    }
    edits->items[edits->count++] =
        (struct hub_state_edit){.path = path, .what = HUB_STATE_FILE, .id = *id};
}

static enum cm_rc end_segment(struct segments *s) {
    struct hub_repo_id id;

    if (s->text.len == 0) {
        return CM_OK;
    }
    enum cm_rc rc = hub_state_blob(s->pass->repo, cm_str_get(&s->text), s->text.len, &id, s->err);
    if (rc == CM_OK) {
        hub_state_edits_add(s->pass, &s->edits,
                            cm_arena_strf(s->pass->arena, "%s/%s%04u.jsonl", s->hour.folder,
                                          s->hour.prefix, s->index),
                            &id);
        cm_str_clear(&s->text);
    }
    return rc;
}

// go_on continues the last segment of an hour, as it is on disk.
static enum cm_rc go_on(struct segments *s) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *last = NULL;
    const char *name = NULL;
    const struct hub_state_place place = {BRANCH, s->hour.folder, s->hour.prefix};

    s->index = 0;
    if (s->pass->turns) {
        return CM_OK; // what is there stays in the month that ends
    }
    enum cm_rc rc = hub_state_last(s->pass->repo, s->pass->arena, &place, &name, &last, s->err);
    if (rc < 0) {
        return rc == CM_ENOTFOUND ? CM_OK : rc;
    }
    s->index = (unsigned)strtoul(name + strlen(s->hour.prefix), NULL, 10);
    if (last->size >= HUB_STATE_SEGMENT_MAX) {
        s->index++;
    } else {
        cm_str_add_n(&s->text, last->data, last->size);
    }
    return CM_OK;
}

static bool same_hour(const struct hub_state_hour *a, const struct hub_state_hour *b) {
    return strcmp(a->folder, b->folder) == 0 && strcmp(a->prefix, b->prefix) == 0;
}

static enum cm_rc add_event(struct segments *s, int64_t number, const struct hub_event *e) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_state_hour hour;
    enum cm_rc rc = CM_OK;

    hub_state_hour(e->at_ms, &hour);
    if (!same_hour(&hour, &s->hour)) {
        rc = end_segment(s);
        s->hour = hour;
        rc = rc < 0 ? rc : go_on(s);
    } else if (s->text.len >= HUB_STATE_SEGMENT_MAX) {
        rc = end_segment(s);
        s->index++;
    }
    if (rc == CM_OK) {
        hub_state_event_line(a, s->pass->epoch, number, e, &s->text);
        s->pass->event = number;
    }
    return rc;
}

// ---- The branch

// Hours may come back when the clock is set back. Then a segment has two edits, of which the later
// one does not know what the earlier one added; so a pass ends before it.
static bool comes_back(const struct segments *s, int64_t at_ms) {
    struct hub_state_hour hour;

    hub_state_hour(at_ms, &hour);
    if (same_hour(&hour, &s->hour)) {
        return false;
    }
    CM_AUTOFREE char *path = cm_strf("%s/%s", hour.folder, hour.prefix);
    for (size_t i = 0; i < s->edits.count; i++) {
        if (strncmp(s->edits.items[i].path, path, strlen(path)) == 0) {
            return true;
        }
    }
    return false;
}

struct reading {
    struct segments *segments;
    size_t count;
    bool more;
};

// A visit that ends the pass fails with CM_ECANCELED.
static enum cm_rc take_event(void *ctx, int64_t number, const struct hub_event *e,
                             struct cm_err *err) {
    struct reading *r = ctx;

    r->more = comes_back(r->segments, e->at_ms);
    if (r->more) {
        return cm_fail(err, CM_ECANCELED, "the rest is for the next pass");
    }
    enum cm_rc rc = add_event(r->segments, number, e);
    r->count++;
    r->more = r->count == EVENTS_MAX;
    return rc;
}

static enum cm_rc add_events(struct reading *r) {
    struct segments *s = r->segments;
    enum cm_rc rc =
        hub_events_each_after(s->pass->db, s->pass->event, EVENTS_MAX, take_event, r, s->err);

    return rc == CM_ECANCELED ? CM_OK : rc;
}

// tell_gap says that events were removed before they could be written.
static enum cm_rc tell_gap(struct reading *r) {
    struct segments *s = r->segments;
    struct hub_event_marks marks = {0};
    enum cm_rc rc = hub_events_marks(s->pass->db, &marks, s->err);

    if (rc < 0 || marks.trimmed <= s->pass->event) {
        return rc;
    }
    struct hub_event gap = {
        .at_ms = marks.oldest_ms,
        .kind = "state.gap",
        .actor = "hub",
        .message = cm_arena_strf(s->pass->arena,
                                 "events up to number %lld may be missing: they were removed "
                                 "before they could be written",
                                 (long long)marks.trimmed),
    };
    r->count++;
    return add_event(s, s->pass->event, &gap);
}

static const char *write_message(struct hub_state_pass *p, size_t events, size_t lines) {
    unsigned long long epoch = p->epoch;
    const char *change = p->change_known ? cm_arena_strf(p->arena, "Holdfast-Change: %llu/%lld\n",
                                                         epoch, (long long)p->change)
                                         : "";
    const char *subject =
        events > 0
            ? cm_arena_strf(p->arena, "events: %zu until number %lld", events, (long long)p->event)
        : lines > 0 ? cm_arena_strf(p->arena, "events: %zu changes of the past", lines)
                    : "events: the registry of agents";

    return cm_arena_strf(p->arena,
                         "%s\n\nHoldfast-Action: record\nHoldfast-Event: %llu/%lld\n%s"
                         "Holdfast-Writer: %s/epoch-%llu\n",
                         subject, epoch, (long long)p->event, change, p->hub_id, epoch);
}

static enum cm_rc fill(struct reading *r) {
    enum cm_rc rc = tell_gap(r);

    rc = rc < 0 ? rc : add_events(r);
    return rc < 0 ? rc : end_segment(r->segments);
}

static enum cm_rc stage(struct hub_state_pass *p, const struct hub_state_edits *edits,
                        const char *message, struct hub_state_done *out, struct cm_err *err) {
    bool changed = false;
    const struct hub_state_change change = {.branch = BRANCH,
                                            .edits = edits->items,
                                            .edit_count = edits->count,
                                            .message = message,
                                            .committer = HUB_STATE_COMMITTER,
                                            .when_ms = cm_clock_unix_ms(),
                                            .month = p->turns,
                                            .only = HUB_STATE_REGISTRY};
    enum cm_rc rc = hub_state_stage(p->repo, &change, &changed, err);

    out->commits += changed ? 1 : 0;
    return rc;
}

enum cm_rc hub_state_events_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                  struct cm_err *err) {
    struct segments s = {.pass = p, .err = err};
    struct reading r = {.segments = &s};
    size_t lines = 0;
    size_t registry = 0;
    enum cm_rc rc = hub_state_turns(p, BRANCH, &p->turns, err);

    rc = rc < 0 || !p->turns ? rc : hub_state_changes_turn(p, &p->turns, err);
    rc = rc < 0 ? rc : fill(&r);
    cm_str_done(&s.text);
    out->more = out->more || r.more;
    rc = rc < 0 ? rc : hub_state_changes_fill(p, &s.edits, out, &lines, err);
    rc = rc < 0 ? rc : hub_state_registry_fill(p, &s.edits, &registry, err);
    if (rc < 0 || r.count + lines + registry == 0) {
        return rc;
    }
    out->files += r.count + lines;
    return stage(p, &s.edits, write_message(p, r.count, lines), out, err);
}
