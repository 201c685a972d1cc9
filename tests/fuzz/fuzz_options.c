// A configuration file that is accepted leaves every value within its range; one that is refused
// says why, after the file's name, and leaks nothing.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/options_file.h"

struct config {
    char *listen;
    bool read_only;
    int64_t workers;
    int64_t poll_interval;
    uint64_t cache_size;
};

static const struct cm_option options[] = {
    {.name = "listen", .type = CM_OPTION_STRING, .offset = offsetof(struct config, listen)},
    {.name = "read-only", .type = CM_OPTION_BOOL, .offset = offsetof(struct config, read_only)},
    {.name = "workers",
     .type = CM_OPTION_INT,
     .offset = offsetof(struct config, workers),
     .min = -4,
     .max = 64},
    {.name = "poll-interval",
     .type = CM_OPTION_DURATION,
     .offset = offsetof(struct config, poll_interval),
     .min = 0,
     .max = 3600000},
    {.name = "cache-size",
     .type = CM_OPTION_SIZE,
     .offset = offsetof(struct config, cache_size),
     .min = 0,
     .max = 1 << 30},
};

static const struct cm_option_set set = {.options = options,
                                         .count = sizeof(options) / sizeof(options[0])};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config config = {0};
    struct cm_err err = {0};
    enum cm_rc rc = cm_options_read_text(&set, &config, "hub.yaml", (const char *)data, size, &err);

    assert(config.workers >= -4 && config.workers <= 64);
    assert(config.poll_interval >= 0 && config.poll_interval <= 3600000);
    assert(config.cache_size <= 1 << 30);
    if (rc < 0) {
        assert(err.code == rc);
        assert(strncmp(err.msg, "hub.yaml:", 9) == 0);
    }
    cm_options_done(&set, &config);
    return 0;
}
