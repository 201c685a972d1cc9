#!/usr/bin/env python3
"""Calls that change a disk (tests/fault/shim.c) fail, one in each round in which a commit goes through the hub
and through an agent: what was pushed arrives all the same, is told once, and what is on the disks can be read.
$HOLDFAST_EACH=1: each of them; else some. The child that fetches is left alone."""
import os
import pathlib
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.faults import Faults  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, files, fleet  # noqa: E402

WEB = "ConfigMap/default/web"
STEP = int(os.environ.get("HOLDFAST_EACH", "0"))  # 1: each call; else every so many
STEPS = {"sim": STEP or 2, "hub": STEP or 29}
LEAST = {"sim": 5, "hub": 120}  # calls in a round; there are 6 and 150
MOST = 2000


def web(number):
    return files("web", m.config_map("web", version=str(number)))


class NthFailure(SimStory):
    clusters = fleet(1)
    apps = web(1)
    sim_options = ("--reconnect-max", "1s")
    number = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.faults = {}
        for program in (cls.sim, cls.hub):
            program.terminate()
            cls.faults[program.name] = Faults(cls.folder / f"{program.name}.faults")
            cls.faults[program.name].give(program)
        cls.hub.start_and_wait()
        cls.sim.start()
        cls.wait()

    def go_round(self):
        """A commit, until it is in force, told, and in the state repository, too."""
        type(self).number += 1
        writes = self.sim.state()["writes"]
        revision = self.commit(web(self.number))
        wait_for(lambda: self.events("app.applied", cluster="c01", revision=revision), PATIENT, "it to be told", 0.05)
        wait_for(lambda: f'"{self.number}"' in self.state("actual"), PATIENT, "it to be in the state repository", 0.1)
        self.assertEqual(len(self.events("app.applied", cluster="c01", revision=revision)), 1)
        self.assertEqual(self.data("c01", WEB), {"version": str(self.number)})
        self.assertEqual(self.sim.state()["writes"] - writes, 1)

    def state(self, branch):
        """The object as the state repository has it; "" if it cannot be read now."""
        git = ["git", "-C", self.hub.data / "data" / "state.git"]
        found = subprocess.run([*git, "grep", "version", branch], capture_output=True, text=True, check=False)
        return found.stdout

    def sweep(self, program):
        """Has one call after the other fail, until a round needs fewer."""
        faults, failed = self.faults[program.name], 0
        for number in range(1, MOST, STEPS[program.name]):
            faults.set(Faults.FAIL_IN, number)
            self.go_round()
            if faults.get(Faults.FAIL_IN) > 0:
                break
            failed += 1
        faults.end()
        print(f"    {failed} calls failed, the last of them number {number - STEPS[program.name]}", flush=True)
        self.assertGreaterEqual(failed, LEAST[program.name] // STEPS[program.name])

    def test_1_on_an_agents_disk(self):
        self.sweep(self.sim)

    def test_2_on_the_hubs_disk(self):
        self.sweep(self.hub)

    def test_3_what_is_on_the_disks_can_be_read(self):
        before = self.generations()
        self.hub.kill()
        with sqlite3.connect(self.hub.data / "data" / "hub.db") as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        git = ["git", "-C", self.hub.data / "data" / "state.git"]
        self.assertEqual(subprocess.run([*git, "fsck", "--full", "--no-dangling"], capture_output=True, text=True,
                                        check=True).stderr, "")
        self.sim.kill()
        self.hub.start_and_wait()
        self.sim.start()
        self.wait_connected("c01")
        self.assertEqual(self.generations(), before)
        self.go_round()


if __name__ == "__main__":
    story.main()
