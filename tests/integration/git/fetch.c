// fetch: does with a repository what it is told on the command line, and says how it went in JSON.
//
//     fetch [--list] folder=/tmp/m url=https://… branch=main token=… deadline_ms=1000 …
//     fetch --push --drop base=COMMIT ref=refs/heads/… … (as above)
//     fetch copy=/tmp/state.git … (as above)
//     fetch --push base=COMMIT [expected=COMMIT] put=PATH:TEXT remove=PATH jail=holds/ … (as above)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/copy.h"
#include "hub/repo/push.h"
#include "hub/repo/source.h"
#include "hub/repo/tree.h"

#define EDITS_MAX 8

struct arguments {
    bool push;
    const char *copy; // the repository that is pushed as it is
    const char *base;
    const char *expected;
    const char *signing_key_file;
    const char *jail[2];
    struct hub_repo_edit edits[EDITS_MAX];
    struct hub_repo_change change;
    struct hub_repo_push to_push;
    struct hub_repo_source source;
    struct hub_repo_limits limits;
    struct hub_repo_job job;
    bool list;
};

// value_of returns what follows "name=" in an argument, or NULL.
static const char *value_of(const char *argument, const char *name) {
    size_t len = strlen(name);

    return strncmp(argument, name, len) == 0 && argument[len] == '=' ? argument + len + 1 : NULL;
}

static bool take_text(const char *argument, struct arguments *a) {
    const struct {
        const char *name;
        const char **out;
    } texts[] = {
        {"copy", &a->copy},
        {"base", &a->base},
        {"expected", &a->expected},
        {"ref", &a->to_push.ref},
        {"jail", &a->jail[0]},
        {"message", &a->change.message},
        {"signing_key_file", &a->signing_key_file},
        {"folder", &a->job.folder},
        {"url", &a->source.url},
        {"branch", &a->source.branch},
        {"tag", &a->source.tag},
        {"semver", &a->source.semver},
        {"commit", &a->source.commit},
        {"token", &a->source.token},
        {"username", &a->source.username},
        {"password", &a->source.password},
        {"ca_file", &a->source.ca_file},
        {"ssh_key_file", &a->source.ssh_key_file},
        {"ssh_passphrase", &a->source.ssh_passphrase},
        {"known_hosts", &a->source.known_hosts},
        {"known_hosts_file", &a->source.known_hosts_file},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *value = value_of(argument, texts[i].name);

        if (value != NULL) {
            *texts[i].out = value;
            return true;
        }
    }
    return false;
}

// take_edit: the path ends at the first colon.
static bool take_edit(char *argument, struct arguments *a) {
    const char *value = value_of(argument, "put");
    struct hub_repo_edit *edit = &a->edits[a->change.edit_count];

    if (a->change.edit_count == EDITS_MAX) {
        return false;
    }
    if (value != NULL && strchr(value, ':') != NULL) {
        char *end = strchr(argument, ':');

        *end = '\0';
        *edit = (struct hub_repo_edit){.path = value, .text = end + 1};
    } else if ((value = value_of(argument, "remove")) != NULL) {
        *edit = (struct hub_repo_edit){.path = value};
    } else {
        return false;
    }
    a->change.edit_count++;
    return true;
}

static void take(char *argument, struct arguments *a) {
    const char *number = NULL;

    if (take_text(argument, a) || take_edit(argument, a)) {
        return;
    }
    if (strcmp(argument, "--push") == 0) {
        a->push = true;
    } else if (strcmp(argument, "--drop") == 0) {
        a->to_push.remove = true;
    } else if (strcmp(argument, "--list") == 0) {
        a->list = true;
    } else if (strcmp(argument, "--public-only") == 0) {
        a->source.allow_private_hosts = false;
    } else if ((number = value_of(argument, "deadline_ms")) != NULL) {
        a->limits.deadline_ms = strtoll(number, NULL, 10);
    } else if ((number = value_of(argument, "silence_ms")) != NULL) {
        a->limits.silence_ms = strtoll(number, NULL, 10);
    } else if ((number = value_of(argument, "max_received_bytes")) != NULL) {
        a->limits.max_received_bytes = strtoull(number, NULL, 10);
    } else {
        (void)fprintf(stderr, "what is '%s'?\n", argument);
        exit(2);
    }
}

static enum cm_rc list(const struct arguments *a, struct cm_arena *arena, struct cm_json *out,
                       struct cm_err *err) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = NULL;
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};

    if (hub_repo_open(a->job.folder, &repo, err) < 0 ||
        hub_repo_resolve(repo, "HEAD", &commit, err) < 0 ||
        hub_repo_tree(repo, &commit.id, &tree, err) < 0 ||
        hub_tree_list(tree, "", NULL, &entries, err) < 0) {
        return err->code;
    }
    for (size_t i = 0; i < entries.count; i++) {
        cm_json_set_int(arena, out, entries.items[i].path, entries.items[i].type);
    }
    return CM_OK;
}

static void set_id(struct cm_arena *a, struct cm_json *out, const char *key,
                   const struct hub_repo_id *id) {
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(id, hex);
    cm_json_set_string(a, out, key, hex);
}

static enum cm_rc run(const struct arguments *a, struct cm_arena *arena, struct cm_json *out,
                      struct cm_err *err) {
    struct hub_repo_fetched fetched = {0};
    struct cm_json *files = cm_json_new(arena, CM_OBJECT);
    enum hub_repo_trouble trouble = HUB_REPO_FINE;
    enum cm_rc rc = hub_repo_fetch(&a->source, &a->job, &fetched, &trouble, err);

    cm_json_set_string(arena, out, "trouble", hub_repo_trouble_name(trouble));
    if (rc < 0) {
        return rc;
    }
    set_id(arena, out, "commit", &fetched.commit);
    set_id(arena, out, "before", &fetched.before);
    cm_json_set_string(arena, out, "ref", fetched.ref);
    cm_json_set_bool(arena, out, "changed", fetched.changed);
    cm_json_set_bool(arena, out, "rewound", fetched.rewound);
    if (a->list && list(a, arena, files, err) < 0) {
        return err->code;
    }
    cm_json_set(arena, out, "files", files);
    return CM_OK;
}

static void read_id(const char *text, struct hub_repo_id *out) {
    if (text == NULL || !hub_repo_id_parse(text, out)) {
        (void)fprintf(stderr, "which commit is the base, and which is expected?\n");
        exit(2);
    }
}

static char *read_key(const char *path) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    struct cm_err err;

    if (cm_fsys_read(path, 65536, &file, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        exit(2);
    }
    return cm_strndup((const char *)file->data, file->size);
}

static enum cm_rc push(struct arguments *a, struct cm_arena *arena, struct cm_json *out,
                       struct cm_err *err) {
    CM_AUTOFREE char *key = a->signing_key_file != NULL ? read_key(a->signing_key_file) : NULL;
    struct hub_repo_pushed pushed = {0};
    enum hub_repo_trouble trouble = HUB_REPO_FINE;

    a->change.edits = a->edits;
    a->to_push.changes = &a->change;
    a->to_push.change_count = a->to_push.remove ? 0 : 1;
    a->to_push.jail = a->jail;
    a->to_push.jail_count = 1;
    a->to_push.signing_key = key;
    read_id(a->base, &a->to_push.base);
    read_id(a->expected != NULL ? a->expected : a->base, &a->to_push.expected);
    enum cm_rc rc = hub_repo_push(&a->source, &a->job, &a->to_push, &pushed, &trouble, err);
    cm_json_set_string(arena, out, "trouble", hub_repo_trouble_name(trouble));
    if (rc < 0) {
        return rc;
    }
    set_id(arena, out, "commit", &pushed.commit);
    cm_json_set_int(arena, out, "made", (int64_t)pushed.made);
    return CM_OK;
}

static enum cm_rc copy(const struct arguments *a, struct cm_arena *arena, struct cm_json *out,
                       struct cm_err *err) {
    static const char *const branches[] = {"desired", "actual", "events"};
    const struct hub_repo_copy what = {.from = a->copy, .branches = branches, .branch_count = 3};
    enum hub_repo_trouble trouble = HUB_REPO_FINE;
    enum cm_rc rc = hub_repo_copy(&a->source, &a->job, &what, &trouble, err);

    cm_json_set_string(arena, out, "trouble", hub_repo_trouble_name(trouble));
    return rc;
}

static enum cm_rc work(struct arguments *a, struct cm_arena *arena, struct cm_json *out,
                       struct cm_err *err) {
    if (a->copy != NULL) {
        return copy(a, arena, out, err);
    }
    return a->push ? push(a, arena, out, err) : run(a, arena, out, err);
}

int main(int argc, char **argv) {
    hub_repo_child_main(argc, argv);

    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *out = cm_json_new(arena, CM_OBJECT);
    struct arguments a = {.source = {.name = "fleet", .allow_private_hosts = true},
                          .limits = hub_repo_limits_default,
                          .job.cancel_fd = -1,
                          .jail = {"holds/"},
                          .change = {.message = "hold: checkout 1.4.2\n",
                                     .author = {"Flagger", "flagger@fleet.invalid"},
                                     .authored_ms = 1700000000000},
                          .to_push = {.ref = "refs/heads/main",
                                      .committer = {"Holdfast", "hub@fleet.invalid"},
                                      .committed_ms = 1700000100000}};
    struct cm_err err = {0};

    for (int i = 1; i < argc; i++) {
        take(argv[i], &a);
    }
    if (a.source.tag == NULL && a.source.semver == NULL && a.source.commit == NULL &&
        a.source.branch == NULL) {
        a.source.branch = "main";
    }
    a.job.limits = &a.limits;
    enum cm_rc rc = work(&a, arena, out, &err);
    cm_json_set_int(arena, out, "rc", rc);
    cm_json_set_string(arena, out, "message", rc < 0 ? err.msg : "");
    cm_json_write_compact(out, &text);
    (void)puts(cm_str_get(&text));
    return 0;
}
