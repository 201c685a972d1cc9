#!/usr/bin/env python3
"""What was applied does not differ, though the API server fills in defaults and writes values in its own
way, and a webhook defaults and injects beside it: not at once, and not after sixty lists of everything.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files  # noqa: E402
from support.manifests import app, text  # noqa: E402
from support.nodrift import LISTING, check_nothing_differs, differences  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.webhook import Webhook  # noqa: E402

KINDS = (pathlib.Path(__file__).parent / "no_false_drift" / "kinds.yaml").read_text(encoding="utf-8")


# A number that no 64 bits hold: the API server keeps another one.
NOISE = ("Widget.drift.example.com/default/defaulted spec.extra",)
INJECT = {"inject": "yes"}


def inject(item):
    """What a mesh and a policy engine do: nothing of it changes what Git says."""
    metadata = item["metadata"]
    metadata["labels"] = {**metadata["labels"], "injected": "yes"}
    metadata["annotations"] = {**metadata.get("annotations", {}), "injected": "yes"}
    if item["kind"] == "ConfigMap":
        item["data"] = {**item["data"], "injected": "yes"}
    if item["kind"] == "Widget":
        parts = item["spec"]["parts"]
        item["spec"] = {**item["spec"], "mode": "manual",
                        "parts": [{"name": "injected"}] * ("injected" not in str(parts)) + parts}
    if item["kind"] == "Deployment":
        inject_pod(item["spec"]["template"])


def inject_pod(template):
    spec = template["spec"]
    if any(each["name"] == "sidecar" for each in spec["containers"]):
        return
    template["metadata"].setdefault("labels", {})["injected"] = "yes"
    own = spec["containers"][0]
    own["env"] = [{"name": "INJECTED", "value": "1"}, *own.get("env", []),
                  {"name": "A", "value": "1"}]  # once more what is there
    own["ports"] = [*own["ports"], {"containerPort": 8080, "name": "again"}]
    own.setdefault("resources", {}).setdefault("requests", {})["cpu"] = "100m"
    own.setdefault("volumeMounts", []).append({"name": "mesh", "mountPath": "/mesh"})
    spec.setdefault("volumes", []).insert(0, {"name": "mesh", "emptyDir": {}})
    spec["containers"].insert(0, {"name": "sidecar", "image": "example.com/sidecar:1"})
    spec["initContainers"] = [{"name": "iptables", "image": "example.com/init:1"}]


def meshed():
    web = m.deployment("meshed")
    web["metadata"]["labels"] = INJECT
    web["spec"]["template"]["spec"]["containers"][0].update(
        env=[{"name": "A", "value": "0"}, {"name": "B", "value": "0"}],
        ports=[{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}])
    settings = m.config_map("meshed", a="1")
    settings["metadata"]["labels"] = INJECT
    widget = m.thing("drift.example.com/v1", "Widget", "meshed", labels=INJECT,
                     spec={"parts": [{"name": "a"}], "plain": [{"a": "x"}, {"a": "y"}]})
    return web, settings, widget


class NoFalseDrift(KubeStory):
    agent_options = LISTING

    def test_a_folder_of_many_kinds_is_applied(self):
        self.deliver({"apps/kinds/app.yaml": text(app("kinds", drift="report", plainSecrets="allow")),
                      "apps/kinds/kinds.yaml": KINDS}, "applied", timeout=120)
        self.assertEqual([row for row in differences(self) if not row.startswith(NOISE)], [])
        self.assertEqual(self.drift(), {})

    def test_what_a_webhook_injects_is_no_drift(self):
        self.admin.apply(Webhook(self.cluster, inject).start().registration())
        self.deliver(files("meshed", *meshed(), namespace="default", drift="correct"))
        live = self.find("Deployment", "meshed")["spec"]["template"]["spec"]
        self.assertEqual([each["name"] for each in live["containers"]], ["sidecar", "main"])
        self.assertEqual([each["name"] for each in live["containers"][1]["env"]],
                         ["INJECTED", "A", "B", "A"])
        self.assertEqual(self.find("ConfigMap", "meshed")["data"], {"a": "1", "injected": "yes"})
        self.assertEqual([row for row in differences(self) if "meshed" in row], [])

    def test_a_change_beside_ours_brings_the_webhook_back_and_is_no_drift(self):
        self.admin.patch("Deployment", "meshed", {"metadata": {"annotations": {"other": "1"}}}, "robot")
        self.deliver(files("later", m.config_map("later", a="1"), namespace="default"))
        self.assertEqual([row for row in differences(self) if "meshed" in row], [])
        self.assertEqual(self.drift(), {})

    def test_of_what_comes_with_a_change_by_hand_only_that_is_drift(self):
        """What a webhook adds to somebody's request is nobody's, also where he has made the map that it is in."""
        hand = m.config_map("hand", a="1")
        hand["metadata"]["labels"] = INJECT
        self.deliver(files("hand", hand, namespace="default"))
        for manager in ("kubectl-annotate", "kubectl-edit"):
            self.admin.patch("ConfigMap", "hand", {"metadata": {"annotations": {"note": manager}}}, manager)
        self.wait_drift("ConfigMap/default/hand", "metadata.annotations.note")
        self.deliver(files("later", m.config_map("later", a="2"), namespace="default"))
        self.assertEqual({at: row["manager"] for at, row in self.drift().items()},
                         {("ConfigMap/default/hand", "metadata.annotations.note"): "kubectl-edit"})
        self.admin.patch("ConfigMap", "hand", {"metadata": {"annotations": {"note": None}}})
        self.wait_no_drift()

    def test_what_stands_twice_in_a_list_in_git_is_told_with_its_place(self):
        twice = m.deployment("twice")
        twice["spec"]["template"]["spec"]["containers"][0].update(
            env=[{"name": "A", "value": "0"}, {"name": "A", "value": "1"}])
        self.commit(files("twice", twice, namespace="default"))
        self.wait_status("twice", applied="failed",
                         message=r'containers\[name="main"\].env: duplicate entries for key .*A')
        self.commit({each: None for each in files("twice", twice)})
        wait_for(lambda: self.status("twice") is None, 30, "the App to be gone")

    def test_nothing_differs_after_sixty_lists(self):
        check_nothing_differs(self, lists_each=60, kinds=25, allowed=NOISE)

    def test_a_second_apply_writes_nothing(self):
        mark = self.cluster.audit_mark()
        versions = self.versions()
        self.hub.run("sync", "--app", "kinds")
        self.cluster.wait_for(lambda: len(self.written(mark)) >= 25, 60)
        self.assertEqual(self.versions(), versions)
        self.assertEqual(self.drift(), {})

    def versions(self):
        """resourceVersion of what no controller touches."""
        return {name: self.find(kind, name)["metadata"]["resourceVersion"]
                for kind, name in (("ConfigMap", "settings"), ("Secret", "keys"),
                                   ("Service", "web"), ("ServiceAccount", "web"))}


if __name__ == "__main__":
    story.main()
