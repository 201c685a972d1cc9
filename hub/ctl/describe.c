// describe.c: `holdfast describe`: all that is known of one thing, with what is wrong first.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/rows.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TITLE_WIDTH 14
#define ROWS 20
#define VALUE_INDENT 2
#define CAUSE_INDENT 7

// A member of the answer on a line of its own.
struct line {
    const char *title;
    const char *member;
    enum ctl_column_type type;
};

// An array of the answer as a table.
struct section {
    const char *title;
    const char *member;
    const char *resource; // whose columns it has
};

struct description {
    const char *resource;
    const struct line *lines;
    size_t line_count;
    const struct section *sections;
    size_t section_count;
};

static const struct line cluster_lines[] = {
    {"Name", "name", CTL_TEXT},
    {"Labels", "labels", CTL_LABELS},
    {"Groups", "groups", CTL_LIST},
    {"In Git", "managed", CTL_YES},
    {"Suspended", "suspend", CTL_YES},
    {"Enrolled", "enrolled", CTL_YES},
    {"Connected", "connected", CTL_YES},
    {"Waits for approval", "held", CTL_TEXT},
    {"Last seen", "lastSeenMs", CTL_AGE},
    {"Agent", "agentVersion", CTL_TEXT},
    {"Driver", "driver", CTL_TEXT},
    {"Mode", "mode", CTL_TEXT},
    {"Target", "targetVersion", CTL_TEXT},
    {"Objects", "objects", CTL_NUMBER},
    {"Ready", "healthy apps", CTL_READY},
    {"Failed", "failed", CTL_NUMBER},
    {"Stale", "stale", CTL_NUMBER},
    {"Drifted", "drifted", CTL_NUMBER},
};

static const struct section cluster_sections[] = {
    {"Problems", "problems", "problems"}, {"Apps", "status", "status"},
    {"Drift", "drift", "drift"},          {"Exemptions", "exemptions", "exemptions"},
    {"Events", "events", "events"},
};

static const struct line app_lines[] = {
    {"Name", "name", CTL_TEXT},
    {"Repository", "repository", CTL_TEXT},
    {"Path", "path", CTL_TEXT},
    {"Namespace", "namespace", CTL_TEXT},
    {"Depends on", "dependsOn", CTL_LIST},
    {"Release group", "releaseGroup", CTL_TEXT},
    {"On reject", "onReject", CTL_TEXT},
    {"On failure", "onFailure", CTL_TEXT},
    {"Undo", "undo", CTL_TEXT},
    {"Write back", "writeBack", CTL_TEXT},
    {"Drift mode", "driftMode", CTL_TEXT},
    {"Capture", "capture", CTL_TEXT},
    {"Prune", "prune", CTL_YES},
    {"Suspended", "suspend", CTL_YES},
    {"Ready", "healthy clusters", CTL_READY},
    {"Failed", "failed", CTL_NUMBER},
    {"Degraded", "degraded", CTL_NUMBER},
    {"Stale", "stale", CTL_NUMBER},
    {"Held", "held", CTL_NUMBER},
    {"Needs human", "needsHuman", CTL_NUMBER},
    {"Waiting", "releasesWaiting", CTL_NUMBER},
    {"To confirm", "waits", CTL_NUMBER},
    {"Offline", "offline", CTL_NUMBER},
    {"Drifted", "drifted", CTL_NUMBER},
};

static const struct section app_sections[] = {
    {"Problems", "problems", "problems"}, {"Not ready", "status", "status"},
    {"Revisions", "revisions", "at"},     {"Exemptions", "exemptions", "exemptions"},
    {"Events", "events", "events"},
};

static const struct line group_lines[] = {
    {"Name", "name", CTL_TEXT},         {"Repository", "repository", CTL_TEXT},
    {"Path", "path", CTL_TEXT},         {"Clusters", "clusters", CTL_COUNT},
    {"Members", "clusters", CTL_LIST},  {"Ready", "healthy pairs", CTL_READY},
    {"Failed", "failed", CTL_NUMBER},   {"Stale", "stale", CTL_NUMBER},
    {"Offline", "offline", CTL_NUMBER}, {"Drifted", "drifted", CTL_NUMBER},
};

static const struct section group_sections[] = {{"Not ready", "status", "status"}};

static const struct line revision_lines[] = {
    {"Commit", "id", CTL_TEXT},
    {"Repository", "repository", CTL_TEXT},
    {"Subject", "subject", CTL_TEXT},
    {"Author", "author", CTL_TEXT},
    {"Committed", "committedMs", CTL_TIME},
    {"Resolved", "resolvedMs", CTL_TIME},
    {"Clusters", "clusters", CTL_NUMBER},
    {"Problems", "problems", CTL_NUMBER},
};

static const struct section revision_sections[] = {
    {"Problems", "problemList", "problems"},
    {"Not ready", "status", "status"},
    {"Events", "events", "events"},
};

static const struct line status_lines[] = {
    {"App", "app", CTL_TEXT},
    {"Cluster", "cluster", CTL_TEXT},
    {"Revision", "revision", CTL_TEXT},
    {"Up to date", "upToDate", CTL_CURRENT},
    {"Applied", "applied", CTL_STATE},
    {"Message", "message", CTL_TEXT},
    {"Health", "health", CTL_STATE},
    {"Why", "healthMessage", CTL_TEXT},
    {"Drifted", "drifted", CTL_NUMBER},
    {"Connected", "connected", CTL_YES},
    {"Suspended", "suspend", CTL_YES},
    {"Reported", "atMs", CTL_AGE},
    {"Held", "held", CTL_TEXT},
    {"Frozen", "frozen", CTL_TEXT},
    {"To confirm", "waits", CTL_TEXT},
    {"Needs human", "needsHuman", CTL_TEXT},
    {"Waits", "releaseWaits", CTL_TEXT},
};

static const struct section status_sections[] = {
    {"Problems", "problems", "problems"},
    {"Drift", "drift", "drift"},
    {"Objects", "objectList", "objects"},
    {"Events", "events", "events"},
};

static const struct line object_lines[] = {
    {"Object", "key", CTL_TEXT},      {"Cluster", "cluster", CTL_TEXT},
    {"App", "app", CTL_TEXT},         {"Health", "health", CTL_STATE},
    {"Message", "message", CTL_TEXT}, {"Fought", "fought", CTL_NUMBER},
    {"Reported", "atMs", CTL_AGE},
};

static const struct line hold_lines[] = {
    {"Name", "name", CTL_TEXT},
    {"App", "app", CTL_TEXT},
    {"State", "state", CTL_TEXT},
    {"Rejected", "rejected", CTL_TEXT},
    {"Restored", "restored", CTL_TEXT},
    {"By", "controller", CTL_TEXT},
    {"Object", "object", CTL_TEXT},
    {"Why", "message", CTL_TEXT},
    {"When", "atMs", CTL_TIME},
    {"In force", "inForce", CTL_NUMBER},
    {"Clusters", "clusters", CTL_LIST},
    {"Event", "event", CTL_TEXT},
    {"Repository", "repository", CTL_TEXT},
    {"Path", "path", CTL_TEXT},
    {"Proof", "proof", CTL_TEXT},
    {"Pull request", "pullRequest", CTL_TEXT},
    {"Its state", "pullRequestState", CTL_TEXT},
};

static const struct line ban_lines[] = {
    {"Name", "name", CTL_TEXT},  {"App", "app", CTL_TEXT},   {"Images", "images", CTL_LIST},
    {"Why", "reason", CTL_TEXT}, {"Path", "path", CTL_TEXT}, {"Repository", "repository", CTL_TEXT},
};

static const struct line freeze_lines[] = {
    {"Name", "name", CTL_TEXT},
    {"State", "state", CTL_TEXT},
    {"App", "app", CTL_TEXT},
    {"Cluster", "cluster", CTL_TEXT},
    {"Group", "group", CTL_TEXT},
    {"Labels", "selector", CTL_TEXT},
    {"Why", "reason", CTL_TEXT},
    {"By", "actor", CTL_TEXT},
    {"Made by", "source", CTL_TEXT},
    {"Since", "atMs", CTL_TIME},
    {"Until", "untilMs", CTL_TIME},
    {"Clusters", "clusters", CTL_NUMBER},
    {"Stopped", "stopped", CTL_NUMBER},
    {"Offline", "offline", CTL_NUMBER},
    {"Too old to stop", "tooOld", CTL_NUMBER},
    {"In Git", "inGit", CTL_TEXT},
    {"Note", "note", CTL_TEXT},
    {"Path", "path", CTL_TEXT},
    {"Repository", "repository", CTL_TEXT},
};

static const struct line exemption_lines[] = {
    {"Name", "name", CTL_TEXT},     {"App", "app", CTL_TEXT},
    {"Object", "object", CTL_TEXT}, {"Field", "field", CTL_TEXT},
    {"State", "state", CTL_TEXT},   {"Until", "untilMs", CTL_TIME},
    {"Why", "reason", CTL_TEXT},    {"By", "by", CTL_TEXT},
    {"From", "from", CTL_TEXT},     {"Object there", "siteObject", CTL_TEXT},
    {"Path", "path", CTL_TEXT},     {"Repository", "repository", CTL_TEXT},
};

static const struct section object_sections[] = {{"Drift", "drift", "drift"}};

#define OF(what) what##_lines, COUNT(what##_lines), what##_sections, COUNT(what##_sections)

static const struct description descriptions[] = {
    {"clusters", OF(cluster)},
    {"apps", OF(app)},
    {"groups", OF(group)},
    {"revisions", OF(revision)},
    {"status", OF(status)},
    {"objects", OF(object)},
    {"holds", hold_lines, COUNT(hold_lines), NULL, 0},
    {"bans", ban_lines, COUNT(ban_lines), NULL, 0},
    {"freezes", freeze_lines, COUNT(freeze_lines), NULL, 0},
    {"exemptions", exemption_lines, COUNT(exemption_lines), NULL, 0},
};

static const struct ctl_column at_columns[] = {
    {"REVISION", "revision", CTL_SHORT, CTL_ALWAYS},
    {"REPOSITORY", "repository", CTL_TEXT, CTL_ALWAYS},
    {"CLUSTERS", "clusters", CTL_NUMBER, CTL_ALWAYS},
};

static const struct description *find(const char *name) {
    for (size_t i = 0; i < COUNT(descriptions); i++) {
        if (strcmp(descriptions[i].resource, name) == 0) {
            return &descriptions[i];
        }
    }
    return NULL;
}

// ---- Printing

static void print_lines(struct ctl *c, const struct description *d, const struct cm_json *answer) {
    for (size_t i = 0; i < d->line_count; i++) {
        struct ctl_column column = {.member = d->lines[i].member, .type = d->lines[i].type};
        const char *text = ctl_cell_text(c->arena, answer, &column);
        size_t width = ctl_terminal_width();

        if (width > TITLE_WIDTH + 1 && column.type == CTL_LIST) {
            text = ctl_text_cut(c->arena, text, width - TITLE_WIDTH);
        }
        if (text[0] != '\0') {
            (void)printf("%-*s%s\n", TITLE_WIDTH, cm_arena_strf(c->arena, "%s:", d->lines[i].title),
                         text);
        }
    }
}

static struct ctl_table *make_table(struct ctl *c, const char *resource) {
    if (strcmp(resource, "at") == 0) {
        return ctl_table_new(c, at_columns, COUNT(at_columns));
    }
    const struct ctl_resource *r = ctl_resource_named(resource);
    return ctl_table_new(c, r->columns, r->count);
}

static void print_section(struct ctl *c, const struct section *s, const struct cm_json *answer) {
    struct cm_json *rows = cm_json_get(answer, s->member);
    size_t count = rows == NULL || rows->type != CM_ARRAY ? 0 : rows->count;

    if (count == 0) {
        return;
    }
    struct cm_json *first = ctl_rows_first(c->arena, rows, ROWS);
    if (strcmp(s->resource, "events") == 0) {
        first = ctl_rows_reversed(c->arena, first);
    }
    (void)printf("\n%s%s:%s\n", ctl_bold(), s->title, ctl_plain());
    ctl_table_print(make_table(c, s->resource), first);
    if (count > ROWS) {
        (void)printf("… and %zu more; see 'holdfast get %s'\n", count - ROWS,
                     strcmp(s->resource, "at") == 0 ? "status" : s->resource);
    }
}

// Equal causes together, in full: they are what people look for here.
static void print_causes(struct ctl *c, const struct cm_json *causes) {
    if (causes == NULL || causes->count == 0) {
        return;
    }
    (void)printf("\n%sCauses:%s\n", ctl_bold(), ctl_plain());
    for (const struct cm_json *at = causes->first; at != NULL; at = at->next) {
        const struct ctl_column why = {.member = "why", .type = CTL_TEXT};
        const struct ctl_column state = {.member = "state", .type = CTL_STATE};
        const struct ctl_column examples = {.member = "examples", .type = CTL_LIST};
        long long pairs = cm_json_int(cm_json_get(at, "pairs"), 0);

        (void)printf("%*lld %s (%s%s)\n%*s%s\n", CAUSE_INDENT - 1, pairs,
                     ctl_cell_text(c->arena, at, &state), ctl_cell_text(c->arena, at, &examples),
                     pairs > (long long)cm_json_get(at, "examples")->count ? ",…" : "",
                     CAUSE_INDENT, "", ctl_cell_text(c->arena, at, &why));
    }
}

static void print_rollout(const struct cm_json *rollout) {
    static const char *const stages[] = {"rendered", "delivered", "applied", "healthy"};
    long long pairs = cm_json_int(cm_json_get(rollout, "pairs"), 0);

    (void)printf("%-*s", TITLE_WIDTH, "Rollout:");
    for (size_t i = 0; i < COUNT(stages); i++) {
        (void)printf("%s%s %lld", i == 0 ? "" : ", ", stages[i],
                     (long long)cm_json_int(cm_json_get(rollout, stages[i]), 0));
    }
    (void)printf(" of %lld\n", pairs);
}

static void print_object(const struct cm_json *object) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const char *line;

    cm_yaml_write(object, &text);
    (void)printf("\n%sDesired:%s\n", ctl_bold(), ctl_plain());
    for (line = cm_str_get(&text); *line != '\0';) {
        size_t len = strcspn(line, "\n");

        (void)printf("%*s%.*s\n", VALUE_INDENT, "", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static enum cm_rc print_answer(struct ctl *c, const struct description *d,
                               const struct cm_json *answer) {
    const struct cm_json *rollout = cm_json_get(answer, "rollout");
    const struct cm_json *object = cm_json_get(answer, "desired");

    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, answer);
    }
    print_lines(c, d, answer);
    if (rollout != NULL) {
        print_rollout(rollout);
    }
    print_causes(c, cm_json_get(answer, "causes"));
    for (size_t i = 0; i < d->section_count; i++) {
        print_section(c, &d->sections[i], answer);
    }
    if (object != NULL) {
        print_object(object);
    }
    return CM_OK;
}

// ---- Asking

static enum cm_rc ask(struct ctl *c, const char *list, const char *first, const char *second,
                      struct cm_json **out) {
    CM_AUTOFREE char *a = cm_http_escape(first);
    CM_AUTOFREE char *b = second == NULL ? NULL : cm_http_escape(second);
    const char *path =
        cm_arena_strf(c->arena, "/%s/%s%s%s", list, a, b == NULL ? "" : "/", b == NULL ? "" : b);

    return ctl_call(c, "GET", path, NULL, NULL, out);
}

// Adds all differences of this object, whoever made them.
static enum cm_rc add_drift(struct ctl *c, const char *key, struct cm_json *object) {
    struct ctl_param params[] = {{"cluster", c->options.cluster}, {"key", key}, {NULL, NULL}};
    struct cm_json *drift = NULL;
    enum cm_rc rc = ctl_list(c, "/differences", params, 0, &drift);

    if (rc == CM_OK && drift != NULL) {
        cm_json_set(c->arena, object, "drift", cm_json_copy(c->arena, drift));
    }
    return rc;
}

// An object of one cluster: the API tells its parts in three lists.
static enum cm_rc ask_object(struct ctl *c, const char *key, struct cm_json **out) {
    struct ctl_param params[] = {{"cluster", c->options.cluster}, {"key", key}, {NULL, NULL}};
    struct cm_json *found = NULL;
    struct cm_json *desired = NULL;
    enum cm_rc rc = ctl_list(c, "/objects", params, 1, &found);

    if (rc < 0 || found == NULL) {
        return rc;
    }
    if (found->first == NULL) {
        return ctl_fail_unnamed(c, ctl_resource_named("objects"), key);
    }
    rc = add_drift(c, key, found->first);
    if (rc < 0) {
        return rc;
    }
    if (ctl_call(c, "GET", "/objects/desired", params, NULL, &desired) == CM_OK &&
        cm_json_get(desired, "object") != NULL) {
        cm_json_set(c->arena, found->first, "desired",
                    cm_json_copy(c->arena, cm_json_get(desired, "object")));
    }
    c->err = (struct cm_err){.code = CM_OK}; // a Secret is not shown; that is no failure here
    *out = found->first;
    return CM_OK;
}

static enum cm_rc describe(struct ctl *c, const struct ctl_resource *r, const char *name) {
    bool of_object = strcmp(r->name, "objects") == 0;
    bool of_pair = c->options.cluster != NULL &&
                   (strcmp(r->name, "apps") == 0 || strcmp(r->name, "status") == 0);
    struct cm_json *answer = NULL;
    enum cm_rc rc = of_object ? ask_object(c, name, &answer)
                    : of_pair ? ask(c, "status", c->options.cluster, name, &answer)
                              : ask(c, r->name, name, NULL, &answer);

    return rc < 0 ? rc : print_answer(c, find(of_pair ? "status" : r->name), answer);
}

static int check(struct ctl *c, const struct ctl_resource *r, int names) {
    bool needs_cluster = strcmp(r->name, "objects") == 0 || strcmp(r->name, "status") == 0;
    bool takes_cluster = needs_cluster || strcmp(r->name, "apps") == 0;

    if (find(r->name) == NULL) {
        return ctl_fail(c, CM_EINVAL, "%s cannot be described; see 'holdfast get %s'", r->name,
                        r->name);
    }
    if (names == 0) {
        return ctl_fail(c, CM_EINVAL, "describe which %s? 'holdfast get %s' lists them", r->one,
                        r->name);
    }
    if (needs_cluster && c->options.cluster == NULL) {
        return ctl_fail(c, CM_EINVAL, "describe: on which cluster? say --cluster NAME");
    }
    if (!takes_cluster && c->options.cluster != NULL) {
        return ctl_fail(c, CM_EINVAL, "describe: a %s is not on one cluster; leave --cluster out",
                        r->one);
    }
    return CTL_DONE;
}

// "describe checkout" is as good as "describe app checkout" where nothing else has that name.
static enum cm_rc read_asked(struct ctl *c, struct ctl_asked *out) {
    bool bare =
        c->argc == 1 && strchr(c->argv[0], '/') == NULL && ctl_resource_find(c->argv[0]) == NULL;

    if (!bare) {
        return ctl_asked_read(c, out);
    }
    out->names = cm_arena_get(c->arena, sizeof(*out->names));
    out->names[0] = c->argv[0];
    out->count = 1;
    return ctl_find_owner(c, c->argv[0], &out->resource);
}

int ctl_describe(struct ctl *c) {
    struct ctl_asked asked = {0};

    if (c->argc == 0) {
        return ctl_fail(
            c, CM_EINVAL,
            "describe what? cluster, group, app, revision, hold, ban NAME, or object KEY "
            "--cluster NAME");
    }
    if (read_asked(c, &asked) < 0 || check(c, asked.resource, (int)asked.count) != CTL_DONE) {
        return CTL_ERROR;
    }
    for (size_t i = 0; i < asked.count; i++) {
        if (i > 0 && !ctl_output_is_tree(c)) {
            (void)printf("\n%s---%s\n\n", ctl_dim(), ctl_plain());
        }
        if (describe(c, asked.resource, asked.names[i]) < 0) {
            return CTL_ERROR;
        }
    }
    return CTL_DONE;
}
