// holdfast-hub: reads what many clusters should run from Git and streams it to their agents.
#include <stdio.h>
#include <stdlib.h>

#include "common/harden.h"
#include "common/log.h"
#include "common/mem.h"
#include "hub/config/config.h"
#include "hub/hub.h"
#include "hub/repo/source.h"

static enum cm_rc serve(const struct hub_config *config, struct cm_err *err) {
    struct hub *hub = NULL;
    enum cm_rc rc = hub_open(config, &hub, err);

    rc = rc < 0 ? rc : hub_run(hub, err);
    hub_close(hub);
    return rc;
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
        rc = serve(&config, &err);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "holdfast-hub: %s\n", err.msg);
    }
    hub_config_done(&config);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
