#include "hub/repo/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

#define HOST_MAX 253
#define SSH_PORT 22
#define HTTPS_PORT 443

static const char name_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

void hub_url_done(struct hub_url *url) {
    free(url->text);
    free(url->user);
    free(url->host);
    free(url->path);
    *url = (struct hub_url){0};
}

static char *copy(const char *text, size_t len) {
    char *out = cm_new(1, len + 1);

    memcpy(out, text, len);
    return out;
}

// What would have to be escaped, or would end a line in a protocol or a log.
static bool has_odd_byte(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f || *text == '\\' ||
            *text == '"' || *text == '\'') {
            return true;
        }
    }
    return false;
}

static enum cm_rc take_user(const char *user, size_t len, struct hub_url *url, struct cm_err *err) {
    if (memchr(user, ':', len) != NULL) {
        return cm_fail(err, CM_EINVAL,
                       "a URL holds no password: use the options for token, password or key");
    }
    if (url->scheme != HUB_URL_SSH) {
        return cm_fail(err, CM_EINVAL, "an https URL holds no user name: use the option for it");
    }
    url->user = copy(user, len);
    if (len == 0 || user[0] == '-' || strspn(url->user, name_bytes) != len) {
        return cm_fail(err, CM_EINVAL, "the user name in the URL is malformed");
    }
    return CM_OK;
}

static bool host_ok(const char *host, bool bracketed) {
    size_t len = strlen(host);

    if (len == 0 || len > HOST_MAX || host[0] == '-' || host[0] == '.') {
        return false;
    }
    if (bracketed) {
        return strspn(host, "0123456789abcdef:.") == len && strchr(host, ':') != NULL;
    }
    return strspn(host, name_bytes) == len;
}

// NOLINTNEXTLINE(readability-function-size) a list of what a host may be
static enum cm_rc take_host(const char *host, size_t len, bool bracketed, struct hub_url *url,
                            struct cm_err *err) {
    url->host = copy(host, len);
    for (char *p = url->host; *p != '\0'; p++) {
        *p = cm_lower(*p);
    }
    if (!host_ok(url->host, bracketed)) {
        return cm_fail(err, CM_EINVAL, "the URL has no valid host name");
    }
    return CM_OK;
}

static enum cm_rc take_port(const char *text, const char *end, struct hub_url *url,
                            struct cm_err *err) {
    unsigned port = 0;

    for (const char *p = text; p < end && port <= UINT16_MAX; p++) {
        if (!isdigit((unsigned char)*p)) {
            port = UINT16_MAX + 1U;
            break;
        }
        port = port * 10 + (unsigned)(*p - '0');
    }
    if (port == 0 || port > UINT16_MAX) {
        return cm_fail(err, CM_EINVAL, "the port in the URL is not a number from 1 to 65535");
    }
    url->port = (uint16_t)port;
    return CM_OK;
}

// take_place reads HOST or [V6], with an optional :PORT, up to end.
static enum cm_rc take_place(const char *text, const char *end, struct hub_url *url,
                             struct cm_err *err) {
    bool bracketed = text < end && *text == '[';
    const char *close = bracketed ? memchr(text, ']', (size_t)(end - text)) : NULL;
    const char *colon = NULL;

    if (bracketed && close == NULL) {
        return cm_fail(err, CM_EINVAL, "the URL has no valid host name");
    }
    if (!bracketed) {
        colon = memchr(text, ':', (size_t)(end - text));
        close = colon != NULL ? colon : end;
    } else {
        text++;
        colon = close + 1 < end ? close + 1 : NULL;
    }
    if (take_host(text, (size_t)(close - text), bracketed, url, err) < 0) {
        return err->code;
    }
    if (colon == NULL) {
        return CM_OK;
    }
    if (*colon != ':') {
        return cm_fail(err, CM_EINVAL, "the URL has no valid host name");
    }
    return take_port(colon + 1, end, url, err);
}

static enum cm_rc parse_network(const char *rest, struct hub_url *url, struct cm_err *err) {
    const char *slash = strchr(rest, '/');
    const char *at = NULL;

    if (slash == NULL || slash[1] == '\0') {
        return cm_fail(err, CM_EINVAL, "the URL names a host and no repository on it");
    }
    if (strpbrk(rest, "?#") != NULL) {
        return cm_fail(err, CM_EINVAL, "the URL of a repository has no '?' and no '#'");
    }
    at = memchr(rest, '@', (size_t)(slash - rest));
    if (at != NULL) {
        if (take_user(rest, (size_t)(at - rest), url, err) < 0) {
            return err->code;
        }
        rest = at + 1;
    }
    url->port = url->scheme == HUB_URL_SSH ? SSH_PORT : HTTPS_PORT;
    if (take_place(rest, slash, url, err) < 0) {
        return err->code;
    }
    url->path = cm_strdup(slash);
    return CM_OK;
}

static enum cm_rc parse_file(const char *rest, struct hub_url *url, struct cm_err *err) {
    if (rest[0] != '/') {
        return cm_fail(err, CM_EINVAL, "a file URL needs an absolute path: file:///srv/git/x.git");
    }
    url->path = cm_strdup(rest);
    return CM_OK;
}

// USER@HOST:PATH, where PATH is below the user's home folder.
static enum cm_rc parse_scp(const char *text, struct hub_url *url, struct cm_err *err) {
    const char *colon = strchr(text, ':');
    const char *at = colon == NULL ? NULL : memchr(text, '@', (size_t)(colon - text));

    if (colon == NULL || at == NULL || strncmp(colon, "://", 3) == 0) {
        return cm_fail(err, CM_EINVAL,
                       "a repository is named by https://…, ssh://…, user@host:path or file:///…");
    }
    url->scheme = HUB_URL_SSH;
    url->port = SSH_PORT;
    if (take_user(text, (size_t)(at - text), url, err) < 0 ||
        take_host(at + 1, (size_t)(colon - at - 1), false, url, err) < 0) {
        return err->code;
    }
    if (colon[1] == '\0' || colon[1] == '-') {
        return cm_fail(err, CM_EINVAL, "the URL names a host and no repository on it");
    }
    url->path = cm_strdup(colon + 1);
    return CM_OK;
}

static enum cm_rc parse(const char *text, struct hub_url *url, struct cm_err *err) {
    static const struct {
        const char *prefix;
        enum hub_url_scheme scheme;
    } schemes[] = {{"https://", HUB_URL_HTTPS}, {"ssh://", HUB_URL_SSH}, {"file://", HUB_URL_FILE}};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);

        if (strncmp(text, schemes[i].prefix, len) == 0) {
            url->scheme = schemes[i].scheme;
            return url->scheme == HUB_URL_FILE ? parse_file(text + len, url, err)
                                               : parse_network(text + len, url, err);
        }
    }
    if (strncmp(text, "http://", 7) == 0 || strncmp(text, "git://", 6) == 0) {
        return cm_fail(err, CM_EINVAL,
                       "anybody on the way could change what comes over http and "
                       "git://: use https:// or ssh://");
    }
    return parse_scp(text, url, err);
}

enum cm_rc hub_url_parse(const char *text, struct hub_url *out, struct cm_err *err) {
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    if (strnlen(text, HUB_URL_MAX + 1) > HUB_URL_MAX) {
        return cm_fail(err, CM_EINVAL, "the URL is longer than %d bytes", HUB_URL_MAX);
    }
    if (has_odd_byte(text)) {
        return cm_fail(err, CM_EINVAL,
                       "the URL has a space, quote, backslash, control or non-ASCII byte: write it "
                       "as %%XX");
    }
    if (parse(text, &url, err) < 0) {
        return err->code;
    }
    url.text = cm_strdup(text);
    *out = url;
    url = (struct hub_url){0};
    return CM_OK;
}
