#!/usr/bin/env python3
"""A commit writes exactly what it changes; what changes nothing writes nothing.

Counted in the API server's own audit log.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

MAPS = [m.config_map(f"settings-{i}", number=str(i)) for i in range(10)]


class Change(KubeStory):

    def test_ten_settings_and_a_program_are_installed(self):
        self.deliver(files("shop", m.deployment("web"), *MAPS, namespace="default"))

    def test_a_changed_object_is_the_only_one_that_is_written(self):
        mark = self.cluster.audit_mark()
        changed = m.config_map("settings-3", number="33")
        self.deliver({path("shop", changed): m.text(changed)})
        self.assertEqual(self.find("ConfigMap", "settings-3")["data"], {"number": "33"})
        self.assert_written(mark, {("patch", "configmaps"): 1})

    def test_a_removed_field_goes_away(self):
        fewer = m.config_map("settings-3", other="x")
        self.deliver({path("shop", fewer): m.text(fewer)})
        self.assertEqual(self.find("ConfigMap", "settings-3")["data"], {"other": "x"})

    def test_an_update_of_a_program_waits_until_it_runs(self):
        update = m.deployment("web", image="example.com/web:2", replicas=3)
        self.deliver({path("shop", update): m.text(update)})
        web = self.find("Deployment", "web")
        self.assertEqual(web["status"]["updatedReplicas"], 3)
        self.assertEqual(web["status"]["readyReplicas"], 3)

    # Nothing to do leaves no trace of its end. So something small follows, which must then be the
    # only thing that was written.

    def only_this_is_written(self, mark, number):
        last = m.config_map("settings-0", number=number)
        self.deliver({path("shop", last): m.text(last)})
        self.assert_written(mark, {("patch", "configmaps"): 1})

    def test_a_commit_that_changes_nothing_in_the_cluster_writes_nothing(self):
        mark = self.cluster.audit_mark()
        shuffled = "\n# a comment\n" + m.text(MAPS[5])
        self.commit({"README.md": "our fleet\n", path("shop", MAPS[5]): shuffled})
        self.only_this_is_written(mark, "after nothing")

    def test_an_agent_that_is_restarted_writes_nothing(self):
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.wait_connected(False)
        self.agent.start()
        self.wait_connected()
        self.wait_status("shop", applied="applied", health="healthy")
        self.only_this_is_written(mark, "after a restart")

    def test_a_hub_that_is_restarted_makes_nothing_be_written(self):
        mark = self.cluster.audit_mark()
        self.hub.terminate()
        self.hub.start_and_wait()
        self.wait_connected()
        self.only_this_is_written(mark, "after the hub's restart")

    def test_sync_applies_everything_again_and_changes_nothing(self):
        version = self.find("ConfigMap", "settings-7")["metadata"]["resourceVersion"]
        mark = self.cluster.audit_mark()
        self.hub.run("sync", "--app", "shop", "--cluster", CLUSTER)
        self.assert_written(mark, {("patch", "configmaps"): 10, ("patch", "deployments"): 1})
        self.assertEqual(self.find("ConfigMap", "settings-7")["metadata"]["resourceVersion"],
                         version)


if __name__ == "__main__":
    story.main()
