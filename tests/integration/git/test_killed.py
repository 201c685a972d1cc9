"""kill -9 in the middle of fetches: of the child, and of the program that started it."""
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import rig
from rig import EIO
from support.gitservers import run
from support.process import wait_for

ROUNDS = 20


def children_of(pid):
    try:
        return [int(word) for word in
                pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except FileNotFoundError:
        return []


def gone(pid):
    """Tells whether a process has ended, or is another one by now."""
    try:
        return b"--git-fetch-child" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


class Killed(rig.Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(4711)
        self.server = self.https()
        self.words = {"url": self.server.url + "/open/fleet.git", "ca_file": self.authority.cert}
        self.fetch_ok(**self.words)

    def grow(self, number):
        """Pushes enough for a fetch to take a moment."""
        files = {f"apps/{number}-{i}/x": "%x\n" % self.random.getrandbits(20000)
                 for i in range(100)}
        return self.repo.push(files)

    def start(self):
        """Starts a fetch; returns its process and the child's pid."""
        process = subprocess.Popen(self.argv(**self.words), stdout=subprocess.PIPE, text=True)
        child = []

        def has_child():
            child[:] = children_of(process.pid)
            return child or process.poll() is not None
        wait_for(has_child, 10, "the child", interval=0.001)
        return process, child[0] if child else None

    def expect_whole(self, head):
        answer = self.fetch_ok("--list", **self.words)
        self.assertEqual(answer["commit"], head)
        run("git", "-C", self.mirror / "repo", "fsck", "--full", "--strict")
        left = [p for p in self.mirror.rglob("*")
                if p.name.startswith("pack_git2_") or p.suffix == ".lock"]
        self.assertEqual(left, [])

    def test_the_next_fetch_works_whenever_a_child_was_killed(self):
        died = 0
        for number in range(ROUNDS):
            head = self.grow(number)
            process, child = self.start()
            time.sleep(self.random.uniform(0, 0.25))  # the moment of the kill is the point
            if child is not None and not gone(child):
                os.kill(child, signal.SIGKILL)
            answer = json.loads(process.communicate(timeout=180)[0])
            if answer["rc"] != 0:
                died += 1
                self.assertEqual((answer["rc"], answer["trouble"]), (EIO, "local"), answer)
                self.assertIn("ended by signal 9", answer["message"])
            self.expect_whole(head)
        self.assertGreater(died, 0, "no kill hit a running fetch")

    def test_a_child_does_not_outlive_who_started_it(self):
        head = self.grow(0)
        reached = threading.Event()

        def behave(connection, stopped):
            connection.recv(1)
            reached.set()
            stopped.wait()
        server = self.raw(behave)
        self.words["url"] = f"https://localhost:{server.port}/open/fleet.git"
        process, child = self.start()
        self.assertTrue(reached.wait(60))
        self.assertFalse(gone(child))
        process.kill()
        process.communicate()
        wait_for(lambda: gone(child), 10, "the child to end")
        self.words["url"] = self.server.url + "/open/fleet.git"
        self.expect_whole(head)


if __name__ == "__main__":
    rig.main()
