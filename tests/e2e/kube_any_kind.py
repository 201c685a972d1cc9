#!/usr/bin/env python3
"""Any kind that the server knows: told by a server from before aggregated discovery, in several
versions, with subresources, and from an API server of its own that comes later.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import extension, story  # noqa: E402
from support import manifests as m  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeproxy import KubeProxy  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

OLD, NEW = "example.com/v1alpha1", "example.com/v1"
MERGE = "application/merge-patch+json"


def crd_of_versions(*served):
    """Gear, kept as v1, which a v1alpha1 was before; both have status and scale."""
    definition = m.crd("gears", "Gear")
    schema = {"openAPIV3Schema": {"type": "object", "properties": {
        part: {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        for part in ("spec", "status")}}}
    definition["spec"]["versions"] = [{
        "name": name, "served": name in served, "storage": name == "v1", "schema": schema,
        "subresources": {"status": {}, "scale": {
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}}}
        for name in ("v1alpha1", "v1")]
    return definition


def gear(name, version, **more):
    return m.thing(version, "Gear", name, spec={"teeth": 12, "replicas": 2}, **more)


class AnyKind(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.proxy = KubeProxy(cls.cluster).start()
        cls.proxy.old_discovery = True
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=cls.proxy.kubeconfig("agent"))

    def asked_by_itself(self):
        """How often the kinds of one group and version were asked for."""
        return [path_ for _, _, path_ in self.proxy.seen].count("/apis/apps/v1")

    def test_a_server_that_tells_each_group_by_itself(self):
        self.deliver(files("gears", crd_of_versions("v1alpha1", "v1"), gear("old", OLD),
                           gear("new", NEW), namespace="default"))
        self.assertGreater(self.asked_by_itself(), 0)
        self.assertEqual(self.drift(), {})

    def test_drift_is_seen_whichever_version_it_was_made_in(self):
        for name, version in (("old", NEW), ("new", OLD)):
            self.admin.patch("Gear", name, {"spec": {"teeth": 9}}, api_version=version)
            self.wait_drift(f"Gear.example.com/default/{name}", "spec.teeth")
        self.hub.run("sync", "--app", "gears")
        self.wait_no_drift()

    def test_an_object_moves_to_another_version_and_stays_the_same(self):
        uid = self.find("Gear", "old", NEW)["metadata"]["uid"]
        changed = gear("old", NEW)
        self.deliver({path("gears", changed): m.text(changed)})
        moved = self.find("Gear", "old", NEW)
        self.assertEqual(moved["metadata"]["uid"], uid)
        self.assertEqual([entry["apiVersion"] for entry in moved["metadata"]["managedFields"]
                          if entry["manager"] == "holdfast"], [NEW])

    def test_a_version_is_no_longer_offered(self):
        fewer = crd_of_versions("v1")
        self.deliver({path("gears", fewer): m.text(fewer)})
        self.admin.patch("Gear", "old", {"spec": {"teeth": 8}}, api_version=NEW)
        self.wait_drift("Gear.example.com/default/old", "spec.teeth")
        self.hub.run("sync", "--app", "gears")
        self.wait_no_drift()

    def test_a_version_that_is_not_offered_is_told(self):
        gone = gear("gone", OLD)
        self.commit({path("gears", gone): m.text(gone)})
        self.wait_status("gears", applied="failed", message="no kind 'Gear.example.com' in v1alpha1")
        self.deliver({path("gears", gone): None})

    def test_status_and_scale_are_left_to_others(self):
        told = gear("told", NEW, status={"phase": "FromGit"})
        self.deliver({path("gears", told): m.text(told)})
        self.assertNotIn("status", self.find("Gear", "told", NEW))
        self.admin.patch("Gear", "told", {"status": {"phase": "Turning"}}, api_version=NEW,
                         subresource="status", manager="controller")
        self.admin.patch("Gear", "told", {"spec": {"replicas": 5}}, api_version=NEW,
                         subresource="scale", manager="scaler", content_type=MERGE)
        row = self.wait_drift("Gear.example.com/default/told", "spec.replicas")
        self.assertEqual((row["actual"], row["manager"]), ("5", "scaler"))
        self.assertEqual(len(self.drift()), 1)
        self.hub.run("sync", "--app", "gears")
        self.wait_no_drift()
        self.assertEqual(self.find("Gear", "told", NEW)["status"], {"phase": "Turning"})

    def test_an_extension_that_is_registered_and_away_keeps_nothing_from_others(self):
        type(self).extension = extension.Extension(self.cluster)
        self.admin.apply(*self.extension.registration())
        one = m.thing(extension.API_VERSION, extension.KIND, "one", spec={"size": 1})
        self.commit(files("extra", one, m.config_map("beside", x="1"), namespace="default"))
        self.wait_status("extra", applied="failed", message="no kind 'Extra.extra.example.com'")
        self.assertTrue(self.find("ConfigMap", "beside"))

    def test_its_kind_is_found_when_it_comes(self):
        self.extension.start()
        self.wait_status("extra", 60, applied="applied")
        self.assertEqual(self.find("Extra", "one", extension.API_VERSION)["spec"], {"size": 1})

    def test_a_server_that_learns_aggregated_discovery_offers_the_same(self):
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.wait_connected(False)
        self.proxy.old_discovery = False
        before = self.asked_by_itself()
        self.agent.start()
        self.wait_connected()
        for name in ("gears", "extra"):
            self.wait_status(name, applied="applied", health="healthy")
        self.assertEqual(self.drift(), {})
        self.assert_written(mark, {})
        self.assertEqual(self.asked_by_itself(), before)


if __name__ == "__main__":
    story.main()
