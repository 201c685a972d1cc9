#!/usr/bin/env python3
"""What make says and does when all is there already: it asks for no package and builds nothing."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


class MakeAgain(story.Story):

    def stub(self, name, script):
        """Puts a program of this name before all others that make finds."""
        path = self.folder / "stubs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def make(self, target):
        env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        env["PATH"] = f"{self.folder / 'stubs'}:{env['PATH']}"
        done = subprocess.run(["make", target], cwd=ROOT, capture_output=True, text=True, env=env,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_what_is_built_is_not_built_again(self):
        if program("holdfast").parent != ROOT / "build" / "release" / "bin":
            self.skipTest("the programs are not those that make builds")
        self.assertEqual(self.make("build").stdout.splitlines()[-1], "ninja: no work to do.")

    def test_packages_that_are_there_are_not_asked_for_again(self):
        if shutil.which("dpkg-query") is None:
            self.skipTest("this is no Debian")
        for name in ("apt-get", "sudo"):
            self.stub(name, "echo nothing is missing >&2; exit 1")
        done = self.make("deps-test")
        self.assertEqual(done.stdout + done.stderr, "")

    def test_all_that_bench_prints_is_json(self):
        self.stub("dpkg-query", "echo installed")
        self.stub("cmake", "echo '[1/2] Building C object'")
        self.stub("python3", "echo '{\"machine\": {}}'")
        self.assertEqual(json.loads(self.make("bench").stdout), {"machine": {}})


if __name__ == "__main__":
    story.main()
