#!/usr/bin/env python3
"""Killed at each named point (common/fault.h) between the hub and its agents, hub and agents lose nothing that was
recorded, tell it once and do it once."""
import os
import pathlib
import shutil
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from sim_fault_points import HUB, ROOT  # noqa: E402
from support import manifests as m, story  # noqa: E402
from support.faults import Faults  # noqa: E402
from support.process import Process, wait_for  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, cluster, files, fleet  # noqa: E402

SIM = os.environ.get("HOLDFAST_SIM_POINTS") or ROOT / "build/release/tests/e2e/holdfast-sim.points"
HERE = ("c01", "c02")
WEB = "ConfigMap/default/web"
SHOP = "Deployment.apps/default/shop"
MORE = "ConfigMap/default/more"
WORDS = "Failed checks threshold reached 5"
RENEWAL_MS = 45 * 60 * 1000  # of a certificate that lives an hour


def web(number):
    return files("web", m.config_map("web", version=str(number)))


def shop(image):
    return files("shop", m.deployment("shop", f"reg/shop:{image}"))


class Points(SimStory):
    clusters = {**fleet(len(HERE)), **cluster("late")}
    apps = {**web(1), **shop("good")}
    begins = None
    poll = "1s"
    repo_more = "  write: direct\n"
    hub_binary = HUB
    sim_binary = SIM
    sim_options = ("--reconnect-max", "1s")
    hub_options = ("--certificate-life", "1h")
    version = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.faults = Faults(cls.folder / "hub.faults")
        cls.faults.give(cls.hub)
        cls.hub.terminate()  # from now on it has a clock of its own
        cls.hub.start_and_wait()
        wait_for(lambda: all(cls.sim.object(name, WEB) for name in HERE), SOON, "the first version")

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim(*(HERE if name == "sim" else ("late",)), name=name)

    def ask(self, *words):
        """A verb whose answer nobody waits for: the hub is killed meanwhile."""
        asking = threading.Thread(target=self.hub.run, args=words, kwargs={"check": False})
        asking.start()
        self.addCleanup(asking.join)

    def in_git(self, folder):
        return self.git("ls-tree", "-r", "--name-only", "origin/main", folder).split()

    def begin_hub(self):
        self.hub.start_and_wait()
        self.wait_connected(*HERE)

    def lose_hub(self):
        """Until the agents know that it is away."""
        self.hub.kill()
        wait_for(lambda: self.sim.state()["connected"] == 0, SOON, "nobody to be connected")

    def begin_sim(self):
        self.sim.start()
        self.wait_connected(*HERE)

    def push(self, changes=None):
        """The next version, and more; who shall hear of it does."""
        type(self).version += 1
        self.follow()
        return self.repo.push({**web(self.version), **(changes or {})}, "change")

    def wait_version(self, revision):
        for name in HERE:
            self.wait_event("app.applied", cluster=name, app="web", revision=revision)
            self.wait_data(name, WEB, {"version": str(self.version)})

    def assert_nothing_is_in_doubt(self):
        """One version more: whatever is told comes before what is told of it."""
        revision = self.push()
        self.wait_version(revision)

    def once(self, kind, **wanted):
        self.wait_event(kind, **wanted)
        self.assert_nothing_is_in_doubt()
        self.assertEqual(len(self.events(kind, **wanted)), 1)


class HubKilled(Points):
    def test_a_manifest_is_recorded_and_not_sent(self):
        before = self.generations()
        with self.killed_at("manifest-published", self.hub):
            revision = self.push()
        self.begin_hub()
        self.wait_version(revision)
        self.assertEqual({name: self.generations()[name] - before[name] for name in HERE}, dict.fromkeys(HERE, 1))

    def test_a_report_is_recorded_and_not_acknowledged(self):
        with self.killed_at("report-recorded", self.hub):
            self.sim.ask("degrade", "c01", "shop", "on")
        self.begin_hub()
        self.wait_status("shop", "c01", health="degraded")
        self.once("app.degraded", cluster="c01")

    def test_a_journal_is_recorded_and_not_acknowledged(self):
        self.lose_hub()
        self.sim.ask("degrade", "c02", "shop", "on")
        self.sim.ask("drift", "c02", SHOP, "spec.replicas", "7", "painter")
        wait_for(lambda: b"painter" in (self.sim.data / "c02" / "log").read_bytes(), SOON, "it to be in the journal")
        with self.killed_at("journal-recorded", self.hub):
            self.hub.start_and_wait()
        self.begin_hub()
        self.once("app.degraded", cluster="c02")
        self.once("drift.found", cluster="c02")

    def test_a_renewed_certificate_is_recorded_and_not_answered(self):
        self.hub.kill()
        with self.killed_at("key-certified", self.hub):
            self.faults.set(Faults.CLOCK_MS, RENEWAL_MS)
            self.hub.start_and_wait()
        self.begin_hub()
        for name in HERE:
            self.once("agent.renewed", cluster=name)
        self.assertEqual(self.events("agent.held"), [])

    def test_an_enrolment_is_recorded_and_not_answered(self):
        late = self.make_sim(name="late")
        with self.killed_at("enrolment-recorded", self.hub):
            late.start()
        self.begin_hub()
        self.wait_connected("late")
        wait_for(lambda: late.object("late", WEB), SOON, "it to run what Git says")
        self.once("agent.enrolled", cluster="late")
        with self.subTest(point="revocation-recorded"):
            with self.killed_at("revocation-recorded", self.hub):
                self.ask("revoke", "late")
            self.begin_hub()
            wait_for(lambda: self.hub.metrics()["holdfast_agents_refused_total"] > 0, SOON, "it to be turned away")
            self.assertNotIn("late", self.connected())
            self.once("agent.revoked", cluster="late")
        late.terminate()

    def test_the_red_button_is_recorded_and_nobody_told(self):
        with self.killed_at("freeze-recorded", self.hub):
            self.ask("freeze", "--all", "--reason", "x", "--name", "stop")
        self.begin_hub()
        wait_for(lambda: [row["stopped"] for row in self.hub.get("freezes")] == [len(HERE)], SOON, "all to stop", 0.1)
        wait_for(lambda: self.in_git("freezes"), SOON, "the file", 0.1)
        revision = self.push()
        self.wait_status("web", "c01", applied="pending", frozen="stop: x")
        self.assertEqual(len(self.events("freeze.started")), 1)
        said = self.git("log", "--format=%s", "origin/main", "--", "freezes/").splitlines()
        self.assertEqual(len(said), 1, said)
        self.hub.run("unfreeze", "stop")
        self.wait_version(revision)
        wait_for(lambda: not self.in_git("freezes"), SOON, "the file to go", 0.1)  # else it comes between a push

    def test_z_a_restore_is_begun_anew_and_counts_once(self):
        data, backup = self.hub.data / "data", self.folder / "hub.backup"
        words = [HUB, "backup", backup, "--data-dir", data]
        self.assertEqual(Process("backup", words, self.folder).start().exit_code(), 0)
        self.push()
        self.hub.kill()
        held = {name: self.sim.state(name)["generation"] for name in HERE}
        restore = Process("restore", [HUB, "restore", backup, "--data-dir", data], self.folder)
        shutil.rmtree(data)
        for point in ("backup-extracted", "epoch-raised"):
            with self.subTest(point=point):
                with self.killed_at(point, restore):
                    restore.start()
                self.assertNotEqual(self.hub.start().exit_code(), 0)
                self.assertIn("run 'holdfast-hub restore' once more", self.hub.log_text())
        self.assertEqual(restore.start().exit_code(), 0)
        self.assertIn("in epoch 2", restore.log_text())
        self.begin_hub()
        wait_for(lambda: all(self.generations()[name] > held[name] for name in HERE), SOON, "new manifests", 0.1)
        self.assert_nothing_is_in_doubt()
        self.assertEqual((len(self.events("hub.restored")), self.events("app.removed")), (1, []))


class AgentKilled(Points):
    def test_a_manifest_is_on_disk_and_not_in_force(self):
        for point in ("log-synced", "manifest-on-disk", "object-applied"):  # at the first, parts of it
            with self.subTest(point=point):
                before = self.generations()
                with self.killed_at(point, self.sim):
                    revision = self.push()
                self.begin_sim()
                self.wait_version(revision)
                self.assertEqual({name: self.generations()[name] - before[name] for name in HERE},
                                 dict.fromkeys(HERE, 1))
                for name in HERE:
                    told = self.events("app.applied", cluster=name, app="web", revision=revision)
                    self.assertEqual(len(told), 1, told)

    def test_an_object_is_made_and_nobody_noted_it(self):
        with self.killed_at("object-applied", self.sim):
            revision = self.push(files("more", m.config_map("more", x="1"), prune=True))
        self.begin_sim()
        self.wait_version(revision)
        for name in HERE:
            self.wait_data(name, MORE, {"x": "1"})
        with self.subTest(point="object-removed"):
            with self.killed_at("object-removed", self.sim):
                self.push(dict.fromkeys(files("more", m.config_map("more", x="1"))))
            self.begin_sim()
            for name in HERE:
                wait_for(lambda n=name: self.sim.object(n, MORE) is None, SOON, "it to be gone")
                self.once("app.removed", cluster=name)

    def test_what_a_controller_decided_is_noted_and_nobody_told(self):
        self.push(shop("bad"))
        wait_for(lambda: self.images("shop", 2) == ["bad"] * 2, SOON, "all to run it")
        with self.killed_at("decision-on-disk", self.sim):
            self.sim.ask("decide", "c01", SHOP, "rejected", WORDS)
        self.begin_sim()
        wait_for(lambda: self.images("shop", 2) == ["good", "bad"], PATIENT, "each cluster to run its own", 0.1)
        wait_for(lambda: self.in_git("holds/shop"), PATIENT, "the Hold in Git", 0.1)
        self.wait_written()
        self.once("release.rejected", cluster="c01")
        said = self.git("log", "--format=%s", "origin/main").splitlines()
        self.assertEqual(len([line for line in said if line.startswith("hold(shop): ")]), 1, said)

    def test_the_journal_is_noted_and_nobody_told(self):
        self.lose_hub()
        with self.killed_at("log-synced", self.sim):
            self.sim.ask("degrade", "c02", "shop", "on")
        self.sim.start()
        self.begin_hub()
        self.once("app.degraded", cluster="c02")
        self.once("app.recovered", cluster="c02")

    def test_a_renewed_certificate_is_on_disk_and_not_confirmed(self):
        self.hub.kill()
        with self.killed_at("identity-on-disk", self.sim):
            self.faults.set(Faults.CLOCK_MS, RENEWAL_MS)
            self.hub.start_and_wait()
        self.begin_sim()
        for name in HERE:
            self.once("agent.renewed", cluster=name)
        self.assertEqual(self.events("agent.held"), [])


if __name__ == "__main__":
    story.main()
