#include "hub/repo/packs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

void hub_packs_done(struct hub_packs *p) {
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].stem);
    }
    free(p->items);
    *p = (struct hub_packs){0};
}

static bool is_pack(const char *name, size_t *stem_len) {
    size_t len = strlen(name);

    if (strncmp(name, "pack-", 5) != 0 || len <= 10 || strcmp(name + len - 5, ".pack") != 0) {
        return false;
    }
    *stem_len = len - 5;
    return true;
}

static void add(struct hub_packs *out, const char *folder, const char *name, size_t stem_len) {
    struct hub_pack pack = {.stem = cm_strf("%s/%.*s", folder, (int)stem_len, name)};
    CM_AUTOFREE char *file = cm_strf("%s.pack", pack.stem);
    CM_AUTOFREE char *mark = cm_strf("%s.retired", pack.stem);
    struct stat st;

    if (stat(file, &st) == 0) {
        pack.size = (uint64_t)st.st_size;
    }
    if (stat(mark, &st) == 0) {
        pack.retired = true;
        pack.retired_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    }

    struct hub_pack *items = cm_new(out->count + 1, sizeof(*items));
    if (out->count > 0) {
        memcpy(items, out->items, out->count * sizeof(*items));
    }
    free(out->items);
    out->items = items;
    out->items[out->count++] = pack;
}

void hub_packs_list(const char *repo, struct hub_packs *out) {
    CM_AUTOFREE char *folder = cm_strf("%s/objects/pack", repo);
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    size_t stem_len = 0;

    *out = (struct hub_packs){0};
    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (is_pack(entry->d_name, &stem_len)) {
            add(out, folder, entry->d_name, stem_len);
        }
    }
    (void)closedir(dir);
}

void hub_packs_remove(const struct hub_pack *pack) {
    // The index goes first: without it nobody looks for the pack.
    static const char *const parts[] = {"idx", "rev", "pack", "retired"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        CM_AUTOFREE char *file = cm_strf("%s.%s", pack->stem, parts[i]);

        (void)unlink(file);
    }
}
