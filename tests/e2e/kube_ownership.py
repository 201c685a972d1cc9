#!/usr/bin/env python3
"""Who owns which field: what others have set is taken or left, as the App says, and told with names."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.wins import row  # noqa: E402

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

    @row(1, "has the field by right")
    def test_3_what_is_taken_is_told_with_who_had_it(self):
        taken = [line for line in self.agent.log_text().splitlines() if "id=agent.taken" in line]
        self.assertTrue(any("painter" in line and "data.colour" in line for line in taken), taken)
        self.cluster.wait_for(lambda: self.events("field.taken"), what="an event")
        self.assertEqual([(event["key"], event["actor"], event["message"])
                          for event in self.events("field.taken")],
                         [("ConfigMap/default/takes", "painter",
                           "data.colour: set by 'painter', and now as Git says")])

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
        self.admin.apply(autoscaler("kept", 2), autoscaler("watched", 2))
        for name in ("kept", "watched"):  # what changes before that is drift
            wait_for(lambda again=f"again app={name} object=Deployment": again in self.agent.log_text(), 30,
                     "the agent to know of the autoscaler", 0.05)
        self.admin.apply(autoscaler("kept", 4), autoscaler("watched", 3))
        self.wait_replicas("kept", 4)
        self.wait_replicas("watched", 3)
        self.cluster.wait_for(lambda: "f:replicas" not in self.ours("kept") | self.ours("watched"),
                              30, "the agent to give way")
        self.assertEqual(self.drift(), {})
        wait_for(lambda: {(row["path"], row["class"]) for row in self.hub.get("differences")} ==
                 {("spec.replicas", "right")}, 30, "it to be told as theirs by right", 0.2)

    def scaled(self, name):
        return [(event["key"], event["actor"], event["message"].split(" replicas")[0],
                 event["message"].split(" for ")[-1])
                for event in self.events("app.scaled") if event["app"] == name]

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
        self.assert_written(mark, {("patch", "configmaps"): 1})
        self.assertIn(self.inventory_writes(mark), (1, 2), "another kind, and which manifest is in force")
        self.assertEqual((self.replicas("kept"), self.drift()), (4, {}))

    def test_4b_what_it_did_is_told_with_its_name_and_once(self):
        for name, change in (("kept", "2 to 4"), ("watched", "2 to 3")):
            wait_for(lambda: self.scaled(name), 30, "an event")
            self.assertEqual(self.scaled(name), [
                (f"Deployment.apps/default/{name}", "controller-manager", change,
                 f"HorizontalPodAutoscaler.autoscaling/default/{name}")])
        log = json.loads(self.hub.run("log", "--kind", "scaled", "-o", "json").stdout)["items"]
        rows = [(row["app"], row["text"]) for row in log]
        self.assertEqual(sorted(rows), [("kept", "2 to 4 (HorizontalPodAutoscaler kept)"),
                                        ("watched", "2 to 3 (HorizontalPodAutoscaler watched)")])

    @row(2, "that controller goes")
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
        wait_for(lambda: "again app=routes object=VirtualService" in self.agent.log_text(), 30,
                 "the agent to know of the canary", 0.05)
        self.shift(70, 30)
        item = route(90, 10)
        item["spec"]["hosts"] = ["web"]
        self.deliver({path("routes", item): m.text(item)})
        self.assertEqual((self.weights(), self.drift()), ([70, 30], {}))
        self.shift(20, 80)
        self.wait_no_drift()
        self.admin.delete("Canary", "web", "flagger.app/v1")
        self.cluster.wait_for(lambda: self.weights() == [90, 10], 30, "Git's weights")


def selecting(label, image="example.com/web:1"):
    return m.deployment("web", image=image, selector={"matchLabels": {"app": label}}, template={
        "metadata": {"labels": {"app": label}},
        "spec": {"containers": [{"name": "main", "image": image}]}})


def claim(size, mode):
    return m.thing("v1", "PersistentVolumeClaim", "data", spec={
        "accessModes": [mode], "storageClassName": "none",
        "resources": {"requests": {"storage": size}}})


def annotated(item, **annotations):
    item["metadata"]["annotations"] = {f"holdfast.dev/{name}": value
                                       for name, value in annotations.items()}
    return item


class Recreate(KubeStory):

    def uid(self, kind, name, api_version=None):
        return self.find(kind, name, api_version)["metadata"]["uid"]

    def test_1_what_cannot_be_changed_is_told_by_its_field(self):
        binding = m.thing("rbac.authorization.k8s.io/v1", "RoleBinding", "b", roleRef={
            "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"})
        self.deliver({**files("web", selecting("one"), namespace="default"),
                      **files("job", m.job("migrate"), namespace="default"),
                      **files("db", m.stateful_set("db"), namespace="default"),
                      **files("binding", binding, namespace="default")})
        Recreate.before = {kind: self.uid(kind, name) for kind, name in (
            ("Deployment", "web"), ("Job", "migrate"), ("StatefulSet", "db"))}
        database = m.stateful_set("db")
        database["spec"]["serviceName"] = "other"
        binding["roleRef"]["name"] = "b"
        Recreate.after = {path(app, item): m.text(item) for app, item in (
            ("web", selecting("two")), ("job", m.job("migrate", image="example.com/migrate:2")),
            ("db", database), ("binding", binding))}
        self.commit(self.after)
        for app, field in (("web", "spec.selector"), ("job", "spec.template"),
                           ("db", "spec.serviceName"), ("binding", "roleRef")):
            row = self.wait_status(app, applied="failed", message=f"{field} cannot be changed")
            self.assertIn("'recreate: true'", row["message"])
        for kind, uid in self.before.items():
            self.assertEqual(self.uid(kind, {"Deployment": "web", "Job": "migrate",
                                             "StatefulSet": "db"}[kind]), uid)

    def test_2_it_is_made_anew_where_the_app_says_so(self):
        self.deliver({f"apps/{name}/app.yaml": m.text(m.app(name, namespace="default",
                                                            recreate=True))
                      for name in ("web", "job", "db", "binding")}, timeout=90)
        self.assertNotEqual(self.uid("Deployment", "web"), self.before["Deployment"])
        self.assertNotEqual(self.uid("Job", "migrate"), self.before["Job"])
        self.assertNotEqual(self.uid("StatefulSet", "db"), self.before["StatefulSet"])
        self.assertIn("because spec.serviceName cannot be changed", self.agent.log_text())
        self.assertFalse(self.events("app.removed"))
        self.cluster.wait_for(lambda: len(self.events("object.recreated")) >= 4, what="events")
        told = {event["key"]: event["message"] for event in self.events("object.recreated")}
        self.assertEqual(len(told), 4)
        self.assertIn("because spec.serviceName cannot be changed",
                      told["StatefulSet.apps/default/db"])

    def test_3_what_can_be_changed_is_not_deleted(self):
        uid = self.uid("Deployment", "web")
        update = selecting("two", image="example.com/web:2")
        self.deliver({path("web", update): m.text(update)})
        self.assertEqual(self.uid("Deployment", "web"), uid)

    def test_4_what_holds_data_goes_only_if_it_says_so_itself(self):
        self.deliver(files("data", claim("1Gi", "ReadWriteOnce"), namespace="default",
                           recreate=True), stage="applied")
        uid = self.uid("PersistentVolumeClaim", "data")
        other = claim("1Gi", "ReadWriteMany")
        self.commit({path("data", other): m.text(other)})
        self.wait_status("data", applied="failed", message="spec.accessModes cannot be changed.*"
                         'holdfast.dev/recreate: "true"')
        self.assertEqual(self.uid("PersistentVolumeClaim", "data"), uid)
        willing = annotated(other, recreate="true")
        self.deliver({path("data", willing): m.text(willing)}, stage="applied")
        self.assertNotEqual(self.uid("PersistentVolumeClaim", "data"), uid)


class Once(KubeStory):

    def colours(self):
        return [self.find("ConfigMap", name)["data"]["colour"] for name in ("made", "there")]

    def items(self, colour):
        return [annotated(m.config_map(name, colour=colour), apply="once")
                for name in ("made", "there")]

    def test_1_what_is_not_there_is_made_and_what_is_there_stays(self):
        self.admin.apply(m.config_map("there", "default", colour="black"))
        self.deliver(files("shop", *self.items("red"), namespace="default", drift="correct"))
        self.assertEqual(self.colours(), ["red", "black"])

    def test_2_neither_git_nor_drift_changes_it(self):
        self.admin.patch("ConfigMap", "made", {"data": {"colour": "green"}})
        self.deliver({path("shop", item): m.text(item) for item in self.items("blue")})
        self.assertEqual((self.colours(), self.drift()), (["green", "black"], {}))

    def test_3_what_is_deleted_is_made_again(self):
        self.admin.delete("ConfigMap", "made")
        self.cluster.wait_for(lambda: self.find("ConfigMap", "made"), 30, "it to be back")
        self.assertEqual(self.colours(), ["blue", "black"])

    def test_4_what_the_app_did_not_make_outlives_it(self):
        last = m.config_map("last")
        self.deliver({path("shop", last): m.text(last),
                      **{path("shop", item): None for item in self.items("blue")}})
        self.wait_gone("ConfigMap", "made")
        self.assertEqual(self.find("ConfigMap", "there")["data"], {"colour": "black"})


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
