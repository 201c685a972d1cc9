#!/usr/bin/env python3
"""The agent runs in the cluster, with the token of its service account, which is replaced now and
then: it uses the new one, and the old one may stop working at any time.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

ACCOUNT = "ops/holdfast"


class TokenRotates(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.service_folder = cls.cluster.service_account_folder(ACCOUNT, bound_to="first")
        agent = Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                      options=["--service-account-dir", cls.service_folder])
        agent.env.update({"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                          "KUBERNETES_SERVICE_PORT": str(cls.cluster.port)})
        return agent

    def test_it_works_with_the_account_of_its_pod(self):
        self.deliver(files("shop", m.config_map("web", x="1"), namespace="default"))

    def test_it_goes_on_with_the_new_token_when_the_old_one_is_void(self):
        self.cluster.service_account_folder(ACCOUNT, bound_to="second")
        self.admin.delete("Secret", "ops/first")
        changed = m.config_map("web", x="2")
        self.deliver({path("shop", changed): m.text(changed)})
        self.assertEqual(self.find("ConfigMap", "web")["data"], {"x": "2"})

    def test_without_a_valid_token_it_says_so(self):
        self.admin.delete("Secret", "ops/second")
        changed = m.config_map("web", x="3")
        type(self).revision = self.commit({path("shop", changed): m.text(changed)})
        self.wait_status("shop", 60, health="unknown", healthMessage="credentials")

    def test_and_recovers_when_there_is_one(self):
        self.cluster.service_account_folder(ACCOUNT, bound_to="third")
        self.wait_until(self.revision, timeout=60)
        self.assertEqual(self.find("ConfigMap", "web")["data"], {"x": "3"})


if __name__ == "__main__":
    story.main()
