#!/usr/bin/env python3
"""What wins where two of these meet: what an App says about drift, an Exemption, a rule, Git, a Hold, a
decision, a freeze, a suspension, an agent that only observes, no hub, another process of the agent.
Rows of deploy/reference/exemptions.md that sim_what_wins does not walk; tests/test_wins.py counts them."""
import contextlib
import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story, wins  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, Sim, SimStory, cluster, files, fleet, without  # noqa: E402
from support.wins import row  # noqa: E402

KEPT = "ConfigMap/default/kept"
FREE = "ConfigMap/default/free"
TAKEN = "Deployment.apps/default/taken"
WEB = "Deployment.apps/default/web"
IMAGE = "spec.template.spec.containers[name=main].image"
SHADE, TONE, HUE = (f"metadata.labels.{name}" for name in ("shade", "tone", "hue"))
SEEN = "Deployment.apps/default/seen"
WORDS = "Failed checks threshold reached 5"
APPS = {"`drift: correct`": ("correct",), "`drift: report`": ("report",), "`drift: capture`": ("capture",),
        "`drift: off` of the App": ("off",), "ignored, or `drift: off` of an entry": ("ignored", "overlooked"),
        "Exemption": ("exempted", "excused", "allowed")}  # by what each says
IGNORED, EXEMPTED = ("ignored", "overlooked", "allowed"), APPS["Exemption"]
DRIFT = {"overlooked": "report", "excused": "report", "ignored": "correct", "exempted": "correct", "allowed": "correct"}
FREE_RULES = [{"kind": "ConfigMap", "jsonPointers": ["/data/colour"]},
              {"kind": "Deployment", "jsonPointers": ["/spec/template/spec/containers/[name=main]/image"]}]
# What each says of an image that somebody goes back to by hand, where that is a decision.
UNDOABLE = {"u-correct": {"drift": "correct"}, "u-report": {"drift": "report"},
            "u-capture": {"drift": "capture", "capture": "commit"},
            "u-ignored": {"drift": "correct", "ignoreDifferences": FREE_RULES}, "u-exempted": {"drift": "correct"}}
# What is taken over, but for one label; as people write it, for the hub edits it.
TAKEN_APP = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: taken}
spec:
  namespace: default
  drift: capture
  capture: commit
  ignoreDifferences:
  - {jsonPointers: [/metadata/labels/tone], drift: report}
  - {jsonPointers: [/metadata/labels/hue]}
  targets:
  - clusterSelector: {}
"""


def kept(colour="green", **spec):
    return files("kept", m.config_map("kept", colour=colour, size="1"), drift="correct", **spec)


def free(colour="green", image="1"):
    """What others may set."""
    return files("free", m.config_map("free", colour=colour), m.deployment("free", f"reg/free:{image}"),
                 drift="correct", ignoreDifferences=FREE_RULES)


def web(image, value="a", **spec):
    item = m.deployment("web", f"reg/web:{image}")
    item["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": value}]
    return files("web", item, m.config_map("beside", size="1"), drift="correct", **spec)


def seen(image):
    """What nobody puts right."""
    return files("seen", m.deployment("seen", f"reg/seen:{image}"), drift="report")


def idle(**spec):
    return files("idle", m.config_map("idle", colour="green"), drift="correct", **spec)


def first_cluster(**spec):
    return cluster("c01", {"odd": "yes"}, number="1", **spec)


def taken():
    item = m.deployment("taken", "reg/taken:1")
    item["metadata"]["labels"] = {"shade": "dark", "tone": "low", "hue": "warm"}
    return {**files("taken", item), "apps/taken/app.yaml": TAKEN_APP}


def undoable(image, value="a"):
    """Apps of which an undo by hand is a decision, one for each mode; image is a Deployment's of the App's name."""
    made = {}
    for app, says in UNDOABLE.items():
        item = m.deployment(app, f"reg/u:{image}")
        item["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": value}]
        made |= files(app, item, m.config_map(app, size="1"), undo="hold", **says)
    return made


def exemption(app, key, field=None, name="x", where="c01"):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    spec = {"app": app, "clusters": [where], "object": key, "reason": "INC-1",
            "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"), **({"field": field} if field else {})}
    return {f"exemptions/{name}.yaml": m.text(m.thing("holdfast/v1alpha1", "Exemption", name, spec=spec))}


def mode(says, size, ignored=None):
    """An App for a row of the first table."""
    ignored = says in IGNORED if ignored is None else ignored
    rules = {"ignoreDifferences": [{"jsonPointers": ["/data/colour"]}]} if ignored else {}
    return files(says, m.config_map(says, colour="green", size=size), drift=DRIFT.get(says, says), **rules)


def key_of(says):
    return f"ConfigMap/default/{says}"


def all_modes(size):
    return {name: text for says in sum(APPS.values(), ()) for name, text in mode(says, size).items()}


def all_modes_but_exempted(size):
    return {name: text for name, text in all_modes(size).items() if name.split("/")[1] not in EXEMPTED}


def exemptions(where="c01"):
    """What all_modes needs to be as the first table says."""
    return {name: text for says in EXEMPTED
            for name, text in exemption(says, key_of(says), "data.colour", f"{says}-{where}", where).items()}


def says_all():
    """{App: (told, put right, stays)} of all modes, as the first table has it."""
    rows = wins.modes()
    assert rows.keys() == APPS.keys(), rows
    return {says: rows[words] for words, apps in APPS.items() for says in apps}


class WhatMeets(SimStory):
    clusters = fleet(3)
    apps = {**kept(), **free(), **web("1"), **taken(), **seen("1"), **idle(), **all_modes("1"), **exemptions(),
            **undoable("1"), **exemption("u-exempted", "Deployment.apps/default/u-exempted", IMAGE, "u")}
    repo_more = "  write: direct\n"
    hub_options = ("--capture-after", "1s", "--breaker-releases", "0")

    # What is done

    def commit(self, changes, message="change"):
        return self.commit_on_top(changes, message)

    def resolved(self, changes):
        """Commits, and waits until the hub knows."""
        revision = self.commit(changes)
        self.wait_resolved(revision)
        return revision

    def change(self, key, field, value, manager="kubectl-edit", name="c01"):
        self.sim.ask("drift", name, key, field, value, manager)

    def freeze(self, name, what="app", agents=3):
        """Returns its name."""
        self.hub.run("freeze", what, name, "--reason", "stop", "--for", "1h")
        def stopped():
            one, = (one for one in self.hub.get("freezes") if (one[what], one["state"]) == (name, "frozen"))
            assert one["stopped"] == agents, one
            return one["name"]
        return wait_for(stopped, SOON, "the agents to have stopped", 0.1)

    def unfreeze(self, name):
        self.hub.run("unfreeze", name)

    @contextlib.contextmanager
    def frozen(self, name="c01"):
        one = self.freeze(name, "cluster", 1)
        yield
        self.unfreeze(one)

    @contextlib.contextmanager
    def suspended(self):
        self.resolved(first_cluster(suspend=True))
        self.wait_status("kept", "c01", applied="suspended")
        yield
        self.resolved(first_cluster())

    def suspend(self, made):
        self.commit(made)
        app = next(iter(made)).split("/")[1]
        self.wait_status(app, "c01", applied="suspended")

    # What becomes of it

    def colour(self, key=KEPT):
        return self.data("c01", key)["colour"]

    def wait_colour(self, colour, key=KEPT):
        wait_for(lambda: self.colour(key) == colour, SOON, f"{key} to be {colour}", 0.1)

    def wait_told(self, *which):
        """Which fields of c01 are drift, of how many objects ever."""
        wait_for(lambda: {(key, field) for c, key, field in self.drift() if c == "c01"} == set(which), SOON,
                 f"drift to be {which}", 0.1)

    def label(self, name, label="shade"):
        return self.sim.object(name, TAKEN)["metadata"]["labels"][label]

    def captures(self):
        """Bodies of the commits that took something over."""
        return [one for one in self.git("log", "--format=%B%x00", "origin/main").split("\0")
                if one.strip().startswith("capture(")]

    def wait_captured(self, count):
        wait_for(lambda: len(self.captures()) == count, SOON, f"{count} captures", 0.2)
        return self.captures()[0]

    def holds(self, app="web"):
        listed = self.git("ls-tree", "-r", "--name-only", "origin/main", f"holds/{app}")
        return listed.split()

    def reject(self, key=WEB):
        app = key.rpartition("/")[2]
        before = len(self.events("release.held", app=app))
        self.sim.ask("decide", "c01", key, "rejected", WORDS)
        wait_for(lambda: len(self.events("release.held", app=app)) > before, SOON, "the decision", 0.1)

    def wait_image(self, image, app="web"):
        wait_for(lambda: self.image("c01", app) == image, SOON, f"{app} to run {image}", 0.1)

    def undo(self):
        """Goes back to the first release on c01, in each mode."""
        for app in UNDOABLE:
            self.change(f"Deployment.apps/default/{app}", IMAGE, "reg/u:1", manager="kubectl")

    def wait_undone(self, rejected):
        """Until that is a Hold in Git, for c01 alone."""
        def held():
            rows = [one for one in self.hub.get("holds") if one["app"] in UNDOABLE and one["rejected"] == rejected]
            assert all(one["path"] for one in rows), rows
            return {one["app"]: one["clusters"] for one in rows} == dict.fromkeys(UNDOABLE, ["c01"])
        wait_for(held, SOON, f"{rejected} to be held", 0.1)

    def undoables(self, *names):
        """What they run on each of these clusters: all the same, once it is there."""
        return [{(self.image(name, app), self.value(name, app)) for app in UNDOABLE} for name in names]

    def value(self, name="c01", app="web"):
        item = self.sim.object(name, f"Deployment.apps/default/{app}")
        return item["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]

    # The first table

    @row("above", "the first of these that speaks of it decides", "report + correct", "report + capture",
         "report + ignored", "report + Exemption", "correct + capture", "correct + ignored", "correct + Exemption",
         "ignored + Exemption")
    def test_1_each_says_what_is_told_what_is_put_right_and_what_stays(self):
        wanted = says_all()
        for says in wanted:
            self.change(key_of(says), "data.colour", "red")
        self.wait_colour("green", key_of("correct"))
        self.wait_told(*((key_of(says), "data.colour") for says, (told, right, _) in wanted.items() if told and not right))
        self.assertEqual({says: self.colour(key_of(says)) for says in wanted},
                         {says: "green" if right else "red" for says, (_, right, _) in wanted.items()})
        self.deliver(all_modes("2"))
        self.assertEqual({says: self.colour(key_of(says)) for says in wanted if says != "correct"},
                         {says: "red" if stays else "green" for says, (_, _, stays) in wanted.items()
                          if says != "correct"})
        self.wait_told(*((key_of(says), "data.colour") for says, (told, _, stays) in wanted.items() if told and stays))

    # Freezes and suspensions

    @row(3, "or [frozen]", "report + freeze", "correct + freeze", "ignored + freeze", "Exemption + freeze")
    @row(3, "is suspended", "report + suspended", "correct + suspended", "ignored + suspended", "Exemption + suspended")
    def test_2_while_frozen_or_suspended_each_is_told_the_same_and_nothing_is_changed(self):
        wanted = says_all()
        for colour, stopped in (("grey", self.frozen), ("pink", self.suspended)):
            with stopped():
                for says in wanted:
                    self.change(key_of(says), "data.colour", colour)
                self.wait_told(*((key_of(says), "data.colour") for says, (told, _, _) in wanted.items() if told))
                self.assertEqual({says: self.colour(key_of(says)) for says in wanted}, dict.fromkeys(wanted, colour))
            self.wait_colour("green", key_of("correct"))
            self.wait_told(*((key_of(says), "data.colour") for says, (told, right, _) in wanted.items()
                             if told and not right))
        self.resolved({**{f"apps/{says}/{name}": None for says in EXEMPTED
                          for name in ("app.yaml", f"configmap-{says}.yaml")}, **without(exemptions())})
        self.deliver(all_modes_but_exempted("3"))
        self.wait_told()

    @row(3, "is suspended")
    def test_2_while_suspended_it_is_told_and_nothing_is_changed(self):
        self.suspend(kept(suspend=True))
        self.change(KEPT, "data.colour", "red")
        self.wait_told((KEPT, "data.colour"))
        self.assertEqual(self.colour(), "red")
        self.commit(kept())
        self.wait_colour("green")
        self.wait_told()

    @row(4, "suspended and frozen", "freeze + suspended")
    def test_2_of_both_the_one_that_ends_later_counts(self):
        frozen = self.freeze("kept")
        self.suspend(kept(suspend=True))
        self.change(KEPT, "data.colour", "red")
        self.wait_told((KEPT, "data.colour"))
        self.deliver(kept(), stage="delivered")
        wait_for(lambda: self.status("kept", "c01")["applied"] != "suspended", SOON, "it to go on", 0.1)
        self.assertEqual(self.colour(), "red")
        self.unfreeze(frozen)
        self.wait_colour("green")
        self.wait_told()

    @row(5, "an Exemption ends", "Exemption + freeze", "Exemption + suspended")
    def test_2_what_an_exemption_allowed_is_put_right_when_that_ends(self):
        for stopped in (self.frozen, self.suspended):
            self.deliver(exemption("kept", KEPT))
            self.change(KEPT, "data.colour", "red")
            self.wait_told((KEPT, "data.colour"))
            with stopped():
                self.deliver({"exemptions/x.yaml": None}, stage="delivered")
                self.assertEqual(self.colour(), "red")
            self.wait_colour("green")
            self.wait_told()

    @row(25, "begins or ends, and the App says `drift: report`", "report + Exemption", "report + ignored",
         "capture + Exemption", "capture + ignored")
    def test_2_when_an_exemption_or_a_rule_begins_or_ends_nothing_is_applied_for_it(self):
        for says in ("report", "capture"):
            key = key_of(says)
            self.change(key, "data.colour", "red")
            self.wait_told((key, "data.colour"))
            for made in (exemption(says, key), {"exemptions/x.yaml": None}, mode(says, "3", ignored=True), mode(says, "3")):
                self.deliver(made)
                self.assertEqual(self.colour(key), "red")
            self.change(key, "data.colour", "green")
            self.wait_told()

    # What is taken over

    @row(6, "and an Exemption or another rule", "capture + Exemption", "capture + ignored")
    def test_3_what_is_exempted_or_ruled_is_not_taken_over(self):
        self.deliver(exemption("taken", TAKEN, "spec.replicas"))
        self.change(TAKEN, "spec.replicas", "5")
        self.change(TAKEN, TONE, "high")
        self.change(TAKEN, HUE, "cold")
        self.change(TAKEN, SHADE, "light")
        said = self.wait_captured(1)
        self.assertIn(SHADE, said)
        self.assertNotIn("replicas", said)
        self.assertNotIn("tone", said)
        self.assertNotIn("hue", said)
        self.assertEqual(self.events("write.impossible", app="taken"), [])
        self.resolved({"exemptions/x.yaml": None})
        self.wait_captured(2)
        self.wait_told()

    @row(7, "is frozen or suspended", "capture + freeze", "capture + suspended")
    def test_3_while_frozen_or_suspended_it_is_taken_over_all_the_same(self):
        for count, (shade, stopped) in enumerate((("bright", self.frozen), ("pale", self.suspended))):
            with stopped():
                self.change(TAKEN, SHADE, shade)
                self.wait_captured(3 + count)
            self.wait_told()
            self.assertEqual([self.label(name) for name in ("c01", "c02")], [shade, "dark"])

    @row(15, "undoes a rollout", "capture + goes back")
    def test_3_a_rollout_undone_by_hand_is_taken_over(self):
        self.change(TAKEN, IMAGE, "reg/taken:0", manager="kubectl")
        self.wait_event("release.undone", cluster="c01", app="taken")
        self.assertIn(IMAGE, self.wait_captured(5))
        self.wait_told()
        self.assertEqual(self.images("taken", 2), ["0", "1"])

    # Git, Holds and decisions

    @row(9, "Git changes that very field")
    def test_4_what_git_changes_is_applied_though_it_is_ignored(self):
        self.change(FREE, "data.colour", "red")
        self.deliver(free("blue"))
        self.assertEqual(self.colour(FREE), "blue")

    @row(9, "or a [Hold](holds.md) does", "ignored + Hold", "ignored + goes back")
    def test_4_so_is_what_a_hold_changes(self):
        self.deliver(free("blue", "2"))
        self.reject("Deployment.apps/default/free")
        self.wait_image("1", "free")

    @row(10, "changes a field that a Hold sets", "correct + Hold", "report + Hold")
    def test_5_what_a_hold_makes_is_what_it_is_compared_with(self):
        self.deliver({**web("2"), **seen("2")})
        self.reject()
        self.reject(SEEN)
        self.wait_image("1")
        self.wait_image("1", "seen")
        frozen = self.freeze("web")
        for key, app in ((WEB, "web"), (SEEN, "seen")):
            self.change(key, IMAGE, f"reg/{app}:hot")
        self.wait_told((WEB, IMAGE), (SEEN, IMAGE))
        self.assertEqual([self.drift()["c01", key, IMAGE]["desired"] for key in (WEB, SEEN)],
                         ['"reg/web:1"', '"reg/seen:1"'])
        self.unfreeze(frozen)
        self.wait_image("1")
        self.wait_told((SEEN, IMAGE))
        self.assertEqual(self.image("c01", "seen"), "hot")

    @row(15, "undoes a rollout", "report + goes back")
    def test_5_a_rollout_undone_by_hand_is_told(self):
        self.deliver(seen("3"))
        self.wait_told()
        self.change(SEEN, IMAGE, "reg/seen:1", manager="kubectl")
        self.wait_event("release.undone", cluster="c01", app="seen")
        self.wait_told((SEEN, IMAGE))
        self.assertEqual(self.image("c01", "seen"), "1")

    @row(10, "changes a field that a Hold sets", "capture + Hold")
    def test_5_what_somebody_sets_instead_of_a_hold_is_told_and_not_taken_over(self):
        path = "apps/taken/deployment-taken.yaml"
        self.wait_written()
        self.follow()
        text = (self.repo.work / path).read_text(encoding="utf-8")
        self.deliver({path: text.replace("reg/taken:1", "reg/taken:2")})
        self.sim.ask("decide", "c02", TAKEN, "rejected", WORDS)
        wait_for(lambda: self.images("taken", 3) == ["0", "1", "2"], SOON, "the Hold", 0.1)
        self.change(TAKEN, IMAGE, "reg/taken:hot", name="c02")
        said = self.wait_event("write.impossible", cluster="c02", app="taken")["message"]
        self.assertIn("or a Hold sets it: compare the two and edit it there", said)
        self.assertEqual(self.drift()["c02", TAKEN, IMAGE]["desired"], '"reg/taken:1"')
        self.assertEqual((self.images("taken"), len(self.captures())), (["0", "hot", "2"], 5))
        self.change(TAKEN, IMAGE, "reg/taken:1", name="c02")

    @row(12, "while the App or cluster is frozen or suspended", "goes back + freeze", "Hold + freeze")
    def test_6_what_is_rejected_while_frozen_is_held_in_git_and_applied_afterwards(self):
        self.deliver(web("3"))
        frozen = self.freeze("web")
        self.reject()
        wait_for(lambda: any("/web/3-" in path for path in self.holds()), SOON, "the Hold in Git", 0.2)
        self.assertEqual(self.image("c01"), "3")
        self.unfreeze(frozen)
        self.wait_image("1")

    @row(12, "while the App or cluster is frozen or suspended", "goes back + suspended", "Hold + suspended")
    def test_6_so_is_what_is_rejected_while_suspended(self):
        self.deliver(web("4"))
        self.suspend(web("4", suspend=True))
        self.reject()
        wait_for(lambda: any("/web/4-" in path for path in self.holds()), SOON, "the Hold in Git", 0.2)
        self.assertEqual(self.image("c01"), "4")
        self.commit(web("4"))
        self.wait_image("1")

    @row(24, "from what a Hold made", "goes back + Hold")
    def test_6_what_is_rejected_of_what_a_hold_made_is_held_too(self):
        self.deliver(web("4", value="b"))
        self.assertEqual((self.image("c01"), self.value()), ("1", "b"))
        self.reject()
        wait_for(lambda: (self.image("c01"), self.value()) == ("1", "a"), SOON, "what ran before", 0.1)
        wait_for(lambda: len(self.holds()) == 2, SOON, "both Holds in Git", 0.2)

    # What people undo, where that is a decision

    @row(26, "says `undo: hold`", "report + goes back", "correct + goes back", "capture + goes back",
         "ignored + goes back", "Exemption + goes back")
    def test_6_where_the_app_says_so_what_somebody_undoes_is_held_in_each_mode(self):
        self.deliver(undoable("2"))
        self.undo()
        self.wait_undone("2")
        self.deliver(undoable("2", "b"))
        self.assertEqual(self.undoables("c01", "c02"), [{("1", "b")}, {("2", "b")}])
        self.wait_told((SEEN, IMAGE))  # as before
        self.assertEqual(len(self.captures()), 5)

    @row(26, "somebody undoes a rollout", "goes back + freeze", "goes back + suspended")
    def test_6_where_that_is_while_frozen_or_suspended_it_is_held_in_git_and_applied_afterwards(self):
        for image, stopped in (("3", self.frozen), ("4", self.suspended)):
            self.deliver(undoable(image))
            with stopped():
                self.undo()
                self.wait_undone(image)
                self.deliver(undoable(image, "b"), stage="delivered")
                self.assertEqual(self.undoables("c01"), [{("1", "a")}])
            wait_for(lambda: self.undoables("c01") == [{("1", "b")}], SOON, "all else of Git to be applied", 0.1)
            self.wait_told((SEEN, IMAGE))  # as before

    # No hub, and another process of the agent

    @row(14, "no hub has answered", "report + goes back", "correct + goes back", "goes back + no hub",
         "goes back + restart")
    @row(23, "the agent is started again, also without a hub", "goes back + restart")
    def test_7_until_a_hub_answers_the_app_is_kept_as_it_was(self):
        self.deliver({**web("5"), **seen("5")})
        self.wait_told()
        self.hub.kill()
        for key in (WEB, SEEN):
            self.sim.ask("decide", "c01", key, "rejected", WORDS)
            self.change(key, "spec.replicas", "7")
        wait_for(lambda: self.sim.object("c01", WEB)["spec"]["replicas"] == 1, SOON, "it to be put right", 0.1)
        self.assertEqual((self.image("c01"), self.image("c01", "seen")), ("5", "5"))
        self.sim.restart("c01")
        self.change("ConfigMap/default/beside", "data.size", "9")
        self.wait_data("c01", "ConfigMap/default/beside", {"size": "1"})
        self.assertEqual(self.sim.object("c01", SEEN)["spec"]["replicas"], 7)
        self.repo.push({**web("5", "z"), **seen("5")}, "while nobody can hear")
        self.hub.start_and_wait()
        self.wait_image("1")
        self.wait_image("3", "seen")
        self.wait_event("drift.found", cluster="c01", key=SEEN)

    @row(26, "by hand, and the App says", "goes back + no hub", "goes back + restart")
    def test_7_what_somebody_undid_is_left_as_it_is_meanwhile(self):
        self.deliver(undoable("5"))
        self.hub.kill()
        self.undo()
        for size in ("7", "8"):
            for app in ("u-correct", "u-ignored", "u-exempted"):  # of which no rule says anything
                self.change(f"ConfigMap/default/{app}", "data.size", size)
                self.wait_data("c01", f"ConfigMap/default/{app}", {"size": "1"})
            self.assertEqual(self.undoables("c01"), [{("1", "a")}])
            self.sim.restart("c01")
        self.repo.push(undoable("5", "b"), "while nobody can hear")
        self.hub.start_and_wait()
        self.wait_undone("5")
        wait_for(lambda: self.undoables("c01", "c02") == [{("1", "b")}, {("5", "b")}], SOON, "the Hold", 0.1)
        self.wait_told()

    @row(22, "there is no hub", "report + no hub", "correct + no hub", "capture + no hub", "ignored + no hub",
         "Exemption + no hub", "Hold + no hub", "freeze + no hub", "suspended + no hub")
    @row(23, "the agent is started again, also without a hub", "report + restart", "correct + restart",
         "capture + restart", "ignored + restart", "Exemption + restart", "Hold + restart", "freeze + restart",
         "suspended + restart", "no hub + restart")
    def test_8_all_of_it_goes_on_without_a_hub_and_over_a_restart_of_the_agent(self):
        self.deliver({**kept(), **exemption("kept", KEPT, "data.size"), **free("blue"), **all_modes_but_exempted("4")})
        self.deliver(web("6"))
        self.reject()
        self.wait_image("1")
        self.freeze("correct")
        self.suspend(idle(suspend=True))
        self.change(KEPT, "data.size", "nine")
        changed = [FREE, *map(key_of, ("idle", "correct", "report", "capture", "ignored"))]
        for key in changed:
            self.change(key, "data.colour", "red")
        told = {(KEPT, "data.size"), *((key, "data.colour") for key in changed[1:-1])}
        self.wait_told(*told)
        self.hub.kill()
        self.change(TAKEN, SHADE, "dim")
        for _ in ("as it runs", "started again"):
            for key, field, value in ((KEPT, "data.colour", "red"), (WEB, IMAGE, "reg/web:hot")):
                self.change(key, field, value)
            self.wait_colour("green")
            self.wait_image("1")
            self.assertEqual([self.colour(key) for key in changed], ["red"] * len(changed))
            self.assertEqual(self.data("c01", KEPT)["size"], "nine")
            self.sim.restart("c01")
        self.hub.start_and_wait()
        self.wait_connected("c01")
        self.assertIn(SHADE, self.wait_captured(6))
        self.change(KEPT, "data.colour", "red")
        self.wait_colour("green")
        self.wait_told(*told)
        self.assertEqual([self.colour(key) for key in changed], ["red"] * len(changed))
        self.wait_image("1")
        self.unfreeze(*(one["name"] for one in self.hub.get("freezes") if one["state"] == "frozen"))

    # Who only observes

    @row(3, "only observes", "report + observes", "correct + observes", "ignored + observes", "Exemption + observes")
    def test_9_who_only_observes_tells_and_changes_nothing(self):
        self.resolved({**cluster("c04", number="4"), **kept(), **all_modes("5"), **exemptions("c04")})
        tokens = self.folder / "observer.tokens"
        tokens.write_text(self.hub.run("enroll", "c04", "--tokens").stdout, encoding="utf-8")
        type(self).observer = Sim(self.folder, self.hub, tokens, ("--observe",), "observer").start()
        self.wait_connected("c04")
        made = {key_of(says): m.config_map(says, "default", colour="red", size="5") for says in says_all()}
        made |= {KEPT: m.config_map("kept", "default", colour="red", size="1"), TAKEN: self.sim.object("c02", TAKEN)}
        for key, item in made.items():
            self.observer.ask("create", "c04", key, json.dumps(item).replace('"', '\\"'), "kustomize-controller")
        self.observed()
        self.assertEqual(self.seen_colours(made), {"red"})

    def observed(self, *more):
        """Told is what the first table says, with these."""
        told = {(KEPT, "data.colour"), *more, *((key_of(says), "data.colour") for says, (told, _, _) in says_all().items()
                                               if told)}
        wait_for(lambda: {(key, field) for c, key, field in self.drift() if c == "c04"} == told, SOON,
                 f"{told} to be told", 0.1)

    def seen_colours(self, keys):
        items = (json.loads(self.observer.ask("get", "c04", key)) for key in keys if key != TAKEN)
        return {item["data"]["colour"] for item in items}

    @row(8, "and its agent only observes", "capture + observes")
    def test_9_nothing_of_his_cluster_is_taken_over_by_itself(self):
        self.observer.ask("drift", "c04", TAKEN, SHADE, "grey", "kustomize-controller")
        self.observed((TAKEN, SHADE))
        self.change(TAKEN, SHADE, "pale", name="c03")
        self.assertIn("c03", self.wait_captured(7))
        self.hub.run("capture", "taken", "--cluster", "c04", "--object", "Deployment/taken", "--reason", "INC-2", "--wait")
        self.wait_captured(8)
        self.observed()

    @row(3, "or the agent only observes", "freeze + observes", "suspended + observes")
    @row(22, "there is no hub", "observes + no hub")
    @row(23, "the agent is started again, also without a hub", "observes + restart")
    def test_9_nor_is_anything_else_because_he_is_frozen_suspended_or_started_again(self):
        told = []

        def change(key):
            self.observer.ask("drift", "c04", key, "data.size", "other", "kustomize-controller")
            told.append((key, "data.size"))

        with self.frozen("c04"):
            change(KEPT)
            self.observed(*told)
        self.resolved(cluster("c04", number="4", suspend=True))
        change(key_of("correct"))
        self.observed(*told)
        self.hub.kill()
        change(key_of("report"))
        self.observer.restart("c04")
        self.hub.start_and_wait()
        self.wait_connected("c04")
        self.observed(*told)
        self.assertEqual(self.seen_colours(key for key, _ in told), {"red"})


if __name__ == "__main__":
    story.main()
