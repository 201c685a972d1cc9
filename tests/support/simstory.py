"""What the stories on simulated clusters share: a hub, Git, and one holdfast-sim with an agent each.

    class Drift(SimStory):
        clusters = fleet(10)
        apps = files("web", config_map("web", colour="green"))

Apps and their objects are given as dicts (manifests.py). The real programs run, over mutual TLS.
"""
import contextlib
import json
import shutil
import socket
import subprocess
import time

from support import manifests, story
from support.gitrepo import GitRepo
from support.hub import Hub, program
from support.process import PATIENCE, Process, wait_for

SOON = 30  # seconds; a bound for a busy machine
PATIENT = 90


def cluster(name, labels=None, suspend=False, **values):
    """The file of a cluster, as {path: text}."""
    item = manifests.thing("holdfast/v1alpha1", "Cluster", name, labels=labels,
                           spec={"values": values, **({"suspend": True} if suspend else {})})
    return {f"clusters/{name}.yaml": manifests.text(item)}


def fleet(count, **labels):
    """Files of clusters c01, c02, …; their number is the value ${number} and their label `odd`."""
    made = {}
    for i in range(1, count + 1):
        made |= cluster(f"c{i:02}", {"odd": "yes" if i % 2 else "no", **labels}, number=str(i))
    return made


def files(name, *objects, namespace="default", **spec):
    """The files of an App for all clusters: its app.yaml and one for each object."""
    item = manifests.app(name, namespace=namespace, **spec)
    made = {f"apps/{name}/app.yaml": manifests.text(item)}
    for item in objects:
        made[path(name, item)] = manifests.text(item)
    return made


def path(name, item):
    """The file of an object of an App."""
    return f"apps/{name}/{item['kind'].lower()}-{item['metadata']['name']}.yaml"


def without(made):
    """The same files, to be removed."""
    return {name: None for name in made}


class Sim(Process):
    """holdfast-sim with its control socket. The tokens are used at the first start."""

    def __init__(self, folder, hub, tokens, options=(), name="sim", binary=None):
        self.data = folder / f"{name}-agents"
        self.socket = folder / f"{name}.sock"
        super().__init__(name, [binary or program("holdfast-sim"), "--tokens", tokens,
                                "--enroll-hub", hub.enroll_address, "--data-dir", self.data,
                                "--control", self.socket, "--report-interval", "100ms",
                                "--health-time", "50ms", *options], folder)

    def ask(self, *words):
        """Gives a command; returns the answer, a line."""
        line = " ".join(f'"{word}"' if " " in str(word) else str(word) for word in words)
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            link.connect(str(self.socket))
            link.sendall(line.encode() + b"\n")
            with link.makefile(encoding="utf-8") as answers:
                answer = answers.readline().rstrip("\n")
        assert not answer.startswith("error"), f"{line}: {answer}"
        return answer

    def restart(self, name):
        """Kills the agent of a cluster and starts another one once it is gone."""
        self.ask("kill", name)
        wait_for(lambda: self.ask("start", name), 10, f"the agent of {name} to be gone")

    def object(self, name, key):
        """An object of a simulated cluster, or None."""
        try:
            return json.loads(self.ask("get", name, key))
        except AssertionError as error:
            if " has no " in str(error):
                return None
            raise

    def state(self, name=None):
        return json.loads(self.ask("state", *([name] if name else [])))


class SimStory(story.Story):
    """A hub and a fleet that runs what `apps` say before the first test."""

    clusters = fleet(5)
    apps = files("web", manifests.config_map("web", number="${number}", colour="green"),
                 namespace="shop")
    poll = "1m"
    hub_options = ()
    sim_options = ()
    hub_binary = sim_binary = None  # other programs than the usual ones
    repo_more = ""  # of repositories.yaml
    begins = "healthy"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.repo = GitRepo(cls.folder)
        cls.first = cls.repo.push({**cls.clusters, **cls.apps}, "the fleet")
        cls.hub = Hub(cls.folder, repositories=cls.repositories(), options=cls.hub_options,
                      binary=cls.hub_binary)
        cls.hub.start_and_wait()
        wait_for(lambda: cls.hub.get("clusters"), SOON, "the hub to know its clusters", 0.1)
        cls.sim = cls.make_sim("--all")
        cls.sim.start()
        if cls.begins:
            cls.wait(stage=cls.begins)

    @classmethod
    def repositories(cls):
        return (f"repositories:\n- name: fleet\n  url: {cls.repo.url}\n"
                f"  pollInterval: {cls.poll}\n{cls.repo_more}")

    @classmethod
    def make_sim(cls, *which, name="sim"):
        tokens = cls.folder / f"{name}.tokens"
        tokens.write_text(cls.hub.run("enroll", *which, "--tokens").stdout, encoding="utf-8")
        return Sim(cls.folder, cls.hub, tokens, cls.sim_options, name, cls.sim_binary)

    # From Git to the fleet

    @classmethod
    def wait(cls, revision=None, stage="healthy", timeout=PATIENT):
        """Waits with the CLI until all (or what the revision changed) has come to a stage."""
        of = ["--revision", revision] if revision else []
        timeout *= PATIENCE
        cls.hub.run("wait", *of, "--for", stage, "--timeout", f"{timeout}s", timeout=timeout + 60)

    def commit(self, changes, message="change"):
        """Pushes {path: text or None} and tells the hub. Returns the commit."""
        revision = self.repo.push(changes, message)
        self.hub.run("sync")
        return revision

    def commit_on_top(self, changes, message="change"):
        """As commit, on top of what the hub has pushed, also in this very moment."""
        def pushed():
            self.git("rev-parse", "HEAD")
            self.follow()
            try:
                return self.repo.push(changes, message)
            except RuntimeError as error:
                raise AssertionError(str(error)) from error
        revision = wait_for(pushed, SOON, "a push that nobody outruns", 0.1)
        self.hub.run("sync")
        return revision

    def deliver(self, changes, stage="healthy"):
        """Pushes and waits until the fleet runs it."""
        revision = self.commit(changes)
        self.wait(revision, stage)
        return revision

    def wait_resolved(self, revision):
        """Until the hub has taken a commit in, whatever came of it."""
        wait_for(lambda: revision in [row["id"] for row in self.hub.get("revisions")], SOON,
                 "the commit to be resolved", 0.1)

    # What the hub wrote into Git

    def git(self, *words):
        """What git prints in the working clone, to which origin/main is what the server has."""
        self.repo.git("fetch", "--quiet", "--prune", "origin")
        return self.repo.git(*words)

    def follow(self):
        """Brings the working clone to where the hub has brought the branch."""
        self.git("reset", "--quiet", "--hard", "origin/main")

    def away(self):
        """Takes the server's repository away; returns where it is, and what brings it back."""
        gone = self.folder / "away"
        self.repo.bare.rename(gone)
        return gone, lambda: gone.rename(self.repo.bare)

    def lose_the_disk(self):
        """What is left of the hub are its keys and the registry."""
        data, kept = self.hub.data / "data", self.folder / "kept"
        self.hub.kill()
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        shutil.copytree(data / "keys", kept / "keys")
        shutil.copy(data / "registry.jsonl", kept / "registry")
        shutil.rmtree(data)

    def recover(self, *names):
        """Makes a hub of what is left, and waits until these are connected."""
        data, kept = self.hub.data / "data", self.folder / "kept"
        shutil.copytree(kept / "keys", data / "keys")
        subprocess.run([program("holdfast-hub"), "recover", kept / "registry", "--data-dir", data],
                       capture_output=True, text=True, check=True, timeout=60)
        self.hub.start_and_wait()
        self.wait_connected(*names)

    def wait_written(self):
        """Until nothing is left to be written: what a verb waits for is then a push of its own."""
        wait_for(lambda: all(row["state"] != "waiting" for row in self.hub.get("writes")), PATIENT,
                 "all to be in Git", 0.1)

    # Killed at named points (common/fault.h)

    @contextlib.contextmanager
    def killed_at(self, point, program):
        """What is done within brings a program to the point; there it is killed."""
        wanted, reached = (self.folder / f"fault-point{more}" for more in ("", ".reached"))
        reached.unlink(missing_ok=True)
        wanted.write_text(point, encoding="ascii")
        yield
        wait_for(reached.exists, PATIENT, f"{program.name} to be at {point}", 0.02)
        program.kill()

    # What the hub knows

    def rows(self, *words):
        return self.hub.get(*words, "--limit", "5000")

    def generations(self):
        """{cluster: generation of its manifest}"""
        return {row["name"]: row["generation"] for row in self.rows("clusters")}

    def connected(self):
        return {row["name"] for row in self.rows("clusters") if row["connected"]}

    def wait_connected(self, *names):
        wait_for(lambda: set(names) <= self.connected(), SOON, f"{names} to be connected", 0.1)

    def status(self, app, name):
        rows = [row for row in self.hub.get("status")
                if row["app"] == app and row["cluster"] == name]
        return rows[0] if rows else None

    def wait_status(self, app, name, **wanted):
        def is_so():
            row = self.status(app, name)
            assert row, f"nobody knows App {app} on {name}"
            for field, value in wanted.items():
                assert row[field] == value, f"{field} is {row[field]!r}: {row['message']!r}"
            return row
        return wait_for(is_so, SOON, f"App {app} on {name}", 0.1)

    def drift(self):
        """{(cluster, key, path): row}"""
        return {(row["cluster"], row["key"], row["path"]): row for row in self.rows("drift")}

    def wait_drift(self, *which):
        """Waits until exactly this drift is known."""
        wait_for(lambda: set(self.drift()) == set(which), SOON, f"drift to be {which}", 0.1)

    def events(self, kind, **wanted):
        """Events of a kind with these members, oldest first."""
        rows = self.hub.get("events", "--kind", kind, "--limit", "5000")[::-1]
        return [row for row in rows if all(row[k] == v for k, v in wanted.items())]

    def wait_event(self, kind, **wanted):
        found = wait_for(lambda: self.events(kind, **wanted), SOON, f"{kind} {wanted}", 0.1)
        return found[-1]

    # What the clusters have

    def data(self, name, key):
        """The data of a ConfigMap on a cluster, or None."""
        item = self.sim.object(name, key)
        return item and item.get("data")

    def wait_data(self, name, key, expected):
        wait_for(lambda: self.data(name, key) == expected, SOON,
                 f"{key} on {name} to be {expected}", 0.1)

    def image(self, name, app="web"):
        """The tag of what the Deployment of an App runs on a cluster, or None."""
        item = self.sim.object(name, f"Deployment.apps/default/{app}")
        return item and item["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[1]

    def images(self, app="web", clusters=3):
        """Of c01, c02 and so on."""
        return [self.image(f"c{i + 1:02}", app) for i in range(clusters)]

    def wait_images(self, *expected, app="web"):
        wait_for(lambda: self.images(app, len(expected)) == list(expected), SOON, f"{app} to run {expected}", 0.1)


def pause(seconds):
    """For what must not happen: the only place where a story sleeps."""
    time.sleep(seconds)

