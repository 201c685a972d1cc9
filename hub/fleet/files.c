// From the changes of a commit to files that are to be looked at, and Apps whose files changed.
#include <string.h>

#include "hub/fleet/internal.h"

static void file_changed(struct hub_update *u, struct hub_file *file) {
    hub_set_add(&u->files, file);
    file->dirty = true;
    if (file->unreadable) {
        file->unreadable = false;
        (void)hub_set_remove(&u->fleet->unreadable, file);
    }
    if (file->role == HUB_ROLE_IGNORE) {
        hub_filter_changed(u, file);
    } else if (file->repo->source_only) {
        hub_sources_changed(u, file);
    } else if (file->role == HUB_ROLE_MANIFEST || file->role == HUB_ROLE_REFUSED) {
        struct hub_app *owner = hub_content_owner(file->folder);

        hub_content_drop_source(u, file);
        if (owner != NULL) {
            hub_content_dirty(u, owner);
        }
    }
}

// outer_app marks the App around an app.yaml that came or went: files change hands.
static void outer_app(struct hub_update *u, const struct hub_file *file) {
    struct hub_app *outer = hub_content_owner(file->folder->parent);

    if (file->role == HUB_ROLE_APP && outer != NULL) {
        hub_content_dirty(u, outer);
    }
}

static void put_file(struct hub_update *u, const struct hub_fleet_change *change) {
    struct hub_file *file = hub_file_tree_find(u->repo->root, change->path);

    if (file == NULL) {
        enum hub_role role = hub_file_tree_role(change->path, u->repo->source_only);

        if (role == HUB_ROLE_OTHER) {
            return;
        }
        file = hub_file_tree_add(u->repo->root, change->path, role);
        file->repo = u->repo;
        file->fresh = true;
        u->repo->ignore_files += role == HUB_ROLE_IGNORE ? 1 : 0;
        outer_app(u, file);
    } else if (memcmp(file->oid, change->oid, HUB_OID_SIZE) == 0 &&
               file->special == change->special) {
        file->seen = u->commit->complete; // only its mode changed
        return;
    }
    memcpy(file->oid, change->oid, HUB_OID_SIZE);
    file->special = change->special;
    file->seen = u->commit->complete;
    if (!file->dirty) {
        file_changed(u, file);
    }
}

static void remove_file(struct hub_update *u, struct hub_file *file) {
    if (file->dirty) {
        (void)hub_set_remove(&u->files, file);
    } else {
        file_changed(u, file);
        (void)hub_set_remove(&u->files, file);
    }
    outer_app(u, file);
    u->repo->ignore_files -= file->role == HUB_ROLE_IGNORE ? 1 : 0;
    hub_file_tree_remove(file);
    hub_set_add(&u->removed, file);
}

static void list_unseen(void *ctx, struct hub_file *file) {
    struct hub_set *unseen = ctx;

    if (!file->seen) {
        hub_set_add(unseen, file);
    }
    file->seen = false;
}

static void retry_unreadable(struct hub_update *u) {
    while (u->fleet->unreadable.count > 0) {
        struct hub_file *file = u->fleet->unreadable.items[0];

        file->unreadable = false;
        (void)hub_set_remove(&u->fleet->unreadable, file);
        if (!file->dirty) {
            file_changed(u, file);
        }
    }
}

void hub_files_take(struct hub_update *u) {
    const struct hub_fleet_commit *commit = u->commit;
    struct hub_set unseen = {0};

    for (size_t i = 0; i < commit->change_count; i++) {
        const struct hub_fleet_change *change = &commit->changes[i];

        if (!change->removed) {
            put_file(u, change);
            continue;
        }
        struct hub_file *file = hub_file_tree_find(u->repo->root, change->path);
        if (file != NULL) {
            hub_set_add(&unseen, file);
        }
    }
    if (commit->complete) {
        hub_set_done(&unseen);
        hub_file_tree_each(u->repo->root, false, list_unseen, &unseen);
        if (u->repo->source_only && !u->repo->loaded) {
            hub_sources_touch(u, u->repo);
        }
        u->repo->loaded = true;
    }
    for (size_t i = 0; i < unseen.count; i++) {
        if (((struct hub_file *)unseen.items[i])->folder != NULL) { // named twice
            remove_file(u, unseen.items[i]);
        }
    }
    hub_set_done(&unseen);
    retry_unreadable(u);
}
