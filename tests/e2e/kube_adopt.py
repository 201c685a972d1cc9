#!/usr/bin/env python3
"""What another GitOps tool, or another agent, keeps in a cluster is left to it and told, until the
App says `adopt: true`. What nobody keeps is taken over, with what kubectl and Helm own of it: a field
that is not in Git goes.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402

FLUX = "kustomize.toolkit.fluxcd.io"
HELM = "helm.toolkit.fluxcd.io"
OTHER = "applyset-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-v1"

# App: what is on the object that it wants; how the error names the owner.
LABELED = {
    "flux-kustomize": ({f"{FLUX}/name": "apps", f"{FLUX}/namespace": "flux-system"},
                       "Flux (Kustomization 'flux-system/apps')"),
    "flux-helm": ({f"{HELM}/name": "redis", f"{HELM}/namespace": "cache"},
                  "Flux (HelmRelease 'cache/redis')"),
    "fleet-hash": ({"objectset.rio.cattle.io/hash": "3ff0"},
                   "Rancher Fleet (object set '3ff0')"),
    "applyset": ({"applyset.kubernetes.io/part-of": OTHER}, f"ApplySet '{OTHER}'"),
    "other-agent": ({"applyset.kubernetes.io/part-of": OTHER, "holdfast.dev/app": "web"},
                    f"another holdfast agent (App 'web', ApplySet '{OTHER}')"),
}
ANNOTATED = {
    "argo": ({"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:default/argo"},
             "Argo CD (Application 'shop')"),
    "fleet": ({"objectset.rio.cattle.io/id": "default-shop"},
              "Rancher Fleet (object set 'default-shop')"),
}
MANAGED = {
    "by-kustomize": ("kustomize-controller", "Flux ('kustomize-controller' applied it)"),
    "by-helm": ("helm-controller", "Flux ('helm-controller' applied it)"),
    "by-argo": ("argocd-controller", "Argo CD ('argocd-controller' applied it)"),
    "by-argo-client": ("argocd-application-controller",
                       "Argo CD ('argocd-application-controller' applied it)"),
}
OWNERS = {name: words for owned in (LABELED, ANNOTATED, MANAGED)
          for name, (_, words) in owned.items()}
FREE = ("by-kubectl", "helm-chart", "by-old-kubectl")
SCALER = "HorizontalPodAutoscaler"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def theirs(name, size=None, **metadata):
    more = {"size": size} if size else {}
    item = m.config_map(name, "default", colour="black", **more)
    item["metadata"].update(metadata)
    return item


def ours(colour="red", names=tuple(OWNERS), **spec):
    made = {}
    for name in names:
        made.update(files(name, m.config_map(name, colour=colour), namespace="default", **spec))
    return made


class Adopt(KubeStory):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, (labels, _) in LABELED.items():
            cls.admin.apply(theirs(name, labels=labels))
        for name, (annotations, _) in ANNOTATED.items():
            cls.admin.apply(theirs(name, annotations=annotations))
        for name, (manager, _) in MANAGED.items():
            cls.admin.apply(theirs(name, size="L"), manager=manager)
        cls.admin.apply(theirs("by-kubectl", size="L"), manager="kubectl")
        cls.admin.apply(theirs("helm-chart", size="L",
                               labels={"app.kubernetes.io/managed-by": "Helm"},
                               annotations={"meta.helm.sh/release-name": "shop"}), manager="helm")
        cls.admin.request(
            "POST", cls.admin.path("ConfigMap", "default/") +
            "?fieldManager=kubectl-client-side-apply",
            theirs("by-old-kubectl", size="L", annotations={LAST_APPLIED: "{}", "note": "keep"}))
        cls.admin.patch("ConfigMap", "by-old-kubectl", {"data": {"also": "theirs"}}, "somebody")

    def colours(self, names):
        return {name: self.find("ConfigMap", name)["data"]["colour"] for name in names}

    def test_1_what_others_own_is_left_to_them_and_told(self):
        before = {name: self.find("ConfigMap", name) for name in OWNERS}
        self.commit({**ours(), **ours(names=("new",))})
        for name, words in OWNERS.items():
            row = self.wait_status(name, applied="failed", message=re.escape(words))
            self.assertIn(f"ConfigMap/default/{name}: it belongs to ", row["message"])
            self.assertIn("take it out there, or write 'adopt: true' in the App", row["message"])
        self.assertEqual({name: self.find("ConfigMap", name) for name in OWNERS}, before)

    def test_2_an_app_of_new_objects_is_not_held_up(self):
        self.wait_status("new", applied="applied", health="healthy")

    def test_3_what_nobody_owns_is_taken_over(self):
        self.commit(ours(names=FREE))
        for name in FREE:
            self.wait_status(name, applied="applied", health="healthy")
        self.assertEqual(set(self.colours(FREE).values()), {"red"})

    def test_3a_what_they_set_and_git_does_not_goes(self):
        for name in FREE:
            item = self.find("ConfigMap", name)
            self.assertNotIn("size", item["data"], name)
            self.assertNotIn("annotations", item["metadata"], name)
            self.assertFalse({entry["manager"] for entry in item["metadata"]["managedFields"]} -
                             {"holdfast", "somebody"}, name)
        self.assertEqual(self.find("ConfigMap", "by-old-kubectl")["data"]["also"], "theirs")

    def test_3b_from_then_on_only_what_differs_is_written(self):
        mark = self.cluster.audit_mark()
        self.admin.patch("ConfigMap", "by-old-kubectl", {"data": {"size": "XL"}}, "kubectl-edit")
        self.deliver(ours("pink", names=("by-old-kubectl",)))
        self.assertEqual(self.find("ConfigMap", "by-old-kubectl")["data"]["size"], "XL")
        self.assert_written(mark, {("patch", "configmaps"): 1})

    def test_4_an_app_that_goes_leaves_what_was_never_its(self):
        gone = {"apps/argo/app.yaml": None, path("argo", m.config_map("argo")): None}
        self.commit(gone)
        self.wait_gone_from_status("argo")
        self.assertEqual(self.find("ConfigMap", "argo")["data"], {"colour": "black"})
        self.commit(ours(names=("argo",)))
        self.wait_status("argo", applied="failed", message="Argo CD")

    def test_5_with_adopt_they_are_taken_over(self):
        self.deliver(ours(adopt=True))
        self.assertEqual(set(self.colours(OWNERS).values()), {"red"})
        for name in MANAGED:
            self.assertEqual(self.find("ConfigMap", name)["data"], {"colour": "red"}, name)

    def test_5a_each_is_an_event_that_says_whose_it_was(self):
        self.cluster.wait_for(lambda: len(self.adopted()) >= len(OWNERS) + len(FREE),
                              what="events")
        told = dict(self.adopted())
        self.assertEqual({name: told.pop(f"ConfigMap/default/{name}") for name in OWNERS}, OWNERS)
        self.assertEqual(set(told), {f"ConfigMap/default/{name}" for name in FREE})
        self.assertEqual(told["ConfigMap/default/by-kubectl"], "kubectl")

    def test_6_from_then_on_they_are_ours(self):
        self.deliver(ours("blue"))
        self.assertEqual(set(self.colours(OWNERS).values()), {"blue"})

    def test_7_also_for_an_agent_that_lost_its_disk(self):
        self.agent.terminate()
        self.agent.lose_disk()
        self.agent.start()
        self.deliver(ours("green"))
        self.assertEqual(set(self.colours(OWNERS).values()), {"green"})
        self.assertEqual(len(self.adopted()), len(OWNERS) + len(FREE))

    def adopted(self):
        return [(event["key"], event["actor"]) for event in self.events("object.adopted")]

    def wait_gone_from_status(self, name):
        self.cluster.wait_for(lambda: self.status(name) is None, what=f"{name} to be gone")

    def test_8_what_was_made_in_another_version_of_its_kind_is_taken_over_whole(self):
        scale = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                 "minReplicas": 2, "maxReplicas": 5}
        old, new = "autoscaling/v1", "autoscaling/v2"
        names = {"by-kubectl-v1": "kubectl", "by-old-kubectl-v1": "kubectl-client-side-apply"}
        for name, manager in names.items():
            item = {**m.thing(old, SCALER, name), "spec": {**scale, "targetCPUUtilizationPercentage": 70}}
            item["metadata"]["namespace"] = "default"
            if manager == "kubectl":
                self.admin.apply(item, manager=manager)
            else:
                item["metadata"]["annotations"] = {LAST_APPLIED: "{}"}
                self.admin.request("POST", self.admin.path(SCALER, "default/", old) +
                                   f"?fieldManager={manager}", item)
        for name in names:
            memory = [{"type": "Resource", "resource": {"name": "memory", "target": {
                "type": "Utilization", "averageUtilization": 60}}}]
            wanted = {**m.thing(new, SCALER, name), "spec": {**scale, "metrics": memory}}
            self.deliver(files(name, wanted, namespace="default"), "applied")
            self.assertEqual(self.find(SCALER, name, new)["spec"]["metrics"], memory, name)
            del wanted["spec"]["minReplicas"]
            self.deliver(files(name, wanted, namespace="default"), "applied")
            self.assertEqual(self.find(SCALER, name, new)["spec"]["minReplicas"], 1, name)


if __name__ == "__main__":
    story.main()
