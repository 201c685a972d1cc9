"""1,000 Apps of ConfigMap, Service and Deployment on a real API server, against a bare curl loop.

The baseline is what the API server can do: `curl --http2 --parallel` of the same 3,000 server-side
applies, and waiting for the same Deployments to be available. Both run here, one after the other, on
the same server, in namespaces of their own.
"""
import json
import subprocess

import bench
from support.agent import Agent
from support.kube import KubeCluster

APPS = 1000


def objects(namespace, i):
    name = f"app-{i:04d}"
    labels = {"app": name}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
         "data": {"number": str(i)}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
         "spec": {"selector": labels, "ports": [{"port": 80}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment",
         "metadata": {"name": name, "namespace": namespace},
         "spec": {"replicas": 0, "selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels},
                               "spec": {"containers": [{"name": "web", "image": "test/web:1"}]}}}},
    ]


def files():
    text = {"clusters/real.yaml": bench.cluster("real"),
            "apps/base/app.yaml": bench.app("base"),
            "apps/base/namespace.yaml": json.dumps(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ours"}})}
    for i in range(APPS):
        folder = f"apps/app-{i:04d}"
        text[f"{folder}/app.yaml"] = bench.app(f"app-{i:04d}")
        for item in objects("ours", i):
            text[f"{folder}/{item['kind'].lower()}.json"] = json.dumps(item)
    return text


def curl_config(cluster, folder):
    """One request after the other in curl's own configuration language."""
    lines = []
    for i in range(APPS):
        for item in objects("bare", i):
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


def ready(cluster, namespace):
    """How many Deployments of the namespace the controller has seen to be available."""
    items = cluster.admin.list("Deployment", namespace, api_version="apps/v1")
    return sum(any(c["type"] == "Available" and c["status"] == "True"
                   for c in item.get("status", {}).get("conditions", [])) for item in items)


def bare_loop(cluster, folder):
    cluster.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bare"}})
    config = curl_config(cluster, folder)
    began = bench.time.monotonic()
    subprocess.run(["curl", "--silent", "--show-error", "--parallel", "--parallel-max", "8",
                    "--config", config], check=True, timeout=300)
    applied = bench.time.monotonic() - began
    bench.wait_for(lambda: ready(cluster, "bare") == APPS, 300, "the bare Deployments", 0.5)
    return applied, bench.time.monotonic() - began


def run(folder):
    folder.mkdir(parents=True, exist_ok=True)
    cluster = KubeCluster(folder).start()
    bare_applied, bare_ready = bare_loop(cluster, folder)
    fleet = bench.Fleet(folder, {"clusters/real.yaml": bench.cluster("real")})
    fleet.wait_resolved(fleet.first)
    agent = Agent(folder, fleet.hub, "real", fleet.hub.join_token("real"), driver="kube",
                  kubeconfig=cluster.token_kubeconfig("agent"))
    agent.start()
    bench.wait_for(lambda: fleet.api("/api/v1/summary")["connected"] == 1, 30, "the agent")

    began = bench.time.monotonic()
    revision = fleet.repo.push(files(), "1,000 apps")
    fleet.webhook()
    fleet.wait_done(revision, "applied", 600)
    ours_applied = bench.time.monotonic() - began
    fleet.wait_done(revision, "healthy", 600)
    ours_ready = bench.time.monotonic() - began

    mark = cluster.audit_mark()
    revision = fleet.repo.push({"README.md": "nothing that clusters run\n"}, "no change")
    fleet.webhook()
    fleet.wait_resolved(revision)
    bench.time.sleep(10)  # long enough for anything that would still be written
    writes = cluster.writes("agent", mark)
    resident = agent.rss_kib()

    agent.terminate()
    began = bench.time.monotonic()
    agent.start()
    bench.wait_for(lambda: fleet.api("/api/v1/summary")["connected"] == 1, 30, "the agent")
    fleet.wait_done(stage="healthy")
    restart = bench.time.monotonic() - began
    bench.time.sleep(10)
    result = {
        "apps": APPS, "objects": 3 * APPS,
        "bare loop, seconds": {"applied": round(bare_applied, 2), "ready": round(bare_ready, 2)},
        "holdfast, seconds": {"applied": round(ours_applied, 2), "ready": round(ours_ready, 2)},
        "ratio applied": round(ours_applied / bare_applied, 2),
        "ratio ready": round(ours_ready / bare_ready, 2),
        "writes after a commit that changes nothing": writes,
        "agent restarted and in sync, seconds": round(restart, 2),
        "writes after a restart": cluster.writes("agent", mark) - writes,
        "agent resident when steady, KiB": resident,
        "agent resident after a restart, KiB": agent.rss_kib(),
    }
    agent.terminate()
    fleet.hub.terminate()
    cluster.stop()
    return result
