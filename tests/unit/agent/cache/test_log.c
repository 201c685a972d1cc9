// What the log's frames held is in no block that is given back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/cache/log.h"
#include "agent/cache/record.h"
#include "common/str.h"
#include "tests/support/told.h"

enum { FRAMES = 5 };

static void write_log(const char *path) {
    struct cm_str payload = {0};
    struct cm_str frames = {0};
    struct cm_err err;
    int fd = -1;

    for (int i = 0; i < FRAMES; i++) { // each one larger, so that it needs more memory
        for (int j = 0; j < 1000; j++) {
            cm_str_add(&payload, SECRET);
        }
        agent_put_frame(&frames, payload.data, payload.len);
    }
    assert_int_equal(agent_log_create(path, &fd, &err), CM_OK);
    assert_int_equal(agent_log_write(fd, AGENT_LOG_MAGIC_SIZE, frames.data, frames.len, &err),
                     CM_OK);
    (void)close(fd);
    cm_str_done(&payload);
    cm_str_done(&frames);
}

static bool visit(void *ctx, const uint8_t *payload, size_t size, uint64_t at) {
    (void)at;
    *(int *)ctx += memmem(payload, size, SECRET, strlen(SECRET)) != NULL;
    return true;
}

static void reading_the_log_leaves_nothing(void **state) {
    char path[] = "/tmp/holdfast-log-XXXXXX";
    struct cm_err err;
    struct agent_log_end end = {0};
    int read = 0;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    write_log(path);
    assert_int_equal(agent_log_open(path, visit, &read, &fd, &end, &err), CM_OK);
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(read, FRAMES);
    assert_int_equal(told, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_the_log_leaves_nothing),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
