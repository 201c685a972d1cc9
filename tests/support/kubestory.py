"""What the stories on a real Kubernetes share: a hub, Git, an agent with the kube driver.

The fleet has one cluster, "real". Apps and their objects are given as dicts (manifests.py):

    self.deliver(files("shop", config_map("web", colour="green"), namespace="default"))
"""
import json
import re

from support import story
from support.agent import Agent
from support.gitrepo import GitRepo
from support.hub import Hub
from support.manifests import app, cluster, text, thing
from support.process import PATIENCE, wait_for

CLUSTER = "real"
SOON = 60  # seconds; a bound for a busy machine
SCRATCH = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"}


def files(name, *objects, **spec):
    """The files of an App: its app.yaml and one for each object."""
    made = {f"apps/{name}/app.yaml": text(app(name, **spec))}
    for item in objects:
        made[path(name, item)] = text(item)
    return made


def path(name, item):
    """The file of an object of an App."""
    return f"apps/{name}/{item['kind'].lower()}-{item['metadata']['name']}.yaml"


class KubeStory(story.Story):
    """A hub and an agent on a Kubernetes of their own; both run before the first test."""

    kube = {}
    agent_options = ()
    hub_options = ()
    repo_more = {}  # of the repository's configuration

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.cluster.admin
        cls.repo = GitRepo(cls.folder)
        cls.repo.push({"clusters/real.yaml": text(cluster(CLUSTER))}, "a cluster")
        cls.hub = Hub(cls.folder, repositories=json.dumps({"repositories": [
            {"name": "fleet", "url": cls.repo.url, "branch": "main", "pollInterval": "1m",
             **cls.repo_more}]}),
            options=cls.hub_options)
        cls.hub.start_and_wait()
        wait_for(lambda: cls.hub.get("clusters"), SOON, "the hub to know the cluster")
        cls.agent = cls.make_agent()
        cls.agent.start()
        cls.wait_connected()

    @classmethod
    def make_agent(cls, again=False):
        """The agent, not started; some stories give it fewer rights, or enrol it again."""
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER, again), driver="kube",
                     kubeconfig=cls.cluster.token_kubeconfig("agent"), options=cls.agent_options)

    # From Git to the cluster

    def commit(self, changes, message="change"):
        """Pushes {path: text or None} and tells the hub. Returns the commit."""
        revision = self.repo.push(changes, message)
        self.hub.run("sync")
        return revision

    def wait_until(self, revision, stage="healthy", timeout=60):
        timeout *= PATIENCE
        waited = self.hub.run("wait", "--revision", revision, "--for", stage, "--timeout",
                              f"{timeout}s", timeout=timeout + 60, check=False)
        if waited.returncode != 0:
            raise AssertionError(f"{waited.stderr.strip()}\n{self.not_well()}")

    def not_well(self):
        """Apps and objects that are not as they should be, for a failed test to show."""
        rows = [row for row in self.hub.get("status")
                if row["applied"] != "applied" or row["health"] != "healthy"]
        rows += [row for row in self.hub.get("objects", "--cluster", CLUSTER)
                 if row["health"] != "healthy"]
        return "\n".join(json.dumps(row) for row in rows)

    def deliver(self, changes, stage="healthy", timeout=60):
        """Pushes and waits until the cluster runs it."""
        revision = self.commit(changes)
        self.wait_until(revision, stage, timeout)
        return revision

    # What the hub knows

    @classmethod
    def connected(cls):
        return cls.hub.get("clusters")[0]["connected"]

    @classmethod
    def wait_connected(cls, yes=True):
        def is_so():
            if yes:
                cls.agent.check_alive()
            return cls.connected() == yes
        return wait_for(is_so, SOON, "the agent to be connected" if yes else "it to be gone", 0.2)

    def status(self, name):
        """How an App is, or None."""
        rows = [row for row in self.hub.get("status") if row["app"] == name]
        return rows[0] if rows else None

    def wait_status(self, name, timeout=SOON, **wanted):
        """Waits until the App's status is so; message is a regular expression."""
        def is_so():
            row = self.status(name)
            assert row, f"nobody knows App {name}"
            for field, value in wanted.items():
                is_text = field in ("message", "healthMessage")
                fits = re.search(value, row[field]) if is_text else row[field] == value
                assert fits, f"{field} is {row[field]!r}, not {value!r} ({row['message']!r})"
            return row
        return wait_for(is_so, timeout, f"App {name}", 0.2)

    def object_report(self, key):
        rows = [row for row in self.hub.get("objects", "--cluster", CLUSTER) if row["key"] == key]
        return rows[0] if rows else None

    def wait_object(self, key, timeout=SOON, **wanted):
        """Waits until the hub knows an object to be so; message is a regular expression."""
        def is_so():
            row = self.object_report(key)
            assert row, f"nobody knows {key}"
            for field, value in wanted.items():
                fits = re.search(value, row[field]) if field == "message" else row[field] == value
                assert fits, f"{field} is {row[field]!r}, not {value!r}"
            return row
        return wait_for(is_so, timeout, key, 0.2)

    def drift(self):
        """{(key, path): row} of all drift that is known now."""
        return {(row["key"], row["path"]): row for row in self.hub.get("drift")}

    def wait_drift(self, key, field=None, timeout=SOON):
        def found():
            for (its, path_of), row in self.drift().items():
                if its == key and field in (None, path_of):
                    return row
            return None
        return wait_for(found, timeout, f"drift of {key} {field or ''}", 0.2)

    def wait_no_drift(self, timeout=SOON):
        wait_for(lambda: not self.drift(), timeout, "no drift", 0.2)

    def events(self, kind):
        """Events of a kind, oldest first."""
        return self.hub.get("events", "--kind", kind, "--limit", "1000")[::-1]

    def waiting(self, app):
        """Problems that say that a removal of an App waits."""
        return [row for row in self.hub.get("problems")
                if row["app"] == app and "waits for a confirmation" in row["message"]]

    def wait_for_confirmation(self, app):
        """Waits until a removal of an App waits; returns what Git has to say for it to happen."""
        row, = wait_for(lambda: self.waiting(app), SOON, "something to wait", 0.2)
        removal = row["message"].partition("removal: '")[2][:12]
        return {f"confirmations/{removal}.yaml": text(thing(
            "holdfast/v1alpha1", "Confirmation", f"go-{removal}",
            spec={"app": app, "removal": removal}))}

    # What the cluster has

    def find(self, kind, name, api_version=None):
        return self.admin.find(kind, name, api_version)

    def wait_gone(self, kind, name, api_version=None):
        self.cluster.wait_for(lambda: not self.find(kind, name, api_version), SOON,
                              f"{kind} {name} to be gone")

    def written(self, since):
        """Write requests of the agent after a mark, but those to its inventory: {(verb, resource): count}."""
        return {key[1:]: count for key, count in self.cluster.writes("agent", since).items()
                if key[2] != "inventory"}

    def inventory_writes(self, since):
        """As kinds come and go, and seconds after a new manifest: it says which is in force."""
        return self.cluster.writes("agent", since)["agent", "patch", "inventory"]

    def assert_written(self, since, expected):
        """Waits for the audit log, which is a little late, and compares exactly."""
        wait_for(lambda: self.check_written(since, expected), SOON, "the audit log")

    def check_written(self, since, expected):
        written = self.written(since)
        assert written == expected, f"written: {written}"
        return True


def settled(item, but=()):
    """An object as somebody made it: without what the server, controllers and our labels add."""
    item = json.loads(json.dumps(item))
    item.pop("status", None)
    for key in SCRATCH | set(but):
        item["metadata"].pop(key, None)
    labels = item["metadata"].get("labels", {})
    labels.pop("applyset.kubernetes.io/part-of", None)
    labels.pop("holdfast.dev/app", None)
    if not labels:
        item["metadata"].pop("labels", None)
    return item
