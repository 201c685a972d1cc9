#!/usr/bin/env python3
"""Waves inside an App: each begins when all before it is healthy, and they leave in reverse. One that
waits keeps no other App from going on, and a new commit ends the wait.
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402


def in_wave(item, number, annotation="holdfast.dev/wave"):
    item["metadata"]["annotations"] = {annotation: str(number)}
    return item


class Waves(KubeStory):

    def requests(self, verb, since, names):
        """Names of objects in the order in which the agent first sent such a request."""
        with open(self.cluster.audit_log, "rb") as log:
            log.seek(since)
            events = [json.loads(line) for line in log]
        sent = [event["objectRef"].get("name") for event in events if "objectRef" in event
                and event["verb"] == verb and event["user"].get("username") == "agent"]
        return list(dict.fromkeys(name for name in sent if name in names))

    def test_waves_come_one_after_the_other_each_healthy_before_the_next(self):
        mark = self.cluster.audit_mark()
        self.deliver(files(
            "shop", in_wave(m.namespace("shop"), 9), in_wave(m.deployment("db"), -1),
            in_wave(m.config_map("last", x="1"), 2), m.config_map("settings", x="1"),
            in_wave(m.deployment("web"), 1, "argocd.argoproj.io/sync-wave"), namespace="shop"))
        names = ["shop", "db", "settings", "web", "last"]
        self.assertEqual(self.requests("patch", mark, names), names)
        begun = self.find("ConfigMap", "shop/settings")["metadata"]["creationTimestamp"]
        available = [each["lastTransitionTime"]
                     for each in self.find("Deployment", "shop/db")["status"]["conditions"]
                     if each["type"] == "Available"]
        self.assertLessEqual(available[0], begun)

    def test_a_wave_waits_behind_one_that_does_not_get_healthy(self):
        self.commit(files("stuck", m.deployment("slow", image="test/never-ready:1"),
                          in_wave(m.config_map("later", x="1"), 1), namespace="default",
                          drift="report"))
        self.wait_status("stuck", applied="applying",
                         message="wave 1 waits until Deployment.apps/default/slow is healthy")
        self.assertFalse(self.find("ConfigMap", "later"))

    def test_what_it_waits_for_is_made_again_if_somebody_deletes_it(self):
        uid = self.find("Deployment", "slow")["metadata"]["uid"]
        self.admin.delete("Deployment", "slow")

        def is_made_again():
            found = self.find("Deployment", "slow")
            return found and found["metadata"]["uid"] != uid
        self.cluster.wait_for(is_made_again, what="another Deployment")
        self.wait_status("stuck", applied="applying", message="slow is healthy")
        self.assertFalse(self.find("ConfigMap", "later"))

    def test_other_apps_go_on_meanwhile(self):
        revision = self.commit(files("other", m.deployment("other"), namespace="default"))
        self.wait_status("other", applied="applied", health="healthy", revision=revision)
        self.assertFalse(self.find("ConfigMap", "later"))

    def test_a_new_commit_ends_the_wait(self):
        mended = m.deployment("slow", image="example.com/web:1")
        self.deliver({path("stuck", mended): m.text(mended)})
        self.assertTrue(self.find("ConfigMap", "later"))

    def test_a_new_webhook_waits_until_it_can_answer(self):
        kind, api = "ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"
        hooks = m.thing(api, kind, "guard", webhooks=[{
            "name": "guard.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "default", "name": "guard"}},
            "rules": [{"apiGroups": ["guarded.example.com"], "apiVersions": ["*"],
                       "operations": ["*"], "resources": ["*"]}]}])
        self.commit(files("guard", m.deployment("guard", image="test/never-ready:1"),
                          m.deployment("beside", image="test/never-ready:1"),
                          m.service("guard"), hooks, namespace="default"))
        self.wait_status("guard", applied="applying", message="^ValidatingWebhookConfiguration.*guard "
                         "waits until Deployment.apps/default/guard is healthy")
        self.assertFalse(self.find(kind, "guard", api))
        mended = m.deployment("guard")
        self.deliver({path("guard", mended): m.text(mended)}, "applied")
        self.assertTrue(self.find(kind, "guard", api))

    def test_a_change_in_an_early_wave_is_healthy_before_a_later_one_changes(self):
        web = m.deployment("slow", image="example.com/web:2", replicas=3)
        later = in_wave(m.config_map("later", x="2"), 1)
        mark = self.cluster.audit_mark()
        self.deliver({path("stuck", web): m.text(web), path("stuck", later): m.text(later)})
        self.assertEqual(self.requests("patch", mark, {"slow", "later"}), ["slow", "later"])

    def test_without_a_change_a_restart_waits_for_nothing_and_writes_nothing(self):
        self.agent.terminate()
        mark = self.cluster.audit_mark()
        self.agent.start()
        self.wait_connected()
        self.wait_status("shop", applied="applied", health="healthy")
        self.assertEqual(self.written(mark), {})

    def test_they_leave_in_reverse(self):
        mark = self.cluster.audit_mark()
        self.repo.git("rm", "-r", "--quiet", "apps/shop")
        self.commit({}, "the App shop is gone")
        self.wait_gone("Deployment", "shop/db")
        self.assertEqual(self.requests("delete", mark, {"db", "settings", "web", "last"}),
                         ["last", "web", "settings", "db"])

    def test_a_wave_that_is_no_number_is_a_problem_with_its_place(self):
        wrong = in_wave(m.config_map("later", x="3"), "soon")
        self.commit({path("stuck", wrong): m.text(wrong)})

        def told():
            return [row for row in self.hub.get("problems") if "holdfast.dev/wave" in row["message"]]
        row = self.cluster.wait_for(told, 20, "the problem")[0]
        self.assertEqual((row["path"], row["line"]), ("apps/stuck/configmap-later.yaml", 7))


if __name__ == "__main__":
    story.main()
