#!/usr/bin/env python3
"""What an App ignores is no drift and stays as it is, whatever else is corrected or changed; a change
of that very field in Git is applied all the same. What is ignored only while an owner exists is ours again
when that goes.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402

SECONDS = 20  # in which something is to be seen, on a busy machine
IGNORE = [{"kind": "Deployment", "group": "apps",
           "jsonPointers": ["/spec/replicas", "/spec/template/spec/containers/[name=web]/image"]},
          {"kind": "ConfigMap", "name": "set*", "jsonPointers": ["/data/colour"]},
          {"managers": ["tuner"]},
          {"kind": "ConfigMap", "name": "told", "drift": "report"},
          {"kind": "ConfigMap", "jsonPointers": ["/data/colour"],
           "whileExists": {"group": "coordination.k8s.io", "kind": "Lease"}}]  # of the same name
LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
         "metadata": {"name": "lent", "namespace": "default"}, "spec": {"holderIdentity": "painter"}}
LENT = ("ConfigMap/default/lent", "data.colour")


def lent(colour="green"):
    return m.config_map("lent", colour=colour, size="1")


def settings(colour="green", size="1"):
    return m.config_map("settings", colour=colour, size=size)


class Ignore(KubeStory):

    def classes(self):
        """{(key, path): class} of all that differs"""
        return {(row["key"], row["path"]): row["class"] for row in self.hub.get("differences")}

    def wait_class(self, key, field, word, seconds=SECONDS):
        wait_for(lambda: self.classes().get((key, field)) == word, seconds,
                 f"{field} of {key} to be {word}", 0.2)

    def data(self, name):
        return self.find("ConfigMap", name)["data"]

    def wait_data(self, name, **data):
        self.cluster.wait_for(lambda: self.data(name) == data, SECONDS, f"{name} to be {data}")

    def change(self, name, manager="kubectl-edit", **data):
        self.admin.patch("ConfigMap", name, {"data": data}, manager=manager)

    def test_an_app_with_rules_is_installed(self):
        own = m.config_map("own", size="1", colour="green")
        own["metadata"]["annotations"] = {"holdfast.dev/ignore-differences": "/data/size"}
        self.deliver(files("shop", m.deployment("web", replicas=2), settings(), own,
                           m.config_map("tuned", level="1", colour="green"),
                           m.config_map("told", colour="green"), lent(),
                           namespace="default", drift="correct", ignoreDifferences=IGNORE))
        self.assertEqual(self.classes(), {})

    def test_what_is_ignored_is_no_drift_and_shown_as_such(self):
        self.admin.patch("Deployment", "web", {"spec": {"replicas": 3}}, manager="scaler")
        key = "Deployment.apps/default/web"
        self.wait_class(key, "spec.replicas", "ignored")
        self.assertEqual((self.drift(), self.status("shop")["drifted"]), ({}, 0))
        self.assertEqual(self.hub.run("diff", check=False).returncode, 0)
        shown = self.hub.run("diff", "--all", check=False)
        self.assertEqual(shown.returncode, 0)
        for word in ("spec.replicas", "scaler", "[ignored]"):
            self.assertIn(word, shown.stdout)
        self.assertIn("ignored", self.hub.run("describe", "object", key, "--cluster", "real").stdout)
        self.assertEqual(self.events("drift.found"), [])

    def test_other_fields_are_corrected_and_it_is_not_written(self):
        mark = self.cluster.audit_mark()
        self.change("settings", colour="red")
        self.wait_class("ConfigMap/default/settings", "data.colour", "ignored")
        self.assert_written(mark, {})
        self.change("settings", size="9")
        self.wait_data("settings", colour="red", size="1")
        self.assert_written(mark, {("patch", "configmaps"): 1})
        self.wait_no_drift()
        self.assertEqual(self.classes()["ConfigMap/default/settings", "data.colour"], "ignored")

    def test_what_nobody_else_owns_stays_too(self):
        live = self.find("ConfigMap", "settings")
        owners = [entry["manager"] for entry in live["metadata"]["managedFields"]
                  if "f:colour" in entry["fieldsV1"].get("f:data", {})]
        self.assertEqual(owners, ["kubectl-edit"])

    def test_another_change_in_git_leaves_it_alone(self):
        self.deliver({path("shop", settings()): m.text(settings(size="2"))})
        self.assertEqual(self.data("settings"), {"colour": "red", "size": "2"})

    def test_a_sync_leaves_it_alone(self):
        self.hub.run("sync", "--app", "shop")
        self.change("settings", size="9")
        self.wait_data("settings", colour="red", size="2")
        self.assertEqual(self.find("Deployment", "web")["spec"]["replicas"], 3)

    def test_its_own_change_in_git_is_applied(self):
        self.deliver({path("shop", settings()): m.text(settings(colour="blue", size="2"))})
        self.assertEqual(self.data("settings"), {"colour": "blue", "size": "2"})
        self.assertNotIn(("ConfigMap/default/settings", "data.colour"), self.classes())

    def test_what_a_manager_set_is_ignored_and_what_others_set_is_not(self):
        self.change("tuned", manager="tuner", level="5")
        self.wait_class("ConfigMap/default/tuned", "data.level", "ignored")
        self.change("tuned", colour="red")
        self.wait_data("tuned", level="5", colour="green")
        self.change("tuned", level="7")
        self.wait_data("tuned", level="1", colour="green")

    def test_an_annotation_does_it_for_one_object(self):
        self.change("own", size="9")
        self.wait_class("ConfigMap/default/own", "data.size", "ignored")
        self.change("own", colour="red")
        self.wait_data("own", size="9", colour="green")

    def test_a_field_rule_may_only_report_where_the_app_corrects(self):
        self.change("told", colour="red")
        row = self.wait_drift("ConfigMap/default/told", "data.colour", SECONDS)
        self.assertEqual((row["class"], row["manager"]), ("foreign", "kubectl-edit"))
        self.change("tuned", colour="red")  # what is corrected after it was seen
        self.wait_data("tuned", level="1", colour="green")
        self.assertEqual(self.data("told"), {"colour": "red"})

    def test_a_restart_forgets_nothing(self):
        self.agent.terminate()
        self.agent.start()
        self.wait_connected()
        self.wait_class("ConfigMap/default/own", "data.size", "ignored")
        self.change("own", colour="red")
        self.wait_data("own", size="9", colour="green")

    def test_what_is_ignored_while_an_owner_exists_is_corrected_without_it(self):
        self.change("lent", colour="red")
        self.wait_data("lent", colour="green", size="1")

    def test_while_the_owner_exists_it_stays(self):
        def stays():  # from when the agent knows of the owner
            self.change("lent", colour="red")
            self.wait_class(*LENT, "ignored", 2)
            return True
        self.admin.apply(LEASE)
        wait_for(stays, SECONDS, "the owner to be seen")
        self.change("lent", size="9")
        self.wait_data("lent", colour="red", size="1")
        wait_for(lambda: LENT[0] not in str(self.drift()), SECONDS, "its correction to be told")

    def test_its_change_in_git_is_applied_while_the_owner_exists(self):
        self.deliver({path("shop", lent()): m.text(lent("blue"))})
        self.assertEqual(self.data("lent"), {"colour": "blue", "size": "1"})
        self.change("lent", colour="red")
        self.wait_class(*LENT, "ignored")

    def test_a_restart_finds_the_owner_before_it_corrects_anything(self):
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.agent.start()
        self.wait_connected()
        self.wait_class(*LENT, "ignored")
        self.change("tuned", colour="red")  # what is corrected after it was seen
        self.wait_data("tuned", level="1", colour="green")
        self.assertEqual(self.data("lent")["colour"], "red")
        self.assert_written(mark, {("patch", "configmaps"): 1})

    def test_when_the_owner_goes_it_is_put_right(self):
        self.admin.delete("Lease", "lent", LEASE["apiVersion"])
        self.wait_data("lent", colour="blue", size="1")
        wait_for(lambda: LENT not in self.classes(), SECONDS, "nothing to differ", 0.2)

    def test_without_the_rules_it_is_drift_and_corrected(self):
        mine = m.app("shop", namespace="default", drift="correct")
        self.deliver({"apps/shop/app.yaml": m.text(mine)})
        self.cluster.wait_for(lambda: self.find("Deployment", "web")["spec"]["replicas"] == 2,
                              SECONDS)
        self.wait_data("told", colour="green")
        self.wait_no_drift()

    def test_what_is_made_beside_is_no_drift(self):
        labels = self.find("ConfigMap", "settings")["metadata"]["labels"]
        beside = m.config_map("beside", colour="grey")
        beside["metadata"].update(namespace="default", labels=labels)
        self.admin.apply(beside, manager="copier")
        self.change("tuned", colour="red")
        self.wait_data("tuned", level="1", colour="green")
        self.wait_no_drift()
        self.assertNotIn("beside", str(self.classes()))
        self.assertEqual(self.data("beside"), {"colour": "grey"})


if __name__ == "__main__":
    story.main()
