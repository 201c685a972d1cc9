// child: the process in which a repository is fetched (hub/repo/source.h says why).
//
// Threads: it has one.
#pragma once

#include "hub/repo/exchange.h"

// hub_child_fetch does the fetch and fills the answer, words for its failure included.
void hub_child_fetch(const struct hub_request *request, struct hub_answer *answer);

// hub_child_send does a push (hub/repo/push.h).
void hub_child_send(const struct hub_request *request, struct hub_answer *answer);

// hub_child_copy does a copy (hub/repo/copy.h).
void hub_child_copy(const struct hub_request *request, struct hub_answer *answer);

// hub_child_alive says that the peer did something: its silence is counted from now on. It needs
// hub_child_listen, which sets how long it may last; 0 ends the counting.
void hub_child_listen(int64_t silence_ms);
void hub_child_alive(void);
