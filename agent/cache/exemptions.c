// Changes by hand that the site allows. They are one record, which says all of them.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/mem.h"

enum { TEXTS = 8, COUNTS = 1, GIVEN = 2 };

// texts_of gives the places of its texts, in the order of the record.
static void texts_of(struct agent_exemption *e, const char **texts[TEXTS]) {
    const char **all[TEXTS] = {&e->name,   &e->app,   &e->key,     &e->field,
                               &e->reason, &e->actor, &e->manager, &e->message};

    memcpy(texts, all, sizeof(all));
}

static size_t size_of(const struct agent_exemption *all, size_t count) {
    size_t size = count * sizeof(*all);

    for (size_t i = 0; i < count; i++) {
        struct agent_exemption e = all[i];
        const char **texts[TEXTS];

        texts_of(&e, texts);
        for (size_t k = 0; k < TEXTS; k++) {
            size += strlen(*texts[k]) + 1;
        }
    }
    return size;
}

// copy_one moves *at behind its texts.
static void copy_one(struct agent_exemption *to, const struct agent_exemption *from, char **at) {
    const char **texts[TEXTS];

    *to = *from;
    texts_of(to, texts);
    for (size_t k = 0; k < TEXTS; k++) {
        size_t len = strlen(*texts[k]) + 1;

        *texts[k] = memcpy(*at, *texts[k], len);
        *at += len;
    }
}

static void keep(struct agent_cache *c, const struct agent_exemption *all, size_t count) {
    struct agent_exemption *copy = count == 0 ? NULL : cm_new(1, size_of(all, count));
    char *at = (char *)(copy + count);

    for (size_t i = 0; i < count; i++) {
        copy_one(&copy[i], &all[i], &at);
    }
    free(c->exemptions);
    c->exemptions = copy;
    c->exemption_count = count;
}

static void record(const struct agent_cache *c, struct cm_str *out) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_EXEMPTIONS);

    agent_put_u8(out, (uint8_t)c->exemption_count);
    for (size_t i = 0; i < c->exemption_count; i++) {
        struct agent_exemption e = c->exemptions[i];
        const char **texts[TEXTS];

        agent_put_bytes(out, e.id.bytes, sizeof(e.id.bytes));
        texts_of(&e, texts);
        for (size_t k = 0; k < TEXTS; k++) {
            agent_put_text(out, *texts[k]);
        }
        agent_put_u64(out, (uint64_t)e.until_ms);
        agent_put_u64(out, (uint64_t)e.began_ms);
        agent_put_u64(out, (uint64_t)e.ended_ms);
        agent_put_u8(out, e.given ? GIVEN : COUNTS);
    }
    agent_put_end(out, begin);
}

// An agent from before there were exemptions of sites reads a log that has none.
void agent_exemptions_record(const struct agent_cache *c, struct cm_str *out) {
    if (c->exemption_count > 0) {
        record(c, out);
    }
}

static void read_one(struct agent_reader *r, struct agent_exemption *e) {
    const char **texts[TEXTS];
    size_t size = 0;
    const uint8_t *id = agent_get_bytes(r, &size);

    *e = (struct agent_exemption){.name = ""};
    if (size == sizeof(e->id.bytes)) {
        memcpy(e->id.bytes, id, size);
    } else {
        r->bad = true;
    }
    texts_of(e, texts);
    for (size_t k = 0; k < TEXTS; k++) {
        *texts[k] = agent_get_text(r);
    }
    e->until_ms = (int64_t)agent_get_u64(r);
    e->began_ms = (int64_t)agent_get_u64(r);
    e->ended_ms = (int64_t)agent_get_u64(r);
    e->given = agent_get_u8(r) == GIVEN;
}

bool agent_exemptions_read(struct agent_cache *c, struct agent_reader *r) {
    struct agent_exemption all[AGENT_EXEMPTIONS_MAX];
    size_t count = agent_get_u8(r);

    for (size_t i = 0; !r->bad && count <= AGENT_EXEMPTIONS_MAX && i < count; i++) {
        read_one(r, &all[i]);
    }
    if (r->bad || count > AGENT_EXEMPTIONS_MAX) {
        return false;
    }
    if (c != NULL) {
        keep(c, all, count);
    }
    return true;
}

void agent_cache_set_exemptions(struct agent_cache *c, const struct agent_exemption *all,
                                size_t count) {
    keep(c, all, count < AGENT_EXEMPTIONS_MAX ? count : AGENT_EXEMPTIONS_MAX);
    record(c, &c->open);
}

const struct agent_exemption *agent_cache_exemptions(const struct agent_cache *c, size_t *count) {
    *count = c->exemption_count;
    return c->exemptions;
}
