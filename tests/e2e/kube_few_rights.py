#!/usr/bin/env python3
"""An agent with few rights says which rule is missing, goes on with the rest, and needs no restart
when somebody adds the rule.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

RBAC = "rbac.authorization.k8s.io"
ALL = ["get", "list", "watch", "create", "patch", "delete"]
FEW = [{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ALL},
       {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"]}]
MORE = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ALL}
ACCOUNT = "ops/holdfast"


def role(*rules):
    return m.thing(f"{RBAC}/v1", "ClusterRole", "holdfast", rules=list(rules))


class FewRights(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.admin.apply(role(*FEW))
        kubeconfig = cls.cluster.service_account_kubeconfig(ACCOUNT, role="holdfast")
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=kubeconfig)

    def test_it_says_which_rule_is_missing_and_goes_on_with_the_rest(self):
        self.commit({**files("web", m.deployment("web"), m.config_map("web", x="1"),
                             namespace="default"),
                     **files("plain", m.config_map("plain", x="1"), namespace="default")})
        self.wait_status("plain", applied="applied", health="healthy")
        status = self.wait_status("web", applied="failed", message="Deployment.apps/default/web")
        for words in ('apiGroups: ["apps"]', 'resources: ["deployments"]', "patch", "create",
                      "namespace 'default'"):
            self.assertIn(words, status["message"])
        self.assertTrue(self.find("ConfigMap", "web"))

    def test_no_watch_is_taken_for_no_objects(self):
        for row in self.hub.get("objects", "--cluster", CLUSTER):
            self.assertNotEqual(row["health"], "missing", row["key"])

    def test_with_the_rule_it_works_without_a_restart(self):
        self.admin.apply(role(*FEW, MORE))
        self.wait_status("web", 90, applied="applied", health="healthy")
        self.cluster.wait_ready("Deployment", "web")

    def lack(self, verb):
        """Takes one verb on ConfigMaps away."""
        self.admin.apply(role(
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ALL}, FEW[1], MORE,
            {"apiGroups": [""], "resources": ["configmaps"],
             "verbs": [one for one in ALL if one != verb]}))

    def test_each_verb_that_is_missing_is_named_by_its_rule(self):
        drop, change = m.config_map("drop", x="1"), m.config_map("change", x="1")
        found = m.config_map("found", x="1")
        self.admin.apply({**found, "metadata": {"name": "found", "namespace": "default"}})
        self.deliver(files("verbs", drop, change, namespace="default"))
        cases = (("patch", {path("verbs", change): m.text(m.config_map("change", x="2"))}),
                 ("create", {path("verbs", change): m.text(m.config_map("new", x="1"))}),
                 ("get", {path("verbs", found): m.text(found)}),
                 ("delete", {path("verbs", drop): None}))
        for verb, changes in cases:
            with self.subTest(verb):
                self.lack(verb)
                revision = self.commit(changes)
                self.wait_status("verbs", 60, applied="failed",
                                 message=rf'resources: \["configmaps"\], verbs: \[.*"{verb}"')
                self.lack("none")
                self.wait_until(revision)

    def test_causes_that_may_not_be_read_name_the_rule(self):
        self.commit(files("stuck", m.deployment("stuck", image="test/never-ready:1"),
                          namespace="default"))
        row = self.wait_object("Deployment.apps/default/stuck", 90, health="progressing",
                               message=r'resources: \["events"\], verbs: \["list"\]')
        self.assertIn('resources: ["pods"], verbs: ["list"]', row["message"])
        self.assertIn("1 replicas", row["message"])

    def test_a_right_that_is_taken_away_is_told_and_nothing_is_missing(self):
        self.admin.apply(role(*FEW, {**MORE, "verbs": ["create", "patch"]}))
        self.agent.terminate()
        self.agent.start()
        row = self.wait_object("Deployment.apps/default/web", 60, health="unknown",
                               message="list")
        self.assertIn("deployments", row["message"])
        self.assertEqual(self.status("plain")["health"], "healthy")


if __name__ == "__main__":
    story.main()
