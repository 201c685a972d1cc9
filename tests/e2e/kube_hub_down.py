#!/usr/bin/env python3
"""The hub is down while somebody changes the cluster. The agent corrects what it may, and tells
everything once the hub is back. It works on without the hub, also after a restart of its own.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402


class HubDown(KubeStory):

    def edit(self, name, colour):
        self.admin.patch("ConfigMap", name, {"data": {"colour": colour}})

    def wait_colour(self, name, colour):
        self.cluster.wait_for(
            lambda: self.find("ConfigMap", name)["data"]["colour"] == colour, 30)

    def test_two_apps_are_installed(self):
        self.deliver({
            **files("kept", m.config_map("kept", colour="green"), m.deployment("kept"),
                    namespace="default", drift="correct"),
            **files("watched", m.config_map("watched", colour="green"), namespace="default", showValues=["colour"])})

    def test_drift_is_corrected_without_the_hub(self):
        self.hub.terminate()
        self.edit("watched", "red")
        self.edit("kept", "red")
        self.wait_colour("kept", "green")

    def test_also_by_an_agent_that_was_started_without_the_hub(self):
        self.agent.terminate()
        self.edit("kept", "blue")
        self.admin.delete("Deployment", "kept")
        self.agent.start()
        self.wait_colour("kept", "green")
        self.cluster.wait_ready("Deployment", "kept")

    def test_what_was_seen_meanwhile_is_told_afterwards(self):
        self.hub.start_and_wait()
        self.wait_connected()
        row = self.wait_drift("ConfigMap/default/watched", "data.colour")
        self.assertEqual((row["actual"], row["manager"]), ('"red"', "kubectl-edit"))
        self.wait_status("kept", applied="applied", health="healthy", drifted=0)

    def test_commits_made_meanwhile_arrive(self):
        self.hub.terminate()
        changed = m.config_map("watched", colour="yellow")
        revision = self.repo.push({path("watched", changed): m.text(changed)})
        self.hub.start_and_wait()
        self.wait_until(revision)
        self.assertEqual(self.find("ConfigMap", "watched")["data"]["colour"], "yellow")
        self.wait_no_drift()


if __name__ == "__main__":
    story.main()
