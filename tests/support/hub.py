"""holdfast-hub and the CLI as processes of a test.

How they are called is written down here and in agent.py only.
"""
import json
import os
import pathlib
import socket
import ssl
import subprocess
import urllib.request

from support.process import Process, free_port


def program(name):
    """The path of one of our programs: $HOLDFAST_BIN, else the release build."""
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("HOLDFAST_BIN") or root / "build" / "release" / "bin")
    return folder / name


def listening(port):
    """Tells whether something accepts connections on this port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(10)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Hub(Process):
    """A hub with its data in folder/hub. It keeps its ports over restarts.

    host: where it listens for agents, if these are not on the loopback.
    """

    def __init__(self, folder, config="", repositories="", options=(), name="hub", binary=None,
                 host="127.0.0.1"):
        self.data = pathlib.Path(folder) / name
        self.data.mkdir(parents=True, exist_ok=True)
        self.config_file = self.data / "hub.yaml"
        self.repositories_file = self.data / "repositories.yaml"
        self.config_file.write_text(config, encoding="utf-8")
        self.repositories_file.write_text(repositories, encoding="utf-8")
        self.agent_port, self.enroll_port, self.api_port = (free_port() for _ in range(3))
        super().__init__(name, [
            binary or program("holdfast-hub"),
            "--data-dir", self.data / "data",
            "--listen", f"{host}:{self.agent_port}",
            "--enroll-listen", f"{host}:{self.enroll_port}",
            "--api-listen", f"127.0.0.1:{self.api_port}",
            "--config", self.config_file,
            "--repositories", self.repositories_file,
            *options], folder)

    @property
    def agent_address(self):
        return f"127.0.0.1:{self.agent_port}"

    @property
    def enroll_address(self):
        return f"127.0.0.1:{self.enroll_port}"

    @property
    def api_url(self):
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def token_file(self):
        """Where the hub leaves the token of its first administrator."""
        return self.data / "data" / "admin.token"

    @property
    def ca_file(self):
        """The hub's root certificate, which its API and the CLI are trusted by."""
        return self.data / "data" / "keys" / "root.crt"

    def start_and_wait(self, timeout=20):
        self.start()
        ports = (self.agent_port, self.enroll_port, self.api_port)
        self.wait_ready(lambda: all(map(listening, ports)), timeout, "listening")
        return self

    def run(self, *words, check=True, timeout=180):
        """Runs the CLI against this hub; returns the finished process (stdout, stderr, code)."""
        done = subprocess.run([program("holdfast"), "--server", self.api_url,
                               "--ca-file", self.ca_file, "--token-file", self.token_file,
                               *map(str, words)],
                              capture_output=True, text=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"holdfast {' '.join(map(str, words))} ended with code "
                                 f"{done.returncode}: {done.stderr.strip()}")
        return done

    def get(self, *words):
        """What `holdfast get WORDS -o json` says, as a list."""
        answer = json.loads(self.run("get", *words, "-o", "json").stdout)
        return answer["items"] if "items" in answer else [answer]

    def describe(self, *words):
        """What `holdfast describe WORDS -o json` says."""
        return json.loads(self.run("describe", *words, "-o", "json").stdout)

    def metrics_text(self):
        """What /metrics says, as Prometheus reads it."""
        request = urllib.request.Request(f"{self.api_url}/metrics", headers={
            "Authorization": "Bearer " + self.token_file.read_text(encoding="utf-8").strip()})
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(request, context=trust, timeout=60) as answer:
            return answer.read().decode()

    def metrics(self):
        """What /metrics says: {"holdfast_apps": 3.0, 'name{label="value"}': 1.0}"""
        lines = self.metrics_text().splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def join_token(self, cluster, again=False):
        """A token with which one agent can enrol as this cluster, again in the place of another."""
        words = ["--again"] if again else []
        return self.run("enroll", cluster, *words, "--tokens").stdout.split()[1]
