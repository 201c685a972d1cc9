#!/usr/bin/env python3
"""deploy/systemd: systemd understands every line of the units, the programs know the options in
them, and little of the machine is open to them.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import files  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
EXPOSURE = "20"  # tenths, as systemd-analyze counts what a service could do; 100 is everything
HARDENED = ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
            "CapabilityBoundingSet=", "StateDirectoryMode=0700")
CONFINED = pathlib.Path(__file__).resolve().parents[1] / "support" / "confined.py"
ANALYZE = shutil.which("systemd-analyze")


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "SYSTEMD_COLORS": "0"})


class SystemdUnits(story.Story):

    def built(self, unit):
        """The unit with the program that was built."""
        text = unit.read_text(encoding="utf-8")
        copy = self.folder / unit.name
        copy.write_text(text.replace(f"/usr/bin/{unit.stem}", str(program(unit.stem))),
                        encoding="utf-8")
        return copy

    def test_there_is_one_for_each_daemon(self):
        self.assertEqual([unit.stem for unit in UNITS], ["holdfast-agent", "holdfast-hub"])

    def test_the_programs_know_the_options(self):
        for unit in UNITS:
            line = re.search(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.M)[1]
            words = line.replace("${CREDENTIALS_DIRECTORY}", "/run/x").split()
            self.assertEqual(words[0], f"/usr/bin/{unit.stem}")
            done = run(program(unit.stem), *words[1:], "--version")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_they_are_hardened(self):
        for unit in UNITS:
            lines = unit.read_text(encoding="utf-8").splitlines()
            for wanted in HARDENED:
                self.assertIn(wanted, lines, unit.name)

    @story.unittest.skipUnless(ANALYZE, "systemd-analyze is not here")
    def test_systemd_understands_them(self):
        for unit in UNITS:
            done = run(ANALYZE, "verify", "--man=no", "--recursive-errors=no", self.built(unit))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    @story.unittest.skipUnless(ANALYZE, "systemd-analyze is not here")
    def test_little_is_open_to_them(self):
        for unit in UNITS:
            done = run(ANALYZE, "security", "--offline=true", f"--threshold={EXPOSURE}",
                       self.built(unit))
            self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)

    @story.unittest.skipUnless(ANALYZE, "systemd-analyze is not here")
    def test_a_hub_in_its_filter_reads_git(self):
        inside = self.folder / "confined-hub"
        inside.write_text(f"#!/bin/sh\nexec {sys.executable} -B {CONFINED} "
                          f"{FOLDER / 'holdfast-hub.service'} {program('holdfast-hub')} \"$@\"\n",
                          encoding="utf-8")
        inside.chmod(0o700)
        repo = GitRepo(self.folder)
        repo.push(files("web", m.config_map("web", colour="green")))
        hub = Hub(self.folder, repositories=f"repositories:\n- name: fleet\n  url: {repo.url}\n",
                  binary=inside)
        hub.start_and_wait()
        wait_for(lambda: [row["name"] for row in hub.get("apps")] == ["web"], 20,
                 "the commit to be read")
        status = pathlib.Path(f"/proc/{hub.pid}/status").read_text(encoding="utf-8")
        self.assertRegex(status, r"Seccomp:\t2\n")
        self.assertEqual(hub.terminate(), 0)


if __name__ == "__main__":
    story.main()
