"""What the tests of fetching share: repositories, a CA, servers of git, and the program that fetches."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support.gitrepo import GitRepo  # noqa: E402
from support.gitservers import BACKEND, Authority, Https  # noqa: E402

SKIPPED = 77

# enum cm_rc
OK, EINVAL, ENOTFOUND, EEXISTS, EBUSY, EAUTH, EIO = 0, -1, -2, -3, -4, -5, -6

_program = None


def git_env():
    """The environment of git commands that the machine's configuration must not change."""
    return {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}


class Raw:
    """A TCP server whose behaviour is a function of the connection, one thread each."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.behave = behave
        self.stopped = threading.Event()
        self.accepts = threading.Thread(target=self.accept, daemon=True)
        self.accepts.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.behave(connection, self.stopped)
            except OSError:
                pass

    def stop(self):
        self.stopped.set()
        # Closed under a thread that is on its way into accept, the descriptor may be the next
        # server's when that thread gets there, and this one's behaviour answers for it.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepts.join()
        self.listener.close()


class Case(unittest.TestCase):
    """A folder, a repository with one commit, and a CA; all gone afterwards."""

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-git-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        cls.authority = Authority(cls.shared, "authority")
        cls.cert, cls.key = cls.authority.issue("localhost")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-git-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.mirror = self.folder / "mirror"
        self.repo = GitRepo(self.folder)
        self.first = self.repo.push({"clusters/paris.yaml": "kind: Cluster\n"})

    def https(self):
        server = Https(self.folder, self.cert, self.key)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def raw(self, behave):
        server = Raw(behave)
        self.addCleanup(server.stop)
        return server

    def argv(self, *flags, **words):
        words = {"folder": self.mirror, **words}
        return [_program, *flags, *(f"{k}={v}" for k, v in words.items() if v is not None)]

    def fetch(self, *flags, **words):
        done = subprocess.run(self.argv(*flags, **words), capture_output=True, text=True,
                              timeout=200, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def fetch_ok(self, *flags, **words):
        answer = self.fetch(*flags, **words)
        self.assertEqual((answer["rc"], answer["trouble"]), (OK, "none"), answer)
        return answer

    def fetch_fails(self, rc, trouble, words, *flags, **more):
        answer = self.fetch(*flags, **more)
        self.assertEqual((answer["rc"], answer["trouble"]), (rc, trouble), answer)
        self.assertIn(words, answer["message"])
        return answer


def skip_all(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def main():
    global _program
    if not os.access(BACKEND, os.X_OK):
        skip_all(f"{BACKEND} is not installed")
    _program = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
