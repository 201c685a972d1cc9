"""A real Kubernetes in a few processes: etcd, kube-apiserver, controllers, scheduler and kwok.

Everything listens on 127.0.0.1 with a certificate of the cluster's own CA and keeps its data and
logs in one folder. Nodes and pods are kwok's: they exist in the API only and do what kwok.py says.
"""
import collections
import datetime
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys

from support import kwok
from support.kubeclient import KubeClient, KubeError
from support.process import Process, free_port, wait_for

KUBE_SOURCE = pathlib.Path(__file__).resolve().parents[1] / "kube"
START_SECONDS = 120  # a bound for a busy machine; it takes 5 s on an idle one
ESTABLISHED = "01"  # in /proc/net/tcp
INVENTORY = re.compile("holdfast-[a-z0-9-]+")
WRITE_VERBS = ("create", "update", "patch", "delete", "deletecollection")

AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources: [{group: "", resources: [events]}, {group: events.k8s.io}, {group: coordination.k8s.io}]
- level: Metadata
"""


class CannotRun(Exception):
    """Why this machine cannot run a test Kubernetes."""


def kube_binary():
    """The test binary, built if this machine has none yet (minutes)."""
    done = subprocess.run([sys.executable, str(KUBE_SOURCE / "build.py")], text=True,
                          stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise CannotRun("the test Kubernetes could not be built (tests/kube/build.py says why)")
    return done.stdout.strip()


class KubeCluster:
    """One cluster with one fake node. start() it; it stops when the test process ends.

    admin is a KubeClient that may do everything, as user "admin".
    """

    def __init__(self, folder, name="kube", images=None, stages=""):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.name = name
        self.binary = kube_binary()
        self.port = free_port()
        self.server = f"https://127.0.0.1:{self.port}"
        self.tokens = {}
        self.images = dict(images or {})
        self.stages = stages
        self._write_keys()
        self._write_tokens()
        self._write("audit-policy.yaml", AUDIT_POLICY)
        self.admin = KubeClient(self.server, self.ca_file, self.tokens["admin"])
        self._make_processes()

    # Life

    def start(self):
        self.etcd.start()
        self.start_api()
        self.controllers.start()
        self.scheduler.start()
        self.set_images(self.images)
        self.admin.apply(_node("node-1"))
        wait_for(self._usable, START_SECONDS, "the node and the default service account")
        return self

    def stop(self):
        """Stops everything; start_api() and friends work again afterwards, with the same data."""
        for process in self.processes[::-1]:
            process.terminate()

    def start_api(self):
        self.api.start()
        self.api.wait_ready(self.admin.ready, START_SECONDS)

    def stop_api(self):
        """The API server is gone: connections are refused."""
        self.api.terminate()

    def restart_api(self):
        """The API server goes and comes back with the same data."""
        self.stop_api()
        self.start_api()

    def pause_api(self):
        """The API server hangs: connections stay open, nothing answers."""
        self.api.pause()

    def resume_api(self):
        self.api.resume()
        wait_for(self.admin.ready, START_SECONDS, "the API server")

    def set_images(self, images):
        """Says how pods of these images behave (kwok.BEHAVIOURS). Existing pods stay as they are."""
        self.images = dict(images)
        self._write("kwok.yaml", kwok.config(self.images, self.stages))
        self.kwok.terminate()
        self.kwok.start()

    # Access

    def token_kubeconfig(self, user="admin"):
        """A kubeconfig with the static token of a user: admin or agent."""
        return self._kubeconfig(user, {"token": self.tokens[user]})

    def kubectl(self, *words):
        """What people type, as user "admin"."""
        subprocess.run([self.binary, "kubectl", "--kubeconfig", self.token_kubeconfig(), *words], check=True,
                       stdout=subprocess.DEVNULL, timeout=START_SECONDS, env={"HOME": str(self.folder)})

    def certificate_kubeconfig(self, user="cert-user", group="system:masters"):
        """A kubeconfig with a client certificate made for this user."""
        self._certificate(user, f"/O={group}/CN={user}", "extendedKeyUsage=clientAuth")
        return self._kubeconfig(user, {"client-certificate": str(self._path(f"{user}.crt")),
                                       "client-key": str(self._path(f"{user}.key"))})

    def service_account_kubeconfig(self, name, seconds=3600, role="cluster-admin"):
        """A kubeconfig with a token of a service account."""
        return self._kubeconfig(name.replace("/", "-"),
                                {"token": self.service_account_token(name, seconds, role)})

    def service_account_token(self, name, seconds=3600, role="cluster-admin", bound_to=None):
        """A token for NAMESPACE/NAME, as a pod gets it. Makes the account, with this ClusterRole.

        bound_to: name of a Secret that is made in that namespace; the token is void without it.
        """
        namespace, _, plain = name.partition("/")
        self.admin.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
            {"apiVersion": "v1", "kind": "ServiceAccount",
             "metadata": {"name": plain, "namespace": namespace}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
             "metadata": {"name": f"{namespace}-{plain}"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                         "name": role},
             "subjects": [{"kind": "ServiceAccount", "name": plain, "namespace": namespace}]})
        spec = {"expirationSeconds": seconds}
        if bound_to:
            made = self.admin.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {
                "name": bound_to, "namespace": namespace}})
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret", "name": bound_to,
                                      "uid": made["metadata"]["uid"]}
        answer = self.admin.request(
            "POST", self.admin.path("ServiceAccount", name) + "/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return answer["status"]["token"]

    def service_account_folder(self, name, seconds=3600, bound_to=None):
        """A folder like /var/run/secrets/kubernetes.io/serviceaccount; call again to rotate."""
        folder = self._path("serviceaccount")
        folder.mkdir(exist_ok=True)
        token = self.service_account_token(name, seconds, bound_to=bound_to)
        _replace(folder / "ca.crt", self.ca_file.read_text(encoding="ascii"))
        _replace(folder / "namespace", name.partition("/")[0])
        _replace(folder / "token", token)
        return folder

    # What the tests ask

    def wait_for(self, condition, timeout=60, what=""):
        """Polls condition() until it is true; an API error means not yet."""
        def met():
            try:
                return condition()
            except (KubeError, OSError) as error:
                raise AssertionError(str(error)) from error
        return wait_for(met, timeout, what)

    def wait_ready(self, kind, name, timeout=60):
        """Waits until all replicas of a Deployment or StatefulSet are ready."""
        def ready():
            item = self.admin.get(kind, name)
            status = item.get("status", {})
            assert status.get("observedGeneration") == item["metadata"]["generation"], "not seen"
            wanted = item["spec"].get("replicas", 1)
            have = (status.get("readyReplicas", 0), status.get("updatedReplicas", 0),
                    status.get("replicas", 0))
            assert have == (wanted,) * 3, f"ready, updated, all are {have} of {wanted}"
            return item
        return self.wait_for(ready, timeout, f"{kind} {name} to be ready")

    def audit_mark(self):
        """A place in the audit log; writes(since=mark) counts what came after it."""
        return self.audit_log.stat().st_size

    def writes(self, user=None, since=0):
        """How many write requests reached the API: {(user, verb, resource): count}.

        An agent's inventory counts as the resource "inventory"."""
        counted = collections.Counter()
        with open(self.audit_log, "rb") as log:
            log.seek(since)
            for line in log:
                event = json.loads(line)
                if event["verb"] not in WRITE_VERBS or "objectRef" not in event:
                    continue
                who = event["user"].get("username", "")  # none if nobody knows the token
                target = event["objectRef"]
                inventory = target["resource"] == "secrets" and INVENTORY.fullmatch(target.get("name", ""))
                if user is None or who == user:
                    counted[who, event["verb"], "inventory" if inventory else target["resource"]] += 1
        return counted

    def asked(self, user, since=0):
        """Requests of a user but watches: [(Unix time, verb, path)]."""
        found = []
        with open(self.audit_log, "rb") as log:
            log.seek(since)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # it is being written
                event = json.loads(line)
                if event["verb"] != "watch" and event["user"].get("username") == user:
                    at = datetime.datetime.fromisoformat(
                        event["requestReceivedTimestamp"].replace("Z", "+00:00"))
                    found.append((at.timestamp(), event["verb"], event["requestURI"].split("?")[0]))
        return found

    def written(self, user, since=0):
        """What a user wrote, or tried to, without dry runs: [(verb, path)]."""
        with open(self.audit_log, "rb") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        return [(event["verb"], event["requestURI"].split("?")[0]) for event in events
                if event["user"].get("username") == user and event["verb"] in WRITE_VERBS
                and "dryRun=" not in event["requestURI"]]

    def refused(self, user, since=0):
        """What a user asked for and may not: [(verb, path)]."""
        with open(self.audit_log, "rb") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        return [(event["verb"], event["requestURI"].split("?")[0]) for event in events
                if event["user"].get("username") == user
                and event.get("responseStatus", {}).get("code") == 403]

    def open_watches(self, user, fits=lambda uri: True):
        """How many watches (of such a URI) a user has now, by the audit log."""
        opened = collections.Counter()
        with open(self.audit_log, "rb") as log:
            for event in map(json.loads, log):
                if (event["verb"] == "watch" and event["user"].get("username") == user and
                        fits(event["requestURI"])):
                    opened[event["auditID"]] += {"ResponseStarted": 1}.get(event["stage"], -1)
        return sum(count > 0 for count in opened.values())

    def connections(self, pid):
        """How many connections to the API server a process has."""
        sockets = set()
        for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(os.readlink(path))
            except FileNotFoundError:
                continue
        rows = pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        return sum(row.split()[2].endswith(f":{self.port:04X}") and row.split()[3] == ESTABLISHED
                   and f"socket:[{row.split()[9]}]" in sockets for row in rows)

    # Making of

    def _usable(self):
        for process in self.processes:
            process.check_alive()
        node = self.admin.find("Node", "node-1")
        ready = any(c["type"] == "Ready" and c["status"] == "True"
                    for c in node["status"].get("conditions", []))
        return ready and self.admin.find("ServiceAccount", "default/default")

    def _make_processes(self):
        etcd, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.audit_log = self._path("audit.log")
        self.etcd = self._process("etcd", {
            "data-dir": self._path("etcd"), "unsafe-no-fsync": "true", "log-level": "error",
            "listen-client-urls": etcd, "advertise-client-urls": etcd,
            "listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}"})
        self.api = self._process("apiserver", {
            "etcd-servers": etcd, "bind-address": "127.0.0.1", "secure-port": self.port,
            "tls-cert-file": self._path("server.crt"),
            "tls-private-key-file": self._path("server.key"),
            "client-ca-file": self.ca_file, "token-auth-file": self._path("tokens.csv"),
            "authorization-mode": "RBAC", "service-account-issuer": self.server,
            "service-account-key-file": self._path("sa.key"),
            "service-account-signing-key-file": self._path("sa.key"),
            "service-cluster-ip-range": "10.96.0.0/16", "endpoint-reconciler-type": "none",
            "audit-policy-file": self._path("audit-policy.yaml"),
            "audit-log-path": self.audit_log, "audit-log-maxsize": 2000})
        kubeconfig = {user: self.token_kubeconfig(user)
                      for user in ("controllers", "scheduler", "kwok")}
        client = {"leader-elect": "false", "secure-port": 0,
                  "kube-api-qps": 300, "kube-api-burst": 600}
        self.controllers = self._process("controller-manager", {
            **client, "kubeconfig": kubeconfig["controllers"], "root-ca-file": self.ca_file,
            # Nobody sends heartbeats for the node, and a slow machine must not lose it.
            "node-monitor-grace-period": "10h",
            "service-account-private-key-file": self._path("sa.key")})
        self.scheduler = self._process("scheduler",
                                       {**client, "kubeconfig": kubeconfig["scheduler"]})
        self.kwok = self._process("kwok", {
            "kubeconfig": kubeconfig["kwok"], "config": self._path("kwok.yaml"),
            "manage-all-nodes": "true"})
        self.processes = [self.etcd, self.api, self.controllers, self.scheduler, self.kwok]

    def _process(self, program, options):
        words = [f"--{name}={value}" for name, value in options.items()]
        # HOME: kwok would read the configuration of the person at this machine.
        return Process(f"{self.name}-{program}", [self.binary, program, *words], self.folder,
                       env={"HOME": str(self.folder)}, graceful=False)

    def _write_keys(self):
        self.ca_file = self._path("ca.crt")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "2", "-subj", f"/CN={self.name} CA", "-keyout", self._path("ca.key"),
                 "-out", self.ca_file)
        self._certificate("server", "/CN=kube-apiserver",
                          "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost")
        # Not genpkey: the server reads the public half out of the older form only.
        _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout",
                 "-out", self._path("sa.key"))

    def _certificate(self, name, subject, extension):
        request, extensions = self._path(f"{name}.csr"), self._path(f"{name}.ext")
        extensions.write_text(extension + "\n", encoding="ascii")
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", subject, "-keyout", self._path(f"{name}.key"), "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca_file, "-CAkey",
                 self._path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions,
                 "-out", self._path(f"{name}.crt"))

    def _write_tokens(self):
        users = ("admin", "agent", "controllers", "scheduler", "kwok", "flux")
        self.tokens = {user: secrets.token_hex(16) for user in users}
        self._write("tokens.csv", "".join(f'{token},{user},{user},"system:masters"\n'
                                          for user, token in self.tokens.items()))

    def _kubeconfig(self, user, credentials):
        return self._write(f"{user}.kubeconfig", json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": self.server, "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }, indent=2))

    def _path(self, name):
        return self.folder / name

    def _write(self, name, text):
        path = self._path(name)
        path.write_text(text, encoding="utf-8")
        return path


def _node(name):
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"},
                         "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name}}}


def _replace(path, text):
    """Replaces a file at once, as the kubelet does with a token."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise CannotRun(f"openssl {words[0]} failed: {done.stderr.strip()}")
