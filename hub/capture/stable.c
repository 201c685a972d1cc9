#include "hub/capture/stable.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"

struct seen {
    char *content;
    int64_t since_ms;
    uint64_t look;
    bool told;
};

struct hub_stable {
    struct cm_map *objects;
    uint64_t look;
    int64_t after_ms;
};

static void free_seen(void *p) {
    struct seen *seen = p;

    free(seen->content);
    free(seen);
}

struct hub_stable *hub_stable_new(int64_t after_ms) {
    struct hub_stable *s = cm_new(1, sizeof(*s));

    s->after_ms = after_ms;
    s->objects = cm_map_new(free_seen);
    return s;
}

void hub_stable_free(struct hub_stable *s) {
    if (s != NULL) {
        cm_map_free(s->objects);
    }
    free(s);
}

void hub_stable_begin(struct hub_stable *s) {
    s->look++;
}

bool hub_stable_see(struct hub_stable *s, const char *key, const char *content, int64_t now_ms) {
    struct seen *seen = cm_map_get(s->objects, key);

    if (seen == NULL || strcmp(seen->content, content) != 0) {
        seen = cm_new(1, sizeof(*seen));
        *seen = (struct seen){.content = cm_strdup(content), .since_ms = now_ms};
        cm_map_put(s->objects, key, seen);
    }
    seen->look = s->look;
    return !seen->told && now_ms - seen->since_ms >= s->after_ms;
}

void hub_stable_end(struct hub_stable *s) {
    CM_AUTOFREE const char **keys = cm_map_keys(s->objects);
    size_t count = cm_map_len(s->objects);

    for (size_t i = 0; i < count; i++) {
        const struct seen *seen = cm_map_get(s->objects, keys[i]);

        if (seen->look != s->look) {
            (void)cm_map_remove(s->objects, keys[i]);
        }
    }
}

void hub_stable_told(struct hub_stable *s, const char *key) {
    struct seen *seen = cm_map_get(s->objects, key);

    if (seen != NULL) {
        seen->told = true;
    }
}

void hub_stable_again(struct hub_stable *s, const char *key, int64_t now_ms) {
    struct seen *seen = cm_map_get(s->objects, key);

    if (seen != NULL) {
        seen->told = false;
        seen->since_ms = now_ms;
    }
}
