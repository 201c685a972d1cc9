#!/usr/bin/env python3
"""Hooks: Jobs before and after all else of an App, once for each new bundle. One that fails stops the
App and says why, with the end of its log; one that hangs keeps nobody else waiting, and a new commit
ends the wait.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeproxy import KubeProxy, Refusal  # noqa: E402
from support.kubestory import CLUSTER, SOON, KubeStory, files, path  # noqa: E402

WAITING = 30  # looks at pods come after eight seconds
LOG = "applying 0007_orders.sql\nERROR: cannot reach the database\n"


def hook(name, phase, image="example.com/migrate:1", policy=None, key="holdfast.dev/hook", **spec):
    item = m.job(name, image)
    item["spec"].update(spec)
    item["metadata"]["annotations"] = {
        key: phase, **({"holdfast.dev/hook-delete-policy": policy} if policy else {})}
    return item


WEB = {"object": "apps/Deployment/shop/web",
       "at": "/spec/template/spec/containers/[name=main]/image"}
HOLD = m.thing("holdfast/v1alpha1", "Hold", "web-2", spec={
    "app": "shop", "clusters": [CLUSTER],
    "rejects": {"identity": [{**WEB, "value": "example.com/web:2"}]},
    "delta": [{**WEB, "bad": "example.com/web:2", "use": "example.com/web:1"}]})


class Hooks(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.proxy = KubeProxy(cls.cluster).start()
        cls.proxy.rule = lambda method, path_: Refusal(200, text=LOG) if "/log?" in path_ else None
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=cls.proxy.kubeconfig("agent"))

    def uids(self, *names):
        return [self.admin.get("Job", f"shop/{name}")["metadata"]["uid"] for name in names]

    def image(self, name):
        pod = self.admin.get("Deployment", f"shop/{name}")["spec"]["template"]["spec"]
        return pod["containers"][0]["image"]

    def reported(self, name):
        """Keys of the objects of an App that the hub knows of."""
        rows = self.hub.get("objects", "--cluster", CLUSTER)
        return {row["key"] for row in rows if row["app"] == name}

    def put(self, name, *items):
        return self.commit({path(name, item): m.text(item) for item in items})

    def test_they_run_before_and_after_all_else(self):
        self.deliver(files(
            "shop", m.namespace("shop"), m.config_map("settings", x="1"), m.deployment("web"),
            hook("migrate", "pre-apply"),
            hook("smoke", "PostSync", key="argocd.argoproj.io/hook"), namespace="shop"))
        migrated = self.find("Job", "shop/migrate")["status"]["completionTime"]
        settings = self.find("ConfigMap", "shop/settings")["metadata"]["creationTimestamp"]
        web = self.find("Deployment", "shop/web")
        smoke = self.find("Job", "shop/smoke")
        available = [each["lastTransitionTime"] for each in web["status"]["conditions"]
                     if each["type"] == "Available"][0]
        self.assertLessEqual(migrated, settings)
        self.assertLessEqual(available, smoke["metadata"]["creationTimestamp"])
        self.assertTrue(smoke["status"]["succeeded"])

    def test_neither_restart_nor_drift_nor_sync_runs_one_again(self):
        before = self.uids("migrate", "smoke")
        self.agent.terminate()
        self.agent.start()
        self.wait_connected()
        self.admin.patch("ConfigMap", "shop/settings", {"data": {"x": "2"}})
        self.wait_drift("ConfigMap/shop/settings")
        self.hub.run("sync", "--app", "shop")
        self.wait_no_drift()
        self.wait_status("shop", applied="applied", health="healthy")
        self.assertEqual(self.uids("migrate", "smoke"), before)

    def test_each_new_bundle_runs_them_anew(self):
        before = self.uids("migrate", "smoke")
        changed = m.config_map("settings", x="3")
        self.deliver({path("shop", changed): m.text(changed)})
        after = self.uids("migrate", "smoke")
        self.assertFalse(set(before) & set(after))

    def test_one_that_fails_stops_the_app_and_says_why(self):
        self.assertEqual(self.proxy.times("GET", "/log?"), [], "no log was asked for yet")
        self.put("shop", hook("migrate", "pre-apply", image="test/crash:1"),
                 m.config_map("settings", x="4"))
        row = self.wait_status("shop", applied="failed", message="migrate failed: .*backoff limit")
        self.assertIn("its log ends: applying 0007_orders.sql | ERROR: cannot reach the database",
                      row["message"])
        self.assertEqual(self.find("ConfigMap", "shop/settings")["data"], {"x": "3"})
        self.assertEqual(len(self.proxy.times("GET", "/log?")), 1)
        self.assertIn("cannot reach the database",
                      self.hub.run("describe", "app", "shop").stdout)

    def test_a_sync_runs_it_again(self):
        failed = self.uids("migrate")
        self.hub.run("sync", "--app", "shop")
        self.cluster.wait_for(lambda: self.uids("migrate") != failed, SOON, "another run")
        self.wait_status("shop", applied="failed", message="migrate failed")

    def test_a_later_commit_mends_it(self):
        mended = hook("migrate", "pre-apply")
        self.deliver({path("shop", mended): m.text(mended)})
        self.assertEqual(self.find("ConfigMap", "shop/settings")["data"], {"x": "4"})

    def test_one_that_hangs_keeps_no_other_app_waiting(self):
        self.put("shop", hook("migrate", "pre-apply", image="test/never-ready:1"))
        self.wait_status("shop", applied="applying", message="hook Job.batch/shop/migrate runs")
        revision = self.commit(files("other", m.deployment("other"), namespace="default"))
        self.wait_status("other", applied="applied", health="healthy", revision=revision)
        self.wait_status("shop", applied="applying")

    def test_one_that_waits_for_something_has_not_failed(self):
        self.put("shop", hook("migrate", "pre-apply", image="test/pull-fails:1"),
                 m.config_map("settings", x="5"))
        self.wait_status("shop", WAITING, applied="applying",
                         message="hook Job.batch/shop/migrate runs: .*ImagePullBackOff")
        self.assertEqual(self.object_report("Job.batch/shop/migrate")["health"], "progressing")
        for pod in self.admin.list("Pod", "shop", labels="job-name=migrate"):
            self.admin.patch("Pod", f"shop/{pod['metadata']['name']}",
                             {"status": {"phase": "Succeeded"}}, subresource="status")
        self.wait_status("shop", applied="applied", health="healthy")
        self.assertEqual(self.find("ConfigMap", "shop/settings")["data"], {"x": "5"})

    def test_a_new_commit_ends_the_wait(self):
        self.put("shop", hook("migrate", "pre-apply", image="test/never-ready:1"))
        self.wait_status("shop", applied="applying", message="hook Job.batch/shop/migrate runs")
        hanging = self.uids("migrate")
        mended = hook("migrate", "pre-apply")
        self.deliver({path("shop", mended): m.text(mended)})
        self.assertNotEqual(self.uids("migrate"), hanging)

    def test_a_hold_runs_none_and_those_of_the_rejected_release_rest(self):
        web = m.deployment("web", image="example.com/web:2")
        self.deliver({path("shop", web): m.text(web), **{
            path("shop", item): m.text(item) for item in (
                hook("migrate", "pre-apply", image="example.com/web:2"),)}})
        before = self.uids("migrate", "smoke")
        self.deliver({"holds/shop/web-2.yaml": m.text(HOLD)})
        self.assertEqual(self.image("web"), "example.com/web:1")
        self.assertEqual(self.uids("migrate", "smoke"), before)
        changed = m.config_map("settings", x="6")
        self.deliver({path("shop", changed): m.text(changed)})
        self.assertEqual(self.image("web"), "example.com/web:1")
        migrate, smoke = self.uids("migrate", "smoke")
        self.assertEqual(migrate, before[0], "it would have run what is held back")
        self.assertNotEqual(smoke, before[1])
        self.repo.git("rm", "-r", "--quiet", "holds")
        web = m.deployment("web", image="example.com/web:3")
        self.deliver({path("shop", web): m.text(web), path("shop", hook("migrate", "")): m.text(
            hook("migrate", "pre-apply", image="example.com/web:3"))})
        self.assertNotEqual(self.uids("migrate"), [migrate])

    def test_what_is_no_longer_needed_goes_and_is_not_missed(self):
        self.deliver(files(
            "tidy", hook("gone-at-once", "pre-apply", policy="succeeded"),
            hook("gone-later", "post-apply", ttlSecondsAfterFinished=1),
            hook("stays", "post-apply", policy="never"), m.config_map("tidy", x="1"),
            namespace="default"))
        self.wait_gone("Job", "default/gone-at-once")
        self.wait_gone("Job", "default/gone-later")
        self.assertTrue(self.find("Job", "default/stays"))
        self.wait_status("tidy", applied="applied", health="healthy")
        self.cluster.wait_for(lambda: self.reported("tidy") == {"ConfigMap/default/tidy"},
                              what="only what stays to be reported")

    def test_an_app_takes_its_hooks_along_but_what_shall_never_go(self):
        self.repo.git("rm", "-r", "--quiet", "apps/shop", "apps/tidy")
        self.commit({}, "two Apps are gone")
        for name in ("shop/migrate", "shop/smoke"):
            self.wait_gone("Job", name)
        self.wait_gone("ConfigMap", "default/tidy")
        self.assertTrue(self.find("Job", "default/stays"))


if __name__ == "__main__":
    story.main()
