"""An API server that extends Kubernetes by one kind, as metrics adapters and the like do.

    extension = Extension(cluster)
    cluster.admin.apply(*extension.registration())
    extension.start()

It keeps its objects in memory and does only what an agent asks for.
"""
import http.server
import json
import ssl
import threading
import urllib.parse
import uuid

from support import manifests as m
from support.process import free_port

GROUP, VERSION, KIND, PLURAL = "extra.example.com", "v1", "Extra", "extras"
API_VERSION = f"{GROUP}/{VERSION}"
ROOT = f"/apis/{API_VERSION}"
VERBS = ["create", "delete", "get", "list", "patch", "watch"]
WATCH_SECONDS = 30


class Extension:

    def __init__(self, cluster):
        self.port = free_port()
        self.objects = {}  # {URL path: object}
        self.version = 1
        self.lock = threading.Lock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cluster.folder / "server.crt", cluster.folder / "server.key")

    def registration(self):
        """What makes the API server ask us about our group; it may come long before start()."""
        return [
            m.thing("v1", "Service", "extension", "default",
                    spec={"type": "ExternalName", "externalName": "localhost"}),
            m.thing("apiregistration.k8s.io/v1", "APIService", f"{VERSION}.{GROUP}", spec={
                "group": GROUP, "version": VERSION, "groupPriorityMinimum": 100,
                "versionPriority": 100, "insecureSkipTLSVerify": True,
                "service": {"namespace": "default", "name": "extension", "port": self.port}})]

    def start(self):
        handler = type("Handler", (_Handler,), {"extension": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        server.daemon_threads = True
        server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    # What is asked, as (status, answer)

    def list(self, path):
        with self.lock:
            items = [item for at, item in self.objects.items() if _is_in(at, path)]
            return 200, {"kind": f"{KIND}List", "apiVersion": API_VERSION, "items": items,
                         "metadata": {"resourceVersion": str(self.version)}}

    def get(self, path):
        with self.lock:
            found = self.objects.get(path)
            return (200, found) if found else _status(404, "not found")

    def apply(self, path, item):
        with self.lock:
            there = self.objects.get(path, {"metadata": {"uid": str(uuid.uuid4())}})["metadata"]
            wanted = item["metadata"].get("resourceVersion")
            if path in self.objects and wanted not in (None, there["resourceVersion"]):
                return _status(409, "it was changed")
            self.version += 1
            item["metadata"].update(uid=there["uid"], resourceVersion=str(self.version))
            status = 200 if path in self.objects else 201
            self.objects[path] = item
            return status, item

    def delete(self, path):
        with self.lock:
            found = self.objects.pop(path, None)
            return (200, found) if found else _status(404, "not found")


def _is_in(path, collection):
    """Whether an object belongs to a collection: of a namespace, or of all."""
    return path.startswith(collection + "/") or collection == f"{ROOT}/{PLURAL}"


def _status(code, message):
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                  "message": message}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extension = None

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        if "watch=" in url.query:
            threading.Event().wait(WATCH_SECONDS)  # nothing happens to these objects
            self._answer(200, "")
            return
        status, answer = self._of(url.path, body)
        self._answer(status, json.dumps(answer))

    do_GET = do_PATCH = do_DELETE = _handle

    def _of(self, path, body):
        if path == ROOT:
            return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API_VERSION,
                         "resources": [{"name": PLURAL, "singularName": "extra", "kind": KIND,
                                        "namespaced": True, "verbs": VERBS}]}
        if not path.startswith(ROOT + "/"):
            return _status(404, "not here")
        if self.command == "PATCH":
            return self.extension.apply(path, json.loads(body))
        if self.command == "DELETE":
            return self.extension.delete(path)
        return self.extension.list(path) if path.endswith(PLURAL) else self.extension.get(path)

    def _answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
