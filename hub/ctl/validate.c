// validate.c: `holdfast validate`: all that is wrong with a fleet repository, before it is pushed.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/fleet/fleet.h"
#include "hub/repo/folder.h"
#include "hub/repo/tree.h"

static enum cm_rc read_file(void *ctx, const char *repo, const uint8_t oid[HUB_OID_SIZE],
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    struct hub_repo_id id;

    (void)repo;
    memcpy(id.bytes, oid, sizeof(id.bytes));
    return hub_tree_read_id(ctx, &id, max_bytes, out, err);
}

static const struct hub_fleet_change *make_changes(struct ctl *c,
                                                   const struct hub_entries *entries) {
    struct hub_fleet_change *changes =
        cm_arena_get(c->arena, (entries->count + 1) * sizeof(*changes));

    for (size_t i = 0; i < entries->count; i++) {
        const struct hub_entry *entry = &entries->items[i];

        changes[i].path = entry->path;
        changes[i].special = entry->type != HUB_ENTRY_FILE;
        memcpy(changes[i].oid, entry->id.bytes, sizeof(changes[i].oid));
    }
    return changes;
}

static void print_problem(const char *folder, const struct hub_problem *p) {
    const char *separator = folder[0] != '\0' && folder[strlen(folder) - 1] == '/' ? "" : "/";
    bool here = strcmp(folder, ".") == 0;

    (void)printf("%s%s%s:", here ? "" : folder, here ? "" : separator, p->path);
    if (p->line > 0) {
        (void)printf("%u:%u:", p->line, p->column);
    }
    (void)printf(" %s", p->message);
    if (p->clusters > 1 && p->cluster != NULL) {
        (void)printf(" (on %zu clusters, first %s)", p->clusters, p->cluster);
    } else if (p->clusters > 1) {
        (void)printf(" (on %zu clusters)", p->clusters);
    } else if (p->cluster != NULL) {
        (void)printf(" (on cluster %s)", p->cluster);
    }
    (void)putchar('\n');
}

static struct cm_json *problem_json(struct cm_arena *a, const struct hub_problem *p) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, row, "path", p->path);
    cm_json_set_int(a, row, "line", p->line);
    cm_json_set_int(a, row, "column", p->column);
    cm_json_set_string(a, row, "message", p->message);
    cm_json_set_string(a, row, "app", p->app);
    cm_json_set_string(a, row, "cluster", p->cluster);
    cm_json_set_int(a, row, "clusters", (int64_t)p->clusters);
    return row;
}

static void count_cluster(void *ctx, const struct hub_cluster_info *info) {
    (void)info;
    ++*(size_t *)ctx;
}

static void count_app(void *ctx, const struct hub_app_info *info) {
    (void)info;
    ++*(size_t *)ctx;
}

static void print_verdict(const struct hub_fleet *fleet, size_t problems) {
    size_t clusters = 0;
    size_t apps = 0;

    hub_fleet_each_cluster(fleet, count_cluster, &clusters);
    hub_fleet_each_app(fleet, count_app, &apps);
    if (problems == 0) {
        (void)printf("%zu apps on %zu clusters: no problems\n", apps, clusters);
    } else {
        (void)printf("%zu problem%s\n", problems, problems == 1 ? "" : "s");
    }
}

static int print_problems(struct ctl *c, const char *folder, const struct hub_fleet *fleet) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(fleet, &count);
    struct cm_json *list = cm_json_new(c->arena, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        if (ctl_output_is(c, "table")) {
            print_problem(folder, &problems[i]);
        } else {
            cm_json_append(list, problem_json(c->arena, &problems[i]));
        }
    }
    if (ctl_output_is(c, "table")) {
        print_verdict(fleet, count);
    } else if (ctl_print_value(c, list) < 0) {
        return CTL_ERROR;
    }
    return count == 0 ? CTL_DONE : CTL_NO;
}

int ctl_validate(struct ctl *c) {
    static const uint8_t secret_key[32] = {0}; // names stay here: nothing leaves this process
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    const char *folder = c->argc == 0 ? "." : c->argv[0];

    if (c->argc > 1) {
        return ctl_fail(c, CM_EINVAL, "validate: name one folder");
    }
    if (hub_folder_open(folder, &tree, &c->err) < 0 ||
        hub_tree_list(tree, "", NULL, &entries, &c->err) < 0) {
        return CTL_ERROR;
    }
    struct hub_fleet *fleet = hub_fleet_new(secret_key);
    struct hub_fleet_commit commit = {.repo = "fleet",
                                      .revision = "",
                                      .changes = make_changes(c, &entries),
                                      .change_count = entries.count,
                                      .complete = true};
    hub_fleet_result_free(hub_fleet_update(
        fleet, &commit, &(struct hub_fleet_reader){.read = read_file, .ctx = tree}));
    int code = print_problems(c, folder, fleet);
    hub_fleet_free(fleet);
    return code;
}
