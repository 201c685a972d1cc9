#include "hub/backup/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define MAGIC "holdfast backup 1\n"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)
#define NAME_MAX_BYTES 255
#define PIECE ((size_t)256 * 1024)

struct archive_writer {
    FILE *file;
    char *path;
    struct cm_sha256_stream *hash;
};

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static enum cm_rc fail_errno(struct cm_err *err, const char *what, const char *path) {
    int cause = errno;

    return cm_fail(err, CM_EIO, "cannot %s '%s': %s", what, path, strerrordesc_np(cause));
}

// ---- Writing

static enum cm_rc put(struct archive_writer *w, const void *bytes, size_t size,
                      struct cm_err *err) {
    cm_sha256_add(w->hash, bytes, size);
    return fwrite(bytes, 1, size, w->file) == size ? CM_OK : fail_errno(err, "write", w->path);
}

static FILE *create(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? NULL : fdopen(fd, "w+e");
}

void archive_writer_freep(struct archive_writer **w) {
    if (*w != NULL) {
        struct cm_sha256_stream *hash = (*w)->hash;

        if (hash != NULL) {
            (void)cm_sha256_end(hash);
        }
        close_file(&(*w)->file);
        free((*w)->path);
        free(*w);
    }
}

enum cm_rc archive_create(const char *path, struct archive_writer **out, struct cm_err *err) {
    CM_CLEANUP(archive_writer_freep) struct archive_writer *w = cm_new(1, sizeof(*w));

    w->path = cm_strdup(path);
    w->file = create(path);
    if (w->file == NULL) {
        return fail_errno(err, "make", path);
    }
    w->hash = cm_sha256_begin();
    enum cm_rc rc = put(w, MAGIC, MAGIC_SIZE, err);
    if (rc == CM_OK) {
        *out = CM_TAKE(w);
    }
    return rc;
}

static enum cm_rc put_header(struct archive_writer *w, const char *name, uint64_t size,
                             struct cm_err *err) {
    uint8_t header[9] = {(uint8_t)strlen(name)};

    for (int i = 0; i < 8; i++) {
        header[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    }
    enum cm_rc rc = put(w, header, sizeof(header), err);
    return rc < 0 ? rc : put(w, name, strlen(name), err);
}

static enum cm_rc put_file(struct archive_writer *w, FILE *from, const char *path, uint64_t size,
                           struct cm_err *err) {
    CM_AUTOFREE uint8_t *piece = cm_new(1, PIECE);
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && size > 0) {
        size_t n = fread(piece, 1, size < PIECE ? (size_t)size : PIECE, from);

        if (n == 0) {
            return cm_fail(err, CM_EIO, "'%s' became shorter while it was read; try again", path);
        }
        rc = put(w, piece, n, err);
        size -= n;
    }
    explicit_bzero(piece, PIECE); // it may be a key
    return rc;
}

enum cm_rc archive_add(struct archive_writer *w, const char *name, const char *path,
                       struct cm_err *err) {
    CM_CLEANUP(close_file) FILE *from = fopen(path, "re");
    struct stat st;

    if (from == NULL || fstat(fileno(from), &st) < 0) {
        return fail_errno(err, "read", path);
    }
    if (strlen(name) > NAME_MAX_BYTES) {
        return cm_fail(err, CM_EINVAL, "the name '%.80s' is too long", name);
    }
    enum cm_rc rc = put_header(w, name, (uint64_t)st.st_size, err);
    return rc < 0 ? rc : put_file(w, from, path, (uint64_t)st.st_size, err);
}

enum cm_rc archive_finish(struct archive_writer *w, struct cm_err *err) {
    uint8_t none = 0;
    enum cm_rc rc = put(w, &none, 1, err);
    struct cm_sha256 hash = cm_sha256_end(w->hash);

    w->hash = NULL;
    if (rc < 0) {
        return rc;
    }
    if (fwrite(hash.bytes, 1, sizeof(hash.bytes), w->file) != sizeof(hash.bytes) ||
        fflush(w->file) != 0 || fsync(fileno(w->file)) != 0) {
        return fail_errno(err, "write", w->path);
    }
    return CM_OK;
}

// ---- Reading

static enum cm_rc fail_damaged(const char *path, struct cm_err *err) {
    return cm_fail(err, CM_EINVAL, "'%s' is no whole backup; take another one", path);
}

// hash_file makes the hash of all but the last bytes, and gives these.
static enum cm_rc hash_file(FILE *file, uint64_t size, struct cm_sha256 *out,
                            struct cm_sha256 *said, struct cm_err *err) {
    CM_AUTOFREE uint8_t *piece = cm_new(1, PIECE);
    struct cm_sha256_stream *hash = cm_sha256_begin();
    size_t n = 1;

    while (size > 0 && n > 0) {
        n = fread(piece, 1, size < PIECE ? (size_t)size : PIECE, file);
        cm_sha256_add(hash, piece, n);
        size -= n;
    }
    *out = cm_sha256_end(hash);
    explicit_bzero(piece, PIECE);
    return n > 0 && fread(said->bytes, 1, sizeof(said->bytes), file) == sizeof(said->bytes)
               ? CM_OK
               : cm_fail(err, CM_EIO, "the backup cannot be read");
}

enum cm_rc archive_verify(const char *path, struct cm_err *err) {
    CM_CLEANUP(close_file) FILE *file = fopen(path, "re");
    char magic[MAGIC_SIZE] = {0};
    struct cm_sha256 hash;
    struct cm_sha256 said;
    struct stat st;

    if (file == NULL || fstat(fileno(file), &st) < 0) {
        return fail_errno(err, "read", path);
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < MAGIC_SIZE + 1 + CM_SHA256_SIZE ||
        fread(magic, 1, MAGIC_SIZE, file) != MAGIC_SIZE || memcmp(magic, MAGIC, MAGIC_SIZE) != 0) {
        return fail_damaged(path, err);
    }
    rewind(file);
    enum cm_rc rc = hash_file(file, (uint64_t)st.st_size - CM_SHA256_SIZE, &hash, &said, err);
    return rc < 0 || cm_sha256_equal(&hash, &said) ? rc : fail_damaged(path, err);
}

// next_entry reads a header; `name` has room for the longest. It tells whether there is one.
static bool next_entry(FILE *file, char *name, uint64_t *size) {
    uint8_t header[9];

    if (fread(header, 1, 1, file) != 1 || header[0] == 0 || fread(header + 1, 1, 8, file) != 8 ||
        fread(name, 1, header[0], file) != header[0]) {
        return false;
    }
    name[header[0]] = '\0';
    *size = 0;
    for (int i = 0; i < 8; i++) {
        *size = *size << 8 | header[1 + i];
    }
    return true;
}

enum cm_rc archive_each(const char *path, archive_visit_fn visit, void *ctx, struct cm_err *err) {
    CM_CLEANUP(close_file) FILE *file = fopen(path, "re");
    char name[NAME_MAX_BYTES + 1];
    uint64_t size;
    struct stat st;
    enum cm_rc rc = CM_OK;

    if (file == NULL || fstat(fileno(file), &st) < 0 || fseek(file, MAGIC_SIZE, SEEK_SET) != 0) {
        return fail_errno(err, "read", path);
    }
    while (rc == CM_OK && next_entry(file, name, &size)) {
        long at = ftell(file);

        if (at < 0 || size > (uint64_t)(st.st_size - at)) {
            return fail_damaged(path, err);
        }
        rc = visit(ctx, &(struct archive_entry){.name = name, .size = size, .from = file}, err);
        if (rc == CM_OK && fseek(file, at + (long)size, SEEK_SET) != 0) {
            return fail_errno(err, "read", path);
        }
    }
    return rc;
}

static enum cm_rc copy_out(const struct archive_entry *entry, FILE *to, const char *path,
                           struct cm_err *err) {
    CM_AUTOFREE uint8_t *piece = cm_new(1, PIECE);
    uint64_t left = entry->size;
    bool whole = true;

    while (whole && left > 0) {
        size_t n = fread(piece, 1, left < PIECE ? (size_t)left : PIECE, entry->from);

        whole = n > 0 && fwrite(piece, 1, n, to) == n;
        left -= n;
    }
    explicit_bzero(piece, PIECE);
    return whole && fflush(to) == 0 && fsync(fileno(to)) == 0 ? CM_OK
                                                              : fail_errno(err, "write", path);
}

enum cm_rc archive_extract(const struct archive_entry *entry, const char *path,
                           struct cm_err *err) {
    CM_CLEANUP(close_file) FILE *to = create(path);

    return to == NULL ? fail_errno(err, "make", path) : copy_out(entry, to, path, err);
}
