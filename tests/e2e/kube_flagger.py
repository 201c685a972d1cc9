#!/usr/bin/env python3
"""A real Flagger rejects a release: it is kept out at once, Flagger's words are told, all else lands.
A configuration alone is kept out, too. Replicas are Flagger's while it is there; a ConfigMap that
only the good release has stays. What it rejected before holdfast came is kept out, likewise. The audit
log knows Flagger by its ServiceAccount."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import flagger, manifests as m, story  # noqa: E402
from support.kubeclient import KubeError  # noqa: E402
from support.kubestory import KubeStory, files  # noqa: E402
from support.process import wait_for  # noqa: E402

CANARY_SECONDS = 90  # some intervals of ten seconds, on a busy machine
API = "flagger.app/v1beta1"
ACCOUNT = "flagger-system/flagger"
VERIFIED = f"system:serviceaccount:{ACCOUNT.replace('/', ':')} (verified)"
NAMES = ("flagger", VERIFIED)  # where the audit log is late


class RealFlagger(KubeStory):
    repo_more = {"write": "direct"}
    settings = None  # that Git has

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gate = flagger.Gate().start()
        cls.flagger = flagger.Flagger(cls.folder, cls.cluster,
                                      cls.cluster.service_account_kubeconfig(ACCOUNT))

    @classmethod
    def make_agent(cls, again=False):
        cls.agent_options = ("--audit-log", cls.cluster.audit_log)
        return super().make_agent(again)

    def web(self, version, of=None, **data):
        """With a ConfigMap whose name comes from what it holds, as generators make them."""
        web = m.deployment("web", f"test/web:{version}", replicas=2)
        web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [
            {"configMapRef": {"name": f"settings-{version}"}}]
        made = files("web", web, flagger.canary("web", self.gate), m.config_map("beside", **data),
                     m.config_map(f"settings-{version}", of=of or version), namespace="default",
                     prune=True)
        gone = {f"apps/web/configmap-settings-{self.settings}.yaml": None} if self.settings else {}
        type(self).settings = version
        return {**gone, **made}

    def edge(self):
        """A DaemonSet: Flagger keeps it off all nodes while the primary one serves."""
        target = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "edge"}
        return files("edge", m.daemon_set("edge", "test/edge:1"),
                     flagger.canary("edge", self.gate, targetRef=target), namespace="default", prune=True)

    def edge_nodes(self):
        return self.find("DaemonSet", "edge")["spec"]["template"]["spec"].get("nodeSelector")

    def old(self, version, **env):
        """What somebody else has rolled out before."""
        old = m.deployment("old", f"test/old:{version}", replicas=2)
        old["metadata"]["namespace"] = "default"
        old["spec"]["template"]["spec"]["containers"][0]["env"] = [
            {"name": key, "value": value} for key, value in env.items()]
        return old, flagger.canary("old", self.gate)

    def canary(self, name="web"):
        try:
            return self.admin.get("Canary", name, API).get("status", {})
        except KubeError:
            return {}  # not applied yet

    def wait_phase(self, phase, name="web"):
        wait_for(lambda: self.canary(name).get("phase") == phase, CANARY_SECONDS,
                 f"the canary to be {phase}", 0.5)

    def commit(self, changes, message="change"):
        self.repo.git("pull", "--quiet", "--rebase", "origin", "main")  # the hub's Holds, too
        return super().commit(changes, message)

    def wait_proof(self, of, name="web"):
        """What the commit says that was proven of the Hold that rejects a release."""
        def written():
            self.repo.git("fetch", "--quiet", "origin")
            said = self.repo.git("log", "--format=%s|%(trailers:key=Holdfast-Proof,valueonly)",
                                 "origin/main")
            return [line.partition("|")[2] for line in said.splitlines()
                    if line.startswith(f"hold({name})") and f" which rejected {of}|" in line]
        return wait_for(written, CANARY_SECONDS, "the Hold in Git", 0.2)[0]

    def image(self, name="web"):
        item = self.find("Deployment", name)
        return item["spec"]["template"]["spec"]["containers"][0]["image"]

    def wait_event(self, kind, **wanted):
        return wait_for(
            lambda: [row for row in self.hub.get("events", "--kind", kind)
                     if all(row[key] == value for key, value in wanted.items())],
            CANARY_SECONDS, f"the event {kind} {wanted}", 0.2)[0]

    def test_1_the_first_release_is_initialized(self):
        self.deliver(flagger.definitions())
        self.flagger.start()
        self.admin.apply(*self.old("1", A="a"), manager="argocd-controller")
        type(self).first = self.commit({**self.web("1", a="1"), **self.edge()})
        self.wait_phase("Initialized")
        self.assertEqual(self.image("web-primary"), "test/web:1")
        self.wait_event("release.promoted", app="web", revision=self.first)
        wait_for(self.edge_nodes, CANARY_SECONDS, "Flagger to have taken the DaemonSet off all nodes", 0.2)
        wait_for(lambda: self.find("Deployment", "web")["spec"]["replicas"] == 0, CANARY_SECONDS,
                 "Flagger to have the replicas", 0.2)
        self.assertEqual(self.drift(), {})
        self.wait_phase("Initialized", "old")

    def test_2_what_the_gate_refuses_is_rejected_and_kept_out(self):
        type(self).gate.opens = False
        self.admin.apply(*self.old("2", A="a"), manager="argocd-controller")
        second = self.commit(self.web("2", a="1"))
        started = self.wait_event("release.started")
        self.assertEqual(started["revision"], second)
        self.assertIn(started["actor"], NAMES)
        rejected = self.wait_event("release.rejected")
        self.assertEqual((rejected["revision"], rejected["key"]),
                         (second, "Deployment.apps/default/web"))
        self.assertIn(f" rejected {second[:7]}, {self.first[:7]} runs on: Canary analysis "
                      "failed, Deployment scaled to zero.", rejected["message"])
        self.wait_event("release.held")
        self.assertEqual(self.wait_proof("2"), "same (real)")
        wait_for(lambda: self.image() == "test/web:1", 30, "the good release to be asked for", 0.2)
        wait_for(lambda: self.canary()["lastAppliedSpec"] == self.canary()["lastPromotedSpec"],
                 CANARY_SECONDS, "Flagger to take it for what it promoted", 0.5)
        self.assertEqual(self.find("ConfigMap", "settings-1")["data"], {"of": "1"})
        # It has tracked another ConfigMap meanwhile, so it analyses what is good already. That this
        # fails makes no Hold.
        wait_for(lambda: len(self.hub.get("events", "--kind", "release.rejected")) == 2,
                 CANARY_SECONDS, "Flagger to reject the configuration that is good", 0.5)
        wait_for(lambda: self.hub.get("events", "--kind", "release.not_held"), 30, "no Hold", 0.2)
        self.assertEqual([row["rejected"] for row in self.hub.get("holds")], ["2"])
        self.wait_phase("Failed", "old")

    def test_3_all_else_lands_and_the_rejected_image_does_not_come_back(self):
        self.commit(self.web("2", a="2"))
        wait_for(lambda: self.find("ConfigMap", "beside")["data"]["a"] == "2", 30, "the edit", 0.2)
        self.assertEqual((self.image(), self.image("web-primary")), ("test/web:1", "test/web:1"))
        self.assertEqual(self.canary()["phase"], "Failed")
        self.assertTrue(self.find("ConfigMap", "settings-1"))
        self.assertEqual(self.drift(), {})

    def test_4_another_release_is_promoted(self):
        type(self).gate.opens = True
        third = self.commit(self.web("3", a="2"))
        promoted = self.wait_event("release.promoted", revision=third)
        self.assertIn(promoted["actor"], NAMES)
        self.assertEqual(self.image("web-primary"), "test/web:3")
        self.assertTrue(self.hub.get("events", "--kind", "release.weight"))
        wait_for(lambda: not self.find("ConfigMap", "settings-1"), 30, "what nobody needs to go",
                 0.2)

    def test_4b_a_configuration_alone_is_rejected_and_kept_out_too(self):
        type(self).gate.opens = False
        bad = self.commit(self.web("3", of="bad", a="2"))
        rejected = self.wait_event("release.rejected", revision=bad)
        self.assertIn(" rejected ", rejected["message"])
        wait_for(lambda: self.find("ConfigMap", "settings-3")["data"] == {"of": "3"}, 30,
                 "the good configuration", 0.2)
        self.assertEqual(self.find("ConfigMap", "settings-3-primary")["data"], {"of": "3"})
        self.assertEqual((self.image(), self.image("web-primary")), ("test/web:3", "test/web:3"))
        self.assertEqual(len(self.hub.get("holds")), 1)
        self.commit(self.web("3", of="bad", a="3"))
        wait_for(lambda: self.find("ConfigMap", "beside")["data"]["a"] == "3", 30, "the edit", 0.2)
        self.assertEqual(self.find("ConfigMap", "settings-3")["data"], {"of": "3"})
        self.assertEqual(self.drift(), {})

    def test_4c_who_rejected_it_is_the_user_that_the_audit_log_names(self):
        for number in range(5):  # each may be told before its line of the audit log is there
            told = {row["actor"] for row in self.hub.get("events", "--kind", "release.rejected")}
            self.assertLessEqual(told, set(NAMES))
            if VERIFIED in told:
                return
            bad = self.commit(self.web("3", of=f"bad-{number}", a="3"))
            self.wait_event("release.rejected", revision=bad)
        self.fail("the audit log names nobody")

    def test_5_what_flagger_had_is_ours_again_when_it_goes(self):
        self.commit({"apps/web/canary-web.yaml": None, "apps/edge/canary-edge.yaml": None})
        self.cluster.wait_for(lambda: self.edge_nodes() is None, 30, "the DaemonSet to be on all nodes")
        wait_for(lambda: self.find("Deployment", "web")["spec"]["replicas"] == 2, 30,
                 "the replicas that Git says", 0.2)
        self.assertEqual(self.drift(), {})

    def test_6_what_was_rejected_before_holdfast_came_is_kept_out_too(self):
        self.assertEqual((self.image("old"), self.image("old-primary")),
                         ("test/old:2", "test/old:1"))
        rejected = self.commit(files("old", *self.old("2", A="a"), namespace="default", adopt=True))
        self.wait_event("release.rejected", app="old", revision=rejected)
        self.wait_event("release.held", app="old")
        self.assertEqual(self.wait_proof("2", "old"), "same (real)")
        wait_for(lambda: self.image("old") == "test/old:1", 30, "the good release to be asked for",
                 0.2)
        self.commit(files("old", *self.old("2", A="b"), namespace="default", adopt=True))
        self.wait_phase("Progressing", "old")
        container = self.find("Deployment", "old")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual((container["image"], container["env"]),
                         ("test/old:1", [{"name": "A", "value": "b"}]))


if __name__ == "__main__":
    story.main()
