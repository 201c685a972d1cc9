#!/usr/bin/env python3
"""An agent loses its disk but not its identity: it recovers, and takes nothing away."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, cluster, files, fleet  # noqa: E402


class DiskLost(SimStory):
    clusters = {**fleet(5), **cluster("lossy", number="9")}
    apps = {**files("web", m.config_map("web", number="${number}"), prune=True),
            **files("db", m.config_map("db", number="${number}"), prune=True)}
    begins = None

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("c01", "c02", "c03", "c04", "c05", name=name)

    def test_an_agent_of_its_own_joins(self):
        type(self).agent = Agent(self.folder, self.hub, "lossy",
                                 self.hub.join_token("lossy")).start()
        self.wait()

    def test_without_its_disk_it_asks_for_everything(self):
        self.agent.kill()
        self.agent.lose_disk()
        self.agent.start()
        self.wait_connected("lossy")
        self.wait_status("web", "lossy", applied="applied", health="healthy")
        self.wait()
        self.assertNotIn("agent.ahead", self.hub.log_text())

    def test_what_left_git_meanwhile_is_told_as_removed(self):
        self.agent.kill()
        self.agent.lose_disk()
        self.commit({"apps/db/app.yaml": None, "apps/db/configmap-db.yaml": None})
        self.agent.start()
        wait_for(lambda: self.events("app.removed", cluster="lossy", app="db"), 30, "it", 0.1)
        self.wait_connected("lossy")
        self.assertIsNone(self.status("db", "lossy"))

    def test_afterwards_it_is_one_of_many(self):
        self.deliver(files("web", m.config_map("web", number="${number}", x="1"), prune=True))
        self.wait_status("web", "lossy", upToDate=True, applied="applied")


if __name__ == "__main__":
    story.main()
