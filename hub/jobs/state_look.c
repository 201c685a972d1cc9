#include "hub/jobs/state_look.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/id.h"
#include "common/str.h"
#include "hub/jobs/state_words.h"
#include "hub/repo/state_view.h"

#define BRANCH "actual"

static void closep(struct hub_view **v) {
    hub_view_close(*v);
}

struct look {
    struct cm_arena *arena;
    struct cm_arena *file; // of the one that is looked at
    const char *app;       // whose folder is compared; "": the cluster's is
    struct cm_json *items;
    size_t read; // bytes
    size_t told;
    bool full;
};

// ---- A file

static enum cm_rc read_file(struct look *l, const char *bytes, size_t size, struct cm_json **out,
                            struct cm_err *err) {
    l->read += size;
    return bytes == NULL ? CM_OK : cm_json_parse(l->file, bytes, size, NULL, out, err);
}

static struct cm_json *value_of(struct look *l, const struct cm_json *value) {
    return value == NULL ? cm_json_new(l->arena, CM_NULL) : cm_json_copy(l->arena, value);
}

// has_room counts a field; what is too much is not told, nor what comes after it.
static bool has_room(struct look *l, const struct cm_difference *d) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, d->path);
    cm_json_write_compact(d->desired, &text);
    if (d->actual != NULL) {
        cm_json_write_compact(d->actual, &text);
    }
    l->told += text.len;
    l->full = l->full || l->told > HUB_LOOK_TOLD_MAX;
    return !l->full;
}

static void set_fields(struct look *l, struct cm_json *item, const struct cm_json *from,
                       const struct cm_json *to) {
    struct cm_json *list = cm_json_new(l->arena, CM_ARRAY);
    struct cm_differences found;

    cm_object_changes(l->file, from, to, HUB_LOOK_FIELDS_MAX, &found);
    for (size_t i = 0; i < found.count && has_room(l, &found.items[i]); i++) {
        struct cm_json *field = cm_json_new(l->arena, CM_OBJECT);

        cm_json_set_string(l->arena, field, "path", found.items[i].path);
        cm_json_set(l->arena, field, "from", value_of(l, found.items[i].desired));
        cm_json_set(l->arena, field, "to", value_of(l, found.items[i].actual));
        cm_json_append(list, field);
    }
    cm_json_set(l->arena, item, "fields", list);
    cm_json_set_bool(l->arena, item, "more", found.more || l->full);
}

static const char *app_of(struct look *l, const char *path) {
    return l->app[0] != '\0' ? l->app : cm_arena_strndup(l->arena, path, strcspn(path, "/"));
}

static const char *object_of(struct look *l, const struct cm_json *object, const char *path) {
    struct cm_object_id id;
    struct cm_err ignored;

    return cm_object_id_of(l->arena, object, &id, &ignored) < 0 ? cm_arena_strdup(l->arena, path)
                                                                : cm_object_key(l->arena, &id);
}

static const char *change_of(const struct cm_json *from, const struct cm_json *to) {
    if (from == NULL) {
        return "added";
    }
    return to == NULL ? "removed" : "changed";
}

static bool is_meta(const char *path) {
    size_t len = strlen(path);
    size_t tail = strlen(HUB_STATE_META);

    return len >= tail && strcmp(path + len - tail, HUB_STATE_META) == 0 &&
           (len == tail || path[len - tail - 1] == '/');
}

static enum cm_rc compare_file(struct look *l, const struct hub_view_file *file,
                               struct cm_err *err) {
    struct cm_json *from = NULL;
    struct cm_json *to = NULL;
    enum cm_rc rc = read_file(l, file->from, file->from_size, &from, err);
    rc = rc < 0 ? rc : read_file(l, file->to, file->to_size, &to, err);
    if (rc < 0) {
        return cm_fail(err, CM_EIO, "'%.200s' of the state repository is no JSON", file->path);
    }
    struct cm_json *item = cm_json_new(l->arena, CM_OBJECT);
    cm_json_set_string(l->arena, item, "app", app_of(l, file->path));
    cm_json_set_string(l->arena, item, "object", object_of(l, to != NULL ? to : from, file->path));
    cm_json_set_string(l->arena, item, "change", change_of(from, to));
    if (from != NULL && to != NULL) {
        set_fields(l, item, from, to);
    }
    cm_json_append(l->items, item);
    return CM_OK;
}

static enum cm_rc add_file(void *ctx, const struct hub_view_file *file, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct look *l = ctx;

    if (is_meta(file->path)) {
        return CM_OK;
    }
    l->full = l->full || l->read + file->from_size + file->to_size > HUB_LOOK_READ_MAX;
    l->file = a;
    return l->full ? CM_OK : compare_file(l, file, err);
}

// ---- Both sides

static enum cm_rc find_side(struct look *l, struct hub_view *v, const struct hub_look_side *side,
                            struct hub_view_side *out, struct cm_err *err) {
    out->folder = hub_state_folder(l->arena, side->cluster);
    if (side->app[0] != '\0') {
        out->folder =
            cm_arena_strf(l->arena, "%s/%s", out->folder, hub_state_part(l->arena, side->app));
    }
    return hub_view_at(v, BRANCH, side->at_ms, &out->commit, err);
}

static void set_side(struct look *l, struct cm_json *answer, const char *member,
                     const struct hub_look_side *side, const struct hub_view_side *at) {
    struct cm_json *told = cm_json_new(l->arena, CM_OBJECT);
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(&at->commit, hex);
    cm_json_set_string(l->arena, told, "cluster", side->cluster);
    cm_json_set_int(l->arena, told, "atMs", side->at_ms);
    cm_json_set_string(l->arena, told, "commit", hex);
    cm_json_set_bool(l->arena, told, "observed", side->observed);
    cm_json_set(l->arena, answer, member, told);
}

enum cm_rc hub_state_look(const char *path, struct cm_arena *a, const struct hub_look_side *from,
                          const struct hub_look_side *to, struct cm_json **out,
                          struct cm_err *err) {
    CM_CLEANUP(closep) struct hub_view *v = NULL;
    struct look l = {.arena = a, .app = from->app, .items = cm_json_new(a, CM_ARRAY)};
    const struct hub_view_visitor visitor = {add_file, &l, HUB_LOOK_OBJECTS_MAX};
    struct hub_view_side before, after;
    bool more = false;
    enum cm_rc rc = hub_view_open(path, &v, err);

    rc = rc < 0 ? rc : find_side(&l, v, from, &before, err);
    rc = rc < 0 ? rc : find_side(&l, v, to, &after, err);
    rc = rc < 0 ? rc : hub_view_compare(v, &before, &after, &visitor, &more, err);
    if (rc < 0) {
        return rc;
    }
    *out = cm_json_new(a, CM_OBJECT);
    set_side(&l, *out, "from", from, &before);
    set_side(&l, *out, "to", to, &after);
    cm_json_set(a, *out, "items", l.items);
    cm_json_set_bool(a, *out, "more", more || l.full);
    return CM_OK;
}
