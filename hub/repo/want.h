// want: which of the references that a server shows a source means.
//
// A branch or tag is its name. Of the tags within a range of versions it is the highest; what is no
// version does not count. A commit need not be at the end of any reference: it is asked for by its
// id, and if the server does not serve ids (libgit2 knows from its capabilities), everything is
// fetched and looked through.
//
// Threads: any; pure.
#pragma once

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/repo/source.h"

struct hub_want {
    git_oid oid;                 // zero: whatever the name turns out to be
    char name[HUB_REPO_REF_MAX]; // of the reference on the server, or a commit's id
    bool by_id;
};

// hub_want_find chooses among the heads. CM_ENOTFOUND says what is there instead.
CM_MUSTUSE enum cm_rc hub_want_find(const struct hub_repo_source *s,
                                    const git_remote_head *const *heads, size_t count,
                                    struct hub_want *out, struct cm_err *err);

// hub_want_text says what is looked for: "branch 'main'"; the caller frees it.
char *hub_want_text(const struct hub_repo_source *s);
