#include "hub/repo/known_hosts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/utf8.h"

#define SSH_PORT 22
#define SALT_MAX 64
#define FINGERPRINT_LEN 43 // SHA-256 in base64 without its '='

static const char fingerprint_prefix[] = "SHA256:";

struct word {
    const char *text;
    size_t len;
};

struct line {
    bool revoked;
    bool authority;
    struct word names;
    struct word type; // empty for a fingerprint
    struct word key;
};

static bool word_is(struct word w, const char *text) {
    return w.len == strlen(text) && memcmp(w.text, text, w.len) == 0;
}

static bool is_fingerprint(struct word w) {
    size_t prefix = sizeof(fingerprint_prefix) - 1;

    return w.len > prefix && memcmp(w.text, fingerprint_prefix, prefix) == 0;
}

// next_word takes the next word of [*at, end).
static struct word next_word(const char **at, const char *end) {
    while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r')) {
        (*at)++;
    }

    struct word w = {.text = *at};
    while (*at < end && **at != ' ' && **at != '\t' && **at != '\r') {
        (*at)++;
    }
    w.len = (size_t)(*at - w.text);
    return w;
}

static bool take_marker(struct word w, struct line *out) {
    out->revoked = word_is(w, "@revoked");
    out->authority = word_is(w, "@cert-authority");
    return out->revoked || out->authority;
}

// split takes a line apart; false if words are missing.
static bool split(const char *text, const char *end, struct line *out) {
    struct word first = next_word(&text, end);

    *out = (struct line){0};
    if (first.len > 0 && first.text[0] == '@') {
        if (!take_marker(first, out)) {
            return false;
        }
        first = next_word(&text, end);
    }
    out->names = first;
    out->key = next_word(&text, end);
    if (!is_fingerprint(out->key)) {
        out->type = out->key;
        out->key = next_word(&text, end);
    }
    return out->key.len > 0;
}

// next_line finds the next line that is neither empty nor a comment; false at the end of the text.
static bool next_line(const char **at, size_t *number, struct word *out) {
    while (**at != '\0') {
        const char *start = *at;
        size_t len = strcspn(start, "\n");
        size_t blank = strspn(start, " \t\r");

        *at += start[len] == '\n' ? len + 1 : len;
        (*number)++;
        if (blank < len && start[blank] != '#') {
            *out = (struct word){.text = start, .len = len};
            return true;
        }
    }
    return false;
}

// glob matches '*' and '?' and, unlike fnmatch, takes brackets as they are.
// NOLINTNEXTLINE(readability-function-cognitive-complexity,readability-function-size)
static bool glob(struct word pattern, const char *name) {
    size_t p = 0;
    size_t star = SIZE_MAX;
    const char *after = NULL;

    while (*name != '\0') {
        if (p < pattern.len && pattern.text[p] == '*') {
            star = p++;
            after = name;
        } else if (p < pattern.len &&
                   (pattern.text[p] == '?' || cm_lower(pattern.text[p]) == *name)) {
            p++;
            name++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            name = ++after;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.text[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

// |1|base64 of salt|base64 of HMAC-SHA1(salt, name)
static bool hash_matches(struct word w, const char *name) {
    const char *bar = memchr(w.text + 3, '|', w.len - 3);
    CM_AUTOFREE uint8_t *salt = NULL;
    CM_AUTOFREE uint8_t *want = NULL;
    uint8_t have[CM_SHA1_SIZE];
    size_t salt_size = 0;
    size_t want_size = 0;

    if (bar == NULL ||
        !cm_base64_decode(w.text + 3, (size_t)(bar - w.text - 3), &salt, &salt_size) ||
        !cm_base64_decode(bar + 1, (size_t)(w.text + w.len - bar - 1), &want, &want_size) ||
        salt_size == 0 || salt_size > SALT_MAX || want_size != CM_SHA1_SIZE) {
        return false;
    }
    cm_hmac_sha1(salt, salt_size, name, strlen(name), have);
    return memcmp(have, want, CM_SHA1_SIZE) == 0;
}

enum match { NO_MATCH, MATCH, EXCLUDED };

static enum match match_one(struct word pattern, const char *name) {
    bool negated = pattern.len > 0 && pattern.text[0] == '!';

    if (negated) {
        pattern.text++;
        pattern.len--;
    }
    if (pattern.len == 0 || !glob(pattern, name)) {
        return NO_MATCH;
    }
    return negated ? EXCLUDED : MATCH;
}

static bool names_match(struct word names, const char *name) {
    const char *end = names.text + names.len;
    bool matched = false;

    if (names.len > 3 && memcmp(names.text, "|1|", 3) == 0) {
        return hash_matches(names, name);
    }
    for (const char *p = names.text; p < end; p++) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end;
        enum match one = match_one((struct word){.text = p, .len = (size_t)(stop - p)}, name);

        if (one == EXCLUDED) {
            return false;
        }
        matched = matched || one == MATCH;
        p = stop;
    }
    return matched;
}

// The key in the forms in which a line may give it.
struct shown {
    char *base64;
    char *fingerprint; // with prefix
};

static bool key_matches(const struct line *line, const struct shown *key) {
    return word_is(line->key, line->type.len == 0 ? key->fingerprint : key->base64);
}

// judge adds what one line says of the key to what the lines before it said.
static enum hub_known_host judge(const struct line *line, const struct shown *key,
                                 enum hub_known_host before) {
    bool matches = key_matches(line, key);

    if (before == HUB_HOST_REVOKED || (line->revoked && !matches)) {
        return before;
    }
    if (matches) {
        return line->revoked ? HUB_HOST_REVOKED : HUB_HOST_KNOWN;
    }
    return before == HUB_HOST_UNKNOWN ? HUB_HOST_CHANGED : before;
}

static enum hub_known_host look_up(const char *text, const char *name, const struct shown *key) {
    enum hub_known_host found = HUB_HOST_UNKNOWN;
    struct word raw;
    struct line line;
    size_t number = 0;

    while (next_line(&text, &number, &raw)) {
        if (split(raw.text, raw.text + raw.len, &line) && !line.authority &&
            names_match(line.names, name)) {
            found = judge(&line, key, found);
        }
    }
    return found;
}

// The name under which OpenSSH keeps a host; the caller frees it.
static char *name_of(const char *host, uint16_t port) {
    return port == SSH_PORT ? cm_strdup(host) : cm_strf("[%s]:%u", host, (unsigned)port);
}

enum hub_known_host hub_known_hosts_check(const char *text, const char *host, uint16_t port,
                                          const uint8_t *key, size_t key_size) {
    struct cm_sha256 hash = cm_sha256(key, key_size);
    CM_AUTOFREE char *base64 = cm_base64(key, key_size);
    CM_AUTOFREE char *hash64 = cm_base64(hash.bytes, sizeof(hash.bytes));
    CM_AUTOFREE char *fingerprint = cm_strf("%s%.*s", fingerprint_prefix, FINGERPRINT_LEN, hash64);
    CM_AUTOFREE char *name = name_of(host, port);
    const struct shown shown = {.base64 = base64, .fingerprint = fingerprint};
    enum hub_known_host found = look_up(text, name, &shown);

    if (found != HUB_HOST_UNKNOWN || port == SSH_PORT) {
        return found;
    }
    // Like ssh: a line without a port may vouch for the key on another port, but not accuse it.
    found = look_up(text, host, &shown);
    return found == HUB_HOST_CHANGED ? HUB_HOST_UNKNOWN : found;
}

// A key begins with its type: u32 length, then the name.
static bool key_ok(const struct line *line) {
    CM_AUTOFREE uint8_t *key = NULL;
    size_t size = 0;

    if (line->type.len == 0) {
        return line->key.len == sizeof(fingerprint_prefix) - 1 + FINGERPRINT_LEN;
    }
    if (!cm_base64_decode(line->key.text, line->key.len, &key, &size) ||
        size < 4 + line->type.len) {
        return false;
    }
    return key[0] == 0 && key[1] == 0 && (size_t)key[2] << 8 == (line->type.len & 0xff00) &&
           key[3] == (line->type.len & 0xff) &&
           memcmp(key + 4, line->type.text, line->type.len) == 0;
}

// Smaller is better; what libssh2 cannot use has no rank.
static int rank_of(struct word type) {
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};

    for (int i = 0; i < (int)(sizeof(types) / sizeof(types[0])); i++) {
        if (word_is(type, types[i])) {
            return i;
        }
    }
    return -1;
}

// best_line finds the best key of lines for `name` and writes it as one of `as`.
static char *best_line(const char *text, const char *name, const char *as) {
    struct line best = {0};
    int best_rank = -1;
    struct word raw;
    struct line line;
    size_t number = 0;

    while (next_line(&text, &number, &raw)) {
        if (!split(raw.text, raw.text + raw.len, &line) || line.authority || line.revoked ||
            !names_match(line.names, name)) {
            continue;
        }

        int rank = rank_of(line.type);
        if (rank >= 0 && key_ok(&line) && (best_rank < 0 || rank < best_rank)) {
            best = line;
            best_rank = rank;
        }
    }
    if (best_rank < 0) {
        return NULL;
    }
    return cm_strf("%s %.*s %.*s\n", as, (int)best.type.len, best.type.text, (int)best.key.len,
                   best.key.text);
}

char *hub_known_hosts_for(const char *text, const char *host, uint16_t port) {
    CM_AUTOFREE char *name = name_of(host, port);
    char *line = best_line(text, name, name);

    return line != NULL || port == SSH_PORT ? line : best_line(text, host, name);
}

enum cm_rc hub_known_hosts_validate(const char *text, struct cm_err *err) {
    struct word raw;
    struct line line;
    size_t number = 0;
    size_t lines = 0;

    if (strnlen(text, HUB_KNOWN_HOSTS_MAX + 1) > HUB_KNOWN_HOSTS_MAX) {
        return cm_fail(err, CM_EINVAL, "known_hosts has more than %u bytes", HUB_KNOWN_HOSTS_MAX);
    }
    if (cm_utf8_valid(text, strlen(text)) != strlen(text)) {
        return cm_fail(err, CM_EINVAL, "known_hosts is no text");
    }
    while (next_line(&text, &number, &raw)) {
        if (!split(raw.text, raw.text + raw.len, &line) || (!line.authority && !key_ok(&line))) {
            return cm_fail(
                err, CM_EINVAL,
                "known_hosts, line %zu: expected 'HOST TYPE KEY' as ssh-keyscan prints it", number);
        }
        lines++;
    }
    if (lines == 0) {
        return cm_fail(err, CM_EINVAL,
                       "known_hosts is empty: put in what ssh-keyscan prints, after "
                       "checking its fingerprint");
    }
    return CM_OK;
}
