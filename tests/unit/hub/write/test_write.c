#include "hub/write/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

// A tip as pairs of path and text, ended by NULL.
struct tip {
    const char *const *files;
    size_t reads;
};

static enum cm_rc read_file(void *ctx, const char *path, struct cm_buf **out, struct cm_err *err) {
    struct tip *tip = ctx;

    tip->reads++;
    for (size_t i = 0; tip->files[i] != NULL; i += 2) {
        if (strcmp(tip->files[i], path) == 0) {
            *out = cm_buf_copy(tip->files[i + 1], strlen(tip->files[i + 1]));
            return CM_OK;
        }
    }
    return cm_fail(err, CM_ENOTFOUND, "no file '%s'", path);
}

static enum cm_rc each_file(void *ctx, const char *folder, bool (*visit)(void *, const char *),
                            void *visitor, struct cm_err *err) {
    const struct tip *tip = ctx;
    size_t len = strlen(folder);

    (void)err;
    for (size_t i = 0; tip->files[i] != NULL; i += 2) {
        if (strncmp(tip->files[i], folder, len) == 0 && !visit(visitor, tip->files[i])) {
            break;
        }
    }
    return CM_OK;
}

static const char clusters[] =
    "kind: Cluster\nmetadata: {name: paris}\n---\nkind: Cluster\nmetadata: {name: oslo}\n"
    "spec:\n  suspend: true # for now\n  values: {a: 1}\n";

static const char exemption[] =
    "kind: Exemption\nspec: {app: shop, clusters: [paris], object: Service/shop/web, until: "
    "'2026-10-01T06:00:00+02:00', workingHours: Mon-Fri 08:00-17:00, reason: INC-1}\n";

static const char freeze[] =
    "kind: Freeze\nspec: {app: shop, reason: INC-1, until: '2026-10-01T08:00:00Z'}\n";

static const char *const fleet[] = {
    "fleet/clusters/eu.yaml",
    clusters,
    "fleet/shop/app.yaml",
    "# mine\nkind: App\nmetadata: {name: shop}\nspec:\n  namespace: shop\n",
    "fleet/broken/app.yaml",
    "kind: [",
    "fleet/holds/shop/a.yaml",
    "kind: Hold\nspec:\n  app: shop\n",
    "fleet/bans/all.yaml",
    "kind: Ban\nmetadata: {name: a}\n---\nkind: Ban\nmetadata: {name: b}\n",
    "fleet/exemptions/inc-1.yaml",
    exemption,
    "fleet/freezes/inc-1.yaml",
    freeze,
    "shop/app.yaml", // of another fleet
    "kind: App\nmetadata: {name: shop}\nspec: {}\n",
    NULL,
};

static struct hub_intent intent_of(const char *kind, const char *app, const char *cluster,
                                   const char *args) {
    return (struct hub_intent){.id = "id-1",
                               .kind = kind,
                               .app = app,
                               .cluster = cluster,
                               .cause = "",
                               .args = args,
                               .actor = "ada"};
}

static enum cm_rc evaluate(const struct hub_intent *intent, struct hub_write_edit *out,
                           struct cm_err *err) {
    struct tip tip = {.files = fleet};
    const struct hub_write_files files = {
        .read = read_file, .each = each_file, .ctx = &tip, .root = "fleet"};

    return hub_write_evaluate(intent, &files, out, err);
}

static void assert_writes(struct hub_intent intent, const char *path, const char *text) {
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit edit = {0};
    struct cm_err err = {0};

    if (evaluate(&intent, &edit, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(edit.path, path);
    if (text == NULL) {
        assert_null(edit.text);
    } else {
        assert_string_equal(edit.text, text);
    }
}

static void assert_is_so(struct hub_intent intent) {
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit edit = {0};
    struct cm_err err = {0};

    assert_int_equal(evaluate(&intent, &edit, &err), CM_OK);
    assert_null(edit.path);
}

static void assert_cannot_be(struct hub_intent intent, enum cm_rc rc, const char *words) {
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit edit = {0};
    struct cm_err err = {0};

    assert_int_equal(evaluate(&intent, &edit, &err), rc);
    assert_non_null(strstr(err.msg, words));
    assert_null(edit.path);
}

static void an_app_is_suspended_where_its_document_is(void **state) {
    (void)state;
    static const char suspended[] =
        "# mine\nkind: App\nmetadata: {name: shop}\nspec:\n  namespace: shop\n  suspend: true\n";

    assert_writes(intent_of("suspend", "shop", "", "{}"), "fleet/shop/app.yaml", suspended);
    assert_writes(intent_of("suspend", "shop", "", "{\"file\":\"fleet/shop/app.yaml\"}"),
                  "fleet/shop/app.yaml", suspended);
    // it was there once
    assert_writes(intent_of("suspend", "shop", "", "{\"file\":\"fleet/old/app.yaml\"}"),
                  "fleet/shop/app.yaml", suspended);
    assert_writes(intent_of("suspend", "shop", "", "{\"file\":\"shop/app.yaml\"}"),
                  "fleet/shop/app.yaml", suspended);
}

static void opposites_are_about_the_same_target(void **state) {
    (void)state;
    struct hub_intent suspend = intent_of("suspend", "shop", "", "{\"file\":\"a\"}");
    struct hub_intent resume = intent_of("resume", "shop", "", "{}");
    struct hub_intent other = intent_of("resume", "", "paris", "{}");
    struct hub_intent hold = intent_of("hold", "shop", "", "{\"path\":\"holds/a\"}");
    struct hub_intent unhold = intent_of("unhold", "shop", "", "{\"path\":\"holds/a\"}");
    struct hub_intent elsewhere = intent_of("hold", "shop", "", "{\"path\":\"holds/b\"}");

    assert_true(hub_write_is_same_target(&suspend, &resume));
    assert_true(hub_write_is_same_target(&hold, &unhold));
    assert_false(hub_write_is_same_target(&suspend, &other));
    assert_false(hub_write_is_same_target(&suspend, &hold));
    assert_false(hub_write_is_same_target(&hold, &elsewhere));
    struct hub_intent rule = intent_of("ignore", "shop", "", "{}");
    assert_false(hub_write_is_same_target(&rule, &rule)); // there may be many
}

static void a_cluster_goes_on_in_a_file_with_others(void **state) {
    (void)state;
    assert_writes(intent_of("resume", "", "oslo", "{}"), "fleet/clusters/eu.yaml",
                  "kind: Cluster\nmetadata: {name: paris}\n---\nkind: Cluster\nmetadata: {name: "
                  "oslo}\nspec:\n  values: {a: 1}\n");
}

static void what_is_so_changes_nothing(void **state) {
    (void)state;
    assert_is_so(intent_of("suspend", "", "oslo", "{}"));
    assert_is_so(intent_of("resume", "shop", "", "{}"));
    assert_is_so(intent_of("unhold", "shop", "", "{\"path\":\"fleet/holds/shop/b.yaml\"}"));
    assert_is_so(
        intent_of("hold", "shop", "",
                  "{\"path\":\"fleet/holds/shop/a.yaml\",\"text\":\"kind: Hold\\nspec:\\n  app: "
                  "shop\\n\"}"));
    assert_is_so(intent_of("unban", "", "", "{\"path\":\"fleet/bans/none.yaml\"}"));
}

#define HOLD(clusters, image, use)                                                                 \
    "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata:\n  name: shop-2-x\nspec:\n  app: shop\n" \
    "  clusters:\n" clusters "  rejects:\n    identity:\n    - object: apps/Deployment/s/shop\n"   \
    "      at: /spec/a\n      value: " image "\n  delta:\n  - object: apps/Deployment/s/shop\n"    \
    "    at: /spec/a\n    bad: " image "\n    use: " use "\n"

// joined returns what becomes of a Hold that is there; NULL: it stays.
static char *joined(const char *there, const char *ours, struct cm_err *err) {
    const char *const files_there[] = {"fleet/holds/shop/2.yaml", there, NULL};
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit edit = {0};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str args = {0};
    struct tip tip = {.files = files_there};
    const struct hub_write_files files = {
        .read = read_file, .each = each_file, .ctx = &tip, .root = "fleet"};
    struct cm_json *object = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, object, "path", "fleet/holds/shop/2.yaml");
    cm_json_set_string(a, object, "text", ours);
    cm_json_write_compact(object, &args);
    const struct hub_intent intent = intent_of("hold", "shop", "", cm_str_get(&args));
    err->code = CM_OK;
    if (hub_write_evaluate(&intent, &files, &edit, err) < 0 || edit.text == NULL) {
        return NULL;
    }
    return cm_strdup(edit.text);
}

static void a_hold_that_is_there_gets_the_clusters_and_keeps_what_people_changed(void **state) {
    struct cm_err err;

    (void)state;
    CM_AUTOFREE char *both =
        joined(HOLD("  - eu\n", "web:2", "web:0"), HOLD("  - us\n", "web:2", "web:1"), &err);
    assert_int_equal(err.code, CM_OK);
    assert_non_null(strstr(both, "  - eu\n  - us\n"));
    assert_non_null(strstr(both, "use: web:0"));
    assert_null(joined(HOLD("  - eu\n  - us\n", "web:2", "web:0"),
                       HOLD("  - us\n", "web:2", "web:1"), &err));
    assert_int_equal(err.code, CM_OK);
}

static void a_hold_about_another_release_is_not_written_over(void **state) {
    struct cm_err err;

    (void)state;
    assert_null(
        joined(HOLD("  - eu\n", "web:9", "web:0"), HOLD("  - us\n", "web:2", "web:1"), &err));
    assert_int_equal(err.code, CM_EINVAL);
    assert_non_null(strstr(err.msg, "another release"));
    assert_null(joined("kind: [", HOLD("  - us\n", "web:2", "web:1"), &err));
    assert_int_equal(err.code, CM_EINVAL);
    assert_non_null(strstr(err.msg, "2.yaml"));
}

static void files_are_put_taken_out_and_added_to(void **state) {
    (void)state;
    assert_writes(
        intent_of("ban", "shop", "", "{\"path\":\"fleet/bans/b.yaml\",\"text\":\"kind: Ban\\n\"}"),
        "fleet/bans/b.yaml", "kind: Ban\n");
    assert_writes(intent_of("unhold", "shop", "", "{\"path\":\"fleet/holds/shop/a.yaml\"}"),
                  "fleet/holds/shop/a.yaml", NULL);
    assert_writes(intent_of("retry", "shop", "", "{\"path\":\"fleet/holds/shop/a.yaml\"}"),
                  "fleet/holds/shop/a.yaml", "kind: Hold\nspec:\n  app: shop\n  retry: true\n");
}

// 2026-10-01T08:00:00Z, when they begin; meanwhile somebody may have put off the end.
static void what_has_ended_is_taken_out_unless_it_goes_on(void **state) {
    (void)state;
    assert_writes(intent_of("unexempt", "shop", "",
                            "{\"path\":\"fleet/exemptions/inc-1.yaml\",\"until\":1790841600000}"),
                  "fleet/exemptions/inc-1.yaml", NULL);
    assert_is_so(intent_of("unexempt", "shop", "",
                           "{\"path\":\"fleet/exemptions/inc-1.yaml\",\"until\":1790841599000}"));
    assert_writes(intent_of("unexempt", "shop", "", "{\"path\":\"fleet/exemptions/inc-1.yaml\"}"),
                  "fleet/exemptions/inc-1.yaml", NULL);
    assert_writes(intent_of("unfreeze", "shop", "",
                            "{\"path\":\"fleet/freezes/inc-1.yaml\",\"until\":1790841600000}"),
                  "fleet/freezes/inc-1.yaml", NULL);
    assert_is_so(intent_of("unfreeze", "shop", "",
                           "{\"path\":\"fleet/freezes/inc-1.yaml\",\"until\":1790841599000}"));
    assert_writes(intent_of("unfreeze", "shop", "", "{\"path\":\"fleet/freezes/inc-1.yaml\"}"),
                  "fleet/freezes/inc-1.yaml", NULL);
}

static void a_rule_comes_last_in_the_document_of_its_app(void **state) {
    (void)state;
    static const char rule[] = "{\"rule\":{\"kind\":\"Job\",\"jsonPointers\":[\"/spec/a\"]}}";

    assert_writes(intent_of("ignore", "shop", "", rule), "fleet/shop/app.yaml",
                  "# mine\nkind: App\nmetadata: {name: shop}\nspec:\n  namespace: shop\n"
                  "  ignoreDifferences:\n  - kind: Job\n    jsonPointers:\n    - /spec/a\n");
    assert_cannot_be(intent_of("ignore", "", "oslo", rule), CM_EINVAL, "about an App");
    assert_cannot_be(intent_of("ignore", "shop", "", "{}"), CM_EINVAL, "needs a rule");
}

// retried returns what becomes of a Hold when some of its clusters are to try again.
static char *retried(const char *there, const char *names, struct cm_err *err) {
    const char *const files_there[] = {"fleet/holds/shop/2.yaml", there, NULL};
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit edit = {0};
    struct tip tip = {.files = files_there};
    const struct hub_write_files files = {
        .read = read_file, .each = each_file, .ctx = &tip, .root = "fleet"};
    CM_AUTOFREE char *args =
        cm_strf("{\"path\":\"fleet/holds/shop/2.yaml\",\"clusters\":%s}", names);
    const struct hub_intent intent = intent_of("retry", "shop", "", args);

    err->code = CM_OK;
    if (hub_write_evaluate(&intent, &files, &edit, err) < 0 || edit.text == NULL) {
        return NULL;
    }
    return cm_strdup(edit.text);
}

static void some_clusters_try_again_by_leaving_the_list(void **state) {
    const char *there = HOLD("  - eu\n  - us\n", "web:2", "web:1");
    struct cm_err err;

    (void)state;
    CM_AUTOFREE char *one = retried(there, "[\"us\"]", &err);
    CM_AUTOFREE char *all = retried(there, "[\"us\",\"eu\"]", &err);
    assert_string_equal(one, HOLD("  - eu\n", "web:2", "web:1"));
    assert_non_null(strstr(all, "  - eu\n  - us\n"));
    assert_non_null(strstr(all, "  retry: true\n"));
    assert_null(retried(there, "[\"asia\"]", &err));
    assert_int_equal(err.code, CM_OK);
    assert_null(retried("kind: Hold\n", "[\"us\"]", &err));
    assert_int_equal(err.code, CM_EINVAL);
}

static void what_cannot_be_says_why(void **state) {
    (void)state;
    assert_cannot_be(intent_of("suspend", "none", "", "{}"), CM_ENOTFOUND, "no App 'none'");
    assert_cannot_be(intent_of("retry", "shop", "", "{\"path\":\"fleet/holds/none.yaml\"}"),
                     CM_ENOTFOUND, "not there any more");
    assert_cannot_be(intent_of("suspend", "shop", "oslo", "{}"), CM_EINVAL, "one App or one");
    assert_cannot_be(intent_of("dance", "shop", "", "{}"), CM_EINVAL, "nothing that can be");
    assert_cannot_be(intent_of("suspend", "shop", "", "[]"), CM_EINVAL, "no object");
    assert_cannot_be(intent_of("ban", "shop", "", "{\"path\":\"fleet/bans/b.yaml\"}"), CM_EINVAL,
                     "needs the text");
    assert_cannot_be(intent_of("unban", "", "", "{\"path\":\"fleet/bans/all.yaml\"}"), CM_EINVAL,
                     "other documents are in the same file");
}

static void no_kind_reaches_beyond_its_folder(void **state) {
    (void)state;
    static const char *const paths[] = {"fleet/shop/app.yaml",          "holds/a.yaml",
                                        "fleet/holds/../shop/app.yaml", "fleet/holds",
                                        "fleet/holdsx/a.yaml",          "/fleet/holds/a.yaml"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char args[200];

        (void)snprintf(args, sizeof(args), "{\"path\":\"%s\",\"text\":\"x\"}", paths[i]);
        assert_cannot_be(intent_of("hold", "shop", "", args), CM_EINVAL, "goes into no file");
        assert_cannot_be(intent_of("unhold", "shop", "", args), CM_EINVAL, "goes into no file");
        assert_cannot_be(intent_of("retry", "shop", "", args), CM_EINVAL, "goes into no file");
    }
}

static void a_message_says_what_and_who_in_trailers(void **state) {
    (void)state;
    const struct hub_intent one = intent_of("suspend", "shop", "", "{\"reason\":\"INC-1\"}");
    const struct hub_intent *const list[] = {&one};
    CM_AUTOFREE char *message = hub_write_message(list, 1, "hub-1/epoch-2");

    assert_string_equal(
        message,
        "suspend(shop): change nothing until it is resumed\n\nINC-1\n\n"
        "Holdfast-Action: suspend\nHoldfast-App: shop\nHoldfast-Actor: "
        "ada\nHoldfast-Reason: INC-1\nHoldfast-Writer: hub-1/epoch-2\nHoldfast-Event: id-1\n");
}

static void intents_with_one_cause_are_one_commit(void **state) {
    (void)state;
    struct hub_intent one =
        intent_of("hold", "shop", "paris", "{\"trailers\":{\"Restored\":\"0\"}}");
    struct hub_intent other =
        intent_of("hold", "shop", "oslo", "{\"trailers\":{\"Restored\":\"1\"}}");
    const struct hub_intent *const list[] = {&one, &other};

    assert_false(hub_write_is_one(&one, &other));
    one.cause = other.cause = "v2";
    other.id = "id-2";
    assert_true(hub_write_is_one(&one, &other));
    CM_AUTOFREE char *message = hub_write_message(list, 2, "w");
    assert_non_null(strstr(message, "Holdfast-Clusters: paris oslo\nHoldfast-Clusters-Count: 2\n"
                                    "Holdfast-Cause: v2\n"));
    assert_non_null(strstr(message, "Holdfast-Restored: 1\nHoldfast-Writer: w\n"
                                    "Holdfast-Event: id-1\nHoldfast-Event: id-2\n"));
}

static void no_text_can_forge_a_trailer(void **state) {
    (void)state;
    const struct hub_intent one =
        intent_of("suspend", "shop", "",
                  "{\"reason\":\"a\\n\\nHoldfast-Writer: evil\\nb\",\"subject\":\"s\\nt\"}");
    const struct hub_intent *const list[] = {&one};
    CM_AUTOFREE char *message = hub_write_message(list, 1, "w");
    const char *at = message;
    CM_AUTOFREE char *writer = hub_write_find_trailer(&at, "Holdfast-Writer");

    assert_string_equal(writer, "w");
    assert_null(hub_write_find_trailer(&at, "Holdfast-Writer"));
    assert_int_equal(strncmp(message, "suspend(shop): s t\n", 19), 0);
}

#define TEN_E "éééééééééé" // 20 bytes

static void who_decided_is_the_author(void **state) {
    (void)state;
    static const struct {
        const char *actor, *args, *name, *email;
    } cases[] = {
        {"ada", "{}", "ada", "ada@fleet.invalid"},
        {"", "{}", "unknown (attribution unresolved)", "unknown@fleet.invalid"},
        {"a <b>", "{}", "a b", "a--b-@fleet.invalid"},
        {"...", "{}", "unknown (attribution unresolved)", "...@fleet.invalid"},
        {"a" TEN_E TEN_E TEN_E TEN_E TEN_E TEN_E, "{\"email\":\"e@x\"}",
         "a" TEN_E TEN_E TEN_E TEN_E "ééééééééé", "e@x"},
        {"flagger", "{\"author\":\"Flagger (37 clusters)\"}", "Flagger (37 clusters)",
         "flagger@fleet.invalid"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_intent one = intent_of("hold", "shop", "", cases[i].args);
        char *name = NULL;
        char *email = NULL;

        one.actor = cases[i].actor;
        hub_write_author(&one, &name, &email);
        assert_string_equal(name, cases[i].name);
        assert_string_equal(email, cases[i].email);
        free(name);
        free(email);
    }
}

static void a_difference_is_shown_as_git_does(void **state) {
    (void)state;
    char path[] = "a";
    char before[] = "1\n2\n3\n4\n5\n6\n7\n8";
    char after[] = "1\n2\n3\n4\nx\n5\n6\n7\n8";
    CM_AUTOFREE char *changed =
        hub_write_diff(&(struct hub_write_edit){.path = path, .before = before, .text = after});
    CM_AUTOFREE char *made = hub_write_diff(&(struct hub_write_edit){.path = path, .text = before});

    assert_string_equal(changed, "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -2,6 +2,7 @@\n 2\n 3\n "
                                 "4\n+x\n 5\n 6\n 7\n");
    assert_int_equal(strncmp(made,
                             "diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n+++ b/a\n@@ "
                             "-0,0 +1,8 @@\n+1\n",
                             80),
                     0);
    assert_non_null(strstr(made, "+8\n\\ No newline at end of file\n"));
}

static void a_retry_needs_its_hold_and_takes_nothing_back(void **state) {
    static const char args[] = "{\"path\":\"holds/web/a.yaml\"}";
    struct hub_intent hold = intent_of("hold", "web", "", args);
    struct hub_intent unhold = intent_of("unhold", "web", "", args);
    struct hub_intent retry = intent_of("retry", "web", "", args);

    (void)state;
    assert_true(hub_write_is_undone(&hold, &unhold));
    assert_true(hub_write_is_undone(&unhold, &hold));
    assert_true(hub_write_is_undone(&retry, &unhold));
    assert_false(hub_write_is_undone(&hold, &retry));
    assert_false(hub_write_is_undone(&hold, &hold));
}

// Both take over all of the object that differs.
static void a_later_capture_of_an_object_has_the_last_word(void **state) {
    struct hub_intent first = intent_of("capture", "web", "paris", "{\"object\":\"Service/s/a\"}");
    struct hub_intent later = intent_of("capture", "web", "paris", "{\"object\":\"Service/s/a\"}");
    struct hub_intent other = intent_of("capture", "web", "paris", "{\"object\":\"Service/s/b\"}");

    (void)state;
    assert_true(hub_write_is_undone(&first, &later));
    assert_false(hub_write_is_undone(&first, &other));
}

// What a document that says the same is found to be: fail is why there is none.
struct reverting {
    struct tip tip;
    const char *fail;
    enum cm_rc code; // of that; CM_OK: CM_EINVAL
    bool is_void;
};

static enum cm_rc revert_hold(void *ctx, const struct hub_write_edit *hold,
                              struct hub_write_edit *out, struct cm_err *err) {
    const struct reverting *r = ctx;

    assert_string_equal(hold->path, "fleet/holds/shop/2.yaml");
    assert_string_equal(hold->text, "kind: Hold\n");
    if (r->fail != NULL) {
        return cm_fail(err, r->code != CM_OK ? r->code : CM_EINVAL, "%s", r->fail);
    }
    if (!r->is_void) {
        *out = (struct hub_write_edit){.path = cm_strdup("fleet/shop/web.yaml"),
                                       .before = cm_strdup("v2"),
                                       .text = cm_strdup("v1")};
    }
    return CM_OK;
}

#define REVERT_ARGS(revert)                                                                        \
    "{\"path\":\"fleet/holds/shop/2.yaml\",\"text\":\"kind: Hold\\n\",\"revert\":" revert "}"

static struct hub_write_edit reverted(struct reverting *r, const char *args) {
    const struct hub_write_files files = {
        .read = read_file, .each = each_file, .revert = revert_hold, .ctx = r, .root = "fleet"};
    const struct hub_intent intent = intent_of("hold", "shop", "", args);
    struct hub_write_edit edit = {0};
    struct cm_err err;

    if (hub_write_evaluate(&intent, &files, &edit, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    return edit;
}

static void a_document_says_it_instead_of_a_hold_only_where_it_can(void **state) {
    struct reverting r = {.tip = {.files = fleet}};

    (void)state;
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit made = reverted(&r, REVERT_ARGS("true"));
    assert_true(made.reverts);
    assert_string_equal(made.path, "fleet/shop/web.yaml");
    r.is_void = true;
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit so = reverted(&r, REVERT_ARGS("true"));
    assert_null(so.path);
    r.fail = "others share it";
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit hold = reverted(&r, REVERT_ARGS("true"));
    assert_false(hold.reverts);
    assert_string_equal(hold.path, "fleet/holds/shop/2.yaml");
    assert_string_equal(hold.why, "others share it");
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit own = reverted(&r, REVERT_ARGS("false"));
    assert_string_equal(own.path, "fleet/holds/shop/2.yaml");
    assert_null(own.why);
}

static void a_hold_does_not_wait_until_it_is_known_whether_a_document_can(void **state) {
    struct reverting r = {
        .tip = {.files = fleet}, .fail = "'other' was not fetched yet", .code = CM_EBUSY};

    (void)state;
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit busy = reverted(&r, REVERT_ARGS("true"));
    assert_string_equal(busy.path, "fleet/holds/shop/2.yaml");
    assert_string_equal(busy.why, "'other' was not fetched yet");
}

static void where_no_document_is_looked_for_it_is_a_hold(void **state) {
    struct reverting r = {.tip = {.files = fleet}};
    struct hub_write_files files = {
        .read = read_file, .each = each_file, .ctx = &r, .root = "fleet", .why = "no time"};
    const struct hub_intent intent = intent_of("hold", "shop", "", REVERT_ARGS("true"));
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit edit = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_write_evaluate(&intent, &files, &edit, &err), CM_OK);
    assert_false(edit.reverts);
    assert_string_equal(edit.path, "fleet/holds/shop/2.yaml");
    assert_string_equal(edit.why, "no time");
}

static void a_message_says_whether_it_was_reverted(void **state) {
    (void)state;
    struct hub_intent one = intent_of("hold", "shop", "", REVERT_ARGS("true"));
    const struct hub_intent *const list[] = {&one};
    one.as = "revert";
    CM_AUTOFREE char *reverted = hub_write_message(list, 1, "hub-1/epoch-2");
    one.as = NULL;
    one.why = "others share it";
    CM_AUTOFREE char *held = hub_write_message(list, 1, "hub-1/epoch-2");

    assert_non_null(strstr(reverted, "revert(shop): "));
    assert_non_null(strstr(reverted, "\nHoldfast-Action: revert\n"));
    assert_null(strstr(reverted, "Not-Reverted"));
    assert_non_null(strstr(held, "\nHoldfast-Action: hold\n"));
    assert_non_null(strstr(held, "\nHoldfast-Not-Reverted: others share it\n"));
}

// The later one is of all clusters; of what people ask for that is not so.
static void of_two_that_may_be_reverted_the_later_one_says_it_all(void **state) {
    struct hub_intent first = intent_of("hold", "shop", "", REVERT_ARGS("true"));
    struct hub_intent later = intent_of("hold", "shop", "", REVERT_ARGS("true"));

    (void)state;
    assert_true(hub_write_is_outdone(&first, &later));
    assert_true(hub_write_is_undone(&first, &later));
    later.args = REVERT_ARGS("false");
    assert_false(hub_write_is_outdone(&first, &later));
    assert_false(hub_write_is_undone(&first, &later));
}

static void what_undoes_something_is_in_its_pull_request(void **state) {
    static const struct {
        const char *kind;
        const char *app;
        const char *cluster;
        const char *args;
        const char *branch;
    } cases[] = {
        {"hold", "web", "", "{\"path\":\"holds/web/1.5.0-9f3c.yaml\"}",
         "holdfast/rollback/web/1.5.0-9f3c"},
        {"unhold", "web", "", "{\"path\":\"eu/holds/web/1.5.0-9f3c.yaml\"}",
         "holdfast/rollback/web/1.5.0-9f3c"},
        {"suspend", "web", "", "{}", "holdfast/suspend/web"},
        {"resume", "web", "", "{}", "holdfast/suspend/web"},
        {"resume", "", "eu-1", "{}", "holdfast/suspend/cluster-eu-1"},
        {"unban", "", "", "{\"path\":\"bans/cve.yaml\"}", "holdfast/ban/cve"},
        {"ban", "", "", "{\"path\":\"bans/..a b~^:?*[.lock.yaml\"}",
         "holdfast/ban/-.a-b-------lock"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct hub_intent intent = {.id = "x",
                                          .kind = cases[i].kind,
                                          .app = cases[i].app,
                                          .cluster = cases[i].cluster,
                                          .cause = "",
                                          .args = cases[i].args,
                                          .actor = ""};
        CM_AUTOFREE char *branch = hub_write_branch(&intent);

        assert_string_equal(branch, cases[i].branch);
    }
}

static void a_capture_may_ask_for_a_pull_request(void **state) {
    struct hub_intent intent = {
        .id = "x", .kind = "capture", .app = "web", .cluster = "c", .args = "{\"pull\":true}"};
    CM_AUTOFREE char *branch = hub_write_branch(&intent);

    (void)state;
    assert_true(hub_write_asks_pull(&intent));
    assert_string_equal(branch, HUB_WRITE_CAPTURE_BRANCH "web");
    intent.args = "{}";
    assert_false(hub_write_asks_pull(&intent));
    intent.kind = "hold"; // what the hub decides is pushed where that may be
    intent.args = "{\"pull\":true}";
    assert_false(hub_write_asks_pull(&intent));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_may_ask_for_a_pull_request),
        cmocka_unit_test(an_app_is_suspended_where_its_document_is),
        cmocka_unit_test(a_cluster_goes_on_in_a_file_with_others),
        cmocka_unit_test(opposites_are_about_the_same_target),
        cmocka_unit_test(a_retry_needs_its_hold_and_takes_nothing_back),
        cmocka_unit_test(a_later_capture_of_an_object_has_the_last_word),
        cmocka_unit_test(a_document_says_it_instead_of_a_hold_only_where_it_can),
        cmocka_unit_test(a_hold_does_not_wait_until_it_is_known_whether_a_document_can),
        cmocka_unit_test(where_no_document_is_looked_for_it_is_a_hold),
        cmocka_unit_test(a_message_says_whether_it_was_reverted),
        cmocka_unit_test(of_two_that_may_be_reverted_the_later_one_says_it_all),
        cmocka_unit_test(what_undoes_something_is_in_its_pull_request),
        cmocka_unit_test(what_is_so_changes_nothing),
        cmocka_unit_test(a_hold_that_is_there_gets_the_clusters_and_keeps_what_people_changed),
        cmocka_unit_test(a_hold_about_another_release_is_not_written_over),
        cmocka_unit_test(files_are_put_taken_out_and_added_to),
        cmocka_unit_test(what_has_ended_is_taken_out_unless_it_goes_on),
        cmocka_unit_test(a_rule_comes_last_in_the_document_of_its_app),
        cmocka_unit_test(some_clusters_try_again_by_leaving_the_list),
        cmocka_unit_test(what_cannot_be_says_why),
        cmocka_unit_test(no_kind_reaches_beyond_its_folder),
        cmocka_unit_test(a_message_says_what_and_who_in_trailers),
        cmocka_unit_test(intents_with_one_cause_are_one_commit),
        cmocka_unit_test(no_text_can_forge_a_trailer),
        cmocka_unit_test(who_decided_is_the_author),
        cmocka_unit_test(a_difference_is_shown_as_git_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
