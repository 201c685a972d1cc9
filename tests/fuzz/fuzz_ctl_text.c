// Nothing that a hub or a cluster says steers the terminal: of any text no control character is
// left on a line, JSON stays the same document, and what is cut fits its column.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/ctl/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

// check_tame: no C0, DEL or C1 but those that are kept.
static void check_tame(const char *text, const char *kept) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        require(*at != 0x7f && (*at >= ' ' || strchr(kept, *at) != NULL));
        require(*at != 0xc2 || at[1] < 0x80 || at[1] >= 0xa0);
    }
}

static void check_json(struct cm_arena *a, const char *text, size_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str plain = {0};
    CM_CLEANUP(cm_str_done) struct cm_str shown = {0};
    struct cm_json *tree = NULL;
    struct cm_json *again = NULL;
    struct cm_err err;

    if (cm_json_parse(a, text, size, NULL, &tree, &err) < 0) {
        return;
    }
    cm_json_write_canonical(tree, &plain);
    ctl_add_json(&shown, cm_str_get(&plain));
    check_tame(cm_str_get(&shown), "\n\t");
    require(cm_json_parse(a, cm_str_get(&shown), shown.len, NULL, &again, &err) == CM_OK);
    require(cm_json_equal(tree, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    size_t whole = cm_utf8_valid((const char *)data, size); // the client reads no other text
    const char *text = cm_arena_strndup(a, (const char *)data, whole);
    size_t width = size % 40 + 1;
    const char *line = ctl_one_line(a, text);

    check_tame(line, "");
    check_tame(ctl_lines(a, text), "\n\t");
    require(strcmp(ctl_one_line(a, line), line) == 0 && strlen(line) == strlen(text));
    require(ctl_text_width(ctl_text_elide(a, line, width)) <= width);
    require(ctl_text_width(ctl_text_cut(a, line, width)) <= width);
    check_json(a, (const char *)data, whole);
    return 0;
}
