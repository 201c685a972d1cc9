#!/usr/bin/env python3
"""Agents whose certificates end while they have no hub keep their clusters as Git said, from disk; within the
budget they come back without a person, beyond it once one approves, and tell all that happened, once."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.faults import Faults  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, files, fleet  # noqa: E402

KEPT = "ConfigMap/default/kept"
HOUR_MS = 3600 * 1000
LIFE, BUDGET = "1h", "24h"
WITHIN_MS, BEYOND_MS = 3 * HOUR_MS, 33 * HOUR_MS  # ahead of the start; 30 hours after the one before


class ExpiredAway(SimStory):
    clusters = fleet(3)
    apps = files("kept", m.config_map("kept", colour="green"), drift="correct", showValues=["colour"])
    hub_options = ("--certificate-life", LIFE, "--offline-renewal", BUDGET)
    sim_options = ("--reconnect-max", "1s")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clock = Faults(cls.folder / "faults")  # one for all, which agents have from their next start on
        for program in (cls.sim, cls.hub):
            program.terminate()
            cls.clock.give(program)
            program.start()
        cls.wait_for_all(cls.names())

    @classmethod
    def names(cls):
        return ("c01", "c02", "c03")

    @classmethod
    def wait_for_all(cls, names):
        def are_there():
            try:
                return set(names) <= {row["cluster"] for row in cls.hub.get("agents") if row["connected"]}
            except (AssertionError, OSError):
                return False
        wait_for(are_there, PATIENT, f"{names} to be connected", 0.1)

    def lose_hub(self):
        self.hub.kill()
        wait_for(lambda: self.sim.state()["connected"] == 0, PATIENT, "nobody to be connected")

    def pass_time(self, ahead_ms):
        """Returns when that was, by the clock that has moved."""
        self.clock.set(Faults.CLOCK_MS, ahead_ms)
        return time.time() * 1000 + ahead_ms

    def change(self, cluster, colour):
        """Somebody changes it, the agent puts it right, and both are in its journal."""
        before = self.noted(cluster)
        self.sim.ask("drift", cluster, KEPT, "data.colour", colour, "painter")
        self.wait_data(cluster, KEPT, {"colour": "green"})
        wait_for(lambda: self.noted(cluster) >= before + 2, PATIENT, "it to be in the journal")

    def noted(self, cluster):
        """How often an entry of the journal names it: as a field that another one follows."""
        return (self.sim.data / cluster / "log").read_bytes().count(KEPT.encode() + b"\x1a")

    def keys(self):
        return {row["cluster"]: row["key"] for row in self.hub.get("agents")}

    def told(self, cluster):
        """What was told of a cluster, oldest first: (kind, colour, when it happened)."""
        rows = self.events("drift.found", cluster=cluster) + self.events("drift.cleared", cluster=cluster)
        rows.sort(key=lambda row: row["number"])
        return [(row["kind"], row["message"].split()[-1].strip('"'), row["happenedMs"]) for row in rows]

    def wait_told(self, cluster, *colours):
        """Waits until as much was told; returns when each of them was found."""
        wait_for(lambda: len(self.told(cluster)) >= 2 * len(colours), PATIENT, f"all of {cluster}", 0.1)
        told = self.told(cluster)
        self.assertEqual([kind for kind, _, _ in told], ["drift.found", "drift.cleared"] * len(colours))
        self.assertEqual([colour for _, colour, _ in told[::2]], list(colours))
        times = [happened for _, _, happened in told]
        self.assertEqual(times, sorted(times))
        self.assertEqual(self.hub.metrics()["holdfast_journal_lost_total"], 0)
        return times[::2]

    def test_1_within_the_budget_they_come_back_by_themselves_and_tell_all_of_it(self):
        keys = self.keys()
        self.lose_hub()
        self.change("c01", "red")
        passed_ms = self.pass_time(WITHIN_MS)
        self.change("c01", "blue")
        self.sim.restart("c01")
        self.change("c01", "white")
        self.hub.start()
        self.wait_for_all(self.names())
        for name in self.names():
            self.wait_event("agent.expired_renewed", cluster=name)
        self.assertEqual((self.keys(), self.events("agent.held"), self.events("agent.approved")), (keys, [], []))
        red, blue, white = self.wait_told("c01", "red", "blue", "white")
        self.assertLess(red, passed_ms - HOUR_MS)
        self.assertLess(passed_ms - 1, blue)
        self.assertLess(blue, white)

    def test_2_beyond_it_they_wait_for_a_person_and_work_on(self):
        self.lose_hub()
        self.change("c02", "red")
        type(self).passed_ms = self.pass_time(BEYOND_MS)
        self.sim.restart("c02")
        self.change("c02", "blue")
        self.hub.start()
        self.hub.wait_ready(lambda: self.is_held(), PATIENT, "everybody to be held")
        self.change("c02", "white")
        self.assertEqual((self.connected(), self.told("c02")), (set(), []))

    def is_held(self):
        try:
            return all(row["held"] for row in self.hub.get("agents"))
        except (AssertionError, OSError):
            return False

    def approve(self, *names):
        for name in names:
            self.hub.run("approve", name)
            self.sim.restart(name)  # which would come again within a minute
        self.wait_for_all(names)

    def test_3_approved_they_tell_all_of_it_and_others_wait_on(self):
        self.approve("c02")
        red, blue, white = self.wait_told("c02", "red", "blue", "white")
        self.assertLess(red, self.passed_ms - HOUR_MS)
        self.assertLess(self.passed_ms - 1, blue)
        self.assertLess(blue, white)
        self.assertEqual(self.connected(), {"c02"})
        self.approve("c01", "c03")
        self.deliver(files("kept", m.config_map("kept", colour="black"), drift="correct", showValues=["colour"]))
        self.assertEqual([self.data(name, KEPT) for name in self.names()], [{"colour": "black"}] * 3)
        self.assertEqual(len(self.told("c01")), 6)


if __name__ == "__main__":
    story.main()
