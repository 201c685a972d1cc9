#!/usr/bin/env python3
"""A cluster that has nothing gets an App with every kind of object, in one commit.

A CustomResourceDefinition and objects of its kind, a namespace and what is in it: all arrive in an
order in which they can be made, and get healthy. What is in the cluster then is what applying the
same manifests by hand would have made, but for two labels and who the fields belong to.
"""
import base64
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, settled  # noqa: E402
from support.process import wait_for  # noqa: E402

RULES = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
RBAC = "rbac.authorization.k8s.io"
SECRET = "secret \u00e9"

# What differs between two objects that were made in the same way.
RANDOM_FIELDS = ("clusterIP", "clusterIPs")
RANDOM_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")


def binding(kind, role_kind, name, namespace):
    return m.thing(f"{RBAC}/v1", kind, name,
                   roleRef={"apiGroup": RBAC, "kind": role_kind, "name": name},
                   subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": namespace}])


def everything(namespace, group):
    """Every kind; what is cluster-scoped is named after the namespace, or of this API group."""
    name = f"read-{namespace}"
    return [
        m.namespace(namespace),
        m.crd("widgets", "Widget", group),
        m.thing(f"{group}/v1", "Widget", "left", spec={"size": 1, "tags": ["a", "b"]}),
        m.thing(f"{group}/v1", "Widget", "right", spec={"size": 2}),
        m.config_map("settings", colour="green", empty="", text="two\nlines\n"),
        m.secret("password", password=SECRET),
        m.service("web"),
        m.thing("v1", "ServiceAccount", "web"),
        m.thing(f"{RBAC}/v1", "Role", name, rules=RULES),
        binding("RoleBinding", "Role", name, namespace),
        m.thing(f"{RBAC}/v1", "ClusterRole", name, rules=RULES),
        binding("ClusterRoleBinding", "ClusterRole", name, namespace),
        m.deployment("web", replicas=2),
        m.stateful_set("db", replicas=2),
        m.daemon_set("node-agent"),
        m.job("migrate"),
        m.thing("networking.k8s.io/v1", "Ingress", "web", spec={"rules": [{
            "host": "www.example.com", "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}),
    ]


def comparable(item, namespace, group):
    """An object without what is random, and with its namespace and API group taken out."""
    item = settled(item)
    for field in RANDOM_FIELDS:
        item.get("spec", {}).pop(field, None)
    if item["kind"] == "Job":
        # A Job that has no labels at all is given those of its pods; ours have two.
        item["metadata"].pop("labels", None)
    spec = item.get("spec", {})
    for labels in (spec.get("selector", {}).get("matchLabels", {}),
                   spec.get("template", {}).get("metadata", {}).get("labels", {})):
        for label in RANDOM_LABELS:
            labels.pop(label, None)
    return replaced(item, namespace, group)


def replaced(value, namespace, group):
    if isinstance(value, dict):
        return {key: replaced(each, namespace, group) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, namespace, group) for each in value]
    if isinstance(value, str):
        return value.replace(namespace, "NAMESPACE").replace(group, "GROUP")
    return value


def owned_fields(item, manager):
    """What a manager owns by apply, without our labels."""
    for entry in item["metadata"].get("managedFields", []):
        if entry["manager"] == manager and entry["operation"] == "Apply":
            fields = entry["fieldsV1"]
            metadata = fields.get("f:metadata", {})
            labels = metadata.get("f:labels", {})
            labels.pop("f:applyset.kubernetes.io/part-of", None)
            labels.pop("f:holdfast.dev/app", None)
            if set(labels) <= {"."}:
                metadata.pop("f:labels", None)
            if not metadata:
                fields.pop("f:metadata", None)
            if item["kind"] == "Secret" and "f:stringData" in fields:
                # By hand, stringData is owned, which the server never stores: a key that leaves the
                # manifest would stay in data for ever. We send data, so that we own what is there.
                assert "f:data" not in fields, fields
                fields["f:data"] = fields.pop("f:stringData")
            return fields
    return {}


class FirstInstall(KubeStory):
    maxDiff = None

    def get(self, item, namespace):
        name = item["metadata"]["name"]
        return (self.find(item["kind"], f"{namespace}/{name}", item["apiVersion"])
                if self.is_namespaced(item) else self.find(item["kind"], name, item["apiVersion"]))

    def is_namespaced(self, item):
        self.admin.path(item["kind"], api_version=item["apiVersion"])
        return self.admin.resources[item["apiVersion"], item["kind"]]["namespaced"]

    def pairs(self):
        """Each object as the agent made it, and as made by hand."""
        for ours, by_hand in zip(everything("shop", "a.example.com"),
                                 everything("hand", "b.example.com")):
            yield self.get(ours, "shop"), self.get(by_hand, "hand")

    def test_one_commit_brings_everything_until_it_is_healthy(self):
        self.deliver(files("shop", *everything("shop", "a.example.com"), namespace="shop",
                           plainSecrets="allow"))
        status = self.wait_status("shop", applied="applied", health="healthy", upToDate=True)
        self.assertEqual(status["objects"], len(everything("shop", "x.example.com")))
        self.assertEqual(status["drifted"], 0)

    def test_all_requests_went_over_one_connection(self):
        # HTTP/2. Before it, a connection carried one request at a time, and is kept for the next.
        def is_one():
            count = self.cluster.connections(self.agent.pid) - self.cluster.open_watches("agent")
            assert count == 1, f"there are {count}"
            return True
        wait_for(is_one, 30, "one connection beside those of the watches")

    def test_it_runs(self):
        self.cluster.wait_ready("Deployment", "shop/web")
        self.cluster.wait_ready("StatefulSet", "shop/db")
        self.assertTrue(self.find("Job", "shop/migrate")["status"]["succeeded"])

    def test_the_same_by_hand_makes_the_same(self):
        for item in everything("hand", "b.example.com"):
            if item["kind"] != "Namespace" and item["kind"] != "CustomResourceDefinition":
                self.cluster.wait_for(lambda each=item: self.is_namespaced(each) in (True, False))
                if self.is_namespaced(item):
                    item["metadata"]["namespace"] = "hand"
            self.cluster.wait_for(
                lambda each=item: self.admin.apply(each, manager="by-hand"), 20, item["kind"])
        self.cluster.wait_ready("Deployment", "hand/web")
        for ours, by_hand in self.pairs():
            self.assertEqual(comparable(ours, "shop", "a.example.com"),
                             comparable(by_hand, "hand", "b.example.com"))

    def test_we_own_the_fields_that_git_names_and_no_others(self):
        for ours, by_hand in self.pairs():
            self.assertEqual(
                replaced(owned_fields(ours, "holdfast"), "shop", "a.example.com"),
                replaced(owned_fields(by_hand, "by-hand"), "hand", "b.example.com"))

    def test_the_secret_is_shown_to_nobody(self):
        shown = [self.hub.log_text(), self.agent.log_text()]
        shown += [self.hub.run("get", *words, "-o", "json").stdout
                  for words in (["objects", "--cluster", "real"], ["status"], ["events"], ["drift"])]
        databases = list(self.hub.data.rglob("*.db*"))
        self.assertTrue(databases)
        found = "\n".join(shown).encode() + b"".join(each.read_bytes() for each in databases)
        for form in SECRET.encode(), base64.b64encode(SECRET.encode()):
            self.assertNotIn(form, found)


if __name__ == "__main__":
    story.main()
