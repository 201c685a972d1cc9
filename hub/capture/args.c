// args.c: the arguments of an intent: made of what an agent told, and read back.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/field.h"
#include "common/object/hiding.h"
#include "common/object/who.h"
#include "common/str.h"
#include "hub/capture/capture.h"

#define SECRET "Secret/"
#define SHOWN 80 // bytes of a value in a commit's message

// ---- Making

// parse_value reads what an agent tells of a field. "": the field is not there.
static enum cm_rc parse_value(struct cm_arena *a, const struct hub_capture_seen *seen,
                              const char *text, struct cm_json **out, struct cm_err *err) {
    struct cm_json *value = NULL;
    struct cm_err ignored;

    if (text[0] == '\0') {
        return CM_OK;
    }
    if (cm_json_parse(a, text, strlen(text), NULL, &value, &ignored) < 0) {
        return cm_fail(err, CM_EINVAL,
                       "the value of %s in %s is too long to be known here: edit it in Git",
                       seen->path, seen->key);
    }
    if (cm_hiding_hides(value)) {
        return cm_fail(err, CM_EINVAL,
                       "the value of %s in %s may be a secret, and is not known here: edit it in "
                       "Git, or name it in spec.showValues of the App if it is none",
                       seen->path, seen->key);
    }
    *out = value;
    return CM_OK;
}

static enum cm_rc add(struct cm_arena *a, struct hub_capture_object *object,
                      const struct hub_capture_seen *seen, struct cm_err *err) {
    struct cm_json *field = cm_json_new(a, CM_OBJECT);
    struct cm_json *value = NULL;
    struct cm_json *was = NULL;
    struct cm_err unknown;

    if (strncmp(seen->key, SECRET, strlen(SECRET)) == 0) {
        return cm_fail(err, CM_EINVAL,
                       "'%s' is a Secret, of which no value is known here: change it where it "
                       "comes from",
                       seen->key);
    }
    if (seen->more) {
        return cm_fail(err, CM_EINVAL, "more fields of %s differ than agents tell: edit it in Git",
                       seen->key);
    }
    if (parse_value(a, seen, seen->actual, &value, err) < 0) {
        return err->code;
    }
    cm_json_set_string(a, field, "path", seen->path);
    cm_json_set_string(a, field, "manager", seen->manager);
    if (value != NULL) {
        cm_json_set(a, field, "value", value);
    }
    if (parse_value(a, seen, seen->desired, &was, &unknown) == CM_OK) {
        cm_json_set(a, field, "was", was != NULL ? was : cm_json_new(a, CM_NULL));
    }
    cm_json_append(object->fields, field);
    return CM_OK;
}

static struct hub_capture_object *begin(struct hub_capture_list *list,
                                        const struct hub_capture_seen *seen) {
    struct cm_arena *a = list->arena;

    list->items = cm_resize(list->items, (list->count + 1) * sizeof(*list->items));
    struct hub_capture_object *object = &list->items[list->count++];
    *object =
        (struct hub_capture_object){.cluster = cm_arena_strdup(a, seen->cluster),
                                    .app = cm_arena_strdup(a, seen->app),
                                    .repo = cm_arena_strdup(a, seen->repo),
                                    .way = seen->way != NULL ? cm_arena_strdup(a, seen->way) : "",
                                    .key = cm_arena_strdup(a, seen->key),
                                    .content = "",
                                    .managers = "",
                                    .users = "",
                                    .left = "",
                                    .fields = cm_json_new(a, CM_ARRAY)};
    return object;
}

// joined adds a name to a list of them, once.
static const char *joined(struct cm_arena *a, const char *list, const char *name) {
    const char *one = cm_arena_strf(a, ", %s,", name);

    return name[0] == '\0' || strstr(cm_arena_strf(a, ", %s,", list), one) != NULL
               ? list
               : cm_arena_strf(a, "%s%s%s", list, list[0] != '\0' ? ", " : "", name);
}

static void add_who(struct cm_arena *a, struct hub_capture_object *object,
                    const struct hub_capture_seen *seen) {
    if (seen->user == NULL || seen->user[0] == '\0') {
        object->managers = joined(a, object->managers, seen->manager);
        object->others = true;
        return;
    }
    object->users = joined(a, object->users, cm_who_text(a, seen->manager, seen->user));
    object->others |= object->user != NULL && strcmp(object->user, seen->user) != 0;
    object->user = object->user != NULL ? object->user : cm_arena_strdup(a, seen->user);
}

// take takes a field in. What was added where Git says nothing can be left out, as long as there is
// something else.
static void take(struct cm_arena *a, struct hub_capture_object *object,
                 const struct hub_capture_seen *seen) {
    bool added = seen->desired[0] == '\0';
    struct cm_err err = {.code = CM_OK};

    if (object->refused) {
        return;
    }
    if (add(a, object, seen, &err) < 0 && added) {
        object->left = joined(a, object->left, seen->path);
    } else if (object->secret == NULL && cm_hiding_reaches(a, seen->key, seen->path)) {
        object->secret = cm_arena_strdup(a, seen->path);
    }
    object->refused = err.code != CM_OK && !added;
    if (object->refused || object->fields->count == 0) {
        object->err = err;
    } else {
        object->err = (struct cm_err){.code = CM_OK};
    }
}

// who_of says who it was: users, and managers as they call themselves.
static const char *who_of(struct cm_arena *a, const struct hub_capture_object *object) {
    const char *claimed =
        object->managers[0] == '\0' ? "" : cm_arena_strf(a, "%s (claimed)", object->managers);

    return joined(a, object->users, claimed);
}

void hub_capture_gather(struct hub_capture_list *list, const struct hub_capture_seen *seen) {
    struct cm_arena *a = list->arena;
    struct hub_capture_object *object = list->count > 0 ? &list->items[list->count - 1] : NULL;

    if (object == NULL || strcmp(object->key, seen->key) != 0 ||
        strcmp(object->cluster, seen->cluster) != 0) {
        object = begin(list, seen);
    }
    object->content = cm_arena_strf(a, "%s%s\n%s\n", object->content, seen->path, seen->actual);
    add_who(a, object, seen);
    take(a, object, seen);
}

// lines_of says what changes, a line each.
static const char *lines_of(struct cm_arena *a, const struct cm_json *fields) {
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    for (const struct cm_json *at = fields->first; at != NULL; at = at->next) {
        const struct cm_json *was = cm_json_get(at, "was");
        const struct cm_json *shown = was != NULL && was->type != CM_NULL ? was : NULL;

        cm_str_addf(&out, "%s: %s -> %s\n", cm_json_string(cm_json_get(at, "path")),
                    was != NULL ? cm_difference_text(a, shown, SHOWN) : "?",
                    cm_difference_text(a, cm_json_get(at, "value"), SHOWN));
    }
    return cm_arena_strdup(a, cm_str_get(&out));
}

struct cm_json *hub_capture_args(struct cm_arena *a, const struct hub_capture_object *object,
                                 bool everywhere, bool automatic) {
    struct cm_json *args = cm_json_new(a, CM_OBJECT);
    struct cm_json *trailers = cm_json_new(a, CM_OBJECT);
    const char *where = everywhere ? "all clusters" : object->cluster;

    cm_json_set_string(a, args, "object", object->key);
    cm_json_set(a, args, "fields", cm_json_copy(a, object->fields));
    cm_json_set_bool(a, args, "everywhere", everywhere);
    cm_json_set_bool(a, args, "automatic", automatic);
    cm_json_set_string(a, args, "subject",
                       cm_arena_strf(a, "%s on %s, as it was changed by hand", object->key, where));
    const char *lines = lines_of(a, object->fields);
    const char *left =
        object->left[0] == '\0'
            ? ""
            : cm_arena_strf(a, "left out, for what was added is not known here: %s\n",
                            object->left);
    cm_json_set_string(a, args, "body", cm_arena_strf(a, "%s%s", lines, left));
    if (who_of(a, object)[0] != '\0') {
        cm_json_set_string(a, trailers, "Manager", who_of(a, object));
        cm_json_set(a, args, "trailers", trailers);
    }
    if (automatic) {
        // Nobody else asked for it.
        cm_json_set_string(a, args, "author", object->others ? NULL : object->user);
    }
    return args;
}

// ---- Reading

static enum cm_rc read_field(struct cm_arena *a, const struct cm_json *item,
                             struct hub_capture_field *out, struct cm_err *err) {
    const char *path = cm_json_string(cm_json_get(item, "path"));
    const char *manager = cm_json_string(cm_json_get(item, "manager"));
    struct cm_path parsed;

    if (path == NULL || !cm_field_parse(a, path, &parsed) || parsed.count == 0) {
        return cm_fail(err, CM_EINVAL, "capture: a field is not one");
    }
    *out = (struct hub_capture_field){.path = path,
                                      .manager = manager != NULL ? manager : "",
                                      .value = cm_json_get(item, "value"),
                                      .was = cm_json_get(item, "was")};
    return CM_OK;
}

enum cm_rc hub_capture_read(struct cm_arena *a, const struct cm_json *args, struct hub_capture *out,
                            struct cm_err *err) {
    const struct cm_json *list = cm_json_get(args, "fields");
    struct hub_capture what = {.key = cm_json_string(cm_json_get(args, "object")),
                               .everywhere = cm_json_true(cm_json_get(args, "everywhere")),
                               .automatic = cm_json_true(cm_json_get(args, "automatic"))};

    if (what.key == NULL || list == NULL || list->type != CM_ARRAY || list->count == 0 ||
        list->count > HUB_CAPTURE_FIELDS_MAX) {
        return cm_fail(err, CM_EINVAL, "capture: name an object, and up to %d of its fields",
                       HUB_CAPTURE_FIELDS_MAX);
    }
    struct hub_capture_field *fields = cm_arena_get(a, list->count * sizeof(*fields));
    for (const struct cm_json *at = list->first; at != NULL; at = at->next) {
        if (read_field(a, at, &fields[what.field_count++], err) < 0) {
            return err->code;
        }
    }
    what.fields = fields;
    *out = what;
    return CM_OK;
}
