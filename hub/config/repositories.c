// repositories.c: the file of repositories, by a table of fields.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/config/config.h"

#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define SECRET_BYTES_MAX ((size_t)16 * 1024)
#define REPOSITORIES_MAX 1000
#define NAME_MAX_LEN 63
#define POLL_DEFAULT_MS 30000
#define POLL_MIN_MS 1000
#define TIMEOUT_DEFAULT_MS 300000
#define COMMITTER_DEFAULT "Holdfast"
#define EMAIL_DEFAULT "holdfast@fleet.invalid"
#define PERSON_MAX 200

enum field_type { FIELD_TEXT, FIELD_FILE, FIELD_BOOL, FIELD_DURATION, FIELD_WRITE, FIELD_PROVIDER };

struct field {
    const char *name;
    enum field_type type; // FIELD_FILE: the value names a file that holds it
    size_t offset;
};

#define AT(field) offsetof(struct hub_repository, field)

static const struct field fields[] = {
    {"name", FIELD_TEXT, AT(name)},
    {"url", FIELD_TEXT, AT(url)},
    {"branch", FIELD_TEXT, AT(branch)},
    {"path", FIELD_TEXT, AT(path)},
    {"pollInterval", FIELD_DURATION, AT(poll_ms)},
    {"timeout", FIELD_DURATION, AT(timeout_ms)},
    {"tokenFile", FIELD_FILE, AT(token)},
    {"username", FIELD_TEXT, AT(username)},
    {"passwordFile", FIELD_FILE, AT(password)},
    {"caFile", FIELD_TEXT, AT(ca_file)},
    {"sshKeyFile", FIELD_TEXT, AT(ssh_key_file)},
    {"sshPassphraseFile", FIELD_FILE, AT(ssh_passphrase)},
    {"knownHostsFile", FIELD_TEXT, AT(known_hosts_file)},
    {"webhookSecretFile", FIELD_FILE, AT(webhook_secret)},
    {"allowPrivateHosts", FIELD_BOOL, AT(allow_private_hosts)},
    {"sourceOnly", FIELD_BOOL, AT(source_only)},
    {"write", FIELD_WRITE, AT(write)},
    {"committer", FIELD_TEXT, AT(committer)},
    {"committerEmail", FIELD_TEXT, AT(committer_email)},
    {"signingKeyFile", FIELD_FILE, AT(signing_key)},
    {"provider", FIELD_PROVIDER, AT(provider)},
    {"apiUrl", FIELD_TEXT, AT(api_url)},
    {"project", FIELD_TEXT, AT(project)},
    {"apiTokenFile", FIELD_FILE, AT(api_token)},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static enum cm_rc fail_at(struct cm_err *err, const char *path, const struct cm_json *node,
                          const char *what) {
    return cm_fail(err, CM_EINVAL, "%s:%u:%u: %s", path, node->line, node->column, what);
}

static const struct field *find_field(const char *name) {
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static enum cm_rc fail_unknown(struct cm_err *err, const char *path, const struct cm_json *node) {
    const char *names[FIELDS];

    for (size_t i = 0; i < FIELDS; i++) {
        names[i] = fields[i].name;
    }
    const char *nearest = cm_str_nearest(node->key, names, FIELDS);
    CM_AUTOFREE char *text =
        nearest == NULL ? cm_strf("unknown field '%s'", node->key)
                        : cm_strf("unknown field '%s'; did you mean '%s'?", node->key, nearest);
    return fail_at(err, path, node, text);
}

// A secret in a file ends before its last line feed.
static enum cm_rc read_secret(const char *file, char **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    enum cm_rc rc = cm_fsys_read(file, SECRET_BYTES_MAX, &text, err);

    if (rc < 0) {
        return rc;
    }
    size_t len = text->size;
    while (len > 0 && (text->data[len - 1] == '\n' || text->data[len - 1] == '\r')) {
        len--;
    }
    if (len == 0) {
        return cm_fail(err, CM_EINVAL, "'%s' is empty", file);
    }
    *out = cm_strndup((const char *)text->data, len);
    return CM_OK;
}

// To YAML an off without quotes is false.
static enum cm_rc set_write(const struct cm_json *node, enum hub_write_mode *out,
                            struct cm_err *err) {
    const char *text = cm_json_string(node);
    bool off = node->type == CM_BOOL ? !node->truth : text != NULL && strcmp(text, "off") == 0;

    bool pull = text != NULL && strcmp(text, "pull-request") == 0;

    if (!off && !pull && (text == NULL || strcmp(text, "direct") != 0)) {
        return cm_fail(err, CM_EINVAL,
                       "'write' is off, direct: commits to the branch, or pull-request");
    }
    *out = off ? HUB_WRITE_OFF : pull ? HUB_WRITE_PULL_REQUEST : HUB_WRITE_DIRECT;
    return CM_OK;
}

static enum cm_rc set_provider(const char *text, char **out, struct cm_err *err) {
    static const char *const names[] = {"gitea", "github", "gitlab"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = cm_strdup(text);
            return CM_OK;
        }
    }
    return cm_fail(err, CM_EINVAL, "'provider' is gitea (Forgejo, too), github or gitlab");
}

static enum cm_rc set_field(struct hub_repository *r, const struct field *field,
                            const struct cm_json *node, struct cm_err *err) {
    void *target = (char *)r + field->offset;
    const char *text = cm_json_string(node);

    if (field->type == FIELD_BOOL) {
        if (node->type != CM_BOOL) {
            return cm_fail(err, CM_EINVAL, "'%s' must be true or false", field->name);
        }
        *(bool *)target = node->truth;
        return CM_OK;
    }
    if (field->type == FIELD_WRITE) {
        return set_write(node, target, err);
    }
    if (field->type == FIELD_DURATION && text == NULL) {
        return cm_fail(err, CM_EINVAL, "'%s' must be a duration such as 30s or 5m", field->name);
    }
    if (text == NULL || text[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "'%s' must be a text that is not empty; write it in quotes",
                       field->name);
    }
    switch (field->type) {
    case FIELD_FILE:
        return read_secret(text, target, err);
    case FIELD_PROVIDER:
        return set_provider(text, target, err);
    case FIELD_DURATION:
        return cm_str_parse_duration(text, target, err);
    default:
        *(char **)target = cm_strdup(text);
        return CM_OK;
    }
}

static bool name_ok(const char *name) {
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= NAME_MAX_LEN && name[len] == '\0' && name[0] != '-' &&
           name[len - 1] != '-';
}

static bool person_ok(const char *text) {
    return strlen(text) <= PERSON_MAX && strpbrk(text, "<>\r\n") == NULL;
}

// A token is sent in the clear to nobody but ourselves.
static bool api_ok(const char *url) {
    return url == NULL || strncmp(url, "https://", 8) == 0 ||
           strncmp(url, "http://127.0.0.1:", 17) == 0;
}

static enum cm_rc check_pull_requests(const struct hub_repository *r, struct cm_err *err) {
    if (r->write == HUB_WRITE_PULL_REQUEST && r->provider == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "'write: pull-request' needs 'provider': gitea, github or gitlab");
    }
    if (r->provider == NULL && (r->api_url != NULL || r->project != NULL || r->api_token != NULL)) {
        return cm_fail(err, CM_EINVAL,
                       "'apiUrl', 'project' and 'apiTokenFile' are for a 'provider': name it");
    }
    if (r->provider != NULL && r->token == NULL && r->api_token == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "a 'provider' needs a token that may open pull requests: name its file with "
                       "'apiTokenFile', or with 'tokenFile' if Git takes the same");
    }
    if (!api_ok(r->api_url)) {
        return cm_fail(err, CM_EINVAL,
                       "'apiUrl' is the API's, with https: 'https://git.example.com/api/v1'");
    }
    return CM_OK;
}

static enum cm_rc check_writing(const struct hub_repository *r, struct cm_err *err) {
    if (!person_ok(r->committer) || !person_ok(r->committer_email)) {
        return cm_fail(err, CM_EINVAL,
                       "'committer' and 'committerEmail' are one line each, of at most %d bytes "
                       "without < and >",
                       PERSON_MAX);
    }
    if (r->write != HUB_WRITE_OFF && r->source_only) {
        return cm_fail(err, CM_EINVAL, "a repository that is 'sourceOnly' is never written to");
    }
    return check_pull_requests(r, err);
}

static enum cm_rc check(const struct hub_repository *r, struct cm_err *err) {
    if (r->name == NULL || r->url == NULL) {
        return cm_fail(err, CM_EINVAL, "a repository needs 'name' and 'url'");
    }
    if (!name_ok(r->name)) {
        return cm_fail(err, CM_EINVAL,
                       "'%.80s' cannot name a repository: use 1 to %d of a-z, 0-9 "
                       "and '-', with no '-' at either end",
                       r->name, NAME_MAX_LEN);
    }
    if (r->poll_ms != 0 && r->poll_ms < POLL_MIN_MS) {
        return cm_fail(err, CM_EINVAL,
                       "'pollInterval' must be at least 1s, or 0s to rely on "
                       "webhooks alone");
    }
    if (r->timeout_ms < 1000) {
        return cm_fail(err, CM_EINVAL, "'timeout' must be at least 1s");
    }
    if (r->path[0] != '\0' && !cm_fsys_path_ok(r->path)) {
        return cm_fail(err, CM_EINVAL,
                       "'path' must name a folder inside the repository, such as 'fleet'");
    }
    return check_writing(r, err);
}

static void free_repository(struct hub_repository *r) {
    char *secrets[] = {r->token,          r->password,    r->ssh_passphrase,
                       r->webhook_secret, r->signing_key, r->api_token};
    char *plain[] = {r->name,
                     r->url,
                     r->branch,
                     r->path,
                     r->ca_file,
                     r->ssh_key_file,
                     r->known_hosts_file,
                     r->username,
                     r->committer,
                     r->committer_email,
                     r->provider,
                     r->api_url,
                     r->project};

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (secrets[i] != NULL) {
            explicit_bzero(secrets[i], strlen(secrets[i]));
        }
        free(secrets[i]);
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        free(plain[i]);
    }
}

void hub_repositories_done(struct hub_repositories *r) {
    for (size_t i = 0; i < r->count; i++) {
        free_repository(&r->items[i]);
    }
    if (r->state != NULL) {
        free_repository(r->state);
        free(r->state);
    }
    free(r->items);
    *r = (struct hub_repositories){0};
}

static enum cm_rc read_one(const char *path, const struct cm_json *node, struct hub_repository *r,
                           struct cm_err *err) {
    if (node->type != CM_OBJECT) {
        return fail_at(err, path, node, "each repository is a mapping with 'name' and 'url'");
    }
    r->poll_ms = POLL_DEFAULT_MS;
    r->timeout_ms = TIMEOUT_DEFAULT_MS;
    for (const struct cm_json *at = node->first; at != NULL; at = at->next) {
        const struct field *field = find_field(at->key);

        if (field == NULL) {
            return fail_unknown(err, path, at);
        }
        if (set_field(r, field, at, err) < 0) {
            return cm_wrap(err, "%s:%u:%u: %s", path, at->line, at->column, field->name);
        }
    }
    r->branch = r->branch == NULL ? cm_strdup("main") : r->branch;
    r->path = r->path == NULL ? cm_strdup("") : r->path;
    r->committer = r->committer == NULL ? cm_strdup(COMMITTER_DEFAULT) : r->committer;
    r->committer_email = r->committer_email == NULL ? cm_strdup(EMAIL_DEFAULT) : r->committer_email;
    return check(r, err) < 0 ? cm_wrap(err, "%s:%u:%u", path, node->line, node->column) : CM_OK;
}

static enum cm_rc check_unique(const char *path, const struct cm_json *node,
                               const struct hub_repositories *list, struct cm_err *err) {
    const struct hub_repository *last = &list->items[list->count - 1];

    for (size_t i = 0; i + 1 < list->count; i++) {
        if (strcmp(list->items[i].name, last->name) == 0) {
            return fail_at(err, path, node, "another repository has this name");
        }
    }
    return CM_OK;
}

// read_state reads where the state repository is pushed to: an address and credentials.
static enum cm_rc read_state(const char *path, const struct cm_json *node,
                             struct hub_repositories *out, struct cm_err *err) {
    static const char *const theirs[] = {"name",           "branch",         "path",
                                         "sourceOnly",     "write",          "committer",
                                         "committerEmail", "signingKeyFile", "webhookSecretFile"};

    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        const struct cm_json *at = cm_json_get(node, theirs[i]);

        if (at != NULL) {
            return fail_at(err, path, at,
                           "that says nothing of where the state repository is pushed to: name "
                           "'url' and credentials");
        }
    }
    out->state = cm_new(1, sizeof(*out->state));
    out->state->name = cm_strdup("state");
    return read_one(path, node, out->state, err);
}

static enum cm_rc read_list(const char *path, const struct cm_json *root,
                            struct hub_repositories *out, struct cm_err *err) {
    const struct cm_json *list = cm_json_get(root, "repositories");

    const struct cm_json *state = cm_json_get(root, "state");

    if (list == NULL || list->type != CM_ARRAY || root->count != (state == NULL ? 1 : 2)) {
        return fail_at(err, path, root,
                       "the file must hold 'repositories:' with a list, perhaps 'state:', and no "
                       "more");
    }
    if (state != NULL && read_state(path, state, out, err) < 0) {
        return err->code;
    }
    if (list->count > REPOSITORIES_MAX) {
        return fail_at(err, path, list, "there are more than 1000 repositories");
    }
    out->items = cm_new(list->count + 1, sizeof(*out->items));
    for (const struct cm_json *at = list->first; at != NULL; at = at->next) {
        enum cm_rc rc = read_one(path, at, &out->items[out->count++], err);

        rc = rc < 0 ? rc : check_unique(path, at, out, err);
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

enum cm_rc hub_repositories_read(const char *path, const char *text, size_t size,
                                 struct hub_repositories *out, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_repositories list = {0};
    struct cm_yaml_docs docs;

    if (cm_yaml_parse(a, text, size, NULL, &docs, err) < 0) {
        return cm_wrap(err, "%s", path);
    }
    if (docs.count != 1) {
        return cm_fail(err, CM_EINVAL, "%s: the file must hold one document", path);
    }
    enum cm_rc rc = read_list(path, docs.docs[0], &list, err);
    if (rc < 0) {
        hub_repositories_done(&list);
        return rc;
    }
    *out = list;
    return CM_OK;
}

enum cm_rc hub_repositories_load(const char *path, struct hub_repositories *out,
                                 struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
    enum cm_rc rc = cm_fsys_read(path, FILE_BYTES_MAX, &text, err);

    return rc < 0 ? rc
                  : hub_repositories_read(path, (const char *)text->data, text->size, out, err);
}
