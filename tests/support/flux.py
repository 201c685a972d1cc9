"""Flux's kustomize-controller as a process beside a test Kubernetes, and where it has its sources from.

Its source-controller is not built: that takes as long again. The artifact that it would make of a
commit is made by Git and served here, and told to the cluster as it would tell it.
"""
import datetime
import hashlib
import http.server
import subprocess
import sys
import threading

from support import corpus, manifests as m
from support.kube import KUBE_SOURCE, CannotRun
from support.kubeclient import KubeError
from support.process import Process, free_port, wait_for

sys.path.insert(0, str(KUBE_SOURCE))
import controllers  # noqa: E402

KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
SOURCE = "source.toolkit.fluxcd.io/v1"
NAMESPACE = "flux-system"
SERVED_SECONDS = 30
MANAGER = "kustomize-controller"
NAME = "apps"  # of the Kustomization and of its source
MODULES = [
    corpus.Module("kustomize", "default", "github.com/fluxcd/kustomize-controller", "v1.9.6",
                  "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=", ["config/crd/bases/*.yaml"]),
    corpus.Module("source", "default", "github.com/fluxcd/source-controller", "v1.9.0",
                  "h1:5msg2yyjVYDULZos+2ve8MZzcSqTpusiXmrOeBhc9yY=", ["config/crd/bases/*.yaml"]),
]


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_flux(item):
    item["metadata"]["namespace"] = NAMESPACE
    return item


def install(cluster):
    """Puts Flux's kinds and its namespace there, as `flux install` does."""
    cluster.admin.apply(m.thing("v1", "Namespace", NAMESPACE), manager="flux")
    for folder in corpus.ensure(MODULES).values():
        for path in sorted(folder.glob("*.yaml")):
            name = path.read_text(encoding="utf-8").partition("\n  name: ")[2].partition("\n")[0]
            cluster.admin.request(
                "PATCH", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                f"{name}?fieldManager=flux&force=true", path.read_text(encoding="utf-8"),
                "application/apply-patch+yaml")


class Controller(Process):

    def __init__(self, folder, cluster):
        try:
            binary = controllers.ensure("flux")
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotRun(f"Flux cannot be built: {error}") from error
        super().__init__("kustomize-controller", [
            binary, f"--metrics-addr=127.0.0.1:{free_port()}",
            f"--health-addr=127.0.0.1:{free_port()}", "--log-level=info"], folder,
            env={"KUBECONFIG": str(cluster.token_kubeconfig("flux")), "RUNTIME_NAMESPACE": NAMESPACE},
            graceful=False)


class Fleet:
    """A Kustomization of a folder of a repository, and what source-controller does for it."""

    def __init__(self, admin, repo, folder):
        fleet = self
        self.admin = admin
        self.repo = repo
        self.folder = folder
        self.artifacts = {}
        self.asked = 0
        self.port = free_port()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = fleet.artifacts.get(self.path)
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)

    def is_served(self, kind, api_version):
        """Whether the API server takes such objects: a moment after their definition."""
        try:
            return bool(self.admin.path(kind, NAME, api_version))
        except KubeError:
            return False

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        source = m.thing(SOURCE, "GitRepository", NAME, spec={
            "url": "https://git.example.com/fleet", "interval": "1m", "ref": {"branch": "main"},
            "ignore": "app.yaml"})
        kustomization = m.thing(KUSTOMIZE, "Kustomization", NAME, spec={
            "interval": "1h", "path": "./", "prune": True, "targetNamespace": "default",
            "sourceRef": {"kind": "GitRepository", "name": NAME}})
        for kind, api_version in (("GitRepository", SOURCE), ("Kustomization", KUSTOMIZE)):
            wait_for(lambda k=kind, v=api_version: self.is_served(k, v), SERVED_SECONDS, f"{kind} to be served", 0.1)
        self.admin.apply(_in_flux(source), _in_flux(kustomization), manager="flux")
        return self

    def publish(self):
        """Tells of the newest commit, as source-controller does when it has fetched it."""
        head = self.repo.head()
        archive = subprocess.run(
            ["git", "-C", self.repo.work, "archive", "--format=tar.gz", f"{head}:{self.folder}", ".",
             ":(exclude)app.yaml"], check=True, stdout=subprocess.PIPE).stdout
        path = f"/gitrepository/{NAMESPACE}/{NAME}/{head}.tar.gz"
        self.artifacts[path] = archive
        revision = f"main@sha1:{head}"
        ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "observedGeneration": 1,
                 "lastTransitionTime": _now(), "message": f"stored artifact for '{revision}'"}
        self.admin.patch("GitRepository", f"{NAMESPACE}/{NAME}", {"status": {
            "observedGeneration": 1, "conditions": [ready],
            "artifact": {"digest": f"sha256:{hashlib.sha256(archive).hexdigest()}",
                         "path": path[1:], "url": f"http://127.0.0.1:{self.port}{path}",
                         "revision": revision, "lastUpdateTime": _now(), "size": len(archive)}}},
            manager="source-controller", api_version=SOURCE, subresource="status")
        return revision

    def status(self):
        return self.admin.get("Kustomization", f"{NAMESPACE}/{NAME}", KUSTOMIZE).get("status", {})

    def reconcile(self):
        """`flux reconcile kustomization`: Flux looks again now. Returns what it will answer with."""
        self.asked += 1
        self.admin.patch("Kustomization", f"{NAMESPACE}/{NAME}", {"metadata": {"annotations": {
            "reconcile.fluxcd.io/requestedAt": str(self.asked)}}}, "flux", KUSTOMIZE)
        return str(self.asked)
