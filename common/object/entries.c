#include "common/object/entries.h"

#include <stdint.h>

#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

// Up to here looking through the list is faster than a map.
#define FEW 16

static void write_key(const struct cm_list_rule *rule, const struct cm_json *entry,
                      struct cm_str *out) {
    cm_str_clear(out);
    for (size_t i = 0; rule->keys[i] != NULL; i++) {
        const struct cm_json *value = cm_json_get(entry, rule->keys[i]);

        if (value != NULL) {
            cm_json_write_compact(value, out);
        } else if (rule->defaults[i] != NULL) {
            cm_str_addf(out, "\"%s\"", rule->defaults[i]);
        }
        cm_str_add_char(out, '\n'); // no JSON on one line holds it
    }
}

static void fill(struct cm_entries *e) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};

    e->by_key = cm_map_new(NULL);
    for (struct cm_json *entry = e->list->first; entry != NULL; entry = entry->next) {
        write_key(e->rule, entry, &key);
        if (cm_map_get(e->by_key, cm_str_get(&key)) == NULL) {
            cm_map_put(e->by_key, cm_str_get(&key), entry);
        }
    }
}

void cm_entries_init(struct cm_entries *e, const struct cm_list_rule *rule,
                     const struct cm_json *list) {
    bool is_list = list != NULL && list->type == CM_ARRAY;

    *e = (struct cm_entries){.rule = rule, .list = is_list ? list : NULL};
    e->hint = is_list ? list->first : NULL;
    if (is_list && list->count > FEW) {
        fill(e);
    }
}

void cm_entries_done(struct cm_entries *e) {
    cm_map_free(e->by_key);
    *e = (struct cm_entries){0};
}

static const struct cm_json *look_up(struct cm_entries *e, const struct cm_json *like) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};

    if (e->by_key != NULL) {
        write_key(e->rule, like, &key);
        const struct cm_json *found = cm_map_get(e->by_key, cm_str_get(&key));
        return found != NULL && cm_list_same(e->rule, like, found) ? found : NULL;
    }
    for (const struct cm_json *entry = e->list->first; entry != NULL; entry = entry->next) {
        if (cm_list_same(e->rule, like, entry)) {
            return entry;
        }
    }
    return NULL;
}

const struct cm_json *cm_entries_find(struct cm_entries *e, const struct cm_json *like) {
    if (e->list == NULL) {
        return NULL;
    }
    const struct cm_json *found = e->hint;
    if (found == NULL || !cm_list_same(e->rule, like, found)) {
        found = look_up(e, like);
    }
    if (found != NULL) {
        e->hint = found->next;
    }
    return found;
}
