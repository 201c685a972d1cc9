// A file of documents, the kind chosen by its first byte: what is read is right by the rules, and
// what is wrong is told with a place in the file.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "hub/fleet/doc.h"
#include "hub/render/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_changes(const struct hub_changes *changes) {
    for (size_t i = 0; i < changes->overlay_count; i++) {
        const struct hub_overlay *o = &changes->overlays[i];

        assert((changes->paths[i].name != NULL) + (o->merge != NULL) + (o->json_patch != NULL) +
                   (o->replace != NULL) + (o->remove ? 1 : 0) ==
               1);
        assert(o->target != NULL || (o->json_patch == NULL && !o->remove));
    }
}

static void check_app(const struct hub_app_doc *app) {
    assert(app->source.ref == HUB_REF_DEFAULT || app->source.repository.name != NULL);
    assert((app->source.ref == HUB_REF_DEFAULT) == (app->source.ref_text[0] == '\0'));
    check_changes(&app->changes);
    for (size_t i = 0; i < app->target_count; i++) {
        check_changes(&app->targets[i].changes);
    }
}

static void check_doc(const struct hub_doc *doc) {
    assert(hub_schema_name_ok(doc->name));
    assert(doc->place.line > 0);
    if (doc->kind == HUB_CLUSTER) {
        assert(doc->cluster.labels->type == CM_OBJECT);
        assert(doc->cluster.values == NULL || doc->cluster.values->type == CM_OBJECT);
    }
    for (size_t i = 0; doc->kind == HUB_APP && i < doc->app.target_count; i++) {
        const struct hub_target *t = &doc->app.targets[i];

        assert((t->cluster.name != NULL) + (t->group.name != NULL) + (t->selector != NULL) == 1);
        if (t->selector != NULL) {
            (void)hub_selector_match(t->selector, doc->app.values);
        }
    }
    if (doc->kind == HUB_APP) {
        check_app(&doc->app);
    }
    for (size_t i = 0; doc->kind == HUB_GROUP && i < doc->group.group_count; i++) {
        assert(hub_schema_name_ok(doc->group.groups[i].name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hub_doc_list list;
    struct hub_diags diags = {0};
    size_t lines = 1;

    if (size == 0) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        lines += data[i] == '\n' || data[i] == '\r' || data[i] == 0xC2 || data[i] == 0xE2 ? 1 : 0;
    }
    hub_docs_read((enum hub_kind)(data[0] % HUB_KINDS), "fuzz.yaml", data + 1, size - 1, &list,
                  &diags);
    assert(list.count > 0 || diags.count > 0);
    for (size_t i = 0; i < diags.count; i++) {
        assert(diags.items[i].line <= lines + 1);
        assert(diags.items[i].message[0] != '\0');
    }
    for (size_t i = 0; i < list.count; i++) {
        check_doc(list.items[i]);
        hub_doc_free(list.items[i]);
    }
    free(list.items);
    hub_diags_done(&diags);
    return 0;
}
