#!/usr/bin/env python3
"""An agent that has rights in some namespaces only, by Roles: it may list nothing for the whole
cluster. It watches each of its namespaces, finds drift, removes, finds its objects again after its
disk was lost, and says which Role is missing where.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

RBAC = "rbac.authorization.k8s.io"
RULES = [{"apiGroups": ["", "apps"], "resources": ["configmaps", "secrets", "deployments"],
          "verbs": ["get", "list", "watch", "create", "patch", "delete"]},
         {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"],
          "verbs": ["list", "watch"]}]
ACCOUNT = "ops/holdfast"


class SomeNamespaces(KubeStory):

    @classmethod
    def may_work_in(cls, namespace):
        cls.admin.apply(
            m.thing(f"{RBAC}/v1", "Role", "holdfast", namespace, rules=RULES),
            m.thing(f"{RBAC}/v1", "RoleBinding", "holdfast", namespace,
                    roleRef={"apiGroup": RBAC, "kind": "Role", "name": "holdfast"},
                    subjects=[{"kind": "ServiceAccount", "name": "holdfast",
                               "namespace": "ops"}]))

    @classmethod
    def make_agent(cls):
        cls.admin.apply(m.thing(f"{RBAC}/v1", "ClusterRole", "nothing", rules=[]))
        kubeconfig = cls.cluster.service_account_kubeconfig(ACCOUNT, role="nothing")
        for namespace in ("holdfast-system", "one", "two", "three"):
            cls.admin.apply(m.namespace(namespace))
        for namespace in ("holdfast-system", "one", "two"):
            cls.may_work_in(namespace)
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=kubeconfig)

    def test_it_installs_what_it_may(self):
        self.deliver({**files("one", m.deployment("web"), m.config_map("web", x="1"),
                              m.config_map("old", x="1"), namespace="one"),
                      **files("two", m.config_map("web", x="1"), namespace="two")})
        self.cluster.wait_ready("Deployment", "one/web")

    def test_autoscalers_are_seen_where_it_may(self):
        self.admin.apply(m.thing("autoscaling/v2", "HorizontalPodAutoscaler", "web", "one", spec={
            "minReplicas": 3, "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}))
        self.cluster.wait_for(
            lambda: self.find("Deployment", "one/web")["spec"]["replicas"] == 3, 60)
        update = m.deployment("web", image="example.com/web:2")
        self.deliver({path("one", update): m.text(update)})
        self.assertEqual(self.find("Deployment", "one/web")["spec"]["replicas"], 3)
        self.assertEqual(self.drift(), {})

    def test_drift_is_seen_in_each_of_its_namespaces(self):
        self.admin.delete("HorizontalPodAutoscaler", "one/web", "autoscaling/v2")
        for namespace in ("one", "two"):
            self.admin.patch("ConfigMap", f"{namespace}/web", {"data": {"x": "2"}})
            self.wait_drift(f"ConfigMap/{namespace}/web", "data.x")
        self.admin.delete("Deployment", "one/web")
        self.wait_object("Deployment.apps/one/web", health="missing")

    def test_where_it_has_no_role_it_says_which_is_missing(self):
        self.commit(files("three", m.config_map("web", x="1"), namespace="three"))
        status = self.wait_status("three", applied="failed", message="ConfigMap/three/web")
        for words in ("in namespace 'three'", 'resources: ["configmaps"]', "to its Role there"):
            self.assertIn(words, status["message"])

    def test_with_the_role_it_goes_on_by_itself(self):
        self.may_work_in("three")
        self.wait_status("three", 90, applied="applied", health="healthy")
        self.admin.patch("ConfigMap", "three/web", {"data": {"x": "2"}})
        self.wait_drift("ConfigMap/three/web", "data.x")

    def test_it_finds_its_objects_again_when_its_disk_is_lost(self):
        self.agent.terminate()
        self.agent.lose_disk()
        fixed = m.config_map("web", x="3")
        revision = self.commit({path("one", m.config_map("old")): None,
                                path("one", fixed): m.text(fixed)})
        self.agent.start()
        self.wait_until(revision)
        self.wait_gone("ConfigMap", "one/old")
        self.assertEqual(self.find("ConfigMap", "one/web")["data"], {"x": "3"})
        self.cluster.wait_ready("Deployment", "one/web")

    def test_a_role_that_is_taken_away_is_told_and_nothing_is_missing(self):
        self.admin.delete("RoleBinding", "two/holdfast")
        self.agent.terminate()
        self.agent.start()
        row = self.wait_object("ConfigMap/two/web", 60, health="unknown", message="list configmaps")
        self.assertIn("in namespace 'two'", row["message"])
        self.wait_object("ConfigMap/one/web", health="healthy")

    def test_a_cluster_role_is_as_good(self):
        self.admin.apply(m.thing(f"{RBAC}/v1", "ClusterRole", "nothing", rules=RULES))
        self.wait_object("ConfigMap/two/web", 90, health="healthy")


if __name__ == "__main__":
    story.main()
