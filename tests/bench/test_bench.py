#!/usr/bin/env python3
"""What the benches print, without running any."""
import contextlib
import io
import json
import sys
import types
import unittest
from unittest import mock

import run  # first: bench puts a folder with another run.py before ours
import bench
from support.kube import CannotRun


def cannot(_folder):
    raise CannotRun("no Kubernetes here")


def wrong(_folder):
    raise RuntimeError("of all things")


def printed(**benches):
    """What run.py prints and ends with if these are its benches."""
    modules = {name: types.SimpleNamespace(run=function) for name, function in benches.items()}
    out = io.StringIO()
    with mock.patch.dict(sys.modules, modules), mock.patch.object(run, "NAMES", list(benches)), \
            mock.patch.object(sys, "argv", ["run.py"]), contextlib.redirect_stdout(out), \
            contextlib.redirect_stderr(io.StringIO()):
        try:
            run.main()
        except SystemExit as end:
            return json.loads(out.getvalue()), end.code
    raise AssertionError("it did not say how it ended")


def rollout(resolved, delivered, applied):
    return {"resolved": resolved, "pairs": 2, "delivered": delivered, "applied": applied}


class Bench(unittest.TestCase):

    def test_numbers_are_printed_as_json(self):
        said, code = printed(one=lambda _: {"seconds": 1})
        self.assertEqual((said["one"]["seconds"], code), (1, 0))

    def test_one_that_cannot_run_says_why_and_the_others_run(self):
        said, code = printed(one=cannot, two=lambda _: {"seconds": 2})
        self.assertEqual(said["one"]["skipped"], "no Kubernetes here")
        self.assertEqual((said["two"]["seconds"], code), (2, 0))

    def test_one_that_fails_says_so_and_the_others_run(self):
        said, code = printed(one=wrong, two=lambda _: {"seconds": 2})
        self.assertEqual(said["one"]["failed"], "RuntimeError: of all things")
        self.assertEqual((said["two"]["seconds"], code), (2, 1))

    def test_an_aim_stands_beside_its_number(self):
        self.assertEqual(bench.aim(1.2, 1.15), {"is": 1.2, "aim, at most": 1.15, "met": False})
        self.assertTrue(bench.aim(0, 0)["met"])

    def test_questions_about_the_past_have_an_aim(self):
        said = run.past_aims({"bench": "past", "show": {"median_ms": 101.5, "slowest_ms": 200}})
        self.assertEqual(said["bench"], "past")
        self.assertEqual(said["show"]["median_ms"], {"is": 101.5, "aim, at most": 100, "met": False})
        self.assertEqual(said["show"]["slowest_ms"], 200)

    def test_the_size_of_the_state_repository_is_held_against_what_changed(self):
        said = run.state_aims({"one release": {"ms": 3000}, "all different": {"ms": 30001},
                               "month": {"ms": 5000, "slowest_write_ms": 1001}, "changes": 10000,
                               "bytes_of_windows": 10e6, "content_of_windows": 9e6, "compressed_content": 2e6})
        self.assertTrue(said["one release"]["ms"]["met"])
        self.assertFalse(said["all different"]["ms"]["met"])
        self.assertTrue(said["month"]["ms"]["met"])
        self.assertFalse(said["month"]["slowest_write_ms"]["met"])
        self.assertEqual(said["bytes for a change"], {"is": 1000, "aim, at most": 1500, "met": True})
        self.assertEqual(said["share of what changed, compressed"], {"is": 5.0, "aim, at most": 4.5, "met": False})
        self.assertEqual(said["an hour of that, MB"], 360)

    def test_an_hour_of_changes_can_be_asked_for(self):
        self.assertEqual(run.words_in_c("state", types.SimpleNamespace(windows=1800)), ["10000", "20", "1800"])
        self.assertEqual(run.words_in_c("past", types.SimpleNamespace(windows=1800)), [])

    def test_the_way_of_a_commit_has_stages(self):
        way = bench.Way(began=100)
        for now, answer, ended in ((100.1, rollout(False, 0, 0), False),
                                   (100.5, rollout(True, 1, 0), False),
                                   (101, rollout(True, 2, 1), False),
                                   (103, rollout(True, 2, 2), True)):
            with mock.patch("time.monotonic", return_value=now):
                self.assertEqual(way.look(answer), ended)
        way.detect = 0.125
        self.assertEqual(way.reached, [1, 3])
        self.assertEqual(list(way.stages().values()), [0.125, 0.375, 0.5, 2])


if __name__ == "__main__":
    unittest.main()
