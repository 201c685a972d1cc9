"""Git servers on the loopback: git http-backend behind TLS, and a real sshd."""
import base64
import getpass
import http.server
import os
import pathlib
import shutil
import ssl
import subprocess
import threading

from support.process import Process, free_port

BACKEND = "/usr/lib/git-core/git-http-backend"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
PRIVILEGE_SEPARATION = pathlib.Path("/run/sshd")  # compiled into Debian's sshd; only root needs it
USER, PASSWORD, TOKEN = "ada", "correct horse", "tok_0123456789"  # what the mode "auth" wants


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


def make_key(path, kind="ed25519", passphrase=""):
    """Makes a key for ssh, a host's or a user's; the public half is beside it."""
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path)
    return path


def public(path):
    return path.with_name(path.name + ".pub").read_text(encoding="ascii").strip()


class Sshd(Process):
    """sshd with these host keys, for who runs the test and has one of the user keys."""

    def __init__(self, folder, host_keys, user_keys):
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self.port = free_port()
        authorized = folder / "authorized_keys"
        authorized.write_text("".join(f"{public(key)}\n" for key in user_keys), encoding="ascii")
        config = folder / "sshd_config"
        host_lines = "\n".join(f"HostKey {key}" for key in host_keys)
        config.write_text(f"""
ListenAddress 127.0.0.1
Port {self.port}
{host_lines}
AuthorizedKeysFile {authorized}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel VERBOSE
""", encoding="ascii")
        super().__init__("sshd", [SSHD, "-D", "-e", "-f", config], folder, graceful=False)

    def start_and_wait(self):
        self.start()
        self.wait_ready(lambda: "listening" in self.log_text(), 10)
        return self

    def url(self, path):
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def known(self, key):
        """The line of known_hosts by which this server shows this key."""
        return f"[127.0.0.1]:{self.port} {public(key)}\n"
