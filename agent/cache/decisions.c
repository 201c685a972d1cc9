// What controllers decided, until a hub has it.
//
// As the journal: one record adds a decision, another says up to which number they are gone, and
// what the gap is since then. Those that gave way for space are written anew without them at the
// next snapshot, and give way again when they are read before that. What Apps are held back for
// does not give way: only its answer ends that. Its bytes are kept as a blob besides, until then.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

struct held_decision {
    struct cm_list in;
    struct agent_decided decided;
    struct cm_sha256 sha256; // of its bytes
    uint8_t bytes[];
};

static void hold(struct agent_decisions *d, const struct agent_decided *decided) {
    struct held_decision *h = cm_new(1, sizeof(*h) + decided->size);

    memcpy(h->bytes, decided->bytes, decided->size);
    h->decided = *decided;
    h->decided.bytes = h->bytes;
    h->sha256 = cm_sha256(h->bytes, decided->size);
    cm_list_append(&d->entries, &h->in);
    d->count++;
    d->bytes += decided->size;
}

static void drop(struct agent_decisions *d, struct held_decision *h) {
    d->count--;
    d->bytes -= h->decided.size;
    cm_list_remove(&h->in);
    free(h);
}

static void drop_to(struct agent_decisions *d, uint64_t number) {
    struct cm_list *next;

    for (struct cm_list *l = d->entries.next; l != &d->entries; l = next) {
        struct held_decision *h = CM_CONTAINER(l, struct held_decision, in);

        next = l->next;
        if (h->decided.number <= number) {
            drop(d, h);
        }
    }
}

static bool may_go(const struct agent_cache *c, const struct held_decision *h, bool weighty) {
    return h->decided.number > c->decisions.sent &&
           (weighty ? !agent_holds_say(c, &h->sha256) : !h->decided.weighty);
}

// make_room drops the oldest that are not on their way, first of those that weigh little. It
// returns how many.
static size_t make_room(struct agent_cache *c) {
    struct agent_decisions *d = &c->decisions;
    size_t before = d->count;

    for (int weighty = 0; weighty <= 1; weighty++) {
        struct cm_list *next;

        for (struct cm_list *l = d->entries.next;
             l != &d->entries &&
             (d->count > AGENT_DECISIONS_MAX || d->bytes > AGENT_DECISIONS_BYTES_MAX);
             l = next) {
            struct held_decision *h = CM_CONTAINER(l, struct held_decision, in);

            // NOLINTNEXTLINE(clang-analyzer-unix.Malloc) what was freed left the list
            next = l->next;
            if (may_go(c, h, weighty == 1)) {
                drop(d, h);
            }
        }
    }
    return before - d->count;
}

static void record_cut(struct cm_str *out, uint64_t up_to, const struct agent_journal_gap *gap) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_DECISION_CUT);

    agent_put_u64(out, up_to);
    agent_journal_put_gap(out, gap);
    agent_put_end(out, begin);
}

// lengthen_gap gives it a number of its own, above all that was told: the hub hears of it in order.
static void lengthen_gap(struct agent_cache *c, size_t lost) {
    struct agent_journal_gap *gap = &c->decisions.gap;

    if (gap->count == 0) {
        gap->from_ms = cm_clock_unix_ms();
        cm_log(CM_LOG_WARN, "agent.decisions_lost",
               "there is no room for what controllers decided: the oldest gives way, and the hub "
               "is told how many did",
               "path", c->path, NULL);
    }
    gap->to_ms = cm_clock_unix_ms();
    gap->count += lost;
    gap->number = agent_cache_next_report(c);
    record_cut(&c->open, 0, gap);
}

static void record(struct cm_str *out, const struct agent_decided *decided) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_DECISION);

    agent_put_u64(out, decided->number);
    agent_put_u8(out, decided->weighty ? 1 : 0);
    cm_str_add_n(out, decided->bytes, decided->size);
    agent_put_end(out, begin);
}

void agent_cache_decided_add(struct agent_cache *c, bool weighty, const void *bytes, size_t size) {
    const struct agent_decided decided = {
        .number = agent_cache_next_report(c), .weighty = weighty, .bytes = bytes, .size = size};

    hold(&c->decisions, &decided);
    size_t lost = make_room(c);
    if (lost > 0) {
        lengthen_gap(c, lost); // may write what is open, to have a number: before the next line
    }
    record(&c->open, &decided);
}

static bool is_queued(const struct agent_decisions *d, const struct cm_sha256 *sha256) {
    for (struct cm_list *l = d->entries.next; l != &d->entries; l = l->next) {
        if (cm_sha256_equal(&CM_CONTAINER(l, struct held_decision, in)->sha256, sha256)) {
            return true;
        }
    }
    return false;
}

static void add_again(struct agent_cache *c, const struct cm_sha256 *decision) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_err err;

    if (!is_queued(&c->decisions, decision) &&
        agent_cache_blob(c, decision, false, &bytes, &err) == CM_OK) {
        agent_cache_decided_add(c, true, bytes->data, bytes->size);
        agent_cache_commit(c, NULL, NULL);
    }
}

void agent_cache_decided_again(struct agent_cache *c) {
    CM_AUTOFREE const char **apps = agent_cache_hold_apps(c);
    size_t count = agent_cache_hold_count(c);

    for (size_t i = 0; i < count; i++) {
        const struct agent_hold *hold = agent_cache_hold(c, apps[i]);

        for (size_t j = 0; j < hold->id_count; j++) {
            add_again(c, &hold->says[j]);
        }
    }
}

size_t agent_cache_decided_count(const struct agent_cache *c) {
    return c->decisions.count;
}

void agent_cache_decided_each(const struct agent_cache *c,
                              bool (*visit)(void *ctx, const struct agent_decided *decided),
                              void *ctx) {
    const struct cm_list *head = &c->decisions.entries;

    for (struct cm_list *l = head->next; l != head; l = l->next) {
        if (!visit(ctx, &CM_CONTAINER(l, struct held_decision, in)->decided)) {
            return;
        }
    }
}

void agent_cache_decided_sent(struct agent_cache *c, uint64_t number) {
    c->decisions.sent = number;
}

void agent_cache_decided_told(struct agent_cache *c, uint64_t number) {
    c->decisions.sent = 0;
    if (c->decisions.count == 0) {
        return;
    }
    drop_to(&c->decisions, number);
    record_cut(&c->open, number, &c->decisions.gap);
    agent_cache_commit(c, NULL, NULL);
}

const struct agent_journal_gap *agent_cache_decided_gap(const struct agent_cache *c) {
    return &c->decisions.gap;
}

void agent_decisions_gap_sent(struct agent_cache *c, uint64_t number) {
    const struct agent_journal_gap *gap = &c->decisions.gap;

    c->decisions.gap_sent = (struct agent_gap_sent){0};
    if (gap->count > 0 && gap->number <= number) {
        c->decisions.gap_sent = (struct agent_gap_sent){gap->number, gap->count};
    }
}

void agent_decisions_gap_told(struct agent_cache *c, uint64_t number) {
    struct agent_decisions *d = &c->decisions;

    if (agent_journal_gap_told(&d->gap, &d->gap_sent, number)) {
        record_cut(&c->open, 0, &d->gap);
        agent_cache_commit(c, NULL, NULL);
    }
}

void agent_decisions_record(const struct agent_cache *c, struct cm_str *out) {
    const struct cm_list *head = &c->decisions.entries;

    if (c->decisions.gap.count > 0) {
        record_cut(out, 0, &c->decisions.gap);
    }
    for (struct cm_list *l = head->next; l != head; l = l->next) {
        record(out, &CM_CONTAINER(l, struct held_decision, in)->decided);
    }
}

bool agent_decisions_read(struct agent_cache *c, struct agent_reader *r) {
    struct agent_decided decided = {.number = agent_get_u64(r)};

    decided.weighty = agent_get_u8(r) == 1;
    decided.size = r->left;
    decided.bytes = agent_get_raw(r, r->left);
    if (r->bad || c == NULL) {
        return !r->bad;
    }
    hold(&c->decisions, &decided);
    (void)make_room(c); // these stand in the gap already, unless another version keeps more
    return true;
}

bool agent_decisions_read_cut(struct agent_cache *c, struct agent_reader *r) {
    uint64_t number = agent_get_u64(r);
    struct agent_journal_gap gap = {0};

    if (r->left > 0) { // it came later
        agent_journal_get_gap(r, &gap);
    }
    if (c != NULL && !r->bad) {
        drop_to(&c->decisions, number);
        c->decisions.gap = gap;
    }
    return !r->bad;
}

void agent_decisions_done(struct agent_decisions *d) {
    if (d->entries.next != NULL) {
        drop_to(d, UINT64_MAX);
    }
}
