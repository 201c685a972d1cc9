#!/usr/bin/env python3
"""What controllers do with releases: told with their words; what one rejects is kept out of its
cluster, also when the hub was away, while all else lands and the other clusters go on."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, Sim, SimStory, cluster, files, fleet  # noqa: E402
from support.wins import row  # noqa: E402

KEY = "Deployment.apps/default/web"
OTHER = "ConfigMap/default/other"
WORDS = "Failed checks threshold reached 5"
ALL = ("c01", "c02", "c03")
LATE = ("c04", "c05")


def web(image, **env):
    item = m.deployment("web", f"reg/web:{image}")
    container = item["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    return files("web", item)


def other(colour):
    return files("other", m.config_map("other", colour=colour))


class Decisions(SimStory):
    clusters = fleet(3)
    apps = {**web("1", A="a"), **other("green")}

    def container(self, name):
        return self.sim.object(name, KEY)["spec"]["template"]["spec"]["containers"][0]

    def runs(self):
        """{cluster: (image, value of A)}"""
        found = {name: self.container(name) for name in ALL}
        return {name: (it["image"].split(":")[1], it["env"][0]["value"])
                for name, it in found.items()}

    def wait_runs(self, c01, c02, c03):
        expected = {"c01": c01, "c02": c02, "c03": c03}
        wait_for(lambda: self.runs() == expected, SOON, f"the clusters to run {expected}", 0.1)

    def test_01_what_controllers_do_with_a_release_is_told(self):
        type(self).second = self.deliver(web("2", A="a"))
        self.sim.ask("decide", "c01", KEY, "started", "New revision detected!")
        self.sim.ask("decide", "c01", KEY, "10")
        self.sim.ask("decide", "c01", KEY, "promoted", "Promotion completed!")
        event = self.wait_event("release.promoted", cluster="c01", app="web", key=KEY)
        self.assertEqual((event["actor"], event["revision"]), ("flagger", self.second))
        self.assertIn(f"flagger promoted {self.second[:7]}: Promotion completed!",
                      event["message"])
        self.assertIn(f"flagger promoted {self.second[:8]}: Promotion completed!",
                      self.hub.run("why", "c01:web").stdout)
        self.assertIn("(10 %)", self.wait_event("release.weight", cluster="c01")["message"])
        self.assertIn("New revision", self.wait_event("release.started", cluster="c01")["message"])

    def test_01a_who_waits_for_somebody_says_since_when_and_how_to_go_on(self):
        self.sim.ask("decide", "c03", KEY, "waiting", "to go on: promote it")
        words = f"flagger waits for somebody to let it go on with {self.second[:7]}: to go on: promote it"
        event = self.wait_event("release.waiting", cluster="c03", app="web", key=KEY)
        self.assertIn(words, event["message"])
        self.assertIn(words, self.hub.run("get", "problems").stdout)
        shown = wait_for(lambda: next((line for line in self.hub.run("show", "c03:web").stdout.splitlines()
                                       if " waiting " in line), None), SOON, "show to say that it waits", 0.1)
        self.assertIn("flagger: to go on: promote it", shown)
        why = self.hub.run("why", "c03:web").stdout
        self.assertRegex(why, "(?s)^waiting since .*  waits    flagger: to go on: promote it\n")
        health = self.hub.run("fleet", "health", check=False).stdout
        self.assertIn("1 waiting", health)
        self.assertRegex(health, rf"  waits: web on c03: {KEY}: since \S+ {words}")
        self.assertIn("1 release waits for somebody to let it go on", health)
        wait_for(lambda: self.hub.metrics()["holdfast_releases_waiting"] == 1, SOON, "the metric to tell", 0.1)
        self.assertRegex(self.hub.run("log", "--kind", "waiting").stdout, "waiting +web .* on 1 cluster: c03")
        self.assertFalse(self.hub.get("holds"))
        self.sim.ask("decide", "c03", KEY, "promoted", "Promotion completed!")
        wait_for(lambda: self.hub.metrics()["holdfast_releases_waiting"] == 0, SOON, "it to go on", 0.1)
        self.assertNotIn("waiting", self.hub.run("show", "c03:web").stdout)

    def test_02_what_one_cluster_rejects_is_kept_out_of_it_and_of_no_other(self):
        self.sim.ask("decide", "c02", KEY, "rejected", WORDS)
        event = self.wait_event("release.rejected", cluster="c02", app="web", key=KEY)
        self.assertEqual((event["actor"], event["revision"]), ("flagger", self.second))
        self.assertIn(f"rejected {self.second[:7]}, {self.first[:7]} runs on: {WORDS}",
                      event["message"])
        self.assertEqual(
            self.hub.metrics()['holdfast_releases_decided_total{verdict="rejected"}'], 1)
        self.wait_event("release.held", cluster="c02", app="web")
        self.wait_runs(("2", "a"), ("1", "a"), ("2", "a"))
        self.assertRegex(self.hub.run("log", "--kind", "rejected").stdout,
                         rf"rejected +web  {self.second[:8]} .*flagger: {WORDS}  on 1 cluster: c02")
        wait_for(lambda: "web:1" in self.hub.run("diff", "c01..c02", check=False).stdout, SOON,
                 "the past to know", 0.1)
        self.assertEqual([row["rejected"] for row in self.hub.get("holds")], ["2"])

    def test_03_all_else_that_people_commit_lands_there_too(self):
        self.deliver({**web("2", A="b"), **other("blue")})
        self.wait_runs(("2", "b"), ("1", "b"), ("2", "b"))
        self.assertEqual(self.data("c02", OTHER), {"colour": "blue"})

    def test_04_it_is_kept_out_after_the_hub_was_killed(self):
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected(*ALL)
        self.deliver(web("2", A="c"))
        self.wait_runs(("2", "c"), ("1", "c"), ("2", "c"))

    def test_05_another_release_ends_that(self):
        self.deliver(web("3", A="c"))
        self.wait_runs(("3", "c"), ("3", "c"), ("3", "c"))

    @row(14, "no hub has answered", "goes back + no hub", "goes back + restart")
    def test_06_what_is_rejected_while_the_hub_is_away_is_kept_out_before_anything_newer(self):
        self.hub.kill()
        self.sim.ask("decide", "c03", KEY, "rejected", WORDS)
        wait_for(lambda: WORDS.encode() in (self.sim.data / "c03" / "log").read_bytes(), SOON, "it to be on the disk")
        self.sim.restart("c03")
        newer = self.repo.push({**web("3", A="d"), **other("red")}, "while nobody can hear")
        self.hub.start_and_wait()
        self.hub.run("sync")
        self.wait_resolved(newer)
        self.wait_event("release.rejected", cluster="c03")
        self.wait_runs(("3", "d"), ("3", "d"), ("2", "d"))
        wait_for(lambda: self.data("c03", OTHER) == {"colour": "red"}, SOON, "the other App", 0.1)
        self.assertEqual(len(self.events("release.rejected")), 2)

    def test_07_a_bot_that_pushes_rejected_ones_again_changes_nothing(self):
        fourth = self.deliver(web("4", A="d"))
        self.wait_runs(("4", "d"), ("4", "d"), ("4", "d"))
        for name in ("c02", "c03"):
            self.sim.ask("decide", name, KEY, "promoted", "Promotion completed!")
            self.wait_event("release.promoted", cluster=name, revision=fourth)
        self.deliver(web("2", A="d"))
        self.wait_runs(("2", "d"), ("4", "d"), ("2", "d"))
        self.deliver(web("3", A="d"))
        self.wait_runs(("3", "d"), ("3", "d"), ("4", "d"))

    def test_07a_a_new_cluster_does_not_begin_with_what_others_rejected_and_none_promoted(self):
        tokens = self.folder / "late.tokens"
        tokens.write_text(self.hub.run("enroll", *LATE, "--tokens").stdout, encoding="utf-8")
        type(self).late = Sim(self.folder, self.hub, tokens, name="late").start()
        self.wait_connected(*LATE)
        self.deliver({**cluster("c04"), **cluster("c05")})
        self.assertEqual(self.image_at(self.late, "c04"), "reg/web:4")
        self.assertIn("4 instead of 3 (flagger: " + WORDS + "); the App is new to this cluster",
                      self.status("web", "c04")["held"])
        for verb in ("show", "why"):
            self.assertIn("the App is new to this cluster", self.hub.run(verb, "c04:web").stdout)
        self.initialized(self.late, "c04")
        wait_for(lambda: self.image_at(self.late, "c04") == "reg/web:3", SOON, "what Git says", 0.1)
        self.assertEqual(self.status("web", "c04")["held"], "")
        self.wait_runs(("3", "d"), ("3", "d"), ("4", "d"))

    def test_07b_nor_does_one_that_has_the_name_of_a_cluster_that_is_gone_from_git(self):
        self.wait_resolved(self.commit({f"clusters/{name}.yaml": None for name in LATE}))
        self.late.kill()
        tokens = self.folder / "reused.tokens"
        tokens.write_text(self.hub.run("enroll", *LATE, "--again", "--tokens").stdout, encoding="utf-8")
        type(self).reused = Sim(self.folder, self.hub, tokens, name="reused").start()
        self.commit({**cluster("c04"), **cluster("c05")})
        for name, why in zip(LATE, ("(the cluster's agent is a new one, and begins with what was promoted",
                                    f"(flagger: {WORDS}); the App is new to this cluster")):
            wait_for(lambda name=name: self.image_at(self.reused, name), SOON, "the new one to run something", 0.05)
            self.assertEqual(self.image_at(self.reused, name), "reg/web:4")
            self.assertIn(f"4 instead of 3 {why}", self.status("web", name)["held"])
            self.initialized(self.reused, name)
            wait_for(lambda name=name: self.image_at(self.reused, name) == "reg/web:3", SOON, "what Git says", 0.1)
        self.wait_runs(("3", "d"), ("3", "d"), ("4", "d"))

    def test_08_a_cluster_that_is_built_anew_begins_with_what_was_promoted_on_it(self):
        fifth = self.deliver(web("5", A="d"))
        self.sim.ask("decide", "c01", KEY, "promoted", "Promotion completed!")
        self.wait_event("release.promoted", cluster="c01", revision=fifth)
        self.deliver(web("6", A="d"))
        self.sim.ask("decide", "c01", KEY, "started", "New revision detected!")
        self.sim.ask("kill", "c01")
        tokens = self.folder / "anew.tokens"
        tokens.write_text(self.hub.run("enroll", "c01", "--again", "--tokens").stdout,
                          encoding="utf-8")
        type(self).anew = Sim(self.folder, self.hub, tokens, name="anew").start()
        wait_for(self.anew_runs, SOON, "the new cluster to run something", 0.05)
        self.assertEqual(self.anew_runs(), "reg/web:5")
        self.assertIn("5 instead of 6 (the cluster's agent is a new one", self.status("web", "c01")["held"])
        self.deliver({**web("7", A="d"), **other("pink")})
        self.assertEqual(self.anew_runs(), "reg/web:5")
        self.assertEqual(json.loads(self.anew.ask("get", "c01", OTHER))["data"]["colour"], "pink")
        self.initialized(self.anew, "c01")
        wait_for(lambda: self.anew_runs() == "reg/web:7", SOON, "what Git says", 0.1)
        self.assertEqual(self.status("web", "c01")["held"], "")

    def initialized(self, sim, name):
        """An agent follows what is new to its cluster once it is on its disk that it was applied."""
        wait_for(lambda: sim.ask("decide", name, KEY, "promoted", "Initialization done"), SOON,
                 "the agent to follow it", 0.1)

    def anew_runs(self):
        return self.image_at(self.anew, "c01")

    def image_at(self, sim, name):
        try:
            item = sim.object(name, KEY)
        except OSError:
            return None  # it is being started
        return item and item["spec"]["template"]["spec"]["containers"][0]["image"]


if __name__ == "__main__":
    story.main()
