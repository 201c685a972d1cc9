// tree: the files of one repository, by folder.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/fleet/doc.h"
#include "hub/fleet/fleet.h"
#include "hub/render/diag.h"

struct cm_buf;
struct cm_map;
struct hub_app;
struct hub_ignore;
struct hub_repo;
struct hub_source;

enum hub_role {
    HUB_ROLE_OTHER,    // nothing to us: README, scripts
    HUB_ROLE_CLUSTERS, // Cluster documents
    HUB_ROLE_GROUPS,   // ClusterGroup documents
    HUB_ROLE_CONFIRMATIONS,
    HUB_ROLE_HOLDS,
    HUB_ROLE_BANS,
    HUB_ROLE_FREEZES,
    HUB_ROLE_EXEMPTIONS,
    HUB_ROLE_APP,      // an app.yaml
    HUB_ROLE_MANIFEST, // if it stands in an App's folder
    HUB_ROLE_REFUSED,  // Chart.yaml, kustomization.yaml: an error in an App's folder
    HUB_ROLE_IGNORE,   // .holdfastignore
    HUB_ROLE_MISNAMED, // where documents are looked for, but not in a file of this name
};

struct hub_folder {
    struct hub_folder *parent; // NULL for the root
    struct cm_map *folders;    // by name; NULL: none
    struct cm_map *files;      // by name; NULL: none
    struct hub_file *app_file; // the app.yaml in it
    struct hub_file *ignore_file;
    char name[];
};

struct hub_file {
    struct hub_repo *repo;
    struct hub_folder *folder;
    struct cm_buf *path; // ends in NUL
    const char *name;    // its last part
    enum hub_role role;
    uint8_t oid[HUB_OID_SIZE];
    bool special;
    bool seen;       // in the complete commit that is being taken in
    bool unreadable; // reading it failed for now: try again with the next commit
    bool dirty;      // in the list of files to look at
    bool fresh;      // came with the commit that is being taken in

    // A file of documents
    struct hub_doc_list docs;     // of the present content
    struct hub_doc_list kept;     // of earlier content, in force where the present one is wrong
    struct hub_doc_list previous; // during an update: what was in force before it; borrowed
    struct hub_diags diags;       // also of a .holdfastignore that cannot be read
    char *about;                  // the App of a document that is wrong; NULL: it cannot be told
    bool about_folder;            // it is only the folder's name
    struct hub_draft *draft;      // what can be read of an app.yaml that is wrong; NULL: it is not
    bool wrong;                   // in the fleet's list of wrong files
    struct cm_map *strays;        // "kind/name" of documents that it must not hold; NULL: none

    // An app.yaml: the App that one of its documents is in force for; a manifest: the App that uses
    // it.
    struct hub_app *app;
    struct hub_source *source; // NULL: not parsed yet, or of another repository
    bool literal;              // it was parsed without variables
    bool counted;              // its CRDs are
    size_t overlay;            // serial of the App when an overlay of it named the file
    struct hub_ignore *ignore; // of a .holdfastignore; NULL: not parsed yet
};

struct hub_folder *hub_file_tree_new(void);
void hub_file_tree_free(struct hub_folder *root, void (*free_file)(struct hub_file *file));

// hub_file_tree_find returns the file at a path, or NULL.
struct hub_file *hub_file_tree_find(struct hub_folder *root, const char *path);

// hub_file_tree_add makes the file at a path that has none yet.
struct hub_file *hub_file_tree_add(struct hub_folder *root, const char *path, enum hub_role role);

// hub_file_tree_remove takes a file and folders that become empty out of the tree; the file is then
// the caller's.
void hub_file_tree_remove(struct hub_file *file);

// hub_file_tree_role tells what a path means to the fleet; `source_only`: in a tree whose documents
// mean nothing.
enum hub_role hub_file_tree_role(const char *path, bool source_only);

// hub_file_tree_folder_find returns the folder `path` below one, or NULL; "" is the folder itself.
struct hub_folder *hub_file_tree_folder_find(struct hub_folder *folder, const char *path);

// hub_file_tree_nearest returns the path below a folder that a person most likely meant, of a file
// or a folder, or NULL; the caller frees it.
char *hub_file_tree_nearest(const struct hub_folder *folder, const char *path);

// hub_file_tree_each visits all files below a folder, sorted. Folders below it that have an
// app.yaml of their own are left out if `one_app`.
void hub_file_tree_each(struct hub_folder *folder, bool one_app,
                        void (*visit)(void *ctx, struct hub_file *file), void *ctx);
