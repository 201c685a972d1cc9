#!/usr/bin/env python3
"""The agent is killed (-9) while it applies 200 objects, again and again. In the end all are there,
none is lost from what it knows as its own, and hardly one was sent twice.
"""
import contextlib
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeproxy import DROPPED, KubeProxy  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files  # noqa: E402

OBJECTS = 200
# Sent again is what is under way at a kill (16), or was answered while the disk takes what came before.
AGAIN_PER_KILL = 40


class Killed(KubeStory):
    hub_options = ("--removal-objects-min", "1000")  # else the removals would wait to be confirmed

    @classmethod
    def make_agent(cls, again=False):
        cls.proxy = KubeProxy(cls.cluster).start()
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER, again), driver="kube",
                     kubeconfig=cls.proxy.kubeconfig("agent"))

    @contextlib.contextmanager
    def held(self, method, count, passed):
        """Lets requests about so many ConfigMaps through: so it is never done before it is killed."""
        ends, lock = threading.Event(), threading.Lock()

        def rule(its, path):
            name = path.partition("?")[0]
            if its != method or "/configmaps/" not in name:
                return None
            with lock:
                if name in passed or len(passed) < count:
                    passed.add(name)
                    return None
            ends.wait()
            return DROPPED  # who asked is dead by then
        self.proxy.rule = rule
        try:
            yield
        finally:
            self.proxy.rule = lambda method, path: DROPPED  # what came before the kill and was not looked at yet
            ends.set()

    def go_on(self):
        self.proxy.rule = lambda method, path: None
        self.agent.start()

    def made(self, app="many"):
        return len(self.admin.list("ConfigMap", "default", f"holdfast.dev/app={app}"))

    def test_it_is_killed_in_the_middle_and_goes_on(self):
        maps = [m.config_map(f"map-{i:03d}", text="x" * 2000) for i in range(OBJECTS)]
        mark = self.cluster.audit_mark()
        self.agent.kill()
        revision = self.commit(files("many", *maps, namespace="default"))
        killed, passed = (20, 60, 120), set()
        for goal in killed:
            with self.held("PATCH", goal, passed):
                self.agent.start()
                self.cluster.wait_for(lambda g=goal: self.made() >= g, what=f"{goal} objects")
                self.agent.kill()
        self.go_on()
        self.wait_until(revision)
        self.assertEqual(self.made(), OBJECTS)
        sent = self.written(mark)["patch", "configmaps"]
        print(f"    {sent} requests", flush=True)
        self.assertIn(sent, range(OBJECTS, OBJECTS + len(killed) * AGAIN_PER_KILL + 1))

    def test_every_object_was_written_once(self):
        for item in self.admin.list("ConfigMap", "default", "holdfast.dev/app=many"):
            managers = item["metadata"]["managedFields"]
            self.assertEqual(len(managers), 1)
            # The one is when the request came, the other, perhaps a second later, when it was done.
            self.assertLessEqual(managers[0]["time"], item["metadata"]["creationTimestamp"])

    def test_all_of_them_are_known_to_be_its_own(self):
        self.wait_status("many", applied="applied", health="healthy", objects=OBJECTS)
        self.repo.git("rm", "-r", "--quiet", "apps/many")
        self.commit({})
        self.cluster.wait_for(lambda: self.made() == 0, what="all to be removed")

    def test_killed_while_removing_it_goes_on_too(self):
        maps = [m.config_map(f"more-{i:03d}", x="1") for i in range(OBJECTS)]
        self.deliver(files("many", *maps, namespace="default"))
        self.repo.git("rm", "-r", "--quiet", "apps/many")
        with self.held("DELETE", 30, set()):
            self.commit({})
            self.cluster.wait_for(lambda: self.made() == OBJECTS - 30, what="some to be removed")
            self.agent.kill()
        self.go_on()
        self.cluster.wait_for(lambda: self.made() == 0, what="all to be removed")
        self.cluster.wait_for(lambda: not self.status("many"), what="the hub to forget the App")

    def test_what_left_git_while_it_was_dead_is_removed_too(self):
        """Also what was made so shortly before the end that nobody could take it down any more."""
        maps = [m.config_map(f"half-{i:03d}", x="1") for i in range(OBJECTS)]
        with self.held("PATCH", 20, set()):
            self.commit(files("half", *maps, namespace="default"))
            self.cluster.wait_for(lambda: self.made("half") == 20, what="some of them")
            self.agent.kill()
        self.cluster.stop_api()  # so that it does not go on with what it has on its disk
        self.repo.git("rm", "-r", "--quiet", "apps/half")
        revision = self.commit(files("half", maps[-1], namespace="default"))
        self.go_on()
        self.wait_until(revision, "delivered")
        self.cluster.start_api()
        self.wait_until(revision)
        self.assertEqual(self.made("half"), 1)


if __name__ == "__main__":
    story.main()
