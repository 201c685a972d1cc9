// What is frozen. It is one record, which says all of it.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/mem.h"

enum { TEXTS = 4 };

static void texts_of(const struct agent_freeze *f, const char *texts[TEXTS]) {
    texts[0] = f->name;
    texts[1] = f->app;
    texts[2] = f->who;
    texts[3] = f->why;
}

static size_t size_of(const struct agent_freeze *all, size_t count) {
    size_t size = count * sizeof(*all);

    for (size_t i = 0; i < count; i++) {
        const char *texts[TEXTS];

        texts_of(&all[i], texts);
        for (size_t k = 0; k < TEXTS; k++) {
            size += strlen(texts[k]) + 1;
        }
    }
    return size;
}

// copy_one moves *at behind its texts.
static void copy_one(struct agent_freeze *to, const struct agent_freeze *from, char **at) {
    const char **own[TEXTS] = {&to->name, &to->app, &to->who, &to->why};
    const char *texts[TEXTS];

    *to = *from;
    texts_of(from, texts);
    for (size_t k = 0; k < TEXTS; k++) {
        size_t len = strlen(texts[k]) + 1;

        *own[k] = memcpy(*at, texts[k], len);
        *at += len;
    }
}

static void keep(struct agent_cache *c, const struct agent_freeze *all, size_t count) {
    struct agent_freeze *copy = count == 0 ? NULL : cm_new(1, size_of(all, count));
    char *at = (char *)(copy + count);

    for (size_t i = 0; i < count; i++) {
        copy_one(&copy[i], &all[i], &at);
    }
    free(c->freezes);
    c->freezes = copy;
    c->freeze_count = count;
}

static void record(const struct agent_cache *c, struct cm_str *out) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_FREEZES);

    agent_put_u8(out, (uint8_t)c->freeze_count);
    for (size_t i = 0; i < c->freeze_count; i++) {
        const struct agent_freeze *f = &c->freezes[i];

        agent_put_text(out, f->name);
        agent_put_text(out, f->app);
        agent_put_text(out, f->who);
        agent_put_text(out, f->why);
        agent_put_u64(out, (uint64_t)f->until_ms);
    }
    agent_put_end(out, begin);
}

// An agent from before there were freezes reads a log that has none.
void agent_freezes_record(const struct agent_cache *c, struct cm_str *out) {
    if (c->freeze_count > 0) {
        record(c, out);
    }
}

bool agent_freezes_read(struct agent_cache *c, struct agent_reader *r) {
    struct agent_freeze all[AGENT_FREEZES_MAX];
    size_t count = agent_get_u8(r);

    for (size_t i = 0; !r->bad && count <= AGENT_FREEZES_MAX && i < count; i++) {
        all[i].name = agent_get_text(r);
        all[i].app = agent_get_text(r);
        all[i].who = agent_get_text(r);
        all[i].why = agent_get_text(r);
        all[i].until_ms = (int64_t)agent_get_u64(r);
    }
    if (r->bad || count > AGENT_FREEZES_MAX) {
        return false;
    }
    if (c != NULL) {
        keep(c, all, count);
    }
    return true;
}

void agent_cache_set_freezes(struct agent_cache *c, const struct agent_freeze *all, size_t count) {
    keep(c, all, count < AGENT_FREEZES_MAX ? count : AGENT_FREEZES_MAX);
    record(c, &c->open);
}

const struct agent_freeze *agent_cache_freezes(const struct agent_cache *c, size_t *count) {
    *count = c->freeze_count;
    return c->freezes;
}
