#include "hub/api/routes.h"

#include <stdio.h>
#include <string.h>

#include "hub/api/handlers.h"

#define API "/api/v1/"
#define NAME_MAX_LEN 253
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MINUTE_MS ((int64_t)60 * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)

#define TEXT(member, about)                                                                        \
    { member, HUB_MEMBER_TEXT, true, about, 0, 0, NULL, NULL }
#define OPTIONAL_TEXT(member, about)                                                               \
    { member, HUB_MEMBER_TEXT, false, about, 0, 0, NULL, NULL }
#define NUMBER(member, about)                                                                      \
    { member, HUB_MEMBER_INT, true, about, 0, 0, NULL, NULL }
#define NAME(member, about)                                                                        \
    { member, HUB_MEMBER_TEXT, false, about, 1, NAME_MAX_LEN, NULL, "^[^\\u0000]*$" }
#define NEEDED_NAME(member, about)                                                                 \
    { member, HUB_MEMBER_TEXT, true, about, 1, NAME_MAX_LEN, NULL, NULL }
#define END                                                                                        \
    { NULL, HUB_MEMBER_TEXT, false, NULL, 0, 0, NULL, NULL }

// ---- What is asked

static const struct hub_member desired_params[] = {
    NEEDED_NAME("cluster", "The cluster."),
    {"key", HUB_MEMBER_TEXT, true, "The object, as the list of objects names it.", 1, 1024, NULL,
     NULL},
    END,
};

static const struct hub_member watch_params[] = {
    OPTIONAL_TEXT("kinds", "What to tell, with commas between: `events` (as the list has them), "
                           "`status` and `clusters` (the rows that events tell of, as they are "
                           "now), `rollout` (the counts, when they change); `events` unless said."),
    OPTIONAL_TEXT("app", "Only of this App."),
    OPTIONAL_TEXT("cluster", "Only of this cluster."),
    OPTIONAL_TEXT("group", "Only of clusters of this group."),
    OPTIONAL_TEXT("selector", "Only of clusters whose labels match."),
    OPTIONAL_TEXT("kind", "Only events of this kind."),
    OPTIONAL_TEXT("revision", "Only because of this commit; counts of what it changed."),
    OPTIONAL_TEXT("after", "Begin behind the event of this number; the header Last-Event-ID says "
                           "the same and comes first. Otherwise what comes from now on is told."),
    END,
};

#define SELECT                                                                                     \
    {                                                                                              \
        "select", HUB_MEMBER_TEXT, false,                                                          \
            "What of the fleet, and when: a cluster or group, `:APP`, `@{2.hours.ago}` or "        \
            "`@{2026-10-01T12:00}`, `~5` for five changes back; all of it, now, unless said.",     \
            0, 700, NULL, "^[a-z]{0,40}(:[a-z]{1,40})?(@[{][1-9][.]hours[.]ago[}]|~[1-9])?$"       \
    }
#define KNOWN                                                                                      \
    {                                                                                              \
        "known", HUB_MEMBER_TEXT, false,                                                           \
            "`true`: only what the hub had heard of by then; else what agents told later counts "  \
            "when it happened.",                                                                   \
            0, 0, "true false", NULL                                                               \
    }

static const struct hub_member unfreeze_params[] = {
    {"dryRun", HUB_MEMBER_TEXT, false, "`true`: only tell what would end.", 0, 0, "true false",
     NULL},
    END,
};

static const struct hub_member past_show_params[] = {SELECT, KNOWN, END};

static const struct hub_member past_log_params[] = {
    SELECT,
    {"limit", HUB_MEMBER_TEXT, false, "How many actions, 1 to 1000; 50 unless said.", 1, 4, NULL,
     "^[1-9][0-9]{0,2}$"},
    {"kind", HUB_MEMBER_TEXT, false, "Only of this kind; all but `progressing` unless said.", 0, 0,
     "release removal suspend healthy progressing degraded failed drifted suspended connected "
     "disconnected"
     " promoted rejected failed_forward timed_out undone restarted waiting frozen unfrozen exempted"
     " unexempted hold retry void unhold ban unban not_held rollback not_written pull_request "
     "upgraded scaled",
     NULL},
    {"expand", HUB_MEMBER_TEXT, false,
     "`true`: what was scaled not by App and hour, but each time that an agent told of a workload.",
     0, 0, "true false", NULL},
    KNOWN,
    END,
};

static const struct hub_member past_where_params[] = {
    {"what", HUB_MEMBER_TEXT, true, "An image, its tag or digest, or 7 digits or more of a commit.",
     1, 512, NULL, NULL},
    SELECT,
    {"missing", HUB_MEMBER_TEXT, false,
     "`true`: where the App is and this is not, or may not be: nobody observes the cluster, the "
     "App "
     "is not healthy there, or not all that runs there is known.",
     0, 0, "true false", NULL},
    KNOWN,
    END,
};

static const struct hub_member past_why_params[] = {
    {"select", HUB_MEMBER_TEXT, true,
     "An App on a cluster, and when: `eu-017:checkout@{1.hour.ago}`.", 1, 700, NULL,
     "^[a-z]{1,40}:[a-z]{1,40}$"},
    {"object", HUB_MEMBER_TEXT, false,
     "Only what was decided about this object, and what happened to it: "
     "`Deployment.apps/shop/web`; the group and the namespace may be left out.",
     0, 1024, NULL, NULL},
    KNOWN,
    END,
};

static const struct hub_member past_diff_params[] = {
    {"select", HUB_MEMBER_TEXT, true,
     "Two of them with `..` between; a side that is left out is the other one now.", 1, 1500, NULL,
     "^[a-z]{1,40}[.][.][a-z]{0,40}$"},
    KNOWN,
    END,
};

static const struct hub_member sync_body[] = {
    NAME("repository", "Only this repository; otherwise all."),
    NAME("cluster", "Its agent compares and applies again."),
    NAME("app", "Only this App is compared and applied again; otherwise all."),
    END,
};

static const struct hub_member owners_body[] = {
    {"cluster", HUB_MEMBER_TEXT, true, "The cluster to look at.", 1, 63, NULL,
     "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    {"namespace", HUB_MEMBER_TEXT, false, "Of objects that name none and have one.", 1, 63, NULL,
     "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    {"objects", HUB_MEMBER_TEXTS, true, "At most 100, as `Deployment.apps/shop/web`.", 0, 100, NULL,
     "^[A-Za-z0-9]{1,63}([.][a-z0-9.-]{1,253})?/[a-z0-9-]{0,63}/[!-.0-~]{1,253}$"},
    END,
};

static const struct hub_member enrollment_body[] = {
    {"cluster", HUB_MEMBER_TEXT, true, "The name of the cluster.", 1, 63, NULL,
     "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    {"lifeMs", HUB_MEMBER_INT, false, "How long the join token works; a day unless said.",
     MINUTE_MS, DAY_MS, NULL, NULL},
    {"again", HUB_MEMBER_BOOL, false, "Also if the cluster is enrolled: it was built anew.", 0, 0,
     NULL, NULL},
    {"needsApproval", HUB_MEMBER_BOOL, false,
     "Its agent is let in once a person has accepted its key; always so where the hub says "
     "`enroll-needs-approval`.",
     0, 0, NULL, NULL},
    END,
};

static const struct hub_member approval_body[] = {
    {"cluster", HUB_MEMBER_TEXT, true, "The name of the cluster.", 1, 63, NULL,
     "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    {"key", HUB_MEMBER_TEXT, false,
     "How the hash of the key begins with which it goes on; needed where two have the identity, "
     "and, "
     "with 16 digits at least, of an agent that is `pending`.",
     4, 64, NULL, "^[0-9a-f]*$"},
    END,
};

static const struct hub_member token_body[] = {
    {"name", HUB_MEMBER_TEXT, true, "Its name; events call who changed something by it.", 1, 63,
     NULL, "^[A-Za-z0-9][-A-Za-z0-9_.@]*$"},
    {"role", HUB_MEMBER_TEXT, true, "What it may do.", 0, 0, "read admin", NULL},
    {"lifeMs", HUB_MEMBER_INT, false, "How long it is good; for ever unless said.", MINUTE_MS,
     3650 * DAY_MS, NULL, NULL},
    END,
};

#define LABEL(member, about)                                                                       \
    { member, HUB_MEMBER_TEXT, false, about, 1, 63, NULL, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" }

static const struct hub_member write_body[] = {
    {"kind", HUB_MEMBER_TEXT, true, "What is to be so.", 0, 0,
     "suspend resume confirm hold retry ban unban ignore exempt unexempt capture", NULL},
    LABEL("app", "The App that it is about; all but a ban, and what is about a cluster, need one."),
    LABEL("cluster",
          "The cluster that it is about, if it is about no App; capture: where it was changed."),
    {"removal", HUB_MEMBER_TEXT, false,
     "confirm: which removal; without, the one of the App that waits.", 12, 12, NULL,
     "^[0-9a-f]{12}$"},
    {"clusters", HUB_MEMBER_TEXTS, false,
     "hold, retry, exempt: only on these; without, on all that the App, or the Hold, is for.", 0, 0,
     NULL, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    {"hold", HUB_MEMBER_TEXT, false,
     "retry: which Hold; without, the one of the App that is in force.", 1, 200, NULL, NULL},
    {"image", HUB_MEMBER_TEXT, false,
     "hold: what runs instead of what Git says of this image; ban: what shall never run.", 1, 1000,
     NULL, NULL},
    {"versions", HUB_MEMBER_TEXT, false,
     "ban: a range of versions of the image, which then has no tag.", 1, 200, NULL, NULL},
    {"name", HUB_MEMBER_TEXT, false,
     "ban, exempt: its name, if none shall be made; unban, unexempt: which.", 1, 200, NULL,
     "^[a-z0-9]([-.a-z0-9]{0,198}[a-z0-9])?$"},
    {"repository", HUB_MEMBER_TEXT, false,
     "ban: where it goes, if it is for no App and there are several.", 1, 100, NULL, NULL},
    {"field", HUB_MEMBER_TEXT, false,
     "ignore: a JSON pointer, or a path as `holdfast diff` prints it; exempt: a path, without all "
     "of the object.",
     1, 1000, NULL, NULL},
    {"object", HUB_MEMBER_TEXT, false,
     "ignore: only of this, KIND.GROUP/NAMESPACE/NAME; without group, namespace or name of any; "
     "exempt: of which; capture: which object, or KIND/NAME, without the only one that was "
     "changed.",
     1, 1000, NULL, NULL},
    {"untilMs", HUB_MEMBER_INT, false, "exempt: when it ends, in Unix milliseconds.", 1,
     253402300799999, NULL, NULL},
    {"workingHours", HUB_MEMBER_TEXT, false,
     "exempt: it ends within these, such as `Mon-Fri 08:00-17:00 +01:00`.", 1, 100, NULL, NULL},
    {"everywhere", HUB_MEMBER_BOOL, false,
     "capture: the change is meant for all clusters of the App.", 0, 0, NULL, NULL},
    {"reason", HUB_MEMBER_TEXT, false, "Why, for the commit.", 1, 500, NULL, "^[^\\u0000]*$"},
    {"dryRun", HUB_MEMBER_BOOL, false, "Only tell what would change.", 0, 0, NULL, NULL},
    END,
};

static const struct hub_member freeze_body[] = {
    {"name", HUB_MEMBER_TEXT, false, "What it is called; one is made unless said.", 1, 200, NULL,
     "^[a-z0-9]([-.a-z0-9]{0,198}[a-z0-9])?$"},
    LABEL("app", "Only this App."),
    LABEL("cluster", "Only on this cluster."),
    LABEL("group", "Only on clusters of this group."),
    {"selector", HUB_MEMBER_TEXT, false, "Only on clusters whose labels match.", 1, 1000, NULL,
     "^[a-z]+(=[a-z]+)?$"},
    {"reason", HUB_MEMBER_TEXT, true, "Why, for those who meet it.", 1, 256, NULL, "^[ -~]+$"},
    {"untilMs", HUB_MEMBER_INT, false,
     "When it ends by itself, in Unix milliseconds; without, when somebody ends it.", 1,
     INT64_MAX / 4, NULL, NULL},
    {"dryRun", HUB_MEMBER_BOOL, false, "Only tell what would be frozen.", 0, 0, NULL, NULL},
    END,
};

// ---- What is answered

static const struct hub_member version_answer[] = {
    TEXT("version", "The version of the hub."),
    TEXT("hubId", "The hub's identity, a UUID."),
    NUMBER("epoch", "Of the manifests that this hub makes; agents refuse those of a smaller one."),
    NUMBER("protocol", "The version of the protocol that agents are spoken to with."),
    END,
};

static const struct hub_member summary_answer[] = {
    NUMBER("clusters", "Clusters in Git."),
    NUMBER("enrolled", "Clusters whose agent may connect."),
    NUMBER("connected", "Agents that are connected."),
    NUMBER("apps", "Apps in Git."),
    NUMBER("problems", "What is wrong in Git."),
    NUMBER("pairs", "Pairs of an App and a cluster that should run it."),
    NUMBER("applied", "Of those, applied as Git says."),
    NUMBER("failed", "Of those, not to be applied."),
    NUMBER("healthy", "Of those, applied and healthy, on clusters that are connected."),
    NUMBER("degraded", "Of those, with something ill."),
    NUMBER("offline", "Of those, on clusters that are not connected."),
    NUMBER("drifted", "Objects that drifted."),
    NUMBER("fought", "Objects that somebody changed again after each correction."),
    END,
};

static const struct hub_member health_answer[] = {
    {"well", HUB_MEMBER_BOOL, true, "Nothing wants a person.", 0, 0, NULL, NULL},
    {"wrong", HUB_MEMBER_TEXTS, true, "What does, in words.", 0, 0, NULL, NULL},
    NUMBER("clusters", "Clusters in Git; each is in one of the seven states."),
    NUMBER("unknown", "Of those, without an agent that was ever connected."),
    NUMBER("offline", "Of those, not connected now."),
    NUMBER("degraded", "Of those, with an App that could not be applied, or is ill."),
    NUMBER("waiting",
           "Of those, where a removal waits for a Confirmation, or a release for somebody."),
    NUMBER("progressing", "Of those, where something is not applied or not healthy yet."),
    NUMBER("observed", "Of those, with an agent that changes nothing, and nothing ill."),
    NUMBER("inSync", "Of those, with all as Git says, and healthy."),
    {"first", HUB_MEMBER_OBJECT, true, "The first five clusters of each state but inSync.", 0, 0,
     NULL, NULL},
    NUMBER("problems", "What is wrong in Git."),
    NUMBER("problemsOfApps", "Of those, of an App."),
    NUMBER("problemsOfClusters", "Of those, of a cluster."),
    NUMBER("problemsOfDocuments", "Of those, of other documents, or of whole repositories."),
    NUMBER("pairsWaiting", "Pairs of an App and a cluster that wait for a Confirmation."),
    NUMBER("pairsStale", "Pairs that are held at their last good state."),
    NUMBER("needsHuman", "Workloads on clusters whose release only people can settle."),
    NUMBER("releasesWaiting", "Workloads on clusters whose controller waits for somebody."),
    {"waits", HUB_MEMBER_TEXTS, true, "The first five of those: since when, and how to go on.", 0,
     0, NULL, NULL},
    NUMBER("freezes", "Freezes that are in force."),
    NUMBER("holds", "Holds that are in force."),
    NUMBER("holdsSinceMs", "Since when the oldest of those is; 0: none is, or nobody knows."),
    NUMBER("repositories", "Repositories, and states of them that Apps want."),
    NUMBER("repositoriesFailing", "Of those, with a last fetch that failed."),
    {"failures", HUB_MEMBER_TEXTS, true, "The first five of those, and why.", 0, 0, NULL, NULL},
    NUMBER("enrolled", "Agents that may connect."),
    NUMBER("connected", "Of those, connected."),
    NUMBER("silent", "Of those, not heard for a day."),
    NUMBER("held", "Of those, waiting for a person's approval."),
    NUMBER("skewed", "Of those, with a clock that was more than a minute off."),
    NUMBER("certificatesEnding",
           "Of those, with a certificate of whose life less than two sevenths are left."),
    NUMBER("certificatesEnded", "Of those, with a certificate that has ended."),
    NUMBER("trustBehind",
           "Of those, without the newest set of roots (`holdfast-hub rotate-root`)."),
    {"hub", HUB_MEMBER_OBJECT, true,
     "Of the hub: version, epoch, ready (it has read every repository), uptimeMs, storeBytes, "
     "storeQueue (changes that wait to be written), certificatesEndMs (the first of its own).",
     0, 0, NULL, NULL},
    END,
};

static const struct hub_member debug_answer[] = {
    TEXT("version", "The version of the hub."),
    {"config", HUB_MEMBER_OBJECT, false, "Its options, by name.", 0, 0, NULL, NULL},
    {"repositories", HUB_MEMBER_OBJECT, true,
     "What it reads, by name, and which kinds of credentials it has for it.", 0, 0, NULL, NULL},
    {"store", HUB_MEMBER_OBJECT, true, "The version of the tables and how many rows they have.", 0,
     0, NULL, NULL},
    TEXT("log", "The last lines of its log."),
    TEXT("metrics", "As `/metrics`."),
    END,
};

static const struct hub_member rollout_answer[] = {
    TEXT("revision", "The commit, in full once it is known, or the one that it was fetched with; "
                     "empty: the desired state as it is."),
    {"resolved", HUB_MEMBER_BOOL, true, "The hub has read the commit.", 0, 0, NULL, NULL},
    NUMBER("pairs", "Pairs of an App and a cluster that are meant."),
    NUMBER("rendered", "Of those, with a bundle in force."),
    NUMBER("delivered", "Of those, on the disk of their agent."),
    NUMBER("applied", "Of those, applied."),
    NUMBER("healthy", "Of those, applied and healthy, on clusters that are connected."),
    NUMBER("failed", "Of those, not to be applied."),
    NUMBER("degraded", "Of those, with something ill."),
    NUMBER("offline", "Of those, on clusters that are not connected."),
    OPTIONAL_TEXT("firstFailure", "The first that failed or is ill."),
    NUMBER("problems", "What the commit broke in Git and is still broken; without a commit, all "
                       "that is wrong with what is meant."),
    OPTIONAL_TEXT("firstProblem", "The first of those."),
    END,
};

static const struct hub_member desired_answer[] = {
    TEXT("cluster", "The cluster."),
    TEXT("app", "The App."),
    TEXT("key", "The object."),
    {"object", HUB_MEMBER_OBJECT, true, "What should be there.", 0, 0, NULL, NULL},
    END,
};

#define MEMBERS_NOW                                                                                \
    {                                                                                              \
        "membersNow", HUB_MEMBER_BOOL, true,                                                       \
            "A group was asked for at another time: it has the clusters that it has now.", 0, 0,   \
            NULL, NULL                                                                             \
    }

static const struct hub_member past_show_answer[] = {
    NUMBER("atMs", "The moment, in Unix milliseconds."),
    {"items", HUB_MEMBER_OBJECTS, true,
     "For each App and state: `app`, `desired` and `actual` (commits), `state`, `images`, "
     "`clusters` and the first `names`, `fromMs` and `toMs`: since when it is so, first and last; "
     "`runs`, where other images run than those `images` of what is desired: these; `digests`, if "
     "any are known: what runs behind tags among the images that run (`web:1.4@sha256:…`), on any "
     "of these clusters, and `digestsMore` (true) if some are left out; "
     "`frozen`, if freezes kept it from being applied: of each `name`, `reason`, `actor`, "
     "`source`, "
     "`fromMs`, `untilMs` (0: until somebody ends it), `toMs` (0: it has not ended), `endedBy`; "
     "`weight`, while a controller shifts traffic to a release: per cent at the last step within "
     "seven days, or `step`: how far it is, of one that shifts none before its end, such as "
     "'iteration 3 of 10'; `waits`, while one waits for somebody (state `waiting`, if nothing "
     "worse is so): "
     "for what, and how to go on; `needsHuman`, where a release failed at its promotion and serves "
     "all the same: in whose words, and what to do. A commit has `held` where Holds make something "
     "else of it: what "
     "Git says is the "
     "commit, what is in effect these words.",
     0, 0, NULL, NULL},
    MEMBERS_NOW,
    {"more", HUB_MEMBER_BOOL, true, "There are more than are told.", 0, 0, NULL, NULL},
    END,
};

#define PAST_GAPS                                                                                  \
    {"decisionsFromMs",                                                                            \
     HUB_MEMBER_INT,                                                                               \
     false,                                                                                        \
     "What controllers decided before that, in Unix milliseconds, is not all kept.",               \
     0,                                                                                            \
     0,                                                                                            \
     NULL,                                                                                         \
     NULL},                                                                                        \
        {"eventsFromMs",                                                                           \
         HUB_MEMBER_INT,                                                                           \
         false,                                                                                    \
         "What was changed by hand, held, banned or allowed, and what was not written, before "    \
         "that, in Unix milliseconds, is not all kept.",                                           \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         NULL},                                                                                    \
    {                                                                                              \
        "scaledFromMs", HUB_MEMBER_INT, false,                                                     \
            "What was scaled before that, in Unix milliseconds, is not all kept.", 0, 0, NULL,     \
            NULL                                                                                   \
    }

static const struct hub_member past_log_answer[] = {
    NUMBER("atMs", "When this was asked, in Unix milliseconds."),
    {"items", HUB_MEMBER_OBJECTS, true,
     "For each action, newest first: `kind`, `app`, the commit (`revision`, `repo`, `subject`, "
     "`author`, `committedMs`), `clusters`, on how many it is `applied`, the first `names`, "
     "`fromMs` and `toMs`; of decisions, freezes, what people did and what was `scaled`, `actor` "
     "and `text`. What is of no cluster, such as a Ban, has 0 `clusters`.",
     0, 0, NULL, NULL},
    {"keptFromMs", HUB_MEMBER_INT, false,
     "What was before that, in Unix milliseconds, is not kept.", 0, 0, NULL, NULL},
    PAST_GAPS,
    MEMBERS_NOW,
    {"more", HUB_MEMBER_BOOL, true, "There are more than are told.", 0, 0, NULL, NULL},
    END,
};

static const struct hub_member past_where_answer[] = {
    NUMBER("atMs", "The moment, in Unix milliseconds."),
    {"items", HUB_MEMBER_OBJECTS, true,
     "For each App, commit that was applied (`revision` is empty if that is not known) and set of "
     "images that run: `app`, the commit, these `images`, `clusters`, the first `names`, `fromMs` "
     "and `toMs`: since when, first and last. Of these clusters `unobserved` were not connected, "
     "so nobody knows what they ran, `drifted` were not just as the commit says, and on `unwell` "
     "it "
     "was not healthy yet, or no more: pods of the release before may have run there, too. "
     "`digests`, if any are known, are what ran behind tags among these images "
     "(`web:1.4@sha256:…`), and there is `digestsMore` (true) if some are left out; on "
     "`undigested` of the clusters that is not known, so that a digest "
     "that is asked for may have run there.",
     0, 0, NULL, NULL},
    NUMBER("undigested",
           "On so many clusters a digest that is asked for may have run, for it is not known what "
           "ran behind tags."),
    MEMBERS_NOW,
    {"more", HUB_MEMBER_BOOL, true, "There are more than are told.", 0, 0, NULL, NULL},
    END,
};

static const struct hub_member past_why_answer[] = {
    NUMBER("atMs", "The moment, in Unix milliseconds."),
    {"items", HUB_MEMBER_OBJECTS, true, "As `/past/show` has it: one, or none.", 0, 0, NULL, NULL},
    PAST_GAPS,
    MEMBERS_NOW,
    {"more", HUB_MEMBER_BOOL, true, "Never.", 0, 0, NULL, NULL},
    {"decisions", HUB_MEMBER_OBJECTS, true,
     "What controllers did with releases there, newest first, at most five: `controller`, "
     "`controllerKey`, `verdict`, `text` (its own words), `badRevision`, `goodRevision`, `outcome` "
     "(`held`), "
     "`atMs`, `actor`, `proof` (of a Hold that was made of it: same, different or none, and why).",
     0, 0, NULL, NULL},
    {"holds", HUB_MEMBER_OBJECTS, true,
     "Holds that there are and that list the cluster: `name`, `state`, `rejected`, `restored`, "
     "`atMs`, `controller`, `message`, `repository`, `path`, `pullRequest`, `proof`, and of the "
     "commit that brought it `actor` and `revision`, if they are known.",
     0, 0, NULL, NULL},
    {"events", HUB_MEMBER_OBJECTS, true,
     "What happened there, newest first, at most ten: `atMs`, `kind`, `key`, `revision`, `actor`, "
     "`message`.",
     0, 0, NULL, NULL},
    END,
};

static const struct hub_member past_objects_params[] = {
    {"select", HUB_MEMBER_TEXT, true,
     "One cluster, with an App or all, on each side of `..`: `eu-017:checkout@{1.hour.ago}..`.", 1,
     1500, NULL, "^[a-z]{1,40}[.][.][a-z]{0,40}$"},
    END,
};

static const struct hub_member past_objects_answer[] = {
    {"from", HUB_MEMBER_OBJECT, true,
     "`cluster`, `atMs`, the `commit` of the branch `actual` of the state repository then, and "
     "whether the cluster was `observed`: else that is what was heard of it last.",
     0, 0, NULL, NULL},
    {"to", HUB_MEMBER_OBJECT, true, "The same.", 0, 0, NULL, NULL},
    {"items", HUB_MEMBER_OBJECTS, true,
     "For each object that differs: `app`, `object`, `change` (`added`, `removed`, `changed`), and "
     "of one that changed the `fields` with `path`, `from` and `to` (null: it is not there) and "
     "whether there are `more`.",
     0, 0, NULL, NULL},
    {"more", HUB_MEMBER_BOOL, true, "There are more objects than are told.", 0, 0, NULL, NULL},
    END,
};

static const struct hub_member past_diff_answer[] = {
    {"from", HUB_MEMBER_OBJECT, true,
     "One side: `atMs`, its `clusters`, and how many of them were `unobserved`: what was heard of "
     "them last is compared.",
     0, 0, NULL, NULL},
    {"to", HUB_MEMBER_OBJECT, true, "The same of the other.", 0, 0, NULL, NULL},
    MEMBERS_NOW,
    {"items", HUB_MEMBER_OBJECTS, true,
     "For each App that differs: `app`, and what is applied `from` and `to`: commits with "
     "`clusters`, `names` and how many of them were `unobserved`.",
     0, 0, NULL, NULL},
    END,
};

static const struct hub_member sync_answer[] = {
    NUMBER("agents", "How many agents were asked to apply again."),
    NUMBER("askedMs", "The hub's time then; fetches that count have a `checkedMs` not before it."),
    END,
};

static const struct hub_member write_answer[] = {
    TEXT("id", "Its id, as the list of writes has it."),
    TEXT("repository", "The repository."),
    {"state", HUB_MEMBER_TEXT, true,
     "waiting: it is pushed soon; done: Git says so already; shown: it was a dry run; off: the hub "
     "may not write there, so somebody must commit the difference.",
     0, 0, "waiting done shown off", NULL},
    TEXT("path", "The file that changes; empty: none."),
    TEXT("diff", "What changes in it, as `git diff` shows it."),
    TEXT("pullRequest", "The pull request that it comes into, if one is open already."),
    {"byPullRequest", HUB_MEMBER_BOOL, true, "It comes into one.", 0, 0, NULL, NULL},
    END,
};

static const struct hub_member freeze_answer[] = {
    TEXT("name", "Its name."),
    TEXT("what", "What is frozen, in words."),
    NUMBER("clusters", "On how many clusters; how many have stopped says the list of freezes."),
    NUMBER("untilMs", "When it ends by itself; 0: when somebody ends it."),
    TEXT("repository", "Where its file is written, or removed."),
    TEXT("path", "That file."),
    TEXT("text", "What it says."),
    {"written", HUB_MEMBER_TEXT, true,
     "waiting: the hub writes it into Git as soon as it can; off: it may not write there, so the "
     "freeze is on the hub's record only; shown: it was a dry run.",
     0, 0, "waiting off shown", NULL},
    END,
};

static const struct hub_member owners_answer[] = {
    {"owners", HUB_MEMBER_OBJECT, true,
     "Of the objects those that are there and another tool's: whose they are.", 0, 0, NULL, NULL},
    TEXT("notLooked", "Why not all of them were looked at; empty: they were."),
    END,
};

static const struct hub_member enrollment_answer[] = {
    TEXT("cluster", "The cluster."),
    TEXT("token", "The join token, which is never shown again."),
    NUMBER("expiresMs", "Until when it works, in Unix milliseconds."),
    {"needsApproval", HUB_MEMBER_BOOL, true,
     "Its agent is let in once a person has accepted its key.", 0, 0, NULL, NULL},
    {"enrollAddresses", HUB_MEMBER_TEXTS, true, "Where to enrol.", 0, 0, NULL, NULL},
    {"addresses", HUB_MEMBER_TEXTS, true, "Where agents connect.", 0, 0, NULL, NULL},
    OPTIONAL_TEXT("warning", "What is odd about it, although it worked."),
    END,
};

static const struct hub_member approval_answer[] = {
    TEXT("cluster", "The cluster."),
    TEXT("key", "SHA-256 of the key with which its agent may connect now."),
    END,
};

static const struct hub_member token_answer[] = {
    TEXT("id", "Its number."),
    TEXT("name", "Its name."),
    {"role", HUB_MEMBER_TEXT, true, "What it may do.", 0, 0, "read admin", NULL},
    NUMBER("expiresMs", "Until when it is good, in Unix milliseconds; 0: for ever."),
    TEXT("token", "The token itself, which is never shown again."),
    END,
};

// ---- The table

#define LIST(where, of)                                                                            \
    {                                                                                              \
        .method = "GET", .path = (where), .access = HUB_ACCESS_READ, .handle = hub_get_list,       \
        .list = (of), .reads = true, .status = 200, .tag = "lists"                                 \
    }
#define DETAIL(where, of, names)                                                                   \
    {                                                                                              \
        .method = "GET", .path = (where), .access = HUB_ACCESS_READ, .handle = hub_get_detail,     \
        .detail = (of), .arg = (names), .reads = true, .status = 200, .tag = "details"             \
    }
#define DOCUMENT(where, of)                                                                        \
    {                                                                                              \
        .method = "GET", .path = (where), .access = HUB_ACCESS_READ, .handle = hub_get_detail,     \
        .detail = (of), .arg = "name", .arg_pattern = "^[a-z0-9]([-.a-z0-9]{0,198}[a-z0-9])?$",    \
        .reads = true, .status = 200, .tag = "details"                                             \
    }
#define COUNTS(where, does, text, members, much)                                                   \
    {                                                                                              \
        .method = "GET", .path = (where), .access = HUB_ACCESS_READ, .handle = (does),             \
        .about = (text), .status = 200, .answer = (members), .reads = (much), .tag = "fleet"       \
    }
#define PLAIN(where, who, does, text, much)                                                        \
    {                                                                                              \
        .method = "GET", .path = (where), .access = (who), .handle = (does), .about = (text),      \
        .status = 200, .type = "text/plain", .reads = (much), .tag = "hub"                         \
    }

#define PAST(where, does, text, takes, gives)                                                      \
    {                                                                                              \
        .method = "GET", .path = API where, .access = HUB_ACCESS_READ, .handle = (does),           \
        .about = (text), .params = (takes), .reads = true, .status = 200, .answer = (gives),       \
        .tag = "past"                                                                              \
    }

static const struct hub_route routes[] = {
    LIST(API "clusters", "clusters"),
    LIST(API "agents", "agents"),
    LIST(API "groups", "groups"),
    LIST(API "apps", "apps"),
    LIST(API "status", "status"),
    LIST(API "observed", "observed"),
    LIST(API "objects", "objects"),
    LIST(API "drift", "drift"),
    LIST(API "differences", "differences"),
    LIST(API "holds", "holds"),
    LIST(API "bans", "bans"),
    LIST(API "freezes", "freezes"),
    LIST(API "exemptions", "exemptions"),
    LIST(API "events", "events"),
    LIST(API "revisions", "revisions"),
    LIST(API "problems", "problems"),
    LIST(API "writes", "writes"),
    LIST(API "repositories", "repositories"),
    DETAIL(API "clusters/*", "clusters", "name"),
    DETAIL(API "groups/*", "groups", "name"),
    DETAIL(API "apps/*", "apps", "name"),
    DETAIL(API "status/*", "status", "cluster/app"),
    DOCUMENT(API "holds/*", "holds"),
    DOCUMENT(API "bans/*", "bans"),
    DOCUMENT(API "freezes/*", "freezes"),
    DOCUMENT(API "exemptions/*", "exemptions"),
    {.method = "GET",
     .path = API "revisions/*",
     .access = HUB_ACCESS_READ,
     .handle = hub_get_detail,
     .detail = "revisions",
     .arg = "id",
     .arg_pattern = "^[0-9a-f]{7,64}$",
     .reads = true,
     .status = 200,
     .tag = "details"},
    {.method = "GET",
     .path = API "openapi.json",
     .access = HUB_ACCESS_ANYONE,
     .handle = hub_get_openapi,
     .about = "This description.",
     .status = 200,
     .type = "application/json",
     .tag = "hub"},
    COUNTS(API "version", hub_get_version, "Which hub this is.", version_answer, false),
    COUNTS(API "summary", hub_get_summary, "Counts over the whole fleet.", summary_answer, true),
    COUNTS(API "health", hub_get_fleet_health,
           "How the fleet and the hub are, and what of it wants a "
           "person.",
           health_answer, true),
    {.method = "GET",
     .path = API "debug",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_get_debug,
     .about = "What a support bundle needs of the hub itself; no secrets.",
     .reads = true,
     .status = 200,
     .answer = debug_answer,
     .tag = "hub"},
    {.method = "GET",
     .path = API "rollout",
     .access = HUB_ACCESS_READ,
     .handle = hub_get_rollout,
     .about = "How far the desired state, or what a commit changed, is.",
     .list = "rollout",
     .reads = true,
     .status = 200,
     .answer = rollout_answer,
     .tag = "fleet"},
    {.method = "GET",
     .path = API "watch",
     .access = HUB_ACCESS_READ,
     .handle = hub_get_watch,
     .about = "What happens from now on, as server-sent events.",
     .params = watch_params,
     .status = 200,
     .type = "text/event-stream",
     .tag = "fleet"},
    {.method = "GET",
     .path = API "objects/desired",
     .access = HUB_ACCESS_READ,
     .handle = hub_get_desired,
     .about = "An object as it should be; Secrets are not shown.",
     .params = desired_params,
     .reads = true,
     .status = 200,
     .answer = desired_answer,
     .tag = "fleet"},
    PAST("past/show", hub_get_past_show, "How the fleet is, or was at a moment.", past_show_params,
         past_show_answer),
    PAST("past/log", hub_get_past_log, "What happened, an item for each action over all clusters.",
         past_log_params, past_log_answer),
    PAST("past/where", hub_get_past_where, "Where a commit or image runs, or ran, since when.",
         past_where_params, past_where_answer),
    PAST("past/why", hub_get_past_why, "Why an App is as it is on a cluster, or was.",
         past_why_params, past_why_answer),
    PAST("past/diff", hub_get_past_diff, "What runs in one part or moment, and not in the other.",
         past_diff_params, past_diff_answer),
    PAST("past/objects", hub_get_past_objects,
         "Which objects differ, field by field, as they were on clusters.", past_objects_params,
         past_objects_answer),
    {.method = "POST",
     .path = API "sync",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_post_sync,
     .about = "Fetches now, and lets agents apply again what is named; drift goes away by it.",
     .body = sync_body,
     .status = 202,
     .answer = sync_answer,
     .tag = "changes"},
    {.method = "POST",
     .path = API "writes",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_post_write,
     .about = "Writes into Git that something shall be so.",
     .body = write_body,
     .status = 202,
     .answer = write_answer,
     .conflicts = true,
     .tag = "changes"},
    {.method = "POST",
     .path = API "freezes",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_post_freeze,
     .about = "Stops applying at once: nothing is applied, pruned or corrected of what it names.",
     .body = freeze_body,
     .status = 200,
     .answer = freeze_answer,
     .conflicts = true,
     .tag = "changes"},
    {.method = "DELETE",
     .path = API "freezes/*",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_delete_freeze,
     .about = "Ends a freeze: what waited is applied.",
     .arg = "name",
     .arg_pattern = "^[a-z0-9]([-.a-z0-9]{0,198}[a-z0-9])?$",
     .params = unfreeze_params,
     .status = 200,
     .answer = freeze_answer,
     .tag = "changes"},
    {.method = "POST",
     .path = API "owners",
     .access = HUB_ACCESS_READ,
     .handle = hub_post_owners,
     .about = "Asks the agent of a cluster which objects another GitOps tool owns.",
     .body = owners_body,
     .status = 200,
     .answer = owners_answer,
     .tag = "fleet"},
    {.method = "POST",
     .path = API "enrollments",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_post_enrollment,
     .about = "Makes a join token, with which one agent can enrol as this cluster.",
     .body = enrollment_body,
     .status = 201,
     .answer = enrollment_answer,
     .conflicts = true,
     .tag = "changes"},
    {.method = "DELETE",
     .path = API "enrollments/*",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_delete_enrollment,
     .about = "Revokes the agent of a cluster, closes its connection, voids its join token.",
     .arg = "cluster",
     .status = 204,
     .tag = "changes"},
    {.method = "POST",
     .path = API "approvals",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_post_approval,
     .about = "Lets the agent of a cluster go on that waits because its identity is doubtful, or "
              "nobody has accepted its key yet.",
     .body = approval_body,
     .status = 200,
     .answer = approval_answer,
     .tag = "changes"},
    {.method = "GET",
     .path = API "tokens",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_get_list,
     .list = "tokens",
     .reads = true,
     .status = 200,
     .tag = "tokens"},
    {.method = "POST",
     .path = API "tokens",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_post_token,
     .about = "Makes an API token.",
     .body = token_body,
     .status = 201,
     .answer = token_answer,
     .conflicts = true,
     .tag = "tokens"},
    {.method = "DELETE",
     .path = API "tokens/*",
     .access = HUB_ACCESS_ADMIN,
     .handle = hub_delete_token,
     .about = "Revokes an API token, by its id or its name.",
     .arg = "id",
     .arg_pattern = "^[A-Za-z0-9][-A-Za-z0-9_@]{0,62}$",
     .status = 204,
     .conflicts = true,
     .tag = "tokens"},
    {.method = "POST",
     .path = "/hooks/*",
     .access = HUB_ACCESS_HOOK,
     .handle = hub_post_hook,
     .about = "Tells of a push: the repository is fetched soon.",
     .arg = "forge/repository",
     .status = 202,
     .tag = "hooks"},
    PLAIN("/metrics", HUB_ACCESS_READ, hub_get_metrics, "Metrics in Prometheus' text format.",
          true),
    PLAIN("/healthz", HUB_ACCESS_ANYONE, hub_get_healthz, "Whether the process answers.", false),
    PLAIN("/readyz", HUB_ACCESS_ANYONE, hub_get_readyz,
          "Whether every repository that was known before is read again.", false),
};

const struct hub_route *hub_route_at(size_t i) {
    return i < COUNT(routes) ? &routes[i] : NULL;
}

// Tells whether the route is for this path; *arg is then its end.
static bool fits(const struct hub_route *route, const char *path, const char **arg) {
    size_t fixed = strcspn(route->path, "*");

    *arg = path + (route->path[fixed] == '*' ? fixed : strlen(path));
    if (route->path[fixed] == '*') {
        return strncmp(route->path, path, fixed) == 0 && path[fixed] != '\0';
    }
    return strcmp(route->path, path) == 0;
}

static void allow(char *text, size_t size, const char *method) {
    size_t at = strlen(text);
    const char *also = strcmp(method, "GET") == 0 ? ", HEAD" : "";

    (void)snprintf(text + at, size - at, "%s%s%s", at > 0 ? ", " : "", method, also);
}

const struct hub_route *hub_route_find(const char *method, const char *path, const char **out_arg,
                                       char *out_allow, size_t allow_size) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    const struct hub_route *found = NULL;
    const char *arg = NULL;

    out_allow[0] = '\0';
    for (size_t i = 0; i < COUNT(routes); i++) {
        if (!fits(&routes[i], path, &arg)) {
            continue;
        }
        bool exact = arg[0] == '\0'; // "objects/desired" is none of "objects/*"
        if (strcmp(routes[i].method, wanted) == 0 && (found == NULL || exact)) {
            found = &routes[i];
            *out_arg = arg;
        }
        allow(out_allow, allow_size, routes[i].method);
    }
    return found;
}
