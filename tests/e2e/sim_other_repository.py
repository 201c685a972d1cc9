#!/usr/bin/env python3
"""An App takes its manifests from another repository: a range of versions, a branch, a commit."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402

SHOP = "ConfigMap/default/shop"


def app(repository="shop-config", **source):
    return files("shop", prune=True, source={"repository": repository, "path": "deploy", **source})


class OtherRepository(SimStory):
    clusters = fleet(3)
    apps = {**app(ref={"semver": "^1.0"}), **files("web", m.config_map("web", x="1"))}

    @classmethod
    def repositories(cls):
        cls.shop = GitRepo(cls.folder, "shop-config")
        cls.release("v1.0.0")
        cls.release("v2.0.0")
        return super().repositories() + (f"- name: shop-config\n  url: {cls.shop.url}\n"
                                         "  sourceOnly: true\n  pollInterval: 1m\n")

    @classmethod
    def release(cls, version):
        cls.shop.push({"deploy/shop.yaml": m.text(m.config_map("shop", version=version,
                                                               number="${number}")),
                       "apps/trap/app.yaml": "kind: App\n"})
        return cls.shop.tag(version)

    def wait_problem(self, words=""):
        return wait_for(lambda: [row for row in self.rows("problems") if words in row["message"]],
                        SOON, f"a problem with the words {words!r}", 0.1)[0]

    def wait_version(self, version):
        for i in range(1, 4):
            self.wait_data(f"c{i:02}", SHOP, {"version": version, "number": str(i)})

    def test_1_the_highest_version_in_the_range_runs(self):
        self.wait_version("v1.0.0")
        self.assertEqual(sorted(row["name"] for row in self.rows("apps")), ["shop", "web"])

    def test_2_its_documents_mean_nothing(self):
        self.assertEqual(self.rows("problems"), [])

    def test_3_a_new_version_is_rolled_out_by_itself(self):
        self.release("v1.1.0")
        self.hub.run("sync", "--repository", "shop-config")
        self.wait_version("v1.1.0")

    def test_4_another_range_is_a_commit_away(self):
        self.repo.push(app(ref={"semver": ">=2"}))
        self.hub.run("sync")
        self.wait_version("v2.0.0")

    def test_5_a_version_that_is_not_there_leaves_all_as_it_is_and_says_why(self):
        self.repo.push(app(ref={"tag": "v9"}))
        self.hub.run("sync")
        problem = self.wait_problem("no tag")
        self.assertEqual((problem["app"], problem["path"]), ("shop", "apps/shop/app.yaml"))
        self.assertIn("no tag 'v9'; its highest version is 'v2.0.0'", problem["message"])
        self.assertEqual(self.data("c01", SHOP)["version"], "v2.0.0")

    def test_6_a_repository_that_the_hub_does_not_know_is_named(self):
        self.repo.push(app(repository="nowhere"))
        self.hub.run("sync")
        self.wait_problem("the hub has no repository 'nowhere'")
        self.assertEqual(self.data("c01", SHOP)["version"], "v2.0.0")

    def test_7_a_commit_is_taken_as_it_is(self):
        commit = self.shop.git("rev-parse", "v1.0.0").strip()
        self.repo.push(app(ref={"commit": commit}))
        self.hub.run("sync")
        self.wait_version("v1.0.0")
        wait_for(lambda: not self.rows("problems"), SOON, "no problems", 0.1)

    def test_8_mirrors_that_nobody_wants_are_gone(self):
        kept = self.hub.data / "data" / "git"
        wait_for(lambda: len(list(kept.glob("*@*"))) == 1, SOON, "one mirror to be left", 0.1)

    def test_9_after_a_restart_without_git_it_runs_on(self):
        self.hub.terminate()
        hidden = self.shop.bare.with_suffix(".hidden")
        self.shop.bare.rename(hidden)
        revision = self.repo.push(files("web", m.config_map("web", x="2")))
        self.hub.start_and_wait()
        self.wait_resolved(revision)
        self.wait_data("c01", "ConfigMap/default/web", {"x": "2"})
        self.assertEqual(self.data("c01", SHOP)["version"], "v1.0.0")
        self.assertEqual(self.sim.state()["removes"], 0)
        hidden.rename(self.shop.bare)


if __name__ == "__main__":
    story.main()
