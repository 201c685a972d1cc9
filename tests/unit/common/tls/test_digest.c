#include "common/tls/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

static void assert_sha256(struct cm_sha256 h, const char *hex) {
    char text[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&h, text);
    assert_string_equal(text, hex);
}

static void sha256_gives_the_published_values(void **state) {
    (void)state;
    // FIPS 180-4 examples
    assert_sha256(cm_sha256("", 0),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_sha256(cm_sha256("abc", 3),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void bytes_in_pieces_give_the_same_digest(void **state) {
    struct cm_sha256_stream *s = cm_sha256_begin();
    struct cm_sha256 whole = cm_sha256("in two pieces", 13);

    (void)state;
    cm_sha256_add(s, "in two", 6);
    cm_sha256_add(s, " pieces", 7);
    struct cm_sha256 pieces = cm_sha256_end(s);
    assert_true(cm_sha256_equal(&whole, &pieces));
    pieces.bytes[31] ^= 1;
    assert_false(cm_sha256_equal(&whole, &pieces));
}

static void hmac_gives_the_published_values(void **state) {
    uint8_t key[20];

    (void)state;
    memset(key, 0x0b, sizeof(key)); // RFC 4231, cases 1 and 2
    assert_sha256(cm_hmac_sha256(key, sizeof(key), "Hi There", 8),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_sha256(cm_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_sha256(cm_hmac_sha256(NULL, 0, NULL, 0),
                  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hmac_sha1_gives_the_published_values(void **state) {
    uint8_t out[CM_SHA1_SIZE];

    (void)state;
    cm_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, out); // RFC 2202, case 2
    CM_AUTOFREE char *hex = cm_hex(out, sizeof(out));
    assert_string_equal(hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

static void a_digest_survives_its_text(void **state) {
    struct cm_sha256 h = cm_sha256("x", 1);
    struct cm_sha256 back;
    char text[CM_SHA256_HEX_MAX];

    (void)state;
    cm_sha256_hex(&h, text);
    assert_true(cm_sha256_parse(text, &back));
    assert_true(cm_sha256_equal(&h, &back));
    text[63] = 'g';
    assert_false(cm_sha256_parse(text, &back));
    text[63] = '\0';
    assert_false(cm_sha256_parse(text, &back));
}

static void hex_is_read_only_at_its_exact_length(void **state) {
    uint8_t out[2] = {1, 2};
    CM_AUTOFREE char *text = cm_hex("\x00\xfe", 2);

    (void)state;
    assert_string_equal(text, "00fe");
    assert_false(cm_hex_decode("00fe00", out, 2));
    assert_false(cm_hex_decode("00", out, 2));
    assert_false(cm_hex_decode("00zz", out, 2));
    assert_int_equal(out[0], 1); // untouched on failure
    assert_true(cm_hex_decode("00FE", out, 2));
    assert_memory_equal(out, "\x00\xfe", 2);
}

static void base64_gives_the_published_values(void **state) {
    // RFC 4648, section 10
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CM_AUTOFREE char *text = cm_base64(pairs[i][0], strlen(pairs[i][0]));
        CM_AUTOFREE uint8_t *back = NULL;
        size_t size = 99;

        assert_string_equal(text, pairs[i][1]);
        assert_true(cm_base64_decode(text, strlen(text), &back, &size));
        assert_int_equal(size, strlen(pairs[i][0]));
        assert_memory_equal(back, pairs[i][0], size);
    }
}

static void base64url_has_no_padding_and_its_own_digits(void **state) {
    CM_AUTOFREE char *text = cm_base64url("\xfb\xff\xfe\x01", 4);
    CM_AUTOFREE uint8_t *back = NULL;
    size_t size = 0;

    (void)state;
    assert_string_equal(text, "-__-AQ");
    assert_true(cm_base64url_decode(text, 6, &back, &size));
    assert_int_equal(size, 4);
    assert_memory_equal(back, "\xfb\xff\xfe\x01", 4);
}

static void malformed_base64_is_refused(void **state) {
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zh==", "Zm9-", "Zm 9"};
    uint8_t *out = NULL;
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(cm_base64_decode(bad[i], strlen(bad[i]), &out, &size));
    }
    assert_false(cm_base64url_decode("Zg==", 4, &out, &size));
    assert_false(cm_base64url_decode("Zm9+", 4, &out, &size));
    assert_false(cm_base64url_decode("Zm9v\0", 5, &out, &size));
    assert_null(out);
}

static void a_uuid_is_random_version_4(void **state) {
    char a[CM_UUID_MAX];
    char b[CM_UUID_MAX];

    (void)state;
    cm_uuid(a);
    cm_uuid(b);
    assert_true(cm_uuid_ok(a));
    assert_string_not_equal(a, b);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

static void other_texts_are_no_uuid(void **state) {
    (void)state;
    assert_true(cm_uuid_ok("0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d"));
    assert_false(cm_uuid_ok(""));
    assert_false(cm_uuid_ok("0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4"));
    assert_false(cm_uuid_ok("0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d0"));
    assert_false(cm_uuid_ok("0B7C3F60-8C0E-4C3A-9D10-5D3B8E1C2F4D"));
    assert_false(cm_uuid_ok("0b7c3f608-c0e-4c3a-9d10-5d3b8e1c2f4d"));
}

static void secrets_are_compared_whole(void **state) {
    (void)state;
    assert_true(cm_equal_secret("abcd", "abcd", 4));
    assert_false(cm_equal_secret("abcd", "abce", 4));
    assert_true(cm_equal_secret("abcd", "abce", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(bytes_in_pieces_give_the_same_digest),
        cmocka_unit_test(hmac_gives_the_published_values),
        cmocka_unit_test(hmac_sha1_gives_the_published_values),
        cmocka_unit_test(a_digest_survives_its_text),
        cmocka_unit_test(hex_is_read_only_at_its_exact_length),
        cmocka_unit_test(base64_gives_the_published_values),
        cmocka_unit_test(base64url_has_no_padding_and_its_own_digits),
        cmocka_unit_test(malformed_base64_is_refused),
        cmocka_unit_test(a_uuid_is_random_version_4),
        cmocka_unit_test(other_texts_are_no_uuid),
        cmocka_unit_test(secrets_are_compared_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
