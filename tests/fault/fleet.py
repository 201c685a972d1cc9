"""The fleet of a fault run: a hub, agents on a bad network, a Git server, and what may go wrong.

Deeds are methods without arguments; they choose at random what they need, undo what they did before
they return, and write down what others did. The last commit is what must hold in the end.
"""
import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
import uuid

import checker
import leaving
from backups import Backups, KnownHub
from identities import Identities
from support import gitservers, manifests as m
from support.faults import SHIM, Faults
from support.gitrepo import GitRepo
from support.process import TimedOut, wait_for
from support.simstory import Sim, cluster, files

CLUSTERS = ("c01", "c02", "c03", "c04")
NAMESPACE = "shop"
APPS = {"kept": ("kept-0", "kept-1", "kept-2"), "told": ("told-0", "told-1")}
DRIFT = {"kept": "correct", "told": "report"}
CHANGES_MAX = 3  # of an object in one version: after five the agent would leave it alone
PATIENT = 150  # seconds; a bound for a busy machine
EVENTS_MAX = 5000
SLOW_MS = 1000  # that each fsync takes longer
LONGEST_STOP = 12  # seconds: beyond all patience

REPOSITORIES = """repositories:
- name: fleet
  url: {url}/any/fleet.git
  caFile: {ca}
  pollInterval: 1s
  timeout: 6s
  allowPrivateHosts: true
"""


class Liar(gitservers.Handler):
    """A Git server that does what server.mode says."""

    def answer(self):
        mode = self.server.mode
        rest = self.path.lstrip("/").partition("/")[2]
        body = self.body()
        if mode == "silent":
            self.server.over.wait(30)
        if mode in ("silent", "broken"):
            self.plain(500, [])
        elif mode == "html":
            self.plain(200, [("Content-Type", "text/html")], b"<h1>Sign in</h1>")
        elif mode == "empty":
            self.backend(rest.replace("fleet.git", "empty.git", 1), body, torn=False)
        else:
            self.backend(rest, body, torn=mode == "torn")


class Fleet(Identities, Backups):
    clusters = CLUSTERS
    longest_stop = LONGEST_STOP

    def __init__(self, folder, chance, network):
        self.folder = folder
        self.random = chance
        self.network = network  # network.py
        self.history = folder / "history.jsonl"
        self.history.touch(0o700)  # executable: no fault takes a line away (shim.c)
        self.synced = folder / "synced"  # shim.c fills it
        self.synced.mkdir()
        self.canaries = {name: f"only-for-{name}-{uuid.uuid4().hex}" for name in self.clusters}
        self.secret = f"hidden-{uuid.uuid4().hex}"
        self.secrets = [self.secret]
        self.version = 0
        self.objects = {(app, name): self.next_version() for app in APPS for name in APPS[app]}
        self.leaving = leaving.Leaving(chance, self.next_version, self.clusters)
        self.pushed = set()  # paths
        self.changes = {}  # (cluster, key, version): how often somebody changed it
        self.foreign = 0
        self.away = 0
        self.kills = 0
        self.revoked = []  # files with the identities of agents
        self.hub_clock_ms = 0  # how wrong the clock was when the hub began

    # The history

    def note(self, what, **members):
        with open(self.history, "ab", buffering=0) as file:
            file.write((json.dumps({"what": what, **members}) + "\n").encode())

    def say(self, words):
        self.note("fault", words=words)

    # Git

    def next_version(self):
        self.version += 1
        return str(self.version)

    def desired(self):
        """{cluster: {key: data}} as Git says."""
        return {name: {**self.leaving.desired(name, self.canaries[name]),
                       **{key_of(thing): {"version": version, "colour": "green",
                                          "canary": self.canaries[name]}
                          for (_app, thing), version in self.objects.items()}}
                for name in self.clusters}

    def facts(self):
        """What else the checker is told of a commit; `kept` and `told` prune, and run everywhere."""
        facts = self.leaving.facts()
        for name in self.clusters:
            facts["owners"][name] |= {key_of(thing): app for app, thing in self.objects}
        facts["apps"] |= {app: {"on": list(self.clusters)} for app in APPS}
        return facts

    def tree(self):
        """{path: text} of the fleet repository."""
        made = self.leaving.files()
        for name in self.clusters:
            made |= cluster(name, {"side": self.leaving.side[name]}, canary=self.canaries[name])
        for app, things in APPS.items():
            made |= files(app, *(m.config_map(thing, version=self.objects[app, thing],
                                              colour="green", canary="${canary}")
                                 for thing in things if (app, thing) in self.objects),
                          namespace=NAMESPACE, prune=True, drift=DRIFT[app])
        return made | files("safe", m.secret("safe", password=self.secret), namespace=NAMESPACE)

    def push(self):
        tree = self.tree()
        self.note("commit", desired=self.desired(), **self.facts())
        self.repo.push({**dict.fromkeys(self.pushed - set(tree)), **tree}, "a change")
        self.pushed = set(tree)

    def commit(self):
        for app, thing in self.random.sample(sorted(self.objects), 2):
            self.objects[app, thing] = self.next_version()
        self.push()
        self.pause(0.1, 0.6)

    def take_out_or_bring_back(self):
        app, thing = "kept", self.random.choice(APPS["kept"])
        left = [of for of, _thing in self.objects].count(app)
        if (app, thing) in self.objects and left > 1:  # an App without manifests is a mistake
            del self.objects[app, thing]
        else:
            self.objects[app, thing] = self.next_version()
        self.push()
        self.pause(0.1, 0.6)

    # What leaves (leaving.py)

    def move_app(self):
        self.change_git(self.leaving.move)

    def flip_label(self):
        self.change_git(self.leaving.flip_label)

    def set_options(self):
        self.change_git(self.leaving.set_options)

    def hand_over(self):
        self.change_git(self.leaving.hand_over)

    def take_out_what_is_precious(self):
        self.change_git(self.leaving.toggle)

    def change_git(self, change):
        change()
        self.push()
        self.pause(0.1, 0.6)

    def make_anew(self):
        """Somebody makes an object his own, and Git does not have it any more."""
        for name in self.clusters:
            self.make_anew_on(name, leaving.LOOSE)
        self.leaving.take_out(leaving.LOOSE)
        self.push()
        self.pause(0.1, 0.6)

    def make_anew_on(self, name, key):
        if self.object_of(name, key):
            self.ask("delete", name, key)
            self.put(name, key, m.config_map("loose", NAMESPACE, version="of others"))

    def put(self, name, key, item):
        self.sim.ask("create", name, key, json.dumps(item).replace('"', '\\"'))

    def remove_much(self):
        """What waits for a confirmation stays, whatever happens to hub and agents; then Git has it
        again, or confirms that it goes."""
        if len(self.leaving.objects["many"]) == 1:
            self.change_git(self.leaving.put_many_back)
            return
        self.wait_resolved()  # what goes together waits together
        self.leaving.take_many_out()
        self.push()
        removal = wait_for(self.removal_that_waits, PATIENT, "the removal to wait", 0.1)
        self.random.choice((self.kill_hub, self.kill_sim, self.maybe_commit))()
        if self.random.random() < 0.6:
            self.leaving.confirm(removal)
            self.leaving.in_git = {leaving.MANY[0]}
        else:
            self.leaving.put_many_back()
        self.push()
        self.wait_resolved()

    def wait_resolved(self):
        head = self.repo.head()
        wait_for(lambda: head in [row["id"] for row in self.hub.get("revisions")], PATIENT,
                 "the hub to have read the last commit", 0.1)

    def removal_that_waits(self):
        for row in self.hub.get("problems", "--limit", "5000"):
            if row["app"] == "many" and "waits for a confirmation" in row["message"]:
                return row["message"].partition("removal: '")[2][:12]
        return None

    def commit_nonsense(self):
        """What nobody can read: the last good state stays, and the next commit heals it."""
        self.repo.push({"apps/kept/app.yaml": "kind: App\nspec: {targets: 7}\n"}, "nonsense")
        self.pause(0.5, 1.5)
        self.commit()

    # Others in the clusters

    def pick(self, app):
        """A cluster and the key of an object of an App there; None if it is not there now."""
        name = self.random.choice(self.clusters)
        things = [thing for of, thing in sorted(self.objects) if of == app]
        key = key_of(self.random.choice(things)) if things else ""
        of = (name, key, self.objects.get((app, key.rpartition("/")[2])))
        self.changes[of] = self.changes.get(of, 0) + 1
        if not things or self.changes[of] > CHANGES_MAX or not self.object_of(name, key):
            return None
        return name, key

    def ask(self, *words):
        """A command to the simulated clusters; what is not there any more does not matter."""
        try:
            return self.sim.ask(*words)
        except AssertionError as error:
            assert " has no " in str(error), error
            return None

    def change(self):
        colour = self.random.choice(("red", "blue"))  # drawn in any case: a seed tells what happens
        found = self.pick(self.random.choice(sorted(APPS)))
        if found:
            self.ask("drift", *found, "data.colour", colour)
        self.pause(0, 0.3)

    def delete(self):
        found = self.pick("kept")
        if found:
            self.ask("delete", *found)
        self.pause(0, 0.3)

    def change_while_away(self):
        """What happens while the link is cut, and is on the agent's disk before it is not."""
        self.away += 1
        found = self.pick("told")
        if not found or not self.has_told_all(found[0]):
            return
        name, key = found
        self.network.refuse()
        try:
            wait_for(lambda: not self.sim.state(name)["connected"], PATIENT, f"{name} to be away")
            if self.is_as_git_says(name, key):
                self.change_and_note(name, key)
        finally:
            self.network.heal()

    def change_and_note(self, name, key):
        began, before = self.sim.state(name), self.noted_values(name)
        self.ask("drift", name, key, "data.colour", f"away-{self.away}")
        new = wait_for(lambda: self.noted_values(name) - before, PATIENT, f"the journal of {name}")
        # Of two it is not known which one is this; another change was still under way.
        if len(new) == 1 and self.is_quiet(began, self.sim.state(name)):
            self.note("away", cluster=name, key=key, value=min(new))

    @staticmethod
    def is_quiet(before, after):
        """Whether nothing was applied meanwhile: what is there is then compared anew, and told."""
        return (before["applied"] == before["apps"]
                and before["generation"] == after["generation"])

    def has_told_all(self, name):
        """Whether nothing is noted of what happened before; a clock may keep a hub from hearing."""
        try:
            return wait_for(lambda: not self.sim.state(name)["untold"], 5, patience=1)
        except TimedOut:
            return False

    def noted_values(self, name):
        """What values that are not in Git are called in an agent's journal."""
        return {text.decode() for text in
                re.findall(rb"hmac:[0-9a-f]+", self.durable(self.agent_folder(name) / "log"))}

    def is_as_git_says(self, name, key):
        data = (self.object_of(name, key) or {}).get("data", {})
        return (data.get("version") == self.objects.get(("told", key.rpartition("/")[2]))
                and data.get("colour") == "green")

    def create(self):
        self.foreign += 1
        thing = f"foreign-{self.foreign}"
        self.put(self.random.choice(self.clusters), key_of(thing),
                 m.config_map(thing, NAMESPACE, version="of others"))

    # Programs that end and begin again

    def kill_hub(self):
        self.maybe_commit()
        self.pause(0, 0.4)
        self.kill(self.hub)
        self.begin_hub()

    def kill(self, program):
        """kill -9, unless it has come to its end by itself."""
        self.kills += program.alive()
        program.kill()

    def kill_hub_at_a_write(self):
        self.hub_faults.set(Faults.KILL_IN, self.random.randint(1, 120))
        self.commit()
        self.wait_for_the_kill(self.hub, self.hub_faults)
        if self.random.random() < 0.7:  # or the process alone
            self.lose_what_was_not_synced(self.hub.data / "data")
        self.begin_hub()

    def wait_for_the_kill(self, program, faults):
        """Until a program's shim has killed it; soon it is killed in any case."""
        try:
            wait_for(lambda: not program.alive(), 3, patience=1)
            program.exit_code()
            self.kills += 1
        except TimedOut:
            faults.end()
            self.kill(program)

    def begin_hub(self):
        """Looks what the hub's disk knows of what it has acknowledged, and starts it."""
        self.hub_faults.end()
        self.note_acked()
        for name, run, number in self.known():
            self.note("known", cluster=name, run=run, number=number)
        self.hub_clock_ms = self.hub_faults.get(Faults.CLOCK_MS)
        self.hub.start_and_wait(60)
        self.knock_again()

    def note_acked(self):
        for name in self.clusters if self.sim.alive() else ():
            state = self.sim.state(name)
            if state.get("run"):
                self.note("acked", cluster=name, run=state["run"], number=state["acked"])

    def known(self):
        copy = self.folder / "known"
        copy.mkdir(exist_ok=True)
        for name in ("hub.db", "hub.db-wal"):
            (copy / name).unlink(missing_ok=True)
            if (self.hub.data / "data" / name).exists():
                shutil.copy(self.hub.data / "data" / name, copy / name)
        with sqlite3.connect(copy / "hub.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = db.execute("SELECT cluster, run, report FROM presence").fetchall()
        return [row for row in rows if row[1]]

    def kill_agent(self):
        name = self.random.choice(self.clusters)
        self.maybe_commit()
        self.pause(0, 0.4)
        self.sim.ask("kill", name)
        self.kills += 1
        self.pause(0, 0.4)
        wait_for(lambda: self.sim.ask("start", name), 30, f"the agent of {name} to be gone")

    def kill_sim(self):
        self.maybe_commit()
        self.pause(0, 0.4)
        self.kill(self.sim)
        self.begin_sim()

    def kill_sim_at_a_write(self):
        self.sim_faults.set(Faults.KILL_IN, self.random.randint(1, 40))
        self.commit()
        self.wait_for_the_kill(self.sim, self.sim_faults)
        self.lose_what_was_not_synced(self.sim.data)
        self.begin_sim()

    def lose_what_was_not_synced(self, *folders):
        """From the ends of all files, as when their machine goes."""
        for path in (path for folder in folders if SHIM for path in folder.rglob("*") if path.is_file()):
            os.truncate(path, len(self.durable(path)))

    def durable(self, path):
        """The bytes of a file that no fault can take away; without a shim nobody knows."""
        content = path.read_bytes()
        synced = self.synced / str(path.stat().st_ino)
        if not SHIM:
            return content
        if not synced.exists():
            return b""
        return content[:int.from_bytes(synced.read_bytes()[:8], "little")]

    def kill_both(self):
        """As when the machine goes."""
        self.maybe_commit()
        self.pause(0, 0.4)
        self.kill(self.hub)
        self.kill(self.sim)
        self.lose_what_was_not_synced(self.hub.data / "data", self.sim.data)
        self.begin_hub()
        self.begin_sim()

    def begin_sim(self):
        self.sim_faults.end()
        self.sim.start()
        self.sim.wait_ready(lambda: self.answers(self.sim), 60, "answering")

    @staticmethod
    def answers(sim):
        try:
            return sim.state()
        except OSError:
            return None

    def stop_hub(self):
        self.stop_for_a_while(self.hub)

    def stop_sim(self):
        self.stop_for_a_while(self.sim)

    def stop_for_a_while(self, program):
        self.maybe_commit()
        program.pause()
        self.pause(0.5, self.longest_stop if self.random.random() < 0.2 else 3)
        program.resume()

    # The network

    def weather(self):
        self.network.spoil(self.random)
        self.maybe_commit()
        self.pause(1, self.network.longest)
        self.network.heal()

    def reset_links(self):
        self.maybe_commit()
        self.pause(0, 0.4)
        self.network.reset()

    def refuse_links(self):
        self.network.refuse()
        self.maybe_commit()
        self.pause(0.5, 1.5)
        self.network.heal()

    # Disks and clocks

    def break_disk(self):
        faults, program = self.random.choice(((self.hub_faults, self.hub),
                                              (self.sim_faults, self.sim)))
        which, number = self.random.choice((
            (Faults.SYNC, errno.EIO), (Faults.WRITE, errno.ENOSPC), (Faults.WRITE, errno.EROFS),
            (Faults.WRITE, errno.EIO), (Faults.READ, errno.EIO), (Faults.SYNC_MS, SLOW_MS)))
        faults.set(which, number)
        self.maybe_commit()
        self.change()
        self.pause(0.5, 2.5)
        faults.end()
        if not program.alive():
            slow = which == Faults.SYNC_MS
            said = "took its time" if slow else f"said {os.strerror(number)}"
            self.note("died", name=program.name, words=f"as its disk {said}")

    def move_clock(self):
        faults = self.random.choice((self.hub_faults, self.sim_faults))
        ms = self.random.choice((-600, 600, -25 * 3600, 25 * 3600, 0)) * 1000
        faults.set(Faults.CLOCK_MS, ms)
        self.maybe_commit()
        self.pause(0.2, 1)

    # Git and the clusters' API

    def git_lies(self):
        self.server.over.clear()
        self.server.mode = self.random.choice(("silent", "broken", "html", "torn", "empty"))
        self.commit()
        self.pause(1, 3)
        self.server.mode = "fine"
        self.server.over.set()

    def cluster_refuses(self):
        name = self.random.choice(self.clusters)
        fault = self.random.choice((("fail", name, "ConfigMap"), ("unreachable", name)))
        self.sim.ask(*fault, "on")
        self.maybe_commit()
        self.pause(0.5, 2)
        self.sim.ask(*fault, "off")

    # Its beginning and its end

    def maybe_commit(self):
        if self.random.random() < 0.5:
            self.commit()

    def pause(self, least, most):
        time.sleep(self.random.uniform(least, most))

    def start(self):
        self.repo = GitRepo(self.folder)
        GitRepo(self.folder, "empty").push({}, "nothing at all")
        for name, text in self.canaries.items():
            self.note("canary", cluster=name, text=text)
        self.push()
        self.start_server()
        self.start_hub()
        self.start_sim()

    def start_server(self):
        authority = gitservers.Authority(self.folder, "authority")
        self.server = gitservers.Https(self.folder, *authority.issue("localhost"))
        self.server.RequestHandlerClass = Liar
        self.server.mode = "fine"
        self.server.over = gitservers.threading.Event()
        self.ca = authority.cert

    def start_hub(self):
        self.hub = KnownHub(self.folder, options=("--heartbeat", "2s"),
                       repositories=REPOSITORIES.format(url=self.server.url, ca=self.ca),
                       host=self.network.host)
        self.hub_faults = Faults(self.folder / "hub.faults")
        self.hub_faults.give(self.hub)
        self.hub.start_and_wait(60)
        self.hub.make_known()
        wait_for(lambda: len(self.hub.get("clusters")) == len(self.clusters), PATIENT,
                 "the clusters", 0.1)

    def start_sim(self):
        tokens = self.folder / "tokens"
        tokens.write_text(self.hub.run("enroll", "--all", "--tokens").stdout, encoding="utf-8")
        self.secrets += [line.split()[1] for line in tokens.read_text().splitlines()]
        self.network.connect(self.hub, self.random)
        self.sim = Sim(self.folder, self.network, tokens, (
            "--hub", self.network.hub_address, "--history", self.history,
            "--reconnect-max", "1s", "--latency", "2ms"))
        self.sim.argv = self.network.command(self.sim.argv)
        self.sim_faults = Faults(self.folder / "sim.faults")
        self.sim_faults.give(self.sim)
        self.sim.start()
        self.sim.wait_ready(lambda: self.answers(self.sim), 60, "answering")
        self.wait_for_rest("the fleet to be as Git says")

    def wait_for_rest(self, words):
        wait_for(self.is_at_rest, PATIENT, words, 0.2)

    def come_to_rest(self):
        """Waits until all is as it must be, and writes down how it is."""
        for faults in (self.hub_faults, self.sim_faults):
            faults.set(Faults.CLOCK_MS, 0)
        if self.hub_clock_ms != 0:  # its certificate may begin in what is now the future
            self.hub.terminate()
            self.begin_hub()
        self.network.reset()
        waits = ""
        try:
            self.wait_for_rest("the fleet to come to rest")
        except AssertionError as error:
            waits = str(error)
        self.knock_again()
        for name in self.clusters:
            self.note("final", cluster=name, objects=self.objects_of(name))
        self.note("hub", drift=self.told_drift(), unsettled=waits)
        self.note_events()
        self.note_leaks()
        self.note_broken()

    def note_events(self):
        gaps = {}
        for row in self.events("journal.gap"):
            gaps[row["cluster"]] = gaps.get(row["cluster"], 0) + 1
        found = self.events("drift.found")
        self.note("events", messages=[row["message"] for row in found], gaps=gaps)

    def events(self, kind):
        """All of a kind: what is judged must not be a part of them."""
        rows = self.hub.get("events", "--kind", kind, "--limit", str(EVENTS_MAX))
        assert len(rows) < EVENTS_MAX, f"{kind}: there are more than can be asked for at once"
        return rows

    def objects_of(self, name):
        keys = {key_of(thing) for things in APPS.values() for thing in things}
        keys |= self.leaving.keys
        found = {key: self.object_of(name, key) for key in keys}
        return {key: item for key, item in found.items() if item}

    def object_of(self, name, key):
        return self.sim.object(name, key)

    def told_drift(self):
        return [[row["cluster"], row["key"], row["path"]]
                for row in self.hub.get("drift", "--limit", "5000")]

    def is_at_rest(self):
        """Whether clusters and hub are as the checker wants them, or an assertion that says not."""
        judge = checker.Checker()
        judge.read(checker.read(self.history))
        del judge.violations[:]  # they are told in the end
        for name in self.clusters:
            judge.on_final({"cluster": name, "objects": self.objects_of(name)})
        judge.on_hub({"drift": self.told_drift(), "unsettled": ""})
        assert not judge.violations, judge.violations[0][1]
        for row in self.hub.get("status", "--limit", "5000"):
            healthy = row["health"] == "healthy" or row["app"] == leaving.NOT_BOUND
            assert row["applied"] == "applied" and healthy, row
        self.assert_all_are_let_in()
        return True

    def note_leaks(self):
        self.secrets.append(self.hub.token_file.read_text(encoding="utf-8").strip())
        places = {path.name: path.read_bytes() for path in
                  (self.hub.log, self.sim.log, *(self.hub.data / "data").glob("hub.db*"))}
        places["/metrics"] = json.dumps(self.hub.metrics()).encode()
        for what in ("events", "status", "drift", "problems", "revisions"):
            places[f"get {what}"] = json.dumps(self.hub.get(what, "--limit", "5000")).encode()
        for place, _text in checker.find_leaks(self.secrets, places):
            self.note("leak", where=place)
        for name in self.clusters:
            others = [text for of, text in self.canaries.items() if of != name]
            folder = {str(p): p.read_bytes() for p in self.agent_folder(name).iterdir()}
            for place, _text in checker.find_leaks(others, folder):
                self.note("leak", where=place)

    def note_broken(self):
        """What Git says of the state repository: nothing, if all that its branches need is there."""
        folder = self.hub.data / "data" / "state.git"
        for words in (("fsck", "--full", "--no-dangling"), ("diff", "--quiet", "desired", "actual")):
            done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)
            if done.stderr or done.returncode not in (0, 1):
                self.note("broken", where="the state repository", words=done.stderr)

    def agent_folder(self, name):
        return self.sim.data / name

    def stop(self):
        for program in (self.sim, self.hub):
            code = program.terminate()
            if code != 0:
                self.note("died", name=program.name, words=f"with code {code}")


def key_of(thing):
    return f"ConfigMap/{NAMESPACE}/{thing}"
