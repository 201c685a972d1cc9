// debug.c: what a support bundle takes from the hub: its configuration without secrets, its last
// log lines, its metrics, and how full the database is.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/config/config.h"
#include "hub/store/query_tables.h"

// Only what is named here is told of a repository: what is added to its configuration later is no
// secret that was forgotten.
static void set_given(struct cm_arena *a, struct cm_json *row, const char *member,
                      const char *value) {
    cm_json_set_bool(a, row, member, value != NULL && value[0] != '\0');
}

// Who is in the address is nobody's business, nor is a password that should not be there.
static const char *without_user(struct cm_arena *a, const char *url) {
    const char *host = strstr(url, "://");
    const char *at = host == NULL ? NULL : strpbrk(host + 3, "@/");

    return at == NULL || *at != '@'
               ? url
               : cm_arena_strf(a, "%.*s%s", (int)(host + 3 - url), url, at + 1);
}

static const char *write_name(enum hub_write_mode mode) {
    return mode == HUB_WRITE_DIRECT ? "direct" : mode == HUB_WRITE_OFF ? "off" : "pull-request";
}

static struct cm_json *tell_repository(struct cm_arena *a, const struct hub_repository *r) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, row, "url", without_user(a, r->url));
    cm_json_set_string(a, row, "branch", r->branch);
    cm_json_set_string(a, row, "path", r->path);
    cm_json_set_int(a, row, "pollMs", r->poll_ms);
    cm_json_set_int(a, row, "timeoutMs", r->timeout_ms);
    cm_json_set_bool(a, row, "sourceOnly", r->source_only);
    cm_json_set_string(a, row, "write", write_name(r->write));
    cm_json_set_string(a, row, "provider", r->provider != NULL ? r->provider : "");
    cm_json_set_bool(a, row, "signs", r->signing_key != NULL);
    cm_json_set_bool(a, row, "allowPrivateHosts", r->allow_private_hosts);
    set_given(a, row, "hasToken", r->token);
    set_given(a, row, "hasPassword", r->password);
    set_given(a, row, "hasSshKey", r->ssh_key_file);
    set_given(a, row, "hasWebhookSecret", r->webhook_secret);
    return row;
}

static struct cm_json *tell_repositories(struct cm_arena *a, const struct hub_repositories *all) {
    struct cm_json *object = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < all->count; i++) {
        cm_json_set(a, object, all->items[i].name, tell_repository(a, &all->items[i]));
    }
    return object;
}

static struct cm_json *tell_config(struct cm_arena *a, const void *config) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *object = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < hub_config_options.count; i++) {
        const struct cm_option *option = &hub_config_options.options[i];
        const char *field = (const char *)config + option->offset;

        if (option->secret) {
            continue;
        }
        if (option->type == CM_OPTION_STRING) {
            cm_json_set_string(a, object, option->name, *(const char *const *)(const void *)field);
        } else if (option->type == CM_OPTION_BOOL) {
            cm_json_set_bool(a, object, option->name, *(const bool *)(const void *)field);
        } else {
            cm_json_set_int(a, object, option->name, *(const int64_t *)(const void *)field);
        }
    }
    return object;
}

enum cm_rc hub_get_debug(struct hub_request *r, struct cm_err *err) {
    const struct hub_api_config *config = &r->api->config;
    CM_CLEANUP(cm_str_done) struct cm_str log = {0};
    CM_CLEANUP(cm_str_done) struct cm_str metrics = {0};
    struct cm_json *answer = cm_json_new(r->arena, CM_OBJECT);
    struct cm_json *tables = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_api_write_metrics(r, &metrics, err);

    rc = rc < 0 ? rc : hub_readers_take(r->api->readers, &db, err);
    rc = rc < 0 ? rc : hub_query_tables(db, r->arena, &tables, err);
    hub_readers_give(r->api->readers, db);
    if (rc < 0) {
        return rc;
    }
    cm_log_kept(&log);
    cm_json_set_string(r->arena, answer, "version", HOLDFAST_VERSION);
    if (config->options != NULL) {
        cm_json_set(r->arena, answer, "config", tell_config(r->arena, config->options));
    }
    cm_json_set(r->arena, answer, "repositories",
                tell_repositories(r->arena, config->repositories));
    cm_json_set(r->arena, answer, "store", tables);
    cm_json_set_string(r->arena, answer, "log", cm_str_get(&log));
    cm_json_set_string(r->arena, answer, "metrics", cm_str_get(&metrics));
    hub_answer_json(r, 200, answer);
    return CM_OK;
}
