#!/usr/bin/env python3
"""The first commit reaches all; afterwards nobody writes anything until Git changes."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet, pause  # noqa: E402


class FirstCommit(SimStory):
    clusters = fleet(12)
    apps = {
        **files("platform", m.namespace("shop")),
        **files("web", m.config_map("web", number="${number}"), m.deployment("web", replicas=2),
                m.secret("password", word="of ${cluster.name}"), namespace="shop", plainSecrets="allow",
                dependsOn=[{"name": "platform"}]),
    }

    def test_every_cluster_runs_what_git_says_with_its_own_values(self):
        for i in range(1, 13):
            name = f"c{i:02}"
            self.assertEqual(self.data(name, "ConfigMap/shop/web"), {"number": str(i)})
            self.assertIsNotNone(self.sim.object(name, "Secret/shop/password"))

    def test_the_hub_shows_it(self):
        rows = self.rows("clusters")
        self.assertEqual(len(rows), 12)
        for row in rows:
            self.assertTrue(row["enrolled"] and row["connected"], row)
            self.assertEqual((row["apps"], row["applied"], row["healthy"], row["drifted"]),
                             (2, 2, 2, 0), row)
            self.assertEqual(row["generation"], row["agentGeneration"])
        self.assertEqual([row["clusters"] for row in self.rows("apps")], [12, 12])
        self.assertEqual(self.rows("problems"), [])

    def test_who_did_what_is_on_record(self):
        self.assertEqual(self.events("sync.resolved")[0]["actor"],
                         "A Developer <dev@example.com>")
        self.assertEqual(len(self.events("agent.enrolled")), 12)
        self.assertEqual({row["cluster"] for row in self.events("app.applied", app="web")},
                         set(self.generations()))

    def test_nobody_writes_while_git_is_quiet(self):
        before = self.sim.state()
        generations = self.generations()
        self.hub.run("sync")
        self.hub.run("sync", "--app", "web")
        pause(2)
        after = self.sim.state()
        self.assertEqual((before["writes"], before["removes"]),
                         (after["writes"], after["removes"]))
        self.assertEqual(self.generations(), generations)

    def test_no_secret_is_in_the_database_or_a_log(self):
        self.hub.terminate()
        for file in (self.hub.data / "data").glob("hub.db*"):
            self.assertNotIn(b"of c03", file.read_bytes())
            self.assertNotIn(b"b2YgYzAz", file.read_bytes())
        for text in (self.hub.log_text(), self.sim.log_text()):
            self.assertNotIn("of c03", text)
            self.assertNotIn("b2YgYzAz", text)

    def test_the_hub_comes_back_and_has_secrets_for_who_needs_them(self):
        self.hub.start_and_wait()
        generations = self.generations()
        self.wait_connected(*generations)
        self.sim.ask("delete", "c03", "Secret/shop/password")
        self.wait_status("web", "c03", health="missing")
        self.hub.run("sync", "--app", "web", "--cluster", "c03")
        wait_for(lambda: self.sim.object("c03", "Secret/shop/password"), 20, "the Secret")
        self.wait()
        self.assertEqual(self.generations(), generations)


if __name__ == "__main__":
    story.main()
