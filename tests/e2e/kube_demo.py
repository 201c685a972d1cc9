#!/usr/bin/env python3
"""The demonstration with a real cluster beside the simulated ones: `make demo KUBECONFIG=FILE`."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402

LONG = 1000  # seconds; a bound for a machine that hangs
DEMO = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "demo" / "demo.sh"


class Demo(story.Story):
    kube = {}

    def demo(self, kubeconfig):
        """Runs the demonstration; returns its exit code and what it showed."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        done = subprocess.run([DEMO, str(kubeconfig)], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONG,
                              check=False, env={**os.environ, "TMPDIR": str(temporary),
                                                "HOLDFAST_BIN": str(program("holdfast").parent)})
        self.assertEqual(list(temporary.iterdir()), [], "it leaves nothing behind")
        return done.returncode, done.stdout

    def test_the_fleet_reaches_the_real_cluster(self):
        code, shown = self.demo(self.cluster.token_kubeconfig("agent"))
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"rendered 51, delivered 51, applied 51")
        self.assertRegex(shown, r"checkout +real .*applied +healthy")
        self.assertIn("delete namespace shop observability holdfast-system", shown)
        checkout = self.cluster.admin.get("Deployment", "shop/checkout")
        self.assertIn("checkout:1.5.0",
                      checkout["spec"]["template"]["spec"]["containers"][0]["image"])
        self.cluster.wait_ready("Deployment", "shop/checkout")

    def test_a_second_time_it_takes_over_what_is_there(self):
        uid = self.cluster.admin.get("Deployment", "shop/checkout")["metadata"]["uid"]
        code, shown = self.demo(self.cluster.token_kubeconfig("agent"))
        self.assertEqual(code, 0, shown)
        self.assertEqual(self.cluster.admin.get("Deployment", "shop/checkout")["metadata"]["uid"],
                         uid)

    def test_what_it_says_to_do_takes_everything_away(self):
        spaces = ("shop", "observability", "holdfast-system")
        for name in spaces:
            self.cluster.admin.delete("Namespace", name)
        self.cluster.wait_for(lambda: not any(
            self.cluster.admin.find("Namespace", name) for name in spaces))
        for kind in ("Deployment", "DaemonSet", "Service", "ClusterRole", "ClusterRoleBinding"):
            self.assertEqual(
                self.cluster.admin.list(kind, labels="applyset.kubernetes.io/part-of"), [])

    def test_a_wrong_file_is_told_at_once(self):
        code, shown = self.demo(self.folder / "nowhere")
        self.assertEqual(code, 1)
        self.assertIn("nowhere', which cannot be read", shown)
        bad = self.folder / "bad"
        bad.write_text("contexts: []\n", encoding="ascii")
        code, shown = self.demo(bad)
        self.assertEqual(code, 1)
        self.assertIn("the agent of the real cluster gave up", shown)
        self.assertIn("no current-context", shown)


if __name__ == "__main__":
    story.main()
