#include "common/tls/openssl.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/support/pki.h"

static bool knows(const char *kind) {
    EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(cm_openssl_library(), kind, NULL);
    bool is = found != NULL;

    EVP_KEYMGMT_free(found);
    ERR_clear_error();
    return is;
}

static void it_knows_the_kinds_of_keys_that_we_have_and_no_other(void **state) {
    (void)state;
    assert_true(knows("EC"));
    assert_true(knows("X25519"));
    assert_false(knows("RSA"));
    assert_false(knows("DH"));
    assert_false(knows("ED25519"));
    assert_false(knows("X448"));
}

static void it_has_all_else_of_the_default_provider(void **state) {
    EVP_MD *digest = EVP_MD_fetch(cm_openssl_library(), "SHA256", NULL);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(cm_openssl_library(), "AES-256-GCM", NULL);

    (void)state;
    assert_non_null(digest);
    assert_non_null(cipher);
    EVP_MD_free(digest);
    EVP_CIPHER_free(cipher);
}

static void assert_is_of_it(const EVP_PKEY *pkey) {
    EVP_KEYMGMT *ours = EVP_KEYMGMT_fetch(cm_openssl_library(), "EC", NULL);

    assert_non_null(pkey);
    assert_ptr_equal(EVP_PKEY_get0_provider(pkey), EVP_KEYMGMT_get0_provider(ours));
    EVP_KEYMGMT_free(ours);
}

static void keys_are_made_and_read_in_it(void **state) {
    CM_CLEANUP(cm_key_freep) struct cm_key *key = cm_key_new();
    CM_AUTOFREE char *pem = cm_key_to_pem(key);
    CM_CLEANUP(cm_key_freep) struct cm_key *read = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_key_from_pem(pem, strlen(pem), &read, &err), CM_OK);
    assert_is_of_it(key->pkey);
    assert_is_of_it(read->pkey);
}

static void certificates_are_made_and_read_in_it(void **state) {
    struct pki p;
    struct cm_err err;

    (void)state;
    pki_init(&p);
    CM_AUTOFREE char *pem = cm_cert_to_pem(p.agent);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *read = NULL;
    assert_int_equal(cm_cert_from_pem(pem, strlen(pem), &read, &err), CM_OK);
    assert_is_of_it(X509_get0_pubkey(p.agent->x509));
    assert_is_of_it(X509_get0_pubkey(read->x509));
    pki_done(&p);
}

static void providers_that_the_system_names_do_not_reach_it(void **state) {
    (void)state;
    assert_int_equal(OSSL_PROVIDER_available(NULL, "null"), 1);
    assert_int_equal(OSSL_PROVIDER_available(cm_openssl_library(), "null"), 0);
}

// name_a_provider makes a system's configuration, which OpenSSL reads when it is first used.
static int name_a_provider(void **state) {
    static const char text[] = "openssl_conf = all\n"
                               "[all]\nproviders = named\n"
                               "[named]\ndefault = on\nnull = on\n"
                               "[on]\nactivate = 1\n";
    static char path[] = "/tmp/holdfast-openssl-XXXXXX";
    int fd = mkstemp(path);

    *state = path;
    if (fd < 0 || write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1) {
        return -1;
    }
    (void)close(fd);
    return setenv("OPENSSL_CONF", path, 1);
}

static int remove_it(void **state) {
    return unlink(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_the_kinds_of_keys_that_we_have_and_no_other),
        cmocka_unit_test(it_has_all_else_of_the_default_provider),
        cmocka_unit_test(keys_are_made_and_read_in_it),
        cmocka_unit_test(certificates_are_made_and_read_in_it),
        cmocka_unit_test(providers_that_the_system_names_do_not_reach_it),
    };

    return cmocka_run_group_tests(tests, name_a_provider, remove_it);
}
