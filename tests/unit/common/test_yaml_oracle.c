// Documents against what kubectl's reader of YAML makes of them: tests/oracle.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

#define FILE_MAX 65536

// Where we differ on purpose. Whatever is not here must be read alike, or refused alike.
static const struct {
    const char *name;
    const char *words; // of our error; NULL: we read it
} differences[] = {
    // Strict: the last one of two would win without a word.
    {"duplicate", "line 3, column 4: 'a' is there twice in one object, first in line 1"},
    {"duplicate_deep", "line 2, column 16: 'b' is there twice in one object, first in line 2"},
    {"keys_alike", "line 2, column 4: 'true' is there twice in one object, first in line 1"},
    {"json_duplicate", "line 1, column 15: 'a' is there twice in one object, first in line 1"},
    {"tag_own", "line 1, column 4: unknown tag '!mine'"},
    // The API server refuses it.
    {"escape_nul", "line 1, column 4: a string may not hold a NUL"},
    // libyaml is narrower than its descendant in Go.
    {"flow_colon", "line 1, column 9: found unexpected ':' while scanning a plain scalar"},
    // They lose digits: 1.2345678901234568e+29, and 0 for 1e-400.
    {"number_edges", NULL},
    // They split the text before they read it, and leave the directive alone.
    {"documents_directive", NULL},
};

static char *read_file(const char *name, const char *suffix, size_t *size) {
    CM_AUTOFREE char *path = cm_strf("%s/%s%s", CASES_DIR, name, suffix);
    FILE *file = fopen(path, "re");
    char *text = cm_new(1, FILE_MAX + 1);

    assert_non_null(file);
    *size = fread(text, 1, FILE_MAX, file);
    assert_true(*size < FILE_MAX);
    (void)fclose(file);
    return text;
}

static bool differs(const char *name, const char *words) {
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (strcmp(differences[i].name, name) == 0) {
            return words == NULL
                       ? differences[i].words == NULL
                       : differences[i].words != NULL && strcmp(differences[i].words, words) == 0;
        }
    }
    return false;
}

static void print_documents(const char *who, const struct cm_yaml_docs *docs) {
    for (size_t i = 0; i < docs->count; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str text = {0};

        cm_json_write_compact(docs->docs[i], &text);
        print_error("  %s: %s\n", who, cm_str_get(&text));
    }
}

static bool is_alike(const struct cm_yaml_docs *ours, const struct cm_json *theirs) {
    const struct cm_json *n = theirs->first;
    bool alike = theirs->type == CM_ARRAY && ours->count == theirs->count;

    for (size_t i = 0; alike && i < ours->count; i++, n = n->next) {
        alike = cm_json_equal(ours->docs[i], n);
    }
    return alike;
}

static bool check_case(struct cm_arena *a, const char *name) {
    size_t size;
    size_t golden_size;
    CM_AUTOFREE char *text = read_file(name, ".yaml", &size);
    CM_AUTOFREE char *golden = read_file(name, ".json", &golden_size);
    struct cm_yaml_docs docs = {0};
    struct cm_json *theirs;
    struct cm_err err = {0};

    if (cm_json_parse(a, golden, golden_size, NULL, &theirs, &err) < 0) { // it has a NUL
        theirs = cm_json_new(a, CM_NULL);
    }
    enum cm_rc rc = cm_yaml_parse(a, text, size, NULL, &docs, &err);
    bool alike = rc < 0 ? theirs->type == CM_OBJECT : is_alike(&docs, theirs);
    if (alike || differs(name, rc < 0 ? err.msg : NULL)) {
        return true;
    }
    print_error("%s: %s\n", name, rc < 0 ? err.msg : "read in another way");
    print_documents("ours", &docs);
    if (theirs->type == CM_ARRAY) {
        print_documents("theirs", &(struct cm_yaml_docs){.docs = &theirs, .count = 1});
    }
    return false;
}

static void documents_are_read_as_kubectl_reads_them(void **state) {
    DIR *folder = opendir(CASES_DIR);
    const struct dirent *entry;
    size_t count = 0;
    size_t right = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) { // NOLINT(concurrency-mt-unsafe) one thread
        size_t len = strlen(entry->d_name);

        if (len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0) {
            CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
            CM_AUTOFREE char *name = cm_strndup(entry->d_name, len - 5);

            right += check_case(a, name) ? 1 : 0;
            count++;
        }
    }
    (void)closedir(folder);
    assert_true(count > 50);
    assert_int_equal(right, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(documents_are_read_as_kubectl_reads_them)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
