"""A hub that loses its disk in a fault run, and goes on from a backup of some moment before; and a fleet
whose root changes meanwhile."""
import json
import shutil
import signal
import ssl
import subprocess

from support.hub import Hub, program
from support.process import wait_for

PATIENT = 150  # seconds; a bound for a busy machine
ROOT_WRITES = 12  # about as many as a step of `holdfast-hub rotate-root` does


class KnownHub(Hub):
    """A hub that people know by a copy of its root, while the hub changes that."""

    @property
    def ca_file(self):
        return self.data / "known-root.crt"

    def make_known(self):
        shutil.copy(super().ca_file, self.ca_file)


class Backups:
    """A part of Fleet (fleet.py)."""

    known_keys = ()  # that the hub has taken over last
    backup = None  # a file; a change of the root makes it one that agents do not believe any more

    def command(self, *words, kill_in=0):
        """holdfast-hub on the hub's folder; with a shim it may be killed at a write."""
        env = dict(self.hub.env)
        env.pop("HOLDFAST_FAULTS", None)
        if kill_in:
            faults = type(self.hub_faults)(self.folder / "command.faults")
            faults.set(faults.KILL_IN, kill_in)
            env["HOLDFAST_FAULTS"] = str(faults.path)
        return subprocess.run([program("holdfast-hub"), *map(str, words), "--data-dir",
                               self.hub.data / "data"], capture_output=True, text=True, check=False,
                              env=env, cwd=self.folder, timeout=PATIENT)

    # Backups

    def back_up(self):
        self.maybe_commit()
        self.pause(0, 0.4)
        file = self.folder / "hub.backup"
        done = self.command("backup", file)
        assert done.returncode == 0, done.stderr
        self.backup = file

    def restore_backup(self):
        """The hub's disk is gone, but for what was kept elsewhere: a backup and the registry."""
        if self.backup is None:
            self.back_up()
        self.maybe_commit()
        self.pause(0, 0.6)
        self.leave_the_future()
        registry = self.folder / "registry.jsonl"
        wait_for(self.registry_knows_all, PATIENT, "the registry to know everybody", 0.1)
        shutil.copy(self.hub.data / "data" / "registry.jsonl", registry)
        self.kill(self.hub)
        self.note_acked()
        shutil.rmtree(self.hub.data / "data")
        done = self.command("restore", self.backup, "--registry", registry)
        assert done.returncode == 0, done.stderr
        self.note("restored")
        self.backup = None  # of an epoch that has passed
        self.begin_hub()

    def leave_the_future(self):
        """A certificate of when the hub's clock was ahead is begun anew at the right one; a hub that has
        forgotten it would wait for a person."""
        self.hub_faults.set(self.hub_faults.CLOCK_MS, 0)
        self.kill(self.hub)
        self.begin_hub()
        wait_for(self.all_are_let_in, PATIENT, "everybody to be let in at the right time", 0.1)

    def all_are_let_in(self):
        self.assert_all_are_let_in()
        return True

    def registry_knows_all(self):
        """Whether the registry has every agent as the hub has it: it is written a little later."""
        text = (self.hub.data / "data" / "registry.jsonl").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if '"state":"active"' in line]
        gone = text.count('"state":"revoked"') + text.count('"state":"superseded"')
        ids = [self.agent_id(name) for name in self.clusters]
        return gone >= len(self.revoked) and all(of and any(of in line for line in lines)
                                                 for of in ids)

    # The root

    def rotate_root(self):
        """One step after the other, each killed half-way once; programs are killed in between. Once in
        a run: the hub knows certificates of the root before, and of none before that."""
        if self.known_keys:
            return
        self.backup = None
        for step, done_before in (("begin", "two roots already"), ("finish", "no next root"),
                                  ("drop", "no root that could be dropped")):
            self.maybe_commit()
            self.wait_for_trust()
            self.command("rotate-root", step, kill_in=self.random.randint(1, ROOT_WRITES))
            if not self.is_done(step, done_before):  # the first one had made a set that nobody has
                self.take_over_keys()
                self.wait_for_trust()
                assert self.is_done(step, done_before)
            self.take_over_keys()
            self.random.choice((self.kill_hub, self.kill_agent, self.kill_sim, self.maybe_commit))()
        self.hub.make_known()

    def is_done(self, step, done_before):
        done = self.command("rotate-root", step)
        if "lack the newest set" in done.stderr:
            return False
        assert done.returncode == 0 or done_before in done.stderr, done.stderr
        return True

    def wait_for_trust(self):
        wait_for(lambda: self.hub.metrics()["holdfast_agents_trust_behind"] == 0, PATIENT,
                 "everybody to know the roots", 0.2)

    def take_over_keys(self):
        before, known = self.known_keys, self.hub.data / "data" / "keys"
        self.known_keys = [(known / name).read_bytes() for name in
                           ("root.crt", "issuer.crt", "signer.crt", "trust.json")]
        if self.random.random() < 0.5:
            self.hub.signal(signal.SIGHUP)
            wait_for(lambda: before == self.known_keys or self.has_taken_over(known), PATIENT,
                     "the hub to take over", 0.1)
        else:
            self.kill(self.hub)
            self.begin_hub()

    def has_taken_over(self, keys):
        """Whether the hub has the set of roots and the signer that are on disk; it may look for itself,
        too."""
        version = json.loads((keys / "trust.json").read_text(encoding="utf-8"))["version"]
        told = any(f"set {version} of roots" in row["message"] for row in self.events("hub.rotated"))
        name = 'holdfast_certificate_expiry_timestamp_seconds{certificate="signer"}'
        return told and self.hub.metrics()[name] == end_of(keys / "signer.crt")


def end_of(certificate):
    text = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", certificate],
                          capture_output=True, text=True, check=True).stdout
    return ssl.cert_time_to_seconds(text.strip().removeprefix("notAfter="))
