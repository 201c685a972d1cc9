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

// is_among tells whether words have an image, of each as much as counts.
static bool is_among(const char *image, size_t size, const char *words,
                     size_t (*counts)(const char *word)) {
    for (; *words != '\0'; words = next_of(words)) {
        if (counts(words) == size && memcmp(words, image, size) == 0) {
            return true;
        }
    }
    return false;
}

// runs tells whether an entry's image is among those that run: by tag, for behind one that is
// written with a digest nothing else is.
static bool runs(const char *entry, const char *images) {
    return is_among(entry, image_of(entry), images, word_of);
}

bool past_digests_meant(const char *what) {
    return strchr(what, '@') != NULL || strncmp(what, "sha256:", 7) == 0 ||
           (strlen(what) == DIGITS && strspn(what, "0123456789abcdef") == DIGITS);
}

bool past_digests_have(struct past_read *r, const struct past_info *digests, const char *images) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    for (const char *at = digests->images; *at != '\0'; at = next_of(at)) {
        if (runs(at, images) &&
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
            (partial || !is_among(at, size, digests->images, image_of))) {
            return true;
        }
    }
    return false;
}

static void grow(struct past_read *r, struct past_digests *d) {
    const struct past_info **infos =
        cm_arena_get(r->arena, (d->count * 2 + 1) * sizeof(const struct past_info *));

    if (d->count > 0) {
        memcpy(infos, d->infos, d->count * sizeof(const struct past_info *));
    }
    d->infos = infos;
    d->room = d->count * 2 + 1;
}

void past_digests_note(struct past_read *r, struct past_digests *d,
                       const struct past_info *digests) {
    size_t at = d->count;

    while (at > 0 && d->infos[at - 1] != digests) {
        at--;
    }
    if (digests->value == 0 || at > 0) {
        return;
    }
    if (d->count == PAST_DIGESTS_MAX) {
        d->more = true;
        return;
    }
    if (d->count == d->room) {
        grow(r, d);
    }
    d->infos[d->count++] = digests;
}

// add tells whether there was room for all.
static bool add(struct past_read *r, struct cm_map *told, const char *entries, const char *images) {
    bool all = true;

    for (const char *at = entries; *at != '\0'; at = next_of(at)) {
        const char *entry = cm_arena_strndup(r->arena, at, word_of(at));

        if (!runs(at, images) || cm_map_get(told, entry) != NULL) {
            continue;
        }
        if (cm_map_len(told) < PAST_DIGESTS_MAX) {
            cm_map_put(told, entry, told);
        } else {
            all = false;
        }
    }
    return all;
}

void past_digests_set(struct past_read *r, const struct past_digests *d, const char *images,
                      struct cm_json *item) {
    struct cm_map *told = cm_map_new(NULL);
    struct cm_json *list = cm_json_new(r->arena, CM_ARRAY);
    bool more = d->more;

    for (size_t i = 0; i < d->count; i++) {
        more = !add(r, told, d->infos[i]->images, images) || more;
    }
    CM_AUTOFREE const char **entries = cm_map_keys(told);
    for (size_t i = 0; i < cm_map_len(told); i++) {
        cm_json_append(list, cm_json_new_string(r->arena, entries[i]));
    }
    if (list->first != NULL) {
        cm_json_set(r->arena, item, "digests", list);
    }
    if (more) {
        cm_json_set_bool(r->arena, item, "digestsMore", true);
    }
    cm_map_free(told);
}
