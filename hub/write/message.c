// message.c: what commits of the hub say (deploy/reference/commits.md).
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/write/kinds.h"

#define PREFIX "Holdfast-"
#define CLUSTERS_SHOWN 50
#define NOBODY "unknown (attribution unresolved)"

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

bool hub_write_is_one(const struct hub_intent *a, const struct hub_intent *b) {
    return a->cause[0] != '\0' && is(a->cause, b->cause) && is(a->kind, b->kind) &&
           is(a->app, b->app) && is(a->actor, b->actor);
}

// args_of reads arguments that were checked before.
static const struct cm_json *args_of(struct cm_arena *a, const struct hub_intent *intent) {
    struct cm_json *args = NULL;
    struct cm_err ignored;

    return hub_write_args(a, intent, &args, &ignored) < 0 ? cm_json_new(a, CM_OBJECT) : args;
}

void hub_write_add_words(struct cm_str *out, const char *text) {
    for (; *text != '\0'; text++) {
        bool control = (unsigned char)*text < ' ' || *text == 0x7f;

        cm_str_add_char(out, (char)(control ? ' ' : *text));
    }
}

static void add_line(struct cm_str *out, const char *text) {
    hub_write_add_words(out, text);
    cm_str_add_char(out, '\n');
}

void hub_write_add_trailer(struct cm_str *out, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        cm_str_addf(out, PREFIX "%s: ", key);
        add_line(out, value);
    }
}

static const char *name_of(const struct hub_intent *intent) {
    return intent->as != NULL ? intent->as : intent->kind;
}

static void add_subject(struct cm_str *out, const struct hub_intent *first,
                        const struct cm_json *args) {
    const char *subject = cm_json_string(cm_json_get(args, "subject"));
    const char *about = first->app[0] != '\0' ? first->app : first->cluster;

    if (subject == NULL) {
        const struct hub_write_kind *kind = hub_write_kind_find(first->kind);

        subject = kind != NULL ? kind->subject : "change";
    }
    cm_str_add(out, name_of(first));
    if (about[0] != '\0') {
        cm_str_addf(out, "(%s)", about);
    }
    cm_str_add(out, ": ");
    add_line(out, subject);
}

// add_body adds a paragraph; lines of it that look like trailers would be taken for some, so each
// of them is set in.
static void add_body(struct cm_str *out, const struct cm_json *args) {
    const char *body = cm_json_string(cm_json_get(args, "body"));
    const char *reason = cm_json_string(cm_json_get(args, "reason"));

    if (body == NULL || body[0] == '\0') {
        body = reason;
    }
    if (body == NULL || body[0] == '\0') {
        return;
    }
    cm_str_add_char(out, '\n');
    while (*body != '\0') {
        size_t len = strcspn(body, "\n");
        CM_AUTOFREE char *line = cm_strndup(body, len);

        cm_str_add(out, strncmp(line, PREFIX, strlen(PREFIX)) == 0 ? "  " : "");
        add_line(out, line);
        body += len + (body[len] == '\n' ? 1 : 0);
    }
}

// add_clusters names clusters in one line, the first of many, and says how many there are.
static void add_clusters(struct cm_str *out, const struct hub_intent *const *intents,
                         size_t count) {
    CM_CLEANUP(cm_str_done) struct cm_str list = {0};
    size_t shown = 0;
    size_t all = 0;

    for (size_t i = 0; i < count; i++) {
        if (intents[i]->cluster[0] == '\0') {
            continue;
        }
        if (all++ < CLUSTERS_SHOWN) {
            cm_str_addf(&list, "%s%s", shown++ > 0 ? " " : "", intents[i]->cluster);
        }
    }
    hub_write_add_trailer(out, "Clusters", cm_str_get(&list));
    if (all > 0) {
        cm_str_addf(out, PREFIX "Clusters-Count: %zu\n", all);
    }
}

static void add_own_trailers(struct cm_str *out, const struct cm_json *args) {
    const struct cm_json *own = cm_json_get(args, "trailers");

    for (const struct cm_json *at = own != NULL ? own->first : NULL; at != NULL; at = at->next) {
        if (at->key != NULL &&
            at->key[strspn(at->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")] ==
                '\0') {
            hub_write_add_trailer(out, at->key, cm_json_string(at));
        }
    }
}

char *hub_write_message(const struct hub_intent *const *intents, size_t count, const char *writer) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_intent *last = intents[count - 1];
    const struct cm_json *args = args_of(a, last);
    struct cm_str out = {0};

    add_subject(&out, last, args);
    add_body(&out, args);
    cm_str_add_char(&out, '\n');
    hub_write_add_trailer(&out, "Action", name_of(last));
    hub_write_add_trailer(&out, "App", last->app);
    add_clusters(&out, intents, count);
    hub_write_add_trailer(&out, "Cause", last->cause);
    hub_write_add_trailer(&out, "Actor", last->actor);
    hub_write_add_trailer(&out, "Reason", cm_json_string(cm_json_get(args, "reason")));
    add_own_trailers(&out, args);
    hub_write_add_trailer(&out, "Not-Reverted", last->why);
    hub_write_add_trailer(&out, "Writer", writer); // before what may be cut when it is read
    for (size_t i = 0; i < count; i++) {
        hub_write_add_trailer(&out, "Event", intents[i]->id);
    }
    return cm_str_take(&out);
}

// is_crud: of a name of nothing else Git leaves nothing (libgit2's git_signature_new).
static bool is_crud(const char *name) {
    return name[strspn(name, " .,:;<>\"\\'\t")] == '\0';
}

// plain leaves out what Git does not take in a name.
static char *plain(const char *text) {
    char *out = cm_strdup(text);
    size_t len = 0;

    for (const char *at = text; *at != '\0' && len < 100; at++) {
        if (strchr("<>\n\r", *at) == NULL) {
            out[len++] = *at;
        }
    }
    out[len] = '\0';
    out[cm_utf8_valid(out, len)] = '\0'; // a character that was cut
    return out;
}

// address makes one that nobody has of a name.
static char *address(const char *name) {
    CM_AUTOFREE char *local = cm_strdup(name);

    for (char *at = local; *at != '\0'; at++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *at) ==
            NULL) {
            *at = '-';
        }
    }
    return cm_strf("%s@fleet.invalid", local);
}

void hub_write_author(const struct hub_intent *intent, char **name, char **email) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *args = args_of(a, intent);
    const char *said = cm_json_string(cm_json_get(args, "author"));
    const char *mail = cm_json_string(cm_json_get(args, "email"));

    *name = plain(said != NULL ? said : intent->actor);
    if (is_crud(*name)) {
        free(*name);
        *name = cm_strdup(NOBODY);
    }
    *email = mail != NULL && mail[0] != '\0'
                 ? plain(mail)
                 : address(intent->actor[0] != '\0' ? intent->actor : "unknown");
}

char *hub_write_find_trailer(const char **at, const char *key) {
    size_t len = strlen(key);

    while (**at != '\0') {
        const char *line = *at;
        size_t size = strcspn(line, "\n");

        *at += size + (line[size] == '\n' ? 1 : 0);
        if (size > len + 2 && strncmp(line, key, len) == 0 && line[len] == ':' &&
            line[len + 1] == ' ') {
            return cm_strndup(line + len + 2, size - len - 2);
        }
    }
    return NULL;
}
