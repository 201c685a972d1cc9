#!/usr/bin/env python3
"""Apps that are one release: what was rejected goes back with its group where the App says so, else
people are told; and where only they can settle what became of a release, that stays in sight."""
import datetime
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402

WORDS = "Failed checks threshold reached 5"
CLUSTERS = ("c01", "c02", "c03")
LATE = "ReplicaSet web-1 has timed out progressing"
AGAIN = "the next change of its pods starts it again"


def at(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key(app):
    return f"Deployment.apps/default/{app}"


def one(app, image, **spec):
    return files(app, m.deployment(app, f"reg/{app}:{image}"), **spec)


def both(image, **spec):
    return {**one("web", image, releaseGroup="checkout", **spec),
            **one("pay", image, releaseGroup="checkout")}


def shared(image, value, replicas=1):
    """An App of two workloads with one ConfigMap."""
    items = [m.deployment("new", f"reg/new:{image}", replicas=replicas),
             m.deployment("beside", "reg/beside:1")]
    for item in items:
        item["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [
            {"configMapRef": {"name": "settings"}}]
    return files("new", m.config_map("settings", value=value), *items)


class Groups(SimStory):
    clusters = fleet(3)
    apps = both("1", onReject="group")
    repo_more = "  write: direct\n"

    def held(self, cluster):
        """The Apps of which Git has a Hold for a cluster."""
        tip = self.git("rev-parse", "origin/main").strip()
        paths = self.repo.git("ls-tree", "-r", "--name-only", tip, "holds").split()
        return sorted(path.split("/")[1] for path in paths
                      if f"- {cluster}\n" in self.repo.git("show", f"{tip}:{path}"))

    def problems(self):
        return [(row["app"], row["cluster"], row["message"]) for row in self.hub.get("problems")]

    def wait_problem(self, app, cluster, words):
        wait_for(lambda: [row for row in self.problems()
                          if row[:2] == (app, cluster) and words in row[2]], SOON, words, 0.1)

    def wait_none(self):
        wait_for(lambda: not self.problems(), SOON, "no problem to be left", 0.1)

    def needs(self, app, cluster):
        return next(row["needsHuman"] for row in self.hub.get("status")
                    if (row["app"], row["cluster"]) == (app, cluster))

    def test_1_what_one_commit_made_of_a_group_goes_back_together(self):
        self.deliver(both("2", onReject="group"))
        before = self.git("rev-parse", "origin/main").strip()
        self.sim.ask("decide", "c02", key("web"), "rejected", WORDS)
        self.wait_images("2", "1", "2")
        self.wait_images("2", "1", "2", app="pay")
        wait_for(lambda: self.held("c02") == ["pay", "web"], SOON, "both Holds in Git", 0.2)
        said = self.git("log", "--format=%s", f"{before}..origin/main").splitlines()
        self.assertEqual(sorted(line.partition(":")[0] for line in said),
                         ["hold(pay)", "hold(web)"])
        self.assertEqual(self.problems(), [])
        hold = next(row for row in self.hub.get("holds") if row["app"] == "pay")
        self.assertIn("with App 'web' of its release group: " + WORDS,
                      self.hub.run("describe", "hold", hold["name"]).stdout)

    def test_2_each_ends_by_its_own_identity(self):
        self.follow()
        self.deliver(one("pay", "3", releaseGroup="checkout"))
        self.wait_images("3", "3", "3", app="pay")
        self.wait_images("2", "1", "2")
        wait_for(lambda: self.held("c02") == ["web"], SOON, "one Hold to go", 0.2)

    def test_3_where_the_app_goes_back_alone_people_are_told_of_the_rest(self):
        self.follow()
        self.deliver(both("4"))
        self.sim.ask("decide", "c03", key("web"), "rejected", WORDS)
        self.wait_images("4", "4", "2")
        self.wait_images("4", "4", "4", app="pay")
        self.wait_problem("pay", "c03", "release group 'checkout' is split: App 'web' is held at 2")
        wait_for(lambda: self.held("c03") == ["web"], SOON, "the Hold in Git", 0.2)
        self.wait_written()
        self.hub.run("hold", "pay", "reg/pay:3", "--clusters", "c03", "--wait")
        self.wait_images("4", "4", "3", app="pay")
        self.wait_none()

    def state(self, *words):
        return subprocess.run(["git", "-C", self.hub.data / "data" / "state.git", *words], capture_output=True,
                              text=True, check=True, timeout=60).stdout

    def test_4_what_failed_and_serves_needs_people_until_a_release_is_promoted(self):
        self.sim.ask("decide", "c01", key("web"), "failed-forward", WORDS)
        self.wait_problem("web", "c01", WORDS)
        self.assertIn(WORDS, self.needs("web", "c01"))
        self.assertEqual(self.needs("web", "c02"), "")
        self.assertIn("1 release was rejected or failed, and only people can settle it",
                      self.hub.run("fleet", "health", check=False).stdout)
        self.assertIn(WORDS, self.hub.run("describe", "status", "web", "--cluster", "c01").stdout)
        self.assertIn(f"flagger: {WORDS}; it failed", self.hub.run("show", "c01:web").stdout)
        wait_for(lambda: f"+        \"{key('web')}\": \"flagger failed" in self.state("diff", "desired", "actual"),
                 SOON, "the state repository to say so", 0.2)
        self.assertIn("Holdfast-Cause: needs human", self.state("log", "--format=%B", "actual"))
        failed, = self.hub.get("events", "--kind", "release.failed_forward")
        self.sim.ask("decide", "c01", key("web"), "promoted", "")
        self.wait_none()
        self.assertNotIn(WORDS, self.hub.run("show", "c01:web").stdout)
        self.assertIn(WORDS, self.hub.run("show", f"c01:web@{{{at(failed['atMs'])}}}").stdout)
        wait_for(lambda: "needsHuman" not in self.state("diff", "desired", "actual"), SOON, "it to be over", 0.2)

    def test_5_so_does_what_cannot_be_kept_out_until_git_says_another_release(self):
        self.follow()
        self.deliver(shared("1", "a"))
        self.deliver(shared("2", "b"))  # the other one uses that ConfigMap, and does not go back
        self.sim.ask("decide", "c02", key("new"), "rejected", WORDS)
        self.wait_problem("new", "c02", AGAIN)
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected(*CLUSTERS)
        self.wait_problem("new", "c02", AGAIN)
        self.deliver(shared("2", "b", replicas=2))
        self.wait_problem("new", "c02", AGAIN)  # its pods are the same
        self.deliver(shared("3", "b"))
        self.wait_none()

    def both_late(self, image):
        """A release of both that holdfast goes back from if web does not come up."""
        self.follow()
        self.deliver(both(image, onReject="group", onFailure="rollback"))

    def test_6_what_does_not_come_up_goes_back_with_its_group_once_git_says_so(self):
        self.both_late("5")
        self.both_late("6")
        self.sim.ask("decide", "c02", key("web"), "timed-out", LATE, "deployment")
        self.wait_images("6", "5", "6")
        self.wait_images("6", "5", "6", app="pay")
        wait_for(lambda: self.held("c02") == ["pay", "web"], SOON, "both Holds in Git", 0.2)
        self.wait_none()
        self.assertIn("5 instead of 6, once a Hold in Git says so; with App 'web' of its release "
                      "group: " + LATE, self.wait_event("release.rollback", app="pay")["message"])
        said = self.hub.run("describe", "app", "web").stdout
        for line in (r"On reject:\s+group", r"On failure:\s+rollback", r"Write back:\s+hold",
                     r"Drift mode:\s+report"):
            self.assertRegex(said, line)
        self.wait_written()
        self.hub.run("retry", "web", "--clusters", "c02", "--wait")  # is of one App
        self.wait_images("6", "6", "6")
        self.wait_images("6", "5", "6", app="pay")

    def test_7_nobody_does_if_it_comes_up_after_all(self):
        self.both_late("7")
        self.wait_images("7", "7", "7", app="pay")
        self.wait_written()
        _, back = self.away()
        try:
            self.sim.ask("decide", "c01", key("web"), "timed-out", LATE, "deployment")
            self.wait_event("release.rollback", app="pay", cluster="c01")
            self.sim.ask("decide", "c01", key("web"), "promoted", "it came up", "deployment")
            self.wait_event("release.promoted", app="web", cluster="c01")
        finally:
            back()
        self.hub.run("hold", "pay", "reg/pay:8", "--clusters", "c02", "--wait")  # what came later
        self.wait_images("7", "8", "7", app="pay")
        wait_for(lambda: "pay" in self.held("c02"), SOON, "a later write of that App", 0.2)
        self.assertEqual(self.held("c01"), [])


if __name__ == "__main__":
    story.main()
