#!/usr/bin/env python3
"""Fuzzes each parser for some seconds with libFuzzer, starting from its corpus.

    tests/fuzz.py SECONDS [TARGET]...

An input that breaks a parser is left in build/fuzz/findings; put it into the corpus with the fix.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "fuzz"


def build():
    subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "fuzz", "--", "--quiet"], cwd=ROOT, check=True)


def fuzz(program, seconds):
    """Runs one fuzzer; true if it found nothing."""
    target = program.name.removeprefix("fuzzer.")
    found = BUILD / "findings"
    grown = BUILD / "corpus" / target  # what it learns stays out of the source tree
    for folder in (found, grown):
        folder.mkdir(parents=True, exist_ok=True)
    log = BUILD / f"{target}.log"
    with open(log, "w", encoding="utf-8") as out:
        code = subprocess.run(
            [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
             "-print_final_stats=1", f"-artifact_prefix={found}/{target}-", grown,
             ROOT / "tests" / "fuzz" / "corpus" / target],
            stdout=out, stderr=out, check=False).returncode
    text = log.read_text(encoding="utf-8", errors="replace")
    runs = next((line.split()[-1] for line in text.splitlines() if "number_of_executed" in line), 0)
    print(f"{target}: {runs} inputs, {'nothing found' if code == 0 else 'FAILED'}", flush=True)
    if code != 0:
        print("\n".join(text.splitlines()[-40:]))
    return code == 0


def main(seconds, targets):
    build()
    programs = sorted(path for path in BUILD.rglob("fuzzer.*") if os.access(path, os.X_OK)
                      and path.is_file())
    if targets:
        programs = [path for path in programs if path.name.removeprefix("fuzzer.") in targets]
    if not programs:
        sys.exit("there is no such fuzz target")
    outcomes = [fuzz(program, seconds) for program in programs]
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    main(int(sys.argv[1]), sys.argv[2:])
