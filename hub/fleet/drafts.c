// Folders whose app.yaml is wrong, and of which no earlier App is in force: their manifests are
// read all the same, as far as what can be read of app.yaml says which they are, so that all that
// is wrong is told at once. Nothing else comes of it.
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"
#include "hub/render/source.h"

struct looking {
    struct hub_update *u;
    struct hub_draft *draft;
    struct hub_filter filter;
};

static void look_at(void *ctx, struct hub_file *file) {
    struct looking *l = ctx;
    struct hub_draft *d = l->draft;
    struct hub_diags ignored = {0}; // of ignore files: that is told once there is an App

    if (file->role == HUB_ROLE_MANIFEST && file->strays == NULL && file->app == NULL &&
        hub_filter_judge(l->u, &l->filter, file, &ignored) == HUB_TAKEN) {
        d->read = cm_resize(d->read, (d->read_count + 1) * sizeof(*d->read));
        d->read[d->read_count++] = hub_content_read(l->u, file, d->literal);
        d->wrong += file->source->diags.count;
    }
    hub_diags_done(&ignored);
}

static void look(struct hub_update *u, const struct hub_file *file) {
    struct looking l = {.u = u, .draft = file->draft};
    const char *path = l.draft->source.path.name;
    struct hub_folder *folder = hub_file_tree_folder_find(file->folder, path);
    size_t root = (size_t)(file->name - (const char *)file->path->data);

    if (folder == NULL || hub_content_crosses(folder, file->folder)) {
        return;
    }
    root += path[0] != '\0' ? strlen(path) + 1 : 0;
    hub_filter_init(&l.filter, &l.draft->source, root);
    hub_file_tree_each(folder, true, look_at, &l);
    hub_filter_done(&l.filter);
}

void hub_drafts_look(struct hub_update *u) {
    for (size_t i = 0; i < u->fleet->wrong.count; i++) {
        const struct hub_file *file = u->fleet->wrong.items[i];
        struct hub_draft *draft = file->draft;

        if (draft == NULL) {
            continue;
        }
        size_t before = draft->wrong;
        draft->read_count = 0;
        draft->wrong = 0;
        if (draft->located && file->kept.count == 0) {
            look(u, file);
        }
        u->problems = u->problems || before > 0 || draft->wrong > 0;
    }
}
