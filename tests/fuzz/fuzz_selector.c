// What is taken for a selector holds only names and values that labels may have, and reads back as
// the same from its own text; what is not is refused with a column.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/selector.h"
#include "common/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static void write_term(const struct cm_label_term *term, struct cm_str *out) {
    static const char *const words[] = {" in (", " notin (", "", ""};

    cm_str_addf(out, "%s%s%s%s", out->len > 0 ? "," : "", term->op == CM_LABEL_MISSING ? "!" : "",
                term->key, words[term->op]);
    require(term->key[0] != '\0' && strpbrk(term->key, "\"\\ ,()=!<>") == NULL);
    for (size_t i = 0; i < term->value_count; i++) {
        require(strpbrk(term->values[i], "\"\\ ,()=!<>") == NULL);
        cm_str_addf(out, "%s%s", i > 0 ? "," : "", term->values[i]);
    }
    cm_str_add(out, words[term->op][0] != '\0' ? ")" : "");
}

static void write_all(const struct cm_label_selector *s, struct cm_str *out) {
    require(s->count > 0 && s->count <= CM_LABEL_TERMS_MAX);
    for (size_t i = 0; i < s->count; i++) {
        write_term(&s->terms[i], out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str first = {0};
    CM_CLEANUP(cm_str_done) struct cm_str second = {0};
    struct cm_label_selector selector = {0};
    struct cm_err err = {0};

    if (cm_label_selector_parse(a, cm_arena_strndup(a, (const char *)data, size), &selector, &err) <
        0) {
        require(err.code == CM_EINVAL && strncmp(err.msg, "selector: ", 10) == 0);
        require(selector.terms == NULL);
        return 0;
    }
    write_all(&selector, &first);
    if (first.len <= 4096) {
        require(cm_label_selector_parse(a, cm_str_get(&first), &selector, &err) == CM_OK);
        write_all(&selector, &second);
        require(strcmp(cm_str_get(&first), cm_str_get(&second)) == 0);
    }
    return 0;
}
