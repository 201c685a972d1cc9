#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "common/yaml.h"
#include "common/yaml_edit.h"
#include "hub/hold/exemption.h"
#include "hub/hold/freeze.h"
#include "hub/hold/hold.h"
#include "hub/write/kinds.h"

static const struct hub_write_kind kinds[] = {
    {"suspend", HUB_WRITE_SET, NULL, "suspend", true, "change nothing until it is resumed"},
    {"resume", HUB_WRITE_SET, NULL, "suspend", false, "go on"},
    {"retry", HUB_WRITE_RETRY, "holds", "retry", true, "try the rejected release again"},
    {"hold", HUB_WRITE_JOIN, "holds", NULL, true, "hold a release back"},
    {"unhold", HUB_WRITE_REMOVE, "holds", NULL, false, "the hold is void"},
    {"ban", HUB_WRITE_PUT, "bans", NULL, true, "never to run"},
    {"unban", HUB_WRITE_REMOVE, "bans", NULL, false, "may run again"},
    {"exempt", HUB_WRITE_PUT, "exemptions", NULL, true, "allow a change by hand"},
    {"unexempt", HUB_WRITE_REMOVE, "exemptions", NULL, false, "the exemption has ended"},
    {"confirm", HUB_WRITE_PUT, "confirmations", NULL, true, "confirm a removal"},
    {"freeze", HUB_WRITE_PUT, "freezes", NULL, true, "stop applying"},
    {"unfreeze", HUB_WRITE_REMOVE, "freezes", NULL, false, "apply again"},
    {"capture", HUB_WRITE_CAPTURE, NULL, NULL, true, "take over what was changed by hand"},
    {"ignore", HUB_WRITE_ADD, NULL, "ignoreDifferences", true, "ignore differences in a field"},
};

const struct hub_write_kind *hub_write_kind_find(const char *name) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool hub_write_is_proven(const struct hub_intent *intent) {
    const struct hub_write_kind *kind = hub_write_kind_find(intent->kind);

    return kind != NULL && kind->way == HUB_WRITE_CAPTURE;
}

void hub_write_edit_done(struct hub_write_edit *edit) {
    free(edit->path);
    free(edit->before);
    free(edit->text);
    free(edit->why);
    *edit = (struct hub_write_edit){0};
}

enum cm_rc hub_write_args(struct cm_arena *a, const struct hub_intent *intent, struct cm_json **out,
                          struct cm_err *err) {
    static const struct cm_json_limits limits = {
        .max_bytes = HUB_WRITE_ARGS_MAX, .max_depth = 20, .max_nodes = 2000};

    if (cm_json_parse(a, intent->args, strlen(intent->args), &limits, out, err) < 0) {
        return cm_wrap(err, "read what '%s' is about", intent->kind);
    }
    return (*out)->type == CM_OBJECT
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "what '%s' is about is no object", intent->kind);
}

// ---- What it is about

static bool is_about_document(const struct hub_write_kind *kind) {
    return kind->folder == NULL;
}

// is_same_text tells whether a member of the arguments of both is the same.
static bool is_same_text(const struct hub_intent *a, const struct hub_intent *b,
                         const char *member) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct cm_json *one = NULL;
    struct cm_json *other = NULL;
    struct cm_err ignored;

    if (hub_write_args(arena, a, &one, &ignored) < 0 ||
        hub_write_args(arena, b, &other, &ignored) < 0) {
        return false;
    }
    const char *text = cm_json_string(cm_json_get(one, member));
    const char *that = cm_json_string(cm_json_get(other, member));
    return text != NULL && that != NULL && strcmp(text, that) == 0;
}

static bool is_same_object(const struct hub_intent *a, const struct hub_intent *b) {
    return strcmp(a->app, b->app) == 0 && strcmp(a->cluster, b->cluster) == 0 &&
           is_same_text(a, b, "object");
}

bool hub_write_is_same_target(const struct hub_intent *a, const struct hub_intent *b) {
    const struct hub_write_kind *kind = hub_write_kind_find(a->kind);
    const struct hub_write_kind *that = hub_write_kind_find(b->kind);

    if (kind == NULL || that == NULL || is_about_document(kind) != is_about_document(that)) {
        return false;
    }
    if (kind->way == HUB_WRITE_CAPTURE || that->way == HUB_WRITE_CAPTURE) {
        return kind == that && is_same_object(a, b);
    }
    if (!is_about_document(kind)) {
        return is_same_text(a, b, "path");
    }
    return kind->way == HUB_WRITE_SET && strcmp(kind->member, that->member) == 0 &&
           strcmp(a->app, b->app) == 0 && strcmp(a->cluster, b->cluster) == 0;
}

static bool wants_revert(const struct cm_json *args) {
    return cm_json_true(cm_json_get(args, "revert"));
}

bool hub_write_may_revert(const struct hub_intent *intent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *args = NULL;
    struct cm_err ignored;

    return strcmp(intent->kind, "hold") == 0 &&
           hub_write_args(a, intent, &args, &ignored) == CM_OK && wants_revert(args);
}

bool hub_write_was_found(const struct hub_intent *intent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *args = NULL;
    struct cm_err ignored;

    return strcmp(intent->kind, "hold") == 0 &&
           hub_write_args(a, intent, &args, &ignored) == CM_OK &&
           cm_json_true(cm_json_get(args, HUB_WRITE_FOUND));
}

bool hub_write_is_outdone(const struct hub_intent *intent, const struct hub_intent *later) {
    return hub_write_may_revert(intent) && hub_write_may_revert(later) &&
           hub_write_is_same_target(intent, later);
}

bool hub_write_is_undone(const struct hub_intent *intent, const struct hub_intent *later) {
    const struct hub_write_kind *kind = hub_write_kind_find(later->kind);

    return kind != NULL && kind->way != HUB_WRITE_RETRY &&
           (kind->way == HUB_WRITE_CAPTURE || strcmp(intent->kind, later->kind) != 0 ||
            hub_write_is_outdone(intent, later)) &&
           hub_write_is_same_target(intent, later);
}

// ---- Whether it makes sense

// is_below tells whether a path is in a folder of the fleet.
static bool is_below(const char *path, const char *root, const char *folder) {
    CM_AUTOFREE char *start = cm_strf("%s%s%s/", root, root[0] != '\0' ? "/" : "", folder);

    return strncmp(path, start, strlen(start)) == 0;
}

static enum cm_rc check_path(const struct hub_write_kind *kind, const struct cm_json *args,
                             const char *root, struct cm_err *err) {
    const char *path = cm_json_string(cm_json_get(args, "path"));

    if (path == NULL || !cm_fsys_path_ok(path) || !is_below(path, root, kind->folder)) {
        return cm_fail(err, CM_EINVAL, "'%s' goes into no file '%.200s'", kind->name,
                       path != NULL ? path : "");
    }
    return CM_OK;
}

static enum cm_rc check_text(const struct hub_write_kind *kind, const struct cm_json *args,
                             struct cm_err *err) {
    const char *text = cm_json_string(cm_json_get(args, "text"));
    const struct cm_json *rule = cm_json_get(args, "rule");

    if ((kind->way == HUB_WRITE_PUT || kind->way == HUB_WRITE_JOIN) &&
        (text == NULL || text[0] == '\0' || strlen(text) > HUB_WRITE_FILE_MAX)) {
        return cm_fail(err, CM_EINVAL, "'%s' needs the text of the file, at most %zu bytes",
                       kind->name, HUB_WRITE_FILE_MAX);
    }
    if (kind->way == HUB_WRITE_ADD && (rule == NULL || rule->type != CM_OBJECT)) {
        return cm_fail(err, CM_EINVAL, "'%s' needs a rule", kind->name);
    }
    return CM_OK;
}

static enum cm_rc check_capture(const struct hub_intent *intent, const struct cm_json *args,
                                struct cm_err *err) {
    return intent->app[0] != '\0' && intent->cluster[0] != '\0' &&
                   cm_json_string(cm_json_get(args, "object")) != NULL
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "'capture' is about an object of an App on a cluster");
}

static enum cm_rc check_args(const struct hub_write_kind *kind, const struct hub_intent *intent,
                             const struct cm_json *args, const char *root, struct cm_err *err) {
    bool document = is_about_document(kind);

    if (kind->way == HUB_WRITE_CAPTURE) {
        return check_capture(intent, args, err);
    }
    if (document && (intent->app[0] == '\0') == (intent->cluster[0] == '\0')) {
        return cm_fail(err, CM_EINVAL, "'%s' is about one App or one cluster", kind->name);
    }
    if (kind->way == HUB_WRITE_ADD && intent->app[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "'%s' is about an App", kind->name);
    }
    if (!document && check_path(kind, args, root, err) < 0) {
        return err->code;
    }
    return check_text(kind, args, err);
}

enum cm_rc hub_write_check(const struct hub_intent *intent, const char *root, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_write_kind *kind = hub_write_kind_find(intent->kind);
    struct cm_json *args = NULL;

    if (kind == NULL) {
        return cm_fail(err, CM_EINVAL, "'%.40s' is nothing that can be written", intent->kind);
    }
    if (intent->id[0] == '\0' || strlen(intent->id) >= HUB_WRITE_ID_MAX ||
        strpbrk(intent->id, "\r\n ") != NULL) {
        return cm_fail(err, CM_EINVAL, "what is to be written needs an id");
    }
    return hub_write_args(a, intent, &args, err) < 0 ? err->code
                                                     : check_args(kind, intent, args, root, err);
}

// ---- What it changes

static char *text_of(const struct cm_buf *buf) {
    return cm_strndup((const char *)buf->data, buf->size);
}

// give gives out an edit unless it changes nothing.
static void give(struct hub_write_edit *out, const char *path, char *before, char *text) {
    if (before != NULL && text != NULL && strcmp(before, text) == 0) {
        free(before);
        free(text);
        return;
    }
    *out = (struct hub_write_edit){.path = cm_strdup(path), .before = before, .text = text};
}

static enum cm_rc edit_member(const struct hub_write_kind *kind,
                              const struct hub_write_place *place, const struct cm_json *to,
                              char **out, struct cm_err *err) {
    const char *const path[] = {"spec", kind->member};
    const struct cm_yaml_edit edit = {
        .document = place->document, .path = path, .depth = 2, .to = to};

    return cm_yaml_edit_text((const char *)place->text->data, place->text->size, &edit, out, err);
}

// set_member takes a member out where that goes, so that the file is as before it was put in.
static enum cm_rc set_member(const struct hub_write_kind *kind, const struct hub_write_place *place,
                             struct hub_write_edit *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *to = cm_json_new_bool(a, kind->truth);
    char *text = NULL;
    enum cm_rc rc = kind->truth ? CM_EINVAL : edit_member(kind, place, NULL, &text, err);

    if (rc < 0 && edit_member(kind, place, to, &text, err) < 0) {
        return cm_wrap(err, "'%.200s'", place->path);
    }
    give(out, place->path, text_of(place->text), text);
    return CM_OK;
}

static enum cm_rc find_place(const struct hub_intent *intent, const struct cm_json *args,
                             const struct hub_write_files *files, struct hub_write_place *out,
                             struct cm_err *err) {
    bool app = intent->app[0] != '\0';

    return hub_write_find_document(files, app ? "App" : "Cluster",
                                   app ? intent->app : intent->cluster,
                                   cm_json_string(cm_json_get(args, "file")), out, err);
}

// add_rule puts a rule at the end of a list of the App's document.
static enum cm_rc add_rule(const struct hub_write_kind *kind, const struct hub_write_place *place,
                           const struct cm_json *args, struct hub_write_edit *out,
                           struct cm_err *err) {
    const char *const path[] = {"spec", kind->member};
    const struct cm_yaml_edit edit = {
        .document = place->document, .path = path, .depth = 2, .add = cm_json_get(args, "rule")};
    char *text = NULL;

    if (cm_yaml_edit_text((const char *)place->text->data, place->text->size, &edit, &text, err) <
        0) {
        return cm_wrap(err, "'%.200s'", place->path);
    }
    give(out, place->path, text_of(place->text), text);
    return CM_OK;
}

static enum cm_rc evaluate_document(const struct hub_write_kind *kind,
                                    const struct hub_intent *intent, const struct cm_json *args,
                                    const struct hub_write_files *files, struct hub_write_edit *out,
                                    struct cm_err *err) {
    CM_CLEANUP(hub_write_place_done) struct hub_write_place place = {0};

    if (find_place(intent, args, files, &place, err) < 0) {
        return err->code;
    }
    return kind->way == HUB_WRITE_ADD ? add_rule(kind, &place, args, out, err)
                                      : set_member(kind, &place, out, err);
}

// ---- Retries

static bool is_named(const struct cm_json *clusters, const char *name) {
    for (const struct cm_json *at = clusters->first; at != NULL; at = at->next) {
        if (cm_json_string(at) != NULL && strcmp(at->text, name) == 0) {
            return true;
        }
    }
    return false;
}

// take_clusters takes clusters off the list of a Hold: there the release is tried again. It tells
// whether others are left.
static bool take_clusters(const struct cm_json *clusters, struct hub_hold *hold,
                          const char **left) {
    size_t count = 0;

    for (size_t i = 0; i < hold->cluster_count; i++) {
        if (!is_named(clusters, hold->clusters[i])) {
            left[count++] = hold->clusters[i];
        }
    }
    hold->clusters = left;
    hold->cluster_count = count;
    return count > 0;
}

// retry_some does so for some of the clusters of a Hold; NULL: it is for all that it lists.
static enum cm_rc retry_some(const struct hub_write_place *place, const struct cm_json *clusters,
                             char **out, struct cm_err *err) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    struct cm_str text = {0};

    *out = NULL;
    if (hub_hold_parse((const char *)place->text->data, place->text->size, &hold, err) < 0) {
        return cm_wrap(err, "'%.200s'", place->path);
    }
    size_t before = hold->cluster_count;
    CM_AUTOFREE const char **left = cm_new(before + 1, sizeof(*left));
    if (!take_clusters(clusters, hold, left)) {
        return CM_OK;
    }
    if (hold->cluster_count == before) {
        *out = text_of(place->text);
        return CM_OK;
    }
    hub_hold_write(hold, &text);
    *out = cm_str_take(&text);
    return CM_OK;
}

static enum cm_rc evaluate_retry(const struct hub_write_kind *kind, const struct cm_json *args,
                                 const struct hub_write_files *files, struct hub_write_edit *out,
                                 struct cm_err *err) {
    CM_CLEANUP(hub_write_place_done) struct hub_write_place place = {0};
    const char *path = cm_json_string(cm_json_get(args, "path"));
    const struct cm_json *clusters = cm_json_get(args, "clusters");
    char *text = NULL;

    if (files->read(files->ctx, path, &place.text, err) < 0) {
        return err->code == CM_ENOTFOUND
                   ? cm_fail(err, CM_ENOTFOUND, "'%.200s' is not there any more", path)
                   : err->code;
    }
    place.path = cm_strdup(path);
    if (clusters != NULL && clusters->count > 0 && retry_some(&place, clusters, &text, err) < 0) {
        return err->code;
    }
    if (text != NULL) {
        give(out, path, text_of(place.text), text);
        return CM_OK;
    }
    return set_member(kind, &place, out, err);
}

// ---- Files

// with_clusters adds the clusters of a Hold to the one that is there: what people changed in that
// stays. It is the text itself if that lists them all.
static enum cm_rc with_clusters(const char *before, const char *hold, char **out,
                                struct cm_err *err) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *there = NULL;
    CM_CLEANUP(hub_hold_freep) struct hub_hold *ours = NULL;
    CM_CLEANUP(hub_hold_freep) struct hub_hold *both = NULL;
    struct cm_str text = {0};

    if (strcmp(before, hold) == 0) {
        *out = cm_strdup(before);
        return CM_OK;
    }
    if (hub_hold_parse(before, strlen(before), &there, err) < 0 ||
        hub_hold_parse(hold, strlen(hold), &ours, err) < 0) {
        return cm_wrap(err, "the Hold that is there");
    }
    if (!hub_hold_same(there, ours)) {
        return cm_fail(err, CM_EINVAL,
                       "the Hold that is there is about another release: give it "
                       "another name");
    }
    both = hub_hold_with(there, ours->clusters, ours->cluster_count);
    if (both->cluster_count == there->cluster_count) {
        *out = cm_strdup(before);
        return CM_OK;
    }
    hub_hold_write(both, &text);
    *out = cm_str_take(&text);
    return CM_OK;
}

// check_alone: what goes with its file takes no other document along.
static enum cm_rc check_alone(const char *before, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs = {0};
    struct cm_err ignored;

    if (cm_yaml_parse(a, before, strlen(before), NULL, &docs, &ignored) == CM_OK &&
        docs.count > 1) {
        return cm_fail(err, CM_EINVAL,
                       "other documents are in the same file: take it out of that by hand");
    }
    return CM_OK;
}

// ends_at reads when an Exemption or a Freeze ends.
static enum cm_rc ends_at(struct cm_arena *a, const struct hub_write_kind *kind,
                          const struct cm_json *document, int64_t *out, struct cm_err *err) {
    bool freeze = strcmp(kind->name, "unfreeze") == 0;
    const struct cm_json *wrong;
    struct hub_exemption exemption = {0};
    struct hub_freeze stop = {0};
    enum cm_rc rc = freeze ? hub_freeze_read(a, document, &stop, &wrong, err)
                           : hub_exemption_read(a, document, &exemption, &wrong, err);

    *out = freeze ? stop.until_ms : exemption.until_ms;
    return rc;
}

// goes_on tells whether what shall be taken out because it has ended ends at another time now.
static bool goes_on(const struct hub_write_kind *kind, const struct cm_json *args,
                    const char *before) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t ended_ms = cm_json_int(cm_json_get(args, "until"), 0);
    struct cm_yaml_docs docs = {0};
    struct cm_err ignored;
    int64_t now_ms;

    if (ended_ms == 0 || cm_yaml_parse(a, before, strlen(before), NULL, &docs, &ignored) < 0 ||
        docs.count == 0) {
        return false;
    }
    return ends_at(a, kind, docs.docs[0], &now_ms, &ignored) == CM_OK && now_ms != ended_ms;
}

static enum cm_rc new_text(const struct hub_write_kind *kind, const struct cm_json *args,
                           const char *before, char **out, struct cm_err *err) {
    const char *text = cm_json_string(cm_json_get(args, "text"));

    if (kind->way == HUB_WRITE_REMOVE) {
        return before != NULL ? check_alone(before, err) : CM_OK;
    }
    if (kind->way == HUB_WRITE_JOIN && before != NULL) {
        return with_clusters(before, text, out, err);
    }
    *out = cm_strdup(text);
    return CM_OK;
}

static enum cm_rc evaluate_file(const struct hub_write_kind *kind, const struct cm_json *args,
                                const struct hub_write_files *files, struct hub_write_edit *out,
                                struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    const char *path = cm_json_string(cm_json_get(args, "path"));
    enum cm_rc rc = files->read(files->ctx, path, &text, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (text == NULL && kind->way == HUB_WRITE_REMOVE) {
        return CM_OK;
    }
    char *before = text != NULL ? text_of(text) : NULL;
    char *after = NULL;
    if (kind->way == HUB_WRITE_REMOVE && goes_on(kind, args, before)) {
        free(before);
        return CM_OK;
    }
    if (new_text(kind, args, before, &after, err) < 0) {
        free(before);
        return cm_wrap(err, "'%.200s'", path);
    }
    give(out, path, before, after);
    return CM_OK;
}

// revert_hold gives the edit that says what a Hold would make; *out_why: there is none. What is not
// known now is no reason to wait: a Hold can be written.
static enum cm_rc revert_hold(const struct hub_write_files *files,
                              const struct hub_write_edit *hold, struct hub_write_edit *out,
                              char **out_why, struct cm_err *err) {
    enum cm_rc rc = files->revert(files->ctx, hold, out, err);

    if (rc != CM_EINVAL && rc != CM_ENOTFOUND && rc != CM_EBUSY) {
        out->reverts = rc == CM_OK && out->path != NULL;
        return rc;
    }
    *out_why = cm_strdup(err->msg);
    return CM_OK;
}

// evaluate_hold: where a Hold is to be avoided it is what is left if no document can say the same.
static enum cm_rc evaluate_hold(const struct hub_write_kind *kind, const struct cm_json *args,
                                const struct hub_write_files *files, struct hub_write_edit *out,
                                struct cm_err *err) {
    CM_CLEANUP(hub_write_edit_done) struct hub_write_edit hold = {0};

    if (evaluate_file(kind, args, files, &hold, err) < 0) {
        return err->code;
    }
    if (hold.path != NULL && wants_revert(args)) {
        hold.why = files->why != NULL ? cm_strdup(files->why) : NULL;
        if (files->revert != NULL && revert_hold(files, &hold, out, &hold.why, err) < 0) {
            return err->code;
        }
        if (files->revert != NULL && hold.why == NULL) {
            return CM_OK;
        }
    }
    *out = hold;
    hold = (struct hub_write_edit){0};
    return CM_OK;
}

enum cm_rc hub_write_evaluate(const struct hub_intent *intent, const struct hub_write_files *files,
                              struct hub_write_edit *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_write_kind *kind = hub_write_kind_find(intent->kind);
    struct cm_json *args = NULL;

    if (hub_write_check(intent, files->root, err) < 0 ||
        hub_write_args(a, intent, &args, err) < 0) {
        return err->code;
    }
    if (kind->way == HUB_WRITE_CAPTURE) {
        return files->capture(files->ctx, intent, args, out, err);
    }
    if (is_about_document(kind)) {
        return evaluate_document(kind, intent, args, files, out, err);
    }
    if (kind->way == HUB_WRITE_RETRY) {
        return evaluate_retry(kind, args, files, out, err);
    }
    return kind->way == HUB_WRITE_JOIN ? evaluate_hold(kind, args, files, out, err)
                                       : evaluate_file(kind, args, files, out, err);
}
