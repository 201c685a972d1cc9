#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/api/signature.h"

// RFC 4231, test case 2: key "Jefe".
static const char jefe[] = "what do ya want for nothing?";
#define JEFE_HMAC "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

// RFC 4231, test case 6: a key of 131 times 0xaa, longer than a block.
static const char long_data[] = "Test Using Larger Than Block-Size Key - Hash Key First";
#define LONG_HMAC "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"

static bool check(enum hub_forge forge, const char *secret, const char *body, const char *value) {
    struct hub_signature *s = hub_signature_begin(forge, secret);

    for (const char *at = body; *at != '\0'; at++) {
        hub_signature_add(s, at, 1);
    }
    return hub_signature_end(s, value);
}

static void the_digests_are_those_of_the_standard(void **state) {
    char key[132];

    (void)state;
    assert_true(check(HUB_FORGE_GITHUB, "Jefe", jefe, "sha256=" JEFE_HMAC));
    assert_true(check(HUB_FORGE_GITEA, "Jefe", jefe, JEFE_HMAC));
    memset(key, 0xaa, sizeof(key));
    key[131] = '\0';
    assert_true(check(HUB_FORGE_GITEA, key, long_data, LONG_HMAC));
}

static void anything_else_is_refused(void **state) {
    (void)state;
    assert_false(check(HUB_FORGE_GITHUB, "Jefe", jefe, JEFE_HMAC));
    assert_false(check(HUB_FORGE_GITHUB, "Jefe", jefe, "sha1=" JEFE_HMAC));
    assert_false(check(HUB_FORGE_GITHUB, "Jefe", jefe, "sha256="));
    assert_false(check(HUB_FORGE_GITHUB, "Jefe", jefe, NULL));
    assert_false(check(HUB_FORGE_GITHUB, "jefe", jefe, "sha256=" JEFE_HMAC));
    assert_false(check(HUB_FORGE_GITHUB, "Jefe", "what", "sha256=" JEFE_HMAC));
    assert_false(check(HUB_FORGE_GITEA, "Jefe", jefe, JEFE_HMAC "0"));
    assert_false(check(HUB_FORGE_GITEA, "Jefe", jefe, ""));
}

static void gitlab_shows_the_secret_itself(void **state) {
    (void)state;
    assert_true(check(HUB_FORGE_GITLAB, "Jefe", jefe, "Jefe"));
    assert_false(check(HUB_FORGE_GITLAB, "Jefe", jefe, "Jef"));
    assert_false(check(HUB_FORGE_GITLAB, "Jefe", jefe, "Jefe "));
    assert_false(check(HUB_FORGE_GITLAB, "Jefe", jefe, NULL));
}

static void forges_are_known_by_name(void **state) {
    (void)state;
    assert_int_equal(hub_forge_find("gitlab"), HUB_FORGE_GITLAB);
    assert_int_equal(hub_forge_find("GitHub"), HUB_FORGES);
    assert_int_equal(hub_forge_find(""), HUB_FORGES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digests_are_those_of_the_standard),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(gitlab_shows_the_secret_itself),
        cmocka_unit_test(forges_are_known_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
