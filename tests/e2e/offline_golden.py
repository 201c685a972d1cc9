#!/usr/bin/env python3
"""What render and plan print of the fleet in tests/golden, byte for byte.

HOLDFAST_GOLDEN=write writes the files in tests/golden anew; look at the difference then.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import program  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def run(*words):
    done = subprocess.run([program("holdfast"), *map(str, words)], capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


class Golden(story.Story):

    maxDiff = None

    def expect(self, name, content):
        path = GOLDEN / name
        if os.environ.get("HOLDFAST_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        self.assertEqual(path.read_text(encoding="utf-8"), content.decode(), name)

    def test_every_app_on_every_cluster(self):
        for app in ("base", "shop"):
            for cluster in ("eu-1", "us-1", "test-1"):
                words = ("render", app, GOLDEN / "fleet", "--cluster", cluster)
                self.expect(f"render/{app}.{cluster}.yaml", run(*words))
                self.assertEqual(run(*words), run(*words), "twice the same bytes")

    def test_a_change_of_several_apps(self):
        repo = GitRepo(self.folder)
        shutil.copytree(GOLDEN / "fleet", repo.work, dirs_exist_ok=True)
        repo.push({})
        app = (repo.work / "apps/shop/app.yaml").read_text(encoding="utf-8")
        config = (repo.work / "apps/shop/config.yaml").read_text(encoding="utf-8")
        repo.push({
            "apps/shop/app.yaml": app.replace("1.5.0", "1.6.0").replace("replicas: 2", "replicas: 3"),
            "apps/shop/config.yaml": config.replace("listen 8080;", "listen 8081;\n      gzip on;")
                                           .replace("not-shown", "not-shown-either"),
            "apps/shop/overlays/eu/web.yaml": None,
            "apps/shop/overlays/eu/gone.yaml": "apiVersion: v1\nkind: ConfigMap\n"
                                              "metadata: {name: settings}\ndata: {currency: EUR}\n",
            "apps/base/namespaces.json": '{"apiVersion": "v1", "kind": "Namespace",'
                                         ' "metadata": {"name": "shop"}}\n',
            "clusters/new.yaml": "apiVersion: holdfast/v1alpha1\nkind: Cluster\n"
                                 "metadata: {name: eu-2, labels: {env: production, region: eu}}\n"
                                 "spec: {values: {domain: two.example.com}}\n"})
        for output, name in (("text", "plan.txt"), ("markdown", "plan.md"), ("json", "plan.json")):
            text = run("plan", "HEAD~1..HEAD", repo.work, "-o", output)
            self.assertNotIn(b"not-shown", text)
            self.expect(f"plan/{name}", re.sub(rb"\([0-9a-f]{7}\)", b"(0123456)", text))


if __name__ == "__main__":
    story.main()
