#include "agent/cache/cache.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cache/internal.h"
#include "agent/cache/log.h"
#include "agent/cache/record.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/fsys.h"
#include "common/log.h"
#include "common/mem.h"

enum { RESERVE = 1000, RETRY_MIN_MS = 200, RETRY_MAX_MS = 30000 };

// Bits of AGENT_RECORD_RECOVERED.
enum { RECOVERED = 1, DOUBTED = 2, FORGOTTEN = 4 };

// An item with its strings behind it.
struct held {
    struct agent_item item;
    char texts[];
};

static void *append(void *list, size_t *count, size_t size) {
    if (*count == 0 || (*count & (*count - 1)) == 0) { // grows when it is a power of two
        list = cm_resize(list, (*count == 0 ? 1 : *count * 2) * size);
    }
    *count += 1;
    return list;
}

static void batch_done(struct agent_batch *b) {
    cm_str_done(&b->bytes);
    free(b->fresh);
    free(b->waiters);
    *b = (struct agent_batch){0};
}

// ---- Items

static char *copy_text(char **at, const char *text) {
    const char *some = text == NULL ? "" : text;
    size_t size = strlen(some) + 1;
    char *copy = memcpy(*at, some, size);

    *at += size;
    return copy;
}

static size_t text_size(const char *text) {
    return text == NULL ? 1 : strlen(text) + 1;
}

static void hold_item(struct agent_cache *c, const struct agent_item *item) {
    size_t size = text_size(item->key) + text_size(item->app) + text_size(item->default_namespace) +
                  text_size(item->uid) + text_size(item->note) + text_size(item->account);
    struct held *h = cm_new(1, sizeof(*h) + size);
    char *at = h->texts;

    h->item = *item;
    h->item.key = copy_text(&at, item->key);
    h->item.app = copy_text(&at, item->app);
    h->item.default_namespace = copy_text(&at, item->default_namespace);
    h->item.uid = copy_text(&at, item->uid);
    h->item.note = copy_text(&at, item->note);
    h->item.account = copy_text(&at, item->account);
    cm_map_put(c->items, h->item.key, h);
}

// Bits of the last byte of an item; older agents wrote the first one only.
enum { ITEM_APPLIED = 1, ITEM_KEEP = 2, ITEM_RELEASE = 4, ITEM_PROPAGATION = 8 };
enum { PROPAGATION_MASK = 3 };

static void record_item(struct cm_str *out, const struct agent_item *item) {
    static const struct cm_sha256 none;
    size_t begin = agent_put_begin(out, AGENT_RECORD_ITEM);

    agent_put_text(out, item->key);
    agent_put_text(out, item->app);
    agent_put_text(out, item->default_namespace);
    agent_put_text(out, item->uid);
    agent_put_text(out, item->note);
    cm_str_add_n(out, item->sha256.bytes, sizeof(item->sha256.bytes));
    agent_put_u8(out, (uint8_t)((item->applied ? ITEM_APPLIED : 0) | (item->keep ? ITEM_KEEP : 0) |
                                (item->release ? ITEM_RELEASE : 0) |
                                item->propagation * ITEM_PROPAGATION));
    agent_put_u32(out, (uint32_t)item->wave);
    agent_put_text(out, item->account);
    if (!cm_sha256_equal(&item->sent, &none)) {
        cm_str_add_n(out, item->sent.bytes, sizeof(item->sent.bytes));
    }
    agent_put_end(out, begin);
}

const struct agent_item *agent_cache_item(const struct agent_cache *c, const char *key) {
    const struct held *h = cm_map_get(c->items, key);

    return h == NULL ? NULL : &h->item;
}

size_t agent_cache_item_count(const struct agent_cache *c) {
    return cm_map_len(c->items);
}

void agent_cache_put_item(struct agent_cache *c, const struct agent_item *item) {
    record_item(&c->open, item);
    hold_item(c, item);
}

void agent_cache_set_wave(struct agent_cache *c, const char *key, int32_t wave) {
    struct held *h = cm_map_get(c->items, key);

    if (h != NULL && h->item.wave != wave) {
        h->item.wave = wave;
        record_item(&c->open, &h->item);
    }
}

void agent_cache_set_propagation(struct agent_cache *c, const char *key, uint8_t propagation) {
    struct held *h = cm_map_get(c->items, key);

    if (h != NULL && h->item.propagation != propagation) {
        h->item.propagation = propagation;
        record_item(&c->open, &h->item);
    }
}

void agent_cache_set_release(struct agent_cache *c, const char *key) {
    struct held *h = cm_map_get(c->items, key);

    if (h != NULL && !h->item.release) {
        h->item.release = true;
        record_item(&c->open, &h->item);
    }
}

void agent_cache_set_sent(struct agent_cache *c, const char *key, const struct cm_sha256 *form) {
    struct held *h = cm_map_get(c->items, key);

    if (h != NULL && h->item.applied && !cm_sha256_equal(&h->item.sha256, form) &&
        !cm_sha256_equal(&h->item.sent, form)) {
        h->item.sent = *form;
        record_item(&c->open, &h->item);
    }
}

void agent_cache_drop_item(struct agent_cache *c, const char *key) {
    size_t begin = agent_put_begin(&c->open, AGENT_RECORD_ITEM_GONE);

    agent_put_text(&c->open, key);
    agent_put_end(&c->open, begin);
    agent_releases_drop(c, key);
    (void)cm_map_remove(c->items, key);
}

struct item_visit {
    void (*visit)(void *ctx, const struct agent_item *item);
    void *ctx;
};

static bool visit_held(void *ctx, const char *key, void *value) {
    const struct item_visit *v = ctx;
    const struct held *h = value;

    (void)key;
    v->visit(v->ctx, &h->item);
    return true;
}

void agent_cache_each_item(const struct agent_cache *c,
                           void (*visit)(void *ctx, const struct agent_item *item), void *ctx) {
    struct item_visit v = {visit, ctx};

    cm_map_each(c->items, visit_held, &v);
}

// ---- The manifest in force

static void hold_in_force(struct agent_cache *c, const struct agent_in_force *f) {
    uint8_t *bytes = cm_new(1, f->signature_size + f->signer_size + 1);

    if (f->signature_size > 0) {
        memcpy(bytes, f->signature, f->signature_size);
    }
    if (f->signer_size > 0) {
        memcpy(bytes + f->signature_size, f->signer_der, f->signer_size);
    }
    c->in_force = *f;
    c->in_force.signature = bytes;
    c->in_force.signer_der = bytes + f->signature_size;
    free(c->in_force_bytes);
    c->in_force_bytes = bytes;
    c->era++;
}

static void record_in_force(struct cm_str *out, const struct agent_in_force *f) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_IN_FORCE);

    agent_put_u64(out, f->epoch);
    agent_put_u64(out, f->generation);
    cm_str_add_n(out, f->manifest.bytes, sizeof(f->manifest.bytes));
    agent_put_bytes(out, f->signature, f->signature_size);
    agent_put_bytes(out, f->signer_der, f->signer_size);
    agent_put_end(out, begin);
}

const struct agent_in_force *agent_cache_in_force(const struct agent_cache *c) {
    return &c->in_force;
}

bool agent_cache_is_doubted(const struct agent_cache *c) {
    return c->doubted;
}

// ---- Reports and the rest

static void record_reports(const struct agent_cache *c, struct cm_str *out) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_REPORTS);

    agent_put_text(out, c->run);
    agent_put_u64(out, c->reserved);
    agent_put_u64(out, c->acked);
    agent_put_bytes(out, c->value_key, c->has_value_key ? sizeof(c->value_key) : 0);
    agent_put_end(out, begin);
}

const char *agent_cache_report_run(const struct agent_cache *c) {
    return c->run;
}

uint64_t agent_cache_next_report(struct agent_cache *c) {
    if (c->next_report + RESERVE / 2 > c->reserved) {
        c->reserved += RESERVE;
        record_reports(c, &c->open);
        agent_cache_commit(c, NULL, NULL);
    }
    return ++c->next_report;
}

uint64_t agent_cache_reports_acked(const struct agent_cache *c) {
    return c->acked;
}

void agent_cache_set_reports_acked(struct agent_cache *c, uint64_t number) {
    // It goes to disk with the next snapshot or reservation: an older number costs a report more.
    c->acked = number;
}

static void keep_value_key(struct agent_cache *c, const uint8_t *key) {
    c->has_value_key = key != NULL;
    if (key != NULL) {
        memcpy(c->value_key, key, sizeof(c->value_key));
    }
}

void agent_cache_set_value_key(struct agent_cache *c, const uint8_t *key) {
    const uint8_t *held = agent_cache_value_key(c);
    bool same =
        key == NULL || held == NULL ? key == held : memcmp(key, held, sizeof(c->value_key)) == 0;

    if (!same) {
        keep_value_key(c, key);
        record_reports(c, &c->open);
        agent_cache_commit(c, NULL, NULL);
    }
}

const uint8_t *agent_cache_value_key(const struct agent_cache *c) {
    return c->has_value_key ? c->value_key : NULL;
}

bool agent_cache_recovered(const struct agent_cache *c) {
    return c->recovered;
}

// An agent that knows only RECOVERED takes a doubted manifest for an inventory that is not whole,
// and asks the target. `forgotten`: so are the forms of the items before it.
static void record_recovered(const struct agent_cache *c, bool forgotten, struct cm_str *out) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_RECOVERED);

    agent_put_u8(out, (uint8_t)((c->recovered ? RECOVERED : 0) | (c->doubted ? DOUBTED : 0) |
                                (forgotten ? FORGOTTEN : 0)));
    agent_put_end(out, begin);
}

void agent_cache_set_in_force(struct agent_cache *c, const struct agent_in_force *f) {
    record_in_force(&c->open, f);
    hold_in_force(c, f);
    if (c->doubted) {
        c->doubted = false;
        record_recovered(c, false, &c->open);
    }
}

static bool forget_form(void *ctx, const char *key, void *value) {
    struct held *h = value;

    (void)ctx;
    (void)key;
    h->item.sha256 = (struct cm_sha256){{0}};
    return true;
}

// forget_forms: what is there may have been applied in another form since.
static void forget_forms(struct agent_cache *c) {
    cm_map_each(c->items, forget_form, NULL);
}

// forget_what_came has nothing go by what may have happened since.
static void forget_what_came(struct agent_cache *c, bool manifest) {
    c->recovered = false;
    c->doubted = manifest && c->in_force.generation > 0;
    cm_uuid(c->run);
}

void agent_cache_doubt(struct agent_cache *c, bool manifest) {
    forget_what_came(c, manifest);
    forget_forms(c);
    record_recovered(c, true, &c->open);
    record_reports(c, &c->open);
    agent_cache_journal_lose(c);
    agent_cache_commit(c, NULL, NULL);
}

void agent_cache_set_recovered(struct agent_cache *c) {
    c->recovered = true;
    record_recovered(c, false, &c->open);
}

static void record_held(void *ctx, const struct agent_item *item) {
    record_item(ctx, item);
}

void agent_cache_state(const struct agent_cache *c, struct cm_str *out) {
    record_reports(c, out);
    if (c->in_force.generation > 0) {
        record_in_force(out, &c->in_force);
    }
    record_recovered(c, false, out);
    agent_cache_each_item(c, record_held, out);
    agent_hooks_record(c, out);
    agent_releases_record(c, out);
    agent_holds_record(c, out);
    agent_freezes_record(c, out);
    agent_exemptions_record(c, out);
    agent_journal_record(c, out);
    agent_decisions_record(c, out);
}

// ---- Blobs

static uint64_t check_of(const void *bytes, size_t size) {
    struct cm_sha256 hash = cm_sha256(bytes, size);
    uint64_t check;

    memcpy(&check, hash.bytes, sizeof(check));
    return check;
}

void agent_cache_put_blob(struct agent_cache *c, const struct cm_sha256 *name,
                          struct cm_buf *bytes) {
    struct agent_place_in_log *p = agent_index_find(&c->index, name);

    if (p != NULL) {
        p->asked = c->era;
        return;
    }
    p = agent_index_add(&c->index, name);
    p->pending = cm_buf_ref(bytes);
    p->size = (uint32_t)bytes->size;
    p->check = check_of(bytes->data, bytes->size);
    p->asked = c->era;

    size_t begin = agent_put_begin(&c->open, AGENT_RECORD_BLOB);
    cm_str_add_n(&c->open, name->bytes, sizeof(name->bytes));
    agent_put_u64(&c->open, p->check);
    c->open_fresh = append(c->open_fresh, &c->open_fresh_count, sizeof(*c->open_fresh));
    c->open_fresh[c->open_fresh_count - 1] = (struct agent_fresh){*name, c->open.len};
    cm_str_add_n(&c->open, bytes->data, bytes->size);
    agent_put_end(&c->open, begin);
}

bool agent_cache_has(struct agent_cache *c, const struct cm_sha256 *name) {
    struct agent_place_in_log *p = agent_index_find(&c->index, name);

    if (p == NULL) {
        return false;
    }
    p->asked = c->era;
    return true;
}

size_t agent_cache_blob_size(struct agent_cache *c, const struct cm_sha256 *name) {
    return agent_cache_has(c, name) ? agent_index_find(&c->index, name)->size : 0;
}

// is_whole: the check stands beside the bytes, so whoever can write there makes it fit; the name
// was signed.
static bool is_whole(const struct cm_buf *buf, const struct agent_place_in_log *p, bool keyed) {
    struct cm_sha256 hash = cm_sha256(buf->data, buf->size);

    return memcmp(hash.bytes, &p->check, sizeof(p->check)) == 0 &&
           (keyed || cm_sha256_equal(&hash, &p->name));
}

enum cm_rc agent_cache_blob(struct agent_cache *c, const struct cm_sha256 *name, bool keyed,
                            struct cm_buf **out, struct cm_err *err) {
    struct agent_place_in_log *p = agent_index_find(&c->index, name);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *buf = NULL;

    if (p == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the bytes of this object are not on the agent's disk");
    }
    p->asked = c->era;
    if (p->pending != NULL) {
        *out = cm_buf_ref(p->pending);
        return CM_OK;
    }
    buf = cm_buf_new(p->size);
    enum cm_rc rc = agent_log_read(c->fd, p->offset, buf->data, buf->size, err);
    if (rc < 0) {
        return rc;
    }
    if (!is_whole(buf, p, keyed)) {
        agent_index_remove(&c->index, name);
        if (c->damaged != NULL) {
            c->damaged(c->damaged_ctx);
        }
        return cm_fail(err, CM_EIO, "the agent's disk does not give back what was written");
    }
    *out = CM_TAKE(buf);
    return CM_OK;
}

void agent_cache_on_damage(struct agent_cache *c, void (*damaged)(void *ctx), void *ctx) {
    c->damaged = damaged;
    c->damaged_ctx = ctx;
}

// ---- Writing

// close_frame moves the open frame to the bytes that are written next.
static void close_frame(struct agent_cache *c) {
    if (c->open.len == 0) {
        return;
    }
    size_t base = c->next.bytes.len + AGENT_FRAME_HEADER;
    agent_put_frame(&c->next.bytes, c->open.data, c->open.len);
    for (size_t i = 0; i < c->open_fresh_count; i++) {
        c->next.fresh = append(c->next.fresh, &c->next.fresh_count, sizeof(*c->next.fresh));
        c->next.fresh[c->next.fresh_count - 1] =
            (struct agent_fresh){c->open_fresh[i].name, base + c->open_fresh[i].at};
    }
    c->next.frames++;
    cm_str_done(&c->open);
    free(c->open_fresh);
    c->open_fresh = NULL;
    c->open_fresh_count = 0;
}

void agent_cache_commit(struct agent_cache *c, agent_cache_done_fn done, void *ctx) {
    assert(cm_loop_is_owner(c->loop) && !c->ended);
    close_frame(c);
    if (done != NULL) {
        c->next.waiters = append(c->next.waiters, &c->next.waiter_count, sizeof(*c->next.waiters));
        c->next.waiters[c->next.waiter_count - 1] = (struct agent_waiter){done, ctx};
    }
    agent_cache_kick(c);
}

static void run_write(struct cm_job *job) {
    struct agent_cache *c = CM_CONTAINER(job, struct agent_cache, job);

    c->job_result = (struct cm_err){0};
    if (c->batch.bytes.len == 0) {
        return;
    }
    enum cm_rc rc =
        agent_log_write(c->fd, c->end, c->batch.bytes.data, c->batch.bytes.len, &c->job_result);
    if (rc == CM_OK) {
        rc = agent_log_sync(c->fd, &c->job_result);
        CM_FAULT_POINT("log-synced");
    }
    c->job_result.code = rc;
}

static void settle_blobs(struct agent_cache *c) {
    for (size_t i = 0; i < c->batch.fresh_count; i++) {
        struct agent_place_in_log *p = agent_index_find(&c->index, &c->batch.fresh[i].name);

        if (p != NULL) {
            p->offset = c->end + c->batch.fresh[i].at;
            cm_buf_unref(p->pending);
            p->pending = NULL;
        }
    }
}

static void call_waiters(struct agent_batch *b, const struct cm_err *error) {
    for (size_t i = 0; i < b->waiter_count; i++) {
        b->waiters[i].done(b->waiters[i].ctx, error);
    }
}

static void tell_trouble(struct agent_cache *c, const struct cm_err *why) {
    bool was = c->trouble.code != CM_OK;

    c->trouble = why == NULL ? (struct cm_err){0} : *why;
    if (was != (why != NULL) && c->told != NULL) {
        c->told(c->told_ctx, why);
    }
}

static void finish_write(struct agent_cache *c) {
    static const struct cm_err none;

    settle_blobs(c);
    c->end += c->batch.bytes.len;
    c->stats.writes += c->batch.bytes.len > 0 ? 1 : 0;
    c->stats.frames += c->batch.frames;
    cm_backoff_reset(&c->backoff);
    tell_trouble(c, NULL);
    struct agent_batch done = c->batch;
    c->batch = (struct agent_batch){0};
    call_waiters(&done, &none); // may commit again
    batch_done(&done);
}

static void submit(struct agent_cache *c) {
    c->writing = true;
    cm_workers_submit(c->disk, &c->job);
}

static void cancel_batch(struct agent_batch *b) {
    struct agent_batch gone = *b;
    struct cm_err error;

    (void)cm_fail(&error, CM_ECANCELED, "the agent is shutting down");
    *b = (struct agent_batch){0};
    call_waiters(&gone, &error);
    batch_done(&gone);
}

static void run_closed(void *ctx) {
    struct agent_cache *c = ctx;

    c->closed(c->closed_ctx);
}

static void end_close(struct agent_cache *c) {
    cancel_batch(&c->batch);
    cancel_batch(&c->next);
    c->ended = true;
    c->closed_task = (struct cm_task){.run = run_closed, .ctx = c};
    cm_loop_post(c->loop, &c->closed_task);
}

static bool is_empty(const struct agent_batch *b) {
    return b->bytes.len == 0 && b->waiter_count == 0;
}

void agent_cache_kick(struct agent_cache *c) {
    if (c->writing || c->snapshot != NULL || c->retry.at != 0 || c->ended) {
        return;
    }
    if (c->aborting) {
        end_close(c);
        return;
    }
    if (is_empty(&c->batch)) {
        c->batch = c->next;
        c->next = (struct agent_batch){0};
    }
    if (!is_empty(&c->batch)) {
        submit(c);
    } else if (c->closing) {
        end_close(c);
    }
}

static void write_failed(struct agent_cache *c, const struct cm_err *why) {
    if (c->closing) {
        c->aborting = true;
        return;
    }
    tell_trouble(c, why);
    cm_timer_start(c->loop, &c->retry, cm_backoff_next(&c->backoff));
}

static void write_done(struct cm_job *job) {
    struct agent_cache *c = CM_CONTAINER(job, struct agent_cache, job);

    c->writing = false;
    if (job->canceled) {
        c->aborting = c->closing;
        (void)cm_fail(&c->job_result, CM_ECANCELED, "the disk's workers have stopped");
    }
    if (c->job_result.code == CM_OK) {
        finish_write(c);
        agent_cache_maybe_snapshot(c);
    } else {
        write_failed(c, &c->job_result);
    }
    agent_cache_kick(c);
}

static void run_retry(void *ctx) {
    agent_cache_kick(ctx);
}

const struct cm_err *agent_cache_trouble(const struct agent_cache *c) {
    return c->trouble.code == CM_OK ? NULL : &c->trouble;
}

void agent_cache_on_trouble(struct agent_cache *c,
                            void (*told)(void *ctx, const struct cm_err *why), void *ctx) {
    c->told = told;
    c->told_ctx = ctx;
}

// ---- Opening and closing

static bool read_blob(struct agent_cache *c, const uint8_t *record, size_t size, uint64_t at) {
    struct agent_reader r = {.at = record, .left = size};
    const uint8_t *name = agent_get_raw(&r, CM_SHA256_SIZE);
    uint64_t check = agent_get_u64(&r);
    struct cm_sha256 hash;

    if (r.bad || c == NULL) {
        return !r.bad;
    }
    memcpy(hash.bytes, name, sizeof(hash.bytes));
    struct agent_place_in_log *p = agent_index_add(&c->index, &hash);
    p->offset = at + (size - r.left);
    p->check = check;
    p->size = (uint32_t)r.left;
    return true;
}

static bool read_in_force(struct agent_cache *c, struct agent_reader *r) {
    struct agent_in_force f = {.epoch = agent_get_u64(r), .generation = agent_get_u64(r)};
    const uint8_t *name = agent_get_raw(r, CM_SHA256_SIZE);

    f.signature = agent_get_bytes(r, &f.signature_size);
    f.signer_der = agent_get_bytes(r, &f.signer_size);
    if (r->bad || c == NULL) {
        return !r->bad;
    }
    memcpy(f.manifest.bytes, name, sizeof(f.manifest.bytes));
    hold_in_force(c, &f);
    return true;
}

static bool read_item(struct agent_cache *c, struct agent_reader *r) {
    struct agent_item item = {.key = agent_get_text(r)};

    item.app = agent_get_text(r);
    item.default_namespace = agent_get_text(r);
    item.uid = agent_get_text(r);
    item.note = agent_get_text(r);
    const uint8_t *hash = agent_get_raw(r, CM_SHA256_SIZE);
    uint8_t bits = agent_get_u8(r);
    item.applied = (bits & ITEM_APPLIED) != 0;
    item.keep = (bits & ITEM_KEEP) != 0;
    item.release = (bits & ITEM_RELEASE) != 0;
    item.propagation = bits / ITEM_PROPAGATION & PROPAGATION_MASK;
    item.wave = r->left == 0 ? 0 : (int32_t)agent_get_u32(r); // it came later
    item.account = r->left == 0 ? "" : agent_get_text(r);     // and this later still
    const uint8_t *sent = r->left == 0 ? NULL : agent_get_raw(r, CM_SHA256_SIZE); // as this
    if (r->bad || c == NULL) {
        return !r->bad;
    }
    memcpy(item.sha256.bytes, hash, sizeof(item.sha256.bytes));
    if (sent != NULL) {
        memcpy(item.sent.bytes, sent, sizeof(item.sent.bytes));
    }
    hold_item(c, &item);
    return true;
}

static bool read_reports(struct agent_cache *c, struct agent_reader *r) {
    const char *run = agent_get_text(r);
    uint64_t reserved = agent_get_u64(r);
    uint64_t acked = agent_get_u64(r);
    size_t key_size = 0;
    const uint8_t *key = r->left == 0 ? NULL : agent_get_bytes(r, &key_size); // it came later

    if (r->bad || !cm_uuid_ok(run)) {
        return false;
    }
    if (c != NULL) {
        keep_value_key(c, key_size == sizeof(c->value_key) ? key : NULL);
        memcpy(c->run, run, sizeof(c->run));
        c->reserved = reserved;
        c->acked = acked;
    }
    return true;
}

static bool read_gone(struct agent_cache *c, struct agent_reader *r) {
    const char *key = agent_get_text(r);

    if (c != NULL && !r->bad) {
        agent_releases_drop(c, key);
        (void)cm_map_remove(c->items, key);
    }
    return !r->bad;
}

static bool read_recovered(struct agent_cache *c, struct agent_reader *r) {
    uint8_t bits = r->left == 0 ? RECOVERED : agent_get_u8(r);

    if (c != NULL) {
        c->recovered = (bits & RECOVERED) != 0;
        c->doubted = (bits & DOUBTED) != 0;
        if ((bits & FORGOTTEN) != 0) {
            forget_forms(c);
        }
    }
    return true;
}

// read_record takes over what a record says; without a cache it only looks whether it makes sense.
static bool read_record(struct agent_cache *c, uint8_t type, const uint8_t *record, size_t size,
                        uint64_t at) {
    struct agent_reader r = {.at = record, .left = size};

    switch (type) {
    case AGENT_RECORD_BLOB:
        return read_blob(c, record, size, at);
    case AGENT_RECORD_IN_FORCE:
        return read_in_force(c, &r);
    case AGENT_RECORD_ITEM:
        return read_item(c, &r);
    case AGENT_RECORD_ITEM_GONE:
        return read_gone(c, &r);
    case AGENT_RECORD_REPORTS:
        return read_reports(c, &r);
    case AGENT_RECORD_RECOVERED:
        return read_recovered(c, &r);
    case AGENT_RECORD_HOOK:
        return agent_hooks_read(c, &r);
    case AGENT_RECORD_HOOK_GONE:
        return agent_hooks_read_gone(c, &r);
    case AGENT_RECORD_JOURNAL:
        return agent_journal_read(c, &r);
    case AGENT_RECORD_JOURNAL_CUT:
        return agent_journal_read_cut(c, &r);
    case AGENT_RECORD_RELEASES:
        return agent_releases_read(c, &r);
    case AGENT_RECORD_DECISION:
        return agent_decisions_read(c, &r);
    case AGENT_RECORD_DECISION_CUT:
        return agent_decisions_read_cut(c, &r);
    case AGENT_RECORD_HOLD:
        return agent_holds_read(c, &r);
    case AGENT_RECORD_HOLD_GONE:
        return agent_holds_read_gone(c, &r);
    case AGENT_RECORD_FREEZES:
        return agent_freezes_read(c, &r);
    case AGENT_RECORD_EXEMPTIONS:
        return agent_exemptions_read(c, &r);
    default:
        return false;
    }
}

static bool read_records(struct agent_cache *c, const uint8_t *payload, size_t size, uint64_t at) {
    struct agent_reader r = {.at = payload, .left = size};

    while (r.left > 0 && !r.bad) {
        uint8_t type = agent_get_u8(&r);
        size_t record_size;
        const uint8_t *record = agent_get_bytes(&r, &record_size);

        if (r.bad || !read_record(c, type, record == NULL ? payload : record, record_size,
                                  at + (uint64_t)(r.at - payload) - record_size)) {
            return false;
        }
    }
    return !r.bad;
}

// visit_frame takes over one frame, all of it or nothing. Its hash was right, so what makes no
// sense was written by another version of the agent: reading stops there.
static bool visit_frame(void *ctx, const uint8_t *payload, size_t size, uint64_t at) {
    return read_records(NULL, payload, size, at) && read_records(ctx, payload, size, at);
}

static void begin_run(struct agent_cache *c) {
    if (c->run[0] == '\0') {
        cm_uuid(c->run);
        record_reports(c, &c->open);
    }
    uint64_t now_ms = (uint64_t)cm_clock_unix_ms();

    // A reservation that did not reach the disk may have been used. And if the disk is an older
    // copy, so were later numbers, but of no more than one a millisecond.
    c->reserved += RESERVE;
    c->reserved = c->reserved < now_ms ? now_ms : c->reserved;
    c->next_report = c->reserved;
}

// put_mark writes what is so now behind the last good frame, and only then takes away the rest:
// stopped in between, the next start finds the rest again.
static enum cm_rc put_mark(struct agent_cache *c, bool forgotten, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str records = {0};
    CM_CLEANUP(cm_str_done) struct cm_str frame = {0};

    record_recovered(c, forgotten, &records);
    record_reports(c, &records);
    agent_put_frame(&frame, records.data, records.len);
    enum cm_rc rc = agent_log_write(c->fd, c->end, frame.data, frame.len, err);
    rc = rc < 0 ? rc : agent_log_sync(c->fd, err);
    rc = rc < 0 ? rc : agent_log_cut(c->fd, c->end + frame.len, err);
    c->end += rc < 0 ? 0 : frame.len;
    return rc < 0 ? cm_wrap(err, "%s", c->path) : CM_OK;
}

// take_rest: nobody acted upon what a crash tore, and what came of acting is asked for anew: what
// was sent is known (agent_cache_set_sent), or is what the manifest in force says. But if the disk
// is damaged, or another version wrote it, then objects are there that the inventory does not name,
// and reports were sent under numbers that would be used again: so the target is asked, and a new
// run of reports begins. And a newer manifest may have been in force than the one that is left. But
// in which form objects were applied stays known where only the last frame is torn: else what
// people changed by hand, and the App leaves to them, would be undone.
static enum cm_rc take_rest(struct agent_cache *c, const struct agent_log_end *end,
                            struct cm_err *err) {
    char bytes[CM_LOG_INT_MAX];

    c->end = end->at;
    if (end->rest == 0) {
        return CM_OK;
    }
    cm_log(
        CM_LOG_WARN, "agent.log_cut",
        "the end of the log was not whole; what this agent owns is looked for again, and nothing "
        "is removed until the hub has said anew what shall be here",
        "path", c->path, "bytes", cm_log_int((int64_t)end->rest, bytes), NULL);
    forget_what_came(c, true);
    if (!end->torn) {
        forget_forms(c);
    }
    return put_mark(c, !end->torn, err);
}

static enum cm_rc open_files(struct agent_cache *c, struct cm_err *err) {
    CM_AUTOFREE char *lock = cm_strf("%s/lock", c->dir);
    CM_AUTOFREE char *left_over = cm_strf("%s/log.new", c->dir);
    struct agent_log_end end = {0};
    enum cm_rc rc = cm_fsys_make_dir(c->dir, 0700, err);

    if (rc == CM_OK) {
        rc = cm_fsys_lock(lock, &c->lock_fd, err);
    }
    if (rc < 0) {
        return rc;
    }
    (void)unlink(left_over); // of a snapshot that was not finished
    rc = agent_log_open(c->path, visit_frame, c, &c->fd, &end, err);
    return rc < 0 ? rc : take_rest(c, &end, err);
}

static void agent_cache_freep(struct agent_cache **c) {
    agent_cache_free(*c);
}

enum cm_rc agent_cache_open(struct cm_loop *loop, struct cm_workers *disk, const char *dir,
                            struct agent_cache **out, struct cm_err *err) {
    CM_CLEANUP(agent_cache_freep) struct agent_cache *c = cm_new(1, sizeof(*c));

    c->loop = loop;
    c->disk = disk;
    c->dir = cm_strdup(dir);
    c->path = cm_strf("%s/log", dir);
    c->lock_fd = -1;
    c->fd = -1;
    c->items = cm_map_new(free);
    c->hooks = cm_map_new(free);
    c->releases = cm_map_new(agent_releases_free);
    c->holds = cm_map_new(free);
    cm_list_init(&c->journal.entries);
    cm_list_init(&c->decisions.entries);
    c->job = (struct cm_job){.run = run_write, .done = write_done, .home = loop};
    c->retry = (struct cm_timer){.run = run_retry, .ctx = c};
    c->backoff = (struct cm_backoff){.min_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    enum cm_rc rc = open_files(c, err);
    if (rc < 0) {
        return rc;
    }
    c->baseline = c->end;
    begin_run(c);
    *out = CM_TAKE(c);
    return CM_OK;
}

void agent_cache_close(struct agent_cache *c, bool flush, void (*closed)(void *ctx), void *ctx) {
    c->closed = closed;
    c->closed_ctx = ctx;
    c->closing = true;
    c->aborting = !flush;
    if (flush) {
        close_frame(c);
    }
    cm_timer_stop(c->loop, &c->retry);
    agent_cache_kick(c);
}

static void close_fd(int fd) {
    if (fd >= 0) {
        (void)close(fd);
    }
}

void agent_cache_free(struct agent_cache *c) {
    if (c == NULL) {
        return;
    }
    assert(!c->writing && c->snapshot == NULL);
    cm_timer_stop(c->loop, &c->retry);
    batch_done(&c->batch);
    batch_done(&c->next);
    cm_str_done(&c->open);
    free(c->open_fresh);
    agent_index_done(&c->index);
    cm_map_free(c->items);
    cm_map_free(c->hooks);
    cm_map_free(c->releases);
    cm_map_free(c->holds);
    free(c->freezes);
    free(c->exemptions);
    agent_journal_done(&c->journal);
    agent_decisions_done(&c->decisions);
    explicit_bzero(c->value_key, sizeof(c->value_key));
    free(c->in_force_bytes);
    close_fd(c->fd);
    close_fd(c->lock_fd);
    free(c->dir);
    free(c->path);
    free(c);
}

void agent_cache_stats_get(const struct agent_cache *c, struct agent_cache_stats *out) {
    *out = c->stats;
    out->log_bytes = c->end;
    out->blobs = c->index.count;
}
