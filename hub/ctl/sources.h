// sources: other repositories that Apps have their manifests in, as folders on this machine.
//
// --source shop-config=../shop-config says where one is. A Git repository is read at what the App
// names (branch, tag, range of versions, commit; HEAD if it names nothing), a plain folder as it
// is. Apps whose repository is not given stay as they are, and are said so.
//
// A hub may read Clusters, ClusterGroups and Apps from several repositories, too: --with
// ../platform takes in another one, as the files there are. It is the same before and after a
// change.
//
// Threads: one.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_buf;
struct cm_map;
struct ctl;
struct ctl_offline;

struct ctl_sources {
    struct cm_map *dirs;   // by the repository's name
    struct cm_map *loaded; // by the source's name, or the folder of --with
};

// ctl_sources_open reads --source.
CM_MUSTUSE enum cm_rc ctl_sources_open(struct ctl *c, struct ctl_sources *out);
void ctl_sources_close(struct ctl_sources *s); // a zeroed one is fine

// ctl_sources_feed_others gives the fleet what --with names.
CM_MUSTUSE enum cm_rc ctl_sources_feed_others(struct ctl *c, struct ctl_offline *o);

// ctl_sources_feed gives the fleet the sources that its Apps want now and that were given.
CM_MUSTUSE enum cm_rc ctl_sources_feed(struct ctl *c, struct ctl_offline *o);

// ctl_sources_read reads a file of a source; CM_ENOTFOUND if it is none of them.
CM_MUSTUSE enum cm_rc ctl_sources_read(const struct ctl_sources *s, const char *source,
                                       const uint8_t *oid, size_t max_bytes, struct cm_buf **out,
                                       struct cm_err *err);
