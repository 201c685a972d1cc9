#!/usr/bin/env python3
"""A broken App beside good ones: the last good state stays, the error names file and line."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet, path  # noqa: E402

BROKEN = "apps/bad/configmap-bad.yaml"
KEY = "ConfigMap/default/bad"


class BrokenApp(SimStory):
    clusters = fleet(6)
    apps = {**files("bad", m.config_map("bad", colour="green")),
            **files("good", m.config_map("good", colour="green"))}

    waited = None  # how 'holdfast wait' for the last broken commit ended

    def break_it(self, text, good):
        """Commits a broken file together with a good change of another App."""
        revision = self.commit({BROKEN: text, **files("good", m.config_map("good", colour=good))})
        self.wait_resolved(revision)
        type(self).waited = self.hub.run("wait", "--revision", revision, check=False)
        return revision

    def problem(self):
        return wait_for(lambda: self.rows("problems"), 20, "the problem", 0.1)[0]

    def test_a_file_that_is_no_yaml_is_named_with_its_line(self):
        self.break_it("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad\ndata: {}\n", "blue")
        problem = self.problem()
        self.assertEqual((problem["repository"], problem["path"]), ("fleet", BROKEN))
        self.assertIn(problem["line"], (3, 4))
        self.assertEqual(problem["app"], "bad")

    def test_who_waits_for_the_commit_is_told(self):
        self.assertEqual(self.waited.returncode, 1)
        self.assertIn(f"first: {BROKEN}:", self.waited.stderr)

    def test_the_last_good_state_stays_in_force(self):
        self.assertEqual(self.data("c01", KEY), {"colour": "green"})
        row = self.status("bad", "c01")
        self.assertEqual((row["stale"], row["applied"]), (True, "applied"))

    def test_who_waits_for_what_git_says_is_told(self):
        waited = self.hub.run("wait", check=False)
        self.assertEqual(waited.returncode, 1)
        self.assertRegex(waited.stderr, f"Git has 1 problem: .* first: {BROKEN}:")
        self.assertEqual(self.hub.run("wait", "app", "bad", check=False).returncode, 1)
        self.hub.run("wait", "app", "good")

    def test_nothing_shows_it_as_up_to_date(self):
        shown = self.hub.run("get", "status", "--cluster", "c01").stdout
        self.assertRegex(shown, r"\nbad +c01 +\w+ +stale +applied +healthy ")
        self.assertRegex(shown, r"\ngood +c01 +\w+ +yes +applied +healthy ")
        self.assertRegex(self.hub.run("get", "apps").stdout, r"NAME +READY +FAILED .* STALE .*\n"
                                                             r"bad +6/6 +0 .* 6 .*\ngood +6/6 +0 .* 0 ")
        self.assertEqual(len(self.rows("status", "--state", "stale")), 6)

    def test_the_good_app_goes_on(self):
        self.assertEqual(self.data("c01", "ConfigMap/default/good"), {"colour": "blue"})

    def test_it_is_an_event_with_the_commit_and_its_author(self):
        event = self.wait_event("problem.found", app="bad")
        self.assertIn(BROKEN, event["message"])
        self.assertEqual(event["actor"], "A Developer <dev@example.com>")
        self.assertEqual(event["revision"], self.repo.head())

    def test_another_commit_does_not_tell_it_again(self):
        self.deliver(files("good", m.config_map("good", colour="white")))
        self.assertEqual(len(self.events("problem.found")), 1)
        self.assertEqual(len(self.rows("problems")), 1)

    def test_a_restart_of_the_hub_changes_nothing(self):
        before = self.generations()
        self.hub.terminate()
        self.hub.start_and_wait()
        self.wait_connected(*before)
        self.assertEqual(self.generations(), before)
        self.assertEqual(len(self.rows("problems")), 1)
        self.assertEqual(len(self.events("problem.found")), 1)
        self.assertTrue(self.status("bad", "c01")["stale"])

    def test_an_unknown_variable_is_named_too(self):
        self.break_it(m.text(m.config_map("bad", colour="${nobody}")), "black")
        self.assertIn("nobody", self.problem()["message"])
        self.assertEqual(self.data("c01", KEY), {"colour": "green"})

    def test_who_waits_for_a_commit_that_leaves_it_broken_is_told_too(self):
        other = m.config_map("other", colour="green")
        revision = self.commit({path("bad", other): m.text(other)})
        self.wait_resolved(revision)
        waited = self.hub.run("wait", "--revision", revision, check=False)
        self.assertEqual(waited.returncode, 1)
        self.assertIn(BROKEN, waited.stderr)

    def test_it_is_mended(self):
        self.deliver({BROKEN: m.text(m.config_map("bad", colour="red"))})
        self.assertEqual(self.data("c01", KEY), {"colour": "red"})
        self.assertEqual(self.rows("problems"), [])
        self.assertFalse(self.status("bad", "c01")["stale"])
        self.assertEqual(len(self.events("problem.cleared", app="bad")), 2)


if __name__ == "__main__":
    story.main()
