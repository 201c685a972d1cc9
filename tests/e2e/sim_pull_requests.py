#!/usr/bin/env python3
"""What the hub may not push it proposes: one pull request of a real Gitea for a release, in force
meanwhile; merged it is done, closed the release is tried again, edited it is what people made of it.
A hub that lost its disk finds again what is in force."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.gitea import OnGitea  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402

KEY = "Deployment.apps/default/web"
WORDS = "Failed checks threshold reached 5, @everyone"
SHADED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, labels: {shade: dark}}
"""


def web(image, **env):
    item = m.deployment("web", f"reg/web:{image}")
    container = item["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    return files("web", item)


class PullRequests(OnGitea, SimStory):
    clusters = fleet(3)
    hub_options = ("--capture-after", "2s")
    apps = web("1", A="a")
    sim_options = ("--reconnect-max", "1s")

    def wait_open(self, *words):
        """Waits for the one open pull request to bring a Hold with these words."""
        def is_so():
            pulls = self.gitea.pulls("open")
            assert len(pulls) == 1, [pull["title"] for pull in pulls]
            text, = self.holds(pulls[0]["head"]["ref"])
            assert all(word in text for word in words), text
            return pulls[0]
        return wait_for(is_so, SOON, f"a pull request with {words}", 0.2)

    def wait_none(self):
        wait_for(lambda: self.gitea.pulls("open") == [], SOON, "no pull request to be open", 0.2)

    def merge(self, number):
        self.gitea.merge(number)
        self.hub.run("sync")  # as a webhook would
        self.wait_event("pull-request.merged")

    def test_1_a_protected_branch_gets_a_pull_request_and_the_release_is_kept_out(self):
        self.deliver(web("2", A="a"))
        before = self.repo.head()
        self.sim.ask("decide", "c02", KEY, "rejected", WORDS)
        pull = self.wait_open("c02")
        self.assertRegex(pull["head"]["ref"], r"^holdfast/rollback/web/2-\w+$")
        self.assertEqual(pull["title"], "hold(web): 1 on 1 cluster, which rejected 2")
        self.assertRegex(pull["body"], r"(?m)^    First: flagger .* on c02: Failed checks")
        self.assertEqual(pull["user"]["login"], "holdfast")
        self.wait_images("2", "1", "2")
        self.assertEqual(self.repo.git("rev-parse", "origin/main").strip(), before)
        opened = self.wait_event("pull-request.opened", app="web")
        self.assertIn(pull["html_url"], opened["message"])
        wait_for(lambda: self.hub.get("holds")[0]["pullRequest"] == pull["html_url"], SOON)
        said = self.hub.run("describe", "hold", self.hub.get("holds")[0]["name"]).stdout
        self.assertRegex(said, rf"Pull request: +{pull['html_url']}\n")
        type(self).number = pull["number"]
        self.wait_in_force("c02")

    def wait_in_force(self, *words):
        """Waits for the branch that shows what is in force to have one Hold with these words."""
        def is_so():
            assert "holdfast/holds" in self.repo.git("ls-remote", "origin")
            text, = self.holds("holdfast/holds")
            assert all(word in text for word in words), text
            return True
        wait_for(is_so, SOON, f"what is in force to have {words}", 0.2)

    def wait_nothing_in_force(self):
        wait_for(lambda: "holdfast/holds" not in self.repo.git("ls-remote", "origin"), SOON,
                 "nothing to be in force beyond main", 0.2)

    def test_2_it_is_updated_and_not_repeated(self):
        self.sim.ask("decide", "c03", KEY, "rejected", WORDS)
        pull = self.wait_open("c02", "c03")
        self.wait_images("2", "1", "1")
        wait_for(lambda: "2 clusters" in self.gitea.pulls()[0]["title"], SOON, "another title", 0.2)
        self.assertEqual(pull["number"], self.number)
        self.wait_in_force("c02", "c03")

    def test_3_a_hub_that_is_killed_goes_on_with_it(self):
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03")
        self.wait_resolved(self.commit({"notes.txt": "x"}, "something else"))
        self.assertEqual(self.images(), ["2", "1", "1"])
        self.assertEqual([pull["number"] for pull in self.gitea.pulls()], [self.number])
        self.assertEqual(self.events("pull-request.closed"), [])

    def test_4_merged_it_is_done(self):
        self.merge(self.number)
        wait_for(lambda: {row["state"] for row in self.hub.get("writes")} == {"done"}, SOON,
                 "all to be written", 0.1)
        text, = self.holds("main")
        self.assertIn("c03", text)
        wait_for(lambda: self.hub.get("holds")[0]["path"], SOON, "the Hold to be read", 0.1)
        self.assertEqual(self.hub.get("holds")[0]["pullRequestState"], "merged")
        self.assertEqual(self.images(), ["2", "1", "1"])
        wait_for(lambda: "rollback" not in self.repo.git("ls-remote", "origin"), SOON,
                 "the branch to be gone", 0.2)
        self.wait_nothing_in_force()

    def test_4b_a_file_that_merely_vanishes_is_proposed_again_and_in_force_meanwhile(self):
        self.follow()
        path, = self.repo.git("ls-files", "holds").split()
        self.wait_resolved(self.commit({path: None}, "clean up"))
        pull = self.wait_open("c02", "c03")
        self.assertGreater(pull["number"], self.number)
        self.assertIn("no retry", pull["body"])
        self.wait_in_force("c02", "c03")
        self.assertEqual(self.images(), ["2", "1", "1"])
        self.merge(pull["number"])
        wait_for(lambda: len(self.holds("main")) == 1, SOON, "the file to be back", 0.2)
        self.wait_nothing_in_force()
        self.assertEqual(self.images(), ["2", "1", "1"])

    def test_5_closed_the_release_is_tried_again(self):
        self.follow()
        self.deliver(web("3", A="a"))
        pull = wait_for(lambda: self.gitea.pulls("open"), SOON, "a pull request", 0.2)[0]
        self.assertEqual(pull["title"], "unhold(web): Git says another release")
        self.merge(pull["number"])
        self.sim.ask("decide", "c01", KEY, "rejected", WORDS)
        self.wait_images("2", "3", "3")
        pull = self.wait_open("c01")
        self.gitea.close(pull["number"])
        self.hub.run("sync")
        closed = self.wait_event("pull-request.closed", app="web")
        self.assertIn(pull["html_url"], closed["message"])
        self.wait_images("3", "3", "3")
        self.wait_nothing_in_force()
        failed = [row for row in self.hub.get("writes") if row["state"] == "failed"]
        self.assertIn("closed without being merged", failed[0]["message"])
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03")
        self.follow()
        self.wait_resolved(self.commit({"notes.txt": "y"}, "something else"))
        self.assertEqual((self.images(), self.gitea.pulls("open")), (["3", "3", "3"], []))

    def test_6_what_people_make_of_it_counts(self):
        self.follow()
        self.deliver(web("4", A="a"))
        self.sim.ask("decide", "c02", KEY, "rejected", WORDS)
        pull = self.wait_open("c02")
        branch = pull["head"]["ref"]
        self.repo.git("checkout", "--quiet", "-B", branch, f"origin/{branch}")
        path, = self.repo.git("ls-files", "holds").split()
        theirs = (self.repo.work / path).read_text().replace("[c02]", "[c02, c03]").replace(
            "  - c02\n", "  - c02\n  - c03\n")
        self.assertIn("c03", theirs)
        self.repo.commit({path: theirs}, "the third one, too")
        self.repo.git("push", "--quiet", "origin", branch)
        self.repo.git("checkout", "--quiet", "main")
        self.hub.run("sync")
        self.merge(pull["number"])
        self.wait_images("4", "3", "3")
        self.assertEqual(self.holds("main"), [theirs])
        self.wait_none()

    def test_7_verbs_tell_where_it_waits(self):
        said = self.hub.run("suspend", "app", "web", "--wait").stdout
        pull = self.gitea.pulls("open")[0]
        self.assertEqual(said, f"it waits to be merged: {pull['html_url']}\n")
        self.assertEqual(pull["head"]["ref"], "holdfast/suspend/web")
        again = json.loads(self.hub.run("suspend", "app", "web", "-o", "json").stdout)
        self.assertEqual(again["pullRequest"], pull["html_url"])
        self.hub.run("resume", "app", "web")
        self.wait_none()  # nothing is left to change
        self.assertNotIn("suspend", self.repo.git("show", "origin/main:apps/web/app.yaml"))

    def test_8_a_hub_that_lost_its_disk_keeps_out_what_waits_to_be_merged(self):
        self.follow()
        self.deliver(web("5", A="a"))
        self.merge(wait_for(lambda: self.gitea.pulls("open"), SOON, "a pull request", 0.2)[0]["number"])
        self.sim.ask("decide", "c01", KEY, "rejected", WORDS)
        self.wait_images("4", "5", "5")
        number = self.wait_open("c01")["number"]
        self.wait_in_force("c01")
        self.lose_the_disk()
        self.follow()
        self.repo.push(web("5", A="b"), "while it is away")
        self.recover("c01", "c02", "c03")
        self.wait_resolved(self.repo.head())
        wait_for(lambda: self.settings() == ["b", "b", "b"], SOON, "the rest of it to land", 0.1)
        self.assertEqual(self.images(), ["4", "5", "5"])
        held = self.wait_event("release.held", app="web", cluster="c01")
        self.assertIn("as the branch of Holds says", held["message"])
        wait_for(lambda: [row.get("pullRequest") for row in self.hub.get("writes")] ==
                 [self.gitea.pulls("open")[0]["html_url"]], SOON, "the same pull request", 0.2)
        self.assertEqual([pull["number"] for pull in self.gitea.pulls("open")], [number])
        self.wait_in_force("c01")

    def settings(self):
        return [self.sim.object(name, KEY)["spec"]["template"]["spec"]["containers"][0]["env"][0]
                ["value"] for name in ("c01", "c02", "c03")]

    def test_9_what_people_closed_meanwhile_is_tried_again(self):
        pull = self.wait_open("c01")
        self.lose_the_disk()
        self.gitea.close(pull["number"])
        self.recover("c01", "c02", "c03")
        self.wait_images("5", "5", "5")
        self.wait_event("pull-request.closed", app="web")
        self.wait_nothing_in_force()
        self.assertEqual(self.gitea.pulls("open"), [])

    def test_a_where_commits_are_taken_a_capture_is_proposed_unless_the_app_says_otherwise(self):
        self.gitea.unprotect()
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03")
        for name, way in (("asks", {}), ("tells", {"capture": "commit"})):
            self.follow()
            self.deliver({**files(name, drift="capture", targets=[{"cluster": "c02"}], **way),
                          f"apps/{name}/all.yaml": SHADED.replace("NAME", name)})
            self.sim.ask("drift", "c02", f"ConfigMap/default/{name}", "metadata.labels.shade", "light",
                         "kubectl-edit")
        wait_for(lambda: "\ncapture(tells): " in "\n" + self.subjects(), SOON, "the commit", 0.2)
        pull, = wait_for(lambda: self.gitea.pulls("open"), SOON, "the pull request", 0.2)
        self.assertEqual(pull["head"]["ref"], "holdfast/capture/asks")
        self.assertIn("capture(asks): ConfigMap/default/asks on c02", pull["title"])
        self.assertNotIn("capture(asks)", self.subjects())
        self.assertRegex(self.hub.run("describe", "app", "tells").stdout, r"Capture: +commit\n")
        self.merge(pull["number"])
        self.wait_drift()

    def test_b_the_file_of_an_exemption_that_is_over_goes_by_a_pull_request(self):
        self.hub.kill()
        asked = self.hub.repositories_file.read_text(encoding="utf-8")
        self.hub.repositories_file.write_text(asked.replace("write: direct", "write: pull-request"),
                                              encoding="utf-8")
        self.hub.start_and_wait()
        self.follow()
        self.wait_resolved(self.commit({"exemptions/inc-1.yaml": m.text(m.thing(
            "holdfast/v1alpha1", "Exemption", "inc-1", spec={
                "app": "asks", "clusters": ["c02"], "object": "ConfigMap/default/asks", "reason": "x",
                "until": "2026-01-01T00:00:00Z"}))}))
        pull, = wait_for(lambda: self.gitea.pulls("open"), SOON, "the pull request", 0.2)
        self.assertEqual(pull["head"]["ref"], "holdfast/exempt/asks")
        self.assertIn("unexempt(asks): the exemption has ended", pull["title"])
        self.assertEqual(len(self.hub.get("exemptions")), 1)
        self.merge(pull["number"])
        wait_for(lambda: self.hub.get("exemptions") == [], SOON, "the file to go", 0.2)

    def subjects(self):
        return self.git("log", "--format=%s", "origin/main")


if __name__ == "__main__":
    story.main()
