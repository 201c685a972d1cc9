#include "common/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/str.h"

static char *text;
static size_t size;
static FILE *out;

static void begin(enum cm_log_level level, enum cm_log_format format) {
    free(text);
    text = NULL;
    out = open_memstream(&text, &size);
    cm_log_setup(level, format, out);
    cm_clock_advance(10000); // no line of an earlier test counts as a repetition
}

static const char *end(void) {
    (void)fclose(out);
    cm_log_setup(CM_LOG_INFO, CM_LOG_LOGFMT, NULL);
    return text;
}

static void the_last_lines_are_kept_whole(void **state) {
    (void)state;
    struct cm_str kept = {0};

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    cm_log_keep(200);
    cm_log(CM_LOG_INFO, "a.first", "the first", NULL);
    cm_log_kept(&kept);
    assert_non_null(strstr(cm_str_get(&kept), "id=a.first msg=\"the first\"\n"));
    cm_log(CM_LOG_INFO, "a.second", "the second", NULL);
    cm_log(CM_LOG_INFO, "a.third", "the third", NULL);
    cm_log(CM_LOG_DEBUG, "a.fourth", "not told", NULL);
    cm_str_clear(&kept);
    cm_log_kept(&kept);
    assert_int_equal(strncmp(cm_str_get(&kept), "time=", 5), 0);
    assert_null(strstr(cm_str_get(&kept), "a.first"));
    assert_non_null(strstr(cm_str_get(&kept), "id=a.third msg=\"the third\"\n"));
    assert_null(strstr(cm_str_get(&kept), "a.fourth"));
    cm_str_done(&kept);
    cm_log_keep(0);
    (void)end();
}

static int start_clock(void **state) {
    (void)state;
    cm_clock_fake(0);
    return 0;
}

static int stop_clock(void **state) {
    (void)state;
    cm_clock_fake(-1);
    free(text);
    text = NULL;
    return 0;
}

static void an_event_is_one_logfmt_line(void **state) {
    (void)state;
    char ms[CM_LOG_INT_MAX];

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    cm_clock_fake(INT64_C(1790856000123));
    cm_log(CM_LOG_WARN, "agent.silent", "no heartbeat for 42 s", "cluster", "paris-1", "since_ms",
           cm_log_int(42000, ms), NULL);
    assert_string_equal(end(), "time=2026-10-01T12:00:00.123Z level=warn id=agent.silent "
                               "cluster=paris-1 since_ms=42000 msg=\"no heartbeat for 42 s\"\n");
}

static void an_event_is_one_json_object(void **state) {
    (void)state;

    begin(CM_LOG_INFO, CM_LOG_JSON);
    cm_clock_fake(INT64_C(1790856000123));
    cm_log(CM_LOG_ERROR, "x.y", "say \"hi\"", "path", "a\\b", NULL);
    assert_string_equal(end(), "{\"time\":\"2026-10-01T12:00:00.123Z\",\"level\":\"error\","
                               "\"id\":\"x.y\",\"path\":\"a\\\\b\",\"msg\":\"say \\\"hi\\\"\"}\n");
}

static void a_field_without_a_value_is_left_out(void **state) {
    (void)state;

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    cm_log(CM_LOG_INFO, "a", "m", "gone", NULL, "empty", "", "kept", "1", NULL);
    assert_non_null(strstr(end(), "id=a empty=\"\" kept=1 msg=m\n"));
}

static void lines_above_the_level_are_not_printed(void **state) {
    (void)state;

    begin(CM_LOG_WARN, CM_LOG_LOGFMT);
    cm_log(CM_LOG_INFO, "a", "m", NULL);
    cm_log(CM_LOG_DEBUG, "a", "m", NULL);
    assert_string_equal(end(), "");
}

static void values_cannot_forge_lines_or_command_a_terminal(void **state) {
    (void)state;

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    cm_log(CM_LOG_INFO, "a", "m", "v",
           "x\nlevel=error id=b\x1b[2J\x7f\xc2\x9b"
           "2J",
           NULL);
    const char *line = end();
    assert_non_null(strstr(line, "v=\"x\\nlevel=error id=b\\u001b[2J\\u007f\\u009b2J\""));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void bytes_that_are_no_text_are_replaced(void **state) {
    (void)state;

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    cm_log(CM_LOG_INFO, "a", "m", "v",
           "\xff"
           "caf\xc3\xa9 \xe2\x82\xac\xf0\x9f\x8e\x89\xed\xa0\x80\xc3",
           NULL);
    assert_non_null(strstr(end(), "v=\"\xef\xbf\xbd"
                                  "caf\xc3\xa9 \xe2\x82\xac\xf0\x9f\x8e\x89"
                                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
}

static void long_values_are_cut(void **state) {
    (void)state;
    char longer[2000];

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    cm_log(CM_LOG_INFO, "a", "m", "v", longer, NULL);
    const char *value = strstr(end(), "v=\"x");
    assert_non_null(value);
    assert_int_equal(strspn(value + 3, "x"), 512);
    assert_memory_equal(value + 3 + 512, "…\" msg=m", 9);
}

static int count_lines(const char *s) {
    int n = 0;

    for (; *s != '\0'; s++) {
        n += *s == '\n';
    }
    return n;
}

static void repeats_within_a_second_are_counted_and_said_once(void **state) {
    (void)state;

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    for (int i = 0; i < 100; i++) {
        cm_log(CM_LOG_INFO, "storm", "m", NULL);
    }
    cm_log(CM_LOG_INFO, "other", "m", NULL);
    (void)fflush(out);
    assert_int_equal(count_lines(text), 21);
    cm_clock_advance(1000);
    cm_log(CM_LOG_INFO, "other", "m", NULL);
    cm_log(CM_LOG_INFO, "storm", "m", NULL);
    const char *lines = end();
    assert_non_null(strstr(lines, "id=storm repeated=80 msg="));
    assert_int_equal(count_lines(lines), 24);
}

enum { WRITERS = 4, EACH = 200 };

static void *log_many(void *arg) {
    for (int i = 0; i < EACH; i++) {
        cm_log(CM_LOG_INFO, arg, "message", "field", "value", NULL);
        cm_clock_advance(100); // so that no second has more lines than are printed
    }
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state) {
    (void)state;
    static char ids[WRITERS][8];
    pthread_t writers[WRITERS];
    int whole = 0;

    begin(CM_LOG_INFO, CM_LOG_LOGFMT);
    for (int i = 0; i < WRITERS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "id.%d", i);
        assert_int_equal(pthread_create(&writers[i], NULL, log_many, ids[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        (void)pthread_join(writers[i], NULL);
    }
    for (const char *line = end(); *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *tail = strstr(line, " field=value msg=message\n");

        assert_memory_equal(line, "time=", 5);
        assert_non_null(tail);
        assert_ptr_equal(strchr(line, '\n'), tail + strlen(" field=value msg=message"));
        whole++;
    }
    assert_int_equal(whole, WRITERS * EACH);
}

static void levels_are_read_by_name(void **state) {
    (void)state;
    enum cm_log_level level = CM_LOG_INFO;

    assert_true(cm_log_level_parse("debug", &level));
    assert_int_equal(level, CM_LOG_DEBUG);
    assert_true(cm_log_level_parse("error", &level));
    assert_int_equal(level, CM_LOG_ERROR);
    assert_false(cm_log_level_parse("Error", &level));
    assert_false(cm_log_level_parse("", &level));
}

static void words_that_are_none_are_refused(void **state) {
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_log_configure("loud", "json", &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "--log-level: 'loud' is none of error, warn, info, debug"));
    assert_int_equal(cm_log_configure("info", "xml", &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "--log-format: 'xml' is neither logfmt nor json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_lines_are_kept_whole),
        cmocka_unit_test(an_event_is_one_logfmt_line),
        cmocka_unit_test(an_event_is_one_json_object),
        cmocka_unit_test(a_field_without_a_value_is_left_out),
        cmocka_unit_test(lines_above_the_level_are_not_printed),
        cmocka_unit_test(values_cannot_forge_lines_or_command_a_terminal),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(repeats_within_a_second_are_counted_and_said_once),
        cmocka_unit_test(lines_of_many_threads_do_not_mix),
        cmocka_unit_test(levels_are_read_by_name),
        cmocka_unit_test(words_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, start_clock, stop_clock);
}
