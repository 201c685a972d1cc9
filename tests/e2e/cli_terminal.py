#!/usr/bin/env python3
"""The command line on a real terminal: sizes, colour, a live screen, and what is left afterwards."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.agent import Sim  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.terminal import Terminal, need_tmux  # noqa: E402

COUNT = 120
WITH_AGENTS = 100

CLUSTER = """\
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata: {name: store-in-a-town-with-a-long-name-NUMBER, labels: {env: production, town: long-name}}
---
"""

APP = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: shop}
spec:
  namespace: default
  targets:
  - clusterSelector: {}
"""

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {colour: COLOUR}
"""

REPOSITORIES = """\
repositories:
- name: fleet
  url: URL
  branch: main
  pollInterval: 0s
"""


class OnATerminal(story.Story):

    runs = 0

    @classmethod
    def setUpClass(cls):
        need_tmux()
        super().setUpClass()
        cls.repo = GitRepo(cls.folder)
        names = [CLUSTER.replace("NUMBER", f"{i:03}") for i in range(COUNT)]
        cls.repo.push({"clusters/all.yaml": "".join(names), "apps/shop/app.yaml": APP,
                       "apps/shop/config.yaml": CONFIG_MAP})
        cls.hub = Hub(cls.folder,
                      repositories=REPOSITORIES.replace("URL", cls.repo.url)).start_and_wait()
        wait_for(lambda: cls.hub.run("get", "clusters", "-o", "name").stdout, 20, "a commit")
        tokens = cls.folder / "tokens"
        tokens.write_text("".join(
            cls.hub.run("enroll", "--all", "--tokens").stdout.splitlines(True)[:WITH_AGENTS]),
            encoding="utf-8")
        Sim(cls.folder, cls.hub, ["--tokens", tokens, "--enroll-hub", cls.hub.enroll_address]).start()
        wait_for(lambda: json.loads(cls.hub.run("wait", "-o", "json", "--timeout", "0s", check=False)
                                    .stdout)["healthy"] == WITH_AGENTS, 60, "the agents")
        cls.env = {"HOLDFAST_SERVER": cls.hub.api_url, "HOLDFAST_CA_FILE": str(cls.hub.ca_file),
                   "HOLDFAST_TOKEN_FILE": str(cls.hub.token_file)}
        cls.terminals = []

    def setUp(self):
        self.addCleanup(lambda: [t.close() for t in self.terminals] and self.terminals.clear())

    def shell(self, width=80, height=24, env=None):
        terminal = Terminal(self.folder, ["env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i"], width, height,
                            env={**self.env, "PATH": f"{program('holdfast').parent}:/usr/bin:/bin",
                                 **(env or {})})
        self.terminals.append(terminal)
        terminal.wait_for("$")
        return terminal

    def run_in(self, terminal, command):
        """Runs a command in the shell, which must succeed, and returns what can be seen of it."""
        OnATerminal.runs += 1
        mark = f"run-{self.runs}"
        terminal.type(f"clear; {command}; echo {mark} $?")
        terminal.keys("Enter")
        return terminal.wait_for(f"\n{mark} 0").split(f"\n{mark} 0")[0]

    def test_long_lists_are_folded_to_what_is_not_ready(self):
        text = self.run_in(self.shell(120, 40), "holdfast get clusters")
        self.assertRegex(text, rf"^{COUNT - WITH_AGENTS} of {COUNT} not ready, first: store-")
        text = self.run_in(self.shell(120, 40), "holdfast get status --all | wc -l")
        self.assertIn(str(COUNT + 1), text)
        # Without a terminal nothing is left out.
        self.assertEqual(len(self.hub.run("get", "clusters").stdout.splitlines()), COUNT + 1)

    def test_tables_fit_the_terminal(self):
        for width, height in ((80, 24), (40, 10)):
            terminal = self.shell(width, height)
            for what in ("clusters --limit 3", "status --limit 3", "apps", "events --limit 3"):
                lines = self.run_in(terminal, f"holdfast get {what}").split("\n")
                rows = [line for line in lines if line.strip()]
                # A row that is too long would be broken into two.
                self.assertEqual(len(rows), 2 if what == "apps" else 4, "\n".join(lines))
        self.assertIn("…", "\n".join(rows))

    def test_long_names_keep_both_ends(self):
        text = self.run_in(self.shell(40, 10), "holdfast get clusters --limit 1")
        self.assertRegex(text, r"\nstore\S*…\S*-000 ")

    def test_colour_is_for_terminals(self):
        terminal = self.shell()
        self.run_in(terminal, "holdfast get apps")
        self.assertIn("\x1b[1mNAME", terminal.text(colours=True))
        for command, env in (("holdfast get apps", {"NO_COLOR": "1"}),
                             ("holdfast get apps --color never", {}),
                             ("holdfast get apps | cat", {})):
            terminal = self.shell(env=env)
            self.run_in(terminal, command)
            self.assertNotIn("\x1b[1mNAME", terminal.text(colours=True))
        self.assertIn("\x1b[1m", self.hub.run("get", "apps", "--color", "always").stdout)
        for words in (["get", "apps"], ["diff"], ["logs"], ["help"], ["describe", "app", "shop"]):
            self.assertNotIn("\x1b", self.hub.run(*words, check=False).stdout)

    def test_help_fits_eighty_columns(self):
        verbs = re.findall(r"^  ([a-z]+) ", self.hub.run("help").stdout, re.M)
        self.assertGreater(len(verbs), 12)
        for verb in ["", *verbs]:
            for line in self.hub.run("help", *([verb] if verb else [])).stdout.splitlines():
                if not line.startswith(("  holdfast", "Usage")):
                    self.assertLessEqual(len(line), 80, line)

    def test_watch_is_a_live_screen(self):
        terminal = self.shell()
        terminal.type("clear; echo before; holdfast watch; echo finished $?")
        terminal.keys("Enter")
        text = terminal.wait_for(f"healthy    ", f"{WITH_AGENTS} of {COUNT}", "CLUSTER", "more")
        self.assertEqual(terminal.ask("alternate_on"), "1")
        self.assertEqual(terminal.ask("cursor_flag"), "0")
        self.assertLessEqual(len(text.split("\n")), 24)
        head = self.repo.push({"apps/shop/config.yaml": CONFIG_MAP.replace("COLOUR", "red")})
        self.hub.run("sync")
        terminal.wait_for(head[:8], f"applied    ", f"{WITH_AGENTS} of {COUNT}")
        terminal.keys("C-c")
        terminal.wait_for("before")
        self.assertEqual(terminal.ask("alternate_on"), "0")
        self.assertEqual(terminal.ask("cursor_flag"), "1")
        terminal.type("echo typed")  # the terminal shows what is typed again
        terminal.wait_for("echo typed")

    def test_watch_ends_with_q(self):
        terminal = self.shell()
        terminal.type("clear; holdfast watch; echo finished $?")
        terminal.keys("Enter")
        terminal.wait_for("delivered")
        terminal.keys("q")
        terminal.wait_for("finished 0")
        self.assertEqual(terminal.ask("alternate_on"), "0")

    def test_watch_follows_the_size(self):
        terminal = self.shell()
        terminal.type("holdfast watch")
        terminal.keys("Enter")
        terminal.wait_for("CLUSTER", "CONNECTED")
        for width, height in ((40, 10), (120, 30), (40, 10)):
            terminal.resize(width, height)
            bars = {120: 40, 40: 10}[width]

            def fits():
                lines = terminal.lines()
                bar = next((line for line in lines if "healthy    " in line), "")
                full = sum(bar.count(c) for c in "█░")
                return full == bars and len(lines) <= height and lines[0].startswith(
                    self.repo.head()[:8])
            wait_for(fits, 20, f"a page of {width}x{height}")

    def test_watch_of_a_commit_ends_when_it_is_there(self):
        clusters = self.hub.get("clusters", "--limit", "2")
        head = self.repo.push({"apps/shop/config.yaml": CONFIG_MAP.replace("COLOUR", "blue")})
        self.hub.run("sync")
        terminal = self.shell()
        text = self.run_in(terminal, f"holdfast watch {head} --cluster {clusters[0]['name']}")
        self.assertIn("1 of 1", text)

    def test_wait_draws_bars_that_fit(self):
        name = self.hub.get("clusters", "--limit", "1")[0]["name"]
        text = self.run_in(self.shell(40, 10), f"holdfast wait --cluster {name}")
        self.assertRegex(text, r"healthy    █{10} 1 of 1")

    def test_jsonpath_leaves_no_prompt_behind_it_on_a_terminal(self):
        text = self.run_in(self.shell(), "holdfast get apps -o jsonpath={.items[*].name}")
        self.assertTrue(text.endswith("shop"), text)
        self.assertEqual(self.hub.run("get", "apps", "-o", "jsonpath={.items[*].name}").stdout, "shop")


if __name__ == "__main__":
    story.main()
