#include "common/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"

struct config {
    char *listen;
    char *token;
    bool read_only;
    int64_t workers;
    int64_t poll_interval;
    uint64_t cache_size;
    int64_t secret_number;
    char *only;
};

#define AT(field) offsetof(struct config, field)

static const struct cm_option options[] = {
    {.name = "listen",
     .type = CM_OPTION_STRING,
     .offset = AT(listen),
     .default_value = "127.0.0.1:8080",
     .value_name = "ADDRESS",
     .short_name = 'l',
     .help = "Where the API listens."},
    {.name = "token",
     .type = CM_OPTION_STRING,
     .offset = AT(token),
     .default_value = "hush",
     .secret = true,
     .help = "The token."},
    {.name = "read-only",
     .type = CM_OPTION_BOOL,
     .offset = AT(read_only),
     .short_name = 'r',
     .help = "Change nothing."},
    {.name = "workers",
     .type = CM_OPTION_INT,
     .offset = AT(workers),
     .default_value = "4",
     .min = 1,
     .max = 64,
     .help = "Threads that render."},
    {.name = "poll-interval",
     .type = CM_OPTION_DURATION,
     .offset = AT(poll_interval),
     .default_value = "30s",
     .value_name = "DURATION",
     .min = 1000,
     .max = 5400000,
     .help = "How often to look."},
    {.name = "cache-size",
     .type = CM_OPTION_SIZE,
     .offset = AT(cache_size),
     .default_value = "64MiB",
     .value_name = "SIZE",
     .help = "How much to keep."},
    {.name = "secret-number",
     .type = CM_OPTION_INT,
     .offset = AT(secret_number),
     .secret = true,
     .help = "A number."},
    {.name = "only",
     .type = CM_OPTION_STRING,
     .offset = AT(only),
     .line_only = true,
     .help = "A filter."},
};

static const struct cm_option_set set = {
    .program = "holdfast-test",
    .summary = "Tests options.",
    .usage = "[OPTIONS]",
    .env_prefix = "TESTOPT",
    .env_own = true,
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

static struct config config;
static struct cm_err err;
static int rest;
static char *argv[16];
static char file[64];

static int set_up(void **state) {
    (void)state;
    (void)snprintf(file, sizeof(file), "/tmp/test_options.XXXXXX");
    int fd = mkstemp(file);

    memset(&config, 0xa5, sizeof(config)); // load must not read what was there
    rest = -1;
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state) {
    (void)state;
    (void)unsetenv("TESTOPT_POLL_INTERVAL");
    (void)unsetenv("TESTOPT_LISTEN");
    (void)unsetenv("TESTOPT_CONFIG");
    (void)unsetenv("TESTOPT_ONLY");
    return unlink(file);
}

// load runs cm_options_load with these arguments after the program's name.
static enum cm_rc load(const char *a, const char *b, const char *c, const char *d) {
    const char *const args[] = {"program", a, b, c, d};
    static char copies[5][128];
    int argc = 0;

    for (size_t i = 0; i < 5 && args[i] != NULL; i++) {
        (void)snprintf(copies[i], sizeof(copies[i]), "%s", args[i]);
        argv[argc++] = copies[i];
    }
    return cm_options_load(&set, &config, argc, argv, &rest, &err);
}

static enum cm_rc load_file(const char *text) {
    assert_int_equal(cm_fsys_replace(file, text, strlen(text), 0600, &err), CM_OK);
    return load("--config", file, NULL, NULL);
}

static void defaults_hold_where_nothing_is_said(void **state) {
    (void)state;

    assert_int_equal(load(NULL, NULL, NULL, NULL), CM_OK);
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_false(config.read_only);
    assert_int_equal(config.workers, 4);
    assert_int_equal(config.poll_interval, 30000);
    assert_int_equal(config.cache_size, 64 << 20);
    assert_int_equal(config.secret_number, 0);
    assert_int_equal(rest, 0);
    cm_options_done(&set, &config);
}

static void the_command_line_takes_values_in_each_form(void **state) {
    (void)state;

    assert_int_equal(load("--listen=:1", "--workers", "9", "--read-only"), CM_OK);
    assert_string_equal(config.listen, ":1");
    assert_int_equal(config.workers, 9);
    assert_true(config.read_only);
    cm_options_done(&set, &config);
    assert_int_equal(load("-l", ":2", "-r", "--read-only=false"), CM_OK);
    assert_string_equal(config.listen, ":2");
    assert_false(config.read_only);
    cm_options_done(&set, &config);
    assert_int_equal(load("-l=:4", NULL, NULL, NULL), CM_OK);
    assert_string_equal(config.listen, ":4");
    cm_options_done(&set, &config);
    assert_int_equal(load("-l:3", "--listen", "--workers", NULL), CM_OK);
    assert_string_equal(config.listen, "--workers");
    cm_options_done(&set, &config);
}

static void arguments_that_are_no_options_move_to_the_front(void **state) {
    (void)state;

    assert_int_equal(load("get", "--workers=2", "-", "clusters"), CM_OK);
    assert_int_equal(rest, 3);
    assert_string_equal(argv[0], "get");
    assert_string_equal(argv[1], "-");
    assert_string_equal(argv[2], "clusters");
    cm_options_done(&set, &config);
}

static void two_dashes_end_the_options(void **state) {
    (void)state;

    assert_int_equal(load("a", "--", "--workers", "x"), CM_OK);
    assert_int_equal(rest, 3);
    assert_string_equal(argv[1], "--workers");
    assert_int_equal(config.workers, 4);
    cm_options_done(&set, &config);
}

static void an_unknown_option_proposes_the_nearest(void **state) {
    (void)state;

    assert_int_equal(load("--poll-intervall=5s", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg,
                        "'--poll-intervall' is no option; did you mean '--poll-interval'?");
    assert_int_equal(load("--zzzzzz", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "'--zzzzzz' is no option; --help lists them");
    assert_int_equal(load("-z", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "'-z' is no option; --help lists them");
    assert_int_equal(rest, -1);
}

static void a_missing_or_wrong_value_is_named(void **state) {
    (void)state;

    assert_int_equal(load("--workers", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "'--workers' needs a value");
    assert_int_equal(load("--workers=many", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "--workers: 'many' is no whole number");
    assert_int_equal(load("--workers=", NULL, NULL, NULL), CM_EINVAL);
    assert_int_equal(load("--workers=99999999999999999999", NULL, NULL, NULL), CM_EINVAL);
    assert_int_equal(load("--cache-size=18446744073709551615", NULL, NULL, NULL), CM_EINVAL);
    assert_int_equal(load("--read-only=maybe", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "--read-only: 'maybe' is neither true nor false");
}

static void a_value_out_of_range_is_refused_with_the_range(void **state) {
    (void)state;

    assert_int_equal(load("--workers=65", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "--workers: '65' is outside of 1 to 64");
    assert_int_equal(load("--workers=-1", NULL, NULL, NULL), CM_EINVAL);
    assert_int_equal(load("--poll-interval=2h", NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "--poll-interval: '2h' is outside of 1s to 90m");
    assert_int_equal(load("--secret-number=-9223372036854775808", NULL, NULL, NULL), CM_OK);
    assert_int_equal(config.secret_number, INT64_MIN);
    cm_options_done(&set, &config);
}

static void a_failure_leaves_nothing_to_free(void **state) {
    (void)state;

    assert_int_equal(load("--listen=a", "--workers=x", NULL, NULL), CM_EINVAL);
    assert_null(config.listen); // and the leak checker
}

static void stronger_sources_win(void **state) {
    (void)state;

    assert_int_equal(setenv("TESTOPT_POLL_INTERVAL", "3s", 1), 0);
    assert_int_equal(load_file("poll-interval: 2s\nworkers: 8\n"), CM_OK);
    assert_int_equal(config.poll_interval, 3000);
    assert_int_equal(config.workers, 8);
    cm_options_done(&set, &config);
    assert_int_equal(load("--config", file, "--poll-interval", "4s"), CM_OK);
    assert_int_equal(config.poll_interval, 4000);
    cm_options_done(&set, &config);
}

static void the_environment_may_name_the_file(void **state) {
    (void)state;

    assert_int_equal(cm_fsys_replace(file, "workers: 8\n", 11, 0600, &err), CM_OK);
    assert_int_equal(setenv("TESTOPT_CONFIG", file, 1), 0);
    assert_int_equal(load(NULL, NULL, NULL, NULL), CM_OK);
    assert_int_equal(config.workers, 8);
    cm_options_done(&set, &config);
}

static void what_belongs_on_the_command_line_comes_from_nowhere_else(void **state) {
    (void)state;

    assert_int_equal(setenv("TESTOPT_ONLY", "x", 1), 0);
    assert_int_equal(load(NULL, NULL, NULL, NULL), CM_OK);
    assert_null(config.only);
    cm_options_done(&set, &config);
    assert_int_equal(load("--only", "y", NULL, NULL), CM_OK);
    assert_string_equal(config.only, "y");
    cm_options_done(&set, &config);
    assert_int_equal(load_file("only: x\n"), CM_EINVAL);
    assert_non_null(strstr(err.msg, "'only' may be given on the command line only"));
}

static void what_filters_may_be_given_once(void **state) {
    (void)state;

    assert_int_equal(load("--only", "y", "--only", "z"), CM_EINVAL);
    assert_string_equal(err.msg, "--only is there twice; give it once");
    assert_int_equal(load("--workers", "2", "--workers", "3"), CM_OK);
    assert_int_equal(config.workers, 3);
    cm_options_done(&set, &config);
}

static void a_program_that_reads_its_file_itself_has_no_option_config(void **state) {
    (void)state;
    struct cm_option_set own = set;
    static char program[] = "program";
    static char word[] = "--config=x";
    char *words[] = {program, word};

    own.no_file = true;
    assert_int_equal(setenv("TESTOPT_CONFIG", "/nowhere", 1), 0);
    assert_int_equal(cm_options_load(&own, &config, 1, words, &rest, &err), CM_OK);
    cm_options_done(&set, &config);
    assert_int_equal(cm_options_load(&own, &config, 2, words, &rest, &err), CM_EINVAL);
}

static void errors_in_the_environment_name_the_variable(void **state) {
    (void)state;

    assert_int_equal(setenv("TESTOPT_POLL_INTERVAL", "soon", 1), 0);
    assert_int_equal(load(NULL, NULL, NULL, NULL), CM_EINVAL);
    assert_non_null(strstr(err.msg, "TESTOPT_POLL_INTERVAL: 'soon' is no duration"));
}

static void a_misspelt_variable_proposes_the_nearest(void **state) {
    (void)state;

    assert_int_equal(setenv("TESTOPT_POLL_INTERVL", "3s", 1), 0);
    assert_int_equal(load(NULL, NULL, NULL, NULL), CM_EINVAL);
    assert_string_equal(err.msg, "'TESTOPT_POLL_INTERVL' in the environment is no option; did you "
                                 "mean 'TESTOPT_POLL_INTERVAL'?");
    (void)unsetenv("TESTOPT_POLL_INTERVL");
}

static void variables_that_kubernetes_makes_of_a_service_are_passed_over(void **state) {
    (void)state;

    assert_int_equal(setenv("TESTOPT_LISTENS", "tcp://10.0.0.1:80", 1), 0);
    assert_int_equal(setenv("TESTOPT_SERVICE_PORT", "80", 1), 0);
    assert_int_equal(load(NULL, NULL, NULL, NULL), CM_OK);
    cm_options_done(&set, &config);
    (void)unsetenv("TESTOPT_LISTENS");
    (void)unsetenv("TESTOPT_SERVICE_PORT");
}

static void a_file_sets_options_of_every_type(void **state) {
    (void)state;

    assert_int_equal(load_file("# a comment\nlisten: \"0.0.0.0:80\"\nread-only: yes\nworkers: 2\n"
                               "poll-interval: 1m30s\ncache-size: 1GiB\n"),
                     CM_OK);
    assert_string_equal(config.listen, "0.0.0.0:80");
    assert_true(config.read_only);
    assert_int_equal(config.workers, 2);
    assert_int_equal(config.poll_interval, 90000);
    assert_int_equal(config.cache_size, 1 << 30);
    cm_options_done(&set, &config);
}

static void an_empty_file_says_nothing(void **state) {
    (void)state;

    assert_int_equal(load_file(""), CM_OK);
    cm_options_done(&set, &config);
    assert_int_equal(load_file("# nothing\n"), CM_OK);
    cm_options_done(&set, &config);
}

static void errors_in_the_file_name_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *error; // after the file's name
    } bad[] = {
        {"workers: 2\nlistn: x\n", ":2: 'listn' is no option; did you mean 'listen'?"},
        {"\n\nworkers: x\n", ":3: workers: 'x' is no whole number"},
        {"workers: 1.5\n", ":1: workers: '1.5' is no whole number"},
        {"listen: 010\n", ":1: listen is a number here; put the value in quotes"},
        {"listen: on\n", ":1: listen is a boolean here; put the value in quotes"},
        {"listen:\n  port: 1\n", ": listen must be a single value, not an object"},
        {"listen: [a]\n", ":1: listen must be a single value, not a list"},
        {"config: x\n", ":1: 'config' is no option; --help lists them"},
        {"a\n", ":1: expected lines of 'name: value', not a string"},
        {"workers: 1\n---\nworkers: 2\n", ": a configuration file is one document; remove '---'"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(load_file(bad[i].text), CM_EINVAL);
        assert_memory_equal(err.msg, file, strlen(file));
        if (strstr(err.msg, bad[i].error) == NULL) {
            assert_string_equal(err.msg + strlen(file), bad[i].error);
        }
    }
}

static void a_file_that_is_no_yaml_is_refused_with_its_place(void **state) {
    (void)state;

    assert_int_equal(load_file("workers: 1\nworkers: 2\n"), CM_EINVAL);
    assert_non_null(strstr(err.msg, ": line 2, column "));
    assert_int_equal(load_file("a: [\n"), CM_EINVAL);
    assert_int_equal(load("--config=/nowhere/x.yaml", NULL, NULL, NULL), CM_ENOTFOUND);
    assert_non_null(strstr(err.msg, "'/nowhere/x.yaml'"));
}

static void a_secret_is_never_shown(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    cm_options_help(&set, out);
    cm_options_man(&set, out);
    cm_options_sample(&set, out);
    (void)fclose(out);
    assert_null(strstr(text, "hush"));
    free(text);
    assert_int_equal(load("--secret-number=12x", NULL, NULL, NULL), CM_EINVAL);
    assert_null(strstr(err.msg, "12x"));
}

static char *print(void (*printer)(const struct cm_option_set *, FILE *)) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    printer(&set, out);
    (void)fclose(out);
    return text;
}

static void help_tells_names_defaults_and_ranges(void **state) {
    (void)state;
    CM_AUTOFREE char *text = print(cm_options_help);

    assert_non_null(strstr(text, "Usage: holdfast-test [OPTIONS]\n"));
    assert_non_null(strstr(text, "  --config FILE "));
    assert_non_null(strstr(text, "  -l, --listen ADDRESS        "
                                 "Where the API listens. (default 127.0.0.1:8080)\n"));
    assert_non_null(strstr(text, "How often to look. (default 30s; 1s to 90m)\n"));
    assert_non_null(strstr(text, "  -r, --read-only             Change nothing.\n"));
    assert_non_null(strstr(text, "\nSettings may also come from the environment "
                                 "(--listen as TESTOPT_LISTEN).\n"));
}

static void the_manual_escapes_what_roff_would_read(void **state) {
    (void)state;
    CM_AUTOFREE char *text = print(cm_options_man);

    assert_non_null(strstr(text, ".SH OPTIONS\n.TP\n"));
    assert_non_null(strstr(text, "\\fB\\-\\-poll\\-interval\\fR \\fIDURATION\\fR\nHow often"));
}

static void roff_shows_a_text_as_it_is(void **state) {
    (void)state;
    CM_AUTOFREE char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    cm_options_roff(".a \\ -b 'c' ~d ^e `f", out);
    (void)fclose(out);
    assert_string_equal(text, "\\&.a \\e \\-b \\(aqc\\(aq \\(tid \\(hae \\(gaf");
}

// uncomment takes the '#' from each line that sets an option.
static void uncomment(const char *text, struct cm_str *out) {
    for (; *text != '\0'; text++) {
        bool at_start = out->len == 0 || out->data[out->len - 1] == '\n';

        if (!at_start || text[0] != '#' || text[1] == ' ') {
            cm_str_add_char(out, *text);
        }
    }
}

static void the_sample_holds_the_defaults(void **state) {
    (void)state;
    CM_AUTOFREE char *text = print(cm_options_sample);
    struct cm_str sample = {0};

    uncomment(text, &sample);
    assert_non_null(strstr(cm_str_get(&sample), "\nlisten: \"127.0.0.1:8080\"\n"));
    assert_int_equal(load_file(cm_str_get(&sample)), CM_OK);
    assert_int_equal(config.poll_interval, 30000);
    assert_int_equal(config.cache_size, 64 << 20);
    cm_options_done(&set, &config);
    cm_str_done(&sample);
}

#define OPTION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        OPTION_TEST(defaults_hold_where_nothing_is_said),
        OPTION_TEST(the_command_line_takes_values_in_each_form),
        OPTION_TEST(arguments_that_are_no_options_move_to_the_front),
        OPTION_TEST(two_dashes_end_the_options),
        OPTION_TEST(an_unknown_option_proposes_the_nearest),
        OPTION_TEST(a_missing_or_wrong_value_is_named),
        OPTION_TEST(a_value_out_of_range_is_refused_with_the_range),
        OPTION_TEST(a_failure_leaves_nothing_to_free),
        OPTION_TEST(stronger_sources_win),
        OPTION_TEST(the_environment_may_name_the_file),
        OPTION_TEST(what_belongs_on_the_command_line_comes_from_nowhere_else),
        OPTION_TEST(a_program_that_reads_its_file_itself_has_no_option_config),
        OPTION_TEST(what_filters_may_be_given_once),
        OPTION_TEST(errors_in_the_environment_name_the_variable),
        OPTION_TEST(a_misspelt_variable_proposes_the_nearest),
        OPTION_TEST(variables_that_kubernetes_makes_of_a_service_are_passed_over),
        OPTION_TEST(a_file_sets_options_of_every_type),
        OPTION_TEST(an_empty_file_says_nothing),
        OPTION_TEST(errors_in_the_file_name_file_and_line),
        OPTION_TEST(a_file_that_is_no_yaml_is_refused_with_its_place),
        OPTION_TEST(a_secret_is_never_shown),
        OPTION_TEST(help_tells_names_defaults_and_ranges),
        OPTION_TEST(the_manual_escapes_what_roff_would_read),
        OPTION_TEST(roff_shows_a_text_as_it_is),
        OPTION_TEST(the_sample_holds_the_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
