// fetch: does with a repository what it is told on the command line, and says how it went in JSON.
//
//     fetch [--list] folder=/tmp/m url=https://… branch=main token=… deadline_ms=1000 …
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/source.h"
#include "hub/repo/tree.h"

struct arguments {
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

static void take(const char *argument, struct arguments *a) {
    const char *number = NULL;

    if (take_text(argument, a)) {
        return;
    }
    if (strcmp(argument, "--list") == 0) {
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

int main(int argc, char **argv) {
    hub_repo_child_main(argc, argv);

    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *out = cm_json_new(arena, CM_OBJECT);
    struct arguments a = {.source = {.name = "fleet", .allow_private_hosts = true},
                          .limits = hub_repo_limits_default,
                          .job.cancel_fd = -1};
    struct cm_err err = {0};

    for (int i = 1; i < argc; i++) {
        take(argv[i], &a);
    }
    if (a.source.tag == NULL && a.source.semver == NULL && a.source.commit == NULL &&
        a.source.branch == NULL) {
        a.source.branch = "main";
    }
    a.job.limits = &a.limits;
    enum cm_rc rc = run(&a, arena, out, &err);
    cm_json_set_int(arena, out, "rc", rc);
    cm_json_set_string(arena, out, "message", rc < 0 ? err.msg : "");
    cm_json_write_compact(out, &text);
    (void)puts(cm_str_get(&text));
    return 0;
}
