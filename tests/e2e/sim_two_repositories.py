#!/usr/bin/env python3
"""Two repositories make one fleet; one that cannot be read holds up and takes away nothing."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet, pause  # noqa: E402

TEAM = "ConfigMap/default/team"
WEB = "ConfigMap/default/web"


class TwoRepositories(SimStory):
    clusters = fleet(5)
    apps = files("web", m.config_map("web", x="1"), prune=True)

    @classmethod
    def repositories(cls):
        cls.team = GitRepo(cls.folder, "team")
        cls.team.push({f"fleet/{name}": text for name, text in
                       files("team", m.config_map("team", number="${number}"), prune=True).items()})
        return super().repositories() + (f"- name: team\n  url: {cls.team.url}\n"
                                         "  path: fleet\n  pollInterval: 1m\n")

    def push_team(self, *objects):
        revision = self.team.push({f"fleet/{name}": text for name, text in
                                   files("team", *objects, prune=True).items()})
        self.hub.run("sync", "--repository", "team")
        return revision

    def move(self, there):
        """Takes a repository away, or brings it back."""
        hidden = self.team.bare.with_suffix(".hidden")
        hidden.rename(self.team.bare) if there else self.team.bare.rename(hidden)

    def test_clusters_of_one_run_apps_of_both(self):
        for i in range(1, 6):
            self.wait_data(f"c{i:02}", TEAM, {"number": str(i)})
            self.wait_data(f"c{i:02}", WEB, {"x": "1"})
        self.wait()
        self.assertEqual({row["name"]: row["repository"] for row in self.rows("apps")},
                         {"team": "team", "web": "fleet"})

    def test_each_goes_its_own_way(self):
        before = self.rows("revisions")
        revision = self.push_team(m.config_map("team", number="${number}", y="1"))
        self.wait_resolved(revision)
        self.wait(revision)
        self.assertEqual(len(self.rows("revisions")), len(before) + 1)
        self.assertEqual(self.data("c02", TEAM), {"number": "2", "y": "1"})

    def test_one_that_is_away_takes_nothing_with_it(self):
        self.move(there=False)
        self.hub.run("sync")
        event = self.wait_event("sync.failed")
        self.assertIn("team", event["message"])
        self.deliver(files("web", m.config_map("web", x="2"), prune=True))
        self.assertEqual(self.data("c01", WEB), {"x": "2"})
        self.assertEqual(self.data("c01", TEAM), {"number": "1", "y": "1"})

    def test_nor_does_a_restart_while_it_is_away(self):
        self.hub.terminate()
        revision = self.repo.push(files("web", m.config_map("web", x="3"), prune=True))
        self.hub.start_and_wait()
        self.wait_resolved(revision)
        self.wait(revision)
        self.assertEqual(self.data("c01", WEB), {"x": "3"})
        self.assertEqual(self.data("c01", TEAM), {"number": "1", "y": "1"})
        self.assertEqual(self.sim.state()["removes"], 0)

    def test_without_its_mirror_nothing_is_published_until_it_is_back(self):
        self.hub.terminate()
        for path in sorted((self.hub.data / "data" / "git" / "team").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        revision = self.repo.push(files("web", m.config_map("web", x="4"), prune=True))
        self.hub.start_and_wait()
        self.wait_connected(*self.generations())
        pause(1.5)
        self.assertEqual(self.data("c01", WEB), {"x": "3"})
        self.assertEqual(self.data("c01", TEAM), {"number": "1", "y": "1"})
        self.move(there=True)
        self.hub.run("sync")
        self.wait_resolved(revision)
        self.wait(revision)
        self.assertEqual(self.data("c01", WEB), {"x": "4"})

    def test_a_repository_that_goes_by_another_name_loses_nothing(self):
        self.hub.terminate()
        text = self.hub.repositories_file.read_text(encoding="utf-8")
        self.hub.repositories_file.write_text(text.replace("name: team", "name: crew"),
                                              encoding="utf-8")
        self.hub.start_and_wait()
        wait_for(lambda: {row["name"]: row["repository"] for row in self.rows("apps")} ==
                 {"team": "crew", "web": "fleet"}, 20, "the new name", 0.1)
        self.wait_connected(*self.generations())
        pause(1)
        self.assertEqual(self.data("c01", TEAM), {"number": "1", "y": "1"})
        self.assertEqual(self.sim.state()["removes"], 0)

    def test_one_that_is_taken_out_takes_its_apps_along_and_says_so(self):
        self.hub.terminate()
        text = self.hub.repositories_file.read_text(encoding="utf-8")
        self.hub.repositories_file.write_text(text[:text.index("- name: crew")], encoding="utf-8")
        self.hub.start_and_wait()
        for name in self.generations():
            self.wait_data(name, TEAM, None)
        self.assertEqual(self.data("c01", WEB), {"x": "4"})
        self.assertIn("'crew' is not configured any more",
                      self.wait_event("problem.found", actor="hub")["message"])


if __name__ == "__main__":
    story.main()
