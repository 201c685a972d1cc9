#include "agent/plan/desired.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/driver.h"
#include "common/arena.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/object/rules.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

static struct cm_sha256 hash_of(const ProtobufCBinaryData *bytes) {
    struct cm_sha256 hash;

    memcpy(hash.bytes, bytes->data, sizeof(hash.bytes));
    return hash;
}

// is_hash: no SHA-256 is all zeros, and we use that for "none".
static bool is_hash(const ProtobufCBinaryData *bytes) {
    static const uint8_t zeros[CM_SHA256_SIZE];

    return bytes->len == CM_SHA256_SIZE && memcmp(bytes->data, zeros, sizeof(zeros)) != 0;
}

// bundle_size is what a bundle needs: an agent has thousands, so each is of one piece.
static size_t bundle_size(const Holdfast__V1__Bundle *m) {
    size_t size = sizeof(struct agent_bundle) + m->n_entries * sizeof(struct agent_entry) +
                  m->n_depends_on * sizeof(char *) + strlen(m->app) + 1 + strlen(m->namespace_) +
                  1 + strlen(m->account) + 1;

    for (size_t i = 0; i < m->n_entries; i++) {
        size += strlen(m->entries[i]->key) + 1;
    }
    for (size_t i = 0; i < m->n_depends_on; i++) {
        size += strlen(m->depends_on[i]) + 1;
    }
    return size;
}

static const char *copy_text(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    const char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static enum cm_rc copy_entries(struct agent_bundle *b, char **at, const Holdfast__V1__Bundle *m,
                               struct cm_err *err) {
    for (size_t i = 0; i < m->n_entries; i++) {
        const Holdfast__V1__BundleEntry *from = m->entries[i];

        if (from->key[0] == '\0' || !is_hash(&from->sha256) || from->size > WIRE_OBJECT_MAX ||
            from->wave < -AGENT_WAVE_MAX || from->wave > AGENT_WAVE_MAX ||
            (uint32_t)from->phase > AGENT_PHASE_GROUND ||
            (uint32_t)from->hook_delete > AGENT_HOOK_NEVER ||
            from->drift_rules > b->drift_rules_count) {
            return cm_fail(err, CM_EINVAL, "entry %zu of App '%s' is malformed", i, m->app);
        }
        if (i > 0 && strcmp(m->entries[i - 1]->key, from->key) >= 0) {
            return cm_fail(err, CM_EINVAL, "the entries of App '%s' are not sorted at '%s'", m->app,
                           from->key);
        }
        b->entries[i] = (struct agent_entry){.key = copy_text(at, from->key),
                                             .sha256 = hash_of(&from->sha256),
                                             .size = from->size,
                                             .wave = (int16_t)from->wave,
                                             .secret = from->secret,
                                             .keep = from->keep,
                                             .drift_rules = from->drift_rules,
                                             .recreate = from->recreate,
                                             .once = from->once,
                                             .rests = from->rests,
                                             .phase = (uint32_t)from->phase & 15U,
                                             .hook_delete = (uint32_t)from->hook_delete & 15U};
    }
    return CM_OK;
}

// drift_of takes what this version does not know for the mode that changes nothing.
static enum agent_drift drift_of(Holdfast__V1__Drift drift) {
    switch ((int)drift) {
    case HOLDFAST__V1__DRIFT__DRIFT_CORRECT:
        return AGENT_DRIFT_CORRECT;
    case HOLDFAST__V1__DRIFT__DRIFT_OFF:
        return AGENT_DRIFT_OFF;
    default:
        return AGENT_DRIFT_REPORT;
    }
}

// read_health: rules that this version cannot read at all are as good as none.
static void read_health(struct agent_bundle *b, const Holdfast__V1__HealthOptions *m) {
    struct cm_err err;

    if (m == NULL) {
        return;
    }
    b->health_timeout_s = m->timeout_s;
    b->health.addresses = m->addresses;
    b->health.logs = m->logs;
    b->health.goes_back = m->goes_back;
    b->health.holds_undo = m->holds_undo;
    b->health.timeout_s = m->timeout_s;
    if (m->rules.len > 0 &&
        cm_rules_parse((const char *)m->rules.data, m->rules.len, &b->rules, &err) == CM_OK) {
        b->rules_sha256 = cm_sha256(m->rules.data, m->rules.len);
    }
    b->health.rules = b->rules;
}

bool agent_bundle_same_health(const struct agent_bundle *a, const struct agent_bundle *b) {
    return a->health.addresses == b->health.addresses && a->health.logs == b->health.logs &&
           a->health.goes_back == b->health.goes_back &&
           a->health.holds_undo == b->health.holds_undo &&
           a->health.timeout_s == b->health.timeout_s &&
           cm_sha256_equal(&a->rules_sha256, &b->rules_sha256);
}

// propagation_of takes what this version does not know for what is done without a word.
static uint8_t propagation_of(Holdfast__V1__Propagation propagation) {
    switch ((int)propagation) {
    case HOLDFAST__V1__PROPAGATION__PROPAGATION_FOREGROUND:
        return AGENT_PROPAGATION_FOREGROUND;
    case HOLDFAST__V1__PROPAGATION__PROPAGATION_ORPHAN:
        return AGENT_PROPAGATION_ORPHAN;
    default:
        return AGENT_PROPAGATION_BACKGROUND;
    }
}

static const char *const *copy_texts(struct cm_arena *a, char *const *texts, size_t count) {
    const char **copy = cm_arena_get(a, (count + 1) * sizeof(*copy));

    for (size_t i = 0; i < count; i++) {
        copy[i] = cm_arena_strdup(a, texts[i]);
    }
    return copy;
}

// is_over tells whether a rule's time is, and notes until when, or since when, it is so.
static bool is_over(struct agent_bundle *b, const Holdfast__V1__DriftRule *r, int64_t now_ms) {
    bool over = r->until_ms > 0 && r->until_ms <= now_ms;

    if (over && r->until_ms > b->rules_from_ms) {
        b->rules_from_ms = r->until_ms;
    } else if (!over && r->until_ms > 0 && r->until_ms < b->rules_until_ms) {
        b->rules_until_ms = r->until_ms;
    }
    return over;
}

static void copy_list(struct agent_bundle *b, const Holdfast__V1__DriftRules *m, int64_t now_ms,
                      struct agent_drift_rules *out) {
    struct cm_arena *a = b->arena;
    size_t n = 0;

    struct cm_spare_rule *rules = cm_arena_get(a, (m->n_rules + 1) * sizeof(*rules));
    enum agent_drift *modes = cm_arena_get(a, (m->n_rules + 1) * sizeof(*modes));
    bool *captures = cm_arena_get(a, (m->n_rules + 1) * sizeof(*captures));
    enum cm_spare_how *how = cm_arena_get(a, (2 * m->n_rules + 1) * sizeof(*how));

    for (size_t i = 0; i < m->n_rules; i++) {
        const Holdfast__V1__DriftRule *r = m->rules[i];

        if (is_over(b, r, now_ms)) {
            continue;
        }
        rules[n] =
            (struct cm_spare_rule){copy_texts(a, r->fields, r->n_fields), r->n_fields,
                                   copy_texts(a, r->managers, r->n_managers), r->n_managers,
                                   r->owner[0] == '\0' ? NULL : cm_arena_strdup(a, r->owner)};
        modes[n] = drift_of(r->drift);
        captures[n] = r->capture;
        how[n] = agent_drift_correcting(modes[n]);
        how[m->n_rules + n] = r->keep ? CM_SPARE_UNLESS_NEW : agent_drift_applying(modes[n]);
        n++;
    }
    *out = (struct agent_drift_rules){rules, modes, captures, how, how + m->n_rules, n};
}

static void copy_rules(struct agent_bundle *b, const Holdfast__V1__Bundle *m, int64_t now_ms) {
    b->rules_until_ms = INT64_MAX;
    if (m->n_drift_rules == 0 && m->n_shown == 0) {
        return;
    }
    b->arena = cm_arena_new(0);
    b->shown = copy_texts(b->arena, m->shown, m->n_shown);
    b->shown_count = m->n_shown;
    struct agent_drift_rules *lists =
        cm_arena_get(b->arena, (m->n_drift_rules + 1) * sizeof(*lists));
    for (size_t i = 0; i < m->n_drift_rules; i++) {
        copy_list(b, m->drift_rules[i], now_ms, &lists[i]);
    }
    b->drift_rules = lists;
    b->drift_rules_count = m->n_drift_rules;
}

// copy_bundle takes over everything but the entries; *at is where their keys go.
static struct agent_bundle *copy_bundle(const Holdfast__V1__Bundle *m, char **at) {
    struct agent_bundle *b = cm_new(1, bundle_size(m));

    b->refs = 1;
    b->drift = drift_of(m->drift);
    b->prune = m->prune;
    b->suspend = m->suspend;
    b->prune_precious = m->prune_precious;
    b->adopt = m->adopt;
    b->recreate = m->recreate;
    b->propagation = propagation_of(m->propagation);
    read_health(b, m->health);
    // What this version does not know is taken for the mode that takes nothing from anybody.
    b->yields = m->conflicts != HOLDFAST__V1__CONFLICTS__CONFLICTS_FORCE;
    b->entry_count = m->n_entries;
    b->entries = (struct agent_entry *)(void *)b->bytes;
    b->depends_on_count = m->n_depends_on;
    b->depends_on = (const char **)(void *)(b->entries + m->n_entries);
    *at = (char *)(b->depends_on + m->n_depends_on);
    b->app = copy_text(at, m->app);
    b->namespace = copy_text(at, m->namespace_);
    b->account = copy_text(at, m->account);
    for (size_t i = 0; i < m->n_depends_on; i++) {
        b->depends_on[i] = copy_text(at, m->depends_on[i]);
    }
    return b;
}

// ---- Exemptions of the site

static bool says_site(const Holdfast__V1__Bundle *m, const struct cm_sha256 *id) {
    for (size_t i = 0; i < m->n_drift_rules; i++) {
        for (size_t k = 0; k < m->drift_rules[i]->n_rules; k++) {
            const ProtobufCBinaryData *its = &m->drift_rules[i]->rules[k]->site_id;

            if (its->len == CM_SHA256_SIZE && memcmp(its->data, id->bytes, CM_SHA256_SIZE) == 0) {
                return true;
            }
        }
    }
    return false;
}

static Holdfast__V1__DriftRule *rule_of(struct cm_arena *a, const struct agent_exemption *e) {
    Holdfast__V1__DriftRule *r = cm_arena_get(a, sizeof(*r));

    holdfast__v1__drift_rule__init(r);
    if (e->field[0] != '\0') {
        r->fields = cm_arena_get(a, sizeof(*r->fields));
        r->fields[r->n_fields++] = cm_arena_strdup(a, e->field);
    }
    r->drift = HOLDFAST__V1__DRIFT__DRIFT_REPORT;
    r->keep = true;
    return r;
}

// What the site allows of one App.
struct allowing {
    struct cm_arena *arena;
    Holdfast__V1__Bundle *m;
    const struct agent_exemption *of[AGENT_EXEMPTIONS_MAX];
    size_t count;
};

// allow puts rules before those of an entry.
static void allow(struct allowing *w, Holdfast__V1__BundleEntry *entry) {
    Holdfast__V1__Bundle *m = w->m;
    const Holdfast__V1__DriftRules *own =
        entry->drift_rules > 0 ? m->drift_rules[entry->drift_rules - 1] : NULL;
    size_t own_count = own == NULL ? 0 : own->n_rules;
    Holdfast__V1__DriftRules *list = cm_arena_get(w->arena, sizeof(*list));

    holdfast__v1__drift_rules__init(list);
    list->rules = cm_arena_get(w->arena, (w->count + own_count) * sizeof(void *));
    for (size_t i = 0; i < w->count; i++) {
        if (cm_object_key_means(w->of[i]->key, entry->key, m->namespace_)) {
            list->rules[list->n_rules++] = rule_of(w->arena, w->of[i]);
        }
    }
    if (list->n_rules == 0) {
        return;
    }
    if (own_count > 0) {
        memcpy(list->rules + list->n_rules, own->rules, own_count * sizeof(void *));
        list->n_rules += own_count;
    }
    m->drift_rules[m->n_drift_rules++] = list;
    entry->drift_rules = (uint32_t)m->n_drift_rules;
}

static void exempt(struct cm_arena *a, Holdfast__V1__Bundle *m,
                   const struct agent_allowed *allowed) {
    const struct agent_exemption *all = allowed->all;
    struct allowing w = {.arena = a, .m = m};

    for (size_t i = 0; i < allowed->count && w.count < AGENT_EXEMPTIONS_MAX; i++) {
        if (agent_exemption_counts(&all[i]) && strcmp(all[i].app, m->app) == 0 &&
            !says_site(m, &all[i].id)) {
            w.of[w.count++] = &all[i];
        }
    }
    if (w.count == 0) {
        return;
    }
    Holdfast__V1__DriftRules **lists =
        cm_arena_get(a, (m->n_drift_rules + m->n_entries) * sizeof(*lists));
    if (m->n_drift_rules > 0) {
        memcpy(lists, m->drift_rules, m->n_drift_rules * sizeof(*lists));
    }
    m->drift_rules = lists;
    for (size_t i = 0; i < m->n_entries; i++) {
        if (m->entries[i]->drift_rules <= m->n_drift_rules) { // else it is malformed
            allow(&w, m->entries[i]);
        }
    }
}

// copy_site_ids remembers which of the site's own are in Git.
static void copy_site_ids(struct agent_bundle *b, const Holdfast__V1__Bundle *m) {
    size_t most = 0;

    for (size_t i = 0; i < m->n_drift_rules; i++) {
        for (size_t k = 0; k < m->drift_rules[i]->n_rules; k++) {
            most += is_hash(&m->drift_rules[i]->rules[k]->site_id) ? 1 : 0;
        }
    }
    if (most == 0) {
        return;
    }
    struct cm_sha256 *ids = cm_arena_get(b->arena, most * sizeof(*ids));
    for (size_t i = 0; i < m->n_drift_rules; i++) {
        for (size_t k = 0; k < m->drift_rules[i]->n_rules; k++) {
            const ProtobufCBinaryData *id = &m->drift_rules[i]->rules[k]->site_id;

            if (is_hash(id)) {
                ids[b->site_id_count++] = hash_of(id);
            }
        }
    }
    b->site_ids = ids;
}

bool agent_bundle_has_site(const struct agent_bundle *b, const struct cm_sha256 *id) {
    for (size_t i = 0; i < b->site_id_count; i++) {
        if (cm_sha256_equal(&b->site_ids[i], id)) {
            return true;
        }
    }
    return false;
}

// exempted_of names what counts for a bundle and Git does not say itself.
static struct cm_sha256 exempted_of(const struct agent_bundle *b,
                                    const struct agent_allowed *allowed) {
    const struct agent_exemption *all = allowed->all;
    struct cm_sha256 ids[AGENT_EXEMPTIONS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < allowed->count && n < AGENT_EXEMPTIONS_MAX; i++) {
        if (agent_exemption_counts(&all[i]) && strcmp(all[i].app, b->app) == 0 &&
            !agent_bundle_has_site(b, &all[i].id)) {
            ids[n++] = all[i].id;
        }
    }
    return n == 0 ? (struct cm_sha256){{0}} : cm_sha256(ids, n * sizeof(ids[0]));
}

bool agent_bundle_exempts_alike(const struct agent_bundle *b, const struct agent_allowed *allowed) {
    struct cm_sha256 now = exempted_of(b, allowed);

    return cm_sha256_equal(&now, &b->exempted) && allowed->now_ms >= b->rules_from_ms &&
           allowed->now_ms < b->rules_until_ms;
}

// ---- A bundle

enum cm_rc agent_bundle_decode(const void *bytes, size_t size, const struct cm_sha256 *sha256,
                               struct agent_bundle **out, struct cm_err *err) {
    return agent_bundle_decode_exempt(bytes, size, sha256, &(struct agent_allowed){.all = NULL},
                                      out, err);
}

enum cm_rc agent_bundle_decode_exempt(const void *bytes, size_t size,
                                      const struct cm_sha256 *sha256,
                                      const struct agent_allowed *allowed,
                                      struct agent_bundle **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    Holdfast__V1__Bundle *m = NULL;
    enum cm_rc rc =
        WIRE_UNPACK(scratch, Holdfast__V1__Bundle, holdfast__v1__bundle, bytes, size, &m, err);

    if (rc < 0) {
        return rc;
    }
    if (m->version != 1 || m->app[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "a bundle has version %u, this agent knows 1", m->version);
    }
    exempt(scratch, m, allowed);
    char *at = NULL;
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *b = copy_bundle(m, &at);
    b->sha256 = *sha256;
    b->hooks_for = is_hash(&m->hooks_for) ? hash_of(&m->hooks_for) : *sha256;
    copy_rules(b, m, allowed->now_ms);
    copy_site_ids(b, m);
    b->exempted = exempted_of(b, allowed);
    rc = copy_entries(b, &at, m, err);
    if (rc == CM_OK) {
        *out = CM_TAKE(b);
    }
    return rc;
}

struct agent_bundle *agent_bundle_ref(struct agent_bundle *b) {
    b->refs++;
    return b;
}

void agent_bundle_unref(struct agent_bundle *b) {
    if (b == NULL || --b->refs > 0) {
        return;
    }
    cm_rules_free(b->rules);
    cm_arena_free(b->arena);
    free(b);
}

const struct agent_drift_rules *agent_bundle_rules(const struct agent_bundle *b,
                                                   const struct agent_entry *e) {
    static const struct agent_drift_rules none;

    return e->drift_rules == 0 ? &none : &b->drift_rules[e->drift_rules - 1];
}

static bool same_texts(const char *const *a, size_t a_count, const char *const *b, size_t b_count) {
    bool same = a_count == b_count;

    for (size_t i = 0; same && i < a_count; i++) {
        same = strcmp(a[i], b[i]) == 0;
    }
    return same;
}

static bool same_owner(const struct cm_spare_rule *x, const struct cm_spare_rule *y) {
    return x->owner == NULL || y->owner == NULL ? x->owner == y->owner
                                                : strcmp(x->owner, y->owner) == 0;
}

static bool same_list(const struct agent_drift_rules *a, const struct agent_drift_rules *b) {
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        const struct cm_spare_rule *x = &a->rules[i];
        const struct cm_spare_rule *y = &b->rules[i];

        same = a->modes[i] == b->modes[i] && a->captures[i] == b->captures[i] &&
               a->applying[i] == b->applying[i] && same_owner(x, y) &&
               same_texts(x->fields, x->field_count, y->fields, y->field_count) &&
               same_texts(x->managers, x->manager_count, y->managers, y->manager_count);
    }
    return same;
}

bool agent_bundle_same_objects(const struct agent_bundle *a, const struct agent_bundle *b) {
    bool same = a->entry_count == b->entry_count;

    for (size_t i = 0; same && i < a->entry_count; i++) {
        same = strcmp(a->entries[i].key, b->entries[i].key) == 0 &&
               cm_sha256_equal(&a->entries[i].sha256, &b->entries[i].sha256);
    }
    return same;
}

// Lists are numbered in the order of the objects that need them, so the same rules look the same.
bool agent_bundle_same_rules(const struct agent_bundle *a, const struct agent_bundle *b) {
    bool same = a->drift == b->drift && a->drift_rules_count == b->drift_rules_count &&
                same_texts(a->shown, a->shown_count, b->shown, b->shown_count);

    for (size_t i = 0; same && i < a->drift_rules_count; i++) {
        same = same_list(&a->drift_rules[i], &b->drift_rules[i]);
    }
    return same;
}

void agent_bundle_unrefp(struct agent_bundle **b) {
    agent_bundle_unref(*b);
}

static int compare_key_to_entry(const void *key, const void *entry) {
    return strcmp(key, ((const struct agent_entry *)entry)->key);
}

const struct agent_entry *agent_bundle_find(const struct agent_bundle *b, const char *key) {
    return bsearch(key, b->entries, b->entry_count, sizeof(*b->entries), compare_key_to_entry);
}

static void copy_answered(struct agent_desired *d, struct agent_desired_app *app,
                          const Holdfast__V1__ManifestApp *from) {
    struct cm_sha256 *ids = cm_arena_get(d->arena, (from->n_answered + 1) * sizeof(*ids));

    for (size_t i = 0; i < from->n_answered; i++) {
        if (is_hash(&from->answered[i])) {
            ids[app->answered_count++] = hash_of(&from->answered[i]);
        }
    }
    app->answered = ids;
}

static enum cm_rc copy_apps(struct agent_desired *d, const Holdfast__V1__Manifest *m,
                            struct cm_err *err) {
    d->app_count = m->n_apps;
    d->apps = cm_arena_get(d->arena, (m->n_apps + 1) * sizeof(*d->apps));
    for (size_t i = 0; i < m->n_apps; i++) {
        const Holdfast__V1__ManifestApp *from = m->apps[i];

        if (from->name[0] == '\0' || !is_hash(&from->bundle_sha256) ||
            from->bundle_size > WIRE_BLOB_MAX) {
            return cm_fail(err, CM_EINVAL, "App %zu of the manifest is malformed", i);
        }
        if (i > 0 && strcmp(m->apps[i - 1]->name, from->name) >= 0) {
            return cm_fail(err, CM_EINVAL, "the manifest's Apps are not sorted at '%s'",
                           from->name);
        }
        d->apps[i] =
            (struct agent_desired_app){.name = cm_arena_strdup(d->arena, from->name),
                                       .revision = cm_arena_strdup(d->arena, from->revision),
                                       .bundle_sha256 = hash_of(&from->bundle_sha256),
                                       .bundle_size = from->bundle_size};
        copy_answered(d, &d->apps[i], from);
    }
    return CM_OK;
}

static enum cm_rc copy_gone(struct agent_desired *d, const Holdfast__V1__Manifest *m,
                            struct cm_err *err) {
    d->gone = cm_arena_get(d->arena, (m->n_gone + 1) * sizeof(*d->gone));
    for (size_t i = 0; i < m->n_gone; i++) {
        const Holdfast__V1__GoneApp *from = m->gone[i];

        if (from->name[0] == '\0' || (i > 0 && strcmp(m->gone[i - 1]->name, from->name) >= 0)) {
            return cm_fail(err, CM_EINVAL, "the manifest's gone Apps are not sorted at '%s'",
                           from->name);
        }
        if (agent_desired_app(d, from->name) != NULL) {
            return cm_fail(err, CM_EINVAL,
                           "the manifest says of App '%s' both that it is gone "
                           "and that it is there",
                           from->name);
        }
        if (from->held) {
            continue; // as if nothing was said of it
        }
        d->gone[d->gone_count++] =
            (struct agent_gone){.name = cm_arena_strdup(d->arena, from->name),
                                .revision = cm_arena_strdup(d->arena, from->revision),
                                .account = cm_arena_strdup(d->arena, from->account),
                                .prune = from->prune};
    }
    return CM_OK;
}

static enum cm_rc check_manifest(const Holdfast__V1__Manifest *m, const char *cluster_id,
                                 struct cm_err *err) {
    if (m->version != 1) {
        return cm_fail(err, CM_EINVAL, "the manifest has version %u, this agent knows 1",
                       m->version);
    }
    if (strcmp(m->cluster_id, cluster_id) != 0) {
        return cm_fail(err, CM_EINVAL, "the manifest is for cluster '%s', not for '%s'",
                       m->cluster_id, cluster_id);
    }
    return CM_OK;
}

enum cm_rc agent_desired_decode(const void *bytes, size_t size, const char *cluster_id,
                                struct agent_desired **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    Holdfast__V1__Manifest *m = NULL;
    enum cm_rc rc =
        WIRE_UNPACK(scratch, Holdfast__V1__Manifest, holdfast__v1__manifest, bytes, size, &m, err);

    if (rc == CM_OK) {
        rc = check_manifest(m, cluster_id, err);
    }
    if (rc < 0) {
        return rc;
    }
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = cm_new(1, sizeof(*d));
    d->arena = cm_arena_new(0);
    d->sha256 = cm_sha256(bytes, size);
    d->epoch = m->epoch;
    d->generation = m->generation;
    rc = copy_apps(d, m, err);
    if (rc == CM_OK) {
        rc = copy_gone(d, m, err);
    }
    if (rc == CM_OK) {
        *out = CM_TAKE(d);
    }
    return rc;
}

void agent_desired_free(struct agent_desired *d) {
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; d->apps != NULL && i < d->app_count; i++) {
        agent_bundle_unref(d->apps[i].bundle);
    }
    cm_arena_free(d->arena);
    free(d);
}

void agent_desired_freep(struct agent_desired **d) {
    agent_desired_free(*d);
}

enum cm_rc agent_desired_attach(struct agent_desired_app *app, struct agent_bundle *bundle,
                                struct cm_err *err) {
    assert(app->bundle == NULL);
    if (strcmp(app->name, bundle->app) != 0) {
        return cm_fail(err, CM_EINVAL, "the bundle of App '%s' is that of '%s'", app->name,
                       bundle->app);
    }
    app->bundle = agent_bundle_ref(bundle);
    return CM_OK;
}

static int compare_name_to_app(const void *name, const void *app) {
    return strcmp(name, ((const struct agent_desired_app *)app)->name);
}

static struct agent_desired_app *find_app(const struct agent_desired *d, const char *name) {
    return bsearch(name, d->apps, d->app_count, sizeof(*d->apps), compare_name_to_app);
}

const struct agent_desired_app *agent_desired_app(const struct agent_desired *d, const char *name) {
    return find_app(d, name);
}

static int compare_claims(const void *left, const void *right) {
    const struct agent_claim *a = left;
    const struct agent_claim *b = right;
    int order = strcmp(a->entry->key, b->entry->key);

    return order != 0 ? order : strcmp(a->app->name, b->app->name);
}

static void list_claims(struct agent_desired *d) {
    size_t count = 0;

    for (size_t i = 0; i < d->app_count; i++) {
        count += d->apps[i].bundle->entry_count;
    }
    d->claims = cm_arena_get(d->arena, (count + 1) * sizeof(*d->claims));
    for (size_t i = 0; i < d->app_count; i++) {
        for (size_t e = 0; e < d->apps[i].bundle->entry_count; e++) {
            d->claims[d->claim_count++] =
                (struct agent_claim){.entry = &d->apps[i].bundle->entries[e], .app = &d->apps[i]};
        }
    }
    qsort(d->claims, d->claim_count, sizeof(*d->claims), compare_claims);
}

// The hub refuses two Apps that claim one object; should it ever slip through, the first one by
// name has it, and the other stops before it does anything.
static void mark_double_claims(struct agent_desired *d) {
    for (size_t i = 1; i < d->claim_count; i++) {
        const struct agent_claim *owner = agent_desired_claim(d, d->claims[i].entry->key);
        struct agent_desired_app *app = find_app(d, d->claims[i].app->name);

        if (owner->app != app && app->error == NULL) {
            app->error = cm_arena_strf(d->arena, "'%s' is claimed by App '%s' too",
                                       owner->entry->key, owner->app->name);
        }
    }
}

// A walk along dependsOn: where each App stands on it.
enum walk { WALK_NEW, WALK_OPEN, WALK_DONE };

struct walker {
    struct agent_desired *d;
    enum walk *state; // by App
    size_t *path;     // Apps that are open, in order
    size_t *next;     // which dependency of path[i] comes next
    size_t depth;
};

static void mark_circle(struct walker *w, size_t again) {
    size_t begin = w->depth;

    while (w->path[begin - 1] != again) {
        begin--;
    }
    for (size_t i = begin - 1; i < w->depth; i++) {
        struct agent_desired_app *app = &w->d->apps[w->path[i]];
        size_t next = i + 1 < w->depth ? w->path[i + 1] : again;

        if (app->error == NULL) {
            app->error = cm_arena_strf(w->d->arena,
                                       "dependsOn goes in a circle: it needs '%s', which in the "
                                       "end needs '%s'",
                                       w->d->apps[next].name, app->name);
        }
    }
}

static void enter(struct walker *w, size_t app) {
    w->state[app] = WALK_OPEN;
    w->path[w->depth] = app;
    w->next[w->depth] = 0;
    w->depth++;
}

// follow takes the next dependency of the App at the end of the path, or leaves that App.
static void follow(struct walker *w) {
    size_t at = w->path[w->depth - 1];
    const struct agent_bundle *b = w->d->apps[at].bundle;
    size_t n = w->next[w->depth - 1]++;

    if (n >= b->depends_on_count) {
        w->state[at] = WALK_DONE;
        w->depth--;
        return;
    }
    const struct agent_desired_app *to = agent_desired_app(w->d, b->depends_on[n]);
    if (to == NULL) {
        return;
    }
    size_t index = (size_t)(to - w->d->apps);
    if (w->state[index] == WALK_OPEN) {
        mark_circle(w, index);
    } else if (w->state[index] == WALK_NEW) {
        enter(w, index);
    }
}

static void mark_circles(struct agent_desired *d) {
    CM_AUTOFREE enum walk *state = cm_new(d->app_count + 1, sizeof(*state));
    CM_AUTOFREE size_t *path = cm_new(d->app_count + 1, sizeof(*path));
    CM_AUTOFREE size_t *next = cm_new(d->app_count + 1, sizeof(*next));
    struct walker w = {.d = d, .state = state, .path = path, .next = next};

    for (size_t i = 0; i < d->app_count; i++) {
        if (state[i] == WALK_NEW) {
            enter(&w, i);
        }
        while (w.depth > 0) {
            follow(&w);
        }
    }
}

void agent_desired_finish(struct agent_desired *d) {
    assert(d->claims == NULL);
    list_claims(d);
    mark_double_claims(d);
    mark_circles(d);
}

const struct agent_claim *agent_desired_claim(const struct agent_desired *d, const char *key) {
    size_t low = 0;
    size_t high = d->claim_count;

    while (low < high) { // the first claim that is not before the key
        size_t middle = low + (high - low) / 2;

        if (strcmp(d->claims[middle].entry->key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < d->claim_count && strcmp(d->claims[low].entry->key, key) == 0;
    return found ? &d->claims[low] : NULL;
}
