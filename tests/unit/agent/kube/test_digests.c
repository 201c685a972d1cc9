#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/driver.h"
#include "agent/kube/digests.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/support/json.h"

#define ONES "1111111111111111111111111111111111111111111111111111111111111111"
#define TWOS "2222222222222222222222222222222222222222222222222222222222222222"

#define POD(more, image, id)                                                                       \
    "{\"metadata\":{" more "},\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"" image      \
    "\"}]},\"status\":{\"containerStatuses\":[{\"name\":\"web\",\"imageID\":\"" id "\"}]}}"
#define PHASE(phase, image, id)                                                                    \
    "{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"" image                              \
    "\"}]},\"status\":{\"phase\":\"" phase                                                         \
    "\",\"containerStatuses\":[{\"name\":\"web\",\"imageID\":\"" id "\"}]}}"

// What pods, with commas between, run of a container 'web' of reg/web:1; spaces between, "+" if
// there is more.
static const char *read(struct cm_arena *a, const char *pods, bool ended) {
    CM_CLEANUP(kube_digests_done) struct kube_digests found = {0};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    kube_digests_read("setup reg/setup:1\nweb reg/web:1\n",
                      parse(a, cm_arena_strf(a, "{\"items\":[%s]}", pods)), ended, &found);
    for (size_t i = 0; i < found.count; i++) {
        cm_str_addf(&text, "%s%s", i == 0 ? "" : " ", found.images[i]);
    }
    cm_str_add(&text, found.more ? "+" : "");
    return cm_arena_strdup(a, cm_str_get(&text));
}

static void images_without_a_digest_are_a_question(void **state) {
    struct cm_json *live =
        parse(*state, "{\"kind\":\"Deployment\",\"spec\":{\"template\":{\"spec\":{"
                      "\"initContainers\":[{\"name\":\"setup\",\"image\":\"reg/setup\"}],"
                      "\"containers\":[{\"name\":\"web\",\"image\":\"reg:5000/web:1\"},"
                      "{\"name\":\"a\",\"image\":\"reg/a:1@sha256:" ONES "\"},"
                      "{\"name\":\"b\",\"image\":\"two\\nlines\"},{\"name\":\"c\"}]}}}}");

    assert_string_equal(kube_digests_tags(*state, live), "setup reg/setup\nweb reg:5000/web:1\n");
    live = parse(*state, "{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"web\","
                         "\"image\":\"reg/web:1\"}]}}");
    assert_string_equal(kube_digests_tags(*state, live), "web reg/web:1\n");
    assert_string_equal(kube_digests_tags(*state, parse(*state, "{\"data\":{}}")), "");
    live = parse(*state,
                 "{\"kind\":\"CronJob\",\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{"
                 "\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"reg/web:1\"}]}}}}}}");
    assert_string_equal(kube_digests_tags(*state, live), "web reg/web:1\n");
}

static void behind_a_tag_of_which_no_pod_says_a_digest_may_be_any(void **state) {
    static const char *const tags[] = {"web reg/web:1\n", "web reg/web:1\nsetup reg/setup:1\n",
                                       "web reg/web\n", "web reg/web:11\n", ""};

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        CM_CLEANUP(kube_digests_done) struct kube_digests found = {0};

        kube_digests_read(
            tags[0],
            parse(*state, "{\"items\":[" POD("", "reg/web:1", "reg/web@sha256:" ONES) "]}"), false,
            &found);
        kube_digests_close(tags[i], &found);
        assert_int_equal(found.more, i > 0 && i < 4);
    }
}

static void all_digests_behind_a_tag_are_told_once(void **state) {
    assert_string_equal(
        read(*state,
             POD("", "reg/web:1", "reg/web@sha256:" TWOS) "," POD(
                 "", "reg/web:1", "docker-pullable://reg/web@sha256:" ONES) "," POD("", "reg/web:1",
                                                                                    "reg/"
                                                                                    "web@sha256:"
                                                                                    "" TWOS),
             false),
        "reg/web:1@sha256:" ONES " reg/web:1@sha256:" TWOS);
}

static void a_mirror_that_a_webhook_puts_in_is_the_same_image(void **state) {
    assert_string_equal(
        read(*state, POD("", "mirror.local/x/web:1", "mirror.local/x/web@sha256:" ONES), false),
        "reg/web:1@sha256:" ONES);
}

static void pods_of_another_form_say_nothing(void **state) {
    assert_string_equal(read(*state, POD("", "reg/web:2", "reg/web@sha256:" ONES), false), "");
    assert_string_equal(read(*state, POD("", "reg/xweb:1", "reg/xweb@sha256:" ONES), false), "");
}

static void pods_that_go_or_have_ended_say_nothing(void **state) {
    assert_string_equal(read(*state,
                             POD("\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "reg/web:1",
                                 "reg/web@sha256:" ONES),
                             true),
                        "");
    assert_string_equal(read(*state, PHASE("Failed", "reg/web:1", "reg/web@sha256:" ONES), false),
                        "");
    assert_string_equal(
        read(*state, PHASE("Succeeded", "reg/web:1", "reg/web@sha256:" ONES), true), // a Job's
        "reg/web:1@sha256:" ONES);
}

static void what_no_registry_knows_is_no_digest(void **state) {
    static const char *const pods[] = {
        POD("", "reg/web:1", ""), POD("", "reg/web:1", "sha256:" ONES),
        POD("", "reg/web:1", "@sha256:" ONES), POD("", "reg/web:1", "reg/web@sha256:1234"),
        POD("", "reg/web:1", "reg/web@sha256:" ONES " x")};

    for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
        assert_string_equal(read(*state, pods[i], false), "");
    }
    assert_string_equal(read(*state, "7", false), "");
    assert_string_equal(read(*state, "{\"status\":{\"containerStatuses\":3}}", false), "");
}

static void of_very_many_some_are_told_and_that_there_are_more(void **state) {
    CM_CLEANUP(kube_digests_done) struct kube_digests found = {0};

    for (int i = 0; i <= AGENT_DIGESTS_MAX; i++) {
        kube_digests_read(
            "web reg/web:1\n",
            parse(*state,
                  cm_arena_strf(
                      *state, "{\"items\":[" POD("", "reg/web:1", "reg/web@sha256:%064x") "]}", i)),
            false, &found);
        assert_int_equal(found.more, i == AGENT_DIGESTS_MAX);
    }
    assert_int_equal(found.count, AGENT_DIGESTS_MAX);
}

static int make(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int drop(void **state) {
    cm_arena_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(images_without_a_digest_are_a_question),
        TEST(behind_a_tag_of_which_no_pod_says_a_digest_may_be_any),
        TEST(all_digests_behind_a_tag_are_told_once),
        TEST(a_mirror_that_a_webhook_puts_in_is_the_same_image),
        TEST(pods_of_another_form_say_nothing),
        TEST(pods_that_go_or_have_ended_say_nothing),
        TEST(what_no_registry_knows_is_no_digest),
        TEST(of_very_many_some_are_told_and_that_there_are_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
