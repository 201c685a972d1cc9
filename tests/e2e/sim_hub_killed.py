#!/usr/bin/env python3
"""The hub is killed with -9 in the middle of a rollout, several times, and comes back: all arrives."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet, pause  # noqa: E402

APPS = ("one", "two", "three")


def version(number):
    made = {}
    for name in APPS:
        made |= files(name, *(m.config_map(f"{name}-{i}", version=number) for i in range(5)))
    return made


class HubKilled(SimStory):
    clusters = fleet(25)
    apps = version("0")
    poll = "1s"
    sim_options = ("--latency", "20ms", "--reconnect-max", "3s")

    def kill_after(self, seconds, number):
        """Pushes and kills the hub some moments later. Returns the commit."""
        revision = self.repo.push(version(number), f"version {number}")
        self.hub.run("sync")
        pause(seconds)
        self.hub.kill()
        return revision

    def disconnected(self, why):
        return self.events("agent.disconnected", message=why)

    def test_killed_at_any_moment_it_brings_what_was_pushed(self):
        for number, seconds in enumerate((0.0, 0.05, 0.15, 0.3, 0.6), start=1):
            revision = self.kill_after(seconds, str(number))
            self.hub.start_and_wait()
            wait_for(lambda r=revision: r in [row["id"] for row in self.hub.get("revisions")],
                     30, "the commit", 0.1)
            self.wait(revision)
            for cluster in ("c01", "c13", "c25"):
                self.assertEqual(self.data(cluster, "ConfigMap/default/two-3"),
                                 {"version": str(number)})

    def test_each_agent_was_disconnected_before_it_connected_again(self):
        self.wait_connected(*(row["name"] for row in self.rows("clusters")))
        for name in ("c01", "c25"):
            kinds = [row["kind"] for row in self.hub.get("events", "--cluster", name, "--limit",
                                                         "5000")[::-1]
                     if row["kind"] in ("agent.connected", "agent.disconnected")]
            self.assertGreaterEqual(len(kinds), 3)
            self.assertEqual(set(kinds[::2]), {"agent.connected"})
            self.assertEqual(set(kinds[1::2]), {"agent.disconnected"})

    def test_nobody_holds_what_the_hub_does_not_know(self):
        self.assertNotIn("agent.ahead", self.hub.log_text())
        wait_for(lambda: all(row["connected"] for row in self.rows("clusters")), SOON,
                 "every agent to be back", 0.1)
        for row in self.rows("clusters"):
            self.assertEqual((row["generation"], row["connected"]), (row["agentGeneration"], True))
        self.assertEqual(self.rows("problems"), [])

    def test_reports_that_were_not_on_record_are_not_lost(self):
        self.sim.ask("drift", "c07", "ConfigMap/default/one-1", "data.version", "x", "kubectl-edit")
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_drift(("c07", "ConfigMap/default/one-1", "data.version"))

    def test_it_ends_in_order_when_asked(self):
        self.wait_connected(*self.generations())
        killed = len(self.disconnected("the hub ended without saying so"))
        self.assertEqual(self.hub.terminate(), 0)
        self.assertIn("hub.stopped", self.hub.log_text())
        self.hub.start_and_wait()
        self.assertEqual(len(self.disconnected("the hub ended without saying so")), killed)
        self.assertEqual({row["cluster"] for row in self.disconnected("the hub was stopped")},
                         set(self.generations()))


if __name__ == "__main__":
    story.main()
