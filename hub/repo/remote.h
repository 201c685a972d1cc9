// remote: how the child speaks with a Git server: which server it is, what it gets as a credential,
// how much it may send, and what its failures mean (hub/repo/source.h has the whole).
//
// Threads: the child's only one.
#pragma once

#include <git2.h>
#include <stdint.h>

#include "common/str.h"
#include "hub/repo/exchange.h"
#include "hub/repo/mirror.h"
#include "hub/repo/url.h"

// The first three are the caller's; the rest begins zeroed.
struct hub_remote {
    const struct hub_request *request;
    const struct hub_repo_source *source;
    struct hub_answer *answer; // set by a callback that refuses; libgit2 has no room for reasons
    struct hub_url url;
    struct hub_mirror mirror;
    unsigned asked; // how often for a secret
    uint64_t received_bytes;
    struct cm_str words; // what the server said beside its answer, cut
};

// hub_remote_open takes the mirror's lock, opens its repository, which the caller frees, and
// prepares libgit2 for the kind of address. Nothing goes out yet.
CM_MUSTUSE enum cm_rc hub_remote_open(struct hub_remote *r, git_repository **out,
                                      struct cm_err *err);
void hub_remote_close(struct hub_remote *r);

// The failures of the next three are in r->answer. check_address holds the host against the policy
// before anything is sent.
CM_MUSTUSE enum cm_rc hub_remote_check_address(struct hub_remote *r);
CM_MUSTUSE enum cm_rc hub_remote_connect(struct hub_remote *r, git_remote *remote,
                                         git_direction direction);

// hub_remote_explain turns libgit2's failure into trouble and words, unless a callback has done so.
enum cm_rc hub_remote_explain(struct hub_remote *r, int failure);

git_remote_callbacks hub_remote_callbacks(struct hub_remote *r);

// hub_remote_said gives the first line that the server said, but for how far it is, as printable
// text; the caller frees it.
char *hub_remote_said(const struct hub_remote *r);
