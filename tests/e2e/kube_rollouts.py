#!/usr/bin/env python3
"""Real Argo Rollouts: what it aborts is kept out by a commit, which starts nothing in the cluster;
all else lands; what people undo or restart is told; blue-green likewise. Routes and weights are its."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, rollouts, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeclient import KubeError  # noqa: E402
from support.kubestory import CLUSTER, SOON, KubeStory, files  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.wins import row  # noqa: E402

CONTROLLER = "rollouts-controller"
AGAIN = 10  # seconds until what its controller may have missed is said again
ABORTED_BY = f"{rollouts.PLUGIN} (claimed)"
BLUE_GREEN = {"blueGreen": {"activeService": "shop", "previewService": "shop-preview",
                            "autoPromotionEnabled": False}}


def web(version, **env):
    return files("web", rollouts.rollout("web", f"test/web:{version}", rollouts.CANARY, **env),
                 namespace="default")


def shop(version):
    preview = m.service("shop-preview")
    preview["spec"]["selector"] = {"app": "shop"}
    return files("shop", rollouts.rollout("shop", f"test/shop:{version}", BLUE_GREEN),
                 m.service("shop"), preview, namespace="default")


def routed(version, attempts=1):
    canary = m.service("routed-canary")
    canary["spec"]["selector"] = {"app": "routed"}
    return files("routed", rollouts.rollout("routed", f"test/routed:{version}", rollouts.ROUTED),
                 m.service("routed"), canary, rollouts.virtual_service("routed", ("main", attempts)),
                 namespace="default")


def referred(version):
    return files("referred", m.deployment("referred", f"test/referred:{version}", replicas=0),
                 rollouts.referring("referred", rollouts.CANARY), namespace="default")


def quick(image, **spec):
    """One whose releases are late after seconds, and that goes back to what was promoted at once."""
    item = rollouts.rollout("quick", image, rollouts.CANARY)
    item["spec"].update(progressDeadlineSeconds=3, rollbackWindow={"revisions": 3})
    return files("quick", item, namespace="default", **spec)


def moved():
    """A Deployment with an autoscaler, whose pods a Rollout has taken over, and the Rollout."""
    scaler = m.thing("autoscaling/v2", "HorizontalPodAutoscaler", "moved", spec={
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "moved"},
        "minReplicas": 2, "maxReplicas": 3})
    rollout = rollouts.referring("moved", rollouts.CANARY)
    rollout["spec"]["workloadRef"]["scaleDown"] = "onsuccess"
    return files("moved", m.deployment("moved", "test/moved:1", replicas=2), scaler, rollout,
                 namespace="default", prune=True)


class RealRollouts(KubeStory):
    repo_more = {"write": "direct"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.controller = rollouts.Rollouts(cls.folder, cls.cluster)
        cls.plugin = rollouts.Plugin(cls.admin)

    def rollout(self, name="web"):
        try:
            return self.admin.get("Rollout", name, rollouts.API)
        except KubeError:
            return {}  # not applied yet

    def wait_phase(self, name, phase, image):
        """Of two changes in a moment its controller may miss the second: then it is shown again."""
        def is_so():
            nonlocal shown
            item = self.rollout(name)
            status = item.get("status", {})
            if status.get("observedGeneration") != str(item["metadata"]["generation"]):
                if time.monotonic() - shown > AGAIN:
                    shown = time.monotonic()
                    self.plugin.show_again(name)
                raise AssertionError(status)
            assert status["phase"] == phase and self.image(name) == image, status
            return status
        shown = time.monotonic()
        return wait_for(is_so, SOON, f"{name} to be {phase} with {image}", 0.1)

    def container(self, name="web"):
        return self.rollout(name)["spec"]["template"]["spec"]["containers"][0]

    def image(self, name="web"):
        return self.container(name)["image"]

    def events(self, kind, **wanted):
        return [row for row in super().events(kind)
                if all(row[k] == v for k, v in wanted.items())]

    def wait_event(self, kind, **wanted):
        return wait_for(lambda: self.events(kind, **wanted), SOON, f"{kind} {wanted}", 0.1)[-1]

    def holds(self):
        """Paths of the Holds in Git, where we stand then."""
        self.repo.git("fetch", "--quiet", "origin")
        self.repo.git("reset", "--quiet", "--hard", "origin/main")
        return self.repo.git("ls-tree", "-r", "--name-only", "HEAD", "holds").split()

    def pods_of(self, image):
        """How many pods ReplicaSets with this image want."""
        return sum(item["spec"]["replicas"] for item in self.admin.list("ReplicaSet", "default")
                   if item["spec"]["template"]["spec"]["containers"][0]["image"] == image)

    def abort_until(self, name, condition):
        """Aborts, again if its controller missed it; returns when it did last."""
        def is_so():
            nonlocal asked
            if time.monotonic() - asked > AGAIN:
                asked = time.monotonic()
                self.plugin.abort(name)
            return condition()
        asked = 0.0
        wait_for(is_so, SOON, f"{name} to be aborted", 0.1)
        return asked

    def values_of(self, image):
        """What A is in ReplicaSets with this image."""
        pods = [item["spec"]["template"]["spec"]["containers"][0]
                for item in self.admin.list("ReplicaSet", "default")]
        return {pod["env"][0]["value"] for pod in pods if pod["image"] == image}

    def abort(self, name, revision):
        """What comes of it: told as rejected, held in the cluster, a commit in Git."""
        aborted = self.abort_until(
            name, lambda: self.events("release.rejected", app=name, revision=revision))
        rejected = self.events("release.rejected", app=name)[-1]
        self.assertEqual((rejected["revision"], rejected["actor"], rejected["key"]),
                         (revision, rollouts.PLUGIN, f"Rollout.argoproj.io/default/{name}"))
        self.assertIn("RolloutAborted", rejected["message"])
        self.wait_phase(name, "Healthy", f"test/{name}:1")
        path, = wait_for(self.holds, SOON, "the Hold in Git", 0.2)
        self.assertRegex(path, rf"^holds/{name}/2-\w+\.yaml$")
        print(f"    in Git {time.monotonic() - aborted:.1f} s after it was aborted", flush=True)
        self.assertEqual(self.proof(), "same (real)")
        said = self.repo.git("log", "-1", "--format=%an|%(trailers:key=Holdfast-Actor,valueonly)", "origin/main")
        self.assertEqual(said.strip(), f"{ABORTED_BY}|{ABORTED_BY}")

    def proof(self):
        said = self.repo.git("log", "-1", "--format=%(trailers:key=Holdfast-Proof,valueonly)",
                             "origin/main")
        return said.strip()

    def promote(self, name, revision):
        def is_so():
            self.plugin.promote(name)
            return self.events("release.promoted", app=name, revision=revision)
        wait_for(is_so, SOON, f"{name} to be promoted", 1)

    def test_1_what_comes_first_is_promoted(self):
        self.deliver(rollouts.definitions())
        self.controller.start()
        type(self).first = self.deliver({**web("1", A="a"), **shop("1")})
        self.wait_event("release.promoted", app="web", revision=self.first)

    def test_2_what_is_aborted_is_kept_out_and_the_hold_starts_nothing(self):
        second = self.commit(web("2", A="a"))
        before = self.wait_phase("web", "Paused", "test/web:2")
        self.wait_event("release.started", app="web", revision=second)
        self.abort("web", second)
        mark = self.cluster.audit_mark()
        self.commit({"notes.txt": "x"})
        after = self.wait_phase("web", "Healthy", "test/web:1")
        self.assertEqual((after["stableRS"], after["currentPodHash"]), (before["stableRS"],) * 2)
        self.assertEqual((self.pods_of("test/web:1"), self.pods_of("test/web:2")), (2, 0))
        self.assertEqual(len(self.admin.list("ReplicaSet", "default")), 3)
        self.assertEqual(len(self.events("release.started", app="web")), 1)
        self.assert_written(mark, {})

    def test_3_all_else_lands_through_a_canary_of_its_own(self):
        edited = self.commit(web("2", A="b"))
        self.wait_phase("web", "Paused", "test/web:1")
        self.assertEqual(self.container()["env"], [{"name": "A", "value": "b"}])
        path, = self.holds()
        self.commit({path: None})
        wait_for(self.holds, SOON, "the Hold to come back", 0.2)
        self.assertEqual(self.proof(), "different (real: .spec.template.spec.containers[name=main]"
                                       ".env[name=A].value is not as in what runs)")
        self.promote("web", edited)
        self.assertEqual(self.pods_of("test/web:2"), 0)

    def test_4_a_newer_commit_in_the_second_of_the_failure_brings_nothing_back(self):
        third = self.commit(web("3", A="b"))
        self.wait_phase("web", "Paused", "test/web:3")
        self.hub.pause()
        newer = self.repo.push(web("3", A="c"), "while nobody hears of the failure")
        self.abort_until("web", lambda: self.agent.log_text().count("msg=rejected") == 2)
        self.hub.resume()
        self.hub.run("sync")
        self.wait_event("release.rejected", app="web", revision=third)
        self.wait_phase("web", "Paused", "test/web:1")
        self.promote("web", newer)
        self.assertEqual(self.values_of("test/web:3"), {"b"})
        self.assertEqual(self.container()["env"], [{"name": "A", "value": "c"}])

    def test_5_the_next_release_goes_through_and_ends_the_hold(self):
        wait_for(lambda: [path[:12] for path in self.holds()] == ["holds/web/3-"], SOON,
                 "the one Hold of what Git says", 0.2)
        fourth = self.commit(web("4", A="c"))
        self.wait_phase("web", "Paused", "test/web:4")
        waits = self.wait_event("release.waiting", app="web", revision=fourth)["message"]
        self.assertIn("to go on: kubectl argo rollouts promote web -n default", waits)
        wait_for(lambda: " waiting " in self.hub.run("show", f"{CLUSTER}:web").stdout, SOON, "show to say that it waits", 0.2)
        self.promote("web", fourth)
        self.assertNotIn(" waiting ", self.hub.run("show", f"{CLUSTER}:web").stdout)
        wait_for(lambda: not self.holds(), SOON, "the Hold to go", 0.2)

    def test_6_what_people_undo_is_told_and_is_no_hold(self):
        older = self.rollout()["spec"]["template"]
        older["spec"]["containers"][0]["image"] = "test/web:1"
        self.plugin.undo("web", older)
        undone = self.wait_event("release.undone", app="web")
        self.assertEqual(undone["actor"], rollouts.PLUGIN)
        self.wait_drift("Rollout.argoproj.io/default/web")
        self.assertEqual(self.holds(), [])

    def test_7_blue_green_is_kept_out_once_the_stable_one_serves(self):
        second = self.commit(shop("2"))
        self.wait_phase("shop", "Paused", "test/shop:2")
        self.abort("shop", second)
        status = self.rollout("shop")["status"]
        self.assertEqual(status["blueGreen"]["activeSelector"], status["stableRS"])
        third = self.commit(shop("3"))
        self.wait_phase("shop", "Paused", "test/shop:3")
        self.promote("shop", third)
        self.assertEqual([key for key, _ in self.drift() if key.startswith("Service/")], [])

    def routes(self):
        """What the VirtualService says: [(name, attempts, weights)]."""
        item = self.admin.get("VirtualService", "routed", rollouts.ISTIO)
        return [(route["name"], route.get("retries", {}).get("attempts"),
                 [to["weight"] for to in route["route"]]) for route in item["spec"]["http"]]

    def wait_routes(self, *wanted):
        wait_for(lambda: self.routes() == list(wanted), SOON, f"routes {wanted}", 0.1)

    @row(1, "has the field by right")
    def test_8_a_commit_in_mid_canary_leaves_its_routes_and_weights_alone(self):
        wait_for(lambda: not self.holds(), SOON, "the Hold to go", 0.2)
        first = self.deliver(routed("1"))
        self.wait_event("release.promoted", app="routed", revision=first)
        self.wait_routes(("main", 1, [100, 0]))
        second = self.commit(routed("2"))
        self.wait_phase("routed", "Paused", "test/routed:2")
        self.wait_routes(("testers", None, [100]), ("main", 1, [50, 50]))
        self.deliver(routed("2", attempts=5), stage="applied")
        self.wait_routes(("testers", None, [100]), ("main", 5, [50, 50]))
        self.assertEqual([key for key, _ in self.drift() if "routed" in key], [])
        status = self.rollout("routed")["status"]
        self.assertEqual((status["phase"], status["canary"]["weights"]["canary"]["weight"]),
                         ("Paused", 50))
        self.promote("routed", second)
        self.wait_routes(("main", 5, [100, 0]))
        self.assertEqual([key for key, _ in self.drift() if "routed" in key], [])

    @row(16, "has pods replaced")
    def test_9_pods_that_people_have_replaced_are_told_and_are_no_drift(self):
        self.plugin.restart("routed")
        restarted = self.wait_event("release.restarted", app="routed")
        self.assertEqual(restarted["actor"], rollouts.PLUGIN)
        self.assertIn("argo-rollouts was told to replace the pods of ", restarted["message"])
        self.assertEqual([key for key, _ in self.drift() if "routed" in key], [])

    def test_a_release_of_a_deployment_that_a_rollout_refers_to_is_kept_out(self):
        def image():
            return self.find("Deployment", "referred")["spec"]["template"]["spec"]["containers"][0][
                "image"]

        def wait_for_phase(phase):
            wait_for(lambda: self.rollout("referred").get("status", {}).get("phase") == phase, SOON,
                     f"referred to be {phase}", 0.1)

        first = self.deliver(referred("1"), stage="applied")
        promoted = self.wait_event("release.promoted", app="referred", revision=first)
        self.assertEqual(promoted["key"], "Deployment.apps/default/referred")
        second = self.commit(referred("2"))
        wait_for_phase("Paused")
        self.abort_until("referred", lambda: self.events("release.rejected", app="referred",
                                                         revision=second))
        path, = wait_for(self.holds, SOON, "the Hold in Git", 0.2)
        self.assertRegex(path, r"^holds/referred/2-\w+\.yaml$")
        self.assertEqual(self.proof(), "same (real)")
        wait_for(lambda: image() == "test/referred:1", SOON, "the template of before", 0.1)
        wait_for_phase("Healthy")
        self.assertEqual((self.pods_of("test/referred:1"), self.pods_of("test/referred:2")), (2, 0))

    def test_a_b_what_is_late_and_not_aborted_is_told_and_kept_nowhere(self):
        type(self).quick = self.deliver(quick("test/quick:1"))
        self.wait_event("release.promoted", app="quick", revision=self.quick)
        late = self.commit(quick("test/never-ready:2"))
        told = self.wait_event("release.timed_out", app="quick", revision=late)
        self.assertEqual((told["key"], told["actor"]), ("Rollout.argoproj.io/default/quick", CONTROLLER))
        status = self.rollout("quick")["status"]
        self.assertNotEqual(status["stableRS"], status["currentPodHash"])
        self.assertFalse(status.get("abort"))
        self.assertEqual(self.events("release.rejected", app="quick"), [])
        self.assertEqual([path for path in self.holds() if "/quick/" in path], [])

    def test_a_c_to_go_back_in_git_within_its_window_is_promoted_without_a_canary(self):
        third = self.commit(quick("test/quick:3"))
        self.wait_phase("quick", "Paused", "test/quick:3")
        self.wait_event("release.waiting", app="quick", revision=third)
        self.promote("quick", third)
        type(self).template = self.rollout("quick")["spec"]["template"]
        before = len(self.events("release.promoted", app="quick", revision=self.quick))
        back = self.commit(quick("test/quick:1"))
        wait_for(lambda: len(self.events("release.promoted", app="quick", revision=self.quick)) > before, SOON,
                 "the release that it was to be promoted once more", 0.1)
        self.wait_phase("quick", "Healthy", "test/quick:1")
        self.assertEqual(self.events("release.waiting", app="quick", revision=back), [])
        self.assertEqual(self.events("release.undone", app="quick"), [])
        self.assertEqual([path for path in self.holds() if "/quick/" in path], [])

    @row(26, "says `undo: hold`")
    def test_a_d_what_people_undo_is_held_where_the_app_says_so(self):
        self.deliver(quick("test/quick:1", undo="hold", drift="correct"))
        self.plugin.undo("quick", self.template)
        path, = wait_for(lambda: [path for path in self.holds() if "/quick/" in path], SOON, "the Hold in Git", 0.2)
        self.assertRegex(path, r"^holds/quick/1-\w+\.yaml$")
        self.assertEqual(self.proof(), "same (real)")
        said = self.repo.git("log", "-1", "--format=%an|%s", "origin/main")
        self.assertEqual(said.strip(), f"{ABORTED_BY}|hold(quick): 3 on 1 cluster, undone by hand from 1")
        self.wait_phase("quick", "Paused", "test/quick:3")  # for its controller it is a release
        wait_for(lambda: not [key for key, _ in self.drift() if "quick" in key], SOON, "no drift", 0.2)

    def test_b_what_a_rollout_left_with_no_replicas_has_them_again_though_an_autoscaler_has_them(self):
        def replicas():
            item = self.find("Deployment", "moved")
            return item and item["spec"]["replicas"]

        self.commit(moved())
        wait_for(lambda: replicas() == 0, SOON, "its Rollout to have taken over", 0.2)
        self.commit({"apps/moved/rollout-moved.yaml": None})
        wait_for(lambda: replicas() == 2, SOON, "the replicas that Git says", 0.2)
        wait_for(lambda: not [key for key, _ in self.drift() if "moved" in key], SOON, "no drift", 0.2)

    def test_c_what_was_rejected_before_holdfast_came_is_kept_out_too(self):
        def template():
            return self.rollout("old")["spec"]["template"]

        def put(version, **env):
            item = rollouts.rollout("old", f"test/old:{version}", rollouts.CANARY, **env)
            item["metadata"]["namespace"] = "default"
            return item

        # Somebody else has rolled both out, and what Git says was aborted; nobody reverted that.
        self.admin.apply(put("1", A="a"), manager="argocd-controller")
        self.wait_phase("old", "Healthy", "test/old:1")
        self.admin.apply(put("2", A="a"), manager="argocd-controller")
        self.wait_phase("old", "Paused", "test/old:2")
        self.abort_until("old", lambda: self.rollout("old")["status"].get("phase") == "Degraded")
        stable = self.rollout("old")["status"]["stableRS"]
        revision = self.commit(files("old", put("2", A="a"), namespace="default", adopt=True))
        self.wait_event("release.rejected", app="old", revision=revision)
        self.wait_event("release.held", app="old")
        path, = wait_for(lambda: [p for p in self.holds() if "/old/" in p], SOON, "the Hold", 0.2)
        self.assertRegex(path, r"^holds/old/2-\w+\.yaml$")
        self.assertEqual(self.proof(), "same (real)")
        status = self.wait_phase("old", "Healthy", "test/old:1")
        self.assertEqual((status["stableRS"], status["currentPodHash"]), (stable, stable))
        self.commit(files("old", put("2", A="b"), namespace="default", adopt=True))
        self.wait_phase("old", "Paused", "test/old:1")
        self.assertEqual(template()["spec"]["containers"][0]["env"], [{"name": "A", "value": "b"}])
        self.assertEqual(self.pods_of("test/old:2"), 0)

    @row(13, "where the agent only observes", "goes back + observes", "Hold + observes")
    def test_c_an_agent_that_only_observes_tells_what_is_aborted_and_holds_nothing(self):
        key = "Rollout.argoproj.io/default/seen"

        def roll_out(version):
            """First Git says it, then somebody else applies it. Returns the commit."""
            item = rollouts.rollout("seen", f"test/seen:{version}", rollouts.CANARY)
            item["metadata"]["namespace"] = "default"
            revision = self.commit(files("seen", item, namespace="default"))
            if version == "1":
                self.wait_object(key, health="missing")
            else:  # what differed before may still be told
                wait_for(lambda: [row for row in self.hub.get("drift") if row["key"] == key and
                                  f"test/seen:{version}" in row["desired"]], SOON, "the agent to have it", 0.1)
            self.admin.apply(item, manager="argocd-controller")
            return revision

        self.agent.terminate()
        type(self).agent = Agent(self.folder, self.hub, CLUSTER, self.hub.join_token(CLUSTER, True),
                                 driver="kube", kubeconfig=self.cluster.token_kubeconfig("agent"),
                                 options=("--mode", "observe")).start()
        self.wait_connected()
        mark = self.cluster.audit_mark()
        first = roll_out("1")
        promoted = self.wait_event("release.promoted", app="seen")
        self.assertEqual((promoted["revision"], promoted["actor"]), (first, "rollouts-controller"))
        second = roll_out("2")
        self.wait_event("release.started", app="seen", revision=second)
        self.abort_until("seen", lambda: self.events("release.rejected", app="seen"))
        rejected = self.wait_event("release.rejected", app="seen")
        self.assertEqual(rejected["revision"], second)
        self.assertIn("only observes, so nothing keeps it out", rejected["message"])
        self.assertRegex(self.hub.run("log", "--kind", "rejected").stdout,
                         rf"rejected +seen +{second[:8]} ")
        self.assertIn("argo-rollouts rejected", self.hub.run("why", f"{CLUSTER}:seen").stdout)
        third = roll_out("3")
        self.wait_event("release.started", app="seen", revision=third)
        self.assertEqual([row["app"] for row in self.hub.get("holds") if row["app"] == "seen"], [])
        self.assertEqual(self.events("release.not_held", app="seen"), [])
        self.assert_written(mark, {})


if __name__ == "__main__":
    story.main()
