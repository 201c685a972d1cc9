// Each option of an App is told by a plan that changes it, or is known to do nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/schema.h"
#include "hub/plan/plan.h"
#include "world.h"

#define FROM_A "  source: {path: a}\n"
#define ALL "  targets: [{clusterSelector: {}}]\n"
#define TARGET(rest) FROM_A "  targets: [{clusterSelector: {}, " rest "}]\n"
#define OVERLAY(value)                                                                             \
    "overlays: [{merge: {apiVersion: v1, kind: ConfigMap, metadata: {name: cfg}, "                 \
    "data: {value: " value "}}}]"
#define IMAGE(tag) "images: [{name: i, newTag: " tag "}]"

#define NOTHING HUB_PLAN_ACTIONS
#define LATER (HUB_PLAN_ACTIONS + 1)

static const struct change {
    const char *field; // below spec
    const char *before;
    const char *after;
    int shown; // an action; OPTION and LATER with the field's name
} changes[] = {
    {"source", FROM_A ALL, "  source: {path: b}\n" ALL, HUB_PLAN_FIELD},
    {"namespace", FROM_A ALL "  namespace: one", FROM_A ALL "  namespace: two", HUB_PLAN_OPTION},
    {"values", FROM_A ALL "  values: {v: a}", FROM_A ALL "  values: {v: b}", HUB_PLAN_FIELD},
    {"targets", FROM_A ALL, FROM_A "  targets: []", HUB_PLAN_LEAVES},
    {"dependsOn", FROM_A ALL, FROM_A ALL "  dependsOn: [{name: base}]", HUB_PLAN_OPTION},
    {"releaseGroup", FROM_A ALL, FROM_A ALL "  releaseGroup: all", LATER},
    {"onReject", FROM_A ALL "  releaseGroup: all",
     FROM_A ALL "  releaseGroup: all\n  onReject: group", LATER},
    {"writeBack", FROM_A ALL, FROM_A ALL "  writeBack: revert", LATER},
    {"prune", FROM_A ALL, FROM_A ALL "  prune: false", HUB_PLAN_OPTION},
    {"prunePrecious", FROM_A ALL, FROM_A ALL "  prunePrecious: true", HUB_PLAN_OPTION},
    {"adopt", FROM_A ALL, FROM_A ALL "  adopt: true", HUB_PLAN_OPTION},
    {"conflicts", FROM_A ALL, FROM_A ALL "  conflicts: fail", HUB_PLAN_OPTION},
    {"recreate", FROM_A ALL, FROM_A ALL "  recreate: true", HUB_PLAN_OPTION},
    {"serviceAccountName", FROM_A ALL "  namespace: default",
     FROM_A ALL "  namespace: default\n  serviceAccountName: me", HUB_PLAN_OPTION},
    {"propagationPolicy", FROM_A ALL, FROM_A ALL "  propagationPolicy: orphan", HUB_PLAN_OPTION},
    {"health", FROM_A ALL, FROM_A ALL "  health: {timeout: 5m}", HUB_PLAN_OPTION},
    {"drift", FROM_A ALL, FROM_A ALL "  drift: correct", HUB_PLAN_OPTION},
    {"drift", FROM_A ALL, FROM_A ALL "  drift: capture", LATER},
    {"capture", FROM_A ALL, FROM_A ALL "  capture: commit", LATER},
    {"capture", FROM_A ALL "  capture: commit", FROM_A ALL "  capture: pull-request", LATER},
    {"showValues", FROM_A ALL, FROM_A ALL "  showValues: [LOG_LEVEL]", HUB_PLAN_OPTION},
    {"ignoreDifferences", FROM_A ALL, FROM_A ALL "  ignoreDifferences: [{kind: Pod}]",
     HUB_PLAN_OPTION},
    {"suspend", FROM_A ALL, FROM_A ALL "  suspend: true", HUB_PLAN_OPTION},
    {"onTargetLoss", FROM_A ALL, FROM_A ALL "  onTargetLoss: prune", LATER},
    {"onFailure", FROM_A ALL, FROM_A ALL "  onFailure: rollback", LATER},
    {"undo", FROM_A ALL, FROM_A ALL "  undo: hold", LATER},
    {"plainSecrets", FROM_A ALL, FROM_A ALL "  plainSecrets: allow", LATER},
    {"substitute", FROM_A ALL, FROM_A ALL "  substitute: false", HUB_PLAN_FIELD},
    {"labels", FROM_A ALL, FROM_A ALL "  labels: {x: z}", HUB_PLAN_FIELD},
    {"annotations", FROM_A ALL, FROM_A ALL "  annotations: {x: z}", HUB_PLAN_FIELD},
    {"images", FROM_A ALL "  " IMAGE("v1"), FROM_A ALL "  " IMAGE("v2"), HUB_PLAN_FIELD},
    {"overlays", FROM_A ALL "  " OVERLAY("c"), FROM_A ALL "  " OVERLAY("d"), HUB_PLAN_FIELD},
    {"targets.name", FROM_A ALL, TARGET("name: all"), NOTHING},
    {"targets.cluster", FROM_A "  targets: [{cluster: c1}]", FROM_A "  targets: [{cluster: c2}]",
     HUB_PLAN_COMES},
    {"targets.clusterGroup", FROM_A "  targets: [{cluster: c1}]",
     FROM_A "  targets: [{clusterGroup: g}]", HUB_PLAN_COMES},
    {"targets.clusterSelector", FROM_A "  targets: [{cluster: c1}]", FROM_A ALL, HUB_PLAN_COMES},
    {"targets.values", TARGET("values: {v: a}"), TARGET("values: {v: b}"), HUB_PLAN_FIELD},
    {"targets.namespace", TARGET("namespace: one"), TARGET("namespace: two"), HUB_PLAN_OPTION},
    {"targets.serviceAccountName", TARGET("namespace: one"),
     TARGET("namespace: one, serviceAccountName: me"), HUB_PLAN_OPTION},
    {"targets.suspend", FROM_A ALL, TARGET("suspend: true"), HUB_PLAN_OPTION},
    {"targets.doNotDeploy", FROM_A ALL, TARGET("doNotDeploy: true"), HUB_PLAN_LEAVES},
    {"targets.labels", FROM_A ALL, TARGET("labels: {x: z}"), HUB_PLAN_FIELD},
    {"targets.annotations", FROM_A ALL, TARGET("annotations: {x: z}"), HUB_PLAN_FIELD},
    {"targets.images", TARGET(IMAGE("v1")), TARGET(IMAGE("v2")), HUB_PLAN_FIELD},
    {"targets.overlays", TARGET(OVERLAY("c")), TARGET(OVERLAY("d")), HUB_PLAN_FIELD},
};

#define COUNT (sizeof(changes) / sizeof(changes[0]))

static void put_folder(struct world *w, const char *folder) {
    CM_AUTOFREE char *path = cm_strf("apps/shop/%s/all.yaml", folder);
    CM_AUTOFREE char *text = cm_strf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg}\n"
                                     "data: {value: '${v:=x}', folder: %s}\n---\n"
                                     "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\n"
                                     "spec: {containers: [{name: a, image: i}]}\n",
                                     folder);

    world_put(w, path, text);
}

static void begin(struct world *w, const struct change *change) {
    const struct hub_fleet_guard none = {.share_percent = 100};
    CM_AUTOFREE char *spec = cm_strf("%s%s", change->before,
                                     strstr(change->before, "namespace:") == NULL &&
                                             strstr(change->after, "namespace:") == NULL
                                         ? "\n  namespace: default"
                                         : "");

    world_init(w);
    hub_fleet_set_guard(w->fleet, &none);
    world_put_cluster(w, "c1", "", "");
    world_put_cluster(w, "c2", "", "");
    world_put(w, "groups/g.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: g}\n"
              "spec: {clusterSelector: {}}\n");
    world_put_app(w, "base", ALL);
    world_put_config(w, "base", "base", "x");
    put_folder(w, "a");
    put_folder(w, "b");
    world_put_app(w, "shop", spec);
    (void)world_commit(w);
    if (world_problems(w)[0] != '\0') {
        fail_msg("%s: %s", change->field, world_problems(w));
    }
}

static const char *last_name(const char *field) {
    const char *dot = strrchr(field, '.');

    return dot != NULL ? dot + 1 : field;
}

static bool is_among(const struct hub_plan_change *list, size_t count, int action,
                     const char *name) {
    for (size_t i = 0; i < count; i++) {
        if ((int)list[i].action == action &&
            (action != HUB_PLAN_OPTION || strcmp(list[i].path, name) == 0)) {
            return true;
        }
    }
    return false;
}

static bool is_shown(const struct hub_plan *plan, const struct change *change) {
    const char *name = last_name(change->field);
    bool found = false;

    if (change->shown == NOTHING) {
        return !hub_plan_changes(plan);
    }
    assert_true(hub_plan_changes(plan));
    assert_int_equal(plan->app_count, 1);
    const struct hub_plan_app *app = &plan->apps[0];
    if (change->shown == LATER) {
        return app->group_count == 0 && plan->totals.settings == 1 &&
               is_among(app->settings, app->setting_count, HUB_PLAN_OPTION, name);
    }
    for (size_t i = 0; i < app->group_count && !found; i++) {
        found = is_among(app->groups[i].changes, app->groups[i].change_count, change->shown, name);
    }
    return found;
}

static void check_change(const struct change *change) {
    struct world w;
    CM_AUTOFREE char *after = cm_strf("%s%s", change->after,
                                      strstr(change->before, "namespace:") == NULL &&
                                              strstr(change->after, "namespace:") == NULL
                                          ? "\n  namespace: default"
                                          : "");

    begin(&w, change);
    struct hub_plan_before *before = hub_plan_remember(w.fleet);
    world_put_app(&w, "shop", after);
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    CM_CLEANUP(hub_plan_freep) struct hub_plan *plan = hub_plan_make(before, w.fleet, NULL);
    if (!is_shown(plan, change)) {
        fail_msg("a plan does not show how spec.%s changes", change->field);
    }
    hub_plan_before_free(before);
    world_done(&w);
}

static void each_change_is_shown(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        check_change(&changes[i]);
    }
}

static const struct hub_field *find_field(const struct hub_field *fields, const char *name) {
    while (strcmp(fields->name, name) != 0) {
        fields++;
        assert_non_null(fields->name);
    }
    return fields;
}

static void check_fields(const struct hub_field *fields, const char *prefix) {
    for (const struct hub_field *f = fields; f->name != NULL; f++) {
        CM_AUTOFREE char *name = cm_strf("%s%s", prefix, f->name);
        size_t i = 0;

        while (i < COUNT && strcmp(changes[i].field, name) != 0) {
            i++;
        }
        if (i == COUNT && f->type != HUB_FIELD_REFUSED) {
            fail_msg("say in test_options.c what a plan shows when spec.%s changes", name);
        }
    }
}

static void no_option_is_forgotten(void **state) {
    const struct hub_field *spec = find_field(hub_kind_tables[HUB_APP].fields, "spec");

    (void)state;
    check_fields(spec->fields, "");
    check_fields(find_field(spec->fields, "targets")->fields, "targets.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_shown),
        cmocka_unit_test(no_option_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
