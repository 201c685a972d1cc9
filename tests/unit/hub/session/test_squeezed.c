// What agents are sent squeezed, against what they have.
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/session/internal.h"
#include "proto/wire.h"

#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"
#define ROME "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0002"

// What comes twice in them would make any of them shorter, and so would any other.
#define TEXT                                                                                       \
    "\"text\": \"The quick brown fox jumps over lazy dogs; 3.1415926535897932384626433;"           \
    " and once more: The quick brown fox jumps over lazy dogs; 3.1415926535897932384626433\"}"
#define LONG(colour) "{\"kind\": \"ConfigMap\", \"colour\": \"" colour "\", " TEXT
#define SECRET(colour) "{" RIG_SECRET ", \"colour\": \"" colour "\", " TEXT

static const char *const red[] = {LONG("red"), SECRET("red"), NULL};
static const char *const blue[] = {LONG("blue"), SECRET("red"), NULL};
static const char *const two[] = {LONG("red"), LONG("blue"), NULL};
static const char *const new_secret[] = {LONG("red"), SECRET("blue"), NULL};
static const char *const secret_first[] = {SECRET("red"), LONG("red"), NULL};
static const char *const opened[] = {LONG("blue"), LONG("red"), NULL};

static void unref(struct hub_publication **p) {
    hub_publication_unref(*p);
}

#define PUBLICATION CM_CLEANUP(unref) struct hub_publication

// await has an agent that knows it say that it holds a publication.
static void await(struct rig *r, struct peer *p, struct hub_publication *held) {
    p->unsqueezes = true;
    rig_keep(p, held);
    hub_sessions_publish(r->sessions, held);
    rig_dial(p);
    rig_hello(p, held);
    RIG_UNTIL(r, p->frames[WIRE_WELCOME] == 1);
}

// connect has it be sent the next.
static void connect(struct rig *r, struct peer *p, struct hub_publication *held,
                    struct hub_publication *now) {
    await(r, p, held);
    hub_sessions_publish(r->sessions, now);
    RIG_UNTIL(r, p->frames[WIRE_DESIRED] == 1);
}

// ask has an agent that holds nothing ask for these.
static void ask(struct rig *r, struct peer *p, struct hub_publication *now,
                const struct cm_sha256 *names, size_t count) {
    p->unsqueezes = true;
    hub_sessions_publish(r->sessions, now);
    rig_dial(p);
    rig_hello(p, NULL);
    RIG_UNTIL(r, p->frames[WIRE_DESIRED] == 1);
    rig_want(p, names, count);
    RIG_UNTIL(r, p->frames[WIRE_BLOB] == count);
    for (size_t i = 0; i < count; i++) {
        assert_true(rig_has(p, &names[i]));
    }
}

static int64_t spared(struct rig *r) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const char *name = "\nholdfast_agents_spared_bytes_total ";

    cm_metrics_write(r->metrics, &text);
    const char *found = strstr(cm_str_get(&text), name);
    assert_non_null(found);
    return strtoll(found + strlen(name), NULL, 10);
}

static void news_are_squeezed_against_what_the_agent_has(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    PUBLICATION *now = rig_publication(r, paris, 2, blue);
    struct cm_sha256 bundle = rig_bundle(now);
    struct cm_sha256 object = rig_object(now, 0);

    connect(r, paris, held, now);
    assert_true(rig_has(paris, &bundle));
    assert_true(rig_has(paris, &object));
    assert_int_equal(paris->frames[WIRE_BLOB], 2);
    assert_int_equal(paris->based, 2);
    assert_true(paris->manifest);
    assert_true(paris->manifest_based);
    assert_true(spared(r) > 0);
}

static void an_agent_that_does_not_know_it_is_sent_all(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    struct peer *rome = rig_admit(r, "rome-1", ROME);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    PUBLICATION *now = rig_publication(r, paris, 2, blue);
    PUBLICATION *of_rome = rig_publication(r, rome, 1, red);
    PUBLICATION *next_of_rome = rig_publication(r, rome, 2, blue);
    struct cm_sha256 object = rig_object(now, 0);

    connect(r, paris, held, now);
    hub_sessions_publish(r->sessions, of_rome);
    rig_dial(rome);
    rig_hello(rome, of_rome);
    RIG_UNTIL(r, rome->frames[WIRE_WELCOME] == 1);
    hub_sessions_publish(r->sessions, next_of_rome);
    RIG_UNTIL(r, rome->frames[WIRE_DESIRED] == 1);
    assert_true(rig_has(rome, &object)); // though the other's frame is kept
    assert_int_equal(rome->squeezed, 0);
    assert_true(rome->manifest);
}

static void a_small_object_is_squeezed_against_the_one_that_came_before_it(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 1, two);
    struct cm_sha256 names[] = {rig_object(p, 0), rig_object(p, 1), rig_bundle(p)};
    const struct hub_framed_key bundle = {.name = names[2], .squeezed = true};

    ask(r, paris, p, names, 3);
    assert_int_equal(paris->based, 1);
    assert_non_null(hub_framed_find(&r->sessions->framed, &bundle)); // it against nothing
}

// Against what only one cluster has it would be packed, and kept, once for each.
static void what_is_large_and_that_clusters_share_is_packed_once(void **state) {
    enum { SIZE = 100000 };
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    struct peer *rome = rig_admit(r, "rome-1", ROME);
    CM_AUTOFREE char *large = cm_new(1, SIZE + 1);

    memset(large, 'x', SIZE);
    PUBLICATION *of_paris =
        rig_publication(r, paris, 1, (const char *const[]){LONG("paris"), large, NULL});
    PUBLICATION *of_rome =
        rig_publication(r, rome, 1, (const char *const[]){LONG("rome"), large, NULL});
    struct cm_sha256 names[] = {rig_object(of_paris, 0), rig_bundle(of_paris),
                                rig_object(of_paris, 1)};
    const struct hub_framed_key key = {.name = names[2], .squeezed = true};
    ask(r, paris, of_paris, names, 3);
    const struct cm_buf *packed = hub_framed_find(&r->sessions->framed, &key);
    assert_non_null(packed);
    names[0] = rig_object(of_rome, 0);
    ask(r, rome, of_rome, (const struct cm_sha256[]){names[0], names[2]}, 2);
    assert_ptr_equal(hub_framed_find(&r->sessions->framed, &key), packed);
    assert_int_equal(rome->based, 0);
}

static void what_is_asked_for_plain_comes_as_it_is(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    PUBLICATION *now = rig_publication(r, paris, 2, blue);
    PUBLICATION *next = rig_publication(r, paris, 3, red);
    struct cm_sha256 object = rig_object(now, 0);
    char hex[CM_SHA256_HEX_MAX];

    connect(r, paris, held, now);
    cm_sha256_hex(&object, hex);
    (void)cm_map_remove(paris->blobs, hex);
    size_t before = paris->squeezed;
    rig_want_plain(paris, &object);
    RIG_UNTIL(r, rig_has(paris, &object));
    assert_int_equal(paris->squeezed, before);
    hub_sessions_publish(r->sessions, next);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 2);
    assert_true(paris->manifest);
    assert_true(paris->manifest_based); // that was for what it asked for alone
}

// What it could not read may be what was sent of it already.
static void what_is_asked_for_plain_on_its_way_begins_anew(void **state) {
    enum { SIZE = 12 * WIRE_BLOB_PIECE };
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    CM_AUTOFREE char *text = cm_new(1, SIZE + 1);
    ProtobufCBinaryData name = {.len = CM_SHA256_SIZE};
    ProtobufCBinaryData *names = &name;
    Holdfast__V1__Want want;
    struct cm_err err;

    memset(text, 'x', SIZE);
    PUBLICATION *now = rig_publication(r, paris, 2, (const char *const[]){text, NULL});
    struct cm_sha256 object = rig_object(now, 0);
    holdfast__v1__want__init(&want);
    name.data = object.bytes;
    want.sha256 = names;
    want.n_sha256 = 1;
    want.plain = true;
    await(r, paris, held);
    hub_sessions_publish(r->sessions, now);
    struct hub_session *session = hub_member_find(r->sessions, PARIS)->session;
    assert_int_equal(session->outgoing_at, 1); // of two, the first being the bundle
    size_t sent = session->outgoing[1].offset;
    assert_true(sent > WIRE_BLOB_PIECE);
    paris->plain = true;
    assert_int_equal(hub_session_want(session, &want, &err), CM_OK);
    size_t anew = session->outgoing[1].offset;
    assert_int_equal(hub_session_want(session, &want, &err), CM_OK); // it begins to wait anew, too
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    assert_true(rig_has(paris, &object));
    assert_int_equal(paris->frames[WIRE_BLOB], 1 + (sent + anew) / WIRE_BLOB_PIECE + 12);
}

static void a_secret_goes_as_it_is(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    PUBLICATION *now = rig_publication(r, paris, 2, new_secret);
    struct cm_sha256 secret = rig_object(now, 1);

    connect(r, paris, held, now);
    assert_true(rig_has(paris, &secret));
    assert_int_equal(paris->frames[WIRE_BLOB], 2);
    assert_false(paris->told_of_secrets);
    assert_int_equal(paris->squeezed, 1); // the bundle
}

static void nothing_is_squeezed_against_a_secret(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 1, secret_first);
    struct cm_sha256 names[] = {rig_object(p, 0), rig_object(p, 1)};

    ask(r, paris, p, names, 2);
    assert_false(paris->told_of_secrets);
    assert_int_equal(paris->based, 0);
}

static void a_secret_that_became_another_object_is_no_base(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, secret_first);
    PUBLICATION *now = rig_publication(r, paris, 2, opened); // has that key

    connect(r, paris, held, now);
    struct cm_sha256 first = rig_object(now, 0);
    assert_true(rig_has(paris, &first));
    assert_false(paris->told_of_secrets);
}

// Squeezed it would all fit into the queue at once, and nobody else had his turn meanwhile.
static void a_turn_squeezes_no_more_than_a_bound(void **state) {
    enum { COUNT = 12, SIZE = 200000 };
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    CM_AUTOFREE char *text = cm_new(COUNT, SIZE);
    const char *texts[COUNT + 1] = {0};

    for (size_t i = 0; i < COUNT; i++) {
        memset(text + i * SIZE, 'a' + (int)i, SIZE - 1);
        texts[i] = text + i * SIZE;
    }
    PUBLICATION *now = rig_publication(r, paris, 2, texts);
    struct cm_sha256 last = rig_object(now, COUNT - 1);
    await(r, paris, held);
    hub_sessions_publish(r->sessions, now);
    const struct hub_session *session = hub_member_find(r->sessions, PARIS)->session;
    assert_true(session->outgoing_at > 0);
    assert_true(session->outgoing_at < COUNT / 2 + 2);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    assert_true(rig_has(paris, &last));
    assert_int_equal(paris->squeezed, COUNT + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(news_are_squeezed_against_what_the_agent_has),
        TEST(an_agent_that_does_not_know_it_is_sent_all),
        TEST(a_small_object_is_squeezed_against_the_one_that_came_before_it),
        TEST(what_is_large_and_that_clusters_share_is_packed_once),
        TEST(what_is_asked_for_plain_comes_as_it_is),
        TEST(what_is_asked_for_plain_on_its_way_begins_anew),
        TEST(a_secret_goes_as_it_is),
        TEST(nothing_is_squeezed_against_a_secret),
        TEST(a_secret_that_became_another_object_is_no_base),
        TEST(a_turn_squeezes_no_more_than_a_bound),
    };

    return cmocka_run_group_tests_name("squeezed", tests, NULL, NULL);
}
