#include "hub/jobs/lost.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"

#define NAMED_MAX 5 // Apps that a message names

void hub_lost_done(struct hub_lost *l) {
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].name);
        free(l->items[i].revision);
        free(l->items[i].message);
        cm_map_free(l->items[i].apps);
    }
    free(l->items);
    *l = (struct hub_lost){0};
}

void hub_lost_add(struct hub_lost *l, const char *name, const char *revision) {
    l->items = cm_resize(l->items, (l->count + 1) * sizeof(*l->items));
    l->items[l->count++] = (struct hub_lost_repo){
        .name = cm_strdup(name), .revision = cm_strdup(revision), .apps = cm_map_new(NULL)};
}

void hub_lost_add_app(struct hub_lost *l, const char *repo, const char *app) {
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->items[i].name, repo) == 0) {
            cm_map_put(l->items[i].apps, app, l);
        }
    }
}

// Nothing is read of a commit without files.
static enum cm_rc read_nothing(void *ctx, const char *repo, const uint8_t *oid, size_t max_bytes,
                               struct cm_buf **out, struct cm_err *err) {
    (void)ctx;
    (void)oid;
    (void)max_bytes;
    (void)out;
    return cm_fail(err, CM_EIO, "repository '%s' is configured no longer", repo);
}

// An App that another repository has is not lost.
static void forget_app(void *ctx, const struct hub_app_info *app) {
    struct hub_lost *l = ctx;

    for (size_t i = 0; i < l->count; i++) {
        (void)cm_map_remove(l->items[i].apps, app->name);
    }
}

static char *message_of(const struct hub_lost_repo *repo) {
    CM_AUTOFREE const char **names = cm_map_keys(repo->apps);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    size_t count = cm_map_len(repo->apps);

    cm_str_addf(&text,
                "repository '%s' is not configured any more, so its Apps are taken as deleted from "
                "Git: ",
                repo->name);
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        cm_str_addf(&text, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    if (count > NAMED_MAX) {
        cm_str_addf(&text, " and %zu more", count - NAMED_MAX);
    }
    cm_str_add(&text, "; to have them back, put it into the file of repositories again");
    return cm_str_take(&text);
}

void hub_lost_give_up(struct hub_lost *l, struct hub_fleet *fleet) {
    struct hub_fleet_reader reader = {.read = read_nothing};

    for (size_t i = 0; i < l->count; i++) {
        struct hub_fleet_commit empty = {
            .repo = l->items[i].name, .revision = l->items[i].revision, .complete = true};

        hub_fleet_result_free(hub_fleet_update(fleet, &empty, &reader));
    }
    hub_fleet_each_app(fleet, forget_app, l);
    for (size_t i = 0; i < l->count; i++) {
        if (cm_map_len(l->items[i].apps) > 0) {
            l->items[i].message = message_of(&l->items[i]);
        }
    }
}
