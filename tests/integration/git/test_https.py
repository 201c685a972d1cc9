"""Fetching over https from a real git http-backend."""
import rig
from rig import EAUTH, EINVAL, EIO, ENOTFOUND
from support.gitservers import PASSWORD, TOKEN, USER, Authority, Https as Server, run


class Https(rig.Case):
    def setUp(self):
        super().setUp()
        self.server = self.https()

    def url(self, mode="open", name="fleet"):
        return f"{self.server.url}/{mode}/{name}.git"

    def words(self, mode="open", **more):
        return {"url": self.url(mode), "ca_file": self.authority.cert, **more}

    def test_a_public_repository_is_fetched_and_fetched_again(self):
        answer = self.fetch_ok("--list", **self.words())
        self.assertEqual(answer["commit"], self.first)
        self.assertEqual(answer["files"], {"clusters/paris.yaml": 0})
        second = self.repo.push({"apps/web/app.yaml": "kind: App\n"})
        answer = self.fetch_ok("--list", **self.words())
        self.assertEqual((answer["commit"], answer["before"]), (second, self.first))
        self.assertEqual(len(answer["files"]), 2)
        self.assertFalse(self.fetch_ok(**self.words())["changed"])

    def test_a_large_history_arrives_whole(self):
        for i in range(30):
            self.repo.commit({f"apps/{j}/app.yaml": f"{i} {j}\n" * 50 for j in range(i % 7 + 1)})
        head = self.repo.push()
        self.assertEqual(self.fetch_ok(**self.words())["commit"], head)
        run("git", "-C", self.mirror / "repo", "fsck", "--full", "--strict")

    def test_the_right_token_is_accepted(self):
        self.fetch_ok(**self.words("auth", token=TOKEN))

    def test_a_token_goes_with_the_user_name_that_was_given(self):
        self.fetch_ok(**self.words("auth", token=TOKEN, username="oauth2"))
        self.assertIn("Basic b2F1dGgy", str(self.server.seen))  # "oauth2…"

    def test_the_right_password_is_accepted(self):
        self.fetch_ok(**self.words("auth", username=USER, password=PASSWORD))

    def test_a_wrong_token_is_refused_and_not_repeated(self):
        answer = self.fetch_fails(EAUTH, "auth", "did not accept the token",
                                  **self.words("auth", token="tok_wrong"))
        self.assertNotIn("tok_wrong", answer["message"])
        self.assertLessEqual(sum(1 for _, _, a in self.server.seen if a), 2)

    def test_a_wrong_password_is_refused(self):
        answer = self.fetch_fails(EAUTH, "auth", "did not accept user name and password",
                                  **self.words("auth", username=USER, password="battery staple"))
        self.assertNotIn("battery", answer["message"])

    def test_a_server_that_wants_a_credential_says_so(self):
        self.fetch_fails(EAUTH, "auth", "set a token", **self.words("auth"))

    def test_a_credential_is_not_sent_to_who_does_not_ask(self):
        self.fetch_ok(**self.words(token=TOKEN))
        self.assertFalse([a for _, _, a in self.server.seen if a])

    def test_a_certificate_of_another_authority_is_not_trusted(self):
        other = Authority(self.folder, "other")
        self.fetch_fails(EAUTH, "ca", "certificate is not trusted", url=self.url("auth"),
                         ca_file=other.cert, token=TOKEN)
        self.assertEqual(self.server.seen, [])

    def test_the_authorities_of_the_system_do_not_vouch_for_our_own(self):
        self.fetch_fails(EAUTH, "ca", "certificate is not trusted", url=self.url())

    def test_a_certificate_of_another_host_is_not_trusted(self):
        cert, key = self.authority.issue("git.example.com")
        server = Server(self.folder, cert, key)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.fetch_fails(EAUTH, "ca", "certificate is not trusted",
                         url=f"{server.url}/open/fleet.git", ca_file=self.authority.cert)

    def test_a_ca_file_that_is_none_is_our_own_mistake(self):
        rubbish = self.folder / "rubbish.pem"
        rubbish.write_text("rubbish\n", encoding="ascii")
        self.fetch_fails(EINVAL, "local", "rubbish.pem", url=self.url(), ca_file=rubbish)
        self.fetch_fails(EINVAL, "local", "cannot be read", url=self.url(),
                         ca_file=self.folder / "none.pem")

    def test_a_redirect_to_another_host_is_refused_and_gets_no_credential(self):
        other = self.https()
        port = other.server_address[1]
        self.server.redirects["away"] = f"https://127.0.0.1:{port}/auth"
        self.fetch_fails(EINVAL, "redirect", "redirect", **self.words("away", token=TOKEN))
        self.assertEqual(other.seen, [])

    def test_a_redirect_to_another_port_is_refused_and_gets_no_credential(self):
        other = self.https()
        self.server.redirects["away"] = f"{other.url}/auth"
        self.fetch_fails(EINVAL, "redirect", "redirects to port", **self.words("away", token=TOKEN))
        self.assertEqual(other.seen, [])

    def test_a_redirect_to_plain_http_is_refused(self):
        self.server.redirects["away"] = "http://localhost:1/open"
        self.fetch_fails(EINVAL, "redirect", "redirect", **self.words("away"))

    def test_a_redirect_within_the_server_is_followed(self):
        self.server.redirects["home"] = f"{self.server.url}/auth"
        self.fetch_ok(**self.words("home", token=TOKEN))

    def test_a_server_on_loopback_is_refused_unless_private_hosts_are_allowed(self):
        self.fetch_fails(EINVAL, "forbidden", "allow private hosts", "--public-only",
                         **self.words("auth", token=TOKEN))
        self.assertEqual(self.server.seen, [])

    def test_a_name_that_resolves_differently_a_second_time_gains_nothing(self):
        cert, key = self.authority.issue("rebinding.test")  # see resolver.c
        server = Server(self.folder, cert, key)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"https://rebinding.test:{server.server_address[1]}/auth/fleet.git"
        words = {"url": url, "ca_file": self.authority.cert, "token": TOKEN}
        self.fetch_fails(EINVAL, "forbidden", "127.0.0.1", "--public-only", **words)
        self.assertEqual(server.seen, [])
        self.fetch_ok(**words)

    def test_a_forced_branch_is_taken_and_said(self):
        second = self.repo.push({"a": "1"})
        self.fetch_ok(**self.words())
        third = self.repo.rewrite({"a": "2"})
        answer = self.fetch_ok(**self.words())
        self.assertEqual((answer["before"], answer["commit"]), (second, third))
        self.assertTrue(answer["rewound"])

    def test_a_branch_that_went_away_is_named(self):
        self.fetch_ok(**self.words())
        self.repo.delete_branch("main")
        self.fetch_fails(ENOTFOUND, "branch-gone", "no branch 'main'", **self.words())

    def test_a_repository_that_is_not_there_is_missing(self):
        self.fetch_fails(ENOTFOUND, "missing", "no such repository", url=self.url(name="none"),
                         ca_file=self.authority.cert)

    def test_answers_that_are_no_git_are_no_use(self):
        self.fetch_fails(EAUTH, "auth", "403", **self.words("403"))
        self.fetch_fails(EIO, "unreachable", "500", **self.words("500"))
        self.fetch_fails(EIO, "unreachable", "text/html", **self.words("html"))

    def test_links_submodules_and_odd_names_arrive_as_what_they_are(self):
        self.repo.git("update-index", "--add", "--cacheinfo", f"160000,{self.first},module")
        (self.repo.work / "link").symlink_to("/etc/shadow")
        self.repo.git("add", "link")
        self.repo.git("commit", "--quiet", "-m", "odd")
        self.repo.push()
        answer = self.fetch_ok("--list", **self.words())
        self.assertEqual(answer["files"], {"clusters/paris.yaml": 0, "link": 1, "module": 2})

    def test_a_huge_file_is_fetched_but_a_limit_on_bytes_holds(self):
        (self.repo.work / "noise").write_bytes(bytes(range(256)) * 4)
        with open("/dev/urandom", "rb") as noise:
            (self.repo.work / "noise").write_bytes(noise.read(5 << 20))
        self.repo.push({})
        self.fetch_fails(EINVAL, "too-large", "limit", **self.words(max_received_bytes=1 << 20))
        self.fetch_ok(**self.words())


if __name__ == "__main__":
    rig.main()
