#include "hub/jobs/rotation.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/jobs/store.h"
#include "hub/store/events.h"
#include "hub/store/meta.h"

#define LOOK_MS ((int64_t)60 * 1000)
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define AGAIN_MS ((int64_t)3600 * 1000) // after it failed
#define ROOT "root"
#define ROOT_FROM "root_from_ms"

struct hub_rotation {
    struct hub_rotation_config config;
    struct cm_timer timer;
    struct hub_store_job job;
    bool busy;
    bool again;  // asked for while busy
    bool loaded; // the authority has what the folder holds
    bool failed; // to be tried again
    bool stopped;
    int64_t warned_ms;
    struct hub_authority_news news; // that are to be put down
    struct cm_metric *metric_issuer;
    struct cm_metric *metric_signer;
    struct cm_metric *metric_roots;
};

static bool is_any(const struct hub_authority_news *news) {
    return news->issuer || news->signer || news->roots;
}

static void note_news(struct hub_rotation *r, const struct hub_authority_news *news) {
    cm_metric_add(r->metric_issuer, news->issuer);
    cm_metric_add(r->metric_signer, news->signer);
    cm_metric_add(r->metric_roots, news->roots);
    r->news.issuer |= news->issuer;
    r->news.signer |= news->signer;
    r->news.roots |= news->roots;
}

// ---- Since when the root is used

static enum cm_rc find_root(struct hub_db *db, char **out, struct cm_err *err) {
    enum cm_rc rc = hub_meta_get_text(db, ROOT, out, err);

    return rc == CM_ENOTFOUND ? CM_OK : rc; // a hub of the version before put nothing down
}

// Whoever certifies has his turn on this thread before or after. The first root that is put down
// may have been used for long.
enum cm_rc hub_rotation_note_root(struct hub_db *db, const struct hub_authority *a,
                                  struct cm_err *err) {
    CM_AUTOFREE char *before = NULL;
    struct cm_sha256 root = hub_authority_pin(a);
    char hex[CM_SHA256_HEX_MAX];
    enum cm_rc rc = find_root(db, &before, err);

    cm_sha256_hex(&root, hex);
    if (rc < 0 || (before != NULL && strcmp(before, hex) == 0)) {
        return rc;
    }
    rc = hub_meta_set_int(db, ROOT_FROM, before == NULL ? 0 : cm_clock_unix_ms(), err);
    return rc < 0 ? rc : hub_meta_set_text(db, ROOT, hex, err);
}

enum cm_rc hub_rotation_root_from_ms(struct hub_db *db, const struct cm_sha256 *root,
                                     int64_t *out_ms, struct cm_err *err) {
    CM_AUTOFREE char *used = NULL;
    char hex[CM_SHA256_HEX_MAX];
    enum cm_rc rc = find_root(db, &used, err);

    if (rc < 0 || used == NULL) {
        *out_ms = rc < 0 ? *out_ms : 0;
        return rc;
    }
    cm_sha256_hex(root, hex);
    if (strcmp(used, hex) != 0) {
        return cm_fail(err, CM_EBUSY,
                       "the hub may still certify under the root before the one in its folder: "
                       "reload it (SIGHUP) or start it, and try again");
    }
    return hub_meta_get_int(db, ROOT_FROM, out_ms, err);
}

static enum cm_rc run(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_rotation *r = CM_CONTAINER(job, struct hub_rotation, job);
    struct hub_authority_news news = {0};
    enum cm_rc rc = hub_authority_reload(r->config.authority, &news, err);

    r->loaded = rc == CM_OK;
    note_news(r, &news);
    rc = rc < 0 ? rc : hub_rotation_note_root(db, r->config.authority, err);
    if (rc < 0 || !is_any(&r->news)) {
        return rc;
    }
    CM_AUTOFREE char *message =
        cm_strf("the hub has other keys of its own: %s%s%snow with set %llu of roots",
                r->news.issuer ? "issuer, " : "", r->news.signer ? "signer, " : "",
                r->news.roots ? "roots, " : "",
                (unsigned long long)hub_authority_trust(r->config.authority)->set.version);
    return hub_events_add(
        db,
        &(struct hub_event){
            .at_ms = cm_clock_unix_ms(), .kind = "hub.rotated", .actor = "hub", .message = message},
        err);
}

static void start(struct hub_rotation *r);

// What the authority has it uses at once, also if that could not be put down; that is tried again.
static void done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_rotation *r = CM_CONTAINER(job, struct hub_rotation, job);

    r->busy = false;
    r->failed = err->code != CM_OK;
    if (err->code == CM_ECANCELED || r->stopped) {
        return;
    }
    if (err->code != CM_OK) {
        cm_log(CM_LOG_ERROR, "hub.keys_failed", err->msg, NULL);
    } else {
        cm_log(CM_LOG_INFO, "hub.keys",
               is_any(&r->news) ? "the hub has other keys of its own"
                                : "the hub's keys are what they were",
               NULL);
        r->news = (struct hub_authority_news){0};
    }
    if (r->loaded) {
        r->config.rotated(r->config.ctx);
    }
    cm_timer_start(r->config.loop, &r->timer, err->code == CM_OK ? LOOK_MS : AGAIN_MS);
    if (r->again) {
        r->again = false;
        start(r);
    }
}

static void start(struct hub_rotation *r) {
    r->busy = true;
    r->loaded = false;
    r->job = (struct hub_store_job){.run = run, .done = done};
    hub_store_submit(r->config.store, &r->job);
}

// ---- What needs somebody

static const char *days_until(int64_t ends_ms, char text[CM_LOG_INT_MAX]) {
    return cm_log_int((ends_ms - cm_clock_unix_ms()) / DAY_MS, text);
}

static void warn_of_ends(struct hub_rotation *r) {
    int64_t ends_ms = hub_authority_ends_ms(r->config.authority);
    int64_t root_ends_ms = hub_authority_root_ends_ms(r->config.authority);
    char days[CM_LOG_INT_MAX];

    r->warned_ms = cm_clock_now_ms();
    if (ends_ms != 0) {
        cm_log(CM_LOG_WARN, "hub.issuer_ending",
               "issuer or signer end and the root's key is offline: run 'holdfast-hub rotate "
               "ROOT-KEY', then reload the hub (SIGHUP)",
               "days", days_until(ends_ms, days), NULL);
    }
    if (root_ends_ms != 0) {
        cm_log(CM_LOG_WARN, "hub.root_ending",
               "the root ends, and with it all that it certified: run 'holdfast-hub rotate-root "
               "begin', then reload the hub (SIGHUP)",
               "days", days_until(root_ends_ms, days), NULL);
    }
}

static void on_timer(void *ctx) {
    struct hub_rotation *r = ctx;

    if (cm_clock_now_ms() - r->warned_ms >= DAY_MS) {
        warn_of_ends(r);
    }
    if (!r->busy && (r->failed || hub_authority_is_due(r->config.authority))) {
        start(r);
    } else {
        cm_timer_start(r->config.loop, &r->timer, LOOK_MS);
    }
}

static struct cm_metric *counter_of(const struct hub_rotation *r, const char *what) {
    return cm_metrics_counter(r->config.metrics, "holdfast_keys_rotated_total", what,
                              "How often the hub took over other keys of its own.");
}

struct hub_rotation *hub_rotation_start(const struct hub_rotation_config *config) {
    struct hub_rotation *r = cm_new(1, sizeof(*r));

    r->config = *config;
    r->timer = (struct cm_timer){.run = on_timer, .ctx = r};
    r->metric_issuer = counter_of(r, "what=\"issuer\"");
    r->metric_signer = counter_of(r, "what=\"signer\"");
    r->metric_roots = counter_of(r, "what=\"roots\"");
    warn_of_ends(r);
    cm_timer_start(config->loop, &r->timer, LOOK_MS);
    return r;
}

void hub_rotation_reload(struct hub_rotation *r) {
    if (r->busy) {
        r->again = true;
    } else if (!r->stopped) {
        start(r);
    }
}

void hub_rotation_stop(struct hub_rotation *r) {
    r->stopped = true;
    cm_timer_stop(r->config.loop, &r->timer);
}

void hub_rotation_free(struct hub_rotation *r) {
    free(r);
}
