#!/usr/bin/env python3
"""Hub and agents of different versions of the protocol, and with different tables of messages: they speak
what both know, also while one of them is upgraded under the other, and taken back."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, raw_agent as raw, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.faults import set_clock  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.raw_agent import RawAgent, field  # noqa: E402
from support.simstory import SOON, Sim, SimStory, cluster, files, fleet  # noqa: E402

OTHERS = pathlib.Path(os.environ.get("HOLDFAST_OTHER_VERSIONS", "."))
WEB = "ConfigMap/shop/web"
SHOP = "Deployment.apps/shop/shop"
DAY_MS = 86400 * 1000
REJECTED = "Failed checks threshold reached 5"
RULES = 20  # lists of a bundle that an older program does not know: more than it takes of unknown fields
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


def other(program, version):
    return OTHERS / f"{program}.{version}"


def shop(image):
    return files("shop", m.deployment("shop", f"reg/shop:{image}"), namespace="shop")


def ignored(number):
    """An App with rules about each of its objects."""
    made = [m.config_map(f"o{i}", number=str(number)) for i in range(RULES)]
    for item in made:
        item["metadata"]["annotations"] = {"holdfast.dev/ignore-differences": "/data/x"}
    return files("ignored", *made, namespace="shop")


class Tables(Delivery):
    """What an older program knows goes on, and it is served as before in all that it does not know."""

    clusters = {**fleet(2), **cluster("late", number="9")}
    hub_options = ("--heartbeat", "1s")
    sim_options = ("--reconnect-max", "1s")

    def image(self, name):
        item = self.sim.object(name, SHOP)
        return item and item["spec"]["template"]["spec"]["containers"][0]["image"]

    def wait_images(self, c01, c02):
        wanted = [f"reg/shop:{c01}", f"reg/shop:{c02}"]
        wait_for(lambda: [self.image(name) for name in ("c01", "c02")] == wanted, SOON,
                 f"the clusters to run {wanted}", 0.1)

    def change(self, colour):
        """Git, status, drift and its end."""
        self.commit(files("web", m.config_map("web", number="${number}", colour=colour),
                          namespace="shop"))
        for number, name in enumerate(("c01", "c02"), 1):
            self.wait_data(name, WEB, {"number": str(number), "colour": colour})
            self.wait_status("web", name, applied="applied", health="healthy")
        self.sim.ask("drift", "c02", WEB, "data.colour", "red")
        self.wait_drift(("c02", WEB, "data.colour"))
        self.sim.ask("drift", "c02", WEB, "data.colour", colour)
        self.wait_drift()

    def decide(self, release):
        """A release that one of both rejects."""
        self.commit(shop(release))
        self.wait_images(release, release)
        self.sim.ask("decide", "c02", SHOP, "rejected", REJECTED)

    def assert_nobody_complained(self):
        for program in (self.hub, self.sim):
            self.assertNotRegex(program.log_text(), r"id=(agent\.(protocol|refused|manifest_refused))")


    def keeps_decisions_to_itself(self):
        """What one side does not know of is not told, and keeps nothing back."""
        self.commit(shop("1"))
        self.wait_images("1", "1")
        self.decide("2")
        self.commit(shop("3"))
        self.wait_images("3", "3")
        self.assertEqual(self.events("release.rejected"), [])
        self.assert_nobody_complained()


class OlderAgents(Tables):
    hub_binary = other("holdfast-hub", "next")
    sim_binary = other("holdfast-sim", "older")

    def test_1_they_are_served_by_a_hub_of_the_next_version(self):
        self.goes_both_ways()
        self.change("blue")

    def test_2_they_take_a_bundle_with_more_than_they_know(self):
        self.commit(ignored(1))
        self.wait_status("ignored", "c02", applied="applied", health="healthy")

    def test_3_a_release_that_is_rejected_there_is_not_told_and_keeps_nothing_back(self):
        self.keeps_decisions_to_itself()


class OlderHub(Tables):
    hub_binary = other("holdfast-hub", "older")
    sim_binary = other("holdfast-sim", "next")

    def test_1_it_serves_agents_of_the_next_version(self):
        self.goes_both_ways()
        self.change("blue")

    def test_2_what_they_decide_they_keep_to_themselves(self):
        self.keeps_decisions_to_itself()


class UpgradedInPlace(Tables):
    hub_binary = other("holdfast-hub", "older")
    sim_binary = other("holdfast-sim", "older")
    late = None

    def become(self, program, version):
        """The same with its disk, as another version, while the others are there."""
        name = "holdfast-hub" if program is self.hub else "holdfast-sim"
        program.terminate()
        program.argv[0] = str(other(name, version))
        self.begin(program)

    def begin(self, program):
        if program is self.hub:
            program.start_and_wait()
        else:
            program.start()
        self.wait_connected("c01", "c02")

    def set_clock(self, days):
        """Starts the hub with its clock so much ahead."""
        self.hub.terminate()
        set_clock(self.hub, days * DAY_MS)
        self.begin(self.hub)

    def test_1_all_are_of_the_older_version(self):
        self.wait_connected("c01", "c02")
        self.commit(shop("1"))
        self.wait_images("1", "1")
        self.change("blue")

    def test_2_the_hub_is_upgraded_under_its_agents(self):
        self.become(self.hub, "next")
        self.change("white")
        self.commit(ignored(1))
        self.wait_status("ignored", "c02", applied="applied", health="healthy")

    def test_3_who_enrolls_now_gets_a_short_certificate_and_renews_it(self):
        tokens = self.folder / "late.tokens"
        tokens.write_text(self.hub.run("enroll", "late", "--tokens").stdout, encoding="utf-8")
        type(self).late = Sim(self.folder, self.hub, tokens, self.sim_options, "late",
                              other("holdfast-sim", "next")).start()
        self.wait_connected("late")
        self.set_clock(days=5)
        self.wait_event("agent.renewed", cluster="late")
        self.set_clock(days=0)
        self.assertEqual(self.events("agent.renewed", cluster="c01"), [])

    def test_4_the_agents_are_upgraded_and_what_one_rejects_is_kept_out_of_it(self):
        self.become(self.sim, "next")
        self.change("black")
        self.decide("2")
        self.wait_event("release.held", cluster="c02", app="shop")
        self.wait_images("2", "1")

    def test_5_the_agents_are_taken_back_and_nothing_is_undone(self):
        self.become(self.sim, "older")
        self.change("blue")
        self.wait_images("2", "1")

    def test_6_so_is_the_hub_and_the_newer_agent_goes_on(self):
        self.become(self.sim, "next")
        self.become(self.hub, "older")
        self.change("white")
        self.wait_images("2", "1")

    def test_7_and_upgraded_once_more(self):
        self.become(self.hub, "next")
        self.change("black")
        self.commit(shop("3"))
        self.wait_images("3", "3")
        self.assert_nobody_complained()


class NoCommonVersion(Delivery):
    hub_binary = OTHERS / "holdfast-hub.later"

    def test_both_say_which_one_is_to_be_upgraded(self):
        words = "the hub speaks 2 to 2, the agent 1 to 1; upgrade the older one"
        for side in (self.sim, self.hub):
            wait_for(lambda s=side: words in s.log_text(), SOON, f"{side.name} to say so")
        self.assertEqual(self.connected(), set())


if __name__ == "__main__":
    story.main()
