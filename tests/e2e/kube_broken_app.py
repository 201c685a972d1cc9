#!/usr/bin/env python3
"""Apps that cannot work, beside good ones: an image that crashes, an object that the API server
refuses, a field that cannot change. The good ones go on, each error is shown in its own words, and
a later commit mends it. What does not come up is gone back from by a commit, where its App says so.
What people go back from themselves is told, and held where the App says so.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import CLUSTER, SOON, KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402


WORKLOADS = (m.deployment, m.daemon_set, m.stateful_set)


KINDS = ("Deployment", "DaemonSet", "StatefulSet")


def workloads(version):
    return [make("back", image=f"example.com/web:{version}") for make in WORKLOADS]


class BrokenApp(KubeStory):
    repo_more = {"write": "direct"}

    def test_good_apps_go_on_beside_broken_ones(self):
        type(self).mark = self.cluster.audit_mark()
        revision = self.commit({
            **files("good", m.deployment("good"), m.service("good"), namespace="default"),
            **files("back", *workloads(1), namespace="default"),
            **files("crashing", m.deployment("crashing", image="test/crash:1",
                                             progressDeadlineSeconds=3), namespace="default"),
            **files("unpullable", m.deployment("unpullable", image="test/pull-fails:1",
                                               progressDeadlineSeconds=3), namespace="default"),
            **files("invalid", m.service("invalid", port=99999), m.config_map("beside", x="1"),
                    namespace="default"),
            **files("strange", m.thing("v1", "Service", "strange", spec={"prots": [{"port": 1}]}),
                    namespace="default"),
            **files("typed", m.config_map("typed", x=42), namespace="default"),
            **files("after", m.config_map("after", x="1"), namespace="default",
                    dependsOn=[{"name": "crashing"}])})
        self.wait_status("good", applied="applied", health="healthy", revision=revision)
        self.cluster.wait_ready("Deployment", "good")

    def test_a_program_that_crashes_is_applied_but_degraded(self):
        self.wait_status("crashing", applied="applied", health="degraded")
        self.wait_status("unpullable", applied="applied", health="degraded")
        self.wait_object("Deployment.apps/default/crashing", health="degraded",
                         message="(?i)progress|crash")

    def test_its_pods_say_why(self):
        self.wait_object("Deployment.apps/default/crashing", health="degraded",
                         message="; 1 pod: container .*: CrashLoopBackOff: back-off restarting")
        self.wait_object("Deployment.apps/default/unpullable", health="degraded",
                         message="; 1 pod: container .*: ImagePullBackOff: image not found")
        shown = self.hub.run("describe", "app", "crashing", "--cluster", CLUSTER).stdout
        self.assertIn("CrashLoopBackOff: back-off restarting", shown)

    def test_what_the_server_refuses_is_told_in_its_words(self):
        self.wait_status("invalid", applied="failed", message="Service/default/invalid: .*99999")
        self.wait_status("strange", applied="failed",
                         message=r"Service/default/strange: .*schema of its kind: \.spec\.prots")
        self.wait_status("typed", applied="failed",
                         message=r"ConfigMap/default/typed: .*: \.data\.x: expected string$")
        self.assertTrue(self.find("ConfigMap", "beside"), "the rest of the App is there")

    def test_people_see_it_on_the_command_line(self):
        shown = self.hub.run("get", "status", "--state", "failed").stdout
        self.assertIn("must be between 1 and 65535", shown)
        self.assertNotIn("good", shown)

    def test_an_app_that_depends_on_a_broken_one_waits(self):
        self.wait_status("after", applied="pending", message="waits for App 'crashing'")
        self.assertFalse(self.find("ConfigMap", "after"))

    def test_waiting_for_a_broken_fleet_ends_with_words(self):
        gave_up = self.hub.run("wait", "--app", "invalid", "--timeout", "1s", check=False)
        self.assertEqual(gave_up.returncode, 1)
        self.assertIn("invalid", gave_up.stderr)

    def test_good_apps_still_take_changes(self):
        update = m.deployment("good", image="example.com/web:2")
        revision = self.commit({path("good", update): m.text(update),
                                **files("back", *workloads(2), namespace="default")})
        for name in ("good", "back"):
            self.wait_status(name, applied="applied", health="healthy", revision=revision)

    def test_what_is_refused_for_what_it_is_is_not_sent_again_and_again(self):
        written = self.written(self.mark)
        self.assertEqual(written["patch", "services"], len(("good", "invalid", "strange")))
        self.assertEqual(written["patch", "configmaps"], len(("beside", "typed")))

    def test_a_field_that_cannot_change_is_told(self):
        other = m.job("good", image="example.com/migrate:1")
        self.deliver({path("good", other): m.text(other)}, "applied")
        changed = m.job("good", image="example.com/migrate:2")
        self.commit({path("good", changed): m.text(changed)})
        self.wait_status("good", applied="failed", message="Job.batch/default/good: spec.template cannot be changed")
        self.cluster.wait_ready("Deployment", "good")

    def test_a_later_commit_mends_all_of_it(self):
        mended = [("crashing", m.deployment("crashing", image="example.com/web:2",
                                            progressDeadlineSeconds=3)),
                  ("unpullable", m.deployment("unpullable", image="example.com/web:2",
                                              progressDeadlineSeconds=3)),
                  ("invalid", m.service("invalid", port=9999)),
                  ("strange", m.service("strange")),
                  ("typed", m.config_map("typed", x="42")),
                  ("good", m.job("good", image="example.com/migrate:1"))]
        revision = self.commit({path(name, item): m.text(item) for name, item in mended})
        self.wait_until(revision)
        for name, _ in mended:
            self.wait_status(name, applied="applied", health="healthy")
        self.wait_status("after", applied="applied", health="healthy")
        self.assertTrue(self.find("ConfigMap", "after"))
        self.assertEqual(self.hub.get("status", "--state", "failed"), [])

    def test_what_does_not_come_up_is_gone_back_from_by_a_commit(self):
        bad = m.deployment("crashing", image="test/crash:3", progressDeadlineSeconds=3)
        revision = self.commit(files("crashing", bad, namespace="default", onFailure="rollback"))
        event = wait_for(lambda: self.hub.get("events", "--kind", "release.rollback"), SOON,
                         "the deadline to pass", 0.2)[0]
        self.assertEqual((event["key"], event["revision"]),
                         ("Deployment.apps/default/crashing", revision))
        wait_for(lambda: self.find("Deployment", "crashing")["spec"]["template"]["spec"]["containers"]
                 [0]["image"] == "example.com/web:2", SOON, "what came up before", 0.2)
        self.wait_status("crashing", applied="applied", health="healthy")
        hold, = self.hub.get("holds")
        self.assertEqual((hold["controller"], hold["inForce"]), ("holdfast", 1))
        self.assertIn("has timed out progressing", hold["message"])
        self.assertTrue(hold["path"].startswith("holds/crashing/"), hold)

    def test_so_is_a_stateful_set_also_from_a_pod_that_holds_it_up(self):
        options = {"namespace": "default", "onFailure": "rollback", "health": {"timeout": "6s"}}
        self.repo.git("pull", "--quiet", "--rebase", "origin", "main")
        self.deliver(files("db", m.stateful_set("db", replicas=2), **options))
        self.cluster.wait_ready("StatefulSet", "db")
        bad = self.commit(files("db", m.stateful_set("db", "test/never-ready:2", replicas=2),
                                **options))
        event = wait_for(lambda: [row for row in self.hub.get("events", "--kind", "release.timed_out")
                                  if row["app"] == "db"], SOON, "its time to pass", 0.2)[0]
        self.assertEqual((event["key"], event["revision"]), ("StatefulSet.apps/default/db", bad))
        self.assertIn("of 2 pods 1 are of revision db-", event["message"])
        wait_for(lambda: {pod["spec"]["containers"][0]["image"]
                          for pod in self.admin.list("Pod", "default")
                          if pod["metadata"]["name"].startswith("db-")} == {"example.com/db:1"},
                 SOON, "the pod that is not ready to go", 0.2)
        self.wait_status("db", applied="applied", health="healthy")
        hold, = [row for row in self.hub.get("holds") if row["app"] == "db"]
        self.assertEqual((hold["controller"], hold["inForce"]), ("holdfast", 1))
        self.assertIn("it did not come up in its time: of 2 pods", hold["message"])

    def test_what_people_go_back_from_is_told_and_what_they_set_is_another_matter(self):
        def undone():
            return [(row["key"], row["actor"]) for row in self.hub.get("events", "--kind", "release.undone")]
        kinds = [item["kind"] for item in workloads(2)]
        for kind in kinds:
            self.cluster.kubectl("rollout", "undo", f"{kind}/back")
        wanted = sorted((f"{kind}.apps/default/back", "kubectl") for kind in kinds)
        wait_for(lambda: sorted(undone()) == wanted, SOON, "all three to be told", 0.2)
        for kind in kinds:
            self.cluster.kubectl("set", "image", f"{kind}/back", "main=example.com/web:3")
        wait_for(lambda: [row["actual"] for row in self.hub.get("drift", "--app", "back")]
                 .count('"example.com/web:3"') == len(kinds), SOON, "what was set to be told", 0.2)
        self.assertEqual(sorted(undone()), wanted)

    def images(self):
        """By kind, of what all three are to run, with the variable of their pods."""
        pods = {kind: self.find(kind, "back")["spec"]["template"]["spec"]["containers"][0]
                for kind in KINDS}
        return {kind: (pod["image"].split(":")[1], pod["env"][0]["value"]) for kind, pod in pods.items()}

    def deliver_kept(self, version, value):
        items = workloads(version)
        for item in items:
            item["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": value}]
        self.repo.git("pull", "--quiet", "--rebase", "origin", "main")
        self.deliver(files("back", *items, namespace="default", undo="hold", drift="correct"))

    def test_where_the_app_says_so_what_people_go_back_from_is_held(self):
        for version in ("4", "5"):
            self.deliver_kept(version, "a")
        for kind in KINDS:
            self.cluster.kubectl("rollout", "undo", f"{kind}/back")
        holds = wait_for(lambda: [rows for rows in [[row for row in self.hub.get("holds")
                                                     if row["app"] == "back" and row["path"]]]
                                  if len(rows) == len(KINDS)], SOON, "the Holds in Git", 0.2)[0]
        self.assertEqual({row["rejected"] for row in holds}, {"5"})
        self.assertEqual(self.images(), {kind: ("4", "a") for kind in KINDS})
        self.repo.git("fetch", "--quiet", "origin")
        said = self.repo.git("log", "-1", "--format=%an%n%B", "origin/main", "--",
                             f"holds/back/{holds[0]['name'].partition('back-')[2]}.yaml")
        self.assertTrue(said.startswith("kubectl (claimed)\n"), said)
        self.assertIn(f"Holdfast-Proof: same ({CLUSTER})", said)
        self.deliver_kept("5", "b")
        self.assertEqual(self.images(), {kind: ("4", "b") for kind in KINDS})


if __name__ == "__main__":
    story.main()
