// Prints documents as JSON, one object a line, for schemas.py: the cases, and those of the files
// that it is given.
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

static int print(const char *where, const char *kind, bool right, const void *text, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs;
    struct cm_err err;

    if (cm_yaml_parse(a, text, size, NULL, &docs, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", where, err.msg);
        return 1;
    }
    for (size_t i = 0; i < docs.count; i++) {
        struct cm_json *line = cm_json_new(a, CM_OBJECT);
        struct cm_str out = {0};

        cm_json_set_string(a, line, "where", where);
        cm_json_set_string(a, line, "kind", kind);
        cm_json_set_bool(a, line, "right", right);
        cm_json_set(a, line, "document", docs.docs[i]);
        cm_json_write_compact(line, &out);
        (void)puts(cm_str_get(&out));
        cm_str_done(&out);
    }
    return 0;
}

static int print_file(const char *path) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    struct cm_err err;

    if (cm_fsys_read(path, 1 << 20, &text, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, err.msg);
        return 1;
    }
    return print(path, NULL, true, text->data, text->size);
}

int main(int argc, char **argv) {
    int failed = 0;

    for (size_t i = 0; i < fleet_case_count && argc == 1; i++) {
        const struct fleet_case *c = &fleet_cases[i];
        failed |= print(c->text, hub_kind_tables[c->kind].name, c->right, c->text, strlen(c->text));
    }
    for (int i = 1; i < argc; i++) {
        failed |= print_file(argv[i]);
    }
    return failed;
}
