"""1,000 Apps of ConfigMap, Service and Deployment on a real API server, against a bare curl loop.

The baseline is what the API server can do: `curl --http2 --parallel` of the same 3,000 server-side
applies, and waiting for the same Deployments to be available. All run here, one after the other, on
the same server, in namespaces of their own; the baseline before us and after us, because machine
and server are not the same from one minute to the next. The baseline's clock runs from curl's
start; ours from the webhook, when the commit is in Git, until the hub's API says so: fetching,
rendering, the way to the agent and back are in it. Both look five times a second.

The Deployments have no replicas, here and in the loop: they are available once the controllers saw
them. What the test Kubernetes needs for a thousand pods would hide what is measured.

On a machine that does other things, too, compare the CPU time that all of Kubernetes and we took.

HOLDFAST_BENCH_APPS: another number of Apps.
"""
import collections
import datetime
import json
import os
import pathlib
import resource
import subprocess
import time

import bench
from support.agent import Agent
from support.kube import KubeCluster

APPS = int(os.environ.get("HOLDFAST_BENCH_APPS", "1000"))
LOOK_SECONDS = 0.2
REPLICAS = 0
READY_RATIO, RESIDENT_KIB = 1.15, 16 * 1024  # what we aim at
STEADY_SECONDS = 10  # long enough for anything that would still be written


def objects(namespace, i):
    name = f"app-{i:04d}"
    labels = {"app": name}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap",
         "metadata": {"name": name, "namespace": namespace}, "data": {"number": str(i)}},
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


def files():
    text = {}
    for i in range(APPS):
        folder = f"apps/app-{i:04d}"
        text[f"{folder}/app.yaml"] = bench.app(f"app-{i:04d}")
        for item in objects("ours", i):
            text[f"{folder}/{item['kind'].lower()}.json"] = json.dumps(item)
    return text


def curl_config(cluster, folder, namespace):
    """One request after the other in curl's own configuration language."""
    lines = []
    for i in range(APPS):
        for item in objects(namespace, i):
            body = folder / f"{item['kind']}-{i}.json"
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


def bare_loop(cluster, folder, namespace):
    cluster.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    config = curl_config(cluster, folder, namespace)
    cpu = CpuTime(*cluster.processes)
    began = time.monotonic()
    subprocess.run(["curl", "--silent", "--parallel", "--parallel-max", "8",
                    "--config", config], check=True, timeout=300, stderr=subprocess.DEVNULL)
    applied = time.monotonic() - began
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


def wait_stage(fleet, revision, stage):
    def done():
        now = fleet.rollout(revision)
        return now["resolved"] and now[stage] == now["pairs"]
    bench.wait_for(done, 600, f"{stage} everywhere", LOOK_SECONDS)


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


def memory(agent):
    """What the kernel counts as the agent's, in KiB.

    Of pages that it shares with other programs (libraries) pss has a part and private has none.
    """
    rollup = pathlib.Path(f"/proc/{agent.pid}/smaps_rollup").read_text(encoding="ascii")
    fields = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
    return {"resident": fields["Rss"], "proportional (pss)": fields["Pss"],
            "private": fields["Private_Dirty"] + fields["Private_Clean"]}


def memory_when_steady(agent):
    """The most of ten looks, a second apart."""
    looks = []
    for _ in range(STEADY_SECONDS):
        time.sleep(1)
        looks.append(memory(agent))
    return {name: max(look[name] for look in looks) for name in looks[0]}


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


def run(folder):
    folder.mkdir(parents=True, exist_ok=True)
    cluster = KubeCluster(folder).start()
    before, cpu_before = bare_loop(cluster, folder, "before")
    fleet = bench.Fleet(folder, base())
    fleet.wait_resolved(fleet.first)
    agent = Agent(folder, fleet.hub, "real", fleet.hub.join_token("real"), driver="kube",
                  kubeconfig=cluster.token_kubeconfig("agent"))
    agent.start()
    fleet.wait_done(fleet.first)
    ours, our_cpu, requests = our_way(cluster, fleet, agent)

    mark = cluster.audit_mark()
    revision = fleet.repo.push({"README.md": "nothing that clusters run\n"}, "no change")
    fleet.webhook()
    fleet.wait_resolved(revision)
    time.sleep(STEADY_SECONDS)
    steady = memory_when_steady(agent)
    writes = sum(cluster.writes("agent", mark).values())

    mark = cluster.audit_mark()
    seconds = restart(fleet, agent)
    time.sleep(STEADY_SECONDS)
    restarted = memory_when_steady(agent)
    writes_again = sum(cluster.writes("agent", mark).values())
    agent.terminate()
    fleet.hub.terminate()

    after, cpu_after = bare_loop(cluster, folder, "after")
    bare, bare_cpu = mean(before, after), mean(cpu_before, cpu_after)
    result = {
        "apps": APPS, "objects": 3 * APPS, "replicas of each Deployment": REPLICAS,
        "bare loop before, seconds": rounded(before),
        "bare loop after, seconds": rounded(after),
        "holdfast, seconds": rounded(ours),
        "ratio applied": round(ours["applied"] / bare["applied"], 2),
        "ratio ready": bench.aim(round(ours["ready"] / bare["ready"], 2), READY_RATIO),
        "ratio of CPU time": round(without_bench(our_cpu) / without_bench(bare_cpu), 2),
        "bare loop, CPU seconds": rounded(bare_cpu),
        "holdfast, CPU seconds": rounded(our_cpu),
        "requests of the agent": requests,
        "writes after a commit that changes nothing": bench.aim(writes, 0),
        "agent restarted and in sync, seconds": round(seconds, 2),
        "writes after a restart": writes_again,
        "agent resident when steady, KiB": bench.aim(steady["resident"], RESIDENT_KIB),
        "agent when steady, KiB": steady,
        "agent after a restart, KiB": restarted,
    }
    cluster.stop()
    return result
