#include "hub/fleet/doc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/rules.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/render/diag.h"
#include "hub/render/tolerate.h"
#include "hub/render/values.h"

static const struct cm_json_limits limits = {
    .max_bytes = HUB_DOCUMENT_MAX, .max_depth = 64, .max_nodes = 200000};

// What one reading of a file knows.
struct reading {
    enum hub_kind kind;
    const char *path;
    const char *text;
    size_t size;
    struct hub_diags *diags;
};

// ---- What tells which table counts

static bool check_header(const struct reading *r, const struct cm_json *document) {
    const struct hub_kind_table *table = &hub_kind_tables[r->kind];
    const struct cm_json *version = cm_json_get(document, "apiVersion");
    const struct cm_json *kind = cm_json_get(document, "kind");
    const char *version_text = cm_json_string(version);
    const char *kind_text = cm_json_string(kind);

    if (document->type != CM_OBJECT) {
        hub_diags_add(r->diags, r->path, document->line, document->column,
                      "a document must be an object with apiVersion, kind and metadata, not %s",
                      cm_json_type_name(document->type));
        return false;
    }
    if (version_text != NULL && strcmp(version_text, HUB_API_VERSION) != 0) {
        hub_diags_add(r->diags, r->path, version->line, version->column,
                      "apiVersion is '%.100s': write '" HUB_API_VERSION "'", version_text);
        return false;
    }
    if (kind_text != NULL && strcmp(kind_text, table->name) != 0) {
        hub_diags_add(r->diags, r->path, kind->line, kind->column,
                      "kind is '%.100s', but only documents of kind '%s' stand in %s: correct the "
                      "kind or move the document",
                      kind_text, table->name, table->place);
        return false;
    }
    return true;
}

// ---- Trees into structs

static bool flag(const struct cm_json *object, const char *name, bool otherwise) {
    const struct cm_json *node = cm_json_get(object, name);

    return node != NULL ? node->truth : otherwise;
}

static const char *word(const struct cm_json *object, const char *name, const char *otherwise) {
    const char *text = cm_json_string(cm_json_get(object, name));

    return text != NULL ? text : otherwise;
}

static struct hub_mention mention(const struct cm_json *node) {
    if (node == NULL) {
        return (struct hub_mention){0};
    }
    return (struct hub_mention){node->text, {node->line, node->column}};
}

// mention_path returns a path with its place; "" for "." and for none.
static struct hub_mention mention_path(const struct cm_json *node) {
    struct hub_mention m = mention(node);

    if (m.name == NULL || strcmp(m.name, ".") == 0) {
        m.name = "";
    }
    return m;
}

static int compare_mentions(const void *a, const void *b) {
    return strcmp(((const struct hub_mention *)a)->name, ((const struct hub_mention *)b)->name);
}

static const struct hub_selector *read_selector(struct cm_arena *a, const struct cm_json *node) {
    if (node == NULL) {
        return NULL;
    }
    struct hub_selector *selector = cm_arena_get(a, sizeof(*selector));
    hub_selector_read(a, node, selector);
    return selector;
}

static void read_cluster(struct cm_arena *a, const struct cm_json *document,
                         struct hub_cluster_doc *out) {
    const struct cm_json *labels = cm_json_path(document, "metadata", "labels", NULL);
    const struct cm_json *spec = cm_json_get(document, "spec");

    out->labels = labels != NULL ? labels : cm_json_new(a, CM_OBJECT);
    out->values = cm_json_get(spec, "values");
    out->index = hub_values_index(out->values);
    out->suspend = flag(spec, "suspend", false);
}

// sort_mentions sorts names and drops the second of two that are equal.
static size_t sort_mentions(struct hub_mention *all, size_t count) {
    size_t kept = 0;

    qsort(all, count, sizeof(*all), compare_mentions);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(all[i].name, all[kept - 1].name) != 0) {
            all[kept++] = all[i];
        }
    }
    return kept;
}

// read_mentions reads a list of names, or of objects with a name.
static struct hub_mention *read_mentions(struct cm_arena *a, const struct cm_json *list,
                                         size_t *count) {
    struct hub_mention *all = NULL;
    size_t found = 0;

    *count = 0;
    if (list == NULL || list->count == 0) {
        return NULL;
    }
    all = cm_arena_get(a, list->count * sizeof(*all));
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        all[found++] = mention(item->type == CM_OBJECT ? cm_json_get(item, "name") : item);
    }
    *count = sort_mentions(all, found);
    return all;
}

static void read_group(struct cm_arena *a, const struct cm_json *document,
                       struct hub_group_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");

    out->selector = read_selector(a, cm_json_get(spec, "clusterSelector"));
    out->clusters = read_mentions(a, cm_json_get(spec, "clusters"), &out->cluster_count);
    out->groups = read_mentions(a, cm_json_get(spec, "groups"), &out->group_count);
}

// ---- Apps

static void read_overlays(struct cm_arena *a, const struct cm_json *list, struct hub_changes *out) {
    if (list == NULL) {
        return;
    }
    out->overlays = cm_arena_get(a, (list->count + 1) * sizeof(*out->overlays));
    out->paths = cm_arena_get(a, (list->count + 1) * sizeof(*out->paths));
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        out->paths[out->overlay_count] = mention(cm_json_get(item, "path"));
        out->overlays[out->overlay_count++] = (struct hub_overlay){
            .node = item,
            .target = cm_json_get(item, "target"),
            .merge = cm_json_get(item, "merge"),
            .json_patch = cm_json_get(item, "jsonPatch"),
            .replace = cm_json_get(item, "replace"),
            .remove = flag(item, "remove", false),
        };
    }
}

static const struct cm_json *not_empty(const struct cm_json *node) {
    return node != NULL && node->count > 0 ? node : NULL;
}

static void read_changes(struct cm_arena *a, const struct cm_json *node, struct hub_changes *out) {
    out->common = (struct hub_common){
        .labels = not_empty(cm_json_get(node, "labels")),
        .annotations = not_empty(cm_json_get(node, "annotations")),
        .images = not_empty(cm_json_get(node, "images")),
    };
    read_overlays(a, cm_json_get(node, "overlays"), out);
}

static void read_target(struct cm_arena *a, const struct cm_json *node, struct hub_target *out) {
    out->cluster = mention(cm_json_get(node, "cluster"));
    out->group = mention(cm_json_get(node, "clusterGroup"));
    out->selector = read_selector(a, cm_json_get(node, "clusterSelector"));
    out->values = cm_json_get(node, "values");
    out->index = hub_values_index(out->values);
    out->namespace = word(node, "namespace", NULL);
    out->service_account = word(node, "serviceAccountName", NULL);
    read_changes(a, node, &out->changes);
    out->suspend = flag(node, "suspend", false);
    out->do_not_deploy = flag(node, "doNotDeploy", false);
}

static void read_targets(struct cm_arena *a, const struct cm_json *list, struct hub_app_doc *out) {
    if (list == NULL) {
        return;
    }
    out->targets = cm_arena_get(a, (list->count + 1) * sizeof(*out->targets));
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        read_target(a, item, &out->targets[out->target_count++]);
    }
}

static const char *const *read_texts(struct cm_arena *a, const struct cm_json *list,
                                     size_t *count) {
    const char **texts = NULL;

    *count = 0;
    if (list == NULL) {
        return NULL;
    }
    texts = cm_arena_get(a, (list->count + 1) * sizeof(*texts));
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        texts[(*count)++] = item->text;
    }
    return texts;
}

static void read_source(struct cm_arena *a, const struct cm_json *node,
                        struct hub_source_doc *out) {
    static const char *const kinds[] = {[HUB_REF_BRANCH] = "branch",
                                        [HUB_REF_TAG] = "tag",
                                        [HUB_REF_SEMVER] = "semver",
                                        [HUB_REF_COMMIT] = "commit"};
    const struct cm_json *ref = cm_json_get(node, "ref");

    out->path = mention_path(cm_json_get(node, "path"));
    out->repository = mention(cm_json_get(node, "repository"));
    out->ref = HUB_REF_DEFAULT;
    out->ref_text = "";
    for (enum hub_ref kind = HUB_REF_BRANCH; ref != NULL && kind <= HUB_REF_COMMIT; kind++) {
        const char *text = cm_json_string(cm_json_get(ref, kinds[kind]));

        if (text != NULL) {
            out->ref = kind;
            out->ref_text = text;
        }
    }
    out->include = read_texts(a, cm_json_get(node, "include"), &out->include_count);
    out->exclude = read_texts(a, cm_json_get(node, "exclude"), &out->exclude_count);
}

static enum hub_drift drift_of(const struct cm_json *node, enum hub_drift otherwise) {
    if (node == NULL) {
        return otherwise;
    }
    if (node->type == CM_BOOL || strcmp(node->text, "off") == 0) { // unquoted `off` is false
        return HUB_DRIFT_OFF;
    }
    return strcmp(node->text, "correct") == 0 ? HUB_DRIFT_CORRECT : HUB_DRIFT_REPORT;
}

static bool is_capture(const struct cm_json *node) {
    const char *text = cm_json_string(node);

    return text != NULL && strcmp(text, "capture") == 0;
}

static const char *write_rules(struct cm_arena *a, const struct cm_json *rules) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (not_empty(rules) == NULL) {
        return "";
    }
    cm_json_write_compact(rules, &text);
    return cm_arena_strdup(a, cm_str_get(&text));
}

static struct hub_health read_health(struct cm_arena *a, const struct cm_json *node) {
    int64_t timeout_ms = 0;
    struct cm_err err;

    // The schema has refused what is no duration.
    if (cm_str_parse_duration(word(node, "timeout", "0s"), &timeout_ms, &err) < 0) {
        timeout_ms = 0;
    }
    return (struct hub_health){.timeout_s = (uint32_t)(timeout_ms / 1000),
                               .addresses = flag(node, "addresses", false),
                               .logs = flag(node, "logs", false),
                               .rules = write_rules(a, cm_json_get(node, "rules"))};
}

static enum hub_propagation propagation_of(const char *word) {
    return strcmp(word, "foreground") == 0 ? HUB_PROPAGATION_FOREGROUND
           : strcmp(word, "orphan") == 0   ? HUB_PROPAGATION_ORPHAN
                                           : HUB_PROPAGATION_BACKGROUND;
}

static struct hub_owner read_owner(const struct cm_json *node) {
    return (struct hub_owner){.group = word(node, "group", ""),
                              .kind = word(node, "kind", NULL),
                              .name = word(node, "name", NULL),
                              .namespace = word(node, "namespace", NULL)};
}

static void read_tolerances(struct cm_arena *a, const struct cm_json *list,
                            struct hub_app_doc *out) {
    struct hub_tolerance *all = NULL;

    if (list == NULL) {
        return;
    }
    all = cm_arena_get(a, (list->count + 1) * sizeof(*all));
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        struct hub_tolerance *t = &all[out->tolerance_count++];

        t->group = word(item, "group", NULL);
        t->kind = word(item, "kind", NULL);
        t->name = word(item, "name", NULL);
        t->namespace = word(item, "namespace", NULL);
        t->owner = read_owner(cm_json_get(item, "whileExists"));
        t->rule.fields = read_texts(a, cm_json_get(item, "jsonPointers"), &t->rule.field_count);
        t->rule.managers = read_texts(a, cm_json_get(item, "managers"), &t->rule.manager_count);
        t->rule.drift = drift_of(cm_json_get(item, "drift"), HUB_DRIFT_OFF);
        t->rule.capture = is_capture(cm_json_get(item, "drift"));
    }
    out->tolerances = all;
}

static const char *on_reject_of(const char *text) {
    static const char *const words[] = {"alone", "group", "report"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], text) == 0) {
            return words[i];
        }
    }
    return words[0];
}

static const char *way_of(const char *text) {
    return strcmp(text, "pull-request") == 0 ? "pull-request"
           : strcmp(text, "commit") == 0     ? "commit"
                                             : "";
}

static void read_app(struct cm_arena *a, const struct cm_json *document, struct hub_app_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");

    read_source(a, cm_json_get(spec, "source"), &out->source);
    out->namespace = word(spec, "namespace", "");
    out->service_account = word(spec, "serviceAccountName", NULL);
    out->values = cm_json_get(spec, "values");
    out->index = hub_values_index(out->values);
    out->drift = drift_of(cm_json_get(spec, "drift"), HUB_DRIFT_REPORT);
    out->capture = is_capture(cm_json_get(spec, "drift"));
    out->way = way_of(word(spec, "capture", ""));
    read_tolerances(a, cm_json_get(spec, "ignoreDifferences"), out);
    out->shown = read_texts(a, cm_json_get(spec, "showValues"), &out->shown_count);
    out->prune = flag(spec, "prune", true);
    out->suspend = flag(spec, "suspend", false);
    out->adopt = flag(spec, "adopt", false);
    out->prune_precious = flag(spec, "prunePrecious", false);
    out->recreate = flag(spec, "recreate", false);
    out->health = read_health(a, cm_json_get(spec, "health"));
    out->conflicts = strcmp(word(spec, "conflicts", "force"), "fail") == 0 ? HUB_CONFLICTS_FAIL
                                                                           : HUB_CONFLICTS_FORCE;
    out->propagation = propagation_of(word(spec, "propagationPolicy", "background"));
    out->literal = !flag(spec, "substitute", true);
    out->prune_on_loss = strcmp(word(spec, "onTargetLoss", "orphan"), "prune") == 0;
    out->goes_back = strcmp(word(spec, "onFailure", "report"), "rollback") == 0;
    out->health.goes_back = out->goes_back;
    out->holds_undo = strcmp(word(spec, "undo", "report"), "hold") == 0;
    out->health.holds_undo = out->holds_undo;
    out->plain_secrets = strcmp(word(spec, "plainSecrets", "deny"), "allow") == 0;
    out->depends_on = read_mentions(a, cm_json_get(spec, "dependsOn"), &out->depends_on_count);
    out->release_group = mention(cm_json_get(spec, "releaseGroup"));
    out->on_reject = on_reject_of(word(spec, "onReject", "alone"));
    out->reverts = strcmp(word(spec, "writeBack", "hold"), "revert") == 0;
    read_changes(a, spec, &out->changes);
    read_targets(a, cm_json_get(spec, "targets"), out);
}

// keep_text keeps the text of an App that has something inline.
static void keep_text(const struct reading *r, struct cm_arena *a, struct hub_app_doc *app) {
    bool wanted = app->changes.overlay_count > 0;

    for (size_t i = 0; i < app->target_count; i++) {
        wanted = wanted || app->targets[i].changes.overlay_count > 0;
    }
    if (wanted) {
        app->text = cm_arena_strndup(a, r->text, r->size);
        app->text_size = r->size;
    }
}

static void read_confirmation(const struct cm_json *document, struct hub_confirmation_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");

    out->app = word(spec, "app", "");
    out->removal = word(spec, "removal", "");
}

// read_hold reads what hold_fits has read before.
static void read_hold(struct cm_arena *a, const struct cm_json *document,
                      struct hub_hold_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *clusters = cm_json_get(spec, "clusters");
    struct cm_err err;
    enum cm_rc rc = hub_hold_read(a, document, &out->hold, NULL, &err);

    assert(rc == CM_OK);
    (void)rc;
    out->app = mention(cm_json_get(spec, "app"));
    out->clusters = cm_arena_get(a, (clusters->count + 1) * sizeof(*out->clusters));
    for (const struct cm_json *n = clusters->first; n != NULL; n = n->next) {
        out->clusters[out->cluster_count++] = mention(n);
    }
}

static void read_ban(struct cm_arena *a, const struct cm_json *document, struct hub_ban_doc *out) {
    const struct cm_json *wrong;
    struct cm_err err;
    enum cm_rc rc = hub_ban_read(a, document, &out->ban, &wrong, &err);

    assert(rc == CM_OK);
    (void)rc;
    out->app = mention(cm_json_path(document, "spec", "app", NULL));
}

static void read_freeze(struct cm_arena *a, const struct cm_json *document,
                        struct hub_freeze_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *wrong;
    struct cm_err err;
    enum cm_rc rc = hub_freeze_read(a, document, &out->freeze, &wrong, &err);

    assert(rc == CM_OK);
    (void)rc;
    out->app = mention(cm_json_get(spec, "app"));
    out->cluster = mention(cm_json_get(spec, "cluster"));
    out->group = mention(cm_json_get(spec, "clusterGroup"));
}

static void read_exemption(struct cm_arena *a, const struct cm_json *document,
                           struct hub_exemption_doc *out) {
    const struct cm_json *clusters = cm_json_path(document, "spec", "clusters", NULL);
    const struct cm_json *wrong;
    struct cm_err err;
    enum cm_rc rc = hub_exemption_read(a, document, &out->exemption, &wrong, &err);

    assert(rc == CM_OK);
    (void)rc;
    out->app = mention(cm_json_path(document, "spec", "app", NULL));
    out->clusters = cm_arena_get(a, (clusters->count + 1) * sizeof(*out->clusters));
    for (const struct cm_json *n = clusters->first; n != NULL; n = n->next) {
        out->clusters[out->cluster_count++] = mention(n);
    }
}

static struct hub_doc *read_document(const struct reading *r, const struct cm_json *parsed) {
    struct hub_doc *doc = cm_new(1, sizeof(*doc));
    const struct cm_json *name = cm_json_path(parsed, "metadata", "name", NULL);

    doc->kind = r->kind;
    doc->arena = cm_arena_new(0);
    doc->place = (struct hub_place){name->line, name->column};
    const struct cm_json *document = cm_json_copy(doc->arena, parsed);
    doc->name = cm_json_string(cm_json_path(document, "metadata", "name", NULL));
    switch (r->kind) {
    case HUB_CLUSTER:
        read_cluster(doc->arena, document, &doc->cluster);
        break;
    case HUB_GROUP:
        read_group(doc->arena, document, &doc->group);
        break;
    case HUB_APP:
        read_app(doc->arena, document, &doc->app);
        keep_text(r, doc->arena, &doc->app);
        break;
    case HUB_CONFIRMATION:
        read_confirmation(document, &doc->confirmation);
        break;
    case HUB_HOLD:
        read_hold(doc->arena, document, &doc->hold);
        break;
    case HUB_BAN:
        read_ban(doc->arena, document, &doc->ban);
        break;
    case HUB_FREEZE:
        read_freeze(doc->arena, document, &doc->freeze);
        break;
    case HUB_EXEMPTION:
        read_exemption(doc->arena, document, &doc->exemption);
        break;
    }
    return doc;
}

// rules_fit: agents refuse a bundle whose rules of health are longer.
static bool rules_fit(const struct reading *r, const struct cm_json *document) {
    const struct cm_json *rules = cm_json_path(document, "spec", "health", "rules", NULL);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (r->kind != HUB_APP || rules == NULL) {
        return true;
    }
    cm_json_write_compact(rules, &text);
    if (text.len <= CM_RULES_BYTES) {
        return true;
    }
    hub_diags_add(
        r->diags, r->path, rules->line, rules->column,
        "spec.health.rules are %zu bytes long, at most %zu are allowed: write fewer rules "
        "or shorter texts",
        text.len, CM_RULES_BYTES);
    return false;
}

// rules_hide: what is in a Secret is not to be read off an App's health.
static bool rules_hide(const struct reading *r, const struct cm_json *document) {
    const struct cm_json *path =
        r->kind != HUB_APP
            ? NULL
            : cm_rules_secret(cm_json_path(document, "spec", "health", "rules", NULL));

    if (path != NULL) {
        hub_diags_add(r->diags, r->path, path->line, path->column,
                      "a rule of health may not show or compare what is in a Secret: ask with "
                      "'exists' whether a key is there, or leave this out");
    }
    return path == NULL;
}

// hold_fits looks for what is wrong with a Hold, a Ban, a Freeze or an Exemption that no table
// tells.
static bool hold_fits(const struct reading *r, const struct cm_json *document) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *wrong = NULL;
    struct hub_hold hold;
    struct hub_ban ban;
    struct hub_freeze freeze;
    struct hub_exemption exemption;
    struct cm_err err = {0};
    enum cm_rc rc = CM_OK;

    if (r->kind == HUB_HOLD) {
        rc = hub_hold_read(a, document, &hold, &wrong, &err);
    } else if (r->kind == HUB_BAN) {
        rc = hub_ban_read(a, document, &ban, &wrong, &err);
    } else if (r->kind == HUB_FREEZE) {
        rc = hub_freeze_read(a, document, &freeze, &wrong, &err);
    } else if (r->kind == HUB_EXEMPTION) {
        rc = hub_exemption_read(a, document, &exemption, &wrong, &err);
    }
    if (rc < 0) {
        hub_diags_add(r->diags, r->path, wrong->line, wrong->column, "%s", err.msg);
    }
    return rc == CM_OK;
}

static bool check_one(const struct reading *r, const struct cm_json *document) {
    return check_header(r, document) &&
           hub_schema_check(r->kind, document, r->path, r->text, r->size, r->diags) &&
           rules_fit(r, document) && rules_hide(r, document) && hold_fits(r, document);
}

void hub_docs_read(enum hub_kind kind, const char *path, const void *bytes, size_t size,
                   struct hub_doc_list *out, struct hub_diags *diags) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct reading r = {kind, path, bytes, size, diags};
    const struct hub_file_text text = {path, bytes, size};
    struct cm_yaml_docs docs;
    size_t before = diags->all;

    *out = (struct hub_doc_list){0};
    bool readable = hub_diags_parse(diags, &text, arena, &limits, &docs) && diags->all == before;
    if (docs.count == 0 && !readable) {
        return;
    }
    if (docs.count == 0) {
        hub_diags_add(diags, path, 0, 0,
                      "the file holds no document: add one of kind %s or delete "
                      "the file",
                      hub_kind_tables[kind].name);
        return;
    }
    if (kind == HUB_APP && docs.count > 1) {
        hub_diags_add(diags, path, docs.docs[1]->line, docs.docs[1]->column,
                      "an app.yaml holds one App: give the second one a folder of its own");
    }
    out->items = cm_new(docs.count, sizeof(struct hub_doc *));
    for (size_t i = 0; i < docs.count && (kind != HUB_APP || i == 0); i++) {
        if (check_one(&r, docs.docs[i]) && readable) {
            out->items[out->count++] = read_document(&r, docs.docs[i]);
        }
    }
}

// ---- Drafts

static void say_nothing(void *ctx, const struct cm_err *err) {
    (void)ctx;
    (void)err;
}

// keep_readable makes a document of what a draft needs, for the checker to say whether that is
// right.
static struct cm_json *keep_readable(struct cm_arena *a, const struct cm_json *spec) {
    static const char *const members[] = {"source", "substitute"};
    struct cm_json *document = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_json *kept = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, document, "apiVersion", HUB_API_VERSION);
    cm_json_set_string(a, document, "kind", hub_kind_tables[HUB_APP].name);
    cm_json_set_string(a, metadata, "name", "draft");
    cm_json_set(a, document, "metadata", metadata);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct cm_json *member = cm_json_get(spec, members[i]);

        if (member != NULL) {
            cm_json_set(a, kept, members[i], cm_json_copy(a, member));
        }
    }
    cm_json_set(a, document, "spec", kept);
    return document;
}

static void locate(struct hub_draft *draft, const struct cm_json *spec) {
    struct hub_diags diags = {0};
    const struct cm_json *document = keep_readable(draft->arena, spec);

    if ((spec == NULL || spec->type == CM_OBJECT) &&
        hub_schema_check(HUB_APP, document, "", "", 0, &diags)) {
        const struct cm_json *kept = cm_json_get(document, "spec");

        read_source(draft->arena, cm_json_get(kept, "source"), &draft->source);
        draft->literal = !flag(kept, "substitute", true);
        draft->located = draft->source.repository.name == NULL;
    }
    hub_diags_done(&diags);
}

struct hub_draft *hub_draft_new(const void *bytes, size_t size) {
    static const struct cm_yaml_listener nobody = {say_nothing, NULL};
    struct hub_draft *draft = cm_new(1, sizeof(*draft));
    struct cm_yaml_docs docs;

    draft->arena = cm_arena_new(0);
    bool whole = cm_yaml_parse_all(draft->arena, bytes, size, &limits, &nobody, &docs);
    if (whole && docs.count > 0) {
        const char *name = cm_json_string(cm_json_path(docs.docs[0], "metadata", "name", NULL));

        draft->name = name != NULL && hub_schema_name_ok(name) ? name : NULL;
        locate(draft, cm_json_get(docs.docs[0], "spec"));
    } else if (!whole && memmem(bytes, size, "source", strlen("source")) == NULL) {
        locate(draft, NULL); // most likely it says nothing of it
    }
    return draft;
}

void hub_draft_free(struct hub_draft *draft) {
    if (draft != NULL) {
        cm_arena_free(draft->arena);
        free(draft->read);
        free(draft);
    }
}

static void free_indexes(struct hub_doc *doc) {
    if (doc->kind == HUB_CLUSTER) {
        cm_map_free(doc->cluster.index);
    } else if (doc->kind == HUB_APP) {
        cm_map_free(doc->app.index);
        for (size_t i = 0; i < doc->app.target_count; i++) {
            cm_map_free(doc->app.targets[i].index);
        }
    }
}

void hub_doc_free(struct hub_doc *doc) {
    if (doc != NULL) {
        free_indexes(doc);
        cm_arena_free(doc->arena);
        free(doc);
    }
}
