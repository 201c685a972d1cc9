"""Servers that hang, drip, break off or lie, and repositories that are traps."""
import subprocess

import rig
from rig import EINVAL, EIO
from support.gitservers import make_key, public, server_context

BOMB = """
o=$(echo boom | git hash-object -w --stdin); k='100644 blob'
for d in 0 1 2 3 4 5 6 7 8 9; do
    for i in 0 1 2 3 4 5 6 7 8 9; do printf '%s %s\\tf%s\\n' "$k" $o $i; done >../t
    o=$(git mktree <../t); k='040000 tree'
done
git update-ref refs/heads/main $(git commit-tree -m bomb $o)
"""

TRICKS = """
import subprocess, sys
def git(*words, data=b""):
    return subprocess.run(["git", *words], input=data, capture_output=True, check=True).stdout.strip()
blob = bytes.fromhex(git("hash-object", "-w", "--stdin", data=b"x").decode())
names = sorted([b"..", b".git", b"a/../../etc", b"ok", b"x\\\\y"])
tree = b"".join(b"100644 " + name + b"\\0" + blob for name in names)
tree = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=tree).decode()
commit = git("commit-tree", "-m", "tricks", tree).decode()
git("update-ref", "refs/heads/main", commit)
"""


def silent(_connection, stopped):
    stopped.wait()


class Hostile(rig.Case):
    def words(self, port, **more):
        return {"url": f"https://localhost:{port}/open/fleet.git", "ca_file": self.authority.cert,
                **more}

    def ssh_words(self, port, **more):
        key = self.folder / "key"
        if not key.exists():
            make_key(key)
        return {"url": f"ssh://git@localhost:{port}/fleet.git", "ssh_key_file": key,
                "known_hosts": f"[localhost]:{port} {public(key)}\n", **more}

    def dripping(self, head):
        """A TLS server that sends `head`, then a byte now and then for ever."""
        context = server_context(self.cert, self.key)

        def behave(connection, stopped):
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(4096)
                tls.sendall(head)
                while not stopped.wait(0.1):
                    tls.sendall(b"0")
        return self.raw(behave)

    def test_a_server_that_accepts_and_never_answers_is_left_once_it_was_silent_for_so_long(self):
        server = self.raw(silent)
        for words in (self.words(server.port), self.ssh_words(server.port)):
            self.fetch_fails(EIO, "timeout", "silent for 700 ms", silence_ms=700, **words)

    def test_a_server_that_is_silent_after_the_handshake_is_left(self):
        context = server_context(self.cert, self.key)

        def behave(connection, stopped):
            with context.wrap_socket(connection, server_side=True):
                stopped.wait()
        server = self.raw(behave)
        self.fetch_fails(EIO, "timeout", "silent for", silence_ms=1000, **self.words(server.port))

    def test_a_server_that_drips_is_left_at_the_deadline(self):
        server = self.dripping(b"HTTP/1.1 200 OK\r\nContent-Type: "
                               b"application/x-git-upload-pack-advertisement\r\n\r\n"
                               b"001e# service=git-upload-pack\n0000fff0")
        self.fetch_fails(EIO, "timeout", "", silence_ms=60000, deadline_ms=1500,
                         **self.words(server.port))

    def test_a_server_that_never_ends_its_headers_is_left(self):
        server = self.dripping(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self.fetch_fails(EIO, "timeout", "", silence_ms=60000, deadline_ms=1500,
                         **self.words(server.port))

    def test_a_server_that_closes_at_once_is_unreachable(self):
        server = self.raw(lambda connection, stopped: None)
        self.fetch_fails(EIO, "unreachable", "", **self.words(server.port))
        self.fetch_fails(EIO, "unreachable", "", **self.ssh_words(server.port))

    def test_a_server_that_talks_rubbish_is_unreachable(self):
        server = self.raw(lambda connection, stopped: connection.sendall(b"\x00\xff" * 500))
        self.fetch_fails(EIO, "unreachable", "", **self.words(server.port))
        self.fetch_fails(EIO, "unreachable", "", **self.ssh_words(server.port))

    def test_nobody_there_is_unreachable(self):
        self.fetch_fails(EIO, "unreachable", "refused", **self.words(1))
        self.fetch_fails(EIO, "unreachable", "cannot be resolved",
                         url="https://no-such-host.invalid/x")

    def test_a_pack_that_breaks_off_changes_nothing_and_the_next_fetch_works(self):
        server = self.https()
        url = server.url + "/open/fleet.git"
        self.fetch_ok(url=url, ca_file=self.authority.cert)
        with open("/dev/urandom", "rb") as noise:
            (self.repo.work / "noise").write_bytes(noise.read(1 << 20))
        second = self.repo.push({})
        answer = self.fetch(url=server.url + "/torn/fleet.git", ca_file=self.authority.cert)
        self.assertEqual(answer["rc"], EIO, answer)
        self.assertIn(answer["trouble"], ("unreachable", "protocol"))
        self.assertEqual(list(self.mirror.glob("repo/objects/pack/pack_git2_*")), [])
        answer = self.fetch_ok(url=url, ca_file=self.authority.cert)
        self.assertEqual((answer["before"], answer["commit"]), (self.first, second))

    def test_a_tree_bomb_is_fetched_and_refused_when_listed(self):
        subprocess.run(["sh", "-ec", BOMB], cwd=self.repo.bare, check=True, capture_output=True,
                       env=rig.git_env())
        server = self.https()
        words = {"url": server.url + "/open/fleet.git", "ca_file": self.authority.cert}
        self.fetch_ok(**words)
        answer = self.fetch("--list", **words)
        self.assertEqual(answer["rc"], EINVAL, answer)
        self.assertIn("more than 1000000 files", answer["message"])

    def test_names_that_are_traps_are_made_harmless(self):
        subprocess.run(["python3", "-c", TRICKS], cwd=self.repo.bare, check=True,
                       env=rig.git_env())
        server = self.https()
        answer = self.fetch_ok("--list", url=server.url + "/open/fleet.git",
                               ca_file=self.authority.cert)
        self.assertEqual(answer["files"],
                         {"\\x2E\\x2E": 3, ".git": 3, "a\\x2F..\\x2F..\\x2Fetc": 3, "ok": 0,
                          "x\\x5Cy": 3})


if __name__ == "__main__":
    rig.main()
