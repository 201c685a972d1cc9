"""Fetching over ssh from a real sshd that this test runs."""
import subprocess

import rig
from rig import EAUTH, EINVAL, EIO, ENOTFOUND
from support.gitservers import SSHD, Sshd, make_key, public, run
from support.process import free_port


class Ssh(rig.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host_key = make_key(cls.shared / "host")
        cls.second_host_key = make_key(cls.shared / "host2", "ecdsa")
        cls.user_key = make_key(cls.shared / "user")
        cls.other_key = make_key(cls.shared / "other")
        cls.locked_key = make_key(cls.shared / "locked", passphrase="open sesame")
        cls.server = Sshd(cls.shared, [cls.host_key, cls.second_host_key],
                          [cls.user_key, cls.locked_key]).start_and_wait()
        cls.addClassCleanup(cls.server.terminate)
        cls.port = cls.server.port

    def known(self, key=None, host=None):
        host = host or f"[127.0.0.1]:{self.port}"
        return f"{host} {public(key or self.host_key)}\n"

    def words(self, **more):
        return {"url": self.server.url(self.repo.bare),
                "ssh_key_file": self.user_key, "known_hosts": self.known(), **more}

    def test_a_repository_is_fetched_with_key_and_known_host(self):
        answer = self.fetch_ok("--list", **self.words())
        self.assertEqual(answer["commit"], self.first)
        second = self.repo.push({"a": "1"})
        self.assertEqual(self.fetch_ok(**self.words())["commit"], second)

    def test_known_hosts_may_be_a_file(self):
        file = self.folder / "known_hosts"
        file.write_text("# ours\n" + self.known(), encoding="ascii")
        self.fetch_ok(**self.words(known_hosts=None, known_hosts_file=file))

    def test_known_hosts_may_be_hashed(self):
        file = self.folder / "known_hosts"
        file.write_text(self.known(), encoding="ascii")
        run("ssh-keygen", "-H", "-f", file)
        self.assertTrue(file.read_text(encoding="ascii").startswith("|1|"))
        self.fetch_ok(**self.words(known_hosts=None, known_hosts_file=file))

    def test_known_hosts_may_be_a_fingerprint(self):
        # libssh2 is not told what to ask for, so either key may be shown
        lines = ""
        for key in (self.host_key, self.second_host_key):
            shown = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True,
                                   check=True).stdout
            lines += f"[127.0.0.1]:{self.port} {shown.split()[1]}\n"
        self.fetch_ok(**self.words(known_hosts=lines))

    def test_the_server_is_asked_for_the_key_that_is_known(self):
        self.fetch_ok(**self.words(known_hosts=self.known(self.second_host_key)))
        self.fetch_ok(**self.words(known_hosts=self.known(self.host_key)))

    def test_a_key_with_a_passphrase_opens_with_it_only(self):
        self.fetch_ok(**self.words(ssh_key_file=self.locked_key, ssh_passphrase="open sesame"))
        answer = self.fetch(**self.words(ssh_key_file=self.locked_key, ssh_passphrase="barley"))
        self.assertIn(answer["rc"], (EAUTH, EIO))
        self.assertNotIn("barley", answer["message"])

    def test_a_host_key_that_is_not_the_known_one_is_refused(self):
        self.fetch_fails(EAUTH, "host-key", "is not the one in known_hosts",
                         **self.words(known_hosts=self.known(self.other_key)))
        self.assertNotIn("Accepted", self.server.log_text().split(str(self.folder))[-1][-200:])

    def test_an_unknown_host_is_refused(self):
        self.fetch_fails(EAUTH, "host-key", "does not name '127.0.0.1'",
                         **self.words(known_hosts=self.known(host="git.example.com")))

    def test_a_revoked_host_key_is_refused(self):
        text = self.known() + f"@revoked * {public(self.host_key)}\n"
        self.fetch_fails(EAUTH, "host-key", "revoked", **self.words(known_hosts=text))

    def test_a_key_that_the_server_does_not_know_is_refused(self):
        self.fetch_fails(EAUTH, "auth", "did not accept the ssh key",
                         **self.words(ssh_key_file=self.other_key))

    def test_a_user_that_does_not_exist_is_refused(self):
        url = f"ssh://nobody-of-that-name@127.0.0.1:{self.port}{self.repo.bare}"
        self.fetch_fails(EAUTH, "auth", "ssh key", **self.words(url=url))

    def test_a_repository_that_is_not_there_is_said(self):
        url = self.words()["url"].replace("fleet.git", "none.git")
        self.fetch_fails(ENOTFOUND, "missing", "no such repository", **self.words(url=url))

    def test_a_server_on_loopback_is_refused_unless_private_hosts_are_allowed(self):
        self.fetch_fails(EINVAL, "forbidden", "allow private hosts", "--public-only",
                         **self.words())

    def test_a_port_where_nobody_listens_is_unreachable(self):
        port = free_port()
        self.fetch_fails(EIO, "unreachable", "refused",
                         **self.words(url=f"ssh://git@127.0.0.1:{port}/x",
                                      known_hosts=self.known(host=f"[127.0.0.1]:{port}")))


if __name__ == "__main__":
    if SSHD is None:
        rig.skip_all("sshd is not installed")
    rig.main()
