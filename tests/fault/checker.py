#!/usr/bin/env python3
"""Reads the history of a fault run and says what of it should never have happened.

    checker.py HISTORY

A history is a file of JSON lines in the order in which things happened, written by the harness
(run.py) and by holdfast-sim (--history). What they say:

    commit   desired: {cluster: {key: data}} is what Git says from now on, and is in force; owners:
             {cluster: {key: App}}; apps: {App: {on: [cluster], prune, precious, loss}}, what is left
             out is true, but for loss, which is "orphan"; kept: keys that an annotation keeps
    canary   text that only this cluster may ever see
    begin    a cluster is there, and empty (its process was started anew)
    enrolled another agent comes in the place of the cluster's, which holds no manifest yet
    adopt, write, remove, release      by the agent: key, generation, object
    create, change, delete, unlabel    by somebody else
    acked    the agent knows that the hub has committed its reports of `run` up to `number`
    known    what the hub's database says of that, after all it was acked
    restored the hub goes on from a backup: it forgot what it was told since
    away     while the agent had no hub somebody made the cluster's object hold a value, and the
             agent's disk had that, under this name for it, before it had one again
    final    objects: {key: object} of a cluster once all was quiet for long enough
    hub      what the hub says then: drift: [[cluster, key, path]], unsettled: what it waits for
    events   messages: of drift.found; gaps: {cluster: how many journal.gap}
    let_in   somebody with a copy of an agent's key was let in by the hub
    revoked  the hub has acknowledged that this key is good no more
    leak     a secret text was found where it does not belong
    broken   what the hub has on its disk cannot be read

The invariants:

    I1  what was committed last is applied on every cluster
    I2  a report that was acked is never lost, and what the hub says of drift is so
    I3  what an agent applies never goes back
    I4  nothing of one cluster reaches another one
    I5  an object is written once for each version of it and each change by somebody else
    I6  secrets stay where they belong
    I7  only what we made is removed, and only because Git no longer has it and does not say that it
        stays; nothing of ours is taken along by what it is in
    I8  what happened without a hub is told once, or there is a gap
    I9  who was revoked is not let in again
"""
import collections
import json
import sys


class Cluster:
    """What must be so of one cluster, as far as the history has been read."""

    def __init__(self, name):
        self.name = name
        self.generation = 0
        self.ours = set()  # keys that the agent made
        self.newest = {}  # key: the commit whose version was written last
        self.credit = collections.Counter()  # (key, version): how often it may be written
        self.canary = None


class Checker:
    def __init__(self):
        self.clusters = {}
        self.desired = {}  # of the last commit
        self.versions = {}  # (cluster, key, version): the number of the last commit that had it
        self.keys = set()  # of all commits
        self.apps = {}  # App: what is said of it
        self.kept = set()
        self.listed = collections.defaultdict(list)  # (cluster, key): [(number of a commit, App)]
        self.let_go = {}  # (cluster, key): the number of the last commit by which it may go
        self.commits = 0
        self.acked = {}  # (cluster, run): number
        self.forgotten = {}  # likewise: what the hub need not know any more
        self.told = 0  # of `away`, those that it need not have heard of
        self.away = []  # (cluster, value)
        self.let_in = set()  # keys that were
        self.revoked = set()
        self.settled = False
        self.violations = []

    def cluster(self, name):
        if name not in self.clusters:
            self.clusters[name] = Cluster(name)
        return self.clusters[name]

    def violate(self, invariant, words):
        self.violations.append((invariant, words))

    def check(self, entries):
        """Reads a history; returns [(invariant, words)]."""
        self.read(entries)
        if not self.settled:
            self.violate("I1", "the history has no end")
        return self.violations

    def read(self, entries):
        for entry in entries:
            getattr(self, "on_" + entry["what"])(entry)

    # Git

    def on_commit(self, entry):
        self.commits += 1
        self.apps |= entry.get("apps", {})
        self.kept |= set(entry.get("kept", ()))
        for name, objects in entry["desired"].items():
            before = self.desired.get(name, {})
            owners = entry.get("owners", {}).get(name, {})
            for key, data in objects.items():
                version = version_of(data)
                self.versions[name, key, version] = self.commits
                self.keys.add(key)
                self.listed[name, key].append((self.commits, owners.get(key, "")))
                if key not in before or version_of(before[key]) != version:
                    self.cluster(name).credit[key, version] += 1
        self.desired = entry["desired"]
        for name, key in self.listed:
            if key not in self.desired.get(name, {}) and self.may_go(name, key):
                self.let_go[name, key] = self.commits

    def may_go(self, name, key):
        """Whether any App lets it go that may be known to have it: the one that has written it, or
        one that had it in Git since."""
        written = self.cluster(name).newest.get(key, 0)
        return any(self.lets_go(self.apps.get(app, {}), name, key)
                   for number, app in self.listed[name, key] if number >= written)

    def lets_go(self, app, name, key):
        if key in self.kept or not app.get("prune", True):
            return False
        if name not in app.get("on", [name]):
            return app.get("loss", "orphan") == "prune" and not is_precious(key)
        return app.get("precious", True) or not is_precious(key)

    def on_canary(self, entry):
        self.cluster(entry["cluster"]).canary = entry["text"]

    # Somebody else

    def forgive(self, entry):
        """What the agent had written is not there any more, so it may write it once more."""
        cluster = self.cluster(entry["cluster"])
        for name, key, version in self.versions:
            if name == cluster.name and key == entry.get("key", key):
                cluster.credit[key, version] += 1

    def on_begin(self, entry):
        self.cluster(entry["cluster"]).ours.clear()
        self.forgive(entry)

    def on_enrolled(self, entry):
        self.cluster(entry["cluster"]).generation = 0

    def on_create(self, entry):
        self.cluster(entry["cluster"]).ours.discard(entry["key"])
        self.forgive(entry)

    def on_change(self, entry):
        self.forgive(entry)

    def on_delete(self, entry):
        self.cluster(entry["cluster"]).ours.discard(entry["key"])
        self.forgive(entry)

    def on_unlabel(self, entry):
        """Nobody can tell any more that it was ours."""
        self.on_create(entry)

    # The agent

    def on_adopt(self, entry):
        self.cluster(entry["cluster"]).ours.add(entry["key"])

    def on_write(self, entry):
        cluster = self.cluster(entry["cluster"])
        key, version = entry["key"], version_of(content_of(entry["object"]))
        self.look_back(cluster, entry)
        self.look_for_canaries(cluster, entry)
        if key not in self.keys:
            return  # its versions are not told
        commit = self.versions.get((cluster.name, key, version))
        if commit is None:
            self.violate("I1", f"{cluster.name}: {key} became {version}, which no commit has")
            return
        if commit < cluster.newest.get(key, 0):
            self.violate("I3", f"{cluster.name}: {key} went back to {version}")
        cluster.newest[key] = max(commit, cluster.newest.get(key, 0))
        cluster.ours.add(key)
        cluster.credit[key, version] -= 1
        if cluster.credit[key, version] < 0:
            self.violate("I5", f"{cluster.name}: {key} {version} was written again")

    def look_back(self, cluster, entry):
        generation = entry.get("generation", 0)
        if 0 < generation < cluster.generation:
            self.violate("I3", f"{cluster.name}: generation {generation} after "
                               f"{cluster.generation}")
        cluster.generation = max(cluster.generation, generation)

    def look_for_canaries(self, cluster, entry):
        text = json.dumps(entry)
        for other in self.clusters.values():
            if other is not cluster and other.canary and other.canary in text:
                self.violate("I4", f"{cluster.name}: {entry['key']} holds what is of {other.name}")

    def on_remove(self, entry):
        cluster, key = self.cluster(entry["cluster"]), entry["key"]
        self.look_back(cluster, entry)
        if key not in cluster.ours:
            self.violate("I7", f"{cluster.name}: {key} was removed, and was not ours")
        self.leave(cluster, key, "was removed")
        for other in [of for of in cluster.ours if is_inside(key, of)]:
            self.leave(cluster, other, f"was taken along by {key}")

    def leave(self, cluster, key, how):
        if self.let_go.get((cluster.name, key), 0) <= cluster.newest.get(key, 0):
            self.violate("I7", f"{cluster.name}: {key} {how}, and Git has it, or says that it stays")
        cluster.ours.discard(key)
        self.forgive({"cluster": cluster.name, "key": key})

    def on_release(self, entry):
        self.cluster(entry["cluster"]).ours.discard(entry["key"])

    # Reports

    def on_acked(self, entry):
        of = (entry["cluster"], entry["run"])
        if entry["number"] > self.forgotten.get(of, 0):
            self.acked[of] = max(entry["number"], self.acked.get(of, 0))

    def on_restored(self, _entry):
        self.forgotten |= self.acked
        self.acked.clear()
        self.told = len(self.away)

    def on_known(self, entry):
        was = self.acked.get((entry["cluster"], entry["run"]), 0)
        if entry["number"] < was:
            self.violate("I2", f"{entry['cluster']}: the hub knows reports up to {entry['number']}, "
                               f"and has acknowledged {was}")

    # The journal

    def on_away(self, entry):
        self.away.append((entry["cluster"], entry["value"]))

    def on_events(self, entry):
        for i, (name, value) in enumerate(self.away):
            told = sum(value in message.split('"') for message in entry["messages"])
            if told > 1 or (told == 0 and i >= self.told and not entry["gaps"].get(name)):
                self.violate("I8", f"{name}: that it held {value} was told {told} times")

    # Identities

    def on_let_in(self, entry):
        if entry["key"] in self.revoked:
            self.violate("I9", f"{entry['key']} was let in, and had been revoked")
        self.let_in.add(entry["key"])

    def on_revoked(self, entry):
        if entry["key"] not in self.let_in:
            self.violate("I9", f"{entry['key']} was not let in before: that it is not any more "
                               f"says nothing")
        self.revoked.add(entry["key"])

    # The end

    def on_final(self, entry):
        name, objects = entry["cluster"], entry["objects"]
        for key, data in self.desired.get(name, {}).items():
            there = objects.get(key)
            if there is None:
                self.violate("I1", f"{name}: {key} is not there")
            elif version_of(content_of(there)) != version_of(data):
                self.violate("I1", f"{name}: {key} is {version_of(content_of(there))}, "
                                   f"not {version_of(data)}")
        for key in objects:
            if (key in self.cluster(name).ours and self.let_go.get((name, key)) == self.commits
                    and not holds_others(key)):  # these go when what is in them has gone
                self.violate("I1", f"{name}: {key} is still there, and Git took it out")
        self.cluster(name).final = objects

    def on_hub(self, entry):
        self.settled = True
        if entry["unsettled"]:
            self.violate("I1", f"the hub still waits: {entry['unsettled']}")
        said = {tuple(row) for row in entry["drift"]}
        for row in said ^ self.real_drift():
            self.violate("I2", f"{'/'.join(row)} {'is no' if row in said else 'is'} drift, and the "
                               f"hub says otherwise")

    def real_drift(self):
        found = set()
        for name, objects in self.desired.items():
            final = getattr(self.cluster(name), "final", {})
            for key, data in objects.items():
                there = content_of(final.get(key, {}))
                if version_of(there) == version_of(data):
                    found |= {(name, key, f"data.{field}") for field, value in data.items()
                              if there.get(field) != value}
        return found

    # Secrets, and processes that end by themselves

    def on_leak(self, entry):
        self.violate("I6", f"a secret is in {entry['where']}")

    def on_broken(self, entry):
        self.violate("I2", f"{entry['where']} is broken: {entry['words']}")

    def on_died(self, entry):
        self.violate("I1", f"{entry['name']} ended by itself: {entry['words']}")

    def on_fault(self, entry):
        """Said for people."""


def version_of(data):
    return data.get("version")


def content_of(item):
    """What a commit says of an object; what has no data has its version in an annotation."""
    return item.get("data") or item.get("metadata", {}).get("annotations", {})


def holds_others(key):
    return key.startswith(("Namespace//", "CustomResourceDefinition.apiextensions.k8s.io//"))


def is_precious(key):
    return holds_others(key) or key.startswith(("PersistentVolumeClaim/", "PersistentVolume/"))


def is_inside(holder, key):
    """Whether the API server removes an object when it removes another one."""
    kind, space, _name = key.split("/")
    if holder.startswith("Namespace//"):
        return space == holder.rpartition("/")[2]
    return holds_others(holder) and kind.partition(".")[2] == holder.rpartition("/")[2].partition(".")[2]


def find_leaks(secrets, places):
    """Which of {name: bytes} holds one of the texts; [(name, text)]."""
    return [(name, text) for name, content in places.items() for text in secrets
            if text.encode() in content]


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main(path):
    violations = Checker().check(read(path))
    for invariant, words in violations:
        print(f"{invariant}: {words}")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
