// list: an intrusive doubly linked list. A zeroed head must be initialised with cm_list_init.
//
// Threads: one at a time for a list.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_list {
    struct cm_list *prev;
    struct cm_list *next;
};

#define CM_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void cm_list_init(struct cm_list *l) {
    l->prev = l;
    l->next = l;
}

static inline bool cm_list_empty(const struct cm_list *l) {
    return l->next == l;
}

static inline void cm_list_append(struct cm_list *head, struct cm_list *item) {
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

// cm_list_remove takes the item out and leaves it as a list of its own, so removing twice is fine.
static inline void cm_list_remove(struct cm_list *item) {
    item->prev->next = item->next;
    item->next->prev = item->prev;
    cm_list_init(item);
}
