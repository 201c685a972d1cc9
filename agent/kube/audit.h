// audit: who wrote what, as the API server's audit log says.
//
// managedFields name a manager, and anybody may call himself what he likes. The audit log names the
// user that the API server let in. A line of it is one request: what it wrote, under which
// manager's name, when. A book keeps the last writes of objects that somebody asks for, and finds
// the one that set a field: by object, manager and time.
//
// A manager has one time for all that it has set, that of its last write. So a field gets its user
// when it is first seen to differ, and keeps that as long as it stays what it is; a write that is
// accounted for is not taken for another field's. Where two users wrote under one name, and it
// cannot be told which of them set the field, nobody is named. Nor is anybody for what may have
// been set before: when somebody wrote and nothing differed, another field that differs later on is
// not his.
//
// Who is named is the only one who wrote then under that name as this log shows it. Of several API
// servers each has a log of its own.
//
// The log is what others cause to be written: lines are bounded, what a request carried is passed
// over without being read, and of users nothing but the name is kept.
//
// Threads: one at a time; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;

#define KUBE_AUDIT_LINE_MAX (1024 * 1024) // bytes; longer ones are passed over
#define KUBE_AUDIT_USER_MAX 253           // bytes of a name
#define KUBE_AUDIT_WRITES 1024            // that a book keeps
#define KUBE_AUDIT_FIELDS 4096            // of which it knows whose they are

// A request that changed an object. Texts are the arena's.
struct kube_audit_write {
    const char *group;
    const char *resource; // "deployments"
    const char *ns;
    const char *name;
    const char *manager; // "": it cannot be told under which name
    const char *user;    // "": his name cannot be shown
    int64_t from_ms;     // Unix time, at the start of a second, as times in managedFields are
    int64_t to_ms;
};

// kube_audit_read reads a line (an audit.k8s.io/v1 Event). It tells whether that is about a write
// of an object that came to be.
bool kube_audit_read(struct cm_arena *a, const char *line, size_t size,
                     struct kube_audit_write *out);

struct kube_audit_book;

// kube_audit_book_new: wait_ms is how much later than a field is seen to differ the log may say
// of it, or earlier.
struct kube_audit_book *kube_audit_book_new(int64_t wait_ms);
void kube_audit_book_free(struct kube_audit_book *b); // NULL is fine

// kube_audit_note keeps a write of the object `key`; the oldest one gives way, and nobody is named
// for what that may have done. now_ms is monotonic.
void kube_audit_note(struct kube_audit_book *b, const char *key, const struct kube_audit_write *w,
                     int64_t now_ms);

// A field of an object, as it is seen to differ.
struct kube_audit_field {
    const char *key;
    const char *path;
    const char *actual;
    bool whole; // `actual` is all of the value: another value is another text
    const char *manager;
    int64_t at_ms; // when the manager wrote last, by managedFields; 0: not known
};

// kube_audit_user returns who set a field, "" if nobody can be named; good until the next call.
// *waits is set if it was first asked for less than wait_ms before now_ms (monotonic), so that the
// log may still say it.
const char *kube_audit_user(struct kube_audit_book *b, const struct kube_audit_field *field,
                            int64_t now_ms, bool *waits);

// What differs of an object is told once its fields have names, or it has waited long enough for
// them: since the first change that was not told, however often it is changed meanwhile. What was
// told without a name does not wait again.
struct kube_audit_wait {
    uint64_t told;    // hash of the differences that were told last; 0: there were none
    int64_t since_ms; // monotonic; 0: nothing waits
};

// kube_audit_waits tells whether differences of that hash, some of which have no name, wait.
bool kube_audit_waits(struct kube_audit_wait *w, uint64_t differences, int64_t now_ms,
                      int64_t wait_ms);
void kube_audit_told(struct kube_audit_wait *w, uint64_t differences);

// kube_audit_settle: all fields that differ of an object have been asked for, as it was when
// somebody had changed it last at newest_ms. Writes that were found by that or are older account
// for no other field, and what was not asked for differs no more.
void kube_audit_settle(struct kube_audit_book *b, const char *key, int64_t newest_ms);

// kube_audit_close: something else is wanted of an object than before, so what differs now may have
// been so for long. Of the writes that are noted none accounts for it.
void kube_audit_close(struct kube_audit_book *b, const char *key);

// kube_audit_forget: no field of an object differs.
void kube_audit_forget(struct kube_audit_book *b, const char *key);

// kube_audit_author returns who wrote an object under that name at that time, which managedFields
// tell; "" if nobody or more than one did.
const char *kube_audit_author(const struct kube_audit_book *b, const char *key, const char *manager,
                              int64_t at_ms);
