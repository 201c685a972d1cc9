#!/usr/bin/env python3
"""A hub is lost with its disk and restored from a backup that is older than its fleet."""
import os
import pathlib
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402

TEAM = "ConfigMap/default/team"
WEB = "ConfigMap/default/web"
ALL = ["c01", "c02", "c03"]


def web(number):
    return files("web", m.config_map("web", version=number), prune=True)


class BackupRestored(SimStory):
    clusters = fleet(3)
    apps = web("1")
    held = writes = None

    @classmethod
    def repositories(cls):
        cls.team = GitRepo(cls.folder, "team")
        cls.push_team("1")
        return super().repositories() + (f"- name: team\n  url: {cls.team.url}\n"
                                         "  path: fleet\n  pollInterval: 1m\n")

    @classmethod
    def push_team(cls, number):
        return cls.team.push({f"fleet/{name}": text for name, text in
                              files("team", m.config_map("team", version=number)).items()})

    @property
    def file(self):
        return self.folder / "hub.backup"

    def command(self, *words, code=0):
        done = subprocess.run([program("holdfast-hub"), *map(str, words), "--data-dir",
                               self.hub.data / "data"], capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def test_a_hub_that_serves_is_backed_up(self):
        for name in ALL:
            self.wait_data(name, TEAM, {"version": "1"})
        self.wait()
        self.assertIn("with 3 agents", self.command("backup", self.file))
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_the_fleet_goes_on(self):
        for number in ("2", "3"):
            self.deliver(web(number))
            revision = self.push_team(number)
            self.hub.run("sync", "--repository", "team")
            self.wait_resolved(revision)
            self.wait(revision)
        type(self).held = self.generations()
        self.sim.ask("kill", "c03")
        self.hub.kill()
        type(self).writes = self.sim.state()["writes"]

    def test_a_backup_is_restored_into_an_empty_folder_only(self):
        self.assertIn("move what is there away", self.command("restore", self.file, code=1))
        shutil.rmtree(self.hub.data / "data")
        (self.hub.data / "data").mkdir(mode=0o700)
        self.give()
        self.assertIn("in epoch 2", self.command("restore", self.file))
        self.assert_given()

    def give(self):
        """The hub of a service runs as a user of its own, while root restores it."""
        if os.geteuid() == 0:
            os.chown(self.hub.data / "data", 65534, 65534)

    def assert_given(self):
        owner = (self.hub.data / "data").stat().st_uid
        files = list((self.hub.data / "data").rglob("*"))
        self.assertGreater(len(files), 5)
        self.assertEqual({str(file): file.lstat().st_uid for file in files},
                         {str(file): owner for file in files})

    def test_while_one_repository_is_away_nobody_is_led_back(self):
        self.team.bare.rename(self.folder / "away")
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02")
        wait_for(lambda: self.events("sync.failed"), SOON, "a fetch to fail", 0.1)
        self.repo.push(web("4"))
        self.hub.run("sync", "--repository", "fleet")
        wait_for(lambda: self.sim.ask("start", "c03"), 10, "the agent of c03 to be gone")
        self.wait_connected("c03")
        self.assertEqual({self.data(name, WEB)["version"] for name in ALL}, {"3"})
        self.assertEqual({self.data(name, TEAM)["version"] for name in ALL}, {"3"})
        self.assertEqual(self.sim.state()["writes"], self.writes)
        self.assertEqual(len(self.events("hub.restored")), 1)

    def test_once_all_is_fetched_the_fleet_goes_on_above_what_it_holds(self):
        (self.folder / "away").rename(self.team.bare)
        self.hub.run("sync")
        for name in ALL:
            self.wait_data(name, WEB, {"version": "4"})
            self.assertEqual(self.data(name, TEAM), {"version": "3"})
        wait_for(lambda: all(now > self.held[name] for name, now in self.generations().items()),
                 SOON, "the generations", 0.1)
        self.wait()
        self.deliver(web("5"))
        self.assertEqual(self.data("c03", WEB), {"version": "5"})

    def test_nothing_was_deleted_and_the_hub_starts_again_as_usual(self):
        self.assertEqual(self.events("app.removed"), [])
        before = self.generations()
        self.hub.terminate()
        self.hub.start_and_wait()
        self.wait_connected(*ALL)
        self.assertEqual(self.generations(), before)

    def keep_registry(self, text):
        """Copies the registry once it says so, and lets the hub be lost."""
        file = self.hub.data / "data" / "registry.jsonl"
        wait_for(lambda: text in file.read_text(encoding="utf-8"), SOON, "the registry", 0.1)
        shutil.copy(file, self.folder / "registry")
        shutil.copytree(self.hub.data / "data" / "keys", self.folder / "keys", dirs_exist_ok=True)
        self.hub.kill()
        shutil.rmtree(self.hub.data / "data")

    def go_on(self, number):
        """Those who may are there again and run the next commit; c03 is not."""
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02")
        self.repo.push(web(number))
        self.hub.run("sync")
        for name in ("c01", "c02"):
            self.wait_data(name, WEB, {"version": number})
            self.assertEqual(self.data(name, TEAM), {"version": "3"})
        self.assertNotIn("c03", self.connected())
        self.assertEqual(self.data("c03", WEB), {"version": "5"})
        self.assertEqual(self.events("app.removed"), [])

    def test_who_was_revoked_after_the_backup_stays_out(self):
        self.command("backup", self.file)
        self.hub.run("revoke", "c03")
        self.keep_registry("revoked")
        told = self.command("restore", self.file, "--registry", self.folder / "registry")
        self.assertIn("with 2 agents", told)
        self.go_on("6")

    def test_without_a_backup_keys_and_a_clone_of_the_state_repository_are_enough(self):
        def of_the_clone():
            return subprocess.run(["git", "-C", self.hub.data / "data" / "state.git", "show",
                                   "events:registry/agents.jsonl"], capture_output=True, text=True,
                                  check=False, timeout=60).stdout
        wait_for(lambda: '"epoch":3' in of_the_clone(), SOON, "the registry in Git", 0.1)
        text = of_the_clone()
        self.keep_registry('"epoch":3')
        (self.folder / "registry").write_text(text, encoding="utf-8")
        shutil.copytree(self.folder / "keys", self.hub.data / "data" / "keys")
        self.assertIn("in epoch 4", self.command("recover", self.folder / "registry"))
        self.go_on("7")


if __name__ == "__main__":
    story.main()
