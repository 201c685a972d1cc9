"""What `holdfast plan` and `validate` take on a Git repository of 10,000 clusters and 20 Apps.

Everything is in it: the start of the program, reading from Git, making the fleet, comparing,
writing. The fleet is that of memory_fleet.h.
"""
import os
import subprocess
import time

from bench import percentile
from support.gitrepo import GitRepo
from support.hub import program

CLUSTERS = 10000
APPS = 20
ROUNDS = 5
ENVIRONMENTS = ("dev", "staging", "production")

CLUSTER = """\
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata:
  name: cluster-{i:05}
  labels: {{env: {env}, region: region-{region}, site: site-{site}, ring: a}}
spec:
  values: {{address: 10.{high}.{low}.1, replicas: {replicas}, unused: 0}}
"""

GROUP = """\
apiVersion: holdfast/v1alpha1
kind: ClusterGroup
metadata: {{name: group-{i}}}
spec:
  clusterSelector: {{matchLabels: {{region: region-{i}}}}}
"""

APP = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {{name: app-{i:02}}}
spec:
  namespace: app-{i:02}
  values: {{address: none}}
  targets:
    - clusterGroup: group-{i}
    - {{clusterSelector: {{matchLabels: {{site: site-{site}}}}}, doNotDeploy: true}}
    - clusterSelector: {{}}
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: object-{k}, labels: {{app: app-{i:02}}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: object-{k}}}}}
  template:
    metadata: {{labels: {{app: object-{k}}}}}
    spec:
      containers:
        - name: main
          image: registry.example.com/app-{i:02}:1.{version}
          env: [{{name: VALUE, value: "{value}"}}]
          ports: [{{name: http, containerPort: 8080}}]
          resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}
"""


def deployment(i, k, version=0):
    """Every fourth App has a value that no two clusters share, the others one of three."""
    value = "fixed" if k else "${address}" if i % 4 == 0 else "${replicas}"
    return {f"apps/app-{i:02}/object-{k}.yaml":
            DEPLOYMENT.format(i=i, k=k, version=version, value=value)}


def fleet():
    files = {}
    for i in range(CLUSTERS):
        files[f"clusters/region-{i % APPS}/cluster-{i:05}.yaml"] = CLUSTER.format(
            i=i, env=ENVIRONMENTS[i % 3], region=i % APPS, site=i % 500, high=i // 256, low=i % 256,
            replicas=1 + i % 3)
    for i in range(APPS):
        files[f"groups/group-{i}.yaml"] = GROUP.format(i=i)
        files[f"apps/app-{i:02}/app.yaml"] = APP.format(i=i, site=400 + i)
        for k in range(6):
            files.update(deployment(i, k))
    return files


def measure(repo, *words):
    """Median of wall clock and of processor time, in milliseconds."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before = os.times()
        began = time.monotonic()
        subprocess.run([program("holdfast"), *words], cwd=repo.work, check=True,
                       stdout=subprocess.DEVNULL)
        walls.append((time.monotonic() - began) * 1000)
        after = os.times()
        cpus.append((after.children_user + after.children_system - before.children_user -
                     before.children_system) * 1000)
    return {"wall, ms": round(percentile(walls, 0.5)), "cpu, ms": round(percentile(cpus, 0.5))}


def run(folder):
    repo = GitRepo(folder)
    repo.git("config", "gc.auto", "0")
    repo.commit(fleet(), "the fleet")
    repo.commit(deployment(1, 1, version=1), "one image")
    repo.commit({path: text for i in range(APPS) for path, text in deployment(i, 0, 2).items()},
                "all images")
    repo.git("repack", "-a", "-d", "--quiet")
    repo.write(deployment(2, 2, version=3))
    return {"clusters": CLUSTERS, "apps": APPS,
            "validate": measure(repo, "validate"),
            "plan of one image": measure(repo, "plan", "HEAD~2..HEAD~1"),
            "plan of all images": measure(repo, "plan", "HEAD~1..HEAD"),
            "plan of the working copy": measure(repo, "plan")}
