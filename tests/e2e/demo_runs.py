#!/usr/bin/env python3
"""The demonstration shows what it promises, with and without a terminal, and leaves nothing behind."""
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.terminal import Terminal  # noqa: E402

LONG = 1000  # seconds; a bound for a machine that hangs: it takes 15 s on one that does nothing else
DEMO = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "demo" / "demo.sh"


class DemoRuns(story.Story):

    def setUp(self):
        self.temporary = self.folder / str(len(list(self.folder.iterdir())))  # short: sockets are in it
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
            shown, _ = demo.communicate(timeout=LONG)
        self.assertEqual(demo.returncode, 0, shown)
        self.assertIn("healthy 330 of 330", shown)
        self.assertRegex(shown, "eu-west-01 +checkout .* 4 +9 +kubectl-edit")
        self.assert_second_act(shown)
        self.assertTrue(shown.endswith("Done.\n"))
        self.assert_nothing_is_left()

    def assert_second_act(self, shown):
        """A release is rejected, kept out by a commit, all else lands, and the past tells it."""
        self.assertIn("hold(checkout): 1.4.2 on 3 clusters, which rejected 1.5.0\n", shown)
        self.assertIn("   Holdfast-Proof: same (eu-west-02 eu-west-03 store-007)\n", shown)
        self.assertRegex(shown, r"checkout +in force +1\.5\.0 +1\.4\.2 +3 .* threshold reached 5")
        for what, image, clusters in (("prices in euros", "1.5.0", 47), ("prices in euros", "1.4.2", 3),
                                      ("checkout 1.5.0", "1.4.2", 3)):
            self.assertRegex(shown, rf"release +checkout  .*{what} .*\[checkout:{image}\]  (held: .*  )?on {clusters} ")
        self.assertRegex(shown, r"rejected +checkout  .*threshold reached 5  on 3 clusters")
        self.assertRegex(shown, r"flagger rejected \w{8}: Failed checks threshold reached 5 \(held\)")
        self.assertIn('-    "logLevel": "warn",\n+    "logLevel": "trace",\n', shown)
        self.assertNotIn("/checkout/", shown.partition("git diff desired actual")[2])

    def test_on_a_terminal_it_draws_bars_and_the_fleet_runs_until_ctrl_c(self):
        code = self.folder / "code"  # tmux does not always have it
        command = ["sh", "-c", f"trap : INT; {DEMO}; echo $? > {code}"]
        terminal = Terminal(self.folder, command, width=240, height=200, env={
            "TMPDIR": str(self.temporary), "HOLDFAST_BIN": str(program("holdfast").parent)})
        self.addCleanup(terminal.close)
        shown = terminal.wait_for("The fleet is running.", "Ctrl-C ends it", timeout=LONG, patience=1)
        self.assertRegex(shown, "healthy +█{40} 50 of 50")
        self.assertRegex(shown, "eu-west-01 +checkout .* 4 +9 +kubectl-edit")
        self.assertEqual(len(self.answer_to_what_it_says(shown).splitlines()), 50)
        terminal.keys("C-c")
        wait_for(lambda: terminal.ask("pane_dead") == "1", 60, "the end")
        self.assertEqual(code.read_text(encoding="ascii"), "130\n")
        self.assert_nothing_is_left()

    @staticmethod
    def answer_to_what_it_says(shown):
        """What 'holdfast get clusters' prints in another terminal with the settings that are shown."""
        settings = re.findall(r"^ +(export HOLDFAST_.*)$", shown, re.M)
        script = "\n".join([*settings, f"{program('holdfast')} get clusters -o name"])
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                              check=True).stdout

    def test_agents_that_do_not_start_are_told_at_once(self):
        self.temporary = self.temporary / ("x" * 100)  # too long for the socket of the agents
        self.temporary.mkdir()
        with self.begin() as demo:
            shown, _ = demo.communicate(timeout=LONG)
        self.assertEqual(demo.returncode, 1, shown)
        self.assertIn("demo: the agents did not start", shown)
        self.assertIn("--control: the path is longer", shown)
        self.assert_nothing_is_left()

    def test_being_stopped_it_cleans_up(self):
        with self.begin() as demo:
            wait_for(lambda: any("holdfast-sim" in words for words in self.mentions()),
                     60, "agents")
            os.killpg(demo.pid, signal.SIGTERM)
            shown, _ = demo.communicate(timeout=LONG)
        self.assertEqual(demo.returncode, 130, shown)
        self.assert_nothing_is_left()


if __name__ == "__main__":
    story.main()
