#include "hub/render/bundle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

// protobuf-c's fields are not const, though packing only reads them.
static char *unconst(const char *text) {
    return (char *)(uintptr_t)text;
}

static const char *rules_of(const struct hub_bundle_spec *spec) {
    return spec->health.rules == NULL ? "" : spec->health.rules;
}

// encode_health puts into the message what is said of health, if anything is.
static void encode_health(const struct hub_bundle_spec *spec, Holdfast__V1__HealthOptions *out,
                          Holdfast__V1__Bundle *message) {
    const struct hub_health *h = &spec->health;
    const char *rules = rules_of(spec);

    holdfast__v1__health_options__init(out);
    out->timeout_s = h->timeout_s;
    out->addresses = h->addresses;
    out->logs = h->logs;
    out->goes_back = h->goes_back;
    out->holds_undo = h->holds_undo;
    out->rules.len = strlen(rules);
    out->rules.data = (uint8_t *)unconst(rules);
    bool any = h->timeout_s > 0 || h->addresses || h->logs || h->goes_back || h->holds_undo;
    message->health = any || out->rules.len > 0 ? out : NULL;
}

static Holdfast__V1__DriftRule *encode_rule(struct cm_arena *a, const struct hub_drift_rule *r) {
    Holdfast__V1__DriftRule *m = cm_arena_get(a, sizeof(*m));

    holdfast__v1__drift_rule__init(m);
    m->drift = (Holdfast__V1__Drift)r->drift;
    m->n_fields = r->field_count;
    m->fields = (char **)(uintptr_t)r->fields;
    m->n_managers = r->manager_count;
    m->managers = (char **)(uintptr_t)r->managers;
    m->capture = r->capture;
    m->keep = r->keep;
    m->until_ms = r->until_ms;
    if (r->site != NULL) {
        m->site_id.len = sizeof(r->site->bytes);
        m->site_id.data = (uint8_t *)(uintptr_t)r->site->bytes;
    }
    if (r->owner != NULL) {
        m->owner = unconst(r->owner);
    }
    return m;
}

static Holdfast__V1__DriftRules *encode_list(struct cm_arena *a, const struct hub_drift_list *l) {
    Holdfast__V1__DriftRules *m = cm_arena_get(a, sizeof(*m));

    holdfast__v1__drift_rules__init(m);
    m->rules = cm_arena_get(a, (l->count + 1) * sizeof(void *));
    for (; m->n_rules < l->count; m->n_rules++) {
        m->rules[m->n_rules] = encode_rule(a, &l->rules[m->n_rules]);
    }
    return m;
}

static void encode_lists(struct cm_arena *a, const struct hub_bundle_spec *spec,
                         Holdfast__V1__Bundle *m) {
    m->drift_rules = cm_arena_get(a, (spec->drift_list_count + 1) * sizeof(void *));
    for (; m->n_drift_rules < spec->drift_list_count; m->n_drift_rules++) {
        m->drift_rules[m->n_drift_rules] = encode_list(a, &spec->drift_lists[m->n_drift_rules]);
    }
}

static bool is_zero(const struct cm_sha256 *hash) {
    static const struct cm_sha256 zeros;

    return cm_sha256_equal(hash, &zeros);
}

const struct cm_sha256 *hub_bundle_hooks_for(const struct hub_bundle *b) {
    return is_zero(&b->spec.hooks_for) ? &b->sha256 : &b->spec.hooks_for;
}

static struct cm_buf *encode(const struct hub_bundle_spec *spec) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    Holdfast__V1__Bundle message;
    Holdfast__V1__HealthOptions health;
    CM_AUTOFREE Holdfast__V1__BundleEntry *entries =
        cm_new(spec->object_count + 1, sizeof(*entries));
    CM_AUTOFREE Holdfast__V1__BundleEntry **list = cm_new(spec->object_count + 1, sizeof(*list));

    for (size_t i = 0; i < spec->object_count; i++) {
        const struct hub_object *object = &spec->objects[i];

        holdfast__v1__bundle_entry__init(&entries[i]);
        entries[i].key = unconst(object->key);
        entries[i].sha256.len = sizeof(object->sha256.bytes);
        entries[i].sha256.data = (uint8_t *)(uintptr_t)object->sha256.bytes;
        entries[i].size = object->bytes != NULL ? (uint32_t)object->bytes->size : object->size;
        entries[i].secret = object->secret;
        entries[i].keep = object->keep;
        entries[i].rests = object->rests;
        entries[i].drift_rules = object->drift_list;
        entries[i].recreate = object->care.recreate;
        entries[i].once = object->care.once;
        entries[i].wave = object->order.wave;
        entries[i].phase = (Holdfast__V1__Phase)object->order.phase;
        entries[i].hook_delete = (Holdfast__V1__HookDelete)object->order.hook_delete;
        list[i] = &entries[i];
    }
    holdfast__v1__bundle__init(&message);
    message.version = 1;
    message.app = unconst(spec->app);
    message.namespace_ = unconst(spec->namespace);
    message.drift = (Holdfast__V1__Drift)spec->drift;
    message.prune = spec->prune;
    message.suspend = spec->suspend;
    message.adopt = spec->adopt;
    message.prune_precious = spec->prune_precious;
    message.conflicts = (Holdfast__V1__Conflicts)spec->conflicts;
    message.recreate = spec->recreate;
    message.propagation = (Holdfast__V1__Propagation)spec->propagation;
    encode_health(spec, &health, &message);
    message.account = unconst(spec->account);
    if (!is_zero(&spec->hooks_for)) {
        message.hooks_for.len = sizeof(spec->hooks_for.bytes);
        message.hooks_for.data = (uint8_t *)(uintptr_t)spec->hooks_for.bytes;
    }
    message.n_depends_on = spec->depends_on_count;
    message.depends_on = (char **)(uintptr_t)spec->depends_on;
    message.n_shown = spec->shown_count;
    message.shown = (char **)(uintptr_t)spec->shown;
    message.n_entries = spec->object_count;
    message.entries = list;
    encode_lists(arena, spec, &message);
    return wire_pack(&message.base);
}

static size_t text_size(const struct hub_bundle_spec *spec) {
    size_t size = strlen(spec->app) + 1 + strlen(spec->namespace) + 1 + strlen(rules_of(spec)) + 1 +
                  strlen(spec->account) + 1;

    for (size_t i = 0; i < spec->depends_on_count; i++) {
        size += strlen(spec->depends_on[i]) + 1;
    }
    for (size_t i = 0; i < spec->object_count; i++) {
        size += strlen(spec->objects[i].key) + 1;
    }
    return size;
}

static const char *put_text(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    const char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

static int compare_hashes(const struct cm_sha256 *a, const struct cm_sha256 *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare_places(const void *a, const void *b, void *ctx) {
    const struct hub_object *objects = ctx;

    return compare_hashes(&objects[*(const uint32_t *)a].sha256,
                          &objects[*(const uint32_t *)b].sha256);
}

static void sort_places(uint32_t *places, struct hub_object *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        places[i] = (uint32_t)i;
    }
    qsort_r(places, count, sizeof(*places), compare_places, objects);
}

static const char *const *copy_texts(struct cm_arena *a, const char *const *texts, size_t count) {
    const char **copy = cm_arena_get(a, (count + 1) * sizeof(*copy));

    for (size_t i = 0; i < count; i++) {
        copy[i] = cm_arena_strdup(a, texts[i]);
    }
    return copy;
}

static const struct hub_drift_rule *copy_rules(struct cm_arena *a,
                                               const struct hub_drift_list *list) {
    struct hub_drift_rule *copy = cm_arena_get(a, (list->count + 1) * sizeof(*copy));

    for (size_t i = 0; i < list->count; i++) {
        const struct hub_drift_rule *r = &list->rules[i];

        copy[i] = *r;
        copy[i].fields = copy_texts(a, r->fields, r->field_count);
        copy[i].managers = copy_texts(a, r->managers, r->manager_count);
        copy[i].owner = r->owner == NULL ? NULL : cm_arena_strdup(a, r->owner);
    }
    return copy;
}

static void copy_lists(struct hub_bundle *b, const struct hub_bundle_spec *spec) {
    if (spec->drift_list_count == 0 && spec->shown_count == 0) {
        return;
    }
    b->arena = cm_arena_new(0);
    b->spec.shown = copy_texts(b->arena, spec->shown, spec->shown_count);
    struct hub_drift_list *lists =
        cm_arena_get(b->arena, (spec->drift_list_count + 1) * sizeof(*lists));
    for (size_t i = 0; i < spec->drift_list_count; i++) {
        lists[i].rules = copy_rules(b->arena, &spec->drift_lists[i]);
        lists[i].count = spec->drift_lists[i].count;
    }
    b->spec.drift_lists = lists;
}

// copy_spec makes the bundle with its lists and texts behind it in one piece of memory.
static struct hub_bundle *copy_spec(const struct hub_bundle_spec *spec) {
    size_t objects_size = spec->object_count * sizeof(struct hub_object);
    size_t depends_size = spec->depends_on_count * sizeof(char *);
    size_t places_size = spec->object_count * sizeof(uint32_t);
    struct hub_bundle *b =
        cm_new(1, sizeof(*b) + objects_size + depends_size + places_size + text_size(spec));
    struct hub_object *objects = (struct hub_object *)(void *)(b + 1);
    const char **depends_on = (const char **)(void *)((char *)(b + 1) + objects_size);
    uint32_t *places = (uint32_t *)(void *)((char *)(b + 1) + objects_size + depends_size);
    char *text = (char *)places + places_size;

    b->refs = 1;
    b->spec = *spec;
    b->spec.app = put_text(&text, spec->app);
    b->spec.namespace = put_text(&text, spec->namespace);
    b->spec.health.rules = put_text(&text, rules_of(spec));
    b->spec.account = put_text(&text, spec->account);
    for (size_t i = 0; i < spec->depends_on_count; i++) {
        depends_on[i] = put_text(&text, spec->depends_on[i]);
    }
    for (size_t i = 0; i < spec->object_count; i++) {
        objects[i] = spec->objects[i];
        objects[i].key = put_text(&text, spec->objects[i].key);
        if (objects[i].bytes != NULL) {
            (void)cm_buf_ref(objects[i].bytes);
        }
    }
    b->spec.depends_on = depends_on;
    b->spec.objects = objects;
    sort_places(places, objects, spec->object_count);
    b->by_name = places;
    copy_lists(b, spec);
    return b;
}

struct hub_bundle *hub_bundle_new(const struct hub_bundle_spec *spec) {
    struct hub_bundle *b = copy_spec(spec);

    b->bytes = encode(&b->spec);
    b->sha256 = cm_sha256(b->bytes->data, b->bytes->size);
    return b;
}

static enum cm_rc decode_objects(const Holdfast__V1__Bundle *message, struct hub_object *objects,
                                 struct cm_err *err) {
    for (size_t i = 0; i < message->n_entries; i++) {
        const Holdfast__V1__BundleEntry *entry = message->entries[i];

        if (entry->sha256.len != CM_SHA256_SIZE) {
            return cm_fail(err, CM_EINVAL, "the bundle's object '%.200s' has no SHA-256",
                           entry->key);
        }
        if (i > 0 && strcmp(message->entries[i - 1]->key, entry->key) >= 0) {
            return cm_fail(err, CM_EINVAL, "the bundle's objects are not sorted at '%.200s'",
                           entry->key);
        }
        objects[i].key = entry->key;
        objects[i].size = entry->size;
        objects[i].secret = entry->secret;
        objects[i].keep = entry->keep;
        objects[i].rests = entry->rests;
        objects[i].drift_list = entry->drift_rules;
        objects[i].care = (struct hub_care){.recreate = entry->recreate, .once = entry->once};
        objects[i].order = (struct hub_order){.wave = (int16_t)entry->wave,
                                              .phase = (uint8_t)entry->phase,
                                              .hook_delete = (uint8_t)entry->hook_delete};
        memcpy(objects[i].sha256.bytes, entry->sha256.data, CM_SHA256_SIZE);
    }
    return CM_OK;
}

static struct cm_sha256 hash_or_zeros(const ProtobufCBinaryData *bytes) {
    struct cm_sha256 hash = {{0}};

    if (bytes->len == sizeof(hash.bytes)) {
        memcpy(hash.bytes, bytes->data, sizeof(hash.bytes));
    }
    return hash;
}

static struct hub_health decode_health(struct cm_arena *a,
                                       const Holdfast__V1__HealthOptions *message) {
    if (message == NULL) {
        return (struct hub_health){.rules = ""};
    }
    return (struct hub_health){
        .timeout_s = message->timeout_s,
        .addresses = message->addresses,
        .logs = message->logs,
        .goes_back = message->goes_back,
        .holds_undo = message->holds_undo,
        .rules = message->rules.len == 0
                     ? ""
                     : cm_arena_strndup(a, (const char *)message->rules.data, message->rules.len)};
}

static const struct cm_sha256 *site_of(struct cm_arena *a, const Holdfast__V1__DriftRule *m) {
    struct cm_sha256 *site;

    if (m->site_id.len != sizeof(site->bytes)) {
        return NULL;
    }
    site = cm_arena_get(a, sizeof(*site));
    memcpy(site->bytes, m->site_id.data, sizeof(site->bytes));
    return site;
}

static void decode_list(struct cm_arena *a, const Holdfast__V1__DriftRules *m,
                        struct hub_drift_list *out) {
    struct hub_drift_rule *rules = cm_arena_get(a, (m->n_rules + 1) * sizeof(*rules));

    for (size_t i = 0; i < m->n_rules; i++) {
        rules[i] = (struct hub_drift_rule){
            .fields = (const char *const *)m->rules[i]->fields,
            .field_count = m->rules[i]->n_fields,
            .managers = (const char *const *)m->rules[i]->managers,
            .manager_count = m->rules[i]->n_managers,
            .owner = m->rules[i]->owner[0] == '\0' ? NULL : m->rules[i]->owner,
            .drift = (enum hub_drift)m->rules[i]->drift,
            .capture = m->rules[i]->capture,
            .keep = m->rules[i]->keep,
            .until_ms = m->rules[i]->until_ms,
            .site = site_of(a, m->rules[i]),
        };
    }
    *out = (struct hub_drift_list){rules, m->n_rules};
}

static const struct hub_drift_list *decode_lists(struct cm_arena *a,
                                                 const Holdfast__V1__Bundle *m) {
    struct hub_drift_list *lists = cm_arena_get(a, (m->n_drift_rules + 1) * sizeof(*lists));

    for (size_t i = 0; i < m->n_drift_rules; i++) {
        decode_list(a, m->drift_rules[i], &lists[i]);
    }
    return lists;
}

static void find_objects(struct hub_object *objects, size_t count,
                         struct cm_buf *(*find)(void *ctx, const struct cm_sha256 *name),
                         void *ctx) {
    for (size_t i = 0; i < count && find != NULL; i++) {
        objects[i].bytes = find(ctx, &objects[i].sha256);
    }
}

static void unref_objects(const struct hub_object *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        cm_buf_unref(objects[i].bytes);
    }
}

enum cm_rc hub_bundle_decode(struct cm_buf *bytes,
                             struct cm_buf *(*find)(void *ctx, const struct cm_sha256 *name),
                             void *ctx, struct hub_bundle **out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    Holdfast__V1__Bundle *message;
    enum cm_rc rc = WIRE_UNPACK(arena, Holdfast__V1__Bundle, holdfast__v1__bundle, bytes->data,
                                bytes->size, &message, err);

    if (rc < 0) {
        return cm_wrap(err, "read a bundle");
    }
    if (message->version != 1 || message->drift > HOLDFAST__V1__DRIFT__DRIFT_OFF ||
        message->conflicts > HOLDFAST__V1__CONFLICTS__CONFLICTS_FAIL ||
        message->propagation > HOLDFAST__V1__PROPAGATION__PROPAGATION_ORPHAN) {
        return cm_fail(err, CM_EINVAL, "the bundle has version %u, which this program cannot read",
                       (unsigned)message->version);
    }
    CM_AUTOFREE struct hub_object *objects = cm_new(message->n_entries + 1, sizeof(*objects));
    rc = decode_objects(message, objects, err);
    if (rc < 0) {
        return rc;
    }
    find_objects(objects, message->n_entries, find, ctx);
    struct hub_bundle *b = copy_spec(&(struct hub_bundle_spec){
        .app = message->app,
        .namespace = message->namespace_,
        .drift = (enum hub_drift)message->drift,
        .prune = message->prune,
        .suspend = message->suspend,
        .adopt = message->adopt,
        .prune_precious = message->prune_precious,
        .conflicts = (enum hub_conflicts)message->conflicts,
        .recreate = message->recreate,
        .propagation = (enum hub_propagation)message->propagation,
        .health = decode_health(arena, message->health),
        .account = message->account,
        .depends_on = (const char *const *)message->depends_on,
        .depends_on_count = message->n_depends_on,
        .shown = (const char *const *)message->shown,
        .shown_count = message->n_shown,
        .drift_lists = decode_lists(arena, message),
        .drift_list_count = message->n_drift_rules,
        .objects = objects,
        .object_count = message->n_entries,
        .hooks_for = hash_or_zeros(&message->hooks_for),
    });
    unref_objects(objects, message->n_entries); // the bundle has its own references
    b->bytes = cm_buf_ref(bytes);
    b->sha256 = cm_sha256(bytes->data, bytes->size);
    *out = b;
    return CM_OK;
}

// The encoded form is what is turned: it knows how large objects are whose bytes are missing.
struct hub_bundle *hub_bundle_turn(const struct hub_bundle *b) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct hub_bundle_spec spec = b->spec;
    Holdfast__V1__Bundle *message = NULL;
    struct cm_err err;
    enum cm_rc rc = WIRE_UNPACK(arena, Holdfast__V1__Bundle, holdfast__v1__bundle, b->bytes->data,
                                b->bytes->size, &message, &err);

    assert(rc == CM_OK); // it was encoded or decoded here
    (void)rc;
    message->suspend = !message->suspend;
    spec.suspend = !spec.suspend;
    struct hub_bundle *turned = copy_spec(&spec);
    turned->bytes = wire_pack(&message->base);
    turned->sha256 = cm_sha256(turned->bytes->data, turned->bytes->size);
    return turned;
}

bool hub_bundle_differs(const struct hub_bundle *a, const struct hub_bundle *b) {
    if (a->spec.suspend == b->spec.suspend) {
        return !cm_sha256_equal(&a->sha256, &b->sha256);
    }
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *turned = hub_bundle_turn(b);
    return !cm_sha256_equal(&a->sha256, &turned->sha256);
}

struct hub_bundle *hub_bundle_ref(struct hub_bundle *b) {
    b->refs++;
    return b;
}

void hub_bundle_unref(struct hub_bundle *b) {
    if (b == NULL || --b->refs > 0) {
        return;
    }
    unref_objects(b->spec.objects, b->spec.object_count);
    cm_buf_unref(b->bytes);
    cm_arena_free(b->arena);
    free(b);
}

void hub_bundle_unrefp(struct hub_bundle **b) {
    hub_bundle_unref(*b);
}

const struct hub_object *hub_bundle_find_key(const struct hub_bundle *b, const char *key) {
    for (size_t i = 0; i < b->spec.object_count; i++) {
        if (strcmp(b->spec.objects[i].key, key) == 0) {
            return &b->spec.objects[i];
        }
    }
    return NULL;
}

const struct hub_object *hub_bundle_find(const struct hub_bundle *b, const struct cm_sha256 *name) {
    size_t low = 0;
    size_t high = b->spec.object_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct hub_object *object = &b->spec.objects[b->by_name[middle]];
        int order = compare_hashes(&object->sha256, name);

        if (order == 0) {
            return object;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

bool hub_bundle_is_whole(const struct hub_bundle *b) {
    for (size_t i = 0; i < b->spec.object_count; i++) {
        if (b->spec.objects[i].bytes == NULL) {
            return false;
        }
    }
    return true;
}
