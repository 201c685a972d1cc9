#!/usr/bin/env python3
"""A hub reads its repositories from servers, each with a credential of its own: over https with a
token, over https with a password, over ssh with a key; the fleet's is on another branch than main.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import gitservers, manifests as m, story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.gitservers import Authority, Https, Sshd, make_key  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402

PASSPHRASE = "open sesame"
FLEET = """
repositories:
- name: fleet
  url: {token.url}/auth/fleet.git
  branch: live
  tokenFile: {folder}/token
  caFile: {token_ca}
  pollInterval: 1m
  allowPrivateHosts: true
- name: shop
  url: {password.url}/auth/shop.git
  username: {user}
  passwordFile: {folder}/password
  caFile: {password_ca}
  pollInterval: 1m
  allowPrivateHosts: true
- name: team
  url: {team_url}
  sshKeyFile: {folder}/user
  sshPassphraseFile: {folder}/passphrase
  knownHostsFile: {folder}/known_hosts
  pollInterval: 1m
  allowPrivateHosts: true
"""


def app(name, version):
    return files(name, m.config_map(name, number="${number}", version=version), prune=True)


class GitServers(SimStory):
    clusters = fleet(3)
    apps = app("web", "1")

    @classmethod
    def repositories(cls):
        # The other branch is all that there is: whoever asks for main finds nothing.
        cls.repo.checkout_branch("live")
        cls.repo.push()
        cls.repo.delete_branch("main")
        cls.shop, cls.team = GitRepo(cls.folder, "shop"), GitRepo(cls.folder, "team")
        cls.shop.push(app("shop", "1"))
        cls.team.push(app("team", "1"))
        cls.token, token_ca = cls.https("token")
        cls.password, password_ca = cls.https("password")
        cls.sshd = cls.start_sshd()
        for name, secret in (("token", gitservers.TOKEN), ("password", gitservers.PASSWORD),
                             ("passphrase", PASSPHRASE)):
            (cls.folder / name).write_text(secret + "\n", encoding="utf-8")
        return FLEET.format(folder=cls.folder, token=cls.token, token_ca=token_ca,
                            password=cls.password, password_ca=password_ca, user=gitservers.USER,
                            team_url=cls.sshd.url(cls.team.bare))

    @classmethod
    def https(cls, name):
        """A server with a CA of its own, and the file of that CA's certificate."""
        folder = cls.folder / f"ca-{name}"
        folder.mkdir()
        authority = Authority(folder, "authority")
        server = Https(cls.folder, *authority.issue("localhost"))
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        return server, authority.cert

    @classmethod
    def start_sshd(cls):
        host, user = make_key(cls.folder / "host"), make_key(cls.folder / "user",
                                                             passphrase=PASSPHRASE)
        sshd = Sshd(cls.folder, [host], [user]).start_and_wait()
        (cls.folder / "known_hosts").write_text(sshd.known(host), encoding="ascii")
        return sshd

    def wait_version(self, name, version):
        for number in range(1, 4):
            self.wait_data(f"c{number:02}", f"ConfigMap/default/{name}",
                           {"number": str(number), "version": version})

    def configure(self, old, new):
        """Starts the hub again with other words in its file of repositories."""
        text = self.hub.repositories_file.read_text(encoding="utf-8")
        assert old in text
        self.hub.terminate()
        self.hub.repositories_file.write_text(text.replace(old, new, 1), encoding="utf-8")
        self.hub.start_and_wait()

    def wait_failure(self, *words):
        def told():
            return [event for event in self.events("sync.failed")
                    if all(word in event["message"] for word in words)]
        wait_for(told, SOON, f"an event with {words}", 0.1)

    def test_apps_of_all_three_run(self):
        for name in ("web", "shop", "team"):
            self.wait_version(name, "1")
        self.assertEqual({row["name"]: row["repository"] for row in self.rows("apps")},
                         {"web": "fleet", "shop": "shop", "team": "team"})
        self.assertEqual(self.events("sync.failed"), [])

    def test_a_commit_in_each_reaches_the_fleet(self):
        for repo, name in ((self.repo, "web"), (self.shop, "shop"), (self.team, "team")):
            revision = repo.push(app(name, "2"))
            self.hub.run("sync")
            self.wait_resolved(revision)
            self.wait_version(name, "2")

    def test_what_opens_them_is_shown_to_nobody(self):
        shown = self.hub.log_text() + self.hub.run("get", "events", "-o", "json").stdout
        for secret in (gitservers.TOKEN, gitservers.PASSWORD, PASSPHRASE):
            self.assertNotIn(secret, shown)

    def test_a_server_in_the_own_network_has_to_be_allowed_for_each_repository(self):
        self.configure("  allowPrivateHosts: true\n- name: shop", "- name: shop")
        self.wait_failure("repository 'fleet'", "allow private hosts")
        revision = self.shop.push(app("shop", "3"))
        self.hub.run("sync", "--repository", "shop")
        self.wait_resolved(revision)
        self.wait_version("shop", "3")
        self.configure("- name: shop", "  allowPrivateHosts: true\n- name: shop")

    def test_a_credential_that_is_taken_back_is_told_and_leaves_all_as_it_is(self):
        (self.folder / "token").write_text("tok_of_before\n", encoding="utf-8")
        revision = self.repo.push(app("web", "3"))
        self.configure("", "")
        self.wait_failure("repository 'fleet'", "did not accept the token")
        self.wait_version("web", "2")
        self.assertEqual(self.sim.state()["removes"], 0)
        (self.folder / "token").write_text(gitservers.TOKEN + "\n", encoding="utf-8")
        self.configure("", "")
        self.wait_resolved(revision)
        self.wait_version("web", "3")


if __name__ == "__main__":
    if gitservers.SSHD is None or not pathlib.Path(gitservers.BACKEND).exists():
        print("skipped: git-http-backend and sshd are not both installed")
        sys.exit(story.SKIPPED)
    story.main()
