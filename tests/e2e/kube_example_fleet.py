#!/usr/bin/env python3
"""The example fleet on a real Kubernetes: a production cluster runs it, and all flavours are valid."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.kubeclient import APPLY  # noqa: E402
from support.process import PATIENCE, wait_for  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "examples" / "fleet"
PRODUCTION = "eu-west-01"
FLAVOURS = (PRODUCTION, "stg-eu-01", "store-001")
NOT_THERE = "is not for cluster"
CHECK = "fieldManager=check&force=true&dryRun=All&fieldValidation=Strict"


class ExampleFleet(story.Story):
    kube = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.repo = GitRepo(cls.folder)
        cls.revision = cls.repo.push({str(path.relative_to(EXAMPLE)): path.read_text(encoding="utf-8")
                                      for path in sorted(EXAMPLE.rglob("*")) if path.is_file()})
        cls.hub = Hub(cls.folder, repositories=json.dumps({"repositories": [
            {"name": "fleet", "url": cls.repo.url, "pollInterval": "1m"}]}))
        cls.hub.start_and_wait()
        wait_for(lambda: cls.hub.get("clusters"), 30, "the hub to know its clusters", 0.1)
        cls.agent = Agent(cls.folder, cls.hub, PRODUCTION, cls.hub.join_token(PRODUCTION),
                          driver="kube", kubeconfig=cls.cluster.token_kubeconfig("agent"))
        cls.agent.start()

    def rendered(self, app, cluster):
        """The objects of an App for a cluster, as the command line renders them; none: not for it."""
        done = subprocess.run([program("holdfast"), "render", app, "--cluster", cluster, "-o", "json",
                               self.repo.work], text=True, capture_output=True, check=False)
        if NOT_THERE in done.stderr:
            return []
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["items"]

    def check(self, item):
        admin = self.cluster.admin
        admin.request("PATCH", f"{admin.path_of(item)}?{CHECK}", item, APPLY)

    def test_1_a_production_cluster_becomes_healthy(self):
        self.hub.run("wait", "--cluster", PRODUCTION, "--timeout", f"{90 * PATIENCE}s",
                     timeout=100 * PATIENCE)
        rows = self.hub.get("status", "--cluster", PRODUCTION)
        self.assertEqual({row["health"] for row in rows}, {"healthy"})
        self.assertGreaterEqual(len(rows), 6)

    def test_2_overlays_values_and_labels_are_there(self):
        checkout = self.cluster.admin.get("Deployment", "shop/checkout")
        pod = checkout["spec"]["template"]["spec"]
        self.assertEqual(checkout["metadata"]["labels"]["team"], "shop")
        self.assertEqual(checkout["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0)
        self.assertEqual(checkout["spec"]["replicas"], 4)
        self.assertEqual(pod["terminationGracePeriodSeconds"], 60)
        self.assertIn({"name": "PAYMENT_MODE", "value": "live"}, pod["containers"][0]["env"])

    def test_3_every_flavour_of_every_app_is_valid_to_the_api_server(self):
        apps = [row["name"] for row in self.hub.get("apps")]
        checked = 0
        for app in apps:
            for cluster in FLAVOURS:
                for item in self.rendered(app, cluster):
                    self.check(item)
                    checked += 1
        self.assertGreater(checked, 30)


if __name__ == "__main__":
    story.main()
