#include "hub/repo/repo.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/mirror.h"

#define REVISION_MAX 255
#define BACK_MAX 10000
#define ABBREVIATED_MIN 7
#define COMMIT_MAX_BYTES (1U << 20)
#define NAME_MAX_BYTES 256
#define SUBJECT_MAX_BYTES 512
#define TRAILERS_MAX_BYTES 8192

void hub_repo_close(struct hub_repo *repo) {
    if (repo != NULL) {
        git_odb_free(repo->odb);
        git_repository_free(repo->git);
        free(repo);
    }
}

void hub_repo_closep(struct hub_repo **repo) {
    hub_repo_close(*repo);
}

static enum cm_rc adopt(git_repository *git, struct hub_repo **out, struct cm_err *err) {
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = cm_new(1, sizeof(*repo));

    repo->git = git;
    if (git_repository_odb(&repo->odb, git) < 0) {
        return hub_git_fail(err, CM_EIO, "open the objects of a repository");
    }
    *out = CM_TAKE(repo);
    return CM_OK;
}

enum cm_rc hub_repo_open(const char *folder, struct hub_repo **out, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/repo", folder);
    git_repository *git = NULL;

    hub_git_start();
    int rc = git_repository_open_bare(&git, path);
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "open the mirror '%s'", folder);
    }
    return adopt(git, out, err);
}

enum cm_rc hub_repo_open_local(const char *path, struct hub_repo **out, struct cm_err *err) {
    git_repository *git = NULL;

    hub_git_start();
    // In a container the files often belong to somebody else. The check protects those who run what
    // a repository's configuration names; here only objects are read.
    (void)git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    int rc = git_repository_open_ext(&git, path, 0, NULL);
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "open the repository '%s'", path);
    }
    return adopt(git, out, err);
}

const char *hub_repo_work_folder(const struct hub_repo *repo) {
    return git_repository_workdir(repo->git);
}

// read_header fails if the object is not there, of another type, or larger than max.
static enum cm_rc read_header(struct hub_repo *repo, const git_oid *id, git_object_t type,
                              size_t max, struct cm_err *err) {
    char hex[HUB_REPO_ID_HEX_MAX];
    git_object_t have = GIT_OBJECT_INVALID;
    size_t size = 0;

    (void)git_oid_tostr(hex, sizeof(hex), id);
    int rc = git_odb_read_header(&size, &have, repo->odb, id);
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "read the object %s", hex);
    }
    if (have != type) {
        return cm_fail(err, CM_EINVAL, "the object %s is no %s", hex, git_object_type2string(type));
    }
    if (size > max) {
        return cm_fail(err, CM_EINVAL, "it has %zu bytes, the limit is %zu (object %s)", size, max,
                       hex);
    }
    return CM_OK;
}

// wipe leaves nothing of a file, which may be a Secret, in memory that libgit2 gives back. It is
// nobody else's: libgit2's cache takes no files (their largest size in it is 0).
static void wipe(git_odb_object *file) {
    explicit_bzero((void *)(uintptr_t)git_odb_object_data(file), git_odb_object_size(file));
}

enum cm_rc hub_repo_read_blob(struct hub_repo *repo, const struct hub_repo_id *id, size_t max,
                              struct cm_buf **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *object = NULL;
    git_oid oid;

    memcpy(oid.id, id->bytes, HUB_REPO_ID_SIZE);
    if (read_header(repo, &oid, GIT_OBJECT_BLOB, max, err) < 0) {
        return err->code;
    }
    if (git_odb_read(&object, repo->odb, &oid) < 0) {
        return hub_git_fail(err, CM_EIO, "read a file");
    }
    *out = cm_buf_copy(git_odb_object_data(object), git_odb_object_size(object));
    wipe(object);
    return CM_OK;
}

enum cm_rc hub_repo_read_tree(struct hub_repo *repo, const git_oid *id, size_t max, git_tree **out,
                              struct cm_err *err) {
    enum cm_rc rc = read_header(repo, id, GIT_OBJECT_TREE, max, err);

    if (rc == CM_ENOTFOUND) {
        // What a commit names must be there. Taken for absence, it would look like removed files.
        return cm_fail(err, CM_EIO, "a folder's object is missing");
    }
    if (rc < 0) {
        return rc;
    }
    if (git_tree_lookup(out, repo->git, id) < 0) {
        return hub_git_fail(err, CM_EIO, "read a folder");
    }
    return CM_OK;
}

enum cm_rc hub_repo_read_commit(struct hub_repo *repo, const git_oid *id, git_commit **out,
                                struct cm_err *err) {
    if (read_header(repo, id, GIT_OBJECT_COMMIT, COMMIT_MAX_BYTES, err) < 0) {
        return err->code;
    }
    if (git_commit_lookup(out, repo->git, id) < 0) {
        return hub_git_fail(err, CM_EIO, "read a commit");
    }
    return CM_OK;
}

enum cm_rc hub_repo_commit_tree(struct hub_repo *repo, const struct hub_repo_id *commit,
                                git_oid *out, struct cm_err *err) {
    CM_CLEANUP(hub_git_commitp) git_commit *found = NULL;
    git_oid id;

    memcpy(id.id, commit->bytes, HUB_REPO_ID_SIZE);
    if (hub_repo_read_commit(repo, &id, &found, err) < 0) {
        return err->code;
    }
    *out = *git_commit_tree_id(found);
    return CM_OK;
}

void hub_commit_done(struct hub_commit *c) {
    free(c->author_name);
    free(c->author_email);
    free(c->committer_email);
    free(c->subject);
    free(c->trailers);
    *c = (struct hub_commit){0};
}

// tidy copies at most max bytes of a text, fit to be shown; the caller frees it.
static char *tidy(const char *text, size_t max) {
    size_t len = strnlen(text != NULL ? text : "", max);
    char *out = cm_new(1, len + 1);

    memcpy(out, text != NULL ? text : "", len);
    hub_git_printable(out);
    return out;
}

static char *trailers_of(git_commit *commit) {
    git_message_trailer_array found = {0};
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};

    if (git_message_trailers(&found, git_commit_message(commit)) < 0) {
        return cm_strdup("");
    }
    for (size_t i = 0; i < found.count && out.len < TRAILERS_MAX_BYTES; i++) {
        CM_AUTOFREE char *key = tidy(found.trailers[i].key, NAME_MAX_BYTES);
        CM_AUTOFREE char *value = tidy(found.trailers[i].value, SUBJECT_MAX_BYTES);

        cm_str_addf(&out, "%s: %s\n", key, value);
    }
    git_message_trailer_array_free(&found);
    return cm_str_take(&out);
}

static void describe(git_commit *commit, struct hub_commit *out) {
    const git_signature *author = git_commit_author(commit);
    const git_signature *committer = git_commit_committer(commit);

    *out = (struct hub_commit){
        .author_name = tidy(author->name, NAME_MAX_BYTES),
        .author_email = tidy(author->email, NAME_MAX_BYTES),
        .committer_email = tidy(committer->email, NAME_MAX_BYTES),
        .subject = tidy(git_commit_summary(commit), SUBJECT_MAX_BYTES),
        .trailers = trailers_of(commit),
        .authored_ms = author->when.time * 1000,
        .committed_ms = git_commit_time(commit) * 1000,
        .parents = git_commit_parentcount(commit),
    };
    memcpy(out->id.bytes, git_commit_id(commit)->id, HUB_REPO_ID_SIZE);
    memcpy(out->tree.bytes, git_commit_tree_id(commit)->id, HUB_REPO_ID_SIZE);
}

enum cm_rc hub_repo_describe(struct hub_repo *repo, const git_oid *id, struct hub_commit *out,
                             struct cm_err *err) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;

    if (hub_repo_read_commit(repo, id, &commit, err) < 0) {
        return err->code;
    }
    describe(commit, out);
    return CM_OK;
}

static bool looks_like_id(const char *text) {
    size_t len = strlen(text);

    return len >= ABBREVIATED_MIN && len <= GIT_OID_HEXSZ &&
           strspn(text, "0123456789abcdefABCDEF") == len;
}

// by_name finds what a branch or tag points to, or HEAD.
static int by_name(struct hub_repo *repo, const char *name, git_oid *out) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    CM_CLEANUP(hub_git_objectp) git_object *commit = NULL;
    int rc = git_reference_dwim(&ref, repo->git, name);

    if (rc == 0) {
        rc = git_reference_peel(&commit, ref, GIT_OBJECT_COMMIT);
    }
    if (rc == 0) {
        *out = *git_object_id(commit);
    }
    return rc;
}

static int by_id(struct hub_repo *repo, const char *hex, git_oid *out) {
    git_oid part;
    int rc = git_oid_fromstrn(&part, hex, strlen(hex));

    return rc < 0 ? rc : git_odb_exists_prefix(out, repo->odb, &part, strlen(hex));
}

static enum cm_rc find(struct hub_repo *repo, const char *name, git_oid *out, struct cm_err *err) {
    int rc = GIT_ENOTFOUND;

    if (looks_like_id(name)) {
        rc = by_id(repo, name, out);
    }
    if (rc == GIT_EAMBIGUOUS) {
        return cm_fail(err, CM_EINVAL, "several objects begin with '%s': give more digits", name);
    }
    // In a mirror the branch of the source is called tip; asked for HEAD it is meant, too.
    if (rc < 0) {
        rc = by_name(repo, name, out);
    }
    if (rc < 0 && strcmp(name, "HEAD") == 0) {
        rc = by_name(repo, HUB_MIRROR_TIP, out);
    }
    if (rc < 0) {
        return cm_fail(err, CM_ENOTFOUND, "there is no commit, branch or tag '%s'", name);
    }
    return CM_OK;
}

// split_back takes "~N" off the end of a revision.
static enum cm_rc split_back(char *name, unsigned *out_back, struct cm_err *err) {
    char *tilde = strchr(name, '~');
    unsigned back = 0;

    if (tilde == NULL) {
        *out_back = 0;
        return CM_OK;
    }
    if (tilde[1] == '\0') {
        back = 1;
    }
    for (const char *p = tilde + 1; *p != '\0'; p++) {
        if (!isdigit((unsigned char)*p) || back > BACK_MAX) {
            back = BACK_MAX + 1;
            break;
        }
        back = back * 10 + (unsigned)(*p - '0');
    }
    if (back > BACK_MAX) {
        return cm_fail(err, CM_EINVAL, "after '~' comes a number of at most %d", BACK_MAX);
    }
    *tilde = '\0';
    *out_back = back;
    return CM_OK;
}

static enum cm_rc go_back(struct hub_repo *repo, git_oid *id, unsigned back, struct cm_err *err) {
    while (back-- > 0) {
        CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;

        if (hub_repo_read_commit(repo, id, &commit, err) < 0) {
            return err->code;
        }
        if (git_commit_parentcount(commit) == 0) {
            return cm_fail(err, CM_ENOTFOUND, "there are not that many commits");
        }
        *id = *git_commit_parent_id(commit, 0);
    }
    return CM_OK;
}

enum cm_rc hub_repo_resolve(struct hub_repo *repo, const char *revision, struct hub_commit *out,
                            struct cm_err *err) {
    CM_AUTOFREE char *name = cm_strdup(revision);
    unsigned back = 0;
    git_oid id;

    if (strnlen(revision, REVISION_MAX + 1) > REVISION_MAX || revision[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "a revision has 1 to %d bytes", REVISION_MAX);
    }
    hub_git_printable(name);
    if (split_back(name, &back, err) < 0 || find(repo, name, &id, err) < 0 ||
        go_back(repo, &id, back, err) < 0 || hub_repo_describe(repo, &id, out, err) < 0) {
        return cm_wrap(err, "find '%.80s'", revision);
    }
    return CM_OK;
}

enum cm_rc hub_repo_is_ancestor(struct hub_repo *repo, const struct hub_repo_id *old,
                                const struct hub_repo_id *now, bool *out, struct cm_err *err) {
    git_oid from;
    git_oid to;

    memcpy(from.id, old->bytes, HUB_REPO_ID_SIZE);
    memcpy(to.id, now->bytes, HUB_REPO_ID_SIZE);
    if (!git_odb_exists(repo->odb, &from) || git_oid_equal(&from, &to)) {
        *out = git_oid_equal(&from, &to) != 0;
        return CM_OK;
    }

    int rc = git_graph_descendant_of(repo->git, &to, &from);
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "compare two commits");
    }
    *out = rc == 1;
    return CM_OK;
}
