#!/usr/bin/env python3
"""Wrong options end every program with 2 and a hint, before anything is made on the disk."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402

DAEMONS = ("holdfast-hub", "holdfast-agent", "holdfast-sim")


class WrongOptions(story.Story):

    def refused(self, name, *words):
        """Runs a program in its own folder; returns what it says."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        done = subprocess.run([program(name), *words], cwd=folder, capture_output=True, text=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(list(folder.iterdir()), [])
        return done.stderr

    def test_an_option_that_is_none(self):
        for name in (*DAEMONS, "holdfast"):
            self.assertIn("'--bogus' is no option", self.refused(name, "--bogus"))

    def test_a_word_too_many(self):
        for name in DAEMONS:
            self.assertIn("'extra'", self.refused(name, "extra"))

    def test_a_value_that_means_nothing(self):
        for name in DAEMONS:
            said = self.refused(name, "--data-dir", "data", "--log-level", "loud")
            self.assertIn("--log-level: 'loud'", said)
            said = self.refused(name, "--data-dir", "data", "--log-format", "xml")
            self.assertIn("--log-format: 'xml'", said)
        self.assertIn("--driver: 'lxc'", self.refused("holdfast-agent", "--driver", "lxc"))

    def test_an_api_without_tls_for_everybody(self):
        said = self.refused("holdfast-hub", "--data-dir", "data", "--api-insecure", "--api-listen",
                            "0.0.0.0:0")
        self.assertIn("leave out --api-insecure", said)

    def test_two_root_keys(self):
        said = self.refused("holdfast-hub", "--data-dir", "data", "rotate", "a.key", "b.key")
        self.assertIn("say one file", said)


if __name__ == "__main__":
    story.main()
