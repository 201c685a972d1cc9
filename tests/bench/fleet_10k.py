"""Ten thousand agents on one hub: what it costs, how long it takes, and what a hub remembers of each.

Real agents with simulated clusters in several processes, mutual TLS, one durable log each, a hub
with everything in it; all of it on one machine. The agents' folders are on a tmpfs where there is
one, since that many disks on one would only measure the disk: what an agent makes durable is
written and synced as always. Times are both ends' on the same processors, so beside them stands
what the hub used of those. The number of agents is an option: run.py --agents 1000 fleet_10k.
"""
import http.client
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import bench
from support.hub import program
from support.process import Process

SIMS = 4
WIDE_OBJECTS = 50
SMALL_CLUSTERS = SMALL_APPS = 50
ONES = 101
ALL_COMMITS = 3
QUIET_SECONDS = 1.5
HEARTBEATS = 2  # that are counted on the wire
HEARTBEAT_SECONDS = 60
PACKET_BYTES = 52  # the headers of IP and TCP, with timestamps
DAY_SECONDS = 24 * 60 * 60


def config(version):
    return f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: web}}
data: {{cluster: "${{cluster.name}}", number: "${{number}}", version: "{version}"}}
"""


def one(version):
    return f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: one}}
data: {{version: "{version}"}}
"""


def wide():
    """An App of 50 objects that are the same on all clusters."""
    objects = "---\n".join(f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: wide-{i:02d}}}
spec:
  selector: {{matchLabels: {{app: wide-{i:02d}}}}}
  template:
    metadata: {{labels: {{app: wide-{i:02d}}}}}
    spec: {{containers: [{{name: main, image: "example.org/wide:1"}}]}}
""" for i in range(WIDE_OBJECTS))
    return {"apps/wide/app.yaml": bench.app("wide", namespace="wide"),
            "apps/wide/objects.yaml": objects}


def names(count):
    return [f"c{i:05d}" for i in range(count)]


def files(count):
    clusters = {f"clusters/{i % 100:02d}/{name}.yaml":
                bench.cluster(name, values={"number": str(i)})
                for i, name in enumerate(names(count))}
    return {"apps/web/app.yaml": bench.app("web", namespace="shop"),
            "apps/web/config.yaml": config(1),
            "apps/one/app.yaml": bench.app("one", [{"cluster": names(count)[-1]}],
                                           namespace="shop"),
            "apps/one/config.yaml": one(0), **clusters}


class Sims:
    """Agents in some processes, each with its share of the clusters."""

    def __init__(self, fleet, folder, clusters, tokens, rate):
        self.fleet = fleet
        self.folder = folder
        share = -(-len(clusters) // SIMS)
        self.processes = []
        for number in range(SIMS):
            mine = clusters[number * share:(number + 1) * share]
            path = folder / f"tokens{number}"
            path.write_text("".join(f"{name} {tokens[name]}\n" for name in mine), encoding="utf-8")
            path.chmod(0o600)
            self.processes.append(Process(f"sim{number}", [
                program("holdfast-sim"), "--tokens", path, "--enroll-hub",
                f"127.0.0.1:{fleet.hub.enroll_port}", "--data-dir", folder / f"agents{number}",
                "--control", self._socket(number), "--start-rate", max(rate // SIMS, 1),
                "--log-level", "error"], fleet.folder))

    def _socket(self, number):
        return self.folder / f"sim{number}.sock"

    def start(self):
        for process in self.processes:
            process.start()

    def terminate(self):
        for process in self.processes:
            process.signal(process.stop_signal)
        for process in self.processes:
            process.terminate(120)

    def command(self, *words):
        """Gives a command to each process; returns the answers."""
        answers = []
        for number in range(SIMS):
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(120)
                link.connect(str(self._socket(number)))
                link.sendall((" ".join(words) + "\n").encode())
                with link.makefile(encoding="utf-8") as lines:
                    answers.append(lines.readline().strip())
        return answers

    def state(self):
        """The sums of what all agents say of themselves."""
        sums = {}
        for answer in self.command("state"):
            for key, value in json.loads(answer).items():
                sums[key] = sums.get(key, 0) + value
        return sums

    def cpu_seconds(self):
        return sum(bench.cpu_seconds(process) for process in self.processes if process.alive())

    def rss_kib(self):
        return sum(process.rss_kib() for process in self.processes)


class Reader(threading.Thread):
    """Asks the API for what a screen shows, all the while, on a connection of its own.

    pushes: and tells the hub each time that something was pushed, as a Git server does.
    """

    PATHS = ("/api/v1/clusters?limit=500", "/api/v1/apps/web")
    HOOK = "/hooks/gitlab/fleet"

    def __init__(self, fleet):
        super().__init__(daemon=True)
        where = urllib.parse.urlparse(fleet.hub.api_url)
        self.fleet = fleet
        self.link = http.client.HTTPSConnection(where.hostname, where.port, timeout=60,
                                                context=fleet.tls)
        self.took = {path: [] for path in (*self.PATHS, self.HOOK)}
        self.pushes = False
        self.running = threading.Event()
        self.ends = threading.Event()
        self.start()

    def __enter__(self):
        self.running.set()

    def __exit__(self, *_):
        self.running.clear()

    def _ask(self, method, path, headers, body=None):
        began = time.monotonic()
        self.link.request(method, path, body, headers)
        answer = self.link.getresponse()
        answer.read()
        if answer.status in (200, 202, 204):
            self.took[path].append(time.monotonic() - began)

    def _ask_all(self):
        try:
            for path in self.PATHS:
                self._ask("GET", path, {"Authorization": f"Bearer {self.fleet.token}"})
            if self.pushes:
                self._ask("POST", self.HOOK, {"X-Gitlab-Token": bench.HOOK_SECRET}, b"{}")
        except (OSError, http.client.HTTPException):  # idle for too long, or the hub was killed
            self.link.close()

    def run(self):
        while not self.ends.wait(0.1):
            if self.running.is_set():
                self._ask_all()

    def result(self):
        self.ends.set()
        self.join()
        return {path: {"reads": len(took), "p50": round(bench.percentile(took, .5), 3),
                       "p99": bench.aim(round(bench.percentile(took, .99), 3), .05)}
                for path, took in self.took.items() if took}


class Cost:
    """What the hub and the agents used of the processors since it was made."""

    def __init__(self, fleet, sims):
        self.fleet = fleet
        self.sims = sims
        self.hub = bench.cpu_seconds(fleet.hub)
        self.agents = sims.cpu_seconds()
        self.began = time.monotonic()

    def so_far(self):
        return {"seconds": round(time.monotonic() - self.began, 2),
                "hub cpu, seconds": round(bench.cpu_seconds(self.fleet.hub) - self.hub, 2),
                "agents' cpu, seconds": round(self.sims.cpu_seconds() - self.agents, 2)}


def metric(fleet, name):
    """The sum of a metric over its labels."""
    return int(sum(value for key, value in fleet.hub.metrics().items()
                   if key.split("{", 1)[0] == name))


def unused_so_far(fleet):
    """{listener and reason: connections that ended before their first message}"""
    return {key.split("{", 1)[1].rstrip("}"): int(value)
            for key, value in fleet.hub.metrics().items()
            if key.startswith("holdfast_connections_unused_total{")}


def probes_of(fleet):
    """What is counted of those who only tried whether the hub listens, once it is."""
    gone = [f'listener="{listener}",reason="gone"' for listener in ("agents", "enrolment")]
    bench.wait_for(lambda: all(unused_so_far(fleet)[which] for which in gone), 30, "the probes")
    return unused_so_far(fleet)


def refusals(fleet, before):
    """Connections of agents that came to nothing: all of them were right ones, so there should be
    none. before: what was counted of those that only tried whether the hub listens."""
    unused = {key: value - before[key] for key, value in unused_so_far(fleet).items()
              if value > before[key]}
    return {"refused": bench.aim(metric(fleet, "holdfast_agents_refused_total"), 0),
            "ended before their first message": bench.aim(sum(unused.values()), 0),
            "of these": unused}


def on_the_wire(fleet):
    """Bytes of all connections of agents so far, both ways, with the headers of their packets."""
    said = subprocess.run(["ss", "-tinH", "state", "established", "sport", "=",
                           f":{fleet.hub.agent_port}"], capture_output=True, text=True,
                          check=True, timeout=60).stdout
    sums = {"bytes_sent": 0, "bytes_received": 0, "segs_out": 0, "segs_in": 0}
    for word in said.split():
        key, _, value = word.partition(":")
        if key in sums and value.isdigit():
            sums[key] += int(value)
    return (sums["bytes_sent"] + sums["bytes_received"]
            + PACKET_BYTES * (sums["segs_out"] + sums["segs_in"]))


def join(fleet, sims, reader, count):
    """From nothing at all to enrolled, connected, and what Git says applied and acknowledged."""
    cost = Cost(fleet, sims)
    before = probes_of(fleet)
    with reader:
        sims.start()
        fleet.wait_done(stage="applied", timeout=600, interval=.2)
    took = cost.so_far()
    return {**took, "hub cpu per agent, ms": round(1000 * took["hub cpu, seconds"] / count, 2),
            **refusals(fleet, before)}


def come_again(fleet, sims, reader, count):
    """Hub and agents start with what they had: handshakes, and nothing is sent."""
    sims.terminate()
    fleet.hub.terminate()
    fleet.hub.start_and_wait(120)
    hub = bench.cpu_seconds(fleet.hub)
    before = probes_of(fleet)
    began = time.monotonic()
    with reader:
        sims.start()
        all_back(fleet, count)
    took = round(time.monotonic() - began, 2)
    used = bench.cpu_seconds(fleet.hub) - hub
    return {"seconds": bench.aim(took, 25), "hub cpu, seconds": round(used, 2),
            "hub cpu per agent, ms": round(1000 * used / count, 2),
            **refusals(fleet, before), **resyncs(fleet)}


def all_back(fleet, count, timeout=300):
    def back():
        now = fleet.api("/api/v1/summary")
        return now["connected"] == count and now["offline"] == 0
    bench.wait_for(back, timeout, "all agents", .1)


def resyncs(fleet):
    """What the hub had to send or ask for in full since it was started."""
    return {"full reports asked for":
                bench.aim(metric(fleet, "holdfast_full_reports_asked_total"), 0),
            "manifests sent": bench.aim(metric(fleet, "holdfast_manifests_sent_total"), 0),
            "blobs sent": bench.aim(metric(fleet, "holdfast_blobs_sent_total"), 0)}


def change_all(fleet, sims, reader):
    ways, costs = [], []
    for version in range(2, 2 + ALL_COMMITS):
        bench.time.sleep(QUIET_SECONDS)
        cost = Cost(fleet, sims)
        sent = metric(fleet, "holdfast_agents_sent_bytes_total")
        with reader:
            ways.append(fleet.deliver({"apps/web/config.yaml": config(version)},
                                      f"version {version}", interval=.1))
        costs.append({**cost.so_far(), "bytes": metric(fleet, "holdfast_agents_sent_bytes_total")
                      - sent})
    p99 = max(bench.percentile(way.reached, .99) for way in ways)
    return {"commits": ALL_COMMITS,
            "commit to a cluster's acknowledgement, seconds, p99 of the worst commit":
                bench.aim(round(p99, 2), 8),
            "hub cpu of the worst commit, seconds":
                bench.aim(max(cost["hub cpu, seconds"] for cost in costs), 4),
            "of this, seconds": bench.stage_seconds(ways), "each": costs}


def change_one(fleet):
    ways = []
    hub = bench.cpu_seconds(fleet.hub)
    for version in range(1, ONES + 1):
        bench.time.sleep(QUIET_SECONDS)
        ways.append(fleet.deliver({"apps/one/config.yaml": one(version)}, f"one {version}"))
    seconds = [way.reached[-1] for way in ways]
    used = bench.cpu_seconds(fleet.hub) - hub
    return {"commits": ONES, "webhook to acknowledged, seconds": {
                "p50": round(bench.percentile(seconds, .5), 3),
                "p99": bench.aim(round(bench.percentile(seconds, .99), 3), .15)},
            "of this, seconds": bench.stage_seconds(ways),
            "hub cpu per commit, ms": round(1000 * used / ONES, 1)}


def idle(fleet, sims, count):
    """Nothing happens but heartbeats."""
    cost = Cost(fleet, sims)
    before = on_the_wire(fleet)
    bench.time.sleep(HEARTBEATS * HEARTBEAT_SECONDS)
    beat = (on_the_wire(fleet) - before) / HEARTBEATS / count
    took = cost.so_far()
    share = 100 * took["hub cpu, seconds"] / took["seconds"]
    return {"bytes on the wire per heartbeat and agent": round(beat),
            "kB a day at one minute": bench.aim(round(beat * DAY_SECONDS / 60 / 1000), 400),
            "kB a day at five minutes": bench.aim(round(beat * DAY_SECONDS / 300 / 1000), 80),
            "hub's share of a core, %": bench.aim(round(share, 2), 5),
            "hub resident, MiB": fleet.hub.rss_kib() // 1024,
            "hub resident per agent, kB": bench.aim(
                round(fleet.hub.rss_kib() * 1.024 / count, 1), 60),
            "agents resident per agent, kB": round(sims.rss_kib() * 1.024 / count, 1)}


def kill_hub(fleet, sims, reader, count):
    """kill -9 under all agents."""
    fleet.hub.kill()
    agents = sims.cpu_seconds()
    began = time.monotonic()
    fleet.hub.start_and_wait(120)
    listening = time.monotonic() - began
    before = probes_of(fleet)
    with reader:
        all_back(fleet, count)
    took = time.monotonic() - began
    return {"seconds": bench.aim(round(took, 2), 30),
            "of this until it listens, seconds": round(listening, 2),
            "hub cpu, seconds": round(bench.cpu_seconds(fleet.hub), 2),
            "agents' cpu, seconds": round(sims.cpu_seconds() - agents, 2),
            **refusals(fleet, before), **resyncs(fleet)}


def storm(fleet, sims, reader, count):
    """Each of the 50 objects of an App falls ill on all clusters at once; one of these is revoked
    meanwhile."""
    gone = names(count)[0]
    revision = fleet.repo.push(wide(), "an App of many objects")
    fleet.webhook()
    fleet.wait_resolved(revision, 300)
    fleet.wait_done(stage="healthy", timeout=1200, interval=.5)
    bench.time.sleep(2 * QUIET_SECONDS)
    cost = Cost(fleet, sims)
    reports = metric(fleet, "holdfast_reports_total")
    reader.pushes = True
    with reader:
        sims.command("degrade", "*", "wide-", "on")
        fleet.hub.run("revoke", gone)
        bench.wait_for(lambda: all_told(fleet, sims, count, gone), 300, "all reports", .2)
    reader.pushes = False
    took = cost.so_far()
    metrics = fleet.hub.metrics()
    count_of = metrics["holdfast_agents_revoked_seconds_count"]
    assert count_of == 1, f"{count_of} agents that were revoked have been cut off, and not 1"
    cut_off = metrics["holdfast_agents_revoked_seconds_sum"]
    return {"objects": WIDE_OBJECTS * count, **took,
            "seconds": bench.aim(took["seconds"], 15),
            "until a revoked agent was cut off, seconds": bench.aim(round(cut_off, 3), 1),
            "reports": metric(fleet, "holdfast_reports_total") - reports}


def all_told(fleet, sims, count, gone):
    """Whether all but the one that is gone have told all."""
    kept = json.loads(sims.command("state", gone)[0])["untold"]
    return (sims.state()["untold"] <= kept
            and fleet.api("/api/v1/summary")["degraded"] >= count - 1)


def fifty(folder):
    """50 Apps on 50 clusters: one commit that changes all of it, until all is healthy."""
    def config_of(app, version):
        return (f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {app}}}\n"
                f"data: {{version: \"{version}\"}}\n")

    apps = [f"app-{i:02d}" for i in range(SMALL_APPS)]
    first = {f"clusters/{name}.yaml": bench.cluster(name) for name in names(SMALL_CLUSTERS)}
    for app in apps:
        first[f"apps/{app}/app.yaml"] = bench.app(app, namespace="shop")
        first[f"apps/{app}/config.yaml"] = config_of(app, 1)
    fleet = bench.Fleet(folder, first)
    fleet.wait_resolved(fleet.first)
    sim = fleet.sim()
    fleet.wait_done()
    bench.time.sleep(QUIET_SECONDS)
    hub = bench.cpu_seconds(fleet.hub)
    began = time.monotonic()
    revision = fleet.repo.push({f"apps/{app}/config.yaml": config_of(app, 2) for app in apps},
                               "all of it")
    fleet.webhook()
    fleet.wait_done(revision)
    took = time.monotonic() - began
    used = bench.cpu_seconds(fleet.hub) - hub
    sim.terminate(30)
    fleet.hub.terminate()
    return {"pairs": SMALL_CLUSTERS * SMALL_APPS,
            "commit to all ready, seconds": bench.aim(round(took, 2), 5),
            "hub cpu, seconds": round(used, 2)}


def room_for(count):
    """Descriptors: one for each connection in the hub, three for each agent in its process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    needed = max(count + 1000, 3 * -(-count // SIMS) + 1000)
    if most < needed:
        raise RuntimeError(f"{count} agents need {needed} open files; {most} are allowed here")


def agents_folder(folder):
    """Where the agents keep what must not be lost: on a tmpfs, if there is one."""
    shm = pathlib.Path("/dev/shm")
    if os.access(shm, os.W_OK):
        return pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir=shm)), "tmpfs"
    return folder, "as the hub's"


def tokens_for(fleet):
    text = fleet.hub.run("enroll", "--all", "--tokens", timeout=1200).stdout
    return dict(line.split() for line in text.splitlines())


def run(folder, agents=10000):
    room_for(agents)
    small = fifty(folder / "small")
    fleet = bench.Fleet(folder, files(agents))
    fleet.wait_resolved(fleet.first, 300)
    empty_kib = fleet.hub.rss_kib()
    where, disk = agents_folder(folder)
    try:
        return {"agents": agents, "their disks": disk,
                "hub resident without agents, MiB": empty_kib // 1024,
                **stages(fleet, where, agents), "50 clusters, 50 Apps": small}
    finally:
        if where != folder:
            shutil.rmtree(where, ignore_errors=True)


def stages(fleet, where, count):
    """One after the other, each said when it is known: it takes minutes."""
    sims = Sims(fleet, where, names(count), tokens_for(fleet), rate=400)
    reader = Reader(fleet)
    result = {}
    for name, stage in (
            ("enrolled, connected and in sync", lambda: join(fleet, sims, reader, count)),
            ("a commit changes all", lambda: change_all(fleet, sims, reader)),
            ("a commit changes one", lambda: change_one(fleet)),
            ("idle", lambda: idle(fleet, sims, count)),
            ("connected and in sync after a start of all",
             lambda: come_again(fleet, sims, reader, count)),
            ("the hub is killed", lambda: kill_hub(fleet, sims, reader, count)),
            ("status storm", lambda: storm(fleet, sims, reader, count)),
            ("reads of the API while that runs, seconds", reader.result)):
        result[name] = stage()
        print(f"  {name}: {json.dumps(result[name])}", file=sys.stderr, flush=True)
    result["hub resident at the end, MiB"] = fleet.hub.rss_kib() // 1024
    sims.terminate()
    fleet.hub.terminate()
    return result
