#!/usr/bin/env python3
"""What is not healthy on many clusters is shown on one screen: equal causes together, with how many
clusters have them and some of their names. An App that is not healthy in its time is degraded.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SimStory, files, fleet  # noqa: E402

CLUSTERS = 12
ILL = 5


class Causes(SimStory):
    clusters = fleet(CLUSTERS)
    apps = {**files("slow", m.deployment("slow"), health={"timeout": "1s"}),
            **files("ill", m.deployment("ill"))}
    sim_options = ("--health-time", "10m")
    begins = None

    def causes(self, *what):
        """{why: (state, pairs, examples)} as the API tells it."""
        return {row["why"]: (row["state"], row["pairs"], row["examples"])
                for row in self.hub.describe(*what)["causes"]}

    def wait_causes(self, pairs, *what):
        def all_told():
            causes = self.causes(*what)
            assert sorted(row[:2] for row in causes.values()) == sorted(pairs), causes
            return causes
        return wait_for(all_told, PATIENT, f"causes {pairs}", 0.2)

    def test_what_is_not_healthy_in_time_is_degraded_everywhere(self):
        causes = self.wait_causes([("degraded", CLUSTERS)], "app", "slow")
        why, (_, _, examples) = causes.popitem()
        self.assertRegex(why, "^not healthy after 1s: Deployment.apps/default/slow: ")
        self.assertEqual(examples, ["c01", "c02", "c03"])

    def test_equal_causes_are_counted_together(self):
        for i in range(1, ILL + 1):
            self.sim.ask("degrade", f"c{i:02}", "ill", "on")
        causes = self.wait_causes([("degraded", ILL), ("progressing", CLUSTERS - ILL)],
                                  "app", "ill")
        why = "Deployment.apps/default/ill: degraded on request"
        self.assertEqual(causes[why], ("degraded", ILL, ["c01", "c02", "c03"]))

    def test_people_see_them_on_one_screen(self):
        shown = self.hub.run("describe", "app", "ill").stdout
        self.assertRegex(shown, r"\nCauses:\n +7 progressing \(c06,c07,c08,…\)\n +Deployment.*\n"
                                r" +5 degraded \(c01,c02,c03,…\)\n +Deployment.* on request\n")
        shown = self.hub.run("describe", "cluster", "c01").stdout
        self.assertRegex(shown, r"\n +1 degraded \(ill\)\n +Deployment.* on request\n")

    def test_what_fell_ill_is_counted(self):
        metrics = self.hub.metrics()
        self.assertEqual(metrics["holdfast_apps_degraded_total"], CLUSTERS + ILL)
        self.assertEqual(metrics["holdfast_apps_recovered_total"], 0)
        self.assertEqual(metrics["holdfast_pairs_degraded"], CLUSTERS + ILL)


if __name__ == "__main__":
    story.main()
