#!/usr/bin/env python3
"""The hub's database is an old copy: agents that know more than the hub are not led back in time."""
import shutil
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEY = "ConfigMap/default/web"


def version(number):
    return files("web", m.config_map("web", version=number))


class DatabaseRestored(SimStory):
    clusters = fleet(5)
    apps = version("1")
    held = None

    def test_a_copy_is_made_and_the_fleet_goes_on(self):
        self.hub.terminate()
        shutil.copytree(self.hub.data / "data", self.folder / "backup")
        self.hub.start_and_wait()
        for number in ("2", "3", "4"):
            self.deliver(version(number))
        type(self).held = self.generations()

    def test_the_copy_takes_its_place_while_git_is_away(self):
        self.hub.kill()
        shutil.rmtree(self.hub.data / "data")
        shutil.copytree(self.folder / "backup", self.hub.data / "data")
        self.repo.bare.rename(self.folder / "away")
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03", "c04", "c05")

    def test_nobody_is_led_back_to_what_the_copy_knows(self):
        wait_for(lambda: len(self.events("agent.ahead")) >= 5, 30, "all to be noticed")
        self.assertEqual({row["cluster"] for row in self.events("agent.ahead")}, set(self.held))
        self.assertGreaterEqual(self.hub.metrics()["holdfast_agents_ahead_total"], 5)
        self.sim.ask("kill", "c01")
        wait_for(lambda: self.sim.ask("start", "c01"), 10, "the agent of c01 to be gone")
        wait_for(lambda: self.hub.metrics()["holdfast_agents_ahead_total"] >= 6, 30, "it to come again")
        wait_for(lambda: self.events("sync.failed"), 30, "a fetch to fail")
        self.assertEqual({self.data(name, KEY)["version"] for name in self.held}, {"4"})
        self.assertTrue(all(now < self.held[name] for name, now in self.generations().items()))

    def test_generations_go_above_what_agents_hold(self):
        (self.folder / "away").rename(self.repo.bare)
        self.hub.run("sync")
        wait_for(lambda: all(now > self.held[name] for name, now in self.generations().items()),
                 30, "the generations", 0.1)
        self.wait()
        for name in self.generations():
            self.assertEqual(self.data(name, KEY), {"version": "4"})

    def test_who_came_twice_was_told_of_once(self):
        self.assertEqual(len(self.events("agent.ahead")), 5)

    def test_no_old_version_was_applied_meanwhile(self):
        once_each = sorted(self.held)
        self.assertEqual(sorted(row["cluster"] for row in
                                self.events("app.applied", revision=self.first)), once_each)

    def test_what_they_reported_is_known_again(self):
        self.wait_status("web", "c02", applied="applied", health="healthy", upToDate=True)

    def test_the_fleet_goes_on(self):
        self.deliver(version("5"))
        self.assertEqual(self.data("c04", KEY), {"version": "5"})

    def test_who_was_revoked_after_the_copy_stays_out(self):
        data, registry = self.hub.data / "data", self.hub.data / "data" / "registry.jsonl"
        self.hub.terminate()
        shutil.copy(data / "hub.db", self.folder / "hub.db")
        self.hub.start_and_wait()
        self.hub.run("revoke", "c05")
        wait_for(lambda: '"revoked"' in registry.read_text(encoding="utf-8"), 30, "the registry", 0.1)
        self.hub.kill()
        for name in ("hub.db-wal", "hub.db-shm"):
            (data / name).unlink(missing_ok=True)
        shutil.copy(self.folder / "hub.db", data / "hub.db")
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03", "c04")
        self.assertNotIn("c05", self.connected())
        self.assertIn("id=registry.heeded", self.hub.log_text())
        event, = self.events("agent.revoked", cluster="c05")
        self.assertEqual(event["actor"], "hub")


if __name__ == "__main__":
    story.main()
