#!/usr/bin/env python3
"""The agent runs in the cluster, with the token of its service account, which is replaced now and
then: it uses the new one, and the old one may stop working at any time.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeclient import KubeClient, KubeError  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402

ACCOUNT = "ops/holdfast"


class TokenRotates(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.make_token("first")
        agent = Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                      options=["--service-account-dir", cls.service_folder])
        agent.env.update({"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                          "KUBERNETES_SERVICE_PORT": str(cls.cluster.port)})
        return agent

    @classmethod
    def make_token(cls, secret):
        """Puts another token into the folder, as the kubelet does; it is void without the Secret."""
        cls.service_folder = cls.cluster.service_account_folder(ACCOUNT, bound_to=secret)
        cls.user = KubeClient(cls.cluster.server, cls.cluster.ca_file,
                              (cls.service_folder / "token").read_text(encoding="ascii"))

    def make_void(self, secret, user):
        """The API server remembers for some seconds whom it knows."""
        self.admin.delete("Secret", f"ops/{secret}")

        def is_refused():
            try:
                user.request("GET", "/version")
            except KubeError as error:
                return error.status == 401
            return False
        wait_for(is_refused, 60, "the token to be void", 0.2)

    def change(self, value):
        changed = m.config_map("web", x=value)
        return {path("shop", changed): m.text(changed)}

    def test_it_works_with_the_account_of_its_pod(self):
        self.deliver(files("shop", m.config_map("web", x="1"), *[
            m.config_map(f"more-{i}", x="1") for i in range(20)], namespace="default"))

    def test_it_goes_on_with_the_new_token_when_the_old_one_is_void(self):
        old = self.user
        self.make_token("second")
        self.make_void("first", old)
        account = f"system:serviceaccount:{ACCOUNT.replace('/', ':')}"
        mark = self.cluster.audit_mark()
        self.hub.run("sync", "--app", "shop", "--cluster", CLUSTER)  # many requests at once
        wait_for(lambda: self.cluster.writes(account, mark)[account, "patch", "configmaps"] == 21,
                 30, "all to be applied again", 0.2)
        self.deliver(self.change("2"))
        self.assertEqual(self.find("ConfigMap", "web")["data"], {"x": "2"})
        self.assertEqual(self.events("app.failed"), [])
        self.assertNotIn("target_lost", self.agent.log_text())

    def test_without_a_valid_token_it_says_so(self):
        self.make_void("second", self.user)
        type(self).revision = self.commit(self.change("3"))
        self.wait_status("shop", health="unknown", healthMessage="credentials", applied="failed",
                         message="credentials")
        self.assertEqual(self.find("ConfigMap", "web")["data"], {"x": "2"})

    def test_and_recovers_when_there_is_one(self):
        self.make_token("third")
        self.wait_until(self.revision, timeout=60)
        self.assertEqual(self.find("ConfigMap", "web")["data"], {"x": "3"})
        self.wait_status("shop", applied="applied", health="healthy")


if __name__ == "__main__":
    story.main()
