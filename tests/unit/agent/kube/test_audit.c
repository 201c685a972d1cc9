#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/audit.h"
#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"

#define KEY "ConfigMap/shop/web"
#define SECOND_MS 1000
#define WAIT_MS 7000

// A moment of which lines() tells: 2026-10-01T12:00:00Z.
#define NOON_MS 1790856000000

struct fixture {
    struct cm_arena *arena;
    struct kube_audit_book *book;
};

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    f->arena = cm_arena_new(0);
    f->book = kube_audit_book_new(WAIT_MS);
    *state = f;
    return 0;
}

static int take_down(void **state) {
    struct fixture *f = *state;

    kube_audit_book_free(f->book);
    cm_arena_free(f->arena);
    free(f);
    return 0;
}

// ---- Lines

#define STAGE "\"stage\":\"ResponseComplete\","
#define URI "\"requestURI\":\"/api/v1/namespaces/shop/configmaps/web?fieldManager=kubectl-edit\","
#define USER "\"user\":{\"username\":\"alice@example.com\",\"groups\":[\"ops\"]},"
#define PROGRAM "\"userAgent\":\"kubectl/v1.34.4 (linux/amd64)\","
#define OBJECT                                                                                     \
    "\"objectRef\":{\"resource\":\"configmaps\",\"namespace\":\"shop\",\"name\":\"web\"},"
#define STATUS "\"responseStatus\":{\"code\":200},"
#define TIMES                                                                                      \
    "\"requestReceivedTimestamp\":\"2026-10-01T12:00:01.250000Z\","                                \
    "\"stageTimestamp\":\"2026-10-01T12:00:02.310000Z\""
#define LINE(verb, more)                                                                           \
    "{\"kind\":\"Event\"," STAGE URI "\"verb\":\"" verb                                            \
    "\"," USER more PROGRAM OBJECT STATUS TIMES "}"

static bool reads(struct fixture *f, const char *line, struct kube_audit_write *out) {
    return kube_audit_read(f->arena, line, strlen(line), out);
}

static void a_write_says_who_wrote_what_when(void **state) {
    struct kube_audit_write w;

    assert_true(reads(*state, LINE("patch", ""), &w));
    assert_string_equal(w.user, "alice@example.com");
    assert_string_equal(w.manager, "kubectl-edit");
    assert_string_equal(w.resource, "configmaps");
    assert_string_equal(w.group, "");
    assert_string_equal(w.ns, "shop");
    assert_string_equal(w.name, "web");
    assert_int_equal(w.from_ms, NOON_MS + SECOND_MS); // the second in which it came
    assert_int_equal(w.to_ms, NOON_MS + 2310);
}

static void who_is_impersonated_is_who_did_it(void **state) {
    struct kube_audit_write w;

    assert_true(reads(*state, LINE("update", "\"impersonatedUser\":{\"username\":\"bob\"},"), &w));
    assert_string_equal(w.user, "bob");
}

static void without_a_manager_the_program_gives_its_name(void **state) {
    static const char line[] =
        "{" STAGE
        "\"requestURI\":\"/api/v1/namespaces/shop/configmaps/web\",\"verb\":\"update\"," USER
            PROGRAM OBJECT STATUS TIMES "}";
    static const char escaped[] =
        "{" STAGE
        "\"requestURI\":\"/x?force=true\\u0026fieldManager=my%20tool+2\",\"verb\":\"patch\"," USER
            PROGRAM OBJECT STATUS TIMES "}";
    struct kube_audit_write w;

    assert_true(reads(*state, line, &w));
    assert_string_equal(w.manager, "kubectl");
    assert_true(reads(*state, escaped, &w));
    assert_string_equal(w.manager, "my tool 2");
}

static void what_changes_nothing_is_no_write(void **state) {
    static const char *const lines[] = {
        LINE("get", ""),
        LINE("watch", ""),
        "{\"stage\":\"RequestReceived\"," URI "\"verb\":\"patch\"," USER PROGRAM OBJECT STATUS TIMES
        "}",
        "{" STAGE URI "\"verb\":\"patch\"," USER PROGRAM OBJECT
        "\"responseStatus\":{\"code\":409}," TIMES "}",
        "{" STAGE
        "\"requestURI\":\"/x?dryRun=All\",\"verb\":\"patch\"," USER PROGRAM OBJECT STATUS TIMES "}",
        "{" STAGE URI "\"verb\":\"create\"," USER PROGRAM
        "\"objectRef\":{\"resource\":\"pods\",\"name\":\"web\",\"subresource\":\"exec\"}," STATUS
            TIMES "}",
    };
    struct kube_audit_write w;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_false(reads(*state, lines[i], &w));
    }
}

static void what_a_request_carried_is_passed_over(void **state) {
    static const char body[] =
        "\"requestObject\":{\"verb\":\"get\",\"data\":\"a \\\" } ] , b\",\"deep\":[[[{}]]]},";
    struct fixture *f = *state;
    CM_AUTOFREE char *text = NULL;
    struct cm_str line = {0};
    struct kube_audit_write w;

    cm_str_addf(&line, "{" STAGE URI "\"verb\":\"patch\"," USER PROGRAM OBJECT STATUS "%s", body);
    cm_str_add(&line, "\"responseObject\":");
    for (size_t i = 0; i < 200000; i++) {
        cm_str_add_char(&line, '[');
    }
    for (size_t i = 0; i < 200000; i++) {
        cm_str_add_char(&line, ']');
    }
    cm_str_add(&line, "," TIMES "}");
    text = cm_str_take(&line);
    assert_true(reads(f, text, &w));
    assert_true(cm_arena_used(f->arena) < 16384); // nothing of it was kept, nor read
}

static void a_line_that_is_cut_or_says_a_thing_twice_is_none(void **state) {
    static const char line[] = LINE("patch", "");
    struct kube_audit_write w;

    for (size_t size = 0; size < sizeof(line) - 1; size++) {
        assert_false(kube_audit_read(((struct fixture *)*state)->arena, line, size, &w));
    }
    assert_false(reads(*state, LINE("patch", "\"user\":{\"username\":\"bob\"},"), &w));
    assert_false(reads(*state, LINE("patch", "") "}", &w)); // the end of another one
    assert_true(reads(*state, LINE("patch", "") "\r", &w));
}

#define ASKED(query, more)                                                                         \
    "{" STAGE "\"requestURI\":\"/x?" query "\",\"verb\":\"patch\"," USER more OBJECT STATUS TIMES  \
    "}"

// It wrote, so it counts as one who may have done it.
static void a_user_whose_name_could_not_be_shown_is_nobody(void **state) {
    static const char *const whose[] = {
        "{\"username\":\"a\\nb\"}",     "{\"username\":\"a\\u202eb\"}",
        "{\"username\":\"a\\u2028b\"}", "{\"username\":\"a\\u009bb\"}",
        "{\"username\":\"\"}",          "{}"};
    struct fixture *f = *state;
    struct kube_audit_write w;

    for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++) {
        CM_AUTOFREE char *line = cm_strf("{" STAGE URI "\"verb\":\"patch\"," USER
                                         "\"impersonatedUser\":%s," PROGRAM OBJECT STATUS TIMES "}",
                                         whose[i]);

        assert_true(reads(f, line, &w));
        assert_string_equal(w.user, "");
        assert_string_equal(w.manager, "kubectl-edit");
    }
}

static void a_parameter_is_the_first_of_its_name(void **state) {
    struct kube_audit_write w;

    assert_true(reads(*state, ASKED("fieldManager=a&fieldManager=b", PROGRAM), &w));
    assert_string_equal(w.manager, "a");
    assert_true(reads(*state, ASKED("fieldManager&fieldManager=b", PROGRAM), &w));
    assert_string_equal(w.manager, "kubectl");
}

// What the API server makes of these, or leaves out, is not guessed.
static void under_which_name_an_odd_request_wrote_cannot_be_told(void **state) {
    static const char *const queries[] = {
        ASKED("field%4Danager=flagger", PROGRAM),
        ASKED("fieldManager=a;b&x=y", PROGRAM),
        ASKED("x=%zz&fieldManager=a", PROGRAM),
        ASKED("fieldManager=a%2", PROGRAM),
        ASKED("dry%52un=All", PROGRAM),
        ASKED("fieldManager=a%0ab", PROGRAM),
        ASKED("fieldManager=%ff", PROGRAM),
        ASKED("x=y", "\"userAgent\":\"a\\u00adb/1\","),
        ASKED("x=y", "\"userAgent\":\"a\\tb/1\","),
    };
    struct kube_audit_write w;

    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        assert_true(reads(*state, queries[i], &w));
        assert_string_equal(w.manager, "");
        assert_string_equal(w.user, "alice@example.com");
    }
}

// ---- The book

// Where nothing else is said lines come as fields are looked at.
#define SEEN_MS (WAIT_MS * 10)

static void wrote_at(struct fixture *f, const char *user, const char *manager, int64_t second,
                     int64_t now_ms) {
    const struct kube_audit_write w = {.manager = manager,
                                       .user = user,
                                       .from_ms = NOON_MS + second * SECOND_MS,
                                       .to_ms = NOON_MS + second * SECOND_MS + 400};

    kube_audit_note(f->book, KEY, &w, now_ms);
}

static void wrote(struct fixture *f, const char *user, const char *manager, int64_t second) {
    wrote_at(f, user, manager, second, SEEN_MS);
}

static struct kube_audit_field field(const char *path, int64_t second) {
    return (struct kube_audit_field){.key = KEY,
                                     .path = path,
                                     .actual = "\"red\"",
                                     .whole = true,
                                     .manager = "kubectl-edit",
                                     .at_ms = NOON_MS + second * SECOND_MS};
}

static const char *user_of(struct fixture *f, const struct kube_audit_field *what) {
    bool waits = false;

    return kube_audit_user(f->book, what, SEEN_MS, &waits);
}

static void settle(struct fixture *f, int64_t second) {
    kube_audit_settle(f->book, KEY, NOON_MS + second * SECOND_MS);
}

static void a_field_is_of_who_wrote_it_under_its_managers_name_at_its_time(void **state) {
    struct kube_audit_field colour = field("data.colour", 5);

    wrote(*state, "bob", "kubectl-edit", 6);
    wrote(*state, "carol", "helm", 5);
    assert_string_equal(user_of(*state, &colour), "");
    wrote(*state, "alice", "kubectl-edit", 5);
    assert_string_equal(user_of(*state, &colour), "alice");
}

static void what_is_new_waits_for_the_log_and_no_longer_than_that_has_time(void **state) {
    struct fixture *f = *state;
    struct kube_audit_field colour = field("data.colour", 5);
    bool waits = false;

    assert_string_equal(kube_audit_user(f->book, &colour, 0, &waits), "");
    assert_true(waits);
    waits = false;
    assert_string_equal(kube_audit_user(f->book, &colour, WAIT_MS, &waits), "");
    assert_false(waits);
    wrote(f, "alice", "kubectl-edit", 5); // late is better than never
    assert_string_equal(kube_audit_user(f->book, &colour, WAIT_MS, &waits), "alice");
}

static void a_change_waits_once_however_often_it_is_changed_meanwhile(void **state) {
    struct kube_audit_wait w = {.told = 0};

    (void)state;
    assert_true(kube_audit_waits(&w, 1, 1000, WAIT_MS));
    assert_true(kube_audit_waits(&w, 2, 1000 + WAIT_MS - 1, WAIT_MS));
    assert_false(kube_audit_waits(&w, 3, 1000 + WAIT_MS, WAIT_MS));
    kube_audit_told(&w, 3);
    assert_true(kube_audit_waits(&w, 4, 5000, WAIT_MS)); // the next one anew
}

// A book that is full knows of no field whether somebody asked for it.
static void what_was_told_without_a_name_does_not_wait_again(void **state) {
    struct kube_audit_wait w = {.told = 0};

    (void)state;
    assert_true(kube_audit_waits(&w, 1, 1000, WAIT_MS));
    kube_audit_told(&w, 1);
    assert_false(kube_audit_waits(&w, 1, 9000, WAIT_MS));
    kube_audit_told(&w, 0);
    assert_true(kube_audit_waits(&w, 1, 9000, WAIT_MS));
}

static void of_two_users_of_one_name_nobody_is_named(void **state) {
    struct kube_audit_field colour = field("data.colour", 5);

    wrote(*state, "alice", "kubectl-edit", 4);
    wrote(*state, "bob", "kubectl-edit", 5);
    assert_string_equal(user_of(*state, &colour), "");
}

// The manager's time is that of bob's write then, for all that it has set.
static void a_field_stays_its_users_when_another_one_writes_under_that_name(void **state) {
    struct kube_audit_field colour = field("data.colour", 4);
    struct kube_audit_field size = field("data.size", 5);

    wrote(*state, "alice", "kubectl-edit", 4);
    assert_string_equal(user_of(*state, &colour), "alice");
    settle(*state, 4);
    wrote(*state, "bob", "kubectl-edit", 5);
    colour.at_ms = size.at_ms;
    assert_string_equal(user_of(*state, &colour), "alice");
    assert_string_equal(user_of(*state, &size), "bob");
}

static void what_nobody_was_named_for_is_not_the_next_ones(void **state) {
    struct kube_audit_field colour = field("data.colour", 4);

    assert_string_equal(user_of(*state, &colour), "");
    wrote(*state, "bob", "kubectl-edit", 5);
    colour.at_ms += SECOND_MS;
    assert_string_equal(user_of(*state, &colour), "");
}

static void the_same_value_set_again_is_another_ones(void **state) {
    struct kube_audit_field colour = field("data.colour", 4);

    wrote(*state, "alice", "kubectl-edit", 4);
    assert_string_equal(user_of(*state, &colour), "alice");
    settle(*state, 4);
    settle(*state, 5); // it did not differ any more
    wrote(*state, "bob", "kubectl-edit", 6);
    colour.at_ms = NOON_MS + 6 * SECOND_MS;
    assert_string_equal(user_of(*state, &colour), "bob");
}

static void a_hidden_value_is_nobodys_when_another_one_may_have_set_it(void **state) {
    struct kube_audit_field secret = field("data.password", 4);

    secret.actual = "***";
    secret.whole = false;
    wrote(*state, "alice", "kubectl-edit", 4);
    assert_string_equal(user_of(*state, &secret), "alice");
    settle(*state, 4);
    wrote(*state, "bob", "kubectl-edit", 5);
    secret.at_ms += SECOND_MS;
    assert_string_equal(user_of(*state, &secret), "");
    settle(*state, 5);
    assert_string_equal(user_of(*state, &secret), "");
}

static void a_write_that_may_have_been_anybodys_has_nobody_named(void **state) {
    struct kube_audit_field colour = field("data.colour", 5);

    wrote(*state, "bob", "", 5);
    assert_string_equal(user_of(*state, &colour), "");
    wrote(*state, "alice", "kubectl-edit", 5);
    assert_string_equal(user_of(*state, &colour), "");
}

static void beside_a_user_who_cannot_be_shown_nobody_is_named(void **state) {
    struct kube_audit_field colour = field("data.colour", 5);

    wrote(*state, "alice", "kubectl-edit", 5);
    wrote(*state, "", "kubectl-edit", 5);
    assert_string_equal(user_of(*state, &colour), "");
}

// Bob set what nobody asks for; that Git wants another colour now comes later.
static void a_write_that_made_no_difference_accounts_for_no_later_one(void **state) {
    struct kube_audit_field colour = field("data.colour", 5);

    wrote_at(*state, "bob", "kubectl-edit", 5, SEEN_MS - WAIT_MS);
    assert_string_equal(user_of(*state, &colour), "");
    wrote_at(*state, "alice", "kubectl-edit", 5, SEEN_MS * 2); // the log is late
    assert_string_equal(user_of(*state, &colour), "alice");
}

static void what_differs_because_something_else_is_wanted_is_nobodys(void **state) {
    struct fixture *f = *state;
    struct kube_audit_field colour = field("data.colour", 5);
    struct kube_audit_field size = field("data.size", 5);

    wrote(f, "bob", "kubectl-edit", 5);
    assert_string_equal(user_of(f, &size), "bob");
    kube_audit_close(f->book, KEY);
    assert_string_equal(user_of(f, &colour), "");
    assert_string_equal(user_of(f, &size), "bob");
}

static void when_so_much_is_written_that_some_gives_way_nobody_is_named(void **state) {
    struct fixture *f = *state;
    struct kube_audit_field colour = field("data.colour", 5);

    wrote(f, "mallory", "kubectl-edit", 5);
    wrote(f, "alice", "kubectl-edit", 5);
    for (size_t i = 0; i < KUBE_AUDIT_WRITES - 1; i++) {
        wrote(f, "mallory", "helm", 4);
    }
    assert_string_equal(user_of(f, &colour), "");
    assert_string_equal(kube_audit_author(f->book, KEY, "kubectl-edit", NOON_MS + 5000), "");
}

static void a_book_keeps_so_many_writes_and_fields(void **state) {
    struct fixture *f = *state;
    struct kube_audit_field colour = field("data.colour", 5);

    wrote(f, "alice", "kubectl-edit", 5);
    for (size_t i = 0; i < KUBE_AUDIT_WRITES; i++) {
        wrote(f, "bob", "helm", 5);
    }
    assert_string_equal(user_of(f, &colour), "");
    for (size_t i = 0; i < KUBE_AUDIT_FIELDS + 10; i++) {
        CM_AUTOFREE char *path = cm_strf("data.x%zu", i);
        struct kube_audit_field other = field(path, 5);

        assert_string_equal(user_of(f, &other), "");
    }
}

static void an_author_is_who_alone_wrote_an_object_at_that_time(void **state) {
    struct fixture *f = *state;

    wrote(f, "eve", "flagger", 1);
    wrote(f, "system:serviceaccount:flagger-system:flagger", "flagger", 5);
    assert_string_equal(kube_audit_author(f->book, KEY, "flagger", NOON_MS + 5000),
                        "system:serviceaccount:flagger-system:flagger");
    assert_string_equal(kube_audit_author(f->book, KEY, "flagger", NOON_MS + 1000), "eve");
    assert_string_equal(kube_audit_author(f->book, KEY, "flagger", NOON_MS + 6000), "");
    assert_string_equal(kube_audit_author(f->book, KEY, "flagger", NOON_MS), "");
    assert_string_equal(kube_audit_author(f->book, KEY, "flagger", 0), "");
    assert_string_equal(kube_audit_author(f->book, "ConfigMap/a/b", "flagger", NOON_MS + 5000), "");
    wrote(f, "eve", "flagger", 5);
    assert_string_equal(kube_audit_author(f->book, KEY, "flagger", NOON_MS + 5000), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_says_who_wrote_what_when, set_up, take_down),
        cmocka_unit_test_setup_teardown(who_is_impersonated_is_who_did_it, set_up, take_down),
        cmocka_unit_test_setup_teardown(without_a_manager_the_program_gives_its_name, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(what_changes_nothing_is_no_write, set_up, take_down),
        cmocka_unit_test_setup_teardown(what_a_request_carried_is_passed_over, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_cut_or_says_a_thing_twice_is_none, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_user_whose_name_could_not_be_shown_is_nobody, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(
            a_field_is_of_who_wrote_it_under_its_managers_name_at_its_time, set_up, take_down),
        cmocka_unit_test_setup_teardown(
            what_is_new_waits_for_the_log_and_no_longer_than_that_has_time, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_change_waits_once_however_often_it_is_changed_meanwhile,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(what_was_told_without_a_name_does_not_wait_again, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(of_two_users_of_one_name_nobody_is_named, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(
            a_field_stays_its_users_when_another_one_writes_under_that_name, set_up, take_down),
        cmocka_unit_test_setup_teardown(what_nobody_was_named_for_is_not_the_next_ones, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(the_same_value_set_again_is_another_ones, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_hidden_value_is_nobodys_when_another_one_may_have_set_it,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(a_book_keeps_so_many_writes_and_fields, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_author_is_who_alone_wrote_an_object_at_that_time, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_parameter_is_the_first_of_its_name, set_up, take_down),
        cmocka_unit_test_setup_teardown(under_which_name_an_odd_request_wrote_cannot_be_told,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(a_write_that_may_have_been_anybodys_has_nobody_named,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(beside_a_user_who_cannot_be_shown_nobody_is_named, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_write_that_made_no_difference_accounts_for_no_later_one,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(what_differs_because_something_else_is_wanted_is_nobodys,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(when_so_much_is_written_that_some_gives_way_nobody_is_named,
                                        set_up, take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
