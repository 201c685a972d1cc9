#include "common/object/actual.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/hiding.h"
#include "tests/unit/common/object/docs.h"

static const uint8_t key[32] = "a key that nobody knows";

static const char form_web[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: web, labels: {app: web}}\n"
    "spec:\n"
    "  replicas: 2\n"
    "  template:\n"
    "    spec:\n"
    "      containers:\n"
    "      - {name: web, image: 'a:1', args: [--fast], env: [{name: MODE, value: quick}],\n"
    "         resources: {requests: {cpu: 1000m}}}\n";

// As the server has it, with what it filled in.
static const char live_web[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: web, uid: x, labels: {app: web, ours: x}}\n"
    "spec:\n"
    "  replicas: 5\n"
    "  revisionHistoryLimit: 10\n"
    "  template:\n"
    "    spec:\n"
    "      restartPolicy: Always\n"
    "      containers:\n"
    "      - {name: web, image: 'a:2', args: [--fast, --password=hunter2],\n"
    "         env: [{name: MODE, value: quick}, {name: PASS, value: hunter2}],\n"
    "         resources: {requests: {cpu: '1'}}}\n"
    "      - {name: debug, image: 'd:1', imagePullPolicy: Always}\n";

// What others than us have set of that.
static const char others_web[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata:\n"
    "  name: web\n"
    "  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"p\":\"hunter2\"}'}\n"
    "spec:\n"
    "  template:\n"
    "    metadata: {annotations: {by: hand}}\n"
    "    spec:\n"
    "      containers:\n"
    "      - {name: web, env: [{name: PASS, value: hunter2}]}\n"
    "      - {name: debug, image: 'd:1'}\n";

static struct cm_json *actual_of(void **state, const char *form, const char *live,
                                 const char *others) {
    struct cm_json *desired = yaml(state, form);

    return cm_object_actual(
        *state, &(struct cm_actual){.form = desired,
                                    .desired = desired,
                                    .live = yaml(state, live),
                                    .others = others == NULL ? NULL : yaml(state, others)});
}

static void what_is_as_desired_is_nothing(void **state) {
    static const char live[] = "apiVersion: apps/v1\n"
                               "kind: Deployment\n"
                               "metadata: {name: web, uid: x}\n"
                               "spec: {replicas: 2, paused: false, revisionHistoryLimit: 10}\n";

    assert_null(actual_of(state,
                          "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
                          "spec: {replicas: 2}\n",
                          live, NULL));
}

// As Flux sends them: through types of Kubernetes' own, where nothing is not left out.
static void what_the_server_made_of_an_empty_value_was_put_there_by_nobody(void **state) {
    static const char service[] = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
                                  "spec: {ports: [{port: 80";
    static const char deployment[] =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1";
    static const struct {
        const char *head;
        const char *more;
        bool filled;
    } cases[] = {
        {service, ", protocol: TCP, targetPort: 80", true},
        {service, ", protocol: TCP, targetPort: 8080", false},
        {service, ", protocol: TCP, targetPort: 80, nodePort: 31000", false},
        {deployment,
         ", strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}",
         true},
        {deployment,
         ", strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}",
         false},
        {deployment, ", strategy: {type: Recreate}", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *tail = cases[i].head == service ? "}]}" : "}";
        CM_AUTOFREE char *form = cm_strf("%s%s", cases[i].head, tail);
        CM_AUTOFREE char *live = cm_strf("%s%s%s", cases[i].head, cases[i].more, tail);

        assert_int_equal(actual_of(state, form, live, live) == NULL, cases[i].filled);
    }
}

static void
what_was_changed_and_what_was_added_is_there_and_nothing_that_was_filled_in(void **state) {
    assert_compact(
        actual_of(state, form_web, live_web, others_web),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","
        "\"labels\":{\"app\":\"web\"}},\"spec\":{\"replicas\":5,\"template\":{\"spec\":{"
        "\"containers\":[{\"name\":\"web\",\"image\":\"a:2\",\"args\":[\"--fast\","
        "\"--password=hunter2\"],\"env\":[{\"name\":\"MODE\",\"value\":\"quick\"},"
        "{\"name\":\"PASS\",\"value\":\"hunter2\"}],\"resources\":{\"requests\":{\"cpu\":"
        "\"1000m\"}}},{\"name\":\"debug\",\"image\":\"d:1\"}]},"
        "\"metadata\":{\"annotations\":{\"by\":\"hand\"}}}}}");
}

static bool is_no_replicas(const void *ctx, const struct cm_difference *d) {
    (void)ctx;
    return strcmp(d->path, "spec.replicas") != 0;
}

static void what_does_not_count_stays_as_desired(void **state) {
    struct cm_json *form = yaml(state, form_web);
    const struct cm_json *actual =
        cm_object_actual(*state, &(struct cm_actual){.form = form,
                                                     .desired = form,
                                                     .live = yaml(state, live_web),
                                                     .counts = is_no_replicas});

    assert_int_equal(cm_json_int(cm_json_path(actual, "spec", "replicas", NULL), 0), 2);
}

static void more_fields_than_anybody_would_list_are_all_there(void **state) {
    struct cm_str form = {0};
    struct cm_str live = {0};

    cm_str_add(&form, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n");
    cm_str_add(&live, cm_str_get(&form));
    for (int i = 0; i < 300; i++) {
        cm_str_addf(&form, "  k%d: a\n", i);
        cm_str_addf(&live, "  k%d: b\n", i);
    }
    assert_true(cm_json_equal(actual_of(state, cm_str_get(&form), cm_str_get(&live), NULL),
                              yaml(state, cm_str_get(&live))));
    cm_str_done(&form);
    cm_str_done(&live);
}

static void a_secret_is_made_with_its_values(void **state) {
    assert_compact(actual_of(state,
                             "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
                             "stringData: {word: one}\n",
                             "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
                             "data: {word: dHdv}\n",
                             NULL),
                   "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"},"
                   "\"data\":{\"word\":\"dHdv\"}}");
}

// ---- Hiding

static struct cm_json *hide(void **state, const char *object_key, bool secret, const char *form,
                            const struct cm_json *actual) {
    const struct cm_hiding h = {.key = key, .object_key = object_key, .secret = secret};

    return cm_object_hide(*state, &h, form == NULL ? NULL : yaml(state, form), actual);
}

static const char *text_of(void **state, const struct cm_json *node) {
    struct cm_str out = {0};

    cm_json_write_compact(node, &out);
    const char *copy = cm_arena_strdup(*state, cm_str_get(&out));
    cm_str_done(&out);
    return copy;
}

static void values_that_git_does_not_show_are_hashes(void **state) {
    const char *text = text_of(state, hide(state, "Deployment.apps/shop/web", false, form_web,
                                           actual_of(state, form_web, live_web, others_web)));

    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "{\"name\":\"MODE\",\"value\":\"quick\"}"));
    assert_non_null(strstr(text, "{\"name\":\"PASS\",\"value\":\"hmac:"));
    assert_non_null(strstr(text, "[\"--fast\",\"hmac:"));
    assert_non_null(strstr(text, "\"image\":\"a:2\""));
}

static void a_value_that_git_shows_elsewhere_is_a_hash(void **state) {
    const char *text = text_of(
        state, hide(state, "ConfigMap/shop/a", false, "kind: ConfigMap\ndata: {a: '1', b: '2'}\n",
                    yaml(state, "kind: ConfigMap\ndata: {a: '1', b: '1', c: '2'}\n")));

    assert_non_null(strstr(text, "\"a\":\"1\""));
    assert_non_null(strstr(text, "\"b\":\"hmac:"));
    assert_non_null(strstr(text, "\"c\":\"hmac:"));
    text =
        text_of(state, hide(state, "Pod/shop/a", false,
                            "env: [{name: A, value: one}, {name: B, value: two}]\n",
                            yaml(state, "env: [{name: A, value: two}, {name: B, value: two}]\n")));
    assert_non_null(strstr(text, "{\"name\":\"A\",\"value\":\"hmac:"));
    assert_non_null(strstr(text, "{\"name\":\"B\",\"value\":\"two\"}"));
}

static void equal_values_have_equal_hashes(void **state) {
    const struct cm_json *one = hide(state, "ConfigMap/shop/a", false, NULL,
                                     yaml(state, "kind: ConfigMap\ndata: {a: x, b: x, c: y}\n"));
    const struct cm_json *data = cm_json_get(one, "data");

    assert_true(cm_json_equal(cm_json_get(data, "a"), cm_json_get(data, "b")));
    assert_false(cm_json_equal(cm_json_get(data, "a"), cm_json_get(data, "c")));
    assert_int_equal(strlen(cm_json_string(cm_json_get(data, "a"))), 5 + 32);
    assert_true(cm_json_equal(cm_json_get(data, "a"), cm_hiding_hash(*state, key, "x", 1)));
}

static void
of_a_secret_all_values_are_hashes_and_of_another_object_all_but_what_it_is(void **state) {
    static const char form[] = "kind: Secret\nmetadata: {name: a}\ntype: T\ndata: {w: b25l}\n";
    const char *text = text_of(state, hide(state, "Secret/shop/a", true, form, yaml(state, form)));

    assert_null(strstr(text, "b25l"));
    assert_non_null(strstr(text, "\"type\":\"T\""));
    text = text_of(state, hide(state, "Login.x/shop/a", true, NULL,
                               yaml(state, "kind: Login\nmetadata: {name: a}\nspec: {w: one}\n")));
    assert_null(strstr(text, "one"));
    assert_non_null(strstr(text, "\"metadata\":{\"name\":\"a\"}"));
}

// Random objects whose secrets all begin with "HIDE".

static unsigned next_random(unsigned *seed) {
    *seed = *seed * 1103515245U + 12345U;
    return (*seed >> 16) & 0x7fff;
}

static void add_containers(struct cm_str *out, unsigned *seed) {
    unsigned count = 1 + next_random(seed) % 3;

    cm_str_add(out, "      containers:\n");
    for (unsigned i = 0; i < count; i++) {
        cm_str_addf(out, "      - {name: c%u, image: i%u, args: [a, HIDE%u], command: [HIDE%u],\n",
                    i, next_random(seed) % 3, next_random(seed), next_random(seed));
        cm_str_add(out, "         env: [");
        for (unsigned j = next_random(seed) % 4; j > 0; j--) {
            cm_str_addf(out, "{name: E%u, value: HIDE%u}, ", j, next_random(seed));
        }
        cm_str_addf(out, "{name: LAST, value: HIDE%u}]}\n", next_random(seed));
    }
}

static char *random_object(unsigned kind, unsigned *seed) {
    struct cm_str out = {0};

    if (kind == 0) {
        cm_str_addf(&out,
                    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n%s: {a: HIDE%u, b%u: "
                    "HIDE%u}\n",
                    next_random(seed) % 2 == 0 ? "data" : "stringData", next_random(seed),
                    next_random(seed) % 3, next_random(seed));
    } else if (kind == 1) {
        cm_str_addf(&out,
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: HIDE%u, b%u: "
                    "HIDE%u}\n",
                    next_random(seed), next_random(seed) % 3, next_random(seed));
    } else {
        cm_str_addf(&out,
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n"
                    "  replicas: %u\n  template:\n    spec:\n",
                    next_random(seed) % 3);
        add_containers(&out, seed);
    }
    return out.data;
}

// What stands in Git may be shown, but of a Secret nothing.
static void check_hidden(const char *text, const char *form) {
    for (const char *at = strstr(text, "HIDE"); at != NULL; at = strstr(at + 1, "HIDE")) {
        CM_AUTOFREE char *word = cm_strndup(at, 4 + strspn(at + 4, "0123456789"));

        if (form == NULL || strstr(form, word) == NULL) {
            fail_msg("'%s' is told in %s", word, text);
        }
    }
}

static void no_value_is_ever_told(void **state) {
    static const char *const keys[] = {"Secret/shop/a", "ConfigMap/shop/a",
                                       "Deployment.apps/shop/a"};
    const char *given = getenv("HOLDFAST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    print_message("HOLDFAST_SEED=%u\n", seed);
    for (unsigned i = 0; i < 300; i++) {
        CM_AUTOFREE char *form = random_object(i % 3, &seed);
        CM_AUTOFREE char *live = random_object(i % 3, &seed);
        const struct cm_json *actual = actual_of(state, form, live, live);

        if (actual != NULL) {
            check_hidden(text_of(state, hide(state, keys[i % 3], i % 3 == 0, form, actual)),
                         i % 3 == 0 ? NULL : form);
            check_hidden(text_of(state, hide(state, keys[i % 3], i % 3 == 0, NULL, actual)), NULL);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)

static const struct CMUnitTest tests[] = {
    TEST(what_the_server_made_of_an_empty_value_was_put_there_by_nobody),
    TEST(what_is_as_desired_is_nothing),
    TEST(what_was_changed_and_what_was_added_is_there_and_nothing_that_was_filled_in),
    TEST(what_does_not_count_stays_as_desired),
    TEST(more_fields_than_anybody_would_list_are_all_there),
    TEST(a_secret_is_made_with_its_values),
    TEST(values_that_git_does_not_show_are_hashes),
    TEST(a_value_that_git_shows_elsewhere_is_a_hash),
    TEST(equal_values_have_equal_hashes),
    TEST(of_a_secret_all_values_are_hashes_and_of_another_object_all_but_what_it_is),
    TEST(no_value_is_ever_told),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
