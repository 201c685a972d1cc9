// rotate.c: issuer, signer and root made anew by hand, in the folder of a hub that may be running.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/access/keyfiles.h"

// What a step works on.
struct folder {
    const char *dir;
    char hub_id[CM_UUID_MAX];
    struct keypair root;
    struct keypair next;
    struct hub_trust trust;
};

static void folder_done(struct folder *f) {
    keypair_done(&f->root);
    keypair_done(&f->next);
    hub_trust_done(&f->trust);
}

static enum cm_rc read_id(struct folder *f, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/hub.id", f->dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *id = NULL;
    enum cm_rc rc = cm_fsys_read(path, CM_UUID_MAX - 1, &id, err);

    if (rc == CM_OK) {
        memcpy(f->hub_id, id->data, id->size);
    }
    return rc;
}

// take_key puts the key of a file in the place of what was loaded.
static enum cm_rc take_key(struct keypair *p, const char *path, const char *whose,
                           const char *command, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    if (path != NULL) {
        cm_key_free(p->key);
        p->key = NULL;
        rc = keys_read_key(path, &p->key, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (p->key == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "the key of the %s is offline; say where it is: holdfast-hub %s", whose,
                       command);
    }
    return keypair_belongs(p)
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "%s is the key of another root", path == NULL ? "" : path);
}

static enum cm_rc open_folder(struct folder *f, const char *dir, struct cm_err *err) {
    f->dir = dir;
    enum cm_rc rc = read_id(f, err);

    rc = rc < 0 ? rc : keypair_load(dir, "root", &f->root, err);
    return rc < 0 ? rc : keys_read_trust(dir, f->root.cert, &f->trust, err);
}

// read_trust reads the root and the set, also where `finish` was interrupted between the two files
// of the root.
static enum cm_rc read_trust(struct folder *f, struct cm_err *err) {
    enum cm_rc rc = keypair_load(f->dir, "root", &f->root, err);

    rc = rc == CM_ENOTFOUND && f->root.cert != NULL ? CM_OK : rc;
    return rc < 0 ? rc : keys_read_trust(f->dir, f->root.cert, &f->trust, err);
}

static bool is_same(const struct cm_cert *a, const struct cm_cert *b) {
    struct cm_sha256 x = cm_cert_key_sha256(a);
    struct cm_sha256 y = cm_cert_key_sha256(b);

    return cm_sha256_equal(&x, &y);
}

static bool is_believed(const struct folder *f, const struct cm_cert *root) {
    for (size_t i = 0; i < f->trust.set.count; i++) {
        if (is_same(f->trust.set.roots[i], root)) {
            return true;
        }
    }
    return false;
}

static enum cm_rc remove_file(const char *dir, const char *name, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", dir, name);

    return unlink(path) == 0 || !keys_exist(dir, name)
               ? CM_OK
               : cm_fail(err, CM_EIO, "cannot remove '%s'", path);
}

// ---- Issuer and signer

static enum cm_rc make_issuer(const struct folder *f, const struct keypair *root,
                              struct cm_err *err) {
    struct keypair issuer = {0};
    enum cm_rc rc = keypair_load(f->dir, "issuer", &issuer, err);

    rc = rc == CM_ENOTFOUND ? CM_OK : rc;
    rc = rc < 0 ? rc : keys_make_issuer(f->dir, root, &issuer, err);
    keypair_done(&issuer);
    return rc;
}

static enum cm_rc make_signer(const struct folder *f, const struct keypair *root,
                              struct cm_err *err) {
    struct keypair signer = {0};
    enum cm_rc rc = keys_make_signer(f->dir, root, f->hub_id, &signer, err);

    keypair_done(&signer);
    return rc;
}

enum cm_rc hub_authority_rotate(const char *dir, const char *root_key, struct cm_err *err) {
    CM_CLEANUP(folder_done) struct folder f = {0};
    enum cm_rc rc = open_folder(&f, dir, err);

    rc = rc < 0 ? rc : take_key(&f.root, root_key, "root", "rotate ROOT-KEY", err);
    rc = rc < 0 ? rc : make_issuer(&f, &f.root, err);
    rc = rc < 0 ? rc : make_signer(&f, &f.root, err);
    return rc < 0 ? cm_wrap(err, "rotate the hub's issuer and signer") : CM_OK;
}

// ---- The root

// Roots have names of their own, so that it is seen which certified what.
static enum cm_rc make_next(struct folder *f, struct cm_err *err) {
    uint8_t random[4];
    char name[32];
    struct cm_cert_request request = {.use = CM_CERT_ROOT, .common_name = name};

    cm_random(random, sizeof(random));
    CM_AUTOFREE char *hex = cm_hex(random, sizeof(random));
    (void)snprintf(name, sizeof(name), "holdfast root %s", hex);
    enum cm_rc rc = keypair_certify(&f->next, &request, KEYS_ROOT_LIFE_MS, NULL, err);
    return rc < 0 ? rc : keypair_save(f->dir, "root.next", &f->next, err);
}

static enum cm_rc make_cross(const struct folder *f, struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cross = NULL;
    enum cm_rc rc =
        cm_cert_cross(f->next.cert, f->next.key, f->root.cert, f->root.key, &cross, err);

    return rc < 0 ? rc : keys_write_cert(f->dir, "root.next.cross", cross, err);
}

static enum cm_rc announce(struct folder *f, struct cm_err *err) {
    enum cm_rc rc = cm_trust_add(&f->trust.set, keys_copy_cert(f->next.cert), err);

    if (rc < 0) {
        return rc;
    }
    f->trust.set.version++;
    f->trust.signature_count = 0;
    keys_sign_trust(&f->trust, f->hub_id, f->root.key);
    return keys_write_trust(f->dir, &f->trust, err);
}

enum cm_rc hub_authority_root_begin(const char *dir, const char *key, struct cm_err *err) {
    CM_CLEANUP(folder_done) struct folder f = {0};
    enum cm_rc rc = open_folder(&f, dir, err);

    rc = rc < 0 ? rc : take_key(&f.root, key, "root", "rotate-root begin ROOT-KEY", err);
    if (rc == CM_OK && f.trust.set.count > 1) {
        return cm_fail(err, CM_EINVAL,
                       "agents are told of two roots already; go on with 'holdfast-hub "
                       "rotate-root finish' or 'drop'");
    }
    rc = rc < 0 ? rc : make_next(&f, err);
    rc = rc < 0 ? rc : make_cross(&f, err);
    rc = rc < 0 ? rc : announce(&f, err);
    return rc < 0 ? cm_wrap(err, "announce a new root") : CM_OK;
}

// What is in use becomes what was before; its key only if it is here.
static enum cm_rc keep_before(const struct folder *f, struct cm_err *err) {
    struct keypair before = f->root;

    if (is_same(f->root.cert, f->next.cert)) {
        return CM_OK; // the step is done again
    }
    if (before.key != NULL && !keypair_belongs(&before)) {
        before.key = NULL;
    }
    return keypair_save(f->dir, "root.before", &before, err);
}

// The set is signed by the next root, too: for agents that enroll under it.
static enum cm_rc sign_anew(struct folder *f, struct cm_err *err) {
    if (f->trust.signature_count > 1) {
        return CM_OK; // the step is done again
    }
    keys_sign_trust(&f->trust, f->hub_id, f->next.key);
    return keys_write_trust(f->dir, &f->trust, err);
}

// is_under tells whether a key that is there is certified by the next root: it was made before the
// step was interrupted. An issuer that is made once more would push out the one before the first.
static bool is_under(const struct folder *f, const char *name, enum cm_cert_use use) {
    struct keypair p = {0};
    struct cm_err err;
    bool under = keypair_load(f->dir, name, &p, &err) == CM_OK && p.key != NULL &&
                 cm_cert_verify(p.cert, use, NULL, 0, f->next.cert, cm_cert_not_before_ms(p.cert),
                                &err) == CM_OK;

    keypair_done(&p);
    return under;
}

static enum cm_rc use_next(struct folder *f, struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cross = NULL;
    enum cm_rc rc = sign_anew(f, err);

    rc = rc < 0 ? rc : keep_before(f, err);

    rc = rc < 0 ? rc : keys_read_cert(f->dir, "root.next.cross", &cross, err);
    rc = rc < 0 ? rc : keys_write_cert(f->dir, "root.cross", cross, err);
    rc = rc < 0 ? rc : keypair_save(f->dir, "root", &f->next, err);
    rc = rc < 0 || is_under(f, "issuer", CM_CERT_ISSUER) ? rc : make_issuer(f, &f->next, err);
    rc = rc < 0 || is_under(f, "signer", CM_CERT_SIGNER) ? rc : make_signer(f, &f->next, err);
    rc = rc < 0 ? rc : remove_file(f->dir, "root.next.crt", err); // with it the step is done
    rc = rc < 0 ? rc : remove_file(f->dir, "root.next.cross.crt", err);
    return rc < 0 ? rc : remove_file(f->dir, "root.next.key", err);
}

enum cm_rc hub_authority_root_finish(const char *dir, const char *key, struct cm_err *err) {
    CM_CLEANUP(folder_done) struct folder f = {.dir = dir};
    enum cm_rc rc = keypair_load(dir, "root.next", &f.next, err);

    if (rc == CM_ENOTFOUND) {
        return cm_fail(err, CM_EINVAL,
                       "there is no next root; begin with 'holdfast-hub rotate-root begin'");
    }
    rc = rc < 0 ? rc : read_id(&f, err);
    rc = rc < 0 ? rc : take_key(&f.next, key, "next root", "rotate-root finish ROOT-KEY", err);
    rc = rc < 0 ? rc : read_trust(&f, err);
    if (rc == CM_OK && !is_believed(&f, f.next.cert)) {
        return cm_fail(err, CM_EINVAL,
                       "agents are not told of the next root; run 'holdfast-hub rotate-root "
                       "begin' once more");
    }
    rc = rc < 0 ? rc : use_next(&f, err);
    return rc < 0 ? cm_wrap(err, "use the new root") : CM_OK;
}

// keep_only leaves the root in use alone in the set.
static enum cm_rc keep_only(struct folder *f, const struct cm_key *before, struct cm_err *err) {
    struct hub_trust only = {.set = {.version = f->trust.set.version + 1}};
    enum cm_rc rc = cm_trust_add(&only.set, keys_copy_cert(f->root.cert), err);

    if (rc == CM_OK) {
        keys_sign_trust(&only, f->hub_id, f->root.key);
        if (before != NULL) {
            keys_sign_trust(&only, f->hub_id, before);
        }
        rc = keys_write_trust(f->dir, &only, err);
    }
    hub_trust_done(&only);
    return rc;
}

static enum cm_rc load_before(const char *dir, const char *key, struct keypair *out,
                              struct cm_err *err) {
    enum cm_rc rc = keypair_load(dir, "root.before", out, err);

    if (rc == CM_OK && key != NULL) {
        rc = take_key(out, key, "root before", "rotate-root drop ROOT-KEY", err);
    }
    return rc;
}

enum cm_rc hub_authority_root_drop(const char *dir, const char *key, struct cm_err *err) {
    CM_CLEANUP(folder_done) struct folder f = {0};
    struct keypair before = {0};
    enum cm_rc rc = open_folder(&f, dir, err);

    if (rc == CM_OK && f.trust.set.count < 2 && keys_exist(dir, "root.before.key")) {
        return remove_file(dir, "root.before.key", err); // the step was interrupted
    }
    if (rc == CM_OK && (f.trust.set.count < 2 || keys_exist(dir, "root.next.crt"))) {
        return cm_fail(err, CM_EINVAL,
                       "there is no root that could be dropped; see 'holdfast-hub rotate-root "
                       "begin' and 'finish'");
    }
    rc = rc < 0 ? rc : take_key(&f.root, NULL, "root", "is run with root.key in its folder", err);
    rc = rc < 0 ? rc : load_before(dir, key, &before, err);
    rc = rc < 0 ? rc : keep_only(&f, before.key, err);
    rc = rc < 0 ? rc : remove_file(dir, "root.before.key", err);
    keypair_done(&before);
    return rc < 0 ? cm_wrap(err, "drop the root before") : CM_OK;
}

// made_under_ms tells when an issuer was made, if that was under this root; else 0.
static int64_t made_under_ms(const char *dir, const char *name, const struct cm_cert *root) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *issuer = NULL;
    struct cm_err err;

    if (keys_read_cert(dir, name, &issuer, &err) < 0) {
        return 0;
    }
    int64_t begins_ms = cm_cert_not_before_ms(issuer);
    return cm_cert_verify(issuer, CM_CERT_ISSUER, NULL, 0, root, begins_ms, &err) == CM_OK
               ? begins_ms + KEYS_EARLY_MS
               : 0;
}

enum cm_rc hub_authority_root_since_ms(const char *dir, struct cm_sha256 *out_root, int64_t *out_ms,
                                       struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *root = NULL;
    CM_CLEANUP(cm_cert_freep) struct cm_cert *next = NULL;
    struct cm_err none;
    enum cm_rc rc = keys_read_cert(dir, "root", &root, err);

    if (rc < 0) {
        return rc;
    }
    *out_root = cm_cert_key_sha256(root);
    *out_ms = 0;
    bool over = keys_read_cert(dir, "root.next", &next, &none) < 0 || !is_same(root, next);
    if (over && keys_exist(dir, "root.before.crt")) {
        int64_t first_ms = made_under_ms(dir, "issuer.before", root);

        *out_ms = first_ms > 0 ? first_ms : made_under_ms(dir, "issuer", root);
    }
    return CM_OK;
}

enum cm_rc hub_authority_read_trust(const char *dir, struct hub_trust *out, struct cm_err *err) {
    CM_CLEANUP(folder_done) struct folder f = {.dir = dir};
    enum cm_rc rc = read_trust(&f, err);

    if (rc == CM_OK) {
        *out = f.trust;
        f.trust = (struct hub_trust){0};
    }
    return rc;
}
