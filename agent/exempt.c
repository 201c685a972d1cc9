#include "agent/exempt.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/driver.h"
#include "agent/plan/desired.h"
#include "agent/plan/exempt.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum { LOOK_MS = 60000, DAY_MS = 24 * 60 * 60 * 1000 };

// An object at the site.
struct site {
    char *name;
    char *uid;
    char *manager;
    char *spec; // JSON; NULL: it says nothing
    int64_t made_ms;
    struct cm_sha256 id;
    char *refused; // why it is not taken; NULL: it is, or nobody has looked
    int64_t refused_ms;
    bool warned; // that it ends soon
};

struct agent_exempt {
    struct cm_loop *loop;
    struct agent_cache *cache;
    struct agent_exempt_host host;
    struct cm_timer timer;
    struct cm_task task; // settles, and begins again what changed
    bool posted;
    bool stopped;

    struct site *sites; // oldest first
    size_t site_count;
    bool listed; // by this process

    bool connected; // to a hub that takes it
    bool asked;     // by a hub that does not know what there is
    bool owed;      // there is something that it was not told
    uint64_t number;
    uint64_t in_flight; // 0: none
};

static void settle(struct agent_exempt *x);

// ---- Objects

static void site_done(struct site *s) {
    free(s->name);
    free(s->uid);
    free(s->manager);
    free(s->spec);
    free(s->refused);
}

static void drop_sites(struct agent_exempt *x) {
    for (size_t i = 0; i < x->site_count; i++) {
        site_done(&x->sites[i]);
    }
    free(x->sites);
    x->sites = NULL;
    x->site_count = 0;
}

static struct site *find_site(const struct agent_exempt *x, const struct cm_sha256 *id) {
    for (size_t i = 0; i < x->site_count; i++) {
        if (cm_sha256_equal(&x->sites[i].id, id)) {
            return &x->sites[i];
        }
    }
    return NULL;
}

static char *text_of(const struct cm_json *spec) {
    struct cm_str text = {0};

    if (spec == NULL) {
        return NULL;
    }
    cm_json_write_canonical(spec, &text);
    return cm_str_take(&text);
}

// copy_site takes over what was said of the same object before.
static void copy_site(const struct agent_exempt *x, const struct agent_site_object *o,
                      struct site *out) {
    *out = (struct site){.name = cm_strdup(o->name),
                         .uid = cm_strdup(o->uid),
                         .manager = cm_strdup(o->manager),
                         .spec = text_of(o->spec),
                         .made_ms = o->made_ms,
                         .id = agent_exempt_id(o)};
    struct site *before = find_site(x, &out->id);
    if (before != NULL) {
        out->refused = CM_TAKE(before->refused);
        out->refused_ms = before->refused_ms;
        out->warned = before->warned;
    }
}

static int compare_sites(const void *a, const void *b) {
    const struct site *x = a;
    const struct site *y = b;

    return x->made_ms != y->made_ms ? (x->made_ms < y->made_ms ? -1 : 1) : strcmp(x->uid, y->uid);
}

static void say(const struct agent_exempt *x, const struct site *s, bool taken, const char *words) {
    const struct agent_site_object o = {
        .name = s->name, .uid = s->uid, .manager = s->manager, .made_ms = s->made_ms};

    x->host.say(x->host.ctx, &o, taken, words);
}

static void refuse(struct agent_exempt *x, struct site *s, const char *why) {
    if (s->refused != NULL && strcmp(s->refused, why) == 0) {
        return;
    }
    free(s->refused);
    s->refused = cm_strdup(why);
    s->refused_ms = cm_clock_unix_ms();
    x->owed = true;
    cm_log(CM_LOG_WARN, "agent.exemption_refused", why, "exemption", s->name, "manager", s->manager,
           NULL);
    say(x, s, false, why);
}

// ---- What is known

// All that is known, while it is gone through. Texts are the arena's or the cache's.
struct review {
    struct agent_exempt *x;
    struct cm_arena *a;
    int64_t now_ms;
    struct agent_exemption all[AGENT_EXEMPTIONS_MAX];
    size_t count;
    bool changed; // what is on disk
    bool other;   // what is in force
};

static void end(struct review *v, struct agent_exemption *e, const char *why) {
    e->ended_ms = v->now_ms;
    e->message = why;
    v->changed = true;
    v->other = true;
    v->x->owed = true;
    cm_log(CM_LOG_INFO, "agent.exemption_ended", why, "exemption", e->name, "app", e->app, "object",
           e->key, NULL);
}

static bool is_present(const struct review *v, const struct agent_exemption *e) {
    return !v->x->listed || find_site(v->x, &e->id) != NULL;
}

static bool is_told(const struct agent_exempt *x) {
    return x->connected && !x->owed && x->in_flight == 0;
}

// warning_ms: for how long before its end one is warned of it: the last quarter of its time.
static int64_t warning_ms(const struct agent_exemption *e) {
    int64_t part_ms = (e->until_ms - e->began_ms) / 4;

    return part_ms < DAY_MS ? part_ms : DAY_MS;
}

static void warn_of_end(const struct review *v, const struct agent_exemption *e) {
    struct site *s = find_site(v->x, &e->id);
    char until[CM_CLOCK_TEXT_MAX];

    if (s == NULL || s->warned || e->until_ms - v->now_ms > warning_ms(e)) {
        return;
    }
    s->warned = true;
    cm_clock_format(e->until_ms, until);
    CM_AUTOFREE char *words = cm_strf("ends soon, at %s", until);
    cm_log(CM_LOG_WARN, "agent.exemption_ending", words, "exemption", e->name, "app", e->app,
           "object", e->key, NULL);
    say(v->x, s, true, words);
}

// carry_on takes over what was known, and ends what is over.
static void carry_on(struct review *v) {
    size_t count;
    const struct agent_exemption *old = agent_cache_exemptions(v->x->cache, &count);

    for (size_t i = 0; i < count; i++) {
        struct agent_exemption e = old[i];

        if (e.ended_ms == 0 && e.until_ms <= v->now_ms) {
            end(v, &e, "its time is over");
        } else if (e.ended_ms == 0 && !is_present(v, &e)) {
            end(v, &e, "the object was deleted, or says something else now");
        } else if (e.ended_ms == 0) {
            warn_of_end(v, &e);
        }
        if (e.ended_ms != 0 && v->x->listed && !is_present(v, &e) && is_told(v->x)) {
            v->changed = true; // nobody needs it any more
            continue;
        }
        v->all[v->count++] = e;
    }
}

static struct agent_exemption *find(struct review *v, const struct cm_sha256 *id) {
    for (size_t i = 0; i < v->count; i++) {
        if (cm_sha256_equal(&v->all[i].id, id)) {
            return &v->all[i];
        }
    }
    return NULL;
}

static size_t in_force(const struct review *v) {
    size_t n = 0;

    for (size_t i = 0; i < v->count; i++) {
        n += v->all[i].ended_ms == 0 ? 1 : 0;
    }
    return n;
}

static const char *no_room(const struct review *v) {
    if (in_force(v) >= AGENT_EXEMPTIONS_IN_FORCE) {
        return cm_arena_strf(v->a,
                             "%d are in force here already, more there cannot be: delete one that "
                             "is not needed",
                             AGENT_EXEMPTIONS_IN_FORCE);
    }
    return v->count == AGENT_EXEMPTIONS_MAX
               ? "too many came and went of which no hub was told yet: it is taken later"
               : NULL;
}

// no_object says why there is nothing that it could be about.
static const char *no_object(const struct review *v, const struct agent_exemption *e) {
    const struct agent_desired *d = v->x->host.desired(v->x->host.ctx);
    const struct agent_desired_app *app = d == NULL ? NULL : agent_desired_app(d, e->app);

    if (d == NULL) {
        return "the agent does not know yet what shall run here";
    }
    if (app == NULL || app->bundle == NULL) {
        return cm_arena_strf(v->a, "Git has no App '%.80s' on this cluster", e->app);
    }
    for (size_t i = 0; i < app->bundle->entry_count; i++) {
        if (cm_object_key_means(e->key, app->bundle->entries[i].key, app->bundle->namespace)) {
            return NULL;
        }
    }
    return cm_arena_strf(v->a, "the App '%.80s' has no object '%.300s' here", e->app, e->key);
}

static enum cm_rc read_site(struct review *v, const struct site *s, struct agent_exemption *out,
                            struct cm_err *err) {
    struct agent_site_object o = {
        .name = s->name, .uid = s->uid, .manager = s->manager, .made_ms = s->made_ms};
    struct cm_json *spec = NULL;

    if (s->spec != NULL && cm_json_parse(v->a, s->spec, strlen(s->spec), NULL, &spec, err) < 0) {
        return err->code;
    }
    o.spec = spec;
    enum cm_rc rc = agent_exempt_read(v->a, &o, v->now_ms, out, err);
    out->id = s->id; // of the same text
    return rc;
}

static void begin(struct review *v, struct site *s, struct agent_exemption *e) {
    char until[CM_CLOCK_TEXT_MAX];

    e->began_ms = v->now_ms;
    v->all[v->count++] = *e;
    v->changed = true;
    v->other = true;
    v->x->owed = true;
    free(s->refused);
    s->refused = NULL;
    cm_clock_format(e->until_ms, until);
    cm_log(CM_LOG_WARN, "agent.exempted", e->reason, "exemption", e->name, "app", e->app, "object",
           e->key, "field", e->field, "until", until, "by", e->actor, "manager", e->manager, NULL);
    CM_AUTOFREE char *words =
        cm_strf("in force until %s: %.100s of the App '%.80s' is not put right", until,
                e->field[0] != '\0' ? e->field : "the object", e->app);
    say(v->x, s, true, words);
}

static void consider(struct review *v, struct site *s) {
    struct agent_exemption e = {.name = "", .field = ""};
    struct cm_err err;

    if (find(v, &s->id) != NULL) {
        return; // it is in force, or was
    }
    if (read_site(v, s, &e, &err) < 0) {
        refuse(v->x, s, err.msg);
        return;
    }
    const char *why = e.until_ms <= v->now_ms ? "spec.until is over" : no_object(v, &e);
    why = why != NULL ? why : no_room(v);
    if (why != NULL) {
        refuse(v->x, s, why);
    } else {
        begin(v, s, &e);
    }
}

// give_to_git notes which of them Git has.
static void give_to_git(struct review *v) {
    const struct agent_desired *d = v->x->host.desired(v->x->host.ctx);

    for (size_t i = 0; d != NULL && i < v->count; i++) {
        struct agent_exemption *e = &v->all[i];
        const struct agent_desired_app *app = agent_desired_app(d, e->app);

        if (!e->given && app != NULL && app->bundle != NULL &&
            agent_bundle_has_site(app->bundle, &e->id)) {
            e->given = true;
            v->changed = true;
        }
    }
}

// ---- Telling

static ProtobufCBinaryData hash_in(const struct cm_sha256 *hash) {
    return (ProtobufCBinaryData){.len = CM_SHA256_SIZE, .data = (uint8_t *)(uintptr_t)hash->bytes};
}

static char *text_in(const char *text) {
    return (char *)(uintptr_t)text; // packing only reads
}

// pack_one borrows all that it packs.
static Holdfast__V1__SiteExemption *pack_one(struct cm_arena *a, const struct agent_exemption *e) {
    Holdfast__V1__SiteExemption *m = cm_arena_get(a, sizeof(*m));

    holdfast__v1__site_exemption__init(m);
    m->id = hash_in(&e->id);
    m->name = text_in(e->name);
    m->app = text_in(e->app);
    m->key = text_in(e->key);
    m->field = text_in(e->field);
    m->reason = text_in(e->reason);
    m->actor = text_in(e->actor);
    m->manager = text_in(e->manager);
    m->message = text_in(e->message);
    m->until_ms = e->until_ms;
    m->began_ms = e->began_ms;
    m->ended_ms = e->ended_ms;
    m->given = e->given;
    return m;
}

static void pack_refused(const struct agent_exempt *x, struct cm_arena *a,
                         Holdfast__V1__Exempted *m) {
    for (size_t i = 0; i < x->site_count && m->n_exemptions < WIRE_EXEMPTED_MAX; i++) {
        const struct site *s = &x->sites[i];

        if (s->refused != NULL && strlen(s->name) <= WIRE_NAME_MAX) {
            const struct agent_exemption e = {.id = s->id,
                                              .name = s->name,
                                              .app = "",
                                              .key = "",
                                              .field = "",
                                              .reason = "",
                                              .actor = "",
                                              .manager = "",
                                              .message = s->refused,
                                              .ended_ms = s->refused_ms};

            m->exemptions[m->n_exemptions] = pack_one(a, &e);
            m->exemptions[m->n_exemptions++]->id = hash_in(&s->id); // `e` does not last
        }
    }
}

static void tell(struct agent_exempt *x) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Exempted m;
    size_t count;
    const struct agent_exemption *all = agent_cache_exemptions(x->cache, &count);

    if (!x->connected || !x->owed || x->in_flight != 0 || x->stopped) {
        return;
    }
    holdfast__v1__exempted__init(&m);
    m.number = ++x->number;
    m.exemptions = cm_arena_get(a, WIRE_EXEMPTED_MAX * sizeof(void *));
    for (size_t i = 0; i < count && m.n_exemptions < WIRE_EXEMPTED_MAX; i++) {
        m.exemptions[m.n_exemptions++] = pack_one(a, &all[i]);
    }
    pack_refused(x, a, &m);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wire_pack(&m.base);
    if (x->host.send(x->host.ctx, bytes)) {
        x->in_flight = x->number;
        x->owed = false;
    }
}

// on_disk: what was written down may be told.
static void on_disk(void *ctx, const struct cm_err *error) {
    if (error->code == CM_OK) {
        tell(ctx);
    }
}

// ---- Settling

static void look_again(struct agent_exempt *x) {
    size_t count;
    const struct agent_exemption *all = agent_cache_exemptions(x->cache, &count);
    int64_t now_ms = cm_clock_unix_ms();
    int64_t soonest_ms = LOOK_MS;
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (all[i].ended_ms == 0) {
            int64_t left_ms = all[i].until_ms - now_ms;

            any = true;
            soonest_ms = left_ms < soonest_ms ? left_ms : soonest_ms;
        }
    }
    cm_timer_stop(x->loop, &x->timer);
    if (any && !x->stopped) {
        cm_timer_start(x->loop, &x->timer, soonest_ms < 0 ? 0 : soonest_ms);
    }
}

static void finish(struct review *v) {
    struct agent_exempt *x = v->x;

    if (v->changed) {
        agent_cache_set_exemptions(x->cache, v->all, v->count);
        agent_cache_commit(x->cache, on_disk, x);
    }
    look_again(x);
    if (v->other) {
        x->host.changed(x->host.ctx);
    }
    tell(x);
}

static void settle(struct agent_exempt *x) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE struct review *v = cm_new(1, sizeof(*v));

    *v = (struct review){.x = x, .a = a, .now_ms = cm_clock_unix_ms()};
    carry_on(v);
    for (size_t i = 0; i < x->site_count; i++) {
        consider(v, &x->sites[i]);
    }
    give_to_git(v);
    finish(v);
}

static void run_settle(void *ctx) {
    struct agent_exempt *x = ctx;

    x->posted = false;
    if (!x->stopped) {
        settle(x);
    }
}

// run_timer: the task may be posted as well, for whoever comes into force in the same moment.
static void run_timer(void *ctx) {
    settle(ctx);
}

// settle_soon: whoever calls is not to meet with manifests that come into force.
static void settle_soon(struct agent_exempt *x) {
    if (!x->posted && !x->stopped) {
        x->posted = true;
        cm_loop_post(x->loop, &x->task);
    }
}

// ---- From outside

struct agent_exempt *agent_exempt_new(struct cm_loop *loop, struct agent_cache *cache,
                                      const struct agent_exempt_host *host) {
    struct agent_exempt *x = cm_new(1, sizeof(*x));

    *x = (struct agent_exempt){.loop = loop, .cache = cache, .host = *host};
    x->timer = (struct cm_timer){.run = run_timer, .ctx = x};
    x->task = (struct cm_task){.run = run_settle, .ctx = x};
    return x;
}

void agent_exempt_free(struct agent_exempt *x) {
    if (x != NULL) {
        drop_sites(x);
    }
    free(x);
}

void agent_exempt_start(struct agent_exempt *x) {
    CM_AUTOFREE struct review *v = cm_new(1, sizeof(*v));

    *v = (struct review){.x = x, .now_ms = cm_clock_unix_ms()};
    carry_on(v);
    v->other = false; // nothing is in force yet
    finish(v);
}

void agent_exempt_stop(struct agent_exempt *x) {
    x->stopped = true;
    cm_timer_stop(x->loop, &x->timer);
}

void agent_exempt_found(struct agent_exempt *x, const struct agent_site_object *all, size_t count) {
    count = count < AGENT_SITE_OBJECTS_MAX ? count : AGENT_SITE_OBJECTS_MAX;
    struct site *sites = cm_new(count + 1, sizeof(*sites));

    for (size_t i = 0; i < count; i++) {
        copy_site(x, &all[i], &sites[i]);
    }
    qsort(sites, count, sizeof(*sites), compare_sites);
    drop_sites(x);
    x->sites = sites;
    x->site_count = count;
    x->listed = true;
    x->owed = x->owed || x->asked;
    settle_soon(x);
}

void agent_exempt_in_force(struct agent_exempt *x) {
    size_t count;

    (void)agent_cache_exemptions(x->cache, &count);
    if (count > 0 || x->site_count > 0) {
        x->owed = x->owed || count > 0; // the hub answers what has become of them in Git
        settle_soon(x);
    }
}

void agent_exempt_connected(struct agent_exempt *x, bool takes, bool full) {
    size_t count;

    (void)agent_cache_exemptions(x->cache, &count);
    x->connected = takes;
    x->asked = full;
    x->in_flight = 0;
    x->owed = x->owed || count > 0 || (full && x->listed);
    tell(x);
}

void agent_exempt_disconnected(struct agent_exempt *x) {
    x->connected = false;
    x->owed = x->owed || x->in_flight != 0;
    x->in_flight = 0;
}

void agent_exempt_can_send(struct agent_exempt *x) {
    tell(x);
}

static bool is_among(const struct cm_sha256 *id, const struct cm_sha256 *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (cm_sha256_equal(&list[i], id)) {
            return true;
        }
    }
    return false;
}

void agent_exempt_acked(struct agent_exempt *x, uint64_t number, const struct cm_sha256 *over,
                        size_t count) {
    CM_AUTOFREE struct review *v = NULL;

    if (number != x->in_flight || number == 0 || x->stopped) {
        return;
    }
    x->in_flight = 0;
    v = cm_new(1, sizeof(*v));
    *v = (struct review){.x = x, .now_ms = cm_clock_unix_ms()};
    carry_on(v);
    for (size_t i = 0; i < v->count; i++) {
        struct agent_exemption *e = &v->all[i];
        struct site *s = find_site(x, &e->id);

        if (e->ended_ms == 0 && is_among(&e->id, over, count)) {
            end(v, e, "Git does not have it any more");
            if (s != NULL) {
                say(x, s, false, "has ended: Git does not have it any more");
            }
        }
    }
    if (v->changed) {
        settle_soon(x); // there may be room for what was refused
    }
    finish(v);
}
