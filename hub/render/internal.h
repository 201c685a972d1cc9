// internal: what the files of an edition share.
//
//     edition.c    templates -> edits -> overlays, common changes -> templates
//     overlay.c    what one overlay does to the edits
//     choose.c     which edits an overlay means
//     common.c     labels, annotations and images
//     nodes.c      trees whose nodes know their file
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/json.h"
#include "hub/render/edition.h"
#include "hub/render/source.h"

struct cm_arena;

// A template on its way into an edition.
struct hub_edit {
    struct hub_template *base;
    struct cm_json *object; // made of struct hub_node; NULL: still as the base has it
    bool replaced;          // by an object of app.yaml
    bool removed;
    bool failed; // something could not be put into it
};

struct hub_making {
    const struct hub_edition_input *in;
    struct hub_diags *diags;
    struct cm_arena *arena; // the edition's
    struct hub_edit *edits;
    size_t count;
    bool too_large; // and that is said
    bool look_only; // at what is chosen: the overlay is wrong
};

// ---- edition.c

// hub_edition_is_too_large tells whether to give up, and says so of a node of app.yaml; NULL: of
// the file.
bool hub_edition_is_too_large(struct hub_making *m, const struct cm_json *at);

// ---- nodes.c

// hub_nodes_of_template makes nodes of a template's object; hub_nodes_of_app of a part of app.yaml.
// `texts`: its variables stand for strings, whatever their values are.
struct cm_json *hub_nodes_of_template(struct cm_arena *a, const struct hub_template *t);
struct cm_json *hub_nodes_of_app(struct hub_making *m, const struct cm_json *node, bool texts);

// hub_nodes_new_object makes an empty object that stands where `like`, a node, does.
struct cm_json *hub_nodes_new_object(struct cm_arena *a, const struct cm_json *like);

// hub_nodes_set_text changes a string; what is in it now stands where `from`, a node, does.
void hub_nodes_set_text(struct cm_json *node, const char *text, const struct cm_json *from);

// hub_nodes_copy copies a tree of nodes; the context is the arena.
struct cm_json *hub_nodes_copy(void *arena, const struct cm_json *node);
const char *hub_node_path(const struct cm_json *node);

// hub_nodes_compile makes a template of an edit.
void hub_nodes_compile(struct hub_making *m, const struct hub_edit *edit, struct hub_source *source,
                       struct hub_template *out);

// ---- choose.c

// What an object is called. The texts are as they are written: variables are open.
struct hub_identity {
    const char *group;
    size_t group_len;
    const char *version; // without the group
    const char *kind;
    const char *name;
    const char *namespace; // "" if it has none
};

// hub_identity_read reads what there is; what is missing is NULL.
void hub_identity_read(const struct cm_json *object, struct hub_identity *out);

const struct cm_json *hub_edit_object(const struct hub_edit *edit);

// hub_edit_own gives the edit's object to change.
struct cm_json *hub_edit_own(struct hub_making *m, struct hub_edit *edit);

struct hub_chosen {
    struct hub_edit **items; // in the arena
    size_t count;
    size_t capacity;
};

// hub_choose_by_target chooses what a target selects; hub_choose_by_identity what is called like
// `like`, which stands in the file `path`. They return false and say so if there is nothing. What
// is found and wrong is not among what is chosen.
bool hub_choose_by_target(struct hub_making *m, const struct cm_json *target,
                          struct hub_chosen *out);
bool hub_choose_by_identity(struct hub_making *m, const struct cm_json *like, const char *path,
                            struct hub_chosen *out);

// ---- overlay.c

void hub_overlay_apply(struct hub_making *m, const struct hub_overlay *overlay);

// ---- common.c

void hub_common_apply(struct hub_making *m);
