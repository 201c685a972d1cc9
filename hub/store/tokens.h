// tokens: API tokens, by which people and tools show who they are.
//
//     hft_<id: 16 hex digits>_<secret: 64 hex digits>
//
// The database has only the SHA-256 of the secret's 32 random bytes. Such a secret cannot be
// guessed, so a plain digest protects it as well as a slow one would. A token that is no longer
// wanted is expired and its row stays: an id is never used twice.
//
// Threads: making and parsing any; a handle belongs to one thread at a time, and what it does
// blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

#define HUB_CREDENTIAL_ID_MAX 17
#define HUB_CREDENTIAL_TEXT_MAX 86
#define HUB_TOKEN_NAME_MAX 64

enum hub_role { HUB_ROLE_READ, HUB_ROLE_ADMIN };

// What the owner of a token has.
struct hub_credential {
    char id[HUB_CREDENTIAL_ID_MAX];
    uint8_t secret[32];
};

// What the hub has.
struct hub_api_token {
    char id[HUB_CREDENTIAL_ID_MAX];
    char name[HUB_TOKEN_NAME_MAX];
    enum hub_role role;
    struct cm_sha256 secret; // SHA-256 of it
    int64_t expires_ms;      // Unix time; 0: never
    int64_t used_ms;         // 0: not yet
    int64_t made_ms;
    char made_by[HUB_TOKEN_NAME_MAX]; // the name of the token that asked for it; "hub"
};

void hub_credential_make(struct hub_credential *out);
void hub_credential_text(const struct hub_credential *c, char out[HUB_CREDENTIAL_TEXT_MAX]);

// hub_credential_parse tells whether the text is a token, and reads it.
bool hub_credential_parse(const char *text, struct hub_credential *out);

// hub_credential_done wipes the secret.
void hub_credential_done(struct hub_credential *c);

// hub_credential_opens tells whether it belongs to the token, in constant time.
bool hub_credential_opens(const struct hub_credential *c, const struct hub_api_token *token);

// hub_api_tokens_add keeps a new token. CM_EEXISTS: the id is taken.
CM_MUSTUSE enum cm_rc hub_api_tokens_add(struct hub_db *db, const struct hub_api_token *token,
                                         struct cm_err *err);

struct hub_token_order {
    const char *name;
    enum hub_role role;
    int64_t life_ms; // 0: for ever
    const char *made_by;
};

// hub_token_name_ok tells whether a token may have this name: 1 to 63 letters, digits and "-_.@",
// with a letter or digit first.
bool hub_token_name_ok(const char *name);

// hub_api_tokens_make makes a token and keeps it; *out_shown is the only place of its secret, and
// the caller's to wipe. CM_EINVAL: such a name cannot be; CM_EEXISTS: a token that is good has it.
CM_MUSTUSE enum cm_rc hub_api_tokens_make(struct hub_db *db, const struct hub_token_order *order,
                                          int64_t now_ms, struct hub_api_token *out,
                                          struct hub_credential *out_shown, struct cm_err *err);

// hub_api_tokens_revoke ends the token of this id, or else of this name, that is good.
// CM_ENOTFOUND: there is none; CM_EEXISTS: it is the last administrator's, who could then let
// nobody in.
CM_MUSTUSE enum cm_rc hub_api_tokens_revoke(struct hub_db *db, const char *id_or_name,
                                            int64_t now_ms, struct hub_api_token *out,
                                            struct cm_err *err);

// hub_api_tokens_find looks one up by its id, also one that has expired. CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_api_tokens_find(struct hub_db *db, const char *id,
                                          struct hub_api_token *out, struct cm_err *err);

// hub_api_tokens_check lets in who shows this text. It fails with CM_EAUTH, in the same words,
// whether the text is no token, the token is unknown, the secret is wrong or it has expired.
CM_MUSTUSE enum cm_rc hub_api_tokens_check(struct hub_db *db, const char *text, int64_t now_ms,
                                           struct hub_api_token *out, struct cm_err *err);

// hub_api_tokens_used notes when a token was used; an earlier moment than the one on record is
// ignored.
CM_MUSTUSE enum cm_rc hub_api_tokens_used(struct hub_db *db, const char *id, int64_t at_ms,
                                          struct cm_err *err);

// hub_api_tokens_expire ends all tokens of a name that are still good.
CM_MUSTUSE enum cm_rc hub_api_tokens_expire(struct hub_db *db, const char *name, int64_t now_ms,
                                            struct cm_err *err);

// hub_api_tokens_admins counts the tokens with the admin role that are good now.
CM_MUSTUSE enum cm_rc hub_api_tokens_admins(struct hub_db *db, int64_t now_ms, int64_t *out,
                                            struct cm_err *err);
