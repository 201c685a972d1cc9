// debug.c: `holdfast debug bundle`: what whoever helps needs to know, in one file, without secrets.
//
// What goes in is listed here; each part is a file. A part that the hub does not give is a file
// that says why, so that a hub which is ill can be told of, too.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/action.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/tar.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *file;
    const char *list; // below /api/v1
    int64_t limit;    // 0: all
    struct ctl_param params[2];
} lists[] = {
    {"clusters.json", "/clusters", 0, {{NULL, NULL}}},
    {"apps.json", "/apps", 0, {{NULL, NULL}}},
    {"repositories.json", "/repositories", 0, {{NULL, NULL}}},
    {"problems.json", "/problems", 5000, {{NULL, NULL}}},
    {"events.json", "/events", 5000, {{NULL, NULL}}},
    {"revisions.json", "/revisions", 500, {{NULL, NULL}}},
    {"not-healthy.json", "/status", 5000, {{"state", "not-healthy"}, {NULL, NULL}}},
};

static enum cm_rc add_text(struct ctl *c, struct ctl_tar *tar, const char *file, const char *text) {
    return ctl_tar_add(tar, file, text, strlen(text), &c->err);
}

static enum cm_rc add_json(struct ctl *c, struct ctl_tar *tar, const char *file,
                           const struct cm_json *tree) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_json_write_canonical(tree, &text);
    return add_text(c, tar, file, cm_str_get(&text));
}

// add_why stands for a part that could not be had.
static enum cm_rc add_why(struct ctl *c, struct ctl_tar *tar, const char *file) {
    const char *name = cm_arena_strf(c->arena, "%s.error.txt", file);
    const char *why = cm_arena_strf(c->arena, "%s\n", c->err.msg);

    (void)fprintf(stderr, "holdfast: %s is left out: %s\n", file, c->err.msg);
    return add_text(c, tar, name, why);
}

static enum cm_rc add_lists(struct ctl *c, struct ctl_tar *tar) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < COUNT(lists); i++) {
        struct cm_json *items = NULL;

        rc = ctl_list(c, lists[i].list, lists[i].params, lists[i].limit, &items) < 0
                 ? add_why(c, tar, lists[i].file)
                 : add_json(c, tar, lists[i].file, items);
    }
    return rc;
}

static const char *text_of(const struct cm_json *object, const char *member) {
    const char *text = cm_json_string(cm_json_get(object, member));

    return text == NULL ? "" : text;
}

// What only an administrator may see.
static enum cm_rc add_debug(struct ctl *c, struct ctl_tar *tar) {
    struct cm_json *debug = NULL;

    if (ctl_call(c, "GET", "/debug", NULL, NULL, &debug) < 0) {
        return add_why(c, tar, "hub.json");
    }
    enum cm_rc rc = add_text(c, tar, "hub.log", text_of(debug, "log"));
    rc = rc < 0 ? rc : add_text(c, tar, "metrics.txt", text_of(debug, "metrics"));
    (void)cm_json_remove(debug, "log");
    (void)cm_json_remove(debug, "metrics");
    return rc < 0 ? rc : add_json(c, tar, "hub.json", debug);
}

static enum cm_rc add_one(struct ctl *c, struct ctl_tar *tar, const char *file, const char *path) {
    struct cm_json *answer = NULL;

    return ctl_call(c, "GET", path, NULL, NULL, &answer) < 0 ? add_why(c, tar, file)
                                                             : add_json(c, tar, file, answer);
}

static enum cm_rc fill(struct ctl *c, struct ctl_tar *tar) {
    char now[CM_CLOCK_TEXT_MAX];

    cm_clock_format(cm_clock_unix_ms(), now);
    enum cm_rc rc = add_text(c, tar, "about.txt",
                             cm_arena_strf(c->arena, "holdfast %s, %s\n", HOLDFAST_VERSION, now));
    rc = rc < 0 ? rc : add_one(c, tar, "version.json", "/version");
    rc = rc < 0 ? rc : add_one(c, tar, "health.json", "/health");
    rc = rc < 0 ? rc : add_debug(c, tar);
    return rc < 0 ? rc : add_lists(c, tar);
}

static const char *file_name(struct ctl *c) {
    time_t now = (time_t)(cm_clock_unix_ms() / 1000);
    struct tm utc;
    char text[32];

    (void)gmtime_r(&now, &utc);
    (void)strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc);
    return cm_arena_strf(c->arena, "holdfast-debug-%s.tar.gz", text);
}

static int bundle(struct ctl *c) {
    const char *path = c->options.file != NULL ? c->options.file : file_name(c);
    struct ctl_tar *tar = NULL;

    if (ctl_tar_open(path, &tar, &c->err) < 0) {
        return CTL_ERROR;
    }
    enum cm_rc rc = fill(c, tar);
    if (rc < 0) {
        ctl_tar_drop(tar);
        return CTL_ERROR;
    }
    if (ctl_tar_close(tar, &c->err) < 0) {
        return CTL_ERROR;
    }
    (void)printf("%s\n", path);
    return CTL_DONE;
}

int ctl_debug(struct ctl *c) {
    static const struct ctl_action actions[] = {{"bundle", 0, "", "dump collect", bundle}};

    return ctl_action_run(c, actions, COUNT(actions));
}
