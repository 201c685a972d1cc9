#!/usr/bin/env python3
"""An agent that only observes, beside a real Flux: what Flux applies is no difference, what it has
not applied yet and what somebody edits is told with who has it so, and Flux alone puts it right.
The agent has the rights that `holdfast enroll --mode observe` prints, and writes nothing."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import flux, manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402

SOON = 60
ACCOUNT = "holdfast-system/holdfast-agent"
USER = f"system:serviceaccount:{ACCOUNT.replace('/', ':')}"
RBAC = "rbac.authorization.k8s.io"
WORDS = m.config_map("words", colour="green")
SHOP = files("shop", WORDS, m.deployment("web"), m.service("web"), namespace="default")


class BesideFlux(KubeStory):
    fleet = controller = mark = None

    @classmethod
    def make_agent(cls):
        flux.install(cls.cluster)
        cls.controller = flux.Controller(cls.folder, cls.cluster).start()
        cls.fleet = flux.Fleet(cls.admin, cls.repo, "apps/shop").start()
        words = cls.hub.run("enroll", CLUSTER, "--manifests", "--image", "test/agent:1",
                            "--mode", "observe").stdout
        role, = (text for text in words.split("\n---\n")
                 if re.search(r"^kind: ClusterRole$", text, re.M))
        cls.admin.request("PATCH", cls.admin.path("ClusterRole", "holdfast-agent", f"{RBAC}/v1")
                          + "?fieldManager=test", role, "application/apply-patch+yaml")
        kubeconfig = cls.cluster.service_account_kubeconfig(ACCOUNT, role="holdfast-agent")
        cls.mark = cls.cluster.audit_mark()
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER, again=True),
                     driver="kube", kubeconfig=kubeconfig, options=("--mode", "observe"))

    def state(self, *words):
        return subprocess.run(["git", "-C", self.hub.data / "data" / "state.git", *words],
                              check=True, capture_output=True, text=True).stdout

    def difference(self):
        return self.state("diff", "--unified=0", "desired", "actual")

    def wait_same(self):
        wait_for(lambda: self.difference() == "", SOON, "no difference", 0.2)

    def wait_told(self, *lines):
        """Waits until exactly these lines are what differs, but for what is said of the App."""
        def is_so():
            found = [line for line in self.state("diff", "--unified=0", "desired", "actual", "--",
                                                 ":(exclude,glob)**/_meta.json").splitlines()
                     if line[0] in "+-" and line[:3] not in ("+++", "---")]
            assert [line.replace(" ", "") for line in found] == list(lines), found
            return True
        wait_for(is_so, SOON, "the difference", 0.2)

    def flux_applies(self):
        """Shows Flux the newest commit and waits until it has applied it."""
        revision = self.fleet.publish()
        wait_for(lambda: self.fleet.status().get("lastAppliedRevision") == revision, SOON,
                 "Flux to apply it", 0.2)

    def past(self, *words):
        return json.loads(self.hub.run(*words, "-o", "json", check=False).stdout)["items"]

    def runs(self, image):
        return [row["names"] for row in self.past("where", image)]

    def test_1_what_flux_has_applied_is_no_difference(self):
        self.commit(SHOP)
        self.flux_applies()
        self.wait_status("shop", SOON, applied="observed", health="healthy")
        self.wait_same()
        self.assertEqual(sorted(name.rpartition("/")[2] for name in self.state(
            "ls-tree", "-r", "--name-only", "actual").splitlines()),
            ["ConfigMap.core.words.json", "Deployment.apps.web.json", "Service.core.web.json",
             "_meta.json"])
        self.assertEqual(self.drift(), {})
        self.assertEqual(self.hub.get("clusters")[0]["mode"], "observe")
        labels = self.find("ConfigMap", "words")["metadata"]["labels"]
        self.assertEqual(labels["kustomize.toolkit.fluxcd.io/name"], flux.NAME)

    def test_2_what_flux_has_not_applied_yet_is_told_with_its_name(self):
        newer = m.deployment("web", image="example.com/web:2")
        self.commit({path("shop", newer): m.text(newer)})
        row = self.wait_drift("Deployment.apps/default/web", timeout=SOON)
        self.assertRegex(row["path"], r"containers\[name=\w+\]\.image$")
        self.assertEqual((row["actual"], row["manager"]), ('"example.com/web:1"', flux.MANAGER))
        self.wait_told('-"image":"example.com/web:2",', '+"image":"example.com/web:1",')
        self.assertIn(f"Holdfast-Actor: {flux.MANAGER} (claimed)", self.state("log", "-1", "actual"))
        self.assertEqual(self.state("log", "--format=%h", "-S", "web:2", "actual"), "")
        self.assertEqual((self.runs("example.com/web:1"), self.runs("example.com/web:2")),
                         ([[CLUSTER]], []))
        self.flux_applies()
        self.wait_no_drift(SOON)
        self.wait_same()
        self.wait_status("shop", SOON, health="healthy")
        wait_for(lambda: self.runs("example.com/web:2") == [[CLUSTER]], SOON, "it to run there", 0.2)
        self.assertEqual(self.runs("example.com/web:1"), [])
        self.assertEqual([row["state"] for row in self.past("show", f"{CLUSTER}:shop")], ["inSync"])

    def test_3_an_edit_is_told_with_who_made_it_and_flux_puts_it_right(self):
        self.admin.patch("ConfigMap", "words", {"data": {"colour": "red"}}, manager="kubectl-edit")
        row = self.wait_drift("ConfigMap/default/words", "data.colour", SOON)
        self.assertEqual((row["desired"], row["manager"]), ('"green"', "kubectl-edit"))
        self.assertRegex(row["actual"], "^\"hmac:[0-9a-f]{32}\"$")  # it may be a secret
        wait_for(lambda: '-    "colour": "green"' in self.difference(), SOON, "the difference", 0.2)
        self.assertIn("kubectl-edit (claimed)", self.state("log", "-1", "actual"))
        before = self.cluster.audit_mark()
        asked = self.fleet.reconcile()
        wait_for(lambda: self.fleet.status().get("lastHandledReconcileAt") == asked, SOON,
                 "Flux to have looked", 0.2)
        self.wait_no_drift(SOON)
        self.wait_same()
        self.assertEqual(self.find("ConfigMap", "words")["data"], {"colour": "green"})
        self.assertIn(("flux", "patch", "configmaps"), self.cluster.writes("flux", before))

    def test_4_what_leaves_git_is_pruned_by_flux(self):
        self.commit({path("shop", WORDS): None})
        self.flux_applies()
        self.wait_gone("ConfigMap", "words")
        wait_for(lambda: not self.object_report("ConfigMap/default/words"), SOON,
                 "it to be told no more", 0.2)
        for branch in ("desired", "actual"):
            wait_for(lambda: "words" not in self.state("ls-tree", "-r", "--name-only", branch),
                     SOON, f"it to be gone from {branch}", 0.2)
        self.wait_same()

    def test_5_the_agent_has_read_and_nothing_else(self):
        asked = self.cluster.asked(USER, self.mark)
        self.assertTrue(asked)
        self.assertEqual({verb for _, verb, _ in asked}, {"get", "list"})
        self.assertEqual(self.cluster.writes(USER, self.mark), {})
        self.assertTrue(self.cluster.writes("flux", self.mark))
        self.assertEqual(self.cluster.refused(USER, self.mark), [])


if __name__ == "__main__":
    story.main()
