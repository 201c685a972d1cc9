#include "hub/fleet/doc.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/render/diag.h"

static const struct cm_json_limits limits = {
    .max_bytes = HUB_DOCUMENT_MAX, .max_depth = 32, .max_nodes = 200000};

// What one reading of a file knows.
struct reading {
    enum hub_kind kind;
    const char *path;
    const char *text;
    size_t size;
    struct hub_diags *diags;
};

// ---- What the tables cannot say

static void check_expression(const struct reading *r, const struct cm_json *node) {
    const char *word = cm_json_string(cm_json_get(node, "operator"));
    const struct cm_json *values = cm_json_get(node, "values");
    size_t count = values != NULL ? values->count : 0;
    bool wants = strcmp(word, "In") == 0 || strcmp(word, "NotIn") == 0;

    if (wants && count == 0) {
        hub_diags_add(r->diags, r->path, node->line, node->column,
                      "operator %s needs values: list at least one", word);
    } else if (!wants && count > 0) {
        hub_diags_add(r->diags, r->path, values->line, values->column,
                      "operator %s takes no values: remove them", word);
    }
}

static void check_selector(const struct reading *r, const struct cm_json *selector) {
    const struct cm_json *expressions = cm_json_get(selector, "matchExpressions");

    for (const struct cm_json *item = expressions != NULL ? expressions->first : NULL; item != NULL;
         item = item->next) {
        check_expression(r, item);
    }
}

static void check_target(const struct reading *r, const struct cm_json *target) {
    const char *const ways[] = {"cluster", "clusterGroup", "clusterSelector"};
    size_t found = 0;

    for (size_t i = 0; i < 3; i++) {
        found += cm_json_get(target, ways[i]) != NULL ? 1 : 0;
    }
    if (found != 1) {
        hub_diags_add(r->diags, r->path, target->line, target->column,
                      "a target needs exactly one of cluster, clusterGroup and clusterSelector, "
                      "this one has %zu: write 'clusterSelector: {}' for all clusters",
                      found);
    }
    check_selector(r, cm_json_get(target, "clusterSelector"));
}

static void check_more(const struct reading *r, const struct cm_json *document) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *targets = cm_json_get(spec, "targets");

    const struct cm_json *depends_on = cm_json_get(spec, "dependsOn");

    check_selector(r, cm_json_get(spec, "clusterSelector"));
    if (depends_on != NULL && depends_on->count > HUB_BUNDLE_DEPENDS_MAX) {
        hub_diags_add(r->diags, r->path, depends_on->line, depends_on->column,
                      "dependsOn names %zu Apps, more than %d: depend on fewer", depends_on->count,
                      HUB_BUNDLE_DEPENDS_MAX);
    }
    if (r->kind == HUB_GROUP && cm_json_get(spec, "clusterSelector") == NULL &&
        cm_json_get(spec, "clusters") == NULL) {
        hub_diags_add(r->diags, r->path, spec->line, spec->column,
                      "the group has no members: add clusterSelector or clusters");
    }
    for (const struct cm_json *item = targets != NULL ? targets->first : NULL; item != NULL;
         item = item->next) {
        check_target(r, item);
    }
}

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
    out->suspend = flag(spec, "suspend", false);
}

static void read_group(struct cm_arena *a, const struct cm_json *document,
                       struct hub_group_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *clusters = cm_json_get(spec, "clusters");

    out->selector = read_selector(a, cm_json_get(spec, "clusterSelector"));
    if (clusters == NULL) {
        return;
    }
    out->clusters = cm_arena_get(a, (clusters->count + 1) * sizeof(*out->clusters));
    for (const struct cm_json *item = clusters->first; item != NULL; item = item->next) {
        out->clusters[out->cluster_count++] = mention(item);
    }
    qsort(out->clusters, out->cluster_count, sizeof(*out->clusters), compare_mentions);
}

static void read_target(struct cm_arena *a, const struct cm_json *node, struct hub_target *out) {
    out->cluster = mention(cm_json_get(node, "cluster"));
    out->group = mention(cm_json_get(node, "clusterGroup"));
    out->selector = read_selector(a, cm_json_get(node, "clusterSelector"));
    out->values = cm_json_get(node, "values");
    out->namespace = word(node, "namespace", NULL);
    out->suspend = flag(node, "suspend", false);
    out->do_not_deploy = flag(node, "doNotDeploy", false);
}

static void read_depends_on(struct cm_arena *a, const struct cm_json *list,
                            struct hub_app_doc *out) {
    if (list == NULL || list->count == 0) {
        return;
    }
    struct hub_mention *all = cm_arena_get(a, list->count * sizeof(*all));
    size_t count = 0;
    for (const struct cm_json *item = list->first; item != NULL; item = item->next) {
        all[count++] = mention(cm_json_get(item, "name"));
    }
    qsort(all, count, sizeof(*all), compare_mentions);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(all[i].name, all[out->depends_on_count - 1].name) != 0) {
            all[out->depends_on_count++] = all[i];
        }
    }
    out->depends_on = all;
}

static enum hub_drift drift_of(const struct cm_json *node) {
    if (node == NULL) {
        return HUB_DRIFT_REPORT;
    }
    if (node->type == CM_BOOL || strcmp(node->text, "off") == 0) { // unquoted `off` is false
        return HUB_DRIFT_OFF;
    }
    return strcmp(node->text, "correct") == 0 ? HUB_DRIFT_CORRECT : HUB_DRIFT_REPORT;
}

static void read_app(struct cm_arena *a, const struct cm_json *document, struct hub_app_doc *out) {
    const struct cm_json *spec = cm_json_get(document, "spec");
    const struct cm_json *targets = cm_json_get(spec, "targets");
    const char *source = word(cm_json_get(spec, "source"), "path", ".");

    out->source = strcmp(source, ".") == 0 ? "" : source;
    out->namespace = word(spec, "namespace", "");
    out->values = cm_json_get(spec, "values");
    out->drift = drift_of(cm_json_get(spec, "drift"));
    out->prune = flag(spec, "prune", true);
    out->suspend = flag(spec, "suspend", false);
    out->prune_on_loss = strcmp(word(spec, "onTargetLoss", "orphan"), "prune") == 0;
    out->plain_secrets = strcmp(word(spec, "plainSecrets", "deny"), "allow") == 0;
    read_depends_on(a, cm_json_get(spec, "dependsOn"), out);
    if (targets == NULL) {
        return;
    }
    out->targets = cm_arena_get(a, (targets->count + 1) * sizeof(*out->targets));
    for (const struct cm_json *item = targets->first; item != NULL; item = item->next) {
        read_target(a, item, &out->targets[out->target_count++]);
    }
}

static struct hub_doc *read_document(enum hub_kind kind, const struct cm_json *parsed) {
    struct hub_doc *doc = cm_new(1, sizeof(*doc));
    const struct cm_json *name = cm_json_path(parsed, "metadata", "name", NULL);

    doc->kind = kind;
    doc->arena = cm_arena_new(0);
    doc->place = (struct hub_place){name->line, name->column};
    const struct cm_json *document = cm_json_copy(doc->arena, parsed);
    doc->name = cm_json_string(cm_json_path(document, "metadata", "name", NULL));
    switch (kind) {
    case HUB_CLUSTER:
        read_cluster(doc->arena, document, &doc->cluster);
        break;
    case HUB_GROUP:
        read_group(doc->arena, document, &doc->group);
        break;
    case HUB_APP:
        read_app(doc->arena, document, &doc->app);
        break;
    }
    return doc;
}

static void read_one(const struct reading *r, const struct cm_json *document,
                     struct hub_doc_list *out) {
    size_t before = r->diags->count;

    if (!check_header(r, document) ||
        !hub_schema_check(r->kind, document, r->path, r->text, r->size, r->diags)) {
        return;
    }
    check_more(r, document);
    if (r->diags->count == before) {
        out->items[out->count++] = read_document(r->kind, document);
    }
}

void hub_docs_read(enum hub_kind kind, const char *path, const void *bytes, size_t size,
                   struct hub_doc_list *out, struct hub_diags *diags) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct reading r = {kind, path, bytes, size, diags};
    struct cm_yaml_docs docs;
    struct cm_err err;

    *out = (struct hub_doc_list){0};
    if (cm_yaml_parse(arena, bytes, size, &limits, &docs, &err) < 0) {
        hub_diags_add_err(diags, path, &err);
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
        read_one(&r, docs.docs[i], out);
    }
}

void hub_doc_free(struct hub_doc *doc) {
    if (doc != NULL) {
        cm_arena_free(doc->arena);
        free(doc);
    }
}
