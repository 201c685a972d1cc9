// audit_log: follows the file that the API server writes its audit log to.
//
// A few times a second a worker reads what is new in it, from the end that it had at the start on.
// The API server renames the file when it is large and begins another one: what is left in the old
// one is read first. A file that was cut is read from its start. A line that is longer than
// KUBE_AUDIT_LINE_MAX, or had begun before the first look, is passed over.
//
// Threads: the loop given at start, which opens the file; reading is the worker's.
#pragma once

struct cm_loop;
struct cm_workers;
struct kube_audit_log;
struct kube_audit_write;

// Called on the loop; what is told is good until it returns.
typedef void (*kube_audit_wrote_fn)(void *ctx, const struct kube_audit_write *write);

// kube_audit_log_start begins to follow a file, which need not be there yet. `path` is copied.
struct kube_audit_log *kube_audit_log_start(struct cm_loop *loop, struct cm_workers *disk,
                                            const char *path, kube_audit_wrote_fn wrote, void *ctx);
// kube_audit_log_stop: nothing is told any more. Free it once the workers have stopped.
void kube_audit_log_stop(struct kube_audit_log *l); // NULL is fine
void kube_audit_log_free(struct kube_audit_log *l); // NULL is fine
