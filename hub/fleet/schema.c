#include "hub/fleet/schema.h"

#include <regex.h>
#include <string.h>

#include "common/fsys.h"
#include "common/str.h"
#include "hub/fleet/schema_check.h"

bool hub_schema_name_ok(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strnlen(name, HUB_NAME_MAX + 1);

    return len > 0 && len <= HUB_NAME_MAX && strspn(name, allowed) == len && name[0] != '-' &&
           name[len - 1] != '-';
}

bool hub_schema_form_ok(const struct hub_form *form, const char *text) {
    regex_t regex;

    if (regcomp(&regex, form->pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool ok = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return ok && (form->ok == NULL || form->ok(text));
}

const char *hub_field_type_name(const struct hub_field *field) {
    static const char *const names[] = {
        [HUB_FIELD_STRING] = "a string",
        [HUB_FIELD_NAME] = "a name",
        [HUB_FIELD_PATH] = "a path",
        [HUB_FIELD_BELOW] = "a path",
        [HUB_FIELD_BOOL] = "true or false",
        [HUB_FIELD_TRUE] = "true",
        [HUB_FIELD_CHOICE] = "a word",
        [HUB_FIELD_LABELS] = "a map of strings",
        [HUB_FIELD_TEXTS] = "a map of strings",
        [HUB_FIELD_VALUES] = "a map of values",
        [HUB_FIELD_OBJECT] = "an object",
        [HUB_FIELD_OBJECTS] = "a list of objects",
        [HUB_FIELD_TREE] = "an object",
        [HUB_FIELD_ANY] = "anything",
        [HUB_FIELD_NAMES] = "a list of names",
        [HUB_FIELD_STRINGS] = "a list of strings",
        [HUB_FIELD_REFUSED] = "not supported",
    };

    return field->type == HUB_FIELD_STRING && field->form != NULL ? field->form->name
                                                                  : names[field->type];
}

// ---- Values of fields

bool hub_check_type(const struct hub_check *c, const struct cm_json *node, enum cm_json_type type,
                    const char *where, const char *expected) {
    if (node->type == type) {
        return true;
    }
    hub_diags_add(c->diags, c->path, node->line, node->column, "%s must be %s, not %s", where,
                  expected, cm_json_type_name(node->type));
    return false;
}

bool hub_check_text(const struct hub_check *c, const struct cm_json *node, const char *where) {
    if (node->type == CM_NUMBER || node->type == CM_BOOL) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s must be a string, not %s: put it in quotes", where,
                      cm_json_type_name(node->type));
        return false;
    }
    return hub_check_type(c, node, CM_STRING, where, "a string");
}

static void check_string(const struct hub_check *c, const struct hub_field *field,
                         const struct cm_json *node, const char *where) {
    if (hub_check_text(c, node, where) && field->form != NULL &&
        !hub_schema_form_ok(field->form, node->text)) {
        hub_diags_add(c->diags, c->path, node->line, node->column, "%s is '%.100s': %s", where,
                      node->text, field->form->advice);
    }
}

static void check_name(const struct hub_check *c, const struct cm_json *node, const char *where) {
    if (hub_check_text(c, node, where) && !hub_schema_name_ok(node->text)) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s is '%.100s': use 1 to %d of a-z, 0-9 and '-', with no '-' at either end",
                      where, node->text, HUB_NAME_MAX);
    }
}

static void check_path(const struct hub_check *c, const struct hub_field *field,
                       const struct cm_json *node, const char *where) {
    bool dot = field->type == HUB_FIELD_PATH;

    if (!hub_check_text(c, node, where) || (dot && strcmp(node->text, ".") == 0) ||
        cm_fsys_path_ok(node->text)) {
        return;
    }
    hub_diags_add(c->diags, c->path, node->line, node->column,
                  "%s is '%.100s': name a folder%s below the one of app.yaml, without '..', '.' "
                  "and '/' at either end",
                  where, node->text, dot ? "" : " or file");
}

// is_off tells whether a node is an unquoted `off`, which is false in YAML 1.1, and that is a
// choice.
static bool is_off(const struct hub_field *field, const struct cm_json *node) {
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        if (node->type == CM_BOOL && !node->truth && strcmp(*choice, "off") == 0) {
            return true;
        }
    }
    return false;
}

static void check_choice(const struct hub_check *c, const struct hub_field *field,
                         const struct cm_json *node, const char *where) {
    const char *text = node->type == CM_STRING ? node->text : "";
    struct cm_str words = {0};
    size_t count = 0;

    for (; field->choices[count] != NULL; count++) {
        if (strcmp(text, field->choices[count]) == 0) {
            cm_str_done(&words);
            return;
        }
        cm_str_addf(&words, "%s'%s'", count > 0 ? ", " : "", field->choices[count]);
    }
    const char *near = text[0] != '\0' ? cm_str_nearest(text, field->choices, count) : NULL;
    if (near != NULL) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s is '%.100s': did you mean '%s'?", where, text, near);
    } else if (!is_off(field, node)) {
        hub_diags_add(c->diags, c->path, node->line, node->column, "%s must be one of %s", where,
                      cm_str_get(&words));
    }
    cm_str_done(&words);
}

static void check_count(const struct hub_check *c, const struct hub_field *field,
                        const struct cm_json *node, const char *where) {
    if (node->count < field->min) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s is empty: list at least %zu or leave it out", where, field->min);
    }
    if (field->max > 0 && node->count > field->max) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s has %zu entries, more than %zu: use fewer", where, node->count,
                      field->max);
    }
}

static void check_strings(const struct hub_check *c, const struct hub_field *field,
                          const struct cm_json *node, const char *where) {
    struct cm_str place = {0};

    if (!hub_check_type(c, node, CM_ARRAY, where, "a list")) {
        return;
    }
    check_count(c, field, node, where);
    cm_str_addf(&place, "each of %s", where);
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        if (field->type == HUB_FIELD_NAMES) {
            check_name(c, item, cm_str_get(&place));
        } else {
            check_string(c, field, item, cm_str_get(&place));
        }
    }
    cm_str_done(&place);
}

static void check_fields(const struct hub_check *c, const struct hub_field *of,
                         const struct cm_json *object, const char *where);

static void check_objects(const struct hub_check *c, const struct hub_field *field,
                          const struct cm_json *node, const char *where) {
    size_t index = 0;

    if (!hub_check_type(c, node, CM_ARRAY, where, "a list")) {
        return;
    }
    check_count(c, field, node, where);
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        struct cm_str place = {0};

        cm_str_addf(&place, "%s[%zu]", where, index++);
        if (hub_check_type(c, item, CM_OBJECT, cm_str_get(&place), "an object")) {
            check_fields(c, field, item, cm_str_get(&place));
        }
        cm_str_done(&place);
    }
}

static void check_field(const struct hub_check *c, const struct hub_field *field,
                        const struct cm_json *node, const char *where) {
    switch (field->type) {
    case HUB_FIELD_STRING:
        check_string(c, field, node, where);
        return;
    case HUB_FIELD_NAME:
        check_name(c, node, where);
        return;
    case HUB_FIELD_PATH:
    case HUB_FIELD_BELOW:
        check_path(c, field, node, where);
        return;
    case HUB_FIELD_BOOL:
        (void)hub_check_type(c, node, CM_BOOL, where, "true or false");
        return;
    case HUB_FIELD_TRUE:
        if (!cm_json_true(node)) {
            hub_diags_add(c->diags, c->path, node->line, node->column,
                          "%s must be true: write true or remove the entry", where);
        }
        return;
    case HUB_FIELD_CHOICE:
        check_choice(c, field, node, where);
        return;
    case HUB_FIELD_LABELS:
    case HUB_FIELD_TEXTS:
        hub_check_labels(c, field, node, where);
        return;
    case HUB_FIELD_VALUES:
        hub_check_values(c, node, where);
        return;
    case HUB_FIELD_OBJECT:
        if (hub_check_type(c, node, CM_OBJECT, where, "an object")) {
            check_fields(c, field, node, where);
        }
        return;
    case HUB_FIELD_OBJECTS:
        check_objects(c, field, node, where);
        return;
    case HUB_FIELD_TREE:
        (void)hub_check_type(c, node, CM_OBJECT, where, "an object");
        return;
    case HUB_FIELD_ANY:
        return;
    case HUB_FIELD_NAMES:
    case HUB_FIELD_STRINGS:
        check_strings(c, field, node, where);
        return;
    case HUB_FIELD_REFUSED:
        hub_diags_add(c->diags, c->path, node->line, node->column, "%s: %s", where, field->doc);
        return;
    }
}

// ---- Fields of an object

static const struct hub_field *find_field(const struct hub_field *fields, const char *name) {
    for (const struct hub_field *field = fields; field->name != NULL; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

// check_members tells whether all members are known.
static bool check_members(const struct hub_check *c, const struct hub_field *fields,
                          const struct cm_json *object, const char *where) {
    const char *dot = where[0] != '\0' ? "." : "";
    struct cm_str place = {0};
    bool known = true;

    for (const struct cm_json *item = object->first; item != NULL; item = item->next) {
        const struct hub_field *field = find_field(fields, item->key);

        if (field == NULL) {
            known = false;
            hub_check_unknown(c, fields, item, where[0] != '\0' ? where : "the document");
            continue;
        }
        cm_str_clear(&place);
        cm_str_addf(&place, "%s%s%s", where, dot, field->name);
        check_field(c, field, item, cm_str_get(&place));
    }
    cm_str_done(&place);
    return known;
}

// check_fields checks an object by the fields of what it is in. Rules about fields that go together
// are left out where one has a wrong name: it may be the one that is missed.
static void check_fields(const struct hub_check *c, const struct hub_field *of,
                         const struct cm_json *object, const char *where) {
    const char *dot = where[0] != '\0' ? "." : "";
    bool known = check_members(c, of->fields, object, where);

    for (const struct hub_field *field = of->fields; field->name != NULL; field++) {
        if (field->required && cm_json_get(object, field->name) == NULL) {
            hub_diags_add(c->diags, c->path, object->line, object->column,
                          "%s%s%s is missing: add it", where, dot, field->name);
        }
    }
    if (known && of->rules != NULL) {
        hub_check_rules(c, of->rules, object);
    }
}

bool hub_schema_check(enum hub_kind kind, const struct cm_json *document, const char *path,
                      const char *text, size_t size, struct hub_diags *diags) {
    const struct hub_check c = {path, text, size, diags};
    const struct hub_field whole = {.fields = hub_kind_tables[kind].fields};
    size_t before = diags->all;

    check_fields(&c, &whole, document, "");
    return diags->all == before;
}
