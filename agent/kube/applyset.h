// applyset: the Secret in the cluster that says where our objects may be.
//
// The convention of KEP-3659, as kubectl knows it: a parent object has the label
// `applyset.kubernetes.io/id` and annotations that name the tool, the kinds and the namespaces of
// the members, which carry the label `applyset.kubernetes.io/part-of` with the same id. Kinds and
// namespaces are written before the first member of them, and never taken out by us: they may say
// too much, never too little.
//
// The parent also keeps which manifest was put in force last (KUBE_MARK), for an agent whose disk
// is an older copy. That is written with the kinds, or a few seconds later.
//
// Threads: the driver's loop; texts are pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/driver.h"
#include "common/err.h"

struct agent_kube;
struct cm_arena;
struct cm_json;
struct cm_map;

#define KUBE_APPLYSET_NAMESPACES "applyset.kubernetes.io/additional-namespaces" // an annotation
#define KUBE_MARK "holdfast.dev/in-force" // an annotation: EPOCH.GENERATION
#define KUBE_APPLYSET_NAME_MAX 254
#define KUBE_APPLYSET_ID_MAX 64

struct kube_applyset {
    char shared_id[KUBE_APPLYSET_ID_MAX]; // of the one that all agents had once
    char name[KUBE_APPLYSET_NAME_MAX];
    char id[KUBE_APPLYSET_ID_MAX];
    char *ns;
    struct cm_map *kinds;      // wanted: "Kind.group" -> itself
    struct cm_map *namespaces; // wanted
    size_t written_kinds;      // how many of them are in the cluster
    size_t written_namespaces;
    size_t sent_kinds; // with the write that is on its way
    size_t sent_namespaces;
    bool loaded; // what is in the cluster is in the two maps
    bool busy;   // a request is on its way
    bool tried_namespace;
    struct agent_mark mark;         // wanted there; zeros: nothing is
    struct agent_mark written_mark; // is there
    struct agent_mark sent_mark;    // with the write that is on its way
};

// kube_applyset_name makes the parent's name of an identity: a DNS name.
void kube_applyset_name(const char *identity, char out[KUBE_APPLYSET_NAME_MAX]);

// kube_applyset_id makes the id of a parent Secret: "applyset-HASH-v1".
void kube_applyset_id(const char *name, const char *ns, char out[KUBE_APPLYSET_ID_MAX]);

// kube_applyset_init begins without what is in the cluster; identity "" is nobody's.
void kube_applyset_init(struct kube_applyset *s, const char *identity, const char *ns);
void kube_applyset_done(struct kube_applyset *s);

// kube_applyset_read adds what a parent says to the two maps; at most 10,000 each.
void kube_applyset_read(struct kube_applyset *s, const struct cm_json *parent);

// kube_applyset_covers tells whether objects of a kind in a namespace ("" for none) may be applied;
// if not, they are wanted from now on and the caller waits for kube_ops_parent_written.
bool kube_applyset_covers(struct kube_applyset *s, const char *kind, const char *ns);

// kube_applyset_parent makes the parent object.
struct cm_json *kube_applyset_parent(const struct kube_applyset *s, struct cm_arena *a);

// kube_applyset_path is the URL path of the parent; the caller frees it.
char *kube_applyset_path(const struct kube_applyset *s);

// kube_applyset_remember has the parent say which manifest is in force; kube_applyset_remembers is
// the timer's, some seconds later.
void kube_applyset_remember(struct agent_kube *k, const struct agent_mark *mark);
void kube_applyset_remembers(void *kube);

// kube_applyset_recall gives what it says of that; `done` follows, at the latest when the driver
// stops. kube_applyset_recall_wake asks if somebody waits; kube_applyset_recall_end tells him.
void kube_applyset_recall(struct agent_kube *k, agent_recalled_fn done, void *ctx);
void kube_applyset_recall_wake(struct agent_kube *k);
void kube_applyset_recall_end(struct agent_kube *k, const struct cm_err *err);

// kube_applyset_mark reads what a parent says of that; zeros if it says nothing that makes sense.
struct agent_mark kube_applyset_mark(const struct cm_json *parent);

// kube_applyset_check loads the parent anew and writes what it lacks of what is tracked: somebody
// may have deleted it.
void kube_applyset_check(struct agent_kube *k);

// kube_applyset_write loads the parent if that was not done and writes it if it lacks something;
// kube_ops_parent_written follows.
void kube_applyset_write(struct agent_kube *k);
