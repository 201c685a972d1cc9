#!/usr/bin/env python3
"""Killed at each point of the end of a month the hub loses nothing of the state repository; of a month that is not
kept it says so."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from sim_fault_points import HUB, MONTHS as POINTS  # noqa: E402
from support import manifests as m, story  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet  # noqa: E402

BRANCHES = ("desired", "actual", "events")
DAY_S = 86400


def version(number):
    return files("web", m.config_map("web", version=f"v{number}"))


def months():
    """For each point a month that is over, oldest first, and a moment in it."""
    now = time.gmtime()
    found = []
    for back in range(len(POINTS), 0, -1):
        number = now.tm_year * 12 + now.tm_mon - 1 - back
        year, month = number // 12, number % 12 + 1
        found.append((f"{year}-{month:02}", f"{year}-{month:02}-15T12:00:00Z"))
    return found


class Months(SimStory):
    clusters = fleet(2)
    apps = version(0)
    hub_options = ("--state-window", "100ms", "--state-keep-months", "12")
    hub_binary = HUB
    sim_options = ("--reconnect-max", "1s")

    @property
    def state(self):
        return self.hub.data / "data" / "state.git"

    def git(self, *words, env=None, text=None):
        return subprocess.run(["git", "-C", self.state, "-c", "user.name=hub", "-c", "user.email=h@example.com", *words],
                              capture_output=True, text=True, check=True, timeout=60, input=text,
                              env={**os.environ, **(env or {})}).stdout.strip()

    def written(self, number):
        path = "*/web/default/ConfigMap.core.web.json"
        found = self.git("grep", "-c", f'"v{number}"', "actual", "--", path) if number else ""
        return len(found.splitlines()) == 2

    def deliver_and_wait(self, number):
        self.deliver(version(number))

        def is_so():
            try:
                return self.written(number)
            except subprocess.CalledProcessError:
                return False
        wait_for(is_so, PATIENT, "the version to be written", 0.1)

    def go_back_to(self, moment):
        """What was committed last was committed then."""
        for branch in BRANCHES:
            parents = [word for parent in self.git("log", "-1", "--format=%P", branch).split() for word in ("-p", parent)]
            message = self.git("log", "-1", "--format=%B", branch) + "\n"
            made = self.git("commit-tree", *parents, "-F", "-", f"{branch}^{{tree}}", text=message,
                            env={"GIT_COMMITTER_DATE": moment, "GIT_AUTHOR_DATE": moment})
            self.git("update-ref", f"refs/heads/{branch}", made)

    def tips(self):
        return [self.git("rev-parse", branch) for branch in BRANCHES]

    def rows(self, folder):
        found = []
        for ref in [*self.git("tag", "-l", "state/events/*").split(), "events"]:
            for path in self.git("ls-tree", "-r", "--name-only", ref, f"{folder}/").split():
                found += [json.loads(line) for line in self.git("show", f"{ref}:{path}").splitlines()]
        return found

    def reindex(self):
        done = subprocess.run([program("holdfast-hub"), "reindex", "--data-dir", self.hub.data / "data"],
                              capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def stop_at(self, point):
        """Kills the hub that starts once it is there."""
        with self.killed_at(point, self.hub):
            self.hub.start_and_wait()

    def test_killed_at_the_end_of_a_month_nothing_is_lost_and_nothing_is_there_twice(self):
        self.deliver_and_wait(1)
        for number, (point, (month, moment)) in enumerate(zip(POINTS, months()), start=2):
            with self.subTest(point=point):
                self.hub.terminate()
                self.go_back_to(moment)
                ends = self.tips()
                self.stop_at(point)
                self.assertEqual(self.git("fsck", "--full", "--strict", "--no-dangling"), "")
                self.hub.start_and_wait()
                self.deliver_and_wait(number)
                named = [self.git("rev-parse", f"state/{branch}/{month}") for branch in BRANCHES]
                self.assertEqual(named, ends)
                for branch in BRANCHES:
                    self.assertEqual(self.git("log", "--format=%(trailers:key=Holdfast-Before,valueonly)", branch,
                                              "--max-parents=0").strip(), self.git("rev-parse", f"state/{branch}/{month}"))
        wait_for(lambda: self.git("diff", "desired", "actual") == "", SOON, "all to be as it shall be", 0.2)
        numbers = [row["n"] for row in self.rows("events")]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        changes = {row["n"] for row in self.rows("changes")} - {0}
        self.assertEqual(changes, set(range(1, len(changes) + 1)))

    def test_what_is_left_is_what_the_index_is_made_of(self):
        """After the other story, whose months are there."""
        self.hub.terminate()
        self.assertNotIn("It begins", self.reindex())
        oldest, *_, newest = sorted({tag.rsplit("/", 1)[1] for tag in self.git("tag").split()})
        for tag in self.git("tag", "-l", f"state/*/{oldest}").split():
            self.git("tag", "-d", tag)
        told = self.reindex()
        self.assertIn("It begins at 20", told)
        self.assertGreater(newest, oldest)
        self.hub.start_and_wait()
        shown = self.hub.run("show", f"@{{{oldest}-15T12:00}}", check=False)
        self.assertIn("is not kept", shown.stderr)
        self.assertIn("web", self.hub.run("show").stdout)
        self.assertIn("is not kept", self.hub.run("log").stderr)


if __name__ == "__main__":
    story.main()
