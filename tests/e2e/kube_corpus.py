#!/usr/bin/env python3
"""What well-known projects publish for Kubernetes: holdfast makes of it, object for object, what
`kubectl apply --server-side` makes of the same files, and finds nothing to do or to tell afterwards.

Equal means all that the server keeps, and which fields were applied; but for the name of who did
it, our two labels, and what the server chooses by itself (uid, times, addresses). status is not
what anybody applies.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import corpus, nodrift, story  # noqa: E402
from support import manifests as m  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kube import KubeCluster  # noqa: E402
from support.kubeproxy import KubeProxy  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files  # noqa: E402
from support.process import wait_for  # noqa: E402

LABELS = {"applyset.kubernetes.io/part-of", "holdfast.dev/app"}
CHOSEN = {"uid", "resourceVersion", "creationTimestamp", "managedFields"}
ADDRESSES = {"clusterIP", "clusterIPs", "healthCheckNodePort"}
LOOKS = int(os.environ.get("HOLDFAST_LOOKS", "10"))
LOOK_SECONDS = 60  # a bound for a busy machine; it takes two or three
LIVED = 1.2  # seconds after which the end of a watch is no error, so that no pause follows
MANY = 240  # seconds; a bound for a busy machine


def everything(cluster):
    """All objects of a cluster, each once, in its group's preferred version."""
    def get(path):  # again while a new kind begins to be served
        return cluster.wait_for(lambda: cluster.admin.request("GET", path), MANY, path)

    for root in ["/api/v1"] + [f"/apis/{group['preferredVersion']['groupVersion']}"
                               for group in get("/apis")["groups"]]:
        for resource in get(root)["resources"]:
            if "list" in resource["verbs"] and "/" not in resource["name"]:
                answer = get(f"{root}/{resource['name']}")
                for item in answer["items"]:
                    yield {"apiVersion": answer["apiVersion"], "kind": resource["kind"], **item}


def objects(cluster, manager):
    """{name: object} of a cluster, and the names of what this manager has applied."""
    found, names = {}, set()
    for item in everything(cluster):
        metadata = item["metadata"]
        name = f"{item['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
        applied = [entry for entry in metadata.get("managedFields", [])
                   if (entry["manager"], entry["operation"]) == (manager, "Apply")]
        names |= {name} if applied else set()
        found[name] = comparable(item, applied[0] if applied else {})
    return found, names


def without(labels, prefix=""):
    """Labels without ours; None if none are left."""
    return {key: value for key, value in (labels or {}).items()
            if key not in {prefix + label for label in LABELS}} or None


def comparable(item, entry):
    """An object as its author and the server's rules made it."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in CHOSEN}
    metadata["labels"] = without(metadata.get("labels"))
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    if item["kind"] == "Service":
        rest["spec"] = {key: value for key, value in rest["spec"].items() if key not in ADDRESSES}
        for port in rest["spec"].get("ports", []):
            port.pop("nodePort", None)
    return {**rest, "metadata": metadata, "applied": applied_fields(entry)}


def applied_fields(entry):
    """What was applied, in which version; None if that is nothing but our labels."""
    fields = json.loads(json.dumps(entry.get("fieldsV1", {})))
    own = fields.pop("f:metadata", {})
    own["f:labels"] = without(own.get("f:labels"), "f:")
    own = {key: value for key, value in own.items() if value is not None}
    if own:
        fields["f:metadata"] = own
    return {**fields, "as": entry["apiVersion"]} if fields else None


def differences(one, other, path=""):
    """Where two values differ, as lines."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif one != other:
        yield f"{path}: kubectl {json.dumps(one)[:200]}, holdfast {json.dumps(other)[:200]}"


def large():
    """A definition of a megabyte, which is as large as a server takes."""
    definition = m.crd("larges", "Large")
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "type": "object", "properties": {
            f"field{number}": {"type": "string", "description": "what it means " * 21}
            for number in range(3000)}}
    return definition


class Corpus(KubeStory):

    @classmethod
    def setUpClass(cls):
        kept = corpus.ensure()
        cls.apps = {module.app: (module.namespace, kept[module.app]) for module in corpus.MODULES}
        super().setUpClass()
        cls.apps["large"] = "default", cls.folder / "large"
        cls.apps["large"][1].mkdir()
        (cls.apps["large"][1] / "large.json").write_text(json.dumps(large()), encoding="utf-8")
        cls.peer = KubeCluster(cls.folder, name="peer").start()

    @classmethod
    def make_agent(cls):
        cls.proxy = KubeProxy(cls.cluster).start()
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=cls.proxy.kubeconfig("agent"))

    def kubectl(self, namespace, *words):
        config = json.loads(self.peer.token_kubeconfig("admin").read_text(encoding="utf-8"))
        config["contexts"][0]["context"]["namespace"] = namespace
        kubeconfig = self.peer.folder / f"kubectl-{namespace}"
        kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        return subprocess.run([self.peer.binary, "kubectl", "--kubeconfig", kubeconfig, *words],
                              capture_output=True, text=True, check=False, timeout=MANY,
                              env={"HOME": str(self.peer.folder)})

    def test_kubectl_applies_it_to_a_cluster(self):
        def done(namespace, folder):
            ended = self.kubectl(namespace, "apply", "--server-side", "-f", folder)
            assert ended.returncode == 0, ended.stderr[-2000:]
            return True
        for name, where in self.apps.items():  # again while kinds are new to the server
            wait_for(lambda where=where: done(*where), MANY, f"kubectl with {name}", 1)

    def test_holdfast_applies_it_to_another(self):
        fleet = {}
        for name, (namespace, folder) in self.apps.items():
            fleet[f"apps/{name}/app.yaml"] = m.text(m.app(
                name, namespace=namespace, substitute=False, plainSecrets="allow"))
            for path in folder.iterdir():
                fleet[f"apps/{name}/{path.name}"] = path.read_text(encoding="utf-8")
        self.deliver(fleet, "applied", MANY)

    def compare(self):
        """What both know of, and in what they differ."""
        (theirs, by_kubectl), (ours, by_us) = (objects(self.peer, "kubectl"),
                                               objects(self.cluster, "holdfast"))
        names = {name for name in by_kubectl | by_us if "holdfast-system" not in name}
        return names, [f"{name}{line}" for name in sorted(names)
                       for line in differences(theirs.get(name), ours.get(name))]

    def test_the_two_clusters_hold_the_same(self):
        def same():  # controllers (an autoscaler) act in both, but not in the same second
            names, wrong = self.compare()
            assert not wrong, "\n".join(wrong)
            return len(names)
        self.assertGreater(wait_for(same, LOOK_SECONDS, "both to hold the same", 2), 200)

    def test_another_look_at_all_of_it_finds_no_drift(self):
        mark, began = self.cluster.audit_mark(), len(self.proxy.seen)
        places = {urllib.parse.urlsplit(handler.path).path
                  for handler, _ in self.proxy.watches.copy().values()}

        def looked():
            self.proxy.expire_watches(LIVED)
            lists = collections.Counter(path.split("?")[0] for _, method, path
                                        in self.proxy.seen[began:] if "continue=" not in path)
            return all(lists[place] >= LOOKS for place in places)
        wait_for(looked, LOOKS * LOOK_SECONDS, "all to be listed again", 0.5)
        self.assertGreater(len(places), 20)
        self.assertEqual(self.drift(), {})
        self.assertEqual(nodrift.differences(self), [])  # what counts as noise among them
        self.assertEqual(self.events("drift.found"), [])
        self.assert_written(mark, {})

    def test_nothing_in_git_changes_and_nothing_is_written(self):
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.wait_connected(False)
        self.agent.start()
        self.wait_connected()
        for name in self.apps:
            self.wait_status(name, applied="applied")
        last = m.config_map("last", x="1")
        self.deliver(files("last", last, namespace="default"))
        self.assert_written(mark, {("patch", "configmaps"): 1})
        self.assertEqual(self.drift(), {})


if __name__ == "__main__":
    story.main()
