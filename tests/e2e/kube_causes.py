#!/usr/bin/env python3
"""Every cause that keeps a workload from running is told: by its pods, by Events where they do not
say, and by the end of a log where the App allows that.
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeproxy import KubeProxy, Refusal  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

LOG = "connecting to orders-db\nERROR: no such host\n"
PATIENT = 60  # looks come after eight seconds, then in growing pauses


def broken(name, behaviour, **spec):
    return m.deployment(name, image=f"test/{behaviour}:1", **spec)


def with_init(item):
    item["spec"]["template"]["spec"]["initContainers"] = [{"name": "setup", "image": "busybox:1"}]
    return item


def too_large(item):
    item["spec"]["template"]["spec"]["containers"][0]["resources"] = {
        "requests": {"cpu": "100000"}}
    return item


def claim(name):
    return m.thing("v1", "PersistentVolumeClaim", name, spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})


def quota(namespace):
    return m.thing("v1", "ResourceQuota", "none", namespace, spec={"hard": {"pods": "0"}})


BARE = m.thing("v1", "Pod", "bare", spec={"containers": [{"name": "main", "image": "test/oom:1"}]})


class Causes(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.proxy = KubeProxy(cls.cluster).start()
        cls.proxy.rule = cls.answer
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=cls.proxy.kubeconfig("agent"))

    @classmethod
    def answer(cls, _method, path_):
        """Logs, and the pods of 'many' as if those that fail were on the second page."""
        if "/log?" in path_:
            return Refusal(200, text=LOG)
        if "/pods?labelSelector=app%3Dmany&" not in path_:
            return None
        if "&continue=more" in path_:
            return Refusal(200, text=json.dumps({
                "items": cls.admin.list("Pod", "default", "app=many")}))
        return Refusal(200, text='{"metadata": {"continue": "more"}, "items": []}')

    def wait_cause(self, name, health, cause, kind="Deployment.apps", namespace="default"):
        key = f"{kind}/{namespace}/{name}"
        self.wait_object(key, PATIENT, health=health, message=cause)
        self.wait_status(name, PATIENT, health=health, healthMessage=f"^{key}: .*{cause}")

    def test_everything_is_broken(self):
        self.admin.apply(m.namespace("tight"), quota("tight"))
        self.commit({
            **files("talks", broken("talks", "crash"), namespace="default",
                    health={"logs": True}),
            **files("quiet", broken("quiet", "crash"), namespace="default"),
            **files("greedy", broken("greedy", "oom", replicas=2), namespace="default"),
            **files("setup", with_init(broken("setup", "init-crash")), namespace="default"),
            **files("pull", broken("pull", "pull-fails"), namespace="default"),
            **files("probe", broken("probe", "probe-fails"), namespace="default"),
            **files("volume", broken("volume", "no-volume"), namespace="default"),
            **files("large", too_large(m.deployment("large")), namespace="default"),
            **files("quota", m.deployment("quota"), namespace="tight"),
            **files("state", m.stateful_set("state"), namespace="tight"),
            **files("many", broken("many", "oom"), namespace="default"),
            **files("bare", BARE, namespace="default"),
            **files("claim", claim("claim"), namespace="default")})

    def test_what_no_waiting_mends_is_degraded_long_before_any_deadline(self):
        self.wait_cause("greedy", "degraded", r"2 pods: container main: CrashLoopBackOff: back-off "
                        r"restarting \(exit code 137, OOMKilled\)$")
        self.wait_cause("setup", "degraded", r"1 pod: container setup: CrashLoopBackOff: back-off "
                        r"restarting \(exit code 2\)$")
        self.wait_cause("pull", "degraded", "1 pod: container main: ImagePullBackOff: image not "
                        "found$")

    def test_a_bare_pod_says_more_than_that_it_crashes(self):
        self.wait_cause("bare", "degraded", r"crashes again and again; 1 pod: container main: "
                        r"CrashLoopBackOff: back-off restarting \(exit code 137, OOMKilled\)$",
                        kind="Pod")

    def test_all_pages_of_pods_are_looked_at(self):
        self.wait_cause("many", "degraded", r"1 pod: container main: CrashLoopBackOff: back-off "
                        r"restarting \(exit code 137, OOMKilled\)$")

    def test_the_log_of_what_crashes_is_quoted_where_the_app_allows_it(self):
        self.wait_cause("talks", "degraded", r"CrashLoopBackOff: back-off restarting; its log ends: "
                        r"connecting to orders-db \| ERROR: no such host$")
        self.wait_cause("quiet", "degraded", "CrashLoopBackOff: back-off restarting$")
        logs = [path_ for _, _, path_ in self.proxy.seen if "/log?" in path_]
        self.assertTrue(logs)
        self.assertTrue(all("/pods/talks-" in path_ and "previous=true" in path_
                            for path_ in logs), logs)

    def test_events_say_what_pods_do_not(self):
        self.wait_cause("probe", "progressing", "1 pod: container main runs but is not ready; "
                        "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503$")
        self.wait_cause("volume", "progressing",
                        'FailedMount: MountVolume.SetUp failed for volume "data"')

    def test_the_scheduler_and_quotas_are_heard(self):
        self.wait_cause("large", "progressing", "1 pod: Unschedulable: 0/1 nodes are available: 1 "
                        "Insufficient cpu")
        self.wait_cause("quota", "progressing", "FailedCreate: .*exceeded quota: none",
                        namespace="tight")
        self.wait_cause("state", "progressing", "FailedCreate: .*exceeded quota: none",
                        "StatefulSet.apps", "tight")

    def test_a_claim_says_what_it_waits_for(self):
        self.wait_cause("claim", "progressing", "not bound; FailedBinding: no persistent volumes",
                        "PersistentVolumeClaim")

    def test_events_in_the_hub_hold_the_cause(self):
        for name, cause in {"greedy": "OOMKilled", "pull": "image not found"}.items():
            told = [event["message"] for event in self.events("app.degraded")
                    if event["app"] == name]
            self.assertRegex(told[0], f"^Deployment.apps/default/{name}: .*{cause}")

    def test_what_is_mended_is_not_blamed_for_what_was(self):
        mended = m.deployment("pull", image="example.com/web:2")
        self.deliver({path("pull", mended): m.text(mended)})
        self.assertEqual(self.object_report("Deployment.apps/default/pull")["message"], "")
        told = [event for event in self.events("app.recovered") if event["app"] == "pull"]
        self.assertTrue(told)


if __name__ == "__main__":
    story.main()
