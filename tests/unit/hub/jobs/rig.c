#include "rig.h"

#include "hub/access/authority.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/found.h"
#include "hub/jobs/overrule.h"
#include "hub/jobs/proven.h"
#include "hub/jobs/record.h"
#include "hub/store/agents.h"
#include "hub/store/proven.h"

static const char shell[] =
    "document() { mkdir -p $(dirname $1); printf 'apiVersion: %s\\nkind: %s\\n"
    "metadata: {name: %s}\\n%s\\n' $2 $3 $4 \"$5\" > $1; }\n"
    "cluster() { document clusters/$1.yaml holdfast/v1alpha1 Cluster $1 ''; }\n"
    "app() { document apps/$1/app.yaml holdfast/v1alpha1 App $1 'spec: {namespace: default, "
    "targets: [{clusterSelector: {}}], prune: true, plainSecrets: allow}'; }\n"
    "config() { document apps/$1/$2.yaml v1 ConfigMap $2 \"data: {x: '$3'}\"; }\n"
    "workload() { document apps/$1/$2.yaml apps/v1 Deployment $2 \"spec: {template: {spec: {"
    "containers: [{name: main, image: 'reg/$3', env: [{name: A, value: '$4'}]}]}}}\"; }\n"
    "secret() { document apps/$1/$2.yaml v1 Secret $2 \"stringData: {x: '$3'}\"; }\n";

int rig_open(void **state) {
    struct rig *r = cm_new(1, sizeof(*r));
    struct cm_err err;
    void *made;

    assert_int_equal(scratch_open(&made), 0);
    r->scratch = made;
    assert_int_equal(open_db(&made), 0);
    r->db = made;
    CM_AUTOFREE char *keys = scratch_path(r->scratch, "keys");
    if (hub_authority_open(keys, NULL, 0, &r->authority, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    *state = r;
    return 0;
}

static void stop(struct rig *r) {
    hub_outcome_free(r->last);
    r->last = NULL;
    hub_planner_free(r->planner);
    r->planner = NULL;
    for (size_t i = 0; i < r->source_count; i++) {
        free(r->folders[i]);
    }
    r->source_count = 0;
}

int rig_close(void **state) {
    struct rig *r = *state;
    void *scratch = r->scratch;

    stop(r);
    hub_authority_free(r->authority);
    hub_db_close(r->db);
    (void)scratch_close(&scratch);
    free(r);
    return 0;
}

void rig_start(struct rig *r, const char *const *names) {
    struct cm_err err;

    stop(r);
    for (; *names != NULL; names++) {
        CM_AUTOFREE char *folder = cm_strf("mirrors/%s", *names);

        r->folders[r->source_count] = scratch_path(r->scratch, folder);
        r->sources[r->source_count] =
            (struct hub_planner_source){.name = *names,
                                        .folder = r->folders[r->source_count],
                                        .prefix = "",
                                        .writes = !r->reads};
        r->source_count++;
    }
    r->planner =
        hub_planner_new(&(struct hub_planner_config){.authority = r->authority,
                                                     .sources = r->sources,
                                                     .source_count = r->source_count,
                                                     .guard = HUB_GUARD_DEFAULT,
                                                     .epoch = r->epoch > 0 ? r->epoch : 1});
    assert_int_equal(hub_planner_seed(r->planner, r->db, &err), CM_OK);
}

static struct hub_outcome *record(struct rig *r, struct hub_outcome *o) {
    struct cm_err err;

    hub_outcome_free(r->last);
    r->last = o;
    if (o->err.code != CM_OK) {
        fail_msg("%s", o->err.msg);
    }
    hub_planner_ask_holds(r->planner, o);
    assert_int_equal(hub_db_begin(r->db, &err), CM_OK);
    if (hub_record_outcome(r->db, o, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(hub_db_commit(r->db, &err), CM_OK);
    return o;
}

size_t rig_source(const struct rig *r, const char *name) {
    size_t at = 0;

    while (at < r->source_count && strcmp(r->sources[at].name, name) != 0) {
        at++;
    }
    assert_true(at < r->source_count);
    return at;
}

struct hub_outcome *rig_begin(struct rig *r) {
    return record(r, hub_planner_start(r->planner));
}

struct hub_outcome *rig_resume(struct rig *r, const char *name) {
    return record(r, hub_planner_resume(r->planner, rig_source(r, name)));
}

// push commits to a repository and to its mirror.
static struct hub_repo_id push(struct rig *r, const char *name, const char *script) {
    CM_AUTOFREE char *whole = cm_strf(
        "%stest -d %s || git init -q -b main %s\n"
        "test -d mirrors/%s/repo || git init -q --bare mirrors/%s/repo\n"
        "cd %s\n%s\ngit add -A >&2; git commit -q --allow-empty -m change >&2\n"
        "git push -q --force ../mirrors/%s/repo HEAD:refs/heads/tip >&2; git rev-parse HEAD",
        shell, name, name, name, name, name, script, name);

    return scratch_id(r->scratch, whole);
}

struct hub_outcome *rig_commit(struct rig *r, const char *name, const char *script) {
    struct hub_repo_id id = push(r, name, script);

    return record(r, hub_planner_commit(r->planner, rig_source(r, name), &id));
}

struct hub_outcome *rig_tree(struct rig *r, const char *repository, const char *want,
                             const char *script) {
    CM_AUTOFREE char *below = cm_strf("mirrors/%s", repository);
    CM_AUTOFREE char *folder = scratch_path(r->scratch, below);
    struct hub_planner_source tree = {.name = want, .folder = folder, .prefix = ""};
    struct hub_repo_id id = {0};

    if (script != NULL) {
        id = push(r, repository, script);
    }
    return record(r, hub_planner_tree(r->planner, &tree, script == NULL ? NULL : &id));
}

void rig_lose_mirror(struct rig *r, const char *name) {
    CM_AUTOFREE char *script = cm_strf("rm -rf mirrors/%s", name);

    scratch_run(r->scratch, script);
}

static struct hub_outcome *look_at_proven(struct rig *r, const char *cluster, const char *id) {
    struct hub_proven_list *list = NULL;
    struct cm_err err;

    assert_int_equal(hub_proven_read(r->db, cluster, &list, &err), CM_OK);
    struct hub_outcome *o = hub_planner_enroll(r->planner, cluster, id, list);
    hub_proven_free(list);
    return record(r, o);
}

struct hub_outcome *rig_enroll(struct rig *r, const char *cluster, const char *id) {
    struct hub_agent_row row = {.id = id, .cluster = cluster, .key = cm_sha256(id, strlen(id))};
    struct cm_err err;

    assert_int_equal(hub_agents_enroll(r->db, &row, 1, &err), CM_OK);
    return look_at_proven(r, cluster, id);
}

struct hub_outcome *rig_prove(struct rig *r, const struct hub_proven_row *row) {
    bool earlier = false;
    bool awaited = false;
    struct cm_err err;

    assert_int_equal(hub_proven_put(r->db, row, &earlier, &err), CM_OK);
    assert_int_equal(hub_proven_is_awaited(r->db, row, &awaited, &err), CM_OK);
    return earlier || awaited ? look_at_proven(r, row->cluster, row->agent) : NULL;
}

struct hub_outcome *rig_raise(struct rig *r, const char *cluster, uint64_t generation) {
    return record(r, hub_planner_raise(r->planner, cluster, 1, generation, false));
}

struct hub_outcome *rig_raise_new(struct rig *r, const char *cluster, uint64_t generation) {
    return record(r, hub_planner_raise(r->planner, cluster, 1, generation, true));
}

struct hub_outcome *rig_decide(struct rig *r, const struct hub_decision_row *row) {
    struct hub_decided_list *list = NULL;
    bool is_new = false;
    struct cm_err err;

    assert_int_equal(hub_decisions_add(r->db, row, &is_new, &err), CM_OK);
    assert_int_equal(hub_decided_read(r->db, &list, &err), CM_OK);
    return record(r, hub_planner_decide(r->planner, list));
}

struct hub_outcome *rig_found(struct rig *r, const char *text) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    struct hub_found found = {.holds = &hold, .count = 1};
    struct cm_err err;

    assert_int_equal(hub_hold_parse(text, strlen(text), &hold, &err), CM_OK);
    return record(r, hub_planner_found(r->planner, &found));
}

struct hub_outcome *rig_overrule(struct rig *r, const char *app, const char *path) {
    struct cm_err err;

    assert_int_equal(hub_overrule(r->db, app, path, &err), CM_OK);
    return record(r, hub_planner_overrule(r->planner, app, path));
}

struct hub_outcome *rig_pass_time(struct rig *r) {
    return record(r, hub_planner_pass_time(r->planner));
}

void rig_note_reverted(struct rig *r, const char *app, const char *path) {
    struct cm_err err;

    assert_int_equal(hub_overrule_answer(r->db, app, path, &err), CM_OK);
    hub_planner_note_reverted(r->planner, app, path);
}

const struct hub_cluster_change *rig_change(const struct hub_outcome *o, const char *cluster) {
    for (size_t i = 0; i < o->change_count; i++) {
        if (strcmp(o->changes[i].cluster, cluster) == 0) {
            return &o->changes[i];
        }
    }
    return NULL;
}

static const struct hub_desired *now_of(const struct hub_outcome *o, const char *cluster) {
    const struct hub_cluster_change *change = rig_change(o, cluster);

    return change == NULL ? NULL : change->now;
}

bool rig_runs(const struct hub_outcome *o, const char *cluster, const char *app) {
    const struct hub_desired *now = now_of(o, cluster);

    for (size_t i = 0; now != NULL && i < now->pair_count; i++) {
        if (strcmp(now->pairs[i].app, app) == 0) {
            return true;
        }
    }
    return false;
}

bool rig_has_lost(const struct hub_outcome *o, const char *cluster, const char *app) {
    const struct hub_desired *now = now_of(o, cluster);

    for (size_t i = 0; now != NULL && i < now->gone_count; i++) {
        if (strcmp(now->gone[i].app, app) == 0) {
            return true;
        }
    }
    return false;
}
