#include "hub/repo/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "hub/repo/known_hosts.h"
#include "hub/repo/mirror.h"
#include "hub/repo/spawn.h"

// read_known_hosts returns the text of the file, or NULL if the source has none; the caller frees.
static enum cm_rc read_known_hosts(const struct hub_repo_source *s, char **out,
                                   struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;

    if (s->known_hosts_file == NULL) {
        return CM_OK;
    }
    if (cm_fsys_read(s->known_hosts_file, HUB_KNOWN_HOSTS_MAX, &file, err) < 0) {
        return err->code;
    }
    if (cm_utf8_valid((const char *)file->data, file->size) != file->size ||
        memchr(file->data, '\0', file->size) != NULL) {
        return cm_fail(err, CM_EINVAL, "'%s' is no text", s->known_hosts_file);
    }

    CM_AUTOFREE char *text = cm_new(1, file->size + 1);
    memcpy(text, file->data, file->size);
    if (hub_known_hosts_validate(text, err) < 0) {
        return cm_wrap(err, "'%s'", s->known_hosts_file);
    }
    *out = CM_TAKE(text);
    return CM_OK;
}

// check_files says now, in our words, what the child could only say in libgit2's.
static enum cm_rc check_files(const struct hub_repo_source *s, struct cm_err *err) {
    const char *const files[] = {s->ca_file, s->ssh_key_file};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i] != NULL && access(files[i], R_OK) != 0) {
            return cm_fail(err, CM_EINVAL, "the file '%s' cannot be read", files[i]);
        }
    }
    return CM_OK;
}

// clean_up sweeps after a child that was killed. If somebody holds the lock, he will sweep.
static void clean_up(const char *folder) {
    CM_CLEANUP(hub_mirror_unlock) struct hub_mirror mirror = {0};
    struct cm_err ignored;

    if (hub_mirror_lock(folder, &mirror, &ignored) < 0) {
        return;
    }
}

static enum cm_rc run(const struct hub_request *request, int cancel_fd, struct hub_answer *answer,
                      struct cm_err *err) {
    enum hub_repo_trouble trouble = HUB_REPO_LOCAL;

    if (hub_spawn(request, cancel_fd, answer, &trouble, err) < 0) {
        answer->trouble = trouble;
        if (request->verb != HUB_REQUEST_MERGE && request->verb != HUB_REQUEST_PRUNE) {
            clean_up(request->folder); // these are done to what is no mirror
        }
        return err->code;
    }
    if (answer->err.code != CM_OK) {
        *err = answer->err;
    }
    return answer->err.code;
}

enum cm_rc hub_request_run(const struct hub_repo_source *source, const struct hub_repo_job *job,
                           struct hub_request *request, struct hub_answer *answer,
                           struct cm_err *err) {
    CM_AUTOFREE char *known_hosts = NULL;

    request->folder = job->folder;
    request->limits = job->limits != NULL ? *job->limits : hub_repo_limits_default;
    if (source == NULL) {
        return run(request, job->cancel_fd, answer, err);
    }
    request->source = *source;
    if (read_known_hosts(source, &known_hosts, err) < 0 || check_files(source, err) < 0) {
        return err->code;
    }
    if (known_hosts != NULL) {
        request->source.known_hosts = known_hosts;
    }
    enum cm_rc rc = run(request, job->cancel_fd, answer, err);
    request->source = (struct hub_repo_source){0}; // known_hosts goes
    return rc;
}
