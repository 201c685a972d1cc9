"""A door in front of an API server: it counts, delays and refuses requests as a test wants.

    proxy = KubeProxy(cluster).start()
    proxy.rule = lambda method, path: Refusal(429, retry_after=2) if method == "PATCH" else None

It takes plain HTTP and passes everything else on, credentials and watches too. With
old_discovery it is a server from before aggregated discovery: a list of groups, and one for each
group and version.
"""
import http.client
import http.server
import json
import socket
import ssl
import threading
import time

from support.process import free_port

PIECE = 65536
EXPIRED = json.dumps({"type": "ERROR", "object": {
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
    "message": "too old resource version"}}).encode() + b"\n"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
PASSED_ON = ("authorization", "accept", "content-type", "user-agent")


class Refusal:
    """An answer that does not come from the API server."""

    def __init__(self, status, message="too much to do", retry_after=None, text=None):
        self.status = status
        self.retry_after = retry_after
        self.body = text if text is not None else json.dumps({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
            "message": message})


DROPPED = Refusal(0)  # the connection ends without an answer
EXPIRED_ANSWER = Refusal(410, text=json.dumps(json.loads(EXPIRED)["object"]))


class KubeProxy:
    """rule(method, path) returns a Refusal or None; it is called on many threads.

    So does after(method, path, status, body), which hears what became of a write, one at a time and
    in their order, before the client does.
    """

    def __init__(self, cluster):
        self.cluster = cluster
        self.port = free_port()
        self.server = f"http://127.0.0.1:{self.port}"
        self.rule = lambda method, path: None
        self.order = threading.Lock()  # of writes, if there is an `after`
        self.delay_s = 0
        self.old_discovery = False
        self.most = 0  # requests at once, watches aside
        self.seen = []  # (time, method, path)
        self.over = []  # (method, path), in the order in which they ended
        self.watches = {}  # {connection to the API server of a watch: (handler, since when)}
        self._now = 0
        self._lock = threading.Lock()
        self.tls = ssl.create_default_context(cafile=str(cluster.ca_file))

    def start(self):
        handler = type("Handler", (_Handler,), {"proxy": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    after = None

    def kubeconfig(self, user):
        """A kubeconfig of this user that goes through the proxy."""
        config = json.loads(self.cluster.token_kubeconfig(user).read_text(encoding="utf-8"))
        config["clusters"][0]["cluster"] = {"server": self.server}
        path = self.cluster.folder / f"{user}.proxy.kubeconfig"
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    def times(self, method, text):
        """When requests came whose path holds the text, in seconds."""
        with self._lock:
            return [at for at, its, path in self.seen if its == method and text in path]

    def ended(self, method, text):
        """How many requests have ended whose path holds the text."""
        with self._lock:
            return sum(its == method and text in path for its, path in self.over)

    def expire_watches(self, age_s=0):
        """Ends each watch of this age as a server does that forgot what came since: with 410.

        Who watches has to list again.
        """
        now = time.monotonic()
        with self._lock:
            for connection, (handler, began) in self.watches.items():
                if now - began >= age_s and not handler.expired:
                    handler.expired = True
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def watching(self, handler, connection, begins):
        with self._lock:
            if begins:
                self.watches[connection] = handler, time.monotonic()
            else:
                self.watches.pop(connection, None)

    def entered(self, method, path):
        with self._lock:
            self.seen.append((time.monotonic(), method, path))
            self._now += 1
            self.most = max(self.most, self._now)

    def left(self, method, path):
        with self._lock:
            self.over.append((method, path))
            self._now -= 1


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None
    expired = False

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "watch=" in self.path:
            self._pass_on(body)
            return
        self.proxy.entered(self.command, self.path)
        try:
            time.sleep(self.proxy.delay_s)  # a slow server
            refusal = self.proxy.rule(self.command, self.path)
            if refusal:
                self._refuse(refusal)
            else:
                self._pass_on(body)
        finally:
            self.proxy.left(self.command, self.path)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _refuse(self, refusal):
        if refusal is DROPPED:
            self.close_connection = True
            return
        body = refusal.body.encode()
        self.send_response(refusal.status)
        if refusal.retry_after is not None:
            self.send_header("Retry-After", str(refusal.retry_after))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self, body):
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() in PASSED_ON}
        if self.proxy.old_discovery and "apidiscovery" in headers.get("Accept", ""):
            headers["Accept"] = "application/json"
        connection = http.client.HTTPSConnection("127.0.0.1", self.proxy.cluster.port,
                                                 context=self.proxy.tls, timeout=None)
        try:
            if self.proxy.after and self.command in WRITES:
                self._write(connection, body, headers)
            else:
                connection.request(self.command, self.path, body or None, headers)
                self._answer(connection.getresponse(), connection)
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # one of the two went away
        finally:
            connection.close()

    def _write(self, connection, body, headers):
        with self.proxy.order:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read()
            refusal = self.proxy.after(self.command, self.path, answer.status, text)
        self._refuse(refusal or Refusal(answer.status, text=text.decode(),
                                        retry_after=answer.getheader("Retry-After")))

    def _answer(self, answer, connection):
        self.send_response(answer.status)
        for name in ("Content-Type", "Retry-After"):
            if answer.getheader(name):
                self.send_header(name, answer.getheader(name))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "watch=" in self.path:
            self._stream(answer, connection)
        else:
            self._copy(answer)
        self.wfile.write(b"0\r\n\r\n")

    def _stream(self, answer, connection):
        self.expired = False
        self.proxy.watching(self, connection, True)
        try:
            self._copy(answer)
        except (OSError, http.client.HTTPException):
            if not self.expired:
                raise
        finally:
            self.proxy.watching(self, connection, False)
        if self.expired:
            self._piece(EXPIRED)

    def _copy(self, answer):
        while piece := answer.read1(PIECE):
            self._piece(piece)

    def _piece(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.flush()
