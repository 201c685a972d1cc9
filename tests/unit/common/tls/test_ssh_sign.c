#include "common/tls/ssh_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

// Made by ssh-keygen for this test, and used for nothing else.
static const char key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                          "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
                          "QyNTUxOQAAACCyJ4cX8OamTFVI4WXFhOsP0DKEFeE8dbCR0O/Dgwwn7gAAAIjtHQ9k7R0P\n"
                          "ZAAAAAtzc2gtZWQyNTUxOQAAACCyJ4cX8OamTFVI4WXFhOsP0DKEFeE8dbCR0O/Dgwwn7g\n"
                          "AAAEA2oWlp2z2QxLfsSFQ7D3Kl6LtGcMSxynlVnlWB9zCJFLInhxfw5qZMVUjhZcWE6w/Q\n"
                          "MoQV4Tx1sJHQ78ODDCfuAAAABHRlc3QB\n"
                          "-----END OPENSSH PRIVATE KEY-----\n";

static const char message[] = "tree 1\n\nhello\n";

// What `ssh-keygen -Y sign -n git` makes of it.
static const char signature[] =
    "-----BEGIN SSH SIGNATURE-----\n"
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgsieHF/DmpkxVSOFlxYTrD9AyhB\n"
    "XhPHWwkdDvw4MMJ+4AAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5\n"
    "AAAAQKNsCcJFePlSdCiETMdJMFll+5KtME2cUScsBPuI3QMbRBc0tVqQI2zJtHqlvufu5a\n"
    "3fk+19u5aSxpujux0fQAQ=\n"
    "-----END SSH SIGNATURE-----\n";

static const char locked_key[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDh3t5/Gi\n"
    "rZYAjDKpsYGh8XAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIEhnmVIGr7CG17VW\n"
    "5WAaT51t7ImvO6uP55w7k7U+6DoKAAAAkEDNO7Ac2+v9ekab81Ef1tQ9rn7+SySHskmWQu\n"
    "HYobtxbzC6MiFeOIrTREJ/wWcEGz7WPTW5yO6sitUFkV1J/rR4ZEYZHS2o6O5qcKTvJ7fv\n"
    "017+N5xfAXGwN73noX8HFz9IIGzKq6hQxmeOeGt2JoXo1mRJlTTHaufHsqiULgpBH/cd4Z\n"
    "1VbqSxQ9xmBXz70A==\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

static const char ecdsa_key[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
    "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQSdL7mLL4lvw9keG17a9Bc3EJQkkM/\n"
    "MRqBEBoEhaWOT3MReqxqq44klC/UuQ7TgpuVqMv0wCSRf0I/zkuH5PDOAAAAoOnnyQPp58\n"
    "kDAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBJ0vuYsviW/D2R4\n"
    "bXtr0FzcQlCSQz8xGoEQGgSFpY5PcxF6rGqrjiSUL9S5DtOCm5Woy/TAJJF/Qj/OS4fk8M\n"
    "4AAAAhAIxH9RULhm3ec8gzOZOkhYZXVGNp+63k69suGV4CdV0QAAAAAAECAwQFBgc=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

static void assert_refused(const char *text, const char *words) {
    struct cm_err err = {0};

    assert_int_equal(cm_ssh_key_check(text, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, words));
}

static void a_signature_is_that_of_ssh_keygen(void **state) {
    (void)state;
    CM_AUTOFREE char *got = NULL;
    struct cm_err err = {0};

    assert_int_equal(cm_ssh_key_check(key, &err), CM_OK);
    assert_int_equal(cm_ssh_sign(key, "git", message, &got, &err), CM_OK);
    assert_string_equal(got, signature);
}

static void another_purpose_makes_another_signature(void **state) {
    (void)state;
    CM_AUTOFREE char *got = NULL;
    struct cm_err err = {0};

    assert_int_equal(cm_ssh_sign(key, "file", message, &got, &err), CM_OK);
    assert_string_not_equal(got, signature);
}

static void other_keys_are_refused_with_what_to_do(void **state) {
    (void)state;
    assert_refused(locked_key, "without one");
    assert_refused(ecdsa_key, "ssh-keygen -t ed25519");
    assert_refused("", "no private key");
    assert_refused("-----BEGIN OPENSSH PRIVATE KEY-----\n!\n-----END OPENSSH PRIVATE KEY-----\n",
                   "no private key");
}

// Four characters of base64 are three bytes, so each of these is a key that ends too early.
static void a_key_that_was_cut_is_refused(void **state) {
    (void)state;
    const char *begin = strchr(key, '\n') + 1;
    const char *end = strstr(key, "-----END");

    for (const char *at = end - 1; at > begin; at -= 4) {
        CM_AUTOFREE char *text = cm_new(1, sizeof(key) + 1);
        struct cm_err err = {0};

        memcpy(text, key, (size_t)(at - key));
        memcpy(text + (at - key), end, strlen(end) + 1);
        if (at < end - 40) { // behind the secret there are only comment and padding
            assert_int_equal(cm_ssh_key_check(text, &err), CM_EINVAL);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_that_of_ssh_keygen),
        cmocka_unit_test(another_purpose_makes_another_signature),
        cmocka_unit_test(other_keys_are_refused_with_what_to_do),
        cmocka_unit_test(a_key_that_was_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
