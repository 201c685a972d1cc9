// What an App becomes on a cluster where releases of it are held back, images are banned, or
// changes by hand are allowed for a time.
//
// Made of a version and the Holds that count, once for all clusters for which these are the same.
// Where no release is left that may run, there is nothing: what is in force stays, and a problem
// says that a human must settle it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/keep.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/fleet/internal.h"

// An object as holds make it.
struct piece {
    struct hub_object object; // its key is somebody else's
    struct hub_object_place place;
    struct cm_json *tree; // NULL: not read yet
    bool touched;
    bool added;
};

struct making {
    struct hub_update *u;
    struct hub_link *link;
    struct hub_version *base;
    const struct hub_hold_entry **entries;
    size_t count;
    const struct hub_hold_entry **waiting;
    size_t waiting_count;
    const struct hub_exempt_doc **exempt;
    size_t exempt_count;
    struct cm_arena *arena;
    struct cm_map *by_key; // -> piece
    bool changed;
    bool looked; // at what is in force, so that it comes out differently for another one
};

// ---- One of them

static void free_held(struct hub_fleet *f, struct hub_held *held) {
    struct hub_version *base = held->base;

    if (held->message != NULL) {
        base->app->blocked--;
    }
    (void)hub_set_remove(&base->helds, held);
    hub_version_unref(f, held->version);
    free(held->key);
    free(held->applied);
    free(held->waiting);
    free(held->repo);
    free(held->path);
    free(held->message);
    free(held);
    hub_version_unref(f, base);
}

void hub_held_leave(struct hub_fleet *f, struct hub_link *link) {
    struct hub_held *held = link->outcome;

    link->outcome = NULL;
    if (held != NULL && --held->links == 0) {
        free_held(f, held);
    }
}

bool hub_held_applies(const struct hub_link *link, size_t serial) {
    for (size_t i = 0; link->outcome != NULL && i < link->outcome->applied_count; i++) {
        if (link->outcome->applied[i] == serial) {
            return true;
        }
    }
    return false;
}

bool hub_held_waits(const struct hub_link *link, size_t serial) {
    for (size_t i = 0; link->outcome != NULL && i < link->outcome->waiting_count; i++) {
        if (link->outcome->waiting[i] == serial) {
            return true;
        }
    }
    return false;
}

// ---- Objects

static struct piece *add_piece(struct making *m, const struct hub_object *object) {
    struct piece *piece = cm_arena_get(m->arena, sizeof(*piece));

    piece->object = *object;
    cm_map_put(m->by_key, object->key, piece);
    return piece;
}

static void fill(struct making *m) {
    const struct hub_rendered *r = &m->base->rendered;

    for (size_t i = 0; i < r->bundle->spec.object_count; i++) {
        struct piece *piece = add_piece(m, &r->bundle->spec.objects[i]);

        piece->place = r->places != NULL ? r->places[i] : (struct hub_object_place){0};
    }
}

static struct cm_json *find_tree(void *ctx, const char *key) {
    struct making *m = ctx;
    struct piece *piece = cm_map_get(m->by_key, key);
    struct cm_err err;

    if (piece == NULL || piece->object.secret) {
        return NULL;
    }
    if (piece->tree == NULL &&
        cm_json_parse(m->arena, (const char *)piece->object.bytes->data, piece->object.bytes->size,
                      NULL, &piece->tree, &err) < 0) {
        return NULL;
    }
    return piece->tree;
}

// find_running reads an object of what is in force.
static struct cm_json *find_running(void *ctx, const char *key) {
    struct making *m = ctx;
    const struct hub_object *object = hub_version_object(m->link->version, key);
    struct cm_json *tree = NULL;
    struct cm_err ignored; // what cannot be read is not there

    m->looked = true;
    if (object == NULL || object->secret || object->bytes == NULL ||
        cm_json_parse(m->arena, (const char *)object->bytes->data, object->bytes->size, NULL, &tree,
                      &ignored) < 0) {
        return NULL;
    }
    return tree;
}

static void add_tree(void *ctx, const char *key, struct cm_json *tree) {
    struct making *m = ctx;
    struct piece *piece = add_piece(m, &(struct hub_object){.key = cm_arena_strdup(m->arena, key)});

    piece->object.keep = cm_object_says_keep(tree);
    piece->tree = tree;
    piece->touched = true;
    piece->added = true;
    m->changed = true;
}

static void touch_tree(void *ctx, const char *key) {
    struct making *m = ctx;
    struct piece *piece = cm_map_get(m->by_key, key);

    piece->touched = true;
    m->changed = true;
}

// ---- What is kept

// keep takes over from what is in force what the good release has and Git has no more. After a
// restart a Secret is taken over by its name: the bytes are the agent's.
static void keep(struct making *m, const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->keep_count; i++) {
        const struct hub_object *object = hub_version_object(m->link->version, hold->keep[i]);

        if (object == NULL || cm_map_get(m->by_key, object->key) != NULL) {
            continue;
        }
        struct piece *piece = add_piece(m, object);
        piece->object.drift_list = 0;
        piece->added = true;
        m->changed = true;
    }
}

static void add_kept(const struct hub_link *link, const struct hub_version *base,
                     const struct hub_hold *hold, struct cm_str *key) {
    for (size_t i = 0; i < hold->keep_count; i++) {
        const struct hub_object *object = hub_version_has(base, hold->keep[i])
                                              ? NULL
                                              : hub_version_object(link->version, hold->keep[i]);
        char hex[CM_SHA256_HEX_MAX];

        if (object != NULL) {
            cm_sha256_hex(&object->sha256, hex);
            cm_str_addf(key, "%s:%.16s%s", i == 0 ? "" : ",", hex,
                        object->bytes == NULL ? "?" : "");
        }
    }
}

// is_new_to tells whether others rejected it, and the cluster does not begin with it either.
static bool is_new_to(const struct making *m, const struct hub_hold_entry *entry) {
    return !hub_hold_lists(entry->hold, m->link->cluster->named.name);
}

// key_of tells apart what comes out differently of one version.
static char *key_of(const struct making *m, bool banned) {
    struct cm_str key = {0};

    for (size_t i = 0; i < m->count; i++) {
        cm_str_addf(&key, "%zu%s", m->entries[i]->serial, is_new_to(m, m->entries[i]) ? "n" : "");
        add_kept(m->link, m->base, m->entries[i]->hold, &key);
        cm_str_add_char(&key, ' ');
    }
    for (size_t i = 0; i < m->waiting_count; i++) {
        cm_str_addf(&key, "w%zu ", m->waiting[i]->serial);
    }
    for (size_t i = 0; i < m->exempt_count; i++) {
        cm_str_addf(&key, "e%zu ", m->exempt[i]->serial);
    }
    cm_str_addf(&key, "%zu", banned ? m->u->fleet->ban_serial : 0);
    return cm_str_take(&key);
}

// key_beside tells apart what comes out differently beside what is in force.
static char *key_beside(const char *key, const struct hub_link *link) {
    char hex[CM_SHA256_HEX_MAX] = "";

    if (link->version != NULL) {
        cm_sha256_hex(&link->version->rendered.bundle->sha256, hex);
    }
    return cm_strf("%s @%s", key, hex);
}

// ---- The version

static int compare_pieces(const void *a, const void *b) {
    return strcmp((*(struct piece *const *)a)->object.key, (*(struct piece *const *)b)->object.key);
}

struct listing {
    struct piece **items;
    size_t count;
};

static bool list_piece(void *ctx, const char *key, void *value) {
    struct listing *l = ctx;

    (void)key;
    l->items[l->count++] = value;
    return true;
}

static void finish_piece(struct making *m, struct piece *piece) {
    if (piece->touched) {
        cm_object_normalise(m->arena, piece->tree);
        piece->object.bytes = cm_object_hash(piece->tree, &piece->object.sha256);
        m->u->made++;
    } else if (piece->object.bytes != NULL) {
        (void)cm_buf_ref(piece->object.bytes);
    }
}

static struct hub_object_place place_of(const struct making *m, const struct piece *piece) {
    struct hub_object_place place = piece->place;

    if (place.path == NULL) { // of a Hold
        const struct hub_doc *doc = m->entries[0]->own == NULL ? m->entries[0]->doc : NULL;

        doc = doc != NULL ? doc : m->base->app->named.doc;
        place.path = doc != NULL ? doc->file->path : m->u->repo_name;
    }
    (void)cm_buf_ref(place.path);
    return place;
}

// ---- Exemptions

// exempt_rules lists the rules of an object with those of exemptions before them.
static struct hub_drift_list exempt_rules(const struct making *m,
                                          const struct hub_bundle_spec *spec,
                                          const struct hub_object *object) {
    const struct hub_drift_list *own =
        object->drift_list > 0 ? &spec->drift_lists[object->drift_list - 1] : NULL;
    size_t own_count = own != NULL ? own->count : 0;
    size_t most = HUB_DRIFT_RULES_MAX;
    struct hub_drift_rule *rules =
        cm_arena_get(m->arena, (m->exempt_count + own_count + 1) * sizeof(*rules));
    struct hub_drift_list list = {.rules = rules};

    for (size_t i = 0; i < m->exempt_count && list.count < most; i++) {
        const struct hub_exemption *e = &m->exempt[i]->named.doc->exemption.exemption;

        if (hub_exemption_is_about(e, object->key, spec->namespace)) {
            rules[list.count++] =
                (struct hub_drift_rule){.fields = &e->field,
                                        .field_count = e->field[0] != '\0',
                                        .drift = HUB_DRIFT_REPORT,
                                        .keep = true,
                                        .until_ms = e->until_ms,
                                        .site = e->site[0] != '\0' ? &e->site_id : NULL};
        }
    }
    own_count = own_count < most - list.count ? own_count : most - list.count;
    if (list.count > 0 && own_count > 0) {
        memcpy(&rules[list.count], own->rules, own_count * sizeof(*rules));
        list.count += own_count;
    }
    return list;
}

// exempt lets agents leave alone what exemptions are about.
static void exempt(const struct making *m, struct hub_bundle_spec *spec,
                   struct hub_object *objects) {
    size_t most = spec->drift_list_count + spec->object_count;
    struct hub_drift_list *lists = cm_arena_get(m->arena, (most + 1) * sizeof(*lists));
    size_t count = spec->drift_list_count;

    if (count > 0) {
        memcpy(lists, spec->drift_lists, count * sizeof(*lists));
    }
    for (size_t i = 0; i < spec->object_count; i++) {
        struct hub_drift_list list = exempt_rules(m, spec, &objects[i]);

        if (list.count > 0) {
            lists[count++] = list;
            objects[i].drift_list = (uint32_t)count;
        }
    }
    spec->drift_lists = lists;
    spec->drift_list_count = count;
}

// ---- Hooks

static bool is_hook(const struct hub_object *object) {
    return object->order.phase == HUB_PHASE_PRE_APPLY ||
           object->order.phase == HUB_PHASE_POST_APPLY;
}

// rests tells whether a hook would run what is held back, or a Hold made another one of it: that is
// not what Git says, so it must not count as run. What a new cluster begins with was not rejected:
// there hooks run as Git says.
static bool rests(struct making *m, const struct piece *piece, const bool *applied) {
    const struct hub_object *object = &piece->object;
    struct cm_json *tree = is_hook(object) ? find_tree(m, object->key) : NULL;

    for (size_t i = 0; i < m->count && tree != NULL; i++) {
        const struct hub_hold_entry *entry = m->entries[i];
        bool rejected = entry->own == NULL || entry->hold->event[0] != '\0';

        if (applied[i] && rejected && (piece->touched || hub_hold_runs(entry->hold, tree))) {
            return true;
        }
    }
    return false;
}

// bundle_for makes a bundle whose hooks are those of the base: they run once for what Git says.
static struct hub_bundle *bundle_for(const struct making *m, struct hub_bundle_spec *spec) {
    const struct hub_bundle *base = m->base->rendered.bundle;
    struct hub_bundle *b = hub_bundle_new(spec);
    bool hooks = false;

    for (size_t i = 0; i < spec->object_count; i++) {
        hooks |= is_hook(&spec->objects[i]);
    }
    if (!hooks || cm_sha256_equal(&b->sha256, &base->sha256)) {
        return b;
    }
    hub_bundle_unref(b);
    spec->hooks_for = *hub_bundle_hooks_for(base);
    return hub_bundle_new(spec);
}

// ---- The bundle

static struct hub_rendered bundle_of(struct making *m, const bool *applied) {
    struct listing l = {.items = cm_arena_get(m->arena, cm_map_len(m->by_key) * sizeof(*l.items))};
    struct hub_bundle_spec spec = m->base->rendered.bundle->spec;
    struct hub_rendered out = {0};

    cm_map_each(m->by_key, list_piece, &l);
    qsort(l.items, l.count, sizeof(struct piece *), compare_pieces);
    CM_AUTOFREE struct hub_object *objects = cm_new(l.count + 1, sizeof(*objects));
    out.places = cm_new(l.count + 1, sizeof(*out.places));
    for (size_t i = 0; i < l.count; i++) {
        finish_piece(m, l.items[i]);
        objects[i] = l.items[i]->object;
        objects[i].rests = rests(m, l.items[i], applied);
        out.places[i] = place_of(m, l.items[i]);
    }
    spec.objects = objects;
    spec.object_count = l.count;
    if (m->exempt_count > 0) {
        exempt(m, &spec, objects);
    }
    out.bundle = bundle_for(m, &spec);
    for (size_t i = 0; i < l.count; i++) {
        cm_buf_unref(objects[i].bytes);
    }
    return out;
}

static void tell_one(const struct making *m, const struct hub_hold_entry *entry,
                     struct cm_str *out) {
    const struct hub_hold_cause *cause = &entry->hold->cause;

    cm_str_addf(out, "%s%s instead of %s", out->len > 0 ? "; " : "",
                hub_hold_restored(m->arena, entry->hold), hub_hold_rejected(m->arena, entry->hold));
    if (cause->controller[0] != '\0' || cause->text[0] != '\0') {
        cm_str_addf(out, " (%s%s%.200s)", cause->controller,
                    cause->controller[0] != '\0' && cause->text[0] != '\0' ? ": " : "",
                    cause->text);
    }
    if (entry->own == NULL) {
        cm_str_addf(out, ", %s", (const char *)entry->doc->file->path->data);
    }
    if (is_new_to(m, entry)) {
        cm_str_add(out, "; the App is new to this cluster, and begins with what was not rejected");
    }
}

// tell says what is applied, behind what is told of the base: a version in force that cannot become
// what Git says.
static struct cm_buf *tell(const struct making *m, const bool *applied) {
    const struct cm_buf *before = m->base->told;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, before != NULL ? (const char *)before->data : "");
    for (size_t i = 0; i < m->count; i++) {
        if (applied[i]) {
            tell_one(m, m->entries[i], &text);
        }
    }
    return cm_buf_copy(cm_str_get(&text), text.len + 1);
}

static struct hub_version *version_of(struct making *m, const bool *applied) {
    struct hub_rendered rendered = bundle_of(m, applied);

    hub_version_share(&rendered, m->link->version);
    struct hub_version *v = hub_version_new(m->u->fleet, m->base->app, rendered);
    v->told = tell(m, applied);
    if (v->told->size == 1) { // nothing is held
        cm_buf_unref(v->told);
        v->told = NULL;
    }
    return v;
}

// ---- When nothing is left

static void block(struct making *m, struct hub_held *held, const struct hub_doc *doc,
                  char *message) {
    struct hub_app *app = m->base->app;

    doc = doc != NULL ? doc : app->named.doc;
    hub_version_unref(m->u->fleet, held->version);
    held->version = NULL;
    held->message = message;
    held->repo = cm_strdup(doc != NULL ? doc->file->repo->name : "");
    held->path = cm_strdup(doc != NULL ? (const char *)doc->file->path->data : "");
    held->line = doc != NULL ? doc->place.line : 0;
    held->column = doc != NULL ? doc->place.column : 0;
    app->blocked++;
}

static void block_hold(struct making *m, struct hub_held *held,
                       const struct hub_hold_entry *entry) {
    block(m, held, entry->own == NULL ? entry->doc : NULL,
          cm_strf("Hold '%s' keeps %s out, and no release is left that may run instead: commit "
                  "another release, or say in 'use' what shall run; until then what is in force "
                  "stays",
                  entry->hold->name, hub_hold_rejected(m->arena, entry->hold)));
}

// block_lost: a release is not another one because what runs it has another name.
static void block_lost(struct making *m, struct hub_held *held, const struct hub_hold_entry *entry,
                       const char *elsewhere) {
    block(m, held, entry->own == NULL ? entry->doc : NULL,
          cm_strf("Hold '%s' keeps %s out, and no longer finds %s as it was, while %s would run "
                  "it: write the new name into the Hold, or let the release be tried again "
                  "('holdfast retry %s'); until then what is in force stays",
                  entry->hold->name, hub_hold_rejected(m->arena, entry->hold),
                  entry->hold->identity[0].object, elsewhere, entry->hold->app));
}

static const char *find_banned(struct making *m, const struct hub_ban *ban,
                               const struct hub_object *object) {
    struct cm_json *tree;
    struct cm_err err;

    if (object->bytes == NULL || object->secret ||
        memmem(object->bytes->data, object->bytes->size, "\"image\":", 8) == NULL ||
        cm_json_parse(m->arena, (const char *)object->bytes->data, object->bytes->size, NULL, &tree,
                      &err) < 0) {
        return NULL;
    }
    return hub_ban_finds(ban, m->base->app->named.name, tree);
}

static bool check_ban(struct making *m, struct hub_held *held, const struct hub_doc *doc) {
    const struct hub_bundle_spec *spec = &held->version->rendered.bundle->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        const char *image = find_banned(m, &doc->ban.ban, &spec->objects[i]);

        if (image != NULL) {
            const char *reason = doc->ban.ban.reason;

            block(m, held, NULL,
                  cm_strf("%s would run %s, which Ban '%s' forbids (%s%s%s): commit another image; "
                          "until then what is in force stays",
                          spec->objects[i].key, image, doc->name,
                          (const char *)doc->file->path->data, reason[0] != '\0' ? ": " : "",
                          reason));
            return false;
        }
    }
    return true;
}

static void check_bans(struct making *m, struct hub_held *held) {
    const struct hub_fleet *f = m->u->fleet;

    for (size_t i = 0; i < f->bans.count; i++) {
        const struct hub_doc *doc = ((const struct hub_named *)f->bans.items[i])->doc;

        if (!check_ban(m, held, doc)) {
            return;
        }
    }
}

// ---- Making one

static void note_applied(const struct making *m, struct hub_held *held, const bool *applied) {
    held->applied = cm_new(m->count + 1, sizeof(*held->applied));
    for (size_t i = 0; i < m->count; i++) {
        if (applied[i]) {
            held->applied[held->applied_count++] = m->entries[i]->serial;
        }
    }
}

// note_waiting notes what would be in force, if Git said it, beside what is.
static void note_waiting(const struct making *m, struct hub_held *held,
                         const struct hub_hold_objects *objects) {
    held->waiting = cm_new(m->waiting_count + 1, sizeof(*held->waiting));
    for (size_t i = 0; i < m->waiting_count; i++) {
        if (hub_hold_in_force(m->waiting[i]->hold, objects)) {
            held->waiting[held->waiting_count++] = m->waiting[i]->serial;
        }
    }
}

// check_lost tells whether all that is kept out is found still; what is not is in force as well.
// What runs the same image already is no new name of it.
static bool check_lost(struct making *m, struct hub_held *held,
                       const struct hub_hold_objects *objects, bool *applied) {
    CM_AUTOFREE const char **keys = cm_map_keys(m->by_key);
    const struct hub_hold_objects running = {.find = find_running, .ctx = m, .arena = m->arena};
    bool lost = false;

    for (size_t i = 0; i < m->count; i++) {
        const struct hub_hold_entry *entry = m->entries[i];
        bool begins = entry->own != NULL && entry->hold->event[0] == '\0'; // proven.c
        const char *elsewhere =
            applied[i] || begins
                ? NULL
                : hub_hold_elsewhere(entry->hold, objects, &running, keys, cm_map_len(m->by_key));

        if (elsewhere != NULL && !lost) {
            block_lost(m, held, entry, elsewhere);
        }
        applied[i] = applied[i] || elsewhere != NULL;
        lost = lost || elsewhere != NULL;
    }
    return !lost;
}

static void apply(struct making *m, struct hub_held *held) {
    const struct hub_hold **holds = cm_arena_get(m->arena, (m->count + 1) * sizeof(*holds));
    bool *applied = cm_arena_get(m->arena, m->count + 1);
    const struct hub_hold_objects objects = {
        .find = find_tree, .add = add_tree, .touch = touch_tree, .ctx = m, .arena = m->arena};

    for (size_t i = 0; i < m->count; i++) {
        holds[i] = m->entries[i]->hold;
    }
    fill(m);
    size_t stuck = hub_hold_apply(holds, m->count, &objects, applied);
    bool found = stuck != SIZE_MAX || check_lost(m, held, &objects, applied);
    note_applied(m, held, applied);
    note_waiting(m, held, &objects);
    if (stuck != SIZE_MAX) {
        block_hold(m, held, m->entries[stuck]);
    }
    if (stuck != SIZE_MAX || !found) {
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (applied[i]) {
            keep(m, m->entries[i]->hold);
        }
    }
    if (m->changed || m->exempt_count > 0) {
        hub_version_unref(m->u->fleet, held->version);
        held->version = version_of(m, applied);
    }
}

static struct hub_held *make(struct making *m, char *key, bool banned) {
    struct hub_held *held = cm_new(1, sizeof(*held));

    held->key = key;
    held->base = m->base;
    held->version = m->base;
    m->base->refs += 2;
    m->arena = cm_arena_new(0);
    m->by_key = cm_map_new(NULL);
    if (m->count + m->waiting_count + m->exempt_count > 0 &&
        hub_bundle_is_whole(m->base->rendered.bundle)) {
        apply(m, held);
    }
    if (banned && held->version != NULL) {
        check_bans(m, held);
    }
    cm_map_free(m->by_key);
    cm_arena_free(m->arena);
    if (m->looked) {
        held->key = key_beside(key, m->link);
        free(key);
    }
    hub_set_add(&m->base->helds, held);
    return held;
}

static struct hub_held *find(const struct hub_version *base, const char *key) {
    for (size_t i = 0; i < base->helds.count; i++) {
        struct hub_held *held = base->helds.items[i];

        if (strcmp(held->key, key) == 0) {
            return held;
        }
    }
    return NULL;
}

// held_for returns what a version becomes; NULL: it stays what it is.
static struct hub_held *held_for(struct hub_update *u, struct hub_link *link,
                                 struct hub_version *base) {
    bool banned = hub_bans_any(u->fleet, link->app->named.name);
    struct making m = {.u = u, .link = link, .base = base};

    m.count =
        hub_holds_find(u->fleet, link->app->named.name, link->cluster->named.name, &m.entries);
    m.count = hub_proven_add(u, link, base, &m.entries, m.count);
    m.count = hub_begins_add(u, link, &m.entries, m.count);
    m.waiting_count = hub_holds_find_waiting(u->fleet, link->app->named.name,
                                             link->cluster->named.name, &m.waiting);
    m.exempt_count =
        hub_exemptions_find(u->fleet, link->app->named.name, link->cluster->named.name, &m.exempt);
    CM_AUTOFREE const struct hub_hold_entry **owned = m.entries;
    CM_AUTOFREE const struct hub_hold_entry **owned_waiting = m.waiting;
    CM_AUTOFREE const struct hub_exempt_doc **owned_too = m.exempt;
    (void)owned;
    (void)owned_waiting;
    (void)owned_too;
    if (m.count + m.waiting_count + m.exempt_count == 0 && !banned) {
        return NULL;
    }
    char *key = key_of(&m, banned);
    CM_AUTOFREE char *beside = key_beside(key, link);
    struct hub_held *held = find(base, key);
    held = held != NULL ? held : find(base, beside);
    if (held == NULL) {
        return make(&m, key, banned);
    }
    free(key);
    return held;
}

void hub_held_choose(struct hub_update *u, struct hub_link *link) {
    struct hub_version *base = hub_settle_rendered(link);
    const struct hub_held *old = link->outcome;
    bool had = old != NULL && old->message != NULL;
    bool applied = old != NULL && old->applied_count + old->waiting_count > 0;

    base = base != NULL ? base : link->version;
    struct hub_held *held = base != NULL ? held_for(u, link, base) : NULL;
    if (held != NULL) {
        held->links++;
    }
    u->documents = u->documents ||
                   (held != old &&
                    (applied || (held != NULL && held->applied_count + held->waiting_count > 0)));
    hub_held_leave(u->fleet, link);
    link->outcome = held;
    u->problems = u->problems || had || (held != NULL && held->message != NULL);
}
