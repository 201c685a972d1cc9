#include "hub/capture/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define FILES_MAX 16

struct file {
    const char *path;
    const char *text;
};

// A repository in memory.
struct world {
    struct file files[FILES_MAX];
    size_t count;
    int64_t now_ms;
};

static void put(struct world *w, const char *path, const char *text) {
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->files[i].path, path) == 0) {
            w->files[i].text = text;
            return;
        }
    }
    assert_true(w->count < FILES_MAX);
    w->files[w->count++] = (struct file){path, text};
}

static enum cm_rc read_file(void *ctx, const char *path, size_t max_bytes, struct cm_buf **out,
                            struct cm_err *err) {
    const struct world *w = ctx;

    (void)max_bytes;
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->files[i].path, path) == 0) {
            *out = cm_buf_copy(w->files[i].text, strlen(w->files[i].text));
            return CM_OK;
        }
    }
    return cm_fail(err, CM_ENOTFOUND, "no such file");
}

static enum cm_rc each_file(void *ctx, const char *folder,
                            bool (*visit)(void *visitor, const char *path), void *visitor,
                            struct cm_err *err) {
    const struct world *w = ctx;
    size_t len = strlen(folder);

    (void)err;
    for (size_t i = 0; i < w->count; i++) {
        const char *path = w->files[i].path;

        if ((len == 0 || (strncmp(path, folder, len) == 0 && path[len] == '/')) &&
            !visit(visitor, path)) {
            break;
        }
    }
    return CM_OK;
}

#define CLUSTER(name)                                                                              \
    "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: " name                         \
    ", labels: {env: prod}}\nspec: {values: {tag: v1}}\n"
#define APP_HEAD "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata:\n  name: shop\nspec:\n"
#define APP_ALL                                                                                    \
    APP_HEAD "  namespace: shop\n  writeBack: revert\n  targets: # where\n  # all of production\n" \
             "  - clusterSelector:\n      matchLabels: {env: prod}\n"
#define APP_PARIS APP_HEAD "  namespace: shop\n  targets: [{cluster: paris}]\n"

static const char deployment[] = "# The shop. Ask ada.\n"
                                 "apiVersion: apps/v1\n"
                                 "kind: Deployment\n"
                                 "metadata:\n"
                                 "  name: web\n"
                                 "  labels: &labels {app: web, tier: front} # who we are\n"
                                 "spec:\n"
                                 "  replicas:    3 # three, for now\n"
                                 "  selector:\n"
                                 "    matchLabels: {app: web}\n"
                                 "  template:\n"
                                 "    metadata:\n"
                                 "      labels: *labels\n"
                                 "    spec:\n"
                                 "      containers:\n"
                                 "      # the side\n"
                                 "      - name: side\n"
                                 "        image: 'side:1'\n"
                                 "      - name: main # that counts\n"
                                 "        image: \"web:${tag}\"\n"
                                 "        args: [--port, '80']\n"
                                 "        env:\n"
                                 "        - {name: MODE, value: \"on\"}\n";

static void setup(struct world *w, const char *app) {
    *w = (struct world){0};
    put(w, "clusters/paris.yaml", CLUSTER("paris"));
    put(w, "clusters/tokyo.yaml", CLUSTER("tokyo"));
    put(w, "apps/shop/app.yaml", app);
    put(w, "apps/shop/web.yaml", deployment);
    put(w, "apps/shop/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  a: b\n");
}

static size_t looks;       // at whether it is stopped
static size_t stops_after; // of them; 0: never

static bool is_stopped(void *ctx) {
    (void)ctx;
    looks++;
    return stops_after > 0 && looks > stops_after;
}

// capture holds arguments against the world. *out_text is NULL if it is refused: see err.
static struct hub_captured capture(struct world *w, const char *args, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_capture_repo repo = {
        .name = "fleet", .root = "", .read = read_file, .each = each_file, .ctx = w};
    struct hub_captured out = {0};
    struct hub_capture what = {0};
    struct cm_json *json = NULL;

    *err = (struct cm_err){.code = CM_OK};
    assert_int_equal(cm_json_parse(a, args, strlen(args), NULL, &json, err), CM_OK);
    assert_int_equal(hub_capture_read(a, json, &what, err), CM_OK);
    what.app = "shop";
    what.cluster = "paris";
    what.now_ms = w->now_ms;
    what.stopped = is_stopped;
    looks = 0;
    enum cm_rc rc = hub_capture_make(&what, &repo, 1, 0, &out, err);
    assert_int_equal(rc, err->code);
    if (rc < 0) {
        assert_null(out.path);
    }
    return out;
}

#define ARGS(fields) "{\"object\":\"Deployment.apps/shop/web\",\"fields\":[" fields "]}"
#define REPLICAS "{\"path\":\"spec.replicas\",\"was\":3,\"value\":5}"

static void assert_refused(struct world *w, const char *args, const char *why) {
    struct cm_err err;
    CM_CLEANUP(hub_captured_done) struct hub_captured got = capture(w, args, &err);

    assert_int_equal(err.code, CM_EINVAL);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("'%s' does not say '%s'", err.msg, why);
    }
}

static void the_document_is_edited_where_only_its_cluster_has_it(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got = capture(
        &w,
        ARGS(REPLICAS
             ",{\"path\":\"spec.template.spec.containers[name=side].image\","
             "\"value\":\"side:2\"},"
             "{\"path\":\"spec.template.spec.containers[name=main].args\","
             "\"value\":[\"--port\",\"80\",\"-v\"]},"
             "{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE].value\"}"),
        &err);

    assert_int_equal(err.code, CM_OK);
    assert_false(got.overlay);
    assert_string_equal(got.path, "apps/shop/web.yaml");
    assert_string_equal(got.before, deployment);
    assert_string_equal(got.text, "# The shop. Ask ada.\n"
                                  "apiVersion: apps/v1\n"
                                  "kind: Deployment\n"
                                  "metadata:\n"
                                  "  name: web\n"
                                  "  labels: &labels {app: web, tier: front} # who we are\n"
                                  "spec:\n"
                                  "  replicas:    5 # three, for now\n"
                                  "  selector:\n"
                                  "    matchLabels: {app: web}\n"
                                  "  template:\n"
                                  "    metadata:\n"
                                  "      labels: *labels\n"
                                  "    spec:\n"
                                  "      containers:\n"
                                  "      # the side\n"
                                  "      - name: side\n"
                                  "        image: 'side:2'\n"
                                  "      - name: main # that counts\n"
                                  "        image: \"web:${tag}\"\n"
                                  "        args: [--port, '80', \"-v\"]\n"
                                  "        env:\n"
                                  "        - {name: MODE}\n");
}

#define ADDED                                                                                      \
    "{\"path\":\"spec.template.spec.containers[name=main].env[name=NEW]\",\"was\":null,"           \
    "\"value\":{\"name\":\"NEW\",\"value\":\"1\"}},"                                               \
    "{\"path\":\"spec.template.spec.containers[name=side].env[name=NEW]\",\"was\":null,"           \
    "\"value\":{\"name\":\"NEW\",\"value\":\"${x}\"}},"                                            \
    "{\"path\":\"spec.template.spec.containers[name=debug]\",\"was\":null,"                        \
    "\"value\":{\"name\":\"debug\",\"image\":\"d:1\"}},"                                           \
    "{\"path\":\"metadata.annotations.note\",\"was\":null,\"value\":\"mine\"}"

static void what_was_added_is_put_behind_its_siblings(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    CM_CLEANUP(hub_captured_done) struct hub_captured got = capture(&w, ARGS(ADDED), &err);

    assert_int_equal(err.code, CM_OK);
    assert_false(got.overlay);
    assert_string_equal(got.text, "# The shop. Ask ada.\n"
                                  "apiVersion: apps/v1\n"
                                  "kind: Deployment\n"
                                  "metadata:\n"
                                  "  name: web\n"
                                  "  labels: &labels {app: web, tier: front} # who we are\n"
                                  "  annotations:\n"
                                  "    note: mine\n"
                                  "spec:\n"
                                  "  replicas:    3 # three, for now\n"
                                  "  selector:\n"
                                  "    matchLabels: {app: web}\n"
                                  "  template:\n"
                                  "    metadata:\n"
                                  "      labels: *labels\n"
                                  "    spec:\n"
                                  "      containers:\n"
                                  "      # the side\n"
                                  "      - name: side\n"
                                  "        image: 'side:1'\n"
                                  "        env:\n"
                                  "        - name: NEW\n"
                                  "          value: \"$${x}\"\n"
                                  "      - name: main # that counts\n"
                                  "        image: \"web:${tag}\"\n"
                                  "        args: [--port, '80']\n"
                                  "        env:\n"
                                  "        - {name: MODE, value: \"on\"}\n"
                                  "        - name: NEW\n"
                                  "          value: \"1\"\n"
                                  "      - name: debug\n"
                                  "        image: d:1\n");
}

static void what_was_added_on_one_cluster_of_many_is_an_overlay(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done) struct hub_captured got = capture(&w, ARGS(ADDED), &err);

    assert_int_equal(err.code, CM_OK);
    assert_true(got.overlay);
    assert_non_null(strstr(got.text, "          annotations:\n"
                                     "            note: mine\n"));
    assert_non_null(strstr(got.text, "              containers:\n"
                                     "              - name: side\n"
                                     "                env:\n"
                                     "                - name: NEW\n"
                                     "                  value: \"$${x}\"\n"
                                     "              - name: main\n"
                                     "                env:\n"
                                     "                - name: MODE\n"
                                     "                - name: NEW\n"
                                     "                  value: \"1\"\n"
                                     "              - name: debug\n"
                                     "                image: d:1\n"));
}

// The labels of the pods are the same ones.
static void what_was_added_where_an_anchor_stands_is_an_overlay(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        capture(&w, ARGS("{\"path\":\"metadata.labels.team\",\"was\":null,\"value\":\"a\"}"), &err);
    assert_int_equal(err.code, CM_OK);
    assert_true(got.overlay);
    assert_non_null(
        strstr(got.text, "\"metadata\":{\"name\":\"web\",\"labels\":{\"team\":\"a\"}}"));
}

static void what_git_says_by_now_is_not_added_once_more(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    assert_refused(&w,
                   ARGS("{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE]\","
                        "\"was\":null,\"value\":{\"name\":\"MODE\",\"value\":\"off\"}}"),
                   "is something else in Git by now");
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        capture(&w,
                ARGS("{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE]\","
                     "\"was\":null,\"value\":{\"name\":\"MODE\",\"value\":\"on\"}}"),
                &err);
    assert_int_equal(err.code, CM_OK);
    assert_null(got.path);
}

static void a_shared_document_gets_an_overlay_for_the_one_cluster(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        capture(&w,
                ARGS(REPLICAS ",{\"path\":\"spec.template.spec.containers[name=main].image\","
                              "\"value\":\"web:v1-fix\"}"),
                &err);

    assert_int_equal(err.code, CM_OK);
    assert_true(got.overlay);
    assert_string_equal(got.path, "apps/shop/app.yaml");
    assert_string_equal(
        got.text, APP_HEAD
        "  namespace: shop\n  writeBack: revert\n  targets: # where\n  # all of production\n"
        "  - cluster: paris\n"
        "    overlays:\n"
        "    - merge:\n"
        "        apiVersion: apps/v1\n"
        "        kind: Deployment\n"
        "        metadata:\n"
        "          name: web\n"
        "        spec:\n"
        "          replicas: 5\n"
        "          template:\n"
        "            spec:\n"
        "              containers:\n"
        "              - name: side\n"
        "              - name: main\n"
        "                image: web:v1-fix\n"
        "  - clusterSelector:\n      matchLabels: {env: prod}\n");

    // What is changed next goes into the same overlay.
    put(&w, "apps/shop/app.yaml", got.text);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured more =
        capture(&w,
                ARGS("{\"path\":\"spec.replicas\",\"was\":5,\"value\":7},"
                     "{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE]\"}"),
                &err);
    assert_int_equal(err.code, CM_OK);
    assert_non_null(strstr(more.text, "          replicas: 7\n"));
    assert_non_null(strstr(more.text, "                env:\n"
                                      "                - name: MODE\n"
                                      "                  $patch: delete\n"));
    assert_null(strstr(more.text, "replicas: 5"));

    put(&w, "apps/shop/app.yaml", APP_ALL);
}

static void what_an_overlay_said_to_go_and_is_there_again_is_there(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured gone = capture(
        &w, ARGS("{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE]\"}"), &err);
    assert_non_null(strstr(gone.text, "$patch: delete"));
    put(&w, "apps/shop/app.yaml", gone.text);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured again =
        capture(&w,
                ARGS("{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE]\","
                     "\"was\":null,\"value\":{\"name\":\"MODE\",\"value\":\"off\"}}"),
                &err);
    assert_int_equal(err.code, CM_OK);
    assert_non_null(strstr(again.text, "                - name: MODE\n"));
    assert_null(strstr(again.text, "$patch"));
    put(&w, "apps/shop/app.yaml", APP_ALL);
}

static void a_change_meant_for_all_clusters_edits_the_document(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got = capture(
        &w,
        "{\"object\":\"Deployment.apps/shop/web\",\"everywhere\":true,\"fields\":[" REPLICAS "]}",
        &err);
    assert_int_equal(err.code, CM_OK);
    assert_string_equal(got.path, "apps/shop/web.yaml");
    assert_non_null(strstr(got.text, "  replicas:    5 # three, for now\n"));
    assert_refused(&w,
                   "{\"object\":\"Deployment.apps/shop/web\",\"everywhere\":true,\"fields\":["
                   "{\"path\":\"spec.template.spec.containers[name=main].image\","
                   "\"value\":\"web:v2\"}]}",
                   "comes from a variable");
}

static void what_has_an_alias_elsewhere_is_not_edited(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        capture(&w, ARGS("{\"path\":\"metadata.labels.tier\",\"value\":\"back\"}"), &err);

    // The alias would change the template's labels, too.
    assert_int_equal(err.code, CM_OK);
    assert_true(got.overlay);
    assert_string_equal(got.text,
                        APP_HEAD "  namespace: shop\n  targets: [{cluster: paris, \"overlays\": "
                                 "[{\"merge\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
                                 "\"metadata\":{\"name\":\"web\",\"labels\":{\"tier\":\"back\"}}}}]"
                                 "}]\n");
}

static void what_looks_like_a_variable_stays_text(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        capture(&w,
                ARGS("{\"path\":\"spec.template.spec.containers[name=main].env[name=MODE].value\","
                     "\"value\":\"${HOME}\"}"),
                &err);

    assert_int_equal(err.code, CM_OK);
    assert_non_null(strstr(got.text, "- {name: MODE, value: \"$${HOME}\"}\n"));
}

static void what_git_says_already_needs_nothing(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_PARIS);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        capture(&w, ARGS("{\"path\":\"spec.replicas\",\"was\":2,\"value\":3}"), &err);

    assert_int_equal(err.code, CM_OK);
    assert_null(got.path);
}

static struct cm_json *seen_without(struct cm_arena *a) {
    struct hub_capture_list list = {.arena = a};
    const struct hub_capture_seen seen = {.cluster = "paris",
                                          .app = "shop",
                                          .repo = "fleet",
                                          .key = "Deployment.apps/shop/web",
                                          .path = "spec.replicas",
                                          .desired = "",
                                          .actual = "5",
                                          .manager = "kubectl-edit"};

    hub_capture_gather(&list, &seen);
    struct cm_json *args = hub_capture_args(a, &list.items[0], false, false);
    free(list.items);
    return args;
}

static struct cm_json *args_of(struct cm_arena *a, const struct hub_capture_seen *seen,
                               size_t count, bool automatic) {
    struct hub_capture_list list = {.arena = a};

    for (size_t i = 0; i < count; i++) {
        hub_capture_gather(&list, &seen[i]);
    }
    struct cm_json *args = hub_capture_args(a, &list.items[0], false, automatic);
    free(list.items);
    return args;
}

#define SEEN(p, m, u)                                                                              \
    {                                                                                              \
        .cluster = "paris", .app = "shop", .repo = "fleet", .key = "Deployment.apps/shop/web",     \
        .path = (p), .desired = "1", .actual = "5", .manager = (m), .user = (u)                    \
    }

#define HIDDEN "\"hmac:00112233445566778899aabbccddeeff\""

// gathered tells of what is gathered whether it can be captured, and how many fields that are.
static struct hub_capture_object gathered(struct cm_arena *a, const struct hub_capture_seen *seen,
                                          size_t count) {
    struct hub_capture_list list = {.arena = a};

    for (size_t i = 0; i < count; i++) {
        hub_capture_gather(&list, &seen[i]);
    }
    struct hub_capture_object object = list.items[0];
    free(list.items);
    return object;
}

static void what_was_added_and_is_not_known_is_left_out_beside_something_else(void **state) {
    static const char env[] = "spec.template.spec.containers[name=main].env[name=NEW]";
    struct hub_capture_seen seen[] = {SEEN(env, "kubectl-set", ""),
                                      SEEN("spec.replicas", "kubectl-edit", ""),
                                      SEEN(env, "kubectl-set", "")};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < 3; i += 2) {
        seen[i].desired = "";
        seen[i].actual = HIDDEN;
    }
    struct hub_capture_object one = gathered(a, seen, 1);
    assert_int_equal(one.err.code, CM_EINVAL);
    assert_non_null(strstr(one.err.msg, "may be a secret"));
    for (size_t first = 0; first < 2; first++) { // whichever comes first
        struct hub_capture_object both = gathered(a, &seen[first], 2);
        const char *body =
            cm_json_string(cm_json_get(hub_capture_args(a, &both, false, true), "body"));

        assert_int_equal(both.err.code, CM_OK);
        assert_int_equal(both.fields->count, 1);
        assert_null(both.secret);
        assert_string_equal(body,
                            "spec.replicas: 1 -> 5\nleft out, for what was added is not known "
                            "here: spec.template.spec.containers[name=main].env[name=NEW]\n");
    }
    seen[1].actual = HIDDEN; // a field of Git's is not left out
    assert_int_equal(gathered(a, seen, 3).err.code, CM_EINVAL);
    assert_true(gathered(a, seen, 3).refused);
}

static void who_alone_changed_an_object_is_its_author_unless_somebody_asks_for_it(void **state) {
    static const struct hub_capture_seen alone[] = {SEEN("spec.replicas", "kubectl-edit", "jacob"),
                                                    SEEN("spec.paused", "helm", "jacob")};
    static const struct hub_capture_seen two[] = {SEEN("spec.replicas", "kubectl-edit", "jacob"),
                                                  SEEN("spec.paused", "kubectl-edit", "cob")};
    static const struct hub_capture_seen unknown[] = {SEEN("spec.paused", "", ""),
                                                      SEEN("spec.replicas", "flagger", "eve"),
                                                      SEEN("spec.x", "helm", "")};
    static const struct {
        const struct hub_capture_seen *seen;
        size_t count;
        const char *who;
        const char *author;
    } cases[] = {{alone, 2, "jacob (verified)", "jacob"},
                 {two, 2, "jacob (verified), cob (verified)", NULL},
                 {unknown, 3, "eve (verified; claims to be flagger), helm (claimed)", NULL}};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cm_json *args = args_of(a, cases[i].seen, cases[i].count, true);
        const char *author = cm_json_string(cm_json_get(args, "author"));

        assert_string_equal(cm_json_string(cm_json_path(args, "trailers", "Manager", NULL)),
                            cases[i].who);
        assert_true(cases[i].author == NULL ? author == NULL
                                            : strcmp(author, cases[i].author) == 0);
        assert_null(cm_json_get(args_of(a, cases[i].seen, cases[i].count, false), "author"));
    }
}

// Git said nothing of the field when it was seen.
static void what_was_committed_since_is_not_undone(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str args = {0};
    struct world w;

    (void)state;
    cm_json_write_compact(seen_without(a), &args);
    setup(&w, APP_PARIS);
    assert_refused(
        &w, cm_str_get(&args),
        "is something else in Git by now than when it was changed by hand, or a Hold sets it");
    assert_non_null(strstr(cm_str_get(&args), "spec.replicas: <none> -> 5"));
}

static void put_exemption(struct world *w) {
    put(w, "exemptions/x.yaml",
        "apiVersion: holdfast/v1alpha1\nkind: Exemption\nmetadata: {name: x}\nspec: {app: shop, "
        "clusters: [paris], object: Deployment.apps/shop/web, reason: r, until: "
        "'2026-10-01T08:00:00Z'}\n");
}

#define BY_ITSELF                                                                                  \
    "{\"object\":\"Deployment.apps/shop/web\",\"automatic\":true,\"fields\":[" REPLICAS "]}"

static void an_exemption_keeps_it_from_being_written_until_it_ends(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_HEAD "  namespace: shop\n  drift: capture\n  targets: [{cluster: paris}]\n");
    put_exemption(&w);
    w.now_ms = 1790841599999;
    assert_refused(&w, BY_ITSELF, "does not say 'drift: capture' of this field");
    w.now_ms++;
    CM_CLEANUP(hub_captured_done) struct hub_captured got = capture(&w, BY_ITSELF, &err);
    assert_string_equal(err.code == CM_OK ? got.path : err.msg, "apps/shop/web.yaml");
}

#define RULES(app, rules)                                                                          \
    APP_HEAD "  namespace: shop\n  drift: " app "\n  targets: [{cluster: paris}]\n"                \
             "  ignoreDifferences:\n" rules

static void the_first_rule_about_a_field_says_whether_it_is_written(void **state) {
    static const struct {
        const char *app;
        bool written;
    } cases[] = {
        {RULES("report", "  - {jsonPointers: [/spec/replicas], drift: capture}\n"), true},
        {RULES("report", "  - {jsonPointers: [/spec/paused], drift: capture}\n"), false},
        {RULES("report", "  - {kind: Pod, drift: capture}\n"), false},
        {RULES("correct", "  - {drift: capture}\n"), true},
        {RULES("capture", "  - {jsonPointers: [/spec/replicas], drift: report}\n"), false},
        {RULES("capture", "  - {jsonPointers: [/spec], drift: off}\n  - {drift: capture}\n"),
         false},
        {RULES("capture", "  - {jsonPointers: [/spec/paused], drift: off}\n"), true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct cm_err err;

        setup(&w, cases[i].app);
        CM_CLEANUP(hub_captured_done) struct hub_captured got = capture(&w, BY_ITSELF, &err);
        if (cases[i].written != (got.path != NULL)) {
            fail_msg("%s%s", cases[i].app, err.code == CM_OK ? "" : err.msg);
        }
    }
}

static void what_cannot_be_is_refused_and_says_what_to_edit(void **state) {
    struct world w;

    (void)state;
    setup(&w,
          APP_HEAD "  namespace: shop\n  targets:\n  - clusterSelector: {}\n    values: {x: 1}\n");
    assert_refused(&w, ARGS(REPLICAS), "give the cluster a target of its own above it");
    assert_refused(&w, ARGS(REPLICAS), "it would change App 'shop' on cluster 'tokyo', too");
    setup(&w, APP_PARIS);
    assert_refused(&w, ARGS("{\"path\":\"spec.replicas\",\"was\":2,\"value\":5}"),
                   "is something else in Git by now");
    assert_refused(&w, ARGS("{\"path\":\"spec.replicas.x\",\"value\":5}"), "no place");
    put(&w, "apps/shop/web.yaml", "kind: [");
    struct cm_err err;
    CM_CLEANUP(hub_captured_done) struct hub_captured got = capture(&w, ARGS(REPLICAS), &err);
    assert_int_equal(err.code, CM_ENOTFOUND);
}

static void values_of_secrets_are_written_nowhere(void **state) {
    struct world w;

    (void)state;
    setup(&w, APP_HEAD "  namespace: shop\n  plainSecrets: allow\n  targets: [{cluster: paris}]\n");
    put(&w, "apps/shop/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: pin}\nstringData: {pin: '1234'}\n");
    assert_refused(&w,
                   "{\"object\":\"Secret/shop/pin\",\"fields\":[{\"path\":\"data.pin\","
                   "\"value\":\"eA==\"}]}",
                   "is a Secret");
}

static void arguments_are_checked(void **state) {
    static const char *const wrong[] = {"{}", "{\"object\":\"x\",\"fields\":[]}",
                                        "{\"object\":\"x\",\"fields\":[{}]}",
                                        "{\"object\":\"x\",\"fields\":[{\"path\":\"a[\"}]}",
                                        "{\"object\":\"x\",\"fields\":[{\"path\":\"\"}]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        struct hub_capture what;
        struct cm_json *json = NULL;
        struct cm_err err;

        assert_int_equal(cm_json_parse(a, wrong[i], strlen(wrong[i]), NULL, &json, &err), CM_OK);
        assert_int_equal(hub_capture_read(a, json, &what, &err), CM_EINVAL);
    }
}

// ---- Reverting

#define MODE "/spec/template/spec/containers/[name=main]/env/[name=MODE]/value"
#define SIDE "/spec/template/spec/containers/[name=side]/image"
#define HOLD_PATH "holds/shop/2-1.yaml"
#define HOLD(clusters, at, bad, use)                                                               \
    "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: shop-2-1}\nspec:\n"               \
    "  app: shop\n  clusters: [" clusters "]\n"                                                    \
    "  rejects: {revision: bad, identity: [{object: apps/Deployment/shop/web, at: '" at            \
    "', value: '" bad "'}]}\n  restores: {revision: good}\n"                                       \
    "  delta: [{object: apps/Deployment/shop/web, at: '" at "', bad: '" bad "', use: '" use        \
    "'}]\n"

// What a commit made of a file.
struct change {
    const char *path;
    const char *bad;
    const char *good;
};

static void each_change(void *ctx, const char *bad, const char *good, hub_revert_visit_fn visit,
                        void *visitor) {
    const struct change *change = ctx;

    assert_string_equal(bad, "bad");
    assert_string_equal(good, "good");
    if (change != NULL) {
        (void)visit(visitor, change->path, change->bad, change->good);
    }
}

static struct hub_captured revert(struct world *w, const char *hold, struct change *change,
                                  struct cm_err *err) {
    const struct hub_capture_repo repo = {
        .name = "fleet", .root = "", .read = read_file, .each = each_file, .ctx = w};
    const struct hub_revert what = {
        .path = HOLD_PATH, .text = hold, .each = each_change, .stopped = is_stopped, .ctx = change};
    struct hub_captured out = {0};

    *err = (struct cm_err){.code = CM_OK};
    looks = 0;
    if (hub_revert_make(&what, &repo, 1, 0, &out, err) < 0) {
        assert_null(out.path);
    }
    return out;
}

static void assert_not_reverted(struct world *w, const char *hold, struct change *change,
                                const char *why) {
    struct cm_err err;
    CM_CLEANUP(hub_captured_done) struct hub_captured got = revert(w, hold, change, &err);

    assert_int_equal(err.code, CM_EINVAL);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("'%s' does not say '%s'", err.msg, why);
    }
}

static char *with(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);

    assert_non_null(at);
    return cm_strf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void a_value_that_was_rejected_everywhere_is_what_it_was_again(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        revert(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL, &err);
    CM_AUTOFREE char *expected = with(deployment, "'side:1'", "'side:0'");

    assert_int_equal(err.code, CM_OK);
    assert_string_equal(got.path, "apps/shop/web.yaml");
    assert_string_equal(got.text, expected);
}

static void what_another_cluster_shares_is_not_reverted(void **state) {
    struct change change = {"apps/shop/web.yaml", deployment, NULL};
    struct world w;

    (void)state;
    CM_AUTOFREE char *good = with(deployment, "'side:1'", "'side:0'");
    change.good = good;
    setup(&w, APP_ALL);
    assert_not_reverted(&w, HOLD("paris", SIDE, "side:1", "side:0"), &change,
                        "it would change App 'shop' on cluster 'tokyo', too");
}

static void a_commit_is_taken_back_where_the_value_comes_from_the_app(void **state) {
    static const char two[] = APP_ALL "  images: [{name: side, newTag: '2'}] # by the bot\n";
    static const char one[] = APP_ALL "  images: [{name: side, newTag: '1'}]\n";
    struct change change = {"apps/shop/app.yaml", two, one};
    struct world w;
    struct cm_err err;

    (void)state;
    CM_AUTOFREE char *since = cm_strf("# Ask eve.\n%s", two);
    setup(&w, since);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        revert(&w, HOLD("paris, tokyo", SIDE, "side:2", "side:1"), &change, &err);
    CM_AUTOFREE char *expected = cm_strf("# Ask eve.\n%s", one);

    assert_int_equal(err.code, CM_OK);
    assert_string_equal(got.path, "apps/shop/app.yaml");
    assert_string_equal(got.text, expected);
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:2", "side:1"), NULL, "of the App");
}

static void of_a_commit_that_did_more_only_the_value_is_taken_back(void **state) {
    struct change change = {"apps/shop/web.yaml", deployment, NULL};
    struct world w;
    struct cm_err err;

    (void)state;
    CM_AUTOFREE char *image = with(deployment, "'side:1'", "'side:0'");
    CM_AUTOFREE char *good = with(image, "replicas:    3", "replicas:    1");
    change.good = good;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        revert(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), &change, &err);

    assert_int_equal(err.code, CM_OK);
    assert_string_equal(got.text, image);
}

static void another_release_needs_no_revert(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got = revert(&w, HOLD("paris", SIDE, "side:0", "side:7"), NULL, &err);

    assert_int_equal(err.code, CM_OK);
    assert_null(got.path);
}

static void with_a_hold_that_is_there_all_clusters_count(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    put(&w, HOLD_PATH, HOLD("paris", MODE, "on", "off"));
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got = revert(&w, HOLD("paris, tokyo", MODE, "on", "off"), NULL, &err);

    assert_int_equal(err.code, CM_OK);
    assert_string_equal(got.path, "apps/shop/web.yaml");
    assert_non_null(strstr(got.text, "{name: MODE, value: \"off\"}"));
}

static void what_is_wrong_in_git_is_not_reverted(void **state) {
    struct world w;

    (void)state;
    setup(&w, APP_ALL);
    put(&w, "apps/shop/web.yaml", "kind: [");
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL,
                        "is wrong in Git, or on none of the clusters");
}

static void an_edit_that_does_not_reach_what_the_hold_makes_says_so(void **state) {
    struct change change = {"apps/shop/app.yaml", NULL, NULL};
    struct world w;

    (void)state;
    CM_AUTOFREE char *three = cm_strf("%s  images: [{name: side, newTag: '3'}]\n", APP_ALL);
    CM_AUTOFREE char *two = cm_strf("%s  images: [{name: side, newTag: '2'}]\n", APP_ALL);
    change.bad = three;
    change.good = two;
    setup(&w, three);
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:3", "side:1"), &change,
                        "it would not make what the Hold makes on cluster 'paris'");
}

// Wherever it is stopped, what it seems to have come to is not told.
static void what_is_stopped_says_nothing_of_a_document(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    struct hub_captured got =
        revert(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL, &err);
    size_t all = looks;
    assert_int_equal(err.code, CM_OK);
    assert_true(all > 10); // reading, and rendering more than once
    for (stops_after = 1; stops_after < all; stops_after++) {
        hub_captured_done(&got);
        got = revert(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL, &err);
        assert_int_equal(err.code, CM_ECANCELED);
    }
    stops_after = 0;
    hub_captured_done(&got);
}

static void a_capture_that_is_stopped_ends(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    struct hub_captured got = capture(&w, ARGS(REPLICAS), &err);
    size_t all = looks;
    for (stops_after = 1; stops_after < all; stops_after++) {
        hub_captured_done(&got);
        got = capture(&w, ARGS(REPLICAS), &err);
        assert_int_equal(err.code, CM_ECANCELED);
    }
    stops_after = 0;
    hub_captured_done(&got);
}

static void an_app_that_does_not_want_it_any_more_is_held(void **state) {
    struct world w;

    (void)state;
    setup(&w, APP_HEAD "  namespace: shop\n  targets: [{clusterSelector: {}}]\n");
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL,
                        "does not say 'writeBack: revert' any more");
}

#define VALUES(side, more)                                                                         \
    "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: paris, labels: {env: prod}}\n" \
    "spec:\n  values:\n    tag: v1\n    side: '" side "'\n    db: '" more "'\n"
#define OTHER(source)                                                                              \
    "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: db}\nspec:\n"                      \
    "  source: {repository: " source "}\n  targets: [{cluster: paris}]\n"

// What a commit made of the values of a cluster, which another App has, too.
static void assert_values_are_not_reverted(struct world *w, const char *why) {
    struct change change = {"clusters/paris.yaml", VALUES("2", "9"), VALUES("1", "8")};

    CM_AUTOFREE char *web = with(deployment, "'side:1'", "\"side:${side}\"");
    put(w, "clusters/paris.yaml", VALUES("2", "9"));
    put(w, "apps/shop/web.yaml", web);
    assert_not_reverted(w, HOLD("paris", SIDE, "side:2", "side:1"), &change, why);
}

static void what_apps_share_that_are_not_rendered_here_is_not_reverted(void **state) {
    struct world w;

    (void)state;
    setup(&w, APP_PARIS "  writeBack: revert\n");
    put(&w, "apps/db/app.yaml", OTHER("other"));
    assert_values_are_not_reverted(&w, "what it would change of App 'db' is not known here");
    setup(&w, APP_PARIS "  writeBack: revert\n");
    put(&w, "apps/db/app.yaml", OTHER("fleet"));
    assert_values_are_not_reverted(&w, "other Apps read the same repository");
}

static void while_apps_are_not_rendered_here_the_files_of_the_app_are_still_its_own(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    put(&w, "apps/db/app.yaml", OTHER("other"));
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got =
        revert(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL, &err);

    assert_int_equal(err.code, CM_OK);
    assert_string_equal(got.path, "apps/shop/web.yaml");
}

static void what_is_wrong_elsewhere_is_not_known_and_so_nothing_is_reverted(void **state) {
    struct world w;

    (void)state;
    setup(&w, APP_ALL);
    put(&w, "clusters/oslo.yaml", "kind: [");
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL,
                        "'clusters/oslo.yaml' is wrong in Git");
}

static void settings_and_decisions_are_not_taken_back_along(void **state) {
    static const char image[] = "  images: [{name: side, newTag: '2'}]\n";
    struct change change = {"apps/shop/app.yaml", NULL, NULL};
    struct world w;

    (void)state;
    CM_AUTOFREE char *old = cm_strf("%s", APP_ALL "  images: [{name: side, newTag: '1'}]\n");
    CM_AUTOFREE char *now = cm_strf("%s%s  onTargetLoss: prune\n  suspend: true\n", APP_ALL, image);
    change.bad = now;
    change.good = old;
    setup(&w, now);
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:2", "side:1"), &change,
                        "it would change settings of App 'shop', too");
}

static void what_somebody_wrote_in_a_hold_is_his(void **state) {
    static const char two[] = HOLD("paris, tokyo", SIDE, "side:1", "side:2");
    static const char none[] = HOLD("paris, tokyo", SIDE, "side:1", "side:0");
    struct change change = {"holds/shop/1.yaml", two, none};
    struct world w;

    (void)state;
    setup(&w, APP_ALL);
    put(&w, "holds/shop/1.yaml", two);
    CM_AUTOFREE char *hold = with(HOLD("paris, tokyo", SIDE, "side:2", "side:0"), "shop-2-1", "b");
    assert_not_reverted(&w, hold, &change, "of the App");
}

#define KEEP(name)                                                                                 \
    HOLD("paris, tokyo", SIDE, "side:1", "side:0")                                                 \
    "  keep: [" name "]\n"

static void what_the_good_release_had_and_git_has_no_more_needs_a_hold(void **state) {
    struct world w;
    struct cm_err err;

    (void)state;
    setup(&w, APP_ALL);
    assert_not_reverted(&w, KEEP("Secret/shop/web-1a2b"), NULL, "which Git has no more");
    CM_CLEANUP(hub_captured_done)
    struct hub_captured got = revert(&w, KEEP("ConfigMap/shop/web"), NULL, &err);
    assert_string_equal(err.msg, "");
    assert_string_equal(got.path, "apps/shop/web.yaml");
}

static void a_hold_that_lets_nothing_run_instead_is_still_one(void **state) {
    struct world w;

    (void)state;
    setup(&w, APP_ALL);
    put(&w, "bans/side.yaml",
        "apiVersion: holdfast/v1alpha1\nkind: Ban\nmetadata: {name: side}\n"
        "spec: {images: [{name: side, tag: '0'}], reason: it leaks}\n");
    assert_not_reverted(&w, HOLD("paris, tokyo", SIDE, "side:1", "side:0"), NULL,
                        "no release is left that may run instead on cluster 'paris'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_is_edited_where_only_its_cluster_has_it),
        cmocka_unit_test(what_was_added_is_put_behind_its_siblings),
        cmocka_unit_test(what_was_added_on_one_cluster_of_many_is_an_overlay),
        cmocka_unit_test(what_was_added_where_an_anchor_stands_is_an_overlay),
        cmocka_unit_test(what_git_says_by_now_is_not_added_once_more),
        cmocka_unit_test(a_shared_document_gets_an_overlay_for_the_one_cluster),
        cmocka_unit_test(what_an_overlay_said_to_go_and_is_there_again_is_there),
        cmocka_unit_test(a_change_meant_for_all_clusters_edits_the_document),
        cmocka_unit_test(what_has_an_alias_elsewhere_is_not_edited),
        cmocka_unit_test(what_looks_like_a_variable_stays_text),
        cmocka_unit_test(what_git_says_already_needs_nothing),
        cmocka_unit_test(what_was_added_and_is_not_known_is_left_out_beside_something_else),
        cmocka_unit_test(who_alone_changed_an_object_is_its_author_unless_somebody_asks_for_it),
        cmocka_unit_test(what_was_committed_since_is_not_undone),
        cmocka_unit_test(an_exemption_keeps_it_from_being_written_until_it_ends),
        cmocka_unit_test(the_first_rule_about_a_field_says_whether_it_is_written),
        cmocka_unit_test(what_cannot_be_is_refused_and_says_what_to_edit),
        cmocka_unit_test(values_of_secrets_are_written_nowhere),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_value_that_was_rejected_everywhere_is_what_it_was_again),
        cmocka_unit_test(what_another_cluster_shares_is_not_reverted),
        cmocka_unit_test(a_commit_is_taken_back_where_the_value_comes_from_the_app),
        cmocka_unit_test(of_a_commit_that_did_more_only_the_value_is_taken_back),
        cmocka_unit_test(another_release_needs_no_revert),
        cmocka_unit_test(with_a_hold_that_is_there_all_clusters_count),
        cmocka_unit_test(what_is_wrong_in_git_is_not_reverted),
        cmocka_unit_test(an_edit_that_does_not_reach_what_the_hold_makes_says_so),
        cmocka_unit_test(what_is_stopped_says_nothing_of_a_document),
        cmocka_unit_test(a_capture_that_is_stopped_ends),
        cmocka_unit_test(an_app_that_does_not_want_it_any_more_is_held),
        cmocka_unit_test(what_apps_share_that_are_not_rendered_here_is_not_reverted),
        cmocka_unit_test(while_apps_are_not_rendered_here_the_files_of_the_app_are_still_its_own),
        cmocka_unit_test(what_is_wrong_elsewhere_is_not_known_and_so_nothing_is_reverted),
        cmocka_unit_test(settings_and_decisions_are_not_taken_back_along),
        cmocka_unit_test(what_somebody_wrote_in_a_hold_is_his),
        cmocka_unit_test(what_the_good_release_had_and_git_has_no_more_needs_a_hold),
        cmocka_unit_test(a_hold_that_lets_nothing_run_instead_is_still_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
