#include "hub/ctl/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/verbs.h"
#include "hub/ctl/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STRING(of, field) .name = (of), .type = CM_OPTION_STRING, .offset = AT(field)
#define FLAG(of, field) .name = (of), .type = CM_OPTION_BOOL, .offset = AT(field), .line_only = true
#define DURATION(of, field)                                                                        \
    .name = (of), .type = CM_OPTION_DURATION, .offset = AT(field), .value_name = "DURATION",       \
    .line_only = true
#define BOUND(of, field, value, least, most)                                                       \
    .name = (of), .type = CM_OPTION_INT, .offset = AT(field), .value_name = (value),               \
    .min = (least), .max = (most)
#define AT(field) offsetof(struct ctl_options, field)

const struct cm_option ctl_option_table[] = {
    {STRING("server", server), .value_name = "URL", .help = "The hub's API, https://HOST:PORT."},
    {STRING("token-file", token_file), .value_name = "FILE", .help = "Holds the API token."},
    {STRING("ca-file", ca_file), .value_name = "FILE",
     .help = "Certificates to trust (the hub's keys/root.crt); default: the system's."},
    {STRING("context", context), .value_name = "NAME",
     .help = "The hub that 'holdfast context' knows by this name."},
    {STRING("config", config), .value_name = "FILE",
     .help = "Holds the contexts; default: ~/.config/holdfast/config.yaml."},
    {STRING("color", color), .value_name = "WHEN",
     .help = "auto (on a terminal, unless NO_COLOR is set), always or never."},
    {STRING("output", output), .short_name = 'o', .value_name = "FORMAT"},
    {STRING("app", app), .value_name = "NAME", .line_only = true, .help = "Only this App."},
    {STRING("cluster", cluster), .value_name = "NAME", .line_only = true,
     .help = "Only this cluster."},
    {STRING("clusters", clusters), .value_name = "NAMES", .line_only = true,
     .help = "Only these clusters, with commas between them."},
    {STRING("group", group), .value_name = "NAME", .line_only = true,
     .help = "Only clusters of this group."},
    {STRING("selector", selector), .short_name = 'l', .value_name = "LABELS", .line_only = true,
     .help = "Only clusters with these labels: env=prod,region!=eu,canary."},
    {STRING("state", state), .value_name = "STATE", .line_only = true,
     .help = "Only what is not-applied, failed, not-healthy, drifted or stale."},
    {STRING("kind", kind), .value_name = "KIND", .line_only = true,
     .help = "Only of this kind: an event such as drift.found, or in the log such as rejected."},
    {STRING("repository", repository), .value_name = "NAME", .line_only = true,
     .help = "Only this repository."},
    {STRING("revision", revision), .value_name = "COMMIT", .line_only = true,
     .help = "Only what this commit changed."},
    {STRING("for", wait_for), .value_name = "STAGE", .line_only = true, .default_value = "healthy",
     .help = "rendered, delivered, applied or healthy; of a freeze or exemption, how long: 2h."},
    {DURATION("timeout", timeout_ms), .help = "Give up after so long, exit code 1; default: 5m."},
    {DURATION("life", life_ms), .help = "How long the token works."},
    {DURATION("since", since_ms), .help = "Only what happened in this time, such as 1h."},
    {.name = "limit",
     .type = CM_OPTION_INT,
     .offset = AT(limit),
     .value_name = "N",
     .min = 1,
     .max = 1000000,
     .line_only = true,
     .help = "At most so many rows."},
    {STRING("sort-by", sort_by), .value_name = "MEMBER", .line_only = true,
     .help = "Order by a member of the JSON form; '-' before it: the largest first."},
    {STRING("file", file), .value_name = "FILE", .line_only = true,
     .help = "Where it goes; it must not be there yet."},
    {STRING("reason", reason), .value_name = "TEXT", .line_only = true,
     .help = "Why, for the commit."},
    {STRING("until", until), .value_name = "TIME", .line_only = true,
     .help = "When it ends by itself, such as 2026-10-01T12:00:00Z."},
    {STRING("working-hours", working_hours), .value_name = "HOURS", .line_only = true,
     .help = "It ends within these, such as 'Mon-Fri 08:00-17:00 +01:00'."},
    {STRING("name", name), .value_name = "NAME", .line_only = true,
     .help = "What it is called; default: one is made."},
    {STRING("key", key), .value_name = "KEY", .line_only = true,
     .help = "How the key begins with which it goes on, as 'holdfast get agents' tells."},
    {STRING("object", object), .value_name = "OBJECT", .line_only = true,
     .help = "Only of this: KIND.GROUP/NAMESPACE/NAME, or less of it."},
    {STRING("field", field), .value_name = "PATH", .line_only = true,
     .help = "Only this field, as 'holdfast diff' prints it."},
    {FLAG("everywhere", everywhere), .help = "It is meant for all clusters of the App."},
    {STRING("versions", versions), .value_name = "RANGE", .line_only = true,
     .help = "Tags that are versions in this range, such as '>=1.5.0 <1.5.3'."},
    {FLAG("dry-run", dry_run), .help = "Only print what would change."},
    {FLAG("all", all), .help = "All of them."},
    {FLAG("again", again), .help = "Also for a cluster that is enrolled: it was built anew."},
    {FLAG("needs-approval", needs_approval),
     .help = "Let the agent in once 'holdfast approve' has accepted its key."},
    {FLAG("tokens", tokens), .help = "Print lines of cluster and token instead of commands."},
    {FLAG("manifests", manifests),
     .help = "Print what brings an agent into that Kubernetes cluster, for 'kubectl apply -f -'."},
    {STRING("image", image), .value_name = "IMAGE", .line_only = true,
     .help = "The image of the agent in --manifests."},
    {STRING("namespaces", namespaces), .value_name = "NAMES", .line_only = true,
     .help = "Rights in these namespaces only, with commas between them; they must be there."},
    {STRING("resources", resources), .value_name = "NAMES", .line_only = true,
     .help = "Rights for these resources only: deployments.apps,configmaps."},
    {STRING("mode", mode), .value_name = "MODE", .line_only = true, .default_value = "apply",
     .help = "apply, or observe: an agent that changes nothing, with rights to read only."},
    {FLAG("live", live),
     .help = "Also ask the agents, by the hub, which new objects another GitOps tool owns."},
    {STRING("audit-log", audit_log), .value_name = "FILE", .line_only = true,
     .help = "The API server's audit log, on the control plane's node, where the agent runs then."},
    {FLAG("impersonate", impersonate),
     .help = "Rights to work in the name of the ServiceAccounts that Apps name, too."},
    {FLAG("wait", wait), .help = "Then wait until it is done, as 'holdfast wait' does."},
    {FLAG("watch", watch), .short_name = 'w', .help = "Then go on and print what changes."},
    {FLAG("follow", follow), .short_name = 'f', .help = "Then go on and print what comes."},
    {STRING("role", role), .value_name = "ROLE", .line_only = true, .default_value = "read",
     .help = "read or admin."},
    {STRING("at", at), .value_name = "COMMIT", .line_only = true,
     .help = "Of this commit instead of the files as they are."},
    {STRING("path", path), .value_name = "FOLDER", .line_only = true,
     .help = "The fleet's root folder, from the top of the repository."},
    {BOUND("removal-share-percent", removal_share_percent, "PERCENT", 0, 100),
     .default_value = "30",
     .help = "How much of a cluster's objects, and of an App's clusters, the hub removes without "
             "a Confirmation."},
    {BOUND("removal-objects-min", removal_objects_min, "N", 1, 1000000), .default_value = "10",
     .help = "Fewer objects that a cluster loses need none, as the hub is configured."},
    {BOUND("removal-clusters-min", removal_clusters_min, "N", 1, 1000000), .default_value = "10",
     .help = "Fewer clusters that lose an App need none, as the hub is configured."},
    {STRING("source", source), .value_name = "NAME=DIR", .line_only = true,
     .help = "Where another repository, of this name at the hub, is on this machine; several with "
             "commas between them."},
    {STRING("with", with), .value_name = "DIR", .line_only = true,
     .help = "Another repository that the hub reads Clusters, ClusterGroups and Apps from; several "
             "with commas between them."},
    {FLAG("show-secrets", show_secrets), .help = "Print what is in Secrets."},
    {FLAG("exit-code", exit_code), .help = "End with 3 if something changes."},
    {FLAG("embed", embed), .help = "Copy what the files hold instead of their paths."},
    {FLAG("objects", objects), .help = "Objects and their fields, not commits."},
    {FLAG("known", known), .help = "Only what the hub had heard of by then."},
    {FLAG("expand", expand),
     .help = "What was scaled not by App and hour, but each time that an agent told."},
    {FLAG("missing", missing), .help = "Where the App runs without it."},
    {FLAG("no-headers", no_headers), .help = "Print no titles above the columns."},
    {FLAG("server-only", server_only), .help = "Only the hub's version."},
    {FLAG("version", version), .help = "As the verb 'version'."},
    {FLAG("help", help), .short_name = 'h', .help = "Print help and exit."},
};

const size_t ctl_option_count = COUNT(ctl_option_table);

static const struct cm_option *find(const char *name, size_t len) {
    for (size_t i = 0; i < COUNT(ctl_option_table); i++) {
        const char *own = ctl_option_table[i].name;

        if (strncmp(own, name, len) == 0 && own[len] == '\0') {
            return &ctl_option_table[i];
        }
    }
    return NULL;
}

const struct cm_option *ctl_option_of(const char *word) {
    if (strncmp(word, "--", 2) == 0) {
        return find(word + 2, strcspn(word + 2, "="));
    }
    for (size_t i = 0; word[0] == '-' && word[1] != '\0' && i < COUNT(ctl_option_table); i++) {
        if (ctl_option_table[i].short_name == word[1]) {
            return &ctl_option_table[i];
        }
    }
    return NULL;
}

const char *ctl_option_hint(const char *word) {
    static const char no_namespaces[] = "clusters and Apps have no namespaces here: leave it out";
    static const char *const hints[][2] = {
        {"-A", no_namespaces},
        {"--all-namespaces", no_namespaces},
        {"-n", no_namespaces},
        {"--namespace", no_namespaces},
        {"--show-labels", "'holdfast get clusters -o wide' shows labels"},
        {"--tail", "use --limit"},
        {"--sort", "use --sort-by"},
        {"--field-selector", "use --state, --app, --cluster or --group"},
        {"--watch-only", "use --watch"},
        {"--client", "'holdfast version' needs no hub to tell this program's own"},
        {"--kubeconfig", "use --context, or --server"},
        {"--dry-run", "'holdfast plan' shows what a change would do"},
    };

    for (size_t i = 0; i < COUNT(hints); i++) {
        size_t len = strlen(hints[i][0]);

        if (strncmp(word, hints[i][0], len) == 0 && (word[len] == '\0' || word[len] == '=')) {
            return hints[i][1];
        }
    }
    return NULL;
}

const char *ctl_option_values(const char *name) {
    static const char *const values[][2] = {
        {"app", "@apps"},
        {"cluster", "@clusters"},
        {"group", "@groups"},
        {"repository", "@repositories"},
        {"revision", "@revisions"},
        {"kind", "@kinds"},
        {"sort-by", "@members"},
        {"context", "@contexts"},
        {"token-file", "@files"},
        {"ca-file", "@files"},
        {"config", "@files"},
        {"state", "not-applied failed not-healthy drifted stale"},
        {"for", "rendered delivered applied healthy"},
        {"role", "read admin"},
        {"color", "auto always never"},
    };

    for (size_t i = 0; i < COUNT(values); i++) {
        if (strcmp(values[i][0], name) == 0) {
            return values[i][1];
        }
    }
    return NULL;
}

bool ctl_option_is_common(const char *name) {
    return ctl_has_word("server token-file ca-file context config color help", name);
}

// ---- A command line

static bool takes(const struct ctl_verb *verb, const char *name) {
    return ctl_option_is_common(name) || ctl_has_word(verb->options, name);
}

// Tells whether the value of this option is the word after it.
static bool has_value_apart(const struct cm_option *option, const char *word) {
    if (option->type == CM_OPTION_BOOL) {
        return false;
    }
    return word[1] == '-' ? strchr(word, '=') == NULL : word[2] == '\0';
}

void ctl_line_read(int argc, char *const *argv, const struct ctl_verb *verb, struct ctl_line *out) {
    out->verb = 0;
    out->other = 0;
    out->unknown = 0;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const struct cm_option *option = ctl_option_of(argv[i]);

        if (option != NULL) {
            cm_str_addf(out->given, " %s", option->name);
            out->other =
                verb != NULL && out->other == 0 && !takes(verb, option->name) ? i : out->other;
            i += has_value_apart(option, argv[i]) ? 1 : 0;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            out->unknown = out->unknown == 0 ? i : out->unknown;
        } else if (out->verb == 0) {
            out->verb = i;
        }
    }
}

// ---- The options of one verb

// "table (the default), wide or json."
static char *output_help(const char *outputs) {
    struct cm_str text = {0};
    size_t first = strcspn(outputs, " ");

    cm_str_addf(&text, "%.*s (the default)", (int)first, outputs);
    for (const char *at = outputs + first; *at == ' ';) {
        size_t len = strcspn(++at, " ");

        cm_str_addf(&text, "%s%.*s%s", at[len] == '\0' ? " or " : ", ", (int)len, at,
                    len == strlen("jsonpath") && strncmp(at, "jsonpath", len) == 0 ? "='{.PATH}'"
                                                                                   : "");
        at += len;
    }
    cm_str_add(&text, ".");
    return cm_str_take(&text);
}

void ctl_option_set_make(const struct ctl_verb *verb, struct ctl_option_set *out) {
    *out = (struct ctl_option_set){.set = {.program = "holdfast",
                                           .summary = "Talks to a holdfast hub.",
                                           .usage = "VERB [ARGUMENTS] [OPTIONS]",
                                           .env_prefix = "HOLDFAST",
                                           .options = out->options,
                                           .no_file = true}};
    for (size_t i = 0; i < COUNT(ctl_option_table); i++) {
        const struct cm_option *option = &ctl_option_table[i];

        if (verb == NULL || takes(verb, option->name)) {
            out->options[out->set.count++] = *option;
        }
        if (verb != NULL && verb->outputs != NULL && strcmp(option->name, "output") == 0) {
            out->strings[2] = output_help(verb->outputs);
            out->options[out->set.count - 1].help = out->strings[2];
        }
    }
    if (verb != NULL) {
        out->strings[0] = cm_strf("holdfast %s", verb->name);
        out->strings[1] =
            cm_strf("%s%s[OPTIONS]", verb->arguments, verb->arguments[0] == '\0' ? "" : " ");
        out->set.program = out->strings[0];
        out->set.usage = out->strings[1];
        out->set.summary = verb->summary;
    }
}

void ctl_option_set_done(struct ctl_option_set *set) {
    for (size_t i = 0; i < COUNT(set->strings); i++) {
        free(set->strings[i]);
        set->strings[i] = NULL;
    }
}
