#!/usr/bin/env python3
"""The agent's disk is lost, while Git goes on. What it once applied it finds again in the cluster
itself, so what left Git meanwhile is still removed, and what others made is still left alone; also
by an agent that had to be enrolled anew.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402

OLD = m.config_map("old", x="1")
WIDGET = m.thing("example.com/v1", "Widget", "old", spec={"size": 1})


class DiskLost(KubeStory):

    def test_apps_are_installed_next_to_what_others_made(self):
        self.admin.apply(m.config_map("others", "default", x="1"))
        self.deliver({**files("shop", m.deployment("web"), OLD, m.config_map("kept", x="1"),
                              m.crd("widgets", "Widget"), WIDGET, namespace="default"),
                      **files("team", m.namespace("team"), m.config_map("team", "team", x="1"),
                              m.config_map("gone", "team", x="1")),
                      **files("leaving", m.config_map("leaving", "default", x="1"))})

    def test_the_cluster_says_itself_what_is_whose(self):
        parents = self.admin.list("Secret", "holdfast-system", "applyset.kubernetes.io/id")
        self.assertEqual(len(parents), 1)
        meta = parents[0]["metadata"]
        kinds = meta["annotations"]["applyset.kubernetes.io/contains-group-kinds"].split(",")
        self.assertLessEqual({"ConfigMap", "Deployment.apps", "Widget.example.com"}, set(kinds))
        self.assertIn("team",
                      meta["annotations"]["applyset.kubernetes.io/additional-namespaces"])
        part_of = self.find("ConfigMap", "kept")["metadata"]["labels"][
            "applyset.kubernetes.io/part-of"]
        self.assertEqual(part_of, meta["labels"]["applyset.kubernetes.io/id"])

    def test_what_left_git_meanwhile_is_still_removed(self):
        uids = [self.find("ConfigMap", "kept")["metadata"]["uid"],
                self.find("Deployment", "web")["metadata"]["uid"]]
        self.agent.terminate()
        self.agent.lose_disk()
        self.repo.git("rm", "-r", "--quiet", "apps/leaving")
        revision = self.commit({path("shop", OLD): None, path("shop", WIDGET): None,
                                path("team", m.config_map("gone")): None})
        self.agent.start()
        self.wait_until(revision)
        for name in ("old", "leaving", "team/gone"):
            self.wait_gone("ConfigMap", name)
        self.wait_gone("Widget", "default/old", "example.com/v1")
        self.assertEqual([self.find("ConfigMap", "kept")["metadata"]["uid"],
                          self.find("Deployment", "web")["metadata"]["uid"]], uids)

    def test_what_others_made_is_still_there(self):
        self.assertTrue(self.find("ConfigMap", "others"))
        self.assertTrue(self.find("Namespace", "team"))

    def test_all_is_as_before(self):
        self.wait_status("shop", applied="applied", health="healthy", drifted=0)
        self.assertIsNone(self.status("leaving"))
        self.admin.patch("ConfigMap", "kept", {"data": {"x": "9"}})
        self.wait_drift("ConfigMap/default/kept", "data.x")

    def test_a_lost_disk_with_nothing_new_in_git_changes_nothing(self):
        version = self.find("ConfigMap", "team/team")["metadata"]["resourceVersion"]
        self.agent.terminate()
        self.agent.lose_disk()
        mark = self.cluster.audit_mark()
        self.agent.start()
        self.wait_connected()
        new = m.config_map("new", "team", x="1")
        self.deliver({path("team", new): m.text(new)})
        self.assertEqual(self.find("ConfigMap", "team/team")["metadata"]["resourceVersion"],
                         version)
        self.assertNotIn("delete", [verb for verb, _ in self.written(mark)])

    def test_a_disk_lost_with_all_that_was_on_it_takes_an_enrolment_and_nothing_else(self):
        kept = {name: self.find("ConfigMap", name)["metadata"]["uid"]
                for name in ("kept", "team/team")}
        self.agent.terminate()
        self.agent.lose_disk(keep_identity=False)
        self.assertEqual(list(self.agent.data.iterdir()), [])
        revision = self.commit({path("team", m.config_map("new")): None})
        type(self).agent = self.make_agent(again=True).start()
        self.wait_connected()
        self.wait_until(revision)
        self.wait_gone("ConfigMap", "team/new")
        self.assertEqual({name: self.find("ConfigMap", name)["metadata"]["uid"] for name in kept},
                         kept)
        self.assertTrue(self.find("ConfigMap", "others"))
        ids = {event["message"] for event in self.events("agent.enrolled")}
        self.assertEqual(len(ids), 2, ids)


if __name__ == "__main__":
    story.main()
