// A snapshot copies what is still needed into a new log and puts that in the old one's place.
//
// It goes in two jobs. The first writes the new file from a copy of the index and of the state, and
// finds out by itself which blobs are needed: those that the manifest in force names, directly or
// through its bundles or those at which Apps are held back, the decisions for which they are, the
// forms in which objects were applied last or may have been since, those in which workloads were,
// and those that somebody asked for since that manifest came (they may belong to the next one).
// Back on the loop it is dropped if a blob that it left behind was asked for meanwhile; else the
// second job renames it. No frame is written in between: commits wait.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cache/internal.h"
#include "agent/cache/log.h"
#include "agent/cache/record.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum {
    SMALLEST = 512 * 1024,
    STATE_PIECE = 1024 * 1024, // about so much of the state goes into one frame
};

struct agent_snapshot {
    struct agent_cache *cache;
    struct cm_job job;
    bool adopting; // the second job
    struct cm_err result;
    char *path;

    // given to the worker
    int from_fd;
    struct agent_index from; // a copy; pending is NULL everywhere
    uint32_t era;
    struct cm_sha256 root;
    struct cm_sha256 *held; // bundles at which Apps are held back
    size_t held_count;
    struct cm_str state;

    // made by the worker
    int fd;
    uint64_t end;
    struct agent_index index;
};

static void snapshot_free(struct agent_snapshot *s) {
    if (s->fd >= 0) {
        (void)close(s->fd);
        (void)unlink(s->path);
    }
    agent_index_done(&s->from);
    agent_index_done(&s->index);
    cm_str_done(&s->state);
    free(s->path);
    free(s->held);
    free(s);
}

// read_blob reads the bytes of an entry; NULL if the disk fails.
static uint8_t *read_blob(const struct agent_snapshot *s, const struct agent_place_in_log *p) {
    CM_AUTOFREE uint8_t *bytes = cm_new(1, p->size + 1);
    struct cm_err err;

    if (agent_log_read(s->from_fd, p->offset, bytes, p->size, &err) < 0) {
        return NULL;
    }
    return CM_TAKE(bytes);
}

static void need(struct agent_snapshot *s, const ProtobufCBinaryData *name) {
    struct cm_sha256 hash;

    if (name->len != sizeof(hash.bytes)) {
        return;
    }
    memcpy(hash.bytes, name->data, sizeof(hash.bytes));
    struct agent_place_in_log *p = agent_index_find(&s->from, &hash);
    if (p != NULL) {
        p->asked = s->era;
    }
}

static void need_bundle(struct agent_snapshot *s, const ProtobufCBinaryData *name) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_sha256 hash = {{0}};
    Holdfast__V1__Bundle *m = NULL;
    struct cm_err err;

    need(s, name);
    memcpy(hash.bytes, name->data, name->len < sizeof(hash.bytes) ? 0 : sizeof(hash.bytes));
    const struct agent_place_in_log *p = agent_index_find(&s->from, &hash);
    CM_AUTOFREE uint8_t *bytes = p == NULL ? NULL : read_blob(s, p);
    if (bytes == NULL ||
        WIRE_UNPACK(a, Holdfast__V1__Bundle, holdfast__v1__bundle, bytes, p->size, &m, &err) < 0) {
        return;
    }
    for (size_t i = 0; i < m->n_entries; i++) {
        need(s, &m->entries[i]->sha256);
    }
}

static void mark_held(struct agent_snapshot *s) {
    for (size_t i = 0; i < s->held_count; i++) {
        need_bundle(s, &(ProtobufCBinaryData){.len = CM_SHA256_SIZE, .data = s->held[i].bytes});
    }
}

// mark_needed gives the present era to everything that the manifest in force needs.
static void mark_needed(struct agent_snapshot *s) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_place_in_log *p = agent_index_find(&s->from, &s->root);
    Holdfast__V1__Manifest *m = NULL;
    struct cm_err err;

    if (p == NULL) {
        return;
    }
    p->asked = s->era;
    CM_AUTOFREE uint8_t *bytes = read_blob(s, p);
    if (bytes == NULL || WIRE_UNPACK(a, Holdfast__V1__Manifest, holdfast__v1__manifest, bytes,
                                     p->size, &m, &err) < 0) {
        return;
    }
    for (size_t i = 0; i < m->n_apps; i++) {
        need_bundle(s, &m->apps[i]->bundle_sha256);
    }
}

static enum cm_rc write_frame(struct agent_snapshot *s, const void *payload, size_t size,
                              struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str frame = {0};

    agent_put_frame(&frame, payload, size);
    enum cm_rc rc = agent_log_write(s->fd, s->end, frame.data, frame.len, err);
    if (rc == CM_OK) {
        s->end += frame.len;
    }
    return rc;
}

static enum cm_rc copy_blob(struct agent_snapshot *s, const struct agent_place_in_log *p,
                            struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str payload = {0};
    CM_AUTOFREE uint8_t *bytes = read_blob(s, p);

    if (bytes == NULL) {
        return cm_fail(err, CM_EIO, "cannot read the agent's log");
    }
    size_t begin = agent_put_begin(&payload, AGENT_RECORD_BLOB);
    cm_str_add_n(&payload, p->name.bytes, sizeof(p->name.bytes));
    agent_put_u64(&payload, p->check);
    struct agent_place_in_log *to = agent_index_add(&s->index, &p->name);
    *to = *p;
    to->offset = s->end + AGENT_FRAME_HEADER + payload.len;
    cm_str_add_n(&payload, bytes, p->size);
    agent_put_end(&payload, begin);
    return write_frame(s, payload.data, payload.len, err);
}

// write_state: the file is put into place whole, so its frames may end after any record.
static enum cm_rc write_state(struct agent_snapshot *s, struct cm_err *err) {
    struct agent_reader r = {.at = (const uint8_t *)s->state.data, .left = s->state.len};
    const uint8_t *begin = r.at;
    enum cm_rc rc = CM_OK;
    size_t size;

    while (rc == CM_OK && r.left > 0) {
        (void)agent_get_u8(&r); // the record's type
        (void)agent_get_bytes(&r, &size);
        if (r.left == 0 || r.at - begin >= STATE_PIECE) {
            rc = write_frame(s, begin, (size_t)(r.at - begin), err);
            begin = r.at;
        }
    }
    return rc;
}

static enum cm_rc copy_blobs(struct agent_snapshot *s, struct cm_err *err) {
    const struct agent_place_in_log *p;
    enum cm_rc rc = CM_OK;
    size_t at = 0;

    while (rc == CM_OK && (p = agent_index_next(&s->from, &at)) != NULL) {
        if (p->asked == s->era) {
            rc = copy_blob(s, p, err);
        }
    }
    return rc;
}

static enum cm_rc write_all(struct agent_snapshot *s, struct cm_err *err) {
    enum cm_rc rc = agent_log_create(s->path, &s->fd, err);

    if (rc < 0) {
        return rc;
    }
    s->end = AGENT_LOG_MAGIC_SIZE;
    mark_held(s);
    mark_needed(s);
    rc = write_state(s, err);
    if (rc == CM_OK) {
        rc = copy_blobs(s, err);
    }
    return rc == CM_OK ? agent_log_sync(s->fd, err) : rc;
}

static void run_snapshot(struct cm_job *job) {
    struct agent_snapshot *s = CM_CONTAINER(job, struct agent_snapshot, job);

    s->result = (struct cm_err){0};
    s->result.code = s->adopting
                         ? agent_log_adopt(s->cache->dir, s->path, s->cache->path, &s->result)
                         : write_all(s, &s->result);
}

// leaves_behind tells whether the new log lacks a blob that was asked for since the copy was made.
static bool leaves_behind(const struct agent_snapshot *s) {
    const struct agent_place_in_log *p;
    size_t at = 0;

    while ((p = agent_index_next(&s->cache->index, &at)) != NULL) {
        if (p->asked >= s->era && p->pending == NULL &&
            agent_index_find(&s->index, &p->name) == NULL) {
            return true;
        }
    }
    return false;
}

// carry_pending brings over the blobs that wait to be written.
static void carry_pending(struct agent_snapshot *s) {
    struct agent_place_in_log *p;
    size_t at = 0;

    while ((p = agent_index_next(&s->cache->index, &at)) != NULL) {
        struct agent_place_in_log *to;

        if (p->pending == NULL) {
            continue;
        }
        to = agent_index_add(&s->index, &p->name);
        cm_buf_unref(to->pending);
        *to = *p;
        p->pending = NULL;
    }
}

static void swap(struct agent_snapshot *s) {
    struct agent_cache *c = s->cache;

    carry_pending(s);
    agent_index_done(&c->index);
    c->index = s->index;
    s->index = (struct agent_index){0};
    (void)close(c->fd);
    c->fd = s->fd;
    s->fd = -1;
    c->end = s->end;
    c->stats.snapshots++;
}

static void end_snapshot(struct agent_snapshot *s) {
    struct agent_cache *c = s->cache;

    c->baseline = c->end;
    c->snapshot = NULL;
    snapshot_free(s);
    agent_cache_kick(c);
}

static void snapshot_done(struct cm_job *job) {
    struct agent_snapshot *s = CM_CONTAINER(job, struct agent_snapshot, job);
    struct agent_cache *c = s->cache;
    bool ok = !job->canceled && s->result.code == CM_OK;

    if (!ok && !job->canceled) {
        cm_log(CM_LOG_WARN, "agent.snapshot_failed", s->result.msg, "path", c->path, NULL);
    }
    if (ok && !s->adopting && !c->closing && !leaves_behind(s)) {
        s->adopting = true;
        cm_workers_submit(c->disk, &s->job);
        return;
    }
    if (ok && s->adopting) {
        swap(s);
    }
    end_snapshot(s);
}

static void copy_index(struct agent_snapshot *s) {
    const struct agent_place_in_log *p;
    size_t at = 0;

    while ((p = agent_index_next(&s->cache->index, &at)) != NULL) {
        if (p->pending == NULL) {
            *agent_index_add(&s->from, &p->name) = *p;
        }
    }
}

// need_applied: what Git changed of an object is known as long as its last form is.
static void need_applied(void *ctx, const struct agent_item *item) {
    (void)agent_cache_has(ctx, &item->sha256);
    (void)agent_cache_has(ctx, &item->sent);
}

static void copy_held(struct agent_snapshot *s) {
    const struct agent_cache *c = s->cache;
    CM_AUTOFREE const char **apps = agent_cache_hold_apps(c);

    s->held_count = agent_cache_hold_count(c);
    s->held = cm_new(s->held_count + 1, sizeof(*s->held));
    for (size_t i = 0; i < s->held_count; i++) {
        s->held[i] = agent_cache_hold(c, apps[i])->bundle;
    }
}

void agent_cache_snapshot(struct agent_cache *c) {
    // Memory must say what the disk says: what is pending may need blobs that are pending too.
    if (c->snapshot != NULL || c->writing || c->closing || c->open.len > 0 ||
        c->batch.bytes.len > 0 || c->next.bytes.len > 0) {
        return;
    }
    struct agent_snapshot *s = cm_new(1, sizeof(*s));
    s->cache = c;
    s->job = (struct cm_job){.run = run_snapshot, .done = snapshot_done, .home = c->loop};
    s->path = cm_strf("%s.new", c->path);
    s->from_fd = c->fd;
    s->fd = -1;
    s->era = c->era;
    s->root = c->in_force.manifest;
    copy_held(s);
    agent_cache_each_item(c, need_applied, c);
    agent_releases_need(c);
    agent_holds_need(c);
    copy_index(s);
    agent_cache_state(c, &s->state);
    c->snapshot = s;
    cm_workers_submit(c->disk, &s->job);
}

void agent_cache_maybe_snapshot(struct agent_cache *c) {
    if (c->end > SMALLEST && c->end / 2 > c->baseline) {
        agent_cache_snapshot(c);
    }
}
