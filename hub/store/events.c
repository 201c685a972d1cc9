#include "hub/store/events.h"

#include "hub/store/db.h"

static const char *text(const char *s) {
    return s == NULL ? "" : s;
}

enum cm_rc hub_events_add(struct hub_db *db, const struct hub_event *event, struct cm_err *err) {
    static const char sql[] = "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor,"
                              " message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

    return hub_db_run(db, err, sql, "ittttttt", event->at_ms, text(event->kind),
                      text(event->cluster), text(event->app), text(event->key),
                      text(event->revision), text(event->actor), text(event->message));
}

enum cm_rc hub_events_trim(struct hub_db *db, int64_t keep, struct cm_err *err) {
    return hub_db_run(db, err,
                      "DELETE FROM event WHERE number <= (SELECT max(number) FROM event) - ?1", "i",
                      keep);
}
