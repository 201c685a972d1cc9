// Any bytes found as a backup: it is whole or said to be none, and what is not whole gives no file
// that reaches beyond it. Input that begins with 'h' gets the right beginning and hash, so that
// headers are reached too: then its files, taken out and put into a new archive under their names,
// are the same files.
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/backup/archive.h"

#define MAGIC "holdfast backup 1\n"
#define FILES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Nothing here has to outlive the machine's power.
int fsync(int fd) {
    (void)fd;
    return 0;
}

static char dir[] = "/tmp/holdfast-fuzz-XXXXXX";

// What was in an archive: each name and the hash of its bytes, in order.
struct seen {
    size_t count;
    uint64_t bytes;
    struct cm_sha256 hash[FILES_MAX];
    struct archive_writer *copy; // NULL: none is made
};

static char *in(const char *name) {
    return cm_strf("%s/%s", dir, name);
}

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "we");

    assert(file != NULL);
    assert(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

// The hash of a file's name and bytes.
static struct cm_sha256 digest(const char *name, const char *path, uint64_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    FILE *file = fopen(path, "re");
    int byte;

    assert(file != NULL);
    cm_str_add(&text, name);
    cm_str_add_n(&text, "", 1);
    while ((byte = fgetc(file)) != EOF) {
        char one = (char)byte;

        cm_str_add_n(&text, &one, 1);
    }
    (void)fclose(file);
    assert(text.len == strlen(name) + 1 + size);
    return cm_sha256(text.data, text.len);
}

static enum cm_rc visit(void *ctx, const struct archive_entry *entry, struct cm_err *err) {
    CM_AUTOFREE char *path = in("entry");
    struct seen *seen = ctx;
    struct stat st;

    assert(strlen(entry->name) <= 255);
    if (entry->name[0] == '\0') {
        return CM_OK; // no archive that is written has one
    }
    if (seen->count == FILES_MAX) {
        return cm_fail(err, CM_ECANCELED, "enough");
    }
    enum cm_rc rc = archive_extract(entry, path, err);
    assert(rc == CM_OK && stat(path, &st) == 0);
    assert((uint64_t)st.st_size == entry->size && (st.st_mode & 0777) == 0600);
    seen->bytes += entry->size;
    seen->hash[seen->count++] = digest(entry->name, path, entry->size);
    if (seen->copy != NULL) {
        rc = archive_add(seen->copy, entry->name, path, err);
        assert(rc == CM_OK);
    }
    return CM_OK;
}

static void compare(const struct seen *first, const char *path, bool whole) {
    struct seen again = {0};
    struct cm_err err;
    enum cm_rc rc = archive_verify(path, &err);

    assert(rc == CM_OK);
    rc = archive_each(path, visit, &again, &err);
    assert(rc == CM_OK || !whole);
    for (size_t i = 0; i < again.count && i < first->count; i++) {
        assert(cm_sha256_equal(&again.hash[i], &first->hash[i]));
    }
    assert(!whole || again.count == first->count);
}

static void go_through(const char *path, uint64_t size) {
    CM_CLEANUP(archive_writer_freep) struct archive_writer *copy = NULL;
    CM_AUTOFREE char *other = in("copy");
    struct seen seen = {0};
    struct cm_err err;
    enum cm_rc rc = archive_create(other, &copy, &err);

    assert(rc == CM_OK);
    seen.copy = copy;
    bool whole = archive_each(path, visit, &seen, &err) == CM_OK;
    assert(seen.bytes <= size);
    rc = archive_finish(copy, &err);
    assert(rc == CM_OK);
    compare(&seen, other, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str bytes = {0};
    static bool named;
    struct cm_err err;

    if (!named) {
        assert(mkdtemp(dir) != NULL);
        named = true;
    }
    enum cm_rc rc = cm_fsys_make_dir(dir, 0700, &err);
    assert(rc == CM_OK);
    bool right = size > 0 && data[0] == 'h';
    CM_AUTOFREE char *path = in("archive");
    if (right) {
        cm_str_add(&bytes, MAGIC);
        cm_str_add_n(&bytes, data + 1, size - 1);
        struct cm_sha256 hash = cm_sha256(bytes.data, bytes.len);
        cm_str_add_n(&bytes, hash.bytes, sizeof(hash.bytes));
    } else {
        cm_str_add_n(&bytes, data, size);
    }
    write_file(path, bytes.data, bytes.len);
    if (archive_verify(path, &err) == CM_OK) {
        go_through(path, bytes.len);
    } else {
        assert(err.code == CM_EINVAL && (!right || size == 1));
    }
    rc = cm_fsys_remove_tree(dir, &err);
    assert(rc == CM_OK);
    return 0;
}
