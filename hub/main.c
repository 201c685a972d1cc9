// holdfast-hub: reads what many clusters should run from Git and streams it to their agents.
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/fsys.h"
#include "common/harden.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/backup/backup.h"
#include "hub/config/config.h"
#include "hub/hub.h"
#include "hub/jobs/reindex.h"
#include "hub/jobs/rotation.h"
#include "hub/repo/source.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/status.h"

#define RELOAD "reload the hub (systemctl reload holdfast-hub, or SIGHUP), and it takes over"
#define LOG_KEPT ((size_t)512 * 1024) // for support bundles

static enum cm_rc serve(const struct hub_config *config, struct cm_err *err) {
    struct hub *hub = NULL;

    cm_log_keep(LOG_KEPT);
    enum cm_rc rc = hub_open(config, &hub, err);

    rc = rc < 0 ? rc : hub_run(hub, err);
    hub_close(hub);
    return rc;
}

static enum cm_rc back_up(const struct hub_config *config, struct cm_err *err) {
    struct hub_backup_facts facts;
    enum cm_rc rc = hub_backup_write(config->data_dir, config->file, &facts, err);

    if (rc == CM_OK) {
        (void)printf("'%s' holds hub %s of epoch %llu with %llu agents; it was read again and is "
                     "whole. It holds the hub's keys: keep it as safe as them.\n",
                     config->file, facts.hub_id, (unsigned long long)facts.epoch,
                     (unsigned long long)facts.agents);
    }
    return rc;
}

static enum cm_rc restore(const struct hub_config *config, struct cm_err *err) {
    struct hub_backup_facts facts;
    enum cm_rc rc =
        hub_backup_restore(config->file, config->data_dir, config->registry, &facts, err);

    if (rc == CM_OK) {
        (void)printf("'%s' holds hub %s with %llu agents now, in epoch %llu. Start it: nothing is "
                     "changed on any cluster until every repository was fetched anew.\n",
                     config->data_dir, facts.hub_id, (unsigned long long)facts.agents,
                     (unsigned long long)facts.epoch);
    }
    return rc;
}

static enum cm_rc recover(const struct hub_config *config, struct cm_err *err) {
    struct hub_backup_facts facts;
    enum cm_rc rc = hub_backup_recover(config->file, config->data_dir, &facts, err);

    if (rc == CM_OK) {
        (void)printf("'%s' holds hub %s with %llu agents now, in epoch %llu, from its keys and the "
                     "registry. Start it: nothing is changed on any cluster until every repository "
                     "was fetched.\n",
                     config->data_dir, facts.hub_id, (unsigned long long)facts.agents,
                     (unsigned long long)facts.epoch);
    }
    return rc;
}

static enum cm_rc reindex(const struct hub_config *config, struct cm_err *err) {
    const struct hub_reindex_config what = {config->data_dir, config->events_kept};
    struct hub_reindex_facts f;
    enum cm_rc rc = hub_reindex(&what, &f, err);

    if (rc == CM_OK) {
        (void)printf("the index of the past is made anew: %llu clusters, %llu releases, %llu rows, "
                     "of %llu lines of the state repository and %llu that are to be written there. "
                     "Passed over: %llu told before, %llu purged, %llu lost. Releases of which no "
                     "line tells any more: %llu. Events taken from it: %llu.\n",
                     (unsigned long long)f.clusters, (unsigned long long)f.releases,
                     (unsigned long long)f.rows, (unsigned long long)f.lines,
                     (unsigned long long)f.kept, (unsigned long long)f.repeated,
                     (unsigned long long)f.purged, (unsigned long long)f.lost,
                     (unsigned long long)f.unknown, (unsigned long long)f.events);
    }
    if (rc == CM_OK && f.kept_from_ms > 0) {
        char from[CM_CLOCK_TEXT_MAX];

        cm_clock_format(f.kept_from_ms, from);
        (void)printf("It begins at %.19sZ: months before that are not kept.\n", from);
    }
    return rc;
}

static enum cm_rc rotate(const struct hub_config *config, struct cm_err *err) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", config->data_dir);
    enum cm_rc rc = hub_authority_rotate(keys, config->file, err);

    if (rc == CM_OK) {
        (void)printf("issuer and signer are made anew; " RELOAD "\n");
    }
    return rc;
}

static enum cm_rc count_behind(const struct hub_config *config, const char *keys,
                               uint64_t *out_count, struct cm_err *err) {
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_CLEANUP(hub_trust_done) struct hub_trust trust = {.signature_count = 0};
    CM_AUTOFREE char *path = cm_strf("%s/hub.db", config->data_dir);
    enum cm_rc rc = hub_authority_read_trust(keys, &trust, err);

    rc = rc < 0 ? rc : hub_db_open(path, HUB_DB_READER, &db, err);
    return rc < 0 ? rc : hub_presence_count_behind(db, trust.set.version, out_count, err);
}

// An agent that lacks the newest set would refuse what the new root vouches for.
static enum cm_rc check_all_know(const struct hub_config *config, const char *keys,
                                 struct cm_err *err) {
    uint64_t behind = 0;
    enum cm_rc rc = config->anyway ? CM_OK : count_behind(config, keys, &behind, err);

    return rc < 0 || behind == 0
               ? rc
               : cm_fail(err, CM_EBUSY,
                         "%llu agents lack the newest set of roots (holdfast fleet health); wait "
                         "until they were connected, or say '%s-anyway': then they get it when "
                         "they come, but agents of versions that know of no sets get nothing new",
                         (unsigned long long)behind,
                         config->command == HUB_COMMAND_ROOT_DROP ? "drop" : "finish");
}

static enum cm_rc refuse_too_early(uint64_t count, int64_t renewed_ms, const char *step,
                                   struct cm_err *err) {
    char when[CM_CLOCK_TEXT_MAX] = "";
    bool ahead = renewed_ms > cm_clock_unix_ms();

    if (ahead) {
        cm_clock_format(renewed_ms, when);
    }
    return cm_fail(
        err, CM_EBUSY,
        "%llu agents have certificates of the root before this one, or were not seen with another "
        "one yet, and another root would lock them out until they are enrolled anew; those that "
        "are connected have renewed them %s%.19s%s: try again then, when the others (holdfast get "
        "agents) were connected, too, or say '%s-anyway'",
        (unsigned long long)count, ahead ? "by " : "within minutes", when, ahead ? "Z" : "", step);
}

// The hub knows certificates of the root before the one in use, and of none before that.
static enum cm_rc check_all_renewed(const struct hub_config *config, const char *keys,
                                    const char *step, struct cm_err *err) {
    CM_CLEANUP(hub_db_closep) struct hub_db *db = NULL;
    CM_AUTOFREE char *path = cm_strf("%s/hub.db", config->data_dir);
    struct cm_sha256 root;
    int64_t since_ms = 0;
    int64_t from_ms = 0;
    int64_t renewed_ms = 0;
    uint64_t count = 0;
    enum cm_rc rc = hub_authority_root_since_ms(keys, &root, &since_ms, err);

    if (rc < 0 || since_ms == 0 || config->anyway) {
        return rc;
    }
    rc = hub_db_open(path, HUB_DB_READER, &db, err);
    rc = rc < 0 ? rc : hub_rotation_root_from_ms(db, &root, &from_ms, err);
    since_ms = from_ms > since_ms ? from_ms : since_ms;
    rc = rc < 0 ? rc
                : hub_agents_count_before(db, since_ms - HUB_CERTIFY_EARLY_MS, HUB_CERTIFY_EARLY_MS,
                                          &count, &renewed_ms, err);
    return rc < 0 || count == 0 ? rc : refuse_too_early(count, renewed_ms, step, err);
}

static enum cm_rc begin_root(const struct hub_config *config, struct cm_err *err) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", config->data_dir);
    enum cm_rc rc = check_all_renewed(config, keys, "begin", err);

    rc = rc < 0 ? rc : hub_authority_root_begin(keys, config->file, err);
    if (rc == CM_OK) {
        (void)printf("a next root is made, and agents are told of it; " RELOAD
                     ". When 'holdfast fleet health' shows that none lacks it: holdfast-hub "
                     "rotate-root finish\n");
    }
    return rc;
}

static enum cm_rc finish_root(const struct hub_config *config, struct cm_err *err) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", config->data_dir);
    enum cm_rc rc = check_all_know(config, keys, err);

    rc = rc < 0 ? rc : check_all_renewed(config, keys, "finish", err);
    rc = rc < 0 ? rc : hub_authority_root_finish(keys, config->file, err);
    if (rc == CM_OK) {
        (void)printf("the new root is in use; " RELOAD
                     ". Give its certificate, keys/root.crt, to whoever verifies the API by it, "
                     "and make join tokens that wait anew\n");
    }
    return rc;
}

static enum cm_rc drop_root(const struct hub_config *config, struct cm_err *err) {
    CM_AUTOFREE char *keys = cm_strf("%s/keys", config->data_dir);
    enum cm_rc rc = check_all_know(config, keys, err);

    rc = rc < 0 ? rc : hub_authority_root_drop(keys, config->file, err);
    if (rc == CM_OK) {
        (void)printf("agents are told to believe the new root alone; " RELOAD "\n");
    }
    return rc;
}

static enum cm_rc run(const struct hub_config *config, struct cm_err *err) {
    switch (config->command) {
    case HUB_COMMAND_BACKUP:
        return back_up(config, err);
    case HUB_COMMAND_RESTORE:
        return restore(config, err);
    case HUB_COMMAND_RECOVER:
        return recover(config, err);
    case HUB_COMMAND_REINDEX:
        return reindex(config, err);
    case HUB_COMMAND_ROTATE:
        return rotate(config, err);
    case HUB_COMMAND_ROOT_BEGIN:
        return begin_root(config, err);
    case HUB_COMMAND_ROOT_FINISH:
        return finish_root(config, err);
    case HUB_COMMAND_ROOT_DROP:
        return drop_root(config, err);
    default:
        return serve(config, err);
    }
}

// What root writes into the folder of a hub that runs as somebody else would be closed to that.
static enum cm_rc run_for_owner(const struct hub_config *config, struct cm_err *err) {
    enum cm_rc rc = run(config, err);
    bool writes = config->command != HUB_COMMAND_SERVE && config->command != HUB_COMMAND_BACKUP;
    struct cm_err why;

    if (!writes || cm_fsys_give(config->data_dir, &why) == CM_OK) {
        return rc;
    }
    return rc < 0 ? rc
                  : cm_fail(err, why.code,
                            "it is done, but the hub could not read it: %s; give all that is in "
                            "'%s' to the user that the hub runs as (chown -R)",
                            why.msg, config->data_dir);
}

int main(int argc, char **argv) {
    struct hub_config config = {0};
    struct cm_err err;
    enum cm_rc rc = CM_OK;

    hub_repo_child_main(argc, argv);
    cm_harden();
    if (hub_config_load(argc, argv, &config, &err) < 0 ||
        cm_log_configure(config.log_level, config.log_format, &err) < 0) {
        (void)fprintf(stderr, "holdfast-hub: %s\n", err.msg);
        hub_config_done(&config);
        return 2;
    }
    if (config.help) {
        cm_options_help(&hub_config_options, stdout);
    } else if (config.version) {
        (void)printf("holdfast-hub %s\n", HOLDFAST_VERSION);
    } else {
        rc = run_for_owner(&config, &err);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "holdfast-hub: %s\n", err.msg);
    }
    hub_config_done(&config);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
