#!/usr/bin/env python3
"""What controllers do with releases: told with their words, also when the hub was away meanwhile."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEY = "Deployment.apps/default/web"
WORDS = "Failed checks threshold reached 5"


def web(image, **env):
    item = m.deployment("web", f"reg/web:{image}")
    container = item["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    return files("web", item)


class Decisions(SimStory):
    clusters = fleet(3)
    apps = {**web("1"), **files("other", m.config_map("other", colour="green"))}

    def image(self, name):
        return self.sim.object(name, KEY)["spec"]["template"]["spec"]["containers"][0]["image"]

    def test_1_what_controllers_do_with_a_release_is_told(self):
        type(self).second = self.deliver(web("2"))
        self.sim.ask("decide", "c01", KEY, "started", "New revision detected!")
        self.sim.ask("decide", "c01", KEY, "10")
        self.sim.ask("decide", "c01", KEY, "promoted", "Promotion completed!")
        event = self.wait_event("release.promoted", cluster="c01", app="web", key=KEY)
        self.assertEqual((event["actor"], event["revision"]), ("flagger", self.second))
        self.assertIn(f"flagger promoted {self.second[:7]}: Promotion completed!",
                      event["message"])
        self.assertIn("(10 %)", self.wait_event("release.weight", cluster="c01")["message"])
        self.assertIn("New revision", self.wait_event("release.started", cluster="c01")["message"])

    def test_2_a_rejection_names_what_is_bad_and_what_runs(self):
        self.sim.ask("decide", "c02", KEY, "rejected", WORDS)
        event = self.wait_event("release.rejected", cluster="c02", app="web", key=KEY)
        self.assertEqual((event["actor"], event["revision"]), ("flagger", self.second))
        self.assertIn(f"rejected {self.second[:7]}, {self.first[:7]} runs on: {WORDS}",
                      event["message"])
        self.assertEqual(
            self.hub.metrics()['holdfast_releases_decided_total{verdict="rejected"}'], 1)
        self.wait_status("web", "c02", message=f"held back: flagger rejected {KEY} of "
                                               f"{self.second}: {WORDS}")
        self.assertIn("held back", self.hub.run("describe", "app", "web", "--cluster", "c02").stdout)

    def test_3_what_is_decided_while_the_hub_is_away_is_told_once_it_is_back(self):
        self.hub.kill()
        self.sim.ask("decide", "c03", KEY, "rejected", WORDS)
        self.sim.restart("c03")
        self.hub.start_and_wait()
        self.wait_event("release.rejected", cluster="c03")
        self.wait_connected("c03")
        self.assertEqual(len(self.events("release.rejected")), 2)

    def test_4_another_release_ends_that(self):
        revision = self.deliver({**web("3"), **files("other", m.config_map("other", colour="red"))})
        for name in ("c01", "c02", "c03"):
            self.assertEqual(self.image(name), "reg/web:3")
            self.wait_status("web", name, message="", revision=revision)


if __name__ == "__main__":
    story.main()
