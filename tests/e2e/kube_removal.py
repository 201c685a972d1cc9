#!/usr/bin/env python3
"""What leaves Git leaves the cluster: exactly that, nothing of others, and nothing that holds data.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402

KEPT = m.config_map("kept", x="1")
DROPPED = m.config_map("dropped", x="1")
MOVED = m.config_map("moved", x="1")
TAKEN = m.config_map("taken", x="1")
HELD = m.config_map("held", x="1")
MARKED = m.config_map("marked", x="1")
MARKED["metadata"]["annotations"] = {"holdfast.dev/prune": "disabled"}
INSIDE = m.config_map("inside", "tenant", x="1")
VOLUME = m.thing("v1", "PersistentVolume", "volume", spec={
    "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "none",
    "hostPath": {"path": "/nowhere"}})
MANY = [m.config_map(f"many-{number:02}", x="1") for number in range(12)]
DATA = m.thing("v1", "PersistentVolumeClaim", "data", spec={
    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})


class Removal(KubeStory):

    def deletes(self, since):
        return {key: count for key, count in self.written(since).items() if key[0] == "delete"}

    def uid(self, kind, name):
        return self.find(kind, name)["metadata"]["uid"]

    def test_there_is_something_to_remove(self):
        self.deliver({
            **files("shop", m.deployment("web"), KEPT, DROPPED, MOVED, TAKEN, HELD,
                    namespace="default"),
            **files("other", m.config_map("others", x="1"), namespace="default"),
            **files("keeper", m.config_map("stays", x="1"), namespace="default", prune=False),
            **files("base", m.namespace("team"), m.crd("widgets", "Widget"), DATA, VOLUME,
                    m.config_map("base", x="1"), namespace="default"),
            **files("tenant", m.namespace("tenant"), MARKED, m.config_map("tenant", x="1"),
                    namespace="default", prunePrecious=True),
            **files("guest", INSIDE, m.config_map("guest", x="1"), namespace="default")},
            "applied")

    def test_what_left_git_is_removed_and_nothing_else(self):
        mark = self.cluster.audit_mark()
        copied = self.find("ConfigMap", "dropped")["metadata"]["labels"]
        self.admin.apply({**m.config_map("copied", "default", x="1"), "metadata": {
            "name": "copied", "namespace": "default", "labels": copied}}, manager="somebody")
        self.deliver({path("shop", DROPPED): None})
        self.wait_gone("ConfigMap", "dropped")
        self.assertEqual(self.deletes(mark), {("delete", "configmaps"): 1})
        self.assertTrue(self.find("ConfigMap", "copied"), "it has our labels, but is not ours")

    def test_an_object_that_moves_to_another_app_is_handed_over(self):
        uid = self.uid("ConfigMap", "moved")
        mark = self.cluster.audit_mark()
        self.deliver({path("shop", MOVED): None, path("other", MOVED): m.text(MOVED)})
        self.assertEqual(self.uid("ConfigMap", "moved"), uid)
        self.assertEqual(self.deletes(mark), {})
        self.wait_object("ConfigMap/default/moved", app="other", health="healthy")

    def test_what_somebody_made_anew_under_the_same_name_is_his(self):
        self.agent.terminate()
        self.admin.delete("ConfigMap", "taken")
        self.admin.apply(m.config_map("taken", "default", y="his"), manager="somebody")
        revision = self.commit({path("shop", TAKEN): None})
        self.agent.start()
        self.wait_until(revision)
        self.assertEqual(self.find("ConfigMap", "taken")["data"], {"y": "his"})

    def test_a_program_takes_its_pods_along(self):
        self.deliver({path("shop", m.deployment("web")): None})
        self.wait_gone("Deployment", "web")
        self.cluster.wait_for(lambda: not self.admin.list("Pod", "default", "app=web"))
        self.assertTrue(self.find("ConfigMap", "kept"))

    def test_what_a_program_owns_stays_or_goes_first_as_the_app_says(self):
        apps = {"leaves": "orphan", "waits": "foreground"}
        for name, policy in apps.items():
            self.repo.write(files(name, m.deployment(name), m.config_map(name, x="1"),
                                  namespace="default", propagationPolicy=policy))
        self.deliver({})
        uids = {name: self.uid("Deployment", name) for name in apps}
        self.deliver({path(name, m.deployment(name)): None for name in apps})
        for name in apps:
            self.wait_gone("Deployment", name)
        owned = {name: [item for item in self.admin.list("ReplicaSet", "default", f"app={name}")]
                 for name in uids}
        self.assertEqual(len(owned["leaves"]), 1)
        self.assertEqual(owned["waits"], [], "the program was gone last")

    def test_an_app_that_shall_not_prune_leaves_things_and_says_so(self):
        self.deliver({path("keeper", m.config_map("stays")): None,
                      **files("keeper", m.config_map("new", x="1"), namespace="default",
                              prune=False)})
        self.assertTrue(self.find("ConfigMap", "stays"))
        self.wait_object("ConfigMap/default/stays", message="stays, because prune is false")

    def test_what_holds_data_stays_and_says_so(self):
        self.deliver({path("base", DATA): None, path("base", m.namespace("team")): None,
                      path("base", VOLUME): None,
                      path("base", m.crd("widgets", "Widget")): None}, "applied")
        self.assertTrue(self.find("PersistentVolumeClaim", "data"))
        self.assertTrue(self.find("PersistentVolume", "volume"))
        self.assertTrue(self.find("Namespace", "team"))
        self.assertTrue(self.find("CustomResourceDefinition", "widgets.example.com"))
        for key in ("PersistentVolumeClaim/default/data", "Namespace//team",
                    "PersistentVolume//volume",
                    "CustomResourceDefinition.apiextensions.k8s.io//widgets.example.com"):
            self.wait_object(key, message="would take data with it")

    def test_a_namespace_stays_while_another_app_has_something_in_it(self):
        self.deliver({path("tenant", m.namespace("tenant")): None}, "applied")
        self.wait_object("Namespace//tenant", message="it stays, because removing it would take "
                         "ConfigMap/tenant/inside of App 'guest' with it")
        self.assertTrue(self.find("ConfigMap", "tenant/inside"))

    def test_what_an_annotation_keeps_stays_and_a_namespace_goes_where_the_app_says_so(self):
        self.deliver({path("tenant", MARKED): None, path("guest", INSIDE): None}, "applied")
        self.wait_gone("Namespace", "tenant")
        self.assertTrue(self.find("ConfigMap", "marked"))
        self.wait_object("ConfigMap/default/marked", message="an annotation on it says")

    def test_a_finalizer_that_hangs_is_shown_by_its_name(self):
        self.admin.patch("ConfigMap", "held", {"metadata": {"finalizers": ["example.com/wait"]}})
        revision = self.commit({path("shop", HELD): None})
        self.wait_status("shop", timeout=60, message="held.*held by finalizers example.com/wait")
        self.assertIn("held by finalizers example.com/wait",
                      self.hub.run("describe", "app", "shop").stdout)
        self.admin.patch("ConfigMap", "held", {"metadata": {"finalizers": None}})
        self.wait_gone("ConfigMap", "held")
        self.wait_until(revision, "applied")

    def test_a_deleted_app_takes_its_objects_along(self):
        mark = self.cluster.audit_mark()
        self.repo.git("rm", "-r", "--quiet", "apps/other")
        self.commit({}, "the App other is gone")
        self.wait_gone("ConfigMap", "others")
        self.wait_gone("ConfigMap", "moved")
        self.assertEqual(self.deletes(mark), {("delete", "configmaps"): 2})
        self.cluster.wait_for(lambda: not self.status("other"), what="the hub to forget it")

    def many(self):
        return {item["metadata"]["name"] for item in self.admin.list("ConfigMap", "default")
                if item["metadata"]["name"].startswith("many-")}

    def test_most_of_a_cluster_waits_and_an_app_without_manifests_stays(self):
        self.deliver(files("many", *MANY, namespace="default"))
        mark = self.cluster.audit_mark()
        self.commit({path("many", item): None for item in MANY[1:]})
        confirmation = self.wait_for_confirmation("many")
        self.deliver(files("beside", m.config_map("beside", x="1"), namespace="default"))
        self.assertEqual(len(self.many()), 12)
        self.assertEqual(self.deletes(mark), {})
        self.commit(confirmation)
        self.cluster.wait_for(lambda: self.many() == {"many-00"}, what="them to go")
        self.assertEqual(self.deletes(mark), {("delete", "configmaps"): 11})

        self.commit({path("many", MANY[0]): None})
        self.cluster.wait_for(lambda: any("has no manifests" in row["message"]
                                          for row in self.hub.get("problems")), what="a problem")
        self.deliver(files("beside", m.config_map("beside", x="2"), namespace="default"))
        self.assertEqual(self.many(), {"many-00"})
        self.repo.git("rm", "-r", "--quiet", "apps/many")
        self.commit({}, "the App many is gone")
        self.wait_gone("ConfigMap", "many-00")

    def test_all_that_is_left_belongs_there(self):
        names = {item["metadata"]["name"] for item in self.admin.list("ConfigMap", "default")}
        self.assertEqual(names - {"kube-root-ca.crt"},
                         {"base", "beside", "copied", "guest", "kept", "leaves", "marked", "new", "stays", "taken",
                          "tenant", "waits"})


if __name__ == "__main__":
    story.main()
