#include "hub/repo/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/address.h"
#include "hub/repo/child.h"
#include "hub/repo/git.h"
#include "hub/repo/known_hosts.h"
#include "hub/repo/trouble.h"

#define DEFAULT_USER "git"
#define USER_AGENT "holdfast/" HOLDFAST_VERSION
#define WORDS_MAX 1024

static enum cm_rc refuse(struct hub_remote *r, enum hub_repo_trouble trouble) {
    r->answer->trouble = trouble;
    return r->answer->err.code;
}

// same_place: a redirect must not take a credential elsewhere. on_certificate has refused those to
// other hosts and ports already; whoever changes that finds a second lock here.
static bool same_place(const struct hub_remote *r, const char *text) {
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};
    struct cm_err ignored;

    return hub_url_parse(text, &url, &ignored) == CM_OK && url.scheme == r->url.scheme &&
           url.host != NULL && r->url.host != NULL && strcmp(url.host, r->url.host) == 0 &&
           url.port == r->url.port;
}

// give_secret makes libgit2's copy, which it zeroes where it is a password or a passphrase. What
// libcurl and libssh2 make of it they free as it is: this process ends with the exchange, and its
// memory with it.
static int give_secret(git_credential **out, struct hub_remote *r, const char *user,
                       unsigned allowed) {
    const struct hub_repo_source *s = r->source;
    const char *secret = s->token != NULL ? s->token : s->password;

    if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0 && s->ssh_key_file != NULL) {
        return git_credential_ssh_key_new(out, user, NULL, s->ssh_key_file, s->ssh_passphrase);
    }
    if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && r->url.scheme == HUB_URL_HTTPS &&
        secret != NULL) {
        return git_credential_userpass_plaintext_new(
            out, s->username != NULL ? s->username : DEFAULT_USER, secret);
    }
    (void)cm_fail(&r->answer->err, CM_EAUTH, "the server wants a credential: set %s",
                  r->url.scheme == HUB_URL_SSH ? "an ssh key that it accepts"
                                               : "a token, or user name and password");
    (void)refuse(r, HUB_REPO_AUTH);
    return GIT_EUSER;
}

static int on_credentials(git_credential **out, const char *url, const char *user, unsigned allowed,
                          void *payload) {
    struct hub_remote *r = payload;

    hub_child_alive();
    if (!same_place(r, url)) {
        (void)cm_fail(&r->answer->err, CM_EINVAL,
                      "it redirects to another place, which gets no credential");
        (void)refuse(r, HUB_REPO_REDIRECT);
        return GIT_EUSER;
    }
    if (allowed == GIT_CREDENTIAL_USERNAME) {
        return git_credential_username_new(out, r->source->username != NULL ? r->source->username
                                                                            : DEFAULT_USER);
    }
    if (r->asked++ > 0) { // the same secret a second time would be as wrong
        (void)cm_fail(&r->answer->err, CM_EAUTH, "the server did not accept %s",
                      r->url.scheme == HUB_URL_SSH ? "the ssh key"
                      : r->source->token != NULL   ? "the token"
                                                   : "user name and password");
        (void)refuse(r, HUB_REPO_AUTH);
        return GIT_EUSER;
    }
    return give_secret(out, r, user != NULL ? user : DEFAULT_USER, allowed);
}

static enum cm_rc check_host_key(const struct hub_remote *r, const git_cert_hostkey *key,
                                 struct cm_err *err) {
    const char *host = r->url.host;

    if ((key->type & GIT_CERT_SSH_RAW) == 0 || key->hostkey == NULL) {
        return cm_fail(err, CM_EAUTH, "the server showed no host key");
    }
    switch (hub_known_hosts_check(r->source->known_hosts, host, r->url.port,
                                  (const uint8_t *)key->hostkey, key->hostkey_len)) {
    case HUB_HOST_KNOWN:
        return CM_OK;
    case HUB_HOST_CHANGED:
        return cm_fail(err, CM_EAUTH,
                       "the host key of '%s' is not the one in known_hosts: somebody may be "
                       "listening in, or the server has a new key",
                       host);
    case HUB_HOST_REVOKED:
        return cm_fail(err, CM_EAUTH, "the host key of '%s' is revoked in known_hosts", host);
    case HUB_HOST_UNKNOWN:
        break;
    }
    return cm_fail(err, CM_EAUTH,
                   "known_hosts does not name '%s', port %u: add the line that ssh-keyscan prints, "
                   "after checking its fingerprint",
                   host, (unsigned)r->url.port);
}

static int on_certificate(git_cert *cert, int valid, const char *host, void *payload) {
    struct hub_remote *r = payload;
    struct cm_err *err = &r->answer->err;

    hub_child_alive();
    if (strcasecmp(host, r->url.host) != 0) {
        (void)cm_fail(err, CM_EINVAL, "it redirects to another host");
        (void)refuse(r, HUB_REPO_REDIRECT);
        return GIT_EUSER;
    }
    if (hub_address_check_ports(r->url.port, err) < 0) {
        (void)refuse(r, HUB_REPO_REDIRECT);
        return GIT_EUSER;
    }
    if (!r->source->allow_private_hosts && hub_address_check_peers(err) < 0) {
        (void)refuse(r, HUB_REPO_FORBIDDEN);
        return GIT_EUSER;
    }
    if (r->url.scheme == HUB_URL_HTTPS) {
        return valid && cert->cert_type == GIT_CERT_X509 ? 0 : GIT_PASSTHROUGH;
    }
    if (cert->cert_type != GIT_CERT_HOSTKEY_LIBSSH2) {
        return GIT_ECERTIFICATE;
    }
    if (check_host_key(r, (const git_cert_hostkey *)(const void *)cert, err) < 0) {
        (void)refuse(r, HUB_REPO_HOST_KEY);
        return GIT_EUSER;
    }
    return 0;
}

static int on_progress(const git_indexer_progress *stats, void *payload) {
    struct hub_remote *r = payload;
    const struct hub_repo_limits *limits = &r->request->limits;

    hub_child_alive();
    r->received_bytes = stats->received_bytes;
    if (stats->received_bytes <= limits->max_received_bytes &&
        stats->total_objects <= limits->max_objects) {
        return 0;
    }
    (void)cm_fail(
        &r->answer->err, CM_EINVAL, "it sends more than the limit of %llu bytes or %llu objects",
        (unsigned long long)limits->max_received_bytes, (unsigned long long)limits->max_objects);
    (void)refuse(r, HUB_REPO_TOO_LARGE);
    return GIT_EUSER;
}

// What the server says beside its answer: why it refuses something.
static int on_words(const char *text, int size, void *payload) {
    struct hub_remote *r = payload;
    size_t len = size > 0 ? (size_t)size : 0;

    hub_child_alive();
    if (r->words.len + len <= WORDS_MAX) {
        cm_str_add_n(&r->words, text, len);
    }
    return 0;
}

git_remote_callbacks hub_remote_callbacks(struct hub_remote *r) {
    git_remote_callbacks callbacks;

    (void)git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    callbacks.credentials = on_credentials;
    callbacks.certificate_check = on_certificate;
    callbacks.transfer_progress = on_progress;
    callbacks.sideband_progress = on_words;
    callbacks.payload = r;
    return callbacks;
}

enum cm_rc hub_remote_explain(struct hub_remote *r, int failure) {
    struct cm_err *err = &r->answer->err;

    if (err->code == CM_OK) {
        r->answer->trouble = hub_trouble_of(failure, err);
    }
    return err->code;
}

// prepare_ssh gives libssh2 a home folder whose known_hosts names the key type that we can check.
// libgit2 takes the type to ask for from there; it decides nothing.
static enum cm_rc prepare_ssh(struct hub_remote *r, struct cm_err *err) {
    CM_AUTOFREE char *folder = cm_strf("%s/.ssh", r->mirror.home);
    CM_AUTOFREE char *file = cm_strf("%s/known_hosts", folder);
    CM_AUTOFREE char *line = hub_known_hosts_for(r->source->known_hosts, r->url.host, r->url.port);
    const char *text = line != NULL ? line : "";

    if (cm_fsys_make_dir(folder, 0700, err) < 0 ||
        cm_fsys_replace(file, text, strlen(text), 0600, err) < 0) {
        return err->code;
    }
    if (setenv("HOME", r->mirror.home, 1) != 0) {
        return cm_fail(err, CM_EIO, "set HOME");
    }
    return CM_OK;
}

static enum cm_rc prepare_https(struct hub_remote *r, struct cm_err *err) {
    if (r->source->ca_file != NULL &&
        git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, r->source->ca_file, NULL) < 0) {
        return hub_git_fail(err, CM_EINVAL, "read the CA file '%s'", r->source->ca_file);
    }
    return CM_OK;
}

static enum cm_rc prepare(struct hub_remote *r, struct cm_err *err) {
    const struct hub_repo_limits *limits = &r->request->limits;

    (void)git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, (size_t)limits->max_object_bytes);
    (void)git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)limits->max_objects);
    (void)git_libgit2_opts(GIT_OPT_SET_USER_AGENT, USER_AGENT);
    if (r->url.scheme == HUB_URL_SSH) {
        return prepare_ssh(r, err);
    }
    return r->url.scheme == HUB_URL_HTTPS ? prepare_https(r, err) : CM_OK;
}

enum cm_rc hub_remote_open(struct hub_remote *r, git_repository **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;

    if (hub_url_parse(r->source->url, &r->url, err) < 0 ||
        hub_mirror_lock(r->request->folder, &r->mirror, err) < 0 ||
        hub_mirror_open(&r->mirror, &repo, err) < 0 || prepare(r, err) < 0) {
        return err->code;
    }
    *out = CM_TAKE(repo);
    return CM_OK;
}

void hub_remote_close(struct hub_remote *r) {
    hub_mirror_unlock(&r->mirror);
    hub_url_done(&r->url);
    cm_str_done(&r->words);
}

enum cm_rc hub_remote_connect(struct hub_remote *r, git_remote *remote, git_direction direction) {
    git_remote_connect_options options;

    (void)git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    options.callbacks = hub_remote_callbacks(r);
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;

    int rc = git_remote_connect_ext(remote, direction, &options);
    return rc < 0 ? hub_remote_explain(r, rc) : CM_OK;
}

enum cm_rc hub_remote_check_address(struct hub_remote *r) {
    enum cm_rc rc = CM_OK;

    if (r->url.scheme != HUB_URL_FILE) {
        rc = hub_address_check_host(r->url.host, r->url.port, r->source->allow_private_hosts,
                                    &r->answer->err);
    }
    if (rc < 0) {
        r->answer->trouble = rc == CM_EINVAL ? HUB_REPO_FORBIDDEN : HUB_REPO_UNREACHABLE;
    }
    return rc;
}

char *hub_remote_said(const struct hub_remote *r) {
    const char *at = cm_str_get(&r->words);
    size_t len = strcspn(at, "\r\n");

    while (at[len] != '\0' && (len == 0 || strncmp(at, "Resolving deltas", 16) == 0 ||
                               strncmp(at, "Unpacking objects", 17) == 0)) {
        at += len + 1;
        len = strcspn(at, "\r\n");
    }
    char *said = cm_strndup(at, len);
    hub_git_printable(said);
    return said;
}
