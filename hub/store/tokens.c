#include "hub/store/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

#define PREFIX "hft_"

enum {
    PREFIX_LEN = sizeof(PREFIX) - 1,
    ID_LEN = HUB_CREDENTIAL_ID_MAX - 1,
    SECRET_AT = PREFIX_LEN + ID_LEN + 1,
    TEXT_LEN = HUB_CREDENTIAL_TEXT_MAX - 1,
};

_Static_assert(SECRET_AT + 64 == TEXT_LEN, "a token's text is as long as its parts");

static const char hex_digits[] = "0123456789abcdef";

// ---- Texts

void hub_credential_make(struct hub_credential *out) {
    uint8_t id[ID_LEN / 2];

    cm_random(id, sizeof(id));
    cm_random(out->secret, sizeof(out->secret));
    CM_AUTOFREE char *hex = cm_hex(id, sizeof(id));
    memcpy(out->id, hex, sizeof(out->id));
}

void hub_credential_text(const struct hub_credential *c, char out[HUB_CREDENTIAL_TEXT_MAX]) {
    char hex[2 * sizeof(c->secret) + 1];

    for (size_t i = 0; i < sizeof(c->secret); i++) {
        hex[2 * i] = hex_digits[c->secret[i] >> 4];
        hex[2 * i + 1] = hex_digits[c->secret[i] & 15];
    }
    hex[sizeof(hex) - 1] = '\0';
    (void)snprintf(out, HUB_CREDENTIAL_TEXT_MAX, PREFIX "%s_%s", c->id, hex);
    explicit_bzero(hex, sizeof(hex));
}

bool hub_credential_parse(const char *text, struct hub_credential *out) {
    const char *id = text + PREFIX_LEN;

    if (strnlen(text, TEXT_LEN + 1) != TEXT_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
        strspn(id, hex_digits) != ID_LEN || text[SECRET_AT - 1] != '_' ||
        strspn(text + SECRET_AT, hex_digits) != 2 * sizeof(out->secret)) {
        return false;
    }
    memcpy(out->id, id, ID_LEN);
    out->id[ID_LEN] = '\0';
    return cm_hex_decode(text + SECRET_AT, out->secret, sizeof(out->secret));
}

void hub_credential_done(struct hub_credential *c) {
    explicit_bzero(c, sizeof(*c));
}

bool hub_credential_opens(const struct hub_credential *c, const struct hub_api_token *token) {
    struct cm_sha256 shown = cm_sha256(c->secret, sizeof(c->secret));

    return cm_equal_secret(shown.bytes, token->secret.bytes, sizeof(shown.bytes));
}

// ---- Rows

static const char *name_of(enum hub_role role) {
    return role == HUB_ROLE_ADMIN ? "admin" : "read";
}

enum cm_rc hub_api_tokens_add(struct hub_db *db, const struct hub_api_token *token,
                              struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO api_token (id, name, role, secret, expires_ms, made_ms, made_by)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      "tttbiit", token->id, token->name, name_of(token->role), token->secret.bytes,
                      sizeof(token->secret.bytes), token->expires_ms, token->made_ms,
                      token->made_by);
}

static enum cm_rc read_token(struct hub_stmt *stmt, const char *id, struct hub_api_token *out,
                             struct cm_err *err) {
    struct hub_api_token token = {
        .role = strcmp(hub_stmt_text(stmt, 1), "admin") == 0 ? HUB_ROLE_ADMIN : HUB_ROLE_READ,
        .expires_ms = hub_stmt_int(stmt, 3),
        .used_ms = hub_stmt_int(stmt, 4),
        .made_ms = hub_stmt_int(stmt, 5),
    };
    size_t size;
    const void *secret = hub_stmt_blob(stmt, 2, &size);

    if (size != sizeof(token.secret.bytes)) {
        return cm_fail(err, CM_EIO, "database: the API token %s is damaged", id);
    }
    memcpy(token.secret.bytes, secret, size);
    (void)snprintf(token.id, sizeof(token.id), "%s", id);
    (void)snprintf(token.name, sizeof(token.name), "%s", hub_stmt_text(stmt, 0));
    (void)snprintf(token.made_by, sizeof(token.made_by), "%s", hub_stmt_text(stmt, 6));
    *out = token;
    return CM_OK;
}

enum cm_rc hub_api_tokens_find(struct hub_db *db, const char *id, struct hub_api_token *out,
                               struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT name, role, secret, expires_ms, used_ms, made_ms, made_by FROM api_token"
        " WHERE id = ?1",
        "t", id);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return cm_fail(err, rc, "no API token has the id %.20s", id);
    }
    return rc < 0 ? rc : read_token(stmt, id, out, err);
}

static enum cm_rc fail_check(struct cm_err *err) {
    return cm_fail(err, CM_EAUTH, "the API token is not valid (unknown, wrong or expired)");
}

enum cm_rc hub_api_tokens_check(struct hub_db *db, const char *text, int64_t now_ms,
                                struct hub_api_token *out, struct cm_err *err) {
    CM_CLEANUP(hub_credential_done) struct hub_credential shown = {0};
    struct hub_api_token token;
    enum cm_rc rc = CM_OK;

    if (!hub_credential_parse(text, &shown)) {
        return fail_check(err);
    }
    rc = hub_api_tokens_find(db, shown.id, &token, err);
    if (rc < 0) {
        return rc == CM_ENOTFOUND ? fail_check(err) : rc;
    }
    if (!hub_credential_opens(&shown, &token) ||
        (token.expires_ms != 0 && token.expires_ms <= now_ms)) {
        return fail_check(err);
    }
    *out = token;
    return CM_OK;
}

// ---- Making and revoking

bool hub_token_name_ok(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strnlen(name, HUB_TOKEN_NAME_MAX);

    return len > 0 && len < HUB_TOKEN_NAME_MAX && strchr(letters, name[0]) != NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@") ==
               len;
}

// The id of the good token that this id, or else this name, means; "" if there is none.
static enum cm_rc find_good(struct hub_db *db, const char *id_or_name, int64_t now_ms,
                            char out_id[HUB_CREDENTIAL_ID_MAX], struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT id FROM api_token WHERE (id = ?1 OR name = ?1)"
                                 " AND (expires_ms = 0 OR expires_ms > ?2)"
                                 " ORDER BY id = ?1 DESC LIMIT 1",
                                 "ti", id_or_name, now_ms);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    (void)snprintf(out_id, HUB_CREDENTIAL_ID_MAX, "%s", rc == CM_OK ? hub_stmt_text(stmt, 0) : "");
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc check_name(struct hub_db *db, const char *name, int64_t now_ms,
                             struct cm_err *err) {
    char id[HUB_CREDENTIAL_ID_MAX];

    if (!hub_token_name_ok(name)) {
        return cm_fail(err, CM_EINVAL,
                       "name: '%.80s' cannot name a token; use 1 to %d letters, digits, '-', '_', "
                       "'.' and '@', with a letter or digit first",
                       name, HUB_TOKEN_NAME_MAX - 1);
    }
    if (find_good(db, name, now_ms, id, err) < 0) {
        return err->code;
    }
    return id[0] == '\0' ? CM_OK
                         : cm_fail(err, CM_EEXISTS,
                                   "an API token named '%s' is in use; revoke it first or take "
                                   "another name",
                                   name);
}

enum cm_rc hub_api_tokens_make(struct hub_db *db, const struct hub_token_order *order,
                               int64_t now_ms, struct hub_api_token *out,
                               struct hub_credential *out_shown, struct cm_err *err) {
    CM_CLEANUP(hub_credential_done) struct hub_credential c;
    struct hub_api_token token = {.role = order->role,
                                  .expires_ms = order->life_ms == 0 ? 0 : now_ms + order->life_ms,
                                  .made_ms = now_ms};

    hub_credential_make(&c);
    if (check_name(db, order->name, now_ms, err) < 0) {
        return err->code;
    }
    token.secret = cm_sha256(c.secret, sizeof(c.secret));
    memcpy(token.id, c.id, sizeof(token.id));
    (void)snprintf(token.name, sizeof(token.name), "%s", order->name);
    (void)snprintf(token.made_by, sizeof(token.made_by), "%s", order->made_by);
    if (hub_api_tokens_add(db, &token, err) < 0) {
        return err->code;
    }
    *out = token;
    *out_shown = c;
    return CM_OK;
}

static enum cm_rc check_not_last(struct hub_db *db, const struct hub_api_token *token,
                                 int64_t now_ms, struct cm_err *err) {
    int64_t admins = 0;

    if (token->role != HUB_ROLE_ADMIN) {
        return CM_OK;
    }
    enum cm_rc rc = hub_api_tokens_admins(db, now_ms, &admins, err);
    return rc < 0 || admins > 1
               ? rc
               : cm_fail(err, CM_EEXISTS,
                         "'%s' is the last API token with the role admin; make another one first",
                         token->name);
}

enum cm_rc hub_api_tokens_revoke(struct hub_db *db, const char *id_or_name, int64_t now_ms,
                                 struct hub_api_token *out, struct cm_err *err) {
    char id[HUB_CREDENTIAL_ID_MAX];
    struct hub_api_token token;
    enum cm_rc rc = find_good(db, id_or_name, now_ms, id, err);

    if (rc == CM_OK && id[0] == '\0') {
        return cm_fail(err, CM_ENOTFOUND, "no API token that is good is named '%.80s'", id_or_name);
    }
    rc = rc < 0 ? rc : hub_api_tokens_find(db, id, &token, err);
    rc = rc < 0 ? rc : check_not_last(db, &token, now_ms, err);
    rc = rc < 0 ? rc
                : hub_db_run(db, err, "UPDATE api_token SET expires_ms = ?2 WHERE id = ?1", "ti",
                             id, now_ms);
    if (rc == CM_OK) {
        *out = token;
    }
    return rc;
}

enum cm_rc hub_api_tokens_used(struct hub_db *db, const char *id, int64_t at_ms,
                               struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE api_token SET used_ms = max(used_ms, ?2) WHERE id = ?1",
                      "ti", id, at_ms);
}

enum cm_rc hub_api_tokens_expire(struct hub_db *db, const char *name, int64_t now_ms,
                                 struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE api_token SET expires_ms = ?2 WHERE name = ?1"
                      " AND (expires_ms = 0 OR expires_ms > ?2)",
                      "ti", name, now_ms);
}

enum cm_rc hub_api_tokens_admins(struct hub_db *db, int64_t now_ms, int64_t *out,
                                 struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT count(*) FROM api_token WHERE role = 'admin'"
                                 " AND (expires_ms = 0 OR expires_ms > ?1)",
                                 "i", now_ms);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}
