#!/usr/bin/env python3
"""Killed at each named point between a decision and its record (common/fault.h) the hub loses no commit,
and makes none twice."""
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, files, fleet  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
HUB = os.environ.get("HOLDFAST_HUB_POINTS") or ROOT / "build/release/tests/e2e/holdfast-hub.points"
WORDS = "Failed checks threshold reached 5"
LATE = "ReplicaSet web-1 has timed out progressing"
# In the order in which a decision comes to them.
POINTS = ("before-ack", "proof-asked", "intent-recorded", "before-push", "commits-made", "after-push",
          "before-record")
# Where what goes back together could come apart.
TOGETHER = ("before-ack", "intent-recorded", "before-record")
# Into pull requests: sim_fault_points_pulls.py; of what a site allows itself: sim_exempt_offline.py.
PULLS = ("branch-pushed", "pull-told", "pull-closed", "holds-shown")
SITES = ("exemption-recorded", "exemption-noted")
# Of the state repository: sim_state_months.py.
MONTHS = ("month-ends", "month-named", "months-dropped")
# Between the hub and its agents: sim_fault_points_link.py.
LINK = ("manifest-published", "report-recorded", "journal-recorded", "key-certified", "enrolment-recorded",
        "revocation-recorded", "freeze-recorded", "backup-extracted", "epoch-raised",
        "log-synced", "manifest-on-disk", "object-applied", "object-removed", "decision-on-disk", "identity-on-disk")


def web(point, image):
    """An App for each, or a breaker would be asked."""
    return files(point, m.deployment(point, f"reg/web:{image}"))


def shop(point, image):
    """A release group for each, which holdfast takes back if it does not come up."""
    more = {"releaseGroup": point, "onReject": "group", "onFailure": "rollback"}
    return {path: text for app in (f"{point}-web", f"{point}-pay")
            for path, text in files(app, m.deployment(app, f"reg/web:{image}"), **more).items()}


def all_of(image):
    return {path: text for made, points in ((web, POINTS), (shop, TOGETHER)) for point in points
            for path, text in made(point, image).items()}


class FaultPoints(SimStory):
    clusters = fleet(2)
    apps = all_of("good")
    repo_more = "  write: direct\n"
    hub_binary = HUB
    sim_options = ("--reconnect-max", "1s")

    def commits(self, app):
        """Of which it is told that a release was rejected."""
        said = self.git("log", "--format=%s", "origin/main").splitlines()
        return [line for line in said if line.startswith(f"hold({app}): ")]

    def holds(self, app):
        return self.git("ls-tree", "-r", "--name-only", "origin/main", f"holds/{app}").split()

    def test_each_point_is_in_this_list(self):
        found = set()
        for path in (path for room in ("agent", "common", "hub") for path in (ROOT / room).rglob("*.c")):
            found |= set(re.findall(r'CM_FAULT_POINT\("([a-z-]+)"\)', path.read_text(encoding="utf-8")))
        self.assertEqual(found, {*POINTS, *PULLS, *SITES, *MONTHS, *LINK})

    def test_killed_there_no_commit_is_lost_and_none_is_doubled(self):
        self.deliver(all_of("bad"))
        for point in POINTS:
            with self.subTest(point=point):
                self.wait_connected("c01")
                with self.killed_at(point, self.hub):
                    self.sim.ask("decide", "c01", f"Deployment.apps/default/{point}", "rejected", WORDS)
                self.hub.start_and_wait()
                wait_for(lambda p=point: self.holds(p), PATIENT, "the Hold in Git", 0.1)
        wait_for(lambda: {row["state"] for row in self.hub.get("writes")} == {"done"}, PATIENT,
                 "nothing to be written any more", 0.1)
        for point in POINTS:
            with self.subTest(point=point):
                wait_for(lambda p=point: self.images(p, 2) == ["good", "bad"], PATIENT,
                         "each cluster to run its own", 0.1)
                self.assertEqual((len(self.commits(point)), len(self.holds(point))), (1, 1))
        self.assertEqual(sorted(row["app"] for row in self.events("release.rejected")), sorted(POINTS))

    def test_so_it_is_for_a_group_that_holdfast_takes_back(self):
        for point in TOGETHER:
            with self.subTest(point=point):
                apps = (f"{point}-web", f"{point}-pay")
                self.wait_connected("c02")
                with self.killed_at(point, self.hub):
                    self.sim.ask("decide", "c02", f"Deployment.apps/default/{apps[0]}", "timed-out", LATE,
                                 "deployment")
                self.hub.start_and_wait()
                for app in apps:
                    wait_for(lambda a=app: self.images(a, 2) == ["bad", "good"], PATIENT,
                             f"{app} to be back on one cluster", 0.1)
                    self.assertEqual((len(self.commits(app)), len(self.holds(app))), (1, 1))


if __name__ == "__main__":
    story.main()
