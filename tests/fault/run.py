#!/usr/bin/env python3
"""Runs a hub and a few agents through random faults, and checks what came of it.

    run.py [--seed N] [--runs N] [--seconds N] [--steps N]

Each run has a seed, which it prints first: the same seed does the same things again, though not in
the same moments. All that happens is written down as it happens (checker.py says how), and judged
afterwards. Runs go on until there were --runs of them, or --seconds are over.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import checker  # noqa: E402
from fleet import Fleet  # noqa: E402
from support import process  # noqa: E402

STEPS = 14


class Run:
    """One run: some steps, each a fault, a change, or both; then quiet."""

    def __init__(self, folder, seed):
        self.random = random.Random(seed)
        self.fleet = Fleet(folder, self.random)

    def steps(self):
        """What may be done, and how often."""
        f = self.fleet
        return [(5, f.commit), (2, f.take_out_or_bring_back), (1, f.commit_nonsense),
                (3, f.change), (1, f.delete), (1, f.create),
                (3, f.kill_hub), (3, f.kill_hub_at_a_write), (3, f.kill_agent), (1, f.kill_sim),
                (1, f.kill_sim_at_a_write), (1, f.stop_hub), (1, f.stop_sim), (4, f.weather),
                (1, f.reset_links), (1, f.refuse_links), (3, f.break_disk), (2, f.move_clock),
                (3, f.git_lies), (2, f.cluster_refuses)]

    def go(self, steps):
        weights, deeds = zip(*self.steps())
        self.fleet.start()
        for _ in range(steps):
            deed = self.random.choices(deeds, weights)[0]
            self.fleet.say(deed.__name__)
            deed()
        self.fleet.come_to_rest()
        self.fleet.stop()


def run(seed, steps):
    """One run with this seed; true if nothing was violated."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-fault-"))
    print(f"seed {seed}: {folder}", flush=True)
    began = time.monotonic()
    one = Run(folder, seed)
    try:
        one.go(steps)
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
    print(f"seed {seed}: {'FAILED' if found else 'nothing lost'} "
          f"in {time.monotonic() - began:.0f} s: {deeds}", flush=True)
    if found or "HOLDFAST_KEEP" in os.environ:
        print(f"kept for a look: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return not found


def main():
    arguments = argparse.ArgumentParser(description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seed", type=int, default=int(os.environ.get("HOLDFAST_SEED", 0)))
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=0)
    arguments.add_argument("--steps", type=int, default=STEPS)
    asked = arguments.parse_args()
    first = asked.seed or int(time.time())
    began = time.monotonic()
    done = 0
    while done < asked.runs or time.monotonic() - began < asked.seconds:
        if not run(first + done, asked.steps):
            sys.exit(1)
        done += 1
    print(json.dumps({"runs": done, "violations": 0}))


if __name__ == "__main__":
    main()
