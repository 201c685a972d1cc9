#include "hub/fleet/schema.h"

#include <string.h>

#include "common/fsys.h"
#include "common/json.h"
#include "common/str.h"
#include "hub/render/diag.h"
#include "hub/render/substitute.h"

#define FIELDS_MAX 32       // of one table
#define LABEL_VALUE_MAX 253 // Kubernetes allows 63; host targets have longer ones
#define KEY_LINES_UP 20     // how far above its value a name is looked for

struct check {
    const char *path;
    const char *text;
    size_t size;
    struct hub_diags *diags;
};

bool hub_schema_name_ok(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strnlen(name, HUB_NAME_MAX + 1);

    return len > 0 && len <= HUB_NAME_MAX && strspn(name, allowed) == len && name[0] != '-' &&
           name[len - 1] != '-';
}

const char *hub_field_type_name(const struct hub_field *field) {
    static const char *const names[] = {
        [HUB_FIELD_STRING] = "a string",
        [HUB_FIELD_NAME] = "a name",
        [HUB_FIELD_PATH] = "a path",
        [HUB_FIELD_BOOL] = "true or false",
        [HUB_FIELD_CHOICE] = "a word",
        [HUB_FIELD_LABELS] = "a map of strings",
        [HUB_FIELD_VALUES] = "a map of values",
        [HUB_FIELD_OBJECT] = "an object",
        [HUB_FIELD_OBJECTS] = "a list of objects",
        [HUB_FIELD_NAMES] = "a list of names",
        [HUB_FIELD_STRINGS] = "a list of strings",
        [HUB_FIELD_REFUSED] = "not supported",
    };

    return names[field->type];
}

// ---- Places

static const char *line_at(const struct check *c, uint32_t line) {
    const char *at = c->text;
    const char *end = c->text + c->size;

    for (uint32_t i = 1; i < line && at != NULL; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    return at;
}

// find_key looks for `key` followed by a colon, as a word of its own, in one line.
static const char *find_key(const char *line, size_t len, const char *key) {
    size_t key_len = strlen(key);

    for (const char *at = line;
         key_len > 0 && (at = memmem(at, len - (size_t)(at - line), key, key_len)) != NULL; at++) {
        const char *behind = at + key_len;
        bool starts = at == line || strchr(" -{,'\"\t?", at[-1]) != NULL;

        behind += behind < line + len && (*behind == '"' || *behind == '\'') ? 1 : 0;
        while (behind < line + len && *behind == ' ') {
            behind++;
        }
        if (starts && behind < line + len && *behind == ':') {
            return at;
        }
    }
    return NULL;
}

// place_of_name finds where a member's name stands: the tree knows only where its value begins,
// which is on the same line or a little below.
static void place_of_name(const struct check *c, const struct cm_json *member, uint32_t *line,
                          uint32_t *column) {
    *line = member->line;
    *column = member->column;
    for (uint32_t up = 0; up < KEY_LINES_UP && up < member->line; up++) {
        const char *start = line_at(c, member->line - up);
        if (start == NULL) {
            return;
        }
        const char *stop = memchr(start, '\n', (size_t)(c->text + c->size - start));
        size_t len = (size_t)((stop != NULL ? stop : c->text + c->size) - start);
        const char *found = find_key(start, len, member->key);
        if (found != NULL) {
            *line = member->line - up;
            *column = (uint32_t)(found - start) + 1;
            return;
        }
    }
}

// ---- Unknown fields

static bool is_word_of(const char *words, const char *word) {
    size_t len = strlen(word);

    for (const char *at = words; at != NULL && *at != '\0';) {
        size_t here = strcspn(at, " ");
        if (here == len && strncmp(at, word, len) == 0) {
            return true;
        }
        at += here + (at[here] == ' ' ? 1 : 0);
    }
    return false;
}

static const char *nearest(const struct hub_field *fields, const char *word) {
    const char *names[FIELDS_MAX];
    size_t count = 0;

    for (const struct hub_field *field = fields; field->name != NULL; field++) {
        if (is_word_of(field->also_called, word)) {
            return field->name;
        }
        if (field->type != HUB_FIELD_REFUSED && count < FIELDS_MAX) {
            names[count++] = field->name;
        }
    }
    return cm_str_nearest(word, names, count);
}

static void list_names(const struct hub_field *fields, struct cm_str *out) {
    for (const struct hub_field *field = fields; field->name != NULL; field++) {
        if (field->type != HUB_FIELD_REFUSED) {
            cm_str_addf(out, "%s%s", out->len > 0 ? ", " : "", field->name);
        }
    }
}

static void report_unknown(const struct check *c, const struct hub_field *fields,
                           const struct cm_json *member, const char *where) {
    const char *near = nearest(fields, member->key);
    struct cm_str names = {0};
    uint32_t line;
    uint32_t column;

    place_of_name(c, member, &line, &column);
    if (near != NULL) {
        hub_diags_add(c->diags, c->path, line, column,
                      "unknown field '%.100s' in %s: did you mean '%s'?", member->key, where, near);
        return;
    }
    list_names(fields, &names);
    hub_diags_add(c->diags, c->path, line, column,
                  "unknown field '%.100s' in %s: remove it or use one of %s", member->key, where,
                  cm_str_get(&names));
    cm_str_done(&names);
}

// ---- Values of fields

static void report_type(const struct check *c, const struct cm_json *node, const char *where,
                        const char *expected) {
    hub_diags_add(c->diags, c->path, node->line, node->column, "%s must be %s, not %s", where,
                  expected, cm_json_type_name(node->type));
}

static bool check_type(const struct check *c, const struct cm_json *node, enum cm_json_type type,
                       const char *where, const char *expected) {
    if (node->type == type) {
        return true;
    }
    report_type(c, node, where, expected);
    return false;
}

static void check_name(const struct check *c, const struct cm_json *node, const char *where) {
    if (node->type == CM_NUMBER || node->type == CM_BOOL) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s must be a string, not %s: put it in quotes", where,
                      cm_json_type_name(node->type));
        return;
    }
    if (check_type(c, node, CM_STRING, where, "a string") && !hub_schema_name_ok(node->text)) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s is '%.100s': use 1 to %d of a-z, 0-9 and '-', with no '-' at either end",
                      where, node->text, HUB_NAME_MAX);
    }
}

static void check_path(const struct check *c, const struct cm_json *node, const char *where) {
    if (check_type(c, node, CM_STRING, where, "a string") && strcmp(node->text, ".") != 0 &&
        !cm_fsys_path_ok(node->text)) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s is '%.100s': name a folder below the one of app.yaml, without '..', '.' "
                      "and '/' at either end",
                      where, node->text);
    }
}

static void check_choice(const struct check *c, const struct hub_field *field,
                         const struct cm_json *node, const char *where) {
    struct cm_str words = {0};
    size_t count = 0;

    if (node->type == CM_BOOL) { // `off` is false in YAML 1.1
        for (const char *const *choice = field->choices; *choice != NULL; choice++) {
            if (!node->truth && strcmp(*choice, "off") == 0) {
                return;
            }
        }
    }
    for (; field->choices[count] != NULL; count++) {
        if (node->type == CM_STRING && strcmp(node->text, field->choices[count]) == 0) {
            cm_str_done(&words);
            return;
        }
        cm_str_addf(&words, "%s'%s'", count > 0 ? ", " : "", field->choices[count]);
    }
    const char *near =
        node->type == CM_STRING ? cm_str_nearest(node->text, field->choices, count) : NULL;
    if (near != NULL) {
        hub_diags_add(c->diags, c->path, node->line, node->column,
                      "%s is '%.100s': did you mean '%s'?", where, node->text, near);
    } else {
        hub_diags_add(c->diags, c->path, node->line, node->column, "%s must be one of %s", where,
                      cm_str_get(&words));
    }
    cm_str_done(&words);
}

static void check_labels(const struct check *c, const struct cm_json *node, const char *where) {
    if (!check_type(c, node, CM_OBJECT, where, "a map of strings")) {
        return;
    }
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        if (item->type == CM_NUMBER || item->type == CM_BOOL) {
            hub_diags_add(c->diags, c->path, item->line, item->column,
                          "%s.%.100s must be a string, not %s: put it in quotes", where, item->key,
                          cm_json_type_name(item->type));
        } else if (item->type != CM_STRING) {
            hub_diags_add(c->diags, c->path, item->line, item->column,
                          "%s.%.100s must be a string, not %s", where, item->key,
                          cm_json_type_name(item->type));
        } else if (item->key[0] == '\0' || strlen(item->key) > 2 * LABEL_VALUE_MAX ||
                   item->len > LABEL_VALUE_MAX) {
            hub_diags_add(
                c->diags, c->path, item->line, item->column,
                "the label '%.100s' is too long or has no name: use at most %d characters",
                item->key, LABEL_VALUE_MAX);
        }
    }
}

static void check_no_null(const struct check *c, const struct cm_json *node) {
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

static void check_value_names(const struct check *c, const struct cm_json *map) {
    for (const struct cm_json *item = map->first; item != NULL; item = item->next) {
        if (!hub_variable_ok(item->key) || strpbrk(item->key, "./") != NULL) {
            uint32_t line;
            uint32_t column;

            place_of_name(c, item, &line, &column);
            hub_diags_add(
                c->diags, c->path, line, column,
                "'%.100s' cannot name a value: use letters, digits, '_' and '-', beginning "
                "with a letter; nest maps for dotted names",
                item->key);
        }
    }
}

static void check_values(const struct check *c, const struct cm_json *node, const char *where) {
    if (!check_type(c, node, CM_OBJECT, where, "a map of values")) {
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

static void check_strings(const struct check *c, const struct cm_json *node, const char *where,
                          bool names) {
    if (!check_type(c, node, CM_ARRAY, where, "a list")) {
        return;
    }
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        struct cm_str place = {0};

        cm_str_addf(&place, "each of %s", where);
        if (names) {
            check_name(c, item, cm_str_get(&place));
        } else {
            (void)check_type(c, item, CM_STRING, cm_str_get(&place), "a string");
        }
        cm_str_done(&place);
    }
}

static void check_fields(const struct check *c, const struct hub_field *fields,
                         const struct cm_json *object, const char *where);

static void check_objects(const struct check *c, const struct hub_field *field,
                          const struct cm_json *node, const char *where) {
    size_t index = 0;

    if (!check_type(c, node, CM_ARRAY, where, "a list")) {
        return;
    }
    for (const struct cm_json *item = node->first; item != NULL; item = item->next) {
        struct cm_str place = {0};

        cm_str_addf(&place, "%s[%zu]", where, index++);
        if (check_type(c, item, CM_OBJECT, cm_str_get(&place), "an object")) {
            check_fields(c, field->fields, item, cm_str_get(&place));
        }
        cm_str_done(&place);
    }
}

static void check_field(const struct check *c, const struct hub_field *field,
                        const struct cm_json *node, const char *where) {
    switch (field->type) {
    case HUB_FIELD_STRING:
        (void)check_type(c, node, CM_STRING, where, "a string");
        return;
    case HUB_FIELD_NAME:
        check_name(c, node, where);
        return;
    case HUB_FIELD_PATH:
        check_path(c, node, where);
        return;
    case HUB_FIELD_BOOL:
        (void)check_type(c, node, CM_BOOL, where, "true or false");
        return;
    case HUB_FIELD_CHOICE:
        check_choice(c, field, node, where);
        return;
    case HUB_FIELD_LABELS:
        check_labels(c, node, where);
        return;
    case HUB_FIELD_VALUES:
        check_values(c, node, where);
        return;
    case HUB_FIELD_OBJECT:
        if (check_type(c, node, CM_OBJECT, where, "an object")) {
            check_fields(c, field->fields, node, where);
        }
        return;
    case HUB_FIELD_OBJECTS:
        check_objects(c, field, node, where);
        return;
    case HUB_FIELD_NAMES:
    case HUB_FIELD_STRINGS:
        check_strings(c, node, where, field->type == HUB_FIELD_NAMES);
        return;
    case HUB_FIELD_REFUSED:
        hub_diags_add(c->diags, c->path, node->line, node->column, "%s: %s", where, field->doc);
        return;
    }
}

static const struct hub_field *find_field(const struct hub_field *fields, const char *name) {
    for (const struct hub_field *field = fields; field->name != NULL; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

static void check_fields(const struct check *c, const struct hub_field *fields,
                         const struct cm_json *object, const char *where) {
    const char *dot = where[0] != '\0' ? "." : "";
    struct cm_str place = {0};

    for (const struct cm_json *item = object->first; item != NULL; item = item->next) {
        const struct hub_field *field = find_field(fields, item->key);

        if (field == NULL) {
            report_unknown(c, fields, item, where[0] != '\0' ? where : "the document");
            continue;
        }
        cm_str_clear(&place);
        cm_str_addf(&place, "%s%s%s", where, dot, field->name);
        check_field(c, field, item, cm_str_get(&place));
    }
    for (const struct hub_field *field = fields; field->name != NULL; field++) {
        if (field->required && cm_json_get(object, field->name) == NULL) {
            hub_diags_add(c->diags, c->path, object->line, object->column,
                          "%s%s%s is missing: add it", where, dot, field->name);
        }
    }
    cm_str_done(&place);
}

bool hub_schema_check(enum hub_kind kind, const struct cm_json *document, const char *path,
                      const char *text, size_t size, struct hub_diags *diags) {
    struct check c = {path, text, size, diags};
    size_t before = diags->count;

    check_fields(&c, hub_kind_tables[kind].fields, document, "");
    return diags->count == before;
}
