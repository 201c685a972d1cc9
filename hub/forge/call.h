// call: asks a provider of pull requests something, and waits for the answer.
//
// Each call has a deadline, an answer is at most 4 MiB, redirects are not followed, and the peer is
// checked against the system's authorities or those of the given file. Where a provider says for
// how long it wants to be left alone (Retry-After) nothing more is asked until then.
//
// Threads: one at a time. Calls block: a worker.
#pragma once

#include "hub/forge/forge.h"

struct hub_forge;

struct hub_forge_config {
    struct hub_forge_project project; // copied
    const char *token;                // copied
    const char *ca_file;              // PEM; NULL: the system's
    int cancel_fd;                    // readable: give up at once with CM_ECANCELED; -1: none
};

// hub_forge_new fails with CM_EINVAL if the API's URL is none, or the file cannot be read.
CM_MUSTUSE enum cm_rc hub_forge_new(const struct hub_forge_config *config, struct hub_forge **out,
                                    struct cm_err *err);
void hub_forge_free(struct hub_forge *f); // NULL is fine

// hub_forge_call fails as hub_forge_answer_read does; CM_EBUSY with *wait_ms (may be NULL): after
// so long it is worth another try, 0 if that was not said. CM_EIO, CM_EAUTH: it was not reached.
CM_MUSTUSE enum cm_rc hub_forge_call(struct hub_forge *f, const struct hub_forge_ask *ask,
                                     struct hub_forge_answer *out, int64_t *wait_ms,
                                     struct cm_err *err);

// hub_forge_find_newest looks for the newest one, whatever became of it.
CM_MUSTUSE enum cm_rc hub_forge_find_newest(struct hub_forge *f, const char *branch,
                                            const char *base, struct hub_forge_pull *out,
                                            int64_t *wait_ms, struct cm_err *err);

// hub_forge_find_open looks through the pages for the open pull request of a branch; its state is
// missing if there is none.
CM_MUSTUSE enum cm_rc hub_forge_find_open(struct hub_forge *f, const char *branch, const char *base,
                                          struct hub_forge_pull *out, int64_t *wait_ms,
                                          struct cm_err *err);
