#!/usr/bin/env python3
"""Commits, changes by hand, agents that come and go, and readers, round after round: hub and agents hold no more
descriptors and threads afterwards than after the first of them, and in a long run no more memory."""
import collections
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, files, fleet  # noqa: E402

WEB = "ConfigMap/default/web"
FIRST = 4  # rounds, until all is open that stays open
ROUNDS = 8
SECONDS = int(os.environ.get("HOLDFAST_SECONDS", "0"))  # of a long run
WARM = 3  # parts of ten of a long run, after which memory is compared
HUB_MIB_AN_HOUR, SIM_MIB_AN_HOUR = 1.0, 0.5  # of one agent 0.1


def web(number):
    return files("web", m.config_map("web", version=str(number), colour="green"), drift="correct")


class LongRun(SimStory):
    clusters = fleet(5)
    apps = web(0)
    sim_options = ("--reconnect-max", "1s")
    number = 0

    def go_round(self):
        type(self).number += 1
        name = f"c{self.number % 5 + 1:02}"
        self.deliver(web(self.number))
        self.sim.ask("drift", name, WEB, "data.colour", "red", "painter")
        self.wait_event("drift.cleared", cluster=name)
        self.sim.restart(name)
        for what in ("clusters", "status", "events", "drift", "problems", "writes"):
            self.hub.get(what)
        self.hub.run("log")
        self.wait_connected(*(f"c{i + 1:02}" for i in range(5)))

    @staticmethod
    def held(program):
        """What a program has open, by its kind, and its threads."""
        found = collections.Counter()
        for entry in pathlib.Path(f"/proc/{program.pid}/fd").iterdir():
            try:
                found[re.sub(r"\d+|[0-9a-f]{40}", "N", os.readlink(entry))] += 1
            except FileNotFoundError:
                pass
        found["threads"] = len(list(pathlib.Path(f"/proc/{program.pid}/task").iterdir()))
        return found


if __name__ == "__main__":
    story.main()
