"""What the tests of fetching share: repositories, a CA, servers of git, and the program that fetches."""
import base64
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support.gitrepo import GitRepo  # noqa: E402

BACKEND = "/usr/lib/git-core/git-http-backend"
SKIPPED = 77

# enum cm_rc
OK, EINVAL, ENOTFOUND, EBUSY, EAUTH, EIO = 0, -1, -2, -4, -5, -6

USER, PASSWORD, TOKEN = "ada", "correct horse", "tok_0123456789"

_program = None


def git_env():
    """The environment of git commands that the machine's configuration must not change."""
    return {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}


def run(*words):
    subprocess.run([str(w) for w in words], check=True, capture_output=True)


class Authority:
    """A CA of its own that issues server certificates."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.cert = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}", "-days", "2",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, host):
        """Returns the files (certificate, key) of a server of this name."""
        cert, key = self.folder / f"{host}.crt", self.folder / f"{host}.key"
        request, extra = self.folder / f"{host}.csr", self.folder / f"{host}.ext"
        extra.write_text(f"subjectAltName=DNS:{host}\n", encoding="ascii")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={host}")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
            "-CAcreateserial", "-days", "2", "-extfile", extra, "-out", cert)
        return cert, key


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's libgit2 speaks nothing newer
    context.load_cert_chain(cert, key)
    return context


class Handler(http.server.BaseHTTPRequestHandler):
    """/MODE/REPOSITORY.git/…: git http-backend, after what the mode does."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format, *args):  # the base class's name for it
        pass

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))
        mode, _, rest = self.path.lstrip("/").partition("/")
        body = self.body()
        if mode == "auth" and not self.authorized():
            self.plain(401, [("WWW-Authenticate", 'Basic realm="git"')])
        elif mode in self.server.redirects:
            self.plain(302, [("Location", self.server.redirects[mode] + "/" + rest)])
        elif mode.isdigit():
            self.plain(int(mode), [])
        elif mode == "html":
            self.plain(200, [("Content-Type", "text/html")], b"<h1>Sign in</h1>")
        else:
            self.backend(rest, body, torn=mode == "torn")

    def authorized(self):
        name, _, secret = base64.b64decode(
            (self.headers.get("Authorization") or "Basic ").split(" ")[1]).decode().partition(":")
        return (name, secret) == (USER, PASSWORD) or secret == TOKEN

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while (size := int(self.rfile.readline(), 16)) > 0:
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def plain(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def backend(self, rest, body, torn):
        path, _, query = rest.partition("?")
        env = {"GIT_PROJECT_ROOT": str(self.server.root), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": "/" + path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
               "CONTENT_TYPE": self.headers.get("Content-Type") or "", "PATH": os.environ["PATH"],
               "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1",
               "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        done = subprocess.run([BACKEND], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(v.split()[0]) for n, v in headers if n == "Status"), 200)
        headers = [h for h in headers if h[0] != "Status"]
        if torn and self.command == "POST":
            self.tear(headers, content)
        else:
            self.plain(status, headers, content)

    def tear(self, headers, content):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:len(content) // 2])
        self.wfile.flush()
        self.connection.close()
        self.close_connection = True


class Https(http.server.ThreadingHTTPServer):
    """git http-backend for the repositories in a folder, behind TLS."""

    daemon_threads = True

    def __init__(self, root, cert, key):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.redirects = {}  # mode: where to
        self.seen = []  # (method, path, authorization)
        self.context = server_context(cert, key)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        # The handshake belongs into the connection's thread, not into the one that accepts.
        try:
            with self.context.wrap_socket(request, server_side=True) as tls:
                super().finish_request(tls, client_address)
        except (OSError, ValueError):
            pass  # the peer went away, which is what many of these tests are about

    def handle_error(self, request, client_address):
        pass

    @property
    def url(self):
        return f"https://localhost:{self.server_address[1]}"


class Raw:
    """A TCP server whose behaviour is a function of the connection, one thread each."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.behave = behave
        self.stopped = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.behave(connection, self.stopped)
            except OSError:
                pass

    def stop(self):
        self.stopped.set()
        self.listener.close()


class Case(unittest.TestCase):
    """A folder, a repository with one commit, and a CA; all gone afterwards."""

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-git-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        cls.authority = Authority(cls.shared, "authority")
        cls.cert, cls.key = cls.authority.issue("localhost")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-git-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.mirror = self.folder / "mirror"
        self.repo = GitRepo(self.folder)
        self.first = self.repo.push({"clusters/paris.yaml": "kind: Cluster\n"})

    def https(self):
        server = Https(self.folder, self.cert, self.key)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def raw(self, behave):
        server = Raw(behave)
        self.addCleanup(server.stop)
        return server

    def argv(self, *flags, **words):
        words = {"folder": self.mirror, **words}
        return [_program, *flags, *(f"{k}={v}" for k, v in words.items() if v is not None)]

    def fetch(self, *flags, **words):
        done = subprocess.run(self.argv(*flags, **words), capture_output=True, text=True,
                              timeout=100, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def fetch_ok(self, *flags, **words):
        answer = self.fetch(*flags, **words)
        self.assertEqual((answer["rc"], answer["trouble"]), (OK, "none"), answer)
        return answer

    def fetch_fails(self, rc, trouble, words, *flags, **more):
        answer = self.fetch(*flags, **more)
        self.assertEqual((answer["rc"], answer["trouble"]), (rc, trouble), answer)
        self.assertIn(words, answer["message"])
        return answer


def skip_all(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def main():
    global _program
    if not os.access(BACKEND, os.X_OK):
        skip_all(f"{BACKEND} is not installed")
    _program = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
