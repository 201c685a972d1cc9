// The tables of Cluster, ClusterGroup and Confirmation, and all of them; that of an App is in
// schema_app.c, those of Hold and Ban in schema_holds.c.
#include "hub/fleet/schema_check.h"

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
     .fields = hub_selector_fields,
     .doc = "Clusters with these labels are members; `{}` means all.",
     .also_called = "selector"},
    {.name = "clusters",
     .type = HUB_FIELD_NAMES,
     .doc = "These clusters are members too.",
     .also_called = "members clusterNames"},
    {.name = "groups",
     .type = HUB_FIELD_NAMES,
     .max = 1000,
     .doc = "The members of these ClusterGroups are members too; circles are an error.",
     .also_called = "clusterGroups subgroups"},
    {0},
};

static const struct hub_rule group_rules[] = {
    {.type = HUB_RULE_SOME,
     .subject = "a group",
     .names = WORDS("clusterSelector", "clusters", "groups"),
     .advice = "say who its members are"},
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
     .rules = group_rules,
     .doc = "Its members; at least one of the three fields."},
    {0},
};

static const struct hub_form removal_form = {
    .name = "a removal",
    .pattern = "^[0-9a-f]{12}$",
    .advice = "copy the 12 hexadecimal digits from what waits, with quotes around them",
};

static const struct hub_field confirmation_metadata[] = {
    {.name = "name",
     .type = HUB_FIELD_NAME,
     .required = true,
     .doc = "The confirmation's name; what it is does not matter."},
    {0},
};

static const struct hub_field confirmation_spec[] = {
    {.name = "app",
     .type = HUB_FIELD_NAME,
     .required = true,
     .doc = "The App whose removal it confirms; of one that is deleted, what it was called."},
    {.name = "removal",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &removal_form,
     .doc = "Which removal, as the problem and `holdfast plan` name it: the digest of all that "
            "goes. Another removal has another one.",
     .also_called = "digest sha hash"},
    {.name = "reason",
     .type = HUB_FIELD_STRING,
     .doc = "Why, for those who read it later.",
     .also_called = "comment description message"},
    {0},
};

static const struct hub_field confirmation_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "Confirmation."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = confirmation_metadata,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = confirmation_spec,
     .doc = "What it confirms."},
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
                   .doc = "Clusters under one name: those with certain labels, those named, those "
                          "of other groups, or all of these.",
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
                              "  clusters: [london-1]\n"
                              "  groups: [nordics]\n",
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
                 .fields = hub_app_fields},
    [HUB_CONFIRMATION] =
        {.name = "Confirmation",
         .place = "confirmations/**/*.yaml",
         .doc =
             "Lets one removal happen that waits, in the same commit or later. It is for exactly "
             "what it names and works once: when that is removed it does nothing any more and "
             "can be deleted. [What waits, and why](removals.md).",
         .example = "apiVersion: holdfast/v1alpha1\n"
                    "kind: Confirmation\n"
                    "metadata:\n"
                    "  name: shop-leaves-europe\n"
                    "spec:\n"
                    "  app: shop\n"
                    "  removal: '3f9a01c2d4e5'\n"
                    "  reason: the shop moved to the new clusters\n",
         .fields = confirmation_fields},
    [HUB_HOLD] =
        {.name = "Hold",
         .place = "holds/**/*.yaml",
         .doc = "Keeps a release off clusters that rejected it, while Git says it. The hub writes "
                "it when a controller went back to the release before; people may edit it. "
                "[What it does, and how it ends](holds.md).",
         .example = "apiVersion: holdfast/v1alpha1\n"
                    "kind: Hold\n"
                    "metadata:\n"
                    "  name: shop-1.5.0-9f3c0a1b\n"
                    "spec:\n"
                    "  app: shop\n"
                    "  clusters: [paris-1, paris-2]\n"
                    "  rejects:\n"
                    "    identity:\n"
                    "      - object: apps/Deployment/shop/web\n"
                    "        at: /spec/template/spec/containers/[name=web]/image\n"
                    "        value: registry.example.com/web:1.5.0\n"
                    "  delta:\n"
                    "    - object: apps/Deployment/shop/web\n"
                    "      at: /spec/template/spec/containers/[name=web]/image\n"
                    "      bad: registry.example.com/web:1.5.0\n"
                    "      use: registry.example.com/web:1.4.2\n"
                    "  cause: {controller: flagger, text: Failed checks threshold reached 5}\n",
         .fields = hub_hold_fields},
    [HUB_BAN] = {.name = "Ban",
                 .place = "bans/**/*.yaml",
                 .doc = "Images that shall never run, whoever says so: an App that would run one "
                        "stays as it is, and says why. [More](holds.md#bans).",
                 .example = "apiVersion: holdfast/v1alpha1\n"
                            "kind: Ban\n"
                            "metadata:\n"
                            "  name: cve-2026-1234\n"
                            "spec:\n"
                            "  images:\n"
                            "    - name: registry.example.com/web\n"
                            "      versions: '>=1.4.0 <1.4.3'\n"
                            "  reason: CVE-2026-1234\n",
                 .fields = hub_ban_fields},
    [HUB_FREEZE] =
        {.name = "Freeze",
         .place = "freezes/**/*.yaml",
         .doc =
             "Stops applying for a while: an App, a cluster, a group, or all. It only stops: what "
             "shall run does not change, and comes when it ends. `holdfast freeze` makes one at "
             "once and the hub writes the file; a file that people commit does the same, and "
             "deleting it ends it. [More](freezes.md).",
         .example = "apiVersion: holdfast/v1alpha1\n"
                    "kind: Freeze\n"
                    "metadata:\n"
                    "  name: payment-incident\n"
                    "spec:\n"
                    "  app: checkout\n"
                    "  clusterGroup: production\n"
                    "  reason: payments fail, INC-4711\n"
                    "  by: ann\n"
                    "  until: '2026-10-01T12:00:00Z'\n",
         .fields = hub_freeze_fields},
    [HUB_EXEMPTION] =
        {.name = "Exemption",
         .place = "exemptions/**/*.yaml",
         .doc = "Allows a change by hand in clusters for a time: agents tell of it and do not put "
                "it right. [What wins when rules meet](exemptions.md).",
         .example = "apiVersion: holdfast/v1alpha1\n"
                    "kind: Exemption\n"
                    "metadata:\n"
                    "  name: inc-123\n"
                    "spec:\n"
                    "  app: shop\n"
                    "  clusters: [paris-1]\n"
                    "  object: Deployment.apps/shop/web\n"
                    "  field: spec.replicas\n"
                    "  until: '2026-10-01T08:00:00Z'\n"
                    "  reason: INC-123, the queue is full\n"
                    "  by: ada\n",
         .fields = hub_exemption_fields},
};
