#include "hub/ctl/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "common/clock.h"
#include "common/mem.h"

#define BLOCK 512
#define ENDING (2 * BLOCK)

struct ctl_tar {
    gzFile file;
    char *path;
};

// The header of a member: texts and octal numbers in fields of fixed size.
struct header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[8];
    char rest[BLOCK - 265];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

enum cm_rc ctl_tar_open(const char *path, struct ctl_tar **out, struct cm_err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return cm_fail(err, errno == EEXIST ? CM_EEXISTS : CM_EIO, "make '%s': %s", path,
                       strerror(errno));
    }
    struct ctl_tar *tar = cm_new(1, sizeof(*tar));
    tar->file = gzdopen(fd, "wb");
    tar->path = cm_strdup(path);
    *out = tar;
    return CM_OK;
}

static void put_octal(char *field, size_t size, uint64_t value) {
    for (size_t i = size - 1; i > 0; i--) {
        field[i - 1] = (char)('0' + value % 8);
        value /= 8;
    }
}

static void make_header(struct header *h, const char *name, size_t size) {
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = 0;

    memset(h, 0, sizeof(*h));
    (void)snprintf(h->name, sizeof(h->name), "%s", name);
    put_octal(h->mode, sizeof(h->mode), 0600);
    put_octal(h->uid, sizeof(h->uid), 0);
    put_octal(h->gid, sizeof(h->gid), 0);
    put_octal(h->size, sizeof(h->size), size);
    put_octal(h->mtime, sizeof(h->mtime), (uint64_t)(cm_clock_unix_ms() / 1000));
    h->type = '0';
    memcpy(h->magic,
           "ustar\0"
           "00",
           sizeof(h->magic));
    memset(h->checksum, ' ', sizeof(h->checksum)); // as which it counts itself
    for (size_t i = 0; i < sizeof(*h); i++) {
        sum += bytes[i];
    }
    put_octal(h->checksum, sizeof(h->checksum) - 1, sum);
}

static enum cm_rc put(struct ctl_tar *tar, const void *bytes, size_t size, struct cm_err *err) {
    return gzfwrite(bytes, 1, size, tar->file) == size
               ? CM_OK
               : cm_fail(err, CM_EIO, "write '%s': the disk may be full", tar->path);
}

enum cm_rc ctl_tar_add(struct ctl_tar *tar, const char *name, const void *bytes, size_t size,
                       struct cm_err *err) {
    static const char zeros[BLOCK];
    struct header header;

    make_header(&header, name, size);
    enum cm_rc rc = put(tar, &header, sizeof(header), err);
    rc = rc < 0 || size == 0 ? rc : put(tar, bytes, size, err);
    return rc < 0 || size % BLOCK == 0 ? rc : put(tar, zeros, BLOCK - size % BLOCK, err);
}

static int release(struct ctl_tar *tar) {
    int rc = gzclose(tar->file);

    free(tar->path);
    free(tar);
    return rc;
}

enum cm_rc ctl_tar_close(struct ctl_tar *tar, struct cm_err *err) {
    static const char zeros[ENDING];
    enum cm_rc rc = put(tar, zeros, sizeof(zeros), err);

    if (rc < 0) {
        ctl_tar_drop(tar);
        return rc;
    }
    return release(tar) == Z_OK ? CM_OK : cm_fail(err, CM_EIO, "the end cannot be written");
}

void ctl_tar_drop(struct ctl_tar *tar) {
    (void)unlink(tar->path);
    (void)release(tar);
}
