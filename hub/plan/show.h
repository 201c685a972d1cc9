// show: a plan as text for a terminal, as Markdown for a pull request, as JSON, and its problems as
// annotations of a CI system.
//
// What comes first is what cannot be taken back: objects that are deleted, clusters that nobody
// looks after any more. Then App by App, the most clusters first. Groups that differ in values only
// are folded when there are many of them; JSON folds nothing.
//
// All texts come from a repository that somebody else may have written: control characters, and
// those that turn the direction of a text, become '?'.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/plan/plan.h"

struct cm_arena;
struct cm_json;
struct cm_str;

// The name by which a problem's `repo` is the repository that is looked at; problems in others are
// told with the other one's name.
#define HUB_PLAN_HERE "."

// What the agents of some clusters said of objects that are new there: `plan --live`.
struct hub_plan_owned {
    const char *app;
    const char *key;
    const char *owner; // "Flux (Kustomization 'apps/shop')"
    const char *const *clusters;
    size_t cluster_count;
};

// Clusters where nobody could look.
struct hub_plan_blind {
    const char *why;
    const char *const *clusters;
    size_t cluster_count;
};

struct hub_plan_live {
    const struct hub_plan_owned *owned; // that the App would be refused for; sorted by App and key
    size_t owned_count;
    const struct hub_plan_blind *blind;
    size_t blind_count;
    size_t looked; // clusters that answered
};

struct hub_plan_view {
    const char *from; // what is compared, for people: "main (3f2a1c9)"
    const char *to;
    const char *folder; // of the repository, before paths of problems: "" or "fleet/"
    bool colour;
    const struct hub_plan_live *live; // NULL: nobody was asked
};

void hub_plan_text(const struct hub_plan *plan, const struct hub_plan_view *view,
                   struct cm_str *out);

// What GitHub, GitLab and Gitea take as a comment, with room to spare.
#define HUB_PLAN_MARKDOWN_MAX 60000
#define HUB_PLAN_MARKDOWN_MARK "<!-- holdfast plan -->" // its first line

// hub_plan_markdown writes a comment of at most `max` bytes (of at least 4096): what does not fit
// is counted. Apps with many lines are folded.
void hub_plan_markdown(const struct hub_plan *plan, const struct hub_plan_view *view, size_t max,
                       struct cm_str *out);

struct cm_json *hub_plan_json(struct cm_arena *a, const struct hub_plan *plan,
                              const struct hub_plan_view *view);

// hub_plan_confirmations writes the documents that let happen what waits, ready to be committed,
// and returns how many there are.
size_t hub_plan_confirmations(const struct hub_plan *plan, struct cm_str *out);

// hub_plan_verdict writes the plan in one sentence.
void hub_plan_verdict(const struct hub_plan *plan, struct cm_str *out);

// hub_plan_hold_words says what becomes of a release that is, or was, kept out.
void hub_plan_hold_words(const struct hub_plan_hold *hold, struct cm_str *out);

// hub_plan_freeze_words says where nothing is applied for now, or is again.
void hub_plan_freeze_words(const struct hub_plan_freeze *freeze, struct cm_str *out);

// hub_plan_unseen_loss writes what becomes of an App that cannot be compared and loses clusters.
void hub_plan_unseen_loss(const struct hub_plan_unseen *unseen, struct cm_str *out);

// ---- Problems, also for those who have no plan

// hub_problem_line writes "folder/path:line:column: message (on 3 clusters, first eu-1)".
void hub_problem_line(const struct hub_problem *problem, const char *folder, struct cm_str *out);

// hub_problem_annotation writes a workflow command of GitHub and Gitea Actions:
// "::error file=…,line=…::message". Source: docs.github.com, "Workflow commands for GitHub
// Actions".
void hub_problem_annotation(const struct hub_problem *problem, const char *folder,
                            const char *level, struct cm_str *out);

struct cm_json *hub_problem_json(struct cm_arena *a, const struct hub_problem *problem);
