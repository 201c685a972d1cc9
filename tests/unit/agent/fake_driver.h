// fake_driver: a driver whose requests wait until the test says what becomes of them.
//
// Ranks: Namespace 0 (a gate), ConfigMap 1, everything else 2; nothing is precious but Namespaces,
// which take what is in them with them. A Webhook awaits the Deployments of its App.
//
// Threads: the test's.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/driver.h"

struct cm_loop;
struct fake_driver;

struct agent_driver *fake_driver_new(struct cm_loop *loop, struct fake_driver **out);

// fake_pending counts requests that wait; fake_is_pending looks for one of a key.
size_t fake_pending(const struct fake_driver *f);
bool fake_is_pending(const struct fake_driver *f, const char *key);
// fake_object returns the pending request's object, without its bytes, or NULL.
const struct agent_object *fake_object(const struct fake_driver *f, const char *key);
bool fake_is_adopting(const struct fake_driver *f, const char *key); // the pending request does
bool fake_is_anew(const struct fake_driver *f, const char *key);     // it makes the object anew
// fake_account returns in whose name the pending request of a key is done, or NULL.
const char *fake_account(const struct fake_driver *f, const char *key);
bool fake_is_tail(const struct fake_driver *f, const char *key); // it asks for its log
bool fake_is_tracked(const struct fake_driver *f, const char *key);
size_t fake_removes(const struct fake_driver *f); // requests of removal that were ever begun
enum agent_propagation fake_propagation(const struct fake_driver *f); // of the last removal
size_t fake_releases(const struct fake_driver *f);
size_t fake_looks(const struct fake_driver *f); // observations that were ever asked for

// fake_begin has so many of those that wait for their turn begin, the oldest first; it returns how
// many there were. Until then, or until they succeed, nobody reads what they are about.
size_t fake_begin(struct fake_driver *f, size_t count);
// fake_before is the form that the last one that began takes for the one applied last, or NULL.
const char *fake_before(const struct fake_driver *f);

// fake_succeed and fake_fail end the oldest request of a key, or of any if key is NULL; false if
// there is none.
bool fake_succeed(struct fake_driver *f, const char *key);
bool fake_fail(struct fake_driver *f, const char *key, enum cm_rc code, const char *why);
// fake_fail_busy fails it with CM_EBUSY and a pause that the target asks for.
bool fake_fail_busy(struct fake_driver *f, const char *key, int64_t retry_after_ms);

// fake_cancel_all ends all requests with CM_ECANCELED, as stopping does.
void fake_cancel_all(struct fake_driver *f);
