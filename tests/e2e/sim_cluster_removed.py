#!/usr/bin/env python3
"""A cluster leaves Git: it is unmanaged, nothing on it is deleted; it comes back as if never gone."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, cluster, files, fleet, pause  # noqa: E402

KEY = "ConfigMap/default/web"


class ClusterRemoved(SimStory):
    clusters = fleet(5)
    apps = files("web", m.config_map("web", number="${number}"), prune=True)

    def test_nothing_on_it_is_deleted(self):
        revision = self.commit({"clusters/c02.yaml": None})
        self.wait_resolved(revision)
        self.deliver(files("web", m.config_map("web", number="${number}", x="1"), prune=True))
        self.assertEqual(self.data("c01", KEY), {"number": "1", "x": "1"})
        self.assertEqual(self.data("c02", KEY), {"number": "2"})
        self.assertEqual(self.sim.state()["removes"], 0)

    def test_the_hub_no_longer_wants_anything_of_it(self):
        wanted = [row["cluster"] for row in self.hub.get("status", "--app", "web")
                  if row["desiredBundle"]]
        self.assertNotIn("c02", wanted)
        self.assertEqual(len(wanted), 4)

    def test_nor_after_a_restart(self):
        self.hub.terminate()
        self.hub.start_and_wait()
        wait_for(lambda: len(self.connected()) >= 4, 20, "the agents", 0.1)
        pause(1)
        self.assertEqual(self.data("c02", KEY), {"number": "2"})
        self.assertEqual(self.sim.state()["removes"], 0)

    def test_one_that_left_while_the_hub_was_down_is_kept_as_well(self):
        self.hub.terminate()
        revision = self.repo.push({"clusters/c03.yaml": None})
        self.hub.start_and_wait()
        self.wait_resolved(revision)
        self.assertNotIn("c03", [row["cluster"] for row in self.hub.get("status", "--app", "web")
                                 if row["desiredBundle"]])
        self.assertEqual(self.data("c03", KEY), {"number": "3", "x": "1"})

    def test_it_comes_back(self):
        self.deliver({**cluster("c02", {"odd": "no"}, number="22"),
                      **cluster("c03", {"odd": "yes"}, number="33")})
        self.wait_data("c02", KEY, {"number": "22", "x": "1"})
        self.wait_data("c03", KEY, {"number": "33", "x": "1"})
        self.wait()


if __name__ == "__main__":
    story.main()
