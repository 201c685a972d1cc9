"""One commit to 1,000 clusters, each with a value of its own in it, until all is acknowledged.

Git, hub and 1,000 real agents (simulated clusters, mutual TLS, one durable log each) on one machine.
"""
import bench

CLUSTERS = 1000


def files():
    text = {"apps/web/app.yaml": bench.app("web", namespace="shop"),
            "apps/web/config.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {cluster: "${cluster.name}", number: "${number}", version: "1"}
"""}
    for i in range(CLUSTERS):
        name = f"c{i:04d}"
        text[f"clusters/{name}.yaml"] = bench.cluster(name, values={"number": str(i)})
    return text


def run(folder):
    fleet = bench.Fleet(folder, files())
    fleet.wait_resolved(fleet.first)
    began = bench.time.monotonic()
    sim = fleet.sim()
    fleet.wait_done(stage="applied")
    join_seconds = bench.time.monotonic() - began
    ways = []
    hub_before = bench.cpu_seconds(fleet.hub)
    for version in range(2, 7):
        config = files()["apps/web/config.yaml"].replace('version: "1"', f'version: "{version}"')
        ways.append(fleet.deliver({"apps/web/config.yaml": config}, f"version {version}"))
    hub_cpu = (bench.cpu_seconds(fleet.hub) - hub_before) / len(ways)
    result = {
        "clusters": CLUSTERS,
        "enrolled and in sync, seconds": round(join_seconds, 2),
        "commit to all acknowledged, seconds": {
            "p50 of %d commits" % len(ways): bench.middle(ways, lambda way: way.reached[-1]),
            "worst": round(max(way.reached[-1] for way in ways), 3),
        },
        "commit to a cluster's acknowledgement, seconds": {
            "p50": bench.middle(ways, lambda way: bench.percentile(way.reached, .5)),
            "p99": bench.middle(ways, lambda way: bench.percentile(way.reached, .99)),
            "worst p99": round(max(bench.percentile(way.reached, .99) for way in ways), 3),
        },
        "of this, seconds": bench.stage_seconds(ways),
        "hub cpu per commit, seconds": round(hub_cpu, 3),
        "hub resident, KiB": fleet.hub.rss_kib(),
        "hub resident per agent, KiB": round(fleet.hub.rss_kib() / CLUSTERS, 1),
        "sim resident per agent, KiB": round(sim.rss_kib() / CLUSTERS, 1),
    }
    sim.terminate(30)
    fleet.hub.terminate()
    return result
