// Any bytes found as an agent's log: it opens or says that it is none; what does not make sense is
// cut off; opened again it says the same, and nothing more is cut. Input that begins with 'p'
// becomes the payload of a frame with the right hash, so that records are reached too.
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cache/cache.h"
#include "agent/cache/record.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    bool opened;
    size_t items;
    size_t blobs;
    uint64_t epoch;
    uint64_t generation;
    off_t size;
};

static struct seen open_once(struct cm_loop *loop, struct cm_workers *disk, const char *dir) {
    CM_AUTOFREE char *log = cm_strf("%s/log", dir);
    struct agent_cache *cache = NULL;
    struct agent_cache_stats stats;
    struct seen seen = {0};
    struct cm_err err;
    struct stat st;

    if (agent_cache_open(loop, disk, dir, &cache, &err) < 0) {
        assert(err.code == CM_EINVAL);
        return seen;
    }
    agent_cache_stats_get(cache, &stats);
    seen.opened = true;
    seen.items = agent_cache_item_count(cache);
    seen.blobs = stats.blobs;
    seen.epoch = agent_cache_in_force(cache)->epoch;
    seen.generation = agent_cache_in_force(cache)->generation;
    agent_cache_free(cache);
    seen.size = stat(log, &st) == 0 ? st.st_size : -1;
    return seen;
}

static bool same(const struct seen *a, const struct seen *b) {
    return a->opened == b->opened && a->items == b->items && a->blobs == b->blobs &&
           a->epoch == b->epoch && a->generation == b->generation && a->size == b->size;
}

static void add_input(struct cm_str *out, const uint8_t *data, size_t size) {
    if (size == 0 || data[0] != 'p') {
        cm_str_add_n(out, data, size);
        return;
    }
    cm_str_add_n(out, AGENT_LOG_MAGIC, AGENT_LOG_MAGIC_SIZE);
    agent_put_frame(out, data + 1, size - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str bytes = {0};
    static struct cm_loop *loop;
    static struct cm_workers *disk;
    static char dir[] = "/tmp/holdfast-fuzz-XXXXXX";
    struct cm_err err;

    if (loop == NULL) {
        loop = cm_loop_new();
        disk = cm_workers_new("disk", 1, NULL);
        assert(mkdtemp(dir) != NULL);
    }
    CM_AUTOFREE char *log = cm_strf("%s/log", dir);
    enum cm_rc rc = cm_fsys_make_dir(dir, 0700, &err);
    FILE *file = fopen(log, "we");
    assert(rc == CM_OK && file != NULL);
    add_input(&bytes, data, size);
    assert(fwrite(cm_str_get(&bytes), 1, bytes.len, file) == bytes.len && fclose(file) == 0);
    struct seen first = open_once(loop, disk, dir);
    struct seen second = open_once(loop, disk, dir);
    assert(same(&first, &second));
    rc = cm_fsys_remove_tree(dir, &err);
    assert(rc == CM_OK);
    return 0;
}
