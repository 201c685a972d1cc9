#include "agent/kube/audit.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/utf8.h"

enum { MANAGER_MAX = 128, NAME_MAX_BYTES = 253, SECOND_MS = 1000 };

// ---- A line

enum member {
    STAGE,
    URI,
    VERB,
    USER,
    IMPERSONATED,
    AGENT,
    OBJECT,
    STATUS,
    RECEIVED,
    STAGED,
    MEMBERS
};

static const char *const members[MEMBERS] = {
    "stage",         "requestURI",       "verb",
    "user",          "impersonatedUser", "userAgent",
    "objectRef",     "responseStatus",   "requestReceivedTimestamp",
    "stageTimestamp"};

// A place in a line, which is not read as a whole.
struct cursor {
    const char *at;
    const char *end;
};

static void skip_space(struct cursor *c) {
    while (c->at < c->end && strchr(" \t\r\n", *c->at) != NULL && *c->at != '\0') {
        c->at++;
    }
}

static bool skip(struct cursor *c, char what) {
    skip_space(c);
    if (c->at == c->end || *c->at != what) {
        return false;
    }
    c->at++;
    return true;
}

static bool skip_string(struct cursor *c) {
    for (c->at++; c->at < c->end; c->at++) {
        if (*c->at == '"') {
            c->at++;
            return true;
        }
        c->at += *c->at == '\\' ? 1 : 0;
    }
    c->at = c->end; // which a backslash may have passed
    return false;
}

// skip_value goes behind a value, however deep it is. That it is well formed it does not tell.
static bool skip_value(struct cursor *c) {
    size_t depth = 0;

    skip_space(c);
    while (c->at < c->end) {
        char now = *c->at;

        if (depth == 0 && (now == ',' || now == '}' || now == ']')) {
            return true;
        }
        if (now == '"' && !skip_string(c)) {
            return false;
        }
        if (now != '"') {
            depth += now == '{' || now == '[' ? 1 : 0;
            depth -= now == '}' || now == ']' ? 1 : 0;
            c->at++;
        }
    }
    return false;
}

// next_name goes to the next member of the event; it returns its name's length, or 0.
static size_t next_name(struct cursor *c, const char **out) {
    skip_space(c);
    if (c->at == c->end || *c->at != '"') {
        return 0;
    }
    *out = c->at + 1;
    if (!skip_string(c)) {
        return 0;
    }
    size_t size = (size_t)(c->at - *out) - 1;
    return skip(c, ':') ? size : 0;
}

static enum member member_of(const char *name, size_t size) {
    enum member m = STAGE;

    while (m < MEMBERS && (strlen(members[m]) != size || strncmp(members[m], name, size) != 0)) {
        m++;
    }
    return m;
}

static bool is_text(const struct cm_json *node, const char *text) {
    const char *is = cm_json_string(node);

    return is != NULL && strcmp(is, text) == 0;
}

static bool is_write(const struct cm_json *verb) {
    return is_text(verb, "create") || is_text(verb, "update") || is_text(verb, "patch") ||
           is_text(verb, "delete");
}

// is_wanted: most lines are of what is only read, and left there.
static bool is_wanted(enum member m, const struct cm_json *value) {
    return m == STAGE ? is_text(value, "ResponseComplete") : m != VERB || is_write(value);
}

static bool take_member(struct cm_arena *a, struct cursor *c, struct cm_json **event) {
    static const struct cm_json_limits limits = {
        .max_bytes = 65536, .max_depth = 8, .max_nodes = 4096};
    const char *name = NULL;
    size_t size = next_name(c, &name);
    enum member m = size == 0 ? MEMBERS : member_of(name, size);
    struct cm_err err;

    skip_space(c);
    const char *from = c->at;
    if (size == 0 || !skip_value(c) || m == MEMBERS) {
        return size > 0 && c->at < c->end;
    }
    return event[m] == NULL &&
           cm_json_parse(a, from, (size_t)(c->at - from), &limits, &event[m], &err) == CM_OK &&
           is_wanted(m, event[m]);
}

static bool take_event(struct cm_arena *a, const char *line, size_t size, struct cm_json **event) {
    struct cursor c = {line, line + size};
    bool ok = skip(&c, '{') && take_member(a, &c, event);

    while (ok && skip(&c, ',')) {
        ok = take_member(a, &c, event);
    }
    if (!ok || !skip(&c, '}')) {
        return false;
    }
    skip_space(&c);
    return c.at == c.end;
}

static const char *text_of(const struct cm_json *node) {
    const char *text = cm_json_string(node);

    return text == NULL ? "" : text;
}

// is_name: it goes into logs, commits and onto screens.
static bool is_name(const char *text, size_t max) {
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++) {
        if (cm_utf8_steering(text + i) > 0) {
            return false;
        }
    }
    return size > 0 && size <= max && cm_utf8_valid(text, size) == size;
}

static int digit(char c) {
    return c >= '0' && c <= '9'                       ? c - '0'
           : cm_lower(c) >= 'a' && cm_lower(c) <= 'f' ? cm_lower(c) - 'a' + 10
                                                      : -1;
}

static bool is_escape(const char *at) {
    return digit(at[1]) >= 0 && digit(at[2]) >= 0;
}

// unescape undoes what a URL does to a text of `size` bytes; its escapes are whole.
static const char *unescape(struct cm_arena *a, const char *text, size_t size) {
    char *out = cm_arena_strndup(a, text, size);
    size_t to = 0;

    for (size_t i = 0; i < size; i++, to++) {
        out[to] = text[i];
        if (text[i] == '+') {
            out[to] = ' ';
        } else if (text[i] == '%') {
            out[to] = (char)(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        }
    }
    out[to] = '\0';
    return out;
}

// is_plain: the API server also reads parameters whose names are escaped, and leaves out those with
// a semicolon or an escape that is none. What it makes of these is not guessed here.
static bool is_plain(const char *uri) {
    bool name = true; // of a parameter, which ends with '='

    for (const char *at = uri + strcspn(uri, "?"); *at != '\0'; at++) {
        name = *at == '?' || *at == '&' || (name && *at != '=');
        if (*at == ';' || (name && (*at == '%' || *at == '+')) || (*at == '%' && !is_escape(at))) {
            return false;
        }
    }
    return true;
}

// query_of returns a parameter of a plain request, or NULL.
static const char *query_of(struct cm_arena *a, const char *uri, const char *name) {
    const char *at = strchr(uri, '?');
    size_t len = strlen(name);

    while (at != NULL) {
        size_t size = strcspn(at + 1, "&");

        if (size > len && strncmp(at + 1, name, len) == 0 && at[1 + len] == '=') {
            return unescape(a, at + 2 + len, size - len - 1);
        }
        if (size == len && strncmp(at + 1, name, len) == 0) {
            return "";
        }
        at = at[1 + size] == '&' ? at + 1 + size : NULL;
    }
    return NULL;
}

// program_of is what the API server calls the manager if the request does not: what of it can be
// printed, and that it knows by Unicode.
static const char *program_of(struct cm_arena *a, const char *agent) {
    size_t size = strcspn(agent, "/");

    for (size_t i = 0; i < size; i++) {
        if (agent[i] < ' ' || agent[i] > '~') {
            return "";
        }
    }
    return cm_arena_strndup(a, agent, size < MANAGER_MAX ? size : MANAGER_MAX);
}

// manager_of is what the API server calls the manager; "" if that cannot be told.
static const char *manager_of(struct cm_arena *a, const char *uri, const char *agent) {
    const char *said = is_plain(uri) ? query_of(a, uri, "fieldManager") : NULL;
    bool named = said != NULL && said[0] != '\0';
    const char *manager = named ? said : is_plain(uri) ? program_of(a, agent) : "";

    return is_name(manager, MANAGER_MAX) ? manager : "";
}

static const char *user_of(const struct cm_json *who) {
    const char *user = text_of(cm_json_get(who, "username"));

    return is_name(user, KUBE_AUDIT_USER_MAX) ? user : "";
}

// is_try: a request that only tries. What is not plain may be one, or not.
static bool is_try(struct cm_arena *a, const char *uri) {
    return is_plain(uri) && query_of(a, uri, "dryRun") != NULL;
}

// is_part tells whether a part of an object has fields that are compared, or a status.
static bool is_part(const char *subresource) {
    return subresource[0] == '\0' || strcmp(subresource, "status") == 0 ||
           strcmp(subresource, "scale") == 0;
}

static bool take_times(struct cm_json *const *event, struct kube_audit_write *out) {
    if (!cm_clock_parse(text_of(event[RECEIVED]), &out->from_ms) ||
        !cm_clock_parse(text_of(event[STAGED]), &out->to_ms) || out->from_ms <= 0) {
        return false;
    }
    out->from_ms -= out->from_ms % SECOND_MS;
    return out->from_ms <= out->to_ms;
}

bool kube_audit_read(struct cm_arena *a, const char *line, size_t size,
                     struct kube_audit_write *out) {
    struct cm_json *event[MEMBERS] = {NULL};

    if (size > KUBE_AUDIT_LINE_MAX || !take_event(a, line, size, event)) {
        return false;
    }
    const struct cm_json *object = event[OBJECT];
    const struct cm_json *who = event[IMPERSONATED] != NULL ? event[IMPERSONATED] : event[USER];
    const char *uri = text_of(event[URI]);
    int64_t code = cm_json_int(cm_json_get(event[STATUS], "code"), 0);
    *out = (struct kube_audit_write){.group = text_of(cm_json_get(object, "apiGroup")),
                                     .resource = text_of(cm_json_get(object, "resource")),
                                     .ns = text_of(cm_json_get(object, "namespace")),
                                     .name = text_of(cm_json_get(object, "name")),
                                     .manager = manager_of(a, uri, text_of(event[AGENT])),
                                     .user = user_of(who)};
    return event[STAGE] != NULL && event[VERB] != NULL && code >= 200 && code < 300 &&
           !is_try(a, uri) && take_times(event, out) &&
           is_part(text_of(cm_json_get(object, "subresource"))) &&
           is_name(out->name, NAME_MAX_BYTES) && is_name(out->resource, NAME_MAX_BYTES) &&
           strlen(out->group) <= NAME_MAX_BYTES && strlen(out->ns) <= NAME_MAX_BYTES;
}

// ---- The book

struct write {
    char *key; // NULL: there is none here
    char *manager;
    char *user;
    int64_t from_ms;
    int64_t to_ms;
    int64_t noted_ms; // monotonic
    bool found;       // it set a field that was asked for
    bool settled;     // it accounts for no other field
};

// A field that was asked for.
struct owned {
    struct cm_sha256 object;
    struct cm_sha256 field; // with its value and manager
    int64_t at_ms;          // when its manager had written last
    int64_t seen_ms;
    char *user; // NULL: not known
    bool torn;  // nor will it be
    bool used;
    bool asked; // since the last settling
};

struct kube_audit_book {
    int64_t wait_ms;
    struct write writes[KUBE_AUDIT_WRITES];
    size_t next_write;
    int64_t lost_ms;       // the end of a write that gave way; 0: none did
    int64_t lost_noted_ms; // when it had been noted
    struct owned fields[KUBE_AUDIT_FIELDS];
    size_t next_field;
    size_t field_count; // that were ever used
};

struct kube_audit_book *kube_audit_book_new(int64_t wait_ms) {
    struct kube_audit_book *b = cm_new(1, sizeof(*b));

    b->wait_ms = wait_ms;
    return b;
}

static void drop_write(struct write *w) {
    free(w->key);
    free(w->manager);
    free(w->user);
    *w = (struct write){0};
}

void kube_audit_book_free(struct kube_audit_book *b) {
    for (size_t i = 0; b != NULL && i < KUBE_AUDIT_WRITES; i++) {
        drop_write(&b->writes[i]);
    }
    for (size_t i = 0; b != NULL && i < KUBE_AUDIT_FIELDS; i++) {
        free(b->fields[i].user);
    }
    free(b);
}

void kube_audit_note(struct kube_audit_book *b, const char *key, const struct kube_audit_write *w,
                     int64_t now_ms) {
    struct write *to = &b->writes[b->next_write];

    if (to->key != NULL) {
        b->lost_ms = to->to_ms > b->lost_ms ? to->to_ms : b->lost_ms;
        b->lost_noted_ms = to->noted_ms;
    }
    drop_write(to);
    *to = (struct write){.key = cm_strdup(key),
                         .manager = cm_strdup(w->manager),
                         .user = cm_strdup(w->user),
                         .from_ms = w->from_ms,
                         .to_ms = w->to_ms,
                         .noted_ms = now_ms};
    b->next_write = (b->next_write + 1) % KUBE_AUDIT_WRITES;
}

static struct cm_sha256 object_of(const char *key) {
    return cm_sha256(key, strlen(key));
}

static struct cm_sha256 print_of(const struct kube_audit_field *f) {
    CM_AUTOFREE char *text = cm_strf("%s\n%s\n%s\n%s", f->key, f->manager, f->path, f->actual);

    return cm_sha256(text, strlen(text));
}

// field_of finds what is known of a field, or begins to know it; the oldest one gives way.
static struct owned *field_of(struct kube_audit_book *b, const struct kube_audit_field *f,
                              int64_t now_ms) {
    struct cm_sha256 print = print_of(f);

    for (size_t i = 0; i < b->field_count; i++) {
        if (b->fields[i].used && cm_sha256_equal(&b->fields[i].field, &print)) {
            return &b->fields[i];
        }
    }
    struct owned *o = &b->fields[b->next_field];
    free(o->user);
    *o = (struct owned){.object = object_of(f->key),
                        .field = print,
                        .at_ms = f->at_ms,
                        .seen_ms = now_ms,
                        .used = true};
    b->field_count += b->field_count < KUBE_AUDIT_FIELDS ? 1 : 0;
    b->next_field = (b->next_field + 1) % KUBE_AUDIT_FIELDS;
    return o;
}

// is_of tells whether a write of an object may have been under that manager's name.
static bool is_of(const struct write *w, const char *key, const char *manager) {
    return w->key != NULL && strcmp(w->key, key) == 0 &&
           (w->manager[0] == '\0' || strcmp(w->manager, manager) == 0);
}

// add_user tells whether all writes so far are by one user who is known.
static bool add_user(const struct write *w, const char **user) {
    bool one = *user == NULL || strcmp(*user, w->user) == 0;

    *user = w->user;
    return one && w->user[0] != '\0' && w->manager[0] != '\0';
}

// is_long_ago tells whether a write had been noted so long before a field was seen to differ that
// it would have been seen by then. What it set was as it should be, or is nobody's business.
static bool is_long_ago(const struct kube_audit_book *b, int64_t noted_ms, int64_t seen_ms) {
    return seen_ms - noted_ms >= b->wait_ms;
}

// find_write finds the write by which a manager set something at a time: the only one that it can
// be, or one of several by the same user. NULL: there is none, or it cannot be told.
static struct write *find_write(struct kube_audit_book *b, const struct kube_audit_field *f,
                                int64_t at_ms, int64_t seen_ms) {
    struct write *found = NULL;
    const char *user = NULL;

    if (b->lost_ms != 0 && !is_long_ago(b, b->lost_noted_ms, seen_ms)) {
        return NULL; // it was one of those, perhaps
    }
    for (size_t i = 0; i < KUBE_AUDIT_WRITES; i++) {
        struct write *w = &b->writes[i];

        if (!is_of(w, f->key, f->manager) || w->settled || w->from_ms > at_ms ||
            is_long_ago(b, w->noted_ms, seen_ms)) {
            continue;
        }
        if (!add_user(w, &user)) {
            return NULL;
        }
        found = at_ms <= w->to_ms ? w : found;
    }
    return found;
}

// doubt: a value that is not told whole may have been set anew when its manager wrote again.
static void doubt(struct kube_audit_book *b, struct owned *o, const struct kube_audit_field *f,
                  int64_t now_ms) {
    const struct write *w = find_write(b, f, f->at_ms, now_ms);

    if (f->whole || o->user == NULL || f->at_ms == o->at_ms) {
        return;
    }
    o->at_ms = f->at_ms;
    if (w == NULL || strcmp(w->user, o->user) != 0) {
        free(o->user);
        o->user = NULL;
        o->torn = true;
    }
}

const char *kube_audit_user(struct kube_audit_book *b, const struct kube_audit_field *field,
                            int64_t now_ms, bool *waits) {
    struct owned *o = field_of(b, field, now_ms);

    doubt(b, o, field, now_ms);
    struct write *w =
        o->user == NULL && !o->torn ? find_write(b, field, o->at_ms, o->seen_ms) : NULL;
    if (w != NULL) {
        w->found = true;
        o->user = cm_strdup(w->user);
    }
    o->asked = true;
    *waits |= o->user == NULL && !o->torn && now_ms - o->seen_ms < b->wait_ms;
    return o->user == NULL ? "" : o->user;
}

bool kube_audit_waits(struct kube_audit_wait *w, uint64_t differences, int64_t now_ms,
                      int64_t wait_ms) {
    if (differences == w->told) {
        return false;
    }
    w->since_ms = w->since_ms == 0 ? now_ms : w->since_ms;
    return now_ms - w->since_ms < wait_ms;
}

void kube_audit_told(struct kube_audit_wait *w, uint64_t differences) {
    *w = (struct kube_audit_wait){.told = differences};
}

void kube_audit_settle(struct kube_audit_book *b, const char *key, int64_t newest_ms) {
    struct cm_sha256 object = object_of(key);

    for (size_t i = 0; i < KUBE_AUDIT_WRITES; i++) {
        struct write *w = &b->writes[i];

        w->settled |=
            w->key != NULL && strcmp(w->key, key) == 0 && (w->found || w->to_ms < newest_ms);
    }
    for (size_t i = 0; i < b->field_count; i++) {
        struct owned *o = &b->fields[i];

        if (o->used && cm_sha256_equal(&o->object, &object) && !o->asked) {
            free(o->user);
            *o = (struct owned){.used = false};
        } else if (o->used && cm_sha256_equal(&o->object, &object)) {
            o->asked = false;
        }
    }
}

void kube_audit_close(struct kube_audit_book *b, const char *key) {
    for (size_t i = 0; i < KUBE_AUDIT_WRITES; i++) {
        struct write *w = &b->writes[i];

        w->settled |= w->key != NULL && strcmp(w->key, key) == 0;
    }
}

void kube_audit_forget(struct kube_audit_book *b, const char *key) {
    kube_audit_settle(b, key, 0);
    kube_audit_settle(b, key, 0);
}

const char *kube_audit_author(const struct kube_audit_book *b, const char *key, const char *manager,
                              int64_t at_ms) {
    const char *user = NULL;

    if (at_ms <= b->lost_ms) {
        return "";
    }
    for (size_t i = 0; i < KUBE_AUDIT_WRITES; i++) {
        const struct write *w = &b->writes[i];

        if (is_of(w, key, manager) && w->from_ms <= at_ms && at_ms <= w->to_ms &&
            !add_user(w, &user)) {
            return "";
        }
    }
    return user == NULL ? "" : user;
}
