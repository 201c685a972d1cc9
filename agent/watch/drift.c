// What differs of an object: drift, and what is told beside it.
//
// Drift is what somebody else set and nobody wants to ignore. What another controller has by right,
// what the target itself makes of a value, and what a rule ignores is told for those who look, and
// counts for nothing.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/watch/internal.h"
#include "common/log.h"
#include "common/mem.h"

// Of what a driver observed, pointers to what is told: first what counts.
struct told {
    const struct agent_field_drift *fields[AGENT_DRIFT_MAX];
    size_t counted;
    size_t count;
};

void watch_drop_drift(struct seen *s) {
    for (size_t i = 0; i < s->field_count; i++) {
        free(s->drift[i].path);
        free(s->drift[i].desired);
        free(s->drift[i].actual);
        free(s->drift[i].manager);
        free(s->drift[i].user);
        free(s->drift[i].operation);
    }
    free(s->drift);
    s->drift = NULL;
    s->drift_count = 0;
    s->field_count = 0;
    s->drift_more = false;
}

enum agent_drift watch_mode(const struct agent_claim *claim, size_t rule) {
    const struct agent_bundle *b = claim->app->bundle;
    const struct agent_drift_rules *rules = agent_bundle_rules(b, claim->entry);

    return rule > 0 && rule <= rules->count ? rules->modes[rule - 1] : b->drift;
}

struct agent_fate watch_fate(const struct agent_claim *claim, size_t rule,
                             enum agent_difference difference) {
    const struct agent_bundle *b = claim->app->bundle;
    const struct agent_drift_rules *rules = agent_bundle_rules(b, claim->entry);
    bool ruled = rule > 0 && rule <= rules->count;
    enum agent_drift mode = watch_mode(claim, rule);

    return agent_fate_of(
        &(struct agent_situation){.app = b->drift,
                                  .ruled = ruled,
                                  .rule = mode,
                                  .exempt = ruled && mode != AGENT_DRIFT_OFF &&
                                            rules->applying[rule - 1] == CM_SPARE_UNLESS_NEW,
                                  .difference = difference});
}

static bool is_drift(const struct agent_claim *claim, const struct agent_field_drift *f) {
    return watch_fate(claim, f->rule, f->difference).drift;
}

// is_told: an App that does not want to hear of drift hears only of what its rules are about.
static bool is_told(const struct agent_claim *claim, const struct agent_field_drift *f) {
    return f->rule > 0 || claim->app->bundle->drift != AGENT_DRIFT_OFF;
}

static void add(struct told *t, const struct agent_claim *claim,
                const struct agent_observation *what, bool drift) {
    for (size_t i = 0; i < what->drift_count && t->count < AGENT_DRIFT_MAX; i++) {
        const struct agent_field_drift *f = &what->drift[i];

        if (is_drift(claim, f) == drift && is_told(claim, f)) {
            t->fields[t->count++] = f;
        }
    }
}

// compares tells whether differences mean something: an object that is still to be applied differs
// because Git changed, and what a hook made is of no use once it has run.
static bool compares(const struct agent_watch *w, const struct seen *s,
                     const struct agent_claim *claim) {
    return claim != NULL && !agent_entry_is_hook(claim->entry) &&
           (agent_apply_observes(w->apply) || cm_sha256_equal(&claim->entry->sha256, &s->sha256));
}

static const char *user_of(const struct agent_field_drift *d) {
    return d->user == NULL ? "" : d->user;
}

static bool same_field(const struct field *f, const struct agent_field_drift *d) {
    return f->difference == d->difference && f->rule == d->rule && strcmp(f->path, d->path) == 0 &&
           strcmp(f->desired, d->desired) == 0 && strcmp(f->actual, d->actual) == 0 &&
           strcmp(f->manager, d->manager) == 0 && strcmp(f->user, user_of(d)) == 0 &&
           f->at_ms == d->at_ms;
}

static bool same_fields(const struct seen *s, const struct told *t, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if (!same_field(&s->drift[i], t->fields[i])) {
            return false;
        }
    }
    return true;
}

static void set_fields(struct seen *s, const struct told *t) {
    watch_drop_drift(s);
    s->drift = t->count == 0 ? NULL : cm_new(t->count, sizeof(*s->drift));
    s->drift_count = t->counted;
    s->field_count = t->count;
    for (size_t i = 0; i < t->count; i++) {
        const struct agent_field_drift *f = t->fields[i];

        s->drift[i] = (struct field){.difference = f->difference,
                                     .rule = f->rule,
                                     .path = cm_strdup(f->path),
                                     .desired = cm_strdup(f->desired),
                                     .actual = cm_strdup(f->actual),
                                     .manager = cm_strdup(f->manager),
                                     .user = cm_strdup(user_of(f)),
                                     .operation = cm_strdup(f->operation),
                                     .at_ms = f->at_ms};
    }
}

// note_end remembers who put an object right. The target may say so before our own request is over;
// what is not compared any more, or may be tried again at any time, is not known.
static void note_end(struct seen *s, bool compared) {
    enum agent_applied_state state = s->app->applied;
    bool settled =
        state == AGENT_APP_APPLIED || state == AGENT_APP_SUSPENDED || state == AGENT_APP_OBSERVED;

    if (s->applied_again || (compared && state == AGENT_APP_APPLYING)) {
        s->ended = DRIFT_END_CORRECTED;
    } else {
        s->ended = compared && settled ? DRIFT_END_PUT_BACK : DRIFT_END_UNKNOWN;
    }
}

static void log_drift(const struct seen *s) {
    const struct field *f = s->drift;

    assert(f != NULL);
    cm_log(CM_LOG_INFO, "agent.drift", "an object was changed by somebody else", "app",
           s->app->name, "object", s->key, "field", f->path, "desired", f->desired, "actual",
           f->actual, "manager", f->manager, "user", f->user, NULL);
}

enum watch_news watch_take_drift(struct agent_watch *w, struct seen *s,
                                 const struct agent_observation *what) {
    const struct agent_claim *claim = watch_claim(w, s);
    bool compared = compares(w, s, claim) &&
                    (claim->app->bundle->drift != AGENT_DRIFT_OFF || claim->entry->drift_rules > 0);
    struct told t = {.count = 0};

    if (compared) {
        add(&t, claim, what, true);
        t.counted = t.count;
        add(&t, claim, what, false);
    }
    bool wanted = compared && claim->app->bundle->drift != AGENT_DRIFT_OFF;
    bool other = watch_keep_actual(w, s, wanted ? what : NULL);
    bool more = t.counted > 0 && what->drift_more;
    bool same_drift =
        t.counted == s->drift_count && more == s->drift_more && same_fields(s, &t, 0, t.counted);
    if (same_drift && t.count == s->field_count && same_fields(s, &t, t.counted, t.count)) {
        return other ? WATCH_OTHER_FIELDS : WATCH_NO_NEWS;
    }
    if (same_drift) {
        set_fields(s, &t);
        s->drift_more = more;
        return WATCH_OTHER_FIELDS;
    }
    note_end(s, compared);
    set_fields(s, &t);
    s->drift_more = more;
    s->applied_again = false;
    if (t.counted > 0) {
        log_drift(s);
    }
    return WATCH_OTHER_DRIFT;
}
