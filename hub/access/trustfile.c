// trustfile.c: the set of roots that agents shall believe, as a file.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/access/keyfiles.h"

#define FILE_MAX ((size_t)64 * 1024)

void hub_trust_done(struct hub_trust *t) {
    cm_trust_done(&t->set);
    *t = (struct hub_trust){0};
}

static enum cm_rc add_root(struct hub_trust *t, const struct cm_json *node, struct cm_err *err) {
    const char *pem = cm_json_string(node);
    struct cm_cert *root = NULL;

    if (pem == NULL) {
        return cm_fail(err, CM_EINVAL, "a root is no text");
    }
    enum cm_rc rc = cm_cert_from_pem(pem, strlen(pem), &root, err);
    return rc < 0 ? rc : cm_trust_add(&t->set, root, err);
}

static enum cm_rc add_signature(struct hub_trust *t, const struct cm_json *node,
                                struct cm_err *err) {
    const char *text = cm_json_string(node);
    CM_AUTOFREE uint8_t *bytes = NULL;
    size_t size = 0;

    if (text == NULL || t->signature_count == CM_TRUST_ROOTS_MAX ||
        !cm_base64_decode(text, strlen(text), &bytes, &size) || size > CM_SIGNATURE_MAX) {
        return cm_fail(err, CM_EINVAL, "a signature is malformed");
    }
    memcpy(t->signatures[t->signature_count].bytes, bytes, size);
    t->signatures[t->signature_count++].size = size;
    return CM_OK;
}

static enum cm_rc add_each(struct hub_trust *t, const struct cm_json *list,
                           enum cm_rc (*add)(struct hub_trust *, const struct cm_json *,
                                             struct cm_err *),
                           struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (const struct cm_json *at = list == NULL ? NULL : list->first; rc == CM_OK && at != NULL;
         at = at->next) {
        rc = add(t, at, err);
    }
    return rc;
}

static enum cm_rc parse(const struct cm_buf *text, struct hub_trust *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = NULL;
    enum cm_rc rc = cm_json_parse(a, (const char *)text->data, text->size, NULL, &o, err);

    if (rc < 0) {
        return rc;
    }
    int64_t version = cm_json_int(cm_json_get(o, "version"), 0);
    rc = add_each(out, cm_json_get(o, "roots"), add_root, err);
    rc = rc < 0 ? rc : add_each(out, cm_json_get(o, "signatures"), add_signature, err);
    if (rc == CM_OK && (version < 1 || out->set.count == 0)) {
        return cm_fail(err, CM_EINVAL, "it has no version or no root");
    }
    out->set.version = (uint64_t)version;
    return rc;
}

enum cm_rc keys_read_trust(const char *dir, const struct cm_cert *root, struct hub_trust *out,
                           struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/trust.json", dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    enum cm_rc rc = cm_fsys_read(path, FILE_MAX, &text, err);

    if (rc == CM_ENOTFOUND) {
        out->set.version = 1;
        return cm_trust_add(&out->set, keys_copy_cert(root), err);
    }
    rc = rc < 0 ? rc : parse(text, out, err);
    return rc < 0 ? cm_wrap(err, "%s", path) : CM_OK;
}

static struct cm_json *roots_of(struct cm_arena *a, const struct hub_trust *t) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < t->set.count; i++) {
        CM_AUTOFREE char *pem = cm_cert_to_pem(t->set.roots[i]);

        cm_json_append(list, cm_json_new_string(a, pem));
    }
    return list;
}

static struct cm_json *signatures_of(struct cm_arena *a, const struct hub_trust *t) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < t->signature_count; i++) {
        CM_AUTOFREE char *text = cm_base64(t->signatures[i].bytes, t->signatures[i].size);

        cm_json_append(list, cm_json_new_string(a, text));
    }
    return list;
}

enum cm_rc keys_write_trust(const char *dir, const struct hub_trust *trust, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *path = cm_strf("%s/trust.json", dir);
    struct cm_json *o = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};

    cm_json_set_int(a, o, "version", (int64_t)trust->set.version);
    cm_json_set(a, o, "roots", roots_of(a, trust));
    cm_json_set(a, o, "signatures", signatures_of(a, trust));
    cm_json_write_canonical(o, &text);
    CM_AUTOFREE char *owned = cm_str_take(&text);
    return cm_fsys_replace(path, owned, strlen(owned), 0644, err);
}

void keys_sign_trust(struct hub_trust *trust, const char *hub_id, const struct cm_key *key) {
    struct hub_trust_signature *s = &trust->signatures[trust->signature_count++];

    s->size = cm_trust_sign(&trust->set, hub_id, key, s->bytes);
}
