// What happens where a class of clusters goes from one bundle to another.
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/secret.h"
#include "common/str.h"
#include "hub/plan/internal.h"

struct telling {
    struct plan_making *m;
    void (*take)(void *ctx, const struct hub_plan_change *change);
    void *ctx;
};

static void tell(const struct telling *t, struct hub_plan_change change) {
    change.key = change.key == NULL ? "" : change.key;
    change.path = change.path == NULL ? "" : change.path;
    change.app = change.app == NULL ? "" : change.app;
    t->take(t->ctx, &change);
}

// ---- Options

static const char *const drifts[] = {
    [HUB_DRIFT_REPORT] = "report", [HUB_DRIFT_CORRECT] = "correct", [HUB_DRIFT_OFF] = "off"};

static const char *const conflicts[] = {
    [HUB_CONFLICTS_FORCE] = "force", [HUB_CONFLICTS_FAIL] = "fail"};

static const char *const propagations[] = {[HUB_PROPAGATION_BACKGROUND] = "background",
                                           [HUB_PROPAGATION_FOREGROUND] = "foreground",
                                           [HUB_PROPAGATION_ORPHAN] = "orphan"};

static void tell_option(const struct telling *t, const char *name, struct cm_json *before,
                        struct cm_json *after) {
    if (!cm_json_equal(before, after)) {
        tell(t, (struct hub_plan_change){
                    .action = HUB_PLAN_OPTION, .path = name, .before = before, .after = after});
    }
}

static void tell_bool(const struct telling *t, const char *name, bool before, bool after) {
    tell_option(t, name, cm_json_new_bool(t->m->arena, before),
                cm_json_new_bool(t->m->arena, after));
}

static void tell_text(const struct telling *t, const char *name, const char *before,
                      const char *after) {
    tell_option(t, name, cm_json_new_string(t->m->arena, before),
                cm_json_new_string(t->m->arena, after));
}

static struct cm_json *depends_on(struct cm_arena *a, const struct hub_bundle_spec *spec) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < spec->depends_on_count; i++) {
        cm_json_append(list, cm_json_new_string(a, spec->depends_on[i]));
    }
    return list;
}

static struct cm_json *health_of(struct cm_arena *a, const struct hub_health *h) {
    struct cm_json *object = cm_json_new(a, CM_OBJECT);
    struct cm_json *rules = NULL;
    struct cm_err err;

    if (h->timeout_s > 0) {
        cm_json_set_string(a, object, "timeout", cm_arena_strf(a, "%us", (unsigned)h->timeout_s));
    }
    cm_json_set(a, object, "addresses", cm_json_new_bool(a, h->addresses));
    cm_json_set(a, object, "logs", cm_json_new_bool(a, h->logs));
    if (h->rules[0] != '\0' &&
        cm_json_parse(a, h->rules, strlen(h->rules), NULL, &rules, &err) == CM_OK) {
        cm_json_set(a, object, "rules", rules);
    }
    return object;
}

// account_of is its name; the namespace is the App's.
static const char *account_of(const struct hub_bundle_spec *spec) {
    const char *slash = strchr(spec->account, '/');

    return slash == NULL ? spec->account : slash + 1;
}

static struct cm_json *texts_of(struct cm_arena *a, const char *const *texts, size_t count) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(list, cm_json_new_string(a, texts[i]));
    }
    return list;
}

// drift_rules lists what the rules of all objects say, without which objects they are about.
static struct cm_json *drift_rules(struct cm_arena *a, const struct hub_bundle_spec *spec) {
    struct cm_json *all = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < spec->drift_list_count; i++) {
        for (size_t k = 0; k < spec->drift_lists[i].count; k++) {
            const struct hub_drift_rule *r = &spec->drift_lists[i].rules[k];
            struct cm_json *rule = cm_json_new(a, CM_OBJECT);

            cm_json_set(a, rule, "jsonPointers", texts_of(a, r->fields, r->field_count));
            cm_json_set(a, rule, "managers", texts_of(a, r->managers, r->manager_count));
            cm_json_set_string(a, rule, "drift", r->capture ? "capture" : drifts[r->drift]);
            if (r->owner != NULL) {
                cm_json_set_string(a, rule, "whileExists", r->owner);
            }
            if (r->until_ms != 0) {
                char until[CM_CLOCK_TEXT_MAX];

                cm_clock_format(r->until_ms, until);
                cm_json_set_string(a, rule, "until", until);
            }
            cm_json_append(all, rule);
        }
    }
    return all;
}

static void tell_options(const struct telling *t, const struct hub_bundle_spec *before,
                         const struct hub_bundle_spec *after) {
    struct cm_arena *a = t->m->arena;

    tell_bool(t, "suspend", before->suspend, after->suspend);
    tell_bool(t, "prune", before->prune, after->prune);
    tell_bool(t, "prunePrecious", before->prune_precious, after->prune_precious);
    tell_bool(t, "adopt", before->adopt, after->adopt);
    tell_bool(t, "recreate", before->recreate, after->recreate);
    tell_option(t, "health", health_of(a, &before->health), health_of(a, &after->health));
    tell_text(t, "conflicts", conflicts[before->conflicts], conflicts[after->conflicts]);
    tell_text(t, "propagationPolicy", propagations[before->propagation],
              propagations[after->propagation]);
    tell_text(t, "drift", drifts[before->drift], drifts[after->drift]);
    tell_text(t, "namespace", before->namespace, after->namespace);
    tell_text(t, "serviceAccountName", account_of(before), account_of(after));
    tell_option(t, "dependsOn", depends_on(a, before), depends_on(a, after));
    tell_option(t, "showValues", texts_of(a, before->shown, before->shown_count),
                texts_of(a, after->shown, after->shown_count));
    tell_option(t, "ignoreDifferences", drift_rules(a, before), drift_rules(a, after));
}

// ---- Hooks

// ran tells whether hooks have run for what comes already: only Holds or Exemptions are others.
static bool ran(const struct hub_bundle *before, const struct hub_bundle *after) {
    return before != NULL &&
           cm_sha256_equal(hub_bundle_hooks_for(before), hub_bundle_hooks_for(after));
}

// tell_hooks: a hook runs for each new bundle, though it may not have changed itself.
static void tell_hooks(const struct telling *t, const struct hub_bundle *after) {
    for (size_t i = 0; i < after->spec.object_count && !after->spec.suspend; i++) {
        const struct hub_object *object = &after->spec.objects[i];
        bool before = object->order.phase == HUB_PHASE_PRE_APPLY;

        if ((before || object->order.phase == HUB_PHASE_POST_APPLY) && !object->rests) {
            tell(t, (struct hub_plan_change){.action = HUB_PLAN_RUNS,
                                             .key = object->key,
                                             .path = before ? "pre-apply" : "post-apply"});
        }
    }
}

// ---- Fields

static struct cm_json *parse(struct cm_arena *a, const struct hub_object *object) {
    // What was written by us may be as large as it came out.
    static const struct cm_json_limits limits = {(size_t)1 << 30, CM_JSON_DEPTH_MAX,
                                                 (size_t)1 << 30};
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (object->bytes == NULL || cm_json_parse(a, (const char *)object->bytes->data,
                                               object->bytes->size, &limits, &tree, &err) < 0) {
        return NULL;
    }
    return tree;
}

static const struct cm_json *keep(struct plan_making *m, const struct cm_json *value) {
    return value == NULL || value->type == CM_NULL ? NULL : cm_json_copy(m->arena, value);
}

static void add_field(struct plan_making *m, struct plan_fields *fields, const char *path,
                      const struct cm_json *before, const struct cm_json *after) {
    fields->items[fields->count++] =
        (struct hub_plan_change){.action = HUB_PLAN_FIELD,
                                 .path = cm_arena_strdup(m->arena, path),
                                 .before = keep(m, before),
                                 .after = keep(m, after)};
}

static void compare_version(struct plan_making *m, struct plan_fields *fields,
                            const struct cm_json *before, const struct cm_json *after) {
    const struct cm_json *old = cm_json_get(before, "apiVersion");
    const struct cm_json *now = cm_json_get(after, "apiVersion");

    if (old != NULL && now != NULL && !cm_json_equal(old, now)) {
        add_field(m, fields, "apiVersion", old, now);
    }
}

// compare_trees works in a scratch arena; what differs is copied.
static void compare_trees(struct plan_making *m, struct plan_fields *fields, struct cm_arena *a,
                          struct cm_json *before, struct cm_json *after) {
    struct cm_differences found;

    cm_object_changes(a, before, after, HUB_PLAN_FIELDS_MAX, &found);
    fields->items = cm_arena_get(m->arena, (found.count + 2) * sizeof(*fields->items));
    if (found.more) {
        cm_object_mask(a, before);
        cm_object_mask(a, after);
        add_field(m, fields, "", before, after);
        return;
    }
    compare_version(m, fields, before, after);
    for (size_t i = 0; i < found.count; i++) {
        add_field(m, fields, found.items[i].path, found.items[i].desired, found.items[i].actual);
    }
}

static struct plan_fields *compare_objects(struct plan_making *m, const struct hub_object *before,
                                           const struct hub_object *after) {
    struct plan_fields *fields = cm_arena_get(m->arena, sizeof(*fields));
    struct cm_json *old = parse(m->scratch, before);
    struct cm_json *now = parse(m->scratch, after);

    m->totals.compared++;
    if (old != NULL && now != NULL) {
        compare_trees(m, fields, m->scratch, old, now);
    }
    cm_arena_reset(m->scratch);
    if (fields->count == 0) {
        fields->items = cm_arena_get(m->arena, sizeof(*fields->items));
        fields->items[fields->count++].action = HUB_PLAN_REWRITTEN;
    }
    return fields;
}

// fields_of compares two objects once.
static const struct plan_fields *fields_of(struct plan_making *m, const struct hub_object *before,
                                           const struct hub_object *after) {
    char key[2 * CM_SHA256_HEX_MAX];

    cm_sha256_hex(&before->sha256, key);
    cm_sha256_hex(&after->sha256, key + CM_SHA256_HEX_MAX - 1);
    struct plan_fields *fields = cm_map_get(m->diffs, key);
    if (fields == NULL) {
        fields = compare_objects(m, before, after);
        cm_map_put(m->diffs, key, fields);
    }
    return fields;
}

static void tell_fields(const struct telling *t, const struct hub_object *before,
                        const struct hub_object *after) {
    const struct plan_fields *fields = fields_of(t->m, before, after);

    for (size_t i = 0; i < fields->count; i++) {
        struct hub_plan_change change = fields->items[i];

        change.key = after->key;
        tell(t, change);
    }
}

// ---- Objects

static void tell_leaving(const struct telling *t, const struct plan_step *step,
                         const struct hub_object *object, const struct plan_move *move) {
    enum hub_plan_action action = move != NULL                    ? HUB_PLAN_MOVED
                                  : plan_step_keeps(step, object) ? HUB_PLAN_RELEASED
                                                                  : HUB_PLAN_REMOVED;

    tell(t, (struct hub_plan_change){
                .action = action, .key = object->key, .app = move != NULL ? move->app : NULL});
}

static void tell_coming(const struct telling *t, const struct hub_object *object,
                        const struct plan_move *move) {
    if (move == NULL) {
        tell(t, (struct hub_plan_change){
                    .action = HUB_PLAN_ADDED, .key = object->key, .object = object});
        return;
    }
    tell(t,
         (struct hub_plan_change){.action = HUB_PLAN_TAKEN, .key = object->key, .app = move->app});
    if (!cm_sha256_equal(&move->before->sha256, &object->sha256)) {
        tell_fields(t, move->before, object);
    }
}

void plan_changes_of(struct plan_making *m, const struct plan_class *class,
                     void (*take)(void *ctx, const struct hub_plan_change *change), void *ctx) {
    const struct telling t = {m, take, ctx};
    const struct plan_step *step = class->step;
    const struct plan_move *move = class->moves;
    const struct plan_move *end = class->moves + class->move_count;

    if (step->before == NULL) {
        tell(&t, (struct hub_plan_change){.action = HUB_PLAN_COMES});
    } else if (step->after == NULL) {
        tell(&t, (struct hub_plan_change){.action = HUB_PLAN_LEAVES});
    } else {
        tell_options(&t, &step->before->spec, &step->after->spec);
    }
    if (step->after != NULL && !ran(step->before, step->after)) {
        tell_hooks(&t, step->after);
    }
    for (size_t i = 0; i < step->count; i++) {
        const struct plan_object *object = &step->objects[i];
        const struct plan_move *own = move != end && move->at == i ? move++ : NULL;

        if (object->after == NULL) {
            tell_leaving(&t, step, object->before, own);
        } else if (object->before == NULL) {
            tell_coming(&t, object->after, own);
        } else {
            tell_fields(&t, object->before, object->after);
        }
    }
}
