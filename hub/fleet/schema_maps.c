// Labels, annotations and values: maps whose members have no table.
#include <string.h>

#include "common/str.h"
#include "hub/fleet/schema_check.h"
#include "hub/render/substitute.h"

static bool label_fits(const struct cm_json *label, bool any_length) {
    if (label->key[0] == '\0') {
        return false;
    }
    return any_length ||
           (strlen(label->key) <= HUB_LABEL_NAME_MAX && label->len <= HUB_LABEL_VALUE_MAX);
}

static void check_label(const struct hub_check *c, const struct hub_field *field,
                        const struct cm_json *label, const char *where) {
    if (!label_fits(label, field->type == HUB_FIELD_TEXTS)) {
        hub_diags_add(c->diags, c->path, label->line, label->column,
                      "the label '%.100s' is too long or has no name: use at most %d characters",
                      label->key, HUB_LABEL_VALUE_MAX);
        return;
    }
    if (field->names != NULL && !hub_schema_form_ok(field->names, label->key)) {
        uint32_t line;
        uint32_t column;

        hub_check_place(c, label, &line, &column);
        hub_diags_add(c->diags, c->path, line, column, "'%.100s' cannot be %s: %s", label->key,
                      field->names->name, field->names->advice);
    }
    if (field->form != NULL && !hub_schema_form_ok(field->form, label->text)) {
        hub_diags_add(c->diags, c->path, label->line, label->column, "%s is '%.100s': %s", where,
                      label->text, field->form->advice);
    }
}

void hub_check_labels(const struct hub_check *c, const struct hub_field *field,
                      const struct cm_json *node, const char *where) {
    if (!hub_check_type(c, node, CM_OBJECT, where, "a map of strings")) {
        return;
    }
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        struct cm_str place = {0};

        cm_str_addf(&place, "%s.%.100s", where, item->key);
        if (hub_check_text(c, item, cm_str_get(&place))) {
            check_label(c, field, item, cm_str_get(&place));
        }
        cm_str_done(&place);
    }
}

static void check_no_null(const struct hub_check *c, const struct cm_json *node) {
    if (node->type == CM_NULL) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "the value '%.100s' is empty: leave it out, or write \"\" for an empty text",
                      node->key != NULL ? node->key : "");
    }
    if (node->type != CM_ARRAY && node->type != CM_OBJECT) {
        return;
    }
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        check_no_null(c, item);
    }
}

static void check_value_names(const struct hub_check *c, const struct cm_json *map) {
    for (const struct cm_json *item = map->first; item != NULL; item = item->next) {
        if (!hub_variable_ok(item->key) || strpbrk(item->key, "./") != NULL) {
            uint32_t line;
            uint32_t column;

            hub_check_place(c, item, &line, &column);
            hub_diags_add(
                c->diags, c->path, line, column,
                "'%.100s' cannot name a value: use letters, digits, '_' and '-', beginning "
                "with a letter; nest maps for dotted names",
                item->key);
        }
    }
}

void hub_check_values(const struct hub_check *c, const struct cm_json *node, const char *where) {
    if (!hub_check_type(c, node, CM_OBJECT, where, "a map of values")) {
        return;
    }
    const struct cm_json *taken = cm_json_get(node, "cluster");
    if (taken != NULL) {
        hub_diags_add(
            c->diags, c->path, taken->line, taken->column,
            "the value 'cluster' is taken by cluster.name and cluster.labels: use another "
            "name");
    }
    check_value_names(c, node);
    check_no_null(c, node);
}
