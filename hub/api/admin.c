#include "hub/api/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fsys.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/tokens.h"

struct file {
    bool there;
    bool exposed; // others may read or write it, or it is somebody else's
    bool good;    // it holds a token
    struct hub_credential token;
};

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void read_text(int fd, struct file *out) {
    char text[HUB_CREDENTIAL_TEXT_MAX + 8] = "";
    ssize_t n = read(fd, text, sizeof(text) - 1);

    text[n < 0 ? 0 : n] = '\0';
    text[strcspn(text, " \t\r\n")] = '\0';
    out->good = hub_credential_parse(text, &out->token);
    explicit_bzero(text, sizeof(text));
}

static enum cm_rc read_file(const char *path, struct file *out, struct cm_err *err) {
    CM_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0 && errno == ENOENT) {
        return CM_OK;
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        return cm_fail(err, CM_EIO, "read '%s': %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return cm_fail(err, CM_EINVAL, "'%s' is no regular file", path);
    }
    out->there = true;
    out->exposed = (st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0);
    read_text(fd, out);
    return CM_OK;
}

static enum cm_rc add_row(struct hub_db *db, const struct hub_credential *c, int64_t now_ms,
                          struct cm_err *err) {
    struct hub_api_token token = {
        .name = HUB_ADMIN_TOKEN_NAME,
        .made_by = "hub",
        .made_ms = now_ms,
        .role = HUB_ROLE_ADMIN,
        .secret = cm_sha256(c->secret, sizeof(c->secret)),
    };

    memcpy(token.id, c->id, sizeof(token.id));
    return hub_api_tokens_add(db, &token, err);
}

// The file first: a token that is in the file only is taken in at the next start.
static enum cm_rc make_token(struct hub_db *db, const char *path, int64_t now_ms,
                             struct cm_err *err) {
    CM_CLEANUP(hub_credential_done) struct hub_credential c = {0};
    char text[HUB_CREDENTIAL_TEXT_MAX];

    hub_credential_make(&c);
    hub_credential_text(&c, text);
    text[sizeof(text) - 1] = '\n';
    enum cm_rc rc = cm_fsys_replace(path, text, sizeof(text), 0600, err);
    explicit_bzero(text, sizeof(text));

    rc = rc < 0 ? rc : hub_api_tokens_expire(db, HUB_ADMIN_TOKEN_NAME, now_ms, err);
    rc = rc < 0 ? rc : add_row(db, &c, now_ms, err);
    if (rc == CM_OK) {
        cm_log(CM_LOG_INFO, "api.admin_token", "a new API token for the administrator was made",
               "file", path, NULL);
    }
    return rc;
}

static bool opens(const struct file *file, const struct hub_api_token *row, int64_t now_ms) {
    return hub_credential_opens(&file->token, row) && row->role == HUB_ROLE_ADMIN &&
           (row->expires_ms == 0 || row->expires_ms > now_ms);
}

static enum cm_rc check_token(struct hub_db *db, const char *path, const struct file *file,
                              int64_t now_ms, struct cm_err *err) {
    struct hub_api_token row;
    enum cm_rc rc = hub_api_tokens_find(db, file->token.id, &row, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_ENOTFOUND && !file->exposed) {
        cm_log(CM_LOG_WARN, "api.admin_token", "the database did not know this token; taken in",
               "file", path, NULL);
        return add_row(db, &file->token, now_ms, err);
    }
    if (rc == CM_ENOTFOUND || !opens(file, &row, now_ms)) {
        return make_token(db, path, now_ms, err);
    }
    if (file->exposed) {
        cm_log(CM_LOG_WARN, "api.admin_token",
               "others may read the administrator's token; say chmod 600, or empty the file to get "
               "a new one",
               "file", path, NULL);
    }
    return CM_OK;
}

static enum cm_rc ensure(struct hub_db *db, const char *path, int64_t now_ms, struct cm_err *err) {
    struct file file = {0};
    int64_t admins = 0;
    enum cm_rc rc = read_file(path, &file, err);

    rc = rc < 0 ? rc : hub_api_tokens_admins(db, now_ms, &admins, err);
    if (rc < 0) {
        return rc;
    }
    if (file.good) {
        rc = check_token(db, path, &file, now_ms, err);
    } else if (file.there || admins == 0) {
        rc = make_token(db, path, now_ms, err);
    }
    hub_credential_done(&file.token);
    return rc;
}

enum cm_rc hub_admin_ensure(struct hub_db *db, const char *data_dir, int64_t now_ms,
                            struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/admin.token", data_dir);
    enum cm_rc rc = hub_db_begin(db, err);

    if (rc < 0) {
        return rc;
    }
    if (ensure(db, path, now_ms, err) < 0) {
        hub_db_rollback(db);
        return cm_wrap(err, "the administrator's API token");
    }
    return hub_db_commit(db, err);
}
