#!/usr/bin/env python3
"""The Kubernetes that the other stories run on is a real one, and obeys.

Pods get ready or misbehave as their image says, the API server can go away and come back without
losing anything, three kinds of credentials work, and writes are counted by user.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.kubeclient import KubeClient, KubeError, condition  # noqa: E402
from support.process import TimedOut, wait_for  # noqa: E402


def workload(kind, name, image, **spec):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [{"name": "main", "image": image}]}},
                     **spec}}


def job(name, image):
    return {"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"backoffLimit": 0, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}}}


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"}, "data": data}


class KubeIsReal(story.Story):
    kube = {"images": {"example.com:5000/shop/broken": "crash"}}

    def waiting_reason(self, app):
        """Why the first container of an app's pod waits."""
        pods = self.cluster.admin.list("Pod", "default", f"app={app}")
        assert pods, "no pod yet"
        statuses = pods[0]["status"].get("containerStatuses")
        assert statuses, "the pod has no status yet"
        return statuses[0]["state"].get("waiting", {}).get("reason")

    def test_a_deployment_gets_ready(self):
        self.cluster.admin.apply(workload("Deployment", "web", "nginx:1.27", replicas=3))
        self.cluster.wait_ready("Deployment", "web")
        self.cluster.wait_for(
            lambda: condition(self.cluster.admin.get("Deployment", "web"), "Available") == "True")

    def test_stateful_and_daemon_sets_get_ready(self):
        self.cluster.admin.apply(
            workload("StatefulSet", "db", "postgres:16", replicas=2, serviceName="db"),
            workload("DaemonSet", "node-agent", "example.com/agent:1"))
        self.cluster.wait_ready("StatefulSet", "db")
        self.cluster.wait_for(lambda: self.cluster.admin.get("DaemonSet", "node-agent")
                              .get("status", {}).get("numberReady") == 1)

    def test_a_job_completes_and_a_crashing_one_fails(self):
        self.cluster.admin.apply(job("good", "migrate:1"), job("bad", "test/crash:1"))
        for name, outcome in (("good", "Complete"), ("bad", "Failed")):
            self.cluster.wait_for(
                lambda: condition(self.cluster.admin.get("Job", name), outcome) == "True",
                what=f"job {name} to be {outcome}")

    def test_pods_misbehave_as_their_image_says(self):
        self.cluster.admin.apply(
            workload("Deployment", "broken", "example.com:5000/shop/broken:2"),
            workload("Deployment", "unpullable", "test/pull-fails"),
            workload("Deployment", "slow", "test/never-ready:3"))
        self.cluster.wait_for(lambda: self.waiting_reason("broken") == "CrashLoopBackOff")
        self.cluster.wait_for(lambda: self.waiting_reason("unpullable") == "ImagePullBackOff")
        self.cluster.wait_for(lambda: self.cluster.admin.get("Deployment", "slow")["status"]
                              .get("updatedReplicas") == 1)
        for name in ("broken", "unpullable", "slow"):
            self.cluster.wait_for(lambda: condition(
                self.cluster.admin.get("Deployment", name), "Available") == "False")
            with self.assertRaises(TimedOut):
                self.cluster.wait_ready("Deployment", name, timeout=0.2)

    def test_a_restarted_api_server_has_the_same_data(self):
        self.cluster.admin.apply(config_map("kept", colour="green"))
        uid = self.cluster.admin.get("ConfigMap", "kept")["metadata"]["uid"]
        self.cluster.stop_api()
        with self.assertRaises(ConnectionRefusedError):
            self.cluster.admin.get("ConfigMap", "kept")
        self.cluster.start_api()
        kept = self.cluster.admin.get("ConfigMap", "kept")
        self.assertEqual((kept["metadata"]["uid"], kept["data"]), (uid, {"colour": "green"}))

    def test_a_paused_api_server_hangs_and_then_answers(self):
        self.cluster.pause_api()
        with self.assertRaises(TimeoutError):
            self.cluster.admin.request("GET", "/readyz", timeout=0.3)
        self.cluster.resume_api()
        self.assertTrue(self.cluster.admin.find("ConfigMap", "kept"))

    def test_controllers_go_on_after_the_api_server_was_away(self):
        self.cluster.admin.patch("Deployment", "web", {"spec": {"replicas": 5}})
        self.cluster.wait_ready("Deployment", "web")

    def test_a_certificate_and_a_service_account_are_let_in(self):
        for user, kubeconfig in (
                ("cert-user", self.cluster.certificate_kubeconfig()),
                ("system:serviceaccount:ops:holdfast",
                 self.cluster.service_account_kubeconfig("ops/holdfast"))):
            client = KubeClient.from_kubeconfig(kubeconfig)
            review = client.request(
                "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
            self.assertEqual(review["status"]["userInfo"]["username"], user)

    def test_a_wrong_token_is_refused(self):
        client = KubeClient(self.cluster.server, self.cluster.ca_file, "wrong")
        with self.assertRaises(KubeError) as refused:
            client.get("ConfigMap", "kept")
        self.assertEqual(refused.exception.status, 401)

    def test_writes_are_counted_by_user(self):
        mark = self.cluster.audit_mark()
        agent = KubeClient.from_kubeconfig(self.cluster.token_kubeconfig("agent"))
        agent.apply(config_map("a", x="1"), config_map("b", x="1"), manager="agent")
        agent.delete("ConfigMap", "a")
        agent.get("ConfigMap", "b")
        expected = {("agent", "patch", "configmaps"): 2, ("agent", "delete", "configmaps"): 1}
        wait_for(lambda: self.cluster.writes("agent", mark) == expected, 10, "the audit log")

    def test_two_managers_conflict_over_a_field(self):
        self.cluster.admin.apply(config_map("shared", x="1"), manager="one")
        with self.assertRaises(KubeError) as refused:
            self.cluster.admin.apply(config_map("shared", x="2"), manager="two", force=False)
        self.assertEqual(refused.exception.status, 409)

    def test_a_deleted_deployment_takes_its_pods_along(self):
        self.cluster.admin.delete("Deployment", "web")
        self.cluster.wait_for(
            lambda: not self.cluster.admin.list("Pod", "default", "app=web"))


if __name__ == "__main__":
    story.main()
