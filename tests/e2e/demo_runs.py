#!/usr/bin/env python3
"""The demonstration shows what it promises without a terminal, and leaves nothing behind."""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402

DEMO = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "demo" / "demo.sh"


class DemoRuns(story.Story):

    def setUp(self):
        self.temporary = self.folder / self.id().rpartition(".")[2]
        self.temporary.mkdir()

    def begin(self):
        return subprocess.Popen([DEMO], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                env={**os.environ, "TMPDIR": str(self.temporary),
                                     "HOLDFAST_BIN": str(program("holdfast").parent)})

    def mentions(self):
        """Command lines of processes that have our folder in them."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(self.temporary) in words:
                found.append(words)
        return found

    def assert_nothing_is_left(self):
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertEqual(self.mentions(), [])

    def test_without_a_terminal_it_ends_by_itself(self):
        with self.begin() as demo:
            shown, _ = demo.communicate(timeout=150)
        self.assertEqual(demo.returncode, 0, shown)
        self.assertIn("healthy 330 of 330", shown)
        self.assertRegex(shown, "eu-west-01 +checkout .* 4 +9 +kubectl-edit")
        self.assertTrue(shown.endswith("Done.\n"))
        self.assert_nothing_is_left()

    def test_being_stopped_it_cleans_up(self):
        with self.begin() as demo:
            wait_for(lambda: any("holdfast-sim" in words for words in self.mentions()),
                     60, "agents")
            os.killpg(demo.pid, signal.SIGTERM)
            shown, _ = demo.communicate(timeout=60)
        self.assertEqual(demo.returncode, 130, shown)
        self.assert_nothing_is_left()


if __name__ == "__main__":
    story.main()
