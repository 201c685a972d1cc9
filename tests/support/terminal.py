"""A real terminal of a test: tmux, without anybody's settings."""
import itertools
import os
import pathlib
import shlex
import shutil
import subprocess
import unittest

from support.process import PATIENCE, wait_for


NUMBERS = itertools.count(1)  # a server that is ending may still have its socket


def need_tmux():
    if shutil.which("tmux") is None:
        raise unittest.SkipTest("tmux is not installed")


class Terminal:
    """One window of a tmux server of its own; close() ends it and what runs in it."""

    def __init__(self, folder, command, width=80, height=24, env=None):
        need_tmux()
        self.socket = pathlib.Path(folder) / f"tmux-{next(NUMBERS)}"
        self.env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})}
        self.env.pop("TMUX", None)
        words = command if isinstance(command, str) else shlex.join(map(str, command))
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), words,
                   ";", "set", "-g", "remain-on-exit", "on", ";", "set", "-g", "status", "off")
        self.resize(width, height)

    def _tmux(self, *words):
        return subprocess.run(["tmux", "-S", str(self.socket), *words], env=self.env, check=True,
                              capture_output=True, text=True).stdout

    def text(self, colours=False):
        """What can be seen, line by line; with the escape sequences of colours if asked for."""
        return self._tmux("capture-pane", "-p", *(["-e"] if colours else [])).rstrip("\n")

    def lines(self):
        return self.text().split("\n")

    def keys(self, *keys):
        """Presses keys by tmux' names: C-c, Tab, Enter, q."""
        self._tmux("send-keys", *keys)

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def resize(self, width, height):
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def ask(self, what):
        """A variable of tmux, such as cursor_flag or alternate_on."""
        return self._tmux("display-message", "-p", "#{" + what + "}").strip()

    def wait_for(self, *parts, timeout=20, patience=PATIENCE):
        """Waits until all of these can be seen; returns the text."""
        def seen():
            text = self.text()
            missing = [part for part in parts if part not in text]
            assert not missing, f"{missing} not in:\n{text}"
            return text
        return wait_for(seen, timeout, "a text on the terminal", patience=patience)

    def close(self):
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], env=self.env, check=False,
                       capture_output=True)
