#include "hub/fleet/reference.h"

#include <string.h>

#include "common/str.h"
#include "hub/fleet/schema.h"

static const char introduction[] =
    "# The fleet repository\n"
    "\n"
    "<!-- Made from the tables in hub/fleet/schema_*.c; change those and run\n"
    "     `hub.fleet.reference > deploy/reference/fleet-repository.md`. -->\n"
    "\n"
    "What every cluster runs is said by plain YAML documents and manifests in Git, in\n"
    "`apiVersion: " HUB_API_VERSION "`.\n"
    "\n"
    "| where | what |\n"
    "|---|---|\n";

static const char rules[] =
    "\n"
    "* Whatever stands below the folder of an `app.yaml` belongs to that App. Manifests are all\n"
    "  `*.yaml`, `*.yml` and `*.json` files there (or below `spec.source.path`), but for those "
    "that "
    "an\n"
    "  overlay names, that `include`, `exclude` or a `.holdfastignore` leave out, and files and "
    "folders\n"
    "  that begin with a dot.\n"
    "* Names are DNS labels: 1 to 63 of `a-z`, `0-9` and `-`, with no `-` at either end.\n"
    "* Nothing is guessed: an unknown field, a duplicate key, a wrong type, an undefined variable, "
    "a\n"
    "  name of something that does not exist or an object that two Apps claim on one cluster is "
    "an\n"
    "  error with file, line, column and what to do, as many at once as can be told: what is\n"
    "  wrong in an app.yaml may hide what is wrong in its manifests.\n"
    "* **What is wrong stays as it was, and nothing else is held up.** A document that cannot be "
    "read\n"
    "  keeps its last good version. An App whose app.yaml is wrong changes nowhere, whatever "
    "happens "
    "to its\n"
    "  manifests; one that does not render for a cluster keeps running there as it was. Only "
    "`suspend` is\n"
    "  done all the same.\n"
    "* A document of holdfast that stands where none is looked for (an App in `App.yaml`, a "
    "Cluster\n"
    "  outside `clusters/`) is an error, and what it names stays as it was.\n"
    "* Not supported, and refused rather than half read: `kustomization.yaml`, `Chart.yaml`, "
    "documents\n"
    "  encrypted with SOPS, symbolic links, submodules and files of Git LFS.\n"
    "\n"
    "Editors complete and check documents by the [JSON Schemas](schemas), which are made from the "
    "same\n"
    "tables: `# yaml-language-server: $schema=PATH/app.schema.json` as the first line. "
    "[How to lay out\n"
    "a repository](layout.md) says which folders to make, and why.\n";

static const char changes[] =
    "\n"
    "## What differs between clusters\n"
    "\n"
    "Values are for what differs a little, the fields below for the rest. Those of the target come "
    "after\n"
    "the App's, so they are stronger. All of them are put in before variables are, so they may "
    "hold\n"
    "variables and see those of manifests as they are written.\n"
    "\n"
    "| field | does |\n"
    "|---|---|\n"
    "| `overlays[].path` | merges the partial objects in a file or folder beside `app.yaml` |\n"
    "| `overlays[].merge` | the same, written inline; with `target` into several objects |\n"
    "| `overlays[].jsonPatch` | operations of RFC 6902 on what `target` names |\n"
    "| `overlays[].replace` | puts a whole object in the place of the one of its name |\n"
    "| `overlays[].remove` | leaves out what `target` names |\n"
    "| `images` | other names, tags or digests for images |\n"
    "| `labels`, `annotations` | on every object's metadata |\n"
    "\n"
    "A merge is that of `kubectl patch`: lists of built-in kinds by Kubernetes' keys, `null` "
    "removes,\n"
    "`$patch: replace` and `$patch: delete` mean what they mean there; other kinds are merged by "
    "RFC "
    "7386.\n"
    "An overlay that matches nothing is an error. What is wrong with the changes of a target holds "
    "up its\n"
    "clusters only. [How things merge](overlays.md), with examples.\n"
    "\n"
    "## Manifests in another repository\n"
    "\n"
    "`spec.source.repository` names a repository of the hub's configuration; URL and credentials "
    "stay\n"
    "there. It is followed at a branch, or fixed to a tag or commit, or moves with the highest tag "
    "in a\n"
    "range of versions. `path`, `include` and `exclude` count from its root; what it says of "
    "clusters,\n"
    "groups and Apps means nothing, and is an error below the path. Overlays stay beside "
    "`app.yaml`.\n"
    "Until it is fetched the App stays as it is.\n"
    "\n"
    "## Files that are left out\n"
    "\n"
    "A `.holdfastignore` has the syntax of `.gitignore` and counts for manifests below its folder, "
    "the\n"
    "deepest one first. Clusters, ClusterGroups and `app.yaml` are never left out.\n"
    "\n"
    "## Release groups\n"
    "\n"
    "While an App of a release group cannot become on a cluster what Git says (a problem of its "
    "own, "
    "an\n"
    "object that another App has, a source that is not fetched yet), the others of the group keep "
    "there\n"
    "what they run, and say for which App they wait. An App that leaves a cluster, or is deleted, "
    "does so\n"
    "at once.\n";

static const char variables[] =
    "\n"
    "## Variables in manifests\n"
    "\n"
    "| written | becomes |\n"
    "|---|---|\n"
    "| `${name}` | the value; if there is none, that is an error |\n"
    "| `${name:=default}` | the value, or the text behind `:=` |\n"
    "| `$${name}` | the text `${name}` |\n"
    "\n"
    "Values come from the Cluster, then the target, then the App: the first that has the name "
    "counts.\n"
    "Dots go into maps (`${db.host}`), and maps of several layers are merged. Besides there are\n"
    "`${cluster.name}` and `${cluster.labels.KEY}`.\n"
    "\n"
    "* In a plain scalar that is one variable and nothing else the value keeps its type:\n"
    "  `replicas: ${replicas}` is a number, `tolerations: ${tolerations}` may be a list.\n"
    "* In quotes, and within a longer text, it becomes text: `port: \"${port}\"` is a string.\n"
    "* JSON knows only quotes, so there a string that is one variable keeps the value's type.\n"
    "* What is put in is not looked through again.\n"
    "* The [annotation](annotations.md) `holdfast.dev/substitute: disabled` leaves an object as "
    "it\n"
    "  is, the comment `# holdfast: substitute=off` at its top a file, and `spec.substitute: "
    "false`\n"
    "  the App.\n"
    "\n"
    "Clusters whose values differ only where an App does not look share one rendering.\n"
    "\n"
    "## Namespaces\n"
    "\n"
    "An object that names no namespace gets that of the target or the App, if its kind is "
    "namespaced:\n"
    "the kinds of Kubernetes are known, and those of CRDs in the same repository. Of other kinds "
    "the\n"
    "agent asks the cluster. Cluster-scoped objects have none.\n"
    "\n"
    "## When something goes away\n"
    "\n"
    "| gone from Git | on the cluster |\n"
    "|---|---|\n"
    "| an object of an App | removed, if the App has `prune: true` |\n"
    "| an App | its objects are removed, if it last had `prune: true`; else left alone |\n"
    "| a cluster from an App's targets | as `onTargetLoss` says |\n"
    "| a Cluster | nothing: it becomes unmanaged |\n"
    "| an object from one App, while another takes it | handed over |\n"
    "| all manifests of an App, but not `app.yaml` | an error: nothing is removed |\n";

// add_cell writes a sentence into a cell of a table.
static void add_cell(struct cm_str *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            cm_str_add_char(out, '\\');
        }
        cm_str_add_char(out, *text);
    }
}

static void add_choices(struct cm_str *out, const struct hub_field *field) {
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        cm_str_addf(out, "%s`%s`", choice == field->choices ? "" : ", ", *choice);
    }
}

static void add_default(struct cm_str *out, const struct hub_field *field) {
    if (field->required) {
        cm_str_add(out, "**required**");
    } else if (field->otherwise != NULL) {
        cm_str_addf(out, "`%s`", field->otherwise);
    }
}

// add_fields writes the rows of a table of fields and of what is nested in them.
static void add_fields(struct cm_str *out, const struct hub_field *fields, const char *prefix) {
    for (const struct hub_field *field = fields; field->name != NULL; field++) {
        struct cm_str nested = {0};

        if (field->type == HUB_FIELD_REFUSED) {
            continue;
        }
        cm_str_addf(out, "| `%s%s` | ", prefix, field->name);
        if (field->type == HUB_FIELD_CHOICE) {
            add_choices(out, field);
        } else {
            cm_str_add(out, hub_field_type_name(field));
        }
        cm_str_add(out, " | ");
        add_default(out, field);
        cm_str_add(out, " | ");
        add_cell(out, field->doc);
        cm_str_add(out, " |\n");
        if (field->fields != NULL) {
            cm_str_addf(&nested, "%s%s%s.", prefix, field->name,
                        field->type == HUB_FIELD_OBJECTS ? "[]" : "");
            add_fields(out, field->fields, cm_str_get(&nested));
        }
        cm_str_done(&nested);
    }
}

static void add_kind(struct cm_str *out, const struct hub_kind_table *kind) {
    cm_str_addf(out, "\n## %s\n\n%s\n\n```yaml\n%s```\n\n", kind->name, kind->doc, kind->example);
    cm_str_add(out, "| field | type | default | meaning |\n|---|---|---|---|\n");
    add_fields(out, kind->fields, "");
}

void hub_reference_write(struct cm_str *out) {
    cm_str_add(out, introduction);
    for (size_t i = 0; i < HUB_KINDS; i++) {
        cm_str_addf(out, "| `%s` | %s documents |\n", hub_kind_tables[i].place,
                    hub_kind_tables[i].name);
    }
    cm_str_add(out, rules);
    for (size_t i = 0; i < HUB_KINDS; i++) {
        add_kind(out, &hub_kind_tables[i]);
    }
    cm_str_add(out, changes);
    cm_str_add(out, variables);
}
