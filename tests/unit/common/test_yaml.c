#include "common/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"

static int set_up(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int take_down(void **state) {
    cm_arena_free(*state);
    return 0;
}

static struct cm_yaml_docs parse(void **state, const char *text) {
    struct cm_yaml_docs docs = {0};
    struct cm_err err = {0};

    if (cm_yaml_parse(*state, text, strlen(text), NULL, &docs, &err) != CM_OK) {
        print_error("%s: %s\n", text, err.msg);
        fail();
    }
    return docs;
}

static void assert_reads(void **state, const char *text, const char *json) {
    struct cm_yaml_docs docs = parse(state, text);
    struct cm_str out = {0};

    assert_int_equal(docs.count, 1);
    cm_json_write_compact(docs.docs[0], &out);
    assert_string_equal(cm_str_get(&out), json);
    cm_str_done(&out);
}

static void assert_refused_n(void **state, const char *text, size_t size, const char *msg) {
    struct cm_yaml_docs docs = {0};
    struct cm_err err = {0};

    assert_int_equal(cm_yaml_parse(*state, text, size, NULL, &docs, &err), CM_EINVAL);
    assert_string_equal(err.msg, msg);
    assert_null(docs.docs);
}

static void assert_refused(void **state, const char *text, const char *msg) {
    assert_refused_n(state, text, strlen(text), msg);
}

static void a_manifest_is_read(void **state) {
    assert_reads(state,
                 "apiVersion: v1 # the core group\n"
                 "kind: ConfigMap\n"
                 "metadata:\n"
                 "  name: cfg\n"
                 "  labels: {app: web, \"on\": 'no'}\n"
                 "data:\n"
                 "  script: |\n"
                 "    #!/bin/sh\n"
                 "    exit 1\n"
                 "  folded: >-\n"
                 "    a\n"
                 "    b\n"
                 "list:\n"
                 "- 1\n"
                 "- - x\n"
                 "  - ~\n"
                 "empty:\n",
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\","
                 "\"labels\":{\"app\":\"web\",\"on\":\"no\"}},\"data\":{\"script\":"
                 "\"#!/bin/sh\\nexit 1\\n\",\"folded\":\"a b\"},\"list\":[1,[\"x\",null]],"
                 "\"empty\":null}");
}

// What sigs.k8s.io/yaml 1.6 makes of these, but for the exact numbers.
static const char *const scalars[][2] = {
    {"y", "true"},
    {"Y", "true"},
    {"yes", "true"},
    {"yEs", "\"yEs\""},
    {"n", "false"},
    {"No", "false"},
    {"on", "true"},
    {"OFF", "false"},
    {"True", "true"},
    {"tRue", "\"tRue\""},
    {"~", "null"},
    {"null", "null"},
    {"NULL", "null"},
    {"nULL", "\"nULL\""},
    {"-0", "0"},
    {"+12", "12"},
    {"007", "7"},
    {"017", "15"},
    {"-017", "-15"},
    {"08", "8"},
    {"0o17", "15"},
    {"0o8", "\"0o8\""},
    {"0x1F", "31"},
    {"-0X1f", "-31"},
    {"0x", "\"0x\""},
    {"0b11", "3"},
    {"+0b1_1", "3"},
    {"0b2", "\"0b2\""},
    {"1_000", "1000"},
    {"_1", "\"_1\""},
    {"0xFFFFFFFFFFFFFFFF", "18446744073709551615"},
    {"0xFFFFFFFFFFFFFFFFF", "\"0xFFFFFFFFFFFFFFFFF\""},
    {"-0x8000000000000000", "-9223372036854775808"},
    {"-0x8000000000000001", "\"-0x8000000000000001\""},
    {"18446744073709551616", "18446744073709551616"},
    {"0777777777777777777777777", "777777777777777777777777"},
    {".5", "0.5"},
    {"-.5", "-0.5"},
    {"1.", "1"},
    {"1.10", "1.10"},
    {"+1.e3", "1e3"},
    {"12e03", "12e03"},
    {".5_0", "0.50"},
    {".5_", "\".5_\""},
    {"._5", "\"._5\""},
    {"1_0.5", "10.5"},
    {"1e308", "1e308"},
    {"1e400", "\"1e400\""},
    {"12e4567", "\"12e4567\""},
    {"1e", "\"1e\""},
    {".", "\".\""},
    {"+", "\"+\""},
    {".e1", "\".e1\""},
    {"1:30", "\"1:30\""},
    {"1.5.2", "\"1.5.2\""},
    {"inf", "\"inf\""},
    {"2001-01-01", "\"2001-01-01\""},
    {"2001-12-14T21:59:43.10-05:00", "\"2001-12-14T21:59:43.10-05:00\""},
    {"<<", "\"<<\""},
    {"'12'", "\"12\""},
    {"\"true\"", "\"true\""},
    {"! 12", "\"12\""},
    {"!!str 12", "\"12\""},
    {"!!str", "\"\""},
    {"!!int \"12\"", "12"},
    {"!!float 1", "1"},
    {"!!float 1e400", "1e400"},
    {"!!bool \"yes\"", "true"},
    {"!!null \"\"", "null"},
    {"!!binary aGVsbG8=", "\"hello\""},
    {"!!timestamp 2001-01-01", "\"2001-01-01\""},
    {"!!map {a: 1}", "{\"a\":1}"},
    {"!!seq [1]", "[1]"},
};

static void plain_scalars_have_the_types_that_kubectl_gives_them(void **state) {
    for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        CM_AUTOFREE char *text = cm_strf("a: %s\n", scalars[i][0]);
        CM_AUTOFREE char *json = cm_strf("{\"a\":%s}", scalars[i][1]);

        assert_reads(state, text, json);
    }
}

static void a_scalar_has_a_type_without_a_document_too(void **state) {
    assert_int_equal(cm_json_int(cm_yaml_scalar(*state, "0x10"), 0), 16);
    assert_true(cm_json_true(cm_yaml_scalar(*state, "yes")));
    assert_int_equal(cm_yaml_scalar(*state, "off")->type, CM_BOOL);
    assert_int_equal(cm_yaml_scalar(*state, "")->type, CM_NULL);
    assert_string_equal(cm_json_string(cm_yaml_scalar(*state, "paris-1")), "paris-1");
    assert_string_equal(cm_json_string(cm_yaml_scalar(*state, ".inf")), ".inf");
}

static void tags_must_fit_and_be_known(void **state) {
    assert_refused(state, "a: !!int abc",
                   "line 1, column 4: 'abc' is not an integer, as its tag says");
    assert_refused(state, "a: !!bool 1", "line 1, column 4: '1' is not a boolean, as its tag says");
    assert_refused(state, "a: !!null x", "line 1, column 4: 'x' is not null, as its tag says");
    assert_refused(state, "a: !!float x", "line 1, column 4: 'x' is not a number, as its tag says");
    assert_refused(state, "a: !!binary '!'",
                   "line 1, column 4: '!' is not base64, as its tag says");
    assert_refused(state,
                   "a: !!binary a===", "line 1, column 4: 'a===' is not base64, as its tag says");
    assert_refused(state, "a: !!binary gA==",
                   "line 1, column 4: !!binary holds bytes that are no UTF-8: use a field that "
                   "takes base64");
    assert_refused(state, "a: !Ref b", "line 1, column 4: unknown tag '!Ref'");
    assert_refused(state, "a: !Ref [b]", "line 1, column 4: unknown tag '!Ref'");
    assert_refused(state, "!!set {b}", "line 1, column 1: unknown tag 'tag:yaml.org,2002:set'");
}

static void numbers_that_json_has_not_are_refused(void **state) {
    assert_refused(state, "a: .inf",
                   "line 1, column 4: '.inf' is no number that JSON knows: put it in quotes if it "
                   "is a text");
    assert_refused(state, "a:\n- -.INF\n",
                   "line 2, column 3: '-.INF' is no number that JSON knows: put it in quotes if it "
                   "is a text");
    assert_refused(state, "a: .NaN",
                   "line 1, column 4: '.NaN' is no number that JSON knows: put it in quotes if it "
                   "is a text");
}

static void names_that_are_no_strings_become_strings(void **state) {
    assert_reads(state,
                 "{1: a, 0x10: b, 1.50: c, yes: d, 2001-01-01: e, 1e6: f, 1e5: g, 0.0001: h}",
                 "{\"1\":\"a\",\"16\":\"b\",\"1.5\":\"c\",\"true\":\"d\",\"2001-01-01\":\"e\","
                 "\"1e+06\":\"f\",\"100000\":\"g\",\"0.0001\":\"h\"}");
}

static void names_must_be_scalars_and_not_null(void **state) {
    assert_refused(state, "{[a]: b}", "line 1, column 2: a member's name must be a scalar");
    assert_refused(state, "? {a: b}\n: c\n", "line 1, column 3: a member's name must be a scalar");
    assert_refused(state, "~: b",
                   "line 1, column 1: a member's name may not be null: put it in quotes");
}

static void a_name_may_be_there_only_once(void **state) {
    assert_refused(state, "a: 1\nb: 2\na: 3\n",
                   "line 3, column 4: 'a' is there twice in one object, first in line 1");
    assert_refused(state, "'1': a\n1: b\n",
                   "line 2, column 4: '1' is there twice in one object, first in line 1");
}

static void note(void *ctx, const struct cm_err *err) {
    cm_str_addf(ctx, "%s\n", err->msg);
}

// assert_told reads all that can be read: what is wrong, and the documents that are left.
static void assert_told(void **state, const char *text, const char *told, const char *left) {
    CM_CLEANUP(cm_str_done) struct cm_str words = {0};
    CM_CLEANUP(cm_str_done) struct cm_str docs_text = {0};
    const struct cm_yaml_listener listener = {note, &words};
    struct cm_yaml_docs docs;

    bool whole = cm_yaml_parse_all(*state, text, strlen(text), NULL, &listener, &docs);
    for (size_t i = 0; i < docs.count; i++) {
        cm_str_addf(&docs_text, "%s%u:", i > 0 ? " " : "", docs.docs[i]->line);
        cm_json_write_compact(docs.docs[i], &docs_text);
    }
    cm_str_addf(&docs_text, "%s", whole ? "" : " and more");
    assert_string_equal(cm_str_get(&words), told);
    assert_string_equal(cm_str_get(&docs_text), left);
}

static void all_names_that_are_there_twice_are_told_and_stay(void **state) {
    assert_told(state, "a: 1\na: 2\nb: {c: 3, c: 4}\na: 5\n",
                "line 3, column 14: 'c' is there twice in one object, first in line 3\n"
                "line 2, column 4: 'a' is there twice in one object, first in line 1\n"
                "line 4, column 4: 'a' is there twice in one object, first in line 1\n",
                "1:{\"a\":1,\"a\":2,\"b\":{\"c\":3,\"c\":4},\"a\":5}");
    assert_told(state, "a: 1\n", "", "1:{\"a\":1}");
}

static void a_document_that_cannot_be_read_hides_no_other_one(void **state) {
    assert_told(state, "a: 1\n---\nb: [\n---\nc: 1\n--- \nd: *no\n---\ne: 'open\n---\nf: 1\n",
                "line 4, column 1: did not find expected node content while parsing a flow node\n"
                "line 7, column 4: no anchor is named 'no'\n"
                "line 10, column 1: found unexpected document indicator while scanning a quoted "
                "scalar\n",
                "1:{\"a\":1} 5:{\"c\":1} 11:{\"f\":1} and more");
    assert_told(state, "a: {\r\n---\r\nb: 1\r\n---\r\n- @\r\n",
                "line 2, column 1: did not find expected node content while parsing a flow node\n"
                "line 5, column 3: found character that cannot start any token while scanning for "
                "the next token\n",
                "3:{\"b\":1} and more");
    assert_told(state, "--- [\n",
                "line 2, column 1: did not find expected node content while "
                "parsing a flow node\n",
                " and more");
}

static void a_limit_that_is_reached_ends_the_reading(void **state) {
    assert_told(state, "a: \x01\n---\nb: 1\n",
                "line 1, column 1: control characters are not allowed (0x01) at or after this "
                "line\n",
                " and more");
    assert_told(state, "a: \xff\n---\nb: 1\n", "line 1, column 4: invalid UTF-8\n", " and more");
}

static void documents_are_read_and_empty_ones_left_out(void **state) {
    struct cm_yaml_docs docs = parse(state, "# nothing\n---\na: 1\n---\n# nothing\n---\n---\nb: 2\n"
                                            "...\n---\n");

    assert_int_equal(docs.count, 2);
    assert_non_null(cm_json_get(docs.docs[0], "a"));
    assert_non_null(cm_json_get(docs.docs[1], "b"));
    assert_null(docs.docs[0]->next);
    assert_int_equal(docs.docs[1]->line, 8);
    assert_int_equal(parse(state, "").count, 0);
    assert_int_equal(parse(state, "---\n").count, 0);
    assert_int_equal(parse(state, "a: 1\n---\nnull\n---\nb: 2\n").count, 2);
    assert_int_equal(parse(state, "{\"a\": 1}\nnull\n{\"b\": 2}\n").count, 2); // as JSON
}

static void a_bom_and_dos_line_ends_are_fine(void **state) {
    assert_reads(state, "\357\273\277a: 1\r\nb: |\r\n  x\r\n  y\r\n",
                 "{\"a\":1,\"b\":\"x\\ny\\n\"}");
}

static void aliases_stand_for_a_copy(void **state) {
    assert_reads(state, "a: &x {b: [1, two]}\nc: *x\nd: &y 5\ne: *y\n&k key: *k\nf:\n  *k : 1\n",
                 "{\"a\":{\"b\":[1,\"two\"]},\"c\":{\"b\":[1,\"two\"]},\"d\":5,\"e\":5,"
                 "\"key\":\"key\",\"f\":{\"key\":1}}");
}

static void a_later_anchor_replaces_an_earlier_one(void **state) {
    assert_reads(state, "[&a 1, *a, &a 2, *a]", "[1,1,2,2]");
}

static void anchors_end_with_their_document(void **state) {
    assert_refused(state, "a: &x 1\n---\nb: *x\n", "line 3, column 4: no anchor is named 'x'");
    assert_refused(state, "a: &x [*x]\n", "line 1, column 8: 'x' would contain itself");
}

static void merge_keys_fill_in_what_is_missing(void **state) {
    assert_reads(
        state, "b: &b {x: 1, w: 2}\nc: &c {w: 3, z: 4}\nd:\n  x: 9\n  <<: [*b, *c]\n",
        "{\"b\":{\"x\":1,\"w\":2},\"c\":{\"w\":3,\"z\":4},\"d\":{\"x\":9,\"w\":2,\"z\":4}}");
    assert_reads(state, "{<<: {x: 1}, x: 2}", "{\"x\":2}");
    assert_reads(state, "{<<: [{x: 1}, {x: 2, z: 3}]}", "{\"x\":1,\"z\":3}");
    assert_reads(state, "{<<: {x: 1, w: 3}, <<: {x: 2}}", "{\"x\":2,\"w\":3}");
    assert_reads(state, "{'<<': {x: 1}}", "{\"<<\":{\"x\":1}}");
    assert_reads(state, "labels: {<<: &l {k: \"1\"}}\nannotations: *l\n",
                 "{\"labels\":{\"k\":\"1\"},\"annotations\":{\"k\":\"1\"}}");
    assert_reads(state, "a: {<<: [&x {k: 1}, &y {j: &z [2]}], k: 3}\nb: [*x, *y, *z]\n",
                 "{\"a\":{\"k\":3,\"j\":[2]},\"b\":[{\"k\":1},{\"j\":[2]},[2]]}");
    assert_refused(state, "{<<: 1}", "line 1, column 6: '<<' takes an object or a list of objects");
    assert_refused(state, "{<<: [{}, 1]}",
                   "line 1, column 6: '<<' takes an object or a list of objects");
}

static void directives_without_end_are_refused(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (int i = 0; i <= 16; i++) {
        cm_str_addf(&text, "%%TAG !%d! tag:a,b:\n", i);
    }
    cm_str_add(&text, "---\na: b\n");
    assert_refused(state, cm_str_get(&text),
                   "line 1, column 1: more than 16 %TAG lines: write the tags out");
}

static void a_bomb_of_aliases_is_refused(void **state) {
    struct cm_str text = {0};
    struct cm_yaml_docs docs;
    struct cm_err err;

    cm_str_add(&text, "a0: &a0 [lol, lol, lol]\n");
    for (int i = 1; i < 30; i++) {
        cm_str_addf(&text, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1);
    }
    assert_int_equal(cm_yaml_parse(*state, text.data, text.len, NULL, &docs, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "the aliases up to here make the document too large"));
    assert_true(cm_arena_used(*state) < (4U << 20));
    cm_str_done(&text);
}

static void a_long_text_may_not_be_repeated_without_end(void **state) {
    struct cm_str text = {0};
    struct cm_yaml_docs docs;
    struct cm_err err;

    cm_str_add(&text, "a: &a ");
    for (int i = 0; i < 10000; i++) {
        cm_str_add(&text, "lorem ipsum ");
    }
    cm_str_add(&text, "\nb: [*a");
    for (int i = 0; i < 10000; i++) {
        cm_str_add(&text, ",*a");
    }
    cm_str_add(&text, "]\n");
    assert_int_equal(cm_yaml_parse(*state, text.data, text.len, NULL, &docs, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "too large"));
    cm_str_done(&text);
}

static void limits_are_kept_over_all_documents(void **state) {
    const struct cm_json_limits limits = {.max_bytes = 60, .max_depth = 2, .max_nodes = 4};
    struct cm_yaml_docs docs;
    struct cm_err err;

    assert_int_equal(cm_yaml_parse(*state, "[1]\n--- [2]\n", 12, &limits, &docs, &err), CM_OK);
    assert_int_equal(cm_yaml_parse(*state, "[1]\n--- [2,3]\n", 14, &limits, &docs, &err),
                     CM_EINVAL);
    assert_string_equal(err.msg, "line 2, column 8: the documents have too many values");
    assert_int_equal(cm_yaml_parse(*state, "[[[1]]]", 7, &limits, &docs, &err), CM_EINVAL);
    assert_string_equal(err.msg, "line 1, column 3: the document is nested too deeply");
    assert_int_equal(cm_yaml_parse(*state, "[&a [1], [*a]]", 14, &limits, &docs, &err), CM_EINVAL);
    assert_string_equal(err.msg, "line 1, column 11: the document is nested too deeply");
}

static void the_depth_of_a_flow_is_bounded(void **state) {
    struct cm_str text = {0};
    struct cm_yaml_docs docs;
    struct cm_err err;

    for (int i = 0; i < 200000; i++) {
        cm_str_add(&text, "[\n");
    }
    assert_int_equal(cm_yaml_parse(*state, text.data, text.len, NULL, &docs, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "nested too deeply"));
    cm_str_done(&text);
}

static void an_arena_without_room_is_an_error(void **state) {
    static const char *const words = "the documents need more memory than they may have";
    struct cm_err last = {0};

    (void)state;
    for (size_t budget = 1; budget < 2000; budget++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(budget);
        const char *text = "a: &x [1, two]\nb: *x\nc: {d: *x, <<: {e: 1}}\n";
        struct cm_yaml_docs docs;
        struct cm_err err;

        if (cm_yaml_parse(a, text, strlen(text), NULL, &docs, &err) == CM_OK) {
            assert_string_equal(last.msg, "line 1, column 1: the documents need more memory than "
                                          "they may have");
            return;
        }
        assert_non_null(strstr(err.msg, words));
        last = err;
    }
    fail();
}

static void errors_have_a_place(void **state) {
    assert_refused(state, "a: b\n c: d\n",
                   "line 2, column 3: mapping values are not allowed in this context");
    assert_refused(state, "a: [1, 2\nb: 3\n",
                   "line 2, column 2: did not find expected ',' or ']' while parsing a flow "
                   "sequence");
    assert_refused(state, "a: 1\nb: \"\xff\"\n", "line 2, column 5: invalid UTF-8");
    assert_refused(state, "a:\n\t- b\n",
                   "line 2, column 1: found character that cannot start any token while scanning "
                   "for the next token");
    assert_refused(state, "a: \"\\0\"\n", "line 1, column 4: a string may not hold a NUL");
}

static void json_is_yaml(void **state) {
    assert_reads(state, "{\"a\": \"\\ud83d\\ude00\", \"b\": 1}\n",
                 "{\"a\":\"\xf0\x9f\x98\x80\",\"b\":1}");
    assert_reads(state, "{a: b}\n", "{\"a\":\"b\"}");
}

static void assert_writes(void **state, const char *yaml, const char *expected) {
    struct cm_yaml_docs docs = parse(state, yaml);
    struct cm_str out = {0};

    cm_yaml_write(docs.docs[0], &out);
    assert_string_equal(cm_str_get(&out), expected);

    struct cm_yaml_docs again = parse(state, cm_str_get(&out));
    assert_int_equal(again.count, 1);
    assert_true(cm_json_equal(again.docs[0], docs.docs[0]));
    cm_str_done(&out);
}

static void yaml_is_written_as_kubectl_does(void **state) {
    const char *text = "apiVersion: apps/v1\n"
                       "metadata:\n"
                       "  annotations: {}\n"
                       "  name: web\n"
                       "spec:\n"
                       "  containers:\n"
                       "  - args:\n"
                       "    - --listen=:80\n"
                       "    - - a\n"
                       "      - []\n"
                       "    command: |\n"
                       "      #!/bin/sh\n"
                       "\n"
                       "      echo\n"
                       "    image: nginx:1.25\n"
                       "  - {}\n"
                       "  memory: 1Gi\n"
                       "  replicas: 3\n"
                       "  some: null\n"
                       "  strict: true\n";

    assert_writes(state, text,
                  "apiVersion: apps/v1\n"
                  "metadata:\n"
                  "  annotations: {}\n"
                  "  name: web\n"
                  "spec:\n"
                  "  containers:\n"
                  "  - args:\n"
                  "    - \"--listen=:80\"\n"
                  "    - - a\n"
                  "      - []\n"
                  "    command: |\n"
                  "      #!/bin/sh\n"
                  "\n"
                  "      echo\n"
                  "    image: nginx:1.25\n"
                  "  - {}\n"
                  "  memory: 1Gi\n"
                  "  replicas: 3\n"
                  "  some: null\n"
                  "  strict: true\n");
}

static const char *const awkward[] = {
    "yes",
    "y",
    "null",
    "~",
    "12",
    "1e3",
    "0x1f",
    "1:30",
    "2001-01-01",
    "",
    " a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "#a",
    "&a",
    "*a",
    "!a",
    "a:",
    "%a",
    "@a",
    "`a",
    "{a",
    "[a",
    "\ta",
    "a\tb",
    ".inf",
    "=",
    "<<",
    "'a",
    "\"a",
    "a\\",
    "\x7f",
    "---",
    "...",
    "... a",
    "?",
    "-",
    "a\rb",
    "\n",
    "a\n\n",
    " \na",
    "a\n b\n",
    "a\n ",
    "a\n\n ",
    "1.5.2",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\357\273\277a",
    "\xef\xbf\xbf",
    "\xf0\x9f\x98\x80",
    "a\n---\nb",
    "a\n\tb",
    "a,b",
    "|",
    ">",
    "\x01",
};

static void strings_that_look_like_something_else_are_quoted(void **state) {
    for (size_t i = 0; i < sizeof(awkward) / sizeof(awkward[0]); i++) {
        struct cm_json *list = cm_json_new(*state, CM_ARRAY);
        struct cm_json *object = cm_json_new(*state, CM_OBJECT);
        CM_CLEANUP(cm_str_done) struct cm_str out = {0};

        cm_json_append(list, cm_json_new_string(*state, awkward[i]));
        cm_json_append(list, object);
        cm_json_set_string(*state, object, awkward[i], awkward[i]);
        cm_json_set_string(*state, object, "after", "x");
        cm_yaml_write(list, &out);
        struct cm_yaml_docs docs = parse(state, cm_str_get(&out));
        assert_int_equal(docs.count, 1);
        assert_true(cm_json_equal(docs.docs[0], list));
    }
}

static void what_other_readers_take_for_numbers_is_quoted(void **state) {
    assert_writes(state, "['1:30', '2001-01-01', '1.5.2', '0x1G', a:b, 10.0.0.0/8]",
                  "- \"1:30\"\n- \"2001-01-01\"\n- \"1.5.2\"\n- 0x1G\n- a:b\n- 10.0.0.0/8\n");
}

static void long_names_and_huge_numbers_come_back(void **state) {
    struct cm_json *object = cm_json_new(*state, CM_OBJECT);
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    CM_AUTOFREE char *name = cm_strf("%02000d", 7);
    struct cm_json *number = cm_json_new_string(*state, "1e400");

    number->type = CM_NUMBER;
    cm_json_set(*state, object, name, number);
    cm_json_set(*state, object, "x", cm_json_copy(*state, object));
    cm_yaml_write(object, &out);
    struct cm_yaml_docs docs = parse(state, cm_str_get(&out));
    assert_true(cm_json_equal(docs.docs[0], object));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_is_read),
        cmocka_unit_test(plain_scalars_have_the_types_that_kubectl_gives_them),
        cmocka_unit_test(a_scalar_has_a_type_without_a_document_too),
        cmocka_unit_test(tags_must_fit_and_be_known),
        cmocka_unit_test(numbers_that_json_has_not_are_refused),
        cmocka_unit_test(names_that_are_no_strings_become_strings),
        cmocka_unit_test(names_must_be_scalars_and_not_null),
        cmocka_unit_test(a_name_may_be_there_only_once),
        cmocka_unit_test(all_names_that_are_there_twice_are_told_and_stay),
        cmocka_unit_test(a_document_that_cannot_be_read_hides_no_other_one),
        cmocka_unit_test(a_limit_that_is_reached_ends_the_reading),
        cmocka_unit_test(documents_are_read_and_empty_ones_left_out),
        cmocka_unit_test(a_bom_and_dos_line_ends_are_fine),
        cmocka_unit_test(aliases_stand_for_a_copy),
        cmocka_unit_test(a_later_anchor_replaces_an_earlier_one),
        cmocka_unit_test(anchors_end_with_their_document),
        cmocka_unit_test(merge_keys_fill_in_what_is_missing),
        cmocka_unit_test(directives_without_end_are_refused),
        cmocka_unit_test(a_bomb_of_aliases_is_refused),
        cmocka_unit_test(a_long_text_may_not_be_repeated_without_end),
        cmocka_unit_test(limits_are_kept_over_all_documents),
        cmocka_unit_test(the_depth_of_a_flow_is_bounded),
        cmocka_unit_test(an_arena_without_room_is_an_error),
        cmocka_unit_test(errors_have_a_place),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(yaml_is_written_as_kubectl_does),
        cmocka_unit_test(strings_that_look_like_something_else_are_quoted),
        cmocka_unit_test(what_other_readers_take_for_numbers_is_quoted),
        cmocka_unit_test(long_names_and_huge_numbers_come_back),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
