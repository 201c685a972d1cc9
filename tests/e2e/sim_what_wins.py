#!/usr/bin/env python3
"""What wins where an Exemption, Git, a Hold, a freeze and a change by hand speak of the same: the second
table of deploy/reference/exemptions.md, a test for a row. That another controller has a field by right
is in kube_drift, for only an API server knows that; the first table is in the agent's test_fate."""
import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet  # noqa: E402
from support.wins import row  # noqa: E402

KEPT = "ConfigMap/default/kept"
WEB = "Deployment.apps/default/web"
IMAGE = "spec.template.spec.containers[name=main].image"
WORDS = "Failed checks threshold reached 5"


def kept(**data):
    return files("kept", m.config_map("kept", **data), drift="correct")


def web(image, value="a", **spec):
    item = m.deployment("web", f"reg/web:{image}")
    item["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": value}]
    return files("web", item, drift="correct", **spec)


def site_object():
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    return json.dumps({"spec": {"app": "kept", "object": KEPT, "field": "data.size", "reason": "INC-9",
                                "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"), "by": "ada"}},
                      separators=(",", ":"))


class WhatWins(SimStory):
    clusters = fleet(3)
    apps = {**kept(colour="green", size="1"), **web("1")}
    repo_more = "  write: direct\n"

    def commit(self, changes, message="change"):
        return self.commit_on_top(changes, message)

    def exempt(self, app, name, key, *words):
        self.wait_written()
        self.hub.run("exempt", app, name, "--object", key, "--reason", name, "--clusters", "c01",
                     "--wait", *words)

    def unexempt(self, name):
        self.wait_written()
        self.hub.run("unexempt", name, "--wait")

    def change(self, key, field, value, cluster="c01", manager="kubectl-edit"):
        self.sim.ask("drift", cluster, key, field, value, manager)

    def release(self):
        spec = self.sim.object("c01", WEB)["spec"]
        return (spec["template"]["spec"]["containers"][0]["image"].split(":")[1], spec["replicas"])

    def wait_release(self, image, replicas):
        wait_for(lambda: self.release() == (image, replicas), SOON, f"{image}, {replicas}", 0.1)

    def value(self, cluster):
        pods = self.sim.object(cluster, WEB)["spec"]["template"]["spec"]
        return pods["containers"][0]["env"][0]["value"]

    def undo(self, image):
        self.change(WEB, IMAGE, f"reg/web:{image}", manager="kubectl")

    def said(self, kind, words):
        return [row for row in self.events(kind, cluster="c01", app="web") if words in row["message"]]

    def wait_colour(self, colour, cluster="c01"):
        wait_for(lambda: self.data(cluster, KEPT)["colour"] == colour, SOON, colour, 0.1)

    def wait_told(self, *which):
        wait_for(lambda: {(c, p) for c, _, p in self.drift()} == set(which), SOON, f"{which}", 0.1)

    @row(3, "or [frozen]", "correct + freeze")
    def test_1_while_frozen_it_is_told_and_nothing_is_changed(self):
        self.hub.run("freeze", "app", "kept", "--reason", "stop", "--for", "1h", "--name", "f1")
        self.change(KEPT, "data.colour", "red")
        self.wait_told(("c01", "data.colour"))
        self.assertEqual(self.data("c01", KEPT)["colour"], "red")
        self.hub.run("unfreeze", "f1")
        self.wait_colour("green")
        self.wait_told()

    @row(9, "Git changes that very field")
    def test_2_git_changes_the_very_field_that_is_exempted(self):
        self.exempt("kept", "x2", KEPT, "--field", "data.colour", "--for", "2h")
        self.change(KEPT, "data.colour", "red")
        self.wait_told(("c01", "data.colour"))
        self.deliver(kept(colour="green", size="2"))
        self.assertEqual(self.data("c01", KEPT), {"colour": "red", "size": "2"})
        self.deliver(kept(colour="blue", size="2"))
        self.wait_colour("blue")
        self.wait_told()

    @row(17, "deletes the object")
    def test_3_an_exempted_object_that_is_deleted_is_made_anew(self):
        self.sim.ask("delete", "c01", KEPT)
        self.wait_data("c01", KEPT, {"colour": "blue", "size": "2"})

    @row(18, "two Exemptions")
    def test_4_of_two_exemptions_the_later_one_counts_to_its_end(self):
        self.exempt("kept", "x4", KEPT, "--for", "2h")
        self.change(KEPT, "data.colour", "red")
        self.wait_told(("c01", "data.colour"))
        self.unexempt("x2")
        self.deliver(kept(colour="blue", size="3"))  # it has been applied since
        self.assertEqual(self.data("c01", KEPT), {"colour": "red", "size": "3"})
        self.unexempt("x4")
        self.wait_colour("blue")
        self.wait_told()

    @row(11, "during an Exemption", "Exemption + goes back")
    def test_5_a_rollback_during_an_exemption_is_taken_and_its_hold_applied(self):
        self.exempt("web", "x5", WEB, "--for", "2h")
        self.change(WEB, "spec.replicas", "5")
        self.wait_told(("c01", "spec.replicas"))
        self.deliver(web("2"))
        self.wait_release("2", 5)
        self.sim.ask("decide", "c01", WEB, "rejected", WORDS)
        self.wait_event("release.held", cluster="c01", app="web")
        self.wait_release("1", 5)

    @row(9, "or a [Hold](holds.md) does", "Exemption + Hold")
    def test_6_a_hold_changes_the_very_field_that_is_exempted(self):
        self.deliver(web("3"))
        self.wait_release("3", 5)
        self.change(WEB, IMAGE, "reg/web:hot")
        wait_for(lambda: ("c01", WEB) in {row[:2] for row in self.drift()
                                          if row[2] != "spec.replicas"}, SOON, "it to be told", 0.1)
        self.assertEqual(self.release(), ("hot", 5))
        self.wait_written()
        self.hub.run("hold", "web", "reg/web:9", "--clusters", "c01", "--wait")
        self.wait_release("9", 5)

    @row(15, "undoes a rollout", "correct + goes back")
    def test_7_a_rollout_undone_by_hand_is_a_change_by_hand_and_told(self):
        self.unexempt("x5")
        self.wait_release("9", 1)
        self.change(WEB, IMAGE, "reg/web:3", manager="kubectl")
        self.wait_event("release.undone", cluster="c01", app="web")
        self.wait_release("9", 1)
        self.wait_told()

    @row(26, "says `undo: hold`", "correct + goes back")
    def test_7_b_where_the_app_says_so_it_is_a_decision_that_wins(self):
        self.deliver(web("10", undo="hold"))
        self.wait_release("10", 1)
        self.deliver(web("11", undo="hold"))
        self.wait_written()
        self.undo("10")
        wait_for(lambda: self.said("release.held", "somebody went back from"), SOON, "the Hold", 0.1)
        self.wait_told()
        self.assertEqual(self.release(), ("10", 1))
        hold, = wait_for(lambda: [row for row in self.hub.get("holds")
                                  if row["rejected"] == "11" and row["path"]], SOON, "its file", 0.1)
        self.assertEqual(hold["clusters"], ["c01"])
        self.follow()
        said = self.git("log", "-1", "--format=%an%n%B", "origin/main", "--", hold["path"])
        self.assertTrue(said.startswith("kubectl (claimed)\n"), said)
        self.assertIn("10 on 1 cluster, undone by hand from 11", said)
        self.assertIn("Holdfast-Proof: same (c01)", said)

    @row(26, "somebody undoes a rollout by hand", "Hold + goes back")
    def test_7_c_to_undo_that_is_a_change_by_hand_and_it_is_said_how_to_try_again(self):
        self.undo("11")
        wait_for(lambda: self.said("release.not_held", "holdfast retry web --clusters c01"), SOON,
                 "it to be told", 0.1)
        self.wait_release("10", 1)
        self.wait_told()
        self.deliver(web("11", "b", undo="hold"))  # all else lands on what somebody went back to
        self.assertEqual(self.release(), ("10", 1))
        self.assertEqual([self.value(name) for name in ("c01", "c02")], ["b", "b"])

    @row(21, "lists more clusters")
    def test_8_a_site_s_file_that_lists_more_clusters_counts_there_and_outlives_the_object(self):
        self.sim.ask("create", "c01", "Exemption.holdfast.dev/holdfast-system/inc-9", site_object(),
                     "kubectl-create")
        wait_for(lambda: [row["from"] for row in self.hub.get("exemptions")] == ["site"], SOON,
                 "Git to have it", 0.1)
        self.wait_written()
        self.follow()
        path = self.repo.git("ls-files", "exemptions").split()[0]
        text = (self.repo.work / path).read_text(encoding="utf-8")
        self.wait_resolved(self.commit({path: text.replace("  - c01\n", "  - c01\n  - c02\n")}))
        for cluster in ("c01", "c02"):
            self.change(KEPT, "data.size", "nine", cluster)
        self.change(KEPT, "data.size", "nine", "c03")
        self.wait_told(("c01", "data.size"), ("c02", "data.size"))
        self.wait_data("c03", KEPT, {"colour": "blue", "size": "3"})
        self.sim.ask("delete", "c01", "Exemption.holdfast.dev/holdfast-system/inc-9")
        self.wait_event("site.ended", cluster="c01")
        self.deliver(kept(colour="grey", size="3"))
        self.assertEqual(self.data("c02", KEPT), {"colour": "grey", "size": "nine"})
        self.assertIn("- c02\n", self.git("show", f"origin/main:{path}"))

    @row(20, "its file goes or ends")
    def test_9_a_site_s_file_that_is_taken_out_ends_it(self):
        self.wait_written()
        self.follow()
        path = self.repo.git("ls-files", "exemptions").split()[0]
        self.wait_resolved(self.commit({path: None}))
        self.wait_data("c02", KEPT, {"colour": "grey", "size": "3"})
        self.wait_told()


if __name__ == "__main__":
    story.main()
