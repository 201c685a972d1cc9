// The journal: what happened while there was no hub, until a hub has it.
//
// Entries are numbered like reports, so that no number is used for two things, whatever was lost.
// One record adds an entry; another says up to which number all are gone, told or dropped, and what
// the gap is since then.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/mem.h"

struct held_entry {
    struct cm_list in;
    struct agent_journal_entry entry;
    uint8_t bytes[];
};

static void hold(struct agent_journal *j, const struct agent_journal_entry *entry) {
    struct held_entry *h = cm_new(1, sizeof(*h) + entry->size);

    memcpy(h->bytes, entry->bytes, entry->size);
    h->entry = *entry;
    h->entry.bytes = h->bytes;
    cm_list_append(&j->entries, &h->in);
    j->count++;
    j->bytes += entry->size;
}

static void drop(struct agent_journal *j, struct held_entry *h) {
    j->count--;
    j->bytes -= h->entry.size;
    cm_list_remove(&h->in);
    free(h);
}

static void drop_to(struct agent_journal *j, uint64_t number) {
    struct cm_list *next;

    for (struct cm_list *l = j->entries.next; l != &j->entries; l = next) {
        struct held_entry *h = CM_CONTAINER(l, struct held_entry, in);

        next = l->next;
        if (h->entry.number > number) {
            return;
        }
        drop(j, h);
    }
}

// lengthen_gap: what is on its way is not lost if it arrives.
static void lengthen_gap(struct agent_journal *j, const struct agent_journal_entry *entry) {
    struct agent_journal_gap *gap = &j->gap;

    j->sent.count += entry->number <= j->sent.number ? 1 : 0;
    gap->from_ms = gap->count == 0 ? entry->at_ms : gap->from_ms;
    gap->to_ms = entry->at_ms;
    gap->number = entry->number;
    gap->count++;
}

// lose makes a gap of the oldest entries, until no more than so many are left.
static void lose(struct agent_journal *j, size_t count, size_t bytes) {
    struct cm_list *next;

    for (struct cm_list *l = j->entries.next;
         l != &j->entries && (j->count > count || j->bytes > bytes); l = next) {
        struct held_entry *h = CM_CONTAINER(l, struct held_entry, in);

        next = l->next;
        lengthen_gap(j, &h->entry);
        drop(j, h);
    }
}

static void record_entry(struct cm_str *out, const struct agent_journal_entry *entry) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_JOURNAL);

    agent_put_u64(out, entry->number);
    agent_put_u64(out, (uint64_t)entry->at_ms);
    cm_str_add_n(out, entry->bytes, entry->size);
    agent_put_end(out, begin);
}

void agent_journal_put_gap(struct cm_str *out, const struct agent_journal_gap *gap) {
    agent_put_u64(out, gap->number);
    agent_put_u64(out, (uint64_t)gap->from_ms);
    agent_put_u64(out, (uint64_t)gap->to_ms);
    agent_put_u64(out, gap->count);
}

void agent_journal_get_gap(struct agent_reader *r, struct agent_journal_gap *out) {
    out->number = agent_get_u64(r);
    out->from_ms = (int64_t)agent_get_u64(r);
    out->to_ms = (int64_t)agent_get_u64(r);
    out->count = agent_get_u64(r);
}

static void record_cut(struct cm_str *out, uint64_t up_to, const struct agent_journal_gap *gap) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_JOURNAL_CUT);

    agent_put_u64(out, up_to);
    agent_journal_put_gap(out, gap);
    agent_put_end(out, begin);
}

void agent_cache_journal_add(struct agent_cache *c, int64_t at_ms, const void *bytes, size_t size) {
    struct agent_journal *j = &c->journal;
    const struct agent_journal_entry entry = {
        .number = agent_cache_next_report(c), .at_ms = at_ms, .bytes = bytes, .size = size};
    uint64_t lost = j->gap.count;

    hold(j, &entry);
    record_entry(&c->open, &entry);
    lose(j, AGENT_JOURNAL_MAX, AGENT_JOURNAL_BYTES_MAX);
    if (j->gap.count > lost) {
        record_cut(&c->open, j->gap.number, &j->gap);
    }
    agent_cache_commit(c, NULL, NULL);
}

size_t agent_cache_journal_count(const struct agent_cache *c) {
    return c->journal.count;
}

const struct agent_journal_gap *agent_cache_journal_gap(const struct agent_cache *c) {
    return &c->journal.gap;
}

void agent_cache_journal_each(const struct agent_cache *c,
                              bool (*visit)(void *ctx, const struct agent_journal_entry *entry),
                              void *ctx) {
    const struct cm_list *head = &c->journal.entries;

    for (struct cm_list *l = head->next; l != head; l = l->next) {
        if (!visit(ctx, &CM_CONTAINER(l, struct held_entry, in)->entry)) {
            return;
        }
    }
}

void agent_cache_journal_sent(struct agent_cache *c, uint64_t number) {
    c->journal.sent = (struct agent_gap_sent){number, c->journal.gap.count};
    agent_decisions_gap_sent(c, number);
}

bool agent_journal_gap_told(struct agent_journal_gap *gap, struct agent_gap_sent *sent,
                            uint64_t number) {
    uint64_t told = gap->number <= number                         ? gap->count
                    : sent->number != 0 && sent->number <= number ? sent->count
                                                                  : 0;

    *sent = (struct agent_gap_sent){0};
    gap->count -= told;
    if (gap->count == 0) {
        *gap = (struct agent_journal_gap){0};
    }
    return told > 0;
}

void agent_cache_journal_told(struct agent_cache *c, uint64_t number) {
    struct agent_journal *j = &c->journal;

    agent_decisions_gap_told(c, number);
    if (j->count == 0 && j->gap.count == 0) {
        return;
    }
    drop_to(j, number);
    (void)agent_journal_gap_told(&j->gap, &j->sent, number);
    record_cut(&c->open, number, &j->gap);
    agent_cache_commit(c, NULL, NULL);
}

void agent_cache_journal_lose(struct agent_cache *c) {
    struct agent_journal *j = &c->journal;

    if (j->count == 0) {
        return;
    }
    lose(j, 0, 0);
    record_cut(&c->open, j->gap.number, &j->gap);
    agent_cache_commit(c, NULL, NULL);
}

void agent_journal_record(const struct agent_cache *c, struct cm_str *out) {
    const struct cm_list *head = &c->journal.entries;

    if (c->journal.gap.count > 0) {
        record_cut(out, c->journal.gap.number, &c->journal.gap);
    }
    for (struct cm_list *l = head->next; l != head; l = l->next) {
        record_entry(out, &CM_CONTAINER(l, struct held_entry, in)->entry);
    }
}

bool agent_journal_read(struct agent_cache *c, struct agent_reader *r) {
    struct agent_journal_entry entry = {.number = agent_get_u64(r)};

    entry.at_ms = (int64_t)agent_get_u64(r);
    entry.size = r->left;
    entry.bytes = agent_get_raw(r, r->left);
    if (r->bad || c == NULL) {
        return !r->bad;
    }
    hold(&c->journal, &entry);
    lose(&c->journal, AGENT_JOURNAL_MAX, AGENT_JOURNAL_BYTES_MAX); // another version may keep more
    return true;
}

bool agent_journal_read_cut(struct agent_cache *c, struct agent_reader *r) {
    uint64_t up_to = agent_get_u64(r);
    struct agent_journal_gap gap;

    agent_journal_get_gap(r, &gap);
    if (c != NULL && !r->bad) {
        drop_to(&c->journal, up_to);
        c->journal.gap = gap;
    }
    return !r->bad;
}

void agent_journal_done(struct agent_journal *j) {
    if (j->entries.next != NULL) {
        drop_to(j, UINT64_MAX);
    }
}
