#include "proto/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_token_reads_back_as_it_was_made(void **state) {
    struct cm_sha256 pin = cm_sha256("root", 4);
    char text[WIRE_TOKEN_TEXT_MAX];
    struct wire_token made;
    struct wire_token back;
    struct cm_err err;

    (void)state;
    wire_token_make(&pin, &made);
    wire_token_text(&made, text);
    assert_int_equal(strlen(text), 3 + 1 + 16 + 1 + 64 + 1 + 64);
    assert_int_equal(wire_token_parse(text, &back, &err), CM_OK);
    assert_string_equal(back.id, made.id);
    assert_memory_equal(back.secret, made.secret, sizeof(made.secret));
    assert_true(cm_sha256_equal(&back.pin, &pin));
}

static void two_tokens_differ(void **state) {
    struct cm_sha256 pin = {{0}};
    struct wire_token a;
    struct wire_token b;

    (void)state;
    wire_token_make(&pin, &a);
    wire_token_make(&pin, &b);
    assert_string_not_equal(a.id, b.id);
    assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
}

static void a_token_with_any_byte_missing_or_added_is_refused(void **state) {
    struct cm_sha256 pin = cm_sha256("root", 4);
    char text[WIRE_TOKEN_TEXT_MAX];
    struct wire_token made;
    struct wire_token back;
    struct cm_err err;

    (void)state;
    wire_token_make(&pin, &made);
    wire_token_text(&made, text);
    size_t len = strlen(text);
    for (size_t cut = 0; cut < len; cut++) {
        char less[WIRE_TOKEN_TEXT_MAX];

        memcpy(less, text, cut);
        memcpy(less + cut, text + cut + 1, len - cut);
        assert_int_equal(wire_token_parse(less, &back, &err), CM_EINVAL);
    }
    text[len] = '_';
    text[len + 1] = '\0';
    assert_int_equal(wire_token_parse(text, &back, &err), CM_EINVAL);
}

static void an_error_never_repeats_the_secret(void **state) {
    struct wire_token back;
    struct cm_err err;

    (void)state;
    assert_int_equal(wire_token_parse("hf1_0011223344556677_deadbeef", &back, &err), CM_EINVAL);
    assert_null(strstr(err.msg, "deadbeef"));
}

static void the_proof_depends_on_key_connection_and_request(void **state) {
    struct cm_sha256 key = cm_sha256("secret", 6);
    struct cm_sha256 other = cm_sha256("other", 5);
    uint8_t exporter[32] = {7};
    uint8_t second[32] = {8};
    struct cm_sha256 proof = wire_token_proof(&key, exporter, (const uint8_t *)"csr", 3);
    struct cm_sha256 by_key = wire_token_proof(&other, exporter, (const uint8_t *)"csr", 3);
    struct cm_sha256 by_link = wire_token_proof(&key, second, (const uint8_t *)"csr", 3);
    struct cm_sha256 by_csr = wire_token_proof(&key, exporter, (const uint8_t *)"csx", 3);

    (void)state;
    assert_false(cm_sha256_equal(&proof, &by_key));
    assert_false(cm_sha256_equal(&proof, &by_link));
    assert_false(cm_sha256_equal(&proof, &by_csr));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_reads_back_as_it_was_made),
        cmocka_unit_test(two_tokens_differ),
        cmocka_unit_test(a_token_with_any_byte_missing_or_added_is_refused),
        cmocka_unit_test(an_error_never_repeats_the_secret),
        cmocka_unit_test(the_proof_depends_on_key_connection_and_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
