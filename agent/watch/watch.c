#include "agent/watch/watch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/apply/found.h"
#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

// ---- Records

static void seen_free(void *value) {
    struct seen *s = value;

    cm_list_remove(&s->telling.dirty);
    watch_lately_forget(&s->telling);
    cm_list_remove(&s->of_app);
    if (s->correction != NULL) {
        cm_list_remove(&s->correction->due);
        free(s->correction);
    }
    watch_scaling_free(s->scaling);
    watch_drop_drift(s);
    watch_drop_happened(s);
    watch_drop_digests(s);
    cm_buf_unref(s->actual);
    free(s->key);
    free(s->message);
    free(s->failure);
    free(s->left);
    free(s->fight);
    free(s);
}

static void app_free(void *value) {
    struct app *a = value;

    cm_list_remove(&a->telling.dirty);
    watch_scaling_free(a->scaling);
    watch_lately_forget(&a->telling);
    free(a->name);
    free(a->revision);
    free(a->next_revision);
    free(a->message);
    free(a->claimed_by);
    free(a->images);
    free(a);
}

// set_text replaces a text and tells whether it changed; "" is held as NULL.
static bool set_text(char **at, const char *text) {
    const char *old = *at == NULL ? "" : *at;

    if (strcmp(old, text) == 0) {
        return false;
    }
    free(*at);
    *at = text[0] == '\0' ? NULL : cm_strdup(text);
    return true;
}

static struct app *app_of(struct agent_watch *w, const char *name) {
    struct app *a = cm_map_get(w->apps, name);

    if (a == NULL) {
        a = cm_new(1, sizeof(*a));
        cm_list_init(&a->telling.dirty);
        cm_list_init(&a->telling.lately);
        cm_list_init(&a->seen);
        a->name = cm_strdup(name);
        cm_map_put(w->apps, name, a);
    }
    return a;
}

// count adds an object to its App's sums, or takes it out. How what is left there is doing is
// nobody's business.
static void count(const struct seen *s, bool in) {
    size_t one = in ? 1 : (size_t)-1;

    if (s->telling.removed) {
        return;
    }
    s->app->objects += one;
    s->app->by_health[s->health] += s->left == NULL ? one : 0;
    s->app->waiting +=
        s->waits && s->left == NULL && s->health == AGENT_HEALTH_PROGRESSING ? one : 0;
    s->app->drifted += s->drift_count > 0 ? one : 0;
    s->app->unseen += s->unseen ? one : 0;
}

void watch_set_waits(struct agent_watch *w, const char *key, bool waits) {
    struct seen *s = cm_map_get(w->objects, key);

    if (s != NULL && s->waits != waits) {
        count(s, false);
        s->waits = waits;
        count(s, true);
        watch_dirty_app(w, s->app);
        if (w->apply != NULL) {
            agent_apply_woken(w->apply);
        }
    }
}

static bool set_left(struct seen *s, const char *why) {
    count(s, false);
    bool changed = set_text(&s->left, why);
    count(s, true);
    return changed;
}

// object_of returns the record of a key, which belongs to this App from now on.
static struct seen *object_of(struct agent_watch *w, const char *app, const char *key) {
    struct seen *s = cm_map_get(w->objects, key);
    struct app *a = app_of(w, app);

    if (s == NULL) {
        s = cm_new(1, sizeof(*s));
        cm_list_init(&s->telling.dirty);
        cm_list_init(&s->telling.lately);
        s->key = cm_strdup(key);
        s->app = a;
        cm_list_append(&a->seen, &s->of_app);
        cm_map_put(w->objects, key, s);
        count(s, true);
    } else if (s->app != a || s->telling.removed) {
        struct app *before = s->app;

        count(s, false);
        s->telling.removed = false;
        s->app = a;
        cm_list_remove(&s->of_app);
        cm_list_append(&a->seen, &s->of_app);
        count(s, true);
        watch_dirty_app(w, before);
        watch_dirty_object(w, s);
    }
    return s;
}

void watch_forget_object(struct agent_watch *w, struct seen *s) {
    CM_AUTOFREE char *key = cm_strdup(s->key);

    w->unseen = w->unseen == s ? NULL : w->unseen;
    (void)watch_keep_actual(w, s, NULL);
    (void)cm_map_remove(w->objects, key);
}

void watch_forget_app(struct agent_watch *w, struct app *a) {
    CM_AUTOFREE char *name = cm_strdup(a->name);

    if (cm_list_empty(&a->seen)) { // else a removed object still waits for its acknowledgement
        (void)cm_map_remove(w->apps, name);
    }
}

// ---- Health

static enum agent_health worst_health(const struct agent_watch *w, const struct app *a) {
    static const enum agent_health worst_first[] = {AGENT_HEALTH_DEGRADED, AGENT_HEALTH_MISSING,
                                                    AGENT_HEALTH_PROGRESSING, AGENT_HEALTH_UNKNOWN};

    if (w->unreachable || w->apply == NULL) { // or what it owns is not known yet
        return AGENT_HEALTH_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof(worst_first) / sizeof(worst_first[0]); i++) {
        if (a->by_health[worst_first[i]] > 0) {
            return worst_first[i];
        }
    }
    return AGENT_HEALTH_HEALTHY;
}

enum agent_health watch_app_health(const struct agent_watch *w, const struct app *a) {
    enum agent_health worst = worst_health(w, a);

    return a->late && worst != AGENT_HEALTH_HEALTHY && !w->unreachable ? AGENT_HEALTH_DEGRADED
                                                                       : worst;
}

// worst_of returns the first by key of an App's objects that have this health.
static const struct seen *worst_of(const struct app *a, enum agent_health health) {
    const struct seen *worst = NULL;

    for (struct cm_list *l = a->seen.next; l != &a->seen; l = l->next) {
        const struct seen *s = CM_CONTAINER(l, struct seen, of_app);
        bool counts = !s->telling.removed && s->left == NULL && s->health == health;

        worst = counts && (worst == NULL || strcmp(s->key, worst->key) < 0) ? s : worst;
    }
    return worst;
}

static char *say_worst(const struct app *a, enum agent_health health) {
    static const char *const otherwise[HEALTHS] = {
        [AGENT_HEALTH_UNKNOWN] = "it was not seen yet", [AGENT_HEALTH_MISSING] = "it is missing"};
    const struct seen *s = worst_of(a, health);
    size_t more = a->by_health[health] - 1;

    if (s == NULL) {
        return NULL;
    }
    const char *words = s->message != NULL          ? s->message
                        : otherwise[health] != NULL ? otherwise[health]
                                                    : "it does not say why";
    return more == 0 ? cm_strf("%s: %s", s->key, words)
                     : cm_strf("%s: %s (and %zu more)", s->key, words, more);
}

char *watch_app_why(const struct agent_watch *w, const struct app *a) {
    enum agent_health health = worst_health(w, a);

    if (w->unreachable || w->apply == NULL) {
        return cm_strdup(w->unreachable_why);
    }
    CM_AUTOFREE char *worst = health == AGENT_HEALTH_HEALTHY ? NULL : say_worst(a, health);
    if (worst == NULL || !a->late || health == AGENT_HEALTH_DEGRADED) {
        return CM_TAKE(worst);
    }
    return cm_strf("not healthy after %us: %s", (unsigned)watch_timeout_s(w, a), worst);
}

char *agent_watch_app_why(void *watch, const char *app) {
    const struct agent_watch *w = watch;
    const struct app *a = cm_map_get(w->apps, app);

    return a == NULL ? NULL : watch_app_why(w, a);
}

enum agent_health agent_watch_health(void *watch, const char *key) {
    const struct agent_watch *w = watch;
    const struct seen *s = cm_map_get(w->objects, key);

    return s == NULL || w->unreachable ? AGENT_HEALTH_UNKNOWN : s->health;
}

const char *agent_watch_why(void *watch, const char *key) {
    const struct agent_watch *w = watch;
    const struct seen *s = cm_map_get(w->objects, key);

    return s == NULL || s->message == NULL ? "" : s->message;
}

// agent_watch_app_health: an App of which nobody has said anything has nothing that is ill.
enum agent_health agent_watch_app_health(void *watch, const char *app) {
    const struct agent_watch *w = watch;
    const struct app *a = cm_map_get(w->apps, app);

    if (a == NULL) {
        return w->unreachable ? AGENT_HEALTH_UNKNOWN : AGENT_HEALTH_HEALTHY;
    }
    return watch_app_health(w, a);
}

bool agent_watch_app_late(void *watch, const char *app) {
    const struct agent_watch *w = watch;
    const struct app *a = cm_map_get(w->apps, app);

    return a != NULL && a->late;
}

const struct agent_claim *watch_claim(const struct agent_watch *w, const struct seen *s) {
    return w->apply == NULL ? NULL : agent_apply_claim(w->apply, s->key);
}

static bool may_drift(const struct agent_claim *claim) {
    return claim != NULL && claim->app->bundle->drift == AGENT_DRIFT_OFF;
}

// ends_by_apply tells whether anything that differs is what Git says once the object is applied:
// what was added stays unless it is corrected.
static bool ends_by_apply(const struct agent_watch *w, const struct seen *s) {
    const struct agent_claim *claim = watch_claim(w, s);

    for (size_t i = 0; i < s->drift_count; i++) {
        const struct field *f = &s->drift[i];

        bool added =
            f->difference == AGENT_DIFFERENCE_ADDED || f->difference == AGENT_DIFFERENCE_STAYS;

        if (!added || (claim != NULL && watch_fate(claim, f->rule, f->difference).corrected)) {
            return true;
        }
    }
    return false;
}

// agent_watch_wrong: the manifest that says `drift: off` does not undo what it allows, and one that
// is new for other Apps' sake begins no fight again. What somebody went back with by hand is left
// as it is by whatever applies the App again.
bool agent_watch_wrong(void *watch, const char *key) {
    const struct agent_watch *w = watch;
    const struct seen *s = cm_map_get(w->objects, key);

    return s != NULL && s->fight == NULL && !watch_leaves_undone(w, s) &&
           (s->health == AGENT_HEALTH_MISSING || s->due ||
            (ends_by_apply(w, s) && !may_drift(watch_claim(w, s))));
}

// ---- From the driver

// may_be_gone: nobody lists it, in Git at least, or it is what a hook made. Of an App that is to
// come or to go nothing is forgotten.
static bool may_be_gone(const struct agent_watch *w, const struct seen *s) {
    const struct agent_claim *claim = watch_claim(w, s);

    if (claim == NULL) {
        return s->left != NULL || !agent_apply_names(w->apply, s->app->name);
    }
    return s->left != NULL || claim->found || agent_entry_is_hook(claim->entry);
}

// tell_whom_it_holds_up: an App speaks in the words of its worst object, and so does what waits for
// it, once that is ill, or while it is a hook that runs.
static void tell_whom_it_holds_up(struct agent_watch *w, const struct seen *s, bool other_health,
                                  bool other_words) {
    const struct agent_claim *claim = watch_claim(w, s);
    bool quoted =
        s->health == AGENT_HEALTH_DEGRADED || (claim != NULL && agent_entry_is_hook(claim->entry));

    if (other_words && s->health != AGENT_HEALTH_HEALTHY) {
        watch_dirty_app(w, s->app);
    }
    if ((other_health || (other_words && quoted)) && w->apply != NULL) {
        agent_apply_woken(w->apply);
    }
}

// health_of: what ran to its end and went by itself is as it shall be. Of a hook that counts only
// if its success was seen: the run that waits for it may be frozen.
static enum agent_health health_of(const struct agent_watch *w, const struct seen *s,
                                   const struct agent_observation *what) {
    const struct agent_claim *claim = watch_claim(w, s);
    bool counts = what->ended && claim != NULL &&
                  (!agent_entry_is_hook(claim->entry) || s->health == AGENT_HEALTH_HEALTHY);

    return counts ? AGENT_HEALTH_HEALTHY : what->health;
}

void agent_watch_observed(void *watch, const struct agent_observation *what) {
    struct agent_watch *w = watch;
    struct seen *s = cm_map_get(w->objects, what->key);

    if (s == NULL || s->telling.removed || w->shut) {
        return;
    }
    enum agent_health health = health_of(w, s, what);
    bool first = s->unseen && !what->drift_stands;
    bool other_health = s->health != health;
    bool other_words = set_text(&s->message, what->message);

    count(s, false);
    enum watch_news news = what->drift_stands ? WATCH_NO_NEWS : watch_take_drift(w, s, what);
    s->unseen = s->unseen && !first;
    s->due = what->due;
    watch_note_undone(s, what->undone_ms);
    s->health = health;
    watch_end_undone(s, what);
    s->waits = s->waits && health != AGENT_HEALTH_MISSING;
    count(s, true);
    watch_note_beside(w, s, health);
    if (other_health || first || news == WATCH_OTHER_DRIFT) {
        watch_dirty_app(w, s->app);
    }
    if (other_health || other_words || first || news != WATCH_NO_NEWS) {
        watch_dirty_object(w, s);
    }
    if (news == WATCH_OTHER_DRIFT) {
        watch_note_object(w, s);
    }
    tell_whom_it_holds_up(w, s, other_health, other_words);
    if (what->health == AGENT_HEALTH_MISSING && w->apply != NULL && may_be_gone(w, s)) {
        agent_apply_forget(w->apply, s->key); // and now it is gone
        watch_survey_look(w);
        return;
    }
    watch_consider(w, s);
    watch_survey_look(w);
}

static bool consider(void *ctx, const char *key, void *value) {
    (void)key;
    watch_consider(ctx, value);
    return true;
}

static bool dirty_app(void *ctx, const char *name, void *value) {
    (void)name;
    watch_dirty_app(ctx, value);
    return true;
}

void agent_watch_reachable(void *watch, bool yes, const struct cm_err *why) {
    struct agent_watch *w = watch;
    bool changed = w->unreachable == yes;

    if (w->shut) {
        return;
    }
    w->unreachable = !yes;
    (void)set_text(&w->unreachable_why, yes ? "" : why->msg);
    if (changed && yes) {
        cm_map_each(w->apps, watch_time_again, NULL);
    }
    if (changed) {
        cm_log(yes ? CM_LOG_INFO : CM_LOG_WARN, yes ? "agent.target_back" : "agent.target_lost",
               yes ? "the target answers again" : why->msg, NULL);
        cm_map_each(w->apps, dirty_app, w);
    }
    if (yes && w->apply != NULL) {
        cm_map_each(w->objects, consider, w); // what was wrong and is wrong still is no news
        agent_apply_reachable(w->apply);
        agent_apply_woken(w->apply);
    }
    if (yes) {
        watch_good_again(w);
    }
}

// ---- From apply

void agent_watch_refrozen(void *watch) {
    struct agent_watch *w = watch;

    if (!w->shut && w->apply != NULL) {
        cm_map_each(w->objects, consider, w);
    }
}

void agent_watch_app_state(void *watch, const struct agent_app_state *state) {
    struct agent_watch *w = watch;
    struct app *a = app_of(w, state->app);

    a->telling.removed = false;
    if (state->images == NULL && watch_hold_back(w, a, state)) {
        return; // what no App names was looked at as it is
    }
    a->has_state = true;
    (void)set_text(&a->revision, state->revision);
    (void)set_text(&a->message, state->message);
    (void)set_text(&a->images, state->images == NULL ? "" : state->images);
    if (!cm_sha256_equal(&a->bundle_sha256, &state->bundle_sha256)) {
        a->unwell_since_ms = 0; // what is new has its own time
        a->late = false;
    }
    a->bundle_sha256 = state->bundle_sha256;
    a->applied = state->applied;
    watch_dirty_app(w, a);
}

static char *words_of(const struct agent_app_removed *what) {
    if (what->claimed_by != NULL) {
        return cm_strf("App '%s' in Git has it now", what->claimed_by);
    }
    if (what->found) {
        return cm_strdup("nothing of it runs there any more");
    }
    if (what->removed == 0 && what->left == 0) {
        return cm_strdup("it owned nothing any more");
    }
    if (what->left == 0) {
        return cm_strf("removed %zu object%s", what->removed, what->removed == 1 ? "" : "s");
    }
    return what->removed == 0
               ? cm_strf("left %zu object%s there", what->left, what->left == 1 ? "" : "s")
               : cm_strf("removed %zu object%s, left %zu there", what->removed,
                         what->removed == 1 ? "" : "s", what->left);
}

void agent_watch_app_removed(void *watch, const struct agent_app_removed *what) {
    struct agent_watch *w = watch;
    struct app *a = app_of(w, what->app);
    CM_AUTOFREE char *words = words_of(what);

    (void)set_text(&a->revision, what->revision);
    (void)set_text(&a->message, words);
    watch_scaling_end(w, a->scaling);
    (void)set_text(&a->claimed_by, what->claimed_by == NULL ? "" : what->claimed_by);
    a->telling.removed = true;
    w->has_ends = true;
    a->has_state = false;
    watch_dirty_app(w, a);
}

void agent_watch_written(void *watch, const char *app, const char *key,
                         const struct agent_applied *result) {
    const char *said = result->said == NULL ? "" : result->said;
    const char *whose = result->whose == NULL ? "" : result->whose;
    struct agent_watch *w = watch;
    struct seen *s = object_of(w, app, key);

    if (said[0] != '\0') {
        cm_log(CM_LOG_INFO, "agent.object_note", said, "object", key, NULL);
    }
    if (result->besides != AGENT_BESIDES_NOTHING) {
        bool adopted = result->besides == AGENT_BESIDES_ADOPTED;

        watch_happened(w, s, adopted ? HAPPENED_ADOPTED : HAPPENED_RECREATED, whose, said);
    }
    watch_taken(w, s);
}

void agent_watch_applied(void *watch, const struct agent_item *item) {
    struct agent_watch *w = watch;
    struct seen *s = object_of(w, item->app, item->key);
    bool failed = set_text(&s->failure, "");
    bool left = set_left(s, "");

    s->applied_again = ends_by_apply(w, s);
    if (!cm_sha256_equal(&s->sha256, &item->sha256) || failed || left) {
        s->sha256 = item->sha256;
        watch_dirty_object(w, s);
        watch_dirty_app(w, s->app);
    }
}

void agent_watch_listed(void *watch, const char *app, const char *key) {
    struct agent_watch *w = watch;
    struct seen *s = object_of(w, app, key);

    watch_dirty_object(w, s);
    watch_dirty_app(w, s->app);
}

void agent_watch_failed(void *watch, const char *app, const char *key, const char *why) {
    struct agent_watch *w = watch;
    struct seen *s = object_of(w, app, key);

    s->applied_again = false;
    if (s->correction != NULL && s->correction->spent > 0) {
        s->correction->spent--;
    }
    if (set_text(&s->failure, why)) {
        cm_log(CM_LOG_WARN, "agent.apply_failed", why, "app", app, "object", key, NULL);
        watch_dirty_object(w, s);
    }
    watch_consider(w, s); // nothing changed, so that nobody will say again that it is wrong
}

void agent_watch_removed(void *watch, const char *app, const char *key) {
    struct agent_watch *w = watch;
    struct seen *s = object_of(w, app, key);

    count(s, false);
    watch_scaling_end(w, s->scaling);
    watch_scaling_free(s->scaling);
    s->scaling = NULL;
    s->unseen = false;
    s->telling.removed = true;
    w->has_ends = true;
    s->health = AGENT_HEALTH_UNKNOWN; // of the next one of that name
    s->waits = false;
    watch_drop_drift(s);
    watch_drop_digests(s);
    (void)watch_keep_actual(w, s, NULL);
    watch_consider(w, s);
    watch_dirty_object(w, s);
    watch_dirty_app(w, s->app);
    watch_looked(w, s->app);
    if (!s->app->has_state && s->app->objects == 0 && !s->app->telling.removed) {
        agent_watch_app_removed(w,
                                &(struct agent_app_removed){.app = s->app->name, .revision = ""});
    }
}

void agent_watch_left(void *watch, const char *app, const char *key, const char *why) {
    struct agent_watch *w = watch;
    struct seen *s = object_of(w, app, key);

    if (set_left(s, why)) {
        watch_dirty_object(w, s);
        watch_dirty_app(w, s->app);
    }
    if (s->health == AGENT_HEALTH_MISSING && w->apply != NULL) {
        agent_apply_forget(w->apply, s->key); // it was gone before: nobody will say so again
    }
}

// ---- Life

struct agent_watch *agent_watch_new(struct cm_loop *loop, struct agent_cache *cache,
                                    int64_t report_interval_ms,
                                    const struct agent_watch_host *host) {
    struct agent_watch *w = cm_new(1, sizeof(*w));

    w->loop = loop;
    w->cache = cache;
    w->interval_ms = report_interval_ms;
    w->host = *host;
    w->apps = cm_map_new(app_free);
    w->objects = cm_map_new(seen_free);
    w->goods = watch_goods_new();
    watch_shares_init(&w->shares, loop, watch_tell_share, w);
    cm_list_init(&w->dirty_apps);
    cm_list_init(&w->dirty_objects);
    cm_list_init(&w->corrections);
    cm_list_init(&w->scalings);
    cm_list_init(&w->lately);
    w->report = (struct cm_timer){.run = watch_report, .ctx = w};
    w->correct = (struct cm_timer){.run = watch_correct, .ctx = w};
    w->lateness = (struct cm_timer){.run = watch_late, .ctx = w};
    w->author = (struct cm_timer){.run = watch_author, .ctx = w};
    w->good = (struct cm_timer){.run = watch_good_again, .ctx = w};
    w->scaled = (struct cm_timer){.run = watch_scaled, .ctx = w};
    w->survey = (struct cm_timer){.run = watch_survey_late, .ctx = w};
    w->last_sent_ms = cm_clock_now_ms() - report_interval_ms;
    w->acked = agent_cache_reports_acked(cache);
    w->full = true; // what was told before this process began is not known
    return w;
}

void agent_watch_free(struct agent_watch *w) {
    if (w == NULL) {
        return;
    }
    cm_timer_stop(w->loop, &w->report);
    cm_timer_stop(w->loop, &w->correct);
    cm_timer_stop(w->loop, &w->lateness);
    cm_timer_stop(w->loop, &w->author);
    cm_timer_stop(w->loop, &w->good);
    cm_timer_stop(w->loop, &w->scaled);
    watch_lately_end(w, false);
    cm_timer_stop(w->loop, &w->survey);
    cm_map_free(w->objects);
    cm_map_free(w->apps);
    watch_shares_done(&w->shares);
    cm_map_free(w->goods);
    free(w->unreachable_why);
    free(w);
}

static void know_item(void *ctx, const struct agent_item *item) {
    struct agent_watch *w = ctx;
    bool is_new = cm_map_get(w->objects, item->key) == NULL;
    struct seen *s = object_of(w, item->app, item->key);

    count(s, false);
    s->unseen = is_new && item->applied && !item->release; // else nobody looks at it
    count(s, true);
    s->sha256 = item->applied ? item->sha256 : s->sha256;
    watch_dirty_object(w, s);
}

void agent_watch_start(struct agent_watch *w, struct agent_apply *apply) {
    w->apply = apply;
    if (!agent_apply_observes(apply)) { // else what was applied once is nobody's business
        agent_cache_each_item(w->cache, know_item, w);
    }
    watch_redo(w);
}

void agent_watch_shut(struct agent_watch *w) {
    w->shut = true;
    w->connected = false;
    cm_timer_stop(w->loop, &w->report);
    cm_timer_stop(w->loop, &w->correct);
    cm_timer_stop(w->loop, &w->lateness);
    cm_timer_stop(w->loop, &w->author);
    cm_timer_stop(w->loop, &w->good);
    cm_timer_stop(w->loop, &w->scaled);
    cm_timer_stop(w->loop, &w->survey);
    watch_shares_stop(&w->shares);
}

static bool count_app(void *ctx, const char *name, void *value) {
    struct agent_watch_counts *out = ctx;
    const struct app *a = value;

    (void)name;
    if (!a->telling.removed && a->has_state) {
        out->apps++;
        out->apps_applied += a->applied == AGENT_APP_APPLIED ? 1 : 0;
        out->objects += a->objects;
        out->drifted += a->drifted;
    }
    return true;
}

struct healthy_count {
    const struct agent_watch *watch;
    size_t count;
};

static bool count_healthy(void *ctx, const char *name, void *value) {
    struct healthy_count *h = ctx;
    const struct app *a = value;

    (void)name;
    if (!a->telling.removed && a->has_state && a->applied == AGENT_APP_APPLIED &&
        watch_app_health(h->watch, a) == AGENT_HEALTH_HEALTHY) {
        h->count++;
    }
    return true;
}

void agent_watch_counts_get(const struct agent_watch *w, struct agent_watch_counts *out) {
    struct healthy_count healthy = {.watch = w};

    *out = (struct agent_watch_counts){.dirty = w->dirty_count, .unacked = w->in_flight > 0};
    cm_map_each(w->apps, count_app, out);
    cm_map_each(w->apps, count_healthy, &healthy);
    out->apps_healthy = healthy.count;
}
