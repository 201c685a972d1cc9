// edition: an App's manifests as they are for one of its targets: overlays put in, images, labels
// and annotations set, variables still open.
//
// An App without any of these has one edition, which is its templates as they were read. Else each
// list of changes (the App's, then the target's) gives an edition of its own, made once and shared
// by all clusters of the target. Variables stay holes, also those in overlays, so an overlay sees
// the text `${tag}`, and what it brings may hold variables itself.
//
//     templates ── overlays of the App ── overlays of the target ── images, labels, annotations ──▶
//
// An overlay is one of
//     path       a file, or a folder of files, of partial objects: each is merged into the object
//                of its identity as the API server's strategic merge would (Kubernetes' list keys
//                for built-in kinds; JSON merge patch for all others), with `$patch: delete` and
//                `$patch: replace` and null meaning what they mean to kubectl and kustomize
//     merge      the same, inline; with a target it needs no identity and may change several
//                objects
//     jsonPatch  RFC 6902 operations on what `target` names
//     replace    a whole object in the place of the one with its identity
//     remove     true: what `target` names is not for these clusters
// A target selects by group, version, kind, name, namespace (each left out: any; name and namespace
// are whole names) and labelSelector. What changes nothing because nothing matches is an error.
//
// An identity is kind, group, name and namespace, as they are written. An overlay that names no
// namespace means the object in whichever it is, if there is only one. What an object is called
// does not change by a merge.
//
// Images change in the `containers` and `initContainers` of any kind but a
// CustomResourceDefinition, and in volumes of images. An entry of the target's images adds to, or
// hides, the members of the App's entry of the same name.
//
// Sources: kubernetes.io "Update API Objects in Place Using kubectl patch"; RFC 6902; RFC 7386;
// kustomize's `patches`, `images`, `labels` (without selectors) and `commonAnnotations`.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/render/diag.h"
#include "hub/render/source.h"

struct cm_json;

// One overlay. The nodes are those of app.yaml (checked against the schema by the caller), with
// their places; exactly one of what is below `target` is set.
struct hub_overlay {
    const struct cm_json *node;        // the entry of `overlays`, for its place
    const struct cm_json *target;      // NULL: by the identity of what is merged
    struct hub_source *const *sources; // path: its files, sorted by path
    size_t source_count;
    const struct cm_json *merge;
    const struct cm_json *json_patch;
    const struct cm_json *replace;
    bool remove;
};

// What holds for all objects; NULL: nothing. Those of a target are stronger than the App's: they
// come last, label by label and image by image.
struct hub_common {
    const struct cm_json *labels;      // object of strings, put on each object's metadata only
    const struct cm_json *annotations; // likewise
    const struct cm_json *images;      // list of {name, newName, newTag, digest}
};

#define HUB_EDITION_LEVELS 2 // the App's, the target's

struct hub_edition_input {
    const char *path; // of app.yaml, for places
    const char *text; // of app.yaml, where variables stand inline; NULL: where their nodes do
    size_t text_size;
    bool literal; // ${…} is plain text in app.yaml
    struct hub_template *const *templates;
    size_t template_count;
    bool partial; // there may be more of them, which cannot be read: what matches none may be right
    const struct hub_overlay *overlays; // in the order in which they are put in
    size_t overlay_count;
    struct hub_common common[HUB_EDITION_LEVELS];
    size_t spent; // bytes that other editions of the App take
};

struct hub_edition {
    struct hub_template **templates; // those that nothing changed are the input's own
    size_t count;
    struct hub_source *source; // owns those that are new; NULL: none is
    const char **used;         // variables of all templates, sorted, each once
    size_t used_count;
    bool wrong; // something is: it is only to be looked at
};

// hub_edition_make makes an edition of what it is given, which must outlive it. All that is wrong
// goes to diags; what is wrong with a template or a source already is not told again. It returns
// NULL if it is too large.
struct hub_edition *hub_edition_make(const struct hub_edition_input *in, struct hub_diags *diags);
void hub_edition_free(struct hub_edition *e); // NULL is fine

// hub_edition_size returns the bytes that its trees take; all editions of an App share a limit.
size_t hub_edition_size(const struct hub_edition *e);
