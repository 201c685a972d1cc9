#include "hub/repo/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/semver.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/repo/exchange.h"
#include "hub/repo/known_hosts.h"
#include "hub/repo/mirror.h"
#include "hub/repo/run.h"
#include "hub/repo/url.h"

#define TEXT_MAX 16384 // of a token or passphrase
#define BRANCH_MAX 255

const struct hub_repo_limits hub_repo_limits_default = {
    .deadline_ms = INT64_C(5) * 60 * 1000,
    .silence_ms = INT64_C(30) * 1000,
    .max_received_bytes = 1U << 30,
    .max_objects = UINT64_C(4) * 1000 * 1000,
    .max_object_bytes = 32U << 20,
    .max_memory_bytes = 2ULL << 30,
};

const char *hub_repo_trouble_name(enum hub_repo_trouble trouble) {
    static const char *const names[] = {
        [HUB_REPO_FINE] = "none",           [HUB_REPO_UNREACHABLE] = "unreachable",
        [HUB_REPO_TIMEOUT] = "timeout",     [HUB_REPO_AUTH] = "auth",
        [HUB_REPO_HOST_KEY] = "host-key",   [HUB_REPO_CA] = "ca",
        [HUB_REPO_MISSING] = "missing",     [HUB_REPO_BRANCH_GONE] = "branch-gone",
        [HUB_REPO_REDIRECT] = "redirect",   [HUB_REPO_TOO_LARGE] = "too-large",
        [HUB_REPO_FORBIDDEN] = "forbidden", [HUB_REPO_LOCAL] = "local",
        [HUB_REPO_PROTOCOL] = "protocol",   [HUB_REPO_MOVED] = "moved",
        [HUB_REPO_REFUSED] = "refused",     [HUB_REPO_WENT_BACK] = "went-back",
    };

    return names[trouble];
}

static bool text_ok(const char *text) {
    if (text == NULL) {
        return true;
    }

    size_t len = strnlen(text, TEXT_MAX + 1);
    return len > 0 && len <= TEXT_MAX && cm_utf8_valid(text, len) == len;
}

// What git-check-ref-format says, less what no branch or tag of a fleet needs.
static bool branch_ok(const char *branch) {
    size_t len = strnlen(branch, BRANCH_MAX + 1);

    if (len > BRANCH_MAX || !cm_fsys_path_ok(branch) || branch[0] == '-') {
        return false;
    }
    if (strpbrk(branch, " ~^:?*[\\") != NULL || strstr(branch, "..") != NULL ||
        strstr(branch, "@{") != NULL || strcmp(branch, "@") == 0) {
        return false;
    }
    return branch[len - 1] != '.' && (len < 5 || strcmp(branch + len - 5, ".lock") != 0);
}

static bool id_ok(const char *text) {
    struct hub_repo_id id;

    return strlen(text) == HUB_REPO_ID_HEX_MAX - 1 && hub_repo_id_parse(text, &id);
}

static enum cm_rc check_ref(const struct hub_repo_source *s, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_semver_range *range;

    if (s->branch != NULL && !branch_ok(s->branch)) {
        return cm_fail(err, CM_EINVAL, "'%.100s' cannot name a branch", s->branch);
    }
    if (s->tag != NULL && !branch_ok(s->tag)) {
        return cm_fail(err, CM_EINVAL, "'%.100s' cannot name a tag", s->tag);
    }
    if (s->commit != NULL && !id_ok(s->commit)) {
        return cm_fail(err, CM_EINVAL, "'%.100s' is no commit: give all 40 digits of its id",
                       s->commit);
    }
    return s->semver != NULL ? cm_semver_range_parse(a, s->semver, &range, err) : CM_OK;
}

static enum cm_rc check_texts(const struct hub_repo_source *s, struct cm_err *err) {
    const struct {
        const char *name;
        const char *text;
    } texts[] = {{"token", s->token},
                 {"user name", s->username},
                 {"password", s->password},
                 {"CA file", s->ca_file},
                 {"ssh key", s->ssh_key_file},
                 {"ssh passphrase", s->ssh_passphrase},
                 {"known_hosts file", s->known_hosts_file}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!text_ok(texts[i].text)) {
            return cm_fail(err, CM_EINVAL, "the %s is empty, too long, or no UTF-8", texts[i].name);
        }
    }
    return CM_OK;
}

static enum cm_rc check_https(const struct hub_repo_source *s, struct cm_err *err) {
    if (s->ssh_key_file != NULL || s->known_hosts != NULL || s->known_hosts_file != NULL) {
        return cm_fail(err, CM_EINVAL,
                       "an https URL goes with a token or password, not with ssh's "
                       "key and known_hosts");
    }
    if (s->token != NULL && s->password != NULL) {
        return cm_fail(err, CM_EINVAL, "give a token or a password, not both");
    }
    if (s->username != NULL && s->token == NULL && s->password == NULL) {
        return cm_fail(err, CM_EINVAL, "a user name alone opens nothing: give a password or token");
    }
    return CM_OK;
}

static enum cm_rc check_ssh(const struct hub_repo_source *s, struct cm_err *err) {
    if (s->ssh_key_file == NULL) {
        return cm_fail(err, CM_EINVAL, "an ssh URL needs a private key");
    }
    if (s->token != NULL || s->password != NULL || s->ca_file != NULL) {
        return cm_fail(
            err, CM_EINVAL,
            "an ssh URL goes with a key and known_hosts, not with token, password or CA");
    }
    if ((s->known_hosts == NULL) == (s->known_hosts_file == NULL)) {
        return cm_fail(
            err, CM_EINVAL,
            "an ssh URL needs known_hosts: put in what ssh-keyscan prints, after checking "
            "its fingerprint");
    }
    return s->known_hosts == NULL ? CM_OK : hub_known_hosts_validate(s->known_hosts, err);
}

static enum cm_rc check_file(const struct hub_repo_source *s, struct cm_err *err) {
    if (s->token != NULL || s->username != NULL || s->password != NULL || s->ca_file != NULL ||
        s->ssh_key_file != NULL || s->known_hosts != NULL || s->known_hosts_file != NULL) {
        return cm_fail(err, CM_EINVAL, "a file URL needs no credential");
    }
    return CM_OK;
}

static enum cm_rc check_all(const struct hub_repo_source *s, struct cm_err *err) {
    CM_CLEANUP(hub_url_done) struct hub_url url = {0};

    if (hub_url_parse(s->url, &url, err) < 0 || check_texts(s, err) < 0) {
        return err->code;
    }
    if (check_ref(s, err) < 0) {
        return err->code;
    }
    switch (url.scheme) {
    case HUB_URL_HTTPS:
        return check_https(s, err);
    case HUB_URL_SSH:
        return check_ssh(s, err);
    case HUB_URL_FILE:
        break;
    }
    return check_file(s, err);
}

enum cm_rc hub_repo_source_check(const struct hub_repo_source *source, struct cm_err *err) {
    int refs = (source->branch != NULL) + (source->tag != NULL) + (source->semver != NULL) +
               (source->commit != NULL);

    if (source->name == NULL || source->url == NULL || refs != 1) {
        return cm_fail(err, CM_EINVAL,
                       "a repository needs a name, a URL, and one of branch, tag, range of "
                       "versions and commit");
    }
    if (check_all(source, err) < 0) {
        return cm_wrap(err, "repository '%.100s'", source->name);
    }
    return CM_OK;
}

enum cm_rc hub_repo_fetch(const struct hub_repo_source *source, const struct hub_repo_job *job,
                          struct hub_repo_fetched *out, enum hub_repo_trouble *trouble,
                          struct cm_err *err) {
    struct hub_request request = {.verb = HUB_REQUEST_FETCH};
    struct hub_answer answer = {.trouble = HUB_REPO_LOCAL};

    *trouble = HUB_REPO_LOCAL;
    if (hub_repo_source_check(source, err) < 0) {
        return err->code;
    }

    enum cm_rc rc = hub_request_run(source, job, &request, &answer, err);
    *trouble = answer.trouble;
    if (rc < 0) {
        return cm_wrap(err, "fetch '%.100s' from '%.200s'", source->name, source->url);
    }
    *out = answer.fetched;
    return CM_OK;
}

enum cm_rc hub_repo_compact(const struct hub_repo_job *job, struct cm_err *err) {
    struct hub_request request = {.verb = HUB_REQUEST_COMPACT};
    struct hub_answer answer = {0};

    return hub_request_run(NULL, job, &request, &answer, err);
}

enum cm_rc hub_repo_merge(const struct hub_repo_job *job, struct cm_err *err) {
    struct hub_request request = {.verb = HUB_REQUEST_MERGE};
    struct hub_answer answer = {0};

    return hub_request_run(NULL, job, &request, &answer, err);
}

enum cm_rc hub_repo_prune(const struct hub_repo_job *job, struct cm_err *err) {
    struct hub_request request = {.verb = HUB_REQUEST_PRUNE};
    struct hub_answer answer = {0};

    return hub_request_run(NULL, job, &request, &answer, err);
}

// Moved aside first, so that a fetch that begins meanwhile makes a mirror of its own.
enum cm_rc hub_repo_discard(const char *folder, struct cm_err *err) {
    CM_CLEANUP(hub_mirror_unlock) struct hub_mirror mirror = {0};
    CM_AUTOFREE char *aside = cm_strf("%s.gone", folder);

    if (hub_mirror_lock(folder, &mirror, err) < 0 || cm_fsys_remove_tree(aside, err) < 0) {
        return err->code;
    }
    if (rename(folder, aside) != 0) {
        return cm_fail(err, CM_EIO, "move '%s' aside: %s", folder, strerror(errno));
    }
    return cm_fsys_remove_tree(aside, err);
}
