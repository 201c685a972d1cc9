#!/usr/bin/env python3
"""Git goes back: to an earlier commit by force once somebody has pushed on top of it, to what is new
at once."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEY = "ConfigMap/default/web"


def version(number):
    return files("web", m.config_map("web", version=number), prune=True)


class ForcePush(SimStory):
    clusters = fleet(5)
    apps = version("1")

    def test_a_branch_that_was_forced_back_changes_nothing_until_somebody_pushes_on_top(self):
        second = self.deliver({**version("2"), **files("extra", m.config_map("extra", x="1"),
                                                       prune=True)})
        self.repo.git("reset", "--quiet", "--hard", self.first)
        self.repo.push(force=True)
        self.hub.run("sync")
        self.assertIn("went back to " + self.first[:8], self.wait_event("sync.failed")["message"])
        self.hub.terminate()
        self.hub.start_and_wait()
        self.hub.run("sync")
        self.hub.run("freeze", "--all", "--reason", "to see that it still works", "--for", "1h")
        self.hub.run("unfreeze", "--all")
        self.wait_connected(*self.generations())
        self.assertEqual(self.rows("revisions")[0]["id"], second)
        for name in self.generations():
            self.assertEqual(self.data(name, KEY), {"version": "2"})
            self.assertEqual(self.data(name, "ConfigMap/default/extra"), {"x": "1"})
        self.repo.git("commit", "--quiet", "--allow-empty", "-m", "yes, back to it")
        revision = self.repo.push()
        self.hub.run("sync")
        for name in self.generations():
            self.wait_data(name, KEY, {"version": "1"})
            self.wait_data(name, "ConfigMap/default/extra", None)
        self.assertEqual(self.rows("revisions")[0]["id"], revision)

    def test_generations_never_go_back(self):
        for row in self.rows("clusters"):
            self.assertGreaterEqual(row["generation"], 3)

    def test_history_that_was_rewritten_is_followed(self):
        self.deliver(version("3"))
        revision = self.repo.rewrite(version("4"))
        self.hub.run("sync")
        self.wait_resolved(revision)
        self.wait(revision)
        self.assertEqual(self.data("c03", KEY), {"version": "4"})

    def test_even_when_the_mirror_no_longer_has_what_it_came_from(self):
        self.hub.terminate()
        revision = self.repo.rewrite(version("5"))
        for path in sorted((self.hub.data / "data" / "git").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        self.hub.start_and_wait()
        self.wait_resolved(revision)
        self.wait(revision)
        self.assertEqual(self.data("c05", KEY), {"version": "5"})

    def test_a_branch_that_is_gone_takes_nothing_away(self):
        self.repo.delete_branch("main")
        self.hub.run("sync")
        event = self.wait_event("sync.failed")
        self.assertIn("fleet", event["message"])
        self.assertEqual(self.data("c05", KEY), {"version": "5"})
        self.repo.push()
        self.deliver(version("6"))
        self.assertEqual(self.data("c05", KEY), {"version": "6"})


if __name__ == "__main__":
    story.main()
