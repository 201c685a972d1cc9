#!/usr/bin/env python3
"""Fuzzes each parser with libFuzzer, from its corpus on, for so many seconds of processor time.

    tests/fuzz.py SECONDS [TARGET]...

An input that breaks a parser is left in build/fuzz/findings; put it into the corpus with the fix.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "fuzz"


def build():
    subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "fuzz", "--", "--quiet"], cwd=ROOT, check=True)


def used_seconds(pid):
    """Processor time of a process, or 0 if it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(argv, seconds, out):
    """Runs a fuzzer until it has used so much time, however busy the machine is; its exit code."""
    child = subprocess.Popen(argv, stdout=out, stderr=out)
    asked = False
    while child.poll() is None:
        if not asked and used_seconds(child.pid) >= seconds:
            child.send_signal(signal.SIGUSR1)  # it ends after this input, with its counts
            asked = True
        time.sleep(0.2)
    return child.returncode


def fuzz(program, seconds):
    """Runs one fuzzer; true if it found nothing."""
    target = program.name.removeprefix("fuzzer.")
    found = BUILD / "findings"
    grown = BUILD / "corpus" / target  # what it learns stays out of the source tree
    for folder in (found, grown):
        folder.mkdir(parents=True, exist_ok=True)
    log = BUILD / f"{target}.log"
    with open(log, "w", encoding="utf-8") as out:
        code = run([program, "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1",
                    f"-artifact_prefix={found}/{target}-", grown,
                    ROOT / "tests" / "fuzz" / "corpus" / target], seconds, out)
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
        known = {path.name.removeprefix("fuzzer."): path for path in programs}
        programs = [known[name] for name in targets if name in known]
    if not programs:
        sys.exit("there is no such fuzz target")
    outcomes = [fuzz(program, seconds) for program in programs]
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    main(int(sys.argv[1]), sys.argv[2:])
