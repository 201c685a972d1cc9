#!/usr/bin/env python3
"""What `make test` says and ends with: shown with a real ctest on tests that end in every way."""
import contextlib
import io
import os
import pathlib
import signal
import tempfile
import threading
import time
import unittest
from unittest import mock

import run

HANGS_SECONDS = 250  # less than the test may take

TESTS = r"""
add_test(silent sh -c "true")
add_test(cmocka sh -c "printf '[  PASSED  ] 3 test(s).\\n[  SKIPPED ] 0 test(s).\\n'")
add_test(story sh -c "echo 'cases: 4 passed, 0 failed, 0 skipped of 4'")
add_test(part sh -c "echo 'skipped x: no half'; echo 'cases: 2 passed, 0 failed, 1 skipped of 3'")
add_test(each sh -c "echo 'skipped each: no case'; printf '[  SKIPPED ] 2 test(s)\\n'")
add_test(whole sh -c "echo 'skipped: no whole'; exit 77")
add_test(fails sh -c "printf '[  PASSED  ] 1 test(s).\\n[  FAILED  ] 2 test(s).\\n'; exit 1")
add_test(crashes sh -c "echo cases: 5 passed, 0 failed, 0 skipped of 5; kill -SEGV $$")
add_test(long sh -c "echo 'FAILED the first'; seq 100; exit 1")
add_test(hangs sleep 60)
add_test(is_not_there "/nowhere/program")
add_test(bench false)
set_tests_properties(whole PROPERTIES SKIP_RETURN_CODE 77)
set_tests_properties(hangs PROPERTIES TIMEOUT 1)
set_tests_properties(bench PROPERTIES LABELS bench)
"""


def run_all(tests, in_ci, presets=("release",), tidy=None):
    """Runs main() with these tests as the release build, and with this program as tidy.py if one is
    given; returns the exit code and what it said. Other builds fail.
    """
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = pathlib.Path(folder)
        (root / "build" / "release").mkdir(parents=True)
        (root / "build" / "release" / "CTestTestfile.cmake").write_text(tests, encoding="utf-8")
        if tidy is None:
            stack.enter_context(mock.patch.object(run, "tidy", lambda *_: None))
        else:
            (root / "tests" / "lint").mkdir(parents=True)
            (root / "tests" / "lint" / "tidy.py").write_text(tidy, encoding="utf-8")
        stack.enter_context(mock.patch.multiple(run, ROOT=root, build=lambda preset, _: preset == "release",
                                                run_logged=lambda *_: True))
        stack.enter_context(mock.patch.dict(os.environ, {"CI": "true" if in_ci else ""}))
        stack.enter_context(contextlib.redirect_stdout(said))
        try:
            run.main(presets)
        except SystemExit as end:
            return end.code, said.getvalue().splitlines()
    raise AssertionError("it did not say how it ended")


def only(*names):
    """The lines of TESTS that are about these."""
    return "\n".join(line for line in TESTS.splitlines()
                     if line.partition("(")[2].partition(" ")[0] in names)


class Run(unittest.TestCase):

    def test_of_a_long_output_the_end_is_shown_and_what_failed(self):
        _, lines = run_all(only("long"), in_ci=False)
        self.assertIn("    line 1: FAILED the first", lines)
        self.assertIn("    100", lines)
        self.assertNotIn("    3", lines)

    def test_cases_are_counted_where_a_test_says_how_many_it_has(self):
        code, said = run_all(only("silent", "cmocka", "story"), in_ci=True)
        self.assertEqual((code, said[-1]), (0, "8 passed, 0 failed, 0 skipped"))

    def test_what_fails_crashes_hangs_or_is_not_there_fails_the_run(self):
        names = ("fails", "crashes", "hangs", "is_not_there")
        code, said = run_all(only("silent", *names), in_ci=False)
        self.assertEqual((code, said[-1]), (1, "7 passed, 5 failed, 0 skipped"))
        for name in names:
            self.assertIn(f"  release: {name}", said)
            self.assertEqual(run_all(only("silent", name), in_ci=False)[0], 1, name)

    def test_what_is_skipped_is_counted_and_says_why(self):
        code, said = run_all(only("part", "each", "whole"), in_ci=False)
        self.assertEqual((code, said[-1]), (0, "2 passed, 0 failed, 4 skipped"))
        self.assertIn("  release: part: no half", said)
        self.assertIn("  release: each (2 cases): no case", said)
        self.assertIn("  release: whole: no whole", said)

    def test_in_ci_what_is_skipped_has_failed(self):
        for name, last in (("part", "3 passed, 1 failed, 0 skipped"),
                           ("each", "1 passed, 2 failed, 0 skipped"),
                           ("whole", "1 passed, 1 failed, 0 skipped")):
            code, said = run_all(only("silent", name), in_ci=True)
            self.assertEqual((code, said[-1]), (1, last))
            self.assertIn(f"  release: {name}", said)
            self.assertTrue(any("CI is meant to run" in line for line in said), said)

    def test_a_run_in_which_nothing_ran_has_failed(self):
        self.assertEqual(run_all(only("whole"), in_ci=False)[0], 1)
        self.assertEqual(run_all("", in_ci=False)[0], 1)

    def test_benches_are_no_tests(self):
        code, said = run_all(only("silent", "bench"), in_ci=True)
        self.assertEqual((code, said[-1]), (0, "1 passed, 0 failed, 0 skipped"))

    def test_a_build_that_fails_fails_the_run(self):
        code, said = run_all(only("silent"), in_ci=False, presets=("release", "dev"))
        self.assertEqual((code, said[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("  dev: build", said)

    def test_what_clang_tidy_finds_fails_the_run(self):
        code, said = run_all(only("silent"), in_ci=True, tidy="print('tidy: 1 files ok')")
        self.assertEqual((code, said[-1]), (0, "2 passed, 0 failed, 0 skipped"))
        code, said = run_all(only("silent"), in_ci=True, tidy="exit('a.c:1:1: error: wrong')")
        self.assertEqual((code, said[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("    a.c:1:1: error: wrong", said)

    def test_without_clang_tidy_a_run_passes_only_outside_ci(self):
        absent = "print('skipped: there is none'); exit(77)"
        code, said = run_all(only("silent"), in_ci=False, tidy=absent)
        self.assertEqual((code, said[-1]), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("  lint.tidy: there is none", said)
        self.assertEqual(run_all(only("silent"), in_ci=True, tidy=absent)[0], 1)

    def test_beside_the_tests_of_a_build_the_next_one_is_made(self):
        dev_begins, tests_run = threading.Event(), threading.Event()

        def build(preset, _):
            if preset == "release":
                return True
            dev_begins.set()
            return tests_run.wait(HANGS_SECONDS / 2)

        def run_tests(preset, _, totals):
            if dev_begins.wait(HANGS_SECONDS / 2):
                totals.add(preset, 1, 0, 0, "")
            tests_run.set()

        totals = run.Totals()
        with mock.patch.multiple(run, build=build, run_tests=run_tests, tidy=lambda *_: None,
                                 run_logged=lambda *_: True):
            run.run_all(["release", "dev"], totals)
        self.assertEqual((totals.passed, totals.failed), (2, 0))


class Beside(unittest.TestCase):

    def setUp(self):
        self.beside = run.Beside()
        self.addCleanup(self.beside.stop)
        self.ends = self.beside.submit(self.beside.run, ["sleep", str(HANGS_SECONDS)])
        while self.process() is None:
            time.sleep(0.01)

    def process(self):
        with self.beside.lock:
            return self.beside.process

    def test_what_runs_beside_the_tests_gives_way_to_them(self):
        pid = self.process().pid
        group = pathlib.Path(f"/proc/{pid}/autogroup")
        if group.exists():
            self.assertTrue(group.read_text(encoding="ascii").endswith(" nice 19\n"))
        while os.getpriority(os.PRIO_PROCESS, pid) != 19:
            self.assertFalse(self.ends.done())
            time.sleep(0.01)

    def test_what_runs_beside_the_tests_is_ended_with_them_and_nothing_more_begins(self):
        self.beside.stop()
        self.assertEqual(self.ends.result().returncode, -signal.SIGTERM)
        self.assertNotEqual(self.beside.run(["true"]).returncode, 0)


if __name__ == "__main__":
    unittest.main()
