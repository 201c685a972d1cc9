// holdfast-hub: reads what many clusters should run from Git and streams it to their agents.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "hub/config/config.h"
#include "hub/hub.h"
#include "hub/repo/source.h"

static enum cm_rc set_up_log(const struct hub_config *config, struct cm_err *err) {
    enum cm_log_level level;
    bool json = strcmp(config->log_format, "json") == 0;

    if (!cm_log_level_parse(config->log_level, &level)) {
        return cm_fail(err, CM_EINVAL, "--log-level: '%.40s' is none of error, warn, info, debug",
                       config->log_level);
    }
    if (!json && strcmp(config->log_format, "logfmt") != 0) {
        return cm_fail(err, CM_EINVAL, "--log-format: '%.40s' is neither logfmt nor json",
                       config->log_format);
    }
    cm_log_setup(level, json ? CM_LOG_JSON : CM_LOG_LOGFMT, stderr);
    return CM_OK;
}

static enum cm_rc serve(const struct hub_config *config, struct cm_err *err) {
    struct hub *hub = NULL;
    enum cm_rc rc = set_up_log(config, err);

    rc = rc < 0 ? rc : hub_open(config, &hub, err);
    rc = rc < 0 ? rc : hub_run(hub, err);
    hub_close(hub);
    return rc;
}

int main(int argc, char **argv) {
    struct hub_config config = {0};
    struct cm_err err;
    enum cm_rc rc = CM_OK;

    hub_repo_child_main(argc, argv);
    if (hub_config_load(argc, argv, &config, &err) < 0) {
        (void)fprintf(stderr, "holdfast-hub: %s\n", err.msg);
        return 2;
    }
    if (config.help) {
        cm_options_help(&hub_config_options, stdout);
    } else if (config.version) {
        (void)printf("holdfast-hub %s\n", HOLDFAST_VERSION);
    } else {
        rc = serve(&config, &err);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "holdfast-hub: %s\n", err.msg);
    }
    hub_config_done(&config);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
