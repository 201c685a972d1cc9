#include "hub/fleet/schema.h"

static const char *const drift_choices[] = {"report", "correct", "off", NULL};
static const char *const loss_choices[] = {"orphan", "prune", NULL};
static const char *const secret_choices[] = {"deny", "allow", NULL};
static const char *const operator_choices[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

static const struct hub_field expression_fields[] = {
    {.name = "key", .type = HUB_FIELD_STRING, .required = true, .doc = "Name of a label."},
    {.name = "operator",
     .type = HUB_FIELD_CHOICE,
     .required = true,
     .choices = operator_choices,
     .doc = "How the label must be. `NotIn` also holds for clusters without the label."},
    {.name = "values",
     .type = HUB_FIELD_STRINGS,
     .doc = "For `In` and `NotIn`, at least one; for the others, none."},
    {0},
};

static const struct hub_field selector_fields[] = {
    {.name = "matchLabels",
     .type = HUB_FIELD_LABELS,
     .doc = "Labels that a cluster must have, with these values."},
    {.name = "matchExpressions",
     .type = HUB_FIELD_OBJECTS,
     .fields = expression_fields,
     .doc = "Requirements that must all hold."},
    {0},
};

static const struct hub_field cluster_metadata[] = {
    {.name = "name",
     .type = HUB_FIELD_NAME,
     .required = true,
     .doc = "The cluster's name. It is in its agent's certificate, so it does not change."},
    {.name = "labels",
     .type = HUB_FIELD_LABELS,
     .doc = "For selectors, and as `${cluster.labels.KEY}` in manifests."},
    {0},
};

static const struct hub_field cluster_spec[] = {
    {.name = "values",
     .type = HUB_FIELD_VALUES,
     .doc = "Variables for manifests on this cluster; stronger than those of Apps and targets. "
            "Maps are reached with dots: `${db.host}`. The name `cluster` is taken.",
     .also_called = "variables vars templateValues substitute"},
    {.name = "suspend",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Agents change nothing while this is true; they still report.",
     .also_called = "paused suspended"},
    {0},
};

static const struct hub_field cluster_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "Cluster."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = cluster_metadata,
     .doc = "What it is called."},
    {.name = "spec", .type = HUB_FIELD_OBJECT, .fields = cluster_spec, .doc = "What it is like."},
    {0},
};

static const struct hub_field group_metadata[] = {
    {.name = "name", .type = HUB_FIELD_NAME, .required = true, .doc = "The group's name."},
    {0},
};

static const struct hub_field group_spec[] = {
    {.name = "clusterSelector",
     .type = HUB_FIELD_OBJECT,
     .fields = selector_fields,
     .doc = "Clusters with these labels are members; `{}` means all.",
     .also_called = "selector"},
    {.name = "clusters",
     .type = HUB_FIELD_NAMES,
     .doc = "These clusters are members too.",
     .also_called = "members clusterNames"},
    {0},
};

static const struct hub_field group_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "ClusterGroup."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = group_metadata,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = group_spec,
     .doc = "Its members; at least one of the two fields."},
    {0},
};

static const struct hub_field app_metadata[] = {
    {.name = "name", .type = HUB_FIELD_NAME, .required = true, .doc = "The App's name."},
    {0},
};

static const struct hub_field source_fields[] = {
    {.name = "path",
     .type = HUB_FIELD_PATH,
     .otherwise = ".",
     .doc = "Folder of the manifests, below the folder of app.yaml."},
    {0},
};

static const struct hub_field depends_fields[] = {
    {.name = "name", .type = HUB_FIELD_NAME, .required = true, .doc = "Name of an App."},
    {0},
};

#define NO_OVERLAYS "overlays are not supported: use ${variables} and values per target instead"

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
     .fields = selector_fields,
     .doc = "Clusters with these labels; `{}` means all.",
     .also_called = "selector"},
    {.name = "values",
     .type = HUB_FIELD_VALUES,
     .doc = "Variables for these clusters; stronger than the App's.",
     .also_called = "variables vars substitute"},
    {.name = "namespace",
     .type = HUB_FIELD_NAME,
     .doc = "Instead of the App's.",
     .also_called = "targetNamespace defaultNamespace"},
    {.name = "suspend",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Agents change nothing of this App on these clusters while this is true.",
     .also_called = "paused suspended"},
    {.name = "doNotDeploy",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "The App is not for these clusters, whatever the targets below say."},
    {.name = "overlays", .type = HUB_FIELD_REFUSED, .doc = NO_OVERLAYS, .also_called = "yaml"},
    {0},
};

static const struct hub_field app_spec[] = {
    {.name = "source",
     .type = HUB_FIELD_OBJECT,
     .fields = source_fields,
     .doc = "Where the manifests are.",
     .also_called = "sourceRef repo"},
    {.name = "namespace",
     .type = HUB_FIELD_NAME,
     .doc = "For namespaced objects that name none.",
     .also_called = "targetNamespace defaultNamespace"},
    {.name = "values",
     .type = HUB_FIELD_VALUES,
     .doc = "Variables for manifests; the weakest.",
     .also_called = "variables vars substitute postBuild"},
    {.name = "targets",
     .type = HUB_FIELD_OBJECTS,
     .fields = target_fields,
     .doc = "Which clusters run the App. The first target that matches a cluster counts; each has "
            "exactly one of cluster, clusterGroup and clusterSelector.",
     .also_called = "targetCustomizations placements clusters"},
    {.name = "dependsOn",
     .type = HUB_FIELD_OBJECTS,
     .fields = depends_fields,
     .doc = "Apps that must be healthy on a cluster before this one is applied there."},
    {.name = "prune",
     .type = HUB_FIELD_BOOL,
     .otherwise = "true",
     .doc = "Objects that left the App are removed from clusters; so is everything when the App "
            "is deleted.",
     .also_called = "keepResources"},
    {.name = "drift",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "report",
     .choices = drift_choices,
     .doc = "What happens when somebody changed an object in a cluster: `report` it, `correct` it "
            "too, or `off`.",
     .also_called = "correctDrift selfHeal"},
    {.name = "suspend",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Agents change nothing of this App while this is true; they still report.",
     .also_called = "paused suspended"},
    {.name = "onTargetLoss",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "orphan",
     .choices = loss_choices,
     .doc = "What happens on a cluster that the targets no longer match: the objects stay there "
            "unmanaged (`orphan`) or are removed (`prune`)."},
    {.name = "plainSecrets",
     .type = HUB_FIELD_CHOICE,
     .otherwise = "deny",
     .choices = secret_choices,
     .doc = "Whether Secrets with readable data may stand in Git."},
    {.name = "overlays", .type = HUB_FIELD_REFUSED, .doc = NO_OVERLAYS, .also_called = "patches"},
    {0},
};

static const struct hub_field app_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "App."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = app_metadata,
     .doc = "What it is called."},
    {.name = "spec", .type = HUB_FIELD_OBJECT, .fields = app_spec, .doc = "What it is."},
    {0},
};

const struct hub_kind_table hub_kind_tables[HUB_KINDS] = {
    [HUB_CLUSTER] = {.name = "Cluster",
                     .place = "clusters/**/*.yaml",
                     .doc = "A cluster of the fleet. A file may hold several documents. When it is "
                            "deleted the cluster becomes unmanaged; nothing on it is removed.",
                     .example = "apiVersion: holdfast/v1alpha1\n"
                                "kind: Cluster\n"
                                "metadata:\n"
                                "  name: paris-1\n"
                                "  labels:\n"
                                "    env: production\n"
                                "    region: eu\n"
                                "spec:\n"
                                "  values:\n"
                                "    replicas: 3\n"
                                "    db:\n"
                                "      host: db.paris.example.com\n",
                     .fields = cluster_fields},
    [HUB_GROUP] = {.name = "ClusterGroup",
                   .place = "groups/**/*.yaml",
                   .doc = "Clusters under one name: those with certain labels, those named, or "
                          "both.",
                   .example = "apiVersion: holdfast/v1alpha1\n"
                              "kind: ClusterGroup\n"
                              "metadata:\n"
                              "  name: europe\n"
                              "spec:\n"
                              "  clusterSelector:\n"
                              "    matchLabels:\n"
                              "      region: eu\n"
                              "    matchExpressions:\n"
                              "      - {key: env, operator: NotIn, values: [sandbox]}\n"
                              "  clusters: [london-1]\n",
                   .fields = group_fields},
    [HUB_APP] = {.name = "App",
                 .place = "**/app.yaml",
                 .doc = "Manifests, and the clusters that run them. Everything below the folder of "
                        "app.yaml belongs to the App, but for folders with an app.yaml of their "
                        "own.",
                 .example = "apiVersion: holdfast/v1alpha1\n"
                            "kind: App\n"
                            "metadata:\n"
                            "  name: shop\n"
                            "spec:\n"
                            "  namespace: shop\n"
                            "  values:\n"
                            "    replicas: 1\n"
                            "  targets:\n"
                            "    - cluster: london-1\n"
                            "      doNotDeploy: true\n"
                            "    - clusterGroup: europe\n"
                            "      values: {currency: EUR}\n"
                            "    - clusterSelector: {matchLabels: {env: staging}}\n"
                            "      namespace: shop-staging\n"
                            "  dependsOn:\n"
                            "    - name: ingress\n"
                            "  drift: correct\n",
                 .fields = app_fields},
};
