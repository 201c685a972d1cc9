#!/usr/bin/env python3
"""What is suspended is left alone, App or cluster, and catches up when it goes on."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, cluster, files, fleet, pause  # noqa: E402

WEB = "ConfigMap/default/web"
DB = "ConfigMap/default/db"


class Suspend(SimStory):
    clusters = fleet(5)
    apps = {**files("web", m.config_map("web", x="1"), drift="correct"),
            **files("db", m.config_map("db", x="1"), drift="correct")}

    def test_a_suspended_app_is_left_alone_everywhere(self):
        self.commit(files("web", m.config_map("web", x="2"), drift="correct", suspend=True))
        self.wait_status("web", "c01", applied="suspended")
        self.sim.ask("drift", "c01", WEB, "data.x", "nine", "kubectl-edit")
        pause(1)
        self.assertEqual(self.data("c01", WEB), {"x": "nine"})
        self.assertEqual(self.data("c02", WEB), {"x": "1"})

    def test_others_go_on(self):
        revision = self.commit(files("db", m.config_map("db", x="2"), drift="correct"))
        self.wait_resolved(revision)
        self.wait(revision)
        self.assertEqual(self.data("c01", DB), {"x": "2"})

    def test_it_catches_up(self):
        self.deliver(files("web", m.config_map("web", x="3"), drift="correct"))
        for name in self.generations():
            self.wait_data(name, WEB, {"x": "3"})

    def test_a_suspended_cluster_is_left_alone(self):
        revision = self.commit({**cluster("c03", {"odd": "yes"}, suspend=True, number="3"),
                                **files("web", m.config_map("web", x="4"), drift="correct")})
        self.wait_resolved(revision)
        self.wait_data("c02", WEB, {"x": "4"})
        self.wait_status("web", "c03", applied="suspended")
        self.assertEqual(self.data("c03", WEB), {"x": "3"})
        self.assertTrue([row for row in self.rows("clusters") if row["suspend"]])

    def test_it_catches_up_as_well(self):
        self.deliver(cluster("c03", {"odd": "yes"}, number="3"))
        self.wait_data("c03", WEB, {"x": "4"})
        wait_for(lambda: self.status("web", "c03")["applied"] == "applied", 20, "it", 0.1)


if __name__ == "__main__":
    story.main()
