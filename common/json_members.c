#include "common/json_members.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

// Up to here comparing each with each is faster than sorting.
#define FEW 12

struct ranked {
    struct cm_json *member;
    size_t rank; // place in the object, so that sorting is stable
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked *left = a;
    const struct ranked *right = b;
    int order = strcmp(left->member->key, right->member->key);

    if (order != 0) {
        return order;
    }
    return left->rank < right->rank ? -1 : 1;
}

static struct ranked *rank_members(const struct cm_json *object) {
    struct ranked *ranked = cm_new(object->count, sizeof(*ranked));
    size_t n = 0;

    for (struct cm_json *m = object->first; m != NULL; m = m->next) {
        ranked[n] = (struct ranked){.member = m, .rank = n};
        n++;
    }
    qsort(ranked, n, sizeof(*ranked), compare_ranked);
    return ranked;
}

struct cm_json **cm_json_members_sorted(const struct cm_json *object) {
    if (object->count == 0) {
        return NULL;
    }
    CM_AUTOFREE struct ranked *ranked = rank_members(object);
    struct cm_json **members = cm_new(object->count, sizeof(struct cm_json *));

    for (size_t i = 0; i < object->count; i++) {
        members[i] = ranked[i].member;
    }
    return members;
}

bool cm_json_members_in_order(const struct cm_json *object) {
    const struct cm_json *m = object->first;

    while (m != NULL && m->next != NULL && strcmp(m->key, m->next->key) < 0) {
        m = m->next;
    }
    return m == NULL || m->next == NULL;
}

static struct cm_json *duplicate_of_few(const struct cm_json *object) {
    for (struct cm_json *m = object->first; m != NULL; m = m->next) {
        const struct cm_json *same = object->first;

        while (same->key[0] != m->key[0] || strcmp(same->key, m->key) != 0) {
            same = same->next;
        }
        if (same != m) {
            return m;
        }
    }
    return NULL;
}

static struct cm_json *duplicate_of_many(const struct cm_json *object) {
    CM_AUTOFREE struct ranked *ranked = rank_members(object);

    for (size_t i = 1; i < object->count; i++) {
        if (strcmp(ranked[i - 1].member->key, ranked[i].member->key) == 0) {
            return ranked[i].member;
        }
    }
    return NULL;
}

struct cm_json *cm_json_members_duplicate(const struct cm_json *object) {
    if (object->count <= FEW) {
        return duplicate_of_few(object);
    }
    return cm_json_members_in_order(object) ? NULL : duplicate_of_many(object);
}

void cm_json_members_each_duplicate(const struct cm_json *object,
                                    void (*found)(void *ctx, const struct cm_json *first,
                                                  const struct cm_json *again),
                                    void *ctx) {
    CM_AUTOFREE struct cm_json **sorted = cm_json_members_sorted(object);
    size_t first = 0;

    for (size_t i = 1; i < object->count; i++) {
        if (strcmp(sorted[first]->key, sorted[i]->key) == 0) {
            found(ctx, sorted[first], sorted[i]);
        } else {
            first = i;
        }
    }
}

void cm_json_index_init(struct cm_json_index *index, const struct cm_json *object) {
    *index = (struct cm_json_index){.object = object};
    if (object != NULL && object->type == CM_OBJECT && object->count > FEW) {
        index->sorted = cm_json_members_sorted(object);
    }
}

void cm_json_index_done(struct cm_json_index *index) {
    free(index->sorted);
    *index = (struct cm_json_index){0};
}

static int compare_key(const void *key, const void *member) {
    const struct cm_json *const *m = member;

    return strcmp(key, (*m)->key);
}

struct cm_json *cm_json_index_find(const struct cm_json_index *index, const char *key) {
    if (index->sorted == NULL) {
        return cm_json_get(index->object, key);
    }
    struct cm_json **found =
        bsearch(key, index->sorted, index->object->count, sizeof(struct cm_json *), compare_key);
    return found != NULL ? *found : NULL;
}
