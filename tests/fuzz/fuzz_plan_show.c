// Texts from a repository, split at the first NUL into what was and what is, shown as a change:
// no character that steers a terminal comes through, and a comment keeps its bound and closes every
// block that it opens.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/plan/show.h"

#define COMMENT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static void check_text(const struct cm_str *text) {
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        require(c == '\n' || (c >= ' ' && c != 0x7f));
        require(c != 0xc2 || ((unsigned char)text->data[i + 1] & 0xe0) != 0x80);
    }
    require(strstr(text->data, "\xe2\x80\xae") == NULL);
}

// check_blocks: lines that begin with a fence of at least the length of the one that opened it.
static void check_blocks(const char *text) {
    size_t open = 0;

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line == text ? 0 : 1;
        size_t ticks = strspn(line, "`");

        if (open == 0 && ticks >= 3) {
            open = ticks;
        } else if (open > 0 && ticks >= open) {
            open = 0;
        }
    }
    require(open == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_CLEANUP(cm_str_done) struct cm_str comment = {0};
    static const char *const clusters[] = {"eu-1"};
    static const struct hub_plan_view view = {.from = "a", .to = "b", .folder = ""};

    if (cm_utf8_valid((const char *)data, size) != size) { // no document has such texts
        return 0;
    }
    const char *before = cm_arena_strndup(a, (const char *)data, size);
    size_t len = strlen(before);
    const char *after =
        len < size ? cm_arena_strndup(a, (const char *)data + len + 1, size - len - 1) : "";
    const struct hub_plan_change change = {.action = HUB_PLAN_FIELD,
                                           .key = "ConfigMap/shop/web",
                                           .path = before,
                                           .before = cm_json_new_string(a, before),
                                           .after = cm_json_new_string(a, after),
                                           .app = ""};
    const struct hub_plan_group group = {
        .clusters = clusters, .cluster_count = 1, .changes = &change, .change_count = 1};
    const struct hub_plan_app app = {
        .name = "shop", .groups = &group, .group_count = 1, .clusters = 1};
    const struct hub_plan plan = {
        .apps = &app, .app_count = 1, .totals = {.changed = 1, .clusters = 1}};

    hub_plan_text(&plan, &view, &text);
    check_text(&text);
    hub_plan_markdown(&plan, &view, COMMENT_MAX, &comment);
    check_text(&comment);
    require(comment.len <= COMMENT_MAX);
    check_blocks(comment.data);
    return 0;
}
