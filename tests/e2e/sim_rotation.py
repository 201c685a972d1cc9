#!/usr/bin/env python3
"""The hub's own keys change while it serves: issuer and signer, then the root. Nobody is cut off, who
was away finds the hub again, and what is on the agents' disks stays good."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, cluster, files, fleet  # noqa: E402

WEB = "ConfigMap/default/web"
HERE = ["c01", "c02"]
ALL = ["c01", "c02", "c03"]
CONNECTS = "holdfast_agent_connects_total"


def web(number):
    return files("web", m.config_map("web", version=number), drift="correct")


class Rotation(SimStory):
    clusters = {**fleet(3), **cluster("late", number="9")}
    apps = web("1")
    begins = None
    sim_options = ("--reconnect-max", "1s")
    connects = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = cls.hub.data / "data" / "keys"
        # Who knows the first root of the hub goes on to know the hub.
        Hub.ca_file = cls.folder / "first-root.crt"
        shutil.copy(cls.keys / "root.crt", Hub.ca_file)

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim(*ALL, name=name)

    def command(self, *words, code=0):
        done = subprocess.run([program("holdfast-hub"), *words, "--data-dir", self.hub.data / "data"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def reload(self):
        before = len(self.events("hub.rotated"))
        self.hub.signal(signal.SIGHUP)
        wait_for(lambda: len(self.events("hub.rotated")) > before, SOON, "the hub to take over", 0.1)

    def behind(self):
        return self.hub.metrics()["holdfast_agents_trust_behind"]

    def deliver_to(self, names, number):
        self.commit(web(number))
        for name in names:
            self.wait_data(name, WEB, {"version": number})

    def assert_nobody_was_cut_off(self):
        self.assertEqual(self.hub.metrics()[CONNECTS], self.connects)

    def test_1_issuer_and_signer_are_made_anew_under_a_hub_that_serves(self):
        self.wait_connected(*ALL)
        for name in ALL:
            self.wait_data(name, WEB, {"version": "1"})
        type(self).connects = self.hub.metrics()[CONNECTS]
        before = (self.keys / "issuer.crt").read_text(encoding="utf-8")
        self.assertIn("SIGHUP", self.command("rotate"))
        self.reload()
        self.assertNotEqual((self.keys / "issuer.crt").read_text(encoding="utf-8"), before)
        self.deliver_to(ALL, "2")
        self.assert_nobody_was_cut_off()
        self.sim.restart("c01")  # by its old certificate
        self.wait_connected("c01")
        self.deliver_to(ALL, "3")

    def test_2_a_next_root_reaches_whoever_is_connected(self):
        self.sim.ask("kill", "c03")
        wait_for(lambda: self.connected() == set(HERE), SOON, "c03 to be gone", 0.1)
        type(self).connects = self.hub.metrics()[CONNECTS]
        self.command("rotate-root", "begin")
        self.reload()
        wait_for(lambda: self.behind() == 1, SOON, "all but one to have it", 0.1)
        told = self.hub.run("fleet", "health", check=False).stdout
        self.assertIn("1 agent lacks the newest set of roots", told)
        self.assertIn("1 agents lack the newest", self.command("rotate-root", "finish", code=1))
        self.assertIn("two roots already", self.command("rotate-root", "begin", code=1))

    def test_3_the_next_root_is_used_and_nobody_is_cut_off(self):
        self.command("rotate-root", "finish-anyway")
        # Until it reloads it certifies under the root before, and nobody counts these.
        self.assertIn("may still certify under the root before",
                      self.command("rotate-root", "begin", code=1))
        self.reload()
        self.deliver_to(HERE, "4")
        self.assert_nobody_was_cut_off()
        for name in HERE:
            self.sim.restart(name)
        self.wait_connected(*HERE)
        self.deliver_to(HERE, "5")

    def test_4_an_agent_that_was_away_finds_the_hub_again(self):
        self.sim.ask("start", "c03")
        self.wait_data("c03", WEB, {"version": "5"})
        wait_for(lambda: self.behind() == 0, SOON, "all to have it", 0.1)

    def test_5_who_enrolls_now_believes_the_new_root(self):
        late = self.make_late()
        self.wait_connected("late")
        wait_for(lambda: late.object("late", WEB), SOON, "its App", 0.1)
        wait_for(lambda: self.behind() == 0, SOON, "all to have it", 0.1)

    # A certificate of the second in which the root became the root counts as one of before.
    def make_late(self):
        second = int(time.time())
        wait_for(lambda: int(time.time()) > second, SOON, "another second", 0.1)
        type(self).late = SimStory.make_sim.__func__(type(self), "late", name="late")
        return self.late.start()

    def test_6_the_first_root_is_dropped_and_what_is_on_disks_stays_good(self):
        self.command("rotate-root", "drop")
        self.reload()
        wait_for(lambda: self.behind() == 0, SOON, "all to have it", 0.1)
        self.deliver_to(ALL, "6")
        self.hub.terminate()
        for name in ALL:
            self.sim.restart(name)
        self.sim.ask("delete", "c03", WEB)
        self.wait_data("c03", WEB, {"version": "6"})
        self.hub.start_and_wait()
        self.wait_connected(*ALL, "late")
        self.deliver_to(ALL, "7")
        self.assertNotIn("agent.manifest_refused", self.sim.log_text())

    def test_7_another_root_waits_until_certificates_of_the_first_are_renewed(self):
        refused = self.command("rotate-root", "begin", code=1)
        self.assertRegex(refused, r"3 agents have certificates of the root before this one.* by 20\d\d-")
        self.assertIn("begin-anyway", refused)
        self.command("rotate-root", "begin-anyway")
        self.reload()
        wait_for(lambda: self.behind() == 0, SOON, "all to have it", 0.1)
        self.assertIn("3 agents have certificates", self.command("rotate-root", "finish", code=1))

    def test_8_keys_that_root_makes_are_the_users_that_the_hub_runs_as(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        owner = 65534
        os.chown(self.hub.data / "data", owner, owner)
        for file in (self.hub.data / "data").rglob("*"):
            os.chown(file, owner, owner, follow_symlinks=False)
        self.command("rotate")
        self.assertEqual({file.lstat().st_uid for file in self.keys.iterdir()}, {owner})


if __name__ == "__main__":
    story.main()
