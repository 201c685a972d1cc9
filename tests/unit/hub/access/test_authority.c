#include "hub/access/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/session.h"
#include "tests/unit/hub/scratch_dir.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static const char *const hosts[] = {"localhost"};

struct rig {
    char dir[SCRATCH_DIR_MAX];
    struct hub_authority *authority;
};

static enum cm_rc reopen(struct rig *r, struct cm_err *err) {
    hub_authority_free(r->authority);
    r->authority = NULL;
    return hub_authority_open(r->dir, hosts, 1, &r->authority, err);
}

static int set_up(void **state) {
    struct rig *r = cm_new(1, sizeof(*r));
    struct cm_err err;

    scratch_dir_make(r->dir);
    *state = r;
    return reopen(r, &err);
}

static int tear_down(void **state) {
    struct rig *r = *state;

    hub_authority_free(r->authority);
    scratch_dir_remove(r->dir);
    cm_clock_fake(-1);
    free(r);
    return 0;
}

static char *file(const struct rig *r, const char *name) {
    return cm_strf("%s/%s", r->dir, name);
}

static void remove_file(const struct rig *r, const char *name) {
    CM_AUTOFREE char *path = file(r, name);

    assert_int_equal(unlink(path), 0);
}

static void write_file(const struct rig *r, const char *name, const char *text) {
    CM_AUTOFREE char *path = file(r, name);
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
}

static struct cm_cert *cert_of(const uint8_t *(*get)(const struct hub_authority *, size_t *),
                               const struct hub_authority *a) {
    struct cm_cert *cert = NULL;
    struct cm_err err;
    size_t size;
    const uint8_t *der = get(a, &size);

    assert_int_equal(cm_cert_from_der(der, size, &cert, &err), CM_OK);
    return cert;
}

static void it_is_the_same_hub_when_it_is_opened_again(void **state) {
    struct rig *r = *state;
    char id[CM_UUID_MAX];
    uint8_t secret[32];
    struct cm_sha256 pin = hub_authority_pin(r->authority);
    struct cm_err err;

    assert_true(cm_uuid_ok(hub_authority_hub_id(r->authority)));
    memcpy(id, hub_authority_hub_id(r->authority), sizeof(id));
    memcpy(secret, hub_authority_secret_key(r->authority), sizeof(secret));
    assert_int_equal(reopen(r, &err), CM_OK);
    struct cm_sha256 again = hub_authority_pin(r->authority);
    assert_string_equal(hub_authority_hub_id(r->authority), id);
    assert_memory_equal(hub_authority_secret_key(r->authority), secret, sizeof(secret));
    assert_true(cm_sha256_equal(&again, &pin));
}

static void keys_are_readable_by_the_owner_only(void **state) {
    static const char *const names[] = {"root.key", "issuer.key", "signer.key", "secrets.key"};
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CM_AUTOFREE char *path = file(r, names[i]);
        struct stat info;

        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
}

static void the_roots_key_can_be_taken_offline(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    remove_file(r, "root.key");
    assert_int_equal(reopen(r, &err), CM_OK);
}

static void without_the_roots_key_nothing_can_be_made_anew(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    remove_file(r, "root.key");
    remove_file(r, "signer.crt");
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "signer.key"));
    assert_non_null(strstr(err.msg, "put root.key back"));
}

static void a_lost_root_is_never_replaced(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    remove_file(r, "root.crt");
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "root.crt is missing; restore it from a backup"));
}

static void a_root_with_another_key_is_refused(void **state) {
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    char *pem = cm_key_to_pem(key);
    struct cm_err err;

    write_file(r, "root.key", pem);
    cm_secret_free(pem);
    cm_key_free(key);
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "do not belong together"));
}

static void a_renewal_that_was_interrupted_is_finished(void **state) {
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    char *pem = cm_key_to_pem(key);
    struct cm_err err;

    write_file(r, "issuer.key", pem); // the new key is there, its certificate not yet
    cm_secret_free(pem);
    cm_key_free(key);
    assert_int_equal(reopen(r, &err), CM_OK);
}

static void damaged_files_are_errors_that_name_them(void **state) {
    static const char *const names[] = {"root.crt", "root.key", "issuer.crt", "signer.key"};
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CM_AUTOFREE char *path = file(r, names[i]);
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *good = NULL;
        struct cm_err err;

        assert_int_equal(cm_fsys_read(path, 65536, &good, &err), CM_OK);
        write_file(r, names[i], "-----BEGIN NOTHING-----\n");
        assert_int_equal(reopen(r, &err), CM_EINVAL);
        assert_non_null(strstr(err.msg, names[i]));
        assert_int_equal(cm_fsys_replace(path, good->data, good->size, 0600, &err), CM_OK);
    }
}

static void a_damaged_id_or_secret_is_an_error(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    write_file(r, "hub.id", "not-a-uuid-but-as-long-as-one-is-ok!");
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    write_file(r, "hub.id", "6f1c1e5a-7a55-4a8e-9a34-0d7e2b1f0a11");
    write_file(r, "secrets.key", "short");
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    remove_file(r, "secrets.key");
    assert_int_equal(reopen(r, &err), CM_ENOTFOUND);
}

static void what_another_root_certified_is_refused(void **state) {
    struct rig *r = *state;
    struct rig other = {0};
    struct cm_err err;

    scratch_dir_make(other.dir);
    assert_int_equal(reopen(&other, &err), CM_OK);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "issuer.crt" : "issuer.key";
        CM_AUTOFREE char *from = file(&other, name);
        CM_AUTOFREE char *to = file(r, name);
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;

        assert_int_equal(cm_fsys_read(from, 65536, &text, &err), CM_OK);
        assert_int_equal(cm_fsys_replace(to, text->data, text->size, 0600, &err), CM_OK);
    }
    assert_int_not_equal(reopen(r, &err), CM_OK);
    assert_non_null(strstr(err.msg, "issuer.crt"));
    hub_authority_free(other.authority);
    scratch_dir_remove(other.dir);
}

static void what_gets_old_is_made_anew_by_the_same_root(void **state) {
    struct rig *r = *state;
    struct cm_sha256 pin = hub_authority_pin(r->authority);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *before = cert_of(hub_authority_signer, r->authority);
    struct cm_err err;

    cm_clock_fake(cm_clock_unix_ms() + 1300 * DAY_MS);
    assert_int_equal(reopen(r, &err), CM_OK);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *after = cert_of(hub_authority_signer, r->authority);
    struct cm_sha256 again = hub_authority_pin(r->authority);
    assert_true(cm_sha256_equal(&again, &pin));
    assert_true(cm_cert_not_after_ms(after) > cm_cert_not_after_ms(before));
}

static void a_certified_agent_is_believed_as_long_as_its_issuer(void **state) {
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    CM_CLEANUP(cm_cert_freep) struct cm_cert *agent = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *root = cert_of(hub_authority_root, r->authority);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *issuer = cert_of(hub_authority_issuer, r->authority);
    struct cm_cert *chain[] = {issuer};
    char uuid[CM_UUID_MAX];
    char uri[CM_CERT_URI_MAX];
    struct hub_certify_ask ask = {.key = key, .cluster_id = uuid, .cluster = "paris-1"};
    struct hub_certificate made = {0};
    struct cm_err err;

    cm_uuid(uuid);
    assert_int_equal(hub_authority_certify(r->authority, &ask, &made, &err), CM_OK);
    assert_int_equal(cm_cert_from_der(made.der, made.size, &agent, &err), CM_OK);
    assert_int_equal(cm_cert_verify(agent, CM_CERT_AGENT, chain, 1, root,
                                    cm_clock_unix_ms() + 1000 * DAY_MS, &err),
                     CM_OK);
    assert_true(cm_cert_uri(agent, uri));
    assert_string_equal(hub_authority_cluster_id(r->authority, uri), uuid);
    assert_true(cm_cert_not_after_ms(agent) <= cm_cert_not_after_ms(issuer));
    free(made.der);
    cm_key_free(key);
}

static void a_short_certificate_is_ours_also_once_it_has_ended(void **state) {
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    struct hub_certify_ask ask = {.key = key,
                                  .cluster_id = "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d",
                                  .cluster = "paris-1",
                                  .life_ms = 7 * DAY_MS};
    struct hub_certificate made = {0};
    CM_CLEANUP(cm_cert_freep) struct cm_cert *agent = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *signer = cert_of(hub_authority_signer, r->authority);
    int64_t now_ms = cm_clock_unix_ms();
    struct cm_err err;

    assert_int_equal(hub_authority_certify(r->authority, &ask, &made, &err), CM_OK);
    assert_in_range(made.ends_ms, now_ms + 7 * DAY_MS - 2000, now_ms + 7 * DAY_MS + 60000);
    assert_true(made.begins_ms <= now_ms - 60000);
    assert_int_equal(cm_cert_from_der(made.der, made.size, &agent, &err), CM_OK);
    cm_clock_fake(now_ms + 30 * DAY_MS);
    assert_int_equal(hub_authority_check(r->authority, agent, &err), CM_OK);
    assert_int_equal(hub_authority_check(r->authority, signer, &err), CM_EAUTH);
    free(made.der);
    cm_key_free(key);
}

static struct cm_cert *certify_paris(const struct rig *r, const struct cm_key *key) {
    struct hub_certify_ask ask = {.key = key,
                                  .cluster_id = "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d",
                                  .cluster = "paris-1",
                                  .life_ms = 7 * DAY_MS};
    struct hub_certificate made = {0};
    struct cm_cert *cert = NULL;
    struct cm_err err;

    assert_int_equal(hub_authority_certify(r->authority, &ask, &made, &err), CM_OK);
    assert_int_equal(cm_cert_from_der(made.der, made.size, &cert, &err), CM_OK);
    free(made.der);
    return cert;
}

static void what_the_issuer_before_certified_is_still_known(void **state) {
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    CM_CLEANUP(cm_cert_freep) struct cm_cert *before = cert_of(hub_authority_issuer, r->authority);
    struct cm_err err;

    cm_clock_fake(cm_clock_unix_ms() + 1215 * DAY_MS);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *old = certify_paris(r, key);
    cm_clock_advance(5 * DAY_MS);
    assert_int_equal(reopen(r, &err), CM_OK);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *after = cert_of(hub_authority_issuer, r->authority);
    struct cm_sha256 keys[] = {cm_cert_key_sha256(before), cm_cert_key_sha256(after)};
    assert_false(cm_sha256_equal(&keys[0], &keys[1]));
    assert_int_equal(hub_authority_check(r->authority, old, &err), CM_OK);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *fresh = certify_paris(r, key);
    assert_int_equal(hub_authority_check(r->authority, fresh, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
    assert_int_equal(hub_authority_check(r->authority, old, &err), CM_OK);
    cm_key_free(key);
}

// take_offline moves the root's key to a file beside the folder.
static char *take_offline(const struct rig *r) {
    CM_AUTOFREE char *from = file(r, "root.key");
    char *to = file(r, "offline");

    assert_int_equal(rename(from, to), 0);
    return to;
}

static void the_issuer_is_rotated_with_a_root_key_from_elsewhere(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *offline = take_offline(r);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *before = cert_of(hub_authority_issuer, r->authority);
    struct cm_err err;

    assert_int_equal(hub_authority_rotate(r->dir, NULL, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "rotate ROOT-KEY"));
    assert_int_equal(hub_authority_rotate(r->dir, offline, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *after = cert_of(hub_authority_issuer, r->authority);
    struct cm_sha256 keys[] = {cm_cert_key_sha256(before), cm_cert_key_sha256(after)};
    assert_false(cm_sha256_equal(&keys[0], &keys[1]));
}

static void the_key_of_another_root_rotates_nothing(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *other = file(r, "issuer.key");
    struct cm_err err;

    assert_int_equal(hub_authority_rotate(r->dir, other, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "the key of another root"));
    assert_int_equal(reopen(r, &err), CM_OK);
}

static void an_issuer_that_ends_and_cannot_be_made_anew_is_told(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    assert_int_equal(hub_authority_ends_ms(r->authority), 0);
    CM_AUTOFREE char *offline = take_offline(r);
    assert_int_equal(reopen(r, &err), CM_OK);
    assert_int_equal(hub_authority_ends_ms(r->authority), 0);
    cm_clock_fake(cm_clock_unix_ms() + 1300 * DAY_MS);
    assert_int_equal(reopen(r, &err), CM_OK);
    assert_in_range(hub_authority_ends_ms(r->authority), cm_clock_unix_ms() + 500 * DAY_MS,
                    cm_clock_unix_ms() + 530 * DAY_MS);
}

// What is made anew then would end with the root, too.
static void what_ends_with_its_root_is_not_made_anew_again_and_again(void **state) {
    struct rig *r = *state;
    struct hub_authority_news news = {.issuer = true};
    struct cm_err err;

    assert_int_equal(hub_authority_root_ends_ms(r->authority), 0);
    cm_clock_fake(cm_clock_unix_ms() + 2000 * DAY_MS);
    assert_int_equal(reopen(r, &err), CM_OK); // from now on they end with the root
    assert_int_equal(hub_authority_root_ends_ms(r->authority), 0);
    cm_clock_advance(1500 * DAY_MS);
    assert_false(hub_authority_is_due(r->authority));
    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_OK);
    assert_false(news.issuer || news.signer || news.roots);
    assert_in_range(hub_authority_root_ends_ms(r->authority), cm_clock_unix_ms() + 149 * DAY_MS,
                    cm_clock_unix_ms() + 151 * DAY_MS);
    CM_AUTOFREE char *offline = take_offline(r);
    assert_int_equal(reopen(r, &err), CM_OK);
    assert_int_equal(hub_authority_ends_ms(r->authority), 0); // rotating these is no help
}

static void only_exact_names_are_cluster_ids(void **state) {
    static const char id[] = "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d";
    struct rig *r = *state;
    const char *hub = hub_authority_hub_id(r->authority);
    char *bad[] = {
        cm_strf("holdfast://%s/cluster/%s/", hub, id),
        cm_strf("holdfast://%s/cluster/%s ", hub, id),
        cm_strf("holdfast://%s/cluster//%s", hub, id),
        cm_strf("holdfast://%s/Cluster/%s", hub, id),
        cm_strf("holdfast://%s/hub", hub),
        cm_strf("holdfast://%s/cluster/", hub),
        cm_strf("xholdfast://%s/cluster/%s", hub, id),
        cm_strf("holdfast://%s/cluster/%s", "6f1c1e5a-7a55-4a8e-9a34-0d7e2b1f0a11", id),
        cm_strdup(""),
    };
    CM_AUTOFREE char *good = cm_strf("holdfast://%s/cluster/%s", hub, id);

    assert_string_equal(hub_authority_cluster_id(r->authority, good), id);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(hub_authority_cluster_id(r->authority, bad[i]));
        free(bad[i]);
    }
}

static void what_it_signs_the_signers_certificate_checks(void **state) {
    struct rig *r = *state;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *signer = cert_of(hub_authority_signer, r->authority);
    uint8_t signature[CM_SIGNATURE_MAX];
    struct hub_signer told;
    size_t size = hub_authority_sign(r->authority, "manifest", 8, signature, &told);

    assert_true(cm_cert_check(signer, "manifest", 8, signature, size));
    assert_false(cm_cert_check(signer, "manifesT", 8, signature, size));
}

static void tls_and_the_apis_pems_can_be_had(void **state) {
    struct rig *r = *state;
    struct cm_tls_context *link = NULL;
    struct cm_tls_context *enroll = NULL;
    CM_AUTOFREE char *chain = NULL;
    char *key = NULL;
    struct cm_err err;

    assert_int_equal(hub_authority_link_tls(r->authority, &link, &err), CM_OK);
    assert_int_equal(hub_authority_enroll_tls(r->authority, &enroll, &err), CM_OK);
    hub_authority_api_tls(r->authority, &key, &chain);
    assert_non_null(strstr(key, "PRIVATE KEY"));
    assert_non_null(strstr(chain, "BEGIN CERTIFICATE"));
    cm_secret_free(key);
    cm_tls_context_unref(link);
    cm_tls_context_unref(enroll);
}

// ---- Anew while it is used, and another root

static void issuer_and_signer_change_under_who_uses_them(void **state) {
    struct rig *r = *state;
    size_t size;
    const uint8_t *lent = hub_authority_issuer(r->authority, &size);
    CM_AUTOFREE uint8_t *before = memcpy(cm_new(size, 1), lent, size);
    struct hub_authority_news news = {.issuer = true};
    struct cm_err err;

    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_OK);
    assert_false(news.issuer || news.signer || news.roots);
    assert_int_equal(hub_authority_rotate(r->dir, NULL, &err), CM_OK);
    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_OK);
    assert_true(news.issuer && news.signer && !news.roots);
    assert_memory_equal(lent, before, size); // what was lent is good still
    size_t now_size;
    const uint8_t *now = hub_authority_issuer(r->authority, &now_size);
    assert_false(now_size == size && memcmp(now, before, size) == 0);
}

static void what_is_wrong_in_the_folder_changes_nothing(void **state) {
    struct rig *r = *state;
    size_t size;
    const uint8_t *before = hub_authority_issuer(r->authority, &size);
    struct hub_authority_news news = {0};
    struct cm_err err;

    write_file(r, "issuer.crt", "nonsense");
    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_EINVAL);
    assert_ptr_equal(hub_authority_issuer(r->authority, &size), before);
}

static void what_is_old_or_begins_in_the_future_is_due(void **state) {
    struct rig *r = *state;
    int64_t now_ms = cm_clock_unix_ms();
    struct cm_err err;
    struct hub_authority_news news;

    assert_false(hub_authority_is_due(r->authority));
    cm_clock_fake(now_ms + 1300 * DAY_MS);
    assert_true(hub_authority_is_due(r->authority));
    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_OK);
    assert_false(hub_authority_is_due(r->authority));
    cm_clock_fake(now_ms + 1200 * DAY_MS); // by less than the certificate began early
    assert_false(hub_authority_is_due(r->authority));
    cm_clock_fake(now_ms);
    assert_true(hub_authority_is_due(r->authority));
}

static void a_hub_whose_clock_was_ahead_is_believed_when_it_is_right_again(void **state) {
    struct rig *r = *state;
    int64_t now_ms = cm_clock_unix_ms();
    struct cm_err err;

    cm_clock_fake(now_ms + 30 * DAY_MS);
    assert_int_equal(reopen(r, &err), CM_OK);
    cm_clock_fake(now_ms);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *root = cert_of(hub_authority_root, r->authority);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *signer = cert_of(hub_authority_signer, r->authority);
    assert_int_equal(
        cm_cert_verify(signer, CM_CERT_SIGNER, NULL, 0, root, cm_clock_unix_ms(), &err), CM_OK);
    assert_false(hub_authority_is_due(r->authority));
}

static struct hub_trust trust_of(const struct rig *r) {
    struct hub_trust t = {.signature_count = 0};
    struct cm_err err;

    assert_int_equal(hub_authority_read_trust(r->dir, &t, &err), CM_OK);
    return t;
}

// may_follow tells whether an agent with one set takes the next one.
static bool may_follow(const struct rig *r, const struct hub_trust *now,
                       const struct hub_trust *next) {
    struct cm_trust_signature signatures[CM_TRUST_ROOTS_MAX];
    struct cm_err err;

    for (size_t i = 0; i < next->signature_count; i++) {
        signatures[i] = (struct cm_trust_signature){.bytes = next->signatures[i].bytes,
                                                    .size = next->signatures[i].size};
    }
    return cm_trust_check(&now->set, &next->set, hub_authority_hub_id(r->authority), signatures,
                          next->signature_count, &err) == CM_OK;
}

static void each_set_of_roots_is_vouched_for_by_one_before(void **state) {
    struct rig *r = *state;
    CM_CLEANUP(hub_trust_done) struct hub_trust first = trust_of(r);
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    CM_CLEANUP(hub_trust_done) struct hub_trust both = trust_of(r);
    assert_int_equal(both.set.version, 2);
    assert_int_equal(both.set.count, 2);
    assert_true(may_follow(r, &first, &both));
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
    assert_int_equal(hub_authority_root_drop(r->dir, NULL, &err), CM_OK);
    CM_CLEANUP(hub_trust_done) struct hub_trust last = trust_of(r);
    assert_int_equal(last.set.version, 3);
    assert_int_equal(last.set.count, 1);
    assert_true(may_follow(r, &both, &last));
    assert_true(may_follow(r, &first, &last)); // it was away meanwhile
    assert_false(may_follow(r, &last, &both)); // back
    assert_int_equal(reopen(r, &err), CM_OK);
}

static void who_enrolled_under_the_new_root_takes_the_set_too(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
    CM_CLEANUP(hub_trust_done) struct hub_trust both = trust_of(r);
    CM_CLEANUP(hub_trust_done) struct hub_trust own = {.set = {.version = 1}};
    assert_int_equal(cm_trust_add(&own.set, cert_of(hub_authority_root, r->authority), &err),
                     CM_OK);
    assert_true(may_follow(r, &own, &both));
}

static void a_set_that_a_stranger_signed_is_not_taken(void **state) {
    struct rig *r = *state;
    CM_CLEANUP(hub_trust_done) struct hub_trust first = trust_of(r);
    struct rig other = {.authority = NULL};
    struct cm_err err;

    scratch_dir_make(other.dir);
    assert_int_equal(reopen(&other, &err), CM_OK);
    assert_int_equal(hub_authority_root_begin(other.dir, NULL, &err), CM_OK);
    CM_CLEANUP(hub_trust_done) struct hub_trust theirs = trust_of(&other);
    assert_false(may_follow(r, &first, &theirs));
    hub_authority_free(other.authority);
    scratch_dir_remove(other.dir);
}

static void what_the_first_root_vouched_for_is_good_under_the_next(void **state) {
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    CM_CLEANUP(cm_cert_freep) struct cm_cert *root = cert_of(hub_authority_root, r->authority);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *old = certify_paris(r, key);
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *fresh = certify_paris(r, key);
    assert_int_equal(hub_authority_check(r->authority, old, &err), CM_OK);
    assert_int_equal(hub_authority_check(r->authority, fresh, &err), CM_OK);

    // With what goes along, also for who believes the first root alone.
    CM_CLEANUP(cm_cert_freep) struct cm_cert *issuer = cert_of(hub_authority_issuer, r->authority);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cross = cert_of(hub_authority_cross, r->authority);
    struct cm_cert *chain[] = {issuer, cross};
    int64_t now_ms = cm_clock_unix_ms();
    assert_int_equal(cm_cert_verify(fresh, CM_CERT_AGENT, chain, 2, root, now_ms, &err), CM_OK);
    assert_int_equal(cm_cert_verify(fresh, CM_CERT_AGENT, chain, 1, root, now_ms, &err), CM_EAUTH);
    cm_key_free(key);
}

static void steps_out_of_turn_say_which_is_next(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "rotate-root begin"));
    assert_int_equal(hub_authority_root_drop(r->dir, NULL, &err), CM_EINVAL);
    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "finish"));
    assert_int_equal(hub_authority_root_drop(r->dir, NULL, &err), CM_EINVAL);
}

// Killed after the root was put in its place.
static void a_step_that_was_interrupted_is_done_again(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *old_issuer = file(r, "issuer.crt");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *issuer = NULL;
    CM_AUTOFREE char *next = file(r, "root.next.crt");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *root = NULL;
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(cm_fsys_read(old_issuer, 65536, &issuer, &err), CM_OK);
    assert_int_equal(cm_fsys_read(next, 65536, &root, &err), CM_OK);
    CM_AUTOFREE char *at = file(r, "root.crt");
    assert_int_equal(cm_fsys_replace(at, root->data, root->size, 0644, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
}

// Killed between key and certificate of the root.
static void half_a_new_root_is_no_reason_not_to_do_the_step_again(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *next = file(r, "root.next.key");
    CM_AUTOFREE char *key = file(r, "root.key");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(cm_fsys_read(next, 65536, &bytes, &err), CM_OK);
    assert_int_equal(cm_fsys_replace(key, bytes->data, bytes->size, 0600, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "'holdfast-hub rotate-root finish' once more"));
    CM_CLEANUP(hub_trust_done) struct hub_trust both = trust_of(r); // who lacks it is asked first
    assert_int_equal(both.set.count, 2);
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
}

// Killed after agents were told of the new root alone.
static void a_root_that_is_dropped_leaves_no_key_behind(void **state) {
    struct rig *r = *state;
    CM_AUTOFREE char *before = file(r, "root.before.key");
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *key = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *none = NULL;
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(cm_fsys_read(before, 65536, &key, &err), CM_OK);
    assert_int_equal(hub_authority_root_drop(r->dir, NULL, &err), CM_OK);
    assert_int_equal(cm_fsys_replace(before, key->data, key->size, 0600, &err), CM_OK);
    assert_int_equal(hub_authority_root_drop(r->dir, NULL, &err), CM_OK);
    assert_int_equal(cm_fsys_read(before, 65536, &none, &err), CM_ENOTFOUND);
    assert_int_equal(hub_authority_root_drop(r->dir, NULL, &err), CM_EINVAL);
}

static struct cm_buf *read_whole(const struct rig *r, const char *name) {
    CM_AUTOFREE char *path = file(r, name);
    struct cm_buf *content = NULL;
    struct cm_err err;

    assert_int_equal(cm_fsys_read(path, 65536, &content, &err), CM_OK);
    return content;
}

// Killed right before the end of the step: what it begins with is still there.
static void who_was_certified_before_is_known_when_the_step_is_done_again(void **state) {
    static const char *const names[] = {"root.next.crt", "root.next.key", "root.next.cross.crt"};
    struct rig *r = *state;
    struct cm_key *key = cm_key_new();
    CM_CLEANUP(cm_cert_freep) struct cm_cert *paris = certify_paris(r, key);
    struct cm_buf *content[3];
    struct cm_err err;

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    for (size_t i = 0; i < 3; i++) {
        content[i] = read_whole(r, names[i]);
    }
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    for (size_t i = 0; i < 3; i++) {
        CM_AUTOFREE char *path = file(r, names[i]);

        assert_int_equal(cm_fsys_replace(path, content[i]->data, content[i]->size, 0600, &err),
                         CM_OK);
        cm_buf_unref(content[i]);
    }
    assert_int_equal(hub_authority_root_finish(r->dir, NULL, &err), CM_OK);
    assert_int_equal(reopen(r, &err), CM_OK);
    assert_int_equal(hub_authority_check(r->authority, paris, &err), CM_OK);
    cm_key_free(key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_same_hub_when_it_is_opened_again),
        TEST(half_a_new_root_is_no_reason_not_to_do_the_step_again),
        TEST(a_root_that_is_dropped_leaves_no_key_behind),
        TEST(keys_are_readable_by_the_owner_only),
        TEST(the_roots_key_can_be_taken_offline),
        TEST(without_the_roots_key_nothing_can_be_made_anew),
        TEST(a_lost_root_is_never_replaced),
        TEST(a_root_with_another_key_is_refused),
        TEST(a_renewal_that_was_interrupted_is_finished),
        TEST(damaged_files_are_errors_that_name_them),
        TEST(a_damaged_id_or_secret_is_an_error),
        TEST(what_another_root_certified_is_refused),
        TEST(what_gets_old_is_made_anew_by_the_same_root),
        TEST(a_certified_agent_is_believed_as_long_as_its_issuer),
        TEST(a_short_certificate_is_ours_also_once_it_has_ended),
        TEST(what_the_issuer_before_certified_is_still_known),
        TEST(the_issuer_is_rotated_with_a_root_key_from_elsewhere),
        TEST(the_key_of_another_root_rotates_nothing),
        TEST(an_issuer_that_ends_and_cannot_be_made_anew_is_told),
        TEST(what_ends_with_its_root_is_not_made_anew_again_and_again),
        TEST(only_exact_names_are_cluster_ids),
        TEST(what_it_signs_the_signers_certificate_checks),
        TEST(tls_and_the_apis_pems_can_be_had),
        TEST(issuer_and_signer_change_under_who_uses_them),
        TEST(what_is_wrong_in_the_folder_changes_nothing),
        TEST(what_is_old_or_begins_in_the_future_is_due),
        TEST(a_hub_whose_clock_was_ahead_is_believed_when_it_is_right_again),
        TEST(each_set_of_roots_is_vouched_for_by_one_before),
        TEST(who_enrolled_under_the_new_root_takes_the_set_too),
        TEST(a_set_that_a_stranger_signed_is_not_taken),
        TEST(what_the_first_root_vouched_for_is_good_under_the_next),
        TEST(steps_out_of_turn_say_which_is_next),
        TEST(a_step_that_was_interrupted_is_done_again),
        TEST(who_was_certified_before_is_known_when_the_step_is_done_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
