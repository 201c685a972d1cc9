// One server-side apply.
//
// The API server takes a changed CustomResourceDefinition over when it gets to it, and says nowhere
// when that is. Until then it refuses what only the new schema allows, as if the object were wrong,
// or does not know the kind. So what fails like that just after we wrote a definition is tried
// again before anybody is told.
//
// What the API server refuses to change for ever (immutable.h) is deleted and made anew if the user
// has said so.
//
// Fields that another controller has by right (right.h) are left out. What is left out depends on
// how the object is, so such an object is looked at first.
//
// An object that we have not seen to be ours is applied such that it is only made new: with a
// resourceVersion, which a new object may have and no object that is there will match. So new
// objects cost one request, and only what is there already is looked at: whose is it? What we may
// have is taken over (adopt.h) before it is applied.
//
// So is what people have added (added.h) where that is to go: their fields become ours, and the
// apply, which does not say them, takes them away, in one change of the object. Where the API
// server refuses that apply the fields are given back, and the rest is applied.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/actual.h"
#include "agent/kube/added.h"
#include "agent/kube/adopt.h"
#include "agent/kube/drift.h"
#include "agent/kube/immutable.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/own.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/id.h"
#include "common/object/owner.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define DEFINITION "CustomResourceDefinition.apiextensions.k8s.io//"

enum {
    EARLY_MS = 5000, // after its definition was written, a refused object may just be early
    AGAIN_MS = 500,
    DEFINED_MS = 15000, // a later definition may allow it
    LOOKS_MAX = 5,      // at an object that others change all the time
    TAKINGS_MAX = 20, // looks before what was added is taken over: of a release the status changes
    TAKEN_MAX = 120,  // at once
};

#define REPLICAS ".spec.replicas"        // as a conflict names it
#define NO_VERSION "9223372036854775807" // that no object ever has

uint64_t kube_baseline_print(const struct cm_buf *bytes) {
    struct cm_sha256 hash = cm_sha256(bytes->data, bytes->size);
    uint64_t print;

    memcpy(&print, hash.bytes, sizeof(print));
    return print;
}

static void fail(struct kube_op *op, enum cm_rc code, int64_t retry_ms, const char *text) {
    struct cm_err err;

    (void)cm_fail(&err, code, "%s", text);
    kube_op_done(op, &err, retry_ms, NULL);
}

// may_be_early: the API server takes a moment to offer what a definition says.
static bool may_be_early(const struct agent_kube *k) {
    return cm_clock_now_ms() - k->definition_ms < EARLY_MS && !k->stopping;
}

static void no_such_kind(struct kube_op *op, const char *version) {
    CM_AUTOFREE char *text = NULL;
    size_t kind = strcspn(op->key, "/");

    if (op->round == 0 || may_be_early(op->k)) {
        kube_op_wait_for_kind(op); // it may be new
        return;
    }
    text =
        cm_strf("the API server has no kind '%.*s'%s%s: apply its CustomResourceDefinition first",
                (int)kind, op->key, version[0] == '\0' ? "" : " in ", version);
    fail(op, CM_EBUSY, kube_absent_pause(op, version, NULL), text);
}

static bool was_written(const struct kube_op *op, const struct kube_answer *answer) {
    uint64_t version = kube_object_version(answer->json);

    // An apply that changes nothing leaves the version as it was.
    return answer->status == 201 || (version > op->newest_before && version != op->entry_before) ||
           version == 0;
}

// note_of is what the core remembers: `live` is what the server made of it.
static const char *note_of(struct kube_op *op, const struct cm_json *live) {
    struct kube_baseline baseline = {
        .version = cm_json_string(cm_json_get(op->desired, "apiVersion")),
        .print = kube_baseline_print(op->bytes),
        .secret = op->secret,
        .given = op->given,
        .once = op->once,
    };

    return kube_note_write(op->arena, &baseline, op->desired, live);
}

// may_still_differ: something was left out, the answer is not what was sent, or others have put
// something beside it.
static bool may_still_differ(const struct kube_op *op, const char *note,
                             const struct cm_json *live) {
    struct kube_baseline baseline;

    return op->whole != NULL || op->given != 0 ||
           (kube_note_read(op->arena, note, &baseline) && baseline.noise[0] != '\0') ||
           kube_actual_has_others(op->arena, live, op->k->field_manager);
}

static void succeed(struct kube_op *op, const struct kube_answer *answer) {
    const char *note = note_of(op, answer->json);
    struct agent_applied applied = {
        .uid = kube_object_uid(answer->json),
        .note = note,
        .written = was_written(op, answer),
        .besides = op->besides,
        .whose = op->whose,
        .said = op->said,
    };
    struct cm_err ok = {0};

    if (applied.written && strncmp(op->key, DEFINITION, sizeof(DEFINITION) - 1) == 0) {
        op->k->definition_ms = cm_clock_now_ms();
    }
    kube_entry_applied(op->entry, answer->arena, answer->json, note);
    if (op->before != NULL && op->after == NULL) {
        kube_entry_stays(op->entry, op->tried, kube_baseline_print(op->bytes));
    }
    if (may_still_differ(op, note, answer->json)) {
        op->drift = cm_arena_get(op->arena, sizeof(*op->drift));
        kube_entry_compare(op->entry, op->arena, answer->json, op->drift);
    }
    kube_op_done(op, &ok, 0, &applied);
}

// keep leaves an object as it is that is only to be made.
static void keep(struct kube_op *op, const char *uid) {
    struct agent_applied applied = {.uid = uid, .note = note_of(op, op->desired)};
    struct cm_err ok = {0};

    kube_op_done(op, &ok, 0, &applied);
}

static void drop_parsed(struct kube_op *op) {
    cm_arena_free(op->arena);
    op->arena = NULL;
    op->desired = NULL;
    op->whole = NULL;
    op->before = NULL;
    op->after = NULL;
    op->tried = NULL;
    free(op->path);
    op->path = NULL;
}

// is_defined_by_us tells whether the definition of a kind is an object of ours too.
static bool is_defined_by_us(struct agent_kube *k, const struct kube_resource *resource) {
    CM_AUTOFREE char *key = NULL;

    if (resource == NULL || resource->group[0] == '\0') {
        return false;
    }
    key = cm_strf(DEFINITION "%s.%s", resource->plural, resource->group);
    return kube_entry_find(k, key) != NULL;
}

static void on_timer(void *ctx) {
    kube_op_again(ctx);
}

// send_later begins an operation anew in a moment.
static void send_later(struct kube_op *op) {
    struct kube_entry *e = op->entry;

    op->entry = NULL;
    drop_parsed(op);
    op->timer.run = on_timer;
    op->timer.ctx = op;
    cm_timer_start(op->k->loop, &op->timer, AGAIN_MS);
    kube_op_linger(op);
    kube_op_drop_forms(op);
    e->op = NULL;
    kube_entry_after_op(e, NULL);
}

// refused: what the object is like, says the API server.
static void refused(struct kube_op *op, const struct kube_resource *resource,
                    const struct cm_err *err) {
    if (!is_defined_by_us(op->k, resource)) {
        kube_op_done(op, err, 0, NULL);
    } else if (may_be_early(op->k)) {
        send_later(op);
    } else {
        kube_op_done(op, err, DEFINED_MS, NULL);
    }
}

// complain ends the operation with what the server said against it.
static void complain(struct kube_op *op, const struct kube_answer *answer, const char *verbs) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *ns = "";
    struct cm_err err;

    const struct kube_resource *resource =
        kube_resolve(op->k, a, op->key, op->default_namespace, NULL, &ns);
    struct kube_asked asked = {verbs, resource, ns, NULL, op->account};
    enum cm_rc rc = kube_answer_error(answer, &asked, &err);
    int64_t retry_ms = answer->retry_after_ms;
    if (kube_status_is_homeless(answer->status, answer->json, ns)) {
        retry_ms = kube_absent_pause(op, "", ns);
    } else if (answer->status == 404) {
        (void)kube_discover_want(op->k);
    }
    if (retry_ms == 0 && kube_status_is_early(answer->status, answer->json)) {
        retry_ms = KUBE_RETRY_MS;
    }
    if (rc == CM_ENOTFOUND || rc == CM_EEXISTS) {
        err.code = CM_EBUSY; // made or deleted by somebody at this very moment
    }
    if (rc == CM_EINVAL) {
        refused(op, resource, &err);
        return;
    }
    if (rc == CM_EAUTH) {
        kube_op_refused(op, &err);
        return;
    }
    kube_op_done(op, &err, retry_ms, NULL);
}

static void send_apply(struct kube_op *op);
static void look(struct kube_op *op);
static void found(struct kube_op *op, const struct cm_json *live);

static void on_woken(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        op->entry->woken = true;
        found(op, answer->json);
    } else if (answer->status == 409 && op->looks < LOOKS_MAX) {
        look(op);
    } else {
        complain(op, answer, "patch");
    }
}

// wake gives pods to what somebody who is gone has left with none, as another manager: so it takes
// nothing by force, and no apply of ours takes away again what Git does not say. It tells whether
// it does.
static bool wake(struct kube_op *op, const struct cm_json *live) {
    int64_t least = op->entry->asleep ? kube_owners_wake(op->entry, live) : 0;

    if (least == 0) {
        return false;
    }
    CM_AUTOFREE char *manager = cm_http_escape(op->k->field_manager);
    CM_AUTOFREE char *path = cm_strf("%s?fieldManager=%s-wake", op->path, manager);
    struct kube_request request = {
        .method = "PATCH",
        .path = path,
        .content_type = "application/merge-patch+json",
        .body = kube_right_wake(op->arena, op->desired, live, least),
        .account = op->account,
        .done = on_woken,
        .ctx = op,
    };

    op->given &= ~(unsigned)KUBE_RIGHT_REPLICAS;
    op->call = kube_call(op->k, &request);
    return true;
}

// give_way leaves out what others have by right.
static void give_way(struct kube_op *op, const struct cm_json *live) {
    const struct kube_right_gift gift = {.manager = op->k->field_manager,
                                         .rights = op->given,
                                         .terms = kube_owners_terms(op->entry, op->arena),
                                         .now_ms = cm_clock_unix_ms()};
    struct kube_right_given given = kube_right_give(op->arena, op->desired, live, &gift);

    op->at_version = given.copied;
}

// spares tells whether anything may be let be.
static bool spares(const struct kube_op *op) {
    const struct agent_sparing *s = &op->sparing;
    bool any = s->otherwise != CM_SPARE_NEVER;

    for (size_t i = 0; i < s->count; i++) {
        any |= s->how[i] != CM_SPARE_NEVER;
    }
    return any && op->type == KUBE_APPLY;
}

// before_of reads the form that was applied last, as we applied it.
static struct cm_json *before_of(const struct kube_op *op) {
    const struct cm_buf *bytes = op->sparing.before;
    struct cm_json *before = NULL;
    struct cm_err err;

    if (bytes == NULL ||
        cm_json_parse(op->arena, (const char *)bytes->data, bytes->size, NULL, &before, &err) < 0) {
        return NULL;
    }
    cm_object_normalise(op->arena, before);
    return before;
}

// is_forgotten tells whether another form was applied last, and nobody knows which: then everything
// may be new.
static bool is_forgotten(const struct kube_op *op, const struct cm_json *before) {
    struct kube_baseline baseline;

    return before == NULL && kube_note_read(op->arena, op->entry->note, &baseline) &&
           baseline.print != kube_baseline_print(op->bytes);
}

// spare leaves out, or takes over as it is, what is let be. Our own labels never are.
static void spare(struct kube_op *op, const struct cm_json *live) {
    const struct agent_sparing *s = &op->sparing;
    struct kube_spare_ctx ctx = {live, op->k->field_manager, {kube_condition_holds, op->entry}};
    struct cm_spare with = kube_drift_spare(&ctx, s->rules, s->count);
    const struct cm_json *before = before_of(op);

    if (is_forgotten(op, before)) {
        return;
    }
    bool taken = cm_spare_apply(op->arena, &with, s->how, s->otherwise, before, op->desired, live);
    op->at_version = op->at_version || taken;
    kube_object_mark(op->arena, op->desired, &(struct kube_mark){op->k->applyset.id, op->app});
}

// takes tells whether something may be there to be taken away.
static bool takes(const struct kube_op *op) {
    const struct agent_sparing *s = &op->sparing;
    bool any = s->takes_added;

    for (size_t i = 0; i < s->count && s->added != NULL; i++) {
        any |= s->added[i] == CM_SPARE_NEVER;
    }
    return any && op->type == KUBE_APPLY && (op->entry->added || op->entry->taken) &&
           !op->has_taken;
}

// find_added finds what is to be taken away.
static struct cm_differences find_added(struct kube_op *op, const struct cm_json *live) {
    const struct agent_sparing *s = &op->sparing;
    struct kube_spare_ctx ctx = {live, op->k->field_manager, {kube_condition_holds, op->entry}};
    struct cm_spare with = kube_drift_spare(&ctx, s->rules, s->count);
    struct kube_added found;
    struct cm_differences left = {0};

    const struct kube_added_by by = {op->k->field_manager, false};
    kube_added_find(op->arena, op->whole, live, &by, TAKEN_MAX, &found);
    if (found.merged == NULL) {
        return left;
    }
    size_t *rules = cm_arena_get(op->arena, found.all.count * sizeof(*rules));
    cm_spare_sort(op->arena, &with, found.merged, NULL, &found.all, rules);
    left.items = found.all.items;
    for (size_t i = 0; i < found.all.count; i++) {
        bool ruled = rules[i] != CM_SPARE_NO_RULE;

        bool goes =
            ruled ? s->added != NULL && s->added[rules[i]] == CM_SPARE_NEVER : s->takes_added;

        if (goes && !kube_drift_stays(op->entry->stays, found.all.items[i].path)) {
            left.items[left.count++] = found.all.items[i];
        }
    }
    return left;
}

// warn_stays says why what was added is not taken away.
static void warn_stays(const struct kube_op *op, const struct kube_answer *answer) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_asked asked = {.verbs = "patch", .ns = "", .account = op->account};
    struct cm_err err;

    asked.resource = kube_resolve(op->k, a, op->key, op->default_namespace, NULL, &asked.ns);
    (void)kube_answer_error(answer, &asked, &err);
    cm_log(CM_LOG_WARN, "agent.added_stays", err.msg, "app", op->app, "object", op->key, NULL);
}

// is_final tells of an answer that the same request would get again.
static bool is_final(const struct kube_answer *answer) {
    return answer->status >= 400 && answer->status < 500 && answer->status != 429;
}

static void on_added_taken(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        op->has_taken = true;
        op->looks = 0;
        op->entry->taken = true;
        op->after = cm_json_copy(op->arena, answer->json);
        found(op, answer->json);
        return;
    }
    if (!is_final(answer)) {
        complain(op, answer, "patch");
        return;
    }
    // It was changed since it was looked at, or what was added stays.
    bool again = (answer->status == 409 || answer->status == 422) && op->looks < TAKINGS_MAX &&
                 op->refused_version != kube_object_version(op->before);
    op->refused_version = kube_object_version(op->before);
    op->before = NULL;
    if (!again) {
        op->has_taken = true;
        warn_stays(op, answer);
    }
    look(op);
}

static const char *paths_of(struct cm_arena *a, const struct cm_differences *all) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < all->count; i++) {
        cm_str_addf(&text, "%s\n", all->items[i].path);
    }
    return cm_arena_strdup(a, cm_str_get(&text));
}

// rewrite_owners sends a patch of the fields' owners.
static void rewrite_owners(struct kube_op *op, const char *patch,
                           void (*done)(void *ctx, const struct kube_answer *answer)) {
    CM_AUTOFREE char *manager = cm_http_escape(op->k->field_manager);
    CM_AUTOFREE char *path = cm_strf("%s?fieldManager=%s", op->path, manager);
    struct kube_request request = {
        .method = "PATCH",
        .path = path,
        .content_type = "application/json-patch+json",
        .body = patch,
        .account = op->account,
        .done = done,
        .ctx = op,
    };

    op->call = kube_call(op->k, &request);
}

// take_added makes ours what people have added, so that the apply takes it away. It tells whether
// it does.
static bool take_added(struct kube_op *op, const struct cm_json *live) {
    struct cm_differences all = find_added(op, live);
    const char *patch =
        all.count == 0 ? NULL : kube_adopt_fields(op->arena, live, op->k->field_manager, &all);

    if (patch == NULL) {
        return false;
    }
    op->before = cm_json_copy(op->arena, live);
    op->tried = paths_of(op->arena, &all);
    rewrite_owners(op, patch, on_added_taken);
    return true;
}

// found is called with the object as it is, before it is changed.
static void found(struct kube_op *op, const struct cm_json *live) {
    op->only_new = false;
    op->at_version = false;
    if (op->whole != NULL) { // it may have been looked at before
        op->desired = cm_json_copy(op->arena, op->whole);
    }
    if (wake(op, live) || (op->whole != NULL && takes(op) && take_added(op, live))) {
        return;
    }
    if (op->given != 0) {
        give_way(op, live);
    }
    if (spares(op)) {
        spare(op, live);
    }
    if (op->at_version) {
        cm_json_set_string(op->arena, cm_json_get(op->desired, "metadata"), "resourceVersion",
                           cm_json_string(cm_json_path(live, "metadata", "resourceVersion", NULL)));
    }
    send_apply(op);
}

// make_anew is for an object that is gone: nobody has anything of it yet.
static void make_anew(struct kube_op *op) {
    op->given = 0;
    op->at_version = false;
    if (op->whole != NULL) {
        op->desired = cm_json_copy(op->arena, op->whole);
    }
    send_apply(op);
}

// is_marked tells whether an object carries our mark: then it was taken over once.
static bool is_marked(const struct kube_op *op, const struct cm_json *live) {
    const struct kube_applyset *set = &op->k->applyset;

    return kube_object_is_part_of(live, set->id) || kube_object_is_part_of(live, set->shared_id);
}

// What cannot be changed

#define OWN_STAYS                                                                                  \
    "this agent runs in it, and would go with it before it could make it anew; delete it by hand"

static void say_fixed(struct kube_op *op, const char *fields) {
    struct agent_place place = {0};
    struct cm_err err;

    kube_place(op->key, &place);
    (void)cm_fail(
        &err, CM_EINVAL, "%.200s cannot be changed: %s", fields,
        op->own ? OWN_STAYS
        : place.precious
            ? "delete the object, or give it the annotation holdfast.dev/recreate: \"true\" to "
              "have "
              "it deleted and made anew, with all that is in it"
            : "delete the object, or write 'recreate: true' in the App to have it deleted and made "
              "anew");
    kube_op_done(op, &err, 0, NULL);
}

// may_delete tells whether an object that cannot be changed may be deleted to be made anew.
static bool may_delete(const struct kube_op *op, const struct cm_json *live) {
    struct cm_err err;
    bool ours = op->adopt || is_marked(op, live) ||
                cm_object_owner_check(live, op->k->applyset.id, &err) == CM_OK;

    // A quotation mark would end the string that the uid becomes in a body.
    return op->recreate && !op->cleared && !op->own && ours &&
           strchr(kube_object_uid(live), '"') == NULL;
}

static void on_fixed(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (answer->status == 404) {
        op->only_new = true;
        make_anew(op);
        return;
    }
    if (!kube_answer_ok(answer) || answer->json == NULL) {
        complain(op, answer, "get");
        return;
    }
    const char *fields = kube_immutable_names(op->arena, op->fixed, op->desired, answer->json);
    if (!may_delete(op, answer->json)) {
        say_fixed(op, fields);
        return;
    }
    op->besides = AGENT_BESIDES_RECREATED;
    free(op->said);
    op->said = cm_strf("deleted and made anew, because %.200s cannot be changed", fields);
    free(op->uid);
    op->uid = cm_strdup(kube_object_uid(answer->json));
    kube_remove_delete(op); // kube_op_cleared goes on
}

// cannot_change is for an object that the server will never change to what is desired: it is looked
// at to say which fields that are, and which very object would be deleted.
static void cannot_change(struct kube_op *op, const struct kube_answer *answer) {
    struct kube_request request = {
        .method = "GET", .path = op->path, .account = op->account, .done = on_fixed, .ctx = op};

    op->fixed = kube_immutable_fields(op->arena, answer->json);
    op->call = kube_call(op->k, &request);
}

static void look(struct kube_op *op);

static void on_taken_over(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        found(op, answer->json);
    } else if ((answer->status == 409 || answer->status == 422) && op->looks < LOOKS_MAX) {
        look(op); // it was changed since it was looked at
    } else {
        complain(op, answer, "patch");
    }
}

// whose names the tool that an object belongs to, or who changed it last. The caller frees it.
static char *whose(const struct kube_op *op, const struct cm_json *live) {
    char owner[CM_OWNER_MAX];

    if (cm_object_owner_find(live, op->k->applyset.id, owner)) {
        return cm_strdup(owner);
    }
    return cm_strdup(kube_object_changed_by(live));
}

// take_over makes what others left on an object ours before it is applied for the first time.
static void take_over(struct kube_op *op, const struct cm_json *live) {
    const char *version = cm_json_string(cm_json_get(op->desired, "apiVersion"));
    const char *patch = kube_adopt_patch(op->arena, live, op->k->field_manager, version, op->adopt);

    op->besides = AGENT_BESIDES_ADOPTED;
    free(op->whose);
    op->whose = whose(op, live);
    free(op->said);
    op->said = cm_strdup(kube_adopt_words(op->arena, live, op->desired));
    if (patch == NULL) {
        found(op, live);
    } else {
        rewrite_owners(op, patch, on_taken_over);
    }
}

static void on_found(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;
    struct cm_err err;

    op->call = NULL;
    if (answer->status == 404 && !op->only_new) {
        make_anew(op);
    } else if (!kube_answer_ok(answer) || answer->json == NULL) {
        complain(op, answer, "get");
    } else if (op->once) {
        kube_entry_applied(op->entry, answer->arena, answer->json, note_of(op, op->desired));
        op->entry->unmarked = !is_marked(op, answer->json);
        keep(op, kube_object_uid(answer->json));
    } else if (!op->only_new || is_marked(op, answer->json)) {
        found(op, answer->json);
    } else if (!op->adopt && cm_object_owner_check(answer->json, op->k->applyset.id, &err) < 0) {
        kube_op_done(op, &err, 0, NULL);
    } else {
        take_over(op, answer->json);
    }
}

// look is for an object that is there already.
static void look(struct kube_op *op) {
    struct kube_request request = {
        .method = "GET", .path = op->path, .account = op->account, .done = on_found, .ctx = op};

    op->looks++;
    op->call = kube_call(op->k, &request);
}

// is_overtaken tells whether the object is not as we thought when we sent the apply. Who has the
// replicas by right may have changed them meanwhile.
static bool is_overtaken(const struct kube_op *op, const struct kube_answer *answer) {
    bool theirs = op->at_version && (!kube_status_is_taken(answer->json, NULL) ||
                                     kube_status_is_taken(answer->json, REPLICAS));

    return op->type == KUBE_APPLY && answer->status == 409 && op->looks < LOOKS_MAX &&
           (op->only_new || theirs);
}

// comes_back tells whether what we do not get is only what its owner left behind.
static bool comes_back(const struct kube_op *op, const struct kube_answer *answer) {
    return op->yields && answer->status == 409 &&
           (kube_entry_given(op->entry) & ~op->given & KUBE_RIGHT_REPLICAS) != 0 &&
           kube_status_is_taken(answer->json, REPLICAS);
}

static void give_back(struct kube_op *op);

static void on_given_back(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        op->after = NULL;
        op->entry->taken = false;
        found(op, answer->json);
    } else if ((answer->status == 409 || answer->status == 422) && op->looks < LOOKS_MAX) {
        give_back(op); // it was changed since it was looked at
    } else {
        complain(op, answer, "patch");
    }
}

static void on_back_found(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        rewrite_owners(op, kube_adopt_undo(op->arena, answer->json, op->before, op->after),
                       on_given_back);
    } else {
        complain(op, answer, "get");
    }
}

// give_back gives what was added back to those who did, as the API server does not let it go.
static void give_back(struct kube_op *op) {
    struct kube_request request = {.method = "GET",
                                   .path = op->path,
                                   .account = op->account,
                                   .done = on_back_found,
                                   .ctx = op};

    op->looks++;
    op->call = kube_call(op->k, &request);
}

static void on_answer(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;

    op->call = NULL;
    if (kube_answer_ok(answer) && answer->json != NULL) {
        succeed(op, answer);
    } else if (is_overtaken(op, answer)) {
        look(op);
    } else if (comes_back(op, answer)) {
        op->yields = false;
        send_apply(op);
    } else if (op->after != NULL && is_final(answer)) {
        warn_stays(op, answer);
        give_back(op);
    } else if (kube_immutable_is(answer->status, answer->json)) {
        cannot_change(op, answer);
    } else {
        complain(op, answer, "patch and create");
    }
}

static void write_body(const struct kube_op *op, struct cm_str *out) {
    struct cm_json *metadata = cm_json_get(op->desired, "metadata");

    if (op->only_new) {
        cm_json_set_string(op->arena, metadata, "resourceVersion", NO_VERSION);
    }
    kube_object_write(op->desired, out);
    (void)cm_json_remove(metadata, "resourceVersion"); // what comes back is compared with the rest
}

static void send_apply(struct kube_op *op) {
    struct agent_kube *k = op->k;
    CM_AUTOFREE char *manager = cm_http_escape(k->field_manager);
    bool force = !op->yields || op->only_new; // which takes nothing: it changes no object
    CM_AUTOFREE char *whole = cm_strf("%s?fieldManager=%s&force=%s&fieldValidation=Strict",
                                      op->path, manager, force ? "true" : "false");
    struct cm_str body = {0};

    write_body(op, &body);
    struct kube_request request = {
        .method = "PATCH",
        .path = whole,
        .content_type = "application/apply-patch+yaml",
        .body = cm_str_get(&body),
        .account = op->account,
        .done = on_answer,
        .ctx = op,
    };
    op->newest_before = k->newest;
    op->entry_before = op->entry->version;
    op->call = kube_call(k, &request);
    cm_str_done(&body);
}

// is_ours tells whether the last that we know of an object is that it was there and ours.
static bool is_ours(const struct kube_entry *e) {
    return e->known ? e->health != AGENT_HEALTH_MISSING && !e->unmarked : e->uid[0] != '\0';
}

// parse reads the bytes of the object and makes what is sent of them.
static enum cm_rc parse(struct kube_op *op, const char *ns, struct cm_object_id *id,
                        struct cm_err *err) {
    struct kube_mark mark = {op->k->applyset.id, op->app};
    const char *text = (const char *)op->bytes->data;

    op->arena = cm_arena_new(0);
    enum cm_rc rc = cm_json_parse(op->arena, text, op->bytes->size, NULL, &op->desired, err);
    rc = rc < 0 ? rc : cm_object_id_of(op->arena, op->desired, id, err);
    return rc < 0 ? rc : kube_object_prepare(op->arena, op->desired, &mark, ns, err);
}

static void take_entry(struct kube_op *op) {
    struct kube_entry *e = kube_entry_make(op->k, op->app, op->key, op->default_namespace);

    op->entry = e;
    e->op = op;
    e->ahead = false;
    kube_entry_set_version(e, cm_json_string(cm_json_get(op->desired, "apiVersion")));
    (void)kube_entry_resolve(e); // begins to watch before anything changes
}

// knows_owners finds out what others have of the object by right, and which rules hold. Whom we may
// not see is taken to be as when it was applied last. It tells whether all is known that will be.
static bool knows_owners(struct kube_op *op) {
    unsigned rights = kube_owners_rights(op->entry, op->desired);

    op->given = 0;
    kube_owners_want(op->entry, rights);
    enum kube_knowledge known = rights == 0 ? KUBE_KNOWN : kube_owners_of(op->entry, &op->given);
    if (known == KUBE_UNKNOWN) {
        op->given |= kube_entry_given(op->entry) & rights;
    }
    kube_conditions_want(op->entry, op->sparing.rules, op->sparing.count);
    return known != KUBE_PENDING && kube_conditions_known(op->entry) != KUBE_PENDING;
}

static void stops_us(struct kube_op *op) {
    struct cm_err err;

    (void)cm_fail(&err, CM_EINVAL,
                  "this agent runs in %.300s, which with no replicas would stop it: nobody could "
                  "start it again from Git. Scale it by hand, or leave its replicas out",
                  op->key);
    kube_op_done(op, &err, 0, NULL);
}

static void apply_as(struct kube_op *op, const struct cm_object_id *id, const char *ns) {
    struct agent_kube *k = op->k;
    const struct kube_resource *resource =
        kube_resources_find(k->resources, id->group, id->version, id->kind);

    if (resource == NULL) {
        CM_AUTOFREE char *version = cm_strdup(id->version);
        drop_parsed(op);
        no_such_kind(op, version);
        return;
    }
    take_entry(op);
    if (op->once && op->entry->known && is_ours(op->entry)) {
        keep(op, op->entry->uid);
        return;
    }
    if (!knows_owners(op)) {
        drop_parsed(op);
        kube_op_wait_for_owners(op);
        return;
    }
    op->path = kube_resource_path(resource, ns, id->name);
    op->only_new = op->type == KUBE_RUN || op->once || op->cleared || !is_ours(op->entry);
    kube_op_take_slot(op);
    op->whole = spares(op) || takes(op) || op->given != 0 || op->entry->asleep
                    ? cm_json_copy(op->arena, op->desired)
                    : NULL;
    if ((op->given != 0 || op->whole != NULL) && !op->only_new) {
        look(op);
    } else {
        send_apply(op);
    }
}

void kube_apply_begin(struct kube_op *op) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_object_id id;
    struct cm_err err;
    const char *ns = "";

    if (kube_resolve(op->k, a, op->key, op->default_namespace, NULL, &ns) == NULL) {
        no_such_kind(op, "");
        return;
    }
    const char *kind = cm_arena_strndup(a, op->key, strcspn(op->key, "/"));
    if (!kube_applyset_covers(&op->k->applyset, kind, ns)) {
        kube_op_wait_for_parent(op);
        return;
    }
    if (parse(op, ns, &id, &err) < 0) {
        kube_op_done(op, &err, 0, NULL);
        return;
    }
    op->own = kube_op_is_own(op, ns);
    if (op->own && kube_own_stops(op->desired)) {
        stops_us(op);
        return;
    }
    apply_as(op, &id, ns);
}
