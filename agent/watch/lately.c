// What was so for a while since the hub last said that it has a report.
//
// While there is a hub, reports tell how things are in the end. If the link turns out to be dead,
// what came and went meanwhile was told in reports that nobody may have got. So each change of what
// is settled is kept until a report that told of it is acknowledged; when the connection ends,
// those that another one has followed, or their end, become entries of the journal, each with the
// number of the report that told it, by which the hub knows whether it has it. How things are now
// is noted as untold (journal.c).
//
// So much is kept. Beyond it the oldest give way: what is over goes into the journal at once. What
// is so still is forgotten, for a burst over a link that is well would make a history of it; if it
// then goes and the link was dead, nobody hears that it came.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/buf.h"
#include "common/mem.h"
#include "proto/wire.h"

#define LATELY_MAX 256
#define LATELY_BYTES_MAX AGENT_JOURNAL_BYTES_MAX

struct lately {
    struct cm_list at;       // in watch->lately, by time
    struct cm_list of;       // in telling->lately, by time
    struct telling *telling; // NULL: it was freed
    uint64_t report;         // that told it; 0: none yet
    int64_t at_ms;
    struct cm_buf *entry;
};

static void drop(struct agent_watch *w, struct lately *l) {
    cm_list_remove(&l->at);
    cm_list_remove(&l->of);
    w->lately_count--;
    w->lately_bytes -= l->entry->size;
    cm_buf_unref(l->entry);
    free(l);
}

// add_report puts the number of the report behind an entry: messages that follow each other are
// one.
static struct cm_buf *add_report(const struct lately *l) {
    Holdfast__V1__JournalEntry more;

    holdfast__v1__journal_entry__init(&more);
    more.report = l->report;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *number = wire_pack(&more.base);
    struct cm_buf *both = cm_buf_new(l->entry->size + number->size);
    memcpy(both->data, l->entry->data, l->entry->size);
    memcpy(both->data + l->entry->size, number->data, number->size);
    return both;
}

static void write_down(struct agent_watch *w, struct lately *l) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *entry = add_report(l);

    agent_cache_journal_add(w->cache, l->at_ms, entry->data, entry->size);
    drop(w, l);
}

// is_over tells whether something has followed it: another entry, or its end, which only a report
// tells. Those before it are gone: they are looked at by time. What was freed is told no more: a
// full report left it out.
static bool is_over(const struct lately *l) {
    return l->telling != NULL && (l->of.next != &l->telling->lately || l->telling->removed);
}

static void end_one(struct agent_watch *w, struct lately *l, bool write) {
    if (write && is_over(l)) {
        write_down(w, l);
    } else {
        drop(w, l);
    }
}

static bool is_full(const struct agent_watch *w) {
    return w->lately_count > LATELY_MAX || w->lately_bytes > LATELY_BYTES_MAX;
}

static void make_room(struct agent_watch *w) {
    for (struct cm_list *at = w->lately.next, *next; is_full(w); at = next) {
        next = at->next;
        end_one(w, CM_CONTAINER(at, struct lately, at), true);
    }
    watch_tell_journal(w);
}

void watch_lately(struct agent_watch *w, struct telling *t, Holdfast__V1__JournalEntry *entry) {
    struct lately *l = cm_new(1, sizeof(*l));

    l->telling = t;
    l->at_ms = t->at_ms;
    l->entry = wire_pack(&entry->base);
    cm_list_append(&w->lately, &l->at);
    cm_list_append(&t->lately, &l->of);
    w->lately_bytes += l->entry->size;
    w->lately_count++;
    if (is_full(w)) {
        make_room(w);
    }
}

void watch_lately_sent(struct telling *t, uint64_t report) {
    for (struct cm_list *at = t->lately.prev; at != &t->lately; at = at->prev) {
        struct lately *l = CM_CONTAINER(at, struct lately, of);

        if (l->report != 0) {
            return;
        }
        l->report = report;
    }
}

void watch_lately_acked(struct agent_watch *w) {
    for (struct cm_list *at = w->lately.next, *next; at != &w->lately; at = next) {
        struct lately *l = CM_CONTAINER(at, struct lately, at);

        next = at->next;
        if (l->report != 0 && l->report <= w->acked) {
            drop(w, l);
        }
    }
}

void watch_lately_forget(struct telling *t) {
    while (!cm_list_empty(&t->lately)) {
        CM_CONTAINER(t->lately.next, struct lately, of)->telling = NULL;
        cm_list_remove(t->lately.next);
    }
}

void watch_lately_end(struct agent_watch *w, bool write) {
    for (struct cm_list *at = w->lately.next, *next; at != &w->lately; at = next) {
        next = at->next;
        end_one(w, CM_CONTAINER(at, struct lately, at), write);
    }
}
