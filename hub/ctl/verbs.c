#include "hub/ctl/verbs.h"

#include <string.h>

#include "common/str.h"
#include "hub/ctl/ctl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SEE "See"
#define PAST "See the past"
#define ACT "Act"
#define BEFORE "Before a merge, without a hub"
#define ACCESS "Access"
#define SELF "This program"

const struct ctl_verb ctl_verbs[] = {
    {.name = "get",
     .group = SEE,
     .arguments = "TYPE [NAME...]",
     .summary = "List what the hub knows.",
     .about = "TYPE is clusters, groups, apps, status, objects, drift, events, revisions, "
              "agents, holds, bans, exemptions, freezes, repositories, writes or problems; "
              "singular, the kinds of "
              "the fleet repository and short "
              "forms (cl, cg, st, "
              "obj, ev, rev) are as good. A long list of clusters or states is folded on a "
              "terminal: what is not ready, by its first names; --all shows every row. In brackets "
              "stands what a cluster said last that is not connected.",
     .example = "holdfast get clusters -l env=production\n"
                "holdfast get app checkout -o yaml\n"
                "holdfast get status --app checkout --state not-healthy\n"
                "holdfast get apps -o jsonpath='{range .items[*]}{.name}{\"\\n\"}{end}'",
     .options =
         "output app cluster group selector state kind repository revision since limit sort-by all "
         "watch no-headers",
     .outputs = "table wide json yaml name jsonpath",
     .completes = "types named",
     .run = ctl_get},
    {.name = "describe",
     .group = SEE,
     .arguments = "[TYPE] NAME...",
     .summary = "Tell all that is known of one thing, what is wrong first.",
     .about = "TYPE is cluster, group, app, revision, object or status; the last two need "
              "--cluster, and an App with --cluster is described as it is there. A NAME alone will "
              "do where nothing else has it.",
     .example = "holdfast describe cluster eu-west-01\n"
                "holdfast describe app checkout\n"
                "holdfast describe app checkout --cluster eu-west-01\n"
                "holdfast describe object Deployment.apps/shop/checkout --cluster eu-west-01",
     .options = "output cluster",
     .outputs = "text json yaml jsonpath",
     .completes = "types named",
     .run = ctl_describe},
    {.name = "diff",
     .group = SEE,
     .arguments = "[[TYPE] NAME | WHAT..WHAT]",
     .summary = "Show where clusters are not as Git says; exit code 1 if somewhere.",
     .about =
         "TYPE NAME is 'app NAME', 'cluster NAME' or 'group NAME', as --app and so on; a NAME "
         "alone will do where nothing else has it. Where "
         "clusters differ alike they are shown once. --all also shows what is no drift: fields "
         "that another controller has by right, that a rule ignores, or that the API server "
         "writes in another way. WHAT..WHAT, each as for 'show', compares which commits run in two "
         "parts of the fleet, or at two moments; with --objects, of one cluster on each side, "
         "which objects there differ, field by field, as the state repository has them. Of "
         "clusters "
         "that were not observed what was heard last is compared, which is said.",
     .example = "holdfast diff\nholdfast diff cluster eu-west-01\nholdfast diff --app checkout "
                "-o json\nholdfast diff staging..prod\nholdfast diff 'prod@{yesterday}..'\n"
                "holdfast diff 'eu-017:checkout@{1.hour.ago}..' --objects",
     .options = "output app cluster group selector all objects known",
     .outputs = "table json yaml name jsonpath",
     .completes = "targets named",
     .run = ctl_diff},
    {.name = "watch",
     .group = SEE,
     .arguments = "[COMMIT]",
     .summary = "Watch a commit on its way through the fleet.",
     .about = "Without COMMIT it is the newest, and the next one when it comes; q or Ctrl-C ends "
              "it. With COMMIT it ends when all of it is healthy. Without a terminal it prints "
              "lines and ends when all of it is healthy.",
     .example = "holdfast watch\nholdfast watch $(git rev-parse HEAD)\n"
                "holdfast watch --group production --app checkout",
     .options = "app cluster group selector repository revision for timeout",
     .completes = "revisions",
     .run = ctl_watch},
    {.name = "logs",
     .group = SEE,
     .arguments = "[[TYPE] NAME]",
     .summary = "Print the hub's events; with -f those that come, too.",
     .about = "TYPE NAME is 'app NAME' or 'cluster NAME', as --app and --cluster. The last 100 "
              "are printed if neither --since nor --limit says otherwise; -o json prints an "
              "object a line.",
     .example = "holdfast logs -f\nholdfast logs app checkout --since 1h\n"
                "holdfast logs --kind drift.found -o json",
     .options = "output app cluster kind revision since limit follow",
     .outputs = "text json yaml jsonpath",
     .completes = "targets named",
     .run = ctl_logs},
    {.name = "fleet",
     .group = SEE,
     .arguments = "health",
     .summary = "Tell in one screen how the fleet and its hub are.",
     .about = "Each cluster of Git is in one state: in sync, progressing, waiting (for the "
              "Confirmation of a removal, or for somebody to let a release go on), degraded, "
              "offline, unknown: its agent was never connected, or observed: its agent changes "
              "nothing. Exit codes: 0 nothing wants a person, 1 something does (a release that "
              "waits for somebody, too), which is said last, 2 an error.",
     .example = "holdfast fleet health\nholdfast fleet health -o json\n"
                "holdfast fleet health -o jsonpath='{.wrong[*]}'",
     .options = "output",
     .outputs = "text json yaml jsonpath",
     .completes = "health|",
     .run = ctl_fleet},
    {.name = "show",
     .group = PAST,
     .arguments = "[WHAT]",
     .summary = "Show how the fleet is, or was at any moment.",
     .about =
         "WHAT is a cluster or a group, with an App behind a colon, and a time in @{}: "
         "'prod', 'eu-017:checkout', ':checkout', 'prod@{2.hours.ago}', "
         "'prod@{2026-10-01T12:00}' (UTC, unless an offset like +02:00 follows), 'prod~5' "
         "for the moment before the last five changes in Git. What was alike is one row. A "
         "cluster whose agent was not connected is unobserved: nobody knows how it was. "
         "DESIRED is what Git says; where a release is held, HELD says what is in effect "
         "instead. RUNS has the images that run where these are not the desired ones: somebody "
         "set another one, a controller went back, or the release is not applied yet. "
         "DIGESTS tells behind which tag more than one image runs; with -o wide IMAGES has the "
         "digests that run behind tags, as far as agents have seen them in pods. "
         "CANARY is the share of the traffic at a controller's last step. Groups "
         "have the clusters that they have now. With --known only what the hub had heard of "
         "by then counts, without what agents told later.",
     .example = "holdfast show prod\n"
                "holdfast show 'prod@{10.minutes.ago}'\n"
                "holdfast show 'eu-017:checkout@{2026-10-01T12:00}' -o yaml",
     .options = "output known no-headers",
     .outputs = "table wide json yaml jsonpath",
     .run = ctl_show},
    {.name = "log",
     .group = PAST,
     .arguments = "[WHAT]",
     .summary = "Tell what happened, newest first, a line for each action.",
     .about =
         "WHAT is as for 'show'; with a time the log begins there. A release to hundreds of "
         "clusters is one line. --kind is release, removal, suspend (what Git says), healthy, "
         "progressing, degraded, failed, drifted, suspended (what agents say; drifted tells who "
         "changed what by hand), connected, "
         "disconnected, upgraded (agents), frozen, unfrozen, exempted, unexempted (by Git, or by a "
         "site itself), hold, retry, void, unhold, ban, unban (what Git keeps out), not_held, "
         "rollback, not_written, pull_request (what the hub decided about these), or "
         "what a controller decided: promoted, rejected, failed_forward, timed_out, undone or "
         "restarted; "
         "all but progressing unless said. It says since when decisions of controllers, and what "
         "people did, are all kept, if that is not 400 days. What an autoscaler did, or who else "
         "has "
         "replicas by right, is one line (scaled) for each App and hour over all clusters; with "
         "--expand one for each time that an agent told, which is when five minutes are over, or "
         "up to an hour while it goes on. --known leaves out what agents told only later.",
     .example = "holdfast log\n"
                "holdfast log prod:checkout --limit 20\n"
                "holdfast log 'prod@{yesterday}' --kind release\n"
                "holdfast log eu-017:checkout --kind scaled --expand",
     .options = "output limit kind expand known",
     .outputs = "text json yaml jsonpath",
     .run = ctl_log},
    {.name = "why",
     .group = PAST,
     .arguments = "CLUSTER:APP",
     .summary = "Tell why an App is as it is on a cluster, or was.",
     .about = "The commit that Git wants there and who made it, what runs, what controllers such "
              "as Flagger decided, in their own words, which Holds keep a release out, by whom and "
              "with what proof, and what happened before. With --object, as KIND/NAME, only what "
              "was decided about that object and what happened to it. A time in @{} may "
              "follow, as for 'show'.",
     .example = "holdfast why eu-017:checkout\nholdfast why 'eu-017:checkout@{yesterday}'\n"
                "holdfast why eu-017:checkout --object Deployment/web",
     .options = "output object known",
     .outputs = "text json yaml jsonpath",
     .run = ctl_why},
    {.name = "where",
     .group = PAST,
     .arguments = "COMMIT|IMAGE [WHAT]",
     .summary = "Tell where a commit or an image runs, or ran, since when.",
     .about =
         "IMAGE is a whole one, one without tag, without what stands before a '/' as 'log' and "
         "'show' print it, or only the tag or digest. A COMMIT is the "
         "one that changed an App, 7 digits or more. WHAT is as for 'show'. With --missing: "
         "the clusters where the App runs without it, or may do so. An image is found where it "
         "runs, also where it is not the one of the commit: somebody set it by hand, a "
         "controller rejected a release and went back, or an App has failed in the middle. "
         "RUNS tells what runs there. Beside a number of clusters stands of how many of them "
         "nobody knows (not observed), how many are not just as the commit says (drifted), and on "
         "how many it is not healthy yet, or no more, so that pods of the release before may run "
         "there, too (not healthy). A digest is found behind a tag, too, where the agent has seen "
         "it in pods; where it has not, that is said, and with --missing these clusters are told "
         "(of unknown digest). DIGESTS tells which tag means more than one image there. Of what a "
         "webhook puts into pods nothing is known.",
     .example = "holdfast where registry.example.com/checkout:1.5.0\n"
                "holdfast where checkout@sha256:4c1f... prod --missing\n"
                "holdfast where sha256:4c1f... 'prod@{2026-10-01}'\n"
                "holdfast where 1.5.1 prod --missing",
     .options = "output missing known no-headers",
     .outputs = "table wide json yaml jsonpath",
     .run = ctl_where},
    {.name = "sync",
     .group = ACT,
     .arguments = "[[TYPE] NAME]",
     .summary = "Fetch now, and apply again what is named.",
     .about = "TYPE NAME is 'app NAME' or 'cluster NAME', as --app and --cluster. What is "
              "applied again is as Git says, also where drift is only reported.",
     .example = "holdfast sync\nholdfast sync app checkout --wait",
     .options = "output app cluster repository wait for timeout revision",
     .outputs = "table json yaml jsonpath",
     .completes = "targets named",
     .run = ctl_sync},
    {.name = "wait",
     .group = ACT,
     .arguments = "[[TYPE] NAME]",
     .summary = "Wait until the fleet runs a commit, or all that Git says.",
     .about = "TYPE NAME is 'app NAME', 'cluster NAME' or 'group NAME', as --app and so on; a NAME "
              "alone will do where nothing else has it. Exit "
              "codes: 0 it is so, 1 not in time or Git has problems, 2 an error.",
     .example = "holdfast wait --revision $(git rev-parse HEAD) --for healthy --timeout 10m\n"
                "holdfast wait app checkout -o json",
     .options = "output app cluster group selector revision for timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "targets named",
     .run = ctl_wait},
    {.name = "suspend",
     .group = ACT,
     .arguments = "[TYPE] NAME",
     .summary = "Commit that nothing be changed: of an App, or on a cluster.",
     .about = "TYPE NAME is 'app NAME' or 'cluster NAME'. The hub sets 'suspend: true' in the "
              "document, as a commit whose author is whoever asks; comments and layout stay. With "
              "--wait it ends when the hub has read that commit. A repository that the hub may not "
              "write to ('write' in its file of repositories) stays as it is: the change is "
              "printed, for somebody to commit, and the exit code is 2.",
     .example = "holdfast suspend app checkout --reason 'INC-123'\n"
                "holdfast suspend cluster eu-west-01 --dry-run",
     .options = "output app cluster reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "targets named",
     .run = ctl_write},
    {.name = "resume",
     .group = ACT,
     .arguments = "[TYPE] NAME",
     .summary = "Commit that a suspended App or cluster goes on.",
     .about = "As 'holdfast suspend'.",
     .example = "holdfast resume app checkout --wait",
     .options = "output app cluster reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "targets named",
     .run = ctl_write},
    {.name = "confirm",
     .group = ACT,
     .arguments = "APP [REMOVAL]",
     .summary = "Commit the Confirmation of a removal that waits.",
     .about = "REMOVAL is what 'holdfast get problems' and 'holdfast plan' call it, and not needed "
              "where only one of the App waits. The rest is as with 'holdfast suspend'.",
     .example = "holdfast confirm checkout --dry-run\n"
                "holdfast confirm checkout 3f9a01c2d4e5 --reason 'moved to the new clusters'",
     .options = "output reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "apps",
     .run = ctl_confirm},
    {.name = "freeze",
     .group = ACT,
     .arguments = "[[TYPE] NAME]",
     .summary = "Stop applying at once: an App, a cluster, a group, or all.",
     .about = "TYPE NAME is 'app NAME', 'cluster NAME' or 'group NAME', as --app and so on; an App "
              "goes together with one of the others. Nothing is applied, pruned or corrected there "
              "until --for or --until, or 'holdfast unfreeze'; what shall run does not change. It "
              "needs no Git: the hub tells the agents at once, and commits it to freezes/ when it "
              "can. Agents that are not connected stop when they are.",
     .example = "holdfast freeze app checkout --reason 'INC-4711' --for 2h\n"
                "holdfast freeze -l env=production --reason 'INC-4711'\n"
                "holdfast freeze --all --reason 'INC-4711' --dry-run",
     .options = "output app cluster group selector all reason for until name dry-run",
     .outputs = "table json yaml jsonpath",
     .completes = "targets named",
     .run = ctl_freeze},
    {.name = "unfreeze",
     .group = ACT,
     .arguments = "NAME...",
     .summary = "End freezes: what waited is applied.",
     .about = "NAME is what 'holdfast get freezes' calls it; --all ends all. The hub commits that "
              "its file goes. --dry-run only tells what would end.",
     .example = "holdfast unfreeze checkout-20261001-120000.000\n"
                "holdfast unfreeze --all --dry-run",
     .options = "all dry-run",
     .completes = "freezes...",
     .run = ctl_unfreeze},
    {.name = "hold",
     .group = ACT,
     .arguments = "APP IMAGE",
     .summary = "Commit that another image runs instead of what Git says.",
     .about = "The hub writes a Hold: while Git says the image that it says now, IMAGE runs in "
              "its place, on the clusters that are named or all that the App is on; all else that "
              "people commit lands, and another release ends it. 'holdfast retry' does, too. The "
              "rest is as with 'holdfast suspend'.",
     .example = "holdfast hold checkout reg.example.com/checkout:1.4.2 --reason 'INC-123'\n"
                "holdfast hold checkout reg.example.com/checkout:1.4.2 --clusters "
                "eu-west-01,eu-west-02 --dry-run",
     .options = "output clusters reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "apps",
     .run = ctl_hold},
    {.name = "retry",
     .group = ACT,
     .arguments = "APP [HOLD]",
     .summary = "Commit that a release that is held is tried again.",
     .about = "Of a Hold that a controller's decision made the hub sets 'retry: true', or takes "
              "the clusters that are named off its list; where the release is rejected once more "
              "it is held again. A Hold that a person made goes. HOLD is what 'holdfast get holds' "
              "calls it, and not needed where only one of the App is in force. The rest is as "
              "with 'holdfast suspend'.",
     .example = "holdfast retry checkout --reason 'the database is back'\n"
                "holdfast retry checkout --clusters eu-west-01 --dry-run",
     .options = "output clusters reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "apps",
     .run = ctl_retry},
    {.name = "ban",
     .group = ACT,
     .arguments = "IMAGE [NAME]",
     .summary = "Commit that an image shall never run.",
     .about = "IMAGE has a tag or a digest, or is a digest alone; a tag may be a pattern, such as "
              "'1.5.*'. With --versions it has none. The hub writes a Ban, called NAME or after "
              "the image, for the App that --app names or for all; where there are several "
              "repositories --repository says which one it goes into. What runs already stays "
              "until Git says something else. The rest is as with 'holdfast suspend'.",
     .example = "holdfast ban reg.example.com/checkout:1.5.0 --reason CVE-2026-1234\n"
                "holdfast ban reg.example.com/checkout cve-2026-1234 --versions '>=1.4.0 <1.4.3'\n"
                "holdfast ban sha256:4c1f... --app checkout --dry-run",
     .options = "output app versions repository reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .run = ctl_ban},
    {.name = "unban",
     .group = ACT,
     .arguments = "NAME",
     .summary = "Commit that a banned image may run again.",
     .about = "NAME is what 'holdfast get bans' calls it: its file goes. The rest is as with "
              "'holdfast suspend'.",
     .example = "holdfast unban cve-2026-1234 --reason 'it was another image'",
     .options = "output reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .run = ctl_unban},
    {.name = "ignore",
     .group = ACT,
     .arguments = "APP FIELD",
     .summary = "Commit that differences in a field of an App are no drift.",
     .about =
         "FIELD is a path as 'holdfast diff' prints it, or a JSON pointer. The hub adds a rule "
         "to 'ignoreDifferences' of the App's document, comments and layout stay. With "
         "--object it is about one object, or one kind. The rest is as with 'holdfast "
         "suspend'.",
     .example = "holdfast ignore checkout spec.replicas --object Deployment.apps/shop/checkout\n"
                "holdfast ignore checkout /metadata/annotations/stamp --dry-run",
     .options = "output object reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "apps",
     .run = ctl_ignore},
    {.name = "exempt",
     .group = ACT,
     .arguments = "APP [NAME]",
     .summary = "Commit that something may be changed by hand for a time.",
     .about = "The hub writes an Exemption, called NAME: what somebody sets in the object that "
              "--object names, or in its field that --field names, is told as drift and not put "
              "right, on the clusters that are named or all that the App is on. It ends by itself; "
              "then the App's 'drift' counts again and the hub takes the file out. The rest is as "
              "with 'holdfast suspend'.",
     .example = "holdfast exempt checkout --object Deployment.apps/shop/checkout --field "
                "spec.replicas --for 8h --reason INC-123\n"
                "holdfast exempt checkout inc-123 --object ConfigMap/shop/settings --clusters "
                "eu-west-01 --for 30m --reason INC-123 --dry-run",
     .options = "output object field clusters for working-hours reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "apps",
     .run = ctl_exempt},
    {.name = "unexempt",
     .group = ACT,
     .arguments = "NAME",
     .summary = "Commit the end of an exemption.",
     .about = "NAME is what 'holdfast get exemptions' calls it: its file goes. The rest is as with "
              "'holdfast suspend'.",
     .example = "holdfast unexempt inc-123",
     .options = "output reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .run = ctl_unban},
    {.name = "capture",
     .group = ACT,
     .arguments = "APP",
     .summary = "Commit what somebody changed by hand in a cluster.",
     .about =
         "The hub edits the document that the object is written in, or gives the cluster an "
         "overlay where other clusters share the document or the value comes from a variable; "
         "comments and layout stay. It is written only if rendering the fleet with it makes just "
         "this change, on just this cluster, or with --everywhere on all clusters of the App. "
         "--object, as KIND/NAME, is needed where several objects were changed. Secrets, and "
         "values too long to be told, are refused. The rest is as with 'holdfast suspend'.",
     .example = "holdfast capture checkout --cluster eu-west-01 --dry-run\n"
                "holdfast capture checkout --cluster eu-west-01 --object Deployment/web "
                "--everywhere",
     .options = "output cluster object everywhere reason dry-run wait timeout",
     .outputs = "table json yaml jsonpath",
     .completes = "apps",
     .run = ctl_capture},
    {.name = "validate",
     .group = BEFORE,
     .arguments = "[DIR]",
     .summary = "Find all that is wrong with a fleet repository.",
     .about = "DIR is the fleet's root folder; default: this one. Exit codes: 0 no problem (maybe "
              "warnings), 1 problems, 2 nothing could be read.",
     .example = "holdfast validate\nholdfast validate ./fleet -o github\n"
                "holdfast validate --at origin/main",
     .options = "output at path source with",
     .outputs = "text json yaml github",
     .completes = "files",
     .run = ctl_validate},
    {.name = "render",
     .group = BEFORE,
     .arguments = "APP [DIR]",
     .summary = "Print an App's objects as a cluster gets them.",
     .about = "Values of Secrets are masked. Exit codes: 0 printed, 1 a problem keeps the App from "
              "this cluster, or it is not for it, 2 an error.",
     .example = "holdfast render checkout --cluster eu-west-01\n"
                "holdfast render checkout ./fleet --cluster eu-west-01 --at v1.4 -o json",
     .options = "output cluster at path source with show-secrets",
     .outputs = "yaml json",
     .completes = "apps files",
     .run = ctl_render},
    {.name = "plan",
     .group = BEFORE,
     .arguments = "[RANGE] [DIR]",
     .summary = "Show what a change does on which clusters, before it is merged.",
     .about =
         "RANGE as in 'git diff': A..B, or A...B from where both parted; A compares A with the "
         "working copy; without, HEAD with the working copy. DIR is the fleet's root folder, "
         "or a bare repository. Exit codes: 0 nothing is wrong, 1 problems, 2 nothing could "
         "be compared, and with --exit-code 3 if something changes. With --live it asks a hub, "
         "too.",
     .example = "holdfast plan\nholdfast plan origin/main...HEAD --app checkout\n"
                "holdfast plan --live --cluster eu-west-01\n"
                "holdfast plan main..release ./fleet.git --path fleet -o markdown > comment.md",
     .options = "output app cluster group selector path source with exit-code "
                "removal-share-percent removal-objects-min removal-clusters-min live",
     .outputs = "text json yaml markdown github",
     .completes = "files",
     .run = ctl_plan},
    {.name = "enroll",
     .group = ACCESS,
     .arguments = "CLUSTER...",
     .summary = "Make join tokens; prints the command to run at each cluster.",
     .about =
         "With --manifests it prints Kubernetes manifests instead: the agent, its token, and "
         "rights for the whole cluster, or as --namespaces and --resources say. With "
         "--impersonate Apps may say serviceAccountName. With --audit-log it runs on the control "
         "plane's node, and says which user changed something. With --mode observe the agent "
         "changes nothing, and may only read. With --needs-approval the token alone lets nobody "
         "in: the agent is sent nothing until 'holdfast approve' has accepted its key.",
     .example = "holdfast enroll eu-west-01\n"
                "holdfast enroll --all -l env=staging --tokens\n"
                "holdfast enroll store-007 --needs-approval\n"
                "holdfast enroll eu-west-01 --manifests --image registry.example.com/agent:1.0 "
                "--namespaces shop,web | kubectl apply -f -",
     .options = "output group selector all again needs-approval tokens life manifests image "
                "namespaces resources "
                "audit-log impersonate mode",
     .outputs = "table json yaml",
     .completes = "clusters...",
     .run = ctl_enroll},
    {.name = "approve",
     .group = ACCESS,
     .arguments = "CLUSTER",
     .summary = "Let an agent in that waits for a person; accept a new one's key.",
     .about =
         "An agent that enrolled with --needs-approval waits until somebody accepts its key: say "
         "--key with the first 16 digits of it, or more, as the agent's own log shows it "
         "(agent.pending), not as the hub does, for somebody else may have used the join token; "
         "then revoke it instead. "
         "Any agent waits if its certificate ended longer ago than the hub renews by itself, or "
         "if two were found to have its key; 'holdfast get agents' says which and why. Where "
         "two have it, stop the wrong one first. If they have one key, it is approved. If they "
         "have two, --key says which: the newest on record if somebody else uses an old copy of "
         "the disk, the one that came last if the agent's own disk was set back. It is replaced "
         "at once, and the other is worth nothing then. In doubt revoke it and enroll the "
         "cluster anew.",
     .example = "holdfast get agents\n"
                "holdfast approve store-007\n"
                "holdfast approve store-007 --key 5ff31ab0\n"
                "holdfast approve store-008 --key 7c0e4d19a2b85f36",
     .options = "key",
     .completes = "clusters",
     .run = ctl_approve},
    {.name = "revoke",
     .group = ACCESS,
     .arguments = "CLUSTER",
     .summary = "Let the agent of a cluster connect no more; void its join token.",
     .example = "holdfast revoke store-007",
     .options = "",
     .completes = "clusters",
     .run = ctl_revoke},
    {.name = "token",
     .group = ACCESS,
     .arguments = "list|create NAME|revoke NAME",
     .summary = "See, make and revoke tokens for the API.",
     .about = "A token is shown once, when it is made, and works for 90 days if --life does not "
              "say otherwise; --life 0s is for ever.",
     .example = "holdfast token list\n"
                "holdfast token create ci --role read --life 30d > ci.token\n"
                "holdfast token revoke ci",
     .options = "output role life no-headers",
     .outputs = "table wide json yaml name jsonpath",
     .completes = "list|create|revoke tokens",
     .run = ctl_token},
    {.name = "debug",
     .group = SELF,
     .arguments = "bundle",
     .summary = "Gather in one file what whoever helps needs to know.",
     .about =
         "A .tar.gz of versions, health, options, metrics, the hub's last log lines, clusters, "
         "Apps, problems, events and what is not healthy; no token, key, credential or Secret is "
         "in it, but names of clusters, Apps and objects are. The hub's own part needs a token "
         "that may do all.",
     .example = "holdfast debug bundle\nholdfast debug bundle --file support.tar.gz",
     .options = "file",
     .completes = "bundle|",
     .run = ctl_debug},
    {.name = "context",
     .group = SELF,
     .arguments = "list|use NAME|set NAME|delete NAME",
     .summary = "Remember hubs by name, and choose between them.",
     .about = "'set' makes or changes a context from --server, --ca-file and --token-file, and "
              "uses it if it is the first; with --embed the file holds the certificates and the "
              "token themselves. They are in ~/.config/holdfast/config.yaml.",
     .example = "holdfast context set production --server https://hub.example.com:7422 "
                "--ca-file root.crt --token-file my.token\n"
                "holdfast context use production\n"
                "holdfast get apps --context staging",
     .options = "output embed no-headers",
     .outputs = "table json yaml name jsonpath",
     .completes = "list|use|set|delete contexts",
     .run = ctl_context},
    {.name = "completion",
     .group = SELF,
     .arguments = "bash|zsh|fish",
     .summary = "Print what makes a shell complete verbs, options and names.",
     .about = "Names of clusters, groups and Apps are asked of the hub while you type; for render "
              "and plan they are those of the fleet repository that you are in.",
     .example = "source <(holdfast completion bash)\n"
                "holdfast completion zsh > ~/.zfunc/_holdfast\n"
                "holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
     .options = "",
     .completes = "bash|zsh|fish",
     .run = ctl_completion},
    {.name = "version",
     .group = SELF,
     .arguments = "",
     .summary = "Print the versions of this program and of the hub.",
     .example = "holdfast version\nholdfast version -o json",
     .options = "output server-only version",
     .outputs = "text json yaml jsonpath",
     .run = ctl_version},
    {.name = "help",
     .group = SELF,
     .arguments = "[VERB]",
     .summary = "Tell what there is, or more about one verb.",
     .example = "holdfast help get",
     .options = "",
     .completes = "verbs",
     .run = ctl_help},
};

const size_t ctl_verb_count = COUNT(ctl_verbs);

const struct ctl_verb *ctl_verb_find(const char *name) {
    for (size_t i = 0; i < COUNT(ctl_verbs); i++) {
        if (strcmp(ctl_verbs[i].name, name) == 0) {
            return &ctl_verbs[i];
        }
    }
    return NULL;
}

// ---- Words of other programs

#define IN_GIT "what a cluster runs is said in Git: change it there and push"

#define IN_CLUSTER "use kubectl with that cluster: nothing here reaches into its pods"

static const char *const hints[][2] = {
    {"apply", IN_GIT "; 'holdfast sync' fetches at once"},
    {"create", IN_GIT "; 'holdfast enroll' lets an agent in"},
    {"delete", IN_GIT "; 'holdfast revoke' shuts an agent out"},
    {"edit", IN_GIT},
    {"patch", IN_GIT},
    {"scale", IN_GIT},
    {"set", IN_GIT},
    {"pause", "use 'holdfast suspend'"},
    {"unpause", "use 'holdfast resume'"},
    {"annotate", IN_GIT},
    {"label", IN_GIT},
    {"exec", IN_CLUSTER},
    {"port-forward", IN_CLUSTER},
    {"run", IN_CLUSTER},
    {"restart", IN_CLUSTER "; 'holdfast sync' applies again what is named"},
    {"rollback", IN_GIT ": 'git revert'"},
    {"undo", IN_GIT ": 'git revert'"},
    {"ls", "use 'holdfast get'"},
    {"list", "use 'holdfast get'"},
    {"status", "use 'holdfast get status'"},
    {"reconcile", "use 'holdfast sync'"},
    {"refresh", "use 'holdfast sync'"},
    {"rollout", "use 'holdfast watch', or 'holdfast wait' in a script"},
    {"events", "use 'holdfast get events' or 'holdfast logs -f'"},
    {"drift", "use 'holdfast diff' or 'holdfast get drift'"},
    {"explain", "deploy/reference/fleet-repository.md explains the kinds"},
    {"api-resources", "'holdfast help get' tells what there is to list"},
    {"cluster-info", "use 'holdfast version'"},
    {"health", "use 'holdfast fleet health'"},
    {"top", "use 'holdfast get clusters -o wide'"},
    {"trace", "use 'holdfast describe'"},
    {"tree", "use 'holdfast get objects --cluster NAME'"},
    {"history", "use 'holdfast log'"},
    {"config", "use 'holdfast context'"},
    {"login", "use 'holdfast context set'"},
    {"build", "use 'holdfast render'"},
    {"template", "use 'holdfast render'"},
    {"preview", "use 'holdfast plan'"},
    {"check", "use 'holdfast validate'"},
    {"lint", "use 'holdfast validate'"},
    {"bootstrap", "use 'holdfast enroll'"},
    {"join", "use 'holdfast enroll'"},
    {"register", "use 'holdfast enroll'"},
    {"app", "use 'holdfast get apps' or 'holdfast describe app NAME'"},
    {"apps", "use 'holdfast get apps'"},
    {"cluster", "use 'holdfast get clusters' or 'holdfast describe cluster NAME'"},
    {"clusters", "use 'holdfast get clusters'"},
};

const char *ctl_verb_hint(const char *word) {
    for (size_t i = 0; i < COUNT(hints); i++) {
        if (strcmp(hints[i][0], word) == 0) {
            return hints[i][1];
        }
    }
    return NULL;
}

const char *ctl_verb_nearest(const char *word) {
    const char *names[COUNT(ctl_verbs)];

    for (size_t i = 0; i < COUNT(ctl_verbs); i++) {
        names[i] = ctl_verbs[i].name;
    }
    return cm_str_nearest(word, names, COUNT(names));
}
