// holdfast: the command line.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(field) offsetof(struct ctl_options, field)

static const struct ctl_verb verbs[] = {
    {"get", "clusters|groups|apps|status|objects|drift|events|revisions|problems [NAME]",
     "List what the hub knows.", "holdfast get status --app checkout --state not-healthy",
     "output app cluster group selector state kind repository limit", ctl_get},
    {"diff", "", "Show where clusters are not as Git says; exit code 1 if somewhere.",
     "holdfast diff --cluster eu-west-01", "output app cluster", ctl_diff},
    {"sync", "", "Fetch now, and compare again what is named.",
     "holdfast sync --app checkout --wait", "app cluster repository wait for timeout revision",
     ctl_sync},
    {"wait", "", "Wait until the fleet runs a commit, or all that Git says.",
     "holdfast wait --revision $(git rev-parse HEAD) --for healthy --timeout 10m",
     "output app cluster revision for timeout", ctl_wait},
    {"enroll", "CLUSTER...", "Make join tokens; prints the command to run at each cluster.",
     "holdfast enroll eu-west-01", "output group selector all again tokens life", ctl_enroll},
    {"revoke", "CLUSTER", "Let the agent of a cluster connect no more.",
     "holdfast revoke store-007", "", ctl_revoke},
    {"validate", "[DIR]", "Find all that is wrong with a fleet repository; needs no hub.",
     "holdfast validate ./fleet", "output", ctl_validate},
    {"version", "", "Print the versions of this program and of the hub.", "holdfast version",
     "server-only version", ctl_version},
};

static const struct cm_option options[] = {
    {.name = "server",
     .type = CM_OPTION_STRING,
     .offset = AT(server),
     .value_name = "URL",
     .help = "The hub's API, https://HOST:PORT."},
    {.name = "token-file",
     .type = CM_OPTION_STRING,
     .offset = AT(token_file),
     .value_name = "FILE",
     .help = "Holds the API token."},
    {.name = "ca-file",
     .type = CM_OPTION_STRING,
     .offset = AT(ca_file),
     .value_name = "FILE",
     .help = "Certificates to trust (the hub's keys/root.crt); default: the system's."},
    {.name = "output",
     .type = CM_OPTION_STRING,
     .offset = AT(output),
     .short_name = 'o',
     .default_value = "table",
     .value_name = "FORMAT",
     .help = "table, json, yaml or name."},
    {.name = "app",
     .type = CM_OPTION_STRING,
     .offset = AT(app),
     .value_name = "NAME",
     .help = "Only this App."},
    {.name = "cluster",
     .type = CM_OPTION_STRING,
     .offset = AT(cluster),
     .value_name = "NAME",
     .help = "Only this cluster."},
    {.name = "group",
     .type = CM_OPTION_STRING,
     .offset = AT(group),
     .value_name = "NAME",
     .help = "Only clusters of this group."},
    {.name = "selector",
     .type = CM_OPTION_STRING,
     .offset = AT(selector),
     .short_name = 'l',
     .value_name = "LABELS",
     .help = "Only clusters with these labels: env=prod,region!=eu,canary."},
    {.name = "state",
     .type = CM_OPTION_STRING,
     .offset = AT(state),
     .value_name = "STATE",
     .help = "Only what is not-applied, failed, not-healthy or drifted."},
    {.name = "kind",
     .type = CM_OPTION_STRING,
     .offset = AT(kind),
     .value_name = "KIND",
     .help = "Only events of this kind, such as drift.found."},
    {.name = "repository",
     .type = CM_OPTION_STRING,
     .offset = AT(repository),
     .value_name = "NAME",
     .help = "Only this repository."},
    {.name = "revision",
     .type = CM_OPTION_STRING,
     .offset = AT(revision),
     .value_name = "COMMIT",
     .help = "Only what this commit changed."},
    {.name = "for",
     .type = CM_OPTION_STRING,
     .offset = AT(wait_for),
     .default_value = "healthy",
     .value_name = "STAGE",
     .help = "rendered, delivered, applied or healthy."},
    {.name = "timeout",
     .type = CM_OPTION_DURATION,
     .offset = AT(timeout_ms),
     .default_value = "5m",
     .value_name = "DURATION",
     .help = "Give up after so long, exit code 1."},
    {.name = "life",
     .type = CM_OPTION_DURATION,
     .offset = AT(life_ms),
     .default_value = "15m",
     .value_name = "DURATION",
     .min = 60000,
     .max = 86400000,
     .help = "How long the token works, at most 24h."},
    {.name = "limit",
     .type = CM_OPTION_INT,
     .offset = AT(limit),
     .value_name = "N",
     .min = 1,
     .max = 1000000,
     .default_value = NULL,
     .help = "At most so many rows."},
    {.name = "all",
     .type = CM_OPTION_BOOL,
     .offset = AT(all),
     .help = "All clusters in Git that have no agent yet."},
    {.name = "again",
     .type = CM_OPTION_BOOL,
     .offset = AT(again),
     .help = "Also for a cluster that is enrolled: it was built anew."},
    {.name = "tokens",
     .type = CM_OPTION_BOOL,
     .offset = AT(tokens),
     .help = "Print lines of cluster and token instead of commands."},
    {.name = "wait",
     .type = CM_OPTION_BOOL,
     .offset = AT(wait),
     .help = "Then wait as 'holdfast wait' does."},
    {.name = "server-only",
     .type = CM_OPTION_BOOL,
     .offset = AT(server_only),
     .help = "Only the hub's version."},
    {.name = "version",
     .type = CM_OPTION_BOOL,
     .offset = AT(version),
     .help = "As the verb 'version'."},
    {.name = "help",
     .type = CM_OPTION_BOOL,
     .offset = AT(help),
     .short_name = 'h',
     .help = "Print help and exit."},
};

static const struct cm_option_set option_set = {
    .program = "holdfast",
    .summary = "Talks to a holdfast hub.",
    .usage = "VERB [ARGUMENTS] [OPTIONS]",
    .env_prefix = "HOLDFAST",
    .options = options,
    .count = COUNT(options),
};

int ctl_fail(struct ctl *c, enum cm_rc code, const char *fmt, ...) {
    va_list args;

    c->err.code = code;
    va_start(args, fmt);
    (void)vsnprintf(c->err.msg, sizeof(c->err.msg), fmt, args);
    va_end(args);
    return CTL_ERROR;
}

// ---- Help

static bool is_common(const char *name) {
    static const char common[] = "server token-file ca-file help config";

    return ctl_has_word(common, name);
}

static void help_all(void) {
    (void)printf("Usage: holdfast VERB [ARGUMENTS] [OPTIONS]\n\nVerbs:\n");
    for (size_t i = 0; i < COUNT(verbs); i++) {
        (void)printf("  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)printf(
        "\n'holdfast VERB --help' tells more about one.\n"
        "Settings for all: --server, --token-file, --ca-file, or HOLDFAST_SERVER and so on,"
        "\nor a file ~/.config/holdfast/config.yaml with lines such as 'server: URL'.\n"
        "Exit codes: 0 done, 1 no (differences, not in time, not valid), 2 an error.\n");
}

static void help_verb(const struct ctl_verb *verb) {
    struct cm_option own[COUNT(options)];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(options); i++) {
        const char *name = options[i].name;

        if (ctl_has_word(verb->options, name) || is_common(name)) {
            own[count++] = options[i];
        }
    }
    CM_AUTOFREE char *program = cm_strf("holdfast %s", verb->name);
    CM_AUTOFREE char *usage =
        cm_strf("%s%s[OPTIONS]", verb->arguments, verb->arguments[0] == '\0' ? "" : " ");
    struct cm_option_set set = option_set;
    set.program = program;
    set.usage = usage;
    set.summary = verb->summary;
    set.options = own;
    set.count = count;
    cm_options_help(&set, stdout);
    (void)printf("\nExample:\n  %s\n", verb->example);
}

// ---- From the command line to a verb

static const struct ctl_verb *find_verb(const char *name) {
    for (size_t i = 0; i < COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int fail_verb(struct ctl *c, const char *name) {
    const char *names[COUNT(verbs)];

    for (size_t i = 0; i < COUNT(verbs); i++) {
        names[i] = verbs[i].name;
    }
    const char *nearest = cm_str_nearest(name, names, COUNT(names));
    if (nearest == NULL) {
        return ctl_fail(c, CM_EINVAL, "there is no verb '%.40s'; see 'holdfast help'", name);
    }
    return ctl_fail(c, CM_EINVAL, "there is no verb '%.40s'; did you mean '%s'?", name, nearest);
}

// The options of all verbs are one table; here each must be one that this verb takes.
static int check_options(struct ctl *c, const struct ctl_verb *verb, char *const *words) {
    for (; *words != NULL && strcmp(*words, "--") != 0; words++) {
        CM_AUTOFREE char *name = ctl_option_name(options, COUNT(options), *words);

        if (name != NULL && !is_common(name) && !ctl_has_word(verb->options, name)) {
            return ctl_fail(c, CM_EINVAL, "'holdfast %s' does not take --%s", verb->name, name);
        }
    }
    return CTL_DONE;
}

static int check_arguments(struct ctl *c, const struct ctl_verb *verb) {
    if (verb->arguments[0] == '\0' && c->argc > 0) {
        return ctl_fail(c, CM_EINVAL,
                        "'holdfast %s' takes no arguments, but there is '%.100s'; say --app or "
                        "--cluster",
                        verb->name, c->argv[0]);
    }
    return CTL_DONE;
}

static int run(struct ctl *c, char *const *words, int rest, char **argv) {
    const char *name = rest > 0 ? argv[0] : c->options.version ? "version" : "help";
    const struct ctl_verb *verb = find_verb(name);

    if (strcmp(name, "help") == 0) {
        verb = rest > 1 ? find_verb(argv[1]) : NULL;
        if (rest > 1 && verb == NULL) {
            return fail_verb(c, argv[1]);
        }
        c->options.help = true;
    } else if (verb == NULL) {
        return fail_verb(c, name);
    }
    if (c->options.help) {
        (verb == NULL) ? help_all() : help_verb(verb);
        return CTL_DONE;
    }
    c->argc = rest > 0 ? rest - 1 : 0;
    c->argv = argv + 1;
    if (check_options(c, verb, words) != CTL_DONE || check_arguments(c, verb) != CTL_DONE) {
        return CTL_ERROR;
    }
    return verb->run(c);
}

// The file of settings is read if it is there; --config and HOLDFAST_CONFIG name another.
static void use_config_file(void) {
    const char *home = getenv("HOME");
    const char *folder = getenv("XDG_CONFIG_HOME");
    CM_AUTOFREE char *path = NULL;

    if (getenv("HOLDFAST_CONFIG") != NULL || (home == NULL && folder == NULL)) {
        return;
    }
    path = folder != NULL && folder[0] != '\0' ? cm_strf("%s/holdfast/config.yaml", folder)
                                               : cm_strf("%s/.config/holdfast/config.yaml", home);
    if (access(path, R_OK) == 0) {
        (void)setenv("HOLDFAST_CONFIG", path, 0);
    }
}

static char **copy_words(int argc, char **argv) {
    char **words = cm_new((size_t)argc + 1, sizeof(*words));

    memcpy(words, argv + 1, (size_t)(argc - 1) * sizeof(*words));
    return words;
}

int main(int argc, char **argv) {
    struct ctl c = {.arena = cm_arena_new(0)};
    CM_AUTOFREE char **words = copy_words(argc, argv);
    int rest = 0;
    int code = CTL_ERROR;

    use_config_file();
    if (cm_options_load(&option_set, &c.options, argc, argv, &rest, &c.err) == CM_OK) {
        c.err = (struct cm_err){.code = CM_OK};
        code = run(&c, words, rest, argv);
        cm_options_done(&option_set, &c.options);
    }
    if (code != CTL_DONE && c.err.code != CM_OK) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "holdfast: %s\n", c.err.msg);
    }
    ctl_client_free(c.client);
    cm_arena_free(c.arena);
    return code;
}
