"""What may happen to the identities of a fleet in a fault run, while programs are killed: half of the
life of all certificates goes by, the hub's issuer changes, an agent is revoked and another one enrolled
in its place."""
import json
import shutil
import signal
import ssl
import subprocess

from support import raw_agent as raw
from support.hub import program
from support.process import wait_for

AHEAD_MS = 5 * 86400 * 1000  # of the seven days that a certificate is good
PATIENT = 60  # seconds; a bound for a busy machine
ROTATE_WRITES = 40  # more than `holdfast-hub rotate` does


class Identities:
    """A part of Fleet (fleet.py)."""

    def renew_certificates(self):
        """Agents hear with the hub's first word that it is time for a new key."""
        self.hub_faults.set(self.hub_faults.CLOCK_MS, AHEAD_MS)
        self.kill(self.hub)
        self.begin_hub()
        self.pause(0, 1.5)
        self.random.choice((self.kill_hub, self.kill_hub_at_a_write, self.kill_agent,
                            self.kill_sim_at_a_write))()
        self.hub_faults.set(self.hub_faults.CLOCK_MS, 0)

    def rotate_issuer(self):
        """Once it is killed half-way, then it comes to its end; the hub serves meanwhile."""
        self.maybe_commit()
        self.rotate(kill_in=self.random.randint(1, ROTATE_WRITES))
        if self.random.random() < 0.5:
            self.kill(self.hub)
            self.begin_hub()
        done = self.rotate()
        assert done.returncode == 0, done.stderr
        self.hub.signal(signal.SIGHUP)
        self.pause(0, 0.4)

    def rotate(self, kill_in=0):
        faults = type(self.hub_faults)(self.folder / "rotate.faults")
        faults.set(faults.KILL_IN, kill_in)
        env = {**self.hub.env, "HOLDFAST_FAULTS": str(faults.path)}
        return subprocess.run([program("holdfast-hub"), "rotate", "--data-dir",
                               self.hub.data / "data"], capture_output=True, text=True, check=False,
                              env=env, cwd=self.folder, timeout=60)

    def revoke(self):
        """Who is revoked is gone for good; another one is enrolled in its place."""
        name = self.random.choice(self.clusters)
        if not self.has_told_all(name):
            return
        wait_for(lambda: self.agent_id(name), PATIENT, f"{name} to be enrolled")
        identity = self.folder / f"{name}-{len(self.revoked)}.pem"
        wait_for(lambda: self.knock(raw.write_identity(self.agent_folder(name), identity)), PATIENT,
                 f"a copy of {name} to be let in")  # it may be about to get another certificate
        self.hub.run("revoke", name)
        self.note("revoked", key=identity.name)
        self.revoked.append(identity)
        if self.random.random() < 0.5:
            self.kill(self.hub)
            self.begin_hub()
        self.knock_again()
        self.enroll_again(name)

    def agent_id(self, name):
        """The id that an agent was given; None: it has none yet."""
        file = self.agent_folder(name) / "identity"
        return json.loads(file.read_text(encoding="utf-8")).get("clusterId") if file.exists() else None

    def knock(self, identity):
        """Comes with a copy of an agent's identity, and notes if it is let in."""
        try:
            with raw.RawAgent(self.hub.agent_port, identity) as agent:
                let_in = agent.greet() == raw.WELCOME
        except (OSError, ssl.SSLError):
            let_in = False
        if let_in:
            self.note("let_in", key=identity.name)
        return let_in

    def knock_again(self):
        for identity in self.revoked:
            self.knock(identity)

    def enroll_again(self, name):
        self.kill(self.sim)
        shutil.rmtree(self.agent_folder(name))
        self.note("enrolled", cluster=name)
        line = self.hub.run("enroll", name, "--tokens").stdout
        self.secrets.append(line.split()[1])
        (self.folder / "tokens").write_text(line, encoding="utf-8")
        self.begin_sim()

    def assert_all_are_let_in(self):
        away = [row["name"] for row in self.hub.get("clusters")
                if row["name"] in self.clusters and not row["connected"]]
        assert not away, f"{away} have no connection"
