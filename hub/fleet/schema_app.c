// The table of an App.
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/object/hiding.h"
#include "common/object/spare.h"
#include "common/semver.h"
#include "hub/fleet/glob.h"
#include "hub/fleet/schema_check.h"
#include "hub/render/bundle.h"

#define EACH_MAX 1000
#define GLOBS_MAX 100
#define HUB_ACCOUNT_MAX 253
#define DEPENDS_MAX 100 // what agents accept: HUB_BUNDLE_DEPENDS_MAX

static const struct hub_field metadata_fields[] = {
    {.name = "name", .type = HUB_FIELD_NAME, .required = true, .doc = "The App's name."},
    {0},
};

// ---- Sources

static const struct hub_form ref_form = {
    .name = "a name",
    .pattern = "^[^-/.\001-\040~^:?*\\[\177][^\001-\040~^:?*\\[\177]{0,249}$",
    .advice = "write the name of a branch or tag as Git knows it",
};

static bool is_range(const char *text) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    const struct cm_semver_range *range;
    struct cm_err err;

    return cm_semver_range_parse(arena, text, &range, &err) == CM_OK;
}

static const struct hub_form range_form = {
    .name = "a range",
    .pattern = "^[-0-9A-Za-z.*+^~<>=!|, ]*[0-9xX*][-0-9A-Za-z.*+^~<>=!|, ]*$",
    .advice = "write a range of versions such as '>=1.2.0 <2.0.0' or '1.2.x'",
    .ok = is_range,
};

static const struct hub_form commit_form = {
    .name = "a commit",
    .pattern = "^[0-9a-f]{40}$",
    .advice = "write all 40 hexadecimal digits in lower case",
};

static bool is_glob(const char *text) {
    return strlen(text) <= HUB_GLOB_MAX;
}

static const struct hub_form glob_form = {
    .name = "a glob",
    .ok = is_glob,
    .pattern = "^([^/]|[^/.].*[^/]|[.][^/]|[.][^/].*[^/])$",
    .advice =
        "write a pattern below the source's path, with no './' before it and no '/' at either end, "
        "of at most 1024 bytes ('**' for any folders)",
};

static const struct hub_field ref_fields[] = {
    {.name = "branch", .type = HUB_FIELD_STRING, .form = &ref_form, .doc = "Head of a branch."},
    {.name = "tag", .type = HUB_FIELD_STRING, .form = &ref_form, .doc = "A tag."},
    {.name = "semver",
     .type = HUB_FIELD_STRING,
     .form = &range_form,
     .doc = "The highest version among the tags that is in the range.",
     .also_called = "range version"},
    {.name = "commit",
     .type = HUB_FIELD_STRING,
     .form = &commit_form,
     .doc = "One commit, for ever.",
     .also_called = "sha revision"},
    {0},
};

static const struct hub_rule ref_rules[] = {
    {.type = HUB_RULE_ONE,
     .subject = "a ref",
     .names = WORDS("branch", "tag", "semver", "commit"),
     .advice = "keep the one that you mean"},
    {0},
};

static const struct hub_field source_fields[] = {
    {.name = "path",
     .type = HUB_FIELD_PATH,
     .otherwise = ".",
     .doc = "Folder of the manifests, below the folder of app.yaml or below the root of the other "
            "repository.",
     .also_called = "dir folder"},
    {.name = "repository",
     .type = HUB_FIELD_NAME,
     .doc = "Another repository, by its name in the hub's configuration, where its URL and "
            "credentials are.",
     .also_called = "repo url git repoURL"},
    {.name = "ref",
     .type = HUB_FIELD_OBJECT,
     .fields = ref_fields,
     .rules = ref_rules,
     .doc = "Which state of the other repository; without it, the branch of the hub's "
            "configuration.",
     .also_called = "revision targetRevision branch tag"},
    {.name = "include",
     .type = HUB_FIELD_STRINGS,
     .form = &glob_form,
     .min = 1,
     .max = GLOBS_MAX,
     .doc = "Globs below `path`: only these `*.yaml`, `*.yml` and `*.json` files. `*` and `?` do "
            "not match `/`, `**` does; without it, all at any depth."},
    {.name = "exclude",
     .type = HUB_FIELD_STRINGS,
     .form = &glob_form,
     .max = GLOBS_MAX,
     .doc = "Globs below `path`: not these, whatever `include` says.",
     .also_called = "ignore"},
    {0},
};

static const struct hub_rule source_rules[] = {
    {.type = HUB_RULE_SOME,
     .when = "ref",
     .names = WORDS("repository"),
     .advice = "manifests of this repository are those of the same commit, so add the one or "
               "remove the other"},
    {0},
};

// ---- Targets

static const struct hub_form key_form = {
    .name = "the name of a label or annotation",
    .pattern =
        "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$",
    .advice =
        "use 1 to 63 of letters, digits, '-', '_' and '.', with a letter or digit at both ends, "
        "behind a domain and '/' if you like",
};

static const struct hub_form label_form = {
    .name = "a label",
    .pattern = "^(|[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?|.*[$][{].+[}].*)$",
    .advice = "Kubernetes takes up to 63 of letters, digits, '-', '_' and '.', with a letter or "
              "digit at both ends",
};

#define CHANGES_OF(whose)                                                                          \
    {.name = "labels",                                                                             \
     .type = HUB_FIELD_LABELS,                                                                     \
     .form = &label_form,                                                                          \
     .names = &key_form,                                                                           \
     .doc = "Put on metadata of every object" whose ", not into selectors.",                       \
     .also_called = "commonLabels"},                                                               \
        {.name = "annotations",                                                                    \
         .type = HUB_FIELD_TEXTS,                                                                  \
         .names = &key_form,                                                                       \
         .doc = "Put on metadata of every object" whose ".",                                       \
         .also_called = "commonAnnotations"},                                                      \
        {.name = "images",                                                                         \
         .type = HUB_FIELD_OBJECTS,                                                                \
         .fields = hub_image_fields,                                                               \
         .rules = hub_image_rules,                                                                 \
         .max = EACH_MAX,                                                                          \
         .doc = "Other names, tags or digests for images" whose "."},                              \
    {                                                                                              \
        .name = "overlays", .type = HUB_FIELD_OBJECTS, .fields = hub_overlay_fields,               \
        .rules = hub_overlay_rules, .max = EACH_MAX,                                               \
        .doc = "Changes to manifests" whose ", one after the other, before variables are put in. " \
               "One that matches nothing is an error.",                                            \
        .also_called = "patches patchesStrategicMerge yaml"                                        \
    }

static bool is_account(const char *text) {
    return strlen(text) <= HUB_ACCOUNT_MAX;
}

static const struct hub_form account_form = {
    .name = "the name of a ServiceAccount",
    .ok = is_account,
    .pattern = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
    .advice = "use lower-case letters, digits, '-' and '.', with a letter or digit at both ends, "
              "without its namespace",
};

#define ACCOUNT_RULE                                                                               \
    {                                                                                              \
        .type = HUB_RULE_SOME, .when = "serviceAccountName", .names = WORDS("namespace"),          \
        .advice = "the ServiceAccount is looked for there"                                         \
    }

static const struct hub_field target_fields[] = {
    {.name = "name", .type = HUB_FIELD_NAME, .doc = "For people and messages."},
    {.name = "cluster",
     .type = HUB_FIELD_NAME,
     .doc = "The one cluster of this name.",
     .also_called = "clusterName"},
    {.name = "clusterGroup",
     .type = HUB_FIELD_NAME,
     .doc = "The members of this ClusterGroup.",
     .also_called = "group clusterGroupName"},
    {.name = "clusterSelector",
     .type = HUB_FIELD_OBJECT,
     .fields = hub_selector_fields,
     .doc = "Clusters with these labels; `{}` means all.",
     .also_called = "selector"},
    {.name = "values",
     .type = HUB_FIELD_VALUES,
     .doc = "Variables for these clusters; stronger than the App's.",
     .also_called = "variables vars"},
    {.name = "namespace",
     .type = HUB_FIELD_NAME,
     .doc = "Instead of the App's.",
     .also_called = "targetNamespace defaultNamespace"},
    {.name = "serviceAccountName",
     .type = HUB_FIELD_STRING,
     .form = &account_form,
     .doc = "Instead of the App's; in this target's `namespace`.",
     .also_called = "serviceAccount impersonate"},
    {.name = "suspend",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Agents change nothing of this App on these clusters while this is true.",
     .also_called = "paused suspended"},
    {.name = "doNotDeploy",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "The App is not for these clusters, whatever the targets below say."},
    CHANGES_OF(" on these clusters; stronger than the App's"),
    {0},
};

static const struct hub_rule target_rules[] = {
    {.type = HUB_RULE_ONE,
     .subject = "a target",
     .names = WORDS("cluster", "clusterGroup", "clusterSelector"),
     .advice = "write 'clusterSelector: {}' for all clusters"},
    ACCOUNT_RULE,
    {0},
};

// ---- The App

static const struct hub_field depends_fields[] = {
    {.name = "name", .type = HUB_FIELD_NAME, .required = true, .doc = "Name of an App."},
    {0},
};

static const struct hub_rule app_rules[] = {
    ACCOUNT_RULE,
    {.type = HUB_RULE_SOME,
     .when = "onReject",
     .words = WORDS("group"),
     .names = WORDS("releaseGroup"),
     .advice = "the Apps that name the same one go back together"},
    {0},
};

static const struct hub_form selected_form = {
    .name = "a pattern",
    .pattern = "^[^\001-\040/\177]{0,253}$",
    .advice = "write a name; '*' stands for any characters",
};

static const struct hub_form shown_form = {
    .name = "a pattern",
    .pattern = "^[^\001-\040/\177]{1,253}$",
    .advice = "write the name of a variable or a key; '*' stands for any characters",
};

static bool is_drift_field(const char *text) {
    struct cm_err err;

    return strlen(text) <= HUB_DRIFT_TEXT_MAX && cm_spare_field_check(text, &err) == CM_OK;
}

static const struct hub_form drift_field_form = {
    .name = "a JSON pointer",
    .ok = is_drift_field,
    .pattern = "^((/([^~/]|~[01])*)+|[^/].*)$",
    .advice = "write a JSON pointer such as /spec/replicas or "
              "/spec/template/spec/containers/[name=web]/image, or a path as 'holdfast diff' "
              "prints it, of at most 1024 bytes",
};

static const struct hub_form manager_form = {
    .name = "a manager",
    .pattern = "^.{1,128}$",
    .advice = "write what 'holdfast diff' prints behind 'by'",
};

static const struct hub_form group_form = {
    .name = "an API group",
    .pattern = "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$",
    .advice = "write it without the version, such as autoscaling",
};

static const struct hub_form kind_form = {
    .name = "a kind",
    .pattern = "^[A-Za-z][A-Za-z0-9]{0,62}$",
    .advice = "write it as manifests do, such as HorizontalPodAutoscaler",
};

static const struct hub_form owner_form = {
    .name = "the name of an object",
    .pattern = "^[^\001-\040/*\177]{1,253}$",
    .advice = "write the whole name; here '*' stands for nothing",
};

static const struct hub_field owner_fields[] = {
    {.name = "group",
     .type = HUB_FIELD_STRING,
     .form = &group_form,
     .doc = "Its API group, without the version; without it, the core group."},
    {.name = "kind",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &kind_form,
     .doc = "Its kind, such as `HorizontalPodAutoscaler`."},
    {.name = "name",
     .type = HUB_FIELD_STRING,
     .form = &owner_form,
     .doc = "Its name; without it, that of the object that the rule is about."},
    {.name = "namespace",
     .type = HUB_FIELD_STRING,
     .form = &owner_form,
     .doc = "Its namespace; without it, that of the object that the rule is about."},
    {0},
};

static const struct hub_field ignore_fields[] = {
    {.name = "group",
     .type = HUB_FIELD_STRING,
     .form = &selected_form,
     .doc = "Only objects of this API group, without the version (`\"\"` is the core group); `*` "
            "stands for any characters, "
            "here and in the next three."},
    {.name = "kind",
     .type = HUB_FIELD_STRING,
     .form = &selected_form,
     .doc = "Only objects of this kind.",
     .also_called = "kinds"},
    {.name = "name",
     .type = HUB_FIELD_STRING,
     .form = &selected_form,
     .doc = "Only objects of this name."},
    {.name = "namespace",
     .type = HUB_FIELD_STRING,
     .form = &selected_form,
     .doc = "Only objects in this namespace."},
    {.name = "jsonPointers",
     .type = HUB_FIELD_STRINGS,
     .form = &drift_field_form,
     .min = 1,
     .max = HUB_DRIFT_TEXTS_MAX,
     .doc = "Fields, with all below them: JSON pointers, or paths as `holdfast diff` prints them. "
            "In a list, `0` is the first element in Git, `*` all of them, and `[name=web]` the one "
            "with that key.",
     .also_called = "paths fields jqPathExpressions"},
    {.name = "managers",
     .type = HUB_FIELD_STRINGS,
     .form = &manager_form,
     .min = 1,
     .max = HUB_DRIFT_TEXTS_MAX,
     .doc = "Fields that one of these managers set last, as `holdfast diff` names them. With "
            "`jsonPointers`, fields of both; with neither, all fields.",
     .also_called = "managedFieldsManagers manager"},
    {.name = "drift",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "off",
     .choices = WORDS("report", "correct", "capture", "off"),
     .doc = "What is done about differences in these fields, whatever the App's `drift` says. "
            "`capture` writes them into Git as the App's `drift: capture` does. "
            "`off` ignores them: they are no drift, and stay as they are when the agent corrects "
            "other fields or applies the object again. A change of the field itself in Git is "
            "applied in any case."},
    {.name = "whileExists",
     .type = HUB_FIELD_OBJECT,
     .fields = owner_fields,
     .doc = "The rule holds only while this object exists in the cluster; once it is gone, the "
            "fields are treated like all others. The agent needs the rights `list` and `watch` on "
            "its kind; as long as it cannot tell, the rule holds.",
     .also_called = "onlyWhile ownedBy owner when"},
    {0},
};

static const struct hub_field app_spec[] = {
    {.name = "source",
     .type = HUB_FIELD_OBJECT,
     .fields = source_fields,
     .rules = source_rules,
     .doc = "Where the manifests are.",
     .also_called = "sourceRef repo"},
    {.name = "namespace",
     .type = HUB_FIELD_NAME,
     .doc = "For namespaced objects that name none.",
     .also_called = "targetNamespace defaultNamespace"},
    {.name = "serviceAccountName",
     .type = HUB_FIELD_STRING,
     .form = &account_form,
     .doc = "A ServiceAccount of `namespace`, in whose name the agent makes, changes and deletes "
            "the App's objects, so that the App can do no more than that ServiceAccount may, "
            "wherever its objects are. Without it, the agent's own rights count "
            "([rights](rights.md)).",
     .also_called = "serviceAccount impersonate"},
    {.name = "values",
     .type = HUB_FIELD_VALUES,
     .doc = "Variables for manifests; the weakest.",
     .also_called = "variables vars postBuild"},
    {.name = "targets",
     .type = HUB_FIELD_OBJECTS,
     .fields = target_fields,
     .rules = target_rules,
     .doc = "Which clusters run the App. The first target that matches a cluster counts; each has "
            "exactly one of cluster, clusterGroup and clusterSelector.",
     .also_called = "targetCustomizations placements clusters"},
    {.name = "dependsOn",
     .type = HUB_FIELD_OBJECTS,
     .fields = depends_fields,
     .max = DEPENDS_MAX,
     .doc = "Apps that must be healthy on a cluster before this one is applied there."},
    {.name = "releaseGroup",
     .type = HUB_FIELD_NAME,
     .doc = "On a cluster, changes of the Apps that name the same release group land together or "
            "not at all: while one of them cannot become what Git says, all stay as they are."},
    {.name = "onReject",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "alone",
     .choices = WORDS("alone", "group", "report"),
     .doc = "What is kept out of a cluster that rejects a release of this App: that of this App "
            "alone (then people must decide about its release group), also what the same commit "
            "made of the other Apps of the group there (`group`), or nothing: it is only told "
            "(`report`), and Git goes on saying it "
            "([how](holds.md#release-groups-and-apps-of-which-it-is-only-told))."},
    {.name = "writeBack",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "hold",
     .choices = WORDS("hold", "revert"),
     .doc = "What Git says of a release that clusters rejected: a Hold, which leaves the document "
            "as it is (`hold`), or, where that changes just these clusters and nothing else, the "
            "document says again what it said before, else a Hold (`revert`, "
            "[how](holds.md#to-revert-instead)).",
     .also_called = "writeBackMethod rollbackMode mode"},
    {.name = "prune",
     .type = HUB_FIELD_BOOL,
     .otherwise = "true",
     .doc = "Objects that left the App are removed from clusters; so is everything when the App "
            "is deleted.",
     .also_called = "keepResources"},
    {.name = "prunePrecious",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Namespaces, CustomResourceDefinitions, PersistentVolumeClaims and PersistentVolumes "
            "that left the App are removed as well, with all that is in them. With `false` they "
            "stay, and the App says so. When the App is deleted they stay in any case.",
     .also_called = "deleteNamespace deleteCRDResources"},
    {.name = "adopt",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc =
         "Objects in a cluster that Flux, Argo CD, Rancher Fleet, another ApplySet or another "
         "holdfast agent applies are taken over (take them out there too, or the two go on "
         "changing them). With `false` they are left alone, and the App fails and says whose "
         "they are. What kubectl or Helm made is taken over in any case. With an object goes all "
         "that its maker set on it: what the manifests do not have is removed.",
     .also_called = "force takeOwnership"},
    {.name = "conflicts",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "force",
     .choices = WORDS("force", "fail"),
     .doc = "What becomes of a field that somebody else has set in a cluster and the manifests set "
            "to something else: it is taken (`force`), or it stays as it is and the App fails and "
            "says whose it is (`fail`).",
     .also_called = "forceConflicts ignoreConflicts"},
    {.name = "recreate",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "An object of which a field cannot be changed (a selector, a Job's template, a storage "
            "class) is deleted and made anew. With `false` the App fails and names the field. "
            "Namespaces, CustomResourceDefinitions, PersistentVolumeClaims and PersistentVolumes "
            "are never deleted for this, unless the object itself has the annotation "
            "`holdfast.dev/recreate: \"true\"` ([annotations](annotations.md)).",
     .also_called = "force replace"},
    {.name = "propagationPolicy",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "background",
     .choices = WORDS("background", "foreground", "orphan"),
     .doc = "What becomes of what a removed object owns in the cluster (the ReplicaSets and Pods "
            "of a Deployment): it is deleted after the object (`background`), before it, so that "
            "the object is gone last (`foreground`), or it stays (`orphan`). It counts for what "
            "leaves the App and for the App when it is deleted; not for hooks and for what is made "
            "anew.",
     .also_called = "prunePropagationPolicy deletionPropagation cascade"},
    {.name = "health",
     .type = HUB_FIELD_OBJECT,
     .fields = hub_health_fields,
     .doc = "How the health of its objects is read, beside what their kinds say ([health]"
            "(health.md)).",
     .also_called = "healthChecks healthCheckExprs readiness"},
    {.name = "drift",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "report",
     .choices = WORDS("report", "correct", "capture", "off"),
     .doc = "What happens when somebody changed an object in a cluster: `report` it, `correct` it "
            "too, write it into Git once it stayed for a minute (`capture`, "
            "[how](capture.md)), or `off`. Who undoes five corrections in a row, with less than "
            "ten minutes "
            "between them, is told with his name, and the object is left alone until the App "
            "changes in Git or `holdfast sync` is run.",
     .also_called = "correctDrift selfHeal"},
    {.name = "capture",
     .type = HUB_FIELD_CHOICE,
     .choices = WORDS("pull-request", "commit"),
     .doc = "How what somebody changed in a cluster comes into Git by itself, where `drift` says "
            "`capture`: as a pull request, for which the repository needs a `provider`, or as a "
            "commit. Without it as a pull request ([how]"
            "(capture.md#apps-that-take-over-by-themselves))."},
    {.name = "ignoreDifferences",
     .type = HUB_FIELD_OBJECTS,
     .fields = ignore_fields,
     .max = HUB_DRIFT_RULES_MAX,
     .doc =
         "Fields of objects in a cluster that are treated otherwise than `drift` says; the first "
         "entry that is about a field counts. The annotation "
         "`holdfast.dev/ignore-differences` of an object comes before them.",
     .also_called = "ignore driftRules ignoredDifferences"},
    {.name = "showValues",
     .type = HUB_FIELD_STRINGS,
     .form = &shown_form,
     .min = 1,
     .max = CM_HIDING_SHOWN_MAX,
     .doc = "Whose values may be told when somebody set them by hand in a cluster: names of "
            "variables in environments of containers, keys of ConfigMaps, and `args` and `command` "
            "of containers; `*` stands for any characters. All others may be secrets, and are told "
            "as hashes ([why](state-repository.md#secrets)).",
     .also_called = "showDrift revealValues"},
    {.name = "suspend",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Agents change nothing of this App while this is true; they still report.",
     .also_called = "paused suspended"},
    {.name = "onFailure",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "report",
     .choices = WORDS("report", "rollback"),
     .doc = "What happens when a new release of a Deployment that no Canary leads does not come up "
            "in its `progressDeadlineSeconds`, or one of a StatefulSet within `health.timeout`, or "
            "else ten minutes: it is told (`report`), or the hub also writes a Hold into Git, by "
            "which the release that came up before runs again on that cluster "
            "([how](holds.md#deployments-and-statefulsets-that-do-not-come-up))."},
    {.name = "undo",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "report",
     .choices = WORDS("report", "hold"),
     .doc =
         "What a `rollout undo` by hand is, of a Deployment, StatefulSet, DaemonSet or Rollout: a "
         "change by hand like any other (`report`), or a decision that keeps the release which "
         "was left out of that cluster by a Hold, whatever `drift` says "
         "([how](holds.md#what-people-undo)).",
     .also_called = "onUndo rollbackByHand"},
    {.name = "onTargetLoss",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "orphan",
     .choices = WORDS("orphan", "prune"),
     .doc = "What happens on a cluster that the targets no longer match: the objects stay there "
            "unmanaged, without our labels (`orphan`), or are removed (`prune`)."},
    {.name = "plainSecrets",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "deny",
     .choices = WORDS("deny", "allow"),
     .doc = "Whether Secrets with readable data may stand in Git."},
    {.name = "substitute",
     .type = HUB_FIELD_BOOL,
     .otherwise = "true",
     .doc = "Whether `${…}` in manifests are variables; if not, they are plain text."},
    CHANGES_OF(""),
    {.name = "helm",
     .type = HUB_FIELD_REFUSED,
     .doc = "Helm charts are not supported: put the output of 'helm template' beside app.yaml",
     .also_called = "chart"},
    {.name = "kustomize",
     .type = HUB_FIELD_REFUSED,
     .doc = "kustomizations are not supported: list plain manifests, and say in overlays what "
            "differs between clusters"},
    {.name = "decryption",
     .type = HUB_FIELD_REFUSED,
     .doc = "encrypted files are not supported: leave Secrets out of Git and make them in the "
            "cluster"},
    {0},
};

const struct hub_field hub_app_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "App."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = metadata_fields,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .fields = app_spec,
     .rules = app_rules,
     .doc = "What it is."},
    {0},
};
