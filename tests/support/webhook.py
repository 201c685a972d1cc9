"""A mutating webhook that defaults and injects, as meshes and policy engines do.

    hook = Webhook(cluster, change).start()
    cluster.admin.apply(hook.registration())

change(object) alters an object in place; objects that have the label `inject: "yes"` are shown to it.
"""
import base64
import copy
import http.server
import json
import ssl
import threading

from support import manifests as m
from support.process import free_port


class Webhook:

    def __init__(self, cluster, change):
        self.port = free_port()
        self.change = change
        self.authority = (cluster.folder / "ca.crt").read_bytes()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cluster.folder / "server.crt", cluster.folder / "server.key")

    def registration(self):
        config = m.thing("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "injector")
        return {**config, "webhooks": [{
            "name": "injector.example.com", "admissionReviewVersions": ["v1"],
            "sideEffects": "None", "failurePolicy": "Fail",
            "objectSelector": {"matchLabels": {"inject": "yes"}},
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"],
                       "operations": ["CREATE", "UPDATE"]}],
            "clientConfig": {"url": f"https://127.0.0.1:{self.port}/change",
                             "caBundle": base64.b64encode(self.authority).decode()}}]}

    def start(self):
        handler = type("Handler", (_Handler,), {"webhook": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        server.daemon_threads = True
        server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def answer(self, review):
        """An AdmissionReview with what makes of an object the changed one."""
        request = review["request"]
        changed = copy.deepcopy(request["object"])
        self.change(changed)
        patch = [{"op": "add", "path": f"/{name}", "value": value}
                 for name, value in changed.items() if value != request["object"].get(name)]
        response = {"uid": request["uid"], "allowed": True}
        if patch:
            response.update(patchType="JSONPatch",
                            patch=base64.b64encode(json.dumps(patch).encode()).decode())
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    webhook = None

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def do_POST(self):  # pylint: disable=invalid-name
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self.webhook.answer(review)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
