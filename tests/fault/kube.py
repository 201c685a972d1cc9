"""The fleet of a fault run on a real Kubernetes: one cluster, whose API server has its bad days.

The agent goes through a door (support/kubeproxy.py), which refuses, holds and loses what goes
through it, and writes down what the agent did: a write is one after which the object has another
resourceVersion. Others change objects through the same lock, so the history is in order.
"""
import json
import random
import re

from fleet import NAMESPACE, Fleet
from support import manifests as m
from support.agent import Agent
from support.faults import Faults
from support.kube import KubeCluster
from support.kubeproxy import DROPPED, EXPIRED_ANSWER, KubeProxy, Refusal
from support.process import wait_for

NAME = "c01"
OTHER_NAMESPACE = f"{NAMESPACE}-2"
PART_OF = "applyset.kubernetes.io/part-of"
OBJECT = re.compile(r"/apis?(?:/(?P<group>[^/]+\.[^/]+))?/v1(?:/namespaces/(?P<space>[^/]+))?"
                    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/?]+))?(?:\?|$)")
KINDS = {"configmaps": "ConfigMap", "namespaces": "Namespace", "gears": "Gear",
         "customresourcedefinitions": "CustomResourceDefinition",
         "persistentvolumeclaims": "PersistentVolumeClaim"}


class Door(KubeProxy):
    """What is wrong is `trouble`, one of TROUBLES, for this share of the requests."""

    def __init__(self, cluster, chance, note):
        super().__init__(cluster)
        self.random = random.Random(chance.random())  # it is asked on many threads
        self.note = note
        self.trouble = None
        self.share = 1
        self.known = {}  # {key: form_of}
        self.removed = set()  # uids
        self.rule = self.before

    def begin_trouble(self, trouble, share):
        self.trouble, self.share = trouble, share
        if trouble == "expired":
            self.expire_watches()

    def end_trouble(self):
        self.trouble = None

    def is_hit(self):
        return self.trouble is not None and self.random.random() < self.share

    def before(self, method, _path):
        if not self.is_hit():
            return None
        if self.trouble == "hangs":
            wait_for(lambda: self.trouble != "hangs", 60, "the server to go on")
            return DROPPED
        return TROUBLES[self.trouble] if method == "GET" or self.trouble != "expired" else None

    def after(self, method, path, status, body):
        at = OBJECT.match(path)
        if status < 300 and "dryRun" not in path and at and at["plural"] in KINDS:
            item = json.loads(body)
            kind = ".".join(part for part in (KINDS[at["plural"]], at["group"]) if part)
            name = at["name"] or item["metadata"]["name"]
            self.note_write(method, f"{kind}/{at['space'] or ''}/{name}", item)
        return DROPPED if self.trouble == "loses answers" and self.is_hit() else None

    def note_write(self, method, key, item):
        uid = item["metadata"].get("uid") or item.get("details", {}).get("uid")
        if method == "DELETE" and uid not in self.removed:  # it may be asked to go more than once
            self.removed.add(uid)
            self.known.pop(key, None)
            self.note("remove", cluster=NAME, key=key)
        elif method != "DELETE" and PART_OF not in item["metadata"].get("labels", {}):
            self.known.pop(key, None)
            self.note("release", cluster=NAME, key=key)
        elif method != "DELETE" and self.known.get(key) != form_of(item):
            self.known[key] = form_of(item)
            self.note("write", cluster=NAME, key=key, object={
                **({"data": item["data"]} if "data" in item else {}),
                "metadata": {"annotations": item["metadata"].get("annotations", {})}})


def form_of(item):
    """What is another one after a write; of what controllers write, too, only our version is."""
    is_ours_alone = item["kind"] == "ConfigMap"
    meta = item["metadata"]
    return (meta["uid"], meta["resourceVersion"] if is_ours_alone
            else meta.get("annotations", {}).get("version"))


TROUBLES = {
    "busy": Refusal(429, retry_after=1),
    "broken": Refusal(500, "etcdserver: request timed out"),
    "gateway": Refusal(502, text="<html>Bad Gateway</html>"),
    "expired": EXPIRED_ANSWER,
    "hangs": None,
    "loses answers": None,
}


class KubeFleet(Fleet):
    """`sim` is the one agent here."""

    clusters = (NAME,)

    def start_sim(self):
        self.cluster = KubeCluster(self.folder).start()
        self.cluster.admin.apply(m.namespace(NAMESPACE), m.namespace(OTHER_NAMESPACE))
        self.door = Door(self.cluster, self.random, self.note).start()
        self.note("begin", cluster=NAME)
        self.network.connect(self.hub, self.random)
        token = self.hub.join_token(NAME)
        self.secrets.append(token)
        self.sim = Agent(self.folder, self.hub, NAME, token, driver="kube",
                         kubeconfig=self.door.kubeconfig("agent"), options=(
                             "--hub", self.network.hub_address, "--reconnect-max", "1s",
                             "--report-interval", "100ms"))
        self.sim_faults = Faults(self.folder / "agent.faults")
        self.sim_faults.give(self.sim)
        self.sim.start()
        self.wait_for_rest("the cluster to be as Git says")

    def agent_folder(self, name):
        return self.sim.data

    def begin_sim(self):
        self.sim_faults.end()
        self.sim.start()

    def note_acked(self):
        """The agent has no ear for that question."""

    def object_of(self, name, key):
        return self.cluster.admin.find(*named(key))

    # Others in the cluster

    def change(self):
        colour = self.random.choice(("red", "blue"))
        found = self.pick(self.random.choice(("kept", "told")))
        if found:
            with self.door.order:
                if self.object_of(*found):
                    item = self.cluster.admin.patch(*named(found[1])[:2],
                                                    {"data": {"colour": colour}})
                    self.door.known[found[1]] = form_of(item)
                    self.note("change", cluster=NAME, key=found[1], object={"data": item["data"]})
        self.pause(0, 0.3)

    def delete(self):
        found = self.pick("kept")
        if found:
            with self.door.order:
                self.delete_and_note(found[1])
        self.pause(0, 0.3)

    def delete_and_note(self, key):
        if self.object_of(NAME, key):
            self.cluster.admin.delete(*named(key))
            self.door.known.pop(key, None)
            self.note("delete", cluster=NAME, key=key)

    def make_anew_on(self, name, key):
        """With its labels, as a backup has them; or it loses the one by which it is ours."""
        anew = self.random.random() < 0.5
        with self.door.order:
            item = self.object_of(name, key)
            if item and anew:
                self.delete_and_note(key)
                self.put_and_note(key, m.thing("v1", "ConfigMap", "loose",
                                               labels=item["metadata"].get("labels"),
                                               data=item["data"]))
            elif item:
                self.cluster.admin.patch(*named(key)[:2],
                                         {"metadata": {"labels": {PART_OF: None}}})
                self.note("unlabel", cluster=NAME, key=key)

    def put(self, name, key, item):
        with self.door.order:
            self.put_and_note(key, item)

    def put_and_note(self, key, item):
        item["metadata"]["namespace"] = NAMESPACE
        self.cluster.admin.apply(item)
        self.note("create", cluster=NAME, key=key)

    # Its API server

    def api_trouble(self):
        self.door.begin_trouble(self.random.choice(sorted(TROUBLES)), self.random.choice((0.5, 1)))
        self.commit()
        self.change()
        self.pause(0.5, 3)
        self.door.end_trouble()

    def kill_api(self):
        self.maybe_commit()
        self.pause(0, 0.4)
        self.cluster.restart_api()
        self.kills += 1

    def stop_api(self):
        self.cluster.pause_api()
        self.maybe_commit()
        self.pause(0.5, 3)
        self.cluster.resume_api()

    def come_to_rest(self):
        self.door.end_trouble()
        super().come_to_rest()

    def stop(self):
        super().stop()
        self.cluster.stop()


def named(key):
    """An object as the client wants it named."""
    kind, space, name = key.split("/")
    kind, _dot, group = kind.partition(".")
    return kind, f"{space}/{name}" if space else name, f"{group}/v1" if group else None
