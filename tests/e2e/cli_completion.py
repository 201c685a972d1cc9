#!/usr/bin/env python3
"""Completion in real shells: words are typed into bash, zsh and fish, Tab is pressed."""
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.process import TimedOut, wait_for  # noqa: E402
from support.terminal import Terminal, need_tmux  # noqa: E402

FLEET = """\
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata: {name: paris, labels: {env: production}}
---
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata: {name: rome, labels: {env: staging}}
"""

GROUP = """\
apiVersion: holdfast/v1alpha1
kind: ClusterGroup
metadata: {name: live}
spec: {clusterSelector: {matchLabels: {env: production}}}
"""

APP = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: checkout}
spec:
  namespace: default
  targets:
  - clusterSelector: {}
"""

REPOSITORIES = """\
repositories:
- name: fleet
  url: URL
  branch: main
  pollInterval: 0s
"""

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             ["bind 'set bell-style none'", "source <(holdfast completion bash)"]),
    "zsh": (["zsh", "-f", "-i"],
            ["autoload -U compinit; compinit -D -u", "source <(holdfast completion zsh)"]),
    "fish": (["fish", "--no-config", "-i"], ["holdfast completion fish | source"]),
}

# What is typed, and what the line is after Tab.
LINES = [
    ("holdfast descr", "holdfast describe "),
    ("holdfast get clus", "holdfast get clusters "),
    ("holdfast get cluster par", "holdfast get cluster paris "),
    ("holdfast describe group li", "holdfast describe group live "),
    ("holdfast get status --app che", "holdfast get status --app checkout "),
    ("holdfast get status --app=che", "holdfast get status --app=checkout"),
    ("holdfast get events --reposi", "holdfast get events --repository "),
    ("holdfast enroll paris ro", "holdfast enroll paris rome "),
    ("holdfast get apps -o ya", "holdfast get apps -o yaml "),
    ("holdfast get apps --sort-by heal", "holdfast get apps --sort-by healthy "),
    ("holdfast logs --kind sync.res", "holdfast logs --kind sync.resolved "),
    ("holdfast diff app che", "holdfast diff app checkout "),
    ("holdfast token cre", "holdfast token create "),
    ("holdfast validate my-", "holdfast validate my-fleet"),
]


class Completion(story.Story):

    @classmethod
    def setUpClass(cls):
        need_tmux()
        super().setUpClass()
        repo = GitRepo(cls.folder)
        repo.push({"clusters/all.yaml": FLEET, "groups/all.yaml": GROUP,
                   "apps/checkout/app.yaml": APP})
        cls.hub = Hub(cls.folder, repositories=REPOSITORIES.replace("URL", repo.url)).start_and_wait()
        wait_for(lambda: cls.hub.run("get", "apps", "-o", "name").stdout, 20, "a commit")
        cls.env = {"HOLDFAST_SERVER": cls.hub.api_url, "HOLDFAST_CA_FILE": str(cls.hub.ca_file),
                   "HOLDFAST_TOKEN_FILE": str(cls.hub.token_file), "HOME": str(cls.folder),
                   "PATH": f"{program('holdfast').parent}:/usr/bin:/bin"}
        (cls.folder / "my-fleet").mkdir()

    def candidates(self, *words, env=None):
        done = subprocess.run([program("holdfast"), "__complete", *words], capture_output=True,
                              text=True, check=True, timeout=60, env={**self.env, **(env or {})})
        self.assertEqual(done.stderr, "")
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    def expect(self, expected, *words):
        """What the hub is asked for is passed over if it takes too long, as on a busy machine."""
        def is_so():
            self.assertEqual(self.candidates(*words), expected)
            return True
        wait_for(is_so, 30, f"the candidates of {words}", interval=0)

    def complete_in(self, shell):
        command, set_up = SHELLS[shell]
        if shutil.which(shell) is None:
            self.skipTest(f"{shell} is not installed")
        terminal = Terminal(self.folder, command, 100, 30, env=self.env)
        self.addCleanup(terminal.close)
        terminal.type(f"cd {self.folder}")
        terminal.keys("Enter")
        for line in set_up:
            terminal.type(line)
            terminal.keys("Enter")
        terminal.type("echo rea''dy")
        terminal.keys("Enter")
        terminal.wait_for("\nready")
        for typed, expected in LINES:
            # A hub that does not answer in time is passed over, and the machine may be busy.
            wait_for(lambda: self.becomes(terminal, typed, expected), 30, expected, interval=0)

    @staticmethod
    def becomes(terminal, typed, expected):
        """Whether a line that is typed becomes the expected one by Tab; it is empty afterwards."""
        terminal.keys("C-l")
        terminal.type(typed)
        terminal.wait_for(typed)
        terminal.keys("Tab")
        terminal.type("_")  # shows where the cursor is
        try:
            terminal.wait_for(expected + "_" if expected.endswith(" ") else expected, timeout=4, patience=1)
            return True
        except TimedOut:
            return False
        finally:
            terminal.keys("C-u")
            wait_for(lambda: typed not in terminal.text(), 10, "an empty line")

    def test_bash(self):
        self.complete_in("bash")

    def test_zsh(self):
        self.complete_in("zsh")

    def test_fish(self):
        self.complete_in("fish")

    def test_each_place_has_its_candidates(self):
        self.expect(["paris", "rome"], "get", "cluster", "")
        self.expect(["cluster/paris"], "get", "cluster/p")
        self.assertEqual(self.candidates("wait", "--for", "de"), ["delivered"])
        self.expect(["live"], "diff", "--group", "")
        self.expect(["fleet"], "get", "--repository", "")
        self.expect(["paris"], "revoke", "p")
        self.assertEqual(self.candidates("version", "--server-"), ["--server-only"])
        self.assertEqual(self.candidates("nonsense", ""), [])
        self.assertIn("completion", self.candidates(""))
        self.assertIn("--selector", self.candidates("get", "clusters", "--"))
        self.assertNotIn("--life", self.candidates("get", "clusters", "--"))

    def test_a_hub_that_is_away_is_passed_over_in_silence(self):
        away = {"HOLDFAST_SERVER": "https://127.0.0.1:1"}
        self.assertEqual(self.candidates("get", "cluster", "", env=away), [])
        self.assertEqual(self.candidates("get", "clus", env=away), ["clusters"])
        self.assertEqual(self.candidates("get", "cluster", "", env={"HOLDFAST_TOKEN_FILE": "/no"}), [])
        self.assertEqual(self.candidates("get", "--context", "x", "cluster", ""), [])


if __name__ == "__main__":
    story.main()
