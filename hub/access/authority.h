// authority: the hub's keys, and what it certifies with them.
//
//     root (10 years; its key can be taken offline)
//      ├─ issuer (5 years)   certifies agents and the hub's own server key
//      └─ signer (5 years)   signs manifests
//
// The files live in the hub's data folder, keys with mode 0600. Issuer and signer are made anew
// when a third of their life is left and the root's key is there; but not what ends with the root
// already, which only another root helps (hub_authority_root_ends_ms). The server's key is made at
// each start and is never on disk. An agent's certificate lives for some days (an option), and as
// long as the issuer's for agents of versions that do not renew theirs. The hub's table of agents
// says who may connect, not the age of a certificate.
//
// An issuer that gives way leaves its certificate behind (issuer.before.crt), so that what it
// certified is still known; agents believe roots and bring their issuer along, so that both are
// good at once and nothing has to reach them before. Where the root's key is offline nothing is
// made anew: hub_authority_ends_ms tells how long that goes well, hub_authority_rotate is the way.
//
// A new root reaches agents before it is used:
//
//     begin    a next root is made; the set of roots that agents shall believe (trust.json) gets a
//              higher number, both roots, and a signature by the one in use
//     finish   the next root is the root, issuer and signer are made under it; agents that were
//              away meanwhile still let the hub prove itself, as the root before certified the
//              key of the new one (root.cross.crt), and get the set first of all
//     drop     the set has a higher number once more, and only the new root
//
// A file that is missing or damaged beside others that are there is an error, never a reason to
// make a new root: no agent would believe it.
//
// Threads: opened by the owner at start (blocks). hub_authority_reload (one thread at a time;
// blocks) puts what is on disk in the place of what is used; any thread may use the rest meanwhile.
// What was borrowed stays good until hub_authority_free.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"
#include "common/tls/keys.h"
#include "common/tls/trust.h"

// Certificates begin so much earlier than they are made: clocks differ.
#define HUB_CERTIFY_EARLY_MS ((int64_t)5 * 60 * 1000)

struct cm_tls_context;
struct hub_authority;

// hub_authority_open loads the keys from `dir` or makes them. `hosts` are the names and addresses
// by which the hub is reached.
CM_MUSTUSE enum cm_rc hub_authority_open(const char *dir, const char *const *hosts,
                                         size_t host_count, struct hub_authority **out,
                                         struct cm_err *err);
void hub_authority_free(struct hub_authority *a); // NULL is fine

// hub_authority_reload takes over what the folder holds now, makes anew what is old, and makes a
// new server's certificate; what is wrong there changes nothing. *out_news: which are others now.
// hub_authority_is_due tells that there is something to make anew.
struct hub_authority_news {
    bool issuer;
    bool signer;
    bool roots; // the set of those that agents believe
};
CM_MUSTUSE enum cm_rc hub_authority_reload(struct hub_authority *a,
                                           struct hub_authority_news *out_news, struct cm_err *err);
bool hub_authority_is_due(const struct hub_authority *a);

// hub_authority_rotate makes issuer and signer anew whatever their age, for a hub that starts, or
// reloads, afterwards. root_key: the file with the root's key; NULL: where it was made. CM_EINVAL:
// it is not there, or another root's.
CM_MUSTUSE enum cm_rc hub_authority_rotate(const char *dir, const char *root_key,
                                           struct cm_err *err);

// hub_authority_root_begin, _finish and _drop are the steps above, each of which may be done again
// if it was interrupted. `key` is the file with the key of the root in use, of the next one, or of
// the one before; NULL: where it was made. CM_EINVAL: it is not there or another's, or the step is
// out of turn. Dropping without the key of the root before leaves behind agents that were away
// since the beginning.
CM_MUSTUSE enum cm_rc hub_authority_root_begin(const char *dir, const char *key,
                                               struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_authority_root_finish(const char *dir, const char *key,
                                                struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_authority_root_drop(const char *dir, const char *key, struct cm_err *err);

// hub_authority_root_since_ms tells which root a folder has in use (the SHA-256 of its key), and
// since when it can certify. Older certificates are of the root before; when that one is not the
// root before any more, nobody who has one gets in. A hub that runs certifies under that one until
// it reloads. 0: there was no other root, or the change to this one is not over.
CM_MUSTUSE enum cm_rc hub_authority_root_since_ms(const char *dir, struct cm_sha256 *out_root,
                                                  int64_t *out_ms, struct cm_err *err);

// The set of roots that agents shall believe.
struct hub_trust_signature {
    uint8_t bytes[CM_SIGNATURE_MAX];
    size_t size;
};
struct hub_trust {
    struct cm_trust set;
    struct hub_trust_signature signatures[CM_TRUST_ROOTS_MAX];
    size_t signature_count;
};
const struct hub_trust *hub_authority_trust(const struct hub_authority *a); // borrowed
void hub_trust_done(struct hub_trust *t);

// hub_authority_read_trust reads the set of a folder.
CM_MUSTUSE enum cm_rc hub_authority_read_trust(const char *dir, struct hub_trust *out,
                                               struct cm_err *err);

// hub_authority_ends_ms tells when issuer or signer ends, if that needs somebody: less than a third
// of its life is left and the root's key is offline. Else 0.
int64_t hub_authority_ends_ms(const struct hub_authority *a);

// hub_authority_root_ends_ms tells when the root ends, and all that it certified, if that is within
// a year. Else 0. The steps above are the way.
int64_t hub_authority_root_ends_ms(const struct hub_authority *a);

const char *hub_authority_hub_id(const struct hub_authority *a);        // a UUID
const uint8_t *hub_authority_secret_key(const struct hub_authority *a); // 32 bytes: names Secrets

// hub_authority_value_key names single values, also where agents do it. 32 bytes, made of the key
// that names Secrets, so that it lasts as long.
const uint8_t *hub_authority_value_key(const struct hub_authority *a);
struct cm_sha256 hub_authority_pin(const struct hub_authority *a); // of the root's key

// hub_authority_root and hub_authority_issuer are DER certificates; borrowed.
const uint8_t *hub_authority_root(const struct hub_authority *a, size_t *out_size);
const uint8_t *hub_authority_issuer(const struct hub_authority *a, size_t *out_size);
// hub_authority_cross is the root's key as the root before certified it; NULL: there was none.
const uint8_t *hub_authority_cross(const struct hub_authority *a, size_t *out_size);
const uint8_t *hub_authority_signer(const struct hub_authority *a, size_t *out_size);

struct hub_certify_ask {
    const struct cm_key *key; // the agent's public one
    const char *cluster_id;
    const char *cluster; // its name, a label
    int64_t life_ms;     // 0: as long as the issuer's own
};

struct hub_certificate {
    uint8_t *der; // the caller frees it
    size_t size;
    int64_t begins_ms;
    int64_t ends_ms;
};

// hub_authority_certify makes an agent's certificate.
CM_MUSTUSE enum cm_rc hub_authority_certify(const struct hub_authority *a,
                                            const struct hub_certify_ask *ask,
                                            struct hub_certificate *out, struct cm_err *err);

// hub_authority_check tells whether a certificate is one that this hub made for an agent, whether
// or not it has ended. CM_EAUTH.
CM_MUSTUSE enum cm_rc hub_authority_check(const struct hub_authority *a, const struct cm_cert *cert,
                                          struct cm_err *err);

// hub_signer is the signer's certificate; borrowed.
struct hub_signer {
    const uint8_t *der;
    size_t size;
    struct cm_sha256 sha256; // of the certificate
};

// hub_authority_sign signs with the signer's key, and tells whose that is.
size_t hub_authority_sign(const struct hub_authority *a, const void *bytes, size_t size,
                          uint8_t out[CM_SIGNATURE_MAX], struct hub_signer *out_signer);

// hub_authority_cluster_id reads the id out of an agent's URI name if it is one of this hub, else
// returns NULL. The result points into `uri`.
const char *hub_authority_cluster_id(const struct hub_authority *a, const char *uri);

// TLS for the two listeners and (PEM, the caller frees them) for the API's server.
CM_MUSTUSE enum cm_rc hub_authority_link_tls(const struct hub_authority *a,
                                             struct cm_tls_context **out, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_authority_enroll_tls(const struct hub_authority *a,
                                               struct cm_tls_context **out, struct cm_err *err);
// hub_authority_renew_tls makes the two listeners' TLS use what the authority uses now, for
// connections that begin from then on.
CM_MUSTUSE enum cm_rc hub_authority_renew_tls(const struct hub_authority *a,
                                              struct cm_tls_context *link,
                                              struct cm_tls_context *enroll, struct cm_err *err);
void hub_authority_api_tls(const struct hub_authority *a, char **out_key_pem, char **out_chain_pem);
