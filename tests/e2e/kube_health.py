#!/usr/bin/env python3
"""Health as an App wants it read: rules for kinds of its own, addresses that are waited for, a time
after which what is not healthy is degraded, and a wave that waits and says so.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402

RULES = [{"group": "example.com", "kind": "Database",
          "degraded": [{"path": "spec.phase", "in": ["Failed", "Lost"]}],
          "healthy": [{"path": "/spec/phase", "equals": "Ready"}],
          "message": "spec.why"},
         {"group": "nowhere.example.com", "kind": "Unknown",
          "healthy": [{"path": "/status/ok", "exists": True}]}]
KEY = "Database.example.com/default/orders"


def database(phase, why=""):
    return m.thing("example.com/v1", "Database", "orders", spec={"phase": phase, "why": why})


def balanced(name):
    return m.thing("v1", "Service", name, spec={
        "type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": 80}]})


class Health(KubeStory):

    def test_a_rule_from_git_says_how_an_object_of_its_kind_is(self):
        self.deliver(files("kinds", m.crd("databases", "Database"), namespace="default"))
        self.commit(files("orders", database("New", "it is being filled"), namespace="default",
                          health={"rules": RULES}))
        self.wait_object(KEY, health="progressing", message="^it is being filled$")
        bad = database("Failed", "the disk is full")
        self.commit({path("orders", bad): m.text(bad)})
        self.wait_status("orders", applied="applied", health="degraded",
                         healthMessage=f"^{KEY}: the disk is full$")
        good = database("Ready")
        self.deliver({path("orders", good): m.text(good)})

    def test_without_rules_the_object_has_its_own_health_again(self):
        strange = database("Lost")
        revision = self.commit({path("orders", strange): m.text(strange)})
        self.wait_status("orders", health="degraded", revision=revision)
        self.deliver(files("orders", strange, namespace="default"))
        self.wait_object(KEY, health="healthy")

    def test_an_address_is_waited_for_where_the_app_says_so(self):
        self.deliver(files("plain", balanced("plain"), namespace="default"))
        self.commit(files("public", balanced("public"), namespace="default",
                          health={"addresses": True}))
        self.wait_object("Service/default/public", health="progressing", message="address")
        self.give_address("public")
        self.wait_status("public", applied="applied", health="healthy")

    def give_address(self, name):
        self.admin.request("PATCH", f"/api/v1/namespaces/default/services/{name}/status",
                           {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}},
                           "application/merge-patch+json")

    def test_what_is_not_healthy_in_time_is_degraded_and_so_says_who_waits(self):
        after = m.config_map("after", x="1")
        after["metadata"]["annotations"] = {"holdfast.dev/wave": "1"}
        self.commit({
            **files("slow", balanced("slow"), after, namespace="default",
                    health={"addresses": True, "timeout": "2s"}),
            **files("next", m.config_map("next", x="1"), namespace="default",
                    dependsOn=[{"name": "slow"}])})
        why = "Service/default/slow: no load balancer has given it an address yet$"
        self.wait_status("slow", applied="failed", health="degraded",
                         healthMessage=f"^not healthy after 2s: {why}",
                         message="^wave 1 waits longer than health.timeout allows until "
                                 "Service/default/slow is healthy: no load balancer")
        self.wait_status("next", applied="pending", message="waits for App 'slow'")
        degraded = [event for event in self.events("app.degraded") if event["app"] == "slow"]
        self.assertRegex(degraded[-1]["message"], f"^not healthy after 2s: {why}")
        shown = self.hub.run("describe", "app", "slow", "--cluster", CLUSTER).stdout
        self.assertIn("not healthy after 2s", shown)

    def test_it_goes_on_when_it_is_healthy_after_all(self):
        self.give_address("slow")
        for name in ("slow", "next"):
            self.wait_status(name, applied="applied", health="healthy")
        recovered = [event for event in self.events("app.recovered") if event["app"] == "slow"]
        self.assertTrue(recovered)


if __name__ == "__main__":
    story.main()
