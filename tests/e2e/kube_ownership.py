#!/usr/bin/env python3
"""Who owns which field: what others have set is taken or left, as the App says, and told with names."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402

COUNT = 200


def numbered(numbers):
    return [m.config_map(f"setting-{i:03}", number=str(n)) for i, n in enumerate(numbers)]


class Conflicts(KubeStory):

    def colour(self, name):
        return self.find("ConfigMap", name)["data"]["colour"]

    def test_1_two_apps_are_installed(self):
        fleet = {}
        for name, conflicts in (("takes", "force"), ("leaves", "fail")):
            fleet.update(files(name, m.config_map(name, colour="red"), namespace="default",
                               conflicts=conflicts))
        self.deliver(fleet)

    def test_2_a_field_of_somebody_else_is_taken_or_left(self):
        fleet = {}
        for name in ("takes", "leaves"):
            self.admin.patch("ConfigMap", name, {"data": {"colour": "green"}}, manager="painter")
            item = m.config_map(name, colour="blue")
            fleet[path(name, item)] = m.text(item)
            self.wait_drift(f"ConfigMap/default/{name}", "data.colour")
        mark = self.cluster.audit_mark()
        self.commit(fleet)
        row = self.wait_status("leaves", applied="failed", message="data.colour is set by 'painter'")
        self.assertIn("'conflicts: force'", row["message"])
        self.wait_status("takes", applied="applied", health="healthy")
        self.assertEqual((self.colour("takes"), self.colour("leaves")), ("blue", "green"))
        self.assert_written(mark, {("patch", "configmaps"): 2})

    def test_3_what_is_taken_is_told_with_who_had_it(self):
        taken = [line for line in self.agent.log_text().splitlines() if "id=agent.taken" in line]
        self.assertTrue(any("painter" in line and "data.colour" in line for line in taken), taken)

    def test_4_who_agrees_with_the_other_has_no_conflict(self):
        item = m.config_map("leaves", colour="green", size="2")
        self.deliver({path("leaves", item): m.text(item)})
        self.assertEqual(self.find("ConfigMap", "leaves")["data"], {"colour": "green", "size": "2"})


def autoscaler(name, least):
    return m.thing("autoscaling/v2", "HorizontalPodAutoscaler", name, "default", spec={
        "minReplicas": least, "maxReplicas": 9,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}})


def route(*weights):
    return m.thing("networking.istio.io/v1", "VirtualService", "web", spec={"http": [{"route": [
        {"destination": {"host": f"web-{i}"}, "weight": w} for i, w in enumerate(weights)]}]})


class Rights(KubeStory):

    def replicas(self, name):
        return self.find("Deployment", name)["spec"]["replicas"]

    def wait_replicas(self, name, number):
        self.cluster.wait_for(lambda: self.replicas(name) == number, 30,
                              f"{name} to have {number} replicas")

    def ours(self, name):
        """What the agent owns of the Deployment's spec."""
        entries = self.find("Deployment", name)["metadata"]["managedFields"]
        return {field for entry in entries if entry["manager"] == "holdfast"
                for field in entry["fieldsV1"]["f:spec"]}

    def shift(self, *weights):
        spec = route(*weights)["spec"]
        self.admin.patch("VirtualService", "web", {"spec": spec}, manager="flagger",
                         api_version="networking.istio.io/v1")

    def weights(self):
        live = self.find("VirtualService", "web", "networking.istio.io/v1")
        return [one["weight"] for one in live["spec"]["http"][0]["route"]]

    def test_1_a_program_that_nobody_scales_is_as_git_says(self):
        fleet = {}
        for name, drift in (("kept", "correct"), ("watched", "report")):
            fleet.update(files(name, m.deployment(name, replicas=2), namespace="default",
                               drift=drift, conflicts="fail" if name == "watched" else "force"))
        self.deliver(fleet)

    def test_2_an_autoscaler_has_the_replicas(self):
        self.admin.apply(autoscaler("kept", 4), autoscaler("watched", 3))
        self.wait_replicas("kept", 4)
        self.wait_replicas("watched", 3)
        self.cluster.wait_for(lambda: "f:replicas" not in self.ours("kept") | self.ours("watched"),
                              30, "the agent to give way")
        self.assertEqual(self.drift(), {})

    def test_3_a_change_leaves_them_as_they_are(self):
        fleet = {}
        for name in ("kept", "watched"):
            item = m.deployment(name, image="example.com/web:2", replicas=1)
            fleet[path(name, item)] = m.text(item)
        self.deliver(fleet)
        self.assertEqual((self.replicas("kept"), self.replicas("watched")), (4, 3))
        self.assertEqual(self.drift(), {})

    def test_4_a_restart_changes_nothing(self):
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.wait_connected(False)
        self.agent.start()
        self.wait_connected()
        self.wait_status("kept", applied="applied", health="healthy")
        item = m.config_map("last")
        self.deliver({path("kept", item): m.text(item)})
        self.assert_written(mark, {("patch", "configmaps"): 1, ("patch", "secrets"): 1})
        self.assertEqual((self.replicas("kept"), self.drift()), (4, {}))

    def test_5_they_come_back_when_the_autoscaler_goes(self):
        self.admin.delete("HorizontalPodAutoscaler", "watched", "autoscaling/v2")
        self.wait_replicas("watched", 1)
        self.assertIn("f:replicas", self.ours("watched"))

    def test_6_also_when_nobody_saw_it_go(self):
        self.agent.terminate()
        self.admin.delete("HorizontalPodAutoscaler", "kept", "autoscaling/v2")
        self.agent.start()
        self.wait_replicas("kept", 1)
        self.wait_status("kept", applied="applied", health="healthy", drifted=0)

    def test_7_a_canary_has_the_weights_of_a_route(self):
        self.deliver({**files("kinds", m.crd("virtualservices", "VirtualService",
                                             "networking.istio.io"),
                              m.crd("canaries", "Canary", "flagger.app")),
                      **files("routes", route(100, 0), namespace="default", drift="correct",
                              dependsOn=[{"name": "kinds"}])})
        self.admin.apply(m.thing("flagger.app/v1", "Canary", "web", "default", spec={
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}))
        self.shift(70, 30)
        item = route(90, 10)
        item["spec"]["hosts"] = ["web"]
        self.deliver({path("routes", item): m.text(item)})
        self.assertEqual((self.weights(), self.drift()), ([70, 30], {}))
        self.shift(20, 80)
        self.wait_no_drift()
        self.admin.delete("Canary", "web", "flagger.app/v1")
        self.cluster.wait_for(lambda: self.weights() == [90, 10], 30, "Git's weights")


class Writes(KubeStory):

    def test_1_a_large_app_is_installed(self):
        self.deliver(files("large", *numbered(range(COUNT)), namespace="default"))

    def test_2_one_difference_is_one_write(self):
        mark = self.cluster.audit_mark()
        item = numbered([*range(7), 1000])[7]
        self.deliver({path("large", item): m.text(item)})
        self.assert_written(mark, {("patch", "configmaps"): 1})

    def test_3_no_difference_is_none(self):
        # It leaves no trace of its end. So something small follows, which must be all there is.
        mark = self.cluster.audit_mark()
        same = numbered(range(9))[8]
        self.commit({path("large", same): "# a comment\n" + m.text(same)})
        item = m.config_map("setting-000", number="last")
        self.deliver({path("large", item): m.text(item)})
        self.assert_written(mark, {("patch", "configmaps"): 1})


if __name__ == "__main__":
    story.main()
