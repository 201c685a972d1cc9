"""1,000 Apps of ConfigMap, Service and Deployment on a real API server, against a bare curl loop.

The baseline is what the API server can do: `curl --http2 --parallel` of the same 3,000 server-side
applies, and waiting for the same Deployments to be available. All run here, one after the other, on
the same server, in namespaces of their own; the baseline before us and after us, because machine
and server are not the same from one minute to the next. The baseline's clock runs from curl's
start; ours from the webhook, when the commit is in Git, until the hub's API says so: fetching,
rendering, the way to the agent and back are in it. Both look five times a second. The same again
with one object changed in each App, where the loop is over when curl is, and we look more often.

Then what an agent costs that has nothing to do (kube_idle.py), how soon it sees and undoes what
somebody changes, and what objects of a megabyte do to its memory.

The Deployments have no replicas, here and in the loop: they are available once the controllers saw
them. What the test Kubernetes needs for a thousand pods would hide what is measured.

On a machine that does other things, too, compare the CPU time that all of Kubernetes and we took.

It takes four to five minutes on two idle cores, a minute less with 100 Apps; each wait has a
deadline, after which it fails.

HOLDFAST_BENCH_APPS: another number of Apps.
"""
import collections
import datetime
import json
import os
import random
import resource
import subprocess
import time

import bench
import kube_idle
from support.agent import Agent
from support.kube import KubeCluster

APPS = int(os.environ.get("HOLDFAST_BENCH_APPS", "1000"))
LOOK_SECONDS = 0.2
CHANGED_LOOK_SECONDS = 0.05  # the loop of the same applies ends when it ends
REPLICAS = 0
# What we aim at.
READY_RATIO = CHANGED_RATIO = 1.15
RESTART_SECONDS, DRIFT_SECONDS = 2, 1
RESIDENT_KIB, PEAK_KIB, IDLE_CPU_PERCENT = 16 * 1024, 32 * 1024, 0.2
STEADY_SECONDS = 10  # long enough for anything that would still be written
CHANGES = 100  # of somebody else, for the percentiles
LARGE, LARGE_BYTES = 3, 1_000_000


def objects(namespace, i, number=0):
    name = f"app-{i:04d}"
    labels = {"app": name}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap",
         "metadata": {"name": name, "namespace": namespace},
         "data": {"number": str(number)}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
         "spec": {"selector": labels, "ports": [{"port": 80}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment",
         "metadata": {"name": name, "namespace": namespace},
         "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels},
                               "spec": {"containers": [{"name": "web", "image": "test/web:1"}]}}}},
    ]


def base():
    """The cluster, and the namespace, which the baseline has before its clock runs, too."""
    return {"clusters/real.yaml": bench.cluster("real"), "apps/base/app.yaml": bench.app("base"),
            "apps/base/namespace.yaml": json.dumps(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ours"}})}


def drift_of(i):
    """Half of the Apps undo what others change."""
    return "correct" if i % 2 else "report"


def files():
    text = {}
    for i in range(APPS):
        folder = f"apps/app-{i:04d}"
        text[f"{folder}/app.yaml"] = bench.app(f"app-{i:04d}", drift=drift_of(i))
        for item in objects("ours", i):
            text[f"{folder}/{item['kind'].lower()}.json"] = json.dumps(item)
    return text


def changed(namespace):
    """The objects of a change: of each App the ConfigMap."""
    return [objects(namespace, i, 1)[0] for i in range(APPS)]


def changed_files():
    return {f"apps/app-{i:04d}/configmap.json": json.dumps(item)
            for i, item in enumerate(changed("ours"))}


def large_files():
    """An App of definitions that are as large as an API server takes."""
    text = {"apps/large/app.yaml": bench.app("large")}
    for i in range(LARGE):
        words = "what this field means " * 10
        fields = {f"field{n:05d}": {"type": "string", "description": words}
                  for n in range(LARGE_BYTES // 280)}
        text[f"apps/large/{i}.json"] = json.dumps({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"large{i}s.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced",
                     "names": {"plural": f"large{i}s", "kind": f"Large{i}"},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                         "openAPIV3Schema": {"type": "object", "properties": fields}}}]}})
    return text


def curl_config(cluster, folder, items):
    """One request after the other in curl's own configuration language."""
    lines = []
    for number, item in enumerate(items):
        body = folder / f"{number}.json"
        body.write_text(json.dumps(item), encoding="utf-8")
        url = cluster.server + cluster.admin.path_of(item)
        lines += [f'url = "{url}?fieldManager=curl&force=true"', "request = PATCH",
                  'header = "Content-Type: application/apply-patch+yaml"',
                  'header = "Authorization: Bearer ' + cluster.tokens["admin"] + '"',
                  f'data-binary = "@{body}"', f'cacert = "{cluster.ca_file}"',
                  'output = "/dev/null"', "http2", "fail", "next"]
    config = folder / "curl.conf"
    config.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    return config


def is_ready(item):
    """What the agent calls healthy: this very Deployment was seen, and is available."""
    status = item.get("status", {})
    return status.get("observedGeneration") == item["metadata"]["generation"] and any(
        c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions", []))


def ready(cluster, namespace):
    """How many Deployments of the namespace are."""
    return sum(map(is_ready, cluster.admin.list("Deployment", namespace, api_version="apps/v1")))


class CpuTime:
    """CPU seconds that each process spends until spent() is asked."""

    def __init__(self, *processes):
        self.processes = processes
        self.before = self._now()

    def _now(self):
        ours, children = os.times(), resource.getrusage(resource.RUSAGE_CHILDREN)
        return {**{process.name: bench.cpu_seconds(process) for process in self.processes},
                "the bench": ours.user + ours.system,
                "its children": children.ru_utime + children.ru_stime}

    def spent(self):
        return {name: value - self.before[name] for name, value in self._now().items()}


def curl(cluster, folder, items):
    """How long the bare loop takes."""
    config = curl_config(cluster, folder, items)
    began = time.monotonic()
    subprocess.run(["curl", "--silent", "--parallel", "--parallel-max", "16",
                    "--config", config], check=True, timeout=300, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def bare_loop(cluster, folder, namespace):
    cluster.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    cpu = CpuTime(*cluster.processes)
    began = time.monotonic()
    applied = curl(cluster, folder, [item for i in range(APPS) for item in objects(namespace, i)])
    bench.wait_for(lambda: ready(cluster, namespace) == APPS, 300, "the Deployments",
                   LOOK_SECONDS)
    return {"applied": applied, "ready": time.monotonic() - began}, cpu.spent()


def seconds_of(event):
    text = event["stageTimestamp"].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(text).timestamp()


def audit(cluster, mark):
    """What the API server was asked since then: the agent's requests counted, and when it answered
    to the agent's applies and to the controllers' updates of status."""
    counts = collections.Counter()
    times = {"agent": [], "controllers": []}
    with open(cluster.audit_log, "rb") as log:
        log.seek(mark)
        for line in log:
            event = json.loads(line)
            reference, user = event.get("objectRef", {}), event["user"]["username"]
            if event["stage"] != "ResponseComplete":
                continue
            if user == "agent":
                counts[f"{event['verb']} {reference.get('resource', event['requestURI'])}"] += 1
            wanted = {"agent": ("patch", None), "controllers": ("update", "status")}.get(user)
            if reference.get("namespace") == "ours" and wanted == (event["verb"],
                                                                  reference.get("subresource")):
                times[user].append(seconds_of(event))
    return dict(counts), times


def wait_stage(fleet, revision, stage, look_seconds=LOOK_SECONDS):
    def done():
        now = fleet.rollout(revision)
        return now["resolved"] and now[stage] == now["pairs"]
    bench.wait_for(done, 600, f"{stage} everywhere", look_seconds)


def our_way(cluster, fleet, agent):
    revision = fleet.repo.push(files(), f"{APPS} apps")
    mark = cluster.audit_mark()
    cpu = CpuTime(*cluster.processes, fleet.hub, agent)
    began, began_unix = time.monotonic(), time.time()
    fleet.webhook()
    wait_stage(fleet, revision, "applied")
    applied = time.monotonic() - began
    wait_stage(fleet, revision, "healthy")
    result = {"applied": applied, "ready": time.monotonic() - began}
    spent = cpu.spent()
    counts, times = audit(cluster, mark)
    return {**result, "first object applied": min(times["agent"]) - began_unix,
            "last object applied": max(times["agent"]) - began_unix,
            "last status updated": max(times["controllers"]) - began_unix}, spent, counts


def restart(fleet, agent):
    """Until the new process has said of each App that it is applied and healthy."""
    agent.terminate()
    began, began_ms = time.monotonic(), time.time() * 1000

    def said():
        items = fleet.api("/api/v1/status?limit=5000")["items"]
        return len(items) == APPS + 1 and all(
            item["atMs"] >= began_ms and item["upToDate"] and item["health"] == "healthy"
            for item in items)
    agent.start()
    bench.wait_for(said, 300, "the new process to speak of each App", LOOK_SECONDS)
    return time.monotonic() - began


def without_bench(cpu):
    return sum(seconds for name, seconds in cpu.items() if name != "the bench")


def mean(one, other):
    return {name: (one[name] + other[name]) / 2 for name in one}


def rounded(seconds):
    return {name: round(value, 2) for name, value in seconds.items()}


def one_changed(cluster, folder, fleet):
    """One object of each App: the loop, we, the loop again; in seconds until applied."""
    before = curl(cluster, folder, changed("before"))
    revision = fleet.repo.push(changed_files(), "a change of each")
    began = time.monotonic()
    fleet.webhook()
    wait_stage(fleet, revision, "applied", CHANGED_LOOK_SECONDS)
    ours = time.monotonic() - began
    return {"before": before, "holdfast": ours, "after": curl(cluster, folder, changed("after"))}


def writes(cluster, mark):
    """Of the agent after a mark, but those to its inventory: one follows each new manifest."""
    return sum(count for (_, _, resource), count in cluster.writes("agent", mark).items()
               if resource != "inventory")


def nothing_changed(cluster, fleet):
    """How often the agent writes after a commit that changes nothing."""
    mark = cluster.audit_mark()
    revision = fleet.repo.push({"README.md": "nothing that clusters run\n"}, "no change")
    fleet.webhook()
    fleet.wait_resolved(revision)
    time.sleep(STEADY_SECONDS)
    return writes(cluster, mark)


def seconds_until(condition, began, what):
    bench.wait_for(condition, 60, what, 0.01)
    return time.monotonic() - began


def somebody_changes(cluster, fleet):
    """How soon the hub tells of a change, and how soon one is undone, in seconds."""
    told, undone = [], []
    for change in range(CHANGES):
        i = 2 * change % APPS
        for number in (i, i + 1):
            cluster.admin.patch("ConfigMap", f"ours/app-{number:04d}", {"data": {"number": "7"}})
        began = time.monotonic()
        undone.append(seconds_until(
            lambda i=i: cluster.admin.get("ConfigMap", f"ours/app-{i + 1:04d}")
            ["data"]["number"] == "1", began, "a change to be undone"))
        told.append(seconds_until(
            lambda i=i: fleet.api(f"/api/v1/drift?app=app-{i:04d}")["items"], began,
            "a change to be told"))
        time.sleep(random.random())
    return told, undone


def percentiles(seconds):
    return {"p50": round(bench.percentile(seconds, .5), 3),
            "p99": bench.aim(round(bench.percentile(seconds, .99), 3), DRIFT_SECONDS)}


def large_objects(fleet, agent):
    """The most memory that the agent had while it applied them."""
    kube_idle.forget_peak(agent)
    revision = fleet.repo.push(large_files(), "large objects")
    fleet.webhook()
    wait_stage(fleet, revision, "healthy")
    return kube_idle.peak(agent)


def restarts(cluster, fleet, agent):
    mark = cluster.audit_mark()
    seconds = restart(fleet, agent)
    time.sleep(STEADY_SECONDS)
    return seconds, writes(cluster, mark), kube_idle.memory(agent)


def install(cluster, folder):
    fleet = bench.Fleet(folder, base())
    fleet.wait_resolved(fleet.first)
    agent = Agent(folder, fleet.hub, "real", fleet.hub.join_token("real"), driver="kube",
                  kubeconfig=cluster.token_kubeconfig("agent"))
    agent.start()
    fleet.wait_done(fleet.first)
    return fleet, agent


def speed(cluster, folder, fleet, agent):
    """All new, and one changed object in each App, beside the loops."""
    before, cpu_before = bare_loop(cluster, folder, "before")
    ours, our_cpu, requests = our_way(cluster, fleet, agent)
    after, cpu_after = bare_loop(cluster, folder, "after")
    bare, bare_cpu = mean(before, after), mean(cpu_before, cpu_after)
    change = one_changed(cluster, folder, fleet)
    changed_ratio = 2 * change["holdfast"] / (change["before"] + change["after"])
    return {
        "bare loop before, seconds": rounded(before),
        "bare loop after, seconds": rounded(after),
        "holdfast, seconds": rounded(ours),
        "ratio applied": round(ours["applied"] / bare["applied"], 2),
        "ratio ready": bench.aim(round(ours["ready"] / bare["ready"], 2), READY_RATIO),
        "ratio of CPU time": round(without_bench(our_cpu) / without_bench(bare_cpu), 2),
        "bare loop, CPU seconds": rounded(bare_cpu),
        "holdfast, CPU seconds": rounded(our_cpu),
        "requests of the agent": requests,
        "one changed object in each App, seconds": rounded(change),
        "ratio changed": bench.aim(round(changed_ratio, 2), CHANGED_RATIO),
    }


def rest(cluster, fleet, agent):
    """What it does when there is little or nothing to do."""
    writes = nothing_changed(cluster, fleet)
    idle = kube_idle.minute(cluster, agent)
    seconds, writes_again, restarted = restarts(cluster, fleet, agent)
    told, undone = somebody_changes(cluster, fleet)
    peak = large_objects(fleet, agent)
    return {
        "writes after a commit that changes nothing": bench.aim(writes, 0),
        "agent resident when steady, KiB": bench.aim(idle["memory"]["resident"], RESIDENT_KIB),
        "agent when steady, KiB": idle["memory"],
        "agent idle, percent of a core": bench.aim(idle["cpu percent"], IDLE_CPU_PERCENT),
        "agent idle, requests in a minute": bench.aim(sum(idle["requests"].values()), 0),
        "agent idle, which requests": idle["requests"],
        "agent restarted and in sync, seconds": bench.aim(round(seconds, 2), RESTART_SECONDS),
        "writes after a restart": bench.aim(writes_again, 0),
        "agent after a restart, KiB": restarted,
        "a change told by the hub, seconds": percentiles(told),
        "a change undone, seconds": percentiles(undone),
        "agent resident at most, with objects of 1 MB, KiB": bench.aim(peak, PEAK_KIB),
    }


def run(folder):
    folder.mkdir(parents=True, exist_ok=True)
    cluster = KubeCluster(folder).start()
    fleet, agent = install(cluster, folder)
    result = {"apps": APPS, "objects": 3 * APPS, "replicas of each Deployment": REPLICAS,
              **speed(cluster, folder, fleet, agent), **rest(cluster, fleet, agent)}
    agent.terminate()
    fleet.hub.terminate()
    cluster.stop()
    return result
