// Everything that can be wrong with a document, with its place and what to do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/doc.h"
#include "hub/render/diag.h"
#include "world.h"

struct wrong {
    const char *path;
    const char *content;
    const char *said; // "path:line:column: words", several lines
};

#define API "apiVersion: holdfast/v1alpha1\n"
#define CLUSTER API "kind: Cluster\n"
#define GROUP API "kind: ClusterGroup\n"
#define APP API "kind: App\nmetadata: {name: shop}\n"

static const struct wrong wrongs[] = {
    // Syntax
    {"clusters/a.yaml", CLUSTER "metadata: {name: a\n",
     "clusters/a.yaml:4:1: did not find expected ',' or '}' while parsing a flow mapping: "
     "close what '{' or '[' opened, and put ',' between its members"},
    {"clusters/a.yaml", CLUSTER "metadata:\n  name: a\n  name: b\n",
     "clusters/a.yaml:5:9: 'name' is there twice in one object, first in line 4: remove one "
     "of the two"},
    {"clusters/a.yaml", "# nothing\n",
     "clusters/a.yaml:0:0: the file holds no document: add one of kind Cluster or delete the file"},
    {"clusters/a.yaml", "- one\n",
     "clusters/a.yaml:1:1: a document must be an object with apiVersion, kind and metadata, not "
     "a list"},
    // Header
    {"clusters/a.yaml", "apiVersion: holdfast/v1\nkind: Cluster\nmetadata: {name: a}\n",
     "clusters/a.yaml:1:13: apiVersion is 'holdfast/v1': write 'holdfast/v1alpha1'"},
    {"clusters/a.yaml", API "kind: App\nmetadata: {name: a}\n",
     "clusters/a.yaml:2:7: kind is 'App', but only documents of kind 'Cluster' stand in "
     "clusters/**/*.yaml: correct the kind or move the document"},
    {"groups/a.yaml", CLUSTER "metadata: {name: a}\n",
     "groups/a.yaml:2:7: kind is 'Cluster', but only documents of kind 'ClusterGroup' stand in "
     "groups/**/*.yaml: correct the kind or move the document"},
    {"apps/shop/app.yaml", CLUSTER "metadata: {name: a}\n",
     "apps/shop/app.yaml:2:7: kind is 'Cluster', but only documents of kind 'App' stand in "
     "**/app.yaml: correct the kind or move the document"},
    {"clusters/a.yaml", "kind: Cluster\nmetadata: {name: a}\n",
     "clusters/a.yaml:1:1: apiVersion is missing: add it"},
    {"clusters/a.yaml", CLUSTER "spec: {}\n", "clusters/a.yaml:1:1: metadata is missing: add it"},
    {"clusters/a.yaml", CLUSTER "metadata: {}\n",
     "clusters/a.yaml:3:11: metadata.name is missing: add it"},
    // Names
    {"clusters/a.yaml", CLUSTER "metadata: {name: Paris_1}\n",
     "clusters/a.yaml:3:18: metadata.name is 'Paris_1': use 1 to 63 of a-z, 0-9 and '-', with no "
     "'-' at either end"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: 12}\n",
     "clusters/a.yaml:3:18: metadata.name must be a string, not a number: put it in quotes"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: [a]}\n",
     "clusters/a.yaml:3:18: metadata.name must be a string, not a list"},
    // Unknown fields, with the place of the name
    {"clusters/a.yaml", CLUSTER "metadata:\n  name: a\n  label:\n    env: x\n",
     "clusters/a.yaml:5:3: unknown field 'label' in metadata: did you mean 'labels'?"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec:\n  colour: red\n",
     "clusters/a.yaml:5:3: unknown field 'colour' in spec: remove it or use one of values, "
     "suspend"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nstatus: {}\n",
     "clusters/a.yaml:4:1: unknown field 'status' in the document: remove it or use one of "
     "apiVersion, kind, metadata, spec"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec: {paused: true}\n",
     "clusters/a.yaml:4:8: unknown field 'paused' in spec: did you mean 'suspend'?"},
    {"apps/shop/app.yaml", APP "spec:\n  targetNamespace: x\n  depends:\n    - name: y\n",
     "apps/shop/app.yaml:5:3: unknown field 'targetNamespace' in spec: did you mean 'namespace'?\n"
     "apps/shop/app.yaml:6:3: unknown field 'depends' in spec: did you mean 'dependsOn'?"},
    {"apps/shop/app.yaml", APP "spec:\n  targets:\n    - clusterName: a\n",
     "apps/shop/app.yaml:6:7: unknown field 'clusterName' in spec.targets[0]: did you mean "
     "'cluster'?"},
    // Types
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec: {suspend: 'yes'}\n",
     "clusters/a.yaml:4:17: spec.suspend must be true or false, not a string"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec: []\n",
     "clusters/a.yaml:4:7: spec must be an object, not a list"},
    {"clusters/a.yaml", CLUSTER "metadata:\n  name: a\n  labels:\n    tier: 1\n    on: [x]\n",
     "clusters/a.yaml:6:11: metadata.labels.tier must be a string, not a number: put it in quotes\n"
     "clusters/a.yaml:7:9: metadata.labels.true must be a string, not a list"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a, labels: x}\n",
     "clusters/a.yaml:3:29: metadata.labels must be a map of strings, not a string"},
    // Values
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec:\n  values:\n    cluster: x\n",
     "clusters/a.yaml:6:14: the value 'cluster' is taken by cluster.name and cluster.labels: use "
     "another name"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec:\n  values:\n    db.host: x\n",
     "clusters/a.yaml:6:5: 'db.host' cannot name a value: use letters, digits, '_' and '-', "
     "beginning with a letter; nest maps for dotted names"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec:\n  values:\n    db:\n      host:\n",
     "clusters/a.yaml:7:12: the value 'host' is empty: leave it out, or write \"\" for an empty "
     "text"},
    {"clusters/a.yaml", CLUSTER "metadata: {name: a}\nspec: {values: 5}\n",
     "clusters/a.yaml:4:16: spec.values must be a map of values, not a number"},
    // Groups
    {"groups/g.yaml", GROUP "metadata: {name: g}\n", "groups/g.yaml:1:1: spec is missing: add it"},
    {"groups/g.yaml", GROUP "metadata: {name: g}\nspec: {}\n",
     "groups/g.yaml:4:7: a group needs clusterSelector, clusters or groups: say who its members "
     "are"},
    {"groups/g.yaml", GROUP "metadata: {name: g}\nspec: {clusters: a}\n",
     "groups/g.yaml:4:18: spec.clusters must be a list, not a string"},
    {"groups/g.yaml", GROUP "metadata: {name: g}\nspec: {clusters: [a, B]}\n",
     "groups/g.yaml:4:22: each of spec.clusters is 'B': use 1 to 63 of a-z, 0-9 and '-', with no "
     "'-' at either end"},
    // Selectors
    {"groups/g.yaml",
     GROUP "metadata: {name: g}\nspec:\n  clusterSelector:\n    matchExpressions:\n"
           "      - {key: env, operator: in, values: [a]}\n",
     "groups/g.yaml:7:30: spec.clusterSelector.matchExpressions[0].operator must be one of 'In', "
     "'NotIn', 'Exists', 'DoesNotExist'"},
    {"groups/g.yaml",
     GROUP "metadata: {name: g}\nspec:\n  clusterSelector:\n    matchExpressions:\n"
           "      - {key: env, operator: Exist}\n",
     "groups/g.yaml:7:30: spec.clusterSelector.matchExpressions[0].operator is 'Exist': did you "
     "mean 'Exists'?"},
    {"groups/g.yaml",
     GROUP "metadata: {name: g}\nspec:\n  clusterSelector:\n    matchExpressions:\n"
           "      - {key: env, operator: In}\n      - {key: env, operator: Exists, values: [a]}\n",
     "groups/g.yaml:7:9: operator In needs values: list at least one\n"
     "groups/g.yaml:8:46: operator Exists takes no values: remove them"},
    {"groups/g.yaml",
     GROUP "metadata: {name: g}\nspec:\n  clusterSelector:\n    matchExpressions:\n"
           "      - {operator: In, values: [1]}\n",
     "groups/g.yaml:7:9: spec.clusterSelector.matchExpressions[0].key is missing: add it\n"
     "groups/g.yaml:7:33: each of spec.clusterSelector.matchExpressions[0].values must be a "
     "string, not a number"},
    // Apps
    {"apps/shop/app.yaml", APP "spec:\n  targets:\n    - name: x\n",
     "apps/shop/app.yaml:6:7: a target needs exactly one of cluster, clusterGroup and "
     "clusterSelector, this one has 0: write 'clusterSelector: {}' for all clusters"},
    {"apps/shop/app.yaml", APP "spec:\n  targets:\n    - {cluster: a, clusterGroup: b}\n",
     "apps/shop/app.yaml:6:7: a target needs exactly one of cluster, clusterGroup and "
     "clusterSelector, this one has 2: write 'clusterSelector: {}' for all clusters"},
    {"apps/shop/app.yaml", APP "spec:\n  targets:\n    - a\n",
     "apps/shop/app.yaml:6:7: spec.targets[0] must be an object, not a string"},
    {"groups/g.yaml", GROUP "metadata: {name: g}\nspec: {groups: [a, 7]}\n",
     "groups/g.yaml:4:20: each of spec.groups must be a string, not a number: put it in quotes"},
    {"groups/g.yaml", GROUP "metadata: {name: g}\nspec: {subgroups: [a]}\n",
     "groups/g.yaml:4:8: unknown field 'subgroups' in spec: did you mean 'groups'?"},
    // Sources
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {branch: a, tag: b}}\n",
     "apps/shop/app.yaml:5:32: a ref needs exactly one of branch, tag, semver and commit, this one "
     "has 2: keep the one that you mean"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {}}\n",
     "apps/shop/app.yaml:5:32: a ref needs exactly one of branch, tag, semver and commit, this one "
     "has 0: keep the one that you mean"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {ref: {branch: main}}\n",
     "apps/shop/app.yaml:5:11: ref needs repository: manifests of this repository are those of the "
     "same commit, so add the one or remove the other"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, branch: main}\n",
     "apps/shop/app.yaml:5:27: unknown field 'branch' in spec.source: did you mean 'ref'?"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: 'https://x/y'}\n",
     "apps/shop/app.yaml:5:24: spec.source.repository is 'https://x/y': use 1 to 63 of a-z, 0-9 "
     "and "
     "'-', with no '-' at either end"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {branch: 'a b'}}\n",
     "apps/shop/app.yaml:5:41: spec.source.ref.branch is 'a b': write the name of a branch or tag "
     "as Git knows it"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {semver: latest}}\n",
     "apps/shop/app.yaml:5:41: spec.source.ref.semver is 'latest': write a range of versions such "
     "as "
     "'>=1.2.0 <2.0.0' or '1.2.x'"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {semver: '>=1.2.3.4'}}\n",
     "apps/shop/app.yaml:5:41: spec.source.ref.semver is '>=1.2.3.4': write a range of versions "
     "such as '>=1.2.0 <2.0.0' or '1.2.x'"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {semver: 1.2}}\n",
     "apps/shop/app.yaml:5:41: spec.source.ref.semver must be a string, not a number: put it in "
     "quotes"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {repository: x, ref: {commit: 4f1c}}\n",
     "apps/shop/app.yaml:5:41: spec.source.ref.commit is '4f1c': write all 40 hexadecimal digits "
     "in "
     "lower case"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {include: [/a/*], exclude: [b/]}\n",
     "apps/shop/app.yaml:5:22: each of spec.source.include is '/a/*': write a pattern below the "
     "source's path, with no './' before it and no '/' at either end, of at most 1024 bytes ('**' "
     "for any folders)\n"
     "apps/shop/app.yaml:5:39: each of spec.source.exclude is 'b/': write a pattern below the "
     "source's path, with no './' before it and no '/' at either end, of at most 1024 bytes ('**' "
     "for any folders)"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {include: [./a.yaml, .a, a, .b/c]}\n",
     "apps/shop/app.yaml:5:22: each of spec.source.include is './a.yaml': write a pattern below "
     "the source's path, with no './' before it and no '/' at either end, of at most 1024 bytes "
     "('**' for any folders)"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {include: []}\n",
     "apps/shop/app.yaml:5:21: spec.source.include is empty: list at least 1 or leave it out"},
    // Overlays
    {"apps/shop/app.yaml", APP "spec:\n  patches: []\n",
     "apps/shop/app.yaml:5:3: unknown field 'patches' in spec: did you mean 'overlays'?"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - target: {kind: Service}\n",
     "apps/shop/app.yaml:6:7: an overlay needs exactly one of path, merge, jsonPatch, replace and "
     "remove, this one has 0: write an entry of its own for each"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - {path: x, merge: {}}\n",
     "apps/shop/app.yaml:6:7: an overlay needs exactly one of path, merge, jsonPatch, replace and "
     "remove, this one has 2: write an entry of its own for each"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - path: /eu\n    - path: .\n",
     "apps/shop/app.yaml:6:13: spec.overlays[0].path is '/eu': name a folder or file below the one "
     "of app.yaml, without '..', '.' and '/' at either end\n"
     "apps/shop/app.yaml:7:13: spec.overlays[1].path is '.': name a folder or file below the one "
     "of app.yaml, without '..', '.' and '/' at either end"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - jsonPatch: [{op: test, path: /a}]\n",
     "apps/shop/app.yaml:6:7: jsonPatch needs target: say which objects it changes\n"
     "apps/shop/app.yaml:6:19: op test needs value: add it"},
    {"apps/shop/app.yaml",
     APP "spec:\n  overlays:\n    - target: {}\n      jsonPatch:\n"
         "        - {op: move, path: a, value: 1}\n        - {op: set, path: /a~}\n"
         "        - {op: remove, path: /a, from: /b}\n",
     "apps/shop/app.yaml:8:11: op move needs from: add it\n"
     "apps/shop/app.yaml:8:28: spec.overlays[0].jsonPatch[0].path is 'a': write a JSON pointer "
     "such "
     "as /spec/template/spec/containers/0 ('~1' for '/', '~0' for '~')\n"
     "apps/shop/app.yaml:8:38: op move takes no value: remove it\n"
     "apps/shop/app.yaml:9:16: spec.overlays[0].jsonPatch[1].op must be one of 'add', "
     "'remove', 'replace', 'move', 'copy', 'test'\n"
     "apps/shop/app.yaml:9:27: spec.overlays[0].jsonPatch[1].path is '/a~': write a JSON pointer "
     "such as /spec/template/spec/containers/0 ('~1' for '/', '~0' for '~')\n"
     "apps/shop/app.yaml:10:40: op remove takes no from: remove it"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - remove: false\n    - remove: true\n",
     "apps/shop/app.yaml:6:15: spec.overlays[0].remove must be true: write true or remove the "
     "entry\n"
     "apps/shop/app.yaml:7:7: remove needs target: say which objects are left out"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - {target: {kind: X}, replace: {}}\n",
     "apps/shop/app.yaml:6:16: replace takes no target: the object that it replaces is the one of "
     "its name, remove this"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - {target: {labels: {}}, remove: true}\n",
     "apps/shop/app.yaml:6:17: unknown field 'labels' in spec.overlays[0].target: did you mean "
     "'labelSelector'?"},
    {"apps/shop/app.yaml", APP "spec:\n  overlays:\n    - merge: text\n",
     "apps/shop/app.yaml:6:14: spec.overlays[0].merge must be an object, not a string"},
    {"apps/shop/app.yaml",
     APP "spec:\n  overlays:\n    - target:\n        labelSelector:\n          matchExpressions:\n"
         "            - {key: a, operator: In, values: []}\n      remove: true\n",
     "apps/shop/app.yaml:9:46: spec.overlays[0].target.labelSelector.matchExpressions[0].values is "
     "empty: list at least 1 or leave it out"},
    // Images, labels, annotations
    {"apps/shop/app.yaml", APP "spec:\n  images:\n    - {name: shop, newTag: 1.5}\n",
     "apps/shop/app.yaml:6:28: spec.images[0].newTag must be a string, not a number: put it in "
     "quotes"},
    {"apps/shop/app.yaml", APP "spec:\n  images:\n    - {name: shop}\n    - {newTag: a}\n",
     "apps/shop/app.yaml:6:7: an image needs newName, newTag or digest: say what changes\n"
     "apps/shop/app.yaml:7:7: spec.images[1].name is missing: add it"},
    {"apps/shop/app.yaml", APP "spec:\n  images:\n    - {name: 'a@b', newTag: '-x', digest: md5}\n",
     "apps/shop/app.yaml:6:14: spec.images[0].name is 'a@b': write the name of an image, without "
     "tag and digest\n"
     "apps/shop/app.yaml:6:29: digest takes no newTag: an image has a tag or a digest, keep one of "
     "the two\n"
     "apps/shop/app.yaml:6:29: spec.images[0].newTag is '-x': use 1 to 128 of letters, digits, "
     "'_', "
     "'.' and '-', beginning with none of the last two\n"
     "apps/shop/app.yaml:6:43: spec.images[0].digest is 'md5': write sha256: and 64 hexadecimal "
     "digits in lower case"},
    {"apps/shop/app.yaml",
     APP "spec:\n  images:\n    - {name: 'shop:1.4', newTag: a}\n"
         "    - {name: 'host:5000/shop', newName: 'host:5000/b:7'}\n"
         "    - {name: 'a', newName: '${registry:=host:5000}/a'}\n",
     "apps/shop/app.yaml:6:14: spec.images[0].name is 'shop:1.4': write the name of an image, "
     "without tag and digest\n"
     "apps/shop/app.yaml:7:41: spec.images[1].newName is 'host:5000/b:7': write the name of an "
     "image, without tag and digest"},
    {"apps/shop/app.yaml", APP "spec:\n  labels: {a: 1}\n  annotations: {b: true}\n",
     "apps/shop/app.yaml:5:15: spec.labels.a must be a string, not a number: put it in quotes\n"
     "apps/shop/app.yaml:6:20: spec.annotations.b must be a string, not a boolean: put it in "
     "quotes"},
    {"apps/shop/app.yaml",
     APP "spec:\n  targets:\n    - cluster: a\n      patches: []\n      images: {}\n",
     "apps/shop/app.yaml:7:7: unknown field 'patches' in spec.targets[0]: did you mean "
     "'overlays'?\n"
     "apps/shop/app.yaml:8:15: spec.targets[0].images must be a list, not an object"},
    {"apps/shop/app.yaml", APP "spec: {adopt: 1, releaseGroup: A, substitute: no-way}\n",
     "apps/shop/app.yaml:4:15: spec.adopt must be true or false, not a number\n"
     "apps/shop/app.yaml:4:32: spec.releaseGroup is 'A': use 1 to 63 of a-z, 0-9 and '-', with no "
     "'-' at either end\n"
     "apps/shop/app.yaml:4:47: spec.substitute must be true or false, not a string"},
    {"apps/shop/app.yaml", APP "spec: {helm: {chart: x}, kustomize: {}, decryption: {}}\n",
     "apps/shop/app.yaml:4:14: spec.helm: Helm charts are not supported: put the output of 'helm "
     "template' beside app.yaml\n"
     "apps/shop/app.yaml:4:37: spec.kustomize: kustomizations are not supported: list plain "
     "manifests, and say in overlays what differs between clusters\n"
     "apps/shop/app.yaml:4:53: spec.decryption: encrypted files are not supported: leave Secrets "
     "out of Git and make them in the cluster"},
    {"apps/shop/app.yaml", APP "spec:\n  labels: {a: two words}\n  annotations: {a b: x}\n",
     "apps/shop/app.yaml:5:15: spec.labels.a is 'two words': Kubernetes takes up to 63 of letters, "
     "digits, '-', '_' and '.', with a letter or digit at both ends\n"
     "apps/shop/app.yaml:6:17: 'a b' cannot be the name of a label or annotation: use 1 to 63 of "
     "letters, digits, '-', '_' and '.', with a letter or digit at both ends, behind a domain and "
     "'/' if you like"},
    {"apps/shop/app.yaml", APP "spec:\n  annotations: {'': x}\n",
     "apps/shop/app.yaml:5:21: the label '' is too long or has no name: use at most 253 "
     "characters"},
    {"apps/shop/app.yaml", APP "spec:\n  source: {path: ../other}\n",
     "apps/shop/app.yaml:5:18: spec.source.path is '../other': name a folder below the one of "
     "app.yaml, without '..', '.' and '/' at either end"},
    {"apps/shop/app.yaml", APP "spec: {drift: fix}\n",
     "apps/shop/app.yaml:4:15: spec.drift must be one of 'report', 'correct', 'capture', 'off'"},
    {"apps/shop/app.yaml", APP "spec: {capture: push}\n",
     "apps/shop/app.yaml:4:17: spec.capture must be one of 'pull-request', 'commit'"},
    {"apps/shop/app.yaml", APP "spec: {drift: corect, onTargetLoss: prun}\n",
     "apps/shop/app.yaml:4:15: spec.drift is 'corect': did you mean 'correct'?\n"
     "apps/shop/app.yaml:4:37: spec.onTargetLoss is 'prun': did you mean 'prune'?"},
    {"apps/shop/app.yaml", APP "spec: {plainSecrets: true}\n",
     "apps/shop/app.yaml:4:22: spec.plainSecrets must be one of 'deny', 'allow'"},
    {"apps/shop/app.yaml", APP "spec: {dependsOn: [other]}\n",
     "apps/shop/app.yaml:4:20: spec.dependsOn[0] must be an object, not a string"},
    {"apps/shop/app.yaml", APP "spec: {}\n---\n" APP "spec: {}\n",
     "apps/shop/app.yaml:6:1: an app.yaml holds one App: give the second one a folder of its own"},
    {"apps/shop/app.yml", APP,
     "apps/shop/app.yml:1:1: an App's document must be named app.yaml: rename the file"},
};

static void everything_wrong_is_told_with_its_place_and_what_to_do(void **state) {
    size_t failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
        struct world w;

        world_init(&w);
        world_put(&w, wrongs[i].path, wrongs[i].content);
        (void)world_commit_all(&w);
        const char *said = world_problems(&w);
        if (strstr(said, wrongs[i].said) == NULL) {
            print_error("%s\nis told as\n%s\nnot as\n%s\n", wrongs[i].content, said,
                        wrongs[i].said);
            failures++;
        }
        world_done(&w);
    }
    assert_int_equal(failures, 0);
}

static void all_of_a_file_is_told_at_once(void **state) {
    struct world w;
    size_t count;

    (void)state;
    world_init(&w);
    world_put(&w, "clusters/all.yaml",
              CLUSTER "metadata: {name: A}\nspec: {suspend: 1}\n---\n" //
              CLUSTER "metadata: {nam: b}\n---\n"                      //
              CLUSTER "metadata: {name: good}\n");
    const struct hub_fleet_result *result = world_commit_all(&w);
    (void)hub_fleet_problems(w.fleet, &count);
    assert_int_equal(count, 4); // name, suspend, nam, no name
    assert_true(result->problems_changed);
    assert_non_null(hub_fleet_desired(w.fleet, "good"));
    world_done(&w);
}

// It takes a moment; it took a minute when the place of each was looked for from the first line on.
static void a_large_file_may_be_wrong_everywhere(void **state) {
    struct cm_str text = {0};
    struct world w;
    size_t count;

    (void)state;
    world_init(&w);
    cm_str_add(&text, CLUSTER "metadata: {name: a}\n");
    for (int i = 0; i < 80000; i++) {
        cm_str_addf(&text, "f%05d: 1\n", i);
    }
    world_put(&w, "clusters/a.yaml", cm_str_get(&text));
    (void)world_commit_all(&w);
    assert_non_null(hub_fleet_problems(w.fleet, &count));
    assert_int_equal(count, 100);
    assert_non_null(strstr(world_problems(&w), "clusters/a.yaml:103:1: unknown field 'f00099'"));
    world_done(&w);
    cm_str_done(&text);
}

static void what_is_too_long_is_told(void **state) {
    struct cm_str text = {0};
    struct world w;

    (void)state;
    world_init(&w);
    cm_str_addf(&text, APP "spec:\n  dependsOn:\n");
    for (int i = 0; i < 101; i++) {
        cm_str_addf(&text, "    - name: a%d\n", i);
    }
    cm_str_addf(&text, "  source: {include: ['%01025d']}\n", 7);
    world_put(&w, "apps/shop/app.yaml", cm_str_get(&text));
    cm_str_clear(&text);
    cm_str_addf(&text, CLUSTER "metadata:\n  name: a\n  labels:\n    x: '%0254d'\n", 7);
    world_put(&w, "clusters/a.yaml", cm_str_get(&text));
    cm_str_clear(&text);
    cm_str_addf(&text, CLUSTER "metadata: {name: b} #%0*d\n", (int)HUB_DOCUMENT_MAX, 7);
    world_put(&w, "clusters/b.yaml", cm_str_get(&text));
    (void)world_commit_all(&w);
    assert_string_equal(
        world_problems(&w),
        "apps/shop/app.yaml:6:5: spec.dependsOn has 101 entries, more than 100: use fewer\n"
        "apps/shop/app.yaml:107:22: each of spec.source.include is "
        "'00000000000000000000000000000000000000000000000000"
        "00000000000000000000000000000000000000000000000000': write a pattern below the source's "
        "path, with no './' before it and no '/' at "
        "either end, of at most 1024 bytes ('**' for any folders)\n"
        "clusters/a.yaml:6:8: the label 'x' is too long or has no name: use at most "
        "253 characters\n"
        "clusters/b.yaml:0:0: cannot be read: the file has more than 1048576 bytes");
    cm_str_done(&text);
    world_done(&w);
}

static void a_document_comes_back_as_a_struct(void **state) {
    static const char text[] = APP "spec:\n"
                                   "  source: {path: deploy}\n"
                                   "  namespace: web\n"
                                   "  values: {a: 1}\n"
                                   "  targets:\n"
                                   "    - cluster: paris\n"
                                   "      doNotDeploy: true\n"
                                   "    - clusterGroup: europe\n"
                                   "      namespace: eu\n"
                                   "      values: {a: 2}\n"
                                   "      suspend: true\n"
                                   "    - clusterSelector: {}\n"
                                   "  dependsOn: [{name: z}, {name: b}, {name: z}]\n"
                                   "  prune: false\n"
                                   "  drift: off\n"
                                   "  suspend: true\n"
                                   "  onTargetLoss: prune\n"
                                   "  plainSecrets: allow\n";
    struct hub_diags diags = {0};
    struct hub_doc_list list;

    (void)state;
    hub_docs_read(HUB_APP, "app.yaml", text, sizeof(text) - 1, &list, &diags);
    assert_int_equal(diags.count, 0);
    assert_int_equal(list.count, 1);
    const struct hub_app_doc *app = &list.items[0]->app;
    assert_string_equal(list.items[0]->name, "shop");
    assert_string_equal(app->source.path.name, "deploy");
    assert_string_equal(app->namespace, "web");
    assert_int_equal(cm_json_int(cm_json_get(app->values, "a"), 0), 1);
    assert_int_equal(app->target_count, 3);
    assert_string_equal(app->targets[0].cluster.name, "paris");
    assert_int_equal(app->targets[0].cluster.place.line, 9);
    assert_true(app->targets[0].do_not_deploy);
    assert_string_equal(app->targets[1].group.name, "europe");
    assert_string_equal(app->targets[1].namespace, "eu");
    assert_true(app->targets[1].suspend);
    assert_non_null(app->targets[2].selector);
    assert_int_equal(app->depends_on_count, 2);
    assert_string_equal(app->depends_on[0].name, "b");
    assert_false(app->prune);
    assert_int_equal(app->drift, HUB_DRIFT_OFF);
    assert_true(app->suspend);
    assert_true(app->prune_on_loss);
    assert_true(app->plain_secrets);
    hub_doc_free(list.items[0]);
    cm_freep(&list.items);
}

static void what_changes_manifests_comes_back_as_a_struct(void **state) {
    static const char text[] = APP "spec:\n"
                                   "  source:\n"
                                   "    repository: shop-config\n"
                                   "    ref: {semver: '>=1.2.0 <2.0.0'}\n"
                                   "    include: ['**/*.yaml']\n"
                                   "    exclude: ['tests/**', 'x.yaml']\n"
                                   "  adopt: true\n"
                                   "  conflicts: fail\n"
                                   "  recreate: true\n"
                                   "  health:\n"
                                   "    timeout: 1h30m\n"
                                   "    addresses: true\n"
                                   "    rules: [{kind: Thing, healthy: [{path: a.b, in: [x]}]}]\n"
                                   "  substitute: false\n"
                                   "  releaseGroup: checkout\n"
                                   "  labels: {team: shop}\n"
                                   "  annotations: {}\n"
                                   "  images: [{name: a, newTag: '${tag}'}]\n"
                                   "  overlays:\n"
                                   "    - path: overlays/eu\n"
                                   "    - target: {kind: Ingress}\n"
                                   "      remove: true\n"
                                   "  targets:\n"
                                   "    - clusterSelector: {}\n"
                                   "      overlays: [{merge: {kind: Service}}]\n";
    struct hub_diags diags = {0};
    struct hub_doc_list list;

    (void)state;
    hub_docs_read(HUB_APP, "app.yaml", text, sizeof(text) - 1, &list, &diags);
    assert_int_equal(diags.count, 0);
    const struct hub_app_doc *app = &list.items[0]->app;
    assert_string_equal(app->source.repository.name, "shop-config");
    assert_int_equal(app->source.repository.place.line, 6);
    assert_int_equal(app->source.ref, HUB_REF_SEMVER);
    assert_string_equal(app->source.ref_text, ">=1.2.0 <2.0.0");
    assert_string_equal(app->source.include[0], "**/*.yaml");
    assert_int_equal(app->source.exclude_count, 2);
    assert_true(app->adopt && app->literal && app->recreate);
    assert_int_equal(app->conflicts, HUB_CONFLICTS_FAIL);
    assert_string_equal(app->release_group.name, "checkout");
    assert_int_equal(app->health.timeout_s, 5400);
    assert_true(app->health.addresses && !app->health.logs);
    assert_string_equal(app->health.rules, "[{\"kind\":\"Thing\",\"healthy\":[{\"path\":\"a.b\","
                                           "\"in\":[\"x\"]}]}]");
    assert_non_null(app->changes.common.labels);
    assert_null(app->changes.common.annotations);
    assert_int_equal(app->changes.common.images->count, 1);
    assert_int_equal(app->changes.overlay_count, 2);
    assert_string_equal(app->changes.paths[0].name, "overlays/eu");
    assert_int_equal(app->changes.paths[0].place.line, 23);
    assert_null(app->changes.paths[1].name);
    assert_true(app->changes.overlays[1].remove);
    assert_non_null(app->changes.overlays[1].target);
    assert_non_null(app->targets[0].changes.overlays[0].merge);
    assert_memory_equal(app->text, text, app->text_size);
    hub_doc_free(list.items[0]);
    cm_freep(&list.items);
}

static void in_whose_name_an_app_is_applied_comes_back(void **state) {
    static const char text[] =
        APP "spec:\n"
            "  namespace: shop\n"
            "  serviceAccountName: deployer\n"
            "  targets:\n"
            "    - {cluster: a, namespace: shop-a, serviceAccountName: other}\n"
            "    - {cluster: b}\n";
    struct hub_diags diags = {0};
    struct hub_doc_list list;

    (void)state;
    hub_docs_read(HUB_APP, "app.yaml", text, sizeof(text) - 1, &list, &diags);
    assert_int_equal(diags.count, 0);
    const struct hub_app_doc *app = &list.items[0]->app;
    assert_string_equal(app->service_account, "deployer");
    assert_string_equal(app->targets[0].service_account, "other");
    assert_null(app->targets[1].service_account);
    hub_doc_free(list.items[0]);
    cm_freep(&list.items);
}

static void rules_of_health_that_are_too_long_are_refused(void **state) {
    struct hub_diags diags = {0};
    struct cm_str text = {0};
    struct hub_doc_list list;

    (void)state;
    cm_str_add(&text, APP "spec:\n  health:\n    rules:\n    - kind: Thing\n"
                          "      healthy: [{path: a, in: [");
    for (int i = 0; i < 7000; i++) {
        cm_str_addf(&text, "%sx%06d", i == 0 ? "" : ", ", i);
    }
    cm_str_add(&text, "]}]\n");
    hub_docs_read(HUB_APP, "app.yaml", text.data, text.len, &list, &diags);
    assert_int_equal(list.count, 0);
    assert_int_equal(diags.count, 1);
    const struct hub_diag *d = &diags.items[0];
    CM_AUTOFREE char *told = cm_strf("%s:%u:%u: %s", d->path, d->line, d->column, d->message);
    assert_string_equal(told, "app.yaml:7:5: spec.health.rules are 70050 bytes long, at most 65536 "
                              "are allowed: write fewer rules or shorter texts");
    cm_str_done(&text);
    hub_diags_done(&diags);
    cm_freep(&list.items);
}

static void a_rule_of_health_must_not_show_a_secret(void **state) {
    static const char *const texts[] = {
        "message: /data/password",
        "healthy: [{path: data.password, equals: x}]",
        "degraded: [{path: /type, exists: true}, {path: /stringData/a, in: [x]}]",
    };
    static const char first[] =
        "app.yaml:7:16: a rule of health may not show or compare what is in a Secret: ask with "
        "'exists' whether a key is there, or leave this out";
    static const char *const places[] = {"7:16", "7:24", "7:54"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CM_AUTOFREE char *text = cm_strf(APP "spec:\n  health:\n    rules:\n    - %s\n"
                                             "      kind: Secret\n      progressing: "
                                             "[{path: /data/a, exists: false}]\n",
                                         texts[i]);
        struct hub_diags diags = {0};
        struct hub_doc_list list;

        hub_docs_read(HUB_APP, "app.yaml", text, strlen(text), &list, &diags);
        assert_int_equal(list.count, 0);
        assert_int_equal(diags.count, 1);
        const struct hub_diag *d = &diags.items[0];
        CM_AUTOFREE char *said = cm_strf("%s:%u:%u: %s", d->path, d->line, d->column, d->message);
        CM_AUTOFREE char *told = cm_strf("app.yaml:%s%s", places[i], strchr(first, ' ') - 1);
        assert_string_equal(said, told);
        hub_diags_done(&diags);
        cm_freep(&list.items);
    }
}

static void a_group_of_groups_comes_back_as_a_struct(void **state) {
    static const char text[] = GROUP "metadata: {name: g}\nspec: {groups: [z, b, z]}\n";
    struct hub_diags diags = {0};
    struct hub_doc_list list;

    (void)state;
    hub_docs_read(HUB_GROUP, "g.yaml", text, sizeof(text) - 1, &list, &diags);
    assert_int_equal(diags.count, 0);
    assert_int_equal(list.items[0]->group.group_count, 2);
    assert_string_equal(list.items[0]->group.groups[0].name, "b");
    assert_int_equal(list.items[0]->group.groups[0].place.column, 20);
    hub_doc_free(list.items[0]);
    cm_freep(&list.items);
}

static void what_an_app_leaves_out_has_its_default(void **state) {
    struct hub_diags diags = {0};
    struct hub_doc_list list;

    (void)state;
    hub_docs_read(HUB_APP, "app.yaml", APP, strlen(APP), &list, &diags);
    assert_int_equal(list.count, 1);
    const struct hub_app_doc *app = &list.items[0]->app;
    assert_string_equal(app->source.path.name, "");
    assert_null(app->source.repository.name);
    assert_null(app->release_group.name);
    assert_string_equal(app->namespace, "");
    assert_null(app->service_account);
    assert_true(app->prune);
    assert_int_equal(app->drift, HUB_DRIFT_REPORT);
    assert_false(app->suspend || app->prune_on_loss || app->plain_secrets);
    assert_false(app->adopt || app->literal || app->recreate);
    assert_false(app->health.timeout_s > 0 || app->health.addresses || app->health.logs);
    assert_string_equal(app->health.rules, "");
    assert_int_equal(app->conflicts, HUB_CONFLICTS_FORCE);
    assert_int_equal(app->target_count, 0);
    hub_doc_free(list.items[0]);
    cm_freep(&list.items);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_wrong_is_told_with_its_place_and_what_to_do),
        cmocka_unit_test(all_of_a_file_is_told_at_once),
        cmocka_unit_test(a_large_file_may_be_wrong_everywhere),
        cmocka_unit_test(what_is_too_long_is_told),
        cmocka_unit_test(a_document_comes_back_as_a_struct),
        cmocka_unit_test(what_changes_manifests_comes_back_as_a_struct),
        cmocka_unit_test(in_whose_name_an_app_is_applied_comes_back),
        cmocka_unit_test(a_group_of_groups_comes_back_as_a_struct),
        cmocka_unit_test(rules_of_health_that_are_too_long_are_refused),
        cmocka_unit_test(a_rule_of_health_must_not_show_a_secret),
        cmocka_unit_test(what_an_app_leaves_out_has_its_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
