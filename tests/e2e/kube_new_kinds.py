#!/usr/bin/env python3
"""A kind and objects of that kind: in one commit, in two Apps, and the kind days after the objects.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import SOON, KubeStory, files, path  # noqa: E402


def thing(kind, name, **spec):
    return m.thing("example.com/v1", kind, name, spec=spec)


def strict_kind(**fields):
    """The definition of Sprocket, whose spec takes these fields and no others."""
    definition = m.crd("sprockets", "Sprocket")
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "type": "object", "properties": {name: {"type": type_} for name, type_ in fields.items()}}
    return definition


class NewKinds(KubeStory):

    def test_a_kind_and_its_objects_come_in_one_commit(self):
        self.deliver(files("one", m.crd("widgets", "Widget"), thing("Widget", "w", size=1),
                           m.crd("planets", "Planet", scope="Cluster"), thing("Planet", "p"),
                           namespace="default"))
        self.assertTrue(self.find("Widget", "default/w", "example.com/v1"))
        self.assertTrue(self.find("Planet", "p", "example.com/v1"))

    def test_an_object_without_its_kind_waits_and_says_why(self):
        self.commit(files("user", thing("Gadget", "g", size=1), m.config_map("beside", x="1"),
                          namespace="default"))
        self.wait_status("user", applied="failed", message="no kind 'Gadget.example.com'")
        self.assertTrue(self.find("ConfigMap", "beside"), "the rest of the App went on")

    def test_it_is_applied_once_another_app_brings_the_kind(self):
        self.deliver(files("operator", m.crd("gadgets", "Gadget")))
        self.wait_status("user", applied="applied", health="healthy")
        self.assertTrue(self.find("Gadget", "default/g", "example.com/v1"))

    def test_a_kind_or_namespace_that_somebody_brings_by_hand_is_as_good_and_costs_little(self):
        mark = self.cluster.audit_mark()
        homeless = m.config_map("settings", "nowhere", colour="green")
        self.commit({**files("late", thing("Doodad", "d", size=1), namespace="default"),
                     **files("homeless", homeless)})
        self.wait_status("late", applied="failed", message="no kind 'Doodad.example.com'")
        self.wait_status("homeless", applied="failed", message="namespace 'nowhere' does not exist")
        tries = self.cluster.wait_for(lambda: self.tried("settings", mark, 3), SOON, "three tries")
        self.assertGreaterEqual(tries[2] - tries[1], 4, "pauses grow")
        asked = [path_ for _, _, path_ in self.cluster.asked("agent", mark)]
        self.assertLess(asked.count("/apis"), 12)

        self.cluster.wait_for(lambda: self.scouts() and self.scouts("/api/v1/namespaces?"), SOON,
                              "watches that tell at once, however long pauses are")
        self.admin.apply(m.crd("doodads", "Doodad"))
        self.admin.apply(m.namespace("nowhere"))
        self.wait_status("homeless", applied="applied", health="healthy")
        self.wait_status("late", applied="applied", health="healthy")
        self.assertTrue(self.find("Doodad", "default/d", "example.com/v1"))

    def test_objects_move_with_the_namespace_of_their_app(self):
        self.deliver(files("late", thing("Doodad", "d", size=1), namespace="nowhere"))
        self.assertTrue(self.find("Doodad", "nowhere/d", "example.com/v1"))
        self.wait_gone("Doodad", "default/d", "example.com/v1")

    def tried(self, name, mark, count):
        """When an object of this name was applied, if that was so often."""
        times = [at for at, verb, path_ in self.cluster.asked("agent", mark)
                 if verb == "patch" and path_.endswith(f"/{name}")]
        return times if len(times) >= count else None

    def test_what_waits_no_longer_is_not_watched_for(self):
        self.cluster.wait_for(lambda: not self.scouts(), SOON, "an end of watches for names")

    def scouts(self, of="/customresourcedefinitions?"):
        """Watches of the agent for what may come."""
        return self.cluster.open_watches("agent", lambda uri: "labelSelector" not in uri and
                                         of in uri)

    def test_two_apps_come_together_whatever_their_names(self):
        self.deliver({**files("a-user", thing("Gizmo", "g"), namespace="default"),
                      **files("z-operator", m.crd("gizmos", "Gizmo"))})
        self.assertTrue(self.find("Gizmo", "default/g", "example.com/v1"))

    def test_a_new_field_of_a_kind_comes_with_objects_that_have_it(self):
        self.deliver(files("strict", strict_kind(size="integer"), thing("Sprocket", "s", size=1),
                           namespace="default"))
        for number in range(5):  # the API server takes over a definition when it gets to it
            fields = {"size": "integer", **{f"new{i}": "string" for i in range(number + 1)}}
            values = {f"new{i}": "x" for i in range(number + 1)}
            self.deliver({path("strict", item): m.text(item) for item in (
                strict_kind(**fields), thing("Sprocket", "s", size=2, **values))})
            self.assertEqual(self.find("Sprocket", "default/s", "example.com/v1")["spec"],
                             {"size": 2, **values})
        # Too early is no failure that anybody should be told of.
        self.assertEqual([e for e in self.events("app.failed") if e["app"] == "strict"], [])

    def test_a_field_that_no_kind_has_is_told(self):
        wrong = thing("Sprocket", "s", size=2, colour="red")
        self.commit({path("strict", wrong): m.text(wrong)})
        self.wait_status("strict", applied="failed",
                         message=r"Sprocket.example.com/default/s: .*\.spec\.colour")
        right = thing("Sprocket", "s", size=3)
        self.deliver({path("strict", right): m.text(right)})

    def test_drift_of_a_new_kind_is_seen(self):
        self.admin.patch("Gadget", "g", {"spec": {"size": 7}}, api_version="example.com/v1")
        row = self.wait_drift("Gadget.example.com/default/g", "spec.size")
        self.assertEqual((row["desired"], row["actual"]), ("1", "7"))

    def test_a_kind_that_somebody_deletes_takes_its_objects_and_that_is_seen(self):
        self.admin.delete("CustomResourceDefinition", "gadgets.example.com")
        self.wait_object("Gadget.example.com/default/g", 60, health="missing")
        self.assertEqual(self.status("one")["health"], "healthy")

    def test_sync_brings_both_back(self):
        self.hub.run("sync", "--app", "operator")
        self.wait_status("operator", health="healthy")
        changed = thing("Gadget", "g", size=2)
        self.deliver({path("user", changed): m.text(changed)})
        self.assertEqual(
            self.find("Gadget", "default/g", "example.com/v1")["spec"], {"size": 2})


if __name__ == "__main__":
    story.main()
