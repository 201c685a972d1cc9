// signature: whether a webhook comes from who knows the secret.
//
//     GitHub  X-Hub-Signature-256: sha256=HEX   HMAC-SHA256 of the body
//     Gitea   X-Gitea-Signature: HEX            the same
//     GitLab  X-Gitlab-Token: TEXT              the secret itself
//
// The body is digested as it arrives and never kept.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct hub_signature;

enum hub_forge { HUB_FORGE_GITHUB, HUB_FORGE_GITLAB, HUB_FORGE_GITEA, HUB_FORGES };

// hub_forge_find tells which forge a name means; HUB_FORGES: none.
enum hub_forge hub_forge_find(const char *name);

// hub_forge_header is the name of the header with the signature.
const char *hub_forge_header(enum hub_forge forge);

// hub_signature_begin starts a check. The secret is not kept beyond hub_signature_end.
struct hub_signature *hub_signature_begin(enum hub_forge forge, const char *secret);
void hub_signature_add(struct hub_signature *s, const void *bytes, size_t size);

// hub_signature_end frees s (NULL is fine) and tells whether the header's value, which may be NULL,
// is right for what was added. It takes the same time for every wrong value of the right form.
bool hub_signature_end(struct hub_signature *s, const char *value);
