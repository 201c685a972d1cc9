#!/usr/bin/env python3
"""Clusters gain and lose Apps by their labels: an object that another App claims is handed over
without a moment of absence, what is left behind is nobody's from then on, and a Cluster that leaves
Git becomes unmanaged.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

PART_OF = "applyset.kubernetes.io/part-of"
SHARED = m.config_map("shared", x="1")
LEFT = m.config_map("left", x="1")
MARKED = m.config_map("marked", x="1")
MARKED["metadata"]["annotations"] = {"holdfast.dev/prune": "disabled"}


def tiers(*names):
    return [{"clusterSelector": {"matchLabels": {"tier": name}}} for name in names]


def cluster(**labels):
    item = m.cluster(CLUSTER)
    item["metadata"]["labels"] = labels
    return {"clusters/real.yaml": m.text(item)}


class Targets(KubeStory):

    def deletes(self, since):
        return {key: count for key, count in self.written(since).items() if key[0] == "delete"}

    def uid(self, name):
        return self.find("ConfigMap", name)["metadata"]["uid"]

    def labels(self, name):
        return self.find("ConfigMap", name)["metadata"].get("labels", {})

    def wait_unmanaged(self, *names):
        for name in names:
            self.cluster.wait_for(lambda n=name: PART_OF not in self.labels(n), what=name)
            self.assertNotIn("holdfast.dev/app", self.labels(name))

    def wait_resolved(self, revision):
        self.cluster.wait_for(lambda: revision in [row["id"] for row in self.hub.get("revisions")],
                              what="the commit to be resolved")

    def wait_removed_event(self, app, count):
        self.cluster.wait_for(lambda: len([row for row in self.events("app.removed")
                                           if row["app"] == app]) == count, what="the event")

    def test_a_cluster_has_what_its_label_asks_for(self):
        self.deliver({
            **cluster(tier="blue"),
            **files("blue", SHARED, m.config_map("blue", x="1"), namespace="default",
                    onTargetLoss="prune", targets=tiers("blue")),
            **files("green", SHARED, namespace="default", targets=tiers("green", "both")),
            **files("leaves", LEFT, m.config_map("stays", x="1"), namespace="default",
                    targets=tiers("blue", "both"))})
        self.assertEqual(self.labels("shared")["holdfast.dev/app"], "blue")

    def test_a_lost_label_hands_over_to_the_app_that_claims_the_object_now(self):
        uid = self.uid("shared")
        mark = self.cluster.audit_mark()
        self.deliver(cluster(tier="both"))
        self.wait_gone("ConfigMap", "blue")
        self.assertEqual(self.uid("shared"), uid)
        self.assertEqual(self.labels("shared")["holdfast.dev/app"], "green")
        self.assertEqual(self.deletes(mark), {("delete", "configmaps"): 1})
        self.wait_removed_event("blue", 1)

    def test_what_an_app_leaves_behind_is_nobodys(self):
        uids = {name: self.uid(name) for name in ("left", "stays")}
        self.commit(cluster(tier="green"))
        self.wait_removed_event("leaves", 1)
        self.wait_unmanaged("left", "stays")
        self.assertEqual({name: self.uid(name) for name in uids}, uids)
        self.assertEqual(self.events("app.removed")[-1]["message"], "left 2 objects there")
        fields = [entry for entry in self.find("ConfigMap", "left")["metadata"]["managedFields"]
                  if entry["manager"] == "holdfast"]
        self.assertIn("f:data", fields[0]["fieldsV1"], "what it set is still known to be its")

    def test_it_stays_though_the_app_comes_back_without_it_after_the_disk_was_lost(self):
        uids = {name: self.uid(name) for name in ("left", "stays")}
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.agent.lose_disk()
        revision = self.commit({**cluster(tier="both"), path("leaves", LEFT): None})
        self.agent.start()
        self.wait_until(revision)
        self.assertEqual({name: self.uid(name) for name in uids}, uids)
        self.assertEqual(self.deletes(mark), {})
        self.assertIn(PART_OF, self.labels("stays"))
        self.assertNotIn(PART_OF, self.labels("left"))

    def test_so_does_what_an_annotation_kept_when_its_app_left_git(self):
        self.deliver(files("kept", MARKED, m.config_map("unmarked", x="1"), namespace="default"))
        self.repo.git("rm", "-r", "--quiet", "apps/kept")
        self.commit({})
        self.wait_gone("ConfigMap", "unmarked")
        self.wait_unmanaged("marked")

    def test_what_is_left_while_the_agent_is_killed_is_left_all_the_same(self):
        self.deliver({**cluster(tier="both"), path("leaves", LEFT): m.text(LEFT)})
        uid = self.uid("left")
        self.cluster.pause_api()
        revision = self.commit(cluster(tier="green"))
        self.wait_resolved(revision)
        self.agent.kill()
        self.cluster.resume_api()
        self.agent.start()
        self.wait_unmanaged("left", "stays")
        self.assertEqual(self.uid("left"), uid)

    def test_a_cluster_that_leaves_git_becomes_unmanaged(self):
        uid = self.uid("shared")
        mark = self.cluster.audit_mark()
        revision = self.commit({"clusters/real.yaml": None,
                                **files("green", m.config_map("shared", x="2"),
                                        namespace="default", targets=tiers("green", "both"))})
        self.wait_resolved(revision)
        self.agent.terminate()
        self.agent.start()
        self.wait_connected()
        self.assertEqual(self.uid("shared"), uid)
        self.assertEqual(self.find("ConfigMap", "shared")["data"], {"x": "1"})
        self.assertEqual(self.deletes(mark), {})

    def test_it_comes_back_as_if_it_had_never_been_away(self):
        uid = self.uid("shared")
        self.deliver(cluster(tier="green"))
        self.assertEqual(self.uid("shared"), uid)
        self.assertEqual(self.find("ConfigMap", "shared")["data"], {"x": "2"})


if __name__ == "__main__":
    story.main()
