#include "hub/repo/mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/packs.h"

void hub_mirror_unlock(struct hub_mirror *m) {
    if (m->repo != NULL) {
        (void)close(m->lock_fd);
    }
    free(m->repo);
    free(m->home);
    *m = (struct hub_mirror){0};
}

static bool is_stale(const char *name) {
    size_t len = strlen(name);

    return strncmp(name, "pack_git2_", 10) == 0 || strncmp(name, "tmp_", 4) == 0 ||
           (len > 5 && strcmp(name + len - 5, ".lock") == 0);
}

static void sweep_folder(const char *repo, const char *below) {
    CM_AUTOFREE char *folder = cm_strf("%s%s", repo, below);
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (is_stale(entry->d_name)) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    (void)closedir(dir);
}

void hub_mirror_sweep(const char *repo) {
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    int64_t now_ms = cm_clock_unix_ms();

    sweep_folder(repo, "");
    sweep_folder(repo, "/refs");
    sweep_folder(repo, "/refs/heads");
    sweep_folder(repo, "/refs/tags/state/desired");
    sweep_folder(repo, "/refs/tags/state/actual");
    sweep_folder(repo, "/refs/tags/state/events");
    sweep_folder(repo, "/objects");
    sweep_folder(repo, "/objects/pack");
    hub_packs_list(repo, &packs);
    for (size_t i = 0; i < packs.count; i++) {
        if (packs.items[i].retired && now_ms - packs.items[i].retired_ms >= HUB_MIRROR_RETIRED_MS) {
            hub_packs_remove(&packs.items[i]);
        }
    }
}

enum cm_rc hub_mirror_lock(const char *folder, struct hub_mirror *out, struct cm_err *err) {
    CM_AUTOFREE char *lock = cm_strf("%s/lock", folder);
    CM_AUTOFREE char *home = cm_strf("%s/home", folder);
    CM_AUTOFREE char *fresh = cm_strf("%s/repo.new", folder);
    int fd = -1;

    if (cm_fsys_make_dir(home, 0700, err) < 0 || cm_fsys_lock(lock, &fd, err) < 0) {
        return cm_wrap(err, "use the mirror in '%s'", folder);
    }
    struct hub_mirror m = {
        .repo = cm_strf("%s/repo", folder), .home = CM_TAKE(home), .lock_fd = fd};
    if (cm_fsys_remove_tree(fresh, err) < 0) {
        hub_mirror_unlock(&m);
        return cm_wrap(err, "sweep the mirror in '%s'", folder);
    }
    hub_mirror_sweep(m.repo);
    *out = m;
    return CM_OK;
}

// make_new builds a repository beside its place and moves it there whole.
static enum cm_rc make_new(const struct hub_mirror *m, struct cm_err *err) {
    CM_AUTOFREE char *fresh = cm_strf("%s.new", m->repo);
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;

    if (git_repository_init(&repo, fresh, 1) < 0) {
        return hub_git_fail(err, CM_EIO, "make the mirror '%s'", m->repo);
    }
    if (rename(fresh, m->repo) != 0) {
        return cm_fail(err, CM_EIO, "make the mirror '%s': %s", m->repo, strerror(errno));
    }
    return CM_OK;
}

static void free_config(git_config **config) {
    git_config_free(*config);
}

// readable tells whether the configuration, and the last fetched commit and its tree if there is
// one, can be read.
static bool readable(git_repository *repo) {
    CM_CLEANUP(free_config) git_config *config = NULL;
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    git_oid tip;

    if (git_repository_config(&config, repo) < 0) {
        return false;
    }
    int rc = git_reference_name_to_id(&tip, repo, HUB_MIRROR_TIP);
    if (rc == GIT_ENOTFOUND) {
        return true;
    }
    return rc == 0 && git_commit_lookup(&commit, repo, &tip) == 0 &&
           git_commit_tree(&tree, commit) == 0;
}

static enum cm_rc open_once(const struct hub_mirror *m, git_repository **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;

    if (git_repository_open_bare(&repo, m->repo) < 0) {
        return hub_git_fail(err, CM_EIO, "open the mirror '%s'", m->repo);
    }
    if (!readable(repo)) {
        return hub_git_fail(err, CM_EIO, "read the mirror '%s'", m->repo);
    }
    *out = CM_TAKE(repo);
    return CM_OK;
}

// can_open tells whether a file can be read that is there.
static bool can_open(const char *path, struct cm_err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int cause = errno;

    if (fd >= 0) {
        (void)close(fd);
    } else if (cause != ENOENT) {
        (void)cm_fail(err, CM_EIO, "open '%s': %s", path, strerror(cause));
    }
    return fd >= 0 || cause == ENOENT;
}

static bool can_open_all(const char *folder, struct cm_err *err) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool all = can_open(folder, err);

    while (all && dir != NULL && (entry = readdir(dir)) != NULL) {
        CM_AUTOFREE char *path = cm_strf("%s/%s", folder, entry->d_name);

        all = can_open(path, err);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return all;
}

// is_within_reach tells whether it is the mirror itself that is wrong, if something is: else this
// machine does not give out what is in it.
static bool is_within_reach(const struct hub_mirror *m, struct cm_err *err) {
    static const char *const folders[] = {"", "/objects/pack", "/refs/heads"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        CM_AUTOFREE char *folder = cm_strf("%s%s", m->repo, folders[i]);

        if (!can_open_all(folder, err)) {
            return false;
        }
    }
    return true;
}

enum cm_rc hub_mirror_open(const struct hub_mirror *m, git_repository **out, struct cm_err *err) {
    struct cm_err unreadable;

    hub_git_start();
    if (access(m->repo, F_OK) == 0 && open_once(m, out, &unreadable) == CM_OK) {
        return CM_OK;
    }
    if (!is_within_reach(m, err)) {
        return cm_wrap(err, "read the mirror '%s'; it is left as it is", m->repo);
    }
    if (cm_fsys_remove_tree(m->repo, err) < 0 || make_new(m, err) < 0) {
        return err->code;
    }
    return open_once(m, out, err);
}

enum cm_rc hub_mirror_tip(git_repository *repo, git_oid *out, struct cm_err *err) {
    git_oid id;
    int rc = git_reference_name_to_id(&id, repo, HUB_MIRROR_TIP);

    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "read the last fetched commit");
    }
    *out = id;
    return CM_OK;
}

size_t hub_mirror_packs(const struct hub_mirror *m) {
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    size_t count = 0;

    hub_packs_list(m->repo, &packs);
    for (size_t i = 0; i < packs.count; i++) {
        count += packs.items[i].retired ? 0 : 1;
    }
    return count;
}
