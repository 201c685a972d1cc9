// exchange: what a fetch's parent and child tell each other, as JSON over a socket.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "hub/repo/copy.h"
#include "hub/repo/push.h"
#include "hub/repo/source.h"

struct cm_arena;

#define HUB_REPO_CHILD_FLAG "--git-fetch-child"
#define HUB_EXCHANGE_MAX (32U << 20) // bytes of either text: what is pushed, with escapes

enum hub_request_verb {
    HUB_REQUEST_FETCH,
    HUB_REQUEST_COMPACT,
    HUB_REQUEST_PUSH,
    HUB_REQUEST_MERGE,
    HUB_REQUEST_COPY,
    HUB_REQUEST_PRUNE,
};

struct hub_request {
    enum hub_request_verb verb;
    pid_t parent;
    const char *folder;
    struct hub_repo_source source; // empty unless it is a fetch; known_hosts_file has been read
    struct hub_repo_limits limits;
    const struct hub_repo_push *push; // HUB_REQUEST_PUSH only
    const struct hub_repo_copy *copy; // HUB_REQUEST_COPY only
};

struct hub_answer {
    enum hub_repo_trouble trouble;
    struct cm_err err;               // code CM_OK: `fetched` is good
    struct hub_repo_fetched fetched; // of a push `commit` only
    size_t made;                     // commits of a push
};

struct cm_json;

// hub_exchange_put_text adds a text, unless it is NULL. It is not copied: it may be a secret, or
// large.
void hub_exchange_put_text(struct cm_arena *a, struct cm_json *object, const char *key,
                           const char *text);
void hub_exchange_put_id(struct cm_arena *a, struct cm_json *object, const char *key,
                         const struct hub_repo_id *id);
bool hub_exchange_id(const struct cm_json *object, const char *key, struct hub_repo_id *out);

// hub_push_write and hub_push_read are their part of it; read: all is in the arena.
struct cm_json *hub_push_write(struct cm_arena *a, const struct hub_repo_push *push);
CM_MUSTUSE enum cm_rc hub_push_read(struct cm_arena *a, const struct cm_json *node,
                                    struct hub_repo_push *out, struct cm_err *err);

// hub_request_write returns a text that holds secrets: cm_secret_free it.
char *hub_request_write(const struct hub_request *request);
// hub_request_read: strings are in the arena.
CM_MUSTUSE enum cm_rc hub_request_read(struct cm_arena *a, const char *text, size_t size,
                                       struct hub_request *out, struct cm_err *err);

char *hub_answer_write(const struct hub_answer *answer); // the caller frees it
CM_MUSTUSE enum cm_rc hub_answer_read(const char *text, size_t size, struct hub_answer *out,
                                      struct cm_err *err);
