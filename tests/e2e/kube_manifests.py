#!/usr/bin/env python3
"""`holdfast enroll --manifests`: a real API server takes them as they are, and the rights in them are
enough for an agent with that service account's token: for a whole cluster, for a namespace, and for
some kinds of objects in one.
"""
import base64
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.hub import program  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
from support.process import Process  # noqa: E402

RBAC = "rbac.authorization.k8s.io"
STRICT = "fieldManager=test&force=true&fieldValidation=Strict"
NAMESPACE, ACCOUNT = "holdfast-system", "holdfast-agent"
POD = "holdfast-agent-7d4b9c6f5x-x2kqz"  # as a ReplicaSet of the Deployment makes one
GEAR = m.thing("example.com/v1", "Gear", "one", spec={"teeth": 12})
GIVES_MORE = m.thing(f"{RBAC}/v1", "ClusterRole", "operator", rules=[
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])


def word(text, key):
    found = re.search(rf"^ *{key}: (.*)$", text, re.M)
    return found[1] if found else None


class Manifests(KubeStory):

    @classmethod
    def send(cls, document, more=""):
        """Server-side apply of YAML as it stands in the file; returns the object."""
        metadata = re.search(r"^metadata:((?:\n  .*)+)", document, re.M)[1]
        name, namespace = word(metadata, "name"), word(metadata, "namespace")
        where = cls.admin.path(word(document, "kind"), f"{namespace}/{name}" if namespace else name,
                               word(document, "apiVersion"))
        return cls.admin.request("PATCH", f"{where}?{STRICT}{more}", document,
                                 "application/apply-patch+yaml")

    @classmethod
    def documents(cls, *rights):
        """What is printed for this cluster, a text each."""
        return cls.hub.run("enroll", CLUSTER, "--again", "--manifests", "--image", "test/agent:1",
                           *rights).stdout.split("\n---\n")

    @classmethod
    def install(cls, *rights):
        return [cls.send(document) for document in cls.documents(*rights)]

    def install_rights(self, *rights):
        """Only Roles, of which the first is the agent's own."""
        for document in self.documents(*rights):
            if word(document, "kind") in ("Role", "RoleBinding"):
                self.send(document)

    @classmethod
    def make_agent(cls):
        """The program as the Deployment starts it, but for the folder of its disk."""
        made = cls.install()
        secret, = (item for item in made if item["kind"] == "Secret")
        deployment, = (item for item in made if item["kind"] == "Deployment")
        container, = deployment["spec"]["template"]["spec"]["containers"]
        disk = container["volumeMounts"][0]["mountPath"]
        args = [word.replace(disk, str(cls.folder / "disk")) for word in container["args"]]
        (cls.folder / "disk").mkdir()
        agent = Process("agent", [program("holdfast-agent"), *args,
                                  "--service-account-dir", cls.service_account()], cls.folder)
        for entry in container["env"]:
            agent.env[entry["name"]] = cls.value(entry["valueFrom"], secret)
        agent.env.update({"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                          "KUBERNETES_SERVICE_PORT": str(cls.cluster.port)})
        return agent

    @staticmethod
    def value(source, secret):
        """What the kubelet makes of a variable's source."""
        if "fieldRef" in source:
            return {"metadata.name": POD, "metadata.namespace": NAMESPACE}[source["fieldRef"]["fieldPath"]]
        return base64.b64decode(secret["data"][source["secretKeyRef"]["key"]]).decode("ascii")

    @classmethod
    def service_account(cls):
        """The folder that the pod finds; nothing but the manifests gave this account rights."""
        answer = cls.admin.request(
            "POST", cls.admin.path("ServiceAccount", f"{NAMESPACE}/{ACCOUNT}") + "/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": 3600}})
        folder = cls.folder / "account"
        folder.mkdir()
        (folder / "token").write_text(answer["status"]["token"], encoding="ascii")
        (folder / "ca.crt").write_text(cls.cluster.ca_file.read_text(encoding="ascii"),
                                       encoding="ascii")
        return folder

    def test_1_a_dry_run_accepts_them(self):
        for rights in ((), ("--namespaces", "default,kube-system"),
                       ("--resources", "configmaps,deployments.apps"), ("--impersonate",),
                       ("--namespaces", "default", "--impersonate")):
            for document in self.documents(*rights):
                self.send(document, "&dryRun=All")

    def pod(self):
        """The pod that the Deployment makes."""
        deployment = self.find("Deployment", f"{NAMESPACE}/{ACCOUNT}", "apps/v1")
        return deployment["spec"]["template"]["spec"]

    def test_2_the_deployment_may_do_little_on_its_node(self):
        pod = self.pod()
        container = pod["containers"][0]
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(container["resources"]["requests"]["memory"], "16Mi")
        self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
        self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
        self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})

    def test_3_its_options_are_the_agents(self):
        done = subprocess.run([program("holdfast-agent"), *self.pod()["containers"][0]["args"],
                               "--version"], capture_output=True, text=True, timeout=10,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_4_with_the_clusters_rights_it_installs_everything(self):
        self.deliver({
            **files("base", m.namespace("shop"), m.crd("gears", "Gear"), GIVES_MORE),
            **files("gears", GEAR, namespace="shop", dependsOn=[{"name": "base"}]),
            **files("shop", m.deployment("web"), m.service("web"), m.secret("web", key="x"),
                    m.config_map("web", x="1"), m.config_map("old", x="1"), namespace="shop",
                    plainSecrets="allow", dependsOn=[{"name": "base"}])})
        self.cluster.wait_ready("Deployment", "shop/web")

    def test_5_it_sees_drift_and_removes(self):
        self.admin.patch("ConfigMap", "shop/web", {"data": {"x": "2"}})
        self.wait_drift("ConfigMap/shop/web", "data.x")
        self.deliver({path("shop", m.config_map("old")): None})
        self.wait_gone("ConfigMap", "shop/old")

    def test_6_what_it_lives_in_stays_when_an_app_gives_it_up(self):
        own = self.find("Deployment", f"{NAMESPACE}/{ACCOUNT}", "apps/v1")
        kept = m.thing("apps/v1", "Deployment", ACCOUNT, spec=own["spec"])
        self.commit(files("agent", kept, m.config_map("beside", x="1"), namespace=NAMESPACE, prune=True))
        self.wait_status("agent", 60, applied="applied")
        self.commit({path("agent", kept): None})
        self.wait_object(f"Deployment.apps/{NAMESPACE}/{ACCOUNT}", message="this agent lives in it")

    def test_7_the_rights_in_a_namespace_are_enough_for_what_is_there(self):
        self.install_rights("--namespaces", "shop")
        self.admin.delete("ClusterRoleBinding", ACCOUNT, f"{RBAC}/v1")
        self.agent.terminate()
        self.agent.start()
        self.commit(files("here", m.deployment("here"), m.config_map("here", x="1"),
                          namespace="shop"))
        self.wait_status("here", 60, applied="applied", health="healthy")
        self.admin.patch("ConfigMap", "shop/here", {"data": {"x": "2"}})
        self.wait_drift("ConfigMap/shop/here", "data.x")

    def test_8_and_for_nothing_else(self):
        self.commit(files("other", m.config_map("web", x="1"), namespace="default"))
        self.wait_status("other", applied="failed", message="in namespace 'default'")

    def test_9_the_rights_for_some_kinds_are_enough_for_them_only(self):
        self.admin.delete("RoleBinding", f"shop/{ACCOUNT}", f"{RBAC}/v1")
        self.admin.delete("Role", f"shop/{ACCOUNT}", f"{RBAC}/v1")
        self.install_rights("--namespaces", "shop", "--resources", "configmaps")
        self.commit({**files("words", m.config_map("words", x="1"), namespace="shop"),
                     **files("hidden", m.secret("hidden", x="1"), namespace="shop",
                             plainSecrets="allow")})
        self.wait_status("words", 60, applied="applied", health="healthy")
        self.wait_status("hidden", applied="failed", message=r"resources: \[\"secrets\"\]")


if __name__ == "__main__":
    story.main()
