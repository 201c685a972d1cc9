#include "common/tls/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/support/pki.h"
#include "tests/unit/common/tls/csrs.h"

static int set_up(void **state) {
    static struct pki pki;

    pki_init(&pki);
    *state = &pki;
    return 0;
}

static int tear_down(void **state) {
    pki_done(*state);
    return 0;
}

static enum cm_rc verify(const struct cm_cert *cert, enum cm_cert_use use, const struct pki *p,
                         struct cm_err *err) {
    return cm_cert_verify(cert, use, &p->issuer, 1, p->root, cm_clock_unix_ms(), err);
}

static void each_certificate_is_good_for_its_own_use_only(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *signer =
        pki_issue(CM_CERT_SIGNER, "holdfast://h/signer", p->hub_key, p->root, p->root_key);
    const struct cm_cert *certs[] = {p->root, p->issuer, p->hub, p->agent, signer};
    struct cm_err err;

    for (int use = CM_CERT_ROOT; use <= CM_CERT_SIGNER; use++) {
        for (int i = CM_CERT_ROOT; i <= CM_CERT_SIGNER; i++) {
            enum cm_rc want = i == use ? CM_OK : CM_EAUTH;

            assert_int_equal(verify(certs[i], (enum cm_cert_use)use, p, &err), want);
        }
    }
}

static void a_chain_needs_its_issuer(void **state) {
    const struct pki *p = *state;
    struct cm_err err;

    assert_int_equal(
        cm_cert_verify(p->agent, CM_CERT_AGENT, NULL, 0, p->root, cm_clock_unix_ms(), &err),
        CM_EAUTH);
}

static void another_root_does_not_do(void **state) {
    const struct pki *p = *state;
    struct pki other;
    struct cm_err err;

    pki_init(&other);
    assert_int_equal(cm_cert_verify(p->agent, CM_CERT_AGENT, &p->issuer, 1, other.root,
                                    cm_clock_unix_ms(), &err),
                     CM_EAUTH);
    pki_done(&other);
}

static void a_certificate_is_good_only_in_its_time(void **state) {
    const struct pki *p = *state;
    struct cm_err err;
    int64_t before = cm_cert_not_before_ms(p->agent);
    int64_t after = cm_cert_not_after_ms(p->agent);

    assert_int_equal(
        cm_cert_verify(p->agent, CM_CERT_AGENT, &p->issuer, 1, p->root, after - 5000, &err), CM_OK);
    assert_int_equal(
        cm_cert_verify(p->agent, CM_CERT_AGENT, &p->issuer, 1, p->root, after + 2000, &err),
        CM_EAUTH);
    assert_non_null(strstr(err.msg, "expired"));
    assert_int_equal(
        cm_cert_verify(p->agent, CM_CERT_AGENT, &p->issuer, 1, p->root, before - 2000, &err),
        CM_EAUTH);
}

static void an_issuer_cannot_make_another_issuer(void **state) {
    const struct pki *p = *state;
    struct cm_cert_request request = {.use = CM_CERT_ISSUER,
                                      .common_name = "below",
                                      .not_before_ms = cm_cert_not_before_ms(p->issuer),
                                      .not_after_ms = cm_cert_not_after_ms(p->issuer)};
    CM_CLEANUP(cm_cert_freep) struct cm_cert *below = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *leaf = NULL;
    struct cm_err err;

    assert_int_equal(cm_cert_issue(&request, p->hub_key, p->issuer, p->issuer_key, &below, &err),
                     CM_OK);
    leaf = pki_issue(CM_CERT_AGENT, PKI_AGENT_URI, p->agent_key, below, p->hub_key);
    struct cm_cert *chain[] = {below, p->issuer};
    assert_int_equal(
        cm_cert_verify(leaf, CM_CERT_AGENT, chain, 2, p->root, cm_clock_unix_ms(), &err), CM_EAUTH);
    assert_non_null(strstr(err.msg, "path length"));
}

static void only_an_authority_issues(void **state) {
    const struct pki *p = *state;
    struct cm_cert_request request = {
        .use = CM_CERT_AGENT, .common_name = "x", .not_before_ms = 0, .not_after_ms = 1000};
    struct cm_cert *out = NULL;
    struct cm_err err;

    assert_int_equal(cm_cert_issue(&request, p->agent_key, p->agent, p->agent_key, &out, &err),
                     CM_EINVAL);
    assert_int_equal(cm_cert_issue(&request, p->agent_key, p->issuer, p->root_key, &out, &err),
                     CM_EINVAL);
    assert_non_null(strstr(err.msg, "does not belong"));
    assert_null(out);
}

static void malformed_requests_are_refused(void **state) {
    const struct pki *p = *state;
    static const char *const bad_host[] = {"a b"};
    char long_name[66];
    struct cm_cert_request good = {
        .use = CM_CERT_SERVER, .common_name = "x", .not_before_ms = 0, .not_after_ms = 1000};
    struct cm_cert_request requests[] = {good, good, good, good, good, good};
    struct cm_cert *out = NULL;
    struct cm_err err;

    memset(long_name, 'a', 65);
    long_name[65] = '\0';
    requests[0].common_name = "";
    requests[1].common_name = long_name;
    requests[2].uri = "";
    requests[3].uri = "holdfast://h/with space";
    requests[4].not_after_ms = 0;
    requests[5].hosts = bad_host;
    requests[5].host_count = 1;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_int_equal(cm_cert_issue(&requests[i], p->hub_key, p->root, p->root_key, &out, &err),
                         CM_EINVAL);
    }
    assert_null(out);
}

static void a_name_is_the_whole_name(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *longer = pki_issue(CM_CERT_AGENT, "holdfast://h/cluster/abc", p->agent_key,
                                       p->issuer, p->issuer_key);
    char uri[CM_CERT_URI_MAX];

    assert_true(cm_cert_uri(longer, uri));
    assert_string_equal(uri, "holdfast://h/cluster/abc");
    assert_string_not_equal(uri, "holdfast://h/cluster/ab");
    assert_false(cm_cert_uri(p->root, uri)); // has none
}

// Of holdfast://h/cluster/a and holdfast://h/cluster/b.
static const char two_names[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBsTCCAVagAwIBAgIUNRf/qP0u10E7kdN3+/jbilr84IQwCgYIKoZIzj0EAwIw\n"
                                "DjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEyODIzNDgxMFoYDzIxMjYxMTA0MjM0ODEw\n"
                                "WjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATSKyM0\n"
                                "Ifx6mYbiagPWCa+iFU9NOEx05amYMC/O5siGJQ1qExp3ajdDxJpBrrDqO9etl8Wd\n"
                                "W/eL37tulR3P71aGo4GPMIGMMB0GA1UdDgQWBBT+azE4DGmY+MgdktuwI5W7KYY9\n"
                                "DzAfBgNVHSMEGDAWgBT+azE4DGmY+MgdktuwI5W7KYY9DzAPBgNVHRMBAf8EBTAD\n"
                                "AQH/MDkGA1UdEQQyMDCGFmhvbGRmYXN0Oi8vaC9jbHVzdGVyL2GGFmhvbGRmYXN0\n"
                                "Oi8vaC9jbHVzdGVyL2IwCgYIKoZIzj0EAwIDSQAwRgIhAJ5yhr/jCPKRpWcMUnz7\n"
                                "r78JGLyYm4tvbIdV7ZVZWrTRAiEAwdYiIP/puydh7ENRu0id2XGIoUdWpvQQI58z\n"
                                "VJQnHRI=\n"
                                "-----END CERTIFICATE-----\n";

static void a_certificate_of_two_names_has_none(void **state) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *two = NULL;
    char uri[CM_CERT_URI_MAX];
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_cert_from_pem(two_names, sizeof(two_names) - 1, &two, &err), CM_OK);
    assert_false(cm_cert_uri(two, uri));
}

static void hosts_cannot_smuggle_in_a_name(void **state) {
    const struct pki *p = *state;
    static const char *const hosts[] = {"hub.example", "192.0.2.1", "2001:db8::1"};
    static const char *const evil[] = {"hub.example,URI:holdfast://h/cluster/x"};
    struct cm_cert_request request = {.use = CM_CERT_SERVER,
                                      .common_name = "hub",
                                      .uri = PKI_HUB_URI,
                                      .hosts = hosts,
                                      .host_count = 3,
                                      .not_after_ms = 1000};
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    char uri[CM_CERT_URI_MAX];
    struct cm_err err;

    assert_int_equal(cm_cert_issue(&request, p->hub_key, p->root, p->root_key, &cert, &err), CM_OK);
    assert_true(cm_cert_uri(cert, uri));
    assert_string_equal(uri, PKI_HUB_URI);
    request.hosts = evil;
    request.host_count = 1;
    assert_int_equal(cm_cert_issue(&request, p->hub_key, p->root, p->root_key, &cert, &err),
                     CM_EINVAL);
}

static void keys_and_certificates_survive_pem(void **state) {
    const struct pki *p = *state;
    char *key_pem = cm_key_to_pem(p->hub_key);
    CM_AUTOFREE char *cert_pem = cm_cert_to_pem(p->hub);
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    struct cm_err err;

    assert_int_equal(cm_key_from_pem(key_pem, strlen(key_pem), &key, &err), CM_OK);
    assert_int_equal(cm_cert_from_pem(cert_pem, strlen(cert_pem), &cert, &err), CM_OK);
    struct cm_sha256 before = cm_key_sha256(p->hub_key);
    struct cm_sha256 after = cm_key_sha256(key);
    struct cm_sha256 in_cert = cm_cert_key_sha256(cert);
    assert_true(cm_sha256_equal(&before, &after));
    assert_true(cm_sha256_equal(&before, &in_cert)); // the pin of a key and of its certificate
    cm_secret_free(key_pem);
}

static void a_public_key_has_a_pem_without_the_secret(void **state) {
    const struct pki *p = *state;
    CM_AUTOFREE uint8_t *der = NULL;
    CM_CLEANUP(cm_key_freep) struct cm_key *public = NULL;
    CM_CLEANUP(cm_key_freep) struct cm_key *back = NULL;
    size_t size = 0;
    struct cm_err err;

    cm_csr_make(p->agent_key, &der, &size);
    assert_int_equal(cm_csr_key(der, size, &public, &err), CM_OK);
    CM_AUTOFREE char *pem = cm_key_to_pem(public);
    assert_non_null(strstr(pem, "BEGIN PUBLIC KEY"));
    assert_int_equal(cm_key_from_pem(pem, strlen(pem), &back, &err), CM_OK);
    struct cm_sha256 a = cm_key_sha256(p->agent_key);
    struct cm_sha256 b = cm_key_sha256(back);
    assert_true(cm_sha256_equal(&a, &b));
}

static void malformed_pem_is_refused(void **state) {
    const struct pki *p = *state;
    static const char encrypted[] =
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
    CM_AUTOFREE char *pem = cm_cert_to_pem(p->hub);
    size_t size = strlen(pem);
    CM_AUTOFREE char *two = cm_strf("%s%s", pem, pem);
    struct cm_cert *cert = NULL;
    struct cm_key *key = NULL;
    struct cm_err err;

    assert_int_equal(cm_cert_from_pem("", 0, &cert, &err), CM_EINVAL);
    assert_int_equal(cm_cert_from_pem(pem, size / 2, &cert, &err), CM_EINVAL);
    assert_int_equal(cm_cert_from_pem(two, 2 * size, &cert, &err), CM_EINVAL);
    assert_int_equal(cm_key_from_pem(pem, size, &key, &err), CM_EINVAL);
    assert_int_equal(cm_key_from_pem(encrypted, sizeof(encrypted) - 1, &key, &err), CM_EINVAL);
    assert_null(cert);
    assert_null(key);
}

static void keys_that_are_not_p256_are_refused(void **state) {
    struct cm_key *key = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_key_from_pem(p384_key_pem, sizeof(p384_key_pem) - 1, &key, &err),
                     CM_EINVAL);
    assert_non_null(strstr(err.msg, "P-256"));
    assert_null(key);
}

static void a_certificate_survives_der(void **state) {
    const struct pki *p = *state;
    CM_AUTOFREE uint8_t *der = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *back = NULL;
    struct cm_cert *none = NULL;
    size_t size = 0;
    struct cm_err err;

    cm_cert_to_der(p->agent, &der, &size);
    assert_int_equal(cm_cert_from_der(der, size, &back, &err), CM_OK);
    assert_int_equal(verify(back, CM_CERT_AGENT, p, &err), CM_OK);
    assert_int_equal(cm_cert_from_der(der, size - 1, &none, &err), CM_EINVAL);
    der[size - 1] ^= 1; // in the signature
    assert_int_equal(cm_cert_from_der(der, size, &none, &err), CM_OK);
    assert_int_equal(verify(none, CM_CERT_AGENT, p, &err), CM_EAUTH);
    cm_cert_free(none);
}

static void a_request_gives_its_key(void **state) {
    const struct pki *p = *state;
    CM_AUTOFREE uint8_t *der = NULL;
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;
    size_t size = 0;
    struct cm_err err;

    cm_csr_make(p->agent_key, &der, &size);
    assert_int_equal(cm_csr_key(der, size, &key, &err), CM_OK);
    struct cm_sha256 want = cm_key_sha256(p->agent_key);
    struct cm_sha256 have = cm_key_sha256(key);
    assert_true(cm_sha256_equal(&want, &have));
}

static void a_request_changed_in_any_byte_is_refused(void **state) {
    const struct pki *p = *state;
    CM_AUTOFREE uint8_t *der = NULL;
    struct cm_key *key = NULL;
    size_t size = 0;
    struct cm_err err;

    cm_csr_make(p->agent_key, &der, &size);
    for (size_t i = 0; i < size; i++) {
        der[i] ^= 0x10;
        assert_int_equal(cm_csr_key(der, size, &key, &err), CM_EINVAL);
        der[i] ^= 0x10;
    }
    assert_int_equal(cm_csr_key(der, size - 1, &key, &err), CM_EINVAL);
    assert_null(key);
}

static enum cm_rc read_csr(const char *base64, struct cm_key **out, struct cm_err *err) {
    CM_AUTOFREE uint8_t *der = NULL;
    size_t size = 0;

    assert_true(cm_base64_decode(base64, strlen(base64), &der, &size));
    return cm_csr_key(der, size, out, err);
}

static void requests_for_other_kinds_of_key_are_refused(void **state) {
    static const char *const bad[] = {csr_rsa, csr_p384, csr_explicit_curve, csr_compressed_point};
    struct cm_key *key = NULL;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_csr(bad[i], &key, &err), CM_EINVAL);
        assert_non_null(strstr(err.msg, "P-256"));
    }
    assert_int_equal(read_csr(csr_sha1, &key, &err), CM_EINVAL);
    assert_null(key);
}

static void garbage_is_no_request(void **state) {
    static uint8_t garbage[5000];
    struct cm_key *key = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_csr_key(NULL, 0, &key, &err), CM_EINVAL);
    assert_int_equal(cm_csr_key(garbage, 100, &key, &err), CM_EINVAL);
    assert_int_equal(cm_csr_key(garbage, sizeof(garbage), &key, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "longer"));
}

static void names_in_a_request_are_not_taken_over(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    char uri[CM_CERT_URI_MAX];
    struct cm_err err;

    assert_int_equal(read_csr(csr_with_names, &key, &err), CM_OK);
    cert = pki_issue(CM_CERT_AGENT, PKI_AGENT_URI, key, p->issuer, p->issuer_key);
    assert_true(cm_cert_uri(cert, uri));
    assert_string_equal(uri, PKI_AGENT_URI);
}

static void a_signature_is_good_for_its_bytes_and_key_only(void **state) {
    const struct pki *p = *state;
    uint8_t signature[CM_SIGNATURE_MAX];
    size_t size = cm_sign(p->hub_key, "manifest", 8, signature);

    assert_true(cm_cert_check(p->hub, "manifest", 8, signature, size));
    assert_false(cm_cert_check(p->hub, "manifesT", 8, signature, size));
    assert_false(cm_cert_check(p->agent, "manifest", 8, signature, size));
    assert_false(cm_cert_check(p->hub, "manifest", 8, signature, size - 1));
    assert_false(cm_cert_check(p->hub, "manifest", 8, NULL, 0));
}

static void serial_numbers_differ(void **state) {
    const struct pki *p = *state;
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *a = pki_issue(CM_CERT_AGENT, "x:1", p->agent_key, p->issuer, p->issuer_key);
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *b = pki_issue(CM_CERT_AGENT, "x:1", p->agent_key, p->issuer, p->issuer_key);
    CM_AUTOFREE uint8_t *da = NULL;
    CM_AUTOFREE uint8_t *db = NULL;
    size_t na = 0;
    size_t nb = 0;

    cm_cert_to_der(a, &da, &na);
    cm_cert_to_der(b, &db, &nb);
    // SEQUENCE SEQUENCE [0] version, then INTEGER: 02 len at 13
    assert_int_equal(da[13], 0x02);
    assert_memory_not_equal(da + 15, db + 15, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_certificate_is_good_for_its_own_use_only),
        cmocka_unit_test(a_chain_needs_its_issuer),
        cmocka_unit_test(another_root_does_not_do),
        cmocka_unit_test(a_certificate_is_good_only_in_its_time),
        cmocka_unit_test(an_issuer_cannot_make_another_issuer),
        cmocka_unit_test(only_an_authority_issues),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(a_name_is_the_whole_name),
        cmocka_unit_test(a_certificate_of_two_names_has_none),
        cmocka_unit_test(hosts_cannot_smuggle_in_a_name),
        cmocka_unit_test(keys_and_certificates_survive_pem),
        cmocka_unit_test(a_public_key_has_a_pem_without_the_secret),
        cmocka_unit_test(malformed_pem_is_refused),
        cmocka_unit_test(keys_that_are_not_p256_are_refused),
        cmocka_unit_test(a_certificate_survives_der),
        cmocka_unit_test(a_request_gives_its_key),
        cmocka_unit_test(a_request_changed_in_any_byte_is_refused),
        cmocka_unit_test(requests_for_other_kinds_of_key_are_refused),
        cmocka_unit_test(garbage_is_no_request),
        cmocka_unit_test(names_in_a_request_are_not_taken_over),
        cmocka_unit_test(a_signature_is_good_for_its_bytes_and_key_only),
        cmocka_unit_test(serial_numbers_differ),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
