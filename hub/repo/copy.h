// copy: pushes the branches of a repository of the hub's own to a server, so that others can read
// them there.
//
// A branch only ever moves forward: the server's must be where ours was once, and still be there
// when it moves (a compare and swap, as in push.h). Where months have a history each
// (state_shards.h), their tags go first, and with them the branch to the end of the month that it
// is in. Only once the server shows a tag for where its branch is does that move on to the month
// that runs, which Git calls forced: so all that was there has a name there, also if here it has
// none any more. What is at the server and neither here nor named there is somebody else's, or of a
// repository that was made anew: CM_EEXISTS, and nothing is sent.
//
// Threads: blocks: a worker; one at a time per mirror folder (CM_EBUSY).
#pragma once

#include "hub/repo/source.h"

struct hub_repo_copy {
    const char *from; // the bare repository
    const char *const *branches;
    size_t branch_count; // those that are not there are left out
};

// hub_repo_copy pushes them from a child process (source.h). The job's folder keeps what the child
// needs to speak with the server. *trouble is always set, as in hub_repo_push.
CM_MUSTUSE enum cm_rc hub_repo_copy(const struct hub_repo_source *source,
                                    const struct hub_repo_job *job,
                                    const struct hub_repo_copy *copy,
                                    enum hub_repo_trouble *trouble, struct cm_err *err);
