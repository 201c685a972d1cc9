#!/usr/bin/env python3
"""Two agents in one Kubernetes, as two Clusters of one hub: neither takes what the other applied,
also if it has lost its disk. What carries the label that all agents had once gets that of its own.
An App that leaves both of them waits for Git to confirm it.
"""
import base64
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402

PART_OF = "applyset.kubernetes.io/part-of"
OLD = m.config_map("old-${who}", x="1")


def only(name):
    return [{"clusterSelector": {"matchLabels": {"who": name}}}]


def cluster(name, who):
    item = m.cluster(name, who=who)
    item["metadata"]["labels"] = {"who": who}
    return m.text(item)


def shared_id():
    """The ApplySet of all agents that had none of their own."""
    digest = hashlib.sha256(b"holdfast-holdfast-agent.holdfast-system.Secret.").digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


class TwoAgents(KubeStory):
    hub_options = ("--removal-clusters-min", "2")
    other = None

    def label(self, name):
        return self.find("ConfigMap", name)["metadata"]["labels"][PART_OF]

    def both(self):
        return (type(self).agent, type(self).other)

    def lose_disks(self):
        for agent in self.both():
            agent.terminate()
            agent.lose_disk()

    def test_both_apply_what_their_cluster_shall_have(self):
        self.commit({"clusters/real.yaml": cluster(CLUSTER, "one"),
                     "clusters/second.yaml": cluster("second", "two")})
        wait_for(lambda: len(self.hub.get("clusters")) == 2, 30, "the hub to know both", 0.2)
        type(self).other = Agent(self.folder, self.hub, "second", self.hub.join_token("second"),
                                 driver="kube",
                                 kubeconfig=self.cluster.token_kubeconfig("agent")).start()
        self.deliver({**files("same", m.config_map("same-${who}", x="1"), OLD,
                              namespace="default"),
                      **files("first", m.config_map("wanted", x="1"), namespace="default",
                              targets=only("one"))})
        self.assertEqual(self.label("same-one"), self.label("old-one"))
        self.assertNotEqual(self.label("same-one"), self.label("same-two"))
        parents = self.admin.list("Secret", "holdfast-system", "applyset.kubernetes.io/id")
        self.assertEqual({item["metadata"]["labels"]["applyset.kubernetes.io/id"]
                          for item in parents},
                         {self.label("same-one"), self.label("same-two")})

    def test_what_one_has_the_other_is_refused(self):
        self.commit(files("second", m.config_map("wanted", x="2"), namespace="default",
                          targets=only("two")))
        self.wait_status("second", applied="failed",
                         message="another holdfast agent .App 'first'")
        self.assertEqual(self.find("ConfigMap", "wanted")["data"], {"x": "1"})
        self.repo.git("rm", "-r", "--quiet", "apps/second")
        self.deliver({})
        self.assertEqual(self.find("ConfigMap", "wanted")["data"], {"x": "1"})

    def test_each_finds_only_its_own_when_both_have_lost_their_disks(self):
        self.lose_disks()
        revision = self.commit({path("same", OLD): None})
        self.other.start()
        self.wait_gone("ConfigMap", "old-two")
        for name in ("same-one", "old-one", "same-two", "wanted"):
            self.assertTrue(self.find("ConfigMap", name), name)
        self.agent.start()
        self.wait_gone("ConfigMap", "old-one")
        self.wait_until(revision)
        self.assertTrue(self.find("ConfigMap", "wanted"))

    def test_what_has_the_label_of_all_agents_gets_one_of_its_own(self):
        own = self.label("wanted")
        uid = self.find("ConfigMap", "wanted")["metadata"]["uid"]
        self.agent.terminate()
        for name in ("wanted", "same-one"):
            self.admin.patch("ConfigMap", name, {"metadata": {"labels": {PART_OF: shared_id()}}})
        self.agent.start()
        self.wait_connected()
        for name in ("wanted", "same-one"):
            self.cluster.wait_for(lambda n=name: self.label(n) == own, what=f"the label of {name}")
        self.assertEqual(self.find("ConfigMap", "wanted")["metadata"]["uid"], uid)
        self.assertEqual(self.drift(), {})

    def test_so_it_is_found_and_removed_like_anything_else(self):
        self.lose_disks()
        revision = self.commit({path("first", m.config_map("wanted")): None,
                                **files("first", m.config_map("another", x="1"),
                                        namespace="default", targets=only("one"))})
        for agent in self.both():
            agent.start()
        self.wait_gone("ConfigMap", "wanted")
        self.wait_until(revision)
        self.assertTrue(self.find("ConfigMap", "same-one"))
        self.assertTrue(self.find("ConfigMap", "same-two"))

    def test_an_app_that_leaves_both_waits_as_a_whole_until_git_confirms_it(self):
        both = ("everywhere-one", "everywhere-two")
        same = m.config_map("same-${who}", x="2")
        self.deliver(files("everywhere", m.config_map("everywhere-${who}", x="1"),
                           namespace="default"))
        mark = self.cluster.audit_mark()
        self.repo.git("rm", "-r", "--quiet", "apps/everywhere")
        self.commit({}, "an App leaves its clusters")
        confirmation = self.wait_for_confirmation("everywhere")
        self.assertEqual(self.waiting("everywhere")[0]["clusters"], 2)
        self.deliver({path("same", same): m.text(same)})
        self.assertTrue(all(self.find("ConfigMap", name) for name in both))
        self.commit(confirmation)
        for name in both:
            self.wait_gone("ConfigMap", name)
        self.assert_written(mark, {("patch", "configmaps"): 2, ("delete", "configmaps"): 2})


if __name__ == "__main__":
    story.main()
