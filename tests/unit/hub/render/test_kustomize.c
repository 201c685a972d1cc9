// Editions against what kustomize made of the same input: tests/oracle.
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
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/id.h"
#include "common/str.h"
#include "common/yaml.h"
#include "edition_case.h"

#define FILE_MAX 65536

// The folder of the cases; tests/oracle/random_cases.py names another one.
static const char *folder_of_cases(void) {
    const char *folder = getenv("HOLDFAST_CASES"); // NOLINT(concurrency-mt-unsafe) one thread

    return folder != NULL ? folder : CASES_DIR;
}

static char *read_file(const char *name, const char *suffix) {
    CM_AUTOFREE char *path = cm_strf("%s/%s%s", folder_of_cases(), name, suffix);
    FILE *file = fopen(path, "re");
    char *text = cm_new(1, FILE_MAX + 1);

    assert_non_null(file);
    assert_true(fread(text, 1, FILE_MAX, file) < FILE_MAX);
    (void)fclose(file);
    return text;
}

// key_of normalises an object and returns what it is called.
static const char *key_of(struct edition_case *c, struct cm_json *object) {
    struct cm_object_id id;
    struct cm_err err;

    cm_object_normalise(c->a, object);
    if (cm_object_id_of(c->a, object, &id, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return cm_object_key(c->a, &id);
}

static bool compare_one(struct edition_case *c, const struct cm_json *object,
                        const struct cm_json *expected) {
    struct cm_json *ours = cm_json_copy(c->a, object);
    const char *key = key_of(c, ours);

    for (const struct cm_json *n = expected->first; n != NULL; n = n->next) {
        struct cm_json *theirs = cm_json_copy(c->a, n);

        if (strcmp(key_of(c, theirs), key) == 0) {
            CM_CLEANUP(cm_str_done) struct cm_str left = {0};
            CM_CLEANUP(cm_str_done) struct cm_str right = {0};

            cm_json_write_canonical(ours, &left);
            cm_json_write_canonical(theirs, &right);
            if (strcmp(cm_str_get(&left), cm_str_get(&right)) != 0) {
                print_error("%s: ours is\n%sbut kustomize's\n%s", key, cm_str_get(&left),
                            cm_str_get(&right));
                return false;
            }
            return true;
        }
    }
    print_error("kustomize has no %s\n", key);
    return false;
}

static bool check_case(const char *name) {
    CM_AUTOFREE char *text = read_file(name, ".yaml");
    CM_AUTOFREE char *golden = read_file(name, ".json");
    struct edition_case c;
    struct hub_diags diags = {0};
    struct cm_json *expected;
    struct cm_err err;

    open_case(&c, text);
    assert_int_equal(cm_json_parse(c.a, golden, strlen(golden), NULL, &expected, &err), CM_OK);
    struct hub_edition *edition = make_edition(&c, &diags);
    bool same = (edition == NULL) == (expected->type == CM_OBJECT);
    for (size_t i = 0; same && edition != NULL && i < edition->count; i++) {
        same = compare_one(&c, edition->templates[i]->object, expected);
    }
    same = same && (edition == NULL || edition->count == expected->count);
    if (!same) {
        print_error("%s: %s\n", name, diags.count > 0 ? diags.items[0].message : "it differs");
    }
    hub_edition_free(edition);
    hub_diags_done(&diags);
    close_case(&c);
    return same;
}

static void editions_equal_what_kustomize_builds(void **state) {
    DIR *folder = opendir(folder_of_cases());
    const struct dirent *entry;
    size_t count = 0;
    size_t same = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) { // NOLINT(concurrency-mt-unsafe) one thread
        size_t len = strlen(entry->d_name);

        if (len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0) {
            CM_AUTOFREE char *name = cm_strndup(entry->d_name, len - 5);

            same += check_case(name) ? 1 : 0;
            count++;
        }
    }
    (void)closedir(folder);
    assert_true(count > 80);
    assert_int_equal(same, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(editions_equal_what_kustomize_builds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
