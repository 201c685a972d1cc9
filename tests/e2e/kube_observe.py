#!/usr/bin/env python3
"""An agent that only observes, beside what Flux applied: it tells how that is and how it differs from
Git, and by whom, and writes nothing, though it might. Then the same with rights that only read, as
`holdfast enroll --mode observe` prints them, and at last as the agent that applies.
"""
import hashlib
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
from support.kwok import DIGEST  # noqa: E402
from support.wins import row  # noqa: E402

FLUX = "kustomize-controller"
LABELS = {"kustomize.toolkit.fluxcd.io/name": "apps",
          "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
ACCOUNT = "holdfast-system/holdfast-agent"
RBAC = "rbac.authorization.k8s.io"
WORDS = m.config_map("words", colour="green")
FOUND = "kustomization.flux-system.apps"


def web(image="example.com/web:1"):
    made = m.deployment("web", image=image)
    made["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "PASSWORD", "value": "hunter2"}]
    made["metadata"]["annotations"] = {"example.com/token": "hunter2"}
    return made


WEB = web()
SHOP = files("shop", WORDS, WEB, m.service("web"), m.config_map("absent", x="1"),
             namespace="default", drift="correct", showValues=["colour"])


def theirs(item):
    """The object as Flux applied it."""
    made = json.loads(json.dumps(item))
    made["metadata"].update(namespace="default", labels=LABELS)
    return made


class Observe(KubeStory):
    mark = None

    @classmethod
    def make_agent(cls):
        cls.admin.apply(*(theirs(item) for item in (WORDS, WEB, m.service("web"))), manager=FLUX)
        cls.mark = cls.cluster.audit_mark()
        return cls.observer(cls.cluster.token_kubeconfig("agent"))

    @classmethod
    def observer(cls, kubeconfig, mode="observe", again=False):
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER, again), driver="kube",
                     kubeconfig=kubeconfig, options=("--mode", mode))

    def next_agent(self, kubeconfig, mode):
        """Another process, with the disk of the one before."""
        self.agent.terminate()
        type(self).agent = self.observer(kubeconfig, mode, again=True).start()
        self.wait_connected()

    def state(self, *words):
        """What Git says of the state repository; "" for nothing."""
        return subprocess.run(["git", "-C", self.hub.data / "data" / "state.git", *words],
                              capture_output=True, text=True, timeout=60, check=False).stdout

    def state_file(self, key, cluster=CLUSTER, group=FOUND):
        """What the branch `actual` has of an object; "" for nothing."""
        kind, namespace, name = key.split("/")
        half = hashlib.sha256(cluster.encode()).hexdigest()[:2]
        return self.state("show", f"actual:{half}/{cluster}/{group}/{namespace}/{kind}.{name}.json")

    def past(self, *words):
        """What `holdfast log` and the like say, as a list."""
        return json.loads(self.hub.run(*words, "-o", "json").stdout)["items"]

    def assert_nothing_written(self):
        for user in ("agent", f"system:serviceaccount:{ACCOUNT.replace('/', ':')}"):
            self.assertEqual(self.cluster.writes(user, self.mark), {})

    def test_0_what_runs_is_told_before_git_names_any_of_it(self):
        """Who has only enrolled sees what he has: a group by what Flux calls it."""
        key = "Deployment.apps/default/web"
        self.cluster.wait_for(lambda: [(row["app"], row["health"], row["objects"])
                                       for row in self.hub.get("observed")]
                              == [(FOUND, "healthy", 1)], 60, "what was found")
        self.assertFalse(self.hub.get("status"))
        self.wait_object(key, app=FOUND, health="healthy")
        self.assertEqual(self.drift(), {})
        where = self.cluster.wait_for(lambda: self.past("where", f"example.com/web@{DIGEST}"))
        self.assertEqual(where[0]["digests"], [f"example.com/web:1@{DIGEST}"])  # which its pods run
        where = self.cluster.wait_for(lambda: self.past("where", "example.com/web:1"))
        self.assertEqual([(row["app"], row["names"], row["drifted"]) for row in where],
                         [(FOUND, [CLUSTER], 0)])
        shown, = self.past("show", f"{CLUSTER}:{FOUND}")
        self.assertEqual((shown["state"], shown["images"]), ("observed", ["example.com/web:1"]))
        told = self.cluster.wait_for(lambda: self.state_file(key), what="the state repository")
        self.assertIn("example.com/web:1", told)
        self.assertNotIn("hunter2", told)
        self.assertIn("hmac:", told)
        self.admin.apply(theirs(web("example.com/web:2")), manager=FLUX)
        self.cluster.wait_for(lambda: "example.com/web:2" in self.state_file(key))
        logged = self.cluster.wait_for(
            lambda: [row for row in self.past("log", f"{CLUSTER}:{FOUND}")
                     if row["kind"] == "release" and row.get("images") == ["example.com/web:2"]])
        self.assertEqual(len(logged), 1)
        self.admin.apply(theirs(WEB), manager=FLUX)
        self.cluster.wait_for(lambda: "example.com/web:1" in self.state_file(key))

    def test_1_what_git_names_is_told_as_it_is_and_never_as_applied(self):
        self.commit(SHOP)
        self.wait_status("shop", 60, applied="observed", health="missing", upToDate=False)
        self.wait_object("Deployment.apps/default/web", 60, health="healthy")
        self.wait_object("ConfigMap/default/words", health="healthy")
        self.wait_object("ConfigMap/default/absent", health="missing")
        self.assertEqual(self.drift(), {})
        claimed, = self.cluster.wait_for(lambda: self.events("app.claimed"))
        self.assertEqual((claimed["app"], claimed["message"]),
                         (FOUND, "App 'shop' in Git has it now"))
        self.assertFalse(self.events("app.removed"))
        self.assertFalse(self.hub.get("observed"))
        self.admin.apply(theirs(m.config_map("absent", x="1")), manager=FLUX)
        self.wait_status("shop", health="healthy", applied="observed")
        row, = self.hub.get("clusters")
        self.assertEqual((row["mode"], row["applied"], row["healthy"]), ("observe", 0, 0))
        self.assertRegex(self.hub.run("describe", "cluster", CLUSTER).stdout, r"Mode: +observe")
        self.assertIn("1 observed", self.hub.run("fleet", "health", check=False).stdout)

    @row(3, "only observes", "report + observes")
    def test_2_drift_names_the_manager_and_is_not_corrected(self):
        self.admin.patch("ConfigMap", "words", {"data": {"colour": "red"}}, manager="kubectl-edit")
        row = self.wait_drift("ConfigMap/default/words", "data.colour")
        self.assertEqual([row[name] for name in ("desired", "actual", "manager")],
                         ['"green"', '"red"', "kubectl-edit"])
        self.admin.patch("ConfigMap", "words", {"data": {"colour": "green"}}, manager="kubectl-edit")
        self.wait_no_drift()

    def test_3_so_does_what_git_says_and_flux_does_not(self):
        newer = web("example.com/web:2")
        self.commit({path("shop", newer): m.text(newer)})
        row = self.wait_drift("Deployment.apps/default/web")
        self.assertRegex(row["path"], r"containers\[name=\w+\]\.image$")
        self.assertEqual((row["actual"], row["manager"]), ('"example.com/web:1"', FLUX))
        self.admin.apply(theirs(newer), manager=FLUX)
        self.wait_no_drift()
        self.wait_status("shop", 60, health="healthy")

    def test_4_what_leaves_git_is_no_longer_told_and_stays(self):
        self.commit({path("shop", WORDS): None, **files("other", m.config_map("none", x="1"),
                                                        namespace="default")})
        self.wait_status("other", health="missing")
        self.cluster.wait_for(lambda: not self.object_report("ConfigMap/default/words"))
        self.repo.git("rm", "-r", "--quiet", "apps/other")
        self.commit({}, "an App leaves")
        self.cluster.wait_for(lambda: not self.status("other"), what="the hub to forget it")
        self.assertTrue(self.find("ConfigMap", "words"))
        self.assert_nothing_written()

    def test_5_rights_to_read_are_enough(self):
        printed = self.hub.run("enroll", CLUSTER, "--again", "--manifests", "--image", "test/agent:1",
                               "--mode", "observe").stdout.split("\n---\n")
        self.assertFalse([text for text in printed if re.search(r"^kind: Role$", text, re.M)])
        role, = (text for text in printed if re.search(r"^kind: ClusterRole$", text, re.M))
        self.admin.request("PATCH", self.admin.path("ClusterRole", "holdfast-agent", f"{RBAC}/v1")
                           + "?fieldManager=test", role, "application/apply-patch+yaml")
        self.next_agent(self.cluster.service_account_kubeconfig(ACCOUNT, role="holdfast-agent"),
                        "observe")
        self.admin.patch("ConfigMap", "absent", {"data": {"x": "2"}}, manager="kubectl-edit")
        self.wait_drift("ConfigMap/default/absent", "data.x")
        self.wait_status("shop", applied="observed", health="healthy")
        self.assert_nothing_written()

    def test_6_the_same_agent_may_apply_one_day(self):
        self.next_agent(self.cluster.token_kubeconfig("agent"), "apply")
        self.deliver({"apps/shop/app.yaml": m.text(m.app("shop", namespace="default", adopt=True,
                                                         prune=True))})
        self.assertIn("holdfast.dev/app", self.find("ConfigMap", "absent")["metadata"]["labels"])
        self.assertEqual(self.find("ConfigMap", "absent")["data"], {"x": "1"})
        self.assertEqual(self.hub.get("clusters")[0]["mode"], "apply")

    def test_7_so_is_what_runs_on_a_cluster_that_git_does_not_name(self):
        """Of which nothing is desired: that is said so, and nothing there is wrong."""
        group, image = "app.default.loner", "example.com/loner:1"
        made = m.deployment("loner", image=image)
        made["metadata"]["namespace"] = "default"
        self.admin.apply(made, manager="kubectl-create")
        stray = Agent(self.folder, self.hub, "stray", self.hub.join_token("stray"), driver="kube",
                      kubeconfig=self.cluster.token_kubeconfig("agent"),
                      options=("--mode", "observe")).start()
        where = self.cluster.wait_for(lambda: self.past("where", image))
        self.assertEqual([(row["app"], row["names"], row["drifted"]) for row in where],
                         [(group, ["stray"], 0)])
        shown = self.cluster.wait_for(lambda: [row for row in self.past("show", f"stray:{group}")
                                               if row["state"] == "observed"])
        self.assertEqual([(row.get("desired"), row["images"]) for row in shown], [(None, [image])])
        kinds = {row["kind"] for row in self.past("log", f"stray:{group}")}
        self.assertIn("release", kinds)
        self.assertLessEqual(kinds, {"release", "healthy", "degraded"})  # nothing is `drifted`
        told = self.cluster.wait_for(
            lambda: self.state_file("Deployment.apps/default/loner", "stray", group))
        self.assertIn(image, told)
        changed = [line.split("\t") for line in
                   self.state("diff", "--name-status", "desired", "actual").splitlines()
                   if "/stray/" in line]
        self.assertEqual({kind for kind, _ in changed}, {"A"}, changed)
        self.assertEqual(self.hub.get("drift", "--cluster", "stray"), [])
        stray.terminate()


if __name__ == "__main__":
    story.main()
