#include "common/yaml_become.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

// become has a document of a text say what another text says; NULL: that is refused. The caller
// frees.
static char *become(const char *text, size_t document, const char *wanted) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs = {0};
    struct cm_err err = {0};
    char *out = NULL;

    assert_int_equal(cm_yaml_parse(a, wanted, strlen(wanted), NULL, &docs, &err), CM_OK);
    assert_int_equal(docs.count, 1);
    if (cm_yaml_become(text, strlen(text), document, docs.docs[0], &out, &err) < 0) {
        assert_int_equal(err.code, CM_EINVAL);
        assert_null(out);
    }
    return out;
}

static void assert_becomes(const char *text, const char *wanted, const char *expected) {
    CM_AUTOFREE char *got = become(text, 0, wanted);

    assert_non_null(got);
    assert_string_equal(got, expected);
}

static void assert_refused(const char *text, const char *wanted) {
    CM_AUTOFREE char *got = become(text, 0, wanted);

    assert_null(got);
}

static void a_value_is_replaced_in_its_place_and_keeps_its_quotes(void **state) {
    (void)state;
    assert_becomes("# top\nspec:\n  replicas:   3   # three\n  x: 'a' # q\n  w: \"b\"\n  z: c\n",
                   "{spec: {replicas: 5, x: it's, w: 'B', z: d}}",
                   "# top\nspec:\n  replicas:   5   # three\n  x: 'it''s' # q\n  w: \"B\"\n"
                   "  z: d\n");
    assert_becomes("a: x\n", "{a: '5'}", "a: \"5\"\n");
    assert_becomes("a: '5'\n", "{a: 5}", "a: 5\n");
    assert_becomes("a: {b: 1, c: [x, y]} # f\n", "{a: {b: 2, c: [x, 'z,']}}",
                   "a: {b: 2, c: [x, \"z,\"]} # f\n");
    assert_becomes("\xc3\xa4: \xc3\xb6 # \xe2\x82\xac\nb: 1\n", "{\xc3\xa4: \xc3\xb6, b: 2}",
                   "\xc3\xa4: \xc3\xb6 # \xe2\x82\xac\nb: 2\n");
}

static void entries_of_lists_change_where_they_are(void **state) {
    (void)state;
    assert_becomes("l:\n# one\n- name: a # A\n  image: x:1 # X\n# two\n- name: b\n  image: y:1\n",
                   "{l: [{name: a, image: 'x:2'}, {name: b, image: 'y:1'}]}",
                   "l:\n# one\n- name: a # A\n  image: x:2 # X\n# two\n- name: b\n  image: y:1\n");
    assert_becomes("l:\n  - a # A\n  - b # B\n  - c # C\n", "{l: [a, c]}",
                   "l:\n  - a # A\n  - c # C\n");
    assert_becomes("l:\n  - a # A\n  - c # C\nm: 1\n", "{l: [a, b, c, d], m: 1}",
                   "l:\n  - a # A\n  - b\n  - c # C\n  - d\nm: 1\n");
    assert_becomes("l: # L\n- b\n", "{l: [a, b]}", "l: # L\n- a\n- b\n");
    assert_becomes("l: [a, b, c]\n", "{l: [a, c, d]}", "l: [a, c, d]\n");
    assert_becomes("l:\n- {a: 1}\n", "{l: [{a: 1}, {b: {c: [1]}}]}",
                   "l:\n- {a: 1}\n- b:\n    c:\n    - 1\n");
}

static void members_come_last_and_go_with_their_lines(void **state) {
    (void)state;
    assert_becomes("s:\n    a: 1 # A\n\n# t\nt: 2\n", "{s: {a: 1, b: {c: [x]}}, t: 2}",
                   "s:\n    a: 1 # A\n    b:\n      c:\n      - x\n\n# t\nt: 2\n");
    assert_becomes("s:\n  a: 1\n  # B\n  b:\n    c: 1\n    d: 2\n  e: 3\n", "{s: {a: 1, e: 3}}",
                   "s:\n  a: 1\n  # B\n  e: 3\n");
    assert_becomes("l:\n- a: 1\n  b: 2\n", "{l: [{b: 2}]}", "l:\n- b: 2\n");
    assert_becomes("a: {b: 1, c: 2}\n", "{a: {c: 2}}", "a: {c: 2}\n");
    assert_becomes("a: {b: 1}\n", "{a: {b: 1, c: 2}}", "a: {b: 1, \"c\": 2}\n");
    assert_becomes("a:\nb: 1\n", "{a: {c: 1}, b: 1}", "b: 1\na:\n  c: 1\n");
    assert_becomes("a:\n  b: 1\nc: 1\n", "{a: {}, c: 1}", "a:\n  {}\nc: 1\n");
    assert_becomes("a: 1", "{a: 1, b: 2, c: 3}", "a: 1\nb: 2\nc: 3\n");
    assert_becomes("a: 1\r\nb:\r\n  c: 1\r\n", "{a: 1, b: {c: 1, d: 2}}",
                   "a: 1\r\nb:\r\n  c: 1\r\n  d: 2\r\n");
}

static void texts_of_several_lines_stay_such(void **state) {
    (void)state;
    assert_becomes("d:\n  f: |\n    one\n    two\n  g: 1\n", "{d: {f: \"one\\nthree\\n\", g: 1}}",
                   "d:\n  f: |\n    one\n    three\n  g: 1\n");
    assert_becomes("d:\n  f: |\n    one\n\n  # g\n  g: 1\n", "{d: {f: x, g: 1}}",
                   "d:\n  f: x\n\n  # g\n  g: 1\n");
    assert_becomes("d:\n  f: x # X\n", "{d: {f: \"one\\ntwo\"}}", "d:\n  f: \"one\\ntwo\" # X\n");
}

static void other_documents_stay_as_they_are(void **state) {
    (void)state;
    CM_AUTOFREE char *got =
        become("# 1\n---\na: 1 # A\n---\n---\na: 2 # B\n---\na: 3\n", 1, "a: 7");

    assert_string_equal(got, "# 1\n---\na: 1 # A\n---\n---\na: 7 # B\n---\na: 3\n");
}

static void what_an_alias_says_elsewhere_is_left_alone(void **state) {
    (void)state;
    assert_refused("a: &x 1\nb: *x\n", "{a: 2, b: 1}");
    assert_refused("a: &x {c: 1}\nb: *x\n", "{a: {c: 2}, b: {c: 1}}");
    assert_refused("a: &x {c: 1}\nb: *x\n", "{a: {c: 1}, b: {c: 2}}");
    assert_refused("a: &x {c: 1}\nb:\n  <<: *x\n  d: 1\n", "{a: {c: 1}, b: {d: 1}}");
    // What a merge brought may be hidden by an own member, and the rest of the file has its
    // anchors.
    assert_becomes("a: &x {c: 1}\nb:\n  <<: *x\n  d: 1\n", "{a: {c: 1}, b: {c: 2, d: 1}}",
                   "a: &x {c: 1}\nb:\n  <<: *x\n  d: 1\n  c: 2\n");
    assert_refused("a: !!str 1\n", "{a: '2'}");
}

static void what_is_no_yaml_or_not_there_is_refused(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *one = cm_json_new_int(a, 1);
    struct cm_err err = {0};
    char *out = NULL;

    (void)state;
    assert_int_equal(cm_yaml_become("a: [", 4, 0, one, &out, &err), CM_EINVAL);
    assert_int_equal(cm_yaml_become("a: 1", 4, 1, one, &out, &err), CM_EINVAL);
    assert_int_equal(cm_yaml_become("", 0, 0, one, &out, &err), CM_EINVAL);
}

// ---- Random documents

#define TRIES 500

struct dice {
    uint64_t state;
};

static unsigned roll(struct dice *d, unsigned sides) {
    d->state = d->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(d->state >> 33) % sides;
}

static const char *const words[] = {
    "x", "on",   "5",    "it's",     "a: b", "# no", "",    "${tag}", "- d",     "two\nlines",
    "~", "null", "x y ", "\xc3\xa9", "[z]",  "1e3",  "a\n", "{",      "k8s.io/a"};

static struct cm_json *any_scalar(struct cm_arena *a, struct dice *d) {
    switch (roll(d, 4)) {
    case 0:
        return cm_json_new_int(a, (int64_t)roll(d, 1000));
    case 1:
        return cm_json_new_bool(a, roll(d, 2) == 0);
    default:
        return cm_json_new_string(a, words[roll(d, sizeof(words) / sizeof(words[0]))]);
    }
}

static struct cm_json *any_node(struct cm_arena *a, struct dice *d, unsigned depth) {
    unsigned kind = depth == 0 ? 2 : roll(d, 4);
    unsigned count = 1 + roll(d, 4);

    if (kind >= 2) {
        return any_scalar(a, d);
    }
    struct cm_json *node = cm_json_new(a, kind == 0 ? CM_OBJECT : CM_ARRAY);
    for (unsigned i = 0; i < count; i++) {
        struct cm_json *child = any_node(a, d, depth - 1);

        if (kind == 0) {
            cm_json_set(a, node, cm_arena_strf(a, "k%u", roll(d, 10)), child);
        } else {
            cm_json_append(node, child);
        }
    }
    return node;
}

// with_comments puts a comment of its own behind, or before, each line that can have one.
static char *with_comments(struct dice *d, const struct cm_str *yaml, bool crlf) {
    struct cm_str out = {0};
    const char *at = cm_str_get(yaml);
    unsigned line = 0;

    while (*at != '\0') {
        size_t len = strcspn(at, "\n");
        bool whole = len > 0 && memchr(at, '|', len) == NULL && memchr(at, '"', len) == NULL &&
                     memchr(at, ':', len) != NULL && at[len - 1] == ':';

        cm_str_add_n(&out, at, len);
        if (whole && roll(d, 2) == 0) {
            cm_str_addf(&out, "  # comment %03u", line);
        }
        cm_str_add(&out, crlf ? "\r\n" : "\n");
        at += len + (at[len] == '\n' ? 1 : 0);
        line++;
    }
    return cm_str_take(&out);
}

// alter changes some of a tree: values, members, entries.
static void alter(struct cm_arena *a, struct dice *d, struct cm_json *node) {
    if (node->type == CM_OBJECT && roll(d, 4) == 0) {
        cm_json_set(a, node, cm_arena_strf(a, "new%u", roll(d, 10)), any_node(a, d, 2));
    }
    if (node->type == CM_OBJECT && node->count > 1 && roll(d, 5) == 0) {
        (void)cm_json_remove(node, cm_arena_strdup(a, node->first->key));
    }
    if (node->type == CM_ARRAY && roll(d, 5) == 0) {
        cm_json_append(node, any_node(a, d, 1));
    }
    for (struct cm_json *at = node->first; at != NULL; at = at->next) {
        bool holder = at->type == CM_OBJECT || at->type == CM_ARRAY;

        if (holder) {
            alter(a, d, at);
        } else if (roll(d, 4) == 0) {
            struct cm_json *value = any_scalar(a, d);

            at->type = value->type;
            at->truth = value->truth;
            at->text = value->text;
            at->len = value->len;
        }
    }
}

// count_kept tells how many comments of a text are in another one, in their order.
static size_t count_kept(const char *before, const char *after) {
    size_t kept = 0;
    const char *from = after;

    for (const char *at = before; (at = strstr(at, "# comment ")) != NULL; at++) {
        CM_AUTOFREE char *comment = cm_strndup(at, strcspn(at, "\r\n"));
        const char *found = strstr(from, comment);

        if (found != NULL) {
            kept++;
            from = found;
        }
    }
    return kept;
}

static size_t count_comments(const char *text) {
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, "# comment ")) != NULL; at++) {
        count++;
    }
    return count;
}

// try_one tells whether it was not refused.
static bool try_one(struct dice *d) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str yaml = {0};
    struct cm_json *tree = cm_json_new(a, CM_OBJECT);
    struct cm_err err = {0};
    char *out = NULL;

    cm_json_set(a, tree, "spec", any_node(a, d, 5));
    cm_json_set(a, tree, "meta", any_node(a, d, 3));
    cm_yaml_write(tree, &yaml);
    CM_AUTOFREE char *text = with_comments(d, &yaml, roll(d, 6) == 0);
    struct cm_yaml_docs docs = {0};
    assert_int_equal(cm_yaml_parse(a, text, strlen(text), NULL, &docs, &err), CM_OK);
    struct cm_json *wanted = cm_json_copy(a, docs.docs[0]);
    size_t comments = count_comments(text);
    if (roll(d, 2) == 0) { // only values: then all comments stay
        struct cm_json *at = wanted;

        while (at->first != NULL) {
            at = at->first;
        }
        at->type = CM_STRING;
        at->text = "changed";
        at->len = strlen("changed");
        assert_int_equal(cm_yaml_become(text, strlen(text), 0, wanted, &out, &err), CM_OK);
        assert_int_equal(count_kept(text, out), comments);
    } else {
        alter(a, d, wanted);
        if (cm_yaml_become(text, strlen(text), 0, wanted, &out, &err) < 0) {
            return false;
        }
        assert_int_equal(count_kept(text, out), count_comments(out));
    }
    assert_int_equal(cm_yaml_parse(a, out, strlen(out), NULL, &docs, &err), CM_OK);
    assert_true(cm_json_equal(docs.docs[0], wanted));
    free(out);
    return true;
}

static void random_documents_become_what_is_wanted_and_keep_their_comments(void **state) {
    const char *given = getenv("HOLDFAST_SEED");
    uint64_t seed =
        given != NULL ? strtoull(given, NULL, 10) : (uint64_t)cm_clock_unix_ms() * 2654435761U;
    struct dice dice = {seed};
    size_t refused = 0;

    (void)state;
    print_message("HOLDFAST_SEED=%llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < TRIES; i++) {
        refused += try_one(&dice) ? 0 : 1;
    }
    assert_true(refused <= TRIES / 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_replaced_in_its_place_and_keeps_its_quotes),
        cmocka_unit_test(entries_of_lists_change_where_they_are),
        cmocka_unit_test(members_come_last_and_go_with_their_lines),
        cmocka_unit_test(texts_of_several_lines_stay_such),
        cmocka_unit_test(other_documents_stay_as_they_are),
        cmocka_unit_test(what_an_alias_says_elsewhere_is_left_alone),
        cmocka_unit_test(what_is_no_yaml_or_not_there_is_refused),
        cmocka_unit_test(random_documents_become_what_is_wanted_and_keep_their_comments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
