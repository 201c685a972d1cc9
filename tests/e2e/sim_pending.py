#!/usr/bin/env python3
"""A person has the last word on who comes in: an agent that enrolled with a token that needs approval gets nothing,
over restarts and a lost disk of the hub, until somebody accepts its key as its own log shows it; a thief's is not."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, cluster, files, fleet  # noqa: E402

OTHER = "0123456789abcdef"


class Pending(SimStory):
    clusters = {**fleet(1), **cluster("late", number="8"), **cluster("later", number="9")}
    apps = files("web", m.config_map("web", number="${number}"))
    begins = None

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("c01", name=name)

    def agent(self, token, name):
        return Agent(self.folder, self.hub, name, token,
                     options=("--reconnect-min", "100ms", "--reconnect-max", "500ms")).start()

    def token(self, cluster, *more):
        done = self.hub.run("enroll", cluster, "--tokens", *more)
        self.assertIn(f"holdfast approve {cluster} --key KEY", done.stderr)
        return done.stdout.split()[1]

    def row(self, cluster):
        return next(row for row in self.hub.get("agents") if row["cluster"] == cluster)

    def wait_pending(self, agent, times=1):
        """Until the agent was told so (once more); returns its key as its log shows it."""
        told = r"id=agent\.pending .*key=([0-9a-f]{64})"
        wait_for(lambda: len(re.findall(told, agent.log_text())) >= times, PATIENT, "it to be told to wait", 0.1)
        return re.findall(told, agent.log_text())[-1]

    def has_work(self, agent):
        log = agent.data / "log"
        return log.exists() and b"ConfigMap/default/web" in log.read_bytes()

    def assert_waits(self, cluster, agent):
        row = self.row(cluster)
        self.assertEqual((row["pending"], row["connected"]), (True, False))
        self.assertIn("waits until somebody accepts its key", row["held"])
        self.assertFalse(self.has_work(agent))

    def line_of_late(self, other=None):
        """What is left of the registry says of it; `other` takes the place of that."""
        kept = self.folder / "kept" / "registry"
        lines = kept.read_text().splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if json.loads(line).get("cluster") == "late")
        was, lines[at] = lines[at], other or lines[at]
        kept.write_text("".join(lines))
        return was

    def test_01_with_such_a_token_it_enrolls_and_waits(self):
        type(self).late = self.agent(self.token("late", "--needs-approval"), "late")
        type(self).key = self.wait_pending(self.late)
        self.assertEqual(self.row("late")["key"], self.key)
        self.wait_event("agent.pending", cluster="late", actor="hub")
        self.assert_waits("late", self.late)
        self.assertIn(self.key[:16], self.hub.run("get", "agents").stdout)
        self.assertIn("agent waits for 'holdfast approve'", self.hub.run("fleet", "health", check=False).stdout)
        self.assertEqual(self.hub.metrics()["holdfast_agents_pending"], 1)

    def test_02_a_wrong_key_or_none_accepts_nothing(self):
        for more, words in (((), "say --key"), (("--key", self.key[:8]), "first 16 digits"),
                            (("--key", OTHER), f"has key {self.key[:16]}, not {OTHER}")):
            done = self.hub.run("approve", "late", *more, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
        self.assertEqual(self.events("agent.approved"), [])
        self.assert_waits("late", self.late)

    def test_03_nor_does_a_restart_of_either(self):
        self.hub.kill()
        self.late.kill()
        self.hub.start_and_wait()
        times = self.late.log_text().count("id=agent.pending")
        self.late.start()
        self.assertEqual(self.wait_pending(self.late, times + 1), self.key)
        self.assert_waits("late", self.late)

    def test_04_what_is_committed_meanwhile_goes_to_others(self):
        self.commit(files("web", m.config_map("web", number="${number}", x="1")))
        self.wait_data("c01", "ConfigMap/default/web", {"number": "1", "x": "1"})
        self.assert_waits("late", self.late)

    def test_05_a_second_token_takes_the_place_only_if_that_is_meant(self):
        done = self.hub.run("enroll", "late", "--tokens", check=False)
        self.assertIn("waits until somebody accepts its key", done.stderr)

    def test_06_a_hub_that_is_made_of_its_registry_knows_who_waits(self):
        registry = self.hub.data / "data" / "registry.jsonl"
        wait_for(lambda: self.key in registry.read_text() and '"heldKey"' in registry.read_text(), PATIENT,
                 "the registry to say that it waits", 0.1)
        self.lose_the_disk()
        type(self).waiting = self.line_of_late()
        times = self.late.log_text().count("id=agent.pending")
        self.recover("c01")
        self.late.terminate()
        self.late.start()
        self.wait_pending(self.late, times + 1)
        self.assert_waits("late", self.late)

    def test_07_accepted_it_is_let_in_by_itself_and_who_did_it_is_on_record(self):
        self.hub.run("approve", "late", "--key", self.key)
        self.wait_connected("late")
        wait_for(lambda: self.has_work(self.late), PATIENT, "its work", 0.1)
        self.wait_event("agent.approved", cluster="late", actor="admin")
        self.assertEqual((self.row("late")["pending"], self.row("late")["held"]), (False, ""))
        self.assertEqual(self.hub.metrics()["holdfast_agents_pending"], 0)

    def test_08_a_hub_that_is_made_of_an_older_registry_knows_it_by_the_key_that_it_was_given_since(self):
        wait_for(lambda: "id=agent.renewed" in self.late.log_text(), PATIENT, "its other key", 0.1)
        self.lose_the_disk()
        self.line_of_late(self.waiting)
        self.recover("c01", "late")
        self.wait_event("agent.approved", cluster="late", actor="hub")
        self.assertEqual((self.row("late")["pending"], self.row("late")["held"]), (False, ""))

    def test_09_a_hub_that_wants_it_needs_no_word_of_the_token(self):
        self.hub.config_file.write_text("enroll-needs-approval: true\n", encoding="utf-8")
        self.hub.terminate()
        self.hub.start_and_wait()
        type(self).thief = self.agent(self.token("later"), "thief")
        self.wait_pending(self.thief)
        self.wait_connected("late")  # who was let in before stays so

    def test_10_a_thief_who_was_first_is_found_out_and_shut_out(self):
        right = OTHER  # what the log of the right agent would show
        done = self.hub.run("approve", "later", "--key", right, check=False)
        self.assertIn("somebody else used the join token: 'holdfast revoke later'", done.stderr)
        self.hub.run("revoke", "later")
        self.thief.terminate()
        self.thief.start()  # who would ask again within minutes
        wait_for(lambda: "id=agent.refused" in self.thief.log_text(), PATIENT, "the refusal", 0.1)
        self.assertFalse(self.has_work(self.thief))
        again = self.agent(self.token("later"), "later")
        self.hub.run("approve", "later", "--key", self.wait_pending(again)[:16])
        again.terminate()
        again.start()
        self.wait_connected("later")
        self.wait_event("agent.revoked", cluster="later", actor="admin")


if __name__ == "__main__":
    story.main()
