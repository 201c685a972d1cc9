#!/usr/bin/env python3
"""A release that is rejected, of an App that says writeBack: revert. Where that is what just these
clusters shall run, the document says again what it said, comments kept; else a Hold says it."""
import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet, path  # noqa: E402

KEY = "Deployment.apps/default/web"
WORDS = "Failed checks threshold reached 5"
NAMES = ("c01", "c02", "c03")
DOCUMENT = path("web", m.deployment("web", "x"))


def document(image, mode):
    """The Deployment, as people write it."""
    item = m.deployment("web", "IMAGE")
    item["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "MODE", "value": "VALUE"}]
    text = m.text(item).replace("IMAGE", f"reg/web:{image}").replace("VALUE", mode)
    return "# The shop's front; ask ada.\n" + text


def web(image, mode="on"):
    return files("web", writeBack="revert") | {DOCUMENT: document(image, mode)}


class Reverts(SimStory):
    clusters = fleet(3)
    apps = web("1")
    repo_more = "  write: direct\n"

    def says(self, file=DOCUMENT):
        return self.git("show", f"origin/main:{file}")

    def held(self):
        self.git("rev-parse", "origin/main")
        paths = self.repo.git("ls-tree", "-r", "--name-only", "origin/main", "holds").split()
        return [held.split("/")[-1].split("-")[0] for held in paths]

    def wait_git(self, text, *held, file=DOCUMENT):
        wait_for(lambda: (self.says(file), self.held()) == (text, list(held)), PATIENT,
                 f"Git to hold {held} and say {text}", 0.2)

    def last(self):
        return self.git("log", "-1", "--format=%B", "origin/main")

    def reject(self, revision, *clusters):
        """All of them, so that the hub knows of all before it writes."""
        for cluster in clusters:
            self.sim.ask("decide", cluster, KEY, "rejected", WORDS)
        wait_for(lambda: len(self.events("release.held", revision=revision)) >= len(clusters), SOON,
                 "all to be on record", 0.1)

    def asked(self):
        database = sqlite3.connect(self.hub.data / "data" / "hub.db", isolation_level=None)
        try:
            return [args for (args,) in database.execute("SELECT args FROM intent WHERE state = 'waiting'")]
        finally:
            database.close()

    def wait_asked(self):
        """Until the hub has put on record what it shall write of all three."""
        wait_for(lambda: [args for args in self.asked() if all(f"- {name}\\n" in args for name in NAMES)],
                 SOON, "it to be on record as to be written", 0.1)

    def test_1_what_all_reject_is_reverted_in_its_document_and_people_lose_nothing(self):
        second = self.deliver(web("2"))
        gone, bring_back = self.away()
        self.reject(second, *NAMES)
        self.wait_images("1", "1", "1")
        self.wait_asked()
        self.repo.commit({DOCUMENT: document("2", "off")}, "by people")
        self.repo.git("push", "--quiet", str(gone), "main")
        people = self.repo.head()
        bring_back()
        self.hub.run("sync")
        self.wait_git(document("1", "off"))
        self.wait_images("1", "1", "1")
        self.wait_written()
        self.assertEqual(self.git("rev-parse", "origin/main~1").strip(), people)
        self.assertTrue(self.last().startswith("revert(web): 1 on 3 clusters, which rejected 2\n"))
        self.assertIn("\nHoldfast-Action: revert\n", self.last())
        self.assertIn(f"\nHoldfast-Rejects-Commit: {second}\n", self.last())

    def test_2_who_pushes_it_again_finds_it_held(self):
        self.follow()
        self.wait_resolved(self.repo.head())
        self.hub.kill()  # what it knows is on record
        self.hub.start_and_wait()
        self.wait_connected(*NAMES)
        again = self.commit({DOCUMENT: document("2", "off")}, "by a bot")
        self.wait_git(document("2", "off"), "2")
        self.wait_images("1", "1", "1")
        self.assertEqual(self.git("rev-parse", "origin/main~1").strip(), again)
        self.assertIn("Git says it once more, which is no retry", self.last())

    def test_3_what_some_reject_is_held_until_the_rest_does(self):
        self.follow()
        third = self.deliver(web("3", "off"))
        self.wait_git(document("3", "off"))
        self.reject(third, "c02")
        self.wait_git(document("3", "off"), "3")
        self.wait_images("3", "1", "3")
        self.assertIn("\nHoldfast-Action: hold\n", self.last())
        self.assertRegex(self.last(), r"Holdfast-Not-Reverted: .*it would change App 'web' on cluster 'c0")
        for cluster in ("c01", "c03"):
            self.sim.ask("decide", cluster, KEY, "rejected", WORDS)
        self.wait_git(document("1", "off"))  # what the commit before said was rejected, too
        self.wait_images("1", "1", "1")

    def test_4_people_who_push_another_release_meanwhile_are_left_alone(self):
        self.follow()
        self.deliver(web("4"))
        self.wait_git(document("4", "on"))
        fifth = self.deliver(web("5"))
        gone, bring_back = self.away()
        self.reject(fifth, *NAMES)
        self.wait_asked()
        self.repo.commit(web("6"), "by people")
        self.repo.git("push", "--quiet", str(gone), "main")
        people = self.repo.head()
        bring_back()
        self.hub.run("sync")
        self.wait_images("6", "6", "6")
        self.wait_written()
        self.assertEqual(self.git("rev-parse", "origin/main").strip(), people)

    def test_5_a_tag_that_the_app_names_is_reverted_there(self):
        app, more = "apps/web/app.yaml", {"newTag": "7"}
        self.follow()
        self.deliver(files("web", writeBack="revert", images=[{"name": "reg/web", **more}]))
        before = self.says(app)
        more["newTag"] = "8"
        eighth = self.deliver(files("web", writeBack="revert", images=[{"name": "reg/web", **more}]))
        _, bring_back = self.away()
        self.reject(eighth, *NAMES)
        self.wait_asked()
        bring_back()
        self.hub.run("sync")
        self.wait_git(before, file=app)
        self.wait_images("7", "7", "7")


if __name__ == "__main__":
    story.main()
