"""Processes of a test: each with a log file, each gone when the test is.

Whatever ends the test (its end, an exception, Ctrl-C, SIGTERM) stops them through atexit; the
kernel kills them (PR_SET_PDEATHSIG) if the test itself is killed. Only processes started here are
ever signalled, by their pid.
"""
import atexit
import collections
import contextlib
import ctypes
import functools
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

STOP_SECONDS = 60  # a bound for a busy machine
PATIENCE = 3  # so many times what is said is waited for what must come
LOG_TAIL_LINES = 40

PR_SET_PDEATHSIG = 1

_running = []
_claims = []  # of ports
_wrong_ends = []
_libc = ctypes.CDLL(None)


class TimedOut(AssertionError):
    """What was waited for did not happen."""


def wait_for(condition, timeout, what="", interval=0.05, patience=PATIENCE):
    """Returns the first true value of condition(); raises TimedOut if there is none for long.

    timeout: seconds, with some room on a machine with other work; one that is slower still gets
    more. patience=1: exactly so long, for what may as well not come.
    A condition that raises AssertionError has not come true yet; its words end up in the message.
    """
    timeout *= patience
    deadline = time.monotonic() + timeout
    while True:
        reason = ""
        try:
            value = condition()
            if value:
                return value
        except AssertionError as error:
            reason = f": {error}"
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {timeout} s for {what or 'a condition'}{reason}")
        time.sleep(interval)


def free_port():
    """A port nobody listens on, from below the range that outgoing connections are given.

    So it stays free while a server that had it is restarted. No other test is given it, nor this
    one again: a name, which the kernel keeps as long as the test lives, says that it is taken.
    """
    for _ in range(100):
        port = random.randint(20000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0holdfast-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise RuntimeError("no free port between 20000 and 32000")


def _looking_in(look):
    """Our programs let nobody look into them (common/harden.h), whose ever they are: that takes a right."""
    @functools.wraps(look)
    def looked(self):
        try:
            return look(self)
        except PermissionError as error:
            raise unittest.SkipTest(f"only with CAP_SYS_PTRACE {self.name} can be looked into: {error}") from error
    return looked


class Process:
    """A program that runs with its output in a log file.

    graceful=False: nothing is lost when it is killed, so terminate() does not wait for its manners.
    Of others wrong_ends() tells if they end with another code than end_code, but for those that the
    test killed and those whose end it waited for.
    Start it from the main thread: the kernel ends it with the thread that started it.
    """

    def __init__(self, name, argv, folder, env=None, graceful=True, end_code=0):
        self.name = name
        self.end_code = end_code
        self.stop_signal = signal.SIGTERM if graceful else signal.SIGKILL
        self.argv = [str(word) for word in argv]
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.env = {**os.environ, **(env or {})}
        self.child = None
        self.judged = True  # nobody has to ask any more how it ended

    def start(self):
        """Starts the program; a log that exists is continued."""
        assert not self.alive(), f"{self.name} runs already"
        self._judge()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C reaches the test first, which then stops all in order.
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=self.env, cwd=self.log.parent,
                                          start_new_session=True, preexec_fn=_die_with_parent)
        self.judged = self.stop_signal == signal.SIGKILL
        if self not in _running:
            _running.append(self)
        return self

    @property
    def pid(self):
        return self.child.pid if self.child else None

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def check_alive(self):
        if not self.alive():
            raise RuntimeError(f"{self.name} ended with code {self.child.returncode}")

    def exit_code(self, timeout=STOP_SECONDS):
        """Waits for the program to end by itself."""
        code = self.child.wait(timeout)
        self.judged = True
        return code

    def signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def terminate(self, timeout=STOP_SECONDS):
        """Ends the program and waits; returns its exit code. Kills it after timeout."""
        self.signal(signal.SIGCONT)
        self.signal(self.stop_signal)
        code = self._reap(timeout)
        self._judge()
        return code

    def kill(self):
        """kill -9: no chance to tidy up."""
        if self.alive():
            self.judged = True
        self.signal(signal.SIGKILL)
        return self._reap(STOP_SECONDS)

    def pause(self):
        """Keeps the program and its connections, but lets it do nothing."""
        if self.alive():
            self.child.send_signal(signal.SIGSTOP)
            # One of its threads may still have answered; now none does.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self):
        self.signal(signal.SIGCONT)

    def wait_ready(self, ready, timeout, what="ready"):
        """Waits until ready() is true; fails at once if the program ends before that."""
        def ready_or_dead():
            self.check_alive()
            return ready()
        return wait_for(ready_or_dead, timeout, f"{self.name} to be {what}")

    def rss_kib(self):
        """Resident memory, in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise RuntimeError(f"{self.name} has no memory: it has ended")

    @_looking_in
    def sockets(self):
        """How many sockets it has open."""
        held = 0
        for descriptor in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                held += os.readlink(descriptor).startswith("socket:")
        return held

    @_looking_in
    def held(self):
        """What it has open, counted by what it is, and its threads."""
        found = collections.Counter()
        for descriptor in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                name = os.readlink(descriptor).removesuffix(" (deleted)")
                found["pack" if name.endswith(".pack") else re.sub(r"\d+", "", name)] += 1
        found["thread"] = len(list(pathlib.Path(f"/proc/{self.pid}/task").iterdir()))
        return found

    @_looking_in
    def memory(self):
        """What the program has in its memory, but for the files that it maps."""
        with open(f"/proc/{self.pid}/maps", encoding="ascii") as maps:
            lines = [line.split() for line in maps]
        ranges = [line[0].split("-") for line in lines if "w" in line[1]]
        held = []
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            for start, end in ranges:
                try:
                    memory.seek(int(start, 16))
                    held.append(memory.read(int(end, 16) - int(start, 16)))
                except OSError:
                    continue  # it has just gone
        return b"".join(held)

    def log_text(self):
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=LOG_TAIL_LINES):
        text = "\n".join(line[:300] for line in self.log_text().splitlines()[-lines:])
        return f"--- {self.name}: the end of {self.log}\n{text}"

    def _judge(self):
        """Remembers an end that was not as it should be, once."""
        if not self.judged and self.child.returncode != self.end_code:
            _wrong_ends.append(f"{self.name} ended with code {self.child.returncode}, "
                               f"not {self.end_code}\n{self.log_tail()}")
        self.judged = True

    def _reap(self, timeout):
        if self.child is None:
            return None
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return self.child.returncode


def stop_all():
    """Stops what still runs, the last started first."""
    for process in reversed(_running):
        process.terminate()
    _running.clear()


def wrong_ends():
    """Says of each process that did not end as it should how it did; complete after stop_all."""
    return list(_wrong_ends)


def print_logs(out=sys.stderr):
    """Shows the end of each log, for a test that failed."""
    for process in _running:
        print(process.log_tail(), file=out, flush=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_on_signal(number, _frame):
    sys.exit(128 + number)  # atexit handlers run; by default SIGTERM would skip them


atexit.register(stop_all)
for _number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _exit_on_signal)
