// offline: a fleet read from files on this machine, for the verbs that need no hub.
//
// It is a plain folder, or a folder of a Git repository: of its working copy, or of a commit, whose
// files are read from the object store without checking it out. Holds that count and wait to be
// merged are part of it, as far as this clone has fetched the branch that shows them. A second
// state (a later commit, the working copy) is taken in as the difference, as a hub does: what is
// wrong in it stays as it was.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/ctl/sources.h"
#include "hub/repo/id.h"

struct cm_map;
struct ctl;
struct hub_entries;
struct hub_fleet;
struct hub_fleet_commit;
struct hub_repo;
struct hub_tree;

struct ctl_offline {
    struct hub_fleet *fleet;
    struct hub_repo *repo; // NULL: none is there, or none was asked for
    const char *dir;       // as it was named
    const char *prefix;    // of the fleet's root folder in the repository: "" or "a/b"
    const char *shown;     // before paths: "" or "fleet/", as the folder was named
    const char *in_repo;   // before paths: "" or "fleet/", from the top of the repository
    struct hub_tree *tree; // the plain folder, if it is read
    struct cm_map *work;   // made-up ids -> paths of the working copy
    struct ctl_sources sources;
    bool names_only;   // manifests are left out: what is wrong, or on which clusters, is not known
    const char *holds; // that count and wait to be merged, in words; NULL: none
    const char *root;  // a folder with clusters/ in it that was seen below this one; NULL: none
};

// ctl_offline_open looks at a folder: the fleet's root folder, or a bare repository, with the
// fleet's root folder in it given by --path. `history`: a repository must be there.
CM_MUSTUSE enum cm_rc ctl_offline_open(struct ctl *c, const char *dir, bool history,
                                       struct ctl_offline *out);
void ctl_offline_done(struct ctl_offline *o); // a zeroed one is fine

// ctl_offline_load reads the folder as it is, or the commit that --at names (_wants_commit).
// CM_ENOTFOUND, with a hint, if there is no document of a fleet in it.
bool ctl_offline_wants_commit(const struct ctl *c);
CM_MUSTUSE enum cm_rc ctl_offline_load(struct ctl *c, struct ctl_offline *o);

// ctl_offline_begin reads a commit that may have no document; ctl_offline_advance then takes in
// what is different in another one, or in the working copy (NULL).
CM_MUSTUSE enum cm_rc ctl_offline_begin(struct ctl *c, struct ctl_offline *o,
                                        const struct hub_repo_id *commit);
CM_MUSTUSE enum cm_rc ctl_offline_advance(struct ctl *c, struct ctl_offline *o,
                                          const struct hub_repo_id *from,
                                          const struct hub_repo_id *to);

// ctl_offline_is_empty tells whether there is no document, right or wrong.
bool ctl_offline_is_empty(const struct hub_fleet *fleet);

// ctl_offline_fail_empty fails with the hint.
enum cm_rc ctl_offline_fail_empty(struct ctl *c, const struct ctl_offline *o);

// ctl_offline_hint tells on stderr, if there is no Cluster, that this may not be the fleet's root.
void ctl_offline_hint(const struct ctl_offline *o);

// ---- For sources

// ctl_offline_take feeds the fleet a commit with these entries, `skip` taken off their paths.
void ctl_offline_take(struct ctl *c, struct ctl_offline *o, const struct hub_entries *entries,
                      const char *skip, struct hub_fleet_commit *commit);

// ctl_offline_inside returns in *out what of a folder's path is below the top of a working copy.
CM_MUSTUSE enum cm_rc ctl_offline_inside(struct ctl *c, const char *dir, const char *top,
                                         const char **out);
