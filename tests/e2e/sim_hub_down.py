#!/usr/bin/env python3
"""While the hub is down agents keep their clusters as Git said, and tell afterwards what happened."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEPT = "ConfigMap/default/kept"
WATCHED = "ConfigMap/default/watched"


class HubDown(SimStory):
    clusters = fleet(5)
    apps = {**files("kept", m.config_map("kept", colour="green"), drift="correct",
                    showValues=["colour"]),
            **files("watched", m.config_map("watched", colour="green"), drift="report",
                    showValues=["colour"])}

    def test_without_a_hub_drift_is_corrected(self):
        type(self).began_ms = time.time() * 1000
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

    def test_what_was_over_before_it_came_back_is_told_with_its_time(self):
        self.wait_event("drift.cleared", cluster="c01", message="data.colour: the agent put it right")
        found, = self.events("drift.found", cluster="c01", key=KEPT)
        cleared, = self.events("drift.cleared", cluster="c01", key=KEPT)
        self.assertLess(found["number"], cleared["number"])
        for event in (found, cleared):
            self.assertTrue(self.began_ms < event["happenedMs"] < event["atMs"], event)
        self.assertLessEqual(found["happenedMs"], cleared["happenedMs"])
        self.assertIn("  happened ", self.hub.run("logs", "--cluster", "c01").stdout)
        self.assertGreaterEqual(self.hub.metrics()["holdfast_journal_entries_total"], 2)
        self.assertEqual(self.hub.metrics()["holdfast_journal_lost_total"], 0)

    def test_it_is_told_once_whoever_is_killed_before_it_is_acknowledged(self):
        self.hub.kill()
        for colour in ("red", "blue", "white"):
            self.sim.ask("drift", "c04", KEPT, "data.colour", colour, "painter")
            self.wait_data("c04", KEPT, {"colour": "green"})
        for _ in range(3):
            self.hub.start_and_wait()
            self.sim.restart("c04")
            self.hub.kill()
        self.hub.start_and_wait()
        wait_for(lambda: len(self.events("drift.cleared", cluster="c04")) == 3, 20, "all of it")
        told = self.events("drift.found", cluster="c04") + self.events("drift.cleared", cluster="c04")
        told.sort(key=lambda event: event["number"])
        self.assertEqual([event["kind"] for event in told], ["drift.found", "drift.cleared"] * 3)
        self.assertEqual([event["message"].split()[-1] for event in told[::2]],
                         ['"red"', '"blue"', '"white"'])

    def test_what_was_pushed_meanwhile_arrives(self):
        self.hub.terminate()
        revision = self.repo.push(files("kept", m.config_map("kept", colour="blue"),
                                        drift="correct", showValues=["colour"]))
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
