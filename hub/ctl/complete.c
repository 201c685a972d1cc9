#include "hub/ctl/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/offline.h"
#include "hub/ctl/options.h"
#include "hub/ctl/print.h"
#include "hub/ctl/range.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/settings.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"
#include "hub/fleet/fleet.h"

#define TIMEOUT_MS 1500
#define NAMES_MAX 20000
#define EVENTS_MAX 1000

struct typed {
    struct ctl *ctl;
    const char *prefix; // of the candidates
    const char *before; // what stands before the value in the same word: "--app="
    const char *type;   // the first argument
};

static void offer(const struct typed *t, const char *name, const char *about) {
    if (strncmp(name, t->prefix, strlen(t->prefix)) == 0) {
        (void)printf("%s%s%s%s\n", t->before, ctl_one_line(t->ctl->arena, name),
                     about[0] == '\0' ? "" : "\t", about);
    }
}

// ---- Names

static void offer_list(const struct typed *t, const char *path, const char *member,
                       const char *cluster) {
    struct ctl_param params[] = {{"fields", member}, {"cluster", cluster}, {NULL, NULL}};
    struct cm_json *items = NULL;

    if (ctl_list(t->ctl, path, params, NAMES_MAX, &items) < 0) {
        return;
    }
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        const char *name = cm_json_string(cm_json_get(at, member));

        if (name != NULL) {
            offer(t, name, "");
        }
    }
}

// offer_distinct offers each value of a member once.
static void offer_distinct(const struct typed *t, const char *path, const char *member,
                           size_t most) {
    CM_CLEANUP(cm_map_freep) struct cm_map *seen = cm_map_new(NULL);
    struct ctl_param params[] = {{"fields", member}, {NULL, NULL}};
    struct cm_json *items = NULL;

    if (ctl_list(t->ctl, path, params, (int64_t)most, &items) < 0) {
        return;
    }
    for (const struct cm_json *at = items->first; at != NULL; at = at->next) {
        const char *name = cm_json_string(cm_json_get(at, member));

        if (name != NULL && cm_map_get(seen, name) == NULL) {
            cm_map_put(seen, name, seen);
            offer(t, name, "");
        }
    }
}

// ---- Names of the fleet that is here

static void offer_cluster(void *ctx, const struct hub_cluster_info *info) {
    offer(ctx, info->name, "");
}

static void offer_group(void *ctx, const struct hub_group_info *info) {
    offer(ctx, info->name, "");
}

static void offer_app(void *ctx, const struct hub_app_info *info) {
    offer(ctx, info->name, "");
}

static bool is_offline(const struct typed *t) {
    return ctl_has_word(t->ctl->verb->options, "source");
}

// folder_of returns the fleet's root folder, if one is named already.
static const char *folder_of(const struct ctl *c) {
    for (int i = c->argc - 1; i >= 0; i--) {
        if (ctl_range_is_folder(c->argv[i])) {
            return c->argv[i];
        }
    }
    return ".";
}

// offer_here reads the documents of a fleet, and none of the manifests.
static void offer_here(const struct typed *t, const char *kind) {
    CM_CLEANUP(ctl_offline_done) struct ctl_offline o = {0};
    struct ctl *c = t->ctl;

    if (ctl_offline_open(c, folder_of(c), ctl_offline_wants_commit(c), &o) < 0) {
        return;
    }
    o.names_only = true;
    if (ctl_offline_load(c, &o) < 0) {
        return;
    }
    if (strcmp(kind, "apps") == 0) {
        hub_fleet_each_app(o.fleet, offer_app, (void *)(uintptr_t)t);
    } else if (strcmp(kind, "clusters") == 0) {
        hub_fleet_each_cluster(o.fleet, offer_cluster, (void *)(uintptr_t)t);
    } else {
        hub_fleet_each_group(o.fleet, offer_group, (void *)(uintptr_t)t);
    }
}

static void offer_contexts(const struct typed *t) {
    struct ctl_config config;

    if (ctl_config_read(t->ctl, &config) < 0) {
        return;
    }
    const struct cm_json *contexts = cm_json_get(config.root, "contexts");
    const struct cm_json *at = contexts == NULL ? NULL : contexts->first;
    for (; at != NULL; at = at->next) {
        const char *server = cm_json_string(cm_json_get(at, "server"));

        offer(t, at->key, server == NULL ? "" : server);
    }
}

static void offer_named(const struct typed *t, const char *type) {
    const struct ctl_resource *r = type == NULL ? NULL : ctl_resource_find(type);

    if (r == NULL || r->by == NULL) {
        return;
    }
    if (strcmp(r->name, "status") == 0) {
        offer_list(t, "/apps", "name", NULL);
    } else if (strcmp(r->name, "objects") != 0) {
        offer_list(t, cm_arena_strf(t->ctl->arena, "/%s", r->name), r->by, NULL);
    } else if (t->ctl->options.cluster != NULL) {
        offer_list(t, "/objects", "key", t->ctl->options.cluster);
    }
}

// ---- Words

static void offer_verbs(const struct typed *t) {
    for (size_t i = 0; i < ctl_verb_count; i++) {
        offer(t, ctl_verbs[i].name, ctl_verbs[i].summary);
    }
}

static void offer_types(const struct typed *t) {
    for (size_t i = 0; i < ctl_resource_count; i++) {
        const struct ctl_resource *r = &ctl_resources[i];

        offer(t, r->name, r->about);
        if (t->prefix[0] != '\0' && strncmp(r->name, t->prefix, strlen(t->prefix)) != 0) {
            offer(t, cm_arena_strndup(t->ctl->arena, r->words, strcspn(r->words, " ")), r->about);
        }
    }
}

// Offers words between single separators.
static void offer_words(const struct typed *t, const char *words, const char *separator) {
    char *rest = cm_arena_strdup(t->ctl->arena, words);
    char *word;

    while ((word = strsep(&rest, separator)) != NULL) {
        if (word[0] != '\0') {
            offer(t, word, "");
        }
    }
}

// A bare name will do where nothing else has it; all names are offered once one has begun.
static void offer_bare(const struct typed *t) {
    if (t->prefix[0] != '\0') {
        offer_list(t, "/apps", "name", NULL);
        offer_list(t, "/clusters", "name", NULL);
    }
    if (t->prefix[0] != '\0' && ctl_has_word(t->ctl->verb->options, "group")) {
        offer_list(t, "/groups", "name", NULL);
    }
}

static void offer_targets(const struct typed *t) {
    static const char *const words[] = {"app", "cluster", "group"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (ctl_has_word(t->ctl->verb->options, words[i])) {
            offer(t, words[i], "");
        }
    }
    offer_bare(t);
}

// offer_members offers by what the rows of the list that is asked for can be ordered.
static void offer_members(const struct typed *t) {
    const struct ctl *c = t->ctl;
    const struct ctl_resource *r = c->argc > 0 ? ctl_resource_find(c->argv[0]) : NULL;

    for (size_t i = 0; r != NULL && i < r->count; i++) {
        offer_words(t, r->columns[i].member, " ");
    }
}

static void offer_kind(const struct typed *t, const char *kind) {
    static const struct {
        const char *kind;
        const char *path;
        const char *member;
    } lists[] = {{"apps", "/apps", "name"},         {"clusters", "/clusters", "name"},
                 {"freezes", "/freezes", "name"},   {"groups", "/groups", "name"},
                 {"revisions", "/revisions", "id"}, {"tokens", "/tokens", "name"}};

    if (is_offline(t) && ctl_has_word("apps clusters groups", kind)) {
        offer_here(t, kind);
        return;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strcmp(lists[i].kind, kind) == 0) {
            offer_list(t, lists[i].path, lists[i].member, NULL);
            return;
        }
    }
    if (strcmp(kind, "files") == 0) {
        (void)printf(":files\n");
    } else if (strcmp(kind, "verbs") == 0) {
        offer_verbs(t);
    } else if (strcmp(kind, "types") == 0) {
        offer_types(t);
    } else if (strcmp(kind, "named") == 0) {
        offer_named(t, t->type);
    } else if (strcmp(kind, "targets") == 0) {
        offer_targets(t);
    } else if (strcmp(kind, "contexts") == 0) {
        offer_contexts(t);
    } else if (strcmp(kind, "repositories") == 0) {
        offer_distinct(t, "/apps", "repository", NAMES_MAX);
    } else if (strcmp(kind, "kinds") == 0) { // those of what happened lately
        offer_distinct(t, "/events", "kind", EVENTS_MAX);
    } else if (strcmp(kind, "members") == 0) {
        offer_members(t);
    } else if (strchr(kind, '|') != NULL) {
        offer_words(t, kind, "|");
    }
}

// ---- Options

#define DURATIONS "30m 1h 2h 8h 1d"

static void offer_values(const struct typed *t, const struct ctl_verb *verb, const char *option) {
    const char *values = ctl_option_values(option);

    if (strcmp(option, "output") == 0 && verb != NULL && verb->outputs != NULL) {
        values = verb->outputs;
    } else if (strcmp(option, "for") == 0 && verb != NULL &&
               ctl_has_word(verb->options, "reason")) {
        values = DURATIONS; // for how long, not what to wait for
    }
    if (values != NULL && values[0] == '@') {
        offer_kind(t, values + 1);
    } else if (values != NULL) {
        offer_words(t, values, " ");
    }
}

static void offer_options(const struct typed *t, const struct ctl_verb *verb) {
    CM_CLEANUP(ctl_option_set_done) struct ctl_option_set set;

    ctl_option_set_make(verb, &set);
    for (size_t i = 0; i < set.set.count; i++) {
        const struct cm_option *option = &set.set.options[i];
        const char *name = cm_arena_strf(t->ctl->arena, "--%s", option->name);

        offer(t, name, option->help == NULL ? "" : option->help);
    }
}

// ---- The line

const char *ctl_complete_entry(struct cm_arena *a, const struct ctl_verb *verb, int place) {
    char *rest = cm_arena_strdup(a, verb->completes == NULL ? "" : verb->completes);
    char *entry = strsep(&rest, " ");

    while (place-- > 0) {
        bool repeats = strcmp(entry, "named") == 0 || strstr(entry, "...") != NULL;

        if (rest == NULL && !repeats) {
            return "";
        }
        entry = rest == NULL ? entry : strsep(&rest, " ");
    }
    entry[strcspn(entry, ".")] = '\0';
    return entry;
}

// The option that waits for its value at the end of the line, or NULL.
static const struct cm_option *open_option(int count, char **words) {
    const struct cm_option *open = NULL;

    for (int i = 0; i < count; i++) {
        const struct cm_option *option = open != NULL ? NULL : ctl_option_of(words[i]);
        bool apart = option != NULL && option->type != CM_OPTION_BOOL &&
                     (words[i][1] == '-' ? strchr(words[i], '=') == NULL : words[i][2] == '\0');

        open = apart ? option : NULL;
    }
    return open;
}

// Reads what is there already: which hub, which cluster. Mistakes do not matter yet.
static int load(struct ctl *c, const struct ctl_verb *verb, int count, char **words) {
    struct ctl_option_set set;
    char **argv = cm_arena_get(c->arena, (size_t)(count + 2) * sizeof(*argv));
    int rest = 0;

    memcpy(argv + 1, words, (size_t)count * sizeof(*argv));
    ctl_option_set_make(verb, &set);
    set.set.options = ctl_option_table; // all: another verb's option is no reason to be silent
    set.set.count = ctl_option_count;
    if (cm_options_load(&set.set, &c->options, count + 1, argv, &rest, &c->err) < 0) {
        rest = -1;
    }
    ctl_option_set_done(&set);
    c->argc = rest - 1;
    c->argv = argv + 1; // behind the verb
    return rest < 0 || ctl_settings_load(c) < 0 ? CTL_ERROR : CTL_DONE;
}

static void offer_argument(struct typed *t, const struct ctl_verb *verb) {
    const struct ctl *c = t->ctl;
    const char *slash = strchr(t->prefix, '/');
    const char *entry = ctl_complete_entry(c->arena, verb, c->argc);

    t->type = c->argc > 0 ? c->argv[0] : NULL;
    if (c->argc == 0 && slash != NULL &&
        (strcmp(entry, "types") == 0 || strcmp(entry, "targets") == 0)) { // cluster/eu-…
        t->before = cm_arena_strndup(c->arena, t->prefix, (size_t)(slash - t->prefix) + 1);
        t->type = cm_arena_strndup(c->arena, t->prefix, (size_t)(slash - t->prefix));
        t->prefix = slash + 1;
        entry = "named";
    }
    offer_kind(t, entry);
}

static void offer_all(struct typed *t, const struct ctl_verb *verb, int count, char **words) {
    const struct cm_option *open = open_option(count, words);
    const char *equals = strchr(t->prefix, '=');
    const struct cm_option *own = equals == NULL ? NULL : ctl_option_of(t->prefix);

    if (load(t->ctl, verb, open == NULL ? count : count - 1, words) != CTL_DONE) {
        t->ctl->hub.problem = "no names"; // words are offered all the same
    }
    if (open != NULL) {
        offer_values(t, verb, open->name);
    } else if (own != NULL) {
        t->before = cm_arena_strndup(t->ctl->arena, t->prefix, (size_t)(equals - t->prefix) + 1);
        t->prefix = equals + 1;
        offer_values(t, verb, own->name);
    } else if (t->prefix[0] == '-') {
        offer_options(t, verb);
    } else if (verb == NULL) {
        offer_verbs(t);
    } else {
        offer_argument(t, verb);
    }
}

int ctl_complete(struct ctl *c, int count, char **words) {
    CM_CLEANUP(cm_str_done) struct cm_str given = {0};
    struct ctl_line line = {.given = &given};
    struct typed t = {.ctl = c, .prefix = count > 0 ? words[count - 1] : "", .before = ""};
    int before = count > 0 ? count - 1 : 0;
    char **argv = cm_arena_get(c->arena, (size_t)(before + 2) * sizeof(*argv));

    memcpy(argv + 1, words, (size_t)before * sizeof(*argv));
    ctl_line_read(before + 1, argv, NULL, &line);
    c->given = cm_str_get(&given);
    c->verb = line.verb > 0 ? ctl_verb_find(argv[line.verb]) : NULL;
    c->timeout_ms = TIMEOUT_MS;
    if (line.verb == 0 || c->verb != NULL) {
        const struct ctl_verb *verb = c->verb;

        c->verb = verb == NULL ? ctl_verb_find("help") : verb;
        offer_all(&t, verb, before, words);
    }
    struct cm_option_set all = {.options = ctl_option_table, .count = ctl_option_count};
    cm_options_done(&all, &c->options);
    return CTL_DONE;
}
