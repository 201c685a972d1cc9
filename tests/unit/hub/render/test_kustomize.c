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
#include "hub/render/edition.h"

#define OVERLAYS_MAX 16
#define FILE_MAX 65536

struct kustomize_case {
    struct cm_arena *a;
    const char *name;
    char *text;
    struct cm_json *spec;
    struct hub_source *base;
    struct hub_source *files[OVERLAYS_MAX];
    size_t file_count;
    struct hub_overlay overlays[OVERLAYS_MAX];
    size_t overlay_count;
    bool differs;
};

static char *read_file(const char *name, const char *suffix) {
    CM_AUTOFREE char *path = cm_strf("%s/%s%s", CASES_DIR, name, suffix);
    FILE *file = fopen(path, "re");
    char *text = cm_new(1, FILE_MAX + 1);

    assert_non_null(file);
    assert_true(fread(text, 1, FILE_MAX, file) < FILE_MAX);
    (void)fclose(file);
    return text;
}

static struct hub_source *source_of(const char *path, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *name = cm_buf_copy(path, strlen(path) + 1);
    struct hub_source *source = hub_source_new(name, text, strlen(text));

    if (source->diags.count > 0) {
        fail_msg("%s: %s", path, source->diags.items[0].message);
    }
    return source;
}

static struct hub_source *file_of(struct kustomize_case *c, const char *path) {
    const char *text = cm_json_string(cm_json_get(cm_json_get(c->spec, "files"), path));

    assert_non_null(text);
    c->files[c->file_count] = source_of(path, text);
    return c->files[c->file_count++];
}

static void read_overlays(struct kustomize_case *c) {
    const struct cm_json *list = cm_json_get(c->spec, "overlays");

    for (const struct cm_json *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        struct hub_overlay *o = &c->overlays[c->overlay_count++];
        const char *path = cm_json_string(cm_json_get(n, "path"));

        assert_true(c->overlay_count < OVERLAYS_MAX);
        *o = (struct hub_overlay){.node = n,
                                  .target = cm_json_get(n, "target"),
                                  .merge = cm_json_get(n, "merge"),
                                  .json_patch = cm_json_get(n, "jsonPatch"),
                                  .remove = cm_json_true(cm_json_get(n, "remove"))};
        if (path != NULL) {
            (void)file_of(c, path);
            o->sources = &c->files[c->file_count - 1];
            o->source_count = 1;
        }
    }
}

static void open_case(struct kustomize_case *c, const char *name) {
    struct cm_yaml_docs docs;
    struct cm_err err;

    *c = (struct kustomize_case){.a = cm_arena_new(0), .name = name};
    c->text = read_file(name, ".yaml");
    char *manifests = strstr(c->text, "\n---\n");
    assert_non_null(manifests);
    *manifests = '\0';
    if (cm_yaml_parse(c->a, c->text, strlen(c->text), NULL, &docs, &err) < 0) {
        fail_msg("%s: %s", name, err.msg);
    }
    assert_int_equal(docs.count, 1);
    c->spec = docs.docs[0];
    c->base = source_of("base.yaml", manifests + 5);
    read_overlays(c);
}

static void close_case(struct kustomize_case *c) {
    for (size_t i = 0; i < c->file_count; i++) {
        hub_source_free(c->files[i]);
    }
    hub_source_free(c->base);
    free(c->text);
    cm_arena_free(c->a);
}

static struct hub_edition *make(struct kustomize_case *c, struct hub_diags *diags) {
    struct hub_template **templates =
        cm_arena_get(c->a, (c->base->count + 1) * sizeof(struct hub_template *));
    struct hub_edition_input in = {
        .path = "app.yaml",
        .text = c->text,
        .text_size = strlen(c->text),
        .templates = templates,
        .template_count = c->base->count,
        .overlays = c->overlays,
        .overlay_count = c->overlay_count,
        .common = {{.labels = cm_json_get(c->spec, "labels"),
                    .annotations = cm_json_get(c->spec, "annotations"),
                    .images = cm_json_get(c->spec, "images")}},
    };

    for (size_t i = 0; i < c->base->count; i++) {
        templates[i] = &c->base->templates[i];
    }
    return hub_edition_make(&in, diags);
}

// key_of normalises an object and returns what it is called.
static const char *key_of(struct kustomize_case *c, struct cm_json *object) {
    struct cm_object_id id;
    struct cm_err err;

    cm_object_normalise(c->a, object);
    if (cm_object_id_of(c->a, object, &id, &err) < 0) {
        fail_msg("%s: %s", c->name, err.msg);
    }
    return cm_object_key(c->a, &id);
}

static void compare_one(struct kustomize_case *c, const struct cm_json *object,
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
                print_error("%s: ours is\n%sbut kustomize's\n%s", c->name, cm_str_get(&left),
                            cm_str_get(&right));
                c->differs = true;
            }
            return;
        }
    }
    fail_msg("%s: kustomize has no %s", c->name, key);
}

static bool check_case(const char *name) {
    CM_AUTOFREE char *golden = read_file(name, ".json");
    struct kustomize_case c;
    struct hub_diags diags = {0};
    struct cm_json *expected;
    struct cm_err err;

    open_case(&c, name);
    assert_int_equal(cm_json_parse(c.a, golden, strlen(golden), NULL, &expected, &err), CM_OK);
    struct hub_edition *edition = make(&c, &diags);
    if (expected->type == CM_OBJECT) {
        if (edition != NULL) {
            print_error("%s: kustomize refuses it\n", name);
            c.differs = true;
        }
    } else if (edition == NULL) {
        print_error("%s: %u:%u: %s\n", name, diags.items[0].line, diags.items[0].column,
                    diags.items[0].message);
        c.differs = true;
    } else {
        assert_int_equal(edition->count, expected->count);
    }
    for (size_t i = 0; edition != NULL && expected->type == CM_ARRAY && i < edition->count; i++) {
        compare_one(&c, edition->templates[i]->object, expected);
    }
    hub_edition_free(edition);
    hub_diags_done(&diags);
    close_case(&c);
    return !c.differs;
}

static void editions_equal_what_kustomize_builds(void **state) {
    DIR *folder = opendir(CASES_DIR);
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
