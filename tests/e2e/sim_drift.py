#!/usr/bin/env python3
"""What others change is shown with field, old, new and who; it is corrected where the App says so."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

WATCHED = "ConfigMap/default/watched"
KEPT = "ConfigMap/default/kept"
MANY = "ConfigMap/default/many"
FREE = "ConfigMap/default/free"


class Drift(SimStory):
    clusters = fleet(5)
    apps = {**files("watched", m.config_map("watched", colour="green", word="one"), drift="report",
                    showValues=["colour"]),
            **files("kept", m.config_map("kept", colour="green"), drift="correct"),
            **files("free", m.config_map("free", colour="green"), drift="off")}

    def test_a_changed_field_is_shown_with_who_did_it(self):
        self.sim.ask("drift", "c02", WATCHED, "data.colour", "red", "kubectl-edit")
        self.wait_drift(("c02", WATCHED, "data.colour"))
        row = self.drift()["c02", WATCHED, "data.colour"]
        self.assertEqual((row["desired"], row["actual"], row["manager"], row["app"]),
                         ('"green"', '"red"', "kubectl-edit", "watched"))

    def test_a_value_that_the_app_does_not_show_is_told_nowhere(self):
        self.sim.ask("drift", "c04", WATCHED, "data.word", "canary-of-a-hand", "kubectl-edit")
        self.wait_drift(("c02", WATCHED, "data.colour"), ("c04", WATCHED, "data.word"))
        row = self.drift()["c04", WATCHED, "data.word"]
        self.assertRegex(row["actual"], '^"hmac:[0-9a-f]{32}"$')
        self.assertEqual(row["desired"], '"one"')
        self.assertIn(row["actual"], self.hub.run("diff", "--cluster", "c04", check=False).stdout)
        self.wait_event("drift.found", cluster="c04", key=WATCHED)
        self.sim.ask("drift", "c04", WATCHED, "data.word", "one", "kubectl-edit")
        self.wait_drift(("c02", WATCHED, "data.colour"))
        self.assertEqual([str(file) for file in self.hub.data.rglob("*")
                          if file.is_file() and b"canary-of-a-hand" in file.read_bytes()], [])

    def test_it_is_an_event_once(self):
        event = self.wait_event("drift.found", cluster="c02", key=WATCHED)
        self.assertEqual((event["actor"], event["app"]), ("kubectl-edit", "watched"))
        self.assertIn('data.colour: "green" -> "red"', event["message"])
        self.assertEqual(len(self.events("drift.found", cluster="c02", key=WATCHED)), 1)

    def test_reported_drift_is_left_as_it_is(self):
        self.assertEqual(self.data("c02", WATCHED)["colour"], "red")
        self.assertEqual(self.hub.run("diff", "--cluster", "c02", check=False).returncode, 1)
        self.assertEqual(self.status("watched", "c02")["drifted"], 1)

    def test_when_it_is_put_right_it_is_gone(self):
        self.sim.ask("drift", "c02", WATCHED, "data.colour", "green", "kubectl-edit")
        self.wait_drift()
        event = self.wait_event("drift.cleared", cluster="c02", key=WATCHED)
        self.assertEqual(event["message"], "data.colour: somebody put it back")
        self.assertEqual(self.hub.run("diff", check=False).returncode, 0)

    def test_where_the_app_says_correct_it_is_corrected_and_told(self):
        self.sim.ask("drift", "c03", KEPT, "data.colour", "red", "kubectl-edit")
        self.wait_data("c03", KEPT, {"colour": "green"})
        event = self.wait_event("drift.found", cluster="c03", key=KEPT)
        self.assertEqual(event["actor"], "kubectl-edit")
        event = self.wait_event("drift.cleared", cluster="c03", key=KEPT)
        self.assertEqual(event["message"], "data.colour: the agent put it right")
        self.wait_drift()

    def test_a_fight_is_shown_with_who_and_how_often_and_given_up(self):
        def undo():
            if self.data("c01", KEPT) == {"colour": "green"}:
                self.sim.ask("drift", "c01", KEPT, "data.colour", "red", "other-tool")
            return any(row["fought"] for row in self.rows("drift", "--cluster", "c01"))
        wait_for(undo, 120, "the fight to be given up", 0.2)
        self.assertEqual(self.data("c01", KEPT), {"colour": "red"})
        event = self.wait_event("drift.fight", cluster="c01", key=KEPT)
        self.assertEqual(event["actor"], "other-tool")
        self.assertRegex(event["message"],
                         r"other-tool changed data.colour again after each of 5 corrections in \d+ s")
        self.assertIn("after each of 5 corrections",
                      self.hub.run("describe", "object", KEPT, "--cluster", "c01").stdout)
        self.assertIn("changed again after each of 5 corrections",
                      self.hub.run("diff", "--cluster", "c01", check=False).stdout)
        self.assertEqual(self.hub.metrics()["holdfast_objects_fought"], 1)

    def test_a_fight_begins_again_by_a_sync(self):
        self.hub.run("sync", "--app", "kept", "--cluster", "c01")
        self.wait_data("c01", KEPT, {"colour": "green"})
        self.wait_drift()

    def test_what_is_deleted_comes_back(self):
        self.sim.ask("delete", "c04", KEPT)
        self.wait_data("c04", KEPT, {"colour": "green"})

    def test_of_many_fields_the_first_are_named_and_that_there_are_more(self):
        keys = [f"k{i:02}" for i in range(17)]
        many = m.config_map("many", **{key: "a" for key in keys})
        self.deliver(files("many", many, drift="report"))
        for key in keys:
            self.sim.ask("drift", "c01", MANY, f"data.{key}", "b", "kubectl-edit")
        wait_for(lambda: [row for row in self.rows("drift") if row["more"]], 20, "the drift", 0.1)
        self.assertEqual(len(self.drift()), 16)
        self.assertIn("and more fields", self.hub.run("diff", "--cluster", "c01", check=False).stdout)
        self.sim.ask("drift", "c01", MANY, "data.k00", "a", "kubectl-edit")
        wait_for(lambda: not any(row["more"] for row in self.rows("drift")), 20, "fewer", 0.1)
        self.assertNotIn("and more fields", self.hub.run("diff", check=False).stdout)
        self.hub.run("sync", "--app", "many")
        self.wait_drift()

    def test_where_the_app_says_off_nobody_looks(self):
        self.sim.ask("drift", "c05", FREE, "data.colour", "red", "kubectl-edit")
        self.sim.ask("drift", "c05", WATCHED, "data.colour", "red", "kubectl-edit")
        self.wait_drift(("c05", WATCHED, "data.colour"))

    def test_who_asks_for_it_gets_it_corrected_once(self):
        self.hub.run("sync", "--app", "watched", "--cluster", "c05")
        self.wait_data("c05", WATCHED, {"colour": "green", "word": "one"})
        self.wait_drift()
        self.sim.ask("drift", "c05", WATCHED, "data.colour", "red", "kubectl-edit")
        self.wait_drift(("c05", WATCHED, "data.colour"))

    def test_a_commit_overwrites_reported_drift(self):
        self.deliver(files("watched", m.config_map("watched", colour="blue"), drift="report"))
        wait_for(lambda: self.data("c05", WATCHED) == {"colour": "blue"}, 20, "the new colour")
        self.wait_drift()


if __name__ == "__main__":
    story.main()
