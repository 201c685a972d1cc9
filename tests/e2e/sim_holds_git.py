#!/usr/bin/env python3
"""What is rejected while Git is not as the hub left it: a branch that is forced back, a server that is
away while the hub is killed, and two hubs by mistake. Each decision is in Git once, and nothing that
people pushed is lost."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.hub import Hub  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet  # noqa: E402

KEY = "Deployment.apps/default/web"
WORDS = "Failed checks threshold reached 5"
NAMES = ("c01", "c02")


def web(image):
    return files("web", m.deployment("web", f"reg/web:{image}"))


class HoldsAndGit(SimStory):
    clusters = fleet(2)
    apps = web("1")
    repo_more = "  write: direct\n"

    def held(self):
        tip = self.git("rev-parse", "origin/main").strip()
        paths = self.repo.git("ls-tree", "-r", "--name-only", tip, "holds").split()
        return [path.split("/")[-1].split("-")[0] for path in paths]

    def wait_held(self, release):
        wait_for(lambda: self.held() == [release], PATIENT, f"the Hold of {release} in Git", 0.2)

    def subjects(self, since):
        return self.git("log", "--format=%s", f"{since}..origin/main").splitlines()

    def release(self, image):
        """Delivers another release, from the tip; returns the commit once nothing is held."""
        self.follow()
        revision = self.deliver(web(image))
        wait_for(lambda: self.held() == [], PATIENT, "no Hold to be left", 0.2)
        return revision

    def test_1_a_branch_that_is_forced_back_to_before_the_hold_gets_it_again(self):
        second = self.release("2")
        self.sim.ask("decide", "c01", KEY, "rejected", WORDS)
        self.wait_held("2")
        self.wait_resolved(self.git("rev-parse", "origin/main").strip())
        self.repo.git("reset", "--quiet", "--hard", second)
        self.assertEqual(self.repo.push(force=True), second)
        self.hub.run("sync")
        self.assertIn("went back to", self.wait_event("sync.failed")["message"])
        self.hub.run("suspend", "cluster", "c02", "--reason", "nor is anything put on top of it")
        self.assertIn("went back to", self.wait_event("write.failed")["message"])
        self.assertEqual([row["state"] for row in self.rows("writes") if row["kind"] == "suspend"],
                         ["waiting"])
        self.repo.git("commit", "--quiet", "--allow-empty", "-m", "on top")
        third = self.repo.push()
        self.hub.run("sync")
        self.wait_held("2")
        self.wait_images("1", "2")
        self.assertIn("no retry", self.git("log", "-1", "--format=%B", "origin/main"))
        self.assertIn(third, self.git("rev-list", "--max-count=3", "origin/main").split())
        self.hub.run("resume", "cluster", "c02", "--reason", "it goes on")
        self.wait_written()

    def test_2_what_is_rejected_while_git_is_away_and_the_hub_killed_is_one_commit(self):
        self.release("3")  # what both run when they reject the next one
        fourth = self.release("4")
        base = self.git("rev-parse", "origin/main").strip()
        _, bring_back = self.away()
        for cluster in NAMES:
            self.sim.ask("decide", cluster, KEY, "rejected", WORDS)
        wait_for(lambda: len(self.events("release.held", revision=fourth)) == 2, SOON,
                 "both to be on record", 0.1)
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected(*NAMES)
        self.wait_images("3", "3")
        bring_back()
        self.hub.run("sync")
        self.wait_held("4")
        self.wait_written()
        self.assertEqual([line.partition("(")[0] for line in self.subjects(base)], ["hold"])

    def test_3_two_hubs_by_mistake_write_each_thing_once_and_lose_nothing(self):
        fifth = self.release("5")
        _, bring_back = self.away()
        self.sim.ask("decide", "c02", KEY, "rejected", WORDS)
        self.wait_event("release.held", revision=fifth)
        wait_for(lambda: [row for row in self.hub.get("writes") if row["state"] == "waiting"], SOON,
                 "it to be on record as to be written", 0.1)
        self.hub.kill()
        other = Hub(self.folder, name="copy", repositories=self.repositories())
        shutil.copytree(self.hub.data / "data", other.data / "data", dirs_exist_ok=True)
        bring_back()
        base = self.git("rev-parse", "origin/main").strip()
        self.hub.start_and_wait()
        other.start_and_wait()
        self.addCleanup(other.terminate)
        self.follow()
        people = self.repo.push(files("people", m.config_map("people", a="1")), "by people")
        for hub, cluster in ((self.hub, "c01"), (other, "c02")):
            hub.run("suspend", "cluster", cluster, "--reason", "two of them")
        self.wait_held("5")
        for hub in (self.hub, other):
            wait_for(lambda hub=hub: all(row["state"] == "done" for row in hub.get("writes")),
                     PATIENT, "all to be in Git", 0.2)
        said = sorted(line.partition("(")[0] for line in self.subjects(base))
        self.assertEqual(said, ["by people", "hold", "suspend", "suspend"])
        self.assertIn(people, self.git("rev-list", "origin/main").split())


if __name__ == "__main__":
    story.main()
