#!/usr/bin/env python3
"""The API server is gone for a while, and later hangs: the agent says so and waits, believes nothing
to be missing, deletes nothing, and applies what came meanwhile once the server is back.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402


def settings(number, **data):
    return m.config_map(f"settings-{number}", **(data or {"x": "1"}))


class ApiAway(KubeStory):

    def change(self, **data):
        return {path("shop", settings(1, **data)): m.text(settings(1, **data))}

    def test_an_app_is_installed(self):
        self.deliver(files("shop", m.deployment("web"), *map(settings, range(5)),
                           namespace="default"))
        type(self).mark = self.cluster.audit_mark()

    def test_a_server_that_is_gone_is_told(self):
        self.cluster.stop_api()
        self.wait_status("shop", health="unknown", healthMessage=".", applied="applied")
        self.assertTrue(self.connected(), "hub and agent still talk")

    def test_nothing_is_believed_to_be_missing(self):
        for row in self.hub.get("objects", "--cluster", "real"):
            self.assertNotEqual(row["health"], "missing", row["key"])

    def test_what_came_meanwhile_is_applied_when_it_is_back(self):
        revision = self.commit(self.change(x="2"))
        self.wait_status("shop", applied="failed")
        self.cluster.start_api()
        self.wait_until(revision)
        self.assertEqual(self.find("ConfigMap", "settings-1")["data"], {"x": "2"})

    def test_what_changed_behind_our_back_is_seen_afterwards(self):
        self.admin.patch("ConfigMap", "settings-2", {"data": {"x": "9"}})
        self.wait_drift("ConfigMap/default/settings-2", "data.x")

    def test_a_server_that_hangs_is_told_too(self):
        self.cluster.pause_api()
        type(self).revision = self.commit(self.change(x="3"))
        self.wait_status("shop", 90, health="unknown", healthMessage=".")

    def test_it_goes_on_when_the_server_does(self):
        self.cluster.resume_api()
        self.wait_until(self.revision)
        self.assertEqual(self.find("ConfigMap", "settings-1")["data"], {"x": "3"})
        self.wait_status("shop", health="healthy", applied="applied")

    def test_an_agent_that_starts_without_a_server_waits_for_it(self):
        self.cluster.stop_api()
        self.agent.terminate()
        self.agent.start()
        self.wait_connected()
        self.wait_status("shop", health="unknown")
        self.cluster.start_api()
        self.wait_status("shop", health="healthy", applied="applied")

    def test_only_the_changes_were_written_and_nothing_deleted(self):
        # settings-1 is written for each of the two commits; the second puts settings-2 right too,
        # which somebody had changed. What was sent while the server hung it counts when it goes on,
        # though nobody waits for the answer any more; so each may be there once more.
        written = self.written(self.mark)
        self.assertEqual(set(written), {("patch", "configmaps")})
        self.assertIn(written["patch", "configmaps"], range(3, 6))
        self.assertEqual(self.find("ConfigMap", "settings-2")["data"], {"x": "1"})
        for number in (0, 3, 4):
            untouched = self.find("ConfigMap", f"settings-{number}")["metadata"]
            self.assertLessEqual(untouched["managedFields"][0]["time"],
                                 untouched["creationTimestamp"])
        lost = [e for e in self.events("app.degraded") if "missing" in e["message"]]
        self.assertEqual(lost, [])


if __name__ == "__main__":
    story.main()
