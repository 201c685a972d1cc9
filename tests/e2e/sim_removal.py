#!/usr/bin/env python3
"""What leaves Git: objects are pruned, an App that loses a target leaves them, and the hub says so."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, cluster, files, fleet, without  # noqa: E402

EVEN = [{"clusterSelector": {"matchLabels": {"odd": "no"}}}]
ODD = [{"clusterSelector": {"matchLabels": {"odd": "yes"}}}]
PRUNED = files("pruned", m.config_map("pruned", x="1"), m.config_map("second", x="1"), prune=True)


class Removal(SimStory):
    clusters = fleet(6)
    apps = {**PRUNED, **files("orphaned", m.config_map("orphaned", x="1"), prune=True),
            **files("stays", m.config_map("stays", x="1"))}

    def gone(self, key):
        return all(self.data(name, key) is None for name in self.generations())

    def test_an_object_that_leaves_an_app_is_removed(self):
        self.deliver({"apps/pruned/configmap-second.yaml": None})
        wait_for(lambda: self.gone("ConfigMap/default/second"), 20, "the object to go")
        self.assertFalse(self.gone("ConfigMap/default/pruned"))

    def test_an_app_that_leaves_git_goes_with_what_it_owns(self):
        revision = self.commit(without({name: text for name, text in PRUNED.items()
                                        if "second" not in name}))
        wait_for(lambda: self.gone("ConfigMap/default/pruned"), 20, "the objects to go")
        wait_for(lambda: len(self.events("app.removed", app="pruned")) == 6, 20, "the events", 0.1)
        self.assertEqual({(row["revision"], row["message"])
                          for row in self.events("app.removed", app="pruned")},
                         {(revision, "removed 1 object")})
        self.assertEqual([row["name"] for row in self.rows("apps")], ["orphaned", "stays"])
        self.assertNotIn("pruned", [row["app"] for row in self.hub.get("status")])

    def test_tombstones_do_not_stay(self):
        self.deliver(files("stays", m.config_map("stays", x="2")))
        removes = self.sim.state()["removes"]
        self.deliver(files("stays", m.config_map("stays", x="3")))
        self.assertEqual(self.sim.state()["removes"], removes)
        self.assertEqual(len(self.events("app.removed", app="pruned")), 6)

    def test_an_app_that_loses_a_target_leaves_its_objects_and_the_hub_says_so(self):
        revision = self.commit(files("orphaned", m.config_map("orphaned", x="1"), prune=True,
                                     targets=EVEN))
        wait_for(lambda: len(self.events("app.removed", app="orphaned")) == 3, 20, "it", 0.1)
        self.assertEqual({row["cluster"] for row in self.events("app.removed", app="orphaned")},
                         {"c01", "c03", "c05"})
        self.assertEqual({(row["revision"], row["message"])
                          for row in self.events("app.removed", app="orphaned")},
                         {(revision, "left 1 object there")})
        self.assertTrue(all(row["message"] for row in self.events("app.applied")))
        self.assertEqual(self.data("c01", "ConfigMap/default/orphaned"), {"x": "1"})
        self.assertIsNone(self.status("orphaned", "c01"))
        self.assertEqual(self.status("orphaned", "c02")["applied"], "applied")

    def test_what_was_left_is_taken_back_when_the_target_returns(self):
        self.deliver(files("orphaned", m.config_map("orphaned", x="2"), prune=True))
        self.assertEqual(self.data("c01", "ConfigMap/default/orphaned"), {"x": "2"})
        self.assertEqual(self.status("orphaned", "c01")["applied"], "applied")

    def test_where_a_lost_target_shall_prune_it_does(self):
        self.commit(files("orphaned", m.config_map("orphaned", x="2"), prune=True, targets=EVEN,
                          onTargetLoss="prune"))
        for name in ("c01", "c03", "c05"):
            wait_for(lambda n=name: self.data(n, "ConfigMap/default/orphaned") is None, 20,
                     "it to go")
        self.assertEqual(self.data("c02", "ConfigMap/default/orphaned"), {"x": "2"})

    def test_a_cluster_that_loses_a_label_hands_over_to_the_app_that_claims_it_now(self):
        self.deliver({
            **files("evens", m.config_map("shared", x="1"), prune=True, onTargetLoss="prune",
                    targets=EVEN),
            **files("odds", m.config_map("shared", x="1"), targets=ODD)})
        removes = self.sim.state()["removes"]
        self.deliver(cluster("c02", {"odd": "yes"}, number="2"))
        wait_for(lambda: self.status("evens", "c02") is None, 20, "the App to leave", 0.1)
        self.assertEqual(self.status("odds", "c02")["applied"], "applied")
        self.assertEqual(self.data("c02", "ConfigMap/default/shared"), {"x": "1"})
        wait_for(lambda: self.data("c02", "ConfigMap/default/orphaned") is None, 20, "it to go")
        self.assertEqual(self.sim.state()["removes"], removes + 1, "only that one was removed")


if __name__ == "__main__":
    story.main()
