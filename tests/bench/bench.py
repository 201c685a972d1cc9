"""What the benches share: a hub with a fleet, the API, percentiles.

A bench measures with everything real: the programs of the release build, Git, TLS, disks. Times of
one run on one machine mean little by themselves; compare them within a run, or as ratios.
"""
import json
import pathlib
import re
import ssl
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.gitrepo import GitRepo  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.process import Process, wait_for  # noqa: E402

HOOK_SECRET = "bench-secret"


def percentile(values, share):
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def cluster(name, labels=None, values=None):
    """A Cluster document."""
    return json.dumps({"apiVersion": "holdfast/v1alpha1", "kind": "Cluster",
                       "metadata": {"name": name, "labels": labels or {}},
                       "spec": {"values": values or {}}})


def app(name, targets=None, **spec):
    """An App document."""
    return json.dumps({"apiVersion": "holdfast/v1alpha1", "kind": "App", "metadata": {"name": name},
                       "spec": {"targets": targets or [{"clusterSelector": {}}], **spec}})


def aim(value, most):
    """A number with what it should not exceed."""
    return {"is": value, "aim, at most": most, "met": value <= most}


class Way:
    """When a commit had come how far, in seconds since it was in Git."""

    TIMEOUT = 120

    def __init__(self, began):
        self.began = began
        self.done = {}  # {stage: when it was reached everywhere}
        self.reached = []  # when each pair of App and cluster had acknowledged it
        self.detect = 0

    def look(self, rollout):
        """Takes an answer of the API in; returns whether all is acknowledged."""
        now = time.monotonic() - self.began
        if rollout["resolved"]:
            self.done.setdefault("resolved", now)
            self.reached += [now] * (rollout["applied"] - len(self.reached))
            for stage in ("delivered", "applied"):
                if rollout["pairs"] > 0 and rollout[stage] == rollout["pairs"]:
                    self.done.setdefault(stage, now)
        if now > self.TIMEOUT:
            raise AssertionError(f"{len(self.reached)} of {rollout['pairs']} after {now:.0f} s")
        return self.done.keys() >= {"delivered", "applied"}

    def stages(self):
        """How long each part of it took."""
        resolved, delivered, applied = (self.done[stage]
                                        for stage in ("resolved", "delivered", "applied"))
        return {"detect (webhook, fetch)": self.detect,
                "diff, render, publish": max(resolved - self.detect, 0),
                "send, until on the agents' disks": delivered - resolved,
                "apply, acknowledge": applied - delivered}


def middle(ways, value):
    """The median over several commits, in seconds."""
    return round(percentile([value(way) for way in ways], .5), 3)


def stage_seconds(ways):
    return {name: middle(ways, lambda way, name=name: way.stages()[name])
            for name in ways[0].stages()}


class Fleet:
    """A bare repository, a clone and a hub that reads it, polled and told by webhook."""

    def __init__(self, folder, files):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.repo = GitRepo(folder)
        self.first = self.repo.push(files, "the fleet")
        secret = folder / "webhook.secret"
        secret.write_text(HOOK_SECRET, encoding="utf-8")
        self.hub = Hub(folder, repositories="repositories:\n- name: fleet\n"
                       f"  url: {self.repo.url}\n  branch: main\n  pollInterval: 1m\n"
                       f"  webhookSecretFile: {secret}\n")
        self.hub.start_and_wait()
        self.tls = ssl.create_default_context(cafile=str(self.hub.ca_file))
        self.token = self.hub.token_file.read_text(encoding="utf-8").strip()

    def api(self, path, data=None, headers=None):
        """An answer of the API."""
        request = urllib.request.Request(f"{self.hub.api_url}{path}", data=data, headers={
            "Authorization": f"Bearer {self.token}", **(headers or {})})
        with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def webhook(self):
        """Says that something was pushed."""
        self.api("/hooks/gitlab/fleet", data=b"{}", headers={"X-Gitlab-Token": HOOK_SECRET})

    def rollout(self, revision=None):
        """How far a revision is."""
        return self.api("/api/v1/rollout" + (f"?revision={revision}" if revision else ""))

    def wait_resolved(self, revision, timeout=120):
        """Until the hub has taken a commit in."""
        return wait_for(lambda: self.rollout(revision)["resolved"], timeout, "the commit", 0.02)

    # Asking costs the hub: of ten thousand pairs every 20 ms would be half of what it does.
    def wait_done(self, revision=None, stage="healthy", timeout=300, interval=0.02):
        """Until all that it changed is applied or healthy; returns the last answer."""
        def done():
            now = self.rollout(revision)
            return now if now["resolved"] and now[stage] == now["pairs"] else None
        return wait_for(done, timeout, f"{stage} everywhere", interval)

    def deliver(self, changes, message, interval=0.01):
        """Pushes a commit, says so by webhook, and follows it until all have acknowledged it.

        The clock begins when the commit is in Git. Looks every 10 ms, or as told.
        """
        revision = self.repo.push(changes, message)
        fetched = self.fetch_seconds()
        way = Way(time.monotonic())
        self.webhook()
        way.detect = time.monotonic() - way.began
        while not way.look(self.rollout(revision)):
            time.sleep(interval)
        way.detect += self.fetch_seconds() - fetched
        return way

    def fetch_seconds(self):
        """How long the hub has fetched so far."""
        request = urllib.request.Request(f"{self.hub.api_url}/metrics", headers={
            "Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
            text = answer.read().decode()
        found = re.findall(r"^holdfast_git_fetch_seconds_sum\S* (\S+)$", text, re.M)
        return sum(map(float, found))

    def sim(self, only=None, options=()):
        """Agents of simulated clusters for all (or some) clusters in Git."""
        words = ["enroll", "--tokens", *(only if only else ["--all"])]
        tokens = self.folder / "tokens"
        tokens.write_text(self.hub.run(*words, timeout=600).stdout, encoding="utf-8")
        sim = Process("sim", [program("holdfast-sim"), "--tokens", tokens, "--enroll-hub",
                              f"127.0.0.1:{self.hub.enroll_port}", "--data-dir",
                              self.folder / "agents", "--control", self.folder / "sim.sock",
                              *options], self.folder)
        sim.start()
        return sim


def cpu_seconds(process):
    """User and system time that a process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1]
    ticks = fields.split()
    return (int(ticks[11]) + int(ticks[12])) / 100


def built(name):
    """The path of a bench that is a program of its own."""
    path = program(name)
    return path if path.exists() else path.parents[1] / "tests" / "bench" / name


def run_json(name, *words, timeout=600):
    """Runs one and reads its JSON."""
    done = subprocess.run([built(name), *map(str, words)], capture_output=True, text=True,
                          check=True, timeout=timeout)
    return json.loads(done.stdout)
