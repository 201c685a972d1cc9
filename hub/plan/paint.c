#include "hub/plan/paint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/secret.h"

#define NAMES_SHOWN 3
#define VALUE_MAX 160      // bytes
#define WAYS_SHOWN 3       // groups that differ in values only
#define DELETIONS_SHOWN 50 // of one App on the same clusters

// ---- Lines

// hostile returns the length of a character that would change how a line is shown, or 0.
static size_t hostile(const unsigned char *at, size_t left) {
    if (*at < ' ' || *at == 0x7f) {
        return 1;
    }
    if (*at == 0xc2 && left > 1 && at[1] >= 0x80 && at[1] < 0xa0) { // C1
        return 2;
    }
    if (*at == 0xe2 && left > 2) {
        bool embeds = at[1] == 0x80 && ((at[2] >= 0xa8 && at[2] <= 0xae) || at[2] == 0x8f ||
                                        at[2] == 0x8e); // U+2028..202E, marks of direction
        bool isolates = at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9; // U+2066..2069
        return embeds || isolates ? 3 : 0;
    }
    return 0;
}

void paint_safe(struct cm_str *out, const char *text, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t bad = hostile((const unsigned char *)text + i, size - i);

        cm_str_add_n(out, bad > 0 ? "?" : text + i, 1);
        i += bad > 0 ? bad : 1;
    }
}

static const char *const colours[] = {
    [PAINT_HEAD] = "\x1b[1m", [PAINT_NOTE] = "",           [PAINT_OBJECT] = "\x1b[1m",
    [PAINT_ADD] = "\x1b[32m", [PAINT_REMOVE] = "\x1b[31m", [PAINT_CHANGE] = "\x1b[33m",
};

static void indent(struct cm_str *out, size_t level) {
    cm_str_addf(out, "%*s", (int)(2 * level), "");
}

static void add_text_line(const struct paint *p, enum paint_kind kind, size_t level,
                          const struct cm_str *text) {
    static const char *const signs[] = {
        [PAINT_HEAD] = "",  [PAINT_NOTE] = "",     [PAINT_OBJECT] = "",
        [PAINT_ADD] = "+ ", [PAINT_REMOVE] = "- ", [PAINT_CHANGE] = "~ ",
    };

    indent(p->out, level);
    cm_str_add(p->out, p->colour ? colours[kind] : "");
    cm_str_add(p->out, signs[kind]);
    paint_safe(p->out, cm_str_get(text), text->len);
    cm_str_add(p->out, p->colour && colours[kind][0] != '\0' ? "\x1b[0m\n" : "\n");
}

static void add_diff_line(const struct paint *p, enum paint_kind kind, size_t level,
                          const struct cm_str *text) {
    static const char *const signs[] = {
        [PAINT_HEAD] = "@@ ", [PAINT_NOTE] = "  ",   [PAINT_OBJECT] = "  ",
        [PAINT_ADD] = "+ ",   [PAINT_REMOVE] = "- ", [PAINT_CHANGE] = "! ",
    };

    cm_str_add(p->out, signs[kind]);
    if (kind != PAINT_HEAD) {
        indent(p->out, level < 2 ? 0 : level - 2);
    }
    paint_safe(p->out, cm_str_get(text), text->len);
    cm_str_add(p->out, kind == PAINT_HEAD ? " @@\n" : "\n");
}

void paint_line(const struct paint *p, enum paint_kind kind, size_t level, const char *fmt, ...) {
    CM_AUTOFREE char *words = NULL;
    va_list args;

    va_start(args, fmt);
    int size = vasprintf(&words, fmt, args);
    va_end(args);
    if (size < 0) {
        abort();
    }
    struct cm_str text = {.data = words, .len = (size_t)size};
    (p->diff ? add_diff_line : add_text_line)(p, kind, level, &text);
}

const char *paint_plural(size_t count) {
    return count == 1 ? "" : "s";
}

void paint_clusters(const char *const *names, size_t count, const char *after_count,
                    struct cm_str *out) {
    size_t shown = count <= NAMES_SHOWN + 1 ? count : NAMES_SHOWN;

    if (count == 1) {
        cm_str_addf(out, "%s%s", names[0], after_count);
        return;
    }
    cm_str_addf(out, "%zu clusters%s:", count, after_count);
    for (size_t i = 0; i < shown; i++) {
        cm_str_addf(out, "%s %s", i > 0 ? "," : "", names[i]);
    }
    if (shown < count) {
        cm_str_addf(out, " and %zu more", count - shown);
    }
}

// ---- Changes

// What deleting an object of some kinds takes with it.
static const char *consequence(const char *key) {
    static const struct {
        const char *kind;
        const char *words;
    } kinds[] = {
        {"Namespace/", ", and everything in it"},
        {"CustomResourceDefinition.apiextensions.k8s.io/", ", and all objects of its kind"},
        {"PersistentVolumeClaim/", ", and maybe its data"},
        {"PersistentVolume/", ", and maybe its data"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(key, kinds[i].kind, strlen(kinds[i].kind)) == 0) {
            return kinds[i].words;
        }
    }
    return "";
}

static bool has_lines(const struct cm_json *value) {
    return value != NULL && value->type == CM_STRING && strchr(value->text, '\n') != NULL;
}

static bool is_mask(const struct cm_json *value) {
    return value->type == CM_STRING && strcmp(value->text, CM_SECRET_MASK) == 0;
}

static void paint_value(const struct paint *p, size_t level, const struct hub_plan_change *change) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *path = change->path[0] != '\0' ? change->path : "(more fields than can be told)";
    const char *before = cm_difference_text(a, change->before, VALUE_MAX);
    const char *after = cm_difference_text(a, change->after, VALUE_MAX);
    bool both = change->before != NULL && change->after != NULL;

    if (both && is_mask(change->before) && is_mask(change->after)) {
        paint_line(p, PAINT_CHANGE, level, "%s: another value (%s)", path, CM_SECRET_MASK);
    } else if (both && (has_lines(change->before) || has_lines(change->after)) &&
               change->before->type == CM_STRING && change->after->type == CM_STRING) {
        paint_line(p, PAINT_CHANGE, level, "%s:", path);
        paint_texts(p, level + 1, change->before->text, change->after->text);
    } else if (both) {
        paint_line(p, PAINT_CHANGE, level, "%s: %s → %s", path, before, after);
    } else if (change->before == NULL) {
        paint_line(p, PAINT_ADD, level, "%s: %s", path, after);
    } else {
        paint_line(p, PAINT_REMOVE, level, "%s: %s", path, before);
    }
}

static void paint_whole(const struct paint *p, size_t level, const struct hub_plan_change *c) {
    switch (c->action) {
    case HUB_PLAN_LEAVES:
        paint_line(p, PAINT_REMOVE, level, "the App leaves");
        break;
    case HUB_PLAN_COMES:
        paint_line(p, PAINT_ADD, level, "the App comes");
        break;
    case HUB_PLAN_REMOVED:
        paint_line(p, PAINT_REMOVE, level, "%s is deleted%s", c->key, consequence(c->key));
        break;
    case HUB_PLAN_RELEASED:
        paint_line(p, PAINT_CHANGE, level, "%s stays there, unmanaged", c->key);
        break;
    case HUB_PLAN_MOVED:
        paint_line(p, PAINT_CHANGE, level, "%s goes to App %s", c->key, c->app);
        break;
    case HUB_PLAN_TAKEN:
        paint_line(p, PAINT_CHANGE, level, "%s comes from App %s", c->key, c->app);
        break;
    case HUB_PLAN_ADDED:
        paint_line(p, PAINT_ADD, level, "%s", c->key);
        break;
    case HUB_PLAN_RUNS:
        paint_line(p, PAINT_CHANGE, level, "%s runs (%s)", c->key, c->path);
        break;
    case HUB_PLAN_REWRITTEN:
        paint_line(p, PAINT_NOTE, level, "%s is written otherwise, the same to Kubernetes", c->key);
        break;
    default:
        paint_value(p, level, c);
        break;
    }
}

static void paint_changes(const struct paint *p, const struct hub_plan_group *group) {
    const char *object = "";

    for (size_t i = 0; i < group->change_count; i++) {
        const struct hub_plan_change *change = &group->changes[i];

        if (change->action != HUB_PLAN_FIELD) {
            paint_whole(p, 2, change);
            object = change->action == HUB_PLAN_TAKEN ? change->key : "";
            continue;
        }
        if (strcmp(object, change->key) != 0) {
            object = change->key;
            paint_line(p, PAINT_OBJECT, 2, "%s", object);
        }
        paint_value(p, 3, change);
    }
}

// ---- Groups

// same_shape returns the end of the groups that differ from the first in values only.
static size_t same_shape(const struct hub_plan_app *app, size_t from, size_t *clusters) {
    size_t end = from;

    *clusters = 0;
    while (end < app->group_count && app->groups[end].shape == app->groups[from].shape) {
        *clusters += app->groups[end++].cluster_count;
    }
    return end;
}

static void paint_group(const struct paint *p, const struct hub_plan_group *group) {
    CM_CLEANUP(cm_str_done) struct cm_str clusters = {0};

    paint_clusters(group->clusters, group->cluster_count, group->also ? " also" : "", &clusters);
    paint_line(p, PAINT_HEAD, 1, "%s", cm_str_get(&clusters));
    paint_changes(p, group);
}

static void paint_ways(const struct paint *p, const struct hub_plan_group *first, size_t ways,
                       size_t clusters) {
    paint_line(p, PAINT_HEAD, 1, "%zu clusters%s, in %zu ways; on %s%s", clusters,
               first->also ? " also" : "", ways, first->clusters[0],
               first->cluster_count == 1 ? "" : " and others");
    paint_changes(p, first);
}

static void paint_setting(const struct paint *p, const struct hub_plan_change *setting) {
    const char *before = setting->before == NULL ? "none" : setting->before->text;
    const char *after = setting->after == NULL ? "none" : setting->after->text;

    paint_line(p, PAINT_CHANGE, 1, "%s: %s → %s: %s", setting->path, before, after,
               hub_plan_setting_words(setting));
}

void paint_app(const struct paint *p, const struct hub_plan_app *app) {
    for (size_t i = 0; i < app->setting_count; i++) {
        paint_setting(p, &app->settings[i]);
    }
    for (size_t i = 0; i < app->group_count;) {
        size_t clusters;
        size_t end = same_shape(app, i, &clusters);

        if (end - i > WAYS_SHOWN) {
            paint_ways(p, &app->groups[i], end - i, clusters);
            i = end;
        }
        for (; i < end; i++) {
            paint_group(p, &app->groups[i]);
        }
    }
}

// ---- Deletions

static size_t count_removed(const struct hub_plan_group *group) {
    size_t count = 0;

    for (size_t i = 0; i < group->change_count; i++) {
        count += group->changes[i].action == HUB_PLAN_REMOVED ? 1 : 0;
    }
    return count;
}

static size_t paint_removed(const struct paint *p, const struct hub_plan_app *app,
                            const struct hub_plan_group *group, size_t removed) {
    CM_CLEANUP(cm_str_done) struct cm_str clusters = {0};
    size_t shown = 0;

    paint_clusters(group->clusters, group->cluster_count, "", &clusters);
    paint_line(p, PAINT_HEAD, 1, "App %s, on %s", app->name, cm_str_get(&clusters));
    for (size_t i = 0; i < group->change_count && shown < DELETIONS_SHOWN; i++) {
        const struct hub_plan_change *change = &group->changes[i];

        if (change->action == HUB_PLAN_REMOVED) {
            paint_line(p, PAINT_REMOVE, 2, "%s%s", change->key, consequence(change->key));
            shown++;
        }
    }
    if (shown < removed) {
        paint_line(p, PAINT_REMOVE, 2, "and %zu more objects", removed - shown);
    }
    return 1 + shown;
}

size_t paint_deletions(const struct paint *p, const struct hub_plan *plan) {
    size_t lines = 0;

    for (size_t i = 0; i < plan->app_count; i++) {
        const struct hub_plan_app *app = &plan->apps[i];

        for (size_t k = 0; k < app->group_count; k++) {
            size_t removed = count_removed(&app->groups[k]);

            if (removed > 0) {
                lines += paint_removed(p, app, &app->groups[k], removed);
            }
        }
    }
    return lines;
}
