#include "hub/jobs/decisions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/who.h"
#include "common/str.h"
#include "hub/jobs/needs.h"
#include "hub/jobs/rollback.h"
#include "hub/jobs/running.h"
#include "hub/jobs/store.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
#include "hub/store/needs.h"
#include "hub/store/proven.h"
#include "hub/store/status.h"
#include "hub/store/unwritten.h"

enum {
    WEIGHT_PAUSE_MS = 20000, // an agent leaves 30 s
    LATE_MS = 10000,
    SHORT = 7, // digits of a commit
    IMAGES_MAX = 100,
};

#define LATEST_MS INT64_C(253402300799999) // the end of the year 9999

struct decisions_job {
    struct hub_store_job job;
    struct cm_arena *arena;
    const char *cluster;
    const char *cluster_id;
    const Holdfast__V1__Decisions *decisions;
    int64_t now_ms;
    struct hub_decisions_done done;
    struct hub_decisions_result result;
};

enum {
    PLACE_RESTARTED = HOLDFAST__V1__VERDICT__CONFIG_REJECTED, // which has none of its own
    PLACE_WAITING,
};

static const struct {
    const char *name;
    const char *words;
} verdicts[HUB_VERDICTS] = {
    [HOLDFAST__V1__VERDICT__VERDICT_UNKNOWN] = {"unknown", "did what this hub does not know with"},
    [HOLDFAST__V1__VERDICT__PROMOTED] = {"promoted", "promoted"},
    [HOLDFAST__V1__VERDICT__REJECTED] = {"rejected", "rejected"},
    [HOLDFAST__V1__VERDICT__FAILED_FORWARD] = {"failed_forward",
                                               "failed to promote, and left serving,"},
    [HOLDFAST__V1__VERDICT__TIMED_OUT] = {"timed_out", "has waited in vain for"},
    [HOLDFAST__V1__VERDICT__UNDONE] = {"undone", "went back by hand from"},
    [HOLDFAST__V1__VERDICT__STARTED] = {"started", "began with"},
    [HOLDFAST__V1__VERDICT__WEIGHT] = {"weight", "gave another share of the traffic to"},
    [PLACE_RESTARTED] = {"restarted", "was told to replace the pods of"},
    [PLACE_WAITING] = {"waiting", "waits for somebody to let it go on with"},
};

const char *hub_verdict_name(size_t i) {
    return i < HUB_VERDICTS ? verdicts[i].name : NULL;
}

// place_of: what an analysis rejected is rejected, whether it is code or configuration.
static size_t place_of(const Holdfast__V1__Decision *d) {
    size_t at = (size_t)d->verdict;

    if (d->verdict == HOLDFAST__V1__VERDICT__CONFIG_REJECTED) {
        return HOLDFAST__V1__VERDICT__REJECTED;
    }
    if (d->verdict == HOLDFAST__V1__VERDICT__RESTARTED) {
        return PLACE_RESTARTED;
    }
    if (d->verdict == HOLDFAST__V1__VERDICT__WAITING) {
        return PLACE_WAITING;
    }
    return at < PLACE_RESTARTED ? at : 0;
}

// ---- What a release is

struct images {
    const char *texts[IMAGES_MAX];
    size_t count;
};

static void add_images(struct cm_arena *a, const struct cm_json *containers, struct images *out) {
    if (containers == NULL || containers->type != CM_ARRAY) {
        return;
    }
    for (const struct cm_json *c = containers->first; c != NULL && out->count < IMAGES_MAX;
         c = c->next) {
        const char *name = cm_json_string(cm_json_get(c, "name"));
        const char *image = cm_json_string(cm_json_get(c, "image"));

        if (name != NULL && image != NULL) {
            out->texts[out->count++] = cm_arena_strf(a, "%s=%s", name, image);
        }
    }
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *hub_release_identity(struct cm_arena *a, const void *bytes, size_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct images images = {.count = 0};
    struct cm_json *object = NULL;
    struct cm_err err;

    if (cm_json_parse(a, bytes, size, NULL, &object, &err) < 0) {
        return "";
    }
    const struct cm_json *pods = cm_json_path(object, "spec", "template", "spec", NULL);
    add_images(a, cm_json_get(pods, "initContainers"), &images);
    add_images(a, cm_json_get(pods, "containers"), &images);
    qsort(images.texts, images.count, sizeof(images.texts[0]), compare_texts);
    for (size_t i = 0; i < images.count; i++) {
        cm_str_addf(&text, "%s%s", i == 0 ? "" : " ", images.texts[i]);
    }
    return cm_arena_strdup(a, cm_str_get(&text));
}

// ---- One decision

static struct cm_sha256 hash_of(const ProtobufCBinaryData *bytes) {
    struct cm_sha256 hash = {{0}};

    if (bytes->len == sizeof(hash.bytes)) {
        memcpy(hash.bytes, bytes->data, sizeof(hash.bytes));
    }
    return hash;
}

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

// has_good_object: what it is called it must be, too.
static bool has_good_object(const Holdfast__V1__Decision *d) {
    struct cm_sha256 claimed = hash_of(&d->good_sha256);

    if (d->good_object.len == 0) {
        return false;
    }
    struct cm_sha256 real = cm_sha256(d->good_object.data, d->good_object.len);
    return is_none(&claimed) || cm_sha256_equal(&claimed, &real);
}

// when returns when it was decided: no later than it was heard of, whatever a clock there says.
static int64_t when(const struct decisions_job *j, const Holdfast__V1__Decision *d) {
    return d->at_ms <= 0 || d->at_ms > j->now_ms ? j->now_ms : d->at_ms;
}

static struct hub_decision_row row_of(const struct decisions_job *j,
                                      const Holdfast__V1__Decision *d) {
    bool good = has_good_object(d);

    return (struct hub_decision_row){.id = hash_of(&d->id),
                                     .cluster = j->cluster,
                                     .cluster_id = j->cluster_id,
                                     .app = d->app,
                                     .key = d->key,
                                     .controller = d->controller,
                                     .controller_key = d->controller_key,
                                     .verdict = verdicts[place_of(d)].name,
                                     .bad = hash_of(&d->bad_sha256),
                                     .good = hash_of(&d->good_sha256),
                                     .bad_bundle = hash_of(&d->bad_bundle),
                                     .good_bundle = hash_of(&d->good_bundle),
                                     .bad_revision = d->bad_revision,
                                     .good_revision = d->good_revision,
                                     .good_object = good ? d->good_object.data : NULL,
                                     .good_object_size = good ? d->good_object.len : 0,
                                     .text = d->text,
                                     .weight = d->weight < 0 || d->weight > 100 ? -1 : d->weight,
                                     .at_ms = when(j, d),
                                     .seen_ms = j->now_ms,
                                     .actor = cm_who_actor(j->arena, d->actor, d->user),
                                     .provisional = d->provisional};
}

static const char *release_in_words(struct cm_arena *a, const char *revision) {
    return revision[0] == '\0' ? "a release that is not known"
                               : cm_arena_strf(a, "%.*s", SHORT, revision);
}

// has_share: an A/B test has none, but goes on step by step.
static bool has_share(const Holdfast__V1__Decision *d) {
    return d->weight >= 0 && d->weight <= 100;
}

static const char *words_of(const Holdfast__V1__Decision *d) {
    return d->verdict == HOLDFAST__V1__VERDICT__WEIGHT && !has_share(d)
               ? "is a step further with"
               : verdicts[place_of(d)].words;
}

static const char *message_of(struct cm_arena *a, const Holdfast__V1__Decision *d) {
    bool promoted = d->verdict == HOLDFAST__V1__VERDICT__PROMOTED;
    const char *of = release_in_words(a, promoted ? d->good_revision : d->bad_revision);
    const char *weight = has_share(d) ? cm_arena_strf(a, " (%d %%)", d->weight) : "";
    const char *runs = d->provisional && d->good_revision[0] != '\0'
                           ? cm_arena_strf(a, ", %.*s runs on", SHORT, d->good_revision)
                           : "";
    const char *what =
        d->verdict == HOLDFAST__V1__VERDICT__CONFIG_REJECTED ? "the configuration of " : "";

    const char *only = d->observed && place_of(d) == HOLDFAST__V1__VERDICT__REJECTED
                           ? " (the agent there only observes, so nothing keeps it out)"
                           : "";

    return cm_arena_strf(a, "%s %s %s%s%s%s%s%s%s", d->controller, words_of(d), what, of, weight,
                         runs, d->text[0] == '\0' ? "" : ": ", d->text, only);
}

// told_message also keeps the time that was told, where it cannot be.
static const char *told_message(const struct decisions_job *j, const Holdfast__V1__Decision *d) {
    const char *message = message_of(j->arena, d);
    char at[CM_CLOCK_TEXT_MAX];

    if (d->at_ms <= j->now_ms + LATE_MS) {
        return message;
    }
    cm_clock_format(d->at_ms < LATEST_MS ? d->at_ms : LATEST_MS, at);
    return cm_arena_strf(j->arena, "%s (at %s, says a clock there that is ahead)", message, at);
}

static enum cm_rc add_event(struct decisions_job *j, struct hub_db *db,
                            const Holdfast__V1__Decision *d, struct cm_err *err) {
    bool promoted = d->verdict == HOLDFAST__V1__VERDICT__PROMOTED;
    bool late = d->at_ms > 0 && j->now_ms - d->at_ms > LATE_MS;
    const struct hub_event event = {
        .at_ms = j->now_ms,
        .happened_ms = late ? d->at_ms : 0,
        .kind = cm_arena_strf(j->arena, "release.%s", verdicts[place_of(d)].name),
        .cluster = j->cluster,
        .app = d->app,
        .key = d->key,
        .revision = promoted ? d->good_revision : d->bad_revision,
        .actor = cm_who_actor(j->arena, d->actor[0] == '\0' ? d->controller : d->actor, d->user),
        .message = told_message(j, d),
    };

    return hub_events_add(db, &event, err);
}

// put_verdict says of a release whether it was found to be good here, if its form is at hand.
static enum cm_rc put_verdict(struct decisions_job *j, struct hub_db *db,
                              const Holdfast__V1__Decision *d, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    bool promoted = d->verdict == HOLDFAST__V1__VERDICT__PROMOTED;
    struct cm_sha256 hash = hash_of(promoted ? &d->good_sha256 : &d->bad_sha256);
    char hex[CM_SHA256_HEX_MAX];

    if ((!promoted && d->verdict != HOLDFAST__V1__VERDICT__REJECTED) || is_none(&hash)) {
        return CM_OK;
    }
    enum cm_rc rc = hub_desired_find_blob(db, &hash, &bytes, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    const char *identity =
        bytes == NULL ? "" : hub_release_identity(j->arena, bytes->data, bytes->size);
    cm_sha256_hex(&hash, hex);
    return hub_verdicts_put(
        db,
        &(struct hub_verdict_row){.cluster_id = j->cluster_id,
                                  .app = d->app,
                                  .identity = identity[0] == '\0' ? hex : identity,
                                  .verdict = promoted ? "promoted" : "rejected",
                                  .revision = promoted ? d->good_revision : d->bad_revision,
                                  .at_ms = j->now_ms,
                                  .by = d->controller},
        err);
}

// put_proven keeps what a cluster would begin with if it were built anew. What no controller
// promotes there a new agent would wait for in vain.
static enum cm_rc put_proven(struct decisions_job *j, struct hub_db *db,
                             const Holdfast__V1__Decision *d, struct cm_err *err) {
    const struct hub_proven_row row = {
        .cluster = j->cluster,
        .agent = j->cluster_id,
        .app = d->app,
        .key = d->key,
        .needs = d->controller_key[0] == '\0' ? d->key : d->controller_key,
        .revision = d->good_revision,
        .bundle = hash_of(&d->good_bundle),
    };
    bool earlier = false;
    bool awaited = false;

    if (d->verdict != HOLDFAST__V1__VERDICT__PROMOTED || is_none(&row.bundle) ||
        hub_rollback_is_plain(d->controller)) {
        return CM_OK;
    }
    enum cm_rc rc = hub_proven_put(db, &row, &earlier, err);
    rc = rc < 0 ? rc : hub_proven_is_awaited(db, &row, &awaited, err);
    j->result.proven |= rc == CM_OK && (earlier || awaited);
    return rc;
}

// put_wait: a controller waits until it does anything else with the workload's releases.
static enum cm_rc put_wait(const struct decisions_job *j, struct hub_db *db,
                           const Holdfast__V1__Decision *d, const struct hub_decision_row *row,
                           struct cm_err *err) {
    char since[CM_CLOCK_TEXT_MAX];

    if (d->verdict == HOLDFAST__V1__VERDICT__RESTARTED) {
        return CM_OK;
    }
    if (d->verdict != HOLDFAST__V1__VERDICT__WAITING) {
        return hub_needs_end_wait(db, j->cluster, d->app, d->key, err);
    }
    cm_clock_format(row->at_ms, since);
    return hub_needs_wait(
        db, row, cm_arena_strf(j->arena, "since %s %s", since, message_of(j->arena, d)), err);
}

// put_need: what failed and serves all the same only people can settle; a release that is promoted
// settles what was before.
static enum cm_rc put_need(const struct decisions_job *j, struct hub_db *db,
                           const Holdfast__V1__Decision *d, const struct hub_decision_row *row,
                           struct cm_err *err) {
    if (d->verdict == HOLDFAST__V1__VERDICT__PROMOTED) {
        return hub_needs_end(db, j->cluster, d->app, d->key, err);
    }
    return d->verdict == HOLDFAST__V1__VERDICT__FAILED_FORWARD && !d->observed
               ? hub_needs_note(db, row,
                                cm_arena_strf(j->arena,
                                              "%s: commit another release, or the one before",
                                              message_of(j->arena, d)),
                                err)
               : put_wait(j, db, d, row, err);
}

static bool is_whole(const Holdfast__V1__Decision *d) {
    return d->id.len == CM_SHA256_SIZE && d->app[0] != '\0' && d->key[0] != '\0' && place_of(d) > 0;
}

// look_at_share: that a release has the share which it had is no news, and whatever an agent does,
// another one becomes an event now and then only.
static enum cm_rc look_at_share(const struct decisions_job *j, struct hub_db *db,
                                const Holdfast__V1__Decision *d, bool *wanted, bool *quiet,
                                struct cm_err *err) {
    int64_t last_ms = 0;
    int weight = -1;

    *wanted = is_whole(d);
    *quiet = false;
    if (!*wanted || d->verdict != HOLDFAST__V1__VERDICT__WEIGHT) {
        return CM_OK;
    }
    enum cm_rc rc = hub_decisions_weighed(db, j->cluster, d->key, &weight, &last_ms, err);
    *wanted = weight < 0 || weight != d->weight;
    *quiet = last_ms <= j->now_ms && j->now_ms - last_ms < WEIGHT_PAUSE_MS;
    return rc;
}

// note_running: a controller that goes back runs another release than was applied, until it
// promotes one.
static enum cm_rc note_running(const struct decisions_job *j, struct hub_db *db,
                               const struct hub_decision_row *row, struct cm_err *err) {
    const struct hub_running of = {.cluster = j->cluster,
                                   .app = row->app,
                                   .at_ms = row->at_ms > 0 ? row->at_ms : j->now_ms,
                                   .seen_ms = j->now_ms};

    return strcmp(row->verdict, "rejected") == 0 ? hub_running_note(db, &of, err)
                                                 : hub_running_look(db, &of, err);
}

static enum cm_rc put(struct decisions_job *j, struct hub_db *db, const Holdfast__V1__Decision *d,
                      struct cm_err *err) {
    struct hub_decision_row row = row_of(j, d);
    bool looked_at = hub_rollback_is_late(&row) || hub_rollback_is_over(&row);
    bool is_new = false;
    bool wanted = false;
    bool quiet = false;
    enum cm_rc rc = look_at_share(j, db, d, &wanted, &quiet, err);

    if (rc < 0 || !wanted) {
        return rc;
    }
    row.provisional = (row.provisional || looked_at) && !d->observed;
    rc = hub_decisions_add(db, &row, &is_new, err);
    if (rc < 0 || !is_new) {
        return rc;
    }
    j->result.counts[place_of(d)]++;
    j->result.provisional += row.provisional ? 1 : 0;
    rc = quiet ? CM_OK : add_event(j, db, d, err);
    rc = rc < 0 || d->verdict == HOLDFAST__V1__VERDICT__WEIGHT
             ? rc
             : hub_unwritten_hurry(db, j->cluster, row.app, err);
    rc = rc < 0 ? rc : put_verdict(j, db, d, err);
    rc = rc < 0 ? rc : put_need(j, db, d, &row, err);
    rc = rc < 0 ? rc : put_proven(j, db, d, err);
    return rc < 0 ? rc : note_running(j, db, &row, err);
}

// ---- All of them

static enum cm_rc put_all(struct decisions_job *j, struct hub_db *db, struct hub_report_mark *mark,
                          struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < j->decisions->n_decisions; i++) {
        const Holdfast__V1__Decision *d = j->decisions->decisions[i];

        if (d->number > mark->number) {
            rc = put(j, db, d, err);
            mark->number = d->number;
        }
    }
    return rc;
}

static enum cm_rc run_decisions(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct decisions_job *j = CM_CONTAINER(job, struct decisions_job, job);
    struct hub_report_mark mark;
    enum cm_rc rc = hub_decisions_last(db, j->cluster, &mark, err);

    if (rc == CM_OK && strcmp(mark.run, j->decisions->run) != 0) {
        mark = (struct hub_report_mark){.number = 0};
        (void)snprintf(mark.run, sizeof(mark.run), "%s", j->decisions->run);
    }
    rc = rc < 0 ? rc : put_all(j, db, &mark, err);
    return rc < 0 ? rc : hub_decisions_set(db, j->cluster, &mark, err);
}

static void decisions_done(struct hub_store_job *job, const struct cm_err *err) {
    struct decisions_job *j = CM_CONTAINER(job, struct decisions_job, job);

    j->done.done(j->done.ctx, err, &j->result);
    cm_arena_free(j->arena);
    free(j);
}

void hub_decisions_commit(struct hub_store *store, const char *cluster, const char *cluster_id,
                          struct cm_arena *arena, const Holdfast__V1__Decisions *decisions,
                          const struct hub_decisions_done *done) {
    struct decisions_job *j = cm_new(1, sizeof(*j));

    j->job.run = run_decisions;
    j->job.done = decisions_done;
    j->decisions = decisions;
    j->done = *done;
    j->arena = arena;
    j->cluster = cm_arena_strdup(arena, cluster);
    j->cluster_id = cm_arena_strdup(arena, cluster_id);
    j->result.cluster = j->cluster;
    j->result.cluster_id = j->cluster_id;
    j->now_ms = cm_clock_unix_ms();
    hub_store_submit(store, &j->job);
}
