#!/usr/bin/env python3
"""Commits, changes by hand, agents that come and go, and readers, round after round: hub and agents hold no more
descriptors and threads afterwards than after the first of them, and in a long run no more memory."""
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, files, fleet  # noqa: E402

WEB = "ConfigMap/default/web"
ALL = ("c01", "c02", "c03")
FIRST, ROUNDS = 2, 4  # until all is open that stays open, and after that
SECONDS = int(os.environ.get("HOLDFAST_SECONDS", "0"))  # or for so long
PACKS_MAX = 24  # of the state repository, HUB_STATE_PACKS_MAX; and one while they are merged
READERS_MAX = 24  # of the database: at most 16 wait for the next who asks, and a few have their own
PAGES_KIB = 16 * 1024  # of the database that the hub keeps in memory, at most
KIB_AN_HOUR = {"hub": 1024, "sim": 100 * len(ALL)}


def web(number):
    return files("web", m.config_map("web", version=str(number), colour="green"), drift="correct")


class LongRun(SimStory):
    clusters = fleet(len(ALL))
    apps = web(0)
    sim_options = ("--reconnect-max", "1s")
    number = 0

    def go_round(self):
        type(self).number += 1
        name = ALL[self.number % len(ALL)]
        self.deliver(web(self.number))
        self.sim.ask("drift", name, WEB, "data.colour", "red", "painter")
        wait_for(lambda: self.data(name, WEB)["colour"] == "green", PATIENT, "it to be put right")
        self.sim.restart(name)
        self.read()
        self.wait_connected(*ALL)

    def read(self):
        for what in ("clusters", "status", "events", "drift", "problems", "writes"):
            self.hub.get(what)

    def read_at_once(self):
        """So that whoever answers has been asked."""
        threads = [threading.Thread(target=self.read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def wait_held(self, before):
        """Until both hold what they held, but for packs and readers of the database, of which there may be so many."""
        def is_so():
            for program in (self.hub, self.sim):
                now = program.held()
                assert now.pop("pack", 0) <= PACKS_MAX + 1, f"{program.name} has more packs open"
                for name in [name for name in now if "/hub.db" in name]:
                    assert now.pop(name) <= READERS_MAX, f"{program.name} has opened {name} more often"
                more = now - before[program.name]
                assert not more, f"{program.name} holds more: {dict(more)}"
            return True
        wait_for(is_so, PATIENT, "all to be given back", 0.2)

    def test_nothing_is_held_longer_than_it_is_needed(self):
        for _ in range(FIRST):
            self.go_round()
        self.read_at_once()
        before = {program.name: program.held() for program in (self.hub, self.sim)}
        began, warm = time.monotonic(), None
        until = self.number + ROUNDS
        while self.number < until or time.monotonic() - began < SECONDS:
            self.go_round()
            if warm is None and time.monotonic() - began > SECONDS / 3:
                warm = (time.monotonic(), {p.name: p.rss_kib() for p in (self.hub, self.sim)})
        self.read_at_once()
        self.wait_held(before)
        hours = (time.monotonic() - warm[0]) / 3600
        for program in (self.hub, self.sim):
            more = program.rss_kib() - warm[1][program.name]
            print(f"{program.name}: {more} KiB more resident after {self.number} rounds, {hours:.2f} hours")
            if SECONDS:
                self.assertLess(more, PAGES_KIB + KIB_AN_HOUR[program.name] * hours)


if __name__ == "__main__":
    story.main()
