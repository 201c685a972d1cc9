#include "hub/jobs/reindex.h"

#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/line.h"
#include "hub/repo/state_view.h"
#include "hub/store/copy.h"
#include "hub/store/db.h"
#include "hub/store/events.h"
#include "hub/store/past.h"
#include "hub/store/past_lines.h"
#include "hub/store/past_rebuild.h"

#define BRANCH "events"

static void close_view(struct hub_view **v) {
    hub_view_close(*v);
}

static void close_lock(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

struct reindex {
    struct hub_db *db;
    struct hub_view *view;
    struct hub_past_rebuild rebuild;
    struct hub_past_lines_look look; // before
    int64_t after;                   // number of the last line that the repository tells of these
    bool empty;                      // so was the index
    uint64_t kept;
};

// ---- Lines of a file

typedef enum cm_rc take_fn(struct reindex *r, struct cm_arena *a, const char *text, size_t size,
                           struct cm_err *err);

static enum cm_rc take_change(struct reindex *r, struct cm_arena *a, const char *text, size_t size,
                              struct cm_err *err) {
    struct hub_line line;
    enum cm_rc rc = hub_line_parse(a, text, size, false, &line, err);

    return rc < 0 ? rc : hub_past_rebuild_take(&r->rebuild, &line, err);
}

static enum cm_rc take_event(struct reindex *r, struct cm_arena *a, const char *text, size_t size,
                             struct cm_err *err) {
    struct hub_line_event event;
    enum cm_rc rc = hub_line_parse_event(a, text, size, &event, err);

    return rc < 0 ? rc : hub_past_rebuild_event(&r->rebuild, &event, err);
}

static enum cm_rc see_event(struct reindex *r, struct cm_arena *a, const char *text, size_t size,
                            struct cm_err *err) {
    struct hub_line_event event;
    enum cm_rc rc = hub_line_parse_event(a, text, size, &event, err);

    if (rc == CM_OK) {
        hub_past_rebuild_event_seen(&r->rebuild, &event);
    }
    return rc;
}

static enum cm_rc take_file(struct reindex *r, take_fn *take, const struct hub_view_file *file,
                            struct cm_err *err) {
    const char *at = file->to;
    const char *end = at + file->to_size;
    enum cm_rc rc = CM_OK;

    for (size_t number = 1; rc == CM_OK && at < end; number++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((feed == NULL ? end : feed) - at);

        rc = size == 0 ? CM_OK : take(r, a, at, size, err);
        if (rc < 0) {
            return cm_wrap(err, "line %zu of '%s' of the branch '" BRANCH "'", number, file->path);
        }
        at += size + 1;
    }
    return rc;
}

static enum cm_rc take_changes(void *ctx, const struct hub_view_file *file, struct cm_err *err) {
    return take_file(ctx, take_change, file, err);
}

static enum cm_rc see_events(void *ctx, const struct hub_view_file *file, struct cm_err *err) {
    return take_file(ctx, see_event, file, err);
}

static enum cm_rc take_events(void *ctx, const struct hub_view_file *file, struct cm_err *err) {
    return take_file(ctx, take_event, file, err);
}

static enum cm_rc take_folder(struct reindex *r, const char *folder,
                              enum cm_rc (*visit)(void *ctx, const struct hub_view_file *file,
                                                  struct cm_err *err),
                              struct cm_err *err) {
    const struct hub_view_visitor visitor = {visit, r, SIZE_MAX};
    struct hub_repo_id commit;

    return hub_view_walk(r->view, BRANCH, folder, &visitor, &commit, err);
}

// ---- What the repository does not tell yet

static enum cm_rc take_kept(void *ctx, struct hub_line *line, struct cm_err *err) {
    struct reindex *r = ctx;

    if (line->epoch < (uint64_t)r->rebuild.epoch) {
        line->epoch = (uint64_t)r->rebuild.epoch;
    }
    r->kept++;
    return hub_past_rebuild_take(&r->rebuild, line, err);
}

// find_after: after a restore the database counts on from its backup's number, which other lines of
// the epoch before have in the repository.
static enum cm_rc find_after(struct reindex *r, struct cm_err *err) {
    int64_t before = 0;
    enum cm_rc rc = hub_past_lines_before(r->db, r->rebuild.last_epoch, &before, err);

    r->after = before < r->rebuild.last_n ? before : r->rebuild.last_n;
    return rc;
}

static enum cm_rc check_all_is_told(const struct reindex *r, struct cm_err *err) {
    if (!r->rebuild.began) {
        return cm_fail(err, CM_EINVAL,
                       "the state repository tells no changes of the past yet: start the hub with "
                       "a --state-window, and all that it knows is written there");
    }
    if (r->empty) {
        return CM_OK;
    }
    if (r->look.state != HUB_PAST_LINES_KEPT) {
        return cm_fail(err, CM_EINVAL,
                       "the index knows what the state repository does not tell, for that was off "
                       "for a while; nothing is changed. Start the hub with a --state-window, and "
                       "all that it knows is written there");
    }
    if (r->look.first - 1 > r->after) {
        return cm_fail(err, CM_EINVAL,
                       "the state repository ends at change %lld, and changes up to %lld were "
                       "written: it is an older copy; nothing is changed. Bring the newer one, or "
                       "move it away and start the hub, which writes all that it knows anew",
                       (long long)r->after, (long long)r->look.first - 1);
    }
    return CM_OK;
}

static enum cm_rc take_lines(struct reindex *r, struct cm_err *err) {
    const struct hub_past_lines_visitor kept = {take_kept, r};
    enum cm_rc rc = take_folder(r, "changes", take_changes, err);

    rc = rc < 0 ? rc : find_after(r, err);
    rc = rc < 0 ? rc : check_all_is_told(r, err);
    return rc < 0 ? rc : hub_past_lines_each(r->db, r->after, SIZE_MAX / 2, &kept, err);
}

// ---- All of it

// No lines are kept meanwhile: what is read was told.
static enum cm_rc make_anew(struct reindex *r, int64_t events_kept, struct cm_err *err) {
    enum cm_rc rc = hub_past_is_empty(r->db, &r->empty, err);

    rc = rc < 0 ? rc : hub_past_lines_look(r->db, &r->look, err);
    rc = rc < 0 ? rc : hub_past_lines_set(r->db, HUB_PAST_LINES_OFF, err);
    rc = rc < 0 ? rc : hub_past_rebuild_begin(&r->rebuild, r->db, err);
    rc = rc < 0 ? rc : take_lines(r, err);
    rc = rc < 0 ? rc : take_folder(r, "events", see_events, err);
    rc = rc < 0 ? rc : hub_past_rebuild_make_room(&r->rebuild, err);
    rc = rc < 0 ? rc : take_folder(r, "events", take_events, err);
    rc = rc < 0 ? rc : hub_past_rebuild_end(&r->rebuild, cm_clock_unix_ms(), err);
    rc = rc < 0 ? rc : hub_events_trim(r->db, events_kept, cm_clock_unix_ms() - HUB_PAST_MS, err);
    return rc < 0 ? rc : hub_past_lines_set(r->db, r->look.state, err);
}

static struct hub_reindex_facts tell(const struct reindex *r) {
    return (struct hub_reindex_facts){.lines = r->rebuild.lines - r->kept,
                                      .repeated = r->rebuild.repeated,
                                      .kept = r->kept,
                                      .purged = r->rebuild.purged,
                                      .lost = r->rebuild.lost,
                                      .unknown = r->rebuild.unknown,
                                      .events = r->rebuild.events,
                                      .clusters = (uint64_t)r->rebuild.clusters,
                                      .releases = (uint64_t)r->rebuild.values,
                                      .rows = (uint64_t)r->rebuild.rows,
                                      .kept_from_ms = r->rebuild.kept_from_ms};
}

static enum cm_rc run(struct reindex *r, int64_t events_kept, struct hub_reindex_facts *out,
                      struct cm_err *err) {
    enum cm_rc rc = hub_db_begin(r->db, err);

    if (rc < 0) {
        return rc;
    }
    rc = make_anew(r, events_kept, err);
    if (rc < 0) {
        hub_db_rollback(r->db);
        return rc;
    }
    *out = tell(r);
    return hub_db_commit(r->db, err);
}

static enum cm_rc lock_folder(const char *dir, int *out, struct cm_err *err) {
    CM_AUTOFREE char *lock = cm_strf("%s/lock", dir);
    CM_AUTOFREE char *db = cm_strf("%s/hub.db", dir);

    if (access(db, F_OK) != 0) {
        return cm_fail(err, CM_ENOTFOUND,
                       "there is no database in '%s': holdfast-hub restore or recover makes one",
                       dir);
    }
    enum cm_rc rc = cm_fsys_lock(lock, out, err);
    return rc == CM_EBUSY ? cm_fail(err, rc, "a holdfast-hub uses '%s': stop it first", dir) : rc;
}

static enum cm_rc open_view(const char *dir, struct hub_view **out, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/state.git", dir);
    enum cm_rc rc = hub_view_open(path, out, err);

    return rc != CM_ENOTFOUND
               ? rc
               : cm_fail(err, rc,
                         "there is no state repository '%s' (a hub with --state-window 0s keeps "
                         "none): the past is in the database alone, and in its backups",
                         path);
}

// Only what is in the tables can be made anew here.
static enum cm_rc check_file(const char *path, struct cm_err *err) {
    enum cm_rc rc = hub_db_check(path, err);
    CM_AUTOFREE char *why = rc == CM_EINVAL ? cm_strdup(err->msg) : NULL;

    return why == NULL
               ? rc
               : cm_fail(
                     err, rc,
                     "%s: put a backup in its place (holdfast-hub restore), or make one of keys "
                     "and registry (recover); then reindex brings back what that does not know",
                     why);
}

enum cm_rc hub_reindex(const struct hub_reindex_config *config, struct hub_reindex_facts *out,
                       struct cm_err *err) {
    CM_CLEANUP(close_lock) int lock = -1;
    CM_CLEANUP(close_view) struct hub_view *view = NULL;
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *path = cm_strf("%s/hub.db", config->data_dir);
    enum cm_rc rc = lock_folder(config->data_dir, &lock, err);

    rc = rc < 0 ? rc : open_view(config->data_dir, &view, err);
    rc = rc < 0 ? rc : check_file(path, err);
    rc = rc < 0 ? rc : hub_db_open(path, HUB_DB_WRITER, &db, err);
    struct reindex r = {.db = db, .view = view};
    rc = rc < 0 ? rc : run(&r, config->events_kept, out, err);
    hub_past_rebuild_done(&r.rebuild);
    return rc;
}
