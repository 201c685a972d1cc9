#!/usr/bin/env python3
"""Who may connect: wrong and used tokens are refused, a revoked agent is cut off, a rebuilt cluster
is enrolled again, a copied disk is noticed."""
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, cluster, files, fleet, pause  # noqa: E402

KEY = "ConfigMap/default/web"


class Enroll(SimStory):
    clusters = {**fleet(5), **cluster("late", number="9")}
    apps = files("web", m.config_map("web", number="${number}"))
    begins = None

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("c01", "c02", "c03", "c04", "c05", name=name)

    def agent(self, token, name="late"):
        return Agent(self.folder, self.hub, name, token,
                     options=("--reconnect-min", "100ms", "--reconnect-max", "500ms"))

    def test_a_cluster_that_is_not_in_git_can_be_enrolled_with_a_warning(self):
        done = self.hub.run("enroll", "latte", "--tokens")
        self.assertRegex(done.stdout, "^latte ")
        self.assertIn("no Cluster document in Git names 'latte'", done.stderr)
        self.assertIn("did you mean 'late'?", done.stderr)
        self.assertEqual(self.hub.run("enroll", "late", "--tokens").stderr, "")

    def test_a_wrong_token_is_refused_and_says_so(self):
        self.wait_connected("c01", "c02", "c03", "c04", "c05")
        good = self.hub.join_token("late")
        kind, number, secret, pin = good.split("_")
        wrong = "_".join((kind, number, secret[:-4] + ("0000" if secret[-4:] != "0000" else "1111"),
                          pin))
        agent = self.agent(wrong).start()
        wait_for(lambda: "enroll.refused" in self.hub.log_text(), 20, "the refusal")
        self.assertNotIn("late", self.connected())
        agent.kill()
        self.assertNotIn(secret, self.hub.log_text() + agent.log_text())

    def test_a_token_that_nobody_used_can_be_taken_back(self):
        token = self.hub.join_token("late")
        self.hub.run("revoke", "late")
        self.wait_event("agent.revoked", cluster="late", actor="admin")
        agent = self.agent(token, "slow").start()
        wait_for(lambda: "agent.enroll_refused" in agent.log_text(), 20, "the refusal")
        agent.kill()
        again = self.hub.run("revoke", "late", check=False)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("no join token waits for one", again.stderr)

    def test_a_right_one_lets_the_cluster_in_once(self):
        type(self).token = self.hub.join_token("late")
        type(self).late = self.agent(self.token, "late2").start()
        self.wait_connected("late")
        second = self.agent(self.token, "thief").start()
        wait_for(lambda: "agent.enroll_refused" in second.log_text(), 20, "the refusal")
        second.kill()
        self.assertIn("late", self.connected())

    def test_an_enrolled_cluster_gets_no_token_by_mistake(self):
        done = self.hub.run("enroll", "late", "--tokens", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--again", done.stderr)

    def test_a_revoked_agent_is_cut_off_at_once(self):
        self.wait_status("web", "c02", applied="applied")
        self.hub.run("revoke", "c02")
        wait_for(lambda: "c02" not in self.connected(), 10, "c02 to be gone", 0.1)
        self.wait_event("agent.revoked", cluster="c02", actor="admin")
        self.commit(files("web", m.config_map("web", number="${number}", x="1")))
        self.wait_data("c01", KEY, {"number": "1", "x": "1"})
        pause(1)
        self.assertEqual(self.data("c02", KEY), {"number": "2"})

    def test_nor_does_a_restart_let_it_in_even_with_another_issuer(self):
        self.hub.terminate()
        rotated = subprocess.run([program("holdfast-hub"), "--data-dir",
                                  self.hub.data / "data", "rotate"], capture_output=True, text=True,
                                 timeout=20, check=True)
        self.assertIn("reload the hub", rotated.stdout)
        self.hub.start_and_wait()
        self.wait_connected("c01", "c03", "c04", "c05", "late")
        self.assertNotIn("c02", self.connected())

    def test_it_is_enrolled_anew(self):
        self.sim.terminate()
        for file in (self.sim.data / "c02").iterdir():
            file.unlink()
        tokens = self.hub.run("enroll", "c02", "--tokens").stdout
        (self.folder / "sim.tokens").write_text(tokens, encoding="utf-8")
        self.sim.start()
        self.wait_connected("c01", "c02", "c03", "c04", "c05", "late")
        self.wait_data("c02", KEY, {"number": "2", "x": "1"})
        self.wait()

    def test_a_rebuilt_cluster_takes_the_place_of_the_old_one(self):
        self.late.kill()
        token = self.hub.run("enroll", "late", "--again", "--tokens").stdout.split()[1]
        rebuilt = self.agent(token, "late3").start()
        self.wait_connected("late")
        self.wait()
        self.late.start() # the old one, with its old certificate
        wait_for(lambda: "agent.refused" in self.late.log_text(), 20, "the refusal")
        rebuilt.check_alive()
        self.assertIn("late", self.connected())
        self.late.kill()
        type(self).rebuilt = rebuilt

    def test_a_copied_disk_is_noticed_and_both_wait_for_a_person(self):
        copy = self.agent("", "copy")
        shutil.copy(self.rebuilt.data / "identity", copy.data)
        copy.start()
        self.wait_event("agent.held", cluster="late", actor="hub")
        wait_for(lambda: "late" not in self.connected(), 10, "both to be gone", 0.1)
        self.assertRegex(self.hub.run("get", "agents").stdout,
                         "late .* two agents have this identity")
        self.assertIn("two agents have this",
                      self.hub.run("describe", "cluster", "late").stdout)
        copy.kill()

    def test_once_approved_the_right_one_goes_on_with_a_new_key(self):
        other = self.hub.run("approve", "late", "--key", "00000000", check=False).stderr
        key = re.search("the key of cluster 'late' is ([0-9a-f]{8})", other).group(1)
        self.hub.run("approve", "late", "--key", key)
        self.wait_event("agent.approved", cluster="late", actor="admin")
        self.rebuilt.terminate()
        self.rebuilt.start()
        self.wait_connected("late")
        self.wait_event("agent.renewed", cluster="late", actor="agent")
        again = self.hub.run("approve", "late", check=False)
        self.assertIn("no agent of cluster 'late' waits for an approval", again.stderr)


if __name__ == "__main__":
    story.main()
