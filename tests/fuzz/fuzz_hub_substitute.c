// A text that was taken apart and put together again is the same text.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/render/substitute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_piece(struct cm_str *out, const struct hub_piece *piece) {
    if (piece->variable) {
        assert(hub_variable_ok(piece->text));
        cm_str_addf(out, "${%s", piece->text);
        if (piece->fallback != NULL) {
            cm_str_addf(out, ":=%s", piece->fallback);
        }
        cm_str_add_char(out, '}');
        return;
    }
    assert(strlen(piece->text) == piece->len && piece->len > 0);
    for (const char *at = piece->text; *at != '\0'; at++) {
        cm_str_add(out, strncmp(at, "${", 2) == 0 ? "$$" : "");
        if (strncmp(at, "${", 2) != 0) {
            cm_str_add_char(out, *at);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str again = {0};
    const char *text = cm_arena_strndup(a, (const char *)data, size);
    struct hub_text out;
    struct cm_err err;
    size_t nth = 0;

    if (hub_text_scan(a, text, &out, &nth, &err) < 0) {
        const char *at = text;
        for (size_t i = 0; i <= nth; i++) {
            at = strstr(i == 0 ? at : at + 2, "${");
            assert(at != NULL);
        }
        return 0;
    }
    for (size_t i = 0; i < out.count; i++) {
        add_piece(&again, &out.pieces[i]);
    }
    assert(strcmp(cm_str_get(&again), text) == 0);
    assert(out.whole == (out.count == 1 && out.pieces[0].variable));
    return 0;
}
