#!/usr/bin/env python3
"""Who owns which field: what others have set is taken or left, as the App says, and told with names."""
import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
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


SCALED = {  # what Apps with an autoscaler say, and what that one wants first
    "kept": ({"drift": "correct"}, 4), "watched": ({"drift": "report", "conflicts": "fail"}, 3),
    "taken": ({"drift": "capture"}, 3), "excused": ({"drift": "correct"}, 3),
    "ruled": ({"drift": "correct", "ignoreDifferences": [{"jsonPointers": ["/spec/replicas"]}]}, 3)}


def scaled_app(name, replicas=2, **spec):
    return files(name, m.deployment(name, replicas=replicas), namespace="default", **SCALED[name][0], **spec)


def exemption(name):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    return {f"exemptions/{name}.yaml": m.text(m.thing("holdfast/v1alpha1", "Exemption", name, spec={
        "app": name, "clusters": [CLUSTER], "object": f"Deployment.apps/default/{name}", "field": "spec.replicas",
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"), "reason": "INC-1"}))}


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

    def scale(self, **least):
        """Has autoscalers want so many, and waits until that is told as theirs by right."""
        self.admin.apply(*(autoscaler(name, number) for name, number in least.items()))
        for name, number in least.items():
            self.wait_replicas(name, number)
        self.wait_told(least)

    def wait_told(self, replicas):
        def told():
            rows = {row["key"].rpartition("/")[2]: (row["path"], row["class"], row["actual"])
                    for row in self.hub.get("differences")}
            wanted = {name: ("spec.replicas", "right", str(number)) for name, number in replicas.items()}
            assert {name: rows.get(name) for name in wanted} == wanted, rows
            return True
        wait_for(told, 30, "it to be told as theirs by right", 0.2)
        self.assertEqual((self.drift(), self.hub.get("writes")), ({}, []))

    def test_1_a_program_that_nobody_scales_is_as_git_says(self):
        self.deliver({name: text for app in SCALED for name, text in scaled_app(app).items()} | exemption("excused"))

    def test_2_an_autoscaler_has_the_replicas(self):
        self.admin.apply(*(autoscaler(name, 2) for name in SCALED))
        for name in SCALED:  # what changes before that is drift
            wait_for(lambda again=f"again app={name} object=Deployment": again in self.agent.log_text(), 30,
                     "the agent to know of the autoscaler", 0.05)
        self.scale(**{name: number for name, (_, number) in SCALED.items()})
        self.cluster.wait_for(lambda: not any("f:replicas" in self.ours(name) for name in SCALED),
                              30, "the agent to give way")

    def scaled(self, name):
        return [(event["key"], event["actor"], event["message"].split(" replicas")[0],
                 event["message"].split(" for ")[-1])
                for event in self.events("app.scaled") if event["app"] == name]

    @row(1, "has the field by right", "another's by right + report", "another's by right + correct",
         "another's by right + capture", "another's by right + ignored", "another's by right + Exemption")
    def test_3_a_change_leaves_them_as_they_are(self):
        fleet = {}
        for name in SCALED:
            item = m.deployment(name, image="example.com/web:2", replicas=1)
            fleet[path(name, item)] = m.text(item)
        self.deliver(fleet)
        self.assertEqual({name: self.replicas(name) for name in SCALED},
                         {name: number for name, (_, number) in SCALED.items()})
        self.assertEqual(self.drift(), {})

    @row(23, "the agent is started again", "another's by right + restart")
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
        changes = {name: f"2 to {number}" for name, (_, number) in SCALED.items()}
        for name, change in changes.items():
            wait_for(lambda: self.scaled(name), 30, "an event")
            self.assertEqual(self.scaled(name), [
                (f"Deployment.apps/default/{name}", "controller-manager", change,
                 f"HorizontalPodAutoscaler.autoscaling/default/{name}")])
        log = json.loads(self.hub.run("log", "--kind", "scaled", "-o", "json").stdout)["items"]
        self.assertEqual({row["app"]: row["text"] for row in log},
                         {name: f"{change} (HorizontalPodAutoscaler {name})" for name, change in changes.items()})
        self.assertEqual(len(log), len(changes))

    @row(3, "is suspended or [frozen]", "another's by right + freeze", "another's by right + suspended")
    @row(22, "there is no hub", "another's by right + no hub")
    def test_4c_nor_does_a_freeze_a_suspension_or_that_there_is_no_hub(self):
        mark = self.cluster.audit_mark()
        self.hub.run("freeze", "app", "excused", "--reason", "stop", "--for", "1h", "--name", "f1")
        self.commit({"apps/ruled/app.yaml": scaled_app("ruled", suspend=True)["apps/ruled/app.yaml"]})
        self.wait_status("ruled", applied="suspended")
        self.hub.terminate()
        least = {"taken": 5, "excused": 4, "ruled": 4}
        self.admin.apply(*(autoscaler(name, number) for name, number in least.items()))
        for name, number in least.items():
            self.wait_replicas(name, number)
        self.hub.start_and_wait()
        self.wait_connected()
        self.wait_told(least)
        self.assert_written(mark, {})

    @row(2, "that controller goes", "another's by right + report")
    def test_5_they_come_back_when_the_autoscaler_goes(self):
        self.admin.delete("HorizontalPodAutoscaler", "watched", "autoscaling/v2")
        self.wait_replicas("watched", 1)
        self.assertIn("f:replicas", self.ours("watched"))

    @row(2, "that controller goes", "another's by right + correct")
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

    @row(3, "or the agent only observes", "another's by right + observes")
    def test_8_who_only_observes_tells_it_the_same(self):
        self.agent.terminate()
        type(self).agent = Agent(self.folder, self.hub, CLUSTER, self.hub.join_token(CLUSTER, True), driver="kube",
                                 kubeconfig=self.cluster.token_kubeconfig("agent"),
                                 options=("--mode", "observe")).start()
        self.wait_connected()
        mark = self.cluster.audit_mark()
        self.scale(taken=6)
        self.assert_written(mark, {})


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
