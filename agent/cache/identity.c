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
    cm_cert_free(id->root);
    for (size_t i = 0; i < id->hub_count; i++) {
        free(id->hubs[i]);
    }
    *id = (struct agent_identity){0};
}

static void set_cert(struct cm_arena *a, struct cm_json *to, const char *key,
                     const struct cm_cert *cert) {
    CM_AUTOFREE char *pem = cm_cert_to_pem(cert);

    if (key != NULL) {
        cm_json_set_string(a, to, key, pem);
    } else {
        cm_json_append(to, cm_json_new_string(a, pem));
    }
}

static void set_enrolled(struct cm_arena *a, struct cm_json *o, const struct agent_identity *id) {
    struct cm_json *chain = cm_json_new(a, CM_ARRAY);
    struct cm_json *hubs = cm_json_new(a, CM_ARRAY);

    cm_json_set_string(a, o, "clusterId", id->cluster_id);
    cm_json_set_string(a, o, "clusterName", id->cluster_name);
    cm_json_set_string(a, o, "hubId", id->hub_id);
    for (size_t i = 0; i < id->chain_count; i++) {
        set_cert(a, chain, NULL, id->chain[i]);
    }
    cm_json_set(a, o, "certificates", chain);
    set_cert(a, o, "root", id->root);
    for (size_t i = 0; i < id->hub_count; i++) {
        cm_json_append(hubs, cm_json_new_string(a, id->hubs[i]));
    }
    cm_json_set(a, o, "hubs", hubs);
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

static void get_hubs(const struct cm_json *o, struct agent_identity *id) {
    const struct cm_json *list = cm_json_get(o, "hubs");
    const struct cm_json *n = list == NULL ? NULL : list->first;

    for (; n != NULL && id->hub_count < AGENT_HUBS_MAX; n = n->next) {
        if (cm_json_string(n) != NULL) {
            id->hubs[id->hub_count++] = cm_strdup(cm_json_string(n));
        }
    }
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
        rc = get_cert(cm_json_get(o, "root"), &id->root, err);
    }
    get_hubs(o, id);
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
    explicit_bzero(text->data, text->size);
    return rc < 0 ? cm_wrap(err, "%s", path) : CM_OK;
}
