#!/usr/bin/env python3
"""Killed at each named point (common/fault.h) on the way into a pull request of a real Gitea the hub opens
none twice and loses none, and what was decided is in force meanwhile."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from sim_fault_points import HUB, WORDS, web  # noqa: E402
from support import story  # noqa: E402
from support.gitea import OnGitea  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, fleet  # noqa: E402

# In the order in which a decision comes to them.
OPENED = ("branch-pushed", "pull-told", "holds-shown", "before-record")
UPDATED = ("branch-pushed", "pull-told")
CLOSED = ("manifest-published", "pull-closed")  # at the first nobody has asked for it to go yet
MERGED = "holds-shown"  # the App whose pull request people merge


def all_of(image):
    return {path: text for point in OPENED for path, text in web(point, image).items()}


class Pulls(OnGitea, SimStory):
    clusters = fleet(2)
    apps = all_of("good")
    hub_binary = HUB
    sim_options = ("--reconnect-max", "1s")

    def begin_hub(self):
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02")

    def reject(self, app, cluster):
        self.sim.ask("decide", cluster, f"Deployment.apps/default/{app}", "rejected", WORDS)

    def pull(self, app):
        """The only pull request that there ever was of an App, or None."""
        found = [pull for pull in self.gitea.pulls() if f"({app})" in pull["title"]]
        self.assertLessEqual(len(found), 1, [pull["title"] for pull in found])
        return found[0] if found else None

    def wait_held(self, app, *clusters):
        """Waits for the pull request and the branch of what is in force to say that these are held."""
        def is_so():
            pull = self.pull(app)
            assert pull and pull["state"] == "open", "there is no open pull request"
            for branch in (pull["head"]["ref"], "holdfast/holds"):
                assert branch in self.repo.git("ls-remote", "origin"), f"there is no branch {branch}"
                texts = self.holds(branch, app)
                assert len(texts) == 1, f"{branch}: {texts}"
                assert all(f"- {name}\n" in texts[0] for name in clusters), f"{branch}: {texts[0]}"
            rows = [row for row in self.hub.get("writes") if row["app"] == app]
            assert rows and all(row.get("pullRequest") == pull["html_url"] for row in rows), rows
            return pull
        return wait_for(is_so, PATIENT, f"a pull request of {app} for {clusters}", 0.2)

    def assert_nothing_is_doubled(self, app, branch):
        said = self.git("log", "--format=%s", f"origin/main..origin/{branch}").splitlines()
        self.assertEqual((len(set(said)), len(self.holds(branch, app))), (len(said), 1), said)
        self.assertEqual(len(self.events("pull-request.opened", app=app)), 1)

    def test_1_each_is_opened_once(self):
        self.deliver(all_of("bad"))
        for point in OPENED:
            with self.subTest(point=point):
                with self.killed_at(point, self.hub):
                    self.reject(point, "c01")
                self.wait_images("good", "bad", app=point)
                self.begin_hub()
                pull = self.wait_held(point, "c01")
                self.wait_images("good", "bad", app=point)
                self.assert_nothing_is_doubled(point, pull["head"]["ref"])
        for point in OPENED:
            self.assertEqual(len(self.events("release.rejected", app=point)), 1)

    def test_2_each_is_updated_and_not_repeated(self):
        for point in UPDATED:
            with self.subTest(point=point):
                number = self.pull(point)["number"]
                with self.killed_at(point, self.hub):
                    self.reject(point, "c02")
                self.wait_images("good", "good", app=point)
                self.begin_hub()
                pull = self.wait_held(point, "c01", "c02")
                self.assertEqual(pull["number"], number)
                self.wait_images("good", "good", app=point)
                self.assert_nothing_is_doubled(point, pull["head"]["ref"])

    def test_3_merged_it_is_done_once(self):
        number = self.pull(MERGED)["number"]
        with self.killed_at("before-record", self.hub):
            self.gitea.merge(number)
            self.hub.run("sync")
        self.begin_hub()
        wait_for(lambda: {row["state"] for row in self.hub.get("writes") if row["app"] == MERGED} == {"done"},
                 PATIENT, "all of it to be written", 0.1)
        self.assertEqual((len(self.holds("main", MERGED)), self.pull(MERGED)["merged"]), (1, True))
        wait_for(lambda: self.events("pull-request.merged", app=MERGED), PATIENT, "it to be on record", 0.1)
        self.assertEqual(len(self.events("pull-request.merged", app=MERGED)), 1)
        self.wait_images("good", "bad", app=MERGED)

    def test_4_what_is_not_needed_any_more_is_closed_and_overrules_nothing(self):
        for point, app in zip(CLOSED, UPDATED):
            with self.subTest(point=point):
                self.follow()
                with self.killed_at(point, self.hub):
                    self.commit(web(app, "next"))
                self.begin_hub()
                wait_for(lambda a=app: self.events("pull-request.closed", app=a), PATIENT, "it to be closed", 0.1)
                self.wait_images("next", "next", app=app)
                self.assertEqual(self.pull(app)["state"], "closed")
                self.assertEqual(len(self.events("pull-request.closed", app=app)), 1)
                self.assertEqual([row for row in self.hub.get("writes") if row["state"] == "failed"], [])


if __name__ == "__main__":
    story.main()
