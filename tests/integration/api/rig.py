"""What the tests of the API share: a server with a store of its own, its rows, and a client."""
import contextlib
import http.client
import json
import os
import pathlib
import socket
import sqlite3
import ssl
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support import story  # noqa: E402
from support.process import Process, wait_for  # noqa: E402

main = story.main

SECRET = "between-the-two-of-us"
PATIENCE = 60  # seconds


class Answer:
    """Status, headers and body of an answer."""

    def __init__(self, answer):
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def detail(self):
        return self.json["detail"]


class Api(story.Story):
    """The tests of a class share a server."""

    limits = ()
    seed = ()  # statements that fill the store

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
        (cls.folder / "repositories.yaml").write_text(
            f"repositories:\n- name: fleet\n  url: file://{cls.folder}/nothing.git\n"
            f"  pollInterval: 0s\n  webhookSecretFile: {cls.folder}/secret\n", encoding="utf-8")
        cls.server = Process("serve", [os.environ["HOLDFAST_API_SERVE"], cls.folder, *cls.limits],
                             cls.folder)
        cls.start()
        cls.admin = (cls.folder / "admin.token").read_text(encoding="ascii").strip()
        cls.tls = ssl.create_default_context(cafile=str(cls.folder / "keys" / "root.crt"))
        cls.run_sql(*cls.seed)

    @classmethod
    def tearDownClass(cls):
        # A leak, a race or a wrong access makes its exit code.
        code = cls.server.terminate() if cls.server.alive() else 0
        if code != 0:
            raise AssertionError(f"the server ended with code {code}\n{cls.server.log_tail()}")

    @classmethod
    def failed_fetches(cls):
        return cls.run_sql("SELECT count(*) FROM event WHERE kind = 'sync.failed'")[0][0]

    @classmethod
    def start(cls):
        """Starts the server and waits until it has found its repository missing."""
        begun = len(cls.server.log_text())
        before = cls.failed_fetches() if begun else 0
        cls.server.start()

        def ready():
            lines = [line for line in cls.server.log_text()[begun:].splitlines()
                     if line.startswith("ready ")]
            return lines[-1].split()[1] if lines else None
        cls.port = int(cls.server.wait_ready(ready, PATIENCE))
        wait_for(lambda: cls.failed_fetches() > before, PATIENCE, "the first fetch to fail")

    @classmethod
    def run_sql(cls, *statements):
        """Changes the store as its writer would; returns the rows of the last statement."""
        rows = []
        with contextlib.closing(sqlite3.connect(cls.folder / "hub.db", timeout=20)) as db, db:
            for statement in statements:
                rows = db.execute(statement).fetchall()
        return rows

    # A client

    def connection(self, timeout=PATIENCE):
        link = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                           context=self.tls)
        self.addCleanup(link.close)
        return link

    def ask(self, method, path, body=None, token="admin", link=None, **headers):
        """One request. Names of headers are written with '_'; token None sends none."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = "Bearer " + (self.admin if token == "admin" else token)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        own = link or self.connection()
        own.request(method, path, body, sent)
        answer = Answer(own.getresponse())
        if link is None:
            own.close()
        return answer

    def get(self, path, **params):
        """The JSON of a GET that must work."""
        query = "?" + urllib.parse.urlencode(params) if params else ""
        answer = self.ask("GET", "/api/v1" + path + query)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def refused(self, path, status, words, **params):
        """A GET that must not work, and its words."""
        query = "?" + urllib.parse.urlencode(params) if params else ""
        answer = self.ask("GET", "/api/v1" + path + query)
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(words, answer.detail)
        return answer.json

    def pages(self, path, **params):
        """The items of all pages, each page a list."""
        while True:
            page = self.get(path, **params)
            yield page["items"]
            if "next" not in page:
                return
            params["cursor"] = page["next"]

    def raw(self, timeout=PATIENCE):
        """A TLS connection that the test speaks on itself."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        link = self.tls.wrap_socket(plain, server_hostname="127.0.0.1")
        self.addCleanup(link.close)
        return link


def read_all(link):
    """What the server says until it closes the connection."""
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := link.recv(65536):
            said += piece
    return said
