#!/usr/bin/env python3
"""However a test ends, the daemons it started end too, and its Git repositories are its own."""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.process import Process, wait_for  # noqa: E402

# A test that starts a daemon, says its pid, and then hangs.
HANGING_TEST = """
import sys
sys.path.insert(0, {tests!r})
from support.process import Process
daemon = Process("daemon", ["sleep", "600"], {folder!r}).start()
print(daemon.pid, flush=True)
sys.stdin.read()
"""

# A story whose daemon ends as {script} says when it is asked to.
ENDING_STORY = """
import sys
sys.path.insert(0, {tests!r})
from support import story
from support.process import Process
class Ending(story.Story):
    def test_it(self):
        daemon = Process("daemon", ["sh", "-c", {script!r}], self.folder).start()
        daemon.wait_ready(lambda: "up" in daemon.log_text(), 30)
        {ending}
story.main()
"""


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class NothingIsLeftBehind(story.Story):

    def end_by(self, number):
        """Starts a test with a daemon, ends it by a signal, and waits until the daemon is gone."""
        script = HANGING_TEST.format(tests=str(pathlib.Path(story.__file__).parents[1]),
                                     folder=str(self.folder))
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              start_new_session=True) as test:
            daemon = int(test.stdout.readline())
            self.assertFalse(gone(daemon))
            os.kill(test.pid, number)
            wait_for(lambda: gone(daemon), 10, "the daemon to end")

    def test_ctrl_c_takes_the_daemons_along(self):
        self.end_by(signal.SIGINT)

    def test_being_terminated_takes_the_daemons_along(self):
        self.end_by(signal.SIGTERM)

    def test_being_killed_takes_the_daemons_along(self):
        self.end_by(signal.SIGKILL)

    def run_story(self, script, ending="pass"):
        text = ENDING_STORY.format(tests=str(pathlib.Path(story.__file__).parents[1]),
                                   script=script + "; echo up; while :; do sleep 0.01; done",
                                   ending=ending)
        return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True,
                              env={**os.environ, "TMPDIR": str(self.folder)}, check=False)

    def test_a_story_fails_if_a_daemon_does_not_end_well(self):
        for ending in ("pass", "daemon.terminate()",
                       "daemon.terminate(); daemon.start(); daemon.kill()"):
            done = self.run_story("trap 'exit 3' TERM", ending)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("FAILED daemon ended with code 3, not 0", done.stdout)
            self.assertIn("cases: 1 passed, 1 failed, 0 skipped of 1", done.stdout)

    def test_a_story_fails_if_a_daemon_crashed_meanwhile(self):
        done = self.run_story("trap 'kill -SEGV $$' TERM",
                              "daemon.signal(15); daemon.child.wait(); daemon.kill()")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("FAILED daemon ended with code -11, not 0", done.stdout)

    def test_a_story_may_kill_its_daemons_and_end_others_well(self):
        for script, ending in (("trap 'exit 0' TERM", "pass"), ("trap 'exit 3' TERM", "daemon.kill()"),
                               ("trap 'exit 3' TERM", "daemon.signal(15); daemon.exit_code()")):
            done = self.run_story(script, ending)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_daemon_that_ends_early_is_noticed_at_once(self):
        daemon = Process("early", ["sh", "-c", "echo no such option; exit 3"], self.folder,
                         end_code=3).start()
        with self.assertRaisesRegex(RuntimeError, "early ended with code 3"):
            daemon.wait_ready(lambda: False, timeout=30)
        self.assertIn("no such option", daemon.log_text())

    def test_a_daemon_can_be_killed_and_started_again(self):
        daemon = Process("again", ["sleep", "600"], self.folder, end_code=-signal.SIGTERM).start()
        first = daemon.pid
        self.assertEqual(daemon.kill(), -signal.SIGKILL)
        daemon.start()
        self.assertNotEqual(daemon.pid, first)
        self.assertGreater(daemon.rss_kib(), 0)
        self.assertEqual(daemon.terminate(), -signal.SIGTERM)

    def test_a_repository_takes_commits_and_rewrites_them(self):
        repo = GitRepo(self.folder)
        first = repo.push({"apps/web.yaml": "a: 1\n", "README.md": "fleet\n"}, "begin")
        second = repo.push({"apps/web.yaml": None}, "remove")
        self.assertNotEqual(first, second)
        self.assertEqual(self.in_bare(repo, "ls-tree", "-r", "--name-only", "main"), "README.md")
        third = repo.rewrite({"README.md": "another\n"})
        self.assertEqual(self.in_bare(repo, "rev-parse", "main"), third)
        self.assertEqual(self.in_bare(repo, "rev-parse", "main~1"), first)

    def test_a_branch_can_come_and_go(self):
        repo = GitRepo(self.folder, "branches")
        repo.push({"a": "1\n"})
        repo.checkout_branch("next")
        repo.push({"a": "2\n"})
        self.assertEqual(self.in_bare(repo, "branch", "--format=%(refname:short)"), "main\nnext")
        repo.delete_branch("next")
        self.assertEqual(self.in_bare(repo, "branch", "--format=%(refname:short)"), "main")

    def in_bare(self, repo, *words):
        return subprocess.run(["git", "-C", str(repo.bare), *words], capture_output=True,
                              text=True, check=True).stdout.strip()


if __name__ == "__main__":
    story.main()
