// write: what the hub shall change in a repository, as pure functions of what stands on its tip.
//
// An intent says what shall be so ("the App shop is suspended", "this hold is there"), not which
// bytes change. It is held against each new tip anew and yields edits, or that it is so already, or
// that it cannot be, with why; so what people pushed meanwhile is never undone by merging texts.
//
//     kind        arguments        makes so
//     suspend     file, reason     spec.suspend of the Cluster or App is true
//     resume      file, reason     … is not
//     retry       path, clusters   spec.retry of that Hold is true; with clusters, if it lists
//     others,
//                                  too, these are off its list
//     confirm     path, text       the file is there, with this text; where is the kind's folder
//     hold        path, text       the file is a Hold with at least these clusters; with `revert`
//                                  true, if a document can say what it would make, that does
//                                  instead
//     ban, exempt, freeze          as confirm
//     unhold, unban, unexempt, unfreeze
//                 path, until      the file is not there; with `until`, unless it ends at another
//                                  time now
//     capture      object, fields      the manifests say what somebody changed in a cluster by hand
//                                      (hub/capture)
//     ignore      file, rule       spec.ignoreDifferences of the App has this rule, at its end
//
// Files and paths are told from the top of the repository. A `file` is where the document was seen
// last; it is looked for elsewhere below the root, too, and nowhere outside.
//
// Any may have `subject`, `body` and `trailers` (an object of texts) for the commit's message, and
// `author` and `email`, who decided; without, these are made from what is known.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_buf;
struct cm_json;
struct cm_str;
struct hub_write_edit;

#define HUB_WRITE_FILE_MAX ((size_t)1 << 20) // bytes of a file that is looked at or written
#define HUB_WRITE_ARGS_MAX ((size_t)1 << 20)
#define HUB_WRITE_ID_MAX 128
#define HUB_WRITE_FOUND "found" // argument of a hold: it was in a pull request before
#define HUB_WRITE_AGAIN "again" // likewise: it was in Git before (hub/store/intents.c counts these)

// Texts are borrowed; "" where there is none.
struct hub_intent {
    const char *id;   // the same twice is one
    const char *kind; // see above
    const char *app;
    const char *cluster;
    const char *cause; // intents of one App with the same cause become one commit; "": its own
    const char *args;  // JSON
    const char *actor; // who decided: a name
    int64_t made_ms;   // Unix time
    // Of the edit that it was found to need on a tip, as long as that is there:
    const char *as;  // what it is called in the commit; NULL: its kind
    const char *why; // it was not reverted; NULL: it was, or was not to be
};

// The files of a tip.
struct hub_write_files {
    // read: CM_ENOTFOUND if there is no such file.
    enum cm_rc (*read)(void *ctx, const char *path, struct cm_buf **out, struct cm_err *err);
    // each calls back for the path of every file at or below a folder until that returns false.
    enum cm_rc (*each)(void *ctx, const char *folder,
                       bool (*visit)(void *visitor, const char *path), void *visitor,
                       struct cm_err *err);
    // capture makes the edit of an intent of that kind.
    enum cm_rc (*capture)(void *ctx, const struct hub_intent *intent, const struct cm_json *args,
                          struct hub_write_edit *out, struct cm_err *err);
    // revert makes the edit of a document that says what a Hold would make; *out->path NULL: the
    // Hold would change nothing. CM_EINVAL, CM_ENOTFOUND: there is none, with why; CM_EBUSY: that
    // is not known now. NULL: none is looked for.
    enum cm_rc (*revert)(void *ctx, const struct hub_write_edit *hold, struct hub_write_edit *out,
                         struct cm_err *err);
    void *ctx;
    const char *root; // folder of the fleet in the repository; "": its top
    const char *why;  // of a Hold: why no document is looked for; NULL: nothing is said of it
};

struct hub_write_edit {
    char *path;   // from the top of the repository
    char *before; // NULL: the file was not there
    char *text;   // NULL: the file goes
    bool reverts; // a document says what a Hold would make
    char *why;    // of a Hold: why none can; NULL: none was to
};

void hub_write_edit_done(struct hub_write_edit *edit); // a zeroed one is fine

// hub_write_check tells with CM_EINVAL what is wrong with an intent as such.
CM_MUSTUSE enum cm_rc hub_write_check(const struct hub_intent *intent, const char *root,
                                      struct cm_err *err);

// hub_write_evaluate gives the edit that makes it so. *out->path NULL: it is so. CM_ENOTFOUND and
// CM_EINVAL: it cannot be, with why; anything else is the reader's.
CM_MUSTUSE enum cm_rc hub_write_evaluate(const struct hub_intent *intent,
                                         const struct hub_write_files *files,
                                         struct hub_write_edit *out, struct cm_err *err);

// hub_write_is_proven tells whether what an intent would change is proven by rendering the fleet,
// which takes its time.
bool hub_write_is_proven(const struct hub_intent *intent);

// hub_write_is_one tells whether two intents belong into one commit.
bool hub_write_is_one(const struct hub_intent *a, const struct hub_intent *b);

// hub_write_is_same_target tells whether two intents are about the same member of a document, or
// the same file: then the later one has the last word.
bool hub_write_is_same_target(const struct hub_intent *a, const struct hub_intent *b);

// hub_write_is_undone tells whether a later intent takes one back, or it that one: together they
// mean no more than the later one. A later capture is of all that differs of its object. A retry
// needs the Hold that it is about.
bool hub_write_is_undone(const struct hub_intent *intent, const struct hub_intent *later);

// hub_write_is_outdone tells whether a later intent says all that one does: both are Holds that a
// document may say instead, of which the later one has all clusters.
bool hub_write_is_outdone(const struct hub_intent *intent, const struct hub_intent *later);

// hub_write_may_revert tells whether it is a Hold that a document may say instead.
bool hub_write_may_revert(const struct hub_intent *intent);

// hub_write_was_found tells whether it is a Hold that the hub has found, and had proposed before it
// lost its record.
bool hub_write_was_found(const struct hub_intent *intent);

// hub_write_message is the message of a commit for intents that belong together (at least one), as
// deploy/reference/commits.md says: in the words of the last, whose edit it is of a file that more
// of them are about. The caller frees it. `writer` names the hub and its epoch.
char *hub_write_message(const struct hub_intent *const *intents, size_t count, const char *writer);

// hub_write_asks_pull tells whether an intent asks for a pull request where others are commits.
bool hub_write_asks_pull(const struct hub_intent *intent);

// How the branches of captures begin: of one for each App.
#define HUB_WRITE_CAPTURE_BRANCH "holdfast/capture/"

// hub_write_branch names the branch of the pull request that an intent is in, and all that have the
// last word about the same: "holdfast/rollback/<app>/<release>-<id>" for a Hold, else
// "holdfast/<kind>/<app>". The caller frees it.
char *hub_write_branch(const struct hub_intent *intent);

// hub_write_path gives the file that it is about; NULL: it is about none. The caller frees it.
char *hub_write_path(const struct hub_intent *intent);

// hub_write_author gives who decided; the caller frees both.
void hub_write_author(const struct hub_intent *intent, char **name, char **email);

// hub_write_add_words adds what people wrote without what would end its line.
void hub_write_add_words(struct cm_str *out, const char *text);

// hub_write_add_trailer adds the line "Holdfast-KEY: value", unless there is no value.
void hub_write_add_trailer(struct cm_str *out, const char *key, const char *value);

// hub_write_find_trailer finds the value of a trailer among lines "Key: value", at or after *at,
// which moves behind it; NULL: there is none. The caller frees it.
char *hub_write_find_trailer(const char **at, const char *key);

// hub_write_diff shows an edit as `git diff` would; the caller frees it.
char *hub_write_diff(const struct hub_write_edit *edit);
