#include "hub/access/registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define FORMAT 1
#define LINE_MAX_BYTES ((size_t)16 * 1024)

static void add_line(struct cm_str *out, const struct cm_json *o) {
    cm_json_write_compact(o, out);
    cm_str_add(out, "\n");
}

void hub_registry_write_hub(struct cm_str *out, const char *hub_id, uint64_t epoch) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = cm_json_new(a, CM_OBJECT);

    cm_json_set_int(a, o, "registry", FORMAT);
    cm_json_set_string(a, o, "hub", hub_id);
    cm_json_set_int(a, o, "epoch", (int64_t)epoch);
    add_line(out, o);
}

void hub_registry_write_agent(struct cm_str *out, const struct hub_registered *agent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = cm_json_new(a, CM_OBJECT);
    char key[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&agent->key, key);
    cm_json_set_string(a, o, "id", agent->id);
    cm_json_set_string(a, o, "cluster", agent->cluster);
    cm_json_set_string(a, o, "key", key);
    cm_json_set_string(a, o, "state", agent->state);
    cm_json_set_int(a, o, "at", agent->at_ms);
    cm_json_set_int(a, o, "begins", agent->begins_ms);
    if (agent->held != NULL && agent->held[0] != '\0') {
        cm_sha256_hex(&agent->held_key, key);
        cm_json_set_string(a, o, "held", agent->held);
        cm_json_set_int(a, o, "heldAt", agent->held_ms);
        cm_json_set_string(a, o, "heldKey", key);
    }
    if (agent->approved_ms > 0) {
        cm_json_set_int(a, o, "approved", agent->approved_ms);
    }
    add_line(out, o);
}

static const char *text_of(const struct cm_json *o, const char *member) {
    const char *text = cm_json_string(cm_json_get(o, member));

    return text == NULL ? "" : text;
}

// find_state returns what is meant by a text, NULL if it is no state.
static const char *find_state(const char *text) {
    static const char *const states[] = {"active", "revoked", "superseded"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(text, states[i]) == 0) {
            return states[i];
        }
    }
    return NULL;
}

static enum cm_rc read_hub(struct cm_arena *a, const struct cm_json *o, struct hub_registry *out,
                           struct cm_err *err) {
    int64_t epoch = cm_json_int(cm_json_get(o, "epoch"), 0);

    if (cm_json_int(cm_json_get(o, "registry"), 0) != FORMAT || !cm_uuid_ok(text_of(o, "hub")) ||
        epoch < 1) {
        return cm_fail(err, CM_EINVAL, "it is not the beginning of a hub's registry");
    }
    out->hub_id = cm_arena_strdup(a, text_of(o, "hub"));
    out->epoch = (uint64_t)epoch;
    return CM_OK;
}

static enum cm_rc read_agent(struct cm_arena *a, const struct cm_json *o,
                             struct hub_registered *out, struct cm_err *err) {
    const char *state = find_state(text_of(o, "state"));

    *out = (struct hub_registered){.id = cm_arena_strdup(a, text_of(o, "id")),
                                   .cluster = cm_arena_strdup(a, text_of(o, "cluster")),
                                   .state = state,
                                   .at_ms = cm_json_int(cm_json_get(o, "at"), 0),
                                   .begins_ms = cm_json_int(cm_json_get(o, "begins"), 0),
                                   .held = cm_arena_strdup(a, text_of(o, "held")),
                                   .held_ms = cm_json_int(cm_json_get(o, "heldAt"), 0),
                                   .approved_ms = cm_json_int(cm_json_get(o, "approved"), 0)};
    (void)cm_sha256_parse(text_of(o, "heldKey"), &out->held_key); // else it is zeros
    return cm_uuid_ok(out->id) && out->cluster[0] != '\0' && state != NULL &&
                   cm_sha256_parse(text_of(o, "key"), &out->key)
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "it is no agent");
}

// read_line reads one, the first of which is the hub's. What a line takes besides is freed at once.
static enum cm_rc read_line(struct cm_arena *a, const char *line, size_t size, bool first,
                            struct hub_registry *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *own = cm_arena_new(0);
    struct cm_json *o = NULL;
    enum cm_rc rc = size > LINE_MAX_BYTES ? cm_fail(err, CM_EINVAL, "it is too long")
                                          : cm_json_parse(own, line, size, NULL, &o, err);

    if (rc < 0) {
        return rc;
    }
    if (first) {
        return read_hub(a, o, out, err);
    }
    rc = read_agent(a, o, &out->agents[out->count], err);
    out->count += rc == CM_OK ? 1 : 0;
    return rc;
}

static size_t count_lines(const char *text, size_t size) {
    size_t count = 0;

    for (const char *at = text; at != NULL && size > 0; count++) {
        at = memchr(at, '\n', (size_t)(text + size - at));
        at = at == NULL ? NULL : at + 1;
    }
    return count;
}

// A line at a time, so that no fleet is too large for it.
enum cm_rc hub_registry_read(struct cm_arena *a, const char *text, size_t size,
                             struct hub_registry *out, struct cm_err *err) {
    const char *end = text + size;
    size_t line = 0;

    *out = (struct hub_registry){0};
    if (size == 0 || text[size - 1] != '\n') {
        return cm_fail(err, CM_EINVAL, "the registry is not whole");
    }
    out->agents = cm_arena_get(a, count_lines(text, size) * sizeof(*out->agents));
    for (const char *at = text; at < end; line++) {
        size_t length = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);

        if (read_line(a, at, length, line == 0, out, err) < 0) {
            return cm_wrap(err, "line %zu of the registry", line + 1);
        }
        at += length + 1;
    }
    return CM_OK;
}

static bool is_active(const struct hub_registered *agent) {
    return strcmp(agent->state, "active") == 0;
}

static bool is_held(const struct hub_registered *agent) {
    return is_active(agent) && agent->held[0] != '\0';
}

// lets_in tells whether one lets an agent in that the other one does not.
static bool lets_in(const struct hub_registered *mine, const struct hub_registered *theirs) {
    if (!is_active(mine) || !is_active(theirs)) {
        return is_active(mine);
    }
    return is_held(theirs) && !is_held(mine) && mine->approved_ms < theirs->held_ms;
}

static int compare_ids(const void *a, const void *b) {
    const struct hub_registered *const *x = a;
    const struct hub_registered *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

bool hub_registry_covers(const struct hub_registry *r, const struct hub_registry *other) {
    CM_AUTOFREE const struct hub_registered **mine = cm_new(r->count + 1, sizeof(*mine));
    bool covers = strcmp(r->hub_id, other->hub_id) == 0;

    for (size_t i = 0; i < r->count; i++) {
        mine[i] = &r->agents[i];
    }
    qsort(mine, r->count, sizeof(*mine), compare_ids);
    for (size_t i = 0; covers && i < other->count; i++) {
        const struct hub_registered *theirs = &other->agents[i];
        const struct hub_registered **known =
            bsearch(&theirs, mine, r->count, sizeof(*mine), compare_ids);

        covers = known != NULL && !lets_in(*known, theirs);
    }
    return covers;
}
