// A line of an audit log that is taken is a write by somebody with a plain name, within bounds, in
// a time that has an order; it is taken the same way again, and what a request carried is no part
// of it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/audit.h"
#include "common/arena.h"
#include "common/mem.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

enum { WAIT_MS = 2000 };

static void check_name(const char *text, size_t max) {
    size_t len = strlen(text);

    require(len > 0 && len <= max && cm_utf8_valid(text, len) == len);
    for (size_t i = 0; i < len; i++) {
        require(cm_utf8_steering(text + i) == 0);
    }
}

static void check_write(const struct kube_audit_write *w) {
    if (w->user[0] != '\0') {
        check_name(w->user, KUBE_AUDIT_USER_MAX);
    }
    if (w->manager[0] != '\0') {
        check_name(w->manager, 128);
    }
    check_name(w->name, 253);
    check_name(w->resource, 253);
    require(strlen(w->ns) <= 253 && strlen(w->group) <= 253);
    require(w->from_ms > 0 && w->from_ms % 1000 == 0 && w->from_ms <= w->to_ms);
}

// check_book: whoever is named for a field wrote the object.
static void check_book(const struct kube_audit_write *w) {
    struct kube_audit_book *b = kube_audit_book_new(WAIT_MS);
    bool known = w->manager[0] != '\0' && w->user[0] != '\0';
    const char *user = known ? w->user : "";
    const struct kube_audit_field field = {.key = "ConfigMap/a/b",
                                           .path = "data.x",
                                           .actual = "\"1\"",
                                           .whole = true,
                                           .manager = known ? w->manager : "m",
                                           .at_ms = w->from_ms};
    bool waits = false;

    require(kube_audit_user(b, &field, 0, &waits)[0] == '\0' && waits);
    kube_audit_note(b, field.key, w, 0);
    require(strcmp(kube_audit_user(b, &field, 0, &waits), user) == 0);
    kube_audit_settle(b, field.key, w->from_ms);
    require(strcmp(kube_audit_user(b, &field, 0, &waits), user) == 0);
    kube_audit_forget(b, field.key);
    require(kube_audit_user(b, &field, WAIT_MS, &waits)[0] == '\0');
    kube_audit_book_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_audit_write first;
    struct kube_audit_write second;

    if (!kube_audit_read(a, (const char *)data, size, &first)) {
        return 0;
    }
    check_write(&first);
    require(kube_audit_read(a, (const char *)data, size, &second));
    require(strcmp(first.user, second.user) == 0 && strcmp(first.manager, second.manager) == 0);
    check_book(&first);
    return 0;
}
