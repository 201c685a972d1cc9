#!/usr/bin/env python3
"""While the hub is down agents keep their clusters as Git said, and tell afterwards what happened."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEPT = "ConfigMap/default/kept"
WATCHED = "ConfigMap/default/watched"


class HubDown(SimStory):
    clusters = fleet(5)
    apps = {**files("kept", m.config_map("kept", colour="green"), drift="correct"),
            **files("watched", m.config_map("watched", colour="green"), drift="report")}

    def test_without_a_hub_drift_is_corrected(self):
        self.hub.terminate()
        self.sim.ask("drift", "c01", KEPT, "data.colour", "red", "kubectl-edit")
        self.wait_data("c01", KEPT, {"colour": "green"})

    def test_agents_that_start_meanwhile_know_what_to_do(self):
        self.sim.ask("kill", "c02")
        self.sim.ask("delete", "c02", KEPT)
        wait_for(lambda: self.sim.ask("start", "c02"), 10, "the agent to be gone")
        self.wait_data("c02", KEPT, {"colour": "green"})

    def test_what_drifted_meanwhile_is_told_when_the_hub_is_back(self):
        self.sim.ask("drift", "c03", WATCHED, "data.colour", "red", "night-shift")
        self.hub.start_and_wait()
        self.wait_connected(*self.generations())
        self.wait_drift(("c03", WATCHED, "data.colour"))
        self.assertEqual(self.drift()["c03", WATCHED, "data.colour"]["manager"], "night-shift")
        self.wait_event("drift.found", cluster="c03", actor="night-shift")

    def test_what_was_pushed_meanwhile_arrives(self):
        self.hub.terminate()
        revision = self.repo.push(files("kept", m.config_map("kept", colour="blue"),
                                        drift="correct"))
        self.hub.start_and_wait()
        wait_for(lambda: revision in [row["id"] for row in self.rows("revisions")], 20, "it", 0.1)
        self.wait(revision)
        self.assertEqual(self.data("c05", KEPT), {"colour": "blue"})

    def test_a_restart_sends_nothing_that_is_there_already(self):
        before = self.generations()
        writes = self.sim.state()["writes"]
        self.hub.terminate()
        self.hub.start_and_wait()
        self.wait_connected(*before)
        self.assertEqual(self.generations(), before)
        self.assertEqual(self.sim.state()["writes"], writes)


if __name__ == "__main__":
    story.main()
