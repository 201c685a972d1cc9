#!/usr/bin/env python3
"""Machines without a clock, and with a wrong one: agents in 1970 and two years ahead enroll, run what
Git says, and are let in again; a hub that was a day ahead and is put right keeps its fleet, and each
agent got a new certificate twice."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.faults import set_clock  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, cluster, files  # noqa: E402

WEB = "ConfigMap/default/web"
DAY_MS = 86400 * 1000
AHEAD = {"early": -int(time.time() * 1000) + 60000, "late": 2 * 365 * DAY_MS}


def web(number):
    return files("web", m.config_map("web", version=number))


class Clocks(SimStory):
    clusters = {**cluster("early"), **cluster("late"), **cluster("right")}
    apps = web("1")
    begins = None
    hub_options = ("--certificate-life", "1h")
    sim_options = ("--reconnect-max", "1s")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sims = {"right": cls.sim}
        for name, ahead_ms in AHEAD.items():
            cls.sims[name] = cls.make_sim(name, name=name)
            set_clock(cls.sims[name], ahead_ms)
            cls.sims[name].start()

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("right" if name == "sim" else name, name=name)

    def wait_web(self, number):
        for name, sim in self.sims.items():
            wait_for(lambda sim=sim, name=name: (sim.object(name, WEB) or {}).get("data") ==
                     {"version": number}, SOON, f"version {number} on {name}", 0.1)

    def test_1_they_enroll_and_run_what_git_says(self):
        self.wait_connected(*self.sims)
        self.wait_web("1")
        self.commit(web("2"))
        self.wait_web("2")
        for name in AHEAD:
            self.wait_event("agent.clock_wrong", cluster=name)

    def test_2_started_again_they_are_let_in(self):
        for name, sim in self.sims.items():
            sim.restart(name)
        self.wait_connected(*self.sims)
        self.commit(web("3"))
        self.wait_web("3")

    def test_3_what_is_on_their_disks_stays_good(self):
        self.hub.terminate()
        for name, sim in self.sims.items():
            sim.restart(name)
            self.assertEqual(sim.object(name, WEB)["data"], {"version": "3"})
            self.assertNotIn("agent.manifest_refused", sim.log_text())

    def test_4_a_hub_that_was_ahead_and_is_put_right_keeps_its_fleet(self):
        set_clock(self.hub, DAY_MS)
        self.hub.start_and_wait()
        self.wait_connected(*self.sims)
        self.hub.terminate()
        set_clock(self.hub, 0)
        self.hub.start_and_wait()
        self.wait_connected(*self.sims)
        self.commit(web("4"))
        self.wait_web("4")
        for name in self.sims:
            self.assertGreaterEqual(len(self.events("agent.expired_renewed", cluster=name)), 2)


if __name__ == "__main__":
    story.main()
