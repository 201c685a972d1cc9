"""A commit of one file in a repository of 10,000 clusters that concerns one of them.

Fetched, compared, rendered, signed, stored, sent, applied, acknowledged: one agent is connected, the
other clusters are only in Git, as most are when little happens.
"""
import bench

CLUSTERS = 10000
ROUNDS = 21
QUIET_SECONDS = 1.5  # an agent reports the first change after quiet at once, later ones in batches


def files():
    text = {"apps/web/app.yaml": bench.app("web", namespace="shop"),
            "apps/web/config.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {cluster: "${cluster.name}", number: "${number}"}
""",
            "apps/one/app.yaml": bench.app("one", [{"cluster": "c00042"}], namespace="shop"),
            "apps/one/config.yaml": config(0)}
    for i in range(CLUSTERS):
        name = f"c{i:05d}"
        text[f"clusters/{i % 100:02d}/{name}.yaml"] = bench.cluster(name, values={"number": str(i)})
    return text


def config(version):
    return f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: one}}
data: {{version: "{version}"}}
"""


def run(folder):
    began = bench.time.monotonic()
    fleet = bench.Fleet(folder, files())
    fleet.wait_resolved(fleet.first)
    load_seconds = bench.time.monotonic() - began
    sim = fleet.sim(only=["c00042"])
    bench.wait_for(lambda: fleet.api("/api/v1/summary")["applied"] == 2, 60, "the agent")
    ways = []
    hub_before = bench.cpu_seconds(fleet.hub)
    for version in range(1, ROUNDS + 1):
        bench.time.sleep(QUIET_SECONDS)
        ways.append(fleet.deliver({"apps/one/config.yaml": config(version)}, f"version {version}"))
    hub_cpu = (bench.cpu_seconds(fleet.hub) - hub_before) / ROUNDS
    seconds = [way.reached[-1] for way in ways]
    result = {
        "clusters": CLUSTERS,
        "first load, seconds (with the making of the repository)": round(load_seconds, 2),
        "commit to acknowledged, seconds": {"p50": round(bench.percentile(seconds, .5), 3),
                                            "p99": round(bench.percentile(seconds, .99), 3)},
        "of this, seconds": bench.stage_seconds(ways),
        "hub cpu per commit, seconds": round(hub_cpu, 3),
        "hub resident, KiB": fleet.hub.rss_kib(),
    }
    sim.terminate(30)
    fleet.hub.terminate()
    return result
