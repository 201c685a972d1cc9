"""Flagger as a process beside a test Kubernetes, and the gate that its analyses ask.

It needs no mesh: it writes Istio's objects, and only their definitions are there. The metrics
server that it is told of does not answer; the gate alone decides.
"""
import http.server
import json
import subprocess
import sys
import threading

from support import corpus, manifests as m
from support.kube import KUBE_SOURCE, CannotRun
from support.process import Process, free_port

sys.path.insert(0, str(KUBE_SOURCE))
import controllers  # noqa: E402


def definitions():
    """The files of an App with the definitions of Flagger's and Istio's kinds."""
    kept = corpus.ensure()
    made = {"apps/kinds/app.yaml": m.text(m.app("kinds", substitute=False))}
    for path in [*kept["flagger"].rglob("*crd.yaml"), *kept["istio"].rglob("*.yaml")]:
        made[f"apps/kinds/{path.name}"] = path.read_text(encoding="utf-8")
    return made


def canary(name, gate, namespace="default", max_weight=10, **spec):
    """A Canary of a Deployment: steps of ten per cent, one failure is too many."""
    item = m.thing("flagger.app/v1beta1", "Canary", name, spec={
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "progressDeadlineSeconds": 120,
        "service": {"port": 80},
        "analysis": {"interval": "10s", "threshold": 1, "maxWeight": max_weight, "stepWeight": 10,
                     "webhooks": [{"name": "gate", "type": "rollout", "url": gate.url,
                                   "timeout": "5s"}]}, **spec})
    item["metadata"]["namespace"] = namespace
    return item


class Flagger(Process):

    def __init__(self, folder, cluster, kubeconfig=None):
        """As the admin, or as whom a kubeconfig says."""
        try:
            binary = controllers.ensure("flagger")
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotRun(f"Flagger cannot be built: {error}") from error
        super().__init__("flagger", [
            binary, "-kubeconfig", kubeconfig or cluster.token_kubeconfig("admin"), "-mesh-provider=istio",
            "-metrics-server=http://127.0.0.1:9", f"-port={free_port()}", "-log-level=info"], folder)


class Gate:
    """Says yes or no to whoever asks, by `opens`; to a Canary in `left` so many times yes, then no.

    It is asked once at each weight.
    """

    def __init__(self):
        gate = self
        self.opens = True
        self.left = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200 if gate.answer(asked["name"]) else 500)
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)

    def answer(self, name):
        left = self.left.get(name)  # the test may take it out meanwhile
        if left is None:
            return self.opens
        self.left[name] = left - 1
        return left > 0

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self
