#!/usr/bin/env python3
"""An agent is killed in the middle of applying: the next one goes on where it was."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet, pause  # noqa: E402

OBJECTS = 20


def version(number):
    return files("web", *(m.config_map(f"web-{i:02}", version=number) for i in range(OBJECTS)))


class AgentKilled(SimStory):
    clusters = fleet(5)
    apps = version("1")
    sim_options = ("--latency", "50ms")

    def versions(self, name):
        return [self.data(name, f"ConfigMap/default/web-{i:02}")["version"]
                for i in range(OBJECTS)]

    def test_one_that_is_killed_while_it_applies_finishes_later(self):
        for number, seconds in (("2", 0.1), ("3", 0.3), ("4", 0.6)):
            revision = self.commit(version(number))
            self.wait_resolved(revision)
            pause(seconds)
            self.sim.restart("c02")
            self.wait(revision)
            self.assertEqual(self.versions("c02"), [number] * OBJECTS)

    def test_all_of_them_die_at_once(self):
        revision = self.commit(version("5"))
        self.wait_resolved(revision)
        self.sim.kill()
        self.sim.start()
        self.wait(revision)
        for name in self.generations():
            self.assertEqual(set(self.versions(name)), {"5"})

    def test_the_hub_tells_who_was_away(self):
        self.assertTrue(self.events("agent.disconnected", cluster="c02"))
        self.assertEqual(self.connected(), set(self.generations()))

    def test_a_new_manifest_overtakes_one_that_is_being_applied(self):
        self.commit(version("6"))
        pause(0.2)
        self.deliver(version("7"))
        self.assertEqual(set(self.versions("c04")), {"7"})

    def test_a_cluster_that_does_not_answer_holds_up_nobody_else(self):
        self.sim.ask("unreachable", "c03", "on")
        revision = self.commit(version("8"))
        wait_for(lambda: all(set(self.versions(name)) == {"8"}
                             for name in ("c01", "c02", "c04", "c05")), 40, "the others")
        self.sim.ask("unreachable", "c03", "off")
        self.wait(revision)
        self.assertEqual(set(self.versions("c03")), {"8"})


if __name__ == "__main__":
    story.main()
