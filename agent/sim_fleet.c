#include "agent/sim_fleet.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/sim/sim.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"

enum { TOKENS_MAX = 16 * 1024 * 1024, NAME_MAX_BYTES = 63, WORDS_MAX = 8, START_MS = 20 };

struct member {
    struct sim_fleet *fleet;
    char *name;
    char *dir;
    char *token;
    struct agent_sim *sim;
    struct agent *agent; // NULL while it is not running
    bool stopping;
};

struct sim_fleet {
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_sim_pool *pool;
    struct sim_fleet_config config;
    char *data_dir;
    char *hub;
    char *enroll_hub;
    struct cm_map *members; // by name
    const char **names;
    size_t next_start;
    struct cm_timer starting;
    int history; // -1: none
    bool stopping;
    size_t running;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_task stopped_task;
};

static void member_free(void *value) {
    struct member *m = value;

    assert(m->agent == NULL);
    agent_sim_free(m->sim);
    if (m->token != NULL) {
        explicit_bzero(m->token, strlen(m->token));
    }
    free(m->token);
    free(m->name);
    free(m->dir);
    free(m);
}

static bool name_ok(const char *name) {
    size_t len = strlen(name);

    return len > 0 && len <= NAME_MAX_BYTES && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

// ---- History

static void add_history(const struct sim_fleet *f, const struct cm_json *entry) {
    CM_CLEANUP(cm_str_done) struct cm_str line = {0};

    cm_json_write_compact(entry, &line);
    cm_str_add_char(&line, '\n');
    // One call a line: what was written before a kill is whole.
    if (write(f->history, line.data, line.len) != (ssize_t)line.len) {
        cm_log(CM_LOG_ERROR, "sim.history_failed", strerrordesc_np(errno), NULL);
    }
}

static void on_note(void *ctx, const struct agent_sim_note *note) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct member *m = ctx;
    struct cm_json *entry = cm_json_new(a, CM_OBJECT);
    struct agent_state state = {0};
    struct cm_json *live = NULL;
    struct cm_err ignored;

    if (m->agent != NULL) {
        agent_state_get(m->agent, &state);
    }
    cm_json_set_string(a, entry, "what", note->what);
    cm_json_set_string(a, entry, "cluster", m->name);
    cm_json_set_string(a, entry, "key", note->key);
    cm_json_set_int(a, entry, "generation", (int64_t)state.generation);
    if (note->live != NULL && cm_json_parse(a, (const char *)note->live->data, note->live->size,
                                            NULL, &live, &ignored) == CM_OK) {
        cm_json_set(a, entry, "object", live);
    }
    add_history(m->fleet, entry);
}

// begin_history says that a cluster is there, and empty.
static void begin_history(const struct member *m) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *entry = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, entry, "what", "begin");
    cm_json_set_string(a, entry, "cluster", m->name);
    add_history(m->fleet, entry);
}

static enum cm_rc open_history(struct sim_fleet *f, struct cm_err *err) {
    const char *path = f->config.history;

    f->history = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return path == NULL || f->history >= 0
               ? CM_OK
               : cm_fail(err, CM_EIO, "cannot write '%s': %s", path, strerrordesc_np(errno));
}

static struct member *add_member(struct sim_fleet *f, const char *name) {
    struct member *m = cm_map_get(f->members, name);

    if (m == NULL) {
        m = cm_new(1, sizeof(*m));
        m->fleet = f;
        m->name = cm_strdup(name);
        m->dir = cm_strf("%s/%s", f->data_dir, name);
        m->sim = agent_sim_new(
            f->loop, &(struct agent_sim_config){.pool = f->pool,
                                                .latency_ms = f->config.latency_ms,
                                                .health_ms = f->config.health_ms,
                                                .strict_namespaces = f->config.strict_namespaces,
                                                .observes = f->config.observes,
                                                .adopt = true,
                                                .noted = f->history < 0 ? NULL : on_note,
                                                .ctx = m});
        cm_map_put(f->members, name, m);
        if (f->history >= 0) {
            begin_history(m);
        }
    }
    return m;
}

// ---- Who is there

static enum cm_rc add_line(struct sim_fleet *f, char *line, size_t number, struct cm_err *err) {
    char *rest = NULL;
    const char *name = strtok_r(line, " \t\r", &rest);
    const char *token = strtok_r(NULL, " \t\r", &rest);

    if (name == NULL || name[0] == '#') {
        return CM_OK;
    }
    if (token == NULL || !name_ok(name)) {
        return cm_fail(err, CM_EINVAL, "%s:%zu: a line is the name of a cluster and its token",
                       f->config.tokens, number);
    }
    struct member *m = add_member(f, name);
    free(m->token);
    m->token = cm_strdup(token);
    return CM_OK;
}

static enum cm_rc read_tokens(struct sim_fleet *f, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    enum cm_rc rc = cm_fsys_read(f->config.tokens, TOKENS_MAX, &bytes, err);
    size_t number = 0;

    if (rc < 0) {
        return rc;
    }
    CM_AUTOFREE char *text = cm_strndup((const char *)bytes->data, bytes->size);
    char *rest = text;
    while (rc == CM_OK && rest != NULL) {
        char *line = strsep(&rest, "\n");

        rc = add_line(f, line, ++number, err);
    }
    explicit_bzero(text, bytes->size); // NOLINT(clang-analyzer-core.NonNullParamChecker)
    return rc;
}

static void read_folders(struct sim_fleet *f) {
    DIR *dir = opendir(f->data_dir);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (name_ok(entry->d_name)) {
            (void)add_member(f, entry->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static void start_some(void *ctx);

static void sim_fleet_freep(struct sim_fleet **f) {
    sim_fleet_free(*f);
}

enum cm_rc sim_fleet_new(struct cm_loop *loop, const struct sim_fleet_config *config,
                         struct sim_fleet **out, struct cm_err *err) {
    CM_CLEANUP(sim_fleet_freep) struct sim_fleet *f = cm_new(1, sizeof(*f));

    (void)cm_fsys_allow_files(SIZE_MAX); // three an agent: log, lock and connection
    f->loop = loop;
    f->config = *config;
    f->data_dir = cm_strdup(config->data_dir);
    f->hub = cm_strdup(config->hub);
    f->enroll_hub = cm_strdup(config->enroll_hub);
    f->pool = agent_sim_pool_new();
    f->members = cm_map_new(member_free);
    f->starting = (struct cm_timer){.run = start_some, .ctx = f};
    f->disk = cm_workers_new("disk", (size_t)config->disk_threads, NULL);
    enum cm_rc rc = open_history(f, err);
    rc = rc < 0 ? rc : cm_fsys_make_dir(f->data_dir, 0700, err);
    if (rc < 0) {
        return rc;
    }
    read_folders(f);
    if (config->tokens != NULL) {
        rc = read_tokens(f, err);
    }
    if (rc == CM_OK && cm_map_len(f->members) == 0) {
        rc = cm_fail(err, CM_EINVAL, "there is no cluster: give tokens with --tokens FILE");
    }
    if (rc == CM_OK) {
        f->names = cm_map_keys(f->members);
        *out = CM_TAKE(f);
    }
    return rc;
}

void sim_fleet_free(struct sim_fleet *f) {
    if (f == NULL) {
        return;
    }
    cm_timer_stop(f->loop, &f->starting);
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    cm_map_free(f->members);
    agent_sim_pool_free(f->pool);
    if (f->history >= 0) {
        (void)close(f->history);
    }
    free(f->names);
    free(f->data_dir);
    free(f->hub);
    free(f->enroll_hub);
    free(f);
}

// ---- Starting and stopping

static enum cm_rc start_member(struct member *m, struct cm_err *err) {
    const struct sim_fleet *f = m->fleet;
    const struct agent_config config = {.data_dir = m->dir,
                                        .join_token = m->token,
                                        .hub = f->hub,
                                        .enroll_hub = f->enroll_hub,
                                        .report_interval_ms = f->config.report_interval_ms,
                                        .reconnect_max_ms = f->config.reconnect_max_ms};

    if (m->agent != NULL) {
        return cm_fail(err, CM_EEXISTS, "the agent of '%s' runs already", m->name);
    }
    enum cm_rc rc =
        agent_new(f->loop, f->disk, &config, agent_sim_driver_new(m->sim), &m->agent, err);
    if (rc < 0) {
        return cm_wrap(err, "%s", m->name);
    }
    m->fleet->running++;
    agent_start(m->agent);
    return CM_OK;
}

static void start_some(void *ctx) {
    struct sim_fleet *f = ctx;
    int64_t few = f->config.start_rate * START_MS / 1000 + 1;
    size_t count = cm_map_len(f->members);
    struct cm_err err;

    for (; few > 0 && f->next_start < count; few--) {
        struct member *m = cm_map_get(f->members, f->names[f->next_start++]);

        if (start_member(m, &err) < 0) {
            cm_log(CM_LOG_ERROR, "sim.start_failed", err.msg, "cluster", m->name, NULL);
        }
    }
    if (f->next_start < count && !f->stopping) {
        cm_timer_start(f->loop, &f->starting, START_MS);
    }
}

void sim_fleet_start(struct sim_fleet *f) {
    start_some(f);
}

static void run_stopped(void *ctx) {
    struct sim_fleet *f = ctx;

    f->stopped(f->stopped_ctx);
}

static void check_stopped(struct sim_fleet *f) {
    if (f->stopping && f->running == 0) {
        f->stopped_task = (struct cm_task){.run = run_stopped, .ctx = f};
        cm_loop_post(f->loop, &f->stopped_task);
    }
}

static void member_stopped(void *ctx) {
    struct member *m = ctx;

    agent_free(m->agent);
    m->agent = NULL;
    m->stopping = false;
    m->fleet->running--;
    check_stopped(m->fleet);
}

static bool stop_member(void *ctx, const char *name, void *value) {
    struct member *m = value;

    (void)ctx;
    (void)name;
    if (m->agent != NULL && !m->stopping) {
        m->stopping = true;
        agent_stop(m->agent, member_stopped, m);
    }
    return true;
}

void sim_fleet_stop(struct sim_fleet *f, void (*stopped)(void *ctx), void *ctx) {
    f->stopping = true;
    f->stopped = stopped;
    f->stopped_ctx = ctx;
    cm_timer_stop(f->loop, &f->starting);
    cm_map_each(f->members, stop_member, NULL);
    check_stopped(f);
}

// ---- Commands

struct command {
    struct sim_fleet *fleet;
    struct member *member;
    size_t count;
    char *words[WORDS_MAX]; // the first is the command, the second the cluster
    struct cm_str *answer;
};

static enum cm_rc do_drift(struct command *c, struct cm_err *err) {
    return agent_sim_change(c->member->sim, c->words[2], c->words[3], c->words[4],
                            c->count > 5 ? c->words[5] : "kubectl-edit", err);
}

static enum cm_rc do_delete(struct command *c, struct cm_err *err) {
    return agent_sim_delete(c->member->sim, c->words[2], err);
}

static enum cm_rc do_create(struct command *c, struct cm_err *err) {
    return agent_sim_create(c->member->sim, c->words[2], c->words[3],
                            c->count > 4 ? c->words[4] : "kubectl-create", err);
}

static enum cm_rc read_switch(const char *word, bool *on, struct cm_err *err) {
    *on = strcmp(word, "on") == 0;
    return *on || strcmp(word, "off") == 0
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "'%.40s' is neither on nor off", word);
}

static enum cm_rc do_fail(struct command *c, struct cm_err *err) {
    enum cm_rc code = c->count > 4 ? CM_EINVAL : CM_EBUSY;
    bool on;
    enum cm_rc rc = read_switch(c->words[3], &on, err);

    if (rc == CM_OK) {
        agent_sim_fail(c->member->sim, c->words[2], on ? code : CM_OK);
    }
    return rc;
}

static enum cm_rc do_degrade(struct command *c, struct cm_err *err) {
    bool on;
    enum cm_rc rc = read_switch(c->words[3], &on, err);

    if (rc == CM_OK) {
        agent_sim_degrade(c->member->sim, c->words[2], on);
    }
    return rc;
}

static enum cm_rc read_verdict(const char *word, struct agent_sim_decision *out,
                               struct cm_err *err) {
    static const char *const words[] = {
        [AGENT_VERDICT_STARTED] = "started",
        [AGENT_VERDICT_PROMOTED] = "promoted",
        [AGENT_VERDICT_REJECTED] = "rejected",
        [AGENT_VERDICT_CONFIG_REJECTED] = "config-rejected",
        [AGENT_VERDICT_FAILED_FORWARD] = "failed-forward",
        [AGENT_VERDICT_TIMED_OUT] = "timed-out",
        [AGENT_VERDICT_UNDONE] = "undone",
        [AGENT_VERDICT_RESTARTED] = "restarted",
        [AGENT_VERDICT_WAITING] = "waiting",
    };
    char *end = NULL;
    long weight = strtol(word, &end, 10);

    out->weight = -1;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i] != NULL && strcmp(words[i], word) == 0) {
            out->verdict = (enum agent_verdict)i;
            return CM_OK;
        }
    }
    if (end == word || *end != '\0' || weight < 0 || weight > 100) {
        return cm_fail(err, CM_EINVAL, "'%s' is no verdict, nor a weight from 0 to 100", word);
    }
    out->verdict = AGENT_VERDICT_WEIGHT;
    out->weight = (int)weight;
    return CM_OK;
}

static enum cm_rc do_decide(struct command *c, struct cm_err *err) {
    struct agent_sim_decision what = {.key = c->words[2],
                                      .text = c->count > 4 ? c->words[4] : "as asked for",
                                      .controller = c->count > 5 ? c->words[5] : NULL,
                                      .actor = c->count > 6 ? c->words[6] : NULL};
    enum cm_rc rc = read_verdict(c->words[3], &what, err);

    return rc < 0 ? rc : agent_sim_decide(c->member->sim, &what, err);
}

static enum cm_rc do_digests(struct command *c, struct cm_err *err) {
    return agent_sim_digests(c->member->sim, c->words[2], (const char *const *)c->words + 3,
                             c->count - 3, err);
}

static enum cm_rc do_unreachable(struct command *c, struct cm_err *err) {
    bool on;
    enum cm_rc rc = read_switch(c->words[2], &on, err);

    if (rc == CM_OK) {
        agent_sim_set_reachable(c->member->sim, !on);
    }
    return rc;
}

static enum cm_rc do_kill(struct command *c, struct cm_err *err) {
    struct member *m = c->member;

    if (m->agent == NULL || m->stopping) {
        return cm_fail(err, CM_ENOTFOUND, "the agent of '%s' does not run", m->name);
    }
    m->stopping = true;
    agent_kill(m->agent, member_stopped, m);
    return CM_OK;
}

static enum cm_rc do_start(struct command *c, struct cm_err *err) {
    return start_member(c->member, err);
}

static enum cm_rc do_get(struct command *c, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = agent_sim_get(c->member->sim, c->words[2]);
    struct cm_json *tree = NULL;

    if (bytes == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the simulated cluster has no '%s'", c->words[2]);
    }
    enum cm_rc rc = cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &tree, err);
    if (rc == CM_OK) {
        cm_json_write_compact(tree, c->answer);
    }
    return rc;
}

static void set_size(struct cm_arena *a, struct cm_json *o, const char *key, size_t value) {
    cm_json_set_int(a, o, key, (int64_t)value);
}

struct sums {
    size_t clusters, running, enrolled, connected;
    size_t apps, applied, healthy, objects, drifted, untold;
    struct agent_sim_stats sim;
};

static bool sum_member(void *ctx, const char *name, void *value) {
    const struct member *m = value;
    struct sums *s = ctx;
    struct agent_state state = {0};
    struct agent_sim_stats sim;

    (void)name;
    if (m->agent != NULL) {
        agent_state_get(m->agent, &state);
    }
    agent_sim_stats_get(m->sim, &sim);
    s->clusters++;
    s->running += m->agent != NULL;
    s->enrolled += state.enrolled;
    s->connected += state.connected;
    s->apps += state.apps;
    s->applied += state.apps_applied;
    s->healthy += state.apps_healthy;
    s->objects += state.objects;
    s->drifted += state.drifted;
    s->untold += state.untold;
    s->sim.objects += sim.objects;
    s->sim.applies += sim.applies;
    s->sim.writes += sim.writes;
    s->sim.removes += sim.removes;
    return true;
}

static void write_sums(const struct sums *s, struct cm_arena *a, struct cm_json *o) {
    set_size(a, o, "clusters", s->clusters);
    set_size(a, o, "running", s->running);
    set_size(a, o, "enrolled", s->enrolled);
    set_size(a, o, "connected", s->connected);
    set_size(a, o, "apps", s->apps);
    set_size(a, o, "applied", s->applied);
    set_size(a, o, "healthy", s->healthy);
    set_size(a, o, "objects", s->objects);
    set_size(a, o, "drifted", s->drifted);
    set_size(a, o, "untold", s->untold);
    set_size(a, o, "stored", s->sim.objects);
    set_size(a, o, "applies", s->sim.applies);
    set_size(a, o, "writes", s->sim.writes);
    set_size(a, o, "removes", s->sim.removes);
}

static enum cm_rc do_state(struct command *c, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = cm_json_new(a, CM_OBJECT);
    struct sums sums = {0};

    (void)err;
    if (c->member != NULL) {
        struct agent_state state = {0};

        (void)sum_member(&sums, c->member->name, c->member);
        if (c->member->agent != NULL) {
            agent_state_get(c->member->agent, &state);
        }
        cm_json_set_string(a, o, "cluster", c->member->name);
        cm_json_set_int(a, o, "generation", (int64_t)state.generation);
        cm_json_set_string(a, o, "run", state.report_run);
        cm_json_set_int(a, o, "acked", (int64_t)state.reports_acked);
    } else {
        cm_map_each(c->fleet->members, sum_member, &sums);
    }
    write_sums(&sums, a, o);
    cm_json_write_compact(o, c->answer);
    return CM_OK;
}

static const struct verb {
    const char *name;
    size_t least; // words, with the command
    size_t most;
    enum cm_rc (*run)(struct command *c, struct cm_err *err);
    bool answers; // with more than that it was done
} verbs[] = {
    {"drift", 5, 6, do_drift, false},     {"delete", 3, 3, do_delete, false},
    {"create", 4, 5, do_create, false},   {"fail", 4, 5, do_fail, false},
    {"degrade", 4, 4, do_degrade, false}, {"unreachable", 3, 3, do_unreachable, false},
    {"kill", 2, 2, do_kill, false},       {"start", 2, 2, do_start, false},
    {"decide", 4, 7, do_decide, false},   {"get", 3, 3, do_get, true},
    {"state", 1, 2, do_state, true},      {"digests", 3, WORDS_MAX, do_digests, false},
};

// next_word takes a word off the line, in place; NULL at the end.
static char *next_word(char **at) {
    char *from = *at + strspn(*at, " \t\r\n");
    char *to = from;
    char *word = from;
    bool quoted = *from == '"';

    if (*from == '\0') {
        return NULL;
    }
    from += quoted ? 1 : 0;
    while (*from != '\0' && !(quoted ? *from == '"' : strchr(" \t\r\n", *from) != NULL)) {
        from += quoted && *from == '\\' && from[1] != '\0' ? 1 : 0;
        *to++ = *from++;
    }
    *at = *from == '\0' ? from : from + 1;
    *to = '\0';
    return word;
}

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

// A command that is carried out for one cluster after the other, until it fails for one.
struct for_all {
    struct command *command;
    const struct verb *verb;
    struct cm_err *err;
    enum cm_rc rc;
};

static bool run_for_member(void *ctx, const char *name, void *value) {
    struct for_all *all = ctx;

    (void)name;
    all->command->member = value;
    all->rc = all->verb->run(all->command, all->err);
    return all->rc == CM_OK;
}

static enum cm_rc run_for_all(struct command *c, const struct verb *verb, struct cm_err *err) {
    struct for_all all = {.command = c, .verb = verb, .err = err};

    if (verb->answers) {
        return cm_fail(err, CM_EINVAL, "'%s' is asked of one cluster", verb->name);
    }
    cm_map_each(c->fleet->members, run_for_member, &all);
    return all.rc;
}

static enum cm_rc run_words(struct command *c, struct cm_err *err) {
    const struct verb *verb = c->count == 0 ? NULL : find_verb(c->words[0]);

    if (verb == NULL) {
        return cm_fail(err, CM_EINVAL, "unknown command '%.40s'", c->count == 0 ? "" : c->words[0]);
    }
    if (c->count < verb->least || c->count > verb->most) {
        return cm_fail(err, CM_EINVAL, "'%s' has too few or too many words", verb->name);
    }
    if (c->count > 1 && strcmp(c->words[1], "*") == 0) {
        return run_for_all(c, verb, err);
    }
    if (c->count > 1) {
        c->member = cm_map_get(c->fleet->members, c->words[1]);
        if (c->member == NULL) {
            return cm_fail(err, CM_ENOTFOUND, "there is no cluster '%.80s'", c->words[1]);
        }
    }
    return verb->run(c, err);
}

void sim_fleet_command(struct sim_fleet *f, const char *line, struct cm_str *answer) {
    struct command c = {.fleet = f, .answer = answer};
    CM_AUTOFREE char *copy = cm_strdup(line);
    char *at = copy;
    struct cm_err err;

    while (c.count < WORDS_MAX && (c.words[c.count] = next_word(&at)) != NULL) {
        c.count++;
    }
    if (run_words(&c, &err) < 0) {
        cm_str_clear(answer);
        cm_str_addf(answer, "error: %s", err.msg);
    } else if (answer->len == 0) {
        cm_str_add(answer, "ok");
    }
    cm_str_add_char(answer, '\n');
}
