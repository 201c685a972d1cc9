#!/usr/bin/env python3
"""Runs a hub and a few agents through random faults, and checks what came of it.

    run.py [--seed N] [--runs N] [--seconds N] [--kills N] [--steps N] [--longest-stop N]
           [--namespaces | --kube]

Each run has a seed, which it prints first: the same seed does the same things again, though not in
the same moments. All that happens is written down as it happens (checker.py says how), and judged
afterwards. Runs go on until there were --runs of them, or --seconds are over. Some stop a program,
for so many seconds at most (--longest-stop). With --kills the only
faults are kill -9 of the hub, of agents and of all of them, at random, in the middle of writes and while
keys change, and runs go on until there were so many. With --namespaces most faults are of the network, and the
agents are behind a router in namespaces, which needs the right to make some: without it nothing is
run. With --kube the fleet is one agent on a real Kubernetes, whose API server answers 429,
500, 410 and nothing, and is killed.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import checker  # noqa: E402
from fleet import LONGEST_STOP, Fleet  # noqa: E402
from kube import KubeFleet  # noqa: E402
from network import Namespaces, Proxied  # noqa: E402
from support import process  # noqa: E402
from support.kube import CannotRun  # noqa: E402

STEPS = 14


class Run:
    """One run: some steps, each a fault, a change, or both; then quiet."""

    def __init__(self, folder, seed, network, asked):
        self.random = random.Random(seed)
        self.fleet = (KubeFleet if asked.kube else Fleet)(folder, self.random, network)
        self.fleet.longest_stop = asked.longest_stop
        self.kills_only = asked.kills > 0

    def changes(self):
        """What people may do, and how often."""
        f = self.fleet
        return [(5, f.commit), (2, f.take_out_or_bring_back), (3, f.change), (1, f.delete),
                (1, f.create), (1, f.move_app), (3, f.flip_label), (2, f.set_options),
                (2, f.hand_over), (6, f.take_out_what_is_precious), (2, f.make_anew),
                (2, f.remove_much)]

    def faults(self):
        """What may go wrong, and how often."""
        f = self.fleet
        if isinstance(f, KubeFleet):
            return [(12, f.api_trouble), (1, f.kill_api), (2, f.stop_api), (2, f.kill_hub),
                    (3, f.kill_sim), (2, f.kill_sim_at_a_write), (2, f.weather)]
        if isinstance(f.network, Namespaces):
            return [(12, f.weather), (3, f.reset_links), (3, f.refuse_links),
                    (3, f.change_while_away), (2, f.kill_hub),
                    (2, f.kill_agent), (1, f.stop_hub)]
        if self.kills_only:
            return [(8, f.kill_hub), (12, f.kill_hub_at_a_write), (16, f.kill_agent),
                    (2, f.kill_sim), (6, f.kill_sim_at_a_write), (2, f.kill_both),
                    (6, f.change_while_away), (2, f.renew_certificates), (2, f.rotate_issuer),
                    (2, f.revoke), (2, f.back_up), (2, f.restore_backup), (1, f.rotate_root)]
        return [(1, f.commit_nonsense),
                (3, f.kill_hub), (3, f.kill_hub_at_a_write), (3, f.kill_agent), (1, f.kill_sim),
                (1, f.kill_sim_at_a_write), (1, f.stop_hub), (1, f.stop_sim), (4, f.weather),
                (1, f.reset_links), (1, f.refuse_links), (3, f.change_while_away),
                (3, f.break_disk), (2, f.move_clock),
                (3, f.git_lies), (2, f.cluster_refuses),
                (2, f.renew_certificates), (1, f.rotate_issuer), (2, f.revoke), (2, f.back_up),
                (2, f.restore_backup), (1, f.rotate_root)]

    def go(self, steps):
        weights, deeds = zip(*self.changes(), *self.faults())
        self.fleet.start()
        for number in range(steps):
            deed = self.random.choices(deeds, weights)[0]
            if number == steps - 1 and not isinstance(self.fleet, KubeFleet):
                deed = self.fleet.kill_both  # each run has one
            self.fleet.say(deed.__name__)
            deed()
        self.fleet.come_to_rest()
        self.fleet.stop()


def run(seed, network, asked):
    """One run with this seed; how many were killed, or None if something was violated."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-fault-"))
    print(f"seed {seed}: {folder}", flush=True)
    began = time.monotonic()
    one = Run(folder, seed, network, asked)
    try:
        one.go(asked.steps)
    except CannotRun as why:
        print(f"skipped: {why}")
        sys.exit(77)
    except BaseException:
        process.print_logs(sys.stdout)
        print(f"seed {seed} failed; kept for a look: {folder}", flush=True)
        raise
    finally:
        process.stop_all()
    found = checker.Checker().check(checker.read(one.fleet.history))
    found += [("I1", words) for words in process.wrong_ends()]
    for invariant, words in found:
        print(f"{invariant}: {words}")
    deeds = " ".join(entry["words"] for entry in checker.read(one.fleet.history)
                     if entry["what"] == "fault")
    print(f"seed {seed}: {'FAILED' if found else 'nothing lost'} in "
          f"{time.monotonic() - began:.0f} s, {one.fleet.kills} killed: {deeds}", flush=True)
    if found or "HOLDFAST_KEEP" in os.environ:
        print(f"kept for a look: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return None if found else one.fleet.kills


def choose_network(namespaces):
    if namespaces:
        try:
            return Namespaces()
        except (OSError, subprocess.CalledProcessError) as why:
            print(f"skipped: no network namespaces can be made here ({why})")
            sys.exit(77)
    return Proxied()


def main():
    arguments = argparse.ArgumentParser(description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seed", type=int, default=int(os.environ.get("HOLDFAST_SEED", 0)))
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=0)
    arguments.add_argument("--kills", type=int, default=0)
    arguments.add_argument("--steps", type=int, default=STEPS)
    arguments.add_argument("--longest-stop", type=float, default=LONGEST_STOP)
    where = arguments.add_mutually_exclusive_group()
    where.add_argument("--namespaces", action="store_true")
    where.add_argument("--kube", action="store_true")
    asked = arguments.parse_args()
    first = asked.seed or int(time.time())
    began = time.monotonic()
    network = choose_network(asked.namespaces)
    done = kills = 0
    while (done < asked.runs or time.monotonic() - began < asked.seconds or kills < asked.kills):
        killed = run(first + done, network, asked)
        if killed is None:
            sys.exit(1)
        done += 1
        kills += killed
    print(json.dumps({"runs": done, "kills": kills, "violations": 0}))


if __name__ == "__main__":
    main()
