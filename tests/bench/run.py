#!/usr/bin/env python3
"""Runs the benches and prints their numbers as JSON, and nothing else, on stdout.

A bench that cannot run on this machine says why ("skipped"). One that fails does so, too ("failed");
the others run, and the exit code is 1.

usage: run.py [--agents N] [--windows N] [NAME...]
names: resolve plan past reads state compression plan_git sim_fleet one_file fleet_10k kube_apps (default: all)
--agents: how many agents fleet_10k has (default: 10000)
--windows: how many windows of two seconds state has (default: 60; an hour: 1800, as quickly as they go)
"""
import argparse
import importlib
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time
import traceback

import bench
from support.kube import CannotRun
from support.process import stop_all

IN_C = ["resolve", "plan", "past", "reads", "state"]
NAMES = [*IN_C, "compression", "plan_git", "sim_fleet", "one_file", "fleet_10k", "kube_apps"]


QUESTION_MS = 100  # each question about the past
ONE_RELEASE_MS, ALL_DIFFERENT_MS = 3000, 30000  # until it is in the state repository
CHANGES_A_SECOND = 100
BYTES_A_CHANGE = 1500  # on disk
COMPRESSED_SHARE = 4.5  # of what the texts of the objects that changed compress to, each by itself, on disk
MONTH_MS, WAIT_MS = 5000, 1000  # until a month has begun, and for who writes to the database meanwhile


def past_aims(result):
    """A question is answered within the aim, at the median."""
    return {name: {**value, "median_ms": bench.aim(value["median_ms"], QUESTION_MS)}
            if isinstance(value, dict) else value for name, value in result.items()}


def state_aims(result):
    """How long it takes, and whether what changes all day long explains what is on disk."""
    for name, most in (("one release", ONE_RELEASE_MS), ("all different", ALL_DIFFERENT_MS)):
        result[name]["ms"] = bench.aim(result[name]["ms"], most)
    for name, most in (("ms", MONTH_MS), ("slowest_write_ms", WAIT_MS)):
        result["month"][name] = bench.aim(result["month"][name], most)
    each = result["bytes_of_windows"] / result["changes"]
    share = result["bytes_of_windows"] / result["compressed_content"]
    return {**result, "bytes for a change": bench.aim(round(each), BYTES_A_CHANGE),
            "share of what changed, compressed": bench.aim(round(share, 2), COMPRESSED_SHARE),
            "an hour of that, MB": round(each * CHANGES_A_SECOND * 3600 / 1e6)}


AIMS = {"past": past_aims, "state": state_aims}


def words_in_c(name, words):
    """What of the command line the program of a bench gets."""
    return ["10000", "20", str(words.windows)] if name == "state" and words.windows else []


def run_in_c(name, words):
    """A bench with a program of its own: no Git, no network."""
    said = bench.run_json(f"bench.{name}", *words_in_c(name, words),
                          timeout=600 + 10 * (words.windows or 0))
    return AIMS.get(name, dict)(said)


def options_of(name, words):
    """What of the command line concerns this bench."""
    return {"agents": words.agents} if name == "fleet_10k" and words.agents else {}


def run(name, words):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    began = time.monotonic()
    try:
        result = run_in_c(name, words) if name in IN_C else importlib.import_module(name).run(
            folder, **options_of(name, words))
    except CannotRun as why:
        result = {"skipped": str(why)}
    except Exception as why:  # whatever it is, the numbers of the others are wanted
        traceback.print_exc()
        result = {"failed": f"{type(why).__name__}: {why}"}
    finally:
        stop_all()
        if not os.environ.get("HOLDFAST_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    return {**result, "took, seconds": round(time.monotonic() - began, 1)}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1])
    parser.add_argument("--agents", type=int)
    parser.add_argument("--windows", type=int)
    parser.add_argument("names", nargs="*")
    words = parser.parse_args()
    names = words.names or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"there is no bench {unknown[0]!r}; there are {', '.join(NAMES)}")
    results = {"machine": {"cpus": os.cpu_count(), "arch": platform.machine(),
                           "kernel": platform.release()}}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = run(name, words)
    print(json.dumps(results, indent=2))
    sys.exit(1 if any("failed" in result for result in results.values()) else 0)


if __name__ == "__main__":
    main()
