// past_digests.c: what runs behind tags, among what is known of the images of an App.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/hold/image.h"
#include "hub/store/past.h"
#include "hub/store/past_read.h"

#define DIGITS 64

static size_t word_of(const char *words) {
    return strcspn(words, " ");
}

static const char *next_of(const char *words) {
    size_t size = word_of(words);

    return words + size + (words[size] == ' ');
}

static size_t image_of(const char *entry) {
    return strcspn(entry, "@ ");
}

// is_among tells whether images have one, or digests an entry of it.
static bool is_among(const char *image, size_t size, const char *words) {
    for (; *words != '\0'; words = next_of(words)) {
        if (image_of(words) == size && memcmp(words, image, size) == 0) {
            return true;
        }
    }
    return false;
}

bool past_digests_meant(const char *what) {
    return strchr(what, '@') != NULL || strncmp(what, "sha256:", 7) == 0 ||
           (strlen(what) == DIGITS && strspn(what, "0123456789abcdef") == DIGITS);
}

bool past_digests_have(struct past_read *r, const struct past_info *digests, const char *images) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    for (const char *at = digests->images; *at != '\0'; at = next_of(at)) {
        if (is_among(at, image_of(at), images) &&
            hub_image_is(a, r->ask->what, cm_arena_strndup(a, at, word_of(at)))) {
            return true;
        }
    }
    return false;
}

// may_be tells whether an image that is written by tag may be what is asked for.
static bool may_be(struct cm_arena *a, const char *what, const char *image) {
    size_t named = strcspn(what, "@");

    return what[named] == '\0' || named == 0 ||
           hub_image_is(a, cm_arena_strndup(a, what, named), image);
}

bool past_digests_lack(struct past_read *r, const struct past_info *digests, const char *images) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    bool partial = digests->revision[0] != '\0';

    for (const char *at = images; *at != '\0'; at = next_of(at)) {
        size_t size = word_of(at);

        if (memchr(at, '@', size) == NULL &&
            may_be(a, r->ask->what, cm_arena_strndup(a, at, size)) &&
            (partial || !is_among(at, size, digests->images))) {
            return true;
        }
    }
    return false;
}

void past_digests_note(struct past_digests *d, const struct past_info *digests) {
    size_t at = 0;

    while (at < d->count && d->infos[at] != digests) {
        at++;
    }
    if (digests->value != 0 && at == d->count && at < PAST_DIGESTS_MAX) {
        d->infos[d->count++] = digests;
    }
}

static void add(struct past_read *r, struct cm_map *told, const char *entries, const char *images) {
    for (const char *at = entries; *at != '\0'; at = next_of(at)) {
        if (is_among(at, image_of(at), images)) {
            cm_map_put(told, cm_arena_strndup(r->arena, at, word_of(at)), told);
        }
    }
}

void past_digests_set(struct past_read *r, const struct past_digests *d, const char *images,
                      struct cm_json *item) {
    struct cm_map *told = cm_map_new(NULL);
    struct cm_json *list = cm_json_new(r->arena, CM_ARRAY);

    for (size_t i = 0; i < d->count; i++) {
        add(r, told, d->infos[i]->images, images);
    }
    CM_AUTOFREE const char **entries = cm_map_keys(told);
    for (size_t i = 0; i < cm_map_len(told); i++) {
        cm_json_append(list, cm_json_new_string(r->arena, entries[i]));
    }
    if (list->first != NULL) {
        cm_json_set(r->arena, item, "digests", list);
    }
    cm_map_free(told);
}
