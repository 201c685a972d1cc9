// Where the names of members stand in a file, and which field a wrong one was meant to be.
#include <string.h>

#include "common/str.h"
#include "hub/fleet/schema_check.h"

#define FIELDS_MAX 32   // of one table
#define KEY_LINES_UP 20 // how far above its value a name is looked for

// ---- Places

static const char *line_at(const struct hub_check *c, uint32_t line) {
    const char *at = c->text;
    const char *end = c->text + c->size;

    for (uint32_t i = 1; i < line && at != NULL; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    return at;
}

// line_before returns where the line before one begins, NULL for the first one.
static const char *line_before(const struct hub_check *c, const char *line) {
    if (line == c->text) {
        return NULL;
    }
    const char *feed = memrchr(c->text, '\n', (size_t)(line - 1 - c->text));

    return feed != NULL ? feed + 1 : c->text;
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

// The place is where a member's name stands: the tree knows only where its value begins,
// which is on the same line or a little below.
void hub_check_place(const struct hub_check *c, const struct cm_json *member, uint32_t *line,
                     uint32_t *column) {
    *line = member->line;
    *column = member->column;
    if (c->diags->count >= HUB_DIAGS_MAX) { // it is not told
        return;
    }
    const char *start = line_at(c, member->line);
    for (uint32_t up = 0; up < KEY_LINES_UP && start != NULL; up++, start = line_before(c, start)) {
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

void hub_check_unknown(const struct hub_check *c, const struct hub_field *fields,
                       const struct cm_json *member, const char *where) {
    const char *near = nearest(fields, member->key);
    struct cm_str names = {0};
    uint32_t line;
    uint32_t column;

    hub_check_place(c, member, &line, &column);
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
