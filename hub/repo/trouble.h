// trouble: what libgit2 means when it fails in a fetch.
//
// libgit2 1.5 has few error codes and says the rest in English. Where the words decide, the version
// in Debian 12 was asked, and the integration tests hold us to it; a text that we do not know still
// ends up in the message.
//
// Threads: any; reads libgit2's error of this thread.
#pragma once

#include "common/err.h"
#include "hub/repo/source.h"

// hub_trouble_of tells the kind of a failure that has just happened and fills *err.
enum hub_repo_trouble hub_trouble_of(int failure, struct cm_err *err);
