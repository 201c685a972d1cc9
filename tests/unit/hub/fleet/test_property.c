// Random commits against a model that knows nothing of indexes, variants or sharing: it looks at
// everything after each commit. And whenever nothing is wrong, a fleet that sees only the final
// tree must come to the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/render/bundle.h"
#include "world.h"

#define CLUSTERS 6
#define GROUPS 4
#define APPS 5
#define FILES 3
#define TARGETS 3
#define NO_VALUE 3
#define NO_OVERLAY 5
#define SOURCE "elsewhere@branch:main"
#define COMMITS 60
#define RUNS 60

// ---- What stands in Git

struct cluster {
    bool present;
    int env;   // 0..2
    int value; // NO_VALUE: none
    bool suspend;
};

struct group {
    bool present;
    int env;         // -1: no selector
    unsigned list;   // bits of clusters; 0: none
    unsigned groups; // bits of groups
};

struct target {
    int kind; // 0 none, 1 cluster, 2 group, 3 selector, 4 all
    int which;
    int value;
    int label;   // 0: none
    int overlay; // of texts; NO_OVERLAY: none
    bool suspend;
    bool do_not_deploy;
};

struct file {
    bool present;
    bool broken;
    int name; // below 10: shared with other Apps
    int text; // 0..4
};

struct app {
    bool present;
    int value;
    int label;
    int overlay;  // of texts, in a file beside app.yaml; NO_OVERLAY: none
    int merged;   // name of the object that overlays are for
    int ignored;  // file that is left out; FILES: none
    int release;  // group; 0: none
    bool sourced; // manifests are in another repository
    bool prune;
    bool suspend;
    bool prune_on_loss;
    unsigned depends_on;
    struct target targets[TARGETS];
    struct file files[FILES];
};

struct written {
    bool broken;
    bool moved;
    bool dirty;
};

struct tree {
    struct cluster clusters[CLUSTERS];
    struct group groups[GROUPS];
    struct app apps[APPS];
    struct file source[APPS][FILES]; // of the other repository
    struct written cluster_files[CLUSTERS];
    struct written group_files[GROUPS];
    struct written app_files[APPS];
};

// ---- What should be in force

struct pair {
    bool linked;
    char text[512]; // "": nothing
    char revision[16];
    bool gone;
    bool gone_prune;
    bool leaving; // it and its objects go as soon as who takes one of them over can
};

struct model {
    struct cluster clusters[CLUSTERS];
    struct group groups[GROUPS];
    struct app apps[APPS];           // but for files, which are always those of the tree
    struct file source[APPS][FILES]; // as the fleet has been told of them
    bool loaded;                     // it has
    struct pair pairs[APPS][CLUSTERS];
};

// What waits for confirmations has a property of its own (test_guard_property.c).
static const struct hub_fleet_guard no_guard = {
    .share_percent = 100, .objects_min = 1, .clusters_min = 1};

static uint64_t random_state;

static unsigned roll(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

// ---- Writing the tree

static void put_or_spoil(struct world *w, const char *path, const char *content, bool broken) {
    CM_AUTOFREE char *spoilt = cm_strf("%s%s", content, roll(2) == 0 ? "\n]: [" : "\nbroken: 1\n");

    world_put(w, path, broken ? spoilt : content);
}

static void write_cluster(struct world *w, const struct tree *t, int i) {
    const struct cluster *c = &t->clusters[i];
    const struct written *f = &t->cluster_files[i];
    CM_AUTOFREE char *path = cm_strf("clusters/%sc%d.yaml", f->moved ? "x/" : "", i);
    CM_AUTOFREE char *other = cm_strf("clusters/%sc%d.yaml", f->moved ? "" : "x/", i);
    struct cm_str s = {0};

    world_remove(w, other);
    if (!c->present) {
        world_remove(w, path);
        return;
    }
    cm_str_addf(&s,
                "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata:\n  name: c%d\n"
                "  labels: {env: e%d}\nspec:\n  suspend: %s\n",
                i, c->env, c->suspend ? "true" : "false");
    if (c->value != NO_VALUE) {
        cm_str_addf(&s, "  values: {v: %d}\n", c->value);
    }
    put_or_spoil(w, path, cm_str_get(&s), f->broken);
    cm_str_done(&s);
}

static void write_group(struct world *w, const struct tree *t, int i) {
    const struct group *g = &t->groups[i];
    CM_AUTOFREE char *path = cm_strf("groups/g%d.yaml", i);
    struct cm_str s = {0};

    if (!g->present) {
        world_remove(w, path);
        return;
    }
    cm_str_addf(
        &s, "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: g%d}\nspec:\n", i);
    if (g->env >= 0) {
        cm_str_addf(&s, "  clusterSelector: {matchLabels: {env: e%d}}\n", g->env);
    }
    cm_str_add(&s, "  clusters: [");
    for (int c = 0; c < CLUSTERS; c++) {
        if ((g->list >> c & 1) != 0) {
            cm_str_addf(&s, "c%d, ", c);
        }
    }
    cm_str_add(&s, "]\n  groups: [");
    for (int k = 0; k < GROUPS; k++) {
        if ((g->groups >> k & 1) != 0) {
            cm_str_addf(&s, "g%d, ", k);
        }
    }
    cm_str_add(&s, "]\n");
    put_or_spoil(w, path, cm_str_get(&s), t->group_files[i].broken);
    cm_str_done(&s);
}

static const char *const texts[] = {"plain", "${v}", "${v:=9}", "${cluster.name}",
                                    "x-${cluster.labels.env}-$${v}"};

static void write_target(struct cm_str *s, const struct target *target, int merged) {
    cm_str_add(s, "    - ");
    if (target->kind == 4) {
        cm_str_add(s, "clusterSelector: {}");
    } else if (target->kind == 1) {
        cm_str_addf(s, "cluster: c%d", target->which);
    } else if (target->kind == 2) {
        cm_str_addf(s, "clusterGroup: g%d", target->which);
    } else {
        cm_str_addf(s, "clusterSelector: {matchLabels: {env: e%d}}", target->which);
    }
    cm_str_addf(s, "\n      suspend: %s\n      doNotDeploy: %s\n",
                target->suspend ? "true" : "false", target->do_not_deploy ? "true" : "false");
    if (target->value != NO_VALUE) {
        cm_str_addf(s, "      values: {v: %d}\n", target->value);
    }
    if (target->label > 0) {
        cm_str_addf(s, "      labels: {l: l%d}\n", target->label);
    }
    if (target->overlay != NO_OVERLAY) {
        cm_str_addf(s,
                    "      overlays:\n        - merge:\n            apiVersion: v1\n"
                    "            kind: ConfigMap\n            metadata: {name: o%d}\n"
                    "            data:\n              value: \"%s\"\n",
                    merged, texts[target->overlay]);
    }
}

static void write_app_document(struct world *w, const struct app *a, const char *path, int i,
                               bool broken) {
    struct cm_str s = {0};

    cm_str_addf(&s,
                "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: a%d}\nspec:\n"
                "  namespace: ns\n  prune: %s\n  suspend: %s\n  onTargetLoss: %s\n",
                i, a->prune ? "true" : "false", a->suspend ? "true" : "false",
                a->prune_on_loss ? "prune" : "orphan");
    if (a->value != NO_VALUE) {
        cm_str_addf(&s, "  values: {v: %d}\n", a->value);
    }
    if (a->sourced) {
        cm_str_addf(&s, "  source: {repository: elsewhere, ref: {branch: main}, path: a%d}\n", i);
    }
    if (a->label > 0) {
        cm_str_addf(&s, "  labels: {l: l%d}\n", a->label);
    }
    if (a->overlay != NO_OVERLAY) {
        cm_str_add(&s, "  overlays: [{path: over}]\n");
    }
    if (a->release > 0) {
        cm_str_addf(&s, "  releaseGroup: r%d\n", a->release);
    }
    cm_str_add(&s, "  dependsOn: [");
    for (int d = 0; d < APPS; d++) {
        if ((a->depends_on >> d & 1) != 0) {
            cm_str_addf(&s, "{name: a%d}, ", d);
        }
    }
    cm_str_add(&s, "]\n");
    cm_str_add(&s, a->targets[0].kind == 0 ? "  targets: []\n" : "  targets:\n");
    for (int k = 0; k < TARGETS && a->targets[k].kind != 0; k++) {
        write_target(&s, &a->targets[k], a->merged);
    }
    put_or_spoil(w, path, cm_str_get(&s), broken);
    cm_str_done(&s);
}

static void write_file(struct world *w, const struct file *f, const char *path, bool here) {
    CM_AUTOFREE char *content =
        cm_strf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: o%d}\ndata:\n"
                "  value: \"%s\"\n",
                f->name, texts[f->text]);

    if (here && f->present) {
        world_put(w, path, f->broken ? "metadata: [" : content);
    } else {
        world_remove(w, path);
    }
}

// write_extras writes the overlay of an App and what it ignores.
static void write_extras(struct world *w, const struct app *a, const char *root, int i, bool here) {
    CM_AUTOFREE char *overlay = cm_strf("%s/a%d/over/o.yaml", root, i);
    CM_AUTOFREE char *ignore = cm_strf("%s/a%d/.holdfastignore", root, i);
    CM_AUTOFREE char *ignored = cm_strf("/m%d.yaml\n", a->ignored);
    struct file merged = {.present = a->overlay != NO_OVERLAY,
                          .name = a->merged,
                          .text = a->overlay != NO_OVERLAY ? a->overlay : 0};

    write_file(w, &merged, overlay, here);
    if (here && a->ignored < FILES) {
        world_put(w, ignore, ignored);
    } else {
        world_remove(w, ignore);
    }
}

static void write_app(struct world *w, const struct tree *t, int i) {
    const struct app *a = &t->apps[i];

    for (int moved = 0; moved < 2; moved++) {
        const char *root = moved != 0 ? "teams/red" : "apps";
        bool here = a->present && (moved != 0) == t->app_files[i].moved;
        CM_AUTOFREE char *path = cm_strf("%s/a%d/app.yaml", root, i);

        if (here) {
            write_app_document(w, a, path, i, t->app_files[i].broken);
        } else {
            world_remove(w, path);
        }
        write_extras(w, a, root, i, here);
        for (int k = 0; k < FILES; k++) {
            CM_AUTOFREE char *file = cm_strf("%s/a%d/m%d.yaml", root, i, k);

            write_file(w, &a->files[k], file, here);
        }
    }
}

// write_source writes what stands in the other repository.
static void write_source(struct world *w, struct file files[APPS][FILES]) {
    for (int i = 0; i < APPS; i++) {
        for (int k = 0; k < FILES; k++) {
            CM_AUTOFREE char *file = cm_strf("a%d/m%d.yaml", i, k);

            write_file(w, &files[i][k], file, true);
        }
    }
}

// ---- Random edits

static void random_target(struct target *t) {
    t->kind = 1 + (int)roll(4);
    t->which = (int)roll(t->kind == 1 ? CLUSTERS : t->kind == 2 ? GROUPS : 3);
    t->value = (int)roll(4);
    t->label = (int)roll(4) - 1 > 0 ? (int)roll(3) : 0;
    t->overlay = roll(5) == 0 ? (int)roll(NO_OVERLAY) : NO_OVERLAY;
    t->suspend = roll(5) == 0;
    t->do_not_deploy = roll(6) == 0;
}

static void random_app(struct tree *t, int i) {
    struct app *a = &t->apps[i];
    int targets = (int)roll(TARGETS + 1);

    a->value = (int)roll(4);
    a->label = (int)roll(3);
    a->overlay = roll(4) == 0 ? (int)roll(NO_OVERLAY) : NO_OVERLAY;
    a->merged = 10 * (i + 1);
    a->release = roll(3) == 0 ? 1 + (int)roll(2) : 0;
    a->sourced = roll(5) == 0;
    a->prune = roll(3) != 0;
    a->suspend = roll(6) == 0;
    a->prune_on_loss = roll(2) == 0;
    a->depends_on = roll(4) == 0 ? 1U << roll(APPS) : 0;
    memset(a->targets, 0, sizeof(a->targets));
    for (int k = 0; k < targets; k++) {
        random_target(&a->targets[k]);
    }
}

static void random_file(struct file *f, int i, int k) {
    f->present = roll(5) != 0;
    f->broken = roll(12) == 0;
    f->text = (int)roll(5);
    f->name = roll(3) == 0 ? (int)roll(2) : 10 * (i + 1) + k;
}

static void edit_cluster(struct tree *t, int i) {
    struct cluster *c = &t->clusters[i];
    struct written *f = &t->cluster_files[i];

    switch (roll(6)) {
    case 0:
        c->present = !c->present;
        f->broken = false;
        break;
    case 1:
        c->env = (int)roll(3);
        break;
    case 2:
        c->value = (int)roll(4);
        break;
    case 3:
        c->suspend = !c->suspend;
        break;
    case 4:
        f->broken = !f->broken && c->present && !f->dirty;
        break;
    default:
        f->moved = f->broken ? f->moved : !f->moved;
        break;
    }
    f->dirty = true;
}

static void edit_group(struct tree *t, int i) {
    struct group *g = &t->groups[i];
    struct written *f = &t->group_files[i];

    switch (roll(5)) {
    case 0:
        g->present = !g->present || roll(3) != 0;
        f->broken = f->broken && g->present;
        break;
    case 1:
        g->env = (int)roll(4) - 1;
        break;
    case 2:
        g->list = roll(1U << CLUSTERS) & roll(1U << CLUSTERS);
        break;
    case 3:
        g->groups = roll(1U << GROUPS) & roll(1U << GROUPS) & roll(1U << GROUPS);
        break;
    default:
        f->broken = !f->broken && g->present && !f->dirty;
        break;
    }
    f->dirty = true;
}

static void edit_app(struct tree *t, int i) {
    struct app *a = &t->apps[i];
    struct written *f = &t->app_files[i];
    int overlay;

    switch (roll(9)) {
    case 8:
        a->ignored = (int)roll(2 * FILES);
        break;
    case 0:
        a->present = !a->present || roll(3) != 0;
        f->broken = f->broken && a->present;
        break;
    case 1:
        overlay = a->overlay;
        random_app(t, i);
        a->overlay = f->broken ? overlay : a->overlay; // its file is that of the good document
        break;
    case 2:
        f->broken = !f->broken && a->present && !f->dirty;
        break;
    case 3:
        f->moved = f->broken ? f->moved : !f->moved;
        break;
    case 4:
        a->depends_on = roll(3) == 0 ? 1U << roll(APPS) : 0;
        break;
    default: {
        int k = (int)roll(FILES);
        random_file(&a->files[k], i, k);
    } break;
    }
    f->dirty = true;
}

static void edit(struct tree *t) {
    unsigned edits = 1 + roll(5);

    for (unsigned i = 0; i < edits; i++) {
        switch (roll(5)) {
        case 0:
        case 1:
            edit_cluster(t, (int)roll(CLUSTERS));
            break;
        case 2:
            edit_group(t, (int)roll(GROUPS));
            break;
        default:
            edit_app(t, (int)roll(APPS));
            break;
        }
    }
}

// mend takes out all that is wrong, now and then, so that runs meet clean trees too.
static void mend(struct tree *t) {
    for (int i = 0; i < CLUSTERS; i++) {
        t->cluster_files[i].broken = false;
        t->cluster_files[i].dirty = true;
        t->clusters[i].value = t->clusters[i].value == NO_VALUE ? 0 : t->clusters[i].value;
    }
    for (int i = 0; i < GROUPS; i++) {
        t->groups[i].present = true;
        t->groups[i].list = 0;
        t->groups[i].groups &= (1U << i) - 1; // no circles
        t->group_files[i] = (struct written){.dirty = true};
    }
    for (int i = 0; i < APPS; i++) {
        struct app *a = &t->apps[i];

        a->depends_on = 0;
        a->ignored = FILES;
        t->app_files[i].broken = false;
        t->app_files[i].dirty = true;
        for (int k = 0; k < FILES; k++) {
            a->files[k].broken = false;
            a->files[k].present = true;
            a->files[k].name = 10 * (i + 1) + k;
            t->source[i][k] = a->files[k];
        }
        for (int k = 0; k < TARGETS; k++) {
            if (a->targets[k].kind == 1 && !t->clusters[a->targets[k].which].present) {
                a->targets[k].kind = 4;
            }
        }
    }
}

static void write_dirty(struct world *w, struct tree *t, bool all) {
    for (int i = 0; i < CLUSTERS; i++) {
        if (all || t->cluster_files[i].dirty) {
            write_cluster(w, t, i);
        }
        t->cluster_files[i].dirty = false;
    }
    for (int i = 0; i < GROUPS; i++) {
        if (all || t->group_files[i].dirty) {
            write_group(w, t, i);
        }
        t->group_files[i].dirty = false;
    }
    for (int i = 0; i < APPS; i++) {
        if (all || t->app_files[i].dirty) {
            write_app(w, t, i);
        }
        t->app_files[i].dirty = false;
    }
}

// ---- The model

// group_closure tells which groups each one names, directly or not.
static void group_closure(const struct model *m, bool reach[GROUPS][GROUPS]) {
    for (int i = 0; i < GROUPS; i++) {
        for (int k = 0; k < GROUPS; k++) {
            reach[i][k] =
                m->groups[i].present && m->groups[k].present && (m->groups[i].groups >> k & 1) != 0;
        }
    }
    for (int via = 0; via < GROUPS; via++) {
        for (int i = 0; i < GROUPS; i++) {
            for (int k = 0; k < GROUPS; k++) {
                reach[i][k] = reach[i][k] || (reach[i][via] && reach[via][k]);
            }
        }
    }
}

static bool in_group(const struct model *m, int group, int cluster) {
    bool reach[GROUPS][GROUPS];

    group_closure(m, reach);
    for (int i = 0; i < GROUPS; i++) {
        const struct group *g = &m->groups[i];

        if ((i == group || reach[group][i]) && g->present &&
            (g->env == m->clusters[cluster].env || (g->list >> cluster & 1) != 0)) {
            return true;
        }
    }
    return false;
}

// group_wrong tells whether a group names one that does not exist, or is on the way from circle to
// circle.
static bool group_wrong(const struct model *m, bool reach[GROUPS][GROUPS], int group) {
    bool from = false;
    bool to = false;

    for (int k = 0; k < GROUPS; k++) {
        if ((m->groups[group].groups >> k & 1) != 0 && !m->groups[k].present) {
            return true;
        }
        from = from || (reach[k][k] && (k == group || reach[k][group]));
        to = to || (reach[k][k] && (k == group || reach[group][k]));
    }
    return from && to;
}

// group_certain tells whether a group exists, and it and all that it names are right.
static bool group_certain(const struct model *m, int group) {
    bool reach[GROUPS][GROUPS];

    group_closure(m, reach);
    for (int k = 0; k < GROUPS; k++) {
        if ((k == group || reach[group][k]) && group_wrong(m, reach, k)) {
            return false;
        }
    }
    return m->groups[group].present;
}

static bool matches(const struct model *m, const struct target *t, int cluster) {
    switch (t->kind) {
    case 1:
        return t->which == cluster;
    case 2:
        return in_group(m, t->which, cluster);
    case 3:
        return t->which == m->clusters[cluster].env;
    default:
        return true;
    }
}

static const struct target *target_of(const struct model *m, int app, int cluster) {
    for (int k = 0; k < TARGETS && m->apps[app].targets[k].kind != 0; k++) {
        if (matches(m, &m->apps[app].targets[k], cluster)) {
            return m->apps[app].targets[k].do_not_deploy ? NULL : &m->apps[app].targets[k];
        }
    }
    return NULL;
}

static void closure(const struct model *m, bool reach[APPS][APPS]) {
    for (int i = 0; i < APPS; i++) {
        for (int k = 0; k < APPS; k++) {
            reach[i][k] =
                m->apps[i].present && m->apps[k].present && (m->apps[i].depends_on >> k & 1) != 0;
        }
    }
    for (int via = 0; via < APPS; via++) {
        for (int i = 0; i < APPS; i++) {
            for (int k = 0; k < APPS; k++) {
                reach[i][k] = reach[i][k] || (reach[i][via] && reach[via][k]);
            }
        }
    }
}

static bool frozen(const struct model *m, int app) {
    bool reach[APPS][APPS];
    bool from = false;
    bool to = false;

    for (int k = 0; k < TARGETS && m->apps[app].targets[k].kind != 0; k++) {
        const struct target *t = &m->apps[app].targets[k];
        if (t->kind == 2 && !group_certain(m, t->which)) {
            return true;
        }
    }
    for (int d = 0; d < APPS; d++) {
        if ((m->apps[app].depends_on >> d & 1) != 0 && !m->apps[d].present) {
            return true;
        }
    }
    closure(m, reach);
    for (int c = 0; c < APPS; c++) {
        from = from || (reach[c][c] && (c == app || reach[c][app]));
        to = to || (reach[c][c] && (c == app || reach[app][c]));
    }
    return from && to;
}

// value_of returns a text on a cluster, or false if a variable is undefined.
static bool value_of(const struct model *m, int text, const struct app *a, const struct target *t,
                     int cluster, struct cm_str *out) {
    int v = m->clusters[cluster].value;

    v = v != NO_VALUE ? v : t->value;
    v = v != NO_VALUE ? v : a->value;
    switch (text) {
    case 0:
        cm_str_add(out, "plain");
        return true;
    case 1:
        cm_str_addf(out, "%d", v);
        return v != NO_VALUE;
    case 2:
        cm_str_addf(out, "%d", v != NO_VALUE ? v : 9);
        return true;
    case 3:
        cm_str_addf(out, "c%d", cluster);
        return true;
    default:
        cm_str_addf(out, "x-e%d-${v}", m->clusters[cluster].env);
        return true;
    }
}

// text_of returns which text an object has once overlays are put in.
static int text_of(const struct file *f, const struct app *doc, const struct target *target) {
    if (f->name != doc->merged) {
        return f->text;
    }
    if (target->overlay != NO_OVERLAY) {
        return target->overlay;
    }
    return doc->overlay != NO_OVERLAY ? doc->overlay : f->text;
}

// counts tells whether a file is one of an App's manifests.
static bool counts(const struct model *m, const struct tree *t, int app, int k) {
    const struct file *f = m->apps[app].sourced ? &m->source[app][k] : &t->apps[app].files[k];

    return f->present && (m->apps[app].sourced || t->apps[app].ignored != k);
}

// overlays_match tells whether there is just the object that an App or target changes.
static bool overlays_match(const struct model *m, const struct tree *t, int app,
                           const struct target *target) {
    const struct app *doc = &m->apps[app];
    const struct file *files = doc->sourced ? m->source[app] : t->apps[app].files;
    int found = 0;

    for (int k = 0; k < FILES; k++) {
        found += counts(m, t, app, k) && files[k].name == doc->merged ? 1 : 0;
    }
    return found == 1 || (doc->overlay == NO_OVERLAY && target->overlay == NO_OVERLAY);
}

// render writes what an App should be on a cluster; false: it cannot be rendered.
static bool render(const struct model *m, const struct tree *t, int app, int cluster,
                   const struct target *target, struct cm_str *out) {
    const struct app *doc = &m->apps[app];
    const struct file *files = doc->sourced ? m->source[app] : t->apps[app].files;
    int label = target->label > 0 ? target->label : doc->label;
    bool ok = false;

    if (doc->sourced && !m->loaded) {
        return false;
    }
    cm_str_addf(out, "ns prune=%d suspend=%d", doc->prune,
                doc->suspend || target->suspend || m->clusters[cluster].suspend);
    for (int d = 0; d < APPS; d++) {
        if ((doc->depends_on >> d & 1) != 0) {
            cm_str_addf(out, " a%d", d);
        }
    }
    for (int name = 0; name < 10 * (APPS + 2); name++) {
        int found = 0;
        for (int k = 0; k < FILES; k++) {
            if (!counts(m, t, app, k) || (files[k].name != name && !files[k].broken)) {
                continue;
            }
            cm_str_addf(out, " o%d=", name);
            if (files[k].broken || ++found > 1 ||
                !value_of(m, text_of(&files[k], doc, target), doc, target, cluster, out)) {
                return false;
            }
            if (label > 0) {
                cm_str_addf(out, "/l%d", label);
            }
            ok = true;
        }
    }
    return ok && overlays_match(m, t, app, target);
}

// claims tells whether a rendered text has an object.
static bool claims(const char *text, int name) {
    CM_AUTOFREE char *part = cm_strf(" o%d=", name);

    return strstr(text, part) != NULL;
}

// refuse marks the candidates of a cluster that lose a conflict; it tells whether there was one.
static bool refuse(const struct model *m, int cluster, char candidates[APPS][512],
                   bool lost[APPS]) {
    bool loses[APPS] = {false};
    bool any = false;

    for (int a = 0; a < APPS; a++) {
        for (int b = 0; b < APPS; b++) {
            for (int name = 0; a != b && name < 10; name++) {
                if (claims(candidates[a], name) && claims(candidates[b], name) &&
                    !claims(m->pairs[a][cluster].text, name)) {
                    loses[a] = true;
                }
            }
        }
    }
    for (int a = 0; a < APPS; a++) {
        if (loses[a] && !lost[a]) {
            lost[a] = true;
            any = true;
            (void)snprintf(candidates[a], sizeof(candidates[a]), "%s", m->pairs[a][cluster].text);
        }
    }
    return any;
}

static void unlink_pair(struct pair *p, bool prune) {
    if (p->text[0] != '\0') {
        p->gone = true;
        p->gone_prune = prune;
    }
    p->linked = false;
    p->leaving = false;
    p->text[0] = '\0';
}

// leave lets an App go with its objects, or without them at once.
static void leave(struct pair *p, bool prune) {
    if (prune && p->text[0] != '\0') {
        p->leaving = true;
    } else {
        unlink_pair(p, prune);
    }
}

// What is known of an App on the cluster that is being settled.
struct outlook {
    char candidates[APPS][512];
    char wanted[APPS][512]; // what Git says, "" where it is not known
    bool lost[APPS];
    bool stuck[APPS]; // cannot become what Git says, for reasons of its own
};

// suspend_of returns the digit of a rendered text that says whether it is suspended.
static char *suspend_of(char *text) {
    return strstr(text, "suspend=") + strlen("suspend=");
}

static bool same_but_suspend(const char *a, const char *b) {
    char left[512];

    if (a[0] == '\0' || b[0] == '\0') {
        return strcmp(a, b) == 0;
    }
    (void)snprintf(left, sizeof(left), "%s", a);
    *suspend_of(left) = *suspend_of((char *)(uintptr_t)b);
    return strcmp(left, b) == 0;
}

// suspend does to what is in force what documents say now, whatever else waits.
static void suspend(const struct model *m, struct pair *p, int app, int cluster) {
    const struct target *target = target_of(m, app, cluster);

    if (m->apps[app].present && p->text[0] != '\0') {
        bool is = m->apps[app].suspend || m->clusters[cluster].suspend ||
                  (target != NULL && target->suspend);

        *suspend_of(p->text) = is ? '1' : '0';
    }
}

// hold takes back candidates of Apps in whose release group one is stuck; it tells whether there
// were some.
static bool hold(const struct model *m, int cluster, struct outlook *o) {
    bool any = false;

    for (int a = 0; a < APPS; a++) {
        const struct pair *p = &m->pairs[a][cluster];

        for (int b = 0; p->linked && !p->leaving && b < APPS; b++) {
            const struct pair *other = &m->pairs[b][cluster];

            if (a != b && other->linked && !other->leaving && m->apps[a].release > 0 &&
                m->apps[a].release == m->apps[b].release && (o->stuck[b] || o->lost[b]) &&
                !same_but_suspend(o->candidates[a], p->text)) {
                (void)snprintf(o->candidates[a], sizeof(o->candidates[a]), "%s", p->text);
                any = true;
            }
        }
    }
    return any;
}

// cannot_take tells whether an object would be gone until another App's candidate is not refused.
static bool cannot_take(const struct outlook *o, int app, int name) {
    bool wanted = false;

    for (int b = 0; b < APPS; b++) {
        if (b != app && claims(o->candidates[b], name)) {
            return false;
        }
        wanted = wanted || (b != app && claims(o->wanted[b], name));
    }
    return wanted;
}

// hands_over tells whether an App gives up what no other one can take yet.
static bool hands_over(const struct pair *p, const struct outlook *o, int app) {
    const char *candidate = o->candidates[app];
    bool removes = p->leaving ? candidate[0] == '\0' : strstr(candidate, " prune=1 ") != NULL;

    for (int name = 0; removes && name < 10; name++) {
        if (claims(p->text, name) && !claims(candidate, name) && cannot_take(o, app, name)) {
            return true;
        }
    }
    return false;
}

// keep takes back candidates of Apps that give up what no other can take yet; it tells whether
// there were some.
static bool keep(const struct model *m, int cluster, struct outlook *o) {
    bool keeps[APPS];
    bool any = false;

    for (int a = 0; a < APPS; a++) {
        keeps[a] = hands_over(&m->pairs[a][cluster], o, a);
    }
    for (int a = 0; a < APPS; a++) {
        if (keeps[a]) {
            (void)snprintf(o->candidates[a], sizeof(o->candidates[a]), "%s",
                           m->pairs[a][cluster].text);
            o->stuck[a] = true;
            any = true;
        }
    }
    return any;
}

// consider works out what an App would be on a cluster.
static void consider(struct model *m, const struct tree *t, int app, int cluster,
                     struct outlook *o) {
    struct pair *p = &m->pairs[app][cluster];
    const struct target *target;
    struct cm_str s = {0};

    (void)snprintf(o->candidates[app], sizeof(o->candidates[app]), "%s", p->text);
    o->stuck[app] = true;
    if (!m->apps[app].present || t->app_files[app].broken || frozen(m, app)) {
        if (p->leaving && !(m->apps[app].present && frozen(m, app))) {
            o->candidates[app][0] = '\0';
        }
        return;
    }
    target = target_of(m, app, cluster);
    if (target == NULL) {
        leave(p, m->apps[app].prune_on_loss);
        o->candidates[app][0] = '\0';
        return;
    }
    p->linked = true;
    p->leaving = false;
    if (render(m, t, app, cluster, target, &s)) {
        (void)snprintf(o->candidates[app], sizeof(o->candidates[app]), "%s", cm_str_get(&s));
        (void)snprintf(o->wanted[app], sizeof(o->wanted[app]), "%s", cm_str_get(&s));
        o->stuck[app] = false;
    }
    cm_str_done(&s);
}

static void settle(struct model *m, const struct tree *t, int cluster, const char *revision) {
    CM_AUTOFREE struct outlook *o = cm_new(1, sizeof(*o));

    for (int app = 0; app < APPS; app++) {
        consider(m, t, app, cluster, o);
    }
    do {
        while (refuse(m, cluster, o->candidates, o->lost)) {
        }
    } while (hold(m, cluster, o) || keep(m, cluster, o));
    for (int app = 0; app < APPS; app++) {
        struct pair *p = &m->pairs[app][cluster];

        if (p->leaving && o->candidates[app][0] == '\0') {
            unlink_pair(p, true);
        }
        if (strcmp(p->text, o->candidates[app]) != 0) {
            (void)snprintf(p->text, sizeof(p->text), "%s", o->candidates[app]);
            (void)snprintf(p->revision, sizeof(p->revision), "%s", revision);
            p->gone = false;
        }
        suspend(m, p, app, cluster);
    }
}

// forget_source lets go of the other repository once no App wants it.
static void forget_source(struct model *m) {
    bool wanted = false;

    for (int i = 0; i < APPS; i++) {
        wanted = wanted || (m->apps[i].present && m->apps[i].sourced);
    }
    m->loaded = m->loaded && wanted;
}

static void advance(struct model *m, const struct tree *t, const char *revision) {
    for (int i = 0; i < GROUPS; i++) {
        if (!t->group_files[i].broken) {
            m->groups[i] = t->groups[i];
        }
    }
    for (int i = 0; i < APPS; i++) {
        bool was = m->apps[i].present;
        bool prune = m->apps[i].prune;

        if (!t->app_files[i].broken) {
            m->apps[i] = t->apps[i];
        }
        for (int c = 0; was && !m->apps[i].present && c < CLUSTERS; c++) {
            struct pair *p = &m->pairs[i][c];

            leave(p, prune && strstr(p->text, " prune=1 ") != NULL);
        }
    }
    for (int i = 0; i < CLUSTERS; i++) {
        if (!t->cluster_files[i].broken) {
            m->clusters[i] = t->clusters[i];
        }
        if (!m->clusters[i].present) {
            for (int a = 0; a < APPS; a++) {
                m->pairs[a][i] = (struct pair){0};
            }
            continue;
        }
        settle(m, t, i, revision);
    }
    forget_source(m);
}

// ---- Comparison

static void describe(const struct hub_bundle *b, struct cm_str *out) {
    cm_str_addf(out, "%s prune=%d suspend=%d", b->spec.namespace, b->spec.prune, b->spec.suspend);
    for (size_t i = 0; i < b->spec.depends_on_count; i++) {
        cm_str_addf(out, " %s", b->spec.depends_on[i]);
    }
    for (int name = 0; name < 10 * (APPS + 2); name++) {
        CM_AUTOFREE char *key = cm_strf("ConfigMap/ns/o%d", name);

        for (size_t i = 0; i < b->spec.object_count; i++) {
            const struct cm_buf *bytes = b->spec.objects[i].bytes;

            if (strcmp(b->spec.objects[i].key, key) != 0) {
                continue;
            }
            const char *value = memmem(bytes->data, bytes->size, "\"value\": \"", 10);
            assert_non_null(value);
            value += 10;
            cm_str_addf(out, " o%d=%.*s", name, (int)strcspn(value, "\""), value);
            const char *label = memmem(bytes->data, bytes->size, "\"l\": \"", 6);
            if (label != NULL) {
                cm_str_addf(out, "/%.2s", label + 6);
            }
        }
    }
}

static void compare_pair(struct world *w, const struct model *m, int app, int cluster) {
    const struct pair *p = &m->pairs[app][cluster];
    CM_AUTOFREE char *app_name = cm_strf("a%d", app);
    CM_AUTOFREE char *cluster_name = cm_strf("c%d", cluster);
    const struct hub_pair *pair = world_pair(w, cluster_name, app_name);
    struct cm_str text = {0};

    if (pair != NULL) {
        describe(pair->bundle, &text);
    }
    if (strcmp(cm_str_get(&text), p->text) != 0) {
        print_error("App %s on %s at %s:\n is        %s\n should be %s\n%s\n", app_name,
                    cluster_name, p->revision, cm_str_get(&text), p->text, world_problems(w));
        fail();
    }
    if (pair != NULL) {
        assert_string_equal(pair->revision, p->revision);
    }
    cm_str_done(&text);
}

static void compare_gone(struct world *w, const struct model *m, int cluster) {
    CM_AUTOFREE char *name = cm_strf("c%d", cluster);
    const struct hub_desired *d = hub_fleet_desired(w->fleet, name);
    size_t count = 0;

    assert_int_equal(d != NULL, m->clusters[cluster].present);
    for (int app = 0; d != NULL && app < APPS; app++) {
        const struct pair *p = &m->pairs[app][cluster];
        char app_name[8];

        if (!p->gone) {
            continue;
        }
        (void)snprintf(app_name, sizeof(app_name), "a%d", app);
        assert_true(count < d->gone_count);
        assert_string_equal(d->gone[count].app, app_name);
        assert_int_equal(d->gone[count].prune, p->gone_prune);
        assert_int_equal(d->gone[count].held, p->linked && p->gone_prune);
        count++;
    }
    if (d != NULL) {
        assert_int_equal(d->gone_count, count);
    }
}

struct grouping {
    const struct model *model;
    unsigned seen;
};

static void compare_group(void *ctx, const struct hub_group_info *info) {
    struct grouping *grouping = ctx;
    int group = info->name[1] - '0';
    unsigned members = 0;

    for (size_t i = 0; i < info->cluster_count; i++) {
        members |= 1U << (info->clusters[i][1] - '0');
    }
    for (int c = 0; c < CLUSTERS; c++) {
        bool is = grouping->model->clusters[c].present && in_group(grouping->model, group, c);

        assert_int_equal(members >> c & 1, is);
    }
    grouping->seen |= 1U << group;
}

static void compare_groups(struct world *w, const struct model *m) {
    struct grouping grouping = {.model = m};

    hub_fleet_each_group(w->fleet, compare_group, &grouping);
    for (int i = 0; i < GROUPS; i++) {
        assert_int_equal(grouping.seen >> i & 1, m->groups[i].present);
    }
}

// feed tells a fleet of the other repository.
static void feed(struct world *w, struct file source[APPS][FILES], bool complete) {
    w->repo = SOURCE;
    w->source_only = true;
    write_source(w, source);
    (void)(complete ? world_commit_all(w) : world_commit(w));
    w->repo = "fleet";
    w->source_only = false;
}

// compare_fresh gives a new fleet the whole tree at once.
static bool compare_fresh(const struct tree *t, const struct model *m) {
    struct tree copy = *t;
    struct world fresh;
    size_t count;

    world_init(&fresh);
    write_dirty(&fresh, &copy, true);
    (void)world_commit_all(&fresh);
    if (m->loaded) {
        struct file source[APPS][FILES];

        memcpy(source, m->source, sizeof(source));
        feed(&fresh, source, true);
    }
    (void)hub_fleet_problems(fresh.fleet, &count);
    for (int a = 0; count == 0 && a < APPS; a++) {
        for (int c = 0; c < CLUSTERS; c++) {
            struct model same = *m;
            CM_AUTOFREE char *app = cm_strf("a%d", a);
            CM_AUTOFREE char *cluster = cm_strf("c%d", c);
            const struct hub_pair *pair = world_pair(&fresh, cluster, app);

            if (pair != NULL) {
                (void)snprintf(same.pairs[a][c].revision, 16, "%s", pair->revision);
            }
            compare_pair(&fresh, &same, a, c);
        }
    }
    world_done(&fresh);
    return count == 0;
}

// compare_all compares everything with the model; it tells whether nothing is wrong.
static bool compare_all(struct world *w, const struct tree *t, const struct model *m) {
    size_t problems;

    for (int c = 0; c < CLUSTERS; c++) {
        for (int a = 0; a < APPS; a++) {
            compare_pair(w, m, a, c);
        }
        compare_gone(w, m, c);
    }
    compare_groups(w, m);
    (void)hub_fleet_problems(w->fleet, &problems);
    bool is_clean = compare_fresh(t, m);
    if (is_clean != (problems == 0)) {
        print_error("r%u: %s\n", w->commits, world_problems(w));
        fail();
    }
    return is_clean;
}

static bool source_is_wanted(struct world *w) {
    size_t count;

    (void)hub_fleet_sources(w->fleet, &count);
    return count > 0;
}

static void step_source(struct world *w, struct tree *t, struct model *m) {
    int i = (int)roll(APPS);
    int k = (int)roll(FILES);

    random_file(&t->source[i][k], i, k);
    feed(w, t->source, !m->loaded);
    if (source_is_wanted(w)) {
        memcpy(m->source, t->source, sizeof(m->source));
        m->loaded = true;
    }
}

// restart gives what runs to a new fleet, as the store would, and loads it with the whole tree.
static void restart(struct world *w, struct tree *t, struct model *m) {
    struct hub_fleet *old = w->fleet;

    w->fleet = hub_fleet_new((const uint8_t *)"a key for names of Secrets\0\0\0\0\0");
    hub_fleet_set_guard(w->fleet, &no_guard);
    hub_fleet_expect(w->fleet, "fleet");
    for (int c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *name = cm_strf("c%d", c);
        const struct hub_desired *d = hub_fleet_desired(old, name);

        if (d != NULL) {
            hub_fleet_seed(w->fleet, name, d->pairs, d->pair_count, d->gone, d->gone_count);
        }
    }
    hub_fleet_result_free(w->last);
    w->last = NULL;
    hub_fleet_free(old);
    write_dirty(w, t, true);
    (void)world_commit_all(w);
    if (m->loaded) {
        memcpy(t->source, m->source, sizeof(t->source));
        feed(w, t->source, true);
    }
}

static void step(struct world *w, struct tree *t, struct model *m, size_t *clean) {
    if (roll(4) == 0) {
        step_source(w, t, m);
    } else {
        edit(t);
        if (roll(7) == 0) {
            mend(t);
        }
        bool all = roll(8) == 0;
        write_dirty(w, t, all);
        if (roll(5) == 0) {
            write_app(w, t, (int)roll(APPS)); // as it is: files change their mode only
        }
        (void)(all ? world_commit_all(w) : world_commit(w));
    }
    CM_AUTOFREE char *revision = cm_strf("r%u", w->commits);
    advance(m, t, revision);
    bool is_clean = compare_all(w, t, m);
    *clean += is_clean ? 1 : 0;
    if (is_clean && roll(6) == 0) { // else documents that are kept would be forgotten
        restart(w, t, m);
        (void)compare_all(w, t, m);
    }
}

static size_t run(uint64_t seed) {
    CM_AUTOFREE struct tree *t = cm_new(1, sizeof(*t));
    CM_AUTOFREE struct model *m = cm_new(1, sizeof(*m));
    struct world w;
    size_t clean = 0;

    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    world_init(&w);
    hub_fleet_set_guard(w.fleet, &no_guard);
    for (int i = 0; i < APPS; i++) {
        random_app(t, i);
        t->apps[i].ignored = FILES;
        for (int k = 0; k < FILES; k++) {
            random_file(&t->apps[i].files[k], i, k);
            random_file(&t->source[i][k], i, k);
        }
    }
    for (unsigned i = 1; i <= COMMITS; i++) {
        step(&w, t, m, &clean);
    }
    world_done(&w);
    return clean;
}

static void random_commits_give_what_the_model_says(void **state) {
    const char *given = getenv("HOLDFAST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    size_t clean = 0;

    (void)state;
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : RUNS); seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        clean += run(seed);
    }
    print_message("%zu commits left nothing wrong\n", clean);
    assert_true(given != NULL || clean > RUNS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_commits_give_what_the_model_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
