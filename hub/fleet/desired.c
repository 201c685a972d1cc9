// Desired states: what is in force on a cluster, as others see it.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"

// A desired state is one piece of memory; the texts that it shares are counted.
struct desired {
    struct hub_desired public;
    size_t text_count;
    struct cm_buf **texts;
};

struct hub_desired *hub_desired_ref(struct hub_desired *d) {
    d->refs++;
    return d;
}

void hub_desired_unref(struct hub_desired *d) {
    struct desired *own = (struct desired *)(void *)d;

    if (d == NULL || --d->refs > 0) {
        return;
    }
    for (size_t i = 0; i < d->pair_count; i++) {
        hub_bundle_unref(d->pairs[i].bundle);
    }
    for (size_t i = 0; i < own->text_count; i++) {
        cm_buf_unref(own->texts[i]);
    }
    free(own);
}

static const char *share_text(struct desired *d, struct cm_buf *text) {
    d->texts[d->text_count++] = cm_buf_ref(text);
    return (const char *)text->data;
}

static size_t names_size(const struct hub_cluster *c) {
    size_t size = strlen(c->named.name) + 1;

    for (size_t i = 0; i < c->gone_count; i++) {
        size += strlen(c->gone[i].app) + strlen(c->gone[i].account) + 2;
    }
    return size;
}

static size_t count_in_force(const struct hub_cluster *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        count += c->links[i]->version != NULL ? 1 : 0;
    }
    return count;
}

static size_t count_waiting(const struct hub_cluster *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        count += c->links[i]->waits != NULL ? 1 : 0;
    }
    return count;
}

static size_t count_held(const struct hub_cluster *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_version *v = c->links[i]->version;

        count += v != NULL && v->told != NULL ? 1 : 0;
    }
    return count;
}

static size_t count_begins(const struct hub_cluster *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->link_count; i++) {
        count += c->links[i]->begins != NULL ? 1 : 0;
    }
    return count;
}

static const char *put_text(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    const char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static void fill_pairs(struct desired *d, const struct hub_cluster *c, struct hub_pair *pairs) {
    for (size_t i = 0; i < c->link_count; i++) {
        const struct hub_link *link = c->links[i];

        if (link->version == NULL) {
            continue;
        }
        struct hub_bundle *bundle = hub_bundle_ref(link->version->rendered.bundle);
        pairs[d->public.pair_count++] = (struct hub_pair){
            .app = bundle->spec.app,
            .bundle = bundle,
            .revision = share_text(d, link->revision),
            .repo = share_text(d, link->repo),
            .stale = link->stale,
            .waits = link->waits != NULL ? share_text(d, link->waits) : NULL,
            .held = link->version->told != NULL ? share_text(d, link->version->told) : NULL,
            .begins = link->begins != NULL ? share_text(d, link->begins) : NULL,
        };
    }
    d->public.pairs = pairs;
}

struct hub_desired *hub_settle_desired(const struct hub_cluster *c) {
    size_t pair_count = count_in_force(c);
    size_t pairs_size = pair_count * sizeof(struct hub_pair);
    size_t gone_size = c->gone_count * sizeof(struct hub_gone);
    size_t texts = 2 * pair_count + count_waiting(c) + count_held(c) + count_begins(c);
    size_t texts_size = (texts + c->gone_count) * sizeof(struct cm_buf *);
    struct desired *d = cm_new(1, sizeof(*d) + pairs_size + gone_size + texts_size + names_size(c));
    struct hub_pair *pairs = (struct hub_pair *)(void *)(d + 1);
    struct hub_gone *gone = (struct hub_gone *)(void *)((char *)pairs + pairs_size);
    char *text = (char *)gone + gone_size + texts_size;

    d->public.refs = 1;
    d->texts = (struct cm_buf **)(void *)((char *)gone + gone_size);
    d->public.cluster = put_text(&text, c->named.name);
    fill_pairs(d, c, pairs);
    for (size_t i = 0; i < c->gone_count; i++) {
        gone[i] = (struct hub_gone){.app = put_text(&text, c->gone[i].app),
                                    .revision = share_text(d, c->gone[i].revision),
                                    .account = put_text(&text, c->gone[i].account),
                                    .prune = c->gone[i].prune,
                                    .held = c->gone[i].held};
    }
    d->public.gone = gone;
    d->public.gone_count = c->gone_count;
    return &d->public;
}

static const char *copy_text(struct desired *d, const char *text) {
    struct cm_buf *copy = cm_buf_copy(text, strlen(text) + 1);

    d->texts[d->text_count++] = copy;
    return (const char *)copy->data;
}

struct hub_desired *hub_desired_copy(const struct hub_desired *from) {
    size_t pairs_size = from->pair_count * sizeof(struct hub_pair);
    size_t gone_size = from->gone_count * sizeof(struct hub_gone);
    size_t texts = 1 + 5 * from->pair_count + 3 * from->gone_count;
    struct desired *d =
        cm_new(1, sizeof(*d) + pairs_size + gone_size + texts * sizeof(struct cm_buf *));
    struct hub_pair *pairs = (struct hub_pair *)(void *)(d + 1);
    struct hub_gone *gone = (struct hub_gone *)(void *)((char *)pairs + pairs_size);

    d->texts = (struct cm_buf **)(void *)((char *)gone + gone_size);
    d->public = (struct hub_desired){.refs = 1,
                                     .cluster = copy_text(d, from->cluster),
                                     .pairs = pairs,
                                     .pair_count = from->pair_count,
                                     .gone = gone,
                                     .gone_count = from->gone_count};
    for (size_t i = 0; i < from->pair_count; i++) {
        struct hub_bundle *bundle = hub_bundle_ref(from->pairs[i].bundle);

        pairs[i] = (struct hub_pair){
            bundle->spec.app,
            bundle,
            copy_text(d, from->pairs[i].revision),
            copy_text(d, from->pairs[i].repo),
            from->pairs[i].stale,
            from->pairs[i].waits != NULL ? copy_text(d, from->pairs[i].waits) : NULL,
            from->pairs[i].held != NULL ? copy_text(d, from->pairs[i].held) : NULL,
            from->pairs[i].begins != NULL ? copy_text(d, from->pairs[i].begins) : NULL};
    }
    for (size_t i = 0; i < from->gone_count; i++) {
        gone[i] = from->gone[i];
        gone[i].app = copy_text(d, from->gone[i].app);
        gone[i].revision = copy_text(d, from->gone[i].revision);
        gone[i].account = copy_text(d, from->gone[i].account);
    }
    return &d->public;
}

// ---- Comparison

static bool same_pair(const struct hub_pair *a, const struct hub_pair *b) {
    return strcmp(a->app, b->app) == 0 && strcmp(a->revision, b->revision) == 0 &&
           cm_sha256_equal(&a->bundle->sha256, &b->bundle->sha256);
}

static bool same_gone(const struct hub_gone *a, const struct hub_gone *b) {
    return strcmp(a->app, b->app) == 0 && strcmp(a->revision, b->revision) == 0 &&
           strcmp(a->account, b->account) == 0 && a->prune == b->prune && a->held == b->held;
}

bool hub_desired_same_manifest(const struct hub_desired *a, const struct hub_desired *b) {
    if (a->pair_count != b->pair_count || a->gone_count != b->gone_count) {
        return false;
    }
    for (size_t i = 0; i < a->pair_count; i++) {
        if (!same_pair(&a->pairs[i], &b->pairs[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->gone_count; i++) {
        if (!same_gone(&a->gone[i], &b->gone[i])) {
            return false;
        }
    }
    return true;
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool hub_desired_same_marks(const struct hub_desired *a, const struct hub_desired *b) {
    for (size_t i = 0; i < a->pair_count; i++) {
        if (a->pairs[i].stale != b->pairs[i].stale ||
            !same_text(a->pairs[i].waits, b->pairs[i].waits) ||
            !same_text(a->pairs[i].held, b->pairs[i].held) ||
            !same_text(a->pairs[i].begins, b->pairs[i].begins) ||
            strcmp(a->pairs[i].repo, b->pairs[i].repo) != 0) {
            return false;
        }
    }
    return true;
}

static bool same_bytes(const struct hub_desired *a, const struct hub_desired *b) {
    for (size_t i = 0; i < a->pair_count; i++) {
        const struct hub_bundle *left = a->pairs[i].bundle;
        const struct hub_bundle *right = b->pairs[i].bundle;

        if (left != right && hub_bundle_is_whole(left) != hub_bundle_is_whole(right)) {
            return false;
        }
    }
    return true;
}

bool hub_settle_same(const struct hub_desired *a, const struct hub_desired *b) {
    return hub_desired_same_manifest(a, b) && hub_desired_same_marks(a, b) && same_bytes(a, b);
}
