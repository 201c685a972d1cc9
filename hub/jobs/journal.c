#include "hub/jobs/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/mem.h"
#include "hub/jobs/report_work.h"
#include "hub/jobs/store.h"
#include "hub/past/scaling.h"
#include "hub/store/events.h"
#include "hub/store/status.h"

#define DRIFT_EVENTS_MAX 1000 // of one Journal

struct journal_job {
    struct hub_store_job job;
    struct report_work work;
    const Holdfast__V1__Journal *journal;
    struct hub_journal_done done;
    struct hub_journal_result result;
};

static const char *gap_in_words(struct cm_arena *a, const Holdfast__V1__JournalEntry *entry) {
    char from[CM_CLOCK_TEXT_MAX];
    char to[CM_CLOCK_TEXT_MAX];

    cm_clock_format(entry->gap->from_ms, from);
    cm_clock_format(entry->at_ms, to);
    return cm_arena_strf(a,
                         entry->gap->decisions
                             ? "%llu decisions of controllers are not known: from %s to %s the "
                               "agent had no room for more of them, and the oldest gave way"
                             : "%llu things that happened from %s to %s are not known: the agent "
                               "had no room for them",
                         (unsigned long long)entry->gap->count, from, to);
}

static enum cm_rc put_gap(struct journal_job *j, struct hub_db *db,
                          const Holdfast__V1__JournalEntry *entry, struct cm_err *err) {
    const Holdfast__V1__JournalGap *gap = entry->gap;
    const char *message = gap_in_words(j->work.arena, entry);

    j->result.dropped += gap->count;
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = j->work.now_ms,
                                              .happened_ms = gap->from_ms > 0 ? gap->from_ms : 0,
                                              .kind = "journal.gap",
                                              .cluster = j->work.cluster,
                                              .actor = "agent",
                                              .message = message},
                          err);
}

// put_state: that an App is gone is told by a report, which a tombstone waits for.
static enum cm_rc put_state(struct journal_job *j, struct hub_db *db,
                            const Holdfast__V1__JournalEntry *entry, struct cm_err *err) {
    Holdfast__V1__AppReport *app = entry->app;
    Holdfast__V1__ObjectReport *object = entry->object;
    Holdfast__V1__Report report;

    holdfast__v1__report__init(&report);
    report.apps = &app;
    report.n_apps = app == NULL || app->removed ? 0 : 1;
    report.objects = &object;
    report.n_objects = object == NULL ? 0 : 1;
    j->work.report = &report;
    j->work.journal_ms = entry->at_ms > 0 ? entry->at_ms : 1;
    return hub_report_put(&j->work, db, err);
}

// words_of: an agent may say anything.
static const char *words_of(struct cm_arena *a, const Holdfast__V1__Scaled *m) {
    bool known = m->first_ms > 0 && m->last_ms > m->first_ms;

    return hub_scaling_words(a, &(struct hub_scaling){
                                    .from = m->from,
                                    .last = m->last,
                                    .least = m->least,
                                    .most = m->most,
                                    .changes = m->changes,
                                    .seconds = known ? (m->last_ms - m->first_ms) / 1000 : 0,
                                    .owner = m->owner,
                                });
}

// put_scaled: the time is that of the last change.
static enum cm_rc put_scaled(struct journal_job *j, struct hub_db *db,
                             const Holdfast__V1__Scaled *m, struct cm_err *err) {
    return hub_events_add(
        db,
        &(struct hub_event){.at_ms = j->work.now_ms,
                            .happened_ms = m->last_ms < j->work.now_ms ? m->last_ms : 0,
                            .kind = "app.scaled",
                            .cluster = j->work.cluster,
                            .app = m->app,
                            .key = m->key,
                            .actor = m->manager,
                            .message = words_of(j->work.arena, m)},
        err);
}

static enum cm_rc put_entry(struct journal_job *j, struct hub_db *db,
                            const Holdfast__V1__JournalEntry *entry, struct cm_err *err) {
    if (entry->gap != NULL) {
        return put_gap(j, db, entry, err);
    }
    return entry->scaled != NULL ? put_scaled(j, db, entry->scaled, err)
                                 : put_state(j, db, entry, err);
}

// was_told tells whether a report did that is on record, though its acknowledgement was lost.
static bool was_told(const struct journal_job *j, const struct hub_report_mark *reports,
                     const Holdfast__V1__JournalEntry *entry) {
    return entry->report != 0 && entry->report <= reports->number &&
           strcmp(reports->run, j->journal->run) == 0;
}

static enum cm_rc put_entries(struct journal_job *j, struct hub_db *db,
                              struct hub_report_mark *mark, struct cm_err *err) {
    struct hub_report_mark reports;
    enum cm_rc rc = hub_reports_last(db, j->work.cluster, &reports, err);

    for (size_t i = 0; rc == CM_OK && i < j->journal->n_entries; i++) {
        const Holdfast__V1__JournalEntry *entry = j->journal->entries[i];

        if (entry->number <= mark->number) {
            continue;
        }
        if (was_told(j, &reports, entry)) {
            mark->number = entry->number;
            continue;
        }
        rc = put_entry(j, db, entry, err);
        mark->number = entry->number;
        j->result.scaled += entry->scaled != NULL ? 1 : 0;
        j->result.entries += entry->gap == NULL && entry->scaled == NULL ? 1 : 0;
    }
    return rc;
}

static enum cm_rc run_journal(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct journal_job *j = CM_CONTAINER(job, struct journal_job, job);
    struct hub_report_mark mark;
    enum cm_rc rc = hub_journal_last(db, j->work.cluster, &mark, err);

    if (rc == CM_OK && strcmp(mark.run, j->journal->run) != 0) {
        mark = (struct hub_report_mark){.number = 0};
        (void)snprintf(mark.run, sizeof(mark.run), "%s", j->journal->run);
    }
    rc = rc < 0 ? rc : put_entries(j, db, &mark, err);
    rc = rc < 0 ? rc : hub_report_tell_rest(&j->work, db, err);
    return rc < 0 ? rc : hub_journal_set(db, j->work.cluster, &mark, err);
}

static void journal_done(struct hub_store_job *job, const struct cm_err *err) {
    struct journal_job *j = CM_CONTAINER(job, struct journal_job, job);

    j->result.degraded = j->work.result.degraded;
    j->result.recovered = j->work.result.recovered;
    j->done.done(j->done.ctx, err, &j->result);
    cm_arena_free(j->work.arena);
    free(j);
}

void hub_journal_commit(struct hub_store *store, const char *cluster, struct cm_arena *arena,
                        const Holdfast__V1__Journal *journal, const struct hub_journal_done *done) {
    struct journal_job *j = cm_new(1, sizeof(*j));

    j->job.run = run_journal;
    j->job.done = journal_done;
    j->journal = journal;
    j->done = *done;
    j->work.arena = arena;
    j->work.cluster = cm_arena_strdup(arena, cluster);
    j->work.removed = cm_arena_get(arena, sizeof(*j->work.removed));
    j->work.drift_events_max = DRIFT_EVENTS_MAX;
    j->work.now_ms = cm_clock_unix_ms();
    hub_store_submit(store, &j->job);
}
