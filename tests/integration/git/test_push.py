"""Pushing to real Git servers: compare and swap, never by force, only where it is allowed."""
import os
import pathlib
import subprocess

import rig
from rig import EAUTH, EEXISTS, EINVAL, EIO
from support.gitservers import SSHD, TOKEN, Sshd, make_key, public, run

FILE = "holds/checkout/1.4.2.yaml"
PUT = f"{FILE}:kind: Hold\n"


class Everywhere(rig.Case):
    """What holds for every kind of address."""

    def send(self, **words):
        return self.fetch("--push", **self.words(**{"base": self.first, "put": PUT, **words}))

    def send_fails(self, rc, trouble, text, **words):
        answer = self.send(**words)
        self.assertEqual((answer["rc"], answer["trouble"]), (rc, trouble), answer)
        self.assertIn(text, answer["message"])

    def bare(self, *words):
        return subprocess.run(["git", "-C", self.repo.bare, *words], env=rig.git_env(), check=True,
                              capture_output=True, text=True).stdout

    def tip(self):
        return self.bare("rev-parse", "refs/heads/main").strip()

    def setUp(self):
        super().setUp()
        self.serve()
        self.fetch_ok(**self.words())

    def serve(self):
        pass

    def test_a_commit_is_made_upon_the_tip_and_the_next_fetch_brings_it(self):
        answer = self.send()
        self.assertEqual((answer["rc"], answer["made"]), (0, 1), answer)
        self.assertEqual(self.tip(), answer["commit"])
        self.assertEqual(self.bare("show", "-s", "--format=%an <%ae> %at|%cn <%ce> %ct|%P|%s",
                                   "main").strip(),
                         "Flagger <flagger@fleet.invalid> 1700000000|"
                         f"Holdfast <hub@fleet.invalid> 1700000100|{self.first}|"
                         "hold: checkout 1.4.2")
        self.assertEqual(self.bare("show", f"main:{FILE}"), "kind: Hold\n")
        self.assertIn("clusters/paris.yaml", self.bare("ls-tree", "-r", "--name-only", "main"))
        self.bare("fsck", "--strict")
        fetched = self.fetch_ok("--list", **self.words())
        self.assertEqual((fetched["commit"], fetched["rewound"]), (answer["commit"], False))
        self.assertIn(FILE, fetched["files"])

    def test_a_tip_that_moved_is_left_as_it_is(self):
        second = self.repo.push({"a": "1"})
        self.send_fails(EEXISTS, "moved", "somebody pushed meanwhile")
        self.assertEqual(self.tip(), second)

    def test_a_branch_that_is_gone_is_not_made_again(self):
        self.repo.delete_branch("main")
        self.send_fails(EEXISTS, "moved", "somebody pushed meanwhile")
        self.assertEqual(self.bare("for-each-ref"), "")

    def test_a_branch_that_is_taken_away_goes_if_it_is_where_it_was(self):
        self.bare("branch", "holdfast/holds", "main")
        self.bare("branch", "other", "main")
        second = self.repo.push({"a": "1"})
        self.bare("update-ref", "refs/heads/other", second)

        def drop(branch):
            return self.fetch("--push", "--drop", **self.words(base=self.first, ref=f"refs/heads/{branch}"))
        answer = drop("holdfast/holds")
        self.assertEqual((answer["rc"], answer["made"]), (0, 0), answer)
        for branch in ("other", "holdfast/holds"):
            answer = drop(branch)
            self.assertEqual((answer["rc"], answer["trouble"]), (EEXISTS, "moved"), answer)
        self.assertEqual(self.bare("for-each-ref", "--format=%(refname:short)").split(), ["main", "other"])

    def own(self):
        """A repository of our own with two of the three branches."""
        folder = self.folder / "own.git"
        if not folder.exists():
            run("git", "clone", "--quiet", "--bare", self.repo.bare, folder)
            run("git", "-C", folder, "update-ref", "-d", "refs/heads/main")
            for branch in ("desired", "events"):
                run("git", "-C", folder, "update-ref", f"refs/heads/{branch}", self.first)
        return folder

    def git_in(self, folder, *words):
        return subprocess.run(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.com", *words],
                              env=rig.git_env(), check=True, capture_output=True, text=True).stdout.strip()

    def commit_to(self, folder, branch, text):
        made = self.git_in(folder, "commit-tree", "-p", branch, "-m", text, f"{branch}^{{tree}}")
        self.git_in(folder, "update-ref", f"refs/heads/{branch}", made)
        return made

    def copy(self):
        words = self.words()
        return self.fetch(*[f"copy={self.own()}"], **words)

    def there(self, branch):
        return self.bare("rev-parse", f"refs/heads/{branch}").strip()

    def test_branches_of_our_own_are_copied_and_move_forward(self):
        self.assertEqual(self.copy()["rc"], 0)
        self.assertEqual((self.there("desired"), self.there("events")), (self.first, self.first))
        newest = self.commit_to(self.own(), "desired", "more")
        answer = self.copy()
        self.assertEqual((answer["rc"], answer["trouble"]), (0, "none"), answer)
        self.assertEqual((self.there("desired"), self.there("events")), (newest, self.first))
        self.assertNotIn("refs/heads/actual", self.bare("for-each-ref"))
        self.bare("fsck", "--strict")

    def test_a_branch_that_others_have_pushed_to_is_left_as_it_is(self):
        self.assertEqual(self.copy()["rc"], 0)
        theirs = self.commit_to(self.repo.bare, "desired", "theirs")
        ours = self.commit_to(self.own(), "desired", "ours")
        answer = self.copy()
        self.assertEqual((answer["rc"], answer["trouble"]), (EEXISTS, "moved"), answer)
        self.assertIn("nothing is ever forced", answer["message"])
        self.assertEqual(self.there("desired"), theirs)
        self.assertNotEqual(ours, theirs)

    def end_month(self, month):
        """The branch begins anew, and its end till now has a name."""
        self.git_in(self.own(), "update-ref", f"refs/tags/state/desired/{month}", "desired")
        first = self.git_in(self.own(), "commit-tree", "-m", f"after {month}", "desired^{tree}")
        self.git_in(self.own(), "update-ref", "refs/heads/desired", first)
        return first

    def test_a_branch_moves_on_to_the_next_month_and_the_one_before_keeps_its_name(self):
        self.assertEqual(self.copy()["rc"], 0)
        self.commit_to(self.own(), "desired", "more")  # which is not there when the month ends
        self.end_month("2026-11")
        answer = self.copy()
        self.assertEqual((answer["rc"], answer["trouble"]), (0, "none"), answer)
        first = self.end_month("2026-12")
        self.assertEqual(self.copy()["rc"], 0)
        self.assertEqual(self.there("desired"), first)
        self.assertEqual(self.bare("for-each-ref", "--format=%(refname:short)", "refs/tags").split(),
                         ["state/desired/2026-11", "state/desired/2026-12"])
        self.assertEqual(self.bare("rev-list", "--count", "state/desired/2026-11").strip(), "2")
        self.bare("fsck", "--strict")

    def test_what_no_month_holds_is_not_forced_away(self):
        self.assertEqual(self.copy()["rc"], 0)
        theirs = self.commit_to(self.repo.bare, "desired", "theirs")
        self.end_month("2026-11")
        answer = self.copy()
        self.assertEqual((answer["rc"], answer["trouble"]), (EEXISTS, "moved"), answer)
        self.assertEqual(self.there("desired"), theirs)
        self.assertEqual(self.bare("for-each-ref", "refs/tags"), "")

    def test_a_server_that_lets_no_branch_go_back_is_told_what_to_allow(self):
        self.assertEqual(self.copy()["rc"], 0)
        self.bare("config", "receive.denyNonFastForwards", "true")
        self.end_month("2026-11")
        answer = self.copy()
        self.assertEqual(answer["trouble"], "refused", answer)
        self.assertIn("let the hub move its branches on to a new month", answer["message"])
        self.assertIn("state/desired/2026-11", self.bare("for-each-ref"))  # that is there all the same

    def test_a_new_branch_is_made_if_it_is_not_there(self):
        ref = "refs/heads/holdfast/checkout"
        answer = self.send(ref=ref, expected="0" * 40)
        self.assertEqual(answer["rc"], 0, answer)
        self.assertEqual(self.bare("rev-parse", ref).strip(), answer["commit"])
        self.assertEqual(self.tip(), self.first)
        self.send_fails(EEXISTS, "moved", "somebody pushed", ref=ref, expected="0" * 40,
                        put="holds/b.yaml:b\n")



class ToAFolder(Everywhere):
    """What does not depend on how the commit gets there, too."""
    test_a_server_that_lets_no_branch_go_back_is_told_what_to_allow = None  # there is no server

    def words(self, **more):
        return {"url": self.repo.url, **more}

    def test_a_file_that_goes_takes_its_empty_folder_along(self):
        second = self.repo.push({FILE: "kind: Hold\n"})
        self.fetch_ok(**self.words())
        answer = self.send(base=second, put=None, remove=FILE)
        self.assertEqual((answer["rc"], answer["made"]), (0, 1), answer)
        self.assertEqual(self.bare("ls-tree", "-r", "--name-only", "main"), "clusters/paris.yaml\n")
        self.assertNotIn("holds", self.bare("ls-tree", "main"))

    def test_what_changes_nothing_is_no_commit(self):
        answer = self.send(put=None, remove=FILE)
        self.assertEqual((answer["rc"], answer["made"], answer["commit"]), (0, 0, self.first))
        self.assertEqual(self.tip(), self.first)

    def test_a_tip_that_was_forced_back_is_not_pushed_over(self):
        second = self.repo.push({"a": "1"})
        self.fetch_ok(**self.words())
        self.repo.rewrite({"a": "2"})
        rewritten = self.tip()
        self.send_fails(EEXISTS, "moved", "somebody pushed meanwhile", base=second)
        self.assertEqual(self.tip(), rewritten)

    def test_the_same_push_makes_the_same_commit(self):
        first = self.send()
        self.bare("update-ref", "refs/heads/main", self.first)
        self.assertEqual(self.send()["commit"], first["commit"])

    def test_a_commit_is_signed_as_git_verifies_it(self):
        key = make_key(self.folder / "signer")
        self.assertEqual(self.send(signing_key_file=key)["rc"], 0)
        allowed = self.folder / "allowed"
        allowed.write_text(f"hub@fleet.invalid {public(key)}\n", encoding="ascii")
        self.bare("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}",
                  "verify-commit", "main")
        allowed.write_text(f"hub@fleet.invalid {public(make_key(self.folder / 'b'))}\n",
                           encoding="ascii")
        with self.assertRaises(subprocess.CalledProcessError):
            self.bare("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}",
                      "verify-commit", "main")

    def test_a_file_outside_the_jail_is_refused(self):
        for path in ("clusters/paris.yaml", "holds", "holdsx/a", "holds/../a", "/holds/a",
                     "holds/.git/config", "holds/.GIT/hooks/x", "holds//a"):
            self.send_fails(EINVAL, "local", "", put=f"{path}:x")
        self.assertEqual(self.tip(), self.first)

    def test_nothing_is_written_behind_a_link_or_over_a_folder(self):
        (self.repo.work / "holds").symlink_to("/etc")
        second = self.repo.push({})
        self.fetch_ok(**self.words())
        self.send_fails(EINVAL, "local", "there is something else at 'holds'", base=second)
        self.repo.write({"holds": None})
        third = self.repo.push({f"{FILE}/deep": "x"})
        self.fetch_ok(**self.words())
        self.send_fails(EINVAL, "local", "something else", base=third)
        self.assertEqual(self.tip(), third)

    def test_an_executable_file_stays_one(self):
        self.repo.write({FILE: "#!/bin/sh\n"})
        os.chmod(self.repo.work / FILE, 0o755)
        second = self.repo.push({})
        self.fetch_ok(**self.words())
        self.assertEqual(self.send(base=second)["rc"], 0)
        self.assertIn("100755", self.bare("ls-tree", "-r", "main", FILE))

    def test_only_branches_are_pushed(self):
        self.send_fails(EINVAL, "local", "only branches", ref="refs/tags/v1")


class OverTheWire(Everywhere):
    """What only a server can do."""

    def hook(self, name, text):
        hook = pathlib.Path(self.repo.bare) / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        hook.chmod(0o755)

    def test_a_hook_refuses_with_its_words(self):
        self.hook("pre-receive", "echo 'branch main is protected: use a pull request' >&2; exit 1")
        self.send_fails(EAUTH, "refused", "pre-receive hook declined")
        self.send_fails(EAUTH, "refused", "use a pull request")
        self.assertEqual(self.tip(), self.first)

    def test_a_branch_leaves_no_month_whose_tag_is_refused(self):
        self.assertEqual(self.copy()["rc"], 0)
        newest = self.commit_to(self.own(), "desired", "more")
        first = self.end_month("2026-11")
        self.hook("update", "case $1 in refs/tags/*) echo 'tags are protected' >&2; exit 1;; esac")
        for _ in range(2):
            answer = self.copy()
            self.assertEqual(answer["trouble"], "refused", answer)
            self.assertIn("does not take refs/tags/state/desired/2026-11", answer["message"])
            self.assertEqual(self.there("desired"), newest)
        self.hook("update", "exit 0")
        self.assertEqual(self.copy()["rc"], 0)
        self.assertEqual(self.there("desired"), first)

    def test_a_month_that_is_not_kept_here_any_more_does_not_hold_up_a_branch(self):
        self.assertEqual(self.copy()["rc"], 0)
        newest = self.commit_to(self.own(), "desired", "more")
        self.bare("config", "receive.denyNonFastForwards", "true")
        self.end_month("2026-11")
        self.assertEqual(self.copy()["trouble"], "refused")
        self.git_in(self.own(), "update-ref", "-d", "refs/tags/state/desired/2026-11")
        first = self.end_month("2026-12")
        self.assertEqual(self.copy()["trouble"], "refused")
        self.bare("config", "receive.denyNonFastForwards", "false")
        answer = self.copy()
        self.assertEqual((answer["rc"], answer["trouble"]), (0, "none"), answer)
        self.assertEqual(self.there("desired"), first)
        self.assertEqual(self.bare("rev-parse", "state/desired/2026-11").strip(), newest)
        self.assertIn("state/desired/2026-12", self.bare("for-each-ref"))

    def test_what_is_there_already_is_not_pushed_again(self):
        self.end_month("2026-11")
        self.assertEqual(self.copy()["rc"], 0)
        self.hook("update", f"echo $1 >>{self.folder}/asked")
        self.assertEqual(self.copy()["rc"], 0)
        self.assertFalse((self.folder / "asked").exists())
        self.commit_to(self.own(), "desired", "more")
        self.assertEqual(self.copy()["rc"], 0)
        self.assertEqual((self.folder / "asked").read_text(encoding="ascii").split(), ["refs/heads/desired"])

    def test_who_pushes_in_the_very_moment_wins(self):
        env = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES"
        second = self.repo.commit({"a": "1"})
        self.repo.git("push", "--quiet", "origin", "main:other")
        self.hook("update", f"{env}; exec git update-ref refs/heads/main {second}")
        self.send_fails(EEXISTS, "moved", "somebody pushed meanwhile")
        self.assertEqual(self.tip(), second)


class OverHttps(OverTheWire):
    def serve(self):
        self.server = self.https()
        run("git", "-C", self.repo.bare, "config", "http.receivepack", "true")

    def words(self, **more):
        return {"url": f"{self.server.url}/auth/fleet.git", "ca_file": self.authority.cert,
                "token": TOKEN, **more}

    def test_who_may_only_read_is_told_so(self):
        run("git", "-C", self.repo.bare, "config", "http.receivepack", "false")
        self.send_fails(EAUTH, "auth", "refused us")
        self.send_fails(EAUTH, "auth", "did not accept the token", token="tok_wrong")

    def test_a_server_that_is_away_is_unreachable(self):
        self.server.shutdown()
        self.server.server_close()
        self.send_fails(EIO, "unreachable", "not reached")

    def test_a_redirect_elsewhere_gets_neither_commit_nor_credential(self):
        other = self.https()
        self.server.redirects["away"] = f"{other.url}/auth"
        self.send_fails(EINVAL, "redirect", "redirects", url=f"{self.server.url}/away/fleet.git")
        self.assertEqual(other.seen, [])


@rig.unittest.skipIf(SSHD is None, "sshd is not installed")
class OverSsh(OverTheWire):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host_key = make_key(cls.shared / "host")
        cls.user_key = make_key(cls.shared / "user")
        cls.sshd = Sshd(cls.shared, [cls.host_key], [cls.user_key]).start_and_wait()
        cls.addClassCleanup(cls.sshd.terminate)

    def words(self, **more):
        return {"url": self.sshd.url(self.repo.bare), "ssh_key_file": self.user_key,
                "known_hosts": self.sshd.known(self.host_key), **more}


del Everywhere, OverTheWire  # only those with an address run

if __name__ == "__main__":
    rig.main()
