"""What of a repository is fetched: a branch, a tag, the highest version within a range, a commit."""
import rig
from rig import EINVAL, ENOTFOUND
from support.gitservers import run


class Refs(rig.Case):
    """From a folder."""

    def words(self, **more):
        return {"url": self.repo.url, **more}

    def release(self, version, annotated=False):
        self.repo.push({"version": version})
        return self.repo.tag(version, annotated)

    def test_a_tag_is_fetched(self):
        tagged = self.release("v1.0.0")
        self.repo.push({"version": "later"})
        answer = self.fetch_ok("--list", **self.words(tag="v1.0.0"))
        self.assertEqual((answer["commit"], answer["ref"]), (tagged, "refs/tags/v1.0.0"))
        self.assertIn("version", answer["files"])

    def test_an_annotated_tag_leads_to_its_commit(self):
        tagged = self.release("v1.0.0", annotated=True)
        self.assertEqual(self.fetch_ok(**self.words(tag="v1.0.0"))["commit"], tagged)

    def test_a_tag_that_is_not_there_is_named_with_the_highest_version(self):
        self.release("v1.10.0")
        self.release("v1.9.0")
        self.fetch_fails(ENOTFOUND, "branch-gone",
                         "no tag 'v3'; its highest version is 'v1.10.0'", **self.words(tag="v3"))

    def test_of_a_range_the_highest_version_is_fetched(self):
        self.release("v1.2.0")
        wanted = self.release("v1.10.0", annotated=True)
        self.release("v1.11.0-rc.1")
        self.release("v2.0.0")
        answer = self.fetch_ok(**self.words(semver="^1.2"))
        self.assertEqual((answer["commit"], answer["ref"]), (wanted, "refs/tags/v1.10.0"))

    def test_a_newer_version_is_fetched_when_it_comes(self):
        first = self.release("1.2.0")
        self.fetch_ok(**self.words(semver=">=1.0.0 <2.0.0"))
        second = self.release("1.3.0")
        answer = self.fetch_ok(**self.words(semver=">=1.0.0 <2.0.0"))
        self.assertEqual((answer["before"], answer["commit"]), (first, second))
        self.assertTrue(answer["changed"])

    def test_tags_that_are_no_versions_do_not_count(self):
        self.release("stable")
        self.release("9")
        self.fetch_fails(ENOTFOUND, "branch-gone", "no tag within '*'", **self.words(semver="*"))

    def test_a_range_that_is_none_is_refused(self):
        self.fetch_fails(EINVAL, "local", "is no range of versions", **self.words(semver="newest"))

    def test_a_commit_in_the_middle_of_history_is_fetched(self):
        wanted = self.repo.push({"a": "1"})
        self.repo.push({"a": "2"})
        answer = self.fetch_ok("--list", **self.words(commit=wanted))
        self.assertEqual((answer["commit"], answer["ref"]), (wanted, ""))
        self.assertIn("a", answer["files"])

    def test_a_commit_on_another_branch_is_fetched(self):
        self.repo.checkout_branch("other")
        wanted = self.repo.push({"a": "1"})
        self.repo.push({"a": "2"})
        self.assertEqual(self.fetch_ok(**self.words(commit=wanted))["commit"], wanted)

    def test_a_commit_at_the_end_of_a_branch_is_fetched(self):
        self.assertEqual(self.fetch_ok(**self.words(commit=self.first))["commit"], self.first)

    def test_a_commit_that_is_not_there_is_said(self):
        self.fetch_fails(ENOTFOUND, "branch-gone", "no commit 1111", **self.words(commit="1" * 40))

    def test_a_commit_needs_all_digits(self):
        self.fetch_fails(EINVAL, "local", "all 40 digits", **self.words(commit="abc1234"))

    def test_one_of_them_must_be_asked_for_and_not_two(self):
        self.fetch_fails(EINVAL, "local", "one of branch, tag",
                         **self.words(tag="v1", branch="main"))


class OverHttps(Refs):
    """From a server, which serves no ids that no reference shows."""

    def setUp(self):
        super().setUp()
        self.server = self.https()

    def words(self, **more):
        return {"url": f"{self.server.url}/open/fleet.git", "ca_file": self.authority.cert, **more}

    def test_a_commit_that_is_here_needs_no_server(self):
        wanted = self.repo.push({"a": "1"})
        self.fetch_ok(**self.words(commit=wanted))
        self.server.seen.clear()
        self.assertFalse(self.fetch_ok(**self.words(commit=wanted))["changed"])
        self.assertEqual(self.server.seen, [])


class ByIds(OverHttps):
    """From a server that serves every id that can be reached, as the large forges do."""

    def setUp(self):
        super().setUp()
        run("git", "-C", self.repo.bare, "config", "uploadpack.allowReachableSHA1InWant", "true")


if __name__ == "__main__":
    rig.main()
