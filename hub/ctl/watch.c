// watch.c: `holdfast watch`: a live screen of a commit on its way through the fleet.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/ctl/print.h"
#include "hub/ctl/progress.h"
#include "hub/ctl/resources.h"
#include "hub/ctl/rows.h"
#include "hub/ctl/screen.h"
#include "hub/ctl/words.h"

#define LOOK_MS 500
#define OPEN_MAX 200 // pairs that are asked for
#define FOREVER_MS INT64_MAX
#define HEAD_LINES 8 // above the table: title, bars, a sentence, empty lines, the titles
#define REVISION_MAX 64

// What is on one page.
struct page {
    struct ctl_progress progress;
    const struct cm_json *revision; // row of /revisions; NULL: none yet
    struct cm_json *open;           // rows of /status that are not healthy
    const char *error;              // of the last look; NULL: it went well
};

static const struct ctl_column columns[] = {
    {"CLUSTER", "cluster", CTL_TEXT, CTL_ALWAYS},     {"APP", "app", CTL_TEXT, CTL_ALWAYS},
    {"APPLIED", "applied", CTL_STATE, CTL_ALWAYS},    {"HEALTH", "health", CTL_STATE, CTL_IF_ROOM},
    {"CONNECTED", "connected", CTL_YES, CTL_IF_ROOM}, {"MESSAGE", "why", CTL_TEXT, CTL_ALWAYS},
};

static const char *text_of(const struct cm_json *row, const char *member) {
    const char *text = cm_json_string(cm_json_get(row, member));

    return text == NULL ? "" : text;
}

// ---- Looking

// Finds the commit that is watched: the one that is named, else the newest.
static enum cm_rc find_revision(struct ctl *c, struct page *page) {
    const char *named = c->options.revision;
    struct ctl_param params[] = {{"repository", c->options.repository}, {NULL, NULL}};
    struct cm_json *rows = NULL;
    enum cm_rc rc = ctl_list(c, "/revisions", params, named == NULL ? 1 : 0, &rows);

    if (rc < 0) {
        return rc;
    }
    for (const struct cm_json *at = rows->first; at != NULL && page->revision == NULL;
         at = at->next) {
        if (named == NULL || strncmp(text_of(at, "id"), named, strlen(named)) == 0) {
            page->revision = at;
        }
    }
    return CM_OK;
}

static enum cm_rc find_open(struct ctl *c, const char *revision, struct page *page) {
    const struct ctl_options *o = &c->options;
    struct ctl_param params[] = {{"revision", revision},
                                 {"state", "not-healthy"},
                                 {"app", o->app},
                                 {"cluster", o->cluster},
                                 {"group", o->group},
                                 {"selector", o->selector},
                                 {"sort", "-connected,-applied"},
                                 {NULL, NULL}};
    enum cm_rc rc = ctl_list(c, "/status", params, OPEN_MAX, &page->open);

    for (struct cm_json *at = rc < 0 ? NULL : page->open->first; at != NULL; at = at->next) {
        const char *message = text_of(at, "message");

        cm_json_set_string(c->arena, at, "why",
                           message[0] != '\0' ? message : text_of(at, "healthMessage"));
    }
    return rc;
}

static enum cm_rc look(struct ctl *c, struct page *page) {
    enum cm_rc rc = find_revision(c, page);
    const char *revision = c->options.revision;

    if (rc == CM_OK && revision == NULL && page->revision != NULL) {
        revision = text_of(page->revision, "id");
    }
    if (rc == CM_OK) {
        rc = ctl_progress_look(c, revision, &page->progress);
    }
    return rc < 0 ? rc : find_open(c, revision, page);
}

// ---- Drawing

static void print_cut(struct ctl *c, const char *text) {
    size_t width = ctl_terminal_width();

    (void)fputs(width == 0 ? text : ctl_text_cut(c->arena, text, width), stdout);
}

static void draw_title(struct ctl *c, const struct page *page) {
    const struct cm_json *row = page->revision;
    const char *title = c->options.revision != NULL ? c->options.revision : "no commit yet";
    char age[CTL_AGE_MAX];

    if (row != NULL) {
        title = cm_arena_strf(c->arena, "%.8s  %s  (%s ago)", text_of(row, "id"),
                              ctl_one_line(c->arena, text_of(row, "subject")),
                              ctl_age(cm_json_int(cm_json_get(row, "committedMs"), 0), age));
    }
    (void)fputs(ctl_bold(), stdout);
    print_cut(c, ctl_one_line(c->arena, title));
    (void)printf("%s\n", ctl_plain());
}

static const char *sentence_of(struct ctl *c, const struct page *page) {
    const struct ctl_progress *p = &page->progress;

    if (page->error != NULL) {
        return page->error;
    }
    if (!p->resolved) {
        return "the hub has not resolved that commit yet";
    }
    if (p->problems > 0) {
        return cm_arena_strf(c->arena, "%lld problems, first: %s", (long long)p->problems,
                             p->first_problem == NULL ? "" : p->first_problem);
    }
    return p->counts[CTL_HEALTHY] == p->pairs ? "all healthy"
                                              : ctl_progress_missing(c, p, CTL_HEALTHY);
}

static void draw_open(struct ctl *c, struct page *page) {
    size_t height = ctl_terminal_height();
    size_t room = height > HEAD_LINES + 2 ? height - HEAD_LINES - 2 : 1;
    size_t count = page->open == NULL ? 0 : page->open->count;

    if (count == 0) {
        return;
    }
    (void)putchar('\n');
    struct cm_json *shown = ctl_rows_first(c->arena, page->open, room);
    ctl_table_print(ctl_table_new(c, columns, sizeof(columns) / sizeof(columns[0])), shown);
    if (count > shown->count) {
        (void)printf("… and %s%zu more", count == OPEN_MAX ? "at least " : "",
                     count - shown->count);
    }
}

static void draw(struct ctl *c, struct page *page) {
    bool well = page->error == NULL && page->progress.failed + page->progress.problems == 0;

    ctl_screen_begin();
    draw_title(c, page);
    ctl_progress_bars(&page->progress, "");
    (void)fputs(well ? "" : ctl_red(), stdout);
    print_cut(c, ctl_one_line(c->arena, sentence_of(c, page)));
    (void)printf("%s\n", ctl_plain());
    draw_open(c, page);
    ctl_screen_end();
}

// ---- Until it is there, or somebody has seen enough

static bool is_over(const struct ctl *c, const struct page *page) {
    const struct ctl_progress *p = &page->progress;

    return page->error == NULL && c->options.revision != NULL && p->resolved &&
           p->counts[CTL_HEALTHY] == p->pairs;
}

// Shows one page; true if it was the last. A hub that is away is told of and waited for.
static bool show_page(struct ctl *c, bool *looked, int *code) {
    struct page page = {0};
    enum cm_rc rc = look(c, &page);

    if (rc < 0 && (!*looked || !ctl_may_pass(rc))) {
        *code = CTL_ERROR;
        return true;
    }
    page.error = rc < 0 ? cm_arena_strdup(c->arena, c->err.msg) : NULL;
    c->err = (struct cm_err){.code = CM_OK};
    if (!*looked) {
        ctl_screen_open();
        *looked = true;
    }
    draw(c, &page);
    *code = CTL_DONE;
    return is_over(c, &page) || ctl_screen_wants_end();
}

static int watch_screen(struct ctl *c) {
    struct cm_arena *lasting = c->arena;
    bool looked = false;
    bool last = false;
    int code = CTL_DONE;

    while (!last) {
        int64_t looked_ms = cm_clock_now_ms();

        c->arena = cm_arena_new(0);
        last = show_page(c, &looked, &code);
        cm_arena_free(c->arena);
        c->arena = lasting;
        if (!last) {
            ctl_pause_after(c, LOOK_MS, looked_ms);
        }
    }
    ctl_screen_close();
    return code;
}

// Takes the commit from the arguments: "holdfast watch 4f1c2aa".
static int read_arguments(struct ctl *c) {
    if (c->argc > 1) {
        return ctl_fail(c, CM_EINVAL, "watch: name one commit, or none for the newest");
    }
    if (c->argc == 1 && c->options.revision != NULL) {
        return ctl_fail(c, CM_EINVAL, "watch: the argument and --revision both name a commit");
    }
    if (c->argc == 1) {
        c->options.revision = cm_strdup(c->argv[0]);
    }
    return ctl_check_names(c) < 0 || ctl_check_selector(c) < 0 ? CTL_ERROR : CTL_DONE;
}

int ctl_watch(struct ctl *c) {
    if (read_arguments(c) != CTL_DONE) {
        return CTL_ERROR;
    }
    if (!ctl_is_terminal()) { // lines, until all of it is there
        int64_t timeout_ms = c->options.timeout_ms == 0 ? FOREVER_MS : c->options.timeout_ms;

        return ctl_wait_for_progress(c, timeout_ms);
    }
    int code = watch_screen(c);
    if (code == CTL_DONE && c->options.revision != NULL) {
        return ctl_wait_for_progress(c, 0); // what it came to stays on the terminal
    }
    return code;
}
