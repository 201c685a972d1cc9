#include "hub/api/write_capture.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"
#include "hub/api/change.h"
#include "hub/api/request.h"
#include "hub/capture/capture.h"
#include "hub/jobs/changed.h"

#define ROWS_MAX 1000 // fields that are looked at
#define SHOWN 5       // objects that are named where there are several

static void list_done(struct hub_capture_list *list) {
    free(list->items);
}

// is_meant tells whether somebody means an object: by its key, or as KIND/NAME.
static bool is_meant(struct cm_arena *a, const struct hub_capture_object *object,
                     const char *asked) {
    struct cm_object_id id;

    if (asked == NULL || strcmp(object->key, asked) == 0) {
        return true;
    }
    return cm_object_key_parse(a, object->key, &id) &&
           strcmp(cm_arena_strf(a, "%s/%s", id.kind, id.name), asked) == 0;
}

static enum cm_rc fail_several(const struct hub_capture_list *list, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};

    for (size_t i = 0; i < list->count && i < SHOWN; i++) {
        cm_str_addf(&names, "%s%s", i > 0 ? ", " : "", list->items[i].key);
    }
    return cm_fail(err, CM_EINVAL, "object: several were changed by hand, name one: %.400s%s",
                   cm_str_get(&names), list->count > SHOWN ? ", …" : "");
}

// choose finds the one that is meant; NULL: there is none, or several.
static const struct hub_capture_object *choose(struct cm_arena *a,
                                               const struct hub_capture_list *list,
                                               const char *asked, struct cm_err *err) {
    const struct hub_capture_object *found = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (is_meant(a, &list->items[i], asked)) {
            if (found != NULL) {
                (void)fail_several(list, err);
                return NULL;
            }
            found = &list->items[i];
        }
    }
    if (found == NULL) {
        (void)cm_fail(err, CM_ENOTFOUND,
                      "nobody has changed %s%s%s by hand, as far as the agent has told; what was "
                      "only added is no change: 'git diff desired actual' in the state repository "
                      "has it",
                      asked != NULL ? "'" : "an object of the App there",
                      asked != NULL ? asked : "", asked != NULL ? "'" : "");
    }
    return found;
}

static void add_members(struct cm_json *args, struct cm_json *from) {
    for (struct cm_json *at = from->first; at != NULL;) {
        struct cm_json *next = at->next;

        at->next = NULL;
        cm_json_append(args, at);
        at = next;
    }
}

enum cm_rc hub_write_capture(struct hub_request *r, struct hub_change *c, struct hub_db *db,
                             const struct cm_json *body, struct cm_json *args, struct cm_err *err) {
    CM_CLEANUP(list_done) struct hub_capture_list list = {.arena = r->arena};
    const char *asked = cm_json_string(cm_json_get(body, "object"));

    if (c->app == NULL || c->cluster == NULL) {
        return cm_fail(err, CM_EINVAL, "app: 'capture' is about an App on a cluster, name both");
    }
    if (hub_changed_find(db, c->app, c->cluster, ROWS_MAX, &list, err) < 0) {
        return err->code;
    }
    const struct hub_capture_object *object = choose(r->arena, &list, asked, err);
    if (object == NULL) {
        return err->code;
    }
    if (object->err.code != CM_OK) {
        *err = object->err;
        return err->code;
    }
    c->repository = cm_strdup(object->repo);
    add_members(args, hub_capture_args(r->arena, object,
                                       cm_json_true(cm_json_get(body, "everywhere")), false));
    return CM_OK;
}
