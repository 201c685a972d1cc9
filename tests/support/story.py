"""What every story under tests/e2e starts from: a folder, daemons that end, logs on failure.

A story file ends with `story.main()`. It exits with 77 and a line "skipped: REASON" where it
cannot run, which ctest counts as skipped.
"""
import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

from support import process
from support.kube import CannotRun, KubeCluster

SKIPPED = 77


class Story(unittest.TestCase):
    """The tests of one class share a folder and, if it sets `kube = {...}`, a Kubernetes.

    kube holds the arguments of KubeCluster. The tests run in the order they are written in.
    """

    kube = None
    cluster = None
    folder = None
    folders = []  # of all stories of this process

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-e2e-"))
        Story.folders.append(cls.folder)
        if cls.kube is not None:
            cls.cluster = KubeCluster(cls.folder, **cls.kube).start()


class Loader(unittest.TestLoader):
    """Keeps the tests of a class in the order of the file: a story has a beginning and an end."""

    def getTestCaseNames(self, testCaseClass):
        return [name for name in vars(testCaseClass) if name.startswith("test_")]


class Result(unittest.TestResult):
    """Says in a line what became of each test, and shows the logs when one fails."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self._say("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say("skipped", test, f": {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test, self.failures[-1][1])

    def addError(self, test, err):
        if issubclass(err[0], CannotRun):
            self.skipped.append((test, str(err[1])))
            self._say("skipped", test, f": {err[1]}")
            return
        super().addError(test, err)
        self._failed(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, (self.failures + self.errors)[-1][1])

    def _failed(self, test, trace):
        self._say("FAILED", test)
        print(trace, flush=True)
        process.print_logs(sys.stdout)
        # What comes after a failure in a story has lost its ground.
        self.stop()

    def _say(self, outcome, test, more=""):
        name = getattr(test, "_testMethodName", "") or str(test).split(" ", maxsplit=1)[0]
        seconds = time.monotonic() - self.started if self.started else 0
        print(f"{outcome} {name.removeprefix('test_').replace('_', ' ')} ({seconds:.1f} s){more}",
              flush=True)


def main():
    """Runs the stories of the calling file."""
    result = Result()
    suite = Loader().loadTestsFromModule(sys.modules["__main__"])
    asked = suite.countTestCases()
    try:
        suite.run(result)
    finally:
        process.stop_all()
    for end in process.wrong_ends():
        print(f"FAILED {end}", flush=True)
    failed = len(result.failures) + len(result.errors) + len(process.wrong_ends())
    print(f"cases: {result.passed} passed, {failed} failed, {len(result.skipped)} skipped "
          f"of {asked}", flush=True)
    _tidy(keep=failed > 0 or "HOLDFAST_KEEP" in os.environ)
    if failed:
        sys.exit(1)
    if result.passed == 0:
        reason = result.skipped[0][1] if result.skipped else "there is no test in this file"
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)


def _tidy(keep):
    for folder in Story.folders:
        if keep:
            print(f"kept for a look: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
