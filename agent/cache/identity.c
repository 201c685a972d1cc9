#include "agent/cache/identity.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"

enum { FILE_MAX = 128 * 1024 };

void agent_identity_done(struct agent_identity *id) {
    cm_key_free(id->key);
    free(id->cluster_id);
    free(id->cluster_name);
    free(id->hub_id);
    for (size_t i = 0; i < id->chain_count; i++) {
        cm_cert_free(id->chain[i]);
    }
    cm_trust_done(&id->trust);
    for (size_t i = 0; i < id->hub_count; i++) {
        free(id->hubs[i]);
    }
    for (size_t i = 0; i < id->enroll_count; i++) {
        free(id->enroll_hubs[i]);
    }
    agent_identity_drop_fresh(id);
    *id = (struct agent_identity){0};
}

// ---- What comes new

void agent_identity_drop_fresh(struct agent_identity *id) {
    for (size_t i = 0; i < id->fresh_count; i++) {
        cm_cert_free(id->fresh[i]);
    }
    id->fresh_count = 0;
}

void agent_identity_use_fresh(struct agent_identity *id, struct cm_key *key) {
    for (size_t i = 0; i < id->chain_count; i++) {
        cm_cert_free(id->chain[i]);
    }
    memcpy(id->chain, id->fresh, sizeof(id->chain));
    id->chain_count = id->fresh_count;
    id->fresh_count = 0;
    if (key != NULL) {
        cm_key_free(id->key);
        id->key = key;
    }
}

char *agent_identity_fresh_text(const struct agent_identity *id, struct cm_key *key) {
    struct agent_identity next = *id; // borrows all of it

    next.key = key;
    memcpy(next.chain, id->fresh, sizeof(next.chain));
    next.chain_count = id->fresh_count;
    return agent_identity_text(&next);
}

char *agent_identity_trust_text(const struct agent_identity *id, const struct cm_trust *trust) {
    struct agent_identity next = *id; // borrows all of it

    next.trust = *trust;
    return agent_identity_text(&next);
}

bool agent_identity_set_enroll_hubs(struct agent_identity *id, char *const *addrs, size_t count) {
    size_t kept = count < AGENT_HUBS_MAX ? count : AGENT_HUBS_MAX;
    bool same = kept == id->enroll_count;

    for (size_t i = 0; same && i < kept; i++) {
        same = strcmp(addrs[i], id->enroll_hubs[i]) == 0;
    }
    if (same || kept == 0) {
        return false;
    }
    for (size_t i = 0; i < id->enroll_count; i++) {
        free(id->enroll_hubs[i]);
    }
    for (id->enroll_count = 0; id->enroll_count < kept; id->enroll_count++) {
        id->enroll_hubs[id->enroll_count] = cm_strdup(addrs[id->enroll_count]);
    }
    return true;
}

// ---- The file

static void set_cert(struct cm_arena *a, struct cm_json *to, const char *key,
                     const struct cm_cert *cert) {
    CM_AUTOFREE char *pem = cm_cert_to_pem(cert);

    if (key != NULL) {
        cm_json_set_string(a, to, key, pem);
    } else {
        cm_json_append(to, cm_json_new_string(a, pem));
    }
}

static void set_addresses(struct cm_arena *a, struct cm_json *to, const char *key,
                          char *const *addrs, size_t count) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(list, cm_json_new_string(a, addrs[i]));
    }
    cm_json_set(a, to, key, list);
}

// The first root stands alone, too: for versions that know only one.
static void set_trust(struct cm_arena *a, struct cm_json *o, const struct cm_trust *t) {
    struct cm_json *roots = cm_json_new(a, CM_ARRAY);

    set_cert(a, o, "root", t->roots[0]);
    for (size_t i = 0; i < t->count; i++) {
        set_cert(a, roots, NULL, t->roots[i]);
    }
    cm_json_set(a, o, "roots", roots);
    cm_json_set_int(a, o, "trust", (int64_t)t->version);
}

static void set_enrolled(struct cm_arena *a, struct cm_json *o, const struct agent_identity *id) {
    struct cm_json *chain = cm_json_new(a, CM_ARRAY);

    cm_json_set_string(a, o, "clusterId", id->cluster_id);
    cm_json_set_string(a, o, "clusterName", id->cluster_name);
    cm_json_set_string(a, o, "hubId", id->hub_id);
    for (size_t i = 0; i < id->chain_count; i++) {
        set_cert(a, chain, NULL, id->chain[i]);
    }
    cm_json_set(a, o, "certificates", chain);
    set_trust(a, o, &id->trust);
    set_addresses(a, o, "hubs", id->hubs, id->hub_count);
    set_addresses(a, o, "enrollHubs", id->enroll_hubs, id->enroll_count);
}

char *agent_identity_text(const struct agent_identity *id) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = cm_json_new(a, CM_OBJECT);
    struct cm_str text = {0};
    char *pem = cm_key_to_pem(id->key);

    cm_json_set_string(a, o, "key", pem);
    if (id->enrolled) {
        set_enrolled(a, o, id);
    }
    cm_json_write_canonical(o, &text);
    cm_secret_free(pem);
    return cm_str_take(&text);
}

static enum cm_rc get_text(const struct cm_json *o, const char *key, char **out,
                           struct cm_err *err) {
    const char *text = cm_json_string(cm_json_get(o, key));

    if (text == NULL || text[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "'%s' is missing", key);
    }
    *out = cm_strdup(text);
    return CM_OK;
}

static enum cm_rc get_cert(const struct cm_json *node, struct cm_cert **out, struct cm_err *err) {
    const char *pem = cm_json_string(node);

    if (pem == NULL) {
        return cm_fail(err, CM_EINVAL, "a certificate is missing");
    }
    return cm_cert_from_pem(pem, strlen(pem), out, err);
}

static enum cm_rc get_chain(const struct cm_json *o, struct agent_identity *id,
                            struct cm_err *err) {
    const struct cm_json *list = cm_json_get(o, "certificates");
    enum cm_rc rc = CM_OK;

    if (list == NULL || list->type != CM_ARRAY || list->count == 0 ||
        list->count > AGENT_CHAIN_MAX) {
        return cm_fail(err, CM_EINVAL, "'certificates' is missing");
    }
    for (const struct cm_json *n = list->first; rc == CM_OK && n != NULL; n = n->next) {
        rc = get_cert(n, &id->chain[id->chain_count], err);
        id->chain_count += rc == CM_OK ? 1 : 0;
    }
    return rc;
}

static enum cm_rc add_root(const struct cm_json *node, struct cm_trust *t, struct cm_err *err) {
    struct cm_cert *root = NULL;
    enum cm_rc rc = get_cert(node, &root, err);

    return rc < 0 ? rc : cm_trust_add(t, root, err);
}

static enum cm_rc get_trust(const struct cm_json *o, struct cm_trust *t, struct cm_err *err) {
    const struct cm_json *roots = cm_json_get(o, "roots");
    int64_t version = cm_json_int(cm_json_get(o, "trust"), 1);
    enum cm_rc rc = CM_OK;

    t->version = version < 1 ? 1 : (uint64_t)version;
    if (roots == NULL || roots->type != CM_ARRAY || roots->count == 0) {
        return add_root(cm_json_get(o, "root"), t, err); // of a version that knew only one
    }
    for (const struct cm_json *n = roots->first; rc == CM_OK && n != NULL; n = n->next) {
        rc = add_root(n, t, err);
    }
    return rc;
}

static size_t get_addresses(const struct cm_json *o, const char *key, char *out[AGENT_HUBS_MAX]) {
    const struct cm_json *list = cm_json_get(o, key);
    const struct cm_json *n = list == NULL ? NULL : list->first;
    size_t count = 0;

    for (; n != NULL && count < AGENT_HUBS_MAX; n = n->next) {
        if (cm_json_string(n) != NULL) {
            out[count++] = cm_strdup(cm_json_string(n));
        }
    }
    return count;
}

static enum cm_rc get_enrolled(const struct cm_json *o, struct agent_identity *id,
                               struct cm_err *err) {
    enum cm_rc rc = get_text(o, "clusterId", &id->cluster_id, err);

    if (rc == CM_OK) {
        rc = get_text(o, "clusterName", &id->cluster_name, err);
    }
    if (rc == CM_OK) {
        rc = get_text(o, "hubId", &id->hub_id, err);
    }
    if (rc == CM_OK) {
        rc = get_chain(o, id, err);
    }
    if (rc == CM_OK) {
        rc = get_trust(o, &id->trust, err);
    }
    id->hub_count = get_addresses(o, "hubs", id->hubs);
    id->enroll_count = get_addresses(o, "enrollHubs", id->enroll_hubs);
    id->enrolled = rc == CM_OK;
    return rc;
}

enum cm_rc agent_identity_parse(const char *text, size_t size, struct agent_identity *out,
                                struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_identity_done) struct agent_identity id = {0};
    struct cm_json *o = NULL;
    enum cm_rc rc = cm_json_parse(a, text, size, NULL, &o, err);

    if (rc < 0) {
        return rc;
    }
    const char *pem = cm_json_string(cm_json_get(o, "key"));
    if (pem == NULL) {
        return cm_fail(err, CM_EINVAL, "'key' is missing");
    }
    rc = cm_key_from_pem(pem, strlen(pem), &id.key, err);
    if (rc == CM_OK && cm_json_get(o, "clusterId") != NULL) {
        rc = get_enrolled(o, &id, err);
    }
    if (rc == CM_OK) {
        *out = id;
        id = (struct agent_identity){0};
    }
    return rc;
}

enum cm_rc agent_identity_load(const char *path, struct agent_identity *out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    enum cm_rc rc = cm_fsys_read(path, FILE_MAX, &text, err);

    if (rc < 0) {
        return rc;
    }
    rc = agent_identity_parse((const char *)text->data, text->size, out, err);
    return rc < 0 ? cm_wrap(err, "%s", path) : CM_OK;
}
