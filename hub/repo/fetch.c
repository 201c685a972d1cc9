#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/address.h"
#include "hub/repo/child.h"
#include "hub/repo/git.h"
#include "hub/repo/known_hosts.h"
#include "hub/repo/mirror.h"
#include "hub/repo/trouble.h"
#include "hub/repo/url.h"
#include "hub/repo/want.h"

#define DEFAULT_USER "git"
#define USER_AGENT "holdfast/" HOLDFAST_VERSION

struct fetch {
    const struct hub_request *request;
    const struct hub_repo_source *source;
    struct hub_url url;
    struct hub_mirror mirror;
    unsigned asked; // how often for a secret
    uint64_t received_bytes;
    struct hub_want want;
    struct hub_answer *answer; // set by a callback that refuses; libgit2 has no room for reasons
};

static enum cm_rc refuse(struct fetch *f, enum hub_repo_trouble trouble) {
    f->answer->trouble = trouble;
    return f->answer->err.code;
}

// same_place: a redirect must not take a credential elsewhere. on_certificate has refused those to
// other hosts and ports already; whoever changes that finds a second lock here.
static bool same_place(const struct fetch *f, const char *text) {
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};
    struct cm_err ignored;

    return hub_url_parse(text, &url, &ignored) == CM_OK && url.scheme == f->url.scheme &&
           url.host != NULL && f->url.host != NULL && strcmp(url.host, f->url.host) == 0 &&
           url.port == f->url.port;
}

static int give_secret(git_credential **out, struct fetch *f, const char *user, unsigned allowed) {
    const struct hub_repo_source *s = f->source;
    const char *secret = s->token != NULL ? s->token : s->password;

    if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0 && s->ssh_key_file != NULL) {
        return git_credential_ssh_key_new(out, user, NULL, s->ssh_key_file, s->ssh_passphrase);
    }
    if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && f->url.scheme == HUB_URL_HTTPS &&
        secret != NULL) {
        return git_credential_userpass_plaintext_new(
            out, s->username != NULL ? s->username : DEFAULT_USER, secret);
    }
    (void)cm_fail(&f->answer->err, CM_EAUTH, "the server wants a credential: set %s",
                  f->url.scheme == HUB_URL_SSH ? "an ssh key that it accepts"
                                               : "a token, or user name and password");
    (void)refuse(f, HUB_REPO_AUTH);
    return GIT_EUSER;
}

static int on_credentials(git_credential **out, const char *url, const char *user, unsigned allowed,
                          void *payload) {
    struct fetch *f = payload;

    hub_child_alive();
    if (!same_place(f, url)) {
        (void)cm_fail(&f->answer->err, CM_EINVAL,
                      "it redirects to another place, which gets no credential");
        (void)refuse(f, HUB_REPO_REDIRECT);
        return GIT_EUSER;
    }
    if (allowed == GIT_CREDENTIAL_USERNAME) {
        return git_credential_username_new(out, f->source->username != NULL ? f->source->username
                                                                            : DEFAULT_USER);
    }
    if (f->asked++ > 0) { // the same secret a second time would be as wrong
        (void)cm_fail(&f->answer->err, CM_EAUTH, "the server did not accept %s",
                      f->url.scheme == HUB_URL_SSH ? "the ssh key"
                      : f->source->token != NULL   ? "the token"
                                                   : "user name and password");
        (void)refuse(f, HUB_REPO_AUTH);
        return GIT_EUSER;
    }
    return give_secret(out, f, user != NULL ? user : DEFAULT_USER, allowed);
}

static enum cm_rc check_host_key(const struct fetch *f, const git_cert_hostkey *key,
                                 struct cm_err *err) {
    const char *host = f->url.host;

    if ((key->type & GIT_CERT_SSH_RAW) == 0 || key->hostkey == NULL) {
        return cm_fail(err, CM_EAUTH, "the server showed no host key");
    }
    switch (hub_known_hosts_check(f->source->known_hosts, host, f->url.port,
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
                   host, (unsigned)f->url.port);
}

static int on_certificate(git_cert *cert, int valid, const char *host, void *payload) {
    struct fetch *f = payload;
    struct cm_err *err = &f->answer->err;

    hub_child_alive();
    if (strcasecmp(host, f->url.host) != 0) {
        (void)cm_fail(err, CM_EINVAL, "it redirects to another host");
        (void)refuse(f, HUB_REPO_REDIRECT);
        return GIT_EUSER;
    }
    if (hub_address_check_ports(f->url.port, err) < 0) {
        (void)refuse(f, HUB_REPO_REDIRECT);
        return GIT_EUSER;
    }
    if (!f->source->allow_private_hosts && hub_address_check_peers(err) < 0) {
        (void)refuse(f, HUB_REPO_FORBIDDEN);
        return GIT_EUSER;
    }
    if (f->url.scheme == HUB_URL_HTTPS) {
        return valid && cert->cert_type == GIT_CERT_X509 ? 0 : GIT_PASSTHROUGH;
    }
    if (cert->cert_type != GIT_CERT_HOSTKEY_LIBSSH2) {
        return GIT_ECERTIFICATE;
    }
    if (check_host_key(f, (const git_cert_hostkey *)(const void *)cert, err) < 0) {
        (void)refuse(f, HUB_REPO_HOST_KEY);
        return GIT_EUSER;
    }
    return 0;
}

static int on_progress(const git_indexer_progress *stats, void *payload) {
    struct fetch *f = payload;
    const struct hub_repo_limits *limits = &f->request->limits;

    hub_child_alive();
    f->received_bytes = stats->received_bytes;
    if (stats->received_bytes <= limits->max_received_bytes &&
        stats->total_objects <= limits->max_objects) {
        return 0;
    }
    (void)cm_fail(
        &f->answer->err, CM_EINVAL, "it sends more than the limit of %llu bytes or %llu objects",
        (unsigned long long)limits->max_received_bytes, (unsigned long long)limits->max_objects);
    (void)refuse(f, HUB_REPO_TOO_LARGE);
    return GIT_EUSER;
}

static int on_words(const char *text, int size, void *payload) {
    (void)text;
    (void)size;
    (void)payload;
    hub_child_alive();
    return 0;
}

static git_remote_callbacks callbacks_of(struct fetch *f) {
    git_remote_callbacks callbacks;

    (void)git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    callbacks.credentials = on_credentials;
    callbacks.certificate_check = on_certificate;
    callbacks.transfer_progress = on_progress;
    callbacks.sideband_progress = on_words;
    callbacks.payload = f;
    return callbacks;
}

// explain turns libgit2's failure into trouble and words, unless a callback has done so.
static enum cm_rc explain(struct fetch *f, int failure) {
    struct cm_err *err = &f->answer->err;

    if (err->code == CM_OK) {
        f->answer->trouble = hub_trouble_of(failure, err);
    }
    return err->code;
}

// prepare_ssh gives libssh2 a home folder whose known_hosts names the key type that we can check.
// libgit2 takes the type to ask for from there; it decides nothing.
static enum cm_rc prepare_ssh(struct fetch *f, struct cm_err *err) {
    CM_AUTOFREE char *folder = cm_strf("%s/.ssh", f->mirror.home);
    CM_AUTOFREE char *file = cm_strf("%s/known_hosts", folder);
    CM_AUTOFREE char *line = hub_known_hosts_for(f->source->known_hosts, f->url.host, f->url.port);
    const char *text = line != NULL ? line : "";

    if (cm_fsys_make_dir(folder, 0700, err) < 0 ||
        cm_fsys_replace(file, text, strlen(text), 0600, err) < 0) {
        return err->code;
    }
    if (setenv("HOME", f->mirror.home, 1) != 0) {
        return cm_fail(err, CM_EIO, "set HOME");
    }
    return CM_OK;
}

static enum cm_rc prepare_https(struct fetch *f, struct cm_err *err) {
    if (f->source->ca_file != NULL &&
        git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, f->source->ca_file, NULL) < 0) {
        return hub_git_fail(err, CM_EINVAL, "read the CA file '%s'", f->source->ca_file);
    }
    return CM_OK;
}

static enum cm_rc prepare(struct fetch *f, struct cm_err *err) {
    const struct hub_repo_limits *limits = &f->request->limits;

    (void)git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, (size_t)limits->max_object_bytes);
    (void)git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)limits->max_objects);
    (void)git_libgit2_opts(GIT_OPT_SET_USER_AGENT, USER_AGENT);
    if (f->url.scheme == HUB_URL_SSH) {
        return prepare_ssh(f, err);
    }
    return f->url.scheme == HUB_URL_HTTPS ? prepare_https(f, err) : CM_OK;
}

static enum cm_rc choose(struct fetch *f, git_remote *remote) {
    const git_remote_head **heads = NULL;
    size_t count = 0;
    int rc = git_remote_ls(&heads, &count, remote);

    if (rc < 0) {
        return explain(f, rc);
    }
    rc = hub_want_find(f->source, heads, count, &f->want, &f->answer->err);
    if (rc == CM_ENOTFOUND) {
        f->answer->trouble = HUB_REPO_BRANCH_GONE;
    }
    return (enum cm_rc)rc;
}

static enum cm_rc connect_to(struct fetch *f, git_remote *remote) {
    git_remote_connect_options options;

    (void)git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    options.callbacks = callbacks_of(f);
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;

    int rc = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options);
    return rc < 0 ? explain(f, rc) : CM_OK;
}

static int download_specs(struct fetch *f, git_remote *remote, char **names, size_t count) {
    const git_strarray specs = {.strings = names, .count = count};
    git_fetch_options options;

    (void)git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks = callbacks_of(f);
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    options.update_fetchhead = 0;
    return git_remote_download(remote, &specs, &options);
}

// No reference moves by this; move_tip does that.
static enum cm_rc download(struct fetch *f, git_remote *remote) {
    CM_AUTOFREE char *spec = cm_strf("+%s:" HUB_MIRROR_TIP, f->want.name);
    char all[] = "+refs/*:refs/*";
    char *names[] = {all};
    int rc = download_specs(f, remote, &spec, 1);

    if (rc < 0 && f->want.by_id && f->answer->err.code == CM_OK) { // it serves no ids
        rc = download_specs(f, remote, names, 1);
    }
    return rc < 0 ? explain(f, rc) : CM_OK;
}

static enum cm_rc receive(struct fetch *f, git_repository *repo) {
    CM_CLEANUP(hub_git_remotep) git_remote *remote = NULL;
    int rc = git_remote_create_anonymous(&remote, repo, f->url.text);

    if (rc < 0) {
        return explain(f, rc);
    }
    if (connect_to(f, remote) < 0 || choose(f, remote) < 0) {
        return f->answer->err.code;
    }
    return download(f, remote);
}

// is_here: a commit that was fetched once stays what it is.
static bool is_here(struct fetch *f, git_repository *repo) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;

    return f->source->commit != NULL && git_oid_fromstr(&f->want.oid, f->source->commit) == 0 &&
           git_commit_lookup(&commit, repo, &f->want.oid) == 0;
}

// wanted_commit: a tag's object may stand before its commit.
static enum cm_rc wanted_commit(struct fetch *f, git_repository *repo, git_oid *out) {
    CM_CLEANUP(hub_git_objectp) git_object *object = NULL;
    CM_CLEANUP(hub_git_objectp) git_object *commit = NULL;

    CM_AUTOFREE char *text = hub_want_text(f->source);

    if (git_object_lookup(&object, repo, &f->want.oid, GIT_OBJECT_ANY) < 0 && f->want.by_id) {
        f->answer->trouble = HUB_REPO_BRANCH_GONE;
        return cm_fail(&f->answer->err, CM_ENOTFOUND, "the repository has no %s", text);
    }
    if (object == NULL || git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0) {
        f->answer->trouble = HUB_REPO_PROTOCOL;
        return hub_git_fail(&f->answer->err, CM_EIO, "the %s leads to no commit", text);
    }
    *out = *git_object_id(commit);
    return CM_OK;
}

static enum cm_rc move_tip(struct fetch *f, git_repository *repo, const git_oid *commit) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    struct hub_repo_fetched *fetched = &f->answer->fetched;
    struct cm_err ignored;
    git_oid before = {{0}};

    if (hub_mirror_tip(repo, &before, &ignored) == CM_OK && !git_oid_equal(&before, commit)) {
        fetched->rewound = git_graph_descendant_of(repo, commit, &before) != 1;
    }
    if (git_reference_create(&ref, repo, HUB_MIRROR_TIP, commit, 1, NULL) < 0) {
        f->answer->trouble = HUB_REPO_LOCAL;
        return hub_git_fail(&f->answer->err, CM_EIO, "move the mirror's tip");
    }
    memcpy(fetched->commit.bytes, commit->id, HUB_REPO_ID_SIZE);
    memcpy(fetched->before.bytes, before.id, HUB_REPO_ID_SIZE);
    memcpy(fetched->ref, f->want.name, f->want.by_id ? 0 : strlen(f->want.name));
    fetched->changed = !git_oid_equal(&before, commit);
    fetched->received_bytes = f->received_bytes;
    fetched->packs = hub_mirror_packs(&f->mirror);
    return CM_OK;
}

static enum cm_rc check_address(struct fetch *f) {
    enum cm_rc rc = CM_OK;

    if (f->url.scheme != HUB_URL_FILE) {
        rc = hub_address_check_host(f->url.host, f->url.port, f->source->allow_private_hosts,
                                    &f->answer->err);
    }
    if (rc < 0) {
        f->answer->trouble = rc == CM_EINVAL ? HUB_REPO_FORBIDDEN : HUB_REPO_UNREACHABLE;
    }
    return rc;
}

static enum cm_rc fetch(struct fetch *f) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;
    struct cm_err *err = &f->answer->err;
    git_oid commit;

    if (hub_url_parse(f->source->url, &f->url, err) < 0 ||
        hub_mirror_lock(f->request->folder, &f->mirror, err) < 0 ||
        hub_mirror_open(&f->mirror, &repo, err) < 0 || prepare(f, err) < 0) {
        return err->code;
    }
    if (!is_here(f, repo)) {
        hub_child_listen(f->request->limits.silence_ms);
        if (check_address(f) < 0 || receive(f, repo) < 0) {
            return err->code;
        }
        hub_child_listen(0);
    }
    if (wanted_commit(f, repo, &commit) < 0) {
        return err->code;
    }
    return move_tip(f, repo, &commit);
}

void hub_child_fetch(const struct hub_request *request, struct hub_answer *answer) {
    struct fetch f = {.request = request, .source = &request->source, .answer = answer};

    answer->trouble = HUB_REPO_LOCAL; // until we talk to somebody else
    if (fetch(&f) == CM_OK) {
        answer->trouble = HUB_REPO_FINE;
    }
    hub_mirror_unlock(&f.mirror);
    hub_url_done(&f.url);
}
