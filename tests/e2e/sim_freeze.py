#!/usr/bin/env python3
"""The red button: applying stops at once, without Git, over kills of hub and agents; Git hears of it when
it can; what waited is applied when it ends: by unfreeze, by its time, or when people delete the file. The
hub freezes by itself an App whose releases are rejected one after the other."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402

WEB = "ConfigMap/default/web"
FILE = "freezes/stop.yaml"
FROZEN = "frozen by admin ('stop'): INC-4711"
SHOP = "Deployment.apps/default/shop"
WORDS = "Failed checks threshold reached 5"


def web(colour, **spec):
    return files("web", m.config_map("web", colour=colour), **spec)


class Freeze(SimStory):
    clusters = fleet(4)
    apps = {**web("green", drift="correct"), **files("small", m.config_map("small", x="1"))}
    repo_more = "  write: direct\n"
    hub_options = ("--breaker-releases", "1")

    def git_is_away(self, away):
        here, there = self.repo.bare, self.repo.bare.with_suffix(".away")
        (here.rename(there) if away else there.rename(here))

    def file(self, path):
        done = subprocess.run(["git", "-C", self.repo.bare, "show", f"main:{path}"], check=False,
                              capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def freeze(self, name="stop"):
        rows = [row for row in self.hub.get("freezes") if row["name"] == name]
        return rows[0] if rows else None

    def wait_freeze(self, **wanted):
        def is_so():
            row = self.freeze()
            return row and all(row[k] == v for k, v in wanted.items())
        wait_for(is_so, SOON, f"the freeze to be {wanted}", 0.1)

    def wait_thawed(self):
        wait_for(lambda: self.freeze() is None and self.file(FILE) is None, SOON, "it to be gone", 0.1)

    def test_1_it_says_what_is_missing_and_a_dry_run_freezes_nothing(self):
        for words, why in ((("app", "web"), "say why"), (("--reason", "x"), "say what"),
                           (("app", "wbe", "--reason", "x"), "did you mean 'web'")):
            done = self.hub.run("freeze", *words, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(why, done.stderr)
        said = self.hub.run("freeze", "--all", "--reason", "x", "--name", "trial", "--dry-run").stdout
        self.assertIn("this would freeze all Apps on all clusters: 4 clusters\n"
                      "freezes/trial.yaml:\napiVersion: ", said)
        self.assertEqual(self.hub.get("freezes"), [])

    def test_2_it_stops_at_once_while_git_is_away(self):
        self.git_is_away(True)
        said = self.hub.run("freeze", "app", "web", "-l", "odd=yes", "--reason", "INC-4711",
                            "--name", "stop").stdout
        self.assertIn("frozen as 'stop': App 'web' on clusters with odd=yes\n"
                      "2 of 2 clusters have stopped\n", said)
        self.assertIn("the hub commits it to 'freezes/stop.yaml'", said)
        started = self.wait_event("freeze.started")
        self.assertEqual((started["app"], started["actor"]), ("web", "admin"))
        self.assertIn("INC-4711", started["message"])
        for name in ("c01", "c02"):
            self.sim.ask("drift", name, WEB, "data.colour", "blue", "kubectl")
        self.wait_data("c02", WEB, {"colour": "green"})  # it is corrected there
        self.assertEqual(self.data("c01", WEB), {"colour": "blue"})

    def test_3_it_survives_the_hub_and_the_agents(self):
        self.hub.kill()
        self.sim.restart("c01")
        self.sim.restart("c03")
        self.hub.start_and_wait()
        self.wait_connected("c01", "c03")
        self.wait_freeze(state="frozen", stopped=2)
        self.assertEqual(self.data("c01", WEB), {"colour": "blue"})

    def test_4_git_hears_of_it_when_it_is_back(self):
        self.git_is_away(False)
        self.hub.run("sync")
        wait_for(lambda: self.file(FILE), SOON, "the file", 0.1)
        self.assertIn("  reason: INC-4711\n  by: admin\n", self.file(FILE))
        self.wait_freeze(inGit="yes", note="")
        self.assertEqual(len(self.events("freeze.started")), 1)

    def test_5_what_is_committed_waits_there_and_lands_elsewhere(self):
        self.follow()
        self.commit(web("red", drift="correct"))
        self.wait_data("c02", WEB, {"colour": "red"})
        self.wait_status("web", "c03", applied="pending", message=FROZEN, frozen="stop: INC-4711")
        self.assertEqual(self.data("c03", WEB), {"colour": "green"})
        self.assertEqual(self.status("small", "c03")["frozen"], "")
        self.assertIn("INC-4711", self.hub.run("describe", "app", "web", "--cluster", "c03").stdout)

    def test_6_unfrozen_it_is_applied_and_the_file_goes(self):
        would = self.hub.run("unfreeze", "stop", "--dry-run").stdout
        self.assertIn("this would end 'stop': App 'web' on clusters with odd=yes, 2 clusters;", would)
        self.assertEqual(self.freeze()["state"], "frozen")
        self.assertIn("frozen   stop: INC-4711 (admin, since ", self.hub.run("why", "c03:web").stdout)
        self.assertIn("'stop' has ended", self.hub.run("unfreeze", "stop").stdout)
        for name in ("c01", "c03"):
            self.wait_data(name, WEB, {"colour": "red"})
        self.wait_thawed()
        ended = self.wait_event("freeze.ended")
        self.assertEqual(ended["actor"], "admin")
        began, over = ([line for line in self.hub.run("log", "--kind", kind).stdout.splitlines()]
                       for kind in ("frozen", "unfrozen"))
        self.assertRegex(began[0], r"frozen +web  admin: 'stop': INC-4711 \(until .*, ended by admin\)  "
                                   r"on 2 clusters: c01, c03")
        self.assertIn("'stop': it was unfrozen (frozen since ", over[0])

    def test_7_people_freeze_and_thaw_by_commits(self):
        self.follow()
        item = m.thing("holdfast/v1alpha1", "Freeze", "stop",
                       spec={"cluster": "c02", "reason": "INC-4712", "by": "ann"})
        self.commit({FILE: m.text(item), **web("blue", drift="correct")})
        self.wait_data("c01", WEB, {"colour": "blue"})
        self.wait_status("web", "c02", message="frozen by ann ('stop'): INC-4712")
        self.assertEqual(self.data("c02", WEB), {"colour": "red"})
        self.deliver({FILE: None})
        self.assertEqual(self.data("c02", WEB), {"colour": "blue"})
        self.wait_event("freeze.ended", actor="git")

    def test_8_it_ends_by_time(self):
        self.hub.run("freeze", "--all", "--reason", "for a moment", "--for", "3s", "--name", "stop")
        self.wait_event("freeze.ended", actor="hub")
        self.wait_thawed()
        self.follow()
        self.deliver(web("grey", drift="correct"))
        self.assertEqual(self.data("c04", WEB), {"colour": "grey"})

    def image(self, name):
        item = self.sim.object(name, SHOP)
        return item and item["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[1]

    def wait_image(self, name, image):
        wait_for(lambda: self.image(name) == image, SOON, f"{name} to run {image}", 0.1)

    def release(self, image):
        self.follow()
        return self.commit(files("shop", m.deployment("shop", f"reg/shop:{image}")))

    def reject(self, image):
        self.release(image)
        self.wait_image("c01", image)
        self.sim.ask("decide", "c01", SHOP, "rejected", WORDS)
        self.wait_image("c01", "1")

    def breaker(self):
        rows = [row for row in self.hub.get("freezes") if row["source"] == "breaker"]
        return rows[0] if rows and rows[0]["state"] == "frozen" else None

    def test_9_a_stream_of_bad_releases_is_frozen_on_the_good_one(self):
        self.release("1")
        self.wait_image("c01", "1")
        self.reject("2")
        self.assertIsNone(self.breaker())
        self.reject("3")
        row = wait_for(self.breaker, SOON, "the breaker", 0.1)
        self.assertEqual((row["app"], row["cluster"], row["actor"]), ("shop", "c01", "breaker"))
        self.assertIn("2 releases of it were rejected there within an hour", row["reason"])
        wait_for(lambda: self.breaker()["stopped"] == 1, SOON, "the agent to have stopped", 0.1)
        self.hub.kill()
        self.hub.start_and_wait()
        self.release("4")
        self.wait_image("c02", "4")
        self.assertEqual(self.image("c01"), "1")
        wait_for(lambda: self.breaker()["inGit"] == "yes", SOON, "it to be in Git", 0.1)
        self.hub.run("unfreeze", row["name"])
        self.wait_image("c01", "4")
        self.assertIsNone(self.breaker())
        self.assertEqual(len([e for e in self.events("freeze.started") if e["actor"] == "breaker"]), 1)


if __name__ == "__main__":
    story.main()
