#!/usr/bin/env python3
"""Builds everything, runs every test and says how it went.

The release build runs all suites; the ASan+UBSan and TSan builds run those that execute our code
in small pieces. These two are built, and clang-tidy runs, in the time that the tests leave. The last
line is "N passed, N failed, N skipped", after a list of what was skipped and why. Cases are counted
where a program says how many it ran (cmocka, the stories). With CI=true what was skipped counts as
failed: CI is meant to run it all.

    tests/run.py [release|dev|tsan]...      only these builds
"""
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILDS = {
    "release": [],
    "dev": ["-L", "^(unit|integration|fuzz)$"],
    "tsan": ["-L", "^(unit|integration|fuzz)$"],
}
TESTS_PER_PROCESSOR = 2  # most of them wait
SLOW_SECONDS = 10
TIDY_SKIPPED = 77
OUTPUT_LINES = 80
# What programs of tests, cmocka, unittest and sanitizers write of a failure.
TELLS = re.compile(r"^FAILED|^\[  FAILED|error: Failure|Error: |^  File .*/tests/|SUMMARY: |ERROR: \w+Sanitizer"
                   r"|^\[  ERROR")
TOLD_LINES = 20
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
}


class Totals:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []  # (name, reason, cases)
        self.failures = []

    def add(self, name, passed, failed, skipped, reason):
        self.passed += passed
        self.failed += failed
        if failed:
            self.failures.append(name)
        if skipped:
            self.skipped.append((name, reason, skipped))

    def fail(self, name):
        self.add(name, 0, 1, 0, "")

    def print(self):
        if self.skipped:
            print("\nskipped:")
        for name, reason, count in self.skipped:
            print(f"  {name}" + (f" ({count} cases)" if count > 1 else "") + f": {reason}")
        if self.failures:
            print("\nfailed:")
        for name in self.failures:
            print(f"  {name}")
        skipped = sum(count for _, _, count in self.skipped)
        print(f"\n{self.passed} passed, {self.failed} failed, {skipped} skipped", flush=True)


def say(text):
    print(text, flush=True)


def run_logged(name, argv, run=subprocess.run):
    """Runs a build step with its output in a file; shows the end of it only if it fails."""
    log = ROOT / "build" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        code = run(argv, cwd=ROOT, stdout=out, stderr=out).returncode
    say(f"{name}: {'done' if code == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s")
    if code != 0:
        print_end(log.read_text(encoding="utf-8", errors="replace"))
    return code == 0


def print_end(text):
    """The end of an output; of what is cut off, the lines that say what failed."""
    lines = text.rstrip().splitlines()
    before = lines[:-OUTPUT_LINES]
    told = [(at, line) for at, line in enumerate(before) if TELLS.search(line)][:TOLD_LINES]
    for at, line in told:
        say(f"    line {at + 1}: {line[:400]}")
    if before:
        say(f"    ... {len(before)} lines before")
    for line in lines[-OUTPUT_LINES:]:
        say(f"    {line[:400]}")


class Beside:
    """Runs one thing after the other in the time that the tests leave, for many of them wait."""

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.lock = threading.Lock()
        self.process = None
        self.stopped = False

    def submit(self, function, *args):
        return self.pool.submit(function, *args)

    def run(self, argv, **options):
        """As subprocess.run; what is started after stop() fails."""
        with self.lock:
            if self.stopped:
                return subprocess.CompletedProcess(argv, 1)
            self.process = subprocess.Popen(["nice", "-n", "19", *argv], start_new_session=True, **options)
            give_way(self.process.pid)
        return subprocess.CompletedProcess(argv, self.process.wait())

    def stop(self):
        """Ends what still runs, and all that it runs, and begins nothing more."""
        with self.lock:
            self.stopped = True
            if self.process is not None and self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGTERM)
        self.pool.shutdown(cancel_futures=True)


def give_way(pid):
    """Linux may share the processors out by session first, and ask its processes only then."""
    try:
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("19", encoding="ascii")
    except OSError:
        pass  # it does not here


def tidy(built, run):
    """Runs clang-tidy on the release build once that is there; its exit code and what it said."""
    if not built.result():
        return None
    started = time.monotonic()
    log = ROOT / "build" / "tidy.log"
    with open(log, "w", encoding="utf-8") as out:
        code = run([sys.executable, "-B", str(ROOT / "tests/lint/tidy.py"), str(ROOT),
                    str(ROOT / "build" / "release")], stdout=out, stderr=out).returncode
    outcome = {0: "Passed", TIDY_SKIPPED: "skipped"}.get(code, "Failed")
    say(f"lint.tidy: {outcome} in {time.monotonic() - started:.0f} s")
    return code, log.read_text(encoding="utf-8", errors="replace")


def count_tidy(code, output, totals):
    if code == 0:
        totals.add("lint.tidy", 1, 0, 0, "")
    elif code == TIDY_SKIPPED and os.environ.get("CI") != "true":
        totals.add("lint.tidy", 0, 0, 1, skip_reason(output))
    else:
        print_end(output)
        totals.fail("lint.tidy")


def build(preset, run):
    return (run_logged(f"configure-{preset}", ["cmake", "--preset", preset, "-DHOLDFAST_TESTS=ON"], run)
            and run_logged(f"build-{preset}",
                           ["cmake", "--build", "--preset", preset, "--", "--quiet"], run))


def without_randomised_addresses():
    """TSan of gcc 12 needs a memory layout that newer kernels do not always give."""
    setarch = ["setarch", os.uname().machine, "-R"]
    try:
        works = subprocess.run([*setarch, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    return setarch if works else []


def run_tests(preset, filters, totals):
    report = ROOT / "build" / f"tests-{preset}.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(ROOT / "build" / preset), "--output-junit", str(report),
               "--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000",
               "--no-tests=error", "-j", str(TESTS_PER_PROCESSOR * os.cpu_count()), "-LE", "^(bench|tidy)$", *filters]
    if preset == "tsan":
        command = without_randomised_addresses() + command
    started = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**os.environ, **SANITIZERS}) as ctest:
        output = []
        outcomes = {}
        for line in ctest.stdout:
            output.append(line)
            outcomes.update(show_progress(line))
    clear_progress()
    if not report.exists():
        say(f"{preset}: ctest did not run the tests")
        print_end("".join(output))
        totals.fail(f"{preset}: ctest")
        return
    before = (totals.passed, totals.failed)
    for entry in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        count(preset, entry, outcomes, totals)
    say(f"{preset}: {totals.passed - before[0]} passed, {totals.failed - before[1]} failed "
        f"in {time.monotonic() - started:.0f} s")


def show_progress(line):
    """Shows a finished test: a moving line on a terminal, else only if it was slow.

    Returns {name: outcome}, or {} if the line tells of no finished test.
    """
    found = re.match(r"\s*(\d+/\d+) Test\s+#\d+: (\S+) [ .*]*(.*?)\s+([\d.]+) sec", line)
    if not found:
        return {}
    place, name, outcome, seconds = found.groups()
    if sys.stdout.isatty():
        print(f"\r\033[K  {place} {name} {outcome}", end="", flush=True)
    elif float(seconds) >= SLOW_SECONDS:
        say(f"  {place} {name} {outcome} in {seconds} s")
    return {name: outcome}


def clear_progress():
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def count(preset, entry, outcomes, totals):
    """Adds one ctest entry to the totals, and shows its output if it failed."""
    name = f"{preset}: {entry.get('name')}"
    output = entry.findtext("system-out") or ""
    passed, failed, skipped = cases(output)
    reason = skip_reason(output)
    in_ci = os.environ.get("CI") == "true"
    if entry.get("status") == "run" and skipped and in_ci:
        say(f"SKIPPED in {name}: {reason}; CI is meant to run it")
        totals.add(name, passed, skipped, 0, "")
    elif entry.get("status") == "run":
        totals.add(name, max(passed, 0 if skipped else 1), 0, skipped, reason)
    elif was_skipped(entry):
        say(f"SKIPPED {name}: {reason}")
        if in_ci:
            say("  CI is meant to run this")
            print_end(output)
            totals.add(name, 0, 1, 0, "")
        else:
            totals.add(name, passed, 0, max(skipped, 1), reason)
    else:
        say(f"FAILED {name}: {outcomes.get(entry.get('name'), entry.get('status'))}")
        print_end(output)
        totals.add(name, passed, max(failed, 1), skipped, reason)


def was_skipped(entry):
    """Whether the test itself said so; ctest calls a missing program skipped, too."""
    found = entry.find("skipped")
    return found is not None and "SKIP" in (found.get("message") or "")


def cases(output):
    """Passed, failed and skipped cases that a program says it ran; zeros if it does not say."""
    story = re.search(r"^cases: (\d+) passed, (\d+) failed, (\d+) skipped", output, re.M)
    if story:
        return tuple(map(int, story.groups()))
    return tuple(sum(map(int, re.findall(rf"^\[  {word} +\] (\d+) test\(s\)", output, re.M)))
                 for word in ("PASSED", "FAILED", "SKIPPED"))


def skip_reason(output):
    reasons = re.findall(r"^skipped\b.*?: (.+)$", output, re.M)
    return reasons[-1].strip() if reasons else "the test gave no reason"


def run_all(presets, totals):
    """Beside the tests of a build the next ones are made; then clang-tidy runs."""
    beside = Beside()
    try:
        ready = {preset: beside.submit(build, preset, beside.run if others else subprocess.run)
                 for others, preset in enumerate(presets)}
        tidied = beside.submit(tidy, ready["release"], beside.run) if "release" in ready else None
        for preset in presets:
            if not ready[preset].result():
                totals.fail(f"{preset}: build")
                continue
            if preset == "release":
                # Before the clock of a test runs; a machine that cannot do it skips the stories.
                run_logged("test-kubernetes", [sys.executable, "tests/kube/build.py"])
            run_tests(preset, BUILDS[preset], totals)
        if tidied is not None and tidied.result() is not None:
            count_tidy(*tidied.result(), totals)
    finally:
        beside.stop()


def main(wanted):
    unknown = [name for name in wanted if name not in BUILDS]
    if unknown:
        sys.exit(f"there is no build '{unknown[0]}': use {', '.join(BUILDS)}")
    totals = Totals()
    run_all(wanted or BUILDS, totals)
    totals.print()
    sys.exit(1 if totals.failed or not totals.passed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
