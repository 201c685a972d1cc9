#!/usr/bin/env python3
"""Hub and agents of different versions of the protocol: they speak the highest that both know."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import raw_agent as raw, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.raw_agent import RawAgent, field  # noqa: E402
from support.simstory import SOON, SimStory, cluster, fleet  # noqa: E402

OTHERS = pathlib.Path(os.environ.get("HOLDFAST_OTHER_VERSIONS", "."))
WEB = "ConfigMap/shop/web"
OBJECTS = 60  # in one report, each with a field that is not known
NEWEST = 200  # a type of frame that no version has


class Delivery(SimStory):
    clusters = {**fleet(2), **cluster("raw", number="9")}

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("c01", "c02", name=name)

    begins = None

    def goes_both_ways(self):
        self.wait_connected("c01", "c02")
        self.wait_data("c01", WEB, {"number": "1", "colour": "green"})
        self.wait_status("web", "c02", applied="applied", health="healthy")
        self.sim.ask("drift", "c02", WEB, "data.colour", "red")
        self.wait_event("drift.found", cluster="c02")
        self.assertEqual(self.events("agent.disconnected"), [])


class NewerHub(Delivery):
    hub_binary = OTHERS / "holdfast-hub.next"

    def test_it_serves_agents_of_the_version_before(self):
        self.goes_both_ways()


class NewerAgents(Delivery):
    sim_binary = OTHERS / "holdfast-sim.next"

    def test_they_are_served_by_a_hub_of_the_version_before(self):
        self.goes_both_ways()

    def test_what_they_say_beside_is_passed_over(self):
        agent = Agent(self.folder, self.hub, "raw", self.hub.join_token("raw")).start()
        self.wait_connected("raw")
        agent.kill()
        identity = raw.write_identity(agent.data, self.folder / "raw.pem")
        more = field(1000, 7) + field(1001, "more")
        thing = field(1, "web") + field(4, 2) + more
        objects = [field(8, field(2, f"ConfigMap/shop/o{i}") + thing) for i in range(OBJECTS)]
        with RawAgent(self.hub.agent_port, identity) as link:
            link.send(raw.HELLO, raw.hello() + more)
            self.assertEqual(link.until(raw.WELCOME), raw.WELCOME)
            link.send(NEWEST, b"\xff" * 1000)
            link.send(raw.REPORT, field(1, raw.RUN) + field(2, 1) + more + b"".join(objects))
            self.assertEqual(link.until(raw.ACK), raw.ACK)
            link.send(raw.PING, more)
            self.assertEqual(link.until(raw.PONG), raw.PONG)


class NoCommonVersion(Delivery):
    hub_binary = OTHERS / "holdfast-hub.later"

    def test_both_say_which_one_is_to_be_upgraded(self):
        words = "the hub speaks 2 to 2, the agent 1 to 1; upgrade the older one"
        for side in (self.sim, self.hub):
            wait_for(lambda s=side: words in s.log_text(), SOON, f"{side.name} to say so")
        self.assertEqual(self.connected(), set())


if __name__ == "__main__":
    story.main()
