#!/usr/bin/env python3
"""A real Flagger and plain images, step by step: what fails on one of three clusters is one commit that
starts nothing; all else lands on the good image through a canary of its own; what comes next may fail,
too; who fails forward is left alone; a stream of bad releases is frozen; an autoscaler is not fought;
weights that are set by hand on an idle canary are drift, and what a canary had is Git's when it goes; a
cluster that is built anew begins with what was promoted. The Apps' canaries run at the same time."""
import json
import pathlib
import re
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import flagger, manifests as m, story  # noqa: E402
from support.kubeclient import KubeError  # noqa: E402
from support.kubestory import CLUSTER, SOON, KubeStory, files  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import Sim, cluster  # noqa: E402
from support.wins import row  # noqa: E402

API = "flagger.app/v1beta1"
ISTIO = "networking.istio.io/v1"
ROUTE = "VirtualService.networking.istio.io/default/routed"
PART_OF = "applyset.kubernetes.io/part-of"
CANARY_SECONDS = 120  # some intervals of ten seconds, on a busy machine
STAMP = "ci.example.com/commit"
HERE = {"targets": [{"cluster": CLUSTER}]}
SCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "scaled"}
AT_LEAST, AT_MOST = 3, 5
FROM_GIT = 2  # replicas
BY_HAND = [70, 30]  # weights


def workload(name, image, *, env=None, stamp=None, **spec):
    item = m.deployment(name, image, replicas=FROM_GIT, **spec)
    template = item["spec"]["template"]
    template["spec"]["containers"][0]["env"] = [
        {"name": key, "value": value} for key, value in {"A": "a", **(env or {})}.items()]
    if stamp:
        template["metadata"]["annotations"] = {STAMP: stamp}
    return item


class Canaries(KubeStory):
    repo_more = {"write": "direct"}
    hub_options = ("--breaker-releases", "2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gate = flagger.Gate().start()
        cls.flagger = flagger.Flagger(cls.folder, cls.cluster)
        group = m.thing("holdfast/v1alpha1", "ClusterGroup", "prod", spec={"clusterSelector": {}})
        cls.repo.push({**cluster("sim1"), **cluster("sim2"), "groups/prod.yaml": m.text(group)},
                      "two more clusters")
        cls.hub.run("sync")
        wait_for(lambda: len(cls.hub.get("clusters")) == 3, SOON, "the hub to know them", 0.1)
        tokens = cls.folder / "sim.tokens"
        tokens.write_text(cls.hub.run("enroll", "sim1", "sim2", "--tokens").stdout, encoding="utf-8")
        cls.sim = Sim(cls.folder, cls.hub, tokens)
        cls.sim.start()

    # What is committed

    def web(self, version, analyse=True, **how):
        return files("web", workload("web", f"test/web:{version}", **how),
                     flagger.canary("web", self.gate, max_weight=20, skipAnalysis=not analyse),
                     namespace="default")

    def shaky(self, version):
        return files("shaky", workload("shaky", f"test/shaky:{version}"),
                     flagger.canary("shaky", self.gate), namespace="default", **HERE)

    def forward(self, image):
        """Its Deployments have to come up in a while."""
        return files("forward", workload("forward", image, progressDeadlineSeconds=25),
                     flagger.canary("forward", self.gate), namespace="default", **HERE)

    def scaled(self, version):
        """With an autoscaler, whose pods Flagger takes over."""
        scaler = m.thing(SCALER["apiVersion"], SCALER["kind"], "scaled", spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
            "minReplicas": AT_LEAST, "maxReplicas": AT_MOST})
        return files("scaled", workload("scaled", f"test/scaled:{version}"), scaler,
                     flagger.canary("scaled", self.gate, autoscalerRef=SCALER), namespace="default",
                     prune=True, **HERE)

    def routed(self, version, alone=False, drift="report"):
        """With the route that Flagger makes otherwise, in the form that it wants, all to the primary."""
        labels = self.find("CustomResourceDefinition", "canaries.flagger.app")["metadata"]["labels"]
        spec = {"service": {"port": 80, "apex": {"labels": {
            PART_OF: labels[PART_OF], "holdfast.dev/app": "routed"}}}}
        hosts = [{"destination": {"host": f"routed-{of}"}, "weight": weight}
                 for of, weight in (("primary", 100), ("canary", 0))]
        route = m.thing(ISTIO, "VirtualService", "routed", spec={
            "hosts": ["routed"], "gateways": ["mesh"], "http": [{"route": hosts}]})
        made = files("routed", workload("routed", f"test/routed:{version}"), route,
                     flagger.canary("routed", self.gate, max_weight=20, **spec),
                     namespace="default", prune=True, drift=drift, **HERE)
        return {name: None if alone and name.endswith("canary-routed.yaml") else text
                for name, text in made.items()}

    def follow(self):
        self.repo.git("fetch", "--quiet", "origin")
        self.repo.git("reset", "--quiet", "--hard", "origin/main")

    def commit(self, changes, message="change"):
        self.follow()  # the hub's Holds, too
        return super().commit(changes, message)

    # What is there

    def canary(self, name="web"):
        try:
            return self.admin.get("Canary", name, API).get("status", {})
        except KubeError:
            return {}  # not applied yet

    def wait_canary(self, name, **wanted):
        def is_so():
            status = self.canary(name)
            assert all(status.get(key) == value for key, value in wanted.items()), status
            return status
        return wait_for(is_so, CANARY_SECONDS, f"the canary of {name} to be {wanted}", 0.1)

    def advances(self, name):
        """The weights that Flagger gave a canary, as it logged them."""
        return re.findall(rf"Advance {name}\.default canary weight (\d+)", self.flagger.log_text())

    def weights(self):
        (route,) = self.find("VirtualService", "routed", ISTIO)["spec"]["http"]
        return [one.get("weight", 0) for one in route["route"]]

    def replicas(self, name):
        return self.find("Deployment", name)["spec"]["replicas"]

    def container(self, name="web"):
        return self.find("Deployment", name)["spec"]["template"]["spec"]["containers"][0]

    def image(self, name="web"):
        return self.container(name)["image"]

    def wait_image(self, name, image):
        wait_for(lambda: self.image(name) == image, SOON, f"{name} to have {image}", 0.1)

    def values_of(self, image):
        """The environments of all ReplicaSets that ever had this image."""
        pods = [item["spec"]["template"]["spec"]["containers"][0]
                for item in self.admin.list("ReplicaSet", "default")]
        return [{one["name"]: one["value"] for one in pod["env"]} for pod in pods if pod["image"] == image]

    def pods_of(self, image):
        """How many pods ReplicaSets with this image want."""
        return sum(item["spec"]["replicas"] for item in self.admin.list("ReplicaSet", "default")
                   if item["spec"]["template"]["spec"]["containers"][0]["image"] == image)

    def on_sims(self):
        made = [self.sim.object(name, "Deployment.apps/default/web") for name in ("sim1", "sim2")]
        return [item and item["spec"]["template"]["spec"]["containers"][0]["image"] for item in made]

    def events(self, kind, **wanted):
        return [row for row in super().events(kind)
                if all(row[key] == value for key, value in wanted.items())]

    def wait_event(self, kind, **wanted):
        return wait_for(lambda: self.events(kind, **wanted), CANARY_SECONDS,
                        f"the event {kind} {wanted}", 0.1)[-1]

    def holds(self, name="web"):
        """{path: text} of the App's Holds in Git."""
        self.repo.git("fetch", "--quiet", "origin")
        paths = self.repo.git("ls-tree", "-r", "--name-only", "origin/main", f"holds/{name}").split()
        return {path: self.repo.git("show", f"origin/main:{path}") for path in paths}

    def wait_hold(self, name, release):
        """The text of the one Hold of a release."""
        def is_so():
            found = [text for path, text in self.holds(name).items()
                     if path.startswith(f"holds/{name}/{release}-")]
            assert found, self.holds(name).keys()
            return found
        text, = wait_for(is_so, CANARY_SECONDS, f"the Hold of {name} {release} in Git", 0.1)
        return text

    def wait_no_hold(self, name):
        wait_for(lambda: not self.holds(name), SOON, "the Holds to go", 0.2)

    def commits(self, start):
        said = self.repo.git("log", "--format=%s", "origin/main").splitlines()
        return [line for line in said if line.startswith(start)]

    def started(self, name="web"):
        return [row["revision"] for row in self.events("release.started", app=name)]

    def started_since(self, revision):
        """What began from a commit on: the hub's own next one may be taken in together with it."""
        self.repo.git("fetch", "--quiet", "origin")
        since = self.repo.git("rev-list", f"{revision}^..origin/main").split()
        return [row for row in self.started() if row in since]

    def written_to(self, name, since):
        """Writes of the agent to an App's objects after a mark."""
        return [(verb, path) for verb, path in self.cluster.written("agent", since)
                if path.endswith(f"/{name}")]

    def shown(self, which):
        """What is shown: {cluster: (state, desired, actual, images, weight)}"""
        items = json.loads(self.hub.run("show", which, "-o", "json").stdout)["items"]
        return {name: (item["state"], item["desired"]["revision"], item["actual"]["revision"],
                       item["images"], item.get("weight")) for item in items for name in item["names"]}

    # The story

    def test_1_first_releases_are_initialized(self):
        self.deliver(flagger.definitions())
        self.flagger.start()
        type(self).first = self.commit({
            **self.web("1"), **self.shaky("1"), **self.forward("test/forward:1"), **self.scaled("1"),
            **self.routed("1"),
            **files("beside", m.config_map("beside", a="1"), namespace="default", **HERE)})
        for name in ("web", "shaky", "forward", "scaled", "routed"):
            self.wait_canary(name, phase="Initialized")
            self.wait_event("release.promoted", app=name, revision=self.first)
        self.assertEqual(self.drift(), {})

    def test_1b_weights_that_flagger_has_are_no_drift(self):
        self.assertEqual((self.weights(), self.replicas("routed")), ([100, 0], 0))
        self.assertEqual(self.drift(), {})
        routes = self.find("VirtualService", "routed", ISTIO)["spec"]["http"]
        for one, weight in zip(routes[0]["route"], BY_HAND):
            one["weight"] = weight
        self.admin.patch("VirtualService", "routed", {"spec": {"http": routes}}, api_version=ISTIO)

    @row(1, "has the field by right", "another's by right + goes back", "another's by right + Hold")
    def test_2_what_fails_on_one_of_three_clusters_is_one_commit_that_starts_nothing(self):
        self.gate.left.update(web=1, shaky=0)
        type(self).mark = self.cluster.audit_mark()
        second = self.commit({**self.web("2"), **self.shaky("2"), **self.scaled("2"),
                              **self.forward("test/sick-as-primary:2")})
        type(self).second = second
        self.wait_event("release.weight", app="web")
        told = min(row["atMs"] for row in self.events("release.weight", app="web"))
        type(self).during = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(told // 1000)) +
                             f".{told % 1000:03}Z")
        self.wait_canary("web", phase="Progressing", canaryWeight=20)
        self.wait_canary("web", phase="Failed", canaryWeight=0)
        self.assertEqual(self.advances("web"), ["10", "20"])
        hold = self.wait_hold("web", "2")
        self.assertIn(f"  clusters:\n  - {CLUSTER}\n", hold)
        self.assertNotIn("sim", hold)
        self.assertEqual(len(self.commits("hold(web)")), 1)
        done = self.wait_event("write.done", app="web")["atMs"]
        seen = min(row["atMs"] for row in self.events("release.rejected", app="web"))
        print(f"from Flagger's word to the commit: {(done - seen) / 1000:.1f} s", flush=True)
        self.assertEqual(len(self.holds("web")), 1)
        self.wait_image("web", "test/web:1")
        wait_for(lambda: self.canary()["lastAppliedSpec"] == self.canary()["lastPromotedSpec"],
                 CANARY_SECONDS, "Flagger to take it for what it promoted", 0.5)
        mark = self.cluster.audit_mark()
        self.wait_until(self.commit(files("beside", m.config_map("beside", a="2"),
                                          namespace="default", **HERE)))
        wait_for(lambda: ("patch", "/api/v1/namespaces/default/configmaps/beside")
                 in self.written_to("beside", mark), SOON, "the audit log", 0.1)
        self.assertEqual((self.replicas("web"), [key for key, _ in self.drift() if key.endswith("/web")]), (0, []))
        self.assertEqual(self.written_to("web", mark), [])
        self.assertEqual(self.started(), [second])
        self.assertEqual(self.on_sims(), ["test/web:2"] * 2)

    def test_3_all_else_lands_on_the_good_image_through_a_canary(self):
        del self.gate.left["web"]
        self.wait_hold("shaky", "2")
        self.wait_image("shaky", "test/shaky:1")
        edited = self.commit({**self.web("2", env={"B": "b"}, stamp="4711"), **self.shaky("3")})
        self.gate.left["shaky"] = 0
        self.wait_event("release.started", app="web", revision=edited)
        self.wait_event("release.promoted", app="web", revision=edited)
        primary = self.find("Deployment", "web-primary")["spec"]["template"]
        self.assertEqual(primary["metadata"]["annotations"][STAMP], "4711")
        self.assertEqual((self.image("web-primary"), self.container("web-primary")["env"]), (
            "test/web:1", [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}]))
        self.assertEqual(self.pods_of("test/web:2"), 0)
        self.assertEqual(self.values_of("test/web:2"), [{"A": "a"}])
        self.assertEqual(self.started(), [self.second, edited])

    def test_4_who_fails_forward_is_left_alone(self):
        self.wait_canary("forward", phase="Failed", canaryWeight=100)
        failed = self.wait_event("release.failed_forward", app="forward")
        self.assertEqual((failed["revision"], failed["actor"]), (self.second, "flagger"))
        self.assertEqual(len(self.events("release.failed_forward")), 1)
        self.assertEqual(self.image("forward"), "test/sick-as-primary:2")
        self.assertEqual(self.holds("forward"), {})
        self.assertEqual(self.events("release.rejected", app="forward"), [])
        row = self.status("forward")
        self.assertEqual(row["held"], "")
        self.assertRegex(row["needsHuman"], r"^Deployment\.apps/default/forward: flagger .*"
                         r": commit another release, or the one before$")
        self.assertIn(row["needsHuman"].partition(": ")[2], self.hub.run("get", "problems").stdout)

    def test_4b_weights_set_by_hand_on_a_canary_that_is_idle_are_drift(self):
        row = self.wait_drift(ROUTE, timeout=CANARY_SECONDS)  # a minute after they were set
        self.assertEqual((row["manager"], self.weights()), ("kubectl-edit", BY_HAND))
        self.commit(self.routed("1", drift="correct"))
        wait_for(lambda: self.weights() == [100, 0], SOON, "the weights that Git says", 0.1)
        self.wait_no_drift()

    @row(2, "that controller goes")
    def test_4c_what_a_canary_had_in_the_middle_of_a_release_is_gits_when_it_goes(self):
        self.commit(self.routed("2", drift="correct"))
        self.wait_canary("routed", phase="Progressing", canaryWeight=10)
        self.assertEqual(self.weights(), [90, 10])
        self.commit(self.routed("2", alone=True, drift="correct"))
        self.cluster.wait_for(lambda: (self.weights(), self.replicas("routed"))
                              == ([100, 0], FROM_GIT), SOON, "the weights and replicas that Git says")
        self.wait_no_drift()

    def test_5_what_an_autoscaler_and_flagger_have_is_not_fought_and_ours_again_after_them(self):
        self.wait_event("release.promoted", app="scaled", revision=self.second)
        self.wait_canary("scaled", phase="Succeeded")
        replicas = self.find("Deployment", "scaled-primary")["spec"]["replicas"]
        self.assertEqual(replicas, AT_LEAST)
        self.assertEqual([key for key, _ in self.drift() if "scaled" in key], [])
        self.wait_status("scaled", applied="applied")
        self.assertEqual(self.written_to("scaled", self.mark),
                         [("patch", "/apis/apps/v1/namespaces/default/deployments/scaled")])
        self.assertEqual(self.replicas("scaled"), 0)
        self.commit({"apps/scaled/canary-scaled.yaml": None})
        self.cluster.wait_for(lambda: self.replicas("scaled") == AT_LEAST, CANARY_SECONDS,
                              "the autoscaler to have what Flagger left with no replicas")
        self.wait_no_drift()
        self.admin.patch("Deployment", "scaled", {"spec": {"replicas": 0}})
        workload_file = "apps/scaled/deployment-scaled.yaml"
        self.commit({workload_file: self.scaled("3")[workload_file]})
        self.wait_image("scaled", "test/scaled:3")
        self.assertEqual(self.replicas("scaled"), 0)  # as a person wants it
        self.commit({"apps/scaled/horizontalpodautoscaler-scaled.yaml": None})
        self.cluster.wait_for(lambda: self.replicas("scaled") == FROM_GIT, SOON,
                              "the replicas that Git says")
        self.wait_no_drift()

    def test_6_a_bot_that_pushes_the_rejected_one_again_changes_nothing(self):
        self.commit(self.web("1", env={"B": "b"}, stamp="4711"))
        self.wait_no_hold("web")
        before = self.started()
        mark = self.cluster.audit_mark()
        again = self.commit(self.web("2", env={"B": "b"}, stamp="4711"))
        self.wait_hold("web", "2")
        self.wait_until(again, "applied")
        self.assertEqual((self.image(), self.pods_of("test/web:2")), ("test/web:1", 0))
        self.assertEqual((self.started(), self.written_to("web", mark)), (before, []))

    def test_7_a_newer_commit_while_the_link_is_cut_brings_nothing_back(self):
        self.wait_hold("shaky", "3")
        self.wait_image("shaky", "test/shaky:1")
        self.gate.left.update(web=0, shaky=0)
        third = self.commit({**self.web("3", env={"B": "b"}, stamp="4712"), **self.shaky("4")})
        self.wait_canary("web", phase="Progressing", canaryWeight=10)
        self.hub.pause()
        self.wait_canary("web", phase="Failed")
        self.follow()
        newer = self.repo.push(self.web("3", env={"B": "c"}, stamp="4713"), "nobody hears of it")
        wait_for(lambda: len(re.findall("app=web .*msg=rejected", self.agent.log_text())) == 2, SOON,
                 "the agent to see it", 0.1)
        del self.gate.left["web"]
        self.hub.resume()
        self.hub.run("sync")
        self.wait_event("release.rejected", app="web", revision=third)
        self.assertIn(CLUSTER, self.wait_hold("web", "3"))
        wait_for(lambda: self.started_since(newer), CANARY_SECONDS, "its canary to begin", 0.2)
        self.assertEqual((self.image(), self.container()["env"][1]["value"]), ("test/web:1", "c"))
        self.assertEqual(self.values_of("test/web:3"), [{"A": "a", "B": "b"}])

    def breaker(self):
        rows = [row for row in self.hub.get("freezes") if row["source"] == "breaker"]
        return rows[0] if rows else None

    def test_8_a_stream_of_bad_releases_is_frozen_on_the_good_one(self):
        row = wait_for(self.breaker, CANARY_SECONDS, "the breaker", 0.2)
        self.assertEqual((row["app"], row["cluster"], row["actor"]), ("shaky", CLUSTER, "breaker"))
        wait_for(lambda: self.breaker()["stopped"] == 1, SOON, "the agent to have stopped", 0.1)
        self.assertEqual((self.image("shaky"), self.image("shaky-primary")), ("test/shaky:1",) * 2)
        before = self.started("shaky")
        mark = self.cluster.audit_mark()
        del self.gate.left["shaky"]
        fifth = self.commit({**self.shaky("5"), **files("beside", m.config_map("beside", a="3"),
                                                        namespace="default", **HERE)})
        wait_for(lambda: self.written_to("beside", mark), SOON, "another App to be applied", 0.1)
        self.wait_status("shaky", message="frozen by breaker")
        self.assertEqual((self.started("shaky"), self.written_to("shaky", mark)), (before, []))
        self.hub.run("unfreeze", row["name"])
        self.wait_event("release.started", app="shaky", revision=fifth)

    def test_9_another_release_is_rolled_out_and_its_holds_go(self):
        fourth = self.commit(self.web("4", analyse=False, env={"B": "c"}, stamp="4714"))
        self.wait_event("release.promoted", app="web", revision=fourth)
        self.wait_no_hold("web")
        self.assertEqual((self.image(), self.image("web-primary")), ("test/web:4",) * 2)
        self.assertEqual((self.pods_of("test/web:2"), self.pods_of("test/web:3")), (0, 0))

    def test_9b_a_bot_that_comes_late_leaves_what_was_promoted_since(self):
        before = self.started()
        mark = self.cluster.audit_mark()
        again = self.commit(self.web("2", analyse=False, env={"B": "c"}, stamp="4714"))
        self.assertIn("use: test/web:4", self.wait_hold("web", "2"))
        self.wait_until(again, "applied")
        self.assertEqual((self.image(), self.image("web-primary")), ("test/web:4",) * 2)
        self.assertEqual((self.started(), self.written_to("web", mark)), (before, []))
        self.commit(self.web("4", analyse=False, env={"B": "c"}, stamp="4714"))
        self.wait_no_hold("web")

    def test_a_the_past_says_how_far_the_canary_was_and_why(self):
        at = f"@{{{self.during}}}"
        second = (self.second, self.second, ["test/web:2"])
        self.assertEqual(self.shown(f"prod:web{at}"), {
            CLUSTER: ("converging", *second, 10), "sim1": ("inSync", *second, None), "sim2": ("inSync", *second, None)})
        why = self.hub.run("why", f"{CLUSTER}:web{at}").stdout
        self.assertIn(f"flagger gave another share of the traffic to {self.second[:7]} (10 %)", why)
        self.assertIn(f"flagger promoted {self.first[:8]}: Deployment initialization completed.", why)

    def test_b_a_cluster_that_is_built_anew_during_a_canary_begins_with_what_was_promoted(self):
        fifth = self.commit(self.web("5", env={"B": "c"}, stamp="4715"))
        self.wait_canary("web", phase="Progressing", canaryWeight=10)
        self.agent.kill()
        for kind, name, version in (("Canary", "web", API), ("Deployment", "web", None)):
            self.admin.delete(kind, name, version)
        for name in ("web", "web-primary"):
            self.wait_gone("Deployment", name)
        wait_for(lambda: not self.values_of("test/web:5"), SOON, "nothing to be left of it", 0.1)
        before = self.started()
        shutil.rmtree(self.agent.data)
        type(self).agent = self.make_agent(again=True)
        self.agent.start()
        wait_for(lambda: self.started() == [*before, fifth], CANARY_SECONDS, "its canary to begin", 0.2)
        self.assertEqual(self.image("web-primary"), "test/web:4")
        first, second = sorted((item["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
                                item["spec"]["template"]["spec"]["containers"][0]["image"])
                               for item in self.admin.list("ReplicaSet", "default", "app=web"))
        self.assertEqual((first, second), (("1", "test/web:4"), ("2", "test/web:5")))


if __name__ == "__main__":
    story.main()
