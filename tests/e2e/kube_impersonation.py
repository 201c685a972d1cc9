#!/usr/bin/env python3
"""An App that names a ServiceAccount is applied, changed and removed in its name: the agent itself may
only look. What is missing is said as a rule, of whoever lacks it.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

RBAC = "rbac.authorization.k8s.io"
LOOK = ["get", "list", "watch"]
CHANGE = ["get", "create", "patch", "delete"]
LOOKS = [{"apiGroups": ["*"], "resources": ["*"], "verbs": LOOK},
         {"apiGroups": [""], "resources": ["secrets", "namespaces"], "verbs": CHANGE}]
ACTS = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}
CLASS = m.thing("scheduling.k8s.io/v1", "PriorityClass", "shop-first", value=1000)


def role(name, *rules, namespace=None):
    return m.thing(f"{RBAC}/v1", "Role" if namespace else "ClusterRole", name, namespace,
                   rules=list(rules))


def binding(role_name, account, namespace=None):
    """Gives a (Cluster)Role to the ServiceAccount of namespace shop."""
    kind = "Role" if namespace else "ClusterRole"
    return m.thing(f"{RBAC}/v1", f"{kind}Binding", f"{role_name}-{account}", namespace,
                   roleRef={"apiGroup": RBAC, "kind": kind, "name": role_name},
                   subjects=[{"kind": "ServiceAccount", "name": account, "namespace": "shop"}])


class Impersonation(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.admin.apply(role("agent", *LOOKS), m.namespace("shop"))
        kubeconfig = cls.cluster.service_account_kubeconfig("ops/holdfast", role="agent")
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=kubeconfig)

    def assert_says(self, name, *words):
        message = self.wait_status(name, 60, applied="failed", message=words[0])["message"]
        for text in words[1:]:
            self.assertIn(text, message)

    def test_1_without_the_right_to_impersonate_it_says_that_rule(self):
        self.commit(files("shop", m.config_map("web", x="1"), namespace="shop",
                          serviceAccountName="deployer"))
        self.assert_says("shop", "the agent may not act as ServiceAccount 'shop/deployer'",
                         'resources: ["serviceaccounts"]', 'verbs: ["impersonate"]',
                         "in namespace 'shop'")

    def test_2_an_account_that_is_not_there_is_told(self):
        self.admin.apply(role("agent", *LOOKS, ACTS))
        self.assert_says("shop", "ServiceAccount 'shop/deployer' does not exist: make it")

    def test_3_what_the_account_may_not_is_a_rule_of_its_own(self):
        self.admin.apply(m.thing("v1", "ServiceAccount", "deployer", "shop"))
        self.assert_says("shop", "ServiceAccount 'shop/deployer' may not patch and create",
                         'resources: ["configmaps"]', "its Role there")
        self.assertFalse(self.find("ConfigMap", "shop/web"))

    def test_4_with_that_rule_it_is_done_though_the_agent_may_not(self):
        self.admin.apply(role("maps", {"apiGroups": [""], "resources": ["configmaps"],
                                       "verbs": CHANGE}, namespace="shop"),
                         binding("maps", "deployer", "shop"))
        self.wait_status("shop", 60, applied="applied", health="healthy")
        entry, = (entry for entry in self.find("ConfigMap", "shop/web")["metadata"]["managedFields"]
                  if entry["operation"] == "Apply")
        self.assertEqual(entry["manager"], "holdfast")
        self.admin.patch("ConfigMap", "shop/web", {"data": {"x": "2"}})
        self.wait_drift("ConfigMap/shop/web", "data.x")

    def test_5_a_removal_needs_the_accounts_right_too(self):
        self.deliver({path("shop", m.config_map("old")): m.text(m.config_map("old", x="1"))})
        self.deliver({path("shop", m.config_map("old")): None})
        self.wait_gone("ConfigMap", "shop/old")

    def test_6_what_has_no_namespace_needs_a_cluster_role(self):
        self.commit(files("classes", CLASS, namespace="shop", serviceAccountName="deployer"))
        self.assert_says("classes", "ServiceAccount 'shop/deployer' may not patch and create",
                         'resources: ["priorityclasses"]', "its ClusterRole")
        self.admin.apply(role("classes", {"apiGroups": ["scheduling.k8s.io"], "verbs": CHANGE,
                                          "resources": ["priorityclasses"]}),
                         binding("classes", "deployer"))
        self.wait_status("classes", 60, applied="applied")

    def test_7_a_target_may_name_another_one(self):
        self.admin.apply(m.thing("v1", "ServiceAccount", "other", "shop"))
        self.commit(files("shop", m.config_map("web", x="1"), namespace="shop",
                          serviceAccountName="deployer", targets=[
                              {"cluster": CLUSTER, "namespace": "shop",
                               "serviceAccountName": "other"}]))
        self.assert_says("shop", "ServiceAccount 'shop/other' may not patch and create")
        self.commit(files("shop", m.config_map("web", x="1"), m.config_map("more", x="1"),
                          namespace="shop", serviceAccountName="deployer"))
        self.wait_status("shop", 60, applied="applied", health="healthy")

    def test_8_what_an_app_left_goes_when_its_account_is_back_or_somebody_deletes_it(self):
        self.admin.delete("RoleBinding", "shop/maps-deployer", f"{RBAC}/v1")
        self.admin.delete("ServiceAccount", "shop/deployer")
        self.commit({"apps/shop/app.yaml": None, path("shop", m.config_map("web")): None,
                     path("shop", m.config_map("more")): None})
        for name in ("web", "more"):
            self.wait_object(f"ConfigMap/shop/{name}", 60,
                             message="ServiceAccount 'shop/deployer' does not exist: make it, or "
                                     "delete the object by hand")
        self.admin.delete("ConfigMap", "shop/web")
        self.admin.apply(m.thing("v1", "ServiceAccount", "deployer", "shop"),
                         binding("maps", "deployer", "shop"))
        self.wait_gone("ConfigMap", "shop/more")
        self.cluster.wait_for(lambda: not self.object_report("ConfigMap/shop/web"), 60,
                              "the App to be gone")


if __name__ == "__main__":
    story.main()
