#!/usr/bin/env python3
"""On a site without connection an object that RBAC guards allows a change by hand: who may make one
does, others may not; it holds over a restart of the agent, and comes into Git with the connection.
The agent has nothing but the rights that `holdfast enroll --manifests` prints.
"""
import datetime
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeclient import KubeClient, KubeError  # noqa: E402
from support.kubestory import CLUSTER, SOON, KubeStory, files  # noqa: E402
from support.process import wait_for  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACE, ACCOUNT = "holdfast-system", "holdfast-agent"
API = "holdfast.dev/v1alpha1"
KEPT = "ConfigMap/default/kept"


def word(text, key):
    found = re.search(rf"^ *{key}: (.*)$", text, re.M)
    return found[1] if found else None


class ExemptOffline(KubeStory):
    repo_more = {"write": "direct"}

    @classmethod
    def send(cls, document):
        """Server-side apply of YAML as it stands in the file."""
        metadata = re.search(r"^metadata:((?:\n  .*)+)", document, re.M)[1]
        name, namespace = word(metadata, "name"), word(metadata, "namespace")
        where = cls.admin.path(word(document, "kind"), f"{namespace}/{name}" if namespace else name,
                               word(document, "apiVersion"))
        cls.admin.request("PATCH", f"{where}?fieldManager=test&force=true&fieldValidation=Strict",
                          document, "application/apply-patch+yaml")

    @classmethod
    def make_agent(cls, again=False):
        printed = cls.hub.run("enroll", CLUSTER, "--manifests", "--image", "test/agent:1",
                              "--namespaces", "default").stdout
        example = (ROOT / "deploy/kubernetes/exemptions.yaml").read_text(encoding="ascii")
        for document in printed.split("\n---\n") + example.split("\n---\n"):
            cls.send(document)
        wait_for(cls.knows_kind, SOON, "the kind to be offered", 0.2)
        kubeconfig = cls.cluster.service_account_kubeconfig(f"{NAMESPACE}/{ACCOUNT}",
                                                            role="there-is-none")
        cls.ada = cls.user("ada", "site-operators")
        cls.eve = cls.user("eve", "others")
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER, again=True),
                     driver="kube", kubeconfig=kubeconfig)

    @classmethod
    def user(cls, name, group):
        return KubeClient.from_kubeconfig(cls.cluster.certificate_kubeconfig(name, group))

    @classmethod
    def knows_kind(cls):
        try:
            return cls.admin.list("Exemption", NAMESPACE, api_version=API) == []
        except (KubeError, KeyError, StopIteration, AssertionError):
            return False

    def allow(self, who, name, **spec):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
        item = {"apiVersion": API, "kind": "Exemption",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"app": "kept", "object": KEPT, "field": "data.colour", "by": "ada",
                         "until": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "reason": "INC-7", **spec}}
        return who.request("POST", f"/apis/{API}/namespaces/{NAMESPACE}/exemptions", item)

    def refused(self, status, who, name, **spec):
        with self.assertRaises(KubeError) as raised:
            self.allow(who, name, **spec)
        self.assertEqual(raised.exception.status, status, raised.exception)

    def said(self, name):
        """{reason: message} of the Events of an Exemption."""
        return {item["reason"]: item["message"]
                for item in self.admin.list("Event", NAMESPACE)
                if item["involvedObject"].get("name") == name}

    def wait_said(self, name, reason):
        return wait_for(lambda: self.said(name).get(reason), SOON, f"{reason} of {name}", 0.2)

    def data(self):
        return self.find("ConfigMap", "default/kept")["data"]

    def change(self, **data):
        self.admin.patch("ConfigMap", "default/kept", {"data": data})

    def wait_data(self, **expected):
        wait_for(lambda: self.data() == expected, SOON, f"{expected}", 0.1)

    def files_of(self):
        self.repo.git("fetch", "--quiet", "origin")
        return self.repo.git("ls-tree", "-r", "--name-only", "origin/main", "exemptions").split()

    def test_1_who_may_make_one_the_clusters_rbac_says(self):
        self.deliver(files("kept", m.config_map("kept", colour="green", size="1"),
                           namespace="default", drift="correct"))
        self.refused(403, self.eve, "by-eve")
        self.refused(422, self.ada, "no-reason", reason="")
        self.refused(422, self.ada, "no-object", object="web")
        for kind, name in (("ConfigMap", "default/kept"), ("Secret", f"{NAMESPACE}/holdfast-join")):
            with self.assertRaises(KubeError) as raised:
                self.ada.get(kind, name)
            self.assertEqual(raised.exception.status, 403)

    def test_2_without_a_connection_it_is_in_force_at_once(self):
        self.hub.terminate()
        self.allow(self.ada, "inc-7")
        self.assertIn("in force until", self.wait_said("inc-7", "Taken"))
        self.change(colour="red", size="2")
        self.wait_data(colour="red", size="1")

    def test_3_and_over_a_restart_of_the_agent(self):
        self.agent.terminate()
        self.change(colour="blue", size="3")
        self.agent.start()
        self.wait_data(colour="blue", size="1")

    def test_4_what_it_cannot_take_it_says_at_the_object(self):
        self.allow(self.ada, "strange", app="none")
        self.assertIn("Git has no App 'none' on this cluster", self.wait_said("strange", "NotTaken"))
        self.allow(self.ada, "pointer", field="/data/colour")
        self.assertIn("spec.field: write a path", self.wait_said("pointer", "NotTaken"))

    def test_5_with_the_connection_it_comes_into_git(self):
        self.hub.start_and_wait()
        self.wait_connected()
        path, = wait_for(self.files_of, SOON, "the file", 0.2)
        text = self.repo.git("show", f"origin/main:{path}")
        for words in ("clusters:\n  - real\n", "by: ada\n", "field: data.colour\n"):
            self.assertIn(words, text)
        said = self.repo.git("log", "-1", "--format=%an|%B", "origin/main")
        self.assertTrue(said.startswith("ada|exempt(kept): "), said)
        self.assertIn("Holdfast-Site-Object: inc-7\n", said)
        wait_for(lambda: [row["from"] for row in self.hub.get("exemptions")] == ["site"], SOON,
                 "Git and the object to be one", 0.2)
        self.assertEqual(self.data(), {"colour": "blue", "size": "1"})

    def test_6_it_ends_with_the_object(self):
        self.ada.delete("Exemption", f"{NAMESPACE}/inc-7", api_version=API)
        self.wait_data(colour="green", size="1")
        wait_for(lambda: self.files_of() == [], SOON, "the file to go", 0.2)


if __name__ == "__main__":
    story.main()
