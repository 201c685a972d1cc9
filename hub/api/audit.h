// audit: who changed what, and from where: an event 'api.changed' for each change.
//
// A change is answered once its event is committed, so whoever got the answer finds it.
//
// Threads: add: the store's; done: the loop.
#pragma once

#include "common/err.h"

struct hub_change;
struct hub_db;

// hub_audit_add adds the event, in the transaction of the change itself where that is the store's.
CM_MUSTUSE enum cm_rc hub_audit_add(struct hub_db *db, const struct hub_change *c,
                                    const char *message, struct cm_err *err);

// hub_audit_log writes the same to the log, once it is done.
void hub_audit_log(const struct hub_change *c, const char *message);

// hub_audit_done adds the event of a change that is done, then answers with `status` and `text`. It
// takes the message and the text.
void hub_audit_done(struct hub_change *c, char *message, unsigned status, char *text);
