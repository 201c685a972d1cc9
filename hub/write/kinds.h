// kinds: what intents there are. For this folder.
//
// Threads: constants.
#pragma once

#include "hub/write/write.h"

struct cm_arena;
struct cm_json;

enum hub_write_way {
    HUB_WRITE_SET,     // a member of a document
    HUB_WRITE_ADD,     // a rule at the end of a list of a document
    HUB_WRITE_RETRY,   // a member of a Hold, or clusters out of its list
    HUB_WRITE_PUT,     // a whole file
    HUB_WRITE_JOIN,    // a Hold; one that is there gets its clusters
    HUB_WRITE_REMOVE,  // likewise
    HUB_WRITE_CAPTURE, // files->capture knows
};

struct hub_write_kind {
    const char *name;
    enum hub_write_way way;
    const char *folder;  // where its files are; NULL: it is about a document
    const char *member;  // of the document's spec
    bool truth;          // what it becomes; if not, it goes
    const char *subject; // of the commit
};

const struct hub_write_kind *hub_write_kind_find(const char *name); // NULL: there is none

// hub_write_args reads the arguments. CM_EINVAL.
CM_MUSTUSE enum cm_rc hub_write_args(struct cm_arena *a, const struct hub_intent *intent,
                                     struct cm_json **out, struct cm_err *err);

// A document among the files of a tip.
struct hub_write_place {
    char *path;
    struct cm_buf *text;
    size_t document;
};

void hub_write_place_done(struct hub_write_place *place);

// hub_write_find_document looks for the document of a kind and name below the root, first where
// `hint` says, a path from the top of the repository (NULL: nowhere). CM_ENOTFOUND.
CM_MUSTUSE enum cm_rc hub_write_find_document(const struct hub_write_files *files, const char *kind,
                                              const char *name, const char *hint,
                                              struct hub_write_place *out, struct cm_err *err);
