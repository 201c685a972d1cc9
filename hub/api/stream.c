#include "hub/api/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/change.h"
#include "hub/api/feed.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/api/usage.h"
#include "hub/store/news.h"
#include "hub/store/query.h"

#define PAGE "50"
#define PAGE_ROWS 50
#define BEAT_DEFAULT_MS 15000
#define ROLLOUT_MS 1000 // counts are told at most so often
#define NUMBER_MAX 24

enum kind { KIND_EVENTS = 1, KIND_STATUS = 2, KIND_CLUSTERS = 4, KIND_ROLLOUT = 8 };

static const char *const kind_names[] = {"events", "status", "clusters", "rollout"};

struct hub_stream {
    struct hub_listener listener;
    bool joined;
    struct hub_api *api;
    void *connection;
    struct hub_api_token token;
    unsigned kinds;
    struct hub_query events;  // what is watched; its last parameter is `after`
    struct hub_query rollout; // the same, as far as counts know it
    char after[NUMBER_MAX];
    struct cm_arena *arena; // of the parameters
    int64_t position;       // the number of the last event that was looked at
    int64_t beat_ms;        // when a sign of life is due
    int64_t rollout_ms;     // when counts may be told again
    int64_t version;        // of the store, when they were made
    bool counted;
    char *counts; // as they were told last
    struct cm_str out;
    size_t sent; // of out
};

// ---- Writing

static void write_event(struct hub_stream *s, int64_t number, const char *name,
                        const struct cm_json *data) {
    if (number > 0) {
        cm_str_addf(&s->out, "id: %lld\n", (long long)number);
    }
    cm_str_addf(&s->out, "event: %s\ndata: ", name);
    cm_json_write_compact(data, &s->out);
    cm_str_add(&s->out, "\n\n");
}

// Lets the client know how far it is, although there was nothing to tell.
static void write_position(struct hub_stream *s) {
    cm_str_addf(&s->out, "id: %lld\n\n", (long long)s->position);
}

// ---- Events, and the rows that they tell of

// Adds the rows of a list that these parameters choose, at most one.
static enum cm_rc write_row(struct hub_stream *s, struct hub_db *db, struct cm_arena *a,
                            const struct hub_query *query, const char *name, struct cm_err *err) {
    struct cm_json *answer = NULL;
    enum cm_rc rc = hub_query_run(db, a, query, &answer, err);

    if (rc == CM_OK && cm_json_get(answer, "items")->first != NULL) {
        write_event(s, 0, name, cm_json_get(answer, "items")->first);
    }
    return rc;
}

static const char *text_of(const struct cm_json *row, const char *member) {
    return cm_json_string(cm_json_get(row, member));
}

// Tells whether an earlier row of the page tells of the same cluster, and App if it matters.
static bool is_repeated(const struct cm_json *rows, const struct cm_json *row, bool with_app) {
    for (const struct cm_json *at = rows->first; at != row; at = at->next) {
        bool same_app = strcmp(text_of(at, "app"), text_of(row, "app")) == 0;

        if (strcmp(text_of(at, "cluster"), text_of(row, "cluster")) == 0 &&
            (!with_app || same_app)) {
            return true;
        }
    }
    return false;
}

static enum cm_rc write_status(struct hub_stream *s, struct hub_db *db, struct cm_arena *a,
                               const struct cm_json *rows, const struct cm_json *row,
                               struct cm_err *err) {
    struct hub_query query = {
        .list = "status",
        .params = {{"cluster", text_of(row, "cluster")}, {"app", text_of(row, "app")}},
        .param_count = 2};

    if (query.params[0].value[0] == '\0' || query.params[1].value[0] == '\0' ||
        is_repeated(rows, row, true)) {
        return CM_OK;
    }
    return write_row(s, db, a, &query, "status", err);
}

static enum cm_rc write_cluster(struct hub_stream *s, struct hub_db *db, struct cm_arena *a,
                                const struct cm_json *rows, const struct cm_json *row,
                                struct cm_err *err) {
    struct hub_query query = {
        .list = "clusters", .params = {{"name", text_of(row, "cluster")}}, .param_count = 1};

    if (query.params[0].value[0] == '\0' || is_repeated(rows, row, false)) {
        return CM_OK;
    }
    return write_row(s, db, a, &query, "cluster", err);
}

// The rows first, then the events with their numbers: who goes on after a number has all of it.
static enum cm_rc write_page(struct hub_stream *s, struct hub_db *db, struct cm_arena *a,
                             const struct cm_json *rows, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (const struct cm_json *row = rows->first; rc == CM_OK && row != NULL; row = row->next) {
        rc = (s->kinds & KIND_STATUS) != 0 ? write_status(s, db, a, rows, row, err) : CM_OK;
        if (rc == CM_OK && (s->kinds & KIND_CLUSTERS) != 0) {
            rc = write_cluster(s, db, a, rows, row, err);
        }
    }
    for (const struct cm_json *row = rows->first; rc == CM_OK && row != NULL; row = row->next) {
        if ((s->kinds & KIND_EVENTS) != 0) {
            write_event(s, cm_json_int(cm_json_get(row, "number"), 0), "event", row);
        }
    }
    return rc;
}

// Tells that events are gone, or that this store never had them (it was restored).
static void write_gap(struct hub_stream *s, struct cm_arena *a, const struct hub_news *news) {
    struct cm_json *gap = cm_json_new(a, CM_OBJECT);

    cm_json_set_int(a, gap, "after", s->position);
    cm_json_set_int(a, gap, "oldest", news->oldest);
    cm_json_set_int(a, gap, "newest", news->newest);
    s->position = s->position > news->newest ? news->newest : news->oldest - 1;
    write_event(s, s->position, "gap", gap);
}

static enum cm_rc read_events(struct hub_stream *s, struct hub_db *db, struct cm_arena *a,
                              struct cm_err *err) {
    struct cm_json *answer = NULL;
    struct hub_news news;
    enum cm_rc rc = hub_news_read(db, &news, err);

    if (rc < 0 || s->position == news.newest) {
        return rc;
    }
    if (s->position > news.newest || s->position < news.oldest - 1) {
        write_gap(s, a, &news);
    }
    (void)snprintf(s->after, sizeof(s->after), "%lld", (long long)s->position);
    rc = hub_query_run(db, a, &s->events, &answer, err);
    if (rc < 0) {
        return rc;
    }
    const struct cm_json *rows = cm_json_get(answer, "items");
    int64_t last =
        rows->last == NULL ? 0 : cm_json_int(cm_json_get(rows->last, "number"), s->position);
    rc = write_page(s, db, a, rows, err);
    s->position = rows->count == PAGE_ROWS || last > news.newest ? last : news.newest;
    return rc;
}

// ---- Counts

// Counting over a large fleet takes its time; those who watch counts may use up about as much as
// one of the server's threads, all together, and one of them a tenth of that.
static int64_t pause_after(int64_t took_ms, unsigned watchers) {
    int64_t pause_ms = took_ms * (watchers > 10 ? watchers : 10);

    return pause_ms > ROLLOUT_MS ? pause_ms : ROLLOUT_MS;
}

static enum cm_rc read_counts(struct hub_stream *s, struct hub_db *db, struct cm_arena *a,
                              struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    int64_t version = hub_feed_version(s->api->feed);
    int64_t now_ms = cm_clock_now_ms();
    struct cm_json *counts = NULL;

    if ((s->kinds & KIND_ROLLOUT) == 0 ||
        (s->counted && (version == s->version || now_ms < s->rollout_ms))) {
        return CM_OK;
    }
    enum cm_rc rc = hub_query_rollout(db, a, &s->rollout, &counts, err);
    if (rc < 0) {
        return rc;
    }
    s->counted = true;
    s->version = version;
    s->rollout_ms = cm_clock_now_ms() +
                    pause_after(cm_clock_now_ms() - now_ms, hub_feed_listeners(s->api->feed));
    cm_json_write_compact(counts, &text);
    if (s->counts == NULL || strcmp(s->counts, cm_str_get(&text)) != 0) {
        free(s->counts);
        s->counts = cm_str_take(&text);
        write_event(s, 0, "rollout", counts);
    }
    return CM_OK;
}

// ---- Life

static int64_t next_beat(const struct hub_stream *s) {
    int64_t pause_ms = s->api->config.limits.beat_ms;

    return cm_clock_now_ms() + (pause_ms > 0 ? pause_ms : BEAT_DEFAULT_MS);
}

// A token that has expired meanwhile, or was taken away, watches no longer.
static enum cm_rc beat(struct hub_stream *s, struct hub_db *db, struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();
    struct hub_api_token token;

    if (cm_clock_now_ms() < s->beat_ms) {
        return CM_OK;
    }
    enum cm_rc rc = hub_api_tokens_find(db, s->token.id, &token, err);
    if (rc < 0) {
        return rc;
    }
    if (token.expires_ms != 0 && token.expires_ms <= now_ms) {
        return cm_fail(err, CM_EAUTH, "the API token '%s' is no longer good", token.name);
    }
    hub_usage_note(s->api->usage, s->token.id, now_ms);
    s->beat_ms = next_beat(s);
    cm_str_add(&s->out, ": beat\n");
    write_position(s);
    return CM_OK;
}

// Writes what there is to say now, if anything.
static enum cm_rc fill(struct hub_stream *s, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(s->api->readers, &db, err);

    cm_str_clear(&s->out);
    s->sent = 0;
    rc = rc < 0 ? rc : read_counts(s, db, a, err);
    rc = rc < 0 ? rc : read_events(s, db, a, err);
    rc = rc < 0 ? rc : beat(s, db, err);
    hub_readers_give(s->api->readers, db);
    return rc;
}

static bool wait(struct hub_stream *s) {
    s->listener.seen = s->position;
    s->listener.version = s->version;
    s->listener.any_change = (s->kinds & KIND_ROLLOUT) != 0;
    s->listener.not_before_ms = s->rollout_ms;
    s->listener.due_ms = s->beat_ms;
    return hub_feed_wait(s->api->feed, &s->listener);
}

ssize_t hub_stream_read(struct hub_stream *s, char *out, size_t size) {
    struct cm_err err;

    while (s->sent == s->out.len) {
        if (hub_feed_is_stopped(s->api->feed)) {
            return -1;
        }
        if (fill(s, &err) < 0) {
            cm_log(CM_LOG_INFO, "api.watch", err.msg, "token", s->token.name, NULL);
            return -1;
        }
        if (s->out.len == 0 && wait(s)) {
            return 0;
        }
    }
    size_t count = s->out.len - s->sent < size ? s->out.len - s->sent : size;
    memcpy(out, s->out.data + s->sent, count);
    s->sent += count;
    return (ssize_t)count;
}

static void sleep_connection(struct hub_listener *l) {
    hub_connection_sleep(CM_CONTAINER(l, struct hub_stream, listener)->connection);
}

static void wake_connection(struct hub_listener *l) {
    hub_change_wake(CM_CONTAINER(l, struct hub_stream, listener)->connection);
}

void hub_stream_free(struct hub_stream *s) {
    if (s == NULL) {
        return;
    }
    if (s->joined) {
        hub_feed_leave(s->api->feed, &s->listener);
    }
    cm_str_done(&s->out);
    cm_arena_free(s->arena);
    free(s->counts);
    free(s);
}

// ---- The request

static enum cm_rc read_kind(struct hub_stream *s, const char *word, struct cm_err *err) {
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(kind_names[i], word) == 0) {
            s->kinds |= 1U << i;
            return CM_OK;
        }
    }
    const char *nearest = cm_str_nearest(word, kind_names, 4);
    return cm_fail(err, CM_EINVAL,
                   "kinds: '%.40s' is none of events, status, clusters, rollout%s%s%s", word,
                   nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "'?");
}

static enum cm_rc read_kinds(struct hub_stream *s, const char *text, struct cm_err *err) {
    char *rest = cm_arena_strdup(s->arena, text == NULL ? "events" : text);
    enum cm_rc rc = CM_OK;
    char *word;

    while (rc == CM_OK && (word = strsep(&rest, ",")) != NULL) {
        rc = read_kind(s, word, err);
    }
    return rc;
}

static void add_param(struct hub_query *query, const char *name, const char *value) {
    query->params[query->param_count++] = (struct hub_query_param){name, value};
}

// The other parameters choose events; those that counts know choose counts too.
static void read_filters(struct hub_stream *s, const struct hub_uri *uri) {
    s->events.list = "events";
    s->rollout.list = "rollout";
    for (size_t i = 0; i < uri->param_count; i++) {
        const char *name = uri->params[i].name;
        const char *value = cm_arena_strdup(s->arena, uri->params[i].value);

        if (strcmp(name, "kinds") != 0 && strcmp(name, "after") != 0) {
            add_param(&s->events, cm_arena_strdup(s->arena, name), value);
            if (strcmp(name, "kind") != 0) {
                add_param(&s->rollout, cm_arena_strdup(s->arena, name), value);
            }
        }
    }
    add_param(&s->events, "limit", PAGE);
    add_param(&s->events, "after", s->after);
}

// Where to begin: behind the event that is named, or with what comes now.
static enum cm_rc read_position(struct hub_stream *s, struct hub_request *r, struct hub_db *db,
                                struct cm_err *err) {
    const char *last = hub_request_header(r, "Last-Event-ID");
    const char *after = last != NULL ? last : hub_uri_param(&r->uri, "after");
    struct hub_news news;
    enum cm_rc rc = hub_news_read(db, &news, err);

    if (rc < 0) {
        return rc;
    }
    s->position = news.newest;
    if (after != NULL) {
        size_t len = strnlen(after, NUMBER_MAX);

        if (len == 0 || len > 18 || strspn(after, "0123456789") != len) {
            return cm_fail(err, CM_EINVAL, "%s: '%.40s' is not the number of an event",
                           last != NULL ? "Last-Event-ID" : "after", after);
        }
        s->position = strtoll(after, NULL, 10);
    }
    (void)snprintf(s->after, sizeof(s->after), "%lld", (long long)news.newest);
    return CM_OK;
}

// What would be wrong with the queries later is told now.
static enum cm_rc try_queries(struct hub_stream *s, struct hub_request *r, struct hub_db *db,
                              struct cm_err *err) {
    struct cm_json *answer = NULL;
    enum cm_rc rc = hub_query_run(db, r->arena, &s->events, &answer, err);

    if (rc < 0 || (s->kinds & KIND_ROLLOUT) == 0) {
        return rc;
    }
    return hub_query_rollout(db, r->arena, &s->rollout, &answer, err);
}

static enum cm_rc prepare(struct hub_stream *s, struct hub_request *r, struct cm_err *err) {
    struct hub_db *db = NULL;
    enum cm_rc rc = read_kinds(s, hub_uri_param(&r->uri, "kinds"), err);

    read_filters(s, &r->uri);
    rc = rc < 0 ? rc : hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : read_position(s, r, db, err);
    rc = rc < 0 ? rc : try_queries(s, r, db, err);
    hub_readers_give(r->api->readers, db);
    rc = rc < 0 ? rc : hub_feed_join(r->api->feed, &s->listener, err);
    s->joined = rc == CM_OK;
    return rc;
}

enum cm_rc hub_get_watch(struct hub_request *r, struct cm_err *err) {
    struct hub_stream *s = cm_new(1, sizeof(*s));

    s->api = r->api;
    s->connection = r->connection;
    s->token = r->token;
    s->arena = cm_arena_new(0);
    s->listener.sleep = sleep_connection;
    s->listener.wake = wake_connection;
    s->beat_ms = next_beat(s);
    if (prepare(s, r, err) < 0) {
        hub_stream_free(s);
        return err->code;
    }
    cm_str_add(&s->out, "retry: 2000\n");
    write_position(s);
    hub_answer_empty(r, 200);
    r->answer.type = "text/event-stream";
    r->answer.stream = s;
    return CM_OK;
}
