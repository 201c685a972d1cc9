// keyfiles: the files of the hub's keys, for this folder only.
//
// Threads: any; blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/keys.h"
#include "common/tls/trust.h"

#define KEYS_DAY_MS ((int64_t)24 * 3600 * 1000)
#define KEYS_ROOT_LIFE_MS (3650 * KEYS_DAY_MS)
#define KEYS_LIFE_MS (1825 * KEYS_DAY_MS) // of all that a root certifies

// The hub's own certificates begin so much earlier than they are made: its clock may have been
// ahead.
#define KEYS_EARLY_MS (365 * KEYS_DAY_MS)

struct keypair {
    struct cm_key *key; // NULL for a root whose key was taken offline
    struct cm_cert *cert;
    uint8_t *der;
    size_t der_size;
};

void keypair_done(struct keypair *p);

// keypair_load reads NAME.key and NAME.crt. It fails with CM_ENOTFOUND if there is no certificate,
// or it is of another key: making them anew was interrupted. A certificate without a key is fine.
CM_MUSTUSE enum cm_rc keypair_load(const char *dir, const char *name, struct keypair *out,
                                   struct cm_err *err);
CM_MUSTUSE enum cm_rc keypair_save(const char *dir, const char *name, const struct keypair *p,
                                   struct cm_err *err);
bool keypair_belongs(const struct keypair *p); // the key to the certificate

// keypair_certify makes a key and a certificate for it; issuer NULL: by itself. What an issuer
// certifies ends with it at the latest: keys_end_of.
CM_MUSTUSE enum cm_rc keypair_certify(struct keypair *out, struct cm_cert_request *request,
                                      int64_t life_ms, const struct keypair *issuer,
                                      struct cm_err *err);
int64_t keys_end_of(const struct keypair *issuer, int64_t end_ms);

CM_MUSTUSE enum cm_rc keys_read_key(const char *path, struct cm_key **out, struct cm_err *err);

// keys_read_cert reads NAME.crt; CM_ENOTFOUND. keys_write_cert writes it.
CM_MUSTUSE enum cm_rc keys_read_cert(const char *dir, const char *name, struct cm_cert **out,
                                     struct cm_err *err);
CM_MUSTUSE enum cm_rc keys_write_cert(const char *dir, const char *name, const struct cm_cert *cert,
                                      struct cm_err *err);
bool keys_exist(const char *dir, const char *file);
struct cm_cert *keys_copy_cert(const struct cm_cert *cert);

// keys_make makes issuer or signer anew; the issuer's certificate before is kept.
CM_MUSTUSE enum cm_rc keys_make_issuer(const char *dir, const struct keypair *root,
                                       struct keypair *issuer, struct cm_err *err);
CM_MUSTUSE enum cm_rc keys_make_signer(const char *dir, const struct keypair *root,
                                       const char *hub_id, struct keypair *signer,
                                       struct cm_err *err);

// The set of roots that agents shall believe, with its signatures: trust.json. Without the file
// keys_read_trust makes the first set, of the root alone.
struct hub_trust;
CM_MUSTUSE enum cm_rc keys_read_trust(const char *dir, const struct cm_cert *root,
                                      struct hub_trust *out, struct cm_err *err);
CM_MUSTUSE enum cm_rc keys_write_trust(const char *dir, const struct hub_trust *trust,
                                       struct cm_err *err);
void keys_sign_trust(struct hub_trust *trust, const char *hub_id, const struct cm_key *key);
