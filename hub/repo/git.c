#include "hub/repo/git.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"

#define OBJECT_MAX_BYTES (256U << 20) // readers ask for less; this stops what nobody asked for
#define CACHE_BYTES ((ssize_t)64 << 20)
#define WINDOW_BYTES (32U << 20)
#define MAPPED_BYTES (512U << 20)

static void start(void) {
    static const int levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
                                 GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL};

    (void)git_libgit2_init();
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        (void)git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    }
    (void)git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, (size_t)OBJECT_MAX_BYTES);
    (void)git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, CACHE_BYTES);
    (void)git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW_BYTES);
    (void)git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)MAPPED_BYTES);
}

void hub_git_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, start);
}

void hub_git_printable(char *text) {
    size_t left = strlen(text);

    while (left > 0) {
        size_t len = cm_utf8_sequence(text, left);

        if (len == 0 || (unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
            len = 1;
        }
        text += len;
        left -= len;
    }
}

enum cm_rc hub_git_fail(struct cm_err *err, enum cm_rc code, const char *fmt, ...) {
    const git_error *last = git_error_last();
    char words[sizeof(err->msg)];
    char reason[256] = "no reason given";
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    if (last != NULL && last->message != NULL) {
        (void)snprintf(reason, sizeof(reason), "%s", last->message);
        hub_git_printable(reason);
    }
    return cm_fail(err, code, "%s: %s", words, reason);
}

enum cm_rc hub_git_code(int failure) {
    switch (failure) {
    case GIT_ENOTFOUND:
        return CM_ENOTFOUND;
    case GIT_EAMBIGUOUS:
    case GIT_EINVALIDSPEC:
        return CM_EINVAL;
    case GIT_EOWNER:
        return CM_EAUTH;
    default:
        return CM_EIO;
    }
}

enum hub_entry_type hub_git_entry_type(git_filemode_t mode) {
    switch (mode) {
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE:
        return HUB_ENTRY_FILE;
    case GIT_FILEMODE_LINK:
        return HUB_ENTRY_SYMLINK;
    case GIT_FILEMODE_COMMIT:
        return HUB_ENTRY_MODULE;
    default:
        return HUB_ENTRY_UNSAFE;
    }
}

void hub_git_repositoryp(git_repository **p) {
    git_repository_free(*p);
}

void hub_git_odbp(git_odb **p) {
    git_odb_free(*p);
}

void hub_git_odb_objectp(git_odb_object **p) {
    git_odb_object_free(*p);
}

void hub_git_treep(git_tree **p) {
    git_tree_free(*p);
}

void hub_git_tree_entryp(git_tree_entry **p) {
    git_tree_entry_free(*p);
}

void hub_git_commitp(git_commit **p) {
    git_commit_free(*p);
}

void hub_git_objectp(git_object **p) {
    git_object_free(*p);
}

void hub_git_referencep(git_reference **p) {
    git_reference_free(*p);
}

void hub_git_remotep(git_remote **p) {
    git_remote_free(*p);
}

void hub_git_packbuilderp(git_packbuilder **p) {
    git_packbuilder_free(*p);
}

// ---- Packs

// What libgit2's indexer is given it writes through a mapping of its own, and makes the file longer
// for it: two or three calls of the system for each, where git_packbuilder_write gives it each
// object in two pieces. So they are gathered.
#define PIECE_BYTES ((size_t)1 << 20)

struct packing {
    git_indexer *indexer;
    git_indexer_progress progress;
    struct cm_str piece;
};

static void packing_done(struct packing *p) {
    git_indexer_free(p->indexer);
    cm_str_done(&p->piece);
}

static int put_piece(struct packing *p) {
    int rc = git_indexer_append(p->indexer, cm_str_get(&p->piece), p->piece.len, &p->progress);

    cm_str_clear(&p->piece);
    return rc;
}

static int take_bytes(void *bytes, size_t size, void *ctx) {
    struct packing *p = ctx;

    cm_str_add_n(&p->piece, bytes, size);
    return p->piece.len < PIECE_BYTES ? 0 : put_piece(p);
}

enum cm_rc hub_git_write_pack(git_packbuilder *builder, git_repository *git, char **out_name,
                              struct cm_err *err) {
    CM_AUTOFREE char *folder = cm_strf("%sobjects/pack", git_repository_path(git));
    CM_CLEANUP(packing_done) struct packing p = {0};

    if (git_indexer_new(&p.indexer, folder, 0, NULL, NULL) < 0 ||
        git_packbuilder_foreach(builder, take_bytes, &p) < 0 || put_piece(&p) < 0 ||
        git_indexer_commit(p.indexer, &p.progress) < 0) {
        return hub_git_fail(err, CM_EIO, "write a pack of '%s'", git_repository_path(git));
    }
    if (out_name != NULL) {
        *out_name = cm_strf("pack-%s", git_indexer_name(p.indexer));
    }
    return CM_OK;
}
