// What was so for a while since the hub last said that it has a report.
//
// While there is a hub, reports tell how things are in the end. If the link turns out to be dead,
// what came and went meanwhile was told in reports that nobody may have got. So each change of what
// is settled is kept until a report that told of it is acknowledged; when the connection ends,
// those that another one has followed become entries of the journal, each with the number of the
// report that told it, by which the hub knows whether it has it. How things are now is noted as
// untold (journal.c).
#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/buf.h"
#include "common/mem.h"
#include "proto/wire.h"

#define LATELY_MAX 256 // beyond it the oldest go into the journal at once

struct lately {
    struct cm_list at;       // in watch->lately, by time
    struct cm_list of;       // in telling->lately, by time
    struct telling *telling; // NULL: it is gone
    uint64_t report;         // that told it; 0: none yet
    int64_t at_ms;
    struct cm_buf *entry;
};

static void drop(struct agent_watch *w, struct lately *l) {
    cm_list_remove(&l->at);
    cm_list_remove(&l->of);
    w->lately_count--;
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

void watch_lately(struct agent_watch *w, struct telling *t, Holdfast__V1__JournalEntry *entry) {
    struct lately *l = cm_new(1, sizeof(*l));

    l->telling = t;
    l->at_ms = t->at_ms;
    l->entry = wire_pack(&entry->base);
    cm_list_append(&w->lately, &l->at);
    cm_list_append(&t->lately, &l->of);
    if (++w->lately_count > LATELY_MAX) {
        write_down(w, CM_CONTAINER(w->lately.next, struct lately, at));
        watch_tell_journal(w);
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

// is_now tells whether nothing has followed it. Those before it are gone: they are looked at by
// time.
static bool is_now(const struct lately *l) {
    return l->telling != NULL && l->of.next == &l->telling->lately;
}

void watch_lately_end(struct agent_watch *w, bool write) {
    for (struct cm_list *at = w->lately.next, *next; at != &w->lately; at = next) {
        struct lately *l = CM_CONTAINER(at, struct lately, at);

        next = at->next;
        if (write && !is_now(l)) {
            write_down(w, l);
        } else {
            drop(w, l);
        }
    }
}
